#include "sim/privacy/knowledge.hpp"

#include <hansa/assert.hpp>

#include <algorithm>
#include <utility>

namespace hansa::sim::privacy {

Residue operator+(Residue a, Residue b) noexcept { return Residue(a.value_ + b.value_); }
Residue operator-(Residue a, Residue b) noexcept { return Residue(a.value_ + Residue::kPrime - b.value_); }
Residue operator*(Residue a, Residue b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a.value_) * b.value_;
  // 2^61 is 1 here, so the high part is added to the low one.
  return Residue((static_cast<std::uint64_t>(product) & Residue::kPrime) +
                 static_cast<std::uint64_t>(product >> 61));
}

Residue Residue::inverse() const noexcept {  // Fermat: a^(p - 2)
  Residue result(1);
  Residue power = *this;
  for (std::uint64_t e = kPrime - 2; e > 0; e >>= 1) {
    if ((e & 1) != 0) result = result * power;
    power = power * power;
  }
  return result;
}

namespace {

/// target -= factor * source; returns how many entries are left.
std::size_t subtract(Equation& target, Residue factor, const Equation& source) {
  std::size_t entries = 0;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (!source[i].is_zero()) target[i] = target[i] - factor * source[i];
    entries += target[i].is_zero() ? 0 : 1;
  }
  return entries;
}

}  // namespace

void Knowledge::learn(Equation equation) {
  HANSA_ASSERT(equation.size() == unknowns_);
  for (const Row& row : rows_) {
    if (const Residue factor = equation[row.pivot]; !factor.is_zero()) {
      subtract(equation, factor, row.values);
    }
  }
  const auto first =
      std::find_if(equation.begin(), equation.end(), [](Residue value) { return !value.is_zero(); });
  if (first == equation.end()) return;
  Row fresh;
  fresh.pivot = static_cast<std::size_t>(first - equation.begin());
  const Residue scale = first->inverse();
  for (Residue& value : equation) {
    value = value * scale;
    fresh.entries += value.is_zero() ? 0 : 1;
  }
  fresh.values = std::move(equation);
  for (Row& row : rows_) {
    if (const Residue factor = row.values[fresh.pivot]; !factor.is_zero()) {
      row.entries = subtract(row.values, factor, fresh.values);
    }
  }
  rows_.push_back(std::move(fresh));
}

void Knowledge::learn_unknown(std::size_t i) {
  Equation equation(unknowns_);
  equation[i] = Residue(1);
  learn(std::move(equation));
}

bool Knowledge::knows(std::size_t i) const noexcept {
  return std::any_of(rows_.begin(), rows_.end(),
                     [i](const Row& row) { return row.pivot == i && row.entries == 1; });
}

std::size_t Knowledge::known() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(rows_.begin(), rows_.end(), [](const Row& row) { return row.entries == 1; }));
}

}  // namespace hansa::sim::privacy
