// Requests go through cpp-httplib; every answer is parsed with a bound on size and depth before it is
// believed.
#include "src/http/client.hpp"

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

namespace hansa::http {
namespace {

constexpr const char* kHintUp = "`hansa up --dir DIR` starts it; `hansa status --dir DIR` asks it";

Error not_json(std::string_view path) {
  return {ErrorKind::bad_data, "the node's answer to " + std::string(path) + " is not the expected JSON",
          "is something else listening on this port?"};
}

/// JSON of bounded depth; no exceptions.
std::optional<Json> parse(std::string_view text) {
  bool deep = false;
  const Json document = Json::parse(
      text.begin(), text.end(),
      [&deep](int depth, Json::parse_event_t, Json&) {
        deep = deep || depth > 16;
        return !deep;
      },
      false);
  if (deep || document.is_discarded() || !document.is_object()) return std::nullopt;
  return document;
}

std::string text_of(const Json& document, const char* name) {
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// The node's own kinds have the same names here; the rest are refusals of the HTTP server.
ErrorKind kind_of(std::string_view code) {
  for (int i = 0; i <= static_cast<int>(ErrorKind::interrupted); ++i) {
    if (code == name_of(static_cast<ErrorKind>(i))) return static_cast<ErrorKind>(i);
  }
  if (code == "method_not_allowed") return ErrorKind::usage;
  if (code == "too_large") return ErrorKind::bad_data;
  if (code == "not_found") return ErrorKind::missing;
  if (code == "token_missing" || code == "token_wrong") return ErrorKind::denied;
  return ErrorKind::failed;
}

Error refusal(std::string_view path, int status, std::string_view body) {
  const std::optional<Json> document = parse(body);
  if (!document || text_of(*document, "schema") != "hansa.error.v1")
    return {ErrorKind::failed,
            "the node answered " + std::string(path) + " with status " + std::to_string(status), ""};
  return {kind_of(text_of(*document, "code")), text_of(*document, "message"), text_of(*document, "hint")};
}

httplib::Client connection(const ClientOptions& options) {
  httplib::Client client("127.0.0.1", options.port);
  client.set_connection_timeout(5);
  client.set_read_timeout(options.timeout_ms / 1000, options.timeout_ms % 1000 * 1000);
  client.set_write_timeout(10);
  client.set_follow_location(false);
  return client;
}

httplib::Headers headers(const ClientOptions& options) {
  if (options.token.empty()) return {};
  return {{"X-Hansa-Token", options.token}};
}

Error unreachable(const ClientOptions& options, httplib::Error error) {
  const bool late = error == httplib::Error::Read || error == httplib::Error::ConnectionTimeout;
  return {late ? ErrorKind::timeout : ErrorKind::unreachable,
          "no answer from a node on 127.0.0.1:" + std::to_string(options.port) + " (" +
              httplib::to_string(error) + ")",
          kHintUp};
}

/// The body of a successful answer.
Result<std::string> fetch(const ClientOptions& options, const std::string& path, std::size_t bytes_max) {
  httplib::Client client = connection(options);
  std::string body;
  bool large = false;
  const httplib::Result answer = client.Get(path, headers(options), [&](const char* data, std::size_t size) {
    large = body.size() + size > bytes_max;
    if (!large) body.append(data, size);
    return !large;
  });
  if (large) return Error{ErrorKind::bad_data, "the answer to " + path + " is too large", ""};
  if (!answer) return unreachable(options, answer.error());
  if (answer->status != 200) return refusal(path, answer->status, body.empty() ? answer->body : body);
  return body;
}

Result<std::string> file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorKind::missing, "cannot read " + path.string(), kHintUp};
  std::string text(256, '\0');
  file.read(text.data(), std::streamsize(text.size()));
  text.resize(std::size_t(file.gcount()));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace

Client::Client(ClientOptions options) : options_(std::move(options)) {}

Result<Client> Client::of_folder(const std::filesystem::path& folder) {
  const Result<std::string> port = file_text(folder / "http.port");
  if (!port) return Error{ErrorKind::unreachable, "no node runs in " + folder.string(), kHintUp};
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port->data(), port->data() + port->size(), number);
  if (error != std::errc() || end != port->data() + port->size() || number == 0 || number > 65535)
    return Error{ErrorKind::bad_data, (folder / "http.port").string() + " does not hold a port",
                 "restart the node"};
  const Result<std::string> token = file_text(folder / "api.token");
  ClientOptions options;
  options.port = std::uint16_t(number);
  if (token) options.token = *token;
  return Client(std::move(options));
}

Result<Json> Client::get(std::string_view path) const {
  const Result<std::string> body = fetch(options_, std::string(path), options_.answer_bytes_max);
  if (!body) return body.error();
  std::optional<Json> document = parse(*body);
  if (!document) return not_json(path);
  return std::move(*document);
}

Result<Json> Client::post(std::string_view path, const Json& body) const {
  httplib::Client client = connection(options_);
  const httplib::Result answer =
      client.Post(std::string(path), headers(options_), to_text(body), "application/json");
  if (!answer) return unreachable(options_, answer.error());
  if (answer->status != 200) return refusal(path, answer->status, answer->body);
  std::optional<Json> document = parse(answer->body);
  if (!document) return not_json(path);
  return std::move(*document);
}

Result<std::string> Client::text(std::string_view path) const {
  return fetch(options_, std::string(path), options_.answer_bytes_max);
}

Result<NodeApi::FinalModel> Client::model(std::string_view run) const {
  const std::string path = "/api/v1/runs/" + std::string(run) + "/model";
  const Result<std::string> body = fetch(options_, path, options_.model_bytes_max);
  if (!body) return body.error();
  return read_model(*body);
}

Result<NodeApi::KeeperState> Client::keeper_state() const {
  const Result<Json> document = get("/api/v1/keeper");
  if (!document) return document.error();
  const auto recovering = document->find("recovering");
  NodeApi::KeeperState state{.base = text_of(*document, "base"), .records = {}};
  state.recovering = recovering != document->end() && recovering->is_boolean() && recovering->get<bool>();
  const auto records = document->find("records");
  if (records == document->end() || !records->is_array()) return not_json("/api/v1/keeper");
  for (const Json& record : *records) {
    if (!record.is_array() || record.size() != 2 || !record[0].is_string() || !record[1].is_string())
      return not_json("/api/v1/keeper");
    state.records.emplace_back(record[0].get<std::string>(), record[1].get<std::string>());
  }
  return state;
}

Result<void> Client::change_keeper(const NodeApi::KeeperChange& change) const {
  Json body{{"base", change.base}, {"messages", change.messages}};
  Json records = Json::array();
  for (const auto& [key, value] : change.records) records.push_back(Json::array({key, value}));
  body["records"] = std::move(records);
  const Result<Json> answer = post("/api/v1/keeper", body);
  if (!answer) return answer.error();
  return {};
}

Result<void> Client::events(const std::function<bool(std::string_view, const Json&)>& on_event) const {
  httplib::Client client = connection(options_);
  EventReader reader;
  bool wanted = true;
  std::string refused;  // a body that is not a stream
  int status = 0;
  const httplib::Result answer = client.Get(
      "/api/v1/events", headers(options_),
      [&](const httplib::Response& response) {
        status = response.status;
        return true;
      },
      [&](const char* data, std::size_t size) {
        if (status != 200) {
          refused.append(data, std::min<std::size_t>(size, 64 * 1024));
          return refused.size() < 64 * 1024;
        }
        return reader.feed({data, size}, [&](std::string_view name, std::string_view text) {
          const std::optional<Json> document = parse(text);
          wanted = on_event(name, document ? *document : Json::object());
          return wanted;
        });
      });
  if (!wanted) return {};
  if (status != 0 && status != 200) return refusal("/api/v1/events", status, refused);
  if (!answer) return unreachable(options_, answer.error());
  return Error{ErrorKind::interrupted, "the node ended the stream of events", "it may be shutting down"};
}

bool EventReader::feed(std::string_view bytes,
                       const std::function<bool(std::string_view, std::string_view)>& on_event) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    line_.append(bytes.substr(0, end));
    if (line_.size() + data_.size() > kEventBytesMax) return false;
    if (end == std::string_view::npos) return true;
    bytes.remove_prefix(end + 1);
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    const std::string_view line = line_;
    bool go_on = true;
    if (line.empty()) {
      if (!data_.empty()) go_on = on_event(name_.empty() ? "message" : name_, data_);
      name_.clear();
      data_.clear();
    } else if (line.starts_with(':')) {
      go_on = on_event("", "");
    } else if (line.starts_with("event: ")) {
      name_ = line.substr(7);
    } else if (line.starts_with("data: ")) {
      if (!data_.empty()) data_ += '\n';
      data_ += line.substr(6);
    }
    line_.clear();
    if (!go_on) return false;
  }
  return true;
}

Result<NodeApi::FinalModel> read_model(std::string_view body) {
  static_assert(std::endian::native == std::endian::little, "the numbers are copied as they come");
  const Error malformed{ErrorKind::bad_data, "the model in the node's answer is malformed", ""};
  const std::size_t end = body.find('\n');
  const std::optional<Json> head = parse(body.substr(0, end));
  if (end == std::string_view::npos || !head || text_of(*head, "schema") != "hansa.model.v1")
    return malformed;
  const std::string_view bytes = body.substr(end + 1);
  const auto count = head->find("count");
  const auto parts = head->find("parts");
  if (count == head->end() || !count->is_number_unsigned() || parts == head->end() || !parts->is_array() ||
      bytes.size() % sizeof(float) != 0 || count->get<std::uint64_t>() != bytes.size() / sizeof(float))
    return malformed;
  NodeApi::FinalModel model;
  model.hash = text_of(*head, "hash");
  model.values.resize(bytes.size() / sizeof(float));
  if (!bytes.empty()) std::memcpy(model.values.data(), bytes.data(), bytes.size());
  for (const Json& given : *parts) {
    const auto offset = given.is_object() ? given.find("offset") : given.end();
    const auto shape = given.is_object() ? given.find("shape") : given.end();
    if (!given.is_object() || offset == given.end() || !offset->is_number_unsigned() ||
        shape == given.end() || !shape->is_array())
      return malformed;
    NodeApi::FinalModel::Part part{text_of(given, "name"), offset->get<std::uint64_t>(), {}};
    const std::uint64_t total = model.values.size();
    if (part.offset > total) return malformed;
    std::uint64_t size = 1;
    for (const Json& side : *shape) {
      if (!side.is_number_unsigned()) return malformed;
      part.shape.push_back(side.get<std::uint64_t>());
      if (part.shape.back() != 0 && size > total / part.shape.back()) return malformed;
      size *= part.shape.back();
    }
    if (size > total - part.offset) return malformed;
    model.parts.push_back(std::move(part));
  }
  return model;
}

}  // namespace hansa::http
