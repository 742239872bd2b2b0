#include "server/engine/facet_counter.h"

#include <optional>
#include <utility>

#include "filter/facet_tally.h"
#include "fmt/format.h"
#include "server/engine/limits.h"

namespace simile {
namespace {

// Documents read at a time: they may have 2 MiB each.
constexpr size_t kReadBlockDocuments = 64;

}  // namespace

absl::StatusOr<std::vector<FacetReport>> FacetCounter::Count(const std::vector<Facet>& facets,
                                                             const BitSet* labels,
                                                             const CallContext& context) const {
  std::vector<FacetReport> reports;
  for (const Facet& facet : facets) {
    std::optional<FacetCounts> counts;
    if (metadata_.is_complete()) counts = metadata_.Count(facet, labels);
    if (counts.has_value()) {
      reports.push_back({.field = facet.field, .counts = *std::move(counts)});
      continue;
    }
    absl::StatusOr<FacetReport> report = CountByReading(facet, labels, context);
    if (!report.ok()) return report.status();
    reports.push_back(*std::move(report));
  }
  return reports;
}

absl::StatusOr<FacetReport> FacetCounter::CountByReading(const Facet& facet, const BitSet* labels,
                                                         const CallContext& context) const {
  FacetReport report{.field = facet.field};
  FacetTally tally(facet, kFacetTallyMax);
  for (uint64_t after_label = 0;;) {
    if (absl::Status s = context.Check(); !s.ok()) return s;
    const auto block = store_.List(collection_id_, after_label, kReadBlockDocuments, {});
    if (!block.ok()) return block.status();
    if (block->empty()) break;
    for (const StoredDocument& document : *block) {
      ++report.documents_read;
      if (labels == nullptr || labels->Contains(document.label)) tally.Add(document.metadata);
    }
    if (tally.has_too_many_values()) {
      return absl::ResourceExhaustedError(fmt::format(
          "field '{}' is not indexed and has more than {} different values: count ranges of it, or "
          "fewer documents",
          facet.field, kFacetTallyMax));
    }
    after_label = block->back().label;
  }
  report.counts = tally.Take();
  return report;
}

}  // namespace simile
