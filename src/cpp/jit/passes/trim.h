// trim: what of a loop's step is needed where not all of what the loop gives is read.
//
// Contract: of a scan whose wanted outputs are known, tells which of its outputs, carries, slices and other operands
// they depend on, over any number of steps, and makes the body that has only these. It gives the same bits. Linear in
// the number of the body's statements.
#pragma once

#include <vector>

#include "jit/loop.h"

namespace adcore {

struct Trimmed {
  std::vector<bool> inputs, outputs;  // of the body: those that stay
  ScanAttrs attrs;
  Tensor body;  // undefined where everything stays
};

Trimmed trim(const Program& body, const ScanAttrs& attrs, std::vector<bool> wanted);

}  // namespace adcore
