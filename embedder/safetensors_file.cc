#include "embedder/safetensors_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "fmt/format.h"
#include "fmt/ranges.h"

namespace simile {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little);

size_t ElementBytes(const std::string& type) {
  if (type == "F32" || type == "I32" || type == "U32") return 4;
  if (type == "F16" || type == "BF16" || type == "I16" || type == "U16") return 2;
  if (type == "F64" || type == "I64" || type == "U64") return 8;
  if (type == "I8" || type == "U8" || type == "BOOL") return 1;
  return 0;
}

// IEEE 754 binary16 to binary32.
float FromHalf(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = (half >> 10) & 0x1F;
  const uint32_t fraction = half & 0x3FF;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide_exponent = exponent == 0x1F ? 0xFF : exponent + 112;
  return std::bit_cast<float>(sign | (wide_exponent << 23) | (fraction << 13));
}

float FromBfloat(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

bool IsSize(const Json& value) { return value.is_number_unsigned(); }

}  // namespace

absl::Status SafetensorsFile::Damaged(const std::string& reason) const {
  return absl::DataLossError(fmt::format("{} is damaged: {}", file_->path(), reason));
}

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(const std::string& path) {
  auto mapped = MappedFile::Open(path);
  if (!mapped.ok()) return mapped.status();
  std::unique_ptr<SafetensorsFile> file(new SafetensorsFile(*std::move(mapped)));
  if (absl::Status s = file->ParseHeader(); !s.ok()) return s;
  return file;
}

absl::Status SafetensorsFile::ParseHeader() {
  const std::string_view bytes = file_->bytes();
  uint64_t header_size = 0;
  if (bytes.size() < sizeof(header_size)) {
    return Damaged(fmt::format("it has {} bytes, too few for a header", bytes.size()));
  }
  std::memcpy(&header_size, bytes.data(), sizeof(header_size));
  const std::string_view rest = bytes.substr(sizeof(header_size));
  if (header_size > kHeaderBytesMax || header_size > rest.size()) {
    return Damaged(
        fmt::format("its header claims {} bytes of a file of {}", header_size, bytes.size()));
  }
  const std::string_view data = rest.substr(header_size);
  const Json header = Json::parse(rest.substr(0, header_size), nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) return Damaged("its header is not a JSON object");
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
        !entry.contains("shape") || !entry["shape"].is_array() || !entry.contains("data_offsets") ||
        !entry["data_offsets"].is_array() || entry["data_offsets"].size() != 2 ||
        !IsSize(entry["data_offsets"][0]) || !IsSize(entry["data_offsets"][1])) {
      return Damaged(fmt::format("the header entry of tensor '{}' does not parse", name));
    }
    Tensor tensor{.type = entry["dtype"].get<std::string>()};
    size_t size = ElementBytes(tensor.type);
    for (const Json& extent : entry["shape"]) {
      if (!IsSize(extent)) return Damaged(fmt::format("the shape of '{}' does not parse", name));
      tensor.shape.push_back(extent.get<size_t>());
      if (__builtin_mul_overflow(size, tensor.shape.back(), &size)) {
        return Damaged(fmt::format("the shape of '{}' is beyond all memory", name));
      }
    }
    const auto begin = entry["data_offsets"][0].get<size_t>();
    const auto end = entry["data_offsets"][1].get<size_t>();
    if (begin > end || end > data.size()) {
      return Damaged(
          fmt::format("tensor '{}' claims bytes {} to {}, but there are {}: the file is "
                      "truncated or its header is wrong",
                      name, begin, end, data.size()));
    }
    if (size != 0 && end - begin != size) {
      return Damaged(
          fmt::format("tensor '{}' has {} bytes, but its shape needs {}", name, end - begin, size));
    }
    tensor.data = data.substr(begin, end - begin);
    tensors_.emplace(name, std::move(tensor));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<float>> SafetensorsFile::Read(const std::string& name,
                                                         const std::vector<size_t>& shape) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    return absl::NotFoundError(fmt::format("{} has no tensor '{}'", file_->path(), name));
  }
  const Tensor& tensor = found->second;
  if (tensor.shape != shape) {
    return absl::FailedPreconditionError(
        fmt::format("{}: tensor '{}' has shape [{}], expected [{}]", file_->path(), name,
                    fmt::join(tensor.shape, ", "), fmt::join(shape, ", ")));
  }
  const bool is_half = tensor.type == "F16";
  if (tensor.type != "F32" && tensor.type != "BF16" && !is_half) {
    return absl::FailedPreconditionError(
        fmt::format("{}: tensor '{}' is of type {}; F32, F16 and BF16 can be read", file_->path(),
                    name, tensor.type));
  }
  std::vector<float> values(tensor.data.size() / ElementBytes(tensor.type));
  if (tensor.type == "F32") {
    std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  } else {
    for (size_t element = 0; element < values.size(); ++element) {
      uint16_t bits = 0;
      std::memcpy(&bits, tensor.data.data() + element * sizeof(bits), sizeof(bits));
      values[element] = is_half ? FromHalf(bits) : FromBfloat(bits);
    }
  }
  // One such weight would make every vector NaN.
  const auto bad = std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
  if (bad == values.end()) return values;
  return Damaged(
      fmt::format("tensor '{}' has {} at position {}", name, *bad, bad - values.begin()));
}

size_t SafetensorsFile::element_count() const {
  size_t count = 0;
  for (const auto& [name, tensor] : tensors_) {
    const size_t size = ElementBytes(tensor.type);
    if (size != 0) count += tensor.data.size() / size;
  }
  return count;
}

}  // namespace simile
