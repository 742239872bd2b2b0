// Memory of the encoder under texts of all lengths.
#include <gtest/gtest.h>
#include <malloc.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "embedder/encoder_service.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace simile {
namespace {

// What malloc has given out and not taken back.
size_t BytesInUse() {
  const struct mallinfo2 usage = mallinfo2();
  return usage.uordblks + usage.hblkhd;
}

class EncoderMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef SIMILE_SANITIZED
    GTEST_SKIP() << "the sanitizer has an allocator of its own";
#endif
    WriteTinyModel(directory_.path() + "/tiny");
    auto encoder = LoadEncoder(directory_.path() + "/tiny");
    ASSERT_THAT(encoder, IsOk());
    service_ = std::make_unique<EncoderService>(
        *std::move(encoder), EncoderServiceOptions{.threads = 2, .query_cache_entries_max = 50});
  }

  void EncodeRandomTexts(int calls) {
    for (int call = 0; call < calls; ++call) {
      std::vector<std::string> texts(1 + random_() % 40);
      for (std::string& text : texts) {
        const size_t length = random_() % 120;
        for (size_t at = 0; at < length; ++at) text += static_cast<char>("ab c "[random_() % 5]);
      }
      const std::vector<std::string_view> views(texts.begin(), texts.end());
      const EncodeLane lane = call % 2 == 0 ? EncodeLane::kQuery : EncodeLane::kIngest;
      ASSERT_THAT(service_->Encode(views, {.lane = lane}), IsOk());
    }
  }

  TemporaryDirectory directory_;
  std::mt19937 random_{17};
  std::unique_ptr<EncoderService> service_;
};

TEST_F(EncoderMemoryTest, DoesNotGrowWithTheTextsThatWereEncoded) {
  // Until each worker has met a batch as large as they come: its memory stays as large.
  EncodeRandomTexts(5'000);
  const size_t before = BytesInUse();
  EncodeRandomTexts(5'000);
  // Less than a byte for each of the 100,000 texts.
  EXPECT_LE(BytesInUse(), before + 64 * 1024);
}

}  // namespace
}  // namespace simile
