#ifndef SIMILE_TESTS_CRASH_DISK_FILL_H_
#define SIMILE_TESTS_CRASH_DISK_FILL_H_

#include <cstdint>
#include <string>

namespace simile {

// A file of somebody else that takes all space of a disk. Thread safety: none.
class DiskFill {
 public:
  explicit DiskFill(std::string path) : path_(std::move(path)) {}
  ~DiskFill() { Remove(); }
  DiskFill(const DiskFill&) = delete;
  DiskFill& operator=(const DiskFill&) = delete;

  // Grows until not one more byte can be written, also by root. Returns the bytes of this time.
  uint64_t Fill();

  // Grows until about so many bytes are free for others than root.
  void Leave(uint64_t bytes);
  void Remove();

 private:
  const std::string path_;
};

}  // namespace simile

#endif  // SIMILE_TESTS_CRASH_DISK_FILL_H_
