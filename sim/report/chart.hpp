// One line chart as HTML that needs no script: the curves are an SVG stretched to the available width (with
// strokes that do not stretch), ticks and labels are ordinary text placed by percentage, so that they stay
// readable from a phone to a print-out.
#pragma once

#include <string>
#include <vector>

namespace hansa::sim {

/// A curve over the chart's x values; NaN leaves a gap.
struct Curve {
  std::string name;
  std::string style;  ///< CSS class that gives colour and dashes
  std::vector<double> y;
};

/// A horizontal line, e.g. a baseline.
struct Level {
  std::string name;
  std::string style;
  double y = 0;
};

struct Chart {
  std::string title;
  std::string note;     ///< one line below the title; HTML
  std::string y_label;  ///< with unit
  std::string x_label;  ///< with unit
  std::string x_key;    ///< which x of the embedded data the script reads: "round", "time" or "mb"
  std::string y_keys;   ///< space-separated names of the embedded series shown on hover
  int height = 300;     ///< of the plotting area, CSS pixels
  bool log_y = false;
  bool may_cut_start = false;               ///< a steep start may leave the frame, if that opens up the rest
  int digits = 3;                           ///< of values beside the curves
  std::vector<double> x;                    ///< ascending, finite
  std::vector<Curve> curves;                ///< the first may have a band
  std::vector<double> band_low, band_high;  ///< empty, or one per x
  std::string band_name;
  std::vector<Level> levels;
};

/// The chart as a <figure>. Charts without a finite value say so instead of drawing axes.
std::string chart_html(const Chart& chart);

}  // namespace hansa::sim
