// Vector mathematics of our own, on Pack<float> and Pack<double>; pow also on the integer packs.
//
//   vmath_base.h        polynomials, powers of two, exact sums and products
//   vmath_exp.h         exp expm1 log log1p tanh sigmoid softplus logsigmoid
//   vmath_pow.h         pow
//   vmath_erf.h         erf erfc gauss
//   vmath_trig.h        sin cos tan
//   vmath_activation.h  silu gelu gelu_tanh mish tanhshrink
//
// and, for the rows that need them alone and therefore not included here,
//
//   vmath_inverse.h     sinh cosh asin acos atan atan2 asinh acosh atanh exp2 log2 log10 hypot sinc
//   vmath_special.h     erfinv lgamma digamma polygamma i0 i1 i0e i1e
//   vmath_integer.h     bits, integers, and what has no vector form
//
// A slope (silu_slope, ...) is the derivative, and a curvature that of the slope, where a formula of the functions
// above would lose it.
//
// Laws, on every instruction set and over the whole range of arguments: within 3 ULP (float) and 4 ULP (double) of the
// true value; NaN, inf, -0 and denormal numbers as C says; results underflow gradually and overflow where the true
// value does. The last bits may differ between instruction sets (fused multiply-add), never between calls on one.
#pragma once

#include "kernels/vmath_activation.h"
#include "kernels/vmath_erf.h"
#include "kernels/vmath_exp.h"
#include "kernels/vmath_pow.h"
#include "kernels/vmath_trig.h"
