#ifndef SIMILE_CLIENT_CLI_FILTER_PARSER_H_
#define SIMILE_CLIENT_CLI_FILTER_PARSER_H_

#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "simile/v1/filter.pb.h"

namespace simile::cli {

// A filter as people write it, as the tree that goes over the wire:
//   year >= 2000 and genre in ("a", "b") and not exists(draft)
//
//   expression   one `or` another, one `and` another, `not` one, (one); `and` binds closer than
//   `or` condition    FIELD == VALUE, !=, <, <=, >, >=; FIELD in (VALUE, ...);
//                FIELD contains all (VALUE, ...); exists(FIELD); text contains "word"; ids("a",
//                ...)
//   FIELD        letters, digits, _ . -, beginning with a letter or _; any other name in
//   `backquotes` VALUE        "string" or 'string' with the escapes of JSON, 12, -1.5e3, true,
//   false, null,
//                timestamp("2026-01-02T03:04:05Z")
//
// What each means: proto/simile/v1/filter.proto. `!=` is `not ==`, so it is true where the field is
// missing. InvalidArgument names the column, what was found there and what would do.
absl::StatusOr<v1::Filter> ParseFilter(std::string_view text);

// Puts it into a message that has a filter; nothing when the text is empty.
template <typename Message>
absl::Status SetFilter(std::string_view text, Message& message) {
  if (text.empty()) return absl::OkStatus();
  auto filter = ParseFilter(text);
  if (!filter.ok()) return filter.status();
  *message.mutable_filter() = *std::move(filter);
  return absl::OkStatus();
}

}  // namespace simile::cli

#endif  // SIMILE_CLIENT_CLI_FILTER_PARSER_H_
