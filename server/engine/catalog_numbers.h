#ifndef SIMILE_SERVER_ENGINE_CATALOG_NUMBERS_H_
#define SIMILE_SERVER_ENGINE_CATALOG_NUMBERS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "index/vector_index.h"

namespace simile {

// How the settings of the index folder travel through the catalog, which keeps numbers without
// knowing what they mean. The numbers are on disk: they never change their meaning.
uint32_t CatalogNumber(Metric metric);
uint32_t CatalogNumber(IndexEngine engine);
uint32_t CatalogNumber(CodeFormat codes);

// DataLoss for a number that stands for nothing.
absl::StatusOr<Metric> MetricOfNumber(uint32_t number);
absl::StatusOr<IndexEngine> IndexEngineOfNumber(uint32_t number);
absl::StatusOr<CodeFormat> CodeFormatOfNumber(uint32_t number);

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_CATALOG_NUMBERS_H_
