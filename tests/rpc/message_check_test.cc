#include "server/rpc/message_check.h"

#include <gtest/gtest.h>

#include <string>

#include "server/engine/limits.h"
#include "simile/v1/document_service.pb.h"
#include "simile/v1/search_service.pb.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

constexpr char kInvalid[] = "caf\xE9";

std::string BytesOf(const google::protobuf::Message& message) {
  std::string bytes;
  message.SerializePartialToString(&bytes);
  return bytes;
}

std::string PathIn(const google::protobuf::Message& message) {
  return FindInvalidUtf8(*message.GetDescriptor(), BytesOf(message));
}

TEST(MessageCheckTest, NamesTheItemAndTheFieldOfABatch) {
  v1::UpsertDocumentsRequest request;
  request.set_collection("docs");
  for (int item = 0; item < 5; ++item) request.add_documents()->set_text("good");
  request.mutable_documents(3)->set_text(kInvalid);
  EXPECT_EQ(PathIn(request), "documents[3].text");
}

TEST(MessageCheckTest, NamesATopLevelStringAndAnItemOfARepeatedOne) {
  v1::GetDocumentsRequest request;
  request.add_ids("good");
  request.add_ids(kInvalid);
  EXPECT_EQ(PathIn(request), "ids[1]");
  request.set_collection(kInvalid);
  EXPECT_EQ(PathIn(request), "collection");
}

TEST(MessageCheckTest, NamesTheKeyOfMetadata) {
  v1::UpsertDocumentsRequest request;
  (*request.add_documents()->mutable_metadata())["color"].set_string_value(kInvalid);
  EXPECT_EQ(PathIn(request), "documents[0].metadata.color");
}

TEST(MessageCheckTest, AKeyThatIsInvalidItselfIsNotQuoted) {
  v1::UpsertDocumentsRequest request;
  (*request.add_documents()->mutable_metadata())[kInvalid].set_bool_value(true);
  EXPECT_EQ(PathIn(request), "documents[0].metadata");
}

TEST(MessageCheckTest, BytesMayHoldAnything) {
  v1::UpsertDocumentsRequest request;
  (*request.add_documents()->mutable_metadata())["raw"].set_bytes_value(kInvalid);
  request.mutable_documents(0)->mutable_vector()->set_float32_le(kInvalid);
  EXPECT_EQ(PathIn(request), "");
}

TEST(MessageCheckTest, TruncatedAndForeignBytesEndTheWalk) {
  v1::SearchRequest request;
  request.set_collection("docs");
  request.mutable_query()->add_terms()->set_text("good");
  const std::string bytes = BytesOf(request);
  for (size_t size = 0; size <= bytes.size(); ++size) {
    EXPECT_EQ(FindInvalidUtf8(*request.GetDescriptor(), bytes.substr(0, size)), "");
  }
  EXPECT_EQ(FindInvalidUtf8(*request.GetDescriptor(), std::string(1'000, '\xFF')), "");
}

// Two bytes each on the wire, but about a hundred in memory.
TEST(MessageCheckTest, AMessageOfVeryManyTinyItemsIsRefused) {
  const auto check = [](size_t items, std::string bytes) {
    for (size_t item = 0; item < items; ++item) bytes.append("\x12\x00", 2);  // Empty documents.
    const grpc::Slice slice(bytes);
    return CheckItems(*v1::UpsertDocumentsRequest::descriptor(), grpc::ByteBuffer(&slice, 1));
  };
  EXPECT_THAT(check(kMessageItemsMax, ""), IsOk());
  EXPECT_THAT(check(kMessageItemsMax + 1, ""),
              StatusIs(absl::StatusCode::kResourceExhausted, "more than 500000"));
  v1::UpsertDocumentsRequest request;
  (*request.add_documents()->mutable_metadata())["color"].set_string_value("red");
  // The document, its entry of metadata and the value in it.
  EXPECT_THAT(check(kMessageItemsMax - 3, BytesOf(request)), IsOk());
  EXPECT_THAT(check(kMessageItemsMax - 2, BytesOf(request)),
              StatusIs(absl::StatusCode::kResourceExhausted, "send fewer at a time"));
}

TEST(MessageCheckTest, RepeatedStringsAndUnknownFieldsAreItemsToo) {
  const auto check = [](const char* item) {
    std::string bytes;
    for (size_t count = 0; count <= kMessageItemsMax; ++count) bytes.append(item, 2);
    const grpc::Slice slice(bytes);
    return CheckItems(*v1::GetDocumentsRequest::descriptor(), grpc::ByteBuffer(&slice, 1));
  };
  EXPECT_THAT(check("\x12\x00"), StatusIs(absl::StatusCode::kResourceExhausted, "ids"));
  EXPECT_THAT(check("\x78\x00"), StatusIs(absl::StatusCode::kResourceExhausted, "ids"));
  // A string that comes again replaces the one before.
  EXPECT_THAT(check("\x0A\x00"), IsOk());
}

TEST(MessageCheckTest, TheCountOfItemsLeavesDamageToTheParser) {
  std::string bytes(3 * kMessageItemsMax, '\xFF');
  const grpc::Slice damaged(bytes);
  EXPECT_THAT(CheckItems(*v1::UpsertDocumentsRequest::descriptor(), grpc::ByteBuffer(&damaged, 1)),
              IsOk());
  // A document that claims more bytes than there are.
  bytes = std::string("\x12\xFF\xFF\xFF\x7F", 5) + std::string(3 * kMessageItemsMax, '\0');
  const grpc::Slice cut(bytes);
  EXPECT_THAT(CheckItems(*v1::UpsertDocumentsRequest::descriptor(), grpc::ByteBuffer(&cut, 1)),
              IsOk());
}

TEST(MessageCheckTest, AMessageThatCannotBeParsedIsNamedByItsType) {
  const grpc::Slice slice(std::string("\xFF\xFF\xFF"));
  EXPECT_THAT(
      ParseError(*v1::UpsertDocumentsRequest::descriptor(), grpc::ByteBuffer(&slice, 1)),
      StatusIs(absl::StatusCode::kInvalidArgument, "not a valid simile.v1.UpsertDocumentsRequest"));
}

}  // namespace
}  // namespace simile
