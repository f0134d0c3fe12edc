// How the entries of the schema are written down: a builder per type, and FIELD(path), which names a member
// of RunConfig once for both reading and writing. Included only by schema_*.cpp.
#pragma once

#include "src/config/schema.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <type_traits>
#include <utility>

/// A captureless accessor, e.g. FIELD(train.learning_rate).
#define HANSA_FIELD(path) \
  [](auto& config) -> auto& { return config.path; }

namespace hansa::config::build {

struct IntegerRange {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

struct RealRange {
  double min = 0;
  double max = std::numeric_limits<double>::max();
  bool min_excluded = false;
  bool max_excluded = false;
};

inline constexpr std::int64_t kU32Max = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::int64_t kI64Max = std::numeric_limits<std::int64_t>::max();
inline constexpr double kFloatMax = std::numeric_limits<float>::max();
inline constexpr RealRange kProbability{0, 1, false, false};
inline constexpr RealRange kNonNegative{0, 1e12, false, false};
inline constexpr RealRange kPositive{0, 1e12, true, false};

/// The double whose shortest decimal is that of `value`: 0.1f becomes 0.1, so that files stay readable.
inline double widened(float value) {
  std::array<char, 32> buffer{};
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  double wide = 0;
  std::from_chars(buffer.data(), written.ptr, wide);
  return static_cast<float>(wide) == value ? wide : static_cast<double>(value);
}

template <class Field>
Key boolean(std::string_view name, Field, std::string_view meaning) {
  Key key{.name = name, .type = KeyType::boolean, .meaning = meaning};
  key.read = [](const RunConfig& config) -> Value { return Field{}(config); };
  key.write = [](RunConfig& config, const Value& value) { Field{}(config) = std::get<bool>(value); };
  return key;
}

template <class Field>
Key integer(std::string_view name, Field, IntegerRange range, std::string_view meaning) {
  Key key{.name = name, .type = KeyType::integer, .meaning = meaning};
  key.integer_min = range.min;
  key.integer_max = range.max;
  key.read = [](const RunConfig& config) -> Value { return static_cast<std::int64_t>(Field{}(config)); };
  key.write = [](RunConfig& config, const Value& value) {
    auto& field = Field{}(config);
    field = static_cast<std::remove_reference_t<decltype(field)>>(std::get<std::int64_t>(value));
  };
  return key;
}

/// Only min, 2 min, 4 min, ... up to max, which is one of them; for a few values that all stand in messages.
template <class Field>
Key doubling(std::string_view name, Field field, IntegerRange range, std::string_view meaning) {
  Key key = integer(name, field, range, meaning);
  key.integer_doubles = true;
  return key;
}

template <class Field>
Key real(std::string_view name, Field, RealRange range, std::string_view meaning) {
  Key key{.name = name, .type = KeyType::real, .meaning = meaning};
  key.real_min = range.min;
  key.real_max = range.max;
  key.real_min_excluded = range.min_excluded;
  key.real_max_excluded = range.max_excluded;
  key.read = [](const RunConfig& config) -> Value {
    const auto value = Field{}(config);
    if constexpr (std::is_same_v<std::remove_const_t<decltype(value)>, float>) {
      return widened(value);
    } else {
      return value;
    }
  };
  key.write = [](RunConfig& config, const Value& value) {
    auto& field = Field{}(config);
    field = static_cast<std::remove_reference_t<decltype(field)>>(std::get<double>(value));
  };
  return key;
}

template <class Field>
Key text(std::string_view name, Field, std::string_view meaning) {
  Key key{.name = name, .type = KeyType::text, .meaning = meaning};
  key.read = [](const RunConfig& config) -> Value { return Field{}(config); };
  key.write = [](RunConfig& config, const Value& value) { Field{}(config) = std::get<std::string>(value); };
  return key;
}

template <class Field>
Key path(std::string_view name, Field field, std::string_view meaning) {
  Key key = text(name, field, meaning);
  key.type = KeyType::path;
  return key;
}

template <class Field>
Key choice(std::string_view name, Field field, std::string_view noun, std::vector<Choice> (*list)(),
           std::string_view meaning) {
  Key key = text(name, field, meaning);
  key.type = KeyType::choice;
  key.noun = noun;
  key.choice_list = list;
  return key;
}

/// A choice kept as an enum whose enumerators are numbered as the names of `List{}()` stand.
template <class Field, class List>
Key enumerated(std::string_view name, Field, std::string_view noun, List, std::string_view meaning) {
  Key key{.name = name, .type = KeyType::choice, .meaning = meaning};
  key.noun = noun;
  key.choice_list = [] { return List{}(); };
  key.read = [](const RunConfig& config) -> Value {
    return std::string(List{}()[static_cast<std::size_t>(Field{}(config))].name);
  };
  key.write = [](RunConfig& config, const Value& value) {
    auto& field = Field{}(config);
    const auto list = List{}();
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].name == std::get<std::string>(value)) {
        field = static_cast<std::remove_reference_t<decltype(field)>>(i);
      }
    }
  };
  return key;
}

template <class Field>
Key integers(std::string_view name, Field, IntegerRange each, std::string_view meaning) {
  Key key{.name = name, .type = KeyType::integers, .meaning = meaning};
  key.integer_min = each.min;
  key.integer_max = each.max;
  key.read = [](const RunConfig& config) -> Value {
    const auto& field = Field{}(config);
    return std::vector<std::int64_t>(field.begin(), field.end());
  };
  key.write = [](RunConfig& config, const Value& value) {
    auto& field = Field{}(config);
    field.clear();
    for (const std::int64_t element : std::get<std::vector<std::int64_t>>(value)) {
      field.push_back(static_cast<typename std::remove_reference_t<decltype(field)>::value_type>(element));
    }
  };
  return key;
}

template <class Field>
Key choices(std::string_view name, Field, std::string_view noun, std::vector<Choice> (*list)(),
            std::string_view meaning) {
  Key key{.name = name, .type = KeyType::choices, .meaning = meaning};
  key.noun = noun;
  key.choice_list = list;
  key.read = [](const RunConfig& config) -> Value { return Field{}(config); };
  key.write = [](RunConfig& config, const Value& value) {
    Field{}(config) = std::get<std::vector<std::string>>(value);
  };
  return key;
}

inline Key required(Key key) {
  key.required = true;
  return key;
}

inline Key when(bool (*active)(const RunConfig&), Key key) {
  key.active = active;
  return key;
}

/// The two halves of the table.
std::vector<Key> run_keys();
std::vector<Key> world_keys();

}  // namespace hansa::config::build
