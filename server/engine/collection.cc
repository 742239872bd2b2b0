#include "server/engine/collection.h"

#include <algorithm>
#include <utility>

#include "base/kill_point.h"
#include "fmt/format.h"
#include "server/engine/catalog_numbers.h"
#include "server/engine/document_filter.h"
#include "server/engine/errors.h"
#include "server/engine/facet_counter.h"
#include "server/engine/filter_validation.h"
#include "server/engine/limits.h"
#include "server/engine/search_runner.h"
#include "server/engine/stopwatch.h"
#include "server/engine/upsert_batch.h"
#include "server/engine/validation.h"
#include "spdlog/spdlog.h"

namespace simile {
namespace {

constexpr std::chrono::milliseconds kRetryWhileLoading{500};

std::optional<TextEmbedder> DocumentEmbedder(const CollectionRecord& record,
                                             const std::shared_ptr<EncoderService>& model) {
  if (model == nullptr) return std::nullopt;
  return TextEmbedder(*model, EncodeLane::kIngest, record.document_prompt, record.dimension);
}

CollectionShape ShapeOf(const VectorIndex& index, const EncoderService* model) {
  return {.dimension = index.dimension(), .metric = index.metric(), .has_model = model != nullptr};
}

}  // namespace

Collection::Collection(CollectionRecord record, const Surroundings& surroundings,
                       std::shared_ptr<EncoderService> model,
                       std::unique_ptr<CollectionIndex> index)
    : name_(record.name),
      id_(record.id),
      store_(surroundings.store),
      model_(std::move(model)),
      document_embedder_(DocumentEmbedder(record, model_)),
      index_(std::move(index)),
      memory_guard_(&surroundings.memory_guard),
      counters_(&surroundings.counters),
      recall_sampler_(&surroundings.recall_sampler),
      metadata_({.field_bytes_max = surroundings.filter_field_bytes_max,
                 .fields_max = kFilterFieldsMax,
                 .fields = {record.filter_fields.begin(), record.filter_fields.end()}}),
      record_(std::move(record)) {}

Collection::Collection(CollectionRecord record, Store& store, const absl::Status& reason)
    : name_(record.name),
      id_(record.id),
      store_(store),
      metadata_(MetadataIndex::Options()),
      record_(std::move(record)) {
  WriteLock lock(mutex_);
  failure_ = reason;
  state_ = CollectionState::kFailed;
}

// A rebuild that ends now would still write to the record.
Collection::~Collection() {
  if (index_ != nullptr) index_->CancelRebuild();
  is_closing_ = true;
  if (metadata_loader_.joinable()) metadata_loader_.join();
}

absl::Status Collection::CheckReady() const {
  switch (state_.load(std::memory_order_acquire)) {
    case CollectionState::kReady:
      return absl::OkStatus();
    case CollectionState::kLoading:
      return WithRetryAfter(
          absl::UnavailableError(fmt::format(
              "the index of collection '{}' is being rebuilt ({} of {} vectors); try again soon",
              name_, index_->loaded_count(), store_.DocumentCount(id_))),
          kRetryWhileLoading);
    case CollectionState::kFailed:
      break;
  }
  ReadLock lock(mutex_);
  return failure_;
}

// One that was dropped has no records, which is not damage: its reads are NotFound.
void Collection::NoteDamage(const absl::Status& status) const {
  if (status.code() != absl::StatusCode::kDataLoss) return;
  WriteLock lock(mutex_);
  if (state_ == CollectionState::kFailed) return;
  failure_ = absl::DataLossError(fmt::format(
      "collection '{}' is damaged: {}. Searches and writes of it are refused, other collections "
      "are not concerned: `simile verify`, or simile-server check while it is stopped, tells how "
      "much is lost; restore the collection from a snapshot, or delete it, or let simile-server "
      "recover drop what cannot be read",
      name_, MessageOf(status)));
  state_.store(CollectionState::kFailed, std::memory_order_release);
  spdlog::error("{}", MessageOf(failure_));
}

void Collection::Load(size_t threads, const std::atomic<bool>& stop) {
  if (state_ != CollectionState::kLoading) return;
  const absl::Status loaded = Watched(index_->Load(threads, stop));
  if (loaded.ok() && stop) return;
  {
    WriteLock lock(mutex_);
    // A read that came meanwhile may have met damage.
    if (state_ == CollectionState::kFailed) return;
    if (!loaded.ok()) {
      failure_ = absl::Status(loaded.code(), fmt::format("collection '{}' cannot be opened: {}",
                                                         name_, MessageOf(loaded)));
    }
    state_.store(loaded.ok() ? CollectionState::kReady : CollectionState::kFailed,
                 std::memory_order_release);
  }
  if (loaded.ok()) metadata_loader_ = std::thread([this, &stop] { LoadMetadata(stop); });
}

// Beside searches and writes: until it is done, filters look at the documents themselves.
void Collection::LoadMetadata(const std::atomic<bool>& stop) {
  constexpr size_t kBlockDocuments = 256;
  for (uint64_t after_label = 0; !stop && !is_closing_;) {
    const auto block = Watched(store_.List(id_, after_label, kBlockDocuments, {}));
    if (!block.ok()) {
      // One that was dropped meanwhile needs none.
      if (block.status().code() == absl::StatusCode::kNotFound) return;
      spdlog::error("collection '{}': filters stay slow, because the metadata cannot be read: {}",
                    name_, MessageOf(block.status()));
      return;
    }
    if (block->empty()) {
      metadata_.EndLoading();
      return;
    }
    for (const StoredDocument& document : *block) {
      metadata_.Load(document.label, document.metadata);
    }
    after_label = block->back().label;
  }
}

void Collection::MarkReady() {
  metadata_.EndLoading();
  state_.store(CollectionState::kReady, std::memory_order_release);
}

absl::StatusOr<UpsertReport> Collection::Upsert(
    std::vector<absl::StatusOr<DocumentInput>> documents, const UpsertOptions& options,
    const CallContext& context) {
  if (absl::Status s = CheckReady(); !s.ok()) return s;
  if (absl::Status s = memory_guard_->Check(); !s.ok()) return s;
  UpsertBatch batch(std::move(documents), ShapeOf(*index_->Get(), model_.get()));
  UpsertReport report;

  // From here to the end nobody else writes these documents.
  const auto pass = gate_.Enter(batch.Ids(), context);
  if (!pass.ok()) return pass.status();
  if (model_ != nullptr) {
    Stopwatch embed_watch;
    if (absl::Status s = Watched(batch.KeepUnchangedVectors(store_, id_)); !s.ok()) return s;
    if (absl::Status s = batch.Embed(*document_embedder_, context); !s.ok()) return s;
    report.timings.embed = embed_watch.Elapsed();
  }
  if (absl::Status s = context.Check(); !s.ok()) return s;

  if (batch.good_count() > 0 || options.progress.has_value()) {
    Stopwatch commit_watch;
    AppliedSequence::Change change = index_->BeginChange();
    auto committed = Watched(store_.Write({.collection_id = id_,
                                           .operations = batch.Operations(),
                                           .progress = options.progress,
                                           .durability = options.durability}));
    if (!committed.ok()) return committed.status();
    report.timings.commit = commit_watch.Elapsed();
    report.commit_sequence = committed->sequence;
    report.durability = committed->durability;

    Stopwatch index_watch;
    KillPoint("upsert.before-metadata");
    batch.ApplyToMetadata(committed->operations, metadata_);
    KillPoint("upsert.before-index");
    if (absl::Status s = batch.ApplyToIndex(committed->operations, *index_->Get()); !s.ok()) {
      change.Lost();
      return absl::Status(s.code(), fmt::format("stored as commit {}, but not yet searchable: {}; "
                                                "it will be after a restart",
                                                committed->sequence, MessageOf(s)));
    }
    report.timings.index = index_watch.Elapsed();
  }
  counters_->documents_written += batch.good_count();
  counters_->documents_reused += batch.reused_count();
  report.outcomes = batch.TakeOutcomes();
  return report;
}

absl::StatusOr<std::vector<std::optional<StoredDocument>>> Collection::Get(
    std::span<const std::string> ids, DocumentFields fields) const {
  if (absl::Status s = CheckIds(ids); !s.ok()) return s;
  return Watched(store_.GetById(id_, ids, fields));
}

absl::StatusOr<ListPage> Collection::List(uint64_t label, size_t page_size,
                                          DocumentFields fields) const {
  if (page_size == 0 || page_size > kPageSizeMax) {
    return InvalidField("page_size", fmt::format("the page size is {}; it must be 1 to {}",
                                                 page_size, kPageSizeMax));
  }
  // One more than the page shows whether there is another page.
  auto documents = Watched(store_.List(id_, label, page_size + 1, fields));
  if (!documents.ok()) return documents.status();
  ListPage page{.documents = *std::move(documents)};
  if (page.documents.size() > page_size) {
    page.documents.pop_back();
    page.next_label = page.documents.back().label;
  }
  return page;
}

absl::StatusOr<std::vector<uint64_t>> Collection::MatchingAfter(const Filter& filter,
                                                                uint64_t label, size_t count,
                                                                const CallContext& context) const {
  if (absl::Status s = InField("filter", CheckFilter(filter)); !s.ok()) return s;
  const auto matches = Watched(DocumentFilter(metadata_, store_, id_).Match(filter, context));
  if (!matches.ok()) return matches.status();
  std::vector<uint64_t> labels;
  matches->labels.ForEach([&](size_t one) {
    if (one > label && labels.size() < count) labels.push_back(one);
  });
  return labels;
}

absl::StatusOr<std::vector<std::optional<StoredDocument>>> Collection::GetMatching(
    const Filter& filter, std::span<const uint64_t> labels, DocumentFields fields) const {
  fields.text_and_metadata = true;
  auto documents = Watched(store_.GetByLabel(id_, labels, fields));
  if (!documents.ok()) return documents;
  for (std::optional<StoredDocument>& document : *documents) {
    if (document.has_value() && !IsMatch(filter, *document)) document.reset();
  }
  return documents;
}

uint64_t Collection::DocumentCount() const { return store_.DocumentCount(id_); }

absl::StatusOr<CountReport> Collection::Count(const std::optional<Filter>& filter,
                                              const std::vector<Facet>& facets,
                                              const CallContext& context) const {
  CountReport report;
  if (absl::Status s = CheckFacets(facets); !s.ok()) return s;
  std::optional<FilterMatches> matches;
  if (filter.has_value()) {
    if (absl::Status s = InField("filter", CheckFilter(*filter)); !s.ok()) return s;
    auto found = Watched(DocumentFilter(metadata_, store_, id_).Match(*filter, context));
    if (!found.ok()) return found.status();
    matches = *std::move(found);
    report.filter = std::move(matches->report);
  }
  report.count = matches.has_value() ? report.filter->matching_count : DocumentCount();
  const FacetCounter counter(metadata_, store_, id_);
  auto counted =
      Watched(counter.Count(facets, matches.has_value() ? &matches->labels : nullptr, context));
  if (!counted.ok()) return counted.status();
  report.facets = *std::move(counted);
  return report;
}

bool Collection::HasUnwrittenChanges() const {
  return state_ == CollectionState::kReady && index_->HasChanges();
}

absl::StatusOr<CheckpointReport> Collection::WriteCheckpoint() {
  if (state_ != CollectionState::kReady) return CheckpointReport{};
  return index_->WriteCheckpoint();
}

void Collection::RebuildIndexIfStale() {
  if (state_ == CollectionState::kReady) index_->RebuildIfStale();
}

void Collection::MarkDamaged(const std::string& what) const {
  NoteDamage(absl::DataLossError(what));
}

void Collection::Retire() {
  if (index_ != nullptr) index_->Retire();
}

absl::StatusOr<SearchBatchReport> Collection::Search(
    std::vector<absl::StatusOr<QueryInput>> queries, const CallContext& context) const {
  if (absl::Status s = CheckReady(); !s.ok()) return s;
  counters_->searches += queries.size();
  size_t ef_search = 0;
  std::optional<TextEmbedder> embedder;
  {
    ReadLock lock(mutex_);
    ef_search = record_.index_ef_search;
    if (model_ != nullptr) {
      embedder.emplace(*model_, EncodeLane::kQuery, record_.query_prompt, record_.dimension);
    }
  }
  const SearchRunner runner({.store = store_,
                             .collection_id = id_,
                             .metadata = metadata_,
                             .index = index_->Get(),
                             .embedder = embedder.has_value() ? &*embedder : nullptr,
                             .ef_search = ef_search,
                             .sampler = *recall_sampler_,
                             .recall_log = recall_log_});
  auto batch = Watched(runner.Run(std::move(queries), context));
  if (!batch.ok()) return batch;
  for (const absl::StatusOr<SearchReport>& report : batch->reports) NoteDamage(report.status());
  return batch;
}

CollectionDescription Collection::Describe() const {
  CollectionDescription description;
  description.state = state_.load(std::memory_order_acquire);
  description.document_count = DocumentCount();
  description.disk_bytes = store_.DiskBytes(id_);
  if (index_ != nullptr) {
    description.index = index_->Get()->Statistics();
    description.rebuild = index_->rebuild_progress();
    if (const std::string failure = index_->rebuild_failure(); !failure.empty()) {
      description.warnings.push_back(
          fmt::format("the index of collection '{}' could not be exchanged: {}", name_, failure));
    }
  }
  const auto count = static_cast<double>(description.document_count);
  const auto loaded = index_ != nullptr ? static_cast<double>(index_->loaded_count()) : 0;
  description.load_progress = description.state != CollectionState::kLoading ? 1
                              : count > 0 ? std::min(1.0, loaded / count)
                                          : 0;
  ReadLock lock(mutex_);
  description.record = record_;
  description.metric = MetricOfNumber(record_.metric).value_or(Metric::kCosine);
  description.engine = IndexEngineOfNumber(record_.index_engine).value_or(IndexEngine::kAuto);
  description.codes = CodeFormatOfNumber(record_.index_codes).value_or(CodeFormat::kSq8);
  if (!failure_.ok()) description.state_reason = MessageOf(failure_);
  const std::string default_prompt =
      model_ != nullptr ? model_->encoder().info().default_prompt : "";
  description.query_prompt = record_.query_prompt.value_or(default_prompt);
  description.document_prompt = record_.document_prompt.value_or(default_prompt);
  if (model_ == nullptr || record_.model_precision.empty()) return description;
  if (const std::string& precision = model_->encoder().info().precision;
      precision != record_.model_precision) {
    description.warnings.push_back(fmt::format(
        "collection '{}' was made with model '{}' in {}, and this server embeds in {}: its vectors "
        "compare, but equal texts differ in the fourth digit (option encoder-precision)",
        name_, record_.model_name, record_.model_precision, precision));
  }
  return description;
}

SearchStatistics Collection::DescribeSearch() const {
  return {.metadata = metadata_.Statistics(),
          .is_metadata_complete = metadata_.is_complete(),
          .live_recall = recall_log_->Read()};
}

absl::StatusOr<uint64_t> Collection::IngestItemsHandled(const std::string& session_id) const {
  if (absl::Status s = CheckReady(); !s.ok()) return s;
  return store_.IngestItemsHandled(id_, session_id);
}

absl::Status Collection::CheckChanges(const CollectionChanges& changes) const {
  if (changes.ef_search.has_value() &&
      (*changes.ef_search == 0 || *changes.ef_search > kEfSearchMax)) {
    return InvalidField("ef_search", fmt::format("ef_search is {}; it must be 1 to {}",
                                                 *changes.ef_search, kEfSearchMax));
  }
  if (!changes.query_prompt.has_value()) return absl::OkStatus();
  if (record_.model_name.empty()) {
    return InvalidField("query_prompt", "the collection has no model, so it embeds no texts");
  }
  if (model_ == nullptr) return failure_;
  return InField("query_prompt", CheckPrompt(*changes.query_prompt, model_->encoder()));
}

absl::Status Collection::Change(const CollectionChanges& changes) {
  const bool changes_index = changes.engine.has_value() || changes.codes.has_value();
  if (changes_index) {
    if (absl::Status s = CheckReady(); !s.ok()) return s;
  }
  {
    WriteLock lock(mutex_);
    if (absl::Status s = CheckChanges(changes); !s.ok()) return s;
    CollectionRecord changed = record_;
    if (changes.ef_search.has_value()) changed.index_ef_search = *changes.ef_search;
    if (changes.query_prompt.has_value()) changed.query_prompt = changes.query_prompt;
    if (changed != record_) {
      if (absl::Status s = store_.UpdateCollection(changed); !s.ok()) return s;
      record_ = std::move(changed);
    }
  }
  if (changes_index) ChangeIndex(changes);
  return absl::OkStatus();
}

void Collection::ChangeIndex(const CollectionChanges& changes) {
  IndexKind kind = index_->kind();
  kind.engine = changes.engine.value_or(kind.engine);
  kind.codes = changes.codes.value_or(kind.codes);
  index_->Rebuild(kind, [this, kind] {
    WriteLock lock(mutex_);
    CollectionRecord changed = record_;
    changed.index_engine = CatalogNumber(kind.engine);
    changed.index_codes = CatalogNumber(kind.codes);
    if (absl::Status s = store_.UpdateCollection(changed); !s.ok()) return s;
    record_ = std::move(changed);
    return absl::OkStatus();
  });
}

}  // namespace simile
