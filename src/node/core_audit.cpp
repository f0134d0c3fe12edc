#include "src/node/core.hpp"

#include <utility>

namespace hansa::node {

NodeAudit::Moment Core::moment() const {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return {now(), std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count()};
}

Result<void> Core::open_audit() {
  NodeAuditHooks hooks;
  hooks.send = [this](const NodeKey& to, Type type, BytesRef body) {
    messenger_->send(to, type, std::move(body));
  };
  hooks.evidence = [this](const NodeKey& about, const std::string& text) {
    evidence("audit", name_of(about), text);
  };
  hooks.warn = [this](const std::string& text) { log("warning", text); };
  hooks.failed = [this](const Error& error) { must(error, "the audit log cannot be kept"); };
  auto opened = NodeAudit::open({.folder = options_.folder.audit(), .identity = keys_.node, .boot_id = boot_},
                                std::move(hooks), moment());
  if (!opened) return opened.error();
  audit_ = std::move(opened).value();
  return {};
}

}  // namespace hansa::node
