// Graphs from files: an edge list as text or as JSON (formats in docs and below).
#pragma once

#include "topology/build.hpp"

#include <string>
#include <string_view>

namespace hansa::topology {

/// Largest file that is read.
inline constexpr std::uint64_t kGraphFileBytesMax = 64ULL << 20;

/// The topology in the file at `path`.
///
/// Text: one undirected link `a b` per line, parties numbered from 0; blank lines and what follows '#' are
/// ignored; a first line with a single number gives the number of parties (else it is `options.parties`, or
/// the largest number seen plus one). JSON: {"parties": n, "edges": [[a, b], ...], "directed": false};
/// "parties" and "directed" may be left out. Every link once, no self-loops.
///
/// `options.parties`, if not 0, must agree with the file. Errors: missing file, file:line of what is
/// malformed, and (unless `options.allow_disconnected`) a graph that does not connect everybody.
TopologyResult make_from_file(const std::string& path, const TopologyOptions& options);

/// The same from memory; `path` only names the source in errors.
TopologyResult make_from_text(const std::string& path, std::string_view text, const TopologyOptions& options);

}  // namespace hansa::topology
