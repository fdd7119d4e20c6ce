// hoist: products of all steps of a loop at once, where no step waits for what they give.
//
// Contract: the new program has the same inputs and outputs, and gives the same bits. Of a scan's step, a product of a
// slice with matrices that are the same in all steps is made before the loop, of all slices; and where every step adds a
// product to a carry that nothing else reads, as the gradient of a matrix is summed, the loop gives the factors as rows,
// and the products are added after it, in the order of the steps. What that keeps in memory is bounded by what the
// product is of. Linear in the number of statements.
#pragma once

#include "jit/program.h"

namespace adcore {

Program hoist(const Program& program);

}  // namespace adcore
