#include "storage/collection_tables.h"

#include <rocksdb/convenience.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "storage/catalog_codec.h"
#include "storage/keys.h"
#include "storage/rocksdb_status.h"

namespace simile {
namespace {

// The keys between those of collections that there are, and before the first id that was never
// given. Each range ends at the prefix of the collection behind it: a deleted range can widen a
// table up to there, and no key is as short.
absl::StatusOr<std::vector<KeyRange>> DroppedRanges(const DatabaseFiles& files) {
  // The state before the catalog: what is created between the two has an id beyond this one.
  const auto stored = files.Get(files.meta(), std::string(kStoreStateKey));
  if (stored.status().code() == absl::StatusCode::kNotFound) return std::vector<KeyRange>();
  const auto state = stored.ok() ? DecodeStoreState(*stored) : stored.status();
  if (!state.ok()) return state.status();
  std::vector<uint32_t> ids;
  const std::unique_ptr<rocksdb::Iterator> found(
      files.db().NewIterator(rocksdb::ReadOptions(), files.meta()));
  for (found->Seek(rocksdb::Slice(kCollectionKeyPrefix)); found->Valid(); found->Next()) {
    uint32_t id = 0;
    if (!found->key().starts_with(rocksdb::Slice(kCollectionKeyPrefix))) break;
    if (!ParseCollectionId(found->key().ToStringView(), kCollectionKeyPrefix, id)) continue;
    if (id < state->next_collection_id) ids.push_back(id);
  }
  if (!found->status().ok()) return FromRocksDb(found->status(), "reading the catalog");
  ids.push_back(state->next_collection_id);
  std::vector<KeyRange> ranges;
  uint32_t first_dropped = 1;
  for (const uint32_t id : ids) {
    if (first_dropped < id) {
      ranges.push_back({.first = CollectionPrefix(first_dropped), .end = CollectionPrefix(id)});
    }
    first_dropped = id + 1;
  }
  return ranges;
}

// Of the families that are keyed by collection, without those of level 0.
std::vector<rocksdb::LiveFileMetaData> CompactedTables(const DatabaseFiles& files) {
  std::vector<rocksdb::LiveFileMetaData> tables;
  files.db().GetLiveFilesMetaData(&tables);
  std::erase_if(tables, [](const auto& table) {
    return table.level == 0 || table.column_family_name == "default";
  });
  return tables;
}

bool LiesIn(const rocksdb::LiveFileMetaData& table, const std::vector<KeyRange>& ranges) {
  return std::ranges::any_of(ranges, [&table](const KeyRange& range) {
    return table.smallestkey >= range.first && table.largestkey <= range.end;
  });
}

}  // namespace

absl::StatusOr<size_t> DeleteDroppedTables(const DatabaseFiles& files) {
  const auto ranges = DroppedRanges(files);
  if (!ranges.ok()) return ranges.status();
  if (ranges->empty()) return 0;
  std::vector<rocksdb::Slice> bounds;
  bounds.reserve(2 * ranges->size());  // So that they stay where they are.
  std::vector<rocksdb::RangePtr> pointers;
  for (const KeyRange& range : *ranges) {
    bounds.emplace_back(range.first);
    bounds.emplace_back(range.end);
    pointers.emplace_back(&bounds[bounds.size() - 2], &bounds.back());
  }
  for (rocksdb::ColumnFamilyHandle* family : files.all()) {
    if (family == files.meta()) continue;
    const rocksdb::Status deleted = rocksdb::DeleteFilesInRanges(
        &files.db(), family, pointers.data(), pointers.size(), /*include_end=*/true);
    if (!deleted.ok()) return FromRocksDb(deleted, "deleting tables of dropped collections");
  }
  const std::vector<rocksdb::LiveFileMetaData> left = CompactedTables(files);
  return static_cast<size_t>(std::ranges::count_if(left, [&ranges](const auto& table) {
    return table.being_compacted && LiesIn(table, *ranges);
  }));
}

void SplitMixedTables(const DatabaseFiles& files, const std::function<bool()>& go_on) {
  for (const rocksdb::LiveFileMetaData& table : CompactedTables(files)) {
    if (CollectionOfKey(table.smallestkey) == CollectionOfKey(table.largestkey)) continue;
    if (!go_on()) return;
    files.Rewrite(table);
  }
}

}  // namespace simile
