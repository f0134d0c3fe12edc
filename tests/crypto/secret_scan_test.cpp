// The scanner finds what it is for, and secrets have no way into a stream or a format string by accident.
#include "tests/crypto/secret_scan.hpp"

#include "src/crypto/channel.hpp"
#include "src/crypto/group.hpp"
#include "src/crypto/hash.hpp"
#include "src/crypto/identity.hpp"
#include "src/crypto/mask.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <gtest/gtest.h>

#include <array>
#include <cctype>
#include <ostream>
#include <string>

namespace hansa::crypto {
namespace {

std::string base64(std::string_view bytes, std::string_view last = "+/") {
  const std::string digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + std::string(last);
  std::string text;
  for (std::size_t at = 0; at + 3 <= bytes.size(); at += 3) {
    const auto part = [&](std::size_t i) {
      return static_cast<unsigned>(static_cast<unsigned char>(bytes[at + i]));
    };
    const unsigned word = part(0) << 16 | part(1) << 8 | part(2);
    for (const unsigned shift : {18U, 12U, 6U, 0U}) text += digits[word >> shift & 63];
  }
  return text;
}

TEST(SecretScan, FindsAnyEightBytesInEveryWriting) {
  Secret32 secret;
  for (std::size_t i = 0; i < 32; ++i) secret.bytes()[i] = static_cast<std::byte>(200 + 37 * i);
  testing::SecretScan scan;
  scan.add(secret.bytes());
  EXPECT_EQ(scan.size(), 25U);
  for (std::size_t begin = 0; begin + 8 <= 32; ++begin) {
    const auto part = secret.bytes().subspan(begin, 8);
    const std::string raw(reinterpret_cast<const char*>(part.data()), part.size());
    std::string hex = to_hex(part), upper = hex;
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    for (const std::string before : {"", "x", "12", "\"key\": \""}) {
      EXPECT_NE(scan.find(before + raw + "rest"), "") << begin;
      EXPECT_NE(scan.find(before + hex + "."), "") << begin << before;
      EXPECT_NE(scan.find(before + upper), "") << begin << before;
      for (const std::string lead : {"", "a", "bc"}) {
        EXPECT_NE(scan.find("= " + base64(lead + raw + "zzz")), "") << begin << lead;
        EXPECT_NE(scan.find("= " + base64(lead + raw + "zzz", "-_")), "") << begin << lead;
      }
    }
    EXPECT_EQ(scan.find(hex.substr(2) + " " + raw.substr(1)), "") << "seven bytes are no proof";
  }
  EXPECT_EQ(scan.find("0123456789abcdef0123456789abcdef"), "");
}

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
}
|| fmt::is_formattable<T>::value;

static_assert(Printable<std::string>);
static_assert(!Printable<Secret32> && !Printable<Secret<64>> && !Printable<Scalar> && !Printable<Identity>);
static_assert(!Printable<ExchangeKey> && !Printable<ChannelKeys> && !Printable<MaskTerm>);

}  // namespace
}  // namespace hansa::crypto
