#include "server/engine/ingest_session.h"

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"

namespace simile {

IngestSession::IngestSession(std::shared_ptr<Collection> collection, std::string session_id,
                             Durability durability, std::shared_ptr<Ownership> ownership)
    : collection_(std::move(collection)),
      session_id_(std::move(session_id)),
      durability_(durability),
      ownership_(std::move(ownership)) {}

IngestSession::~IngestSession() = default;

absl::StatusOr<UpsertReport> IngestSession::Upsert(
    uint64_t first_item, std::vector<absl::StatusOr<DocumentInput>> documents,
    const CallContext& context) {
  if (first_item != items_done_) {
    return absl::OutOfRangeError(
        fmt::format("the batch begins at item {}, but {} items of the session are done; send on "
                    "from item {}",
                    first_item, items_done_, items_done_));
  }
  const uint64_t items_after = items_done_ + documents.size();
  UpsertOptions options{.durability = durability_};
  if (session_id_.empty()) {
    auto report = collection_->Upsert(std::move(documents), options, context);
    if (report.ok()) items_done_ = items_after;
    return report;
  }
  options.progress = IngestProgress{.session_id = session_id_, .items_handled = items_after};
  // Held through the commit: a stream that takes over sees either all of this batch or none.
  WriteLock lock(ownership_->mutex);
  if (ownership_->newest_stream != stream_) {
    return absl::AbortedError(
        fmt::format("session '{}' was taken over by a newer stream", session_id_));
  }
  auto report = collection_->Upsert(std::move(documents), options, context);
  if (report.ok()) items_done_ = items_after;
  return report;
}

absl::StatusOr<std::unique_ptr<IngestSession>> IngestSessions::Open(
    std::shared_ptr<Collection> collection, const std::string& session_id, Durability durability) {
  if (session_id.size() > kSessionIdBytesMax) {
    return InvalidField("start.session_id",
                        fmt::format("the session id has {} bytes; at most {} are allowed",
                                    session_id.size(), kSessionIdBytesMax));
  }
  std::shared_ptr<IngestSession::Ownership> ownership;
  if (!session_id.empty()) {
    WriteLock lock(mutex_);
    std::erase_if(owners_, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<IngestSession::Ownership>& owner = owners_[Key(collection->id(), session_id)];
    ownership = owner.lock();
    if (ownership == nullptr) {
      ownership = std::make_shared<IngestSession::Ownership>();
      owner = ownership;
    }
  }
  std::unique_ptr<IngestSession> session(
      new IngestSession(collection, session_id, durability, ownership));
  if (ownership == nullptr) return session;

  WriteLock lock(ownership->mutex);
  session->stream_ = ++ownership->newest_stream;
  const absl::StatusOr<uint64_t> items_done = collection->IngestItemsHandled(session_id);
  if (!items_done.ok()) return items_done.status();
  session->items_done_ = *items_done;
  return session;
}

}  // namespace simile
