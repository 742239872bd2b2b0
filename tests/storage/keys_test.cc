#include "storage/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace simile {
namespace {

using std::string_literals::operator""s;

constexpr uint64_t kUint64Max = std::numeric_limits<uint64_t>::max();

TEST(KeysTest, KeysAreTheBytesTheReadmeSays) {
  EXPECT_EQ(kStoreStateKey, "state");
  EXPECT_EQ(CollectionKey(0x01020304), "collection/\x01\x02\x03\x04"s);
  EXPECT_EQ(CountersKey(0x01020304), "counters/\x01\x02\x03\x04"s);
  EXPECT_EQ(DroppedKey(0x01020304), "dropped/\x01\x02\x03\x04"s);
  EXPECT_EQ(CollectionPrefix(7), "\0\0\0\x07"s);
  EXPECT_EQ(IdKey(7, "id"), "\0\0\0\x07id"s);
  EXPECT_EQ(SessionKey(7, "session"), "\0\0\0\x07session"s);
  EXPECT_EQ(LabelKey(7, 0x0102030405060708), "\0\0\0\x07\x01\x02\x03\x04\x05\x06\x07\x08"s);
}

TEST(KeysTest, LabelKeysHaveTheOrderOfTheirNumbers) {
  std::string before;
  for (const uint32_t collection_id : {1u, 0x7Fu, 0x80u, 0x100u, 0xFFFFFFFFu}) {
    for (const uint64_t label : {uint64_t{0}, uint64_t{1}, uint64_t{0xFF}, uint64_t{0x100},
                                 uint64_t{1} << 40, kUint64Max}) {
      const std::string key = LabelKey(collection_id, label);
      EXPECT_LT(before, key);
      before = key;
    }
  }
}

TEST(KeysTest, KeysOfACollectionLieBeforeTheNextCollection) {
  for (const uint32_t collection_id : {1u, 0xFFu, 0xFFFFu}) {
    const std::string end = CollectionPrefix(collection_id + 1);
    EXPECT_LT(IdKey(collection_id, "\xFF\xFF\xFF\xFF\xFF\xFF"), end);
    EXPECT_LT(SessionKey(collection_id, "\xFF\xFF\xFF\xFF\xFF"), end);
    EXPECT_LT(LabelKey(collection_id, kUint64Max), end);
    EXPECT_GE(IdKey(collection_id + 1, ""), end);
  }
}

TEST(KeysTest, ALabelComesBackFromItsKey) {
  for (const uint64_t label : {uint64_t{1}, uint64_t{0x0102030405060708}, kUint64Max}) {
    EXPECT_EQ(LabelOfKey(LabelKey(9, label)), label);
  }
}

TEST(KeysTest, AKeyOfAnotherLengthHasNoLabel) {
  EXPECT_EQ(LabelOfKey(""), 0u);
  EXPECT_EQ(LabelOfKey(LabelKey(9, 5).substr(1)), 0u);
  EXPECT_EQ(LabelOfKey(LabelKey(9, 5) + "x"), 0u);
}

TEST(KeysTest, ACollectionIdComesBackFromItsKey) {
  for (const uint32_t collection_id : {0u, 1u, 0x01020304u, 0xFFFFFFFFu}) {
    uint32_t parsed = 99;
    EXPECT_TRUE(ParseCollectionId(CollectionKey(collection_id), kCollectionKeyPrefix, parsed));
    EXPECT_EQ(parsed, collection_id);
    parsed = 99;
    EXPECT_TRUE(ParseCollectionId(DroppedKey(collection_id), kDroppedKeyPrefix, parsed));
    EXPECT_EQ(parsed, collection_id);
  }
}

TEST(KeysTest, AKeyOfAnotherLengthHasNoCollectionId) {
  uint32_t parsed = 99;
  EXPECT_FALSE(ParseCollectionId("", kCollectionKeyPrefix, parsed));
  EXPECT_FALSE(ParseCollectionId(kCollectionKeyPrefix, kCollectionKeyPrefix, parsed));
  EXPECT_FALSE(ParseCollectionId(CollectionKey(1) + "x", kCollectionKeyPrefix, parsed));
  EXPECT_EQ(parsed, 99u);
}

}  // namespace
}  // namespace simile
