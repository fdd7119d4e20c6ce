// The ops as C++ functions. Rules are written with these; so is a program that uses adcore from C++.
#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/box.h"
#include "core/op.h"
#include "kernels/formulas.h"

namespace adcore {

// ---- elementwise (elementwise.cpp): every row of formulas.h -------------------------------------------------------

/// The op of a row of formulas.h.
const Op& elementwise_op(int row) noexcept;

/// The last of a row's operands as it is, where all are integers; raises for an element that the row does not take.
Tensor checked_last(const char* op, LastInteger may_be, const Tensor& last);

/// A row's name as template argument; an unknown name does not compile.
struct RowName {
  int row;
  consteval RowName(const char* name) : row(formula_index(name)) {  // NOLINT(google-explicit-constructor)
    if (row < 0) throw "no such row";
  }
};
inline Tensor map(RowName name, const Tensor& a) { return apply(elementwise_op(name.row), {&a}); }
inline Tensor map(RowName name, const Tensor& a, const Tensor& b) { return apply(elementwise_op(name.row), {&a, &b}); }
inline Tensor map(RowName name, const Tensor& a, const Tensor& b, const Tensor& c) {
  return apply(elementwise_op(name.row), {&a, &b, &c});
}

inline Tensor operator+(const Tensor& a, const Tensor& b) { return map("add", a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return map("sub", a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return map("mul", a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return map("div", a, b); }
inline Tensor operator-(const Tensor& a) { return map("neg", a); }

/// A constant of a formula beside `like`: of its dtype where that holds the value.
Tensor number(double value, const Tensor& like);
Tensor number(int64_t value, const Tensor& like);
inline Tensor operator*(const Tensor& a, double b) { return a * number(b, a); }
inline Tensor operator+(const Tensor& a, double b) { return a + number(b, a); }

// ---- shape (shape.cpp): views and casts; moving elements (regions.cpp, move.cpp) ----------------------------------

Tensor cast(const Tensor& x, DType dtype);
/// At most one size may be -1.
Tensor reshape(const Tensor& x, const Dims& shape);
Tensor broadcast_to(const Tensor& x, const Dims& shape);
/// axes[i] is the axis of x that becomes axis i.
Tensor permute(const Tensor& x, const Dims& axes);
Tensor swap_axes(const Tensor& x, int64_t a, int64_t b);
Tensor expand_dims(const Tensor& x, int64_t axis);
Tensor flip(const Tensor& x, const Dims& axes);
Tensor concat(std::span<const Tensor> tensors, int64_t axis);
/// The inverse of broadcasting: sums the axes that were added or stretched.
Tensor sum_to(const Tensor& x, const Dims& shape);

/// A basic index of every axis: start, step, count.
struct Slice {
  DimsAttr start, step, count;
};
Tensor slice(const Tensor& x, const Slice& s);
/// `base` with the elements at `s` replaced by those of v (broadcast).
Tensor slice_set(const Tensor& base, const Tensor& v, const Slice& s);
Slice whole(const Dims& shape);
/// The elements in memory of their own, by rows.
Tensor packed(const Tensor& x);
/// Writes v (of the shape of the region; converted) into the elements of `dst` at `s`: for memory that nobody else
/// sees.
void copy_into_slice(Tensor& dst, const Tensor& v, const Slice& s);

// ---- reductions and scans (reduce.cpp, scan.cpp): those of the rows of reductions.h that rules use --------------------------

/// The axes that a reduction is over: all where nothing is said. An empty list of axes is no axis, never all.
class Axes {
 public:
  Axes() : all_(true) {}
  Axes(const Dims& axes) : axes_(axes) {}                     // NOLINT(google-explicit-constructor)
  Axes(std::initializer_list<int64_t> axes) : axes_(axes) {}  // NOLINT(google-explicit-constructor)
  /// Bit i: axis i. A value without axes is taken to have one of size 1, which it has not in the end.
  uint32_t mask(const char* op, int rank) const;

 private:
  Dims axes_;
  bool all_ = false;
};

Tensor sum(const Tensor& x, const Axes& axes = {}, bool keep = false);
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keep = false);
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keep = false);
Tensor amax(const Tensor& x, const Axes& axes = {}, bool keep = false);
Tensor amin(const Tensor& x, const Axes& axes = {}, bool keep = false);
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keep = false);
Tensor argmax(const Tensor& x, int64_t axis, bool keep = false);
Tensor argmin(const Tensor& x, int64_t axis, bool keep = false);
Tensor cumsum(const Tensor& x, int64_t axis, bool reverse = false);

// ---- softmax (softmax.cpp), losses (loss.cpp), matmul (matmul.cpp) ------------------------------------------------

Tensor softmax(const Tensor& x, int64_t axis);
Tensor log_softmax(const Tensor& x, int64_t axis);
/// The cotangent of x, from that of y = softmax(x).
Tensor softmax_grad(const Tensor& g, const Tensor& y, int64_t axis);

enum class Reduction : int64_t { None, Mean, Sum };
/// weight and pos_weight may be undefined tensors: 1.
Tensor bce_with_logits(const Tensor& logits, const Tensor& label, const Tensor& weight = {},
                       const Tensor& pos_weight = {}, Reduction reduction = Reduction::Mean);
/// Per row of logits [n, classes]: scale * (logsumexp - logit at target); rows whose target is `ignore` give 0.
Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& scale, int64_t ignore);

Tensor matmul(const Tensor& a, const Tensor& b);

// ---- linear algebra (linalg.cpp, spectral.cpp): matrices in the last two axes, leading axes are a batch -------------------------

/// Lower triangular L with L L^T = a, or upper triangular U with U^T U = a.
Tensor cholesky(const Tensor& a, bool upper = false);
/// Solutions x of a x = b, or of a^T x = b; a b of one axis is a vector.
Tensor triangular_solve(const Tensor& a, const Tensor& b, bool upper, bool transposed = false, bool unit = false);
Tensor solve(const Tensor& a, const Tensor& b);
Tensor inverse(const Tensor& a);
Tensor det(const Tensor& a);
/// Sign and logarithm of the magnitude of the determinant.
std::array<Tensor, 2> slogdet(const Tensor& a);
/// Q and R.
std::array<Tensor, 2> qr(const Tensor& a, bool complete = false);
/// Eigenvalues, ascending, and eigenvectors as columns, of symmetric matrices.
std::array<Tensor, 2> eigh(const Tensor& a, bool upper = false);
Tensor eigvalsh(const Tensor& a, bool upper = false);
/// Singular values, descending, left and right singular vectors as columns.
std::array<Tensor, 3> svd(const Tensor& a, bool full_matrices = false);
Tensor svdvals(const Tensor& a);
/// Singular values up to rtol times the greatest, or to atol, count as zero.
Tensor pinv(const Tensor& a, std::optional<double> rtol = {}, std::optional<double> atol = {});
Tensor matrix_exp(const Tensor& a);

// ---- indexing (index.cpp, coordinates.cpp): indices are integers, negative ones count from the end ---------------

/// The index as int64, every entry wrapped into [0, size). An IndexError of `op` names an entry outside.
Tensor checked_index(const char* op, const Tensor& index, int64_t size);
Tensor take(const Tensor& x, const Tensor& index, int64_t axis);
Tensor gather_elements(const Tensor& x, int64_t axis, const Tensor& index);
/// x with the elements of v added where gather_elements reads them; the index is checked, and of x's shape but for the
/// axis.
Tensor add_elements(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& v);
/// x with the rows of axis 0 at `index` replaced by those of v; of equal indices the last wins.
Tensor put_rows(const Tensor& x, const Tensor& index, const Tensor& v);
/// The coordinates of nonzero elements, [count, rank].
Tensor nonzero(const Tensor& x);

// ---- the rest -----------------------------------------------------------------------------------------------------

/// The value as a constant: no derivative passes.
inline Tensor stop_gradient(const Tensor& x) { return without_derivative(x); }
/// What of it a program has: a call that gives back its operand.
const Op& stop_gradient_op();
/// The same value at a slot of its own.
const Op& alias_op();
inline Tensor zeros(const Dims& shape, DType dtype) { return full(shape, 0.0, dtype); }
inline Tensor zeros_like(const Tensor& x) { return zeros(x.shape(), x.dtype()); }
/// The cotangent or tangent zero of a value.
inline Tensor zero_derivative(const Tensor& x) { return zeros(x.shape(), derivative_dtype(x.dtype())); }
/// A value as a factor of cotangents or tangents: in a float type.
inline Tensor as_factor(const Tensor& x) { return cast(x, derivative_dtype(x.dtype())); }
inline Tensor ones_like(const Tensor& x) { return full(x.shape(), 1.0, x.dtype()); }

}  // namespace adcore
