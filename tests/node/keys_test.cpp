// Connection keys of live nodes: replaced while everybody stays connected, also by a node that dies half-way
// and by all at once; the old key is good for a day and no longer. And what it costs a member to lie about
// pieces of a model.
#include "protocols/bulk/layout.hpp"
#include "src/http/metrics.hpp"
#include "src/node/messenger.hpp"
#include "src/node/sample_data.hpp"
#include "src/store/key_files.hpp"
#include "tests/node/consortium.hpp"
#include "tests/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <mutex>

namespace hansa::node {
namespace {

namespace fs = std::filesystem;
using testing::Consortium;
using testing::eventually;

constexpr std::int64_t kHour = 3600, kDay = 24 * kHour;

class Keys : public ::testing::Test {
 protected:
  /// Whether every node is connected to all others, with these epochs by member, and knows that they have its
  /// newest key.
  static bool all_connected(Consortium& mesh, const std::vector<std::uint32_t>& epochs) {
    for (std::size_t i = 0; i < mesh.size(); ++i) {
      const auto view = mesh.core(i).view();
      if (view->peers.size() + 1 != mesh.size() || view->keys.rotating) return false;
      if (view->keys.curve_epoch != epochs[i]) return false;
      for (const http::PeerView& peer : view->peers) {
        if (!peer.connected || !peer.has_our_key || peer.quarantined) return false;
        for (std::size_t j = 0; j < mesh.size(); ++j) {
          if (peer.organisation == mesh[j].name && peer.curve_epoch != epochs[j]) return false;
        }
      }
    }
    return true;
  }
  static std::string epochs_seen(Consortium& mesh) {
    std::string text;
    for (std::size_t i = 0; i < mesh.size(); ++i) {
      const auto view = mesh.core(i).view();
      text += "\n" + mesh[i].name + " epoch " + std::to_string(view->keys.curve_epoch) + ":";
      for (const http::PeerView& peer : view->peers) {
        text += " " + peer.organisation + (peer.connected ? " connected" : " away") + " epoch " +
                std::to_string(peer.curve_epoch) + (peer.has_our_key ? ", has our key" : ", has it not");
      }
    }
    return text;
  }

  const test::TemporaryFolder temporary_;
  const fs::path base_ = temporary_.path();
};

/// Somebody with keys that they should not have.
class Thief final : private net::Sink {
 public:
  explicit Thief(const crypto::CurveKey& stolen) {
    net::TransportOptions options;
    options.keys = stolen;
    options.consortium = "hansa";
    auto opened = net::Transport::open(std::move(options), *this);
    if (opened) transport_ = std::move(opened).value();
  }
  void dial(const crypto::CurvePublicKey& server, const std::string& endpoint) {
    transport_->set_peers({net::Peer{server, std::nullopt, endpoint, ""}});
  }
  [[nodiscard]] bool in() const { return in_; }
  [[nodiscard]] std::uint64_t denied() const {
    return transport_->stats().handshakes[static_cast<std::size_t>(net::Handshake::denied)];
  }

 private:
  void on_frame(const net::CurvePublic&, net::Channel, std::span<const std::byte>,
                std::span<const std::byte>) override {}
  void on_peer(const net::CurvePublic&, bool up) override { in_ = up; }
  void on_rejected(net::Rejection) override {}

  std::atomic<bool> in_{false};
  std::unique_ptr<net::Transport> transport_;
};

TEST_F(Keys, RotateWhileConnectedAndTheOldOneIsRefusedAfterADay) {
  Consortium mesh(base_, 3);
  EXPECT_FALSE(mesh.core(1).rotate_key().ok()) << "nobody has its key yet";
  mesh.found();
  ASSERT_FALSE(HasFailure());
  ASSERT_TRUE(eventually([&] { return all_connected(mesh, {1, 1, 1}); })) << epochs_seen(mesh);
  const auto rotated = mesh.core(1).rotate_key();
  ASSERT_TRUE(rotated.ok()) << rotated.error().message;
  EXPECT_FALSE(mesh.core(1).rotate_key().ok()) << "one at a time";
  ASSERT_TRUE(eventually([&] { return all_connected(mesh, {1, 2, 1}); })) << epochs_seen(mesh);
  const auto now = store::load_curve_key(mesh[1].folder.curve_key());
  const auto before = store::load_curve_key(mesh[1].folder.previous_curve_key());
  ASSERT_TRUE(now.ok() && before.ok());
  EXPECT_EQ(now->epoch, 2U);
  EXPECT_EQ(before->key.public_key(), mesh[1].keys->curve.key.public_key());
  EXPECT_FALSE(fs::exists(mesh[1].folder.next_curve_key()));

  Thief thief(before->key);
  thief.dial(mesh[0].keys->curve.key.public_key(), mesh.core(0).view()->control_endpoint);
  EXPECT_TRUE(eventually([&] { return thief.in(); })) << "both keys pass for a day";
  mesh.clock_ahead_s = 25 * kHour;
  EXPECT_TRUE(eventually([&] { return !thief.in() && thief.denied() > 0; }));
  ASSERT_TRUE(eventually([&] { return all_connected(mesh, {1, 2, 1}); })) << epochs_seen(mesh);
  mesh.stop(1);
  mesh.start(1);
  ASSERT_TRUE(eventually([&] { return all_connected(mesh, {1, 2, 1}); })) << epochs_seen(mesh);
}

TEST_F(Keys, ANodeThatDiesHalfWayThroughARotationFinishesIt) {
  Consortium mesh(base_, 2);
  mesh.found();
  ASSERT_FALSE(HasFailure());
  ASSERT_TRUE(eventually([&] { return all_connected(mesh, {1, 1}); })) << epochs_seen(mesh);
  ASSERT_TRUE(mesh.core(1).rotate_key().ok());
  mesh.crash(1);  // announced, not taken
  ASSERT_TRUE(fs::exists(mesh[1].folder.next_curve_key()));
  mesh.start(1);
  ASSERT_TRUE(eventually([&] { return all_connected(mesh, {1, 2}); })) << epochs_seen(mesh);

  mesh.crash(1);  // with a key that nobody has heard of
  ASSERT_TRUE(store::save_curve_key(mesh[1].folder.next_curve_key(), crypto::CurveKey::generate(), 3).ok());
  mesh.start(1);
  ASSERT_TRUE(eventually([&] { return all_connected(mesh, {1, 3}); })) << epochs_seen(mesh);
}

TEST_F(Keys, AreReplacedByThemselvesAtHalfOfTheirLife) {
  Consortium mesh(base_, 3);
  mesh.found();
  ASSERT_FALSE(HasFailure());
  ASSERT_TRUE(eventually([&] { return all_connected(mesh, {1, 1, 1}); })) << epochs_seen(mesh);
  EXPECT_GT(mesh.core(0).view()->keys.curve_rotation_due_at_s, unix_now() + 14 * kDay);
  // For all of them: they announce and take new keys at the same time, the first one although its lobby is
  // open.
  mesh.clock_ahead_s = 21 * kDay;
  ASSERT_TRUE(eventually([&] { return all_connected(mesh, {2, 2, 2}); })) << epochs_seen(mesh);
}

/// A member whose operator has replaced the node by something else.
class Liar final : private MailReceiver {
 public:
  Liar(const testing::Member& who, const testing::Member& victim, const http::NodeView& seen,
       const crypto::CurvePublicKey& server)
      : victim_(victim.keys->node->public_key()) {
    MessengerOptions options{.identity = who.keys->node, .boot_id = 1000, .transport = {}};
    options.transport.keys = who.keys->curve.key;
    options.transport.consortium = "hansa";
    options.transport.control_endpoint = who.control_endpoint;
    options.transport.bulk_endpoint = who.bulk_endpoint;
    auto opened = Messenger::open(std::move(options), *this);
    if (!opened) throw std::runtime_error(opened.error().message);
    messenger_ = std::move(opened).value();
    crypto::Hash256 consortium;
    const auto bytes = crypto::from_hex(seen.roster.consortium);
    std::copy_n(bytes->begin(), consortium.bytes.size(), consortium.bytes.begin());
    messenger_->set_consortium(consortium, seen.roster.version);
    messenger_->set_peers({{victim_, server, std::nullopt, seen.control_endpoint, seen.bulk_endpoint}});
  }
  /// Offers a model and gives false bytes to whoever asks for it.
  void offer(std::byte fill, const crypto::Hash256& run) {
    const Bytes blob(600'000, fill);
    const auto manifest = protocols::bulk::manifest_of(blob);
    {
      const std::lock_guard lock(mutex_);
      manifests_[manifest.id()] = manifest;
    }
    say(protocols::bulk::Offer{manifest.id(), manifest.size, 1}, run);
  }
  [[nodiscard]] bool up() const { return up_; }

 private:
  void say(const protocols::bulk::Message& message, std::optional<crypto::Hash256> run = {}) {
    messenger_->send(victim_, protocols::bulk::type_of(message),
                     std::make_shared<const Bytes>(protocols::bulk::encode(message)), run);
  }
  void on_mail(Arrived) override {}
  void on_bulk(const NodeKey&, Type type, const std::optional<crypto::Hash256>&,
               std::span<const std::byte> body) override {
    const auto message = protocols::bulk::decode(type, body);
    if (!message) return;
    const std::lock_guard lock(mutex_);
    if (const auto* list = std::get_if<protocols::bulk::ManifestRequest>(&*message)) {
      say(protocols::bulk::ManifestReply{list->id, manifests_.at(list->id)});
    } else if (const auto* chunk = std::get_if<protocols::bulk::ChunkRequest>(&*message)) {
      const auto size = protocols::bulk::chunk_size(manifests_.at(chunk->id).size, chunk->index);
      const auto bytes = std::make_shared<Bytes>(size, std::byte{0xBD});
      say(protocols::bulk::ChunkReply{chunk->id, chunk->index, *bytes, bytes});
    }
  }
  void on_peer(const NodeKey&, bool up) override { up_ = up; }
  void on_incompatible(const NodeKey&, const std::string&) override {}

  const NodeKey victim_;
  std::atomic<bool> up_{false};
  std::mutex mutex_;
  std::map<protocols::bulk::BlobId, protocols::bulk::Manifest> manifests_;
  std::unique_ptr<Messenger> messenger_;
};

TEST_F(Keys, FalsePiecesOfAModelCostTheScoreAndThenTheConnection) {
  Consortium mesh(base_, 3);
  mesh.found();
  ASSERT_FALSE(HasFailure());
  ASSERT_TRUE(eventually([&] { return all_connected(mesh, {1, 1, 1}); })) << epochs_seen(mesh);
  fs::create_directory(base_ / "data");
  const auto data = write_sample_data(base_ / "data", 3);
  ASSERT_TRUE(data.ok());
  std::ifstream schema(data->schema);
  const auto run = mesh.core(0).propose_run(
      {.manifest_toml = "name = \"bank\"\nrounds = 1\nparties = 3\nseed = 5\nmodel = \"fm\"\nstrategy = "
                        "\"d-psgd\"\naggregation = \"plain\"\n[data]\ndataset = \"bank-marketing\"\n"
                        "[topology]\nname = \"complete\"\n",
       .schema_toml = {std::istreambuf_iterator<char>(schema), {}}});
  ASSERT_TRUE(run.ok()) << run.error().message;
  const auto bound =
      mesh.core(0).approve_run({.run = *run, .data = data->parties[0].string(), .test = data->test.string()});
  ASSERT_TRUE(bound.ok()) << bound.error().message;
  crypto::Hash256 id;
  const auto bytes = crypto::from_hex(*run);
  std::copy_n(bytes->begin(), id.bytes.size(), id.bytes.begin());

  mesh.crash(2);
  const auto liar_seen = [&] {
    const auto view = mesh.core(0).view();
    return *std::find_if(view->peers.begin(), view->peers.end(),
                         [&](const http::PeerView& peer) { return peer.organisation == mesh[2].name; });
  };
  const auto evidence = [&] {
    const auto view = mesh.core(0).view();
    return std::count_if(view->evidence.begin(), view->evidence.end(), [&](const http::EvidenceView& item) {
      return item.kind == "bulk" && item.about == mesh[2].name;
    });
  };
  Liar liar(mesh[2], mesh[0], *mesh.core(0).view(), mesh[0].keys->curve.key.public_key());
  ASSERT_TRUE(eventually([&] { return liar.up() && liar_seen().connected; }));
  liar.offer(std::byte{1}, id);
  ASSERT_TRUE(eventually([&] { return evidence() == 1 && liar_seen().score < -40; }));
  EXPECT_FALSE(liar_seen().quarantined);
  liar.offer(std::byte{2}, id);
  ASSERT_TRUE(eventually([&] { return liar_seen().quarantined && !liar_seen().connected; }));
  EXPECT_TRUE(eventually([&] { return !liar.up(); }));
  EXPECT_EQ(evidence(), 1) << "the same is not said twice within a minute";
  const std::string metrics = http::exposition(*mesh.core(0).view());
  EXPECT_NE(metrics.find("hansa_evidence{kind=\"bulk\"} 1\n"), std::string::npos);
}

}  // namespace
}  // namespace hansa::node
