#include "client/cli/peer_export_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "client/cli/value_json.h"
#include "tests/support/status_matchers.h"

namespace simile::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What a reader made of `content`: a document as `export` writes it, or "NUMBER: MESSAGE".
std::vector<std::string> Read(const std::string& content, const PeerExportOptions& options) {
  std::istringstream stream(content);
  PeerExportReader reader(stream, options);
  std::vector<std::string> items;
  while (const auto item = reader.Next()) {
    items.push_back(item->document.ok()
                        ? ToJson(*item->document, true, true, item->document->has_vector()).dump()
                        : std::to_string(item->number) + ": " +
                              std::string(item->document.status().message()));
  }
  EXPECT_FALSE(reader.Next().has_value());
  return items;
}

std::vector<std::string> ReadQdrant(const std::string& content, PeerExportOptions options = {}) {
  options.peer = Peer::kQdrant;
  return Read(content, options);
}

std::vector<std::string> ReadChroma(const std::string& content, PeerExportOptions options = {}) {
  options.peer = Peer::kChroma;
  return Read(content, options);
}

constexpr char kPage[] = R"({"result": {"points": [
    {"id": 7, "payload": {"text": "red", "year": 1999, "tags": ["a"]}, "vector": [0.5, 1]},
    {"id": "5c56c793-69f3-4fbf-87e6", "payload": null, "vector": [2, 3]}],
  "next_page_offset": 9}, "status": "ok", "time": 0.001})";

TEST(PeerExportReaderTest, PointsOfAScrollKeepIdTextMetadataAndVector) {
  EXPECT_THAT(
      ReadQdrant(kPage),
      ElementsAre(
          R"({"id":"7","text":"red","metadata":{"tags":["a"],"year":1999},"vector":[0.5,1.0]})",
          R"({"id":"5c56c793-69f3-4fbf-87e6","text":"","metadata":{},"vector":[2.0,3.0]})"));
}

TEST(PeerExportReaderTest, PagesInARowAnArrayAndAPointALineAreRead) {
  const std::string points = R"([{"id": 1, "payload": {"text": "one"}}])";
  const std::string one = R"({"id":"1","text":"one","metadata":{}})";
  EXPECT_THAT(ReadQdrant(points + "\n" + R"({"points": )" + points + "}\n\n" +
                         R"({"id": 1, "payload": {"text": "one"}})"),
              ElementsAre(one, one, one));
}

TEST(PeerExportReaderTest, TheFieldOfTheTextAndTheVectorCanBeChosen) {
  const std::string point = R"({"id": 1, "payload": {"page_content": "one", "text": 3},
                                "vector": {"small": [1], "large": [2, 3]}})";
  EXPECT_THAT(ReadQdrant(point, {.text_field = "page_content", .vector_name = "large"}),
              ElementsAre(R"({"id":"1","text":"one","metadata":{"text":3},"vector":[2.0,3.0]})"));
  EXPECT_THAT(ReadQdrant(point, {.text_field = "page_content", .with_vectors = false}),
              ElementsAre(R"({"id":"1","text":"one","metadata":{"text":3}})"));
  EXPECT_THAT(ReadQdrant(point, {.text_field = "page_content"}),
              ElementsAre(HasSubstr("several vectors (small, large); choose one")));
  EXPECT_THAT(ReadQdrant(point, {.text_field = "page_content", .vector_name = "big"}),
              ElementsAre("1: it has no vector 'big', but small, large"));
  EXPECT_THAT(ReadQdrant(point), ElementsAre(HasSubstr("'text' of its payload is not a text")));
}

TEST(PeerExportReaderTest, AnOnlyVectorNeedsNoName) {
  EXPECT_THAT(ReadQdrant(R"({"id": 1, "vector": {"small": [1]}})"),
              ElementsAre(R"({"id":"1","text":"","metadata":{},"vector":[1.0]})"));
}

TEST(PeerExportReaderTest, VectorsOfOtherKindsAreRefusedOneByOne) {
  EXPECT_THAT(ReadQdrant(R"([{"id": 1, "vector": {"s": {"indices": [1], "values": [2]}}},
                             {"id": 2, "vector": [[1], [2]]}, {"id": 3, "vector": ["x"]}, 4,
                             {"id": 5, "payload": 6}, {"id": 7, "vector": [1]}])"),
              ElementsAre("1: its vector is sparse; only dense ones can be imported",
                          "2: it has a vector of vectors; only single ones can be imported",
                          HasSubstr("3: "), "4: it is no point: it has no id",
                          "5: its payload is not an object", HasSubstr("\"id\":\"7\"")));
}

TEST(PeerExportReaderTest, ObjectsWithADollarStayObjects) {
  EXPECT_THAT(
      ReadQdrant(R"({"id": 1, "payload": {"a": {"$bytes": "x"}, "$b": 1}})"),
      ElementsAre(R"({"id":"1","text":"","metadata":{"$b":1,"a":{"$map":{"$bytes":"x"}}}})"));
}

TEST(PeerExportReaderTest, WhatChromaReturnsKeepsIdTextMetadataAndVector) {
  EXPECT_THAT(ReadChroma(R"({"ids": ["a", "b"], "embeddings": [[1, 2], [3, 4]], "uris": null,
                     "documents": ["red", null], "metadatas": [{"year": 1999}, null],
                     "included": ["embeddings"]}
                    {"ids": ["c"], "embeddings": null, "documents": ["blue"], "metadatas": null})"),
              ElementsAre(R"({"id":"a","text":"red","metadata":{"year":1999},"vector":[1.0,2.0]})",
                          R"({"id":"b","text":"","metadata":{},"vector":[3.0,4.0]})",
                          R"({"id":"c","text":"blue","metadata":{}})"));
  EXPECT_THAT(ReadChroma(R"({"ids": ["a"], "embeddings": [[1]], "documents": ["red"]})",
                         {.with_vectors = false}),
              ElementsAre(R"({"id":"a","text":"red","metadata":{}})"));
}

TEST(PeerExportReaderTest, WhatIsNoExportIsRefusedAndEndsIt) {
  EXPECT_THAT(ReadChroma(R"({"ids": ["a", "b"], "documents": ["red"]})"),
              ElementsAre("1: 'documents' are 1 for 2 ids"));
  EXPECT_THAT(ReadChroma("[]"), ElementsAre(HasSubstr("no answer of Chroma's collection.get()")));
  EXPECT_THAT(ReadQdrant(R"({"status": {"error": "not found"}})"),
              ElementsAre(HasSubstr("these are no points of Qdrant")));
  EXPECT_THAT(ReadQdrant(std::string(kPage).substr(0, 200)), ElementsAre(HasSubstr("not JSON")));
  EXPECT_THAT(ReadQdrant(std::string(kPage) + "x"),
              ElementsAre(HasSubstr("\"7\""), HasSubstr("5c56"), HasSubstr("3: it is not JSON")));
  EXPECT_THAT(ReadQdrant(" \n"), IsEmpty());
}

}  // namespace
}  // namespace simile::cli
