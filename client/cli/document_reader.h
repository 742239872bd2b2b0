#ifndef SIMILE_CLIENT_CLI_DOCUMENT_READER_H_
#define SIMILE_CLIENT_CLI_DOCUMENT_READER_H_

#include <cstddef>
#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/document_source.h"
#include "simile/v1/common.pb.h"

namespace simile::cli {

enum class InputFormat { kAuto, kJsonLines, kLines, kCsv };

struct ReaderOptions {
  InputFormat format = InputFormat::kAuto;  // Auto: by the file's name, then its first byte.
  std::string id_prefix = "line-";          // An item without id is called prefix + line number.
  std::string id_column = "id";             // Of CSV.
  std::string text_column = "text";
  bool infer_types = false;  // CSV: numbers become numbers.
};

// Documents from a stream: JSON lines, plain lines (each a text) or CSV with a header. An item that
// does not parse comes as an error with its line; blank lines are skipped.
//
// Thread safety: none.
class DocumentReader : public DocumentSource {
 public:
  // `path` serves to guess the format. InvalidArgument when a CSV header lacks the text column.
  static absl::StatusOr<std::unique_ptr<DocumentReader>> Open(std::istream& stream,
                                                              const std::string& path,
                                                              const ReaderOptions& options);

  std::optional<ReadDocument> Next() override;
  uint64_t bytes_read() const override { return bytes_read_; }
  const char* unit() const override { return "line"; }

 private:
  DocumentReader(std::istream& stream, const ReaderOptions& options)
      : stream_(stream), options_(options) {}

  bool ReadLine(std::string& line);
  // The fields of a record, which may go over several lines (RFC 4180); false at the end.
  bool ReadCsvRecord(std::vector<std::string>& fields);
  absl::StatusOr<v1::Document> FromCsv(const std::vector<std::string>& fields) const;

  std::istream& stream_;
  ReaderOptions options_;
  std::vector<std::string> columns_;  // Of CSV.
  bool quote_is_open_ = false;        // The CSV record that was read last ended within quotes.
  uint64_t line_ = 0;
  uint64_t bytes_read_ = 0;
};

}  // namespace simile::cli

#endif  // SIMILE_CLIENT_CLI_DOCUMENT_READER_H_
