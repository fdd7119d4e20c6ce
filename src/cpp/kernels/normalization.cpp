// Normalization of rows that may lie in several pieces: batch_norm's are a channel of every image.
//
// A sum takes leaves of some packs, then adds the leaves in double, in order; so a row rounds the same wherever it
// lies.
#include "kernels/isa.h"
#include "kernels/pairwise.h"

namespace adcore::ADCORE_ISA {
namespace normalization {
namespace {

/// The sums over one row of term(offset, lanes), a pack whose other lanes are 0.
template <class T, int kSums, class Term>
void sum_row(const NormSizes& s, int64_t l, int64_t o, double (&total)[kSums], Term term) {
  constexpr int64_t kLeaf = 64 * Pack<T>::kLanes;
  for (double& t : total) t = 0;
  for (int64_t r = 0; r < s.repeat; ++r) {
    const int64_t start = ((l * s.repeat + r) * s.outer + o) * s.n;
    for (int64_t i = 0; i < s.n; i += kLeaf) {
      Pack<T> leaf[kSums];
      for (Pack<T>& p : leaf) p = Pack<T>(0);
      for_packs<T>(start + i, start + (i + kLeaf < s.n ? i + kLeaf : s.n),
                   [&](int64_t at, int lanes) { term(at, lanes, leaf); });
      for (int k = 0; k < kSums; ++k) total[k] += static_cast<double>(sum(leaf[k]));
    }
  }
}

template <class T, class F>
void each_pack(const NormSizes& s, int64_t l, int64_t o, F f) {
  for (int64_t r = 0; r < s.repeat; ++r) {
    const int64_t start = ((l * s.repeat + r) * s.outer + o) * s.n;
    for_packs<T>(start, start + s.n, f);
  }
}

/// body(l, o) for all rows.
template <class F>
void each_row(const NormSizes& s, F body) {
  for_blocks(s.lead * s.outer, 0.5 * static_cast<double>(s.repeat * s.n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i / s.outer, i % s.outer);
  });
}

template <class T>
void normalize(const NormArgs<T>& a) {
  const NormSizes& s = a.sizes;
  const auto count = static_cast<double>(s.repeat * s.n);
  each_row(s, [&](int64_t l, int64_t o) {
    double total[1];
    sum_row<T>(s, l, o, total,
               [&](int64_t at, int lanes, Pack<T>* sums) { sums[0] = sums[0] + load_lanes(a.x + at, lanes); });
    const T mean = static_cast<T>(total[0] / count);
    sum_row<T>(s, l, o, total, [&](int64_t at, int lanes, Pack<T>* sums) {
      const Pack<T> d = load_lanes(a.x + at, lanes, mean) - Pack<T>(mean);
      sums[0] = fma(d, d, sums[0]);
    });
    const T rstd = static_cast<T>(1.0 / __builtin_sqrt(total[0] / count + a.eps));
    each_pack<T>(s, l, o, [&](int64_t at, int lanes) {
      store_lanes((load_lanes(a.x + at, lanes) - Pack<T>(mean)) * Pack<T>(rstd), a.y + at, lanes);
    });
    a.mean[l * s.outer + o] = mean;
    a.rstd[l * s.outer + o] = rstd;
  });
}

template <class T>
void normalize_grad(const NormGradArgs<T>& a) {
  const NormSizes& s = a.sizes;
  const auto count = static_cast<double>(s.repeat * s.n);
  each_row(s, [&](int64_t l, int64_t o) {
    double total[2];
    sum_row<T>(s, l, o, total, [&](int64_t at, int lanes, Pack<T>* sums) {
      const Pack<T> g = load_lanes(a.g + at, lanes);
      sums[0] = sums[0] + g;
      sums[1] = fma(g, load_lanes(a.y + at, lanes), sums[1]);
    });
    const Pack<T> mean(static_cast<T>(total[0] / count)), slope(static_cast<T>(total[1] / count));
    const Pack<T> rstd(a.rstd[l * s.outer + o]);
    each_pack<T>(s, l, o, [&](int64_t at, int lanes) {
      const Pack<T> y = load_lanes(a.y + at, lanes);
      store_lanes((load_lanes(a.g + at, lanes) - mean - y * slope) * rstd, a.grad + at, lanes);
    });
  });
}

}  // namespace
}  // namespace normalization

void install_normalization(Kernels& table) {
  table.norm_f32 = {&normalization::normalize<float>, &normalization::normalize_grad<float>};
  table.norm_f64 = {&normalization::normalize<double>, &normalization::normalize_grad<double>};
}

}  // namespace adcore::ADCORE_ISA
