// rows: the program of some of the rows of its values.
//
// Where every row of what a program makes, along axis 0, depends on the same row of its first inputs and on what has no
// rows, as the members of a mini-batch do not meet in a step of a recurrent network, the program of fewer rows gives
// these rows of the same outputs, bit for bit. So parts of the rows can be computed side by side.
#pragma once

#include <optional>

#include "jit/program.h"

namespace adcore {

/// The first `fixed` inputs and all outputs have rows. Nullopt where rows may meet.
std::optional<Program> on_rows(const Program& program, size_t fixed, int64_t rows);

}  // namespace adcore
