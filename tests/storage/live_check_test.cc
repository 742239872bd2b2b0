// A check of tables in pages: each table is read once, whatever fits into a page.
#include "storage/live_check.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "storage/catalog.h"
#include "storage/database_files.h"
#include "tests/storage/store_fixture.h"

namespace simile {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The tables of a closed store.
class LiveCheckTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    const uint32_t id = Create("docs");
    // Opening writes tables of the log; fewer of a family than would be compacted.
    for (int round = 0; round < 3; ++round) {
      for (int number = 0; number < 20; ++number) {
        const std::string name = std::to_string(100 * round + number);
        ASSERT_THAT(store_->Write(Request(id, {Put(name, "text of " + name)})), IsOk());
      }
      Reopen();
    }
    Close();
    OpenFiles();
  }

  void OpenFiles() {
    catalog_.reset();
    files_.reset();
    auto files = DatabaseFiles::OpenReadOnly(DatabasePath());
    ASSERT_THAT(files, IsOk());
    files_ = *std::move(files);
    auto catalog = Catalog::Load(*files_);
    ASSERT_THAT(catalog, IsOk());
    catalog_ = *std::move(catalog);
  }

  std::vector<rocksdb::LiveFileMetaData> Tables() const {
    std::vector<rocksdb::LiveFileMetaData> tables;
    files_->db().GetLiveFilesMetaData(&tables);
    std::ranges::sort(tables, {}, &rocksdb::LiveFileMetaData::file_number);
    return tables;
  }

  static std::vector<uint64_t> SizesOf(const std::vector<rocksdb::LiveFileMetaData>& tables) {
    std::vector<uint64_t> sizes;
    for (const auto& table : tables) sizes.push_back(table.size);
    return sizes;
  }

  // All pages from the first to the one that says it is the last.
  std::vector<LiveCheck> Pages(uint64_t page_bytes) const {
    std::vector<LiveCheck> pages;
    std::string token;
    do {
      auto page = CheckLiveTables(
          *files_, *catalog_, token, [] { return absl::OkStatus(); }, page_bytes);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) break;
      token = page->next_page_token;
      pages.push_back(*std::move(page));
    } while (!token.empty());
    return pages;
  }

  // What pages of that size must be: each takes what fits, at least one table.
  static std::vector<std::vector<uint64_t>> Split(const std::vector<uint64_t>& sizes,
                                                  uint64_t page_bytes) {
    std::vector<std::vector<uint64_t>> pages;
    uint64_t bytes = 0;
    for (const uint64_t size : sizes) {
      if (pages.empty() || bytes + size > page_bytes) {
        pages.emplace_back();
        bytes = 0;
      }
      pages.back().push_back(size);
      bytes += size;
    }
    return pages;
  }

  std::unique_ptr<DatabaseFiles> files_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(LiveCheckTest, PagesOfAnySizeReadEachTableOnce) {
  const std::vector<uint64_t> sizes = SizesOf(Tables());
  ASSERT_GE(sizes.size(), 6u);
  uint64_t total = 0;
  for (const uint64_t size : sizes) total += size;
  const uint64_t largest = *std::ranges::max_element(sizes);
  // One table each; pages that end just before, at and behind the end of a table; all in one.
  for (const uint64_t page_bytes :
       {uint64_t{1}, sizes[0] + sizes[1] - 1, sizes[0] + sizes[1], sizes[0] + sizes[1] + 1, largest,
        2 * largest + 7, total - 1, total, kLiveCheckPageBytes}) {
    const auto expected = Split(sizes, page_bytes);
    const std::vector<LiveCheck> pages = Pages(page_bytes);
    ASSERT_EQ(pages.size(), expected.size()) << page_bytes;
    uint64_t left = sizes.size();
    for (size_t at = 0; at < pages.size(); ++at) {
      uint64_t bytes = 0;
      for (const uint64_t size : expected[at]) bytes += size;
      left -= expected[at].size();
      EXPECT_EQ(pages[at].found.tables_read, expected[at].size()) << page_bytes << " " << at;
      EXPECT_EQ(pages[at].found.bytes_read, bytes) << page_bytes << " " << at;
      EXPECT_EQ(pages[at].tables_left, left) << page_bytes << " " << at;
      EXPECT_THAT(pages[at].found.files, IsEmpty());
    }
  }
}

TEST_F(LiveCheckTest, EachDamagedTableIsToldByOnePage) {
  std::vector<std::string> damaged;
  for (const auto& table : Tables()) {
    if (table.column_family_name != "vectors") continue;
    std::fstream file(DatabasePath() + "/" + table.relative_filename,
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(10);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(10);
    file.put(byte);
    ASSERT_TRUE(file.good());
    damaged.push_back(table.relative_filename);
  }
  ASSERT_GE(damaged.size(), 2u);
  OpenFiles();
  for (const uint64_t page_bytes : {uint64_t{1}, SizesOf(Tables())[0] * 2, kLiveCheckPageBytes}) {
    std::vector<std::string> told;
    for (const LiveCheck& page : Pages(page_bytes)) {
      for (const DamagedFile& file : page.found.files) {
        EXPECT_EQ(file.family, "vectors");
        told.push_back(fs::path(file.path).filename().string());
      }
      // A page names the collections of its own damage.
      EXPECT_EQ(page.found.collections.size(), page.found.files.empty() ? 0u : 1u);
    }
    EXPECT_THAT(told, ::testing::ElementsAreArray(damaged)) << page_bytes;
  }
}

TEST_F(LiveCheckTest, APageThatIsAskedForAgainIsTheSame) {
  const auto check = [this](const std::string& token) {
    return CheckLiveTables(
        *files_, *catalog_, token, [] { return absl::OkStatus(); }, /*page_bytes=*/1);
  };
  const auto first = check("");
  ASSERT_THAT(first, IsOk());
  const auto second = check(first->next_page_token);
  const auto again = check(first->next_page_token);
  ASSERT_THAT(second, IsOk());
  ASSERT_THAT(again, IsOk());
  EXPECT_NE(second->next_page_token, first->next_page_token);
  EXPECT_EQ(again->next_page_token, second->next_page_token);
  EXPECT_EQ(again->found.bytes_read, second->found.bytes_read);
  EXPECT_THAT(check("1-"), StatusIs(StatusCode::kInvalidArgument, "no page token"));
}

}  // namespace
}  // namespace simile
