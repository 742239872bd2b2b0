#ifndef SIMILE_CLIENT_CLI_PEER_EXPORT_READER_H_
#define SIMILE_CLIENT_CLI_PEER_EXPORT_READER_H_

#include <cstddef>
#include <istream>
#include <string>

#include "client/cli/document_source.h"
#include "client/cli/output.h"

namespace simile::cli {

enum class Peer {
  kQdrant,  // Answers of points/scroll, also many of them in a row, an array of points, or a point
            // a line.
  kChroma,  // What collection.get() returns, as JSON; also many of them in a row.
};

struct PeerExportOptions {
  Peer peer = Peer::kQdrant;
  std::string text_field = "text";  // Of a point's payload: the text. The rest is metadata.
  std::string vector_name;          // Which one, of points with several.
  bool with_vectors = true;         // False: they are left out, so that texts are embedded anew.
};

// Documents from what other databases give out over their API (Qdrant's and Chroma's OpenAPI
// descriptions have the forms). One JSON value is in memory at a time, so a large collection is
// better exported page by page into one file.
//
// Thread safety: none.
class PeerExportReader : public DocumentSource {
 public:
  // The stream is read while this lives.
  PeerExportReader(std::istream& stream, PeerExportOptions options);

  // Items are errors of their own; JSON that does not parse, or is none of the forms, is an error
  // after which nothing comes.
  std::optional<ReadDocument> Next() override;
  uint64_t bytes_read() const override { return bytes_read_; }
  const char* unit() const override { return "item"; }

 private:
  absl::Status ReadPage();
  absl::StatusOr<v1::Document> FromQdrant(Json& point) const;
  absl::StatusOr<v1::Document> FromChroma(size_t at);

  std::istream& stream_;
  const PeerExportOptions options_;
  Json page_;  // Qdrant: an array of points. Chroma: an object of arrays.
  size_t page_size_ = 0;
  size_t at_ = 0;
  uint64_t number_ = 0;
  uint64_t bytes_read_ = 0;
  bool is_broken_ = false;
};

}  // namespace simile::cli

#endif  // SIMILE_CLIENT_CLI_PEER_EXPORT_READER_H_
