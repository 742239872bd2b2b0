#include "storage/logged_writes.h"

#include <rocksdb/write_batch.h>

#include <cstring>
#include <utility>

#include "storage/catalog_codec.h"
#include "storage/document_codec.h"
#include "storage/keys.h"

namespace simile {
namespace {

constexpr size_t kBatchHeaderBytes = sizeof(uint64_t) + sizeof(uint32_t);
constexpr size_t kPrefixBytes = sizeof(uint32_t);

}  // namespace

class LoggedWrites::Handler final : public rocksdb::WriteBatch::Handler {
 public:
  explicit Handler(LoggedWrites& writes) : writes_(writes) {}

  rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    const std::string& name = NameOf(family);
    if (name == "default") {
      PutCatalog(key.ToStringView(), value.ToStringView());
    } else if (name == "documents") {
      const auto document = DecodeDocument(value.ToStringView());
      CollectionWrites& writes = WritesOf(key);
      ++writes.puts;
      if (document.ok()) Tell(writes, document->id);
    }
    return rocksdb::Status::OK();
  }

  rocksdb::Status DeleteCF(uint32_t family, const rocksdb::Slice& key) override {
    if (NameOf(family) != "ids" || key.size() < kPrefixBytes) return rocksdb::Status::OK();
    CollectionWrites& writes = WritesOf(key);
    ++writes.removals;
    Tell(writes, key.ToStringView().substr(kPrefixBytes));
    return rocksdb::Status::OK();
  }

  rocksdb::Status DeleteRangeCF(uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }

 private:
  const std::string& NameOf(uint32_t family) const {
    static const std::string kUnknown;
    const auto found = writes_.family_names_.find(family);
    return found == writes_.family_names_.end() ? kUnknown : found->second;
  }

  CollectionWrites& WritesOf(const rocksdb::Slice& key) const {
    return writes_.collections_[CollectionOfKey(key.ToStringView())];
  }

  static void Tell(CollectionWrites& writes, std::string_view id) {
    if (writes.ids.size() < kIdsTold) writes.ids.emplace_back(id);
  }

  void PutCatalog(std::string_view key, std::string_view value) {
    uint32_t id = 0;
    if (key == kStoreStateKey) {
      const auto state = DecodeStoreState(value);
      if (state.ok()) writes_.last_sequence_ = state->last_sequence;
    } else if (key.starts_with(kCollectionKeyPrefix) &&
               ParseCollectionId(key, kCollectionKeyPrefix, id)) {
      const auto record = DecodeCollection(value);
      if (record.ok()) writes_.collections_[id].created_name = record->name;
    }
  }

  LoggedWrites& writes_;
};

LoggedWrites::LoggedWrites(std::map<uint32_t, std::string> family_names)
    : family_names_(std::move(family_names)) {}

bool LoggedWrites::Add(std::string_view record) {
  if (record.size() < kBatchHeaderBytes) return false;
  ++batches_;
  Handler handler(*this);
  return rocksdb::WriteBatch(std::string(record)).Iterate(&handler).ok();
}

std::optional<BatchNumbers> NumbersOfBatch(std::string_view record) {
  if (record.size() < kBatchHeaderBytes) return std::nullopt;
  BatchNumbers numbers;
  std::memcpy(&numbers.first, record.data(), sizeof(numbers.first));
  std::memcpy(&numbers.count, record.data() + sizeof(numbers.first), sizeof(numbers.count));
  return numbers;
}

}  // namespace simile
