// Two files a model: NAME.f32, and NAME.parts with a line "offset rank dimensions... name" for each part.
#include "src/node/model_files.hpp"

#include "protocols/runs/manifest.hpp"
#include "src/store/key_files.hpp"

#include <cstring>
#include <sstream>
#include <string>
#include <utility>

namespace hansa::node {
namespace {

using Part = http::NodeApi::FinalModel::Part;

constexpr std::size_t kModelBytesMax = std::size_t{2} << 30;
constexpr std::size_t kPartsBytesMax = 64 * 1024;
constexpr std::uint64_t kRankMax = 8;

std::filesystem::path file_of(const StateFolder& folder, const crypto::Hash256& run, const char* kind) {
  return folder.models() / (run.hex().substr(0, 16) + kind);
}

std::string text_of(const learn::Layout& layout) {
  std::ostringstream out;
  for (const learn::LayoutPart& part : layout) {
    out << part.offset << ' ' << part.shape.size();
    for (const std::size_t dimension : part.shape) out << ' ' << dimension;
    out << ' ' << part.name << '\n';
  }
  return out.str();
}

/// Nothing unless all parts lie within `count` parameters.
std::vector<Part> parts_of(const std::string& text, std::uint64_t count) {
  std::vector<Part> parts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream in(line);
    Part part;
    std::uint64_t rank = 0, size = 1;
    if (!(in >> part.offset >> rank) || rank > kRankMax || part.offset > count) return {};
    for (std::uint64_t i = 0; i < rank; ++i) {
      std::uint64_t dimension = 0;
      if (!(in >> dimension) || dimension > count) return {};
      if (dimension > 0 && size > count / dimension) return {};
      size *= dimension;
      part.shape.push_back(dimension);
    }
    if (!(in >> part.name) || size > count - part.offset) return {};
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace

Result<void> save_model(const StateFolder& folder, const crypto::Hash256& run, const TrainedModel& model) {
  if (const auto made = store::ensure_private_folder(folder.models()); !made) return made;
  const std::string parts = text_of(model.layout);
  const auto named =
      store::write_private_file(file_of(folder, run, ".parts"), std::as_bytes(std::span(parts)));
  if (!named) return named;
  return store::write_private_file(file_of(folder, run, ".f32"), std::as_bytes(model.parameters));
}

Result<http::NodeApi::FinalModel> load_model(const StateFolder& folder, const crypto::Hash256& run,
                                             const crypto::Hash256& expected) {
  const auto file = file_of(folder, run, ".f32");
  const auto bytes = store::read_private_file(file, kModelBytesMax);
  if (!bytes) return bytes.error();
  http::NodeApi::FinalModel result;
  result.values.resize(bytes->size() / sizeof(float));
  std::memcpy(result.values.data(), bytes->data(), result.values.size() * sizeof(float));
  const crypto::Hash256 hash = protocols::runs::model_hash(result.values);
  if (hash != expected) {
    return Error{ErrorKind::bad_data, file.string() + " is not the model that was signed: it is damaged",
                 "export it at another party"};
  }
  result.hash = hash.hex();
  if (const auto parts = store::read_private_file(file_of(folder, run, ".parts"), kPartsBytesMax)) {
    result.parts =
        parts_of({reinterpret_cast<const char*>(parts->data()), parts->size()}, result.values.size());
  }
  return result;
}

}  // namespace hansa::node
