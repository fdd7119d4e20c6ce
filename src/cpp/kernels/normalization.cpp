// Normalization of rows that may lie in several pieces: batch_norm's are a channel of every image. Weights and biases are
// constant over segments of a row (channels), or differ from element to element (layer_norm's).
//
// A sum takes leaves of some packs, then adds the leaves in double, in order; so a row rounds the same wherever it lies.
// The gradients of weights are sums over rows: in blocks of rows that the shape alone decides, in order. Start reading at
// normalize().
#include "kernels/isa.h"
#include "kernels/pairwise.h"
#include "kernels/workspace.h"

namespace adcore::ADCORE_ISA {
namespace normalization {
namespace {

/// The sums over [begin, end) of term(offset, lanes, sums), which adds a pack whose other lanes are 0 to each, are added
/// to `total`.
template <class T, int kSums, class Term>
[[gnu::always_inline]] inline void add_sums(int64_t begin, int64_t end, double (&total)[kSums], Term term) {
  constexpr int kLanes = Pack<T>::kLanes, kWays = 4;
  constexpr int64_t kLeaf = 64 * kWays * kLanes;
  for (int64_t i = begin; i < end;) {
    const int64_t stop = i + kLeaf < end ? i + kLeaf : end;
    Pack<T> leaf[kWays][kSums];
    for (auto& way : leaf)
      for (Pack<T>& p : way) p = Pack<T>(0);
    for (; i + kWays * kLanes <= stop; i += kWays * kLanes)
      for (int way = 0; way < kWays; ++way) term(i + way * kLanes, kLanes, leaf[way]);
    for_packs<T>(i, stop, [&](int64_t at, int lanes) { term(at, lanes, leaf[0]); });
    i = stop;
    for (int k = 0; k < kSums; ++k) {
      const Pack<T> all = (leaf[0][k] + leaf[1][k]) + (leaf[2][k] + leaf[3][k]);
      total[k] += static_cast<double>(sum(all));
    }
  }
}

/// f(begin, end) for the pieces of a row.
template <class F>
void each_piece(const NormSizes& s, int64_t l, int64_t o, F f) {
  for (int64_t r = 0; r < s.repeat; ++r) {
    const int64_t begin = ((l * s.repeat + r) * s.outer + o) * s.n;
    f(begin, begin + s.n);
  }
}

/// f(begin, end, k) for the parts of a row over which weights and biases are number k; where they differ from element to
/// element, those of the piece are k, k + 1, ...
template <class F>
void each_segment(const NormSizes& s, int64_t l, int64_t o, F f) {
  each_piece(s, l, o, [&](int64_t begin, int64_t end) {
    if (s.segment == 1) return f(begin, end, begin % s.weights);
    for (int64_t at = begin; at < end; at += s.segment) f(at, at + s.segment, at / s.segment % s.weights);
  });
}

double row_ns(const NormSizes& s) { return 0.5 * static_cast<double>(s.repeat * s.n); }

/// Number k of weights or biases for the element at `at` of a segment that starts at `begin`.
template <bool kAlong, class T>
[[gnu::always_inline]] inline Pack<T> factor(const T* w, int64_t k, int64_t begin, int64_t at, int lanes) {
  return kAlong ? load_lanes(w + k + at - begin, lanes) : Pack<T>(w[k]);
}

template <class T, bool kAlong>
void apply_affine(const NormArgs<T>& a, int64_t l, int64_t o, Pack<T> mean, Pack<T> rstd) {
  each_segment(a.sizes, l, o, [&](int64_t begin, int64_t end, int64_t k) {
    for_packs<T>(begin, end, [&](int64_t at, int lanes) {
      const Pack<T> y = (load_lanes(a.x + at, lanes) - mean) * rstd;
      const Pack<T> w = factor<kAlong>(a.weight, k, begin, at, lanes), b = factor<kAlong>(a.bias, k, begin, at, lanes);
      store_lanes(fma(y, w, b), a.y + at, lanes);
    });
  });
}

template <class T>
void normalize(const NormArgs<T>& a) {
  const NormSizes& s = a.sizes;
  const auto count = static_cast<double>(s.repeat * s.n);
  for_blocks(s.lead * s.outer, row_ns(s), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t l = i / s.outer, o = i % s.outer;
      double total[1] = {};
      each_piece(s, l, o, [&](int64_t begin, int64_t end) {
        add_sums<T>(begin, end, total,
                    [&](int64_t at, int lanes, Pack<T>* sums) { sums[0] = sums[0] + load_lanes(a.x + at, lanes); });
      });
      const T mean = static_cast<T>(total[0] / count);
      total[0] = 0;
      each_piece(s, l, o, [&](int64_t begin, int64_t end) {
        add_sums<T>(begin, end, total, [&](int64_t at, int lanes, Pack<T>* sums) {
          const Pack<T> d = load_lanes(a.x + at, lanes, mean) - Pack<T>(mean);
          sums[0] = fma(d, d, sums[0]);
        });
      });
      const T rstd = static_cast<T>(1.0 / __builtin_sqrt(total[0] / count + a.eps));
      a.mean[i] = mean;
      a.rstd[i] = rstd;
      if (a.weight) {
        s.segment == 1 ? apply_affine<T, true>(a, l, o, mean, rstd) : apply_affine<T, false>(a, l, o, mean, rstd);
        continue;
      }
      each_piece(s, l, o, [&](int64_t begin, int64_t end) {
        for_packs<T>(begin, end, [&](int64_t at, int lanes) {
          store_lanes((load_lanes(a.x + at, lanes) - Pack<T>(mean)) * Pack<T>(rstd), a.y + at, lanes);
        });
      });
    }
  });
}

// ---- the gradient ---------------------------------------------------------------------------------------------------

/// One row: what its sums need.
template <class T>
struct Row {
  const NormGradArgs<T>& a;
  Pack<T> mean, rstd;

  Row(const NormGradArgs<T>& args, int64_t i) : a(args), mean(args.mean[i]), rstd(args.rstd[i]) {}
  [[gnu::always_inline]] Pack<T> y(int64_t at, int lanes) const { return (load_lanes(a.x + at, lanes) - mean) * rstd; }
  /// grad from g * w and its means.
  [[gnu::always_inline]] void store(Pack<T> g, Pack<T> y, Pack<T> offset, Pack<T> slope, int64_t at, int lanes) const {
    store_lanes((g - offset - y * slope) * rstd, a.grad + at, lanes);
  }
};

/// The sums of g and of g * y over a segment.
template <class T>
void segment_sums(const Row<T>& row, int64_t begin, int64_t end, double (&total)[2]) {
  add_sums<T>(begin, end, total, [&](int64_t at, int lanes, Pack<T>* sums) {
    const Pack<T> g = load_lanes(row.a.g + at, lanes);
    sums[0] = sums[0] + g;
    sums[1] = fma(g, row.y(at, lanes), sums[1]);
  });
}

/// Weights are constant over segments, whose sums they need; `sums` has two of every segment, or is null: no weights.
template <class T>
void grad_by_segments(const NormGradArgs<T>& a, double* sums) {
  const NormSizes& s = a.sizes;
  const auto count = static_cast<double>(s.repeat * s.n);
  for_blocks(s.lead * s.outer, row_ns(s), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t l = i / s.outer, o = i % s.outer;
      const Row<T> row(a, i);
      double of_row[2] = {};
      each_segment(s, l, o, [&](int64_t begin, int64_t end, int64_t k) {
        double total[2] = {};
        segment_sums(row, begin, end, total);
        for (int j = 0; j < 2; ++j) {
          of_row[j] += (sums ? static_cast<double>(a.weight[k]) : 1.0) * total[j];
          if (sums) sums[begin / s.segment * 2 + j] = total[j];
        }
      });
      const Pack<T> offset(static_cast<T>(of_row[0] / count)), slope(static_cast<T>(of_row[1] / count));
      each_segment(s, l, o, [&](int64_t begin, int64_t end, int64_t k) {
        const Pack<T> w = sums ? Pack<T>(a.weight[k]) : Pack<T>(1);
        for_packs<T>(begin, end, [&](int64_t at, int lanes) {
          row.store(load_lanes(a.g + at, lanes) * w, row.y(at, lanes), offset, slope, at, lanes);
        });
      });
    }
  });
}

/// The sums of segments as gradients of weights and biases.
template <class T>
void add_segments(const NormGradArgs<T>& a, const double* sums) {
  const NormSizes& s = a.sizes;
  const int64_t segments = s.lead * s.repeat * s.outer * s.n / s.segment;
  const Workspace memory(static_cast<size_t>(2 * s.weights) * sizeof(double));
  auto* const total = memory.as<double>();
  for (int64_t i = 0; i < 2 * s.weights; ++i) total[i] = 0;
  for (int64_t i = 0, k = 0; i < segments; ++i, k = k + 1 == s.weights ? 0 : k + 1)
    for (int j = 0; j < 2; ++j) total[2 * k + j] += sums[2 * i + j];
  for (int64_t k = 0; k < s.weights; ++k) {
    a.bias_grad[k] = static_cast<T>(total[2 * k]);
    a.weight_grad[k] = static_cast<T>(total[2 * k + 1]);
  }
}

/// Weights differ from element to element of a row, which is one piece. Some rows add up in T, those in double.
template <class T>
void grad_along(const NormGradArgs<T>& a) {
  constexpr int64_t kFew = 64;
  const NormSizes& s = a.sizes;
  const int64_t rows = s.lead * s.outer, per_block = ceil_div(rows, block_count(rows, row_ns(s)));
  const int64_t blocks = ceil_div(rows, per_block);
  const auto count = static_cast<double>(s.n);
  const int64_t bytes = 2 * s.weights * static_cast<int64_t>(sizeof(double) + sizeof(T));
  const Workspace memory(static_cast<size_t>(blocks * bytes));
  const auto body = [&](int64_t b) {
    auto* const total = reinterpret_cast<double*>(memory.as<char>() + b * bytes);
    T* const few = reinterpret_cast<T*>(total + 2 * s.weights);
    for (int64_t k = 0; k < 2 * s.weights; ++k) total[k] = 0;
    const int64_t last = (b + 1) * per_block < rows ? (b + 1) * per_block : rows;
    for (int64_t i = b * per_block; i < last;) {
      for (int64_t k = 0; k < 2 * s.weights; ++k) few[k] = 0;
      for (const int64_t stop = i + kFew < last ? i + kFew : last; i < stop; ++i) {
        const Row<T> row(a, i);
        const int64_t begin = i * s.n, end = begin + s.n, first = begin % s.weights;
        const T* const w = a.weight + first - begin;
        double of_row[2] = {};
        add_sums<T>(begin, end, of_row, [&](int64_t at, int lanes, Pack<T>* sums) {
          const Pack<T> g = load_lanes(a.g + at, lanes) * load_lanes(w + at, lanes);
          sums[0] = sums[0] + g;
          sums[1] = fma(g, row.y(at, lanes), sums[1]);
        });
        const Pack<T> offset(static_cast<T>(of_row[0] / count)), slope(static_cast<T>(of_row[1] / count));
        T *const of_bias = few + first - begin, *const of_weight = of_bias + s.weights;
        for_packs<T>(begin, end, [&](int64_t at, int lanes) {
          const Pack<T> g = load_lanes(a.g + at, lanes), y = row.y(at, lanes);
          store_lanes(load_lanes(of_bias + at, lanes) + g, of_bias + at, lanes);
          store_lanes(fma(g, y, load_lanes(of_weight + at, lanes)), of_weight + at, lanes);
          row.store(g * load_lanes(w + at, lanes), y, offset, slope, at, lanes);
        });
      }
      for (int64_t k = 0; k < 2 * s.weights; ++k) total[k] += static_cast<double>(few[k]);
    }
  };
  if (blocks == 1) {
    body(0);
  } else {
    parallel_for(blocks, body);
  }
  for (int64_t k = 0; k < s.weights; ++k) {
    double both[2] = {};
    for (int64_t b = 0; b < blocks; ++b)
      for (int j = 0; j < 2; ++j)
        both[j] += reinterpret_cast<const double*>(memory.as<char>() + b * bytes)[k + j * s.weights];
    a.bias_grad[k] = static_cast<T>(both[0]);
    a.weight_grad[k] = static_cast<T>(both[1]);
  }
}

template <class T>
void normalize_grad(const NormGradArgs<T>& a) {
  const NormSizes& s = a.sizes;
  const int64_t size = s.lead * s.repeat * s.outer * s.n;
  if (!a.weight) return grad_by_segments(a, nullptr);
  if (size == 0) {
    for (int64_t k = 0; k < s.weights; ++k) a.weight_grad[k] = a.bias_grad[k] = 0;
    return;
  }
  if (s.segment == 1) return grad_along(a);
  const Workspace sums(static_cast<size_t>(2 * size / s.segment) * sizeof(double));
  grad_by_segments(a, sums.as<double>());
  add_segments(a, sums.as<double>());
}

}  // namespace
}  // namespace normalization

void install_normalization(Kernels& table) {
  table.norm_f32 = {&normalization::normalize<float>, &normalization::normalize_grad<float>};
  table.norm_f64 = {&normalization::normalize<double>, &normalization::normalize_grad<double>};
}

}  // namespace adcore::ADCORE_ISA
