// A load generator: how fast a running server answers.
//   server_bench COLLECTION QUERIES [--server ADDRESS:PORT] [--clients 1,2,4,8] [--seconds 5]
// QUERIES holds texts (lines, or .jsonl with "text"). Each client sends one query after the other;
// first as text, which the server embeds, then as vectors that were embedded before.
#include <atomic>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/text_corpus.h"
#include "client/simile_client.h"
#include "fmt/format.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string collection, queries;
  std::string server = "127.0.0.1:7464";
  std::vector<size_t> clients = {1, 2, 4, 8};
  double seconds = 5;
  uint32_t k = 10;
  size_t words = 10;
};

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// The first so many words of a text.
std::string FirstWords(const std::string& text, size_t words) {
  size_t end = 0;
  for (size_t word = 0; word < words && end != std::string::npos; ++word) {
    end = text.find(' ', end + 1);
  }
  return text.substr(0, end);
}

std::vector<v1::SearchRequest> TextRequests(const Options& options) {
  std::vector<v1::SearchRequest> requests;
  for (const std::string& text : ReadCorpus(options.queries, 2000)) {
    v1::SearchRequest& request = requests.emplace_back();
    request.set_collection(options.collection);
    request.mutable_query()->add_terms()->set_text(FirstWords(text, options.words));
    request.mutable_query()->set_limit(options.k);
    request.mutable_query()->mutable_fields()->set_text(true);
    request.mutable_query()->mutable_fields()->set_metadata(true);
  }
  return requests;
}

// The same queries with the vectors of their texts.
absl::StatusOr<std::vector<v1::SearchRequest>> VectorRequests(
    Client& client, std::vector<v1::SearchRequest> requests) {
  constexpr size_t kTextsPerCall = 250;
  for (size_t first = 0; first < requests.size(); first += kTextsPerCall) {
    v1::EmbedRequest embed;
    const size_t end = std::min(first + kTextsPerCall, requests.size());
    for (size_t at = first; at < end; ++at) {
      embed.add_texts(requests[at].query().terms(0).text());
    }
    const auto response = client.Embed(embed);
    if (!response.ok()) return response.status();
    for (size_t at = first; at < end; ++at) {
      v1::QueryTerm& term = *requests[at].mutable_query()->mutable_terms(0);
      term.mutable_vector()->set_float32_le(
          response->results(static_cast<int>(at - first)).float32_le());
    }
  }
  return requests;
}

// Every client in its own thread and with its own connection, until the time is up.
void MeasureAndPrint(const Options& options, const std::vector<v1::SearchRequest>& requests,
                     size_t client_count) {
  std::atomic<size_t> failed{0};
  std::vector<std::vector<double>> times_ms(client_count);
  std::vector<std::thread> threads;
  const auto start = Clock::now();
  for (size_t number = 0; number < client_count; ++number) {
    threads.emplace_back([&, number] {
      Client client({.server = options.server});
      for (size_t at = number * 97; MillisecondsSince(start) < 1000 * options.seconds; ++at) {
        const auto begin = Clock::now();
        if (!client.Search(requests[at % requests.size()]).ok()) ++failed;
        times_ms[number].push_back(MillisecondsSince(begin));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = MillisecondsSince(start) / 1000;
  std::vector<double> all_ms;
  for (const std::vector<double>& times : times_ms) {
    all_ms.insert(all_ms.end(), times.begin(), times.end());
  }
  fmt::print("{:3} clients  {:7.0f} queries/s  p50 {:7.2f} ms  p99 {:7.2f} ms  {} failed\n",
             client_count, static_cast<double>(all_ms.size()) / seconds, Quantile(all_ms, 0.5),
             Quantile(all_ms, 0.99), failed.load());
}

int Run(const Options& options) {
  Client client({.server = options.server});
  const auto documents = client.CountDocuments(options.collection);
  if (!documents.ok()) {
    std::cerr << documents.status() << "\n";
    return 1;
  }
  const std::vector<v1::SearchRequest> texts = TextRequests(options);
  if (texts.empty()) {
    std::cerr << options.queries << " has no texts\n";
    return 1;
  }
  const auto vectors = VectorRequests(client, texts);
  if (!vectors.ok()) {
    std::cerr << vectors.status() << "\n";
    return 1;
  }
  fmt::print("{} documents, {} queries of {} words, k {}\n", *documents, texts.size(),
             options.words, options.k);
  for (const bool as_text : {true, false}) {
    fmt::print("{} queries\n", as_text ? "text" : "vector");
    for (const size_t clients : options.clients) {
      MeasureAndPrint(options, as_text ? texts : *vectors, clients);
    }
  }
  return 0;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("A load generator for a running server");
  simile::Options options;
  app.add_option("collection", options.collection)->required();
  app.add_option("queries", options.queries, "texts: lines, or .jsonl with \"text\"")->required();
  app.add_option("--server", options.server, "ADDRESS:PORT");
  app.add_option("--clients", options.clients, "numbers of clients")->delimiter(',');
  app.add_option("--seconds", options.seconds, "per number of clients");
  app.add_option("-k", options.k, "neighbors");
  app.add_option("--words", options.words, "words of each text that make the query");
  CLI11_PARSE(app, argc, argv);
  return simile::Run(options);
}
