#ifndef SIMILE_TESTS_CLIENT_IMPORTER_FIXTURE_H_
#define SIMILE_TESTS_CLIENT_IMPORTER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/importer.h"
#include "tests/client/fake_ingest_service.h"
#include "tests/client/fake_server.h"
#include "tests/support/status_matchers.h"

namespace simile {

// An importer to the collection "texts" of a server that keeps the ids of what it gets.
class ImporterFixture : public ::testing::Test {
 protected:
  // How an item was reported.
  struct Report {
    uint64_t item = 0;
    v1::UpsertResult result;
  };

  ImporterFixture()
      : server_([this](grpc::ServerBuilder& builder) { builder.RegisterService(&service_); }) {
    options_.collection = "texts";
    Connect({});
  }

  void Connect(ClientOptions options) {
    importer_.reset();
    options.server = server_.address();
    client_ = std::make_unique<Client>(options);
  }

  // A new importer with options_.
  Importer& Open() {
    importer_ = std::make_unique<Importer>(*client_, options_,
                                           [this](uint64_t item, const v1::UpsertResult& result) {
                                             std::lock_guard lock(mutex_);
                                             reports_.push_back({item, result});
                                           });
    return *importer_;
  }

  static v1::Document DocumentOf(const std::string& id) {
    v1::Document document;
    document.set_id(id);
    return document;
  }

  // "0", "1", ...
  static std::vector<std::string> Ids(size_t count) {
    std::vector<std::string> ids;
    while (ids.size() < count) ids.push_back(std::to_string(ids.size()));
    return ids;
  }

  // Adds the documents "0", "1", ... and finishes; the first error ends it.
  absl::Status Import(size_t count) {
    Importer& importer = Open();
    for (const std::string& id : Ids(count)) {
      if (absl::Status s = importer.Add(DocumentOf(id)); !s.ok()) return s;
    }
    return importer.Finish();
  }

  // Every item of `count` was reported once, in order.
  void ExpectEachReportedOnce(size_t count) {
    std::lock_guard lock(mutex_);
    ASSERT_EQ(reports_.size(), count);
    for (uint64_t item = 0; item < count; ++item) EXPECT_EQ(reports_[item].item, item);
  }

  std::vector<Report> reports() {
    std::lock_guard lock(mutex_);
    return reports_;
  }

  FakeIngestService service_;
  FakeServer server_;
  ImportOptions options_;
  std::mutex mutex_;
  std::vector<Report> reports_;  // Guarded by mutex_.
  std::unique_ptr<Client> client_;
  std::unique_ptr<Importer> importer_;  // Last: it reports to the above.
};

}  // namespace simile

#endif  // SIMILE_TESTS_CLIENT_IMPORTER_FIXTURE_H_
