// Witnesses in a simulated network: honest logs get everybody's cosignature, whatever is lost; a node that
// shows two logs, rewrites its own or cuts it is caught or named, and the evidence convinces a stranger.
#include "protocols/audit/witness.hpp"

#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

namespace hansa::protocols::audit {
namespace {

crypto::Identity identity(std::size_t seed) {
  std::array<std::byte, 32> bytes{};
  bytes.fill(static_cast<std::byte>(seed + 1));
  return crypto::Identity::from_seed(bytes);
}
Hash256 leaf(std::uint64_t i, char branch = 'a') {
  const std::array<std::byte, 2> bytes = {static_cast<std::byte>(i), static_cast<std::byte>(branch)};
  return leaf_hash(bytes);
}

struct Node {
  explicit Node(std::size_t i) : key(identity(i)), witness(key, tree, {}) {}
  crypto::Identity key;
  Tree tree;
  HeadWitness witness;
  std::vector<Evidence> caught;
  std::vector<Cosignature> cosigned;
  std::size_t rolled_back = 0, withheld = 0, differs = 0;

  [[nodiscard]] const PublicKey& name() const { return key.public_key(); }
  [[nodiscard]] SignedHead head(UnixMillis time = 1) const {
    return sign({name(), tree.size(), tree.root(), time, 1}, key);
  }
};

/// Nodes whose messages arrive in order, or do not.
class Network {
 public:
  explicit Network(std::size_t count, double loss = 0) : loss_(loss) {
    std::vector<PublicKey> names;
    for (std::size_t i = 0; i < count; ++i) {
      nodes.push_back(std::make_unique<Node>(i));
      names.push_back(nodes[i]->name());
    }
    for (const auto& node : nodes) node->witness.set_peers(names);
  }
  Node& operator[](std::size_t i) { return *nodes[i]; }
  [[nodiscard]] Moment at() const { return {now, 1000}; }

  void announce(std::size_t i) {
    WitnessEffects out;
    nodes[i]->witness.announce(nodes[i]->head(++time_), at(), out);
    perform(*nodes[i], out);
  }
  /// A head to one node alone.
  void show(std::size_t from, std::size_t to, const SignedHead& head) {
    queue_.push_back({nodes[from]->name(), nodes[to]->name(), HeadAnnounced{head}});
  }
  void settle() {
    while (!queue_.empty()) {
      const Packet packet = queue_.front();
      queue_.pop_front();
      if (rng_.uniform() < loss_) continue;
      const auto body = encode(packet.message);
      const auto message = decode(type_of(packet.message), body);
      ASSERT_TRUE(message);
      for (const auto& node : nodes) {
        if (node->name() != packet.to) continue;
        WitnessEffects out;
        node->witness.on_message(packet.from, *message, at(), out);
        perform(*node, out);
      }
    }
  }
  void pass(Duration time) {
    now += time;
    for (const auto& node : nodes) {
      WitnessEffects out;
      node->witness.on_deadline(at(), out);
      perform(*node, out);
    }
    settle();
  }

  std::vector<std::unique_ptr<Node>> nodes;
  Time now{};
  std::size_t sent = 0;

 private:
  struct Packet {
    PublicKey from{}, to{};
    Message message;
  };
  void perform(Node& node, const WitnessEffects& effects) {
    for (const WitnessEffect& effect : effects) {
      if (const auto* const send = std::get_if<Send>(&effect)) {
        queue_.push_back({node.name(), send->to, send->message});
        ++sent;
      } else if (const auto* const caught = std::get_if<Caught>(&effect)) {
        node.caught.push_back(caught->evidence);
      } else if (const auto* const cosigned = std::get_if<Cosigned>(&effect)) {
        node.cosigned.push_back(cosigned->cosignature);
      } else if (std::holds_alternative<RolledBack>(effect)) {
        ++node.rolled_back;
      } else if (std::holds_alternative<ProofWithheld>(effect)) {
        ++node.withheld;
      } else if (std::holds_alternative<OwnLogDiffers>(effect)) {
        ++node.differs;
      }
    }
  }

  double loss_;
  Rng rng_{7, Purpose::test};
  UnixMillis time_ = 1;
  std::deque<Packet> queue_;
};

void expect_no_accusation(Network& net) {
  for (const auto& node : net.nodes) {
    EXPECT_TRUE(node->caught.empty());
    EXPECT_EQ(node->rolled_back + node->differs, 0U);
  }
}

TEST(HeadWitness, HonestLogsAreCosignedByAllAsTheyGrow) {
  Network net(5);
  for (std::uint64_t step = 0; step < 20; ++step) {
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::uint64_t k = 0; k <= (step + i) % 4; ++k) net[i].tree.append(leaf(net[i].tree.size()));
      net.announce(i);
    }
    net.settle();
    net.now += std::chrono::seconds(15);
  }
  expect_no_accusation(net);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(net[i].witness.witnesses(), 4U);
    EXPECT_EQ(net[i].witness.cosigned_size(), net[i].tree.size());
    EXPECT_EQ(net[i].withheld, 0U);
    for (const Cosignature& c : net[i].cosigned) EXPECT_TRUE(check(c));
    for (std::size_t j = 0; j < 5; ++j) {
      if (i == j) continue;
      EXPECT_EQ(net[j].witness.last_of(net[i].name())->head.size, net[i].tree.size());
    }
  }
}

TEST(HeadWitness, LostMessagesOnlyCostTime) {
  Network net(5, 0.3);
  for (int minute = 0; minute < 40; ++minute) {
    for (std::size_t i = 0; i < 5 && minute < 20; ++i) {
      net[i].tree.append(leaf(net[i].tree.size()));
      net.announce(i);
    }
    for (int k = 0; k < 3; ++k) net.pass(std::chrono::seconds(21));
  }
  expect_no_accusation(net);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(net[i].witness.witnesses(), 4U);
    EXPECT_EQ(net[i].witness.cosigned_size(), 20U) << i;
  }
}

TEST(HeadWitness, ANodeThatShowsTwoLogsIsCaughtByAllAndTheEvidenceStandsAlone) {
  Network net(6);
  Tree other;
  for (std::uint64_t i = 0; i < 7; ++i) net[0].tree.append(leaf(i)), other.append(leaf(i, i < 3 ? 'a' : 'b'));
  const SignedHead first = net[0].head();
  const SignedHead second = sign({net[0].name(), other.size(), other.root(), 2, 1}, net[0].key);
  for (std::size_t i = 1; i < 6; ++i) net.show(0, i, i < 4 ? first : second);
  net.settle();
  for (std::size_t i = 1; i < 6; ++i) {
    ASSERT_EQ(net[i].caught.size(), 1U) << i;
    EXPECT_TRUE(net[i].witness.caught(net[0].name()));
    const auto bytes = encode(net[i].caught[0]);
    const auto evidence = decode_evidence(bytes);
    ASSERT_TRUE(evidence);
    EXPECT_TRUE(check(*evidence));
    for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 13) {  // nobody is accused by a forgery
      auto forged = bytes;
      forged[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      const auto read = decode_evidence(forged);
      EXPECT_FALSE(read && check(*read)) << bit;
    }
  }
}

TEST(HeadWitness, TwoLogsOfDifferentLengthAreTornApartByTheNodesOwnProof) {
  Network net(3);
  for (std::uint64_t i = 0; i < 5; ++i) net[0].tree.append(leaf(i));
  net.announce(0);
  net.settle();
  net[0].tree = Tree();  // history is rewritten from entry 2 on, and goes on
  for (std::uint64_t i = 0; i < 11; ++i) net[0].tree.append(leaf(i, i < 2 ? 'a' : 'c'));
  net.announce(0);
  net.settle();
  for (std::size_t i = 1; i < 3; ++i) {
    ASSERT_EQ(net[i].caught.size(), 1U);
    EXPECT_TRUE(check(net[i].caught[0]));
    EXPECT_EQ(net[i].caught[0].earlier.head.size, 5U);
    EXPECT_FALSE(net[i].caught[0].proof.empty());
  }
}

TEST(HeadWitness, ACutLogIsNamed) {
  Network net(3);
  for (std::uint64_t i = 0; i < 9; ++i) net[0].tree.append(leaf(i));
  net.announce(0);
  net.settle();
  Node& cut = net[0];
  cut.tree = Tree();
  for (std::uint64_t i = 0; i < 4; ++i) cut.tree.append(leaf(i));
  net.announce(0);
  net.settle();
  // It cannot prove that a list it no longer has begins with the one it has.
  EXPECT_EQ(net[1].withheld + net[1].rolled_back, 1U);
  EXPECT_TRUE(net[1].caught.empty()) << "nothing contradicts it yet";
  EXPECT_EQ(net[1].witness.last_of(cut.name())->head.size, 9U) << "the longer one is kept";
}

TEST(HeadWitness, WhoDoesNotProveIsNotCosigned) {
  Network net(2);
  for (std::uint64_t i = 0; i < 5; ++i) net[0].tree.append(leaf(i));
  net.announce(0);
  net.settle();
  Tree longer;
  for (std::uint64_t i = 0; i < 8; ++i) longer.append(leaf(i));
  net.show(0, 1, sign({net[0].name(), 8, longer.root(), 9, 1}, net[0].key));  // its tree has five
  net.settle();
  EXPECT_EQ(net[1].withheld, 1U);
  EXPECT_EQ(net[1].witness.last_of(net[0].name())->head.size, 5U);
}

TEST(HeadWitness, ForgedAndForeignMessagesChangeNothing) {
  Network net(3);
  for (std::uint64_t i = 0; i < 5; ++i) net[0].tree.append(leaf(i));
  SignedHead forged = net[0].head();
  forged.signature[3] ^= std::byte{1};
  const auto feed = [&](const PublicKey& from, const Message& message) {
    WitnessEffects out;
    net[1].witness.on_message(from, message, net.at(), out);
    return out.size();
  };
  EXPECT_EQ(feed(net[0].name(), HeadAnnounced{forged}), 0U);
  EXPECT_EQ(feed(net[2].name(), HeadAnnounced{net[0].head()}), 0U) << "announced by another node";
  EXPECT_EQ(feed(identity(77).public_key(), HeadAnnounced{net[0].head()}), 0U) << "not on the roster";
  Cosignature cosignature = cosign(net[0].head(), 5, net[2].key);
  EXPECT_EQ(feed(net[0].name(), cosignature), 0U) << "not from its witness";
  cosignature.time_ms = 6;
  EXPECT_EQ(feed(net[2].name(), cosignature), 0U);
  EXPECT_EQ(feed(net[0].name(), Evidence{net[0].head(1), net[0].head(2), {}}), 0U) << "no contradiction";
  EXPECT_EQ(feed(net[0].name(), ProofGiven{1, 2, {}}), 0U);
  EXPECT_FALSE(net[1].witness.last_of(net[0].name()));
}

TEST(HeadWitness, AFloodOfHeadsIsTakenAtItsPaceAndTheLastOneInTheEnd) {
  Network net(2);
  for (std::uint64_t i = 0; i < 100; ++i) {
    net[0].tree.append(leaf(i));
    net.announce(0);
    net.settle();
  }
  EXPECT_LE(net[1].witness.last_of(net[0].name())->head.size, 10U);
  net.pass(std::chrono::minutes(2));
  EXPECT_EQ(net[1].witness.last_of(net[0].name())->head.size, 100U);
  expect_no_accusation(net);
}

TEST(HeadWitness, RemembersAcrossARestartWhatItCosigned) {
  Network net(2);
  for (std::uint64_t i = 0; i < 5; ++i) net[0].tree.append(leaf(i));
  const SignedHead before = net[0].head();
  Tree empty;
  HeadWitness restarted(net[1].key, empty, {{net[0].name(), before}});
  const PublicKey peers[] = {net[0].name()};
  restarted.set_peers({});  // before it knows its roster
  restarted.set_peers(peers);
  Tree other;
  for (std::uint64_t i = 0; i < 5; ++i) other.append(leaf(i, 'z'));
  WitnessEffects out;
  restarted.on_message(net[0].name(), HeadAnnounced{sign({net[0].name(), 5, other.root(), 7, 2}, net[0].key)},
                       net.at(), out);
  EXPECT_TRUE(restarted.caught(net[0].name()));
}

}  // namespace
}  // namespace hansa::protocols::audit
