#include "tests/crash/crash_run.h"

#include <algorithm>
#include <cstring>
#include <iostream>
#include <utility>

#include "fmt/format.h"

namespace simile {
namespace {

constexpr size_t kWriters = 8;
constexpr size_t kCreatedTogether = 1'000;

bool HasVectorOf(const v1::Document& stored, const v1::Document& expected) {
  const std::string& bytes = stored.vector().float32_le();
  const auto& components = expected.vector().floats().values();
  return bytes.size() == sizeof(float) * static_cast<size_t>(components.size()) &&
         std::memcmp(bytes.data(), components.data(), bytes.size()) == 0;
}

}  // namespace

CrashRun::CrashRun(std::string data_directory, v1::Durability durability, std::mt19937& random)
    : data_directory_(std::move(data_directory)), durability_(durability), random_(random) {}

CrashRun::~CrashRun() {
  if (server_ != nullptr) server_->Kill();
  FinishWriting();
}

bool CrashRun::Start(const std::vector<std::string>& environment, uint32_t checkpoint_interval_ms) {
  server_ = std::make_unique<ServerProcess>(
      data_directory_,
      std::vector<std::string>{"--checkpoint-interval-ms", std::to_string(checkpoint_interval_ms),
                               "--recall-sample-every", "5"},
      environment);
  return server_->serving();
}

void CrashRun::Create() {
  Client client({.server = server_->address()});
  v1::CreateCollectionRequest request;
  request.set_name(kCrashCollection);
  request.set_dimension(kCrashDimension);
  const auto created = client.CreateCollection(request);
  if (!created.ok()) Wrong(findings_.refused, created.status().ToString());
  const DocumentState state{.exists = true, .version = 1, .mark = 0};
  for (size_t first = 0; first < kKeptDocuments; first += kCreatedTogether) {
    v1::UpsertDocumentsRequest upsert;
    upsert.set_collection(kCrashCollection);
    for (size_t at = first; at < std::min(first + kCreatedTogether, kKeptDocuments); ++at) {
      const std::string id = fmt::format("kept-{}", at);
      *upsert.add_documents() = CrashDocument(id, state);
      states_.Acknowledge(id, state);
    }
    const auto response = client.UpsertDocuments(upsert);
    if (!response.ok()) Wrong(findings_.refused, response.status().ToString());
  }
}

void CrashRun::BeginWriting() {
  failures_.assign(kWriters, "");
  for (size_t number = 0; number < kWriters; ++number) {
    const auto seed = static_cast<uint32_t>(random_());
    writers_.emplace_back([this, number, seed] {
      failures_[number] = CrashWriter(server_->address(), number, seed, durability_, states_).Run();
    });
  }
}

void CrashRun::FinishWriting() {
  for (std::thread& writer : writers_) writer.join();
  writers_.clear();
  for (const std::string& failure : std::exchange(failures_, {})) {
    if (!failure.empty()) Wrong(findings_.refused, failure);
  }
}

void CrashRun::Wrong(size_t& count, const std::string& what) {
  // A method that loses everything would tell thousands.
  constexpr size_t kToldMax = 20;
  if (++count <= kToldMax) std::cerr << occasion_ << ": " << what << "\n";
}

std::string CrashRun::Summary() const {
  return fmt::format(
      "{} writes acknowledged, {} lost, {} torn, {} wrong answers, {} refused, {} failed starts",
      states_.acknowledged_count(), findings_.lost, findings_.torn, findings_.wrong_answers,
      findings_.refused, findings_.failed_starts);
}

void CrashRun::Check() {
  Client client({.server = server_->address()});
  std::vector<v1::Document> present;
  v1::GetDocumentsRequest request;
  request.set_collection(kCrashCollection);
  request.mutable_fields()->set_text(true);
  request.mutable_fields()->set_metadata(true);
  request.mutable_fields()->set_vector(true);
  for (const auto& [id, state] : states_.All()) request.add_ids(id);
  if (request.ids().empty()) return;
  const auto found = client.GetDocuments(request);
  if (!found.ok()) return Wrong(findings_.wrong_answers, found.status().ToString());
  for (const auto& result : found->results()) {
    CheckDocument(result.document(), result.found());
    if (result.found()) present.push_back(result.document());
  }
  CheckCounts(client, present);
  CheckSearches(client, present);
}

void CrashRun::CheckDocument(const v1::Document& stored, bool exists) {
  DocumentState state{.exists = exists};
  if (exists) {
    const size_t version = stored.text().rfind(' ');
    state.version = std::stoll(stored.text().substr(version + 1));
    state.mark = stored.metadata().at("mark").int64_value();
    const v1::Document expected = CrashDocument(stored.id(), state);
    if (stored.text() != expected.text() || !HasVectorOf(stored, expected)) {
      Wrong(findings_.torn,
            fmt::format("{}: '{}' with the vector of another version", stored.id(), stored.text()));
    }
  }
  const DocumentState wanted = states_.Acknowledged(stored.id());
  if (states_.Settle(stored.id(), state)) return;
  Wrong(findings_.lost,
        fmt::format("{} {} in version {}, mark {}; acknowledged: {} in version {}, mark {}",
                    stored.id(), state.exists ? "is" : "is not", state.version, state.mark,
                    wanted.exists ? "there" : "deleted", wanted.version, wanted.mark));
}

// Of all, and of those that match a filter.
void CrashRun::CheckCounts(Client& client, const std::vector<v1::Document>& present) {
  v1::CountDocumentsRequest count;
  count.set_collection(kCrashCollection);
  const auto all = client.CountDocuments(count);
  if (!all.ok() || all->count() != present.size()) {
    Wrong(findings_.wrong_answers, fmt::format("{} documents are counted, {} are there",
                                               all.ok() ? all->count() : 0, present.size()));
  }
  v1::FieldValues& unmarked = *count.mutable_filter()->mutable_has_any();
  unmarked.set_field("mark");
  unmarked.add_values()->set_int64_value(0);
  const auto some = client.CountDocuments(count);
  const auto expected = static_cast<uint64_t>(std::ranges::count_if(
      present, [](const auto& one) { return one.metadata().at("mark").int64_value() == 0; }));
  if (!some.ok() || some->count() != expected) {
    Wrong(findings_.wrong_answers, fmt::format("{} documents match a filter, {} should",
                                               some.ok() ? some->count() : 0, expected));
  }
}

void CrashRun::CheckSearches(Client& client, const std::vector<v1::Document>& present) {
  for (size_t at = 0; at < present.size(); at += 1 + present.size() / 20) {
    v1::SearchRequest search;
    search.set_collection(kCrashCollection);
    *search.mutable_query()->add_terms()->mutable_vector() = present[at].vector();
    search.mutable_query()->set_limit(1);
    search.mutable_query()->set_exact(true);
    const auto nearest = client.Search(search);
    if (!nearest.ok() || nearest->hits_size() != 1 ||
        nearest->hits(0).document().id() != present[at].id()) {
      Wrong(findings_.wrong_answers, fmt::format("{} is not found by its vector: {}",
                                                 present[at].id(), nearest.status().ToString()));
    }
  }
}

}  // namespace simile
