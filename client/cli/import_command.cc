// simile import
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <vector>

#include "client/call_status.h"
#include "client/cli/command_context.h"
#include "client/cli/document_reader.h"
#include "client/cli/peer_export_reader.h"
#include "client/cli/progress.h"
#include "client/importer.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

constexpr uint64_t kErrorsShownMax = 20;

struct ImportCommandOptions {
  std::string collection;
  std::string path = "-";
  std::string format = "auto";
  std::string durability = "fsync";
  std::string session;
  ReaderOptions reader;
  std::string from;  // Another database; empty: a file of documents.
  std::string vector_name;
  bool without_vectors = false;
  size_t batch_documents = 128;
  size_t streams = 2;
  bool create = false;
  bool stop_on_error = false;
};

std::atomic<bool> interrupted{false};

// Counts what went wrong and shows the first of it.
class BadItems {
 public:
  explicit BadItems(const char* unit) : unit_(unit) {}

  void Report(uint64_t number, const std::string& id, const std::string& message) {
    std::lock_guard lock(mutex_);
    if (++count_ > kErrorsShownMax) return;
    const std::string name = id.empty() ? "" : fmt::format(" ('{}')", id);
    CommandContext::Say(fmt::format("{} {}{}: {}", unit_, number, name, message));
    if (count_ == kErrorsShownMax)
      CommandContext::Say(fmt::format("further bad {}s are only counted", unit_));
  }

  uint64_t count() {
    std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  const char* const unit_;  // Of the numbers.
  std::mutex mutex_;
  uint64_t count_ = 0;
};

// One stream and the lines or numbers of what it sends, so that a result finds its own.
class Lane {
 public:
  Lane(Client& client, const ImportOptions& options, BadItems& bad_items,
       std::atomic<uint64_t>& stored, std::atomic<uint64_t>& truncated)
      : importer_(
            client, options,
            [this, &bad_items, &stored, &truncated](uint64_t item, const v1::UpsertResult& result) {
              if (result.status().code() != 0) {
                bad_items.Report(NumberOf(item), result.id(), result.status().message());
                return;
              }
              ++stored;
              if (result.truncated()) ++truncated;
            }) {}

  absl::Status Add(uint64_t number, v1::Document document) {
    {
      std::lock_guard lock(mutex_);
      numbers_.push_back(number);
    }
    return importer_.Add(std::move(document));
  }

  absl::Status Finish() { return importer_.Finish(); }

 private:
  uint64_t NumberOf(uint64_t item) {
    std::lock_guard lock(mutex_);
    return item < numbers_.size() ? numbers_[item] : 0;
  }

  std::mutex mutex_;
  std::vector<uint64_t> numbers_;  // By item. Guarded by mutex_.
  Importer importer_;              // Last: it reports to the above.
};

// One that is made holds the vectors of `dimension` that come along; 0: it embeds texts.
absl::Status EnsureCollection(Client& client, const ImportCommandOptions& options,
                              uint32_t dimension) {
  const absl::Status found = client.GetCollection(options.collection).status();
  if (found.code() != absl::StatusCode::kNotFound) return found;
  if (!options.create) {
    return absl::NotFoundError(
        fmt::format("{}; create it with: simile collection create {}, or give --create",
                    StatusMessage(found), options.collection));
  }
  v1::CreateCollectionRequest request;
  request.set_name(options.collection);
  if (dimension > 0) request.set_dimension(dimension);
  const auto created = client.CreateCollection(request);
  if (created.ok()) {
    CommandContext::Say(fmt::format("created collection '{}'", options.collection));
  }
  return created.status();
}

int Summarize(const ImportCommandOptions& options, const absl::Status& status, uint64_t stored,
              uint64_t truncated, uint64_t bad, double seconds) {
  CommandContext::Say(fmt::format("imported {} documents into '{}' in {:.1f} s ({:.0f}/s), {} bad",
                                  stored, options.collection, seconds,
                                  static_cast<double>(stored) / std::max(seconds, 1e-3), bad));
  if (truncated > 0) {
    CommandContext::Say(fmt::format(
        "{} texts are longer than the model reads; only their beginning counts for searching",
        truncated));
  }
  if (interrupted) {
    CommandContext::Say("interrupted; running it again is safe and stores nothing twice");
    return kExitInterrupted;
  }
  if (!status.ok()) return CommandContext::Fail(status);
  return bad > 0 ? kExitPartial : kExitOk;
}

absl::StatusOr<std::unique_ptr<DocumentSource>> OpenSource(std::istream& stream,
                                                           const ImportCommandOptions& options) {
  if (options.from.empty()) {
    auto reader = DocumentReader::Open(stream, options.path, options.reader);
    if (!reader.ok()) return reader.status();
    return *std::move(reader);
  }
  return std::make_unique<PeerExportReader>(
      stream, PeerExportOptions{.peer = options.from == "qdrant" ? Peer::kQdrant : Peer::kChroma,
                                .text_field = options.reader.text_column,
                                .vector_name = options.vector_name,
                                .with_vectors = !options.without_vectors});
}

// What the collection is made for when there is none: other databases give vectors along.
uint32_t DimensionOf(const ImportCommandOptions& options,
                     const std::optional<ReadDocument>& first) {
  if (options.from.empty() || !first.has_value() || !first->document.ok()) return 0;
  return static_cast<uint32_t>(first->document->vector().floats().values_size());
}

int Import(CommandContext& context, ImportCommandOptions& options) {
  if (options.path == "-" && isatty(STDIN_FILENO) != 0) {
    CommandContext::Say("simile: reading documents from the terminal; end with Ctrl-D");
  }
  std::ifstream file;
  uint64_t bytes_total = 0;
  if (options.path != "-") {
    file.open(options.path, std::ios::binary);
    std::error_code ignored;
    if (!file || std::filesystem::is_directory(options.path, ignored)) {
      return CommandContext::Fail(
          absl::NotFoundError(fmt::format("cannot open '{}'", options.path)));
    }
    bytes_total = std::filesystem::file_size(options.path, ignored);
  }
  options.reader.format = options.format == "jsonl"   ? InputFormat::kJsonLines
                          : options.format == "lines" ? InputFormat::kLines
                          : options.format == "csv"   ? InputFormat::kCsv
                                                      : InputFormat::kAuto;
  auto source = OpenSource(options.path == "-" ? std::cin : file, options);
  if (!source.ok()) return CommandContext::Fail(source.status());
  std::optional<ReadDocument> next = (*source)->Next();
  const uint32_t dimension = DimensionOf(options, next);
  if (absl::Status s = EnsureCollection(context.client(), options, dimension); !s.ok()) {
    return CommandContext::Fail(s);
  }

  signal(SIGINT, [](int) { interrupted = true; });
  Progress progress(bytes_total);
  BadItems bad_items((*source)->unit());
  std::atomic<uint64_t> stored{0}, truncated{0};
  std::vector<std::unique_ptr<Lane>> lanes;
  for (size_t lane = 0; lane < options.streams; ++lane) {
    lanes.push_back(std::make_unique<Lane>(
        context.client(),
        ImportOptions{.collection = options.collection,
                      .durability = options.durability == "os" ? v1::DURABILITY_OS_BUFFER
                                                               : v1::DURABILITY_FSYNC,
                      .session_id = options.session.empty()
                                        ? ""
                                        : fmt::format("{}-{}", options.session, lane),
                      .batch_documents = options.batch_documents},
        bad_items, stored, truncated));
  }
  absl::Status status;
  // Whole batches go to one lane after the other, so that each lane has its next batch early.
  for (uint64_t item = 0; next.has_value() && status.ok() && !interrupted;
       ++item, next = (*source)->Next()) {
    if (!next->document.ok()) {
      bad_items.Report(next->number, "", StatusMessage(next->document.status()));
      if (options.stop_on_error) break;
      continue;
    }
    Lane& lane = *lanes[item / options.batch_documents % lanes.size()];
    status = lane.Add(next->number, *std::move(next->document));
    progress.Update(stored, (*source)->bytes_read());
  }
  for (const std::unique_ptr<Lane>& lane : lanes) {
    if (!status.ok() || interrupted) break;
    status = lane->Finish();
  }
  progress.Finish();
  return Summarize(options, status, stored, truncated, bad_items.count(), progress.seconds());
}

}  // namespace

void AddImportCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<ImportCommandOptions>();
  CLI::App* command =
      context.AddCommand(app, "import", "store many documents from a file or standard input",
                         [&context, options] { return Import(context, *options); });
  command->add_option("collection", options->collection, "the collection")->required();
  command->add_option("file", options->path, "JSON lines, plain lines or CSV; - is standard input")
      ->capture_default_str();
  command->add_option("--format", options->format, "auto, jsonl, lines or csv")
      ->check(CLI::IsMember({"auto", "jsonl", "lines", "csv"}))
      ->capture_default_str();
  command
      ->add_option("--from", options->from,
                   "qdrant: answers of points/scroll; chroma: what collection.get() returns")
      ->check(CLI::IsMember({"qdrant", "chroma"}));
  command->add_option("--vector-name", options->vector_name, "of Qdrant's points, when several");
  command->add_flag("--without-vectors", options->without_vectors,
                    "with --from: leave vectors out, so that the server embeds the texts");
  command->add_flag("--create", options->create, "create the collection if there is none");
  command->add_flag("--stop-on-error", options->stop_on_error, "stop at the first bad line");
  command->add_option("--durability", options->durability, "fsync or os")
      ->check(CLI::IsMember({"fsync", "os"}))
      ->capture_default_str();
  command
      ->add_option("--id-prefix", options->reader.id_prefix,
                   "an item without id is called this and its line number")
      ->capture_default_str();
  command->add_option("--id-column", options->reader.id_column, "of CSV")->capture_default_str();
  command
      ->add_option("--text-column", options->reader.text_column, "of CSV, or of Qdrant's payload")
      ->capture_default_str();
  command->add_flag("--infer-types", options->reader.infer_types, "CSV: numbers become numbers");
  command->add_option("--batch", options->batch_documents, "documents sent together")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--streams", options->streams, "streams side by side")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--session", options->session,
                      "name of the import; a later run of the same input goes on where it stopped");
}

}  // namespace simile::cli
