#include "server/rpc/ingest_streams.h"

#include "server/engine/limits.h"
#include "server/rpc/ingest_stream.h"

namespace simile {

bool IngestStreams::Add(IngestStream* stream) {
  WriteLock lock(mutex_);
  if (streams_.size() >= kIngestStreamsMax) return false;
  streams_.insert(stream);
  return true;
}

void IngestStreams::Remove(IngestStream* stream) {
  WriteLock lock(mutex_);
  streams_.erase(stream);
}

void IngestStreams::StopAll() {
  // Under the lock no stream can go away, since its destructor removes it first.
  WriteLock lock(mutex_);
  for (IngestStream* stream : streams_) stream->Stop();
}

size_t IngestStreams::size() const {
  ReadLock lock(mutex_);
  return streams_.size();
}

}  // namespace simile
