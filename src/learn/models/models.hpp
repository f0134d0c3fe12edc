// The makers behind the model registry; each checks that the data and the options fit.
#pragma once

#include "src/learn/model.hpp"

#include <memory>

namespace hansa::learn {

using MadeModel = Result<std::unique_ptr<const Model>>;

MadeModel make_logistic_regression(const Dataset& shape, const ModelOptions& options);
MadeModel make_fm(const Dataset& shape, const ModelOptions& options);
MadeModel make_mlp(const Dataset& shape, const ModelOptions& options);
MadeModel make_cnn(const Dataset& shape, const ModelOptions& options);
MadeModel make_deepfm(const Dataset& shape, const ModelOptions& options);

}  // namespace hansa::learn
