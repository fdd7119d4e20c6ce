// Recordings: what vjp, linearize and Jacobians keep of a function's call.
#include "base/reuse.h"
#include "python/bindings.h"
#include "sweeps/backward.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

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

}  // namespace

void bind_recording(py::module_& m) {
  py::class_<Recording>(m, "Recording")
      .def(py::init<>())
      .def("run", &Recording::run, py::arg("body"))
      .def("input", &Recording::input, py::arg("tensor"))
      .def("output", &Recording::output, py::arg("tensor"))
      .def("pull", &Recording::pull, py::arg("cotangents"))
      .def("reached", &Recording::reached);
}

}  // namespace adcore::python
