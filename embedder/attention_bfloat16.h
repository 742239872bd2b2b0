#ifndef SIMILE_EMBEDDER_ATTENTION_BFLOAT16_H_
#define SIMILE_EMBEDDER_ATTENTION_BFLOAT16_H_

// Attention of one head over one sequence for the bfloat16 levels; see kernels_bfloat16.h for the
// layouts and for how to include this.
//
//   1. Keys are transposed and values interleaved into blocks that stand on the right of a product.
//   2. Queries pass in tiles of 16. The products of a tile with the keys run while softmax works on
//      the tile before: a level whose products have a unit of their own overlaps the two.
//   3. Shares, rounded to bfloat16, times the values give the context, scaled by the sum of shares.

#include "embedder/kernels_bfloat16.h"

namespace simile {
namespace bfloat16 {

template <typename Product>
class HeadAttention {
 public:
  // Bytes of scratch, for sequences of at most `tokens_max`.
  static size_t ScratchBytes(size_t tokens_max, size_t head_size) {
    const size_t columns = Blocks(tokens_max) * kBlock;
    const size_t numbers = 2 * columns * head_size + 2 * kQueryRows * columns;
    const size_t floats = 2 * kQueryRows * columns;
    return numbers * sizeof(Number) + floats * sizeof(float);
  }

  // `projections` begin at the sequence's first row; a column block has `rows_padded` rows.
  HeadAttention(const Number* projections, size_t rows_padded, const AttentionShape& shape,
                std::byte* scratch, Number* operand)
      : projections_(projections),
        rows_padded_(rows_padded),
        shape_(shape),
        key_blocks_(Blocks(shape.tokens)),
        head_blocks_(shape.head_size / kBlock),
        operand_(operand) {
    const size_t columns = key_blocks_ * kBlock;
    for (float*& scores : scores_) scores = Take<float>(scratch, kQueryRows * columns);
    for (Number*& shares : shares_) shares = Take<Number>(scratch, kQueryRows * columns);
    keys_ = Take<Number>(scratch, columns * shape.head_size);
    values_ = Take<Number>(scratch, columns * shape.head_size);
    const float scale = 1 / std::sqrt(static_cast<float>(shape.head_size));
    to_binary_ = scale * 1.44269504088896341f;  // Softmax takes powers of two.
    const size_t rest = shape.tokens - (key_blocks_ - 1) * kBlock;
    last_first_ = static_cast<__mmask16>(rest >= kLanes ? 0xffff : (1u << rest) - 1);
    last_second_ = static_cast<__mmask16>(rest <= kLanes ? 0 : (1u << (rest - kLanes)) - 1);
  }

  void Run(size_t head) {
    PackKeys(ColumnBlock(shape_.heads * head_blocks_ + head * head_blocks_));
    PackValues(ColumnBlock(2 * shape_.heads * head_blocks_ + head * head_blocks_));
    const size_t tiles = (shape_.tokens + kQueryRows - 1) / kQueryRows;
    for (size_t tile = 0; tile <= tiles; ++tile) {
      softmax_row_ = tile == 0 ? kQueryRows : 0;
      softmax_tile_ = tile - 1;
      if (tile < tiles) Score(ColumnBlock(head * head_blocks_) + tile * kQueryRows * kBlock, tile);
      SoftmaxRows(kQueryRows);
      if (tile > 0) Gather(head, tile - 1);
    }
  }

 private:
  template <typename Value>
  static Value* Take(std::byte*& scratch, size_t count) {
    auto* values = reinterpret_cast<Value*>(scratch);
    scratch += count * sizeof(Value);
    return values;
  }

  const Number* ColumnBlock(size_t block) const {
    return projections_ + block * rows_padded_ * kBlock;
  }

  // keys_: [key block][block of axes][half][16 pairs of axes][16 keys][2].
  void PackKeys(const Number* lines) {
    for (size_t key = 0; key < key_blocks_ * kBlock; key += kLanes) {
      for (size_t block = 0; block < head_blocks_; ++block) {
        Number* to = keys_ + (key / kBlock * head_blocks_ + block) * kBlockNumbers;
        TransposePairs(lines + (block * rows_padded_ + key) * kBlock,
                       to + key % kBlock / kLanes * (kBlockNumbers / 2));
      }
    }
  }

  // values_: [block of axes][key block][half][16 pairs of keys][16 axes][2]; zero beyond the last
  // key, where the next sequence begins.
  void PackValues(const Number* lines) {
    const auto load = [&](size_t block, size_t key) {
      return key < shape_.tokens ? _mm512_loadu_si512(lines + (block * rows_padded_ + key) * kBlock)
                                 : _mm512_setzero_si512();
    };
    for (size_t block = 0; block < head_blocks_; ++block) {
      for (size_t key = 0; key < key_blocks_ * kBlock; key += 2) {
        Number* to = values_ + (block * key_blocks_ + key / kBlock) * kBlockNumbers;
        InterleaveLines(load(block, key), load(block, key + 1), to + key % kBlock * kLanes);
      }
    }
  }

  void Score(const Number* queries, size_t tile) {
    const size_t steps = (kQueryRows + key_blocks_ - 1) / key_blocks_;
    for (size_t block = 0; block < key_blocks_; ++block) {
      Product::Multiply(queries, rows_padded_ * kBlock,
                        keys_ + block * head_blocks_ * kBlockNumbers, head_blocks_, kQueryRows,
                        scores_[tile % 2] + block * kBlock, key_blocks_ * kBlock, nullptr,
                        [&] { SoftmaxRows(steps); });
    }
  }

  // The next `count` rows of the tile before the one that is being scored.
  void SoftmaxRows(size_t count) {
    const size_t end = std::min(kQueryRows, softmax_row_ + count);
    for (; softmax_row_ < end; ++softmax_row_) SoftmaxRow(softmax_row_);
  }

  void SoftmaxRow(size_t row) {
    const float* scores = scores_[softmax_tile_ % 2] + row * key_blocks_ * kBlock;
    Number* shares = shares_[softmax_tile_ % 2] + row * kBlock;
    const size_t last = key_blocks_ - 1;
    __m512 largest = _mm512_set1_ps(-INFINITY);
    for (size_t at = 0; at < last * kBlock; at += kLanes) {
      largest = _mm512_max_ps(largest, _mm512_loadu_ps(scores + at));
    }
    const float* tail = scores + last * kBlock;
    largest = _mm512_mask_max_ps(largest, last_first_, largest, _mm512_loadu_ps(tail));
    largest = _mm512_mask_max_ps(largest, last_second_, largest, _mm512_loadu_ps(tail + kLanes));
    const __m512 scale = _mm512_set1_ps(to_binary_);
    const __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(largest) * to_binary_);
    const auto share = [&](const float* from) {
      return PowerOfTwo(_mm512_fmsub_ps(_mm512_loadu_ps(from), scale, top));
    };
    __m512 sum_first = _mm512_setzero_ps(), sum_second = _mm512_setzero_ps();
    for (size_t block = 0; block <= last; ++block) {
      __m512 first = share(scores + block * kBlock);
      __m512 second = share(scores + block * kBlock + kLanes);
      if (block == last) {
        first = _mm512_maskz_mov_ps(last_first_, first);
        second = _mm512_maskz_mov_ps(last_second_, second);
      }
      sum_first = _mm512_add_ps(sum_first, first);
      sum_second = _mm512_add_ps(sum_second, second);
      StoreLine(shares + block * kQueryRows * kBlock, first, second);
    }
    sums_[softmax_tile_ % 2][row] = _mm512_reduce_add_ps(_mm512_add_ps(sum_first, sum_second));
  }

  // Shares times values, to the rows of the operand.
  void Gather(size_t head, size_t tile) {
    const size_t rows = std::min(kQueryRows, shape_.tokens - tile * kQueryRows);
    const size_t operand_blocks = shape_.heads * head_blocks_;
    alignas(64) float context[kQueryRows * kBlock];
    for (size_t block = 0; block < head_blocks_; ++block) {
      Product::Multiply(shares_[tile % 2], kQueryRows * kBlock,
                        values_ + block * key_blocks_ * kBlockNumbers, key_blocks_, kQueryRows,
                        context, kBlock, nullptr, [] {});
      for (size_t row = 0; row < rows; ++row) {
        const size_t batch_row = shape_.first_row + tile * kQueryRows + row;
        Number* line =
            operand_ +
            (batch_row / kBlock * operand_blocks + head * head_blocks_ + block) * kBlockNumbers +
            batch_row % kBlock * kBlock;
        const __m512 scale = _mm512_set1_ps(1 / sums_[tile % 2][row]);
        StoreLine(line, _mm512_mul_ps(scale, _mm512_load_ps(context + row * kBlock)),
                  _mm512_mul_ps(scale, _mm512_load_ps(context + row * kBlock + kLanes)));
      }
    }
  }

  const Number* const projections_;
  const size_t rows_padded_;
  const AttentionShape shape_;
  const size_t key_blocks_, head_blocks_;
  Number* const operand_;
  // Two of each: one tile is scored while softmax works on the other.
  float* scores_[2];   // [query][key]
  Number* shares_[2];  // [key block][query][32 keys]
  float sums_[2][kQueryRows];
  Number* keys_;
  Number* values_;
  float to_binary_;
  __mmask16 last_first_, last_second_;  // Which keys of the last block there are.
  size_t softmax_tile_ = 0, softmax_row_ = 0;
};

}  // namespace bfloat16
}  // namespace simile

#endif  // SIMILE_EMBEDDER_ATTENTION_BFLOAT16_H_
