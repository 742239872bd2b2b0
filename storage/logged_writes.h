#ifndef SIMILE_STORAGE_LOGGED_WRITES_H_
#define SIMILE_STORAGE_LOGGED_WRITES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "storage/document.h"

namespace simile {

// What writes did to one collection.
struct CollectionWrites {
  uint64_t puts = 0;             // Documents put, or their metadata replaced.
  uint64_t removals = 0;         // Documents removed.
  std::vector<std::string> ids;  // Of some of these, in order: at most kIdsTold.
  std::string created_name;      // Not empty: its record was written, under this name.
};

// What the batches of a write-ahead log hold, told by collection. Each record of such a log is one
// batch: several requests, whole or not at all.
//
// Thread safety: none. Cost: a hundred bytes for each document put.
class LoggedWrites {
 public:
  static constexpr size_t kIdsTold = 10;  // Of each collection.

  // `family_names` by number, as the log numbers them.
  explicit LoggedWrites(std::map<uint32_t, std::string> family_names);

  // False when the record is no batch.
  bool Add(std::string_view record);

  uint64_t batches() const { return batches_; }
  const std::map<uint32_t, CollectionWrites>& collections() const { return collections_; }
  // Whether a stored document and the vector under its label can be of one state, when column
  // families may hold more or less of these writes. `is_newer`: the document is of one of them.
  // Contents are told apart by ContentHash and VectorHash.
  bool MayBelongTogether(uint32_t collection_id, uint64_t label, bool is_newer, size_t content,
                         size_t vector) const;
  // One above the highest label they put; 0 when they put none.
  uint64_t EndLabel(uint32_t collection_id) const;
  // The newest request they tell of, in the store's count; none when they tell of none.
  std::optional<uint64_t> last_sequence() const { return last_sequence_; }

 private:
  class Handler;

  const std::map<uint32_t, std::string> family_names_;
  uint64_t batches_ = 0;
  std::map<uint32_t, CollectionWrites> collections_;  // By id.
  // What was put: collection, label, content, vector (0: it stayed).
  std::set<std::tuple<uint32_t, uint64_t, size_t, size_t>> states_;
  std::optional<uint64_t> last_sequence_;
};

// Of everything but the sequence, and of a vector's record; never 0.
size_t ContentHash(StoredDocument document);
size_t VectorHash(std::string_view record);

// RocksDB's number of the first operation of a batch, and how many there are; none when the record
// is too short for one. Batches follow each other without a gap.
struct BatchNumbers {
  uint64_t first = 0;
  uint32_t count = 0;
};
std::optional<BatchNumbers> NumbersOfBatch(std::string_view record);

}  // namespace simile

#endif  // SIMILE_STORAGE_LOGGED_WRITES_H_
