// Any bytes as a checkpoint's content. Its name holds a hash, so accidents never come this far; whoever can
// write the folder can. What is read must be something a party could have kept: every number finite, every
// model of the run's size, and the same again once it is written out.
#include "fuzz/require.hpp"
#include "src/store/checkpoints.hpp"

#include <cmath>
#include <cstdint>
#include <span>

using hansa::fuzzing::require;

namespace {

void check(const hansa::ParametersRef& model, std::size_t parameters) {
  if (!model) return;
  require(model.size() == parameters);
  for (const float value : model.span()) require(std::isfinite(value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hansa;
  if (size == 0) return 0;
  const std::size_t parameters = 1 + data[0] % 4;
  const auto record = store::decode_record(std::as_bytes(std::span(data, size)).subspan(1), parameters);
  if (!record.ok()) return require(!record.error().message.empty()), 0;
  require(record->model || record->beacon != nullptr);
  check(record->model, parameters);
  require(std::isfinite(record->mass));
  for (const auto& share : record->pending) {
    require(std::isfinite(share.mass) && share.model);
    check(share.model, parameters);
  }
  const auto once = store::encode_record(record.value());
  const auto again = store::decode_record(once, parameters);
  require(again.ok() && store::encode_record(again.value()) == once);
  return 0;
}
