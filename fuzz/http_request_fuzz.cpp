// Any bytes as a request to the node's HTTP API, and as an answer to its client. The first byte picks a route
// or a reader; the rest is split at the first line feed into what precedes the body and the body. Nothing may
// assert or throw, every answer to a command is JSON, and nothing that is refused may reach the node.
#include "src/http/api.hpp"
#include "src/http/client.hpp"
#include "src/http/documents.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace hansa;
using namespace hansa::http;

constexpr std::string_view kToken = "0123456789abcdef";

/// Takes every order and counts them.
class Counting : public NodeApi {
 public:
  int orders = 0;
  std::shared_ptr<const NodeView> view() const override {
    static const auto kView = [] {
      auto view = std::make_shared<NodeView>();
      view->runs.resize(2);
      view->runs[0].id = "aaaabbbb";
      view->runs[1].id = "aaaacccc";
      return view;
    }();
    return kView;
  }
  std::shared_ptr<void> subscribe(std::function<void(const NodeEvent&)>) override { return nullptr; }
  Result<std::string> propose_run(const ProposeRun& wanted) override {
    return ++orders, wanted.manifest_toml;
  }
  Result<void> approve_run(const BindRun&) override { return ++orders, Result<void>(); }
  Result<void> stop_run(const std::string&, const std::string&) override { return ++orders, Result<void>(); }
  Result<FinalModel> final_model(const std::string&) override {
    return ++orders, FinalModel{{1, 2}, {}, "00"};
  }
  Result<KeeperState> keeper_state() override { return ++orders, KeeperState{}; }
  Result<void> change_keeper(const KeeperChange&) override { return ++orders, Result<void>(); }
  Result<std::string> open_lobby(double) override { return ++orders, std::string("x"); }
  Result<std::vector<AuditEntry>> audit_entries(std::optional<std::uint64_t>, std::size_t) override {
    return std::vector<AuditEntry>{{1, 2, "kind", "{}"}};  // no order: it only reads
  }
  Result<void> rotate_key() override { return ++orders, Result<void>(); }
  Result<void> drain(bool) override { return ++orders, Result<void>(); }
  Result<void> set_log_level(const std::string&) override { return ++orders, Result<void>(); }
  void shut_down() override { ++orders; }
};

void ask(std::uint8_t choice, std::string_view head, std::string_view body) {
  static const Access access = [] {
    Access made(kToken, false, false);
    made.set_port(7720);
    return made;
  }();
  Counting node;
  const Api api(node, access);
  const Route& route = routes()[choice % routes().size()];
  ApiRequest request;
  request.method = route.method;
  request.path = route.path;
  request.from = body.substr(0, body.size() / 2);
  request.limit = body.substr(body.size() / 2);
  if (const std::size_t id = request.path.find("<id>"); id != std::string::npos)
    request.path.replace(id, 4, head);
  if (choice >= 128) request.path = head;
  request.caller.host = choice % 7 == 0 ? std::string(head) : "127.0.0.1:7720";
  request.caller.token = choice % 5 == 0 ? std::string(head) : std::string(kToken);
  request.caller.origin = choice % 11 == 0 ? std::string(head) : "";
  request.content_type = choice % 3 == 0 ? std::string(head) : "application/json";
  request.content_length = body.size();
  request.body = body;
  const bool welcome = access.host_is_ours(request.caller.host) && access.token_matches(request.caller.token);
  if (const auto refusal = api.refuse(request)) {
    if (refusal->status < 400 || node.orders != 0) std::abort();
    return;
  }
  const ApiAnswer answer = api.answer(request);
  if (node.orders > 0 && !welcome) std::abort();
  if (answer.type == "application/json" && !nlohmann::json::accept(answer.body)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 255) {
    (void)read_model(text);
    EventReader reader;
    for (std::size_t at = 0; at < text.size(); at += 7)
      if (!reader.feed(text.substr(at, 7), [](std::string_view, std::string_view) { return true; })) break;
    return 0;
  }
  const std::size_t line = std::min(text.find('\n'), text.size());
  ask(data[0], text.substr(0, line), line < text.size() ? text.substr(line + 1) : std::string_view());
  return 0;
}
