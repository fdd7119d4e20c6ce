// The functions of the op table as Python callables, and the calls of ops that operators share with them.
#pragma once

#include "python/object.h"

namespace adcore::python {

/// Runs an elementwise op into a new Tensor object.
PyObject* apply_elementwise(const Op& op, const Operand* operands, int count);

/// base ** exponent; common constant exponents have ops of their own, which are right at 0 at every order.
PyObject* power_of(PyObject* base, PyObject* exponent);

}  // namespace adcore::python
