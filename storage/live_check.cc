#include "storage/live_check.h"

#include <rocksdb/cache.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "fmt/format.h"
#include "storage/catalog_codec.h"
#include "storage/collection_check.h"
#include "storage/keys.h"

namespace simile {
namespace {

// A view of one moment.
class View {
 public:
  explicit View(const DatabaseFiles& files) : files_(files), snapshot_(files.db().GetSnapshot()) {}
  ~View() { files_.db().ReleaseSnapshot(snapshot_); }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  const rocksdb::Snapshot* get() const { return snapshot_; }

 private:
  const DatabaseFiles& files_;
  const rocksdb::Snapshot* const snapshot_;
};

// While it lives, a table that a compaction has replaced stays.
class TablesKept {
 public:
  explicit TablesKept(const DatabaseFiles& files) : files_(files) {
    files_.db().DisableFileDeletions().PermitUncheckedError();
  }
  // Not by force: a snapshot may be taken at the same time.
  ~TablesKept() { files_.db().EnableFileDeletions(/*force=*/false).PermitUncheckedError(); }
  TablesKept(const TablesKept&) = delete;
  TablesKept& operator=(const TablesKept&) = delete;

 private:
  const DatabaseFiles& files_;
};

// Numbers of tables: RocksDB gives a higher one to each new file.
struct Position {
  uint64_t after = 0;    // Read already.
  uint64_t through = 0;  // The last one to be read; 0: not known yet.
};

absl::StatusOr<Position> ParseToken(const std::string& token) {
  Position position;
  if (token.empty()) return position;
  const char* const end = token.data() + token.size();
  const auto after = std::from_chars(token.data(), end, position.after);
  if (after.ec == std::errc() && after.ptr != end && *after.ptr == '-') {
    const auto through = std::from_chars(after.ptr + 1, end, position.through);
    if (through.ec == std::errc() && through.ptr == end) return position;
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is no page token of this call: take the one of the last answer", token));
}

std::vector<rocksdb::LiveFileMetaData> TablesOf(const DatabaseFiles& files) {
  std::vector<rocksdb::LiveFileMetaData> tables;
  files.db().GetLiveFilesMetaData(&tables);
  std::ranges::sort(tables, {}, &rocksdb::LiveFileMetaData::file_number);
  return tables;
}

// What is cached was read before the damage, and would hide it. One cache serves all families.
void ForgetCachedBlocks(const DatabaseFiles& files) {
  const auto factory = files.db().GetOptions(files.meta()).table_factory;
  const auto* const options = factory->GetOptions<rocksdb::BlockBasedTableOptions>();
  if (options != nullptr && options->block_cache != nullptr) {
    options->block_cache->EraseUnRefEntries();
  }
}

absl::Status CheckCollections(const DatabaseFiles& files, const Catalog& catalog,
                              const std::set<uint32_t>& collection_ids,
                              const std::function<absl::Status()>& go_on, DatabaseCheck& found) {
  for (const uint32_t id : collection_ids) {
    if (absl::Status s = go_on(); !s.ok()) return s;
    const auto record = catalog.Find(id);
    if (!record.has_value()) continue;
    const View view(files);
    const auto stored = files.Get(files.meta(), CountersKey(id), view.get());
    const auto counters = stored.ok() ? DecodeCounters(*stored) : stored.status();
    // One that was dropped meanwhile has none.
    if (!counters.ok()) continue;
    found.collections.push_back(CheckCollection(files, *record, *counters, view.get()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LiveCheck> CheckLiveTables(const DatabaseFiles& files, const Catalog& catalog,
                                          const std::string& page_token,
                                          const std::function<absl::Status()>& go_on,
                                          uint64_t page_bytes) {
  auto position = ParseToken(page_token);
  if (!position.ok()) return position.status();
  const TablesKept kept(files);
  const std::vector<rocksdb::LiveFileMetaData> tables = TablesOf(files);
  if (page_token.empty() && !tables.empty()) position->through = tables.back().file_number;
  LiveCheck check;
  std::set<uint32_t> touched;
  for (const rocksdb::LiveFileMetaData& table : tables) {
    if (table.file_number <= position->after || table.file_number > position->through) continue;
    // A page ends at the first table that is too much: the next one begins there.
    if (check.tables_left > 0 ||
        (check.found.bytes_read > 0 && check.found.bytes_read + table.size > page_bytes)) {
      ++check.tables_left;
      continue;
    }
    if (absl::Status s = go_on(); !s.ok()) return s;
    if (auto damaged = CheckTable(table, catalog, /*whole=*/true); damaged.has_value()) {
      touched.insert(damaged->collection_ids.begin(), damaged->collection_ids.end());
      check.found.files.push_back(*std::move(damaged));
    }
    ++check.found.tables_read;
    check.found.bytes_read += table.size;
    position->after = table.file_number;
  }
  if (!touched.empty()) ForgetCachedBlocks(files);
  if (absl::Status s = CheckCollections(files, catalog, touched, go_on, check.found); !s.ok()) {
    return s;
  }
  if (check.tables_left > 0) {
    check.next_page_token = fmt::format("{}-{}", position->after, position->through);
  }
  return check;
}

}  // namespace simile
