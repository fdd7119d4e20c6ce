#include "jit/optimize.h"

#include "jit/passes/fuse.h"
#include "jit/passes/prune.h"
#include "jit/passes/share.h"
#include "jit/passes/simplify.h"

namespace adcore {

Program optimize(const Program& program) { return fuse(prune(share(simplify(program)))); }

}  // namespace adcore
