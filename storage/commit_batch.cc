#include "storage/commit_batch.h"

#include <chrono>
#include <utility>
#include <variant>

#include "fmt/format.h"
#include "storage/document_codec.h"
#include "storage/keys.h"
#include "storage/rocksdb_status.h"

namespace simile {
namespace {

int64_t UnixSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

CommitBatch::CommitBatch(const DatabaseFiles& files, const Catalog& catalog,
                         rocksdb::WriteBatch& buffer)
    : files_(files),
      catalog_(catalog),
      batch_(buffer),
      last_sequence_(catalog.State().last_sequence) {
  batch_.Clear();
}

absl::StatusOr<CommitResult> CommitBatch::Add(const WriteRequest& request) {
  if (!catalog_.Has(request.collection_id)) {
    return absl::NotFoundError("the collection was deleted");
  }
  if (request.progress.has_value() && request.progress->session_id.empty()) {
    return absl::InvalidArgumentError("the id of a session is empty");
  }
  const CollectionCountersRecord counters_before = CountersOf(request.collection_id);
  batch_.SetSavePoint();
  replaced_.clear();
  replaced_.reserve(request.operations.size());
  CommitResult result{.sequence = ++last_sequence_, .durability = request.durability};
  result.operations.reserve(request.operations.size());
  absl::Status failure;
  for (const WriteOperation& operation : request.operations) {
    auto applied = std::visit(
        [&](const auto& chosen) { return Apply(request.collection_id, chosen); }, operation);
    if (!applied.ok()) {
      failure = applied.status();
      break;
    }
    result.operations.push_back(*applied);
  }
  if (!failure.ok()) {
    Undo();
    CountersOf(request.collection_id) = counters_before;
    --last_sequence_;
    return failure;
  }
  CountersOf(request.collection_id).last_sequence = result.sequence;
  batch_.PopSavePoint();
  PutChanges(request, result);
  if (request.progress.has_value()) {
    batch_.Put(files_.sessions(), SessionKey(request.collection_id, request.progress->session_id),
               EncodeIngestProgress({.items_handled = request.progress->items_handled,
                                     .updated_unix_s = UnixSeconds()}));
  }
  return result;
}

void CommitBatch::PutChanges(const WriteRequest& request, const CommitResult& result) {
  std::vector<uint64_t> labels;
  labels.reserve(result.operations.size());
  for (size_t at = 0; at < result.operations.size(); ++at) {
    if (result.operations[at].effect == OperationResult::Effect::kNotFound) continue;
    const auto* put = std::get_if<PutOperation>(&request.operations[at]);
    if (put != nullptr && !put->vector.has_value()) continue;
    labels.push_back(result.operations[at].label);
  }
  if (labels.empty()) return;
  batch_.Put(files_.changes(), ChangesKey(request.collection_id, result.sequence),
             EncodeChanges(labels));
}

void CommitBatch::Undo() {
  batch_.RollbackToSavePoint();
  for (auto at = replaced_.rbegin(); at != replaced_.rend(); ++at) {
    const auto entry = pending_.find(at->first->first);
    if (at->second.has_value()) {
      entry->second = *at->second;
    } else {
      pending_.erase(entry);
    }
  }
}

void CommitBatch::SetPending(std::string id_key, const Pending& pending) {
  const auto [at, is_new] = pending_.try_emplace(std::move(id_key), pending);
  replaced_.emplace_back(&*at, is_new ? std::nullopt : std::optional(at->second));
  at->second = pending;
}

absl::StatusOr<OperationResult> CommitBatch::Apply(uint32_t collection_id,
                                                   const PutOperation& put) {
  if (put.id.empty()) return absl::InvalidArgumentError("the id of a document is empty");
  std::string id_key = IdKey(collection_id, put.id);
  const absl::StatusOr<uint64_t> found = FindLabel(id_key, put.id);
  if (!found.ok()) return found.status();
  const bool is_new = *found == 0;
  if (is_new && !put.vector.has_value()) return OperationResult{};
  Pending pending{.label = *found,
                  .vector_source = put.vector_source,
                  .token_count = put.token_count,
                  .truncated = put.truncated};
  if (!put.vector.has_value()) {
    auto kept = FindVectorFacts(id_key, put.id, LabelKey(collection_id, *found), *found);
    if (!kept.ok()) return kept.status();
    pending = *kept;
  }
  if (is_new) {
    CollectionCountersRecord& counters = CountersOf(collection_id);
    pending.label = counters.next_label++;
    ++counters.document_count;
    batch_.Put(files_.ids(), id_key, EncodeLabel(pending.label));
  }
  const std::string key = LabelKey(collection_id, pending.label);
  batch_.Put(files_.documents(), key,
             EncodeDocument({.sequence = last_sequence_,
                             .id = put.id,
                             .text = put.text,
                             .metadata = put.metadata,
                             .vector_source = pending.vector_source,
                             .token_count = pending.token_count,
                             .truncated = pending.truncated}));
  if (put.vector.has_value()) batch_.Put(files_.vectors(), key, EncodeVector(*put.vector));
  SetPending(std::move(id_key), pending);
  return OperationResult{
      .effect = is_new ? OperationResult::Effect::kCreated : OperationResult::Effect::kReplaced,
      .label = pending.label};
}

absl::StatusOr<OperationResult> CommitBatch::Apply(uint32_t collection_id,
                                                   const RemoveOperation& remove) {
  std::string id_key = IdKey(collection_id, remove.id);
  const absl::StatusOr<uint64_t> label = FindLabel(id_key, remove.id);
  if (!label.ok()) return label.status();
  if (*label == 0) return OperationResult{};
  const std::string key = LabelKey(collection_id, *label);
  batch_.Delete(files_.ids(), id_key);
  batch_.Delete(files_.documents(), key);
  batch_.Delete(files_.vectors(), key);
  --CountersOf(collection_id).document_count;
  SetPending(std::move(id_key), {});
  return OperationResult{.effect = OperationResult::Effect::kRemoved, .label = *label};
}

absl::StatusOr<uint64_t> CommitBatch::FindLabel(const std::string& id_key,
                                                const std::string& id) const {
  if (const auto at = pending_.find(id_key); at != pending_.end()) return at->second.label;
  const auto stored = files_.Get(files_.ids(), id_key);
  if (stored.status().code() == absl::StatusCode::kNotFound) return 0;
  if (!stored.ok()) return stored.status();
  const auto label = DecodeLabel(*stored);
  if (label.ok()) return label;
  return absl::DataLossError(fmt::format("the label of document '{}' is damaged: {}", id,
                                         std::string(label.status().message())));
}

absl::StatusOr<CommitBatch::Pending> CommitBatch::FindVectorFacts(const std::string& id_key,
                                                                  const std::string& id,
                                                                  const std::string& label_key,
                                                                  uint64_t label) const {
  if (const auto at = pending_.find(id_key); at != pending_.end()) return at->second;
  const auto stored = files_.Get(files_.documents(), label_key);
  if (!stored.ok()) return stored.status();
  const auto document = DecodeDocument(*stored);
  if (!document.ok()) {
    return absl::DataLossError(fmt::format("document '{}' (label {}) is damaged: {}", id, label,
                                           std::string(document.status().message())));
  }
  return Pending{.label = label,
                 .vector_source = document->vector_source,
                 .token_count = document->token_count,
                 .truncated = document->truncated};
}

CollectionCountersRecord& CommitBatch::CountersOf(uint32_t collection_id) {
  const auto found = counters_.find(collection_id);
  if (found != counters_.end()) return found->second;
  return counters_.emplace(collection_id, catalog_.Counters(collection_id)).first->second;
}

rocksdb::Status CommitBatch::Write(bool sync) {
  for (const auto& [collection_id, counters] : counters_) {
    batch_.Put(files_.meta(), CountersKey(collection_id), EncodeCounters(counters));
  }
  rocksdb::WriteOptions options;
  options.sync = sync;
  return files_.Write(options, &batch_);
}

void CommitBatch::Publish(Catalog& catalog) const {
  for (const auto& [collection_id, counters] : counters_) {
    catalog.SetCounters(collection_id, counters);
  }
}

}  // namespace simile
