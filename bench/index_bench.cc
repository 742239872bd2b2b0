// Our graph beside hnswlib on the same vectors, in turns, one thread:
//   index_bench --model MODEL --texts TEXTS [--vectors 200000]     embeddings of real texts
//   index_bench --dimension 128 [--vectors 200000]                 synthetic vectors
// Each engine builds a graph of m = 16, ef_construction = 200. Then, for each ef, every engine
// answers the same queries, in turns; queries/s at a recall are read off between two ef.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/bench_vectors.h"
#include "bench/hnswlib_yardstick.h"
#include "fmt/format.h"
#include "index/hnsw_index.h"
#include "index/vector_index.h"

namespace simile {
namespace {

constexpr size_t kNeighbors = 10;
constexpr size_t kM = 16;
constexpr size_t kEfConstruction = 200;
constexpr size_t kSampleVectors = 10'000;
constexpr char kYardstick[] = "hnswlib";

struct Options {
  std::string model, texts;
  size_t dimension = 128;
  size_t vectors = 200'000;
  size_t queries = 1'000;
  size_t rounds = 3;
  bool euclidean = false;
  std::vector<std::string> engines = {kYardstick, "sq8", "sq4", "float32"};
};

double ThreadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// An engine under one name.
struct Engine {
  std::string name;
  std::function<void(uint64_t label, std::span<const float> vector)> add;
  std::function<void(size_t ef)> set_ef;
  std::function<std::vector<uint64_t>(std::span<const float> query)> search;
  std::function<double()> bytes_per_vector;
};

Engine Yardstick(const Options& options, size_t dimension) {
  const auto graph = std::make_shared<HnswlibYardstick>(dimension, options.euclidean,
                                                        options.vectors, kM, kEfConstruction);
  return {.name = kYardstick,
          .add = [graph](uint64_t label, auto vector) { graph->Add(label, vector); },
          .set_ef = [graph](size_t ef) { graph->SetEf(ef); },
          .search = [graph](auto query) { return graph->Search(query, kNeighbors); },
          .bytes_per_vector = [graph] { return static_cast<double>(graph->bytes_per_vector()); }};
}

Engine Ours(const Options& options, const BenchVectors& vectors, const std::string& codes) {
  const size_t dimension = vectors.dimension;
  const IndexSettings settings{.dimension = dimension,
                               .metric = options.euclidean ? Metric::kEuclidean : Metric::kCosine,
                               .codes = codes == "sq4"   ? CodeFormat::kSq4
                                        : codes == "sq8" ? CodeFormat::kSq8
                                                         : CodeFormat::kFloat32,
                               .m = kM,
                               .ef_construction = kEfConstruction};
  const std::span sample = std::span(vectors.floats).first(kSampleVectors * dimension);
  const auto index = std::make_shared<HnswIndex>(settings, sample);
  const auto ef = std::make_shared<size_t>(0);
  return {.name = codes,
          .add =
              [index](uint64_t label, auto vector) {
                if (absl::Status s = index->Upsert(label, vector); !s.ok()) std::cerr << s << "\n";
              },
          .set_ef = [ef](size_t value) { *ef = value; },
          .search =
              [index, ef](auto query) {
                const auto answer = index->Search(query, {.k = kNeighbors, .ef_search = *ef});
                std::vector<uint64_t> labels;
                for (const Neighbor& neighbor : answer->neighbors) labels.push_back(neighbor.label);
                return labels;
              },
          // The float32 components, which are in the store too, are not counted.
          .bytes_per_vector =
              [index, dimension] {
                const IndexStatistics statistics = index->Statistics();
                return static_cast<double>(statistics.memory.total()) /
                           static_cast<double>(statistics.vector_count) -
                       static_cast<double>(dimension * sizeof(float));
              }};
}

struct Point {
  double recall = 0;
  double queries_per_second = 0;
};

// Interpolated on the logarithm of the speed; none when the recall is not reached.
std::optional<double> SpeedAt(double recall, const std::vector<Point>& curve) {
  for (size_t at = 1; at < curve.size(); ++at) {
    const Point& low = curve[at - 1];
    const Point& high = curve[at];
    if (low.recall > recall || high.recall < recall) continue;
    const double share =
        high.recall > low.recall ? (recall - low.recall) / (high.recall - low.recall) : 1;
    return std::exp(std::log(low.queries_per_second) * (1 - share) +
                    std::log(high.queries_per_second) * share);
  }
  if (!curve.empty() && curve.front().recall >= recall) return curve.front().queries_per_second;
  return std::nullopt;
}

std::vector<std::vector<uint64_t>> ExactNeighbors(const Options& options,
                                                  const BenchVectors& vectors) {
  const auto flat =
      NewVectorIndex({.dimension = vectors.dimension,
                      .metric = options.euclidean ? Metric::kEuclidean : Metric::kCosine,
                      .engine = IndexEngine::kFlat});
  for (size_t at = 0; at < options.vectors; ++at) {
    if (absl::Status s = (*flat)->Upsert(at, vectors[at]); !s.ok()) std::cerr << s << "\n";
  }
  std::vector<std::vector<uint64_t>> truth(options.queries);
  const auto answer_every_second = [&](size_t first) {
    for (size_t at = first; at < options.queries; at += 2) {
      const auto answer = (*flat)->Search(vectors[options.vectors + at], {.k = kNeighbors});
      for (const Neighbor& neighbor : answer->neighbors) truth[at].push_back(neighbor.label);
    }
  };
  std::thread other(answer_every_second, 1);
  answer_every_second(0);
  other.join();
  return truth;
}

Point Measure(const Engine& engine, const Options& options, const BenchVectors& vectors,
              const std::vector<std::vector<uint64_t>>& truth) {
  size_t found = 0;
  const double start = ThreadSeconds();
  std::vector<std::vector<uint64_t>> answers;
  for (size_t at = 0; at < options.queries; ++at) {
    answers.push_back(engine.search(vectors[options.vectors + at]));
  }
  const double seconds = ThreadSeconds() - start;
  for (size_t at = 0; at < options.queries; ++at) {
    for (const uint64_t label : truth[at]) found += std::ranges::count(answers[at], label);
  }
  const auto count = static_cast<double>(options.queries);
  return {.recall = static_cast<double>(found) / (count * kNeighbors),
          .queries_per_second = count / seconds};
}

using Curves = std::map<std::string, std::vector<Point>>;

Curves MeasureAll(const std::vector<Engine>& engines, const Options& options,
                  const BenchVectors& vectors, const std::vector<std::vector<uint64_t>>& truth) {
  Curves curves;
  for (const size_t ef : {10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640}) {
    std::map<std::string, Point> best;
    for (size_t round = 0; round < options.rounds; ++round) {
      for (const Engine& engine : engines) {
        engine.set_ef(ef);
        const Point point = Measure(engine, options, vectors, truth);
        Point& kept = best[engine.name];
        if (point.queries_per_second > kept.queries_per_second) kept = point;
      }
    }
    fmt::print("ef {:3}", ef);
    for (const Engine& engine : engines) {
      const Point& point = best[engine.name];
      curves[engine.name].push_back(point);
      fmt::print("   {} {:.4f} {:6.0f}/s", engine.name, point.recall, point.queries_per_second);
    }
    fmt::print("\n");
    std::fflush(stdout);
  }
  return curves;
}

void PrintRatios(const std::vector<Engine>& engines, const Curves& curves) {
  fmt::print("{:8}  {:>24}  {:>24}  {:>24}\n", "", "recall .90", "recall .95", "recall .99");
  for (const Engine& engine : engines) {
    fmt::print("{:8}", engine.name);
    for (const double recall : {0.90, 0.95, 0.99}) {
      const auto speed = SpeedAt(recall, curves.at(engine.name));
      const auto yardstick = curves.contains(kYardstick) ? SpeedAt(recall, curves.at(kYardstick))
                                                         : std::optional<double>();
      fmt::print("  {:>24}", !speed.has_value() ? "not reached"
                             : yardstick.has_value()
                                 ? fmt::format("{:.0f}/s ({:.2f} x)", *speed, *speed / *yardstick)
                                 : fmt::format("{:.0f}/s", *speed));
    }
    fmt::print("\n");
  }
}

int Run(const Options& options) {
  const size_t count = options.vectors + options.queries;
  const auto vectors = options.texts.empty() ? SyntheticVectors(count, options.dimension)
                                             : EmbeddedTexts(options.model, options.texts, count);
  if (!vectors.ok()) {
    std::cerr << vectors.status() << "\n";
    return 1;
  }
  fmt::print("{} vectors of {} dimensions, {}, {} queries, one thread\n", options.vectors,
             vectors->dimension, options.euclidean ? "Euclidean" : "cosine", options.queries);
  std::vector<Engine> engines;
  double yardstick_rate = 0, yardstick_bytes = 0;
  for (const std::string& name : options.engines) {
    engines.push_back(name == kYardstick ? Yardstick(options, vectors->dimension)
                                         : Ours(options, *vectors, name));
    const double start = ThreadSeconds();
    for (size_t at = 0; at < options.vectors; ++at) engines.back().add(at, (*vectors)[at]);
    const double rate = static_cast<double>(options.vectors) / (ThreadSeconds() - start);
    const double bytes = engines.back().bytes_per_vector();
    if (name == kYardstick) {
      yardstick_rate = rate;
      yardstick_bytes = bytes;
    }
    fmt::print("{:8}  built at {:.0f} vectors/s ({:.2f} x), {:.0f} bytes a vector ({:.2f} x)\n",
               name, rate, rate / yardstick_rate, bytes, bytes / yardstick_bytes);
    std::fflush(stdout);
  }
  const auto truth = ExactNeighbors(options, *vectors);
  PrintRatios(engines, MeasureAll(engines, options, *vectors, truth));
  return 0;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("Our graph beside hnswlib");
  simile::Options options;
  app.add_option("--model", options.model, "model directory, for --texts");
  app.add_option("--texts", options.texts, ".jsonl with \"text\", or plain lines");
  app.add_option("--dimension", options.dimension, "of synthetic vectors, without --texts");
  app.add_option("--vectors", options.vectors, "vectors in the index");
  app.add_option("--queries", options.queries, "queries")->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "turns; the best counts")->check(CLI::PositiveNumber);
  app.add_option("--engines", options.engines,
                 "hnswlib, sq8, sq4, float32; the first is compared with")
      ->check(CLI::IsMember({"hnswlib", "sq8", "sq4", "float32"}));
  app.add_flag("--euclidean", options.euclidean, "instead of cosine");
  CLI11_PARSE(app, argc, argv);
  return simile::Run(options);
}
