#include "storage/change_log.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

#include "fmt/format.h"
#include "storage/catalog_codec.h"
#include "storage/keys.h"
#include "storage/rocksdb_status.h"

namespace simile {
namespace {

absl::Status Damaged(uint32_t collection_id, uint64_t sequence, const absl::Status& reason) {
  return absl::DataLossError(fmt::format("what request {} changed in collection {} is damaged: {}",
                                         sequence, collection_id, std::string(reason.message())));
}

}  // namespace

absl::StatusOr<uint64_t> ChangeLog::ForgottenThrough(uint32_t collection_id) const {
  const auto stored = files_.Get(files_.changes(), ChangesKey(collection_id, kChangesForgottenAt));
  if (stored.status().code() == absl::StatusCode::kNotFound) return 0;
  if (!stored.ok()) return stored.status();
  const auto sequence = DecodeChangesForgotten(*stored);
  if (!sequence.ok()) return Damaged(collection_id, kChangesForgottenAt, sequence.status());
  return sequence;
}

absl::StatusOr<std::vector<uint64_t>> ChangeLog::LabelsAfter(uint32_t collection_id,
                                                             uint64_t sequence) const {
  const auto forgotten = ForgottenThrough(collection_id);
  if (!forgotten.ok()) return forgotten.status();
  if (sequence < *forgotten) {
    return absl::OutOfRangeError(fmt::format(
        "changes after {} were asked for, but those up to {} are forgotten", sequence, *forgotten));
  }
  std::vector<uint64_t> labels;
  if (sequence == std::numeric_limits<uint64_t>::max()) return labels;
  const KeyRange range{.first = ChangesKey(collection_id, sequence + 1),
                       .end = CollectionRange(collection_id).end};
  const auto take = [&](std::string_view key, std::string_view value) {
    const auto some = DecodeChanges(value);
    if (!some.ok()) return Damaged(collection_id, LabelOfKey(key), some.status());
    labels.insert(labels.end(), some->begin(), some->end());
    return absl::OkStatus();
  };
  if (absl::Status s = files_.Scan(files_.changes(), range, take); !s.ok()) return s;
  std::ranges::sort(labels);
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  return labels;
}

absl::Status ChangeLog::Forget(uint32_t collection_id, uint64_t through_sequence) const {
  const auto forgotten = ForgottenThrough(collection_id);
  if (!forgotten.ok()) return forgotten.status();
  if (through_sequence <= *forgotten) return absl::OkStatus();
  rocksdb::WriteBatch batch;
  batch.DeleteRange(files_.changes(), ChangesKey(collection_id, kChangesForgottenAt + 1),
                    ChangesKey(collection_id, through_sequence + 1));
  batch.Put(files_.changes(), ChangesKey(collection_id, kChangesForgottenAt),
            EncodeChangesForgotten(through_sequence));
  return FromRocksDb(files_.Write(rocksdb::WriteOptions(), &batch), "forgetting changes");
}

}  // namespace simile
