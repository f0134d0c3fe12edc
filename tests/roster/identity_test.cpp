// IDs: every single wrong letter and every swap of neighbours is found and placed; the word list keeps its
// promises.
#include "protocols/roster/identity.hpp"

#include "protocols/roster/base32.hpp"
#include "protocols/roster/words.hpp"

#include <hansa/rng.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace hansa::protocols::roster {
namespace {

using ::testing::HasSubstr;

crypto::PublicKey key_number(std::uint64_t number) {
  Rng rng(number, Purpose::test);
  crypto::PublicKey key{};
  for (std::byte& byte : key) byte = static_cast<std::byte>(rng.below(256));
  return key;
}

TEST(Base32, GivesTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "MY"},
                                                         {"fo", "MZXQ"},
                                                         {"foo", "MZXW6"},
                                                         {"foob", "MZXW6YQ"},
                                                         {"fooba", "MZXW6YTB"},
                                                         {"foobar", "MZXW6YTBOI"}};
  for (const auto& [plain, text] : vectors) {
    const auto bytes = std::as_bytes(std::span(plain, std::string_view(plain).size()));
    EXPECT_EQ(to_base32(bytes), text);
    const auto back = from_base32(text);
    ASSERT_TRUE(back.has_value()) << text;
    EXPECT_TRUE(std::equal(back->begin(), back->end(), bytes.begin(), bytes.end()));
  }
  for (const char* bad : {"M", "MZX", "MZ=", "MB", "M!", "MZXW6YQA-"}) EXPECT_FALSE(from_base32(bad)) << bad;
}

TEST(Id, HasNineGroupsAndReadsBack) {
  for (std::uint64_t i = 0; i < 200; ++i) {
    const Id id = id_of(key_number(i));
    const std::string text = to_text(id);
    EXPECT_EQ(text.size(), 61u + 8u);
    EXPECT_EQ(text.substr(0, 7), short_text(id));
    const auto back = parse_id(text);
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(*back, id);
    std::string sloppy;
    for (const char c : text) {
      if (c != '-') sloppy += static_cast<char>(std::tolower(c));
    }
    std::replace(sloppy.begin(), sloppy.end(), 'o', '0');
    std::replace(sloppy.begin(), sloppy.end(), 'b', '8');
    EXPECT_EQ(parse_id(sloppy).value(), id);
  }
}

// Computed from docs/wire-format.md by other means. Operators write IDs down: they must never change.
TEST(Id, IsWhatItHasAlwaysBeen) {
  const Id id = id_of(crypto::PublicKey{});
  EXPECT_EQ(to_text(id), "RK34REN-TIME6QJ-WO3GPWP-OZKKVIQ-IPALU25-GG25OF3-LW5O7AO-T3R7ZCT-KARQJ");
  EXPECT_EQ(fingerprint(id), "secret clever joker crane actor tide");
}

TEST(IdProperty, EverySingleTypoIsFoundInItsGroup) {
  for (std::uint64_t i = 0; i < 12; ++i) {
    const std::string text = to_text(id_of(key_number(i)));
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '-') continue;
      for (const char letter : kBase32Letters) {
        if (letter == text[at]) continue;
        std::string typo = text;
        typo[at] = letter;
        const auto parsed = parse_id(typo);
        ASSERT_FALSE(parsed.ok()) << typo;
        EXPECT_THAT(parsed.error().message, HasSubstr("group " + std::to_string(at / 8 + 1) + " ")) << typo;
      }
    }
  }
}

TEST(IdProperty, EverySwapOfNeighboursIsFound) {
  for (std::uint64_t i = 0; i < 100; ++i) {
    std::string letters = to_text(id_of(key_number(i)));
    std::erase(letters, '-');
    for (std::size_t at = 0; at + 1 < letters.size(); ++at) {
      if (letters[at] == letters[at + 1]) continue;
      std::string typo = letters;
      std::swap(typo[at], typo[at + 1]);
      EXPECT_FALSE(parse_id(typo).ok()) << typo << " at " << at;
    }
  }
}

TEST(IdProperty, SwappedAndMissingGroupsAreFound) {
  for (std::uint64_t i = 0; i < 50; ++i) {
    const std::string text = to_text(id_of(key_number(i)));
    for (std::size_t a = 0; a < 8; ++a) {
      for (std::size_t b = a + 1; b < 8; ++b) {
        std::string typo = text;
        std::swap_ranges(typo.begin() + 8 * a, typo.begin() + 8 * a + 7, typo.begin() + 8 * b);
        EXPECT_TRUE(typo == text || !parse_id(typo).ok()) << typo;
      }
      EXPECT_FALSE(parse_id(text.substr(0, 8 * a) + text.substr(8 * a + 8)).ok());
    }
  }
}

TEST(Id, ErrorsSayWhatAndWhere) {
  const std::string text = to_text(id_of(key_number(1)));
  const auto message = [](std::string_view broken) { return parse_id(broken).error().message; };
  std::string shorter = text;
  shorter.erase(17, 1);
  EXPECT_THAT(message(shorter),
              HasSubstr("group 3 (" + shorter.substr(16, 6) + ") has 6 letters instead of 7"));
  std::string odd = text;
  odd[9] = '$';
  EXPECT_THAT(message(odd), HasSubstr("group 2 has the character '$'"));
  EXPECT_THAT(message(""), HasSubstr("0 letters instead of 61"));
  EXPECT_THAT(message(std::string(100000, 'A')), HasSubstr("too long"));
}

TEST(Fingerprint, HasSixWordsOfTheListAndDiffersForOtherKeys) {
  std::set<std::string> seen;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const std::string words = fingerprint(key_number(i));
    EXPECT_EQ(std::count(words.begin(), words.end(), ' '), 5);
    EXPECT_TRUE(seen.insert(words).second);
  }
}

bool one_typo_apart(const std::string& a, const std::string& b) {
  if (a.size() == b.size()) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] != b[i]) places.push_back(i);
    }
    if (places.size() <= 1) return true;
    return places.size() == 2 && places[1] == places[0] + 1 && a[places[0]] == b[places[1]] &&
           a[places[1]] == b[places[0]];
  }
  const std::string &shorter = a.size() < b.size() ? a : b, &longer = a.size() < b.size() ? b : a;
  if (longer.size() != shorter.size() + 1) return false;
  for (std::size_t i = 0; i < longer.size(); ++i) {
    if (longer.substr(0, i) + longer.substr(i + 1) == shorter) return true;
  }
  return false;
}

TEST(Words, KeepTheirPromises) {
  std::vector<std::string> words;
  std::istringstream lines{std::string(words_txt)};
  for (std::string word; lines >> word;) words.push_back(word);
  ASSERT_EQ(words.size(), 1024u) << "six words must be 60 bits";
  EXPECT_TRUE(std::is_sorted(words.begin(), words.end()));
  std::set<std::string> heads;
  for (std::size_t i = 0; i < words.size(); ++i) {
    EXPECT_TRUE(words[i].size() >= 4 && words[i].size() <= 9) << words[i];
    EXPECT_TRUE(std::all_of(words[i].begin(), words[i].end(), [](char c) { return c >= 'a' && c <= 'z'; }));
    EXPECT_TRUE(heads.insert(words[i].substr(0, 4)).second) << words[i];
    for (std::size_t j = 0; j < i; ++j)
      EXPECT_FALSE(one_typo_apart(words[i], words[j])) << words[i] << " " << words[j];
  }
}

}  // namespace
}  // namespace hansa::protocols::roster
