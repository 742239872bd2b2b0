#include "client/cli/filter_parser.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/filter_lexer.h"
#include "client/cli/value_json.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

using Kind = FilterToken::Kind;

// Deeper than any server takes, and not too deep for the stack.
constexpr size_t kDepthMax = 100;

// What people write in other languages.
std::optional<std::string_view> Suggestion(std::string_view word) {
  constexpr std::pair<std::string_view, std::string_view> kSuggestions[] = {
      {"=", "=="},   {"=>", ">="},          {"=<", "<="}, {"<>", "!="},
      {"!", "not"},  {"&&", "and"},         {"&", "and"}, {"||", "or"},
      {"|", "or"},   {"AND", "and"},        {"OR", "or"}, {"NOT", "not"},
      {"IN", "in"},  {"is", "=="},          {"eq", "=="}, {"like", "text contains"},
      {"===", "=="}, {"~", "text contains"}};
  for (const auto& [wrong, right] : kSuggestions) {
    if (word == wrong) return right;
  }
  return std::nullopt;
}

std::string Described(const FilterToken& token) {
  if (token.kind == Kind::kEnd) return "the end";
  const std::optional<std::string_view> suggestion = Suggestion(token.text);
  return suggestion.has_value() && token.kind != Kind::kString
             ? fmt::format("'{}'; did you mean '{}'?", token.text, *suggestion)
             : fmt::format("'{}'", token.text);
}

absl::Status Expected(std::string_view what, const FilterToken& found) {
  return FilterError(found.column, fmt::format("expected {}, found {}", what, Described(found)));
}

class Parser {
 public:
  explicit Parser(std::vector<FilterToken> tokens) : tokens_(std::move(tokens)) {}

  absl::StatusOr<v1::Filter> Parse() {
    auto filter = Either();
    if (!filter.ok()) return filter;
    if (token().kind == Kind::kEnd) return filter;
    if (IsOperator(")")) return FilterError(token().column, "there is no '(' for this ')'");
    return Expected("'and', 'or' or the end", token());
  }

 private:
  using Result = absl::StatusOr<v1::Filter>;

  const FilterToken& token() const { return tokens_[at_]; }
  bool IsWord(std::string_view word) const {
    return token().kind == Kind::kName && token().text == word;
  }
  bool IsOperator(std::string_view sign) const {
    return token().kind == Kind::kOperator && token().text == sign;
  }
  bool IsFollowedBy(std::string_view text) const {
    return at_ + 1 < tokens_.size() && tokens_[at_ + 1].kind != Kind::kString &&
           tokens_[at_ + 1].text == text;
  }
  bool Take(std::string_view text) {
    if (!IsWord(text) && !IsOperator(text)) return false;
    ++at_;
    return true;
  }

  Result Either() {
    auto first = Both();
    if (!first.ok() || !IsWord("or")) return first;
    v1::Filter any;
    *any.mutable_any_of()->add_filters() = *std::move(first);
    while (Take("or")) {
      auto next = Both();
      if (!next.ok()) return next;
      *any.mutable_any_of()->add_filters() = *std::move(next);
    }
    return any;
  }

  Result Both() {
    auto first = Negated();
    if (!first.ok() || !IsWord("and")) return first;
    v1::Filter all;
    *all.mutable_all_of()->add_filters() = *std::move(first);
    while (Take("and")) {
      auto next = Negated();
      if (!next.ok()) return next;
      *all.mutable_all_of()->add_filters() = *std::move(next);
    }
    return all;
  }

  Result Negated() {
    if (++depth_ > kDepthMax) {
      return FilterError(token().column, fmt::format("nested more than {} deep", kDepthMax));
    }
    Result result = Take("not") ? Inverted(Negated()) : Primary();
    --depth_;
    return result;
  }

  static Result Inverted(Result filter) {
    if (!filter.ok()) return filter;
    v1::Filter inverse;
    *inverse.mutable_not_() = *std::move(filter);
    return inverse;
  }

  Result Primary() {
    if (IsOperator("(")) {
      const size_t column = token().column;
      Take("(");
      auto inner = Either();
      if (!inner.ok()) return inner;
      if (!Take(")")) {
        return token().kind == Kind::kEnd ? FilterError(column, "this '(' is not closed")
                                          : Expected("'and', 'or' or ')'", token());
      }
      return inner;
    }
    if (IsWord("exists") && IsFollowedBy("(")) return Exists();
    if (IsWord("ids") && IsFollowedBy("(")) return Ids();
    if (IsWord("text") && IsFollowedBy("contains")) return TextContains();
    if (token().kind == Kind::kName || token().kind == Kind::kQuotedName) return Condition();
    return Expected("the name of a field, 'not' or '('", token());
  }

  Result Exists() {
    at_ += 2;
    if (token().kind != Kind::kName && token().kind != Kind::kQuotedName) {
      return Expected("the name of a field", token());
    }
    v1::Filter filter;
    filter.set_exists(tokens_[at_++].text);
    if (!Take(")")) return Expected("')'", token());
    return filter;
  }

  Result Ids() {
    ++at_;
    v1::Filter filter;
    auto values = Values();
    if (!values.ok()) return values.status();
    for (const v1::Value& value : values->values()) {
      if (value.kind_case() != v1::Value::kStringValue) {
        return FilterError(token().column, "ids are strings: ids(\"a\", \"b\")");
      }
      filter.mutable_ids()->add_ids(value.string_value());
    }
    return filter;
  }

  Result TextContains() {
    at_ += 2;
    if (token().kind != Kind::kString) return Expected("a word in quotes", token());
    v1::Filter filter;
    filter.set_text_has_word(tokens_[at_++].text);
    return filter;
  }

  Result Condition() {
    const std::string field = tokens_[at_++].text;
    v1::Filter filter;
    if (Take("in")) {
      filter.mutable_has_any()->set_field(field);
      return WithValues(filter, *filter.mutable_has_any());
    }
    if (Take("contains")) {
      if (!Take("all")) return Expected("'all' after 'contains'", token());
      filter.mutable_has_all()->set_field(field);
      return WithValues(filter, *filter.mutable_has_all());
    }
    const FilterToken sign = token();
    constexpr std::string_view kSigns[] = {"==", "!=", "<", "<=", ">", ">="};
    if (sign.kind != Kind::kOperator ||
        std::find(std::begin(kSigns), std::end(kSigns), sign.text) == std::end(kSigns)) {
      return Expected(fmt::format("==, !=, <, <=, >, >=, in or contains after '{}'", field), sign);
    }
    ++at_;
    auto value = SingleValue();
    if (!value.ok()) return value.status();
    if (sign.text == "==" || sign.text == "!=") {
      filter.mutable_has_any()->set_field(field);
      *filter.mutable_has_any()->add_values() = *std::move(value);
      return sign.text == "==" ? filter : Inverted(std::move(filter));
    }
    v1::FieldRange& range = *filter.mutable_in_range();
    range.set_field(field);
    if (sign.text.front() == '>') {
      *range.mutable_low() = *std::move(value);
      range.set_low_exclusive(sign.text == ">");
    } else {
      *range.mutable_high() = *std::move(value);
      range.set_high_exclusive(sign.text == "<");
    }
    return filter;
  }

  Result WithValues(v1::Filter& filter, v1::FieldValues& condition) {
    auto values = Values();
    if (!values.ok()) return values.status();
    condition.mutable_values()->Swap(values->mutable_values());
    return std::move(filter);
  }

  // (VALUE, ...)
  absl::StatusOr<v1::ValueList> Values() {
    if (!Take("(")) return Expected("'('", token());
    v1::ValueList values;
    do {
      auto value = SingleValue();
      if (!value.ok()) return value.status();
      *values.add_values() = *std::move(value);
    } while (Take(","));
    if (!Take(")")) return Expected("',' or ')'", token());
    return values;
  }

  absl::StatusOr<v1::Value> SingleValue() {
    const FilterToken& first = token();
    v1::Value value;
    if (first.kind == Kind::kString) {
      value.set_string_value(first.text);
    } else if (first.kind == Kind::kNumber) {
      return NumberValue(tokens_[at_++]);
    } else if (IsWord("true") || IsWord("false")) {
      value.set_bool_value(first.text == "true");
    } else if (IsWord("null")) {
      value.set_null_value(v1::NULL_VALUE);
    } else if (IsWord("timestamp") && IsFollowedBy("(")) {
      return TimestampValue();
    } else {
      return Expected(first.kind == Kind::kName ? "a value (strings need quotes)" : "a value",
                      first);
    }
    ++at_;
    return value;
  }

  static absl::StatusOr<v1::Value> NumberValue(const FilterToken& token) {
    const std::string text = token.text.front() == '+' ? token.text.substr(1) : token.text;
    const char* const end = text.data() + text.size();
    v1::Value value;
    int64_t integer = 0;
    if (const auto [stop, error] = std::from_chars(text.data(), end, integer);
        error == std::errc() && stop == end) {
      value.set_int64_value(integer);
      return value;
    }
    const bool is_whole = text.find_first_not_of("-0123456789") == std::string::npos;
    double real = 0;
    const auto [stop, error] = std::from_chars(text.data(), end, real);
    if (is_whole || error != std::errc() || stop != end) {
      return FilterError(token.column,
                         is_whole
                             ? fmt::format("{} is no int64; write {}.0 for a double", text, text)
                             : fmt::format("'{}' is not a number", token.text));
    }
    value.set_double_value(real);
    return value;
  }

  absl::StatusOr<v1::Value> TimestampValue() {
    at_ += 2;
    if (token().kind != Kind::kString) return Expected("a time in quotes", token());
    const FilterToken time = tokens_[at_++];
    auto value = ValueFromJson(Json{{"$timestamp", time.text}});
    if (!value.ok()) {
      return FilterError(time.column,
                         fmt::format("'{}' is no time such as 2026-01-02T03:04:05Z", time.text));
    }
    if (!Take(")")) return Expected("')'", token());
    return value;
  }

  const std::vector<FilterToken> tokens_;
  size_t at_ = 0;
  size_t depth_ = 0;
};

}  // namespace

absl::StatusOr<v1::Filter> ParseFilter(std::string_view text) {
  auto tokens = SplitFilter(text);
  if (!tokens.ok()) return tokens.status();
  return Parser(*std::move(tokens)).Parse();
}

}  // namespace simile::cli
