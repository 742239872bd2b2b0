#ifndef SIMILE_STORAGE_NAME_TURNS_H_
#define SIMILE_STORAGE_NAME_TURNS_H_

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "storage/mutex.h"

namespace simile {

// Which names are worked on: of calls about one name one works at a time, and the others are told
// so at once instead of waiting, for a call may take minutes.
//
// Thread safety: all methods may be called together.
class NameTurns {
 public:
  // Holds a name, when it was free, until it is destroyed. The NameTurns must outlive it.
  class Turn {
   public:
    Turn(NameTurns& turns, std::string name) : turns_(turns), name_(std::move(name)) {
      const storage_internal::MutexLock lock(turns_.mutex_);
      is_ours_ = turns_.names_.insert(name_).second;
    }
    ~Turn() {
      if (!is_ours_) return;
      const storage_internal::MutexLock lock(turns_.mutex_);
      turns_.names_.erase(name_);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    // Unavailable when another call holds the name; `what` is what it names.
    absl::Status Check(std::string_view what) const {
      if (is_ours_) return absl::OkStatus();
      return absl::UnavailableError(
          fmt::format("another call about {} '{}' is being answered: try again when it has ended",
                      what, name_));
    }

   private:
    NameTurns& turns_;
    const std::string name_;
    bool is_ours_ = false;
  };

 private:
  storage_internal::Mutex mutex_;
  std::set<std::string> names_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace simile

#endif  // SIMILE_STORAGE_NAME_TURNS_H_
