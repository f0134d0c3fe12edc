// Any bytes at the roster. First byte: which decoder, or 12 and above: a conversation. What a decoder takes
// must encode to the same bytes. In a conversation organisations 1 and 2 of three sign whatever the bytes say
// and their nodes send it to the keeper of organisation 0; no assertion may fire, and its restart must find
// the same roster.
#include "fuzz/require.hpp"
#include "protocols/roster/admission.hpp"
#include "protocols/roster/identity.hpp"
#include "protocols/roster/keeper.hpp"
#include "protocols/roster/source.hpp"
#include "protocols/roster/ticket.hpp"

#include "src/crypto/key_file.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

using hansa::fuzzing::require;

namespace {

using namespace hansa;
using namespace hansa::protocols::roster;

constexpr UnixTime kNow = 1'790'000'000;

crypto::Identity key_of(std::uint8_t number, std::uint8_t kind = 0) {
  crypto::Bytes32 seed{};
  seed[0] = static_cast<std::byte>(number + 1);
  seed[1] = static_cast<std::byte>(kind);
  return crypto::Identity::from_seed(seed);
}

template <class Object>
void same(const Result<Object>& object, BytesView bytes) {
  if (!object) return;
  const Bytes again = encode(*object);
  require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  static_cast<void>(check(*object));
}

void decode(std::uint8_t which, BytesView bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  switch (which) {
    case 0:
      return same(decode_certificate(bytes), bytes);
    case 1:
      return same(decode_rotation(bytes), bytes);
    case 2:
      return same(decode_signed_roster(bytes), bytes);
    case 3:
      return same(decode_vote(bytes), bytes);
    case 4:
      return same(decode_suspension(bytes), bytes);
    case 5:
      return same(decode_departure(bytes), bytes);
    case 6:
      return same(decode_ticket(bytes), bytes);
    case 7:
      return same(decode_request(bytes), bytes);
    case 8:
      return same(decode_rejection(bytes), bytes);
    case 9: {
      const auto id = parse_id(text);
      return require(!id.ok() || parse_id(to_text(*id)).value() == *id);
    }
    case 10: {
      const auto ticket = parse_ticket(text, kNow);
      return require(!ticket.ok() || parse_ticket(to_text(*ticket), kNow).ok());
    }
    default: {
      static_cast<void>(crypto::read_key_file_info(bytes, "fuzz"));
      const auto draft = decode_draft(bytes);
      if (draft) require(encode(*draft) == Bytes(bytes.begin(), bytes.end()));
      same(decode_node_request(bytes), bytes);
      auto admission = decode_admission(bytes);
      same(admission, bytes);
      if (!admission || admission->organisation != key_of(0).public_key()) return;
      sign(*admission, key_of(0));  // a careless organisation signs anything
      const Hash256 id = id_of(admission->organisation).hash;
      static_cast<void>(first_records(*admission, id, admission->node, admission->issued_at));
    }
  }
}

Organisation organisation_of(std::uint8_t number) {
  return {.key = key_of(number).public_key(), .name = "Org " + std::to_string(number)};
}

SignedRoster with_signatures(SignedRoster roster, std::uint8_t mask) {
  for (std::uint8_t i = 0; i < 8; ++i) {
    if ((mask >> i & 1u) != 0) sign(roster, key_of(i));
  }
  return roster;
}

SignedRoster genesis() {
  Roster roster{.name = "fuzz"};
  for (std::uint8_t i = 0; i < 3; ++i) roster.organisations.push_back(organisation_of(i));
  std::sort(roster.organisations.begin(), roster.organisations.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  roster.issued_at = kNow - kDay;
  roster.expires_at = kNow + 80 * kDay;
  return with_signatures(unsigned_roster(roster), 7);
}

NodeCertificate certificate_of(std::uint8_t organisation, std::uint8_t node, std::uint64_t serial) {
  NodeCertificate out{.organisation = key_of(organisation).public_key(),
                      .node = key_of(node, 1).public_key(),
                      .serial = serial,
                      .issued_at = kNow - kDay,
                      .not_after = kNow + kDay};
  sign(out, key_of(organisation));
  return out;
}

class Conversation {
 public:
  Conversation() : keeper_({.node = key_of(0, 1).public_key(), .organisation = key_of(0).public_key()}) {
    const SignedRoster first = genesis();
    disk_[{RecordKind::version, Bytes(first.hash.bytes.begin(), first.hash.bytes.end())}] = encode(first);
    start(keeper_);
    for (std::uint8_t i = 0; i < 3; ++i) say(0, encode(certificate_of(i, i, 1)));
  }

  void run(Source& in) {
    while (!in.failed() && !in.rest().empty()) one(in);
    const RosterHint before = keeper_.hint();
    RosterKeeper again({.node = key_of(0, 1).public_key(), .organisation = key_of(0).public_key()});
    start(again);
    require(again.hint() == before);
    require(again.chain().fork().has_value() == keeper_.chain().fork().has_value());
  }

 private:
  void start(RosterKeeper& keeper) {
    std::vector<Record> records;
    for (const auto& [where, value] : disk_) records.push_back({where.first, where.second, value});
    KeeperEffects out;
    require(keeper.start(records, now_, out).ok());
    perform(out);
  }
  void perform(KeeperEffects& effects) {
    require(effects.size() < 10'000);
    for (KeeperEffect& effect : effects) {
      if (auto* tell = std::get_if<Tell>(&effect)) require(tell->message.size() <= kRosterBytesMax);
      auto* persisted = std::get_if<PersistRecord>(&effect);
      if (persisted == nullptr) continue;
      const auto where = std::pair(persisted->record.kind, persisted->record.key);
      if (persisted->record.value.empty()) {
        disk_.erase(where);
      } else {
        disk_[where] = persisted->record.value;
      }
    }
  }
  void say(std::uint8_t node, const Bytes& message) {
    KeeperEffects out;
    keeper_.on_message(key_of(node, 1).public_key(), message, now_, out);
    perform(out);
  }
  [[nodiscard]] SignedRoster version(Source& in) {
    const SignedRoster* base = keeper_.chain().at(1 + in.u8("base") % keeper_.hint().version);
    Roster next = base->roster;
    next.consortium = keeper_.chain().consortium();
    next.version += in.u8("skip") % 8 == 7 ? 2 : 1;
    next.previous = base->hash;
    next.settles.clear();
    next.issued_at += in.u8("later");
    next.expires_at = next.issued_at + kDay;
    const std::uint8_t members = in.u8("members");
    next.organisations.clear();
    for (std::uint8_t i = 0; i < 5; ++i) {
      if ((members >> i & 1u) != 0 || i == 1) next.organisations.push_back(organisation_of(i));
    }
    std::sort(next.organisations.begin(), next.organisations.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
    if ((members & 128u) != 0) {
      for (const SignedRoster* side : keeper_.chain().evidence()) next.settles.push_back(side->hash);
      std::sort(next.settles.begin(), next.settles.end());
      if (next.settles.size() > kBranchesMax) next.settles.resize(kBranchesMax);
    }
    return with_signatures(unsigned_roster(next), static_cast<std::uint8_t>(in.u8("signers") & 30u));
  }
  void one(Source& in) {
    const std::uint8_t what = in.u8("what") % 10, node = 1 + in.u8("node") % 3;
    KeeperEffects out;
    if (what == 0) {
      const BytesView raw = in.take(std::min<std::size_t>(in.u16("size"), in.rest().size()), "raw");
      say(node, Bytes(raw.begin(), raw.end()));
    } else if (what == 1) {
      say(node, encode(version(in)));
    } else if (what == 2) {
      SignedRoster proposal = version(in);
      proposal = with_signatures(unsigned_roster(proposal.roster), 2);
      say(node, encode(proposal, Kind::proposal));
    } else if (what == 3 || what == 4) {
      const auto open = keeper_.proposals();
      if (open.empty()) return;
      const Hash256 hash = open[in.u8("which") % open.size()].hash;
      if (what == 3) {
        const std::uint8_t by = 1 + in.u8("by") % 4;
        Vote vote{keeper_.chain().consortium(), hash, key_of(by).public_key(), in.u8("yes") % 2 == 0, {}};
        sign(vote, key_of(by));
        say(node, encode(vote));
      } else {
        static_cast<void>(in.u8("yes") % 2 == 0 ? keeper_.approve(hash, key_of(0), now_, out)
                                                : keeper_.reject(hash, key_of(0), now_, out));
      }
    } else if (what == 5) {
      Suspension demand{.consortium = keeper_.chain().consortium(),
                        .subject = key_of(in.u8("subject") % 4).public_key(),
                        .accuser = key_of(node).public_key(),
                        .renewal = in.u8("renewal") % 2 == 1,
                        .issued_at = now_ - in.u16("ago"),
                        .reason = "fuzz"};
      if (demand.subject == demand.accuser) return;
      sign(demand, key_of(node));
      say(node, encode(demand));
    } else if (what == 6) {
      say(node, encode(certificate_of(1 + node % 2, in.u8("new node"), 1 + in.u8("serial"))));
    } else if (what == 7) {
      now_ += in.u16("seconds") * UnixTime{60};
      keeper_.on_tick(now_, out);
    } else if (what == 8) {
      Departure departure{.consortium = keeper_.chain().consortium(),
                          .organisation = key_of(node).public_key(),
                          .issued_at = now_};
      sign(departure, key_of(node));
      say(node, encode(departure));
    } else {
      static_cast<void>(keeper_.propose(keeper_.draft(now_), key_of(0), now_, out));
    }
    perform(out);
    static_cast<void>(keeper_.allowed_nodes(now_));
    static_cast<void>(keeper_.may_start_rounds(now_));
  }

  UnixTime now_ = kNow;
  RosterKeeper keeper_;
  std::map<std::pair<RecordKind, Bytes>, Bytes> disk_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
  if (data[0] < 12) {
    decode(data[0], bytes);
  } else if (bytes.size() <= 512) {
    Source in(bytes, "script");
    Conversation().run(in);
  }
  return 0;
}
