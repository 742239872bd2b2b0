// Every method of every service once, over the wire.
#include <cstring>
#include <string>
#include <vector>

#include "tests/rpc/rpc_fixture.h"

namespace simile {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class ServicesTest : public RpcFixture {
 protected:
  std::vector<std::string> HitIds() const {
    std::vector<std::string> ids;
    for (const v1::SearchHit& hit : found_.hits()) ids.push_back(hit.document().id());
    return ids;
  }

  void StoreFruit() {
    v1::Document apple = TextDocument("apple", "red apple");
    (*apple.mutable_metadata())["year"].set_int64_value(9'007'199'254'740'993);
    ASSERT_TRUE(Upsert("texts", {apple, TextDocument("pear", "green pear")}).ok());
  }
};

TEST_F(ServicesTest, TextGoesInAndTheNearestComesOutWithTimings) {
  StoreFruit();
  EXPECT_EQ(upserted_.results(0).id(), "apple");
  EXPECT_TRUE(upserted_.results(0).created());
  EXPECT_TRUE(upserted_.results(0).embedded());
  EXPECT_EQ(upserted_.results(0).token_count(), 4u);
  EXPECT_GT(upserted_.commit_sequence(), 0u);
  EXPECT_EQ(upserted_.durability(), v1::DURABILITY_FSYNC);
  EXPECT_GT(upserted_.timings().total_us(), 0u);

  ASSERT_TRUE(Search(TextSearch("texts", "apple")).ok());
  EXPECT_THAT(HitIds(), ElementsAre("apple", "pear"));
  EXPECT_EQ(found_.hits(0).document().text(), "red apple");
  EXPECT_EQ(found_.hits(0).document().metadata().at("year").int64_value(), 9'007'199'254'740'993);
  EXPECT_GT(found_.hits(0).score(), found_.hits(1).score());
  EXPECT_TRUE(found_.exact());
  EXPECT_TRUE(found_.complete());
  EXPECT_EQ(found_.plan(), v1::SEARCH_PLAN_EXACT_SCAN);
  EXPECT_EQ(found_.terms(0).token_count(), 3u);
  EXPECT_GT(found_.timings().total_us(), 0u);
}

TEST_F(ServicesTest, ABatchOfSearchesAnswersEachByItself) {
  StoreFruit();
  v1::SearchBatchRequest request;
  request.set_collection("texts");
  request.add_queries()->add_terms()->set_text("pear");
  request.add_queries();
  request.add_queries()->add_terms()->set_id("apple");
  v1::SearchBatchResponse response;
  ASSERT_TRUE(Call(*search_, &v1::SearchService::Stub::SearchBatch, request, response).ok());
  EXPECT_EQ(response.results(0).response().hits(0).document().id(), "pear");
  EXPECT_EQ(response.results(1).status().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(response.results(1).status().field(), "queries[1].terms");
  EXPECT_EQ(response.results(2).response().hits_size(), 1);
}

TEST_F(ServicesTest, ADocumentWithoutIdGetsOne) {
  ASSERT_TRUE(Upsert("texts", {TextDocument("", "red apple")}).ok());
  EXPECT_EQ(upserted_.results(0).id().size(), 26u);
}

TEST_F(ServicesTest, DocumentsAreReadInTheOrderOfTheRequest) {
  StoreFruit();
  v1::GetDocumentsRequest request;
  request.set_collection("texts");
  for (const char* id : {"pear", "plum", "apple"}) request.add_ids(id);
  request.mutable_fields()->set_vector(true);
  v1::GetDocumentsResponse response;
  ASSERT_TRUE(Call(*documents_, &v1::DocumentService::Stub::GetDocuments, request, response).ok());
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_TRUE(response.results(0).found());
  EXPECT_EQ(response.results(0).document().id(), "pear");
  EXPECT_EQ(response.results(0).document().text(), "");
  EXPECT_EQ(response.results(0).document().vector().float32_le().size(), 4 * 64u);
  EXPECT_FALSE(response.results(1).found());
  EXPECT_EQ(response.results(1).document().id(), "plum");
}

TEST_F(ServicesTest, PagesListEveryDocumentOnce) {
  std::vector<v1::Document> documents;
  for (int number = 0; number < 100; ++number) {
    documents.push_back(VectorDocument(std::to_string(number), {1, static_cast<float>(number)}));
  }
  ASSERT_TRUE(Upsert("vectors", documents).ok());
  std::vector<std::string> listed;
  v1::ListDocumentsRequest request;
  request.set_collection("vectors");
  request.set_page_size(41);
  do {
    v1::ListDocumentsResponse page;
    ASSERT_TRUE(Call(*documents_, &v1::DocumentService::Stub::ListDocuments, request, page).ok());
    EXPECT_LE(page.documents_size(), 41);
    for (const v1::Document& document : page.documents()) listed.push_back(document.id());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  ASSERT_EQ(listed.size(), 100u);
  for (size_t number = 0; number < 100; ++number) EXPECT_EQ(listed[number], std::to_string(number));
}

TEST_F(ServicesTest, APageOfLargeDocumentsEndsEarlySoThatAnyClientCanReadIt) {
  std::vector<v1::Document> documents;
  for (int number = 0; number < 80; ++number) {
    documents.push_back(VectorDocument(std::to_string(number), {1, 1}));
    documents.back().set_text(std::string(100'000, 'x'));
  }
  ASSERT_TRUE(Upsert("vectors", documents).ok());
  v1::ListDocumentsRequest request;
  request.set_collection("vectors");
  v1::ListDocumentsResponse page;
  ASSERT_TRUE(Call(*documents_, &v1::DocumentService::Stub::ListDocuments, request, page).ok());
  EXPECT_LT(page.documents_size(), 80);
  EXPECT_LT(page.ByteSizeLong(), 4u << 20);
  EXPECT_NE(page.next_page_token(), "");
}

TEST_F(ServicesTest, PagesOfVeryLargeDocumentsEndAtTheFirstThatFillsThem) {
  std::vector<v1::Document> documents;
  for (int number = 0; number < 8; ++number) {
    documents.push_back(VectorDocument(std::to_string(number), {1, 1}));
    documents.back().set_text(std::string(1'000'000, 'x'));
  }
  ASSERT_TRUE(Upsert("vectors", documents).ok());
  v1::ListDocumentsRequest request;
  request.set_collection("vectors");
  std::string listed;
  do {
    v1::ListDocumentsResponse page;
    ASSERT_TRUE(Call(*documents_, &v1::DocumentService::Stub::ListDocuments, request, page).ok());
    EXPECT_LE(page.documents_size(), 3);
    for (const v1::Document& document : page.documents()) listed += document.id();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(listed, "01234567");
}

TEST_F(ServicesTest, DocumentsAreCountedAndDeleted) {
  StoreFruit();
  v1::DeleteDocumentsRequest request;
  request.set_collection("texts");
  for (const char* id : {"pear", "plum"}) request.add_ids(id);
  request.set_dry_run(true);
  v1::DeleteDocumentsResponse response;
  ASSERT_TRUE(
      Call(*documents_, &v1::DocumentService::Stub::DeleteDocuments, request, response).ok());
  EXPECT_EQ(response.deleted_count(), 1u);
  EXPECT_THAT(response.missing_ids(), ElementsAre("plum"));
  EXPECT_EQ(response.commit_sequence(), 0u);
  request.set_dry_run(false);
  ASSERT_TRUE(
      Call(*documents_, &v1::DocumentService::Stub::DeleteDocuments, request, response).ok());
  EXPECT_GT(response.commit_sequence(), 0u);

  v1::CountDocumentsRequest count;
  count.set_collection("texts");
  v1::CountDocumentsResponse counted;
  ASSERT_TRUE(Call(*documents_, &v1::DocumentService::Stub::CountDocuments, count, counted).ok());
  EXPECT_EQ(counted.count(), 1u);
}

TEST_F(ServicesTest, MetadataIsChangedWithoutEmbedding) {
  StoreFruit();
  v1::UpdateMetadataRequest request;
  request.set_collection("texts");
  v1::MetadataUpdate& update = *request.add_updates();
  update.set_id("apple");
  (*update.mutable_set())["color"].set_string_value("red");
  request.add_updates()->set_id("plum");
  v1::UpdateMetadataResponse response;
  ASSERT_TRUE(
      Call(*documents_, &v1::DocumentService::Stub::UpdateMetadata, request, response).ok());
  EXPECT_EQ(response.results(0).code(), 0);
  EXPECT_EQ(response.results(1).code(), grpc::StatusCode::NOT_FOUND);
  ASSERT_TRUE(Search(TextSearch("texts", "apple")).ok());
  EXPECT_EQ(found_.hits(0).document().metadata_size(), 2);
}

TEST_F(ServicesTest, CollectionsAreCreatedShownListedChangedAndDeleted) {
  v1::CreateCollectionRequest create;
  create.set_name("third");
  create.set_metric(v1::METRIC_EUCLIDEAN);
  create.mutable_index()->set_m(24);
  create.set_document_prompt("about ");
  create.mutable_index()->set_codes(v1::INDEX_CODES_SQ4);
  v1::Collection collection;
  ASSERT_TRUE(
      Call(*collections_, &v1::CollectionService::Stub::CreateCollection, create, collection).ok());
  EXPECT_EQ(collection.model(), "words");
  EXPECT_EQ(collection.model_fingerprint(), "fingerprint");
  EXPECT_EQ(collection.dimension(), 64u);
  EXPECT_EQ(collection.metric(), v1::METRIC_EUCLIDEAN);
  EXPECT_EQ(collection.index().engine(), v1::INDEX_ENGINE_AUTO);
  EXPECT_EQ(collection.index().m(), 24u);
  EXPECT_EQ(collection.index().codes(), v1::INDEX_CODES_SQ4);
  EXPECT_EQ(collection.state(), v1::INDEX_STATE_READY);
  EXPECT_GT(collection.create_time().seconds(), 0);
  EXPECT_EQ(collection.document_prompt(), "about ");
  EXPECT_EQ(collection.query_prompt(), "");
  EXPECT_EQ(collection.model_precision(), "float32");

  v1::UpdateCollectionRequest update;
  update.set_name("third");
  update.set_ef_search(300);
  update.set_query_prompt("find ");
  ASSERT_TRUE(
      Call(*collections_, &v1::CollectionService::Stub::UpdateCollection, update, collection).ok());
  EXPECT_EQ(collection.index().ef_search(), 300u);
  EXPECT_EQ(collection.query_prompt(), "find ");
  EXPECT_EQ(collection.document_prompt(), "about ");

  v1::ListCollectionsRequest list;
  list.set_page_size(2);
  v1::ListCollectionsResponse page;
  ASSERT_TRUE(Call(*collections_, &v1::CollectionService::Stub::ListCollections, list, page).ok());
  ASSERT_EQ(page.collections_size(), 2);
  EXPECT_EQ(page.collections(0).name(), "texts");
  list.set_page_token(page.next_page_token());
  ASSERT_TRUE(Call(*collections_, &v1::CollectionService::Stub::ListCollections, list, page).ok());
  ASSERT_EQ(page.collections_size(), 1);
  EXPECT_EQ(page.next_page_token(), "");

  v1::DeleteCollectionRequest remove;
  remove.set_name("third");
  google::protobuf::Empty nothing;
  ASSERT_TRUE(
      Call(*collections_, &v1::CollectionService::Stub::DeleteCollection, remove, nothing).ok());
  v1::GetCollectionRequest get;
  get.set_name("third");
  EXPECT_THAT(Call(*collections_, &v1::CollectionService::Stub::GetCollection, get, collection),
              IsError(grpc::StatusCode::NOT_FOUND, "'third'"));
}

TEST_F(ServicesTest, StatisticsCountWhatWasDone) {
  StoreFruit();
  ASSERT_TRUE(Search(TextSearch("texts", "apple")).ok());
  v1::ServerStats stats;
  ASSERT_TRUE(Call(*admin_, &v1::AdminService::Stub::GetStats, {}, stats).ok());
  EXPECT_EQ(stats.documents_written(), 2u);
  EXPECT_EQ(stats.searches(), 1u);
  EXPECT_EQ(stats.load_progress(), 1);
  EXPECT_GE(stats.store().commits(), 1u);
  ASSERT_EQ(stats.encoders_size(), 1);
  EXPECT_EQ(stats.encoders(0).model(), "words");
  std::vector<std::string> pools;
  for (const v1::PoolStats& pool : stats.pools()) pools.push_back(pool.name());
  EXPECT_THAT(pools, UnorderedElementsAre("search", "ingest", "admin"));
  ASSERT_EQ(stats.collections_size(), 2);
  EXPECT_EQ(stats.collections(0).index_vector_count(), 2u);
}

TEST_F(ServicesTest, LoadingAndUnloadingModelsSaysWhatIsWrong) {
  v1::LoadModelRequest load;
  load.set_name("../etc");
  v1::ModelInfo model;
  const grpc::Status bad_name = Call(*admin_, &v1::AdminService::Stub::LoadModel, load, model);
  EXPECT_EQ(bad_name.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  load.set_name("good-name");
  const grpc::Status no_directory = Call(*admin_, &v1::AdminService::Stub::LoadModel, load, model);
  EXPECT_EQ(no_directory.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  v1::UnloadModelRequest unload;
  unload.set_name("words");
  v1::UnloadModelResponse unloaded;
  const grpc::Status in_use = Call(*admin_, &v1::AdminService::Stub::UnloadModel, unload, unloaded);
  EXPECT_EQ(in_use.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(in_use.error_message(), ::testing::HasSubstr("collection 'texts' uses model"));
}

}  // namespace
}  // namespace simile
