// What actors send each other holds keys and masked vectors. If it is ever printed, by a tracing scheduler, a
// dead letter or a careless log line, no secret may show.
#include "actors/messages.hpp"
#include "tests/crypto/secret_scan.hpp"

#include <gtest/gtest.h>
#include <caf/all.hpp>

#include <string>
#include <vector>

namespace hansa::actors {
namespace {

crypto::Secret32 secret() {
  crypto::Secret32 out;
  for (std::size_t i = 0; i < 32; ++i) out.bytes()[i] = static_cast<std::byte>(91 + 57 * i);
  return out;
}

TEST(Secrets, PrintedActorMessagesShowNone) {
  crypto::testing::SecretScan scan;
  const crypto::Secret32 key = secret();
  scan.add(key.bytes());
  const std::vector<std::byte> bytes(key.bytes().begin(), key.bytes().end());
  protocols::secure_sum::MaskTask masks;
  masks.terms.push_back({key, false});
  masks.lanes = bytes;
  exec::Performed performed;
  performed.computed.lanes = bytes;
  const auto shared = std::make_shared<const std::vector<std::byte>>(bytes);
  const std::vector<caf::message> messages = {
      caf::make_message(Work{PartyId{1}, 2, protocols::ApplyMasks{masks}}),
      caf::make_message(Done{2, performed, Duration{1}}),
      caf::make_message(Delivery{PartyId{1}, protocols::SecurePacketMessage{0, 0, shared}}),
      caf::make_message(Frame{PartyId{1}, shared}),
  };
  for (const caf::message& message : messages) {
    const std::string printed = to_string(message);
    EXPECT_FALSE(printed.empty());
    EXPECT_EQ(scan.find(printed), "") << printed;
  }
  const std::string plain(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_NE(scan.find(to_string(caf::make_message(plain))), "") << "a string is printed, and found";
}

}  // namespace
}  // namespace hansa::actors
