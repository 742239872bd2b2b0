#include "bench/hnswlib_yardstick.h"

#include <hnswlib.h>

namespace simile {

class HnswlibYardstick::State {
 public:
  State(size_t dimension, bool euclidean, size_t capacity, size_t m, size_t ef_construction)
      : distances(dimension),
        products(dimension),
        graph(euclidean ? static_cast<hnswlib::SpaceInterface<float>*>(&distances) : &products,
              capacity, m, ef_construction) {}

  hnswlib::L2Space distances;
  hnswlib::InnerProductSpace products;
  hnswlib::HierarchicalNSW<float> graph;
};

HnswlibYardstick::HnswlibYardstick(size_t dimension, bool euclidean, size_t capacity, size_t m,
                                   size_t ef_construction)
    : state_(std::make_unique<State>(dimension, euclidean, capacity, m, ef_construction)) {}

HnswlibYardstick::~HnswlibYardstick() = default;

void HnswlibYardstick::Add(uint64_t label, std::span<const float> vector) {
  state_->graph.addPoint(vector.data(), label);
}

void HnswlibYardstick::SetEf(size_t ef) { state_->graph.setEf(ef); }

std::vector<uint64_t> HnswlibYardstick::Search(std::span<const float> query, size_t k) const {
  auto found = state_->graph.searchKnn(query.data(), k);
  std::vector<uint64_t> labels;
  for (; !found.empty(); found.pop()) labels.push_back(found.top().second);
  return labels;
}

// The block of level 0, a lock, the pointer to the levels above and the entry of the label's map.
size_t HnswlibYardstick::bytes_per_vector() const {
  return state_->graph.size_data_per_element_ + sizeof(std::mutex) + sizeof(char*) +
         sizeof(std::pair<size_t, uint32_t>) + 2 * sizeof(void*);
}

}  // namespace simile
