// Linear algebra: QR factors, eigenvalues and singular values with their vectors, the pseudoinverse, the exponential.
//
// All are computed in float64, whatever their operands are.
//
// Rules: M. B. Giles 2008, "Collected matrix derivative results for forward and reverse mode algorithmic
// differentiation", where nothing else is said. What all ops of matrices have in common is in matrix.h.
#include <cmath>
#include <limits>

#include "kernels/factorize.h"
#include "ops/matrix.h"
#include "ops/table.h"

namespace adcore {

using namespace matrix;

namespace {

bool all_finite(const double* a, int64_t n) {
  return std::all_of(a, a + n, [](double v) { return std::isfinite(v); });
}

// ---- QR of matrices that are not wide -----------------------------------------------------------------------------

struct CompleteAttr {
  int64_t complete;
};

void qr_infer(Call& call) {
  const Tensor& a = call.in(0);
  const int64_t m = rows_of(a), n = columns_of(a), k = call.attrs.as<CompleteAttr>().complete ? m : n;
  call.out[0].set_shape(behind_batch(a, m, k), a.dtype());
  call.out[1].set_shape(behind_batch(a, k, n), a.dtype());
}

void qr_run(Call& call) {
  const int64_t m = rows_of(call.in(0)), n = columns_of(call.in(0));
  const bool complete = call.attrs.as<CompleteAttr>().complete;
  each_matrix<double>(call, "qr", member_work(call), [=](const Member& member) {
    factor_qr(member.operand<double>(0), m, n, complete, member.output<double>(0), member.output<double>(1));
    return Fault::None;
  });
}

// S. F. Walter and L. Lehmann 2018, "Algorithmic differentiation of linear algebra functions with application in
// optimum experimental design", of A with independent columns.
void qr_vjp(Pullback& p) {
  const Tensor &q = p.out(0), &r = p.out(1), &gq = p.cotangent(0), &gr = p.cotangent(1);
  if (rows_of(r) > columns_of(r)) {
    fail(ErrorKind::Value,
         "qr: with mode='complete' the columns of Q beyond those of the matrix have no derivative, of the shape ",
         to_string(p.in_shape(0)), "; use mode='reduced'.");
  }
  Tensor m;
  if (gr.defined()) m = matmul(r, turned(gr));
  if (gq.defined()) m = m.defined() ? m - matmul(turned(gq), q) : -matmul(turned(gq), q);
  // The lower triangle, mirrored.
  const int64_t n = rows_of(m);
  const Tensor mirrored = m * pattern(n, 1, 1, 0, m) + turned(m * pattern(n, 1, 0, 0, m));
  const Tensor g = add(gq, matmul(q, mirrored));
  p.give(0, turned(triangular_solve(r, turned(g), true, false, false)));
}

bool qr_accepts(const Call& call) {
  return has<CompleteAttr>(call, 1) && is_flag(call.attrs.as<CompleteAttr>().complete) && is_matrix(call.in(0)) &&
         rows_of(call.in(0)) >= columns_of(call.in(0));
}
const Op kQr = matrix_op({.name = "qr",
                          .kind = OpKind::Custom,
                          .infer = qr_infer,
                          .run = qr_run,
                          .vjp = qr_vjp,
                          .outputs = 2,
                          .visible = 2,
                          .needs = {kTwoOutputs},
                          .accepts = qr_accepts});

// ---- symmetric eigenproblem: A v[:, i] = w[i] v[:, i], from the lower triangle -------------------------------------

void eigh_infer(Call& call) {
  const Tensor& a = call.in(0);
  call.out[0].set_shape(behind_batch(a, rows_of(a)), a.dtype());
  call.out[1].set_shape(a.shape(), a.dtype());
}

void eigh_run(Call& call) {
  const int64_t n = rows_of(call.in(0));
  each_matrix<double>(call, call.op.name, 8 * member_work(call), [n](const Member& member) {
    const double* const a = member.operand<double>(0);
    if (!all_finite(a, n * n)) return Fault::NotFinite;
    if (n == 0 || factor_symmetric(a, n, member.output<double>(0), member.output<double>(1))) return Fault::None;
    return Fault::NoConvergence;
  });
}

void eigh_vjp(Pullback& p) {
  const Tensor &w = p.out(0), &v = p.out(1), &gw = p.cotangent(0), &gv = p.cotangent(1);
  Tensor inner;
  if (gv.defined()) inner = matmul(turned(v), gv) * pattern(rows_of(v), 1, 0, 1, v) / gaps(w);
  if (gw.defined()) inner = add(inner, diagonal_matrix(gw));
  p.give(0, symmetric_part(matmul(matmul(v, inner), turned(v))));
}

constexpr Op eigh_op(const char* name, uint8_t visible) {
  return matrix_op({.name = name,
                    .kind = OpKind::Custom,
                    .infer = eigh_infer,
                    .run = eigh_run,
                    .vjp = eigh_vjp,
                    .checks = true,
                    .outputs = 2,
                    .visible = visible,
                    .needs = {kTwoOutputs},
                    .accepts = square_accepts});
}
const Op kEigh = eigh_op("eigh", 2), kEigvalsh = eigh_op("eigvalsh", 1);

// ---- singular values: A = U diag(s) V^T ---------------------------------------------------------------------------

struct FullAttr {
  int64_t full;
};

void svd_infer(Call& call) {
  const Tensor& a = call.in(0);
  const int64_t m = rows_of(a), n = columns_of(a), k = std::min(m, n);
  const bool full = call.attrs.as<FullAttr>().full;
  call.out[0].set_shape(behind_batch(a, k), a.dtype());
  call.out[1].set_shape(behind_batch(a, m, full ? m : k), a.dtype());
  call.out[2].set_shape(behind_batch(a, n, full ? n : k), a.dtype());
}

void svd_run(Call& call) {
  const int64_t m = rows_of(call.in(0)), n = columns_of(call.in(0));
  const bool full = call.attrs.as<FullAttr>().full;
  each_matrix<double>(call, call.op.name, 8 * member_work(call), [=](const Member& member) {
    const double* const a = member.operand<double>(0);
    if (!all_finite(a, m * n)) return Fault::NotFinite;
    const bool made =
        factor_svd(a, m, n, full, member.output<double>(0), member.output<double>(1), member.output<double>(2));
    return made ? Fault::None : Fault::NoConvergence;
  });
}

// J. Townsend 2016, "Differentiating the singular value decomposition"; gaps are those of the squares of s.
void svd_vjp(Pullback& p) {
  const Tensor &s = p.out(0), &u = p.out(1), &v = p.out(2);
  const Tensor &gs = p.cotangent(0), &gu = p.cotangent(1), &gv = p.cotangent(2);
  const int64_t k = s.shape().back();
  if (columns_of(u) != k || columns_of(v) != k) {
    fail(ErrorKind::Value,
         "svd: with full_matrices=True the vectors beyond the singular values have no derivative, of the shape ",
         to_string(p.in_shape(0)), "; use full_matrices=False.");
  }
  const auto skew = [](const Tensor& x) { return x - turned(x); };
  Tensor inner, gap, along_u, along_v;
  if (gu.defined() || gv.defined()) gap = gaps(s * s);
  if (gu.defined()) {
    along_u = matmul(turned(u), gu);
    inner = scale_columns(skew(along_u) / gap, s);
  }
  if (gv.defined()) {
    along_v = matmul(turned(v), gv);
    inner = add(inner, scale_rows(s, skew(along_v) / gap));
  }
  if (gs.defined()) inner = add(inner, diagonal_matrix(gs));
  Tensor g = matmul(matmul(u, inner), turned(v));
  const Tensor row = expand_dims(s, -2);
  if (gu.defined() && rows_of(u) > k) g = g + matmul((gu - matmul(u, along_u)) / row, turned(v));
  if (gv.defined() && rows_of(v) > k) g = g + matmul(u, turned((gv - matmul(v, along_v)) / row));
  p.give(0, g);
}

bool svd_accepts(const Call& call) {
  return has<FullAttr>(call, 1) && is_flag(call.attrs.as<FullAttr>().full) && is_matrix(call.in(0));
}
constexpr Op svd_op(const char* name, uint8_t visible) {
  return matrix_op({.name = name,
                    .kind = OpKind::Custom,
                    .infer = svd_infer,
                    .run = svd_run,
                    .vjp = svd_vjp,
                    .checks = true,
                    .outputs = 3,
                    .visible = visible,
                    .needs = {kTwoOutputs | needs_output(2)},
                    .accepts = svd_accepts});
}
const Op kSvd = svd_op("svd", 3), kSvdvals = svd_op("svdvals", 1);

// ---- pseudoinverse ------------------------------------------------------------------------------------------------

/// Singular values that are not larger than the greatest times rtol, or than atol, count as zero.
struct CutAttr {
  double rtol, atol;
};

void pinv_infer(Call& call) {
  const Tensor& a = call.in(0);
  call.out->set_shape(behind_batch(a, columns_of(a), rows_of(a)), a.dtype());
}

void pinv_run(Call& call) {
  const int64_t m = rows_of(call.in(0)), n = columns_of(call.in(0)), k = std::min(m, n);
  const auto cut = call.attrs.as<CutAttr>();
  each_matrix<double>(call, "pinv", 8 * member_work(call), [=](const Member& member) {
    const double* const a = member.operand<double>(0);
    if (!all_finite(a, m * n)) return Fault::NotFinite;
    std::vector<double> s(static_cast<size_t>(k)), u(static_cast<size_t>(m * k)), v(static_cast<size_t>(n * k));
    if (!factor_svd(a, m, n, false, s.data(), u.data(), v.data())) return Fault::NoConvergence;
    const double least = k ? std::max(cut.rtol * s[0], cut.atol) : 0;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < m; ++j) {
        double total = 0;
        for (int64_t r = 0; r < k && s[static_cast<size_t>(r)] > least; ++r)
          total += v[static_cast<size_t>(i * k + r)] * u[static_cast<size_t>(j * k + r)] / s[static_cast<size_t>(r)];
        member.output<double>(0)[i * m + j] = total;
      }
    }
    return Fault::None;
  });
}

// G. H. Golub and V. Pereyra 1973, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
// variables separate", of a matrix whose rank stays.
void pinv_vjp(Pullback& p) {
  const Tensor &a = p.in(0), &x = p.out();
  const Tensor xt = turned(x), gt = turned(p.g);
  const Tensor left = matmul(matmul(gt, x), xt), right = matmul(matmul(xt, x), gt);
  Tensor g = -matmul(matmul(xt, p.g), xt);
  g = g + (left - matmul(a, matmul(x, left))) + (right - matmul(matmul(right, x), a));
  p.give(0, g);
}

bool pinv_accepts(const Call& call) { return has<CutAttr>(call, 1) && is_matrix(call.in(0)); }
const Op kPinv = matrix_op({.name = "pinv",
                            .kind = OpKind::Custom,
                            .infer = pinv_infer,
                            .run = pinv_run,
                            .vjp = pinv_vjp,
                            .checks = true,
                            .needs = {needs_input(0) | needs_output(0)},
                            .accepts = pinv_accepts});

// ---- exponential --------------------------------------------------------------------------------------------------

void exp_run(Call& call) {
  const int64_t n = rows_of(call.in(0));
  each_matrix<double>(call, "matrix_exp", 16 * member_work(call), [n](const Member& member) {
    exponential(member.operand<double>(0), n, member.output<double>(0));
    return Fault::None;
  });
}

/// The derivative of the exponential at a, along e: what stands at the upper right in the exponential of ((a, e), (0,
/// a)). R. Mathias 1996, "A chain rule for matrix functions and applications".
Tensor exp_along(const Op& op, const Tensor& a, const Tensor& e) {
  const int64_t n = rows_of(a);
  const Tensor up[] = {a, e}, down[] = {zeros_like(a), a};
  const Tensor halves[] = {concat(up, -1), concat(down, -1)};
  const Tensor blocks = concat(halves, -2);
  const Tensor y = apply(op, {&blocks});
  Slice s = whole(y.shape());
  s.count.v[y.rank() - 2] = s.count.v[y.rank() - 1] = n;
  s.start.v[y.rank() - 1] = n;
  return slice(y, s);
}

void exp_vjp(Pullback& p) { p.give(0, exp_along(p.op(), turned(p.in(0)), p.g)); }
void exp_jvp(Pushforward& p) { p.give(exp_along(p.op(), p.in(0), p.tangent(0))); }

const Op kExp = matrix_op({.name = "matrix_exp",
                           .kind = OpKind::Custom,
                           .infer = square_infer,
                           .run = exp_run,
                           .vjp = exp_vjp,
                           .needs = {needs_input(0)},
                           .jvp = exp_jvp,
                           .accepts = square_accepts});

}  // namespace

std::array<Tensor, 2> qr(const Tensor& a, bool complete) {
  require_matrix("qr", a);
  const Tensor x = wide(a);
  const int64_t m = rows_of(x), n = columns_of(x);
  if (m >= n) {
    const std::vector<Tensor> made = apply_all(kQr, std::span(&x, 1), Attrs(CompleteAttr{complete && m > n}));
    return {rounded(made[0], a), rounded(made[1], a)};
  }
  // Q is that of the square on the left; the columns beyond are turned by it.
  Slice left = whole(x.shape()), right = left;
  left.count.v[x.rank() - 1] = right.start.v[x.rank() - 1] = m;
  right.count.v[x.rank() - 1] = n - m;
  const Tensor square = slice(x, left);
  const std::vector<Tensor> made = apply_all(kQr, std::span(&square, 1), Attrs(CompleteAttr{0}));
  const Tensor parts[] = {made[1], matmul(turned(made[0]), slice(x, right))};
  return {rounded(made[0], a), rounded(concat(parts, -1), a)};
}

std::array<Tensor, 2> eigh(const Tensor& a, bool upper) {
  require_square("eigh", a);
  const Tensor x = upper ? turned(wide(a)) : wide(a);
  const std::vector<Tensor> made = apply_all(kEigh, std::span(&x, 1));
  return {rounded(made[0], a), rounded(made[1], a)};
}

Tensor eigvalsh(const Tensor& a, bool upper) {
  require_square("eigvalsh", a);
  const Tensor x = upper ? turned(wide(a)) : wide(a);
  return rounded(apply(kEigvalsh, {&x}), a);
}

std::array<Tensor, 3> svd(const Tensor& a, bool full_matrices) {
  require_matrix("svd", a);
  const Tensor x = wide(a);
  const bool full = full_matrices && rows_of(x) != columns_of(x);
  const std::vector<Tensor> made = apply_all(kSvd, std::span(&x, 1), Attrs(FullAttr{full}));
  return {rounded(made[0], a), rounded(made[1], a), rounded(made[2], a)};
}

Tensor svdvals(const Tensor& a) {
  require_matrix("svdvals", a);
  const Tensor x = wide(a);
  return rounded(apply(kSvdvals, {&x}, Attrs(FullAttr{0})), a);
}

Tensor pinv(const Tensor& a, std::optional<double> rtol, std::optional<double> atol) {
  require_matrix("pinv", a);
  const Tensor x = wide(a);
  const double own = static_cast<double>(std::max(rows_of(x), columns_of(x))) *
                     (x.dtype() == DType::Float64 ? std::numeric_limits<double>::epsilon()
                                                  : static_cast<double>(std::numeric_limits<float>::epsilon()));
  const CutAttr cut{rtol ? *rtol : atol && *atol > 0 ? 0.0 : own, atol ? *atol : 0.0};
  return rounded(apply(kPinv, {&x}, Attrs(cut)), a);
}

Tensor matrix_exp(const Tensor& a) {
  require_square("matrix_exp", a);
  const Tensor x = wide(a);
  return rounded(apply(kExp, {&x}), a);
}

namespace {

enum class Mode : int64_t { Reduced, Complete };
enum class Triangle : int64_t { Lower, Upper };

}  // namespace

template <>
struct WordsOf<Mode> {
  static constexpr std::string_view kName = "QrMode";
  static constexpr std::string_view kWords[] = {"reduced", "complete"};
};
template <>
struct WordsOf<Triangle> {
  static constexpr std::string_view kName = "Triangle";
  static constexpr std::string_view kWords[] = {"L", "U"};
};

namespace {

constexpr Function kFunctions[] = {
    def("qr(input, mode='reduced')",
        "Q with orthonormal columns and upper triangular R with Q @ R = input; the derivative is that at full rank.",
        {"qr(Tensor([[3.0], [4.0]]))[1].abs()", "[[5.]]"},
        [](const Tensor& a, Mode mode) { return qr(a, mode == Mode::Complete); },
        {.samples = {"qr(x(4, 3))", "qr(x(2, 3, 3))", "qr(x(3, 4))", "qr(x(3, 4), 'complete')"}}),
    def("eigh(A, UPLO='L')",
        "Eigenvalues of symmetric matrices, ascending, and eigenvectors as columns; reads one triangle alone.",
        {"eigh(Tensor([[2.0, 0.0], [0.0, 1.0]]))[0]", "[1. 2.]"},
        [](const Tensor& a, Triangle from) { return eigh(a, from == Triangle::Upper); },
        {.samples = {"eigh((lambda a: a + a.T)(x(3, 3)))", "eigh((lambda a: a + a.mT)(x(2, 3, 3)), 'U')"}}),
    def("eigvalsh(A, UPLO='L')", "Eigenvalues of symmetric matrices, ascending.",
        {"eigvalsh(Tensor([[2.0, 0.0], [0.0, 1.0]]))", "[1. 2.]"},
        [](const Tensor& a, Triangle from) { return eigvalsh(a, from == Triangle::Upper); },
        {.samples = {"eigvalsh((lambda a: a + a.T)(x(3, 3)))", "eigvalsh((lambda a: a + a.T)(x(3, 3)), 'U')"}}),
    def("_svd(input, full_matrices)", "Singular values, descending, and singular vectors as columns.",
        {"_svd(Tensor([[3.0]]), False)[0]", "[3.]"}, [](const Tensor& a, bool full) { return svd(a, full); }),
    def("svdvals(input)", "Singular values, descending.", {"svdvals(Tensor([[3.0, 0.0], [0.0, -4.0]]))", "[4. 3.]"},
        [](const Tensor& a) { return svdvals(a); }, {.samples = {"svdvals(x(3, 4))", "svdvals(x(2, 3, 3))"}}),
    def("_pinv(input, rtol=None, atol=None)", "Pseudoinverse; singular values up to a bound count as zero.",
        {"_pinv(Tensor([[2.0]]))", "[[0.5]]"},
        [](const Tensor& a, std::optional<double> rtol, std::optional<double> atol) { return pinv(a, rtol, atol); }),
    def("matrix_exp(input)", "Exponential of square matrices.",
        {"matrix_exp(Tensor([[0.0, 1.0], [0.0, 0.0]])).sum()", "3.0"}, [](const Tensor& a) { return matrix_exp(a); },
        {.samples = {"matrix_exp(x(3, 3))", "matrix_exp(x(2, 3, 3))"}}),
};

}  // namespace

void list_spectral_ops(OpList& list) {
  list.insert(list.end(), {&kQr, &kEigh, &kEigvalsh, &kSvd, &kSvdvals, &kPinv, &kExp});
}

const std::span<const Function> kSpectralFunctions = kFunctions;

}  // namespace adcore
