// The kernels of the rows of formulas/activation.h.
#include "kernels/elementwise.h"
#include "kernels/formulas/activation.h"
#include "kernels/vmath.h"

namespace adcore::ADCORE_ISA {

ElementwiseKernel* install_activation(ElementwiseKernel* rows) { return install_rows<kActivation>(rows); }

}  // namespace adcore::ADCORE_ISA
