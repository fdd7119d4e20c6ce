// prune: statements whose outputs nobody reads go, and so do outputs that only rules read where no rule does, and what
// of a loop nobody reads (passes/trim.h).
//
// Contract: the new program has the same inputs and outputs, and gives the same bits. A call that only checks (Op::checks)
// stays, since it raises what the user's function raises.
#pragma once

#include "jit/program.h"

namespace adcore {

Program prune(const Program& program);

}  // namespace adcore
