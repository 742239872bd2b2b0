#include "base/plain_path.h"

namespace simile {

bool IsPlainPath(std::string_view path) {
  bool begins = true;
  for (const char c : path) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (begins ? !is_letter : !is_letter && c != '.' && c != '/') return false;
    begins = c == '/';
  }
  return !begins;
}

}  // namespace simile
