// sink: steps of optimizers whose results no statement reads come last.
//
// Contract: the new program has the same statements, inputs and outputs, and gives the same bits. What comes last may
// write over what it updates, since nothing can fail afterwards (Plan::Updates). Linear in the number of statements.
#pragma once

#include "jit/program.h"

namespace adcore {

Program sink(const Program& program);

}  // namespace adcore
