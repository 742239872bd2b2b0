#ifndef SIMILE_SERVER_RPC_RPC_RUNTIME_H_
#define SIMILE_SERVER_RPC_RPC_RUNTIME_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "server/engine/database.h"
#include "server/engine/limits.h"
#include "server/rpc/byte_budget.h"
#include "server/rpc/ingest_streams.h"
#include "server/rpc/work_pool.h"

namespace simile {

struct RpcOptions {
  size_t search_threads = 4;
  size_t ingest_threads = 16;
  size_t admin_threads = 2;
  size_t search_queue_max = kSearchQueueMax;
  size_t ingest_queue_max = kIngestQueueMax;
  size_t admin_queue_max = kAdminQueueMax;
  uint64_t message_bytes_max = kMessageBytesMax;
  uint64_t bytes_in_flight_max = kBytesInFlightMax;
  uint64_t memory_bytes_max = 0;  // As in DatabaseOptions; to be published. So is the next.
  uint64_t filter_field_bytes_max = kFilterFieldBytesMax;
  bool reflection = true;
  std::string data_directory;  // Shown by GetServerInfo.
};

// What every service needs: the database, the pools and the counters.
//
// Thread safety: as its parts.
struct RpcRuntime {
  RpcRuntime(Database& shared_database, const RpcOptions& chosen)
      : database(shared_database),
        options(chosen),
        bytes_in_flight(chosen.bytes_in_flight_max),
        search_pool("search", chosen.search_threads, chosen.search_queue_max),
        ingest_pool("ingest", chosen.ingest_threads, chosen.ingest_queue_max),
        admin_pool("admin", chosen.admin_threads, chosen.admin_queue_max) {}

  Database& database;
  const RpcOptions options;
  ByteBudget bytes_in_flight;
  std::atomic<bool> stopping{false};  // True: new work is refused.
  IngestStreams ingest_streams;
  const std::chrono::system_clock::time_point start_time = std::chrono::system_clock::now();

  // Last, so that they end first: their tasks use all of the above.
  WorkPool search_pool;
  WorkPool ingest_pool;
  WorkPool admin_pool;
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_RPC_RUNTIME_H_
