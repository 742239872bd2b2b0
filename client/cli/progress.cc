#include "client/cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "fmt/format.h"

namespace simile::cli {
namespace {

constexpr std::chrono::milliseconds kOnTerminal{200};
constexpr std::chrono::milliseconds kElsewhere{5'000};

// A terminal that can take a line back.
bool IsLively() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDERR_FILENO) != 0 &&
         !(terminal != nullptr && std::string_view(terminal) == "dumb");
}

}  // namespace

Progress::Progress(uint64_t bytes_total)
    : bytes_total_(bytes_total),
      on_terminal_(IsLively()),
      next_(start_ + (on_terminal_ ? kOnTerminal : kElsewhere)) {}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

std::string Progress::ShareAndTimeLeft(uint64_t bytes) const {
  if (bytes_total_ == 0 || bytes == 0) return "";
  const double elapsed = std::max(seconds(), 1e-3);
  const double share =
      std::min(1.0, static_cast<double>(bytes) / static_cast<double>(bytes_total_));
  return fmt::format(", {:.0f} %, {:.0f} s left", 100 * share, elapsed * (1 - share) / share);
}

std::string Progress::Line(uint64_t documents, uint64_t bytes_read) const {
  const double elapsed = std::max(seconds(), 1e-3);
  return fmt::format("{} documents, {:.0f}/s", documents,
                     static_cast<double>(documents) / elapsed) +
         ShareAndTimeLeft(bytes_read);
}

bool Progress::IsDue() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return false;
  next_ = now + (on_terminal_ ? kOnTerminal : kElsewhere);
  return true;
}

void Progress::Show(const std::string& line) {
  if (on_terminal_) {
    std::cerr << "\r\033[K" << line << std::flush;
    line_is_open_ = true;
  } else {
    std::cerr << line << "\n";
  }
}

void Progress::Update(uint64_t documents, uint64_t bytes_read) {
  if (IsDue()) Show(Line(documents, bytes_read));
}

void Progress::UpdateBytes(uint64_t bytes) {
  if (!IsDue()) return;
  Show(fmt::format("{} of {} MB, {:.0f} MB/s", bytes / 1'000'000, bytes_total_ / 1'000'000,
                   static_cast<double>(bytes) / 1e6 / std::max(seconds(), 1e-3)) +
       ShareAndTimeLeft(bytes));
}

void Progress::Finish() {
  if (line_is_open_) std::cerr << "\r\033[K" << std::flush;
  line_is_open_ = false;
}

}  // namespace simile::cli
