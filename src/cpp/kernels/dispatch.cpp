// Chooses the table of kernels, once.
#include <cstdlib>
#include <cstring>

#include "kernels/kernels.h"

namespace adcore {

#if defined(__x86_64__) && !defined(ADCORE_BASELINE)
namespace baseline {
const Kernels& table();
}
namespace avx2 {
const Kernels& table();
}
namespace avx512 {
const Kernels& table();
}
#elif defined(__aarch64__)
namespace neon {
const Kernels& table();
}
#else
namespace baseline {
const Kernels& table();
}
#endif

namespace {

struct Tables {
  const Kernels* all[4] = {};  // what this CPU runs, worst first, then null
  const Kernels* chosen = nullptr;
  bool request_met = true;

  Tables() {
    int n = 0;
#if defined(__x86_64__) && !defined(ADCORE_BASELINE)
    __builtin_cpu_init();
    all[n++] = &baseline::table();
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                          __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c");
    if (has_avx2) all[n++] = &avx2::table();
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
      all[n++] = &avx512::table();
    }
#elif defined(__aarch64__)
    all[n++] = &neon::table();
#else
    all[n++] = &baseline::table();
#endif
    chosen = all[n - 1];
    if (const char* name = std::getenv("ADCORE_ISA")) {
      request_met = *name == 0;
      for (int i = 0; i < n; ++i) {
        if (std::strcmp(all[i]->isa, name) != 0) continue;
        chosen = all[i];
        request_met = true;
      }
    }
  }
};

const Tables& tables() noexcept {
  static const Tables t;
  return t;
}

}  // namespace

const Kernels* const detail::chosen_kernels = tables().chosen;

bool requested_isa_available() noexcept { return tables().request_met; }

const Kernels* const* all_kernels() noexcept { return tables().all; }

}  // namespace adcore
