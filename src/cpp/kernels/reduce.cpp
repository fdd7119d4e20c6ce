// Reductions over the middle axis of a contiguous [outer, n, inner], for the four compute types.
//
// Two loops carry sum, max and min: reduce_row for inner = 1 (packs along the row, one horizontal step at its
// end; many short rows take a lane each instead) and reduce_panel for inner > 1 (packs across the columns, a panel of columns at a time). Both combine their
// leaves pairwise: |error of a sum| <= (log2 n + 22) eps sum|x|. Columns too few to fill registers are folded: [n,
// inner] is read as [n / f, f * inner], and the f partial results of a column combine at the end.
#include "kernels/pairwise.h"

namespace adcore::ADCORE_ISA {
namespace {

// ---- the operations: on packs; an identity that changes no bit ----------------------------------------------------

template <class T>
using Limits = std::numeric_limits<T>;

struct Sum {
  template <class T>
  static constexpr T kIdentity = static_cast<T>(-0.0);
  template <class V>
  [[gnu::always_inline]] V operator()(V a, V b) const {
    return a + b;
  }
};
struct Max {
  template <class T>
  static constexpr T kIdentity = Limits<T>::has_infinity ? -Limits<T>::infinity() : Limits<T>::lowest();
  template <class V>
  [[gnu::always_inline]] V operator()(V a, V b) const {
    return max(a, b);
  }
  template <class V>
  [[gnu::always_inline]] static auto before(V a, V b) {
    return a > b;
  }
};
struct Min {
  template <class T>
  static constexpr T kIdentity = Limits<T>::has_infinity ? Limits<T>::infinity() : Limits<T>::max();
  template <class V>
  [[gnu::always_inline]] V operator()(V a, V b) const {
    return min(a, b);
  }
  template <class V>
  [[gnu::always_inline]] static auto before(V a, V b) {
    return a < b;
  }
};

constexpr double kByteNs = 0.05;    // reading from memory
constexpr int64_t kManyTasks = 16;  // as many independent results run in parallel; fewer are split inside
constexpr int kRowWays = 8;         // accumulators of a row: hide the latency of an addition
constexpr int64_t kRowLeaf = 128;   // packs
constexpr int64_t kShortRow = 16;   // elements
constexpr double kShortNs = 0.4;    // an element of a short row
constexpr int kPanelWays = 4;       // packs of a panel that run together
constexpr int64_t kPanelLeaf = 16;  // rows
constexpr int64_t kPanelBytes = 2048;

template <class T>
constexpr int64_t kPanelWidth = kPanelBytes / sizeof(T);

// ---- one row ------------------------------------------------------------------------------------------------------

template <class Op, class T>
Pack<T> reduce_leaf(const T* x, int64_t n) {
  using P = Pack<T>;
  constexpr int64_t kStep = kRowWays * P::kLanes;
  P total = Op::template kIdentity<T>;
  int64_t i = 0;
  if (n >= kStep) {
    P acc[kRowWays];
    for (int k = 0; k < kRowWays; ++k) acc[k] = P::load(x + k * P::kLanes);
    for (i = kStep; i + kStep <= n; i += kStep) {
      for (int k = 0; k < kRowWays; ++k) acc[k] = Op()(acc[k], P::load(x + i + k * P::kLanes));
    }
    for (int half = kRowWays / 2; half > 0; half /= 2) {
      for (int k = 0; k < half; ++k) acc[k] = Op()(acc[k], acc[k + half]);
    }
    total = acc[0];
  }
  for_packs<T>(
      i, n, [&](int64_t at, int lanes) { total = Op()(total, load_lanes(x + at, lanes, Op::template kIdentity<T>)); });
  return total;
}

template <class Op, class T>
T reduce_row(const T* x, int64_t n) {
  using P = Pack<T>;
  constexpr int64_t kLeaf = kRowLeaf * P::kLanes;
  const auto leaf = [=](int64_t i) {
    const int64_t rest = n - i * kLeaf;
    return reduce_leaf<Op>(x + i * kLeaf, rest < kLeaf ? rest : kLeaf);
  };
  const P total = pairwise(ceil_div(n, kLeaf), kLeaf * sizeof(T) * kByteNs, leaf, [](P& a, P b) { a = Op()(a, b); });
  return detail::reduce<P>(total, Op());
}

/// Element l of the pack is p[l * step], for l < lanes; the others are 0.
template <class T>
[[gnu::always_inline]] inline Pack<T> load_strided(const T* p, int64_t step, int lanes) {
  Pack<T> r(0);
  if (lanes == Pack<T>::kLanes) {
    for (int l = 0; l < Pack<T>::kLanes; ++l) r.v[l] = p[l * step];
  } else {
    for (int l = 0; l < lanes; ++l) r.v[l] = p[l * step];
  }
  return r;
}

/// Rows that do not fill a pack: a lane each, so that no row needs a step across lanes.
template <class Op, class T>
void reduce_short_rows(const T* x, T* y, int64_t rows, int64_t n) {
  for_packs<T>(0, rows, [=](int64_t o, int lanes) {
    Pack<T> acc = load_strided(x + o * n, n, lanes);
    for (int64_t i = 1; i < n; ++i) acc = Op()(acc, load_strided(x + o * n + i, n, lanes));
    store_lanes(acc, y + o, lanes);
  });
}

// ---- columns ------------------------------------------------------------------------------------------------------

template <class T>
struct Panel {
  T v[kPanelWidth<T>];
};

/// a[j] = op(a[j], b[j])
template <class Op, class T>
void combine_rows(T* a, const T* b, int64_t width) {
  for_packs<T>(0, width, [&](int64_t j, int lanes) {
    store_lanes(Op()(load_lanes(a + j, lanes), load_lanes(b + j, lanes)), a + j, lanes);
  });
}

/// out[j] = op over i of x[i * stride + j], a few rows.
template <class Op, class T>
void reduce_rows(const T* x, int64_t rows, int64_t stride, int64_t width, T* out) {
  using P = Pack<T>;
  constexpr int64_t kStep = kPanelWays * P::kLanes;
  int64_t j = 0;
  for (; j + kStep <= width; j += kStep) {
    P acc[kPanelWays];
    for (int k = 0; k < kPanelWays; ++k) acc[k] = P::load(x + j + k * P::kLanes);
    for (int64_t i = 1; i < rows; ++i) {
      for (int k = 0; k < kPanelWays; ++k) acc[k] = Op()(acc[k], P::load(x + i * stride + j + k * P::kLanes));
    }
    for (int k = 0; k < kPanelWays; ++k) acc[k].store(out + j + k * P::kLanes);
  }
  for_packs<T>(j, width, [&](int64_t at, int lanes) {
    P acc = load_lanes(x + at, lanes);
    for (int64_t i = 1; i < rows; ++i) acc = Op()(acc, load_lanes(x + i * stride + at, lanes));
    store_lanes(acc, out + at, lanes);
  });
}

/// The columns [0, width), width <= kPanelWidth, of rows that are `stride` apart.
template <class Op, class T>
Panel<T> reduce_panel(const T* x, int64_t n, int64_t stride, int64_t width) {
  const auto leaf = [=](int64_t i) {
    const int64_t rest = n - i * kPanelLeaf;
    Panel<T> r;
    reduce_rows<Op>(x + i * kPanelLeaf * stride, rest < kPanelLeaf ? rest : kPanelLeaf, stride, width, r.v);
    return r;
  };
  const double leaf_ns = static_cast<double>(kPanelLeaf * width) * sizeof(T) * kByteNs;
  return pairwise(ceil_div(n, kPanelLeaf), leaf_ns, leaf,
                  [=](Panel<T>& a, const Panel<T>& b) { combine_rows<Op>(a.v, b.v, width); });
}

/// Contiguous columns that are too few to fill the packs of a panel.
template <class Op, class T>
Panel<T> reduce_narrow(const T* x, int64_t n, int64_t inner) {
  int64_t fold = floor_power(kPanelWidth<T> / inner);
  while (fold > n / 2) fold /= 2;
  if (fold < 4) return reduce_panel<Op>(x, n, inner, inner);
  Panel<T> r = reduce_panel<Op>(x, n / fold, fold * inner, fold * inner);
  for (int64_t width = fold / 2 * inner; width >= inner; width /= 2) combine_rows<Op>(r.v, r.v + width, width);
  const int64_t done = n / fold * fold;
  if (done < n) {
    const Panel<T> rest = reduce_narrow<Op>(x + done * inner, n - done, inner);
    combine_rows<Op>(r.v, rest.v, inner);
  }
  return r;
}

// ---- drivers: split [outer, n, inner] into independent tasks ------------------------------------------------------

/// task(i) for every i; each is split further by itself where they are few.
template <class Task>
void run_tasks(int64_t tasks, double task_ns, Task task) {
  const auto block = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) task(i);
  };
  if (tasks < kManyTasks) return block(0, tasks);
  for_blocks(tasks, task_ns, block);
}

/// task(first, rows) for parts of `rows` short rows of n elements.
template <class T, class Task>
void for_short_rows(int64_t rows, int64_t n, Task task) {
  constexpr int64_t kTogether = 64;  // whole packs
  for_blocks(ceil_div(rows, kTogether), static_cast<double>(kTogether * n) * kShortNs, [=](int64_t begin, int64_t end) {
    const int64_t first = begin * kTogether, last = end * kTogether < rows ? end * kTogether : rows;
    task(first, last - first);
  });
}

/// task(o, j, width) for every panel of columns [j, j + width).
template <class T, class Task>
void run_panels(int64_t outer, int64_t n, int64_t inner, double element_ns, Task task) {
  const int64_t panels = ceil_div(inner, kPanelWidth<T>);
  const int64_t width = inner < kPanelWidth<T> ? inner : kPanelWidth<T>;
  run_tasks(outer * panels, static_cast<double>(n * width) * element_ns, [=](int64_t i) {
    const int64_t o = i / panels, j = i % panels * width;
    task(o, j, inner - j < width ? inner - j : width);
  });
}

template <class Op, class T>
void reduce(const void* in, void* out, int64_t outer, int64_t n, int64_t inner) {
  const T* x = static_cast<const T*>(in);
  T* y = static_cast<T*>(out);
  constexpr double kElementNs = sizeof(T) * kByteNs;
  if (outer == 0 || inner == 0) return;
  if (n == 0) {
    for (int64_t i = 0; i < outer * inner; ++i) y[i] = Op::template kIdentity<T> + T(0);  // -0 + 0 is 0
  } else if (n == 1) {
    std::memcpy(y, x, static_cast<size_t>(outer * inner) * sizeof(T));
  } else if (inner == 1 && n <= kShortRow) {  // however many rows: a row alone rounds as it does among others
    for_short_rows<T>(outer, n,
                      [=](int64_t first, int64_t rows) { reduce_short_rows<Op>(x + first * n, y + first, rows, n); });
  } else if (inner == 1) {
    run_tasks(outer, static_cast<double>(n) * kElementNs, [=](int64_t o) { y[o] = reduce_row<Op>(x + o * n, n); });
  } else {
    run_panels<T>(outer, n, inner, kElementNs, [=](int64_t o, int64_t j, int64_t width) {
      const T* first = x + o * n * inner + j;
      const bool narrow = inner < kPanelWays * Pack<T>::kLanes;
      const Panel<T> r = narrow ? reduce_narrow<Op>(first, n, inner) : reduce_panel<Op>(first, n, inner, width);
      std::memcpy(y + o * inner + j, r.v, static_cast<size_t>(width) * sizeof(T));
    });
  }
}

// ---- argmax, argmin -----------------------------------------------------------------------------------------------

/// a stands strictly before b; NaN before everything but NaN.
template <class Op, class T>
bool wins(T a, T b) {
  return Op::before(a, b) || (a != a && b == b);
}

/// The first index of `value`, or of NaN.
template <class T>
int64_t find_first(const T* x, int64_t n, T value) {
  using P = Pack<T>;
  int64_t i = 0;
  for (; i + P::kLanes <= n; i += P::kLanes) {
    const P v = P::load(x + i);
    if (any((v == P(value)) | (v != v))) break;
  }
  while (x[i] != value && x[i] == x[i]) ++i;
  return i;
}

/// The extremum of each block, then the place of the first block that has it.
template <class Op, class T>
int64_t arg_row(const T* x, int64_t n) {
  constexpr int64_t kLeaf = kRowLeaf * Pack<T>::kLanes;
  struct Best {
    T value;
    int64_t block;
  };
  const auto size = [=](int64_t i) { return n - i * kLeaf < kLeaf ? n - i * kLeaf : kLeaf; };
  const auto leaf = [=](int64_t i) {
    return Best{detail::reduce<Pack<T>>(reduce_leaf<Op>(x + i * kLeaf, size(i)), Op()), i};
  };
  const Best best = pairwise(ceil_div(n, kLeaf), kLeaf * sizeof(T) * kByteNs, leaf, [](Best& a, const Best& b) {
    if (wins<Op>(b.value, a.value)) a = b;
  });
  const int64_t begin = best.block * kLeaf;
  return begin + find_first(x + begin, size(best.block), best.value);
}

/// As reduce_short_rows().
template <class Op, class T>
void arg_short_rows(const T* x, int64_t* y, int64_t rows, int64_t n) {
  using P = Pack<T>;
  for_packs<T>(0, rows, [=](int64_t o, int lanes) {
    P best = load_strided(x + o * n, n, lanes), place(0);
    for (int64_t i = 1; i < n; ++i) {
      const P v = load_strided(x + o * n + i, n, lanes);
      const Mask<T> won = Op::before(v, best) | ((v != v) & (best == best));
      best = select(won, v, best);
      place = select(won, P(i), place);
    }
    for (int l = 0; l < lanes; ++l) y[o + l] = static_cast<int64_t>(place[l]);
  });
}

/// `kWays` packs of columns (one, of `lanes` lanes, for the rest) down n rows.
template <int kWays, class Op, class T>
void arg_columns(const T* x, int64_t* y, int64_t n, int64_t inner, int lanes) {
  using P = Pack<T>;
  P best[kWays], place[kWays];
  for (int k = 0; k < kWays; ++k) best[k] = load_lanes(x + k * P::kLanes, lanes), place[k] = P(0);
  for (int64_t i = 1; i < n; ++i) {
    for (int k = 0; k < kWays; ++k) {
      const P v = load_lanes(x + i * inner + k * P::kLanes, lanes);
      const Mask<T> won = Op::before(v, best[k]) | ((v != v) & (best[k] == best[k]));
      best[k] = select(won, v, best[k]);
      place[k] = select(won, P(i), place[k]);
    }
  }
  for (int k = 0; k < kWays; ++k)
    for (int l = 0; l < lanes; ++l) y[k * P::kLanes + l] = static_cast<int64_t>(place[k][l]);
}

template <class Op, class T>
void arg_panel(const T* x, int64_t* y, int64_t n, int64_t inner, int64_t width) {
  constexpr int64_t kStep = kPanelWays * Pack<T>::kLanes;
  constexpr int64_t kExact = int64_t{1} << 24;  // places above are not all floats
  if (n > kExact) {
    for (int64_t j = 0; j < width; ++j) {
      int64_t best = 0;
      for (int64_t i = 1; i < n; ++i)
        if (wins<Op>(x[i * inner + j], x[best * inner + j])) best = i;
      y[j] = best;
    }
    return;
  }
  int64_t j = 0;
  for (; j + kStep <= width; j += kStep) arg_columns<kPanelWays, Op>(x + j, y + j, n, inner, Pack<T>::kLanes);
  for_packs<T>(j, width, [=](int64_t at, int lanes) { arg_columns<1, Op>(x + at, y + at, n, inner, lanes); });
}

template <class Op, class T>
void arg_reduce(const void* in, int64_t* y, int64_t outer, int64_t n, int64_t inner) {
  const T* x = static_cast<const T*>(in);
  if (outer == 0 || inner == 0 || n == 0) return;
  if (inner == 1 && n <= kShortRow && outer >= Pack<T>::kLanes) {
    for_short_rows<T>(outer, n,
                      [=](int64_t first, int64_t rows) { arg_short_rows<Op>(x + first * n, y + first, rows, n); });
  } else if (inner == 1) {
    run_tasks(outer, static_cast<double>(n) * sizeof(T) * kByteNs,
              [=](int64_t o) { y[o] = arg_row<Op>(x + o * n, n); });
  } else {
    constexpr double kElementNs = 0.5;
    run_panels<T>(outer, n, inner, kElementNs, [=](int64_t o, int64_t j, int64_t width) {
      arg_panel<Op>(x + o * n * inner + j, y + o * inner + j, n, inner, width);
    });
  }
}

template <class T>
void install(ReduceKernels& k) {
  k.sum = reduce<Sum, T>;
  k.max = reduce<Max, T>;
  k.min = reduce<Min, T>;
  k.argmax = arg_reduce<Max, T>;
  k.argmin = arg_reduce<Min, T>;
}

}  // namespace

void install_reduce(Kernels& table) {
  install<float>(table.reduce[static_cast<int>(Compute::F32)]);
  install<double>(table.reduce[static_cast<int>(Compute::F64)]);
  install<int64_t>(table.reduce[static_cast<int>(Compute::I64)]);
  install<uint64_t>(table.reduce[static_cast<int>(Compute::U64)]);
}

}  // namespace adcore::ADCORE_ISA
