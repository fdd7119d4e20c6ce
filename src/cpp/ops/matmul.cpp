// Matrix product: bilinear; vectors, matrices and batches of them. Transposed operands are strides, never copies.
#include "ops/matmul.h"

#include <algorithm>

#include "base/interpreter.h"
#include "base/thread_pool.h"
#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/drive.h"
#include "ops/functions.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

/// One side of a product as a matrix.
struct Side {
  int64_t rows, columns;
  bool keeps;  // the axis that the result has from this side is there

  Side(const Tensor& x, bool left, bool turned) {
    const int rank = x.rank();
    const bool vector = rank == 1, is_row = vector && left != turned;
    rows = vector ? (is_row ? 1 : x.shape()[0]) : x.shape()[rank - (turned ? 1 : 2)];
    columns = vector ? (is_row ? x.shape()[0] : 1) : x.shape()[rank - (turned ? 2 : 1)];
    keeps = !vector || turned;
  }
};

struct Sizes {
  int64_t m, n, k;
  Dims batch;  // broadcast
};

Sizes sizes_of(const Tensor& a, const Tensor& b, const MatmulAttr& attr) {
  const Side x(a, true, attr.a_turned), y(b, false, attr.b_turned);
  Sizes s{x.rows, y.columns, x.columns, {}};
  if (x.columns != y.rows) {
    fail(ErrorKind::Value, "matmul: inner dimensions differ, ", to_string(a.shape()), " @ ", to_string(b.shape()), ".");
  }
  if (a.rank() <= 2 && b.rank() <= 2) return s;
  Dims p, q;
  for (int i = 0; i + 2 < a.rank(); ++i) p.push_back(a.shape()[i]);
  for (int i = 0; i + 2 < b.rank(); ++i) q.push_back(b.shape()[i]);
  s.batch = broadcast("matmul", p, q);
  return s;
}

void matmul_infer(Call& call) {
  const Tensor &a = call.in(0), &b = call.in(1);
  if (a.dtype() != b.dtype() || a.dtype() == DType::Bool) {
    fail(ErrorKind::Type, "matmul: operands must have one numeric dtype, got ", name_of(a.dtype()), " and ",
         name_of(b.dtype()), ".");
  }
  if (a.rank() == 0 || b.rank() == 0) {
    fail(ErrorKind::Value, "matmul: operands need at least one axis, got ", to_string(a.shape()), " and ",
         to_string(b.shape()), ".");
  }
  const auto attr = call.attrs.as<MatmulAttr>();
  const Sizes s = sizes_of(a, b, attr);
  Dims shape = s.batch;
  if (Side(a, true, attr.a_turned).keeps) shape.push_back(s.m);
  if (Side(b, false, attr.b_turned).keeps) shape.push_back(s.n);
  call.out->set_shape(shape, a.dtype());
}

/// One operand as a batch of matrices: strides of rows and columns, offsets of the matrices.
struct Matrices {
  const Tensor* t;
  int64_t row, col;
  std::vector<int64_t> offsets;  // empty for a single product
};

/// `held` keeps a copy where one is needed.
Matrices matrices(const Tensor& x, bool left, bool turned, DType storage, const Dims& batch, Tensor& held) {
  // The kernel reads any non-negative strides of the computing type; the rest is copied.
  const bool readable =
      x.dtype() == storage && std::all_of(x.strides().begin(), x.strides().end(), [](int64_t s) { return s >= 0; });
  if (!readable) held = as_contiguous(x, storage);
  Matrices m{readable ? &x : &held, 0, 0, {}};
  const Dims& strides = m.t->strides();
  const int rank = x.rank();
  if (rank == 1) {
    (left != turned ? m.col : m.row) = strides[0];
  } else {
    m.row = strides[rank - (turned ? 1 : 2)];
    m.col = strides[rank - (turned ? 2 : 1)];
  }
  if (batch.empty()) return m;
  const int64_t count = numel(batch);
  m.offsets.resize(static_cast<size_t>(count));
  const int skip = batch.size() - (rank - 2);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, offset = 0;
    for (int axis = batch.size() - 1; axis >= 0; --axis) {
      const int64_t index = rest % batch[axis];
      rest /= batch[axis];
      if (axis >= skip && x.shape()[axis - skip] != 1) offset += index * strides[axis - skip];
    }
    m.offsets[static_cast<size_t>(i)] = offset;
  }
  return m;
}

template <class T>
GemmArgs<T> arguments_of(const Sizes& s, const Matrices& a, const Matrices& b, T* c) {
  GemmArgs<T> g{};
  g.m = s.m;
  g.n = s.n;
  g.k = s.k;
  g.a = a.t->data_as<T>();
  g.a_row = a.row;
  g.a_col = a.col;
  g.b = b.t->data_as<T>();
  g.b_row = b.row;
  g.b_col = b.col;
  g.c = c;
  g.c_row = s.n;
  g.batch = 1;
  if (!s.batch.empty()) {
    g.batch = numel(s.batch);
    g.a_offset = a.offsets.data();
    g.b_offset = b.offsets.data();
    g.c_step = s.m * s.n;
  }
  return g;
}

template <class T>
void multiply(const Sizes& s, const Matrices& a, const Matrices& b, int64_t member_rows, T* c, GemmFn<T> gemm) {
  GemmArgs<T> g = arguments_of(s, a, b, c);
  g.member_rows = member_rows;
  gemm(g);
}

/// Integers: the plain loop, wrapping.
void multiply_integers(const Sizes& s, const Matrices& a, const Matrices& b, uint64_t* c) {
  const int64_t batch = s.batch.empty() ? 1 : numel(s.batch);
  for (int64_t p = 0; p < batch; ++p) {
    const auto* x = a.t->data_as<uint64_t>() + (a.offsets.empty() ? 0 : a.offsets[static_cast<size_t>(p)]);
    const auto* y = b.t->data_as<uint64_t>() + (b.offsets.empty() ? 0 : b.offsets[static_cast<size_t>(p)]);
    for (int64_t i = 0; i < s.m; ++i) {
      for (int64_t j = 0; j < s.n; ++j) {
        uint64_t total = 0;
        for (int64_t k = 0; k < s.k; ++k) total += x[i * a.row + k * a.col] * y[k * b.row + j * b.col];
        *c++ = total;
      }
    }
  }
}

void matmul_run(Call& call) {
  const Tensor &a = call.in(0), &b = call.in(1);
  const auto attr = call.attrs.as<MatmulAttr>();
  Sizes s = sizes_of(a, b, attr);
  const Compute compute = compute_of(a.dtype());
  const DType storage = storage_of(compute);
  Tensor rows, x_held, y_held;
  // One matrix for the whole batch: the batch is rows, and rows are contiguous.
  const bool folds = (b.rank() == 2 && a.rank() > 2 && !attr.a_turned) || attr.member_rows;
  if (folds) {
    rows = as_contiguous(a, storage);
    rows.view_of(rows, Dims{numel(s.batch) * s.m, s.k}, Dims{s.k, 1}, rows.offset());
    s.m = rows.shape()[0];
    s.batch.clear();
  }
  const Matrices x = matrices(folds ? rows : a, true, attr.a_turned, storage, s.batch, x_held),
                 y = matrices(b, false, attr.b_turned, storage, s.batch, y_held);
  Tensor& out = *call.out;
  const bool direct = out.dtype() == storage;
  const Scratch scratch(direct ? 0 : static_cast<size_t>(out.size()) * 8);
  void* c = direct ? out.mutable_data() : scratch.as<void>();
  switch (compute) {
    case Compute::F32: multiply(s, x, y, attr.member_rows, static_cast<float*>(c), kernels().gemm_f32); break;
    case Compute::F64: multiply(s, x, y, attr.member_rows, static_cast<double*>(c), kernels().gemm_f64); break;
    default: multiply_integers(s, x, y, static_cast<uint64_t*>(c)); break;
  }
  if (!direct) kernels().store_block(c, compute, out.mutable_data(), out.dtype(), out.size());
}

/// Rows of so many members: those of the left operand as they lie.
bool are_member_rows(int64_t rows, const Tensor& a, bool a_turned, const Tensor& b) {
  if (rows == 0) return true;
  const int64_t all = a.rank() < 2 || a.shape().back() == 0 ? 0 : a.size() / a.shape().back();
  return rows > 0 && !a_turned && a.rank() >= 2 && b.rank() <= 2 && all % rows == 0;
}
bool matmul_accepts(const Call& call) {
  if (!has<MatmulAttr>(call, 2)) return false;
  const auto attr = call.attrs.as<MatmulAttr>();
  return is_flag(attr.a_turned) && is_flag(attr.b_turned) &&
         are_member_rows(attr.member_rows, call.in(0), attr.a_turned, call.in(1));
}

int64_t matmul_work(const Call& call) {
  return call.out->size() * Side(call.in(0), true, call.attrs.as<MatmulAttr>().a_turned).columns / 8;
}

/// x with its last two axes exchanged.
Tensor turned(const Tensor& x) { return swap_axes(x, -1, -2); }
/// x as one matrix: all axes but the last are rows.
Tensor folded(const Tensor& x) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < x.rank(); ++i) rows *= x.shape()[i];
  return reshape(x, Dims{rows, x.shape().back()});
}

Tensor product(const Tensor& a, const Tensor& b, bool a_turned, bool b_turned, int64_t member_rows = 0);

/// A kept operand as a factor of the cotangent, which is a float also where the operands are integers.
const Tensor& factor(const Tensor& x, Tensor& held) { return is_float(x.dtype()) ? x : held = as_factor(x); }

/// The rule where no operand has more than two axes: with A' and B' the operands as they are read, dA' = G B'^T and
/// dB' = A'^T G, each one product, turned where the operand is.
void small_vjp(Pullback& p, const MatmulAttr& attr, const Dims& a_shape, const Dims& b_shape) {
  const bool ta = attr.a_turned, tb = attr.b_turned;
  const bool a_vector = a_shape.size() == 1, b_vector = b_shape.size() == 1;
  const Tensor& g = p.g;
  if (g.rank() == 0) {  // a scalar product
    if (p.active(0)) p.give(0, g * p.in(1));
    if (p.active(1)) p.give(1, g * p.in(0));
    return;
  }
  // G as a vector: a column where the result has its axis from A'.
  const bool vector = g.rank() == 1, column = !a_vector || ta;
  Tensor held;
  const auto fitting = [](Tensor c, const Dims& shape) { return c.shape() == shape ? c : reshape(c, shape); };
  if (p.active(0)) {
    const Tensor& b = factor(p.in(1), held);
    p.give(0, fitting(ta ? product(b, g, b_vector ? !tb : tb, vector ? column : true)
                         : product(g, b, vector && column, !tb),
                      a_shape));
  }
  if (p.active(1)) {
    const Tensor& a = factor(p.in(0), held);
    p.give(1, fitting(tb ? product(g, a, vector ? !column : true, a_vector ? !ta : ta)
                         : product(a, g, !ta, vector && !column),
                      b_shape));
  }
}

void matmul_vjp(Pullback& p) {
  // A kept operand is missing iff the other is constant.
  const Dims a_shape = p.active(1) ? p.in(0).shape() : p.in_shape(0),
             b_shape = p.active(0) ? p.in(1).shape() : p.in_shape(1);
  if (a_shape.size() <= 2 && b_shape.size() <= 2) return small_vjp(p, p.attrs<MatmulAttr>(), a_shape, b_shape);
  // Batches of matrices; vectors, never turned here, as matrices of one row or column.
  const auto attr = p.attrs<MatmulAttr>();
  const bool ta = attr.a_turned, tb = attr.b_turned;
  Tensor g = p.g;
  if (b_shape.size() == 1) g = expand_dims(g, -1);
  if (a_shape.size() == 1) g = expand_dims(g, -2);
  if (p.active(0)) {
    const Tensor given = as_factor(p.in(1));
    const Tensor b = given.rank() == 1 ? expand_dims(given, -1) : given;
    const Tensor c = ta ? product(b, g, tb, true) : product(g, b, false, !tb);
    p.give(0, a_shape.size() == 1 ? reshape(sum_to(c, Dims{1, a_shape[0]}), a_shape) : c);
  }
  if (p.active(1)) {
    const Tensor given = as_factor(p.in(0));
    const Tensor a = given.rank() == 1 ? expand_dims(given, 0) : given;
    if (b_shape.size() == 2 && a.rank() > 2 && !ta) {
      p.give(1, tb ? product(folded(g), folded(a), true, false) : product(folded(a), folded(g), true, false));
    } else {
      const Tensor c = tb ? product(g, a, true, ta) : product(a, g, !ta, false);
      p.give(1, b_shape.size() == 1 ? reshape(sum_to(c, Dims{b_shape[0], 1}), b_shape) : c);
    }
  }
}

/// The rows of a left operand, all axes but the last together.
int64_t rows_of(const Dims& shape) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

/// Matrices of all members as one product. Vectors are matrices of one row or column, but where only the vectors differ
/// between the members they are the rows of one matrix.
void matmul_batch(Batching& b) {
  const auto attr = b.attrs.as<MatmulAttr>();
  const int p = b.members[0].rank(), q = b.members[1].rank();
  if (!attr.a_turned && b.batched(0) && !b.batched(1) && q == 2) {
    const int64_t rows = attr.member_rows ? attr.member_rows : rows_of(b.members[0].shape());
    return b.give(product(b.value(0), b.value(1), false, attr.b_turned, rows));
  }
  if (q == 1 && !attr.b_turned && b.batched(1) && !b.batched(0) && p == 2)
    return b.give(product(b.value(1), b.value(0), false, !attr.a_turned, 1));
  const int rank = std::max({2, p, q});
  // A vector becomes a matrix as it is read: a row has an axis of size 1 before its own, a column behind it.
  const auto matrices_of = [&](int k, bool left, bool is_turned) {
    const Tensor t = b.front(k);
    const Tensor m = t.rank() == 2 ? expand_dims(t, left != is_turned ? 1 : 2) : t;
    Dims shape = m.shape();
    while (shape.size() < rank + 1) shape.insert(1, 1);
    return reshape(m, shape);
  };
  Dims shape = b.out.shape();
  shape.insert(0, b.size);
  const Tensor x = matrices_of(0, true, attr.a_turned), y = matrices_of(1, false, attr.b_turned);
  b.give(reshape(product(x, y, p > 1 && attr.a_turned, q > 1 && attr.b_turned), shape));
}

const Op kMatmul{.name = "matmul",
                 .kind = OpKind::Bilinear,
                 .infer = matmul_infer,
                 .run = matmul_run,
                 .vjp = matmul_vjp,
                 .needs = {needs_input(1), needs_input(0)},
                 .batch = matmul_batch,
                 .work = matmul_work,
                 .accepts = matmul_accepts};

// ---- sums of products -------------------------------------------------------------------------------------------

void matmul_sum_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }

template <class T>
void add_products(const Sizes& s, const Matrices& a, const Matrices& b, T* c, GemmFn<T> gemm) {
  GemmArgs<T> g = arguments_of(s, a, b, c);
  g.accumulate = true;
  g.c_step = 0;
  gemm(g);
}

void matmul_sum_run(Call& call) {
  const Tensor &start = call.in(0), &a = call.in(1), &b = call.in(2);
  const auto attr = call.attrs.as<MatmulSumAttr>();
  Tensor& out = *call.out;
  if (out.data() != start.data()) copy_to(start, out.mutable_data(), out.dtype());
  const Sizes s = sizes_of(a, b, {attr.a_turned, attr.b_turned});
  Tensor a_held, b_held;
  Matrices x = matrices(a, true, attr.a_turned, out.dtype(), s.batch, a_held),
           y = matrices(b, false, attr.b_turned, out.dtype(), s.batch, b_held);
  if (attr.reverse) {
    std::ranges::reverse(x.offsets);
    std::ranges::reverse(y.offsets);
  }
  out.dtype() == DType::Float32 ? add_products(s, x, y, static_cast<float*>(out.mutable_data()), kernels().gemm_f32)
                                : add_products(s, x, y, static_cast<double*>(out.mutable_data()), kernels().gemm_f64);
}

int64_t matmul_sum_work(const Call& call) {
  const auto attr = call.attrs.as<MatmulSumAttr>();
  const Sizes s = sizes_of(call.in(1), call.in(2), {attr.a_turned, attr.b_turned});
  return numel(s.batch) * s.m * s.n * s.k / 8;
}

const Op kMatmulSum{.name = "matmul_sum",
                    .kind = OpKind::Constant,
                    .infer = matmul_sum_infer,
                    .run = matmul_sum_run,
                    .over = {needs_input(0)},
                    .work = matmul_sum_work};

Tensor product(const Tensor& a, const Tensor& b, bool a_turned, bool b_turned, int64_t member_rows) {
  return apply(kMatmul, {&a, &b}, Attrs(MatmulAttr{a_turned, b_turned, member_rows}));
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) { return apply(kMatmul, {&a, &b}, Attrs(MatmulAttr{})); }

namespace {

Tensor bmm(const Tensor& a, const Tensor& b) {
  bool fits = a.rank() == b.rank() && a.rank() >= 2;
  for (int i = 0; fits && i + 2 < a.rank(); ++i) fits = a.shape()[i] == b.shape()[i];
  if (!fits) {
    fail(ErrorKind::Value, "bmm: needs two batches of matrices of one batch shape, got ", to_string(a.shape()), " and ",
         to_string(b.shape()), "; matmul broadcasts.");
  }
  return matmul(a, b);
}

// ---- dense: a product whose rows start from a bias, as one op ---------------------------------------------------
// Operands: x (..., in), weight (out, in), bias (out,), floats of one dtype that kernels compute in. The bits are those
// of the product plus the bias.

/// The product in it.
struct DenseProduct {
  MatmulAttr attr;
  Operand operands[2];
  Call call;

  explicit DenseProduct(Call& dense)
      : attr{0, 1, dense.attrs.as<DenseAttr>().member_rows},
        operands{{&dense.in(0), 0}, {&dense.in(1), 0}},
        call{kMatmul, operands, 2, dense.out, Attrs(attr)} {}
};

void dense_infer(Call& call) {
  DenseProduct product(call);
  matmul_infer(product.call);
}

void dense_run(Call& call) {
  DenseProduct product(call);
  matmul_run(product.call);
  static const int kAdd = formula_index("add");
  const MapFn add = kernels().elementwise[kAdd].map[static_cast<int>(compute_of(call.out->dtype()))];
  const int64_t n = call.in(2).size();
  if (n == 0) return;
  const auto row_bytes = n * static_cast<int64_t>(size_of(call.out->dtype()));
  auto* const start = static_cast<std::byte*>(call.out->mutable_data());
  const void* const bias = call.in(2).data();
  const int64_t rows = call.out->size() / n, chunk = std::max<int64_t>(1, kChunkElements / n);
  const auto add_to = [&](int64_t first) {
    for (int64_t i = first; i < std::min(first + chunk, rows); ++i) {
      std::byte* const row = start + i * row_bytes;
      const void* in[] = {row, bias};
      add(in, row, n, 0);
    }
  };
  if (rows <= chunk) return add_to(0);
  parallel_for((rows + chunk - 1) / chunk, [&](int64_t k) { add_to(k * chunk); });
}

void dense_vjp(Pullback& p) {
  if (p.active(0)) p.give(0, product(p.g, p.in(1), false, false));
  if (p.active(1)) {
    const Tensor& x = p.in(0);
    p.give(1, x.rank() == 1 ? product(p.g, x, true, true) : product(folded(p.g), folded(x), true, false));
  }
  if (p.active(2)) p.give(2, p.g.rank() == 1 ? p.take_g() : sum(folded(p.g), Dims{0}));
}

void dense_jvp(Pushforward& p) {
  if (p.active(0)) p.give(product(p.tangent(0), p.in(1), false, true));
  if (p.active(1)) p.give(product(p.in(0), p.tangent(1), false, true));
  if (p.active(2)) p.give(p.tangent(2));
}
void dense_batch(Batching& b) {
  if (!b.batched(1) && !b.batched(2)) {
    const int64_t rows = b.attrs.as<DenseAttr>().member_rows;
    return b.run(DenseAttr{rows ? rows : rows_of(b.members[0].shape())});
  }
  const bool vector = b.members[0].rank() == 1;
  const Tensor x = vector ? expand_dims(b.front(0), 1) : b.front(0);
  Dims shape = b.out.shape(), w_shape = b.front(1).shape(), bias_shape = b.front(2).shape();
  shape.insert(0, b.size);
  while (w_shape.size() < x.rank()) w_shape.insert(1, 1);
  while (bias_shape.size() < shape.size()) bias_shape.insert(1, 1);
  b.give(reshape(matmul(x, turned(reshape(b.front(1), w_shape))), shape) + reshape(b.front(2), bias_shape));
}

int64_t dense_work(const Call& call) { return call.out->size() * call.in(0).shape().back() / 8; }
/// The bias is read where it lies: of what is no constant the layout is not known.
bool dense_accepts(const Call& call) {
  if (!has<DenseAttr>(call, 3)) return false;
  const Tensor &x = call.in(0), &w = call.in(1), &bias = call.in(2);
  return computes_in_place(x.dtype()) && w.dtype() == x.dtype() && bias.dtype() == x.dtype() && x.rank() >= 1 &&
         w.rank() == 2 && bias.shape() == Dims{w.shape()[0]} && bias.defined() && bias.contiguous() &&
         are_member_rows(call.attrs.as<DenseAttr>().member_rows, x, false, w);
}
const Op kDense{.name = "dense",
                .kind = OpKind::Custom,
                .infer = dense_infer,
                .run = dense_run,
                .vjp = dense_vjp,
                .needs = {needs_input(1), needs_input(0)},
                .jvp = dense_jvp,
                .batch = dense_batch,
                .work = dense_work,
                .accepts = dense_accepts};

Tensor dense(const Tensor& x, const Tensor& w, const Tensor& bias) {
  if (w.rank() == 1 && bias.defined() && bias.rank() != 0) {
    fail(ErrorKind::Value, "dense: beside a weight of one axis the bias has none, got ", to_string(bias.shape()), ".");
  }
  if (w.rank() == 1) return bias.defined() ? matmul(x, w) + bias : matmul(x, w);
  if (w.rank() != 2)
    fail(ErrorKind::Value, "dense: weight must have the shape (out, in) or (in,), got ", to_string(w.shape()), ".");
  if (x.dtype() != w.dtype()) {
    fail(ErrorKind::Type, "dense: input and weight must have one numeric dtype, got ", name_of(x.dtype()), " and ",
         name_of(w.dtype()), ".");
  }
  if (x.rank() == 0 || x.shape().back() != w.shape()[1]) {
    fail(ErrorKind::Value, "dense: an input of shape ", to_string(x.shape()), " does not fit a weight of shape ",
         to_string(w.shape()), ", which takes ", w.shape()[1], " elements on the last axis.");
  }
  if (!bias.defined()) return product(x, w, false, true);
  const DType t = x.dtype();
  const bool one_op = storage_of(compute_of(t)) == t && is_float(t) && w.dtype() == t && bias.dtype() == t &&
                      bias.rank() == 1 && bias.shape()[0] == w.shape()[0] && bias.contiguous();
  return one_op ? apply(kDense, {&x, &w, &bias}, Attrs(DenseAttr{})) : product(x, w, false, true) + bias;
}

constexpr Function kFunctions[] = {
    def("matmul(input, other)",
        "Matrix product; vectors, and batches of matrices whose leading axes broadcast. Both operands have one dtype.",
        {"matmul(Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]]))", "[[11.]]"},
        [](const Tensor& a, const Tensor& b) { return matmul(a, b); }, {.samples = {"matmul(x(3, 4), x(4, 2))"}}),
    def("bmm(input_x, mat2)", "Products of a batch of matrices; the batch shapes are equal.",
        {"bmm(ops.ones((1, 1, 2)), ops.ones((1, 2, 1)))", "[[[2.]]]"},
        [](const Tensor& a, const Tensor& b) { return bmm(a, b); }, {.samples = {"bmm(x(2, 3, 2), x(2, 2, 3))"}}),
    def("dense(input, weight, bias=None)",
        "input @ weight.T + bias: a fully connected layer. A weight of one axis stands for one output without an axis.",
        {"dense(Tensor([1.0, 2.0]), Tensor([[3.0, 4.0]]), Tensor([1.0]))", "[12.]"},
        [](const Tensor& x, const Tensor& w, const Tensor& bias) { return dense(x, w, bias); },
        {.method = false,
         .samples = {"dense(x(3, 4), x(2, 4), x(2))", "dense(x(3, 4), x(2, 4))", "dense(x(3, 4), x(4), x())"}}),
};

}  // namespace

const Op& matmul_op() noexcept { return kMatmul; }
const Op& dense_op() noexcept { return kDense; }
const Op& matmul_sum_op() noexcept { return kMatmulSum; }

void list_matmul_ops(OpList& list) { list.insert(list.end(), {&kMatmul, &kDense}); }

const std::span<const Function> kMatmulFunctions = kFunctions;

}  // namespace adcore
