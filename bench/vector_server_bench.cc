// A running server without its encoder: vectors go in, vectors are asked for.
//   vector_server_bench --server-pid PID --model MODEL --texts TEXTS [--vectors 200000]
//   vector_server_bench --server-pid PID --dimension 128 [--vectors 200000]
// Imports the vectors into a new collection, unless it has as many already, finds the smallest
// ef_search that reaches each recall of 10 neighbours, and lets clients ask, each one query after
// the other. Processor time is the server's own, of all its threads. With --batches 1,32 they ask
// so many queries in a call.
//
// With --fields N each vector has N values of metadata; the first, `permille`, is spread evenly
// over 0 to 999. With --shares 0.01,0.1 queries ask for that share of the vectors by it.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/bench_vectors.h"
#include "client/importer.h"
#include "client/simile_client.h"
#include "fmt/format.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kNeighbors = 10;
constexpr size_t kRecallQueries = 300;

struct Options {
  std::string collection = "vector_bench";
  std::string server = "127.0.0.1:7464";
  int server_pid = 0;
  std::string model, texts;
  size_t dimension = 128;
  size_t vectors = 200'000;
  size_t queries = 1'000;
  size_t streams = 2;
  std::vector<size_t> clients = {1, 8};
  std::vector<size_t> batches = {1};
  std::vector<double> recalls = {0.95, 0.99};
  double seconds = 5;
  size_t fields = 0;
  std::vector<double> shares;
};

// Knuth's multiplicative hash: the same in bench/filter_peers.py.
int64_t PermilleOf(size_t at) { return static_cast<uint32_t>(at * 2'654'435'761u) % 1'000; }

void AddFields(const Options& options, size_t at, v1::Document& document) {
  auto& metadata = *document.mutable_metadata();
  for (size_t field = 0; field < options.fields; ++field) {
    const auto drawn = static_cast<uint32_t>((at + 1) * (field + 7) * 2'654'435'761u);
    v1::Value& value = metadata[field == 0 ? "permille" : fmt::format("field{}", field)];
    switch (field % 5) {
      case 0:
        value.set_int64_value(field == 0 ? PermilleOf(at) : drawn % 100);
        break;
      case 1:
        value.set_string_value(fmt::format("category {}", drawn % 20));
        break;
      case 2:
        value.set_double_value(static_cast<double>(drawn % 10'000) / 100);
        break;
      case 3:
        value.set_bool_value(drawn % 3 == 0);
        break;
      default:
        value.set_string_value(fmt::format("author {}", drawn % 5'000));
    }
  }
}

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Processor time of a process, by /proc/PID/stat: fields 14 and 15 are user and system ticks.
double ProcessorSeconds(int pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 2)));
  std::string field;
  double ticks = 0;
  for (int number = 3; fields >> field; ++number) {
    if (number == 14 || number == 15) ticks += std::stod(field);
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::string BytesOf(std::span<const float> vector) {
  return {reinterpret_cast<const char*>(vector.data()), vector.size_bytes()};
}

absl::Status ImportShare(const Options& options, const BenchVectors& vectors, size_t share) {
  Client client({.server = options.server});
  absl::Status refused;
  Importer importer(client, {.collection = options.collection, .window_batches = 4},
                    [&](uint64_t, const v1::UpsertResult& result) {
                      if (result.status().code() == 0) return;
                      refused.Update(absl::InternalError(result.status().message()));
                    });
  for (size_t at = share; at < options.vectors; at += options.streams) {
    v1::Document document;
    document.set_id(fmt::format("v{}", at));
    document.mutable_vector()->set_float32_le(BytesOf(vectors[at]));
    AddFields(options, at, document);
    if (absl::Status s = importer.Add(std::move(document)); !s.ok()) return s;
  }
  if (absl::Status s = importer.Finish(); !s.ok()) return s;
  return refused;
}

absl::Status Import(Client& client, const Options& options, const BenchVectors& vectors) {
  if (const auto count = client.CountDocuments(options.collection); count.ok()) {
    if (*count == options.vectors) return absl::OkStatus();
    if (absl::Status s = client.DeleteCollection(options.collection); !s.ok()) return s;
  }
  v1::CreateCollectionRequest create;
  create.set_name(options.collection);
  create.set_dimension(static_cast<uint32_t>(vectors.dimension));
  if (const auto created = client.CreateCollection(create); !created.ok()) {
    return created.status();
  }
  const double processor = ProcessorSeconds(options.server_pid);
  const auto start = Clock::now();
  std::vector<absl::Status> ended(options.streams);
  std::vector<std::thread> threads;
  for (size_t share = 0; share < options.streams; ++share) {
    threads.emplace_back([&, share] { ended[share] = ImportShare(options, vectors, share); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : ended) {
    if (!status.ok()) return status;
  }
  const double seconds = SecondsSince(start);
  const auto count = static_cast<double>(options.vectors);
  fmt::print(
      "import of {} vectors, {} streams: {:.0f}/s, {:.3f} ms of the server's processor each\n",
      options.vectors, options.streams, count / seconds,
      1000 * (ProcessorSeconds(options.server_pid) - processor) / count);
  return absl::OkStatus();
}

std::vector<v1::SearchRequest> Requests(const Options& options, const BenchVectors& vectors) {
  std::vector<v1::SearchRequest> requests(options.queries);
  for (size_t at = 0; at < options.queries; ++at) {
    requests[at].set_collection(options.collection);
    v1::Query& query = *requests[at].mutable_query();
    query.add_terms()->mutable_vector()->set_float32_le(BytesOf(vectors[options.vectors + at]));
    query.set_limit(kNeighbors);
  }
  return requests;
}

std::set<std::string> IdsOf(const v1::SearchResponse& response) {
  std::set<std::string> ids;
  for (const v1::SearchHit& hit : response.hits()) ids.insert(hit.document().id());
  return ids;
}

using Truth = std::vector<std::set<std::string>>;

absl::StatusOr<Truth> ExactAnswers(Client& client, std::vector<v1::SearchRequest> requests) {
  Truth truth;
  requests.resize(std::min(requests.size(), kRecallQueries));
  for (v1::SearchRequest& request : requests) {
    request.mutable_query()->set_exact(true);
    const auto response = client.Search(request);
    if (!response.ok()) return response.status();
    truth.push_back(IdsOf(*response));
  }
  return truth;
}

absl::StatusOr<double> RecallAt(Client& client, std::vector<v1::SearchRequest>& requests,
                                const Truth& truth, uint32_t ef) {
  size_t found = 0;
  for (v1::SearchRequest& request : requests) request.mutable_query()->set_ef_search(ef);
  for (size_t at = 0; at < truth.size(); ++at) {
    const auto response = client.Search(requests[at]);
    if (!response.ok()) return response.status();
    for (const std::string& id : IdsOf(*response)) found += truth[at].count(id);
  }
  return static_cast<double>(found) / static_cast<double>(truth.size() * kNeighbors);
}

// How many of a call's queries failed, and says why; `batch` of them, from the one at `first`.
size_t FailuresOf(Client& client, const std::vector<v1::SearchRequest>& requests, size_t first,
                  size_t batch) {
  if (batch == 1) {
    const auto response = client.Search(requests[first % requests.size()]);
    if (!response.ok()) std::cerr << response.status() << "\n";
    return response.ok() ? 0 : 1;
  }
  v1::SearchBatchRequest together;
  together.set_collection(requests.front().collection());
  for (size_t at = first; at < first + batch; ++at) {
    *together.add_queries() = requests[at % requests.size()].query();
  }
  const auto response = client.SearchBatch(together);
  if (!response.ok()) {
    std::cerr << response.status() << "\n";
    return batch;
  }
  return static_cast<size_t>(std::ranges::count_if(
      response->results(), [](const auto& result) { return !result.has_response(); }));
}

void MeasureAndPrint(const Options& options, const std::vector<v1::SearchRequest>& requests,
                     size_t client_count, size_t batch) {
  std::atomic<size_t> failed{0};
  std::vector<std::vector<double>> times_ms(client_count);
  std::vector<std::thread> threads;
  const double processor = ProcessorSeconds(options.server_pid);
  const auto start = Clock::now();
  for (size_t number = 0; number < client_count; ++number) {
    threads.emplace_back([&, number] {
      Client client({.server = options.server});
      for (size_t at = number * 97; SecondsSince(start) < options.seconds; at += batch) {
        const auto begin = Clock::now();
        failed += FailuresOf(client, requests, at, batch);
        times_ms[number].push_back(1000 * SecondsSince(begin));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = SecondsSince(start);
  std::vector<double> all;
  for (const std::vector<double>& times : times_ms) {
    all.insert(all.end(), times.begin(), times.end());
  }
  std::ranges::sort(all);
  const auto count = static_cast<double>(all.size() * batch);
  fmt::print(
      "  {:2} clients, {:2} a call  {:6.0f} queries/s  p50 {:.2f} ms  p99 {:.2f} ms  "
      "{:.3f} ms of the server's processor each  {} failed\n",
      client_count, batch, count / seconds, all[all.size() / 2], all[all.size() * 99 / 100],
      1000 * (ProcessorSeconds(options.server_pid) - processor) / count, failed.load());
  std::fflush(stdout);
}

// Of the queries as they are: the smallest ef_search for each recall, and what it takes.
absl::Status MeasureRecalls(Client& client, const Options& options,
                            std::vector<v1::SearchRequest>& requests) {
  const auto truth = ExactAnswers(client, requests);
  if (!truth.ok()) return truth.status();
  for (v1::SearchRequest& request : requests) request.mutable_query()->set_exact(false);
  for (const double wanted : options.recalls) {
    for (const uint32_t ef : {10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640}) {
      const auto recall = RecallAt(client, requests, *truth, ef);
      if (!recall.ok()) return recall.status();
      if (*recall < wanted) continue;
      const auto response = client.Search(requests.front());
      if (!response.ok()) return response.status();
      fmt::print("recall {:.4f} at ef {}, {}\n", *recall, ef,
                 v1::SearchPlan_Name(response->plan()));
      for (const size_t batch : options.batches) {
        for (const size_t clients : options.clients) {
          MeasureAndPrint(options, requests, clients, batch);
        }
      }
      break;
    }
  }
  return absl::OkStatus();
}

absl::Status Run(const Options& options) {
  const size_t count = options.vectors + options.queries;
  const auto vectors = options.texts.empty() ? SyntheticVectors(count, options.dimension)
                                             : EmbeddedTexts(options.model, options.texts, count);
  if (!vectors.ok()) return vectors.status();
  Client client({.server = options.server});
  if (absl::Status s = Import(client, options, *vectors); !s.ok()) return s;
  std::vector<v1::SearchRequest> requests = Requests(options, *vectors);
  if (absl::Status s = MeasureRecalls(client, options, requests); !s.ok()) return s;
  for (const double share : options.shares) {
    fmt::print("filter that {} of the vectors match\n", share);
    for (v1::SearchRequest& request : requests) {
      v1::FieldRange& range = *request.mutable_query()->mutable_filter()->mutable_in_range();
      range.set_field("permille");
      range.mutable_high()->set_int64_value(std::lround(1'000 * share));
      range.set_high_exclusive(true);
    }
    if (absl::Status s = MeasureRecalls(client, options, requests); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("Vectors into a running server, and queries by vectors");
  simile::Options options;
  app.add_option("--collection", options.collection, "is replaced");
  app.add_option("--server", options.server, "ADDRESS:PORT");
  app.add_option("--server-pid", options.server_pid, "its process")->required();
  app.add_option("--model", options.model, "model directory, for --texts");
  app.add_option("--texts", options.texts, ".jsonl with \"text\", or plain lines");
  app.add_option("--dimension", options.dimension, "of synthetic vectors, without --texts");
  app.add_option("--vectors", options.vectors, "vectors in the collection");
  app.add_option("--queries", options.queries, "queries")->check(CLI::PositiveNumber);
  app.add_option("--streams", options.streams, "of the import")->check(CLI::PositiveNumber);
  app.add_option("--clients", options.clients, "numbers of clients")->delimiter(',');
  app.add_option("--batches", options.batches, "queries in a call")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--recalls", options.recalls, "recalls to reach")->delimiter(',');
  app.add_option("--fields", options.fields, "values of metadata that each vector has");
  app.add_option("--shares", options.shares, "of the vectors, to ask for by a filter")
      ->delimiter(',');
  app.add_option("--seconds", options.seconds, "per number of clients");
  CLI11_PARSE(app, argc, argv);
  if (absl::Status s = simile::Run(options); !s.ok()) {
    std::cerr << s << "\n";
    return 1;
  }
  return 0;
}
