// Both formats end in the same place: a list of edges, each with a name for its position in the file, which
// the common checks (range, self-loops, repeats) use in their messages.
#include "topology/file.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <system_error>

namespace hansa::topology {
namespace {

using nlohmann::json;

struct Parsed {
  std::optional<std::uint32_t> parties;
  bool directed = false;
  std::vector<Edge> edges;
  std::vector<std::uint32_t> lines;  ///< of each edge, from 1; empty for JSON
};

Error malformed(const std::string& where, const std::string& what, std::string hint = {}) {
  return {ErrorKind::bad_data, where + ": " + what, std::move(hint)};
}

std::string where_is(const std::string& path, const Parsed& parsed, std::size_t edge) {
  if (parsed.lines.empty()) return path + ": edges[" + std::to_string(edge) + "]";
  return path + ":" + std::to_string(parsed.lines[edge]);
}

/// Numbers of one line, at most 3 (one more than fits tells "too many"); false if something else is there.
bool read_numbers(std::string_view line, std::vector<std::uint32_t>& numbers) {
  numbers.clear();
  const char* at = line.data();
  const char* const end = at + line.size();
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (true) {
    while (at != end && blank(*at)) ++at;
    if (at == end || numbers.size() == 3) return true;
    std::uint32_t number = 0;
    const auto [stop, error] = std::from_chars(at, end, number);
    if (error != std::errc{} || (stop != end && !blank(*stop))) return false;
    numbers.push_back(number);
    at = stop;
  }
}

Result<Parsed> parse_text(const std::string& path, std::string_view text) {
  Parsed parsed;
  std::vector<std::uint32_t> numbers;
  bool first = true;
  for (std::uint32_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t stop = text.find('\n');
    std::string_view line = text.substr(0, stop);
    text.remove_prefix(stop == std::string_view::npos ? text.size() : stop + 1);
    line = line.substr(0, line.find('#'));
    const std::string where = path + ":" + std::to_string(line_number);
    if (!read_numbers(line, numbers)) {
      return malformed(where, "expected two party numbers", "write one link per line, such as: 0 1");
    }
    if (numbers.empty()) continue;
    if (numbers.size() == 1 && first) {
      parsed.parties = numbers[0];
    } else if (numbers.size() == 2) {
      parsed.edges.push_back({numbers[0], numbers[1]});
      parsed.lines.push_back(line_number);
    } else {
      return malformed(
          where,
          "expected two party numbers, found " + std::string(numbers.size() == 1 ? "one" : "more than two"),
          "only the first line may be a single number, the number of parties");
    }
    first = false;
  }
  return parsed;
}

std::optional<std::uint32_t> as_id(const json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto number = value.get<std::uint64_t>();
  if (number > 0xFFFFFFFFULL) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

/// The document, or an error with the line that the parser stopped at.
Result<json> parse_document(const std::string& path, std::string_view text) {
  try {
    return json::parse(text.begin(), text.end());
  } catch (const json::parse_error& error) {
    const std::size_t read = std::min<std::size_t>(error.byte, text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(read), '\n');
    return malformed(path + ":" + std::to_string(line), "not valid JSON",
                     R"(expected {"parties": n, "edges": [[a, b], ...], "directed": false})");
  } catch (const json::exception& error) {
    return malformed(path, std::string("not valid JSON: ") + error.what());
  }
}

Result<Parsed> parse_json(const std::string& path, std::string_view text) {
  const Result<json> read = parse_document(path, text);
  if (!read) return read.error();
  const json& document = *read;
  Parsed parsed;
  for (const auto& [key, value] : document.items()) {
    if (key == "parties") {
      parsed.parties = as_id(value);
      if (!parsed.parties) return malformed(path, "\"parties\" must be a whole number");
    } else if (key == "directed") {
      if (!value.is_boolean()) return malformed(path, "\"directed\" must be true or false");
      parsed.directed = value.get<bool>();
    } else if (key != "edges") {
      return malformed(path, "unknown key \"" + key + "\"", "known are parties, edges, directed");
    }
  }
  const auto edges = document.find("edges");
  if (edges == document.end() || !edges->is_array()) {
    return malformed(path, "\"edges\" must be a list of pairs", R"(such as "edges": [[0, 1], [1, 2]])");
  }
  parsed.edges.reserve(edges->size());
  for (const json& pair : *edges) {
    const bool two = pair.is_array() && pair.size() == 2;
    const std::optional<std::uint32_t> from = two ? as_id(pair[0]) : std::nullopt;
    const std::optional<std::uint32_t> to = two ? as_id(pair[1]) : std::nullopt;
    if (!from || !to) {
      return malformed(where_is(path, parsed, parsed.edges.size()), "expected a pair of party numbers");
    }
    parsed.edges.push_back({*from, *to});
  }
  return parsed;
}

Result<std::uint32_t> count_parties(const std::string& path, const Parsed& parsed, std::uint32_t asked) {
  if (parsed.parties && asked != 0 && *parsed.parties != asked) {
    return usage_error(path + " is a graph of " + std::to_string(*parsed.parties) + " parties, but " +
                           std::to_string(asked) + " are asked for",
                       "set parties = " + std::to_string(*parsed.parties));
  }
  if (parsed.parties) return *parsed.parties;
  if (asked != 0) return asked;
  std::uint32_t largest = 0;
  for (const Edge& edge : parsed.edges) largest = std::max({largest, edge.from, edge.to});
  return largest == ~0U ? largest : largest + 1;
}

Result<void> check_edges(const std::string& path, const Parsed& parsed, std::uint32_t parties) {
  for (std::size_t e = 0; e < parsed.edges.size(); ++e) {
    const auto [from, to] = parsed.edges[e];
    if (std::max(from, to) >= parties) {
      return malformed(where_is(path, parsed, e),
                       "party " + std::to_string(std::max(from, to)) + " is not among the " +
                           std::to_string(parties) + " parties",
                       "parties are numbered from 0");
    }
    if (from == to) {
      return malformed(where_is(path, parsed, e), "party " + std::to_string(from) + " is linked to itself",
                       "leave self-loops out: every party always keeps a share of its own");
    }
  }
  std::vector<std::uint32_t> order(parsed.edges.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto key = [&](std::uint32_t e) {
    Edge edge = parsed.edges[e];
    if (!parsed.directed && edge.from > edge.to) std::swap(edge.from, edge.to);
    return edge;
  };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return key(a) < key(b); });
  const auto repeat =
      std::adjacent_find(order.begin(), order.end(), [&](auto a, auto b) { return key(a) == key(b); });
  if (repeat != order.end()) {
    const Edge edge = parsed.edges[*(repeat + 1)];
    return malformed(where_is(path, parsed, *(repeat + 1)),
                     "the link " + std::to_string(edge.from) + " " + std::to_string(edge.to) +
                         " is there already (" + where_is(path, parsed, *repeat) + ")",
                     parsed.directed ? "list every link once" : "list every link once, in one direction");
  }
  return {};
}

}  // namespace

TopologyResult make_from_text(const std::string& path, std::string_view text,
                              const TopologyOptions& options) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  const bool is_json = start != std::string_view::npos && text[start] == '{';
  Result<Parsed> read = is_json ? parse_json(path, text) : parse_text(path, text);
  if (!read) return read.error();
  Parsed& parsed = *read;
  const Result<std::uint32_t> parties = count_parties(path, parsed, options.parties);
  if (!parties) return parties.error();
  TopologyOptions sized = options;
  sized.parties = *parties;
  if (auto checked = check_options(path.c_str(), sized, sized.parties + 2ULL * parsed.edges.size());
      !checked) {
    return checked.error();
  }
  if (auto checked = check_edges(path, parsed, sized.parties); !checked) return checked.error();
  const Error in_pieces{ErrorKind::usage, path + ": not every party can reach every other",
                        "add links, or set allow_disconnected = true"};
  // Too few links are seen before a line with a huge number makes room for as many parties.
  if (!options.allow_disconnected && parsed.edges.size() + 1 < sized.parties) return in_pieces;
  TopologyResult made = build_schedule(sized, parsed.directed, 1, [&](std::uint32_t, RoundLinks& links) {
    links.edges = std::move(parsed.edges);
  });
  if (made && !options.allow_disconnected && !is_connected(**made)) return in_pieces;
  return made;
}

TopologyResult make_from_file(const std::string& path, const TopologyOptions& options) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  if (!std::filesystem::exists(status)) {
    return Error{ErrorKind::missing, path + ": no such file",
                 "give the path of an edge list after \"file:\""};
  }
  if (!std::filesystem::is_regular_file(status)) return malformed(path, "not a file");
  const std::uintmax_t size = std::filesystem::file_size(path, failure);
  if (failure) return malformed(path, failure.message());
  if (size > kGraphFileBytesMax) {
    return malformed(path, std::to_string(size) + " bytes; graph files may have at most " +
                               std::to_string(kGraphFileBytesMax));
  }
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || text.size() != size) return Error{ErrorKind::failed, path + ": cannot be read", {}};
  return make_from_text(path, text, options);
}

}  // namespace hansa::topology
