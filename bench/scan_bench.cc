// Exact scans by codes: the queries of a batch in one pass against each in its own, in turns:
//   scan_bench --model MODEL --texts TEXTS     embeddings of real texts
//   scan_bench --dimension 384                 synthetic vectors
// First whole searches, k 10, with what is compared by float32; then the narrowing alone, for each
// level of kernels that this machine has. One thread, processor time, the best of the rounds.
#include <time.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/bench_vectors.h"
#include "fmt/format.h"
#include "index/batch_scan.h"
#include "index/code_scan.h"
#include "index/flat_index.h"
#include "index/hnsw_index.h"

namespace simile {
namespace {

using index_internal::AllCodeKernels;
using index_internal::BatchScan;
using index_internal::CodeKernels;
using index_internal::CodeScan;
using index_internal::HnswGraph;
using index_internal::kRowsMax;
using index_internal::Quantizer;
using index_internal::WalkScratch;

constexpr size_t kNeighbors = 10;
constexpr size_t kSampleVectors = 10'000;
constexpr size_t kQueriesMax = 32;

struct Options {
  std::string model, texts;
  size_t dimension = 384;
  size_t rounds = 15;
  std::vector<size_t> sizes = {1'000, 4'000, 20'000};
  std::vector<size_t> batches = {2, 4, 8, 16, 32};
  bool euclidean = false;
};

double ThreadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Microseconds that each of some ways takes, in turns.
std::vector<double> Microseconds(const std::vector<std::function<void()>>& ways, size_t rounds) {
  std::vector<double> best(ways.size(), std::numeric_limits<double>::infinity());
  for (size_t round = 0; round < rounds; ++round) {
    for (size_t way = 0; way < ways.size(); ++way) {
      const double start = ThreadSeconds();
      ways[way]();
      best[way] = std::min(best[way], 1e6 * (ThreadSeconds() - start));
    }
  }
  return best;
}

class ScanBench {
 public:
  ScanBench(const Options& options, const BenchVectors& vectors)
      : options_(options), vectors_(vectors) {}

  void Run() {
    for (const size_t size : options_.sizes) {
      RunFloat32(size);
      for (const CodeFormat codes : {CodeFormat::kSq8, CodeFormat::kSq4}) {
        RunSearches(codes, size);
        for (const CodeKernels& kernels : AllCodeKernels()) RunScans(codes, size, kernels);
      }
    }
  }

 private:
  Metric metric() const { return options_.euclidean ? Metric::kEuclidean : Metric::kCosine; }
  std::span<const float> Sample() const {
    return std::span(vectors_.floats).first(kSampleVectors * vectors_.dimension);
  }
  std::span<const float> Query(size_t at) const {
    return vectors_[vectors_.size() - kQueriesMax + at];
  }
  static const char* NameOf(CodeFormat codes) { return codes == CodeFormat::kSq8 ? "sq8" : "sq4"; }

  // `best`: all queries one by one, and then each batch.
  void Print(const std::string& name, size_t size, const std::vector<double>& best) const {
    const double one = best.front() / kQueriesMax;
    fmt::print("{:6} {:20} one {:7.2f} us", size, name, one);
    for (size_t at = 0; at < options_.batches.size(); ++at) {
      const auto queries = static_cast<double>(options_.batches[at]);
      fmt::print("   {:2} {:7.2f} ({:5.2f} x)", options_.batches[at], best[at + 1] / queries,
                 one * queries / best[at + 1]);
    }
    fmt::print("\n");
    std::fflush(stdout);
  }

  void RunIndex(const std::string& name, size_t size, VectorIndex& index) {
    for (size_t at = 0; at < size; ++at) {
      if (absl::Status s = index.Upsert(at, vectors_[at]); !s.ok()) std::cerr << s << "\n";
    }
    std::vector<BatchQuery> queries;
    for (size_t at = 0; at < kQueriesMax; ++at) {
      queries.push_back({.vector = Query(at), .options = {.k = kNeighbors, .exact = true}});
    }
    std::vector<std::function<void()>> ways = {[&] {
      for (const BatchQuery& query : queries) {
        if (!index.Search(query.vector, query.options).ok()) std::cerr << "no answer\n";
      }
    }};
    for (const size_t count : options_.batches) {
      ways.emplace_back([&, count] {
        const auto answers = index.SearchBatch(std::span(queries).first(count));
        if (!answers.back().ok()) std::cerr << "no answer\n";
      });
    }
    Print(name, size, Microseconds(ways, options_.rounds));
  }

  void RunFloat32(size_t size) {
    FlatIndex index(metric(), vectors_.dimension);
    RunIndex("float32", size, index);
  }

  void RunSearches(CodeFormat codes, size_t size) {
    HnswIndex index({.dimension = vectors_.dimension,
                     .metric = metric(),
                     .codes = codes,
                     .m = 4,
                     .ef_construction = 8},
                    Sample());
    RunIndex(fmt::format("{} search", NameOf(codes)), size, index);
  }

  void RunScans(CodeFormat codes, size_t size, const CodeKernels& kernels) {
    const Quantizer quantizer(codes, vectors_.dimension, Sample(), kernels);
    HnswGraph graph({.dimension = vectors_.dimension, .euclidean = options_.euclidean}, quantizer,
                    nullptr, kernels);
    std::vector<uint32_t> slots(size);
    for (uint32_t slot = 0; slot < size; ++slot) {
      slots[slot] = slot;
      if (absl::Status s = graph.Place(slot, slot, vectors_[slot]); !s.ok()) std::cerr << s << "\n";
    }
    const auto offer_all = [&](auto& scan) {
      for (size_t first = 0; first < size; first += kRowsMax) {
        scan.Offer(std::span(slots).subspan(first, std::min(kRowsMax, size - first)));
      }
    };
    std::vector<BatchScan::Query> queries(kQueriesMax);
    for (size_t at = 0; at < kQueriesMax; ++at) {
      queries[at].k = kNeighbors;
      quantizer.EncodeQuery(Query(at).data(), queries[at].code);
    }
    size_t left = 0;
    std::vector<std::function<void()>> ways = {[&] {
      for (const BatchScan::Query& query : queries) {
        CodeScan scan(graph, query.code, query.k, WalkScratch::OfThisThread());
        offer_all(scan);
        left += scan.Take().size();
      }
    }};
    for (const size_t count : options_.batches) {
      ways.emplace_back([&, count] {
        BatchScan scan(graph, {queries.begin(), queries.begin() + static_cast<ptrdiff_t>(count)});
        offer_all(scan);
        for (size_t at = 0; at < count; ++at) left += scan.Take(at).size();
      });
    }
    Print(fmt::format("{} {}", NameOf(codes), kernels.level), size,
          Microseconds(ways, options_.rounds));
    if (left == 0) std::cerr << "nothing was near\n";
  }

  const Options& options_;
  const BenchVectors& vectors_;
};

int Run(const Options& options) {
  const size_t count =
      std::max(kSampleVectors, *std::ranges::max_element(options.sizes)) + kQueriesMax;
  const auto vectors = options.texts.empty() ? SyntheticVectors(count, options.dimension)
                                             : EmbeddedTexts(options.model, options.texts, count);
  if (!vectors.ok()) {
    std::cerr << vectors.status() << "\n";
    return 1;
  }
  fmt::print("{} dimensions, {}, k {}, one thread; us a query, by queries of a batch\n",
             vectors->dimension, options.euclidean ? "Euclidean" : "cosine", kNeighbors);
  ScanBench(options, *vectors).Run();
  return 0;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("Exact scans of batches");
  simile::Options options;
  app.add_option("--model", options.model, "model directory, for --texts");
  app.add_option("--texts", options.texts, ".jsonl with \"text\", or plain lines");
  app.add_option("--dimension", options.dimension, "of synthetic vectors, without --texts");
  app.add_option("--sizes", options.sizes, "vectors that are scanned");
  app.add_option("--batches", options.batches, "queries of a batch")
      ->check(CLI::Range(size_t{1}, simile::kQueriesMax));
  app.add_option("--rounds", options.rounds, "turns; the best counts")->check(CLI::PositiveNumber);
  app.add_flag("--euclidean", options.euclidean, "instead of cosine");
  CLI11_PARSE(app, argc, argv);
  return simile::Run(options);
}
