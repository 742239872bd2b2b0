#include "client/cli/document_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "client/cli/value_json.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

bool IsBlank(const std::string& line) {
  return line.find_first_not_of(" \t\r") == std::string::npos;
}

// One text that is not UTF-8 would make the server refuse the whole batch.
bool IsUtf8(const std::string& text) {
  const Json json = text;
  // What stands for bad bytes is the only difference.
  return json.dump(-1, ' ', false, Json::error_handler_t::ignore) ==
         json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

InputFormat GuessFormat(std::istream& stream, const std::string& path) {
  for (const auto& [suffix, format] : std::initializer_list<std::pair<const char*, InputFormat>>{
           {".jsonl", InputFormat::kJsonLines},
           {".ndjson", InputFormat::kJsonLines},
           {".csv", InputFormat::kCsv},
           {".txt", InputFormat::kLines}}) {
    if (path.ends_with(suffix)) return format;
  }
  return stream.peek() == '{' ? InputFormat::kJsonLines : InputFormat::kLines;
}

v1::Value TypedValue(const std::string& text, bool infer_types) {
  v1::Value value;
  const char* end = text.data() + text.size();
  int64_t integer = 0;
  double number = 0;
  if (infer_types && !text.empty()) {
    if (const auto parsed = std::from_chars(text.data(), end, integer);
        parsed.ec == std::errc() && parsed.ptr == end) {
      value.set_int64_value(integer);
      return value;
    }
    if (const auto parsed = std::from_chars(text.data(), end, number);
        parsed.ec == std::errc() && parsed.ptr == end && std::isfinite(number)) {
      value.set_double_value(number);
      return value;
    }
  }
  value.set_string_value(text);
  return value;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DocumentReader>> DocumentReader::Open(std::istream& stream,
                                                                     const std::string& path,
                                                                     const ReaderOptions& options) {
  std::unique_ptr<DocumentReader> reader(new DocumentReader(stream, options));
  if (options.format == InputFormat::kAuto) reader->options_.format = GuessFormat(stream, path);
  if (reader->options_.format != InputFormat::kCsv) return reader;
  reader->ReadCsvRecord(reader->columns_);
  if (std::ranges::count(reader->columns_, options.text_column) == 0) {
    return absl::InvalidArgumentError(fmt::format(
        "the CSV header has no column '{}'; name one with --text-column", options.text_column));
  }
  return reader;
}

bool DocumentReader::ReadLine(std::string& line) {
  if (!std::getline(stream_, line)) return false;
  constexpr char kByteOrderMark[] = "\xEF\xBB\xBF";
  bytes_read_ += line.size() + 1;
  if (++line_ == 1 && line.starts_with(kByteOrderMark)) line.erase(0, 3);
  if (line.ends_with('\r')) line.pop_back();
  return true;
}

std::optional<ReadDocument> DocumentReader::Next() {
  ReadDocument item{.document = absl::UnknownError("")};
  if (options_.format == InputFormat::kCsv) {
    std::vector<std::string> fields;
    do {
      item.number = line_ + 1;
      if (!ReadCsvRecord(fields)) return std::nullopt;
    } while (fields.size() == 1 && IsBlank(fields[0]));
    item.document = FromCsv(fields);
  } else {
    std::string line;
    do {
      if (!ReadLine(line)) return std::nullopt;
    } while (IsBlank(line));
    item.number = line_;
    if (options_.format == InputFormat::kLines && !IsUtf8(line)) {
      item.document = absl::InvalidArgumentError("it is not valid UTF-8");
    } else if (options_.format == InputFormat::kLines) {
      v1::Document document;
      document.set_text(line);
      item.document = std::move(document);
    } else {
      const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      item.document = json.is_discarded() ? absl::InvalidArgumentError("it is not valid JSON")
                                          : DocumentFromJson(json);
    }
  }
  // Named after its line, so that running an import again stores nothing twice.
  if (item.document.ok() && item.document->id().empty()) {
    item.document->set_id(options_.id_prefix + std::to_string(item.number));
  }
  return item;
}

bool DocumentReader::ReadCsvRecord(std::vector<std::string>& fields) {
  fields.clear();
  std::string line;
  if (!ReadLine(line)) return false;
  fields.emplace_back();
  bool quoted = false;
  quote_is_open_ = false;
  for (size_t at = 0;; ++at) {
    if (at == line.size()) {
      if (!quoted) return true;
      quote_is_open_ = !ReadLine(line);
      if (quote_is_open_) return true;
      fields.back() += '\n';
      at = static_cast<size_t>(-1);
    } else if (quoted && line[at] == '"' && at + 1 < line.size() && line[at + 1] == '"') {
      fields.back() += line[++at];
    } else if (line[at] == '"' && (quoted || fields.back().empty())) {
      quoted = !quoted;
    } else if (line[at] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[at];
    }
  }
}

absl::StatusOr<v1::Document> DocumentReader::FromCsv(const std::vector<std::string>& fields) const {
  if (quote_is_open_) {
    return absl::InvalidArgumentError("it has a quote that is not closed before the file ends");
  }
  if (fields.size() != columns_.size()) {
    return absl::InvalidArgumentError(
        fmt::format("it has {} fields; the header has {}", fields.size(), columns_.size()));
  }
  if (!std::ranges::all_of(fields, IsUtf8)) {
    return absl::InvalidArgumentError("it is not valid UTF-8");
  }
  v1::Document document;
  for (size_t column = 0; column < columns_.size(); ++column) {
    if (columns_[column] == options_.id_column) {
      document.set_id(fields[column]);
    } else if (columns_[column] == options_.text_column) {
      document.set_text(fields[column]);
    } else {
      (*document.mutable_metadata())[columns_[column]] =
          TypedValue(fields[column], options_.infer_types);
    }
  }
  return document;
}

}  // namespace simile::cli
