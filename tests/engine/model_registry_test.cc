// Models that come and go while the server runs.
#include "server/engine/model_registry.h"

#include <filesystem>

#include "server/engine/limits.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/tiny_model.h"

namespace simile {
namespace {

constexpr absl::StatusCode kPrecondition = absl::StatusCode::kFailedPrecondition;

class ModelRegistryTest : public EngineFixture {
 protected:
  void SetUp() override {
    WriteTinyModel(models() + "/small", {.seed = 1});
    WriteTinyModel(models() + "/other", {.seed = 2, .pooling = "cls"});
    OpenWith(models());
  }

  // With the model "words" as the default.
  void OpenWith(const std::string& models_directory) {
    database_.reset();
    auto store =
        Store::Open({.data_directory = directory_.path() + "/data", .free_disk_bytes_min = 0});
    ASSERT_THAT(store, IsOk());
    auto registry = std::make_unique<ModelRegistry>(
        ModelRegistryOptions{.models_directory = models_directory, .service = {.threads = 1}});
    ASSERT_THAT(registry->Add(std::make_unique<EncoderService>(
                    std::make_unique<HashingEncoder>("words", kDimension, kTokensMax, "first"),
                    EncoderServiceOptions{.threads = 1})),
                IsOk());
    database_ = std::make_unique<Database>(*std::move(store), std::move(registry),
                                           DatabaseOptions{.load_threads = 1});
    database_->Load();
  }

  std::string models() const { return directory_.path() + "/models"; }

  CollectionState StateOf(const std::string& name) const {
    return (*database_->Find(name))->Describe().state;
  }
};

TEST_F(ModelRegistryTest, EachCollectionUsesTheModelItNames) {
  ASSERT_THAT(database_->LoadModel("small"), IsOk());
  ASSERT_THAT(database_->LoadModel("other"), IsOk());
  for (const std::string name : {"small", "other"}) {
    const auto collection = Create({.name = "of_" + name, .model = name});
    Put(*collection, {Text("a", "hello"), Text("b", "world")});
    EXPECT_EQ(IdsOf(Search(*collection, TextQuery("world"))).front(), "b");
    EXPECT_EQ(collection->Describe().record.model_name, name);
  }
  EXPECT_EQ(database_->models().Services().size(), 3u);
}

TEST_F(ModelRegistryTest, ANameThatLeavesTheDirectoryIsRefused) {
  WriteTinyModel(directory_.path() + "/outside");
  for (const std::string name : {"../outside", "..", ".", "", "/etc", "a/../../outside", "a\\b"}) {
    EXPECT_THAT(database_->LoadModel(name),
                StatusIs(absl::StatusCode::kInvalidArgument, "one path component"))
        << name;
  }
}

TEST_F(ModelRegistryTest, AModelThatIsNotThereIsRefusedWithThoseThatAre) {
  EXPECT_THAT(database_->LoadModel("smal"),
              StatusIs(absl::StatusCode::kNotFound, "'other', 'small'"));
}

TEST_F(ModelRegistryTest, AModelThatIsLoadedIsNotLoadedAgain) {
  ASSERT_THAT(database_->LoadModel("small"), IsOk());
  EXPECT_THAT(database_->LoadModel("small"),
              StatusIs(absl::StatusCode::kAlreadyExists, "'small' is loaded already"));
}

TEST_F(ModelRegistryTest, WithoutAModelsDirectoryNothingIsLoadedByName) {
  OpenWith("");
  EXPECT_THAT(database_->LoadModel("small"), StatusIs(kPrecondition, "--models-dir DIR"));
}

TEST_F(ModelRegistryTest, ADamagedModelIsRefusedAndNamesTheFile) {
  std::filesystem::resize_file(models() + "/small/model.safetensors", 1000);
  EXPECT_THAT(database_->LoadModel("small"),
              StatusIs(absl::StatusCode::kDataLoss, "small/model.safetensors"));
  EXPECT_EQ(database_->models().Services().size(), 1u);
}

TEST_F(ModelRegistryTest, ThereAreAtMostSoManyModels) {
  for (size_t count = 1; count <= kModelsMax; ++count) {
    const std::string name = "m" + std::to_string(count);
    WriteTinyModel(models() + "/" + name);
    if (count < kModelsMax) {
      ASSERT_THAT(database_->LoadModel(name), IsOk());
    } else {
      EXPECT_THAT(database_->LoadModel(name),
                  StatusIs(absl::StatusCode::kResourceExhausted, "8 models are loaded"));
    }
  }
}

TEST_F(ModelRegistryTest, AModelInUseAndTheDefaultStay) {
  ASSERT_THAT(database_->LoadModel("small"), IsOk());
  Create({.name = "docs", .model = "small"});
  EXPECT_THAT(database_->UnloadModel("small"),
              StatusIs(kPrecondition, "'docs' uses model 'small'"));
  EXPECT_THAT(database_->UnloadModel("words"), StatusIs(kPrecondition, "default"));
  ASSERT_THAT(database_->DropCollection("docs"), IsOk());
  EXPECT_THAT(database_->UnloadModel("small"), IsOk());
  EXPECT_THAT(database_->UnloadModel("small"), StatusIs(absl::StatusCode::kNotFound, "'words'"));
  EXPECT_THAT(database_->CreateCollection({.name = "docs", .model = "small"}),
              StatusIs(absl::StatusCode::kNotFound, "'small'"));
}

TEST_F(ModelRegistryTest, AtTheNextStartTheModelOfACollectionIsLoadedAgain) {
  ASSERT_THAT(database_->LoadModel("small"), IsOk());
  Put(*Create({.name = "docs", .model = "small"}), {Text("a", "hello")});
  OpenWith(models());
  EXPECT_THAT(IdsOf(Search(**database_->Find("docs"), TextQuery("hello"))),
              ::testing::ElementsAre("a"));
}

TEST_F(ModelRegistryTest, ACollectionThatFailedForWantOfItsModelOpensWhenItIsLoaded) {
  ASSERT_THAT(database_->LoadModel("small"), IsOk());
  Put(*Create({.name = "docs", .model = "small"}), {Text("a", "hello")});
  database_.reset();
  std::filesystem::rename(models() + "/small", models() + "/away");
  OpenWith(models());
  EXPECT_EQ(StateOf("docs"), CollectionState::kFailed);
  EXPECT_THAT(Search(**database_->Find("docs"), TextQuery("hello")),
              StatusIs(kPrecondition, "there is no model 'small'"));

  std::filesystem::rename(models() + "/away", models() + "/small");
  ASSERT_THAT(database_->LoadModel("small"), IsOk());
  while (StateOf("docs") == CollectionState::kLoading) std::this_thread::yield();
  EXPECT_THAT(IdsOf(Search(**database_->Find("docs"), TextQuery("hello"))),
              ::testing::ElementsAre("a"));
}

}  // namespace
}  // namespace simile
