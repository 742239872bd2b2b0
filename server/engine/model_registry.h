#ifndef SIMILE_SERVER_ENGINE_MODEL_REGISTRY_H_
#define SIMILE_SERVER_ENGINE_MODEL_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "embedder/encoder_service.h"

namespace simile {

// The models this server has loaded; the first one is the default.
//
// Thread safety: Add before the registry is shared; everything else may be called together.
class ModelRegistry {
 public:
  void Add(std::unique_ptr<EncoderService> service);

  // The model of that name; the default model for "". NotFound lists the names there are.
  absl::StatusOr<EncoderService*> Find(const std::string& name) const;

  const std::vector<std::unique_ptr<EncoderService>>& services() const { return services_; }

 private:
  std::vector<std::unique_ptr<EncoderService>> services_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_MODEL_REGISTRY_H_
