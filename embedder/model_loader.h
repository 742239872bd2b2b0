#ifndef SIMILE_EMBEDDER_MODEL_LOADER_H_
#define SIMILE_EMBEDDER_MODEL_LOADER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "embedder/bert_encoder.h"
#include "embedder/encoder.h"
#include "embedder/model_config.h"
#include "embedder/wordpiece_tokenizer.h"

namespace simile {

// As LoadEncoder, for tests and benches that look inside.
absl::StatusOr<std::unique_ptr<BertEncoder>> LoadBertEncoder(const std::string& model_directory,
                                                             const EncoderSettings& settings);

// SHA-256 over everything that decides a vector, in hex; embedder/README.md has the bytes.
std::string ModelFingerprint(const ModelConfig& config, const WordpieceSettings& tokenizer,
                             std::string_view weights);

}  // namespace simile

#endif  // SIMILE_EMBEDDER_MODEL_LOADER_H_
