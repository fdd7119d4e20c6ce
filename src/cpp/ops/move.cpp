// Functions that move elements: each says which regions, see regions.h, and nothing about derivatives or batches.
#include <algorithm>
#include <array>

#include "ops/regions.h"
#include "ops/table.h"

namespace adcore {

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

namespace {

constexpr int64_t kMostJoined = 60'000;

void require_some(const char* op, std::span<const Tensor> tensors) {
  if (tensors.empty()) fail(ErrorKind::Value, op, ": needs at least one tensor.");
  if (tensors.size() > kMostJoined)
    fail(ErrorKind::Value, op, ": joins at most ", kMostJoined, " tensors at once, got ", tensors.size(), ".");
}

}  // namespace

Tensor concat(std::span<const Tensor> tensors, int64_t axis) {
  require_some("concat", tensors);
  Dims shape = tensors[0].shape();
  if (shape.empty()) fail(ErrorKind::Value, "concat: a tensor without axes cannot be joined; use stack.");
  const int at = checked_axis("concat", axis, shape.size());
  shape[at] = 0;
  for (const Tensor& t : tensors) {
    Dims other = t.shape();
    const int64_t size = other.size() == shape.size() ? other[at] : 0;
    if (other.size() == shape.size()) other[at] = shape[at];
    if (!(other == shape)) {
      fail(ErrorKind::Value, "concat: shapes may differ only along axis ", at, ", got ", to_string(tensors[0].shape()),
           " and ", to_string(t.shape()), ".");
    }
    if (__builtin_add_overflow(shape[at], size, &shape[at])) throw std::bad_alloc();
  }
  Move move(shape);
  Dims start(shape.size(), 0);
  const Dims step(shape.size(), 1);
  for (size_t k = 0; k < tensors.size(); ++k) {
    const Dims& box = tensors[k].shape();
    move.add({static_cast<int64_t>(k), box.size(), box.data(), {}, along_axes(start.data(), step.data())});
    start[at] += box[at];
  }
  return move.of(tensors);
}

namespace {

Tensor stack(std::span<const Tensor> tensors, int64_t axis) {
  require_some("stack", tensors);
  const Dims& box = tensors[0].shape();
  for (const Tensor& t : tensors) {
    if (t.shape() == box) continue;
    fail(ErrorKind::Value, "stack: shapes must agree, got ", to_string(box), " and ", to_string(t.shape()), ".");
  }
  Dims shape = box;
  shape.insert(0, static_cast<int64_t>(tensors.size()));
  const int rank = shape.size(), at = checked_axis("stack", axis, rank);
  shape.erase(0);
  shape.insert(at, static_cast<int64_t>(tensors.size()));
  Dims start(rank, 0);
  int64_t steps[kMaxRank * kMaxRank] = {};  // axis k of the box is axis k or k + 1 of the output
  for (int k = 0; k < box.size(); ++k) steps[k * rank + (k < at ? k : k + 1)] = 1;
  Move move(shape);
  for (size_t k = 0; k < tensors.size(); ++k) {
    start[at] = static_cast<int64_t>(k);
    move.add({start[at], box.size(), box.data(), {}, {rank, start.data(), steps}});
  }
  return move.of(tensors);
}

/// Repeats along as many axes as a box has room for, and along the others by joining copies.
Tensor tile(const Tensor& input, const Dims& times) {
  const int rank = std::max(times.size(), input.rank());
  Dims sizes = input.shape(), repeats = times, shape;
  while (sizes.size() < rank) sizes.insert(0, 1);
  while (repeats.size() < rank) repeats.insert(0, 1);
  Dims box, later(rank, 1);
  int64_t from[kMaxRank * kMaxRank] = {}, to[kMaxRank * kMaxRank] = {};
  int room = kMaxRank - rank;
  for (int a = 0; a < rank; ++a) {
    if (repeats[a] < 0) fail(ErrorKind::Value, "tile: repetitions must not be negative, got ", to_string(times), ".");
    if (repeats[a] > 1 && sizes[a] != 1 && room-- <= 0) std::swap(later[a], repeats[a]);
    if (later[a] > kMostJoined)
      fail(ErrorKind::Value, "tile: at most ", kMostJoined, " repetitions along axis ", a, " of ", rank, ".");
    int64_t size = 0;
    if (__builtin_mul_overflow(sizes[a], repeats[a], &size)) throw std::bad_alloc();
    shape.push_back(size);
    if (repeats[a] > 1) {
      to[box.size() * rank + a] = sizes[a];
      box.push_back(repeats[a]);
    }
    if (repeats[a] > 1 && sizes[a] == 1) continue;
    from[box.size() * rank + a] = to[box.size() * rank + a] = 1;
    box.push_back(repeats[a] ? sizes[a] : 0);
  }
  const Dims start(rank, 0);
  const Tensor x = reshape(input, sizes);
  Move move(shape);
  move.add({0, box.size(), box.data(), {rank, start.data(), from}, {rank, start.data(), to}});
  Tensor y = move.of({&x, 1});
  for (int a = 0; a < rank; ++a) {
    if (later[a] != 1) y = concat(std::vector<Tensor>(static_cast<size_t>(later[a]), y), a);
  }
  return y;
}

// ---- pad ----------------------------------------------------------------------------------------------------------

enum class PadMode : int64_t { Constant, Reflect, Replicate, Circular };

}  // namespace

template <>
struct WordsOf<PadMode> {
  static constexpr std::string_view kName = "PadMode", kWords[] = {"constant", "reflect", "replicate", "circular"};
};

namespace {

/// Elements of an axis that follow one another in the padded one: from `start` in steps of `step`.
struct Run {
  int64_t start, step, count, to;
};

/// What the padded axis consists of: the window [-before, size + after) of the axis and of what its mode puts around
/// it.
class PaddedAxis {
 public:
  PaddedAxis(PadMode mode, int axis, int64_t size, int64_t before, int64_t after) {
    constexpr int64_t kMost = int64_t{1} << 62;
    for (int64_t n : {before, after})
      if (n > kMost || n < -kMost) throw std::bad_alloc();
    int64_t first = 0, end = size;  // what stands in the middle
    if (__builtin_add_overflow(size + before, after, &total)) throw std::bad_alloc();
    if (total < 0) {
      fail(ErrorKind::Value, "pad: cutting ", -before, " and ", -after, " leaves nothing of axis ", axis, " of size ",
           size, ".");
    }
    low_ = -before;
    if (mode == PadMode::Circular) {  // what is left goes round
      first = std::min(std::max<int64_t>(0, -before), size);
      end = std::max(first, std::min(size, size + after));
    }
    const int64_t wide = std::max(before, after), n = end - first;
    const bool fits = mode == PadMode::Reflect    ? wide < n
                      : mode == PadMode::Circular ? wide <= n
                                                  : mode == PadMode::Constant || n > 0;
    if (wide > 0 && !fits) {
      fail(ErrorKind::Value, "pad: mode '", WordsOf<PadMode>::kWords[static_cast<size_t>(mode)], "' cannot add (",
           before, ", ", after, ") to axis ", axis, " of size ", size, ".");
    }
    const int64_t high = low_ + total;
    const int64_t left = std::min(high, first), right = std::max(low_, end);
    switch (mode) {
      case PadMode::Constant: add(first, end, 0, 1); break;
      case PadMode::Reflect:
        add(low_, left, 0, -1);
        add(first, end, 0, 1);
        add(right, high, 2 * (size - 1), -1);
        break;
      case PadMode::Replicate:
        add(low_, left, 0, 0);
        add(first, end, 0, 1);
        add(right, high, size - 1, 0);
        break;
      case PadMode::Circular:
        add(low_, left, n, 1);
        add(first, end, 0, 1);
        add(right, high, -n, 1);
        break;
    }
  }

  const Run* begin() const { return runs_.data(); }
  const Run* end() const { return runs_.data() + count_; }
  int runs() const { return count_; }
  bool is_view() const { return count_ == 1 && runs_[0].count == total; }

  int64_t total = 0;

 private:
  /// The part of [from, end) in the window: place i shows the element shift + i * step.
  void add(int64_t from, int64_t end, int64_t shift, int64_t step) {
    from = std::max(from, low_);
    end = std::min(end, low_ + total);
    if (from < end) runs_[static_cast<size_t>(count_++)] = {shift + from * step, step, end - from, from - low_};
  }

  int64_t low_ = 0;
  std::array<Run, 3> runs_{};
  int count_ = 0;
};

/// Calls f(region) for all choices of one run of every axis.
template <class F>
void for_each_region(std::span<const PaddedAxis> axes, F f) {
  const int rank = static_cast<int>(axes.size());
  for (const PaddedAxis& axis : axes)
    if (axis.runs() == 0) return;
  Dims choice(rank, 0), count(rank, 0), from(rank, 0), step(rank, 0), to(rank, 0);
  const Dims ones(rank, 1);
  for (int a = 0; a >= 0;) {
    for (a = 0; a < rank; ++a) {
      const Run& run = axes[static_cast<size_t>(a)].begin()[choice[a]];
      count[a] = run.count, from[a] = run.start, step[a] = run.step, to[a] = run.to;
    }
    f(Region{0, rank, count.data(), along_axes(from.data(), step.data()), along_axes(to.data(), ones.data())});
    for (a = rank - 1; a >= 0 && ++choice[a] == axes[static_cast<size_t>(a)].runs(); --a) choice[a] = 0;
  }
}

/// `value` only where the mode is constant.
Tensor pad(const Tensor& x, const std::vector<int64_t>& padding, PadMode mode, const std::optional<Number>& value) {
  const int rank = x.rank();
  const int64_t given = static_cast<int64_t>(padding.size());
  if (given % 2 || given > 2 * rank) {
    fail(ErrorKind::Value, "pad: ", given, " entries are not pairs for at most ", rank, " axes.");
  }
  std::vector<PaddedAxis> axes;
  Dims shape;
  bool view = true;
  for (int a = 0; a < rank; ++a) {
    const int64_t pair = 2 * (rank - 1 - a);  // the last axis comes first
    const bool named = pair < given;
    const auto at = static_cast<size_t>(pair);
    axes.emplace_back(mode, a, x.shape()[a], named ? padding[at] : 0, named ? padding[at + 1] : 0);
    shape.push_back(axes.back().total);
    view &= axes.back().is_view();
  }
  count(shape);
  Tensor out = x;
  if (mode == PadMode::Constant && !view) {
    out = filled_beside("pad", value.value_or(Number(int64_t{0})), shape, x.dtype());
    for_each_region(axes, [&](const Region& r) { out = set_region(std::move(out), x, r); });
    return out;
  }
  if (view) {
    for_each_region(axes, [&](Region r) {
      r.to = {};
      out = view_of_region(x, r);
    });
    return out;
  }
  // Some axes at a time: every further one makes up to three times as many regions.
  constexpr int kMostRegions = 81;
  int regions = 1;
  std::vector<PaddedAxis> now;
  for (int a = 0; a < rank; ++a) now.emplace_back(mode, a, x.shape()[a], 0, 0);
  for (int a = 0; a < rank; ++a) {
    const auto k = static_cast<size_t>(a);
    now[k] = axes[k];
    regions *= axes[k].runs();
    if (a + 1 < rank && regions < kMostRegions) continue;
    Dims made;
    for (const PaddedAxis& axis : now) made.push_back(axis.total);
    Move move(made);
    for_each_region(now, [&](const Region& r) { move.add(r); });
    out = move.of({&out, 1});
    regions = 1;
    for (int done = 0; done <= a; ++done) now[static_cast<size_t>(done)] = PaddedAxis(mode, done, made[done], 0, 0);
  }
  return out;
}

/// The value in the dtype of x, which stays.
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Number& value) {
  if (value.is_tensor() && value.tensor().rank() > 0)
    fail(ErrorKind::Value, "masked_fill: the value must be a number or a tensor without axes, got the shape ",
         to_string(value.tensor().shape()), "; where() chooses between elements of two tensors.");
  const Tensor v = value.is_tensor() ? filled_beside("masked_fill", value, value.tensor().shape(), x.dtype())
                                     : filled_beside("masked_fill", value, {}, x.dtype());
  return map("where", mask, v, x);
}

constexpr Function kFunctions[] = {
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
    def("tile(input, dims)", "A tensor repeated along its axes: how often along each, missing leading ones are 1.",
        {"tile(Tensor([1, 2]), (2, 2))", "[[1 2 1 2]\n [1 2 1 2]]"},
        [](const Tensor& x, const Dims& times) { return tile(x, times); },
        {.samples = {"tile(x(3, 4), (2, 1, 2)) ** 2"}}),
    def("pad(input_x, padding, mode='constant', value=None)",
        "Elements added around a tensor: pairs (before, after), the last axis first; negative numbers cut off.",
        {"pad(Tensor([1.0, 2.0]), (1, 1))", "[0. 1. 2. 0.]"},
        [](const Tensor& x, const std::vector<int64_t>& padding, PadMode mode, const std::optional<Number>& value) {
          return pad(x, padding, mode, value);
        },
        {.method = false,
         .samples = {"pad(x(3, 4), (1, 0, 2, 1)) ** 2", "pad(x(3, 4), (-1, 2)) ** 2",
                     "pad(x(3, 4), (2, 1), 'reflect') ** 2", "pad(x(3, 4), (1, 2), 'replicate') ** 2",
                     "pad(x(3, 4), (-1, 2, 2, -1), 'replicate') ** 2", "pad(x(3, 4), (3, 1), 'circular') ** 2"}}),
    def("masked_fill(input_x, mask, value)",
        "The elements replaced where the mask is true; the dtype stays, so the value must fit it.",
        {"masked_fill(Tensor([1.0, 2.0]), Tensor([True, False]), 0.0)", "[0. 2.]"},
        [](const Tensor& x, const Tensor& mask, const Number& value) { return masked_fill(x, mask, value); },
        {.samples = {"masked_fill(x(3, 4), b(3, 4), 7.0) ** 2", "masked_fill(x(3, 4), b(4), x()) ** 2"}}),
};

}  // namespace

const std::span<const Function> kMoveFunctions = kFunctions;

}  // namespace adcore
