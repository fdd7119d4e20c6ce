// The Python type Parameter: a named, trainable Tensor cell.
//
// Its process-wide number is the index of its slot in a thread's tape, so several threads may differentiate one network
// at once. Numbers of dead parameters are used again, which keeps that vector short.
#include "ops/owned.h"
#include "python/arguments.h"
#include "python/object.h"

namespace adcore::python {

PyTypeObject* parameter_type = nullptr;

namespace {

// ---- numbers (guarded by the interpreter's lock) ------------------------------------------------------------------

std::vector<uint32_t> free_numbers;
std::vector<uint32_t> dropped_numbers;  // some thread's live tape may still map them
uint32_t next_number = 0;

uint32_t take_number() {
  if (free_numbers.empty() && !any_tape_live()) free_numbers.swap(dropped_numbers);
  if (free_numbers.empty()) return next_number++;
  const uint32_t n = free_numbers.back();
  free_numbers.pop_back();
  return n;
}

void drop_number(uint32_t n) noexcept {
  try {
    dropped_numbers.push_back(n);
  } catch (const std::bad_alloc&) {  // then it is not used again
  }
}

ParameterObject* as_parameter(PyObject* o) { return reinterpret_cast<ParameterObject*>(o); }

void check_name(PyObject* name) {
  if (name != Py_None && !PyUnicode_Check(name)) {
    fail(ErrorKind::Value, "Parameter: name must be a str or None, got ", Py_TYPE(name)->tp_name, ".");
  }
}

/// A name for a parameter that was given none.
PyObject* default_name() {
  static long made = 0;
  return checked(PyUnicode_FromFormat("Parameter#%ld", made++));
}

void set_name(ParameterObject* p, PyObject* name) {
  const bool anonymous = name == Py_None || PyUnicode_GET_LENGTH(name) == 0;
  PyObject* fresh = anonymous ? default_name() : Py_NewRef(name);
  Py_XSETREF(p->name, fresh);
  p->has_default_name = anonymous;
}

Tensor parameter_data(PyObject* data) {
  if (PyBool_Check(data)) fail(ErrorKind::Value, "Parameter: data must not be bool.");
  if (!is_tensor(data) && !is_number(data) && !PyList_Check(data) && !is_array(data)) {
    fail(ErrorKind::Type, "Parameter: data must be a Tensor, int, float, numpy.ndarray or list, got ",
         Py_TYPE(data)->tp_name, ".");
  }
  if (PyLong_CheckExact(data)) {
    const DType t = DType::Int32;
    return tensor_from(data, &t);
  }
  return tensor_from(data, nullptr).detached();
}

PyObject* parameter_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"default_input",      "name", "requires_grad", "layerwise_parallel",
                                "parallel_optimizer", nullptr};
  PyObject *data, *name = Py_None, *requires_grad = Py_True, *layerwise = Py_False, *parallel = Py_True;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OOOO:Parameter", const_cast<char**>(names), &data, &name,
                                   &requires_grad, &layerwise, &parallel)) {
    return guarded([&]() -> PyObject* {
      explain_keyword("Parameter", kwargs, names);
      return nullptr;
    });
  }
  return guarded([&]() -> PyObject* {
    Tensor value = parameter_data(data);
    check_name(name);
    if (!PyBool_Check(requires_grad))
      fail(ErrorKind::Type, "Parameter: requires_grad must be a bool, got ", Py_TYPE(requires_grad)->tp_name, ".");
    if (!PyBool_Check(layerwise))
      fail(ErrorKind::Type, "Parameter: layerwise_parallel must be a bool, got ", Py_TYPE(layerwise)->tp_name, ".");
    Owned self(checked(type->tp_alloc(type, 0)));
    auto* p = as_parameter(self.get());
    new (&p->base.value) Tensor(std::move(value));
    p->base.made = made_cells++;
    p->number = take_number();
    p->requires_grad = requires_grad == Py_True;
    set_name(p, name);
    return self.release();
  });
}

int parameter_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as_parameter(self)->dict);
  Py_VISIT(as_parameter(self)->base.hooks);
  return visit_shared_array(own_value(self), visit, arg);
}
int parameter_clear(PyObject* self) {
  Py_CLEAR(as_parameter(self)->dict);
  Py_CLEAR(as_parameter(self)->base.hooks);
  return 0;
}
void parameter_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  auto* p = as_parameter(self);
  if (p->base.weak_references) PyObject_ClearWeakRefs(self);
  if (p->name) drop_number(p->number);  // else construction failed before it was taken
  Py_CLEAR(p->dict);
  Py_CLEAR(p->base.hooks);
  Py_CLEAR(p->name);
  p->base.value.~Tensor();
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* get_name(PyObject* self, void*) { return Py_NewRef(as_parameter(self)->name); }
int put_name(PyObject* self, PyObject* name, void*) {
  return guarded_int([&] {
    if (!name) fail(ErrorKind::Type, "Parameter: the name cannot be deleted.");
    check_name(name);
    set_name(as_parameter(self), name);
    return 0;
  });
}
PyObject* get_requires_grad(PyObject* self, void*) { return PyBool_FromLong(as_parameter(self)->requires_grad); }
int put_requires_grad(PyObject* self, PyObject* flag, void*) {
  return guarded_int([&] {
    if (!flag || !PyBool_Check(flag)) fail(ErrorKind::Type, "Parameter: requires_grad must be a bool.");
    as_parameter(self)->requires_grad = flag == Py_True;
    return 0;
  });
}

/// The value cast to what the parameter holds, as ops.assign and set_data do.
PyObject* set_data(PyObject* self, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"data", "slice_shape", nullptr};
  PyObject *data, *slice_shape = Py_False;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:set_data", const_cast<char**>(names), &data, &slice_shape))
    return nullptr;
  return guarded([&]() -> PyObject* {
    if (!is_tensor(data) && !PyFloat_Check(data) && !PyLong_Check(data)) {
      fail(ErrorKind::Type, "set_data: data must be a Tensor, int or float, got ", Py_TYPE(data)->tp_name, ".");
    }
    assign(self, owned(value_for_cell(data, self, "set_data")));
    return Py_NewRef(self);
  });
}

PyObject* value(PyObject* self, PyObject*) {
  return guarded([&] { return wrap(tracked_value(self)); });
}

PyMethodDef kMethods[] = {
    {"set_data", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(set_data)), METH_VARARGS | METH_KEYWORDS,
     "set_data($self, data, slice_shape=False)\n--\n\nReplaces the value, also by one of another shape; it is cast to "
     "the parameter's dtype."},
    {"value", value, METH_NOARGS, "value($self, /)\n--\n\nThe value as a Tensor."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef kGetSet[] = {{"name", get_name, put_name, "Name, a str; None or '' makes one up.", nullptr},
                         {"requires_grad", get_requires_grad, put_requires_grad,
                          "Whether derivatives with respect to it are wanted.", nullptr},
                         {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                         {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef kMembers[] = {{"__dictoffset__", T_PYSSIZET, offsetof(ParameterObject, dict), READONLY, nullptr},
                          {nullptr, 0, 0, 0, nullptr}};

PyType_Slot kSlots[] = {
    {Py_tp_doc,
     const_cast<char*>(
         "Parameter(default_input, name=None, requires_grad=True)\n--\n\n"
         "A Tensor with a name that transforms and optimizers find.\n\n"
         "Parameters\n----------\n"
         "default_input : Tensor, int, float, numpy.ndarray or list\n    The first value. A Python int becomes int32.\n"
         "name : str, optional\n    A Cell that it becomes an attribute of names it after that.\n"
         "requires_grad : bool, default True\n    False: transforms give zero for it.\n\n"
         "Raises\n------\nTypeError, ValueError\n    For data that is no number or array, or is bool.\n\n"
         "Examples\n--------\n>>> from adcore import Parameter, Tensor\n>>> Parameter(Tensor([1.0, 2.0]), name='w')\n"
         "Parameter (name=w, shape=(2,), dtype=Float32, requires_grad=True)\n")},
    {Py_tp_new, reinterpret_cast<void*>(parameter_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(parameter_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(parameter_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(parameter_clear)},
    {Py_tp_methods, kMethods},
    {Py_tp_getset, kGetSet},
    {Py_tp_members, kMembers},
    {0, nullptr}};
PyType_Spec kSpec{"adcore.Parameter", sizeof(ParameterObject), 0,
                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, kSlots};

}  // namespace

Slot input_parameter(Level& level, const ParameterObject* p) {
  if (!p->requires_grad) return 0;
  return level.parameter(p->number, value_of(reinterpret_cast<PyObject*>(const_cast<ParameterObject*>(p))));
}

int init_parameter_type(PyObject* module) {
  const Owned bases(PyTuple_Pack(1, tensor_type));
  if (!bases) return -1;
  parameter_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpecWithBases(&kSpec, bases.get()));
  if (!parameter_type) return -1;
  return PyModule_AddObjectRef(module, "Parameter", reinterpret_cast<PyObject*>(parameter_type));
}

}  // namespace adcore::python
