// Our graph on two cores, under inserts, and after many replacements:
//   index_life_bench --model MODEL --texts TEXTS [--vectors 100000]     embeddings of real texts
//   index_life_bench --dimension 128 [--vectors 100000]                 synthetic vectors
#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/bench_vectors.h"
#include "fmt/format.h"
#include "index/flat_index.h"
#include "index/hnsw_index.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kNeighbors = 10;
constexpr size_t kEfSearch = 64;
constexpr size_t kTurns = 5;
constexpr size_t kRounds = 10;

struct Options {
  std::string model, texts;
  size_t dimension = 128;
  size_t vectors = 100'000;
  size_t queries = 1'000;
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::unique_ptr<HnswIndex> NewIndex(const BenchVectors& vectors) {
  const std::span sample = std::span(vectors.floats).first(10'000 * vectors.dimension);
  return std::make_unique<HnswIndex>(IndexSettings{.dimension = vectors.dimension}, sample);
}

void Put(VectorIndex& index, uint64_t label, std::span<const float> vector) {
  if (absl::Status s = index.Upsert(label, vector); !s.ok()) std::cerr << s << "\n";
}

// Inserts [first, end) under labels from 0 on, by so many threads; vectors/s.
double Build(VectorIndex& index, const BenchVectors& vectors, size_t first, size_t end,
             size_t threads) {
  std::atomic<size_t> next{first};
  const auto start = Clock::now();
  std::vector<std::thread> builders;
  for (size_t thread = 0; thread < threads; ++thread) {
    builders.emplace_back([&] {
      for (size_t at = next++; at < end; at = next++) Put(index, at, vectors[at]);
    });
  }
  for (std::thread& builder : builders) builder.join();
  return static_cast<double>(end - first) / SecondsSince(start);
}

struct Figures {
  double recall = 0;
  double queries_per_second = 0;
  size_t rows = 0;  // Of codes that a search compared.
};

using Truth = std::vector<std::vector<uint64_t>>;

Truth ExactAnswers(const VectorIndex& index, const BenchVectors& vectors, size_t first_query,
                   size_t count) {
  Truth truth;
  for (size_t at = 0; at < count; ++at) {
    const auto answer = index.Search(vectors[first_query + at], {.k = kNeighbors, .exact = true});
    std::vector<uint64_t>& labels = truth.emplace_back();
    for (const Neighbor& neighbor : answer->neighbors) labels.push_back(neighbor.label);
  }
  return truth;
}

// Each query `repeats` times, by one thread.
Figures Search(const VectorIndex& index, const BenchVectors& vectors, size_t first_query,
               const Truth& truth, size_t repeats = 3) {
  size_t found = 0, rows = 0;
  const auto start = Clock::now();
  for (size_t at = 0; at < truth.size() * repeats; ++at) {
    const size_t query = at % truth.size();
    const auto answer =
        index.Search(vectors[first_query + query], {.k = kNeighbors, .ef_search = kEfSearch});
    rows += answer->work.codes_compared;
    for (const Neighbor& neighbor : answer->neighbors) {
      found += static_cast<size_t>(std::ranges::count(truth[query], neighbor.label));
    }
  }
  const auto searches = static_cast<double>(truth.size() * repeats);
  return {.recall = static_cast<double>(found) / (searches * kNeighbors),
          .queries_per_second = searches / SecondsSince(start),
          .rows = rows / (truth.size() * repeats)};
}

void TwoCores(const BenchVectors& vectors, const Options& options) {
  const auto one = NewIndex(vectors), two = NewIndex(vectors);
  const double rate_of_one = Build(*one, vectors, 0, options.vectors, 1);
  const double rate_of_two = Build(*two, vectors, 0, options.vectors, 2);
  fmt::print("build: one core {:.0f}/s, two {:.0f}/s ({:.2f} x)\n", rate_of_one, rate_of_two,
             rate_of_two / rate_of_one);
  const Truth truth = ExactAnswers(*one, vectors, options.vectors, options.queries);
  const Figures alone = Search(*one, vectors, options.vectors, truth);
  Figures other;
  std::thread thread([&] { other = Search(*one, vectors, options.vectors, truth); });
  const Figures beside = Search(*one, vectors, options.vectors, truth);
  thread.join();
  const double both = other.queries_per_second + beside.queries_per_second;
  fmt::print("search at ef {}: one core {:.0f}/s, recall {:.4f}; two {:.0f}/s ({:.2f} x)\n",
             kEfSearch, alone.queries_per_second, alone.recall, both,
             both / alone.queries_per_second);
  const Figures of_two = Search(*two, vectors, options.vectors, truth);
  fmt::print("built by two cores: recall {:.4f}\n", of_two.recall);
}

void BesideInserts(const BenchVectors& vectors, const Options& options) {
  const auto index = NewIndex(vectors);
  const size_t half = options.vectors / 2;
  Build(*index, vectors, 0, half, 2);
  const Truth truth = ExactAnswers(*index, vectors, options.vectors, options.queries);
  const Figures alone = Search(*index, vectors, options.vectors, truth);
  std::atomic<bool> searching{true};
  size_t inserted = 0;
  const auto start = Clock::now();
  std::thread writer([&] {
    for (size_t at = half; searching && at < options.vectors; ++at, ++inserted) {
      // Far away, so that the right answers stay what they were.
      std::vector<float> vector(vectors[at].begin(), vectors[at].end());
      for (float& component : vector) component = -component;
      Put(*index, at, vector);
    }
  });
  const Figures beside = Search(*index, vectors, options.vectors, truth, 6);
  const double rate = static_cast<double>(inserted) / SecondsSince(start);
  searching = false;
  writer.join();
  fmt::print(
      "beside {:.0f} inserts/s: {:.0f} searches/s of {:.0f} ({:.2f} x), recall {:.4f} of "
      "{:.4f}\n",
      rate, beside.queries_per_second, alone.queries_per_second,
      beside.queries_per_second / alone.queries_per_second, beside.recall, alone.recall);
}

// Replaces a fifth of the labels ten times, by vectors that were not there before; those labels are
// chosen one by one, or all that are nearest to some places.
void Churn(const BenchVectors& vectors, const Options& options, bool by_clusters) {
  const size_t live = options.vectors / 3;
  const auto index = NewIndex(vectors);
  Build(*index, vectors, 0, live, 1);
  const auto before = ExactAnswers(*index, vectors, options.vectors, options.queries);
  const Figures first = Search(*index, vectors, options.vectors, before);
  std::mt19937_64 random(1);
  std::vector<size_t> holds(live);  // Label to position in `vectors`.
  std::iota(holds.begin(), holds.end(), size_t{0});
  size_t next = live, updates = 0;
  double update_seconds = 0, insert_seconds = 0;
  // An update is compared with inserts into a graph of the same size, in turns.
  const auto growing = NewIndex(vectors);
  Build(*growing, vectors, 0, live, 1);
  const size_t inserts = live / 50;
  for (size_t round = 0; round < kRounds; ++round) {
    std::vector<uint64_t> chosen;
    while (chosen.size() < live / 5) {
      if (!by_clusters) {
        chosen.push_back(random() % live);
        continue;
      }
      const auto around =
          index->Search(vectors[holds[random() % live]], {.k = live / 50, .ef_search = live / 40});
      for (const Neighbor& neighbor : around->neighbors) chosen.push_back(neighbor.label);
    }
    const auto start = Clock::now();
    for (const uint64_t label : chosen) {
      holds[label] = next;
      Put(*index, label, vectors[next]);
      next = next + 1 < options.vectors ? next + 1 : live;
    }
    update_seconds += SecondsSince(start);
    updates += chosen.size();
    const size_t first_insert = live + round * inserts;
    insert_seconds += static_cast<double>(inserts) /
                      Build(*growing, vectors, first_insert, first_insert + inserts, /*threads=*/1);
  }
  const auto fresh = NewIndex(vectors);
  for (uint64_t label = 0; label < live; ++label) Put(*fresh, label, vectors[holds[label]]);
  const Truth truth = ExactAnswers(*fresh, vectors, options.vectors, options.queries);
  // In turns, the best of each.
  Figures after, anew;
  for (size_t turn = 0; turn < kTurns; ++turn) {
    const auto faster = [](const Figures& one, const Figures& other) {
      return one.queries_per_second > other.queries_per_second ? one : other;
    };
    after = faster(after, Search(*index, vectors, options.vectors, truth));
    anew = faster(anew, Search(*fresh, vectors, options.vectors, truth));
  }
  const double update_cost = update_seconds / static_cast<double>(updates) /
                             (insert_seconds / static_cast<double>(inserts * kRounds));
  fmt::print(
      "replaced {} of {} vectors {}: recall {:.4f} before, {:.4f} after, {:.4f} built anew; "
      "{:.0f}/s, built anew {:.0f}/s ({:.2f} x); {} and {} rows; an update costs {:.2f} inserts; "
      "{} dead\n",
      updates, live, by_clusters ? "by clusters" : "one by one", first.recall, after.recall,
      anew.recall, after.queries_per_second, anew.queries_per_second,
      after.queries_per_second / anew.queries_per_second, after.rows, anew.rows, update_cost,
      index->Statistics().removed_count);
}

int Run(const Options& options) {
  const size_t count = options.vectors + options.queries;
  const auto vectors = options.texts.empty() ? SyntheticVectors(count, options.dimension)
                                             : EmbeddedTexts(options.model, options.texts, count);
  if (!vectors.ok()) {
    std::cerr << vectors.status() << "\n";
    return 1;
  }
  fmt::print("{} vectors of {} dimensions, cosine, sq8\n", options.vectors, vectors->dimension);
  TwoCores(*vectors, options);
  BesideInserts(*vectors, options);
  Churn(*vectors, options, false);
  Churn(*vectors, options, true);
  return 0;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("Our graph on two cores, under inserts, and after many replacements");
  simile::Options options;
  app.add_option("--model", options.model, "model directory, for --texts");
  app.add_option("--texts", options.texts, ".jsonl with \"text\", or plain lines");
  app.add_option("--dimension", options.dimension, "of synthetic vectors, without --texts");
  app.add_option("--vectors", options.vectors, "vectors")->check(CLI::Range(20'000, 10'000'000));
  app.add_option("--queries", options.queries, "queries")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  return simile::Run(options);
}
