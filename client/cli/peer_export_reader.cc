#include "client/cli/peer_export_reader.h"

#include <utility>

#include "client/cli/value_json.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

absl::Status Wrong(const std::string& what) { return absl::InvalidArgumentError(what); }

// In our metadata an object of one name that begins with $ has a meaning; there it has none.
Json WithoutMeaning(Json json) {
  if (json.is_structured()) {
    for (Json& item : json) item = WithoutMeaning(std::move(item));
  }
  const bool is_marked =
      json.is_object() && json.size() == 1 && json.begin().key().starts_with('$');
  if (is_marked) json = Json{{"$map", std::move(json)}};
  return json;
}

Json MetadataOf(Json payload) {
  for (Json& field : payload) field = WithoutMeaning(std::move(field));
  return payload;
}

bool IsPoint(const Json& json) {
  return json.is_object() && json.contains("id") &&
         (json.contains("payload") || json.contains("vector"));
}

// The points of any form; null when it is none.
Json PointsOf(Json json) {
  if (json.is_object() && json.contains("result")) return PointsOf(std::move(json["result"]));
  if (json.is_object() && json.contains("points")) return PointsOf(std::move(json["points"]));
  if (json.is_array()) return json;
  return IsPoint(json) ? Json::array({std::move(json)}) : Json();
}

std::string NamesOf(const Json& object) {
  std::string names;
  for (const auto& [name, value] : object.items()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

// One vector of a point, which may have several by name, or none: then null.
absl::StatusOr<Json> VectorOf(Json& point, const std::string& wanted) {
  Json vector = std::move(point["vector"]);
  if (vector.is_object() && !vector.contains("indices")) {
    if (vector.empty()) return Json();
    if (wanted.empty() && vector.size() > 1) {
      return Wrong(fmt::format("it has several vectors ({}); choose one with --vector-name",
                               NamesOf(vector)));
    }
    const std::string name = wanted.empty() ? vector.begin().key() : wanted;
    if (!vector.contains(name)) {
      return Wrong(fmt::format("it has no vector '{}', but {}", name, NamesOf(vector)));
    }
    vector = Json(std::move(vector[name]));
  }
  if (vector.is_object()) return Wrong("its vector is sparse; only dense ones can be imported");
  if (vector.is_array() && !vector.empty() && vector[0].is_array()) {
    return Wrong("it has a vector of vectors; only single ones can be imported");
  }
  return vector;
}

}  // namespace

PeerExportReader::PeerExportReader(std::istream& stream, PeerExportOptions options)
    : stream_(stream), options_(std::move(options)) {}

std::optional<ReadDocument> PeerExportReader::Next() {
  while (at_ == page_size_) {
    if (is_broken_ || (stream_ >> std::ws).eof()) return std::nullopt;
    if (absl::Status read = ReadPage(); !read.ok()) {
      is_broken_ = true;
      return ReadDocument{.number = number_ + 1, .document = read};
    }
  }
  const size_t at = at_++;
  return ReadDocument{
      .number = ++number_,
      .document = options_.peer == Peer::kQdrant ? FromQdrant(page_[at]) : FromChroma(at)};
}

absl::Status PeerExportReader::ReadPage() {
  at_ = 0;
  page_size_ = 0;
  // Not Json::parse: that wants the stream to end after the value.
  try {
    stream_ >> page_;
  } catch (const Json::parse_error& error) {
    return Wrong(fmt::format("it is not JSON: {}", error.what()));
  }
  const auto position = stream_.tellg();
  if (position > 0) bytes_read_ = static_cast<uint64_t>(position);
  if (options_.peer == Peer::kQdrant) {
    page_ = PointsOf(std::move(page_));
    if (!page_.is_array()) {
      return Wrong(
          "these are no points of Qdrant: {\"result\": {\"points\": [...]}}, an array of "
          "points or a point a line is expected");
    }
    page_size_ = page_.size();
    return absl::OkStatus();
  }
  if (!page_.is_object() || !page_.contains("ids") || !page_["ids"].is_array()) {
    return Wrong("this is no answer of Chroma's collection.get(): it has no 'ids'");
  }
  page_size_ = page_["ids"].size();
  for (const char* name : {"documents", "metadatas", "embeddings"}) {
    const Json& items = page_[name];
    if (items.is_null() || (items.is_array() && items.size() == page_size_)) continue;
    page_size_ = 0;
    return Wrong(fmt::format("'{}' are {} for {} ids", name, items.size(), page_["ids"].size()));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Document> PeerExportReader::FromQdrant(Json& point) const {
  if (!point.is_object() || !point.contains("id")) return Wrong("it is no point: it has no id");
  Json document{{"id", std::move(point["id"])}};
  Json payload = std::move(point["payload"]);
  if (!payload.is_null() && !payload.is_object()) return Wrong("its payload is not an object");
  if (const auto text = payload.find(options_.text_field); text != payload.end()) {
    if (!text->is_string()) {
      return Wrong(fmt::format("'{}' of its payload is not a text; name another with --text-column",
                               options_.text_field));
    }
    document["text"] = std::move(*text);
    payload.erase(options_.text_field);
  }
  if (payload.is_object()) document["metadata"] = MetadataOf(std::move(payload));
  if (options_.with_vectors) {
    absl::StatusOr<Json> vector = VectorOf(point, options_.vector_name);
    if (!vector.ok()) return vector.status();
    if (!vector->is_null()) document["vector"] = *std::move(vector);
  }
  return DocumentFromJson(document);
}

absl::StatusOr<v1::Document> PeerExportReader::FromChroma(size_t at) {
  const auto take = [this, at](const char* name) {
    Json& items = page_[name];
    return items.is_null() ? Json() : Json(std::move(items[at]));
  };
  Json document{{"id", take("ids")}};
  if (Json text = take("documents"); !text.is_null()) document["text"] = std::move(text);
  Json metadata = take("metadatas");
  if (metadata.is_object()) metadata = MetadataOf(std::move(metadata));
  if (!metadata.is_null()) document["metadata"] = std::move(metadata);
  if (options_.with_vectors) {
    if (Json vector = take("embeddings"); !vector.is_null()) document["vector"] = std::move(vector);
  }
  return DocumentFromJson(document);
}

}  // namespace simile::cli
