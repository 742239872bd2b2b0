#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/architecture/include_rules.h"
#include "tests/architecture/source_tree.h"
#include "tests/architecture/style_rules.h"

namespace simile {
namespace {

using ::testing::IsEmpty;

// The whole project against its rules.
class ArchitectureTest : public ::testing::Test {
 protected:
  static const std::vector<SourceFile>& Sources() {
    static const std::vector<SourceFile> files = ReadSourceFiles(SIMILE_SOURCE_DIR, {".h", ".cc"});
    return files;
  }
};

TEST_F(ArchitectureTest, NoFolderIncludesWhatItMustNotSee) {
  ASSERT_GT(Sources().size(), 100u);
  for (const SourceFile& file : Sources()) EXPECT_THAT(ForbiddenIncludes(file), IsEmpty());
}

TEST_F(ArchitectureTest, EveryFileKeepsTheStyle) {
  for (const SourceFile& file : ReadSourceFiles(SIMILE_SOURCE_DIR, {".h", ".cc", ".proto"})) {
    EXPECT_THAT(StyleViolations(file), IsEmpty());
  }
}

TEST_F(ArchitectureTest, HalfOfTheFilesAreShort) {
  std::vector<size_t> sizes;
  for (const SourceFile& file : Sources()) sizes.push_back(LinesOf(file.content).size());
  std::ranges::sort(sizes);
  EXPECT_LE(sizes[sizes.size() / 2], kMedianFileLinesMax);
}

TEST_F(ArchitectureTest, EverySourceIsBuiltBySomeCMakeFile) {
  std::set<std::string> built;
  for (const SourceFile& list : ReadSourceFiles(SIMILE_SOURCE_DIR, {"CMakeLists.txt"})) {
    const std::string folder = std::filesystem::path(list.path).parent_path().string();
    for (const SourceFile& file : Sources()) {
      if (!file.path.starts_with(folder + "/") || !file.path.ends_with(".cc")) continue;
      // Tests are named by their program: name_test.cc by "name" in a list.
      std::string name = file.path.substr(folder.size() + 1);
      if (name.ends_with("_test.cc")) name.resize(name.size() - std::string("_test.cc").size());
      if (list.content.find(name) != std::string::npos) built.insert(file.path);
    }
  }
  for (const SourceFile& file : Sources()) {
    const bool is_shared = file.path.starts_with("tests/support/");
    if (file.path.ends_with(".cc") && !is_shared) {
      EXPECT_TRUE(built.contains(file.path)) << file.path << " is in no CMakeLists.txt";
    }
  }
}

TEST_F(ArchitectureTest, EveryFolderSaysWhatItIs) {
  const std::set<std::string> not_sources = {"build", "models", "data"};
  for (const auto& entry : std::filesystem::directory_iterator(SIMILE_SOURCE_DIR)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory() || name.starts_with('.') || not_sources.contains(name)) continue;
    EXPECT_TRUE(std::filesystem::exists(entry.path() / "README.md")) << entry.path();
  }
  for (const char* name :
       {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"}) {
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(SIMILE_SOURCE_DIR) / name)) << name;
  }
}

TEST_F(ArchitectureTest, ThePagesOfTheFoldersAreShort) {
  for (const SourceFile& file : ReadSourceFiles(SIMILE_SOURCE_DIR, {"README.md"})) {
    EXPECT_LE(LinesOf(file.content).size(), 200u) << file.path;
  }
}

TEST_F(ArchitectureTest, TheTestDataIsSmall) {
  uintmax_t bytes = 0;
  const auto data = std::filesystem::path(SIMILE_SOURCE_DIR) / "tests/testdata";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(data)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  EXPECT_LT(bytes, 3u << 20);
}

}  // namespace
}  // namespace simile
