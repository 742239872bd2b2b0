#ifndef SIMILE_TESTS_STORAGE_RECORD_SAMPLES_H_
#define SIMILE_TESTS_STORAGE_RECORD_SAMPLES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "storage/collection_record.h"
#include "storage/document.h"
#include "storage/record_envelope.h"

namespace simile {

// One record of every kind and version, so that a test can go over all of them.
struct RecordSample {
  std::string name;
  RecordKind kind;
  uint8_t version;
  std::string record;
  // Decodes a record of this kind.
  std::function<absl::Status(std::string_view)> decode;
};
std::vector<RecordSample> RecordSamples();

CollectionRecord SampleCollection();

// What of it a record of version 1 holds.
CollectionRecord SampleCollectionOfVersion1();

// Has a metadata value of every kind.
StoredDocument SampleDocument();

// What stands between header and checksum of a sealed record.
std::string BodyOf(const std::string& record);

// A record of the sample's kind and version with this body.
std::string Reseal(const RecordSample& sample, std::string_view body);

// A record with a right checksum and any kind and version.
std::string SealAs(uint8_t kind, uint8_t version, std::string_view body);

// `depth` lists inside each other, the innermost empty.
Value NestedLists(int depth);

}  // namespace simile

#endif  // SIMILE_TESTS_STORAGE_RECORD_SAMPLES_H_
