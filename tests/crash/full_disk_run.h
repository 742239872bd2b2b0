#ifndef SIMILE_TESTS_CRASH_FULL_DISK_RUN_H_
#define SIMILE_TESTS_CRASH_FULL_DISK_RUN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "client/simile_client.h"
#include "tests/crash/document_states.h"
#include "tests/support/server_process.h"

namespace simile {

// The real server on a small disk, and what it must do when that is full. Which files fill it is up
// to the test.
//
// Thread safety: none.
class FullDiskRun {
 public:
  FullDiskRun(std::string data_directory, uint32_t seed);

  // False, and a finding, when the server does not serve.
  bool Start();
  void Kill();

  void Create();
  void TakeSnapshot();

  // Four writers add so many documents each; none is refused.
  void WriteSome(size_t documents);

  // A restore that begins while there is room and finds none half-way is RESOURCE_EXHAUSTED; then
  // there is nothing of it, and what there was is untouched.
  void CheckRestoreEndsHalfWay();

  // The same restore brings all documents. What it made is deleted again.
  void CheckRestoreWorks();

  // What must be free besides, as the server was told.
  static uint64_t free_bytes_min();

  // Four writers add documents until each was refused.
  void WriteUntilRefused();

  // What takes space is RESOURCE_EXHAUSTED, with numbers and advice.
  void CheckWritesAreRefused();

  // The server is up; reads, searches, deletions and the list of snapshots work.
  void CheckOthersGoOn();

  // A snapshot and a restore are RESOURCE_EXHAUSTED, and leave nothing behind.
  void CheckSnapshotsAreRefused();

  // Deletions, more than fit into what the log has taken already. Some may be refused.
  void DeleteMany();

  // Without a restart, and the ballast is made again.
  void CheckWritesGoOn();

  // Everything acknowledged is there, whole, and found by its vector.
  void CheckDocuments();

  void SetOccasion(std::string occasion) { occasion_ = std::move(occasion); }
  size_t findings() const { return findings_; }
  std::string Summary() const;

 private:
  absl::Status Upsert(size_t writer, size_t documents, uint32_t& next);
  absl::Status Delete(const std::vector<std::string>& ids);
  std::vector<std::string> SomeStoredIds(size_t count);
  absl::Status Restore();
  std::vector<std::string> IndexDirectories() const;
  void CheckRefused(const std::string& what, const absl::Status& status);
  void CheckDocument(const v1::Document& stored, bool exists);
  void CheckSearch(const v1::Document& document);
  void Wrong(const std::string& what);

  const std::string data_directory_;
  std::mt19937 random_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<Client> client_;
  DocumentStates states_;
  std::vector<uint32_t> next_documents_;  // Of each writer.
  std::string occasion_;
  size_t findings_ = 0;
  size_t lost_ = 0;
  size_t refused_deletions_ = 0;
};

}  // namespace simile

#endif  // SIMILE_TESTS_CRASH_FULL_DISK_RUN_H_
