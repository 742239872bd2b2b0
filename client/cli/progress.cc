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

std::string Progress::Line(uint64_t documents, uint64_t bytes_read) const {
  const double elapsed = std::max(seconds(), 1e-3);
  std::string line =
      fmt::format("{} documents, {:.0f}/s", documents, static_cast<double>(documents) / elapsed);
  if (bytes_total_ == 0 || bytes_read == 0) return line;
  const double share =
      std::min(1.0, static_cast<double>(bytes_read) / static_cast<double>(bytes_total_));
  return line +
         fmt::format(", {:.0f} %, {:.0f} s left", 100 * share, elapsed * (1 - share) / share);
}

void Progress::Update(uint64_t documents, uint64_t bytes_read) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + (on_terminal_ ? kOnTerminal : kElsewhere);
  if (on_terminal_) {
    std::cerr << "\r\033[K" << Line(documents, bytes_read) << std::flush;
    line_is_open_ = true;
  } else {
    std::cerr << Line(documents, bytes_read) << "\n";
  }
}

void Progress::Finish() {
  if (line_is_open_) std::cerr << "\r\033[K" << std::flush;
  line_is_open_ = false;
}

}  // namespace simile::cli
