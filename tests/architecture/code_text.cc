#include "tests/architecture/code_text.h"

#include <algorithm>
#include <cctype>
#include <regex>
#include <string_view>

namespace simile {
namespace {

// Where the literal or comment that begins at `at` ends; `at` when none begins there.
size_t EndOfSkipped(std::string_view code, size_t at) {
  const std::string_view rest = code.substr(at);
  const auto end_after = [&](std::string_view mark, size_t from) {
    const size_t found = code.find(mark, from);
    return found == std::string_view::npos ? code.size() : found + mark.size();
  };
  if (rest.starts_with("//")) return std::min(code.find('\n', at), code.size());
  if (rest.starts_with("/*")) return end_after("*/", at + 2);
  if (rest.starts_with("R\"")) {
    const size_t open = code.find('(', at);
    const std::string close = ")" + std::string(code.substr(at + 2, open - at - 2)) + "\"";
    return end_after(close, open);
  }
  // A quote behind a digit separates thousands.
  const bool is_separator =
      rest.front() == '\'' && at > 0 && std::isalnum(static_cast<unsigned char>(code[at - 1]));
  if ((rest.front() != '"' && rest.front() != '\'') || is_separator) return at;
  size_t end = at + 1;
  while (end < code.size() && code[end] != rest.front()) end += code[end] == '\\' ? 2 : 1;
  return std::min(end + 1, code.size());
}

bool OpensScope(const std::string& head) {
  static const std::regex scope(R"((^|[^\w])(namespace|class|struct|union|enum|extern)\b)");
  const bool has_parameters = head.find('(') != std::string::npos;
  // A macro without a semicolon may stand before a namespace.
  static const std::regex type_first(R"(^\s*(class|struct|union|enum)\b|(^|\s)namespace\b)");
  return std::regex_search(head, has_parameters ? type_first : scope);
}

}  // namespace

std::string WithoutCommentsAndStrings(const std::string& code) {
  std::string bare = code;
  for (size_t at = 0; at < code.size();) {
    const size_t end = EndOfSkipped(code, at);
    for (size_t skipped = at; skipped < end; ++skipped) {
      if (code[skipped] != '\n') bare[skipped] = ' ';
    }
    at = std::max(end, at + 1);
  }
  return bare;
}

std::vector<FunctionExtent> FunctionsOf(const std::string& code) {
  std::vector<FunctionExtent> functions;
  std::string head;  // What stands before a brace, since the last statement.
  size_t line = 1;
  size_t body_depth = 0;  // Open braces since a body opened; 0 outside of bodies.
  for (const char c : code) {
    if (c == '\n') ++line;
    if (body_depth > 0) {
      if (c == '{') ++body_depth;
      if (c == '}' && --body_depth == 0) {
        functions.back().line_count = line - functions.back().first_line + 1;
      }
      continue;
    }
    if (c == '{' && head.find('(') != std::string::npos && !OpensScope(head)) {
      functions.push_back({.first_line = line});
      body_depth = 1;
    }
    if (c == '{' || c == '}' || c == ';') {
      head.clear();
    } else {
      head.push_back(c);
    }
  }
  return functions;
}

}  // namespace simile
