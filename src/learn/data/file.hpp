// Whole files into memory, unpacked if they are gzip (by content, not by name).
#pragma once

#include <hansa/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace hansa::learn {

/// The bytes of the file at `path`, gunzipped if it starts with the gzip magic number. Errors: missing,
/// unreadable, above the limit of limits.hpp, truncated or damaged gzip.
Result<std::string> read_file(const std::string& path);

/// Unpacks a gzip stream of one or more members into at most `limit` bytes. `origin` is used in messages.
Result<std::string> gunzip(std::string_view packed, std::string_view origin, std::uint64_t limit);

/// Whether `bytes` begins like a gzip stream.
bool is_gzip(std::string_view bytes) noexcept;

/// An error of the form "origin:line: message".
Error error_at(std::string_view origin, std::uint64_t line, std::string_view message,
               std::string_view hint = "");

/// `text` in single quotes for a message: shortened, control characters replaced.
std::string in_quotes(std::string_view text);

}  // namespace hansa::learn
