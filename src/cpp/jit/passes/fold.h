// fold: calls on constants alone are done once, and what they give are constants.
//
// Contract: the new program has the same inputs and outputs, and gives the same bits. A call that fails stays, since it
// may never run. A trace folds what is constant when it is recorded; this is for what other passes left.
#pragma once

#include "jit/program.h"

namespace adcore {

Program fold(const Program& program);

}  // namespace adcore
