#ifndef SIMILE_SERVER_RPC_INGEST_STREAMS_H_
#define SIMILE_SERVER_RPC_INGEST_STREAMS_H_

#include <cstddef>
#include <set>

#include "server/engine/mutex.h"

namespace simile {

class IngestStream;

// The open ingest streams: counts them against their limit and ends them when the server stops.
//
// Thread safety: all methods may be called together.
class IngestStreams {
 public:
  // False when kIngestStreamsMax streams are open.
  bool Add(IngestStream* stream);
  void Remove(IngestStream* stream);

  // Asks every stream to end.
  void StopAll();

  size_t size() const;

 private:
  mutable Mutex mutex_;
  std::set<IngestStream*> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_INGEST_STREAMS_H_
