// The extension module adcore._core.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>

#include "base/buffer.h"
#include "base/interpreter.h"
#include "base/thread_environment.h"
#include "base/thread_pool.h"
#include "ops/random.h"
#include "ops/table.h"
#include "python/bindings.h"
#include "python/traced.h"

namespace py = pybind11;

// What libraries that know of adcore by its file alone call, as threadpoolctl does.
extern "C" {
__attribute__((visibility("default"))) int adcore_get_num_threads() noexcept { return adcore::num_threads(); }
__attribute__((visibility("default"))) void adcore_set_num_threads(int n) noexcept {
  adcore::set_num_threads(std::clamp(n, 1, adcore::kMaxThreads));
}
}

namespace adcore::python {

namespace {

Dims dims_of(const py::handle& o, const char* op) { return dims_from(o.ptr(), op, "shape"); }

py::object random_between(const py::object& shape, double low, double high, const py::object& dtype) {
  const DType t = dtype_from(dtype.ptr(), "random_uniform");
  const Tensor u = random_uniform(dims_of(shape, "random_uniform"), t);
  return steal(wrap(u * (high - low) + low));
}

py::object random_gaussian(const py::object& shape, double mean, double sigma, const py::object& dtype) {
  const DType t = dtype_from(dtype.ptr(), "random_normal");
  return steal(wrap(random_normal(dims_of(shape, "random_normal"), t) * sigma + mean));
}

/// The rows of the op table for tests and reference pages: name, whether a derivative exists, elementwise, sample
/// interval.
py::list op_table() {
  py::list rows;
  int index = 0;
  kFormulas.apply([&](const auto&... row) {
    (rows.append(py::dict(py::arg("name") = std::string(row.name()),
                          py::arg("arity") = std::remove_cvref_t<decltype(row)>::kArity,
                          py::arg("differentiable") = elementwise_op(index++).kind != OpKind::Constant,
                          py::arg("types") = static_cast<int>(row.types), py::arg("low") = row.sample.low,
                          py::arg("high") = row.sample.high)),
     ...);
  });
  return rows;
}

const char* compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

/// "file.py:12, in step": the innermost frame that is not the package's own.
std::string place_of_user() {
  const py::gil_scoped_acquire gil;
  try {
    const py::object own =
        py::module_::import("adcore").attr("__file__").attr("rpartition")("adcore").attr("__getitem__")(0);
    py::object frame = py::module_::import("sys").attr("_getframe")();
    const py::object package = py::str(own) + py::str("adcore");
    while (!frame.is_none()) {
      const py::object code = frame.attr("f_code");
      if (!py::cast<bool>(code.attr("co_filename").attr("startswith")(package))) {
        return text(py::cast<std::string>(py::str(code.attr("co_filename"))), ":",
                    py::cast<int>(frame.attr("f_lineno")), ", in ",
                    py::cast<std::string>(py::str(code.attr("co_name"))));
      }
      frame = frame.attr("f_back");
    }
  } catch (const py::error_already_set&) {  // no frame at all
  }
  return "";
}

void connect_interpreter() {
  interpreter.release = []() -> void* { return PyGILState_Check() ? PyEval_SaveThread() : nullptr; };
  interpreter.acquire = [](void* state) {
    calling_python([state] {
      PyEval_RestoreThread(static_cast<PyThreadState*>(state));
      return 0;
    });
  };
  interpreter.place = place_of_user;
  interpreter.check_interrupt = [] {
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() < 0) throw PythonError{};
  };
}

/// The process's generator is a cell, which a transform sees like any other.
PyObject* generator_cell = nullptr;

/// What a thread draws from in the place of the process's generator, null in most: `drawing_from` of `generator.py`.
thread_local PyObject* cell_of_thread = nullptr;

/// The cell of draws that name no generator. A program is kept, and replayed elsewhere: it has the process's.
PyObject* drawn_cell() { return cell_of_thread && !is_tracing() ? cell_of_thread : generator_cell; }

Tensor exchange(PyObject* cell, FunctionRef<Tensor(const Tensor&)> next) {
  Tensor now = value_of(cell);
  assign(cell, next(now));
  return now;
}

void connect_generator(py::module_& m) {
  generator_cell = wrap(generator_state(0));
  m.attr("_generator") = py::reinterpret_borrow<py::object>(generator_cell);
  process_generator = {[]() -> Tensor { return value_of(drawn_cell()); },
                       [](FunctionRef<Tensor(const Tensor&)> next) -> Tensor { return exchange(drawn_cell(), next); }};
  m.def(
      "drawn_cell", [] { return py::reinterpret_borrow<py::object>(drawn_cell()); },
      "The cell of the numbers that this thread draws where it names no generator.");
  m.def(
      "draw_from",
      [](const py::object& cell) {
        PyObject* const before = cell_of_thread;
        cell_of_thread = cell.is_none() ? nullptr : cell.inc_ref().ptr();
        return before ? steal(before) : py::none();
      },
      "Lets this thread draw from a cell, or again from the process's; returns what draw_from was given before.",
      py::arg("cell").none(true));
  m.def("generator_state", [](uint64_t seed) { return steal(wrap(generator_state(seed))); }, py::arg("seed"));
  m.def(
      "take_numbers",
      [](const py::object& cell, int64_t n) {
        PyObject* const held = tensor_object(cell.ptr());
        const auto with = [held](FunctionRef<Tensor(const Tensor&)> next) { return exchange(held, next); };
        return steal(wrap(take(with, n)));
      },
      py::arg("cell"), py::arg("n"));
}

/// The types, the free objects and the op table are one for the process. In another interpreter than the main one
/// pybind11, too, would wait for ever: for the lock that this thread holds already.
bool refuse_subinterpreter() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return false;
  PyErr_SetString(PyExc_ImportError,
                  "adcore works in the main interpreter of a process only, not in a subinterpreter.");
  return true;
}

void check(int status) {
  if (status < 0) throw py::error_already_set();
}

}  // namespace
}  // namespace adcore::python

PYBIND11_MODULE(_core_of_main, m, py::multiple_interpreters::not_supported()) {
  using namespace adcore;
  using namespace adcore::python;
  if (refuse_subinterpreter()) throw py::error_already_set();  // from 3.13 on, the function below runs in the main one
  m.doc() = "The native core of adcore.";
  if (!requested_isa_available()) {
    throw py::import_error(
        "ADCORE_ISA names an instruction set that this CPU or build does not have; unset it, or use one of baseline, "
        "avx2, avx512, neon.");
  }
  if (!requested_threads_valid()) {
    throw py::import_error("ADCORE_NUM_THREADS must be a number of threads in [1, 256]; correct it, or unset it.");
  }
  py::register_exception_translator([](std::exception_ptr e) {
    if (!e) return;
    try {
      std::rethrow_exception(e);
    } catch (const py::builtin_exception&) {
      // pybind11 knows its kind; but it speaks of an argument where the interpreter had no memory for one, and has said
      // so.
      if (!PyErr_Occurred()) throw;
    } catch (...) {
      set_python_error();
    }
  });
  connect_interpreter();
  check(init_errors(m.ptr()));
  check(init_dtype(m.ptr()));
  check(init_tensor_type(m.ptr()));
  check(init_parameter_type(m.ptr()));
  check(init_functions(m.ptr()));
  check(init_gradient(m.ptr()));
  check(init_recording(m.ptr()));
  check(init_frames(m.ptr()));
  check(init_cell(m.ptr()));
  check(init_jit(m.ptr()));
  check(init_namespace(m.ptr()));
  check(init_optimizers(m.ptr()));
  bind_callback(m);
  bind_dlpack(m);
  bind_hooks(m);
  bind_recompute(m);
  bind_rules(m);
  bind_scopes(m);
  bind_trace(m);
  bind_stored(m);
  bind_outline(m);
  bind_tree(m);

  m.attr("__version__") = ADCORE_VERSION;
  m.def(
      "require_writable",
      [](std::string_view op, const py::handle& cell) { require_writable(tensor_object(cell.ptr()), op); },
      py::arg("op"), py::arg("cell"));
  m.def(
      "value_for_cell",
      [](std::string_view op, const py::handle& cell, const py::handle& value) {
        return steal(wrap(value_for_cell(value.ptr(), tensor_object(cell.ptr()), op)));
      },
      py::arg("op"), py::arg("cell"), py::arg("value"));
  m.def("has_default_name", [](const py::object& p) {
    return is_parameter(p.ptr()) && reinterpret_cast<ParameterObject*>(p.ptr())->has_default_name;
  });
  connect_generator(m);
  m.def("set_seed", &adcore::set_seed, py::arg("seed"));
  m.def("get_seed", &adcore::get_seed);
  m.def("set_num_threads", &adcore::set_num_threads, py::arg("n"));
  m.def("get_num_threads", &adcore::num_threads);
  m.def("empty_cache", &adcore::empty_cache, py::call_guard<py::gil_scoped_release>());
  m.def(
      "require_memory",
      [](double bytes) {
        if (!(bytes < 0x1p62)) throw std::bad_alloc();
        const BufferRef room(allocate(static_cast<size_t>(bytes)));
      },
      "Raise MemoryError where there is no room for so much; nothing is written to.", py::arg("bytes"));
  m.def("memory_stats", [] {
    const MemoryStats s = adcore::memory_stats();
    return py::dict(py::arg("bytes_in_use") = s.reserved - s.cached, py::arg("bytes_cached") = s.cached,
                    py::arg("bytes_reserved") = s.reserved, py::arg("peak_bytes_reserved") = s.peak_reserved,
                    py::arg("system_allocations") = s.system_allocations, py::arg("large_cache_hits") = s.large_hits);
  });
  m.def("random_uniform", random_between, py::arg("shape"), py::arg("low"), py::arg("high"), py::arg("dtype"));
  m.def("random_normal", random_gaussian, py::arg("shape"), py::arg("mean"), py::arg("sigma"), py::arg("dtype"));
  m.def("op_table", op_table);
  m.def("are_synonyms", are_synonyms, "Whether a keyword may stand for a parameter, as axis may for dim.", py::arg("a"),
        py::arg("b"));
  m.def("compiler", compiler);
  m.def("isa", [] { return kernels().isa; });
  m.def("isas", [] {
    py::list names;
    for (const Kernels* const* k = all_kernels(); *k; ++k) names.append((*k)->isa);
    return names;
  });
}

/// What the import calls, before anything of pybind11 runs.
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  return adcore::python::refuse_subinterpreter() ? nullptr : PyInit__core_of_main();
}
