// Losses that are one op: value and saved slope in one pass over the data.
#include <algorithm>

#include "core/tape.h"
#include "ops/functions.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

Dims reduced(const Dims& shape, Reduction r) { return r == Reduction::None ? shape : Dims{}; }

// ---- binary cross-entropy with logits ---------------------------------------------------------------------------
// Operands: logits, label, then weight and pos_weight where they are given.

struct BceAttr {
  Reduction reduction;
  int64_t has_weight, has_pos_weight;

  int weight() const { return has_weight ? 2 : -1; }
  int pos_weight() const { return has_pos_weight ? 2 + static_cast<int>(has_weight) : -1; }
};

/// Half precision of either operand is the precision of the result, as MindSpore has it; else the wider.
DType bce_dtype(DType z, DType y) {
  if (size_of(z) == 2 || size_of(y) == 2) return size_of(y) == 2 ? y : z;
  return promote(z, y);
}

void bce_infer(Call& call) {
  const auto a = call.attrs.as<BceAttr>();
  const Tensor &z = call.in(0), &y = call.in(1);
  constexpr const char* kName = "binary_cross_entropy_with_logits";
  for (int i = 0; i < call.count; ++i) {
    constexpr const char* kRoles[] = {"logits", "label", "weight", "pos_weight"};
    if (!is_float(call.in(i).dtype())) {
      const char* role = kRoles[i == a.pos_weight() ? 3 : i];
      fail(ErrorKind::Type, kName, ": ", role, " must be a float tensor, got ", name_of(call.in(i).dtype()), ".");
    }
    if (i >= 2 && !(broadcast(kName, z.shape(), call.in(i).shape()) == z.shape())) {
      fail(ErrorKind::Value, kName, ": a weight of shape ", to_string(call.in(i).shape()),
           " does not broadcast to the logits ", to_string(z.shape()), ".");
    }
  }
  if (!(z.shape() == y.shape())) {
    fail(ErrorKind::Value, kName, ": logits and label must have one shape, got ", to_string(z.shape()), " and ",
         to_string(y.shape()), ".");
  }
  const DType t = bce_dtype(z.dtype(), y.dtype());
  call.out->set_shape(reduced(z.shape(), a.reduction), t);
  call.out[1].set_shape(z.shape(), storage_of(compute_of(t)));
}

template <class T>
void bce_run(Call& call, const LossKernels<T>& k) {
  const auto a = call.attrs.as<BceAttr>();
  const DType t = storage_of(sizeof(T) == 4 ? Compute::F32 : Compute::F64);
  Tensor z_held, y_held, w, p;
  const Tensor &z = contiguous_in(call.in(0), t, z_held), &y = contiguous_in(call.in(1), t, y_held);
  BceArgs<T> args{};
  args.n = z.size();
  auto weight = [&](int i, Tensor& held, const T*& data, bool& is_scalar) {
    if (i < 0) return;
    const Tensor& given = call.in(i);
    is_scalar = given.size() == 1;
    const bool fits = is_scalar || given.shape() == z.shape();
    data = (fits ? contiguous_in(given, t, held) : held = as_contiguous(broadcast_to(given.detached(), z.shape()), t))
               .template data_as<T>();
  };
  weight(a.weight(), w, args.w, args.w_scalar);
  weight(a.pos_weight(), p, args.p, args.p_scalar);
  args.z = z.data_as<T>();
  args.y = y.data_as<T>();
  args.scale = a.reduction == Reduction::Mean ? static_cast<T>(1.0 / static_cast<double>(z.size())) : T{1};
  if (call.tracked) args.slope = call.out[1].mutable_data_as<T>();
  Tensor each;
  if (a.reduction == Reduction::None) {
    each = Tensor(z.shape(), t);
    args.loss = each.mutable_data_as<T>();
  }
  T total = k.bce_logits(args);
  if (a.reduction == Reduction::None) {
    copy_to(each, call.out->mutable_data(), call.out->dtype());
    return;
  }
  if (a.reduction == Reduction::Mean)
    total = static_cast<T>(static_cast<double>(total) / static_cast<double>(z.size()));
  if (call.out->dtype() == t) {
    *call.out->mutable_data_as<T>() = total;
  } else {
    copy_to(scalar(static_cast<double>(total), t), call.out->mutable_data(), call.out->dtype());
  }
}

void bce_kernel(Call& call) {
  if (compute_of(call.out->dtype()) == Compute::F32) {
    bce_run<float>(call, kernels().loss_f32);
  } else {
    bce_run<double>(call, kernels().loss_f64);
  }
}

/// g times the saved slope, in a sweep that is not recorded: a cotangent of 1, the usual one of a loss, costs nothing.
Tensor along_slope(const Pullback& p) {
  const Tensor slope = p.hidden();
  return p.g.size() == 1 && item(p.g) == 1.0 && slope.size() != 0 ? slope : p.g * slope;
}

void bce_vjp(Pullback& p) {
  const auto a = p.attrs<BceAttr>();
  bool only_logits = true;
  for (int i = 1; i < p.count(); ++i) only_logits &= !p.active(i);
  if (only_logits && !p.recording) {  // the saved slope is all that it takes
    p.give(0, along_slope(p));
    return;
  }
  const Tensor z = p.in(0), y = p.in(1);
  const Tensor w = a.has_weight ? p.in(a.weight()) : number(1.0, z),
               q = a.has_pos_weight ? p.in(a.pos_weight()) : number(1.0, z);
  const Tensor g = a.reduction == Reduction::Mean ? p.g * (1.0 / static_cast<double>(z.size())) : p.g;
  const Tensor one = number(1.0, z);
  if (p.active(0)) {
    p.give(0, p.recording ? g * w * (map("sigmoid", z) * (one + (q - one) * y) - q * y) : along_slope(p));
  }
  // softplus(-z) = log(1 + exp(-z))
  const auto tail = [&] { return map("softplus", -z, one, number(40.0, z)); };
  if (p.active(1)) p.give(1, g * w * ((q - one) * tail() - z));
  if (a.has_weight && p.active(a.weight())) p.give(a.weight(), g * ((one - y) * z + (one + (q - one) * y) * tail()));
  if (a.has_pos_weight && p.active(a.pos_weight())) p.give(a.pos_weight(), g * w * y * tail());
}

/// Every member's own reduction, of the losses of all.
Tensor bce_batch(Batching& b) {
  auto a = b.attrs.as<BceAttr>();
  const Reduction reduction = a.reduction;
  a.reduction = Reduction::None;
  const int rank = b.members[0].rank();
  for (int k = 0; k < b.count(); ++k) b.members[static_cast<size_t>(k)].value = b.front(k, rank);
  const Tensor each = b.run(a);
  if (reduction == Reduction::None || rank == 0) return each;
  Dims axes;
  for (int i = 1; i <= rank; ++i) axes.push_back(i);
  return reduction == Reduction::Mean ? mean(each, axes) : sum(each, axes);
}
void bce_jvp(Pushforward& p) {
  const auto a = p.attrs<BceAttr>();
  const Tensor &z = p.in(0), &y = p.in(1);
  const Tensor one = number(1.0, z), w = a.has_weight ? p.in(a.weight()) : one,
               q = a.has_pos_weight ? p.in(a.pos_weight()) : one;
  const auto tail = [&] { return map("softplus", -z, one, number(40.0, z)); };
  Pushforward each(p);  // before the reduction
  if (p.active(0)) each.give(w * (map("sigmoid", z) * (one + (q - one) * y) - q * y) * p.tangent(0));
  if (p.active(1)) each.give(w * ((q - one) * tail() - z) * p.tangent(1));
  if (a.has_weight && p.active(a.weight()))
    each.give(((one - y) * z + (one + (q - one) * y) * tail()) * p.tangent(a.weight()));
  if (a.has_pos_weight && p.active(a.pos_weight())) each.give(w * y * tail() * p.tangent(a.pos_weight()));
  const Tensor& t = each.result();
  p.give(a.reduction == Reduction::Mean ? mean(t) : a.reduction == Reduction::Sum ? sum(t) : t);
}

constexpr uint32_t kAllOperands = needs_input(0) | needs_input(1) | needs_input(2) | needs_input(3) | kNeedsHidden;
const Op kBce{.name = "binary_cross_entropy_with_logits",
              .kind = OpKind::Custom,
              .infer = bce_infer,
              .kernel = bce_kernel,
              .vjp = bce_vjp,
              .outputs = 2,
              .needs = {kAllOperands, kAllOperands, kAllOperands, kAllOperands},
              .lean_needs = {kNeedsHidden},
              .jvp = bce_jvp,
              .batch = bce_batch};

// ---- class indices: -1 for an ignored one -----------------------------------------------------------------------

struct TargetAttr {
  int64_t classes, ignore;
};
void target_infer(Call& call) { call.out->set_shape(call.in(0).shape(), DType::Int64); }
void target_kernel(Call& call) {
  const auto [classes, ignore] = call.attrs.as<TargetAttr>();
  const Tensor given = as_contiguous(call.in(0), DType::Int64);
  for (int64_t i = 0; i < given.size(); ++i) {
    const int64_t t = given.data_as<int64_t>()[i];
    if (t != ignore && (t < 0 || t >= classes))
      fail(ErrorKind::Index, "cross_entropy: target ", t, " is not one of the ", classes, " classes.");
    call.out->mutable_data_as<int64_t>()[i] = t == ignore ? -1 : t;
  }
}
const Op kCheckTarget{.name = "cross_entropy",
                      .kind = OpKind::Constant,
                      .infer = target_infer,
                      .kernel = target_kernel,
                      .batch = batch_same};

// ---- softmax cross-entropy --------------------------------------------------------------------------------------
// Operands: logits [n, classes], target [n] int64, scale [n]; a target outside [0, classes) marks an ignored row.

void ce_infer(Call& call) {
  call.out->set_shape(Dims{call.in(0).shape()[0]}, call.in(0).dtype());
  call.out[1].set_shape(call.in(0).shape(), storage_of(compute_of(call.in(0).dtype())));
}

template <class T>
void ce_run(Call& call, const LossKernels<T>& k) {
  const DType t = storage_of(sizeof(T) == 4 ? Compute::F32 : Compute::F64);
  const Tensor x = as_contiguous(call.in(0), t), target = as_contiguous(call.in(1), DType::Int64),
               scale = as_contiguous(call.in(2), t);
  Tensor loss(call.out->shape(), t);
  CrossEntropyArgs<T> args{
      x.data_as<T>(), target.data_as<int64_t>(), scale.data_as<T>(), loss.mutable_data_as<T>(), nullptr, x.shape()[0],
      x.shape()[1]};
  if (call.tracked) args.prob = call.out[1].mutable_data_as<T>();
  k.cross_entropy(args);
  copy_to(loss, call.out->mutable_data(), call.out->dtype());
}

void ce_kernel(Call& call) {
  if (compute_of(call.out->dtype()) == Compute::F32) {
    ce_run<float>(call, kernels().loss_f32);
  } else {
    ce_run<double>(call, kernels().loss_f64);
  }
}

/// 1 where column j is row i's target, of x's dtype.
Tensor one_hot_rows(const Tensor& target, const Tensor& x) {
  Tensor columns(Dims{x.shape()[1]}, DType::Int64);
  for (int64_t j = 0; j < x.shape()[1]; ++j) columns.mutable_data_as<int64_t>()[j] = j;
  return cast(map("equal", columns, expand_dims(target, 1)), x.dtype());
}

/// The cotangent of the logits in one kernel, for a sweep that nothing records.
template <class T>
Tensor ce_fused(const Pullback& p, const LossKernels<T>& k) {
  const Tensor prob = p.hidden();
  const DType t = prob.dtype();
  const Tensor target = as_contiguous(p.in(1), DType::Int64), scale = as_contiguous(p.in(2), t),
               g = as_contiguous(p.g, t);
  Tensor grad(prob.shape(), t);
  k.cross_entropy_grad({prob.data_as<T>(), target.data_as<int64_t>(), g.data_as<T>(), scale.data_as<T>(),
                        grad.mutable_data_as<T>(), prob.shape()[0], prob.shape()[1]});
  return grad;
}

void ce_vjp(Pullback& p) {
  if (!p.recording && p.active(0)) {
    const bool single = compute_of(p.g.dtype()) == Compute::F32;
    p.give(0, single ? ce_fused(p, kernels().loss_f32) : ce_fused(p, kernels().loss_f64));
    if (!p.active(2)) return;
  }
  const Tensor x = p.in(0), target = p.in(1), scale = p.in(2);
  const Tensor hot = one_hot_rows(target, x);
  const Tensor counted = sum(hot, Dims{1}, true);  // 0 in ignored rows
  const Tensor g = expand_dims(p.g, 1), zero = number(0.0, x);
  // Chosen, not multiplied by 0: an ignored row may hold inf or NaN.
  if (p.active(0) && p.recording) {
    p.give(0, map("where", counted, (softmax(x, 1) - hot) * (g * expand_dims(scale, 1)), zero));
  }
  if (p.active(2)) p.give(2, -sum(map("where", hot, log_softmax(x, 1) * g, zero), Dims{1}));
}

/// The rows of all members are rows of one call.
Tensor ce_batch(Batching& b) {
  const int64_t rows = b.out.shape()[0];
  for (int k = 0; k < b.count(); ++k) {
    const Tensor x = b.front(k);
    Dims shape{b.size * rows};
    if (k == 0) shape.push_back(x.shape()[2]);
    b.members[static_cast<size_t>(k)].value = reshape(x, shape);
  }
  return reshape(b.run(b.attrs), Dims{b.size, rows});
}
void ce_jvp(Pushforward& p) {
  const Tensor &x = p.in(0), &scale = p.in(2);
  const Tensor hot = one_hot_rows(p.in(1), x), zero = number(0.0, x), counted = sum(hot, Dims{1});
  if (p.active(0)) {
    p.give(map("where", counted, sum((softmax(x, 1) - hot) * p.tangent(0), Dims{1}) * scale, zero));
  }
  if (p.active(2)) p.give(-sum(map("where", hot, log_softmax(x, 1) * expand_dims(p.tangent(2), 1), zero), Dims{1}));
}
const Op kCrossEntropy{.name = "cross_entropy",
                       .kind = OpKind::Custom,
                       .infer = ce_infer,
                       .kernel = ce_kernel,
                       .vjp = ce_vjp,
                       .outputs = 2,
                       .needs = {needs_input(0) | needs_input(1) | needs_input(2) | kNeedsHidden, 0,
                                 needs_input(0) | needs_input(1) | needs_input(2)},
                       .lean_needs = {needs_input(1) | needs_input(2) | kNeedsHidden},
                       .jvp = ce_jvp,
                       .batch = ce_batch};

}  // namespace

Tensor bce_with_logits(const Tensor& logits, const Tensor& label, const Tensor& weight, const Tensor& pos_weight,
                       Reduction reduction) {
  const BceAttr held{reduction, weight.defined(), pos_weight.defined()};
  const Attrs attrs(held);
  if (weight.defined() && pos_weight.defined()) return apply(kBce, {&logits, &label, &weight, &pos_weight}, attrs);
  if (weight.defined()) return apply(kBce, {&logits, &label, &weight}, attrs);
  if (pos_weight.defined()) return apply(kBce, {&logits, &label, &pos_weight}, attrs);
  return apply(kBce, {&logits, &label}, attrs);
}

Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& scale, int64_t ignore) {
  constexpr const char* kName = "cross_entropy";
  if (logits.rank() != 2 || target.rank() != 1 || target.shape()[0] != logits.shape()[0] ||
      !(scale.shape() == target.shape())) {
    fail(ErrorKind::Value, kName, ": logits ", to_string(logits.shape()), ", target ", to_string(target.shape()),
         " and scale ", to_string(scale.shape()), " do not belong together.");
  }
  if (!is_float(logits.dtype()))
    fail(ErrorKind::Type, kName, ": logits must be a float tensor, got ", name_of(logits.dtype()), ".");
  if (!is_integer(target.dtype()))
    fail(ErrorKind::Type, kName, ": class indices must be integers, got ", name_of(target.dtype()), ".");
  const Tensor checked = apply(kCheckTarget, {&target}, Attrs(TargetAttr{logits.shape()[1], ignore}));
  return apply(kCrossEntropy, {&logits, &checked, &scale});
}

namespace {

Reduction reduction_of(const char* op, std::string_view word) {
  if (word == "mean") return Reduction::Mean;
  if (word == "sum") return Reduction::Sum;
  if (word == "none") return Reduction::None;
  fail(ErrorKind::Value, op, ": reduction must be 'none', 'mean' or 'sum', got '", word, "'.");
}

constexpr Function kFunctions[] = {
    {"binary_cross_entropy_with_logits(logits: Tensor, label: Tensor, weight: Tensor = None, pos_weight: Tensor = "
     "None, reduction: str = "
     "'mean')",
     "Binary cross-entropy between sigmoid(logits) and label, computed from the logits without overflow.",
     {"binary_cross_entropy_with_logits(Tensor([0.0]), Tensor([1.0]))", "0.6931472"},
     [](Args& a) {
       return bce_with_logits(a.tensor(0), a.tensor(1), a.given(2) ? a.tensor(2) : Tensor(),
                              a.given(3) ? a.tensor(3) : Tensor(),
                              reduction_of("binary_cross_entropy_with_logits", a.word(4)));
     },
     nullptr,
     false},
    {"_softmax_cross_entropy(logits: Tensor, target: Tensor, scale: Tensor, ignore_index: int)",
     "scale * cross-entropy of softmax(logits) per row, for class indices.",
     {"_softmax_cross_entropy(Tensor([[0.0, 0.0]]), Tensor([1]), Tensor([1.0]), -100)", "[0.6931472]"},
     [](Args& a) { return softmax_cross_entropy(a.tensor(0), a.tensor(1), a.tensor(2), a.integer(3)); },
     nullptr,
     false},
};

}  // namespace

const std::span<const Function> kLossFunctions = kFunctions;

}  // namespace adcore
