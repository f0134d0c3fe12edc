// Reading and unpacking. zlib is fed by hand instead of through gzread, because gzread takes a truncated file
// for a complete one and passes plain files through silently.
#include "src/learn/data/file.hpp"

#include "src/learn/data/limits.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include <zlib.h>

namespace hansa::learn {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

std::string reason(int code) { return std::generic_category().message(code); }

/// zlib's state, released on every way out.
class Inflater {
 public:
  Inflater() : ok_(inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK) {}
  ~Inflater() {
    if (ok_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  z_stream& stream() noexcept { return stream_; }

 private:
  z_stream stream_{};
  bool ok_;
};

/// A first guess of the unpacked size: the trailer's own claim, unless deflate could not pack so tightly.
std::size_t guess_size(std::string_view packed, std::uint64_t limit) {
  constexpr std::uint64_t kBestRatio = 1032;  // deflate's densest code: 258 bytes in 2 bits
  std::uint64_t claimed = 0;
  for (std::size_t i = 0; i < 4 && packed.size() >= 4; ++i) {
    claimed |= static_cast<std::uint64_t>(static_cast<unsigned char>(packed[packed.size() - 4 + i]))
               << (8 * i);
  }
  return static_cast<std::size_t>(std::min({claimed, packed.size() * kBestRatio, limit})) + 1;
}

}  // namespace

Error error_at(std::string_view origin, std::uint64_t line, std::string_view message, std::string_view hint) {
  std::string text(origin);
  text += ':';
  text += std::to_string(line);
  text += ": ";
  text += message;
  return Error{ErrorKind::bad_data, std::move(text), std::string(hint)};
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string out = "'";
  for (const char c : text.substr(0, kLongest))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  out += text.size() > kLongest ? "...'" : "'";
  return out;
}

bool is_gzip(std::string_view bytes) noexcept {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

Result<std::string> gunzip(std::string_view packed, std::string_view origin, std::uint64_t limit) {
  const std::string where(origin);
  Inflater inflater;
  if (!inflater.ok()) return Error{ErrorKind::failed, where + ": zlib could not start (out of memory?)", ""};
  z_stream& stream = inflater.stream();
  std::string out(guess_size(packed, limit), '\0');
  std::size_t read = 0;
  std::size_t written = 0;
  for (;;) {
    if (written == out.size()) {
      if (written > limit) break;
      out.resize(std::min<std::uint64_t>(limit + 1, out.size() * 2ULL));
    }
    constexpr std::size_t kPiece = 1U << 30;  // zlib counts in 32 bits
    // zlib's interface predates const; it does not write to next_in.
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data() + read));
    stream.avail_in = static_cast<uInt>(std::min(packed.size() - read, kPiece));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + written);
    stream.avail_out = static_cast<uInt>(std::min(out.size() - written, kPiece));
    const std::size_t in_before = stream.avail_in;
    const std::size_t out_before = stream.avail_out;
    const int status = inflate(&stream, Z_NO_FLUSH);
    read += in_before - stream.avail_in;
    written += out_before - stream.avail_out;
    if (status == Z_STREAM_END) {
      if (read == packed.size()) break;
      if (!is_gzip(packed.substr(read))) {
        return Error{ErrorKind::bad_data, where + ": unexpected bytes after the end of the gzip stream",
                     "the file was damaged or something was appended to it"};
      }
      inflateReset(&stream);
    } else if (status == Z_BUF_ERROR || (status == Z_OK && read == packed.size() && stream.avail_out > 0)) {
      if (read == packed.size()) {
        return Error{ErrorKind::bad_data, where + ": the gzip stream ends early; the file is incomplete",
                     "copy or download it again"};
      }
    } else if (status != Z_OK) {
      return Error{ErrorKind::bad_data,
                   where + ": damaged gzip stream near byte " + std::to_string(read) +
                       (stream.msg != nullptr ? std::string(" (") + stream.msg + ")" : std::string()),
                   "copy or download it again"};
    }
  }
  if (written > limit) {
    return Error{ErrorKind::bad_data,
                 where + ": unpacks to more than " + std::to_string(limit >> 20) + " MiB", "split the file"};
  }
  out.resize(written);
  return out;
}

Result<std::string> read_file(const std::string& path) {
  std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (!file) {
    const int code = errno;
    return Error{code == ENOENT ? ErrorKind::missing : ErrorKind::failed,
                 "cannot open " + path + ": " + reason(code), ""};
  }
  std::string bytes;
  std::size_t used = 0;
  for (;;) {
    bytes.resize(std::max<std::size_t>(1U << 20, used * 2));
    errno = 0;
    used += std::fread(bytes.data() + used, 1, bytes.size() - used, file.get());
    if (std::ferror(file.get()) != 0)
      return Error{ErrorKind::failed, "cannot read " + path + ": " + reason(errno), ""};
    if (used > kReadLimits.file_bytes) {
      return Error{ErrorKind::bad_data,
                   path + ": larger than " + std::to_string(kReadLimits.file_bytes >> 20) + " MiB",
                   "split the file"};
    }
    if (used < bytes.size()) break;
  }
  bytes.resize(used);
  if (is_gzip(bytes)) return gunzip(bytes, path, kReadLimits.file_bytes);
  return bytes;
}

}  // namespace hansa::learn
