// The kernels of every row of reductions.h: over the middle axis of a contiguous [outer, n, inner].
//
// Two loops carry every fold: reduce_row for inner = 1 (packs along the row, one horizontal step at its end; many short
// rows take a lane each instead) and reduce_panel for inner > 1 (packs across the columns, a panel of columns at a
// time). Both combine their leaves pairwise: |error of a sum| <= (log2 n + 22) eps sum|x|. Columns too few to fill
// registers are folded: [n, inner] is read as [n / f, f * inner], and the f partial results of a column combine at the
// end. Start reading at reduction_kernel() and pull_kernel(); install_reduce() makes one of each per row.
#include "kernels/pairwise.h"
#include "kernels/reductions.h"
#include "kernels/vmath.h"

namespace adcore::ADCORE_ISA {
namespace {

// ---- terms --------------------------------------------------------------------------------------------------------

/// What the terms of a fold are made of beside the elements.
template <class T>
struct Groups {
  const T* first = nullptr;  // of the groups that are reduced, one after the other
  double n = 0, p = 0;

  Groups at(int64_t i) const { return {first + i, n, p}; }
};

/// What is folded and how: `Term` is Itself or a function of the element and Reduced; kFirst: it reads Reduced::first.
/// Rows that fold the same terms share it, whatever they make of the total.
template <class Combine_, class Term, bool First = false>
struct Terms {
  using Combine = Combine_;
  static constexpr bool kPlain = std::is_same_v<Term, Itself>;
  static constexpr bool kFirst = First;
  template <class T>
  static constexpr T kIdentity = Combine::template kIdentity<T>;

  template <class T>
  [[gnu::always_inline]] static Pack<T> combine(Pack<T> a, Pack<T> b) {
    return Combine()(a, b);
  }
  template <class T>
  [[gnu::always_inline]] static Pack<T> term(Pack<T> x, Pack<T> first, const Groups<T>& g) {
    if constexpr (kPlain) {
      return x;
    } else {
      return Term()(x, Reduced<Pack<T>>{first, {}, {}, Pack<T>(g.n), Pack<T>(g.p)});
    }
  }
  /// The values of `first` of some groups that stand side by side, or of one group for all lanes.
  template <class T>
  [[gnu::always_inline]] static Pack<T> firsts(const Groups<T>& g, int64_t j, int lanes) {
    if constexpr (kFirst) {
      return load_lanes(g.first + j, lanes);
    } else {
      return Pack<T>(0);
    }
  }
  template <class T>
  [[gnu::always_inline]] static Pack<T> first(const Groups<T>& g) {
    if constexpr (kFirst) {
      return Pack<T>(*g.first);
    } else {
      return Pack<T>(0);
    }
  }
  /// The terms of p[0, lanes) along a row; the identity in the other lanes.
  template <class T>
  [[gnu::always_inline]] static Pack<T> load(const T* p, int lanes, Pack<T> first, const Groups<T>& g) {
    if constexpr (kPlain) {
      return load_lanes(p, lanes, kIdentity<T>);
    } else {
      const Pack<T> t = term(load_lanes(p, lanes), first, g);
      return lanes == Pack<T>::kLanes ? t : select(first_lanes<T>(lanes), t, Pack<T>(kIdentity<T>));
    }
  }
};

template <class Fold, bool First>
using TermsOf =
    Terms<typename Fold::Combine, typename Fold::Term, First && !std::is_same_v<typename Fold::Term, Itself>>;

constexpr double kByteNs = 0.05;    // reading from memory
constexpr int64_t kManyTasks = 16;  // as many independent results run in parallel; fewer are split inside
constexpr int kRowWays = 8;         // accumulators of a row: hide the latency of an addition
constexpr int64_t kRowLeaf = 128;   // packs
constexpr int64_t kShortRow = 16;   // elements
constexpr double kShortNs = 0.4;    // an element of a short row
constexpr int kPanelWays = 4;       // packs of a panel that run together
constexpr int64_t kPanelLeaf = 16;  // rows
constexpr int64_t kPanelBytes = 2048;

constexpr double kTermNs = 0.5;  // a term that is not the element itself

template <class T>
constexpr int64_t kPanelWidth = kPanelBytes / sizeof(T);
/// What an element of a fold costs.
template <class F, class T>
constexpr double kElementNs = F::kPlain ? sizeof(T) * kByteNs : kTermNs;

// ---- one row ------------------------------------------------------------------------------------------------------

template <class F, class T>
Pack<T> reduce_leaf(const T* x, int64_t n, const Groups<T>& g = {}) {
  using P = Pack<T>;
  constexpr int64_t kStep = kRowWays * P::kLanes;
  const P first = F::first(g);
  P total = F::template kIdentity<T>;
  int64_t i = 0;
  if (n >= kStep) {
    P acc[kRowWays];
    for (int k = 0; k < kRowWays; ++k) acc[k] = F::term(P::load(x + k * P::kLanes), first, g);
    for (i = kStep; i + kStep <= n; i += kStep) {
      for (int k = 0; k < kRowWays; ++k) acc[k] = F::combine(acc[k], F::term(P::load(x + i + k * P::kLanes), first, g));
    }
    for (int half = kRowWays / 2; half > 0; half /= 2) {
      for (int k = 0; k < half; ++k) acc[k] = F::combine(acc[k], acc[k + half]);
    }
    total = acc[0];
  }
  for_packs<T>(i, n, [&](int64_t at, int lanes) { total = F::combine(total, F::load(x + at, lanes, first, g)); });
  return total;
}

template <class F, class T>
T reduce_row(const T* x, int64_t n, const Groups<T>& g) {
  using P = Pack<T>;
  constexpr int64_t kLeaf = kRowLeaf * P::kLanes;
  const auto leaf = [=](int64_t i) {
    const int64_t rest = n - i * kLeaf;
    return reduce_leaf<F>(x + i * kLeaf, rest < kLeaf ? rest : kLeaf, g);
  };
  const P total = pairwise(ceil_div(n, kLeaf), kLeaf * kElementNs<F, T>, leaf, [](P& a, P b) { a = F::combine(a, b); });
  return detail::reduce<P>(total, typename F::Combine());
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
template <class F, class T>
void reduce_short_rows(const T* x, T* y, int64_t rows, int64_t n, const Groups<T>& g) {
  for_packs<T>(0, rows, [=](int64_t o, int lanes) {
    const Pack<T> first = F::firsts(g, o, lanes);
    Pack<T> acc = F::term(load_strided(x + o * n, n, lanes), first, g);
    for (int64_t i = 1; i < n; ++i) acc = F::combine(acc, F::term(load_strided(x + o * n + i, n, lanes), first, g));
    store_lanes(acc, y + o, lanes);
  });
}

// ---- columns ------------------------------------------------------------------------------------------------------

template <class T>
struct Panel {
  T v[kPanelWidth<T>];
};

/// a[j] = a[j] combined with b[j]
template <class F, class T>
void combine_rows(T* a, const T* b, int64_t width) {
  for_packs<T>(0, width, [&](int64_t j, int lanes) {
    store_lanes(F::combine(load_lanes(a + j, lanes), load_lanes(b + j, lanes)), a + j, lanes);
  });
}

/// out[j]: the terms of x[i * stride + j] combined over i, a few rows.
template <class F, class T>
void reduce_rows(const T* x, int64_t rows, int64_t stride, int64_t width, T* out, const Groups<T>& g) {
  using P = Pack<T>;
  constexpr int64_t kStep = kPanelWays * P::kLanes;
  int64_t j = 0;
  for (; j + kStep <= width; j += kStep) {
    P acc[kPanelWays], first[kPanelWays];
    for (int k = 0; k < kPanelWays; ++k) first[k] = F::firsts(g, j + k * P::kLanes, P::kLanes);
    for (int k = 0; k < kPanelWays; ++k) acc[k] = F::term(P::load(x + j + k * P::kLanes), first[k], g);
    for (int64_t i = 1; i < rows; ++i) {
      for (int k = 0; k < kPanelWays; ++k)
        acc[k] = F::combine(acc[k], F::term(P::load(x + i * stride + j + k * P::kLanes), first[k], g));
    }
    for (int k = 0; k < kPanelWays; ++k) acc[k].store(out + j + k * P::kLanes);
  }
  for_packs<T>(j, width, [&](int64_t at, int lanes) {
    const P first = F::firsts(g, at, lanes);
    P acc = F::term(load_lanes(x + at, lanes), first, g);
    for (int64_t i = 1; i < rows; ++i) acc = F::combine(acc, F::term(load_lanes(x + i * stride + at, lanes), first, g));
    store_lanes(acc, out + at, lanes);
  });
}

/// The columns [0, width), width <= kPanelWidth, of rows that are `stride` apart.
template <class F, class T>
Panel<T> reduce_panel(const T* x, int64_t n, int64_t stride, int64_t width, const Groups<T>& g) {
  const auto leaf = [=](int64_t i) {
    const int64_t rest = n - i * kPanelLeaf;
    Panel<T> r;
    reduce_rows<F>(x + i * kPanelLeaf * stride, rest < kPanelLeaf ? rest : kPanelLeaf, stride, width, r.v, g);
    return r;
  };
  const double leaf_ns = static_cast<double>(kPanelLeaf * width) * kElementNs<F, T>;
  return pairwise(ceil_div(n, kPanelLeaf), leaf_ns, leaf,
                  [=](Panel<T>& a, const Panel<T>& b) { combine_rows<F>(a.v, b.v, width); });
}

/// Contiguous columns that are too few to fill the packs of a panel.
template <class F, class T>
Panel<T> reduce_narrow(const T* x, int64_t n, int64_t inner, const Groups<T>& g) {
  int64_t fold = floor_power(kPanelWidth<T> / inner);
  while (fold > n / 2) fold /= 2;
  if (fold < 4) return reduce_panel<F>(x, n, inner, inner, g);
  Groups<T> folded = g;
  Panel<T> firsts;
  if constexpr (F::kFirst) {
    for (int64_t i = 0; i < fold * inner; ++i) firsts.v[i] = g.first[i % inner];
    folded.first = firsts.v;
  }
  Panel<T> r = reduce_panel<F>(x, n / fold, fold * inner, fold * inner, folded);
  for (int64_t width = fold / 2 * inner; width >= inner; width /= 2) combine_rows<F>(r.v, r.v + width, width);
  const int64_t done = n / fold * fold;
  if (done < n) {
    const Panel<T> rest = reduce_narrow<F>(x + done * inner, n - done, inner, g);
    combine_rows<F>(r.v, rest.v, inner);
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
  for_blocks(tasks, tasks < kManyTasks ? 0 : task_ns, block);
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

/// y[outer, inner]: the terms of every group combined.
template <class F, class T>
void reduce(const T* x, T* y, int64_t outer, int64_t n, int64_t inner, const Groups<T>& g) {
  if (outer == 0 || inner == 0) return;
  if (n == 0) {
    for (int64_t i = 0; i < outer * inner; ++i) y[i] = F::template kIdentity<T> + T(0);  // -0 + 0 is 0
  } else if (n == 1 && F::kPlain) {
    std::memcpy(y, x, static_cast<size_t>(outer * inner) * sizeof(T));
  } else if (inner == 1 && n <= kShortRow) {  // however many rows: a row alone rounds as it does among others
    for_short_rows<T>(outer, n, [=](int64_t first, int64_t rows) {
      reduce_short_rows<F>(x + first * n, y + first, rows, n, g.at(first));
    });
  } else if (inner == 1) {
    run_tasks(outer, static_cast<double>(n) * kElementNs<F, T>,
              [=](int64_t o) { y[o] = reduce_row<F>(x + o * n, n, g.at(o)); });
  } else {
    run_panels<T>(outer, n, inner, kElementNs<F, T>, [=](int64_t o, int64_t j, int64_t width) {
      const T* first = x + o * n * inner + j;
      const Groups<T> groups = g.at(o * inner + j);
      const bool narrow = inner < kPanelWays * Pack<T>::kLanes;
      const Panel<T> r =
          narrow ? reduce_narrow<F>(first, n, inner, groups) : reduce_panel<F>(first, n, inner, width, groups);
      std::memcpy(y + o * inner + j, r.v, static_cast<size_t>(width) * sizeof(T));
    });
  }
}

// ---- rows ---------------------------------------------------------------------------------------------------------

template <int Row>
constexpr const auto& kRow = std::get<Row>(kReductions);
template <int Row>
using RowOf = std::remove_cvref_t<decltype(std::get<Row>(kReductions))>;
template <int Row>
using PullOf = typename RowOf<Row>::PullPart;

/// y[i] = f(r) for every group; `first` and `total` may be y.
template <class T, class F>
void finish_groups(T* y, const T* first, const T* total, int64_t count, double n, double p, const F& f) {
  for_packs<T>(0, count, [&](int64_t i, int lanes) {
    Reduced<Pack<T>> r{{}, {}, {}, Pack<T>(n), Pack<T>(p)};
    if (first) r.first = load_lanes(first + i, lanes);
    if (total) r.total = load_lanes(total + i, lanes);
    store_lanes(f(r), y + i, lanes);
  });
}

/// The first fold of a row, finished, into y.
template <int Row, class T>
void run_first(const T* x, T* y, int64_t outer, int64_t n, int64_t inner, double p) {
  using Fold = typename RowOf<Row>::FirstFold;
  const auto count = static_cast<double>(n);
  reduce<TermsOf<Fold, false>>(x, y, outer, n, inner, Groups<T>{nullptr, count, p});
  if constexpr (!std::is_same_v<typename Fold::Finish, Itself>) {
    finish_groups<T>(y, nullptr, y, outer * inner, count, p, typename Fold::Finish());
  }
}

template <int Row, class T>
void run_total(const T* x, const T* first, T* y, int64_t outer, int64_t n, int64_t inner, double p) {
  using F = TermsOf<typename RowOf<Row>::TotalFold, RowOf<Row>::kHasFirst>;
  reduce<F>(x, y, outer, n, inner, Groups<T>{first, static_cast<double>(n), p});
}

template <int Row>
constexpr bool kRunsTwice = RowOf<Row>::kHasFirst && (RowOf<Row>::kFinishNeeds & kTotal);

template <int Row, class T>
void finish_row(T* y, const T* first, const T* total, int64_t count, int64_t n, double p) {
  using Finish = std::remove_cvref_t<decltype(kRow<Row>.finish.f)>;
  if constexpr (!std::is_same_v<Finish, Itself>) {
    finish_groups<T>(y, first, total, count, static_cast<double>(n), p, kRow<Row>.finish.f);
  }
}

template <class T, int Row>
void reduction_kernel(const ReduceArgs& a) {
  const T* x = static_cast<const T*>(a.x);
  T *y = static_cast<T*>(a.y), *first = kRunsTwice<Row> ? static_cast<T*>(a.scratch) : y;
  if constexpr (RowOf<Row>::kHasFirst) run_first<Row>(x, first, a.outer, a.n, a.inner, a.p);
  if constexpr (!(RowOf<Row>::kFinishNeeds & kTotal)) {
    finish_row<Row, T>(y, first, nullptr, a.outer * a.inner, a.n, a.p);
  } else {
    run_total<Row>(x, first, y, a.outer, a.n, a.inner, a.p);
    finish_row<Row, T>(y, RowOf<Row>::kHasFirst ? first : nullptr, y, a.outer * a.inner, a.n, a.p);
  }
}

// ---- in parts -----------------------------------------------------------------------------------------------------

/// A row that reads its elements once: its only fold.
template <int Row>
constexpr bool kReadsOnce = !RowOf<Row>::kHasFirst || !(RowOf<Row>::kFinishNeeds & kTotal);
template <int Row>
using OnlyFold =
    std::conditional_t<RowOf<Row>::kHasFirst, typename RowOf<Row>::FirstFold, typename RowOf<Row>::TotalFold>;

template <class T, int Row>
void part_kernel(const void* x, int64_t count, int64_t n, double p, void* part) {
  using F = TermsOf<OnlyFold<Row>, false>;
  const Groups<T> g{nullptr, static_cast<double>(n), p};
  reduce_leaf<F>(static_cast<const T*>(x), count, g).store(static_cast<T*>(part));
}

template <class T, int Row>
void join_kernel(const void* parts, int64_t count, int64_t n, double p, void* out) {
  using P = Pack<T>;
  using F = TermsOf<OnlyFold<Row>, false>;
  using Finish = typename OnlyFold<Row>::Finish;
  const auto part = [=](int64_t i) { return P::load(static_cast<const T*>(parts) + i * P::kLanes); };
  const P total = pairwise_serial(0, count, part, [](P& a, P b) { a = F::combine(a, b); });
  T* y = static_cast<T*>(out);
  *y = detail::reduce<P>(total, typename F::Combine());
  if constexpr (!RowOf<Row>::kHasFirst) {
    finish_row<Row, T>(y, nullptr, y, 1, n, p);
  } else {
    if constexpr (!std::is_same_v<Finish, Itself>)
      finish_groups<T>(y, nullptr, y, 1, static_cast<double>(n), p, Finish());
    finish_row<Row, T>(y, y, nullptr, 1, n, p);
  }
}

// ---- the cotangents of elements -----------------------------------------------------------------------------------

template <class T, int Row>
void pull_kernel(const PullArgs& a) {
  using P = Pack<T>;
  constexpr uint32_t kNeeds = PullOf<Row>::kNeeds;
  constexpr bool kNeedsFirst = RowOf<Row>::kHasFirst && (kNeeds & (kFirst | kTotal | kValue)) != 0;
  constexpr bool kNeedsTotal =
      (kNeeds & kTotal) != 0 || ((kNeeds & kValue) != 0 && (RowOf<Row>::kFinishNeeds & kTotal) != 0);
  constexpr int64_t kChunk = 4096;  // elements of a row
  constexpr double kElementNs = 1;
  const int64_t groups = a.outer * a.inner;
  if (groups == 0 || a.n == 0) return;
  const T *x = static_cast<const T*>(a.x), *g = static_cast<const T*>(a.g);
  T* grad = static_cast<T*>(a.grad);
  T *first = static_cast<T*>(a.scratch), *total = first + groups, *value = total + groups;
  if constexpr (kNeedsFirst) run_first<Row>(x, first, a.outer, a.n, a.inner, a.p);
  if constexpr (kNeedsTotal) run_total<Row>(x, first, total, a.outer, a.n, a.inner, a.p);
  if constexpr ((kNeeds & kValue) != 0) {
    finish_groups<T>(value, kNeedsFirst ? first : nullptr, kNeedsTotal ? total : nullptr, groups,
                     static_cast<double>(a.n), a.p, kRow<Row>.finish.f);
  }
  const P n(static_cast<double>(a.n)), p(a.p);
  const auto reduced = [=](auto load) __attribute__((always_inline)) {
    Reduced<P> r{P(0), P(0), P(0), n, p};
    if constexpr (kNeedsFirst) r.first = load(first);
    if constexpr (kNeedsTotal) r.total = load(total);
    if constexpr ((kNeeds & kValue) != 0) r.value = load(value);
    return r;
  };
  if (a.inner == 1) {
    const int64_t chunks = ceil_div(a.n, kChunk);
    const int64_t size = a.n < kChunk ? a.n : kChunk;
    for_blocks(a.outer * chunks, static_cast<double>(size) * kElementNs, [=](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) {
        const int64_t o = c / chunks, from = c % chunks * kChunk, to = from + kChunk < a.n ? from + kChunk : a.n;
        const Reduced<P> r = reduced([=](const T* v) { return P(v[o]); });
        const P one = a.g_whole ? P(0) : P(g[o]);
        for_packs<T>(o * a.n + from, o * a.n + to, [&](int64_t i, int lanes) {
          const P cotangent = a.g_whole ? load_lanes(g + i, lanes) : one;
          store_lanes(kRow<Row>.pull.f(cotangent, load_lanes(x + i, lanes), r), grad + i, lanes);
        });
      }
    });
    return;
  }
  for_blocks(a.outer * a.n, static_cast<double>(a.inner) * kElementNs, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t group = row / a.n * a.inner, at = row * a.inner;
      for_packs<T>(0, a.inner, [&](int64_t j, int lanes) {
        const Reduced<P> r = reduced([=](const T* v) { return load_lanes(v + group + j, lanes); });
        const P cotangent = load_lanes(a.g_whole ? g + at + j : g + group + j, lanes);
        store_lanes(kRow<Row>.pull.f(cotangent, load_lanes(x + at + j, lanes), r), grad + at + j, lanes);
      });
    }
  });
}

// ---- argmax, argmin -----------------------------------------------------------------------------------------------

using Largest = Terms<Max, Itself>;
using Smallest = Terms<Min, Itself>;

/// a is nearer to the extremum than b.
template <class F, class V>
[[gnu::always_inline]] inline auto before(V a, V b) {
  if constexpr (std::is_same_v<F, Largest>) {
    return a > b;
  } else {
    return a < b;
  }
}

/// a stands strictly before b; NaN before everything but NaN.
template <class F, class T>
bool wins(T a, T b) {
  return before<F>(a, b) || (a != a && b == b);
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
template <class F, class T>
int64_t arg_row(const T* x, int64_t n) {
  constexpr int64_t kLeaf = kRowLeaf * Pack<T>::kLanes;
  struct Best {
    T value;
    int64_t block;
  };
  const auto size = [=](int64_t i) { return n - i * kLeaf < kLeaf ? n - i * kLeaf : kLeaf; };
  const auto leaf = [=](int64_t i) {
    return Best{detail::reduce<Pack<T>>(reduce_leaf<F>(x + i * kLeaf, size(i)), typename F::Combine()), i};
  };
  const Best best = pairwise(ceil_div(n, kLeaf), kLeaf * kElementNs<F, T>, leaf, [](Best& a, const Best& b) {
    if (wins<F>(b.value, a.value)) a = b;
  });
  const int64_t begin = best.block * kLeaf;
  return begin + find_first(x + begin, size(best.block), best.value);
}

/// As reduce_short_rows().
template <class F, class T>
void arg_short_rows(const T* x, int64_t* y, int64_t rows, int64_t n) {
  using P = Pack<T>;
  for_packs<T>(0, rows, [=](int64_t o, int lanes) {
    P best = load_strided(x + o * n, n, lanes), place(0);
    for (int64_t i = 1; i < n; ++i) {
      const P v = load_strided(x + o * n + i, n, lanes);
      const Mask<T> won = before<F>(v, best) | ((v != v) & (best == best));
      best = select(won, v, best);
      place = select(won, P(i), place);
    }
    for (int l = 0; l < lanes; ++l) y[o + l] = static_cast<int64_t>(place[l]);
  });
}

/// `kWays` packs of columns (one, of `lanes` lanes, for the rest) down n rows.
template <int kWays, class F, class T>
void arg_columns(const T* x, int64_t* y, int64_t n, int64_t inner, int lanes) {
  using P = Pack<T>;
  P best[kWays], place[kWays];
  for (int k = 0; k < kWays; ++k) best[k] = load_lanes(x + k * P::kLanes, lanes), place[k] = P(0);
  for (int64_t i = 1; i < n; ++i) {
    for (int k = 0; k < kWays; ++k) {
      const P v = load_lanes(x + i * inner + k * P::kLanes, lanes);
      const Mask<T> won = before<F>(v, best[k]) | ((v != v) & (best[k] == best[k]));
      best[k] = select(won, v, best[k]);
      place[k] = select(won, P(i), place[k]);
    }
  }
  for (int k = 0; k < kWays; ++k)
    for (int l = 0; l < lanes; ++l) y[k * P::kLanes + l] = static_cast<int64_t>(place[k][l]);
}

template <class F, class T>
void arg_panel(const T* x, int64_t* y, int64_t n, int64_t inner, int64_t width) {
  constexpr int64_t kStep = kPanelWays * Pack<T>::kLanes;
  constexpr int64_t kExact = int64_t{1} << 24;  // places above are not all floats
  if (n > kExact) {
    for (int64_t j = 0; j < width; ++j) {
      int64_t best = 0;
      for (int64_t i = 1; i < n; ++i)
        if (wins<F>(x[i * inner + j], x[best * inner + j])) best = i;
      y[j] = best;
    }
    return;
  }
  int64_t j = 0;
  for (; j + kStep <= width; j += kStep) arg_columns<kPanelWays, F>(x + j, y + j, n, inner, Pack<T>::kLanes);
  for_packs<T>(j, width, [=](int64_t at, int lanes) { arg_columns<1, F>(x + at, y + at, n, inner, lanes); });
}

template <class F, class T>
void arg_reduce(const void* in, int64_t* y, int64_t outer, int64_t n, int64_t inner) {
  const T* x = static_cast<const T*>(in);
  if (outer == 0 || inner == 0 || n == 0) return;
  if (inner == 1 && n <= kShortRow && outer >= Pack<T>::kLanes) {
    for_short_rows<T>(outer, n,
                      [=](int64_t first, int64_t rows) { arg_short_rows<F>(x + first * n, y + first, rows, n); });
  } else if (inner == 1) {
    run_tasks(outer, static_cast<double>(n) * sizeof(T) * kByteNs, [=](int64_t o) { y[o] = arg_row<F>(x + o * n, n); });
  } else {
    constexpr double kElementNs = 0.5;
    run_panels<T>(outer, n, inner, kElementNs, [=](int64_t o, int64_t j, int64_t width) {
      arg_panel<F>(x + o * n * inner + j, y + o * inner + j, n, inner, width);
    });
  }
}

template <Result result, class T>
constexpr bool kHasRun = std::is_floating_point_v<T> || result != Result::Float;

/// Sums and products of integers, and whether they are zero, have the same bits with a sign and without.
template <class First, class Fold>
constexpr bool kSignless = false;
template <class Combine, class Term>
constexpr bool kSignless<None, Fold<Combine, Term>> =
    std::is_same_v<Term, Itself> ? std::is_same_v<Combine, Sum> || std::is_same_v<Combine, Product>
                                 : std::is_same_v<Term, std::remove_const_t<decltype(reduction_parts::is_true)>>;

template <int Row, class T>
constexpr ReduceFn run_entry() {
  if constexpr (kHasRun<std::get<Row>(kReductions).result, T>) {
    constexpr bool kAsWords =
        std::is_integral_v<T> && kSignless<typename RowOf<Row>::FirstFold, typename RowOf<Row>::TotalFold>;
    return reduction_kernel<std::conditional_t<kAsWords, uint64_t, T>, Row>;
  } else {
    return nullptr;
  }
}
template <int Row, class T>
constexpr PullFn pull_entry() {
  // A pull that reads no element needs no kernel.
  if constexpr (requires { PullOf<Row>::kNeeds; }) {
    if constexpr (PullOf<Row>::kNeeds != 0) return pull_kernel<T, Row>;
  }
  return nullptr;
}

template <int Row, class T>
constexpr ReductionParts parts_entry() {
  if constexpr (kReadsOnce<Row> && std::get<Row>(kReductions).result != Result::Truth) {
    return {part_kernel<T, Row>, join_kernel<T, Row>};
  } else {
    return {};
  }
}

template <int... Rows>
const ReductionKernel* entries(std::integer_sequence<int, Rows...>) {
  static constexpr ReductionKernel kEntries[] = {
      {{run_entry<Rows, float>(), run_entry<Rows, double>(), run_entry<Rows, int64_t>(), run_entry<Rows, uint64_t>()},
       {pull_entry<Rows, float>(), pull_entry<Rows, double>()},
       {parts_entry<Rows, float>(), parts_entry<Rows, double>()},
       kRunsTwice<Rows>}...};
  return kEntries;
}

template <class T>
void install(PlaceKernels& k) {
  k.argmax = arg_reduce<Largest, T>;
  k.argmin = arg_reduce<Smallest, T>;
}

}  // namespace

void install_reduce(Kernels& table) {
  table.reductions = entries(std::make_integer_sequence<int, kReductionCount>{});
  table.part_bytes = sizeof(Pack<float>);
  table.reduced_bytes = kRowLeaf * table.part_bytes;
  install<float>(table.places[static_cast<int>(Compute::F32)]);
  install<double>(table.places[static_cast<int>(Compute::F64)]);
  install<int64_t>(table.places[static_cast<int>(Compute::I64)]);
  install<uint64_t>(table.places[static_cast<int>(Compute::U64)]);
}

}  // namespace adcore::ADCORE_ISA
