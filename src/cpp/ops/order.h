// The loops of order: which element of a row comes first, where a value belongs in a sorted row, which one leads a
// running extremum. They read and write one element here and one there, so no instruction set has anything to gain: one
// compilation serves all.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace adcore {

/// index[o, k, j]: where in x[o, :, j] the element stands that is number first + k of the sorted row, for k in [0,
/// count). Equal elements keep their order; NaN is the greatest of all. The rows are shared out among `parts` parts.
struct OrderArgs {
  const void* x;   // [outer, n, inner]; n < 2^32
  int64_t* index;  // [outer, count, inner]
  int64_t outer, n, inner, first, count, parts;
  bool descending;
  void* scratch;  // parts * n * order_scratch() bytes
};
void order_rows(Compute compute, const OrderArgs& a);
int64_t order_scratch(Compute compute) noexcept;

/// place[r, i]: how many elements of a sorted row are less than values[r, i]; with `right`, not greater.
struct SearchArgs {
  const void* sorted;  // [rows, n], or one row for all
  const void* values;  // [rows, count]
  int64_t* place;      // [rows, count]
  int64_t rows, n, count;
  bool one_row, right;
};
void search_rows(Compute compute, const SearchArgs& a);

/// index[o, i, j]: where the extremum of x[o, 0 ... i, j] stands, the last of equal ones; the last NaN where there is
/// one.
struct RunningArgs {
  const void* x;   // [outer, n, inner]
  int64_t* index;  // the same
  int64_t outer, n, inner;
  bool largest;
};
void running_rows(Compute compute, const RunningArgs& a);

}  // namespace adcore
