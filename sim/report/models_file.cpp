// The writer and the reader of models.bin; the format stands in the header.
#include "sim/report/models_file.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <limits>
#include <ostream>

namespace hansa::sim {
namespace {

static_assert(std::endian::native == std::endian::little, "models.bin is written as it lies in memory");

constexpr std::array<char, 8> kMagic = {'H', 'A', 'N', 'S', 'A', 'M', 'D', 'L'};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 24;
constexpr std::uint32_t kHashBytesMax = 1024;  // a hex digest of any hash there is, with room

struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t parties = 0;
  std::uint64_t parameters = 0;
};
static_assert(sizeof(Header) == kHeaderBytes);

template <class T>
void put(std::ostream& out, const T& value) {
  std::array<char, sizeof(T)> bytes;
  std::memcpy(bytes.data(), &value, sizeof(T));
  out.write(bytes.data(), bytes.size());
}

void put_floats(std::ostream& out, const float* values, std::size_t count) {
  // A stream takes char; looking at floats as bytes is what the format asks for.
  out.write(reinterpret_cast<const char*>(values), static_cast<std::streamsize>(count * sizeof(float)));
}

std::uint64_t model_size(const std::vector<ParametersRef>& models) {
  for (const ParametersRef& model : models) {
    if (model) return model.size();
  }
  return 0;
}

Error damaged(const std::string& path, const std::string& why) {
  return {ErrorKind::bad_data, fmt::format("{}: {}", path, why),
          "the file is not a complete models.bin of this version; run the simulation again"};
}

}  // namespace

Result<void> check_models(const std::vector<ParametersRef>& models) {
  const std::uint64_t size = model_size(models);
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (models[i] && models[i].size() != size) {
      return Error{
          ErrorKind::failed,
          fmt::format("models.bin: party {} has {} parameters, others have {}", i, models[i].size(), size),
          "all parties of a run train the same model; please report this"};
    }
  }
  return {};
}

bool encode_models(std::ostream& out, const std::vector<ParametersRef>& models, const std::string& hash) {
  Header header;
  header.parties = static_cast<std::uint32_t>(models.size());
  header.parameters = model_size(models);
  put(out, header);
  const std::vector<float> absent(header.parameters, std::numeric_limits<float>::quiet_NaN());
  for (const ParametersRef& model : models) {
    put_floats(out, model ? model.data() : absent.data(), header.parameters);
  }
  put(out, static_cast<std::uint32_t>(hash.size()));
  out.write(hash.data(), static_cast<std::streamsize>(hash.size()));
  return static_cast<bool>(out);
}

Result<ModelsFile> read_models(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return Error{ErrorKind::missing, fmt::format("cannot read {}", path), "check the path"};
  const std::uint64_t total = static_cast<std::uint64_t>(in.tellg());
  in.seekg(0);
  std::array<char, kHeaderBytes> bytes{};
  if (!in.read(bytes.data(), bytes.size())) return damaged(path, "shorter than its header");
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kMagic) return damaged(path, "does not start with HANSAMDL");
  if (header.version != kVersion) {
    return damaged(path, fmt::format("version {}, expected {}", header.version, kVersion));
  }
  // Sizes come from the file: compare by division, so that no product can overflow before it is checked.
  const std::uint64_t floats_max = (total - kHeaderBytes) / sizeof(float);
  if (header.parties != 0 && header.parameters > floats_max / header.parties) {
    return damaged(
        path, fmt::format("announces {} x {} floats but ends earlier", header.parties, header.parameters));
  }
  ModelsFile file{header.parties, header.parameters, {}, {}};
  file.values.resize(header.parties * header.parameters);
  in.read(reinterpret_cast<char*>(file.values.data()),
          static_cast<std::streamsize>(file.values.size() * sizeof(float)));
  std::array<char, sizeof(std::uint32_t)> length_bytes{};
  if (!in.read(length_bytes.data(), length_bytes.size())) return damaged(path, "ends before the hash");
  std::uint32_t length = 0;
  std::memcpy(&length, length_bytes.data(), sizeof(length));
  if (length > kHashBytesMax) return damaged(path, fmt::format("hash of {} bytes", length));
  file.hash.resize(length);
  if (!in.read(file.hash.data(), length)) return damaged(path, "ends inside the hash");
  if (in.peek() != std::ifstream::traits_type::eof()) return damaged(path, "has bytes after the hash");
  return file;
}

}  // namespace hansa::sim
