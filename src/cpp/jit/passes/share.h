// share: calls of one op on the same values with the same attributes become one call (common subexpressions).
//
// Contract: the new program has the same inputs and outputs, and gives the same bits: an op's outputs depend on its
// operands and attributes alone. Linear in the number of statements.
#pragma once

#include "jit/program.h"

namespace adcore {

Program share(const Program& program);

}  // namespace adcore
