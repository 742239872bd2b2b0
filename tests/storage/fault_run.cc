#include "tests/storage/fault_run.h"

#include <algorithm>
#include <set>
#include <utility>

#include "fmt/format.h"

namespace simile {
namespace {

constexpr int kSteps = 160;
constexpr size_t kIdsOfEach = 40;
constexpr size_t kOperationsMax = 24;
constexpr size_t kTextBytes = 400;
constexpr size_t kListedMax = 1'000;
// So that tables are written and compacted while the run goes on.
constexpr size_t kMemtableBytes = 64 * 1024;

std::string TextOf(const std::string& id, int version) {
  std::string text = fmt::format("{} {} ", version, id);
  text.resize(kTextBytes, static_cast<char>('a' + version % 26));
  return text;
}

std::vector<float> VectorOf(const std::string& id, int version) {
  return {static_cast<float>(version), static_cast<float>(id.size())};
}

bool IsWhole(const StoredDocument& document, int version) {
  return document.text == TextOf(document.id, version) &&
         document.vector == VectorOf(document.id, version);
}

StoreOptions OptionsOf(const std::string& directory,
                       std::shared_ptr<rocksdb::FileSystem> file_system) {
  return {.data_directory = directory,
          .memtable_bytes = kMemtableBytes,
          .free_disk_bytes_min = 0,
          .file_system = std::move(file_system)};
}

}  // namespace

FaultRun::FaultRun(std::string directory, const FaultPlan& plan, uint32_t seed)
    : directory_(std::move(directory)),
      file_system_(std::make_shared<FailingFileSystem>(plan)),
      random_(seed) {}

const std::vector<std::string>& FaultRun::Run() {
  // A start that fails is one more thing to come back from.
  if (auto opened = Store::Open(OptionsOf(directory_, file_system_)); opened.ok()) {
    store_ = *std::move(opened);
    Work();
    store_.reset();
  }
  file_system_->EndFaults();
  auto opened = Store::Open(OptionsOf(directory_, nullptr));
  if (!opened.ok()) {
    Wrong(fmt::format("it does not open again: {}", opened.status().ToString()));
    return wrong_;
  }
  store_ = *std::move(opened);
  CheckReopened();
  CheckSnapshots();
  store_.reset();
  return wrong_;
}

void FaultRun::Work() {
  MakeCollection();
  for (int step = 0; step < kSteps; ++step) {
    const auto choice = random_() % 40;
    if (collections_.empty() || choice == 0) {
      MakeCollection();
    } else if (choice == 1) {
      DropCollection();
    } else if (choice == 2) {
      TakeSnapshot();
    } else {
      const auto at = std::next(collections_.begin(),
                                static_cast<std::ptrdiff_t>(random_() % collections_.size()));
      if (!at->second.id.has_value()) continue;
      if (choice < 8) {
        ReadAgain(at->first, at->second);
      } else {
        WriteSome(at->first, at->second);
      }
    }
  }
}

bool FaultRun::IsInDoubt(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kUnavailable) {
    has_stopped_ = true;
    return false;
  }
  // Whether it was only refused is seen by what comes next: see NoteAcknowledged.
  return !has_stopped_;
}

void FaultRun::NoteAcknowledged(bool had_sync_failed) {
  ++acknowledged_;
  if (had_sync_failed) Wrong("something was acknowledged after a sync had failed");
  if (has_stopped_) Wrong("something was acknowledged after a write had failed");
  // It takes writes, so the one before was refused and is not there.
  doubtful_collection_.reset();
  for (auto at = collections_.begin(); at != collections_.end();) {
    const bool never_made = at->second.may_be_missing && !at->second.id.has_value();
    at->second.may_be_missing = false;
    at = never_made ? collections_.erase(at) : std::next(at);
  }
}

void FaultRun::WriteSome(const std::string& name, Collection& collection) {
  WriteRequest request{.collection_id = *collection.id, .durability = Durability::kFsync};
  Documents after = collection.documents;
  std::set<std::string> ids;
  for (size_t count = 1 + random_() % kOperationsMax; count > 0; --count) {
    ids.insert(std::string(1 + random_() % kIdsOfEach, 'i'));
  }
  for (const std::string& id : ids) {
    if (random_() % 4 == 0) {
      request.operations.emplace_back(RemoveOperation{.id = id});
      after.erase(id);
    } else {
      const int version = next_version_++;
      request.operations.emplace_back(
          PutOperation{.id = id, .text = TextOf(id, version), .vector = VectorOf(id, version)});
      after[id] = version;
    }
  }
  const bool had_sync_failed = file_system_->has_sync_failed();
  const auto written = store_->Write(request);
  if (written.ok()) {
    NoteAcknowledged(had_sync_failed);
    collection.documents = std::move(after);
  } else if (IsInDoubt(written.status())) {
    doubtful_collection_ = name;
    doubtful_documents_ = std::move(after);
  }
}

void FaultRun::MakeCollection() {
  const std::string name = fmt::format("c{}", next_version_++);
  const bool had_sync_failed = file_system_->has_sync_failed();
  const auto made = store_->CreateCollection({.name = name, .dimension = 2});
  if (made.ok()) {
    NoteAcknowledged(had_sync_failed);
    collections_[name].id = made->id;
  } else if (IsInDoubt(made.status())) {
    collections_[name].may_be_missing = true;
  }
}

void FaultRun::DropCollection() {
  const auto at = collections_.begin();
  if (!at->second.id.has_value()) return;
  const bool had_sync_failed = file_system_->has_sync_failed();
  const absl::Status dropped = store_->DropCollection(*at->second.id);
  if (dropped.ok()) {
    NoteAcknowledged(had_sync_failed);
    collections_.erase(at);
  } else if (IsInDoubt(dropped)) {
    at->second.may_be_missing = true;
  }
}

void FaultRun::TakeSnapshot() {
  const std::string name = fmt::format("s{}", next_version_++);
  if (!store_->CreateSnapshot(name, 0, "test").ok()) return;
  for (const auto& [collection, state] : collections_) {
    if (state.id.has_value()) snapshots_[name][collection] = state.documents.size();
  }
}

void FaultRun::ReadAgain(const std::string& name, const Collection& collection) {
  std::vector<std::string> ids;
  for (const auto& [id, version] : collection.documents) ids.push_back(id);
  const auto found = store_->GetById(*collection.id, ids, {.vector = true});
  if (!found.ok()) return Wrong(fmt::format("{}: {}", name, found.status().ToString()));
  for (size_t at = 0; at < ids.size(); ++at) {
    const auto& document = (*found)[at];
    if (document.has_value() && IsWhole(*document, collection.documents.at(ids[at]))) continue;
    Wrong(fmt::format("{} of {} was acknowledged and is not read as it was", ids[at].size(), name));
  }
}

void FaultRun::CheckReopened() {
  std::set<std::string> names;
  for (const CollectionRecord& record : store_->Collections()) {
    names.insert(record.name);
    const auto known = collections_.find(record.name);
    if (known == collections_.end()) {
      Wrong(fmt::format("{} is there and was never made, or was dropped", record.name));
      continue;
    }
    known->second.id = record.id;
    CheckCollection(record.name, known->second);
  }
  for (const auto& [name, collection] : collections_) {
    if (!names.contains(name) && !collection.may_be_missing) {
      Wrong(fmt::format("{} was made and is gone", name));
    }
  }
  const auto made = store_->CreateCollection({.name = "last", .dimension = 2});
  if (!made.ok()) Wrong(fmt::format("it takes no writes: {}", made.status().ToString()));
}

void FaultRun::CheckCollection(const std::string& name, const Collection& collection) {
  const auto listed = store_->List(*collection.id, 0, kListedMax, {.vector = true});
  if (!listed.ok()) return Wrong(fmt::format("{}: {}", name, listed.status().ToString()));
  Documents found;
  std::vector<std::string> ids;
  for (const StoredDocument& document : *listed) {
    const int version = std::atoi(document.text.c_str());
    if (!IsWhole(document, version)) {
      Wrong(fmt::format("{}: '{}' is not whole", name, document.text.substr(0, 20)));
    }
    found[document.id] = version;
    ids.push_back(document.id);
  }
  const bool is_other = doubtful_collection_ == name && found == doubtful_documents_;
  if (found != collection.documents && !is_other) {
    Wrong(fmt::format("{} has {} documents that are not the {} acknowledged ones", name,
                      found.size(), collection.documents.size()));
  }
  if (store_->DocumentCount(*collection.id) != found.size()) {
    Wrong(fmt::format("{} counts {} documents and has {}", name,
                      store_->DocumentCount(*collection.id), found.size()));
  }
  const auto by_id = store_->GetById(*collection.id, ids, {.vector = true});
  if (!by_id.ok() || std::ranges::any_of(*by_id, [](const auto& one) { return !one; })) {
    Wrong(fmt::format("{} has documents that are not found by their ids", name));
  }
}

void FaultRun::CheckSnapshots() {
  const auto names = store_->snapshots().Names();
  if (!names.ok()) return Wrong(names.status().ToString());
  for (const std::string& name : *names) {
    if (!snapshots_.contains(name)) Wrong(fmt::format("{} is there and was refused", name));
  }
  for (const auto& [name, counts] : snapshots_) {
    const auto manifest = store_->snapshots().Read(name);
    const auto check = store_->snapshots().Verify(name);
    if (!manifest.ok() || !check.ok() || !check->problems.empty()) {
      Wrong(fmt::format("snapshot {} is not good", name));
      continue;
    }
    for (const auto& [collection, count] : counts) {
      const auto one =
          std::ranges::find(manifest->collections, collection, &SnapshotCollection::name);
      if (one != manifest->collections.end() && one->document_count == count) continue;
      Wrong(fmt::format("snapshot {} lacks documents of {}", name, collection));
    }
  }
}

}  // namespace simile
