#include <iostream>
#include <vector>

#include "embedder/encoder_service.h"

int main(int, char** arguments) {
  auto encoder = simile::LoadEncoder(arguments[1]);
  if (!encoder.ok()) return std::cerr << encoder.status() << "\n", 1;
  simile::EncoderService service(*std::move(encoder), {});
  const std::vector<std::string_view> texts = {"hello world", "the red apple"};
  const auto result = service.Encode(texts, {});
  if (!result.ok()) return std::cerr << result.status() << "\n", 1;
  for (const simile::Embedding& embedding : result->embeddings) {
    std::cout << embedding.vector.size() << " floats, first " << embedding.vector[0] << "\n";
  }
}
