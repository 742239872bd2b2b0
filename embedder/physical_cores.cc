#include "embedder/physical_cores.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "fmt/format.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace simile {
namespace {

// The numbers of the hardware threads that this process may run on; empty when not known.
std::vector<size_t> UsableThreads() {
  std::vector<size_t> threads;
#if defined(__linux__)
  cpu_set_t usable;
  CPU_ZERO(&usable);
  if (sched_getaffinity(0, sizeof(usable), &usable) == 0) {
    for (size_t thread = 0; thread < CPU_SETSIZE; ++thread) {
      if (CPU_ISSET(thread, &usable)) threads.push_back(thread);
    }
  }
#endif
  return threads;
}

}  // namespace

size_t PhysicalCoreCount(const std::string& topology_root) {
  const std::vector<size_t> threads = UsableThreads();
  // Threads of one core name the same siblings.
  std::set<std::string> cores;
  for (const size_t thread : threads) {
    std::ifstream file(
        fmt::format("{}/cpu{}/topology/thread_siblings_list", topology_root, thread));
    std::string siblings;
    if (!std::getline(file, siblings) || siblings.empty()) {
      siblings = fmt::format("unknown, thread {}", thread);
    }
    cores.insert(siblings);
  }
  if (!cores.empty()) return cores.size();
  return std::max<size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace simile
