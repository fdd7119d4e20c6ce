#include "python/hooks.h"

#include "python/bindings.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

/// The gradient as the hooks leave it. They may be other ones when this returns.
Tensor hooked(PyObject* hooks, Tensor gradient) {
  const Owned held = Owned::copy(hooks);
  const Owned cell(wrap(std::move(gradient)));
  PyObject* run = python_function("adcore.transforms.hooks", "hooked");
  const Owned result(
      checked(calling_python([&] { return PyObject_CallFunctionObjArgs(run, held.get(), cell.get(), nullptr); })));
  return tracked_value(result.get());
}

/// What is registered on a tensor, None where nothing is.
py::object hooks_of(const py::object& tensor) {
  PyObject* hooks = reinterpret_cast<TensorObject*>(tensor_object(tensor))->hooks;
  return hooks ? py::reinterpret_borrow<py::object>(hooks) : py::none();
}

void set_hooks(const py::object& tensor, const py::object& hooks) {
  PyObject* const o = tensor_object(tensor);
  Py_XSETREF(reinterpret_cast<TensorObject*>(o)->hooks, Py_NewRef(hooks.ptr()));
  track(o);
}

/// Which value a tensor holds, as far as a tape can tell: (0, 0) for a constant, and for a Parameter, which is a
/// variable.
py::tuple tape_ref(const py::object& tensor) {
  PyObject* const o = tensor_object(tensor);
  const TapeRef ref = is_parameter(o) ? TapeRef() : value_of(o).ref();
  return py::make_tuple(ref.tape, ref.slot);
}

}  // namespace

void run_hooks(Gradients& gradients, std::span<const Owned> given) {
  for (size_t i = 0; i < given.size(); ++i) {
    PyObject* const o = given[i].get();
    if (!o || !is_tensor(o)) continue;
    if (is_parameter(o) && !reinterpret_cast<ParameterObject*>(o)->requires_grad) [[unlikely]] {
      if (gradients.reached(i)) gradients.replace(i, zeros_like(gradients.of(i)));
      continue;
    }
    PyObject* const hooks = reinterpret_cast<TensorObject*>(o)->hooks;
    if (!hooks || !gradients.reached(i) || gradients.repeats(i)) [[likely]]
      continue;
    gradients.replace(i, hooked(hooks, gradients.of(i)));
  }
}

void bind_hooks(py::module_& m) {
  m.def("hooks_of", hooks_of, py::arg("tensor"));
  m.def("set_hooks", set_hooks, py::arg("tensor"), py::arg("hooks"));
  m.def("tape_ref", tape_ref, py::arg("tensor"));
}

}  // namespace adcore::python
