// Indexing by tensors of integers. Start reading at IndexOps.
#include <vector>

#include "core/pullback.h"
#include "ops/regions.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

// ---- index maps ---------------------------------------------------------------------------------------------------

// A map says which elements of a tensor an index names, in attributes: the axis, then the tensor's shape. Each has three
// ops, of which the rules stand here once:
//   read  operands x, index
//   add   operands base, v, index: what read gives is added where it came from
//   put   the same, written; of equal indices the last wins
struct MapAttr {
  int64_t axis;
  DimsAttr shape;

  int at() const { return static_cast<int>(axis); }
};

struct Parts {
  int64_t outer = 1, size = 1, inner = 1;
};
Parts parts_of(const MapAttr& a) {
  Parts p;
  for (int i = 0; i < a.shape.rank; ++i) (i < a.axis ? p.outer : i == a.axis ? p.size : p.inner) *= a.shape.v[i];
  return p;
}

/// The same axis of every member.
MapAttr with_batch(const Batching& b) {
  const auto a = b.attrs.as<MapAttr>();
  Dims shape = a.shape.dims();
  shape.insert(0, b.size);
  return {a.axis + 1, DimsAttr(shape)};
}

/// Gives the first so many operands a batch axis.
void bring_to_front(Batching& b, int operands) {
  for (int k = 0; k < operands; ++k) {
    if (b.batched(k)) continue;
    Batching::Member& m = b.members[static_cast<size_t>(k)];
    m.value = b.front(k);
    m.batched = true;
  }
}

template <class Map>
struct IndexOps {
  static const Op read, add, put;

  static void read_infer(Call& call) {
    call.out->set_shape(Map::shape(call.attrs.as<MapAttr>(), call.in(1).shape()), call.in(0).dtype());
  }
  static void read_run(Call& call) {
    const Tensor x = as_contiguous(call.in(0)), index = as_contiguous(call.in(1), DType::Int64);
    Map::run_read(call.attrs.as<MapAttr>(), x, index, *call.out);
  }
  static void read_vjp(Pullback& p) {
    p.give_part(0, [&](Tensor&& held) { return apply_over(add, std::move(held), {&p.g, &p.in(1)}, p.attrs()); });
  }

  static void base_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }
  static int64_t base_work(const Call& call) { return 2 * call.in(1).size() + (call.in_place ? 0 : call.out->size()); }

  static void add_run(Call& call) {
    const Compute compute = compute_of(call.out->dtype());
    const Tensor v = as_contiguous(call.in(1), storage_of(compute)), index = as_contiguous(call.in(2), DType::Int64);
    add_into(call, [&](Tensor& total) { Map::run_add(call.attrs.as<MapAttr>(), total, v, index, compute); });
  }
  static void add_vjp(Pullback& p) {
    if (p.active(1)) p.give(1, apply(read, {&p.g, &p.in(2)}, p.attrs()));
    if (p.active(0)) p.give(0, p.take_g());
  }

  static void put_run(Call& call) {
    Tensor& out = *call.out;
    const Tensor v = as_contiguous(call.in(1), out.dtype()), index = as_contiguous(call.in(2), DType::Int64);
    if (!call.in_place) copy_to(call.in(0), out.mutable_data(), out.dtype());
    Map::run_put(call.attrs.as<MapAttr>(), out, v, index);
  }
  static void put_vjp(Pullback& p) {
    const Tensor& index = p.in(2);
    if (p.active(1)) p.give(1, apply(read, {&p.g, &index}, p.attrs()) * Map::survivors(p.attrs<MapAttr>(), index, p.g));
    if (!p.active(0)) return;
    const Tensor zero = full(Map::shape(p.attrs<MapAttr>(), index.shape()), 0.0, p.g.dtype());
    p.give(0, apply_over(put, p.take_g(), {&zero, &index}, p.attrs()));
  }

  static void batch(Batching& b) { &b.op == &read ? Map::batch_read(b) : Map::batch_base(b); }
};

template <class Map>
const Op IndexOps<Map>::read{.name = Map::kReadName,
                             .kind = OpKind::Linear,
                             .infer = read_infer,
                             .run = read_run,
                             .vjp = read_vjp,
                             .needs = {needs_input(1)},
                             .batch = batch};
template <class Map>
const Op IndexOps<Map>::add{.name = Map::kAddName,
                            .kind = OpKind::Linear,
                            .infer = base_infer,
                            .run = add_run,
                            .vjp = add_vjp,
                            .over = {needs_input(0)},
                            .needs = {0, needs_input(2)},
                            .batch = batch,
                            .work = base_work};
template <class Map>
const Op IndexOps<Map>::put{.name = Map::kPutName,
                            .kind = OpKind::Linear,
                            .infer = base_infer,
                            .run = put_run,
                            .vjp = put_vjp,
                            .over = {needs_input(0)},
                            .needs = {needs_input(2), needs_input(2)},
                            .batch = batch,
                            .work = base_work};

// ---- rows: the index stands for the axis --------------------------------------------------------------------------

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
/// Every member's rows are others than those of the members before.
void survivors_batch(Batching& b) {
  auto a = b.attrs.as<SurvivorsAttr>();
  b.members[0].value = b.value(0) + first_rows(b.size, a.size, b.value(0).rank());
  a.size *= b.size;
  b.run(a);
}
const Op kSurvivors{.name = "survivors",
                    .kind = OpKind::Constant,
                    .infer = survivors_infer,
                    .run = survivors_run,
                    .batch = survivors_batch};

struct Rows {
  static constexpr const char *kReadName = "take", *kAddName = "add_rows", *kPutName = "put_rows";

  static Dims shape(const MapAttr& a, const Dims& index) {
    Dims shape;
    for (int i = 0; i < a.axis; ++i) shape.push_back(a.shape.v[i]);
    for (int64_t d : index) shape.push_back(d);
    for (int64_t i = a.axis + 1; i < a.shape.rank; ++i) shape.push_back(a.shape.v[i]);
    return shape;
  }
  static int64_t row_bytes(const Parts& p, DType t) { return p.inner * static_cast<int64_t>(size_of(t)); }
  static void run_read(const MapAttr& a, const Tensor& x, const Tensor& index, Tensor& out) {
    const Parts p = parts_of(a);
    kernels().take({x.data(), index.data_as<int64_t>(), out.mutable_data(), p.outer, p.size, index.size(),
                    row_bytes(p, x.dtype())});
  }
  static void run_add(const MapAttr& a, Tensor& total, const Tensor& v, const Tensor& index, Compute compute) {
    const Parts p = parts_of(a);
    kernels().places[static_cast<int>(compute)].index_add(
        {total.mutable_data(), index.data_as<int64_t>(), v.data(), p.outer, p.size, index.size(), p.inner});
  }
  static void run_put(const MapAttr& a, Tensor& out, const Tensor& v, const Tensor& index) {
    const Parts p = parts_of(a);
    kernels().put({out.mutable_data(), index.data_as<int64_t>(), v.data(), p.outer, p.size, index.size(),
                   row_bytes(p, out.dtype())});
  }
  static Tensor survivors(const MapAttr& a, const Tensor& index, const Tensor& like) {
    Dims shape = index.shape();
    for (int64_t i = a.axis + 1; i < a.shape.rank; ++i) shape.push_back(1);
    const SurvivorsAttr attributes{a.shape.v[a.axis], static_cast<int64_t>(like.dtype())};
    return reshape(apply(kSurvivors, {&index}, Attrs(attributes)), shape);
  }
  static void batch_read(Batching& b) {
    if (!b.batched(1)) return b.run(with_batch(b));
    const int axis = b.attrs.as<MapAttr>().at(), index_rank = b.members[1].rank();
    if (!b.batched(0)) {  // one table for all
      const Tensor y = apply(b.op, {&b.value(0), &b.value(1)}, b.attrs);
      return b.give(permute(y, axis_moved(y.rank(), axis, 0)));
    }
    const Joined all(b, b.value(1));
    const Tensor x = all.rows_of(b.value(0));
    Tensor y = apply(b.op, {&x, &all.index}, Attrs(all.attrs));  // members, index, the other axes
    for (int i = 1; i <= axis; ++i) y = permute(y, axis_moved(y.rank(), index_rank + i, i));
    b.give(y);
  }
  static void batch_base(Batching& b) {
    bring_to_front(b, 2);
    if (!b.batched(2)) return b.run(with_batch(b));
    const Joined all(b, b.value(2));
    const Tensor base = all.rows_of(b.value(0));
    Tensor v = b.value(1);
    for (int i = b.attrs.as<MapAttr>().at(); i >= 1; --i)
      v = permute(v, axis_moved(v.rank(), i, b.members[2].rank() + i));
    b.give(all.members_of(apply(b.op, {&base, &v, &all.index}, Attrs(all.attrs))));
  }

 private:
  /// Every member its own rows: those of all members one after another, the axis first.
  struct Joined {
    int axis;
    Dims order, moved;
    MapAttr attrs{};
    Tensor index;

    Joined(const Batching& b, const Tensor& indices) {
      const MapAttr a = with_batch(b);
      axis = a.at();
      order = axis_moved(static_cast<int>(a.shape.rank), axis, 1);
      moved = permuted(a.shape.dims(), order);
      Dims rows = moved;
      rows.erase(0);
      rows[0] = moved[1] * b.size;
      attrs = {0, DimsAttr(rows)};
      index = indices + first_rows(b.size, moved[1], indices.rank());
    }
    Tensor rows_of(const Tensor& members) const { return reshape(permute(members, order), attrs.shape.dims()); }
    Tensor members_of(const Tensor& rows) const {
      return permute(reshape(rows, moved), axis_moved(moved.size(), 1, axis));
    }
  };
};

// ---- elements: the index has the rank of the tensor ---------------------------------------------------------------

struct Elements {
  static constexpr const char *kReadName = "gather_elements", *kAddName = "add_elements";

  static Dims shape(const MapAttr&, const Dims& index) { return index; }
  static GatherArgs args(const MapAttr& a, const Tensor& x, const Tensor& index, const void* out) {
    const Parts p = parts_of(a);
    return {x.data(),
            index.data_as<int64_t>(),
            const_cast<void*>(out),
            p.outer,
            p.size,
            index.shape()[a.at()],
            p.inner,
            static_cast<int64_t>(size_of(x.dtype()))};
  }
  static void run_read(const MapAttr& a, const Tensor& x, const Tensor& index, Tensor& out) {
    kernels().gather(args(a, x, index, out.data()));
  }
  static void run_add(const MapAttr& a, Tensor& total, const Tensor& v, const Tensor& index, Compute compute) {
    kernels().places[static_cast<int>(compute)].scatter_add(args(a, total, index, v.data()));
  }
  static void batch_read(Batching& b) {
    bring_to_front(b, 2);
    b.run(with_batch(b));
  }
  static void batch_base(Batching& b) {
    bring_to_front(b, 3);
    b.run(with_batch(b));
  }
};

/// The kernel walks x and the index alike in all axes but one; where the index is smaller, x is cut to it.
Tensor cut_to(const Tensor& x, const Tensor& index, int64_t axis) {
  Slice s = whole(x.shape());
  for (int i = 0; i < x.rank(); ++i)
    if (i != axis) s.count.v[i] = index.shape()[i];
  return slice(x, s);
}

}  // namespace

Tensor take(const Tensor& x, const Tensor& index, int64_t axis) {
  const MapAttr a{checked_axis("gather", axis, x.rank()), DimsAttr(x.shape())};
  const Tensor i = checked_index("gather", index, x.shape()[a.at()]);
  return apply(IndexOps<Rows>::read, {&x, &i}, Attrs(a));
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
  return apply(IndexOps<Elements>::read, {&cut, &i}, Attrs(MapAttr{at, DimsAttr(cut.shape())}));
}

Tensor add_elements(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& v) {
  const int at = checked_axis("add_elements", axis, x.rank());
  return apply(IndexOps<Elements>::add, {&x, &v, &index}, Attrs(MapAttr{at, DimsAttr(x.shape())}));
}

Tensor put_rows(const Tensor& x, const Tensor& index, const Tensor& v) {
  Dims rows = x.shape();
  if (!rows.empty()) rows[0] = index.size();
  if (rows.empty() || index.rank() != 1 || !(v.shape() == rows)) {
    fail(ErrorKind::Value, "setitem: values of shape ", to_string(v.shape()), " are not ", index.size(),
         " rows of shape ", to_string(x.shape()), ".");
  }
  const Tensor i = checked_index("setitem", index, x.shape()[0]);
  return apply(IndexOps<Rows>::put, {&x, &v, &i}, Attrs(MapAttr{0, DimsAttr(x.shape())}));
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
