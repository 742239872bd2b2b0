#include "tests/crash/full_disk_run.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>
#include <thread>
#include <utility>

#include "fmt/format.h"

namespace simile {
namespace {

constexpr char kCollection[] = "docs";
constexpr char kSnapshot[] = "early";
constexpr size_t kDimension = 8;
constexpr size_t kWriters = 4;
constexpr size_t kBatch = 50;
constexpr size_t kTextBytes = 8 * 1024;
constexpr size_t kReadTogether = 500;
// Of which each of the two files of the ballast has a quarter.
constexpr uint64_t kFreeBytesMin = 64 << 20;
constexpr char kCopy[] = "copy";

// Everything of it follows from its id, and nothing of its text can be compressed.
v1::Document FullDiskDocument(const std::string& id) {
  v1::Document document;
  document.set_id(id);
  std::mt19937 random(static_cast<uint32_t>(std::hash<std::string>()(id)));
  std::string text = id + " ";
  while (text.size() < kTextBytes) text.push_back(static_cast<char>('!' + random() % 90));
  document.set_text(text);
  std::normal_distribution<float> normal;
  for (size_t axis = 0; axis < kDimension; ++axis) {
    document.mutable_vector()->mutable_floats()->add_values(normal(random));
  }
  return document;
}

bool IsWhole(const v1::Document& stored) {
  const v1::Document expected = FullDiskDocument(stored.id());
  const std::string& bytes = stored.vector().float32_le();
  return stored.text() == expected.text() && bytes.size() == sizeof(float) * kDimension &&
         std::memcmp(bytes.data(), expected.vector().floats().values().data(), bytes.size()) == 0;
}

bool Eventually(const std::function<bool()>& happened) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!happened()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace

FullDiskRun::FullDiskRun(std::string data_directory, uint32_t seed)
    : data_directory_(std::move(data_directory)), random_(seed), next_documents_(kWriters, 0) {}

bool FullDiskRun::Start() {
  // Small tables, so that the disk is full of them and not of one log.
  server_ = std::make_unique<ServerProcess>(
      data_directory_,
      std::vector<std::string>{"--free-disk-bytes-min", std::to_string(kFreeBytesMin),
                               "--memtable-bytes", "4194304", "--checkpoint-interval-ms", "100"});
  if (!server_->serving()) {
    Wrong("the server does not start: " + server_->log());
    return false;
  }
  // No retries: a refusal is what is looked at.
  client_ =
      std::make_unique<Client>(ClientOptions{.server = server_->address(), .attempts_max = 1});
  return true;
}

void FullDiskRun::Kill() { server_->Kill(); }

void FullDiskRun::Create() {
  v1::CreateCollectionRequest request;
  request.set_name(kCollection);
  request.set_dimension(kDimension);
  if (const auto made = client_->CreateCollection(request); !made.ok()) {
    Wrong(made.status().ToString());
  }
  if (absl::Status s = Upsert(0, kBatch, next_documents_[0]); !s.ok()) Wrong(s.ToString());
}

void FullDiskRun::TakeSnapshot() {
  if (const auto made = client_->CreateSnapshot(kSnapshot); !made.ok()) {
    Wrong(made.status().ToString());
  }
}

absl::Status FullDiskRun::Upsert(size_t writer, size_t documents, uint32_t& next) {
  v1::UpsertDocumentsRequest request;
  request.set_collection(kCollection);
  const DocumentState state{.exists = true, .version = 1};
  std::vector<std::string> ids;
  for (size_t count = 0; count < documents; ++count) {
    ids.push_back(fmt::format("w{}-{}", writer, next++));
    *request.add_documents() = FullDiskDocument(ids.back());
    states_.Ask(ids.back(), state);
  }
  const auto response = client_->UpsertDocuments(request);
  if (!response.ok()) return response.status();
  for (const std::string& id : ids) states_.Acknowledge(id, state);
  return absl::OkStatus();
}

absl::Status FullDiskRun::Delete(const std::vector<std::string>& ids) {
  v1::DeleteDocumentsRequest request;
  request.set_collection(kCollection);
  for (const std::string& id : ids) {
    request.add_ids(id);
    states_.Ask(id, {});
  }
  const auto response = client_->DeleteDocuments(request);
  if (!response.ok()) return response.status();
  for (const std::string& id : ids) states_.Acknowledge(id, {});
  return absl::OkStatus();
}

uint64_t FullDiskRun::free_bytes_min() { return kFreeBytesMin; }

void FullDiskRun::WriteSome(size_t documents) {
  for (size_t count = 0; count < documents; count += kBatch) {
    for (size_t writer = 0; writer < kWriters; ++writer) {
      const absl::Status written = Upsert(writer, kBatch, next_documents_[writer]);
      if (!written.ok()) return Wrong("there is room, and: " + written.ToString());
    }
  }
}

absl::Status FullDiskRun::Restore() {
  v1::RestoreSnapshotRequest restore;
  restore.set_name(kSnapshot);
  restore.set_collection(kCollection);
  restore.set_as_collection(kCopy);
  return client_->RestoreSnapshot(restore).status();
}

std::vector<std::string> FullDiskRun::IndexDirectories() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(data_directory_ + "/index", error)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

void FullDiskRun::CheckRestoreEndsHalfWay() {
  const std::vector<std::string> before = IndexDirectories();
  // Whoever writes this is not refused, so the restore has begun when it is.
  if (absl::Status s = Upsert(0, 1, next_documents_[0]); !s.ok()) {
    return Wrong("there is room for a restore to begin, and: " + s.ToString());
  }
  const absl::Status restored = Restore();
  CheckRefused("a restore that meets the end of the disk", restored);
  if (std::string(restored.message()).find("restoring collection") == std::string::npos) {
    Wrong("the restore did not get as far as the documents: " + restored.ToString());
  }
  if (!server_->process().Running()) return Wrong("the server has ended: " + server_->log());
  const auto collections = client_->ListCollections({});
  if (!collections.ok() || collections->collections_size() != 1) {
    Wrong("the restore left a collection behind");
  }
  if (!Eventually([&] { return IndexDirectories() == before; })) {
    Wrong("the restore left files of an index behind");
  }
  CheckDocuments();
}

void FullDiskRun::CheckRestoreWorks() {
  absl::Status restored;
  if (!Eventually([&] { return (restored = Restore()).ok(); })) {
    return Wrong("there is space again, and: " + restored.ToString());
  }
  const auto count = client_->CountDocuments(kCopy);
  const auto snapshot = client_->GetSnapshot(kSnapshot);
  if (!count.ok() || !snapshot.ok() || *count != snapshot->collections(0).document_count()) {
    Wrong(fmt::format("{} documents are restored", count.value_or(0)));
  }
  if (absl::Status s = client_->DeleteCollection(kCopy); !s.ok()) Wrong(s.ToString());
}

void FullDiskRun::WriteUntilRefused() {
  std::vector<absl::Status> ends(kWriters);
  std::vector<std::thread> writers;
  for (size_t writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([this, writer, &ends] {
      while (ends[writer].ok()) ends[writer] = Upsert(writer, kBatch, next_documents_[writer]);
    });
  }
  for (std::thread& writer : writers) writer.join();
  for (const absl::Status& end : ends) CheckRefused("a writer", end);
}

void FullDiskRun::CheckRefused(const std::string& what, const absl::Status& status) {
  const std::string message(status.message());
  if (status.code() == absl::StatusCode::kResourceExhausted &&
      message.find("bytes free") != message.npos && message.find("make room") != message.npos) {
    return;
  }
  Wrong(fmt::format("{} was not refused as it should be: {}", what, status.ToString()));
}

void FullDiskRun::CheckWritesAreRefused() {
  CheckRefused("an upsert", Upsert(1, 1, next_documents_[1]));
  v1::CreateCollectionRequest request;
  request.set_name("more");
  request.set_dimension(kDimension);
  CheckRefused("a new collection", client_->CreateCollection(request).status());
}

std::vector<std::string> FullDiskRun::SomeStoredIds(size_t count) {
  std::vector<std::string> ids;
  for (const auto& [id, state] : states_.All()) {
    if (state.exists) ids.push_back(id);
  }
  std::ranges::shuffle(ids, random_);
  ids.resize(std::min(count, ids.size()));
  return ids;
}

void FullDiskRun::CheckOthersGoOn() {
  if (!server_->process().Running()) return Wrong("the server has ended: " + server_->log());
  if (server_->Run({"health"}).exit_code != 0) Wrong("it is not healthy");
  for (const std::string& id : SomeStoredIds(5)) CheckSearch(FullDiskDocument(id));
  // The ballast is there, or some space is.
  const absl::Status deleted = Delete(SomeStoredIds(3));
  if (!deleted.ok() && refused_deletions_ == 0) Wrong("a deletion: " + deleted.ToString());
  const auto snapshots = client_->ListSnapshots();
  if (!snapshots.ok() || snapshots->snapshots_size() != 1 ||
      snapshots->snapshots(0).name() != kSnapshot) {
    Wrong("the list of snapshots is wrong: " + snapshots.status().ToString());
  }
}

void FullDiskRun::CheckSnapshotsAreRefused() {
  CheckRefused("a snapshot", client_->CreateSnapshot("late").status());
  CheckRefused("a restore", Restore());
  const auto collections = client_->ListCollections({});
  if (!collections.ok() || collections->collections_size() != 1) {
    Wrong("what was refused left a collection behind");
  }
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(data_directory_ + "/snapshots")) {
    ++entries;
  }
  if (entries != 1) Wrong("what was refused left files behind");
}

void FullDiskRun::DeleteMany() {
  constexpr size_t kRequests = 60;
  constexpr size_t kIdsOfEach = 20;
  for (size_t request = 0; request < kRequests; ++request) {
    const absl::Status deleted = Delete(SomeStoredIds(kIdsOfEach));
    if (deleted.ok()) continue;
    ++refused_deletions_;
    if (deleted.code() != absl::StatusCode::kResourceExhausted) {
      return Wrong("a deletion on the full disk: " + deleted.ToString());
    }
  }
}

void FullDiskRun::CheckWritesGoOn() {
  absl::Status written;
  const bool is_taken = Eventually([&] {
    written = Upsert(2, kBatch, next_documents_[2]);
    return written.ok();
  });
  if (!is_taken) Wrong("it takes no writes: " + written.ToString());
  const bool has_ballast = Eventually([&] {
    Upsert(2, 1, next_documents_[2]).IgnoreError();
    return std::filesystem::exists(data_directory_ + "/BALLAST") &&
           std::filesystem::exists(data_directory_ + "/BALLAST.start");
  });
  if (!has_ballast) Wrong("the ballast was not made again");
}

void FullDiskRun::CheckDocuments() {
  std::vector<std::string> ids;
  for (const auto& [id, state] : states_.All()) ids.push_back(id);
  size_t present = 0;
  for (size_t first = 0; first < ids.size(); first += kReadTogether) {
    v1::GetDocumentsRequest request;
    request.set_collection(kCollection);
    request.mutable_fields()->set_text(true);
    request.mutable_fields()->set_vector(true);
    for (size_t at = first; at < std::min(first + kReadTogether, ids.size()); ++at) {
      request.add_ids(ids[at]);
    }
    const auto found = client_->GetDocuments(request);
    if (!found.ok()) return Wrong(found.status().ToString());
    for (const auto& result : found->results()) {
      CheckDocument(result.document(), result.found());
      if (result.found()) ++present;
    }
  }
  const auto counted = client_->CountDocuments(kCollection);
  if (!counted.ok() || *counted != present) {
    Wrong(fmt::format("{} documents are counted, {} are there", counted.ok() ? *counted : 0,
                      present));
  }
  for (const std::string& id : SomeStoredIds(20)) CheckSearch(FullDiskDocument(id));
}

void FullDiskRun::CheckDocument(const v1::Document& stored, bool exists) {
  if (exists && !IsWhole(stored)) Wrong(stored.id() + " is not whole");
  if (states_.Settle(stored.id(), {.exists = exists, .version = exists ? 1 : 0})) return;
  ++lost_;
  Wrong(fmt::format("{} {}, and the opposite was acknowledged", stored.id(),
                    exists ? "is there" : "is not there"));
}

void FullDiskRun::CheckSearch(const v1::Document& document) {
  v1::SearchRequest search;
  search.set_collection(kCollection);
  *search.mutable_query()->add_terms()->mutable_vector() = document.vector();
  search.mutable_query()->set_limit(1);
  search.mutable_query()->set_exact(true);
  const auto nearest = client_->Search(search);
  if (!nearest.ok() || nearest->hits_size() != 1 ||
      nearest->hits(0).document().id() != document.id()) {
    Wrong(fmt::format("{} is not found by its vector: {}", document.id(),
                      nearest.status().ToString()));
  }
}

void FullDiskRun::Wrong(const std::string& what) {
  constexpr size_t kToldMax = 20;
  if (++findings_ <= kToldMax) std::cerr << "disk_full: " << occasion_ << ": " << what << "\n";
}

std::string FullDiskRun::Summary() const {
  return fmt::format("{} writes acknowledged, {} lost, {} deletions refused, {} findings",
                     states_.acknowledged_count(), lost_, refused_deletions_, findings_);
}

}  // namespace simile
