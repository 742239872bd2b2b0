#include "server/engine/model_registry.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

const std::string& NameOf(const std::shared_ptr<EncoderService>& service) {
  return service->encoder().info().name;
}

std::vector<std::string> QuotedNames(const std::vector<std::shared_ptr<EncoderService>>& services) {
  std::vector<std::string> names;
  for (const auto& service : services) names.push_back("'" + NameOf(service) + "'");
  return names;
}

std::vector<std::string> QuotedDirectories(const std::string& parent) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(parent, error)) {
    if (entry.is_directory(error)) names.push_back("'" + entry.path().filename().string() + "'");
  }
  std::ranges::sort(names);
  return names;
}

// So that no name leads out of the models directory.
bool IsPlainName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

}  // namespace

absl::Status ModelRegistry::CheckRoomFor(const std::string& name) const {
  for (const auto& service : services_) {
    if (NameOf(service) == name) {
      return absl::AlreadyExistsError(fmt::format("a model '{}' is loaded already", name));
    }
  }
  if (services_.size() < kModelsMax) return absl::OkStatus();
  return absl::ResourceExhaustedError(fmt::format(
      "{} models are loaded; at most {} may be: unload one first", services_.size(), kModelsMax));
}

absl::Status ModelRegistry::Add(std::unique_ptr<EncoderService> service) {
  WriteLock lock(mutex_);
  if (absl::Status s = CheckRoomFor(service->encoder().info().name); !s.ok()) return s;
  services_.push_back(std::move(service));
  return absl::OkStatus();
}

absl::Status ModelRegistry::LoadDirectory(const std::string& directory) {
  {
    // Before the work; Add looks again.
    ReadLock lock(mutex_);
    const std::string name = fs::path(directory).filename().string();
    if (absl::Status s = CheckRoomFor(name); !s.ok()) return s;
  }
  auto encoder = LoadEncoder(directory, options_.encoder);
  if (!encoder.ok()) return encoder.status();
  const ModelInfo& info = (*encoder)->info();
  if (info.dimension > kDimensionMax) {
    return absl::FailedPreconditionError(
        fmt::format("model '{}' has vectors of {} components ({} pooling); at most {} are allowed",
                    info.name, info.dimension, info.pooling, kDimensionMax));
  }
  return Add(std::make_unique<EncoderService>(*std::move(encoder), options_.service));
}

absl::Status ModelRegistry::Load(const std::string& name) {
  if (!IsPlainName(name)) {
    return InvalidField("name", fmt::format("'{}' is not the name of a model directory; it is one "
                                            "path component, as in all-MiniLM-L6-v2",
                                            name));
  }
  if (options_.models_directory.empty()) {
    return absl::FailedPreconditionError(
        "this server loads no models by name: start it with --models-dir DIR, which holds a "
        "directory for each");
  }
  const fs::path directory = fs::path(options_.models_directory) / name;
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    return absl::NotFoundError(
        fmt::format("there is no model '{}' in the models directory; it holds {}", name,
                    fmt::join(QuotedDirectories(options_.models_directory), ", ")));
  }
  return LoadDirectory(directory.string());
}

absl::Status ModelRegistry::Remove(const std::string& name) {
  WriteLock lock(mutex_);
  const auto found = std::ranges::find(services_, name, NameOf);
  if (found == services_.end()) {
    return absl::NotFoundError(fmt::format("no model '{}' is loaded; there are {}", name,
                                           fmt::join(QuotedNames(services_), ", ")));
  }
  if (found == services_.begin()) {
    return absl::FailedPreconditionError(fmt::format(
        "'{}' is the default model; start the server with another --model instead", name));
  }
  services_.erase(found);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<EncoderService>> ModelRegistry::Find(const std::string& name) const {
  ReadLock lock(mutex_);
  if (services_.empty()) {
    return absl::FailedPreconditionError(
        "this server has no model: start it with --model DIR, or bring vectors instead of texts");
  }
  if (name.empty()) return services_.front();
  const auto found = std::ranges::find(services_, name, NameOf);
  if (found != services_.end()) return *found;
  return absl::NotFoundError(fmt::format("there is no model '{}' on this server; it has {}", name,
                                         fmt::join(QuotedNames(services_), ", ")));
}

std::vector<std::shared_ptr<EncoderService>> ModelRegistry::Services() const {
  ReadLock lock(mutex_);
  return services_;
}

}  // namespace simile
