// Numbers, ticks and escaping, as tables; placements of the topology drawing as properties.
#include "sim/report/format.hpp"
#include "sim/report/graph.hpp"
#include "tests/report/sample_run.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <utility>

namespace hansa::sim {
namespace {

TEST(Format, Numbers) {
  EXPECT_EQ(fixed(0.77149, 3), "0.771");
  EXPECT_EQ(fixed(-0.002, 3), "\u22120.002");
  EXPECT_EQ(fixed(-0.0001, 3), "0.000");
  EXPECT_EQ(fixed(NAN, 3), "–");
  EXPECT_EQ(signed_fixed(0.046, 3), "+0.046");
  EXPECT_EQ(signed_fixed(0.0001, 3), "0.000");
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(count_of(1, "party", "parties"), "1 party");
  EXPECT_EQ(count_of(1200, "party", "parties"), "1,200 parties");
}

TEST(Format, CompactKeepsThreeDigits) {
  const std::pair<double, const char*> cases[] = {
      {0, "0"},       {0.0123456, "0.0123"}, {1, "1.00"},        {4.5649, "4.56"},        {99.94, "99.9"},
      {999.4, "999"}, {1234.5, "1,235"},     {1e-5, "1.00e-05"}, {-4.5649, "\u22124.56"}, {10, "10.0"},
      {1000, "1,000"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(compact(value), text) << value;
}

TEST(Format, Units) {
  EXPECT_EQ(bytes_text(512), "512 B");
  EXPECT_EQ(bytes_text(1405500), "1.41 MB");
  EXPECT_EQ(bytes_text(3.2e9), "3.20 GB");
  EXPECT_EQ(si_text(4.8e10, "FLOP/s"), "48.0 GFLOP/s");
  EXPECT_EQ(seconds_text(0), "0 s");
  EXPECT_EQ(seconds_text(0.0042), "4.20 ms");
  EXPECT_EQ(seconds_text(16.42), "16.4 s");
  EXPECT_EQ(seconds_text(185), "3 min 5 s");
  EXPECT_EQ(seconds_text(7800), "2 h 10 min");
  EXPECT_EQ(seconds_text(-1), "–");
}

TEST(Format, EscapesEverythingHtmlCares) {
  EXPECT_EQ(escape_html("<a href=\"x\">'&'</a>\n"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt; ");
  EXPECT_EQ(escape_html("Müller · 東京"), "Müller · 東京");
}

/// The number that a reader sees.
double plain(double value, int digits) {
  std::string text = fixed(value, digits);
  if (text.rfind("\u2212", 0) == 0) text.replace(0, std::string("\u2212").size(), "-");
  return std::stod(text);
}

TEST(Ticks, LinearTicksAreRoundInsideAndDistinct) {
  const std::pair<double, double> ranges[] = {{0, 40},        {0.595, 0.784},   {0, 1e-7},
                                              {-3, 17},       {0.7711, 0.7713}, {0, 123456},
                                              {99.5, 100.25}, {0, 1},           {1e9, 3e9}};
  for (const auto& [low, high] : ranges) {
    for (const int target : {3, 5, 8}) {
      const Ticks ticks = linear_ticks(low, high, target);
      ASSERT_GE(ticks.values.size(), 1U) << low << " " << high;
      EXPECT_LE(ticks.values.size(), static_cast<std::size_t>(target) + 1) << low << " " << high;
      std::set<std::string> labels;
      for (const double tick : ticks.values) {
        EXPECT_GE(tick, low - 1e-6 * (high - low));
        EXPECT_LE(tick, high + 1e-6 * (high - low));
        labels.insert(fixed(tick, ticks.digits));
        // The label is the tick, not a rounding of it.
        EXPECT_NEAR(plain(tick, ticks.digits), tick, 1e-9 * std::max(std::abs(high), high - low));
      }
      EXPECT_EQ(labels.size(), ticks.values.size()) << low << " " << high << ": two ticks read the same";
    }
  }
}

TEST(Ticks, LogTicksArePowersInsideTheRange) {
  EXPECT_EQ(log_ticks(0.5, 150).size(), 8U);  // 0.5 1 2 5 10 20 50 100
  const auto decades = log_ticks(1e-9, 10);
  ASSERT_FALSE(decades.empty());
  for (const double tick : decades) {
    EXPECT_GE(tick, 1e-9 * 0.999);
    EXPECT_LE(tick, 10 * 1.001);
    EXPECT_NEAR(log10_of(tick), std::round(log10_of(tick)), 1e-9);
  }
  EXPECT_EQ(log_label(1e-3), "10⁻³");
  EXPECT_EQ(log_label(2e-12), "2·10⁻¹²");
  EXPECT_EQ(log_label(0.05), "0.05");
  EXPECT_EQ(log_label(1e5), "10⁵");
}

void expect_inside_and_apart(const std::vector<Place>& places, double apart) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    ASSERT_GE(places[i].x, -1e-9);
    ASSERT_LE(places[i].x, 1 + 1e-9);
    ASSERT_GE(places[i].y, -1e-9);
    ASSERT_LE(places[i].y, 1 + 1e-9);
    for (std::size_t j = i + 1; j < places.size(); ++j) {
      ASSERT_GT(std::hypot(places[i].x - places[j].x, places[i].y - places[j].y), apart) << i << " " << j;
    }
  }
}

TEST(Layout, PlacesEveryPartyInsideTheSquareAndApart) {
  for (const std::uint32_t parties : {1U, 2U, 12U, 60U, 61U, 100U, 256U, 2000U}) {
    const auto edges = test::sample_edges(parties);
    const auto places = layout_graph(parties, parties < 6 ? std::vector<topology::Edge>{} : edges, false);
    ASSERT_EQ(places.size(), parties);
    expect_inside_and_apart(places, 0.1 / std::sqrt(static_cast<double>(parties)));
    const auto again = layout_graph(parties, parties < 6 ? std::vector<topology::Edge>{} : edges, false);
    for (std::size_t i = 0; i < places.size(); ++i) {
      EXPECT_EQ(places[i].x, again[i].x);
      EXPECT_EQ(places[i].y, again[i].y);
    }
  }
}

TEST(Layout, GridsAreDrawnAsGrids) {
  std::vector<topology::Edge> edges;
  for (std::uint32_t i = 0; i < 12; ++i) {
    if (i % 4 != 3) edges.push_back({i, i + 1});
    if (i < 8) edges.push_back({i, i + 4});
  }
  const auto places = layout_graph(12, edges, true);
  EXPECT_DOUBLE_EQ(places[0].y, places[3].y);
  EXPECT_DOUBLE_EQ(places[0].x, places[8].x);
  expect_inside_and_apart(places, 0.3);
  // A link across the rectangle means it is not this rectangle: the circle is drawn instead.
  edges.push_back({0, 5});
  EXPECT_DOUBLE_EQ(layout_graph(12, edges, true)[0].x, 0.5);
}

}  // namespace
}  // namespace hansa::sim
