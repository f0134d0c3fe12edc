// POSIX calls, since modes, links and flushing a folder are beyond std::filesystem.
#include "src/store/key_files.hpp"

#include "src/crypto/random.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

namespace hansa::store {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBeside = ".tmp";  ///< a file is written under its name with this

/// Closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool open() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

/// "cannot do it: No such file or directory", with a hint for the common causes.
Error system_error(const fs::path& path, std::string_view what, int code = errno) {
  Error error{.kind = code == ENOENT                    ? ErrorKind::missing
                      : code == EACCES || code == EPERM ? ErrorKind::denied
                                                        : ErrorKind::failed,
              .message = path.string() + ": cannot " + std::string(what) + ": " +
                         std::generic_category().message(code)};
  if (code == ENOENT) error.hint = "check the path, or run hansa init to create the keys";
  if (code == EACCES || code == EPERM) error.hint = "run hansa as the user who owns the file";
  if (code == ENOSPC) error.hint = "free some disk space";
  return error;
}

std::string quoted(const fs::path& path) { return "'" + path.string() + "'"; }

std::string octal(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

Result<void> check_status(const fs::path& path, const struct stat& status, bool folder) {
  const auto refuse = [&](std::string message, std::string hint) -> Result<void> {
    return Error{
        .kind = ErrorKind::failed, .message = path.string() + ": " + message, .hint = std::move(hint)};
  };
  if (folder ? !S_ISDIR(status.st_mode) : !S_ISREG(status.st_mode)) {
    return refuse(folder ? "is not a folder" : "is not a regular file (links are not followed for keys)",
                  folder ? "name another folder" : "put the file itself there");
  }
  if (status.st_uid != ::geteuid()) {
    return refuse("belongs to another user (uid " + std::to_string(status.st_uid) + ")",
                  "chown " + std::to_string(::geteuid()) + " " + quoted(path));
  }
  if ((status.st_mode & (folder ? 0077 : 0177)) != 0) {
    return refuse("has mode " + octal(status.st_mode) + ", so others could read or change what is in it",
                  std::string(folder ? "chmod 700 " : "chmod 600 ") + quoted(path));
  }
  return {};
}

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

Result<void> write_all(int fd, std::span<const std::byte> bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return system_error(path, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> flush_folder(const fs::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.open() || ::fsync(fd.get()) != 0) return system_error(folder, "flush the folder");
  return {};
}

/// Key bytes that are wiped on the way out.
struct Wiped {
  crypto::KeyFileBytes bytes;
  ~Wiped() { crypto::wipe(bytes); }
};

Result<void> save(const fs::path& file, const Wiped& content, bool replace) {
  std::error_code ignored;
  if (!replace && fs::symlink_status(file, ignored).type() != fs::file_type::not_found) {
    return Error{.kind = ErrorKind::usage,
                 .message = file.string() + ": is there already, and keys are not overwritten",
                 .hint = "move the old key away first, if it is really no longer needed"};
  }
  return write_private_file(file, content.bytes);
}

Result<Wiped> load(const fs::path& file) {
  auto bytes = read_private_file(file, crypto::kKeyFileBytesMax);
  if (!bytes) return std::move(bytes).error();
  return Wiped{std::move(bytes).value()};
}

}  // namespace

Result<void> check_private_folder(const fs::path& folder) {
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0) return system_error(folder, "look at the folder");
  return check_status(folder, status, true);
}

Result<void> ensure_private_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return flush_folder(folder_of(folder));
  if (errno != EEXIST) return system_error(folder, "create the folder");
  return check_private_folder(folder);
}

Result<void> check_private_file(const fs::path& file) {
  struct stat status {};
  if (::lstat(file.c_str(), &status) != 0) return system_error(file, "look at the file");
  return check_status(file, status, false);
}

Result<void> write_private_file(const fs::path& file, std::span<const std::byte> content) {
  const fs::path folder = folder_of(file);
  if (auto checked = check_private_folder(folder); !checked) return checked;
  const fs::path beside = file.string() + kBeside;
  ::unlink(beside.c_str());  // left over by a crash
  const Descriptor fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.open()) return system_error(beside, "create the file");
  Result<void> done = write_all(fd.get(), content, beside);
  if (done.ok() && ::fchmod(fd.get(), 0600) != 0) done = system_error(beside, "set the mode");
  if (done.ok() && ::fsync(fd.get()) != 0) done = system_error(beside, "flush");
  if (done.ok() && ::rename(beside.c_str(), file.c_str()) != 0) done = system_error(file, "put in place");
  if (!done) {
    ::unlink(beside.c_str());
    return done;
  }
  return flush_folder(folder);
}

std::size_t remove_leftovers(const fs::path& folder) {
  std::vector<fs::path> left;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::file_status status = it->symlink_status(error);
    if (!error && fs::is_regular_file(status) && it->path().extension() == kBeside)
      left.push_back(it->path());
  }
  return static_cast<std::size_t>(
      std::count_if(left.begin(), left.end(), [&](const fs::path& file) { return fs::remove(file, error); }));
}

Result<std::vector<std::byte>> read_private_file(const fs::path& file, std::size_t bytes_max) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!fd.open()) {
    if (errno == ELOOP) return check_private_file(file).error();
    return system_error(file, "open");
  }
  if (auto checked = check_private_folder(folder_of(file)); !checked) return checked.error();
  struct stat status {};  // of what was opened, not of what has its name by now
  if (::fstat(fd.get(), &status) != 0) return system_error(file, "look at the file");
  if (auto checked = check_status(file, status, false); !checked) return checked.error();
  if (status.st_size < 0 || static_cast<std::size_t>(status.st_size) > bytes_max) {
    return Error{.kind = ErrorKind::bad_data,
                 .message = file.string() + ": has " + std::to_string(status.st_size) + " bytes, more than " +
                            std::to_string(bytes_max),
                 .hint = "name the right file"};
  }
  std::vector<std::byte> content(static_cast<std::size_t>(status.st_size));
  for (std::size_t have = 0; have < content.size();) {
    const ssize_t got = ::read(fd.get(), content.data() + have, content.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(file, "read");
    if (got == 0) return Error{.kind = ErrorKind::failed, .message = file.string() + ": shrank while read"};
    have += static_cast<std::size_t>(got);
  }
  return content;
}

Result<void> save_node_key(const fs::path& file, const crypto::Identity& key, bool replace) {
  return save(file, Wiped{crypto::encode_node_key(key)}, replace);
}

Result<crypto::Identity> load_node_key(const fs::path& file) {
  const auto content = load(file);
  if (!content) return content.error();
  return crypto::decode_node_key(content->bytes, file.string());
}

Result<void> save_curve_key(const fs::path& file, const crypto::CurveKey& key, std::uint32_t epoch,
                            bool replace) {
  return save(file, Wiped{crypto::encode_curve_key(key, epoch)}, replace);
}

Result<crypto::NumberedCurveKey> load_curve_key(const fs::path& file) {
  const auto content = load(file);
  if (!content) return content.error();
  return crypto::decode_curve_key(content->bytes, file.string());
}

Result<void> save_organisation_key(const fs::path& file, const crypto::Identity& key,
                                   const crypto::SecretText& passphrase, const crypto::StretchCost& cost,
                                   bool replace) {
  auto sealed = crypto::seal_organisation_key(key, passphrase, cost);
  if (!sealed) return std::move(sealed).error();
  return save(file, Wiped{std::move(sealed).value()}, replace);
}

Result<crypto::Identity> load_organisation_key(const fs::path& file, const crypto::SecretText& passphrase) {
  const auto content = load(file);
  if (!content) return content.error();
  return crypto::open_organisation_key(content->bytes, passphrase, file.string());
}

Result<crypto::KeyFileInfo> read_key_info(const fs::path& file) {
  const auto content = load(file);
  if (!content) return content.error();
  return crypto::read_key_file_info(content->bytes, file.string());
}

Result<crypto::SecretText> passphrase_from_file(const fs::path& file) {
  auto content = read_private_file(file, crypto::kPassphraseBytesMax + 2);
  if (!content) return std::move(content).error();
  crypto::SecretText passphrase;
  for (const std::byte byte : *content) {
    const char c = static_cast<char>(byte);
    if (c == '\n' || c == '\r') break;
    passphrase.push_back(c);
  }
  crypto::wipe(*content);
  if (passphrase.empty()) {
    return Error{.kind = ErrorKind::bad_data,
                 .message = file.string() + ": its first line is empty, so there is no passphrase",
                 .hint = "write the passphrase into the first line"};
  }
  return passphrase;
}

Result<crypto::SecretText> passphrase_from_environment(const std::string& name) {
  char* const value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    return Error{.kind = ErrorKind::missing,
                 .message = "the environment variable " + name + " is not set, so there is no passphrase",
                 .hint = "set it, or name a file with the passphrase"};
  }
  crypto::SecretText passphrase{std::string_view(value)};
  crypto::wipe(std::as_writable_bytes(std::span(value, passphrase.size())));
  ::unsetenv(name.c_str());
  return passphrase;
}

}  // namespace hansa::store
