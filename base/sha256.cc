#include "base/sha256.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/durable_file.h"
#include "fmt/format.h"

namespace simile {

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                  EVP_MD_CTX_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr);
}

Sha256::~Sha256() = default;

void Sha256::Add(std::string_view bytes) {
  EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size());
}

std::string Sha256::Hex() {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(state_->context.get(), raw, &size);
  std::string hex;
  for (unsigned int byte = 0; byte < size; ++byte) hex += fmt::format("{:02x}", raw[byte]);
  return hex;
}

absl::StatusOr<FileDigest> DigestOfFile(const std::string& path,
                                        const std::function<absl::Status()>& check) {
  constexpr size_t kBufferBytes = size_t{1} << 20;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return FileSystemError("opening " + path, errno);
  std::vector<char> buffer(kBufferBytes);
  Sha256 sha256;
  FileDigest digest;
  absl::Status failure;
  for (;;) {
    if (check) failure = check();
    if (!failure.ok()) break;
    const ssize_t got = read(file, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) failure = FileSystemError("reading " + path, errno);
    if (got <= 0) break;
    sha256.Add({buffer.data(), static_cast<size_t>(got)});
    digest.bytes += static_cast<uint64_t>(got);
  }
  close(file);
  if (!failure.ok()) return failure;
  digest.sha256 = sha256.Hex();
  return digest;
}

}  // namespace simile
