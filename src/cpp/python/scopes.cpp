// no_grad, the watch for NaN, and what is open in this thread.
#include <algorithm>
#include <iterator>
#include <memory>
#include <vector>

#include "core/watch.h"
#include "python/bindings.h"
#include "python/cells.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

/// NoGrads or Watches that with statements entered. Each belongs to the thread that entered it, and is left there.
template <class T>
class WithScope {
 public:
  WithScope() = default;
  WithScope(const WithScope&) = delete;
  WithScope& operator=(const WithScope&) = delete;
  ~WithScope() {
    // Never left. What another thread entered that one may still look through.
    for (Entry& e : entries_)
      if (e.thread != &context()) e.scope.release();
    while (!entries_.empty()) entries_.pop_back();
  }

  void enter() {
    entries_.reserve(entries_.size() + 1);
    entries_.push_back({&context(), std::make_unique<T>()});
  }
  void exit() {
    const auto own = [](const Entry& e) { return e.thread == &context(); };
    const auto last = std::find_if(entries_.rbegin(), entries_.rend(), own);
    if (last == entries_.rend()) {
      fail(ErrorKind::Runtime, kName, ": left ",
           entries_.empty() ? "without being entered." : "in another thread than entered.");
    }
    const bool in_order = last->scope->is_innermost();
    entries_.erase(std::next(last).base());  // closes it, wherever it stands
    if (!in_order) {
      fail(
          ErrorKind::Runtime, kName,
          ": left in another order than entered, or after the function that entered it returned; a with block must end "
          "where it began.");
    }
  }

 private:
  struct Entry {
    const ThreadContext* thread;
    std::unique_ptr<T> scope;
  };

  static constexpr const char* kName = std::is_same_v<T, Watch> ? "debug_nans" : "no_grad";  // for errors

  std::vector<Entry> entries_;
};

/// The Python type of a WithScope. Hand-written: pybind11 lets an exception out of a constructor where
/// memory is short.
template <class T>
struct ScopeType {
  struct Object {
    PyObject_HEAD T* scope;
  };
  static T& scope_of(PyObject* self) noexcept { return *reinterpret_cast<Object*>(self)->scope; }

  static PyObject* make(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    static const char* names[] = {nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "", const_cast<char**>(names))) return nullptr;
    return guarded([&] {
      auto scope = std::make_unique<T>();
      PyObject* self = checked(type->tp_alloc(type, 0));
      reinterpret_cast<Object*>(self)->scope = scope.release();
      return self;
    });
  }
  static void dealloc(PyObject* self) {
    delete reinterpret_cast<Object*>(self)->scope;
    PyTypeObject* type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
  }
  static PyObject* enter(PyObject* self, PyObject*) {
    return guarded([&] {
      scope_of(self).enter();
      return Py_NewRef(Py_None);
    });
  }
  static PyObject* exit(PyObject* self, PyObject*) {
    return guarded([&] {
      scope_of(self).exit();
      return Py_NewRef(Py_None);
    });
  }

  static void add(py::module_& m, const char* name, const char* full_name) {
    static PyMethodDef methods[] = {
        {"enter", enter, METH_NOARGS, "enter($self, /)\n--\n\nOpens it.\n\nReturns\n-------\nNone"},
        {"exit", exit, METH_NOARGS, "exit($self, /)\n--\n\nCloses it.\n\nReturns\n-------\nNone"},
        {nullptr, nullptr, 0, nullptr}};
    PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(make)},
                           {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                           {Py_tp_methods, methods},
                           {0, nullptr}};
    PyType_Spec spec{full_name, sizeof(Object), 0, Py_TPFLAGS_DEFAULT, slots};
    m.attr(name) = steal(PyType_FromSpec(&spec));
  }
};

py::object run_no_grad(const py::object& fn, const py::tuple& args, const py::object& kwargs) {
  const NoGrad scope;
  return call(fn, args, kwargs);
}

/// fn(*args) where each of `cells`, which it keeps alive, holds what stands beside it in `values`: the result, and of
/// each cell what was assigned to it there.
py::tuple run_with_cells(const py::object& fn, const py::tuple& args, const py::list& cells, const py::list& values) {
  py::list assigned;
  ShownCells shown;
  for (size_t i = 0; i < cells.size(); ++i) shown.show(cells[i].ptr(), tensor_of(values[i].ptr()));
  const py::object result = call(fn, args, py::none());
  shown.check_records();
  for (const py::handle cell : cells) {
    const Tensor* const value = shown.written(cell.ptr());
    assigned.append(value ? steal(wrap(*value)) : py::none());
  }
  return py::make_tuple(result, assigned);
}

}  // namespace

void bind_scopes(py::module_& m) {
  m.def("run_with_cells", run_with_cells, py::arg("fn"), py::arg("args"), py::arg("cells"), py::arg("values"));
  m.def("run_no_grad", run_no_grad, py::arg("fn"), py::arg("args"), py::arg("kwargs"));
  ScopeType<WithScope<Watch>>::add(m, "WatchScope", "adcore._core.WatchScope");
  ScopeType<WithScope<NoGrad>>::add(m, "NoGradScope", "adcore._core.NoGradScope");
  m.def("may_differentiate_rules", may_differentiate_rules);
  m.def("live_levels", open_scopes);
}

}  // namespace adcore::python
