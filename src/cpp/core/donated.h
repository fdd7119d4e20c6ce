// What a cell holds whose memory was given away: a value that says so to whoever reads it.
#pragma once

#include <string_view>

#include "core/tensor.h"

namespace adcore {

/// A value of this shape and dtype that nobody can read; the error names who it was donated to.
Tensor make_donated(std::string_view to, const Dims& shape, DType dtype);

}  // namespace adcore
