// The API without sockets: a request as text goes in, an answer as text comes out. The table of routes is
// what docs/api.md lists (a test compares them). Reads answer from the node's last view and wait for nobody.
#pragma once

#include "src/http/access.hpp"
#include "src/http/node_api.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hansa::http {

struct ApiRequest {
  std::string method;  ///< GET, HEAD, POST
  std::string path;    ///< decoded, without the query
  bool verbose = false;
  std::optional<std::string> from, limit;  ///< of the query
  Caller caller;
  std::string content_type, content_encoding;
  std::optional<std::size_t> content_length;  ///< none: absent
  bool chunked = false;                       ///< a body of unknown length
  std::string body;
};

struct ApiAnswer {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::string allow;    ///< methods, with status 405
  bool events = false;  ///< the caller streams Server-Sent Events instead of `body`
};

struct Route {
  std::string_view method;
  std::string_view path;    ///< <id> stands for one segment
  std::string_view schema;  ///< of the answer: hansa.<schema>.v1, or a media type
  bool token = false;
  std::string_view fields;  ///< of the body, for docs/api.md
  std::string_view summary;
};

[[nodiscard]] std::span<const Route> routes();

/// Thread-safe as the node is.
class Api {
 public:
  Api(NodeApi& node, const Access& access) : node_(node), access_(access) {}

  /// What can be said before the body is read: wrong host, no token, too large, no such path. None: go on.
  [[nodiscard]] std::optional<ApiAnswer> refuse(const ApiRequest& request) const;
  /// Only after refuse() had nothing to say.
  [[nodiscard]] ApiAnswer answer(const ApiRequest& request) const;

 private:
  NodeApi& node_;
  const Access& access_;
};

[[nodiscard]] ApiAnswer error_answer(int status, std::string_view code, std::string_view message,
                                     std::string_view hint);

}  // namespace hansa::http
