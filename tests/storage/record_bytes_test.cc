#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

#include "storage/crc32c.h"
#include "tests/storage/record_samples.h"

namespace simile {
namespace {

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned>(c) & 0xFFu);
    hex += digits;
  }
  return hex;
}

// Worked out like all of these: see GoldenRecords.
constexpr char kCollection[] =
    "0102"
    "04030201"                  // id
    "050000007465787473"        // name
    "040000006d696e69"          // model name
    "0400000062656566"          // model fingerprint
    "80010000"                  // dimension
    "01000000"                  // metric
    "02000000"                  // index engine
    "10000000"                  // M
    "c8000000"                  // ef construction
    "40000000"                  // ef search
    "feffffffffffffff"          // created
    "010600000066696e643a20"    // query prompt
    "00"                        // no document prompt
    "0800000062666c6f61743136"  // model precision
    "02000000"                  // index codes
    "f8ab40ba";

constexpr char kCollectionOfVersion1[] =
    "0101"
    "04030201"            // id
    "050000007465787473"  // name
    "040000006d696e69"    // model name
    "0400000062656566"    // model fingerprint
    "80010000"            // dimension
    "01000000"            // metric
    "02000000"            // index engine
    "10000000"            // M
    "c8000000"            // ef construction
    "40000000"            // ef search
    "feffffffffffffff"    // created
    "abbccff7";

// Worked out from the tables of storage/README.md by a program of its own, not by the codec: kind
// and version, then the fields, last the checksum.
const std::map<std::string, std::string>& GoldenRecords() {
  static const std::map<std::string, std::string> records = {
      {"collection", kCollection},
      {"collection, version 1", kCollectionOfVersion1},
      {"counters",
       "0201"
       "0900000000000000"  // next label
       "0500000000000000"  // document count
       "bec8db9b"},
      {"document",
       "0301"
       "0807060504030201"                      // sequence
       "02"                                    // vector source
       "01"                                    // flags
       "07000000"                              // token count
       "020000006431"                          // id
       "020000006869"                          // text
       "09000000"                              // number of metadata values
       "010000006100"                          // null
       "010000006201"                          // false
       "010000006302"                          // true
       "0100000064030000000000000080"          // int64
       "010000006504000000000000f83f"          // double
       "010000006605070000005ac3bc72696368"    // string
       "0100000067060200000000ff"              // bytes
       "010000006807ffffffffffffffffffc99a3b"  // timestamp
       "01000000690802000000"                  // list of two
       "030100000000000000"                    // int64
       "080100000000"                          // list of null
       "ea3aa3f1"},
      {"vector",
       "0401"
       "01"        // float32
       "03000000"  // dimension
       "0000803f000020c0cdcccc3d"
       "d8ddad44"},
      {"ingest progress",
       "0501"
       "e803000000000000"  // items handled
       "00f1536500000000"  // updated
       "15775c08"},
      {"state",
       "0601"
       "4d00000000000000"  // last sequence
       "03000000"          // next collection id
       "053c17c7"},
      {"label",
       "0701"
       "2a00000000000000"
       "b732dbb1"},
  };
  return records;
}

TEST(RecordBytesTest, EveryKindAndVersionHasTheBytesTheReadmeSays) {
  ASSERT_EQ(GoldenRecords().size(), RecordSamples().size());
  for (const RecordSample& sample : RecordSamples()) {
    EXPECT_EQ(Hex(sample.record), GoldenRecords().at(sample.name)) << sample.name;
  }
}

TEST(Crc32cTest, AgreesWithTheExamplesOfRfc3720) {
  std::string ascending, descending;
  for (int value = 0; value < 32; ++value) {
    ascending.push_back(static_cast<char>(value));
    descending.push_back(static_cast<char>(31 - value));
  }
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(Crc32c(ascending), 0x46DD794Eu);
  EXPECT_EQ(Crc32c(descending), 0x113FDB5Cu);
}

TEST(Crc32cTest, AgreesWithTheReadCommandOfRfc3720) {
  std::string command(48, '\0');
  command[0] = '\x01';
  command[1] = '\xC0';
  command[16] = '\x14';
  command[22] = '\x04';
  command[27] = '\x14';
  command[31] = '\x18';
  command[32] = '\x28';
  command[40] = '\x02';
  EXPECT_EQ(Crc32c(command), 0xD9963A56u);
}

TEST(Crc32cTest, OfNothingIsZero) { EXPECT_EQ(Crc32c(""), 0u); }

}  // namespace
}  // namespace simile
