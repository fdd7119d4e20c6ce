// recompute: a call whose statements are made again when they are swept.
//
// The call's statements are replaced by one rule. When it is swept, the call runs again on a tape that goes on where
// the recorded one stood: its inputs are at their slots there, its cells hold what they held, and nothing that it does
// is seen outside. Start reading at recompute().
#include <algorithm>
#include <functional>

#include "base/reuse.h"
#include "python/bindings.h"
#include "python/cells.h"
#include "python/frames.h"
#include "sweeps/backward.h"
#include "sweeps/rule.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

/// The tensor with f applied to it and to what is in its boxes, always in the same order.
Tensor map_parts(const Tensor& t, const std::function<void(Tensor&)>& f) {
  Tensor out = t;
  if (const Box* box = box_of(t); box && box->kind != FrameKind::Trace) {
    const Tensor base = map_parts(box->base, f);
    const Tensor tangent = box->tangent.defined() ? map_parts(box->tangent, f) : Tensor();
    out = box_again(*box, base, tangent);
    out.set_ref(t.ref());
  }
  f(out);
  return out;
}

/// The cells of the result that were made when `first` others had been: those that a block made. Another one is what it
/// is to whoever made it.
std::vector<Owned> made_cells_of(const py::object& result, uint64_t first) {
  std::vector<Owned> made;
  tree_visit(result.ptr(), [&](PyObject* leaf) {
    if (is_tensor(leaf) && made_at(leaf) >= first) made.push_back(Owned::copy(leaf));
  });
  return made;
}

uint32_t number_of(PyObject* parameter) { return reinterpret_cast<ParameterObject*>(parameter)->number; }

/// What a cell holds, at its place on the tape.
Tensor placed(PyObject* cell, const Tape& tape) {
  Tensor t = value_of(cell);
  const Slot slot = slot_of(cell, &tape);
  t.set_ref({slot ? tape.id() : 0, slot});
  return t;
}

/// What both runs have in common of an output.
struct Layout {
  Dims shape;
  DType dtype;
  bool computed;  // the block did so from what is differentiated

  Layout(const Tensor& t, bool computed) : shape(t.shape()), dtype(t.dtype()), computed(computed) {}
  bool operator==(const Layout&) const = default;
};

class Recompute : public Rule {
 public:
  Recompute(py::object fn, py::tuple args, py::object kwargs)
      : fn_(std::move(fn)),
        args_(std::move(args)),
        kwargs_(std::move(kwargs)),
        tapes_(context().tape->ids()),
        first_(context().tape->slot_count()),
        first_cell_(cells_made()),
        frames_(open_frames()) {
    const Tape& tape = *context().tape;
    for (const auto& frame : frames_)
      inside_.push_back(frame->place.tape != &tape || frame->place.open_levels < tape.open_levels);
    for (uint32_t number : tape.parameters_set()) parameters_.emplace_back(number, tape.parameter_slot(number));
  }

  /// The inputs' slots; what the cells held; the layouts of all outputs: the parts of the result, then those of the
  /// cells that the call writes.
  void finish(std::vector<Slot> inputs, CellLogs&& cells, std::vector<Layout> outputs) {
    inputs_ = std::move(inputs);
    cells_ = std::move(cells);
    outputs_ = std::move(outputs);
    // Of the Parameters that the call does not know another one may take over the number.
    std::erase_if(parameters_, [&](const auto& p) {
      return std::none_of(cells_.begin(), cells_.end(), [&](const CellLog& log) {
        return is_parameter(log.cell.get()) && number_of(log.cell.get()) == p.first;
      });
    });
  }

  std::vector<Tensor> pull(std::span<const Tensor> cotangents, std::span<const bool>) override {
    // Where the recorded tape is live, an outer level wants the statements on it.
    if (Tape* const live = context().tape; live && live->id() == tapes_.back()) {
      Level level;
      return pull_on(level, cotangents);
    }
    const Reused<Tape> own;
    own->go_on_from(tapes_, first_);
    Level level(*own);
    return pull_on(level, cotangents);
  }

  void traverse(FunctionRef<void(void*)> visit) const override {
    visit(fn_.ptr());
    visit(args_.ptr());
    visit(kwargs_.ptr());
    for (const CellLog& log : cells_) visit(log.cell.get());
  }

 private:
  /// The slots of Parameters as they were, for the time of a scope.
  class Restored {
   public:
    Restored(const Recompute& r, Tape& tape) : tape_(tape) {
      for (const auto& [number, slot] : r.parameters_) put(number, slot);
      // Those that became inputs or were assigned since had no slot then.
      const std::vector<uint32_t> set = tape.parameters_set();
      for (uint32_t number : set) {
        const auto same = [number](const auto& p) { return p.first == number; };
        if (std::none_of(r.parameters_.begin(), r.parameters_.end(), same)) put(number, 0);
      }
    }
    ~Restored() {
      // The last one first: the tape may list a Parameter that lost its slot for a time twice.
      for (size_t i = before_.size(); i-- > 0;) tape_.set_parameter_slot(before_[i].first, before_[i].second);
    }

   private:
    void put(uint32_t number, Slot slot) {
      before_.emplace_back(number, tape_.parameter_slot(number));
      tape_.set_parameter_slot(number, slot);
    }

    Tape& tape_;
    std::vector<std::pair<uint32_t, Slot>> before_;
  };

  /// Runs the call again; the slots of its outputs.
  std::vector<Slot> run_again(Tape& tape) {
    const Restored restored(*this, tape);
    const Reopened frames(frames_);
    // Of the levels that recorded the call there is one left: it stands for those inside of a frame, where there were any.
    for (size_t i = 0; i < frames_.size(); ++i) {
      Frame::Place& place = frames_[i]->place;
      if (inside_[i] && place.tape == &tape) place.open_levels = std::min(place.open_levels, tape.open_levels - 1);
    }
    ReplayedCells cells(cells_);
    std::vector<Slot> slots;
    std::vector<Layout> layouts;
    const auto read = [&](Tensor& part) {
      slots.push_back(tape.slot_of(part));
      tape.check_not_dropped("recompute", slots.back());
      layouts.emplace_back(part, slots.back() >= first_);
    };
    const py::object result = call(fn_, args_, kwargs_);
    for (const Owned& cell : made_cells_of(result, first_cell_)) map_parts(placed(cell.get(), tape), read);
    for (const CellLog& log : cells_) {
      if (!log.written) continue;
      if (!cells.wrote(log.cell.get())) {
        fail(
            ErrorKind::Value,
            "recompute: the two runs of the block differ: a tensor that it assigned to was not assigned to when it ran "
            "again; a recomputed block must do the same in both runs.");
      }
      map_parts(placed(log.cell.get(), tape), read);
    }
    if (!(layouts == outputs_)) {
      fail(ErrorKind::Value,
           "recompute: the two runs of the block differ: the second gave another number of tensors, another shape or "
           "dtype, or tensors that depend on others; a recomputed block must give the same result for the same "
           "inputs.");
    }
    return slots;
  }

  std::vector<Tensor> pull_on(Level& level, std::span<const Tensor> cotangents) {
    Tape& tape = level.tape();
    const std::vector<Slot> outputs = run_again(tape);
    level.close();
    Segment segment = level.segment();
    segment.first_slot = *std::min_element(inputs_.begin(), inputs_.end());
    segment.alone = false;
    check_inputs(segment);
    Backward sweep(segment);
    for (size_t k = 0; k < outputs.size(); ++k)
      if (outputs[k] >= segment.first_slot && cotangents[k].defined()) sweep.seed(outputs[k], cotangents[k]);
    sweep.run(inputs_, level.first_slot());
    std::vector<Tensor> gradients;
    for (Slot s : inputs_) gradients.push_back(sweep.reached(s) ? sweep.cotangent(s) : Tensor());
    return gradients;
  }

  void check_inputs(const Segment& segment) const {
    for (uint32_t i = segment.begin; i < segment.end; ++i) {
      const Statement& s = segment.tape->statement(i);
      for (int k = 0; k < s.arg_count; ++k) {
        const Slot slot = segment.tape->arg(s, k).slot;
        if (slot == 0 || slot >= first_ || std::find(inputs_.begin(), inputs_.end(), slot) != inputs_.end()) continue;
        fail(
            ErrorKind::Value,
            "recompute: the two runs of the block differ: the second read a tensor that the first had not read, so the "
            "derivative with respect to that one would be lost; a recomputed block must do the same in both runs.");
      }
    }
  }

  const py::object fn_;
  const py::tuple args_;
  const py::object kwargs_;
  const std::vector<uint64_t> tapes_;  // that the call was recorded on, and those that it goes on from
  const Slot first_;                   // slots below are of values from before the call
  const uint64_t first_cell_;          // the number of the first cell that the call made
  const Frames frames_;
  std::vector<bool> inside_;  // for each frame, whether a level that recorded the call was open inside of it
  std::vector<std::pair<uint32_t, Slot>> parameters_;
  std::vector<Slot> inputs_;
  CellLogs cells_;
  std::vector<Layout> outputs_;
};

/// Throws where one of the statements from `mark` on does more than compute: that would be done again.
void check_computes(const Tape& tape, uint32_t mark) {
  for (uint32_t i = mark; i < tape.statement_count(); ++i) {
    if (tape.statement(i).op != &always_rule_op()) continue;
    fail(
        ErrorKind::Runtime,
        "recompute: the block sends or receives, which would be done again when it runs again; take the message out of "
        "the block.");
  }
}

/// The inputs of the statements from `mark` on: what was made before slot `first`.
std::vector<Arg> inputs_of(const Tape& tape, uint32_t mark, Slot first) {
  std::vector<Arg> inputs;
  for (uint32_t i = mark; i < tape.statement_count(); ++i) {
    const Statement& s = tape.statement(i);
    for (int k = 0; k < s.arg_count; ++k) {
      const Arg& a = tape.arg(s, k);
      const auto same = [&](const Arg& b) { return a.slot == b.slot; };
      if (a.slot != 0 && a.slot < first && std::none_of(inputs.begin(), inputs.end(), same))
        inputs.push_back({a.slot, kAsGiven, a.dtype});
    }
  }
  return inputs;
}

py::object recompute(const py::object& fn, const py::tuple& args, const py::object& kwargs) {
  Tape* const tape = context().tape;
  if (!tape) return call(fn, args, kwargs);
  const uint32_t mark = tape->statement_count();
  const Slot first = tape->slot_count();
  auto rule = std::make_unique<Recompute>(fn, args, kwargs);
  const uint64_t first_cell = cells_made();
  CellLogs cells;
  py::object result = [&] {
    LoggedCells view;
    py::object r = call(fn, args, kwargs);
    view.check_records();
    cells = view.take();
    return r;
  }();
  if (context().tape != tape || tape->statement_count() == mark) return result;

  // The cells that the block leaves: those of its result, and those that it assigned to. Every part of what they hold
  // gets a place among the outputs, so that those of the second run have the same ones.
  std::vector<Owned> left = made_cells_of(result, first_cell);
  for (const CellLog& log : cells)
    if (log.written) left.push_back(Owned::copy(log.cell.get()));
  std::vector<Tensor> parts;
  const auto collect = [&](Tensor& part) {
    tape->check_not_dropped("recompute", tape->slot_of(part));
    parts.push_back(part);
  };
  for (const Owned& cell : left) map_parts(placed(cell.get(), *tape), collect);

  check_computes(*tape, mark);
  const std::vector<Arg> inputs = inputs_of(*tape, mark, first);
  // Goes last: it may run code of the user.
  const std::vector<Tensor> dropped = tape->drop_statements(mark, first);
  std::vector<Tensor*> outputs;
  std::vector<Layout> layouts;
  std::vector<bool> computed;
  for (Tensor& p : parts) {
    outputs.push_back(&p);
    computed.push_back(tape->slot_of(p) >= first);
    layouts.emplace_back(p, computed.back());
  }
  if (inputs.empty()) {
    // The block computed with what is constant around it, though it differentiated that.
    for (Tensor& p : parts) p.set_ref({});
  } else {
    std::vector<Slot> slots;
    for (const Arg& a : inputs) slots.push_back(a.slot);
    rule->finish(std::move(slots), std::move(cells), std::move(layouts));
    record(*tape, std::move(rule), inputs, outputs);
  }
  size_t next = 0;
  const auto replace = [&](Tensor& part) {
    if (computed[next]) part.set_ref(parts[next].ref());
    ++next;
  };
  for (const Owned& cell : left) assign(cell.get(), map_parts(placed(cell.get(), *tape), replace));
  return result;
}

}  // namespace

void bind_recompute(py::module_& m) {
  m.def("recompute", recompute, py::arg("fn"), py::arg("args"), py::arg("kwargs"));
}

}  // namespace adcore::python
