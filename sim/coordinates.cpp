#include "sim/coordinates.hpp"

#include <cmath>
#include <fstream>
#include <sstream>

namespace hansa::sim {
namespace {

constexpr std::size_t kHostsMax = 1'000'000;  // a typo'd path to something huge should not fill memory
constexpr double kFarMsMax = 1e9;             // eleven days; sums of such still fit a count of nanoseconds

}  // namespace

double latency_ms(const Coordinate& a, const Coordinate& b) noexcept {
  const double dx = a.x_ms - b.x_ms;
  const double dy = a.y_ms - b.y_ms;
  return std::sqrt(dx * dx + dy * dy) + a.height_ms + b.height_ms;
}

Result<std::vector<Coordinate>> read_coordinates(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return Error{ErrorKind::missing, path + ": cannot open the network coordinates",
                 "network.coordinates names a file of `index x y h height` lines; see data/coordinates/"};
  }
  std::vector<Coordinate> result;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    fields.imbue(std::locale::classic());
    double position = 0;
    Coordinate c;
    std::string h;
    if (!(fields >> position >> c.x_ms >> c.y_ms >> h >> c.height_ms) || h != "h" ||
        !(std::abs(c.x_ms) <= kFarMsMax) || !(std::abs(c.y_ms) <= kFarMsMax) || !(c.height_ms >= 0) ||
        !(c.height_ms <= kFarMsMax)) {
      return Error{ErrorKind::bad_data,
                   path + ":" + std::to_string(number) + ": expected `index x y h height`",
                   "x, y and height are milliseconds, up to 1e9; height is not negative"};
    }
    result.push_back(c);
    if (result.size() > kHostsMax)
      return Error{ErrorKind::bad_data, path + ": more than a million hosts", ""};
  }
  if (result.empty()) return Error{ErrorKind::bad_data, path + ": no coordinates in it", ""};
  return result;
}

}  // namespace hansa::sim
