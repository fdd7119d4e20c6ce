#include "jit/loop.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/interpreter.h"
#include "core/box.h"
#include "jit/optimize.h"
#include "ops/accept.h"

namespace adcore {

// ---- bodies -------------------------------------------------------------------------------------------------------

namespace {

constexpr size_t kMostPlans = 4;
constexpr int64_t kInterruptEvery = 1024;  // steps

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
  if (step % kInterruptEvery == 0 && interpreter.check_interrupt) interpreter.check_interrupt();
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

void scan_run(Call& call) {
  const auto a = call.attrs.as<ScanAttrs>();
  const auto carries = static_cast<size_t>(a.carries), slices = static_cast<size_t>(a.slices);
  Steps steps(body_in(call.in(0)));
  std::vector<Tensor> inputs = operands_from(call, 1), outputs;
  std::vector<std::pair<int64_t, int64_t>> places;  // of a slice: where the array begins, from one slice to the next
  for (size_t k = carries; k < carries + slices; ++k) {
    const Tensor all = inputs[k];
    places.emplace_back(all.offset(), all.strides()[0]);
    Dims shape = all.shape(), strides = all.strides();
    shape.erase(0);
    strides.erase(0);
    inputs[k] = Tensor(all.buffer(), all.offset(), shape, strides, all.dtype());
  }
  std::vector<Steps::Place> rows;  // of this step
  std::vector<int64_t> row_sizes;
  for (size_t j = carries; j < call.op.outputs; ++j) {
    rows.push_back({j, call.out[j].buffer(), 0});
    row_sizes.push_back(call.out[j].size() / std::max<int64_t>(a.length, 1));
  }
  for (int64_t step = 0; step < a.length; ++step) {
    const int64_t i = a.reverse ? a.length - 1 - step : step;
    for (size_t k = 0; k < slices; ++k) {
      Tensor& slice = inputs[carries + k];
      slice.place_in(slice.buffer(), places[k].first + i * places[k].second);
    }
    for (size_t k = 0; k < rows.size(); ++k) rows[k].offset = call.out[carries + k].offset() + i * row_sizes[k];
    steps.run(inputs, outputs, rows);
    for (size_t j = 0; j < carries; ++j) inputs[j] = outputs[j];
    for (size_t k = 0; k < rows.size(); ++k) {
      Tensor& out = call.out[carries + k];
      std::byte* const to =
          static_cast<std::byte*>(out.mutable_data()) + i * row_sizes[k] * static_cast<int64_t>(size_of(out.dtype()));
      if (outputs[carries + k].data() != to) copy_to(outputs[carries + k], to, out.dtype());
    }
    check_interrupt(step + 1);
  }
  for (size_t j = 0; j < carries; ++j) copy_to(inputs[j], call.out[j].mutable_data(), call.out[j].dtype());
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
