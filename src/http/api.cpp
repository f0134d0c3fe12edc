// One table of routes; adding a line here and in docs/api.md is all that a new path takes.
#include "src/http/api.hpp"

#include "src/http/assets.hpp"
#include "src/http/commands.hpp"
#include "src/http/documents.hpp"
#include "src/http/metrics.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <utility>

namespace hansa::http {
namespace {

struct Call {
  NodeApi& node;
  const NodeView& view;
  const ApiRequest& request;
  std::string_view id;  ///< what stands for <id> in the path
};
using Handler = ApiAnswer (*)(const Call&);

struct Entry {
  Route route;
  Handler handler;
};

ApiAnswer json(const Json& document, int status = 200) {
  return {.status = status, .body = to_text(document) + "\n"};
}

ApiAnswer text(std::string_view type, std::string_view body) {
  return {.type = std::string(type), .body = std::string(body)};
}

int status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
    case ErrorKind::bad_data:
      return 400;
    case ErrorKind::denied:
      return 403;
    case ErrorKind::missing:
      return 404;
    case ErrorKind::not_built:
      return 501;
    case ErrorKind::unreachable:
      return 502;
    case ErrorKind::interrupted:
      return 503;
    case ErrorKind::timeout:
      return 504;
    case ErrorKind::failed:
    case ErrorKind::waiting:
    case ErrorKind::conflict:
      break;
  }
  return 409;  // the node understood, but in its present state it cannot
}

ApiAnswer refused(const Error& error) {
  return error_answer(status_of(error.kind), name_of(error.kind), error.message, error.hint);
}

ApiAnswer done(const Result<void>& result) {
  if (!result) return refused(result.error());
  return json(Json{{"schema", "hansa.done.v1"}, {"done", true}});
}

/// Decodes the body and gives the command to the node.
template <class Read, class Give>
ApiAnswer command(Result<Read> wanted, Give give) {
  if (!wanted) return refused(wanted.error());
  return give(*wanted);
}

template <Json (*kDocument)(const NodeView&)>
ApiAnswer show(const Call& call) {
  return json(kDocument(call.view));
}

ApiAnswer ready(const Call& call) {
  const int status = call.view.ready ? 200 : 503;
  if (!call.request.verbose)
    return {.status = status, .type = "text/plain", .body = call.view.ready ? "ready\n" : "not ready\n"};
  Json document{{"schema", "hansa.ready.v1"}, {"ready", call.view.ready}};
  document["reasons"] = call.view.not_ready_because;
  return json(document, status);
}

ApiAnswer one_run(const Call& call) {
  const Result<const RunView*> run = find_run(call.view, call.id);
  return run ? json(run_document(**run)) : refused(run.error());
}

ApiAnswer model(const Call& call) {
  const Result<const RunView*> run = find_run(call.view, call.id);
  if (!run) return refused(run.error());
  const Result<NodeApi::FinalModel> found = call.node.final_model((*run)->id);
  if (!found) return refused(found.error());
  static_assert(std::endian::native == std::endian::little, "the numbers are sent as they lie in memory");
  ApiAnswer answer{.type = "application/octet-stream", .body = to_text(model_document(*found)) + "\n"};
  const std::size_t head = answer.body.size();
  answer.body.resize(head + found->values.size() * sizeof(float));
  if (!found->values.empty())
    std::memcpy(answer.body.data() + head, found->values.data(), found->values.size() * sizeof(float));
  return answer;
}

/// A number of the query; `otherwise` if it is not there, none if it is no number.
std::optional<std::uint64_t> number_of(const std::optional<std::string>& text, std::uint64_t otherwise) {
  if (!text) return otherwise;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  return error == std::errc() && end == text->data() + text->size() ? std::optional(value) : std::nullopt;
}

ApiAnswer audit(const Call& call) {
  constexpr std::uint64_t kMost = 1000, kUsual = 100;
  const auto from = number_of(call.request.from, 0), limit = number_of(call.request.limit, kUsual);
  if (!from || !limit || *limit == 0 || *limit > kMost) {
    return error_answer(400, "usage", "from and limit are numbers, limit from 1 to 1000", "");
  }
  const auto entries =
      call.node.audit_entries(call.request.from ? from : std::nullopt, static_cast<std::size_t>(*limit));
  return entries ? json(audit_document(call.view, *entries)) : refused(entries.error());
}

ApiAnswer keeper(const Call& call) {
  const Result<NodeApi::KeeperState> state = call.node.keeper_state();
  return state ? json(keeper_document(*state)) : refused(state.error());
}

ApiAnswer change_keeper(const Call& call) {
  return command(read_keeper_change(call.request.body),
                 [&](const NodeApi::KeeperChange& change) { return done(call.node.change_keeper(change)); });
}

ApiAnswer propose_run(const Call& call) {
  return command(read_propose_run(call.request.body), [&](const NodeApi::ProposeRun& wanted) {
    const Result<std::string> run = call.node.propose_run(wanted);
    return run ? json(Json{{"schema", "hansa.run_proposed.v1"}, {"run", *run}}) : refused(run.error());
  });
}

ApiAnswer approve_run(const Call& call) {
  return command(read_bind_run(call.id, call.request.body),
                 [&](const NodeApi::BindRun& binding) { return done(call.node.approve_run(binding)); });
}

ApiAnswer stop_run(const Call& call) {
  return command(read_stop(call.request.body), [&](const std::string& reason) {
    return done(call.node.stop_run(std::string(call.id), reason));
  });
}

ApiAnswer open_lobby(const Call& call) {
  return command(read_lobby(call.request.body), [&](double seconds) {
    const Result<std::string> endpoint = call.node.open_lobby(seconds);
    if (!endpoint) return refused(endpoint.error());
    return json(Json{{"schema", "hansa.lobby.v1"}, {"endpoint", *endpoint}});
  });
}

ApiAnswer set_log_level(const Call& call) {
  return command(read_log_level(call.request.body),
                 [&](const std::string& level) { return done(call.node.set_log_level(level)); });
}

ApiAnswer rotate_key(const Call& call) {
  const Result<void> nothing = read_nothing(call.request.body);
  return nothing ? done(call.node.rotate_key()) : refused(nothing.error());
}

template <bool kOn>
ApiAnswer drain(const Call& call) {
  const Result<void> nothing = read_nothing(call.request.body);
  return nothing ? done(call.node.drain(kOn)) : refused(nothing.error());
}

ApiAnswer shut_down(const Call& call) {
  const Result<void> nothing = read_nothing(call.request.body);
  if (!nothing) return refused(nothing.error());
  call.node.shut_down();
  return done({});
}

constexpr std::string_view kText = "text/plain", kHtml = "text/html; charset=utf-8";

const std::array kEntries = {
    Entry{{"GET", "/", "text/html", false, "", "the dashboard"},
          [](const Call&) { return text(kHtml, assets::dashboard_html); }},
    Entry{{"GET", "/dashboard.css", "text/css", false, "", "its style"},
          [](const Call&) { return text("text/css; charset=utf-8", assets::dashboard_css); }},
    Entry{{"GET", "/dashboard.js", "text/javascript", false, "", "its script"},
          [](const Call&) {
            std::string script(assets::dashboard_js);
            return text("text/javascript; charset=utf-8", script.append(assets::charts_js));
          }},
    Entry{{"GET", "/livez", "text/plain", false, "", "200 while the process answers"},
          [](const Call&) { return text(kText, "alive\n"); }},
    Entry{{"GET", "/readyz", "text/plain", false, "",
           "200 if the node can take part in a round, else 503; with `?verbose` hansa.ready.v1"},
          ready},
    Entry{{"GET", "/version", "version", false, "", "program, commit and version of this API"},
          [](const Call&) { return json(version_document()); }},
    Entry{{"GET", "/metrics", "text/plain", false, "", "for Prometheus ([metrics.md](metrics.md))"},
          [](const Call& call) { return text("text/plain; version=0.0.4", exposition(call.view)); }},
    Entry{{"GET", "/api/v1/status", "status", false, "", "the node at a glance"}, show<status_document>},
    Entry{{"GET", "/api/v1/peers", "peers", false, "", "the other nodes"}, show<peers_document>},
    Entry{{"GET", "/api/v1/topology", "topology", false, "", "nodes and this node's connections"},
          show<topology_document>},
    Entry{{"GET", "/api/v1/roster", "roster", false, "",
           "organisations, their nodes, open proposals and votes"},
          show<roster_document>},
    Entry{{"GET", "/api/v1/roster/log", "roster_log", false, "", "every version and who signed it"},
          show<roster_log_document>},
    Entry{{"GET", "/api/v1/requests", "requests", false, "", "who asks to join"}, show<requests_document>},
    Entry{{"GET", "/api/v1/runs", "runs", false, "", "training runs, newest first"}, show<runs_document>},
    Entry{{"GET", "/api/v1/runs/<id>", "run", false, "", "one run with history, privacy and manifest"},
          one_run},
    Entry{{"GET", "/api/v1/runs/<id>/model", "application/octet-stream", true, "",
           "the final model: a line of JSON (hansa.model.v1), then the numbers"},
          model},
    Entry{{"GET", "/api/v1/evidence", "evidence", false, "", "proofs of misbehaviour"},
          show<evidence_document>},
    Entry{{"GET", "/api/v1/audit", "audit", false, "",
           "entries of the audit log; `?from=` the first number, `?limit=` how many (100; at most 1000), "
           "without `from` the last ones"},
          audit},
    Entry{{"GET", "/api/v1/audit/head", "audit_head", false, "", "the head of the audit log"},
          show<audit_head_document>},
    Entry{{"GET", "/api/v1/keys", "keys", false, "",
           "epochs and expiry of the node's keys, and how many peers have the newest"},
          show<keys_document>},
    Entry{{"GET", "/api/v1/config", "config", false, "", "settings and where they come from"},
          show<config_document>},
    Entry{{"GET", "/api/v1/events", "text/event-stream", false, "", "Server-Sent Events"},
          [](const Call&) { return ApiAnswer{.type = "text/event-stream", .events = true}; }},
    Entry{{"GET", "/api/v1/keeper", "keeper", true, "", "the roster keeper's records, to work on a copy"},
          keeper},
    Entry{{"POST", "/api/v1/keeper", "done", true, "base, records, messages?", "brings back what came of it"},
          change_keeper},
    Entry{{"POST", "/api/v1/runs", "run_proposed", true,
           "manifest_toml, schema_toml?, parties?, quorum?, approve_within_seconds?", "proposes a run"},
          propose_run},
    Entry{{"POST", "/api/v1/runs/<id>/approve", "done", true, "data, labels?, test?, test_labels?",
           "takes part with these files"},
          approve_run},
    Entry{{"POST", "/api/v1/runs/<id>/stop", "done", true, "reason?", "leaves a run"}, stop_run},
    Entry{{"POST", "/api/v1/lobby", "lobby", true, "seconds", "accepts those who hold tickets, for a while"},
          open_lobby},
    Entry{{"POST", "/api/v1/keys/rotate", "done", true, "",
           "announces a new connection key and takes it; nobody is cut off"},
          rotate_key},
    Entry{{"POST", "/api/v1/node/drain", "done", true, "", "finishes what runs and begins nothing new"},
          drain<true>},
    Entry{{"POST", "/api/v1/node/resume", "done", true, "", "takes part again"}, drain<false>},
    Entry{
        {"POST", "/api/v1/log", "done", true, "level", "error, warning, info or debug, until the next start"},
        set_log_level},
    Entry{{"POST", "/api/v1/shutdown", "done", true, "", "stops the node"}, shut_down},
};

/// Whether `path` has the form of `pattern`; fills `id`.
bool matches(std::string_view pattern, std::string_view path, std::string_view& id) {
  const std::size_t open = pattern.find("<id>");
  if (open == std::string_view::npos) return pattern == path;
  const std::string_view after = pattern.substr(open + 4);
  if (!path.starts_with(pattern.substr(0, open)) || !path.ends_with(after)) return false;
  if (path.size() <= open + after.size()) return false;
  id = path.substr(open, path.size() - open - after.size());
  return id.size() <= 128 && id.find('/') == std::string_view::npos;
}

struct Found {
  const Entry* entry = nullptr;
  std::string_view id;
  std::string allow;  ///< methods of the path, if none has this method
};

Found find(const ApiRequest& request) {
  Found found;
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  for (const Entry& entry : kEntries) {
    std::string_view id;
    if (!matches(entry.route.path, request.path, id)) continue;
    if (entry.route.method == method) return {&entry, id, {}};
    found.allow += (found.allow.empty() ? "" : ", ") + std::string(entry.route.method);
  }
  return found;
}

std::optional<ApiAnswer> refuse_body(const ApiRequest& request, const Entry& entry) {
  const bool post = entry.route.method == "POST";
  const std::size_t bytes_max = entry.handler == change_keeper ? kCommandLimits.keeper_body_bytes_max
                                : post                         ? kCommandLimits.body_bytes_max
                                                               : 0;
  if (request.chunked)
    return error_answer(411, "length_required", "the body must come with Content-Length", "");
  if (request.content_length.value_or(0) > bytes_max)
    return error_answer(413, "too_large", "the body is larger than " + std::to_string(bytes_max) + " bytes",
                        "");
  if (!request.content_encoding.empty())
    return error_answer(415, "unsupported_media_type", "compressed bodies are not accepted", "");
  if (post && request.content_length.value_or(0) > 0 && !request.content_type.starts_with("application/json"))
    return error_answer(415, "unsupported_media_type", "the body must be application/json", "");
  return std::nullopt;
}

}  // namespace

std::span<const Route> routes() {
  static const auto table = [] {
    std::array<Route, kEntries.size()> all;
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = kEntries[i].route;
    return all;
  }();
  return table;
}

ApiAnswer error_answer(int status, std::string_view code, std::string_view message, std::string_view hint) {
  return json(error_document(code, message, hint), status);
}

std::optional<ApiAnswer> Api::refuse(const ApiRequest& request) const {
  const Found found = find(request);
  // Whoever may not come in learns nothing about what there is, except that the node is alive.
  const Route* route = found.entry ? &found.entry->route : nullptr;
  const bool open =
      route && (route->path == "/livez" || route->path.starts_with("/dashboard.") || route->path == "/");
  const bool command = request.method == "POST" || (route && route->token);
  if (const auto refusal = access_.check(request.caller, command, open)) {
    return error_answer(refusal->status, refusal->code, refusal->message, refusal->hint);
  }
  if (found.entry) return refuse_body(request, *found.entry);
  if (!found.allow.empty()) {
    ApiAnswer answer = error_answer(405, "method_not_allowed", request.path + " does not take this method",
                                    "use " + found.allow);
    answer.allow = found.allow;
    return answer;
  }
  return error_answer(404, "not_found", "there is nothing at " + request.path.substr(0, 128),
                      "docs/api.md lists what there is; the dashboard is at /");
}

ApiAnswer Api::answer(const ApiRequest& request) const {
  const Found found = find(request);
  HANSA_ASSERT(found.entry != nullptr);
  const std::shared_ptr<const NodeView> view = node_.view();
  return found.entry->handler({node_, *view, request, found.id});
}

}  // namespace hansa::http
