#ifndef SIMILE_TESTS_STORAGE_FAULT_RUN_H_
#define SIMILE_TESTS_STORAGE_FAULT_RUN_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "storage/store.h"
#include "tests/storage/failing_file_system.h"

namespace simile {

// One run of a store some of whose file operations fail: it is opened, written to, read, has
// collections made and dropped and snapshots taken; then it is opened again on files that work, and
// looked at. What was acknowledged must be there, what was refused not, and of a request whose
// answer was an error of the disk all or nothing.
//
// Thread safety: none.
class FaultRun {
 public:
  // `directory` must be empty. `seed` decides what is written.
  FaultRun(std::string directory, const FaultPlan& plan, uint32_t seed);

  // What was wrong; empty when all is well.
  const std::vector<std::string>& Run();

  uint64_t operations() const { return file_system_->operations(); }
  uint64_t faults() const { return file_system_->faults(); }
  uint64_t acknowledged() const { return acknowledged_; }

 private:
  // Of one document: the version it was written in.
  using Documents = std::map<std::string, int>;
  struct Collection {
    std::optional<uint32_t> id;
    Documents documents;
    bool may_be_missing = false;  // It was to be made or dropped, and the answer was an error.
  };

  void Work();
  void WriteSome(const std::string& name, Collection& collection);
  void MakeCollection();
  void DropCollection();
  void TakeSnapshot();
  void ReadAgain(const std::string& name, const Collection& collection);

  // What an error means for what is stored: true when nobody can know.
  bool IsInDoubt(const absl::Status& status);
  // An acknowledgement, of something that was begun when syncs had failed or had not.
  void NoteAcknowledged(bool had_sync_failed);

  void CheckReopened();
  void CheckCollection(const std::string& name, const Collection& collection);
  void CheckSnapshots();
  void Wrong(std::string what) { wrong_.push_back(std::move(what)); }

  const std::string directory_;
  const std::shared_ptr<FailingFileSystem> file_system_;
  std::mt19937 random_;
  std::unique_ptr<Store> store_;
  std::map<std::string, Collection> collections_;
  std::map<std::string, std::map<std::string, size_t>> snapshots_;  // Documents by collection.
  // The one request of which either may be true, and what is there when it is.
  std::optional<std::string> doubtful_collection_;
  Documents doubtful_documents_;
  bool has_stopped_ = false;  // It takes no writes any more.
  uint64_t acknowledged_ = 0;
  int next_version_ = 1;
  std::vector<std::string> wrong_;
};

}  // namespace simile

#endif  // SIMILE_TESTS_STORAGE_FAULT_RUN_H_
