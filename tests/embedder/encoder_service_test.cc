#include "embedder/encoder_service.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/hashing_encoder.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

constexpr size_t kDimension = 32;

std::unique_ptr<EncoderService> NewService(EncoderServiceOptions options = {.threads = 2}) {
  return std::make_unique<EncoderService>(
      std::make_unique<HashingEncoder>("words", kDimension, 16, "f"), options);
}

std::vector<std::string> NumberedTexts(size_t count) {
  std::vector<std::string> texts;
  for (size_t number = 0; number < count; ++number) {
    std::string text = "text number " + std::to_string(number);
    for (size_t word = 0; word < number % 7; ++word) text += " more";
    texts.push_back(text);
  }
  return texts;
}

absl::StatusOr<EncodeResult> Encode(EncoderService& service, const std::vector<std::string>& texts,
                                    const EncodeOptions& options = {}) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return service.Encode(views, options);
}

TEST(EncoderServiceTest, ResultsComeInTheOrderOfTheTexts) {
  const auto service = NewService({.threads = 2, .batch_tokens_max = 20});
  const std::vector<std::string> texts = NumberedTexts(100);
  const auto together = Encode(*service, texts);
  ASSERT_THAT(together, IsOk());
  ASSERT_EQ(together->embeddings.size(), texts.size());
  for (size_t position = 0; position < texts.size(); ++position) {
    const auto alone = Encode(*service, {texts[position]});
    EXPECT_EQ(alone->embeddings[0].vector, together->embeddings[position].vector);
    EXPECT_EQ(alone->embeddings[0].token_count, together->embeddings[position].token_count);
  }
  EXPECT_EQ(service->Statistics().texts_encoded, 200u);
  EXPECT_EQ(service->Statistics().tokens_queued, 0u);
}

TEST(EncoderServiceTest, NoTextsGiveNoVectors) {
  EXPECT_TRUE(Encode(*NewService(), {})->embeddings.empty());
}

TEST(EncoderServiceTest, TruncationIsReported) {
  std::string text;
  for (int word = 0; word < 40; ++word) text += "w ";
  const auto result = Encode(*NewService(), {text, "short"});
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->embeddings[0].truncated);
  EXPECT_EQ(result->embeddings[0].token_count, 16u);
  EXPECT_FALSE(result->embeddings[1].truncated);
}

TEST(EncoderServiceTest, InvalidUtf8IsRefusedWithItsPosition) {
  EXPECT_THAT(Encode(*NewService(), {"good", "\xff"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "text 1"));
}

TEST(EncoderServiceTest, ACancelledCallAndAPassedDeadlineAreNotServed) {
  const auto service = NewService();
  EXPECT_THAT(Encode(*service, {"text"}, {.cancelled = [] { return true; }}),
              StatusIs(absl::StatusCode::kCancelled, ""));
  EXPECT_THAT(Encode(*service, {"text"}, {.deadline = std::chrono::steady_clock::now()}),
              StatusIs(absl::StatusCode::kDeadlineExceeded, ""));
  EXPECT_EQ(service->Statistics().texts_encoded, 0u);
}

TEST(EncoderServiceTest, ACallLargerThanTheQueuePassesWhenNothingElseWaits) {
  const auto service = NewService({.threads = 1, .batch_tokens_max = 8, .queued_tokens_max = 10});
  EXPECT_THAT(Encode(*service, NumberedTexts(50)), IsOk());
  EXPECT_THAT(Encode(*service, NumberedTexts(50), {.lane = EncodeLane::kIngest}), IsOk());
}

// An encoder whose first Run waits until it is let go.
class GatedEncoder final : public Encoder {
 public:
  explicit GatedEncoder(std::atomic<bool>& open) : open_(open) {}

  const ModelInfo& info() const override { return inner_.info(); }
  const Tokenizer& tokenizer() const override { return inner_.tokenizer(); }
  std::unique_ptr<Workspace> NewWorkspace() const override { return inner_.NewWorkspace(); }
  absl::Status Run(const PackedBatch& batch, Workspace& workspace,
                   std::span<float> vectors) const override {
    ++running_;
    running_.notify_all();
    open_.wait(false);
    return inner_.Run(batch, workspace, vectors);
  }

  void WaitUntilRunning() const { running_.wait(0); }

 private:
  std::atomic<bool>& open_;
  mutable std::atomic<int> running_{0};
  const HashingEncoder inner_{"words", kDimension, 16, "f"};
};

TEST(EncoderServiceTest, AFullQueueRefusesQueriesWithTheNumbers) {
  std::atomic<bool> open{false};
  auto gated = std::make_unique<GatedEncoder>(open);
  const GatedEncoder& encoder = *gated;
  EncoderService service(std::move(gated), {.threads = 1, .queued_tokens_max = 10});
  std::thread first([&] { EXPECT_THAT(Encode(service, {"one two three"}), IsOk()); });
  encoder.WaitUntilRunning();
  EXPECT_THAT(Encode(service, {"four five six seven"}),
              StatusIs(absl::StatusCode::kResourceExhausted, "at most 10"));
  EXPECT_EQ(service.Statistics().texts_rejected, 1u);
  open = true;
  open.notify_all();
  first.join();
}

// A large import must not make the server refuse searches.
TEST(EncoderServiceTest, WhatIngestHasQueuedDoesNotCountForQueries) {
  std::atomic<bool> open{false};
  auto gated = std::make_unique<GatedEncoder>(open);
  const GatedEncoder& encoder = *gated;
  EncoderService service(std::move(gated), {.threads = 1, .queued_tokens_max = 10});
  std::thread import([&] {
    EXPECT_THAT(Encode(service, NumberedTexts(50), {.lane = EncodeLane::kIngest}), IsOk());
  });
  encoder.WaitUntilRunning();
  std::thread query([&] { EXPECT_THAT(Encode(service, {"one two"}), IsOk()); });
  while (service.Statistics().tokens_queued < 50 * 3 && service.Statistics().texts_rejected == 0) {
    std::this_thread::yield();
  }
  open = true;
  open.notify_all();
  query.join();
  import.join();
  EXPECT_EQ(service.Statistics().texts_rejected, 0u);
}

TEST(EncoderServiceTest, IngestThatWaitsForRoomGivesUpAtItsDeadlineAndOnCancel) {
  std::atomic<bool> open{false};
  auto gated = std::make_unique<GatedEncoder>(open);
  const GatedEncoder& encoder = *gated;
  EncoderService service(std::move(gated), {.threads = 1, .queued_tokens_max = 10});
  std::thread first([&] {
    EXPECT_THAT(Encode(service, NumberedTexts(50), {.lane = EncodeLane::kIngest}), IsOk());
  });
  encoder.WaitUntilRunning();
  EXPECT_THAT(Encode(service, {"text"},
                     {.lane = EncodeLane::kIngest, .deadline = std::chrono::steady_clock::now()}),
              StatusIs(absl::StatusCode::kDeadlineExceeded, ""));
  EXPECT_THAT(
      Encode(service, {"text"}, {.lane = EncodeLane::kIngest, .cancelled = [] { return true; }}),
      StatusIs(absl::StatusCode::kCancelled, ""));
  open = true;
  open.notify_all();
  first.join();
  EXPECT_THAT(Encode(service, {"text"}, {.lane = EncodeLane::kIngest}), IsOk());
}

TEST(EncoderServiceTest, ManyCallersOnBothLanesAllGetTheirOwn) {
  const auto service = NewService({.threads = 2, .batch_tokens_max = 16, .queued_tokens_max = 400});
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&, caller] {
      const EncodeLane lane = caller % 2 == 0 ? EncodeLane::kIngest : EncodeLane::kQuery;
      for (size_t round = 0; round < 20; ++round) {
        const std::string text = "caller " + std::to_string(caller * 100 + round);
        const auto result = Encode(*service, {text, "same"}, {.lane = lane});
        ASSERT_THAT(result, IsOk());
        EXPECT_EQ(result->embeddings[0].token_count, 4u);
        EXPECT_EQ(result->embeddings[1].token_count, 3u);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace simile
