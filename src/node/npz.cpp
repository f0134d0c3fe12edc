// The npy format 1.0 (a header of Python text, padded to 64 bytes) inside stored zip entries. Models above
// 4 GiB would need the zip64 extension and are refused.
#include "src/node/npz.hpp"

#include "protocols/secure_sum/byte_order.hpp"

#include <zlib.h>

#include <fstream>
#include <limits>
#include <span>

namespace hansa::node {
namespace {

using protocols::secure_sum::Bytes;
using protocols::secure_sum::Writer;

Bytes npy(const http::NodeApi::FinalModel::Part& part, std::span<const float> values) {
  std::string shape;
  for (const std::uint64_t extent : part.shape) shape += std::to_string(extent) + ", ";
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  Writer out(10 + header.size() + values.size_bytes());
  out.u8(0x93).text("NUMPY").u8(1).u8(0).u16(static_cast<std::uint16_t>(header.size())).text(header);
  return std::move(out.raw(std::as_bytes(values))).bytes();
}

std::uint32_t checksum(const Bytes& bytes) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

/// What a local header and the central directory have in common.
void common(Writer& out, const Bytes& content, const std::string& name) {
  const auto size = static_cast<std::uint32_t>(content.size());
  out.u16(20).u16(0).u16(0).u16(0).u16(0x21);  // version 2.0, stored, 1980-01-01: the same bytes every time
  out.u32(checksum(content)).u32(size).u32(size).u16(static_cast<std::uint16_t>(name.size())).u16(0);
}

}  // namespace

Result<void> write_npz(const std::string& path, const http::NodeApi::FinalModel& model) {
  if (model.values.size() > std::numeric_limits<std::uint32_t>::max() / 8) {
    return Error{ErrorKind::usage, "the model is too large for a NumPy archive of this version", ""};
  }
  auto parts = model.parts;
  if (parts.empty()) parts.push_back({"parameters", 0, {model.values.size()}});
  Writer file, directory;
  for (const auto& part : parts) {
    std::uint64_t count = 1;
    for (const std::uint64_t extent : part.shape) count *= extent;
    const std::span<const float> values(model.values);
    if (part.offset > values.size() || count > values.size() - part.offset) {
      return Error{ErrorKind::bad_data, "part " + part.name + " lies outside the model", ""};
    }
    const Bytes content = npy(part, values.subspan(part.offset, count));
    const std::string name = part.name + ".npy";
    const auto at = static_cast<std::uint32_t>(file.bytes().size());
    file.u32(0x04034b50);
    common(file, content, name);
    file.text(name).raw(content);
    directory.u32(0x02014b50).u16(20);
    common(directory, content, name);
    directory.u16(0).u16(0).u16(0).u32(0).u32(at).text(name);
  }
  const auto begin = static_cast<std::uint32_t>(file.bytes().size());
  const auto entries = static_cast<std::uint16_t>(parts.size());
  const auto length = static_cast<std::uint32_t>(directory.bytes().size());
  file.raw(directory.bytes());
  file.u32(0x06054b50).u16(0).u16(0).u16(entries).u16(entries).u32(length).u32(begin).u16(0);
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(file.bytes().data()),
            static_cast<std::streamsize>(file.bytes().size()));
  out.close();
  if (!out) return Error{ErrorKind::failed, "cannot write " + path, ""};
  return {};
}

}  // namespace hansa::node
