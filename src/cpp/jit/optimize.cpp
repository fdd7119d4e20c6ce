#include "jit/optimize.h"

#include "jit/passes/fuse.h"
#include "jit/passes/prune.h"
#include "jit/passes/share.h"
#include "jit/passes/simplify.h"

namespace adcore {

Program optimize(const Program& program, std::vector<PassReport>* report) {
  const auto after = [report](const char* name, Program p) {
    if (report) report->push_back({name, p.statements().size()});
    return p;
  };
  return after("fuse", fuse(after("prune", prune(after("share", share(after("simplify", simplify(program))))))));
}

}  // namespace adcore
