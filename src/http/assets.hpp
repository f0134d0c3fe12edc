// The dashboard's files, edited as what they are in web/ and compiled in by cmake/HansaEmbed.cmake.
#pragma once

#include <string_view>

namespace hansa::http::assets {

extern const std::string_view dashboard_html;
extern const std::string_view dashboard_css;
extern const std::string_view dashboard_js;
extern const std::string_view charts_js;

}  // namespace hansa::http::assets
