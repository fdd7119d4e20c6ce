#include "jit/optimize.h"

#include <cassert>

#include "jit/passes/fold.h"
#include "jit/passes/fuse.h"
#include "jit/passes/hoist.h"
#include "jit/passes/keep.h"
#include "jit/passes/prune.h"
#include "jit/passes/share.h"
#include "jit/passes/simplify.h"
#include "jit/passes/sink.h"
#include "jit/passes/sound.h"

namespace adcore {

Program optimize(const Program& program, std::vector<PassReport>* report) {
  const auto after = [report](const char* name, Program p) {
    assert(is_sound(p));
    if (report) report->push_back({name, p.statements().size()});
    return p;
  };
  Program p = after("simplify", simplify(program));
  p = after("share", share(p));
  p = after("keep", keep(p));
  p = after("hoist", hoist(p));
  p = after("prune", prune(p));
  p = after("fold", fold(p));
  p = after("fuse", fuse(p));
  return after("sink", sink(p));
}

}  // namespace adcore
