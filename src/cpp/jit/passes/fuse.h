// fuse: elementwise calls of one shape, rows and partials, become calls of `fused` (ops/fused.h), each of which is one
// pass over memory.
//
// Contract: the new program has the same inputs and outputs, and gives the same bits. Other calls stay as they are, in
// an order that keeps to the old one as far as the values that they need allow. Time and memory are linear in the number
// of statements.
#pragma once

#include "jit/program.h"

namespace adcore {

Program fuse(const Program& program);

}  // namespace adcore
