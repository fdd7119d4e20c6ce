// Convolution in one to three spatial axes: bilinear, so its derivatives are its two transposed maps, which are ops of
// the same family. Start reading at kConv.
//
// Members of a batch that share the weight are more images; members with weights of their own are more groups. A group
// rounds the same whatever stands beside it, so a member's bits are those it has alone.
#include <algorithm>
#include <array>
#include <string>

#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/reduce.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

/// Three spatial axes; those that are not there stand first and are as if of size 1.
struct ConvAttr {
  int64_t spatial, groups = 1;
  int64_t stride[3] = {1, 1, 1}, low[3] = {}, high[3] = {}, dilation[3] = {1, 1, 1};
  int64_t in[3] = {1, 1, 1}, kernel[3] = {1, 1, 1};  // where no operand tells them

  int first() const { return 3 - static_cast<int>(spatial); }
};

enum class To : uint8_t { Output, Input, Weight };

/// The sizes of a call: of x and w, of y and w, or of x and y.
ConvSizes sizes_of(const Call& call, To to) {
  const auto a = call.attrs.as<ConvAttr>();
  const Dims& p = call.in(0).shape();
  const Dims& q = call.in(1).shape();
  ConvSizes s{};
  s.n = p[0];
  s.groups = a.groups;
  s.co = (to == To::Input ? p[1] : to == To::Weight ? q[1] : q[0]) / a.groups;
  s.ci = to == To::Input ? q[1] : p[1] / a.groups;
  for (int i = 0; i < 3; ++i) {
    const int axis = i - a.first() + 2;
    const bool there = i >= a.first();
    s.in[i] = to == To::Input || !there ? a.in[i] : p[axis];
    s.kernel[i] = to == To::Weight || !there ? a.kernel[i] : q[axis];
    s.stride[i] = a.stride[i];
    s.pad[i] = a.low[i];
    s.dilation[i] = a.dilation[i];
    s.out[i] = !there ? 1
               : to == To::Output
                   ? (s.in[i] + a.low[i] + a.high[i] - a.dilation[i] * (s.kernel[i] - 1) - 1) / a.stride[i] + 1
               : to == To::Input ? p[axis]
                                 : q[axis];
  }
  return s;
}

template <To kTo>
void conv_infer(Call& call) {
  const ConvSizes s = sizes_of(call, kTo);
  Dims shape = kTo == To::Weight ? Dims{s.groups * s.co, s.ci} : Dims{s.n, s.groups * (kTo == To::Input ? s.ci : s.co)};
  const int64_t* sizes = kTo == To::Output ? s.out : kTo == To::Input ? s.in : s.kernel;
  for (int i = call.attrs.as<ConvAttr>().first(); i < 3; ++i) shape.push_back(sizes[i]);
  call.out->set_shape(shape, call.in(0).dtype());
}

template <To kTo>
bool conv_accepts(const Call& call) {
  if (!has<ConvAttr>(call, call.count) || call.count < 2) return false;
  const auto a = call.attrs.as<ConvAttr>();
  const Tensor &p = call.in(0), &q = call.in(1);
  if (!in_range(a.spatial, 1, 3) || !is_step(a.groups) || p.rank() != a.spatial + 2 || q.rank() != a.spatial + 2 ||
      !is_float(p.dtype()) || q.dtype() != p.dtype())
    return false;
  for (int i = 0; i < 3; ++i) {
    if (!is_step(a.stride[i]) || !is_step(a.dilation[i]) || !is_size(a.low[i]) ||
        !in_range(a.high[i], -kLargestSize, kLargestSize) || !is_size(a.in[i]) || !is_step(a.kernel[i]))
      return false;
    const bool alone =
        a.stride[i] == 1 && a.dilation[i] == 1 && a.low[i] == 0 && a.high[i] == 0 && a.in[i] == 1 && a.kernel[i] == 1;
    if (i < a.first() && !alone) return false;
  }
  const Dims &x = p.shape(), &w = q.shape();
  const bool of_weight = kTo == To::Weight;  // q is y then
  const int64_t left = x[1], right = of_weight ? w[1] : w[0];
  if (left % a.groups || right % a.groups) return false;
  if (kTo == To::Output ? w[1] != left / a.groups : kTo == To::Input ? right != left : w[0] != x[0]) return false;
  for (int i = a.first(); i < 3; ++i) {
    const int axis = i - a.first() + 2;
    const int64_t kernel = of_weight ? a.kernel[i] : w[axis];
    int64_t reach = 0;
    if (kernel < 1 || x[axis] > kLargestSize || w[axis] > kLargestSize ||
        __builtin_mul_overflow(kernel, a.dilation[i], &reach) || reach > 4 * kLargestSize)
      return false;
    if (kTo == To::Output && x[axis] + a.low[i] + a.high[i] < a.dilation[i] * (kernel - 1) + 1) return false;
  }
  return call.count == 2 ||
         (kTo == To::Output && call.count == 3 && call.in(2).shape() == Dims{w[0]} && call.in(2).dtype() == p.dtype());
}

template <class T, To kTo>
void run_as(const Call& call, const ConvKernels<T>& k, void* out) {
  constexpr DType kType = sizeof(T) == 4 ? DType::Float32 : DType::Float64;
  Tensor held[3];
  const auto data = [&](int i) { return contiguous_in(call.in(i), kType, held[i]).template data_as<T>(); };
  const ConvSizes s = sizes_of(call, kTo);
  const T *p = data(0), *q = data(1);
  auto* const to = static_cast<T*>(out);
  if constexpr (kTo == To::Output) {
    k.forward(s, p, q, call.count > 2 ? data(2) : nullptr, to);
  } else if constexpr (kTo == To::Input) {
    k.input(s, p, q, to);
  } else {
    k.weight(s, p, q, to);
  }
}

template <To kTo>
void conv_run(Call& call) {
  const Compute compute = compute_of(call.out->dtype());
  into(*call.out, compute, [&](void* out) {
    compute == Compute::F32 ? run_as<float, kTo>(call, kernels().conv_f32, out)
                            : run_as<double, kTo>(call, kernels().conv_f64, out);
  });
}

template <To kTo>
int64_t conv_work(const Call& call) {
  const ConvSizes s = sizes_of(call, kTo);
  int64_t each = s.ci * s.co * s.groups * s.n;
  for (int i = 0; i < 3; ++i) each *= s.out[i] * s.kernel[i];
  return each / 8;
}

Tensor conv(const Tensor& x, const Tensor& w, const ConvAttr& a);
Tensor conv_like(const Dims& y, const Tensor& x, const Tensor& w, ConvAttr a);
Tensor conv_input(const Tensor& y, const Tensor& w, ConvAttr a, const Dims& x);
Tensor conv_weight(const Tensor& x, const Tensor& y, ConvAttr a, const Dims& w);

void conv_vjp(Pullback& p) {
  const auto a = p.attrs<ConvAttr>();
  if (p.active(0)) p.give(0, conv_input(p.g, p.in(1), a, p.in_shape(0)));
  if (p.active(1)) p.give(1, conv_weight(p.in(0), p.g, a, p.in_shape(1)));
  if (p.count() < 3 || !p.active(2)) return;
  // The contiguous axes first.
  const Dims& shape = p.g.shape();
  const Tensor planes = reshape(p.g, Dims{shape[0], shape[1], p.g.size() / std::max<int64_t>(1, shape[0] * shape[1])});
  p.give(2, sum(sum(planes, Dims{2}), Dims{0}));
}
void input_vjp(Pullback& p) {
  const auto a = p.attrs<ConvAttr>();
  if (p.active(0)) p.give(0, conv_like(p.in_shape(0), p.g, p.in(1), a));
  if (p.active(1)) p.give(1, conv_weight(p.g, p.in(0), a, p.in_shape(1)));
}
void weight_vjp(Pullback& p) {
  const auto a = p.attrs<ConvAttr>();
  if (p.active(0)) p.give(0, conv_input(p.in(1), p.g, a, p.in_shape(0)));
  if (p.active(1)) p.give(1, conv_like(p.in_shape(1), p.in(0), p.g, a));
}

// ---- members of a batch ---------------------------------------------------------------------------------------------

/// Axis 0 of `t` and the axis behind it at `axis` as one.
Tensor folded(const Tensor& t, int axis) {
  Dims order, shape;
  for (int i = 1; i < t.rank(); ++i) {
    if (i == axis + 1) order.push_back(0);
    order.push_back(i);
    shape.push_back(t.shape()[i] * (i == axis + 1 ? t.shape()[0] : 1));
  }
  return reshape(axis ? permute(t, order) : t, shape);
}

/// The inverse.
Tensor unfolded(const Tensor& t, int axis, int64_t members) {
  Dims shape = t.shape(), order{axis};
  shape[axis] /= members;
  shape.insert(axis, members);
  for (int i = 0; i < shape.size(); ++i)
    if (i != axis) order.push_back(i);
  const Tensor y = reshape(t, shape);
  return axis ? permute(y, order) : y;
}

/// Operand k with a value of every member.
Tensor all_of(const Batching& b, int k) {
  const Tensor t = b.front(k);
  if (t.shape()[0] == b.size) return t;
  Dims shape = t.shape();
  shape[0] = b.size;
  return broadcast_to(t, shape);
}

void conv_batch(Batching& b, To to) {
  auto a = b.attrs.as<ConvAttr>();
  const bool images = to != To::Weight && !b.batched(1) && (b.count() < 3 || !b.batched(2));
  std::array<Tensor, 3> in;
  for (int k = 0; k < b.count(); ++k) {
    const auto i = static_cast<size_t>(k);
    const bool image = k == 0 || (k == 1 && to == To::Weight);
    in[i] = images ? (k == 0 ? folded(b.value(0), 0) : b.value(k)) : folded(all_of(b, k), image ? 1 : 0);
  }
  if (!images) a.groups *= b.size;
  const Tensor y = apply(b.op, std::span<const Tensor>(in.data(), static_cast<size_t>(b.count())), Attrs(a));
  b.give(unfolded(y, images || to == To::Weight ? 0 : 1, b.size));
}
template <To kTo>
void batch_to(Batching& b) {
  conv_batch(b, kTo);
}

void bias_jvp(Pushforward& p) {
  const auto a = p.attrs<ConvAttr>();
  if (p.active(0)) p.give(conv(p.tangent(0), p.in(1), a));
  if (p.active(1)) p.give(conv(p.in(0), p.tangent(1), a));
  if (p.active(2)) {
    Dims shape(static_cast<int>(a.spatial) + 1, 1);
    shape[0] = p.in(2).shape()[0];
    p.give(broadcast_to(reshape(p.tangent(2), shape), p.out().shape()));
  }
}

/// x [n, groups * ci, ...], w [groups * co, ci, ...] -> y [n, groups * co, ...].
const Op kConv{.name = "conv",
               .kind = OpKind::Bilinear,
               .infer = conv_infer<To::Output>,
               .run = conv_run<To::Output>,
               .vjp = conv_vjp,
               .needs = {needs_input(1), needs_input(0)},
               .batch = batch_to<To::Output>,
               .work = conv_work<To::Output>,
               .accepts = conv_accepts<To::Output>};
/// The same with a bias [groups * co], from which the sums start.
const Op kConvBias{.name = "conv_bias",
                   .kind = OpKind::Custom,
                   .infer = conv_infer<To::Output>,
                   .run = conv_run<To::Output>,
                   .vjp = conv_vjp,
                   .needs = {needs_input(1), needs_input(0)},
                   .jvp = bias_jvp,
                   .batch = batch_to<To::Output>,
                   .work = conv_work<To::Output>,
                   .accepts = conv_accepts<To::Output>};
/// y, w -> x.
const Op kConvInput{.name = "conv_input",
                    .kind = OpKind::Bilinear,
                    .infer = conv_infer<To::Input>,
                    .run = conv_run<To::Input>,
                    .vjp = input_vjp,
                    .needs = {needs_input(1), needs_input(0)},
                    .batch = batch_to<To::Input>,
                    .work = conv_work<To::Input>,
                    .accepts = conv_accepts<To::Input>};
/// x, y -> w.
const Op kConvWeight{.name = "conv_weight",
                     .kind = OpKind::Bilinear,
                     .infer = conv_infer<To::Weight>,
                     .run = conv_run<To::Weight>,
                     .vjp = weight_vjp,
                     .needs = {needs_input(1), needs_input(0)},
                     .batch = batch_to<To::Weight>,
                     .work = conv_work<To::Weight>,
                     .accepts = conv_accepts<To::Weight>};

void set_sizes(int64_t (&sizes)[3], const Dims& shape, const ConvAttr& a) {
  for (int i = a.first(); i < 3; ++i) sizes[i] = shape[i - a.first() + 2];
}
Tensor conv(const Tensor& x, const Tensor& w, const ConvAttr& a) { return apply(kConv, {&x, &w}, Attrs(a)); }
/// The elements that y has. A transposed convolution with so much output padding that more windows than it had elements
/// would fit pads less on the way back.
Tensor conv_like(const Dims& y, const Tensor& x, const Tensor& w, ConvAttr a) {
  for (int i = a.first(); i < 3; ++i) {
    const int axis = i - a.first() + 2;
    const int64_t reach = (w.shape()[axis] - 1) * a.dilation[i] + 1;
    const int64_t windows = (x.shape()[axis] + a.low[i] + a.high[i] - reach) / a.stride[i] + 1;
    a.high[i] -= (windows - y[axis]) * a.stride[i];
  }
  return conv(x, w, a);
}
Tensor conv_input(const Tensor& y, const Tensor& w, ConvAttr a, const Dims& x) {
  set_sizes(a.in, x, a);
  return apply(kConvInput, {&y, &w}, Attrs(a));
}
Tensor conv_weight(const Tensor& x, const Tensor& y, ConvAttr a, const Dims& w) {
  set_sizes(a.kernel, w, a);
  return apply(kConvWeight, {&x, &y}, Attrs(a));
}

// ---- functions ------------------------------------------------------------------------------------------------------

constexpr int64_t kMaxSize = int64_t{1} << 40;  // of a stride, a padding, a dilation: what is computed of them fits

/// What is wrong with operands and options, as long as no size of the result is in question.
ConvAttr checked(const std::string& op, const Tensor& x, const Tensor& w, const Tensor& bias, bool transposed,
                 const Dims& stride, const Dims& low, const Dims& high, const Dims& dilation, int64_t groups) {
  const int n = stride.size();
  const auto number = [&](int i) { return std::to_string(i); };
  if (x.rank() != n + 2) {
    fail(ErrorKind::Value, op, ": the input must have ", number(n + 2), " axes (batch, channels, ", number(n),
         " of space), or no batch axis, got shape ", to_string(x.shape()), ".");
  }
  if (w.rank() != n + 2) {
    fail(ErrorKind::Value, op, ": the weight must have ", number(n + 2), " axes, got shape ", to_string(w.shape()),
         ".");
  }
  for (const Tensor* t : {&x, &w, &bias}) {
    if (t->defined() && (!is_float(t->dtype()) || t->dtype() != x.dtype())) {
      fail(ErrorKind::Type, op, ": input, weight and bias must be floats of one dtype, got ", name_of(x.dtype()), ", ",
           name_of(w.dtype()), bias.defined() ? std::string(" and ") + name_of(bias.dtype()) : "", ".");
    }
  }
  ConvAttr a{};
  a.spatial = n;
  a.groups = groups;
  const int64_t channels = x.shape()[1], rows = w.shape()[0], columns = w.shape()[1];
  if (groups < 1) fail(ErrorKind::Value, op, ": groups must be positive, got ", groups, ".");
  if (channels % groups || (transposed ? rows : rows / groups * groups) != (transposed ? channels : rows) ||
      (!transposed && columns != channels / groups)) {
    fail(ErrorKind::Value, op, ": a weight of shape ", to_string(w.shape()), " does not fit an input of ", channels,
         " channels in ", groups, groups == 1 ? " group" : " groups",
         transposed ? "; it has the shape (channels, out / groups, ...)."
                    : "; it has the shape (out, channels / groups, ...), and groups divide both.");
  }
  const int64_t out = transposed ? columns * groups : rows;
  if (bias.defined() && !(bias.shape() == Dims{out})) {
    fail(ErrorKind::Value, op, ": the bias must have the shape (", out, ",), got ", to_string(bias.shape()), ".");
  }
  for (int i = 0; i < n; ++i) {
    const int k = i + 3 - n;
    const int64_t size = w.shape()[i + 2];
    if (stride[i] < 1 || dilation[i] < 1 || stride[i] > kMaxSize || dilation[i] > kMaxSize) {
      fail(ErrorKind::Value, op, ": stride and dilation must be positive, got ", to_string(stride), " and ",
           to_string(dilation), ".");
    }
    if (low[i] < 0 || high[i] < 0 || low[i] > kMaxSize || high[i] > kMaxSize) {
      fail(ErrorKind::Value, op, ": padding must not be negative, got ", to_string(low), " and ", to_string(high), ".");
    }
    if (size < 1) fail(ErrorKind::Value, op, ": the weight ", to_string(w.shape()), " has an empty kernel.");
    a.stride[k] = stride[i];
    a.low[k] = low[i];
    a.high[k] = high[i];
    a.dilation[k] = dilation[i];
    int64_t reach = 0;
    if (__builtin_mul_overflow(size - 1, dilation[i], &reach) || reach > kMaxSize)
      fail(ErrorKind::Value, op, ": a kernel of ", size, " with dilation ", dilation[i], " is too large.");
  }
  return a;
}

std::string name_in(const char* name, const Dims& stride) {
  return std::string(name) + std::to_string(stride.size()) + "d";
}

/// Kernels count the elements of a padded image.
void require_countable(const std::string& op, int64_t channels, const Dims& padded) {
  int64_t size = std::max<int64_t>(channels, 1);
  for (int64_t n : padded) {
    if (__builtin_mul_overflow(size, n, &size) || size > kMaxSize)
      fail(ErrorKind::Value, op, ": an image padded to ", to_string(padded), " is too large.");
  }
}

Tensor convolution(const Tensor& x, const Tensor& w, const Tensor& bias, const Dims& stride, const Dims& low,
                   const Dims& high, const Dims& dilation, int64_t groups) {
  const std::string op = name_in("conv", stride);
  const ConvAttr a = checked(op, x, w, bias, false, stride, low, high, dilation, groups);
  Dims padded;
  for (int i = 0; i < stride.size(); ++i) {
    const int64_t given = x.shape()[i + 2] + low[i] + high[i], reach = dilation[i] * (w.shape()[i + 2] - 1) + 1;
    if (given < reach) {
      fail(ErrorKind::Value, op, ": a kernel that reaches over ", reach, " elements is larger than the padded input, ",
           given, " along axis ", i + 2, ".");
    }
    padded.push_back(given);
  }
  require_countable(op, x.shape()[1], padded);
  if (bias.defined()) return apply(kConvBias, {&x, &w, &bias}, Attrs(a));
  return conv(x, w, a);
}

Tensor transposed(const Tensor& x, const Tensor& w, const Dims& stride, const Dims& padding, const Dims& extra,
                  const Dims& dilation, int64_t groups) {
  const std::string op = std::string("conv_transpose") + std::to_string(stride.size()) + "d";
  const ConvAttr a = checked(op, x, w, {}, true, stride, padding, padding, dilation, groups);
  Dims shape{x.shape()[0], w.shape()[1] * groups}, padded;
  for (int i = 0; i < stride.size(); ++i) {
    if (extra[i] < 0 || (extra[i] >= stride[i] && extra[i] >= dilation[i])) {
      fail(ErrorKind::Value, op, ": output_padding must be less than stride or dilation, got ", to_string(extra), ".");
    }
    const int64_t given = x.shape()[i + 2];
    int64_t size = 0;
    if (given < 1) fail(ErrorKind::Value, op, ": the input ", to_string(x.shape()), " has an empty axis of space.");
    if (__builtin_mul_overflow(given - 1, stride[i], &size) ||
        (size += dilation[i] * (w.shape()[i + 2] - 1) + 1 + extra[i] - 2 * padding[i]) > kMaxSize || size < 1) {
      fail(ErrorKind::Value, op, ": the output would have ", size, " elements along axis ", i + 2, ".");
    }
    shape.push_back(size);
    padded.push_back(size + 2 * padding[i]);
  }
  require_countable(op, std::max(x.shape()[1], shape[1]), padded);
  count(shape);
  return conv_input(x, w, a, shape);
}

constexpr Function kFunctions[] = {
    def("_conv(input, weight, stride, low, high, dilation, groups, bias=None)",
        "Convolution: batch, channels, and as many axes of space as there are strides.",
        {"_conv(ops.ones((1, 1, 2)), ops.ones((1, 1, 2)), (1,), (0,), (0,), (1,), 1, ops.ones(1))", "[[[3.]]]"},
        [](const Tensor& x, const Tensor& w, const Dims& stride, const Dims& low, const Dims& high,
           const Dims& dilation, int64_t groups,
           const Tensor& bias) { return convolution(x, w, bias, stride, low, high, dilation, groups); }),
    def("_conv_transpose(input, weight, stride, padding, output_padding, dilation, groups)",
        "The transposed map of a convolution.",
        {"_conv_transpose(ops.ones((1, 1, 2)), ops.ones((1, 1, 2)), (1,), (0,), (0,), (1,), 1)", "[[[1. 2. 1.]]]"},
        [](const Tensor& x, const Tensor& w, const Dims& stride, const Dims& padding, const Dims& extra,
           const Dims& dilation,
           int64_t groups) { return transposed(x, w, stride, padding, extra, dilation, groups); }),
};

}  // namespace

void list_conv_ops(OpList& list) { list.insert(list.end(), {&kConv, &kConvBias, &kConvInput, &kConvWeight}); }

const std::span<const Function> kConvFunctions = kFunctions;

}  // namespace adcore
