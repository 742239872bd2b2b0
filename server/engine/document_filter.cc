#include "server/engine/document_filter.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "filter/document_matcher.h"

namespace simile {
namespace {

// Documents read at a time: they may have 2 MiB each.
constexpr size_t kReadBlockDocuments = 64;

void Consider(const Filter& filter, const StoredDocument& document, FilterMatches& matches) {
  ++matches.report.documents_read;
  if (!IsMatch(filter, document)) return;
  matches.labels.Grow(document.label + 1);
  matches.labels.Add(document.label);
  ++matches.report.matching_count;
}

}  // namespace

bool IsMatch(const Filter& filter, const StoredDocument& document) {
  return Matches(filter, {.id = document.id, .text = document.text, .metadata = document.metadata});
}

absl::StatusOr<FilterMatches> DocumentFilter::Match(const Filter& filter,
                                                    const CallContext& context) const {
  FilterMatches matches;
  if (!metadata_.is_complete()) {
    matches.report.notes.push_back(
        "documents are read: the index of metadata is still being filled");
    if (absl::Status s = ReadAll(filter, context, matches); !s.ok()) return s;
    return matches;
  }
  absl::Status failure;
  const auto labels_of_ids = [&](const std::vector<std::string>& ids) {
    std::vector<uint64_t> labels;
    auto found = store_.GetById(collection_id_, ids, {.text_and_metadata = false});
    failure = found.status();
    if (!failure.ok()) return labels;
    for (const std::optional<StoredDocument>& document : *found) {
      labels.push_back(document.has_value() ? document->label : MetadataIndex::kNoLabel);
    }
    return labels;
  };
  FilterEvaluation evaluation = metadata_.Evaluate(filter, labels_of_ids);
  if (!failure.ok()) return failure;
  matches.labels = std::move(evaluation.matching);
  matches.report.matching_count = evaluation.count;
  matches.report.notes = std::move(evaluation.notes);
  if (absl::Status s = Read(filter, evaluation.undecided, context, matches); !s.ok()) return s;
  return matches;
}

absl::Status DocumentFilter::ReadAll(const Filter& filter, const CallContext& context,
                                     FilterMatches& matches) const {
  for (uint64_t after_label = 0;;) {
    if (absl::Status s = context.Check(); !s.ok()) return s;
    const auto block = store_.List(collection_id_, after_label, kReadBlockDocuments, {});
    if (!block.ok()) return block.status();
    if (block->empty()) return absl::OkStatus();
    for (const StoredDocument& document : *block) Consider(filter, document, matches);
    after_label = block->back().label;
  }
}

absl::Status DocumentFilter::Read(const Filter& filter, const std::vector<uint64_t>& labels,
                                  const CallContext& context, FilterMatches& matches) const {
  for (size_t first = 0; first < labels.size(); first += kReadBlockDocuments) {
    if (absl::Status s = context.Check(); !s.ok()) return s;
    const auto block =
        std::span(labels).subspan(first, std::min(kReadBlockDocuments, labels.size() - first));
    const auto documents = store_.GetByLabel(collection_id_, block, {});
    if (!documents.ok()) return documents.status();
    for (const std::optional<StoredDocument>& document : *documents) {
      if (document.has_value()) Consider(filter, *document, matches);
    }
  }
  return absl::OkStatus();
}

}  // namespace simile
