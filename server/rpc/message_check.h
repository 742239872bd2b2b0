#ifndef SIMILE_SERVER_RPC_MESSAGE_CHECK_H_
#define SIMILE_SERVER_RPC_MESSAGE_CHECK_H_

#include <google/protobuf/descriptor.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace simile {

// The path of the first string in the wire bytes of a message of `type` that is not valid UTF-8,
// e.g. "documents[3].text" or "documents[3].metadata.color"; empty when there is none. Bytes that
// are no such message end the walk.
// Cost: one pass over the bytes.
std::string FindInvalidUtf8(const google::protobuf::Descriptor& type, std::string_view bytes);

// ResourceExhausted when the wire bytes of a message of `type` hold more than kMessageItemsMax
// messages, repeated strings and unknown fields, before any of them takes memory. Cost: one pass
// over the bytes of a large message.
absl::Status CheckItems(const google::protobuf::Descriptor& type, const grpc::ByteBuffer& buffer);

// Why `buffer` could not be parsed as a message of `type`: InvalidArgument with the field.
absl::Status ParseError(const google::protobuf::Descriptor& type, const grpc::ByteBuffer& buffer);

// What a client sent, parsed; errors as of the two above.
template <typename Message>
absl::StatusOr<Message> ParseMessage(const grpc::ByteBuffer& buffer) {
  if (absl::Status s = CheckItems(*Message::descriptor(), buffer); !s.ok()) return s;
  Message message;
  grpc::ByteBuffer bytes = buffer;  // Shares the slices; parsing empties its buffer.
  if (!grpc::SerializationTraits<Message>::Deserialize(&bytes, &message).ok()) {
    return ParseError(*Message::descriptor(), buffer);
  }
  return message;
}

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_MESSAGE_CHECK_H_
