// Check letters are computed per group and over its number, so that parse_id can say where the error is.
#include "protocols/roster/identity.hpp"

#include "protocols/roster/base32.hpp"
#include "protocols/roster/words.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace hansa::protocols::roster {
namespace {

constexpr std::size_t kDataLetters = 52;  // of 256 bits
constexpr std::size_t kGroupLetters = 7;  // six and their check letter
constexpr std::size_t kGroups = 9;        // the last one has four letters and their check letter
constexpr std::size_t kLetters = kDataLetters + kGroups;

/// In GF(32) = GF(2)[x] / (x^5 + x^2 + 1).
constexpr std::uint8_t times(std::uint8_t a, std::uint8_t b) noexcept {
  unsigned product = 0;
  for (unsigned bit = 0; bit < 5; ++bit) {
    if (b >> bit & 1u) product ^= static_cast<unsigned>(a) << bit;
  }
  for (unsigned bit = 8; bit >= 5; --bit) {
    if (product >> bit & 1u) product ^= 0b100101u << (bit - 5);
  }
  return static_cast<std::uint8_t>(product);
}

/// Weights 2, 3, 4, ... differ from each other, from 0 and from the check letter's own weight 1.
std::uint8_t check_letter(std::span<const std::uint8_t> values, std::size_t group) noexcept {
  auto sum = static_cast<std::uint8_t>(group + 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum = static_cast<std::uint8_t>(sum ^ times(values[i], static_cast<std::uint8_t>(i + 2)));
  }
  return sum;
}

std::size_t group_size(std::size_t group) {
  return std::min(kGroupLetters, kLetters - kGroupLetters * group);
}

std::string with_checks(const Id& id) {
  const std::string data = to_base32(id.hash.bytes);
  HANSA_ASSERT(data.size() == kDataLetters);
  std::string text;
  for (std::size_t group = 0; group < kGroups; ++group) {
    std::vector<std::uint8_t> values;
    for (std::size_t i = 0; i + 1 < group_size(group); ++i) {
      const char letter = data[(kGroupLetters - 1) * group + i];
      values.push_back(*base32_value(letter));
      text.push_back(letter);
    }
    text.push_back(kBase32Letters[check_letter(values, group)]);
  }
  return text;
}

Error broken(std::string message) {
  return {.kind = ErrorKind::usage,
          .message = "this is not an ID: " + std::move(message),
          .hint = "copy the whole ID, as hansa status or the other side prints it"};
}

/// Where the writer separated groups: the first that is not as long as it should be.
Result<void> check_groups(std::string_view text) {
  std::size_t group = 0, letters = 0;
  std::string current;
  const auto flush = [&]() -> Result<void> {
    if (letters == 0) return {};
    if (group < kGroups && letters != group_size(group)) {
      return broken("group " + std::to_string(group + 1) + " (" + current + ") has " +
                    std::to_string(letters) + " letters instead of " + std::to_string(group_size(group)));
    }
    ++group;
    letters = 0;
    current.clear();
    return {};
  };
  for (const char c : text) {
    if (c == '-' || c == ' ') {
      if (auto checked = flush(); !checked) return checked;
    } else {
      ++letters;
      current.push_back(c);
    }
  }
  return flush();
}

}  // namespace

Id id_of(const crypto::PublicKey& key) noexcept { return {crypto::hash("hansa.id.v1", key)}; }

std::string to_text(const Id& id) {
  const std::string letters = with_checks(id);
  std::string text;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (i > 0 && i % kGroupLetters == 0) text.push_back('-');
    text.push_back(letters[i]);
  }
  return text;
}

Result<Id> parse_id(std::string_view text) {
  if (text.size() > 4 * kLetters) return broken("it is far too long");
  std::vector<std::uint8_t> values;
  std::string letters;
  for (const char c : text) {
    if (c == '-' || c == ' ') continue;
    const auto value = base32_value(c);
    if (!value) {
      return broken("group " + std::to_string(values.size() / kGroupLetters + 1) + " has the character '" +
                    std::string(c >= ' ' && c <= '~' ? 1 : 0, c) + "', which IDs do not have");
    }
    values.push_back(*value);
    letters.push_back(kBase32Letters[*value]);
  }
  if (values.size() != kLetters) {
    if (text.find('-') != std::string_view::npos) {
      if (auto checked = check_groups(text); !checked) return checked.error();
    }
    return broken("it has " + std::to_string(values.size()) + " letters instead of " +
                  std::to_string(kLetters));
  }
  std::string data;
  for (std::size_t group = 0; group < kGroups; ++group) {
    const std::size_t at = kGroupLetters * group, size = group_size(group) - 1;
    if (check_letter(std::span(values).subspan(at, size), group) != values[at + size]) {
      return broken("group " + std::to_string(group + 1) + " (" + letters.substr(at, size + 1) +
                    ") has a typing error");
    }
    data += letters.substr(at, size);
  }
  const auto bytes = from_base32(data);
  if (!bytes || bytes->size() != 32) return broken("group 9 has a typing error");
  Id id;
  std::copy(bytes->begin(), bytes->end(), id.hash.bytes.begin());
  return id;
}

std::string short_text(const Id& id) { return with_checks(id).substr(0, kGroupLetters); }

std::string fingerprint(const Id& id) {
  static const std::vector<std::string_view> words = [] {
    std::vector<std::string_view> lines;
    for (std::string_view rest = words_txt; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      if (end > 0) lines.push_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    HANSA_ASSERT(lines.size() == 1024);
    return lines;
  }();
  const crypto::Hash256 hash = crypto::hash("hansa.words.v1", id.hash.bytes);
  std::string text;
  for (std::size_t i = 0; i < kFingerprintWords; ++i) {  // ten bits of each two bytes
    const auto high = std::to_integer<std::size_t>(hash.bytes[2 * i]);
    const auto low = std::to_integer<std::size_t>(hash.bytes[2 * i + 1]);
    if (i > 0) text.push_back(' ');
    text += words[(high << 8 | low) % 1024];
  }
  return text;
}

}  // namespace hansa::protocols::roster
