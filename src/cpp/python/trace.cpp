// What a trace sees of Python: arguments and cells are inputs of the program, results and the cells that were written
// are outputs.
#include "jit/trace.h"

#include <memory>
#include <unordered_map>

#include "python/bindings.h"
#include "python/cells.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

/// A cell from outside of the traced function.
struct TracedCell {
  Owned cell;
  Tensor now;             // for the function
  bool is_input = false;  // it was read before it was written
  bool written = false;
};

/// Shows the function each cell from outside as an input of the program, and keeps its assignments from the cells.
class TracedCells final : public CellView {
 public:
  explicit TracedCells(Trace& trace) : trace_(trace) {}

  const Tensor& read(PyObject* cell) override {
    if (is_inside(cell)) return outer_read(cell);
    TracedCell& c = entry(cell);
    if (!c.now.defined()) {
      c.now = trace_.input(settled(outer_read(cell)));
      c.is_input = true;
      inputs_.push_back(&c);
    }
    return c.now;
  }
  void write(PyObject* cell, Tensor value) override {
    if (is_inside(cell)) return outer_write(cell, std::move(value));
    TracedCell& c = entry(cell);
    if (!c.written) outputs_.push_back(&c);
    c.written = true;
    std::swap(c.now, value);
  }

  /// In the order in which they were read first, or written first.
  const std::vector<TracedCell*>& inputs() const noexcept { return inputs_; }
  const std::vector<TracedCell*>& outputs() const noexcept { return outputs_; }

 private:
  TracedCell& entry(PyObject* cell) {
    const auto [it, fresh] = cells_.try_emplace(cell);
    if (fresh) it->second.cell = Owned::copy(cell);
    return it->second;
  }

  Trace& trace_;
  std::unordered_map<PyObject*, TracedCell> cells_;
  std::vector<TracedCell*> inputs_, outputs_;
};

/// Calls f with each Tensor among the arguments. A Parameter is none: it is a cell, wherever it comes from.
py::object map_arguments(const py::handle& args, FunctionRef<PyObject*(PyObject*)> f) {
  return steal(tree_map(
      args.ptr(), [f](PyObject* leaf) { return is_tensor(leaf) && !is_parameter(leaf) ? f(leaf) : Py_NewRef(leaf); }));
}

/// The program of one call of a Python function. Its inputs: the Tensors among the arguments, then the cells that the
/// call read. Its outputs: the Tensors of the result, the arguments and the cells that were written.
class TracedFunction {
 public:
  TracedFunction(const py::object& fn, const py::tuple& args) {
    if (open_scopes() != 0 || context().cells)
      fail(ErrorKind::Runtime, "trace: it opens inside of no other transform.");
    const auto trace = std::make_shared<Trace>();
    const FrameScope scope(*trace);
    TracedCells cells(*trace);
    std::vector<Owned> fresh;
    std::vector<Tensor> given;
    const py::object inside = map_arguments(args, [&](PyObject* leaf) {
      // Read past the door, which would show it as one more input.
      given.push_back(trace->input(own_value(leaf)));
      fresh.emplace_back(wrap(given.back()));
      return Py_NewRef(fresh.back().get());
    });
    const py::object result = call(fn, inside, py::none());
    result_ = steal(tree_map(result.ptr(), [&](PyObject* leaf) {
      require_result(leaf, "trace");
      if (!is_tensor(leaf) || !cells.is_inside(leaf)) return Py_NewRef(leaf);
      trace->output(own_value(leaf));
      return wrap({});
    }));
    for (size_t k = 0; k < fresh.size(); ++k) {
      const Tensor& now = own_value(fresh[k].get());
      if (now.buffer().get() == given[k].buffer().get()) continue;
      trace->output(now);
      written_arguments_.push_back(k);
    }
    for (TracedCell* c : cells.outputs()) {
      trace->output(c->now);
      writes_.push_back(Owned::copy(c->cell.get()));
    }
    for (TracedCell* c : cells.inputs()) reads_.push_back(Owned::copy(c->cell.get()));
    program_ = trace->take();
  }

  TracedFunction(const TracedFunction&) = delete;
  TracedFunction& operator=(const TracedFunction&) = delete;

  py::object run(const py::args& args) const {
    std::vector<Owned> arguments;
    std::vector<Tensor> outputs = program_.run(inputs(args, arguments));
    auto next = outputs.begin();
    py::object result = steal(tree_map(
        result_.ptr(), [&](PyObject* leaf) { return is_place(leaf) ? wrap(std::move(*next++)) : Py_NewRef(leaf); }));
    const auto put = [&](PyObject* cell) {
      assign(cell, std::move(*next++));
      set_shared(cell, true);
    };
    for (size_t k : written_arguments_) put(arguments[k].get());
    for (const Owned& cell : writes_) put(cell.get());
    return result;
  }

  /// Every value of the program, by its number, None for those that no call asked for.
  py::list values(const py::args& args) const {
    std::vector<Owned> arguments;
    py::list all;
    for (Tensor& t : program_.run_all(inputs(args, arguments)))
      all.append(t.defined() ? steal(wrap(std::move(t))) : py::none());
    return all;
  }

  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(result_.ptr());
    for (const auto* cells : {&reads_, &writes_})
      for (const Owned& cell : *cells) Py_VISIT(cell.get());
    return 0;
  }
  /// Lets go of all objects. Who runs it still is told of inputs that are missing, or gets None.
  void clear() noexcept {
    const py::object result = std::exchange(result_, py::none());
    const std::vector<Owned> reads = std::exchange(reads_, {}), writes = std::exchange(writes_, {});
  }

  const Program& program() const noexcept { return program_; }

 private:
  /// The program's inputs: the Tensors among the arguments, which are listed, and the cells.
  std::vector<Tensor> inputs(const py::args& args, std::vector<Owned>& arguments) const {
    map_arguments(args, [&](PyObject* leaf) {
      arguments.push_back(Owned::copy(leaf));
      return Py_NewRef(leaf);
    });
    std::vector<Tensor> values;
    for (const Owned& o : arguments) values.push_back(tracked_value(o.get()));
    for (const Owned& cell : reads_) values.push_back(tracked_value(cell.get()));
    return values;
  }

  /// Where an output stands in result_: a Tensor without a value.
  static bool is_place(PyObject* leaf) noexcept { return is_tensor(leaf) && !own_value(leaf).defined(); }

  Program program_;
  py::object result_;
  std::vector<size_t> written_arguments_;
  std::vector<Owned> reads_, writes_;
};

// ---- reading a program: for the pages of reference, which show rules as formulas ------------------------------------

/// Each call: name of the op, numbers of its operands and of its first output, attributes, whether it has an expansion.
py::list calls_of(const TracedFunction& f) {
  py::list calls;
  for (const Program::Statement& s : f.program().statements()) {
    py::list operands;
    for (const Program::Use& use : f.program().uses_of(s)) operands.append(use.value);
    py::list words;
    const Attrs attrs = f.program().attrs_of(s);
    for (int i = 0; i < attrs.count(); ++i) words.append(attrs.words()[i]);
    calls.append(py::make_tuple(s.op->name, py::tuple(operands), s.out, py::tuple(words), s.op->expand != nullptr));
  }
  return calls;
}

/// What call k is written with: the outputs of its op's expansion.
py::tuple expanded_call(const TracedFunction& f, size_t k, const py::args& args) {
  const auto statements = f.program().statements();
  if (k >= statements.size() || !statements[k].op->expand || args.size() != statements[k].use_count)
    fail(ErrorKind::Value, "expanded: no call of that number and so many operands has an expansion.");
  std::vector<Tensor> operands;
  for (const py::handle& o : args) {
    if (!is_tensor(o.ptr())) fail(ErrorKind::Type, "expanded: the operands must be Tensors.");
    operands.push_back(tracked_value(o.ptr()));
  }
  std::vector<Tensor> outputs(statements[k].op->outputs);
  statements[k].op->expand(operands, f.program().attrs_of(statements[k]), outputs.data());
  py::list result;
  for (Tensor& t : outputs)
    if (t.defined()) result.append(steal(wrap(std::move(t))));
  return py::tuple(result);
}

TracedFunction& traced_function(PyObject* self) { return py::cast<TracedFunction&>(py::handle(self)); }

/// Takes part in garbage collection: a program may be reached from the cells that it reads.
void collect_cycles(PyHeapTypeObject* heap_type) {
  PyTypeObject& type = heap_type->ht_type;
  type.tp_flags |= Py_TPFLAGS_HAVE_GC;
  type.tp_traverse = [](PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    return py::detail::is_holder_constructed(self) ? traced_function(self).traverse(visit, arg) : 0;
  };
  type.tp_clear = [](PyObject* self) {
    if (py::detail::is_holder_constructed(self)) traced_function(self).clear();
    return 0;
  };
}

}  // namespace

void bind_trace(py::module_& m) {
  py::class_<TracedFunction>(m, "Program", py::custom_type_setup(collect_cycles))
      .def("run", &TracedFunction::run)
      .def_property_readonly("statements", [](const TracedFunction& f) { return f.program().statements().size(); })
      .def_property_readonly("inputs", [](const TracedFunction& f) { return f.program().inputs().size(); })
      .def_property_readonly("calls", calls_of)
      .def("expanded", expanded_call)
      .def("values", &TracedFunction::values)
      .def("input",
           [](const TracedFunction& f, size_t k) {
             if (k >= f.program().inputs().size())
               fail(ErrorKind::Value, "input: the program has no input of that number.");
             return f.program().inputs()[k];
           })
      .def("constant",
           [](const TracedFunction& f, uint32_t value) -> py::object {
             Tensor t = f.program().constant(value);
             return t.defined() ? steal(wrap(std::move(t))) : py::none();
           })
      .def_property_readonly("outputs", [](const TracedFunction& f) {
        py::list outputs;
        for (uint32_t value : f.program().outputs()) outputs.append(value);
        return outputs;
      });
  m.def(
      "trace", [](const py::object& fn, const py::args& args) { return std::make_unique<TracedFunction>(fn, args); },
      py::arg("fn"));
}

}  // namespace adcore::python
