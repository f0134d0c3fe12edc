// One reader of fields for all commands: it remembers the first problem, so each command is a list of its
// fields.
#include "src/http/commands.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

namespace hansa::http {
namespace {

using Json = nlohmann::json;

/// The fields of one JSON object, taken one by one; the first problem is kept and the rest ignored.
class Fields {
 public:
  explicit Fields(std::string_view body) {
    if (body.empty()) {
      object_ = Json::object();
      return;
    }
    bool deep = false;
    const auto watch = [&deep](int depth, Json::parse_event_t, Json&) {
      deep = deep || depth > kCommandLimits.depth_max;
      return !deep;  // what lies deeper is dropped, not stored
    };
    object_ = Json::parse(body.begin(), body.end(), watch, /*allow_exceptions=*/false);
    if (deep)
      fail("the body is nested too deeply");
    else if (object_.is_discarded())
      fail("the body is not JSON");
    else if (!object_.is_object())
      fail("the body is not a JSON object");
  }

  std::string text(const char* name, std::size_t bytes_max, bool required) {
    const Json* value = take(name, required);
    if (!value) return {};
    if (!value->is_string()) return fail(std::string(name) + " is not a text"), std::string();
    std::string text = value->get<std::string>();
    check_text(name, text, bytes_max);
    return text;
  }

  double number(const char* name, double low, double high, double otherwise, bool required) {
    const Json* value = take(name, required);
    if (!value) return otherwise;
    const double given = value->is_number() ? value->get<double>() : NAN;
    if (!(given >= low && given <= high)) {
      fail(std::string(name) + " is not a number from " + Json(low).dump() + " to " + Json(high).dump());
      return otherwise;
    }
    return given;
  }

  std::vector<std::string> texts(const char* name, std::size_t count_max, std::size_t bytes_max) {
    std::vector<std::string> found;
    const Json* value = take(name, false);
    if (!value) return found;
    if (!array(name, *value, count_max)) return found;
    for (const Json& element : *value) {
      if (!element.is_string()) return fail(std::string(name) + " holds something that is not a text"), found;
      found.push_back(element.get<std::string>());
      check_text(name, found.back(), bytes_max);
    }
    return found;
  }

  std::vector<std::pair<std::string, std::string>> pairs(const char* name, std::size_t count_max) {
    std::vector<std::pair<std::string, std::string>> found;
    const Json* value = take(name, true);
    if (!value || !array(name, *value, count_max)) return found;
    for (const Json& pair : *value) {
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
        fail(std::string(name) + " holds something that is not a pair of texts");
        return found;
      }
      found.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
    }
    return found;
  }

  void hex(const char* name, std::string_view text, bool may_be_empty = false) {
    const bool digits = text.size() % 2 == 0 && std::all_of(text.begin(), text.end(), [](char c) {
                          return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                        });
    if (!digits || (text.empty() && !may_be_empty)) fail(std::string(name) + " is not hexadecimal");
  }

  /// The value, unless something was wrong or fields are left over.
  template <class T>
  Result<T> finish(T value) {
    if (problem_.empty() && object_.is_object())
      for (const auto& [name, unused] : object_.items())
        if (std::find(taken_.begin(), taken_.end(), name) == taken_.end() && name != "schema")
          fail("there is no field '" + name.substr(0, 64) + "'");
    if (problem_.empty()) return value;
    return Error{ErrorKind::bad_data, problem_, "docs/api.md lists the fields of every command"};
  }

 private:
  void fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }

  const Json* take(const char* name, bool required) {
    if (!problem_.empty()) return nullptr;
    taken_.emplace_back(name);
    const auto found = object_.find(name);
    if (found != object_.end() && !found->is_null()) return &*found;
    if (required) fail(std::string("the field '") + name + "' is missing");
    return nullptr;
  }

  void check_text(const char* name, std::string_view text, std::size_t bytes_max) {
    if (text.size() > bytes_max)
      fail(std::string(name) + " is longer than " + std::to_string(bytes_max) + " bytes");
    if (text.find('\0') != std::string_view::npos) fail(std::string(name) + " contains a zero byte");
  }

  bool array(const char* name, const Json& value, std::size_t count_max) {
    if (!value.is_array()) return fail(std::string(name) + " is not an array"), false;
    if (value.size() > count_max)
      return fail(std::string(name) + " has more than " + std::to_string(count_max) + " elements"), false;
    return true;
  }

  Json object_;
  std::vector<std::string> taken_;
  std::string problem_;
};

}  // namespace

Result<NodeApi::ProposeRun> read_propose_run(std::string_view body) {
  Fields fields(body);
  NodeApi::ProposeRun wanted;
  wanted.manifest_toml = fields.text("manifest_toml", kCommandLimits.toml_bytes_max, true);
  wanted.schema_toml = fields.text("schema_toml", kCommandLimits.toml_bytes_max, false);
  wanted.parties = fields.texts("parties", kCommandLimits.parties_max, 256);
  const double quorum = fields.number("quorum", 0, double(kCommandLimits.parties_max), 0, false);
  wanted.quorum = std::uint32_t(quorum);
  wanted.approve_within_seconds = fields.number("approve_within_seconds", 1, kCommandLimits.seconds_max,
                                                wanted.approve_within_seconds, false);
  return fields.finish(std::move(wanted));
}

Result<NodeApi::BindRun> read_bind_run(std::string_view run, std::string_view body) {
  Fields fields(body);
  NodeApi::BindRun binding;
  binding.run = run;
  binding.data = fields.text("data", kCommandLimits.text_bytes_max, true);
  binding.labels = fields.text("labels", kCommandLimits.text_bytes_max, false);
  binding.test = fields.text("test", kCommandLimits.text_bytes_max, false);
  binding.test_labels = fields.text("test_labels", kCommandLimits.text_bytes_max, false);
  return fields.finish(std::move(binding));
}

Result<std::string> read_stop(std::string_view body) {
  Fields fields(body);
  return fields.finish(fields.text("reason", kCommandLimits.text_bytes_max, false));
}

Result<NodeApi::KeeperChange> read_keeper_change(std::string_view body) {
  Fields fields(body);
  NodeApi::KeeperChange change;
  change.base = fields.text("base", 128, true);
  fields.hex("base", change.base, true);
  change.records = fields.pairs("records", kCommandLimits.records_max);
  for (const auto& [key, value] : change.records) {
    fields.hex("a record's key", key);
    fields.hex("a record's value", value, true);
  }
  change.messages =
      fields.texts("messages", kCommandLimits.records_max, kCommandLimits.keeper_body_bytes_max);
  for (const std::string& message : change.messages) fields.hex("a message", message);
  return fields.finish(std::move(change));
}

Result<double> read_lobby(std::string_view body) {
  Fields fields(body);
  return fields.finish(fields.number("seconds", 1, kCommandLimits.seconds_max, 0, true));
}

Result<std::string> read_log_level(std::string_view body) {
  static constexpr std::array kLevels = {"error", "warning", "info", "debug"};
  Fields fields(body);
  Result<std::string> level = fields.finish(fields.text("level", 16, true));
  if (level && std::find(kLevels.begin(), kLevels.end(), *level) == kLevels.end())
    return Error{ErrorKind::bad_data, "there is no log level '" + *level + "'",
                 "levels: error, warning, info, debug"};
  return level;
}

Result<void> read_nothing(std::string_view body) {
  Fields fields(body);
  const Result<bool> nothing = fields.finish(true);
  if (!nothing) return nothing.error();
  return {};
}

}  // namespace hansa::http
