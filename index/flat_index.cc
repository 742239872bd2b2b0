#include "index/flat_index.h"

#include <algorithm>
#include <utility>

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
  return RemoveLocked(label);
}

void FlatIndex::RemoveAll(std::span<const uint64_t> labels) {
  WriterLock lock(mutex_);
  for (const uint64_t label : labels) RemoveLocked(label);
}

bool FlatIndex::RemoveLocked(uint64_t label) {
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
  const BatchQuery one{.vector = query, .options = options};
  return std::move(SearchBatch({&one, 1}).front());
}

std::vector<absl::StatusOr<SearchAnswer>> FlatIndex::SearchBatch(
    std::span<const BatchQuery> queries) const {
  std::vector<absl::StatusOr<SearchAnswer>> answers;
  std::vector<Scan> scans;
  for (const BatchQuery& query : queries) {
    auto prepared = query.options.k == 0
                        ? absl::InvalidArgumentError("k is 0; it must be at least 1")
                        : kernel_.Prepare(query.vector);
    if (prepared.ok()) {
      scans.push_back({.answer = answers.size(),
                       .vector = *std::move(prepared),
                       .filter = query.options.filter,
                       .nearest = TopK(query.options.k)});
      answers.emplace_back(SearchAnswer());
    } else {
      answers.emplace_back(prepared.status());
    }
  }
  for (std::span<Scan> left(scans); !left.empty();) {
    const size_t some = std::min(left.size(), kScansTogether);
    ScanTogether(left.first(some));
    left = left.subspan(some);
  }
  const size_t vectors = size();
  for (Scan& scan : scans) {
    SearchAnswer& answer = *answers[scan.answer];
    answer.neighbors = scan.nearest.Take();
    answer.estimate.vectors = vectors;
    answer.estimate.candidates = scan.compared;
    for (Neighbor& neighbor : answer.neighbors) {
      neighbor.distance = kernel_.ToDistance(neighbor.distance);
    }
  }
  return answers;
}

void FlatIndex::ScanTogether(std::span<Scan> scans) const {
  ReaderLock lock(mutex_);
  for (size_t slot = 0; slot < labels_.size(); ++slot) {
    const uint64_t label = labels_[slot];
    const float* const vector = At(slot);
    for (Scan& scan : scans) {
      if (scan.filter != nullptr && !scan.filter->Contains(label)) continue;
      ++scan.compared;
      scan.nearest.Offer(label, kernel_.Key(scan.vector.data(), vector));
    }
  }
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
