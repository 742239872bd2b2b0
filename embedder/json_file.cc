#include "embedder/json_file.h"

#include <memory>
#include <utility>

#include "embedder/mapped_file.h"
#include "fmt/format.h"

namespace simile {

absl::StatusOr<JsonFile> JsonFile::Read(const std::string& path) {
  const auto file = MappedFile::Open(path);
  if (!file.ok()) return file.status();
  JsonFile result;
  result.path_ = path;
  const std::string_view bytes = (*file)->bytes();
  if (bytes.size() > kBytesMax) {
    return absl::DataLossError(
        fmt::format("{} has {} bytes; at most {} are read", path, bytes.size(), kBytesMax));
  }
  result.json_ = nlohmann::json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!result.json_.is_object()) {
    return absl::DataLossError(fmt::format("{} is damaged: it is not a JSON object", path));
  }
  return result;
}

const nlohmann::json* JsonFile::Find(const std::string& key) const {
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

absl::Status JsonFile::Fail(const std::string& reason) const {
  return absl::DataLossError(fmt::format("{}: {}", path_, reason));
}

void JsonFile::Note(const std::string& key, const std::string& expected) {
  if (!status_.ok()) return;
  const nlohmann::json* value = Find(key);
  status_ = Fail(fmt::format("'{}' is {}; it must be {}", key,
                             value == nullptr ? "missing" : value->dump().substr(0, 40), expected));
}

size_t JsonFile::Size(const std::string& key, size_t max) {
  const nlohmann::json* value = Find(key);
  if (value != nullptr && value->is_number_unsigned()) {
    const auto size = value->get<size_t>();
    if (size >= 1 && size <= max) return size;
  }
  Note(key, fmt::format("a whole number from 1 to {}", max));
  return 1;
}

size_t JsonFile::SizeOr(const std::string& key, size_t max, size_t fallback) {
  return Find(key) == nullptr ? fallback : Size(key, max);
}

double JsonFile::NumberOr(const std::string& key, double fallback) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return fallback;
  if (value->is_number()) return value->get<double>();
  Note(key, "a number");
  return fallback;
}

bool JsonFile::BoolOr(const std::string& key, bool fallback) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  Note(key, "true or false");
  return fallback;
}

std::string JsonFile::StringOr(const std::string& key, const std::string& fallback) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->get<std::string>();
  Note(key, "a string");
  return fallback;
}

}  // namespace simile
