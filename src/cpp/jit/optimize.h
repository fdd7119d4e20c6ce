// optimize: the passes, in their order.
#pragma once

#include "jit/program.h"

namespace adcore {

/// A program that gives the same bits by less work.
Program optimize(const Program& program);

}  // namespace adcore
