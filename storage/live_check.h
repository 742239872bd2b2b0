#ifndef SIMILE_STORAGE_LIVE_CHECK_H_
#define SIMILE_STORAGE_LIVE_CHECK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/catalog.h"
#include "storage/database_check.h"
#include "storage/database_files.h"

namespace simile {

// Of tables, read at each call.
inline constexpr uint64_t kLiveCheckPageBytes = 1ull << 30;

// What one page of a check of tables in use has found.
struct LiveCheck {
  DatabaseCheck found;          // Of collections those that the damaged tables may hold records of.
  uint64_t tables_left = 0;     // To be read by later pages.
  std::string next_page_token;  // Empty: all tables that were there at the first page are read.
};

// Reads tables from their first to their last byte while the store is read and written, and
// compares all checksums: at most `page_bytes` at each call, or one table when it has more. The
// first `page_token` is empty, the next ones are of the answers before. For each damaged table the
// collections between its keys are read, as CheckCollection does, in a view of one moment. Tables
// that are written meanwhile are not read; no table is deleted during a call.
//
// `go_on` is asked before each table and each collection; its error ends the call. InvalidArgument
// for a token that is none.
absl::StatusOr<LiveCheck> CheckLiveTables(const DatabaseFiles& files, const Catalog& catalog,
                                          const std::string& page_token,
                                          const std::function<absl::Status()>& go_on,
                                          uint64_t page_bytes = kLiveCheckPageBytes);

}  // namespace simile

#endif  // SIMILE_STORAGE_LIVE_CHECK_H_
