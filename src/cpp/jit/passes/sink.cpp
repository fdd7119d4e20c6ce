#include "jit/passes/sink.h"

#include "jit/passes/rewrite.h"
#include "ops/optim.h"

namespace adcore {

Program sink(const Program& program) {
  std::vector<bool> read(program.values().size());
  for (const Program::Statement& s : program.statements())
    for (const Program::Use& use : program.uses_of(s)) read[use.value] = true;
  const auto sinks = [&](const Program::Statement& s) {
    bool is_read = false;
    for (uint32_t j = 0; j < s.op->outputs; ++j) is_read |= read[s.out + j];
    return !is_read && is_optimizer_step(*s.op);
  };
  Rewrite to(program);
  for (const bool last : {false, true})
    for (const Program::Statement& s : program.statements())
      if (sinks(s) == last) to.copy(s);
  return to.finish();
}

}  // namespace adcore
