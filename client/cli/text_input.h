#ifndef SIMILE_CLIENT_CLI_TEXT_INPUT_H_
#define SIMILE_CLIENT_CLI_TEXT_INPUT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace simile::cli {

struct InputText {
  size_t index = 0;  // Of the input, from 0; bad and blank ones count too.
  std::string id;    // From {"id": ...}; empty when there is none.
  std::string text;
};

// Texts for commands that take many: from a file, "-" for standard input.
struct TextInput {
  std::vector<InputText> texts;
  size_t bad_count = 0;  // Lines that did not parse; each was reported on standard error.
};

// Reads plain lines (each a text; blank ones are skipped), or with `json_lines` objects with "text"
// and an optional "id". NotFound when the file cannot be opened.
absl::StatusOr<TextInput> ReadTexts(const std::string& path, bool json_lines);

// Cuts `texts` into runs that fit one request, of at most `texts_max`: [first, end) positions.
struct TextBatch {
  size_t first = 0;
  size_t end = 0;
};
inline constexpr size_t kBatchTexts = 256;
std::vector<TextBatch> BatchesOf(const std::vector<InputText>& texts,
                                 size_t texts_max = kBatchTexts);

}  // namespace simile::cli

#endif  // SIMILE_CLIENT_CLI_TEXT_INPUT_H_
