#include "src/http/access.hpp"

#include <cctype>
#include <cstddef>
#include <span>

namespace hansa::http {
namespace {

crypto::Hash256 digest(std::string_view token) {
  return crypto::hash("hansa.api-token", std::as_bytes(std::span(token.data(), token.size())));
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = char(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

}  // namespace

Access::Access(std::string_view token, bool token_for_reads, bool any_host)
    : token_(digest(token)),
      has_token_(!token.empty()),
      token_for_reads_(token_for_reads || any_host),
      any_host_(any_host) {}

bool Access::token_matches(std::string_view token) const {
  const crypto::Hash256 given = digest(token);
  std::byte different{0};
  for (std::size_t i = 0; i < given.bytes.size(); ++i) different |= given.bytes[i] ^ token_.bytes[i];
  return has_token_ && different == std::byte{0};
}

bool Access::host_is_ours(std::string_view host) const {
  const std::string name = lower(host);
  const std::string port = ":" + std::to_string(port_);
  for (const char* ours : {"localhost", "127.0.0.1", "[::1]"})
    if (name == ours + port || (port_ == 80 && name == ours)) return true;
  return false;
}

std::optional<Refusal> Access::check(const Caller& caller, bool command, bool page) const {
  if (!any_host_ && !host_is_ours(caller.host))
    return Refusal{403, "wrong_host", "the Host header is not this node's loopback address",
                   "use http://127.0.0.1:" + std::to_string(port_)};
  // Browsers name the page behind a request. Ours has our own address; others may only link to the dashboard.
  const bool own_origin = caller.origin.empty() || caller.origin == "http://" + lower(caller.host);
  const bool own_site =
      caller.fetch_site.empty() || caller.fetch_site == "same-origin" || caller.fetch_site == "none";
  if (!own_origin || (!own_site && !(page && caller.fetch_mode == "navigate")))
    return Refusal{403, "wrong_origin", "a web page of another site may not talk to this node", ""};
  if (!command && (page || !token_for_reads_)) return std::nullopt;
  if (caller.token.empty())
    return Refusal{401, "token_missing", "this request needs the header X-Hansa-Token",
                   "its value is the content of the file api.token in the node's folder"};
  if (!token_matches(caller.token))
    return Refusal{401, "token_wrong", "the token in X-Hansa-Token is not this node's",
                   "its value is the content of the file api.token in the node's folder"};
  return std::nullopt;
}

}  // namespace hansa::http
