// Reductions and scans. Every one runs on a contiguous [outer, n, inner] of a compute type; canonical() makes it.
#include "ops/reduce.h"

#include <algorithm>

#include "core/pullback.h"
#include "ops/functions.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

struct ReduceAttr {
  int64_t axes;  // bit mask
  int64_t keep;
};

uint32_t axis_mask(const char* op, const Dims& axes, int rank) {
  if (axes.empty()) return (1u << rank) - 1;
  uint32_t mask = 0;
  for (int64_t a : axes) {
    const uint32_t bit = 1u << checked_axis(op, a, rank);
    if (mask & bit) fail(ErrorKind::Value, op, ": axis ", a, " is named twice in ", to_string(axes), ".");
    mask |= bit;
  }
  return mask;
}

Dims reduced_shape(const Dims& shape, uint32_t mask, bool keep) {
  Dims out;
  for (int i = 0; i < shape.size(); ++i) {
    if (!(mask >> i & 1)) {
      out.push_back(shape[i]);
    } else if (keep) {
      out.push_back(1);
    }
  }
  return out;
}

ReduceAttr reduce_attr(const char* op, const Tensor& x, const Dims& axes, bool keep) {
  return {axis_mask(op, axes, x.rank()), keep};
}

}  // namespace

Canonical canonical(const Tensor& x, uint32_t mask, Compute compute) {
  Canonical c;
  int first = 0, last = x.rank();
  while (first < x.rank() && !(mask >> first & 1)) ++first;
  while (last > first && !(mask >> (last - 1) & 1)) --last;
  bool together = true;
  for (int i = first; i < last; ++i) together &= (mask >> i & 1) || x.shape()[i] == 1;
  if (together) {
    for (int i = 0; i < x.rank(); ++i) (i < first ? c.outer : i < last ? c.n : c.inner) *= x.shape()[i];
    c.x = as_contiguous(x, storage_of(compute));
    return c;
  }
  // Reduced axes apart from one another are moved to the end.
  Dims shape, strides;
  for (int reduced = 0; reduced < 2; ++reduced) {
    for (int i = 0; i < x.rank(); ++i) {
      if ((mask >> i & 1) != static_cast<uint32_t>(reduced)) continue;
      shape.push_back(x.shape()[i]);
      strides.push_back(x.strides()[i]);
      (reduced ? c.n : c.outer) *= x.shape()[i];
    }
  }
  c.x = as_contiguous(Tensor(x.buffer(), x.offset(), shape, strides, x.dtype()), storage_of(compute));
  return c;
}

namespace {

/// Runs f into the output, through a buffer of the compute type where the output is stored otherwise.
template <class F>
void into(Tensor& out, Compute compute, F f) {
  if (out.dtype() == storage_of(compute)) {
    f(out.mutable_data());
    return;
  }
  const Scratch scratch(static_cast<size_t>(out.size()) * 8);
  f(scratch.as<void>());
  kernels().store_block(scratch.as<void>(), compute, out.mutable_data(), out.dtype(), out.size());
}

const ReduceKernels& reduce_kernels(Compute c) { return kernels().reduce[static_cast<int>(c)]; }

void broadcast_back(Pullback& p, const Tensor& g) {
  // The cotangent with the reduced axes put back as size 1, seen at the argument's shape without a copy.
  const auto a = p.attrs<ReduceAttr>();
  const Dims shape = p.in_shape(0);
  p.give(0, broadcast_to(reshape(g, reduced_shape(shape, static_cast<uint32_t>(a.axes), true)), shape));
}

// ---- sum, mean ----------------------------------------------------------------------------------------------------

void sum_infer(Call& call) {
  const auto a = call.attrs.as<ReduceAttr>();
  const DType t = call.in(0).dtype();
  call.out->set_shape(reduced_shape(call.in(0).shape(), static_cast<uint32_t>(a.axes), a.keep),
                      is_float(t) || t == DType::UInt64 ? t : DType::Int64);
}
void sum_run(Call& call) {
  const Compute compute = compute_of(call.in(0).dtype());
  const Canonical c = canonical(call.in(0), static_cast<uint32_t>(call.attrs.as<ReduceAttr>().axes), compute);
  into(*call.out, compute, [&](void* out) { reduce_kernels(compute).sum(c.x.data(), out, c.outer, c.n, c.inner); });
}
void sum_vjp(Pullback& p) { broadcast_back(p, p.g); }
void reduce_batch(Batching& b) {
  const auto a = b.attrs.as<ReduceAttr>();
  b.run(ReduceAttr{a.axes << 1, a.keep});
}
const Op kSum{
    .name = "sum", .kind = OpKind::Linear, .infer = sum_infer, .run = sum_run, .vjp = sum_vjp, .batch = reduce_batch};

void mean_infer(Call& call) {
  const auto a = call.attrs.as<ReduceAttr>();
  call.out->set_shape(reduced_shape(call.in(0).shape(), static_cast<uint32_t>(a.axes), a.keep), call.in(0).dtype());
}
template <class T>
void divide_all(void* p, int64_t count, int64_t n) {
  for (int64_t i = 0; i < count; ++i) static_cast<T*>(p)[i] /= static_cast<T>(n);
}
void mean_run(Call& call) {
  // Summed and divided in the compute type: a float16 sum may exceed what float16 holds, its mean does not.
  const Compute compute = compute_of(call.in(0).dtype());
  const Canonical c = canonical(call.in(0), static_cast<uint32_t>(call.attrs.as<ReduceAttr>().axes), compute);
  into(*call.out, compute, [&](void* out) {
    reduce_kernels(compute).sum(c.x.data(), out, c.outer, c.n, c.inner);
    compute == Compute::F32 ? divide_all<float>(out, call.out->size(), c.n)
                            : divide_all<double>(out, call.out->size(), c.n);
  });
}
void mean_vjp(Pullback& p) {
  const Dims shape = p.in_shape(0);
  const double n = static_cast<double>(numel(shape)) / static_cast<double>(std::max<int64_t>(1, p.g.size()));
  broadcast_back(p, p.g / number(n, p.g));
}
const Op kMean{.name = "mean",
               .kind = OpKind::Linear,
               .infer = mean_infer,
               .run = mean_run,
               .vjp = mean_vjp,
               .batch = reduce_batch};

// ---- extrema ------------------------------------------------------------------------------------------------------

void extremum_infer(Call& call) {
  const auto a = call.attrs.as<ReduceAttr>();
  const Dims& shape = call.in(0).shape();
  const Dims out = reduced_shape(shape, static_cast<uint32_t>(a.axes), a.keep);
  if (numel(shape) == 0 && numel(out) != 0) {
    fail(ErrorKind::Value, call.op.name, ": has no value over zero elements, shape ", to_string(shape), ".");
  }
  call.out->set_shape(out, call.in(0).dtype());
}
template <ReduceFn ReduceKernels::* Fn>
void extremum_run(Call& call) {
  const Compute compute = compute_of(call.in(0).dtype());
  const Canonical c = canonical(call.in(0), static_cast<uint32_t>(call.attrs.as<ReduceAttr>().axes), compute);
  if (call.out->size() == 0) return;
  into(*call.out, compute, [&](void* out) { (reduce_kernels(compute).*Fn)(c.x.data(), out, c.outer, c.n, c.inner); });
}
/// Elements that attain the extremum share its derivative equally: 1 / their number there, else 0.
Tensor shares(const Tensor& x, const Tensor& extremum, uint32_t mask, DType dtype) {
  const Tensor hit = cast(map("equal", x, reshape(extremum, reduced_shape(x.shape(), mask, true))), dtype);
  Dims axes;
  for (int i = 0; i < x.rank(); ++i)
    if (mask >> i & 1) axes.push_back(i);
  return x.rank() ? cast(hit / sum(hit, axes, true), dtype) : hit;
}
void extremum_vjp(Pullback& p) {
  const auto mask = static_cast<uint32_t>(p.attrs<ReduceAttr>().axes);
  const Tensor& x = p.in(0);
  const Tensor g = reshape(p.g, reduced_shape(x.shape(), mask, true));
  p.give(0, cast(shares(x, p.out(), mask, p.g.dtype()) * g, p.g.dtype()));
}
void extremum_jvp(Pushforward& p) {
  const auto a = p.attrs<ReduceAttr>();
  const Tensor& x = p.in(0);
  const Tensor part = shares(x, p.out(), static_cast<uint32_t>(a.axes), p.tangent(0).dtype()) * p.tangent(0);
  p.give(x.rank() ? apply(kSum, {&part}, Attrs(a)) : part);
}
const Op kMax{.name = "max",
              .kind = OpKind::Custom,
              .infer = extremum_infer,
              .run = extremum_run<&ReduceKernels::max>,
              .vjp = extremum_vjp,
              .needs = {needs_input(0) | needs_output(0)},
              .jvp = extremum_jvp,
              .batch = reduce_batch};
const Op kMin{.name = "min",
              .kind = OpKind::Custom,
              .infer = extremum_infer,
              .run = extremum_run<&ReduceKernels::min>,
              .vjp = extremum_vjp,
              .needs = {needs_input(0) | needs_output(0)},
              .jvp = extremum_jvp,
              .batch = reduce_batch};

void arg_infer(Call& call) {
  extremum_infer(call);
  call.out->set_shape(Dims(call.out->shape()), DType::Int64);
}
template <ArgReduceFn ReduceKernels::* Fn>
void arg_run(Call& call) {
  const Compute compute = compute_of(call.in(0).dtype());
  const Canonical c = canonical(call.in(0), static_cast<uint32_t>(call.attrs.as<ReduceAttr>().axes), compute);
  if (call.out->size() == 0) return;
  (reduce_kernels(compute).*Fn)(c.x.data(), call.out->mutable_data_as<int64_t>(), c.outer, c.n, c.inner);
}
const Op kArgmax{.name = "argmax",
                 .kind = OpKind::Constant,
                 .infer = arg_infer,
                 .run = arg_run<&ReduceKernels::argmax>,
                 .batch = reduce_batch};
const Op kArgmin{.name = "argmin",
                 .kind = OpKind::Constant,
                 .infer = arg_infer,
                 .run = arg_run<&ReduceKernels::argmin>,
                 .batch = reduce_batch};

// ---- extremum and index: two outputs of one pass -----------------------------------------------------------------

void located_infer(Call& call) {
  extremum_infer(call);
  call.out[1].set_shape(Dims(call.out->shape()), DType::Int64);
}
template <class Word>
void pick(const Canonical& c, const int64_t* index, void* out) {
  const auto* x = c.x.data_as<Word>();
  for (int64_t o = 0; o < c.outer; ++o)
    for (int64_t j = 0; j < c.inner; ++j)
      static_cast<Word*>(out)[o * c.inner + j] = x[(o * c.n + index[o * c.inner + j]) * c.inner + j];
}
template <ArgReduceFn ReduceKernels::* Fn>
void located_run(Call& call) {
  const Compute compute = compute_of(call.in(0).dtype());
  const Canonical c = canonical(call.in(0), static_cast<uint32_t>(call.attrs.as<ReduceAttr>().axes), compute);
  if (call.out->size() == 0) return;
  auto* index = call.out[1].mutable_data_as<int64_t>();
  (reduce_kernels(compute).*Fn)(c.x.data(), index, c.outer, c.n, c.inner);
  into(*call.out, compute,
       [&](void* out) { compute == Compute::F32 ? pick<uint32_t>(c, index, out) : pick<uint64_t>(c, index, out); });
}
const Op kMaxAt{.name = "max_with_index",
                .kind = OpKind::Custom,
                .infer = located_infer,
                .run = located_run<&ReduceKernels::argmax>,
                .vjp = extremum_vjp,
                .outputs = 2,
                .visible = 2,
                .constant_outputs = 1u << 1,
                .needs = {needs_input(0) | needs_output(0)},
                .jvp = extremum_jvp,
                .batch = reduce_batch};
const Op kMinAt{.name = "min_with_index",
                .kind = OpKind::Custom,
                .infer = located_infer,
                .run = located_run<&ReduceKernels::argmin>,
                .vjp = extremum_vjp,
                .outputs = 2,
                .visible = 2,
                .constant_outputs = 1u << 1,
                .needs = {needs_input(0) | needs_output(0)},
                .jvp = extremum_jvp,
                .batch = reduce_batch};

// ---- cumsum -------------------------------------------------------------------------------------------------------

struct ScanAttr {
  int64_t axis;
  int64_t reverse;
};
void scan_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }
void cumsum_run(Call& call) {
  const auto a = call.attrs.as<ScanAttr>();
  const Compute compute = compute_of(call.in(0).dtype());
  const Canonical c = canonical(call.in(0), 1u << a.axis, compute);
  into(*call.out, compute,
       [&](void* out) { reduce_kernels(compute).cumsum(c.x.data(), out, c.outer, c.n, c.inner, a.reverse); });
}
void cumsum_vjp(Pullback& p) {
  const auto a = p.attrs<ScanAttr>();
  p.give(0, cumsum(p.g, a.axis, !a.reverse));
}
void cumsum_batch(Batching& b) {
  const auto a = b.attrs.as<ScanAttr>();
  b.run(ScanAttr{a.axis + 1, a.reverse});
}
const Op kCumsum{.name = "cumsum",
                 .kind = OpKind::Linear,
                 .infer = scan_infer,
                 .run = cumsum_run,
                 .vjp = cumsum_vjp,
                 .batch = cumsum_batch};

}  // namespace

// ---- functions ----------------------------------------------------------------------------------------------------

Tensor sum(const Tensor& x, const Dims& axes, bool keep) {
  return apply(kSum, {&x}, Attrs(reduce_attr("sum", x, axes, keep)));
}

Tensor mean(const Tensor& x, const Dims& axes, bool keep) {
  const Tensor y = is_float(x.dtype()) ? x : cast(x, DType::Float32);
  return apply(kMean, {&y}, Attrs(reduce_attr("mean", x, axes, keep)));
}

// A tree of products: every step is an ordinary mul, so derivatives are right at every order, also where elements are
// zero.
Tensor prod(const Tensor& x, const Dims& axes, bool keep) {
  const uint32_t mask = axis_mask("prod", axes, x.rank());
  Dims order, reduced;
  for (int i = 0; i < x.rank(); ++i) (mask >> i & 1 ? reduced : order).push_back(i);
  const Dims kept_shape = reduced_shape(x.shape(), mask, false);
  for (int64_t i : reduced) order.push_back(i);
  Tensor y = is_float(x.dtype()) || x.dtype() == DType::UInt64 ? x : cast(x, DType::Int64);
  Dims flat = kept_shape;
  flat.push_back(reduced_shape(x.shape(), ~mask, false).empty() ? 1 : numel(reduced_shape(x.shape(), ~mask, false)));
  y = reshape(x.rank() ? permute(y, order) : y, flat);
  const int last = kept_shape.size();
  if (flat[last] == 0) return full(reduced_shape(x.shape(), mask, keep), 1.0, y.dtype());
  while (y.shape()[last] > 1) {
    const int64_t n = y.shape()[last], half = n / 2;
    Slice a = whole(y.shape()), b = a, rest = a;
    a.count.v[last] = b.count.v[last] = b.start.v[last] = half;
    Tensor next = slice(y, a) * slice(y, b);
    if (n % 2) {
      rest.start.v[last] = n - 1;
      rest.count.v[last] = 1;
      const Tensor parts[] = {next, slice(y, rest)};
      next = concat(parts, last);
    }
    y = next;
  }
  return reshape(y, reduced_shape(x.shape(), mask, keep));
}

Tensor amax(const Tensor& x, const Dims& axes, bool keep) {
  return apply(kMax, {&x}, Attrs(reduce_attr("max", x, axes, keep)));
}
Tensor amin(const Tensor& x, const Dims& axes, bool keep) {
  return apply(kMin, {&x}, Attrs(reduce_attr("min", x, axes, keep)));
}
Tensor argmax(const Tensor& x, int64_t axis, bool keep) {
  return apply(kArgmax, {&x}, Attrs(reduce_attr("argmax", x, Dims{axis}, keep)));
}
Tensor argmin(const Tensor& x, int64_t axis, bool keep) {
  return apply(kArgmin, {&x}, Attrs(reduce_attr("argmin", x, Dims{axis}, keep)));
}
Tensor cumsum(const Tensor& x, int64_t axis, bool reverse) {
  return apply(kCumsum, {&x}, Attrs(ScanAttr{checked_axis("cumsum", axis, x.rank()), reverse}));
}

namespace {

/// Of the flattened tensor where no axis is given.
template <Tensor (*Arg)(const Tensor&, int64_t, bool)>
Tensor arg_extremum(const Tensor& x, std::optional<int64_t> axis, bool keep) {
  if (axis) return Arg(x, *axis, keep);
  const Tensor index = Arg(reshape(x, Dims{x.size()}), 0, false);
  return keep ? reshape(index, Dims(x.rank(), 1)) : index;
}

std::array<Tensor, 2> extremum_and_index(const Op& located, Tensor (*extremum)(const Tensor&, const Dims&, bool),
                                         const Tensor& x, std::optional<int64_t> axis, bool keep) {
  if (!axis) return {extremum(x, {}, false), scalar(int64_t{0}, DType::Int64)};
  std::vector<Tensor> both = apply_all(located, {&x, 1}, Attrs(reduce_attr(located.name, x, Dims{*axis}, keep)));
  return {std::move(both[0]), std::move(both[1])};
}

template <bool Any>
Tensor truth(const Tensor& x, const Dims& axes, bool keep) {
  const Tensor hit = cast(map("not_equal", x, number(0.0, x)), DType::Int64);
  if (x.size() == 0) {
    return map(Any ? RowName("not_equal") : RowName("equal"), sum(hit, axes, keep), scalar(int64_t{0}, DType::Int64));
  }
  return cast(Any ? amax(hit, axes, keep) : amin(hit, axes, keep), DType::Bool);
}

using Axis = std::optional<int64_t>;
using Axes = std::optional<Dims>;
using ToDType = std::optional<DType>;

const Dims kAllAxes;
const Dims& or_all(const Axes& axes) { return axes ? *axes : kAllAxes; }

constexpr Function kFunctions[] = {
    def("sum(input, dim=None, keepdim=False, *, dtype=None)",
        "Sum over some axes, or all. Integers and bool sum as int64; the sum of nothing is 0.",
        {"sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), 1)", "[3. 7.]"},
        [](const Tensor& x, const Axes& axes, bool keep, ToDType dtype) {
          return dtype ? sum(cast(x, *dtype), or_all(axes), keep) : sum(x, or_all(axes), keep);
        },
        {.samples = {"sum(x(3, 4))", "sum(x(3, 4) ** 2, 1)", "sum(x(2, 3, 4) ** 2, (0, -1), keepdims=True)"}}),
    def("mean(x, axis=None, keep_dims=False)", "Mean over some axes, or all. Integers average as float32.",
        {"mean(Tensor([[1.0, 2.0], [3.0, 4.0]]), 1)", "[1.5 3.5]"},
        [](const Tensor& x, const Axes& axes, bool keep) { return mean(x, or_all(axes), keep); },
        {.samples = {"mean(x(3, 4) ** 2)", "mean(x(3, 4) ** 2, -1, keepdims=True)"}}),
    def("prod(input, axis=None, keep_dims=False, dtype=None)", "Product over some axes, or all.",
        {"prod(Tensor([1.0, 2.0, 3.0]))", "6.0"},
        [](const Tensor& x, const Axes& axes, bool keep, ToDType dtype) {
          return dtype ? prod(cast(x, *dtype), or_all(axes), keep) : prod(x, or_all(axes), keep);
        },
        {.samples = {"prod(x(3, 4, low=0.3))", "prod(x(3, 4), 0, keepdims=True)",
                     // one zero, and two
                     "prod(concat((x(2), x(1, low=0.0, high=0.0))))",
                     "prod(concat((x(2), x(2, low=0.0, high=0.0))))"}}),
    def("amax(input, axis=None, keepdims=False)",
        "Largest element over some axes, or all; NaN if there is one. Equal maxima share the derivative.",
        {"amax(Tensor([[1.0, 2.0], [3.0, 4.0]]), 1)", "[2. 4.]"},
        [](const Tensor& x, const Axes& axes, bool keep) { return amax(x, or_all(axes), keep); },
        {.samples = {"amax(x(3, 4) ** 3, (0, 1))", "amax(x(3, 4) ** 3, 1)"}}),
    def("amin(input, axis=None, keepdims=False)",
        "Smallest element over some axes, or all; NaN if there is one. Equal minima share the derivative.",
        {"amin(Tensor([[1.0, 2.0], [3.0, 4.0]]), 1)", "[1. 3.]"},
        [](const Tensor& x, const Axes& axes, bool keep) { return amin(x, or_all(axes), keep); },
        {.samples = {"amin(x(3, 4) ** 3, 0, keepdims=True)"}}),
    def("max(input, axis=None, keepdims=False)", "Largest elements along an axis, and their indices.",
        {"max(Tensor([[1.0, 2.0], [4.0, 3.0]]), 1)[0]", "[2. 4.]"},
        [](const Tensor& x, Axis axis, bool keep) { return extremum_and_index(kMaxAt, amax, x, axis, keep); },
        {.method = false, .samples = {"max(x(3, 4) ** 3)[0]", "max(x(3, 4) ** 3, 1, keepdims=True)[0]"}}),
    def("min(input, axis=None, keepdims=False)", "Smallest elements along an axis, and their indices.",
        {"min(Tensor([[1.0, 2.0], [4.0, 3.0]]), 1)[0]", "[1. 3.]"},
        [](const Tensor& x, Axis axis, bool keep) { return extremum_and_index(kMinAt, amin, x, axis, keep); },
        {.method = false, .samples = {"min(x(3, 4) ** 3, 0)[0]"}}),
    def("argmax(input, dim=None, keepdim=False)",
        "Index of the first largest element along an axis, or in the flattened tensor.",
        {"argmax(Tensor([1.0, 5.0, 2.0]))", "1"},
        [](const Tensor& x, Axis axis, bool keep) { return arg_extremum<argmax>(x, axis, keep); },
        {.samples = {"argmax(i(3, 4, n=9))", "argmax(i(3, 4, n=9), 1, keepdims=True)"}}),
    def("argmin(input, axis=None, keepdims=False)",
        "Index of the first smallest element along an axis, or in the flattened tensor.",
        {"argmin(Tensor([3.0, 1.0, 2.0]))", "1"},
        [](const Tensor& x, Axis axis, bool keep) { return arg_extremum<argmin>(x, axis, keep); },
        {.samples = {"argmin(i(3, 4, n=9))", "argmin(i(3, 4, n=9), 1, keepdims=True)"}}),
    def("any(input, axis=None, keep_dims=False)", "True where any element is nonzero.",
        {"any(Tensor([False, True]))", "True"},
        [](const Tensor& x, const Axes& axes, bool keep) { return truth<true>(x, or_all(axes), keep); },
        {.samples = {"any(b(3, 4))", "any(b(3, 4), 1)"}}),
    def("all(input, axis=None, keep_dims=False)", "True where all elements are nonzero.",
        {"all(Tensor([False, True]))", "False"},
        [](const Tensor& x, const Axes& axes, bool keep) { return truth<false>(x, or_all(axes), keep); },
        {.samples = {"all(b(3, 4))", "all(b(3, 4), 1)"}}),
    def("cumsum(x, axis, dtype=None)", "Running sum along an axis.",
        {"cumsum(Tensor([1.0, 2.0, 3.0]), 0)", "[1. 3. 6.]"},
        [](const Tensor& x, int64_t axis, ToDType dtype) {
          return dtype ? cumsum(cast(x, *dtype), axis) : cumsum(x, axis);
        },
        {.samples = {"cumsum(x(3, 4) ** 2, 0)", "cumsum(x(2, 3, 2) ** 2, -1)"}}),
};

}  // namespace

const std::span<const Function> kReduceFunctions = kFunctions;

}  // namespace adcore
