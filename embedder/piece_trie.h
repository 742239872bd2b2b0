#ifndef SIMILE_EMBEDDER_PIECE_TRIE_H_
#define SIMILE_EMBEDDER_PIECE_TRIE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace simile {

// Finds the longest of many byte strings that a text begins with, in one walk along the text: a
// trie whose nodes lie in one array, the child for byte b of a node at base + b (the double array
// of Aoe 1989, "An efficient digital search algorithm by using a double-array structure").
//
// Thread safety: immutable.
class PieceTrie {
 public:
  struct Match {
    size_t length = 0;  // 0: nothing matches.
    uint32_t value = 0;
  };

  using Pieces = std::vector<std::pair<std::string_view, uint32_t>>;

  PieceTrie() : PieceTrie(Pieces()) {}

  // Of pieces and their values. An empty piece is never found; of equal ones the last counts.
  explicit PieceTrie(Pieces pieces);

  // One step of the walk for each byte of `text` up to the first that no piece goes on with.
  Match LongestPrefix(std::string_view text) const {
    Match match;
    uint32_t node = kRoot;
    for (size_t at = 0; at < text.size(); ++at) {
      const uint32_t child = nodes_[node].base + static_cast<unsigned char>(text[at]);
      if (nodes_[child].parent != node) break;
      node = child;
      if (nodes_[node].value != kNoValue) match = {at + 1, nodes_[node].value};
    }
    return match;
  }

  size_t size_bytes() const { return nodes_.size() * sizeof(Node); }

 private:
  static constexpr uint32_t kBytes = 256;  // Values of a byte.
  static constexpr uint32_t kRoot = 0;
  static constexpr uint32_t kNobody = UINT32_MAX;
  static constexpr uint32_t kNoValue = UINT32_MAX;

  struct Node {
    uint32_t base = 0;          // Children are at base + byte. Always within the array.
    uint32_t parent = kNobody;  // Nobody: the place is free.
    uint32_t value = kNoValue;
  };
  struct Branch;

  std::vector<Branch> Branches(const Branch& branch) const;
  uint32_t FreeBase(const std::vector<Branch>& children);

  Pieces pieces_;  // Sorted; only while building.
  std::vector<Node> nodes_;
  // No free place lies before it that any byte could reach from a base.
  uint32_t first_free_ = kBytes;
  uint32_t search_from_ = kBytes;  // Where brothers begin to look for places.
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_PIECE_TRIE_H_
