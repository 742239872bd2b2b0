#ifndef SIMILE_EMBEDDER_TOKEN_HASH_H_
#define SIMILE_EMBEDDER_TOKEN_HASH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace simile {

// Hash of token ids, for tables that find equal sequences.
struct TokenHash {
  size_t operator()(std::span<const uint32_t> ids) const {
    return std::hash<std::string_view>()(
        {reinterpret_cast<const char*>(ids.data()), ids.size_bytes()});
  }
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_TOKEN_HASH_H_
