// What searches and an import do to each other on a running server.
//   mixed_bench TEXTS [--server ADDRESS:PORT] [--rounds 3] [--seconds 20]
// TEXTS (lines, or .jsonl with "text") give the words. A round has three parts: searches alone, an
// import alone, both together. Searches are sent at a steady rate whatever the answers take, and
// timed from when they were due, so a server that stalls cannot hide it.
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <mutex>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/text_corpus.h"
#include "client/importer.h"
#include "client/simile_client.h"
#include "fmt/format.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string texts;
  std::string server = "127.0.0.1:7464";
  std::string collection = "mixed_bench";
  int rounds = 3;
  double seconds = 20;
  double queries_per_second = 50;
  size_t query_tokens = 16;
  size_t document_words = 250;
  size_t batch_documents = 32;
  size_t streams = 2;
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Makes texts that were never made before, so that nothing is served from memory.
class TextMaker {
 public:
  TextMaker(std::vector<std::string> words, uint32_t seed)
      : words_(std::move(words)), random_(seed) {}

  std::string Next(size_t count) {
    std::string text;
    for (size_t at = 0; at < count; ++at) text += words_[random_() % words_.size()] + " ";
    return text;
  }

 private:
  const std::vector<std::string> words_;
  std::mt19937 random_;
};

std::vector<std::string> WordsOf(const std::vector<std::string>& texts) {
  std::vector<std::string> words;
  for (const std::string& text : texts) {
    std::istringstream stream(text);
    for (std::string word; stream >> word;) words.push_back(word);
  }
  return words;
}

// The words that are one token each, so that a text has as many tokens as words, and two.
absl::StatusOr<std::vector<std::string>> WordsOfOneToken(Client& client,
                                                         const std::vector<std::string>& words) {
  constexpr size_t kWordsLooked = 5'000, kTokensAround = 2;
  v1::TokenizeRequest request;
  for (size_t at = 0; at < std::min(kWordsLooked, words.size()); ++at) {
    request.add_texts(words[at]);
  }
  const auto response = client.Tokenize(request);
  if (!response.ok()) return response.status();
  std::vector<std::string> found;
  for (int at = 0; at < response->results_size(); ++at) {
    if (response->results(at).ids_size() == 1 + kTokensAround) found.push_back(request.texts(at));
  }
  if (found.empty()) return absl::FailedPreconditionError("no word of the texts is one token");
  return found;
}

// Searches, each due at its time; several threads, so that a slow answer delays no other.
class SearchLoad {
 public:
  SearchLoad(Client& client, const Options& options, const std::vector<std::string>& words,
             uint32_t seed)
      : client_(client), options_(options), texts_(words, seed), start_(Clock::now()) {
    constexpr size_t kThreads = 16;
    for (size_t thread = 0; thread < kThreads; ++thread) threads_.emplace_back([this] { Run(); });
  }

  // Waits for the last one; their times in milliseconds.
  std::vector<double> Finish() {
    for (std::thread& thread : threads_) thread.join();
    if (failed_ > 0) fmt::print("{} searches failed\n", failed_.load());
    return times_ms_;
  }

 private:
  void Run() {
    for (;;) {
      const double due_seconds = static_cast<double>(next_++) / options_.queries_per_second;
      if (due_seconds >= options_.seconds) return;
      const auto due = start_ + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(due_seconds));
      v1::SearchRequest request;
      {
        std::lock_guard lock(mutex_);
        request.mutable_query()->add_terms()->set_text(texts_.Next(options_.query_tokens - 2));
      }
      request.set_collection(options_.collection);
      std::this_thread::sleep_until(due);
      if (!client_.Search(request).ok()) ++failed_;
      const double time_ms = 1000 * SecondsSince(due);
      std::lock_guard lock(mutex_);
      times_ms_.push_back(time_ms);
    }
  }

  Client& client_;
  const Options& options_;
  TextMaker texts_;  // Guarded by mutex_.
  const Clock::time_point start_;
  std::atomic<size_t> next_{0};
  std::atomic<size_t> failed_{0};
  std::mutex mutex_;
  std::vector<double> times_ms_;  // Guarded by mutex_.
  std::vector<std::thread> threads_;
};

// Documents as fast as the server takes them. The constructor returns once it does.
class ImportLoad {
 public:
  ImportLoad(Client& client, const Options& options, const std::vector<std::string>& words,
             uint32_t seed) {
    for (size_t stream = 0; stream < options.streams; ++stream) {
      threads_.emplace_back([&, this, seed, stream] {
        Run(client, options, TextMaker(words, seed + static_cast<uint32_t>(stream)));
      });
    }
    answered_.wait(0);
  }

  void Finish() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Run(Client& client, const Options& options, TextMaker texts) {
    Importer importer(
        client, {.collection = options.collection, .batch_documents = options.batch_documents},
        [this](uint64_t, const v1::UpsertResult&) { NoteAnswer(); });
    absl::Status status;
    while (!stop_ && status.ok()) {
      v1::Document document;
      document.set_text(texts.Next(options.document_words));
      status = importer.Add(std::move(document));
    }
    if (status.ok()) status = importer.Finish();
    if (!status.ok()) std::cerr << status << "\n";
    NoteAnswer();
  }

  void NoteAnswer() {
    ++answered_;
    answered_.notify_all();
  }

  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> answered_{0};
  std::vector<std::thread> threads_;
};

// The tokens/s that went through the model, by the server's own count: a batch of an import is so
// long that counting what is acknowledged would be too coarse.
class TokenRate {
 public:
  explicit TokenRate(Client& client) : client_(client), tokens_(Tokens()) {}

  // Without `query_tokens`, which were not the import's.
  double Since(double query_tokens) const {
    const double seconds = SecondsSince(start_);
    return (Tokens() - tokens_ - query_tokens) / seconds;
  }

 private:
  double Tokens() const {
    const auto stats = client_.GetStats();
    return stats.ok() ? static_cast<double>(stats->encoders(0).tokens_encoded()) : 0;
  }

  Client& client_;
  const Clock::time_point start_ = Clock::now();
  const double tokens_;
};

struct Round {
  std::vector<double> alone_ms, beside_ms;
  double import_alone = 0, import_beside = 0;  // Tokens/s.
};

Round RunRound(Client& client, const Options& options, const std::vector<std::string>& words,
               const std::vector<std::string>& query_words, uint32_t seed) {
  Round round;
  round.alone_ms = SearchLoad(client, options, query_words, seed).Finish();
  ImportLoad import(client, options, words, seed + 100);
  {
    const TokenRate rate(client);
    std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
    round.import_alone = rate.Since(0);
  }
  const TokenRate rate(client);
  round.beside_ms = SearchLoad(client, options, query_words, seed + 1).Finish();
  round.import_beside =
      rate.Since(static_cast<double>(round.beside_ms.size() * options.query_tokens));
  import.Finish();
  return round;
}

absl::Status Measure(Client& client, const Options& options) {
  const std::vector<std::string> words = WordsOf(ReadCorpus(options.texts, 10'000));
  if (words.empty()) return absl::NotFoundError(options.texts + " has no texts");
  const auto query_words = WordsOfOneToken(client, words);
  if (!query_words.ok()) return query_words.status();
  const auto info = client.GetServerInfo();
  if (!info.ok()) return info.status();
  fmt::print("{} ({}), {} encoder threads; {} searches/s of {} tokens; documents of {} words\n",
             info->default_model(), info->models(0).instruction_set(), info->encoder_threads(),
             options.queries_per_second, options.query_tokens, options.document_words);
  fmt::print("       searches alone     beside the import    import alone  beside searches\n");
  fmt::print("       p50 ms   p99 ms     p50 ms   p99 ms        tokens/s      tokens/s     kept\n");
  std::vector<double> kept, alone_ms, beside_ms;
  for (int number = 0; number < options.rounds; ++number) {
    const Round round =
        RunRound(client, options, words, *query_words, 1'000 * static_cast<uint32_t>(number + 1));
    kept.push_back(round.import_beside / round.import_alone);
    alone_ms.insert(alone_ms.end(), round.alone_ms.begin(), round.alone_ms.end());
    beside_ms.insert(beside_ms.end(), round.beside_ms.begin(), round.beside_ms.end());
    fmt::print("{:5} {:8.1f} {:8.1f}   {:8.1f} {:8.1f}   {:13.0f} {:13.0f} {:8.2f}\n", number + 1,
               Quantile(round.alone_ms, 0.5), Quantile(round.alone_ms, 0.99),
               Quantile(round.beside_ms, 0.5), Quantile(round.beside_ms, 0.99), round.import_alone,
               round.import_beside, kept.back());
  }
  fmt::print("all   {:8.1f} {:8.1f}   {:8.1f} {:8.1f}   {:36.2f}\n", Quantile(alone_ms, 0.5),
             Quantile(alone_ms, 0.99), Quantile(beside_ms, 0.5), Quantile(beside_ms, 0.99),
             Quantile(kept, 0.5));
  return absl::OkStatus();
}

int Run(const Options& options) {
  Client client({.server = options.server});
  v1::CreateCollectionRequest request;
  request.set_name(options.collection);
  absl::Status status = client.CreateCollection(request).status();
  if (status.ok()) {
    status = Measure(client, options);
    const absl::Status deleted = client.DeleteCollection(options.collection);
    if (status.ok()) status = deleted;
  }
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("What searches and an import do to each other on a running server");
  simile::Options options;
  app.add_option("texts", options.texts, "words: lines, or .jsonl with \"text\"")->required();
  app.add_option("--server", options.server, "ADDRESS:PORT");
  app.add_option("--rounds", options.rounds, "each of three parts");
  app.add_option("--seconds", options.seconds, "per part");
  app.add_option("--queries-per-second", options.queries_per_second, "searches");
  app.add_option("--query-tokens", options.query_tokens, "of each search, special ones included");
  app.add_option("--document-words", options.document_words, "of each document");
  app.add_option("--batch-documents", options.batch_documents, "per batch of the import");
  app.add_option("--streams", options.streams, "of the import");
  CLI11_PARSE(app, argc, argv);
  return simile::Run(options);
}
