#include "embedder/encoder_service.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "embedder/encode_call.h"
#include "embedder/encode_lanes.h"
#include "embedder/encode_worker.h"
#include "embedder/lane_admission.h"
#include "embedder/mutex.h"
#include "embedder/physical_cores.h"
#include "embedder/pooling.h"
#include "embedder/utf8.h"
#include "fmt/format.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;
using embedder_internal::Mutex;
using embedder_internal::MutexLock;

// Micro-batches per worker that one call has ready in the queue. More would only let a large call
// keep others of its lane waiting.
constexpr size_t kBatchesReady = 2;

absl::Status CheckUtf8(std::span<const std::string_view> texts) {
  for (size_t position = 0; position < texts.size(); ++position) {
    if (IsValidUtf8(texts[position])) continue;
    return absl::InvalidArgumentError(fmt::format("text {} is not valid UTF-8", position));
  }
  return absl::OkStatus();
}

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
  // Texts of a call that go into the queue together.
  struct Slice {
    std::vector<std::pair<size_t, std::vector<uint32_t>>> texts;  // Position in the call, and ids.
    size_t tokens = 0;
    size_t texts_truncated = 0;
    size_t end = 0;  // Position behind the last text, also of those whose vector is known.
  };
  using RunTexts = std::function<absl::StatusOr<EncodedTexts>(std::span<const WaitingText* const>)>;

  // On the caller's thread.
  absl::Status Enter(EncodeCall& call);
  TokenSequence Tokenized(const EncodeCall& call, size_t position) const;
  Slice TokenizedSlice(EncodeCall& call, size_t first);
  absl::Status AddTokens(EncodeCall& call, const std::vector<uint32_t>& ids,
                         Embedding& embedding) const;
  absl::Status Enqueue(EncodeCall& call, Slice slice);
  absl::StatusOr<EncodeResult> Leave(EncodeCall& call);
  void CutVectors(EncodeCall& call) const;

  // On a worker's thread.
  void Work();
  std::optional<MicroBatch> AwaitMicroBatch();
  void ServeQueriesBetweenSteps(EncodeWorker& worker);
  void NoteTaken(const MicroBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Process(const MicroBatch& batch, const RunTexts& run);
  void HandOut(const MicroBatch& batch, std::span<const WaitingText* const> texts,
               const absl::StatusOr<EncodedTexts>& encoded);
  void Finish(const MicroBatch& batch, std::span<const WaitingText* const> encoded);

  LaneAdmission& AdmissionOf(EncodeLane lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return lane == EncodeLane::kQuery ? query_admission_ : ingest_admission_;
  }

  const std::unique_ptr<const Encoder> encoder_;
  const EncoderServiceOptions options_;
  const size_t thread_count_;
  QueryVectorCache query_cache_;
  std::atomic<bool> queries_wait_{false};  // As lanes_ says, for a look without the lock.

  mutable Mutex mutex_;
  std::condition_variable_any work_changed_;
  std::condition_variable_any last_call_left_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::unordered_set<EncodeCall*> calls_ ABSL_GUARDED_BY(mutex_);  // Between Enter and Leave.
  EncodeLanes lanes_ ABSL_GUARDED_BY(mutex_);
  LaneAdmission query_admission_ ABSL_GUARDED_BY(mutex_);
  LaneAdmission ingest_admission_ ABSL_GUARDED_BY(mutex_);
  size_t idle_workers_ ABSL_GUARDED_BY(mutex_) = 0;
  EncoderStatistics statistics_ ABSL_GUARDED_BY(mutex_);

  std::vector<std::thread> workers_;
};

EncoderService::State::State(std::unique_ptr<const Encoder> encoder,
                             const EncoderServiceOptions& options)
    : encoder_(std::move(encoder)),
      options_(options),
      thread_count_(options.threads != 0 ? options.threads : PhysicalCoreCount()),
      query_cache_(options.query_cache_entries_max, options.query_cache_bytes_max),
      lanes_(options.batch_tokens_max, encoder_->info().tokens_max),
      query_admission_(lanes_, EncodeLane::kQuery, options.queued_tokens_max,
                       options.queued_bytes_max),
      ingest_admission_(lanes_, EncodeLane::kIngest, options.queued_tokens_max,
                        options.queued_bytes_max) {
  for (size_t thread = 0; thread < thread_count_; ++thread) {
    workers_.emplace_back([this] { Work(); });
  }
}

EncoderService::State::~State() {
  {
    MutexLock lock(mutex_);
    closing_ = true;
    for (EncodeCall* call : calls_) {
      call->Fail(absl::CancelledError("the encoder is shutting down"));
      call->changed.notify_one();
    }
  }
  work_changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  MutexLock lock(mutex_);
  while (!calls_.empty()) last_call_left_.wait(mutex_);
}

absl::StatusOr<EncodeResult> EncoderService::State::Encode(std::span<const std::string_view> texts,
                                                           const EncodeOptions& options) {
  if (absl::Status s = CheckUtf8(texts); !s.ok()) return s;
  if (options.dimensions > encoder_->info().dimension) {
    return absl::InvalidArgumentError(fmt::format("{} dimensions are asked for; model '{}' has {}",
                                                  options.dimensions, encoder_->info().name,
                                                  encoder_->info().dimension));
  }
  EncodeCall call(texts, options);
  if (absl::Status s = Enter(call); !s.ok()) return s;
  for (size_t next = 0; next < texts.size() && call.CheckWanted().ok();) {
    Slice slice = TokenizedSlice(call, next);
    next = slice.end;
    if (absl::Status s = Enqueue(call, std::move(slice)); !s.ok()) call.Fail(s);
  }
  return Leave(call);
}

absl::Status EncoderService::State::Enter(EncodeCall& call) {
  MutexLock lock(mutex_);
  if (closing_) return absl::CancelledError("the encoder is shutting down");
  calls_.insert(&call);
  return absl::OkStatus();
}

TokenSequence EncoderService::State::Tokenized(const EncodeCall& call, size_t position) const {
  const ModelInfo& info = encoder_->info();
  const std::string_view text = call.texts[position];
  const std::string& prompt =
      call.options.prompt.has_value() ? *call.options.prompt : info.default_prompt;
  if (prompt.empty()) return encoder_->tokenizer().Encode(text, info.tokens_max);
  return encoder_->tokenizer().Encode(prompt + std::string(text), info.tokens_max);
}

EncoderService::State::Slice EncoderService::State::TokenizedSlice(EncodeCall& call, size_t first) {
  const bool wants_context = call.options.token_vectors == TokenVectors::kContextual;
  Slice slice{.end = first};
  while (slice.end < call.texts.size() && slice.tokens < options_.batch_tokens_max) {
    const size_t position = slice.end++;
    TokenSequence sequence = Tokenized(call, position);
    Embedding& embedding = call.result.embeddings[position];
    embedding.token_count = static_cast<uint32_t>(sequence.ids.size());
    embedding.truncated = sequence.truncated;
    slice.texts_truncated += sequence.truncated ? 1 : 0;
    if (call.options.token_vectors != TokenVectors::kNone) {
      if (absl::Status s = AddTokens(call, sequence.ids, embedding); !s.ok()) {
        call.Fail(s);
        return slice;
      }
    }
    if (call.options.lane == EncodeLane::kQuery && !wants_context) {
      if (auto known = query_cache_.Find(sequence.ids); known.has_value()) {
        embedding.vector = *std::move(known);
        continue;
      }
    }
    slice.tokens += sequence.ids.size();
    slice.texts.emplace_back(position, std::move(sequence.ids));
  }
  return slice;
}

// Notes the tokens of a text, and the vectors that they have without the model.
absl::Status EncoderService::State::AddTokens(EncodeCall& call, const std::vector<uint32_t>& ids,
                                              Embedding& embedding) const {
  call.token_vectors_count += ids.size();
  if (call.token_vectors_count > options_.token_vectors_max) {
    return absl::InvalidArgumentError(fmt::format(
        "vectors of more than {} tokens are asked for, special ones included; at most that many "
        "are possible in one call: send fewer texts at a time",
        options_.token_vectors_max));
  }
  embedding.token_ids = ids;
  if (call.options.token_vectors != TokenVectors::kInput) return absl::OkStatus();
  for (const uint32_t id : ids) {
    const std::span<const float> vector = encoder_->InputVector(id);
    embedding.token_vectors.insert(embedding.token_vectors.end(), vector.begin(), vector.end());
  }
  return absl::OkStatus();
}

// Puts the slice into the queue, and returns when it is time for the next one.
absl::Status EncoderService::State::Enqueue(EncodeCall& call, Slice slice) {
  MutexLock lock(mutex_);
  if (closing_) return absl::CancelledError("the encoder is shutting down");
  if (!slice.texts.empty()) {
    LaneAdmission& admission = AdmissionOf(call.options.lane);
    if (absl::Status s = admission.Admit(call, slice.tokens, mutex_); !s.ok()) {
      if (!call.admitted) statistics_.texts_rejected += call.texts.size();
      return s;
    }
  }
  statistics_.texts_truncated += slice.texts_truncated;
  size_t new_texts = 0;
  for (auto& [position, ids] : slice.texts) {
    call.tokens_waiting += ids.size();
    ++call.unfinished;
    const bool is_new = lanes_.Add(
        call.options.lane, std::move(ids),
        {.call = &call,
         .position = position,
         .wants_token_vectors = call.options.token_vectors == TokenVectors::kContextual});
    ++(is_new ? new_texts : statistics_.texts_shared);
  }
  queries_wait_ = lanes_.has_queries();
  for (size_t wake = std::min(new_texts, idle_workers_); wake > 0; --wake) {
    work_changed_.notify_one();
  }
  const size_t tokens_ready = kBatchesReady * options_.batch_tokens_max * thread_count_;
  call.has_more = slice.end < call.texts.size();
  while (call.has_more && call.tokens_waiting >= tokens_ready) call.changed.wait(mutex_);
  call.has_more = false;
  return absl::OkStatus();
}

absl::StatusOr<EncodeResult> EncoderService::State::Leave(EncodeCall& call) {
  MutexLock lock(mutex_);
  while (call.unfinished > 0) call.changed.wait(mutex_);
  AdmissionOf(call.options.lane).Release(call);
  calls_.erase(&call);
  if (calls_.empty()) last_call_left_.notify_all();
  const auto is_missing = [](const Embedding& embedding) { return embedding.vector.empty(); };
  if (absl::Status s = call.status(); !s.ok()) {
    // Unless the last vectors were on their way when nobody wanted them any more.
    if (std::ranges::any_of(call.result.embeddings, is_missing)) return s;
  }
  if (call.begun) {
    call.result.encode_time = Clock::now() - call.submitted - call.result.queue_time;
  }
  if (call.options.dimensions > 0) CutVectors(call);
  return std::move(call.result);
}

void EncoderService::State::CutVectors(EncodeCall& call) const {
  for (Embedding& embedding : call.result.embeddings) {
    embedding.vector.resize(call.options.dimensions);
    if (encoder_->info().normalized) ScaleToUnitLength(embedding.vector);
  }
}

void EncoderService::State::Work() {
  EncodeWorker worker(*encoder_);
  const std::function<void()> serve_queries = [&] { ServeQueriesBetweenSteps(worker); };
  const std::function<void()> nothing;
  while (const std::optional<MicroBatch> batch = AwaitMicroBatch()) {
    const auto& between_steps = batch->lane == EncodeLane::kIngest ? serve_queries : nothing;
    Process(*batch, [&](std::span<const WaitingText* const> texts) {
      return worker.Run(texts, between_steps);
    });
  }
}

// None once the service is closing and nothing waits.
std::optional<MicroBatch> EncoderService::State::AwaitMicroBatch() {
  MutexLock lock(mutex_);
  ++idle_workers_;
  while (lanes_.empty() && !closing_) work_changed_.wait(mutex_);
  --idle_workers_;
  std::optional<MicroBatch> batch = lanes_.Take(idle_workers_);
  if (batch.has_value()) NoteTaken(*batch);
  return batch;
}

void EncoderService::State::ServeQueriesBetweenSteps(EncodeWorker& worker) {
  if (!queries_wait_.load(std::memory_order_relaxed)) return;
  std::optional<MicroBatch> batch;
  {
    MutexLock lock(mutex_);
    if (idle_workers_ > 0) return;  // Another is on its way.
    batch = lanes_.TakeBetweenSteps();
    if (!batch.has_value()) return;
    NoteTaken(*batch);
  }
  Process(*batch,
          [&](std::span<const WaitingText* const> texts) { return worker.RunBetweenSteps(texts); });
}

void EncoderService::State::NoteTaken(const MicroBatch& batch) {
  queries_wait_ = lanes_.has_queries();
  for (const WaitingText& text : batch.texts) {
    for (const EncodeRecipient& recipient : text.recipients) {
      EncodeCall& call = *recipient.call;
      call.tokens_waiting -= text.ids.size();
      if (call.has_more) call.changed.notify_one();
      if (call.begun) continue;
      call.begun = true;
      call.result.queue_time = Clock::now() - call.submitted;
    }
  }
}

void EncoderService::State::Process(const MicroBatch& batch, const RunTexts& run) {
  std::vector<const WaitingText*> wanted;
  for (const WaitingText& text : batch.texts) {
    const bool is_wanted = std::ranges::any_of(
        text.recipients, [](const auto& recipient) { return recipient.call->CheckWanted().ok(); });
    if (is_wanted) wanted.push_back(&text);
  }
  if (!wanted.empty()) HandOut(batch, wanted, run(wanted));
  Finish(batch, wanted);
}

void EncoderService::State::HandOut(const MicroBatch& batch,
                                    std::span<const WaitingText* const> texts,
                                    const absl::StatusOr<EncodedTexts>& encoded) {
  const ModelInfo& info = encoder_->info();
  size_t first_token = 0;
  for (size_t at = 0; at < texts.size(); ++at) {
    const WaitingText& text = *texts[at];
    for (const EncodeRecipient& recipient : text.recipients) {
      if (!encoded.ok()) {
        // Tokenizer and encoder belong together, so that a batch is never refused.
        recipient.call->Fail(absl::InternalError("the model refused its tokens"));
        continue;
      }
      Embedding& embedding = recipient.call->result.embeddings[recipient.position];
      const auto vector = encoded->vectors.subspan(at * info.dimension, info.dimension);
      embedding.vector.assign(vector.begin(), vector.end());
      if (!recipient.wants_token_vectors) continue;
      const auto rows = encoded->token_vectors.subspan(first_token * info.hidden_size,
                                                       text.ids.size() * info.hidden_size);
      embedding.token_vectors.assign(rows.begin(), rows.end());
    }
    first_token += text.ids.size();
    if (encoded.ok() && batch.lane == EncodeLane::kQuery) {
      query_cache_.Put(text.ids, encoded->vectors.subspan(at * info.dimension, info.dimension));
    }
  }
}

void EncoderService::State::Finish(const MicroBatch& batch,
                                   std::span<const WaitingText* const> encoded) {
  MutexLock lock(mutex_);
  lanes_.Finish(batch);
  statistics_.micro_batches += encoded.empty() ? 0 : 1;
  statistics_.texts_encoded += encoded.size();
  for (const WaitingText* text : encoded) statistics_.tokens_encoded += text->ids.size();
  for (const WaitingText& text : batch.texts) {
    for (const EncodeRecipient& recipient : text.recipients) {
      EncodeCall& call = *recipient.call;
      if (--call.unfinished == 0 && !call.has_more) call.changed.notify_one();
    }
  }
  AdmissionOf(batch.lane).TellOfRoom();
}

EncoderStatistics EncoderService::State::Statistics() const {
  const QueryVectorCacheStatistics query_cache = query_cache_.Statistics();
  MutexLock lock(mutex_);
  EncoderStatistics statistics = statistics_;
  statistics.threads = thread_count_;
  statistics.idle_threads = idle_workers_;
  statistics.query_cache = query_cache;
  statistics.tokens_queued =
      lanes_.tokens_queued(EncodeLane::kQuery) + lanes_.tokens_queued(EncodeLane::kIngest);
  statistics.bytes_queued = query_admission_.bytes_queued() + ingest_admission_.bytes_queued();
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
