#include "server/rpc/connection_acceptor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace simile {
namespace {

TEST(ConnectionAcceptorTest, ReadsAddressesOfBothFamiliesAndNames) {
  EXPECT_EQ(ParseListenAddress("127.0.0.1:7464")->host, "127.0.0.1");
  EXPECT_EQ(ParseListenAddress("127.0.0.1:7464")->port, 7464);
  EXPECT_EQ(ParseListenAddress("[::1]:0")->host, "::1");
  EXPECT_EQ(ParseListenAddress("localhost:65535")->port, 65535);
}

TEST(ConnectionAcceptorTest, RefusesWhatIsNoAddressAndPort) {
  for (const char* text : {"", "7464", ":7464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
                           "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:7464 "}) {
    EXPECT_THAT(ParseListenAddress(text),
                StatusIs(absl::StatusCode::kInvalidArgument, "is not ADDRESS:PORT"))
        << text;
  }
}

TEST(ConnectionAcceptorTest, KnowsLoopbackFromTheRest) {
  EXPECT_TRUE(ListenAddress{.host = "127.0.0.1"}.IsLoopback());
  EXPECT_TRUE(ListenAddress{.host = "127.8.8.8"}.IsLoopback());
  EXPECT_TRUE(ListenAddress{.host = "::1"}.IsLoopback());
  EXPECT_TRUE(ListenAddress{.host = "localhost"}.IsLoopback());
  EXPECT_FALSE(ListenAddress{.host = "0.0.0.0"}.IsLoopback());
  EXPECT_FALSE(ListenAddress{.host = "::"}.IsLoopback());
  EXPECT_FALSE(ListenAddress{.host = "127.example.com"}.IsLoopback());
}

TEST(ConnectionAcceptorTest, PortZeroGivesARealPort) {
  const auto acceptor = ConnectionAcceptor::Listen({.host = "127.0.0.1", .port = 0});
  ASSERT_THAT(acceptor, IsOk());
  EXPECT_NE((*acceptor)->port(), 0);
  EXPECT_EQ((*acceptor)->address(), "127.0.0.1:" + std::to_string((*acceptor)->port()));
}

TEST(ConnectionAcceptorTest, ListensOnLocalhostByName) {
  EXPECT_THAT(ConnectionAcceptor::Listen({.host = "localhost", .port = 0}), IsOk());
}

TEST(ConnectionAcceptorTest, ATakenPortIsNamedWithWhatToDo) {
  const auto first = ConnectionAcceptor::Listen({.host = "127.0.0.1", .port = 0});
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(
      ConnectionAcceptor::Listen({.host = "127.0.0.1", .port = (*first)->port()}),
      StatusIs(absl::StatusCode::kFailedPrecondition, (*first)->address() + ": Address already"));
}

}  // namespace
}  // namespace simile
