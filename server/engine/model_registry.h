#ifndef SIMILE_SERVER_ENGINE_MODEL_REGISTRY_H_
#define SIMILE_SERVER_ENGINE_MODEL_REGISTRY_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "embedder/encoder_service.h"
#include "server/engine/mutex.h"

namespace simile {

struct ModelRegistryOptions {
  std::string models_directory;  // Holds a directory for each model; empty: none to load by name.
  EncoderSettings encoder;
  EncoderServiceOptions service;
};

// The models this server has loaded; the first one is the default.
//
// Thread safety: all methods may be called together. Whoever holds a model may use it after it was
// removed.
class ModelRegistry {
 public:
  explicit ModelRegistry(ModelRegistryOptions options = {}) : options_(std::move(options)) {}

  // AlreadyExists when there is a model of that name, ResourceExhausted above kModelsMax.
  absl::Status Add(std::unique_ptr<EncoderService> service);

  // Loads and tests the model of that directory, then adds it under the directory's last component.
  // Errors as of LoadEncoder and Add. Takes about a second for 90 MB; other calls go on meanwhile.
  absl::Status LoadDirectory(const std::string& directory);

  // Loads the directory of that name in the models directory. InvalidArgument for a name that is no
  // plain directory name, FailedPrecondition without a models directory, NotFound naming the
  // directories there are.
  absl::Status Load(const std::string& name);

  // NotFound when there is none, FailedPrecondition for the default.
  absl::Status Remove(const std::string& name);

  // The model of that name; the default model for "". NotFound lists the names there are.
  absl::StatusOr<std::shared_ptr<EncoderService>> Find(const std::string& name) const;

  // The default first, then as they were added.
  std::vector<std::shared_ptr<EncoderService>> Services() const;

 private:
  absl::Status CheckRoomFor(const std::string& name) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const ModelRegistryOptions options_;

  mutable Mutex mutex_;
  std::vector<std::shared_ptr<EncoderService>> services_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_MODEL_REGISTRY_H_
