// Placement and drawing of the topology.
#include "sim/report/graph.hpp"

#include "sim/report/format.hpp"
#include "sim/report/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace hansa::sim {
namespace {

constexpr std::uint32_t kCircleMax = 60;
constexpr std::uint32_t kForceMax = 1500;     // quadratic work per step: above this it takes seconds
constexpr double kForceWork = 6e7;            // pair evaluations in all
constexpr std::size_t kEdgesDrawnMax = 6000;  // more is a grey disc and a slow page
constexpr std::uint32_t kNamesMax = 40;
constexpr double kPi = 3.14159265358979323846;
constexpr int kShades = 7;
constexpr double kView = 1000;  // SVG units of the unit square
constexpr double kMargin = 50;  // around it, for the nodes on its rim

std::vector<Place> on_circle(std::uint32_t parties) {
  std::vector<Place> places(parties);
  if (parties == 1) return places;
  for (std::uint32_t i = 0; i < parties; ++i) {
    const double angle = 2 * kPi * i / parties - kPi / 2;  // party 0 at twelve o'clock, clockwise
    places[i] = {0.5 + 0.5 * std::cos(angle), 0.5 + 0.5 * std::sin(angle)};
  }
  return places;
}

std::vector<Place> on_rectangle(std::uint32_t parties, std::uint32_t columns) {
  std::vector<Place> places(parties);
  const std::uint32_t rows = (parties + columns - 1) / columns;
  const double pitch = 1.0 / std::max({columns - 1, rows - 1, 1U});
  const double left = 0.5 - pitch * (columns - 1) / 2;
  const double top = 0.5 - pitch * (rows - 1) / 2;
  for (std::uint32_t i = 0; i < parties; ++i)
    places[i] = {left + pitch * (i % columns), top + pitch * (i / columns)};
  return places;
}

/// Columns of the most nearly square rectangle that holds exactly `parties`; 0 if there is only a line.
std::uint32_t rectangle_columns(std::uint32_t parties) {
  for (auto rows = static_cast<std::uint32_t>(std::sqrt(static_cast<double>(parties))); rows >= 2; --rows) {
    if (parties % rows == 0) return parties / rows;
  }
  return 0;
}

bool runs_along(const std::vector<topology::Edge>& edges, std::uint32_t columns) {
  return std::all_of(edges.begin(), edges.end(), [&](const topology::Edge& e) {
    return e.from / columns == e.to / columns || e.from % columns == e.to % columns;
  });
}

/// Scales to the unit square, keeping proportions.
void fit(std::vector<Place>& places) {
  const auto by_x = [](const Place& a, const Place& b) { return a.x < b.x; };
  const auto by_y = [](const Place& a, const Place& b) { return a.y < b.y; };
  const auto [left, right] = std::minmax_element(places.begin(), places.end(), by_x);
  const auto [top, bottom] = std::minmax_element(places.begin(), places.end(), by_y);
  const double x0 = (left->x + right->x) / 2;
  const double y0 = (top->y + bottom->y) / 2;
  const double extent = std::max({right->x - left->x, bottom->y - top->y, 1e-9});
  for (Place& place : places) place = {0.5 + (place.x - x0) / extent, 0.5 + (place.y - y0) / extent};
}

std::vector<Place> by_force(std::uint32_t parties, const std::vector<topology::Edge>& edges) {
  std::vector<Place> places = on_circle(parties);
  std::vector<Place> moves(parties);
  const double ideal = 1.0 / std::sqrt(static_cast<double>(parties));
  const double pairs = 0.5 * parties * parties;
  const int steps = static_cast<int>(std::clamp(kForceWork / pairs, 20.0, 300.0));
  for (int step = 0; step < steps; ++step) {
    const double reach = 0.1 * (1.0 - static_cast<double>(step) / steps);
    std::fill(moves.begin(), moves.end(), Place{0, 0});
    for (std::uint32_t i = 0; i < parties; ++i) {
      for (std::uint32_t j = i + 1; j < parties; ++j) {
        const double dx = places[i].x - places[j].x;
        const double dy = places[i].y - places[j].y;
        const double push = ideal * ideal / std::max(dx * dx + dy * dy, 1e-9);
        moves[i].x += dx * push, moves[i].y += dy * push;
        moves[j].x -= dx * push, moves[j].y -= dy * push;
      }
    }
    for (const topology::Edge& edge : edges) {
      const double dx = places[edge.from].x - places[edge.to].x;
      const double dy = places[edge.from].y - places[edge.to].y;
      const double pull = std::sqrt(dx * dx + dy * dy) / ideal;
      moves[edge.from].x -= dx * pull, moves[edge.from].y -= dy * pull;
      moves[edge.to].x += dx * pull, moves[edge.to].y += dy * pull;
    }
    for (std::uint32_t i = 0; i < parties; ++i) {
      const double length = std::max(std::sqrt(moves[i].x * moves[i].x + moves[i].y * moves[i].y), 1e-12);
      const double share = std::min(length, reach) / length;
      places[i].x += moves[i].x * share;
      places[i].y += moves[i].y * share;
    }
  }
  fit(places);
  return places;
}

/// Each link once, whatever its direction; ends outside the run are dropped.
std::vector<topology::Edge> links_of(const RunResult& result, std::uint32_t parties) {
  std::vector<topology::Edge> links;
  links.reserve(result.edges.size());
  for (const topology::Edge& edge : result.edges) {
    if (edge.from == edge.to || edge.from >= parties || edge.to >= parties) continue;
    links.push_back({std::min(edge.from, edge.to), std::max(edge.from, edge.to)});
  }
  std::sort(links.begin(), links.end());
  links.erase(std::unique(links.begin(), links.end()), links.end());
  return links;
}

std::string links_path(const std::vector<topology::Edge>& links, const std::vector<Place>& places) {
  std::string path;
  const std::size_t stride = links.size() / kEdgesDrawnMax + 1;
  for (std::size_t i = 0; i < links.size(); i += stride) {
    const Place& a = places[links[i].from];
    const Place& b = places[links[i].to];
    fmt::format_to(std::back_inserter(path), "M{:.0f} {:.0f}L{:.0f} {:.0f}", a.x * kView, a.y * kView,
                   b.x * kView, b.y * kView);
  }
  return path;
}

struct Nodes {
  std::vector<double> metric;
  Spread spread;
  std::uint64_t rows_max = 1;
  double radius_max = 24;
};

std::string node_html(const RunResult& result, const Nodes& nodes, std::size_t i, const Place& place) {
  const PartyRecord& party = result.parties[i];
  const double range = nodes.spread.max - nodes.spread.min;
  std::string shade = "unknown";
  if (std::isfinite(nodes.metric[i])) {
    const double share = range > 1e-12 ? (nodes.metric[i] - nodes.spread.min) / range : 0.5;
    shade = fmt::format("q{}", std::min(kShades - 1, static_cast<int>(share * kShades)));
  }
  // Area follows the number of rows, down to a size that can still be pointed at.
  const double rows_share =
      std::sqrt(static_cast<double>(party.train_rows) / static_cast<double>(nodes.rows_max));
  const double radius = nodes.radius_max * std::max(0.4, rows_share);
  return fmt::format(
      "<circle class=\"node {}\" cx=\"{:.0f}\" cy=\"{:.0f}\" r=\"{:.1f}\" data-i=\"{}\"><title>{}: "
      "{} {}, {}, {} sent</title></circle>",
      shade, place.x * kView, place.y * kView, radius, i, escape_html(party_name(result, i)),
      escape_html(metric_label(result.primary_metric)), fixed(nodes.metric[i], 4),
      count_of(party.train_rows, "row", "rows"), bytes_text(static_cast<double>(party.bytes_sent)));
}

/// Where a coordinate of the unit square lies in the drawing with its margin.
double percent(double coordinate) { return (coordinate * kView + kMargin) / (kView + 2 * kMargin) * 100; }

std::string names_html(const RunResult& result, const std::vector<Place>& places) {
  std::string html;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const double dx = places[i].x - 0.5;
    const double dy = places[i].y - 0.5;
    // Outwards from the node, beginning at the side of the text that faces the circle.
    const double horizontal = std::abs(dx) < 0.08 ? 50 : dx < 0 ? 100 : 0;
    const double vertical = std::abs(dx) < 0.08 ? (dy < 0 ? 100 : 0) : 50;
    fmt::format_to(std::back_inserter(html),
                   "<span class=\"name\" style=\"left:{:.2f}%;top:{:.2f}%;--dx:{:.3f};--dy:{:.3f};"
                   "transform:translate(-{:.0f}%,-{:.0f}%)\">{}</span>",
                   percent(places[i].x), percent(places[i].y), dx * 2, dy * 2, horizontal, vertical,
                   escape_html(party_name(result, i)));
  }
  return html;
}

std::string colour_key(const RunResult& result, const Nodes& nodes) {
  if (!std::isfinite(nodes.spread.min)) return {};
  std::string boxes;
  for (int shade = 0; shade < kShades; ++shade) boxes += fmt::format("<i class=\"q{}\"></i>", shade);
  const int digits = nodes.spread.max - nodes.spread.min < 0.005 ? 4 : 3;
  return fmt::format(
      "<div class=\"ramp\"><span>{} {}</span><span class=\"boxes\">{}</span><span>{}</span></div>",
      escape_html(metric_label(result.primary_metric)), fixed(nodes.spread.min, digits), boxes,
      fixed(nodes.spread.max, digits));
}

std::string caption(const RunResult& result, std::size_t links) {
  std::string text =
      fmt::format("<p class=\"note\"><b>{}</b>: {} between {}", escape_html(topology_name(result.config)),
                  count_of(links, "link", "links"), count_of(result.parties.size(), "party", "parties"));
  if (std::isfinite(result.spectral_gap)) {
    text += fmt::format("; spectral gap {} (1 mixes in one round, 0 never)", fixed(result.spectral_gap, 4));
  }
  text += ". Colour shows the final metric, area the number of training rows.";
  if (links > kEdgesDrawnMax) text += " Only part of the links is drawn.";
  return text + "</p>";
}

}  // namespace

std::vector<Place> layout_graph(std::uint32_t parties, const std::vector<topology::Edge>& edges,
                                bool prefer_rectangle) {
  if (parties == 0) return {};
  const std::uint32_t columns = prefer_rectangle ? rectangle_columns(parties) : 0;
  if (columns != 0 && runs_along(edges, columns)) return on_rectangle(parties, columns);
  if (parties <= kCircleMax) return on_circle(parties);
  if (parties <= kForceMax) return by_force(parties, edges);
  const auto side = static_cast<std::uint32_t>(std::ceil(std::sqrt(static_cast<double>(parties))));
  return on_rectangle(parties, side);
}

std::string graph_html(const RunResult& result) {
  const auto parties = static_cast<std::uint32_t>(result.parties.size());
  if (parties == 0) return "<p class=\"empty\">No party finished a round.</p>";
  const std::vector<topology::Edge> links = links_of(result, parties);
  const std::string& name = result.config.topology.name;
  const bool rectangle =
      name == "grid" || name == "torus" || (result.config.strategy == "cohort" && result.config.cohort.grid);
  const std::vector<Place> places = layout_graph(parties, links, rectangle);
  const bool circle = !rectangle && parties <= kCircleMax;

  Nodes nodes;
  for (const PartyRecord& party : result.parties) {
    nodes.metric.push_back(value_or_nan(party.metrics, result.primary_metric));
    nodes.rows_max = std::max(nodes.rows_max, party.train_rows);
  }
  nodes.spread = spread_of(nodes.metric);
  nodes.radius_max = std::clamp(220.0 / std::sqrt(static_cast<double>(parties)), 6.0, 44.0);

  const bool named = circle && parties <= kNamesMax;
  std::string html = fmt::format(
      "<div class=\"graph{}\"><div class=\"square\"><svg viewBox=\"-50 -50 1100 1100\" "
      "role=\"img\" aria-label=\"Topology {}\">",
      named ? " named" : "", escape_html(topology_name(result.config)));
  const double opacity = std::clamp(150.0 / static_cast<double>(links.size() + 1), 0.15, 0.65);
  html += fmt::format("<path class=\"links\" style=\"opacity:{:.2f}\" d=\"{}\"/><path class=\"lit\"/>",
                      opacity, links_path(links, places));
  for (std::size_t i = 0; i < places.size(); ++i) html += node_html(result, nodes, i, places[i]);
  html += "</svg>";
  if (named) html += names_html(result, places);
  return html + "</div></div>" + colour_key(result, nodes) + caption(result, links.size());
}

}  // namespace hansa::sim
