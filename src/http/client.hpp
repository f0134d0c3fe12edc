// How the command line talks to the running node: over its HTTP API on this machine, with the port and the
// token that the node wrote into its folder. Answers are decoded with limits, like anything from outside.
#pragma once

#include "src/http/documents.hpp"
#include "src/http/node_api.hpp"

#include <hansa/result.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace hansa::http {

struct ClientOptions {
  std::uint16_t port = 7720;
  std::string token;                           ///< for commands; may be empty for reads
  int timeout_ms = 30'000;                     ///< without a byte from the node
  std::size_t answer_bytes_max = 64ull << 20;  ///< of JSON
  std::size_t model_bytes_max = 4ull << 30;
};

/// One request per call; not thread-safe. Refusals of the node come back as its own message and hint.
class Client {
 public:
  explicit Client(ClientOptions options);
  /// Reads `folder`/http.port and `folder`/api.token; an error if no node runs there. A token that may not be
  /// read is left empty: reads work without.
  [[nodiscard]] static Result<Client> of_folder(const std::filesystem::path& folder);

  /// `path` as in docs/api.md, e.g. "/api/v1/status".
  [[nodiscard]] Result<Json> get(std::string_view path) const;
  [[nodiscard]] Result<Json> post(std::string_view path, const Json& body) const;
  /// The body as it is: /metrics, /livez.
  [[nodiscard]] Result<std::string> text(std::string_view path) const;
  [[nodiscard]] Result<NodeApi::FinalModel> model(std::string_view run) const;

  [[nodiscard]] Result<NodeApi::KeeperState> keeper_state() const;
  [[nodiscard]] Result<void> change_keeper(const NodeApi::KeeperChange& change) const;

  /// Calls `on_event` with each event and its document, first with the node's status, until it returns false
  /// (then this returns success) or the connection ends. An empty name is a sign of life, every 15 s.
  [[nodiscard]] Result<void> events(const std::function<bool(std::string_view, const Json&)>& on_event) const;

 private:
  ClientOptions options_;
};

/// Splits a stream of Server-Sent Events into (name, data); lines may arrive in pieces.
class EventReader {
 public:
  static constexpr std::size_t kEventBytesMax = 8u << 20;
  /// False: an event is larger than kEventBytesMax, or `on_event` returned false.
  [[nodiscard]] bool feed(std::string_view bytes,
                          const std::function<bool(std::string_view name, std::string_view data)>& on_event);

 private:
  std::string line_, name_, data_;
};

/// The answer of GET /api/v1/runs/<id>/model, checked: the parts lie inside the numbers.
[[nodiscard]] Result<NodeApi::FinalModel> read_model(std::string_view body);

}  // namespace hansa::http
