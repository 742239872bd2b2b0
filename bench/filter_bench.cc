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

class PassingLabels final : public LabelFilter {
 public:
  PassingLabels(std::vector<bool> passes)
      : passes_(std::move(passes)),
        count_(static_cast<size_t>(std::ranges::count(passes_, true))) {}
  bool Contains(uint64_t label) const override { return passes_[label]; }
  size_t count() const override { return count_; }

 private:
  const std::vector<bool> passes_;
  const size_t count_;
};

PassingLabels RandomFilter(size_t vectors, double share, std::mt19937& random) {
  std::vector<bool> passes(vectors);
  std::bernoulli_distribution draw(share);
  for (size_t at = 0; at < vectors; ++at) passes[at] = draw(random);
  return PassingLabels(std::move(passes));
}

PassingLabels ClusteredFilter(const FlatIndex& truth, std::span<const float> centre, size_t vectors,
                              double share) {
  std::vector<bool> passes(vectors);
  const auto count = static_cast<size_t>(std::ceil(share * static_cast<double>(vectors)));
  const auto nearest = truth.Search(centre, {.k = count});
  for (const Neighbor& neighbor : nearest->neighbors) passes[neighbor.label] = true;
  return PassingLabels(std::move(passes));
}

struct Measured {
  double recall = 0;
  double queries_per_second = 0;
  double walks = 0;  // Share of the queries that a walk answered.
};

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
    fmt::print("{:>9} {:>6}  {:>24}  {:>24}  {:>32}\n", "", "passes", "scan: recall, /s",
               "walk: recall, /s", "chosen: recall, /s, walks");
    for (const bool clustered : {false, true}) {
      for (const double share : {0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5}) Row(clustered, share);
    }
  }

 private:
  void Row(bool clustered, double share) {
    std::vector<PassingLabels> filters;
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
    const Measured scan = Measure(filters, expected, SearchStrategy::kExactScan);
    const Measured walk = Measure(filters, expected, SearchStrategy::kGraph);
    const Measured chosen = Measure(filters, expected, std::nullopt);
    fmt::print("{:>9} {:5.1f}%  {:14.4f} {:9.0f}  {:14.4f} {:9.0f}  {:14.4f} {:9.0f} {:7.2f}\n",
               clustered ? "clustered" : "random", 100 * share, scan.recall,
               scan.queries_per_second, walk.recall, walk.queries_per_second, chosen.recall,
               chosen.queries_per_second, chosen.walks);
    std::fflush(stdout);
  }

  std::span<const float> Query(size_t at) const { return vectors_[options_.vectors + at]; }

  Measured Measure(const std::vector<PassingLabels>& filters,
                   const std::vector<std::vector<uint64_t>>& expected,
                   std::optional<SearchStrategy> strategy) {
    Measured best;
    for (size_t round = 0; round < options_.rounds; ++round) {
      size_t found = 0, wanted = 0, walks = 0;
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
        walks += answers[at].strategy == SearchStrategy::kGraph ? 1 : 0;
        for (const Neighbor& neighbor : answers[at].neighbors) {
          found += static_cast<size_t>(std::ranges::count(expected[at], neighbor.label));
        }
      }
      const auto count = static_cast<double>(options_.queries);
      if (count / seconds < best.queries_per_second) continue;
      best = {.recall = static_cast<double>(found) / static_cast<double>(wanted),
              .queries_per_second = count / seconds,
              .walks = static_cast<double>(walks) / count};
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
