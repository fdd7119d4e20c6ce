// Functions of the user's that programs call (jit/callback.h).
#pragma once

#include <vector>

#include "jit/callback.h"
#include "python/object.h"

namespace adcore::python {

/// The objects of the program's callbacks, which hold them no longer themselves: whoever takes them takes part in garbage
/// collection.
std::vector<Owned> take_callbacks(const Program& program);
/// Puts a value into a cell as it is; for the cell of tokens what the members of vmaps have in common.
void put(PyObject* cell, Tensor value);

}  // namespace adcore::python
