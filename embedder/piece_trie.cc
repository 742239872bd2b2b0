#include "embedder/piece_trie.h"

#include <algorithm>

namespace simile {

// A node that waits for its children: the pieces [first, end) go through it and share their first
// `depth` bytes.
struct PieceTrie::Branch {
  uint32_t node;
  size_t first;
  size_t end;
  size_t depth;
  unsigned char byte;  // That led here.
};

PieceTrie::PieceTrie(Pieces pieces) : pieces_(std::move(pieces)) {
  // Stable, so that of equal pieces the last stays last.
  std::ranges::stable_sort(pieces_, {}, &Pieces::value_type::first);
  nodes_.resize(2 * kBytes);
  nodes_[kRoot].parent = kRoot;
  std::vector<Branch> waiting = {
      {.node = kRoot, .first = 0, .end = pieces_.size(), .depth = 0, .byte = 0}};
  while (!waiting.empty()) {
    const Branch branch = waiting.back();
    waiting.pop_back();
    std::vector<Branch> children = Branches(branch);
    if (children.empty()) continue;
    const uint32_t base = FreeBase(children);
    nodes_[branch.node].base = base;
    for (Branch& child : children) {
      child.node = base + child.byte;
      nodes_[child.node].parent = branch.node;
      for (size_t at = child.first; at < child.end; ++at) {
        if (pieces_[at].first.size() > child.depth) break;
        nodes_[child.node].value = pieces_[at].second;
      }
    }
    waiting.insert(waiting.end(), children.begin(), children.end());
  }
  pieces_.clear();
  pieces_.shrink_to_fit();
  nodes_.shrink_to_fit();
}

std::vector<PieceTrie::Branch> PieceTrie::Branches(const Branch& branch) const {
  std::vector<Branch> children;
  for (size_t at = branch.first; at < branch.end; ++at) {
    const std::string_view piece = pieces_[at].first;
    if (piece.size() == branch.depth) continue;
    const auto byte = static_cast<unsigned char>(piece[branch.depth]);
    if (children.empty() || children.back().byte != byte) {
      children.push_back(
          {.node = 0, .first = at, .end = at, .depth = branch.depth + 1, .byte = byte});
    }
    children.back().end = at + 1;
  }
  return children;
}

// A base at which the places of all children are free; makes room for any byte behind it. An only
// child takes the first free place; brothers look from where others like them had to look long, so
// that the crowded beginning is not searched again and again.
uint32_t PieceTrie::FreeBase(const std::vector<Branch>& children) {
  constexpr uint32_t kLongSearch = 64;
  while (first_free_ < nodes_.size() && nodes_[first_free_].parent != kNobody) ++first_free_;
  const unsigned char smallest = children.front().byte;
  const uint32_t from = children.size() == 1 ? first_free_ : std::max(first_free_, search_from_);
  const uint32_t first = from - smallest;
  uint32_t base = first;
  const auto is_taken = [&](const Branch& child) {
    const size_t place = base + child.byte;
    return place < nodes_.size() && nodes_[place].parent != kNobody;
  };
  while (std::ranges::any_of(children, is_taken)) ++base;
  if (children.size() > 1 && base - first > kLongSearch) search_from_ = base;
  if (base + kBytes > nodes_.size()) nodes_.resize(base + kBytes);
  return base;
}

}  // namespace simile
