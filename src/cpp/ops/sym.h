// Sym: a symbolic scalar. The text of a formula (kernels/formulas.h), instantiated for it, becomes ops: what differentiates
// a rule again sees them.
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

// The slopes of vmath.h. Where a slope has reached its limit, `within` holds the operand: its powers stay finite there, and
// the derivatives of the slope are 0.
inline Sym within(const Sym& a, double bound) { return {map("_clamp", a.t, number(-bound, a.t), number(bound, a.t))}; }
inline Sym sigmoid_slope(const Sym& a) { return sigmoid(a) * sigmoid(-a); }
inline Sym tanh_slope(const Sym& a) { return 4.0 * sigmoid_slope(2.0 * a); }
inline Sym gauss(const Sym& a) {
  const Sym b = within(a, 40);
  return exp(-(b * b));
}
inline Sym silu_slope(const Sym& a) {
  const Sym b = within(a, 1000), s = sigmoid(b);
  return s + b * (s * sigmoid(-b));
}
inline Sym mish_slope(const Sym& a) {
  const Sym b = within(a, 1000), u = -logsigmoid(-b);
  return tanh(u) + b * (sigmoid(b) * tanh_slope(u));
}
inline Sym gelu_slope(const Sym& a) {
  const Sym b = within(a, 60), r = 0.707106781186547524 * b;
  return 0.5 * erfc(-r) + 0.398942280401432678 * b * gauss(r);
}
inline Sym gelu_tanh_slope(const Sym& a) {
  const Sym b = within(a, 60), square = b * b;
  const Sym u = b * (1.5957691216057308 + 0.07135481627260025 * square), s = sigmoid(u);
  return s + b * (s * sigmoid(-u)) * (1.5957691216057308 + 0.21406444881780073 * square);
}

}  // namespace adcore
