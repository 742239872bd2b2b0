// How fast the encoder is.
//   encoder_bench MODEL                  documents/s by length, on one core
//   encoder_bench MODEL --texts FILE     documents/s of real texts on all cores, tokenizing
//   included encoder_bench MODEL --serve          answers encoder_peers.py on standard input
#include <chrono>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/text_corpus.h"
#include "embedder/encoder.h"
#include "embedder/encoder_service.h"
#include "fmt/format.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kSequences = 32;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The same sequences as encoder_peers.py makes: token ids by a rule, between [CLS] and [SEP].
class FixedBatch {
 public:
  explicit FixedBatch(size_t tokens) {
    constexpr uint32_t kCls = 101, kSep = 102, kFirstWord = 1000, kWords = 29000;
    for (size_t sequence = 0; sequence < kSequences; ++sequence) {
      starts_.push_back(static_cast<uint32_t>(ids_.size()));
      ids_.push_back(kCls);
      for (size_t at = 1; at + 1 < tokens; ++at) {
        const size_t word = (sequence * 7919 + at * 104729) % kWords;
        ids_.push_back(kFirstWord + static_cast<uint32_t>(word));
      }
      ids_.push_back(kSep);
    }
    starts_.push_back(static_cast<uint32_t>(ids_.size()));
  }

  PackedBatch batch() const { return {.ids = ids_, .sequence_start = starts_}; }

 private:
  std::vector<uint32_t> ids_, starts_;
};

// Runs batches of that length for about `seconds`; documents/s, or 0 with a message when it fails.
double Measure(const Encoder& encoder, Encoder::Workspace& workspace, size_t tokens, double seconds,
               std::vector<float>& vectors) {
  const FixedBatch fixed(tokens);
  vectors.resize(kSequences * encoder.info().dimension);
  size_t documents = 0;
  const auto start = Clock::now();
  do {
    if (absl::Status s = encoder.Run(fixed.batch(), workspace, vectors); !s.ok()) {
      std::cerr << s << "\n";
      return 0;
    }
    documents += kSequences;
  } while (SecondsSince(start) < seconds);
  return static_cast<double>(documents) / SecondsSince(start);
}

int PrintTable(const Encoder& encoder) {
  const auto workspace = encoder.NewWorkspace();
  std::vector<float> vectors;
  fmt::print("{}, {} ({}), one core, {} sequences a batch\n", encoder.info().name,
             encoder.info().architecture, encoder.info().instruction_set, kSequences);
  for (const size_t tokens : {16, 32, 64, 128, 256}) {
    Measure(encoder, *workspace, tokens, 0, vectors);
    std::vector<double> rates;
    for (int slice = 0; slice < 5; ++slice) {
      rates.push_back(Measure(encoder, *workspace, tokens, 0.4, vectors));
    }
    fmt::print("{:4} tokens  {:8.1f} documents/s  {:9.0f} tokens/s\n", tokens, Quantile(rates, 0.5),
               Quantile(rates, 0.5) * static_cast<double>(tokens));
  }
  return 0;
}

int EncodeTexts(std::unique_ptr<Encoder> encoder, const std::string& path) {
  const std::vector<std::string> texts = ReadCorpus(path, 0);
  if (texts.empty()) {
    std::cerr << path << " has no texts\n";
    return 1;
  }
  EncoderService service(std::move(encoder), {});
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

// Per line "TOKENS SECONDS", answers documents/s; with 0 seconds, the first vector.
int Serve(const Encoder& encoder) {
  const auto workspace = encoder.NewWorkspace();
  std::vector<float> vectors;
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    size_t tokens = 0;
    double seconds = 0;
    std::istringstream(line) >> tokens >> seconds;
    const double rate = Measure(encoder, *workspace, tokens, seconds, vectors);
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
  simile::EncoderSettings settings;
  app.add_option("model", model, "model directory")->required();
  app.add_option("--texts", texts, "encode this file's texts on all cores");
  app.add_flag("--serve", serve, "answer encoder_peers.py");
  app.add_option("--level", settings.level, "level of the kernels; default: the best")
      ->envname("SIMILE_ENCODER_ISA");
  CLI11_PARSE(app, argc, argv);
  auto encoder = simile::LoadEncoder(model, settings);
  if (!encoder.ok()) {
    std::cerr << encoder.status() << "\n";
    return 1;
  }
  if (serve) return simile::Serve(**encoder);
  if (!texts.empty()) return simile::EncodeTexts(*std::move(encoder), texts);
  return simile::PrintTable(**encoder);
}
