#include "server/engine/catalog_numbers.h"

#include <utility>

#include "fmt/format.h"

namespace simile {
namespace {

constexpr std::pair<Metric, uint32_t> kMetrics[] = {
    {Metric::kCosine, 1}, {Metric::kEuclidean, 2}, {Metric::kDotProduct, 3}};
constexpr std::pair<IndexEngine, uint32_t> kEngines[] = {
    {IndexEngine::kAuto, 1}, {IndexEngine::kFlat, 2}, {IndexEngine::kHnswlib, 3}};

constexpr std::pair<CodeFormat, uint32_t> kCodes[] = {
    {CodeFormat::kSq8, 0}, {CodeFormat::kSq4, 1}, {CodeFormat::kFloat32, 2}};

template <typename Enumeration, size_t kCount>
uint32_t NumberOf(const std::pair<Enumeration, uint32_t> (&table)[kCount], Enumeration value) {
  for (const auto& [entry, number] : table) {
    if (entry == value) return number;
  }
  return 0;
}

template <typename Enumeration, size_t kCount>
absl::StatusOr<Enumeration> ValueOf(const std::pair<Enumeration, uint32_t> (&table)[kCount],
                                    uint32_t number, const char* what) {
  for (const auto& [value, entry] : table) {
    if (entry == number) return value;
  }
  return absl::DataLossError(fmt::format("its {} has the unknown number {}", what, number));
}

}  // namespace

uint32_t CatalogNumber(Metric metric) { return NumberOf(kMetrics, metric); }

uint32_t CatalogNumber(IndexEngine engine) { return NumberOf(kEngines, engine); }

uint32_t CatalogNumber(CodeFormat codes) { return NumberOf(kCodes, codes); }

absl::StatusOr<Metric> MetricOfNumber(uint32_t number) {
  return ValueOf(kMetrics, number, "metric");
}

absl::StatusOr<IndexEngine> IndexEngineOfNumber(uint32_t number) {
  return ValueOf(kEngines, number, "index engine");
}

absl::StatusOr<CodeFormat> CodeFormatOfNumber(uint32_t number) {
  return ValueOf(kCodes, number, "codes of the index");
}

}  // namespace simile
