#ifndef SIMILE_SERVER_ENGINE_COLLECTION_H_
#define SIMILE_SERVER_ENGINE_COLLECTION_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "embedder/encoder_service.h"
#include "filter/metadata_index.h"
#include "index/vector_index.h"
#include "server/engine/call_context.h"
#include "server/engine/collection_index.h"
#include "server/engine/memory_guard.h"
#include "server/engine/mutex.h"
#include "server/engine/recall_sampler.h"
#include "server/engine/requests.h"
#include "server/engine/text_embedder.h"
#include "server/engine/write_gate.h"
#include "storage/store.h"

namespace simile {

enum class CollectionState { kLoading, kReady, kFailed };

struct CollectionDescription {
  CollectionRecord record;
  Metric metric = Metric::kCosine;  // What the numbers in the record mean.
  IndexEngine engine = IndexEngine::kAuto;
  CodeFormat codes = CodeFormat::kSq8;
  CollectionState state = CollectionState::kLoading;
  std::string state_reason;  // Why it failed.
  uint64_t document_count = 0;
  uint64_t disk_bytes = 0;
  // What is put before texts: the collection's own prompts or the model's default. Empty: nothing.
  std::string query_prompt;
  std::string document_prompt;
  std::vector<std::string> warnings;  // What an operator should know of it, in sentences.
  IndexStatistics index;
  double load_progress = 0;                // 0 to 1.
  std::optional<RebuildProgress> rebuild;  // None: no index is being built to take its place.
};

// How filters and walks fare.
struct SearchStatistics {
  MetadataIndexStatistics metadata;
  bool is_metadata_complete = false;
  std::vector<LiveRecall> live_recall;
};

struct CollectionCounters {
  std::atomic<uint64_t> searches{0};
  std::atomic<uint64_t> documents_written{0};
  std::atomic<uint64_t> documents_reused{0};  // Written without embedding: the text was the same.
};

// What can change while documents stay. None: unchanged.
struct CollectionChanges {
  std::optional<uint32_t> ef_search;
  std::optional<std::string> query_prompt;
  // Another kind of index is built in the background and then takes the place of the present one;
  // asking for the present kind cancels that.
  std::optional<IndexEngine> engine;
  std::optional<CodeFormat> codes;
};

struct UpsertOptions {
  Durability durability = Durability::kFsync;
  std::optional<IngestProgress> progress;  // Committed with the documents.
};

// Documents that are searched together: the order of truth is here. A write embeds, commits to the
// store, then changes the index, then answers; so a search that starts after the answer sees it.
// Writes of the same id are done one after the other, all others run together.
//
// A collection whose stored records turn out to be damaged fails: from then on searches and writes
// are DataLoss with what was damaged, so that no answer is silently short. Get and List go on and
// name what they cannot read. Other collections are not concerned.
//
// Thread safety: all methods may be called together. References must outlive the collection.
class Collection {
 public:
  // What all collections share.
  struct Surroundings {
    Store& store;
    MemoryGuard& memory_guard;
    CollectionCounters& counters;
    RecallSampler& recall_sampler;
    uint64_t filter_field_bytes_max;
  };

  // `model` is null for a collection without model. `index` must fit the record.
  Collection(CollectionRecord record, const Surroundings& surroundings,
             std::shared_ptr<EncoderService> model, std::unique_ptr<CollectionIndex> index);

  ~Collection();
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  // A collection that cannot be opened: everything but Describe answers with `reason`.
  Collection(CollectionRecord record, Store& store, const absl::Status& reason);

  // Fills the index with `threads` threads, then the state is kReady (or kFailed).
  // `stop` is polled; true ends early. To be called once, unless the collection is new.
  void Load(size_t threads, const std::atomic<bool>& stop);

  // For a collection just created: nothing to load.
  void MarkReady();

  // Each document fails or succeeds by itself; an error of the call means that nothing was stored.
  // Documents that are errors already keep their status. Unavailable while loading.
  absl::StatusOr<UpsertReport> Upsert(std::vector<absl::StatusOr<DocumentInput>> documents,
                                      const UpsertOptions& options, const CallContext& context);

  // Dry run: only counts.
  absl::StatusOr<RemoveReport> Remove(std::span<const std::string> ids, Durability durability,
                                      bool dry_run, const CallContext& context);

  // All that match, in several commits: when it fails, some may have gone already. Only those that
  // still match when their turn comes. Dry run: only counts.
  absl::StatusOr<RemoveReport> RemoveMatching(const Filter& filter, Durability durability,
                                              bool dry_run, const CallContext& context);

  absl::StatusOr<PatchReport> PatchMetadata(std::vector<absl::StatusOr<MetadataPatch>> patches,
                                            Durability durability, const CallContext& context);

  // Makes `change`, whose id is not looked at, to all that match, in several commits, as
  // RemoveMatching does. A document that would pass a limit stays as it is.
  absl::StatusOr<PatchReport> PatchMatching(const Filter& filter, const MetadataPatch& change,
                                            Durability durability, bool dry_run,
                                            const CallContext& context);

  // In the order of `ids`; nullopt where there is none. Works while loading.
  absl::StatusOr<std::vector<std::optional<StoredDocument>>> Get(std::span<const std::string> ids,
                                                                 DocumentFields fields) const;

  // Documents after `label` (0: from the start), in order of first insertion. Works while loading.
  absl::StatusOr<ListPage> List(uint64_t label, size_t page_size, DocumentFields fields) const;

  // The same of documents that match: labels after `label`, at most `count` of them. Documents of
  // such a page are read by GetMatching.
  absl::StatusOr<std::vector<uint64_t>> MatchingAfter(const Filter& filter, uint64_t label,
                                                      size_t count,
                                                      const CallContext& context) const;

  // In the order of `labels`; nullopt where there is none, or where it does not match.
  absl::StatusOr<std::vector<std::optional<StoredDocument>>> GetMatching(
      const Filter& filter, std::span<const uint64_t> labels, DocumentFields fields) const;

  uint64_t DocumentCount() const;

  // How many documents there are, or match, exactly; and facets over those. InvalidArgument with
  // the path of what is wrong.
  absl::StatusOr<CountReport> Count(const std::optional<Filter>& filter,
                                    const std::vector<Facet>& facets,
                                    const CallContext& context) const;

  // See CollectionIndex; false and nothing while loading or failed.
  bool HasUnwrittenChanges() const;
  absl::StatusOr<CheckpointReport> WriteCheckpoint();
  void RebuildIndexIfStale();

  // Its stored records are damaged as `what` says: it fails, unless it has already.
  void MarkDamaged(const std::string& what) const;

  // Before the collection is dropped: its index gets no more files.
  void Retire();

  // Embeds the texts of all queries together, then answers each.
  absl::StatusOr<SearchBatchReport> Search(std::vector<absl::StatusOr<QueryInput>> queries,
                                           const CallContext& context) const;

  CollectionDescription Describe() const;

  // Cost: a step for each different value of the metadata.
  SearchStatistics DescribeSearch() const;

  // Items handled of an ingest session, from the store.
  absl::StatusOr<uint64_t> IngestItemsHandled(const std::string& session_id) const;

  // All of the changes or none. InvalidArgument with the field; the failure of a collection that
  // could not be opened, when the change needs its model.
  absl::Status Change(const CollectionChanges& changes);

  const std::string& name() const { return name_; }
  uint32_t id() const { return id_; }

 private:
  absl::Status CheckReady() const;
  // The same result; when it says DataLoss, the collection has failed from now on.
  template <typename Result>
  Result Watched(Result result) const {
    NoteDamage(StatusOf(result));
    return result;
  }
  static const absl::Status& StatusOf(const absl::Status& status) { return status; }
  template <typename Value>
  static const absl::Status& StatusOf(const absl::StatusOr<Value>& result) {
    return result.status();
  }
  void NoteDamage(const absl::Status& status) const;
  void LoadMetadata(const std::atomic<bool>& stop);
  absl::Status RemoveStored(std::span<const std::string> ids, const Filter* filter, bool dry_run,
                            const CallContext& context, RemoveReport& report);
  absl::Status PatchStored(std::span<const std::string> ids, const Filter& filter,
                           const MetadataPatch& change, const CallContext& context,
                           PatchReport& report);
  absl::Status CommitPatched(const std::vector<StoredDocument*>& documents,
                             const CallContext& context, PatchReport& report);
  // Calls `handle` with the ids of `labels`, some at a time.
  absl::Status ForEachIdBlock(
      const BitSet& labels,
      const std::function<absl::Status(std::span<const std::string>)>& handle) const;
  void ChangeIndex(const CollectionChanges& changes);
  absl::Status CheckChanges(const CollectionChanges& changes) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  const std::string name_;
  const uint32_t id_;
  Store& store_;
  const std::shared_ptr<EncoderService> model_;
  const std::optional<TextEmbedder> document_embedder_;  // Without a model: none.
  const std::unique_ptr<CollectionIndex> index_;  // Null when the collection cannot be opened.
  MemoryGuard* const memory_guard_ = nullptr;
  CollectionCounters* const counters_ = nullptr;
  RecallSampler* const recall_sampler_ = nullptr;
  const std::shared_ptr<RecallLog> recall_log_ = std::make_shared<RecallLog>();

  MetadataIndex metadata_;
  std::thread metadata_loader_;
  std::atomic<bool> is_closing_{false};

  mutable WriteGate gate_;
  // Reads too find out that records are damaged.
  mutable std::atomic<CollectionState> state_{CollectionState::kLoading};

  mutable Mutex mutex_;
  CollectionRecord record_ ABSL_GUARDED_BY(mutex_);
  mutable absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_COLLECTION_H_
