#include "jit/passes/prune.h"

#include "jit/passes/rewrite.h"

namespace adcore {

Program prune(const Program& program) {
  const auto statements = program.statements();
  std::vector<bool> needed(program.values().size()), stays(statements.size());
  for (const uint32_t value : program.outputs()) needed[value] = true;
  for (size_t i = statements.size(); i-- > 0;) {
    const Program::Statement& s = statements[i];
    bool wanted = s.op->checks;
    for (uint32_t j = 0; j < s.op->outputs; ++j) wanted |= needed[s.out + j];
    stays[i] = wanted;
    if (!wanted) continue;
    for (const Program::Use& use : program.uses_of(s)) needed[use.value] = true;
  }
  Rewrite to(program);
  for (size_t i = 0; i < statements.size(); ++i) {
    if (!stays[i]) continue;
    Program::Statement s = statements[i];
    bool rules_read = false;
    for (uint32_t j = s.op->visible; j < s.op->outputs; ++j) rules_read |= needed[s.out + j];
    s.all_outputs &= rules_read;
    to.copy(s);
  }
  return to.finish();
}

}  // namespace adcore
