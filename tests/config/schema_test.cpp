// Properties over the whole schema: whatever key is added there is checked here without a new test.
#include "src/config/schema.hpp"

#include "src/config/check.hpp"

#include <hansa/rng.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace hansa::config {
namespace {

std::string random_name(const Key& key, Rng& rng) {
  const auto list = key.choice_list();
  return std::string(list[rng.below(list.size())].name);
}

std::string random_text(Rng& rng) {
  static constexpr std::string_view kLetters = "ab/ .\"\\\n\t#=[]{}'\x01\x7f\xc3\xa9";
  std::string text;
  const std::uint64_t length = rng.below(12);
  for (std::uint64_t i = 0; i < length; ++i) {
    const char letter = kLetters[rng.below(kLetters.size() - 2)];
    text += letter;
  }
  return rng.below(4) == 0 ? text + "\xc3\xa9" : text;  // e with an accent, in UTF-8
}

std::int64_t random_integer(const Key& key, Rng& rng) {
  if (key.integer_doubles) {
    std::int64_t value = key.integer_min;
    while (value < key.integer_max && rng.below(2) == 0) value *= 2;
    return value;
  }
  switch (rng.below(4)) {
    case 0:
      return key.integer_min;
    case 1:
      return key.integer_max;
    default: {
      const auto width =
          static_cast<std::uint64_t>(key.integer_max) - static_cast<std::uint64_t>(key.integer_min);
      return key.integer_min + static_cast<std::int64_t>(rng.below(width));
    }
  }
}

double random_real(const Key& key, Rng& rng) {
  if (rng.below(4) == 0 && !key.real_max_excluded) return key.real_max;
  const double value = key.real_min + rng.uniform() * std::min(1e4, key.real_max - key.real_min);
  return value > key.real_min ? value : (key.real_min + key.real_max) / 2;
}

Value random_value(const Key& key, Rng& rng) {
  switch (key.type) {
    case KeyType::boolean:
      return rng.below(2) == 1;
    case KeyType::integer:
      return random_integer(key, rng);
    case KeyType::real:
      return random_real(key, rng);
    case KeyType::text:
    case KeyType::path:
      return random_text(rng);
    case KeyType::choice:
      return random_name(key, rng);
    case KeyType::integers: {
      std::vector<std::int64_t> list(rng.below(4));
      for (std::int64_t& element : list) element = random_integer(key, rng);
      return list;
    }
    case KeyType::choices: {
      std::vector<std::string> list;
      for (const Choice& choice : key.choice_list()) {
        if (rng.below(2) == 1) list.emplace_back(choice.name);
      }
      return list;
    }
  }
  return false;
}

/// A random valid configuration: random values, then defaults for whatever contradicts.
RunConfig random_config(Rng& rng) {
  RunConfig config;
  const RunConfig defaults;
  for (const Key& key : schema()) key.write(config, random_value(key, rng));
  config.parties = static_cast<std::uint32_t>(1 + rng.below(100));
  config.rounds = static_cast<std::uint32_t>(1 + rng.below(1000));
  if (config.name.empty()) config.name = "a";
  for (int attempt = 0; attempt < 10 && !check_combinations(config).empty(); ++attempt) {
    for (const Finding& finding : check_combinations(config)) {
      const Key* key = find_key(finding.key);
      if (key->name == "data.dataset" || key->table() == "data") {
        config.data = defaults.data;
        config.data.dataset = "synthetic-fm";
      } else if (key->name == "parties" || key->name == "cohort.size" || key->name == "epidemic.fanout") {
        config.strategy = "d-psgd";
      } else {
        key->write(config, key->read(defaults));
        if (key->table() == "faults") config.faults = defaults.faults;
        if (key->table() == "deadline") config.deadline = defaults.deadline;
      }
    }
  }
  return config;
}

/// Field by field as the schema sees them; keys that do not speak for the chosen model are left out.
void expect_same(const RunConfig& a, const RunConfig& b) {
  for (const Key& key : schema()) {
    EXPECT_EQ(key.read(a), key.read(b)) << key.name;
  }
}

TEST(Schema, ResolvedFileReadsBackTheSame) {
  for (std::uint64_t i = 0; i < 500; ++i) {
    Rng rng(2, Purpose::test, 0, i);
    const RunConfig config = random_config(rng);
    ASSERT_TRUE(check_combinations(config).empty()) << check_combinations(config).front().error.message;
    const std::string text = to_toml(config);
    const auto again = parse_run_config(text, "x", {});
    ASSERT_TRUE(again.ok()) << again.error().message << "\n" << text;
    expect_same(config, *again);
    EXPECT_EQ(to_toml(*again), text);
  }
}

TEST(Schema, ExamplesReadBackTheSame) {
  namespace fs = std::filesystem;
  for (const char* folder : {"/examples", "/bench"}) {
    for (const auto& entry : fs::directory_iterator(std::string(HANSA_SOURCE_DIR) + folder)) {
      if (entry.path().extension() != ".toml") continue;
      SCOPED_TRACE(entry.path());
      std::ifstream file(entry.path());
      std::stringstream text;
      text << file.rdbuf();
      const auto config = parse_run_config(text.str(), entry.path(), {});
      ASSERT_TRUE(config.ok()) << config.error().message;
      const auto again = parse_run_config(to_toml(*config), "x", {});
      ASSERT_TRUE(again.ok()) << again.error().message;
      expect_same(*config, *again);
    }
  }
}

TEST(Schema, EveryKeyReachesItsOwnField) {
  // Writing one key changes exactly that key's value, and those that share its field (fm and mlp with
  // deepfm).
  const RunConfig defaults;
  Rng rng(3, Purpose::test);
  for (const Key& key : schema()) {
    RunConfig config;
    Value value = key.read(defaults);
    for (int i = 0; i < 100 && value == key.read(defaults); ++i) value = random_value(key, rng);
    if (key.type == KeyType::integers) value = std::vector<std::int64_t>{1, 2, 3};
    ASSERT_NE(value, key.read(defaults)) << key.name;
    key.write(config, value);
    EXPECT_TRUE(check_value(key, key.read(config)).ok()) << key.name;
    for (const Key& other : schema()) {
      const bool shared = other.name == key.name ||
                          (other.active != nullptr && key.active != nullptr && other.active != key.active);
      if (!shared) {
        EXPECT_EQ(other.read(config), other.read(defaults)) << key.name << " changes " << other.name;
      }
    }
    EXPECT_NE(key.read(config), key.read(defaults)) << key.name;
  }
}

TEST(Schema, DefaultsAreAllowedAndNamesAreUnique) {
  const RunConfig defaults;
  std::set<std::string_view> names;
  for (const Key& key : schema()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name << " stands twice";
    EXPECT_GT(key.meaning.size(), 8U) << key.name;
    EXPECT_EQ(key.meaning.substr(key.meaning.size() - 1).find_first_of(".."), 0U)
        << key.name << ": a sentence";
    EXPECT_EQ(find_key(key.name), &key);
    const auto tables = schema_tables();
    EXPECT_TRUE(std::any_of(tables.begin(), tables.end(), [&](const TableInfo& table) {
      return table.name == key.table();
    })) << key.name;
    if (!key.required) {
      EXPECT_TRUE(check_value(key, key.read(defaults)).ok()) << key.name;
    }
  }
}

TEST(Schema, LimitsHold) {
  for (const Key& key : schema()) {
    SCOPED_TRACE(key.name);
    if (key.type == KeyType::integer) {
      EXPECT_TRUE(check_value(key, key.integer_min).ok());
      EXPECT_TRUE(check_value(key, key.integer_max).ok());
      EXPECT_FALSE(check_value(key, key.integer_min - 1).ok());
      if (key.integer_doubles) {
        EXPECT_FALSE(check_value(key, key.integer_min + 1).ok());
        EXPECT_FALSE(check_value(key, key.integer_max - 1).ok());
      }
      if (key.integer_max < std::numeric_limits<std::int64_t>::max()) {
        EXPECT_FALSE(check_value(key, key.integer_max + 1).ok());
      }
    } else if (key.type == KeyType::real) {
      EXPECT_EQ(check_value(key, key.real_min).ok(), !key.real_min_excluded);
      EXPECT_EQ(check_value(key, key.real_max).ok(), !key.real_max_excluded);
      EXPECT_FALSE(check_value(key, key.real_min - 1).ok());
      EXPECT_FALSE(check_value(key, key.real_max * 2 + 1).ok());
      EXPECT_FALSE(check_value(key, std::numeric_limits<double>::quiet_NaN()).ok());
    }
  }
}

TEST(Schema, ReferencePageIsUpToDate) {
  std::ifstream file(std::string(HANSA_SOURCE_DIR) + "/docs/config.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), reference_markdown()) << "run: hansa config reference > docs/config.md";
}

TEST(Schema, ReferenceJsonHoldsEveryKey) {
  const auto json = nlohmann::json::parse(reference_json());
  ASSERT_EQ(json.at("keys").size(), schema().size());
  for (std::size_t i = 0; i < schema().size(); ++i) {
    EXPECT_EQ(json["keys"][i].at("key"), schema()[i].name);
    EXPECT_EQ(json["keys"][i].at("default").is_null(), schema()[i].required);
  }
}

}  // namespace
}  // namespace hansa::config
