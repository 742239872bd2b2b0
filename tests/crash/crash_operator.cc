#include "tests/crash/crash_operator.h"

#include <chrono>
#include <functional>

#include "fmt/format.h"

namespace simile {
namespace {

constexpr DocumentState kThere{.exists = true};
constexpr size_t kDocumentsOfOther = 50;
constexpr char kRestoredPrefix[] = "restored-";
constexpr char kCarried[] = "to-carry";

bool IsKilled(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded;
}

}  // namespace

void CrashOperator::Begin() {
  const auto repeat = [this](size_t number, absl::Status (CrashOperator::*step)(Client&)) {
    threads_[number] = std::thread([this, number, step] {
      Client client({.server = run_.server().address(), .attempts_max = 1});
      endings_[number] = absl::OkStatus();
      while (endings_[number].ok()) endings_[number] = (this->*step)(client);
    });
  };
  repeat(0, &CrashOperator::TakeSnapshots);
  repeat(1, &CrashOperator::ChangeCollections);
  repeat(2, &CrashOperator::ChangeIndex);
  repeat(3, &CrashOperator::UploadSnapshots);
}

void CrashOperator::Finish() {
  for (size_t number = 0; number < threads_.size(); ++number) {
    threads_[number].join();
    if (!IsKilled(endings_[number])) {
      run_.Wrong(run_.findings().refused, endings_[number].ToString());
    }
  }
}

absl::Status CrashOperator::TakeSnapshots(Client& client) {
  const std::string name = fmt::format("snapshot-{}", ++round_[0]);
  snapshots_.Ask(name, kThere);
  const auto taken = client.CreateSnapshot(name);
  if (!taken.ok()) return taken.status();
  snapshots_.Acknowledge(name, kThere);
  if (round_[0] % 2 == 1) return RestoreAndDrop(client, name);
  snapshots_.Ask(name, {});
  if (absl::Status s = client.DeleteSnapshot(name); !s.ok()) return s;
  snapshots_.Acknowledge(name, {});
  return absl::OkStatus();
}

absl::Status CrashOperator::RestoreAndDrop(Client& client, const std::string& snapshot) {
  const std::string name = kRestoredPrefix + snapshot;
  v1::RestoreSnapshotRequest request;
  request.set_name(snapshot);
  request.set_collection(kCrashCollection);
  request.set_as_collection(name);
  collections_.Ask(name, kThere);
  if (const auto restored = client.RestoreSnapshot(request); !restored.ok()) {
    return restored.status();
  }
  collections_.Acknowledge(name, kThere);
  collections_.Ask(name, {});
  if (absl::Status s = client.DeleteCollection(name); !s.ok()) return s;
  collections_.Acknowledge(name, {});
  return absl::OkStatus();
}

// What is uploaded: a snapshot of an earlier moment, of which the server has few files later.
absl::Status CrashOperator::CarrySnapshot(Client& client) {
  snapshots_.Ask(kCarried, kThere);
  if (const auto taken = client.CreateSnapshot(kCarried); !taken.ok()) return taken.status();
  snapshots_.Acknowledge(kCarried, kThere);
  if (absl::Status s = carried_.Read(client, kCarried); !s.ok()) return s;
  snapshots_.Ask(kCarried, {});
  if (absl::Status s = client.DeleteSnapshot(kCarried); !s.ok()) return s;
  snapshots_.Acknowledge(kCarried, {});
  return absl::OkStatus();
}

absl::Status CrashOperator::UploadSnapshots(Client& client) {
  if (carried_.empty()) return CarrySnapshot(client);
  const std::string name = fmt::format("uploaded-{}", ++round_[3]);
  snapshots_.Ask(name, kThere);
  if (absl::Status s = carried_.Upload(client, name); !s.ok()) return s;
  snapshots_.Acknowledge(name, kThere);
  // The last one stays, to be looked at after the crash.
  const std::string last = fmt::format("uploaded-{}", round_[3] - 1);
  if (!snapshots_.Acknowledged(last).exists) return absl::OkStatus();
  snapshots_.Ask(last, {});
  if (absl::Status s = client.DeleteSnapshot(last); !s.ok()) return s;
  snapshots_.Acknowledge(last, {});
  return absl::OkStatus();
}

absl::Status CrashOperator::ChangeCollections(Client& client) {
  const std::string name = fmt::format("other-{}", ++round_[1]);
  v1::CreateCollectionRequest create;
  create.set_name(name);
  create.set_dimension(kCrashDimension);
  collections_.Ask(name, kThere);
  if (const auto created = client.CreateCollection(create); !created.ok()) return created.status();
  collections_.Acknowledge(name, kThere);
  v1::UpsertDocumentsRequest upsert;
  upsert.set_collection(name);
  for (size_t at = 0; at < kDocumentsOfOther; ++at) {
    *upsert.add_documents() = CrashDocument(fmt::format("{}", at), kThere);
  }
  if (const auto put = client.UpsertDocuments(upsert); !put.ok()) return put.status();
  v1::UpdateCollectionRequest update;
  update.set_name(name);
  update.set_ef_search(100);
  if (const auto changed = client.UpdateCollection(update); !changed.ok()) return changed.status();
  collections_.Ask(name, {});
  if (absl::Status s = client.DeleteCollection(name); !s.ok()) return s;
  collections_.Acknowledge(name, {});
  return absl::OkStatus();
}

absl::Status CrashOperator::ChangeIndex(Client& client) {
  const auto now = client.GetCollection(kCrashCollection);
  if (!now.ok()) return now.status();
  // A change asked for now would cancel the one that is on its way.
  if (now->has_rebuilding_to()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return absl::OkStatus();
  }
  v1::UpdateCollectionRequest update;
  update.set_name(kCrashCollection);
  const bool is_byte = now->index().codes() == v1::INDEX_CODES_SQ8;
  update.set_codes(is_byte ? v1::INDEX_CODES_FLOAT32 : v1::INDEX_CODES_SQ8);
  return client.UpdateCollection(update).status();
}

void CrashOperator::Check() {
  Client client({.server = run_.server().address()});
  CheckCollections(client);
  CheckSnapshots(client);
}

void CrashOperator::CheckNames(DocumentStates& states, const std::set<std::string>& listed) {
  for (const auto& [name, wanted] : states.All()) {
    const bool exists = listed.contains(name);
    if (states.Settle(name, {.exists = exists})) continue;
    run_.Wrong(run_.findings().lost,
               fmt::format("{} {} there; acknowledged: {}", name, exists ? "is" : "is not",
                           wanted.exists ? "made" : "deleted"));
  }
}

void CrashOperator::CheckCollections(Client& client) {
  const auto listed = client.ListCollections({});
  if (!listed.ok()) return run_.Wrong(run_.findings().wrong_answers, listed.status().ToString());
  std::set<std::string> names;
  for (const v1::Collection& collection : listed->collections()) names.insert(collection.name());
  CheckNames(collections_, names);
  names.erase(kCrashCollection);
  // A request is there as a whole or not at all, and so is a restore.
  for (const std::string& name : names) {
    const auto count = client.CountDocuments(name);
    const bool is_whole = count.ok() && (name.starts_with(kRestoredPrefix)
                                             ? *count >= CrashRun::kKeptDocuments
                                             : *count == 0 || *count == kDocumentsOfOther);
    if (!is_whole) {
      run_.Wrong(run_.findings().torn, fmt::format("{} has {} documents: {}", name,
                                                   count.value_or(0), count.status().ToString()));
    }
    collections_.Ask(name, {});
    if (absl::Status s = client.DeleteCollection(name); !s.ok()) {
      run_.Wrong(run_.findings().refused, s.ToString());
    }
    collections_.Acknowledge(name, {});
  }
}

void CrashOperator::CheckSnapshots(Client& client) {
  const auto listed = client.ListSnapshots();
  if (!listed.ok()) return run_.Wrong(run_.findings().wrong_answers, listed.status().ToString());
  std::set<std::string> names;
  for (const v1::Snapshot& snapshot : listed->snapshots()) names.insert(snapshot.name());
  CheckNames(snapshots_, names);
  for (const std::string& name : names) VerifyAndDelete(client, name);
  for (const v1::SnapshotUpload& upload : listed->uploads()) CheckUnfinished(client, upload.name());
}

void CrashOperator::CheckUnfinished(Client& client, const std::string& name) {
  if (absl::Status s = carried_.Upload(client, name); !s.ok()) {
    return run_.Wrong(run_.findings().torn,
                      fmt::format("the upload of {} does not go on: {}", name, s.ToString()));
  }
  VerifyAndDelete(client, name);
}

void CrashOperator::VerifyAndDelete(Client& client, const std::string& name) {
  const auto verified = client.VerifySnapshot(name);
  if (!verified.ok() || !verified->good()) {
    run_.Wrong(run_.findings().torn,
               fmt::format("{} is no good snapshot: {} {}", name, verified.status().ToString(),
                           verified.ok() ? verified->ShortDebugString() : ""));
  }
  if (absl::Status s = client.DeleteSnapshot(name); !s.ok()) {
    run_.Wrong(run_.findings().refused, s.ToString());
  }
  snapshots_.Acknowledge(name, {});
}

}  // namespace simile
