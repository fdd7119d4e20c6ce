// Rules given as Python functions, as statements on the tape.
#include "python/bindings.h"
#include "python/cells.h"
#include "python/frames.h"
#include "sweeps/rule.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

/// A rule written in Python: takes a list of cotangents, None for zero, and one of bools, the inputs that are
/// differentiated; returns a list for the inputs.
class PythonRule : public Rule {
 public:
  PythonRule(py::object pull, size_t inputs) : pull_(std::move(pull)), inputs_(inputs), frames_(open_frames()) {}

  std::vector<Tensor> pull(std::span<const Tensor> cotangents, std::span<const bool> wanted) override {
    const Reopened frames(frames_);
    py::list given;
    for (const Tensor& c : cotangents) given.append(c.defined() ? steal(wrap(c)) : py::none());
    py::list asked;
    for (const bool w : wanted) asked.append(w);
    const py::object result = call(pull_, py::make_tuple(given, asked), py::none());
    std::vector<Tensor> out;
    for (const py::handle c : result) out.push_back(c.is_none() ? Tensor() : tensor_of(c));
    if (out.size() != inputs_) {
      fail(ErrorKind::Runtime, "a rule of ", inputs_, " inputs returned ", out.size(), " cotangents.");
    }
    return out;
  }

  void traverse(FunctionRef<void(void*)> visit) const override { visit(pull_.ptr()); }

 private:
  const py::object pull_;
  const size_t inputs_;
  const Frames frames_;
};

/// The value at its place. A rule that runs outside of a jvp is handed what was boxed in it: what is differentiated
/// there stands in the box.
Tensor settled_value(PyObject* o) { return settled(tracked_value(o)); }

/// True where a level records here that is open inside of the frame (of any, for None).
bool records(const py::object& frame) {
  const Tape* tape = context().tape;
  if (!tape) return false;
  if (frame.is_none()) return true;
  const Frame& f = frame_of(frame.ptr());
  return tape != f.place.tape || tape->open_levels > f.place.open_levels;
}

/// True where a level that is open inside of the frame (of any, for None) tracks one of the tensors.
bool is_tracked(const py::list& leaves, const py::object& frame) {
  if (!records(frame)) return false;
  const Tape* tape = context().tape;
  for (const py::handle o : leaves)
    if (is_tensor(o.ptr()) && tape->slot_of(settled_value(o.ptr()))) return true;
  return false;
}

/// The outputs as if a statement with this rule had made them from the inputs. `always`: see record().
py::list record_rule(const py::list& inputs, const py::list& outputs, const py::object& pull, bool always) {
  Tape* tape = context().tape;
  if (!tape) return outputs;
  std::vector<Arg> args;
  for (const py::handle o : inputs) {
    const Tensor t = settled_value(tensor_object(o));
    args.push_back(tape->new_arg(tape->slot_of(t), t));
  }
  std::vector<Tensor> values;
  std::vector<Tensor*> recorded;
  for (const py::handle o : outputs) values.push_back(tensor_of(o));
  for (Tensor& v : values) recorded.push_back(&v);
  record(*tape, std::make_unique<PythonRule>(pull, inputs.size()), args, recorded, always);
  py::list made;
  for (Tensor& v : values) made.append(steal(wrap_fresh(std::move(v))));
  return made;
}

/// Puts a hook on the value of a tensor that is tracked: a rule of one input and one output.
void hook_value(const py::object& tensor, const py::object& pull) {
  PyObject* const t = tensor_object(tensor);
  Tape* const tape = context().tape;
  const Slot slot = tape->slot_of(settled_value(t));
  if (!slot) fail(ErrorKind::Runtime, "hook_value: the tensor is not tracked.");
  hook(*tape, slot, std::make_unique<PythonRule>(pull, 1));
}

/// True where no other cell holds the tensor's value, as far as is known, and no view shows it for another one.
bool holds_alone(const py::object& tensor) {
  PyObject* const t = tensor_object(tensor);
  const CellView* const view = context().cells;
  return !is_parameter(t) && !is_shared(t) && (!view || view->is_inside(t));
}

/// What a tensor holds, in a cell of its own.
py::object seen(const py::object& tensor) { return steal(wrap(tensor_of(tensor))); }

}  // namespace

void bind_rules(py::module_& m) {
  m.def("note_rule", note_rule, "Notes in the open traces that a rule belongs to what they record.");
  m.def("note_loop", note_loop, "Notes in the open traces that a loop is among what they record.");
  m.def("is_tracked", is_tracked, py::arg("leaves"), py::arg("frame") = py::none());
  m.def("hook_value", hook_value, py::arg("tensor"), py::arg("pull"));
  m.def("holds_alone", holds_alone, py::arg("tensor"));
  m.def("seen", seen, py::arg("tensor"));
  m.def("record_rule", record_rule, py::arg("inputs"), py::arg("outputs"), py::arg("pull"), py::arg("always") = false);
  m.def("records", records, py::arg("frame") = py::none());
}

}  // namespace adcore::python
