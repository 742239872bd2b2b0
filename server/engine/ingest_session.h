#ifndef SIMILE_SERVER_ENGINE_INGEST_SESSION_H_
#define SIMILE_SERVER_ENGINE_INGEST_SESSION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/collection.h"
#include "server/engine/mutex.h"

namespace simile {

class IngestSessions;

// One stream of a resumable import. Counts the items and commits the count with the documents, so
// that a client that lost its stream learns exactly what was stored.
//
// Thread safety: Upsert must not run together with itself.
class IngestSession {
 public:
  ~IngestSession();
  IngestSession(const IngestSession&) = delete;
  IngestSession& operator=(const IngestSession&) = delete;

  // Items that need not be sent again.
  uint64_t items_done() const { return items_done_; }

  // Stores a batch. OutOfRange unless it begins at items_done(); Aborted when a newer stream has
  // taken the session over.
  absl::StatusOr<UpsertReport> Upsert(uint64_t first_item,
                                      std::vector<absl::StatusOr<DocumentInput>> documents,
                                      const CallContext& context);

 private:
  friend class IngestSessions;

  // Serialises the streams of one session: the newest owns it.
  struct Ownership {
    Mutex mutex;
    uint64_t newest_stream ABSL_GUARDED_BY(mutex) = 0;
  };

  IngestSession(std::shared_ptr<Collection> collection, std::string session_id,
                Durability durability, std::shared_ptr<Ownership> ownership);

  const std::shared_ptr<Collection> collection_;
  const std::string session_id_;  // Empty: not resumable.
  const Durability durability_;
  const std::shared_ptr<Ownership> ownership_;
  uint64_t stream_ = 0;
  uint64_t items_done_ = 0;
};

// Hands out sessions and sees to it that only the newest stream of a session writes. Otherwise a
// batch of the broken stream that is still being worked on could be stored after its successor
// was told to send it again.
//
// Thread safety: all methods may be called together.
class IngestSessions {
 public:
  // Opens a session; waits for a batch of an older stream of it that is still running.
  // InvalidArgument when the id is too long.
  absl::StatusOr<std::unique_ptr<IngestSession>> Open(std::shared_ptr<Collection> collection,
                                                      const std::string& session_id,
                                                      Durability durability);

 private:
  using Key = std::pair<uint32_t, std::string>;  // Collection and session.

  Mutex mutex_;
  std::map<Key, std::weak_ptr<IngestSession::Ownership>> owners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_INGEST_SESSION_H_
