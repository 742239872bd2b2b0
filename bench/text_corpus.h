#ifndef SIMILE_BENCH_TEXT_CORPUS_H_
#define SIMILE_BENCH_TEXT_CORPUS_H_

#include <cstddef>
#include <string>
#include <vector>

namespace simile {

// The texts of a file for a benchmark: the "text" of each line of a .jsonl file, else the lines
// themselves. At most `texts_max`, all when 0; none when the file cannot be read.
std::vector<std::string> ReadCorpus(const std::string& path, size_t texts_max);

// The value at that share of the sorted values, e.g. 0.5 for the median.
double Quantile(std::vector<double> values, double share);

}  // namespace simile

#endif  // SIMILE_BENCH_TEXT_CORPUS_H_
