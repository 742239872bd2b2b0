#include "client/cli/output.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "fmt/format.h"

namespace simile::cli {
namespace {

constexpr size_t kCellColumnsMax = 80;

// Characters of UTF-8, as a rough measure of columns.
size_t CountCharacters(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Cell(const Json& row, const std::string& column) {
  const auto found = row.find(column);
  if (found == row.end() || found->is_null()) return "";
  if (found->is_string()) return Shortened(found->get<std::string>(), kCellColumnsMax);
  if (found->is_number_float()) return fmt::format("{:.4f}", found->get<double>());
  return Shortened(Dumped(*found), kCellColumnsMax);
}

}  // namespace

std::string Dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json FloatJson(float value) {
  if (!std::isfinite(value)) return nullptr;
  return std::strtod(fmt::format("{}", value).c_str(), nullptr);
}

std::string Shortened(const std::string& text, size_t columns) {
  std::string line = text;
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  if (CountCharacters(line) <= columns) return line;
  size_t end = 0;
  for (size_t characters = 0; characters < columns; ++end) {
    // The next byte begins a character unless it continues one.
    if ((line[end] & 0xC0) != 0x80) ++characters;
  }
  while (end > 0 && (line[end - 1] & 0xC0) == 0x80) --end;
  return line.substr(0, end - 1) + "…";
}

Output::Output(std::ostream& stream, OutputFormat format, std::vector<std::string> columns,
               bool single)
    : stream_(stream), format_(format), columns_(std::move(columns)), single_(single) {}

Output::~Output() {
  if (format_ == OutputFormat::kTable) {
    if (single_) {
      WriteFields();
    } else {
      WriteTable();
    }
  } else if (format_ == OutputFormat::kJson && !single_) {
    stream_ << (written_ == 0 ? "[]" : "\n]") << "\n";
  }
  stream_.flush();
}

void Output::Add(const Json& row) {
  if (format_ == OutputFormat::kTable) {
    rows_.push_back(row);
  } else if (format_ == OutputFormat::kJsonLines) {
    stream_ << Dumped(row) << "\n";
  } else if (single_) {
    stream_ << row.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    stream_ << (written_ == 0 ? "[\n  " : ",\n  ") << Dumped(row);
  }
  ++written_;
}

void Output::WriteFields() {
  size_t width = 0;
  for (const Json& row : rows_) {
    for (const auto& [name, value] : row.items()) width = std::max(width, name.size());
  }
  for (const Json& row : rows_) {
    for (const auto& [name, value] : row.items()) {
      const std::string text = value.is_string() ? value.get<std::string>() : Dumped(value);
      stream_ << fmt::format("{:<{}}  {}\n", name, width, text);
    }
  }
}

void Output::WriteTable() {
  if (rows_.empty()) return;
  std::vector<size_t> widths;
  std::vector<bool> numeric;
  for (const std::string& column : columns_) {
    size_t width = column.size();
    bool all_numbers = true;
    for (const Json& row : rows_) {
      width = std::max(width, CountCharacters(Cell(row, column)));
      all_numbers = all_numbers && row.contains(column) && row[column].is_number();
    }
    widths.push_back(width);
    numeric.push_back(all_numbers);
  }
  const auto write_line = [&](const auto& cell_of) {
    std::string line;
    for (size_t column = 0; column < columns_.size(); ++column) {
      const std::string cell = cell_of(column);
      const std::string padding(widths[column] - CountCharacters(cell), ' ');
      if (column > 0) line += "  ";
      line += numeric[column] ? padding + cell : cell + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    stream_ << line << "\n";
  };
  write_line([this](size_t column) { return columns_[column]; });
  for (const Json& row : rows_) {
    write_line([this, &row](size_t column) { return Cell(row, columns_[column]); });
  }
}

}  // namespace simile::cli
