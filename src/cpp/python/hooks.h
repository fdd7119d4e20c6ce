// Hooks on the inputs of derivatives. adcore/transforms/hooks.py registers hooks; a tensor owns its own.
#pragma once

#include <span>

#include "python/object.h"
#include "sweeps/recording.h"

namespace adcore::python {

/// Passes the gradients that a sweep reached through the hooks on what was given for the inputs: once for each input,
/// however often it was given. `given` has an entry for each input; null where it was no Python object. That of a
/// Parameter which the function froze becomes zero, as that of one which was frozen before.
void run_hooks(Gradients& gradients, std::span<const Owned> given);

}  // namespace adcore::python
