// The index of metadata by itself: what it takes in memory and time.
//   metadata_bench [--documents 1000000]
// Documents have ten fields: few values and many, numbers, flags, times, lists and a map. All on
// one thread.
#include <chrono>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "filter/metadata_index.h"
#include "fmt/format.h"

namespace simile {
namespace {

using Clock = std::chrono::steady_clock;

Value Text(const std::string& prefix, size_t number) {
  return {fmt::format("{} {}", prefix, number)};
}

Metadata Drawn(std::mt19937& random) {
  const auto below = [&random](size_t end) { return random() % end; };
  ValueList tags;
  for (size_t count = below(4); count > 0; --count) tags.push_back(Text("tag", below(200)));
  return {{"category", Text("category", below(20))},
          {"author", Text("author", below(50'000))},
          {"year", {static_cast<int64_t>(1900 + below(125))}},
          {"price", {static_cast<double>(below(10'000)) / 100}},
          {"draft", {below(3) == 0}},
          {"created", {Timestamp{.seconds = static_cast<int64_t>(1'600'000'000 + below(100'000))}}},
          {"language", Text("language", below(30))},
          {"tags", {std::move(tags)}},
          {"permille", {static_cast<int64_t>(below(1'000))}},
          {"place", {ValueMap{{"country", Text("country", below(190))}}}}};
}

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void Run(size_t documents) {
  std::mt19937 random(1);
  MetadataIndex index({});
  double seconds = 0;
  for (uint64_t label = 0; label < documents; ++label) {
    const Metadata metadata = Drawn(random);
    const auto start = Clock::now();
    index.Publish(label, index.Stage(metadata));
    seconds += SecondsSince(start);
  }
  index.EndLoading();
  const MetadataIndexStatistics statistics = index.Statistics();
  fmt::print("{} documents of 10 fields: {:.0f} bytes each, {:.1f} MB; {:.2f} us to add one\n",
             documents,
             static_cast<double>(statistics.memory_bytes) / static_cast<double>(documents),
             static_cast<double>(statistics.memory_bytes) / 1e6,
             1e6 * seconds / static_cast<double>(documents));
  for (const std::string& field : statistics.fields_over_budget) {
    fmt::print("over its budget: {}\n", field);
  }
  const auto range = [](int64_t end) {
    return Filter{InRange{.field = "permille", .high = RangeBound{{end}, false}}};
  };
  const Filter category{HasAny{.field = "category", .values = {Text("category", 3)}}};
  const std::pair<const char*, Filter> filters[] = {
      {"one of 50,000 authors", {HasAny{.field = "author", .values = {Text("author", 7)}}}},
      {"permille < 1", range(1)},
      {"permille < 10", range(10)},
      {"permille < 100", range(100)},
      {"permille < 500", range(500)},
      {"one of 20 categories", category},
      {"category, price below 50, not draft",
       {AllOf{{category,
               {InRange{.field = "price", .high = RangeBound{{50.0}}}},
               {Not{{{HasAny{.field = "draft", .values = {{true}}}}}}}}}}},
      {"place.country", {HasAny{.field = "place.country", .values = {Text("country", 3)}}}}};
  const auto no_ids = [](const std::vector<std::string>&) { return std::vector<uint64_t>(); };
  for (const auto& [name, filter] : filters) {
    constexpr int kRounds = 20;
    size_t count = 0;
    const auto start = Clock::now();
    for (int round = 0; round < kRounds; ++round) count = index.Evaluate(filter, no_ids).count;
    fmt::print("{:<38} {:>8} match  {:8.3f} ms\n", name, count,
               1e3 * SecondsSince(start) / kRounds);
  }
  for (const char* const field : {"category", "author", "tags"}) {
    const auto start = Clock::now();
    const auto counts = index.Count({.field = field, .limit = 10}, nullptr);
    fmt::print("facet {:<32} {:>8} values {:8.3f} ms\n", field, counts->value_count,
               1e3 * SecondsSince(start));
  }
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("The index of metadata by itself");
  size_t documents = 1'000'000;
  app.add_option("--documents", documents, "documents of ten fields");
  CLI11_PARSE(app, argc, argv);
  simile::Run(documents);
  return 0;
}
