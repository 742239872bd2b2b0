#include "client/cli/filter_lexer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "fmt/format.h"

namespace simile::cli {
namespace {

using Kind = FilterToken::Kind;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool BeginsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool IsInName(char c) { return BeginsName(c) || IsDigit(c) || c == '.' || c == '-'; }

bool IsInNumber(char c) { return IsDigit(c) || c == '.' || c == 'e' || c == 'E'; }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<FilterToken>> Split() {
    std::vector<FilterToken> tokens;
    for (;;) {
      while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos)
        ++at_;
      auto token = Next();
      if (!token.ok()) return token.status();
      tokens.push_back(*std::move(token));
      if (tokens.back().kind == Kind::kEnd) return tokens;
    }
  }

 private:
  absl::StatusOr<FilterToken> Next() {
    const size_t column = at_ + 1;
    if (at_ == text_.size()) return FilterToken{.column = column};
    const char c = text_[at_];
    if (c == '"' || c == '\'') return String(c);
    if (c == '`') return QuotedName();
    const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : ' ';
    if (IsDigit(c) || ((c == '-' || c == '+') && (IsDigit(next) || next == '.'))) return Number();
    if (BeginsName(c)) {
      const size_t first = at_;
      while (at_ < text_.size() && IsInName(text_[at_])) ++at_;
      return FilterToken{Kind::kName, std::string(text_.substr(first, at_ - first)), column};
    }
    return Operator();
  }

  FilterToken Number() {
    const size_t first = at_++;
    while (at_ < text_.size() &&
           (IsInNumber(text_[at_]) || ((text_[at_] == '-' || text_[at_] == '+') &&
                                       (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E')))) {
      ++at_;
    }
    return {Kind::kNumber, std::string(text_.substr(first, at_ - first)), first + 1};
  }

  // One of the operators, or all that looks like one, for a message about it.
  absl::StatusOr<FilterToken> Operator() {
    constexpr std::string_view kSigns = "=!<>&|~";
    const size_t first = at_++;
    if (kSigns.find(text_[first]) != kSigns.npos) {
      while (at_ < text_.size() && kSigns.find(text_[at_]) != kSigns.npos) ++at_;
    } else if (std::string_view("(),").find(text_[first]) == std::string_view::npos) {
      return FilterError(first + 1, fmt::format("'{}' has no meaning here", text_[first]));
    }
    return FilterToken{Kind::kOperator, std::string(text_.substr(first, at_ - first)), first + 1};
  }

  // With the escapes of JSON; in single quotes double ones need none.
  absl::StatusOr<FilterToken> String(char quote) {
    const size_t first = at_++;
    std::string json = "\"";
    for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] == '"') json += '\\';
      if (text_[at_] != '\\') {
        json += text_[at_];
        continue;
      }
      if (++at_ == text_.size()) break;
      if (text_[at_] == '\'') {
        json += '\'';
      } else {
        json += {'\\', text_[at_]};
      }
    }
    if (at_ >= text_.size()) {
      return FilterError(first + 1, fmt::format("the string has no closing {}", quote));
    }
    ++at_;
    const auto parsed = nlohmann::json::parse(json + "\"", nullptr, /*allow_exceptions=*/false);
    if (!parsed.is_string()) {
      return FilterError(first + 1, "the string has an escape that JSON does not have");
    }
    return FilterToken{Kind::kString, parsed.get<std::string>(), first + 1};
  }

  absl::StatusOr<FilterToken> QuotedName() {
    const size_t first = at_++;
    const size_t end = text_.find('`', at_);
    if (end == std::string_view::npos) {
      return FilterError(first + 1, "the name has no closing `");
    }
    at_ = end + 1;
    return FilterToken{Kind::kQuotedName, std::string(text_.substr(first + 1, end - first - 1)),
                       first + 1};
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

absl::Status FilterError(size_t column, const std::string& message) {
  return absl::InvalidArgumentError(fmt::format("--filter, column {}: {}", column, message));
}

absl::StatusOr<std::vector<FilterToken>> SplitFilter(std::string_view text) {
  return Lexer(text).Split();
}

}  // namespace simile::cli
