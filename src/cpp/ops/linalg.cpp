// Linear algebra: triangular systems, Cholesky and LU factors, what is solved with them, determinants.
//
// Whatever needs A^-1 is made of the LU factors of A: factors are constants beside A itself, by which the rules pass
// derivatives. So a derivative solves again with the factors that are there, at any order.
//
// Rules: M. B. Giles 2008, "Collected matrix derivative results for forward and reverse mode algorithmic
// differentiation", where nothing else is said. What all ops of matrices have in common is in matrix.h.
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/factorize.h"
#include "ops/matrix.h"
#include "ops/table.h"

namespace adcore {

using namespace matrix;

namespace {

// ---- triangular systems -------------------------------------------------------------------------------------------

struct TriangleAttr {
  int64_t upper, transposed, unit;
};

void triangular_infer(Call& call) { call.out->set_shape(call.in(1).shape(), call.in(1).dtype()); }

void triangular_run(Call& call) {
  const auto attr = call.attrs.as<TriangleAttr>();
  const int64_t n = rows_of(call.in(0)), m = columns_of(call.in(1));
  each_in_its_type(call, "triangular_solve", n * n * m, [&](const Member& member, auto zero) {
    using T = decltype(zero);
    const T* const t = member.operand<T>(0);
    T* const x = member.output<T>(0);
    for (int64_t i = 0; !attr.unit && i < n; ++i)
      if (t[i * (n + 1)] == 0) return Fault::Singular;
    std::copy_n(member.operand<T>(1), n * m, x);
    const bool turn = attr.transposed;
    solve_triangle(t, turn ? 1 : n, turn ? n : 1, n, attr.upper != attr.transposed, attr.unit, x, m, m);
    return Fault::None;
  });
}

bool triangular_accepts(const Call& call) {
  if (!has<TriangleAttr>(call, 2)) return false;
  const auto a = call.attrs.as<TriangleAttr>();
  return is_flag(a.upper) && is_flag(a.transposed) && is_flag(a.unit) && is_square(call.in(0)) &&
         are_columns(call.in(1), call.in(0));
}
int64_t triangular_work(const Call& call) { return call.in(1).size() * rows_of(call.in(0)); }

Tensor triangular(const Tensor& t, const Tensor& b, bool upper, bool transposed = false, bool unit = false);

void triangular_vjp(Pullback& p) {
  const auto a = p.attrs<TriangleAttr>();
  const Tensor g = triangular(p.in(0), p.g, a.upper, !a.transposed, a.unit);
  if (p.active(0)) {
    const Tensor product = a.transposed ? matmul(p.out(), turned(g)) : matmul(g, turned(p.out()));
    p.give(0, product * pattern(rows_of(g), a.upper ? 0 : -1, a.unit ? 0 : -1, a.upper ? -1 : 0, product));
  }
  if (p.active(1)) p.give(1, g);
}

const Op kTriangular = matrix_op({.name = "triangular_solve",
                                  .kind = OpKind::Custom,
                                  .infer = triangular_infer,
                                  .run = triangular_run,
                                  .vjp = triangular_vjp,
                                  .checks = true,
                                  .needs = {needs_input(0) | needs_output(0), needs_input(0)},
                                  .work = triangular_work,
                                  .accepts = triangular_accepts});

Tensor triangular(const Tensor& t, const Tensor& b, bool upper, bool transposed, bool unit) {
  return apply(kTriangular, {&t, &b}, Attrs(TriangleAttr{upper, transposed, unit}));
}

// ---- Cholesky: A = U^T U, from the upper triangle -----------------------------------------------------------------

void cholesky_run(Call& call) {
  const int64_t n = rows_of(call.in(0));
  each_in_its_type(call, "cholesky", member_work(call), [n](const Member& member, auto zero) {
    using T = decltype(zero);
    T* const u = member.output<T>(0);
    for (int64_t i = 0; i < n; ++i) {
      std::fill_n(u + i * n, i, T(0));
      std::copy_n(member.operand<T>(0) + i * (n + 1), n - i, u + i * (n + 1));
    }
    if (!factor_cholesky(u, n, n)) return Fault::NotPositive;
    for (int64_t i = 1; i < n; ++i) std::fill_n(u + i * n, i, T(0));
    return Fault::None;
  });
}

void cholesky_vjp(Pullback& p) {
  const Tensor& u = p.out();
  const Tensor inner = matmul(u, turned(p.g)) * pattern(rows_of(u), 1, 0.5, 0, u);
  const Tensor half = triangular(u, inner, true);
  p.give(0, symmetric_part(triangular(u, turned(half), true)));
}

const Op kCholesky = matrix_op({.name = "cholesky",
                                .kind = OpKind::Custom,
                                .infer = square_infer,
                                .run = cholesky_run,
                                .vjp = cholesky_vjp,
                                .checks = true,
                                .needs = {needs_output(0)},
                                .accepts = square_accepts});

// ---- LU: P A = L U, and what is solved with it --------------------------------------------------------------------
// Factors are constants: both triangles in one matrix, and for each row the one that it was exchanged with.

void lu_infer(Call& call) {
  const Tensor& a = call.in(0);
  call.out[0].set_shape(a.shape(), a.dtype());
  call.out[1].set_shape(behind_batch(a, std::min(rows_of(a), columns_of(a))), DType::Int64);
}

void lu_run(Call& call) {
  const int64_t m = rows_of(call.in(0)), n = columns_of(call.in(0));
  each_in_its_type(call, "lu", member_work(call), [=](const Member& member, auto zero) {
    using T = decltype(zero);
    std::copy_n(member.operand<T>(0), m * n, member.output<T>(0));
    factor_lu(member.output<T>(0), n, m, n, member.output<int64_t>(1));
    return Fault::None;
  });
}

const Op kLu = matrix_op({.name = "lu",
                          .kind = OpKind::Constant,
                          .infer = lu_infer,
                          .run = lu_run,
                          .outputs = 2,
                          .visible = 2,
                          .accepts = matrix_accepts,
                          .bound = row_bound});

/// A matrix and its factors, operands of the ops that follow.
struct Factored {
  Tensor a, lu, pivots;

  explicit Factored(const Tensor& matrix) : a(matrix) {
    std::vector<Tensor> factors = apply_all(kLu, std::span(&a, 1), Attrs());
    lu = std::move(factors[0]);
    pivots = std::move(factors[1]);
  }
  explicit Factored(const Pullback& p) : a(p.in(0)), lu(p.in(1)), pivots(p.in(2)) {}
};
constexpr uint32_t kFactored = needs_input(0) | needs_input(1) | needs_input(2);

template <class T>
bool any_pivot_zero(const T* lu, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    if (lu[i * (n + 1)] == 0) return true;
  return false;
}

template <class T>
void solve_factored(const T* lu, const int64_t* pivots, int64_t n, bool transposed, T* x, int64_t m) {
  const auto exchange = [&](int64_t j) {
    if (pivots[j] != j) std::swap_ranges(x + j * m, x + (j + 1) * m, x + pivots[j] * m);
  };
  if (!transposed) {
    for (int64_t j = 0; j < n; ++j) exchange(j);
    solve_triangle(lu, n, 1, n, false, true, x, m, m);
    solve_triangle(lu, n, 1, n, true, false, x, m, m);
  } else {
    solve_triangle(lu, 1, n, n, false, false, x, m, m);
    solve_triangle(lu, 1, n, n, true, true, x, m, m);
    for (int64_t j = n - 1; j >= 0; --j) exchange(j);
  }
}

/// For whom a system is solved: the name in an error.
enum class For : int64_t { Solve, Inverse, Slogdet, Det };
constexpr const char* kFor[] = {"solve", "inverse", "slogdet", "det"};

struct SolveAttr {
  int64_t transposed, purpose;
};

void solve_infer(Call& call) { call.out->set_shape(call.in(3).shape(), call.in(3).dtype()); }

void solve_run(Call& call) {
  const auto attr = call.attrs.as<SolveAttr>();
  const int64_t n = rows_of(call.in(0)), m = columns_of(call.in(3));
  each_in_its_type(call, kFor[attr.purpose], n * n * m, [=](const Member& member, auto zero) {
    using T = decltype(zero);
    if (any_pivot_zero(member.operand<T>(1), n)) return Fault::Singular;
    std::copy_n(member.operand<T>(3), n * m, member.output<T>(0));
    solve_factored(member.operand<T>(1), member.operand<int64_t>(2), n, attr.transposed, member.output<T>(0), m);
    return Fault::None;
  });
}

bool solve_accepts(const Call& call) {
  if (!has<SolveAttr>(call, 4)) return false;
  const auto a = call.attrs.as<SolveAttr>();
  return is_flag(a.transposed) && in_range(a.purpose, 0, static_cast<int64_t>(For::Det)) && are_factors(call) &&
         are_columns(call.in(3), call.in(0));
}
int64_t solve_work(const Call& call) { return call.in(3).size() * rows_of(call.in(0)); }

Tensor solve_with(const Factored& f, const Tensor& b, bool transposed, For purpose);

void solve_vjp(Pullback& p) {
  const auto attr = p.attrs<SolveAttr>();
  const Tensor g = solve_with(Factored(p), p.g, !attr.transposed, static_cast<For>(attr.purpose));
  if (p.active(0)) p.give(0, -(attr.transposed ? matmul(p.out(), turned(g)) : matmul(g, turned(p.out()))));
  if (p.active(3)) p.give(3, g);
}

const Op kSolve = matrix_op({.name = "lu_solve",
                             .kind = OpKind::Custom,
                             .infer = solve_infer,
                             .run = solve_run,
                             .vjp = solve_vjp,
                             .checks = true,
                             .needs = {kFactored | needs_output(0), 0, 0, kFactored},
                             .work = solve_work,
                             .accepts = solve_accepts,
                             .places = 2,
                             .bound = row_bound});

Tensor solve_with(const Factored& f, const Tensor& b, bool transposed, For purpose) {
  return apply(kSolve, {&f.a, &f.lu, &f.pivots, &b}, Attrs(SolveAttr{transposed, static_cast<int64_t>(purpose)}));
}
Tensor inverse_with(const Factored& f, For purpose) { return solve_with(f, identities(f.a), false, purpose); }

// ---- LU factors as values -----------------------------------------------------------------------------------------
// The same factors, of matrices of any shape, with a derivative: that at these exchanges of rows.

/// x made square by columns or rows behind it, which are zero but for a number on the diagonal.
Tensor made_square(const Tensor& x, double diagonal) {
  const int64_t m = rows_of(x), n = columns_of(x), size = std::max(m, n);
  if (m == n) return x;
  Slice part = whole(Dims{size, size});
  part.start.v[m > n] = std::min(m, n);
  part.count.v[m > n] = size - std::min(m, n);
  const Tensor extra = slice(pattern(size, 0, diagonal, 0, x), part);
  const Tensor parts[] = {x, broadcast_to(extra, behind_batch(x, rows_of(extra), columns_of(extra)))};
  return concat(parts, m > n ? -1 : -2);
}

struct RowsAttr {
  int64_t rows;
};

void permutation_infer(Call& call) {
  call.out->set_shape(behind_batch(call.in(0), call.attrs.as<RowsAttr>().rows), DType::Int64);
}

void permutation_run(Call& call) {
  const int64_t rows = call.attrs.as<RowsAttr>().rows, count = rows_of(call.in(0));
  each_matrix<double>(call, "lu", rows, [=](const Member& member) {
    const auto* pivots = member.operand<int64_t>(0);
    auto* place = member.output<int64_t>(0);
    std::vector<int64_t> order(static_cast<size_t>(rows));
    std::iota(order.begin(), order.end(), 0);
    for (int64_t j = 0; j < count; ++j) std::swap(order[static_cast<size_t>(j)], order[static_cast<size_t>(pivots[j])]);
    for (int64_t i = 0; i < rows; ++i) place[order[static_cast<size_t>(i)]] = i;
    return Fault::None;
  });
}

bool permutation_accepts(const Call& call) {
  if (!has<RowsAttr>(call, 1)) return false;
  const Tensor& pivots = call.in(0);
  return pivots.dtype() == DType::Int64 && pivots.rank() >= 2 && columns_of(pivots) == 1 &&
         is_size(call.attrs.as<RowsAttr>().rows) && rows_of(pivots) <= call.attrs.as<RowsAttr>().rows;
}
int64_t permutation_bound(const Call& call) { return call.attrs.as<RowsAttr>().rows; }
int64_t permutation_work(const Call& call) { return call.in(0).size(); }

const Op kPermutation = matrix_op({.name = "lu_permutation",
                                   .kind = OpKind::Constant,
                                   .infer = permutation_infer,
                                   .run = permutation_run,
                                   .work = permutation_work,
                                   .accepts = permutation_accepts,
                                   .places = 0,
                                   .bound = permutation_bound});

/// For each row of A where it stands in P A, from the exchanges of rows, which are one column for each member.
Tensor permutation(const Tensor& pivots, int64_t rows) { return apply(kPermutation, {&pivots}, Attrs(RowsAttr{rows})); }

// With both factors made square, by columns or rows that meet the identity: dF = L^-1 P dA U^-1, of which L takes what
// is below the diagonal and U the rest.
void lu_factor_vjp(Pullback& p) {
  const int64_t m = rows_of(p.out(0)), n = columns_of(p.out(0));
  const Tensor f = made_square(p.out(0), 1), g = made_square(p.cotangent(0), 0);
  const Tensor below = pattern(rows_of(f), 1, 0, 0, f), rest = pattern(rows_of(f), 0, 1, 1, f);
  const Tensor lower = f * below + identity(rows_of(f), f), upper = f * rest;
  const Tensor inner = matmul(turned(lower), g * below) * below + matmul(g * rest, turned(upper)) * rest;
  const Tensor half = triangular(f, inner, false, true, true);
  const Tensor whole_g = turned(triangular(f, turned(half), true));
  Slice part = whole(whole_g.shape());
  part.count.v[whole_g.rank() - 2] = m;
  part.count.v[whole_g.rank() - 1] = n;
  const Tensor places = expand_dims(permutation(expand_dims(p.out(1), -1), m), -1);
  p.give(0, gather_elements(slice(whole_g, part), -2, broadcast_to(places, behind_batch(p.out(0), m, n))));
}

const Op kLuFactor = matrix_op({.name = "lu_factor",
                                .kind = OpKind::Custom,
                                .infer = lu_infer,
                                .run = lu_run,
                                .vjp = lu_factor_vjp,
                                .outputs = 2,
                                .visible = 2,
                                .constant_outputs = 2,
                                .needs = {kTwoOutputs},
                                .accepts = matrix_accepts,
                                .bound = row_bound});

// ---- determinants -------------------------------------------------------------------------------------------------

void slogdet_infer(Call& call) {
  for (int j = 0; j < 2; ++j) call.out[j].set_shape(behind_batch(call.in(0)), call.in(0).dtype());
}

void slogdet_run(Call& call) {
  const int64_t n = rows_of(call.in(0));
  each_in_its_type(call, "slogdet", n, [n](const Member& member, auto zero) {
    using T = decltype(zero);
    T sign = 1, log = 0;
    for (int64_t i = 0; i < n; ++i) {
      const T pivot = member.operand<T>(1)[i * (n + 1)];
      if (pivot == 0) sign = 0;
      if ((pivot < 0) != (member.operand<int64_t>(2)[i] != i)) sign = -sign;
      log += std::log(std::abs(pivot));
    }
    *member.output<T>(0) = log != log ? log : sign;
    *member.output<T>(1) = log;
    return Fault::None;
  });
}

void slogdet_vjp(Pullback& p) {
  const Tensor& g = p.cotangent(1);
  if (g.defined()) p.give(0, beside_matrix(g) * turned(inverse_with(Factored(p), For::Slogdet)));
}

const Op kSlogdet = matrix_op({.name = "slogdet",
                               .kind = OpKind::Custom,
                               .infer = slogdet_infer,
                               .run = slogdet_run,
                               .vjp = slogdet_vjp,
                               .outputs = 2,
                               .visible = 2,
                               .constant_outputs = 1,
                               .needs = {kFactored},
                               .accepts = factored_accepts});

template <class T>
T determinant(const T* lu, const int64_t* pivots, int64_t n) {
  T product = 1;
  for (int64_t i = 0; i < n; ++i) product *= pivots[i] != i ? -lu[i * (n + 1)] : lu[i * (n + 1)];
  return product;
}

void det_infer(Call& call) { call.out->set_shape(behind_batch(call.in(0)), call.in(0).dtype()); }

void det_run(Call& call) {
  const int64_t n = rows_of(call.in(0));
  each_in_its_type(call, "det", n, [n](const Member& member, auto zero) {
    using T = decltype(zero);
    *member.output<T>(0) = determinant(member.operand<T>(1), member.operand<int64_t>(2), n);
    return Fault::None;
  });
}

// The derivative of the determinant, det(A) A^-T. It is finite where A is singular, too: then a pivot that is zero is
// taken as the least that could be told from zero, which cancels in the product.

void cofactors_run(Call& call) {
  const int64_t n = rows_of(call.in(0));
  each_in_its_type(call, "det", member_work(call), [n](const Member& member, auto zero) {
    using T = decltype(zero);
    std::vector<T> lu(member.operand<T>(1), member.operand<T>(1) + n * n);
    T* const c = member.output<T>(0);
    T largest = 0;
    for (const T v : lu) largest = std::max(largest, std::abs(v));
    std::fill_n(c, n * n, T(0));
    if (largest == 0 && n > 1) return Fault::None;
    for (int64_t i = 0; i < n; ++i) {
      T& pivot = lu[static_cast<size_t>(i * (n + 1))];
      if (pivot == 0) pivot = largest == 0 ? T(1) : largest * std::numeric_limits<T>::epsilon();
    }
    const T det = determinant(lu.data(), member.operand<int64_t>(2), n);
    for (int64_t i = 0; i < n; ++i) c[i * (n + 1)] = 1;
    solve_factored(lu.data(), member.operand<int64_t>(2), n, true, c, n);
    for (int64_t i = 0; i < n * n; ++i) c[i] *= det;
    return Fault::None;
  });
}

Tensor det_with(const Factored& f);
Tensor cofactors_with(const Factored& f);

/// d<G, C> of C = det(A) A^-T. A division by the determinant: not finite where A is singular.
void cofactors_vjp(Pullback& p) {
  const Factored f(p);
  const Tensor c = cofactors_with(f);
  const Tensor along = sum(p.g * c, Axes{-2, -1}, true);
  p.give(0, (along * c - matmul(matmul(c, turned(p.g)), c)) / beside_matrix(det_with(f)));
}

const Op kCofactors = matrix_op({.name = "cofactors",
                                 .kind = OpKind::Custom,
                                 .infer = square_infer,
                                 .run = cofactors_run,
                                 .vjp = cofactors_vjp,
                                 .needs = {kFactored},
                                 .accepts = factored_accepts,
                                 .places = 2,
                                 .bound = row_bound});

Tensor cofactors_with(const Factored& f) { return apply(kCofactors, {&f.a, &f.lu, &f.pivots}); }

void det_vjp(Pullback& p) { p.give(0, beside_matrix(p.g) * cofactors_with(Factored(p))); }

const Op kDet = matrix_op({.name = "det",
                           .kind = OpKind::Custom,
                           .infer = det_infer,
                           .run = det_run,
                           .vjp = det_vjp,
                           .needs = {kFactored},
                           .accepts = factored_accepts});

Tensor det_with(const Factored& f) { return apply(kDet, {&f.a, &f.lu, &f.pivots}); }

// ---- functions ----------------------------------------------------------------------------------------------------

/// Two operands of one type, with the same leading axes.
struct Pair {
  Tensor a, b;
  DType result;

  Pair(const char* op, const Tensor& x, const Tensor& y) {
    const bool same = x.dtype() == y.dtype();
    const DType type = wide_dtype(x) == DType::Float64 ? DType::Float64 : wide_dtype(y);
    result = same && is_float(x.dtype()) ? x.dtype() : type;
    a = cast(x, type);
    b = cast(y, type);
    const Dims p = behind_batch(a), q = behind_batch(b);
    if (p == q) return;
    const Dims batch = broadcast(op, p, q);
    const auto stretched = [&](const Tensor& t) {
      Dims shape = batch;
      shape.push_back(rows_of(t));
      shape.push_back(columns_of(t));
      return broadcast_to(t, shape);
    };
    a = stretched(a);
    b = stretched(b);
  }
};

void require_rows(const char* op, const Tensor& a, const Tensor& b) {
  require_square(op, a);
  if (b.rank() == 0 || (b.rank() == 1 ? b.shape()[0] : rows_of(b)) != rows_of(a)) {
    fail(ErrorKind::Value, op, ": the right side must have ", rows_of(a), " rows, as the matrix of shape ",
         to_string(a.shape()), ", got the shape ", to_string(b.shape()),
         b.rank() > 1 && b.shape().back() == rows_of(a) ? "; a batch of vectors needs one more axis, of size 1." : ".");
  }
}

/// f(a, b) for a right side that is a vector or a matrix, as NumPy reads it: one axis is a vector, of all members.
template <class F>
Tensor solved(const char* op, const Tensor& a, const Tensor& b, F f) {
  require_rows(op, a, b);
  const bool vector = b.rank() == 1;
  const Pair pair(op, a, vector ? expand_dims(b, -1) : b);
  const Tensor x = f(pair.a, pair.b);
  Dims shape = x.shape();
  shape.erase(shape.size() - 1);
  return cast(vector ? reshape(x, shape) : x, pair.result);
}

}  // namespace

Tensor cholesky(const Tensor& a, bool upper) {
  require_square("cholesky", a);
  const Tensor x = upper ? wide(a) : turned(wide(a));
  const Tensor u = apply(kCholesky, {&x});
  return rounded(upper ? u : turned(u), a);
}

Tensor triangular_solve(const Tensor& a, const Tensor& b, bool upper, bool transposed, bool unit) {
  return solved("triangular_solve", a, b,
                [=](const Tensor& t, const Tensor& y) { return triangular(t, y, upper, transposed, unit); });
}

Tensor solve(const Tensor& a, const Tensor& b) {
  return solved("solve", a, b,
                [](const Tensor& x, const Tensor& y) { return solve_with(Factored(x), y, false, For::Solve); });
}

Tensor inverse(const Tensor& a) {
  require_square("inverse", a);
  return rounded(inverse_with(Factored(wide(a)), For::Inverse), a);
}

Tensor det(const Tensor& a) {
  require_square("det", a);
  return rounded(det_with(Factored(wide(a))), a);
}

std::array<Tensor, 2> slogdet(const Tensor& a) {
  require_square("slogdet", a);
  const Factored f(wide(a));
  const Tensor operands[] = {f.a, f.lu, f.pivots};
  const std::vector<Tensor> made = apply_all(kSlogdet, operands);
  return {rounded(made[0], a), rounded(made[1], a)};
}

namespace {

// Samples: a matrix away from singular ones, and a positive definite one.
#define REGULAR "(x(3, 3) + 3 * eye(3))"
#define POSITIVE "(lambda a: a @ a.T + 2 * eye(3))(x(3, 4))"
#define BATCH "(x(2, 3, 3) + 3 * eye(3))"

constexpr Function kFunctions[] = {
    def("cholesky(input_x, upper=False)",
        "Lower triangular L with L @ L.T = input, or upper triangular U with U.T @ U = input; reads that triangle "
        "alone.",
        {"cholesky(Tensor([[4.0, 2.0], [2.0, 2.0]]))", "[[2. 0.]\n [1. 1.]]"},
        [](const Tensor& a, bool upper) { return cholesky(a, upper); },
        {.samples = {"cholesky(" POSITIVE ")", "cholesky((lambda a: a @ a.mT + 2 * eye(3))(x(2, 3, 3)))",
                     "cholesky(" POSITIVE ", upper=True)"}}),
    def("cholesky_solve(input, input2, upper=False)",
        "Solution x of A @ x = input, where input2 is the Cholesky factor of A.",
        {"cholesky_solve(Tensor([[4.0]]), Tensor([[2.0]]))", "[[1.]]"},
        [](const Tensor& b, const Tensor& factor, bool upper) {
          const Tensor half = solved("cholesky_solve", factor, b,
                                     [&](const Tensor& t, const Tensor& y) { return triangular(t, y, upper, upper); });
          return triangular_solve(factor, half, upper, !upper, false);
        },
        {.samples = {"cholesky_solve(x(3, 2), " REGULAR ")", "cholesky_solve(x(3, 2), " REGULAR ", True)"}}),
    def("triangular_solve(b, A, upper=True, transpose=False, unitriangular=False)",
        "Solution x of A @ x = b, or of A.T @ x = b, where the upper or the lower triangle of A counts. A vector b has "
        "one axis.",
        {"triangular_solve(Tensor([3.0, 2.0]), Tensor([[1.0, 1.0], [0.0, 2.0]]))", "[2. 1.]"},
        [](const Tensor& b, const Tensor& a, bool upper, bool transpose, bool unit) {
          return triangular_solve(a, b, upper, transpose, unit);
        },
        {.samples = {"triangular_solve(x(3, 2), " REGULAR ")", "triangular_solve(x(3), " REGULAR ", False)",
                     "triangular_solve(x(3, 2), " BATCH ", True, True)",
                     "triangular_solve(x(2, 3, 1), " REGULAR ", False, True, True)"}}),
    def("solve(A, B)", "Solution x of A @ x = B. A B of one axis is a vector; leading axes broadcast.",
        {"solve(Tensor([[2.0, 1.0], [0.0, 1.0]]), Tensor([4.0, 2.0]))", "[1. 2.]"},
        [](const Tensor& a, const Tensor& b) { return solve(a, b); },
        {.samples = {"solve(" REGULAR ", x(3, 2))", "solve(" REGULAR ", x(3))", "solve(" BATCH ", x(3, 2))"}}),
    def("inverse(input)", "Inverse of square matrices.", {"inverse(Tensor([[2.0, 0.0], [0.0, 4.0]])).sum()", "0.75"},
        [](const Tensor& a) { return inverse(a); }, {.samples = {"inverse(" REGULAR ")", "inverse(" BATCH ")"}}),
    def("det(input)",
        "Determinant of square matrices. Where it is 0 the first derivative is still right; the second is not finite.",
        {"det(Tensor([[2.0, 1.0], [0.0, 4.0]]))", "8.0"}, [](const Tensor& a) { return det(a); },
        {.samples = {"det(" REGULAR ")", "det(" BATCH ")", "det(x(3, 3))"}}),
    def("slogdet(input)", "Sign of the determinant, which is 0 for singular matrices, and logarithm of its magnitude.",
        {"slogdet(Tensor([[-1.0, 0.0], [0.0, 1.0]]))[0]", "-1.0"}, [](const Tensor& a) { return slogdet(a); },
        {.samples = {"slogdet(" REGULAR ")", "slogdet(" BATCH ")", "slogdet(-" REGULAR ")"}}),
    def("_lu_factor(input)", "Both triangles of L and U in one matrix, and for each row the one it was exchanged with.",
        {"_lu_factor(Tensor([[0.0, 1.0], [2.0, 3.0]]))[0]", "[[2. 3.]\n [0. 1.]]"},
        [](const Tensor& a) {
          require_matrix("lu_factor", a);
          const Tensor x = wide(a);
          const std::vector<Tensor> made = apply_all(kLuFactor, std::span(&x, 1));
          return std::array<Tensor, 2>{rounded(made[0], a), made[1]};
        }),
    def("_lu_places(pivots, rows)", "For each row of A where it stands in P A.",
        {"_lu_places(Tensor([1, 1]), 2)", "[1 0]"},
        [](const Tensor& pivots, int64_t rows) {
          return permutation(expand_dims(checked_index("lu_unpack", pivots, rows), -1), rows);
        }),
};

#undef REGULAR
#undef POSITIVE
#undef BATCH

}  // namespace

void list_linalg_ops(OpList& list) {
  list.insert(list.end(),
              {&kTriangular, &kCholesky, &kLu, &kSolve, &kPermutation, &kLuFactor, &kSlogdet, &kCofactors, &kDet});
}

const std::span<const Function> kLinalgFunctions = kFunctions;

}  // namespace adcore
