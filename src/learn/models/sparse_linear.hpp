// Linear models over sparse rows; see logistic_regression.cpp.
#pragma once

#include "src/learn/models/models.hpp"

namespace hansa::learn {

MadeModel make_sparse_linear(const Dataset& shape);

}  // namespace hansa::learn
