// The kernels of the rows of formulas/trigonometric.h.
#include "kernels/elementwise.h"
#include "kernels/formulas/trigonometric.h"
#include "kernels/vmath_inverse.h"

namespace adcore::ADCORE_ISA {

ElementwiseKernel* install_trigonometric(ElementwiseKernel* rows) { return install_rows<kTrigonometric>(rows); }

}  // namespace adcore::ADCORE_ISA
