// The table of the kernels of all rows, whose loops are in elementwise_*.cpp, family by family.
#include "kernels/elementwise.h"

#include "kernels/formulas.h"

namespace adcore::ADCORE_ISA {

void install_elementwise(Kernels& table) {
  static ElementwiseKernel rows[kFormulaCount];
  install_logic(
      install_activation(install_special(install_trigonometric(install_exponential(install_arithmetic(rows))))));
  table.elementwise = rows;
}

}  // namespace adcore::ADCORE_ISA
