#ifndef SIMILE_STORAGE_BALLAST_H_
#define SIMILE_STORAGE_BALLAST_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "storage/mutex.h"

namespace simile {

// Two files that only take space, to have some to give when the disk is full: Debian's RocksDB does
// not survive a log that cannot be written. BALLAST is for a running store, BALLAST.start for the
// next start, which needs space for what it reads from the log, and for nothing else: somebody else
// may take at once what is given up.
//
// Thread safety: all methods may be called together.
class Ballast {
 public:
  // Takes over the files that are in `directory`, if they have `bytes` bytes each. 0 bytes: there
  // are never any.
  Ballast(const std::string& directory, uint64_t bytes);

  // Frees the bytes of one. False when there are none to free.
  bool GiveUp();
  bool GiveUpForStart();

  // Makes what is missing, in blocks that are really taken, when `free_bytes` are enough for it
  // beside `spare_bytes`. What fails is tried again by the next call.
  void MakeIfThereIsRoom(uint64_t free_bytes, uint64_t spare_bytes);

  uint64_t bytes() const { return bytes_; }

  // Whether a running store has something to give up.
  bool is_there() const { return running_.is_there; }

  // For who wants to know whether that was given up meanwhile.
  uint64_t times_given_up() const { return times_given_up_; }

 private:
  struct Part {
    std::string path;
    std::atomic<bool> is_there{false};
  };

  void TakeOver(Part& part) const;
  // True when the bytes of the part are taken.
  bool Make(Part& part) const;

  const uint64_t bytes_;
  storage_internal::Mutex mutex_;  // Held while files are made or removed.
  Part running_;
  Part start_;
  std::atomic<uint64_t> times_given_up_{0};
};

}  // namespace simile

#endif  // SIMILE_STORAGE_BALLAST_H_
