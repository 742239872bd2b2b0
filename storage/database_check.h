#ifndef SIMILE_STORAGE_DATABASE_CHECK_H_
#define SIMILE_STORAGE_DATABASE_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace rocksdb {
struct LiveFileMetaData;
}  // namespace rocksdb

namespace simile {

class Catalog;
class DatabaseFiles;

// A file of the database that is damaged, missing or too short.
struct DamagedFile {
  std::string path;
  std::string family;                    // Of a table; empty for a log, MANIFEST or CURRENT.
  std::vector<std::string> collections;  // Names of those that a table may hold records of.
  std::vector<uint32_t> collection_ids;  // Of the same.
  std::string reason;
};

struct CollectionCheck {
  std::string name;
  uint64_t document_count = 0;        // As the collection counts them.
  uint64_t affected_count = 0;        // Of those: not whole any more.
  std::vector<std::string> findings;  // What is wrong with them, a sentence for each kind.
};

struct DatabaseCheck {
  std::vector<DamagedFile> files;
  std::vector<CollectionCheck> collections;  // All, by name. Empty when the database cannot open.
  uint64_t tables_read = 0;
  uint64_t bytes_read = 0;

  bool is_good() const;
};

// Looks at everything of a data directory that no server uses, and changes nothing: log files and
// MANIFEST record by record, the checksums of all tables, and for every collection that ids,
// documents and vectors can be read and belong together. A document is affected when its id, its
// record or its vector cannot be read, is missing or belongs to another. Derived files in `index/`
// are not looked at: they are built anew when they do not serve.
//
// FailedPrecondition when a server uses it; NotFound when it is no data directory; DataLoss when
// FORMAT is damaged. Cost: every byte is read; 9 bytes of memory per label of the largest
// collection.
absl::StatusOr<DatabaseCheck> CheckDatabase(const std::string& data_directory);

// The same of the database alone, at `path`, which nobody may use.
DatabaseCheck CheckDatabaseFiles(const std::string& path);

// The tables that are damaged, and how many there are. With `whole`, all bytes are read; without,
// only tables that are missing or of another size than they were written in are found.
struct TableCheck {
  std::vector<DamagedFile> damaged;
  uint64_t tables = 0;
  uint64_t bytes = 0;  // That they should have.
};
TableCheck CheckTables(const DatabaseFiles& files, const Catalog& catalog, bool whole);

// What is wrong with one table; none when it is good.
std::optional<DamagedFile> CheckTable(const rocksdb::LiveFileMetaData& table,
                                      const Catalog& catalog, bool whole);

// CURRENT, or the MANIFEST it names, when it is damaged or its end is missing (CheckManifestEnd).
// Cost: MANIFEST is read.
std::vector<DamagedFile> FindDamagedManifest(const std::string& database_path);

// The same, and the damaged ones of the write-ahead logs.
std::vector<DamagedFile> FindDamagedLogs(const std::string& database_path);

}  // namespace simile

#endif  // SIMILE_STORAGE_DATABASE_CHECK_H_
