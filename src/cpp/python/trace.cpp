// What a trace sees of Python: arguments and cells are inputs of the program, results and the cells that were written are
// outputs.
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
  explicit TracedCells(Trace& trace) : trace_(trace), first_inside_(cells_made()) {}

  bool is_inside(PyObject* cell) const noexcept { return made_at(cell) >= first_inside_; }

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
  const uint64_t first_inside_;
  std::unordered_map<PyObject*, TracedCell> cells_;
  std::vector<TracedCell*> inputs_, outputs_;
};

/// Calls f with each Tensor among the arguments. A Parameter is none: it is a cell, wherever it comes from.
py::object map_arguments(const py::handle& args, FunctionRef<PyObject*(PyObject*)> f) {
  return steal(tree_map(
      args.ptr(), [f](PyObject* leaf) { return is_tensor(leaf) && !is_parameter(leaf) ? f(leaf) : Py_NewRef(leaf); }));
}

/// The program of one call of a Python function. Its inputs: the Tensors among the arguments, then the cells that the call
/// read. Its outputs: the Tensors of the result, the arguments and the cells that were written.
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
    map_arguments(args, [&](PyObject* leaf) {
      arguments.push_back(Owned::copy(leaf));
      return Py_NewRef(leaf);
    });
    std::vector<Tensor> inputs;
    for (const Owned& o : arguments) inputs.push_back(tracked_value(o.get()));
    for (const Owned& cell : reads_) inputs.push_back(tracked_value(cell.get()));
    std::vector<Tensor> outputs = program_.run(inputs);
    auto next = outputs.begin();
    py::object result = steal(tree_map(
        result_.ptr(), [&](PyObject* leaf) { return is_place(leaf) ? wrap(std::move(*next++)) : Py_NewRef(leaf); }));
    for (size_t k : written_arguments_) assign(arguments[k].get(), std::move(*next++));
    for (const Owned& cell : writes_) assign(cell.get(), std::move(*next++));
    return result;
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

  size_t statement_count() const noexcept { return program_.statement_count(); }
  size_t input_count() const noexcept { return program_.input_count(); }

 private:
  /// Where an output stands in result_: a Tensor without a value.
  static bool is_place(PyObject* leaf) noexcept { return is_tensor(leaf) && !own_value(leaf).defined(); }

  Program program_;
  py::object result_;
  std::vector<size_t> written_arguments_;
  std::vector<Owned> reads_, writes_;
};

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
      .def_property_readonly("statements", &TracedFunction::statement_count)
      .def_property_readonly("inputs", &TracedFunction::input_count);
  m.def(
      "trace", [](const py::object& fn, const py::args& args) { return std::make_unique<TracedFunction>(fn, args); },
      py::arg("fn"));
}

}  // namespace adcore::python
