// The kernels of the rows of formulas/arithmetic.h.
#include "kernels/elementwise.h"
#include "kernels/formulas/arithmetic.h"
#include "kernels/vmath_integer.h"
#include "kernels/vmath_pow.h"

namespace adcore::ADCORE_ISA {

ElementwiseKernel* install_arithmetic(ElementwiseKernel* rows) { return install_rows<kArithmetic>(rows); }

}  // namespace adcore::ADCORE_ISA
