// Rows of mean 0 and variance 1: what the normalizations of neural networks have in common.
#include <array>

#include "core/pullback.h"
#include "ops/functions.h"
#include "ops/reduce.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

/// The axes that a row is of.
struct NormAttr {
  int64_t mask;
  double eps;
};

/// How the elements lie: as [lead, repeat, outer, n], with the axes of the mask in the second and the last place; where
/// they do not, brought into the order [outer, n].
struct Layout {
  NormSizes sizes{1, 1, 1, 1};
  Dims order;  // empty: as they are

  Layout(const Dims& shape, int64_t mask) {
    int64_t* const parts[] = {&sizes.lead, &sizes.repeat, &sizes.outer, &sizes.n};
    int part = 0;
    for (int i = 0; i < shape.size(); ++i) {
      if (shape[i] == 1) continue;
      const int in_row = mask >> i & 1;
      if (part < 4 && part % 2 != in_row) ++part;
      if (part < 4) *parts[part] *= shape[i];
    }
    if (part == 3) return;
    if (part <= 1) {
      sizes = {1, 1, sizes.lead, sizes.repeat};
      return;
    }
    sizes = {1, 1, 1, 1};
    for (int in_row = 0; in_row < 2; ++in_row) {
      for (int i = 0; i < shape.size(); ++i) {
        if ((mask >> i & 1) != in_row) continue;
        order.push_back(i);
        (in_row ? sizes.n : sizes.outer) *= shape[i];
      }
    }
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

template <class T>
void standardize(Call& call, const NormKernels<T>& k) {
  const auto a = call.attrs.as<NormAttr>();
  const Compute compute = compute_of(call.in(0).dtype());
  const Layout layout(call.in(0).shape(), a.mask);
  const Tensor x = layout.read(call.in(0), compute);
  layout.write(*call.out, compute, [&](void* y) {
    k.normalize({layout.sizes, x.data_as<T>(), static_cast<T*>(y), call.out[1].mutable_data_as<T>(),
                 call.out[2].mutable_data_as<T>(), a.eps});
  });
}
void standardize_run(Call& call) {
  compute_of(call.out->dtype()) == Compute::F32 ? standardize(call, kernels().norm_f32)
                                                : standardize(call, kernels().norm_f64);
}

// ---- the gradient: of g, y and rstd; linear in g --------------------------------------------------------------------

void grad_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }

template <class T>
void grad(Call& call, const NormKernels<T>& k) {
  const Compute compute = compute_of(call.in(0).dtype());
  const Layout layout(call.in(0).shape(), call.attrs.as<NormAttr>().mask);
  const Tensor g = layout.read(call.in(0), compute), y = layout.read(call.in(1), compute);
  const Tensor rstd = as_contiguous(call.in(2), storage_of(compute));
  layout.write(*call.out, compute, [&](void* out) {
    k.normalize_grad({layout.sizes, g.data_as<T>(), y.data_as<T>(), rstd.data_as<T>(), static_cast<T*>(out)});
  });
}
void grad_run(Call& call) {
  compute_of(call.out->dtype()) == Compute::F32 ? grad(call, kernels().norm_f32) : grad(call, kernels().norm_f64);
}

Dims axes_of(int64_t mask) {
  Dims axes;
  for (int i = 0; i < kMaxRank; ++i)
    if (mask >> i & 1) axes.push_back(i);
  return axes;
}

void grad_expand(std::span<const Tensor> in, Attrs attrs, Tensor* out) {
  const Dims axes = axes_of(attrs.as<NormAttr>().mask);
  const Tensor &g = in[0], &y = in[1], &rstd = in[2];
  out[0] = (g - mean(g, axes, true) - y * mean(g * y, axes, true)) * rstd;
}
/// The map is symmetric: with respect to g the rule is the op itself.
void grad_vjp(Pullback& p) {
  if (p.active(0)) p.give(0, apply(p.op(), {&p.g, &p.in(1), &p.in(2)}, p.attrs()));
  if (p.active(1) || p.active(2)) p.expand(needs_input(1) | needs_input(2));
}

void norm_batch(Batching& b) {
  auto a = b.attrs.as<NormAttr>();
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
  a.mask <<= 1;
  b.run(a);
}

constexpr uint32_t kAll = needs_input(0) | needs_input(1) | needs_input(2);
const Op kStandardizeGrad{.name = "standardize_grad",
                          .kind = OpKind::Custom,
                          .infer = grad_infer,
                          .run = grad_run,
                          .vjp = grad_vjp,
                          .needs = {needs_input(1) | needs_input(2), kAll, kAll},
                          .batch = norm_batch,
                          .expand = grad_expand};

// ---- the op ---------------------------------------------------------------------------------------------------------

void standardize_vjp(Pullback& p) {
  if (!p.g.defined() || p.cotangent(1).defined() || p.cotangent(2).defined()) return p.expand();
  p.give(0, apply(kStandardizeGrad, {&p.g, &p.out(0), &p.out(1)}, p.attrs()));
}

void standardize_expand(std::span<const Tensor> in, Attrs attrs, Tensor* out) {
  const auto a = attrs.as<NormAttr>();
  const Dims axes = axes_of(a.mask);
  out[2] = mean(in[0], axes, true);
  const Tensor c = in[0] - out[2];
  out[1] = map("rsqrt", mean(map("square", c), axes, true) + a.eps);
  out[0] = c * out[1];
}

/// y, 1 / sqrt(variance + eps) and the mean of each row.
const Op kStandardize{.name = "standardize",
                      .kind = OpKind::Custom,
                      .infer = standardize_infer,
                      .run = standardize_run,
                      .vjp = standardize_vjp,
                      .outputs = 3,
                      .visible = 3,
                      .needs = {needs_input(0) | needs_output(0) | needs_output(1)},
                      .batch = norm_batch,
                      .expand = standardize_expand};

constexpr Function kFunctions[] = {
    def("_standardize(input, axis, eps)",
        "(input - mean) / sqrt(var + eps) along some axes, 1 / sqrt(var + eps) and the mean.",
        {"_standardize(Tensor([-1.0, 1.0]), (0,), 0.0)[0]", "[-1.  1.]"},
        [](const Tensor& x, const Dims& axes, double eps) {
          if (!is_float(x.dtype())) fail(ErrorKind::Type, "normalization: needs floats, got ", name_of(x.dtype()), ".");
          const NormAttr a{Axes(axes).mask("normalization", x.rank()), eps};
          const std::vector<Tensor> y = apply_all(kStandardize, std::span(&x, 1), Attrs(a));
          return std::array{y[0], y[1], y[2]};
        }),
};

}  // namespace

const std::span<const Function> kNormFunctions = kFunctions;

}  // namespace adcore
