// Answers tokenizer_peers.py: tokenizes the texts of a file on one core.
//   tokenizer_bench MODEL TEXTS
// Says what it is; then per line "ids" answers all ids of all texts, texts separated by -1, and per
// line "SECONDS" tokens/s.
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/text_corpus.h"
#include "embedder/model_loader.h"
#include "fmt/format.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;

void PrintIds(const Encoder& encoder, const std::vector<std::string>& texts) {
  std::string line;
  for (const std::string& text : texts) {
    for (const uint32_t id : encoder.tokenizer().Encode(text, encoder.info().tokens_max).ids) {
      line += std::to_string(id) + " ";
    }
    line += "-1 ";
  }
  std::cout << line << std::endl;
}

double TokensPerSecond(const Encoder& encoder, const std::vector<std::string>& texts,
                       double seconds) {
  size_t tokens = 0;
  const auto start = Clock::now();
  for (;;) {
    for (const std::string& text : texts) {
      tokens += encoder.tokenizer().Encode(text, encoder.info().tokens_max).ids.size();
    }
    const double spent = std::chrono::duration<double>(Clock::now() - start).count();
    if (spent >= seconds) return static_cast<double>(tokens) / spent;
  }
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("Answers tokenizer_peers.py");
  std::string model, texts_path;
  app.add_option("model", model, "model directory")->required();
  app.add_option("texts", texts_path, "lines, or .jsonl with \"text\"")->required();
  CLI11_PARSE(app, argc, argv);
  const std::vector<std::string> texts = simile::ReadCorpus(texts_path, 0);
  const auto encoder = simile::LoadBertEncoder(model, {});
  if (!encoder.ok() || texts.empty()) {
    std::cerr << encoder.status() << "; " << texts.size() << " texts\n";
    return 1;
  }
  std::cout << fmt::format("{} texts", texts.size()) << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "ids") {
      simile::PrintIds(**encoder, texts);
    } else {
      std::cout << simile::TokensPerSecond(**encoder, texts, std::stod(line)) << std::endl;
    }
  }
  return 0;
}
