#ifndef SIMILE_TESTS_CRASH_CRASH_RUN_H_
#define SIMILE_TESTS_CRASH_CRASH_RUN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "client/simile_client.h"
#include "tests/crash/crash_writer.h"
#include "tests/crash/document_states.h"
#include "tests/support/server_process.h"

namespace simile {

// What was found after crashes that should not be.
struct CrashFindings {
  size_t lost = 0;           // Acknowledged, and another state is there.
  size_t torn = 0;           // Parts that do not belong together.
  size_t wrong_answers = 0;  // Of searches, counts and filters.
  size_t failed_starts = 0;
  size_t refused = 0;  // Requests that were refused without a crash.

  size_t all() const { return lost + torn + wrong_answers + failed_starts + refused; }
};

// The real server on one data directory, started again and again, eight programs that write to it,
// and the knowledge of what it acknowledged. How it is made to crash is up to the test.
//
// Thread safety: none, but the writers have threads of their own.
class CrashRun {
 public:
  // That Create makes and nobody changes. A collection has a graph from 4,097 on; the writers have
  // 1,500 at most.
  static constexpr size_t kKeptDocuments = 4'400;

  // `random` decides what is written.
  CrashRun(std::string data_directory, v1::Durability durability, std::mt19937& random);
  ~CrashRun();

  // Checkpoints of the index so often that crashes hit them too.
  static constexpr uint32_t kCheckpointIntervalMs = 100;

  // False when the server ended before it served. `environment` are NAME=VALUE.
  bool Start(const std::vector<std::string>& environment = {},
             uint32_t checkpoint_interval_ms = kCheckpointIntervalMs);

  // The collection, and documents that nobody changes: enough for a graph, and so for checkpoints.
  void Create();

  void BeginWriting();
  // Waits until the writers have seen that the server is gone.
  void FinishWriting();

  // Everything acknowledged is there, whole, and nothing else; answers say the same. What is found
  // counts as acknowledged from then on.
  void Check();

  // One finding, told at once.
  void Wrong(size_t& count, const std::string& what);

  // A line about all of it; true when nothing was found.
  std::string Summary() const;

  // What is going on, for messages.
  void SetOccasion(std::string occasion) { occasion_ = std::move(occasion); }
  CrashFindings& findings() { return findings_; }
  ServerProcess& server() { return *server_; }

 private:
  void CheckDocument(const v1::Document& stored, bool exists);
  void CheckCounts(Client& client, const std::vector<v1::Document>& present);
  void CheckSearches(Client& client, const std::vector<v1::Document>& present);

  const std::string data_directory_;
  const v1::Durability durability_;
  std::mt19937& random_;
  std::unique_ptr<ServerProcess> server_;
  std::vector<std::thread> writers_;
  std::vector<std::string> failures_;
  DocumentStates states_;
  CrashFindings findings_;
  std::string occasion_;
};

}  // namespace simile

#endif  // SIMILE_TESTS_CRASH_CRASH_RUN_H_
