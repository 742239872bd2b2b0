// Whether codes with a scale for each dimension are worth more than those with one for all:
//   scale_bench --model MODEL --texts TEXTS     embeddings of real texts
//   scale_bench --dimension 384                 synthetic vectors
// Rows times w and queries divided by w, dimension by dimension, have the products they had; so a
// scale for each dimension is one scale for rows that were multiplied by w, and an integer kernel
// does not see it. w = spread^-power: power 0 is one scale for all, 1 gives every dimension the
// whole range of the codes. Each set as it is and with dimensions that were made unequal.
// For each: how far products by codes are off, in shares of how much the products of a query differ
// from each other; recall of the k nearest by float32 among the first by codes of all vectors; and
// recall of the graph, which has one scale.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/bench_vectors.h"
#include "fmt/format.h"
#include "index/code_key.h"
#include "index/distance.h"
#include "index/hnsw_index.h"
#include "index/quantizer.h"
#include "index/slot_memory.h"

namespace simile {
namespace {

using index_internal::AllCodeKernels;
using index_internal::CodeRows;
using index_internal::kFarthestKey;
using index_internal::kRowsMax;
using index_internal::Quantizer;
using index_internal::QueryCode;
using index_internal::SlotMemory;

constexpr size_t kNeighbors = 10;
constexpr size_t kSampleVectors = 10'000;

struct Options {
  std::string model, texts;
  size_t dimension = 384;
  size_t vectors = 30'000;
  size_t queries = 500;
  std::vector<double> powers = {0, 0.25, 0.5, 1};
};

// A set of vectors, the queries at its end.
struct Set {
  std::string name;
  BenchVectors vectors;
};

Set WithFactors(const std::string& name, const BenchVectors& vectors,
                const std::vector<float>& factors) {
  Set set{.name = name, .vectors = vectors};
  const DistanceKernel cosine(Metric::kCosine, vectors.dimension);
  for (size_t at = 0; at < vectors.size(); ++at) {
    float* const vector = set.vectors.floats.data() + at * vectors.dimension;
    for (size_t axis = 0; axis < vectors.dimension; ++axis) vector[axis] *= factors[axis];
    const auto prepared = cosine.Prepare({vector, vectors.dimension});
    if (prepared.ok()) std::ranges::copy(*prepared, vector);
  }
  return set;
}

std::vector<Set> Sets(const BenchVectors& vectors) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> exponent(0, 1);
  const std::vector<float> equal(vectors.dimension, 1.0f);
  std::vector<float> spread = equal, few = equal, one = equal;
  for (float& factor : spread) factor = std::pow(10.0f, exponent(random));
  for (size_t axis = 0; axis < 4 && axis < few.size(); ++axis) few[axis * few.size() / 4] = 10;
  one[one.size() / 2] = 10;
  return {WithFactors("as they are", vectors, equal), WithFactors("1 to 10", vectors, spread),
          WithFactors("four by 10", vectors, few), WithFactors("one by 10", vectors, one)};
}

struct Measured {
  double off = 0;  // Share of the products' own spread.
  double recall = 0;
  double compared = 0;  // By float32, of each query.
};

class ScaleBench {
 public:
  ScaleBench(const Options& options, const Set& set)
      : options_(options), set_(set), dimension_(set.vectors.dimension) {
    const VectorFunction dot = DotFunction();
    products_.resize(options.queries);
    for (size_t query = 0; query < options.queries; ++query) {
      products_[query].resize(options.vectors);
      for (size_t row = 0; row < options.vectors; ++row) {
        products_[query][row] = dot(Query(query).data(), set.vectors[row].data(), dimension_);
      }
    }
    std::vector<double> squares(dimension_);
    for (size_t row = 0; row < kSampleVectors; ++row) {
      for (size_t axis = 0; axis < dimension_; ++axis) {
        squares[axis] += std::pow(set.vectors[row][axis], 2);
      }
    }
    for (const double sum : squares) spreads_.push_back(std::sqrt(sum / kSampleVectors));
  }

  void Run() {
    const auto [least, most] = std::ranges::minmax(spreads_);
    fmt::print("{}: spreads of dimensions {:.4f} to {:.4f}\n", set_.name, least, most);
    for (const CodeFormat codes : {CodeFormat::kSq8, CodeFormat::kSq4}) {
      fmt::print("  {}", codes == CodeFormat::kSq8 ? "sq8" : "sq4");
      for (const double power : options_.powers) {
        const Measured measured = Measure(codes, power);
        fmt::print("   power {:.2f}: off {:.4f} recall {:.4f} of {:.0f}", power, measured.off,
                   measured.recall, measured.compared);
      }
      fmt::print("   graph, ef 96: recall {:.4f}\n", GraphRecall(codes));
      std::fflush(stdout);
    }
  }

 private:
  // Of the product's own graph.
  double GraphRecall(CodeFormat codes) const {
    HnswIndex index({.dimension = dimension_, .codes = codes},
                    std::span(set_.vectors.floats).first(kSampleVectors * dimension_));
    for (size_t row = 0; row < options_.vectors; ++row) {
      if (absl::Status s = index.Upsert(row, set_.vectors[row]); !s.ok()) std::cerr << s << "\n";
    }
    size_t found = 0;
    for (size_t query = 0; query < options_.queries; ++query) {
      const auto nearest = First(kNeighbors, [&](size_t row) { return -products_[query][row]; });
      const auto answer = index.Search(
          Query(query), {.k = kNeighbors, .ef_search = 96, .strategy = SearchStrategy::kGraph});
      for (const Neighbor& neighbor : answer->neighbors) {
        found += static_cast<size_t>(std::ranges::count(nearest, neighbor.label));
      }
    }
    return static_cast<double>(found) / static_cast<double>(options_.queries * kNeighbors);
  }

  std::span<const float> Query(size_t at) const { return set_.vectors[options_.vectors + at]; }

  std::vector<float> Times(std::span<const float> vector, double power) const {
    std::vector<float> scaled(vector.begin(), vector.end());
    for (size_t axis = 0; axis < dimension_; ++axis) {
      scaled[axis] *= static_cast<float>(std::pow(spreads_[axis], power));
    }
    return scaled;
  }

  Measured Measure(CodeFormat codes, double power) {
    std::vector<float> sample;
    for (size_t row = 0; row < kSampleVectors; ++row) {
      const std::vector<float> scaled = Times(set_.vectors[row], -power);
      sample.insert(sample.end(), scaled.begin(), scaled.end());
    }
    const Quantizer quantizer(codes, dimension_, sample);
    SlotMemory memory({.code_bytes = quantizer.row_bytes(), .links_max = 1});
    for (uint32_t row = 0; row < options_.vectors; ++row) {
      if (absl::Status s = memory.Reserve(row); !s.ok()) std::cerr << s << "\n";
      quantizer.EncodeRow(Times(set_.vectors[row], -power).data(), memory.Code(row));
    }
    Measured measured;
    for (size_t query = 0; query < options_.queries; ++query) {
      QueryCode code;
      quantizer.EncodeQuery(Times(Query(query), power).data(), code);
      const Measured one = MeasureQuery(quantizer, memory, code, products_[query]);
      measured.off += one.off / static_cast<double>(options_.queries);
      measured.recall += one.recall / static_cast<double>(options_.queries);
      measured.compared += one.compared / static_cast<double>(options_.queries);
    }
    return measured;
  }

  Measured MeasureQuery(const Quantizer& quantizer, const SlotMemory& memory, const QueryCode& code,
                        const std::vector<float>& products) const {
    const std::vector<uint32_t> keys = Keys(quantizer, memory, code);
    const double unit = code.ratio / std::pow(quantizer.scale(), 2);
    double sum = 0, squares = 0, off_squares = 0;
    for (size_t row = 0; row < keys.size(); ++row) {
      const double product = products[row];
      const double by_codes = (static_cast<double>(0x80000000u) - keys[row]) * unit;
      sum += product;
      squares += product * product;
      off_squares += std::pow(by_codes - product, 2);
    }
    const auto count = static_cast<double>(keys.size());
    const double variance = squares / count - std::pow(sum / count, 2);
    const auto nearest = First(kNeighbors, [&](size_t row) { return -products[row]; });
    const auto first = First(kNeighbors, [&](size_t row) { return keys[row]; });
    // As HnswSearch: and what is behind the k-th by less than rounding may hide.
    const uint64_t limit =
        uint64_t{keys[first.back()]} + quantizer.KeySlack(code, code.squares, false);
    std::vector<uint32_t> candidates;
    for (uint32_t row = 0; row < keys.size(); ++row) {
      if (keys[row] <= limit) candidates.push_back(row);
    }
    size_t found = 0;
    for (const uint32_t row : nearest) found += std::ranges::count(candidates, row);
    return {.off = std::sqrt(off_squares / count / variance),
            .recall = static_cast<double>(found) / kNeighbors,
            .compared = static_cast<double>(candidates.size())};
  }

  std::vector<uint32_t> Keys(const Quantizer& quantizer, const SlotMemory& memory,
                             const QueryCode& code) const {
    const auto nearer = AllCodeKernels().front().nearer(quantizer.format(), false);
    const CodeRows rows{.chunks = memory.chunks(),
                        .codes_offset = memory.codes_offset(),
                        .squares_offset = memory.squares_offset(),
                        .row_bytes = quantizer.row_bytes()};
    std::vector<uint32_t> slots(options_.vectors), keys(options_.vectors + 16);
    uint32_t near_slots[kRowsMax + 16];
    for (uint32_t slot = 0; slot < slots.size(); ++slot) slots[slot] = slot;
    for (size_t first = 0; first < slots.size(); first += kRowsMax) {
      nearer(rows, code, slots.data() + first, std::min(kRowsMax, slots.size() - first),
             kFarthestKey, near_slots, keys.data() + first);
    }
    keys.resize(slots.size());
    return keys;
  }

  template <typename Key>
  std::vector<uint32_t> First(size_t count, Key key) const {
    std::vector<uint32_t> rows(options_.vectors);
    for (uint32_t row = 0; row < rows.size(); ++row) rows[row] = row;
    std::ranges::partial_sort(rows, rows.begin() + static_cast<ptrdiff_t>(count), {}, key);
    rows.resize(count);
    return rows;
  }

  const Options& options_;
  const Set& set_;
  const size_t dimension_;
  std::vector<std::vector<float>> products_;  // Of each query with all rows.
  std::vector<double> spreads_;               // Of each dimension, around 0.
};

int Run(const Options& options) {
  const size_t count = options.vectors + options.queries;
  const auto vectors = options.texts.empty() ? SyntheticVectors(count, options.dimension)
                                             : EmbeddedTexts(options.model, options.texts, count);
  if (!vectors.ok()) {
    std::cerr << vectors.status() << "\n";
    return 1;
  }
  fmt::print("{} vectors of {} dimensions, length 1, {} queries, k {}\n", options.vectors,
             vectors->dimension, options.queries, kNeighbors);
  for (const Set& set : Sets(*vectors)) ScaleBench(options, set).Run();
  return 0;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("One scale of codes, or one for each dimension");
  simile::Options options;
  app.add_option("--model", options.model, "model directory, for --texts");
  app.add_option("--texts", options.texts, ".jsonl with \"text\", or plain lines");
  app.add_option("--dimension", options.dimension, "of synthetic vectors, without --texts");
  app.add_option("--vectors", options.vectors, "vectors")
      ->check(CLI::Range(size_t{simile::kSampleVectors}, size_t{1'000'000}));
  app.add_option("--queries", options.queries, "queries")->check(CLI::PositiveNumber);
  app.add_option("--powers", options.powers, "of the spread; 0: one scale, 1: one a dimension");
  CLI11_PARSE(app, argc, argv);
  return simile::Run(options);
}
