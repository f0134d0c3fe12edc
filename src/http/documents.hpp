// What the API answers: one function per document, from a node's view to flat JSON with a "schema" field
// beside the data. docs/api.md lists the fields.
#pragma once

#include "src/http/node_api.hpp"

#include <hansa/result.hpp>

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace hansa::http {

/// Keeps the order in which fields are written.
using Json = nlohmann::ordered_json;

Json status_document(const NodeView& view);
Json version_document();
Json peers_document(const NodeView& view);
/// Nodes and the connections this node knows of: its own.
Json topology_document(const NodeView& view);
Json roster_document(const NodeView& view);
Json roster_log_document(const NodeView& view);
Json requests_document(const NodeView& view);
Json runs_document(const NodeView& view);
/// One run with its history, privacy statement and manifest.
Json run_document(const RunView& run);
Json evidence_document(const NodeView& view);
Json audit_head_document(const NodeView& view);
Json audit_document(const NodeView& view, const std::vector<NodeApi::AuditEntry>& entries);
Json keys_document(const NodeView& view);
Json config_document(const NodeView& view);
Json keeper_document(const NodeApi::KeeperState& state);
/// The line before the numbers of GET /api/v1/runs/<id>/model.
Json model_document(const NodeApi::FinalModel& model);
/// `code` is a kind of error (failed, usage, ...) or one of the server's own (docs/api.md).
Json error_document(std::string_view code, std::string_view message, std::string_view hint);
/// What an event says: the document of the thing that changed.
Json event_document(const NodeView& view, const NodeEvent& event);

/// The run with this ID, or the only one whose ID begins like that (at least four characters).
[[nodiscard]] Result<const RunView*> find_run(const NodeView& view, std::string_view id);

/// One line of JSON. Bytes that are not UTF-8 are replaced, so that no peer's text can make this fail.
std::string to_text(const Json& document);

}  // namespace hansa::http
