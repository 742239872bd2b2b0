#include "filter/metadata_index.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "filter/field_paths.h"
#include "fmt/format.h"

namespace simile {
namespace {

// Rows of old versions are taken away when there are more than live ones, but not for a few.
constexpr size_t kDeadRowsMin = 4'096;

constexpr uint32_t kNoRow = 0xFFFFFFFFu;

void CollectIds(const Filter& filter, std::vector<std::string>& ids) {
  if (const auto* all = std::get_if<AllOf>(&filter.kind)) {
    for (const Filter& one : all->filters) CollectIds(one, ids);
  } else if (const auto* any = std::get_if<AnyOf>(&filter.kind)) {
    for (const Filter& one : any->filters) CollectIds(one, ids);
  } else if (const auto* inverse = std::get_if<Not>(&filter.kind)) {
    CollectIds(inverse->filter.front(), ids);
  } else if (const auto* has_id = std::get_if<HasId>(&filter.kind)) {
    ids.insert(ids.end(), has_id->ids.begin(), has_id->ids.end());
  }
}

std::string_view TypeName(const Value& value) {
  constexpr std::string_view kNames[] = {"null",  "bool",      "number", "number", "string",
                                         "bytes", "timestamp", "list",   "map"};
  return kNames[value.kind.index()];
}

}  // namespace

// What is known of a part of a filter: rows that match for certain, and others that may.
struct Decided {
  BitSet yes = BitSet(0);
  BitSet maybe = BitSet(0);
  bool has_maybe = false;
};

// One evaluation, over the rows that were live when it began.
class MetadataIndex::Evaluator {
 public:
  using LabelsOfIds = std::function<std::vector<uint64_t>(const std::vector<std::string>&)>;

  Evaluator(const MetadataIndex& index, BitSet live,
            std::unordered_map<std::string_view, uint32_t> rows_of_ids)
      : index_(index), live_(std::move(live)), rows_of_ids_(std::move(rows_of_ids)) {}

  Decided Evaluate(const Filter& filter) {
    return std::visit([this](const auto& kind) { return Of(kind); }, filter.kind);
  }

  const BitSet& live() const { return live_; }
  std::vector<std::string> TakeNotes() { return std::move(notes_); }

 private:
  Decided Of(const AllOf& all) {
    Decided result{.yes = live_};
    for (const Filter& filter : all.filters) {
      Decided one = Evaluate(filter);
      if (!one.has_maybe && !result.has_maybe) {
        result.yes.Intersect(one.yes);
        continue;
      }
      BitSet possible = Possible(std::move(result.maybe), result.yes);
      possible.Intersect(Possible(std::move(one.maybe), one.yes));
      result.yes.Intersect(one.yes);
      SetMaybe(result, std::move(possible));
    }
    return result;
  }

  Decided Of(const AnyOf& any) {
    Decided result{.yes = BitSet(live_.size())};
    BitSet possible(live_.size());
    bool has_maybe = false;
    for (const Filter& filter : any.filters) {
      const Decided one = Evaluate(filter);
      result.yes.Unite(one.yes);
      if (!one.has_maybe) continue;
      possible.Unite(one.maybe);
      has_maybe = true;
    }
    if (has_maybe) SetMaybe(result, std::move(possible));
    return result;
  }

  Decided Of(const Not& inverse) {
    Decided one = Evaluate(inverse.filter.front());
    Decided result{.yes = live_, .maybe = std::move(one.maybe), .has_maybe = one.has_maybe};
    result.yes.Subtract(one.yes);
    if (result.has_maybe) result.yes.Subtract(result.maybe);
    return result;
  }

  Decided Of(const HasAny& condition) {
    return OfField(condition.field, [&](const FieldIndex& field, BitSet& rows) {
      NoteTypes(condition.field, field, condition.values);
      return field.CollectAny(condition.values, rows);
    });
  }

  Decided Of(const HasAll& condition) {
    AllOf all;
    for (const Value& value : condition.values) {
      all.filters.push_back({HasAny{.field = condition.field, .values = {value}}});
    }
    return Of(all);
  }

  Decided Of(const InRange& range) {
    return OfField(range.field, [&](const FieldIndex& field, BitSet& rows) {
      const Value& bound = range.low.has_value() ? range.low->value : range.high->value;
      NoteTypes(range.field, field, std::span(&bound, 1));
      return field.CollectRange(range, rows);
    });
  }

  Decided Of(const FieldExists& condition) {
    return OfField(condition.field, [](const FieldIndex& field, BitSet& rows) {
      return field.CollectPresent(rows);
    });
  }

  Decided Of(const TextHasWord& /*condition*/) {
    return Undecided("words of a text are not indexed");
  }

  Decided Of(const HasId& condition) {
    Decided result{.yes = BitSet(live_.size())};
    for (const std::string& id : condition.ids) {
      const auto found = rows_of_ids_.find(id);
      if (found != rows_of_ids_.end() && live_.Contains(found->second)) {
        result.yes.Add(found->second);
      }
    }
    return result;
  }

  template <typename Collect>
  Decided OfField(const std::string& name, const Collect& collect) {
    const std::shared_ptr<FieldIndex> field = index_.FindField(name);
    if (field == nullptr) {
      {
        ReaderLock lock(index_.fields_mutex_);
        if (!index_.has_unindexed_fields_ || index_.MayIndex(name)) {
          notes_.push_back(fmt::format("no document has a field '{}'", name));
          return {.yes = BitSet(live_.size())};
        }
      }
      if (!index_.options_.fields.empty()) {
        return Undecided(
            fmt::format("field '{}' is not among those that the collection indexes", name));
      }
      return Undecided(fmt::format("field '{}' is not indexed: there are more than {}", name,
                                   index_.options_.fields_max));
    }
    Decided result{.yes = BitSet(live_.size())};
    if (collect(*field, result.yes)) return result;
    return Undecided(fmt::format("field '{}' is not indexed: it would take more than {} bytes",
                                 name, index_.options_.field_bytes_max));
  }

  void NoteTypes(const std::string& name, const FieldIndex& field, std::span<const Value> values) {
    for (const Value& value : values) {
      if (field.HasType(value)) continue;
      notes_.push_back(fmt::format("field '{}' has no value of type {}", name, TypeName(value)));
      return;
    }
  }

  Decided Undecided(std::string why) {
    notes_.push_back(fmt::format("documents are read: {}", why));
    return {.yes = BitSet(live_.size()), .maybe = live_, .has_maybe = true};
  }

  static BitSet Possible(BitSet maybe, const BitSet& yes) {
    maybe.Unite(yes);
    return maybe;
  }

  static void SetMaybe(Decided& result, BitSet possible) {
    possible.Subtract(result.yes);
    result.has_maybe = !possible.IsEmpty();
    result.maybe = std::move(possible);
  }

  const MetadataIndex& index_;
  const BitSet live_;
  const std::unordered_map<std::string_view, uint32_t> rows_of_ids_;
  std::vector<std::string> notes_;
};

std::shared_ptr<FieldIndex> MetadataIndex::FindField(std::string_view name) const {
  ReaderLock lock(fields_mutex_);
  const auto found = fields_.find(name);
  return found == fields_.end() ? nullptr : found->second;
}

// Whether a document that had the field would have it in an index.
bool MetadataIndex::MayIndex(const std::string& name) const {
  return fields_.size() < options_.fields_max &&
         (options_.fields.empty() || options_.fields.contains(name));
}

std::shared_ptr<FieldIndex> MetadataIndex::FieldFor(const std::string& name) {
  {
    ReaderLock lock(fields_mutex_);
    if (const auto found = fields_.find(name); found != fields_.end()) return found->second;
    if (has_unindexed_fields_ && !MayIndex(name)) return nullptr;
  }
  WriterLock lock(fields_mutex_);
  const auto found = fields_.find(name);
  if (found != fields_.end()) return found->second;
  if (!MayIndex(name)) {
    has_unindexed_fields_ = true;
    return nullptr;
  }
  return fields_.emplace(name, std::make_shared<FieldIndex>(options_.field_bytes_max))
      .first->second;
}

uint32_t MetadataIndex::TakeRow() {
  WriterLock lock(rows_mutex_);
  if (!free_.empty()) {
    const uint32_t row = free_.back();
    free_.pop_back();
    return row;
  }
  labels_.Append();
  live_.Grow(std::max(labels_.size(), live_.size()));
  return static_cast<uint32_t>(labels_.size() - 1);
}

uint32_t MetadataIndex::Stage(const Metadata& metadata) {
  const uint32_t row = TakeRow();
  ForEachField(metadata, [&](const std::string& path, const Value& value) {
    if (const std::shared_ptr<FieldIndex> field = FieldFor(path)) field->Add(row, value);
  });
  return row;
}

void MetadataIndex::Bury(uint32_t row) {
  live_.Remove(row);
  dead_.push_back(row);
}

void MetadataIndex::Publish(uint64_t label, uint32_t row) {
  bool is_sweep_due = false;
  {
    WriterLock lock(rows_mutex_);
    labels_.Set(row, label);
    live_.Add(row);
    const auto [found, is_new] = rows_.try_emplace(label, row);
    if (!is_new) Bury(std::exchange(found->second, row));
    is_sweep_due = IsSweepDue();
  }
  if (is_sweep_due) Sweep();
}

void MetadataIndex::Discard(uint32_t row) {
  WriterLock lock(rows_mutex_);
  dead_.push_back(row);
}

void MetadataIndex::Remove(uint64_t label) {
  bool is_sweep_due = false;
  {
    WriterLock lock(rows_mutex_);
    const auto found = rows_.find(label);
    if (found != rows_.end()) {
      Bury(found->second);
      rows_.erase(found);
    }
    if (!is_complete()) removed_.insert(label);
    is_sweep_due = IsSweepDue();
  }
  if (is_sweep_due) Sweep();
}

void MetadataIndex::Load(uint64_t label, const Metadata& metadata) {
  const uint32_t row = Stage(metadata);
  WriterLock lock(rows_mutex_);
  if (rows_.contains(label) || removed_.contains(label)) {
    dead_.push_back(row);
    return;
  }
  labels_.Set(row, label);
  live_.Add(row);
  rows_.emplace(label, row);
}

void MetadataIndex::EndLoading() {
  WriterLock lock(rows_mutex_);
  removed_.clear();
  is_complete_.store(true, std::memory_order_release);
}

bool MetadataIndex::IsSweepDue() const {
  return dead_.size() >= std::max(kDeadRowsMin, rows_.size());
}

// 1. What is dead is no longer in the set of live rows, so evaluations that begin do not see it.
// 2. Once those that had begun before are done, nobody does: it is taken out of the fields.
// 3. Then its rows can be used again.
void MetadataIndex::Sweep() {
  std::vector<uint32_t> swept;
  BitSet dead;
  WriterLock sweep(sweep_mutex_);
  {
    WriterLock lock(rows_mutex_);
    if (!IsSweepDue()) return;
    swept = std::exchange(dead_, {});
    dead = BitSet(labels_.size());
  }
  for (const uint32_t row : swept) dead.Add(row);
  { WriterLock grace(recycle_mutex_); }
  std::vector<std::shared_ptr<FieldIndex>> fields;
  {
    ReaderLock lock(fields_mutex_);
    for (const auto& [name, field] : fields_) fields.push_back(field);
  }
  for (const std::shared_ptr<FieldIndex>& field : fields) field->Subtract(dead);
  WriterLock lock(rows_mutex_);
  free_.insert(free_.end(), swept.begin(), swept.end());
}

FilterEvaluation MetadataIndex::Evaluate(
    const Filter& filter,
    const std::function<std::vector<uint64_t>(const std::vector<std::string>&)>& labels_of_ids)
    const {
  std::vector<std::string> ids;
  CollectIds(filter, ids);
  const std::vector<uint64_t> id_labels =
      ids.empty() ? std::vector<uint64_t>() : labels_of_ids(ids);
  ReaderLock no_recycling(recycle_mutex_);
  std::unordered_map<std::string_view, uint32_t> rows_of_ids;
  BitSet live;
  {
    ReaderLock lock(rows_mutex_);
    live = live_;
    for (size_t at = 0; at < ids.size() && at < id_labels.size(); ++at) {
      const auto found = rows_.find(id_labels[at]);
      rows_of_ids[ids[at]] = found == rows_.end() ? kNoRow : found->second;
    }
  }
  Evaluator evaluator(*this, std::move(live), std::move(rows_of_ids));
  Decided decided = evaluator.Evaluate(filter);
  decided.yes.Intersect(evaluator.live());
  FilterEvaluation evaluation{.notes = evaluator.TakeNotes()};
  ReaderLock lock(rows_mutex_);
  evaluation.matching = labels_.LabelsOf(decided.yes);
  evaluation.count = decided.yes.Count();
  if (!decided.has_maybe) return evaluation;
  decided.maybe.Intersect(evaluator.live());
  decided.maybe.ForEach([&](size_t row) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    evaluation.undecided.push_back(labels_[row]);
  });
  std::ranges::sort(evaluation.undecided);
  return evaluation;
}

std::optional<FacetCounts> MetadataIndex::Count(const Facet& facet, const BitSet* labels) const {
  FacetCounts counts{.range_counts = std::vector<size_t>(facet.ranges.size())};
  const std::shared_ptr<FieldIndex> field = FindField(facet.field);
  if (field == nullptr) {
    ReaderLock lock(fields_mutex_);
    if (has_unindexed_fields_ && !MayIndex(facet.field)) return std::nullopt;
    return counts;
  }
  ReaderLock no_recycling(recycle_mutex_);
  BitSet counted;
  {
    ReaderLock lock(rows_mutex_);
    counted = live_;
    if (labels != nullptr) {
      live_.ForEach([&](size_t row) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        if (!labels->Contains(labels_[row])) counted.Remove(row);
      });
    }
  }
  TopValues top(facet.limit);
  const bool is_indexed = field->ForEachValue([&](const Scalar& scalar, const Posting& posting) {
    top.Offer(scalar, posting.CountIn(counted));
  });
  if (!is_indexed) return std::nullopt;
  for (size_t at = 0; at < facet.ranges.size(); ++at) {
    BitSet rows(counted.size());
    if (!field->CollectRange(facet.ranges[at], rows)) return std::nullopt;
    rows.Intersect(counted);
    counts.range_counts[at] = rows.Count();
  }
  counts.value_count = top.value_count();
  counts.values = top.Take();
  return counts;
}

MetadataIndexStatistics MetadataIndex::Statistics() const {
  MetadataIndexStatistics statistics;
  std::map<std::string, std::shared_ptr<FieldIndex>, std::less<>> fields;
  bool has_unindexed_fields = false;
  {
    ReaderLock lock(fields_mutex_);
    fields = fields_;
    has_unindexed_fields = has_unindexed_fields_;
  }
  statistics.fields = fields.size();
  statistics.has_unindexed_fields = has_unindexed_fields;
  for (const auto& [name, field] : fields) {
    if (field->is_over_budget()) statistics.fields_over_budget.push_back(name);
    statistics.memory_bytes += field->memory_bytes();
  }
  ReaderLock lock(rows_mutex_);
  statistics.rows = rows_.size();
  statistics.dead_rows = dead_.size();
  // A hash table has a byte of control for each place.
  statistics.memory_bytes += live_.memory_bytes() + labels_.memory_bytes() +
                             rows_.capacity() * (sizeof(std::pair<uint64_t, uint32_t>) + 1) +
                             (dead_.capacity() + free_.capacity()) * 4;
  return statistics;
}

}  // namespace simile
