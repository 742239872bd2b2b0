#include "client/cli/text_input.h"

#include <fstream>
#include <iostream>

#include "client/cli/command_context.h"
#include "client/cli/output.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

constexpr size_t kBatchBytes = 1 << 20;

// The text and id of a line; false when it is not what it should be.
bool ParseLine(const std::string& line, InputText& input) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("text") || !json["text"].is_string()) return false;
  input.text = json["text"].get<std::string>();
  if (json.contains("id")) {
    input.id = json["id"].is_string() ? json["id"].get<std::string>() : Dumped(json["id"]);
  }
  return true;
}

}  // namespace

absl::StatusOr<TextInput> ReadTexts(const std::string& path, bool json_lines) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) return absl::NotFoundError(fmt::format("cannot open '{}'", path));
  }
  std::istream& stream = path == "-" ? std::cin : file;
  TextInput input;
  size_t index = 0;
  for (std::string line; std::getline(stream, line); ++index) {
    if (line.ends_with('\r')) line.pop_back();
    if (index == 0 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
    InputText text{.index = index, .text = line};
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    if (json_lines && !ParseLine(line, text)) {
      ++input.bad_count;
      CommandContext::Say(
          fmt::format("line {}: it is not a JSON object with a \"text\"", index + 1));
      continue;
    }
    input.texts.push_back(std::move(text));
  }
  return input;
}

std::vector<TextBatch> BatchesOf(const std::vector<InputText>& texts, size_t texts_max) {
  std::vector<TextBatch> batches;
  size_t bytes = 0;
  for (size_t position = 0; position < texts.size(); ++position) {
    const size_t size = texts[position].text.size();
    if (batches.empty() || bytes + size > kBatchBytes ||
        batches.back().end - batches.back().first == texts_max) {
      batches.push_back({.first = position, .end = position});
      bytes = 0;
    }
    batches.back().end = position + 1;
    bytes += size;
  }
  return batches;
}

}  // namespace simile::cli
