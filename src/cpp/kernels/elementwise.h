// Kernels of rows: one straight SIMD loop per row and compute type, and one per partial.
//
// An operand that is a single element is spread over one pack and read with step 0, so that no loop has variants.
// Start reading at map_kernel() and partial_kernel(); install_rows() makes one of each per row of a family.
#pragma once

#include <bit>
#include <utility>

#include "kernels/formula.h"
#include "kernels/isa.h"
#include "kernels/simd.h"

namespace adcore::ADCORE_ISA {

// The families, in the order of formulas.h: each writes its entries and returns where the next one begins.
ElementwiseKernel* install_arithmetic(ElementwiseKernel* rows);
ElementwiseKernel* install_exponential(ElementwiseKernel* rows);
ElementwiseKernel* install_trigonometric(ElementwiseKernel* rows);
ElementwiseKernel* install_special(ElementwiseKernel* rows);
ElementwiseKernel* install_activation(ElementwiseKernel* rows);
ElementwiseKernel* install_logic(ElementwiseKernel* rows);

namespace {

/// Where the packs of one operand come from.
template <class T>
class Source {
 public:
  [[gnu::always_inline]] Source(const void* p, bool is_scalar)
      : p_(static_cast<const T*>(p)), step_(is_scalar ? 0 : 1) {
    if (is_scalar) {
      Pack<T>(*p_).store(spread_);
      p_ = spread_;
    }
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  [[gnu::always_inline]] Pack<T> at(int64_t i) const { return Pack<T>::load(p_ + i * step_); }
  [[gnu::always_inline]] Pack<T> at(int64_t i, int n) const { return Pack<T>::load(p_ + i * step_, n); }

 private:
  const T* p_;
  int64_t step_;
  alignas(kSimdBytes) T spread_[Pack<T>::kLanes];
};

template <class T>
[[gnu::always_inline]] inline void put(void* out, int64_t i, Pack<T> value) {
  value.store(static_cast<T*>(out) + i);
}
template <class T>
[[gnu::always_inline]] inline void put(void* out, int64_t i, Pack<T> value, int n) {
  value.store(static_cast<T*>(out) + i, n);
}
template <class T>
[[gnu::always_inline]] inline void put(void* out, int64_t i, Mask<T> value, int n = Pack<T>::kLanes) {
  value.store_bytes(static_cast<uint8_t*>(out) + i, n);
}

/// Calls body(i) for every full pack of n elements and body(i, rest) for what remains.
template <class T, class Body>
[[gnu::always_inline]] inline void for_packs(int64_t n, Body body) {
  constexpr int kLanes = Pack<T>::kLanes;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i);
  if (i < n) body(i, static_cast<int>(n - i));
}

/// out[i] = value(sources at i...).
template <class T, class Value, class... Sources>
[[gnu::always_inline]] inline void loop(void* out, int64_t n, const Value& value, const Sources&... sources) {
  for_packs<T>(n, [&](int64_t i, auto... rest)
                      __attribute__((always_inline)) { put<T>(out, i, value(sources.at(i, rest...)...), rest...); });
}

template <const auto& kFamily, class T, int Row>
void map_kernel(const void* const* in, void* out, int64_t n, uint32_t scalars) {
  constexpr const auto& row = row_at<Row>(kFamily);
  const Source<T> a(in[0], scalars & 1);
  if constexpr (row.kArity == 1) {
    loop<T>(out, n, row.value, a);
  } else {
    const Source<T> b(in[1], scalars & 2);
    if constexpr (row.kArity == 2) {
      loop<T>(out, n, row.value, a, b);
    } else {
      const Source<T> c(in[2], scalars & 4);
      loop<T>(out, n, row.value, a, b, c);
    }
  }
}

/// What a partial makes of the cotangent.
template <class T>
[[gnu::always_inline]] inline Pack<T> times(Pack<T> g, Pack<T> partial) {
  return g * partial;
}
template <class T>
[[gnu::always_inline]] inline Pack<T> times(Pack<T> g, Gate<Mask<T>> partial) {
  return select(partial.mask, g * partial.slope, Pack<T>(0.0));
}

/// Collects the sources that Needs names, lowest bit first, then runs the loop. operands: a, b, c, y.
template <class T, uint32_t Needs, class F, class... Ready>
[[gnu::always_inline]] inline void partial_loop(const Source<T>& g, const void* const* operands, uint32_t scalars,
                                                void* grad, int64_t n, const F& f, const Ready&... ready) {
  if constexpr (Needs == 0) {
    loop<T>(
        grad, n,
        [&](Pack<T> cotangent, auto... values)
            __attribute__((always_inline)) { return times<T>(cotangent, f(values...)); },
        g, ready...);
  } else {
    constexpr int kNext = std::countr_zero(Needs);
    // The result is never a single element beside longer operands; its bit is that of the cotangent in `scalars`.
    const Source<T> next(operands[kNext], kNext < kMaxArity && (scalars >> kNext & 1));
    partial_loop<T, (Needs & (Needs - 1))>(g, operands, scalars, grad, n, f, ready..., next);
  }
}

template <const auto& kFamily, class T, int Row, int Input>
void partial_kernel(const void* g, const void* const* in, const void* y, void* grad, int64_t n, uint32_t scalars) {
  constexpr const auto& partial = std::get<Input>(row_at<Row>(kFamily).partials);
  using PartialType = std::remove_cvref_t<decltype(partial)>;
  const Source<T> cotangent(g, scalars >> kMaxArity & 1);
  const void* const operands[] = {in[0], in[1], in[2], y};
  partial_loop<T, PartialType::kNeeds>(cotangent, operands, scalars, grad, n, partial.f);
}

template <Types types, class T>
constexpr bool kHasMap = std::is_floating_point_v<T> ? types != Types::Integer : types != Types::Float;

template <const auto& kFamily, int Row, class T>
constexpr MapFn map_entry() {
  constexpr const auto& row = row_at<Row>(kFamily);
  if constexpr (kHasMap<row.types, T>) {
    return map_kernel<kFamily, T, Row>;
  } else {
    return nullptr;
  }
}

template <const auto& kFamily, int Row, int Input, class T>
constexpr PartialFn partial_entry() {
  constexpr const auto& partials = row_at<Row>(kFamily).partials;
  if constexpr (Input < std::tuple_size_v<std::remove_cvref_t<decltype(partials)>>) {
    // A partial without needs is a constant: no kernel.
    if constexpr (std::remove_cvref_t<decltype(std::get<Input>(partials))>::kNeeds != 0)
      return partial_kernel<kFamily, T, Row, Input>;
  }
  return nullptr;
}

template <const auto& kFamily, int Row>
constexpr ElementwiseKernel entry() {
  return {{map_entry<kFamily, Row, float>(), map_entry<kFamily, Row, double>(), map_entry<kFamily, Row, int64_t>(),
           map_entry<kFamily, Row, uint64_t>()},
          {{partial_entry<kFamily, Row, 0, float>(), partial_entry<kFamily, Row, 0, double>()},
           {partial_entry<kFamily, Row, 1, float>(), partial_entry<kFamily, Row, 1, double>()},
           {partial_entry<kFamily, Row, 2, float>(), partial_entry<kFamily, Row, 2, double>()}}};
}

template <const auto& kFamily>
ElementwiseKernel* install_rows(ElementwiseKernel* rows) {
  [&]<int... Row>(std::integer_sequence<int, Row...>) {
    ((*rows++ = entry<kFamily, Row>()), ...);
  }(std::make_integer_sequence<int, std::remove_cvref_t<decltype(kFamily)>::kCount>{});
  return rows;
}

}  // namespace
}  // namespace adcore::ADCORE_ISA
