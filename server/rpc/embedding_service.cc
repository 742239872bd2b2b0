#include "server/rpc/embedding_service.h"

#include <optional>
#include <string_view>
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

absl::StatusOr<v1::EmbedResponse> EmbedTexts(const Database& database,
                                             const v1::EmbedRequest& request, EncodeLane lane,
                                             const CallContext& context) {
  const auto model = database.models().Find(request.model());
  if (!model.ok()) return InField("model", model.status());
  if (absl::Status s = CheckBatchSize(request.texts_size(), "texts"); !s.ok()) return s;
  const ModelInfo& info = (*model)->encoder().info();
  const auto prompt = PromptText(info, request.prompt());
  if (!prompt.ok()) return prompt.status();
  if (request.dimensions() > info.dimension) {
    return InvalidField("dimensions", fmt::format("{} dimensions are asked for; model '{}' has {}",
                                                  request.dimensions(), info.name, info.dimension));
  }
  std::vector<absl::Status> statuses;
  std::vector<std::string_view> texts;
  for (const std::string& text : request.texts()) {
    const std::string field = fmt::format("texts[{}]", statuses.size());
    statuses.push_back(InField(field, CheckText(text)));
    if (statuses.back().ok()) texts.push_back(text);
  }
  EncodeResult encoded;
  Stopwatch embed_watch;
  if (!texts.empty()) {
    auto result = (*model)->Encode(texts, {.lane = lane,
                                           .prompt = *prompt,
                                           .dimensions = request.dimensions(),
                                           .deadline = context.deadline,
                                           .cancelled = context.cancelled});
    if (!result.ok()) return WithRetryIfFull(result.status());
    encoded = *std::move(result);
  }
  v1::EmbedResponse response;
  size_t next = 0;
  for (const absl::Status& status : statuses) {
    v1::EmbedResponse::Result& result = *response.add_results();
    if (!status.ok()) {
      *result.mutable_status() = ToItemStatus(status);
      continue;
    }
    const Embedding& embedding = encoded.embeddings[next++];
    result.set_float32_le(FloatBytes(embedding.vector));
    result.set_token_count(embedding.token_count);
    result.set_truncated(embedding.truncated);
  }
  response.set_model(info.name);
  response.set_dimension(request.dimensions() > 0 ? request.dimensions()
                                                  : static_cast<uint32_t>(info.dimension));
  ToProto(StageTimings{.embed = embed_watch.Elapsed()}, *response.mutable_timings());
  return response;
}

absl::StatusOr<v1::TokenizeResponse> TokenizeTexts(const Database& database,
                                                   const v1::TokenizeRequest& request) {
  const auto model = database.models().Find(request.model());
  if (!model.ok()) return InField("model", model.status());
  if (absl::Status s = CheckBatchSize(request.texts_size(), "texts"); !s.ok()) return s;
  const Encoder& encoder = (*model)->encoder();
  v1::TokenizeResponse response;
  response.set_model(encoder.info().name);
  for (const std::string& text : request.texts()) {
    if (text.size() > kTextBytesMax) {
      const std::string field = fmt::format("texts[{}]", response.results_size());
      return InvalidField(field, fmt::format("the text has {} bytes; at most {} are allowed",
                                             text.size(), kTextBytesMax));
    }
    const TokenSequence sequence = encoder.tokenizer().Encode(text, encoder.info().tokens_max);
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
