#include "storage/collection_copy.h"

#include <filesystem>
#include <memory>
#include <system_error>

#include "base/durable_file.h"
#include "fmt/format.h"
#include "storage/bulk_writer.h"
#include "storage/keys.h"

namespace simile {
namespace {

// The database of one moment, for as long as this lives.
class Moment {
 public:
  explicit Moment(const DatabaseFiles& files)
      : files_(files), snapshot_(files.db().GetSnapshot()) {}
  ~Moment() { files_.db().ReleaseSnapshot(snapshot_); }
  Moment(const Moment&) = delete;
  Moment& operator=(const Moment&) = delete;

  const rocksdb::Snapshot* get() const { return snapshot_; }

 private:
  const DatabaseFiles& files_;
  const rocksdb::Snapshot* const snapshot_;
};

absl::Status CopyCatalog(const DatabaseFiles& from, const Moment& moment, uint32_t collection_id,
                         const DatabaseFiles& to) {
  BulkWriter writer(to);
  for (const std::string& key :
       {std::string(kStoreStateKey), CollectionKey(collection_id), CountersKey(collection_id)}) {
    const auto value = from.Get(from.meta(), key, moment.get());
    if (value.status().code() == absl::StatusCode::kNotFound) {
      return absl::NotFoundError("the collection was deleted");
    }
    if (!value.ok()) return value.status();
    writer.Put(to.meta(), key, *value);
  }
  return writer.Write();
}

absl::Status CopyRange(const DatabaseFiles& from, const Moment& moment, uint32_t collection_id,
                       size_t family, const DatabaseFiles& to,
                       const std::function<absl::Status()>& check) {
  BulkWriter writer(to);
  const auto copy = [&](std::string_view key, std::string_view value) {
    writer.Put(to.all()[family], key, value);
    if (!writer.is_full()) return absl::OkStatus();
    if (absl::Status s = check(); !s.ok()) return s;
    return writer.Write();
  };
  const absl::Status scanned =
      from.Scan(from.all()[family], CollectionRange(collection_id), copy, moment.get());
  if (!scanned.ok()) return scanned;
  return writer.Write();
}

absl::Status CopyAll(const DatabaseFiles& from, uint32_t collection_id, const DatabaseFiles& to,
                     const std::function<absl::Status()>& check) {
  const Moment moment(from);
  if (absl::Status s = CopyCatalog(from, moment, collection_id, to); !s.ok()) return s;
  for (size_t family = 0; family < from.all().size(); ++family) {
    if (from.all()[family] == from.meta()) continue;
    if (absl::Status s = check(); !s.ok()) return s;
    absl::Status s = CopyRange(from, moment, collection_id, family, to, check);
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CopyCollection(const DatabaseFiles& from, uint32_t collection_id,
                            const std::string& directory,
                            const std::function<absl::Status()>& check) {
  // What an open database has beside its tables, messages and locks, is no part of a snapshot.
  const std::string making = directory + "/making";
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return FileSystemError("creating " + directory, error.value());
  {
    const auto to = DatabaseFiles::Open(making, StoreOptions());
    if (!to.ok()) return to.status();
    if (absl::Status s = CopyAll(from, collection_id, **to, check); !s.ok()) return s;
    if (absl::Status s = (*to)->LinkTo(directory + "/rocksdb"); !s.ok()) return s;
  }
  std::filesystem::remove_all(making, error);
  if (error) return FileSystemError("removing " + making, error.value());
  return absl::OkStatus();
}

}  // namespace simile
