#ifndef SIMILE_STORAGE_DOCUMENT_CODEC_H_
#define SIMILE_STORAGE_DOCUMENT_CODEC_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/document.h"

namespace simile {

// Lists of lists deeper than this are refused on reading; the engine allows fewer.
inline constexpr int kMetadataDepthMax = 16;

// Everything of a document but label and vector, as a sealed record; storage/README.md has the
// bytes.
std::string EncodeDocument(const StoredDocument& document);

// DataLoss when the record is damaged; label and vector are left as they are by default.
absl::StatusOr<StoredDocument> DecodeDocument(std::string_view record);

std::string EncodeVector(std::span<const float> vector);
absl::StatusOr<std::vector<float>> DecodeVector(std::string_view record);

}  // namespace simile

#endif  // SIMILE_STORAGE_DOCUMENT_CODEC_H_
