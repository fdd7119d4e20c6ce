// optimize: the passes, in their order.
#pragma once

#include <vector>

#include "jit/program.h"

namespace adcore {

/// What a pass left.
struct PassReport {
  const char* name;
  size_t statements;
};

/// A program that gives the same bits by less work. Each pass adds to the report, where there is one.
Program optimize(const Program& program, std::vector<PassReport>* report = nullptr);

}  // namespace adcore
