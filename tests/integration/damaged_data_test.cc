// The real server on damaged files: it starts, the damaged collection says why it has failed, the
// other one serves, and the offline check names the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/server_process.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(DamagedDataTest, AServerWithAMissingTableServesTheOtherCollectionAndNamesTheDamage) {
  const TemporaryDirectory directory;
  const std::string data = directory.path() + "/data";
  const auto import = [](const ServerProcess& server, const std::string& name) {
    ASSERT_EQ(server.Run({"collection", "create", name, "--dimension", "2"}).exit_code, 0);
    ASSERT_EQ(server
                  .Run({"import", name, "-", "--format", "jsonl"}, R"({"id":"a","vector":[1,0]})"
                                                                   "\n")
                  .exit_code,
              0);
  };
  {
    ServerProcess server(data);
    ASSERT_TRUE(server.serving()) << server.log();
    import(server, "hurt");
    EXPECT_EQ(server.Stop(), 0);
  }
  EXPECT_EQ(RunCommand({ServerBinary(), "check", "--data-dir", data}).exit_code, 0);
  {
    // A start writes tables of the log.
    ServerProcess server(data);
    ASSERT_TRUE(server.serving()) << server.log();
    EXPECT_EQ(server.Stop(), 0);
  }
  std::string removed;
  for (const auto& entry : fs::directory_iterator(data + "/rocksdb")) {
    if (entry.path().extension() != ".sst") continue;
    const CommandResult before = RunCommand({ServerBinary(), "check", "--data-dir", data});
    ASSERT_EQ(before.exit_code, 0) << before.output;
    const fs::path aside = directory.path() + "/aside";
    fs::rename(entry.path(), aside);
    const CommandResult check = RunCommand({ServerBinary(), "check", "--data-dir", data});
    EXPECT_EQ(check.exit_code, 1);
    EXPECT_THAT(check.output, HasSubstr(entry.path().string()));
    if (check.output.find("(vectors;") != std::string::npos) {
      EXPECT_THAT(check.output, HasSubstr("collection 'hurt': 1 of 1 documents affected"));
      removed = entry.path().stem();
      break;
    }
    fs::rename(aside, entry.path());
  }
  ASSERT_NE(removed, "");
  ServerProcess server(data);
  ASSERT_TRUE(server.serving()) << server.log();
  const auto shown = nlohmann::json::parse(server.Run({"collection", "show", "hurt"}).output);
  EXPECT_EQ(shown["state"], "failed");
  EXPECT_THAT(shown.dump(), HasSubstr(removed));
  EXPECT_THAT(server.Run({"search", "hurt", "--vector", "[1,0]"}).errors, HasSubstr(removed));
  EXPECT_THAT(server.log(), AllOf(HasSubstr("laxer checks"), HasSubstr(removed)));
  const CommandResult verified = server.Run({"verify"});
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.errors, AllOf(HasSubstr(removed), HasSubstr("'hurt': 1 of 1 documents")));
  EXPECT_EQ(nlohmann::json::parse(verified.output)["good"], false);
  import(server, "well");
  EXPECT_THAT(server.Run({"search", "well", "--vector", "[1,0]"}).output, HasSubstr("a"));
  EXPECT_EQ(server.Stop(), 0);
}

// Flips one byte in the middle of the only log that is not empty.
std::string DamageLog(const std::string& data) {
  for (const auto& entry : fs::directory_iterator(data + "/rocksdb")) {
    if (entry.path().extension() != ".log" || entry.file_size() == 0) continue;
    std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(entry.file_size() / 2));
    const int byte = file.peek();
    file.put(static_cast<char>(~byte));
    return entry.path();
  }
  return "";
}

TEST(DamagedDataTest, ADamagedLogIsRefusedAndRecoveredAfterSayingWhatIsDropped) {
  const TemporaryDirectory directory;
  const std::string data = directory.path() + "/data";
  constexpr int kDocuments = 50;
  {
    ServerProcess server(data);
    ASSERT_TRUE(server.serving()) << server.log();
    ASSERT_EQ(server.Run({"collection", "create", "notes", "--dimension", "2"}).exit_code, 0);
    for (int number = 0; number < kDocuments; ++number) {
      ASSERT_EQ(server
                    .Run({"import", "notes", "-", "--format", "jsonl"},
                         R"({"id":"n)" + std::to_string(number) + R"(","vector":[1,0]})" + "\n")
                    .exit_code,
                0);
    }
    EXPECT_EQ(server.Stop(), 0);
  }
  const std::vector<std::string> recover = {ServerBinary(), "recover", "--data-dir", data};
  EXPECT_EQ(RunCommand(recover).exit_code, 0);
  const std::string log = DamageLog(data);
  ASSERT_NE(log, "");
  const CommandResult start = RunCommand({ServerBinary(), "--data-dir", data});
  EXPECT_EQ(start.exit_code, 1);
  EXPECT_THAT(start.errors, AllOf(HasSubstr(log), HasSubstr("simile-server recover")));
  const CommandResult plan = RunCommand(recover);
  EXPECT_EQ(plan.exit_code, 1);
  EXPECT_THAT(plan.output,
              AllOf(HasSubstr(log), HasSubstr("dropped of collection 'notes'"), HasSubstr(" more"),
                    HasSubstr("would be left"), HasSubstr("nothing was changed")));
  EXPECT_EQ(RunCommand({ServerBinary(), "--data-dir", data}).exit_code, 1);
  std::vector<std::string> apply = recover;
  apply.push_back("--apply");
  const CommandResult applied = RunCommand(apply);
  EXPECT_EQ(applied.exit_code, 0) << applied.output << applied.errors;
  EXPECT_THAT(applied.output, HasSubstr(data + "/recovered-"));
  ServerProcess server(data);
  ASSERT_TRUE(server.serving()) << server.log();
  const auto shown = nlohmann::json::parse(server.Run({"collection", "show", "notes"}).output);
  EXPECT_EQ(shown["state"], "ready");
  const std::string count = shown["document_count"].dump();
  EXPECT_THAT(applied.output, HasSubstr("collection 'notes': " + count + " documents"));
  EXPECT_THAT(server.Run({"search", "notes", "--vector", "[1,0]"}).output, HasSubstr("n0"));
  EXPECT_EQ(server.Stop(), 0);
}

}  // namespace
}  // namespace simile
