#include "client/cli/export_file.h"

#include <filesystem>
#include <iostream>
#include <iterator>
#include <system_error>
#include <utility>

#include "fmt/format.h"

namespace simile::cli {
namespace {

namespace fs = std::filesystem;

absl::Status CannotWrite(const std::string& path) {
  return absl::UnavailableError(fmt::format("cannot write to '{}': is the disk full?", path));
}

}  // namespace

absl::StatusOr<ExportFile> ExportFile::Open(const std::string& path, bool resume,
                                            const Json& what) {
  ExportFile file(path);
  file.position_.what = what;
  if (file.is_standard_output()) {
    if (!resume) return file;
    return absl::InvalidArgumentError("--resume needs a file: standard output is gone");
  }
  std::error_code error;
  const bool is_there = fs::exists(path, error);
  if (is_there && !resume) {
    return absl::AlreadyExistsError(
        fmt::format("'{}' is there already: choose another file, or go on with --resume", path));
  }
  if (is_there) {
    if (absl::Status s = file.Resume(what); !s.ok()) return s;
  }
  file.file_.open(path, std::ios::binary | std::ios::app);
  if (!file.file_) return absl::NotFoundError(fmt::format("cannot open '{}' for writing", path));
  return file;
}

absl::Status ExportFile::Resume(const Json& what) {
  std::ifstream input(resume_path());
  const std::string text((std::istreambuf_iterator<char>(input)), {});
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("page_token") || !json.contains("bytes")) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' says nothing of how far the export was: it is done, or was never begun",
                    resume_path()));
  }
  if (json.value("what", Json()) != what) {
    return absl::InvalidArgumentError(fmt::format("'{}' is of another export: {}", resume_path(),
                                                  Dumped(json.value("what", Json()))));
  }
  position_.page_token = json.value("page_token", "");
  position_.documents = json.value("documents", uint64_t{0});
  position_.bytes = json.value("bytes", uint64_t{0});
  std::error_code error;
  const uint64_t size = fs::file_size(path_, error);
  if (error || size < position_.bytes) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' has {} bytes, and had {} when the export was broken off", path_, size,
                    position_.bytes));
  }
  fs::resize_file(path_, position_.bytes, error);
  if (error) return CannotWrite(path_);
  return absl::OkStatus();
}

void ExportFile::Add(const std::string& line) {
  std::ostream& stream = is_standard_output() ? std::cout : file_;
  stream << line << '\n';
  position_.bytes += line.size() + 1;
  ++position_.documents;
}

absl::Status ExportFile::EndPage(const std::string& next_page_token) {
  position_.page_token = next_page_token;
  if (is_standard_output()) return std::cout.flush() ? absl::OkStatus() : CannotWrite("-");
  if (!file_.flush()) return CannotWrite(path_);
  std::ofstream resume(resume_path() + ".new", std::ios::trunc);
  resume << Dumped({{"what", position_.what},
                    {"page_token", position_.page_token},
                    {"documents", position_.documents},
                    {"bytes", position_.bytes}})
         << '\n';
  resume.close();
  std::error_code error;
  if (resume) fs::rename(resume_path() + ".new", resume_path(), error);
  return resume && !error ? absl::OkStatus() : CannotWrite(resume_path());
}

absl::Status ExportFile::Finish() {
  if (is_standard_output()) return absl::OkStatus();
  file_.close();
  std::error_code error;
  fs::remove(resume_path(), error);
  return file_ && !error ? absl::OkStatus() : CannotWrite(path_);
}

}  // namespace simile::cli
