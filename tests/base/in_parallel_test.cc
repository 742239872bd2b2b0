#include "base/in_parallel.h"

#include <gtest/gtest.h>

#include <exception>
#include <new>
#include <vector>

#include "tests/support/status_matchers.h"

namespace simile {
namespace {

TEST(InParallelTest, EveryPieceIsDoneOnceByAnyNumberOfThreads) {
  for (const size_t threads : {1u, 2u, 5u, 200u}) {
    std::vector<std::atomic<int>> done(100);
    EXPECT_THAT(InParallel(done.size(), threads, nullptr,
                           [&](uint64_t at) {
                             ++done[at];
                             return absl::OkStatus();
                           }),
                IsOk());
    for (const std::atomic<int>& times : done) EXPECT_EQ(times, 1);
  }
}

TEST(InParallelTest, AfterAnErrorNothingNewIsBegun) {
  std::atomic<int> done{0};
  const absl::Status status = InParallel(1'000, 1, nullptr, [&](uint64_t at) {
    ++done;
    return at == 7 ? absl::DataLossError("seven") : absl::OkStatus();
  });
  EXPECT_EQ(status, absl::DataLossError("seven"));
  EXPECT_EQ(done, 8);
}

TEST(InParallelTest, NothingNewIsBegunAfterStop) {
  std::atomic<bool> stop{false};
  std::atomic<int> done{0};
  EXPECT_THAT(InParallel(1'000, 1, &stop,
                         [&](uint64_t at) {
                           ++done;
                           stop = at == 7;
                           return absl::OkStatus();
                         }),
              IsOk());
  EXPECT_EQ(done, 8);
}

TEST(InParallelTest, LackOfMemoryInAnyThreadIsAnError) {
  const absl::Status status = InParallel(4, 4, nullptr, [](uint64_t) -> absl::Status {
    std::rethrow_exception(std::make_exception_ptr(std::bad_alloc()));
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace simile
