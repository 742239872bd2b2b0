#include "embedder/encoder_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/gate.h"
#include "tests/support/hashing_encoder.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr size_t kDimension = 32;
constexpr size_t kTokensMax = 16;

// What the model was given, by whom it was given it, and a gate before each batch.
struct Journal {
  Gate gate;
  std::mutex mutex;
  std::vector<std::string> events;        // "ingest of 2 begins", "... ends", "queries 1".
  std::vector<std::vector<size_t>> runs;  // The lengths of each batch.

  void Add(const std::string& event) {
    std::lock_guard lock(mutex);
    events.push_back(event);
  }
};

// The hashing encoder, with one place between steps in each batch.
class JournalEncoder final : public Encoder {
 public:
  explicit JournalEncoder(std::shared_ptr<Journal> journal) : journal_(std::move(journal)) {}

  const ModelInfo& info() const override { return encoder_.info(); }
  const Tokenizer& tokenizer() const override { return encoder_.tokenizer(); }
  std::unique_ptr<Workspace> NewWorkspace() const override { return encoder_.NewWorkspace(); }

  absl::Status RunWith(const EncoderRunOptions& options, const PackedBatch& batch,
                       Workspace& workspace, std::span<float> vectors) const override {
    Note(batch, options.between_steps ? "ingest begins" : "queries");
    if (options.between_steps) {
      options.between_steps();
      journal_->Add("ingest ends");
    }
    return encoder_.RunWith(options, batch, workspace, vectors);
  }
  std::span<const float> InputVector(uint32_t id) const override {
    return encoder_.InputVector(id);
  }

 private:
  void Note(const PackedBatch& batch, const std::string& event) const {
    journal_->Add(event);
    {
      std::lock_guard lock(journal_->mutex);
      std::vector<size_t>& lengths = journal_->runs.emplace_back();
      for (size_t sequence = 0; sequence < batch.sequence_count(); ++sequence) {
        lengths.push_back(batch.sequence_start[sequence + 1] - batch.sequence_start[sequence]);
      }
    }
    journal_->gate.Pass();
  }

  const std::shared_ptr<Journal> journal_;
  const HashingEncoder encoder_{"words", kDimension, kTokensMax, "f"};
};

std::vector<std::string> NumberedTexts(size_t count) {
  std::vector<std::string> texts;
  for (size_t number = 0; number < count; ++number) {
    std::string text = "text number " + std::to_string(number);
    for (size_t word = 0; word < number % 7; ++word) text += " more";
    texts.push_back(text);
  }
  return texts;
}

const EncodeOptions kQuery{};
const EncodeOptions kIngest{.lane = EncodeLane::kIngest};
const EncodeOptions kStream{.lane = EncodeLane::kIngest, .waits_for_room = true};

class EncoderServiceTest : public ::testing::Test {
 protected:
  using Result = absl::StatusOr<EncodeResult>;

  ~EncoderServiceTest() override { gate().Open(); }

  void Start(const EncoderServiceOptions& options) {
    service_ =
        std::make_unique<EncoderService>(std::make_unique<JournalEncoder>(journal_), options);
  }

  Result Encode(const std::vector<std::string>& texts, const EncodeOptions& options = {}) {
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    return service_->Encode(views, options);
  }

  // The same on a thread of its own.
  std::future<Result> EncodeAside(const std::vector<std::string>& texts,
                                  const EncodeOptions& options = {}) {
    return std::async(std::launch::async,
                      [this, texts, options] { return Encode(texts, options); });
  }

  // Keeps the one worker busy with a text of ingest until the gate opens.
  std::future<Result> KeepBusy() {
    gate().Shut();
    std::future<Result> busy = EncodeAside({"busy"}, kIngest);
    gate().AwaitSomebody();
    return busy;
  }

  void AwaitTokensQueued(size_t tokens) {
    while (service_->Statistics().tokens_queued < tokens) std::this_thread::yield();
  }

  std::vector<std::vector<size_t>> Runs() {
    std::lock_guard lock(journal_->mutex);
    return journal_->runs;
  }

  std::vector<std::string> Events() {
    std::lock_guard lock(journal_->mutex);
    return journal_->events;
  }

  Gate& gate() { return journal_->gate; }

  static constexpr size_t kBusyTokens = 3;

  const std::shared_ptr<Journal> journal_ = std::make_shared<Journal>();
  std::unique_ptr<EncoderService> service_;
};

TEST_F(EncoderServiceTest, ResultsComeInTheOrderOfTheTexts) {
  Start({.threads = 2, .batch_tokens_max = 20});
  const std::vector<std::string> texts = NumberedTexts(100);
  const Result together = Encode(texts, kIngest);
  ASSERT_THAT(together, IsOk());
  ASSERT_THAT(together->embeddings, SizeIs(texts.size()));
  for (size_t position = 0; position < texts.size(); ++position) {
    const Result alone = Encode({texts[position]});
    EXPECT_EQ(alone->embeddings[0].vector, together->embeddings[position].vector);
    EXPECT_EQ(alone->embeddings[0].token_count, together->embeddings[position].token_count);
  }
  EXPECT_EQ(service_->Statistics().texts_encoded, 200u);
  EXPECT_EQ(service_->Statistics().tokens_queued, 0u);
  EXPECT_EQ(service_->Statistics().bytes_queued, 0u);
}

TEST_F(EncoderServiceTest, ThereIsAThreadPerCoreUnlessToldOtherwise) {
  Start({});
  EXPECT_GE(service_->Statistics().threads, 1u);
  Start({.threads = 3});
  EXPECT_EQ(service_->Statistics().threads, 3u);
}

TEST_F(EncoderServiceTest, TruncationIsReported) {
  Start({.threads = 2});
  std::string text;
  for (int word = 0; word < 40; ++word) text += "w ";
  const Result result = Encode({text, "short"});
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->embeddings[0].truncated);
  EXPECT_EQ(result->embeddings[0].token_count, kTokensMax);
  EXPECT_FALSE(result->embeddings[1].truncated);
  EXPECT_EQ(service_->Statistics().texts_truncated, 1u);
}

// No timer: what makes micro-batches full is that workers are busy.
TEST_F(EncoderServiceTest, AnIdleServiceDoesNotWaitForFurtherTexts) {
  Start({.threads = 1});
  ASSERT_THAT(Encode({"one"}), IsOk());
  ASSERT_THAT(Encode({"two"}), IsOk());
  EXPECT_THAT(Runs(), ElementsAre(ElementsAre(3), ElementsAre(3)));
}

TEST_F(EncoderServiceTest, AnIdleWorkerTakesPartOfALargeCall) {
  Start({.threads = 2});
  while (service_->Statistics().idle_threads < 2) std::this_thread::yield();  // Both have begun.
  gate().Shut();
  std::future<Result> call = EncodeAside(NumberedTexts(40));
  gate().AwaitSomebody(2);
  gate().Open();
  EXPECT_THAT(call.get(), IsOk());
}

TEST_F(EncoderServiceTest, MicroBatchesAreFormedAcrossCalls) {
  Start({.threads = 1});
  std::future<Result> busy = KeepBusy();
  std::vector<std::future<Result>> calls;
  for (int call = 0; call < 5; ++call) {
    calls.push_back(EncodeAside({"text of call " + std::to_string(call)}, kIngest));
  }
  AwaitTokensQueued(kBusyTokens + 5 * 6);
  gate().Open();
  for (std::future<Result>& call : calls) EXPECT_THAT(call.get(), IsOk());
  EXPECT_THAT(Runs(), ElementsAre(SizeIs(1), SizeIs(5)));
  EXPECT_EQ(service_->Statistics().micro_batches, 2u);
  EXPECT_THAT(busy.get(), IsOk());
}

TEST_F(EncoderServiceTest, AQueryOvertakesIngestThatWaits) {
  Start({.threads = 1});
  std::future<Result> busy = KeepBusy();
  std::future<Result> ingest = EncodeAside({"one two three four"}, kIngest);
  AwaitTokensQueued(kBusyTokens + 6);
  std::future<Result> query = EncodeAside({"one two"}, kQuery);
  AwaitTokensQueued(kBusyTokens + 6 + 4);
  gate().Open();
  EXPECT_THAT(query.get(), IsOk());
  EXPECT_THAT(ingest.get(), IsOk());
  EXPECT_THAT(Runs(), ElementsAre(ElementsAre(3), ElementsAre(4), ElementsAre(6)));
}

TEST_F(EncoderServiceTest, AQueryIsServedBetweenTheStepsOfIngest) {
  Start({.threads = 1});
  std::future<Result> busy = KeepBusy();
  std::future<Result> query = EncodeAside({"one two"}, kQuery);
  AwaitTokensQueued(kBusyTokens + 4);
  gate().Open();
  EXPECT_THAT(query.get(), IsOk());
  EXPECT_THAT(busy.get(), IsOk());
  EXPECT_THAT(Events(), ElementsAre("ingest begins", "queries", "ingest ends"));
}

TEST_F(EncoderServiceTest, IngestIsServedWhileQueriesKeepComing) {
  // Two texts a micro-batch, so four micro-batches of queries may overtake.
  Start({.threads = 1, .batch_tokens_max = 8});
  std::future<Result> busy = KeepBusy();
  std::future<Result> ingest = EncodeAside({"some document"}, kIngest);
  AwaitTokensQueued(kBusyTokens + 4);
  std::vector<std::string> texts;
  for (int text = 0; text < 100; ++text) texts.push_back("query " + std::to_string(text));
  std::vector<std::future<Result>> queries;
  for (const std::string& text : texts) queries.push_back(EncodeAside({text}, kQuery));
  AwaitTokensQueued(kBusyTokens + 4 + 100 * 4);
  gate().Open();
  EXPECT_THAT(ingest.get(), IsOk());
  for (std::future<Result>& query : queries) EXPECT_THAT(query.get(), IsOk());
  const std::vector<std::string> events = Events();
  const auto second = std::find(std::next(events.begin()), events.end(), "ingest begins");
  ASSERT_NE(second, events.end());
  // One between the steps of what ran, and four before what waited.
  EXPECT_EQ(std::count(events.begin(), second, "queries"), 5);
}

TEST_F(EncoderServiceTest, EqualTextsThatWaitAreEncodedOnce) {
  Start({.threads = 1});
  std::future<Result> busy = KeepBusy();
  std::future<Result> first = EncodeAside({"same", "other one", "same"}, kIngest);
  AwaitTokensQueued(kBusyTokens + 3 + 4);
  std::future<Result> second = EncodeAside({"same"}, kIngest);
  while (service_->Statistics().texts_shared < 2) std::this_thread::yield();
  gate().Open();
  const Result one = first.get();
  const Result two = second.get();
  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(two, IsOk());
  EXPECT_EQ(one->embeddings[0].vector, one->embeddings[2].vector);
  EXPECT_EQ(one->embeddings[0].vector, two->embeddings[0].vector);
  EXPECT_NE(one->embeddings[0].vector, one->embeddings[1].vector);
  EXPECT_THAT(Runs(), ElementsAre(ElementsAre(3), UnorderedElementsAre(3, 4)));
  EXPECT_EQ(service_->Statistics().texts_encoded, 3u);
}

TEST_F(EncoderServiceTest, AQueryAskedAgainIsNotEncodedAgain) {
  Start({.threads = 1});
  const Result first = Encode({"same", "other one"});
  const Result again = Encode({"same"});
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->embeddings[0].vector, first->embeddings[0].vector);
  EXPECT_EQ(again->embeddings[0].token_count, 3u);
  const EncoderStatistics statistics = service_->Statistics();
  EXPECT_EQ(statistics.texts_encoded, 2u);
  EXPECT_EQ(statistics.query_cache.hits, 1u);
  EXPECT_EQ(statistics.query_cache.misses, 2u);
  EXPECT_EQ(statistics.query_cache.entries, 2u);
}

TEST_F(EncoderServiceTest, IngestNeitherFillsTheCacheOfQueriesNorReadsIt) {
  Start({.threads = 1});
  ASSERT_THAT(Encode({"same"}, kIngest), IsOk());
  ASSERT_THAT(Encode({"same"}, kIngest), IsOk());
  const EncoderStatistics statistics = service_->Statistics();
  EXPECT_EQ(statistics.texts_encoded, 2u);
  EXPECT_EQ(statistics.query_cache.hits + statistics.query_cache.misses, 0u);
  EXPECT_EQ(statistics.query_cache.entries, 0u);
}

TEST_F(EncoderServiceTest, ALaneFullOfTokensRefusesWithTheNumbers) {
  Start({.threads = 1, .queued_tokens_max = 10});
  gate().Shut();
  std::vector<std::future<Result>> first;
  for (const EncodeOptions& options : {kIngest, kQuery}) {
    first.push_back(EncodeAside({"one two three"}, options));
    AwaitTokensQueued(first.size() * 5);
    EXPECT_THAT(Encode({"four five six seven"}, options),
                StatusIs(absl::StatusCode::kResourceExhausted,
                         "5 tokens wait to be embedded and the first of these texts have 6; at "
                         "most 10 may wait"));
  }
  EXPECT_EQ(service_->Statistics().texts_rejected, 2u);
  gate().Open();
  for (std::future<Result>& call : first) EXPECT_THAT(call.get(), IsOk());
}

TEST_F(EncoderServiceTest, ALaneFullOfBytesRefusesWithTheNumbers) {
  Start({.threads = 1, .queued_bytes_max = 20});
  std::future<Result> busy = KeepBusy();
  EXPECT_EQ(service_->Statistics().bytes_queued, 4u);
  EXPECT_THAT(Encode({std::string(20, 'x')}, kIngest),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       "texts of 4 bytes wait to be embedded and these have 20; at most 20"));
  gate().Open();
  EXPECT_THAT(busy.get(), IsOk());
}

TEST_F(EncoderServiceTest, ACallLargerThanTheLaneIsServedWhenItFindsItEmpty) {
  Start({.threads = 1, .batch_tokens_max = 8, .queued_tokens_max = 10, .queued_bytes_max = 10});
  for (const EncodeOptions& options : {kQuery, kIngest, kStream}) {
    EXPECT_THAT(Encode(NumberedTexts(50), options), IsOk());
  }
}

// A large import must not make the server refuse searches.
TEST_F(EncoderServiceTest, WhatIngestHasQueuedDoesNotCountForQueries) {
  Start({.threads = 1, .queued_tokens_max = 10});
  gate().Shut();
  std::future<Result> import = EncodeAside(NumberedTexts(50), kIngest);
  AwaitTokensQueued(50 * 3);
  std::future<Result> query = EncodeAside({"one two"});
  gate().Open();
  EXPECT_THAT(query.get(), IsOk());
  EXPECT_THAT(import.get(), IsOk());
}

TEST_F(EncoderServiceTest, AStreamWaitsForRoomInsteadOfBeingRefused) {
  Start({.threads = 1, .queued_tokens_max = 3, .queued_bytes_max = 5});
  std::future<Result> busy = KeepBusy();
  std::vector<std::future<Result>> streams;
  for (int stream = 0; stream < 3; ++stream) {
    streams.push_back(EncodeAside({"stream " + std::to_string(stream)}, kStream));
  }
  gate().Open();
  for (std::future<Result>& stream : streams) EXPECT_THAT(stream.get(), IsOk());
  EXPECT_EQ(service_->Statistics().texts_rejected, 0u);
}

TEST_F(EncoderServiceTest, AStreamThatWaitsForRoomGivesUpAtItsDeadlineAndOnCancel) {
  Start({.threads = 1, .queued_tokens_max = 3});
  std::future<Result> busy = KeepBusy();
  std::atomic<bool> asked{false};
  EncodeOptions cancelled = kStream;
  cancelled.cancelled = [&] { return asked.exchange(true); };
  EXPECT_THAT(Encode({"text"}, cancelled), StatusIs(absl::StatusCode::kCancelled, ""));
  EncodeOptions late = kStream;
  late.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
  EXPECT_THAT(Encode({"text"}, late), StatusIs(absl::StatusCode::kDeadlineExceeded, ""));
  gate().Open();
  EXPECT_THAT(busy.get(), IsOk());
  EXPECT_THAT(Encode({"text"}, kStream), IsOk());
}

TEST_F(EncoderServiceTest, WhoeverIsAskedWhetherACallIsWantedMayLookAtTheService) {
  Start({.threads = 1, .queued_tokens_max = 3});
  std::future<Result> busy = KeepBusy();
  std::atomic<int> asked{0};
  EncodeOptions looks = kStream;
  looks.cancelled = [&] { return service_->Statistics().tokens_queued > 0 && ++asked == 3; };
  EXPECT_THAT(Encode({"text"}, looks), StatusIs(absl::StatusCode::kCancelled, ""));
  gate().Open();
  EXPECT_THAT(busy.get(), IsOk());
}

TEST_F(EncoderServiceTest, ACallThatIsNotWantedIsNotBegun) {
  Start({.threads = 1});
  EXPECT_THAT(Encode({"text"}, {.cancelled = [] { return true; }}),
              StatusIs(absl::StatusCode::kCancelled, ""));
  EXPECT_THAT(Encode({"text"}, {.deadline = std::chrono::steady_clock::now()}),
              StatusIs(absl::StatusCode::kDeadlineExceeded, ""));
  EXPECT_THAT(Runs(), SizeIs(0));
}

TEST_F(EncoderServiceTest, ATextThatIsNotWantedWhenItsTurnComesIsDropped) {
  Start({.threads = 1});
  std::future<Result> busy = KeepBusy();
  std::atomic<bool> gone{false};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  std::future<Result> cancelled = EncodeAside({"one"}, {.cancelled = [&] { return gone.load(); }});
  std::future<Result> late = EncodeAside({"one two"}, {.deadline = deadline});
  std::future<Result> wanted = EncodeAside({"one two three"});
  AwaitTokensQueued(kBusyTokens + 3 + 4 + 5);
  gone = true;
  while (std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  gate().Open();
  EXPECT_THAT(cancelled.get(), StatusIs(absl::StatusCode::kCancelled, ""));
  EXPECT_THAT(late.get(), StatusIs(absl::StatusCode::kDeadlineExceeded, ""));
  EXPECT_THAT(wanted.get(), IsOk());
  EXPECT_THAT(Runs(), ElementsAre(ElementsAre(3), ElementsAre(5)));
}

TEST_F(EncoderServiceTest, ATextIsEncodedForTheCallThatStillWantsIt) {
  Start({.threads = 1});
  std::future<Result> busy = KeepBusy();
  std::atomic<bool> gone{false};
  std::future<Result> cancelled =
      EncodeAside({"one", "one two"}, {.cancelled = [&] { return gone.load(); }});
  std::future<Result> wanted = EncodeAside({"one"});
  while (service_->Statistics().texts_shared < 1) std::this_thread::yield();
  gone = true;
  gate().Open();
  EXPECT_THAT(wanted.get(), IsOk());
  EXPECT_THAT(cancelled.get(), StatusIs(absl::StatusCode::kCancelled, ""));
  EXPECT_THAT(Runs(), ElementsAre(ElementsAre(3), ElementsAre(3)));
}

TEST_F(EncoderServiceTest, AtTheEndWhatRunsIsFinishedAndWhatWaitsIsCancelled) {
  Start({.threads = 1, .queued_tokens_max = 10});
  std::future<Result> busy = KeepBusy();
  std::future<Result> waits = EncodeAside({"one two three four five"}, kIngest);
  AwaitTokensQueued(kBusyTokens + 7);
  std::future<Result> waits_for_room = EncodeAside({"six"}, kStream);
  while (service_->Statistics().bytes_queued < 4 + 23 + 3) std::this_thread::yield();
  std::future<void> end = std::async(std::launch::async, [this] { service_.reset(); });
  // It is told of the end at once, so the end has begun.
  EXPECT_THAT(waits_for_room.get(), StatusIs(absl::StatusCode::kCancelled, ""));
  gate().Open();
  EXPECT_THAT(busy.get(), IsOk());
  EXPECT_THAT(waits.get(), StatusIs(absl::StatusCode::kCancelled, "shutting down"));
  end.get();
  EXPECT_THAT(Runs(), SizeIs(1));
}

TEST_F(EncoderServiceTest, ACallOf100000TextsKeepsFewOfThemInTheQueue) {
  constexpr size_t kBatchTokens = 64;
  Start({.threads = 1, .batch_tokens_max = kBatchTokens});
  std::vector<std::string> texts;
  for (int text = 0; text < 100'000; ++text) texts.push_back("text " + std::to_string(text));
  std::atomic<size_t> tokens_max{0};
  // Asked by the worker for every text.
  const auto look = [&] {
    tokens_max = std::max(tokens_max.load(), service_->Statistics().tokens_queued);
    return false;
  };
  const Result result = Encode(texts, {.lane = EncodeLane::kIngest, .cancelled = look});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(service_->Statistics().texts_encoded, texts.size());
  // Two micro-batches ready, a slice of another, one with the worker, each up to a text too long.
  EXPECT_GT(tokens_max, kBatchTokens);
  EXPECT_LE(tokens_max, 4 * (kBatchTokens + kTokensMax));
}

TEST_F(EncoderServiceTest, ManyCallersOnBothLanesAllGetTheirOwn) {
  Start({.threads = 2,
         .batch_tokens_max = 16,
         .queued_tokens_max = 40,
         .query_cache_entries_max = 10});
  std::vector<std::future<void>> callers;
  for (size_t caller = 0; caller < 8; ++caller) {
    callers.push_back(std::async(std::launch::async, [this, caller] {
      EncodeOptions options = caller % 2 == 0 ? kStream : kQuery;
      options.waits_for_room = true;
      for (size_t round = 0; round < 40; ++round) {
        const bool gives_up = round % 8 == 7;
        options.cancelled = [gives_up, asked = std::make_shared<std::atomic<int>>(0)] {
          return gives_up && ++*asked > 1;
        };
        const std::string text = "caller " + std::to_string(caller * 100 + round);
        const Result result = Encode({text, "same", "same"}, options);
        if (!result.ok()) {
          EXPECT_TRUE(gives_up);
          EXPECT_THAT(result, StatusIs(absl::StatusCode::kCancelled, ""));
          continue;
        }
        EXPECT_EQ(result->embeddings[0].token_count, 4u);
        EXPECT_THAT(result->embeddings[0].vector, SizeIs(kDimension));
        EXPECT_EQ(result->embeddings[1].vector, result->embeddings[2].vector);
      }
    }));
  }
  for (std::future<void>& caller : callers) caller.get();
  EXPECT_EQ(service_->Statistics().tokens_queued, 0u);
}

}  // namespace
}  // namespace simile
