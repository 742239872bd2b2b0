// Filtered searches of our graph, each way to answer them beside the others and beside the choice
// that is made without being told:
//   filter_bench --model MODEL --texts TEXTS [--vectors 100000]     embeddings of real texts
//   filter_bench --dimension 128 [--vectors 200000]                 synthetic vectors
// Filters let a share of the vectors pass: at random, or those that are nearest to a vector which
// has nothing to do with the query. k 10, one thread, processor time.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/bench_vectors.h"
#include "fmt/format.h"
#include "index/flat_index.h"
#include "index/hnsw_index.h"

namespace simile {
namespace {

constexpr size_t kNeighbors = 10;
constexpr size_t kSampleVectors = 10'000;
constexpr double kRecallWanted = 0.98;

struct Options {
  std::string model, texts;
  size_t dimension = 128;
  size_t vectors = 200'000;
  size_t queries = 100;
  size_t filters = 10;
  size_t rounds = 3;
  size_t ef = 96;
};

double ThreadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

LabelSet RandomFilter(size_t vectors, double share, std::mt19937& random) {
  BitSet passing(vectors);
  std::bernoulli_distribution draw(share);
  for (size_t at = 0; at < vectors; ++at) {
    if (draw(random)) passing.Add(at);
  }
  return LabelSet(std::move(passing));
}

LabelSet ClusteredFilter(const FlatIndex& truth, std::span<const float> centre, size_t vectors,
                         double share) {
  BitSet passing(vectors);
  const auto count = static_cast<size_t>(std::ceil(share * static_cast<double>(vectors)));
  const auto nearest = truth.Search(centre, {.k = count});
  for (const Neighbor& neighbor : nearest->neighbors) passing.Add(neighbor.label);
  return LabelSet(std::move(passing));
}

struct Measured {
  double recall = 0;
  double queries_per_second = 0;
  std::string strategies;  // How many queries each answered.
};

const char* NameOf(SearchStrategy strategy) {
  switch (strategy) {
    case SearchStrategy::kExactScan:
      return "scan";
    case SearchStrategy::kGraph:
      return "sweep";
    case SearchStrategy::kTwoHop:
      return "two-hop";
    case SearchStrategy::kGraphThenScan:
      return "walk-then-scan";
  }
  return "";
}

class FilterBench {
 public:
  FilterBench(const Options& options, const BenchVectors& vectors)
      : options_(options),
        vectors_(vectors),
        truth_(Metric::kCosine, vectors.dimension),
        index_({.dimension = vectors.dimension},
               std::span(vectors.floats).first(kSampleVectors * vectors.dimension)) {
    for (size_t at = 0; at < options.vectors; ++at) {
      for (const absl::Status& s :
           {truth_.Upsert(at, vectors[at]), index_.Upsert(at, vectors[at])}) {
        if (!s.ok()) std::cerr << s << "\n";
      }
    }
  }

  void Run() {
    const PlannerCosts costs = index_.Statistics().costs;
    fmt::print("reckoned with: {:.1f} ns a row in order, {:.1f} anywhere, {:.1f} to ask\n",
               costs.scanned_row_ns, costs.walked_row_ns, costs.filtered_row_ns);
    fmt::print("{:>9} {:>6} {:>16} {:>16} {:>16} {:>16}  {:>8}  {}\n", "", "passes",
               "scan: recall, /s", "sweep", "two-hop", "chosen", "of best", "chosen");
    for (const bool clustered : {false, true}) {
      for (const double share : {0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5}) Row(clustered, share);
    }
  }

 private:
  void Row(bool clustered, double share) {
    std::vector<LabelSet> filters;
    for (size_t at = 0; at < options_.filters; ++at) {
      filters.push_back(clustered ? ClusteredFilter(truth_, vectors_[random_() % options_.vectors],
                                                    options_.vectors, share)
                                  : RandomFilter(options_.vectors, share, random_));
    }
    std::vector<std::vector<uint64_t>> expected(options_.queries);
    for (size_t at = 0; at < options_.queries; ++at) {
      const auto answer =
          truth_.Search(Query(at), {.k = kNeighbors, .filter = &filters[at % filters.size()]});
      for (const Neighbor& neighbor : answer->neighbors) expected[at].push_back(neighbor.label);
    }
    fmt::print("{:>9} {:5.1f}%", clustered ? "clustered" : "random", 100 * share);
    double fastest = 0;
    for (const std::optional<SearchStrategy> strategy :
         {std::optional(SearchStrategy::kExactScan), std::optional(SearchStrategy::kGraph),
          std::optional(SearchStrategy::kTwoHop), std::optional<SearchStrategy>()}) {
      const Measured measured = Measure(filters, expected, strategy);
      fmt::print("  {:6.4f} {:7.0f}", measured.recall, measured.queries_per_second);
      // One that loses too much is no choice.
      if (measured.recall >= kRecallWanted) {
        fastest = std::max(fastest, measured.queries_per_second);
      }
      if (strategy.has_value()) continue;
      fmt::print("  {:8.2f}  {}\n", measured.queries_per_second / fastest, measured.strategies);
    }
    std::fflush(stdout);
  }

  std::span<const float> Query(size_t at) const { return vectors_[options_.vectors + at]; }

  Measured Measure(const std::vector<LabelSet>& filters,
                   const std::vector<std::vector<uint64_t>>& expected,
                   std::optional<SearchStrategy> strategy) {
    Measured best;
    for (size_t round = 0; round < options_.rounds; ++round) {
      size_t found = 0, wanted = 0;
      std::map<SearchStrategy, size_t> strategies;
      const double start = ThreadSeconds();
      std::vector<SearchAnswer> answers;
      for (size_t at = 0; at < options_.queries; ++at) {
        answers.push_back(*index_.Search(Query(at), {.k = kNeighbors,
                                                     .ef_search = options_.ef,
                                                     .filter = &filters[at % filters.size()],
                                                     .strategy = strategy}));
      }
      const double seconds = ThreadSeconds() - start;
      for (size_t at = 0; at < options_.queries; ++at) {
        wanted += expected[at].size();
        ++strategies[answers[at].strategy];
        for (const Neighbor& neighbor : answers[at].neighbors) {
          found += static_cast<size_t>(std::ranges::count(expected[at], neighbor.label));
        }
      }
      const auto count = static_cast<double>(options_.queries);
      if (count / seconds < best.queries_per_second) continue;
      best = {.recall = static_cast<double>(found) / static_cast<double>(wanted),
              .queries_per_second = count / seconds,
              .strategies = ""};
      for (const auto& [kind, times] : strategies) {
        best.strategies += fmt::format("{} {} ", NameOf(kind), times);
      }
    }
    return best;
  }

  const Options& options_;
  const BenchVectors& vectors_;
  FlatIndex truth_;
  HnswIndex index_;
  std::mt19937 random_{1};
};

int Run(const Options& options) {
  const size_t count = options.vectors + options.queries;
  const auto vectors = options.texts.empty() ? SyntheticVectors(count, options.dimension)
                                             : EmbeddedTexts(options.model, options.texts, count);
  if (!vectors.ok()) {
    std::cerr << vectors.status() << "\n";
    return 1;
  }
  fmt::print("{} vectors of {} dimensions, sq8, ef {}, {} queries, one thread\n", options.vectors,
             vectors->dimension, options.ef, options.queries);
  FilterBench(options, *vectors).Run();
  return 0;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("Filtered searches, by strategy");
  simile::Options options;
  app.add_option("--model", options.model, "model directory, for --texts");
  app.add_option("--texts", options.texts, ".jsonl with \"text\", or plain lines");
  app.add_option("--dimension", options.dimension, "of synthetic vectors, without --texts");
  app.add_option("--vectors", options.vectors, "vectors in the index");
  app.add_option("--queries", options.queries, "queries")->check(CLI::PositiveNumber);
  app.add_option("--filters", options.filters, "filters for each row")->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "turns; the best counts")->check(CLI::PositiveNumber);
  app.add_option("--ef", options.ef, "candidates of a walk without a filter");
  CLI11_PARSE(app, argc, argv);
  return simile::Run(options);
}
