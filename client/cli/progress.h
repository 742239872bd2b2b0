#ifndef SIMILE_CLIENT_CLI_PROGRESS_H_
#define SIMILE_CLIENT_CLI_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <string>

namespace simile::cli {

// How far an import or a transfer has come, on standard error: one line that renews itself on a
// terminal, a line now and then elsewhere.
//
// Thread safety: none.
class Progress {
 public:
  // `bytes_total` is 0 when the size of the input is not known.
  explicit Progress(uint64_t bytes_total);

  // Shows the state if the last time was long enough ago.
  void Update(uint64_t documents, uint64_t bytes_read);

  // The same of a transfer that has no documents to count.
  void UpdateBytes(uint64_t bytes);

  // Ends the renewed line.
  void Finish();

  double seconds() const;

 private:
  // True when it is time to show the state again.
  bool IsDue();
  void Show(const std::string& line);
  std::string Line(uint64_t documents, uint64_t bytes_read) const;
  std::string ShareAndTimeLeft(uint64_t bytes) const;

  const uint64_t bytes_total_;
  const bool on_terminal_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point next_;
  bool line_is_open_ = false;
};

}  // namespace simile::cli

#endif  // SIMILE_CLIENT_CLI_PROGRESS_H_
