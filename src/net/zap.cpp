#include "src/net/zap.hpp"

#include "src/crypto/hash.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace hansa::net {
namespace {

std::string_view text_of(const Part& part) noexcept {
  return {reinterpret_cast<const char*>(part.bytes().data()), part.bytes().size()};
}

std::span<const std::byte> bytes_of(std::string_view text) noexcept { return std::as_bytes(std::span(text)); }

/// 300 is "try again": libzmq's client does so by itself, and after a 400 it never does.
std::string_view status_of(Handshake verdict) noexcept {
  if (verdict == Handshake::accepted) return "200";
  return verdict == Handshake::too_fast ? "300" : "400";
}

int digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string zap_domain(std::string_view consortium, Channel channel) {
  std::string domain = "hansa/";
  domain.append(consortium).append("/").append(name_of(channel));
  return domain;
}

bool ZapHandler::bind(const Context& context, std::string consortium) {
  consortium_ = std::move(consortium);
  socket_ = Socket(context, ZMQ_REP);
  return socket_ && socket_.bind("inproc://zeromq.zap.01");
}

std::optional<Channel> ZapHandler::channel_of(std::string_view domain) const {
  for (const Channel channel : {Channel::control, Channel::bulk, Channel::lobby}) {
    if (domain == zap_domain(consortium_, channel)) return channel;
  }
  return std::nullopt;
}

void ZapHandler::serve(const Decide& decide) {
  if (!socket_) return;
  while ((socket_.events() & ZMQ_POLLIN) != 0) {
    // version, request id, domain, address, routing id, mechanism, public key
    std::array<Part, 7> parts;
    std::size_t count = 0;
    bool more = true;
    while (more) {
      Part spare;
      Part& part = count < parts.size() ? parts[count] : spare;
      if (!socket_.receive(part)) return;
      more = part.more();
      ++count;
    }
    Handshake verdict = Handshake::unknown;
    std::string user;
    const std::optional<Channel> channel = channel_of(text_of(parts[2]));
    if (count == parts.size() && text_of(parts[0]) == "1.0" && channel && text_of(parts[5]) == "CURVE" &&
        parts[6].bytes().size() == sizeof(CurvePublic)) {
      CurvePublic key;
      std::copy_n(parts[6].bytes().begin(), key.size(), key.begin());
      verdict = decide(*channel, key, text_of(parts[3]));
      if (verdict == Handshake::accepted) user = crypto::to_hex(key);
    }
    socket_.send(bytes_of("1.0"), true);
    socket_.send(parts[1].bytes(), true);
    socket_.send(bytes_of(status_of(verdict)), true);
    socket_.send(bytes_of(name_of(verdict)), true);
    socket_.send(bytes_of(user), true);
    socket_.send({}, false);
  }
}

std::optional<CurvePublic> key_from_hex(const char* text) noexcept {
  if (text == nullptr) return std::nullopt;
  CurvePublic key{};
  const std::string_view hex(text);
  if (hex.size() != 2 * key.size()) return std::nullopt;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    key[i] = static_cast<std::byte>(16 * high + low);
  }
  return key;
}

}  // namespace hansa::net
