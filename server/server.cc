#include "server/server.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <utility>

#include "embedder/encoder.h"
#include "embedder/encoder_service.h"
#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "server/engine/stopwatch.h"
#include "server/engine/version.h"
#include "spdlog/spdlog.h"
#include "storage/store.h"

namespace simile {
namespace {

absl::StatusOr<ListenAddress> CheckedListenAddress(const ServerOptions& options) {
  auto address = ParseListenAddress(options.listen);
  if (!address.ok() || address->IsLoopback() || options.insecure) return address;
  return absl::InvalidArgumentError(fmt::format(
      "{} can be reached from other machines, and this server asks nobody for a key: listen on "
      "127.0.0.1, or add --insecure if the network is your own",
      options.listen));
}

absl::StatusOr<std::unique_ptr<ModelRegistry>> LoadModels(const ServerOptions& options) {
  ModelRegistryOptions registry{.models_directory = options.models_dir,
                                .encoder = {.float32_only = options.encoder_precision == "float32"},
                                .service = {.threads = options.encoder_threads,
                                            .queued_tokens_max = kEncoderQueuedTokensMax,
                                            .queued_bytes_max = kEncoderQueuedBytesMax,
                                            .token_vectors_max = kTokenVectorsMax}};
  if (options.encoder_isa != "auto") registry.encoder.level = options.encoder_isa;
  auto models = std::make_unique<ModelRegistry>(std::move(registry));
  if (options.model.empty()) return models;
  if (absl::Status s = models->LoadDirectory(options.model); !s.ok()) {
    return absl::Status(s.code(), fmt::format("cannot load the model: {}", MessageOf(s)));
  }
  return models;
}

// Written beside and renamed, so that a reader never sees half a number.
absl::Status WritePortFile(const std::string& path, uint16_t port) {
  if (path.empty()) return absl::OkStatus();
  const std::string unfinished = path + ".new";
  std::ofstream(unfinished) << port << "\n";
  if (std::rename(unfinished.c_str(), path.c_str()) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(fmt::format("cannot write the port to {}", path));
}

RpcOptions RpcOptionsOf(const ServerOptions& options) {
  std::error_code ignored;
  return {.search_threads = options.search_threads,
          .ingest_threads = options.ingest_threads,
          .search_queue_max = options.search_queue_max,
          .ingest_queue_max = options.ingest_queue_max,
          .message_bytes_max = options.message_bytes_max,
          .bytes_in_flight_max = options.bytes_in_flight_max,
          .memory_bytes_max = options.memory_bytes_max,
          .filter_field_bytes_max = options.filter_field_bytes_max,
          .reflection = options.reflection,
          .data_directory = std::filesystem::absolute(options.data_dir, ignored).string()};
}

std::string ModelText(const ModelRegistry& models) {
  const auto model = models.Find("");
  if (!model.ok()) return "no model";
  const ModelInfo& info = (*model)->encoder().info();
  return fmt::format("model {} ({} dimensions, {} tokens, {} in {})", info.name, info.dimension,
                     info.tokens_max, info.instruction_set, info.precision);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  const auto address = CheckedListenAddress(options);
  if (!address.ok()) return address.status();
  // The model takes most of a start: it is read while the store makes its log again.
  auto models_future = std::async(std::launch::async, [&options] { return LoadModels(options); });
  auto store = Store::Open({.data_directory = options.data_dir,
                            .block_cache_bytes = options.block_cache_bytes,
                            .memtable_bytes = options.memtable_bytes,
                            .free_disk_bytes_min = options.free_disk_bytes_min});
  auto models = models_future.get();
  if (!models.ok()) return models.status();
  if (!store.ok()) return store.status();
  const std::string model_text = ModelText(**models);

  std::unique_ptr<Server> server(new Server(options));
  server->database_ = std::make_unique<Database>(
      *std::move(store), *std::move(models),
      DatabaseOptions{
          .load_threads = options.load_threads,
          .memory_bytes_max = options.memory_bytes_max,
          .checkpoint_interval = std::chrono::milliseconds(options.checkpoint_interval_ms),
          .filter_field_bytes_max = options.filter_field_bytes_max,
          .recall_sample_every = options.recall_sample_every,
          .snapshot_interval = std::chrono::seconds(options.snapshot_interval_s),
          .snapshots_kept = options.snapshots_kept});
  auto rpc = RpcServer::Start(*server->database_, *address, RpcOptionsOf(options));
  if (!rpc.ok()) return rpc.status();
  server->rpc_ = *std::move(rpc);
  if (absl::Status s = WritePortFile(options.port_file, server->rpc_->port()); !s.ok()) return s;
  spdlog::info("simile-server {} listening on {}, {}, data directory {}, process {}", kVersion,
               server->rpc_->address(), model_text, RpcOptionsOf(options).data_directory, getpid());
  server->loader_ = std::thread([raw = server.get()] { raw->LoadAndServe(); });
  return server;
}

void Server::LoadAndServe() {
  const Stopwatch watch;
  database_->Load();
  if (!database_->ready()) return;
  uint64_t documents = 0;
  const auto collections = database_->Collections();
  for (const std::shared_ptr<Collection>& collection : collections) {
    const CollectionDescription description = collection->Describe();
    documents += description.document_count;
    if (description.state == CollectionState::kFailed) {
      spdlog::error("{}", description.state_reason);
    }
    for (const std::string& warning : description.warnings) spdlog::warn("{}", warning);
  }
  const std::chrono::duration<double> seconds = watch.Elapsed();
  spdlog::info("serving {} documents in {} collections, loaded in {:.2f} s", documents,
               collections.size(), seconds.count());
  rpc_->SetServing(true);
}

Server::~Server() {
  const Stopwatch watch;
  if (database_ != nullptr) database_->Stop();
  if (loader_.joinable()) loader_.join();
  if (rpc_ == nullptr) return;
  rpc_->Stop(std::chrono::milliseconds(options_.shutdown_grace_ms));
  rpc_.reset();
  database_.reset();
  const std::chrono::duration<double> seconds = watch.Elapsed();
  spdlog::info("stopped in {:.2f} s", seconds.count());
}

}  // namespace simile
