// Losses that are one op: value and saved slope in one pass over the data.
#include <algorithm>
#include <cstring>

#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/rules.h"
#include "ops/table.h"

namespace adcore {
namespace {

Dims reduced(const Dims& shape, Reduction r, int64_t members = 0) {
  if (r == Reduction::None) return shape;
  return Dims(std::span<const int64_t>(shape.begin(), static_cast<size_t>(members)));
}

// ---- binary cross-entropy with logits ---------------------------------------------------------------------------
// Operands: logits, label, then weight and pos_weight where they are given.

struct BceAttr {
  Reduction reduction;
  int64_t has_weight, has_pos_weight;
  int64_t members = 0;  // axes in front that are not reduced: those of a batch

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
  call.out->set_shape(reduced(z.shape(), a.reduction, a.members), t);
  call.out[1].set_shape(z.shape(), storage_of(compute_of(t)));
}

bool bce_accepts(const Call& call) {
  if (!has<BceAttr>(call, call.count)) return false;
  const auto a = call.attrs.as<BceAttr>();
  return is_flag(a.has_weight) && is_flag(a.has_pos_weight) && call.count == 2 + a.has_weight + a.has_pos_weight &&
         in_range(static_cast<int64_t>(a.reduction), 0, static_cast<int64_t>(Reduction::Sum)) &&
         in_range(a.members, 0, call.in(0).rank());
}

template <class T>
void bce_pass(Call& call, const LossKernels<T>& k) {
  const auto a = call.attrs.as<BceAttr>();
  const DType t = storage_of(sizeof(T) == 4 ? Compute::F32 : Compute::F64);
  Tensor z_held, y_held, w, p;
  const Tensor &z = contiguous_in(call.in(0), t, z_held), &y = contiguous_in(call.in(1), t, y_held);
  BceArgs<T> args{};
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
  if (call.wants(1)) args.slope = call.out[1].mutable_data_as<T>();
  if (a.reduction == Reduction::None) {
    Tensor each(z.shape(), t);
    args.z = z.data_as<T>();
    args.y = y.data_as<T>();
    args.n = z.size();
    args.scale = T{1};
    args.loss = each.mutable_data_as<T>();
    k.bce_logits(args);
    copy_to(each, call.out->mutable_data(), call.out->dtype());
    return;
  }
  // Every member's loss is summed as it would be alone.
  const bool direct = call.out->dtype() == t;
  Tensor held;
  if (!direct) held = Tensor(call.out->shape(), t);
  T* const totals = (direct ? *call.out : held).mutable_data_as<T>();
  const int64_t members = call.out->size();
  args.n = members ? z.size() / members : 0;
  args.scale = a.reduction == Reduction::Mean ? static_cast<T>(1.0 / static_cast<double>(args.n)) : T{1};
  for (int64_t i = 0; i < members; ++i) {
    const int64_t first = i * args.n;
    BceArgs<T> one = args;
    one.z = z.data_as<T>() + first;
    one.y = y.data_as<T>() + first;
    if (one.w && !one.w_scalar) one.w += first;
    if (one.p && !one.p_scalar) one.p += first;
    if (one.slope) one.slope += first;
    T total = k.bce_logits(one);
    if (a.reduction == Reduction::Mean)
      total = static_cast<T>(static_cast<double>(total) / static_cast<double>(args.n));
    totals[i] = total;
  }
  if (!direct) copy_to(held, call.out->mutable_data(), call.out->dtype());
}

void bce_run(Call& call) {
  if (compute_of(call.out->dtype()) == Compute::F32) {
    bce_pass<float>(call, kernels().loss_f32);
  } else {
    bce_pass<double>(call, kernels().loss_f64);
  }
}

/// g times the slope. A cotangent of ones, the usual one of a loss, costs nothing.
void bce_vjp(Pullback& p) {
  uint32_t rest = kAllInputs;
  if (p.active(0) && p.g.defined() && !p.cotangent(1).defined()) {
    const auto a = p.attrs<BceAttr>();
    Tensor g = p.g;
    if (a.reduction != Reduction::None && a.members) {
      Dims shape = g.shape();
      while (shape.size() < p.out(1).rank()) shape.push_back(1);
      g = reshape(g, shape);
    }
    p.give(0, p.ones() && a.reduction != Reduction::None ? p.out(1) : g * p.out(1));
    rest &= ~needs_input(0);
  }
  bool others = false;
  for (int k = 0; k < p.count(); ++k) others |= (rest >> k & 1) && p.active(k);
  if (others) p.expand(rest);
}

/// With a = 1 - y and b = pos_weight * y: -(a logsigmoid(-z) + b logsigmoid(z)), whose slope has no cancellation.
/// Products with what is infinite at an infinite logit are `_weighted`.
void bce_expand(std::span<const Tensor> in, Attrs attrs, Tensor* out) {
  const auto a = attrs.as<BceAttr>();
  const Tensor &z = in[0], &y = in[1], one = number(1.0, z);
  const Tensor negatives = one - y, positives = a.has_pos_weight ? in[static_cast<size_t>(a.pos_weight())] * y : y;
  Tensor likely = map("_weighted", y, map("logsigmoid", z));
  if (a.has_pos_weight) likely = map("_weighted", in[static_cast<size_t>(a.pos_weight())], likely);
  Tensor each = -(map("_weighted", negatives, map("logsigmoid", -z)) + likely);
  Tensor slope = negatives * map("sigmoid", z) - positives * map("sigmoid", -z);
  if (a.has_weight) {
    each = map("_weighted", in[static_cast<size_t>(a.weight())], each);
    slope = in[static_cast<size_t>(a.weight())] * slope;
  }
  out[0] = each;
  out[1] = slope;
  if (a.reduction == Reduction::None) return;
  Dims axes;
  for (int i = static_cast<int>(a.members); i < z.rank(); ++i) axes.push_back(i);
  int64_t n = 1;
  for (int64_t axis : axes) n *= z.shape()[static_cast<int>(axis)];
  if (!axes.empty()) out[0] = sum(each, axes);
  if (a.reduction == Reduction::Sum) return;
  out[0] = out[0] / number(static_cast<double>(n), z);
  out[1] = slope * (1.0 / static_cast<double>(n));
}

void bce_batch(Batching& b) {
  auto a = b.attrs.as<BceAttr>();
  const int rank = b.members[0].rank();
  for (int k = 0; k < b.count(); ++k) b.members[static_cast<size_t>(k)].value = b.front(k, rank);
  ++a.members;
  b.run(a);
}

/// Weights of 1 are no weights.
uint32_t bce_simpler(std::span<int64_t> words, FunctionRef<bool(int, double)> known) {
  auto a = Attrs(words.data(), static_cast<int>(words.size())).as<BceAttr>();
  uint32_t gone = 0;
  const int weight = a.weight(), pos_weight = a.pos_weight();
  if (weight >= 0 && known(weight, 1)) {
    gone |= needs_input(weight);
    a.has_weight = 0;
  }
  if (pos_weight >= 0 && known(pos_weight, 1)) {
    gone |= needs_input(pos_weight);
    a.has_pos_weight = 0;
  }
  std::memcpy(words.data(), &a, sizeof a);
  return gone;
}

constexpr uint32_t kBceOperands = needs_input(0) | needs_input(1) | needs_input(2) | needs_input(3);
const Op kBce{.name = "binary_cross_entropy_with_logits",
              .kind = OpKind::Custom,
              .infer = bce_infer,
              .run = bce_run,
              .vjp = bce_vjp,
              .outputs = 2,
              .needs = {needs_output(1), kBceOperands, kBceOperands, kBceOperands},
              .needs_observed = kBceOperands,
              .batch = bce_batch,
              .expand = bce_expand,
              .simpler = bce_simpler,
              .accepts = bce_accepts};

// ---- class indices: -1 for an ignored one -----------------------------------------------------------------------

struct TargetAttr {
  int64_t classes, ignore;
};
void target_infer(Call& call) { call.out->set_shape(call.in(0).shape(), DType::Int64); }
void target_run(Call& call) {
  const auto [classes, ignore] = call.attrs.as<TargetAttr>();
  const Tensor given = as_contiguous(call.in(0), DType::Int64);
  for (int64_t i = 0; i < given.size(); ++i) {
    const int64_t t = given.data_as<int64_t>()[i];
    if (t != ignore && (t < 0 || t >= classes))
      fail(ErrorKind::Index, "cross_entropy: target ", t, " is not one of the ", classes, " classes.");
    call.out->mutable_data_as<int64_t>()[i] = t == ignore ? -1 : t;
  }
}
bool target_accepts(const Call& call) { return has<TargetAttr>(call, 1) && is_integer(call.in(0).dtype()); }
const Op kCheckTarget{.name = "check_target",
                      .kind = OpKind::Constant,
                      .infer = target_infer,
                      .run = target_run,
                      .checks = true,
                      .batch = batch_same,
                      .accepts = target_accepts};

// ---- softmax cross-entropy --------------------------------------------------------------------------------------
// Operands: logits [n, classes], target [n] int64, scale [n]; a target outside [0, classes) marks an ignored row.

void ce_infer(Call& call) {
  call.out->set_shape(Dims{call.in(0).shape()[0]}, call.in(0).dtype());
  call.out[1].set_shape(call.in(0).shape(), storage_of(compute_of(call.in(0).dtype())));
}

bool is_row_numbers(const Tensor& t, const Tensor& x) { return t.shape() == Dims{x.shape()[0]}; }
bool ce_accepts(const Call& call) {
  if (!has_none(call, 3)) return false;
  const Tensor &x = call.in(0), &target = call.in(1), &scale = call.in(2);
  return x.rank() == 2 && is_float(x.dtype()) && is_row_numbers(target, x) && is_integer(target.dtype()) &&
         is_row_numbers(scale, x);
}

template <class T>
void ce_pass(Call& call, const LossKernels<T>& k) {
  const DType t = storage_of(sizeof(T) == 4 ? Compute::F32 : Compute::F64);
  const Tensor x = as_contiguous(call.in(0), t), target = as_contiguous(call.in(1), DType::Int64),
               scale = as_contiguous(call.in(2), t);
  Tensor loss(call.out->shape(), t);
  CrossEntropyArgs<T> args{
      x.data_as<T>(), target.data_as<int64_t>(), scale.data_as<T>(), loss.mutable_data_as<T>(), nullptr, x.shape()[0],
      x.shape()[1]};
  if (call.wants(1)) args.prob = call.out[1].mutable_data_as<T>();
  k.cross_entropy(args);
  copy_to(loss, call.out->mutable_data(), call.out->dtype());
}

void ce_run(Call& call) {
  if (compute_of(call.out->dtype()) == Compute::F32) {
    ce_pass<float>(call, kernels().loss_f32);
  } else {
    ce_pass<double>(call, kernels().loss_f64);
  }
}

/// 1 where column j is row i's target, of x's dtype.
Tensor one_hot_rows(const Tensor& target, const Tensor& x) {
  Tensor columns(Dims{x.shape()[1]}, DType::Int64);
  for (int64_t j = 0; j < x.shape()[1]; ++j) columns.mutable_data_as<int64_t>()[j] = j;
  return cast(map("equal", columns, expand_dims(target, 1)), x.dtype());
}

// ---- its reverse rule as an op: operands prob, g, scale, target ---------------------------------------------------

template <class T>
void ce_grad_pass(Call& call, const LossKernels<T>& k) {
  const DType t = call.out->dtype();
  const Tensor prob = as_contiguous(call.in(0), t), g = as_contiguous(call.in(1), t),
               scale = as_contiguous(call.in(2), t), target = as_contiguous(call.in(3), DType::Int64);
  k.cross_entropy_grad({prob.data_as<T>(), target.data_as<int64_t>(), g.data_as<T>(), scale.data_as<T>(),
                        call.out->mutable_data_as<T>(), prob.shape()[0], prob.shape()[1]});
}
void ce_grad_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }
void ce_grad_run(Call& call) {
  if (call.out->dtype() == DType::Float32) {
    ce_grad_pass(call, kernels().loss_f32);
  } else {
    ce_grad_pass(call, kernels().loss_f64);
  }
}
bool ce_grad_accepts(const Call& call) {
  if (!has_none(call, 4)) return false;
  const Tensor& prob = call.in(0);
  return prob.rank() == 2 && is_float(prob.dtype()) && size_of(prob.dtype()) >= 4 && is_row_numbers(call.in(1), prob) &&
         is_row_numbers(call.in(2), prob) && is_row_numbers(call.in(3), prob) && is_integer(call.in(3).dtype());
}
/// Chosen, not multiplied by 0: an ignored row may hold inf or NaN.
Tensor counted_rows(const Tensor& hot, const Tensor& rows) {
  return map("where", sum(hot, Dims{1}, true), rows, number(0.0, rows));
}
void ce_grad_expand(std::span<const Tensor> in, Attrs, Tensor* out) {
  const Tensor hot = one_hot_rows(in[3], in[0]);
  out[0] = counted_rows(hot, (in[0] - hot) * expand_dims(in[1] * in[2], 1));
}
void rows_batch(Batching& b);

constexpr uint32_t kCeGradOperands = needs_input(0) | needs_input(1) | needs_input(2) | needs_input(3);
const Op kCrossEntropyGrad{.name = "cross_entropy_grad",
                           .kind = OpKind::Custom,
                           .infer = ce_grad_infer,
                           .run = ce_grad_run,
                           .needs = {kCeGradOperands, kCeGradOperands, kCeGradOperands},
                           .batch = rows_batch,
                           .expand = ce_grad_expand,
                           .accepts = ce_grad_accepts};

void ce_vjp(Pullback& p) {
  const Tensor &g = p.cotangent(0), &h = p.cotangent(1);
  if (p.active(0)) {
    if (g.defined()) p.give(0, apply(kCrossEntropyGrad, {&p.out(1), &g, &p.in(2), &p.in(1)}));
    if (h.defined()) p.give(0, counted_rows(one_hot_rows(p.in(1), p.out(1)), softmax_grad(h, p.out(1), 1)));
  }
  if (p.active(2) && g.defined()) {
    const Tensor &x = p.in(0), hot = one_hot_rows(p.in(1), x);
    p.give(2, -sum(map("where", hot, log_softmax(x, 1) * expand_dims(g, 1), number(0.0, x)), Dims{1}));
  }
}

/// The rows of all members are rows of one call.
void rows_batch(Batching& b) {
  const int64_t rows = b.out.shape()[0];
  for (int k = 0; k < b.count(); ++k) {
    const Tensor x = b.front(k);
    Dims shape{b.size * rows};
    if (x.rank() == 3) shape.push_back(x.shape()[2]);
    b.members[static_cast<size_t>(k)].value = reshape(x, shape);
  }
  b.run(b.attrs);
  for (int j = 0; j < b.op.outputs; ++j) {
    if (!b.wants(j)) continue;
    Dims shape = b.one(j).shape();
    shape.insert(0, b.size);
    b.give(reshape(b.result(j), shape), j);
  }
}
void ce_expand(std::span<const Tensor> in, Attrs, Tensor* out) {
  const Tensor hot = one_hot_rows(in[1], in[0]), likely = log_softmax(in[0], 1);
  out[0] = -sum(map("where", hot, map("_weighted", expand_dims(in[2], 1), likely), number(0.0, likely)), Dims{1});
  out[1] = softmax(in[0], 1);
}
const Op kCrossEntropy{.name = "cross_entropy",
                       .kind = OpKind::Custom,
                       .infer = ce_infer,
                       .run = ce_run,
                       .vjp = ce_vjp,
                       .outputs = 2,
                       .needs = {needs_input(1) | needs_input(2) | needs_output(1), 0, needs_input(0) | needs_input(1)},
                       .batch = rows_batch,
                       .expand = ce_expand,
                       .accepts = ce_accepts};

}  // namespace

void list_loss_ops(OpList& list) {
  list.insert(list.end(), {&kBce, &kCheckTarget, &kCrossEntropy, &kCrossEntropyGrad});
}

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

template <>
struct WordsOf<Reduction> {
  static constexpr std::string_view kName = "Reduction", kWords[] = {"none", "mean", "sum"};
};

namespace {

constexpr Function kFunctions[] = {
    def("binary_cross_entropy_with_logits(logits, label, weight=None, pos_weight=None, reduction='mean')",
        "Binary cross-entropy between sigmoid(logits) and label, computed from the logits without overflow.",
        {"binary_cross_entropy_with_logits(Tensor([0.0]), Tensor([1.0]))", "0.6931472"},
        [](const Tensor& logits, const Tensor& label, const Tensor& weight, const Tensor& pos_weight,
           Reduction reduction) { return bce_with_logits(logits, label, weight, pos_weight, reduction); },
        {.method = false,
         .samples =
             {"binary_cross_entropy_with_logits(3 * x(3, 4), x(3, 4, low=0.15, high=0.85))",
              "binary_cross_entropy_with_logits(3 * x(3, 4), x(3, 4, low=0.15, high=0.85), x(3, 1, low=0.3), x(4, "
              "low=0.3), 'sum')"}}),
    def("_softmax_cross_entropy(logits, target, scale, ignore_index)",
        "scale * cross-entropy of softmax(logits) per row, for class indices.",
        {"_softmax_cross_entropy(Tensor([[0.0, 0.0]]), Tensor([1]), Tensor([1.0]), -100)", "[0.6931472]"},
        [](const Tensor& logits, const Tensor& target, const Tensor& scale, int64_t ignore) {
          return softmax_cross_entropy(logits, target, scale, ignore);
        }),
};

}  // namespace

const std::span<const Function> kLossFunctions = kFunctions;

}  // namespace adcore
