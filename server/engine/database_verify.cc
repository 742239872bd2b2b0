// Damage of tables: what the start has found, and what reading all of them finds; see database.h.
#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/engine/database.h"
#include "server/engine/errors.h"
#include "spdlog/spdlog.h"

namespace simile {
namespace {

// Without the other families, changes and ingest sessions, every document is still whole.
bool HoldsDocuments(const DamagedFile& file) {
  return file.family == "ids" || file.family == "documents" || file.family == "vectors";
}

std::string TextOf(const DamagedFile& file) {
  return fmt::format("table {} ({}): {}", file.path, file.family, file.reason);
}

}  // namespace

void Database::LogDamageAtStart() const {
  const std::vector<DamagedFile>& damaged = store_->damaged_at_start();
  if (damaged.empty()) return;
  std::string tables;
  for (const DamagedFile& file : damaged) tables += "; " + TextOf(file);
  spdlog::error(
      "the database was opened with laxer checks and without compactions, because {} tables are "
      "missing or of another size{}",
      damaged.size(), tables);
}

void Database::MarkDamageAtStart(const Collection& collection) const {
  for (const DamagedFile& file : store_->damaged_at_start()) {
    if (!HoldsDocuments(file)) continue;
    if (std::ranges::count(file.collection_ids, collection.id()) == 0) continue;
    return collection.MarkDamaged(TextOf(file));
  }
}

absl::StatusOr<LiveCheck> Database::VerifyData(const std::string& page_token,
                                               const CallContext& context) {
  auto check = store_->CheckTables(page_token, [&context] { return context.Check(); });
  if (!check.ok()) return check;
  for (const DamagedFile& file : check->found.files) spdlog::error("damaged: {}", TextOf(file));
  for (const CollectionCheck& one : check->found.collections) {
    if (one.affected_count == 0) continue;
    const auto collection = Find(one.name);
    // One that was dropped meanwhile has no damage any more.
    if (!collection.ok()) continue;
    std::string tables;
    for (const DamagedFile& file : check->found.files) {
      if (std::ranges::count(file.collection_ids, (*collection)->id()) == 0) continue;
      tables += (tables.empty() ? "" : "; ") + TextOf(file);
    }
    (*collection)
        ->MarkDamaged(fmt::format("{} of {} documents are affected: {}", one.affected_count,
                                  one.document_count, tables));
  }
  return check;
}

}  // namespace simile
