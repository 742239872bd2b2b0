#ifndef SIMILE_SERVER_ENGINE_VERSION_H_
#define SIMILE_SERVER_ENGINE_VERSION_H_

namespace simile {

// Of the server; the build sets it from the project's version.
inline constexpr char kVersion[] = SIMILE_VERSION;

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_VERSION_H_
