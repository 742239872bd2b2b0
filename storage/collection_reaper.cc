#include "storage/collection_reaper.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "base/kill_point.h"
#include "fmt/format.h"
#include "storage/catalog_codec.h"
#include "storage/collection_tables.h"
#include "storage/keys.h"

namespace simile {

using storage_internal::MutexLock;

namespace {

constexpr int64_t kSessionLifeSeconds = 7 * 24 * 60 * 60;
constexpr std::chrono::milliseconds kRetryAfter{100};

}  // namespace

CollectionReaper::CollectionReaper(const DatabaseFiles& files, std::string derived_path)
    : files_(files), derived_path_(std::move(derived_path)), thread_([this] { Run(); }) {}

CollectionReaper::~CollectionReaper() {
  {
    MutexLock lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::string CollectionReaper::DerivedDirectory(const std::string& derived_path,
                                               uint32_t collection_id) {
  return fmt::format("{}/{}", derived_path, collection_id);
}

void CollectionReaper::Reap(uint32_t collection_id) {
  {
    MutexLock lock(mutex_);
    dropped_.push_back(collection_id);
  }
  changed_.notify_all();
}

void CollectionReaper::Run() {
  // Also a table that stayed named in MANIFEST, and of which no drop is left.
  DeleteTables();
  SplitTables();
  FindDropped();
  ForgetOldSessions();
  for (;;) {
    uint32_t collection_id = 0;
    {
      MutexLock lock(mutex_);
      while (dropped_.empty() && !closing_) changed_.wait(mutex_);
      if (closing_) return;
      collection_id = dropped_.front();
      dropped_.pop_front();
    }
    RemoveData(collection_id);
  }
}

// False when they cannot be deleted, or the store is closed before.
bool CollectionReaper::DeleteTables() {
  for (;;) {
    const auto busy = DeleteDroppedTables(files_);
    if (!busy.ok()) return false;
    if (*busy == 0) return true;
    // A compaction ends, also one that meets damage again and again: RocksDB rests between.
    MutexLock lock(mutex_);
    if (closing_) return false;
    changed_.wait_for(mutex_, kRetryAfter);
  }
}

void CollectionReaper::SplitTables() {
  SplitMixedTables(files_, [this] {
    MutexLock lock(mutex_);
    return !closing_;
  });
}

void CollectionReaper::FindDropped() {
  const std::unique_ptr<rocksdb::Iterator> found(
      files_.db().NewIterator(rocksdb::ReadOptions(), files_.meta()));
  for (found->Seek(rocksdb::Slice(kDroppedKeyPrefix)); found->Valid(); found->Next()) {
    uint32_t collection_id = 0;
    if (!found->key().starts_with(rocksdb::Slice(kDroppedKeyPrefix))) break;
    if (ParseCollectionId(found->key().ToStringView(), kDroppedKeyPrefix, collection_id)) {
      Reap(collection_id);
    }
  }
}

void CollectionReaper::ForgetOldSessions() {
  const int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  const std::unique_ptr<rocksdb::Iterator> found(
      files_.db().NewIterator(rocksdb::ReadOptions(), files_.sessions()));
  for (found->SeekToFirst(); found->Valid(); found->Next()) {
    const auto progress = DecodeIngestProgress(found->value().ToStringView());
    if (progress.ok() && now - progress->updated_unix_s > kSessionLifeSeconds) {
      rocksdb::WriteBatch batch;
      batch.Delete(files_.sessions(), found->key());
      files_.Write(rocksdb::WriteOptions(), &batch).PermitUncheckedError();
    }
  }
}

// Also when that cannot be read.
bool CollectionReaper::HasKeys(rocksdb::ColumnFamilyHandle* family, uint32_t collection_id) const {
  const absl::Status scanned = files_.Scan(
      family, CollectionRange(collection_id),
      [](std::string_view, std::string_view) { return absl::AlreadyExistsError("a key"); });
  return !scanned.ok();
}

void CollectionReaper::RemoveData(uint32_t collection_id) {
  // Whole tables go at once, what is in level 0 and in memory by a tombstone. An error leaves the
  // `dropped/` key, so the next start tries again.
  SplitTables();
  if (!DeleteTables()) return;
  const KeyRange range = CollectionRange(collection_id);
  for (rocksdb::ColumnFamilyHandle* family : files_.all()) {
    if (family == files_.meta()) continue;
    // A tombstone for nothing would widen a table of a neighbour.
    if (HasKeys(family, collection_id)) {
      rocksdb::WriteBatch batch;
      batch.DeleteRange(family, range.first, range.end);
      if (!files_.Write(rocksdb::WriteOptions(), &batch).ok()) return;
    }
    KillPoint("reaper.between-families");
  }
  KillPoint("reaper.before-files");
  std::error_code error;
  std::filesystem::remove_all(DerivedDirectory(derived_path_, collection_id), error);
  if (error) return;
  KillPoint("reaper.before-forgetting");
  rocksdb::WriteBatch batch;
  batch.Delete(files_.meta(), DroppedKey(collection_id));
  files_.Write(rocksdb::WriteOptions(), &batch).PermitUncheckedError();
  files_.ResumeCompactions();
}

}  // namespace simile
