// Linear ops that move elements: views (reshape, expand, permute, slice) share the buffer, the others copy.
// The transpose of each is another op of this file, or sum (reduce.cpp).
#include <algorithm>

#include "core/pullback.h"
#include "ops/drive.h"
#include "ops/functions.h"
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
void cast_vjp(Pullback& p) { p.give(0, p.g); }  // give() casts back
const Op kCast{
    .name = "cast", .kind = OpKind::Linear, .infer = cast_infer, .run = cast_run, .vjp = cast_vjp, .batch = batch_same};
/// A float that becomes an integer moves in steps: derivative zero.
const Op kCastToInteger{
    .name = "cast_to_integer", .kind = OpKind::Constant, .infer = cast_infer, .run = cast_run, .batch = batch_same};

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
void reshape_batch(Batching& b) { b.run(with_batch(b, b.out.shape())); }
const Op kReshape{.name = "reshape",
                  .kind = OpKind::Linear,
                  .infer = reshape_infer,
                  .run = reshape_run,
                  .vjp = reshape_vjp,
                  .view = true,
                  .batch = reshape_batch};

void expand_infer(Call& call) { call.out->set_shape(call.attrs.as<DimsAttr>().dims(), call.in(0).dtype()); }
void expand_run(Call& call) {
  const Tensor& x = call.in(0);
  const Dims shape = call.out->shape();
  Dims strides(shape.size(), 0);
  const int skip = shape.size() - x.rank();
  for (int i = 0; i < x.rank(); ++i) strides[i + skip] = x.shape()[i] == shape[i + skip] ? x.strides()[i] : 0;
  call.out->view_of(x, shape, strides, x.offset());
}
void expand_vjp(Pullback& p) { p.give(0, p.g); }  // give() sums what was broadcast
void expand_batch(Batching& b) { b.give(broadcast_to(b.front(0, b.out.rank()), with_batch(b, b.out.shape()).dims())); }
const Op kExpand{.name = "broadcast_to",
                 .kind = OpKind::Linear,
                 .infer = expand_infer,
                 .run = expand_run,
                 .vjp = expand_vjp,
                 .view = true,
                 .batch = expand_batch};

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
                  .batch = permute_batch};

// ---- slices -------------------------------------------------------------------------------------------------------

int64_t view_slice(const Tensor& x, const Slice& s, Dims& strides) {
  int64_t offset = x.offset();
  strides.clear();
  for (int i = 0; i < x.rank(); ++i) {
    offset += s.start.v[i] * x.strides()[i];
    strides.push_back(s.step.v[i] * x.strides()[i]);
  }
  return offset;
}

void slice_infer(Call& call) { call.out->set_shape(call.attrs.as<Slice>().count.dims(), call.in(0).dtype()); }
void slice_run(Call& call) {
  const Tensor& x = call.in(0);
  Dims strides;
  const int64_t offset = view_slice(x, call.attrs.as<Slice>(), strides);
  call.out->view_of(x, Dims(call.out->shape()), strides, offset);
}
Tensor slice_add(Tensor&& base, const Tensor& v, const Slice& s);
void slice_vjp(Pullback& p) {
  p.give_part(0, [&](Tensor&& held) { return slice_add(std::move(held), p.g, p.attrs<Slice>()); });
}
/// The same region of every member.
Slice with_batch(const Batching& b, const Slice& s) {
  const auto joined = [](int64_t first, const DimsAttr& rest) {
    Dims d = rest.dims();
    d.insert(0, first);
    return DimsAttr(d);
  };
  return {joined(0, s.start), joined(1, s.step), joined(b.size, s.count)};
}
void slice_batch(Batching& b) { b.run(with_batch(b, b.attrs.as<Slice>())); }
const Op kSlice{.name = "slice",
                .kind = OpKind::Linear,
                .infer = slice_infer,
                .run = slice_run,
                .vjp = slice_vjp,
                .view = true,
                .batch = slice_batch};

void slice_set_infer(Call& call) {
  const Dims region = call.attrs.as<Slice>().count.dims();
  if (!(broadcast("setitem", region, call.in(1).shape()) == region)) {
    fail(ErrorKind::Value, "setitem: a value of shape ", to_string(call.in(1).shape()), " does not fit the region ",
         to_string(region), ".");
  }
  call.out->set_shape(call.in(0).shape(), call.in(0).dtype());
}
void slice_set_run(Call& call) {
  if (!call.in_place) copy_to(call.in(0), call.out->mutable_data(), call.out->dtype());
  copy_into_slice(*call.out, call.in(1), call.attrs.as<Slice>());
}
void slice_set_vjp(Pullback& p) {
  const auto s = p.attrs<Slice>();
  if (p.active(1)) {
    // A copy of a small part, so that the cotangent of the whole can be written over.
    Tensor part = slice(p.g, s);
    if (p.active(0) && part.size() < p.g.size() / 2) part = packed(part);
    p.give(1, sum_to(part, p.in_shape(1)));
  }
  if (!p.active(0)) return;
  const Tensor zero = scalar(0.0, p.g.dtype());
  p.give(0, apply_over(p.op(), p.take_g(), {&zero}, p.attrs()));
}
void slice_set_batch(Batching& b) {
  const auto s = b.attrs.as<Slice>();
  b.give(slice_set(b.front(0), b.front(1, b.out.rank()), with_batch(b, s)));
}
const Op kSliceSet{.name = "slice_set",
                   .kind = OpKind::Linear,
                   .infer = slice_set_infer,
                   .run = slice_set_run,
                   .vjp = slice_set_vjp,
                   .over = {needs_input(0)},
                   .batch = slice_set_batch};

/// The transpose of slice where it is added to what other slices gave: base with v added to the elements at s.
void slice_add_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }
void slice_add_run(Call& call) {
  Tensor& out = *call.out;
  if (!call.in_place) copy_to(call.in(0), out.mutable_data(), out.dtype());
  const auto s = call.attrs.as<Slice>();
  Dims strides;
  const int64_t offset = view_slice(out, s, strides);
  Tensor region;
  region.view_of(out, s.count.dims(), strides, offset);
  const Compute compute = compute_of(out.dtype());
  const MapFn add = kernels().elementwise[RowName("add").row].map[static_cast<int>(compute)];
  const Tensor* operands[] = {&region, &call.in(1)};
  Tensor sum;
  if (!region.contiguous()) sum = Tensor(region.shape(), out.dtype());
  run_blocks(operands, 2, region.contiguous() ? region : sum, compute, storage_of(compute),
             [add](const void* const* in, void* to, int64_t n, uint32_t scalars) { add(in, to, n, scalars); });
  if (!region.contiguous()) copy_into_slice(out, sum, s);
}
int64_t slice_add_work(const Call& call) { return call.in(1).size() + (call.in_place ? 0 : call.out->size()); }
void slice_add_vjp(Pullback& p) {
  if (p.active(1)) p.give(1, sum_to(slice(p.g, p.attrs<Slice>()), p.in_shape(1)));
  if (p.active(0)) p.give(0, p.take_g());
}
void slice_add_batch(Batching& b) {
  if (!b.batched(0)) b.members[0].value = b.front(0);
  b.members[1].value = b.front(1, b.out.rank());
  b.run(with_batch(b, b.attrs.as<Slice>()));
}
const Op kSliceAdd{.name = "slice_add",
                   .kind = OpKind::Linear,
                   .infer = slice_add_infer,
                   .run = slice_add_run,
                   .vjp = slice_add_vjp,
                   .over = {needs_input(0)},
                   .batch = slice_add_batch,
                   .work = slice_add_work};
Tensor slice_add(Tensor&& base, const Tensor& v, const Slice& s) {
  return apply_over(kSliceAdd, std::move(base), {&v}, Attrs(s));
}

// ---- concat -------------------------------------------------------------------------------------------------------

// Attributes: the axis, then where each argument starts along it.

void concat_infer(Call& call) {
  const int axis = static_cast<int>(call.attrs.words()[0]);
  Dims shape = call.in(0).shape();
  DType dtype = call.in(0).dtype();
  for (int i = 1; i < call.count; ++i) {
    const Dims& other = call.in(i).shape();
    bool fits = other.size() == shape.size();
    for (int k = 0; fits && k < shape.size(); ++k) fits = k == axis || other[k] == shape[k];
    if (!fits) {
      fail(ErrorKind::Value, "concat: shapes may differ only along axis ", axis, ", got ",
           to_string(call.in(0).shape()), " and ", to_string(other), ".");
    }
    if (__builtin_add_overflow(shape[axis], other[axis], &shape[axis])) throw std::bad_alloc();
    dtype = promote(dtype, call.in(i).dtype());
  }
  call.out->set_shape(shape, dtype);
}
Slice concat_region(const Dims& shape, Attrs attrs, int i, int count) {
  const int axis = static_cast<int>(attrs.words()[0]);
  Slice region = whole(shape);
  const int64_t end = i + 1 < count ? attrs.words()[i + 2] : shape[axis];
  region.start.v[axis] = attrs.words()[i + 1];
  region.count.v[axis] = end - region.start.v[axis];
  return region;
}
void concat_run(Call& call) {
  for (int i = 0; i < call.count; ++i) {
    copy_into_slice(*call.out, call.in(i), concat_region(call.out->shape(), call.attrs, i, call.count));
  }
}
void concat_vjp(Pullback& p) {
  for (int i = 0; i < p.count(); ++i) {
    if (p.active(i)) p.give(i, slice(p.g, concat_region(p.g.shape(), p.attrs(), i, p.count())));
  }
}
void concat_batch(Batching& b) {
  std::vector<Tensor> parts;
  for (int k = 0; k < b.count(); ++k) parts.push_back(b.front(k));
  b.give(concat(parts, b.attrs.words()[0] + 1));
}
const Op kConcat{.name = "concat",
                 .kind = OpKind::Linear,
                 .infer = concat_infer,
                 .run = concat_run,
                 .vjp = concat_vjp,
                 .batch = concat_batch};

}  // namespace

// ---- functions ----------------------------------------------------------------------------------------------------

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  const bool in_steps = is_float(x.dtype()) && !is_float(dtype);
  return apply(in_steps ? kCastToInteger : kCast, {&x}, Attrs(CastAttr{static_cast<int64_t>(dtype)}));
}

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

Slice whole(const Dims& shape) {
  return {DimsAttr(Dims(shape.size(), 0)), DimsAttr(Dims(shape.size(), 1)), DimsAttr(shape)};
}

Tensor packed(const Tensor& x) { return slice_set(full(x.shape(), int64_t{0}, x.dtype()), x, whole(x.shape())); }

Tensor slice(const Tensor& x, const Slice& s) { return apply(kSlice, {&x}, Attrs(s)); }
Tensor slice_set(const Tensor& base, const Tensor& v, const Slice& s) {
  return apply(kSliceSet, {&base, &v}, Attrs(s));
}

void copy_into_slice(Tensor& dst, const Tensor& v, const Slice& s) {
  const Dims region = s.count.dims();
  Dims dst_strides, v_strides(region.size(), 0);
  const int64_t offset = view_slice(dst, s, dst_strides);
  const int skip = region.size() - v.rank();
  for (int i = 0; i < v.rank(); ++i) v_strides[i + skip] = v.shape()[i] == 1 ? 0 : v.strides()[i];
  if (numel(region) == 0) return;
  auto* base = static_cast<std::byte*>(dst.mutable_data()) +
               (offset - dst.offset()) * static_cast<int64_t>(size_of(dst.dtype()));
  kernels().copy(
      {region.size(), region.data(), v.data(), v_strides.data(), v.dtype(), base, dst_strides.data(), dst.dtype()});
}

Tensor flip(const Tensor& x, const Dims& axes) {
  Slice s = whole(x.shape());
  for (int64_t a : axes) {
    const int axis = checked_axis("flip", a, x.rank());
    if (s.step.v[axis] < 0) fail(ErrorKind::Value, "flip: axis ", a, " is named twice in ", to_string(axes), ".");
    s.step.v[axis] = -1;
    s.start.v[axis] = std::max<int64_t>(x.shape()[axis] - 1, 0);
  }
  return slice(x, s);
}

Tensor concat(std::span<const Tensor> tensors, int64_t axis) {
  if (tensors.empty()) fail(ErrorKind::Value, "concat: needs at least one tensor.");
  const int rank = tensors[0].rank();
  if (rank == 0) fail(ErrorKind::Value, "concat: a tensor without axes cannot be joined; use stack.");
  std::vector<int64_t> words{checked_axis("concat", axis, rank)};
  int64_t start = 0;
  for (const Tensor& t : tensors) {
    words.push_back(start);
    const int64_t size = t.rank() == rank ? t.shape()[static_cast<int>(words[0])] : 0;
    if (__builtin_add_overflow(start, size, &start)) throw std::bad_alloc();
  }
  if (tensors.size() > 60'000)
    fail(ErrorKind::Value, "concat: joins at most 60000 tensors at once, got ", tensors.size(), ".");
  return apply(kConcat, tensors, Attrs(words.data(), static_cast<int>(words.size())));
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

Tensor stack(std::span<const Tensor> tensors, int64_t axis) {
  std::vector<Tensor> rows;
  for (const Tensor& t : tensors) {
    if (!(t.shape() == tensors[0].shape()) || t.dtype() != tensors[0].dtype()) {
      fail(t.dtype() != tensors[0].dtype() ? ErrorKind::Type : ErrorKind::Value, "stack: tensors must agree, got ",
           to_string(tensors[0].shape()), " ", name_of(tensors[0].dtype()), " and ", to_string(t.shape()), " ",
           name_of(t.dtype()), ".");
    }
    rows.push_back(expand_dims(t, axis));
  }
  if (rows.empty()) fail(ErrorKind::Value, "stack: needs at least one tensor.");
  return concat(rows, axis < 0 ? axis + rows[0].rank() : axis);
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
    def("cast(input, dtype)", "The elements converted to another dtype; float to integer truncates.",
        {"cast(Tensor([1.7, -1.7]), adcore.int32)", "[ 1 -1]"},
        [](const Tensor& x, DType dtype) { return cast(x, dtype); }, {.samples = {"cast(x(3, 4), float64) ** 2"}}),
    def("reshape(input, *shape)", "The same elements in another shape; one size may be -1.",
        {"reshape(Tensor([1, 2, 3, 4]), (2, -1))", "[[1 2]\n [3 4]]"},
        [](const Tensor& x, const Dims& shape) { return reshape(x, shape); },
        {.samples = {"reshape(x(3, 4), (2, 6)) ** 2"}}),
    def("broadcast_to(input, *shape)", "The tensor repeated, without a copy, to a larger shape; -1 keeps a size.",
        {"broadcast_to(Tensor([1, 2]), (2, 2))", "[[1 2]\n [1 2]]"},
        [](const Tensor& x, const Dims& shape) { return broadcast_to(x, shape); },
        {.samples = {"broadcast_to(x(3, 1), (2, 3, 4)) ** 2"}}),
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
        {.samples = {"swapaxes(x(2, 3, 2), 0, -1) ** 2"}}),
    def("expand_dims(input_x, axis)", "A new axis of size 1.", {"expand_dims(Tensor([1, 2]), 0)", "[[1 2]]"},
        [](const Tensor& x, int64_t axis) { return expand_dims(x, axis); },
        {.aliases = {"unsqueeze"}, .samples = {"expand_dims(x(3, 4), 1) * x(3, 4)"}}),
    def("squeeze(input, axis=None)", "The axes of size 1 removed, or those of `axis` that have size 1.",
        {"squeeze(Tensor([[1, 2]]))", "[1 2]"},
        [](const Tensor& x, const std::optional<Dims>& axes) { return reshape(x, squeezed(x, axes.value_or(Dims()))); },
        {.samples = {"squeeze(x(3, 1, 2)) ** 2"}}),
    def("flatten(input, start_dim=1, end_dim=-1)", "Neighbouring axes joined into one.",
        {"flatten(Tensor([[[1, 2], [3, 4]]]))", "[[1 2 3 4]]"},
        [](const Tensor& x, int64_t start, int64_t end) { return flatten(x, start, end); },
        {.method = false, .samples = {"flatten(x(2, 3, 2)) ** 2"}}),
    def("flip(input, dims)", "The elements in reverse order along some axes.",
        {"flip(Tensor([1, 2, 3]), (0,))", "[3 2 1]"}, [](const Tensor& x, const Dims& axes) { return flip(x, axes); },
        {.samples = {"flip(x(3, 4), (0, 1)) * x(3, 4)"}}),
    def("concat(tensors, axis=0)", "Tensors joined along an axis that they have.",
        {"concat((Tensor([1, 2]), Tensor([3])))", "[1 2 3]"},
        [](const std::vector<Tensor>& tensors, int64_t axis) { return concat(tensors, axis); },
        {.method = false, .aliases = {"cat"}, .samples = {"concat((x(3, 4), x(3, 2), x(3, 4)), 1) ** 2"}}),
    def("stack(tensors, axis=0)", "Tensors of one shape joined along a new axis.",
        {"stack((Tensor([1, 2]), Tensor([3, 4])))", "[[1 2]\n [3 4]]"},
        [](const std::vector<Tensor>& tensors, int64_t axis) { return stack(tensors, axis); },
        {.method = false, .samples = {"stack((x(3, 4), x(3, 4)), 1) ** 2"}}),
    def("stop_gradient(input)", "The same values as a constant: no derivative passes.",
        {"stop_gradient(Tensor([1.0, 2.0]))", "[1. 2.]"}, [](const Tensor& x) { return stop_gradient(x); },
        {.method = false}),
};

}  // namespace

const std::span<const Function> kShapeFunctions = kFunctions;

}  // namespace adcore
