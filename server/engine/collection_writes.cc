// Removals and changes of metadata; see collection.h.
#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/kill_point.h"
#include "fmt/format.h"
#include "server/engine/collection.h"
#include "server/engine/document_filter.h"
#include "server/engine/errors.h"
#include "server/engine/filter_validation.h"
#include "server/engine/stopwatch.h"
#include "server/engine/validation.h"

namespace simile {
namespace {

// Documents of a removal or change by filter that go in one commit.
constexpr size_t kChangedTogether = 1'000;

// Changed documents are committed when they have so many bytes together.
constexpr size_t kCommittedBytes = 16 << 20;

// Failures of a change by filter that are told one by one.
constexpr size_t kToldFailures = 100;

// Documents read at a time: they may have 2 MiB each.
constexpr size_t kReadTogether = 64;

// What `patch` makes of `metadata`.
absl::StatusOr<Metadata> Patched(const Metadata& metadata, const MetadataPatch& patch) {
  Metadata result = patch.replace ? Metadata() : metadata;
  for (const std::string& name : patch.remove) result.erase(name);
  for (const auto& [name, value] : patch.set) result.insert_or_assign(name, value);
  if (absl::Status s = CheckMetadata(result); !s.ok()) return s;
  return result;
}

}  // namespace

absl::StatusOr<RemoveReport> Collection::Remove(std::span<const std::string> ids,
                                                Durability durability, bool dry_run,
                                                const CallContext& context) {
  if (absl::Status s = CheckReady(); !s.ok()) return s;
  if (absl::Status s = CheckIds(ids); !s.ok()) return s;
  RemoveReport report{.durability = durability};
  std::vector<std::string> unique_ids;
  std::unordered_set<std::string_view> seen;
  for (const std::string& id : ids) {
    if (seen.insert(id).second) unique_ids.push_back(id);
  }
  absl::Status removed = RemoveStored(unique_ids, nullptr, dry_run, context, report);
  if (!removed.ok()) return removed;
  return report;
}

absl::StatusOr<RemoveReport> Collection::RemoveMatching(const Filter& filter, Durability durability,
                                                        bool dry_run, const CallContext& context) {
  if (absl::Status s = CheckReady(); !s.ok()) return s;
  if (absl::Status s = InField("filter", CheckFilter(filter)); !s.ok()) return s;
  const auto matches = Watched(DocumentFilter(metadata_, store_, id_).Match(filter, context));
  if (!matches.ok()) return matches.status();
  RemoveReport report{.durability = durability};
  if (dry_run) {
    report.removed_count = matches->report.matching_count;
    return report;
  }
  absl::Status removed = ForEachIdBlock(matches->labels, [&](std::span<const std::string> ids) {
    return RemoveStored(ids, &filter, false, context, report);
  });
  if (!removed.ok()) return removed;
  // What went meanwhile is not missed: nobody named it.
  report.missing_ids.clear();
  return report;
}

absl::Status Collection::ForEachIdBlock(
    const BitSet& matching,
    const std::function<absl::Status(std::span<const std::string>)>& handle) const {
  std::vector<uint64_t> labels;
  matching.ForEach([&labels](size_t label) { labels.push_back(label); });
  for (size_t first = 0; first < labels.size(); first += kChangedTogether) {
    const auto block =
        std::span(labels).subspan(first, std::min(kChangedTogether, labels.size() - first));
    const auto documents = Watched(store_.GetByLabel(id_, block, {.text_and_metadata = false}));
    if (!documents.ok()) return documents.status();
    std::vector<std::string> ids;
    for (const std::optional<StoredDocument>& document : *documents) {
      if (document.has_value()) ids.push_back(document->id);
    }
    if (absl::Status s = handle(ids); !s.ok()) return s;
  }
  return absl::OkStatus();
}

// Removes those that are stored and match, when there is a filter; adds to `report`.
absl::Status Collection::RemoveStored(std::span<const std::string> ids, const Filter* filter,
                                      bool dry_run, const CallContext& context,
                                      RemoveReport& report) {
  const auto pass = gate_.Enter({ids.begin(), ids.end()}, context);
  if (!pass.ok()) return pass.status();
  WriteRequest request{.collection_id = id_, .durability = report.durability};
  for (size_t first = 0; first < ids.size(); first += kReadTogether) {
    const auto block = ids.subspan(first, std::min(kReadTogether, ids.size() - first));
    const auto stored =
        Watched(store_.GetById(id_, block, {.text_and_metadata = filter != nullptr}));
    if (!stored.ok()) return stored.status();
    for (size_t position = 0; position < block.size(); ++position) {
      const std::optional<StoredDocument>& document = (*stored)[position];
      if (!document.has_value()) {
        report.missing_ids.push_back(block[position]);
      } else if (filter == nullptr || IsMatch(*filter, *document)) {
        request.operations.emplace_back(RemoveOperation{.id = block[position]});
      }
    }
  }
  if (!dry_run && !request.operations.empty()) {
    if (absl::Status s = context.Check(); !s.ok()) return s;
    Stopwatch commit_watch;
    const AppliedSequence::Change change = index_->BeginChange();
    const size_t count = request.operations.size();
    auto committed = Watched(store_.Write(std::move(request)));
    if (!committed.ok()) return committed.status();
    report.removed_count += count;
    report.timings.commit += commit_watch.Elapsed();
    report.commit_sequence = committed->sequence;
    report.durability = committed->durability;
    Stopwatch index_watch;
    const std::shared_ptr<VectorIndex> index = index_->Get();
    for (const OperationResult& result : committed->operations) {
      KillPoint("remove.before-metadata");
      metadata_.Remove(result.label);
      KillPoint("remove.before-index");
      index->Remove(result.label);
    }
    report.timings.index += index_watch.Elapsed();
    return absl::OkStatus();
  }
  report.removed_count += request.operations.size();
  return absl::OkStatus();
}

absl::StatusOr<PatchReport> Collection::PatchMetadata(
    std::vector<absl::StatusOr<MetadataPatch>> patches, Durability durability,
    const CallContext& context) {
  if (absl::Status s = CheckReady(); !s.ok()) return s;
  PatchReport report{.statuses = std::vector<absl::Status>(patches.size()),
                     .durability = durability};
  std::vector<std::string> ids;
  std::unordered_set<std::string_view> seen;
  for (size_t position = 0; position < patches.size(); ++position) {
    absl::Status& status = report.statuses[position];
    status = patches[position].status();
    if (status.ok()) {
      status = InField(fmt::format("updates[{}].id", position), CheckId(patches[position]->id));
    }
    if (status.ok() && seen.insert(patches[position]->id).second) {
      ids.push_back(patches[position]->id);
    }
  }
  const auto pass = gate_.Enter(ids, context);
  if (!pass.ok()) return pass.status();
  auto stored = Watched(
      store_.GetById(id_, ids, {.text_and_metadata = true, .bytes_max = context.read_bytes_max}));
  if (!stored.ok()) return stored.status();

  // The newest version of each document: what is stored, then what earlier patches made of it.
  std::unordered_map<std::string_view, StoredDocument*> newest;
  for (std::optional<StoredDocument>& document : *stored) {
    if (document.has_value()) newest.try_emplace(document->id, &*document);
  }
  std::unordered_set<StoredDocument*> changed;
  for (size_t position = 0; position < patches.size(); ++position) {
    absl::Status& status = report.statuses[position];
    if (!status.ok()) continue;
    const MetadataPatch& patch = *patches[position];
    const auto found = newest.find(patch.id);
    if (found == newest.end()) {
      status = absl::NotFoundError(fmt::format("there is no document '{}'", patch.id));
      continue;
    }
    StoredDocument& document = *found->second;
    absl::StatusOr<Metadata> metadata = Patched(document.metadata, patch);
    if (!metadata.ok()) {
      status = InField(fmt::format("updates[{}]", position), metadata.status());
      continue;
    }
    document.metadata = *std::move(metadata);
    changed.insert(&document);
  }
  if (absl::Status s = CommitPatched({changed.begin(), changed.end()}, context, report); !s.ok()) {
    return s;
  }
  return report;
}

// One operation for a document, however many patches it had: each holds the whole document.
absl::Status Collection::CommitPatched(const std::vector<StoredDocument*>& documents,
                                       const CallContext& context, PatchReport& report) {
  if (documents.empty()) return absl::OkStatus();
  if (absl::Status s = context.Check(); !s.ok()) return s;
  WriteRequest request{.collection_id = id_, .durability = report.durability};
  std::vector<uint32_t> rows;
  for (StoredDocument* document : documents) {
    rows.push_back(metadata_.Stage(document->metadata));
    request.operations.emplace_back(PutOperation{.id = document->id,
                                                 .text = std::move(document->text),
                                                 .metadata = std::move(document->metadata),
                                                 .vector = std::nullopt});
  }
  Stopwatch commit_watch;
  auto committed = Watched(store_.Write(std::move(request)));
  KillPoint("patch.before-metadata");
  for (size_t at = 0; at < rows.size(); ++at) {
    if (committed.ok() && committed->operations[at].effect != OperationResult::Effect::kNotFound) {
      metadata_.Publish(committed->operations[at].label, rows[at]);
    } else {
      metadata_.Discard(rows[at]);
    }
  }
  if (!committed.ok()) return committed.status();
  report.updated_count += documents.size();
  report.timings.commit += commit_watch.Elapsed();
  report.commit_sequence = committed->sequence;
  report.durability = committed->durability;
  return absl::OkStatus();
}

absl::StatusOr<PatchReport> Collection::PatchMatching(const Filter& filter,
                                                      const MetadataPatch& change,
                                                      Durability durability, bool dry_run,
                                                      const CallContext& context) {
  if (absl::Status s = CheckReady(); !s.ok()) return s;
  if (absl::Status s = InField("filter", CheckFilter(filter)); !s.ok()) return s;
  // What is wrong for every document is told before any is changed.
  if (absl::Status s = InField("change", CheckMetadata(change.set)); !s.ok()) return s;
  const auto matches = Watched(DocumentFilter(metadata_, store_, id_).Match(filter, context));
  if (!matches.ok()) return matches.status();
  PatchReport report{.durability = durability};
  if (dry_run) {
    report.updated_count = matches->report.matching_count;
    return report;
  }
  absl::Status patched = ForEachIdBlock(matches->labels, [&](std::span<const std::string> ids) {
    return PatchStored(ids, filter, change, context, report);
  });
  if (!patched.ok()) return patched;
  return report;
}

// Changes those that are stored and match; adds to `report`.
absl::Status Collection::PatchStored(std::span<const std::string> ids, const Filter& filter,
                                     const MetadataPatch& change, const CallContext& context,
                                     PatchReport& report) {
  const auto pass = gate_.Enter({ids.begin(), ids.end()}, context);
  if (!pass.ok()) return pass.status();
  std::vector<StoredDocument> changed;
  size_t bytes = 0;
  const auto commit = [&] {
    std::vector<StoredDocument*> documents;
    for (StoredDocument& document : changed) documents.push_back(&document);
    absl::Status committed = CommitPatched(documents, context, report);
    changed.clear();
    bytes = 0;
    return committed;
  };
  for (size_t first = 0; first < ids.size(); first += kReadTogether) {
    auto stored = Watched(
        store_.GetById(id_, ids.subspan(first, std::min(kReadTogether, ids.size() - first)), {}));
    if (!stored.ok()) return stored.status();
    for (std::optional<StoredDocument>& document : *stored) {
      if (!document.has_value() || !IsMatch(filter, *document)) continue;
      absl::StatusOr<Metadata> metadata = Patched(document->metadata, change);
      if (metadata.ok()) {
        document->metadata = *std::move(metadata);
        bytes += document->bytes_read;
        changed.push_back(*std::move(document));
      } else if (++report.failed_count <= kToldFailures) {
        report.statuses.push_back(InvalidField(
            document->id,
            fmt::format("document '{}': {}", document->id, MessageOf(metadata.status()))));
      }
    }
    if (bytes < kCommittedBytes) continue;
    if (absl::Status s = commit(); !s.ok()) return s;
  }
  return commit();
}

}  // namespace simile
