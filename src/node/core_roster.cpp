// Governance at the node: what the keeper wants kept is kept before anything is told, and whoever the roster
// allows is whoever may connect.
#include "src/node/core.hpp"

#include "protocols/roster/identity.hpp"
#include "src/crypto/hash.hpp"
#include "src/node/keeper_rows.hpp"

#include <algorithm>
#include <utility>

namespace hansa::node {
namespace {

using protocols::roster::EventKind;
namespace roster = protocols::roster;

constexpr std::size_t kControlBytesMax = 60 * 1024;
constexpr std::size_t kLobbyBytesMax = 15 * 1024;

std::string url(const std::vector<std::string>& endpoints) {
  return endpoints.empty() ? std::string() : "tcp://" + endpoints.front();
}

}  // namespace

void Core::perform(roster::KeeperEffects effects) {
  bool changed = false;
  for (roster::KeeperEffect& effect : effects) {
    if (stopping_) return;
    if (auto* persist = std::get_if<roster::PersistRecord>(&effect)) {
      const store::StateDb::Row row = row_of(persist->record);
      must(row.value.empty() ? db_.erase("roster", row.key) : db_.put("roster", row.key, row.value),
           "the roster cannot be kept");
      spare_is_old_ = true;
    } else if (auto* tell = std::get_if<roster::Tell>(&effect)) {
      tell_roster(tell->to, std::make_shared<const Bytes>(std::move(tell->message)));
    } else if (auto* all = std::get_if<roster::TellAll>(&effect)) {
      const auto body = std::make_shared<const Bytes>(std::move(all->message));
      for (const roster::AllowedNode& node : allowed_) {
        if (node.node != all->except && node.node != keys_.node->public_key()) tell_roster(node.node, body);
      }
      for (const roster::AllowedNode& node : keeper_.applicant_nodes()) {
        if (node.node != all->except) tell_roster(node.node, body);
      }
      const bool stranger = lobby_host_ && std::none_of(allowed_.begin(), allowed_.end(), [&](const auto& n) {
                              return n.node == lobby_host_->node;
                            });
      if (stranger) tell_roster(lobby_host_->node, body);
    } else if (auto* notice = std::get_if<roster::Notify>(&effect)) {
      noticed_roster(notice->event);
      changed = true;
    }
  }
  if (changed) roster_changed();
}

void Core::tell_roster(const NodeKey& to, const BytesRef& body) {
  const bool allowed = std::any_of(allowed_.begin(), allowed_.end(),
                                   [&](const roster::AllowedNode& node) { return node.node == to; });
  const auto up = up_.find(to);
  const bool connected = up != up_.end() && up->second;
  // Before both sides know each other as members, the lobby is all there is between them.
  if (!connected && body->size() <= kLobbyBytesMax) messenger_->send(to, Type::lobby_sync, body);
  if (!allowed) return;
  messenger_->send(to, body->size() <= kControlBytesMax ? Type::roster_sync : Type::roster_sync_large, body);
}

void Core::noticed_roster(const roster::KeeperEvent& event) {
  audit_->roster_event(event, moment());
  switch (event.kind) {
    case EventKind::forked:
    case EventKind::contradiction:
    case EventKind::wrong_anchor:
      evidence("roster", event.object.hex().substr(0, 12), event.text);
      break;
    case EventKind::request:
    case EventKind::request_gone:
    case EventKind::request_rejected:
      emit("request", event.object.hex());
      break;
    default:
      emit("roster", event.object.hex());
  }
  log(event.kind == EventKind::expiry_warning ? "warning" : "info", event.text);
}

/// Who may connect, and who may take part in runs, follow the roster.
void Core::roster_changed() {
  allowed_ = keeper_.allowed_nodes(unix_now());
  for (auto& [run, local] : local_) local.shown.reset();  // with other names
  std::vector<MeshPeer> peers;
  std::vector<protocols::runs::Member> members;
  std::vector<protocols::membership::Member> watched;
  for (const roster::AllowedNode& node : allowed_) {
    MeshPeer peer{node.node, node.curves.front(), std::nullopt, url(node.endpoints.control),
                  url(node.endpoints.bulk)};
    if (node.curves.size() > 1) peer.other_curve = node.curves[1];
    peers.push_back(std::move(peer));
    watched.push_back({node.node, node.organisation});
    if (node.trains) members.push_back({node.node, node.organisation_name});
  }
  messenger_->set_consortium(keeper_.chain().consortium(), keeper_.hint().version);
  messenger_->set_peers(peers);
  std::vector<NodeKey> nodes;
  for (const roster::AllowedNode& node : allowed_) nodes.push_back(node.node);
  audit_->set_peers(nodes, moment());
  membership_->set_hint(keeper_.hint());
  membership_->set_members(std::move(watched));
  book_.set_members(std::move(members));
  std::erase_if(up_, [this](const auto& entry) {
    return std::none_of(allowed_.begin(), allowed_.end(),
                        [&](const roster::AllowedNode& node) { return node.node == entry.first; });
  });
  std::erase_if(up_since_, [this](const auto& entry) { return !up_.contains(entry.first); });
  std::erase_if(misdeeds_, [this](const auto& entry) { return !up_.contains(entry.first.first); });
}

/// Whoever is not a member yet keeps knocking where its ticket says, and stays until the host knows it as a
/// member as well.
void Core::dial_inviter() {
  const auto* request = keeper_.own_request();
  if (request != nullptr && !keeper_.member() && !request->ticket.bootstrap.empty()) {
    const roster::Bootstrap& host = request->ticket.bootstrap.front();
    if (lobby_host_ && *lobby_host_ == host) return;
    lobby_host_ = host;
    messenger_->dial_lobby(MeshPeer{host.node, host.curve, std::nullopt, "tcp://" + host.endpoint, ""});
    roster::KeeperEffects effects;  // what was told before this had no way to go
    keeper_.on_connected(host.node, unix_now(), effects);
    return perform(std::move(effects));
  }
  if (!lobby_host_) return;
  const auto host = up_.find(lobby_host_->node);
  if (host == up_.end() || !host->second) return;
  messenger_->dial_lobby(std::nullopt);
  lobby_host_.reset();
}

/// "tcp://0.0.0.0:7719" as others dial it: "host:7719".
std::string Core::advertised(const std::string& bound) const {
  return options_.advertise_host + bound.substr(bound.rfind(':'));
}

Result<http::NodeApi::KeeperState> Core::keeper_state_now() {
  const auto rows = db_.all("roster");
  if (!rows) return rows.error();
  KeeperState state;
  state.recovering = keeper_.recovering();
  crypto::Hasher base("hansa/keeper");
  for (const store::StateDb::Row& row : *rows) {
    base.update_u64(row.key.size()).update(row.key).update_u64(row.value.size()).update(row.value);
    state.records.push_back(text_of(row));
  }
  state.base = base.finish().hex();
  return state;
}

/// What an operator's tool worked out with the organisation's key becomes the keeper's state, whole, unless
/// that has moved on meanwhile.
Result<void> Core::change_keeper_now(const KeeperChange& change) {
  if (const auto may = may_sign(); !may) return may.error();
  const auto current = keeper_state_now();
  if (!current) return current.error();
  if (current->base != change.base) {
    return Error{ErrorKind::conflict, "the roster has changed meanwhile", "try the command again"};
  }
  auto changed = rows_of(change.records);
  if (!changed) return changed.error();
  std::vector<Bytes> removed;
  std::erase_if(*changed, [&](store::StateDb::Row& row) {
    if (row.value.empty()) removed.push_back(std::move(row.key));
    return row.value.empty();
  });
  if (const auto kept = db_.put_all("roster", *changed); !kept) return kept.error();
  for (const Bytes& key : removed) {
    if (const auto gone = db_.erase("roster", key); !gone) return gone.error();
  }
  const auto rows = db_.all("roster");
  if (!rows) return rows.error();
  const auto records = records_of(*rows);
  if (!records) return records.error();
  const roster::RosterHint before = keeper_.hint();
  keeper_ = roster::RosterKeeper({.node = keys_.node->public_key(), .organisation = keys_.organisation});
  roster::KeeperEffects effects;
  spare_is_old_ = true;
  const auto started = keeper_.start(*records, unix_now(), effects);
  if (!started) return started.error();
  for (const NodeKey& peer : messenger_->connected()) keeper_.on_connected(peer, unix_now(), effects);
  for (const std::string& text : change.messages) {
    if (auto message = crypto::from_hex(text)) effects.emplace_back(roster::TellAll{std::move(*message), {}});
  }
  if (const roster::RosterHint head = keeper_.hint(); !(head.hash == before.hash)) {
    // The tool's vote was the deciding one: what its copy of the keeper had to say was said to the tool.
    noticed_roster(
        {EventKind::roster_changed,
         {},
         head.hash,
         head.version,
         "roster version " + std::to_string(head.version) + " is in force by this organisation's vote"});
  }
  roster_changed();
  perform(std::move(effects));
  emit("roster", "");
  return {};
}

}  // namespace hansa::node
