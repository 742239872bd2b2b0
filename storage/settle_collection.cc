#include "storage/settle_collection.h"

#include <algorithm>
#include <functional>
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
             const LoggedWrites& dropped, bool may_lack_ids)
      : files_(files),
        collection_id_(collection_id),
        dropped_(dropped),
        may_lack_ids_(may_lack_ids),
        counters_(catalog.Counters(collection_id)),
        last_sequence_(catalog.State().last_sequence),
        labels_(counters_.next_label) {}

  absl::StatusOr<SettledDocuments> Run() {
    ReadDocuments();
    ReadVectors();
    ReadIds();
    const SettledDocuments documents{
        .removed = Count([](const Label& one) { return one.has_document && one.IsHalf(); }),
        .newer_kept = Count([](const Label& one) { return one.is_newer && one.IsWhole(); })};
    if (absl::Status s = RemoveHalves(); !s.ok()) return s;
    if (absl::Status s = PutCounters(); !s.ok()) return s;
    return documents;
  }

 private:
  // What is there under a label.
  struct Label {
    bool has_id = false;  // The one that its document has.
    bool has_document = false;
    bool has_vector = false;
    bool is_newer = false;  // Its document is of a dropped request.
    bool is_mixed = false;
    bool is_unreadable = false;  // In part.
    size_t id_hash = 0;
    size_t content_hash = 0;

    bool IsWhole() const {
      return has_id && has_document && has_vector && !is_mixed && !is_unreadable;
    }
    bool IsHalf() const {
      const bool is_part = (has_document || has_vector) && !IsWhole() && !is_unreadable;
      return is_mixed || is_part;
    }
  };

  template <typename Is>
  uint64_t Count(Is is) const {
    return static_cast<uint64_t>(std::ranges::count_if(labels_, is));
  }

  absl::Status Scan(rocksdb::ColumnFamilyHandle* family, const DatabaseFiles::Visit& visit) const {
    return files_.Scan(family, CollectionRange(collection_id_), visit);
  }

  Label& At(uint64_t label) {
    if (label >= labels_.size()) labels_.resize(label + 1);
    return labels_[label];
  }

  // Calls `take` for all that a family has under labels; where a scan meets damage, for each of the
  // labels that are known alone, and false is returned. `is_taken`: not this one any more.
  template <typename IsTaken, typename Take>
  bool Read(rocksdb::ColumnFamilyHandle* family, IsTaken is_taken, Take take) {
    const auto visit = [&](std::string_view key, std::string_view value) {
      take(LabelOfKey(key), value);
      return absl::OkStatus();
    };
    if (Scan(family, visit).ok()) return true;
    if (const uint64_t end = dropped_.EndLabel(collection_id_); end > labels_.size()) {
      labels_.resize(end);
    }
    for (uint64_t label = 1; label < labels_.size(); ++label) {
      if (is_taken(labels_[label])) continue;
      const auto value = files_.Get(family, LabelKey(collection_id_, label));
      if (value.ok()) {
        take(label, *value);
      } else if (value.status().code() != absl::StatusCode::kNotFound) {
        labels_[label].is_unreadable = true;
      }
    }
    return false;
  }

  void ReadDocuments() {
    are_documents_scanned_ = Read(
        files_.documents(), [](const Label& one) { return one.has_document; },
        [this](uint64_t number, std::string_view value) {
          Label& label = At(number);
          const auto document = DecodeDocument(value);
          label.has_document = true;
          label.is_unreadable = !document.ok();
          if (!document.ok()) return;
          label.id_hash = std::hash<std::string>()(document->id);
          label.is_newer = document->sequence > last_sequence_;
          newest_sequence_ = std::max(newest_sequence_, document->sequence);
          label.content_hash = ContentHash(*document);
        });
  }

  void ReadVectors() {
    const size_t asked_end = labels_.size();
    Read(
        files_.vectors(), [](const Label& one) { return one.has_vector; },
        [this](uint64_t number, std::string_view value) {
          Label& label = At(number);
          label.has_vector = true;
          label.is_mixed = label.has_document && !label.is_unreadable &&
                           !dropped_.MayBelongTogether(collection_id_, number, label.is_newer,
                                                       label.content_hash, VectorHash(value));
        });
    // Nobody has looked for their documents.
    for (size_t label = asked_end; !are_documents_scanned_ && label < labels_.size(); ++label) {
      labels_[label].is_unreadable = true;
    }
  }

  void ReadIds() {
    ReadStoredIds();
    for (Label& label : labels_) {
      const bool is_lost = label.has_document && label.has_vector && !label.has_id;
      if (may_lack_ids_ && is_lost && !label.is_newer) label.is_unreadable = true;
    }
  }

  void ReadStoredIds() {
    const auto take = [this](std::string_view key, std::string_view value) {
      const auto number = DecodeLabel(value);
      if (!number.ok()) return number.status();
      if (IsIdOf(key, At(*number))) At(*number).has_id = true;
      return absl::OkStatus();
    };
    if (Scan(files_.ids(), take).ok()) return;
    // An id that was not come to is asked for by the document that has it.
    for (uint64_t label = 1; label < labels_.size(); ++label) {
      Label& one = labels_[label];
      if (one.has_id || !one.has_document || one.is_unreadable) continue;
      const std::string id_key = IdKeyOf(label);
      const auto value = files_.Get(files_.ids(), id_key);
      if (value.ok()) {
        const auto number = DecodeLabel(*value);
        one.has_id = number.ok() && *number == label;
        one.is_unreadable = !number.ok();
      } else {
        one.is_unreadable = value.status().code() != absl::StatusCode::kNotFound;
      }
    }
  }

  // Of a label whose document can be read.
  std::string IdKeyOf(uint64_t label) const {
    const auto record = files_.Get(files_.documents(), LabelKey(collection_id_, label));
    const auto document = record.ok() ? DecodeDocument(*record) : record.status();
    return IdKey(collection_id_, document.ok() ? document->id : "");
  }

  // A label that was given to a document whose requests are dropped may be given again.
  static bool IsIdOf(std::string_view key, const Label& label) {
    const std::string_view id = key.substr(kCollectionPrefixBytes);
    return label.has_document && label.id_hash == std::hash<std::string_view>()(id);
  }

  // What cannot be read counts, but no more of it than there was: the labels of removed documents
  // look the same.
  absl::Status PutCounters() const {
    const uint64_t whole = Count([](const Label& one) { return one.IsWhole(); });
    const uint64_t unreadable =
        Count([](const Label& one) { return one.is_unreadable && !one.IsHalf(); });
    const uint64_t others = counters_.document_count - std::min(whole, counters_.document_count);
    const CollectionCountersRecord settled{
        .next_label = std::max<uint64_t>(counters_.next_label, labels_.size()),
        .document_count = whole + std::min(unreadable, others),
        .last_sequence = std::max(counters_.last_sequence, newest_sequence_)};
    return FromRocksDb(
        files_.db().Put({}, files_.meta(), CountersKey(collection_id_), EncodeCounters(settled)),
        "writing the counters of a collection");
  }

  absl::Status Remove(rocksdb::ColumnFamilyHandle* family, std::string_view key) const {
    return FromRocksDb(files_.db().Delete({}, family, key), "removing half of a document");
  }

  absl::Status RemoveHalves() {
    if (absl::Status s = RemoveIds(); !s.ok()) return s;
    for (uint64_t label = 0; label < labels_.size(); ++label) {
      if (!labels_[label].IsHalf()) continue;
      if (labels_[label].has_id) {
        if (absl::Status s = Remove(files_.ids(), IdKeyOf(label)); !s.ok()) return s;
      }
      const std::string key = LabelKey(collection_id_, label);
      for (rocksdb::ColumnFamilyHandle* family : {files_.documents(), files_.vectors()}) {
        if (absl::Status s = Remove(family, key); !s.ok()) return s;
      }
    }
    return absl::OkStatus();
  }

  // As far as they can be read: the others lead to what is not there.
  absl::Status RemoveIds() {
    absl::Status failure;
    const auto remove = [&](std::string_view key, std::string_view value) {
      const auto number = DecodeLabel(value);
      if (!number.ok()) return absl::OkStatus();
      const Label& label = At(*number);
      if (label.is_unreadable || (label.IsWhole() && IsIdOf(key, label))) return absl::OkStatus();
      failure = Remove(files_.ids(), key);
      return failure;
    };
    Scan(files_.ids(), remove).IgnoreError();
    return failure;
  }

  const DatabaseFiles& files_;
  const uint32_t collection_id_;
  const LoggedWrites& dropped_;
  const bool may_lack_ids_;
  const CollectionCountersRecord counters_;
  const uint64_t last_sequence_;
  uint64_t newest_sequence_ = 0;  // Of any document: no other request may have it.
  std::vector<Label> labels_;
  bool are_documents_scanned_ = false;
};

}  // namespace

absl::StatusOr<SettledDocuments> SettleCollection(const DatabaseFiles& files,
                                                  const Catalog& catalog, uint32_t collection_id,
                                                  const LoggedWrites& dropped, bool may_lack_ids) {
  return Settlement(files, catalog, collection_id, dropped, may_lack_ids).Run();
}

}  // namespace simile
