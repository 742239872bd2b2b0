#include "bench/text_corpus.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace simile {

std::vector<std::string> ReadCorpus(const std::string& path, size_t texts_max) {
  std::ifstream file(path);
  const bool is_json = path.ends_with(".jsonl");
  std::vector<std::string> texts;
  for (std::string line;
       (texts_max == 0 || texts.size() < texts_max) && std::getline(file, line);) {
    if (line.empty()) continue;
    texts.push_back(is_json ? nlohmann::json::parse(line).at("text").get<std::string>() : line);
  }
  return texts;
}

double Quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const auto at = static_cast<size_t>(share * static_cast<double>(values.size()));
  return values[std::min(at, values.size() - 1)];
}

}  // namespace simile
