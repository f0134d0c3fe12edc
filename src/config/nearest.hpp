// "Did you mean ...?": the known name closest to a mistyped one, by edit distance with transpositions
// (optimal string alignment: Damerau 1964, restricted as in Wagner and Lowrance 1975).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::config {

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`, ignoring the case of
/// ASCII letters. Names longer than 64 bytes are compared by their first 64.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate closest to `name` if it is close enough to be a likely typing mistake (at most a third of
/// the letters wrong, or one begins with the other); otherwise empty. Ties go to the earlier candidate.
std::string_view nearest(std::string_view name, std::span<const std::string_view> candidates);

/// `; did you mean "x"?`, or nothing if no candidate is close.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);

/// "a, b, c".
std::string joined(std::span<const std::string_view> names);

}  // namespace hansa::config
