// Texts to vectors and tokens, through gRPC.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/rpc/rpc_fixture.h"

namespace simile {
namespace {

using ::testing::ElementsAre;

class EmbeddingServiceTest : public RpcFixture {
 protected:
  grpc::Status Embed(const v1::EmbedRequest& request, v1::EmbedResponse& response) {
    return Call(*embedding_, &v1::EmbeddingService::Stub::Embed, request, response);
  }
  grpc::Status Tokenize(const v1::TokenizeRequest& request, v1::TokenizeResponse& response) {
    return Call(*embedding_, &v1::EmbeddingService::Stub::Tokenize, request, response);
  }
};

TEST_F(EmbeddingServiceTest, TextsAreEmbeddedAndTokenizedWithoutBeingStored) {
  v1::EmbedRequest embed;
  embed.add_texts("red apple");
  embed.add_texts("");
  v1::EmbedResponse embedded;
  ASSERT_TRUE(Embed(embed, embedded).ok());
  EXPECT_EQ(embedded.model(), "words");
  EXPECT_EQ(embedded.dimension(), 64u);
  EXPECT_EQ(embedded.results(0).float32_le().size(), 4 * 64u);
  EXPECT_EQ(embedded.results(1).status().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(embedded.results(1).status().field(), "texts[1]");

  v1::TokenizeRequest tokenize;
  tokenize.add_texts("red apple");
  v1::TokenizeResponse tokens;
  ASSERT_TRUE(Tokenize(tokenize, tokens).ok());
  EXPECT_THAT(tokens.results(0).tokens(),
              ElementsAre("[BOUNDARY]", "[WORD]", "[WORD]", "[BOUNDARY]"));
  EXPECT_EQ(tokens.results(0).ids_size(), 4);

  v1::ListModelsResponse models;
  ASSERT_TRUE(Call(*embedding_, &v1::EmbeddingService::Stub::ListModels, {}, models).ok());
  ASSERT_EQ(models.models_size(), 1);
  EXPECT_TRUE(models.models(0).is_default());
}

TEST_F(EmbeddingServiceTest, ANamedPromptIsPutBeforeTheTextAndVectorsAreCut) {
  v1::EmbedRequest request;
  request.add_texts("apple");
  request.set_prompt("finding");
  v1::EmbedResponse prompted, whole, cut;
  ASSERT_TRUE(Embed(request, prompted).ok());
  request.clear_prompt();
  request.set_texts(0, "find apple");
  ASSERT_TRUE(Embed(request, whole).ok());
  EXPECT_EQ(prompted.results(0).float32_le(), whole.results(0).float32_le());
  EXPECT_EQ(prompted.results(0).token_count(), 4u);
  request.set_dimensions(8);
  ASSERT_TRUE(Embed(request, cut).ok());
  EXPECT_EQ(cut.dimension(), 8u);
  EXPECT_EQ(cut.results(0).float32_le().size(), 4 * 8u);

  v1::ListModelsResponse models;
  ASSERT_TRUE(Call(*embedding_, &v1::EmbeddingService::Stub::ListModels, {}, models).ok());
  ASSERT_EQ(models.models(0).prompts_size(), 1);
  EXPECT_EQ(models.models(0).prompts(0).text(), "find ");
}

TEST_F(EmbeddingServiceTest, TokensComeWithTheirVectors) {
  v1::EmbedRequest request;
  request.add_texts("river bank");
  request.add_texts("");
  request.add_texts("loan bank");
  request.set_dimensions(8);
  request.set_token_vectors(v1::TOKEN_VECTORS_CONTEXTUAL);
  v1::EmbedResponse contextual, input, none;
  ASSERT_TRUE(Embed(request, contextual).ok());
  request.set_token_vectors(v1::TOKEN_VECTORS_INPUT);
  ASSERT_TRUE(Embed(request, input).ok());
  request.clear_token_vectors();
  ASSERT_TRUE(Embed(request, none).ok());

  EXPECT_EQ(contextual.token_dimension(), 64u);
  EXPECT_EQ(none.token_dimension(), 0u);
  EXPECT_EQ(none.results(0).tokens_size(), 0);
  EXPECT_EQ(contextual.results(1).status().code(), grpc::StatusCode::INVALID_ARGUMENT);
  const auto bank = [](const v1::EmbedResponse& response, int text) {
    return response.results(text).tokens(2);
  };
  ASSERT_EQ(contextual.results(0).tokens_size(), 4);
  EXPECT_EQ(bank(contextual, 0).text(), "[WORD]");
  EXPECT_EQ(bank(contextual, 0).id(), bank(contextual, 2).id());
  EXPECT_EQ(bank(contextual, 0).float32_le().size(), 4 * 64u);
  EXPECT_NE(bank(contextual, 0).float32_le(), bank(contextual, 2).float32_le());
  EXPECT_EQ(bank(input, 0).float32_le(), bank(input, 2).float32_le());
  EXPECT_EQ(contextual.results(0).float32_le(), none.results(0).float32_le());
}

TEST_F(EmbeddingServiceTest, TooManyTokensAndUnknownKindsAreRefused) {
  v1::EmbedRequest request;
  for (size_t text = 0; text < kTokenVectorsMax / 4 + 1; ++text) request.add_texts("two words");
  v1::EmbedResponse response;
  ASSERT_TRUE(Embed(request, response).ok());
  request.set_token_vectors(v1::TOKEN_VECTORS_INPUT);
  EXPECT_THAT(Embed(request, response),
              IsError(grpc::StatusCode::INVALID_ARGUMENT, "more than 4096 tokens"));
  request.set_token_vectors(static_cast<v1::TokenVectors>(9));
  const grpc::Status unknown = Embed(request, response);
  EXPECT_THAT(unknown, IsError(grpc::StatusCode::INVALID_ARGUMENT, "of kind 9"));
  EXPECT_EQ(FieldOf(unknown), "token_vectors");
}

TEST_F(EmbeddingServiceTest, TokenizeShowsTheTokensOfThePromptToo) {
  v1::TokenizeRequest request;
  request.add_texts("apple");
  request.set_prompt("finding");
  v1::TokenizeResponse response;
  ASSERT_TRUE(Tokenize(request, response).ok());
  EXPECT_EQ(response.results(0).ids_size(), 4);
  request.set_prompt("unknown");
  EXPECT_THAT(Tokenize(request, response),
              IsError(grpc::StatusCode::INVALID_ARGUMENT, "it has 'finding'"));
}

}  // namespace
}  // namespace simile
