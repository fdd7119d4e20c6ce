// Recurrent layers: a whole sequence in one op, of every kind of kernels/recurrent.h.
//
// Operands: what the input gives to the gates (steps, ..., gates * units), the weights of the state (gates * units,
// units), the state at the beginning (..., units each), then a bias (gates * units) beside those weights and whether a
// row has a step (steps, ...), where they are given. Outputs: the state after each step, and for the rule the sums that the
// steps are functions of.
#include "kernels/recurrent.h"

#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/rules.h"
#include "ops/sym.h"
#include "ops/table.h"

namespace adcore {
namespace {

struct RecurrentAttr {
  int64_t reverse, bias, inside;
};
/// Of the rule: the states of which there are cotangents, as bits.
struct RecurrentGradAttr {
  int64_t reverse, given, inside;
};

/// Which operand is what.
template <class Kind>
struct Places {
  static constexpr int kFirst = 2;
  static constexpr int kBias = kFirst + Kind::kStates;
  static int inside(const RecurrentAttr& a) { return kBias + static_cast<int>(a.bias); }
};
/// Likewise of the rule: sums, weights, the state at the beginning and after each step, cotangents of the latter, inside.
template <class Kind>
struct GradPlaces {
  static constexpr int kFirst = 2;
  static constexpr int kStates = kFirst + Kind::kStates;
  static constexpr int kGiven = kStates + Kind::kStates;
  static int inside(const RecurrentGradAttr& a) {
    return kGiven + __builtin_popcountll(static_cast<uint64_t>(a.given));
  }
};

/// The shape (steps, ..., n).
Dims along(int64_t steps, Dims state, int64_t n) {
  state[state.size() - 1] = n;
  state.insert(0, steps);
  return state;
}

void require_shape(const char* op, const char* role, const Tensor& t, const Dims& shape) {
  if (t.shape() == shape) return;
  fail(ErrorKind::Value, op, ": ", role, " has the shape ", to_string(t.shape()), ", it must be ", to_string(shape),
       ".");
}

template <class Kind>
void layer_infer(Call& call) {
  const char* const name = call.op.name;
  const auto a = call.attrs.as<RecurrentAttr>();
  const Tensor &x = call.in(0), &weight = call.in(1), &first = call.in(2);
  for (int k = 0; k < Places<Kind>::inside(a); ++k) {
    if (!is_float(x.dtype()) || call.in(k).dtype() != x.dtype()) {
      fail(ErrorKind::Type, name, ": gates, weights and states must have one float dtype, got ", name_of(x.dtype()),
           " and ", name_of(call.in(k).dtype()), ".");
    }
  }
  if (weight.rank() != 2 || weight.shape()[0] != Kind::kGates * weight.shape()[1]) {
    fail(ErrorKind::Value, name, ": weight must have the shape (", Kind::kGates, " * units, units), got ",
         to_string(weight.shape()), ".");
  }
  const int64_t units = weight.shape()[1];
  if (first.rank() == 0 || first.shape().back() != units) {
    fail(ErrorKind::Value, name, ": a state must have the shape (..., ", units, "), got ", to_string(first.shape()),
         ".");
  }
  if (x.rank() == 0 || x.shape()[0] == 0)
    fail(ErrorKind::Value, name, ": needs one step or more, got gates of the shape ", to_string(x.shape()), ".");
  const int64_t steps = x.shape()[0];
  require_shape(name, "gates", x, along(steps, first.shape(), Kind::kGates * units));
  for (int s = 1; s < Kind::kStates; ++s)
    require_shape(name, "the second state", call.in(Places<Kind>::kFirst + s), first.shape());
  if (a.bias) require_shape(name, "bias", call.in(Places<Kind>::kBias), Dims{Kind::kGates * units});
  if (a.inside) {
    const Tensor& inside = call.in(Places<Kind>::inside(a));
    Dims shape = along(steps, first.shape(), 1);
    shape.erase(shape.size() - 1);
    require_shape(name, "inside", inside, shape);
    if (inside.dtype() != DType::Bool)
      fail(ErrorKind::Type, name, ": inside must be of bool, got ", name_of(inside.dtype()), ".");
  }
  for (int s = 0; s < Kind::kStates; ++s) call.out[s].set_shape(along(steps, first.shape(), units), x.dtype());
  call.out[Kind::kStates].set_shape(along(steps, first.shape(), Kind::kSums * units),
                                    storage_of(compute_of(x.dtype())));
}

// ---- values -----------------------------------------------------------------------------------------------------------

/// Operands and outputs in the computing type.
template <class T>
class Wide {
 public:
  explicit Wide(Call& call) : call_(call) {}
  const T* in(int k) { return contiguous_in(call_.in(k), kType, held_[k]).template data_as<T>(); }
  T* out(int j) {
    Tensor& out = call_.out[j];
    if (out.dtype() != kType) made_[j] = Tensor(out.shape(), kType);
    return (made_[j].defined() ? made_[j] : out).template mutable_data_as<T>();
  }
  const uint8_t* flags(int k) { return contiguous_in(call_.in(k), DType::Bool, held_[k]).template data_as<uint8_t>(); }
  /// Rounds what is stored otherwise.
  void finish() {
    for (int j = 0; j < kMaxRecurrentStates + 1; ++j)
      if (made_[j].defined()) copy_to(made_[j], call_.out[j].mutable_data(), call_.out[j].dtype());
  }

 private:
  static constexpr DType kType = sizeof(T) == 4 ? DType::Float32 : DType::Float64;
  Call& call_;
  Tensor held_[3 + 3 * kMaxRecurrentStates], made_[kMaxRecurrentStates + 1];
};

const RecurrentKernels<float>& kernels_of(float, int kind) { return kernels().recurrent_f32[kind]; }
const RecurrentKernels<double>& kernels_of(double, int kind) { return kernels().recurrent_f64[kind]; }
template <class F>
void with_type(DType dtype, F run) {
  compute_of(dtype) == Compute::F32 ? run(float()) : run(double());
}

RecurrentSizes sizes_of(const Tensor& states, bool reverse) {
  const int64_t steps = states.shape()[0], units = states.shape().back();
  return {steps, units ? states.size() / steps / units : 0, units, reverse, nullptr};
}

template <class Kind>
void layer_run(Call& call) {
  const auto a = call.attrs.as<RecurrentAttr>();
  with_type(call.in(0).dtype(), [&](auto type) {
    using T = decltype(type);
    Wide<T> wide(call);
    RecurrentArgs<T> args{sizes_of(call.out[0], a.reverse), wide.in(0), wide.in(1), nullptr, {}, {}, nullptr};
    for (int s = 0; s < Kind::kStates; ++s) {
      args.first[s] = wide.in(Places<Kind>::kFirst + s);
      args.states[s] = wide.out(s);
    }
    if (a.bias) args.bias = wide.in(Places<Kind>::kBias);
    if (a.inside) args.sizes.inside = wide.flags(Places<Kind>::inside(a));
    if (call.wants(Kind::kStates)) args.sums = wide.out(Kind::kStates);
    kernels_of(type, Kind::kNumber).run(args);
    wide.finish();
  });
}

template <class Kind>
bool layer_accepts(const Call& call) {
  if (!has<RecurrentAttr>(call, call.count)) return false;
  const auto a = call.attrs.as<RecurrentAttr>();
  return is_flag(a.reverse) && is_flag(a.bias) && is_flag(a.inside) &&
         call.count == Places<Kind>::inside(a) + static_cast<int>(a.inside);
}

template <class Kind>
bool grad_accepts(const Call& call) {
  using Place = GradPlaces<Kind>;
  if (!has<RecurrentGradAttr>(call, call.count)) return false;
  const auto a = call.attrs.as<RecurrentGradAttr>();
  if (!is_flag(a.reverse) || !is_flag(a.inside) || !in_range(a.given, 0, (int64_t{1} << Kind::kStates) - 1) ||
      call.count != Place::inside(a) + static_cast<int>(a.inside))
    return false;
  const Tensor &sums = call.in(0), &weight = call.in(1);
  const Dims& first = call.in(Place::kFirst).shape();
  if (weight.rank() != 2 || weight.shape()[0] != Kind::kGates * weight.shape()[1] || sums.rank() < 2 ||
      sums.shape()[0] < 1 || first.empty() || first.back() != weight.shape()[1])
    return false;
  const int64_t steps = sums.shape()[0], units = first.back();
  for (int k = 0; k < Place::inside(a); ++k) {
    const Tensor& t = call.in(k);
    const Dims shape = k == 0               ? along(steps, first, Kind::kSums * units)
                       : k == 1             ? weight.shape()
                       : k < Place::kStates ? first
                                            : along(steps, first, units);
    if (!is_float(t.dtype()) || !(t.shape() == shape)) return false;
  }
  if (!a.inside) return true;
  Dims shape = along(steps, first, 1);
  shape.erase(shape.size() - 1);
  return call.in(Place::inside(a)).dtype() == DType::Bool && call.in(Place::inside(a)).shape() == shape;
}

template <class Kind>
void grad_infer(Call& call) {
  const DType dtype = call.in(1).dtype();
  call.out[0].set_shape(call.in(0).shape(), dtype);
  for (int s = 0; s < Kind::kStates; ++s)
    call.out[1 + s].set_shape(call.in(GradPlaces<Kind>::kFirst + s).shape(), dtype);
}

template <class Kind>
void grad_run(Call& call) {
  using Place = GradPlaces<Kind>;
  const auto a = call.attrs.as<RecurrentGradAttr>();
  with_type(call.in(1).dtype(), [&](auto type) {
    using T = decltype(type);
    Wide<T> wide(call);
    RecurrentGradArgs<T> args{
        sizes_of(call.in(Place::kStates), a.reverse), wide.in(0), wide.in(1), {}, {}, {}, wide.out(0), {}};
    int next = Place::kGiven;
    for (int s = 0; s < Kind::kStates; ++s) {
      args.first[s] = wide.in(Place::kFirst + s);
      args.states[s] = wide.in(Place::kStates + s);
      if (a.given >> s & 1) args.g[s] = wide.in(next++);
      args.first_grad[s] = wide.out(1 + s);
    }
    if (a.inside) args.sizes.inside = wide.flags(Place::inside(a));
    kernels_of(type, Kind::kNumber).grad(args);
    wide.finish();
  });
}

int64_t layer_work(const Call& call) {
  const int64_t units = call.in(1).shape()[1];
  return call.in(0).size() * (4 + units / 8);
}

// ---- the same with other ops ------------------------------------------------------------------------------------------

/// Place i of the first axis.
Tensor at(const Tensor& x, int64_t i) {
  Slice s = whole(x.shape());
  s.start.v[0] = i;
  s.count.v[0] = 1;
  Dims shape = x.shape();
  shape.erase(0);
  return reshape(slice(x, s), shape);
}
/// Elements of the last axis.
Tensor columns(const Tensor& x, int64_t first, int64_t count) {
  const int last = x.rank() - 1;
  Slice s = whole(x.shape());
  s.start.v[last] = first;
  s.count.v[last] = count;
  return slice(x, s);
}
template <int kCount>
void split(const Tensor& x, Sym (&parts)[kCount]) {
  const int64_t n = x.shape().back() / kCount;
  for (int k = 0; k < kCount; ++k) parts[k].t = columns(x, k * n, n);
}
Tensor side_by_side(std::span<const Sym> parts) {
  std::vector<Tensor> tensors;
  for (const Sym& s : parts) tensors.push_back(s.t);
  return concat(tensors, -1);
}
/// Where a row has step t, as a column.
Tensor column_at(const Tensor& inside, int64_t t) { return expand_dims(at(inside, t), -1); }

/// Values along the steps, filled in any order.
class Steps {
 public:
  explicit Steps(int64_t steps) : values_(static_cast<size_t>(steps)) {}
  void set(int64_t t, const Tensor& value) { values_[static_cast<size_t>(t)] = expand_dims(value, 0); }
  Tensor stacked() const { return concat(values_, 0); }

 private:
  std::vector<Tensor> values_;
};

template <class Kind>
void layer_expand(std::span<const Tensor> in, Attrs attrs, Tensor* out) {
  constexpr int kStates = Kind::kStates;
  const auto a = attrs.as<RecurrentAttr>();
  const int64_t steps = in[0].shape()[0];
  const Tensor weight = swap_axes(in[1], 0, 1);
  Sym before[kStates], after[kStates], x[Kind::kGates], s[Kind::kGates], z[Kind::kSums];
  for (size_t k = 0; k < kStates; ++k) before[k].t = in[Places<Kind>::kFirst + k];
  std::vector<Steps> made(kStates + 1, Steps(steps));
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t t = a.reverse ? steps - 1 - i : i;
    const Tensor product = matmul(before[0].t, weight);
    split(at(in[0], t), x);
    split(a.bias ? product + in[Places<Kind>::kBias] : product, s);
    Kind::sums(x, s, z);
    Kind::step(z, before, after);
    for (size_t k = 0; k < kStates; ++k) {
      const auto inside = static_cast<size_t>(Places<Kind>::inside(a));
      before[k].t = a.inside ? map("where", column_at(in[inside], t), after[k].t, before[k].t) : after[k].t;
      made[k].set(t, before[k].t);
    }
    made[kStates].set(t, side_by_side(z));
  }
  for (size_t k = 0; k <= kStates; ++k) out[k] = made[k].stacked();
}

template <class Kind>
void grad_expand(std::span<const Tensor> in, Attrs attrs, Tensor* out) {
  using Place = GradPlaces<Kind>;
  constexpr int kStates = Kind::kStates;
  const auto a = attrs.as<RecurrentGradAttr>();
  const int64_t steps = in[0].shape()[0];
  const auto inside = static_cast<size_t>(Place::inside(a));
  Sym before[kStates], after[kStates], g[kStates], z[Kind::kSums], dz[Kind::kSums];
  Tensor carried[kStates];
  for (size_t k = 0; k < kStates; ++k) carried[k] = zeros_like(in[Place::kFirst + k]);
  Steps sums(steps);
  for (int64_t i = steps; i-- > 0;) {
    const int64_t t = a.reverse ? steps - 1 - i : i;
    size_t next = Place::kGiven;
    for (size_t k = 0; k < kStates; ++k) {
      before[k].t = i ? at(in[Place::kStates + k], a.reverse ? t + 1 : t - 1) : in[Place::kFirst + k];
      after[k].t = at(in[Place::kStates + k], t);
      g[k].t = a.given >> k & 1 ? carried[k] + at(in[next++], t) : carried[k];
    }
    split(at(in[0], t), z);
    Sym passed;
    Kind::grad(z, before, after, g, dz, passed);
    const Tensor product = matmul(side_by_side(std::span(dz).first(Kind::kGates)), in[1]);
    carried[0] = Kind::kPassed == 0 ? passed.t + product : product;
    if constexpr (Kind::kPassed > 0) carried[Kind::kPassed] = passed.t;
    Tensor sum = side_by_side(dz);
    if (a.inside) {
      const Tensor has = column_at(in[inside], t);
      for (size_t k = 0; k < kStates; ++k) carried[k] = map("where", has, carried[k], g[k].t);
      sum = map("where", has, sum, zeros({}, sum.dtype()));
    }
    sums.set(t, sum);
  }
  out[0] = sums.stacked();
  for (size_t k = 0; k < kStates; ++k) out[1 + k] = carried[k];
}

// ---- rules ------------------------------------------------------------------------------------------------------------

/// The members of a batch as further rows; where they have weights of their own, one after the other. `whole`, as bits:
/// operands without rows. `timeless`: operands without steps.
void rows_batch(Batching& b, uint32_t whole, uint32_t timeless, uint32_t timeless_outputs) {
  for (int k = 0; k < b.count(); ++k)
    if ((whole >> k & 1) && b.batched(k)) return b.one_by_one();
  for (int k = 0; k < b.count(); ++k) {
    if (whole >> k & 1) continue;
    Tensor t = b.front(k);
    Dims shape = t.shape();
    shape[0] = b.size;
    t = broadcast_to(t, shape);
    b.members[static_cast<size_t>(k)].value = timeless >> k & 1 ? t : swap_axes(t, 0, 1);
  }
  b.run(b.attrs);
  for (int j = 0; j < b.op.outputs; ++j)
    if (b.wants(j) && !(timeless_outputs >> j & 1)) b.give(swap_axes(b.result(j), 0, 1), j);
}
/// So many bits from `first` on.
constexpr uint32_t bits(int first, int count) { return ((1u << count) - 1) << first; }

template <class Kind>
void layer_batch(Batching& b) {
  const uint32_t bias = b.attrs.as<RecurrentAttr>().bias ? needs_input(Places<Kind>::kBias) : 0;
  rows_batch(b, needs_input(1) | bias, bits(Places<Kind>::kFirst, Kind::kStates), 0);
}
template <class Kind>
void grad_batch(Batching& b) {
  rows_batch(b, needs_input(1), bits(GradPlaces<Kind>::kFirst, Kind::kStates), bits(1, Kind::kStates));
}

template <class Kind>
const Op kLayerGrad{.name = Kind::kGradName,
                    .kind = OpKind::Custom,
                    .infer = grad_infer<Kind>,
                    .run = grad_run<Kind>,
                    .vjp = [](Pullback& p) { p.expand(); },
                    .outputs = 1 + Kind::kStates,
                    .visible = 1 + Kind::kStates,
                    .needs_always = kAllInputs,
                    .batch = grad_batch<Kind>,
                    .work = layer_work,
                    .expand = grad_expand<Kind>,
                    .accepts = grad_accepts<Kind>};

/// Steps and rows together.
Tensor folded(const Tensor& x) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < x.rank(); ++i) rows *= x.shape()[i];
  return reshape(x, Dims{rows, x.shape().back()});
}

/// Of the weights it is one product of all steps.
template <class Kind>
void layer_vjp(Pullback& p) {
  constexpr int kStates = Kind::kStates;
  const auto a = p.attrs<RecurrentAttr>();
  if (p.cotangent(kStates).defined()) return p.expand();
  RecurrentGradAttr of_rule{a.reverse, 0, a.inside};
  std::vector<Tensor> in{p.out(kStates), p.in(1)};
  for (int s = 0; s < kStates; ++s) in.push_back(p.in(Places<Kind>::kFirst + s));
  for (int s = 0; s < kStates; ++s) in.push_back(p.out(s));
  for (int s = 0; s < kStates; ++s) {
    if (!p.cotangent(s).defined()) continue;
    of_rule.given |= int64_t{1} << s;
    in.push_back(p.cotangent(s));
  }
  if (a.inside) in.push_back(p.in(Places<Kind>::inside(a)));
  std::vector<Tensor> made = apply_all(kLayerGrad<Kind>, in, Attrs(of_rule));
  const int64_t units = p.in(1).shape()[1];
  for (int s = 0; s < kStates; ++s)
    if (p.active(Places<Kind>::kFirst + s)) p.give(Places<Kind>::kFirst + s, made[static_cast<size_t>(1 + s)]);
  const bool of_bias = a.bias && p.active(Places<Kind>::kBias);
  if (p.active(1) || of_bias) {
    const Tensor of_product = folded(columns(made[0], 0, Kind::kGates * units));
    if (p.active(1)) {
      const Tensor &first = p.in(Places<Kind>::kFirst), &states = p.out(0);
      Slice others = whole(states.shape());
      others.start.v[0] = a.reverse;
      --others.count.v[0];
      const Tensor start = expand_dims(first, 0), rest = slice(states, others);
      const Tensor before = concat(std::array{a.reverse ? rest : start, a.reverse ? start : rest}, 0);
      p.give(1, matmul(swap_axes(of_product, 0, 1), folded(before)));
    }
    if (of_bias) p.give(Places<Kind>::kBias, sum(of_product, Dims{0}));
  }
  if (!p.active(0)) return;
  // The last sum of what has more of them than gates is what the input gives to the last gate.
  constexpr int kShared = Kind::kSums == Kind::kGates ? Kind::kGates : Kind::kGates - 1;
  p.give(0, kShared == Kind::kGates ? made[0]
                                    : concat(std::array{columns(made[0], 0, kShared * units),
                                                        columns(made[0], (Kind::kSums - 1) * units, units)},
                                             -1));
}

template <class Kind>
constexpr uint32_t kOutputsOf = [] {
  uint32_t all = 0;
  for (int j = 0; j <= Kind::kStates; ++j) all |= needs_output(j);
  return all;
}();

template <class Kind>
const Op kLayer{.name = Kind::kName,
                .kind = OpKind::Custom,
                .infer = layer_infer<Kind>,
                .run = layer_run<Kind>,
                .vjp = layer_vjp<Kind>,
                .outputs = Kind::kStates + 1,
                .visible = Kind::kStates,
                .needs_always = (kAllInputs & ~needs_input(0)) | kOutputsOf<Kind>,
                .needs_observed = needs_input(0),
                .batch = layer_batch<Kind>,
                .work = layer_work,
                .expand = layer_expand<Kind>,
                .accepts = layer_accepts<Kind>};

template <class Kind>
std::vector<Tensor> layer(std::initializer_list<Tensor> given, const Tensor& bias, const Tensor& inside, bool reverse) {
  std::vector<Tensor> in(given);
  for (const Tensor* t : {&bias, &inside})
    if (t->defined()) in.push_back(*t);
  return apply_all(kLayer<Kind>, in, Attrs(RecurrentAttr{reverse, bias.defined(), inside.defined()}));
}

constexpr Function kFunctions[] = {
    def("_rnn(gates, weight, hx, inside=None, reverse=False, relu=False)",
        "The outputs of an RNN along the first axis, from what the input gives to its units.",
        {"_rnn(Tensor([[0.0]]), Tensor([[1.0]]), Tensor([2.0]), relu=True)", "[[2.]]"},
        [](const Tensor& gates, const Tensor& weight, const Tensor& hx, const Tensor& inside, bool reverse, bool relu) {
          return (relu ? layer<ReluRnn> : layer<TanhRnn>)({gates, weight, hx}, {}, inside, reverse)[0];
        },
        {.samples = {"_rnn(x(3, 2, 2), x(2, 2), x(2, 2))", "_rnn(x(3, 2, 2), x(2, 2), x(2, 2), b(3, 2), True, True)",
                     "_rnn(x(2, 3), x(3, 3), x(3), None, False, True)"}}),
    def("_lstm(gates, weight, hx, cx, inside=None, reverse=False)",
        "The outputs and cell states of an LSTM along the first axis, from what the input gives to its gates.",
        {"_lstm(ops.zeros((1, 4)), ops.zeros((4, 1)), Tensor([0.0]), Tensor([1.0]))[1]", "[[0.5]]"},
        [](const Tensor& gates, const Tensor& weight, const Tensor& hx, const Tensor& cx, const Tensor& inside,
           bool reverse) {
          auto states = layer<Lstm>({gates, weight, hx, cx}, {}, inside, reverse);
          return std::array{states[0], states[1]};
        },
        {.samples = {"_lstm(x(3, 2, 8), x(8, 2), x(2, 2), x(2, 2))",
                     "_lstm(x(3, 2, 8), x(8, 2), x(2, 2), x(2, 2), b(3, 2), True)[1]",
                     "_lstm(x(2, 8), x(8, 2), x(2), x(2))[0]"}}),
    def("_gru(gates, weight, hx, bias=None, inside=None, reverse=False)",
        "The outputs of a GRU along the first axis, from what the input gives to its gates; the bias is of the state.",
        {"_gru(ops.zeros((1, 3)), ops.zeros((3, 1)), Tensor([1.0]))", "[[0.5]]"},
        [](const Tensor& gates, const Tensor& weight, const Tensor& hx, const Tensor& bias, const Tensor& inside,
           bool reverse) { return layer<Gru>({gates, weight, hx}, bias, inside, reverse)[0]; },
        {.samples = {"_gru(x(3, 2, 6), x(6, 2), x(2, 2))", "_gru(x(3, 2, 6), x(6, 2), x(2, 2), x(6), b(3, 2), True)",
                     "_gru(x(2, 6), x(6, 2), x(2), x(6))"}}),
};

}  // namespace

void list_recurrent_ops(OpList& list) {
  list.insert(list.end(), {&kLayer<ReluRnn>, &kLayer<TanhRnn>, &kLayer<Lstm>, &kLayer<Gru>, &kLayerGrad<ReluRnn>,
                           &kLayerGrad<TanhRnn>, &kLayerGrad<Lstm>, &kLayerGrad<Gru>});
}

const std::span<const Function> kRecurrentFunctions = kFunctions;

}  // namespace adcore
