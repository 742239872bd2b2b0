#ifndef SIMILE_CLIENT_CLI_FILTER_LEXER_H_
#define SIMILE_CLIENT_CLI_FILTER_LEXER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace simile::cli {

struct FilterToken {
  enum class Kind { kName, kQuotedName, kString, kNumber, kOperator, kEnd };

  Kind kind = Kind::kEnd;
  std::string text;  // Of a string or a quoted name what it stands for; of others as it is written.
  size_t column = 0;  // From 1, in bytes.
};

// "column 7: ..."
absl::Status FilterError(size_t column, const std::string& message);

// The words of a filter (client/cli/filter_parser.h), with kEnd as the last.
absl::StatusOr<std::vector<FilterToken>> SplitFilter(std::string_view text);

}  // namespace simile::cli

#endif  // SIMILE_CLIENT_CLI_FILTER_LEXER_H_
