#include "tests/architecture/include_rules.h"

#include <algorithm>
#include <regex>
#include <string_view>

#include "fmt/format.h"

namespace simile {
namespace {

// The folder of a file, and the folders whose headers it may include beside its own. The longest
// prefix decides. Tests and benches may include everything.
struct FolderRule {
  std::string_view folder;
  std::vector<std::string_view> sees;
};

const std::vector<FolderRule>& FolderRules() {
  static const std::vector<FolderRule> rules = {
      {"base/", {}},
      {"storage/", {"base/"}},
      {"filter/", {"base/"}},
      {"index/", {"base/"}},
      {"embedder/", {"base/"}},
      {"server/engine/", {"base/", "storage/", "filter/", "index/", "embedder/"}},
      {"server/rpc/", {"base/", "server/engine/", "storage/", "filter/", "index/", "embedder/"}},
      {"server/",
       {"base/", "server/rpc/", "server/engine/", "storage/", "filter/", "index/", "embedder/"}},
      {"client/cli/", {"base/", "client/"}},
      {"client/", {}},
  };
  return rules;
}

// A library's headers, and the only places that may include them.
struct LibraryRule {
  std::string_view header;
  std::vector<std::string_view> seen_by;
};

const std::vector<LibraryRule>& LibraryRules() {
  static const std::vector<LibraryRule> rules = {
      {"rocksdb/", {"storage/"}},
      {"hnswlib", {"index/hnswlib_index.cc"}},
      {"roaring", {"filter/"}},
      {"grpcpp/", {"server/rpc/", "client/"}},
      {"grpc/", {"server/rpc/", "client/"}},
      {"google/protobuf", {"server/rpc/", "client/"}},
      {"simile/v1/", {"server/rpc/", "client/"}},
      {"google_rpc/", {"server/rpc/", "client/"}},
      {"grpc_health/", {"server/rpc/", "client/"}},
      {"nlohmann/", {"embedder/", "client/cli/"}},
      {"CLI/", {"client/cli/", "server/options.cc", "server/offline_commands.cc"}},
      {"spdlog/", {"server/"}},
      {"openssl/", {"base/"}},
      {"hwy/", {"embedder/", "index/"}},
      {"absl/strings/str", {}},      // Debian's absl::string_view is not the standard's.
      {"absl/synchronization", {}},  // Gives false alarms under TSan.
  };
  return rules;
}

bool StartsWithAny(std::string_view text, const std::vector<std::string_view>& prefixes) {
  return std::ranges::any_of(prefixes,
                             [text](std::string_view prefix) { return text.starts_with(prefix); });
}

bool IsProjectHeader(std::string_view header) {
  return std::ranges::any_of(ProjectFolders(), [header](const std::string& folder) {
    return header.starts_with(folder + "/");
  });
}

bool MayInclude(const SourceFile& file, std::string_view header) {
  for (const LibraryRule& rule : LibraryRules()) {
    if (header.starts_with(rule.header)) return StartsWithAny(file.path, rule.seen_by);
  }
  if (!IsProjectHeader(header)) return true;
  for (const FolderRule& rule : FolderRules()) {
    if (!file.path.starts_with(rule.folder)) continue;
    // Its own folder, but not a folder below that has a rule of its own.
    for (const FolderRule& owner : FolderRules()) {
      if (!header.starts_with(owner.folder)) continue;
      return owner.folder == rule.folder || StartsWithAny(owner.folder, rule.sees);
    }
    return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> ForbiddenIncludes(const SourceFile& file) {
  if (file.path.starts_with("tests/") || file.path.starts_with("bench/")) return {};
  static const std::regex include(R"re(^\s*#\s*include\s*[<"]([^>"]+)[>"])re");
  std::vector<std::string> found;
  for (const std::string& line : LinesOf(file.content)) {
    std::smatch match;
    if (!std::regex_search(line, match, include)) continue;
    const std::string header = match[1];
    if (!MayInclude(file, header)) {
      found.push_back(fmt::format("{} must not include {}", file.path, header));
    }
  }
  return found;
}

}  // namespace simile
