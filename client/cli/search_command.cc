// simile search
#include <fstream>
#include <iostream>
#include <memory>

#include "client/call_status.h"
#include "client/cli/command_context.h"
#include "client/cli/filter_parser.h"
#include "client/cli/text_input.h"
#include "client/cli/value_json.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

struct SearchCommandOptions {
  std::string collection;
  std::vector<std::string> words;
  std::vector<std::string> like;
  std::vector<std::string> unlike;
  std::string vector;
  std::string queries;
  std::string input = "lines";
  uint32_t limit = 10;
  uint32_t offset = 0;
  std::optional<float> score_min;
  uint32_t ef_search = 0;
  bool exact = false;
  bool explain = false;
  std::string filter;
  bool no_text = false;
  bool with_vector = false;
};

std::string Joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// Everything of a query but its terms.
absl::StatusOr<v1::Query> QueryWithoutTerms(const SearchCommandOptions& options) {
  v1::Query query;
  if (absl::Status s = SetFilter(options.filter, query); !s.ok()) return s;
  query.set_limit(options.limit);
  query.set_offset(options.offset);
  if (options.score_min.has_value()) query.set_score_threshold(*options.score_min);
  query.set_ef_search(options.ef_search);
  query.set_exact(options.exact);
  query.set_explain(options.explain);
  query.mutable_fields()->set_text(!options.no_text);
  query.mutable_fields()->set_metadata(true);
  query.mutable_fields()->set_vector(options.with_vector);
  return query;
}

absl::Status AddTerms(const SearchCommandOptions& options, v1::Query& query) {
  if (!options.words.empty()) query.add_terms()->set_text(Joined(options.words));
  for (const std::string& id : options.like) query.add_terms()->set_id(id);
  for (const std::string& id : options.unlike) {
    v1::QueryTerm& term = *query.add_terms();
    term.set_id(id);
    term.set_weight(-1);
  }
  if (options.vector.empty()) return absl::OkStatus();
  std::string text = options.vector;
  if (text == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else if (text.starts_with('@')) {
    std::ifstream file(text.substr(1));
    if (!file) return absl::NotFoundError(fmt::format("cannot open '{}'", text.substr(1)));
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  auto vector = VectorFromJson(Json::parse(text, nullptr, /*allow_exceptions=*/false));
  if (!vector.ok()) return vector.status();
  *query.add_terms()->mutable_vector() = *std::move(vector);
  return absl::OkStatus();
}

void AddHits(const v1::SearchResponse& response, const std::string& query_id,
             const SearchCommandOptions& options, Output& output) {
  int rank = static_cast<int>(options.offset);
  for (const v1::SearchHit& hit : response.hits()) {
    Json row = Json::object();
    if (!query_id.empty()) row["query_id"] = query_id;
    row["rank"] = ++rank;
    row["id"] = hit.document().id();
    row["score"] = FloatJson(hit.score());
    row["distance"] = FloatJson(hit.distance());
    const Json document = ToJson(hit.document(), !options.no_text, true, options.with_vector);
    for (const auto& [name, field] : document.items()) {
      if (name != "id") row[name] = field;
    }
    output.Add(row);
  }
}

void WarnOfTruncation(const v1::SearchResponse& response) {
  for (const v1::TermInfo& term : response.terms()) {
    if (!term.truncated()) continue;
    CommandContext::Say(
        fmt::format("the query is longer than the model reads: only its first {} "
                    "tokens count",
                    term.token_count()));
  }
}

void SayOfFilter(const v1::FilterInfo& filter, OutputFormat format) {
  if (format == OutputFormat::kTable) {
    CommandContext::Say(fmt::format("{} documents match the filter", filter.matching_count()));
  }
  for (const std::string& note : filter.notes()) CommandContext::Say("filter: " + note);
}

std::string_view PlanName(v1::SearchPlan plan) {
  switch (plan) {
    case v1::SEARCH_PLAN_GRAPH:
      return "by graph";
    case v1::SEARCH_PLAN_GRAPH_TWO_HOP:
      return "by graph, two hops";
    case v1::SEARCH_PLAN_GRAPH_THEN_SCAN:
      return "by graph, then exact";
    default:
      return "exact";
  }
}

void SayExplanation(const v1::SearchResponse& response) {
  const v1::SearchExplanation& explanation = response.explanation();
  CommandContext::Say(fmt::format("plan: {}: {}", PlanName(response.plan()), explanation.reason()));
  CommandContext::Say(
      fmt::format("work: {} nodes visited, {} distances by codes, {} by float32; answer {}, {}",
                  explanation.nodes_visited(), explanation.codes_compared(),
                  explanation.vectors_compared(), response.exact() ? "exact" : "approximate",
                  response.complete() ? "complete" : "not complete"));
  const v1::Timings& timings = response.timings();
  CommandContext::Say(
      fmt::format("time: {} us in the server: {} queued, {} embedding, {} "
                  "filtering, {} searching, {} fetching",
                  timings.total_us(), timings.queue_us(), timings.embed_us(), timings.filter_us(),
                  timings.search_us(), timings.fetch_us()));
}

std::vector<std::string> ColumnsOf(const SearchCommandOptions& options, bool with_query) {
  std::vector<std::string> columns = {"rank", "score", "id"};
  if (with_query) columns.insert(columns.begin(), "query_id");
  if (!options.no_text) columns.push_back("text");
  return columns;
}

int SearchOnce(CommandContext& context, const SearchCommandOptions& options) {
  v1::SearchRequest request;
  request.set_collection(options.collection);
  auto query = QueryWithoutTerms(options);
  if (!query.ok()) return CommandContext::Fail(query.status());
  *request.mutable_query() = *std::move(query);
  if (absl::Status s = AddTerms(options, *request.mutable_query()); !s.ok()) {
    return CommandContext::Fail(s);
  }
  if (request.query().terms().empty()) {
    CommandContext::Say(
        "simile: nothing to search for; give a text, --like ID, --vector or "
        "--queries FILE");
    return kExitUsage;
  }
  const auto response = context.client().Search(request);
  if (!response.ok()) return CommandContext::Fail(response.status());
  WarnOfTruncation(*response);
  {
    Output output = context.NewOutput(ColumnsOf(options, false));
    AddHits(*response, "", options, output);
  }
  if (context.format() == OutputFormat::kTable) {
    const v1::Timings& timings = response->timings();
    CommandContext::Say(
        fmt::format("{} hits in {:.1f} ms (embed {:.1f}, filter {:.1f}, search {:.1f}, fetch "
                    "{:.1f}), {}",
                    response->hits_size(), static_cast<double>(timings.total_us()) / 1e3,
                    static_cast<double>(timings.embed_us()) / 1e3,
                    static_cast<double>(timings.filter_us()) / 1e3,
                    static_cast<double>(timings.search_us()) / 1e3,
                    static_cast<double>(timings.fetch_us()) / 1e3, PlanName(response->plan())));
  }
  if (response->has_filter()) SayOfFilter(response->filter(), context.format());
  if (options.explain) SayExplanation(*response);
  return kExitOk;
}

int SearchMany(CommandContext& context, const SearchCommandOptions& options) {
  const auto input = ReadTexts(options.queries, options.input == "jsonl");
  if (!input.ok()) return CommandContext::Fail(input.status());
  const auto without_terms = QueryWithoutTerms(options);
  if (!without_terms.ok()) return CommandContext::Fail(without_terms.status());
  Output output = context.NewOutput(ColumnsOf(options, true));
  size_t bad_count = input->bad_count;
  for (const TextBatch& batch : BatchesOf(input->texts)) {
    v1::SearchBatchRequest request;
    request.set_collection(options.collection);
    for (size_t position = batch.first; position < batch.end; ++position) {
      v1::Query& query = *request.add_queries();
      query = *without_terms;
      query.add_terms()->set_text(input->texts[position].text);
    }
    const auto response = context.client().SearchBatch(request);
    if (!response.ok()) return CommandContext::Fail(response.status());
    for (size_t position = batch.first; position < batch.end; ++position) {
      const InputText& text = input->texts[position];
      const auto& result = response->results(static_cast<int>(position - batch.first));
      if (result.status().code() != 0) {
        ++bad_count;
        CommandContext::Say(fmt::format("line {}: {}", text.index + 1, result.status().message()));
        continue;
      }
      // A query without an id is called by its place in the input.
      AddHits(result.response(), text.id.empty() ? std::to_string(text.index) : text.id, options,
              output);
    }
  }
  return bad_count > 0 ? kExitPartial : kExitOk;
}

}  // namespace

void AddSearchCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<SearchCommandOptions>();
  CLI::App* command = context.AddCommand(
      app, "search", "the documents nearest to a text, to stored documents or to a vector",
      [&context, options] {
        return options->queries.empty() ? SearchOnce(context, *options)
                                        : SearchMany(context, *options);
      });
  command->add_option("collection", options->collection, "the collection")->required();
  command->add_option("text", options->words, "what to look for, in plain language");
  command->add_option("--like", options->like, "more like this document (repeatable)")
      ->expected(1)
      ->take_all();
  command->add_option("--unlike", options->unlike, "less like this one (weight -1, repeatable)")
      ->expected(1)
      ->take_all();
  command->add_option("--vector", options->vector, "a JSON array, @FILE or - for standard input");
  command->add_option("--queries", options->queries, "many texts from a file, - is standard input")
      ->excludes("text", "--like", "--unlike", "--vector");
  command->add_option("--input", options->input, "of --queries: lines or jsonl")
      ->check(CLI::IsMember({"lines", "jsonl"}))
      ->capture_default_str();
  command->add_option("-k,--limit", options->limit, "hits wanted")
      ->check(CLI::Range(1u, UINT32_MAX))
      ->capture_default_str();
  command->add_option("--offset", options->offset, "hits to skip");
  command->add_option("--min-score", options->score_min, "leave out what scores less");
  command->add_option("--ef", options->ef_search, "candidates of the graph search");
  command->add_option(
      "--filter", options->filter,
      "only documents that match, e.g. 'year >= 2000 and genre in (\"a\", \"b\") and "
      "not exists(draft)'; also: tags contains all (...), text contains \"word\", "
      "ids(...), timestamp(\"...\"), `odd name`");
  command->add_flag("--exact", options->exact, "compare with every vector");
  command->add_flag("--explain", options->explain, "say how the answer was found");
  command->add_flag("--no-text", options->no_text, "leave out the texts");
  command->add_flag("--with-vector", options->with_vector, "with the vectors");
}

}  // namespace simile::cli
