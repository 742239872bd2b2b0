#include "storage/settle_collection.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/catalog_codec.h"
#include "storage/document_codec.h"
#include "storage/keys.h"
#include "storage/rocksdb_status.h"

namespace simile {
namespace {

class Settlement {
 public:
  Settlement(const DatabaseFiles& files, const Catalog& catalog, uint32_t collection_id,
             const LoggedWrites& dropped)
      : files_(files),
        collection_id_(collection_id),
        dropped_(dropped),
        counters_(catalog.Counters(collection_id)),
        last_sequence_(catalog.State().last_sequence),
        labels_(counters_.next_label) {}

  absl::StatusOr<uint64_t> Run() {
    if (!ReadAll()) return 0;
    const auto removed = static_cast<uint64_t>(std::ranges::count_if(labels_, [](const auto& one) {
      return (one.has_id || one.has_document) && !one.IsWhole();
    }));
    CollectionCountersRecord settled{
        .next_label = std::max<uint64_t>(counters_.next_label, labels_.size()),
        .document_count = static_cast<uint64_t>(std::ranges::count_if(labels_, &Label::IsWhole))};
    for (rocksdb::ColumnFamilyHandle* family : {files_.documents(), files_.vectors()}) {
      if (absl::Status s = RemoveHalves(family); !s.ok()) return s;
    }
    if (absl::Status s = RemoveIds(); !s.ok()) return s;
    const rocksdb::Status put =
        files_.db().Put({}, files_.meta(), CountersKey(collection_id_), EncodeCounters(settled));
    if (!put.ok()) return FromRocksDb(put, "writing the counters of a collection");
    return removed;
  }

 private:
  // What is there under a label.
  struct Label {
    bool has_id = false;  // The one that its document has.
    bool has_document = false;
    bool has_vector = false;
    bool is_newer = false;  // Its document is of a dropped request.
    bool is_mixed = false;
    size_t id_hash = 0;
    size_t content_hash = 0;

    bool IsWhole() const { return has_id && has_document && has_vector && !is_mixed; }
  };

  using Visit = std::function<void(std::string_view key, std::string_view value)>;

  bool Scan(rocksdb::ColumnFamilyHandle* family, const Visit& visit) const {
    const std::string end = CollectionPrefix(collection_id_ + 1);
    const rocksdb::Slice end_slice(end);
    rocksdb::ReadOptions options = DatabaseFiles::ScanOptions();
    options.iterate_upper_bound = &end_slice;
    options.fill_cache = false;
    const std::unique_ptr<rocksdb::Iterator> found(files_.db().NewIterator(options, family));
    for (found->Seek(CollectionPrefix(collection_id_)); found->Valid(); found->Next()) {
      visit(found->key().ToStringView(), found->value().ToStringView());
    }
    return found->status().ok();
  }

  Label& At(uint64_t label) {
    if (label >= labels_.size()) labels_.resize(label + 1);
    return labels_[label];
  }

  // False when a table, or a record, cannot be read.
  bool ReadAll() {
    bool is_good = true;
    is_good &= Scan(files_.documents(), [&](std::string_view key, std::string_view value) {
      const auto document = DecodeDocument(value);
      is_good &= document.ok();
      if (!document.ok()) return;
      Label& label = At(LabelOfKey(key));
      label.has_document = true;
      label.id_hash = std::hash<std::string>()(document->id);
      label.is_newer = document->sequence > last_sequence_;
      label.content_hash = ContentHash(*document);
    });
    is_good &= Scan(files_.vectors(), [&](std::string_view key, std::string_view value) {
      const uint64_t number = LabelOfKey(key);
      Label& label = At(number);
      label.has_vector = true;
      label.is_mixed =
          label.has_document && !dropped_.MayBelongTogether(collection_id_, number, label.is_newer,
                                                            label.content_hash, VectorHash(value));
    });
    is_good &= Scan(files_.ids(), [&](std::string_view key, std::string_view value) {
      const auto number = DecodeLabel(value);
      is_good &= number.ok();
      if (number.ok() && IsIdOf(key, At(*number))) At(*number).has_id = true;
    });
    return is_good;
  }

  // A label that was given to a document whose requests are dropped may be given again.
  static bool IsIdOf(std::string_view key, const Label& label) {
    const std::string_view id = key.substr(sizeof(uint32_t));
    return label.has_document && label.id_hash == std::hash<std::string_view>()(id);
  }

  absl::Status Remove(rocksdb::ColumnFamilyHandle* family, std::string_view key) const {
    return FromRocksDb(files_.db().Delete({}, family, key), "removing half of a document");
  }

  absl::Status RemoveHalves(rocksdb::ColumnFamilyHandle* family) {
    absl::Status status;
    Scan(family, [&](std::string_view key, std::string_view) {
      if (status.ok() && !At(LabelOfKey(key)).IsWhole()) status = Remove(family, key);
    });
    return status;
  }

  absl::Status RemoveIds() {
    absl::Status status;
    Scan(files_.ids(), [&](std::string_view key, std::string_view value) {
      const auto number = DecodeLabel(value);
      if (!status.ok() || !number.ok()) return;
      const Label& label = At(*number);
      if (!label.IsWhole() || !IsIdOf(key, label)) status = Remove(files_.ids(), key);
    });
    return status;
  }

  const DatabaseFiles& files_;
  const uint32_t collection_id_;
  const LoggedWrites& dropped_;
  const CollectionCountersRecord counters_;
  const uint64_t last_sequence_;
  std::vector<Label> labels_;
};

}  // namespace

absl::StatusOr<uint64_t> SettleCollection(const DatabaseFiles& files, const Catalog& catalog,
                                          uint32_t collection_id, const LoggedWrites& dropped) {
  return Settlement(files, catalog, collection_id, dropped).Run();
}

}  // namespace simile
