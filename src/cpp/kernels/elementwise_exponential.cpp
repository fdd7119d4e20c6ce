// The kernels of the rows of formulas/exponential.h.
#include "kernels/elementwise.h"
#include "kernels/formulas/exponential.h"
#include "kernels/vmath_inverse.h"

namespace adcore::ADCORE_ISA {

ElementwiseKernel* install_exponential(ElementwiseKernel* rows) { return install_rows<kExponential>(rows); }

}  // namespace adcore::ADCORE_ISA
