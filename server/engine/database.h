#ifndef SIMILE_SERVER_ENGINE_DATABASE_H_
#define SIMILE_SERVER_ENGINE_DATABASE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/engine/checkpointer.h"
#include "server/engine/collection.h"
#include "server/engine/ingest_session.h"
#include "server/engine/limits.h"
#include "server/engine/memory_guard.h"
#include "server/engine/model_registry.h"
#include "server/engine/mutex.h"
#include "server/engine/snapshot_scheduler.h"
#include "storage/live_check.h"
#include "storage/snapshot_reader.h"
#include "storage/store.h"

namespace simile {

struct CollectionSettings {
  std::string name;
  std::string model;     // Empty with dimension 0: the default model. Empty otherwise: none.
  size_t dimension = 0;  // 0: the model's. Less than that: its vectors are cut to so many.
  Metric metric = Metric::kCosine;
  IndexEngine engine = IndexEngine::kAuto;
  CodeFormat codes = CodeFormat::kSq8;
  size_t m = 0;  // 0: the default of IndexSettings; so for the next two.
  size_t ef_construction = 0;
  size_t ef_search = 0;
  // Put before each text. None: the model's prompt of that purpose, else its default one.
  std::optional<std::string> query_prompt;
  std::optional<std::string> document_prompt;
  std::vector<std::string> filter_fields;  // Indexed for filters; none: all.
};

struct RestoreRequest {
  std::string snapshot;
  std::string collection;     // Of the snapshot. Empty: all.
  std::string as_collection;  // Only with `collection`. Empty: the same name.
  bool replace = false;       // Collections of these names go.
  bool dry_run = false;       // Everything is checked, and nothing done.
};

// One collection of a restore: what it is, and what it becomes.
struct RestoredCollection {
  std::string name;
  std::string as_collection;
  uint64_t document_count = 0;
  std::optional<uint64_t> replaced_document_count;  // None: there was no collection of that name.
};

struct DatabaseOptions {
  size_t load_threads = 0;        // Threads that fill indexes at start; 0: one per core.
  uint64_t memory_bytes_max = 0;  // Documents are refused above it; 0: never (MemoryGuard).
  // Between two checkpoints of an index at least; 0: none are written.
  std::chrono::milliseconds checkpoint_interval{10'000};
  // A field whose index would take more is not indexed (MetadataIndex).
  uint64_t filter_field_bytes_max = kFilterFieldBytesMax;
  uint64_t recall_sample_every = 100;  // One of so many queries is asked again; 0: none.
  std::chrono::milliseconds snapshot_interval{0};  // Of those taken by itself; 0: none are.
  size_t snapshots_kept = 7;                       // Of these.
};

// The database without a network: collections over one store and the loaded models.
//
// Thread safety: all methods may be called together.
class Database {
 public:
  // Opens what the store holds; no index is filled yet. A model that a collection names and that is
  // not loaded is looked for in the models directory. A collection whose model is missing or has
  // another fingerprint is there, but failed, and says so by name.
  Database(std::unique_ptr<Store> store, std::unique_ptr<ModelRegistry> models,
           const DatabaseOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Fills the indexes from the store; returns when all are ready or failed, or after Stop.
  void Load();

  // Makes Load return soon. Writes that have begun are finished.
  void Stop();

  // True when every collection is ready or failed.
  bool ready() const { return ready_.load(std::memory_order_acquire); }

  // 0 to 1 over all collections.
  double LoadProgress() const;

  absl::StatusOr<std::shared_ptr<Collection>> CreateCollection(const CollectionSettings& settings);
  absl::Status DropCollection(const std::string& name);

  // NotFound names the collection, and one of a similar name when there is one.
  absl::StatusOr<std::shared_ptr<Collection>> Find(const std::string& name) const;

  // By name.
  std::vector<std::shared_ptr<Collection>> Collections() const;

  // Loads a model from the models directory, then opens the collections that had failed for want of
  // it and fills their indexes in the background. Errors as of ModelRegistry::Load.
  absl::Status LoadModel(const std::string& name);

  // FailedPrecondition when a collection uses the model; else as ModelRegistry::Remove.
  absl::Status UnloadModel(const std::string& name);

  // A snapshot of the whole store, of one moment, beside reads and writes; without a name one made
  // of the time. InvalidArgument for a name that cannot be one, ResourceExhausted above
  // kSnapshotsMax; else as Store::CreateSnapshot. With a `collection` one of it alone, which ends
  // early when nobody wants it any more; errors as of Find and Store::CreateCollectionSnapshot.
  absl::StatusOr<SnapshotManifest> CreateSnapshot(const std::string& name,
                                                  const std::string& collection = "",
                                                  const CallContext& context = {});

  // Of those that are taken by themselves.
  SnapshotSchedule GetSnapshotSchedule() const { return snapshot_scheduler_->Schedule(); }

  // InvalidArgument for a name that cannot be one; else as Snapshots says. What reads every byte of
  // a snapshot, here and below, ends early when nobody wants it any more, and is Unavailable when
  // the server is stopping.
  absl::StatusOr<SnapshotManifest> ReadSnapshot(const std::string& name) const;
  absl::StatusOr<SnapshotCheck> VerifySnapshot(const std::string& name,
                                               const CallContext& context = {}) const;
  // With it what an unfinished upload of that name has brought.
  absl::Status RemoveSnapshot(const std::string& name);

  // A snapshot's way to another machine and back (database_transfer.cc). InvalidArgument for a name
  // that cannot be one, and for more than kSnapshotChunkBytesMax; else errors as of Snapshots and
  // SnapshotUploads. `manifest` is the text of one; a `name` that is not empty takes the place of
  // its own. InvalidArgument when it is damaged; ResourceExhausted above kSnapshotsMax. Begin and
  // Finish, when they end early, leave an upload that can be gone on with.
  absl::StatusOr<std::string> ReadSnapshotChunk(const std::string& name, const std::string& path,
                                                uint64_t offset, uint64_t length) const;
  absl::StatusOr<SnapshotUpload> BeginSnapshotUpload(const std::string& name,
                                                     const std::string& manifest,
                                                     const CallContext& context = {});
  absl::StatusOr<uint64_t> WriteSnapshotChunk(const std::string& name, const std::string& path,
                                              uint64_t offset, std::string_view bytes);
  absl::StatusOr<SnapshotManifest> FinishSnapshotUpload(const std::string& name,
                                                        const CallContext& context = {});
  absl::StatusOr<std::vector<SnapshotUpload>> ListSnapshotUploads() const;

  // Copies collections of a snapshot, verified first, into new ones that nobody sees, fills their
  // indexes, and publishes them all at once; until then, and on every error, what is there stays.
  // Nothing is embedded. Unavailable while another restore runs; else errors as RestoreSnapshot of
  // admin_service.proto lists them, and those of Store::Write.
  absl::StatusOr<std::vector<RestoredCollection>> RestoreSnapshot(const RestoreRequest& request,
                                                                  const CallContext& context);

  // Reads some of the tables that are in use for damage, beside reads and writes (CheckLiveTables).
  // Collections of which documents turn out to be affected fail.
  absl::StatusOr<LiveCheck> VerifyData(const std::string& page_token, const CallContext& context);

  // By name; an error in the place of what cannot be read.
  struct NamedSnapshot {
    std::string name;
    absl::StatusOr<SnapshotManifest> manifest;
  };
  absl::StatusOr<std::vector<NamedSnapshot>> ListSnapshots() const;

  const ModelRegistry& models() const { return *models_; }
  IngestSessions& ingest_sessions() { return ingest_sessions_; }
  const CollectionCounters& counters() const { return counters_; }
  StoreStatistics StoreStats() const { return store_->Statistics(); }

 private:
  // A collection of a snapshot on its way.
  struct Restoring;

  std::shared_ptr<Collection> OpenCollection(const CollectionRecord& record);
  // The loaded model of a collection, null when it has none. FailedPrecondition when it cannot be
  // loaded or has another fingerprint.
  absl::StatusOr<std::shared_ptr<EncoderService>> ModelOf(const CollectionRecord& record);
  absl::StatusOr<std::vector<RestoredCollection>> RestoreVerified(const RestoreRequest& request,
                                                                  const CallContext& context);
  absl::StatusOr<std::vector<Restoring>> PlanRestore(const RestoreRequest& request,
                                                     const SnapshotReader& reader);
  absl::Status PrepareRestore(const SnapshotReader& reader, const CallContext& context,
                              Restoring& one);
  absl::Status PublishRestored(std::vector<Restoring>& prepared, bool replace);
  void LogDamageAtStart() const;
  void MarkDamageAtStart(const Collection& collection) const;
  void ReopenCollectionsOf(const std::string& model_name);
  size_t LoadThreads() const;
  SnapshotScheduler::Actions SnapshotActions();
  absl::Status CheckSnapshotCount(const std::string& name) const;
  // For what takes long: Unavailable when the server is stopping, else what the context says. Both
  // must outlive it.
  std::function<absl::Status()> Watching(const CallContext& context) const;

  // Constant after construction.
  const std::unique_ptr<Store> store_;
  const std::unique_ptr<ModelRegistry> models_;
  const DatabaseOptions options_;

  IngestSessions ingest_sessions_;
  CollectionCounters counters_;
  MemoryGuard memory_guard_;
  RecallSampler recall_sampler_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> stop_{false};
  std::atomic<bool> is_restoring_{false};

  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Collection>, std::less<>> collections_
      ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> reopeners_ ABSL_GUARDED_BY(mutex_);

  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<SnapshotScheduler> snapshot_scheduler_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_DATABASE_H_
