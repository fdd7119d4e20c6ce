#include "jit/passes/prune.h"

#include <unordered_map>

#include "jit/passes/rewrite.h"
#include "jit/passes/trim.h"

namespace adcore {
namespace {

/// The loop with what is left of it.
void copy_trimmed(Rewrite& to, const Program& p, const Program::Statement& s, const Trimmed& t) {
  const auto uses = p.uses_of(s);
  std::vector<Program::Use> left{{to.builder().constant(t.body), false}};
  for (size_t k = 0; k < t.inputs.size(); ++k)
    if (t.inputs[k]) left.push_back({to.renamed(uses[k + 1].value), uses[k + 1].weak});
  std::vector<uint32_t> outputs;
  for (uint32_t j = 0; j < t.outputs.size(); ++j)
    if (t.outputs[j]) outputs.push_back(s.out + j);
  uint32_t out = to.builder().statement(scan_op(outputs.size()), left, Attrs(t.attrs), s.all_outputs, s.place);
  for (const uint32_t old : outputs) {
    to.builder().set_value(out, p.values()[old].shape, p.values()[old].dtype);
    to.rename(old, out++);
  }
}

}  // namespace

Program prune(const Program& program) {
  const auto statements = program.statements();
  std::vector<bool> needed(program.values().size()), stays(statements.size());
  std::unordered_map<size_t, Trimmed> loops;  // by the statement
  for (const uint32_t value : program.outputs()) needed[value] = true;
  for (size_t i = statements.size(); i-- > 0;) {
    const Program::Statement& s = statements[i];
    bool wanted = s.op->checks;
    for (uint32_t j = 0; j < s.op->outputs; ++j) wanted |= needed[s.out + j];
    stays[i] = wanted;
    if (!wanted) continue;
    const auto uses = program.uses_of(s);
    if (is_scan(*s.op)) {
      std::vector<bool> read;
      for (uint32_t j = 0; j < s.op->outputs; ++j) read.push_back(needed[s.out + j]);
      Trimmed t = trim(body_in(program.constant(uses[0].value)).program(), program.attrs_of(s).as<ScanAttrs>(), read);
      if (t.body.defined()) {
        for (size_t k = 0; k < t.inputs.size(); ++k)
          if (t.inputs[k]) needed[uses[k + 1].value] = true;
        loops.emplace(i, std::move(t));
        continue;
      }
    }
    for (const Program::Use& use : uses) needed[use.value] = true;
  }
  Rewrite to(program);
  for (size_t i = 0; i < statements.size(); ++i) {
    if (!stays[i]) continue;
    if (const auto loop = loops.find(i); loop != loops.end()) {
      copy_trimmed(to, program, statements[i], loop->second);
      continue;
    }
    Program::Statement s = statements[i];
    bool rules_read = false;
    for (uint32_t j = s.op->visible; j < s.op->outputs; ++j) rules_read |= needed[s.out + j];
    s.all_outputs &= rules_read;
    to.copy(s);
  }
  return to.finish();
}

}  // namespace adcore
