// softmax and log_softmax, each stable in one kernel.
#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/reduce.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

struct AxisAttr {
  int64_t axis;
};

void same_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }

template <SoftmaxFn SoftmaxKernels::* Fn>
void softmax_run(Call& call) {
  const Compute compute = compute_of(call.in(0).dtype());
  const Canonical c = canonical(call.in(0), call.in(0).rank() ? 1u << call.attrs.as<AxisAttr>().axis : 0, compute);
  const auto fn = kernels().softmax[static_cast<int>(compute)].*Fn;
  into(*call.out, compute, [&](void* out) { fn(c.x.data(), out, c.outer, c.n, c.inner); });
}

bool softmax_accepts(const Call& call) {
  return has<AxisAttr>(call, 1) && is_axis(call.attrs.as<AxisAttr>().axis, call.in(0)) && is_float(call.in(0).dtype());
}
bool grad_accepts(const Call& call) {
  if (!has<AxisAttr>(call, 2)) return false;
  const Tensor &g = call.in(0), &y = call.in(1);
  return is_axis(call.attrs.as<AxisAttr>().axis, y) && is_float(g.dtype()) && is_float(y.dtype()) &&
         g.shape() == y.shape();
}

Tensor sum_along(const Tensor& x, int64_t axis) { return x.rank() ? sum(x, Dims{axis}, true) : x; }

// ---- the reverse rules as ops: operands g and the result y; linear in g -------------------------------------------

template <SoftmaxGradFn SoftmaxKernels::* Fn>
void grad_run(Call& call) {
  const Compute compute = compute_of(call.out->dtype());
  const Canonical y = canonical(call.in(1), call.in(1).rank() ? 1u << call.attrs.as<AxisAttr>().axis : 0, compute);
  const Tensor g = as_contiguous(call.in(0), storage_of(compute));
  const auto fn = kernels().softmax[static_cast<int>(compute)].*Fn;
  into(*call.out, compute, [&](void* out) { fn(g.data(), y.x.data(), out, y.outer, y.n, y.inner); });
}

/// The derivative of softmax is symmetric: with respect to g the rule is the op itself.
void softmax_grad_vjp(Pullback& p) {
  if (p.active(0)) p.give(0, apply(p.op(), {&p.g, &p.in(1)}, p.attrs()));
  if (p.active(1)) p.expand(needs_input(1));
}

void softmax_grad_expand(std::span<const Tensor> in, Attrs attrs, Tensor* out) {
  const Tensor &y = in[1], gy = in[0] * y;
  out[0] = gy - y * sum_along(gy, attrs.as<AxisAttr>().axis);
}
void log_softmax_grad_expand(std::span<const Tensor> in, Attrs attrs, Tensor* out) {
  out[0] = in[0] - map("exp", in[1]) * sum_along(in[0], attrs.as<AxisAttr>().axis);
}

/// A value without axes is its own row.
void along_batch(Batching& b) {
  if (b.out.rank()) return b.run(AxisAttr{b.attrs.as<AxisAttr>().axis + 1});
  for (int k = 0; k < b.count(); ++k) b.members[static_cast<size_t>(k)].value = b.front(k, 1);
  b.run(AxisAttr{1});
  b.give(reshape(b.result(), Dims{b.size}));
}
void grad_batch(Batching& b) {
  for (int k = 0; k < 2; ++k) b.members[static_cast<size_t>(k)].value = b.front(k);
  for (int k = 0; k < 2; ++k) b.members[static_cast<size_t>(k)].batched = true;
  along_batch(b);
}

constexpr uint32_t kBoth = needs_input(0) | needs_input(1);
const Op kSoftmaxGrad{.name = "softmax_grad",
                      .kind = OpKind::Custom,
                      .infer = same_infer,
                      .run = grad_run<&SoftmaxKernels::softmax_grad>,
                      .vjp = softmax_grad_vjp,
                      .needs = {needs_input(1), kBoth},
                      .batch = grad_batch,
                      .expand = softmax_grad_expand,
                      .accepts = grad_accepts};
const Op kLogSoftmaxGrad{.name = "log_softmax_grad",
                         .kind = OpKind::Custom,
                         .infer = same_infer,
                         .run = grad_run<&SoftmaxKernels::log_softmax_grad>,
                         .needs = {kBoth, kBoth},
                         .batch = grad_batch,
                         .expand = log_softmax_grad_expand,
                         .accepts = grad_accepts};

// ---- the ops ------------------------------------------------------------------------------------------------------

void softmax_vjp(Pullback& p) { p.give(0, apply(kSoftmaxGrad, {&p.g, &p.out()}, p.attrs())); }
void log_softmax_vjp(Pullback& p) { p.give(0, apply(kLogSoftmaxGrad, {&p.g, &p.out()}, p.attrs())); }

void softmax_jvp(Pushforward& p) {
  const Tensor ty = p.tangent(0) * p.out();
  p.give(ty - p.out() * sum_along(ty, p.attrs<AxisAttr>().axis));
}
void log_softmax_jvp(Pushforward& p) {
  p.give(p.tangent(0) - sum_along(map("exp", p.out()) * p.tangent(0), p.attrs<AxisAttr>().axis));
}
const Op kSoftmax{.name = "softmax",
                  .kind = OpKind::Custom,
                  .infer = same_infer,
                  .run = softmax_run<&SoftmaxKernels::softmax>,
                  .vjp = softmax_vjp,
                  .needs = {needs_output(0)},
                  .jvp = softmax_jvp,
                  .batch = along_batch,
                  .accepts = softmax_accepts};
const Op kLogSoftmax{.name = "log_softmax",
                     .kind = OpKind::Custom,
                     .infer = same_infer,
                     .run = softmax_run<&SoftmaxKernels::log_softmax>,
                     .vjp = log_softmax_vjp,
                     .needs = {needs_output(0)},
                     .jvp = log_softmax_jvp,
                     .batch = along_batch,
                     .accepts = softmax_accepts};

Tensor along(const Op& op, const Tensor& x, int64_t axis) {
  const Tensor y = is_float(x.dtype()) ? x : cast(x, DType::Float32);
  return apply(op, {&y}, Attrs(AxisAttr{x.rank() ? checked_axis(op.name, axis, x.rank()) : 0}));
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t axis) { return along(kSoftmax, x, axis); }
Tensor log_softmax(const Tensor& x, int64_t axis) { return along(kLogSoftmax, x, axis); }
Tensor softmax_grad(const Tensor& g, const Tensor& y, int64_t axis) {
  return apply(kSoftmaxGrad, {&g, &y}, Attrs(AxisAttr{axis}));
}

namespace {

constexpr Function kFunctions[] = {
    def("softmax(input, axis=-1, *, dtype=None)", "exp(input) / sum(exp(input)) along an axis.",
        {"softmax(Tensor([0.0, 0.0]))", "[0.5 0.5]"},
        [](const Tensor& x, int64_t axis, std::optional<DType> dtype) {
          return dtype ? softmax(cast(x, *dtype), axis) : softmax(x, axis);
        },
        {.samples = {"softmax(x(3, 4), -1)", "softmax(x(3, 4), 0)"}}),
    def("log_softmax(logits, axis=-1)", "Logarithm of softmax along an axis, without overflow.",
        {"log_softmax(Tensor([0.0, 0.0]))", "[-0.6931472 -0.6931472]"},
        [](const Tensor& x, int64_t axis) { return log_softmax(x, axis); },
        {.samples = {"log_softmax(x(3, 4), -1)", "log_softmax(x(2, 3, 2), 1)"}}),
};

}  // namespace

void list_softmax_ops(OpList& list) {
  list.insert(list.end(), {&kSoftmax, &kLogSoftmax, &kSoftmaxGrad, &kLogSoftmaxGrad});
}

const std::span<const Function> kSoftmaxFunctions = kFunctions;

}  // namespace adcore
