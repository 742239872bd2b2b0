#include "embedder/physical_cores.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

class PhysicalCoresTest : public ::testing::Test {
 protected:
  PhysicalCoresTest() {
    cpu_set_t usable;
    CPU_ZERO(&usable);
    sched_getaffinity(0, sizeof(usable), &usable);
    for (size_t thread = 0; thread < CPU_SETSIZE; ++thread) {
      if (CPU_ISSET(thread, &usable)) threads_.push_back(thread);
    }
  }

  // Says of every thread that this process may use that those are its siblings.
  void WriteSiblings(size_t thread, const std::string& siblings) {
    const std::string folder = directory_.path() + "/cpu" + std::to_string(thread) + "/topology";
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/thread_siblings_list") << siblings << "\n";
  }

  TemporaryDirectory directory_;
  std::vector<size_t> threads_;
};

TEST_F(PhysicalCoresTest, ThreadsOfOneCoreCountOnce) {
  for (size_t at = 0; at < threads_.size(); ++at) {
    WriteSiblings(threads_[at], std::to_string(at / 2 * 2) + "," + std::to_string(at / 2 * 2 + 1));
  }
  EXPECT_EQ(PhysicalCoreCount(directory_.path()), (threads_.size() + 1) / 2);
}

TEST_F(PhysicalCoresTest, ThreadsWithoutSiblingsAreCores) {
  for (const size_t thread : threads_) WriteSiblings(thread, std::to_string(thread));
  EXPECT_EQ(PhysicalCoreCount(directory_.path()), threads_.size());
}

TEST_F(PhysicalCoresTest, WithoutATopologyEveryThreadCounts) {
  EXPECT_EQ(PhysicalCoreCount(directory_.path()), threads_.size());
}

TEST_F(PhysicalCoresTest, ThisMachineHasACore) {
  EXPECT_GE(PhysicalCoreCount(), 1u);
  EXPECT_LE(PhysicalCoreCount(), threads_.size());
}

}  // namespace
}  // namespace simile
