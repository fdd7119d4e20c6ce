// The kernels of the rows of formulas/special.h.
#include "kernels/elementwise.h"
#include "kernels/formulas/special.h"
#include "kernels/vmath_special.h"

namespace adcore::ADCORE_ISA {

ElementwiseKernel* install_special(ElementwiseKernel* rows) { return install_rows<kSpecial>(rows); }

}  // namespace adcore::ADCORE_ISA
