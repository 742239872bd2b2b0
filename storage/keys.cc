#include "storage/keys.h"

namespace simile {
namespace {

template <typename Number>
void AppendBigEndian(Number number, std::string& key) {
  for (int shift = 8 * (static_cast<int>(sizeof(Number)) - 1); shift >= 0; shift -= 8) {
    key.push_back(static_cast<char>((number >> shift) & 0xFF));
  }
}

template <typename Number>
Number BigEndian(std::string_view bytes) {
  Number number = 0;
  for (const char c : bytes) number = (number << 8) | static_cast<unsigned char>(c);
  return number;
}

std::string Prefixed(std::string_view prefix, uint32_t collection_id) {
  std::string key(prefix);
  AppendBigEndian(collection_id, key);
  return key;
}

}  // namespace

std::string CollectionKey(uint32_t collection_id) {
  return Prefixed(kCollectionKeyPrefix, collection_id);
}

std::string CountersKey(uint32_t collection_id) {
  return Prefixed(kCountersKeyPrefix, collection_id);
}

std::string DroppedKey(uint32_t collection_id) {
  return Prefixed(kDroppedKeyPrefix, collection_id);
}

bool ParseCollectionId(std::string_view key, std::string_view prefix, uint32_t& collection_id) {
  if (key.size() != prefix.size() + sizeof(uint32_t)) return false;
  collection_id = BigEndian<uint32_t>(key.substr(prefix.size()));
  return true;
}

std::string CollectionPrefix(uint32_t collection_id) { return Prefixed("", collection_id); }

std::string IdKey(uint32_t collection_id, std::string_view id) {
  return CollectionPrefix(collection_id).append(id);
}

std::string LabelKey(uint32_t collection_id, uint64_t label) {
  std::string key = CollectionPrefix(collection_id);
  AppendBigEndian(label, key);
  return key;
}

std::string SessionKey(uint32_t collection_id, std::string_view session_id) {
  return CollectionPrefix(collection_id).append(session_id);
}

// Sequences begin at 1, so 0 is free for what is known of the changes that are no longer there.
std::string ChangesKey(uint32_t collection_id, uint64_t sequence) {
  return LabelKey(collection_id, sequence);
}

KeyRange CollectionRange(uint32_t collection_id) {
  return {.first = CollectionPrefix(collection_id), .end = CollectionPrefix(collection_id + 1)};
}

uint32_t CollectionOfKey(std::string_view key) {
  return BigEndian<uint32_t>(key.substr(0, sizeof(uint32_t)));
}

uint64_t LabelOfKey(std::string_view key) {
  if (key.size() != sizeof(uint32_t) + sizeof(uint64_t)) return 0;
  return BigEndian<uint64_t>(key.substr(sizeof(uint32_t)));
}

}  // namespace simile
