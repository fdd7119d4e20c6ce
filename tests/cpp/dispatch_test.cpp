// The tables of kernels: which there are, which is chosen, and that none has a hole.
#include <cstdlib>
#include <cstring>

#include "kernel_cases.h"
#include "kernels/optimizers.h"
#include "kernels/reductions.h"

namespace adcore {
namespace {

TEST_CASE("the tables that this CPU runs: at least one, each with a name of its own, worst first") {
  const char* const kOrder[] = {"baseline", "avx2", "avx512", "neon"};
  int last = -1, found = 0;
  for (auto table = all_kernels(); *table; ++table, ++found) {
    int place = 0;
    while (place < 4 && std::strcmp(kOrder[place], (*table)->isa) != 0) ++place;
    CHECK(place < 4);
    CHECK(place > last);
    last = place;
  }
  CHECK(found >= 1);
}

TEST_CASE("the table in use is the one asked for, else the best") {
  const Kernels* best = nullptr;
  const Kernels* named = nullptr;
  const char* name = std::getenv("ADCORE_ISA");
  for (auto table = all_kernels(); *table; ++table) {
    best = *table;
    if (name && std::strcmp((*table)->isa, name) == 0) named = *table;
  }
  CHECK(&kernels() == (named ? named : best));
  CHECK(requested_isa_available() == (!name || !*name || named));
}

TEST_CASE("no table has a hole") {
  testing::on_every_isa([](const Kernels& k) {
    CHECK(k.elementwise);
    CHECK((k.copy && k.load_block && k.store_block && k.take && k.put && k.gather));
    for (int row = 0; row < kReductionCount; ++row) CHECK((k.reductions[row].run[0] && k.reductions[row].run[1]));
    for (int row = 0; row < kScanCount; ++row) CHECK((k.scans[row].run[0] && k.scans[row].run[1]));
    CHECK((k.recurrence[0] && k.recurrence[1]));
    for (const PlaceKernels& p : k.places) CHECK((p.argmax && p.argmin && p.index_add && p.scatter_add));
    for (const SoftmaxKernels& s : k.softmax) CHECK((s.softmax && s.log_softmax));
    CHECK((k.loss_f32.bce_logits && k.loss_f32.cross_entropy && k.loss_f64.bce_logits && k.loss_f64.cross_entropy));
    CHECK((k.gemm_f32 && k.gemm_f64));
    CHECK((k.random.uniform_f32 && k.random.uniform_f64 && k.random.normal_f32 && k.random.normal_f64 &&
           k.random.integers));
    for (int row = 0; row < kOptimizerCount; ++row) CHECK((k.optim_f32[row] && k.optim_f64[row]));
  });
}

}  // namespace
}  // namespace adcore
