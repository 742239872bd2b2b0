#ifndef SIMILE_FILTER_METADATA_INDEX_H_
#define SIMILE_FILTER_METADATA_INDEX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/bit_set.h"
#include "base/shared_mutex.h"
#include "base/value.h"
#include "filter/facet.h"
#include "filter/field_index.h"
#include "filter/filter.h"
#include "filter/row_labels.h"

namespace simile {

// What is known about which documents a filter matches.
struct FilterEvaluation {
  BitSet matching = BitSet(0);  // Labels of documents that match for certain.
  size_t count = 0;             // Of them.
  // Labels of documents that one has to look at, ascending: the filter asks for words of the text,
  // or for a field that is not indexed.
  std::vector<uint64_t> undecided;
  std::vector<std::string> notes;  // For people: why documents are looked at, or what cannot match.
};

struct MetadataIndexStatistics {
  size_t fields = 0;
  std::vector<std::string> fields_over_budget;
  bool has_unindexed_fields = false;  // Beyond fields_max, or not among those asked for.
  size_t rows = 0;                    // Versions of metadata that are live.
  size_t dead_rows = 0;               // And those whose memory is not yet free.
  size_t memory_bytes = 0;
};

// Which documents of a collection match a filter, by the metadata of all of them, in memory;
// derived from the store and rebuilt from it.
//
// Each version of a document's metadata is a row, which never changes; a set of live rows says
// which versions count. So an evaluation, which takes a copy of that set first, sees all documents
// as they were in one moment, however long it takes and whatever is written meanwhile. Rows of old
// versions are taken away in one go when there are many, and used again.
//
// Thread safety: all methods may be called together; changes of one label must not run together.
// Cost: a change takes O(log values) for each of its values; an evaluation reads the bitmaps of the
// values that a filter names, and a few bits for each document and condition.
class MetadataIndex {
 public:
  struct Options {
    size_t field_bytes_max = 64ull << 20;  // Fields that would take more are not indexed.
    size_t fields_max = 1'024;             // Further ones are not either.
    std::set<std::string> fields;          // Only these, when there are any.
  };

  static constexpr uint64_t kNoLabel = ~uint64_t{0};

  explicit MetadataIndex(Options options) : options_(std::move(options)) {}

  // A new version that nobody sees yet; to be given to Publish or Discard.
  uint32_t Stage(const Metadata& metadata);
  // The version of `label` from now on.
  void Publish(uint64_t label, uint32_t row);
  void Discard(uint32_t row);
  void Remove(uint64_t label);

  // What the store had when it was read, perhaps a while ago: labels that were published or removed
  // meanwhile keep what they have. To be called until EndLoading.
  void Load(uint64_t label, const Metadata& metadata);
  void EndLoading();

  // False until then: evaluations would miss documents.
  bool is_complete() const { return is_complete_.load(std::memory_order_acquire); }

  // `labels_of_ids` gives the label of each document by its id, kNoLabel where there is none.
  FilterEvaluation Evaluate(
      const Filter& filter,
      const std::function<std::vector<uint64_t>(const std::vector<std::string>&)>& labels_of_ids)
      const;

  // Counts over the documents in `labels`, or over all when it is null. None when the field is not
  // indexed.
  // Cost: a step for each document that has the field, and for each of its values.
  std::optional<FacetCounts> Count(const Facet& facet, const BitSet* labels) const;

  MetadataIndexStatistics Statistics() const;

 private:
  class Evaluator;

  std::shared_ptr<FieldIndex> FieldFor(const std::string& name);
  bool MayIndex(const std::string& name) const ABSL_SHARED_LOCKS_REQUIRED(fields_mutex_);
  std::shared_ptr<FieldIndex> FindField(std::string_view name) const;
  uint32_t TakeRow();
  void Bury(uint32_t row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(rows_mutex_);
  bool IsSweepDue() const ABSL_SHARED_LOCKS_REQUIRED(rows_mutex_);
  void Sweep();

  const Options options_;
  std::atomic<bool> is_complete_{false};

  mutable SharedMutex fields_mutex_;
  std::map<std::string, std::shared_ptr<FieldIndex>, std::less<>> fields_
      ABSL_GUARDED_BY(fields_mutex_);
  bool has_unindexed_fields_ ABSL_GUARDED_BY(fields_mutex_) = false;

  // Evaluations hold it shared, so that rows they may have seen are not used again meanwhile.
  mutable SharedMutex recycle_mutex_;
  SharedMutex sweep_mutex_;  // Who has it sweeps.

  mutable SharedMutex rows_mutex_;
  BitSet live_ ABSL_GUARDED_BY(rows_mutex_);
  RowLabels labels_ ABSL_GUARDED_BY(rows_mutex_);
  absl::flat_hash_map<uint64_t, uint32_t> rows_ ABSL_GUARDED_BY(rows_mutex_);
  std::vector<uint32_t> dead_ ABSL_GUARDED_BY(rows_mutex_);
  std::vector<uint32_t> free_ ABSL_GUARDED_BY(rows_mutex_);
  // While loading: labels that were removed, so that what was read before does not come back.
  std::unordered_set<uint64_t> removed_ ABSL_GUARDED_BY(rows_mutex_);
};

}  // namespace simile

#endif  // SIMILE_FILTER_METADATA_INDEX_H_
