#include "tests/crash/crash_writer.h"

#include <functional>
#include <set>

#include "client/importer.h"
#include "fmt/format.h"

namespace simile {
namespace {

constexpr size_t kIdsOfEach = 150;
constexpr size_t kBatchMax = 20;
constexpr size_t kStreamDocuments = 300;

}  // namespace

v1::Document CrashDocument(const std::string& id, const DocumentState& state) {
  v1::Document document;
  document.set_id(id);
  document.set_text(fmt::format("{} in version {}", id, state.version));
  std::mt19937 random(static_cast<uint32_t>(std::hash<std::string>()(document.text())));
  std::normal_distribution<float> normal;
  for (size_t axis = 0; axis < kCrashDimension; ++axis) {
    document.mutable_vector()->mutable_floats()->add_values(normal(random));
  }
  (*document.mutable_metadata())["mark"].set_int64_value(state.mark);
  return document;
}

CrashWriter::CrashWriter(const std::string& server, size_t number, uint32_t seed,
                         v1::Durability durability, DocumentStates& states)
    : client_({.server = server, .attempts_max = 1}),
      number_(number),
      random_(seed),
      durability_(durability),
      states_(states),
      next_version_(static_cast<int64_t>(seed % 1'000'000) * 1'000'000) {}

std::string CrashWriter::Run() {
  // The last two stream, the others take turns.
  for (;;) {
    const bool goes_on = number_ >= 6         ? Stream()
                         : random_() % 4 == 0 ? Delete()
                         : random_() % 3 == 0 ? Update()
                                              : Upsert();
    if (!goes_on) return failure_;
  }
}

bool CrashWriter::Fail(const absl::Status& status) {
  const bool is_killed = status.code() == absl::StatusCode::kUnavailable ||
                         status.code() == absl::StatusCode::kDeadlineExceeded;
  if (!is_killed) failure_ = status.ToString();
  return false;
}

std::vector<std::string> CrashWriter::SomeIds(size_t count_max) {
  std::set<std::string> ids;
  for (size_t count = 1 + random_() % count_max; count > 0; --count) {
    ids.insert(fmt::format("w{}-{}", number_, random_() % kIdsOfEach));
  }
  return {ids.begin(), ids.end()};
}

bool CrashWriter::Upsert() {
  v1::UpsertDocumentsRequest request;
  request.set_collection(kCrashCollection);
  request.set_durability(durability_);
  const DocumentState state{.exists = true, .version = ++next_version_, .mark = 0};
  const std::vector<std::string> ids = SomeIds(kBatchMax);
  for (const std::string& id : ids) {
    *request.add_documents() = CrashDocument(id, state);
    states_.Ask(id, state);
  }
  const auto response = client_.UpsertDocuments(request);
  if (!response.ok()) return Fail(response.status());
  for (const std::string& id : ids) states_.Acknowledge(id, state);
  return true;
}

bool CrashWriter::Delete() {
  v1::DeleteDocumentsRequest request;
  request.set_collection(kCrashCollection);
  request.set_durability(durability_);
  const std::vector<std::string> ids = SomeIds(kBatchMax / 2);
  for (const std::string& id : ids) {
    request.add_ids(id);
    states_.Ask(id, {});
  }
  const auto response = client_.DeleteDocuments(request);
  if (!response.ok()) return Fail(response.status());
  for (const std::string& id : ids) states_.Acknowledge(id, {});
  return true;
}

bool CrashWriter::Update() {
  v1::UpdateMetadataRequest request;
  request.set_collection(kCrashCollection);
  request.set_durability(durability_);
  const int64_t mark = ++next_version_;
  std::vector<std::string> ids;
  for (const std::string& id : SomeIds(kBatchMax)) {
    DocumentState state = states_.Acknowledged(id);
    if (!state.exists) continue;
    state.mark = mark;
    states_.Ask(id, state);
    ids.push_back(id);
    v1::MetadataUpdate& update = *request.add_updates();
    update.set_id(id);
    (*update.mutable_set())["mark"].set_int64_value(mark);
  }
  if (ids.empty()) return true;
  const auto response = client_.UpdateMetadata(request);
  if (!response.ok()) return Fail(response.status());
  for (const std::string& id : ids) {
    DocumentState state = states_.Acknowledged(id);
    state.mark = mark;
    states_.Acknowledge(id, state);
  }
  return true;
}

bool CrashWriter::Stream() {
  std::vector<std::pair<std::string, DocumentState>> items;
  Importer importer(
      client_, {.collection = kCrashCollection, .durability = durability_, .batch_documents = 16},
      [&](uint64_t item, const v1::UpsertResult& result) {
        // What a broken stream handled has an empty result.
        if (result.id().empty()) return;
        states_.Acknowledge(items[item].first, items[item].second);
      });
  // Grows before anything is on its way, since results are reported by another thread.
  for (size_t item = 0; item < kStreamDocuments; ++item) {
    const std::string id = fmt::format("w{}-{}", number_, item % kStreamDocuments);
    items.emplace_back(id, DocumentState{.exists = true, .version = ++next_version_, .mark = 0});
  }
  for (const auto& [id, state] : items) {
    states_.Ask(id, state);
    if (absl::Status s = importer.Add(CrashDocument(id, state)); !s.ok()) return Fail(s);
  }
  if (absl::Status s = importer.Finish(); !s.ok()) return Fail(s);
  return true;
}

}  // namespace simile
