// Writes of the store beside plain RocksDB with the same families, options, keys and values, in
// turns on the same disk: what labels, counters, the log of changes and the one committer cost, or
// save.
//   write_bench DIRECTORY [--seconds 3] [--rounds 3] [--dimension 384]
//               [--only fsync/8/1]
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "storage/catalog_codec.h"
#include "storage/database_files.h"
#include "storage/document_codec.h"
#include "storage/keys.h"
#include "storage/rocksdb_status.h"
#include "storage/store.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;

struct Load {
  bool sync;
  size_t clients;
  size_t batch;  // Documents of one request.
};

std::string NameOf(const Load& load) {
  return fmt::format("{}/{}/{}", load.sync ? "fsync" : "os-buffer", load.clients, load.batch);
}

struct Figures {
  double documents_per_second = 0;
  double p99_ms = 0;  // Of a request.
};

// Calls `write(number of the first document)` from all clients until the time is over or one fails.
absl::StatusOr<Figures> Measure(const Load& load, double seconds,
                                const std::function<absl::Status(uint64_t)>& write) {
  std::vector<double> taken_ms;
  absl::Status failure;
  std::mutex mutex;
  std::atomic<uint64_t> next{0};
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration<double>(seconds);
  std::vector<std::thread> threads;
  for (size_t client = 0; client < load.clients; ++client) {
    threads.emplace_back([&] {
      std::vector<double> own_ms;
      absl::Status written;
      while (written.ok() && Clock::now() < end) {
        const auto begun = Clock::now();
        written = write(next.fetch_add(load.batch));
        own_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begun).count());
      }
      const std::lock_guard lock(mutex);
      taken_ms.insert(taken_ms.end(), own_ms.begin(), own_ms.end());
      if (!written.ok()) failure = written;
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (!failure.ok()) return failure;
  const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
  std::ranges::sort(taken_ms);
  return Figures{
      .documents_per_second = static_cast<double>(taken_ms.size() * load.batch) / elapsed,
      .p99_ms = taken_ms[taken_ms.size() * 99 / 100]};
}

class WriteBench {
 public:
  WriteBench(std::string directory, double seconds, size_t dimension)
      : directory_(std::move(directory)), seconds_(seconds), vector_(dimension) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (float& component : vector_) component = normal(random);
    while (text_.size() < 200) text_.append("some words of a text ");
  }

  absl::StatusOr<Figures> RunStore(const Load& load) {
    const std::string path = Fresh("store");
    auto store = Store::Open({.data_directory = path});
    if (!store.ok()) return store.status();
    const auto collection = (*store)->CreateCollection(
        {.name = "docs", .dimension = static_cast<uint32_t>(vector_.size())});
    if (!collection.ok()) return collection.status();
    return Measure(load, seconds_, [&](uint64_t first) {
      return (*store)->Write(RequestOf(load, collection->id, first)).status();
    });
  }

  absl::StatusOr<Figures> RunPlain(const Load& load) {
    auto files = DatabaseFiles::Open(Fresh("plain"), {});
    if (!files.ok()) return files.status();
    return Measure(load, seconds_, [&](uint64_t first) {
      rocksdb::WriteBatch batch;
      uint64_t label = first;
      for (const WriteOperation& operation : RequestOf(load, 1, first).operations) {
        const auto& put = std::get<PutOperation>(operation);
        const std::string key = LabelKey(1, ++label);
        batch.Put((*files)->ids(), IdKey(1, put.id), EncodeLabel(label));
        batch.Put((*files)->documents(), key, EncodeDocument({.id = put.id, .text = put.text}));
        batch.Put((*files)->vectors(), key, EncodeVector(*put.vector));
      }
      rocksdb::WriteOptions options;
      options.sync = load.sync;
      return FromRocksDb((*files)->db().Write(options, &batch), "a plain write");
    });
  }

 private:
  // What both are given: documents from number `first` on.
  WriteRequest RequestOf(const Load& load, uint32_t collection_id, uint64_t first) const {
    WriteRequest request{.collection_id = collection_id,
                         .durability = load.sync ? Durability::kFsync : Durability::kOsBuffer};
    for (uint64_t number = first; number < first + load.batch; ++number) {
      request.operations.emplace_back(
          PutOperation{.id = std::to_string(number), .text = text_, .vector = vector_});
    }
    return request;
  }

  std::string Fresh(const std::string& name) const {
    const std::string path = directory_ + "/" + name;
    std::filesystem::remove_all(path);
    return path;
  }

  const std::string directory_;
  const double seconds_;
  std::vector<float> vector_;
  std::string text_;
};

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

absl::Status Compare(WriteBench& bench, const Load& load, int rounds) {
  std::vector<double> store, plain, ratio, store_p99, plain_p99;
  for (int round = 0; round < rounds; ++round) {
    const auto ours = bench.RunStore(load);
    if (!ours.ok()) return ours.status();
    const auto theirs = bench.RunPlain(load);
    if (!theirs.ok()) return theirs.status();
    store.push_back(ours->documents_per_second);
    plain.push_back(theirs->documents_per_second);
    ratio.push_back(ours->documents_per_second / theirs->documents_per_second);
    store_p99.push_back(ours->p99_ms);
    plain_p99.push_back(theirs->p99_ms);
  }
  fmt::print("{:<10} {:>7} {:>6} {:>12.0f} {:>12.0f} {:>6.2f} {:>10.2f} {:>10.2f}\n",
             load.sync ? "fsync" : "os-buffer", load.clients, load.batch, Median(store),
             Median(plain), Median(ratio), Median(store_p99), Median(plain_p99));
  std::cout.flush();
  return absl::OkStatus();
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("Writes of the store beside plain RocksDB, medians of some rounds");
  std::string directory;
  double seconds = 3;
  int rounds = 3;
  size_t dimension = 384;
  app.add_option("directory", directory, "on the disk to measure; is filled and left")->required();
  app.add_option("--seconds", seconds, "of each turn");
  app.add_option("--rounds", rounds, "turns of each");
  app.add_option("--dimension", dimension, "of the vectors");
  std::string only;
  app.add_option("--only", only, "one row: DURABILITY/CLIENTS/BATCH, as fsync/8/1");
  CLI11_PARSE(app, argc, argv);
  std::filesystem::create_directories(directory);
  simile::WriteBench bench(directory, seconds, dimension);
  fmt::print("{:<10} {:>7} {:>6} {:>12} {:>12} {:>6} {:>10} {:>10}\n", "durability", "clients",
             "batch", "store, docs/s", "plain, docs/s", "ratio", "p99, ms", "p99, ms");
  for (const bool sync : {true, false}) {
    for (const auto& [clients, batch] :
         {std::pair<size_t, size_t>{1, 1}, {8, 1}, {64, 1}, {1, 256}, {8, 256}}) {
      const simile::Load load{.sync = sync, .clients = clients, .batch = batch};
      if (!only.empty() && only != simile::NameOf(load)) continue;
      const absl::Status compared = simile::Compare(bench, load, rounds);
      if (compared.ok()) continue;
      std::cerr << "write_bench: " << compared.ToString() << "\n";
      return 1;
    }
  }
  return 0;
}
