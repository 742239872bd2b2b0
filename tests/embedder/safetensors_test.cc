#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "embedder/safetensors_file.h"
#include "tests/support/child_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace simile {
namespace {

using ::testing::ElementsAre;

class SafetensorsTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<SafetensorsFile>> Open(const std::string& bytes) {
    WriteFile(path(), bytes);
    return SafetensorsFile::Open(path());
  }

  // A file with that header and `data_bytes` bytes of data.
  static std::string WithHeader(const std::string& header, size_t data_bytes) {
    const uint64_t size = header.size();
    std::string bytes(sizeof(size), '\0');
    std::memcpy(bytes.data(), &size, sizeof(size));
    return bytes + header + std::string(data_bytes, 'x');
  }

  std::string path() const { return directory_.path() + "/model.safetensors"; }

  TemporaryDirectory directory_;
};

TEST_F(SafetensorsTest, ReadsFloatsOfEveryType) {
  const std::map<std::string, TinyTensor> tensors = {
      {"a", {.shape = {2, 2}, .values = {1, -2, 0.5f, 100}}}};
  for (const char* type : {"F32", "BF16"}) {
    const auto file = Open(SafetensorsBytes(tensors, type));
    ASSERT_THAT(file, IsOk());
    const auto values = (*file)->Read("a", {2, 2});
    ASSERT_THAT(values, IsOk());
    EXPECT_THAT(*values, ElementsAre(1, -2, 0.5f, 100));
  }
  // 1, -2, the smallest subnormal and the largest number of IEEE binary16.
  std::string half = WithHeader(R"({"h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}})", 0);
  half += std::string("\x00\x3c\x00\xc0\x01\x00\xff\x7b", 8);
  const auto file = Open(half);
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT(*(*file)->Read("h", {4}), ElementsAre(1, -2, 0x1p-24f, 65504));
}

TEST_F(SafetensorsTest, WeightsThatAreNoNumbersAreRefusedWithTheirPlace) {
  constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity}) {
    for (const char* type : {"F32", "BF16"}) {
      const auto file = Open(SafetensorsBytes({{"a", {{3}, {1, 2, bad}}}}, type));
      ASSERT_THAT(file, IsOk());
      EXPECT_THAT((*file)->Read("a", {3}), StatusIs(kDataLoss, "tensor 'a' has")) << bad << type;
      EXPECT_THAT((*file)->Read("a", {3}), StatusIs(kDataLoss, "at position 2")) << bad << type;
    }
  }
  // NaN as IEEE binary16.
  std::string half = WithHeader(R"({"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", 0);
  half += std::string("\x00\x3c\x01\x7e", 4);
  EXPECT_THAT((*Open(half))->Read("h", {2}), StatusIs(kDataLoss, "nan at position 1"));
}

TEST_F(SafetensorsTest, AMissingTensorAndAnotherShapeAreNamed) {
  const auto file = Open(SafetensorsBytes({{"a", {.shape = {2}, .values = {1, 2}}}}, "F32"));
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT((*file)->Read("b", {2}), StatusIs(absl::StatusCode::kNotFound, "no tensor 'b'"));
  EXPECT_THAT((*file)->Read("a", {3}),
              StatusIs(absl::StatusCode::kFailedPrecondition, "shape [2], expected [3]"));
}

TEST_F(SafetensorsTest, DamagedFilesAreRefusedByNameAndReason) {
  const struct {
    std::string bytes;
    const char* reason;
  } cases[] = {
      {"", "0 bytes"},
      {"short", "5 bytes"},
      {std::string(8, '\xff'), "header claims"},
      {WithHeader("not json", 0), "not a JSON object"},
      {WithHeader("[]", 0), "not a JSON object"},
      {WithHeader(R"({"a":1})", 0), "'a' does not parse"},
      {WithHeader(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 3), "truncated"},
      {WithHeader(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4), "needs 8"},
      {WithHeader(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), "shape"},
      {WithHeader(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4), "claims bytes"},
      {WithHeader(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}})",
                  0),
       "beyond all memory"},
  };
  for (const auto& damaged : cases) {
    const auto file = Open(damaged.bytes);
    EXPECT_THAT(file, StatusIs(absl::StatusCode::kDataLoss, damaged.reason));
    EXPECT_THAT(file, StatusIs(absl::StatusCode::kDataLoss, path()));
  }
  EXPECT_THAT(SafetensorsFile::Open(directory_.path() + "/none"),
              StatusIs(absl::StatusCode::kNotFound, "none"));
}

}  // namespace
}  // namespace simile
