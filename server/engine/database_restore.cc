// Collections of snapshots brought back beside reads and writes; see database.h.
#include <algorithm>
#include <utility>

#include "base/kill_point.h"
#include "fmt/format.h"
#include "server/engine/database.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "server/engine/similar_name.h"
#include "server/engine/stopwatch.h"
#include "server/engine/validation.h"
#include "spdlog/spdlog.h"

namespace simile {

struct Database::Restoring {
  CollectionRecord record;  // As in the snapshot.
  RestoredCollection outcome;
  std::optional<uint32_t> created_id;      // In the store, unpublished.
  std::shared_ptr<Collection> collection;  // With its index filled, to be published.
};

namespace {

// Of at most 2 MiB of text and metadata each.
constexpr size_t kBlockDocuments = 64;

absl::Status CheckRestoreRequest(const RestoreRequest& request) {
  if (absl::Status s = CheckSnapshotName(request.snapshot); !s.ok()) return s;
  if (request.as_collection.empty()) return absl::OkStatus();
  if (request.collection.empty()) {
    return InvalidField("as_collection",
                        "another name is for one collection: say which one of the snapshot");
  }
  return InField("as_collection", CheckCollectionName(request.as_collection));
}

absl::Status NotInSnapshot(const RestoreRequest& request,
                           const std::vector<CollectionRecord>& records) {
  std::vector<std::string> names;
  for (const CollectionRecord& record : records) names.push_back(record.name);
  const std::string similar = SimilarName(request.collection, names);
  return absl::NotFoundError(fmt::format("snapshot '{}' has no collection '{}'{}", request.snapshot,
                                         request.collection,
                                         similar.empty() ? "" : ", but '" + similar + "'"));
}

PutOperation PutOf(StoredDocument document) {
  return {.id = std::move(document.id),
          .text = std::move(document.text),
          .metadata = std::move(document.metadata),
          .vector = std::move(document.vector),
          .vector_source = document.vector_source,
          .token_count = document.token_count,
          .truncated = document.truncated};
}

// All documents, in their order; they are in the log when it returns.
absl::Status CopyDocuments(const SnapshotReader& reader, uint32_t from_id, uint32_t to_id,
                           MemoryGuard& memory_guard, const std::function<absl::Status()>& check,
                           Store& store) {
  uint64_t copied = 0;
  for (uint64_t after_label = 0;;) {
    if (absl::Status s = check(); !s.ok()) return s;
    if (absl::Status s = memory_guard.Check(); !s.ok()) return s;
    auto block = reader.List(from_id, after_label, kBlockDocuments);
    if (!block.ok()) return block.status();
    if (block->empty()) break;
    after_label = block->back().label;
    copied += block->size();
    // Nobody is told of them before all are there, so one sync is enough for all.
    WriteRequest request{.collection_id = to_id, .durability = Durability::kOsBuffer};
    for (StoredDocument& document : *block) {
      request.operations.emplace_back(PutOf(std::move(document)));
    }
    if (const auto written = store.Write(std::move(request)); !written.ok()) {
      return written.status();
    }
  }
  if (const uint64_t count = reader.DocumentCount(from_id); copied != count) {
    return absl::DataLossError(
        fmt::format("{} documents were found in the snapshot, which counts {}", copied, count));
  }
  return store.SyncLog();
}

}  // namespace

absl::StatusOr<std::vector<RestoredCollection>> Database::RestoreSnapshot(
    const RestoreRequest& request, const CallContext& context) {
  if (absl::Status s = CheckRestoreRequest(request); !s.ok()) return s;
  // Not a lock: who waited would hold a thread of the pool that all calls of administration need.
  if (is_restoring_.exchange(true)) {
    return absl::UnavailableError("another restore is running: ask again when it is done");
  }
  auto restored = RestoreVerified(request, context);
  is_restoring_ = false;
  return restored;
}

absl::StatusOr<std::vector<RestoredCollection>> Database::RestoreVerified(
    const RestoreRequest& request, const CallContext& context) {
  const Stopwatch watch;
  const auto manifest = store_->snapshots().Read(request.snapshot);
  if (!manifest.ok()) return manifest.status();
  const std::string path = store_->snapshots().PathOf(request.snapshot);
  if (absl::Status s = CheckRestorable(path, *manifest, Watching(context)); !s.ok()) return s;
  const auto reader = SnapshotReader::Open(path);
  if (!reader.ok()) return reader.status();
  auto planned = PlanRestore(request, **reader);
  if (!planned.ok()) return planned.status();

  absl::Status done;
  for (Restoring& one : *planned) {
    if (!done.ok() || request.dry_run) break;
    done = PrepareRestore(**reader, context, one);
  }
  if (done.ok() && !request.dry_run) done = PublishRestored(*planned, request.replace);
  if (!done.ok()) {
    for (const Restoring& one : *planned) {
      if (one.collection != nullptr) one.collection->Retire();
      if (one.created_id.has_value()) store_->DropCollection(*one.created_id).IgnoreError();
    }
    spdlog::warn("snapshot '{}' was not restored: {}", request.snapshot, MessageOf(done));
    return done;
  }
  std::vector<RestoredCollection> outcomes;
  for (const Restoring& one : *planned) {
    outcomes.push_back(one.outcome);
    if (request.dry_run) continue;
    spdlog::info("collection '{}' restored as '{}' from snapshot '{}': {} documents",
                 one.record.name, one.outcome.as_collection, request.snapshot,
                 one.outcome.document_count);
  }
  if (!request.dry_run) {
    spdlog::info("snapshot '{}': {} collections restored in {} ms", request.snapshot,
                 outcomes.size(),
                 std::chrono::duration_cast<std::chrono::milliseconds>(watch.Elapsed()).count());
  }
  return outcomes;
}

absl::StatusOr<std::vector<Database::Restoring>> Database::PlanRestore(
    const RestoreRequest& request, const SnapshotReader& reader) {
  const std::vector<CollectionRecord> records = reader.Collections();
  std::vector<Restoring> planned;
  for (const CollectionRecord& record : records) {
    if (!request.collection.empty() && record.name != request.collection) continue;
    const std::string& name = request.as_collection.empty() ? record.name : request.as_collection;
    planned.push_back({.record = record,
                       .outcome = {.name = record.name,
                                   .as_collection = name,
                                   .document_count = reader.DocumentCount(record.id)}});
  }
  if (planned.empty() && !request.collection.empty()) return NotInSnapshot(request, records);
  size_t added = 0;
  for (Restoring& one : planned) {
    if (const auto model = ModelOf(one.record); !model.ok()) return model.status();
    const std::string& name = one.outcome.as_collection;
    const auto there = Find(name);
    if (!there.ok()) {
      ++added;
      continue;
    }
    one.outcome.replaced_document_count = (*there)->DocumentCount();
    if (request.replace) continue;
    return absl::AlreadyExistsError(
        fmt::format("there is a collection '{}' already, with {} documents: restore under another "
                    "name (as_collection; --as NAME), or in its place (replace; --replace)",
                    name, *one.outcome.replaced_document_count));
  }
  if (const size_t count = Collections().size() + added; count > kCollectionsMax) {
    return absl::ResourceExhaustedError(fmt::format(
        "there would be {} collections; at most {} are allowed: delete some, or restore one by one",
        count, kCollectionsMax));
  }
  return planned;
}

absl::Status Database::PrepareRestore(const SnapshotReader& reader, const CallContext& context,
                                      Restoring& one) {
  CollectionRecord record = one.record;
  record.name = kUnpublishedMark + one.outcome.as_collection;
  auto created = store_->CreateCollection(record);
  if (!created.ok()) return created.status();
  one.created_id = created->id;
  KillPoint("restore-online.before-copy");
  if (absl::Status s = CopyDocuments(reader, one.record.id, created->id, memory_guard_,
                                     Watching(context), *store_);
      !s.ok()) {
    return absl::Status(
        s.code(), fmt::format("restoring collection '{}': {}", one.record.name, MessageOf(s)));
  }
  created->name = one.outcome.as_collection;
  one.collection = OpenCollection(*created);
  one.collection->Load(LoadThreads(), stop_);
  const CollectionDescription description = one.collection->Describe();
  if (description.state == CollectionState::kReady) return context.Check();
  return description.state == CollectionState::kFailed
             ? absl::InternalError(description.state_reason)
             : absl::UnavailableError("the server is stopping");
}

absl::Status Database::PublishRestored(std::vector<Restoring>& prepared, bool replace) {
  if (replace) {
    // Before the lock: it waits for an index that is being built.
    for (const Restoring& one : prepared) {
      if (const auto there = Find(one.outcome.as_collection); there.ok()) (*there)->Retire();
    }
  }
  WriteLock lock(mutex_);
  std::vector<Publication> publications;
  for (Restoring& one : prepared) {
    // Nobody else has kept it loaded until now; from here on no model can go away.
    if (const auto model = ModelOf(one.record); !model.ok()) return model.status();
    const std::string& name = one.outcome.as_collection;
    Publication publication{.collection_id = *one.created_id, .name = name};
    // What has come or gone meanwhile counts, not what was planned.
    one.outcome.replaced_document_count.reset();
    if (const auto there = collections_.find(name); there != collections_.end()) {
      if (!replace) {
        return absl::AlreadyExistsError(
            fmt::format("a collection '{}' was made meanwhile: nothing was restored", name));
      }
      publication.replaced_id = there->second->id();
      one.outcome.replaced_document_count = there->second->DocumentCount();
    }
    publications.push_back(std::move(publication));
  }
  if (absl::Status s = store_->PublishCollections(publications); !s.ok()) return s;
  for (const Restoring& one : prepared) {
    collections_.insert_or_assign(one.outcome.as_collection, one.collection);
  }
  return absl::OkStatus();
}

}  // namespace simile
