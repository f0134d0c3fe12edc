// What the entries of the schema have in common: look-up, ranges, names, and how a value is written.
#include "src/config/schema.hpp"

#include "src/config/nearest.hpp"
#include "src/config/schema_build.hpp"
#include "src/config/toml_node.hpp"

#include <algorithm>
#include <cmath>

namespace hansa::config {

namespace {

constexpr std::string_view kFilePrefix = "file:";

// Known names whose feature this version does not have. They are refused with a reason, not as typing
// mistakes.
constexpr std::string_view kAggregationsNotBuilt[] = {"robust", "dp"};

std::vector<std::string_view> names_of(const Key& key) {
  std::vector<std::string_view> names;
  for (const Choice& choice : key.choice_list()) names.push_back(choice.name);
  return names;
}

Result<void> check_name(const Key& key, const std::string& name) {
  const std::vector<std::string_view> names = names_of(key);
  if (std::find(names.begin(), names.end(), name) != names.end()) return {};
  if (key.name == "topology.name" && name.starts_with(kFilePrefix) && name.size() > kFilePrefix.size())
    return {};
  if (key.name == "aggregation" &&
      std::find(std::begin(kAggregationsNotBuilt), std::end(kAggregationsNotBuilt), name) !=
          std::end(kAggregationsNotBuilt)) {
    return Error{
        ErrorKind::not_built,
        "aggregation " + toml_quoted(name) + " is not built yet; this version has: " + joined(names),
        "aggregation = \"secure\" hides single models; \"plain\" sends them readable to the neighbours"};
  }
  return Error{
      ErrorKind::usage,
      "unknown " + std::string(key.noun) + " " + toml_quoted(name.substr(0, 80)) + did_you_mean(name, names),
      "known: " + allowed_text(key)};
}

std::string out_of_range(const Key& key, const std::string& value) {
  return std::string(key.name) + " = " + value + " is out of range; allowed: " + allowed_text(key);
}

Result<void> check_integer(const Key& key, std::int64_t value) {
  const bool inside = value >= key.integer_min && value <= key.integer_max;
  bool allowed = inside && !key.integer_doubles;
  for (std::int64_t each = key.integer_min; inside && key.integer_doubles && each <= value; each *= 2) {
    allowed = allowed || each == value;
  }
  if (allowed) return {};
  return Error{ErrorKind::usage, out_of_range(key, std::to_string(value)), ""};
}

Result<void> check_real(const Key& key, double value) {
  const bool above = key.real_min_excluded ? value > key.real_min : value >= key.real_min;
  const bool below = key.real_max_excluded ? value < key.real_max : value <= key.real_max;
  if (std::isfinite(value) && above && below) return {};
  return Error{ErrorKind::usage, out_of_range(key, toml_number(value)), ""};
}

Result<void> check_names(const Key& key, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (Result<void> known = check_name(key, names[i]); !known) return known;
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i)) {
      return Error{ErrorKind::usage, std::string(key.name) + " names " + toml_quoted(names[i]) + " twice",
                   ""};
    }
  }
  return {};
}

struct ValueWriter {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return toml_number(value); }
  std::string operator()(const std::string& value) const { return toml_quoted(value); }
  template <class T>
  std::string operator()(const std::vector<T>& elements) const {
    std::string text = "[";
    for (const T& element : elements) text += (text.size() > 1 ? ", " : "") + (*this)(element);
    return text + "]";
  }
};

/// For people: 1000000 instead of 1e+06, 1 instead of 1.0.
std::string short_number(double value) {
  if (std::floor(value) == value && std::fabs(value) < 1e15) return std::to_string(std::llround(value));
  return toml_number(value);
}

std::string real_range_text(const Key& key) {
  const std::string low = short_number(key.real_min);
  const std::string high = short_number(key.real_max);
  if (!key.real_min_excluded && !key.real_max_excluded) return low + " to " + high;
  return (key.real_min_excluded ? "more than " : "at least ") + low +
         (key.real_max_excluded ? ", less than " : ", at most ") + high;
}

/// "16, 32, 64"
std::string doubling_text(const Key& key) {
  std::string text = std::to_string(key.integer_min);
  for (std::int64_t value = 2 * key.integer_min; value <= key.integer_max; value *= 2) {
    text += ", " + std::to_string(value);
  }
  return text;
}

}  // namespace

std::string_view Key::table() const noexcept {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

std::string_view Key::leaf() const noexcept {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

std::span<const Key> schema() {
  static const std::vector<Key> keys = [] {
    std::vector<Key> all = build::run_keys();
    for (Key& key : build::world_keys()) all.push_back(key);
    return all;
  }();
  return keys;
}

std::span<const TableInfo> schema_tables() {
  static constexpr TableInfo kTables[] = {
      {"", "What runs. These keys stand before the first table."},
      {"data", "What is learned from."},
      {"partition", "How the rows come to the parties."},
      {"topology", "Who talks to whom."},
      {"local", "What a party does between two exchanges."},
      {"optimiser", "How a party changes its model."},
      {"fm", "The model fm: a factorization machine."},
      {"mlp", "The model mlp: a multilayer perceptron."},
      {"cnn", "The model cnn: a small convolutional network for images."},
      {"deepfm", "The model deepfm: a factorization machine beside a perceptron on the same embeddings."},
      {"gossip-learning", "The strategy gossip-learning."},
      {"epidemic", "The strategy epidemic."},
      {"cohort", "The strategy cohort."},
      {"secure",
       "How models become integers that can be masked and summed: aggregation secure and plain-fixed."},
      {"deadline", "How long a party waits for its peers."},
      {"network", "The simulated network: one link model for all pairs."},
      {"compute", "How long work takes in virtual time."},
      {"faults", "What goes wrong, on purpose."},
      {"eval", "What is measured, and what the result is compared with."},
  };
  return kTables;
}

const Key* find_key(std::string_view name) {
  for (const Key& key : schema()) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

std::string to_toml_value(const Value& value) { return std::visit(ValueWriter{}, value); }

std::string_view type_name(KeyType type) {
  switch (type) {
    case KeyType::boolean:
      return "boolean";
    case KeyType::integer:
      return "integer";
    case KeyType::real:
      return "number";
    case KeyType::text:
      return "string";
    case KeyType::path:
      return "path";
    case KeyType::choice:
      return "name";
    case KeyType::integers:
      return "list of integers";
    case KeyType::choices:
      return "list of names";
  }
  return "";
}

std::string allowed_text(const Key& key) {
  switch (key.type) {
    case KeyType::boolean:
      return "true, false";
    case KeyType::integer:
    case KeyType::integers: {
      if (key.integer_doubles) return doubling_text(key);
      const std::string limits =
          key.integer_max == build::kI64Max
              ? "at least " + std::to_string(key.integer_min)
              : std::to_string(key.integer_min) + " to " + std::to_string(key.integer_max);
      return key.type == KeyType::integers ? "each " + limits : limits;
    }
    case KeyType::real:
      return real_range_text(key);
    case KeyType::choice: {
      const std::string names = joined(names_of(key));
      return key.name == "topology.name" ? names + ", file:PATH" : names;
    }
    case KeyType::choices:
      return joined(names_of(key));
    case KeyType::text:
    case KeyType::path:
      return "";
  }
  return "";
}

Result<void> check_value(const Key& key, const Value& value) {
  switch (key.type) {
    case KeyType::integer:
      return check_integer(key, std::get<std::int64_t>(value));
    case KeyType::real:
      return check_real(key, std::get<double>(value));
    case KeyType::choice:
      return check_name(key, std::get<std::string>(value));
    case KeyType::choices:
      return check_names(key, std::get<std::vector<std::string>>(value));
    case KeyType::integers:
      for (const std::int64_t element : std::get<std::vector<std::int64_t>>(value)) {
        if (Result<void> checked = check_integer(key, element); !checked) return checked;
      }
      return {};
    case KeyType::boolean:
    case KeyType::text:
    case KeyType::path:
      return {};
  }
  return {};
}

}  // namespace hansa::config
