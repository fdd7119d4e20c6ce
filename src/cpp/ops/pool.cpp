// Pooling: windows along the last axes. The average is linear; of the greatest element the place is known, so that its
// derivatives are those of picking.
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

/// Windows along three axes; those that are not there stand first, with windows of one element.
struct PoolAttr {
  int64_t spatial, adaptive = 0, include_pad = 1, divisor = 0;  // divisor 0: the size of the window
  int64_t kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, pad[3] = {}, dilation[3] = {1, 1, 1};
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
};

/// The windows of one call.
struct Windows {
  PoolArgs args{};
  std::vector<int64_t> bounds;
  std::vector<double> scales;

  Windows(const PoolAttr& a, int64_t planes) {
    args.planes = planes;
    size_t all = 0;
    for (int64_t n : a.out) all += static_cast<size_t>(n);
    bounds.resize(2 * all);
    scales.resize(all);
    int64_t* bound = bounds.data();
    double* scale = scales.data();
    for (int i = 0; i < 3; ++i) {
      const int64_t n = a.out[i];
      args.in[i] = a.in[i];
      args.out[i] = n;
      args.step[i] = a.dilation[i];
      args.first[i] = bound;
      args.end[i] = bound + n;
      args.scale[i] = scale;
      for (int64_t u = 0; u < n; ++u) {
        int64_t first = 0, end = 0, size = 0;
        if (a.adaptive) {
          first = u * a.in[i] / n;
          end = ((u + 1) * a.in[i] + n - 1) / n;
          size = end - first;
        } else {
          const int64_t start = u * a.stride[i] - a.pad[i], reach = a.dilation[i] * (a.kernel[i] - 1) + 1;
          first = start < 0 ? start + (-start + a.dilation[i] - 1) / a.dilation[i] * a.dilation[i] : start;
          end = std::min(start + reach, a.in[i]);
          size = a.include_pad ? std::min(start + a.kernel[i], a.in[i] + a.pad[i]) - start : end - first;
        }
        bound[u] = first;
        bound[n + u] = end;
        scale[u] = a.divisor ? (i == 2 ? 1.0 / static_cast<double>(a.divisor) : 1.0) : 1.0 / static_cast<double>(size);
      }
      bound += 2 * n;
      scale += n;
    }
  }
};

/// A shape with other sizes of the last axes.
Dims with_sizes(Dims shape, const PoolAttr& a, const int64_t (&sizes)[3]) {
  for (int i = 0; i < a.spatial; ++i) shape[shape.size() - 1 - i] = sizes[2 - i];
  return shape;
}
int64_t planes_of(const Tensor& t, const PoolAttr& a) {
  int64_t planes = 1;
  for (int i = 0; i < t.rank() - a.spatial; ++i) planes *= t.shape()[i];
  return planes;
}
/// `from`: the sizes that the operand has.
bool are_windows(const Call& call, const int64_t (PoolAttr::*from)[3]) {
  if (!has<PoolAttr>(call, 1)) return false;
  const auto a = call.attrs.as<PoolAttr>();
  const Tensor& t = call.in(0);
  if (!in_range(a.spatial, 1, 3) || t.rank() < a.spatial || !is_float(t.dtype()) || !is_flag(a.adaptive) ||
      !is_flag(a.include_pad))
    return false;
  for (int i = 0; i < 3; ++i) {
    int64_t covered = 0;
    if (!is_step(a.kernel[i]) || !is_step(a.stride[i]) || !is_step(a.dilation[i]) || !is_step(a.in[i]) ||
        !is_size(a.out[i]) || !in_range(a.pad[i], 0, a.kernel[i] / 2) ||
        __builtin_mul_overflow(a.kernel[i], a.dilation[i], &covered) || covered > 4 * kLargestSize ||
        __builtin_mul_overflow(a.out[i] + 1, a.adaptive ? a.in[i] : a.stride[i], &covered) ||
        covered > 4 * kLargestSize)
      return false;
    const int axis = t.rank() - 3 + i;
    const bool there = i >= 3 - a.spatial;
    if (there ? t.shape()[axis] != (a.*from)[i] : a.in[i] != 1 || a.out[i] != 1) return false;
  }
  return true;
}
bool pool_accepts(const Call& call) { return are_windows(call, &PoolAttr::in); }
bool back_accepts(const Call& call) { return are_windows(call, &PoolAttr::out); }
int64_t pool_work(const Call& call) {
  const auto a = call.attrs.as<PoolAttr>();
  int64_t window = 1;
  for (int i = 0; i < 3; ++i) window *= a.adaptive ? 1 : std::min(a.kernel[i], a.in[i]);
  return call.in(0).size() + call.out->size() * window;
}

template <class T, class Fn>
void run_planes(Call& call, Fn fn) {
  const auto a = call.attrs.as<PoolAttr>();
  const Windows w(a, planes_of(call.in(0), a));
  Tensor held;
  const Compute compute = sizeof(T) == 4 ? Compute::F32 : Compute::F64;
  const Tensor& x = contiguous_in(call.in(0), storage_of(compute), held);
  into(*call.out, compute, [&](void* out) { fn(w.args, x.data_as<T>(), static_cast<T*>(out)); });
}
bool in_float(const Call& call) { return compute_of(call.in(0).dtype()) == Compute::F32; }

// ---- average --------------------------------------------------------------------------------------------------------

void average_infer(Call& call) {
  const auto a = call.attrs.as<PoolAttr>();
  call.out->set_shape(with_sizes(call.in(0).shape(), a, a.out), call.in(0).dtype());
}
void average_run(Call& call) {
  in_float(call) ? run_planes<float>(call, kernels().pool_f32.average)
                 : run_planes<double>(call, kernels().pool_f64.average);
}
void back_infer(Call& call) {
  const auto a = call.attrs.as<PoolAttr>();
  call.out->set_shape(with_sizes(call.in(0).shape(), a, a.in), call.in(0).dtype());
}
void back_run(Call& call) {
  in_float(call) ? run_planes<float>(call, kernels().pool_f32.average_grad)
                 : run_planes<double>(call, kernels().pool_f64.average_grad);
}

extern const Op kAverage;
void average_vjp(Pullback& p);
void back_vjp(Pullback& p) { p.give(0, apply(kAverage, {&p.g}, p.attrs())); }

const Op kAverageBack{.name = "average_pool_transposed",
                      .kind = OpKind::Linear,
                      .infer = back_infer,
                      .run = back_run,
                      .vjp = back_vjp,
                      .batch = batch_same,
                      .work = pool_work,
                      .accepts = back_accepts};
const Op kAverage{.name = "average_pool",
                  .kind = OpKind::Linear,
                  .infer = average_infer,
                  .run = average_run,
                  .vjp = average_vjp,
                  .batch = batch_same,
                  .work = pool_work,
                  .accepts = pool_accepts};
void average_vjp(Pullback& p) { p.give(0, apply(kAverageBack, {&p.g}, p.attrs())); }

// ---- maximum --------------------------------------------------------------------------------------------------------

void max_infer(Call& call) {
  const auto a = call.attrs.as<PoolAttr>();
  const Dims shape = with_sizes(call.in(0).shape(), a, a.out);
  call.out->set_shape(shape, call.in(0).dtype());
  call.out[1].set_shape(shape, DType::Int64);
}
void max_run(Call& call) {
  int64_t* const index = call.out[1].mutable_data_as<int64_t>();
  if (in_float(call)) {
    run_planes<float>(call,
                      [&](const PoolArgs& a, const float* x, float* y) { kernels().pool_f32.max(a, x, y, index); });
  } else {
    run_planes<double>(call,
                       [&](const PoolArgs& a, const double* x, double* y) { kernels().pool_f64.max(a, x, y, index); });
  }
}

/// A shape with the axes of space as one, which is the last.
Dims flat(const Dims& shape, int64_t spatial) {
  Dims d{1};
  for (int i = shape.size() - 1; i >= 0; --i) {
    if (i >= shape.size() - spatial) {
      d[d.size() - 1] *= shape[i];
    } else {
      d.insert(0, shape[i]);
    }
  }
  return d;
}
Tensor flat(const Tensor& t, int64_t spatial) { return reshape(t, flat(t.shape(), spatial)); }
/// The elements of x at the places of the greatest.
Tensor picked(const Tensor& x, const Tensor& index, int64_t spatial) {
  return reshape(gather_elements(flat(x, spatial), -1, flat(index, spatial)), index.shape());
}

void max_vjp(Pullback& p) {
  const auto a = p.attrs<PoolAttr>();
  const Dims shape = p.in_shape(0);
  const Tensor zero = zeros(flat(shape, a.spatial), p.g.dtype());
  p.give(0, reshape(add_elements(zero, -1, flat(p.out(1), a.spatial), flat(p.g, a.spatial)), shape));
}
void max_jvp(Pushforward& p) { p.give(picked(p.tangent(0), p.out(1), p.attrs<PoolAttr>().spatial)); }

int64_t plane_size(const Call& call) {
  const auto a = call.attrs.as<PoolAttr>();
  int64_t size = 1;
  for (const int64_t n : a.in) size *= n;
  return size;
}
const Op kMaxPool{.name = "max_pool",
                  .kind = OpKind::Custom,
                  .infer = max_infer,
                  .run = max_run,
                  .vjp = max_vjp,
                  .outputs = 2,
                  .visible = 2,
                  .constant_outputs = 2,
                  .needs = {needs_output(1)},
                  .jvp = max_jvp,
                  .batch = batch_same,
                  .work = pool_work,
                  .accepts = pool_accepts,
                  .bound = plane_size};

// ---- functions ------------------------------------------------------------------------------------------------------

constexpr int64_t kMaxSize = int64_t{1} << 40;  // what is computed of sizes fits

PoolAttr checked(const std::string& op, const Tensor& x, const Dims& kernel, const Dims& stride, const Dims& pad,
                 const Dims& dilation, bool ceil) {
  const int n = kernel.size();
  PoolAttr a{};
  a.spatial = n;
  if (x.rank() != n + 1 && x.rank() != n + 2) {
    fail(ErrorKind::Value, op, ": the input must have ", n + 2, " axes (batch, channels, ", n,
         " of space), or no batch axis, got shape ", to_string(x.shape()), ".");
  }
  for (int i = 0; i < n; ++i) {
    const int k = 3 - n + i;
    const int64_t in = x.shape()[x.rank() - n + i];
    if (in < 1) fail(ErrorKind::Value, op, ": the input ", to_string(x.shape()), " has an empty axis of space.");
    const auto in_range = [](int64_t v) { return v >= 1 && v <= kMaxSize; };
    if (!in_range(kernel[i]) || !in_range(stride[i]) || !in_range(dilation[i])) {
      fail(ErrorKind::Value, op, ": kernel size, stride and dilation must be positive, got ", to_string(kernel), ", ",
           to_string(stride), " and ", to_string(dilation), ".");
    }
    if (pad[i] < 0 || pad[i] > kernel[i] / 2) {
      fail(ErrorKind::Value, op, ": padding must be in [0, kernel size / 2], got ", to_string(pad), " for ",
           to_string(kernel), ".");
    }
    int64_t reach = 0;
    if (__builtin_mul_overflow(kernel[i] - 1, dilation[i], &reach) || ++reach > kMaxSize)
      fail(ErrorKind::Value, op, ": a window of ", kernel[i], " with dilation ", dilation[i], " is too large.");
    const int64_t left = in + 2 * pad[i] - reach;
    if (left < 0) {
      fail(ErrorKind::Value, op, ": a window that reaches over ", reach, " elements is larger than the padded input, ",
           in + 2 * pad[i], " along axis ", x.rank() - n + i, ".");
    }
    int64_t out = left / stride[i] + 1;
    // One more window where it starts inside the input or its padding in front.
    if (ceil && left % stride[i] && out * stride[i] < in + pad[i]) ++out;
    a.kernel[k] = kernel[i];
    a.stride[k] = stride[i];
    a.pad[k] = pad[i];
    a.dilation[k] = dilation[i];
    a.in[k] = in;
    a.out[k] = out;
  }
  return a;
}

PoolAttr adapted(const std::string& op, const Tensor& x, const Dims& sizes) {
  const int n = sizes.size();
  PoolAttr a{};
  a.spatial = n;
  a.adaptive = 1;
  if (x.rank() != n + 1 && x.rank() != n + 2) {
    fail(ErrorKind::Value, op, ": the input must have ", n + 2, " axes (batch, channels, ", n,
         " of space), or no batch axis, got shape ", to_string(x.shape()), ".");
  }
  for (int i = 0; i < n; ++i) {
    const int64_t in = x.shape()[x.rank() - n + i];
    if (sizes[i] < 0 || sizes[i] > kMaxSize || in < 1) {
      fail(ErrorKind::Value, op, ": output sizes must not be negative, nor the input be empty, got ", to_string(sizes),
           " of ", to_string(x.shape()), ".");
    }
    a.in[3 - n + i] = in;
    a.out[3 - n + i] = sizes[i];
  }
  return a;
}

void require_float(const std::string& op, const Tensor& x) {
  if (!is_float(x.dtype()))
    fail(ErrorKind::Type, op, ": the input must be a float tensor, got ", name_of(x.dtype()), ".");
}
std::array<Tensor, 2> max_pool(const Tensor& x, const PoolAttr& a) {
  const std::vector<Tensor> y = apply_all(kMaxPool, std::span(&x, 1), Attrs(a));
  return {y[0], y[1]};
}

constexpr Function kFunctions[] = {
    def("_max_pool(op, input, kernel_size, stride, padding, dilation, ceil_mode)",
        "The greatest element of each window, and where it stands in its plane.",
        {"_max_pool('max_pool1d', Tensor([[1.0, 3.0, 2.0]]), (2,), (1,), (0,), (1,), False)[1]", "[[1 1]]"},
        [](std::string_view op, const Tensor& x, const Dims& kernel, const Dims& stride, const Dims& pad,
           const Dims& dilation, bool ceil) {
          const std::string name(op);
          require_float(name, x);
          return max_pool(x, checked(name, x, kernel, stride, pad, dilation, ceil));
        }),
    def("_avg_pool(op, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor)",
        "The average of each window.",
        {"_avg_pool('avg_pool1d', Tensor([[1.0, 3.0, 2.0]]), (2,), (1,), (0,), False, True, 0)", "[[2.  2.5]]"},
        [](std::string_view op, const Tensor& x, const Dims& kernel, const Dims& stride, const Dims& pad, bool ceil,
           bool include_pad, int64_t divisor) {
          const std::string name(op);
          require_float(name, x);
          PoolAttr a = checked(name, x, kernel, stride, pad, Dims(kernel.size(), 1), ceil);
          a.include_pad = include_pad;
          a.divisor = divisor;
          return apply(kAverage, {&x}, Attrs(a));
        }),
    def("_adaptive_max_pool(op, input, output_size)", "The greatest element of each part, and where it stands.",
        {"_adaptive_max_pool('adaptive_max_pool1d', Tensor([[1.0, 3.0, 2.0]]), (1,))[0]", "[[3.]]"},
        [](std::string_view op, const Tensor& x, const Dims& sizes) {
          const std::string name(op);
          require_float(name, x);
          return max_pool(x, adapted(name, x, sizes));
        }),
    def("_adaptive_avg_pool(op, input, output_size)", "The average of each part.",
        {"_adaptive_avg_pool('adaptive_avg_pool1d', Tensor([[1.0, 3.0, 2.0]]), (1,))", "[[2.]]"},
        [](std::string_view op, const Tensor& x, const Dims& sizes) {
          const std::string name(op);
          require_float(name, x);
          const PoolAttr a = adapted(name, x, sizes);
          return apply(kAverage, {&x}, Attrs(a));
        }),
};

}  // namespace

void list_pool_ops(OpList& list) { list.insert(list.end(), {&kAverage, &kAverageBack, &kMaxPool}); }

const std::span<const Function> kPoolFunctions = kFunctions;

}  // namespace adcore
