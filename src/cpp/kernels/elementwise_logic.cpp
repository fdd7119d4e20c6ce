// The kernels of the rows of formulas/logic.h.
#include "kernels/elementwise.h"
#include "kernels/formulas/logic.h"
#include "kernels/vmath_integer.h"

namespace adcore::ADCORE_ISA {

ElementwiseKernel* install_logic(ElementwiseKernel* rows) { return install_rows<kLogic>(rows); }

}  // namespace adcore::ADCORE_ISA
