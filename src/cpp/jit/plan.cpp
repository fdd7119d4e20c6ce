#include "jit/plan.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <map>
#include <set>
#include <unordered_map>

#include "base/context.h"
#include "base/interpreter.h"
#include "ops/optim.h"
#include "ops/owned.h"

namespace adcore {

/// What a run changes.
struct Plan::Workspace {
  BufferRef arena;
  std::vector<Tensor> values;
  std::vector<Operand> operands;  // of all steps, one after the other
  std::vector<Call> calls;        // of all steps
};

namespace {

constexpr int64_t kAlignment = 64;
constexpr size_t kMostIdle = 4;  // workspaces
constexpr uint32_t kNever = 0;   // the last use of what no statement reads; statement i is i + 1

int64_t bytes_of(const Tensor& t) {
  const int64_t bytes = t.size() * static_cast<int64_t>(size_of(t.dtype()));
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

bool same_layout(const Tensor& a, const Tensor& b) noexcept {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && a.strides() == b.strides();
}

/// Runs f; an error of the statement's op names the line of the user's text.
template <class F>
void with_place(const Program& p, const Program::Statement& s, const F& f) {
  try {
    f();
  } catch (const Error& e) {
    if (s.place == Program::kNoPlace) throw;
    throw Error(e.kind(), text(e.what(), " (", p.places()[s.place], ")"));
  }
}

/// The arena while its places are given out: which stretches are free. The smallest one that is large enough is taken.
class Stretches {
 public:
  int64_t take(int64_t bytes) {
    if (bytes == 0) return 0;
    const auto found = by_size_.lower_bound({bytes, 0});
    if (found != by_size_.end()) {
      const auto [size, at] = *found;
      remove(at, size);
      if (size > bytes) add(at + bytes, size - bytes);
      return at;
    }
    int64_t at = end_;
    if (!by_offset_.empty()) {
      const auto [last, size] = *by_offset_.rbegin();
      if (last + size == end_) {  // it grows
        at = last;
        remove(last, size);
      }
    }
    if (__builtin_add_overflow(at, bytes, &end_)) throw std::bad_alloc();
    return at;
  }

  void give(int64_t at, int64_t bytes) {
    if (bytes == 0) return;
    const auto next = by_offset_.lower_bound(at);
    if (next != by_offset_.end() && next->first == at + bytes) {
      const int64_t size = next->second;
      remove(at + bytes, size);
      bytes += size;
    }
    if (const auto after = by_offset_.lower_bound(at); after != by_offset_.begin()) {
      const auto [before, size] = *std::prev(after);
      if (before + size == at) {
        remove(before, size);
        at = before;
        bytes += size;
      }
    }
    add(at, bytes);
  }

  int64_t end() const noexcept { return end_; }

 private:
  void add(int64_t at, int64_t bytes) {
    by_offset_.emplace(at, bytes);
    by_size_.emplace(bytes, at);
  }
  void remove(int64_t at, int64_t bytes) {
    by_offset_.erase(at);
    by_size_.erase({bytes, at});
  }

  std::map<int64_t, int64_t> by_offset_;
  std::set<std::pair<int64_t, int64_t>> by_size_;
  int64_t end_ = 0;
};

}  // namespace

// ---- the first run ------------------------------------------------------------------------------------------------

Plan::Plan(std::shared_ptr<const Program> program, std::span<const Tensor> inputs, std::vector<Tensor>& outputs)
    : program_(std::move(program)), layouts_(program_->values().size()), slots_(program_->values().size()) {
  std::vector<Tensor> values;
  learn(inputs, values, static_cast<uint32_t>(program_->statements().size()));
  for (const uint32_t value : program_->outputs()) outputs.push_back(values[value]);
  place();
  last_ = steps_.size();
}

Plan::Plan(std::shared_ptr<const Program> program, std::span<const Tensor> inputs, std::vector<Tensor>& outputs,
           const Updates& updates, Last& last)
    : program_(std::move(program)), layouts_(program_->values().size()), slots_(program_->values().size()) {
  learn(inputs, last.values, first_of_last());
  for (const uint32_t value : program_->outputs()) outputs.push_back(last.values[value]);
  const size_t statement = last_;
  place();
  last_ = static_cast<size_t>(std::ranges::lower_bound(steps_, statement, {}, &Step::statement) - steps_.begin());
  find_loans(updates);
  size_t uses = 0;
  for (size_t at = last_; at < steps_.size(); ++at) uses += program_->statements()[steps_[at].statement].use_count;
  last.operands.reserve(uses);
  for (size_t at = last_; at < steps_.size(); ++at) {
    const Program::Statement& s = program_->statements()[steps_[at].statement];
    for (uint32_t j = 0; j < s.op->outputs; ++j) last.values[s.out + j] = layouts_[s.out + j];
    append_call(at, last.values, last.operands, last.calls);
  }
}

Plan::~Plan() = default;

/// The statements from here on are steps of optimizers whose results nobody reads but the caller.
uint32_t Plan::first_of_last() const {
  const Program& p = *program_;
  std::vector<bool> read(p.values().size());
  for (const Program::Statement& s : p.statements())
    for (const Program::Use& use : p.uses_of(s)) read[use.value] = true;
  const auto statements = p.statements();
  auto first = static_cast<uint32_t>(statements.size());
  const auto is_last = [&](const Program::Statement& s) {
    for (uint32_t j = 0; j < s.op->outputs; ++j)
      if (read[s.out + j]) return false;
    return is_optimizer_step(*s.op);
  };
  while (first > 0 && is_last(statements[first - 1])) --first;
  return first;
}

/// What learn() does for the last statements, which do not run yet. False, and nothing is done, where one of them needs
/// memory when it runs.
bool Plan::learn_last(uint32_t first, std::vector<Tensor>& values) {
  const Program& p = *program_;
  const auto last = p.statements().subspan(first);
  const auto inferred = [&](const Program::Statement& s, auto use) {
    std::vector<Operand> operands;
    for (const Program::Use& u : p.uses_of(s)) operands.push_back({&values[u.value], 0, u.weak});
    std::vector<Tensor> out(s.op->outputs);
    Call call{*s.op, operands.data(), s.use_count, out.data(), p.attrs_of(s), s.all_outputs};
    call.donated = needs_input(0);
    s.op->infer(call);
    return use(call);
  };
  for (const Program::Statement& s : last)
    if (!inferred(s, [](const Call& call) { return call.donated != 0; })) return false;
  for (uint32_t i = first; i < p.statements().size(); ++i) {
    const Program::Statement& s = p.statements()[i];
    work_ += inferred(s, [](const Call& call) { return work_of(call); });
    steps_.push_back({i, false});
    for (uint32_t j = 0; j < s.op->outputs; ++j) {
      // All arrays of such a step are of one layout.
      layouts_[s.out + j] = layouts_[p.uses_of(s)[0].value];
      slots_[s.out + j].root = s.out + j;
    }
  }
  return true;
}

/// Runs the statements before `last`, which becomes the number of those that ran.
void Plan::learn(std::span<const Tensor> inputs, std::vector<Tensor>& values, uint32_t last) {
  const Program& p = *program_;
  p.check_inputs(inputs);
  values.resize(p.values().size());
  const auto learned = [&](uint32_t value) {
    layouts_[value] = values[value].detached();
    layouts_[value].reset();
    slots_[value].root = value;
  };
  for (const Program::Constant& c : p.constants()) {
    values[c.value] = c.tensor;
    learned(c.value);
  }
  for (size_t k = 0; k < inputs.size(); ++k) {
    values[p.inputs()[k]] = inputs[k].detached();
    learned(p.inputs()[k]);
    slots_[p.inputs()[k]].moves = true;
  }
  // What is read no more lets go of its memory.
  const auto statements = p.statements();
  std::vector<uint32_t> last_use(values.size(), kNever);
  for (size_t i = 0; i < statements.size(); ++i)
    for (const Program::Use& use : p.uses_of(statements[i])) last_use[use.value] = static_cast<uint32_t>(i + 1);
  for (const uint32_t value : p.outputs()) last_use[value] = ~0u;

  std::vector<Operand> operands;
  for (size_t i = 0; i < statements.size(); ++i) {
    if (i == last && learn_last(last, values)) {
      last_ = last;
      return;
    }
    const Program::Statement& s = statements[i];
    operands.clear();
    for (const Program::Use& use : p.uses_of(s)) operands.push_back({&values[use.value], 0, use.weak});
    Call call{*s.op, operands.data(), s.use_count, &values[s.out], p.attrs_of(s), s.all_outputs};
    with_place(p, s, [&] { run_plain(call); });
    work_ += work_of(call);
    steps_.push_back({static_cast<uint32_t>(i), call.laid_out});
    for (int j = 0; j < s.op->outputs; ++j) {
      if (!p.makes(s, j)) continue;
      const uint32_t out = s.out + static_cast<uint32_t>(j);
      learned(out);
      if (s.op->view) {
        const uint32_t seen = p.uses_of(s)[0].value;
        const bool copied = values[seen].buffer().get() != values[out].buffer().get();
        const bool may_copy = s.op->checks || s.op == &owned_op();  // in one run, and in another not
        if (!copied || may_copy) slots_[out].root = slots_[seen].root;
        slots_[out].moves = copied || may_copy || slots_[seen].moves;
      }
      if (last_use[out] == kNever) values[out].reset();
    }
    for (const Program::Use& use : p.uses_of(s))
      if (last_use[use.value] == i + 1) values[use.value].reset();
  }
  last_ = statements.size();
}

// ---- where values live --------------------------------------------------------------------------------------------

/// The operand that an output may be written over, -1 where there is none.
int Plan::over(const Program::Statement& s, int output, std::span<const uint32_t> last_use, size_t at) const {
  if (output >= kMaxOver) return -1;
  const Tensor& out = layouts_[s.out + static_cast<uint32_t>(output)];
  const auto uses = program_->uses_of(s);
  for (uint32_t rest = s.op->over[output]; rest; rest &= rest - 1) {
    const auto k = static_cast<size_t>(std::countr_zero(rest));
    if (k >= uses.size()) break;
    const uint32_t value = uses[k].value, root = slots_[value].root;
    if (value != root || slots_[root].offset < 0 || last_use[root] != at + 1) continue;
    if (!layouts_[value].contiguous() || !same_layout(layouts_[value], out)) continue;
    // Another operand on the same memory must be read in the same order.
    const auto fits = [&](const Program::Use& use) {
      return slots_[use.value].root != root || same_layout(layouts_[use.value], out);
    };
    if (std::ranges::all_of(uses, fits)) return static_cast<int>(k);
  }
  return -1;
}

void Plan::place() {
  const Program& p = *program_;
  const auto statements = p.statements();
  std::vector<uint32_t> last_use(slots_.size(), kNever);  // of roots
  for (size_t i = 0; i < statements.size(); ++i)
    for (const Program::Use& use : p.uses_of(statements[i]))
      last_use[slots_[use.value].root] = static_cast<uint32_t>(i + 1);

  std::vector<char> constant(slots_.size());
  for (const Program::Constant& c : p.constants()) constant[c.value] = true;
  for (const uint32_t value : p.outputs()) {
    Slot& root = slots_[slots_[value].root];
    if (constant[slots_[value].root] || root.moves) continue;
    root.fresh = root.moves = true;
    fresh_.push_back(slots_[value].root);
  }

  Stretches arena;
  std::vector<char> ended(slots_.size());  // its stretch is free again, or another value's
  for (Step& step : steps_) {
    const Program::Statement& s = statements[step.statement];
    const size_t i = step.statement;
    if (!s.op->view) {
      for (int j = 0; j < s.op->outputs; ++j) {
        const uint32_t out = s.out + static_cast<uint32_t>(j);
        if (!p.makes(s, j) || slots_[out].fresh) continue;
        const int k = over(s, j, last_use, i);
        const uint32_t under = k < 0 ? 0 : p.uses_of(s)[static_cast<size_t>(k)].value;
        if (k >= 0 && !ended[under]) {
          ended[under] = true;
          slots_[out].offset = slots_[under].offset;
          step.in_place |= static_cast<uint16_t>(1u << j);
        } else {
          slots_[out].offset = arena.take(bytes_of(layouts_[out]));
        }
      }
    }
    const auto end = [&](uint32_t value) {
      const uint32_t root = slots_[value].root;
      if (slots_[root].offset < 0 || ended[root]) return;
      ended[root] = true;
      arena.give(slots_[root].offset, bytes_of(layouts_[root]));
    };
    for (const Program::Use& use : p.uses_of(s))
      if (last_use[slots_[use.value].root] == i + 1) end(use.value);
    for (int j = 0; j < s.op->outputs; ++j)
      if (p.makes(s, j) && last_use[slots_[s.out + static_cast<uint32_t>(j)].root] == kNever)
        end(s.out + static_cast<uint32_t>(j));
  }
  arena_bytes_ = arena.end();

  // A root that became fresh after its views were seen moves them too.
  for (uint32_t value = 0; value < slots_.size(); ++value) {
    slots_[value].moves |= slots_[slots_[value].root].moves;
    if (slots_[value].moves) moving_.push_back(value);
  }
  // Any other view is the same in every run.
  std::erase_if(steps_, [&](const Step& step) {
    const Program::Statement& s = statements[step.statement];
    return s.op->view && !slots_[s.out].moves;
  });
}

/// What the last steps may write over: inputs that nobody reads later, in the layout of the output.
void Plan::find_loans(const Updates& updates) {
  const Program& p = *program_;
  std::vector<uint32_t> last_use(slots_.size(), kNever);  // of roots
  for (uint32_t i = 0; i < p.statements().size(); ++i)
    for (const Program::Use& use : p.uses_of(p.statements()[i])) last_use[slots_[use.value].root] = i + 1;
  for (const uint32_t value : p.outputs()) last_use[slots_[value].root] = ~0u;
  std::vector<bool> replaced(slots_.size());
  for (const size_t k : updates) replaced[p.inputs()[k]] = true;
  std::unordered_map<uint32_t, size_t> of_input;  // loans
  for (size_t at = last_; at < steps_.size(); ++at) {
    const Program::Statement& s = p.statements()[steps_[at].statement];
    const auto uses = p.uses_of(s);
    for (int j = 0; j < std::min<int>(s.op->outputs, kMaxOver); ++j) {
      const uint32_t out = s.out + static_cast<uint32_t>(j);
      for (uint32_t rest = s.op->over[j]; rest; rest &= rest - 1) {
        const auto k = static_cast<size_t>(std::countr_zero(rest));
        if (k >= uses.size()) break;
        const uint32_t value = uses[k].value;
        const auto on_it = [&](const Program::Use& use) { return slots_[use.value].root == value; };
        if (!replaced[value] || !slots_[out].fresh || last_use[value] != steps_[at].statement + 1 ||
            !layouts_[value].contiguous() || !same_layout(layouts_[value], layouts_[out]) ||
            std::ranges::count_if(uses, on_it) != 1)
          continue;
        replaced[value] = false;  // by another one, from now on
        of_input.emplace(value, loans_.size());
        loans_.push_back({at, j, value, out, {}});
        break;
      }
    }
  }
  for (uint32_t value = 0; value < slots_.size(); ++value) {
    const auto loan = of_input.find(slots_[value].root);
    if (loan != of_input.end() && loan->first != value) loans_[loan->second].views.push_back(value);
  }
  std::erase_if(fresh_, [&](uint32_t value) {
    return last_ < steps_.size() && value >= p.statements()[steps_[last_].statement].out;
  });
}

/// Memory for the outputs of the last steps. `values` holds the inputs, beside so many others.
void Plan::take_memory(std::vector<Tensor>& values, std::span<Call> last, int32_t others) const {
  const Program& p = *program_;
  for (size_t at = last_; at < steps_.size(); ++at) {
    const Program::Statement& s = p.statements()[steps_[at].statement];
    last[at - last_].in_place = 0;
    for (uint32_t j = 0; j < s.op->outputs; ++j) values[s.out + j].reset();
  }
  for (const Loan& loan : loans_) {
    const Tensor& from = values[loan.from];
    int32_t holders = others + 1;
    for (const uint32_t view : loan.views) holders += values[view].buffer().get() == from.buffer().get();
    if (!from.exclusively_owned(holders)) continue;
    values[loan.to].place_in(from.buffer(), from.offset());
    last[loan.step - last_].in_place |= static_cast<uint16_t>(1u << loan.output);
  }
  for (size_t at = last_; at < steps_.size(); ++at) {
    const Program::Statement& s = p.statements()[steps_[at].statement];
    for (uint32_t j = 0; j < s.op->outputs; ++j)
      if (!values[s.out + j].defined()) values[s.out + j].allocate_laid_out();
  }
}

void Plan::take_memory(Last& last, int32_t others, std::vector<Tensor>& outputs) const {
  take_memory(last.values, last.calls, others);
  for (size_t k = 0; k < outputs.size(); ++k)
    if (!outputs[k].defined()) outputs[k] = last.values[program_->outputs()[k]];
}

void Plan::run(Last& last) {
  for (Call& call : last.calls) call.op.run(call);
}

bool Plan::is_placeable(size_t k) const noexcept {
  const uint32_t value = program_->outputs()[k];
  return slots_[value].fresh && slots_[value].root == value && layouts_[value].contiguous();
}

bool Plan::fits(size_t input, const Tensor& t) const noexcept {
  const Tensor& layout = layouts_[program_->inputs()[input]];
  return t.dtype() == layout.dtype() && t.shape() == layout.shape() &&
         (t.contiguous() ? layout.contiguous() : t.strides() == layout.strides());
}

// ---- workspaces ---------------------------------------------------------------------------------------------------

std::unique_ptr<Plan::Workspace> Plan::new_workspace() const {
  const Program& p = *program_;
  auto w = std::make_unique<Workspace>();
  w->arena = BufferRef(allocate(static_cast<size_t>(std::max<int64_t>(arena_bytes_, 1))));
  w->values = layouts_;
  for (const Program::Constant& c : p.constants()) w->values[c.value] = c.tensor;
  for (uint32_t value = 0; value < slots_.size(); ++value) {
    if (slots_[value].offset < 0) continue;
    Tensor& t = w->values[value];
    t.place_in(w->arena, slots_[value].offset / static_cast<int64_t>(size_of(t.dtype())));
  }
  // Views of the arena and of constants.
  for (const Program::Statement& s : p.statements()) {
    if (!s.op->view) continue;
    if (slots_[s.out].moves) continue;
    const Tensor& root = w->values[slots_[s.out].root];
    const int64_t from_root = layouts_[s.out].offset() - layouts_[slots_[s.out].root].offset();
    w->values[s.out].place_in(root.buffer(), root.offset() + from_root);
  }
  size_t uses = 0;
  for (const Step& step : steps_) uses += p.statements()[step.statement].use_count;
  w->operands.reserve(uses);
  w->calls.reserve(steps_.size());
  for (size_t at = 0; at < steps_.size(); ++at) append_call(at, w->values, w->operands, w->calls);
  return w;
}

/// `operands` has room.
void Plan::append_call(size_t step, std::vector<Tensor>& values, std::vector<Operand>& operands,
                       std::vector<Call>& calls) const {
  const Program::Statement& s = program_->statements()[steps_[step].statement];
  const Operand* const first = operands.data() + operands.size();
  for (const Program::Use& use : program_->uses_of(s)) operands.push_back({&values[use.value], 0, use.weak});
  Call& call =
      calls.emplace_back(Call{*s.op, first, s.use_count, &values[s.out], program_->attrs_of(s), s.all_outputs});
  call.laid_out = steps_[step].laid_out;
  call.in_place = steps_[step].in_place;
}

std::unique_ptr<Plan::Workspace> Plan::take_workspace() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto w = std::move(idle_.back());
      idle_.pop_back();
      return w;
    }
  }
  return new_workspace();
}

void Plan::put_workspace(std::unique_ptr<Workspace> w) const noexcept {
  for (const uint32_t value : moving_) w->values[value].reset();
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(w));
}

// ---- a run --------------------------------------------------------------------------------------------------------

Run::Run(const Plan& plan) : plan_(plan), workspace_(plan.take_workspace()) {}
Run::~Run() { plan_.put_workspace(std::move(workspace_)); }

void Run::input(size_t k, const Tensor& t) noexcept {
  workspace_->values[plan_.program_->inputs()[k]].place_in(t.buffer(), t.offset());
}

void Run::place_output(size_t k, const BufferRef& buffer, int64_t offset) {
  const uint32_t value = plan_.program_->outputs()[k];
  workspace_->values[value].place_in(buffer, offset);
  placed_.push_back(value);
}

void Run::allocate_fresh() {
  for (const uint32_t value : plan_.fresh_)
    if (placed_.empty() || std::ranges::find(placed_, value) == placed_.end())
      workspace_->values[value].allocate_laid_out();
  placed_.clear();
}

void Run::execute() {
  execute_first(Plan::kNoLoans);
  execute_last();
}

void Run::execute_first(int32_t others) {
  allocate_fresh();
  if (plan_.work_ < kLongWork) {
    execute_steps(0, plan_.last_);
  } else {
    const Released released;
    execute_steps(0, plan_.last_);
  }
  plan_.take_memory(workspace_->values, std::span(workspace_->calls).subspan(plan_.last_), others);
}

void Run::execute_last() {
  for (Call& call : std::span(workspace_->calls).subspan(plan_.last_)) call.op.run(call);
}

void Run::execute_steps(size_t begin, size_t end) {
  const Call* at = workspace_->calls.data();
  try {
    for (Call& call : std::span(workspace_->calls).subspan(begin, end - begin)) {
      at = &call;
      call.op.run(call);
    }
  } catch (const Error&) {
    const Program& p = *plan_.program_;
    const auto step = static_cast<size_t>(at - workspace_->calls.data());
    with_place(p, p.statements()[plan_.steps_[step].statement], [] { throw; });
  }
}

void Run::execute(std::span<int64_t> times) {
  using std::chrono::steady_clock;
  const auto now = [] {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(steady_clock::now().time_since_epoch()).count();
  };
  allocate_fresh();
  plan_.take_memory(workspace_->values, std::span(workspace_->calls).subspan(plan_.last_), Plan::kNoLoans);
  const Released released;
  auto time = times.begin();
  for (Call& call : workspace_->calls) {
    *time++ = now();
    call.op.run(call);
  }
  *time = now();
}

Tensor Run::output(size_t k) const { return workspace_->values[plan_.program_->outputs()[k]]; }

}  // namespace adcore
