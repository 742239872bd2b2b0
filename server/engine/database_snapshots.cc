// Snapshots of the store and of single collections; see database.h.
#include <ctime>
#include <utility>

#include "fmt/chrono.h"
#include "fmt/format.h"
#include "server/engine/database.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "server/engine/stopwatch.h"
#include "server/engine/validation.h"
#include "server/engine/version.h"
#include "spdlog/spdlog.h"

namespace simile {
namespace {

std::string NameOfTime(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y%m%d-%H%M%S}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

}  // namespace

std::function<absl::Status()> Database::Watching(const CallContext& context) const {
  return [this, &context]() -> absl::Status {
    if (stop_) return absl::UnavailableError("the server is stopping");
    return context.Check();
  };
}

absl::StatusOr<SnapshotManifest> Database::CreateSnapshot(const std::string& name,
                                                          const std::string& collection,
                                                          const CallContext& context) {
  const auto now = std::chrono::system_clock::now();
  const std::string chosen = name.empty() ? NameOfTime(now) : name;
  if (absl::Status s = CheckSnapshotName(chosen); !s.ok()) return s;
  if (absl::Status s = CheckSnapshotCount(chosen); !s.ok()) return s;
  const Stopwatch watch;
  const auto created_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  auto manifest = [&]() -> absl::StatusOr<SnapshotManifest> {
    if (collection.empty()) {
      return store_->CreateSnapshot(chosen, created_ms, kVersion, Watching(context));
    }
    const auto found = Find(collection);
    if (!found.ok()) return found.status();
    return store_->CreateCollectionSnapshot(chosen, (*found)->id(), created_ms, kVersion,
                                            Watching(context));
  }();
  if (!manifest.ok()) {
    spdlog::warn("snapshot '{}' was not made: {}", chosen, MessageOf(manifest.status()));
    return manifest;
  }
  spdlog::info("snapshot '{}': {} collections, {} files, {} bytes, {} ms", chosen,
               manifest->collections.size(), manifest->files.size(), manifest->bytes(),
               std::chrono::duration_cast<std::chrono::milliseconds>(watch.Elapsed()).count());
  return manifest;
}

absl::StatusOr<SnapshotManifest> Database::ReadSnapshot(const std::string& name) const {
  if (absl::Status s = CheckSnapshotName(name); !s.ok()) return s;
  return store_->snapshots().Read(name);
}

absl::StatusOr<SnapshotCheck> Database::VerifySnapshot(const std::string& name,
                                                       const CallContext& context) const {
  if (absl::Status s = CheckSnapshotName(name); !s.ok()) return s;
  return store_->snapshots().Verify(name, Watching(context));
}

absl::Status Database::RemoveSnapshot(const std::string& name) {
  if (absl::Status s = CheckSnapshotName(name); !s.ok()) return s;
  const absl::Status removed = store_->RemoveSnapshot(name);
  if (!removed.ok() && removed.code() != absl::StatusCode::kNotFound) return removed;
  const absl::Status upload_removed = store_->snapshot_uploads().Remove(name);
  const bool had_no_upload = upload_removed.code() == absl::StatusCode::kNotFound;
  return had_no_upload ? removed : upload_removed;
}

SnapshotScheduler::Actions Database::SnapshotActions() {
  return {.list = [this]() -> absl::StatusOr<std::vector<SnapshotManifest>> {
            auto listed = ListSnapshots();
            if (!listed.ok()) return listed.status();
            std::vector<SnapshotManifest> manifests;
            for (NamedSnapshot& one : *listed) {
              if (one.manifest.ok()) manifests.push_back(*std::move(one.manifest));
            }
            return manifests;
          },
          .create = [this](const std::string& name) { return CreateSnapshot(name); },
          .remove = [this](const std::string& name) { return RemoveSnapshot(name); }};
}

absl::StatusOr<std::vector<Database::NamedSnapshot>> Database::ListSnapshots() const {
  const auto names = store_->snapshots().Names();
  if (!names.ok()) return names.status();
  std::vector<NamedSnapshot> listed;
  for (const std::string& name : *names) {
    listed.push_back({.name = name, .manifest = store_->snapshots().Read(name)});
  }
  return listed;
}

}  // namespace simile
