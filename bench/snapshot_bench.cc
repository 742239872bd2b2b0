// What snapshots of a running server cost those who write meanwhile, and how long they take.
//   snapshot_bench COLLECTION [--server ADDRESS:PORT] [--seconds 10] [--snapshots 5] [--restore]
//                  [--beside N]
// Clients put one document with a vector after the other, each fsynced, into a collection that is
// there already (vector_server_bench makes one): first alone, then beside snapshots taken one after
// the other. The pause is the longest time in which nobody was acknowledged. Then a snapshot is
// verified, and with --restore its collection restored under another name, and both are deleted.
// With --beside that many small collections are made first and deleted at the end.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <limits>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "client/simile_client.h"
#include "fmt/format.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kSnapshot[] = "snapshot_bench";

struct Options {
  std::string collection;
  std::string server = "127.0.0.1:7464";
  size_t writers = 1;
  size_t snapshots = 5;
  double seconds = 10;
  bool restore = false;
  size_t beside = 0;  // Small collections.
};

double MillisecondsBetween(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

struct Write {
  Clock::time_point begin, end;
};

// Clients that write until they are told to end.
class Writers {
 public:
  Writers(const Options& options, uint32_t dimension) {
    for (size_t number = 0; number < options.writers; ++number) {
      threads_.emplace_back([this, &options, dimension, number] {
        Client client({.server = options.server});
        v1::UpsertDocumentsRequest request;
        request.set_collection(options.collection);
        v1::Document& document = *request.add_documents();
        document.set_id(fmt::format("snapshot_bench-{}", number));
        std::mt19937 random(static_cast<uint32_t>(number));
        std::normal_distribution<float> normal;
        while (!is_ended_) {
          auto& components = *document.mutable_vector()->mutable_floats()->mutable_values();
          components.Clear();
          for (uint32_t at = 0; at < dimension; ++at) components.Add(normal(random));
          const auto begin = Clock::now();
          const bool is_put = client.UpsertDocuments(request).ok();
          const std::lock_guard lock(mutex_);
          if (is_put) {
            writes_.push_back({begin, Clock::now()});
          } else {
            ++failed_;
          }
        }
      });
    }
  }

  void EndAndPrint(const char* phase) {
    is_ended_ = true;
    for (std::thread& thread : threads_) thread.join();
    if (writes_.empty()) return;
    std::ranges::sort(writes_, {}, &Write::end);
    std::vector<double> times_ms;
    double pause_ms = 0;
    for (size_t at = 0; at < writes_.size(); ++at) {
      times_ms.push_back(MillisecondsBetween(writes_[at].begin, writes_[at].end));
      if (at == 0) continue;
      pause_ms = std::max(pause_ms, MillisecondsBetween(writes_[at - 1].end, writes_[at].end));
    }
    std::ranges::sort(times_ms);
    const double seconds = MillisecondsBetween(writes_.front().begin, writes_.back().end) / 1000;
    fmt::print(
        "{:17} {:5.0f} writes/s  p50 {:.2f} ms  p99 {:.2f} ms  longest {:.1f} ms  "
        "pause {:.1f} ms  {} failed\n",
        phase, static_cast<double>(times_ms.size()) / seconds, times_ms[times_ms.size() / 2],
        times_ms[times_ms.size() * 99 / 100], times_ms.back(), pause_ms, failed_);
    std::fflush(stdout);
  }

 private:
  std::atomic<bool> is_ended_{false};
  std::mutex mutex_;
  std::vector<Write> writes_;
  size_t failed_ = 0;
  std::vector<std::thread> threads_;
};

absl::Status PrintTime(const std::string& what, const std::function<absl::Status()>& step) {
  const auto begin = Clock::now();
  const absl::Status ended = step();
  fmt::print("{}: {:.0f} ms\n", what, MillisecondsBetween(begin, Clock::now()));
  std::fflush(stdout);
  return ended;
}

absl::Status TakeSnapshots(Client& client, size_t count) {
  for (size_t number = 0; number < count; ++number) {
    const absl::Status taken =
        PrintTime("  snapshot", [&] { return client.CreateSnapshot(kSnapshot).status(); });
    if (!taken.ok()) return taken;
    if (absl::Status s = client.DeleteSnapshot(kSnapshot); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Verify(Client& client) {
  const auto verified = client.VerifySnapshot(kSnapshot);
  if (verified.ok() && !verified->good()) return absl::DataLossError("the snapshot is damaged");
  return verified.status();
}

absl::Status Restore(Client& client, const Options& options) {
  v1::RestoreSnapshotRequest request;
  request.set_name(kSnapshot);
  request.set_collection(options.collection);
  request.set_as_collection(options.collection + "-restored");
  const absl::Status restored = PrintTime("restore, verified first",
                                          [&] { return client.RestoreSnapshot(request).status(); });
  if (!restored.ok()) return restored;
  return client.DeleteCollection(request.as_collection());
}

std::string NameBeside(size_t number) { return fmt::format("snapshot_bench-beside-{}", number); }

absl::Status MakeBeside(Client& client, const Options& options) {
  constexpr size_t kDocuments = 20, kDimension = 8;
  for (size_t number = 0; number < options.beside; ++number) {
    v1::CreateCollectionRequest made;
    made.set_name(NameBeside(number));
    made.set_dimension(kDimension);
    if (absl::Status s = client.CreateCollection(made).status(); !s.ok()) return s;
    v1::UpsertDocumentsRequest request;
    request.set_collection(made.name());
    for (size_t id = 0; id < kDocuments; ++id) {
      v1::Document& document = *request.add_documents();
      document.set_id(fmt::format("{}", id));
      auto& components = *document.mutable_vector()->mutable_floats()->mutable_values();
      for (size_t at = 0; at < kDimension; ++at) components.Add(static_cast<float>(id * at + 1));
    }
    if (absl::Status s = client.UpsertDocuments(request).status(); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status DeleteBeside(Client& client, const Options& options) {
  for (size_t number = 0; number < options.beside; ++number) {
    if (absl::Status s = client.DeleteCollection(NameBeside(number)); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Measure(Client& client, const Options& options, uint32_t dimension) {
  {
    Writers writers(options, dimension);
    std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
    writers.EndAndPrint("alone");
  }
  {
    Writers writers(options, dimension);
    const absl::Status taken = TakeSnapshots(client, options.snapshots);
    writers.EndAndPrint("beside snapshots");
    if (!taken.ok()) return taken;
  }
  const auto snapshot = client.CreateSnapshot(kSnapshot);
  if (!snapshot.ok()) return snapshot.status();
  fmt::print("snapshot of {} bytes in {} files\n", snapshot->bytes(), snapshot->files_size());
  absl::Status ended = PrintTime("verify", [&] { return Verify(client); });
  if (ended.ok() && options.restore) ended = Restore(client, options);
  ended.Update(client.DeleteSnapshot(kSnapshot));
  return ended;
}

absl::Status Run(const Options& options) {
  Client client({.server = options.server, .timeout = std::chrono::minutes(4)});
  const auto collection = client.GetCollection(options.collection);
  if (!collection.ok()) return collection.status();
  fmt::print("{} documents of {} components, {} writers\n", collection->document_count(),
             collection->dimension(), options.writers);
  if (options.beside == 0) return Measure(client, options, collection->dimension());
  const std::string others = fmt::format("{} small collections", options.beside);
  absl::Status ended = PrintTime("making " + others, [&] { return MakeBeside(client, options); });
  if (ended.ok()) ended = Measure(client, options, collection->dimension());
  ended.Update(PrintTime("deleting " + others, [&] { return DeleteBeside(client, options); }));
  return ended;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("Snapshots of a running server, beside writers");
  simile::Options options;
  app.add_option("collection", options.collection, "is written to")->required();
  app.add_option("--server", options.server, "ADDRESS:PORT");
  app.add_option("--writers", options.writers, "clients that write")->check(CLI::PositiveNumber);
  app.add_option("--snapshots", options.snapshots, "taken while they write");
  app.add_option("--seconds", options.seconds, "that they write alone");
  app.add_option("--beside", options.beside, "small collections that are there too");
  app.add_flag("--restore", options.restore, "restore the collection under another name");
  CLI11_PARSE(app, argc, argv);
  if (absl::Status s = simile::Run(options); !s.ok()) {
    std::cerr << s << "\n";
    return 1;
  }
  return 0;
}
