#include "tests/http/raw_http.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace hansa::http::test {

RawConnection::RawConnection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  const timeval limit{10, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

RawConnection::~RawConnection() {
  if (socket_ >= 0) ::close(socket_);
}

void RawConnection::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the server may refuse before it has read everything
    bytes.remove_prefix(std::size_t(sent));
  }
}

std::string RawConnection::receive(std::string_view until) const {
  std::string text;
  std::array<char, 4096> chunk;
  while (until.empty() || text.find(until) == std::string::npos) {
    const ssize_t received = ::recv(socket_, chunk.data(), chunk.size(), 0);
    if (received <= 0) break;
    text.append(chunk.data(), std::size_t(received));
  }
  return text;
}

RawAnswer ask(std::uint16_t port, std::string_view method, std::string_view path, std::string headers,
              std::string_view body) {
  const RawConnection connection(port);
  if (headers.find("Host:") == std::string::npos)
    headers += "Host: 127.0.0.1:" + std::to_string(port) + "\r\n";
  if (method == "POST" && headers.find("Content-Length:") == std::string::npos)
    headers += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  if (!body.empty() && headers.find("Content-Type:") == std::string::npos)
    headers += "Content-Type: application/json\r\n";
  connection.send(std::string(method) + " " + std::string(path) + " HTTP/1.1\r\n" + headers + "\r\n");
  connection.send(body);
  const std::string text = connection.receive();
  RawAnswer answer;
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos || text.size() < 12) return answer;
  answer.status = std::stoi(text.substr(9, 3));
  answer.head = text.substr(0, end + 2);
  answer.body = text.substr(end + 4);
  return answer;
}

}  // namespace hansa::http::test
