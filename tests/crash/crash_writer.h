#ifndef SIMILE_TESTS_CRASH_CRASH_WRITER_H_
#define SIMILE_TESTS_CRASH_CRASH_WRITER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "client/simile_client.h"
#include "tests/crash/document_states.h"

namespace simile {

constexpr size_t kCrashDimension = 8;
constexpr char kCrashCollection[] = "docs";

// The document `id` in that state, with text, vector and metadata.
v1::Document CrashDocument(const std::string& id, const DocumentState& state);

// One of the programs that write while the server is killed: upserts, deletes, changes of metadata,
// or a stream, each of some documents of its own. Notes what it asks and what is acknowledged.
//
// Thread safety: none; each has a thread of its own. `states` is shared.
class CrashWriter {
 public:
  CrashWriter(const std::string& server, size_t number, uint32_t seed, v1::Durability durability,
              DocumentStates& states);

  // Until the server cannot be reached, or refuses what it should not: then the reason is returned.
  std::string Run();

 private:
  std::vector<std::string> SomeIds(size_t count_max);
  bool Upsert();
  bool Delete();
  bool Update();
  bool Stream();
  bool Fail(const absl::Status& status);

  Client client_;
  const size_t number_;
  std::mt19937 random_;
  const v1::Durability durability_;
  DocumentStates& states_;
  int64_t next_version_;
  std::string failure_;
};

}  // namespace simile

#endif  // SIMILE_TESTS_CRASH_CRASH_WRITER_H_
