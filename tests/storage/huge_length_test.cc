#include <gtest/gtest.h>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

#include "base/byte_writer.h"
#include "storage/catalog_codec.h"
#include "storage/document_codec.h"
#include "tests/storage/record_samples.h"
#include "tests/support/status_matchers.h"

namespace {

thread_local size_t largest_allocation = 0;

}  // namespace

// Counts, so that a test can tell that a length was refused before it was believed.
void* operator new(size_t size) {
  largest_allocation = std::max(largest_allocation, size);
  void* memory = std::malloc(size == 0 ? 1 : size);
  assert(memory != nullptr);
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace simile {
namespace {

// More than any error message and less than any of the lengths below.
constexpr size_t kSmall = 4'096;

std::string WithLengthAt(std::string body, size_t at, uint32_t length) {
  ByteWriter written;
  written.Put(length);
  return body.replace(at, sizeof(length), written.bytes());
}

// Sets the length at `at` of the sample's body to lies of several sizes: each must be refused.
void ExpectRefused(const RecordSample& sample, size_t at) {
  for (const uint32_t length : {uint32_t{1} << 20, uint32_t{1} << 30, uint32_t{1} << 31,
                                std::numeric_limits<uint32_t>::max()}) {
    const std::string record = Reseal(sample, WithLengthAt(BodyOf(sample.record), at, length));
    largest_allocation = 0;
    const absl::Status decoded = sample.decode(record);
    const size_t largest = largest_allocation;
    EXPECT_THAT(decoded, StatusIs(absl::StatusCode::kDataLoss, "does not parse"))
        << sample.name << ", length " << length << " at " << at;
    EXPECT_LT(largest, kSmall) << sample.name << ", length " << length << " at " << at;
  }
}

RecordSample SampleNamed(const std::string& name) {
  for (RecordSample& sample : RecordSamples()) {
    if (sample.name == name) return sample;
  }
  return {};
}

TEST(HugeLengthTest, TheCounterSeesAllocations) {
  largest_allocation = 0;
  const std::string large(kSmall, 'x');
  EXPECT_GE(largest_allocation, large.size());
}

TEST(HugeLengthTest, ACollectionWithAHugeStringIsRefusedWithoutAllocating) {
  for (const size_t at : {4u, 13u, 21u}) ExpectRefused(SampleNamed("collection, version 1"), at);
  for (const size_t at : {4u, 13u, 21u, 62u, 73u}) ExpectRefused(SampleNamed("collection"), at);
}

TEST(HugeLengthTest, ADocumentWithAHugeStringIsRefusedWithoutAllocating) {
  const RecordSample sample = SampleNamed("document");
  for (const size_t at : {14u, 20u, 30u}) ExpectRefused(sample, at);
}

TEST(HugeLengthTest, ADocumentThatClaimsManyValuesIsRefusedWithoutAllocating) {
  ExpectRefused(SampleNamed("document"), 26);
}

TEST(HugeLengthTest, AListThatClaimsManyItemsIsRefusedWithoutAllocating) {
  RecordSample sample = SampleNamed("document");
  StoredDocument document{.id = "d"};
  document.metadata["k"] = Value{ValueList{Value{Null{}}}};
  sample.record = EncodeDocument(document);
  // The size of the list stands before its only item.
  ExpectRefused(sample, BodyOf(sample.record).size() - 5);
}

TEST(HugeLengthTest, AVectorOfHugeDimensionIsRefusedWithoutAllocating) {
  ExpectRefused(SampleNamed("vector"), 1);
}

}  // namespace
}  // namespace simile
