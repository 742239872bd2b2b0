#include "storage/log_replay.h"

#include <rocksdb/write_batch.h>

#include "fmt/format.h"
#include "storage/log_records.h"
#include "storage/rocksdb_status.h"

namespace simile {
namespace {

// The same batch for families that have other numbers.
class Translation final : public rocksdb::WriteBatch::Handler {
 public:
  explicit Translation(const std::map<uint32_t, rocksdb::ColumnFamilyHandle*>& families)
      : families_(families) {}

  rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    rocksdb::ColumnFamilyHandle* const handle = Find(family);
    return handle == nullptr ? Unknown(family) : batch_.Put(handle, key, value);
  }

  rocksdb::Status DeleteCF(uint32_t family, const rocksdb::Slice& key) override {
    rocksdb::ColumnFamilyHandle* const handle = Find(family);
    return handle == nullptr ? Unknown(family) : batch_.Delete(handle, key);
  }

  rocksdb::Status DeleteRangeCF(uint32_t family, const rocksdb::Slice& begin,
                                const rocksdb::Slice& end) override {
    rocksdb::ColumnFamilyHandle* const handle = Find(family);
    return handle == nullptr ? Unknown(family) : batch_.DeleteRange(handle, begin, end);
  }

  rocksdb::WriteBatch& batch() { return batch_; }

 private:
  rocksdb::ColumnFamilyHandle* Find(uint32_t family) const {
    const auto found = families_.find(family);
    return found == families_.end() ? nullptr : found->second;
  }

  static rocksdb::Status Unknown(uint32_t family) {
    return rocksdb::Status::Corruption(fmt::format("there is no column family {}", family));
  }

  const std::map<uint32_t, rocksdb::ColumnFamilyHandle*>& families_;
  rocksdb::WriteBatch batch_;
};

}  // namespace

absl::Status ReplayLogs(const std::vector<LogRecovery>& logs,
                        const std::map<uint32_t, std::string>& family_names,
                        const DatabaseFiles& files) {
  std::map<uint32_t, rocksdb::ColumnFamilyHandle*> families;
  for (const auto& [number, name] : family_names) {
    for (rocksdb::ColumnFamilyHandle* handle : files.all()) {
      if (handle->GetName() == name) families[number] = handle;
    }
  }
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  for (const LogRecovery& log : logs) {
    rocksdb::Status status;
    const auto read =
        ReadLogRecords(log.path, {.on_record =
                                      [&](const LogRecord& record) {
                                        if (record.end > log.bytes_kept) return false;
                                        Translation translation(families);
                                        const std::string bytes(record.bytes);
                                        status = rocksdb::WriteBatch(bytes).Iterate(&translation);
                                        if (!status.ok()) return false;
                                        status = files.db().Write(options, &translation.batch());
                                        return status.ok();
                                      },
                                  .on_damage = [](uint64_t, const std::string&) { return false; }});
    if (!read.ok()) return read.status();
    if (!status.ok()) return FromRocksDb(status, "replaying " + log.path);
  }
  return absl::OkStatus();
}

}  // namespace simile
