#include "storage/collection_reaper.h"

#include <rocksdb/convenience.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "base/kill_point.h"
#include "fmt/format.h"
#include "storage/catalog_codec.h"
#include "storage/keys.h"

namespace simile {

using storage_internal::MutexLock;

namespace {

constexpr int64_t kSessionLifeSeconds = 7 * 24 * 60 * 60;

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

void CollectionReaper::RemoveData(uint32_t collection_id) {
  const KeyRange range = CollectionRange(collection_id);
  const rocksdb::Slice first_slice(range.first), end_slice(range.end);
  for (rocksdb::ColumnFamilyHandle* family : files_.all()) {
    if (family == files_.meta()) continue;
    // Whole files go at once, what is left at the edges by a tombstone. An error leaves the
    // `dropped/` key, so the next start tries again.
    rocksdb::WriteBatch batch;
    batch.DeleteRange(family, first_slice, end_slice);
    if (!rocksdb::DeleteFilesInRange(&files_.db(), family, &first_slice, &end_slice,
                                     /*include_end=*/false)
             .ok() ||
        !files_.Write(rocksdb::WriteOptions(), &batch).ok()) {
      return;
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
}

}  // namespace simile
