#include "base/kill_point.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdlib>

namespace simile {
namespace {

// What SIMILE_KILL_AT says; the text is the environment's own.
struct Chosen {
  std::string_view name;
  std::atomic<int64_t> passes_left = 0;

  Chosen() {
    const char* const text = std::getenv("SIMILE_KILL_AT");
    if (text == nullptr) return;
    const std::string_view whole = text;
    const size_t colon = whole.rfind(':');
    if (colon == whole.npos) return;
    int64_t passes = 0;
    const char* const end = whole.data() + whole.size();
    const auto [stop, error] = std::from_chars(whole.data() + colon + 1, end, passes);
    if (error != std::errc() || stop != end || passes < 1) return;
    name = whole.substr(0, colon);
    passes_left = passes;
  }
};

}  // namespace

void KillPoint(std::string_view name) {
  static Chosen chosen;
  if (chosen.name.empty() || name != chosen.name) return;
  // Others may come by while the signal is on its way, so it is not only the one that makes it 0.
  if (chosen.passes_left.fetch_sub(1) <= 1) kill(getpid(), SIGKILL);
}

}  // namespace simile
