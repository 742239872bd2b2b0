// `simile snapshot download` and `upload` while something between them and the server changes
// bytes: a chunk whose checksum does not fit comes again, a few times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "simile/v1/admin_service.grpc.pb.h"
#include "tests/client/fake_server.h"
#include "tests/support/server_process.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// As in client/cli/snapshot_chunk.h.
constexpr int kAttemptsMax = 4;

// Hands the calls of a transfer on to a server, and changes a byte of the first chunks.
class DamagingWay final : public v1::AdminService::Service {
 public:
  explicit DamagingWay(const std::string& server)
      : stub_(v1::AdminService::NewStub(
            grpc::CreateChannel(server, grpc::InsecureChannelCredentials()))) {}

  void DamageNext(int chunks) {
    damages_left_ = chunks;
    chunks_ = 0;
  }
  int chunks() const { return chunks_; }  // Since then.

  grpc::Status GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest* request,
                             v1::ServerInfo* response) override {
    grpc::ClientContext context;
    return stub_->GetServerInfo(&context, *request, response);
  }
  grpc::Status GetSnapshotManifest(grpc::ServerContext*,
                                   const v1::GetSnapshotManifestRequest* request,
                                   v1::SnapshotManifestText* response) override {
    grpc::ClientContext context;
    return stub_->GetSnapshotManifest(&context, *request, response);
  }
  grpc::Status ReadSnapshotChunk(grpc::ServerContext*, const v1::ReadSnapshotChunkRequest* request,
                                 v1::SnapshotChunk* response) override {
    grpc::ClientContext context;
    const grpc::Status status = stub_->ReadSnapshotChunk(&context, *request, response);
    Damage(*response->mutable_data());
    return status;
  }
  grpc::Status BeginSnapshotUpload(grpc::ServerContext*,
                                   const v1::BeginSnapshotUploadRequest* request,
                                   v1::SnapshotUpload* response) override {
    grpc::ClientContext context;
    return stub_->BeginSnapshotUpload(&context, *request, response);
  }
  grpc::Status WriteSnapshotChunk(grpc::ServerContext*,
                                  const v1::WriteSnapshotChunkRequest* request,
                                  v1::WriteSnapshotChunkResponse* response) override {
    grpc::ClientContext context;
    v1::WriteSnapshotChunkRequest sent = *request;
    Damage(*sent.mutable_data());
    return stub_->WriteSnapshotChunk(&context, sent, response);
  }
  grpc::Status FinishSnapshotUpload(grpc::ServerContext*,
                                    const v1::FinishSnapshotUploadRequest* request,
                                    v1::Snapshot* response) override {
    grpc::ClientContext context;
    return stub_->FinishSnapshotUpload(&context, *request, response);
  }

 private:
  void Damage(std::string& data) {
    ++chunks_;
    if (damages_left_ == 0 || data.empty()) return;
    --damages_left_;
    data.back() = static_cast<char>(data.back() ^ 1);
  }

  const std::unique_ptr<v1::AdminService::Stub> stub_;
  std::atomic<int> damages_left_{0};
  std::atomic<int> chunks_{0};
};

// A server with a snapshot "one", and the way to it.
class ChunkDamageTest : public ::testing::Test {
 protected:
  ChunkDamageTest() : server_(Path("data")), way_(server_.address()) {}

  void SetUp() override {
    ASSERT_TRUE(server_.serving()) << server_.log();
    ASSERT_EQ(server_.Run({"collection", "create", "v", "--dimension", "2"}).exit_code, 0);
    ASSERT_EQ(server_.Run({"snapshot", "create", "one"}).exit_code, 0);
  }

  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }

  CommandResult Run(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {CommandLineBinary(), "snapshot"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    all.insert(all.end(), {"--server", front_.address()});
    return RunCommand(all);
  }

  CommandResult Download() const { return Run({"download", "one", Path("kept")}); }
  CommandResult Upload() const { return Run({"upload", Path("kept/one")}); }

  static int FilesIn(const std::string& path) {
    int files = 0;
    for (const auto& entry : fs::directory_iterator(path)) files += entry.is_regular_file() ? 1 : 0;
    return files;
  }

  const TemporaryDirectory directory_;
  ServerProcess server_;
  DamagingWay way_;
  const FakeServer front_{[this](grpc::ServerBuilder& builder) { builder.RegisterService(&way_); }};
};

TEST_F(ChunkDamageTest, ADamagedChunkOfADownloadIsAskedForAgain) {
  way_.DamageNext(kAttemptsMax - 1);
  const CommandResult downloaded = Download();
  ASSERT_EQ(downloaded.exit_code, 0) << downloaded.errors;
  EXPECT_EQ(way_.chunks(), FilesIn(Path("kept/one/rocksdb")) + kAttemptsMax - 1);
  EXPECT_EQ(RunCommand({ServerBinary(), "verify", Path("kept/one")}).exit_code, 0);
}

TEST_F(ChunkDamageTest, ADownloadThatIsDamagedAgainAndAgainSaysSoAndGoesOnLater) {
  way_.DamageNext(kAttemptsMax);
  const CommandResult failed = Download();
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_EQ(way_.chunks(), kAttemptsMax);
  EXPECT_THAT(failed.errors, HasSubstr("came damaged 4 times"));
  EXPECT_THAT(failed.errors, HasSubstr("CRC-32C"));
  EXPECT_FALSE(fs::exists(Path("kept/one")));
  EXPECT_EQ(Download().exit_code, 0);
  EXPECT_EQ(RunCommand({ServerBinary(), "verify", Path("kept/one")}).exit_code, 0);
}

TEST_F(ChunkDamageTest, ADamagedChunkOfAnUploadIsSentAgain) {
  ASSERT_EQ(Download().exit_code, 0);
  ASSERT_EQ(server_.Run({"snapshot", "delete", "one"}).exit_code, 0);
  way_.DamageNext(kAttemptsMax - 1);
  const CommandResult uploaded = Upload();
  ASSERT_EQ(uploaded.exit_code, 0) << uploaded.errors;
  EXPECT_EQ(way_.chunks(), FilesIn(Path("kept/one/rocksdb")) + kAttemptsMax - 1);
  EXPECT_EQ(server_.Run({"snapshot", "verify", "one"}).exit_code, 0);
}

TEST_F(ChunkDamageTest, AnUploadThatIsDamagedAgainAndAgainSaysSoAndGoesOnLater) {
  ASSERT_EQ(Download().exit_code, 0);
  ASSERT_EQ(server_.Run({"snapshot", "delete", "one"}).exit_code, 0);
  way_.DamageNext(kAttemptsMax);
  const CommandResult failed = Upload();
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_EQ(way_.chunks(), kAttemptsMax);
  EXPECT_THAT(failed.errors, HasSubstr("has refused the chunk of rocksdb/"));
  EXPECT_THAT(failed.errors, HasSubstr("4 times"));
  EXPECT_THAT(failed.errors, HasSubstr("CRC-32C"));
  EXPECT_EQ(Upload().exit_code, 0);
  EXPECT_EQ(server_.Run({"snapshot", "verify", "one"}).exit_code, 0);
}

}  // namespace
}  // namespace simile
