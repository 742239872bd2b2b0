// Documents and vectors as JSON.
#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "client/cli/value_json.h"
#include "tests/support/status_matchers.h"

namespace simile::cli {
namespace {

using ::absl::StatusCode;
using ::google::protobuf::util::MessageDifferencer;

absl::StatusOr<v1::Document> Parsed(const std::string& text) {
  return DocumentFromJson(Json::parse(text, nullptr, /*allow_exceptions=*/false));
}

TEST(DocumentJsonTest, ADocumentComesBack) {
  v1::Document document;
  document.set_id("a");
  document.set_text("red apple");
  (*document.mutable_metadata())["year"].set_int64_value(2026);
  (*document.mutable_metadata())["color"].set_string_value("red");
  for (const float component : {0.1f, -2.0f, 3e-30f}) {
    document.mutable_vector()->mutable_floats()->add_values(component);
  }
  const Json json = ToJson(document, /*with_text=*/true, /*with_metadata=*/true,
                           /*with_vector=*/true);
  const auto back = Parsed(Dumped(json));
  ASSERT_THAT(back, IsOk());
  EXPECT_TRUE(MessageDifferencer::Equals(*back, document)) << Dumped(json);
}

TEST(DocumentJsonTest, OnlyWhatWasAskedForIsShownAndMetadataIsSorted) {
  v1::Document document;
  document.set_id("a");
  document.set_text("red");
  for (const char* name : {"b", "c", "a"}) {
    (*document.mutable_metadata())[name].set_bool_value(true);
  }
  EXPECT_EQ(Dumped(ToJson(document, false, false, false)), R"({"id":"a"})");
  EXPECT_EQ(Dumped(ToJson(document, true, true, false)),
            R"({"id":"a","text":"red","metadata":{"a":true,"b":true,"c":true}})");
  EXPECT_EQ(Dumped(ToJson(document, false, false, true)), R"({"id":"a","vector":[]})");
}

TEST(DocumentJsonTest, AnIntegerMayBeTheId) {
  const auto document = Parsed(R"({"id": 9223372036854775807})");
  ASSERT_THAT(document, IsOk());
  EXPECT_EQ(document->id(), "9223372036854775807");
}

TEST(DocumentJsonTest, WhatIsNoObjectIsRefused) {
  for (const char* text : {"[]", "\"text\"", "null", "7"}) {
    EXPECT_THAT(Parsed(text), StatusIs(StatusCode::kInvalidArgument, "not a JSON object")) << text;
  }
}

TEST(DocumentJsonTest, TheWrongFieldIsNamed) {
  EXPECT_THAT(Parsed(R"({"id": true})"), StatusIs(StatusCode::kInvalidArgument, "'id'"));
  EXPECT_THAT(Parsed(R"({"id": 1.5})"), StatusIs(StatusCode::kInvalidArgument, "'id'"));
  EXPECT_THAT(Parsed(R"({"text": 7})"), StatusIs(StatusCode::kInvalidArgument, "'text'"));
  EXPECT_THAT(Parsed(R"({"text": null})"),
              StatusIs(StatusCode::kInvalidArgument, "'text' is null"));
  EXPECT_THAT(Parsed(R"({"metadata": []})"), StatusIs(StatusCode::kInvalidArgument, "'metadata'"));
  EXPECT_THAT(Parsed(R"({"metadata": {"good": 1, "bad": {"$no": 1}}})"),
              StatusIs(StatusCode::kInvalidArgument, "metadata 'bad': "));
}

TEST(DocumentJsonTest, AnUnknownFieldIsNamedAndTheKnownOnesAreListed) {
  EXPECT_THAT(Parsed(R"({"text": "a", "body": "b"})"),
              StatusIs(StatusCode::kInvalidArgument, "'body' is unknown"));
  EXPECT_THAT(Parsed(R"({"Text": "a"})"),
              StatusIs(StatusCode::kInvalidArgument, "id, text, vector and metadata"));
}

TEST(VectorJsonTest, BothFormsOnTheWireShowTheSameNumbers) {
  const std::vector<float> components = {0.1f, 1.0f, -3.5e-20f};
  v1::Vector floats, bytes;
  for (const float component : components) floats.mutable_floats()->add_values(component);
  std::string packed(components.size() * sizeof(float), '\0');
  std::memcpy(packed.data(), components.data(), packed.size());
  bytes.set_float32_le(packed);
  EXPECT_EQ(Dumped(VectorJson(floats)), "[0.1,1.0,-3.5e-20]");
  EXPECT_EQ(VectorJson(bytes), VectorJson(floats));
  EXPECT_EQ(VectorJson(packed), VectorJson(floats));
  // Bytes after the last whole component are no component.
  EXPECT_EQ(VectorJson(packed + "xyz"), VectorJson(floats));
}

TEST(VectorJsonTest, IntegersAreNumbersToo) {
  const auto vector = VectorFromJson(Json::array({1, -2, 0.5}));
  ASSERT_THAT(vector, IsOk());
  EXPECT_THAT(vector->floats().values(), ::testing::ElementsAre(1.0f, -2.0f, 0.5f));
}

TEST(VectorJsonTest, WhatIsNoArrayOfNumbersIsRefused) {
  EXPECT_THAT(VectorFromJson(Json("[1]")), StatusIs(StatusCode::kInvalidArgument, "not an array"));
  EXPECT_THAT(VectorFromJson(Json::array({1, 2, nullptr})),
              StatusIs(StatusCode::kInvalidArgument, "component 2"));
  EXPECT_THAT(Parsed(R"({"vector": [1, "2"]})"),
              StatusIs(StatusCode::kInvalidArgument, "component 1 of the vector"));
}

}  // namespace
}  // namespace simile::cli
