// recompute: a call whose statements are made again when they are swept.
#include <algorithm>
#include <functional>

#include "ops/random.h"
#include "python/bindings.h"
#include "python/frames.h"
#include "sweeps/backward.h"
#include "sweeps/rule.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

/// The tensor with f applied to it and to what is in its boxes, always in the same order.
Tensor map_parts(const Tensor& t, const std::function<void(Tensor&)>& f) {
  Tensor out = t;
  if (const Box* box = box_of(t)) {
    const Tensor base = map_parts(box->base, f);
    const Tensor tangent = box->tangent.defined() ? map_parts(box->tangent, f) : Tensor();
    out = box_again(*box, base, tangent);
    out.set_ref(t.ref());
  }
  f(out);
  return out;
}

/// The result with f applied to all parts of its tensors.
py::object map_result(const py::object& result, const std::function<void(Tensor&)>& f) {
  return steal(tree_map(result.ptr(), [&](PyObject* leaf) {
    if (!is_tensor(leaf) || is_parameter(leaf)) return Py_NewRef(leaf);
    return wrap(map_parts(value_of(leaf), f));
  }));
}

/// The statements of a call are replaced by one, which makes them again when it is swept: the same tensors, at the same
/// slots, under the same frames, drawing the same random numbers.
class Recompute : public Rule {
 public:
  Recompute(py::object fn, py::tuple args, py::object kwargs)
      : fn_(std::move(fn)),
        args_(std::move(args)),
        kwargs_(std::move(kwargs)),
        tape_(*context().tape),
        frames_(open_frames()),
        random_(random_state()) {
    for (uint32_t number : tape_.parameters_set()) parameters_.emplace_back(number, tape_.parameter_slot(number));
  }

  void set_inputs(std::vector<Slot> slots) { inputs_ = std::move(slots); }

  std::vector<Tensor> pull(const std::vector<Tensor>& cotangents) override {
    Level level(tape_);
    std::vector<Slot> outputs;
    {
      const Restored restored(*this);
      const Reopened frames(frames_);
      map_result(call(fn_, args_, kwargs_), [&](Tensor& part) { outputs.push_back(tape_.slot_of(part)); });
    }
    level.close();
    Segment segment = level.segment();
    segment.first_slot = *std::min_element(inputs_.begin(), inputs_.end());
    segment.alone = false;
    const bool consumes = level.outermost();
    std::vector<Tensor> gradients;
    {
      Backward sweep(segment, consumes);
      for (size_t k = 0; k < outputs.size() && k < cotangents.size(); ++k)
        if (outputs[k] >= segment.first_slot && cotangents[k].defined()) sweep.seed(outputs[k], cotangents[k]);
      sweep.run(inputs_);
      for (Slot s : inputs_) gradients.push_back(sweep.reached(s) ? sweep.cotangent(s, {}) : Tensor());
    }
    if (consumes) tape_.truncate(segment.begin);
    return gradients;
  }

 private:
  /// Parameters and the generator as they were, for the time of a scope.
  class Restored {
   public:
    explicit Restored(const Recompute& r) : tape_(r.tape_), random_(random_state()) {
      for (const auto& [number, slot] : r.parameters_) {
        parameters_.emplace_back(number, tape_.parameter_slot(number));
        tape_.set_parameter_slot(number, slot);
      }
      set_random_state(r.random_);
    }
    ~Restored() {
      for (const auto& [number, slot] : parameters_) tape_.set_parameter_slot(number, slot);
      set_random_state(random_);
    }

   private:
    Tape& tape_;
    RandomState random_;
    std::vector<std::pair<uint32_t, Slot>> parameters_;
  };

  py::object fn_;
  py::tuple args_;
  py::object kwargs_;
  Tape& tape_;
  Frames frames_;
  RandomState random_;
  std::vector<std::pair<uint32_t, Slot>> parameters_;
  std::vector<Slot> inputs_;
};

py::object recompute(const py::object& fn, const py::tuple& args, const py::object& kwargs) {
  Tape* const tape = context().tape;
  if (!tape) return call(fn, args, kwargs);
  const uint32_t mark = tape->statement_count();
  const Slot first = tape->slot_count();
  auto rule = std::make_unique<Recompute>(fn, args, kwargs);
  const py::object result = call(fn, args, kwargs);
  if (context().tape != tape || tape->statement_count() == mark) return result;

  std::vector<Arg> inputs;
  std::vector<Slot> slots;
  for (uint32_t i = mark; i < tape->statement_count(); ++i) {
    const Statement& s = tape->statement(i);
    for (int k = 0; k < s.arg_count; ++k) {
      const Arg& a = tape->arg(s, k);
      if (a.slot == 0 || a.slot >= first || std::find(slots.begin(), slots.end(), a.slot) != slots.end()) continue;
      slots.push_back(a.slot);
      inputs.push_back({a.slot, kNone, kAsGiven, a.dtype});
    }
  }
  tape->truncate(mark);
  // Every part of the result gets a place among the outputs, so that those of the second run have the same ones.
  std::vector<Tensor> parts;
  map_result(result, [&](Tensor& part) { parts.push_back(part); });
  std::vector<Tensor*> outputs;
  for (Tensor& p : parts) outputs.push_back(&p);
  if (slots.empty()) return result;
  rule->set_inputs(std::move(slots));
  std::vector<bool> fresh;
  for (const Tensor& p : parts) fresh.push_back(tape->slot_of(p) >= first);
  record(*tape, std::move(rule), inputs, outputs);
  size_t next = 0;
  return map_result(result, [&](Tensor& part) {
    if (fresh[next]) part.set_ref(parts[next].ref());
    ++next;
  });
}

}  // namespace

void bind_recompute(py::module_& m) {
  m.def("recompute", recompute, py::arg("fn"), py::arg("args"), py::arg("kwargs"));
}

}  // namespace adcore::python
