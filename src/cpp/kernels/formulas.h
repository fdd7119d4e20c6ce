// Every elementwise op, once: the rows of all families (formulas/) in one table.
//
// A row is the whole op: what it is made of, and what comes from it, stands in formula.h. The kernels are compiled
// family by family (elementwise_*.cpp), so that a change of one compiles little.
#pragma once

#include "kernels/formulas/activation.h"
#include "kernels/formulas/arithmetic.h"
#include "kernels/formulas/exponential.h"
#include "kernels/formulas/logic.h"
#include "kernels/formulas/special.h"
#include "kernels/formulas/trigonometric.h"

namespace adcore {

inline constexpr auto kFormulas = join(kArithmetic, kExponential, kTrigonometric, kSpecial, kActivation, kLogic);

inline constexpr int kFormulaCount = decltype(kFormulas)::kCount;

/// The row called `name`. At compile time an unknown name is an error; at run time the result is -1.
constexpr int formula_index(std::string_view name) {
  int found = -1, i = 0;
  kFormulas.apply([&](const auto&... row) { ((row.name() == name ? found = i : 0, ++i), ...); });
  return found;
}

}  // namespace adcore
