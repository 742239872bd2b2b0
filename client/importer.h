#ifndef SIMILE_CLIENT_IMPORTER_H_
#define SIMILE_CLIENT_IMPORTER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/simile_client.h"

namespace simile {

struct ImportOptions {
  std::string collection;
  v1::Durability durability = v1::DURABILITY_FSYNC;
  std::string session_id;        // At most 64 bytes. Empty: a random one.
  size_t batch_documents = 128;  // A batch is sent once it has so many documents,
  size_t batch_bytes = 1 << 20;  // or so many bytes.
  size_t window_batches = 2;     // Batches on their way or being worked on.
};

// Sends documents over one IngestDocuments stream. Add waits while the window is full, so memory
// stays bounded however slow the server is. When the stream breaks, a new one goes on where the
// server says the old one stopped: every document is stored once, also those without id. After
// ClientOptions::attempts_max streams in a row without an acknowledgement it gives up. A later run
// with the same session_id must Add the same documents in the same order.
//
// Thread safety: Add and Finish from one thread. Results are reported from that thread or another,
// one at a time.
class Importer {
 public:
  // How the item with that number (from 0, in the order of Add) ended. An item that was handled by
  // a stream that broke, or by an earlier run of the session, has an empty result, even when it was
  // refused.
  using OnResult = std::function<void(uint64_t item, const v1::UpsertResult& result)>;

  // `client` must outlive the importer.
  Importer(Client& client, const ImportOptions& options, OnResult on_result);

  // Cancels what Finish has not finished.
  ~Importer();
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;

  // An error is final: the server refused the stream (collection, disk), or cannot be reached.
  absl::Status Add(v1::Document document);

  // Sends what is left and waits for every acknowledgement.
  absl::Status Finish();

 private:
  class Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace simile

#endif  // SIMILE_CLIENT_IMPORTER_H_
