// keep: what the steps of a loop computed is kept, stacked, for the loop that computes it again, as one of reverse mode does.
//
// Contract: the new program has the same inputs and outputs, and gives the same bits. A scan keeps what a later scan on
// its rows would compute from the same operands by calls that are not elementwise; elementwise ones are done again, which
// takes less time than memory does. Nothing that depends on a loop inside of a step is kept: so what a user wants to be
// computed again, block by block, stays so. Linear in the number of statements, but for steps that several loops go
// back over.
#pragma once

#include "jit/program.h"

namespace adcore {

Program keep(const Program& program);

}  // namespace adcore
