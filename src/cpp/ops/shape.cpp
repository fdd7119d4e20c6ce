// Linear ops that show the same elements otherwise: cast, and views (reshape, expand, permute), which share the buffer.
// The transpose of each is another op of this file, or sum (reduce.cpp). regions.h moves elements.
#include "core/box.h"
#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/owned.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

// ---- cast ---------------------------------------------------------------------------------------------------------

struct CastAttr {
  int64_t dtype;
};

void cast_infer(Call& call) {
  call.out->set_shape(call.in(0).shape(), static_cast<DType>(call.attrs.as<CastAttr>().dtype));
}
void cast_run(Call& call) { copy_to(call.in(0), call.out->mutable_data(), call.out->dtype()); }
bool cast_accepts(const Call& call) { return has<CastAttr>(call, 1) && is_dtype(call.attrs.as<CastAttr>().dtype); }
void cast_vjp(Pullback& p) { p.give(0, p.g); }           // give() casts back
void cast_jvp(Pushforward& p) { p.give(p.tangent(0)); }  // it is cast as the output's tangent
const Op kCast{.name = "cast",
               .kind = OpKind::Linear,
               .infer = cast_infer,
               .run = cast_run,
               .vjp = cast_vjp,
               .jvp = cast_jvp,
               .batch = batch_same,
               .accepts = cast_accepts};
/// A float that becomes an integer moves in steps: derivative zero.
const Op kCastToInteger{.name = "cast_to_integer",
                        .kind = OpKind::Constant,
                        .infer = cast_infer,
                        .run = cast_run,
                        .batch = batch_same,
                        .accepts = cast_accepts};

// ---- views --------------------------------------------------------------------------------------------------------

void reshape_infer(Call& call) { call.out->set_shape(call.attrs.as<DimsAttr>().dims(), call.in(0).dtype()); }
void reshape_run(Call& call) {
  const Tensor x = as_contiguous(call.in(0));
  const Dims shape = call.out->shape();
  call.out->view_of(x, shape, contiguous_strides(shape), x.offset());
}
void reshape_vjp(Pullback& p) { p.give(0, reshape(p.g, p.in_shape(0))); }
/// `shape` of one member as that of the batch.
DimsAttr with_batch(const Batching& b, Dims shape) {
  shape.insert(0, b.size);
  return DimsAttr(shape);
}
bool reshape_accepts(const Call& call) {
  if (!has<DimsAttr>(call, 1)) return false;
  const auto a = call.attrs.as<DimsAttr>();
  return is_shape(a) && numel(a.dims()) == call.in(0).size();
}
void reshape_batch(Batching& b) { b.run(with_batch(b, b.out.shape())); }
const Op kReshape{.name = "reshape",
                  .kind = OpKind::Linear,
                  .infer = reshape_infer,
                  .run = reshape_run,
                  .vjp = reshape_vjp,
                  .view = true,
                  .batch = reshape_batch,
                  .accepts = reshape_accepts};

void expand_infer(Call& call) { call.out->set_shape(call.attrs.as<DimsAttr>().dims(), call.in(0).dtype()); }
void expand_run(Call& call) {
  const Tensor& x = call.in(0);
  const Dims shape = call.out->shape();
  Dims strides(shape.size(), 0);
  const int skip = shape.size() - x.rank();
  for (int i = 0; i < x.rank(); ++i) strides[i + skip] = x.shape()[i] == shape[i + skip] ? x.strides()[i] : 0;
  call.out->view_of(x, shape, strides, x.offset());
}
bool expand_accepts(const Call& call) {
  if (!has<DimsAttr>(call, 1)) return false;
  const auto a = call.attrs.as<DimsAttr>();
  const Dims& shape = call.in(0).shape();
  const int64_t skip = a.rank - shape.size();
  bool fits = is_shape(a) && skip >= 0;
  for (int i = 0; fits && i < shape.size(); ++i) fits = shape[i] == 1 || shape[i] == a.v[i + skip];
  return fits;
}
void expand_vjp(Pullback& p) { p.give(0, p.g); }  // give() sums what was broadcast
void expand_batch(Batching& b) { b.give(broadcast_to(b.front(0, b.out.rank()), with_batch(b, b.out.shape()).dims())); }
const Op kExpand{.name = "broadcast_to",
                 .kind = OpKind::Linear,
                 .infer = expand_infer,
                 .run = expand_run,
                 .vjp = expand_vjp,
                 .view = true,
                 .batch = expand_batch,
                 .accepts = expand_accepts};

void permute_infer(Call& call) {
  const Dims axes = call.attrs.as<DimsAttr>().dims();
  Dims shape;
  for (int64_t a : axes) shape.push_back(call.in(0).shape()[static_cast<int>(a)]);
  call.out->set_shape(shape, call.in(0).dtype());
}
void permute_run(Call& call) {
  const Tensor& x = call.in(0);
  Dims strides;
  for (int64_t a : call.attrs.as<DimsAttr>().dims()) strides.push_back(x.strides()[static_cast<int>(a)]);
  call.out->view_of(x, Dims(call.out->shape()), strides, x.offset());
}
bool permute_accepts(const Call& call) {
  if (!has<DimsAttr>(call, 1)) return false;
  const auto a = call.attrs.as<DimsAttr>();
  if (a.rank != call.in(0).rank()) return false;
  uint32_t seen = 0;
  for (int64_t i = 0; i < a.rank; ++i) {
    if (!in_range(a.v[i], 0, a.rank - 1)) return false;
    seen |= 1u << a.v[i];
  }
  return seen == (1u << a.rank) - 1;
}
void permute_vjp(Pullback& p) {
  const Dims axes = p.attrs<DimsAttr>().dims();
  Dims inverse = axes;
  for (int i = 0; i < axes.size(); ++i) inverse[static_cast<int>(axes[i])] = i;
  p.give(0, permute(p.g, inverse));
}
void permute_batch(Batching& b) {
  Dims order{0};
  for (int64_t a : b.attrs.as<DimsAttr>().dims()) order.push_back(a + 1);
  b.run(DimsAttr(order));
}
const Op kPermute{.name = "permute",
                  .kind = OpKind::Linear,
                  .infer = permute_infer,
                  .run = permute_run,
                  .vjp = permute_vjp,
                  .view = true,
                  .batch = permute_batch,
                  .accepts = permute_accepts};

void same_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }
void same_run(Call& call) {
  const Tensor& x = call.in(0);
  call.out->view_of(x, x.shape(), x.strides(), x.offset());
}
const Op kStopGradient{.name = "stop_gradient",
                       .kind = OpKind::Constant,
                       .infer = same_infer,
                       .run = same_run,
                       .view = true,
                       .batch = batch_same,
                       .accepts = [](const Call& call) { return has_none(call, 1); }};

void alias_vjp(Pullback& p) { p.give(0, p.take_g()); }
const Op kAlias{.name = "alias",
                .kind = OpKind::Linear,
                .infer = same_infer,
                .run = same_run,
                .vjp = alias_vjp,
                .view = true,
                .batch = batch_same,
                .accepts = [](const Call& call) { return has_none(call, 1); }};

bool is_foreign(const Tensor& x) { return x.buffer().get()->size_class == kForeign; }

/// Contiguous in any case, so that the layout does not depend on whose memory it is.
void owned_run(Call& call) {
  const Tensor& x = call.in(0);
  if (x.contiguous() && !is_foreign(x)) return same_run(call);
  Tensor copy(x.shape(), x.dtype());
  copy_to(x, copy.mutable_data(), x.dtype());
  call.out->view_of(copy, copy.shape(), copy.strides(), copy.offset());
}
const Op kOwned{.name = "owned",
                .kind = OpKind::Linear,
                .infer = same_infer,
                .run = owned_run,
                .view = true,
                .same = true,
                .batch = batch_same,
                .accepts = [](const Call& call) { return has_none(call, 1); }};

/// What is behind the boxes lies on foreign memory, or nobody knows yet, in a trace. Tangents never do: they were looked at
/// when they were given (Forward::dual).
bool may_be_foreign(const Tensor& x) {
  const Tensor* inner = &x;
  while (const Box* const box = box_of(*inner)) {
    if (!box->base.defined()) return true;
    inner = &box->base;
  }
  return is_foreign(*inner);
}

}  // namespace

void list_shape_ops(OpList& list) {
  list.insert(list.end(), {&kCast, &kCastToInteger, &kReshape, &kExpand, &kPermute, &kStopGradient, &kAlias, &kOwned});
}

const Op& stop_gradient_op() { return kStopGradient; }
const Op& alias_op() { return kAlias; }
const Op& owned_op() { return kOwned; }

// ---- functions ----------------------------------------------------------------------------------------------------

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  const bool in_steps = is_float(x.dtype()) && !is_float(dtype);
  return apply(in_steps ? kCastToInteger : kCast, {&x}, Attrs(CastAttr{static_cast<int64_t>(dtype)}));
}

Tensor owned(const Tensor& x) { return may_be_foreign(x) ? apply(kOwned, {&x}) : x; }

Tensor reshape(const Tensor& x, const Dims& shape) {
  Dims full_shape = shape;
  int64_t known = 1;
  int unknown = -1;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1 && unknown < 0) {
      unknown = i;
    } else if (shape[i] < 0 || __builtin_mul_overflow(known, shape[i], &known)) {
      fail(ErrorKind::Value, "reshape: ", to_string(shape), " is not a shape; sizes are >= 0, at most one is -1.");
    }
  }
  if (unknown >= 0 && known > 0 && x.size() % known == 0) {
    full_shape[unknown] = x.size() / known;
    known = x.size();
  } else if (unknown >= 0) {
    known = -1;
  }
  if (known != x.size()) {
    fail(ErrorKind::Value, "reshape: a tensor of shape ", to_string(x.shape()), " has ", x.size(),
         " elements, it cannot become ", to_string(shape), ".");
  }
  if (full_shape == x.shape()) return x;
  return apply(kReshape, {&x}, Attrs(DimsAttr(full_shape)));
}

Tensor broadcast_to(const Tensor& x, const Dims& shape) {
  if (x.shape() == shape) return x;
  Dims target = shape;
  const int skip = shape.size() - x.rank();
  bool fits = skip >= 0;
  for (int i = 0; fits && i < shape.size(); ++i) {
    if (target[i] == -1 && i >= skip) target[i] = x.shape()[i - skip];
    fits = target[i] >= 0 && (i < skip || x.shape()[i - skip] == 1 || x.shape()[i - skip] == target[i]);
  }
  if (!fits) {
    fail(ErrorKind::Value, "broadcast_to: shape ", to_string(x.shape()), " does not broadcast to ", to_string(shape),
         ".");
  }
  count(target);
  return apply(kExpand, {&x}, Attrs(DimsAttr(target)));
}

Tensor permute(const Tensor& x, const Dims& axes) {
  Dims order = axes;
  uint32_t seen = 0;
  bool valid = axes.size() == x.rank();
  for (int i = 0; valid && i < axes.size(); ++i) {
    order[i] = checked_axis("permute", axes[i], x.rank());
    valid = !(seen >> order[i] & 1);
    seen |= 1u << order[i];
  }
  if (!valid) {
    fail(ErrorKind::Value, "permute: ", to_string(axes), " is not an order of the ", x.rank(), " axes of shape ",
         to_string(x.shape()), ".");
  }
  return apply(kPermute, {&x}, Attrs(DimsAttr(order)));
}

Tensor swap_axes(const Tensor& x, int64_t a, int64_t b) {
  Dims order;
  for (int i = 0; i < x.rank(); ++i) order.push_back(i);
  const int i = checked_axis("swapaxes", a, x.rank()), k = checked_axis("swapaxes", b, x.rank());
  std::swap(order[i], order[k]);
  return permute(x, order);
}

Tensor expand_dims(const Tensor& x, int64_t axis) {
  Dims shape = x.shape();
  shape.insert(checked_axis("expand_dims", axis, x.rank() + 1), 1);
  return reshape(x, shape);
}

Tensor sum_to(const Tensor& x, const Dims& shape) {
  if (x.shape() == shape) return x;
  Dims axes;
  const int skip = x.rank() - shape.size();
  for (int i = 0; i < x.rank(); ++i) {
    if (i < skip || (shape[i - skip] == 1 && x.shape()[i] != 1)) axes.push_back(i);
  }
  return reshape(axes.empty() ? x : sum(x, axes), shape);
}

Tensor apart(const Tensor& y, const Tensor& x) {
  const Tape* const tape = context().tape;
  if (!tape || y.ref().slot != x.ref().slot || y.buffer().get() != x.buffer().get()) return y;
  if (!y.boxed() && !tape->slot_of(y)) return y;
  Dims order;
  for (int i = 0; i < y.rank(); ++i) order.push_back(i);
  return permute(y, order);
}

// ---- the functions of the table -----------------------------------------------------------------------------------

namespace {

Dims squeezed(const Tensor& x, const Dims& axes) {
  Dims shape = x.shape();
  uint32_t drop = 0;
  for (int64_t a : axes) drop |= 1u << checked_axis("squeeze", a, x.rank());
  for (int i = x.rank() - 1; i >= 0; --i) {
    if (shape[i] == 1 && (axes.empty() || drop >> i & 1)) shape.erase(i);
  }
  return shape;
}

Dims unsqueezed(const Tensor& x, const Dims& axes) {
  const int rank = x.rank() + axes.size();
  uint32_t added = 0;
  for (int64_t a : axes) {
    const uint32_t bit = 1u << checked_axis("expand_dims", a, rank);
    if (added & bit) fail(ErrorKind::Value, "expand_dims: axis ", a, " is named twice in ", to_string(axes), ".");
    added |= bit;
  }
  Dims shape;
  for (int i = 0, from = 0; i < rank; ++i) shape.push_back(added >> i & 1 ? 1 : x.shape()[from++]);
  return shape;
}

Tensor transpose(const Tensor& x, const Dims& axes) {
  if (axes.empty()) {
    Dims order;
    for (int i = x.rank() - 1; i >= 0; --i) order.push_back(i);
    return permute(x, order);
  }
  if (axes.size() == 2 && x.rank() != 2) return swap_axes(x, axes[0], axes[1]);
  return permute(x, axes);
}

Tensor flatten(const Tensor& x, int64_t start, int64_t end) {
  const Dims shape = x.rank() ? x.shape() : Dims{1};
  const int first = checked_axis("flatten", start, shape.size()), last = checked_axis("flatten", end, shape.size());
  if (first > last) fail(ErrorKind::Value, "flatten: start_dim ", first, " comes after end_dim ", last, ".");
  Dims flat;
  int64_t joined = 1;
  for (int i = 0; i < shape.size(); ++i) {
    if (i >= first && i <= last) joined *= shape[i];
    if (i == last) flat.push_back(joined);
    if (i < first || i > last) flat.push_back(shape[i]);
  }
  return reshape(x, flat);
}

constexpr Function kFunctions[] = {
    def("cast(input, dtype)",
        "The elements converted to another dtype; float to integer truncates and saturates, NaN becomes 0.",
        {"cast(Tensor([1.7, -1.7]), adcore.int32)", "[ 1 -1]"},
        [](const Tensor& x, DType dtype) { return apart(cast(x, dtype), x); },
        {.samples = {"cast(x(3, 4), float64) ** 2"}}),
    def("reshape(input, *shape)", "The same elements in another shape; one size may be -1.",
        {"reshape(Tensor([1, 2, 3, 4]), (2, -1))", "[[1 2]\n [3 4]]"},
        [](const Tensor& x, const Dims& shape) { return apart(reshape(x, shape), x); },
        {.samples = {"reshape(x(3, 4), (2, 6)) ** 2"}}),
    def("broadcast_to(input, *shape)", "The tensor repeated, without a copy, to a larger shape; -1 keeps a size.",
        {"broadcast_to(Tensor([1, 2]), (2, 2))", "[[1 2]\n [1 2]]"},
        [](const Tensor& x, const Dims& shape) { return apart(broadcast_to(x, shape), x); },
        {.aliases = {"expand"}, .samples = {"broadcast_to(x(3, 1), (2, 3, 4)) ** 2"}}),
    def("permute(input, *axis)", "The axes in another order: axis[i] becomes axis i.",
        {"permute(Tensor([[1, 2], [3, 4]]), (1, 0))", "[[1 3]\n [2 4]]"},
        [](const Tensor& x, const Dims& axes) { return permute(x, axes); },
        {.samples = {"permute(x(2, 3, 2), (1, 2, 0)) ** 2"}}),
    def("transpose(input, *dims)",
        "The axes in another order; without one, reversed. Two numbers on a tensor that has not two axes swap those.",
        {"transpose(Tensor([[1, 2], [3, 4]]), (1, 0))", "[[1 3]\n [2 4]]"},
        [](const Tensor& x, const std::optional<Dims>& axes) { return transpose(x, axes.value_or(Dims())); },
        {.samples = {"transpose(x(2, 3, 2), (2, 0, 1)) ** 2"}}),
    def("swapaxes(input, axis0, axis1)", "Two axes exchanged.",
        {"swapaxes(Tensor([[1, 2], [3, 4]]), 0, 1)", "[[1 3]\n [2 4]]"},
        [](const Tensor& x, int64_t a, int64_t b) { return swap_axes(x, a, b); },
        {.aliases = {"swapdims"}, .samples = {"swapaxes(x(2, 3, 2), 0, -1) ** 2"}}),
    def("expand_dims(input_x, axis)", "A new axis of size 1, or several: where they stand in the result.",
        {"expand_dims(Tensor([1, 2]), 0)", "[[1 2]]"},
        [](const Tensor& x, const Dims& axes) { return apart(reshape(x, unsqueezed(x, axes)), x); },
        {.aliases = {"unsqueeze"},
         .samples = {"expand_dims(x(3, 4), 1) * x(3, 4)", "expand_dims(x(3, 4), (0, -1)) ** 2"}}),
    def("squeeze(input, axis=None)", "The axes of size 1 removed, or those of `axis` that have size 1.",
        {"squeeze(Tensor([[1, 2]]))", "[1 2]"},
        [](const Tensor& x, const std::optional<Dims>& axes) {
          return apart(reshape(x, squeezed(x, axes.value_or(Dims()))), x);
        },
        {.samples = {"squeeze(x(3, 1, 2)) ** 2"}}),
    def("flatten(input, start_dim=1, end_dim=-1)", "Neighbouring axes joined into one.",
        {"flatten(Tensor([[[1, 2], [3, 4]]]))", "[[1 2 3 4]]"},
        [](const Tensor& x, int64_t start, int64_t end) { return apart(flatten(x, start, end), x); },
        {.method = false, .samples = {"flatten(x(2, 3, 2)) ** 2"}}),
    def("stop_gradient(input)", "The same values as a constant: no derivative passes.",
        {"stop_gradient(Tensor([1.0, 2.0]))", "[1. 2.]"}, [](const Tensor& x) { return stop_gradient(x); },
        {.method = false}),
};

}  // namespace

const std::span<const Function> kShapeFunctions = kFunctions;

}  // namespace adcore
