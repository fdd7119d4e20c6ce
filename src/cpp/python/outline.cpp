// Parts of a traced function as programs of their own: the bodies of loops and branches.
//
// A part is recorded by a trace that opens inside of whatever is open. Its inputs: the values that it is called with,
// then what it reads from outside that has to do with what is open: values of traces, jvps and vmaps, and what a level
// tracks. Whoever calls the program gives these too, so derivatives pass through them.
#include <algorithm>
#include <memory>
#include <unordered_map>

#include "jit/loop.h"
#include "jit/trace.h"
#include "python/bindings.h"
#include "python/callback.h"
#include "python/cells.h"
#include "python/traced.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

/// No level is open in its scope.
class WithoutTape {
 public:
  WithoutTape() noexcept : tape_(context().tape) { context().tape = nullptr; }
  ~WithoutTape() { opened_.close(); }
  WithoutTape(const WithoutTape&) = delete;
  WithoutTape& operator=(const WithoutTape&) = delete;
  /// The one that was live.
  const Tape* tape() const noexcept { return tape_; }

 private:
  Opened opened_;
  const Tape* const tape_;
};

/// Captures values from outside as inputs. A constant stays one.
class Outline final : public Trace {
 public:
  explicit Outline(const Tape* outer) : outer_(outer) {}

  /// What stands here for a value from outside; `slot` is its own where a Parameter holds it.
  Tensor capture(const Tensor& value, Slot slot) {
    if (!slot && outer_) slot = outer_->slot_of(value);
    if (!slot && !value.boxed()) return value.detached();
    for (size_t k = 0; k < captured_.size(); ++k)
      if (is_same(captured_[k], value, slot)) return seen_[k];
    captured_.push_back(value);
    captured_.back().set_ref({slot ? outer_->id() : 0, slot});
    seen_.push_back(input(value));
    return seen_.back();
  }
  const std::vector<Tensor>& captured() const noexcept { return captured_; }

 private:
  uint32_t number_of_outer(const Tensor& value) override {
    const Tensor t = capture(value, 0);
    const Box* const box = box_in(t, id);
    return box ? box->value : Trace::number_of_outer(t);
  }
  static bool is_same(const Tensor& a, const Tensor& b, Slot slot) noexcept {
    return a.ref().slot == slot && a.buffer().get() == b.buffer().get() && a.offset() == b.offset() &&
           a.dtype() == b.dtype() && a.shape() == b.shape() && a.strides() == b.strides();
  }

  const Tape* const outer_;
  std::vector<Tensor> captured_, seen_;
};

/// Shows cells from outside as they are to the outline, and keeps assignments from them.
class OutlinedCells final : public CellView {
 public:
  OutlinedCells(Outline& outline, const Tape* outer) : outline_(outline), outer_(outer) {}

  const Tensor& read(PyObject* cell) override {
    if (is_inside(cell)) return outer_read(cell);
    Entry& e = entry(cell);
    if (!e.now.defined()) {
      const Slot slot =
          outer_ && is_parameter(cell) ? outer_->parameter_slot(reinterpret_cast<ParameterObject*>(cell)->number) : 0;
      e.now = outline_.capture(settled(outer_read(cell)), slot);
    }
    return e.now;
  }
  void write(PyObject* cell, Tensor value) override {
    if (is_inside(cell)) return outer_write(cell, std::move(value));
    Entry& e = entry(cell);
    if (!e.written) written_.push_back(cell);
    e.written = true;
    std::swap(e.now, value);
  }
  /// What a cell holds from the start.
  void show(PyObject* cell, Tensor value) { entry(cell).now = std::move(value); }

  /// In the order in which they were written first.
  const std::vector<PyObject*>& written() const noexcept { return written_; }

 private:
  struct Entry {
    Owned cell;
    Tensor now;
    bool written = false;
  };
  Entry& entry(PyObject* cell) {
    const auto [it, fresh] = entries_.try_emplace(cell);
    if (fresh) it->second.cell = Owned::copy(cell);
    return it->second;
  }

  Outline& outline_;
  const Tape* const outer_;
  std::unordered_map<PyObject*, Entry> entries_;
  std::vector<PyObject*> written_;
};

bool is_mapping() {
  for (const Frame* f = context().frame; f; f = f->place.outer)
    if (f->kind == FrameKind::Batch) return true;
  return false;
}

std::vector<Tensor> tensors_in(const py::list& list) {
  std::vector<Tensor> tensors;
  for (const py::handle t : list) tensors.push_back(tensor_of(t));
  return tensors;
}

py::list wrapped(std::vector<Tensor> tensors) {
  py::list list;
  for (Tensor& t : tensors) list.append(steal(wrap(std::move(t))));
  return list;
}

/// The program of fn, which takes and returns a list of tensors: its inputs are what `cells` hold, values like `likes`
/// and what fn captures; its outputs what the cells hold then, and the list. A tuple: the tensor that owns the program,
/// what it captured, the cells from outside that it wrote, whether its derivatives are others than those of its calls:
/// rules of the user's or no_grad have to do with it. None where fn draws random numbers for members of a vmap.
py::object outline(const py::object& fn, const py::list& likes, const py::list& cells) {
  const std::vector<Tensor> like = tensors_in(likes), held = tensors_in(cells);

  const WithoutTape levels;
  const auto trace = std::make_shared<Outline>(levels.tape());
  const FrameScope scope(*trace);
  OutlinedCells view(*trace, levels.tape());
  for (size_t k = 0; k < held.size(); ++k) view.show(tensor_object(cells[k]), trace->input(held[k]));
  py::list given;
  for (const Tensor& t : like) given.append(steal(wrap(trace->input(t))));
  py::object result;
  try {
    result = call(fn, py::make_tuple(given), py::none());
  } catch (const PythonError&) {
    // The draws of members are calls of the vmap, which is outside of this trace: it ends in an error.
    if (trace->has_draws && is_mapping() && PyErr_ExceptionMatches(PyExc_RuntimeError)) {
      PyErr_Clear();
      return py::none();
    }
    throw;
  }
  for (const py::handle c : cells) trace->output(view.read(tensor_object(c)));
  for (const py::handle t : result) trace->output(value_of(tensor_object(t)));
  py::list captured, written;
  for (const Tensor& t : trace->captured()) captured.append(steal(wrap(t)));
  for (PyObject* cell : view.written()) written.append(py::reinterpret_borrow<py::object>(cell));
  const bool has_rules = trace->has_rules;
  return py::make_tuple(steal(wrap(hold_body(trace->take()))), captured, written, has_rules);
}

/// Whoever differentiates or maps the operands must see more of a loop than the call of an op without rules.
bool needs_rule(std::span<const Operand> operands) {
  return std::ranges::any_of(operands, [](const Operand& o) {
    const Frame* const f = innermost(*o.value);
    return o.slot || (f && f->kind != FrameKind::Trace);
  });
}

/// The outputs of a loop by its rules.
std::vector<Tensor> run_by_rule(const Call& call) {
  py::list operands, words;
  for (int k = 0; k < call.count; ++k) {
    Tensor t = call.in(k);
    operands.append(steal(wrap(std::move(t))));
  }
  for (int i = 0; i < call.attrs.count(); ++i) words.append(call.attrs.words()[i]);
  const py::object rule =
      py::reinterpret_borrow<py::object>(python_function("adcore.transforms.bodies", "call_statement"));
  return tensors_in(python::call(rule, py::make_tuple(call.op.name, words, operands), py::none()));
}

/// A body's outputs, through apply(): what is open sees its calls.
py::list run_body(const py::object& body, const py::list& inputs) {
  const Program& p = body_in(value_of(tensor_object(body))).program();
  std::vector<Tensor> values(p.values().size());
  for (const Program::Constant& c : p.constants()) values[c.value] = c.tensor;
  for (size_t k = 0; k < p.inputs().size(); ++k) values[p.inputs()[k]] = tensor_of(inputs[k]);
  const Tape* const tape = context().tape;
  for (const Program::Statement& s : p.statements()) {
    std::vector<Operand> operands;
    for (const Program::Use& use : p.uses_of(s)) {
      const Tensor& value = values[use.value];
      operands.push_back({&value, tape ? tape->slot_of(value) : 0, use.weak});
    }
    Call call{*s.op, operands.data(), s.use_count, &values[s.out], p.attrs_of(s), s.all_outputs};
    if (is_loop(*s.op) && needs_rule(operands)) {
      std::ranges::move(run_by_rule(call), call.out);
    } else {
      apply(call);
    }
  }
  py::list outputs;
  for (const uint32_t value : p.outputs()) outputs.append(steal(wrap(values[value])));
  return outputs;
}

size_t outputs_of(const py::object& body) { return body_in(value_of(tensor_object(body))).program().outputs().size(); }

/// Tensors of the shapes and dtypes of a body's inputs; all elements are one.
py::list inputs_like(const py::object& body) {
  const Program& p = body_in(value_of(tensor_object(body))).program();
  py::list likes;
  for (const uint32_t value : p.inputs()) {
    const Program::Value& in = p.values()[value];
    const Tensor one = full({}, int64_t{0}, in.dtype);
    likes.append(steal(wrap(Tensor(one.buffer(), 0, in.shape, Dims(in.shape.size(), 0), in.dtype))));
  }
  return likes;
}

py::list apply_loop(const Op& op, std::initializer_list<py::object> first, const py::list& rest, Attrs attrs) {
  std::vector<Tensor> operands;
  for (const py::object& o : first) operands.push_back(value_of(tensor_object(o)));
  for (const py::handle t : rest) operands.push_back(value_of(tensor_object(t)));
  return wrapped(apply_all(op, operands, attrs));
}

py::list run_scan(const py::object& body, int64_t length, int64_t carries, int64_t slices, bool reverse,
                  const py::list& operands) {
  const ScanAttrs a{length, carries, slices, reverse};
  return apply_loop(scan_op(outputs_of(body)), {body}, operands, Attrs(a));
}

py::list run_while(const py::object& condition, const py::object& body, const py::list& operands) {
  const WhileAttrs a{static_cast<int64_t>(outputs_of(body))};
  return apply_loop(while_op(outputs_of(body)), {condition, body}, operands, Attrs(a));
}

py::list run_branch(const py::object& taken, const py::object& other, const py::object& pred,
                    const py::list& operands) {
  return apply_loop(branch_op(outputs_of(taken)), {taken, other, pred}, operands, {});
}

/// Some derivative that is open, of whatever kind and however far outside, passes the value.
bool is_differentiated(const Tensor& value) {
  const Tape* const tape = context().tape;
  for (const Tensor* t = &value; t->defined();) {
    if (tape && tape->slot_of(*t)) return true;
    const Box* const box = box_of(*t);
    if (!box) return false;
    if (box->kind == FrameKind::Forward && computing_frame(*box)) return true;
    t = &box->base;
  }
  return false;
}

bool any_differentiated(const py::list& tensors) {
  for (const Tensor& t : tensors_in(tensors))
    if (is_differentiated(t)) return true;
  return false;
}

bool is_unknown(const py::object& tensor) {
  for (const Box* b = box_of(value_of(tensor_object(tensor))); b; b = box_of(b->base))
    if (b->kind == FrameKind::Trace) return true;
  return false;
}

}  // namespace

bool is_tracing() {
  for (const Frame* f = context().frame; f; f = f->place.outer)
    if (f->kind == FrameKind::Trace) return true;
  return false;
}

void bind_outline(py::module_& m) {
  m.def("outline", outline, py::arg("fn"), py::arg("likes"), py::arg("cells"));
  m.def("outputs_of", outputs_of, py::arg("body"));
  m.def("inputs_like", inputs_like, py::arg("body"));
  m.def("run_body", run_body, py::arg("body"), py::arg("inputs"));
  m.def("run_scan", run_scan, py::arg("body"), py::arg("length"), py::arg("carries"), py::arg("slices"),
        py::arg("reverse"), py::arg("operands"));
  m.def("run_while", run_while, py::arg("condition"), py::arg("body"), py::arg("operands"));
  m.def("run_branch", run_branch, py::arg("taken"), py::arg("other"), py::arg("pred"), py::arg("operands"));
  m.def(
      "put", [](const py::object& cell, const py::object& value) { put(tensor_object(cell), tensor_of(value)); },
      py::arg("cell"), py::arg("value"));
  m.def("is_tracing", is_tracing, "True inside of a function that is being traced.");
  m.def("is_mapping", is_mapping, "True inside of a function that is being mapped.");
  m.def("is_differentiated", any_differentiated, "True where a derivative that is open passes one of the tensors.",
        py::arg("tensors"));
  m.def("is_unknown", is_unknown, "True for a value that is not known while a program is recorded.", py::arg("tensor"));
}

}  // namespace adcore::python
