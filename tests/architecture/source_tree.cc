#include "tests/architecture/source_tree.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace simile {

namespace fs = std::filesystem;

const std::vector<std::string>& ProjectFolders() {
  static const std::vector<std::string> folders = {"base",  "proto",    "storage", "filter",
                                                   "index", "embedder", "server",  "client",
                                                   "tests", "bench"};
  return folders;
}

std::vector<SourceFile> ReadSourceFiles(const std::string& root,
                                        const std::vector<std::string>& extensions) {
  std::vector<SourceFile> files;
  for (const std::string& folder : ProjectFolders()) {
    for (const fs::directory_entry& entry :
         fs::recursive_directory_iterator(fs::path(root) / folder)) {
      const std::string name = entry.path().filename().string();
      const bool is_wanted = std::ranges::any_of(
          extensions, [&name](const std::string& extension) { return name.ends_with(extension); });
      if (!entry.is_regular_file() || !is_wanted) continue;
      std::ostringstream content;
      content << std::ifstream(entry.path()).rdbuf();
      files.push_back(
          {.path = fs::relative(entry.path(), root).string(), .content = content.str()});
    }
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

std::vector<std::string> LinesOf(const std::string& content) {
  std::vector<std::string> lines;
  std::istringstream stream(content);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace simile
