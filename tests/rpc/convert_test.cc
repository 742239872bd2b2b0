#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "server/rpc/convert_collection.h"
#include "server/rpc/convert_document.h"
#include "server/rpc/convert_search.h"
#include "server/rpc/convert_value.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

using ::testing::ElementsAre;

Metadata ThereAndBack(const Metadata& metadata) {
  MetadataMap proto;
  ToProto(metadata, proto);
  auto result = FromProto(proto);
  EXPECT_THAT(result, IsOk());
  return result.ok() ? *result : Metadata();
}

TEST(ConvertTest, EveryKindOfValueSurvivesBothWays) {
  const Metadata metadata = {
      {"null", Value{Null{}}},
      {"bool", Value{true}},
      {"int64", Value{std::numeric_limits<int64_t>::min()}},
      {"large", Value{int64_t{9'007'199'254'740'993}}},
      {"double", Value{0.1}},
      {"infinity", Value{-std::numeric_limits<double>::infinity()}},
      {"string", Value{std::string("caf\u00e9")}},
      {"bytes", Value{Bytes{std::string("\0\xFF", 2)}}},
      {"timestamp", Value{Timestamp{.seconds = -62'135'596'800, .nanos = 999'999'999}}},
      {"list", Value{ValueList{Value{int64_t{1}}, Value{ValueList{Value{false}}}}}},
      {"empty list", Value{ValueList{}}},
  };
  EXPECT_EQ(ThereAndBack(metadata), metadata);
}

TEST(ConvertTest, NanStaysNan) {
  const Metadata back = ThereAndBack({{"nan", Value{std::nan("")}}});
  EXPECT_TRUE(std::isnan(std::get<double>(back.at("nan").kind)));
}

TEST(ConvertTest, AValueWithoutKindIsRefusedByName) {
  MetadataMap proto;
  proto["color"];
  const auto metadata = FromProto(proto);
  EXPECT_THAT(metadata, StatusIs(absl::StatusCode::kInvalidArgument,
                                 "metadata 'color' has no value, or one of a type this server "
                                 "does not know"));
  EXPECT_EQ(FieldOf(metadata.status()), "color");
}

TEST(ConvertTest, ListsNestAsDeepAsTheLimitAndNoDeeper) {
  MetadataMap proto;
  v1::Value* value = &proto["deep"];
  for (size_t depth = 0; depth < kMetadataDepthLimit; ++depth) {
    value = value->mutable_list_value()->add_values();
  }
  value->set_bool_value(true);
  EXPECT_THAT(FromProto(proto), IsOk());
  value->mutable_list_value()->add_values()->set_bool_value(true);
  EXPECT_THAT(FromProto(proto), StatusIs(absl::StatusCode::kInvalidArgument, "more than 8 deep"));
}

TEST(ConvertTest, TooManyMetadataNamesAreRefusedWithBothNumbers) {
  MetadataMap proto;
  for (int name = 0; name < 5'000; ++name) proto[std::to_string(name)].set_bool_value(true);
  EXPECT_THAT(FromProto(proto), StatusIs(absl::StatusCode::kInvalidArgument,
                                         "has 5000 names; at most 1024 are allowed"));
}

TEST(ConvertTest, FloatsAndBytesGiveTheSameVector) {
  v1::Vector floats;
  floats.mutable_floats()->add_values(1.5f);
  floats.mutable_floats()->add_values(-2);
  EXPECT_THAT(*FromProto(floats), ElementsAre(1.5f, -2.0f));
  v1::Vector bytes;
  ToProto(*FromProto(floats), bytes);
  EXPECT_EQ(bytes.float32_le(), std::string("\0\0\xC0\x3F\0\0\0\xC0", 8));
  EXPECT_THAT(*FromProto(bytes), ElementsAre(1.5f, -2.0f));
}

TEST(ConvertTest, BytesThatAreNoWholeFloatsAreRefused) {
  v1::Vector vector;
  vector.set_float32_le("12345");
  EXPECT_THAT(FromProto(vector), StatusIs(absl::StatusCode::kInvalidArgument, "has 5 bytes"));
}

TEST(ConvertTest, AVectorWithoutDataOrWithTooMuchIsRefused) {
  v1::Vector vector;
  EXPECT_THAT(FromProto(vector), StatusIs(absl::StatusCode::kInvalidArgument, "neither"));
  vector.set_float32_le(std::string(4 * (kDimensionMax + 1), '\0'));
  EXPECT_THAT(FromProto(vector), StatusIs(absl::StatusCode::kInvalidArgument,
                                          "has 4097 dimensions; at most 4096 are allowed"));
}

TEST(ConvertTest, ABadDocumentBecomesAnErrorInItsPlace) {
  v1::UpsertDocumentsRequest request;
  request.add_documents()->set_text("good");
  request.add_documents()->mutable_vector()->set_float32_le("123");
  (*request.add_documents()->mutable_metadata())["x"];
  const auto documents = FromProto(request.documents());
  ASSERT_EQ(documents.size(), 3u);
  EXPECT_EQ(documents[0]->text, "good");
  EXPECT_EQ(FieldOf(documents[1].status()), "documents[1].vector.float32_le");
  EXPECT_EQ(FieldOf(documents[2].status()), "documents[2].metadata.x");
}

TEST(ConvertTest, ABadMetadataUpdateBecomesAnErrorInItsPlace) {
  v1::UpdateMetadataRequest request;
  (*request.add_updates()->mutable_set())["x"];
  v1::MetadataUpdate& good = *request.add_updates();
  good.set_id("a");
  good.add_remove("y");
  good.set_replace(true);
  const auto updates = FromProto(request.updates());
  EXPECT_EQ(FieldOf(updates[0].status()), "updates[0].set.x");
  EXPECT_EQ(updates[1]->id, "a");
  EXPECT_THAT(updates[1]->remove, ElementsAre("y"));
  EXPECT_TRUE(updates[1]->replace);
}

TEST(ConvertTest, ABatchHasAtLeastOneItemAndAtMostTheLimit) {
  EXPECT_THAT(CheckBatchSize(1, "ids"), IsOk());
  EXPECT_THAT(CheckBatchSize(10'000, "ids"), IsOk());
  EXPECT_THAT(CheckBatchSize(0, "ids"), StatusIs(absl::StatusCode::kInvalidArgument, "has 0 ids"));
  EXPECT_THAT(CheckBatchSize(10'001, "ids"),
              StatusIs(absl::StatusCode::kInvalidArgument, "it must have 1 to 10000"));
}

TEST(ConvertTest, AbsentFieldsMeanTextAndMetadata) {
  const AnswerFields defaults = FieldsOf(false, {});
  EXPECT_TRUE(defaults.text);
  EXPECT_TRUE(defaults.metadata);
  EXPECT_FALSE(defaults.vector);
  const AnswerFields none = FieldsOf(true, {});
  EXPECT_FALSE(none.ToRead().text_and_metadata);
}

TEST(ConvertTest, ADocumentAnswersOnlyTheFieldsAskedFor) {
  const StoredDocument stored{.sequence = 7,
                              .id = "a",
                              .text = "text",
                              .metadata = {{"x", Value{true}}},
                              .vector = {1, 2},
                              .token_count = 3,
                              .truncated = true};
  v1::Document proto;
  ToProto(stored, {.text = false, .metadata = true, .vector = true}, proto);
  EXPECT_EQ(proto.id(), "a");
  EXPECT_EQ(proto.text(), "");
  EXPECT_TRUE(proto.metadata().at("x").bool_value());
  EXPECT_EQ(proto.vector().float32_le().size(), 8u);
  EXPECT_EQ(proto.sequence(), 7u);
  EXPECT_EQ(proto.token_count(), 3u);
  EXPECT_TRUE(proto.truncated());
}

TEST(ConvertTest, AQueryHasItsDefaults) {
  v1::Query proto;
  proto.add_terms()->set_text("apple");
  const auto query = FromProto(proto);
  ASSERT_THAT(query, IsOk());
  EXPECT_EQ(query->limit, 10u);
  EXPECT_EQ(query->terms[0].weight, 1);
  EXPECT_FALSE(query->score_threshold.has_value());
  EXPECT_TRUE(query->fields.text_and_metadata);
}

TEST(ConvertTest, ALimitOfZeroIsKeptForTheEngineToRefuse) {
  v1::Query proto;
  proto.set_limit(0);
  EXPECT_EQ(FromProto(proto)->limit, 0u);
}

TEST(ConvertTest, EveryKindOfTermArrives) {
  v1::Query proto;
  proto.add_terms()->set_text("apple");
  proto.add_terms()->set_id("a");
  proto.add_terms()->mutable_vector()->mutable_floats()->add_values(1);
  proto.mutable_terms(1)->set_weight(-0.5f);
  const auto query = FromProto(proto);
  ASSERT_THAT(query, IsOk());
  EXPECT_EQ(std::get<std::string>(query->terms[0].source), "apple");
  EXPECT_EQ(std::get<StoredId>(query->terms[1].source).id, "a");
  EXPECT_EQ(query->terms[1].weight, -0.5f);
  EXPECT_THAT(std::get<std::vector<float>>(query->terms[2].source), ElementsAre(1.0f));
}

TEST(ConvertTest, ATermWithoutSourceNamesItsPlace) {
  v1::Query proto;
  proto.add_terms()->set_text("apple");
  proto.add_terms();
  const auto query = FromProto(proto);
  EXPECT_THAT(query, StatusIs(absl::StatusCode::kInvalidArgument, "neither a text nor a vector"));
  EXPECT_EQ(FieldOf(query.status()), "terms[1]");
}

TEST(ConvertTest, AnUnspecifiedMetricIsCosineAndAnUnknownOneIsRefused) {
  v1::CreateCollectionRequest proto;
  EXPECT_EQ(FromProto(proto)->metric, Metric::kCosine);
  EXPECT_EQ(FromProto(proto)->engine, IndexEngine::kAuto);
  proto.set_metric(static_cast<v1::Metric>(99));
  EXPECT_THAT(FromProto(proto), StatusIs(absl::StatusCode::kInvalidArgument, "no metric 99"));
}

TEST(ConvertTest, DurabilityIsFsyncUnlessTheBufferIsAskedFor) {
  EXPECT_EQ(FromProto(v1::DURABILITY_UNSPECIFIED), Durability::kFsync);
  EXPECT_EQ(FromProto(v1::DURABILITY_OS_BUFFER), Durability::kOsBuffer);
  EXPECT_EQ(ToProto(Durability::kOsBuffer), v1::DURABILITY_OS_BUFFER);
}

}  // namespace
}  // namespace simile
