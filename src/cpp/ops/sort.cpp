// Order along an axis. One op tells where the elements of the sorted axis stand (kOrder), one where a running extremum
// stands (kRunning); both are constant, and what has values gathers them there, so that the rules are those of
// gathering.
#include <algorithm>
#include <array>

#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/index.h"
#include "ops/order.h"
#include "ops/reduce.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

// ---- places -------------------------------------------------------------------------------------------------------

struct OrderAttr {
  int64_t axis, first, count, descending;
};
void order_infer(Call& call) {
  const auto a = call.attrs.as<OrderAttr>();
  Dims shape = call.in(0).shape();
  shape[static_cast<int>(a.axis)] = a.count;
  call.out->set_shape(shape, DType::Int64);
}
void order_run(Call& call) {
  constexpr int64_t kParts = 16, kLittle = 1 << 14;  // elements
  const auto a = call.attrs.as<OrderAttr>();
  const Compute compute = compute_of(call.in(0).dtype());
  const Canonical c = canonical(call.in(0), 1u << a.axis, compute);
  if (c.x.size() == 0) return;
  const int64_t parts = c.x.size() < kLittle ? 1 : std::min(kParts, c.outer * c.inner);
  const Scratch scratch(static_cast<size_t>(parts * c.n * order_scratch(compute)));
  order_rows(compute, {c.x.data(), call.out->mutable_data_as<int64_t>(), c.outer, c.n, c.inner, a.first, a.count, parts,
                       a.descending != 0, scratch.as<void>()});
}
void order_batch(Batching& b) {
  const auto a = b.attrs.as<OrderAttr>();
  b.run(OrderAttr{a.axis + 1, a.first, a.count, a.descending});
}
int64_t order_work(const Call& call) { return 32 * call.in(0).size(); }
bool order_accepts(const Call& call) {
  if (!has<OrderAttr>(call, 1)) return false;
  const auto a = call.attrs.as<OrderAttr>();
  const Tensor& x = call.in(0);
  if (!in_range(a.axis, 0, x.rank() - 1) || !is_flag(a.descending)) return false;
  const int64_t n = x.shape()[static_cast<int>(a.axis)];
  return in_range(n, 0, (int64_t{1} << 32) - 1) && in_range(a.first, 0, n) && in_range(a.count, 0, n - a.first);
}
int64_t order_bound(const Call& call) { return call.in(0).shape()[static_cast<int>(call.attrs.as<OrderAttr>().axis)]; }
const Op kOrder{.name = "order",
                .kind = OpKind::Constant,
                .infer = order_infer,
                .run = order_run,
                .batch = order_batch,
                .work = order_work,
                .accepts = order_accepts,
                .bound = order_bound};

struct RunningAttr {
  int64_t axis, largest;
};
void running_infer(Call& call) { call.out->set_shape(call.in(0).shape(), DType::Int64); }
void running_run(Call& call) {
  const auto a = call.attrs.as<RunningAttr>();
  const Compute compute = compute_of(call.in(0).dtype());
  const Canonical c = canonical(call.in(0), 1u << a.axis, compute);
  running_rows(compute, {c.x.data(), call.out->mutable_data_as<int64_t>(), c.outer, c.n, c.inner, a.largest != 0});
}
void running_batch(Batching& b) {
  const auto a = b.attrs.as<RunningAttr>();
  b.run(RunningAttr{a.axis + 1, a.largest});
}
bool running_accepts(const Call& call) {
  if (!has<RunningAttr>(call, 1)) return false;
  const auto a = call.attrs.as<RunningAttr>();
  return in_range(a.axis, 0, call.in(0).rank() - 1) && is_flag(a.largest);
}
int64_t running_bound(const Call& call) {
  return call.in(0).shape()[static_cast<int>(call.attrs.as<RunningAttr>().axis)];
}
const Op kRunning{.name = "running_place",
                  .kind = OpKind::Constant,
                  .infer = running_infer,
                  .run = running_run,
                  .batch = running_batch,
                  .accepts = running_accepts,
                  .bound = running_bound};

/// A tensor without axes as one with an axis of size 1.
Tensor with_axis(const Tensor& x) { return x.rank() ? x : reshape(x, Dims{1}); }

/// Where `count` elements of the sorted axis stand, from number `first` on; `axis` counts from the front, x has one.
Tensor order(const Tensor& x, int axis, int64_t first, int64_t count, bool descending) {
  if (x.shape()[axis] > int64_t{UINT32_MAX})
    fail(ErrorKind::Value, "sort: an axis of size ", x.shape()[axis], " is longer than 2^32 - 1.");
  const Tensor constant = without_derivative(x);
  return apply(kOrder, {&constant}, Attrs(OrderAttr{axis, first, count, descending}));
}

std::array<Tensor, 2> at(const Tensor& x, int axis, const Tensor& place, const Dims& shape) {
  return {reshape(pick_elements(x, axis, place), shape), reshape(place, shape)};
}

// ---- functions ----------------------------------------------------------------------------------------------------

std::array<Tensor, 2> sort(const Tensor& input, int64_t axis, bool descending) {
  const Tensor x = with_axis(input);
  const int along = checked_axis("sort", axis, x.rank());
  return at(x, along, order(x, along, 0, x.shape()[along], descending), input.shape());
}

Tensor argsort(const Tensor& input, int64_t axis, bool descending) {
  const Tensor x = with_axis(input);
  const int along = checked_axis("argsort", axis, x.rank());
  return reshape(order(x, along, 0, x.shape()[along], descending), input.shape());
}

std::array<Tensor, 2> topk(const Tensor& input, int64_t k, int64_t axis, bool largest) {
  const Tensor x = with_axis(input);
  const int along = checked_axis("topk", axis, x.rank());
  if (k < 0 || k > x.shape()[along]) {
    fail(ErrorKind::Value, "topk: k must be from 0 to the size ", x.shape()[along], " of axis ", along, ", got ", k,
         ".");
  }
  Dims shape = x.shape();
  shape[along] = k;
  return at(x, along, order(x, along, 0, k, largest), input.rank() || k != 1 ? shape : Dims());
}

std::array<Tensor, 2> kthvalue(const Tensor& input, int64_t k, int64_t axis, bool keep) {
  const Tensor x = with_axis(input);
  const int along = checked_axis("kthvalue", axis, x.rank());
  if (k < 1 || k > x.shape()[along]) {
    fail(ErrorKind::Value, "kthvalue: k must be from 1 to the size ", x.shape()[along], " of axis ", along, ", got ", k,
         ".");
  }
  Dims shape = x.shape();
  shape[along] = 1;
  if (!keep) shape.erase(along);
  return at(x, along, order(x, along, k - 1, 1, false), input.rank() ? shape : Dims());
}

std::array<Tensor, 2> running(const char* op, const Tensor& input, int64_t axis, bool largest) {
  const Tensor x = with_axis(input);
  const int along = checked_axis(op, axis, x.rank());
  const Tensor constant = without_derivative(x);
  return at(x, along, apply(kRunning, {&constant}, Attrs(RunningAttr{along, largest})), input.shape());
}

// ---- searchsorted: operands sorted [..., n] or [n], values --------------------------------------------------------

struct SearchAttr {
  int64_t right;
};
void search_infer(Call& call) { call.out->set_shape(call.in(1).shape(), DType::Int64); }
void search_run(Call& call) {
  const Compute compute = compute_of(call.in(0).dtype());
  const Tensor sorted = as_contiguous(call.in(0), storage_of(compute));
  const Tensor values = as_contiguous(call.in(1), storage_of(compute));
  if (values.size() == 0) return;
  const bool one_row = sorted.rank() == 1;
  const int64_t count = one_row ? values.size() : values.shape().back();
  search_rows(compute, {sorted.data(), values.data(), call.out->mutable_data_as<int64_t>(), values.size() / count,
                        sorted.shape().back(), count, one_row, call.attrs.as<SearchAttr>().right != 0});
}
void search_batch(Batching& b) {
  const bool one_row = b.members[0].rank() == 1;
  if (one_row && !b.batched(0)) return b.run(b.attrs);
  const Dims shape = b.out.shape();
  b.members[0].value = b.front(0);
  Tensor values = b.front(1);
  if (one_row) values = reshape(values, Dims{b.size, numel(shape)});
  const Tensor found = apply(b.op, {&b.value(0), &values}, b.attrs);
  Dims all = shape;
  all.insert(0, b.size);
  b.give(reshape(found, all));
}
bool search_accepts(const Call& call) {
  if (!has<SearchAttr>(call, 2) || !is_flag(call.attrs.as<SearchAttr>().right)) return false;
  const Dims &sorted = call.in(0).shape(), &values = call.in(1).shape();
  bool fits = sorted.size() == 1 || (sorted.size() > 1 && values.size() == sorted.size());
  for (int i = 0; fits && sorted.size() > 1 && i + 1 < sorted.size(); ++i) fits = sorted[i] == values[i];
  return fits;
}
const Op kSearch{.name = "searchsorted",
                 .kind = OpKind::Constant,
                 .infer = search_infer,
                 .run = search_run,
                 .batch = search_batch,
                 .accepts = search_accepts};

enum class Side : int64_t { Left, Right };

}  // namespace

template <>
struct WordsOf<Side> {
  static constexpr std::string_view kName = "Side", kWords[] = {"left", "right"};
};

namespace {

Tensor searchsorted(const Tensor& sequence, const Number& value, bool right, const Tensor& sorter) {
  Tensor sorted = without_derivative(sequence);
  if (sorted.rank() == 0) fail(ErrorKind::Value, "searchsorted: the sorted sequence needs an axis.");
  if (sorter.defined()) sorted = gather_elements(sorted, sorted.rank() - 1, sorter);
  Tensor values = value.is_tensor()    ? without_derivative(value.tensor())
                  : value.is_integer() ? scalar(value.integer(), DType::Int64)
                                       : scalar(value.real(), DType::Float64);
  bool fits = sorted.rank() == 1 || sorted.rank() == values.rank();
  for (int i = 0; fits && sorted.rank() > 1 && i < sorted.rank() - 1; ++i)
    fits = sorted.shape()[i] == values.shape()[i];
  if (!fits) {
    fail(ErrorKind::Value, "searchsorted: values of shape ", to_string(values.shape()),
         " do not fit a sorted sequence of shape ", to_string(sorted.shape()), "; all axes but the last must agree.");
  }
  // A number is compared exactly as it is, whatever the dtype of the sequence.
  DType common = promote(sorted.dtype(), values.dtype());
  if (!value.is_tensor() && (is_float(sorted.dtype()) || !value.is_integer())) common = DType::Float64;
  sorted = cast(sorted, common);
  values = cast(values, common);
  return apply(kSearch, {&sorted, &values}, Attrs(SearchAttr{right}));
}

constexpr Function kFunctions[] = {
    def("sort(input_x, axis=-1, descending=False, *, stable=False)",
        "The elements in order along an axis, and where they stood. Equal ones keep their order; NaN is the greatest.",
        {"sort(Tensor([3.0, 1.0, 2.0]))[0]", "[1. 2. 3.]"},
        [](const Tensor& x, int64_t axis, bool descending, bool) { return sort(x, axis, descending); },
        {.samples = {"sort(x(3, 4))[0] ** 2", "sort(x(3, 4), 0, descending=True)[0] * x(3, 4)",
                     "sort(x(2, 40), -1)[0] * x(40)"}}),
    def("argsort(input, axis=-1, descending=False, *, stable=False)",
        "Where the elements stand that are in order along an axis; see `sort`.",
        {"argsort(Tensor([3.0, 1.0, 2.0]))", "[1 2 0]"},
        [](const Tensor& x, int64_t axis, bool descending, bool) { return argsort(x, axis, descending); },
        {.samples = {"argsort(i(3, 4, n=10**12))", "argsort(i(3, 4, n=10**12), 0)"}}),
    def("topk(input, k, dim=-1, largest=True, sorted=True)",
        "The k largest or smallest elements along an axis, in order, and where they stand; see `sort`.",
        {"topk(Tensor([3.0, 1.0, 2.0]), 2)[0]", "[3. 2.]"},
        [](const Tensor& x, int64_t k, int64_t axis, bool largest, bool) { return topk(x, k, axis, largest); },
        {.samples = {"topk(x(3, 4), 2)[0] ** 2", "topk(x(40, 2), 3, 0, False)[0] ** 2"}}),
    def("kthvalue(input, k, dim=-1, keepdim=False)", "The k-th smallest element along an axis, and where it stands.",
        {"kthvalue(Tensor([3.0, 1.0, 2.0]), 2)[0]", "2.0"},
        [](const Tensor& x, int64_t k, int64_t axis, bool keep) { return kthvalue(x, k, axis, keep); },
        {.samples = {"kthvalue(x(3, 4), 2)[0] ** 2", "kthvalue(x(3, 4), 3, 0, True)[0] ** 2"}}),
    def("cummax(input, axis)",
        "The largest element so far along an axis, and where it stands: the last of equal ones. NaN from the first one "
        "on.",
        {"cummax(Tensor([1.0, 3.0, 2.0]), 0)[0]", "[1. 3. 3.]"},
        [](const Tensor& x, int64_t axis) { return running("cummax", x, axis, true); },
        {.samples = {"cummax(x(3, 4), 1)[0] ** 2", "cummax(x(5, 2), 0)[0] ** 2"}}),
    def("cummin(input, axis)",
        "The smallest element so far along an axis, and where it stands: the last of equal ones. NaN from the first "
        "one on.",
        {"cummin(Tensor([2.0, 3.0, 1.0]), 0)[0]", "[2. 2. 1.]"},
        [](const Tensor& x, int64_t axis) { return running("cummin", x, axis, false); },
        {.samples = {"cummin(x(3, 4), 1)[0] ** 2", "cummin(x(5, 2), 0)[0] ** 2"}}),
    def("searchsorted(sorted_sequence, values, *, out_int32=False, right=False, side='left', sorter=None)",
        "Where values belong in a sorted last axis: before their equals, or with `right` or side 'right' behind them.",
        {"searchsorted(Tensor([1, 3, 5]), Tensor([3, 9]))", "[1 3]"},
        [](const Tensor& sorted, const Number& values, bool out_int32, bool right, Side side, const Tensor& sorter) {
          const Tensor found = searchsorted(sorted, values, right || side == Side::Right, sorter);
          return out_int32 ? cast(found, DType::Int32) : found;
        },
        {.samples = {"searchsorted(arange(5), i(3, 4, n=6))", "searchsorted(arange(5), i(3, n=6), side='right')"}}),
};

}  // namespace

void list_sort_ops(OpList& list) { list.insert(list.end(), {&kOrder, &kRunning, &kSearch}); }

const std::span<const Function> kSortFunctions = kFunctions;

}  // namespace adcore
