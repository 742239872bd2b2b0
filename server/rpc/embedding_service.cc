#include "server/rpc/embedding_service.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/validation.h"
#include "server/rpc/convert_document.h"
#include "server/rpc/convert_value.h"
#include "server/rpc/unary_call.h"

namespace simile {
namespace {

// Up to here somebody waits for a few texts; above it is an import, which must not hold up queries,
// neither in the encoder nor by taking the threads of searches while it waits.
constexpr size_t kQueryBytesMax = 64 * 1024;

// None for "": the model's default.
absl::StatusOr<std::optional<std::string>> PromptText(const ModelInfo& model,
                                                      const std::string& name) {
  if (name.empty()) return std::nullopt;
  std::string known;
  for (const Prompt& prompt : model.prompts) {
    if (prompt.name == name) return prompt.text;
    known += (known.empty() ? "'" : ", '") + prompt.name + "'";
  }
  return InvalidField("prompt", fmt::format("model '{}' has no prompt '{}'; it has {}", model.name,
                                            name, known.empty() ? "none" : known));
}

absl::StatusOr<TokenVectors> TokenVectorsFromProto(v1::TokenVectors kind) {
  switch (kind) {
    case v1::TOKEN_VECTORS_UNSPECIFIED:
      return TokenVectors::kNone;
    case v1::TOKEN_VECTORS_INPUT:
      return TokenVectors::kInput;
    case v1::TOKEN_VECTORS_CONTEXTUAL:
      return TokenVectors::kContextual;
    default:
      break;
  }
  return InvalidField("token_vectors",
                      fmt::format("there are no token vectors of kind {}", static_cast<int>(kind)));
}

// What the request asks for beside vectors of its texts.
absl::StatusOr<EncodeOptions> OptionsOf(const v1::EmbedRequest& request, const ModelInfo& model) {
  auto prompt = PromptText(model, request.prompt());
  if (!prompt.ok()) return prompt.status();
  if (request.dimensions() > model.dimension) {
    return InvalidField("dimensions",
                        fmt::format("{} dimensions are asked for; model '{}' has {}",
                                    request.dimensions(), model.name, model.dimension));
  }
  const auto token_vectors = TokenVectorsFromProto(request.token_vectors());
  if (!token_vectors.ok()) return token_vectors.status();
  return EncodeOptions{.prompt = *std::move(prompt),
                       .dimensions = request.dimensions(),
                       .token_vectors = *token_vectors};
}

void ToProto(const Embedding& embedding, const Tokenizer& tokenizer,
             v1::EmbedResponse::Result& result) {
  result.set_float32_le(FloatBytes(embedding.vector));
  result.set_token_count(embedding.token_count);
  result.set_truncated(embedding.truncated);
  const std::span<const float> vectors = embedding.token_vectors;
  for (size_t token = 0; token < embedding.token_ids.size(); ++token) {
    const size_t dimension = vectors.size() / embedding.token_ids.size();
    v1::EmbedResponse::Token& proto = *result.add_tokens();
    proto.set_id(embedding.token_ids[token]);
    proto.set_text(std::string(tokenizer.TokenText(embedding.token_ids[token])));
    proto.set_float32_le(FloatBytes(vectors.subspan(token * dimension, dimension)));
  }
}

absl::StatusOr<v1::EmbedResponse> EmbedTexts(const Database& database,
                                             const v1::EmbedRequest& request, EncodeLane lane,
                                             const CallContext& context) {
  const auto model = database.models().Find(request.model());
  if (!model.ok()) return InField("model", model.status());
  if (absl::Status s = CheckBatchSize(request.texts_size(), "texts"); !s.ok()) return s;
  const Encoder& encoder = (*model)->encoder();
  const ModelInfo& info = encoder.info();
  absl::StatusOr<EncodeOptions> options = OptionsOf(request, info);
  if (!options.ok()) return options.status();
  options->lane = lane;
  options->deadline = context.deadline;
  options->cancelled = context.cancelled;
  std::vector<absl::Status> statuses;
  std::vector<std::string_view> texts;
  for (const std::string& text : request.texts()) {
    const std::string field = fmt::format("texts[{}]", statuses.size());
    statuses.push_back(InField(field, CheckText(text)));
    if (statuses.back().ok()) texts.push_back(text);
  }
  Stopwatch embed_watch;
  const auto encoded = (*model)->Encode(texts, *options);
  if (!encoded.ok()) return WithRetryIfFull(encoded.status());
  v1::EmbedResponse response;
  size_t next = 0;
  for (const absl::Status& status : statuses) {
    v1::EmbedResponse::Result& result = *response.add_results();
    if (status.ok()) {
      ToProto(encoded->embeddings[next++], encoder.tokenizer(), result);
    } else {
      *result.mutable_status() = ToItemStatus(status);
    }
  }
  response.set_model(info.name);
  response.set_dimension(request.dimensions() > 0 ? request.dimensions()
                                                  : static_cast<uint32_t>(info.dimension));
  if (options->token_vectors != TokenVectors::kNone) {
    response.set_token_dimension(static_cast<uint32_t>(info.hidden_size));
  }
  ToProto(StageTimings{.embed = embed_watch.Elapsed()}, *response.mutable_timings());
  return response;
}

absl::StatusOr<v1::TokenizeResponse> TokenizeTexts(const Database& database,
                                                   const v1::TokenizeRequest& request) {
  const auto model = database.models().Find(request.model());
  if (!model.ok()) return InField("model", model.status());
  if (absl::Status s = CheckBatchSize(request.texts_size(), "texts"); !s.ok()) return s;
  const Encoder& encoder = (*model)->encoder();
  const auto named_prompt = PromptText(encoder.info(), request.prompt());
  if (!named_prompt.ok()) return named_prompt.status();
  const std::string prompt = named_prompt->value_or(encoder.info().default_prompt);
  v1::TokenizeResponse response;
  response.set_model(encoder.info().name);
  for (const std::string& text : request.texts()) {
    if (text.size() > kTextBytesMax) {
      const std::string field = fmt::format("texts[{}]", response.results_size());
      return InvalidField(field, fmt::format("the text has {} bytes; at most {} are allowed",
                                             text.size(), kTextBytesMax));
    }
    const TokenSequence sequence =
        encoder.tokenizer().Encode(prompt + text, encoder.info().tokens_max);
    v1::TokenizeResponse::Result& result = *response.add_results();
    result.set_truncated(sequence.truncated);
    for (const uint32_t id : sequence.ids) {
      result.add_ids(id);
      result.add_tokens(std::string(encoder.tokenizer().TokenText(id)));
    }
  }
  return response;
}

}  // namespace

void ToProto(const ModelRegistry& models,
             google::protobuf::RepeatedPtrField<v1::ModelInfo>& proto) {
  for (const std::shared_ptr<EncoderService>& service : models.Services()) {
    ToProto(service->encoder().info(), *proto.Add());
  }
  if (!proto.empty()) proto[0].set_is_default(true);
}

void ToProto(const ModelInfo& info, v1::ModelInfo& model) {
  model.set_name(info.name);
  model.set_dimension(static_cast<uint32_t>(info.dimension));
  model.set_tokens_max(static_cast<uint32_t>(info.tokens_max));
  model.set_architecture(info.architecture);
  model.set_pooling(info.pooling);
  model.set_normalized(info.normalized);
  model.set_parameter_count(info.parameter_count);
  model.set_fingerprint(info.fingerprint);
  model.set_instruction_set(info.instruction_set);
  model.set_precision(info.precision);
  for (const Prompt& prompt : info.prompts) {
    v1::Prompt& proto = *model.add_prompts();
    proto.set_name(prompt.name);
    proto.set_text(prompt.text);
  }
  model.set_default_prompt_text(info.default_prompt);
}

grpc::ServerUnaryReactor* EmbeddingService::Embed(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  const bool is_query = request->Length() <= kQueryBytesMax;
  WorkPool& pool = is_query ? runtime_.search_pool : runtime_.ingest_pool;
  const EncodeLane lane = is_query ? EncodeLane::kQuery : EncodeLane::kIngest;
  return UnaryCall<v1::EmbedRequest, v1::EmbedResponse>::Start(
      runtime_, pool, *context, request, response,
      [this, lane](const auto& message, const CallContext& call) {
        return EmbedTexts(runtime_.database, message, lane, call);
      });
}

grpc::ServerUnaryReactor* EmbeddingService::Tokenize(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return UnaryCall<v1::TokenizeRequest, v1::TokenizeResponse>::Start(
      runtime_, runtime_.search_pool, *context, request, response,
      [this](const auto& message, const CallContext&) {
        return TokenizeTexts(runtime_.database, message);
      });
}

grpc::ServerUnaryReactor* EmbeddingService::ListModels(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return UnaryCall<v1::ListModelsRequest, v1::ListModelsResponse>::Start(
      runtime_, runtime_.search_pool, *context, request, response,
      [this](const auto&, const CallContext&) -> absl::StatusOr<v1::ListModelsResponse> {
        v1::ListModelsResponse models;
        ToProto(runtime_.database.models(), *models.mutable_models());
        return models;
      });
}

}  // namespace simile
