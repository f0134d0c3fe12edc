// The page's template, style and script, edited as what they are in sim/report/assets/ and compiled in by
// cmake/HansaEmbed.cmake.
#pragma once

#include <string_view>

namespace hansa::sim::assets {

extern const std::string_view report_html;
extern const std::string_view report_css;
extern const std::string_view report_js;

}  // namespace hansa::sim::assets
