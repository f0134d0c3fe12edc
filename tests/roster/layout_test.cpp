// Bytes: what is encoded decodes to the same, one object has one encoding, any cut or changed byte is
// noticed, and a signature serves one kind of object only.
#include "protocols/roster/layout.hpp"

#include "protocols/roster/ticket.hpp"
#include "tests/roster/support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace hansa::protocols::roster {
namespace {

using ::testing::HasSubstr;

Ticket ticket_by(std::uint8_t inviter) {
  Ticket out{
      .consortium = genesis_of({0, 1, 2}).hash,
      .version = 1,
      .roster = genesis_of({0, 1, 2}).hash,
      .name = "delay-model",
      .inviter = identity_number(inviter).public_key(),
      .inviter_name = organisation_number(inviter).name,
      .bootstrap = {{identity_number(0, 1).public_key(), curve_number(0).public_key(), "a.example:7717"},
                    {identity_number(1, 1).public_key(), curve_number(1).public_key(), "[2001:db8::1]:7"}},
      .issued_at = kNow,
      .expires_at = kNow + kTicketLifetime};
  out.token[3] = std::byte{7};
  sign(out, identity_number(inviter));
  return out;
}

JoinRequest request_by(std::uint8_t joiner) {
  JoinRequest out{.ticket = ticket_by(0),
                  .organisation = identity_number(joiner).public_key(),
                  .name = "Carib Air",
                  .certificates = {certificate_of(joiner, 9, 1), certificate_of(joiner, 10, 2)},
                  .created_at = kNow + 5};
  sign(out, identity_number(joiner));
  return out;
}

SignedRoster full_roster() {
  SignedRoster roster = next_of(genesis_of({0, 1, 2}), {0, 1, 2, 3});
  Roster body = roster.roster;
  body.revoked = {identity_number(20).public_key(), identity_number(21).public_key()};
  std::sort(body.revoked.begin(), body.revoked.end());
  body.features = {"bulk-v2", "robust"};
  body.settles = {Hash256{}, roster.hash};
  return signed_by(unsigned_roster(body), {0, 1, 2, 3});
}

struct Sample {
  const char* name;
  Bytes bytes;
  /// Decodes, checks the signature, encodes again.
  std::function<Result<Bytes>(BytesView)> decode;
};

template <class Decode>
Sample sample(const char* name, Bytes bytes, Decode decode) {
  return {name, std::move(bytes), [decode](BytesView in) -> Result<Bytes> {
            auto object = decode(in);
            if (!object) return object.error();
            if (!check(*object)) return Error{.message = "signature"};
            return encode(*object);
          }};
}

std::vector<Sample> samples() {
  CurveRotation rotation{.node = identity_number(1, 1).public_key(),
                         .curve = curve_number(1, 2).public_key(),
                         .previous_curve = curve_number(1).public_key(),
                         .issued_at = kNow};
  sign(rotation, identity_number(1, 1));
  Vote yes{.consortium = genesis_of({0}).hash,
           .roster = full_roster().hash,
           .organisation = identity_number(2).public_key()};
  sign(yes, identity_number(2));
  Vote no = yes;
  no.approve = false;
  sign(no, identity_number(2));
  Suspension suspension{.consortium = genesis_of({0}).hash,
                        .subject = identity_number(1).public_key(),
                        .accuser = identity_number(0).public_key(),
                        .issued_at = kNow,
                        .reason = "sent two models in round 7"};
  sign(suspension, identity_number(0));
  Departure departure{
      .consortium = genesis_of({0}).hash, .organisation = identity_number(0).public_key(), .issued_at = kNow};
  sign(departure, identity_number(0));
  RequestRejection rejection{.consortium = genesis_of({0}).hash,
                             .organisation = identity_number(0).public_key()};
  sign(rejection, identity_number(0));
  return {sample("certificate", encode(certificate_of(1, 5, 3)), decode_certificate),
          sample("rotation", encode(rotation), decode_rotation),
          sample("roster", encode(full_roster()), [](BytesView in) { return decode_signed_roster(in); }),
          sample("approval", encode(yes), decode_vote),
          sample("rejection of a roster", encode(no), decode_vote),
          sample("suspension", encode(suspension), decode_suspension),
          sample("departure", encode(departure), decode_departure),
          sample("ticket", encode(ticket_by(0)), decode_ticket),
          sample("request", encode(request_by(4)), decode_request),
          sample("rejection of a request", encode(rejection), decode_rejection)};
}

TEST(Layout, RoundTripsByteForByte) {
  for (const Sample& sample : samples()) {
    const auto again = sample.decode(sample.bytes);
    ASSERT_TRUE(again.ok()) << sample.name << ": " << again.error().message;
    EXPECT_EQ(*again, sample.bytes) << sample.name;
  }
}

TEST(Layout, EveryPrefixAndEveryExtraByteIsRefused) {
  for (const Sample& sample : samples()) {
    for (std::size_t size = 0; size < sample.bytes.size(); ++size) {
      EXPECT_FALSE(sample.decode(BytesView(sample.bytes).first(size)).ok()) << sample.name << " " << size;
    }
    Bytes longer = sample.bytes;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(sample.decode(longer).ok()) << sample.name;
  }
}

TEST(Layout, EveryChangedBitIsRefused) {
  for (const Sample& sample : samples()) {
    for (std::size_t bit = 0; bit < 8 * sample.bytes.size();
         bit += 3) {  // every byte, each of its bits in turn
      Bytes changed = sample.bytes;
      changed[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      EXPECT_FALSE(sample.decode(changed).ok()) << sample.name << ", byte " << bit / 8;
    }
  }
}

/// S + L is as good as S to a careless verifier: the signature equation only knows scalars modulo L.
TEST(Layout, MalleatedSignaturesAreRefused) {
  constexpr unsigned char kOrder[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                        0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                        0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  NodeCertificate certificate = certificate_of(1, 5, 3);
  ASSERT_TRUE(check(certificate));
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += std::to_integer<unsigned>(certificate.signature[32 + i]) + kOrder[i];
    certificate.signature[32 + i] = static_cast<std::byte>(carry & 255u);
    carry >>= 8;
  }
  ASSERT_EQ(carry, 0u);
  EXPECT_FALSE(check(certificate));
  // A key of order 1 verifies anything for verifiers that do not look.
  NodeCertificate weak = certificate_of(1, 5, 3);
  weak.organisation = {};
  weak.organisation[0] = std::byte{1};
  weak.signature = {};
  weak.signature[0] = std::byte{1};
  EXPECT_FALSE(check(weak));
}

TEST(Layout, ASignatureServesOneKindOfObject) {
  const SignedRoster roster = full_roster();
  Vote vote{.consortium = consortium_of(roster),
            .roster = roster.hash,
            .organisation = identity_number(0).public_key(),
            .approve = false};
  sign(vote, identity_number(0));
  vote.approve = true;
  EXPECT_FALSE(check(vote)) << "a rejection became an approval";
  sign(vote, identity_number(0));
  EXPECT_EQ(vote.signature,
            roster.signatures[0].organisation == vote.organisation
                ? roster.signatures[0].signature
                : std::find_if(roster.signatures.begin(), roster.signatures.end(),
                               [&](const auto& s) { return s.organisation == vote.organisation; })
                      ->signature)
      << "an approval is the roster's signature";
  vote.consortium = Hash256{};
  EXPECT_FALSE(check(vote)) << "it passed for another consortium";
}

TEST(Layout, ListsMustAscend) {
  const SignedRoster roster = full_roster();
  SignedRoster twice = roster;
  twice.signatures[1] = twice.signatures[0];
  EXPECT_THAT(decode_signed_roster(encode(twice)).error().message, HasSubstr("order of signatures"));
  Bytes body = roster.body;
  Roster swapped = roster.roster;
  std::swap(swapped.organisations[0].key, swapped.organisations[1].key);
  const auto at = [&](const PublicKey& key) {
    return std::search(body.begin(), body.end(), key.begin(), key.end());
  };
  const auto a = at(roster.roster.organisations[0].key), b = at(roster.roster.organisations[1].key);
  std::swap_ranges(a, a + 32, b);
  EXPECT_THAT(decode_body(body).error().message, HasSubstr("order of organisations"));
}

TEST(Layout, LimitsHold) {
  Roster big = genesis_of({0}).roster;
  big.organisations.clear();
  for (std::uint8_t i = 0; i < kOrganisationsMax; ++i) {
    big.organisations.push_back(
        {.key = identity_number(i).public_key(), .name = std::string(kNameBytesMax, 'x'), .max_nodes = 8});
  }
  std::sort(big.organisations.begin(), big.organisations.end(),
            [](auto& x, auto& y) { return x.key < y.key; });
  EXPECT_TRUE(decode_body(encode_body(big)).ok());
  big.organisations[0].max_nodes = 9;
  EXPECT_FALSE(decode_body(encode_body(big)).ok()) << "513 nodes";
  Roster late = genesis_of({0}).roster;
  late.expires_at = late.issued_at + kRosterLifetime + 1;
  EXPECT_FALSE(decode_body(encode_body(late)).ok());
  EXPECT_FALSE(decode_signed_roster(Bytes(kRosterBytesMax + 1)).ok());
}

TEST(Layout, NamesAndEndpointsAreChecked) {
  for (const char* good : {"Alfa Air", "Zürich Übersee", "日本", "a"}) EXPECT_TRUE(is_name(good)) << good;
  for (const char* bad : {"", " a", "a ", "a\nb", "\x1b[31m", "a\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80",
                          "evil\xE2\x80\xAEname", "a\xE2\x80\x8B", "\xC3"}) {
    EXPECT_FALSE(is_name(bad)) << bad;
  }
  for (const char* good :
       {"fl.alfa.example:7717", "10.0.0.1:1", "[::1]:65535", "[2001:db8::7]:7717", "a_b-c:80"}) {
    EXPECT_TRUE(is_endpoint(good)) << good;
  }
  for (const char* bad : {"", "host", ":1", "host:", "host:0", "host:65536", "host:07", "ho st:1",
                          "tcp://h:1", "::1:80", "[::1]", "[zz]:1", "h:1:2", "host:1x"}) {
    EXPECT_FALSE(is_endpoint(bad)) << bad;
  }
  EXPECT_FALSE(is_endpoint(std::string(200, 'a') + ":1"));
}

TEST(Ticket, GoesThroughText) {
  const Ticket ticket = ticket_by(0);
  const std::string text = to_text(ticket);
  EXPECT_TRUE(text.starts_with("hansa1:join:"));
  const auto parsed = parse_ticket(text, kNow + 1);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(encode(*parsed), encode(ticket));
  std::string wrapped;
  for (std::size_t i = 0; i < text.size(); ++i) {
    wrapped.push_back(static_cast<char>(i > 20 ? std::tolower(text[i]) : text[i]));
    if (i % 60 == 59) wrapped += "\r\n";
  }
  EXPECT_TRUE(parse_ticket(wrapped, kNow + 1).ok());
}

TEST(Ticket, ExpiredForgedAndDamagedOnesAreRefusedByName) {
  const Ticket ticket = ticket_by(0);
  const std::string text = to_text(ticket);
  const auto message = [](std::string_view t, UnixTime now) { return parse_ticket(t, now).error().message; };
  EXPECT_THAT(message(text, kNow + kTicketLifetime + 2 * kHour), HasSubstr("expired 2 hours ago"));
  EXPECT_THAT(message(text, kNow - kDay), HasSubstr("ahead of this machine's clock"));
  EXPECT_THAT(message(text.substr(0, text.size() - 8), kNow), HasSubstr("damaged"));
  EXPECT_THAT(message("https://example.org", kNow), HasSubstr("does not begin"));
  for (std::size_t at = kTicketScheme.size(); at < text.size(); ++at) {
    std::string typo = text;
    typo[at] = typo[at] == 'A' ? 'C' : 'A';
    EXPECT_THAT(message(typo, kNow), HasSubstr("damaged")) << at;
  }
  Ticket forged = ticket;
  forged.expires_at += kDay;
  EXPECT_THAT(message(to_text(forged), kNow), HasSubstr("not signed by its inviter"));
}

}  // namespace
}  // namespace hansa::protocols::roster
