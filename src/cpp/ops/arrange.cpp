// Functions that arrange elements anew: views and regions (regions.h) of what shape.cpp and move.cpp have. None is an
// op.
#include <algorithm>
#include <cstdlib>

#include "ops/regions.h"
#include "ops/table.h"

namespace adcore {
namespace {

// ---- axes ---------------------------------------------------------------------------------------------------------

Tensor move_axes(const Tensor& x, const Dims& source, const Dims& destination) {
  const int rank = x.rank();
  if (source.size() != destination.size()) {
    fail(ErrorKind::Value, "movedim: as many axes must be named as places, got ", to_string(source), " and ",
         to_string(destination), ".");
  }
  Dims order(rank, -1);
  uint32_t moved = 0;
  for (int k = 0; k < source.size(); ++k) {
    const int from = checked_axis("movedim", source[k], rank), to = checked_axis("movedim", destination[k], rank);
    if (moved >> from & 1 || order[to] >= 0) {
      fail(ErrorKind::Value, "movedim: an axis is named twice, ", to_string(source), " to ", to_string(destination),
           ".");
    }
    order[to] = from;
    moved |= 1u << from;
  }
  for (int from = 0, to = 0; from < rank; ++from) {
    if (moved >> from & 1) continue;
    while (order[to] >= 0) ++to;
    order[to] = from;
  }
  return permute(x, order);
}

Tensor unflatten(const Tensor& x, int64_t axis, const Dims& sizes) {
  const int at = checked_axis("unflatten", axis, x.rank());
  const int64_t size = x.shape()[at];
  Dims full = sizes;
  int64_t known = 1;
  int unknown = -1;
  bool fits = !sizes.empty();
  for (int k = 0; k < sizes.size(); ++k) {
    if (sizes[k] == -1 && unknown < 0) {
      unknown = k;
    } else {
      fits &= sizes[k] >= 0 && !__builtin_mul_overflow(known, sizes[k], &known);
    }
  }
  if (fits && unknown >= 0 && known > 0) {
    full[unknown] = size / known;
    known *= full[unknown];
  }
  if (!fits || known != size) {
    fail(ErrorKind::Value, "unflatten: an axis of size ", size, " cannot become ", to_string(sizes), ".");
  }
  Dims shape;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != at) {
      shape.push_back(x.shape()[i]);
      continue;
    }
    for (int64_t s : full) shape.push_back(s);
  }
  return reshape(x, shape);
}

// ---- parts --------------------------------------------------------------------------------------------------------

Tensor narrow(const Tensor& x, int64_t axis, int64_t start, int64_t length) {
  const int at = checked_axis("narrow", axis, x.rank());
  const int64_t size = x.shape()[at], from = start < 0 ? start + size : start;
  if (from < 0 || from > size || length < 0 || length > size - from) {
    fail(ErrorKind::Value, "narrow: ", length, " elements from ", start, " on are not in axis ", at, " of size ", size,
         ".");
  }
  Slice s = whole(x.shape());
  s.start.v[at] = length ? from : 0;
  s.count.v[at] = length;
  return slice(x, s);
}

Tensor without_axis(const Tensor& x, int at, int64_t i) {
  Slice s = whole(x.shape());
  s.start.v[at] = i;
  s.count.v[at] = 1;
  Dims shape = x.shape();
  shape.erase(at);
  return reshape(slice(x, s), shape);
}

Tensor select(const Tensor& x, int64_t axis, int64_t index) {
  const int at = checked_axis("select", axis, x.rank());
  const int64_t size = x.shape()[at];
  if (index < -size || index >= size)
    fail(ErrorKind::Index, "select: index ", index, " is out of range for axis ", at, " of size ", size, ".");
  return without_axis(x, at, index < 0 ? index + size : index);
}

std::vector<Tensor> unbind(const Tensor& x, int64_t axis) {
  const int at = checked_axis("unbind", axis, x.rank());
  constexpr int64_t kMostParts = int64_t{1} << 24;
  if (x.shape()[at] > kMostParts) throw std::bad_alloc();
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < x.shape()[at]; ++i) parts.push_back(without_axis(x, at, i));
  return parts;
}

// ---- joining ------------------------------------------------------------------------------------------------------

/// The tensor with axes of size 1 around its own, as NumPy's atleast_1d, _2d and _3d put them.
Tensor with_axes(const Tensor& x, int least) {
  Dims shape = x.shape();
  while (shape.size() < std::min(least, 2)) shape.insert(0, 1);
  if (least == 3 && shape.size() == 2) shape.push_back(1);
  return reshape(x, shape);
}
Tensor join_along(const std::vector<Tensor>& tensors, int least, int64_t axis) {
  std::vector<Tensor> parts;
  for (const Tensor& t : tensors) parts.push_back(with_axes(t, least));
  return concat(parts, axis);
}
Tensor hstack(const std::vector<Tensor>& tensors) {
  return join_along(tensors, 1, !tensors.empty() && tensors[0].rank() > 1 ? 1 : 0);
}
Tensor column_stack(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> columns;
  for (const Tensor& t : tensors) columns.push_back(t.rank() < 2 ? reshape(t, Dims{t.size(), 1}) : t);
  return concat(columns, 1);
}

// ---- turning ------------------------------------------------------------------------------------------------------

/// What an axis loses at its end comes back at its start.
Tensor roll_along(const Tensor& x, int axis, int64_t shift) {
  const int64_t size = x.shape()[axis];
  if (x.size() == 0) return x;
  shift = (shift % size + size) % size;
  if (shift == 0) return x;
  const int rank = x.rank();
  const Dims one(rank, 1);
  Dims box = x.shape(), from(rank, 0), to(rank, 0);
  Move move(x.shape());
  box[axis] = shift;
  from[axis] = size - shift;
  move.add({0, rank, box.data(), along_axes(from.data(), one.data()), along_axes(to.data(), one.data())});
  box[axis] = size - shift;
  from[axis] = 0;
  to[axis] = shift;
  move.add({0, rank, box.data(), along_axes(from.data(), one.data()), along_axes(to.data(), one.data())});
  return move.of({&x, 1});
}

Tensor roll(const Tensor& x, const Dims& shifts, const std::optional<Dims>& axes) {
  if (!axes) {
    if (shifts.size() != 1)
      fail(ErrorKind::Value, "roll: without axes there is one shift, got ", to_string(shifts), ".");
    return reshape(roll_along(reshape(x, Dims{x.size()}), 0, shifts[0]), x.shape());
  }
  if (shifts.size() != axes->size() && shifts.size() != 1) {
    fail(ErrorKind::Value, "roll: as many shifts are needed as axes, got ", to_string(shifts), " and ",
         to_string(*axes), ".");
  }
  Tensor y = x;
  for (int k = 0; k < axes->size(); ++k)
    y = roll_along(y, checked_axis("roll", (*axes)[k], x.rank()), shifts[shifts.size() == 1 ? 0 : k]);
  return y;
}

Tensor rot90(const Tensor& x, int64_t k, const Dims& axes) {
  if (axes.size() != 2) fail(ErrorKind::Value, "rot90: a plane has two axes, got ", to_string(axes), ".");
  const int a = checked_axis("rot90", axes[0], x.rank()), b = checked_axis("rot90", axes[1], x.rank());
  if (a == b) fail(ErrorKind::Value, "rot90: axis ", a, " is named twice in ", to_string(axes), ".");
  switch ((k % 4 + 4) % 4) {
    case 0: return x;
    case 1: return swap_axes(flip(x, {b}), a, b);
    case 2: return flip(x, {a, b});
    default: return flip(swap_axes(x, a, b), {b});
  }
}

Tensor flip_axis(const char* op, const Tensor& x, int axis) {
  if (x.rank() <= axis)
    fail(ErrorKind::Value, op, ": needs ", axis + 1, " axes, got shape ", to_string(x.shape()), ".");
  return flip(x, {axis});
}

// ---- diagonals ----------------------------------------------------------------------------------------------------

struct Plane {
  int rows, columns;

  Plane(const char* op, int64_t a, int64_t b, int rank) : rows(checked_axis(op, a, rank)) {
    columns = checked_axis(op, b, rank);
    if (rows == columns) fail(ErrorKind::Value, op, ": the two axes of a diagonal are both ", rows, ".");
  }
};
int64_t below(int64_t offset) { return offset < 0 ? -offset : 0; }
int64_t above(int64_t offset) { return offset > 0 ? offset : 0; }

/// Where the elements of a diagonal lie in a tensor of `rank` axes: its other axes in their order, then along both.
struct Diagonal {
  Dims start;
  int64_t steps[kMaxRank * kMaxRank] = {};

  Diagonal(int rank, Plane p, int64_t offset) : start(rank, 0) {
    start[p.rows] = below(offset);
    start[p.columns] = above(offset);
    int k = 0;
    for (int a = 0; a < rank; ++a)
      if (a != p.rows && a != p.columns) steps[k++ * rank + a] = 1;
    steps[k * rank + p.rows] = steps[k * rank + p.columns] = 1;
  }
  Lattice lattice() const { return {start.size(), start.data(), steps}; }
};

void require_offset(const char* op, int64_t offset) {
  if (std::abs(offset) > int64_t{1} << 48) fail(ErrorKind::Value, op, ": offset ", offset, " is beyond any tensor.");
}

Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  const Plane p("diagonal", dim1, dim2, x.rank());
  require_offset("diagonal", offset);
  const int64_t rows = x.shape()[p.rows] - below(offset), columns = x.shape()[p.columns] - above(offset);
  const int64_t length = std::max<int64_t>(0, std::min(rows, columns));
  Dims shape;
  for (int a = 0; a < x.rank(); ++a)
    if (a != p.rows && a != p.columns) shape.push_back(x.shape()[a]);
  shape.push_back(length);
  const Diagonal d(x.rank(), p, length ? offset : 0);
  return view_of_region(x, {0, shape.size(), shape.data(), d.lattice(), {}});
}

Tensor diag_embed(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  if (x.rank() == 0) fail(ErrorKind::Value, "diag_embed: needs an axis that becomes the diagonal.");
  const int rank = x.rank() + 1;
  const Plane p("diag_embed", dim1, dim2, rank);
  require_offset("diag_embed", offset);
  Dims shape(rank, x.shape().back() + std::abs(offset));
  for (int a = 0, k = 0; a < rank; ++a)
    if (a != p.rows && a != p.columns) shape[a] = x.shape()[k++];
  const Diagonal d(rank, p, offset);
  return set_region(zeros(shape, x.dtype()), x, {0, x.rank(), x.shape().data(), {}, d.lattice()});
}

Tensor diag(const Tensor& x, int64_t offset) {
  if (x.rank() == 1) return diag_embed(x, offset, 0, 1);
  if (x.rank() == 2) return diagonal(x, offset, 0, 1);
  fail(ErrorKind::Value, "diag: needs one axis or two, got shape ", to_string(x.shape()),
       "; use diagonal or diag_embed.");
}

/// The elements of the last two axes with column - row <= diagonal, or >= it; zeros elsewhere.
Tensor triangle(const char* op, const Tensor& x, int64_t diagonal, bool lower) {
  if (x.rank() < 2) fail(ErrorKind::Value, op, ": needs two axes, got shape ", to_string(x.shape()), ".");
  const int64_t rows = x.shape()[x.rank() - 2], columns = x.shape().back();
  require_offset(op, diagonal);
  Tensor kept(Dims{rows, columns}, DType::Bool);
  auto* p = kept.mutable_data_as<uint8_t>();
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = 0; k < columns; ++k) p[i * columns + k] = lower ? k - i <= diagonal : k - i >= diagonal;
  return map("where", kept, x, scalar(int64_t{0}, x.dtype()));
}

// ---- windows ------------------------------------------------------------------------------------------------------

/// Windows of an axis, which come last.
Tensor windows(const Tensor& x, int64_t axis, int64_t size, int64_t step) {
  const int rank = x.rank(), at = checked_axis("unfold", axis, rank);
  if (size < 0 || size > x.shape()[at] || step < 1) {
    fail(ErrorKind::Value, "unfold: windows of size ", size, " in steps of ", step, " do not fit axis ", at,
         " of size ", x.shape()[at], "; steps are positive.");
  }
  Dims shape = x.shape();
  shape[at] = (x.shape()[at] - size) / step + 1;
  shape.push_back(size);
  const Dims start(rank, 0);
  int64_t steps[kMaxRank * kMaxRank] = {};
  for (int a = 0; a < rank; ++a) steps[a * rank + a] = a == at ? step : 1;
  steps[rank * rank + at] = 1;
  return view_of_region(x, {0, rank + 1, shape.data(), {rank, start.data(), steps}, {}});
}

/// Blocks of an image, and where they lie: one number, or one for rows and one for columns.
struct Blocks {
  const char* op;
  Dims kernel, dilation, padding, stride, count{0, 0};

  Blocks(const char* op, const Dims& size, const Dims& kernel, const Dims& dilation, const Dims& padding,
         const Dims& stride)
      : op(op),
        kernel(pair("kernel_size", kernel, 1)),
        dilation(pair("dilation", dilation, 1)),
        padding(pair("padding", padding, 0)),
        stride(pair("stride", stride, 1)) {
    for (int k = 0; k < 2; ++k) {
      const int64_t reach = this->dilation[k] * (this->kernel[k] - 1) + 1, room = size[k] + 2 * this->padding[k];
      if (room < reach) {
        fail(ErrorKind::Value, op, ": a kernel of ", to_string(this->kernel), " with dilation ",
             to_string(this->dilation), " does not fit ", to_string(size), " with padding ", to_string(this->padding),
             ".");
      }
      count[k] = (room - reach) / this->stride[k] + 1;
    }
  }

  Dims box(const Dims& batch, int64_t channels) const {
    Dims box = batch;
    for (int64_t n : {channels, kernel[0], kernel[1], count[0], count[1]}) box.push_back(n);
    return box;
  }
  /// The padded image that the blocks lie in.
  Dims padded(const Dims& shape) const {
    Dims wide = shape;
    for (int k = 0; k < 2; ++k) wide[shape.size() - 2 + k] += 2 * padding[k];
    return wide;
  }
  Slice middle(const Dims& shape) const {
    Slice s = whole(shape);
    for (int k = 0; k < 2; ++k) s.start.v[shape.size() - 2 + k] = padding[k];
    return s;
  }
  /// The region of the blocks in an image of `rank` axes; start and steps are written for it.
  Lattice lattice(int rank, int64_t* start, int64_t* steps) const {
    std::fill_n(start, rank, int64_t{0});
    std::fill_n(steps, (rank + 2) * rank, int64_t{0});
    for (int a = 0; a < rank - 2; ++a) steps[a * rank + a] = 1;
    for (int k = 0; k < 2; ++k) {
      steps[(rank - 2 + k) * rank + rank - 2 + k] = dilation[k];
      steps[(rank + k) * rank + rank - 2 + k] = stride[k];
    }
    return {rank, start, steps};
  }

 private:
  Dims pair(const char* name, const Dims& given, int64_t least) const {
    constexpr int64_t kMost = int64_t{1} << 31;
    const Dims both = given.size() == 1 ? Dims{given[0], given[0]} : given;
    bool fits = both.size() == 2;
    for (int64_t n : both) fits &= n >= least && n < kMost;
    if (!fits) {
      fail(ErrorKind::Value, op, ": ", name, " must be one number of at least ", least, " or two, got ",
           to_string(given), ".");
    }
    return both;
  }
};

Dims or_else(const std::optional<Dims>& given, int64_t fallback) { return given.value_or(Dims{fallback}); }

Tensor unfold(const Tensor& x, const Dims& kernel, const std::optional<Dims>& dilation,
              const std::optional<Dims>& padding, const std::optional<Dims>& stride) {
  const int rank = x.rank();
  if (rank != 3 && rank != 4) {
    fail(ErrorKind::Value, "unfold: the input must be (N, C, H, W) or (C, H, W), got shape ", to_string(x.shape()),
         ".");
  }
  const Blocks b("unfold", {x.shape()[rank - 2], x.shape()[rank - 1]}, kernel, or_else(dilation, 1),
                 or_else(padding, 0), or_else(stride, 1));
  const Dims batch = rank == 4 ? Dims{x.shape()[0]} : Dims();
  const int64_t channels = x.shape()[rank - 3];
  const Dims wide = b.padded(x.shape()), box = b.box(batch, channels);
  const Tensor image = wide == x.shape() ? x : slice_set(zeros(wide, x.dtype()), x, b.middle(x.shape()));
  int64_t start[4], steps[6 * 4];
  Dims shape = batch;
  shape.push_back(channels * b.kernel[0] * b.kernel[1]);
  shape.push_back(b.count[0] * b.count[1]);
  return reshape(view_of_region(image, {0, box.size(), box.data(), b.lattice(rank, start, steps), {}}), shape);
}

Tensor fold(const Tensor& x, const Dims& size, const Dims& kernel, const std::optional<Dims>& dilation,
            const std::optional<Dims>& padding, const std::optional<Dims>& stride) {
  if (x.rank() != 2 && x.rank() != 3) {
    fail(ErrorKind::Value, "fold: the input must be (N, C * kernel, L) or (C * kernel, L), got shape ",
         to_string(x.shape()), ".");
  }
  const Dims image = size.size() == 1 ? Dims{size[0], size[0]} : size;
  if (image.size() != 2 || image[0] < 0 || image[1] < 0)
    fail(ErrorKind::Value, "fold: output_size must be one size or two, got ", to_string(size), ".");
  const Blocks b("fold", image, kernel, or_else(dilation, 1), or_else(padding, 0), or_else(stride, 1));
  const int64_t each = b.kernel[0] * b.kernel[1], rows = x.shape()[x.rank() - 2];
  if (rows % each || x.shape().back() != b.count[0] * b.count[1]) {
    fail(ErrorKind::Value, "fold: an input of shape ", to_string(x.shape()), " has not ", each,
         " rows for each channel and ", b.count[0] * b.count[1], " columns, one for each block.");
  }
  const Dims batch = x.rank() == 3 ? Dims{x.shape()[0]} : Dims(), box = b.box(batch, rows / each);
  Dims shape = batch;
  for (int64_t n : {rows / each, image[0], image[1]}) shape.push_back(n);
  int64_t start[4], steps[6 * 4];
  const Region r{0, box.size(), box.data(), {}, b.lattice(shape.size(), start, steps)};
  return slice(add_to_region(zeros(b.padded(shape), x.dtype()), reshape(x, box), r), b.middle(shape));
}

Tensor repeat_each(const Tensor& x, int64_t times, int64_t axis) {
  const int at = checked_axis("repeat_elements", axis, x.rank());
  if (times < 0)
    fail(ErrorKind::Value, "repeat_elements: the number of repetitions must not be negative, got ", times, ".");
  Dims wide = x.shape(), shape = wide;
  wide.insert(at + 1, times);
  if (__builtin_mul_overflow(shape[at], times, &shape[at])) throw std::bad_alloc();
  return reshape(broadcast_to(expand_dims(x, at + 1), wide), shape);
}

constexpr Function kFunctions[] = {
    def("movedim(input, source, destination)", "Axes moved to other places; the others keep their order.",
        {"movedim(Tensor([[1, 2], [3, 4]]), 0, 1)", "[[1 3]\n [2 4]]"},
        [](const Tensor& x, const Dims& from, const Dims& to) { return move_axes(x, from, to); },
        {.aliases = {"moveaxis"},
         .samples = {"movedim(x(2, 3, 2), 0, -1) ** 2", "movedim(x(2, 3, 4), (0, 1), (2, 0)) ** 2"}}),
    def("unflatten(input, dim, sizes)", "An axis cut into several; one size may be -1.",
        {"unflatten(Tensor([1, 2, 3, 4]), 0, (2, -1))", "[[1 2]\n [3 4]]"},
        [](const Tensor& x, int64_t axis, const Dims& sizes) { return apart(unflatten(x, axis, sizes), x); },
        {.samples = {"unflatten(x(2, 6), 1, (3, -1)) ** 2"}}),
    def("ravel(input)", "The elements along one axis, by rows.", {"ravel(Tensor([[1, 2], [3, 4]]))", "[1 2 3 4]"},
        [](const Tensor& x) { return apart(reshape(x, Dims{x.size()}), x); }, {.samples = {"ravel(x(3, 4)) ** 2"}}),
    def("reshape_as(input, other)", "The same elements in the shape of another tensor.",
        {"reshape_as(Tensor([1, 2]), Tensor([[3], [4]]))", "[[1]\n [2]]"},
        [](const Tensor& x, const Tensor& other) { return apart(reshape(x, other.shape()), x); },
        {.aliases = {"view_as"}, .samples = {"reshape_as(x(3, 4), i(2, 6)) ** 2"}}),
    def("expand_as(input, other)", "The tensor repeated, without a copy, to the shape of another one.",
        {"expand_as(Tensor([1, 2]), Tensor([[3, 4], [5, 6]]))", "[[1 2]\n [1 2]]"},
        [](const Tensor& x, const Tensor& other) { return apart(broadcast_to(x, other.shape()), x); },
        {.samples = {"expand_as(x(3, 1), i(2, 3, 4)) ** 2"}}),
    def("narrow(input, axis, start, length)", "A part of an axis.", {"narrow(Tensor([1, 2, 3, 4]), 0, 1, 2)", "[2 3]"},
        [](const Tensor& x, int64_t axis, int64_t start, int64_t length) { return narrow(x, axis, start, length); },
        {.samples = {"narrow(x(3, 4), 1, -3, 2) ** 2"}}),
    def("select(input, axis, index)", "The slice at one index of an axis, which falls away.",
        {"select(Tensor([[1, 2], [3, 4]]), 1, 0)", "[1 3]"},
        [](const Tensor& x, int64_t axis, int64_t index) { return select(x, axis, index); },
        {.samples = {"select(x(3, 4), 1, -1) ** 2"}}),
    def("unbind(input, dim=0)", "The slices along an axis, as a tuple.",
        {"unbind(Tensor([[1, 2], [3, 4]]))[1]", "[3 4]"}, [](const Tensor& x, int64_t axis) { return unbind(x, axis); },
        {.aliases = {"unstack"}, .samples = {"tuple(part ** 2 for part in unbind(x(3, 4), 1))"}}),
    def("vstack(inputs)", "Tensors joined along the first axis; one of one axis is a row.",
        {"vstack((Tensor([1, 2]), Tensor([3, 4])))", "[[1 2]\n [3 4]]"},
        [](const std::vector<Tensor>& tensors) { return join_along(tensors, 2, 0); },
        {.method = false, .aliases = {"row_stack"}, .samples = {"vstack((x(4), x(2, 4))) ** 2"}}),
    def("hstack(tensors)", "Tensors joined along the second axis; those of one axis along it.",
        {"hstack((Tensor([1, 2]), Tensor([3, 4])))", "[1 2 3 4]"},
        [](const std::vector<Tensor>& tensors) { return hstack(tensors); },
        {.method = false, .samples = {"hstack((x(3, 2), x(3, 1))) ** 2", "hstack((x(3), x())) ** 2"}}),
    def("dstack(inputs)", "Tensors joined along the third axis, as NumPy does it.",
        {"dstack((Tensor([1, 2]), Tensor([3, 4])))", "[[[1 3]\n  [2 4]]]"},
        [](const std::vector<Tensor>& tensors) { return join_along(tensors, 3, 2); },
        {.method = false, .samples = {"dstack((x(3), x(3))) ** 2", "dstack((x(2, 3), x(2, 3, 2))) ** 2"}}),
    def("column_stack(tensors)", "Tensors joined along the second axis; one of one axis is a column.",
        {"column_stack((Tensor([1, 2]), Tensor([3, 4])))", "[[1 3]\n [2 4]]"},
        [](const std::vector<Tensor>& tensors) { return column_stack(tensors); },
        {.method = false, .samples = {"column_stack((x(3), x(3, 2))) ** 2"}}),
    def("roll(input, shifts, dims=None)",
        "Elements moved along axes; what leaves one end comes in at the other. Without axes the flattened tensor "
        "rolls.",
        {"roll(Tensor([1, 2, 3]), 1)", "[3 1 2]"},
        [](const Tensor& x, const Dims& shifts, const std::optional<Dims>& axes) {
          return apart(roll(x, shifts, axes), x);
        },
        {.samples = {"roll(x(3, 4), 1, 0) * x(3, 4)", "roll(x(3, 4), (-1, 2), (0, 1)) * x(3, 4)",
                     "roll(x(3, 4), 5) * x(3, 4)"}}),
    def("rot90(input, k=1, dims=None)", "Quarter turns of a plane, that of the first two axes unless others are named.",
        {"rot90(Tensor([[1, 2], [3, 4]]))", "[[2 4]\n [1 3]]"},
        [](const Tensor& x, int64_t k, const std::optional<Dims>& axes) {
          return apart(rot90(x, k, axes.value_or(Dims{0, 1})), x);
        },
        {.samples = {"rot90(x(3, 4)) ** 2 * x(4, 3)", "rot90(x(2, 3, 4), -1, (1, 2)) ** 2", "rot90(x(3, 4), 2) ** 2"}}),
    def("fliplr(input)", "The columns in reverse order.", {"fliplr(Tensor([[1, 2], [3, 4]]))", "[[2 1]\n [4 3]]"},
        [](const Tensor& x) { return flip_axis("fliplr", x, 1); }, {.samples = {"fliplr(x(3, 4)) * x(3, 4)"}}),
    def("flipud(input)", "The rows in reverse order.", {"flipud(Tensor([[1, 2], [3, 4]]))", "[[3 4]\n [1 2]]"},
        [](const Tensor& x) { return flip_axis("flipud", x, 0); }, {.samples = {"flipud(x(3, 4)) * x(3, 4)"}}),
    def("diagonal(input, offset=0, dim1=0, dim2=1)",
        "The diagonals of a plane as last axis; a positive offset is above the main one.",
        {"diagonal(Tensor([[1, 2], [3, 4]]))", "[1 4]"},
        [](const Tensor& x, int64_t offset, int64_t a, int64_t b) { return diagonal(x, offset, a, b); },
        {.samples = {"diagonal(x(3, 4)) ** 2", "diagonal(x(2, 3, 4), 1, 1, 2) ** 2", "diagonal(x(3, 4), -1) ** 2"}}),
    def("diag_embed(input, offset=0, dim1=-2, dim2=-1)",
        "Matrices, in a plane of their own, of which the last axis is a "
        "diagonal.",
        {"diag_embed(Tensor([1, 2]))", "[[1 0]\n [0 2]]"},
        [](const Tensor& x, int64_t offset, int64_t a, int64_t b) { return diag_embed(x, offset, a, b); },
        {.samples = {"diag_embed(x(2, 3)) ** 2", "diag_embed(x(2, 3), 1, 0, 2) ** 2", "diag_embed(x(3), -2) ** 2"}}),
    def("diag(input, diagonal=0)", "A matrix with a diagonal, or the diagonal of a matrix.",
        {"diag(Tensor([1, 2]))", "[[1 0]\n [0 2]]"}, [](const Tensor& x, int64_t offset) { return diag(x, offset); },
        {.samples = {"diag(x(3)) ** 2", "diag(x(3, 4)) ** 2", "diag(x(3, 4), 1) ** 2"}}),
    def("diagflat(input, offset=0)", "A matrix with the flattened tensor as diagonal.",
        {"diagflat(Tensor([1, 2]))", "[[1 0]\n [0 2]]"},
        [](const Tensor& x, int64_t offset) { return diag(reshape(x, Dims{x.size()}), offset); },
        {.samples = {"diagflat(x(2, 2), 1) ** 2"}}),
    def("tril(input, diagonal=0)", "The last two axes without what is above a diagonal.",
        {"tril(Tensor([[1, 2], [3, 4]]))", "[[1 0]\n [3 4]]"},
        [](const Tensor& x, int64_t diagonal) { return triangle("tril", x, diagonal, true); },
        {.samples = {"tril(x(3, 4)) ** 2", "tril(x(2, 3, 4), -1) ** 2"}}),
    def("triu(input, diagonal=0)", "The last two axes without what is below a diagonal.",
        {"triu(Tensor([[1, 2], [3, 4]]))", "[[1 2]\n [0 4]]"},
        [](const Tensor& x, int64_t diagonal) { return triangle("triu", x, diagonal, false); },
        {.samples = {"triu(x(3, 4)) ** 2", "triu(x(2, 3, 4), 1) ** 2"}}),
    def("repeat_elements(x, rep, axis=0)", "Every slice along an axis as often as is said.",
        {"repeat_elements(Tensor([1, 2]), 2)", "[1 1 2 2]"},
        [](const Tensor& x, int64_t times, int64_t axis) { return apart(repeat_each(x, times, axis), x); },
        {.samples = {"repeat_elements(x(3, 4), 2, 1) ** 2"}}),
    def("unfold(input, kernel_size, dilation=None, padding=None, stride=None)",
        "Blocks of an image (N, C, H, W) as columns, (N, C * kernel, blocks). Each option is one number or two.",
        {"unfold(Tensor([[[1, 2, 3], [4, 5, 6]]]), 2)", "[[1 2]\n [2 3]\n [4 5]\n [5 6]]"},
        [](const Tensor& x, const Dims& kernel, const std::optional<Dims>& dilation, const std::optional<Dims>& padding,
           const std::optional<Dims>& stride) { return unfold(x, kernel, dilation, padding, stride); },
        {.method = false,
         .samples = {"unfold(x(1, 2, 4, 5), 2) ** 2", "unfold(x(2, 5, 4), (3, 2), (1, 2), 1, (2, 1)) ** 2"}}),
    def("fold(input, output_size, kernel_size, dilation=None, padding=None, stride=None)",
        "The sum of blocks, (N, C * kernel, blocks), at their places in an image: the transpose of `unfold`.",
        {"fold(Tensor([[1, 1], [1, 1], [1, 1], [1, 1]]), (2, 3), 2)", "[[[1 2 1]\n  [1 2 1]]]"},
        [](const Tensor& x, const Dims& size, const Dims& kernel, const std::optional<Dims>& dilation,
           const std::optional<Dims>& padding,
           const std::optional<Dims>& stride) { return fold(x, size, kernel, dilation, padding, stride); },
        {.method = false,
         .samples = {"fold(x(1, 8, 12), (4, 5), 2) ** 2", "fold(x(12, 12), (5, 4), (3, 2), (1, 2), 1, (2, 1)) ** 2"}}),
    def("_windows(input, dim, size, step)", "Windows of an axis, which come last.",
        {"_windows(Tensor([1, 2, 3]), 0, 2, 1)", "[[1 2]\n [2 3]]"},
        [](const Tensor& x, int64_t axis, int64_t size, int64_t step) { return windows(x, axis, size, step); }),
};

}  // namespace

const std::span<const Function> kArrangeFunctions = kFunctions;

}  // namespace adcore
