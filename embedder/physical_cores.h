#ifndef SIMILE_EMBEDDER_PHYSICAL_CORES_H_
#define SIMILE_EMBEDDER_PHYSICAL_CORES_H_

#include <cstddef>
#include <string>

namespace simile {

// How many cores this process may run on, hardware threads of one core (SMT) counted once: they
// share the units that products keep busy, AMX above all, so a second thread gains nothing there.
// At least 1. Where the kernel does not say which threads are siblings, every one counts.
// `topology_root` is for tests.
size_t PhysicalCoreCount(const std::string& topology_root = "/sys/devices/system/cpu");

}  // namespace simile

#endif  // SIMILE_EMBEDDER_PHYSICAL_CORES_H_
