// Rows of mean 0 and variance 1, with weights and biases: what the normalizations of neural networks have in common.
#include <algorithm>
#include <array>

#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/reduce.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

/// The axes that a row is of. Weights and biases are one for each place of some axes from `first` on, or there are none.
/// The leading `members` axes are those of a batch whose members have weights of their own.
struct NormAttr {
  int64_t mask;
  double eps;
  int64_t first, members;
};

/// The axes behind those of the weights: as many places as a member has weights.
int end_of_weights(const Dims& shape, const NormAttr& a, int64_t weights) {
  int axis = static_cast<int>(a.first);
  int64_t places = 1;
  while (axis < shape.size() && places < weights) places *= shape[axis++];
  if (places != weights) fail(ErrorKind::Runtime, "normalization: no axes have as many places as there are weights.");
  return axis;
}

/// How the elements of a member lie: as [lead, repeat, outer, n], with the axes of the mask in the second and the last
/// place; where they do not, brought into the order [outer, n].
struct Layout {
  NormSizes sizes{1, 1, 1, 1, 1, 1};
  Dims order;  // empty: as they are
  int64_t members = 1, elements = 1, rows = 1;

  /// `weights`: of all members; -1: none.
  Layout(const Dims& shape, const NormAttr& a, int64_t weights) {
    const int start = static_cast<int>(a.members);
    for (int i = 0; i < start; ++i) members *= shape[i];
    int64_t* const parts[] = {&sizes.lead, &sizes.repeat, &sizes.outer, &sizes.n};
    int part = 0;
    for (int i = start; i < shape.size(); ++i) {
      elements *= shape[i];
      const int in_row = a.mask >> i & 1;
      if (!in_row) rows *= shape[i];
      if (shape[i] == 1) continue;
      if (part < 4 && part % 2 != in_row) ++part;
      if (part < 4) *parts[part] *= shape[i];
    }
    if (part <= 1) {
      sizes.outer = sizes.lead;
      sizes.n = sizes.repeat;
      sizes.lead = sizes.repeat = 1;
    } else if (part != 3) {
      for (int i = 0; i < start; ++i) order.push_back(i);
      for (int in_row = 0; in_row < 2; ++in_row)
        for (int i = start; i < shape.size(); ++i)
          if ((a.mask >> i & 1) == in_row) order.push_back(i);
      sizes.lead = sizes.repeat = 1;
      sizes.outer = rows;
      sizes.n = rows ? elements / rows : 1;
    }
    sizes.segment = sizes.n;
    if (weights >= 0) sizes.weights = weights / std::max<int64_t>(1, members);
    if (weights <= members || elements == 0) return;  // one weight at most, or no work
    const int end = end_of_weights(shape, a, sizes.weights);
    sizes.segment = 1;
    if (order.empty()) {
      for (int i = end; i < shape.size(); ++i) sizes.segment *= shape[i];
    } else {
      int last = order.size();
      while (order[--last] != end - 1) sizes.segment *= shape[static_cast<int>(order[last])];
    }
    const bool across = sizes.segment == 1 ? sizes.repeat != 1 || sizes.weights % sizes.n : sizes.n % sizes.segment;
    if (across || (!order.empty() && end - a.first != 1))
      fail(ErrorKind::Runtime, "normalization: weights that lie across the rows.");
  }
  /// The elements in the order of the layout.
  Tensor read(const Tensor& t, Compute compute) const {
    return as_contiguous(order.empty() ? t.detached() : permute(t.detached(), order), storage_of(compute));
  }
  /// Runs f into memory of that order, from which `out` is filled.
  template <class F>
  void write(Tensor& out, Compute compute, F f) const {
    if (order.empty()) return into(out, compute, f);
    Dims shape, back(order.size(), 0);
    for (int64_t axis : order) shape.push_back(out.shape()[static_cast<int>(axis)]);
    for (int i = 0; i < order.size(); ++i) back[static_cast<int>(order[i])] = i;
    Tensor held(shape, storage_of(compute));
    f(held.mutable_data());
    copy_to(permute(held, back), out.mutable_data(), out.dtype());
  }
};

Dims rows_of(const Dims& shape, int64_t mask) {
  Dims rows = shape;
  for (int i = 0; i < shape.size(); ++i)
    if (mask >> i & 1) rows[i] = 1;
  return rows;
}

void standardize_infer(Call& call) {
  const Tensor& x = call.in(0);
  const DType wide = storage_of(compute_of(x.dtype()));
  const Dims rows = rows_of(x.shape(), call.attrs.as<NormAttr>().mask);
  call.out->set_shape(x.shape(), x.dtype());
  call.out[1].set_shape(rows, wide);
  call.out[2].set_shape(rows, wide);
}

/// `weights`: the operand with them; 0: there are none.
bool is_layout(const Call& call, int weights) {
  const Tensor& x = call.in(0);
  const auto a = call.attrs.as<NormAttr>();
  if (!is_mask(a.mask, x) || !is_float(x.dtype()) || !in_range(a.members, 0, x.rank())) return false;
  if (weights == 0) return a.members == 0;
  int64_t members = 1;
  for (int i = 0; i < a.members; ++i) members *= x.shape()[i];
  const int64_t size = call.in(weights).size();
  return !(a.mask & ((int64_t{1} << a.members) - 1)) && in_range(a.first, a.members, x.rank()) &&
         (x.size() == 0 || (size > 0 && size % members == 0));
}
bool standardize_accepts(const Call& call) { return has<NormAttr>(call, 1) && is_layout(call, 0); }
bool normalize_accepts(const Call& call) {
  return has<NormAttr>(call, 3) && is_layout(call, 1) && call.in(1).shape() == call.in(2).shape();
}

const NormKernels<float>& kernels_of(float) { return kernels().norm_f32; }
const NormKernels<double>& kernels_of(double) { return kernels().norm_f64; }
/// run(T) with the computing type.
template <class F>
void with_type(DType dtype, F run) {
  compute_of(dtype) == Compute::F32 ? run(float()) : run(double());
}

/// Operand k in the computing type.
Tensor operand(const Call& call, int k, Compute compute) { return as_contiguous(call.in(k), storage_of(compute)); }
template <class T>
const T* part(const Tensor& t, int64_t at) {
  return t.defined() ? t.data_as<T>() + at : nullptr;
}

/// Operands x, or x, weight and bias.
void standardize_run(Call& call) {
  const auto a = call.attrs.as<NormAttr>();
  const Compute compute = compute_of(call.in(0).dtype());
  const bool affine = call.count > 1;
  const Layout layout(call.in(0).shape(), a, affine ? call.in(1).size() : -1);
  const Tensor x = layout.read(call.in(0), compute);
  Tensor w, b;
  if (affine) w = operand(call, 1, compute), b = operand(call, 2, compute);
  with_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    layout.write(*call.out, compute, [&](void* y) {
      for (int64_t m = 0; m < layout.members; ++m) {
        const int64_t at = m * layout.elements, row = m * layout.rows, k = m * layout.sizes.weights;
        kernels_of(type).normalize({layout.sizes, part<T>(x, at), part<T>(w, k), part<T>(b, k), static_cast<T*>(y) + at,
                                    call.out[1].mutable_data_as<T>() + row, call.out[2].mutable_data_as<T>() + row,
                                    a.eps});
      }
    });
  });
}

// ---- the gradient: of g, x, rstd and mean, and of the weight; linear in g ---------------------------------------------

void grad_infer(Call& call) {
  call.out->set_shape(call.in(0).shape(), call.in(0).dtype());
  for (int j = 1; j < call.op.outputs; ++j) call.out[j].set_shape(call.in(4).shape(), call.in(4).dtype());
}

bool is_grad(const Call& call, int weights) {
  const Tensor &g = call.in(0), &x = call.in(1);
  const Dims rows = rows_of(x.shape(), call.attrs.as<NormAttr>().mask);
  return is_layout(call, weights) && g.shape() == x.shape() && call.in(2).shape() == rows && call.in(3).shape() == rows;
}
bool standardize_grad_accepts(const Call& call) { return has<NormAttr>(call, 4) && is_grad(call, 0); }
bool normalize_grad_accepts(const Call& call) { return has<NormAttr>(call, 5) && is_grad(call, 4); }

void grad_run(Call& call) {
  const auto a = call.attrs.as<NormAttr>();
  const Compute compute = compute_of(call.out->dtype());
  const bool affine = call.count > 4;
  const Layout layout(call.in(0).shape(), a, affine ? call.in(4).size() : -1);
  const Tensor g = layout.read(call.in(0), compute), x = layout.read(call.in(1), compute);
  const Tensor rstd = operand(call, 2, compute), mean = operand(call, 3, compute);
  Tensor w;
  if (affine) w = operand(call, 4, compute);
  with_type(g.dtype(), [&](auto type) {
    using T = decltype(type);
    layout.write(*call.out, compute, [&](void* out) {
      const auto all = [&](void* of_weight, void* of_bias) {
        for (int64_t m = 0; m < layout.members; ++m) {
          const int64_t at = m * layout.elements, row = m * layout.rows, k = m * layout.sizes.weights;
          kernels_of(type).normalize_grad({layout.sizes, part<T>(g, at), part<T>(x, at), part<T>(w, k),
                                           part<T>(rstd, row), part<T>(mean, row), static_cast<T*>(out) + at,
                                           affine ? static_cast<T*>(of_weight) + k : nullptr,
                                           affine ? static_cast<T*>(of_bias) + k : nullptr});
        }
      };
      if (!affine) return all(nullptr, nullptr);
      into(call.out[1], compute,
           [&](void* of_weight) { into(call.out[2], compute, [&](void* of_bias) { all(of_weight, of_bias); }); });
    });
  });
}

Dims axes_of(int64_t mask) {
  Dims axes;
  for (int i = 0; i < kMaxRank; ++i)
    if (mask >> i & 1) axes.push_back(i);
  return axes;
}

/// The shape in which weights stand beside x.
Dims beside(const Dims& shape, const NormAttr& a, const Dims& weights) {
  Dims d(shape.size(), 1);
  int64_t count = 1;
  for (int64_t n : weights) count *= n;
  for (int i = 0; i < a.members; ++i) {
    d[i] = shape[i];
    count /= std::max<int64_t>(1, d[i]);
  }
  const int end = end_of_weights(shape, a, count);
  for (int i = static_cast<int>(a.first); i < end; ++i) d[i] = shape[i];
  return d;
}

void grad_expand(std::span<const Tensor> in, Attrs attrs, Tensor* out) {
  const Dims axes = axes_of(attrs.as<NormAttr>().mask);
  const Tensor &g = in[0], &rstd = in[2], y = (in[1] - in[3]) * rstd;
  out[0] = (g - mean(g, axes, true) - y * mean(g * y, axes, true)) * rstd;
}
/// The map is symmetric: with respect to g the rule is the op itself.
void grad_vjp(Pullback& p) {
  if (p.active(0)) p.give(0, apply(p.op(), {&p.g, &p.in(1), &p.in(2), &p.in(3)}, p.attrs()));
  constexpr uint32_t kOthers = needs_input(1) | needs_input(2) | needs_input(3);
  if (p.active(1) || p.active(2) || p.active(3)) p.expand(kOthers);
}

void bring_all(Batching& b) {
  for (int k = 0; k < b.count(); ++k) {
    auto& m = b.members[static_cast<size_t>(k)];
    Tensor t = b.front(k);
    if (t.shape()[0] != b.size) {
      Dims shape = t.shape();
      shape[0] = b.size;
      t = broadcast_to(t, shape);
    }
    m.value = t;
    m.batched = true;
  }
}
/// More rows.
void rows_batch(Batching& b) {
  auto a = b.attrs.as<NormAttr>();
  bring_all(b);
  a.mask <<= 1;
  b.run(a);
}
/// Every member has weights of its own.
void affine_batch(Batching& b) {
  auto a = b.attrs.as<NormAttr>();
  bring_all(b);
  a.mask <<= 1;
  ++a.first;
  ++a.members;
  b.run(a);
}

constexpr uint32_t kOfGrad = needs_input(0) | needs_input(1) | needs_input(2) | needs_input(3);
const Op kStandardizeGrad{.name = "standardize_grad",
                          .kind = OpKind::Custom,
                          .infer = grad_infer,
                          .run = grad_run,
                          .vjp = grad_vjp,
                          .needs = {needs_input(1) | needs_input(2) | needs_input(3), kOfGrad, kOfGrad, kOfGrad},
                          .batch = rows_batch,
                          .expand = grad_expand,
                          .accepts = standardize_grad_accepts};

void affine_grad_expand(std::span<const Tensor> in, Attrs attrs, Tensor* out) {
  const Tensor &g = in[0], &x = in[1], &rstd = in[2], &mean = in[3], &w = in[4];
  const Dims shape = beside(x.shape(), attrs.as<NormAttr>(), w.shape());
  const Tensor gw = g * reshape(w, shape);
  out[0] = apply(kStandardizeGrad, {&gw, &x, &rstd, &mean}, attrs);
  out[1] = reshape(sum_to(g * ((x - mean) * rstd), shape), w.shape());
  out[2] = reshape(sum_to(g, shape), w.shape());
}
const Op kAffineGrad{.name = "normalize_grad",
                     .kind = OpKind::Custom,
                     .infer = grad_infer,
                     .run = grad_run,
                     .vjp = [](Pullback& p) { p.expand(); },
                     .outputs = 3,
                     .visible = 3,
                     .needs_always = kOfGrad | needs_input(4),
                     .batch = affine_batch,
                     .expand = affine_grad_expand,
                     .accepts = normalize_grad_accepts};

// ---- the ops ----------------------------------------------------------------------------------------------------------

void standardize_vjp(Pullback& p) {
  if (!p.g.defined() || p.cotangent(1).defined() || p.cotangent(2).defined()) return p.expand();
  if (p.count() == 1) return p.give(0, apply(kStandardizeGrad, {&p.g, &p.in(0), &p.out(1), &p.out(2)}, p.attrs()));
  const Tensor in[] = {p.g, p.in(0), p.out(1), p.out(2), p.in(1)};
  std::vector<Tensor> out = apply_all(kAffineGrad, in, p.attrs());
  for (int k = 0; k < 3; ++k)
    if (p.active(k)) p.give(k, std::move(out[static_cast<size_t>(k)]));
}

void standardize_expand(std::span<const Tensor> in, Attrs attrs, Tensor* out) {
  const auto a = attrs.as<NormAttr>();
  const Dims axes = axes_of(a.mask);
  out[2] = mean(in[0], axes, true);
  const Tensor c = in[0] - out[2];
  out[1] = map("rsqrt", mean(map("square", c), axes, true) + a.eps);
  out[0] = c * out[1];
  if (in.size() == 1) return;
  const Dims shape = beside(in[0].shape(), a, in[1].shape());
  out[0] = out[0] * reshape(in[1], shape) + reshape(in[2], shape);
}

/// y, 1 / sqrt(variance + eps) and the mean of each row.
const Op kStandardize{.name = "standardize",
                      .kind = OpKind::Custom,
                      .infer = standardize_infer,
                      .run = standardize_run,
                      .vjp = standardize_vjp,
                      .outputs = 3,
                      .visible = 3,
                      .needs = {needs_input(0) | needs_output(1) | needs_output(2)},
                      .batch = rows_batch,
                      .expand = standardize_expand,
                      .accepts = standardize_accepts};
/// The same with y times a weight plus a bias, which the expansion reads.
constexpr uint32_t kOfAffine = needs_input(0) | needs_input(1) | needs_input(2) | needs_output(1) | needs_output(2);
const Op kNormalize{.name = "normalize",
                    .kind = OpKind::Custom,
                    .infer = standardize_infer,
                    .run = standardize_run,
                    .vjp = standardize_vjp,
                    .outputs = 3,
                    .visible = 3,
                    .needs = {kOfAffine, kOfAffine, kOfAffine},
                    .batch = affine_batch,
                    .expand = standardize_expand,
                    .accepts = normalize_accepts};

std::array<Tensor, 3> normalize(const Tensor& x, const Dims& axes, double eps, const Tensor& weight, const Tensor& bias,
                                int64_t first) {
  const auto require_float = [](const Tensor& t) {
    if (!is_float(t.dtype())) fail(ErrorKind::Type, "normalization: needs floats, got ", name_of(t.dtype()), ".");
  };
  require_float(x);
  const NormAttr a{Axes(axes).mask("normalization", x.rank()), eps, first, 0};
  if (!weight.defined() && !bias.defined()) {
    const std::vector<Tensor> y = apply_all(kStandardize, std::span(&x, 1), Attrs(a));
    return {y[0], y[1], y[2]};
  }
  const Tensor& given = weight.defined() ? weight : bias;
  DType dtype = x.dtype();
  for (const Tensor* t : {&weight, &bias})
    if (t->defined()) dtype = promote(dtype, t->dtype());
  const Tensor in[] = {cast(x, dtype), weight.defined() ? cast(weight, dtype) : full(given.shape(), 1.0, dtype),
                       bias.defined() ? cast(bias, dtype) : full(given.shape(), 0.0, dtype)};
  const std::vector<Tensor> y = apply_all(kNormalize, in, Attrs(a));
  return {y[0], y[1], y[2]};
}

constexpr Function kFunctions[] = {
    def("_normalize(input, axis, eps, weight=None, bias=None, first=0)",
        "(input - mean) / sqrt(var + eps) along some axes, times weight plus bias where they are given: one for each "
        "place "
        "of some axes from `first` on; 1 / sqrt(var + eps) and the mean.",
        {"_normalize(Tensor([-1.0, 1.0]), (0,), 0.0)[0]", "[-1.  1.]"},
        [](const Tensor& x, const Dims& axes, double eps, const Tensor& weight, const Tensor& bias, int64_t first) {
          return normalize(x, axes, eps, weight, bias, first);
        }),
};

}  // namespace

void list_norm_ops(OpList& list) {
  list.insert(list.end(), {&kStandardize, &kNormalize, &kStandardizeGrad, &kAffineGrad});
}

const std::span<const Function> kNormFunctions = kFunctions;

}  // namespace adcore
