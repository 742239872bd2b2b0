#ifndef SIMILE_SERVER_ENGINE_LIMITS_H_
#define SIMILE_SERVER_ENGINE_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace simile {

// Every limit a request can meet, in one place. GetServerInfo publishes them; each is enforced
// before memory is allocated for what it limits. Those an operator may change are options of
// server/options.h and start from the values here.

inline constexpr uint64_t kMessageBytesMax = 64ull << 20;
// Messages, repeated strings and unknown fields inside one message: two bytes of the wire can
// become a hundred in memory.
inline constexpr size_t kMessageItemsMax = 500'000;
inline constexpr uint64_t kBytesInFlightMax = 512ull << 20;  // Eight of the largest messages.

inline constexpr size_t kBatchMax = 10'000;
inline constexpr size_t kIdBytesMax = 512;
inline constexpr size_t kTextBytesMax = 1 << 20;
inline constexpr size_t kMetadataKeysMax = 1'024;
inline constexpr size_t kMetadataKeyBytesMax = 256;
inline constexpr size_t kMetadataBytesMax = 1 << 20;
inline constexpr size_t kMetadataDepthLimit = 8;
inline constexpr size_t kSessionIdBytesMax = 64;

inline constexpr size_t kCollectionsMax = 1'000;
inline constexpr size_t kCollectionNameBytesMax = 64;
inline constexpr size_t kDimensionMax = 4'096;
// Sums of squares and products of longer vectors leave the range of float32; a distance that is no
// number would push others out of an answer.
inline constexpr double kVectorLengthMax = 1e15;
// The squares of shorter vectors do too, so that cosine cannot scale them to length 1.
inline constexpr double kCosineLengthMin = 1e-15;
inline constexpr size_t kGraphLinksMin = 2;
inline constexpr size_t kGraphLinksMax = 96;
inline constexpr size_t kEfConstructionMin = 8;
inline constexpr size_t kEfConstructionMax = 4'096;
inline constexpr size_t kEfSearchMax = 16'384;

inline constexpr size_t kLimitDefault = 10;
inline constexpr size_t kLimitMax = 10'000;
inline constexpr size_t kOffsetPlusLimitMax = 100'000;
inline constexpr size_t kQueryTermsMax = 64;
inline constexpr size_t kFilterDepthMax = 16;
inline constexpr size_t kFilterNodesMax = 1'000;
inline constexpr size_t kFilterValuesMax = 10'000;  // Of one condition.
inline constexpr size_t kFacetsMax = 16;            // Of one query or count.
inline constexpr size_t kFacetValuesMax = 1'000;    // Told of one facet.
inline constexpr size_t kFacetValuesDefault = 10;
inline constexpr size_t kFacetRangesMax = 100;
// Different values that are counted when a field is not indexed: about 100 MB of them.
inline constexpr size_t kFacetTallyMax = 1'000'000;
inline constexpr size_t kFilterFieldsMax = 1'024;  // Indexed, of one collection.
inline constexpr uint64_t kFilterFieldBytesMax = 64ull << 20;
inline constexpr size_t kSearchBatchMax = 256;
inline constexpr size_t kPageSizeDefault = 100;
inline constexpr size_t kPageSizeMax = 1'000;

inline constexpr size_t kSearchQueueMax = 1'024;
inline constexpr size_t kIngestQueueMax = 1'024;
inline constexpr size_t kAdminQueueMax = 256;
inline constexpr size_t kIngestStreamsMax = 256;
inline constexpr size_t kModelsMax = 8;
inline constexpr size_t kSnapshotsMax = 1'000;
inline constexpr size_t kSnapshotNameBytesMax = 64;
inline constexpr uint64_t kSnapshotChunkBytesMax = 4ull << 20;
inline constexpr size_t kPromptBytesLimit = 4'096;  // Of a collection's prompt.
// Of one Embed call that wants vectors of tokens: 16 MiB at 1,024 floats each.
inline constexpr size_t kTokenVectorsMax = 4'096;
// Of what waits for a model, queries and writes each by themselves.
inline constexpr size_t kEncoderQueuedTokensMax = 256 * 1024;
inline constexpr size_t kEncoderQueuedBytesMax = 256ull << 20;
inline constexpr uint32_t kDeadlineMsMax = 300'000;
// Of RestoreSnapshot, and of what else reads all of a snapshot.
inline constexpr uint32_t kRestoreDeadlineMsMax = 24 * 3'600'000;

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_LIMITS_H_
