// Who may talk to the node over HTTP. Another local user must not give orders: they need the token, a file
// only its owner can read. A web page in the operator's browser must neither give orders nor read: the
// browser would send it a name of its own in Host (DNS rebinding) or in Origin, and only loopback names with
// our port are let in.
#pragma once

#include "src/crypto/hash.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hansa::http {

/// What of a request decides whether it is let in; header values as they came, empty if absent.
struct Caller {
  std::string host, origin, fetch_site, fetch_mode;
  std::string token;  ///< X-Hansa-Token, or the bearer token of Authorization
};

/// Why a request is turned away; becomes hansa.error.v1.
struct Refusal {
  int status = 403;
  std::string code, message, hint;
};

/// Thread-safe: it never changes.
class Access {
 public:
  /// `any_host`: for a server that is not bound to loopback, where every read needs the token instead.
  Access(std::string_view token, bool token_for_reads, bool any_host);
  void set_port(std::uint16_t port) noexcept { port_ = port; }

  /// None: come in. `command`: the request changes something or reads secrets; `page`: it is the dashboard,
  /// whose text is public.
  [[nodiscard]] std::optional<Refusal> check(const Caller& caller, bool command, bool page) const;
  /// Takes the same time wherever the first difference is, since hashes are compared.
  [[nodiscard]] bool token_matches(std::string_view token) const;
  /// localhost, 127.0.0.1 or [::1], with this port.
  [[nodiscard]] bool host_is_ours(std::string_view host) const;

 private:
  crypto::Hash256 token_;
  bool has_token_;
  bool token_for_reads_;
  bool any_host_;
  std::uint16_t port_ = 0;
};

}  // namespace hansa::http
