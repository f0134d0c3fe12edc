// The order of a request: headers complete, caller let in, length acceptable, body read, route answered,
// closed.
#include "src/http/server.hpp"

#include "src/http/access.hpp"
#include "src/http/api.hpp"
#include "src/http/connections.hpp"
#include "src/http/events.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <thread>
#include <utility>

namespace hansa::http {
namespace {

constexpr std::size_t kPathBytesMax = 1024;
constexpr std::size_t kTokenCharactersMin = 16;
constexpr int kQuietMs = 15'000;  // between comments on a stream without events
constexpr int kBacklog = 256;

/// The connection this thread serves; the library hands handlers only the parsed request.
thread_local Connection* current_connection = nullptr;

/// What every answer says to browsers: run nothing that is not ours, keep nothing, show it in no frame.
httplib::Headers security_headers() {
  return {
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
       "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Cache-Control", "no-store"}};
}

ApiRequest api_request(const httplib::Request& request) {
  ApiRequest result;
  result.method = request.method;
  result.path = request.path;
  result.verbose = request.has_param("verbose");
  if (request.has_param("from")) result.from = request.get_param_value("from");
  if (request.has_param("limit")) result.limit = request.get_param_value("limit");
  result.caller = {.host = request.get_header_value("Host"),
                   .origin = request.get_header_value("Origin"),
                   .fetch_site = request.get_header_value("Sec-Fetch-Site"),
                   .fetch_mode = request.get_header_value("Sec-Fetch-Mode"),
                   .token = request.get_header_value("X-Hansa-Token")};
  const std::string bearer = request.get_header_value("Authorization");
  if (result.caller.token.empty() && bearer.starts_with("Bearer ")) result.caller.token = bearer.substr(7);
  result.content_type = request.get_header_value("Content-Type");
  result.content_encoding = request.get_header_value("Content-Encoding");
  result.chunked = request.has_header("Transfer-Encoding");
  return result;
}

/// None: not a number of bytes.
std::optional<std::size_t> content_length(const httplib::Request& request) {
  const std::string text = request.get_header_value("Content-Length");
  std::size_t length = 0;
  if (request.get_header_value_count("Content-Length") > 1 || text.empty()) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

void send(ApiAnswer answer, httplib::Response& response) {
  response.status = answer.status;
  if (!answer.allow.empty()) response.set_header("Allow", answer.allow);
  response.set_content(std::move(answer.body), answer.type);
}

bool is_loopback(const std::string& host) {
  return host == "127.0.0.1" || host == "localhost" || host == "::1";
}

/// The library's server with our connections and threads instead of its own.
class GuardedServer : public httplib::Server {
 public:
  void lengthen_backlog() { ::listen(svr_sock_, kBacklog); }
  void stop_serving() {
    room_.stop();
    workers_.stop();
  }

 private:
  bool process_and_close_socket(socket_t socket) override {
    room_.admit(socket);
    return true;
  }

  void serve(Connection& connection, Connection::Head head) {
    connection.begin();
    if (head == Connection::Head::complete) {
      bool closed = false;
      current_connection = &connection;
      process_request(connection, /*close_connection=*/true, closed, nullptr);
      current_connection = nullptr;
    } else {
      connection.httplib::Stream::write(
          "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    }
    connection.finish();
  }

  ConnectionTable table_;
  Workers workers_{table_};
  WaitingRoom room_{table_, [this](std::shared_ptr<Connection> connection, Connection::Head head) {
                      workers_.enqueue([this, connection, head] { serve(*connection, head); });
                    }};
};

}  // namespace

struct Server::State {
  State(NodeApi& node, const ServerOptions& options)
      : access(options.token, options.token_for_reads, !is_loopback(options.host)),
        api(node, access),
        hub(node) {}

  Access access;
  Api api;
  EventHub hub;
  GuardedServer server;
  std::thread acceptor;
  std::uint16_t port = 0;

  void stream_events(httplib::Response& response) {
    const std::shared_ptr<EventHub::Stream> stream = hub.open();
    if (!stream)
      return send(
          error_answer(503, "too_many_streams", "too many event streams are open", "close a dashboard"),
          response);
    current_connection->begin_stream();
    response.set_chunked_content_provider("text/event-stream",
                                          [stream](std::size_t, httplib::DataSink& sink) {
                                            const std::string text = stream->next(kQuietMs);
                                            if (text.empty()) {
                                              sink.done();
                                              return true;
                                            }
                                            return sink.write(text.data(), text.size());
                                          });
  }

  httplib::Server::HandlerResponse before_body(const httplib::Request& request, httplib::Response& response) {
    using Handled = httplib::Server::HandlerResponse;
    ApiRequest wanted = api_request(request);
    wanted.content_length = content_length(request);
    if (request.has_header("Content-Length") && !wanted.content_length) {
      send(error_answer(400, "bad_data", "Content-Length is not a number of bytes", ""), response);
      return Handled::Handled;
    }
    if (request.path.size() > kPathBytesMax || request.target.size() > kPathBytesMax) {
      send(error_answer(414, "too_large", "the path is too long", ""), response);
      return Handled::Handled;
    }
    if (auto refusal = api.refuse(wanted)) {
      send(std::move(*refusal), response);
      return Handled::Handled;
    }
    if (request.method == "POST") {
      current_connection->expect_body(wanted.content_length.value_or(0));
      return Handled::Unhandled;  // the library reads the body, then calls the handler for POST
    }
    ApiAnswer answer = api.answer(wanted);
    if (answer.events && request.method == "GET")
      stream_events(response);
    else
      send(std::move(answer), response);
    return Handled::Handled;
  }

  void after_body(const httplib::Request& request, httplib::Response& response) {
    ApiRequest wanted = api_request(request);
    wanted.body = request.body;
    send(api.answer(wanted), response);
  }

  void configure() {
    server.new_task_queue = [] { return new Inline; };
    server.set_socket_options([](socket_t socket) {
      const int yes =
          1;  // not SO_REUSEPORT, the library's default: two nodes must not share a port unnoticed
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server.set_payload_max_length(2 * 1024 * 1024);  // the routes' own limits are lower
    server.set_default_headers(security_headers());
    server.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      return before_body(request, response);
    });
    server.Post("/.*", [this](const httplib::Request& request, httplib::Response& response) {
      after_body(request, response);
    });
    server.set_exception_handler(
        [](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
          send(error_answer(500, "failed", "the server ran into a problem with this request", ""), response);
        });
    server.set_error_handler(
        httplib::Server::HandlerWithResponse([](const httplib::Request&, httplib::Response& response) {
          if (response.body.empty())
            send(error_answer(response.status, "bad_request", "the request could not be read", ""), response);
          return httplib::Server::HandlerResponse::Handled;
        }));
  }
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Server>> Server::start(NodeApi& node, const ServerOptions& options) {
  if (options.token.size() < kTokenCharactersMin)
    return Error{ErrorKind::usage, "the API token is too short", "it needs at least 16 characters"};
  if (!is_loopback(options.host) && !options.token_for_reads)
    return Error{ErrorKind::usage, "http.host = \"" + options.host + "\" is not a loopback address",
                 "others could read this node's status; require the token for reads too, or use 127.0.0.1 "
                 "behind a proxy that authenticates"};
  auto state = std::make_unique<State>(node, options);
  state->configure();
  const bool bound =
      options.port == 0
          ? (state->port = std::uint16_t(std::max(0, state->server.bind_to_any_port(options.host)))) != 0
          : state->server.bind_to_port(options.host, options.port);
  if (!bound)
    return Error{ErrorKind::failed,
                 "cannot listen on http://" + options.host + ":" + std::to_string(options.port),
                 "is another node running? port 0 takes a free one"};
  if (options.port != 0) state->port = options.port;
  state->server.lengthen_backlog();
  state->access.set_port(state->port);
  State* raw = state.get();
  state->acceptor = std::thread([raw] { raw->server.listen_after_bind(); });
  while (!state->server.is_running()) std::this_thread::yield();  // stop() does nothing before
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::~Server() {
  state_->hub.close();
  state_->server.stop();
  state_->acceptor.join();
  state_->server.stop_serving();
}

std::uint16_t Server::port() const noexcept { return state_->port; }

}  // namespace hansa::http
