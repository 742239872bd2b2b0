// What a client can get wrong: each answer has the true code, the numbers and the field, and
// nothing is stored.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/rpc/rpc_fixture.h"

namespace simile {
namespace {

using ::grpc::StatusCode;
using ::testing::HasSubstr;

class BadInputTest : public RpcFixture {
 protected:
  // Upserts one document that must be refused for that reason.
  void ExpectRefused(const std::string& collection, const v1::Document& document,
                     const std::string& message_part, const std::string& field) {
    const v1::ItemStatus status = UpsertOne(collection, document);
    EXPECT_EQ(status.code(), StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.message(), HasSubstr(message_part));
    EXPECT_EQ(status.field(), field);
    EXPECT_EQ(upserted_.commit_sequence(), 0u);
    EXPECT_EQ(CountOf(collection), 0u);
  }

  grpc::Status Create(const std::string& name, uint32_t dimension) {
    v1::CreateCollectionRequest request;
    request.set_name(name);
    request.set_dimension(dimension);
    v1::Collection collection;
    return Call(*collections_, &v1::CollectionService::Stub::CreateCollection, request, collection);
  }
};

TEST_F(BadInputTest, AnEmptyText) {
  ExpectRefused("texts", TextDocument("a", ""), "the text is empty", "documents[0].text");
  EXPECT_THAT(Search(TextSearch("texts", "")), IsError(StatusCode::INVALID_ARGUMENT, "empty"));
}

TEST_F(BadInputTest, AnIdOf513Bytes) {
  ExpectRefused("texts", TextDocument(std::string(513, 'x'), "text"), "513 bytes",
                "documents[0].id");
  EXPECT_EQ(UpsertOne("texts", TextDocument(std::string(512, 'x'), "text")).code(), 0);
}

TEST_F(BadInputTest, AnEmptyIdWhereOneIsNeeded) {
  v1::GetDocumentsRequest request;
  request.set_collection("texts");
  request.add_ids("");
  v1::GetDocumentsResponse response;
  const grpc::Status status =
      Call(*documents_, &v1::DocumentService::Stub::GetDocuments, request, response);
  EXPECT_THAT(status, IsError(StatusCode::INVALID_ARGUMENT, "the id is empty"));
  EXPECT_EQ(FieldOf(status), "ids[0]");
}

TEST_F(BadInputTest, TextThatIsNotUtf8) {
  const grpc::Status status =
      Upsert("texts", {TextDocument("a", "good"), TextDocument("b", "caf\xE9")});
  EXPECT_THAT(status,
              IsError(StatusCode::INVALID_ARGUMENT, "documents[1].text is not valid UTF-8"));
  EXPECT_EQ(FieldOf(status), "documents[1].text");
  EXPECT_EQ(CountOf("texts"), 0u);
}

TEST_F(BadInputTest, NanAndInfinityInAVector) {
  ExpectRefused("vectors", VectorDocument("a", {1, std::nanf("")}), "component 1 of the vector",
                "documents[0].vector");
  ExpectRefused("vectors", VectorDocument("a", {std::numeric_limits<float>::infinity(), 1}),
                "component 0 of the vector is inf", "documents[0].vector");
}

// The product of two such vectors is no number, and would push all others out of an answer.
TEST_F(BadInputTest, AVectorOfEndlessLengthUnderEveryMetric) {
  for (const Metric metric : {Metric::kCosine, Metric::kEuclidean, Metric::kDotProduct}) {
    const std::string name = "metric" + std::to_string(static_cast<int>(metric));
    ASSERT_THAT(database_->CreateCollection({.name = name, .dimension = 2, .metric = metric}),
                IsOk());
    ExpectRefused(name, VectorDocument("a", {3e38f, 3e38f}), "at most 1e+15",
                  "documents[0].vector");
    v1::SearchRequest request;
    request.set_collection(name);
    v1::QueryTerm& term = *request.mutable_query()->add_terms();
    term.mutable_vector()->mutable_floats()->add_values(2e14f);
    term.mutable_vector()->mutable_floats()->add_values(0);
    term.set_weight(1000);
    const grpc::Status status = Search(request);
    // Under cosine a single term's weight means nothing but its sign.
    EXPECT_THAT(status, IsError(StatusCode::INVALID_ARGUMENT, "at most 1e+15"));
  }
}

TEST_F(BadInputTest, AZeroVectorUnderCosine) {
  ExpectRefused("vectors", VectorDocument("a", {0, 0}), "the vector is zero",
                "documents[0].vector");
}

TEST_F(BadInputTest, AWrongDimension) {
  ExpectRefused("vectors", VectorDocument("a", {1, 2, 3}), "has 3 dimensions; the collection has 2",
                "documents[0].vector");
  v1::SearchRequest request;
  request.set_collection("vectors");
  request.mutable_query()->add_terms()->mutable_vector()->mutable_floats()->add_values(1);
  const grpc::Status status = Search(request);
  EXPECT_THAT(status, IsError(StatusCode::INVALID_ARGUMENT, "has 1 dimensions"));
  EXPECT_EQ(FieldOf(status), "query.terms[0].vector");
}

TEST_F(BadInputTest, AnUnknownCollectionGetsASuggestion) {
  const grpc::Status status = Search(TextSearch("text", "apple"));
  EXPECT_THAT(status, IsError(StatusCode::NOT_FOUND, "did you mean 'texts'?"));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).domain(), "simile");
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).reason(), "NOT_FOUND");
}

TEST_F(BadInputTest, ACollectionNameOfAMegabyte) {
  EXPECT_THAT(Search(TextSearch(std::string(1 << 20, 'x'), "apple")),
              IsError(StatusCode::INVALID_ARGUMENT, "1048576 bytes; at most 64"));
}

TEST_F(BadInputTest, ACollectionThatExists) {
  EXPECT_THAT(Create("vectors", 2), IsError(StatusCode::ALREADY_EXISTS, "'vectors'"));
}

TEST_F(BadInputTest, ACollectionNameWithASlash) {
  const grpc::Status status = Create("a/b", 2);
  EXPECT_THAT(status, IsError(StatusCode::INVALID_ARGUMENT, "'a/b'"));
  EXPECT_EQ(FieldOf(status), "name");
}

TEST_F(BadInputTest, ALimitOf100001) {
  v1::SearchRequest request = TextSearch("texts", "apple");
  request.mutable_query()->set_limit(100'001);
  const grpc::Status status = Search(request);
  EXPECT_THAT(status, IsError(StatusCode::INVALID_ARGUMENT, "100001; it must be 1 to 10000"));
  EXPECT_EQ(FieldOf(status), "query.limit");
  request.mutable_query()->set_limit(0);
  EXPECT_THAT(Search(request), IsError(StatusCode::INVALID_ARGUMENT, "the limit is 0"));
}

TEST_F(BadInputTest, AnOffsetThatIsTooDeep) {
  v1::SearchRequest request = TextSearch("texts", "apple");
  request.mutable_query()->set_offset(4'294'967'295);
  const grpc::Status status = Search(request);
  EXPECT_THAT(status, IsError(StatusCode::INVALID_ARGUMENT, "at most 100000"));
  EXPECT_EQ(FieldOf(status), "query.offset");
}

TEST_F(BadInputTest, MetadataOfAnUnknownType) {
  v1::Document document = TextDocument("a", "text");
  (*document.mutable_metadata())["x"];
  ExpectRefused("texts", document, "metadata 'x' has no value", "documents[0].metadata.x");
}

TEST_F(BadInputTest, FiveThousandMetadataNames) {
  v1::Document document = TextDocument("a", "text");
  for (int name = 0; name < 5'000; ++name) {
    (*document.mutable_metadata())[std::to_string(name)].set_bool_value(true);
  }
  ExpectRefused("texts", document, "5000 names; at most 1024", "documents[0].metadata");
}

TEST_F(BadInputTest, AMessageOf65MebibytesGetsOurSentence) {
  const grpc::Status status = Upsert("texts", {TextDocument("a", std::string(65ull << 20, 'x'))});
  EXPECT_THAT(status, IsError(StatusCode::RESOURCE_EXHAUSTED,
                              "at most 67108864 are allowed: split the batch"));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).reason(), "RESOURCE_EXHAUSTED");
}

TEST_F(BadInputTest, OneBadDocumentOf500DoesNotFailTheOthers) {
  std::vector<v1::Document> documents;
  for (int number = 0; number < 500; ++number) {
    documents.push_back(VectorDocument(std::to_string(number), {1, static_cast<float>(number)}));
  }
  documents[123] = VectorDocument("123", {1});
  ASSERT_TRUE(Upsert("vectors", documents).ok());
  ASSERT_EQ(upserted_.results_size(), 500);
  for (int number = 0; number < 500; ++number) {
    EXPECT_EQ(upserted_.results(number).status().code(),
              number == 123 ? StatusCode::INVALID_ARGUMENT : StatusCode::OK);
  }
  EXPECT_EQ(upserted_.results(123).status().field(), "documents[123].vector");
  EXPECT_EQ(CountOf("vectors"), 499u);
}

TEST_F(BadInputTest, NoDocumentsAndTooManyDocuments) {
  EXPECT_THAT(Upsert("vectors", {}), IsError(StatusCode::INVALID_ARGUMENT, "has 0 documents"));
  EXPECT_THAT(Upsert("vectors", std::vector<v1::Document>(10'001)),
              IsError(StatusCode::INVALID_ARGUMENT, "has 10001 documents; it must have 1 to"));
}

TEST_F(BadInputTest, APageTokenThatNobodyGave) {
  v1::ListDocumentsRequest request;
  request.set_collection("texts");
  request.set_page_token("page two");
  v1::ListDocumentsResponse response;
  const grpc::Status status =
      Call(*documents_, &v1::DocumentService::Stub::ListDocuments, request, response);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FieldOf(status), "page_token");
}

TEST_F(BadInputTest, AnUnknownModel) {
  v1::EmbedRequest request;
  request.set_model("other");
  request.add_texts("text");
  v1::EmbedResponse response;
  EXPECT_THAT(Call(*embedding_, &v1::EmbeddingService::Stub::Embed, request, response),
              IsError(StatusCode::NOT_FOUND, "it has 'words'"));
}

TEST_F(BadInputTest, AnUnknownPromptAndTooManyDimensions) {
  v1::EmbedRequest request;
  request.add_texts("text");
  request.set_prompt("passage");
  v1::EmbedResponse response;
  const grpc::Status no_prompt =
      Call(*embedding_, &v1::EmbeddingService::Stub::Embed, request, response);
  EXPECT_THAT(no_prompt, IsError(StatusCode::INVALID_ARGUMENT,
                                 "'words' has no prompt 'passage'; it has 'finding'"));
  EXPECT_EQ(FieldOf(no_prompt), "prompt");
  request.clear_prompt();
  request.set_dimensions(65);
  const grpc::Status too_many =
      Call(*embedding_, &v1::EmbeddingService::Stub::Embed, request, response);
  EXPECT_THAT(too_many, IsError(StatusCode::INVALID_ARGUMENT, "65 dimensions"));
  EXPECT_EQ(FieldOf(too_many), "dimensions");
}

TEST_F(BadInputTest, TextForACollectionWithoutModel) {
  ExpectRefused("vectors", TextDocument("a", "text"), "has no model", "documents[0].vector");
  EXPECT_THAT(Search(TextSearch("vectors", "apple")),
              IsError(StatusCode::INVALID_ARGUMENT, "has no model"));
}

}  // namespace
}  // namespace simile
