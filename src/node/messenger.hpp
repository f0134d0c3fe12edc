// A node's mail: bodies of known types to and from nodes that are named by their signing keys. In between lie
// the envelope (who, when, which run; signed where it must be) and the sockets, where peers are named by
// their CURVE keys. What is refused on the way is counted by reason and taken off the sender's score.
#pragma once

#include "protocols/envelope/hello.hpp"
#include "protocols/envelope/types.hpp"
#include "src/crypto/identity.hpp"
#include "src/net/transport.hpp"
#include "src/wire/envelope.hpp"

#include <hansa/result.hpp>
#include <hansa/shared_bytes.hpp>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::node {

using NodeKey = crypto::PublicKey;
using Bytes = std::vector<std::byte>;
using BytesRef = std::shared_ptr<const Bytes>;
using protocols::envelope::Type;

/// A node that may be talked to, as the roster has it.
struct MeshPeer {
  NodeKey node{};
  net::CurvePublic curve{};
  std::optional<net::CurvePublic> other_curve;  ///< during a rotation
  std::string control_endpoint, bulk_endpoint;  ///< "tcp://host:port"; empty: it dials us
};

/// A message that has passed all checks of the envelope.
struct Arrived {
  NodeKey from{};
  Type type{};
  std::optional<crypto::Hash256> run;
  Round round = 0;
  std::uint64_t boot_id = 0;
  SharedBytes body;
};

/// Called on the transport's thread: return soon.
class MailReceiver {
 public:
  virtual ~MailReceiver() = default;
  virtual void on_mail(Arrived mail) = 0;
  /// A message of bulk's types; `body` lies in the transport's memory until the call returns.
  virtual void on_bulk(const NodeKey& from, Type type, const std::optional<crypto::Hash256>& run,
                       std::span<const std::byte> body) = 0;
  virtual void on_peer(const NodeKey& peer, bool up) = 0;
  /// A peer speaks no version that we speak; `what` has both.
  virtual void on_incompatible(const NodeKey& peer, const std::string& what) = 0;
};

struct MessengerOptions {
  std::shared_ptr<const crypto::Identity> identity;
  std::uint64_t boot_id = 1;
  net::TransportOptions transport;
};

/// Thread-safe.
class Messenger final : private net::Sink {
 public:
  /// `receiver` must outlive it.
  static Result<std::unique_ptr<Messenger>> open(MessengerOptions options, MailReceiver& receiver);
  ~Messenger() override;

  void set_consortium(const crypto::Hash256& consortium, std::uint64_t roster_version);
  void set_peers(const std::vector<MeshPeer>& peers);
  /// Messages of other runs are refused.
  void set_runs(std::vector<wire::OpenRun> runs);
  /// Messages of `sender` from before this boot are refused.
  void expect_boot(const NodeKey& sender, std::uint64_t boot);

  /// False if it cannot be queued now. Bodies are at most 64 KiB, on the bulk plane 256 KiB, in the lobby
  /// 15 KiB.
  bool send(const NodeKey& to, Type type, SharedBytes body, std::optional<crypto::Hash256> run = {},
            Round round = 0);

  Result<std::string> open_lobby(const std::string& endpoint) { return transport_->open_lobby(endpoint); }
  void close_lobby() { transport_->close_lobby(); }
  /// As one who wants to join: dials `host`, whose lobby is at its control_endpoint.
  void dial_lobby(const std::optional<MeshPeer>& host);

  /// Takes points from a node's score; at the floor it is cut off and stays out for a while.
  void penalise(const NodeKey& node, net::Offence offence);

  [[nodiscard]] net::Transport& transport() noexcept { return *transport_; }
  /// By EnvelopeError.
  [[nodiscard]] std::array<std::uint64_t, wire::kEnvelopeErrors> rejected() const;
  [[nodiscard]] std::vector<NodeKey> connected() const;
  /// Traffic and conduct of the other nodes, at most a second old.
  [[nodiscard]] std::map<NodeKey, net::PeerStats> peer_stats() const;
  /// Messages by type since the start: queued for sending, and accepted.
  struct TypeCount {
    std::string_view type;
    std::uint64_t sent = 0, received = 0;
  };
  [[nodiscard]] std::vector<TypeCount> type_counts() const;

 private:
  Messenger(MessengerOptions options, MailReceiver& receiver);

  void on_frame(const net::CurvePublic& from, net::Channel channel, std::span<const std::byte> header,
                std::span<const std::byte> body) override;
  void on_peer(const net::CurvePublic& peer, bool up) override;
  void on_rejected(net::Rejection) override {}  // the transport counts them
  void handle(Arrived mail);
  void say_hello(const NodeKey& to);
  [[nodiscard]] std::optional<NodeKey> node_of(const net::CurvePublic& curve) const;

  const MessengerOptions options_;
  MailReceiver& receiver_;
  std::atomic<std::uint64_t> sequence_{0};
  struct Counters {
    std::atomic<std::uint64_t> sent{0}, received{0};
  };
  std::array<Counters, protocols::envelope::kTypes.size()> counters_;  ///< in the order of kTypes

  mutable std::mutex mutex_;  // guards all below but the transport
  wire::EnvelopePolicy policy_;
  std::uint64_t roster_version_ = 0;
  wire::EnvelopeOpener opener_;
  std::map<net::CurvePublic, NodeKey> nodes_;
  std::map<NodeKey, net::CurvePublic> curves_;
  std::map<NodeKey, net::CurvePublic> strangers_;  ///< in the lobby, by what they signed with
  std::map<NodeKey, bool> up_;

  std::unique_ptr<net::Transport> transport_;  ///< last: its thread uses what stands above
};

}  // namespace hansa::node
