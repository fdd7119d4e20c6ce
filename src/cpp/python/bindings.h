// The parts of the module that pybind11 binds.
#pragma once

#include <pybind11/pybind11.h>

namespace adcore::python {

void bind_levels(pybind11::module_& m);
void bind_optimizers(pybind11::module_& m);

}  // namespace adcore::python
