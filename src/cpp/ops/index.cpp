// Indexing by tensors of integers. take and scatter_rows are transposes of one another, so are gather and scatter
// elements.
#include <algorithm>

#include "core/tape.h"
#include "ops/functions.h"
#include "ops/table.h"

namespace adcore {
namespace {

/// The index as int64, every entry wrapped into [0, size). Throws an IndexError that names the entry as the user gave
/// it.
Tensor checked_index(const char* op, const Tensor& index, int64_t size) {
  if (!is_integer(index.dtype())) {
    fail(ErrorKind::Type, op, ": indices must be integers, got ", name_of(index.dtype()), ".");
  }
  const Tensor given = as_contiguous(index, DType::Int64);
  Tensor out(index.shape(), DType::Int64);
  const auto* p = given.data_as<int64_t>();
  auto* q = out.mutable_data_as<int64_t>();
  for (int64_t i = 0; i < given.size(); ++i) {
    if (p[i] < -size || p[i] >= size) {
      fail(ErrorKind::Index, op, ": index ", p[i], " is out of range for an axis of size ", size, ".");
    }
    q[i] = p[i] < 0 ? p[i] + size : p[i];
  }
  return out;
}

struct Parts {
  int64_t outer = 1, size = 1, inner = 1;
};
Parts parts_of(const Dims& shape, int64_t axis) {
  Parts p;
  for (int i = 0; i < shape.size(); ++i) (i < axis ? p.outer : i == axis ? p.size : p.inner) *= shape[i];
  return p;
}

/// Sums of half precision run in the compute type.
template <class F>
void accumulate_into(Tensor& out, F f) {
  const DType storage = storage_of(compute_of(out.dtype()));
  Tensor total = full(out.shape(), 0.0, storage);
  f(total);
  copy_to(total, out.mutable_data(), out.dtype());
}

// ---- take: operands x, index; attributes: axis, then x's shape ----------------------------------------------------

struct TakeAttr {
  int64_t axis;
  DimsAttr shape;
};

Tensor scatter_rows(const Tensor& v, const Tensor& index, const TakeAttr& a);

void take_infer(Call& call) {
  const auto a = call.attrs.as<TakeAttr>();
  Dims shape;
  for (int i = 0; i < a.axis; ++i) shape.push_back(a.shape.v[i]);
  for (int64_t d : call.in(1).shape()) shape.push_back(d);
  for (int64_t i = a.axis + 1; i < a.shape.rank; ++i) shape.push_back(a.shape.v[i]);
  call.out->set_shape(shape, call.in(0).dtype());
}
void take_kernel(Call& call) {
  const auto a = call.attrs.as<TakeAttr>();
  const Tensor x = as_contiguous(call.in(0)), index = as_contiguous(call.in(1), DType::Int64);
  const Parts p = parts_of(x.shape(), a.axis);
  kernels().take({x.data(), index.data_as<int64_t>(), call.out->mutable_data(), p.outer, p.size, index.size(),
                  p.inner * static_cast<int64_t>(size_of(x.dtype()))});
}
void take_vjp(Pullback& p) { p.give(0, scatter_rows(p.g, p.in(1), p.attrs<TakeAttr>())); }
const Op kTake{.name = "take",
               .kind = OpKind::Linear,
               .infer = take_infer,
               .kernel = take_kernel,
               .vjp = take_vjp,
               .needs = {needs_input(1)}};

void scatter_rows_infer(Call& call) { call.out->set_shape(call.attrs.as<TakeAttr>().shape.dims(), call.in(0).dtype()); }
void scatter_rows_kernel(Call& call) {
  const auto a = call.attrs.as<TakeAttr>();
  const Compute compute = compute_of(call.in(0).dtype());
  const Tensor v = as_contiguous(call.in(0), storage_of(compute)), index = as_contiguous(call.in(1), DType::Int64);
  const Parts p = parts_of(call.out->shape(), a.axis);
  accumulate_into(*call.out, [&](Tensor& total) {
    kernels().reduce[static_cast<int>(compute)].index_add(
        {total.mutable_data(), index.data_as<int64_t>(), v.data(), p.outer, p.size, index.size(), p.inner});
  });
}
void scatter_rows_vjp(Pullback& p) { p.give(0, take(p.g, p.in(1), p.attrs<TakeAttr>().axis)); }
const Op kScatterRows{.name = "scatter_rows",
                      .kind = OpKind::Linear,
                      .infer = scatter_rows_infer,
                      .kernel = scatter_rows_kernel,
                      .vjp = scatter_rows_vjp,
                      .needs = {needs_input(1)}};
Tensor scatter_rows(const Tensor& v, const Tensor& index, const TakeAttr& a) {
  return apply(kScatterRows, {&v, &index}, Attrs(a));
}

// ---- gather elements ----------------------------------------------------------------------------------------------

Tensor scatter_elements(const Tensor& v, const Tensor& index, const TakeAttr& a);

GatherArgs gather_args(const Tensor& x, const void* data, const Tensor& index, const void* out, int64_t axis) {
  const Parts p = parts_of(x.shape(), axis);
  return {data,
          index.data_as<int64_t>(),
          const_cast<void*>(out),
          p.outer,
          p.size,
          index.shape()[static_cast<int>(axis)],
          p.inner,
          static_cast<int64_t>(size_of(x.dtype()))};
}

/// The kernel walks x and the index alike in all axes but one; where the index is smaller, x is cut to it.
Tensor cut_to(const Tensor& x, const Tensor& index, int64_t axis) {
  Slice s = whole(x.shape());
  for (int i = 0; i < x.rank(); ++i)
    if (i != axis) s.count.v[i] = index.shape()[i];
  return slice(x, s);
}

void gather_infer(Call& call) { call.out->set_shape(call.in(1).shape(), call.in(0).dtype()); }
void gather_kernel(Call& call) {
  const auto a = call.attrs.as<TakeAttr>();
  const Tensor x = as_contiguous(call.in(0)), index = as_contiguous(call.in(1), DType::Int64);
  kernels().gather(gather_args(x, x.data(), index, call.out->mutable_data(), a.axis));
}
void gather_vjp(Pullback& p) { p.give(0, scatter_elements(p.g, p.in(1), p.attrs<TakeAttr>())); }
const Op kGather{.name = "gather_elements",
                 .kind = OpKind::Linear,
                 .infer = gather_infer,
                 .kernel = gather_kernel,
                 .vjp = gather_vjp,
                 .needs = {needs_input(1)}};

void scatter_kernel(Call& call) {
  const auto a = call.attrs.as<TakeAttr>();
  const Compute compute = compute_of(call.in(0).dtype());
  const Tensor v = as_contiguous(call.in(0), storage_of(compute)), index = as_contiguous(call.in(1), DType::Int64);
  accumulate_into(*call.out, [&](Tensor& total) {
    kernels().reduce[static_cast<int>(compute)].scatter_add(gather_args(total, total.data(), index, v.data(), a.axis));
  });
}
void scatter_vjp(Pullback& p) {
  const auto a = p.attrs<TakeAttr>();
  const Tensor index = p.in(1);
  p.give(0, apply(kGather, {&p.g, &index}, Attrs(a)));
}
const Op kScatter{.name = "scatter_elements",
                  .kind = OpKind::Linear,
                  .infer = scatter_rows_infer,
                  .kernel = scatter_kernel,
                  .vjp = scatter_vjp,
                  .needs = {needs_input(1)}};
Tensor scatter_elements(const Tensor& v, const Tensor& index, const TakeAttr& a) {
  return apply(kScatter, {&v, &index}, Attrs(a));
}

// ---- put rows: operands x [size, ...], index [count], v [count, ...] ----------------------------------------------

void put_rows_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }
void put_rows_kernel(Call& call) {
  Tensor& out = *call.out;
  const Tensor v = as_contiguous(call.in(2), out.dtype()), index = as_contiguous(call.in(1), DType::Int64);
  copy_to(call.in(0), out.mutable_data(), out.dtype());
  const Parts p = parts_of(out.shape(), 0);
  kernels().put({out.mutable_data(), index.data_as<int64_t>(), v.data(), 1, p.size, index.size(),
                 p.inner * static_cast<int64_t>(size_of(out.dtype()))});
}

/// 1 for the rows of v that stayed, 0 for those that a later equal index overwrote.
Tensor survivors(const Tensor& index, int64_t size, int rank, DType dtype) {
  Dims shape(rank, 1);
  shape[0] = index.size();
  std::vector<int64_t> last(static_cast<size_t>(size), -1);
  const auto* p = index.data_as<int64_t>();
  for (int64_t i = 0; i < index.size(); ++i) last[static_cast<size_t>(p[i])] = i;
  Tensor mask(shape, DType::Bool);
  for (int64_t i = 0; i < index.size(); ++i) mask.mutable_data_as<uint8_t>()[i] = last[static_cast<size_t>(p[i])] == i;
  return cast(mask, dtype);
}

void put_rows_vjp(Pullback& p) {
  const Tensor index = p.in(1);
  if (p.active(0)) {
    Dims shape = p.g.shape();
    shape[0] = index.size();
    p.give(0, put_rows(p.g, index, full(shape, 0.0, p.g.dtype())));
  }
  if (p.active(2)) p.give(2, take(p.g, index, 0) * survivors(index, p.g.shape()[0], p.g.rank(), p.g.dtype()));
}
const Op kPutRows{.name = "put_rows",
                  .kind = OpKind::Linear,
                  .infer = put_rows_infer,
                  .kernel = put_rows_kernel,
                  .vjp = put_rows_vjp,
                  .needs = {needs_input(1), 0, needs_input(1)}};

}  // namespace

Tensor take(const Tensor& x, const Tensor& index, int64_t axis) {
  const TakeAttr a{checked_axis("gather", axis, x.rank()), DimsAttr(x.shape())};
  const Tensor i = checked_index("gather", index, x.shape()[static_cast<int>(a.axis)]);
  return apply(kTake, {&x, &i}, Attrs(a));
}

Tensor gather_elements(const Tensor& x, int64_t axis, const Tensor& index) {
  const int at = checked_axis("gather_elements", axis, x.rank());
  bool fits = index.rank() == x.rank();
  for (int i = 0; fits && i < x.rank(); ++i) fits = i == at || index.shape()[i] <= x.shape()[i];
  if (!fits) {
    fail(ErrorKind::Value, "gather_elements: an index of shape ", to_string(index.shape()), " does not fit ",
         to_string(x.shape()), " along axis ", axis, ".");
  }
  const Tensor cut = cut_to(x, index, at), i = checked_index("gather_elements", index, x.shape()[at]);
  return apply(kGather, {&cut, &i}, Attrs(TakeAttr{at, DimsAttr(cut.shape())}));
}

Tensor put_rows(const Tensor& x, const Tensor& index, const Tensor& v) {
  Dims rows = x.shape();
  if (!rows.empty()) rows[0] = index.size();
  if (rows.empty() || index.rank() != 1 || !(v.shape() == rows)) {
    fail(ErrorKind::Value, "setitem: values of shape ", to_string(v.shape()), " are not ", index.size(),
         " rows of shape ", to_string(x.shape()), ".");
  }
  const Tensor i = checked_index("setitem", index, x.shape()[0]);
  return apply(kPutRows, {&x, &i, &v});
}

Tensor nonzero(const Tensor& x) {
  const Tensor hit = as_contiguous(map("not_equal", x.detached(), number(0.0, x)));
  const auto* p = hit.data_as<uint8_t>();
  const int64_t found = std::count(p, p + hit.size(), uint8_t{1});
  Tensor out(Dims{found, x.rank()}, DType::Int64);
  auto* q = out.mutable_data_as<int64_t>();
  for (int64_t i = 0; i < hit.size(); ++i) {
    if (!p[i]) continue;
    int64_t rest = i;
    for (int axis = x.rank() - 1; axis >= 0; --axis) {
      q[axis] = rest % x.shape()[axis];
      rest /= x.shape()[axis];
    }
    q += x.rank();
  }
  return out;
}

namespace {

Tensor index_select(Args& a) {
  if (a.tensor(2).rank() != 1) {
    fail(ErrorKind::Value, "index_select: the index must have one axis, got shape ", to_string(a.tensor(2).shape()),
         ".");
  }
  return take(a.tensor(0), a.tensor(2), a.integer(1));
}

constexpr Function kFunctions[] = {
    {"gather(input_params: Tensor, input_indices: Tensor, axis: int)",
     "Slices along an axis, at integer indices of any shape; negative ones count from the end.",
     {"gather(Tensor([10, 20, 30]), Tensor([2, 0]), 0)", "[30 10]"},
     [](Args& a) { return take(a.tensor(0), a.tensor(1), a.integer(2)); }},
    {"index_select(input: Tensor, axis: int, index: Tensor)",
     "Slices along an axis, at a list of integer indices.",
     {"index_select(Tensor([10, 20, 30]), 0, Tensor([2, 0]))", "[30 10]"},
     index_select},
    {"gather_elements(input: Tensor, dim: int, index: Tensor)",
     "Elements along an axis: out[i][j] = input[index[i][j]][j] for axis 0.",
     {"gather_elements(Tensor([[1, 2], [3, 4]]), 1, Tensor([[1], [0]]))", "[[2]\n [3]]"},
     [](Args& a) { return gather_elements(a.tensor(0), a.integer(1), a.tensor(2)); }},
    {"nonzero(input: Tensor)",
     "Coordinates of the nonzero elements, one row each.",
     {"nonzero(Tensor([0, 5, 7]))", "[[1]\n [2]]"},
     [](Args& a) { return nonzero(a.tensor(0)); }},
};

}  // namespace

const std::span<const Function> kIndexFunctions = kFunctions;

}  // namespace adcore
