#include "base/kill_point.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace simile {
namespace {

namespace fs = std::filesystem;

// Every death test runs in a process that starts anew, since the environment is read once.
class KillPointTest : public ::testing::Test {
 protected:
  KillPointTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // Comes by `a` twice and by `b` once, then ends by SIGTERM.
  static void PassPoints(const char* kill_at) {
    setenv("SIMILE_KILL_AT", kill_at, /*overwrite=*/1);
    for (const char* name : {"a", "b", "a"}) KillPoint(name);
    raise(SIGTERM);
  }
};

TEST_F(KillPointTest, EndsTheProcessAtTheChosenPass) {
  EXPECT_EXIT(PassPoints("a:2"), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(PassPoints("b:1"), ::testing::KilledBySignal(SIGKILL), "");
}

TEST_F(KillPointTest, LetsGoOnWhatWasNotChosen) {
  for (const char* kill_at : {"", "a", "a:", "a:0", "a:-1", "a:1x", "a:3", "c:1", ":1"}) {
    EXPECT_EXIT(PassPoints(kill_at), ::testing::KilledBySignal(SIGTERM), "") << kill_at;
  }
}

TEST_F(KillPointTest, EveryNameIsOnePlaceOfTheSource) {
  std::string sources;
  for (const char* folder : {"base", "storage", "filter", "index", "embedder", "server"}) {
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(SIMILE_SOURCE_DIR) / folder)) {
      if (entry.path().extension() != ".cc") continue;
      std::ostringstream content;
      content << std::ifstream(entry.path()).rdbuf();
      sources += content.str();
    }
  }
  const auto count_of = [&sources](const std::string& text) {
    size_t count = 0;
    for (size_t at = sources.find(text); at != sources.npos; at = sources.find(text, at + 1)) {
      ++count;
    }
    return count;
  };
  for (const std::string_view name : kKillPoints) {
    EXPECT_EQ(count_of("KillPoint(\"" + std::string(name) + "\");"), 1u) << name;
  }
  EXPECT_EQ(count_of("KillPoint(\""), std::size(kKillPoints)) << "one is not in kKillPoints";
}

}  // namespace
}  // namespace simile
