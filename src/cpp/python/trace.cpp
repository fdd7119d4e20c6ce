// Programs as Python objects: what `trace` records, to be run again and to be read.
#include "core/box.h"
#include "python/traced.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

Arguments all_of(const py::args& args) { return {args, py::none(), {}, py::none()}; }

/// The inputs among the arguments, listed for a run.
struct Listed {
  explicit Listed(const py::args& args) : held(inputs_among(all_of(args))) {
    for (const Owned& o : held) objects.push_back(o.get());
  }
  std::vector<Owned> held;
  std::vector<PyObject*> objects;
};

py::object run(const TracedFunction& f, const py::args& args) { return f.run(Listed(args).objects); }

/// Every value of the program, by its number, None for those that no call asked for.
py::list values(const TracedFunction& f, const py::args& args) {
  py::list all;
  const Listed inputs(args);
  for (Tensor& t : f.program()->run_all(f.inputs(inputs.objects)))
    all.append(t.defined() ? steal(wrap(std::move(t))) : py::none());
  return all;
}

// ---- reading a program: for the pages of reference, which show rules as formulas ------------------------------------

/// Each call: name of the op, numbers of its operands and of its first output, attributes, whether it has an expansion.
py::list calls_of(const TracedFunction& f) {
  py::list calls;
  for (const Program::Statement& s : f.program()->statements()) {
    py::list operands;
    for (const Program::Use& use : f.program()->uses_of(s)) operands.append(use.value);
    py::list words;
    const Attrs attrs = f.program()->attrs_of(s);
    for (int i = 0; i < attrs.count(); ++i) words.append(attrs.words()[i]);
    calls.append(py::make_tuple(s.op->name, py::tuple(operands), s.out, py::tuple(words), s.op->expand != nullptr));
  }
  return calls;
}

/// What call k is written with: the outputs of its op's expansion.
py::tuple expanded_call(const TracedFunction& f, size_t k, const py::args& args) {
  const auto statements = f.program()->statements();
  if (k >= statements.size() || !statements[k].op->expand || args.size() != statements[k].use_count)
    fail(ErrorKind::Value, "expanded: no call of that number and so many operands has an expansion.");
  std::vector<Tensor> operands;
  for (const py::handle& o : args) {
    if (!is_tensor(o.ptr())) fail(ErrorKind::Type, "expanded: the operands must be Tensors.");
    operands.push_back(tracked_value(o.ptr()));
  }
  std::vector<Tensor> outputs(statements[k].op->outputs);
  statements[k].op->expand(operands, f.program()->attrs_of(statements[k]), outputs.data());
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
      .def("run", run)
      .def_property_readonly("statements", [](const TracedFunction& f) { return f.program()->statements().size(); })
      .def_property_readonly("inputs", [](const TracedFunction& f) { return f.program()->inputs().size(); })
      .def_property_readonly("calls", calls_of)
      .def("expanded", expanded_call)
      .def("values", values)
      .def("input",
           [](const TracedFunction& f, size_t k) {
             if (k >= f.program()->inputs().size())
               fail(ErrorKind::Value, "input: the program has no input of that number.");
             return f.program()->inputs()[k];
           })
      .def("constant",
           [](const TracedFunction& f, uint32_t value) -> py::object {
             Tensor t = f.program()->constant(value);
             return t.defined() ? steal(wrap(std::move(t))) : py::none();
           })
      .def_property_readonly("outputs", [](const TracedFunction& f) {
        py::list outputs;
        for (uint32_t value : f.program()->outputs()) outputs.append(value);
        return outputs;
      });
  m.def(
      "is_traced",
      [](const py::object& tensor) {
        const Box* const box = box_of(own_value(tensor_object(tensor)));
        return box && box->kind == FrameKind::Trace;
      },
      "True for a value of a trace, open or ended.", py::arg("tensor"));
  m.def(
      "trace",
      [](const py::object& fn, const py::args& args) { return std::make_unique<TracedFunction>(fn, all_of(args)); },
      py::arg("fn"));
}

}  // namespace adcore::python
