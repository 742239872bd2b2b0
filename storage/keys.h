#ifndef SIMILE_STORAGE_KEYS_H_
#define SIMILE_STORAGE_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace simile {

// The grammar of keys (storage/README.md, "Keys"). Numbers are big-endian, so that RocksDB's order
// of bytes is the order of numbers, and all keys of a collection lie together.

// Of the default column family.
inline constexpr std::string_view kStoreStateKey = "state";
inline constexpr std::string_view kCollectionKeyPrefix = "collection/";
inline constexpr std::string_view kCountersKeyPrefix = "counters/";
inline constexpr std::string_view kDroppedKeyPrefix = "dropped/";
std::string CollectionKey(uint32_t collection_id);
std::string CountersKey(uint32_t collection_id);
std::string DroppedKey(uint32_t collection_id);

// The number at the end of a key made by one of the three above; false when it has another length.
bool ParseCollectionId(std::string_view key, std::string_view prefix, uint32_t& collection_id);

// Of the other column families: 4 bytes of collection id first, and more behind them: no id of a
// document or a session is empty.
inline constexpr size_t kCollectionPrefixBytes = 4;
std::string CollectionPrefix(uint32_t collection_id);
std::string IdKey(uint32_t collection_id, std::string_view id);
std::string LabelKey(uint32_t collection_id, uint64_t label);
std::string SessionKey(uint32_t collection_id, std::string_view session_id);
std::string ChangesKey(uint32_t collection_id, uint64_t sequence);

// The keys from `first` to before `end`.
struct KeyRange {
  std::string first;
  std::string end;
};

// All of a collection in one of these families.
KeyRange CollectionRange(uint32_t collection_id);

// The collection that a key of these families begins with; of a shorter key, of what is there.
uint32_t CollectionOfKey(std::string_view key);

// The label of a LabelKey; 0, which is no label, for a key of another length.
uint64_t LabelOfKey(std::string_view key);

}  // namespace simile

#endif  // SIMILE_STORAGE_KEYS_H_
