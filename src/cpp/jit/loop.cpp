#include "jit/loop.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <exception>
#include <thread>

#include "base/interpreter.h"
#include "base/thread_pool.h"
#include "core/box.h"
#include "jit/optimize.h"
#include "jit/passes/prune.h"
#include "jit/rows.h"
#include "ops/accept.h"

namespace adcore {

// ---- bodies -------------------------------------------------------------------------------------------------------

namespace {

constexpr size_t kMostPlans = 4;
constexpr int64_t kInterruptEvery = 1024;  // steps
constexpr int64_t kFewestRows = 16;        // that are cut in halves: fewer would make a matrix that all read count
constexpr int64_t kLongLoop = 1'000'000;   // work

void drop_body(void* body) { delete static_cast<Body*>(body); }

}  // namespace

Body::Body(std::shared_ptr<const Program> program) : program_(std::move(program)) {
  for (const Program::Value& v : program_->values()) work_ += std::max<int64_t>(numel(v.shape), 1);
}

std::shared_ptr<const Program> Body::optimized() const {
  const std::lock_guard lock(mutex_);
  if (!optimized_) optimized_ = std::make_shared<const Program>(optimize(*program_));
  return optimized_;
}

const Body* Body::half(size_t fixed) const {
  const std::lock_guard lock(mutex_);
  if (!half_) {
    const auto inputs = program_->inputs();
    const int64_t rows =
        fixed == 0 || program_->values()[inputs[0]].shape.empty() ? 0 : program_->values()[inputs[0]].shape[0];
    std::optional<Program> half;
    if (rows >= kFewestRows && rows % 2 == 0) half = on_rows(prune(*program_), fixed, rows / 2);
    half_.emplace(fixed,
                  half ? std::make_unique<const Body>(std::make_shared<const Program>(std::move(*half))) : nullptr);
  }
  return half_->first == fixed ? half_->second.get() : nullptr;
}

Tensor hold_body(Program program) {
  auto body = std::make_unique<Body>(std::make_shared<const Program>(std::move(program)));
  // Its memory is the body, of which no element is seen: constants on other memory are others.
  Tensor held(BufferRef(adopt(body.get(), 0, body.get(), drop_body)), 0, Dims{0}, Dims{1}, DType::UInt8);
  body.release();
  return held;
}

const Body* find_body(const Tensor& held) noexcept {
  const Buffer* const b = held.buffer().get();
  return b && !held.boxed() && b->release == drop_body ? static_cast<const Body*>(b->owner) : nullptr;
}

const Body& body_in(const Tensor& held) {
  const Body* const body = find_body(held);
  if (!body) fail(ErrorKind::Runtime, "a program's body is needed here.");
  return *body;
}

bool Steps::take_plan(std::span<const Tensor> inputs) {
  const auto fits = [&](const std::shared_ptr<const Plan>& plan) {
    for (size_t k = 0; k < inputs.size(); ++k)
      if (!plan->fits(k, inputs[k])) return false;
    return true;
  };
  if (plan_ && fits(plan_)) return true;
  run_.reset();
  plan_.reset();
  const std::lock_guard lock(body_.mutex_);
  const auto found = std::ranges::find_if(body_.plans_, fits);
  if (found == body_.plans_.end()) return false;
  plan_ = *found;
  return true;
}

void Steps::run(std::span<const Tensor> inputs, std::vector<Tensor>& outputs, std::span<const Place> places) {
  outputs.clear();
  if (!take_plan(inputs)) {
    // The run that a plan learns from.
    auto plan = std::make_shared<const Plan>(body_.optimized(), inputs, outputs);
    const std::lock_guard lock(body_.mutex_);
    if (body_.plans_.size() < kMostPlans) body_.plans_.push_back(std::move(plan));
    return;
  }
  if (!run_) run_.emplace(*plan_);
  for (size_t k = 0; k < inputs.size(); ++k) run_->input(k, inputs[k]);
  for (const Place& place : places)
    if (plan_->is_placeable(place.output)) run_->place_output(place.output, place.buffer, place.offset);
  run_->execute();
  for (size_t j = 0; j < plan_->program().outputs().size(); ++j) outputs.push_back(run_->output(j));
}

// ---- what calls have in common ------------------------------------------------------------------------------------

namespace {

/// The operands from the k-th on have the shapes of the program's inputs; those at [first, first + count) of these are
/// arrays of such slices.
void check_operands(const Call& call, int k, const Program& p, size_t first = 0, size_t count = 0, int64_t length = 0) {
  const auto given = static_cast<size_t>(call.count - k);
  if (given != p.inputs().size())
    fail(ErrorKind::Runtime, call.op.name, ": the body has ", p.inputs().size(), " inputs, got ", given, ".");
  for (size_t i = 0; i < given; ++i) {
    const Program::Value& in = p.values()[p.inputs()[i]];
    const Tensor& t = call.in(k + static_cast<int>(i));
    Dims shape = in.shape;
    if (i >= first && i < first + count) shape.insert(0, length);
    if (!(t.shape() == shape) || t.dtype() != in.dtype) {
      fail(ErrorKind::Runtime, call.op.name, ": operand ", i, " must be ", to_string(shape), " ", name_of(in.dtype),
           ", got ", to_string(t.shape()), " ", name_of(t.dtype()), ".");
    }
  }
}

void set_output(Call& call, size_t j, const Program& p, int64_t rows = -1) {
  const Program::Value& v = p.values()[p.outputs()[j]];
  Dims shape = v.shape;
  if (rows >= 0) shape.insert(0, rows);
  call.out[j].set_shape(shape, v.dtype);
}

void check_outputs(const Call& call, const Program& p, size_t outputs) {
  if (p.outputs().size() != outputs)
    fail(ErrorKind::Runtime, call.op.name, ": the body has ", p.outputs().size(), " outputs, not ", outputs, ".");
}

void check_interrupt(int64_t step) {
  if (step % kInterruptEvery == 0 && step > 0 && interpreter.check_interrupt) interpreter.check_interrupt();
}

/// Carries are of one kind in all steps: the body's first inputs and its first outputs.
bool carries_stay(const Program& p, int64_t carries) {
  if (!in_range(carries, 0, static_cast<int64_t>(std::min(p.inputs().size(), p.outputs().size())))) return false;
  for (size_t j = 0; j < static_cast<size_t>(carries); ++j) {
    const Program::Value &in = p.values()[p.inputs()[j]], &out = p.values()[p.outputs()[j]];
    if (!(in.shape == out.shape) || in.dtype != out.dtype) return false;
  }
  return true;
}

std::vector<Tensor> operands_from(const Call& call, int k) {
  std::vector<Tensor> inputs;
  for (; k < call.count; ++k) inputs.push_back(call.in(k).detached());
  return inputs;
}

void copy_outputs(Call& call, std::span<const Tensor> values) {
  for (size_t j = 0; j < call.op.outputs; ++j) copy_to(values[j], call.out[j].mutable_data(), call.out[j].dtype());
}

/// One op for every number of outputs.
template <class Make>
std::array<Op, kMostLoopOutputs + 1> family(const Make& make) {
  std::array<Op, kMostLoopOutputs + 1> ops = {};
  for (size_t n = 0; n < ops.size(); ++n) {
    ops[n] = make();
    ops[n].outputs = ops[n].visible = static_cast<uint8_t>(n);
  }
  return ops;
}

const Op& of_outputs(const std::array<Op, kMostLoopOutputs + 1>& ops, size_t outputs) {
  // A call writes its first output without looking how many there are.
  if (outputs == 0) fail(ErrorKind::Runtime, ops[0].name, ": a call that gives nothing is none.");
  if (outputs > kMostLoopOutputs) {
    fail(ErrorKind::Value, ops[0].name, ": a loop of a program has at most ", kMostLoopOutputs,
         " tensors as carry and outputs, this one has ", outputs, "; stack them.");
  }
  return ops[outputs];
}

// ---- scan ---------------------------------------------------------------------------------------------------------

void scan_infer(Call& call) {
  const Program& p = body_in(call.in(0)).program();
  const auto a = call.attrs.as<ScanAttrs>();
  check_operands(call, 1, p, static_cast<size_t>(a.carries), static_cast<size_t>(a.slices), a.length);
  check_outputs(call, p, call.op.outputs);
  for (size_t j = 0; j < call.op.outputs; ++j)
    set_output(call, j, p, j < static_cast<size_t>(a.carries) ? -1 : a.length);
}

/// Some of the rows of all carries, slices and outputs.
struct Rows {
  int64_t first = 0, count = -1;  // -1: all, also where there are none

  /// Those of a carry, or of every slice of an array.
  Tensor of(const Tensor& t, int axis) const {
    if (count < 0) return t;
    Dims shape = t.shape();
    shape[axis] = count;
    return Tensor(t.buffer(), t.offset() + first * t.strides()[axis], shape, t.strides(), t.dtype());
  }
  /// Elements before them in one row of an output, or in a carry.
  int64_t skipped(int64_t size, int64_t all) const { return count < 0 ? 0 : size / all * first; }
};

/// The steps of a scan on these rows, of which an output has so many. before_step(number) is called before each; the
/// scan ends where it gives false.
template <class F>
void run_scan(Call& call, const Body& body, const Rows& part, int64_t all, const F& before_step) {
  const auto a = call.attrs.as<ScanAttrs>();
  const auto carries = static_cast<size_t>(a.carries), slices = static_cast<size_t>(a.slices);
  Steps steps(body);
  std::vector<Tensor> inputs = operands_from(call, 1), outputs;
  for (size_t k = 0; k < carries; ++k) inputs[k] = part.of(inputs[k], 0);
  std::vector<std::pair<int64_t, int64_t>> places;  // of a slice: where the array begins, from one slice to the next
  for (size_t k = carries; k < carries + slices; ++k) {
    const Tensor whole = part.of(inputs[k], 1);
    places.emplace_back(whole.offset(), whole.strides()[0]);
    Dims shape = whole.shape(), strides = whole.strides();
    shape.erase(0);
    strides.erase(0);
    inputs[k] = Tensor(whole.buffer(), whole.offset(), shape, strides, whole.dtype());
  }
  const auto bytes_at = [](Tensor& out, int64_t element) {
    return static_cast<std::byte*>(out.mutable_data()) + element * static_cast<int64_t>(size_of(out.dtype()));
  };
  std::vector<Steps::Place> rows;  // of this step
  std::vector<int64_t> row_sizes;
  for (size_t j = carries; j < call.op.outputs; ++j) {
    rows.push_back({j, call.out[j].buffer(), 0});
    row_sizes.push_back(call.out[j].size() / std::max<int64_t>(a.length, 1));
  }
  for (int64_t step = 0; step < a.length; ++step) {
    if (!before_step(step)) return;
    const int64_t i = a.reverse ? a.length - 1 - step : step;
    for (size_t k = 0; k < slices; ++k) {
      Tensor& slice = inputs[carries + k];
      slice.place_in(slice.buffer(), places[k].first + i * places[k].second);
    }
    const auto element = [&](size_t k) { return i * row_sizes[k] + part.skipped(row_sizes[k], all); };
    for (size_t k = 0; k < rows.size(); ++k) rows[k].offset = call.out[carries + k].offset() + element(k);
    steps.run(inputs, outputs, rows);
    for (size_t j = 0; j < carries; ++j) inputs[j] = outputs[j];
    for (size_t k = 0; k < rows.size(); ++k) {
      Tensor& out = call.out[carries + k];
      std::byte* const to = bytes_at(out, element(k));
      if (outputs[carries + k].data() != to) copy_to(outputs[carries + k], to, out.dtype());
    }
  }
  for (size_t j = 0; j < carries; ++j)
    copy_to(inputs[j], bytes_at(call.out[j], part.skipped(call.out[j].size(), all)), call.out[j].dtype());
}

/// The two halves of the rows side by side.
void run_halves(Call& call, const Body& half, int64_t all) {
  const auto caller = std::this_thread::get_id();
  std::atomic<bool> failed{false};
  std::exception_ptr errors[2];  // none may leave a thread of the pool
  parallel_for(2, [&](int64_t k) {
    try {
      run_scan(call, half, {k * (all / 2), all / 2}, all, [&](int64_t step) {
        if (std::this_thread::get_id() == caller) check_interrupt(step);
        return !failed.load(std::memory_order_relaxed);
      });
    } catch (...) {
      errors[k] = std::current_exception();
      failed = true;
    }
  });
  for (const std::exception_ptr& e : errors)
    if (e) std::rethrow_exception(e);
}

void scan_run(Call& call) {
  const Body& body = body_in(call.in(0));
  const auto a = call.attrs.as<ScanAttrs>();
  const bool is_long = a.length * body.work() >= kLongLoop && num_threads() > 1;
  const Body* const half = is_long ? body.half(static_cast<size_t>(a.carries + a.slices)) : nullptr;
  if (half) return run_halves(call, *half, body.program().values()[body.program().inputs()[0]].shape[0]);
  run_scan(call, body, {}, 1, [](int64_t step) {
    check_interrupt(step);
    return true;
  });
}

bool scan_accepts(const Call& call) {
  if (call.count < 1 || !has<ScanAttrs>(call, call.count)) return false;
  const Body& body = body_in(call.in(0));
  const auto a = call.attrs.as<ScanAttrs>();
  int64_t work = 0;
  return carries_stay(body.program(), a.carries) && is_flag(a.reverse) && a.length >= 0 &&
         in_range(a.slices, 0, static_cast<int64_t>(body.program().inputs().size()) - a.carries) &&
         !__builtin_mul_overflow(a.length, body.work(), &work);
}

int64_t scan_work(const Call& call) { return call.attrs.as<ScanAttrs>().length * body_in(call.in(0)).work(); }

Op make_scan() {
  return {.name = "scan",
          .kind = OpKind::Constant,
          .infer = scan_infer,
          .run = scan_run,
          .work = scan_work,
          .accepts = scan_accepts};
}

// ---- while --------------------------------------------------------------------------------------------------------

void while_infer(Call& call) {
  const Program& condition = body_in(call.in(0)).program();
  const Program& p = body_in(call.in(1)).program();
  check_operands(call, 2, condition);
  check_operands(call, 2, p);
  check_outputs(call, condition, 1);
  check_outputs(call, p, static_cast<size_t>(call.attrs.as<WhileAttrs>().carries));
  for (size_t j = 0; j < call.op.outputs; ++j) set_output(call, j, p);
}

void while_run(Call& call) {
  Steps condition(body_in(call.in(0))), steps(body_in(call.in(1)));
  std::vector<Tensor> inputs = operands_from(call, 2), outputs;
  for (int64_t step = 1;; ++step) {
    condition.run(inputs, outputs);
    if (item(outputs[0]) == 0) break;
    steps.run(inputs, outputs);
    std::ranges::copy(outputs, inputs.begin());
    check_interrupt(step);
  }
  copy_outputs(call, inputs);
}

bool while_accepts(const Call& call) {
  if (call.count < 2 || !has<WhileAttrs>(call, call.count)) return false;
  const Program &condition = body_in(call.in(0)).program(), &p = body_in(call.in(1)).program();
  return carries_stay(p, call.attrs.as<WhileAttrs>().carries) && condition.outputs().size() == 1 &&
         numel(condition.values()[condition.outputs()[0]].shape) == 1;
}

/// Nobody knows how many steps.
int64_t while_work(const Call& call) { return 100 * body_in(call.in(1)).work(); }

Op make_while() {
  return {.name = "while",
          .kind = OpKind::Constant,
          .infer = while_infer,
          .run = while_run,
          .work = while_work,
          .accepts = while_accepts};
}

// ---- branch -------------------------------------------------------------------------------------------------------

void branch_infer(Call& call) {
  for (int k : {0, 1}) {
    const Program& p = body_in(call.in(k)).program();
    check_operands(call, 3, p);
    check_outputs(call, p, call.op.outputs);
  }
  const Program& p = body_in(call.in(0)).program();
  for (size_t j = 0; j < call.op.outputs; ++j) set_output(call, j, p);
}

void branch_run(Call& call) {
  Steps steps(body_in(call.in(item(call.in(2)) != 0 ? 0 : 1)));
  const std::vector<Tensor> inputs = operands_from(call, 3);
  std::vector<Tensor> outputs;
  steps.run(inputs, outputs);
  copy_outputs(call, outputs);
}

bool branch_accepts(const Call& call) {
  if (call.count < 3 || !has_none(call, call.count) || call.in(2).size() != 1) return false;
  const Program &a = body_in(call.in(0)).program(), &b = body_in(call.in(1)).program();
  bool same = a.outputs().size() == b.outputs().size();
  for (size_t j = 0; same && j < a.outputs().size(); ++j) {
    const Program::Value &x = a.values()[a.outputs()[j]], &y = b.values()[b.outputs()[j]];
    same = x.shape == y.shape && x.dtype == y.dtype;
  }
  return same;
}

int64_t branch_work(const Call& call) { return std::max(body_in(call.in(0)).work(), body_in(call.in(1)).work()); }

Op make_branch() {
  return {.name = "branch",
          .kind = OpKind::Constant,
          .infer = branch_infer,
          .run = branch_run,
          .work = branch_work,
          .accepts = branch_accepts};
}

}  // namespace

const Op& scan_op(size_t outputs) {
  static const auto ops = family(make_scan);
  return of_outputs(ops, outputs);
}
const Op& while_op(size_t outputs) {
  static const auto ops = family(make_while);
  return of_outputs(ops, outputs);
}
const Op& branch_op(size_t outputs) {
  static const auto ops = family(make_branch);
  return of_outputs(ops, outputs);
}

bool is_scan(const Op& op) noexcept { return op.run == scan_run; }
bool is_loop(const Op& op) noexcept { return op.run == scan_run || op.run == while_run || op.run == branch_run; }

}  // namespace adcore
