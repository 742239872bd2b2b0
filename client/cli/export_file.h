#ifndef SIMILE_CLIENT_CLI_EXPORT_FILE_H_
#define SIMILE_CLIENT_CLI_EXPORT_FILE_H_

#include <cstdint>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/output.h"

namespace simile::cli {

// Where an export stands after its last whole page.
struct ExportPosition {
  Json what;               // Of which export: another one cannot go on from here.
  std::string page_token;  // Of the next page.
  uint64_t documents = 0;
  uint64_t bytes = 0;  // Of the file.
};

// The file of an export, and beside it FILE.resume, which says how far it is, until it is done: so
// that one that was broken off goes on after the last whole page.
//
// Thread safety: none.
class ExportFile {
 public:
  // "-" is standard output, which cannot be resumed. AlreadyExists when the file is there and
  // `resume` is not set; InvalidArgument when what can be resumed is another export.
  static absl::StatusOr<ExportFile> Open(const std::string& path, bool resume, const Json& what);

  const ExportPosition& position() const { return position_; }

  void Add(const std::string& line);

  // After a page. An error when the disk is full or the like.
  absl::Status EndPage(const std::string& next_page_token);

  absl::Status Finish();

 private:
  explicit ExportFile(std::string path) : path_(std::move(path)) {}
  bool is_standard_output() const { return path_ == "-"; }
  std::string resume_path() const { return path_ + ".resume"; }
  absl::Status Resume(const Json& what);

  std::string path_;
  std::ofstream file_;
  ExportPosition position_;
};

}  // namespace simile::cli

#endif  // SIMILE_CLIENT_CLI_EXPORT_FILE_H_
