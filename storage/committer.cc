#include "storage/committer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/kill_point.h"
#include "fmt/format.h"
#include "storage/keys.h"
#include "storage/rocksdb_status.h"

namespace simile {

using storage_internal::MutexLock;

namespace {

// A group ends once it has so many operations: large enough to amortise a sync, small enough that
// its writers do not wait for a long batch.
constexpr size_t kGroupOperationsMax = 4'096;

// Kept from one commit to the next; what a larger one took is given back.
constexpr size_t kBufferBytesKept = size_t{16} << 20;

bool OnlyRemoves(const WriteRequest& request) {
  return std::ranges::all_of(request.operations, [](const WriteOperation& operation) {
    return std::holds_alternative<RemoveOperation>(operation);
  });
}

}  // namespace

Committer::Committer(const DatabaseFiles& files, Catalog& catalog, FreeSpaceGuard guard)
    : files_(files), catalog_(catalog), guard_(std::move(guard)) {}

absl::StatusOr<CommitResult> Committer::Write(const WriteRequest& request) {
  Waiting own{.request = request};
  bool leads = false;
  {
    MutexLock lock(queue_mutex_);
    waiting_.push_back(&own);
    leads = waiting_.front() == &own;
  }
  if (!leads && own.turn.Await() == WriterTurn::Kind::kDone) return std::move(own.result);
  Group group;
  {
    MutexLock lock(queue_mutex_);
    group = NextGroup();
  }
  Commit(group);
  KillPoint("commit.before-answer");
  EndGroup(group, own);
  return std::move(own.result);
}

// It stays in the queue while it is committed, so that nobody else leads.
Committer::Group Committer::NextGroup() const {
  Group group;
  size_t operations = 0;
  for (Waiting* waiting : waiting_) {
    if (operations >= kGroupOperationsMax) break;
    operations += waiting->request.operations.size() + 1;
    group.push_back(waiting);
  }
  return group;
}

void Committer::EndGroup(const Group& group, const Waiting& own) {
  Waiting* next = nullptr;
  {
    MutexLock lock(queue_mutex_);
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(group.size()));
    if (!waiting_.empty()) next = waiting_.front();
  }
  // First, so that the next group is written while this one is told.
  if (next != nullptr) next->turn.Give(WriterTurn::Kind::kLead);
  for (Waiting* waiting : group) {
    if (waiting != &own) waiting->turn.Give(WriterTurn::Kind::kDone);
  }
}

void Committer::Commit(const Group& group) {
  MutexLock lock(write_mutex_);
  files_.StopCompactionsIfDamaged();
  CommitBatch batch(files_, catalog_, buffer_);
  bool sync = false;
  size_t good = 0;
  for (Waiting* waiting : group) {
    absl::Status admitted = CheckNotFailed();
    if (admitted.ok()) admitted = CheckSpace(waiting->request);
    if (!admitted.ok()) {
      waiting->result = admitted;
      continue;
    }
    waiting->result = batch.Add(waiting->request);
    if (!waiting->result.ok()) continue;
    ++good;
    sync = sync || waiting->request.durability == Durability::kFsync;
  }
  if (good == 0) return;
  KillPoint("commit.before-write");
  const rocksdb::Status written = batch.Write(sync);
  if (buffer_.GetDataSize() > kBufferBytesKept) buffer_ = rocksdb::WriteBatch();
  KillPoint("commit.after-write");
  if (!written.ok()) {
    absl::Status failure = FromRocksDb(written, "writing a batch");
    // DataLoss would say that the records of these collections are damaged.
    if (absl::IsDataLoss(failure)) failure = absl::InternalError(failure.message());
    NoteFailure(failure);
    for (Waiting* waiting : group) {
      if (waiting->result.ok()) waiting->result = failure;
    }
    return;
  }
  batch.Publish(catalog_);
  ++commits_;
  requests_committed_ += good;
  if (!sync) return;
  // Whoever asked for less has got more.
  for (Waiting* waiting : group) {
    if (waiting->result.ok()) waiting->result->durability = Durability::kFsync;
  }
}

absl::Status Committer::CheckSpace(const WriteRequest& request) {
  // Removing is how space comes back.
  return OnlyRemoves(request) && !request.operations.empty() ? absl::OkStatus() : guard_.Check();
}

absl::Status Committer::CheckNotFailed() {
  if (!files_.has_failed()) return absl::OkStatus();
  return absl::UnavailableError(fmt::format(
      "the store takes no writes since one failed ({}): see to the disk and restart the server",
      failure_.empty() ? "in the background" : failure_));
}

void Committer::NoteFailure(const absl::Status& failure) {
  if (failure_.empty() && files_.has_failed()) failure_ = std::string(failure.message());
}

absl::Status Committer::WriteMeta(rocksdb::WriteBatch& batch) {
  if (absl::Status s = CheckNotFailed(); !s.ok()) return s;
  rocksdb::WriteOptions options;
  options.sync = true;
  const rocksdb::Status written = files_.Write(options, &batch);
  if (written.ok()) return absl::OkStatus();
  const absl::Status failure = FromRocksDb(written, "writing the catalog");
  NoteFailure(failure);
  return failure;
}

absl::StatusOr<CollectionRecord> Committer::CreateCollection(CollectionRecord record) {
  MutexLock lock(write_mutex_);
  if (catalog_.HasName(record.name)) {
    return absl::AlreadyExistsError(fmt::format("there is a collection '{}' already", record.name));
  }
  if (absl::Status s = guard_.Check(); !s.ok()) return s;
  StoreStateRecord state = catalog_.State();
  record.id = state.next_collection_id++;
  const CollectionCountersRecord counters;
  rocksdb::WriteBatch batch;
  batch.Put(files_.meta(), CollectionKey(record.id), EncodeCollection(record));
  batch.Put(files_.meta(), CountersKey(record.id), EncodeCounters(counters));
  batch.Put(files_.meta(), rocksdb::Slice(kStoreStateKey), EncodeStoreState(state));
  KillPoint("create.before-write");
  if (absl::Status s = WriteMeta(batch); !s.ok()) return s;
  KillPoint("create.after-write");
  catalog_.Put(record);
  catalog_.SetCounters(record.id, counters);
  catalog_.SetState(state);
  return record;
}

absl::Status Committer::UpdateCollection(const CollectionRecord& record) {
  MutexLock lock(write_mutex_);
  std::optional<CollectionRecord> changed = catalog_.Find(record.id);
  if (!changed.has_value()) {
    return absl::NotFoundError(fmt::format("there is no collection '{}'", record.name));
  }
  changed->index_ef_search = record.index_ef_search;
  changed->query_prompt = record.query_prompt;
  changed->index_engine = record.index_engine;
  changed->index_codes = record.index_codes;
  rocksdb::WriteBatch batch;
  batch.Put(files_.meta(), CollectionKey(record.id), EncodeCollection(*changed));
  KillPoint("update.before-write");
  if (absl::Status s = WriteMeta(batch); !s.ok()) return s;
  KillPoint("update.after-write");
  catalog_.Put(*changed);
  return absl::OkStatus();
}

absl::Status Committer::PublishCollections(std::span<const Publication> publications) {
  MutexLock lock(write_mutex_);
  const std::vector<CollectionRecord> others = catalog_.Collections();
  std::vector<CollectionRecord> published;
  rocksdb::WriteBatch batch;
  for (const Publication& one : publications) {
    std::optional<CollectionRecord> record = catalog_.Find(one.collection_id);
    if (!record.has_value() || (one.replaced_id.has_value() && !catalog_.Has(*one.replaced_id))) {
      return absl::NotFoundError(fmt::format(
          "what collection '{}' is made of, or what it is to replace, was deleted", one.name));
    }
    const auto has_its_name = [&one](const CollectionRecord& other) {
      return other.name == one.name && other.id != one.replaced_id;
    };
    if (std::ranges::any_of(others, has_its_name)) {
      return absl::AlreadyExistsError(fmt::format("there is a collection '{}' already", one.name));
    }
    record->name = one.name;
    batch.Put(files_.meta(), CollectionKey(record->id), EncodeCollection(*record));
    if (one.replaced_id.has_value()) PutDropped(*one.replaced_id, batch);
    published.push_back(*std::move(record));
  }
  KillPoint("publish.before-write");
  if (absl::Status s = WriteMeta(batch); !s.ok()) return s;
  KillPoint("publish.after-write");
  for (const Publication& one : publications) {
    if (one.replaced_id.has_value()) catalog_.Remove(*one.replaced_id);
  }
  for (const CollectionRecord& record : published) catalog_.Put(record);
  return absl::OkStatus();
}

void Committer::PutDropped(uint32_t collection_id, rocksdb::WriteBatch& batch) {
  batch.Delete(files_.meta(), CollectionKey(collection_id));
  batch.Delete(files_.meta(), CountersKey(collection_id));
  batch.Put(files_.meta(), DroppedKey(collection_id), "");
  // Its counters may be the only ones that tell of the newest request.
  batch.Put(files_.meta(), rocksdb::Slice(kStoreStateKey), EncodeStoreState(catalog_.State()));
}

absl::Status Committer::DropCollection(uint32_t collection_id) {
  MutexLock lock(write_mutex_);
  if (!catalog_.Has(collection_id)) {
    return absl::NotFoundError("there is no such collection");
  }
  rocksdb::WriteBatch batch;
  PutDropped(collection_id, batch);
  KillPoint("drop.before-write");
  if (absl::Status s = WriteMeta(batch); !s.ok()) return s;
  KillPoint("drop.after-write");
  catalog_.Remove(collection_id);
  return absl::OkStatus();
}

}  // namespace simile
