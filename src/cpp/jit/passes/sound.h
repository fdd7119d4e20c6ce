// sound: what every program must be, whatever made it. A pass that mixes up numbers of values makes one that runs and
// gives other numbers; here it is found out. Asserted after every pass in builds with assertions.
#pragma once

#include "jit/program.h"

namespace adcore {

/// Operands are values that are there when the statement comes, outputs are values of the program, and what a loop takes
/// and gives has the shapes and dtypes that its body has.
bool is_sound(const Program& program);

}  // namespace adcore
