// Line-based checks over blanked text; the tables are in rules.hpp.
#include "tests/tidy/checker.hpp"

#include "tests/tidy/rules.hpp"

#include <algorithm>
#include <filesystem>
#include <regex>
#include <sstream>

namespace hansa::tidy {
namespace {

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

bool below_any(std::string_view path, std::string_view folders) {
  std::istringstream words{std::string(folders)};
  for (std::string folder; words >> folder;) {
    if (path.starts_with(folder)) return true;
  }
  return false;
}

const Room* room_of(std::string_view path) {
  for (const Room& room : kRooms) {
    if (path.starts_with(room.folder)) return &room;
  }
  return nullptr;
}

bool is_header(std::string_view path) { return path.ends_with(".hpp"); }

/// The core library's headers and sources are one room in two folders.
bool same_room(const Room& a, const Room& b) {
  return a.folder == b.folder || (a.floor == 0 && b.floor == 0);
}

std::size_t columns(std::string_view line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// One file under inspection: the lines as written, the same lines blanked, and what was found.
class Checker {
 public:
  Checker(const std::string& path, std::string_view text)
      : path_(path), room_(room_of(path)), lines_(split_lines(text)) {
    code_ = split_lines(blank_comments_and_literals(text));
    code_.resize(lines_.size());
  }

  std::vector<Violation> run() {
    check_shape();
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      check_line(i);
      if (code_[i].find_first_not_of(" \t\r") == std::string::npos) continue;
      check_include(i);
      check_bans(i);
    }
    return std::move(found_);
  }

 private:
  void report(std::string_view rule, std::size_t i, std::string message) {
    const std::string permit = "tidy: allow(" + std::string(rule) + ") ";
    const auto permits = [&](std::size_t j) {
      const std::size_t at = j < lines_.size() ? lines_[j].find(permit) : std::string::npos;
      return at != std::string::npos && lines_[j].size() > at + permit.size();  // a reason must follow
    };
    if (permits(i) || (i > 0 && permits(i - 1))) return;
    found_.push_back({std::string(rule), path_, i + 1, std::move(message)});
  }

  void check_shape() {
    if (lines_.size() > kFileLinesMax) {
      report("file-length", kFileLinesMax,
             "the file has " + std::to_string(lines_.size()) + " lines, more than " +
                 std::to_string(kFileLinesMax) + ": split it by what its parts do");
    }
    const bool opens = !lines_.empty() && lines_[0].starts_with("//");
    const std::size_t allowed = is_header(path_)        ? 0
                                : includes_own_header() ? kPairedLinesMax
                                                        : kTrivialLinesMax;
    if (!opens && lines_.size() > allowed) {
      report("opening", 0, "open the file with a comment that says what it is for and why it is as it is");
    }
    if (!is_header(path_)) return;
    const auto first = std::find_if(code_.begin(), code_.end(), [](const std::string& line) {
      return line.find_first_not_of(" \t\r") != std::string::npos;
    });
    if (first == code_.end() || !first->starts_with("#pragma once")) {
      report("pragma-once", first == code_.end() ? 0 : static_cast<std::size_t>(first - code_.begin()),
             "a header begins with #pragma once, right after its opening comment");
    }
  }

  /// True for a source whose first include is its own header, which says what both are for.
  [[nodiscard]] bool includes_own_header() const {
    const std::size_t slash = path_.rfind('/') + 1;
    const std::string stem = path_.substr(slash, path_.rfind('.') - slash);
    const auto first = std::find_if(code_.begin(), code_.end(),
                                    [](const std::string& line) { return line.starts_with("#include"); });
    return first != code_.end() && first->find("/" + stem + ".hpp") != std::string::npos;
  }

  void check_line(std::size_t i) {
    const std::size_t width = columns(lines_[i]);
    if (width > kLineColumnsMax) {
      report("line-length", i,
             std::to_string(width) + " columns, more than " + std::to_string(kLineColumnsMax));
    }
    static const std::regex unfinished(R"(\b(TO)"
                                       R"(DO|FIX)"
                                       R"(ME|X)"
                                       R"(XX)\b)");
    if (std::regex_search(lines_[i], unfinished)) {
      report("unfinished", i,
             "finish it, or write down what is missing where users look (README, CHANGELOG)");
    }
    static const std::regex using_namespace(R"(^using\s+namespace\b)");  // indented: inside a function
    if (is_header(path_) && !path_.starts_with("tests/") && std::regex_search(code_[i], using_namespace)) {
      report("using-namespace", i, "a header must not put a whole namespace into its includers' scope");
    }
  }

  void check_include(std::size_t i) {
    static const std::regex include(R"re(^\s*#\s*include\s*([<"])([^>"]+)[>"])re");
    std::smatch match;
    if (!std::regex_search(code_[i], match, include)) return;
    const bool quoted = match[1] == "\"";
    const std::string target = match[2];
    if (quoted || target.starts_with("hansa/")) {
      check_floor(i, quoted ? target : "include/" + target, quoted);
    } else {
      check_home(i, target);
    }
  }

  void check_floor(std::size_t i, const std::string& target, bool quoted) {
    const Room* to = room_of(target);
    if (to == nullptr) {
      report("include-path", i,
             "\"" + target +
                 "\" is not a path from the source folder: write \"topology/topology.hpp\", not a relative " +
                 "name; other people's headers take <>");
      return;
    }
    if (quoted && to->folder == "include/hansa/") {
      report("include-path", i, "public headers are included as <hansa/...>, as users do");
    }
    if (room_ == nullptr || same_room(*room_, *to) || to->floor < room_->floor) return;
    report("floor", i,
           std::string(room_->folder) + " (floor " + std::to_string(room_->floor) + ") must not include " +
               std::string(to->folder) + " (floor " + std::to_string(to->floor) +
               "): includes point down, never up or sideways (docs/architecture.md)");
  }

  void check_home(std::size_t i, const std::string& target) {
    if (room_ == nullptr || room_->floor == 9) return;  // tests may use whatever they test
    const std::string spelled = target + ">";           // so that a table entry can ask for the whole name
    for (const Home& home : kHomes) {
      if (!spelled.starts_with(home.prefix) || below_any(path_, home.folders)) continue;
      const std::string where = home.folders.empty() ? "nowhere" : "only below " + std::string(home.folders);
      report("home", i, "<" + target + "> is allowed " + where + ": " + std::string(home.reason));
    }
  }

  void check_bans(std::size_t i) {
    static const std::vector<std::regex> patterns = [] {
      std::vector<std::regex> result;
      for (const Ban& ban : kBans) result.emplace_back(ban.pattern.data(), std::regex::optimize);
      return result;
    }();
    for (std::size_t k = 0; k < kBans.size(); ++k) {
      if (!below_any(path_, kBans[k].folders)) continue;
      std::smatch match;
      if (!std::regex_search(code_[i], match, patterns[k])) continue;
      std::string text = match.str();
      text.erase(0, text.find_first_not_of(" \t"));
      report(kBans[k].rule, i, "`" + text + "`: " + std::string(kBans[k].reason));
    }
  }

  std::string path_;
  const Room* room_;
  std::vector<std::string> lines_;
  std::vector<std::string> code_;
  std::vector<Violation> found_;
};

}  // namespace

std::string to_string(const Violation& violation) {
  return violation.file + ":" + std::to_string(violation.line) + ": [" + violation.rule + "] " +
         violation.message;
}

std::string blank_comments_and_literals(std::string_view text) {
  std::string out(text);
  const auto blank = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < std::min(end, out.size()); ++i) {
      if (out[i] != '\n') out[i] = ' ';
    }
  };
  bool include_line = false;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("#include")) include_line = true;
    if (text[i] == '\n') include_line = false;
    std::size_t end = i + 1;
    if (rest.starts_with("//")) {
      end = std::min(text.find('\n', i), text.size());
      blank(i, end);
    } else if (rest.starts_with("/*")) {
      end = std::min(text.find("*/", i + 2), text.size() - 2) + 2;
      blank(i, end);
    } else if (rest.starts_with("R\"") &&
               (i == 0 || std::isalnum(static_cast<unsigned char>(text[i - 1])) == 0)) {
      const std::size_t open = std::min(text.find('(', i), text.size());
      const std::string close = ")" + std::string(text.substr(i + 2, open - i - 2)) + "\"";
      const std::size_t at = text.find(close, open);
      end = at == std::string_view::npos ? text.size() : at + close.size();
      blank(i, end);
    } else if ((text[i] == '"' || text[i] == '\'') && !include_line) {
      // A quote between digits separates them (1'000); anything else opens a literal.
      const bool separator =
          text[i] == '\'' && i > 0 && std::isalnum(static_cast<unsigned char>(text[i - 1])) != 0;
      if (!separator) {
        while (end < text.size() && text[end] != text[i] && text[end] != '\n')
          end += text[end] == '\\' ? 2 : 1;
        end = std::min(end + 1, text.size());
        blank(i + 1, end - 1);
      }
    }
    i = end;
  }
  return out;
}

std::vector<Violation> check_file(const std::string& path, std::string_view text) {
  return Checker(path, text).run();
}

std::vector<std::string> source_files(const std::string& root) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  for (const char* folder :
       {"include", "src", "topology", "protocols", "sim", "actors", "cli", "tests", "bench", "fuzz"}) {
    const fs::path top = fs::path(root) / folder;
    if (!fs::is_directory(top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(top)) {
      const std::string extension = entry.path().extension().string();
      if (!entry.is_regular_file() || (extension != ".cpp" && extension != ".hpp")) continue;
      files.push_back(fs::relative(entry.path(), root).generic_string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> rule_names() {
  std::vector<std::string> names = {"file-length",  "opening",    "pragma-once",
                                    "line-length",  "unfinished", "using-namespace",
                                    "include-path", "floor",      "home"};
  for (const Ban& ban : kBans) names.emplace_back(ban.rule);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace hansa::tidy
