#include "server/engine/database.h"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "server/engine/catalog_numbers.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "server/engine/similar_name.h"
#include "server/engine/validation.h"
#include "spdlog/spdlog.h"

namespace simile {
namespace {

absl::StatusOr<IndexSettings> IndexSettingsOf(const CollectionRecord& record) {
  const auto metric = MetricOfNumber(record.metric);
  if (!metric.ok()) return metric.status();
  const auto engine = IndexEngineOfNumber(record.index_engine);
  if (!engine.ok()) return engine.status();
  const auto codes = CodeFormatOfNumber(record.index_codes);
  if (!codes.ok()) return codes.status();
  return IndexSettings{.dimension = record.dimension,
                       .metric = *metric,
                       .engine = *engine,
                       .codes = *codes,
                       .m = record.index_m,
                       .ef_construction = record.index_ef_construction,
                       .ef_search = record.index_ef_search};
}

absl::StatusOr<std::unique_ptr<CollectionIndex>> IndexFor(const CollectionRecord& record,
                                                          Store& store, MemoryGuard& guard) {
  auto settings = IndexSettingsOf(record);
  if (!settings.ok()) return settings.status();
  settings->directory = store.DerivedDirectory(record.id);
  // Ids are never used again; the time tells data directories apart.
  settings->identity = static_cast<uint64_t>(record.created_unix_ms) << 20 | record.id;
  return CollectionIndex::Create(record.name, record.id, *settings, store,
                                 {.check_memory = [&guard] { return guard.Check(); }});
}

int64_t UnixMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

uint32_t OrDefault(size_t value, size_t fallback) {
  return static_cast<uint32_t>(value == 0 ? fallback : value);
}

// The text of the first of `names` that the model has a prompt for, else its default prompt.
std::string PromptOf(const ModelInfo& model, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const auto found = std::ranges::find(model.prompts, name, &Prompt::name);
    if (found != model.prompts.end()) return found->text;
  }
  return model.default_prompt;
}

// The names under which sentence-transformers looks for prompts of the two purposes.
absl::Status ChoosePrompts(const CollectionSettings& settings, const Encoder& model,
                           CollectionRecord& record) {
  const ModelInfo& info = model.info();
  record.query_prompt = settings.query_prompt.value_or(PromptOf(info, {"query"}));
  record.document_prompt =
      settings.document_prompt.value_or(PromptOf(info, {"document", "passage", "corpus"}));
  if (absl::Status s = InField("query_prompt", CheckPrompt(*record.query_prompt, model)); !s.ok()) {
    return s;
  }
  return InField("document_prompt", CheckPrompt(*record.document_prompt, model));
}

// A collection whose vectors come from the client.
absl::Status ChooseNoModel(const CollectionSettings& settings) {
  const auto check = [](const char* field, const std::optional<std::string>& prompt) {
    if (!prompt.has_value()) return absl::OkStatus();
    return InvalidField(field,
                        "a collection with a dimension and without a model embeds no texts, so it "
                        "has no prompt: name the model, or leave the prompt out");
  };
  if (absl::Status s = check("query_prompt", settings.query_prompt); !s.ok()) return s;
  return check("document_prompt", settings.document_prompt);
}

// Fills in the model's part of `record`.
absl::Status ChooseModel(const CollectionSettings& settings, const ModelRegistry& models,
                         CollectionRecord& record) {
  record.dimension = static_cast<uint32_t>(settings.dimension);
  if (settings.model.empty() && settings.dimension != 0) return ChooseNoModel(settings);
  const auto service = models.Find(settings.model);
  if (!service.ok()) {
    if (settings.model.empty()) {
      return InField("dimension",
                     absl::FailedPreconditionError(
                         "this server has no model: give the collection a dimension and bring "
                         "vectors, or start the server with --model DIR"));
    }
    return InField("model", service.status());
  }
  const ModelInfo& info = (*service)->encoder().info();
  if (settings.dimension > info.dimension) {
    return InvalidField("dimension",
                        fmt::format("the dimension is {}, but model '{}' has {}: leave "
                                    "it out, or choose less to cut its vectors",
                                    settings.dimension, info.name, info.dimension));
  }
  if (settings.dimension == 0) record.dimension = static_cast<uint32_t>(info.dimension);
  record.model_name = info.name;
  record.model_fingerprint = info.fingerprint;
  record.model_precision = info.precision;
  return ChoosePrompts(settings, (*service)->encoder(), record);
}

}  // namespace

Database::Database(std::unique_ptr<Store> store, std::unique_ptr<ModelRegistry> models,
                   const DatabaseOptions& options)
    : store_(std::move(store)),
      models_(std::move(models)),
      options_(options),
      memory_guard_(options.memory_bytes_max),
      recall_sampler_(options.recall_sample_every) {
  LogDamageAtStart();
  WriteLock lock(mutex_);
  for (const CollectionRecord& record : store_->Collections()) {
    collections_.emplace(record.name, OpenCollection(record));
  }
  checkpointer_ = std::make_unique<Checkpointer>([this] { return Collections(); },
                                                 options_.checkpoint_interval);
  snapshot_scheduler_ = std::make_unique<SnapshotScheduler>(
      SnapshotActions(), options_.snapshot_interval, options_.snapshots_kept);
}

Database::~Database() {
  Stop();
  std::vector<std::thread> reopeners;
  {
    WriteLock lock(mutex_);
    reopeners.swap(reopeners_);
  }
  for (std::thread& reopener : reopeners) reopener.join();
  snapshot_scheduler_.reset();
  checkpointer_.reset();
  if (options_.checkpoint_interval.count() == 0) return;
  for (const std::shared_ptr<Collection>& collection : Collections()) {
    if (!collection->HasUnwrittenChanges()) continue;
    const auto written = collection->WriteCheckpoint();
    if (!written.ok()) {
      spdlog::warn("collection '{}': the last changes of its index are not in its files: {}",
                   collection->name(), MessageOf(written.status()));
    }
  }
}

absl::StatusOr<std::shared_ptr<EncoderService>> Database::ModelOf(const CollectionRecord& record) {
  if (record.model_name.empty()) return std::shared_ptr<EncoderService>();
  auto found = models_->Find(record.model_name);
  if (!found.ok()) {
    const absl::Status loaded = models_->Load(record.model_name);
    if (loaded.ok()) found = models_->Find(record.model_name);
    if (!found.ok()) {
      return absl::FailedPreconditionError(fmt::format(
          "collection '{}' was made with model '{}', which this server has not loaded: start it "
          "with --model DIR of that model ({})",
          record.name, record.model_name, MessageOf(loaded)));
    }
  }
  const std::string& fingerprint = (*found)->encoder().info().fingerprint;
  if (fingerprint == record.model_fingerprint) return found;
  return absl::FailedPreconditionError(fmt::format(
      "collection '{}' was made with model '{}' of fingerprint {}, but the loaded model of that "
      "name has {}: start the server with the first one",
      record.name, record.model_name, record.model_fingerprint, fingerprint));
}

std::shared_ptr<Collection> Database::OpenCollection(const CollectionRecord& record) {
  const auto model = ModelOf(record);
  if (!model.ok()) return std::make_shared<Collection>(record, *store_, model.status());
  auto index = IndexFor(record, *store_, memory_guard_);
  if (!index.ok()) {
    return std::make_shared<Collection>(
        record, *store_,
        absl::Status(index.status().code(), fmt::format("collection '{}' cannot be opened: {}",
                                                        record.name, MessageOf(index.status()))));
  }
  const Collection::Surroundings surroundings{
      .store = *store_,
      .memory_guard = memory_guard_,
      .counters = counters_,
      .recall_sampler = recall_sampler_,
      .filter_field_bytes_max = options_.filter_field_bytes_max};
  auto collection = std::make_shared<Collection>(record, surroundings, *model, *std::move(index));
  MarkDamageAtStart(*collection);
  return collection;
}

size_t Database::LoadThreads() const {
  if (options_.load_threads != 0) return options_.load_threads;
  return std::max<size_t>(1, std::thread::hardware_concurrency());
}

void Database::Load() {
  for (const std::shared_ptr<Collection>& collection : Collections()) {
    if (stop_) return;
    collection->Load(LoadThreads(), stop_);
  }
  if (!stop_) ready_.store(true, std::memory_order_release);
}

void Database::Stop() { stop_ = true; }

double Database::LoadProgress() const {
  double loaded = 0;
  double total = 0;
  for (const std::shared_ptr<Collection>& collection : Collections()) {
    const CollectionDescription description = collection->Describe();
    const auto count = static_cast<double>(description.document_count);
    loaded += count * description.load_progress;
    total += count;
  }
  return total > 0 ? loaded / total : 1;
}

absl::StatusOr<std::shared_ptr<Collection>> Database::CreateCollection(
    const CollectionSettings& settings) {
  if (absl::Status s = CheckCollectionSettings(settings); !s.ok()) return s;
  const IndexSettings defaults;
  CollectionRecord record{
      .name = settings.name,
      .metric = CatalogNumber(settings.metric),
      .index_engine = CatalogNumber(settings.engine),
      .index_m = OrDefault(settings.m, defaults.m),
      .index_ef_construction = OrDefault(settings.ef_construction, defaults.ef_construction),
      .index_ef_search = OrDefault(settings.ef_search, defaults.ef_search),
      .created_unix_ms = UnixMs(),
      .index_codes = CatalogNumber(settings.codes),
      .filter_fields = settings.filter_fields};
  // From here on no model can go away.
  WriteLock lock(mutex_);
  if (absl::Status s = ChooseModel(settings, *models_, record); !s.ok()) return s;
  if (collections_.contains(settings.name)) {
    return absl::AlreadyExistsError(
        fmt::format("there is a collection '{}' already", settings.name));
  }
  if (collections_.size() >= kCollectionsMax) {
    return absl::ResourceExhaustedError(
        fmt::format("there are {} collections; at most {} are allowed: delete one, or tell "
                    "documents apart by metadata",
                    collections_.size(), kCollectionsMax));
  }
  auto created = store_->CreateCollection(record);
  if (!created.ok()) return created.status();
  std::shared_ptr<Collection> collection = OpenCollection(*created);
  collection->MarkReady();
  collections_.emplace(settings.name, collection);
  return collection;
}

absl::Status Database::DropCollection(const std::string& name) {
  auto collection = Find(name);
  if (!collection.ok()) return collection.status();
  (*collection)->Retire();
  WriteLock lock(mutex_);
  if (absl::Status s = store_->DropCollection((*collection)->id()); !s.ok()) return s;
  collections_.erase(name);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Collection>> Database::Find(const std::string& name) const {
  ReadLock lock(mutex_);
  const auto found = collections_.find(name);
  if (found != collections_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, collection] : collections_) names.push_back(known);
  const std::string similar = SimilarName(name, names);
  return absl::NotFoundError(
      similar.empty()
          ? fmt::format("there is no collection '{}'", name)
          : fmt::format("there is no collection '{}'; did you mean '{}'?", name, similar));
}

std::vector<std::shared_ptr<Collection>> Database::Collections() const {
  ReadLock lock(mutex_);
  std::vector<std::shared_ptr<Collection>> collections;
  for (const auto& [name, collection] : collections_) collections.push_back(collection);
  return collections;
}

absl::Status Database::LoadModel(const std::string& name) {
  if (absl::Status s = models_->Load(name); !s.ok()) return s;
  ReopenCollectionsOf(name);
  return absl::OkStatus();
}

void Database::ReopenCollectionsOf(const std::string& model_name) {
  WriteLock lock(mutex_);
  if (stop_) return;
  std::vector<std::shared_ptr<Collection>> reopened;
  for (auto& [name, collection] : collections_) {
    const CollectionDescription description = collection->Describe();
    if (description.record.model_name != model_name) continue;
    if (description.state != CollectionState::kFailed) continue;
    // Somebody may still hold it, and it must not write to the files of the new one.
    collection->Retire();
    collection = OpenCollection(description.record);
    reopened.push_back(collection);
  }
  if (reopened.empty()) return;
  reopeners_.emplace_back([this, reopened = std::move(reopened)] {
    for (const std::shared_ptr<Collection>& collection : reopened) {
      collection->Load(LoadThreads(), stop_);
    }
  });
}

absl::Status Database::UnloadModel(const std::string& name) {
  WriteLock lock(mutex_);
  for (const auto& [collection_name, collection] : collections_) {
    const CollectionDescription description = collection->Describe();
    if (description.record.model_name != name) continue;
    if (description.state == CollectionState::kFailed) continue;
    return absl::FailedPreconditionError(fmt::format(
        "collection '{}' uses model '{}': delete the collection first", collection_name, name));
  }
  return models_->Remove(name);
}

}  // namespace simile
