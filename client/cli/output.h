#ifndef SIMILE_CLIENT_CLI_OUTPUT_H_
#define SIMILE_CLIENT_CLI_OUTPUT_H_

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

namespace simile::cli {

using Json = nlohmann::ordered_json;

enum class OutputFormat { kTable, kJson, kJsonLines };

// Rows of an answer, in the form that was asked for: a table for people, one JSON document, or one
// JSON object a line. JSON is written as it comes; a table once it is complete.
class Output {
 public:
  // `columns` name the fields a table shows, in order; JSON has all fields. With `single`, there is
  // one row, which JSON shows as an object rather than an array, and a table as two columns.
  Output(std::ostream& stream, OutputFormat format, std::vector<std::string> columns,
         bool single = false);

  // Writes what is left.
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Add(const Json& row);

 private:
  void WriteTable();
  void WriteFields();

  std::ostream& stream_;
  const OutputFormat format_;
  const std::vector<std::string> columns_;
  const bool single_;
  std::vector<Json> rows_;  // Of a table.
  size_t written_ = 0;
};

// One line of JSON; strings that are not UTF-8 are mended, so it never fails.
std::string Dumped(const Json& json);

// A number as a short text that reads back as the same float.
Json FloatJson(float value);

// For a table's cell: one line, at most `columns` wide.
std::string Shortened(const std::string& text, size_t columns);

}  // namespace simile::cli

#endif  // SIMILE_CLIENT_CLI_OUTPUT_H_
