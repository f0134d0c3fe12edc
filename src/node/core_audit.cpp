// Where the node meets its audit log: what is written of it, and how it is read again for people.
#include "src/node/core.hpp"

#include <algorithm>
#include <utility>

namespace hansa::node {

NodeAudit::Moment Core::moment() const {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return {now(), std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count()};
}

/// Read from the folder, on the caller's thread: the loop has others to serve.
Result<std::vector<http::NodeApi::AuditEntry>> Core::audit_entries(std::optional<std::uint64_t> from,
                                                                   std::size_t limit) {
  const std::uint64_t total = view()->audit_entries;
  const std::uint64_t first = from.value_or(total - std::min<std::uint64_t>(total, limit));
  const auto read = store::read_log(options_.folder.audit(), first, limit);
  if (!read) return read.error();
  std::vector<AuditEntry> entries;
  for (const auto& [number, entry] : *read) {
    entries.push_back({number, entry.time_ms, entry.kind, entry.text});
  }
  return entries;
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
