#ifndef SIMILE_SERVER_ENGINE_FACET_COUNTER_H_
#define SIMILE_SERVER_ENGINE_FACET_COUNTER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/bit_set.h"
#include "filter/facet.h"
#include "filter/metadata_index.h"
#include "server/engine/call_context.h"
#include "server/engine/requests.h"
#include "storage/store.h"

namespace simile {

// Counts documents by the values of their fields: by the index of metadata, or, for a field that it
// does not have and while it is being filled, by reading the documents.
//
// Thread safety: immutable; Count may be called together from several threads.
class FacetCounter {
 public:
  // Both must outlive it.
  FacetCounter(const MetadataIndex& metadata, const Store& store, uint32_t collection_id)
      : metadata_(metadata), store_(store), collection_id_(collection_id) {}

  // Over the documents in `labels`, or all when it is null; one report per facet, in order. The
  // facets have been checked. Errors: of reading, when the call's time is up, and ResourceExhausted
  // for a field that is not indexed and has more than kFacetTallyMax different values.
  absl::StatusOr<std::vector<FacetReport>> Count(const std::vector<Facet>& facets,
                                                 const BitSet* labels,
                                                 const CallContext& context) const;

 private:
  absl::StatusOr<FacetReport> CountByReading(const Facet& facet, const BitSet* labels,
                                             const CallContext& context) const;

  const MetadataIndex& metadata_;
  const Store& store_;
  const uint32_t collection_id_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_FACET_COUNTER_H_
