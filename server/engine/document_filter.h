#ifndef SIMILE_SERVER_ENGINE_DOCUMENT_FILTER_H_
#define SIMILE_SERVER_ENGINE_DOCUMENT_FILTER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/bit_set.h"
#include "filter/filter.h"
#include "filter/metadata_index.h"
#include "server/engine/call_context.h"
#include "server/engine/requests.h"
#include "storage/store.h"

namespace simile {

// The documents that a filter matches.
struct FilterMatches {
  BitSet labels = BitSet(0);
  FilterReport report;
};

// Asks the index of metadata, and looks at the documents that it leaves open: all of them while the
// index is still being filled.
//
// Thread safety: immutable; Match may be called together from several threads.
class DocumentFilter {
 public:
  // Both must outlive it.
  DocumentFilter(const MetadataIndex& metadata, const Store& store, uint32_t collection_id)
      : metadata_(metadata), store_(store), collection_id_(collection_id) {}

  // `filter` has been checked. Errors: of reading, and when the call's time is up.
  absl::StatusOr<FilterMatches> Match(const Filter& filter, const CallContext& context) const;

 private:
  absl::Status ReadAll(const Filter& filter, const CallContext& context,
                       FilterMatches& matches) const;
  absl::Status Read(const Filter& filter, const std::vector<uint64_t>& labels,
                    const CallContext& context, FilterMatches& matches) const;

  const MetadataIndex& metadata_;
  const Store& store_;
  const uint32_t collection_id_;
};

// Whether the stored document matches.
bool IsMatch(const Filter& filter, const StoredDocument& document);

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_DOCUMENT_FILTER_H_
