// The architecture as something that can fail: which folder may include which, which library is at home
// where, and what a pure folder must not contain. Works on text, line by line, after comments and literals
// are blanked, so that it needs no compiler and each finding names its line.
//
// A line that has to break a rule says so, with the reason, in a comment on the line itself or the line
// above:
//   // tidy: allow(<rule>) <reason>
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::tidy {

struct Violation {
  std::string rule;      ///< short name, as `allow(...)` takes it
  std::string file;      ///< relative to the source folder
  std::size_t line = 0;  ///< from 1
  std::string message;   ///< what is wrong and why the rule exists
};

/// "file:line: [rule] message".
std::string to_string(const Violation& violation);

/// `text` with the content of comments, string and character literals replaced by spaces; line breaks stay,
/// and so do the names in #include lines.
std::string blank_comments_and_literals(std::string_view text);

/// All findings in one C++ file. `path` is relative to the source folder and decides which rules hold.
std::vector<Violation> check_file(const std::string& path, std::string_view text);

/// Relative paths of every C++ file of ours below `root`, sorted.
std::vector<std::string> source_files(const std::string& root);

/// Names of all rules, for the test that each of them can be seen to fail.
std::vector<std::string> rule_names();

}  // namespace hansa::tidy
