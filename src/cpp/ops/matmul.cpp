// Matrix product: bilinear; vectors, matrices and batches of them. Transposed operands are strides, never copies.
#include <algorithm>

#include "base/interpreter.h"
#include "core/tape.h"
#include "ops/functions.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

struct Sizes {
  int64_t m, n, k;
  Dims batch;  // broadcast
};

Sizes sizes_of(const Tensor& a, const Tensor& b) {
  Sizes s;
  s.m = a.rank() > 1 ? a.shape()[a.rank() - 2] : 1;
  s.k = a.shape().back();
  s.n = b.rank() > 1 ? b.shape().back() : 1;
  const int64_t rows = b.rank() > 1 ? b.shape()[b.rank() - 2] : b.shape()[0];
  if (rows != s.k) {
    fail(ErrorKind::Value, "matmul: inner dimensions differ, ", to_string(a.shape()), " @ ", to_string(b.shape()), ".");
  }
  if (a.rank() <= 2 && b.rank() <= 2) return s;
  Dims x, y;
  for (int i = 0; i + 2 < a.rank(); ++i) x.push_back(a.shape()[i]);
  for (int i = 0; i + 2 < b.rank(); ++i) y.push_back(b.shape()[i]);
  s.batch = broadcast("matmul", x, y);
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
  const Sizes s = sizes_of(a, b);
  Dims shape = s.batch;
  if (a.rank() > 1) shape.push_back(s.m);
  if (b.rank() > 1) shape.push_back(s.n);
  call.out->set_shape(shape, a.dtype());
}

/// One operand as a batch of matrices: strides of rows and columns, offsets of the matrices.
struct Matrices {
  const Tensor* t;
  int64_t row, col;
  std::vector<int64_t> offsets;  // empty for a single product
};

/// `held` keeps a copy where one is needed.
Matrices matrices(const Tensor& x, bool left, DType storage, const Dims& batch, Tensor& held) {
  // The kernel reads any non-negative strides of the computing type; the rest is copied.
  const bool readable =
      x.dtype() == storage && std::all_of(x.strides().begin(), x.strides().end(), [](int64_t s) { return s >= 0; });
  if (!readable) held = as_contiguous(x, storage);
  Matrices m{readable ? &x : &held, 0, 0, {}};
  const Dims& strides = m.t->strides();
  const int rank = x.rank();
  if (rank == 1) {
    (left ? m.col : m.row) = strides[0];
  } else {
    m.row = strides[rank - 2];
    m.col = strides[rank - 1];
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
void multiply(const Sizes& s, const Matrices& a, const Matrices& b, T* c, GemmFn<T> gemm) {
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

void matmul_kernel(Call& call) {
  const Tensor &a = call.in(0), &b = call.in(1);
  Sizes s = sizes_of(a, b);
  const Compute compute = compute_of(a.dtype());
  const DType storage = storage_of(compute);
  Tensor rows, x_held, y_held;
  const bool folds = b.rank() == 2 && a.rank() > 2;
  if (folds) {
    // One matrix for the whole batch: the batch is rows.
    rows = as_contiguous(a, storage);
    rows.view_of(rows, Dims{numel(s.batch) * s.m, s.k}, Dims{s.k, 1}, rows.offset());
    s.m = rows.shape()[0];
    s.batch.clear();
  }
  const Matrices x = matrices(folds ? rows : a, true, storage, s.batch, x_held),
                 y = matrices(b, false, storage, s.batch, y_held);
  Tensor& out = *call.out;
  const bool direct = out.dtype() == storage;
  const Scratch scratch(direct ? 0 : static_cast<size_t>(out.size()) * 8);
  void* c = direct ? out.mutable_data() : scratch.as<void>();
  switch (compute) {
    case Compute::F32: multiply(s, x, y, static_cast<float*>(c), kernels().gemm_f32); break;
    case Compute::F64: multiply(s, x, y, static_cast<double*>(c), kernels().gemm_f64); break;
    default: multiply_integers(s, x, y, static_cast<uint64_t*>(c)); break;
  }
  if (!direct) kernels().store_block(c, compute, out.mutable_data(), out.dtype(), out.size());
}

int64_t matmul_work(const Call& call) { return call.out->size() * call.in(0).shape().back() / 8; }

/// x with its last two axes exchanged.
Tensor turned(const Tensor& x) { return swap_axes(x, -1, -2); }
/// x as one matrix: all axes but the last are rows.
Tensor folded(const Tensor& x) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < x.rank(); ++i) rows *= x.shape()[i];
  return reshape(x, Dims{rows, x.shape().back()});
}

/// A matrix of floats in memory.
template <class T>
struct View {
  const T* data;
  int64_t row, col;
  View transposed() const { return {data, col, row}; }
};

/// x @ y, m times n, as a contiguous tensor of the shape `shape`.
template <class T>
Tensor product(const View<T>& x, const View<T>& y, int64_t m, int64_t n, int64_t k, const Dims& shape, DType dtype,
               GemmFn<T> gemm) {
  Tensor out(shape, dtype);
  GemmArgs<T> g{};
  g.m = m;
  g.n = n;
  g.k = k;
  g.a = x.data;
  g.a_row = x.row;
  g.a_col = x.col;
  g.b = y.data;
  g.b_row = y.row;
  g.b_col = y.col;
  g.c = out.mutable_data_as<T>();
  g.c_row = n;
  g.batch = 1;
  gemm(g);
  return out;
}

/// The rule on small matrices and vectors where nothing records it: the two products and nothing else.
template <class T>
void small_vjp(Pullback& p, const Dims& a_shape, const Dims& b_shape, GemmFn<T> gemm) {
  const DType dtype = p.g.dtype();
  const int64_t m = a_shape.size() > 1 ? a_shape[0] : 1, k = a_shape.back(), n = b_shape.size() > 1 ? b_shape[1] : 1;
  Tensor held;
  const Tensor& g = contiguous_in(p.g, dtype, held);
  const View<T> gradient{g.data_as<T>(), n, 1};
  const auto view = [&](const Tensor& t, bool left) {
    const Dims& s = t.strides();
    if (t.rank() == 1) return View<T>{t.data_as<T>(), left ? 0 : s[0], left ? s[0] : 0};
    return View<T>{t.data_as<T>(), s[0], s[1]};
  };
  if (p.active(0)) p.give(0, product(gradient, view(p.in(1), false).transposed(), m, k, n, a_shape, dtype, gemm));
  if (p.active(1)) p.give(1, product(view(p.in(0), true).transposed(), gradient, k, n, m, b_shape, dtype, gemm));
}

/// True iff small_vjp() took it.
bool try_small_vjp(Pullback& p) {
  const Dims a = p.active(1) ? p.in(0).shape() : p.in_shape(0), b = p.active(0) ? p.in(1).shape() : p.in_shape(1);
  const auto reads = [&](int k, int other) {
    if (!p.active(other)) return true;
    const Tensor& t = p.in(k);
    return t.dtype() == p.g.dtype() && t.strides()[0] >= 0 && t.strides().back() >= 0;
  };
  if (p.recording || a.size() > 2 || b.size() > 2 || !reads(0, 1) || !reads(1, 0)) return false;
  const int64_t multiplications = numel(a) * (b.size() > 1 ? b[1] : 1);
  if (multiplications / 8 >= kLongWork) return false;
  if (p.g.dtype() == DType::Float32) {
    small_vjp<float>(p, a, b, kernels().gemm_f32);
  } else if (p.g.dtype() == DType::Float64) {
    small_vjp<double>(p, a, b, kernels().gemm_f64);
  } else {
    return false;
  }
  return true;
}

void matmul_vjp(Pullback& p) {
  if (try_small_vjp(p)) return;
  // Vectors as matrices of one row or column; then dA = G B^T, dB = A^T G. A kept operand is missing iff the other is
  // constant.
  const Tensor a = p.active(1) ? p.in(0) : Tensor(), b = p.active(0) ? p.in(1) : Tensor();
  const Dims a_shape = p.active(1) ? a.shape() : p.in_shape(0), b_shape = p.active(0) ? b.shape() : p.in_shape(1);
  Tensor g = p.g;
  if (b_shape.size() == 1) g = expand_dims(g, -1);
  if (a_shape.size() == 1) g = expand_dims(g, -2);
  if (p.active(0)) {
    const Tensor matrix = b.rank() == 1 ? expand_dims(b, -1) : b;
    const Tensor c = matmul(g, turned(matrix));
    p.give(0, a_shape.size() == 1 ? reshape(sum_to(c, Dims{1, a_shape[0]}), a_shape) : c);
  }
  if (p.active(1)) {
    const Tensor matrix = a.rank() == 1 ? expand_dims(a, 0) : a;
    if (b_shape.size() == 2 && matrix.rank() > 2) {
      p.give(1, matmul(turned(folded(matrix)), folded(g)));
    } else {
      const Tensor c = matmul(turned(matrix), g);
      p.give(1, b_shape.size() == 1 ? reshape(sum_to(c, Dims{b_shape[0], 1}), b_shape) : c);
    }
  }
}

/// Matrices of all members as one product. Vectors are matrices of one row or column, but where only the vectors differ
/// between the members they are the rows of one matrix.
Tensor matmul_batch(Batching& b) {
  const int p = b.members[0].rank(), q = b.members[1].rank();
  if (p == 1 && b.batched(0) && !b.batched(1) && q == 2) return matmul(b.value(0), b.value(1));
  if (q == 1 && b.batched(1) && !b.batched(0) && p == 2) return matmul(b.value(1), turned(b.value(0)));
  if (p >= 2 && q == 2 && b.batched(0) && !b.batched(1)) return matmul(b.value(0), b.value(1));
  const int rank = std::max({2, p, q});
  // A vector's axis of size 1 stands behind it on the right, before it on the left.
  const Tensor x = p == 1 ? expand_dims(b.front(0), 1) : b.front(0),
               y = q == 1 ? expand_dims(b.front(1), -1) : b.front(1);
  const auto raised = [&](const Tensor& t) {
    Dims shape = t.shape();
    while (shape.size() < rank + 1) shape.insert(1, 1);
    return reshape(t, shape);
  };
  Dims shape = b.out.shape();
  shape.insert(0, b.size);
  return reshape(matmul(raised(x), raised(y)), shape);
}

const Op kMatmul{.name = "matmul",
                 .kind = OpKind::Bilinear,
                 .infer = matmul_infer,
                 .kernel = matmul_kernel,
                 .vjp = matmul_vjp,
                 .needs = {needs_input(1), needs_input(0)},
                 .batch = matmul_batch,
                 .work = matmul_work};

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) { return apply(kMatmul, {&a, &b}); }

namespace {

Tensor bmm(Args& args) {
  const Tensor &a = args.tensor(0), &b = args.tensor(1);
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

/// The product in it: x and the weight, turned.
struct DenseProduct {
  Tensor turned;
  Operand operands[2];
  Call call;

  explicit DenseProduct(Call& dense) : call{kMatmul, operands, 2, dense.out, {}} {
    const Tensor& w = dense.in(1);
    turned.view_of(w, Dims{w.shape()[1], w.shape()[0]}, Dims{w.strides()[1], w.strides()[0]}, w.offset());
    operands[0] = {&dense.in(0), 0};
    operands[1] = {&turned, 0};
  }
};

void dense_infer(Call& call) {
  DenseProduct product(call);
  matmul_infer(product.call);
}

void dense_kernel(Call& call) {
  DenseProduct product(call);
  matmul_kernel(product.call);
  static const int kAdd = formula_index("add");
  const MapFn add = kernels().elementwise[kAdd].map[static_cast<int>(compute_of(call.out->dtype()))];
  const int64_t n = call.in(2).size();
  const auto row_bytes = n * static_cast<int64_t>(size_of(call.out->dtype()));
  auto* row = static_cast<std::byte*>(call.out->mutable_data());
  for (int64_t left = n ? call.out->size() / n : 0; left > 0; --left, row += row_bytes) {
    const void* in[] = {row, call.in(2).data()};
    add(in, row, n, 0);
  }
}

template <class T>
void small_dense_vjp(Pullback& p, const Dims& x_shape, const Dims& w_shape, GemmFn<T> gemm) {
  const DType dtype = p.g.dtype();
  const int64_t n = w_shape[0], k = w_shape[1], m = numel(p.g.shape()) / n;
  Tensor g_held, x_held, w_held;
  const View<T> g{contiguous_in(p.g, dtype, g_held).template data_as<T>(), n, 1};
  if (p.active(0)) {
    const View<T> w{contiguous_in(p.in(1), dtype, w_held).template data_as<T>(), k, 1};
    p.give(0, product(g, w, m, k, n, x_shape, dtype, gemm));
  }
  if (p.active(1)) {
    const View<T> x{contiguous_in(p.in(0), dtype, x_held).template data_as<T>(), k, 1};
    p.give(1, product(g.transposed(), x, n, k, m, w_shape, dtype, gemm));
  }
}

void dense_vjp(Pullback& p) {
  const Dims x_shape = p.active(1) ? p.in(0).shape() : p.in_shape(0),
             w_shape = p.active(0) ? p.in(1).shape() : p.in_shape(1);
  if (!p.recording && p.g.size() != 0 && p.g.size() * w_shape[1] / 8 < kLongWork) {
    if (p.g.dtype() == DType::Float32) {
      small_dense_vjp<float>(p, x_shape, w_shape, kernels().gemm_f32);
    } else {
      small_dense_vjp<double>(p, x_shape, w_shape, kernels().gemm_f64);
    }
  } else {
    if (p.active(0)) p.give(0, matmul(p.g, p.in(1)));
    if (p.active(1)) p.give(1, matmul(turned(folded(p.g)), folded(p.in(0))));
  }
  if (p.active(2)) p.give(2, sum(folded(p.g), Dims{0}));
}

void dense_jvp(Pushforward& p) {
  if (p.active(0)) p.give(matmul(p.tangent(0), turned(p.in(1))));
  if (p.active(1)) p.give(matmul(p.in(0), turned(p.tangent(1))));
  if (p.active(2)) p.give(p.tangent(2));
}
Tensor dense_batch(Batching& b) {
  if (!b.batched(1) && !b.batched(2)) return b.run(b.attrs);
  const bool vector = b.members[0].rank() == 1;
  const Tensor x = vector ? expand_dims(b.front(0), 1) : b.front(0);
  Dims shape = b.out.shape(), w_shape = b.front(1).shape(), bias_shape = b.front(2).shape();
  shape.insert(0, b.size);
  while (w_shape.size() < x.rank()) w_shape.insert(1, 1);
  while (bias_shape.size() < shape.size()) bias_shape.insert(1, 1);
  return reshape(matmul(x, turned(reshape(b.front(1), w_shape))), shape) + reshape(b.front(2), bias_shape);
}

const Op kDense{.name = "dense",
                .kind = OpKind::Custom,
                .infer = dense_infer,
                .kernel = dense_kernel,
                .vjp = dense_vjp,
                .needs = {needs_input(1), needs_input(0)},
                .jvp = dense_jvp,
                .batch = dense_batch,
                .work = matmul_work};

Tensor dense(Args& args) {
  const Tensor &x = args.tensor(0), &w = args.tensor(1);
  if (w.rank() != 2)
    fail(ErrorKind::Value, "dense: weight must have the shape (out, in), got ", to_string(w.shape()), ".");
  if (!args.given(2)) return matmul(x, turned(w));
  const Tensor& bias = args.tensor(2);
  const DType t = x.dtype();
  const bool one_op = storage_of(compute_of(t)) == t && is_float(t) && w.dtype() == t && bias.dtype() == t &&
                      bias.rank() == 1 && bias.shape()[0] == w.shape()[0] && bias.contiguous();
  return one_op ? apply(kDense, {&x, &w, &bias}) : matmul(x, turned(w)) + bias;
}

constexpr Function kFunctions[] = {
    {"matmul(input: Tensor, other: Tensor)",
     "Matrix product; vectors, and batches of matrices whose leading axes broadcast. Both operands have one dtype.",
     {"matmul(Tensor([[1.0, 2.0]]), Tensor([[3.0], [4.0]]))", "[[11.]]"},
     [](Args& a) { return matmul(a.tensor(0), a.tensor(1)); }},
    {"bmm(input_x: Tensor, mat2: Tensor)",
     "Products of a batch of matrices; the batch shapes are equal.",
     {"bmm(ops.ones((1, 1, 2)), ops.ones((1, 2, 1)))", "[[[2.]]]"},
     bmm},
    {"dense(input: Tensor, weight: Tensor, bias: Tensor = None)",
     "input @ weight.T + bias: a fully connected layer.",
     {"dense(Tensor([1.0, 2.0]), Tensor([[3.0, 4.0]]), Tensor([1.0]))", "[12.]"},
     dense,
     nullptr,
     false},
};

}  // namespace

const std::span<const Function> kMatmulFunctions = kFunctions;

}  // namespace adcore
