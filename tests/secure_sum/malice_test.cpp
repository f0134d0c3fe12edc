// What an attacker can do to a session, and what becomes of it: one test per attack.
#include "tests/secure_sum/network.hpp"

#include <gtest/gtest.h>

#include <bit>

namespace hansa::protocols::secure_sum {
namespace {

bool is(const Bytes& packet, PacketType type) { return packet[0] == static_cast<std::byte>(type); }

void expect_all(Network& network, Phase phase, Set except = 0) {
  for (Member i = 0; i < network.size(); ++i) {
    if (contains(except, i)) continue;
    EXPECT_EQ(network.session(i).phase(), phase) << "member " << i;
  }
  network.check_safety();
}

void expect_free_abort(Network& network, Member culprit) {
  EXPECT_EQ(network.count(PacketType::chunk), 0u) << "no masked byte has left anybody";
  for (Member i = 0; i < network.size(); ++i) {
    EXPECT_EQ(network.session(i).phase(), Phase::aborted);
    EXPECT_TRUE(network.session(i).outcome().retry_safe);
  }
  std::size_t named = 0;
  for (Member i = 0; i < network.size(); ++i) {
    named += network.session(i).outcome().reason == AbortReason::bad_dealer &&
                     network.session(i).outcome().missing == set_of(culprit)
                 ? 1u
                 : 0u;
  }
  EXPECT_GE(named, 1u);
}

Member leader_of(const NetworkOptions& options) {
  Network dry(options);
  dry.run([&] { return dry.session(0).phase() > Phase::advert; });
  return dry.session(0).leader(0);
}

TEST(Malice, bad_signature_dropped) {
  Network network({.inputs = 4});
  network.hook = [&](Member, Member to, Bytes& packet) {
    Bytes forged = packet;
    forged[40] ^= std::byte{1};
    network.inject(to, std::move(forged), std::chrono::microseconds(1));
    return true;
  };
  network.run();
  expect_all(network, Phase::complete);
  for (Member i = 0; i < 4; ++i) EXPECT_GE(network.session(i).dropped(DropReason::bad_signature), 20u);
  EXPECT_TRUE(network.caught().empty()) << "a forger is not the one whose name it uses";
}

TEST(Malice, advert_equivocation) {
  Network network({.inputs = 4});
  const crypto::ExchangeKey other(crypto::hash("hansa.test", {}).bytes);
  network.hook = [&](Member from, Member to, Bytes& packet) {
    if (from == 3 && to == 0 && is(packet, PacketType::advert)) {
      packet = resigned(packet, 3, [&](Bytes& body) {
        std::copy(other.public_key().begin(), other.public_key().end(), body.begin());
      });
    }
    return true;
  };
  network.run();
  EXPECT_EQ(network.count(PacketType::chunk), 0u);
  for (Member i = 0; i < 4; ++i) {
    EXPECT_EQ(network.session(i).phase(), Phase::aborted);
    EXPECT_TRUE(network.session(i).outcome().retry_safe);
    EXPECT_EQ(network.session(i).outcome().reason, AbortReason::setup_timeout);
  }
  EXPECT_GE(network.blames(3, Misdeed::contradiction), 1u) << "two signed adverts are proof";
}

TEST(Malice, share_ciphertext_flip) {
  for (const bool by_dealer : {true, false}) {
    Network network({.inputs = 4});
    network.hook = [&](Member from, Member to, Bytes& packet) {
      if (from == 2 && to == 1 && is(packet, PacketType::share)) {
        if (by_dealer) packet = resigned(packet, 2, [](Bytes& body) { body[20] ^= std::byte{4}; });
        if (!by_dealer) packet[kEnvelopeBytes + 20] ^= std::byte{4};
      }
      return true;
    };
    network.run();
    if (by_dealer) {
      expect_free_abort(network, 2);
      EXPECT_EQ(network.blames(2, Misdeed::bad_share), 1u);
    } else {
      EXPECT_EQ(network.session(1).dropped(DropReason::bad_signature), 1u);
      EXPECT_TRUE(network.caught().empty()) << "the network is not the dealer";
    }
  }
}

TEST(Malice, share_wrong_value) {
  const NetworkOptions options{.inputs = 4};
  Network network(options);
  std::vector<Bytes> adverts(4);
  network.hook = [&](Member from, Member to, Bytes& packet) {
    if (is(packet, PacketType::advert)) adverts[from] = packet;
    if (from != 2 || to != 1 || !is(packet, PacketType::share)) return true;
    LabelledEntropy entropy(options.label, 2);
    const MemberSecrets dealer = MemberSecrets::draw(entropy, network.plan().threshold);
    crypto::Bytes32 key;
    std::copy_n(body_of(adverts[1]).begin(), 32, key.begin());
    const auto keys = dealer.exchange.agree(key, false);
    const Scalar wrong = dealer.self.share(1) + Scalar::from(1);
    Writer plain, context;
    plain.raw(wrong.bytes()).raw(dealer.mask.share(1).bytes());
    context.raw(BytesView(packet).subspan(3, 32)).u16(2).u16(1);
    const auto sealed = crypto::seal(keys->send, crypto::Nonce{}, context.bytes(), plain.bytes());
    packet =
        resigned(packet, 2, [&](Bytes& body) { std::copy(sealed.begin(), sealed.end(), body.begin() + 2); });
    return true;
  };
  network.run();
  expect_free_abort(network, 2);
  EXPECT_EQ(network.blames(2, Misdeed::bad_share), 1u);
}

TEST(Malice, identity_point) {
  Network network({.inputs = 4});
  network.hook = [](Member from, Member, Bytes& packet) {
    if (from == 2 && is(packet, PacketType::advert)) {
      packet = resigned(packet, 2, [](Bytes& body) { std::fill_n(body.begin() + 32, 32, std::byte{0}); });
    }
    return true;
  };
  network.run();
  EXPECT_EQ(network.blames(2, Misdeed::bad_advert), 3u);
  EXPECT_EQ(network.session(0).outcome().missing, set_of(2));
  EXPECT_TRUE(network.session(0).outcome().retry_safe);
  EXPECT_EQ(network.count(PacketType::chunk), 0u);
}

TEST(Malice, noncanonical_point) {
  Network network({.inputs = 4});
  network.hook = [](Member from, Member, Bytes& packet) {
    if (from == 2 && is(packet, PacketType::advert)) {
      packet = resigned(packet, 2, [](Bytes& body) {  // p itself, the second way to write 0
        std::fill_n(body.begin() + 64, 32, std::byte{0xff});
        body[64] = std::byte{0xed};
        body[95] = std::byte{0x7f};
      });
    }
    return true;
  };
  network.run();
  EXPECT_EQ(network.session(0).dropped(DropReason::bad_point), 1u);
  EXPECT_EQ(network.blames(2, Misdeed::bad_advert), 3u);
  EXPECT_EQ(network.count(PacketType::chunk), 0u);
}

TEST(Malice, reveal_wrong_share_named) {
  Network network({.inputs = 5});
  network.hook = [](Member from, Member, Bytes& packet) {
    if (from == 2 && is(packet, PacketType::reveal)) {
      packet = resigned(packet, 2, [](Bytes& body) {
        std::fill_n(body.begin() + 32 + 32, 32, std::byte{0});  // for member 1
        body[64] = std::byte{5};
      });
    }
    return true;
  };
  network.delay(4, std::chrono::milliseconds(10));  // so that the wrong one is among the first t
  network.run();
  expect_all(network, Phase::complete);
  EXPECT_GE(network.blames(2, Misdeed::bad_reveal), 1u);
  for (Member i = 0; i < 5; ++i) EXPECT_EQ(network.session(i).outcome().chunks, first_of(5));
}

/// Lets the leader propose something else to some members.
void change_proposal(Network& network, Member leader, Set to,
                     const std::function<void(ProposeBody&)>& change) {
  network.hook = [&network, leader, to, change](Member from, Member receiver, Bytes& packet) {
    if (from != leader || !is(packet, PacketType::propose)) return true;
    Bytes sent = packet;
    if (contains(to, receiver)) {
      sent = resigned(packet, leader, [&](Bytes& body) {
        ProposeBody proposal = parse_propose(body);
        change(proposal);
        body = encode_propose(proposal);
      });
    }
    network.inject(receiver, std::move(sent), std::chrono::microseconds(10));  // before any VOTE
    return false;
  };
}

TEST(Malice, proposal_equivocation_no_reveal) {
  const NetworkOptions options{.inputs = 5};
  const Member leader = leader_of(options);
  Network network(options);
  const Set some = set_of((leader + 1) % 5) | set_of((leader + 2) % 5);
  change_proposal(network, leader, some, [&](ProposeBody& p) { p.decision.inputs &= ~set_of(leader); });
  network.run();
  expect_all(network, Phase::aborted);
  EXPECT_EQ(network.count(PacketType::reveal), 0u);
  EXPECT_GE(network.blames(leader, Misdeed::contradiction), 4u) << "the votes repeat both proposals";
  for (Member i = 0; i < 5; ++i) EXPECT_FALSE(network.session(i).outcome().retry_safe);
}

TEST(Malice, proposal_small_U_rejected) {
  const NetworkOptions options{.inputs = 5};
  const Member leader = leader_of(options);
  Network network(options);
  change_proposal(network, leader, first_of(5), [](ProposeBody& p) { p.decision.inputs &= first_of(3); });
  network.run();
  expect_all(network, Phase::complete);  // the next leader proposes all of them
  EXPECT_EQ(network.session(0).outcome().decision.inputs, first_of(5));
  EXPECT_EQ(network.blames(leader, Misdeed::bad_proposal), 4u);
}

TEST(Malice, proposal_claims_missing_chunk) {
  const NetworkOptions options{.inputs = 5};
  const Member leader = leader_of(options), victim = (leader + 1) % 5, silent = (leader + 2) % 5;
  Network network(options);
  change_proposal(network, leader, first_of(5), [](ProposeBody& p) { p.decision.inputs = first_of(5); });
  const auto lie = network.hook;
  network.hook = [=](Member from, Member to, Bytes& packet) {
    if (from == silent && to == victim && is(packet, PacketType::chunk)) return false;
    return lie(from, to, packet);
  };
  network.run();
  network.check_safety();
  EXPECT_GE(network.session(victim).dropped(DropReason::bad_proposal), 1u);
  for (const Sent& sent : network.trace()) {
    if (sent.from != victim || sent.type() != PacketType::vote) continue;
    const Packet packet = decoded(sent.packet, network.plan());
    EXPECT_FALSE(contains(std::get<VoteBody>(packet.parsed).parsed.decision.inputs, silent));
  }
}

TEST(Malice, reveal_before_quorum_never) {
  Network network({.inputs = 4});
  network.hook = [](Member, Member to, Bytes& packet) { return !(is(packet, PacketType::vote) && to != 0); };
  network.run();
  network.check_safety();
  std::size_t reveals = 0;
  for (const Sent& sent : network.trace())
    reveals += sent.type() == PacketType::reveal && sent.from != 0 ? 1 : 0;
  EXPECT_EQ(reveals, 0u);
  for (Member i = 1; i < 4; ++i) {
    EXPECT_EQ(network.session(i).outcome().reason, AbortReason::no_quorum);
    EXPECT_FALSE(network.session(i).outcome().retry_safe);
  }
}

TEST(Malice, replay_other_sid) {
  Network earlier({.inputs = 4, .label = "earlier"});
  earlier.run();
  Network network({.inputs = 4, .attempt = 1});
  std::size_t next = 0;
  network.hook = [&](Member, Member, Bytes&) {
    for (int k = 0; k < 2 && next < earlier.trace().size(); ++k, ++next) {
      network.inject(earlier.trace()[next].to, earlier.trace()[next].packet, std::chrono::microseconds(1));
    }
    return true;
  };
  network.run();
  expect_all(network, Phase::complete);
  for (Member i = 0; i < 4; ++i) {
    EXPECT_EQ(network.session(i).outcome().chunks, first_of(4));
    EXPECT_GE(network.session(i).dropped(DropReason::other_session), 10u);
  }
  EXPECT_TRUE(network.caught().empty());
}

/// A CHUNK or SHARE for one member, given to another, must not speak against its honest sender.
TEST(Malice, ReplayToAnotherMemberBlamesNobody) {
  Network network({.inputs = 4});
  network.hook = [&](Member, Member to, Bytes& packet) {
    if (is(packet, PacketType::share) || is(packet, PacketType::chunk)) {
      network.inject((to + 1) % 4, packet, std::chrono::microseconds(1));
    }
    return true;
  };
  network.run();
  expect_all(network, Phase::complete);
  EXPECT_TRUE(network.caught().empty());
  EXPECT_GE(network.session(0).dropped(DropReason::not_for_us), 1u);
}

TEST(Malice, result_equivocation_detected) {
  Network network({.inputs = 5});
  network.hook = [](Member from, Member to, Bytes& packet) {
    if (from == 0 && to <= 2 && is(packet, PacketType::result)) {
      packet = resigned(packet, 0, [](Bytes& body) { body.back() ^= std::byte{1}; });
    }
    return true;
  };
  network.run();
  for (Member i = 0; i < 5; ++i) {
    ASSERT_EQ(network.session(i).phase(), Phase::complete);
    EXPECT_EQ(network.session(i).outcome().chunks, first_of(5) & ~set_of(0)) << "the liar's chunk is dropped";
  }
  EXPECT_GE(network.blames(0, Misdeed::contradiction), 1u) << "two signed sums are proof";
}

TEST(Malice, audit_catches_lying_owner) {
  std::size_t caught = 0;
  for (const int run : {0, 1, 2, 3, 4, 5}) {  // whom a member audits is drawn from its secrets
    const bool covers_up = run % 2 == 1;
    Network network({.inputs = 5, .label = std::to_string(run / 2), .audit_probability = 1});
    network.crash(4, 4 * 4 - 1);  // so that the audit has to take off pairwise masks as well
    network.mask_hook = [](Member member, MaskJob job, Bytes& lanes) {
      if (member == 0 && job == MaskJob::sum) lanes[0] ^= std::byte{1};  // the same lie for everybody
    };
    network.hook = [&](Member from, Member, Bytes& packet) {
      if (covers_up && from == 0 && is(packet, PacketType::audited)) {
        packet = resigned(packet, 0, [](Bytes& body) { body[8] ^= std::byte{1}; });  // its own piece
      }
      return true;
    };
    network.run();
    EXPECT_EQ(network.session(1).phase(), Phase::complete);
    EXPECT_NE(network.session(1).outcome().sums[0],
              network.plain_sum(network.session(1).outcome().decision.inputs, 0))
        << "no vote can notice this";
    std::size_t audits = 0;
    for (const Sent& sent : network.trace())
      audits += sent.type() == PacketType::audit && sent.to == 0 ? 1 : 0;
    caught += audits;
    EXPECT_EQ(network.blames(0, Misdeed::wrong_sum), audits);
    EXPECT_EQ(network.caught().size(), audits) << "and nobody else";
  }
  EXPECT_GE(caught, 2u);
}

TEST(Malice, AuditsOfHonestOwnersBlameNobody) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    Network network({.inputs = 5, .seed = seed, .label = std::to_string(seed), .audit_probability = 1});
    if (seed % 2 == 0) network.crash(4, 4 * 4 - 1);
    network.run();
    network.check_safety();
    EXPECT_EQ(network.count(PacketType::audited), seed % 2 == 0 ? 4u : 5u);
    EXPECT_TRUE(network.caught().empty());
  }
}

TEST(Malice, vote_twice_blamed) {
  const NetworkOptions options{.inputs = 5};
  const Member leader = leader_of(options), twice = (leader + 1) % 5;
  Network network(options);
  network.hook = [&](Member from, Member to, Bytes& packet) {
    if (from != twice || !is(packet, PacketType::vote)) return true;
    network.inject(to, resigned(packet, twice, [&](Bytes& body) {
                     Bytes text = Bytes(body.begin() + 2, body.begin() + 20);
                     text[2] ^= std::byte{1};  // another U, which the leader signs as well
                     Hash256 session;
                     std::copy_n(packet.begin() + 3, 32, session.bytes.begin());
                     const auto signature =
                         test_identity(leader).sign(signed_bytes(PacketType::propose, leader, session, text));
                     std::copy(text.begin(), text.end(), body.begin() + 2);
                     std::copy(signature.begin(), signature.end(), body.begin() + 20);
                   }));
    return true;
  };
  network.run();
  EXPECT_GE(network.blames(twice, Misdeed::contradiction), 3u);
  network.check_safety();
}

TEST(Malice, oversize_and_truncated_bodies) {
  Network honest({.inputs = 4});
  honest.run();
  std::size_t refused = 0;
  for (const Sent& sent : honest.trace()) {
    const std::size_t size = sent.packet.size();
    for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, kEnvelopeBytes - 1, size - 1}) {
      refused +=
          std::holds_alternative<DropReason>(decode_packet(BytesView(sent.packet).first(cut), honest.plan()))
              ? 1u
              : 0u;
    }
    for (const std::size_t more : {1u, 64u, 1u << 20}) {
      Bytes longer = sent.packet;
      longer.resize(size + more);
      refused += std::holds_alternative<DropReason>(decode_packet(longer, honest.plan())) ? 1u : 0u;
    }
  }
  EXPECT_EQ(refused, 7 * honest.trace().size()) << "every length has exactly one right value";
  Network network({.inputs = 4});
  network.hook = [&](Member, Member to, Bytes& packet) {
    Bytes longer = packet;
    longer.push_back(std::byte{0});
    network.inject(to, std::move(longer), std::chrono::microseconds(1));
    network.inject(to, Bytes(packet.begin(), packet.end() - 1), std::chrono::microseconds(1));
    network.inject(to, {}, std::chrono::microseconds(1));
    return true;
  };
  network.run();
  expect_all(network, Phase::complete);
  EXPECT_GE(network.session(0).dropped(DropReason::wrong_length), 10u);
  EXPECT_GE(network.session(0).dropped(DropReason::too_short), 10u);
}

}  // namespace
}  // namespace hansa::protocols::secure_sum
