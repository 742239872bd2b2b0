#include "filter/field_index.h"

#include <vector>

namespace simile {
namespace {

// What a node of the tree takes for a key beside the key itself: its posting, and room that is not
// full.
constexpr size_t kNodeBytes = sizeof(Posting) + 8;

// The memory of bitmaps is counted after so many rows.
constexpr size_t kRowsBetweenCounts = 8'192;

template <typename Postings, typename Key>
const Posting* FindIn(const Postings& postings, const Key& key) {
  const auto found = postings.find(key);
  return found == postings.end() ? nullptr : &found->second;
}

// Those of the keys between the bounds.
template <typename Postings, typename KeyOf>
void CollectBetween(const Postings& postings, const std::optional<Scalar>& low, bool low_inclusive,
                    const std::optional<Scalar>& high, bool high_inclusive, KeyOf key_of,
                    BitSet& rows) {
  std::vector<uint32_t> unpacked;
  auto at = postings.begin();
  auto end = postings.end();
  if (low.has_value()) {
    const auto key = key_of(*low);
    at = low_inclusive ? postings.lower_bound(key) : postings.upper_bound(key);
  }
  if (at == postings.end()) return;
  if (high.has_value()) {
    const auto key = key_of(*high);
    // Between equal bounds that are both exclusive the end would come before the beginning.
    if (key < at->first) return;
    end = high_inclusive ? postings.upper_bound(key) : postings.lower_bound(key);
  }
  for (; at != end; ++at) at->second.AddTo(rows, unpacked);
}

template <typename Postings>
size_t BytesOf(const Postings& postings) {
  size_t bytes = postings.size() * (sizeof(typename Postings::key_type) + kNodeBytes);
  for (const auto& [key, posting] : postings) bytes += posting.memory_bytes();
  return bytes;
}

template <typename Postings>
void SubtractFrom(Postings& postings, const BitSet& dead) {
  for (auto at = postings.begin(); at != postings.end();) {
    at->second.Subtract(dead);
    at = at->second.count() == 0 ? postings.erase(at) : std::next(at);
  }
}

}  // namespace

void FieldIndex::Add(uint32_t row, const Value& value) {
  WriterLock lock(mutex_);
  if (is_over_budget_) return;
  present_.Add(row);
  ForEachScalar(
      value, [&](const Scalar& scalar) ABSL_NO_THREAD_SAFETY_ANALYSIS { AddScalar(row, scalar); });
  if (++rows_since_count_ < kRowsBetweenCounts && key_bytes_ <= bytes_max_) return;
  rows_since_count_ = 0;
  if (CountBytes() > bytes_max_) ForgetAll();
}

void FieldIndex::AddScalar(uint32_t row, const Scalar& scalar) {
  if (std::holds_alternative<Null>(scalar)) {
    nulls_.Add(row);
  } else if (const auto* flag = std::get_if<bool>(&scalar)) {
    AddTo(flags_, *flag, 0, row);
  } else if (const auto* number = std::get_if<Number>(&scalar)) {
    AddTo(numbers_, *number, 0, row);
  } else if (const auto* string = std::get_if<std::string>(&scalar)) {
    AddTo(strings_, *string, string->capacity(), row);
  } else if (const auto* bytes = std::get_if<Bytes>(&scalar)) {
    AddTo(bytes_, bytes->data, bytes->data.capacity(), row);
  } else if (const auto* time = std::get_if<Timestamp>(&scalar)) {
    AddTo(times_, TimeKey(time->seconds, time->nanos), 0, row);
  }
}

template <typename Key>
void FieldIndex::AddTo(Postings<Key>& postings, const Key& key, size_t key_bytes, uint32_t row) {
  const auto [found, is_new] = postings.try_emplace(key);
  if (is_new) key_bytes_ += key_bytes;
  found->second.Add(row);
}

const Posting* FieldIndex::Find(const Scalar& scalar) const {
  if (std::holds_alternative<Null>(scalar)) return &nulls_;
  if (const auto* flag = std::get_if<bool>(&scalar)) return FindIn(flags_, *flag);
  if (const auto* number = std::get_if<Number>(&scalar)) return FindIn(numbers_, *number);
  if (const auto* string = std::get_if<std::string>(&scalar)) return FindIn(strings_, *string);
  if (const auto* bytes = std::get_if<Bytes>(&scalar)) return FindIn(bytes_, bytes->data);
  const auto& time = std::get<Timestamp>(scalar);
  return FindIn(times_, TimeKey(time.seconds, time.nanos));
}

bool FieldIndex::CollectAny(std::span<const Value> values, BitSet& rows) const {
  ReaderLock lock(mutex_);
  if (is_over_budget_) return false;
  std::vector<uint32_t> unpacked;
  for (const Value& value : values) {
    const std::optional<Scalar> scalar = ScalarOf(value);
    const Posting* posting = scalar.has_value() ? Find(*scalar) : nullptr;
    if (posting != nullptr) posting->AddTo(rows, unpacked);
  }
  return true;
}

bool FieldIndex::CollectRange(const InRange& range, BitSet& rows) const {
  const auto bound_of = [](const std::optional<RangeBound>& bound) {
    return bound.has_value() ? ScalarOf(bound->value) : std::nullopt;
  };
  const std::optional<Scalar> low = bound_of(range.low), high = bound_of(range.high);
  const bool low_inclusive = range.low.has_value() && range.low->is_inclusive;
  const bool high_inclusive = range.high.has_value() && range.high->is_inclusive;
  ReaderLock lock(mutex_);
  if (is_over_budget_) return false;
  // A bound that is no scalar, or two of different types: nothing lies between.
  if (range.low.has_value() != low.has_value() || range.high.has_value() != high.has_value()) {
    return true;
  }
  if (low.has_value() && high.has_value() && low->index() != high->index()) return true;
  const Scalar& kind = low.has_value() ? *low : *high;
  const auto collect = [&](const auto& postings, auto key_of) {
    CollectBetween(postings, low, low_inclusive, high, high_inclusive, key_of, rows);
  };
  if (std::holds_alternative<bool>(kind)) {
    collect(flags_, [](const Scalar& scalar) { return std::get<bool>(scalar); });
  } else if (std::holds_alternative<Number>(kind)) {
    collect(numbers_, [](const Scalar& scalar) { return std::get<Number>(scalar); });
  } else if (std::holds_alternative<std::string>(kind)) {
    collect(strings_, [](const Scalar& scalar) { return std::get<std::string>(scalar); });
  } else if (std::holds_alternative<Bytes>(kind)) {
    collect(bytes_, [](const Scalar& scalar) { return std::get<Bytes>(scalar).data; });
  } else if (std::holds_alternative<Timestamp>(kind)) {
    collect(times_, [](const Scalar& scalar) {
      const auto& time = std::get<Timestamp>(scalar);
      return TimeKey(time.seconds, time.nanos);
    });
  }
  return true;
}

bool FieldIndex::CollectPresent(BitSet& rows) const {
  ReaderLock lock(mutex_);
  if (is_over_budget_) return false;
  std::vector<uint32_t> unpacked;
  present_.AddTo(rows, unpacked);
  return true;
}

bool FieldIndex::ForEachValue(
    const std::function<void(const Scalar&, const Posting&)>& visit) const {
  ReaderLock lock(mutex_);
  if (is_over_budget_) return false;
  if (nulls_.count() > 0) visit(Scalar(Null()), nulls_);
  for (const auto& [flag, posting] : flags_) visit(Scalar(flag), posting);
  for (const auto& [number, posting] : numbers_) visit(Scalar(number), posting);
  for (const auto& [string, posting] : strings_) visit(Scalar(string), posting);
  for (const auto& [data, posting] : bytes_) visit(Scalar(Bytes{data}), posting);
  for (const auto& [time, posting] : times_) {
    visit(Scalar(Timestamp{.seconds = time.first, .nanos = time.second}), posting);
  }
  return true;
}

void FieldIndex::Subtract(const BitSet& dead) {
  WriterLock lock(mutex_);
  present_.Subtract(dead);
  nulls_.Subtract(dead);
  SubtractFrom(flags_, dead);
  SubtractFrom(numbers_, dead);
  SubtractFrom(strings_, dead);
  SubtractFrom(bytes_, dead);
  SubtractFrom(times_, dead);
  key_bytes_ = 0;
  for (const auto& [string, posting] : strings_) key_bytes_ += string.capacity();
  for (const auto& [data, posting] : bytes_) key_bytes_ += data.capacity();
}

bool FieldIndex::HasType(const Value& value) const {
  const std::optional<Scalar> scalar = ScalarOf(value);
  ReaderLock lock(mutex_);
  if (is_over_budget_ || !scalar.has_value()) return is_over_budget_;
  if (std::holds_alternative<Null>(*scalar)) return true;
  if (std::holds_alternative<bool>(*scalar)) return !flags_.empty();
  if (std::holds_alternative<Number>(*scalar)) return !numbers_.empty();
  if (std::holds_alternative<std::string>(*scalar)) return !strings_.empty();
  if (std::holds_alternative<Bytes>(*scalar)) return !bytes_.empty();
  return !times_.empty();
}

void FieldIndex::ForgetAll() {
  is_over_budget_ = true;
  present_ = {};
  nulls_ = {};
  flags_.clear();
  numbers_.clear();
  strings_.clear();
  bytes_.clear();
  times_.clear();
  key_bytes_ = 0;
}

size_t FieldIndex::CountBytes() const {
  return key_bytes_ + present_.memory_bytes() + nulls_.memory_bytes() + BytesOf(flags_) +
         BytesOf(numbers_) + BytesOf(strings_) + BytesOf(bytes_) + BytesOf(times_);
}

size_t FieldIndex::memory_bytes() const {
  ReaderLock lock(mutex_);
  return CountBytes();
}

bool FieldIndex::is_over_budget() const {
  ReaderLock lock(mutex_);
  return is_over_budget_;
}

}  // namespace simile
