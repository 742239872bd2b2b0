#include "server/rpc/error_mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "google_rpc/error_details.pb.h"
#include "server/engine/errors.h"

namespace simile {
namespace {

template <typename Detail>
bool Unpack(const grpc::Status& status, Detail& detail) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return false;
  for (const google::protobuf::Any& any : details.details()) {
    if (any.UnpackTo(&detail)) return true;
  }
  return false;
}

TEST(ErrorMappingTest, EveryCodeKeepsItsNumberItsMessageAndGetsAReason) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "what went wrong");
    const grpc::Status mapped = ToGrpcStatus(status);
    EXPECT_EQ(mapped.error_code(), code);
    EXPECT_EQ(mapped.error_message(), "what went wrong");
    google::rpc::Status details;
    ASSERT_TRUE(details.ParseFromString(mapped.error_details()));
    EXPECT_EQ(details.code(), code);
    google::rpc::ErrorInfo info;
    ASSERT_TRUE(Unpack(mapped, info));
    EXPECT_EQ(info.domain(), "simile");
    EXPECT_EQ(info.reason(), std::string(absl::StatusCodeToString(status.code())));
  }
}

TEST(ErrorMappingTest, SuccessIsSuccess) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_EQ(ToItemStatus(absl::OkStatus()).code(), 0);
}

TEST(ErrorMappingTest, AFieldBecomesABadRequest) {
  const grpc::Status status = ToGrpcStatus(InvalidField("query.limit", "the limit is 0"));
  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(Unpack(status, bad_request));
  ASSERT_EQ(bad_request.field_violations_size(), 1);
  EXPECT_EQ(bad_request.field_violations(0).field(), "query.limit");
  EXPECT_EQ(bad_request.field_violations(0).description(), "the limit is 0");
}

TEST(ErrorMappingTest, ATimeToTryAgainBecomesRetryInfo) {
  const grpc::Status status = ToGrpcStatus(
      WithRetryAfter(absl::UnavailableError("loading"), std::chrono::milliseconds(1'250)));
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(Unpack(status, retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
}

TEST(ErrorMappingTest, WithoutFieldOrTimeThereIsNoSuchDetail) {
  const grpc::Status status = ToGrpcStatus(absl::NotFoundError("nothing"));
  google::rpc::RetryInfo retry;
  google::rpc::BadRequest bad_request;
  EXPECT_FALSE(Unpack(status, retry));
  EXPECT_FALSE(Unpack(status, bad_request));
}

TEST(ErrorMappingTest, ALongMessageIsCutBetweenCharactersSoThatItFitsIntoMetadata) {
  std::string text = "x";
  for (int repeat = 0; repeat < 100'000; ++repeat) text += "\u00e9";
  const grpc::Status status = ToGrpcStatus(InvalidField(text, text));
  EXPECT_LT(3 * status.error_message().size() + 4 * status.error_details().size() / 3, 8'192u);
  EXPECT_TRUE(status.error_message().ends_with("\u00e9..."));
}

TEST(ErrorMappingTest, AnItemKeepsCodeMessageAndField) {
  const v1::ItemStatus item = ToItemStatus(InvalidField("documents[3].vector", "wrong"));
  EXPECT_EQ(item.code(), 3);
  EXPECT_EQ(item.message(), "wrong");
  EXPECT_EQ(item.field(), "documents[3].vector");
}

}  // namespace
}  // namespace simile
