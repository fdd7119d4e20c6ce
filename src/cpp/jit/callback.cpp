#include "jit/callback.h"

#include <algorithm>
#include <array>

#include "core/box.h"
#include "core/pullback.h"
#include "jit/loop.h"
#include "ops/functions.h"
#include "ops/rules.h"

namespace adcore {
namespace {

constexpr int kFirst = 2;  // of the operands that the callback gets
constexpr size_t kMostResults = 254;

void drop_callback(void* callback) { delete static_cast<Callback*>(callback); }

const Callback& callback_of(const Call& call) {
  const Callback* const callback = callback_in(call.in(0));
  if (!callback) fail(ErrorKind::Runtime, call.op.name, ": the first operand must be a callback.");
  return *callback;
}

Dims behind(const Dims& members, const Dims& shape) {
  Dims all = members;
  for (int i = 0; i < shape.size(); ++i) all.push_back(shape[i]);
  return all;
}

void callback_infer(Call& call) {
  const Callback& callback = callback_of(call);
  const Dims members = call.attrs.as<CallbackAttrs>().members.dims();
  call.out[0].set_shape(Dims{0}, DType::UInt8);
  for (size_t j = 0; j < callback.results().size(); ++j) {
    const Program::Value& v = callback.results()[j];
    call.out[j + 1].set_shape(behind(members, v.shape), v.dtype);
  }
}

/// What the callback gets: memory of its own, of the members or of one.
Tensor own_copy(const Tensor& of) {
  Tensor own(of.shape(), of.dtype());
  copy_to(of, own.mutable_data(), own.dtype());
  return own;
}

/// The value of one member, whose number counts through the first axes.
Tensor member_of(const Tensor& all, int axes, int64_t number) {
  int64_t offset = all.offset();
  for (int i = axes - 1; i >= 0; --i) {
    offset += number % all.shape()[i] * all.strides()[i];
    number /= all.shape()[i];
  }
  Dims shape, strides;
  for (int i = axes; i < all.rank(); ++i) {
    shape.push_back(all.shape()[i]);
    strides.push_back(all.strides()[i]);
  }
  return Tensor(all.buffer(), offset, shape, strides, all.dtype());
}

void callback_run(Call& call) {
  const Callback& callback = callback_of(call);
  const Dims members = call.attrs.as<CallbackAttrs>().members.dims();
  const auto call_once = [&](const Dims& behind_members, auto input, int64_t number) {
    std::vector<Tensor> inputs;
    for (int k = kFirst; k < call.count; ++k) inputs.push_back(own_copy(input(call.in(k))));
    const std::vector<Tensor> made = callback.run(inputs, behind_members);
    for (size_t j = 0; j < made.size(); ++j) {
      Tensor& out = call.out[j + 1];
      const int64_t bytes = made[j].size() * static_cast<int64_t>(size_of(out.dtype()));
      copy_to(made[j], static_cast<std::byte*>(out.mutable_data()) + number * bytes, out.dtype());
    }
  };
  if (callback.vectorized()) return call_once(members, [](const Tensor& t) { return t; }, 0);
  const int64_t count = numel(members);
  for (int64_t m = 0; m < count; ++m)
    call_once({}, [&](const Tensor& t) { return member_of(t, members.size(), m); }, m);
}

void callback_batch(Batching& b) {
  CallbackAttrs attrs = b.attrs.as<CallbackAttrs>();
  const auto rest = b.members.subspan(kFirst);
  const bool differs = std::ranges::any_of(rest, &Batching::Member::batched);  // else it is the token alone
  if (differs) {
    Dims members = attrs.members.dims();
    members.insert(0, b.size);
    attrs.members = DimsAttr(members);
  }
  std::vector<Tensor> operands;
  operands.push_back(b.value(0));
  operands.push_back(b.batched(1) ? reshape(b.value(1), Dims{0}) : b.value(1));
  for (int k = kFirst; k < b.count(); ++k) operands.push_back(differs ? b.front(k) : b.value(k));
  std::vector<Tensor> made = apply_all(b.op, operands, Attrs(attrs));
  for (size_t j = 0; j < made.size(); ++j) {
    const bool is_one = !differs || j == 0;
    b.give(is_one ? broadcast_to(made[j], behind(Dims{b.size}, made[j].shape())) : made[j], static_cast<int>(j));
  }
}

[[noreturn]] void fail_derivative(const Tensor& held) {
  const Callback* const callback = callback_in(held);
  fail(
      ErrorKind::Runtime, "host_callback: ", callback ? callback->name() : "the function",
      " has no derivative; give it one by calling it in a function with a rule (custom_vjp, custom_jvp), or call it on "
      "ops.stop_gradient of the arguments.");
}

void callback_vjp(Pullback& p) { fail_derivative(p.in(0)); }
void callback_jvp(Pushforward& p) { fail_derivative(p.in(0)); }

int64_t callback_work(const Call&) { return 1; }

Op make_callback() {
  return {.name = "host_callback",
          .kind = OpKind::Custom,
          .infer = callback_infer,
          .run = callback_run,
          .vjp = callback_vjp,
          .constant_outputs = 1,
          .needs_always = needs_input(0),
          .jvp = callback_jvp,
          .batch = callback_batch,
          .work = callback_work};
}

}  // namespace

Tensor hold_callback(std::unique_ptr<Callback> callback) {
  Tensor held(BufferRef(adopt(callback.get(), 0, callback.get(), drop_callback)), 0, Dims{0}, Dims{1}, DType::UInt8);
  callback.release();
  return held;
}

const Callback* callback_in(const Tensor& held) noexcept {
  const Buffer* const b = held.buffer().get();
  return b && !held.boxed() && b->release == drop_callback ? static_cast<const Callback*>(b->owner) : nullptr;
}

const Op& callback_op(size_t results) {
  static const auto ops = [] {
    std::array<Op, kMostResults + 1> all = {};
    for (size_t n = 0; n < all.size(); ++n) {
      all[n] = make_callback();
      if (n == 0) all[n].kind = OpKind::Constant;
      all[n].outputs = all[n].visible = static_cast<uint8_t>(n + 1);
    }
    return all;
  }();
  if (results > kMostResults)
    fail(ErrorKind::Value, ops[0].name, ": at most ", kMostResults, " results, got ", results, "; stack them.");
  return ops[results];
}

bool is_callback(const Op& op) noexcept { return op.run == callback_run; }

void visit_callbacks(const Program& program, FunctionRef<void(const Callback&)> f) {
  for (const Program::Constant& c : program.constants()) {
    if (const Callback* const callback = callback_in(c.tensor)) f(*callback);
    if (const Body* const body = find_body(c.tensor)) visit_callbacks(body->program(), f);
  }
}

Tensor new_token() { return Tensor(Dims{0}, DType::UInt8); }

Tensor common_token(const Tensor& token) {
  const Tensor t = settled(token);
  const Box* const box = box_of(t);
  if (!box || box->kind == FrameKind::Trace) return t;
  const Outside outside(*open_frame(*box));
  return common_token(box->kind == FrameKind::Batch ? reshape(box->base, Dims{0}) : box->base);
}

}  // namespace adcore
