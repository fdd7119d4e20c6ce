// A scan B goes over a scan F where some of its slices are rows that F gave. Then an index of B stands for an index of F,
// and some inputs of B's body are values of F's body: rows, slices of the same arrays, the same other operands. Which
// statements of B's body compute what F's body computes, `share` tells of both bodies one after the other.
//
// Start reading at Keep::run().
#include "jit/passes/keep.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <unordered_map>

#include "jit/loop.h"
#include "jit/passes/prune.h"
#include "jit/passes/rewrite.h"
#include "jit/passes/share.h"
#include "jit/passes/simplify.h"
#include "ops/partial.h"
#include "ops/regions.h"

namespace adcore {
namespace {

constexpr uint32_t kNone = ~0u;

/// A scan, as it is and as it will be.
struct Loop {
  const Program::Statement* statement;
  ScanAttrs attrs;
  Program body;
  std::vector<uint32_t> rows;   // values of the body that it is to give as further rows
  std::vector<uint32_t> taken;  // values of the body that it is to get as further slices, ascending
  uint32_t from = kNone;        // the statement of the loop that gives them, by rows of these numbers
  std::vector<size_t> from_rows;
  int64_t begin = 0;     // its index where ours is 0
  uint32_t out = kNone;  // in the new program

  size_t carries() const { return static_cast<size_t>(attrs.carries); }
  size_t slices() const { return static_cast<size_t>(attrs.slices); }
};

class Keep {
 public:
  explicit Keep(const Program& p) : p_(p), made_by_(p.values().size(), kNone) {}

  Program run() {
    const auto statements = p_.statements();
    for (uint32_t i = 0; i < statements.size(); ++i) {
      for (uint32_t j = 0; j < statements[i].op->outputs; ++j) made_by_[statements[i].out + j] = i;
      if (is_scan(*statements[i].op)) add_loop(i);
    }
    return std::ranges::any_of(loops_, [](const auto& l) { return !l.second.taken.empty(); }) ? rewritten() : p_;
  }

 private:
  /// A part of an array along its first axis.
  struct Part {
    uint32_t array;
    int64_t begin;
  };

  Program::Use operand(const Loop& l, size_t k) const { return p_.uses_of(*l.statement)[k + 1]; }
  Part part_of(uint32_t value) const;
  void add_loop(uint32_t i);
  uint32_t loop_before(const Loop& b) const;
  std::vector<uint32_t> inputs_in(const Loop& f, const Loop& b, int64_t& begin) const;
  std::vector<uint32_t> twins(const Program& f, const Program& b, const std::vector<uint32_t>& inputs) const;
  std::vector<uint32_t> worth_keeping(const Program& b, const std::vector<uint32_t>& twin) const;

  Program rewritten();
  void emit(Rewrite& to, Loop& l);
  uint32_t row_of(Rewrite& to, const Loop& l, size_t k);

  const Program& p_;
  std::vector<uint32_t> made_by_;   // of every value: a statement
  std::map<uint32_t, Loop> loops_;  // by the statement
};

/// Looks through slices, of one step, of the first axis alone.
Keep::Part Keep::part_of(uint32_t value) const {
  Part part{value, 0};
  for (uint32_t i = made_by_[value]; i != kNone; i = made_by_[part.array]) {
    const Program::Statement& s = p_.statements()[i];
    if (s.op != &slice_op()) break;
    const uint32_t whole = p_.uses_of(s)[0].value;
    const Dims& shape = p_.values()[whole].shape;
    Region r{};
    RegionReader(p_.attrs_of(s)).next(r);
    if (r.from.kind != Lattice::kAxes || r.rank != shape.size()) break;
    bool first_axis = r.from.step[0] == 1;
    for (int k = 1; k < r.rank; ++k)
      first_axis &= r.from.start[k] == 0 && r.from.step[k] == 1 && r.count[k] == shape[k];
    if (!first_axis) break;
    part = {whole, part.begin + r.from.start[0]};
  }
  return part;
}

void Keep::add_loop(uint32_t i) {
  const Program::Statement& s = p_.statements()[i];
  const Program& body = body_in(p_.constant(p_.uses_of(s)[0].value)).program();
  Loop b{&s, p_.attrs_of(s).as<ScanAttrs>(), prune(share(simplify(body))), {}, {}, kNone, {}, 0, kNone};
  b.from = loop_before(b);
  if (b.from != kNone) {
    Loop& f = loops_.at(b.from);
    const std::vector<uint32_t> twin = twins(f.body, b.body, inputs_in(f, b, b.begin));
    for (const uint32_t value : worth_keeping(b.body, twin)) {
      // A row that is there serves, too.
      const auto given = f.body.outputs().subspan(f.carries());
      auto at = static_cast<size_t>(std::ranges::find(given, twin[value]) - given.begin());
      if (at == given.size()) {
        const auto known = static_cast<size_t>(std::ranges::find(f.rows, twin[value]) - f.rows.begin());
        if (known == f.rows.size() && f.body.outputs().size() + known >= kMostLoopOutputs) continue;
        if (known == f.rows.size()) f.rows.push_back(twin[value]);
        at += known;
      }
      b.taken.push_back(value);
      b.from_rows.push_back(at);
    }
  }
  loops_.emplace(i, std::move(b));
}

/// The loop whose rows this one has among its slices.
uint32_t Keep::loop_before(const Loop& b) const {
  for (size_t k = b.carries(); k < b.carries() + b.slices(); ++k) {
    const uint32_t maker = made_by_[part_of(operand(b, k).value).array];
    if (loops_.contains(maker)) return maker;
  }
  return kNone;
}

/// What the inputs of B's body are in F's, and at which index of F the first step of B is.
std::vector<uint32_t> Keep::inputs_in(const Loop& f, const Loop& b, int64_t& begin) const {
  std::vector<uint32_t> found(b.body.inputs().size(), kNone);
  bool any = false;
  const auto same_index = [&](int64_t first) {
    if (!any) begin = first;
    any = true;
    return first == begin && first >= 0 && first + b.attrs.length <= f.attrs.length;
  };
  const auto find = [&](const Part& part) -> uint32_t {
    if (made_by_[part.array] == b.from && part.array >= f.statement->out + f.carries() && same_index(part.begin))
      return f.body.outputs()[part.array - f.statement->out];
    for (size_t j = f.carries(); j < f.carries() + f.slices(); ++j) {
      const Part other = part_of(operand(f, j).value);
      if (other.array == part.array && any && same_index(part.begin - other.begin)) return f.body.inputs()[j];
    }
    return kNone;
  };
  // Rows first: they tell the index.
  for (const bool rows : {true, false}) {
    for (size_t k = b.carries(); k < b.carries() + b.slices(); ++k) {
      const Part part = part_of(operand(b, k).value);
      if ((made_by_[part.array] == b.from) == rows) found[k] = find(part);
    }
  }
  for (size_t k = b.carries() + b.slices(); k < found.size(); ++k)
    for (size_t j = f.carries() + f.slices(); j < f.body.inputs().size(); ++j)
      if (operand(f, j).value == operand(b, k).value) found[k] = f.body.inputs()[j];
  return found;
}

/// A tensor like the value, on memory of its own.
Tensor unlike_all(const Program::Value& v) {
  const Tensor one(Dims{}, v.dtype);
  return Tensor(one.buffer(), 0, v.shape, Dims(v.shape.size(), 0), v.dtype);
}

/// Appends a program to another one; returns the numbers of its values there.
std::vector<uint32_t> append(const Program& p, std::vector<uint32_t> inputs, ProgramBuilder& to) {
  std::vector<uint32_t> numbers(p.values().size(), kNone);
  for (size_t k = 0; k < inputs.size(); ++k) numbers[p.inputs()[k]] = inputs[k];
  for (const Program::Constant& c : p.constants()) numbers[c.value] = to.constant(c.tensor);
  std::vector<Program::Use> uses;
  for (const Program::Statement& s : p.statements()) {
    uses.clear();
    for (const Program::Use& use : p.uses_of(s)) uses.push_back({numbers[use.value], use.weak});
    const uint32_t out = to.statement(*s.op, uses, p.attrs_of(s), true);
    for (uint32_t j = 0; j < s.op->outputs; ++j) {
      to.set_value(out + j, p.values()[s.out + j].shape, p.values()[s.out + j].dtype);
      numbers[s.out + j] = out + j;
    }
  }
  return numbers;
}

/// For every value of B's body the one of F's that it is, or kNone.
std::vector<uint32_t> Keep::twins(const Program& f, const Program& b, const std::vector<uint32_t>& inputs) const {
  ProgramBuilder both;
  std::vector<uint32_t> given;
  for (const uint32_t v : f.inputs()) given.push_back(both.input(f.values()[v].shape, f.values()[v].dtype));
  const std::vector<uint32_t> in_f = append(f, given, both);
  given.clear();
  for (size_t k = 0; k < inputs.size(); ++k) {
    const Program::Value& v = b.values()[b.inputs()[k]];
    // What F has not is a value of its own.
    given.push_back(inputs[k] == kNone ? both.constant(unlike_all(v)) : in_f[inputs[k]]);
  }
  const std::vector<uint32_t> in_b = append(b, given, both);
  for (const uint32_t v : in_f) both.output(v);
  for (const uint32_t v : in_b) both.output(v);
  const Program shared = share(both.program());
  const auto now = shared.outputs();
  std::unordered_map<uint32_t, uint32_t> of_f;
  for (uint32_t v = 0; v < in_f.size(); ++v) of_f.emplace(now[v], v);
  std::vector<uint32_t> twin(in_b.size(), kNone);
  for (uint32_t v = 0; v < in_b.size(); ++v)
    if (const auto found = of_f.find(now[in_f.size() + v]); found != of_f.end()) twin[v] = found->second;
  // What depends on a loop inside of the step is computed again.
  std::vector<bool> loops(in_b.size());
  for (const Program::Statement& s : b.statements()) {
    const auto depends = [&](const Program::Use& use) { return loops[use.value]; };
    if (!is_loop(*s.op) && std::ranges::none_of(b.uses_of(s), depends)) continue;
    for (uint32_t j = 0; j < s.op->outputs; ++j) {
      loops[s.out + j] = true;
      twin[s.out + j] = kNone;
    }
  }
  return twin;
}

/// The values of B's body, ascending, that are better got than computed.
std::vector<uint32_t> Keep::worth_keeping(const Program& b, const std::vector<uint32_t>& twin) const {
  std::vector<int> reads(b.values().size());
  for (const Program::Statement& s : b.statements())
    for (const Program::Use& use : b.uses_of(s)) ++reads[use.value];
  for (const uint32_t v : b.outputs()) ++reads[v];
  const auto bytes = [&](uint32_t v) {
    return numel(b.values()[v].shape) * static_cast<int64_t>(size_of(b.values()[v].dtype));
  };
  std::vector<bool> kept(b.values().size());
  for (const Program::Statement& s : b.statements()) {
    if (s.op->view) continue;
    bool has_twin = true;
    for (int j = 0; j < s.op->outputs; ++j)
      has_twin &= !b.makes(s, j) || twin[s.out + static_cast<uint32_t>(j)] != kNone;
    if (!has_twin) continue;
    const auto uses = b.uses_of(s);
    if (s.op->row < 0 && !partial_of(*s.op, b.attrs_of(s))) {
      for (uint32_t j = 0; j < s.op->outputs; ++j)
        kept[s.out + j] = b.makes(s, static_cast<int>(j)) && reads[s.out + j];
      continue;
    }
    // An elementwise call whose operands only it reads: its result is less to keep.
    int64_t saved = 0;
    for (const Program::Use& use : uses) {
      if (!kept[use.value]) continue;
      if (std::ranges::count(uses, use.value, &Program::Use::value) != reads[use.value]) saved = -bytes(s.out);
      if (saved >= 0) saved += bytes(use.value);
    }
    if (saved < bytes(s.out)) continue;
    for (const Program::Use& use : uses) kept[use.value] = false;
    kept[s.out] = true;
  }
  std::vector<uint32_t> values;
  for (uint32_t v = 0; v < kept.size(); ++v)
    if (kept[v]) values.push_back(v);
  return values;
}

// ---- the new program ----------------------------------------------------------------------------------------------

Program Keep::rewritten() {
  Rewrite to(p_);
  for (uint32_t i = 0; i < p_.statements().size(); ++i) {
    const auto loop = loops_.find(i);
    if (loop == loops_.end()) {
      to.copy(p_.statements()[i]);
    } else if (Loop& l = loop->second; l.rows.empty() && l.taken.empty()) {
      to.copy(*l.statement);
      l.out = to.renamed(l.statement->out);  // a loop that takes none of its own may still have a row to give
    } else {
      emit(to, l);
    }
  }
  return to.finish();
}

void Keep::emit(Rewrite& to, Loop& l) {
  const size_t fixed = l.carries() + l.slices();
  std::vector<uint32_t> inputs(l.body.inputs().begin(), l.body.inputs().end());
  inputs.insert(inputs.begin() + static_cast<ptrdiff_t>(fixed), l.taken.begin(), l.taken.end());
  Rewrite body(l.body, inputs);
  for (Program::Statement s : l.body.statements()) {
    for (uint32_t j = s.op->visible; j < s.op->outputs; ++j)
      s.all_outputs |= std::ranges::find(l.rows, s.out + j) != l.rows.end();
    body.copy(s);
  }
  std::vector<uint32_t> outputs(l.body.outputs().begin(), l.body.outputs().end());
  outputs.insert(outputs.end(), l.rows.begin(), l.rows.end());

  std::vector<Program::Use> uses{{to.builder().constant(hold_body(body.finish(outputs))), false}};
  for (size_t k = 0; k < l.body.inputs().size(); ++k) {
    if (k == fixed)
      for (size_t row = 0; row < l.taken.size(); ++row) uses.push_back({row_of(to, l, row), false});
    uses.push_back({to.renamed(operand(l, k).value), operand(l, k).weak});
  }
  if (l.body.inputs().size() == fixed)
    for (size_t row = 0; row < l.taken.size(); ++row) uses.push_back({row_of(to, l, row), false});
  ScanAttrs attrs = l.attrs;
  attrs.slices += static_cast<int64_t>(l.taken.size());
  const Program::Statement& s = *l.statement;
  l.out = to.builder().statement(scan_op(outputs.size()), uses, Attrs(attrs), s.all_outputs, s.place);
  for (uint32_t j = 0; j < outputs.size(); ++j) {
    Program::Value v = l.body.values()[outputs[j]];
    if (j >= l.carries()) v.shape.insert(0, l.attrs.length);
    to.builder().set_value(l.out + j, v.shape, v.dtype);
    if (j < s.op->outputs) to.rename(s.out + j, l.out + j);
  }
}

/// The array of what a loop takes: as much of the other loop's rows as it has steps.
uint32_t Keep::row_of(Rewrite& to, const Loop& l, size_t k) {
  const Loop& f = loops_.at(l.from);
  assert(f.out != kNone);  // what is added to it would be the number of another value
  const uint32_t rows = f.out + static_cast<uint32_t>(f.carries() + l.from_rows[k]);
  if (l.attrs.length == f.attrs.length) return rows;
  Program::Value v = to.builder().program().values()[rows];
  v.shape[0] = l.attrs.length;
  Dims start(v.shape.size(), 0), step(v.shape.size(), 1);
  start[0] = l.begin;
  const RegionWords words(Region{0, v.shape.size(), v.shape.data(), along_axes(start.data(), step.data()), {}});
  const Program::Use use{rows, false};
  const uint32_t part = to.builder().statement(slice_op(), {&use, 1}, words.attrs(), false, l.statement->place);
  to.builder().set_value(part, v.shape, v.dtype);
  return part;
}

}  // namespace

Program keep(const Program& program) { return Keep(program).run(); }

}  // namespace adcore
