#ifndef SIMILE_TESTS_CRASH_CRASH_OPERATOR_H_
#define SIMILE_TESTS_CRASH_CRASH_OPERATOR_H_

#include <array>
#include <cstdint>
#include <string>
#include <thread>

#include "client/simile_client.h"
#include "tests/crash/carried_snapshot.h"
#include "tests/crash/crash_run.h"
#include "tests/crash/document_states.h"

namespace simile {

// Does beside the writers what an operator does: takes, restores, uploads and deletes snapshots,
// makes, fills, changes and drops collections, and changes the kind of the index of the collection
// that is written to, over and over. Knows which snapshots and collections must be there
// afterwards.
//
// Thread safety: none; has four threads of its own.
class CrashOperator {
 public:
  explicit CrashOperator(CrashRun& run) : run_(run) {}

  void Begin();
  // Waits until its threads have seen that the server is gone.
  void Finish();

  // Collections and snapshots that were acknowledged are there, those deleted are not, and every
  // snapshot verifies as good; so does what comes of an upload that was not finished and is gone on
  // with. Then deletes the snapshots, for their space.
  void Check();

 private:
  absl::Status TakeSnapshots(Client& client);
  absl::Status RestoreAndDrop(Client& client, const std::string& snapshot);
  absl::Status ChangeCollections(Client& client);
  absl::Status ChangeIndex(Client& client);
  absl::Status UploadSnapshots(Client& client);
  absl::Status CarrySnapshot(Client& client);
  void CheckCollections(Client& client);
  void CheckSnapshots(Client& client);
  void CheckUnfinished(Client& client, const std::string& name);
  void VerifyAndDelete(Client& client, const std::string& name);
  void CheckNames(DocumentStates& states, const std::set<std::string>& listed);

  CrashRun& run_;
  std::array<std::thread, 4> threads_;
  std::array<absl::Status, 4> endings_;
  DocumentStates snapshots_;
  DocumentStates collections_;
  CarriedSnapshot carried_;
  uint64_t round_[4] = {0, 0, 0, 0};  // Of each thread.
};

}  // namespace simile

#endif  // SIMILE_TESTS_CRASH_CRASH_OPERATOR_H_
