// What the index finds and how fast, on embeddings of real texts:
//   index_bench MODEL TEXTS [--vectors 20000] [--queries 500]
// TEXTS is a .jsonl file with "text", or plain lines; its last texts are the queries. Embeddings
// are kept beside it in TEXTS.fvecs for the next run.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/text_corpus.h"
#include "embedder/encoder_service.h"
#include "fmt/format.h"
#include "index/vector_index.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;
using Vectors = std::vector<std::vector<float>>;

constexpr size_t kNeighbors = 10;

struct Options {
  std::string model, texts;
  size_t vectors = 20000;
  size_t queries = 500;
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The fvecs format of the field: per vector its dimension as int32, then the floats.
Vectors ReadVectors(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Vectors vectors;
  for (int32_t dimension = 0; file.read(reinterpret_cast<char*>(&dimension), sizeof(dimension));) {
    std::vector<float> vector(static_cast<size_t>(std::clamp(dimension, 0, 65536)));
    const auto bytes = static_cast<std::streamsize>(vector.size() * sizeof(float));
    if (!file.read(reinterpret_cast<char*>(vector.data()), bytes)) break;
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

void WriteVectors(const std::string& path, const Vectors& vectors) {
  std::ofstream file(path, std::ios::binary);
  for (const std::vector<float>& vector : vectors) {
    const auto dimension = static_cast<int32_t>(vector.size());
    file.write(reinterpret_cast<const char*>(&dimension), sizeof(dimension));
    file.write(reinterpret_cast<const char*>(vector.data()),
               static_cast<std::streamsize>(vector.size() * sizeof(float)));
  }
}

absl::StatusOr<Vectors> Embed(const Options& options, size_t count) {
  const std::string kept = options.texts + ".fvecs";
  Vectors vectors = ReadVectors(kept);
  if (vectors.size() >= count)
    return Vectors(vectors.begin(), vectors.begin() + static_cast<ptrdiff_t>(count));
  const std::vector<std::string> texts = ReadCorpus(options.texts, count);
  if (texts.size() < count) {
    return absl::InvalidArgumentError(
        fmt::format("{} has {} texts; {} are needed", options.texts, texts.size(), count));
  }
  auto encoder = LoadEncoder(options.model);
  if (!encoder.ok()) return encoder.status();
  EncoderService service(*std::move(encoder), {});
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  auto result = service.Encode(views, {.lane = EncodeLane::kIngest});
  if (!result.ok()) return result.status();
  vectors.clear();
  for (Embedding& embedding : result->embeddings) vectors.push_back(std::move(embedding.vector));
  WriteVectors(kept, vectors);
  return vectors;
}

double BuildSeconds(VectorIndex& index, const Vectors& vectors, size_t count, size_t threads) {
  const auto start = Clock::now();
  std::atomic<size_t> next{0};
  std::vector<std::thread> builders;
  for (size_t thread = 0; thread < threads; ++thread) {
    builders.emplace_back([&] {
      for (size_t at = next++; at < count; at = next++) {
        if (absl::Status s = index.Upsert(at, vectors[at]); !s.ok()) std::cerr << s << "\n";
      }
    });
  }
  for (std::thread& builder : builders) builder.join();
  return SecondsSince(start);
}

struct SearchFigures {
  double recall = 0;
  double queries_per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

SearchFigures Measure(const VectorIndex& index, const std::vector<SearchAnswer>& truth,
                      std::span<const std::vector<float>> queries, const SearchOptions& options) {
  std::vector<double> times_ms;
  size_t found = 0;
  for (size_t at = 0; at < queries.size(); ++at) {
    const auto start = Clock::now();
    const auto answer = index.Search(queries[at], options);
    times_ms.push_back(1000 * SecondsSince(start));
    std::unordered_set<uint64_t> labels;
    for (const Neighbor& neighbor : answer->neighbors) labels.insert(neighbor.label);
    for (const Neighbor& neighbor : truth[at].neighbors) found += labels.count(neighbor.label);
  }
  double total_ms = 0;
  for (const double time_ms : times_ms) total_ms += time_ms;
  const auto count = static_cast<double>(queries.size());
  return {.recall = static_cast<double>(found) / (count * kNeighbors),
          .queries_per_second = 1000 * count / total_ms,
          .p50_ms = Quantile(times_ms, 0.5),
          .p99_ms = Quantile(times_ms, 0.99)};
}

void Print(const std::string& what, const SearchFigures& figures) {
  fmt::print("{:18}  recall@{} {:.4f}  {:8.0f} queries/s  p50 {:.3f} ms  p99 {:.3f} ms\n", what,
             kNeighbors, figures.recall, figures.queries_per_second, figures.p50_ms,
             figures.p99_ms);
}

int Run(const Options& options) {
  const auto vectors = Embed(options, options.vectors + options.queries);
  if (!vectors.ok()) {
    std::cerr << vectors.status() << "\n";
    return 1;
  }
  const size_t dimension = vectors->front().size();
  const std::span queries = std::span(*vectors).last(options.queries);
  fmt::print("{} vectors of {} dimensions, cosine, {} queries, one thread\n", options.vectors,
             dimension, options.queries);

  const auto flat = NewVectorIndex({.dimension = dimension, .engine = IndexEngine::kFlat});
  BuildSeconds(**flat, *vectors, options.vectors, 1);
  std::vector<SearchAnswer> truth;
  for (const std::vector<float>& query : queries) {
    truth.push_back(*(*flat)->Search(query, {.k = kNeighbors}));
  }
  Print("exact scan", Measure(**flat, truth, queries, {.k = kNeighbors}));

  const IndexSettings settings = {.dimension = dimension, .engine = IndexEngine::kHnswlib};
  for (const size_t threads : {1, 2}) {
    const auto graph = NewVectorIndex(settings);
    const double seconds = BuildSeconds(**graph, *vectors, options.vectors, threads);
    fmt::print("graph built by {} thread(s): {:.1f} s, {:.0f} vectors/s, {:.0f} bytes a vector\n",
               threads, seconds, static_cast<double>(options.vectors) / seconds,
               static_cast<double>((*graph)->Statistics().memory_bytes) /
                   static_cast<double>(options.vectors));
    for (const size_t ef : {16, 32, 64, 96, 128, 256}) {
      const std::string what =
          fmt::format("graph, ef {}{}", ef, ef == settings.ef_search ? " *" : "");
      Print(what, Measure(**graph, truth, queries, {.k = kNeighbors, .ef_search = ef}));
    }
  }
  fmt::print("* the default\n");
  return 0;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("Recall and speed of the index on embeddings of real texts");
  simile::Options options;
  app.add_option("model", options.model, "model directory")->required();
  app.add_option("texts", options.texts, ".jsonl with \"text\", or plain lines")->required();
  app.add_option("--vectors", options.vectors, "vectors in the index");
  app.add_option("--queries", options.queries, "queries")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  return simile::Run(options);
}
