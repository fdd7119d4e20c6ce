// Chooses the tables of kernels, once.
#include <cstdlib>
#include <cstring>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "kernels/joined.h"
#include "kernels/kernels.h"

namespace adcore {

// Which tables there are, ADCORE_WITH_<name>, comes from the build.
#if defined(ADCORE_WITH_baseline)
namespace baseline {
const Kernels& table();
const JoinedKernels& joined_table();
}  // namespace baseline
#endif
#if defined(ADCORE_WITH_avx2)
namespace avx2 {
const Kernels& table();
const JoinedKernels& joined_table();
}  // namespace avx2
#endif
#if defined(ADCORE_WITH_avx512)
namespace avx512 {
const Kernels& table();
const JoinedKernels& joined_table();
}  // namespace avx512
#endif
#if defined(ADCORE_WITH_neon)
namespace neon {
const Kernels& table();
const JoinedKernels& joined_table();
}  // namespace neon
#endif

namespace {

#if defined(__x86_64__)
// Asked of the processor: the __builtin_cpu_supports of Clang 14 and 16 does not know its name.
[[maybe_unused]] bool has_f16c() noexcept {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

struct Tables {
  const Kernels* all[4] = {};  // what this CPU runs, worst first, then null
  const JoinedKernels* joined[4] = {};
  const Kernels* chosen = nullptr;
  bool request_met = true;

  Tables() {
    int n = 0;
    const auto add = [&](const Kernels& table, const JoinedKernels& beside) {
      all[n] = &table;
      joined[n++] = &beside;
    };
#if defined(ADCORE_WITH_baseline)
    add(baseline::table(), baseline::joined_table());
#endif
#if defined(ADCORE_WITH_neon)
    add(neon::table(), neon::joined_table());
#endif
#if defined(__x86_64__)
    __builtin_cpu_init();
    [[maybe_unused]] const bool has_avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") && has_f16c();
#endif
#if defined(ADCORE_WITH_avx2)
    if (has_avx2) add(avx2::table(), avx2::joined_table());
#endif
#if defined(ADCORE_WITH_avx512)
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
      add(avx512::table(), avx512::joined_table());
    }
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
const JoinedKernels* const detail::chosen_joined_kernels = &joined_kernels(*tables().chosen);

const JoinedKernels& joined_kernels(const Kernels& beside) noexcept {
  int i = 0;
  while (tables().all[i] != &beside) ++i;
  return *tables().joined[i];
}

bool requested_isa_available() noexcept { return tables().request_met; }

const Kernels* const* all_kernels() noexcept { return tables().all; }

}  // namespace adcore
