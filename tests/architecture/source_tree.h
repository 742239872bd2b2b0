#ifndef SIMILE_TESTS_ARCHITECTURE_SOURCE_TREE_H_
#define SIMILE_TESTS_ARCHITECTURE_SOURCE_TREE_H_

#include <string>
#include <vector>

namespace simile {

struct SourceFile {
  std::string path;  // From the project's root, e.g. "index/flat_index.cc".
  std::string content;
};

// Every file of the project's folders that ends in one of `extensions`, by path.
std::vector<SourceFile> ReadSourceFiles(const std::string& root,
                                        const std::vector<std::string>& extensions);

// The folders that hold sources, e.g. "storage", "server/rpc", "tests".
const std::vector<std::string>& ProjectFolders();

std::vector<std::string> LinesOf(const std::string& content);

}  // namespace simile

#endif  // SIMILE_TESTS_ARCHITECTURE_SOURCE_TREE_H_
