#ifndef SIMILE_BASE_SHA256_H_
#define SIMILE_BASE_SHA256_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace simile {

// The SHA-256 of bytes that come in pieces (FIPS 180-4, by OpenSSL).
//
// Thread safety: none.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Add(std::string_view bytes);

  // 64 lower-case hex digits; the end of it.
  std::string Hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Of a file, and how many bytes that were. `check`, if there is one, is asked before each MiB; its
// first error ends the reading and is returned. Else errors as of FileSystemError
// (base/durable_file.h).
struct FileDigest {
  std::string sha256;
  uint64_t bytes = 0;
};
absl::StatusOr<FileDigest> DigestOfFile(const std::string& path,
                                        const std::function<absl::Status()>& check = {});

}  // namespace simile

#endif  // SIMILE_BASE_SHA256_H_
