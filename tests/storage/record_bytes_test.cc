#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

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
    "0103"
    "04030201"                        // id
    "050000007465787473"              // name
    "040000006d696e69"                // model name
    "0400000062656566"                // model fingerprint
    "80010000"                        // dimension
    "01000000"                        // metric
    "02000000"                        // index engine
    "10000000"                        // M
    "c8000000"                        // ef construction
    "40000000"                        // ef search
    "feffffffffffffff"                // created
    "010600000066696e643a20"          // query prompt
    "00"                              // no document prompt
    "0800000062666c6f61743136"        // model precision
    "02000000"                        // index codes
    "02000000"                        // number of fields indexed for filters
    "0500000067656e7265"              // the first
    "0b000000617574686f722e6e616d65"  // the second
    "3a23b7db";

constexpr char kCollectionOfVersion2[] =
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

constexpr char kDocumentOfVersion1[] =
    "0301"
    "0807060504030201"                      // sequence
    "02"                                    // vector source
    "01"                                    // flags
    "07000000"                              // token count
    "020000006431"                          // id
    "020000006869"                          // text
    "0a000000"                              // number of metadata values
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
    "010000006a0902000000"                  // map of two, in order
    "0000000002"                            // without name: true
    "010000006b080100000009"                // list of one map
    "00000000"                              // of nothing
    "5feaf669";

constexpr char kDocument[] =
    "0302"
    "0807060504030201"                      // sequence
    "02"                                    // vector source
    "01"                                    // flags
    "07000000"                              // token count
    "020000006431"                          // id
    "020000006869"                          // text
    "0a000000"                              // number of metadata values
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
    "010000006a0902000000"                  // map of two, in order
    "0000000002"                            // without name: true
    "010000006b080100000009"                // list of one map
    "00000000"                              // of nothing
    "bc99d0d0";

// Worked out from the tables of storage/README.md by a program of its own, not by the codec: kind
// and version, then the fields, last the checksum.
const std::map<std::string, std::string>& GoldenRecords() {
  static const std::map<std::string, std::string> records = {
      {"collection", kCollection},
      {"collection, version 1", kCollectionOfVersion1},
      {"collection, version 2", kCollectionOfVersion2},
      {"counters, version 1",
       "0201"
       "0900000000000000"  // next label
       "0500000000000000"  // document count
       "bec8db9b"},
      {"counters",
       "0202"
       "0900000000000000"  // next label
       "0500000000000000"  // document count
       "4d00000000000000"  // last sequence
       "ceacdca9"},
      {"document, version 1", kDocumentOfVersion1},
      {"document", kDocument},
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
      {"changes",
       "0801"
       "02000000"  // number of labels
       "0300000000000000"
       "0504030201000000"
       "a29868fd"},
      {"forgotten changes",
       "0901"
       "4e00000000000000"  // sequence
       "43013171"},
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

}  // namespace
}  // namespace simile
