// Programs as Python objects: what `trace` records, to be run again and to be read.
#include <pybind11/stl.h>

#include "core/box.h"
#include "jit/optimize.h"
#include "ops/functions.h"
#include "ops/fused.h"
#include "ops/partial.h"
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

// ---- what a user sees of a program: adcore.transforms.programs makes text and pictures of it ----------------------

/// What a reader calls the op: the partial of a row has the row's name.
std::string title_of(const Program::Statement& s, Attrs attrs) {
  if (const auto partial = partial_of(*s.op, attrs))
    return text(elementwise_op(partial->row).name, ".partial", partial->input);
  return s.op->name;
}

/// The steps of a fused call: kernel, operands, result. A value is (kind, which of them) or ("number", the number).
py::list fused_steps_of(const Program::Statement& s, Attrs attrs) {
  constexpr const char* kKinds[] = {"operand", "number", "output", "scratch", "register"};
  const auto shown = [&](const FusedStep::Value& v) {
    const bool is_number = v.kind == FusedStep::Value::Kind::Number;
    return py::make_tuple(kKinds[static_cast<int>(v.kind)],
                          is_number ? py::object(py::float_(v.number)) : py::object(py::int_(v.index)));
  };
  py::list steps;
  for (const FusedStep& step : fused_steps(*s.op, attrs, s.use_count)) {
    py::list operands;
    for (const FusedStep::Value& v : step.operands) operands.append(shown(v));
    steps.append(py::make_tuple(step.kernel, py::tuple(operands), shown(step.result)));
  }
  return steps;
}

/// Each statement: title, operands, outputs that it makes, attributes, the user's line or None, whether its derivative
/// was recorded, steps of a fused call.
py::list statements_of(const TracedFunction& f) {
  const Program& p = *f.program();
  py::list all;
  for (const Program::Statement& s : p.statements()) {
    const Attrs attrs = p.attrs_of(s);
    py::list operands, outputs, words;
    for (const Program::Use& use : p.uses_of(s)) operands.append(use.value);
    for (int j = 0; j < s.op->outputs; ++j)
      if (p.makes(s, j)) outputs.append(s.out + static_cast<uint32_t>(j));
    const py::list steps = fused_steps_of(s, attrs);
    // Titles and steps say what these attributes say.
    if (steps.empty() && !partial_of(*s.op, attrs))
      for (int i = 0; i < attrs.count(); ++i) words.append(attrs.words()[i]);
    const py::object place = s.place == Program::kNoPlace ? py::object(py::none()) : py::str(p.places()[s.place]);
    all.append(py::make_tuple(title_of(s, attrs), py::tuple(operands), py::tuple(outputs), py::tuple(words), place,
                              s.all_outputs, steps));
  }
  return all;
}

/// The shape and dtype of every value.
py::list types_of_values(const TracedFunction& f) {
  py::list all;
  for (const Program::Value& v : f.program()->values())
    all.append(py::make_tuple(steal(shape_tuple(v.shape)), py::reinterpret_borrow<py::object>(dtype_object(v.dtype))));
  return all;
}

/// Of every value: its place in the arena or -1, whether every run gives it memory of its own, whose memory it is.
/// None where nobody has laid the program out.
py::object memory_of(const TracedFunction& f) {
  if (!f.plan()) return py::none();
  py::list all;
  for (uint32_t v = 0; v < f.program()->values().size(); ++v)
    all.append(py::make_tuple(f.plan()->arena_offset(v), f.plan()->is_fresh(v), f.plan()->root(v)));
  return all;
}

py::list objects(const std::vector<Owned>& from) {
  py::list all;
  for (const Owned& o : from) all.append(py::reinterpret_borrow<py::object>(o.get()));
  return all;
}

/// The values of the program's inputs. What a transform holds that is open has no elements to run on.
std::vector<Tensor> values_for_run(const TracedFunction& f, const py::args& args) {
  std::vector<Tensor> values = f.inputs(Listed(args).objects);
  for (const Tensor& t : values)
    if (t.boxed())
      fail(ErrorKind::Value, "Program: an input belongs to a derivative, jvp or vmap that is open; ask outside of it.");
  return values;
}

/// The program was laid out for inputs like these. Throws for inputs that are not like those of the trace.
bool fits(const TracedFunction& f, const std::vector<Tensor>& inputs) {
  f.program()->check_inputs(inputs);
  if (!f.plan()) return false;
  for (size_t k = 0; k < inputs.size(); ++k)
    if (!f.plan()->fits(k, inputs[k])) return false;
  return true;
}

/// What jit runs. With arguments its values are laid out too, for which it runs once; nothing is written.
std::unique_ptr<TracedFunction> optimized(const TracedFunction& f, const py::args& args) {
  auto program = std::make_shared<const Program>(optimize(*f.program()));
  std::shared_ptr<const Plan> plan;
  if (!args.empty() || f.program()->inputs().size() == f.reads().size()) {
    std::vector<Tensor> outputs;
    plan = std::make_shared<const Plan>(program, values_for_run(f, args), outputs);
  }
  return f.optimized(std::move(program), std::move(plan));
}

py::list passes(const TracedFunction& f) {
  std::vector<PassReport> report;
  optimize(*f.program(), &report);
  py::list all;
  for (const PassReport& r : report) all.append(py::make_tuple(r.name, r.statements));
  return all;
}

/// Runs of the program as it was laid out: when each step began, and the end; in nanoseconds.
py::list measure(const TracedFunction& f, int repeat, const py::args& args) {
  const std::vector<Tensor> inputs = values_for_run(f, args);
  if (!fits(f, inputs)) fail(ErrorKind::Value, "Program: it is not laid out for these inputs.");
  const Plan& plan = *f.plan();
  py::list runs;
  std::vector<int64_t> times(plan.step_count() + 1);
  for (int i = 0; i < repeat; ++i) {
    Run run(plan);
    for (size_t k = 0; k < inputs.size(); ++k) run.input(k, inputs[k]);
    run.execute(times);
    runs.append(py::cast(times));
  }
  return runs;
}

py::list steps_of(const TracedFunction& f) {
  py::list all;
  for (size_t k = 0; f.plan() && k < f.plan()->step_count(); ++k) all.append(f.plan()->statement_of(k));
  return all;
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
      .def("run", run,
           "Run the program on other inputs, in the order of its arguments.\n\n"
           "Each call goes the way of any call: a derivative or a vmap that is open sees it. Cells that the function\n"
           "assigns are written.\n\nReturns\n-------\nobject\n    What the function returns.")
      .def_property_readonly(
          "statements", [](const TracedFunction& f) { return f.program()->statements().size(); },
          "How many statements there are, an int.")
      .def_property_readonly(
          "inputs", [](const TracedFunction& f) { return f.program()->inputs().size(); },
          "How many inputs there are, an int: those among the arguments, then the cells that the function reads.")
      .def_property_readonly("calls", calls_of,
                             "Each statement as a tuple: name of the op, numbers of its operands and of its first\n"
                             "output, attributes, whether it can be written with other ops.")
      .def("expanded", expanded_call, "Return what statement k is written with, on these operands.")
      .def("values", values, "Return every value of a run on these inputs, by its number; None where none is made.")
      .def_readwrite("_argument_names", &TracedFunction::argument_names)
      .def_property_readonly("_argument_count", &TracedFunction::argument_count)
      .def_property_readonly("_result_count", &TracedFunction::result_count)
      .def_property_readonly("_written_arguments", &TracedFunction::written_arguments)
      .def_property_readonly("_reads", [](const TracedFunction& f) { return objects(f.reads()); })
      .def_property_readonly("_writes", [](const TracedFunction& f) { return objects(f.writes()); })
      .def_property_readonly("_callbacks", [](const TracedFunction& f) { return objects(f.callbacks()); })
      .def_property_readonly("_statements", statements_of)
      .def_property_readonly("_types", types_of_values)
      .def_property_readonly("_constants",
                             [](const TracedFunction& f) {
                               py::list all;
                               for (const Program::Constant& c : f.program()->constants()) all.append(c.value);
                               return all;
                             })
      .def_property_readonly("_is_laid_out", [](const TracedFunction& f) { return f.plan() != nullptr; })
      .def_property_readonly("_memory", memory_of)
      .def_property_readonly("_arena_bytes",
                             [](const TracedFunction& f) { return f.plan() ? f.plan()->arena_bytes() : 0; })
      .def_property_readonly("_passes", passes)
      .def("_optimized", optimized)
      .def("_fits", [](const TracedFunction& f, const py::args& args) { return fits(f, values_for_run(f, args)); })
      .def("_steps", steps_of)
      .def("_measure", measure)
      .def(
          "input",
          [](const TracedFunction& f, size_t k) {
            if (k >= f.program()->inputs().size())
              fail(ErrorKind::Value, "input: the program has no input of that number.");
            return f.program()->inputs()[k];
          },
          "Return the number of the value of input k.")
      .def(
          "constant",
          [](const TracedFunction& f, uint32_t value) -> py::object {
            Tensor t = f.program()->constant(value);
            return t.defined() ? steal(wrap(std::move(t))) : py::none();
          },
          "Return the value of that number where it is a constant, else None.")
      .def_property_readonly(
          "outputs",
          [](const TracedFunction& f) {
            py::list outputs;
            for (uint32_t value : f.program()->outputs()) outputs.append(value);
            return outputs;
          },
          "The numbers of the values that are outputs: results, then arguments and cells that are written.");
  m.def(
      "is_traced",
      [](const py::object& tensor) {
        const Box* const box = box_of(own_value(tensor_object(tensor)));
        return box && box->kind == FrameKind::Trace;
      },
      "True for a value of a trace, open or ended.", py::arg("tensor"));
  m.def(
      "is_program_input", [](const py::object& leaf) { return is_program_input(leaf.ptr()); },
      "True for a leaf of the arguments that is an input of a program.", py::arg("leaf"));
  m.def(
      "trace",
      [](const py::object& fn, const py::args& args) { return std::make_unique<TracedFunction>(fn, all_of(args)); },
      py::arg("fn"));
}

}  // namespace adcore::python
