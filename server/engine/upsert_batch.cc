#include "server/engine/upsert_batch.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/ulid.h"

namespace simile {

UpsertBatch::UpsertBatch(std::vector<absl::StatusOr<DocumentInput>> documents,
                         const CollectionShape& shape)
    : items_(documents.size()), outcomes_(documents.size()) {
  for (size_t position = 0; position < documents.size(); ++position) {
    UpsertOutcome& outcome = outcomes_[position];
    if (!documents[position].ok()) {
      outcome.status = documents[position].status();
      continue;
    }
    DocumentInput& input = items_[position].input;
    input = *std::move(documents[position]);
    outcome.status = InField(fmt::format("documents[{}]", position), CheckDocument(input, shape));
    if (outcome.status.ok() && input.id.empty()) input.id = NewUlid();
    outcome.id = input.id;
  }
}

std::vector<std::string> UpsertBatch::Ids() const {
  std::vector<std::string> ids;
  ids.reserve(outcomes_.size());
  for (const UpsertOutcome& outcome : outcomes_) {
    if (outcome.status.ok()) ids.push_back(outcome.id);
  }
  return ids;
}

bool UpsertBatch::NeedsEmbedding(size_t position) const {
  return outcomes_[position].status.ok() && !items_[position].input.vector.has_value() &&
         !items_[position].keep_vector;
}

absl::Status UpsertBatch::KeepUnchangedVectors(const Store& store, uint32_t collection_id) {
  std::unordered_map<std::string_view, size_t> occurrences;
  for (const UpsertOutcome& outcome : outcomes_) {
    if (outcome.status.ok()) ++occurrences[outcome.id];
  }
  for (size_t position = 0; position < items_.size(); ++position) {
    // An id that comes twice changes within the batch, so what is stored now says nothing.
    UpsertOutcome& outcome = outcomes_[position];
    if (!NeedsEmbedding(position) || occurrences[outcome.id] > 1) continue;
    // One at a time: a small batch may name many large documents.
    const auto stored =
        store.GetById(collection_id, std::span(&outcome.id, 1), {.text_and_metadata = true});
    if (!stored.ok()) return stored.status();
    const std::optional<StoredDocument>& document = stored->front();
    Item& item = items_[position];
    if (!document.has_value() || document->vector_source != VectorSource::kEncoder ||
        document->text != item.input.text) {
      continue;
    }
    item.keep_vector = true;
    outcome.token_count = document->token_count;
    outcome.truncated = document->truncated;
  }
  return absl::OkStatus();
}

absl::Status UpsertBatch::Embed(const TextEmbedder& embedder, const CallContext& context) {
  std::vector<size_t> positions;
  std::vector<std::string_view> texts;
  for (size_t position = 0; position < items_.size(); ++position) {
    if (!NeedsEmbedding(position)) continue;
    positions.push_back(position);
    texts.push_back(items_[position].input.text);
  }
  auto encoded = embedder.Encode(texts, context);
  if (!encoded.ok()) return encoded.status();
  for (size_t done = 0; done < positions.size(); ++done) {
    Embedding& embedding = encoded->embeddings[done];
    Item& item = items_[positions[done]];
    item.input.vector = std::move(embedding.vector);
    item.vector_source = VectorSource::kEncoder;
    UpsertOutcome& outcome = outcomes_[positions[done]];
    outcome.embedded = true;
    outcome.token_count = embedding.token_count;
    outcome.truncated = embedding.truncated;
  }
  return absl::OkStatus();
}

std::vector<WriteOperation> UpsertBatch::Operations() const {
  std::vector<WriteOperation> operations;
  operations.reserve(items_.size());
  for (size_t position = 0; position < items_.size(); ++position) {
    const UpsertOutcome& outcome = outcomes_[position];
    if (!outcome.status.ok()) continue;
    const Item& item = items_[position];
    operations.emplace_back(PutOperation{.id = item.input.id,
                                         .text = item.input.text,
                                         .metadata = item.input.metadata,
                                         .vector = item.input.vector,
                                         .vector_source = item.vector_source,
                                         .token_count = outcome.token_count,
                                         .truncated = outcome.truncated});
  }
  return operations;
}

void UpsertBatch::ApplyToMetadata(const std::vector<OperationResult>& results,
                                  MetadataIndex& metadata) const {
  size_t operation = 0;
  for (size_t position = 0; position < items_.size(); ++position) {
    if (!outcomes_[position].status.ok()) continue;
    const OperationResult& result = results[operation++];
    if (result.effect == OperationResult::Effect::kNotFound) continue;
    metadata.Publish(result.label, metadata.Stage(items_[position].input.metadata));
  }
}

absl::Status UpsertBatch::ApplyToIndex(const std::vector<OperationResult>& results,
                                       VectorIndex& index) {
  absl::Status first_error;
  size_t operation = 0;
  for (size_t position = 0; position < items_.size(); ++position) {
    UpsertOutcome& outcome = outcomes_[position];
    if (!outcome.status.ok()) continue;
    const OperationResult& result = results[operation++];
    outcome.created = result.effect == OperationResult::Effect::kCreated;
    const std::optional<std::vector<float>>& vector = items_[position].input.vector;
    if (!vector.has_value()) continue;
    const absl::Status applied = index.Upsert(result.label, *vector);
    if (!applied.ok() && first_error.ok()) first_error = applied;
  }
  return first_error;
}

size_t UpsertBatch::good_count() const {
  return static_cast<size_t>(
      std::count_if(outcomes_.begin(), outcomes_.end(),
                    [](const UpsertOutcome& outcome) { return outcome.status.ok(); }));
}

size_t UpsertBatch::reused_count() const {
  return static_cast<size_t>(std::count_if(items_.begin(), items_.end(),
                                           [](const Item& item) { return item.keep_vector; }));
}

}  // namespace simile
