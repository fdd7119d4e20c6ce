// Rules from an op's expansion: the same call written with other ops, which are differentiated instead.
//
// The kernel of such an op gives the value (of a first derivative, mostly), the expansion gives what nobody wrote by
// hand: reverse rules of the arguments left out by Op::vjp, tangents, everything of higher order.
#pragma once

#include "ops/rules.h"

namespace adcore {

class Pullback;

/// The cotangents of the active arguments of `mask`, of a statement whose op keeps all its operands. given[k] stays
/// undefined for others and for zero.
void expanded_cotangents(const Pullback& p, uint32_t mask, Tensor* given);

/// The tangents of the outputs.
void push_expanded(Pushforward& p);

}  // namespace adcore
