#include "tests/architecture/style_rules.h"

#include <algorithm>
#include <regex>

#include "fmt/format.h"
#include "tests/architecture/code_text.h"

namespace simile {
namespace {

struct ForbiddenText {
  std::regex pattern;
  std::string why;
  std::string allowed_in;  // A regular expression over paths; empty: nowhere.
};

const std::vector<ForbiddenText>& ForbiddenCode() {
  static const std::vector<ForbiddenText> rules = {
      {std::regex(R"(\busing namespace\b)"), "names come one by one", ""},
      {std::regex(R"(\bthrow\b)"), "errors are absl::Status", ""},
      {std::regex(R"(\bcatch \(\.\.\.\))"), "name what is caught", "^server/rpc/call_start\\.cc$"},
      {std::regex(R"(\b(std::)?(rand|srand|strtok|gets|sprintf|strcpy|strcat|system)\s*\()"),
       "a safe function exists", ""},
      {std::regex(R"((^|[^.\w])(exit|abort|_exit|quick_exit)\s*\()"), "a process ends in main()",
       "^tests/.*crash_writer\\.cc$|^tests/support/child_process\\.cc$"},
      {std::regex(R"(\babsl::(StrCat|StrFormat|Mutex|string_view)\b)"),
       "Debian's Abseil has types of its own: use fmt and std", ""},
      {std::regex(R"(\bstd::cout\b)"), "standard output carries data of the command line only",
       "^client/cli/|^server/|^bench/|^tests/.*/consumer/|^tests/embedder/library_example\\.cc$"},
      {std::regex(R"(\b(printf|puts)\s*\()"), "logs go through spdlog, data through streams",
       "^bench/"},
      {std::regex(R"(\bsleep_for\s*\()"), "waiting is for conditions, not for time",
       "^client/|^server/rpc/rpc_server\\.cc$|^tests/|^bench/"},
      {std::regex(R"(\bdelete\s+(?!this\b)[a-z_(*])"), "ownership is unique_ptr", ""},
      {std::regex(R"(\b(class|struct)\s+\w*(Manager|Helper|Utils?)\b)"), "say what it does instead",
       ""},
  };
  return rules;
}

void CheckLines(const SourceFile& file, std::vector<std::string>& found) {
  static const std::regex unfinished(R"(\b(TODO|FIXME|HACK)\b)");
  const std::vector<std::string> lines = LinesOf(file.content);
  if (lines.size() > kFileLinesMax) {
    found.push_back(
        fmt::format("{} has {} lines; a file may have {}", file.path, lines.size(), kFileLinesMax));
  }
  for (size_t at = 0; at < lines.size(); ++at) {
    const std::string place = fmt::format("{}:{}", file.path, at + 1);
    // Bytes of one character beyond ASCII count once.
    const auto columns = static_cast<size_t>(std::ranges::count_if(
        lines[at], [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    if (columns > kColumnsMax) {
      found.push_back(
          fmt::format("{} has {} columns; a line may have {}", place, columns, kColumnsMax));
    }
    if (lines[at].find('\t') != std::string::npos) found.push_back(place + " has a tab");
    if (lines[at].ends_with(' ')) found.push_back(place + " ends with a blank");
    if (std::regex_search(lines[at], unfinished) && !file.path.starts_with("tests/architecture/")) {
      found.push_back(place + " is unfinished");
    }
  }
}

void CheckCode(const SourceFile& file, std::vector<std::string>& found) {
  const std::string code = WithoutCommentsAndStrings(file.content);
  for (const FunctionExtent& function : FunctionsOf(code)) {
    if (function.line_count <= kFunctionLinesMax) continue;
    found.push_back(fmt::format("{}:{} begins a function of {} lines; one may have {}", file.path,
                                function.first_line, function.line_count, kFunctionLinesMax));
  }
  const std::vector<std::string> lines = LinesOf(code);
  for (const ForbiddenText& rule : ForbiddenCode()) {
    if (!rule.allowed_in.empty() && std::regex_search(file.path, std::regex(rule.allowed_in))) {
      continue;
    }
    for (size_t at = 0; at < lines.size(); ++at) {
      std::smatch match;
      if (!std::regex_search(lines[at], match, rule.pattern)) continue;
      found.push_back(fmt::format("{}:{} has '{}': {}", file.path, at + 1, match.str(), rule.why));
    }
  }
}

void CheckGuard(const SourceFile& file, std::vector<std::string>& found) {
  std::string guard = "SIMILE_" + file.path + "_";
  for (char& c : guard) {
    c = std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::toupper(c)) : '_';
  }
  // The part of the server's folder is in the path, so that every guard is the file's own.
  if (!file.content.starts_with(fmt::format("#ifndef {0}\n#define {0}\n", guard)) ||
      !file.content.ends_with(fmt::format("#endif  // {}\n", guard))) {
    found.push_back(fmt::format("{} must be guarded by {}", file.path, guard));
  }
}

}  // namespace

std::vector<std::string> StyleViolations(const SourceFile& file) {
  std::vector<std::string> found;
  CheckLines(file, found);
  if (file.path.ends_with(".h") || file.path.ends_with(".cc")) CheckCode(file, found);
  if (file.path.ends_with(".h")) CheckGuard(file, found);
  return found;
}

}  // namespace simile
