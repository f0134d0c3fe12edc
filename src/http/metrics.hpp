// What Prometheus can read at /metrics: text exposition format 0.0.4. The table of names is the promise;
// docs/metrics.md, the Grafana dashboard and the alert rules are tested against it. Labels are bounded: peers
// are named by short IDs, at most kSeriesMax series per name.
#pragma once

#include "src/http/node_api.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hansa::http {

struct Metric {
  std::string_view name;
  std::string_view type;    ///< gauge, counter, histogram
  std::string_view labels;  ///< names, comma-separated; empty: none
  std::string_view unit;    ///< seconds, bytes, ...; empty: a count or a state
  std::string_view help;
  std::string_view source;  ///< view: computed from the node's view; node: counted by the node; process
};

/// Every metric there is, in the order of the exposition.
[[nodiscard]] std::span<const Metric> metrics();

constexpr std::size_t kSeriesMax = 512;

/// The exposition. Names in view.counters and view.gauges that are not in the table, or malformed, are left
/// out.
[[nodiscard]] std::string exposition(const NodeView& view);

}  // namespace hansa::http
