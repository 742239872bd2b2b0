#ifndef SIMILE_BENCH_HNSWLIB_YARDSTICK_H_
#define SIMILE_BENCH_HNSWLIB_YARDSTICK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace simile {

// Debian's hnswlib as its users have it, with its own kernels, built for this very processor: what
// our graph is compared with. No locks of ours around it.
//
// Thread safety: as hnswlib: Add calls may run together, Search calls too, but not both.
class __attribute__((visibility("default"))) HnswlibYardstick {
 public:
  HnswlibYardstick(size_t dimension, bool euclidean, size_t capacity, size_t m,
                   size_t ef_construction);
  ~HnswlibYardstick();

  void Add(uint64_t label, std::span<const float> vector);
  void SetEf(size_t ef);
  std::vector<uint64_t> Search(std::span<const float> query, size_t k) const;
  size_t bytes_per_vector() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace simile

#endif  // SIMILE_BENCH_HNSWLIB_YARDSTICK_H_
