// Sym: a symbolic scalar. The text of a formula (kernels/formulas.h), instantiated for it, becomes ops: what
// differentiates a rule again sees them.
#pragma once

#include <concepts>

#include "ops/functions.h"

namespace adcore {

struct Sym {
  Tensor t;
};
struct SymMask {
  Tensor t;
  DType dtype;  // of what was compared
};

inline Sym lift(const Sym& s, const Sym&) { return s; }
inline Sym lift(double value, const Sym& like) { return {number(value, like.t)}; }

template <class L, class R>
concept SymPair = (std::is_same_v<L, Sym> && (std::is_same_v<R, Sym> || std::is_arithmetic_v<R>)) ||
                  (std::is_same_v<R, Sym> && std::is_arithmetic_v<L>);
const Sym& symbol(const Sym& a, const auto&) { return a; }
inline const Sym& symbol(double, const Sym& b) { return b; }

template <class L, class R>
Sym binary(RowName name, const L& a, const R& b) {
  const Sym& like = symbol(a, b);
  return {map(name, lift(a, like).t, lift(b, like).t)};
}
template <class L, class R>
SymMask compare(RowName name, const L& a, const R& b) {
  return {binary(name, a, b).t, symbol(a, b).t.dtype()};
}

template <class L, class R>
  requires SymPair<L, R>
Sym operator+(const L& a, const R& b) {
  return binary("add", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym operator-(const L& a, const R& b) {
  return binary("sub", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym operator*(const L& a, const R& b) {
  return binary("mul", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym operator/(const L& a, const R& b) {
  return binary("div", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym min(const L& a, const R& b) {
  return binary("minimum", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym max(const L& a, const R& b) {
  return binary("maximum", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym pow(const L& a, const R& b) {
  return binary("pow", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
Sym floor_div(const L& a, const R& b) {
  return binary("floor_div", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
SymMask operator<(const L& a, const R& b) {
  return compare("less", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
SymMask operator<=(const L& a, const R& b) {
  return compare("less_equal", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
SymMask operator>(const L& a, const R& b) {
  return compare("greater", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
SymMask operator>=(const L& a, const R& b) {
  return compare("greater_equal", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
SymMask operator==(const L& a, const R& b) {
  return compare("equal", a, b);
}
template <class L, class R>
  requires SymPair<L, R>
SymMask operator!=(const L& a, const R& b) {
  return compare("not_equal", a, b);
}
inline Sym operator-(const Sym& a) { return {map("neg", a.t)}; }
inline SymMask operator&(const SymMask& a, const SymMask& b) { return {map("logical_and", a.t, b.t), a.dtype}; }
inline SymMask operator|(const SymMask& a, const SymMask& b) { return {map("logical_or", a.t, b.t), a.dtype}; }

inline Tensor branch(const Sym& s, DType) { return s.t; }
inline Tensor branch(double value, DType dtype) { return scalar(value, dtype); }
template <class L, class R>
Sym select(const SymMask& mask, const L& a, const R& b) {
  return {map("where", mask.t, branch(a, mask.dtype), branch(b, mask.dtype))};
}

inline Sym abs(const Sym& a) { return {map("abs", a.t)}; }
inline Sym sqrt(const Sym& a) { return {map("sqrt", a.t)}; }
inline Sym log1p(const Sym& a) { return {map("log1p", a.t)}; }
inline Sym tan(const Sym& a) { return {map("tan", a.t)}; }
inline Sym tanh(const Sym& a) { return {map("tanh", a.t)}; }
inline Sym erf(const Sym& a) { return {map("erf", a.t)}; }
inline Sym sign(const Sym& a) { return {map("sign", a.t)}; }
inline Sym exp(const Sym& a) { return {map("exp", a.t)}; }
inline Sym expm1(const Sym& a) { return {map("expm1", a.t)}; }
inline Sym log(const Sym& a) { return {map("log", a.t)}; }
inline Sym sin(const Sym& a) { return {map("sin", a.t)}; }
inline Sym cos(const Sym& a) { return {map("cos", a.t)}; }
inline Sym sigmoid(const Sym& a) { return {map("sigmoid", a.t)}; }
inline Sym erfc(const Sym& a) { return {map("erfc", a.t)}; }
inline Sym logsigmoid(const Sym& a) { return {map("logsigmoid", a.t)}; }
inline Sym sinh(const Sym& a) { return {map("sinh", a.t)}; }
inline Sym cosh(const Sym& a) { return {map("cosh", a.t)}; }
inline Sym asin(const Sym& a) { return {map("asin", a.t)}; }
inline Sym acos(const Sym& a) { return {map("acos", a.t)}; }
inline Sym atan(const Sym& a) { return {map("atan", a.t)}; }
inline Sym asinh(const Sym& a) { return {map("asinh", a.t)}; }
inline Sym acosh(const Sym& a) { return {map("acosh", a.t)}; }
inline Sym atanh(const Sym& a) { return {map("atanh", a.t)}; }
inline Sym exp2(const Sym& a) { return {map("exp2", a.t)}; }
inline Sym log2(const Sym& a) { return {map("log2", a.t)}; }
inline Sym log10(const Sym& a) { return {map("log10", a.t)}; }
inline Sym sinc(const Sym& a) { return {map("sinc", a.t)}; }
inline Sym erfinv(const Sym& a) { return {map("erfinv", a.t)}; }
inline Sym lgamma(const Sym& a) { return {map("lgamma", a.t)}; }
inline Sym digamma(const Sym& a) { return {map("digamma", a.t)}; }
inline Sym i0(const Sym& a) { return {map("i0", a.t)}; }
inline Sym i1(const Sym& a) { return {map("i1", a.t)}; }
inline Sym i0e(const Sym& a) { return {map("i0e", a.t)}; }
inline Sym i1e(const Sym& a) { return {map("i1e", a.t)}; }
inline Sym round(const Sym& a) { return {map("round", a.t)}; }
inline Sym hypot(const Sym& a, const Sym& b) { return {map("hypot", a.t, b.t)}; }
inline Sym copysign(double a, const Sym& b) { return {map("copysign", number(a, b.t), b.t)}; }
template <class N>
Sym polygamma(const N& n, const Sym& a) {
  return {map("_polygamma", lift(n, a).t, a.t)};
}

// The slopes of vmath.h. Most are rows themselves, whose partials are accurate where what the rule of a product makes
// of their text is not; of a curvature, the text is differentiated. Where a slope has reached its limit, `within` holds
// the operand: its powers stay finite there, and the derivatives of the slope are 0.
inline Sym within(const Sym& a, double bound) { return {map("_clamp", a.t, number(-bound, a.t), number(bound, a.t))}; }
inline Sym sigmoid_slope(const Sym& a) { return {map("_sigmoid_slope", a.t)}; }
inline Sym asin_slope(const Sym& a) { return {map("_asin_slope", a.t)}; }
inline Sym atanh_slope(const Sym& a) { return {map("_atanh_slope", a.t)}; }
inline Sym sinc_slope(const Sym& a) { return {map("_sinc_slope", a.t)}; }
inline Sym erfinv_slope(const Sym& a) { return {map("_erfinv_slope", a.t)}; }
inline Sym i1_slope(const Sym& a) { return {map("_i1_slope", a.t)}; }
inline Sym silu_slope(const Sym& a) { return {map("_silu_slope", a.t)}; }
inline Sym mish_slope(const Sym& a) { return {map("_mish_slope", a.t)}; }
inline Sym gelu_slope(const Sym& a) { return {map("_gelu_slope", a.t)}; }
inline Sym gelu_tanh_slope(const Sym& a) { return {map("_gelu_tanh_slope", a.t)}; }
inline Sym gauss(const Sym& a) { return {map("_gauss", a.t)}; }
inline Sym hypot_slope(const Sym& a, const Sym& b) { return {map("_hypot_slope", a.t, b.t)}; }
inline Sym tanh_slope(const Sym& a) { return 4.0 * sigmoid_slope(2.0 * a); }
inline Sym i0e_slope(const Sym& a) { return i1e(a) - sign(a) * i0e(a); }
inline Sym i1e_slope(const Sym& a) { return {map("_i1e_slope", a.t)}; }
inline Sym i1e_curvature(const Sym& a) {
  const SymMask none = a == 0.0;
  const Sym b = select(none, 1.0, a), r = 1.0 / b, s = sign(b);
  return select(none, 0.0, i1e(b) * (2.0 + 2.0 * r * (s + r)) - i0e(b) * (2.0 * s + r));
}
inline Sym i1_curvature(const Sym& a) {
  const SymMask none = a == 0.0;
  const Sym b = select(none, 1.0, a), r = 1.0 / b;
  return select(none, 0.375 * a, i1(b) * (1.0 + 2.0 * r * r) - i0(b) * r);
}
inline Sym silu_curvature(const Sym& a) {
  const Sym b = within(a, 1000);
  return sigmoid_slope(b) * (2.0 - b * tanh(0.5 * b));
}
inline Sym mish_curvature(const Sym& a) {
  const Sym b = within(a, 1000), s = sigmoid(b), u = -logsigmoid(-b), t = tanh(u);
  return tanh_slope(u) * (2.0 * s + b * (sigmoid_slope(b) - 2.0 * s * s * t));
}
inline Sym gelu_curvature(const Sym& a) {
  const Sym b = within(a, 60);
  return 0.398942280401432678 * (2.0 - b * b) * gauss(0.707106781186547524 * b);
}
inline Sym gelu_tanh_curvature(const Sym& a) {
  const Sym b = within(a, 60), square = b * b;
  const Sym u = b * (1.5957691216057308 + 0.07135481627260025 * square);
  const Sym slope = 1.5957691216057308 + 0.21406444881780073 * square, bend = 0.42812889763560146 * square;
  return sigmoid_slope(u) * (2.0 * slope + bend - b * (slope * slope * tanh(0.5 * u)));
}

}  // namespace adcore
