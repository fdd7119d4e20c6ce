// What adcore/transforms.py and its neighbours build the transforms from: recordings that can be swept again, the
// frames of jvp and vmap, rules given as Python functions, recomputation, no_grad.
#include <pybind11/stl.h>

#include <algorithm>
#include <functional>

#include "base/reuse.h"
#include "core/watch.h"
#include "ops/random.h"
#include "python/bindings.h"
#include "python/object.h"
#include "sweeps/backward.h"
#include "sweeps/batch.h"
#include "sweeps/forward.h"
#include "sweeps/rule.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

using Frames = std::vector<std::shared_ptr<Frame>>;

py::object steal(PyObject* o) { return py::reinterpret_steal<py::object>(checked(o)); }

PyObject* tensor_object(const py::handle& o) {
  if (!is_tensor(o.ptr())) fail(ErrorKind::Type, "a Tensor is needed here, got ", Py_TYPE(o.ptr())->tp_name, ".");
  return o.ptr();
}
Tensor tensor_of(const py::handle& o) { return tracked_value(tensor_object(o)); }

py::object call(const py::object& fn, const py::tuple& args, const py::object& kwargs) {
  return steal(
      calling_python([&] { return PyObject_Call(fn.ptr(), args.ptr(), kwargs.is_none() ? nullptr : kwargs.ptr()); }));
}

// ---- recordings ---------------------------------------------------------------------------------------------------

/// A function's call on a tape, to be swept any number of times.
class Recording {
 public:
  Recording() = default;
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording() {
    if (tape_) Idle<Tape>::put(tape_.release());
  }

  /// Calls body(), which names inputs and outputs.
  py::object run(const py::object& body) {
    if (level_ || segment_.tape) fail(ErrorKind::Runtime, "a recording runs once.");
    Level level(Level::Sweeps::Many);
    level_ = &level;
    const Unset unset{level_};
    const Owned nothing(checked(PyTuple_New(0)));
    py::object result = call(body, py::reinterpret_borrow<py::tuple>(nothing.get()), py::none());
    level.close();
    segment_ = level.segment();
    tape_ = level.keep_tape();
    return result;
  }

  /// A tensor as an input: a fresh one with the same elements. A Parameter is a variable: all its reads are the input.
  py::object input(const py::object& o) {
    Level& level = open_level();
    PyObject* t = tensor_object(o);
    Tensor fresh;
    if (is_parameter(t)) {
      fresh = value_of(t);
      const Slot slot = input_parameter(level, reinterpret_cast<ParameterObject*>(t));
      fresh.set_ref({slot ? level.tape().id() : 0, slot});
    } else {
      fresh = level.input(tracked_value(t));
    }
    inputs_.push_back({fresh.ref().slot, layout_of(fresh)});
    return steal(hooked_input(t, wrap(fresh), level));
  }

  void output(const py::object& o) {
    PyObject* t = tensor_object(o);
    outputs_.push_back({slot_of(t, &open_level().tape()), layout_of(value_of(t))});
  }

  /// The cotangents of the inputs from those of the outputs, None for zero.
  py::list pull(const py::list& cotangents) const {
    if (!segment_.tape || (!tape_ && context().tape != segment_.tape) || segment_.tape->id() != segment_.tape_id) {
      fail(ErrorKind::Runtime,
           "vjp: the derivative around it has ended; what vjp returned must be called inside of it.");
    }
    Backward sweep(segment_);
    std::vector<Slot> slots;
    for (const Leaf& in : inputs_)
      if (in.slot) slots.push_back(in.slot);
    for (size_t k = 0; k < outputs_.size(); ++k) {
      const py::object c = cotangents[k];
      if (!c.is_none() && outputs_[k].slot) sweep.seed(outputs_[k].slot, tensor_of(c));
    }
    sweep.run(slots);
    py::list gradients;
    for (const Leaf& in : inputs_) {
      gradients.append(steal(wrap(in.slot ? sweep.cotangent(in.slot, in.layout) : zeros_like(in.layout))));
    }
    return gradients;
  }

  /// Which outputs depend on the inputs as far as the tape knows.
  bool reached() const {
    for (const Leaf& out : outputs_)
      if (out.slot >= segment_.first_slot) return true;
    return false;
  }

 private:
  struct Leaf {
    Slot slot;
    Tensor layout;
  };
  struct Unset {
    Level*& level;
    ~Unset() { level = nullptr; }
  };

  static Tensor layout_of(const Tensor& t) {
    Tensor layout;
    layout.set_layout_of(t, t.dtype());
    return layout;
  }
  Level& open_level() {
    if (!level_) fail(ErrorKind::Runtime, "a recording has inputs and outputs only while it runs.");
    return *level_;
  }

  Level* level_ = nullptr;
  std::unique_ptr<Tape> tape_;  // null where outer levels own it
  Segment segment_{};
  std::vector<Leaf> inputs_, outputs_;
};

// ---- frames -------------------------------------------------------------------------------------------------------

py::object run_in(Frame& frame, const py::object& fn, const py::args& args) {
  const FrameScope scope(frame);
  return call(fn, args, py::none());
}

py::object run_outside(Frame& frame, const py::object& fn, const py::args& args) {
  const Outside outside(frame);
  return call(fn, args, py::none());
}

py::object innermost_of(const py::list& leaves) {
  Frame* found = nullptr;
  for (const py::handle o : leaves) {
    if (!is_tensor(o.ptr())) continue;
    Frame* f = innermost(value_of(o.ptr()));
    if (f && (!found || f->place.depth > found->place.depth)) found = f;
  }
  return found ? py::cast(found->shared_from_this()) : py::none();
}

py::tuple take_apart(const Forward& frame, const py::object& o) {
  Tensor tangent;
  const Tensor value = frame.take_apart(tensor_of(o), tangent);
  py::object t = tangent.defined() ? steal(wrap(tangent)) : py::none();
  return py::make_tuple(steal(wrap(value)), t);
}

py::object make_dual_of(const Forward& frame, const py::object& value, const py::object& tangent) {
  return steal(wrap(frame.dual(tensor_of(value), tangent.is_none() ? Tensor() : tensor_of(tangent))));
}

/// jvp of a function of tensors: the pair of its value and tangent where it returns one tensor, else of the frame and what
/// it returned. None, and nothing has run, where the arguments are not tensors with tangents like them.
py::object push_plain(const py::object& fn, const py::tuple& args, const py::tuple& tangents) {
  if (args.size() != tangents.size()) return py::none();
  for (size_t k = 0; k < args.size(); ++k) {
    PyObject *x = PyTuple_GET_ITEM(args.ptr(), k), *t = PyTuple_GET_ITEM(tangents.ptr(), k);
    if (!is_tensor(x) || !is_tensor(t) || !(value_of(x).shape() == value_of(t).shape()) ||
        value_of(x).dtype() != value_of(t).dtype())
      return py::none();
  }
  const auto frame = std::make_shared<Forward>();
  py::tuple duals(args.size());
  for (size_t k = 0; k < args.size(); ++k) {
    duals[k] = steal(wrap(frame->dual(tracked_value(PyTuple_GET_ITEM(args.ptr(), k)),
                                      tracked_value(PyTuple_GET_ITEM(tangents.ptr(), k)))));
  }
  py::object out;
  {
    const FrameScope scope(*frame);
    out = call(fn, duals, py::none());
  }
  if (!is_tensor(out.ptr())) return py::make_tuple(frame, out);
  Tensor tangent;
  Tensor value = frame->take_apart(tracked_value(out.ptr()), tangent);
  if (!tangent.defined()) tangent = zeros_like(value);
  return py::make_tuple(steal(wrap(std::move(value))), steal(wrap(std::move(tangent))));
}

Frames open_frames() {
  Frames frames;
  for (Frame* f = context().frame; f; f = f->place.outer) frames.push_back(f->shared_from_this());
  return frames;
}

/// Opens what has closed of them since, the outermost first.
class Reopened {
 public:
  explicit Reopened(const Frames& frames) {
    for (size_t i = frames.size(); i-- > 0;) scopes_.push_front(*frames[i]);
  }

 private:
  struct Stack {
    std::vector<std::unique_ptr<FrameScope>> scopes;
    void push_front(Frame& f) { scopes.push_back(std::make_unique<FrameScope>(f)); }
    ~Stack() {
      while (!scopes.empty()) scopes.pop_back();
    }
  } scopes_;
};

// ---- rules --------------------------------------------------------------------------------------------------------

/// A rule written in Python: takes a list of cotangents, None for zero, and returns one for the inputs.
class PythonRule : public Rule {
 public:
  PythonRule(py::object pull, size_t inputs) : pull_(std::move(pull)), inputs_(inputs), frames_(open_frames()) {}

  std::vector<Tensor> pull(const std::vector<Tensor>& cotangents) override {
    const Reopened frames(frames_);
    py::list given;
    for (const Tensor& c : cotangents) given.append(c.defined() ? steal(wrap(c)) : py::none());
    const py::object result = call(pull_, py::make_tuple(given), py::none());
    std::vector<Tensor> out;
    for (const py::handle c : result) out.push_back(c.is_none() ? Tensor() : tensor_of(c));
    if (out.size() != inputs_) {
      fail(ErrorKind::Runtime, "a rule of ", inputs_, " inputs returned ", out.size(), " cotangents.");
    }
    return out;
  }

 private:
  py::object pull_;
  size_t inputs_;
  Frames frames_;
};

/// True where a level that is open inside of the frame (of any, for None) tracks one of the tensors.
bool is_tracked(const py::list& leaves, const py::object& frame) {
  const Tape* tape = context().tape;
  if (!tape) return false;
  if (!frame.is_none()) {
    const auto& f = py::cast<const Frame&>(frame);
    if (tape == f.place.tape && tape->open_levels <= f.place.open_levels) return false;
  }
  for (const py::handle o : leaves)
    if (is_tensor(o.ptr()) && slot_of(o.ptr(), tape)) return true;
  return false;
}

/// The outputs as if a statement with this rule had made them from the inputs.
py::list record_rule(const py::list& inputs, const py::list& outputs, const py::object& pull) {
  Tape* tape = context().tape;
  if (!tape) return outputs;
  std::vector<Arg> args;
  for (const py::handle o : inputs) {
    PyObject* t = tensor_object(o);
    args.push_back(tape->new_arg(slot_of(t, tape), value_of(t)));
  }
  std::vector<Tensor> values;
  std::vector<Tensor*> places;
  for (const py::handle o : outputs) values.push_back(tensor_of(o));
  for (Tensor& v : values) places.push_back(&v);
  record(*tape, std::make_unique<PythonRule>(pull, inputs.size()), args, places);
  py::list made;
  for (Tensor& v : values) made.append(steal(wrap(std::move(v))));
  return made;
}

// ---- recomputation ------------------------------------------------------------------------------------------------

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

// ---- no_grad ------------------------------------------------------------------------------------------------------

/// Entered and left by a with statement, in one thread.
class WatchScope {
 public:
  WatchScope() = default;
  WatchScope(const WatchScope&) = delete;
  WatchScope& operator=(const WatchScope&) = delete;
  ~WatchScope() {
    // Never left: its thread may still look through it.
    while (!watches_.empty()) {
      if (context().watch != watches_.back().get()) watches_.back().release();
      watches_.pop_back();
    }
  }

  void enter() { watches_.push_back(std::make_unique<Watch>()); }
  void exit() {
    if (watches_.empty() || context().watch != watches_.back().get()) {
      fail(ErrorKind::Runtime, "debug_nans: left in another order or thread than entered.");
    }
    watches_.pop_back();
  }

 private:
  std::vector<std::unique_ptr<Watch>> watches_;
};

/// Entered and left by a with statement.
class NoGradScope {
 public:
  void enter() { scopes_.push_back(std::make_unique<NoGrad>()); }
  void exit() {
    if (scopes_.empty()) fail(ErrorKind::Runtime, "no_grad: left without being entered.");
    const bool in_order = scopes_.back()->innermost();
    scopes_.pop_back();
    if (!in_order) {
      fail(ErrorKind::Runtime,
           "no_grad: left in another order than entered, or after the function that entered it "
           "returned; a with block must end where it began.");
    }
  }

 private:
  std::vector<std::unique_ptr<NoGrad>> scopes_;
};

py::object run_no_grad(const py::object& fn, const py::tuple& args, const py::object& kwargs) {
  const NoGrad scope;
  return call(fn, args, kwargs);
}

/// More than one level or jvp is open, so the first derivative itself may be differentiated.
bool may_differentiate_rules() {
  uint32_t n = context().tape ? context().tape->open_levels : 0;
  for (const Frame* f = context().frame; f; f = f->place.outer) n += 1;
  return n > 1;
}

/// How many levels and frames are open in this thread.
int open_scopes() {
  int n = context().tape ? static_cast<int>(context().tape->open_levels) : 0;
  for (const Frame* f = context().frame; f; f = f->place.outer) ++n;
  return n + (context().no_grad_depth != 0) + (context().scope != 0);
}

}  // namespace

Slot input_parameter(Level& level, const ParameterObject* p) {
  if (!p->requires_grad) return 0;
  const Slot known = level.tape().parameter_slot(p->number);
  return known >= level.first_slot() ? known : level.parameter(p->number, p->base.value);
}

bool any_hooks = false;

PyObject* hooked_input(PyObject* given, PyObject* fresh, Level& level) {
  if (!any_hooks) return fresh;
  const Owned held(fresh);
  PyObject* attach = python_function("adcore._hooks", "attached");
  Owned hooked(checked(PyObject_CallFunctionObjArgs(attach, given, fresh, nullptr)));
  if (hooked.get() != fresh && is_parameter(given)) {
    level.parameter_becomes(reinterpret_cast<ParameterObject*>(given)->number, value_of(hooked.get()).ref().slot);
  }
  return hooked.release();
}

void bind_levels(py::module_& m) {
  py::class_<Recording>(m, "Recording")
      .def(py::init<>())
      .def("run", &Recording::run, py::arg("body"))
      .def("input", &Recording::input, py::arg("tensor"))
      .def("output", &Recording::output, py::arg("tensor"))
      .def("pull", &Recording::pull, py::arg("cotangents"))
      .def("reached", &Recording::reached);
  py::class_<Frame, std::shared_ptr<Frame>>(m, "Frame")
      .def("run", run_in, py::arg("fn"))
      .def("outside", run_outside, py::arg("fn"));
  py::class_<Forward, Frame, std::shared_ptr<Forward>>(m, "Forward")
      .def(py::init<>())
      .def("dual", make_dual_of, py::arg("value"), py::arg("tangent"))
      .def("take_apart", take_apart, py::arg("value"));
  py::class_<Batch, Frame, std::shared_ptr<Batch>>(m, "Batch")
      .def(py::init<int64_t>(), py::arg("size"))
      .def_readonly("size", &Batch::size)
      .def(
          "join", [](const Batch& b, const py::object& t) { return steal(wrap(b.join(tensor_of(t)))); },
          py::arg("values"))
      .def(
          "split", [](const Batch& b, const py::object& t) { return steal(wrap(b.split(tensor_of(t)))); },
          py::arg("value"))
      .def("holds", [](const Batch& b, const py::object& t) { return b.holds(tensor_of(t)); }, py::arg("value"));
  m.def("push_plain", push_plain, py::arg("fn"), py::arg("args"), py::arg("tangents"));
  m.def("innermost", innermost_of, py::arg("leaves"));
  m.def("is_tracked", is_tracked, py::arg("leaves"), py::arg("frame") = py::none());
  m.def("record_rule", record_rule, py::arg("inputs"), py::arg("outputs"), py::arg("pull"));
  m.def("recompute", recompute, py::arg("fn"), py::arg("args"), py::arg("kwargs"));
  m.def("run_no_grad", run_no_grad, py::arg("fn"), py::arg("args"), py::arg("kwargs"));
  py::class_<WatchScope>(m, "WatchScope")
      .def(py::init<>())
      .def("enter", &WatchScope::enter)
      .def("exit", &WatchScope::exit);
  py::class_<NoGradScope>(m, "NoGradScope")
      .def(py::init<>())
      .def("enter", &NoGradScope::enter)
      .def("exit", &NoGradScope::exit);
  m.def("settled", [](const py::object& t) { return steal(wrap(settled(tensor_of(t)))); }, py::arg("tensor"));
  m.def(
      "is_batch",
      [](const py::object& t) {
        for (const Box* b = box_of(value_of(tensor_object(t))); b; b = box_of(b->base))
          if (b->kind == FrameKind::Batch) return true;
        return false;
      },
      py::arg("tensor"));
  m.def("may_differentiate_rules", may_differentiate_rules);
  m.def(
      "place",
      [](const py::object& t) {
        if (is_parameter(t.ptr())) return py::tuple(py::make_tuple(0, 0));
        const TapeRef ref = value_of(tensor_object(t)).ref();
        return py::tuple(py::make_tuple(ref.tape, ref.slot));
      },
      py::arg("tensor"));
  m.def(
      "are_alike",
      [](const py::object& a, const py::object& b) {
        return is_tensor(a.ptr()) && is_tensor(b.ptr()) && value_of(a.ptr()).shape() == value_of(b.ptr()).shape() &&
               value_of(a.ptr()).dtype() == value_of(b.ptr()).dtype();
      },
      "True for two tensors of one shape and dtype.", py::arg("a"), py::arg("b"));
  m.def("has_hooks", [] { any_hooks = true; });
  m.def("live_levels", open_scopes);
  m.def(
      "tree_leaves",
      [](const py::object& tree) {
        py::list leaves;
        tree_visit(tree.ptr(), [&](PyObject* leaf) { leaves.append(py::reinterpret_borrow<py::object>(leaf)); });
        return leaves;
      },
      py::arg("tree"));
  m.def(
      "tree_fill",
      [](const py::object& tree, const py::list& leaves) {
        size_t next = 0;
        return steal(tree_map(tree.ptr(), [&](PyObject*) {
          if (next >= leaves.size()) fail(ErrorKind::Value, "a container changed its length meanwhile.");
          return py::object(leaves[next++]).release().ptr();
        }));
      },
      py::arg("tree"), py::arg("leaves"));
}

}  // namespace adcore::python
