// The table of one instruction set.
#include "kernels/isa.h"

namespace adcore::ADCORE_ISA {

const Kernels& table() {
  static Kernels t = [] {
    Kernels k{};
    k.isa = ADCORE_ISA_NAME;
    install_elementwise(k);
    install_copy(k);
    install_index(k);
    install_reduce(k);
    install_scan(k);
    install_softmax(k);
    install_loss(k);
    install_gemm(k);
    install_factor(k);
    install_conv(k);
    install_pool(k);
    install_normalization(k);
    install_recurrent(k);
    install_random(k);
    install_optim(k);
    return k;
  }();
  return t;
}

}  // namespace adcore::ADCORE_ISA
