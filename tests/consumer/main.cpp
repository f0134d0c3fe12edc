// Uses the installed headers as a stranger would: averages two models drawn from named streams of randomness.
#include <hansa/math.hpp>
#include <hansa/parameters.hpp>
#include <hansa/result.hpp>
#include <hansa/rng.hpp>

#include <cstdio>

namespace {

hansa::ParametersRef draw_model(std::uint64_t party) {
  hansa::Rng rng(7, hansa::Purpose::test, party);
  auto model = hansa::Parameters::uninitialised(1000);
  for (float& weight : model.span()) weight = static_cast<float>(rng.normal());
  return std::move(model).freeze();
}

hansa::Result<float> mean_of(const hansa::ParametersRef& model) {
  if (model.size() == 0) return hansa::Error{hansa::ErrorKind::bad_data, "an empty model has no mean", ""};
  double sum = 0;
  for (const float weight : model.span()) sum += weight;
  return static_cast<float>(sum / static_cast<double>(model.size()));
}

}  // namespace

int main() {
  const auto a = draw_model(0);
  const auto b = draw_model(1);
  auto average = hansa::Parameters::copy_of(a.span());
  for (std::size_t i = 0; i < average.size(); ++i) average.data()[i] = 0.5f * (a.data()[i] + b.data()[i]);
  const auto mean = mean_of(std::move(average).freeze());
  const bool fine = mean.ok() && mean.value() > -0.2f && mean.value() < 0.2f && !mean_of({}).ok() &&
                    draw_model(0).data()[999] == a.data()[999] && hansa::sigmoid(0.0f) == 0.5f;
  std::puts(fine ? "consumer: ok" : "consumer: WRONG");
  return fine ? 0 : 1;
}
