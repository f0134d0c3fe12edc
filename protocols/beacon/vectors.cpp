// A whole ceremony played in one place: what is printed is what its members said, and all of them ended with
// the beacon that is printed.
#include "protocols/beacon/vectors.hpp"

#include "protocols/beacon/ceremony.hpp"
#include "protocols/secure_sum/vectors.hpp"
#include "topology/permutation.hpp"

#include <hansa/assert.hpp>

#include <deque>
#include <memory>

namespace hansa::protocols::beacon {
namespace {

using crypto::to_hex;

/// Members whose secrets everybody knows, and what the first of them said.
class Toy {
 public:
  explicit Toy(const VectorSizes& sizes) {
    plan.manifest = crypto::hash("hansa1/manifest", Writer().u64(0).bytes());
    plan.colluders = default_colluders(sizes.members);
    for (std::size_t i = 0; i < sizes.members; ++i) {
      Bytes32 seed{};
      seed[0] = static_cast<std::byte>(i + 1);
      seed[1] = static_cast<std::byte>((i + 1) >> 8);
      identities.push_back(crypto::Identity::from_seed(seed));
      plan.roster.push_back(identities.back().public_key());
    }
    for (std::size_t i = 0; i < sizes.members; ++i) {
      const auto member = static_cast<Member>(i);
      entropies.push_back(std::make_unique<secure_sum::LabelledEntropy>(sizes.seed_label, member));
      members.push_back(std::make_unique<Ceremony>(plan, member, identities[i], *entropies[i]));
    }
  }

  void play() {
    for (Member i = 0; i < members.size(); ++i) {
      CeremonyEffects effects;
      members[i]->start(Time{0}, effects);
      queue(i, effects);
    }
    while (!network.empty()) {
      const SendPacket next = network.front();
      network.pop_front();
      CeremonyEffects effects;
      members[next.to]->on_packet(*next.packet, Time{0}, effects);
      queue(next.to, effects);
    }
  }

  CeremonyPlan plan;
  std::vector<crypto::Identity> identities;
  std::vector<std::unique_ptr<secure_sum::LabelledEntropy>> entropies;
  std::vector<std::unique_ptr<Ceremony>> members;
  std::vector<Packet> said;  ///< by member 0 to member 1: COMMIT, REVEAL, VOTE
  std::vector<std::shared_ptr<const Bytes>> packets;
  std::deque<SendPacket> network;

 private:
  void queue(Member from, const CeremonyEffects& effects) {
    for (const CeremonyEffect& effect : effects) {
      const auto* sending = std::get_if<SendPacket>(&effect);
      if (sending == nullptr) continue;
      network.push_back(*sending);
      if (from != 0 || sending->to != 1) continue;
      packets.push_back(sending->packet);
      said.push_back(std::get<Packet>(decode_packet(*packets.back(), plan.roster.size())));
    }
  }
};

std::string line(std::string name, const std::string& value) {
  name.resize(std::max<std::size_t>(name.size(), 8), ' ');
  return name + " " + value + "\n";
}

}  // namespace

Result<std::string> known_answers(const VectorSizes& sizes) {
  if (sizes.members < 3 || sizes.members > kMembersMax) {
    return Error{ErrorKind::usage, "there can be 3 to " + std::to_string(kMembersMax) + " members", ""};
  }
  Toy toy(sizes);
  toy.play();
  const Outcome& outcome = toy.members.front()->outcome();
  std::string out = line("manifest", toy.plan.manifest.hex()) + line("ceremony", ceremony_id(toy.plan).hex());
  std::vector<Revealed> revealed;
  for (std::size_t i = 0; i < sizes.members; ++i) {
    HANSA_ASSERT(toy.members[i]->phase() == CeremonyPhase::drawn);
    HANSA_ASSERT(toy.members[i]->outcome().beacon == outcome.beacon);
    const auto member = static_cast<Member>(i);
    Revealed one{member, {}};
    secure_sum::LabelledEntropy(sizes.seed_label, member).fill(one.randomness);
    revealed.push_back(one);
    const Hash256 commitment = commitment_of(toy.plan.manifest, 0, member, one.randomness);
    out += line("key_" + std::to_string(i), to_hex(toy.plan.roster[i]));
    out += line("rand_" + std::to_string(i), to_hex(one.randomness));
    out += line("comm_" + std::to_string(i), commitment.hex());
  }
  HANSA_ASSERT(beacon_of(toy.plan.manifest, revealed) == outcome.beacon);
  HANSA_ASSERT(toy.said.size() == 3);
  out += line("session", std::get<RevealBody>(toy.said[1].parsed).session.hex());
  out += line("beacon", outcome.beacon.hex());
  out += line("COMMIT_0", to_hex(*toy.packets[0]));
  out += line("REVEAL_0", to_hex(*toy.packets[1]));
  out += line("VOTE_0", to_hex(*toy.packets[2]));
  const std::uint64_t key = cohort_key(outcome.beacon, 0);
  const topology::Permutation order(key, static_cast<std::uint32_t>(sizes.members));
  std::string members;
  for (std::uint32_t place = 0; place < sizes.members; ++place) {
    members += (place == 0 ? "" : " ") + std::to_string(order.inverse(place));
  }
  return out + line("key r0", std::to_string(key)) + line("order r0", members);
}

}  // namespace hansa::protocols::beacon
