#include "storage/logged_writes.h"

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "storage/catalog_codec.h"
#include "storage/document_codec.h"
#include "storage/keys.h"

namespace simile {
namespace {

constexpr size_t kBatchHeaderBytes = sizeof(uint64_t) + sizeof(uint32_t);
constexpr size_t kPrefixBytes = sizeof(uint32_t);

size_t HashOf(std::string_view bytes) {
  return std::max<size_t>(std::hash<std::string_view>()(bytes), 1);
}

}  // namespace

class LoggedWrites::Handler final : public rocksdb::WriteBatch::Handler {
 public:
  explicit Handler(LoggedWrites& writes) : writes_(writes) {}

  // To be called behind the last operation.
  void FinishDocument() {
    if (content_ != 0) writes_.states_.emplace(collection_id_, label_, content_, vector_);
    content_ = vector_ = 0;
  }

  rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    const std::string& name = NameOf(family);
    if (name == "default") {
      PutCatalog(key.ToStringView(), value.ToStringView());
    } else if (name == "documents") {
      const auto document = DecodeDocument(value.ToStringView());
      CollectionWrites& writes = WritesOf(key);
      ++writes.puts;
      if (!document.ok()) return rocksdb::Status::OK();
      Tell(writes, document->id);
      FinishDocument();
      label_ = LabelOfKey(key.ToStringView());
      collection_id_ = CollectionOfKey(key.ToStringView());
      content_ = ContentHash(*document);
    } else if (name == "vectors" && LabelOfKey(key.ToStringView()) == label_) {
      // A batch puts it right behind its document.
      vector_ = VectorHash(value.ToStringView());
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
      if (state.ok()) NoteSequence(state->last_sequence);
    } else if (key.starts_with(kCountersKeyPrefix)) {
      const auto counters = DecodeCounters(value);
      if (counters.ok()) NoteSequence(counters->last_sequence);
    } else if (key.starts_with(kCollectionKeyPrefix) &&
               ParseCollectionId(key, kCollectionKeyPrefix, id)) {
      const auto record = DecodeCollection(value);
      if (record.ok()) writes_.collections_[id].created_name = record->name;
    }
  }

  // 0: of no request.
  void NoteSequence(uint64_t sequence) {
    if (sequence > writes_.last_sequence_.value_or(0)) writes_.last_sequence_ = sequence;
  }

  LoggedWrites& writes_;
  // The document that was put last; content 0: none.
  uint32_t collection_id_ = 0;
  uint64_t label_ = 0;
  size_t content_ = 0, vector_ = 0;
};

LoggedWrites::LoggedWrites(std::map<uint32_t, std::string> family_names)
    : family_names_(std::move(family_names)) {}

bool LoggedWrites::Add(std::string_view record) {
  if (record.size() < kBatchHeaderBytes) return false;
  ++batches_;
  Handler handler(*this);
  const bool is_good = rocksdb::WriteBatch(std::string(record)).Iterate(&handler).ok();
  handler.FinishDocument();
  return is_good;
}

bool LoggedWrites::MayBelongTogether(uint32_t collection_id, uint64_t label, bool is_newer,
                                     size_t content, size_t vector) const {
  bool is_newer_vector = false;
  for (auto state = states_.lower_bound({collection_id, label, 0, 0}); state != states_.end();
       ++state) {
    const auto& [id, put_label, put_content, put_vector] = *state;
    if (id != collection_id || put_label != label) break;
    if (put_content == content && (put_vector == vector || put_vector == 0)) return true;
    is_newer_vector |= put_vector == vector;
  }
  return !is_newer && !is_newer_vector;
}

uint64_t LoggedWrites::EndLabel(uint32_t collection_id) const {
  auto behind = states_.lower_bound({collection_id + 1, 0, 0, 0});
  if (behind == states_.begin()) return 0;
  const auto& [id, label, content, vector] = *--behind;
  return id == collection_id ? label + 1 : 0;
}

size_t ContentHash(StoredDocument document) {
  document.sequence = 0;
  return HashOf(EncodeDocument(document));
}

size_t VectorHash(std::string_view record) { return HashOf(record); }

std::optional<BatchNumbers> NumbersOfBatch(std::string_view record) {
  if (record.size() < kBatchHeaderBytes) return std::nullopt;
  BatchNumbers numbers;
  std::memcpy(&numbers.first, record.data(), sizeof(numbers.first));
  std::memcpy(&numbers.count, record.data() + sizeof(numbers.first), sizeof(numbers.count));
  return numbers;
}

}  // namespace simile
