// Convolution and its two transposed maps, in any number of spatial axes up to three.
//
// No columns of patches are made. An image is copied once into a canvas: padded, and where the stride is more than 1
// taken apart into phases, so that every tap of the kernel reads the canvas at one distance from the output, whatever
// the output. Over the flat index q of a canvas the convolution is then a matrix product whose row k = (channel, tap)
// of the right operand is the canvas itself, from off[k] on. Outputs between the end of a row and the start of the next
// are computed in vain and dropped. Back to the input it is the same with other taps; the gradient of the weight is a
// product of rows.
//
// Each element sums in an order that k alone decides (that of the weight: k, the outputs and n), so it has the same
// bits on any number of threads, in any batch and among any number of groups. Start reading at correlate().
#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/gemm_pack.h"
#include "kernels/gemm_packed.h"
#include "kernels/gemm_small.h"
#include "kernels/isa.h"
#include "kernels/workspace.h"

namespace adcore::ADCORE_ISA {
namespace conv {
namespace {

using gemm::ceil_div;
using gemm::each;
using gemm::round_up;
using gemm::smaller;
constexpr int64_t larger(int64_t a, int64_t b) { return a < b ? b : a; }

/// What one band of an image may take of the second-level cache.
constexpr int64_t kBandBytes = int64_t{384} << 10;
/// Multiplications from which a second thread saves time.
constexpr int64_t kLong = int64_t{1} << 20;

template <class T>
void copy_row(const T* src, int64_t step, int64_t n, T* dst) {
  constexpr int kLanes = Pack<T>::kLanes;
  if (step != 1) {
    for (int64_t i = 0; i < n; ++i) dst[i] = src[i * step];
    return;
  }
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Pack<T>::load(src + i).store(dst + i);
  if (i < n) Pack<T>::load(src + i, static_cast<int>(n - i)).store(dst + i, static_cast<int>(n - i));
}

template <class T>
void clear_row(int64_t n, T* dst) {
  constexpr int kLanes = Pack<T>::kLanes;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Pack<T>(0).store(dst + i);
  if (i < n) Pack<T>(0).store(dst + i, static_cast<int>(n - i));
}

template <class T>
bool all_finite(const T* x, int64_t n) {
  constexpr int kLanes = Pack<T>::kLanes;
  Pack<T> total(0);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) total = fma(Pack<T>::load(x + i), Pack<T>(0), total);
  if (i < n) total = fma(Pack<T>::load(x + i, static_cast<int>(n - i)), Pack<T>(0), total);
  return sum(total) == 0;
}

// ---- canvases -------------------------------------------------------------------------------------------------------

/// One spatial axis: which taps there are, and how canvas, source and destination belong together.
struct Axis {
  int64_t source = 1, dest = 1;  // sizes
  int64_t count = 1;             // outputs computed: number u stands at u * dest_step + dest_first
  int64_t dest_first = 0, dest_step = 1;
  int64_t canvas = 1;  // sizes of a phase; element f of phase a is source element
  int64_t step = 1;    //   f * step + first[a]
  int64_t phases = 1;
  int64_t taps = 1;
  // tap t of those that count is number tap[t] of the kernel; output u reads element u + shift[t] of phase[t]
  int64_t *first = nullptr, *tap = nullptr, *phase = nullptr, *shift = nullptr;
};

/// Tables of one axis; how many numbers they are.
constexpr int64_t kTables = 4;

/// From x to y.
void set_forward(const ConvSizes& s, int i, int64_t* tables, Axis& a) {
  const int64_t k = s.kernel[i], stride = s.stride[i];
  a = {.source = s.in[i], .dest = s.out[i], .count = s.out[i]};
  a.first = tables;
  a.tap = tables + k;
  a.phase = tables + 2 * k;
  a.shift = tables + 3 * k;
  a.canvas = s.out[i] + (k - 1) * s.dilation[i] / stride;
  a.step = stride;
  a.phases = 0;
  a.taps = k;
  for (int64_t t = 0; t < k; ++t) {
    const int64_t at = t * s.dilation[i], first = at % stride - s.pad[i];
    int64_t p = 0;
    while (p < a.phases && a.first[p] != first) ++p;
    if (p == a.phases) a.first[a.phases++] = first;
    a.tap[t] = t;
    a.phase[t] = p;
    a.shift[t] = at / stride;
  }
}

/// From y back to the elements of x that stand at `residue` modulo the stride, counted with the padding.
void set_input(const ConvSizes& s, int i, int64_t residue, int64_t* tables, Axis& a) {
  const int64_t k = s.kernel[i], stride = s.stride[i], reach = (k - 1) * s.dilation[i] / stride;
  a = {.source = s.out[i], .dest = s.in[i]};
  a.first = tables;
  a.tap = tables + k;
  a.phase = tables + 2 * k;
  a.shift = tables + 3 * k;
  const int64_t low = larger(0, ceil_div(larger(0, s.pad[i] - residue), stride));
  const int64_t last = s.in[i] - 1 + s.pad[i] - residue;
  a.count = last < 0 ? 0 : larger(0, last / stride + 1 - low);
  a.dest_step = stride;
  a.dest_first = low * stride + residue - s.pad[i];
  a.canvas = a.count + reach;
  a.first[0] = low - reach;
  a.taps = 0;
  for (int64_t t = 0; t < k; ++t) {
    const int64_t at = t * s.dilation[i];
    if (at % stride != residue) continue;
    a.tap[a.taps] = t;
    a.phase[a.taps] = 0;
    a.shift[a.taps++] = reach - at / stride;
  }
}

/// dst[n, g, d, u] = bias[g, d] + sum over k = (c, t) of A[g, d, k] * canvas[n, g](off[k] + q(u)).
struct Correlation {
  int64_t n, groups, cs, cd;  // channels of a group, of source and destination
  Axis axis[3] = {};
  bool on_canvas = true;    // false: the source itself is the canvas
  int band = 2;             // the axis that is cut into bands
  int64_t rows = 1;         // outputs of a band along it
  int64_t pitch[3] = {};    // of the flat index
  int64_t phase_pitch = 0;  // from phase to phase
  int64_t channel_pitch = 0;

  int64_t taps() const { return axis[0].taps * axis[1].taps * axis[2].taps; }
  int64_t depth() const { return cs * taps(); }
  int64_t phases() const { return axis[0].phases * axis[1].phases * axis[2].phases; }
  int64_t source_size() const { return axis[0].source * axis[1].source * axis[2].source; }
  int64_t dest_size() const { return axis[0].dest * axis[1].dest * axis[2].dest; }
  int64_t outputs() const { return axis[0].count * axis[1].count * axis[2].count; }
  int64_t bands() const { return ceil_div(axis[band].count, rows); }
  int64_t canvas_elements() const { return on_canvas ? cs * channel_pitch : 0; }
  int64_t rows_of(int64_t b) const { return smaller(rows, axis[band].count - b * rows); }
  /// The flat index ends here for a band of so many rows.
  int64_t flat(int64_t band_rows) const {
    int64_t last = 0;
    for (int i = 0; i < 3; ++i) last += ((i == band ? band_rows : axis[i].count) - 1) * pitch[i];
    return last + 1;
  }
  /// Between the outputs of a row and of the next the flat index has others.
  bool has_gaps(int64_t band_rows) const {
    int64_t n_outputs = 1;
    for (int i = 0; i < 3; ++i) n_outputs *= i == band ? band_rows : axis[i].count;
    return n_outputs != flat(band_rows);
  }

  /// Cuts bands of at most so many bytes, and into so many at least, where there are as many rows.
  void lay_out(int64_t element, int64_t wanted) {
    on_canvas = false;
    for (const Axis& a : axis) on_canvas |= a.step != 1 || a.phases != 1 || a.first[0] != 0 || a.canvas != a.source;
    band = axis[0].count > 1 ? 0 : axis[1].count > 1 ? 1 : 2;
    const Axis& a = axis[band];
    int64_t others = cs * phases() * element;
    for (int i = 0; i < 3; ++i) others *= i == band ? 1 : axis[i].canvas;
    const int64_t reach = a.canvas - a.count;
    rows = kBandBytes / larger(1, others) - reach;
    rows = larger(rows, larger(band == 2 ? 64 : 1, reach));
    rows = smaller(rows, ceil_div(a.count, wanted));
    rows = larger(1, ceil_div(a.count, larger(1, ceil_div(a.count, larger(1, rows)))));
    int64_t sizes[3];
    for (int i = 0; i < 3; ++i) sizes[i] = on_canvas && i == band ? rows + reach : axis[i].canvas;
    pitch[2] = 1;
    pitch[1] = sizes[2];
    pitch[0] = sizes[1] * sizes[2];
    phase_pitch = sizes[0] * pitch[0];
    channel_pitch = phases() * phase_pitch;
  }

  void set_offsets(int64_t* off) const {
    for (int64_t c = 0; c < cs; ++c) {
      for (int64_t t0 = 0; t0 < axis[0].taps; ++t0) {
        for (int64_t t1 = 0; t1 < axis[1].taps; ++t1) {
          for (int64_t t2 = 0; t2 < axis[2].taps; ++t2) {
            const int64_t phase =
                (axis[0].phase[t0] * axis[1].phases + axis[1].phase[t1]) * axis[2].phases + axis[2].phase[t2];
            *off++ = c * channel_pitch + phase * phase_pitch + axis[0].shift[t0] * pitch[0] +
                     axis[1].shift[t1] * pitch[1] + axis[2].shift[t2];
          }
        }
      }
    }
  }
};

/// The elements [low, end) of a row of a canvas that stand inside of the source; the others are 0.
struct Inside {
  int64_t first, low, end;

  Inside(const Axis& a, int64_t first_source, int64_t count)
      : first(first_source),
        low(first >= 0 ? 0 : smaller(count, ceil_div(-first, a.step))),
        end(first >= a.source ? low : larger(low, smaller(count, (a.source - 1 - first) / a.step + 1))) {}
};

/// The canvas of one band of a group's channels of an image.
template <class T>
void fill_canvas(const Correlation& r, const T* src, int64_t b, T* dst) {
  int64_t from[3], count[3];
  for (int i = 0; i < 3; ++i) {
    const bool cut = i == r.band;
    from[i] = cut ? b * r.rows : 0;
    count[i] = cut ? r.rows_of(b) + r.axis[i].canvas - r.axis[i].count : r.axis[i].canvas;
  }
  if (r.rows_of(b) < r.rows) clear_row(r.canvas_elements(), dst);
  const Axis *a0 = &r.axis[0], *a1 = &r.axis[1], *a2 = &r.axis[2];
  const int64_t size = r.source_size();
  for (int64_t p = 0; p < r.phases(); ++p) {
    const int64_t p2 = p % a2->phases, p1 = p / a2->phases % a1->phases, p0 = p / a2->phases / a1->phases;
    const Inside inside(*a2, from[2] * a2->step + a2->first[p2], count[2]);
    for (int64_t c = 0; c < r.cs; ++c) {
      const T* plane = src + c * size + inside.low * a2->step + inside.first;
      T* const to = dst + c * r.channel_pitch + p * r.phase_pitch;
      for (int64_t f0 = 0; f0 < count[0]; ++f0) {
        const int64_t s0 = (from[0] + f0) * a0->step + a0->first[p0];
        for (int64_t f1 = 0; f1 < count[1]; ++f1) {
          const int64_t s1 = (from[1] + f1) * a1->step + a1->first[p1];
          T* row = to + f0 * r.pitch[0] + f1 * r.pitch[1];
          if (s0 < 0 || s0 >= a0->source || s1 < 0 || s1 >= a1->source || inside.end == inside.low) {
            clear_row(count[2], row);
            continue;
          }
          clear_row(inside.low, row);
          copy_row(plane + (s0 * a1->source + s1) * a2->source, a2->step, inside.end - inside.low, row + inside.low);
          clear_row(count[2] - inside.end, row + inside.end);
        }
      }
    }
  }
}

/// Calls f(q, n, u0, u1, u2) for the outputs u2 ... u2 + n of each row that has some in [first, end) of the flat index.
template <class F>
void each_row(const Correlation& r, int64_t band_rows, int64_t first, int64_t end, const F& f) {
  int64_t count[3];
  for (int i = 0; i < 3; ++i) count[i] = i == r.band ? band_rows : r.axis[i].count;
  for (int64_t u0 = first / r.pitch[0]; u0 < count[0] && u0 * r.pitch[0] < end; ++u0) {
    const int64_t at0 = u0 * r.pitch[0];
    for (int64_t u1 = first > at0 ? (first - at0) / r.pitch[1] : 0; u1 < count[1]; ++u1) {
      const int64_t row = at0 + u1 * r.pitch[1];
      if (row >= end) break;
      const int64_t low = larger(row, first), high = smaller(row + count[2], end);
      if (high > low) f(low, high - low, u0, u1, low - row);
    }
  }
}

// ---- memory of tasks ----------------------------------------------------------------------------------------------

/// As many pieces of memory as threads work at a time; a task takes one that nobody has.
class Places {
 public:
  Places(int64_t count, int64_t bytes)
      : count_(count), bytes_(round_up(bytes, 64)), memory_(static_cast<size_t>(count * (bytes_ + 64))) {
    for (int64_t i = 0; i < count; ++i) *flag(i) = 0;
  }
  template <class F>
  void with(const F& f) const {
    for (int64_t i = 0;; i = i + 1 == count_ ? 0 : i + 1) {
      int free = 0;
      if (!__atomic_compare_exchange_n(flag(i), &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) continue;
      f(memory_.as<char>() + count_ * 64 + i * bytes_);
      __atomic_store_n(flag(i), 0, __ATOMIC_RELEASE);
      return;
    }
  }

 private:
  int* flag(int64_t i) const { return reinterpret_cast<int*>(memory_.as<char>() + i * 64); }

  int64_t count_, bytes_;
  Workspace memory_;
};

int64_t workers(bool parallel, int64_t tasks) { return parallel ? smaller(tasks, num_threads()) : 1; }

// ---- the product --------------------------------------------------------------------------------------------------

#if defined(__AVX512F__)
constexpr int kManyRegisters = 1;
#else
constexpr int kManyRegisters = 0;
#endif

/// Packs of columns that a tile of so many rows has.
constexpr int vecs_for(int rows) { return rows <= 2 || (kManyRegisters && rows <= 6) ? 4 : 2; }
constexpr int kMaxVecs = 4;

/// kRows x kVecs packs of C from a packed panel of A and rows of B anywhere.
template <class T, int kRows, int kVecs>
void tile(int64_t k, const T* a, const T* b, const int64_t* off, T* c, int64_t c_row, bool accumulate) {
  constexpr int kLanes = Pack<T>::kLanes;
  Pack<T> acc[kRows][kVecs];
  gemm::clear(acc);
  for (int64_t p = 0; p < k; ++p) {
    const T* line = b + off[p];
    Pack<T> row[kVecs];
#pragma GCC unroll 16
    for (int v = 0; v < kVecs; ++v) row[v] = Pack<T>::load(line + v * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const Pack<T> x(a[i]);
#pragma GCC unroll 16
      for (int v = 0; v < kVecs; ++v) acc[i][v] = fma(x, row[v], acc[i][v]);
    }
    a += kRows;
  }
  gemm::store_tile<false>(acc, c, c_row, 0, accumulate);
}

template <class T>
using TileFn = void (*)(int64_t, const T*, const T*, const int64_t*, T*, int64_t, bool);

template <class T, int kRows>
TileFn<T> tile_of(int vecs) {
  if constexpr (vecs_for(kRows) == 4)
    if (vecs == 4) return &tile<T, kRows, 4>;
  return vecs == 2 ? &tile<T, kRows, 2> : &tile<T, kRows, 1>;
}
template <class T, int kRows = gemm::Tile<T>::kRows>
TileFn<T> tile_for(int rows, int vecs) {
  if constexpr (kRows == 2) {
    return rows == 1 ? tile_of<T, 1>(vecs) : tile_of<T, 2>(vecs);
  } else {
    return rows < kRows ? tile_for<T, kRows - 2>(rows, vecs) : tile_of<T, kRows>(vecs);
  }
}

/// The rows of A in panels of nearly one height: even, or one row alone.
template <class T>
struct Panels {
  int64_t rows, units, count;

  explicit Panels(int64_t rows_of_a)
      : rows(rows_of_a), units(ceil_div(rows_of_a, 2)), count(ceil_div(units, gemm::Tile<T>::kRows / 2)) {}
  int64_t start(int64_t p) const { return rows == 1 ? p : 2 * (p * (units / count) + smaller(p, units % count)); }
  int height(int64_t p) const { return static_cast<int>(start(p + 1) - start(p)); }
  int highest() const { return height(0); }
  int64_t padded() const { return start(count); }
  /// Elements from group to group; the last store of a panel hangs over.
  int64_t elements(int64_t k) const { return padded() * k + count * Pack<T>::kLanes; }
  int64_t offset(int64_t p, int64_t k) const { return start(p) * k + p * Pack<T>::kLanes; }
};

/// Where A stands: element (i, k) of group g at w[g * group + i * across + at[k]].
struct Weights {
  int64_t group, across;
  const int64_t* at;  // null: k
};

template <class T>
void pack_weights(const Panels<T>& panels, const Weights& weights, int64_t p, int64_t k, const T* w, T* dst) {
  const int height = panels.height(p);
  const int lines = static_cast<int>(smaller(height, panels.rows - panels.start(p)));
  const T* src = w + panels.start(p) * weights.across;
  if (!weights.at) return gemm::pack_panel(src, weights.across, int64_t{1}, lines, k, height, dst);
  for (int64_t j = 0; j < k; ++j, dst += height) {
    const T* column = src + weights.at[j];
    for (int i = 0; i < height; ++i) dst[i] = i < lines ? column[i * weights.across] : T(0);
  }
}

/// The columns of C that are computed before they are brought to their places.
template <class T>
struct Cut {
  int64_t k, depth, columns;
  int vecs;

  Cut(const Panels<T>& panels, int64_t k_all, int64_t flat) : k(k_all) {
    constexpr int64_t kDepth = 512, kBytes = 65536;
    depth = ceil_div(k, ceil_div(k, kDepth));
    vecs = vecs_for(panels.highest());
    const int64_t width = vecs * Pack<T>::kLanes;
    columns = larger(width, kBytes / (panels.padded() * static_cast<int64_t>(sizeof(T))) / width * width);
    columns = smaller(columns, round_up(flat, width));
  }
  int vecs_at(int64_t left) const {
    const int64_t packs = ceil_div(left, Pack<T>::kLanes);
    return packs >= vecs ? vecs : packs >= 2 ? 2 : 1;
  }
};

/// C = A B for the columns [first, end).
template <class T>
void multiply_columns(const Panels<T>& panels, const Cut<T>& cut, const int64_t* off, const T* a, const T* b,
                      bool on_canvas, int64_t first, int64_t end, T* c, T* tail) {
  constexpr int kLanes = Pack<T>::kLanes;
  int64_t tail_off[512];
  for (int64_t p = 0; p < cut.k; p += cut.depth) {
    const int64_t depth = smaller(cut.depth, cut.k - p);
    for (int64_t q = first; q < end;) {
      const int vecs = cut.vecs_at(end - q);
      const int64_t width = vecs * kLanes;
      const T* from = b + q;
      const int64_t* at = off + p;
      if (!on_canvas && q + width > end) {  // nothing may be read behind the end of the source
        for (int64_t k = 0; k < depth; ++k) {
          copy_row(from + at[k], 1, end - q, tail + k * width);
          clear_row(width - (end - q), tail + k * width + (end - q));
          tail_off[k] = k * width;
        }
        from = tail;
        at = tail_off;
      }
      for (int64_t r = 0; r < panels.count; ++r) {
        const int height = panels.height(r);
        tile_for<T>(height, vecs)(depth, a + panels.offset(r, cut.k) + p * height, from, at,
                                  c + panels.start(r) * cut.columns + (q - first), cut.columns, p > 0);
      }
      q += width;
    }
  }
}

template <class T>
void store_columns(const Correlation& r, int64_t b, int64_t first, int64_t end, const T* c, int64_t c_row,
                   const T* bias, T* dst) {
  constexpr int kLanes = Pack<T>::kLanes;
  const Axis *a0 = &r.axis[0], *a1 = &r.axis[1], *a2 = &r.axis[2];
  const int64_t from[3] = {r.band == 0 ? b * r.rows : 0, r.band == 1 ? b * r.rows : 0, r.band == 2 ? b * r.rows : 0};
  const int64_t size = r.dest_size();
  each_row(r, r.rows_of(b), first, end, [&](int64_t q, int64_t n, int64_t u0, int64_t u1, int64_t u2) {
    const int64_t i0 = (from[0] + u0) * a0->dest_step + a0->dest_first,
                  i1 = (from[1] + u1) * a1->dest_step + a1->dest_first,
                  i2 = (from[2] + u2) * a2->dest_step + a2->dest_first;
    T* to = dst + (i0 * a1->dest + i1) * a2->dest + i2;
    const T* row = c + (q - first);
    for (int64_t d = 0; d < r.cd; ++d, to += size, row += c_row) {
      const T start = bias ? bias[d] : T(0);
      if (a2->dest_step != 1) {
        for (int64_t i = 0; i < n; ++i) to[i * a2->dest_step] = bias ? row[i] + start : row[i];
        continue;
      }
      const Pack<T> x(start);
      int64_t i = 0;
      for (; i + kLanes <= n; i += kLanes) {
        const Pack<T> y = Pack<T>::load(row + i);
        (bias ? y + x : y).store(to + i);
      }
      if (i < n) {
        const int left = static_cast<int>(n - i);
        const Pack<T> y = Pack<T>::load(row + i, left);
        (bias ? y + x : y).store(to + i, left);
      }
    }
  });
}

int64_t multiplications(const Correlation& r) { return r.n * r.groups * r.cd * r.depth() * r.outputs(); }

template <class T>
void correlate(Correlation& r, const Weights& weights, const T* src, const T* w, const T* bias, T* dst) {
  if (r.outputs() == 0) return;
  const int64_t k = r.depth();
  const bool parallel = multiplications(r) > kLong;
  constexpr int64_t kTasks = 8;
  r.lay_out(sizeof(T), parallel ? ceil_div(kTasks, r.n * r.groups) : 1);
  const Panels<T> panels(r.cd);
  const Cut<T> cut(panels, k, r.flat(r.rows));
  const int64_t a_elements = panels.elements(k), width = kMaxVecs * Pack<T>::kLanes;
  const Workspace shared(static_cast<size_t>(k) * 8 + static_cast<size_t>(r.groups * a_elements) * sizeof(T) + 64);
  T* const a = shared.as<T>();
  auto* const off = reinterpret_cast<int64_t*>(shared.as<char>() + round_up(r.groups * a_elements * sizeof(T), 8));
  r.set_offsets(off);
  each(r.groups * panels.padded() * k > int64_t{1} << 17, r.groups * panels.count, [&](int64_t i) {
    const int64_t g = i / panels.count, p = i % panels.count;
    pack_weights(panels, weights, p, k, w + g * weights.group, a + g * a_elements + panels.offset(p, k));
  });
  const int64_t canvas = r.on_canvas ? r.canvas_elements() + width : cut.depth * width;
  const int64_t bands = r.bands(), all = r.n * r.groups * bands;
  // A chunk is a few of them where they are short.
  const int64_t at_once = smaller(all, larger(1, kLong / 8 / larger(1, multiplications(r) / all)));
  const int64_t chunks = ceil_div(all, at_once);
  const Places places(workers(parallel, chunks),
                      (canvas + panels.padded() * cut.columns) * static_cast<int64_t>(sizeof(T)));
  each(parallel, chunks, [&](int64_t chunk) {
    places.with([&](char* memory) {
      T* const canvases = reinterpret_cast<T*>(memory);
      T* const c = canvases + canvas;
      for (int64_t i = chunk * at_once; i < smaller(all, (chunk + 1) * at_once); ++i) {
        const int64_t b = i % bands, image = i / bands, g = image % r.groups;
        const T* from = src + image * r.cs * r.source_size();
        const T* base = canvases;
        if (r.on_canvas) {
          fill_canvas(r, from, b, canvases);
          clear_row(width, canvases + canvas - width);
        } else {
          base = from + b * r.rows * r.pitch[r.band];
        }
        const int64_t flat = r.flat(r.rows_of(b));
        for (int64_t q = 0; q < flat; q += cut.columns) {
          const int64_t end = smaller(flat, q + cut.columns);
          multiply_columns(panels, cut, off, a + g * a_elements, base, r.on_canvas, q, end, c, canvases);
          store_columns(r, b, q, end, c, cut.columns, bias ? bias + g * r.cd : nullptr,
                        dst + image * r.cd * r.dest_size());
        }
      }
    });
  });
}

/// Memory for the tables of all axes.
int64_t table_size(const ConvSizes& s) { return kTables * (s.kernel[0] + s.kernel[1] + s.kernel[2]); }

template <class F>
void with_axes(const ConvSizes& s, int64_t* tables, const F& set) {
  for (int i = 0; i < 3; ++i) {
    set(i, tables);
    tables += kTables * s.kernel[i];
  }
}

template <class T>
void fill_with_bias(int64_t planes, int64_t channels, int64_t size, const T* bias, T* y) {
  for (int64_t p = 0; p < planes; ++p) {
    for (int64_t i = 0; i < size; ++i) *y++ = bias ? bias[p % channels] : T(0);
  }
}

template <class T>
void forward(const ConvSizes& s, const T* x, const T* w, const T* bias, T* y) {
  const int64_t out = s.out[0] * s.out[1] * s.out[2];
  if (s.n * s.groups * s.co * out == 0) return;
  if (s.ci == 0) return fill_with_bias(s.n * s.groups * s.co, s.groups * s.co, out, bias, y);
  const Workspace tables(static_cast<size_t>(table_size(s)) * 8);
  Correlation r{.n = s.n, .groups = s.groups, .cs = s.ci, .cd = s.co};
  with_axes(s, tables.as<int64_t>(), [&](int i, int64_t* t) { set_forward(s, i, t, r.axis[i]); });
  const int64_t k = r.depth();
  correlate(r, {s.co * k, k, nullptr}, x, w, bias, y);
}

template <class T>
void input(const ConvSizes& s, const T* y, const T* w, T* x) {
  const int64_t planes = s.n * s.groups * s.ci, size = s.in[0] * s.in[1] * s.in[2];
  if (planes * size == 0) return;
  const bool strided = s.stride[0] * s.stride[1] * s.stride[2] != 1;
  const int64_t taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
  if (strided || s.co == 0) fill_with_bias<T>(planes, 1, size, nullptr, x);
  if (s.co == 0) return;
  const Workspace tables(static_cast<size_t>(table_size(s) + s.co * taps) * 8);
  int64_t* const at = tables.as<int64_t>() + table_size(s);
  // A residue beyond the reach of the kernel has no tap.
  int64_t residues[3];
  for (int i = 0; i < 3; ++i) residues[i] = smaller(s.stride[i], (s.kernel[i] - 1) * s.dilation[i] + 1);
  for (int64_t j = 0; j < residues[0] * residues[1] * residues[2]; ++j) {
    const int64_t residue[3] = {j / residues[2] / residues[1], j / residues[2] % residues[1], j % residues[2]};
    Correlation r{.n = s.n, .groups = s.groups, .cs = s.co, .cd = s.ci};
    with_axes(s, tables.as<int64_t>(), [&](int i, int64_t* t) { set_input(s, i, residue[i], t, r.axis[i]); });
    if (r.taps() == 0) continue;
    int64_t* next = at;
    for (int64_t o = 0; o < s.co; ++o) {
      for (int64_t t0 = 0; t0 < r.axis[0].taps; ++t0) {
        for (int64_t t1 = 0; t1 < r.axis[1].taps; ++t1) {
          for (int64_t t2 = 0; t2 < r.axis[2].taps; ++t2) {
            *next++ = o * s.ci * taps + (r.axis[0].tap[t0] * s.kernel[1] + r.axis[1].tap[t1]) * s.kernel[2] +
                      r.axis[2].tap[t2];
          }
        }
      }
    }
    correlate<T>(r, {s.co * s.ci * taps, taps, at}, y, w, nullptr, x);
  }
}

// ---- the gradient of the weight -----------------------------------------------------------------------------------

/// Rows of y times rows of canvases: images of `flat` columns each.
template <class T>
struct Rows {
  int64_t images, flat;
  const T* g;
  int64_t g_pitch, g_image;  // from row to row, from image to image
  const T* x;
  int64_t x_image;
  const T* valid;  // [flat], 0 where no output stands; null where it does not matter
};

/// acc += the products of all images at q, q + kLanes, ... before `end`; or of the first `lanes` at q alone. The sums are
/// copied, so that they stay in registers. Rows and columns beyond `rows` and `cols` are the last again.
template <bool kPartial, bool kMasked, class T, int kRows, int kCols>
[[gnu::always_inline]] inline void add_products(const Rows<T>& r, int rows, const int64_t* off, int cols, int64_t first,
                                                int64_t end, int lanes, Pack<T> (&acc)[1][kRows * kCols]) {
  constexpr int kLanes = Pack<T>::kLanes;
  const auto load = [lanes](const T* p) __attribute__((always_inline)) {
    return kPartial ? Pack<T>::load(p, lanes) : Pack<T>::load(p);
  };
  Pack<T> sums[kRows * kCols];
#pragma GCC unroll 32
  for (int i = 0; i < kRows * kCols; ++i) sums[i] = acc[0][i];
  for (int64_t image = 0; image < r.images; ++image) {
    const T *g[kRows], *x[kCols];
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) g[i] = r.g + image * r.g_image + (i < rows ? i : rows - 1) * r.g_pitch;
#pragma GCC unroll 16
    for (int j = 0; j < kCols; ++j) x[j] = r.x + image * r.x_image + off[j < cols ? j : cols - 1];
    for (int64_t q = first; q < end; q += kLanes) {
      Pack<T> line[kRows];
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) line[i] = load(g[i] + q);
#pragma GCC unroll 16
      for (int j = 0; j < kCols; ++j) {
        Pack<T> column = load(x[j] + q);
        if constexpr (kMasked) column = select(load(r.valid + q) != Pack<T>(0), column, Pack<T>(0));
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) sums[i * kCols + j] = fma(line[i], column, sums[i * kCols + j]);
      }
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < kRows * kCols; ++i) acc[0][i] = sums[i];
}

/// kRows x kCols inner products; rows and columns beyond `rows` and `cols` are not stored.
template <class T, int kRows, int kCols, bool kMasked>
void inner(const Rows<T>& r, int rows, const int64_t* off, int cols, T* c, int64_t c_row, bool accumulate) {
  constexpr int kLanes = Pack<T>::kLanes;
  Pack<T> acc[1][kRows * kCols];
  gemm::clear(acc);
  const int64_t whole = r.flat / kLanes * kLanes;
  add_products<false, kMasked, T, kRows, kCols>(r, rows, off, cols, 0, whole, kLanes, acc);
  if (whole < r.flat) {
    const int lanes = static_cast<int>(r.flat - whole);
    add_products<true, kMasked, T, kRows, kCols>(r, rows, off, cols, whole, r.flat, lanes, acc);
  }
  T total[kRows * kCols];
  gemm::sums(acc[0], total);
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < cols; ++j) {
      T& target = c[i * c_row + j];
      target = accumulate ? target + total[i * kCols + j] : total[i * kCols + j];
    }
  }
}

template <class T, int kRows, int kCols>
void inner_rows(const Rows<T>& r, int64_t first, int64_t end, const int64_t* off, int64_t k, T* c, int64_t c_row,
                bool accumulate) {
  const auto fn = r.valid ? &inner<T, kRows, kCols, true> : &inner<T, kRows, kCols, false>;
  // Few rows of y stay near while the canvases pass, whose taps are near each other.
  for (int64_t i = first; i < end; i += kRows) {
    Rows<T> part = r;
    part.g += i * r.g_pitch;
    for (int64_t j = 0; j < k; j += kCols) {
      fn(part, static_cast<int>(smaller(kRows, end - i)), off + j, static_cast<int>(smaller(kCols, k - j)),
         c + i * c_row + j, c_row, accumulate);
    }
  }
}

template <class T>
void weight(const ConvSizes& s, const T* x, const T* y, T* w) {
  const int64_t taps = s.kernel[0] * s.kernel[1] * s.kernel[2], k = s.ci * taps, size = s.co * k;
  const int64_t out = s.out[0] * s.out[1] * s.out[2];
  if (s.groups * size == 0) return;
  if (s.n * out == 0) return fill_with_bias<T>(1, 1, s.groups * size, nullptr, w);
  const Workspace tables(static_cast<size_t>(table_size(s) + k) * 8);
  Correlation r{.n = s.n, .groups = s.groups, .cs = s.ci, .cd = s.co};
  with_axes(s, tables.as<int64_t>(), [&](int i, int64_t* t) { set_forward(s, i, t, r.axis[i]); });
  // Slices of images and bands are summed for themselves, then one after the other: how many there are depends on the
  // shapes of one group alone.
  constexpr int64_t kSlices = 8, kMaxPartial = int64_t{1} << 22, kColumns = 1024;
  const int64_t work = s.n * size * out;
  const int64_t most = work <= kLong / 2 || size * kSlices > kMaxPartial ? 1 : kSlices;
  r.lay_out(sizeof(T), ceil_div(most, s.n));
  const int64_t bands = r.bands(), flat = r.flat(r.rows);
  const bool gaps = r.has_gaps(r.rows);
  // Where both are copies, zeros fill up the last pack: of a row of y, and of what a canvas is read beyond its end.
  constexpr int64_t kLanes = Pack<T>::kLanes;
  const bool filled = gaps && r.on_canvas;
  const int64_t canvas = round_up(r.canvas_elements() + (filled ? kLanes : 0), 16);
  const int64_t g_pitch = round_up(flat, 16), g_canvas = s.co * g_pitch;
  int64_t images = 1;
  if (bands == 1) {
    const int64_t fit = kBandBytes / larger(1, (s.ci * r.channel_pitch + g_canvas) * static_cast<int64_t>(sizeof(T)));
    images = smaller(smaller(ceil_div(kColumns, flat), ceil_div(s.n, most)), larger(1, fit));
  }
  const int64_t units = ceil_div(s.n, images) * bands, slices = smaller(units, most);
  int64_t* const off = tables.as<int64_t>() + table_size(s);
  r.set_offsets(off);
  const bool parallel = s.groups * work > kLong;
  // Where there are few slices, each is also cut along the rows of the result.
  const int64_t cuts = !parallel || slices * s.groups >= 4 ? 1 : smaller(ceil_div(s.co, 4), 4);
  const int64_t cut = round_up(ceil_div(s.co, cuts), 4);
  const int64_t g_elements = gaps ? images * g_canvas : 0, tasks = s.groups * slices * cuts;
  const int64_t partial = slices > 1 ? s.groups * slices * size : 0;
  const Workspace sums(static_cast<size_t>(partial) * sizeof(T) + 64);
  const Places places(workers(parallel, tasks),
                      (images * canvas + g_elements + (gaps ? g_pitch : 0) + 64) * static_cast<int64_t>(sizeof(T)));
  const auto task = [&](int64_t at, char* memory) {
    const int64_t part = at % cuts, slice = at / cuts % slices, g = at / cuts / slices;
    const int64_t first = part * cut, end = smaller(s.co, first + cut);
    T* const canvases = reinterpret_cast<T*>(memory);
    T* const gs = canvases + images * canvas;
    T* const valid = gs + g_elements;
    T* const c = slices > 1 ? sums.as<T>() + (g * slices + slice) * size : w + g * size;
    bool accumulate = false;
    const int64_t x_image = s.groups * s.ci * r.source_size(), y_image = s.groups * s.co * out;
    for (int64_t u = slice * units / slices; u < (slice + 1) * units / slices; ++u) {
      const int64_t b = u % bands, image = u / bands * images, count = smaller(images, s.n - image);
      const T* from = x + image * x_image + g * s.ci * r.source_size();
      const T* back = y + image * y_image + g * s.co * out;
      const int64_t rows = r.rows_of(b), flat_of_band = r.flat(rows), row_first = b * r.rows;
      const int64_t columns = filled ? round_up(flat_of_band, kLanes) : flat_of_band;
      Rows<T> p{count, columns, nullptr, 0, 0, nullptr, 0, nullptr};
      if (r.on_canvas) {
        for (int64_t i = 0; i < count; ++i) {
          fill_canvas(r, from + i * x_image, b, canvases + i * canvas);
          if (filled) clear_row(canvas - r.canvas_elements(), canvases + i * canvas + r.canvas_elements());
        }
        p.x = canvases;
        p.x_image = canvas;
      } else {
        p.x = from + row_first * r.pitch[r.band];
        p.x_image = x_image;
      }
      if (gaps) {
        for (int64_t i = 0; i < count; ++i) {
          for (int64_t o = first; o < end; ++o) {
            T* row = gs + i * g_canvas + o * g_pitch;
            const T* plane = back + i * y_image + o * out;
            clear_row(columns, row);
            each_row(r, rows, 0, columns, [&](int64_t q, int64_t n, int64_t u0, int64_t u1, int64_t u2) {
              const int64_t from0 = r.band == 0 ? row_first : 0, from1 = r.band == 1 ? row_first : 0;
              copy_row(plane + ((from0 + u0) * s.out[1] + from1 + u1) * s.out[2] + u2, 1, n, row + q);
            });
          }
        }
        p.g = gs;
        p.g_pitch = g_pitch;
        p.g_image = g_canvas;
        // What stands beside a gap is multiplied by 0, which must give 0.
        bool finite = true;
        for (int64_t i = 0; i < count; ++i) {
          finite &= r.on_canvas ? all_finite(canvases + i * canvas, r.canvas_elements())
                                : all_finite(from + i * x_image, s.ci * r.source_size());
        }
        if (!finite) {
          clear_row(columns, valid);
          each_row(r, rows, 0, columns, [&](int64_t q, int64_t n, int64_t, int64_t, int64_t) {
            for (int64_t i = 0; i < n; ++i) valid[q + i] = 1;
          });
          p.valid = valid;
        }
      } else {
        const int64_t pitches[3] = {s.out[1] * s.out[2], s.out[2], 1};
        p.g = back + row_first * pitches[r.band];
        p.g_pitch = out;
        p.g_image = y_image;
      }
      constexpr int kWide = kManyRegisters ? 8 : 4;
      if (end - first >= 3) {
        inner_rows<T, 4, kManyRegisters ? 6 : 2>(p, first, end, off, k, c, k, accumulate);
      } else if (end - first == 2) {
        inner_rows<T, 2, kWide>(p, first, end, off, k, c, k, accumulate);
      } else if (end - first == 1) {
        inner_rows<T, 1, kWide>(p, first, end, off, k, c, k, accumulate);
      }
      accumulate = true;
    }
  };
  each(parallel, tasks, [&](int64_t at) { places.with([&](char* memory) { task(at, memory); }); });
  if (slices == 1) return;
  each(parallel && s.groups * size * slices > int64_t{1} << 18, s.groups, [&](int64_t g) {
    const T* from = sums.as<T>() + g * slices * size;
    T* const to = w + g * size;
    copy_row(from, 1, size, to);
    for (int64_t j = 1; j < slices; ++j) {
      for (int64_t i = 0; i < size; ++i) to[i] += from[j * size + i];
    }
  });
}

}  // namespace
}  // namespace conv

void install_conv(Kernels& table) {
  table.conv_f32 = {&conv::forward<float>, &conv::input<float>, &conv::weight<float>};
  table.conv_f64 = {&conv::forward<double>, &conv::input<double>, &conv::weight<double>};
}

}  // namespace adcore::ADCORE_ISA
