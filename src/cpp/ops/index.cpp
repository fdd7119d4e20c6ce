// Indexing by tensors of integers. Start reading at IndexOps.
#include "ops/index.h"

#include <algorithm>
#include <vector>

#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/regions.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

// ---- index maps ---------------------------------------------------------------------------------------------------

// A map says which elements of a tensor an index names, in attributes: the axis, then the tensor's shape. Each has
// three ops, of which the rules stand here once:
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

bool is_map_of(const MapAttr& a, const Dims& shape) {
  return is_shape_of(a.shape, shape) && in_range(a.axis, 0, a.shape.rank - 1);
}
/// The index stands for elements of a tensor of the map's shape: alike in all axes but one.
bool is_beside(const Tensor& index, const MapAttr& a) {
  if (!is_shape(a.shape) || !in_range(a.axis, 0, a.shape.rank - 1) || index.rank() != a.shape.rank ||
      !is_integer(index.dtype()))
    return false;
  for (int i = 0; i < index.rank(); ++i)
    if (i != a.axis && index.shape()[i] != a.shape.v[i]) return false;
  return true;
}
int64_t size_at(const MapAttr& a) { return a.shape.v[a.axis]; }
int64_t map_bound(const Call& call) { return size_at(call.attrs.as<MapAttr>()); }

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

  static bool read_accepts(const Call& call) {
    if (!has<MapAttr>(call, 2)) return false;
    const auto a = call.attrs.as<MapAttr>();
    return is_map_of(a, call.in(0).shape()) && Map::fits(a, call.in(1));
  }
  static bool base_accepts(const Call& call) {
    if (!has<MapAttr>(call, 3)) return false;
    const auto a = call.attrs.as<MapAttr>();
    return is_map_of(a, call.in(0).shape()) && Map::fits(a, call.in(2)) &&
           call.in(1).shape() == Map::shape(a, call.in(2).shape());
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
                             .batch = batch,
                             .accepts = read_accepts,
                             .places = 1,
                             .bound = map_bound};
template <class Map>
const Op IndexOps<Map>::add{.name = Map::kAddName,
                            .kind = OpKind::Linear,
                            .infer = base_infer,
                            .run = add_run,
                            .vjp = add_vjp,
                            .over = {needs_input(0)},
                            .needs = {0, needs_input(2)},
                            .batch = batch,
                            .work = base_work,
                            .accepts = base_accepts,
                            .places = 2,
                            .bound = map_bound};
template <class Map>
const Op IndexOps<Map>::put{.name = Map::kPutName,
                            .kind = OpKind::Linear,
                            .infer = base_infer,
                            .run = put_run,
                            .vjp = put_vjp,
                            .over = {needs_input(0)},
                            .needs = {needs_input(2), needs_input(2)},
                            .batch = batch,
                            .work = base_work,
                            .accepts = base_accepts,
                            .places = 2,
                            .bound = map_bound};

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
bool survivors_accepts(const Call& call) {
  if (!has<SurvivorsAttr>(call, 1)) return false;
  const auto a = call.attrs.as<SurvivorsAttr>();
  return is_size(a.size) && is_dtype(a.dtype) && is_integer(call.in(0).dtype());
}
int64_t survivors_bound(const Call& call) { return call.attrs.as<SurvivorsAttr>().size; }
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
                    .batch = survivors_batch,
                    .accepts = survivors_accepts,
                    .places = 0,
                    .bound = survivors_bound};

struct Rows {
  static constexpr const char *kReadName = "take", *kAddName = "add_rows", *kPutName = "put_rows";

  static Dims shape(const MapAttr& a, const Dims& index) {
    Dims shape;
    for (int i = 0; i < a.axis; ++i) shape.push_back(a.shape.v[i]);
    for (int64_t d : index) shape.push_back(d);
    for (int64_t i = a.axis + 1; i < a.shape.rank; ++i) shape.push_back(a.shape.v[i]);
    return shape;
  }
  static bool fits(const MapAttr&, const Tensor& index) { return is_integer(index.dtype()); }
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

struct Last {
  template <class T>
  T operator()(T, T b) const {
    return b;
  }
};
/// NaN where one of them is.
struct Larger {
  template <class T>
  T operator()(T a, T b) const {
    return b > a || b != b ? b : a;
  }
};
struct Smaller {
  template <class T>
  T operator()(T a, T b) const {
    return b < a || b != b ? b : a;
  }
};
/// Every element of x that the index names becomes f(it, what goes there), in order.
template <class T, class F>
void combine(const GatherArgs& a, F f) {
  for (int64_t o = 0; o < a.outer; ++o) {
    T* x = static_cast<T*>(const_cast<void*>(a.x)) + o * a.size * a.inner;
    for (int64_t i = 0; i < a.count; ++i) {
      const int64_t row = (o * a.count + i) * a.inner;
      const T* v = static_cast<const T*>(a.out) + row;
      for (int64_t j = 0; j < a.inner; ++j) {
        T& to = x[a.index[row + j] * a.inner + j];
        to = f(to, v[j]);
      }
    }
  }
}
template <class F>
void combine_as(Compute compute, const GatherArgs& a, F f) {
  switch (compute) {
    case Compute::F32: return combine<float>(a, f);
    case Compute::F64: return combine<double>(a, f);
    case Compute::I64: return combine<int64_t>(a, f);
    default: return combine<uint64_t>(a, f);
  }
}

/// Where an entry of an index is the last that names its element.
void last_infer(Call& call) { call.out->set_shape(call.in(0).shape(), DType::Bool); }
void last_run(Call& call) {
  const auto a = call.attrs.as<MapAttr>();
  const Parts parts = parts_of(a);
  const Tensor index = as_contiguous(call.in(0), DType::Int64);
  std::vector<uint8_t> named(static_cast<size_t>(parts.outer * parts.size * parts.inner), 0);
  const auto* p = index.data_as<int64_t>();
  auto* q = call.out->mutable_data_as<uint8_t>();
  const int64_t count = index.shape()[a.at()];
  for (int64_t o = 0; o < parts.outer; ++o) {
    uint8_t* const seen = named.data() + o * parts.size * parts.inner;
    for (int64_t i = count - 1; i >= 0; --i) {
      for (int64_t k = 0; k < parts.inner; ++k) {
        const int64_t at = (o * count + i) * parts.inner + k;
        uint8_t& was = seen[p[at] * parts.inner + k];
        q[at] = !was;
        was = 1;
      }
    }
  }
}
bool beside_accepts(const Call& call) {
  return has<MapAttr>(call, 1) && is_beside(call.in(0), call.attrs.as<MapAttr>());
}
void last_batch(Batching& b) { b.run(with_batch(b)); }
const Op kLastElements{.name = "last_elements",
                       .kind = OpKind::Constant,
                       .infer = last_infer,
                       .run = last_run,
                       .batch = last_batch,
                       .accepts = beside_accepts,
                       .places = 0,
                       .bound = map_bound};

struct Elements {
  static constexpr const char *kReadName = "gather_elements", *kAddName = "add_elements", *kPutName = "put_elements";

  static Dims shape(const MapAttr&, const Dims& index) { return index; }
  static bool fits(const MapAttr& a, const Tensor& index) { return is_beside(index, a); }
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
  static void run_put(const MapAttr& a, Tensor& out, const Tensor& v, const Tensor& index) {
    const GatherArgs g = args(a, out, index, v.data());
    switch (g.item) {
      case 1: return combine<uint8_t>(g, Last());
      case 2: return combine<uint16_t>(g, Last());
      case 4: return combine<uint32_t>(g, Last());
      default: return combine<uint64_t>(g, Last());
    }
  }
  static Tensor survivors(const MapAttr& a, const Tensor& index, const Tensor& like) {
    return cast(apply(kLastElements, {&index}, Attrs(a)), like.dtype());
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
Slice part_at(const Tensor& x, const Tensor& index, int64_t axis) {
  Slice s = whole(x.shape());
  for (int i = 0; i < x.rank(); ++i)
    if (i != axis) s.count.v[i] = index.shape()[i];
  return s;
}

void require_fit(const char* op, const Tensor& x, const Tensor& index, int axis) {
  bool fits = index.rank() == x.rank();
  for (int i = 0; fits && i < x.rank(); ++i) fits = i == axis || index.shape()[i] <= x.shape()[i];
  if (!fits) {
    fail(ErrorKind::Value, op, ": an index of shape ", to_string(index.shape()), " does not fit ", to_string(x.shape()),
         " along axis ", axis, ".");
  }
}

// ---- the extremum of an element and of what an index sends to it --------------------------------------------------

// Operands base, v, index; those that attain the extremum share its derivative.
struct ExtremeAttr {
  MapAttr map;
  int64_t largest;
  int64_t with_base;  // else an element that the index names is replaced
};
void extreme_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }
void extreme_run(Call& call) {
  const auto a = call.attrs.as<ExtremeAttr>();
  const Compute compute = compute_of(call.out->dtype());
  const DType storage = storage_of(compute);
  const Tensor v = as_contiguous(call.in(1), storage), index = as_contiguous(call.in(2), DType::Int64);
  add_into(call, [&](Tensor& total) {
    if (!a.with_base) Elements::run_put(a.map, total, v, index);
    const GatherArgs g = Elements::args(a.map, total, index, v.data());
    a.largest ? combine_as(compute, g, Larger()) : combine_as(compute, g, Smaller());
  });
}
void extreme_vjp(Pullback& p) {
  using Ops = IndexOps<Elements>;
  const auto a = p.attrs<ExtremeAttr>();
  const Attrs at(a.map);
  const Tensor &base = p.in(0), &v = p.in(1), &index = p.in(2), &y = p.out();
  const auto as_mask = [&](const Tensor& t) { return cast(t, p.g.dtype()); };
  const Tensor none = zeros(base.shape(), p.g.dtype()), one = full(index.shape(), 1.0, p.g.dtype());
  const Tensor attains_v = as_mask(map("equal", apply(Ops::read, {&y, &index}, at), v));
  const Tensor attains_base =
      as_mask(a.with_base ? map("equal", base, y) : map("equal", apply(Ops::add, {&none, &one, &index}, at), none));
  const Tensor ties = map("maximum", apply(Ops::add, {&attains_base, &attains_v, &index}, at), number(1.0, p.g));
  const Tensor share = p.g / ties;
  if (p.active(0)) p.give(0, share * attains_base);
  if (p.active(1)) p.give(1, apply(Ops::read, {&share, &index}, at) * attains_v);
}
void extreme_batch(Batching& b) {
  bring_to_front(b, 3);
  const auto a = b.attrs.as<ExtremeAttr>();
  Dims shape = a.map.shape.dims();
  shape.insert(0, b.size);
  b.run(ExtremeAttr{{a.map.axis + 1, DimsAttr(shape)}, a.largest, a.with_base});
}
bool extreme_accepts(const Call& call) {
  if (!has<ExtremeAttr>(call, 3)) return false;
  const auto a = call.attrs.as<ExtremeAttr>();
  return is_flag(a.largest) && is_flag(a.with_base) && is_map_of(a.map, call.in(0).shape()) &&
         is_beside(call.in(2), a.map) && call.in(1).shape() == call.in(2).shape();
}
int64_t extreme_bound(const Call& call) { return size_at(call.attrs.as<ExtremeAttr>().map); }
constexpr uint32_t kAllOfExtreme = needs_input(0) | needs_input(1) | needs_input(2) | needs_output(0);
const Op kExtreme{.name = "scatter_extremum",
                  .kind = OpKind::Custom,
                  .infer = extreme_infer,
                  .run = extreme_run,
                  .vjp = extreme_vjp,
                  .over = {needs_input(0)},
                  .needs = {kAllOfExtreme, kAllOfExtreme},
                  .batch = extreme_batch,
                  .work = IndexOps<Elements>::base_work,
                  .accepts = extreme_accepts,
                  .places = 2,
                  .bound = extreme_bound};

/// How many equal entries stand before each one of an index, along its axis.
void occurrence_infer(Call& call) { call.out->set_shape(call.in(0).shape(), DType::Int64); }
void occurrence_run(Call& call) {
  const auto a = call.attrs.as<MapAttr>();
  const Parts parts = parts_of(a);
  const Tensor index = as_contiguous(call.in(0), DType::Int64);
  const int64_t count = index.shape()[a.at()];
  std::vector<int64_t> seen(static_cast<size_t>(parts.outer * parts.size * parts.inner), 0);
  const auto* p = index.data_as<int64_t>();
  auto* q = call.out->mutable_data_as<int64_t>();
  for (int64_t i = 0; i < index.size(); ++i) {
    const int64_t row = i / parts.inner / count * parts.size + p[i];
    q[i] = seen[static_cast<size_t>(row * parts.inner + i % parts.inner)]++;
  }
}
void occurrence_batch(Batching& b) { b.run(with_batch(b)); }
const Op kOccurrence{.name = "occurrence",
                     .kind = OpKind::Constant,
                     .infer = occurrence_infer,
                     .run = occurrence_run,
                     .batch = occurrence_batch,
                     .accepts = beside_accepts,
                     .places = 0,
                     .bound = map_bound};

}  // namespace

void list_index_ops(OpList& list) {
  using ByRow = IndexOps<Rows>;
  using ByElement = IndexOps<Elements>;
  list.insert(list.end(), {&ByRow::read, &ByRow::add, &ByRow::put, &ByElement::read, &ByElement::add, &ByElement::put,
                           &kSurvivors, &kLastElements, &kExtreme, &kOccurrence});
}

Tensor take(const Tensor& x, const Tensor& index, int64_t axis) {
  const MapAttr a{checked_axis("gather", axis, x.rank()), DimsAttr(x.shape())};
  const Tensor i = checked_index("gather", index, x.shape()[a.at()]);
  return apply(IndexOps<Rows>::read, {&x, &i}, Attrs(a));
}

Tensor gather_elements(const Tensor& x, int64_t axis, const Tensor& index) {
  const int at = checked_axis("gather_elements", axis, std::max(x.rank(), 1));
  require_fit("gather_elements", x, index, at);
  if (x.rank() == 0) return reshape(gather_elements(reshape(x, Dims{1}), 0, reshape(index, Dims{1})), Dims());
  const Tensor cut = slice(x, part_at(x, index, at)), i = checked_index("gather_elements", index, x.shape()[at]);
  return apply(IndexOps<Elements>::read, {&cut, &i}, Attrs(MapAttr{at, DimsAttr(cut.shape())}));
}

Tensor add_elements(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& v) {
  const int at = checked_axis("add_elements", axis, x.rank());
  return apply(IndexOps<Elements>::add, {&x, &v, &index}, Attrs(MapAttr{at, DimsAttr(x.shape())}));
}

Tensor pick_elements(const Tensor& x, int axis, const Tensor& index) {
  return apply(IndexOps<Elements>::read, {&x, &index}, Attrs(MapAttr{axis, DimsAttr(x.shape())}));
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

// ---- scattering along an axis -------------------------------------------------------------------------------------

enum class ScatterMode : int64_t { None, Add, Multiply };
enum class ScatterReduce : int64_t { Sum, Prod, Mean, Amax, Amin };

}  // namespace

template <>
struct WordsOf<ScatterMode> {
  static constexpr std::string_view kName = "ScatterMode", kWords[] = {"none", "add", "multiply"};
};
template <>
struct WordsOf<ScatterReduce> {
  static constexpr std::string_view kName = "ScatterReduce", kWords[] = {"sum", "prod", "mean", "amax", "amin"};
};

namespace {

using Elementwise = IndexOps<Elements>;

/// Values for an index: of its shape, in the dtype of the tensor that they go to.
Tensor values_for(const char* op, const Number& src, const Tensor& index, const Tensor& x) {
  if (!src.is_tensor() || src.tensor().rank() == 0) return filled_beside(op, src, index.shape(), x.dtype());
  bool fits = src.tensor().rank() == index.rank();
  for (int i = 0; fits && i < index.rank(); ++i) fits = src.tensor().shape()[i] >= index.shape()[i];
  if (!fits) {
    fail(ErrorKind::Value, op, ": values of shape ", to_string(src.tensor().shape()),
         " are fewer than the index of shape ", to_string(index.shape()), ".");
  }
  Slice part = whole(src.tensor().shape());
  for (int i = 0; i < index.rank(); ++i) part.count.v[i] = index.shape()[i];
  return filled_beside(op, Number(slice(src.tensor(), part)), index.shape(), x.dtype());
}

/// f(part of x that the index may reach, values, checked index, map), put back into x.
template <class F>
Tensor scattered(const char* op, const Tensor& x, int64_t axis, const Tensor& index, const Number& src, F f) {
  const int at = checked_axis(op, axis, std::max(x.rank(), 1));
  require_fit(op, x, index, at);
  const Tensor v = values_for(op, src, index, x);
  if (x.rank() == 0) {
    const Number one(reshape(v, Dims{1}));
    return reshape(scattered(op, reshape(x, Dims{1}), 0, reshape(index, Dims{1}), one, f), Dims());
  }
  const Tensor i = checked_index(op, index, x.shape()[at]);
  if (index.size() == 0) return apart(x, x);
  const Slice s = part_at(x, index, at);
  const Tensor part = slice(x, s), made = f(part, v, i, MapAttr{at, DimsAttr(part.shape())});
  return part.shape() == x.shape() ? made : slice_set(x, made, s);
}

Tensor sum_into(const Tensor& x, const Tensor& v, const Tensor& i, const MapAttr& a) {
  return apply(Elementwise::add, {&x, &v, &i}, Attrs(a));
}
Tensor put_into(const Tensor& x, const Tensor& v, const Tensor& i, const MapAttr& a) {
  return apply(Elementwise::put, {&x, &v, &i}, Attrs(a));
}
/// How many entries name each element, beside `least`.
Tensor counted(const Tensor& i, const MapAttr& a, int64_t least) {
  return sum_into(full(a.shape.dims(), least, DType::Int64), full(i.shape(), int64_t{1}, DType::Int64), i, a);
}

/// The factors of one element stand behind one another on a new axis; their product is right at every order, also where
/// some are zero.
Tensor product_into(const Tensor& x, const Tensor& v, const Tensor& i, const MapAttr& a) {
  const Tensor before = apply(kOccurrence, {&i}, Attrs(a));
  const int at = a.at();
  int64_t most = i.shape()[at];
  if (!before.boxed()) {
    const auto* p = before.data_as<int64_t>();
    most = before.size() ? *std::max_element(p, p + before.size()) + 1 : 0;
  }
  Dims wide = a.shape.dims(), apart = wide;
  if (__builtin_mul_overflow(wide[at], most, &wide[at])) throw std::bad_alloc();
  apart.insert(at, most);
  const Tensor places = i + before * scalar(a.shape.v[at], DType::Int64);
  const Tensor factors = put_into(full(wide, 1.0, x.dtype()), v, places, {a.axis, DimsAttr(wide)});
  return x * cast(prod(reshape(factors, apart), {at}), x.dtype());
}

Tensor extreme_into(const Tensor& x, const Tensor& v, const Tensor& i, const MapAttr& a, bool largest, bool with_base) {
  return apply(kExtreme, {&x, &v, &i}, Attrs(ExtremeAttr{a, largest, with_base}));
}

Tensor scatter(const Tensor& x, int64_t axis, const Tensor& index, const Number& src, ScatterMode mode) {
  return scattered("scatter", x, axis, index, src,
                   mode == ScatterMode::None  ? put_into
                   : mode == ScatterMode::Add ? sum_into
                                              : product_into);
}

Tensor scatter_reduce(const Tensor& x, int64_t axis, const Tensor& index, const Number& src, ScatterReduce reduce,
                      bool with_base) {
  if (reduce == ScatterReduce::Mean && !is_float(x.dtype()))
    fail(ErrorKind::Type, "scatter_reduce: a mean needs a float tensor, got ", name_of(x.dtype()), ".");
  return scattered("scatter_reduce", x, axis, index, src,
                   [&](const Tensor& part, const Tensor& v, const Tensor& i, const MapAttr& a) {
                     if (reduce == ScatterReduce::Amax || reduce == ScatterReduce::Amin)
                       return extreme_into(part, v, i, a, reduce == ScatterReduce::Amax, with_base);
                     const bool product = reduce == ScatterReduce::Prod;
                     Tensor base = part;
                     if (!with_base) base = put_into(part, full(i.shape(), int64_t{product}, part.dtype()), i, a);
                     if (product) return product_into(base, v, i, a);
                     const Tensor sum = sum_into(base, v, i, a);
                     if (reduce == ScatterReduce::Sum) return sum;
                     const Tensor n = counted(i, a, with_base ? 1 : 0);
                     return sum / cast(map("maximum", n, number(int64_t{1}, n)), sum.dtype());
                   });
}

// ---- rows along an axis -------------------------------------------------------------------------------------------

/// f(x, values, checked index, map) where the values have as many rows as the index has entries.
Tensor with_rows(const char* op, const Tensor& x, int64_t axis, const Tensor& index, const Number& src,
                 const Op& into) {
  if (index.rank() > 1) {
    fail(ErrorKind::Value, op, ": the index must have one axis, got shape ", to_string(index.shape()), ".");
  }
  if (x.rank() == 0) {
    const Number one = src.is_tensor() ? Number(reshape(src.tensor(), Dims{src.tensor().size()})) : src;
    return reshape(with_rows(op, reshape(x, Dims{1}), axis, index, one, into), Dims());
  }
  const int at = checked_axis(op, axis, x.rank());
  Dims rows = x.shape();
  rows[at] = index.size();
  if (src.is_tensor() && src.tensor().rank() && !(src.tensor().shape() == rows)) {
    fail(ErrorKind::Value, op, ": values of shape ", to_string(src.tensor().shape()), " are not the ", index.size(),
         " entries along axis ", at, " of shape ", to_string(x.shape()), "; they would have ", to_string(rows), ".");
  }
  const Tensor v = filled_beside(op, src, rows, x.dtype());
  const Tensor i = checked_index(op, reshape(index, Dims{index.size()}), x.shape()[at]);
  return apply(into, {&x, &v, &i}, Attrs(MapAttr{at, DimsAttr(x.shape())}));
}

Tensor index_add(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source, const Number& alpha) {
  const bool plain = !alpha.is_tensor() && alpha.is_integer() && alpha.integer() == 1;
  const Tensor v = plain ? source : source * filled_beside("index_add", alpha, {}, source.dtype());
  return with_rows("index_add", x, axis, index, Number(v), IndexOps<Rows>::add);
}

Tensor index_fill(const Tensor& x, int64_t axis, const Tensor& index, const Number& value) {
  if (value.is_tensor() && value.tensor().rank()) {
    fail(ErrorKind::Value, "index_fill: the value must be a number or have no axes, got shape ",
         to_string(value.tensor().shape()), ".");
  }
  return with_rows("index_fill", x, axis, index, value, IndexOps<Rows>::put);
}

// ---- indices whose last axis holds coordinates --------------------------------------------------------------------

/// The tensor with the axes that the coordinates name joined into one, and the index into that.
struct Coordinates {
  Tensor index;  // flat
  Dims lead;     // the shape of the indices without their last axis
  Dims rest;     // sizes of the axes that they leave
  int64_t size = 1;

  Coordinates(const char* op, const Dims& shape, const Tensor& indices) {
    const int64_t depth = indices.rank() ? indices.shape().back() : 0;
    if (indices.rank() == 0 || depth > shape.size()) {
      fail(ErrorKind::Value, op, ": indices of shape ", to_string(indices.shape()),
           " have no last axis of coordinates for a tensor of ", shape.size(), " axes.");
    }
    lead = indices.shape();
    lead.erase(lead.size() - 1);
    for (int k = 0; k < shape.size(); ++k) {
      if (k >= depth) {
        rest.push_back(shape[k]);
        continue;
      }
      Slice column = whole(indices.shape());
      column.start.v[lead.size()] = k;
      column.count.v[lead.size()] = 1;
      const Tensor i = checked_index(op, reshape(slice(indices, column), Dims{numel(lead)}), shape[k]);
      index = k ? index * scalar(shape[k], DType::Int64) + i : i;
      size *= shape[k];
    }
    if (depth == 0) index = zeros(Dims{numel(lead)}, DType::Int64);
  }

  Dims with_rest(const Dims& first) const {
    Dims shape = first;
    for (int64_t d : rest) shape.push_back(d);
    return shape;
  }
  MapAttr rows() const { return {0, DimsAttr(with_rest({size}))}; }
};

Tensor gather_nd(const Tensor& x, const Tensor& indices) {
  const Coordinates c("gather_nd", x.shape(), indices);
  const Tensor rows = reshape(x, c.rows().shape.dims());
  return reshape(apply(IndexOps<Rows>::read, {&rows, &c.index}, Attrs(c.rows())), c.with_rest(c.lead));
}

/// f(rows of x, rows of values, flat index, their map), in the shape of x.
template <class F>
Tensor scattered_nd(const char* op, const Tensor& x, const Tensor& indices, const Tensor& updates, F f) {
  const Coordinates c(op, x.shape(), indices);
  if (!(updates.shape() == c.with_rest(c.lead))) {
    fail(ErrorKind::Value, op, ": updates of shape ", to_string(updates.shape()), " do not fit indices of shape ",
         to_string(indices.shape()), " into ", to_string(x.shape()), "; they would have ",
         to_string(c.with_rest(c.lead)), ".");
  }
  const Tensor wide = filled_beside(op, Number(updates), updates.shape(), x.dtype());
  const Tensor v = reshape(wide, c.with_rest({c.index.size()})), rows = reshape(x, c.rows().shape.dims());
  return reshape(f(rows, v, c.index, c.rows()), x.shape());
}
Tensor add_rows(const Tensor& x, const Tensor& v, const Tensor& i, const MapAttr& a) {
  return apply(IndexOps<Rows>::add, {&x, &v, &i}, Attrs(a));
}
Tensor put_all_rows(const Tensor& x, const Tensor& v, const Tensor& i, const MapAttr& a) {
  return apply(IndexOps<Rows>::put, {&x, &v, &i}, Attrs(a));
}
/// An index of rows as one of their elements.
Tensor of_elements(const Tensor& i, const Tensor& v) {
  return broadcast_to(reshape(i,
                              [&] {
                                Dims shape(v.rank(), 1);
                                shape[0] = i.size();
                                return shape;
                              }()),
                      v.shape());
}

Tensor scatter_nd(const Tensor& indices, const Tensor& updates, const Dims& shape) {
  return scattered_nd("scatter_nd", zeros(shape, updates.dtype()), indices, updates, add_rows);
}

template <bool kLargest>
Tensor extreme_rows(const Tensor& x, const Tensor& v, const Tensor& i, const MapAttr& a) {
  return extreme_into(x, v, of_elements(i, v), a, kLargest, true);
}
Tensor product_rows(const Tensor& x, const Tensor& v, const Tensor& i, const MapAttr& a) {
  return product_into(x, v, of_elements(i, v), a);
}
Tensor quotient_rows(const Tensor& x, const Tensor& v, const Tensor& i, const MapAttr& a) {
  if (!is_float(x.dtype()))
    fail(ErrorKind::Type, "tensor_scatter_div: needs a float tensor, got ", name_of(x.dtype()), ".");
  return x / product_into(ones_like(x), v, of_elements(i, v), a);
}

/// A function tensor_scatter_*: how the updates go into the rows.
template <Tensor (*kInto)(const Tensor&, const Tensor&, const Tensor&, const MapAttr&)>
struct Scattering {
  Tensor operator()(const Tensor& x, const Tensor& indices, const Tensor& updates) const {
    return scattered_nd("tensor_scatter", x, indices, updates, kInto);
  }
};

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
        {.aliases = {"gather_d"}, .samples = {"gather_elements(x(3, 4), 0, i(2, 4)) ** 2"}}),
    def("scatter(input, axis, index, src, reduce='none')",
        "Values written, added or multiplied along an axis: out[index[i][j]][j] = src[i][j]; the last of equal ones "
        "wins.",
        {"scatter(Tensor([1.0, 2.0, 3.0]), 0, Tensor([2, 0]), Tensor([7.0, 8.0]))", "[8. 2. 7.]"},
        [](const Tensor& x, int64_t axis, const Tensor& index, const Number& src, ScatterMode mode) {
          return scatter(x, axis, index, src, mode);
        },
        {.samples = {"scatter(x(3, 4), 0, i(2, 4), x(2, 4)) ** 2", "scatter(x(3, 4), 1, i(3, 5, n=4), x()) ** 2",
                     "scatter(x(3, 4), 0, i(5, 3), x(5, 4), 'multiply') ** 2",
                     "scatter(x(3, 4), -1, i(2, 3, n=4), x(3, 3), 'add') ** 2"}}),
    def("scatter_add(input, axis, index, src)",
        "Values added along an axis: out[index[i][j]][j] += src[i][j] for axis 0.",
        {"scatter_add(Tensor([1.0, 2.0]), 0, Tensor([1, 1]), Tensor([7.0, 8.0]))", "[ 1. 17.]"},
        [](const Tensor& x, int64_t axis, const Tensor& index, const Tensor& src) {
          return scattered("scatter_add", x, axis, index, Number(src), sum_into);
        },
        {.samples = {"scatter_add(x(3, 4), 0, i(5, 4), x(5, 4)) ** 2",
                     "scatter_add(x(3, 4), 1, i(2, 5, n=4), x(2, 5)) ** 2"}}),
    def("scatter_reduce(input, dim, index, src, reduce, *, include_self=True)",
        "Elements combined with what an index sends to them along an axis. Equal extrema share the derivative.",
        {"scatter_reduce(Tensor([1.0, 2.0]), 0, Tensor([1, 1]), Tensor([7.0, 8.0]), 'amax')", "[1. 8.]"},
        [](const Tensor& x, int64_t axis, const Tensor& index, const Tensor& src, ScatterReduce reduce, bool self) {
          return scatter_reduce(x, axis, index, Number(src), reduce, self);
        },
        {.samples = {"scatter_reduce(x(3, 4), 0, i(5, 4), x(5, 4), 'sum') ** 2",
                     "scatter_reduce(x(3, 4), 0, i(5, 4), x(5, 4), 'prod') ** 2",
                     "scatter_reduce(x(3, 4), 0, i(5, 4), x(5, 4), 'prod', include_self=False) ** 2",
                     "scatter_reduce(x(3, 4), 1, i(3, 5, n=4), x(3, 5), 'mean') ** 2",
                     "scatter_reduce(x(3, 4), 1, i(3, 5, n=4), x(3, 5), 'mean', include_self=False) ** 2",
                     "scatter_reduce(x(3, 4), 0, i(5, 4), x(5, 4), 'amax') ** 2",
                     "scatter_reduce(x(3, 4), 0, i(5, 4), x(5, 4), 'amin', include_self=False) ** 2"}}),
    def("index_add(input, dim, index, source, *, alpha=1)",
        "Slices added along an axis, at a list of indices: out[index[i]] += alpha * source[i] for axis 0.",
        {"index_add(Tensor([1.0, 2.0]), 0, Tensor([1, 1]), Tensor([7.0, 8.0]))", "[ 1. 17.]"},
        [](const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source, const Number& alpha) {
          return index_add(x, axis, index, source, alpha);
        },
        {.samples = {"index_add(x(3, 4), 0, i(5), x(5, 4)) ** 2",
                     "index_add(x(3, 4), 1, i(2, n=4), x(3, 2), alpha=-2) ** 2"}}),
    def("index_copy(input, dim, index, source)",
        "Slices written along an axis, at a list of indices; of equal indices the last wins.",
        {"index_copy(Tensor([1.0, 2.0]), 0, Tensor([1]), Tensor([7.0]))", "[1. 7.]"},
        [](const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source) {
          return with_rows("index_copy", x, axis, index, Number(source), IndexOps<Rows>::put);
        },
        {.samples = {"index_copy(x(3, 4), 0, i(5), x(5, 4)) ** 2", "index_copy(x(3, 4), 1, i(2, n=4), x(3, 2)) ** 2"}}),
    def("index_fill(input, axis, index, value)", "One value written along an axis, at a list of indices.",
        {"index_fill(Tensor([1.0, 2.0]), 0, Tensor([1]), 7)", "[1. 7.]"},
        [](const Tensor& x, int64_t axis, const Tensor& index, const Number& value) {
          return index_fill(x, axis, index, value);
        },
        {.samples = {"index_fill(x(3, 4), 0, i(2), 7.0) ** 2", "index_fill(x(3, 4), 1, i(3, n=4), x()) ** 2"}}),
    def("gather_nd(input_x, indices)",
        "Elements or slices at coordinates, which stand in the last axis of the indices.",
        {"gather_nd(Tensor([[1, 2], [3, 4]]), Tensor([[1, 0], [0, 1]]))", "[3 2]"},
        [](const Tensor& x, const Tensor& indices) { return gather_nd(x, indices); },
        {.samples = {"gather_nd(x(3, 4), i(5, 2)) ** 2", "gather_nd(x(3, 4, 2), i(2, 2, 1)) ** 2"}}),
    def("scatter_nd(indices, updates, shape)",
        "Zeros of a shape with values added at coordinates, which stand in the last axis of the indices.",
        {"scatter_nd(Tensor([[1], [1]]), Tensor([7.0, 8.0]), (3,))", "[ 0. 15.  0.]"},
        [](const Tensor& indices, const Tensor& updates, const Dims& shape) {
          return scatter_nd(indices, updates, shape);
        },
        {.method = false, .samples = {"scatter_nd(i(5, 2), x(5), (3, 4)) ** 2"}}),
    def("tensor_scatter_update(input_x, indices, updates)",
        "Values written at coordinates, which stand in the last axis of the indices; of equal ones the last wins.",
        {"tensor_scatter_update(Tensor([1.0, 2.0]), Tensor([[1]]), Tensor([7.0]))", "[1. 7.]"},
        Scattering<put_all_rows>(), {.samples = {"tensor_scatter_update(x(3, 4), i(5, 2), x(5)) ** 2"}}),
    def("tensor_scatter_add(input_x, indices, updates)",
        "Values added at coordinates, which stand in the last axis of the indices.",
        {"tensor_scatter_add(Tensor([1.0, 2.0]), Tensor([[1]]), Tensor([7.0]))", "[1. 9.]"}, Scattering<add_rows>(),
        {.samples = {"tensor_scatter_add(x(3, 4), i(5, 2), x(5)) ** 2",
                     "tensor_scatter_add(x(3, 4), i(5, 1), x(5, 4)) ** 2"}}),
    def("tensor_scatter_sub(input_x, indices, updates)",
        "Values subtracted at coordinates, which stand in the last axis of the indices.",
        {"tensor_scatter_sub(Tensor([1.0, 2.0]), Tensor([[1]]), Tensor([7.0]))", "[ 1. -5.]"},
        [](const Tensor& x, const Tensor& indices, const Tensor& updates) {
          return Scattering<add_rows>()(x, indices, -updates);
        },
        {.samples = {"tensor_scatter_sub(x(3, 4), i(5, 2), x(5)) ** 2"}}),
    def("tensor_scatter_mul(input_x, indices, updates)",
        "Elements multiplied at coordinates, which stand in the last axis of the indices.",
        {"tensor_scatter_mul(Tensor([1.0, 2.0]), Tensor([[1]]), Tensor([7.0]))", "[ 1. 14.]"},
        Scattering<product_rows>(), {.samples = {"tensor_scatter_mul(x(3, 2), i(5, 2, n=2), x(5)) ** 2"}}),
    def("tensor_scatter_div(input_x, indices, updates)",
        "Elements divided at coordinates, which stand in the last axis of the indices.",
        {"tensor_scatter_div(Tensor([1.0, 2.0]), Tensor([[1]]), Tensor([4.0]))", "[1.  0.5]"},
        Scattering<quotient_rows>(), {.samples = {"tensor_scatter_div(x(3, 2), i(5, 2, n=2), x(5, low=0.5)) ** 2"}}),
    def("tensor_scatter_max(input_x, indices, updates)",
        "The larger of elements and of values at coordinates, which stand in the last axis of the indices.",
        {"tensor_scatter_max(Tensor([1.0, 2.0]), Tensor([[1]]), Tensor([7.0]))", "[1. 7.]"},
        Scattering<extreme_rows<true>>(), {.samples = {"tensor_scatter_max(x(3, 2), i(5, 2, n=2), x(5)) ** 2"}}),
    def("tensor_scatter_min(input_x, indices, updates)",
        "The smaller of elements and of values at coordinates, which stand in the last axis of the indices.",
        {"tensor_scatter_min(Tensor([1.0, 2.0]), Tensor([[1]]), Tensor([7.0]))", "[1. 2.]"},
        Scattering<extreme_rows<false>>(), {.samples = {"tensor_scatter_min(x(3, 2), i(5, 2, n=2), x(5)) ** 2"}}),
    def("nonzero(input)", "Coordinates of the nonzero elements, one row each.",
        {"nonzero(Tensor([0, 5, 7]))", "[[1]\n [2]]"}, [](const Tensor& x) { return nonzero(x); },
        {.samples = {"nonzero(i(3, 4))"}}),
};

}  // namespace

const std::span<const Function> kIndexFunctions = kFunctions;

}  // namespace adcore
