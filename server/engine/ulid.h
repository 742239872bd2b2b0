#ifndef SIMILE_SERVER_ENGINE_ULID_H_
#define SIMILE_SERVER_ENGINE_ULID_H_

#include <string>

namespace simile {

// A new ULID: 26 characters of Crockford's base 32, 48 bits of milliseconds since 1970 followed by
// 80 random bits, so ids sort by the time they were made (ULID specification,
// github.com/ulid/spec).
//
// Thread safety: may be called together from any threads.
std::string NewUlid();

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_ULID_H_
