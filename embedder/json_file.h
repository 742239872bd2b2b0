#ifndef SIMILE_EMBEDDER_JSON_FILE_H_
#define SIMILE_EMBEDDER_JSON_FILE_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace simile {

// A JSON file of a model directory whose fields are read with their type and range checked. The
// first field that does not fit is remembered in status().
class JsonFile {
 public:
  static constexpr size_t kBytesMax = 64 << 20;

  // NotFound when there is no file; DataLoss when it is too large or not a JSON object.
  static absl::StatusOr<JsonFile> Read(const std::string& path);

  // A whole number from 1 to `max`; required.
  size_t Size(const std::string& key, size_t max);

  // The fallback when the key is missing or null.
  size_t SizeOr(const std::string& key, size_t max, size_t fallback);
  double NumberOr(const std::string& key, double fallback);
  bool BoolOr(const std::string& key, bool fallback);
  std::string StringOr(const std::string& key, const std::string& fallback);

  // DataLoss naming file and field, or OK.
  const absl::Status& status() const { return status_; }
  absl::Status Fail(const std::string& reason) const;

  const nlohmann::json& json() const { return json_; }
  const std::string& path() const { return path_; }

 private:
  // Null when the key is missing or null.
  const nlohmann::json* Find(const std::string& key) const;
  void Note(const std::string& key, const std::string& expected);

  std::string path_;
  nlohmann::json json_;
  absl::Status status_;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_JSON_FILE_H_
