// Whether the encoder's memory grows: texts of random length on both lanes for a long time.
//   encoder_soak MODEL TEXTS [--minutes 60]
// TEXTS (lines, or .jsonl with "text") give the words. Prints a line per sixtieth of the time.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/text_corpus.h"
#include "embedder/encoder_service.h"
#include "fmt/format.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;

double ResidentMebibytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0, resident_pages = 0;
  file >> pages >> resident_pages;
  return resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

// One to 4,000 characters, short ones as often as long ones.
std::string RandomText(const std::vector<std::string>& texts, std::mt19937& random) {
  const double exponent = std::uniform_real_distribution<double>(0, std::log(4'000.0))(random);
  const size_t length = static_cast<size_t>(std::exp(exponent)) + 1;
  std::string text;
  while (text.size() < length) text += texts[random() % texts.size()] + " ";
  // Corpora may hold more than ASCII: cut before the first byte of a character.
  size_t end = length;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  return text.substr(0, end);
}

int Soak(std::unique_ptr<Encoder> encoder, const std::vector<std::string>& corpus, double minutes) {
  EncoderService service(std::move(encoder), {});
  std::mt19937 random(1);
  const std::chrono::duration<double> line_time(minutes);  // A sixtieth of the minutes in seconds.
  const auto start = Clock::now();
  fmt::print("seconds       texts  resident MiB\n");
  for (int line = 0; line <= 60; ++line) {
    fmt::print("{:7.0f} {:11} {:13.1f}\n",
               std::chrono::duration<double>(Clock::now() - start).count(),
               service.Statistics().texts_encoded, ResidentMebibytes());
    std::cout.flush();
    while (Clock::now() < start + (line + 1) * line_time) {
      std::vector<std::string> texts(1 + random() % 64);
      for (std::string& text : texts) text = RandomText(corpus, random);
      const std::vector<std::string_view> views(texts.begin(), texts.end());
      const auto lane = random() % 2 == 0 ? EncodeLane::kQuery : EncodeLane::kIngest;
      if (const auto result = service.Encode(views, {.lane = lane}); !result.ok()) {
        std::cerr << result.status() << "\n";
        return 1;
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("Whether the encoder's memory grows");
  std::string model, texts;
  double minutes = 60;
  app.add_option("model", model, "model directory")->required();
  app.add_option("texts", texts, "words: lines, or .jsonl with \"text\"")->required();
  app.add_option("--minutes", minutes, "how long");
  CLI11_PARSE(app, argc, argv);
  const std::vector<std::string> corpus = simile::ReadCorpus(texts, 10'000);
  auto encoder = simile::LoadEncoder(model);
  if (!encoder.ok() || corpus.empty()) {
    std::cerr << encoder.status() << "; " << corpus.size() << " texts\n";
    return 1;
  }
  return simile::Soak(*std::move(encoder), corpus, minutes);
}
