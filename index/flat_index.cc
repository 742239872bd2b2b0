#include "index/flat_index.h"

#include <algorithm>
#include <utility>

#include "index/top_k.h"

namespace simile {

namespace {

// Hash node, bucket and label: what a vector takes beside its components.
constexpr size_t kOverheadBytes = 40;

}  // namespace

FlatIndex::FlatIndex(Metric metric, size_t dimension) : kernel_(metric, dimension) {}

absl::Status FlatIndex::Upsert(uint64_t label, std::span<const float> vector) {
  const absl::StatusOr<std::vector<float>> prepared = kernel_.Prepare(vector);
  if (!prepared.ok()) return prepared.status();
  WriterLock lock(mutex_);
  const auto [found, is_new] = slots_.try_emplace(label, labels_.size());
  if (is_new) {
    if (labels_.size() == chunks_.size() * kChunkVectors) {
      chunks_.push_back(std::make_unique<float[]>(kChunkVectors * kernel_.dimension()));
    }
    labels_.push_back(label);
  }
  std::ranges::copy(*prepared, At(found->second));
  return absl::OkStatus();
}

bool FlatIndex::Remove(uint64_t label) {
  WriterLock lock(mutex_);
  const auto found = slots_.find(label);
  if (found == slots_.end()) return false;
  const size_t hole = found->second;
  const size_t last = labels_.size() - 1;
  slots_.erase(found);
  if (hole != last) {
    std::copy_n(At(last), kernel_.dimension(), At(hole));
    labels_[hole] = labels_[last];
    slots_[labels_[hole]] = hole;
  }
  labels_.pop_back();
  if (labels_.size() + kChunkVectors <= (chunks_.size() - 1) * kChunkVectors) chunks_.pop_back();
  return true;
}

absl::StatusOr<SearchAnswer> FlatIndex::Search(std::span<const float> query,
                                               const SearchOptions& options) const {
  if (options.k == 0) return absl::InvalidArgumentError("k is 0; it must be at least 1");
  const absl::StatusOr<std::vector<float>> prepared = kernel_.Prepare(query);
  if (!prepared.ok()) return prepared.status();
  TopK nearest(options.k);
  {
    ReaderLock lock(mutex_);
    for (size_t slot = 0; slot < labels_.size(); ++slot) {
      const uint64_t label = labels_[slot];
      if (options.filter != nullptr && !options.filter->Contains(label)) continue;
      nearest.Offer(label, kernel_.Key(prepared->data(), At(slot)));
    }
  }
  const size_t vectors = size();
  SearchAnswer answer{.neighbors = nearest.Take()};
  answer.estimate.vectors = vectors;
  answer.estimate.candidates =
      options.filter != nullptr ? std::min(vectors, options.filter->count()) : vectors;
  for (Neighbor& neighbor : answer.neighbors) {
    neighbor.distance = kernel_.ToDistance(neighbor.distance);
  }
  return answer;
}

IndexStatistics FlatIndex::Statistics() const {
  ReaderLock lock(mutex_);
  return {
      .vector_count = labels_.size(),
      .memory = {.vectors = chunks_.size() * kChunkVectors * kernel_.dimension() * sizeof(float),
                 .labels = labels_.size() * kOverheadBytes}};
}

size_t FlatIndex::size() const {
  ReaderLock lock(mutex_);
  return labels_.size();
}

std::vector<uint64_t> FlatIndex::Labels() const {
  ReaderLock lock(mutex_);
  return labels_;
}

std::vector<float> FlatIndex::Vector(uint64_t label) const {
  ReaderLock lock(mutex_);
  const auto found = slots_.find(label);
  if (found == slots_.end()) return {};
  const float* first = At(found->second);
  return {first, first + kernel_.dimension()};
}

std::vector<float> FlatIndex::Components() const {
  ReaderLock lock(mutex_);
  std::vector<float> components;
  components.reserve(labels_.size() * kernel_.dimension());
  for (size_t slot = 0; slot < labels_.size(); ++slot) {
    components.insert(components.end(), At(slot), At(slot) + kernel_.dimension());
  }
  return components;
}

}  // namespace simile
