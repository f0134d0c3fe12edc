#include "src/net/free_ports.hpp"

#include "src/crypto/random.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <span>

namespace hansa::net {
namespace {

constexpr int kFirst = 10'000;      // below are many that programs are known for
constexpr int kEphemeral = 32'768;  // Linux's first, unless the machine says otherwise
constexpr int kFewest = 1'000;      // so that tests beside each other seldom choose the same

/// The ports before this one are not given to outgoing connections.
int first_ephemeral() {
  int first = kEphemeral;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first;
  return first;
}

/// A socket that holds `port`, or -1.
int hold(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

}  // namespace

Result<std::vector<int>> free_ports(std::size_t count) {
  const int end = first_ephemeral() - kFirst >= kFewest ? first_ephemeral() : 65'536;
  const auto range = static_cast<std::uint32_t>(end - kFirst);
  std::vector<int> sockets, ports;  // held until all are known, so that no two are the same
  for (std::size_t tries = 0; ports.size() < count && tries < 20 * count + 100; ++tries) {
    std::uint32_t random = 0;
    crypto::random_bytes(std::as_writable_bytes(std::span(&random, 1)));
    const int port = kFirst + static_cast<int>(random % range), fd = hold(port);
    if (fd < 0) continue;
    sockets.push_back(fd);
    ports.push_back(port);
  }
  for (const int fd : sockets) ::close(fd);
  if (ports.size() < count) return Error{ErrorKind::failed, "there are no free ports on 127.0.0.1", ""};
  return ports;
}

}  // namespace hansa::net
