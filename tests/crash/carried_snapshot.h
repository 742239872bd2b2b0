#ifndef SIMILE_TESTS_CRASH_CARRIED_SNAPSHOT_H_
#define SIMILE_TESTS_CRASH_CARRIED_SNAPSHOT_H_

#include <map>
#include <string>

#include "client/simile_client.h"

namespace simile {

// A snapshot of a server, read over the wire and held in memory, to be uploaded under other names.
//
// Thread safety: the methods that are const may be called together.
class CarriedSnapshot {
 public:
  // Reads all of a snapshot; after an error it is empty.
  absl::Status Read(Client& client, const std::string& name);

  // Uploads it, or goes on with an upload of it, in small chunks, to the end.
  absl::Status Upload(Client& client, const std::string& as_name) const;

  bool empty() const { return manifest_.empty(); }

 private:
  std::string manifest_;
  std::map<std::string, std::string> files_;  // What is in each, by path.
};

}  // namespace simile

#endif  // SIMILE_TESTS_CRASH_CARRIED_SNAPSHOT_H_
