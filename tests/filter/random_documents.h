#ifndef SIMILE_TESTS_FILTER_RANDOM_DOCUMENTS_H_
#define SIMILE_TESTS_FILTER_RANDOM_DOCUMENTS_H_

#include <random>
#include <string>

#include "base/value.h"
#include "filter/filter.h"

namespace simile {

// Metadata and filters that meet often: few fields, few values, of every type, also lists, maps in
// each other, names with dots, nulls, NaN, and numbers that are equal as int64 and double. Always
// the same for a seed.
//
// Thread safety: none.
class RandomDocuments {
 public:
  explicit RandomDocuments(uint32_t seed) : random_(seed) {}

  Metadata NextMetadata();
  std::string NextText();

  // A name, or a path of two.
  std::string NextField();

  // Trees of at most so many levels. `ids` are those that HasId may ask for.
  Filter NextFilter(size_t depth_max, size_t id_count);

  size_t Below(size_t end) { return random_() % end; }
  static std::string IdOf(size_t number) { return "id" + std::to_string(number); }

 private:
  Value NextScalar();
  Value NextBound(size_t type);
  Filter NextCondition(size_t id_count);
  Value NextMap();
  std::string NextName();

  std::mt19937 random_;
};

}  // namespace simile

#endif  // SIMILE_TESTS_FILTER_RANDOM_DOCUMENTS_H_
