#include "embedder/encoder_service.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "embedder/utf8.h"
#include "fmt/format.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;

// So many micro-batches of queries may pass while ingest waits; then ingest has one.
constexpr size_t kQueriesBeforeIngest = 8;

// How often a call that waits for room looks whether it is still wanted.
constexpr std::chrono::milliseconds kWantedPoll{50};

}  // namespace

class EncoderService::State {
 public:
  State(std::unique_ptr<const Encoder> encoder, const EncoderServiceOptions& options);
  ~State();

  absl::StatusOr<EncodeResult> Encode(std::span<const std::string_view> texts,
                                      const EncodeOptions& options);
  EncoderStatistics Statistics() const;
  const Encoder& encoder() const { return *encoder_; }

 private:
  // One call of Encode, on the stack of its caller.
  struct Call {
    const EncodeOptions& options;
    std::vector<TokenSequence> sequences;
    std::vector<size_t> order;  // Positions by length, so that a micro-batch is of similar lengths.
    size_t next = 0;            // Position in `order` of the first text no worker has taken.
    size_t unfinished = 0;
    absl::Status status;
    EncodeResult result;
    Clock::time_point submitted = Clock::now();
    bool begun = false;
  };

  struct Lane {
    std::deque<Call*> calls;            // With texts that no worker has taken.
    std::deque<const Call*> admitting;  // Waiting for room, first come first.
    size_t tokens_queued = 0;
  };

  // Texts of one call that a worker takes through the model together.
  struct MicroBatch {
    Call* call = nullptr;
    size_t first = 0;  // In call->order.
    size_t end = 0;
  };

  absl::Status Admit(const Call& call, size_t tokens, std::unique_lock<std::mutex>& lock);
  absl::Status WaitForRoom(const Call& call, std::unique_lock<std::mutex>& lock);
  Lane& LaneOf(const Call& call) {
    return call.options.lane == EncodeLane::kQuery ? queries_ : ingest_;
  }
  absl::StatusOr<Call> Tokenized(std::span<const std::string_view> texts,
                                 const EncodeOptions& options) const;
  void Work();
  MicroBatch TakeMicroBatch();
  void RunMicroBatch(const MicroBatch& batch, Encoder::Workspace& workspace);
  void Finish(const MicroBatch& batch, const absl::Status& status);
  static absl::Status CheckWanted(const EncodeOptions& options);
  size_t TokensOf(const Call& call, size_t position) const {
    return call.sequences[call.order[position]].ids.size();
  }

  const std::unique_ptr<const Encoder> encoder_;
  const EncoderServiceOptions options_;

  mutable std::mutex mutex_;  // Guards all below, and every Call that waits.
  std::condition_variable work_changed_;
  std::condition_variable call_finished_;
  std::condition_variable room_changed_;
  Lane queries_;
  Lane ingest_;
  size_t queries_in_a_row_ = 0;
  bool closing_ = false;
  EncoderStatistics statistics_;

  std::vector<std::thread> workers_;
};

EncoderService::State::State(std::unique_ptr<const Encoder> encoder,
                             const EncoderServiceOptions& options)
    : encoder_(std::move(encoder)), options_(options) {
  const size_t threads = options.threads != 0
                             ? options.threads
                             : std::max<size_t>(1, std::thread::hardware_concurrency());
  statistics_.threads = threads;
  for (size_t thread = 0; thread < threads; ++thread) workers_.emplace_back([this] { Work(); });
}

EncoderService::State::~State() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  work_changed_.notify_all();
  room_changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

absl::Status EncoderService::State::CheckWanted(const EncodeOptions& options) {
  if (options.cancelled && options.cancelled()) {
    return absl::CancelledError("the caller no longer wants the vectors");
  }
  if (Clock::now() >= options.deadline) {
    return absl::DeadlineExceededError("the deadline passed before the texts were embedded");
  }
  return absl::OkStatus();
}

absl::StatusOr<EncoderService::State::Call> EncoderService::State::Tokenized(
    std::span<const std::string_view> texts, const EncodeOptions& options) const {
  Call call{.options = options};
  for (size_t position = 0; position < texts.size(); ++position) {
    if (!IsValidUtf8(texts[position])) {
      return absl::InvalidArgumentError(fmt::format("text {} is not valid UTF-8", position));
    }
    call.sequences.push_back(
        encoder_->tokenizer().Encode(texts[position], encoder_->info().tokens_max));
  }
  call.order.resize(texts.size());
  std::iota(call.order.begin(), call.order.end(), size_t{0});
  std::ranges::stable_sort(
      call.order, {}, [&call](size_t position) { return call.sequences[position].ids.size(); });
  call.unfinished = texts.size();
  call.result.embeddings.resize(texts.size());
  return call;
}

absl::Status EncoderService::State::Admit(const Call& call, size_t tokens,
                                          std::unique_lock<std::mutex>& lock) {
  if (call.options.lane == EncodeLane::kIngest) return WaitForRoom(call, lock);
  // A call larger than all the room there is passes when nothing else waits. What ingest has queued
  // does not count: queries go before it.
  const size_t queued = queries_.tokens_queued;
  if (queued > 0 && queued + tokens > options_.queued_tokens_max) {
    statistics_.texts_rejected += call.order.size();
    return absl::ResourceExhaustedError(
        fmt::format("{} tokens wait to be embedded and these texts have {}; at most {} may wait: "
                    "try again later",
                    queued, tokens, options_.queued_tokens_max));
  }
  return closing_ ? absl::CancelledError("the encoder is shutting down") : absl::OkStatus();
}

absl::Status EncoderService::State::WaitForRoom(const Call& call,
                                                std::unique_lock<std::mutex>& lock) {
  // In turn, and as soon as there is any room at all: so small calls cannot keep a large one out.
  ingest_.admitting.push_back(&call);
  const auto may_enter = [&] {
    return closing_ || (ingest_.admitting.front() == &call &&
                        ingest_.tokens_queued < options_.queued_tokens_max);
  };
  absl::Status status;
  while (!may_enter() && status.ok()) {
    room_changed_.wait_for(lock, kWantedPoll, may_enter);
    status = CheckWanted(call.options);
  }
  std::erase(ingest_.admitting, &call);
  room_changed_.notify_all();
  if (closing_) return absl::CancelledError("the encoder is shutting down");
  return status;
}

absl::StatusOr<EncodeResult> EncoderService::State::Encode(std::span<const std::string_view> texts,
                                                           const EncodeOptions& options) {
  absl::StatusOr<Call> tokenized = Tokenized(texts, options);
  if (!tokenized.ok()) return tokenized.status();
  Call& call = *tokenized;
  if (texts.empty()) return std::move(call.result);
  size_t tokens = 0;
  for (const TokenSequence& sequence : call.sequences) tokens += sequence.ids.size();

  std::unique_lock lock(mutex_);
  if (absl::Status s = Admit(call, tokens, lock); !s.ok()) return s;
  LaneOf(call).tokens_queued += tokens;
  LaneOf(call).calls.push_back(&call);
  work_changed_.notify_all();
  call_finished_.wait(lock, [&call] { return call.unfinished == 0; });
  if (!call.status.ok()) return call.status;
  return std::move(call.result);
}

EncoderService::State::MicroBatch EncoderService::State::TakeMicroBatch() {
  const bool ingest_waits = !ingest_.calls.empty();
  const bool ingest_is_due = queries_in_a_row_ >= kQueriesBeforeIngest && ingest_waits;
  Lane& lane = queries_.calls.empty() || ingest_is_due ? ingest_ : queries_;
  queries_in_a_row_ = &lane == &queries_ && ingest_waits ? queries_in_a_row_ + 1 : 0;
  Call& call = *lane.calls.front();
  MicroBatch batch{.call = &call, .first = call.next, .end = call.next};
  // With several workers a call is shared out, so that none waits for another's long batch.
  const size_t waiting = call.order.size() - call.next;
  const size_t share = (waiting + statistics_.threads - 1) / statistics_.threads;
  for (size_t tokens = 0; batch.end < call.order.size() && batch.end - batch.first < share;
       ++batch.end) {
    tokens += TokensOf(call, batch.end);
    if (batch.end > batch.first && tokens > options_.batch_tokens_max) break;
  }
  call.next = batch.end;
  if (!call.begun) {
    call.begun = true;
    call.result.queue_time = Clock::now() - call.submitted;
  }
  if (call.next == call.order.size()) lane.calls.pop_front();
  return batch;
}

void EncoderService::State::Work() {
  const std::unique_ptr<Encoder::Workspace> workspace = encoder_->NewWorkspace();
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto has_work = [this] { return !queries_.calls.empty() || !ingest_.calls.empty(); };
    work_changed_.wait(lock, [&] { return closing_ || has_work(); });
    if (!has_work()) return;
    const MicroBatch batch = TakeMicroBatch();
    absl::Status status =
        closing_ ? absl::CancelledError("the encoder is shutting down") : batch.call->status;
    lock.unlock();
    if (status.ok()) status = CheckWanted(batch.call->options);
    if (status.ok()) {
      RunMicroBatch(batch, *workspace);
    }
    lock.lock();
    Finish(batch, status);
  }
}

void EncoderService::State::RunMicroBatch(const MicroBatch& batch, Encoder::Workspace& workspace) {
  const Call& call = *batch.call;
  std::vector<uint32_t> ids;
  std::vector<uint32_t> starts = {0};
  for (size_t position = batch.first; position < batch.end; ++position) {
    const std::vector<uint32_t>& sequence = call.sequences[call.order[position]].ids;
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    starts.push_back(static_cast<uint32_t>(ids.size()));
  }
  const size_t dimension = encoder_->info().dimension;
  std::vector<float> vectors((batch.end - batch.first) * dimension);
  // Tokenizer and encoder belong together, so the batch cannot be refused; a vector left empty
  // would show it.
  if (!encoder_->Run({.ids = ids, .sequence_start = starts}, workspace, vectors).ok()) return;
  for (size_t position = batch.first; position < batch.end; ++position) {
    // Each worker writes its own texts only.
    Embedding& embedding = batch.call->result.embeddings[call.order[position]];
    const auto first =
        vectors.begin() + static_cast<std::ptrdiff_t>((position - batch.first) * dimension);
    embedding.vector.assign(first, first + static_cast<std::ptrdiff_t>(dimension));
  }
}

void EncoderService::State::Finish(const MicroBatch& batch, const absl::Status& status) {
  Call& call = *batch.call;
  if (!status.ok() && call.status.ok()) call.status = status;
  for (size_t position = batch.first; position < batch.end; ++position) {
    const TokenSequence& sequence = call.sequences[call.order[position]];
    Embedding& embedding = call.result.embeddings[call.order[position]];
    embedding.token_count = static_cast<uint32_t>(sequence.ids.size());
    embedding.truncated = sequence.truncated;
    LaneOf(call).tokens_queued -= sequence.ids.size();
    if (!status.ok()) continue;
    if (embedding.vector.empty()) call.status = absl::InternalError("the model refused its tokens");
    ++statistics_.texts_encoded;
    statistics_.tokens_encoded += sequence.ids.size();
    statistics_.texts_truncated += sequence.truncated ? 1 : 0;
  }
  room_changed_.notify_all();
  call.unfinished -= batch.end - batch.first;
  if (call.unfinished > 0) return;
  call.result.encode_time = Clock::now() - call.submitted - call.result.queue_time;
  call_finished_.notify_all();
}

EncoderStatistics EncoderService::State::Statistics() const {
  std::lock_guard lock(mutex_);
  EncoderStatistics statistics = statistics_;
  statistics.tokens_queued = queries_.tokens_queued + ingest_.tokens_queued;
  return statistics;
}

EncoderService::EncoderService(std::unique_ptr<const Encoder> encoder,
                               const EncoderServiceOptions& options)
    : state_(std::make_unique<State>(std::move(encoder), options)) {}

EncoderService::~EncoderService() = default;

const Encoder& EncoderService::encoder() const { return state_->encoder(); }

absl::StatusOr<EncodeResult> EncoderService::Encode(std::span<const std::string_view> texts,
                                                    const EncodeOptions& options) {
  return state_->Encode(texts, options);
}

EncoderStatistics EncoderService::Statistics() const { return state_->Statistics(); }

}  // namespace simile
