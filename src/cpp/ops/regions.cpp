#include "ops/regions.h"

#include <algorithm>

#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/drive.h"
#include "ops/reduce.h"
#include "ops/rules.h"

namespace adcore {

void RegionWords::add(const Region& r) {
  add(r.operand);
  add(r.rank);
  add(r.count, r.rank);
  for (const Lattice* l : {&r.from, &r.to}) {
    add(l->kind);
    add(l->start, l->starts(r.rank));
    add(l->step, l->steps(r.rank));
  }
}

Lattice RegionReader::lattice(int box_rank) {
  Lattice l{*at_++};
  l.start = at_;
  l.step = at_ += l.starts(box_rank);
  at_ += l.steps(box_rank);
  return l;
}

bool RegionReader::next(Region& r) {
  if (at_ == end_) return false;
  r.operand = *at_++;
  r.rank = static_cast<int>(*at_++);
  r.count = at_;
  at_ += r.rank;
  r.from = lattice(r.rank);
  r.to = lattice(r.rank);
  return true;
}

bool RegionReader::next_checked(Region& r) {
  const auto left = [&] { return end_ - at_; };
  if (left() < 2 || !in_range(at_[0], 0, kLargestSize) || !in_range(at_[1], 0, kMaxRank) || left() < 2 + at_[1])
    return false;
  r.operand = at_[0];
  r.rank = static_cast<int>(at_[1]);
  r.count = at_ + 2;
  at_ += 2 + r.rank;
  for (Lattice* l : {&r.from, &r.to}) {
    if (left() < 1 || !in_range(*at_, Lattice::kAxes, kMaxRank)) return false;
    l->kind = *at_;
    if (left() < 1 + l->starts(r.rank) + l->steps(r.rank)) return false;
    *l = lattice(r.rank);
  }
  return true;
}

namespace {

/// The elements of a box lie inside of a tensor.
bool lies_in(const Region& r, const Lattice& l, const Dims& shape) {
  if (l.kind == Lattice::kItself) return shape == r.box();
  if (l.kind != (l.kind < 0 ? Lattice::kAxes : shape.size()) || (l.kind < 0 && r.rank != shape.size())) return false;
  bool empty = false;
  for (int k = 0; k < r.rank; ++k) empty |= r.count[k] == 0;
  for (int a = 0; a < shape.size(); ++a) {
    if (!in_range(l.start[a], -1, shape[a])) return false;
    int64_t low = l.start[a], high = l.start[a];
    for (int k = 0; k < r.rank; ++k) {
      const int64_t step = l.kind < 0 ? (k == a ? l.step[k] : 0) : l.step[k * shape.size() + a];
      int64_t way = 0;
      if (!in_range(step, -kLargestSize, kLargestSize) ||
          __builtin_mul_overflow(step, std::max<int64_t>(r.count[k] - 1, 0), &way) ||
          __builtin_add_overflow(way < 0 ? low : high, way, way < 0 ? &low : &high))
        return false;
    }
    if (!empty && (low < 0 || high >= shape[a])) return false;
  }
  return true;
}
bool is_box(const Region& r) {
  int64_t size = 1;
  for (int k = 0; k < r.rank; ++k)
    if (!is_size(r.count[k]) || __builtin_mul_overflow(size, std::max<int64_t>(r.count[k], 1), &size)) return false;
  return true;
}
/// All words behind the first `skip` are regions that are read from `from(operand)` and written to a tensor of `to`.
template <class From>
bool are_regions(const Call& call, int skip, const From& from, const Dims* to) {
  RegionReader rest(call.attrs, skip);
  while (!rest.at_end()) {
    Region r{};
    if (!rest.next_checked(r) || !is_box(r)) return false;
    const Tensor* const read = from(r.operand);
    if (!read || !lies_in(r, r.from, read->shape()) || (to && !lies_in(r, r.to, *to))) return false;
  }
  return true;
}
/// The elements of a box in a tensor: where the first one lies, and the steps from one to the next in its memory.
struct Located {
  int64_t offset;
  Dims strides;

  Located(const Tensor& t, const Region& r, const Lattice& l) : offset(t.offset()) {
    for (int a = 0; a < l.starts(r.rank); ++a) offset += l.start[a] * t.strides()[a];
    for (int k = 0; k < r.rank; ++k) {
      int64_t stride = l.kind < 0 ? t.strides()[k] * (l.kind == Lattice::kAxes ? l.step[k] : 1) : 0;
      for (int a = 0; a < l.kind; ++a) stride += l.step[k * l.kind + a] * t.strides()[a];
      strides.push_back(stride);
    }
  }
};

Tensor part_of(const Tensor& t, const Region& r, const Lattice& l) {
  const Located at(t, r, l);
  Tensor part;
  part.view_of(t, r.box(), at.strides, at.offset);
  return part;
}

/// Writes the elements that a region reads of `v`, converted, where it says.
void copy_region(Tensor& out, const Tensor& v, const Region& r) {
  if (numel(r.box()) == 0) return;
  const Located from(v, r, r.from), to(out, r, r.to);
  const auto at = [](const Tensor& t, int64_t offset) {
    return static_cast<const std::byte*>(t.data()) + (offset - t.offset()) * static_cast<int64_t>(size_of(t.dtype()));
  };
  kernels().copy({r.rank, r.count, at(v, from.offset), from.strides.data(), v.dtype(),
                  const_cast<std::byte*>(at(out, to.offset)), to.strides.data(), out.dtype()});
}

// ---- adding -------------------------------------------------------------------------------------------------------

/// The sum of `part` over the axes where `to` does not move, which leave both. The leading axes stay before the summed
/// ones, so that members of a batch are summed as one alone is.
Tensor sum_still_axes(const Tensor& part, Dims& to, Compute compute) {
  Dims order, summed, rest, left, left_to;
  int64_t outer = 1, n = 1, inner = 1;
  for (int k = 0; k < part.rank(); ++k) {
    const int64_t size = part.shape()[k];
    if (to[k] == 0) {
      summed.push_back(k);
      n *= size;
      continue;
    }
    (summed.empty() ? outer : inner) *= size;
    (summed.empty() ? order : rest).push_back(k);
    left.push_back(size);
    left_to.push_back(to[k]);
  }
  for (int64_t k : summed) order.push_back(k);
  for (int64_t k : rest) order.push_back(k);
  Dims shape, strides;
  for (int64_t k : order) {
    shape.push_back(part.shape()[static_cast<int>(k)]);
    strides.push_back(part.strides()[static_cast<int>(k)]);
  }
  Tensor ordered;
  ordered.view_of(part, shape, strides, part.offset());
  const Tensor x = as_contiguous(ordered, storage_of(compute));
  Tensor y(left, x.dtype());
  sum_middle(compute, x.data(), y.mutable_data(), outer, n, inner);
  to = left_to;
  return y;
}

/// The shortest axis of a box in which two indices name one element; -1 where none do.
int overlapping_axis(const Dims& shape, const Dims& strides) {
  Dims axes;
  for (int k = 0; k < shape.size(); ++k)
    if (shape[k] > 1) axes.push_back(k);
  const auto step = [&](int i) { return std::abs(strides[static_cast<int>(axes[i])]); };
  for (int i = 1; i < axes.size(); ++i)
    for (int k = i; k > 0 && step(k) < step(k - 1); --k) std::swap(axes[k], axes[k - 1]);
  int64_t reach = 0;
  bool meet = false;
  for (int i = 0; i < axes.size(); ++i) {
    meet |= step(i) <= reach;
    reach += step(i) * (shape[static_cast<int>(axes[i])] - 1);
  }
  if (!meet) return -1;
  return static_cast<int>(*std::min_element(axes.begin(), axes.end(), [&](int64_t a, int64_t b) {
    return shape[static_cast<int>(a)] < shape[static_cast<int>(b)];
  }));
}

/// Adds `part` to the elements of `out` that lie `to` steps from `offset`.
void add_part(Tensor& out, const Tensor& part, const Dims& to, int64_t offset, Compute compute) {
  if (const int axis = overlapping_axis(part.shape(), to); axis >= 0) {
    Dims shape = part.shape(), strides = part.strides(), rest = to;
    shape.erase(axis), strides.erase(axis), rest.erase(axis);
    for (int64_t i = 0; i < part.shape()[axis]; ++i) {
      Tensor one;
      one.view_of(part, shape, strides, part.offset() + i * part.strides()[axis]);
      add_part(out, one, rest, offset + i * to[axis], compute);
    }
    return;
  }
  Tensor region;
  region.view_of(out, part.shape(), to, offset);
  const MapFn add = kernels().elementwise[RowName("add").row].map[static_cast<int>(compute)];
  const Tensor* operands[] = {&region, &part};
  Tensor sum;
  if (!region.contiguous()) sum = Tensor(region.shape(), out.dtype());
  run_blocks(operands, 2, region.contiguous() ? region : sum, compute, storage_of(compute),
             [add](const void* const* in, void* sums, int64_t n, uint32_t scalars) { add(in, sums, n, scalars); });
  if (region.contiguous() || sum.size() == 0) return;
  kernels().copy({region.rank(), region.shape().data(), sum.data(), sum.strides().data(), sum.dtype(),
                  region.mutable_data(), region.strides().data(), region.dtype()});
}

void add_region(Tensor& out, const Tensor& v, const Region& r) {
  const Compute compute = compute_of(out.dtype());
  const Located at(out, r, r.to);
  Dims to = at.strides;
  Tensor part = part_of(v, r, r.from);
  for (int k = 0; k < r.rank; ++k) {
    if (to[k] != 0 || r.count[k] == 1) continue;
    part = sum_still_axes(part, to, compute);
    break;
  }
  add_part(out, part, to, at.offset, compute);
}

// ---- the rules of all ---------------------------------------------------------------------------------------------

extern const Op kSlice, kMove, kSliceSet, kSliceAdd;

/// Before the regions of a move stands the shape of its output.
int words_before(const Op& op, Attrs attrs) { return &op == &kMove ? 1 + static_cast<int>(attrs.words()[0]) : 0; }

/// The cotangent of operand k, which the regions read at number `operand`: what they wrote is read from that of the
/// output and added where it came from. `frees`: the rule writes over that of the output afterwards, of which a small
/// part must be no view then.
void pull_regions(Pullback& p, int k, int64_t operand, bool frees = false) {
  const Attrs attrs = p.attrs();
  RegionWords words;
  int count = 0;
  bool entire = false;
  Region r{};
  for (RegionReader rest(attrs, words_before(p.op(), attrs)); rest.next(r);) {
    if (r.operand != operand) continue;
    std::swap(r.from, r.to);
    r.operand = 0;
    words.add(r);
    entire = r.to.kind == Lattice::kItself;
    ++count;
  }
  if (count == 1 && entire) {
    Tensor part = apply(kSlice, {&p.g}, words.attrs());
    if (frees && part.size() < p.g.size() / 2) part = packed(part);
    return p.give(k, std::move(part));
  }
  if (count)
    p.give_part(k, [&](Tensor&& held) { return apply_over(kSliceAdd, std::move(held), {&p.g}, words.attrs()); });
}

/// The same regions of every member.
void batch_regions(Batching& b) {
  RegionWords words;
  const int before = words_before(b.op, b.attrs);
  if (before) {
    words.add(b.attrs.words()[0] + 1);
    words.add(b.size);
    words.add(b.attrs.words() + 1, before - 1);
  }
  Region r{};
  for (RegionReader rest(b.attrs, before); rest.next(r);) {
    if (r.rank == kMaxRank) return b.one_by_one();
    words.add(r.operand);
    words.add(r.rank + 1);
    words.add(b.size);
    words.add(r.count, r.rank);
    for (const Lattice* l : {&r.from, &r.to}) {
      if (l->kind == Lattice::kItself) {
        words.add(l->kind);
        continue;
      }
      words.add(l->kind < 0 ? l->kind : l->kind + 1);
      words.add(0);
      words.add(l->start, l->starts(r.rank));
      words.add(1);
      for (int64_t a = 0; a < l->kind; ++a) words.add(0);
      const int width = l->kind < 0 ? 1 : static_cast<int>(l->kind);
      for (int k = 0; k < r.rank; ++k) {
        if (l->kind >= 0) words.add(0);
        words.add(l->step + k * width, width);
      }
    }
  }
  for (int k = 0; k < b.count(); ++k) b.members[static_cast<size_t>(k)].value = b.front(k);
  b.run(words.attrs());
}

/// How many elements the regions hold, and those of the base where it is copied.
int64_t regions_work(const Call& call) {
  int64_t n = call.in_place ? 0 : call.out->size();
  Region r{};
  for (RegionReader rest(call.attrs); rest.next(r);) n += numel(r.box());
  return n;
}

// ---- the ops ------------------------------------------------------------------------------------------------------

/// The one region of a view.
Region only(Attrs attrs) {
  Region r{};
  RegionReader(attrs).next(r);
  return r;
}
void slice_infer(Call& call) { call.out->set_shape(only(call.attrs).box(), call.in(0).dtype()); }
bool slice_accepts(const Call& call) {
  if (call.count != 1 || call.attrs.count() == 0) return false;
  const auto from = [&](int64_t operand) { return operand == 0 ? &call.in(0) : nullptr; };
  if (!are_regions(call, 0, from, nullptr)) return false;
  RegionReader rest(call.attrs);
  Region r{};
  rest.next(r);
  return r.to.kind == Lattice::kItself && rest.at_end();
}
void slice_run(Call& call) {
  const Region r = only(call.attrs);
  const Located at(call.in(0), r, r.from);
  call.out->view_of(call.in(0), Dims(call.out->shape()), at.strides, at.offset);
}
void slice_vjp(Pullback& p) { pull_regions(p, 0, 0); }
const Op kSlice{.name = "slice",
                .kind = OpKind::Linear,
                .infer = slice_infer,
                .run = slice_run,
                .vjp = slice_vjp,
                .view = true,
                .batch = batch_regions,
                .accepts = slice_accepts};

void move_infer(Call& call) {
  DType dtype = call.in(0).dtype();
  for (int k = 1; k < call.count; ++k) dtype = promote(dtype, call.in(k).dtype());
  const int64_t* w = call.attrs.words();
  call.out->set_shape(Dims(std::span<const int64_t>(w + 1, static_cast<size_t>(w[0]))), dtype);
}
bool move_accepts(const Call& call) {
  if (call.count < 1 || call.attrs.count() < 1) return false;
  DimsAttr shape;
  shape.rank = call.attrs.words()[0];
  if (!in_range(shape.rank, 0, std::min(kMaxRank, call.attrs.count() - 1))) return false;
  std::copy_n(call.attrs.words() + 1, shape.rank, shape.v);
  if (!is_shape(shape)) return false;
  const Dims out = shape.dims();
  const auto from = [&](int64_t operand) {
    return operand < call.count ? &call.in(static_cast<int>(operand)) : nullptr;
  };
  return are_regions(call, 1 + out.size(), from, &out);
}
void move_run(Call& call) {
  Region r{};
  for (RegionReader rest(call.attrs, words_before(call.op, call.attrs)); rest.next(r);)
    copy_region(*call.out, call.in(static_cast<int>(r.operand)), r);
}
void move_vjp(Pullback& p) {
  for (int k = 0; k < p.count(); ++k)
    if (p.active(k)) pull_regions(p, k, k);
}
const Op kMove{.name = "move",
               .kind = OpKind::Linear,
               .infer = move_infer,
               .run = move_run,
               .vjp = move_vjp,
               .batch = batch_regions,
               .accepts = move_accepts};

void base_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }

bool base_accepts(const Call& call) {
  if (call.count != 2) return false;
  const auto from = [&](int64_t operand) { return operand == 0 ? &call.in(1) : nullptr; };
  return are_regions(call, 0, from, &call.in(0).shape());
}

/// The base with regions of v written over it, which do not meet one another.
void slice_set_run(Call& call) {
  if (!call.in_place) copy_to(call.in(0), call.out->mutable_data(), call.out->dtype());
  Region r{};
  for (RegionReader rest(call.attrs); rest.next(r);) copy_region(*call.out, call.in(1), r);
}
void slice_set_vjp(Pullback& p) {
  if (p.active(1)) pull_regions(p, 1, 0, p.active(0));
  if (!p.active(0)) return;
  RegionWords words;
  Region r{};
  for (RegionReader rest(p.attrs()); rest.next(r);) {
    r.from = {0};  // a tensor without axes
    words.add(r);
  }
  const Tensor zero = scalar(0.0, p.g.dtype());
  p.give(0, apply_over(kSliceSet, p.take_g(), {&zero}, words.attrs()));
}
const Op kSliceSet{.name = "slice_set",
                   .kind = OpKind::Linear,
                   .infer = base_infer,
                   .run = slice_set_run,
                   .vjp = slice_set_vjp,
                   .over = {needs_input(0)},
                   .batch = batch_regions,
                   .work = regions_work,
                   .accepts = base_accepts};

/// The base with regions of v added to it, wherever they meet.
void slice_add_run(Call& call) {
  const auto add = [&](Tensor& total) {
    Region r{};
    for (RegionReader rest(call.attrs); rest.next(r);) add_region(total, call.in(1), r);
  };
  RegionReader regions(call.attrs);
  Region r{}, second{};
  regions.next(r);
  bool once = r.to.kind < 0 && !regions.next(second);  // every element is met once at most
  for (int k = 0; r.to.kind == Lattice::kAxes && k < r.rank; ++k) once &= r.to.step[k] != 0 || r.count[k] == 1;
  if (!once) return add_into(call, add);
  if (!call.in_place) copy_to(call.in(0), call.out->mutable_data(), call.out->dtype());
  add(*call.out);
}
void slice_add_vjp(Pullback& p) {
  if (p.active(1)) pull_regions(p, 1, 0);
  if (p.active(0)) p.give(0, p.take_g());
}
const Op kSliceAdd{.name = "slice_add",
                   .kind = OpKind::Linear,
                   .infer = base_infer,
                   .run = slice_add_run,
                   .vjp = slice_add_vjp,
                   .over = {needs_input(0)},
                   .batch = batch_regions,
                   .work = regions_work,
                   .accepts = base_accepts};

Region region_of(const Slice& s) {
  return {0, static_cast<int>(s.count.rank), s.count.v, along_axes(s.start.v, s.step.v), {}};
}

}  // namespace

void list_region_ops(OpList& list) { list.insert(list.end(), {&kSlice, &kMove, &kSliceSet, &kSliceAdd}); }

// ---- functions ----------------------------------------------------------------------------------------------------

const Op& slice_op() noexcept { return kSlice; }
const Op& slice_add_op() noexcept { return kSliceAdd; }

Tensor view_of_region(const Tensor& x, const Region& r) { return apply(kSlice, {&x}, RegionWords(r).attrs()); }

Tensor set_region(Tensor&& base, const Tensor& v, const Region& r) {
  return apply_over(kSliceSet, std::move(base), {&v}, RegionWords(r).attrs());
}

Tensor add_to_region(Tensor&& base, const Tensor& v, const Region& r) {
  return apply_over(kSliceAdd, std::move(base), {&v}, RegionWords(r).attrs());
}

Tensor Move::of(std::span<const Tensor> operands) const { return apply(kMove, operands, words_.attrs()); }

Slice whole(const Dims& shape) {
  return {DimsAttr(Dims(shape.size(), 0)), DimsAttr(Dims(shape.size(), 1)), DimsAttr(shape)};
}

Tensor packed(const Tensor& x) {
  Move copy(x.shape());
  copy.add({0, x.rank(), x.shape().data(), {}, {}});
  return copy.of({&x, 1});
}

Tensor slice(const Tensor& x, const Slice& s) { return view_of_region(x, region_of(s)); }

Tensor slice_set(const Tensor& base, const Tensor& v, const Slice& s) {
  Region r = region_of(s);
  if (!(broadcast("setitem", r.box(), v.shape()) == r.box())) {
    fail(ErrorKind::Value, "setitem: a value of shape ", to_string(v.shape()), " does not fit the region ",
         to_string(r.box()), ".");
  }
  std::swap(r.from, r.to);
  const Tensor wide = broadcast_to(v, r.box());
  return apply(kSliceSet, {&base, &wide}, RegionWords(r).attrs());
}

void copy_into_slice(Tensor& dst, const Tensor& v, const Slice& s) {
  Region r = region_of(s);
  std::swap(r.from, r.to);
  copy_region(dst, v, r);
}

}  // namespace adcore
