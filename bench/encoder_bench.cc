// How fast the encoder is.
//   encoder_bench MODEL                  by level and length on one core: documents/s, and which
//                                        share of the core's peak each stage reaches
//   encoder_bench MODEL --threads 2      several threads against one
//   encoder_bench MODEL --texts FILE     documents/s of real texts on all cores, from the text on
//   encoder_bench MODEL --serve          answers encoder_peers.py on standard input
#include <array>
#include <chrono>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/fixed_batch.h"
#include "bench/peak_flops.h"
#include "bench/text_corpus.h"
#include "embedder/encoder_service.h"
#include "embedder/model_loader.h"
#include "fmt/format.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kSequences = 32;
constexpr std::array<size_t, 4> kLengths = {16, 32, 128, 256};
constexpr int kRounds = 7;
constexpr double kSliceSeconds = 0.2;
constexpr size_t kStages = static_cast<size_t>(BertEncoder::Stage::kPool) + 1;
constexpr std::array<const char*, kStages> kStageNames = {"embed", "project", "attend", "join",
                                                          "widen", "narrow",  "norm",   "pool"};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Sums up the time that each stage takes.
class StageTimes final : public BertEncoder::Observer {
 public:
  void AfterStage(BertEncoder::Stage stage) override {
    const auto now = Clock::now();
    seconds_[static_cast<size_t>(stage)] += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

  void Restart() { last_ = Clock::now(); }
  double seconds(size_t stage) const { return seconds_[stage]; }

 private:
  Clock::time_point last_ = Clock::now();
  std::array<double, kStages> seconds_ = {};
};

// Multiply-adds of each stage for `sequences` of `tokens`, as operations; 0 for those that multiply
// no matrices.
std::array<double, kStages> StageFlops(const ModelConfig& model, size_t sequences, size_t tokens) {
  const double hidden = static_cast<double>(model.hidden_size);
  const double wide = static_cast<double>(model.intermediate_size);
  const double each = 2.0 * static_cast<double>(sequences * tokens * model.layer_count);
  return {0,
          each * hidden * 3 * hidden,
          each * 2 * static_cast<double>(tokens) * hidden,
          each * hidden * hidden,
          each * hidden * wide,
          each * wide * hidden,
          0,
          0};
}

// What one core does with batches of one length.
struct Measurement {
  double documents_per_second = 0;
  double share_of_peak = 0;
  std::array<double, kStages> time_share = {};
  std::array<double, kStages> share_of_peak_by_stage = {};
};

// The peak is measured before each slice, since a shared core's clock is not always the same.
Measurement Measure(const BertEncoder& encoder, size_t tokens) {
  const auto workspace = encoder.NewWorkspace();
  const FixedBatch fixed(std::vector<size_t>(kSequences, tokens));
  std::vector<float> vectors(kSequences * encoder.info().dimension);
  const auto flops = StageFlops(encoder.config(), kSequences, tokens);
  double all_flops = 0;
  for (const double stage : flops) all_flops += stage;
  std::vector<double> rates, shares;
  std::array<std::vector<double>, kStages> time_shares, stage_shares;
  for (int round = 0; round < kRounds; ++round) {
    const double peak = MeasurePeakFlops(encoder.info().instruction_set);
    StageTimes times;
    double batches = 0;
    const auto start = Clock::now();
    do {
      times.Restart();
      if (!encoder.RunObserved(fixed.batch(), *workspace, vectors, times).ok()) return {};
      ++batches;
    } while (SecondsSince(start) < kSliceSeconds);
    const double seconds = SecondsSince(start);
    rates.push_back(batches * kSequences / seconds);
    shares.push_back(peak > 0 ? batches * all_flops / seconds / peak : 0);
    for (size_t stage = 0; stage < kStages; ++stage) {
      time_shares[stage].push_back(times.seconds(stage) / seconds);
      const bool counts = peak > 0 && times.seconds(stage) > 0;
      stage_shares[stage].push_back(counts ? batches * flops[stage] / times.seconds(stage) / peak
                                           : 0);
    }
  }
  Measurement median{.documents_per_second = Quantile(rates, 0.5),
                     .share_of_peak = Quantile(shares, 0.5)};
  for (size_t stage = 0; stage < kStages; ++stage) {
    median.time_share[stage] = Quantile(time_shares[stage], 0.5);
    median.share_of_peak_by_stage[stage] = Quantile(stage_shares[stage], 0.5);
  }
  return median;
}

void PrintLevel(const BertEncoder& encoder) {
  const std::string& level = encoder.info().instruction_set;
  fmt::print("\n{} ({}); peak of its instruction {:.0f} GFLOP/s\n", level, encoder.info().precision,
             MeasurePeakFlops(level) * 1e-9);
  fmt::print("tokens  documents/s   tokens/s  of peak |  share of the time (share of the peak)\n");
  for (const size_t tokens : kLengths) {
    const Measurement measured = Measure(encoder, tokens);
    fmt::print("{:6} {:12.1f} {:10.0f} {:8.2f} |", tokens, measured.documents_per_second,
               measured.documents_per_second * static_cast<double>(tokens), measured.share_of_peak);
    for (size_t stage = 0; stage < kStages; ++stage) {
      fmt::print("  {} {:.0f} %", kStageNames[stage], 100 * measured.time_share[stage]);
      const double share = measured.share_of_peak_by_stage[stage];
      if (share > 0) fmt::print(" ({:.2f})", share);
    }
    fmt::print("\n");
  }
}

int PrintTables(const std::string& model, const EncoderSettings& settings) {
  std::vector<std::string> levels = {settings.level};
  if (settings.level.empty()) {
    levels = EncoderLevels();
    std::erase(levels, "scalar");  // An oracle: a minute per line.
  }
  for (const std::string& level : levels) {
    const auto encoder = LoadBertEncoder(model, {.level = level});
    if (!encoder.ok()) {
      std::cerr << encoder.status() << "\n";
      return 1;
    }
    if (level == levels.front()) {
      fmt::print("{}, one core, {} sequences a batch\n", (*encoder)->info().name, kSequences);
    }
    PrintLevel(**encoder);
  }
  return 0;
}

// Runs batches of those lengths for about `seconds`; documents/s, or 0 when it fails.
double Rate(const Encoder& encoder, Encoder::Workspace& workspace,
            const std::vector<FixedBatch>& batches, double seconds, std::vector<float>& vectors) {
  size_t documents = 0;
  const auto start = Clock::now();
  do {
    for (const FixedBatch& fixed : batches) {
      vectors.resize(fixed.batch().sequence_count() * encoder.info().dimension);
      if (absl::Status s = encoder.Run(fixed.batch(), workspace, vectors); !s.ok()) {
        std::cerr << s << "\n";
        return 0;
      }
      documents += fixed.batch().sequence_count();
    }
  } while (SecondsSince(start) < seconds);
  return static_cast<double>(documents) / SecondsSince(start);
}

double RateOfThreads(const Encoder& encoder, size_t tokens, size_t threads) {
  std::vector<double> rates(threads);
  std::vector<std::thread> running;
  for (size_t thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      const auto workspace = encoder.NewWorkspace();
      std::vector<float> vectors;
      std::vector<FixedBatch> batches;
      batches.emplace_back(std::vector<size_t>(kSequences, tokens));
      Rate(encoder, *workspace, batches, 0, vectors);
      rates[thread] = Rate(encoder, *workspace, batches, 2 * kSliceSeconds, vectors);
    });
  }
  double sum = 0;
  for (size_t thread = 0; thread < threads; ++thread) {
    running[thread].join();
    sum += rates[thread];
  }
  return sum;
}

int PrintScaling(const Encoder& encoder, size_t threads) {
  fmt::print("{} ({})\ntokens  1 thread: documents/s  {} threads  ratio\n", encoder.info().name,
             encoder.info().instruction_set, threads);
  for (const size_t tokens : kLengths) {
    std::vector<double> one, all, ratios;
    for (int round = 0; round < kRounds; ++round) {
      one.push_back(RateOfThreads(encoder, tokens, 1));
      all.push_back(RateOfThreads(encoder, tokens, threads));
      ratios.push_back(all.back() / one.back());
    }
    fmt::print("{:6} {:22.1f} {:10.1f} {:6.2f}\n", tokens, Quantile(one, 0.5), Quantile(all, 0.5),
               Quantile(ratios, 0.5));
  }
  return 0;
}

int EncodeTexts(std::unique_ptr<Encoder> encoder, const std::string& path, size_t threads) {
  const std::vector<std::string> texts = ReadCorpus(path, 0);
  if (texts.empty()) {
    std::cerr << path << " has no texts\n";
    return 1;
  }
  EncoderService service(std::move(encoder), {.threads = threads});
  constexpr size_t kTextsPerCall = 1024;
  const auto start = Clock::now();
  for (size_t first = 0; first < texts.size(); first += kTextsPerCall) {
    const size_t end = std::min(first + kTextsPerCall, texts.size());
    const std::vector<std::string_view> call(texts.begin() + static_cast<ptrdiff_t>(first),
                                             texts.begin() + static_cast<ptrdiff_t>(end));
    if (const auto result = service.Encode(call, {.lane = EncodeLane::kIngest}); !result.ok()) {
      std::cerr << result.status() << "\n";
      return 1;
    }
  }
  const double seconds = SecondsSince(start);
  const EncoderStatistics statistics = service.Statistics();
  fmt::print("{} texts, {} tokens, {} threads: {:.1f} documents/s\n", texts.size(),
             statistics.tokens_encoded, statistics.threads,
             static_cast<double>(texts.size()) / seconds);
  return 0;
}

// The protocol of encoder_peers.py: says what it is, then per line "SECONDS BATCH LENGTH..."
// answers documents/s; with 0 seconds, the first vector. A batch is BATCH sequences.
int Serve(const Encoder& encoder) {
  const auto workspace = encoder.NewWorkspace();
  std::vector<float> vectors;
  std::cout << encoder.info().name << " at " << encoder.info().instruction_set << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    double seconds = 0;
    size_t batch_size = 0;
    words >> seconds >> batch_size;
    std::vector<size_t> lengths;
    for (size_t length = 0; words >> length;) lengths.push_back(length);
    std::vector<FixedBatch> batches;
    for (size_t first = 0; first < lengths.size(); first += batch_size) {
      const std::span<const size_t> rest = std::span(lengths).subspan(first);
      batches.emplace_back(rest.first(std::min(batch_size, rest.size())), first);
    }
    if (seconds == 0) batches.resize(1, batches.front());
    const double rate = Rate(encoder, *workspace, batches, seconds, vectors);
    if (seconds > 0) {
      std::cout << rate << std::endl;
      continue;
    }
    for (size_t i = 0; i < encoder.info().dimension; ++i) std::cout << vectors[i] << " ";
    std::cout << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("How fast the encoder is");
  std::string model, texts;
  bool serve = false;
  size_t threads = 0;
  simile::EncoderSettings settings;
  app.add_option("model", model, "model directory")->required();
  app.add_option("--texts", texts, "encode this file's texts on all cores");
  app.add_option("--threads", threads, "compare so many threads with one; with --texts: use them");
  app.add_flag("--serve", serve, "answer encoder_peers.py");
  app.add_option("--level", settings.level, "level of the kernels; default: the best, or all")
      ->envname("SIMILE_ENCODER_ISA");
  CLI11_PARSE(app, argc, argv);
  if (!serve && texts.empty() && threads == 0) return simile::PrintTables(model, settings);
  auto encoder = simile::LoadEncoder(model, settings);
  if (!encoder.ok()) {
    std::cerr << encoder.status() << "\n";
    return 1;
  }
  if (serve) return simile::Serve(**encoder);
  if (!texts.empty()) return simile::EncodeTexts(*std::move(encoder), texts, threads);
  return simile::PrintScaling(**encoder, threads);
}
