#include "server/rpc/connection_acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "spdlog/spdlog.h"

namespace simile {
namespace {

constexpr int kBacklog = 1024;

// An idle connection costs some 40 KB.
constexpr int kConnectionsMax = 8 * 1024;

// Descriptors kept for files: RocksDB's tables and logs above all.
constexpr int kReservedDescriptors = 1024;

constexpr int kPauseMs = 20;

// The kernel gives the lowest free number, so the number of a connection bounds how many are open.
int DescriptorMax() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const auto total = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 20));
  return std::min(std::max(total / 2, total - kReservedDescriptors),
                  kConnectionsMax + kReservedDescriptors);
}

// A listening socket on `address`, or -1 with errno.
int ListenOn(const addrinfo& address) {
  const int listener = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return -1;
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(listener, address.ai_addr, address.ai_addrlen) == 0 && listen(listener, kBacklog) == 0) {
    return listener;
  }
  const int reason = errno;
  close(listener);
  errno = reason;
  return -1;
}

}  // namespace

bool ListenAddress::IsLoopback() const {
  in_addr ipv4{};
  in6_addr ipv6{};
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return ntohl(ipv4.s_addr) >> 24 == 127;
  if (inet_pton(AF_INET6, host.c_str(), &ipv6) == 1) return IN6_IS_ADDR_LOOPBACK(&ipv6) != 0;
  return host == "localhost";
}

absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  ListenAddress address;
  if (colon != std::string::npos) {
    address.host = text.substr(0, colon);
    if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
      address.host = address.host.substr(1, address.host.size() - 2);
    }
    const char* end = text.data() + text.size();
    const auto [parsed, error] = std::from_chars(text.data() + colon + 1, end, address.port);
    if (!address.host.empty() && error == std::errc() && parsed == end) return address;
  }
  return InvalidField("listen", fmt::format("'{}' is not ADDRESS:PORT, e.g. 127.0.0.1:7464", text));
}

absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> ConnectionAcceptor::Listen(
    const ListenAddress& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int resolved =
      getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (resolved != 0) {
    return absl::InvalidArgumentError(
        fmt::format("cannot listen on '{}': {}", address.host, gai_strerror(resolved)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  // "localhost" has an address of each family, and not every machine has both.
  int listener = -1;
  int reason = 0;
  for (const addrinfo* next = found; next != nullptr && listener < 0; next = next->ai_next) {
    listener = ListenOn(*next);
    if (listener < 0) reason = errno;
  }
  if (listener < 0) {
    return absl::FailedPreconditionError(fmt::format(
        "cannot listen on {}:{}: {}{}", address.host, address.port, std::strerror(reason),
        reason == EADDRINUSE ? "; stop what listens there, or choose another --listen" : ""));
  }
  sockaddr_in6 bound{};  // Large enough for both families; the port lies at the same place.
  socklen_t bound_size = sizeof(bound);
  getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &bound_size);
  const uint16_t port = ntohs(bound.sin6_port);
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + address.host + "]" : address.host;
  return std::unique_ptr<ConnectionAcceptor>(
      new ConnectionAcceptor(listener, fmt::format("{}:{}", host, port), port));
}

ConnectionAcceptor::ConnectionAcceptor(int listener, std::string address, uint16_t port)
    : listener_(listener),
      address_(std::move(address)),
      port_(port),
      wake_(eventfd(0, EFD_CLOEXEC)),
      descriptor_max_(DescriptorMax()) {}

ConnectionAcceptor::~ConnectionAcceptor() {
  Stop();
  close(listener_);
  close(wake_);
}

void ConnectionAcceptor::Start(std::unique_ptr<Target> target) {
  target_ = std::move(target);
  thread_ = std::thread([this] { Run(); });
}

void ConnectionAcceptor::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  if (write(wake_, &one, sizeof(one)) != sizeof(one)) return;
  thread_.join();
}

void ConnectionAcceptor::RefuseForLackOfDescriptors(int& spare) const {
  if (spare >= 0) close(spare);
  const int refused = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (refused >= 0) close(refused);
  spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (spare >= 0) return;
  // Another thread took the one that was free for a moment; waiting beats spinning.
  pollfd wake{.fd = wake_, .events = POLLIN, .revents = 0};
  poll(&wake, 1, kPauseMs);
}

void ConnectionAcceptor::Run() {
  int spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
  bool refusing = false;
  for (;;) {
    pollfd events[] = {{.fd = listener_, .events = POLLIN, .revents = 0},
                       {.fd = wake_, .events = POLLIN, .revents = 0}};
    if (poll(events, 2, -1) < 0 && errno != EINTR) break;
    if ((events[1].revents & POLLIN) != 0) break;
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const bool out_of_descriptors = connection < 0 && (errno == EMFILE || errno == ENFILE);
    if (out_of_descriptors || connection > descriptor_max_) {
      // Once per episode: whoever opens so many connections must not fill the log too.
      if (!refusing) spdlog::warn("refusing connections: more than {} are open", descriptor_max_);
      refusing = true;
    }
    if (out_of_descriptors) RefuseForLackOfDescriptors(spare);
    if (connection < 0) continue;
    if (connection > descriptor_max_) {
      close(connection);
      continue;
    }
    refusing = false;
    const int on = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    Target::NewConnectionParameters parameters;
    parameters.listener_fd = listener_;
    parameters.fd = connection;
    target_->HandleNewConnection(&parameters);
  }
  if (spare >= 0) close(spare);
}

}  // namespace simile
