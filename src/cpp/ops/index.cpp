// Indexing by tensors of integers. take and scatter_rows are transposes of one another, so are gather and scatter
// elements.
#include <algorithm>
#include <cstring>

#include "core/pullback.h"
#include "ops/functions.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

// ---- checked index: operand index; an op, so that it works on whatever stands for the index -----------------------

struct CheckAttr {
  int64_t size;
  char who[32];  // the op that the user called, for the error
};
void check_infer(Call& call) { call.out->set_shape(call.in(0).shape(), DType::Int64); }
void check_run(Call& call) {
  const auto a = call.attrs.as<CheckAttr>();
  const int64_t size = a.size;
  const Tensor given = as_contiguous(call.in(0), DType::Int64);
  const auto* p = given.data_as<int64_t>();
  auto* q = call.out->mutable_data_as<int64_t>();
  for (int64_t i = 0; i < given.size(); ++i) {
    if (p[i] < -size || p[i] >= size) {
      fail(ErrorKind::Index, a.who, ": index ", p[i], " is out of range for an axis of size ", size, ".");
    }
    q[i] = p[i] < 0 ? p[i] + size : p[i];
  }
}
const Op kCheckIndex{
    .name = "check_index", .kind = OpKind::Constant, .infer = check_infer, .run = check_run, .batch = batch_same};

struct Parts {
  int64_t outer = 1, size = 1, inner = 1;
};
Parts parts_of(const Dims& shape, int64_t axis) {
  Parts p;
  for (int i = 0; i < shape.size(); ++i) (i < axis ? p.outer : i == axis ? p.size : p.inner) *= shape[i];
  return p;
}

/// Output 0 as a copy of operand 0, or operand 0 itself, to which f adds in the compute type.
template <class F>
void add_into(Call& call, F f) {
  Tensor& out = *call.out;
  const DType storage = storage_of(compute_of(out.dtype()));
  if (out.dtype() == storage) {
    if (!call.in_place) copy_to(call.in(0), out.mutable_data(), storage);
    return f(out);
  }
  Tensor total(out.shape(), storage);
  copy_to(call.in(0), total.mutable_data(), storage);
  f(total);
  copy_to(total, out.mutable_data(), out.dtype());
}

// ---- take: operands x, index; attributes: axis, then x's shape ----------------------------------------------------

struct TakeAttr {
  int64_t axis;
  DimsAttr shape;
};

Tensor add_rows(Tensor&& base, const Tensor& v, const Tensor& index, const TakeAttr& a);

void take_infer(Call& call) {
  const auto a = call.attrs.as<TakeAttr>();
  Dims shape;
  for (int i = 0; i < a.axis; ++i) shape.push_back(a.shape.v[i]);
  for (int64_t d : call.in(1).shape()) shape.push_back(d);
  for (int64_t i = a.axis + 1; i < a.shape.rank; ++i) shape.push_back(a.shape.v[i]);
  call.out->set_shape(shape, call.in(0).dtype());
}
void take_run(Call& call) {
  const auto a = call.attrs.as<TakeAttr>();
  const Tensor x = as_contiguous(call.in(0)), index = as_contiguous(call.in(1), DType::Int64);
  const Parts p = parts_of(x.shape(), a.axis);
  kernels().take({x.data(), index.data_as<int64_t>(), call.out->mutable_data(), p.outer, p.size, index.size(),
                  p.inner * static_cast<int64_t>(size_of(x.dtype()))});
}
void take_vjp(Pullback& p) {
  p.give_part(0, [&](Tensor&& held) { return add_rows(std::move(held), p.g, p.in(1), p.attrs<TakeAttr>()); });
}
/// The same axis of every member.
TakeAttr with_batch(const Batching& b) {
  auto a = b.attrs.as<TakeAttr>();
  Dims shape = a.shape.dims();
  shape.insert(0, b.size);
  return {a.axis + 1, DimsAttr(shape)};
}
/// 0, n, 2 n, ...: the place of the first row of every member where the members' rows stand one after another.
Tensor first_rows(int64_t members, int64_t n, int rank) {
  Dims shape(rank, 1);
  shape[0] = members;
  Tensor t(shape, DType::Int64);
  for (int64_t i = 0; i < members; ++i) t.mutable_data_as<int64_t>()[i] = i * n;
  return t;
}
Dims axis_moved(int rank, int from, int to) {
  Dims order;
  for (int i = 0; i < rank; ++i) order.push_back(i);
  order.erase(from);
  order.insert(to, from);
  return order;
}
Dims permuted(const Dims& shape, const Dims& order) {
  Dims d;
  for (int64_t a : order) d.push_back(shape[static_cast<int>(a)]);
  return d;
}
void take_batch(Batching& b) {
  const TakeAttr a = with_batch(b);
  if (!b.batched(1)) return b.run(a);
  // Every member its own rows: of all members' rows one after another.
  const int rank = b.members[0].rank(), axis = static_cast<int>(a.axis), index_rank = b.members[1].rank();
  const Tensor x = permute(b.front(0), axis_moved(rank + 1, axis, 1));
  const int64_t n = x.shape()[1];
  Dims rows = x.shape();
  rows.erase(0);
  rows[0] = n * b.size;
  const Tensor index = b.value(1) + first_rows(b.size, n, index_rank + 1);
  Tensor y = take(reshape(x, rows), index, 0);  // members, index, the other axes
  for (int i = 1; i < axis; ++i) y = permute(y, axis_moved(y.rank(), index_rank + i, i));
  b.give(y);
}
const Op kTake{.name = "take",
               .kind = OpKind::Linear,
               .infer = take_infer,
               .run = take_run,
               .vjp = take_vjp,
               .needs = {needs_input(1)},
               .batch = take_batch};

// ---- its transpose, added to what is there: operands base, v, index -----------------------------------------------

void same_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }
int64_t add_work(const Call& call) { return 2 * call.in(1).size() + (call.in_place ? 0 : call.out->size()); }
void add_rows_run(Call& call) {
  const auto a = call.attrs.as<TakeAttr>();
  const Compute compute = compute_of(call.out->dtype());
  const Tensor v = as_contiguous(call.in(1), storage_of(compute)), index = as_contiguous(call.in(2), DType::Int64);
  const Parts p = parts_of(call.out->shape(), a.axis);
  add_into(call, [&](Tensor& total) {
    kernels().places[static_cast<int>(compute)].index_add(
        {total.mutable_data(), index.data_as<int64_t>(), v.data(), p.outer, p.size, index.size(), p.inner});
  });
}
void add_rows_vjp(Pullback& p) {
  if (p.active(1)) p.give(1, take(p.g, p.in(2), p.attrs<TakeAttr>().axis));
  if (p.active(0)) p.give(0, p.take_g());
}
void add_rows_batch(Batching& b) {
  const TakeAttr a = with_batch(b);
  if (!b.batched(0)) b.members[0].value = b.front(0), b.members[0].batched = true;
  b.members[1].value = b.front(1);
  if (!b.batched(2)) return b.run(a);
  const int rank = static_cast<int>(a.shape.rank) - 1, axis = static_cast<int>(a.axis),
            index_rank = b.members[2].rank();
  // The inverse of take_batch().
  Tensor v = b.value(1);
  for (int i = axis - 1; i >= 1; --i) v = permute(v, axis_moved(v.rank(), i, index_rank + i));
  const int64_t n = a.shape.v[axis];
  const Dims order = axis_moved(rank + 1, axis, 1);
  const Dims moved = permuted(a.shape.dims(), order);
  Dims rows = moved;
  rows.erase(0);
  rows[0] = n * b.size;
  const Tensor index = b.value(2) + first_rows(b.size, n, index_rank + 1);
  Tensor base = reshape(permute(b.value(0), order), rows);
  const Tensor y = reshape(add_rows(std::move(base), v, index, {0, DimsAttr(rows)}), moved);
  b.give(permute(y, axis_moved(rank + 1, 1, axis)));
}
const Op kAddRows{.name = "add_rows",
                  .kind = OpKind::Linear,
                  .infer = same_infer,
                  .run = add_rows_run,
                  .vjp = add_rows_vjp,
                  .over = {needs_input(0)},
                  .needs = {0, needs_input(2)},
                  .batch = add_rows_batch,
                  .work = add_work};
Tensor add_rows(Tensor&& base, const Tensor& v, const Tensor& index, const TakeAttr& a) {
  return apply_over(kAddRows, std::move(base), {&v, &index}, Attrs(a));
}

// ---- gather elements ----------------------------------------------------------------------------------------------

Tensor add_elements(Tensor&& base, const Tensor& v, const Tensor& index, const TakeAttr& a);

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
void gather_run(Call& call) {
  const auto a = call.attrs.as<TakeAttr>();
  const Tensor x = as_contiguous(call.in(0)), index = as_contiguous(call.in(1), DType::Int64);
  kernels().gather(gather_args(x, x.data(), index, call.out->mutable_data(), a.axis));
}
void gather_vjp(Pullback& p) {
  p.give_part(0, [&](Tensor&& held) { return add_elements(std::move(held), p.g, p.in(1), p.attrs<TakeAttr>()); });
}
void elements_batch(Batching& b) {
  for (int k = 0; k < b.count(); ++k)
    if (!b.batched(k))
      b.members[static_cast<size_t>(k)].value = b.front(k), b.members[static_cast<size_t>(k)].batched = true;
  b.run(with_batch(b));
}
const Op kGather{.name = "gather_elements",
                 .kind = OpKind::Linear,
                 .infer = gather_infer,
                 .run = gather_run,
                 .vjp = gather_vjp,
                 .needs = {needs_input(1)},
                 .batch = elements_batch};

/// The transpose, added to what is there: operands base, v, index.
void add_elements_run(Call& call) {
  const auto a = call.attrs.as<TakeAttr>();
  const Compute compute = compute_of(call.out->dtype());
  const Tensor v = as_contiguous(call.in(1), storage_of(compute)), index = as_contiguous(call.in(2), DType::Int64);
  add_into(call, [&](Tensor& total) {
    kernels().places[static_cast<int>(compute)].scatter_add(gather_args(total, total.data(), index, v.data(), a.axis));
  });
}
void add_elements_vjp(Pullback& p) {
  if (p.active(1)) p.give(1, apply(kGather, {&p.g, &p.in(2)}, p.attrs()));
  if (p.active(0)) p.give(0, p.take_g());
}
const Op kAddElements{.name = "add_elements",
                      .kind = OpKind::Linear,
                      .infer = same_infer,
                      .run = add_elements_run,
                      .vjp = add_elements_vjp,
                      .over = {needs_input(0)},
                      .needs = {0, needs_input(2)},
                      .batch = elements_batch,
                      .work = add_work};
Tensor add_elements(Tensor&& base, const Tensor& v, const Tensor& index, const TakeAttr& a) {
  return apply_over(kAddElements, std::move(base), {&v, &index}, Attrs(a));
}

// ---- put rows: operands x [size, ...], index [count], v [count, ...] ----------------------------------------------

void put_rows_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }
void put_rows_run(Call& call) {
  Tensor& out = *call.out;
  const Tensor v = as_contiguous(call.in(2), out.dtype()), index = as_contiguous(call.in(1), DType::Int64);
  copy_to(call.in(0), out.mutable_data(), out.dtype());
  const Parts p = parts_of(out.shape(), 0);
  kernels().put({out.mutable_data(), index.data_as<int64_t>(), v.data(), 1, p.size, index.size(),
                 p.inner * static_cast<int64_t>(size_of(out.dtype()))});
}

/// 1 for the entries of an index whose row stayed, 0 for those that a later equal entry overwrote.
struct SurvivorsAttr {
  int64_t size, dtype;
};
void survivors_infer(Call& call) {
  call.out->set_shape(call.in(0).shape(), static_cast<DType>(call.attrs.as<SurvivorsAttr>().dtype));
}
void survivors_run(Call& call) {
  const Tensor index = as_contiguous(call.in(0), DType::Int64);
  std::vector<int64_t> last(static_cast<size_t>(call.attrs.as<SurvivorsAttr>().size), -1);
  const auto* p = index.data_as<int64_t>();
  for (int64_t i = 0; i < index.size(); ++i) last[static_cast<size_t>(p[i])] = i;
  Tensor mask(index.shape(), DType::Bool);
  for (int64_t i = 0; i < index.size(); ++i) mask.mutable_data_as<uint8_t>()[i] = last[static_cast<size_t>(p[i])] == i;
  copy_to(mask, call.out->mutable_data(), call.out->dtype());
}
const Op kSurvivors{.name = "survivors", .kind = OpKind::Constant, .infer = survivors_infer, .run = survivors_run};
Tensor survivors(const Tensor& index, int64_t size, int rank, DType dtype) {
  Dims shape(rank, 1);
  shape[0] = index.size();
  return reshape(apply(kSurvivors, {&index}, Attrs(SurvivorsAttr{size, static_cast<int64_t>(dtype)})), shape);
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
                  .run = put_rows_run,
                  .vjp = put_rows_vjp,
                  .needs = {needs_input(1), 0, needs_input(1)}};

}  // namespace

Tensor checked_index(const char* op, const Tensor& index, int64_t size) {
  if (!is_integer(index.dtype())) {
    fail(ErrorKind::Type, op, ": indices must be integers, got ", name_of(index.dtype()), ".");
  }
  CheckAttr a{size, {}};
  std::strncpy(a.who, op, sizeof a.who - 1);
  return apply(kCheckIndex, {&index}, Attrs(a));
}

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
  const Tensor hit = as_contiguous(map("not_equal", without_derivative(x), number(0.0, x)));
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

Tensor index_select(const Tensor& x, int64_t axis, const Tensor& index) {
  if (index.rank() != 1) {
    fail(ErrorKind::Value, "index_select: the index must have one axis, got shape ", to_string(index.shape()), ".");
  }
  return take(x, index, axis);
}

constexpr Function kFunctions[] = {
    def("gather(input_params, input_indices, axis)",
        "Slices along an axis, at integer indices of any shape; negative ones count from the end.",
        {"gather(Tensor([10, 20, 30]), Tensor([2, 0]), 0)", "[30 10]"},
        [](const Tensor& x, const Tensor& index, int64_t axis) { return take(x, index, axis); },
        {.samples = {"gather(x(3, 4), i(3), 0) ** 2", "gather(x(3, 4), i(2, 2, n=4), 1) ** 2"}}),
    def("index_select(input, axis, index)", "Slices along an axis, at a list of integer indices.",
        {"index_select(Tensor([10, 20, 30]), 0, Tensor([2, 0]))", "[30 10]"},
        [](const Tensor& x, int64_t axis, const Tensor& index) { return index_select(x, axis, index); },
        {.samples = {"index_select(x(3, 4), 1, i(3)) ** 2"}}),
    def("gather_elements(input, dim, index)", "Elements along an axis: out[i][j] = input[index[i][j]][j] for axis 0.",
        {"gather_elements(Tensor([[1, 2], [3, 4]]), 1, Tensor([[1], [0]]))", "[[2]\n [3]]"},
        [](const Tensor& x, int64_t axis, const Tensor& index) { return gather_elements(x, axis, index); },
        {.samples = {"gather_elements(x(3, 4), 0, i(2, 4)) ** 2"}}),
    def("nonzero(input)", "Coordinates of the nonzero elements, one row each.",
        {"nonzero(Tensor([0, 5, 7]))", "[[1]\n [2]]"}, [](const Tensor& x) { return nonzero(x); },
        {.samples = {"nonzero(i(3, 4))"}}),
};

}  // namespace

const std::span<const Function> kIndexFunctions = kFunctions;

}  // namespace adcore
