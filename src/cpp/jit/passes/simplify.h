// simplify: calls that change nothing go (x * 1, x - 0, x / 1), and what an op says is simpler where operands are known (Op::simpler) take their place.
//
// Contract: the new program has the same inputs and outputs, and gives the same bits. So x + 0 stays: it makes -0 a 0.
#pragma once

#include "jit/program.h"

namespace adcore {

Program simplify(const Program& program);

}  // namespace adcore
