#include "jit/passes/fold.h"

#include <algorithm>

#include "base/few.h"
#include "jit/passes/rewrite.h"

namespace adcore {

Program fold(const Program& program) {
  Rewrite to(program);
  std::vector<Tensor> known(program.values().size());
  for (const Program::Constant& c : program.constants()) known[c.value] = c.tensor;
  for (const Program::Statement& s : program.statements()) {
    const auto uses = program.uses_of(s);
    const bool folds = !s.op->checks && s.use_count != 0 &&
                       std::ranges::all_of(uses, [&](const Program::Use& use) { return known[use.value].defined(); });
    if (folds) {
      Few<Operand, 8> operands(s.use_count);
      for (size_t k = 0; k < uses.size(); ++k) operands[k] = {&known[uses[k].value], 0, uses[k].weak};
      std::vector<Tensor> made(s.op->outputs);
      Call call{*s.op, operands.data(), s.use_count, made.data(), program.attrs_of(s), s.all_outputs};
      try {
        run_plain(call);
        for (int j = 0; j < s.op->outputs; ++j) {
          if (!program.makes(s, j)) continue;
          const uint32_t out = s.out + static_cast<uint32_t>(j);
          known[out] = made[static_cast<size_t>(j)];
          to.rename(out, to.builder().constant(known[out]));
        }
        continue;
      } catch (const Error&) {
        // It is told where it runs.
      }
    }
    to.copy(s);
  }
  return to.finish();
}

}  // namespace adcore
