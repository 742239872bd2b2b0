#ifndef SIMILE_SERVER_OFFLINE_COMMANDS_H_
#define SIMILE_SERVER_OFFLINE_COMMANDS_H_

#include <optional>
#include <string>
#include <vector>

namespace simile {

// What simile-server does with files while no server runs: `restore` makes a data directory of a
// snapshot, `verify` looks at one, `check` at a data directory, `recover` makes one that opens of
// one that does not. Prints what it did, errors to standard error. Returns the exit code: 0, 1 when
// it could not be done or there is damage (that `recover` only told of, or that is left), 2 for a
// command line that does not parse; none when the arguments do not begin with such a command.
std::optional<int> RunOfflineCommand(const std::vector<std::string>& arguments);

}  // namespace simile

#endif  // SIMILE_SERVER_OFFLINE_COMMANDS_H_
