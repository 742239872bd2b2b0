// R1: kill -9 again and again while eight programs write (upsert, delete, metadata, streams), on
// one data directory. After each start everything acknowledged must be there, nothing else, whole;
// and searches and filters must say the same as what is there.
//   kill_cycles [--cycles 25] [--seed N]
#include <algorithm>
#include <chrono>
#include <cstring>
#include <iostream>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "tests/crash/crash_writer.h"
#include "tests/support/server_process.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

constexpr size_t kWriters = 8;

struct Totals {
  size_t lost = 0;           // Acknowledged, and another state is there.
  size_t torn = 0;           // Parts that do not belong together.
  size_t wrong_answers = 0;  // Of searches, counts and filters.
  size_t failed_starts = 0;
  size_t refused = 0;  // Writes that were refused without a crash.

  size_t all() const { return lost + torn + wrong_answers + failed_starts + refused; }
};

class KillCycles {
 public:
  explicit KillCycles(uint32_t seed) : seed_(seed), random_(seed) {}

  bool Run(size_t cycles) {
    for (size_t cycle = 0; cycle <= cycles; ++cycle) {
      if (!Start()) {
        ++totals_.failed_starts;
        std::cerr << server_->log() << "\n";
        break;
      }
      Client client({.server = server_->address()});
      if (cycle == 0) {
        Create(client);
      } else {
        Check(client);
      }
      if (cycle < cycles) WriteUntilKilled();
    }
    fmt::print(
        "kill_cycles: seed {}: {} kills, {} writes acknowledged, {} lost, {} torn, {} wrong "
        "answers, {} refused, {} failed starts\n",
        seed_, kills_, states_.acknowledged_count(), totals_.lost, totals_.torn,
        totals_.wrong_answers, totals_.refused, totals_.failed_starts);
    return totals_.all() == 0;
  }

 private:
  bool Start() {
    // Checkpoints often, so that kills hit them too.
    server_ = std::make_unique<ServerProcess>(
        directory_.path() + "/data",
        std::vector<std::string>{"--checkpoint-interval-ms", "100", "--recall-sample-every", "5"});
    return server_->serving();
  }

  void Create(Client& client) {
    v1::CreateCollectionRequest request;
    request.set_name(kCrashCollection);
    request.set_dimension(kCrashDimension);
    const auto created = client.CreateCollection(request);
    if (!created.ok()) Wrong(totals_.refused, created.status().ToString());
  }

  void WriteUntilKilled() {
    std::vector<std::string> failures(kWriters);
    std::vector<std::thread> threads;
    for (size_t number = 0; number < kWriters; ++number) {
      const auto seed = static_cast<uint32_t>(random_());
      threads.emplace_back([this, number, seed, &failures] {
        failures[number] = CrashWriter(server_->address(), number, seed, states_).Run();
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100 + random_() % 900));
    server_->Kill();
    ++kills_;
    for (std::thread& thread : threads) thread.join();
    for (const std::string& failure : failures) {
      if (!failure.empty()) Wrong(totals_.refused, failure);
    }
  }

  // One finding, told at once.
  void Wrong(size_t& count, const std::string& what) {
    ++count;
    std::cerr << "after kill " << kills_ << ", seed " << seed_ << ": " << what << "\n";
  }

  void Check(Client& client) {
    std::vector<v1::Document> present;
    v1::GetDocumentsRequest request;
    request.set_collection(kCrashCollection);
    request.mutable_fields()->set_text(true);
    request.mutable_fields()->set_metadata(true);
    request.mutable_fields()->set_vector(true);
    for (const auto& [id, state] : states_.All()) request.add_ids(id);
    if (request.ids().empty()) return;
    const auto found = client.GetDocuments(request);
    if (!found.ok()) return Wrong(totals_.wrong_answers, found.status().ToString());
    for (const auto& result : found->results()) {
      CheckDocument(result.document(), result.found());
      if (result.found()) present.push_back(result.document());
    }
    CheckAnswers(client, present);
  }

  void CheckDocument(const v1::Document& stored, bool exists) {
    DocumentState state{.exists = exists};
    if (exists) {
      const size_t version = stored.text().rfind(' ');
      state.version = std::stoll(stored.text().substr(version + 1));
      state.mark = stored.metadata().at("mark").int64_value();
      const v1::Document expected = CrashDocument(stored.id(), state);
      if (stored.text() != expected.text() || !HasVectorOf(stored, expected)) {
        Wrong(totals_.torn, fmt::format("{}: '{}' with the vector of another version", stored.id(),
                                        stored.text()));
      }
    }
    if (states_.Settle(stored.id(), state)) return;
    const DocumentState wanted = states_.Acknowledged(stored.id());
    Wrong(totals_.lost,
          fmt::format("{} {} in version {}, mark {}; acknowledged: {} in version {}, mark {}",
                      stored.id(), state.exists ? "is" : "is not", state.version, state.mark,
                      wanted.exists ? "there" : "deleted", wanted.version, wanted.mark));
  }

  static bool HasVectorOf(const v1::Document& stored, const v1::Document& expected) {
    const std::string& bytes = stored.vector().float32_le();
    const auto& components = expected.vector().floats().values();
    return bytes.size() == sizeof(float) * static_cast<size_t>(components.size()) &&
           std::memcmp(bytes.data(), components.data(), bytes.size()) == 0;
  }

  // Counts, a filter and exact searches say what is there.
  void CheckAnswers(Client& client, const std::vector<v1::Document>& present) {
    v1::CountDocumentsRequest count;
    count.set_collection(kCrashCollection);
    const auto all = client.CountDocuments(count);
    if (!all.ok() || all->count() != present.size()) {
      Wrong(totals_.wrong_answers, fmt::format("{} documents are counted, {} are there",
                                               all.ok() ? all->count() : 0, present.size()));
    }
    v1::FieldValues& unmarked = *count.mutable_filter()->mutable_has_any();
    unmarked.set_field("mark");
    unmarked.add_values()->set_int64_value(0);
    const auto some = client.CountDocuments(count);
    const auto expected = static_cast<uint64_t>(std::ranges::count_if(
        present, [](const auto& one) { return one.metadata().at("mark").int64_value() == 0; }));
    if (!some.ok() || some->count() != expected) {
      Wrong(totals_.wrong_answers, fmt::format("{} documents match a filter, {} should",
                                               some.ok() ? some->count() : 0, expected));
    }
    for (size_t at = 0; at < present.size(); at += 1 + present.size() / 20) {
      v1::SearchRequest search;
      search.set_collection(kCrashCollection);
      *search.mutable_query()->add_terms()->mutable_vector() = present[at].vector();
      search.mutable_query()->set_limit(1);
      search.mutable_query()->set_exact(true);
      const auto nearest = client.Search(search);
      if (!nearest.ok() || nearest->hits_size() != 1 ||
          nearest->hits(0).document().id() != present[at].id()) {
        Wrong(totals_.wrong_answers, fmt::format("{} is not found by its vector: {}",
                                                 present[at].id(), nearest.status().ToString()));
      }
    }
  }

  const uint32_t seed_;
  std::mt19937 random_;
  TemporaryDirectory directory_;
  std::unique_ptr<ServerProcess> server_;
  DocumentStates states_;
  Totals totals_;
  size_t kills_ = 0;
};

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("kill -9 while eight programs write");
  size_t cycles = 25;
  uint32_t seed = std::random_device()();
  app.add_option("--cycles", cycles, "kills");
  app.add_option("--seed", seed, "the same again");
  CLI11_PARSE(app, argc, argv);
  return simile::KillCycles(seed).Run(cycles) ? 0 : 1;
}
