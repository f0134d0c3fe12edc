#include "src/http/process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace hansa::http {
namespace {

std::string file_text(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

double boot_time_s() {
  std::istringstream lines(file_text("/proc/stat"));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  return 0;
}

}  // namespace

ProcessUsage process_usage() {
  ProcessUsage usage;
  // The second field, the program's name, may contain spaces; it ends at the last ")".
  const std::string stat = file_text("/proc/self/stat");
  std::istringstream after(stat.substr(std::min(stat.rfind(')') + 1, stat.size())));
  const std::vector<std::string> fields{std::istream_iterator<std::string>(after), {}};
  const double ticks = double(::sysconf(_SC_CLK_TCK));
  if (fields.size() > 21) {  // proc(5) numbers them from 1 with the name as 2; fields[0] is number 3
    usage.cpu_seconds = (std::stod(fields[11]) + std::stod(fields[12])) / ticks;
    usage.threads = std::stod(fields[17]);
    static const double booted = boot_time_s();
    usage.start_time_s = booted + std::stod(fields[19]) / ticks;
    usage.resident_bytes = std::stod(fields[21]) * double(::sysconf(_SC_PAGESIZE));
  }
  std::error_code ignored;
  for (auto it = std::filesystem::directory_iterator("/proc/self/fd", ignored);
       it != std::filesystem::directory_iterator(); it.increment(ignored))
    ++usage.open_descriptors;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.descriptors_max = double(limit.rlim_cur);
  return usage;
}

}  // namespace hansa::http
