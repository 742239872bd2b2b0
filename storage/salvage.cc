#include "storage/salvage.h"

#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "storage/bulk_writer.h"
#include "storage/catalog.h"
#include "storage/catalog_codec.h"
#include "storage/change_log.h"
#include "storage/document_codec.h"
#include "storage/keys.h"

namespace simile {
namespace {

// Where records go; nowhere when it is only to be told what would be there.
class Target {
 public:
  explicit Target(const DatabaseFiles* to) : to_(to) {
    if (to != nullptr) writer_.emplace(*to);
  }

  using Family = rocksdb::ColumnFamilyHandle* (DatabaseFiles::*)() const;

  absl::Status Put(Family family, std::string_view key, std::string_view value) {
    if (!writer_.has_value()) return absl::OkStatus();
    writer_->Put((to_->*family)(), key, value);
    return writer_->is_full() ? writer_->Write() : absl::OkStatus();
  }

  absl::Status Finish() { return writer_.has_value() ? writer_->Write() : absl::OkStatus(); }

 private:
  const DatabaseFiles* const to_;
  std::optional<BulkWriter> writer_;
};

class CollectionSalvage {
 public:
  CollectionSalvage(const DatabaseFiles& from, const Catalog& catalog,
                    const CollectionRecord& record, Target& target)
      : from_(from),
        record_(record),
        counters_(catalog.Counters(record.id)),
        last_sequence_(catalog.State().last_sequence),
        target_(target),
        is_kept_(counters_.next_label) {}

  absl::StatusOr<SalvagedCollection> Run() {
    SalvagedCollection salvaged{.name = record_.name};
    // The newest first: where ids are lost it is the one that its id belongs to.
    for (uint64_t label = is_kept_.size(); label-- > 1;) {
      const auto kept = CopyDocument(label);
      if (!kept.ok()) return kept.status();
      is_kept_[label] = *kept;
      salvaged.documents_kept += *kept ? 1 : 0;
    }
    if (counters_.document_count > salvaged.documents_kept) {
      salvaged.documents_lost = counters_.document_count - salvaged.documents_kept;
      salvaged.lost_ids = LostIds();
    } else if (absl::Status s = CopySessions(); !s.ok()) {
      return s;
    }
    if (absl::Status s = PutRest(salvaged.documents_kept); !s.ok()) return s;
    return salvaged;
  }

 private:
  // False when there is none, or a part of it cannot be read.
  absl::StatusOr<bool> CopyDocument(uint64_t label) {
    const std::string key = LabelKey(record_.id, label);
    const auto document = from_.Get(from_.documents(), key);
    if (!document.ok()) return false;
    const auto vector = from_.Get(from_.vectors(), key);
    if (!vector.ok() || !IsVector(*vector)) return false;
    const auto decoded = DecodeDocument(*document);
    if (!decoded.ok()) return false;
    const std::string id_key = IdKey(record_.id, decoded->id);
    if (!HasId(id_key, label)) return false;
    absl::Status put = target_.Put(&DatabaseFiles::documents, key, *document);
    if (put.ok()) put = target_.Put(&DatabaseFiles::vectors, key, *vector);
    if (put.ok()) put = target_.Put(&DatabaseFiles::ids, id_key, EncodeLabel(label));
    if (!put.ok()) return put;
    return true;
  }

  bool IsVector(std::string_view stored) const {
    const auto vector = DecodeVector(stored);
    return vector.ok() && vector->size() == record_.dimension;
  }

  // Documents go together with their ids, so where one is left without, the id was in a damaged
  // table, or in one that a recovery has left out.
  bool HasId(const std::string& id_key, uint64_t label) {
    const auto stored = from_.Get(from_.ids(), id_key);
    if (stored.ok()) {
      const auto found = DecodeLabel(*stored);
      if (found.ok()) return *found == label;
    }
    return made_anew_.insert(id_key).second;
  }

  // As far as ids can be read.
  std::vector<std::string> LostIds() const {
    std::vector<std::string> lost;
    const auto take = [&](std::string_view key, std::string_view value) {
      const auto label = DecodeLabel(value);
      if (!label.ok() || (*label < is_kept_.size() && is_kept_[*label])) return absl::OkStatus();
      lost.emplace_back(key.substr(kCollectionPrefixBytes));
      return lost.size() < SalvagedCollection::kIdsTold ? absl::OkStatus()
                                                        : absl::CancelledError("enough");
    };
    from_.Scan(from_.ids(), CollectionRange(record_.id), take).IgnoreError();
    return lost;
  }

  // As far as they can be read: who is not among them begins again, which changes nothing.
  absl::Status CopySessions() {
    absl::Status failure;
    const auto copy = [&](std::string_view key, std::string_view value) {
      failure = target_.Put(&DatabaseFiles::sessions, key, value);
      return failure;
    };
    from_.Scan(from_.sessions(), CollectionRange(record_.id), copy).IgnoreError();
    return failure;
  }

  absl::Status PutRest(uint64_t document_count) {
    CollectionCountersRecord counters = counters_;
    counters.document_count = document_count;
    absl::Status put =
        target_.Put(&DatabaseFiles::meta, CollectionKey(record_.id), EncodeCollection(record_));
    if (!put.ok()) return put;
    put = target_.Put(&DatabaseFiles::meta, CountersKey(record_.id), EncodeCounters(counters));
    if (!put.ok()) return put;
    return target_.Put(&DatabaseFiles::changes, ChangesKey(record_.id, kChangesForgottenAt),
                       EncodeChangesForgotten(last_sequence_));
  }

  const DatabaseFiles& from_;
  const CollectionRecord& record_;
  const CollectionCountersRecord counters_;
  const uint64_t last_sequence_;
  Target& target_;
  std::vector<bool> is_kept_;                  // By label.
  std::unordered_set<std::string> made_anew_;  // Keys of ids that could not be read.
};

}  // namespace

absl::StatusOr<std::vector<SalvagedCollection>> Salvage(const DatabaseFiles& from,
                                                        const DatabaseFiles* to) {
  const auto catalog = Catalog::Load(from);
  if (!catalog.ok()) return catalog.status();
  Target target(to);
  std::vector<SalvagedCollection> collections;
  for (const CollectionRecord& record : (*catalog)->Collections()) {
    auto salvaged = CollectionSalvage(from, **catalog, record, target).Run();
    if (!salvaged.ok()) return salvaged.status();
    collections.push_back(*std::move(salvaged));
  }
  absl::Status put =
      target.Put(&DatabaseFiles::meta, kStoreStateKey, EncodeStoreState((*catalog)->State()));
  if (put.ok()) put = target.Finish();
  if (!put.ok()) return put;
  return collections;
}

}  // namespace simile
