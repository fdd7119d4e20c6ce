// Linear algebra: factorisations, solutions, determinants of the matrices in the last two axes; leading axes are a
// batch.
//
// An op of matrices is told by its shapes, by what it does with one matrix (each_matrix runs it over the batch, several
// members at once where that pays), and by its reverse rule, which is written with ops; matrix_op() adds what is
// common: the batch rule, tangents by transposing the rule. Operands and outputs of one call have the same leading
// axes, and are float32 or float64: functions broadcast, and compute half precision in float32.
//
// Whatever needs A^-1 is made of the LU factors of A: factors are constants beside A itself, by which the rules pass
// derivatives. So a derivative solves again with the factors that are there, at any order.
//
// Rules: M. B. Giles 2008, "Collected matrix derivative results for forward and reverse mode algorithmic
// differentiation", where nothing else is said. Start reading at each_matrix().
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <mutex>
#include <numeric>

#include "base/thread_pool.h"
#include "core/pullback.h"
#include "kernels/factorize.h"
#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

// ---- shapes -------------------------------------------------------------------------------------------------------

int64_t rows_of(const Tensor& x) { return x.shape()[x.rank() - 2]; }
int64_t columns_of(const Tensor& x) { return x.shape()[x.rank() - 1]; }

/// The leading axes of x, and a matrix or, with columns < 0, a vector behind them; with rows < 0 nothing.
Dims behind_batch(const Tensor& x, int64_t rows = -1, int64_t columns = -1) {
  Dims shape = x.shape();
  for (int i = 0; i < 2; ++i) shape.erase(shape.size() - 1);
  if (rows >= 0) shape.push_back(rows);
  if (columns >= 0) shape.push_back(columns);
  return shape;
}

void require_matrix(const char* op, const Tensor& x) {
  if (x.rank() < 2)
    fail(ErrorKind::Value, op, ": needs a matrix or a batch of matrices, got the shape ", to_string(x.shape()), ".");
}

void require_square(const char* op, const Tensor& x) {
  require_matrix(op, x);
  if (rows_of(x) != columns_of(x))
    fail(ErrorKind::Value, op, ": needs square matrices, got the shape ", to_string(x.shape()), ".");
}

/// What the ops ask of a call from a file.
bool is_matrix(const Tensor& x) { return x.rank() >= 2 && is_float(x.dtype()); }
bool is_square(const Tensor& x) { return is_matrix(x) && rows_of(x) == columns_of(x); }
bool matrix_accepts(const Call& call) { return has_none(call, 1) && is_matrix(call.in(0)); }
bool square_accepts(const Call& call) { return has_none(call, 1) && is_square(call.in(0)); }
/// A matrix, its factors and exchanges of rows.
bool are_factors(const Call& call) {
  const Tensor &a = call.in(0), &lu = call.in(1), &pivots = call.in(2);
  return is_square(a) && lu.shape() == a.shape() && lu.dtype() == a.dtype() && pivots.dtype() == DType::Int64 &&
         pivots.shape() == behind_batch(a, rows_of(a));
}
int64_t row_bound(const Call& call) { return rows_of(call.in(0)); }
bool factored_accepts(const Call& call) { return has_none(call, 3) && are_factors(call); }
/// Columns for each member.
bool are_columns(const Tensor& b, const Tensor& a) {
  return is_matrix(b) && b.dtype() == a.dtype() && b.shape() == behind_batch(a, rows_of(a), columns_of(b));
}

// ---- one matrix after the other -----------------------------------------------------------------------------------

/// What is wrong with a matrix.
enum class Fault : int { None, Singular, NotPositive, NotFinite, NoConvergence };

constexpr const char* kFaults[] = {"", "is singular", "is not positive definite", "has elements that are not finite",
                                   "is one for which the iteration does not converge"};

[[noreturn]] void report(const char* op, Fault fault, int64_t member, const Dims& batch) {
  std::string where;
  if (batch.size() == 1) where = text(" (member ", member, " of the batch)");
  if (batch.size() > 1) {
    Dims index = batch;
    for (int axis = batch.size() - 1; axis >= 0; --axis) {
      index[axis] = member % batch[axis];
      member /= batch[axis];
    }
    where = text(" (member ", to_string(index), " of the batch)");
  }
  fail(ErrorKind::Value, op, ": the matrix ", kFaults[static_cast<int>(fault)], where, ".");
}

/// The operands and outputs of one member, contiguous; an output that is not asked for is null.
struct Member {
  const void* in[4];
  void* out[3];

  template <class T>
  const T* operand(int k) const {
    return static_cast<const T*>(in[k]);
  }
  template <class T>
  T* output(int j) const {
    return static_cast<T*>(out[j]);
  }
};

constexpr int64_t kChunkWork = 1 << 17;  // elementary operations that are worth a thread

/// Floats are computed in T. fn(member) is a Fault; the first faulty member is reported. `work`: of one member.
template <class T, class Fn>
void each_matrix(Call& call, const char* op, int64_t work, const Fn& fn) {
  constexpr DType kType = sizeof(T) == 4 ? DType::Float32 : DType::Float64;
  const Dims batch = behind_batch(call.in(0));
  const int64_t count = numel(batch);
  if (count == 0) return;
  Tensor held[4], made[3];
  Member first{};
  int64_t in_step[4] = {}, out_step[3] = {};  // bytes
  for (int k = 0; k < call.count; ++k) {
    held[k] = as_contiguous(call.in(k), is_float(call.in(k).dtype()) ? kType : call.in(k).dtype());
    first.in[k] = held[k].data();
    in_step[k] = held[k].size() / count * static_cast<int64_t>(size_of(held[k].dtype()));
  }
  for (int j = 0; j < call.op.outputs; ++j) {
    if (!call.wants(j)) continue;
    made[j] = call.out[j];
    if (is_float(made[j].dtype()) && made[j].dtype() != kType) made[j] = Tensor(call.out[j].shape(), kType);
    first.out[j] = made[j].mutable_data();
    out_step[j] = made[j].size() / count * static_cast<int64_t>(size_of(made[j].dtype()));
  }
  const auto member = [&](int64_t i) {
    Member m{};
    for (int k = 0; k < call.count; ++k) m.in[k] = static_cast<const std::byte*>(first.in[k]) + i * in_step[k];
    for (int j = 0; j < call.op.outputs; ++j)
      if (first.out[j]) m.out[j] = static_cast<std::byte*>(first.out[j]) + i * out_step[j];
    return m;
  };
  int64_t faulty = count;
  Fault fault = Fault::None;
  const int64_t together = std::max<int64_t>(1, kChunkWork / std::max<int64_t>(1, work));
  if (together >= count) {
    for (int64_t i = 0; i < count && fault == Fault::None; ++i) {
      fault = fn(member(i));
      faulty = i;
    }
  } else if (count == 1) {
    fault = fn(first);
    faulty = 0;
  } else {
    std::mutex mutex;  // of what went wrong
    std::exception_ptr thrown;
    parallel_for((count + together - 1) / together, [&](int64_t chunk) {
      try {
        for (int64_t i = chunk * together; i < std::min(count, (chunk + 1) * together); ++i) {
          const Fault found = fn(member(i));
          if (found == Fault::None) continue;
          const std::lock_guard lock(mutex);
          if (i < faulty) {
            faulty = i;
            fault = found;
          }
          return;
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        thrown = std::current_exception();
      }
    });
    if (thrown) std::rethrow_exception(thrown);
  }
  if (fault != Fault::None) report(op, fault, faulty, batch);
  for (int j = 0; j < call.op.outputs; ++j)
    if (first.out[j] && made[j].dtype() != call.out[j].dtype())
      copy_to(made[j], call.out[j].mutable_data(), call.out[j].dtype());
}

/// The same in the type of operand 0: fn(member, T()).
template <class Fn>
void each_in_its_type(Call& call, const char* op, int64_t work, const Fn& fn) {
  if (call.in(0).dtype() == DType::Float32) {
    each_matrix<float>(call, op, work, [&](const Member& m) { return fn(m, float()); });
  } else {
    each_matrix<double>(call, op, work, [&](const Member& m) { return fn(m, double()); });
  }
}

bool all_finite(const double* a, int64_t n) {
  return std::all_of(a, a + n, [](double v) { return std::isfinite(v); });
}

int64_t cubic_work(const Call& call) {
  const Tensor& a = call.in(0);
  return a.size() * std::min(rows_of(a), columns_of(a));
}
/// Of one member.
int64_t member_work(const Call& call) {
  const Tensor& a = call.in(0);
  return rows_of(a) * columns_of(a) * std::min(rows_of(a), columns_of(a));
}

/// The members of a vmap are one more leading axis.
void matrix_batch(Batching& b) {
  for (int k = 0; k < b.count(); ++k) {
    Batching::Member& m = b.members[static_cast<size_t>(k)];
    m.value = b.front(k);
    m.batched = true;
  }
  b.run(b.attrs);
}

/// What all ops of matrices have in common; the caller sets the rest.
constexpr Op matrix_op(Op op) {
  op.batch = matrix_batch;
  if (!op.work) op.work = cubic_work;
  return op;
}

// ---- what rules are written with ----------------------------------------------------------------------------------

Tensor turned(const Tensor& x) { return swap_axes(x, -1, -2); }

template <class T>
void fill_pattern(Tensor& t, int64_t n, double below, double diagonal, double above) {
  T* row = t.mutable_data_as<T>();
  for (int64_t i = 0; i < n; ++i, row += n) {
    std::fill_n(row, i, static_cast<T>(below));
    row[i] = static_cast<T>(diagonal);
    std::fill_n(row + i + 1, n - i - 1, static_cast<T>(above));
  }
}
/// n x n: one number on the diagonal, one above and one below.
Tensor pattern(int64_t n, double below, double diagonal, double above, const Tensor& like) {
  Tensor t(Dims{n, n}, like.dtype());
  like.dtype() == DType::Float32 ? fill_pattern<float>(t, n, below, diagonal, above)
                                 : fill_pattern<double>(t, n, below, diagonal, above);
  return t;
}
Tensor identity(int64_t n, const Tensor& like) { return pattern(n, 0, 1, 0, like); }
/// The identity for each member of a batch.
Tensor identities(const Tensor& like) {
  const int64_t n = columns_of(like);
  return broadcast_to(identity(n, like), behind_batch(like, n, n));
}

/// x times diag(d), and diag(d) times x.
Tensor scale_columns(const Tensor& x, const Tensor& d) { return x * expand_dims(d, -2); }
Tensor scale_rows(const Tensor& d, const Tensor& x) { return expand_dims(d, -1) * x; }
Tensor diagonal_matrix(const Tensor& d) { return scale_rows(d, identity(d.shape().back(), d)); }
/// One number for each member, beside its matrix.
Tensor beside_matrix(const Tensor& x) { return expand_dims(expand_dims(x, -1), -1); }
Tensor symmetric_part(const Tensor& x) { return (x + turned(x)) * 0.5; }
/// d[i, j] = v[j] - v[i], and 1 where i = j.
Tensor gaps(const Tensor& v) { return expand_dims(v, -2) - expand_dims(v, -1) + identity(v.shape().back(), v); }
Tensor add(const Tensor& sum, Tensor term) { return sum.defined() ? sum + term : term; }

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

void square_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }

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
constexpr uint32_t kTwoOutputs = needs_output(0) | needs_output(1);
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
  p.give(0, turned(triangular(r, turned(g), true)));
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

// ---- functions ----------------------------------------------------------------------------------------------------

/// The type that an operand is computed in.
DType wide_dtype(const Tensor& x) { return x.dtype() == DType::Float64 ? DType::Float64 : DType::Float32; }
Tensor wide(const Tensor& x) { return cast(x, wide_dtype(x)); }
/// Half precision is rounded once, in the end.
Tensor rounded(Tensor y, const Tensor& like) {
  return is_float(like.dtype()) && like.dtype() != y.dtype() ? cast(y, like.dtype()) : y;
}

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

#undef REGULAR
#undef POSITIVE
#undef BATCH

}  // namespace

void list_linalg_ops(OpList& list) {
  list.insert(list.end(), {&kTriangular, &kCholesky, &kLu, &kSolve, &kPermutation, &kLuFactor, &kSlogdet, &kCofactors,
                           &kDet, &kQr, &kEigh, &kEigvalsh, &kSvd, &kSvdvals, &kPinv, &kExp});
}

const std::span<const Function> kLinalgFunctions = kFunctions;

}  // namespace adcore
