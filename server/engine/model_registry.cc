#include "server/engine/model_registry.h"

#include <utility>

#include "fmt/format.h"

namespace simile {

void ModelRegistry::Add(std::unique_ptr<EncoderService> service) {
  services_.push_back(std::move(service));
}

absl::StatusOr<EncoderService*> ModelRegistry::Find(const std::string& name) const {
  if (services_.empty()) {
    return absl::FailedPreconditionError(
        "this server has no model: start it with --model DIR, or bring vectors instead of texts");
  }
  if (name.empty()) return services_.front().get();
  std::string known;
  for (const std::unique_ptr<EncoderService>& service : services_) {
    const std::string& model_name = service->encoder().info().name;
    if (model_name == name) return service.get();
    known += (known.empty() ? "'" : ", '") + model_name + "'";
  }
  return absl::NotFoundError(
      fmt::format("there is no model '{}' on this server; it has {}", name, known));
}

}  // namespace simile
