// A kind is a shape and a float dtype. Statements that can be steps of a chain have one; those of one kind may be one
// group where nothing outside of the group has to run between them. That is decided by stages: a step has the stage of
// an operand that is a step of its own kind and near, and a later one than any other operand; every other statement has
// the stage of its latest operand. So whatever leads from a group to another leads to a later stage, and groups of one
// kind and stage can run in any order, or as one.
//
// A reduction of what a step made belongs to the step's group, and has no kind itself.
//
// Start reading at fuse().
#include "jit/passes/fuse.h"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <unordered_map>

#include "ops/fused.h"
#include "ops/partial.h"
#include "ops/table.h"

namespace adcore {
namespace {

constexpr int kNone = -1;
constexpr int64_t kShort = 4096;       // elements: such arrays stay in the cache however many there are
constexpr uint32_t kMostSteps = 4096;  // of a chain, whose indices are short
// Statements between a step and what it joins. A long way off, memory matters more: what is recomputed for its sake
// must not be computed early.
constexpr uint32_t kNear = 256;

bool is_float_of_chain(DType t) { return t == DType::Float32 || t == DType::Float64; }

/// An operand whose elements a chain finds without a copy: the whole shape, or some of its first or of its last axes.
bool has_lane(const Dims& operand, const Dims& shape) {
  const int rank = shape.size(), skip = rank - operand.size();
  const auto is_there = [&](int axis) { return axis >= skip && operand[axis - skip] != 1; };
  int changes = 0;  // from an axis that is there to one that is not, and back
  bool before = false, any = false;
  for (int axis = 0; axis < rank; ++axis) {
    if (shape[axis] == 1) continue;
    changes += any && is_there(axis) != before;
    before = is_there(axis);
    any = true;
  }
  return changes <= 1;
}

class Fuse {
 public:
  explicit Fuse(const Program& p)
      : p_(p),
        made_by_(p.values().size(), kNone),
        kind_(p.statements().size(), kNone),
        stage_(p.statements().size(), 0),
        group_(p.statements().size()) {}

  Program run() {
    find_groups();
    cut_groups();
    emit_all();
    return builder_.take();
  }

 private:
  using Statement = Program::Statement;
  struct Unit {           // a chain or, of one member, a statement as it was
    uint32_t begin, end;  // in members_
    bool opened = false, emitted = false;
  };

  size_t count() const { return kind_.size(); }
  /// Of a group of a chain.
  bool is_reduction(uint32_t i) const { return kind_[i] == kNone; }
  const Statement& statement(size_t i) const { return p_.statements()[i]; }
  const Program::Value& value(uint32_t v) const { return p_.values()[v]; }
  const Program::Value& made(const Statement& s) const { return value(s.out); }

  void find_groups();
  int kind_of(const Statement& s);
  DType chain_dtype(const Statement& s) const;
  bool reads_result(const Statement& s) const;
  int number_of_kind(const Dims& shape, DType dtype);
  bool is_near(int earlier, uint32_t i) const {
    return i - static_cast<uint32_t>(earlier) <= kNear ||
           kinds_[static_cast<size_t>(kind_[static_cast<size_t>(earlier)])].is_short;
  }
  uint32_t root(uint32_t i);
  void join(uint32_t i, uint32_t j);
  uint64_t key_of(uint32_t i) const;
  void join_reduction(uint32_t i, std::unordered_map<uint64_t, int64_t>& group_sizes);

  void cut_groups();
  void find_readers();
  uint32_t cut(uint32_t begin, uint32_t end) const;
  bool leaves(uint32_t value, uint32_t end) const { return outside_[value] || last_inside_[value] > end; }

  class Chain;
  void emit_all();
  void emit(const Unit& unit);
  void emit_chain(const Unit& unit);
  uint32_t renamed(uint32_t value);

  const Program& p_;
  std::vector<int> made_by_;  // of every value: a statement
  struct Kind {
    Dims shape;
    DType dtype;
    bool is_short;
  };
  std::vector<Kind> kinds_;
  std::map<std::vector<int64_t>, int> kind_numbers_;

  // Of every statement.
  std::vector<int> kind_;
  std::vector<uint32_t> stage_;
  std::vector<uint32_t> group_;  // the parent in a forest of statements that belong together; later the root

  std::vector<uint32_t> members_;   // statements, group by group
  std::vector<uint32_t> position_;  // of every statement: in members_
  // Of every value: a statement of another group reads it, or the caller; the position after the last reader of its own.
  std::vector<bool> outside_;
  std::vector<uint32_t> last_inside_;

  std::vector<Unit> units_;
  std::vector<uint32_t> unit_;  // of every statement
  ProgramBuilder builder_;
  std::vector<Program::Use> uses_;  // of the statement that is being made
  std::vector<uint32_t> renamed_;   // of every value: its number in the new program, kNotRenamed
  std::vector<uint32_t> constant_;  // of every value: in constants(), kNotRenamed
  std::vector<ChainIndex> index_;   // of every value: in the chain that is being made, 0
  std::vector<ChainIndex> loaded_;  // the same in the chain's dtype
  static constexpr uint32_t kNotRenamed = ~0u;
};

// ---- what can be a step -------------------------------------------------------------------------------------------

/// The dtype that a chain with this statement computes in; another one than a chain's where it is no step.
DType Fuse::chain_dtype(const Statement& s) const {
  constexpr DType kNo = DType::Bool;
  const auto uses = p_.uses_of(s);
  const auto dtype = [&](size_t k) { return value(uses[k].value).dtype; };
  const auto is_condition = [&](size_t k, DType t) { return dtype(k) == t || dtype(k) == DType::Bool; };
  const DType out = made(s).dtype;
  if (const auto partial = partial_of(*s.op, p_.attrs_of(s))) {
    const bool masked = takes_condition(partial->row) && (partial_rule(partial->row, partial->input).needs & A);
    return dtype(0) == out && (!masked || is_condition(1, out)) ? out : kNo;
  }
  if (s.op->row < 0) return kNo;
  switch (types_of(s.op->row)) {
    case Types::Integer: return kNo;
    case Types::Select: return is_condition(0, out) ? out : kNo;
    case Types::Float:
    case Types::Number: return out;
    case Types::Compare:
      for (size_t k = 1; k < uses.size(); ++k)
        if (dtype(k) != dtype(0)) return kNo;
      return dtype(0);
    case Types::Logic:
      // Masks alone have no dtype to be read in: they follow the step that makes one of them.
      for (size_t k = 0; k < uses.size(); ++k) {
        DType t = dtype(k);
        if (const int maker = made_by_[uses[k].value]; t == DType::Bool && maker != kNone && kind_[maker] != kNone)
          t = kinds_[static_cast<size_t>(kind_[static_cast<size_t>(maker)])].dtype;
        if (!is_float_of_chain(t)) continue;
        for (size_t j = 0; j < uses.size(); ++j)
          if (!is_condition(j, t)) return kNo;
        return t;
      }
  }
  return kNo;
}

/// The statement is a partial that needs its row's result, which is the last operand: kernels read it element by element.
bool Fuse::reads_result(const Statement& s) const {
  const auto partial = partial_of(*s.op, p_.attrs_of(s));
  return partial && (partial_rule(partial->row, partial->input).needs & Y);
}

int Fuse::number_of_kind(const Dims& shape, DType dtype) {
  std::vector<int64_t> key(shape.begin(), shape.end());
  key.push_back(static_cast<int64_t>(dtype));
  const auto [found, is_new] = kind_numbers_.emplace(std::move(key), static_cast<int>(kinds_.size()));
  if (is_new) kinds_.push_back({shape, dtype, numel(shape) <= kShort});
  return found->second;
}

int Fuse::kind_of(const Statement& s) {
  const DType dtype = chain_dtype(s);
  const Dims& shape = made(s).shape;
  if (!is_float_of_chain(dtype) || numel(shape) == 0) return kNone;
  for (const Program::Use& use : p_.uses_of(s))
    if (!has_lane(value(use.value).shape, shape)) return kNone;
  if (reads_result(s) && !(value(p_.uses_of(s).back().value).shape == shape)) return kNone;
  // Most statements are of the kind of an operand.
  for (const Program::Use& use : p_.uses_of(s)) {
    const int maker = made_by_[use.value];
    if (maker == kNone || kind_[static_cast<size_t>(maker)] == kNone) continue;
    const int kind = kind_[static_cast<size_t>(maker)];
    if (kinds_[static_cast<size_t>(kind)].dtype == dtype && kinds_[static_cast<size_t>(kind)].shape == shape)
      return kind;
  }
  return number_of_kind(shape, dtype);
}

// ---- groups -------------------------------------------------------------------------------------------------------

uint32_t Fuse::root(uint32_t i) {
  while (group_[i] != i) i = group_[i] = group_[group_[i]];
  return i;
}

/// Earlier statements are roots, so that a group is found where it begins.
void Fuse::join(uint32_t i, uint32_t j) {
  i = root(i);
  j = root(j);
  group_[std::max(i, j)] = std::min(i, j);
}

uint64_t Fuse::key_of(uint32_t i) const { return static_cast<uint64_t>(kind_[i]) << 32 | stage_[i]; }

/// A reduction of what a step made is done in the same pass, where all those of the pass are of the same axes.
void Fuse::join_reduction(uint32_t i, std::unordered_map<uint64_t, int64_t>& group_sizes) {
  const Statement& s = statement(i);
  const auto reduction = reduction_of(*s.op, p_.attrs_of(s));
  if (!reduction) return;
  const uint32_t reduced = p_.uses_of(s)[0].value;
  const int maker = made_by_[reduced];
  if (maker == kNone || kind_[static_cast<size_t>(maker)] == kNone || !is_near(maker, i)) return;
  const auto step = static_cast<uint32_t>(maker);
  const DType dtype = kinds_[static_cast<size_t>(kind_[step])].dtype;
  if (value(reduced).dtype != dtype || made(s).dtype != dtype) return;
  const int64_t size = fusable_group(*reduction, value(reduced).shape);
  if (size != 0 && group_sizes.emplace(key_of(step), size).first->second == size) join(i, step);
}

void Fuse::find_groups() {
  std::iota(group_.begin(), group_.end(), 0u);
  std::vector<int> reader(made_by_.size(), kNone);    // of every value: the step that read it last
  std::unordered_map<uint64_t, uint32_t> newest;      // of short kinds and stages
  std::unordered_map<uint64_t, int64_t> group_sizes;  // of kinds and stages
  for (uint32_t i = 0; i < count(); ++i) {
    const Statement& s = statement(i);
    const int kind = kind_of(s);
    uint32_t stage = 0;
    for (const Program::Use& use : p_.uses_of(s)) {
      const int maker = made_by_[use.value];
      const bool same =
          kind != kNone && maker != kNone && kind_[static_cast<size_t>(maker)] == kind && is_near(maker, i);
      const uint32_t before = maker == kNone ? 0 : stage_[static_cast<size_t>(maker)];
      stage = std::max(stage, before + (kind != kNone && !same));
    }
    kind_[i] = kind;
    stage_[i] = stage;
    for (int j = 0; j < s.op->outputs; ++j) made_by_[s.out + static_cast<uint32_t>(j)] = static_cast<int>(i);
    if (kind == kNone) {
      join_reduction(i, group_sizes);
      continue;
    }
    const auto belongs = [&](int other) {
      return other != kNone && kind_[static_cast<size_t>(other)] == kind &&
             stage_[static_cast<size_t>(other)] == stage && is_near(other, i);
    };
    for (const Program::Use& use : p_.uses_of(s)) {
      if (belongs(made_by_[use.value])) join(i, static_cast<uint32_t>(made_by_[use.value]));
      if (numel(value(use.value).shape) == 1) continue;
      if (belongs(reader[use.value])) join(i, static_cast<uint32_t>(reader[use.value]));
      reader[use.value] = static_cast<int>(i);
    }
    if (!kinds_[static_cast<size_t>(kind)].is_short) continue;
    const auto [found, is_new] = newest.emplace(key_of(i), i);
    if (!is_new) join(i, found->second);
  }
}

void Fuse::find_readers() {
  outside_.resize(made_by_.size());
  last_inside_.resize(made_by_.size());
  for (const uint32_t v : p_.outputs()) outside_[v] = true;
  for (uint32_t i = 0; i < count(); ++i) {
    for (const Program::Use& use : p_.uses_of(statement(i))) {
      const int maker = made_by_[use.value];
      if (maker == kNone) continue;
      if (group_[static_cast<size_t>(maker)] == group_[i]) {
        last_inside_[use.value] = std::max(last_inside_[use.value], position_[i] + 1);
      } else {
        outside_[use.value] = true;
      }
    }
  }
}

/// Where the chain ends that begins with member `begin` of a group that ends with `end`: as far as it has not more
/// outputs than an op.
uint32_t Fuse::cut(uint32_t begin, uint32_t end) const {
  constexpr uint32_t kLookAhead = 256;  // steps in which outputs may become fewer again
  uint32_t best = begin + 1;
  int outputs = 0;
  end = std::min(end, begin + kMostSteps);
  for (uint32_t at = begin; at < end && at < best + kLookAhead; ++at) {
    const Statement& s = statement(members_[at]);
    outputs += leaves(s.out, at + 1);
    // Operands that this member is the last to read: each counts once, also where it is read twice.
    const auto uses = p_.uses_of(s);
    for (size_t k = 0; k < uses.size(); ++k) {
      const uint32_t v = uses[k].value;
      const int maker = made_by_[v];
      if (maker == kNone || outside_[v] || last_inside_[v] != at + 1) continue;
      if (position_[static_cast<size_t>(maker)] < begin || group_[static_cast<size_t>(maker)] != group_[members_[at]])
        continue;
      const auto before = uses.first(k);
      if (std::ranges::find(before, v, &Program::Use::value) == before.end()) --outputs;
    }
    if (outputs <= kMostFusedOutputs) best = at + 1;
  }
  return best;
}

/// Makes units of groups. One of more steps or outputs than a chain can have becomes several, which follow each other.
void Fuse::cut_groups() {
  std::vector<uint32_t> begin(count() + 1);
  for (uint32_t i = 0; i < count(); ++i) group_[i] = root(i);
  for (uint32_t i = 0; i < count(); ++i) ++begin[group_[i] + 1];
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  members_.resize(count());
  position_.resize(count());
  std::vector<uint32_t> next(begin.begin(), begin.end() - 1);
  for (uint32_t i = 0; i < count(); ++i) {
    position_[i] = next[group_[i]]++;
    members_[position_[i]] = i;
  }
  find_readers();
  unit_.resize(count());
  for (uint32_t g = 0; g < count(); ++g) {
    for (uint32_t at = begin[g]; at < begin[g + 1];) {
      const uint32_t end = cut(at, begin[g + 1]);
      for (uint32_t k = at; k < end; ++k) unit_[members_[k]] = static_cast<uint32_t>(units_.size());
      units_.push_back({at, end});
      at = end;
    }
  }
}

// ---- the new program ----------------------------------------------------------------------------------------------

/// The old order, in which a chain stands where its last member stood, or before the first statement that needs it.
void Fuse::emit_all() {
  builder_.set_places(p_.places());
  renamed_.assign(made_by_.size(), kNotRenamed);
  constant_.assign(made_by_.size(), kNotRenamed);
  index_.resize(made_by_.size());
  loaded_.resize(made_by_.size());
  for (const uint32_t v : p_.inputs()) renamed_[v] = builder_.input(value(v).shape, value(v).dtype);
  for (uint32_t c = 0; c < p_.constants().size(); ++c) constant_[p_.constants()[c].value] = c;
  std::vector<uint32_t> stack;
  for (uint32_t i = 0; i < count(); ++i) {
    if (members_[units_[unit_[i]].end - 1] != i) continue;
    for (stack.push_back(unit_[i]); !stack.empty();) {
      const uint32_t unit = stack.back();
      Unit& u = units_[unit];
      if (u.opened || u.emitted) {
        stack.pop_back();
        if (!u.emitted) emit(u);
        u.emitted = true;
        continue;
      }
      u.opened = true;
      const size_t first = stack.size();
      for (uint32_t at = u.begin; at < u.end; ++at) {
        for (const Program::Use& use : p_.uses_of(statement(members_[at]))) {
          const int maker = made_by_[use.value];
          if (maker == kNone) continue;
          const uint32_t other = unit_[static_cast<size_t>(maker)];
          if (other != unit && !units_[other].emitted) stack.push_back(other);
        }
      }
      std::reverse(stack.begin() + static_cast<ptrdiff_t>(first), stack.end());
    }
  }
  for (const uint32_t v : p_.outputs()) builder_.output(renamed(v));
}

/// The number in the new program of a value that is there, or of a constant.
uint32_t Fuse::renamed(uint32_t v) {
  if (renamed_[v] == kNotRenamed) renamed_[v] = builder_.constant(p_.constants()[constant_[v]].tensor);
  return renamed_[v];
}

void Fuse::emit(const Unit& unit) {
  if (unit.end - unit.begin > 1) return emit_chain(unit);
  const Statement& s = statement(members_[unit.begin]);
  uses_.clear();
  for (const Program::Use& use : p_.uses_of(s)) uses_.push_back({renamed(use.value), use.weak});
  const uint32_t out = builder_.statement(*s.op, uses_, p_.attrs_of(s), s.all_outputs, s.place);
  for (uint32_t j = 0; j < s.op->outputs; ++j) {
    renamed_[s.out + j] = out + j;
    builder_.set_value(out + j, value(s.out + j).shape, value(s.out + j).dtype);
  }
}

/// A chain in the making.
class Fuse::Chain {
 public:
  Chain(Fuse& f, const Unit& unit, DType dtype) : f_(f), unit_(unit), dtype_(dtype) {}
  void emit();

 private:
  std::span<const uint32_t> members() const {
    return std::span(f_.members_).subspan(unit_.begin, unit_.end - unit_.begin);
  }
  bool is_number(uint32_t v) const;
  void add_inputs();
  ChainIndex loaded(uint32_t v);
  void find_joints();
  ChainPlan::Joint* joint_of(int row, uint32_t v);
  void add_step(const Statement& s);

  Fuse& f_;
  const Unit& unit_;
  const DType dtype_;
  ChainPlan plan_;
  std::vector<uint32_t> operands_, numbers_;  // values
  std::vector<double> elements_;              // of the numbers, each once
  /// Of a joint row and a value: what the chain needs of them. Both: one step makes both, the first time.
  struct Wanted {
    bool value, slope;
    ChainPlan::Joint made{0, 0};
  };
  std::unordered_map<uint64_t, Wanted> joints_;
  static uint64_t joint_key(int row, uint32_t v) { return static_cast<uint64_t>(row) << 32 | v; }
};

/// A constant of which every element is the same one.
bool Fuse::Chain::is_number(uint32_t v) const {
  const uint32_t c = f_.constant_[v];
  return c != kNotRenamed && f_.value(v).dtype == dtype_ && is_uniform(f_.p_.constants()[c].tensor);
}

/// Values from outside: operands, or numbers, which stand among the words of the call.
void Fuse::Chain::add_inputs() {
  constexpr ChainIndex kSeen = ~ChainIndex{0};
  const auto note = [&](uint32_t v, std::vector<uint32_t>& list) {
    if (f_.index_[v] == 0) list.push_back(v);
    f_.index_[v] = kSeen;
  };
  const auto is_outside = [&](uint32_t v, uint32_t i) {
    const int maker = f_.made_by_[v];
    return maker == kNone || f_.unit_[static_cast<size_t>(maker)] != f_.unit_[i];
  };
  for (const bool numbers : {false, true}) {
    for (const uint32_t i : members()) {
      const Statement& s = f_.statement(i);
      const auto uses = f_.p_.uses_of(s);
      for (size_t k = 0; k < uses.size(); ++k) {
        const uint32_t v = uses[k].value;
        if (!is_outside(v, i)) continue;
        const bool is_result = k + 1 == uses.size() && f_.reads_result(s);
        if ((!is_result && is_number(v)) == numbers) note(v, numbers ? numbers_ : operands_);
      }
    }
  }
  // The operands tell the shape.
  const Dims& shape = f_.made(f_.statement(members().front())).shape;
  const auto is_whole = [&](uint32_t v) { return f_.value(v).shape == shape; };
  if (!std::ranges::any_of(operands_, is_whole)) {
    const auto moved = std::ranges::stable_partition(numbers_, [&](uint32_t v) { return f_.value(v).shape.empty(); });
    operands_.insert(operands_.end(), moved.begin(), moved.end());
    numbers_.erase(moved.begin(), moved.end());
  }
  for (const uint32_t v : operands_) f_.index_[v] = plan_.input(numel(f_.value(v).shape) == 1);
  // Every place in the user's text that writes a number makes a constant of its own.
  std::unordered_map<uint64_t, ChainIndex> indices;
  for (const uint32_t v : numbers_) {
    const Tensor& t = f_.p_.constants()[f_.constant_[v]].tensor;
    const double x = item(Tensor(t.buffer(), t.offset(), {}, {}, t.dtype()));
    ChainIndex& index = indices[std::bit_cast<uint64_t>(x)];
    if (index == 0) {
      index = plan_.input(true);
      elements_.push_back(x);
    }
    f_.index_[v] = index;
  }
}

ChainIndex Fuse::Chain::loaded(uint32_t v) {
  if (f_.value(v).dtype == dtype_) return f_.index_[v];
  if (f_.loaded_[v] == 0) {
    ChainStep load;
    load.kind = ChainStep::kLoad;
    load.row = static_cast<uint16_t>(f_.value(v).dtype);
    load.in[0] = f_.index_[v];
    f_.loaded_[v] = plan_.add(load);
  }
  return f_.loaded_[v];
}

void Fuse::Chain::find_joints() {
  for (const uint32_t i : members()) {
    const Statement& s = f_.statement(i);
    const auto uses = f_.p_.uses_of(s);
    if (const auto partial = partial_of(*s.op, f_.p_.attrs_of(s))) {
      if (joint_index(partial->row) >= 0) joints_[joint_key(partial->row, uses[1].value)].slope = true;
    } else if (s.op->row >= 0 && joint_index(s.op->row) >= 0) {
      joints_[joint_key(s.op->row, uses[0].value)].value = true;
    }
  }
}

/// Value and slope of a row, where one step makes both; null where they are not both wanted.
ChainPlan::Joint* Fuse::Chain::joint_of(int row, uint32_t v) {
  const auto found = joints_.find(joint_key(row, v));
  if (found == joints_.end() || !found->second.value || !found->second.slope) return nullptr;
  ChainPlan::Joint& made = found->second.made;
  if (made.slope == 0) made = plan_.add_joint(joint_index(row), loaded(v));
  return &made;
}

void Fuse::Chain::add_step(const Statement& s) {
  const auto uses = f_.p_.uses_of(s);
  ChainStep step;
  if (const auto partial = partial_of(*s.op, f_.p_.attrs_of(s))) {
    if (const ChainPlan::Joint* const joint = joint_of(partial->row, uses[1].value)) {
      step.row = static_cast<uint16_t>(formula_index("mul"));
      step.in[0] = loaded(uses[0].value);
      step.in[1] = joint->slope;
      f_.index_[s.out] = plan_.add(step);
      return;
    }
    step.row = static_cast<uint16_t>(partial->row);
    step.kind = static_cast<uint8_t>(ChainStep::kPartial0 + partial->input);
    step.g = loaded(uses[0].value);
    const uint32_t needs = partial_rule(partial->row, partial->input).needs;
    size_t next = 1;
    for (int k = 0; k < kMaxArity; ++k)
      if (needs >> k & 1) step.in[k] = loaded(uses[next++].value);
    if (needs & Y) step.y = loaded(uses[next].value);
  } else {
    ChainPlan::Joint* const joint = joint_of(s.op->row, uses[0].value);
    if (joint && joint->value != 0) {
      f_.index_[s.out] = std::exchange(joint->value, 0);  // of two such statements each has a lane of its own
      return;
    }
    step.row = static_cast<uint16_t>(s.op->row);
    for (size_t k = 0; k < uses.size(); ++k) step.in[k] = loaded(uses[k].value);
  }
  f_.index_[s.out] = plan_.add(step);
}

void Fuse::Chain::emit() {
  add_inputs();
  find_joints();
  for (const uint32_t i : members())
    if (!f_.is_reduction(i)) add_step(f_.statement(i));
  std::vector<uint32_t> results;
  std::vector<ChainIndex> outputs;
  uint32_t masks = 0;
  for (const uint32_t i : members()) {
    const uint32_t v = f_.statement(i).out;
    if (f_.is_reduction(i) || !f_.leaves(v, unit_.end)) continue;
    masks |= static_cast<uint32_t>(f_.value(v).dtype == DType::Bool) << results.size();
    results.push_back(v);
    outputs.push_back(f_.index_[v]);
  }
  std::vector<FusedReduction> reductions;
  for (const uint32_t i : members()) {
    const Statement& s = f_.statement(i);
    if (!f_.is_reduction(i) || !f_.leaves(s.out, unit_.end)) continue;
    reductions.push_back({f_.index_[f_.p_.uses_of(s)[0].value], *reduction_of(*s.op, f_.p_.attrs_of(s))});
    results.push_back(s.out);
  }
  if (!results.empty()) {
    std::vector<Program::Use> uses;
    for (const uint32_t v : operands_) uses.push_back({f_.renamed(v), false});
    const bool single = numel(f_.made(f_.statement(members().front())).shape) == 1;
    const std::vector<int64_t> words = words_of({dtype_, plan_, elements_, outputs, masks, reductions, single});
    const uint32_t out = f_.builder_.statement(fused_op(static_cast<int>(results.size())), uses,
                                               Attrs(words.data(), static_cast<int>(words.size())), false,
                                               f_.statement(members().back()).place);
    for (uint32_t j = 0; j < results.size(); ++j) {
      f_.renamed_[results[j]] = out + j;
      f_.builder_.set_value(out + j, f_.value(results[j]).shape, f_.value(results[j]).dtype);
    }
  }
  const auto forget = [&](uint32_t v) { f_.index_[v] = f_.loaded_[v] = 0; };
  std::ranges::for_each(operands_, forget);
  std::ranges::for_each(numbers_, forget);
  for (const uint32_t i : members()) forget(f_.statement(i).out);
}

void Fuse::emit_chain(const Unit& unit) {
  // A reduction follows what it reduces, if in another unit: that has a kind then.
  const int kind = kind_[group_[members_[unit.begin]]];
  Chain(*this, unit, kinds_[static_cast<size_t>(kind)].dtype).emit();
}

}  // namespace

Program fuse(const Program& program) { return Fuse(program).run(); }

}  // namespace adcore
