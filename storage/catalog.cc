#include "storage/catalog.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "storage/keys.h"
#include "storage/rocksdb_status.h"

namespace simile {

using storage_internal::MutexLock;

namespace {

absl::Status Damaged(const std::string& what, const absl::Status& reason) {
  return absl::DataLossError(fmt::format("{} is damaged: {}", what, std::string(reason.message())));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Catalog>> Catalog::Load(const DatabaseFiles& files) {
  auto catalog = std::make_unique<Catalog>();
  const auto state = files.Get(files.meta(), std::string(kStoreStateKey));
  if (state.ok()) {
    const auto decoded = DecodeStoreState(*state);
    if (!decoded.ok()) return Damaged("the state record", decoded.status());
    catalog->SetState(*decoded);
  } else if (state.status().code() != absl::StatusCode::kNotFound) {
    return state.status();
  }
  if (absl::Status s = catalog->LoadCollections(files); !s.ok()) return s;
  return catalog;
}

absl::Status Catalog::LoadCollections(const DatabaseFiles& files) {
  const std::unique_ptr<rocksdb::Iterator> found(
      files.db().NewIterator(rocksdb::ReadOptions(), files.meta()));
  for (found->Seek(rocksdb::Slice(kCollectionKeyPrefix)); found->Valid(); found->Next()) {
    const std::string_view key = found->key().ToStringView();
    uint32_t collection_id = 0;
    if (!key.starts_with(kCollectionKeyPrefix)) break;
    if (!ParseCollectionId(key, kCollectionKeyPrefix, collection_id)) continue;
    const std::string what = fmt::format("the record of collection {}", collection_id);
    const auto record = DecodeCollection(found->value().ToStringView());
    if (!record.ok()) return Damaged(what, record.status());
    const auto stored = files.Get(files.meta(), CountersKey(collection_id));
    if (!stored.ok()) return Damaged("the counters of " + record->name, stored.status());
    const auto counters = DecodeCounters(*stored);
    if (!counters.ok()) return Damaged("the counters of " + record->name, counters.status());
    Put(*record);
    SetCounters(collection_id, *counters);
  }
  return FromRocksDb(found->status(), "reading the catalog");
}

std::vector<CollectionRecord> Catalog::Collections() const {
  std::vector<CollectionRecord> records;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, entry] : entries_) records.push_back(entry.record);
  }
  std::ranges::sort(records, {}, &CollectionRecord::name);
  return records;
}

std::vector<CollectionRecord> Catalog::Published() const {
  std::vector<CollectionRecord> records = Collections();
  std::erase_if(records, [](const CollectionRecord& record) { return !record.is_published(); });
  return records;
}

std::optional<CollectionRecord> Catalog::Find(uint32_t collection_id) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(collection_id);
  if (found == entries_.end()) return std::nullopt;
  return found->second.record;
}

bool Catalog::Has(uint32_t collection_id) const {
  MutexLock lock(mutex_);
  return entries_.contains(collection_id);
}

bool Catalog::HasName(const std::string& name) const {
  MutexLock lock(mutex_);
  return std::ranges::any_of(
      entries_, [&name](const auto& entry) { return entry.second.record.name == name; });
}

CollectionCountersRecord Catalog::Counters(uint32_t collection_id) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(collection_id);
  return found == entries_.end() ? CollectionCountersRecord{} : found->second.counters;
}

StoreStateRecord Catalog::State() const {
  MutexLock lock(mutex_);
  return state_;
}

void Catalog::Put(const CollectionRecord& record) {
  MutexLock lock(mutex_);
  entries_[record.id].record = record;
}

void Catalog::Remove(uint32_t collection_id) {
  MutexLock lock(mutex_);
  entries_.erase(collection_id);
}

void Catalog::SetCounters(uint32_t collection_id, const CollectionCountersRecord& counters) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(collection_id);
  if (found != entries_.end()) found->second.counters = counters;
  state_.last_sequence = std::max(state_.last_sequence, counters.last_sequence);
}

void Catalog::SetState(const StoreStateRecord& state) {
  MutexLock lock(mutex_);
  state_ = state;
}

}  // namespace simile
