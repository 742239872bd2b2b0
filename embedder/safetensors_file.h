#ifndef SIMILE_EMBEDDER_SAFETENSORS_FILE_H_
#define SIMILE_EMBEDDER_SAFETENSORS_FILE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "embedder/mapped_file.h"

namespace simile {

// A file of named tensors: 8 bytes little-endian header size, a JSON header
// {name: {dtype, shape, data_offsets}}, then the data (the safetensors format,
// github.com/huggingface/safetensors). Every size and offset is checked against the file before it
// is used.
//
// Thread safety: immutable after Open.
class SafetensorsFile {
 public:
  static constexpr size_t kHeaderBytesMax = 16 << 20;

  // NotFound when there is no file; DataLoss when it is damaged or truncated; the message names it.
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> Open(const std::string& path);

  bool Has(const std::string& name) const { return tensors_.contains(name); }

  // The tensor's elements as float32, whatever they are stored as (F32, F16, BF16). NotFound when
  // there is none; FailedPrecondition when its shape is not `shape` or its type is another;
  // DataLoss when an element is NaN or infinite.
  absl::StatusOr<std::vector<float>> Read(const std::string& name,
                                          const std::vector<size_t>& shape) const;

  // Elements of all tensors.
  size_t element_count() const;
  const MappedFile& file() const { return *file_; }

 private:
  struct Tensor {
    std::string type;
    std::vector<size_t> shape;
    std::string_view data;
  };

  explicit SafetensorsFile(std::unique_ptr<MappedFile> file) : file_(std::move(file)) {}
  absl::Status ParseHeader();
  absl::Status Damaged(const std::string& reason) const;

  const std::unique_ptr<MappedFile> file_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_SAFETENSORS_FILE_H_
