#include "server/engine/validation.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "embedder/utf8.h"
#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/filter_validation.h"
#include "server/engine/limits.h"

namespace simile {
namespace {

struct OutOfRangeSetting {
  const char* field;
  size_t value;
  size_t min;
  size_t max;
};

// A text to search for or to be found by: white space alone has no meaning.
absl::Status CheckMeaningfulText(std::string_view text) {
  if (absl::Status s = CheckText(text); !s.ok()) return s;
  if (text.find_first_not_of(" \t\n\r\f\v") != std::string_view::npos) return absl::OkStatus();
  return InvalidField("", fmt::format("the text is only white space ({} bytes); there is nothing "
                                      "to embed",
                                      text.size()));
}

// It becomes part of paths and of messages.
absl::Status CheckName(const char* what, std::string_view name, size_t bytes_max) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  if (name.empty()) return InvalidField("name", fmt::format("the {} has no name", what));
  if (name.size() > bytes_max) {
    return InvalidField("name", fmt::format("the {} name has {} bytes; at most {} are allowed",
                                            what, name.size(), bytes_max));
  }
  if (!std::all_of(name.begin(), name.end(), allowed)) {
    return InvalidField("name", fmt::format("the {} name '{}' may have only letters A-Z a-z, "
                                            "digits, '_' and '-'",
                                            what, name));
  }
  return absl::OkStatus();
}

absl::Status CheckTerm(const QueryTermInput& term, const CollectionShape& shape) {
  if (!std::isfinite(term.weight) || term.weight == 0) {
    return InvalidField("weight", fmt::format("the weight is {}; it must be a finite number "
                                              "other than 0",
                                              term.weight));
  }
  if (const auto* vector = std::get_if<std::vector<float>>(&term.source)) {
    return InField("vector", CheckVector(*vector, shape));
  }
  if (const auto* stored = std::get_if<StoredId>(&term.source)) {
    return InField("id", CheckId(stored->id));
  }
  if (!shape.has_model) {
    return InvalidField("text",
                        "the collection has no model, so a query must be a vector or a stored id");
  }
  return InField("text", CheckMeaningfulText(std::get<std::string>(term.source)));
}

}  // namespace

absl::Status CheckCollectionName(std::string_view name) {
  return CheckName("collection", name, kCollectionNameBytesMax);
}

absl::Status CheckSnapshotName(std::string_view name) {
  return CheckName("snapshot", name, kSnapshotNameBytesMax);
}

absl::Status CheckCollectionSettings(const CollectionSettings& settings) {
  if (absl::Status s = CheckCollectionName(settings.name); !s.ok()) return s;
  const IndexSettings defaults;
  const auto chosen = [](size_t value, size_t fallback) { return value == 0 ? fallback : value; };
  const OutOfRangeSetting ranges[] = {
      {"dimension", chosen(settings.dimension, 1), 1, kDimensionMax},
      {"index.m", chosen(settings.m, defaults.m), kGraphLinksMin, kGraphLinksMax},
      {"index.ef_construction", chosen(settings.ef_construction, defaults.ef_construction),
       kEfConstructionMin, kEfConstructionMax},
      {"index.ef_search", chosen(settings.ef_search, defaults.ef_search), 1, kEfSearchMax},
  };
  for (const OutOfRangeSetting& range : ranges) {
    if (range.value >= range.min && range.value <= range.max) continue;
    return InvalidField(range.field, fmt::format("{} is {}; it must be {} to {}", range.field,
                                                 range.value, range.min, range.max));
  }
  return CheckFilterFields(settings.filter_fields);
}

absl::Status CheckPrompt(std::string_view prompt, const Encoder& model) {
  if (prompt.size() > kPromptBytesLimit) {
    return InvalidField("", fmt::format("the prompt has {} bytes; at most {} are allowed",
                                        prompt.size(), kPromptBytesLimit));
  }
  if (!IsValidUtf8(prompt)) return InvalidField("", "the prompt is not valid UTF-8");
  const size_t tokens_max = model.info().tokens_max;
  const TokenSequence sequence = model.tokenizer().Encode(prompt, tokens_max);
  if (!sequence.truncated && sequence.ids.size() < tokens_max) return absl::OkStatus();
  return InvalidField("", fmt::format("the prompt alone fills the {} tokens that model '{}' reads; "
                                      "shorten it, so that texts are read too",
                                      tokens_max, model.info().name));
}

absl::Status CheckId(std::string_view id) {
  if (id.empty()) return InvalidField("", "the id is empty; it must have 1 to 512 bytes");
  if (id.size() > kIdBytesMax) {
    return InvalidField(
        "", fmt::format("the id has {} bytes; it must have 1 to {}", id.size(), kIdBytesMax));
  }
  if (!IsValidUtf8(id)) return InvalidField("", "the id is not valid UTF-8");
  return absl::OkStatus();
}

absl::Status CheckIds(std::span<const std::string> ids) {
  for (size_t position = 0; position < ids.size(); ++position) {
    const absl::Status s = InField(fmt::format("ids[{}]", position), CheckId(ids[position]));
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckText(std::string_view text) {
  if (text.size() > kTextBytesMax) {
    return InvalidField("", fmt::format("the text has {} bytes; at most {} are allowed: split it "
                                        "into several documents",
                                        text.size(), kTextBytesMax));
  }
  if (text.empty()) return InvalidField("", "the text is empty; there is nothing to embed");
  if (!IsValidUtf8(text)) return InvalidField("", "the text is not valid UTF-8");
  return absl::OkStatus();
}

absl::Status CheckVector(std::span<const float> vector, const CollectionShape& shape) {
  if (vector.size() != shape.dimension) {
    return InvalidField("", fmt::format("the vector has {} dimensions; the collection has {}",
                                        vector.size(), shape.dimension));
  }
  double squares = 0;
  for (size_t position = 0; position < vector.size(); ++position) {
    if (!std::isfinite(vector[position])) {
      return InvalidField("", fmt::format("component {} of the vector is {}; all must be finite",
                                          position, vector[position]));
    }
    squares += static_cast<double>(vector[position]) * vector[position];
  }
  const double length = std::sqrt(squares);
  if (length > kVectorLengthMax) {
    return InvalidField("", fmt::format("the vector has length {:g}; at most {:g} is possible",
                                        length, kVectorLengthMax));
  }
  if (shape.metric == Metric::kCosine && squares == 0) {
    return InvalidField("", "the vector is zero; the cosine metric needs a direction");
  }
  if (shape.metric == Metric::kCosine && length < kCosineLengthMin) {
    return InvalidField("", fmt::format("the vector has length {:g}; the cosine metric takes {:g} "
                                        "and more",
                                        length, kCosineLengthMin));
  }
  return absl::OkStatus();
}

absl::Status CheckDocument(const DocumentInput& document, const CollectionShape& shape) {
  if (!document.id.empty()) {
    if (absl::Status s = InField("id", CheckId(document.id)); !s.ok()) return s;
  }
  if (document.vector.has_value()) {
    if (absl::Status s = InField("vector", CheckVector(*document.vector, shape)); !s.ok()) return s;
  } else if (!shape.has_model) {
    return InvalidField("vector",
                        "the collection has no model, so every document must bring its "
                        "vector");
  }
  // A text beside a vector is only kept, so it may be empty.
  if (!document.vector.has_value() || !document.text.empty()) {
    if (absl::Status s = InField("text", CheckMeaningfulText(document.text)); !s.ok()) return s;
  }
  return InField("metadata", CheckMetadata(document.metadata));
}

absl::Status CheckQuery(const QueryInput& query, const CollectionShape& shape) {
  if (query.terms.empty() || query.terms.size() > kQueryTermsMax) {
    return InvalidField("terms", fmt::format("the query has {} terms; it must have 1 to {}",
                                             query.terms.size(), kQueryTermsMax));
  }
  for (size_t position = 0; position < query.terms.size(); ++position) {
    const std::string field = fmt::format("terms[{}]", position);
    if (absl::Status s = InField(field, CheckTerm(query.terms[position], shape)); !s.ok()) return s;
  }
  if (query.limit == 0 || query.limit > kLimitMax) {
    return InvalidField("limit",
                        fmt::format("the limit is {}; it must be 1 to {}", query.limit, kLimitMax));
  }
  if (query.offset > kOffsetPlusLimitMax - query.limit) {
    return InvalidField("offset", fmt::format("offset {} plus limit {} is {}; at most {} are "
                                              "allowed: page less deep",
                                              query.offset, query.limit, query.offset + query.limit,
                                              kOffsetPlusLimitMax));
  }
  if (query.ef_search > kEfSearchMax) {
    return InvalidField("ef_search", fmt::format("ef_search is {}; at most {} is allowed",
                                                 query.ef_search, kEfSearchMax));
  }
  if (query.score_threshold.has_value() && std::isnan(*query.score_threshold)) {
    return InvalidField("score_threshold", "the score threshold is not a number");
  }
  if (query.filter.has_value()) return InField("filter", CheckFilter(*query.filter));
  return absl::OkStatus();
}

}  // namespace simile
