#include "filter/facet.h"

#include <algorithm>
#include <utility>

namespace simile {
namespace {

bool IsBefore(const ValueCount& a, const ValueCount& b) {
  if (a.document_count != b.document_count) return a.document_count > b.document_count;
  return ScalarBefore()(a.value, b.value);
}

}  // namespace

void TopValues::Offer(const Scalar& value, size_t document_count) {
  if (document_count == 0) return;
  ++value_count_;
  if (limit_ == 0) return;
  if (heap_.size() == limit_) {
    // Most values of a field with many of them end here, without a copy.
    if (document_count < heap_.front().document_count) return;
    if (!IsBefore({value, document_count}, heap_.front())) return;
    std::ranges::pop_heap(heap_, IsBefore);
    heap_.pop_back();
  }
  heap_.push_back({value, document_count});
  std::ranges::push_heap(heap_, IsBefore);
}

std::vector<ValueCount> TopValues::Take() {
  std::ranges::sort_heap(heap_, IsBefore);
  return std::move(heap_);
}

}  // namespace simile
