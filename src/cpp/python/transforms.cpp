// grad and value_and_grad: one callable, one C++ function per call. Arguments were checked when it was made
// (adcore/transforms.py). Start reading at call().
#include "python/object.h"
#include "sweeps/backward.h"

namespace adcore::python {
namespace {

struct GradObject {
  PyObject_HEAD vectorcallfunc call;
  PyObject* fn;
  PyObject* positions;  // tuple of int, or None
  PyObject* weights;    // tuple of Parameter, or None
  bool single_weight;   // a bare Parameter was given
  bool has_aux, return_ids, with_value;
  const char* name;  // for errors
};

/// What becomes of one differentiated argument: its leaves in order, and the tree that the function sees.
struct Input {
  Py_ssize_t position;
  PyObject* argument;  // borrowed
  Owned fresh;
  Owned skeleton;           // the containers alone: the function may change its own, and the caller's
  std::vector<Slot> slots;  // 0: a parameter that wants no derivative
  std::vector<Tensor> values;
};

[[noreturn]] void fail_leaf(const char* name, Py_ssize_t position, PyObject* leaf) {
  const Owned shown(PyObject_Repr(leaf));
  if (!shown) PyErr_Clear();
  const char* text_of_leaf = shown ? PyUnicode_AsUTF8(shown.get()) : nullptr;
  fail(ErrorKind::Type, name, ": argument ", position, " is to be differentiated, but ",
       text_of_leaf ? text_of_leaf : "an element", " (", Py_TYPE(leaf)->tp_name,
       ") has no derivative; pass a float, a Tensor, a NumPy array, or a container of these.");
}

/// The same leaf as an input of the level.
PyObject* open_leaf(Input& in, PyObject* leaf, Level& level, const char* name) {
  if (is_parameter(leaf)) {
    // A Parameter is a variable: reads of it anywhere in the function mean this input too.
    auto* p = reinterpret_cast<ParameterObject*>(leaf);
    Tensor fresh = p->base.value;
    const Slot known = level.tape().parameter_slot(p->number);
    const Slot slot = !p->requires_grad             ? 0
                      : known >= level.first_slot() ? known
                                                    : level.parameter(p->number, tracked_value(leaf));
    fresh.set_ref({slot ? level.tape().id() : 0, slot});
    in.slots.push_back(slot);
    in.values.push_back(p->base.value);
    return wrap(std::move(fresh));
  }
  Tensor value;
  if (is_tensor(leaf)) {
    value = tracked_value(leaf);
  } else if (PyFloat_Check(leaf) || (!PyLong_Check(leaf) && PyObject_CheckBuffer(leaf) && !PyBytes_Check(leaf))) {
    value = tensor_from(leaf, nullptr);
  } else if (leaf == Py_None && in.argument != Py_None) {
    return Py_NewRef(Py_None);  // an empty place in a container stays empty
  } else {
    fail_leaf(name, in.position, leaf);
  }
  Tensor fresh = level.input(value);
  in.slots.push_back(fresh.ref().slot);
  in.values.push_back(value.detached());
  return wrap(std::move(fresh));
}

/// The gradients of one argument in its structure.
PyObject* close_input(const Input& in, const Backward& sweep) {
  const auto gradient = [&](size_t i) {
    return wrap(in.slots[i] ? sweep.cotangent(in.slots[i], in.values[i]) : zeros_like(in.values[i]));
  };
  if (!in.skeleton) return gradient(0);
  return tree_map(in.skeleton.get(), [&](PyObject* leaf) -> PyObject* {
    return leaf == Py_None ? Py_NewRef(Py_None) : gradient(PyLong_AsSize_t(leaf));
  });
}

PyObject* with_id(const GradObject* g, PyObject* id, Owned gradient) {
  if (!g->return_ids) return gradient.release();
  return checked(PyTuple_Pack(2, id, gradient.get()));
}

class Run {
 public:
  Run(const GradObject* g, PyObject* const* args, Py_ssize_t count, PyObject* keywords) : g_(g) {
    const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    args_.assign(args, args + count + named);
    if (g->positions == Py_None) return;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(g->positions); ++i) {
      const Py_ssize_t position = PyLong_AsSsize_t(PyTuple_GET_ITEM(g->positions, i));
      if (position >= count + named) fail_position(position, args, count, keywords);
      inputs_.emplace_back();
      inputs_.back().position = position;
      inputs_.back().argument = args_[static_cast<size_t>(position)];
    }
  }

  PyObject* operator()(Py_ssize_t count, PyObject* keywords) {
    Level level;
    open_weights(level);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      Input& in = inputs_[i];
      in.fresh = Owned(tree_map(in.argument, [&](PyObject* leaf) { return open_leaf(in, leaf, level, g_->name); }));
      args_[static_cast<size_t>(in.position)] = in.fresh.get();
      if (is_tensor(in.fresh.get())) continue;
      size_t leaves = 0;
      in.skeleton = Owned(tree_map(in.fresh.get(), [&](PyObject* leaf) {
        return leaf == Py_None ? Py_NewRef(Py_None) : checked(PyLong_FromSize_t(leaves++));
      }));
    }
    const Owned result(checked(calling_python(
        [&] { return PyObject_Vectorcall(g_->fn, args_.data(), static_cast<size_t>(count), keywords); })));
    PyObject* differentiated = result.get();
    if (g_->has_aux) {
      if (!PyTuple_Check(result.get()) || PyTuple_GET_SIZE(result.get()) < 2) {
        fail(ErrorKind::Value, g_->name,
             ": with has_aux=True the function must return a tuple of the value and at least one more, got ",
             Py_TYPE(result.get())->tp_name, PyTuple_Check(result.get()) ? " of length 1." : ".");
      }
      differentiated = PyTuple_GET_ITEM(result.get(), 0);
    }
    std::vector<Tensor> outputs;
    tree_visit(differentiated, [&](PyObject* leaf) {
      if (is_tensor(leaf)) outputs.push_back(tracked_value(leaf));
    });
    Backward sweep(level);
    // The gradient of several or non-scalar outputs is that of the sum of their elements.
    for (const Tensor& t : outputs) {
      if (level.tape().slot_of(t)) sweep.seed(t, full(t.shape(), int64_t{1}, t.dtype()));
    }
    std::vector<Slot> slots = weight_slots_;
    for (const Input& in : inputs_) slots.insert(slots.end(), in.slots.begin(), in.slots.end());
    std::erase(slots, Slot{0});
    sweep.run(slots);
    Owned gradients(collect(sweep));
    if (g_->with_value) return checked(PyTuple_Pack(2, result.get(), gradients.get()));
    if (!g_->has_aux) return gradients.release();
    const Owned aux(checked(PyTuple_GetSlice(result.get(), 1, PyTuple_GET_SIZE(result.get()))));
    return checked(PyTuple_Pack(2, gradients.get(), aux.get()));
  }

 private:
  [[noreturn]] void fail_position(Py_ssize_t position, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    PyObject* raise = python_function("adcore.transforms", "_no_such_position");
    const Owned passed(checked(PyTuple_New(count)));
    for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(passed.get(), i, Py_NewRef(args[i]));
    const Owned names(keywords ? Py_NewRef(keywords) : checked(PyTuple_New(0)));
    const Owned unused(checked(PyObject_CallFunction(raise, "OnOO", g_->fn, position, passed.get(), names.get())));
    throw PythonError{};
  }

  void open_weights(Level& level) {
    if (g_->weights == Py_None) return;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(g_->weights); ++i) {
      auto* p = reinterpret_cast<ParameterObject*>(PyTuple_GET_ITEM(g_->weights, i));
      weight_values_.push_back(p->base.value);
      const Slot known = level.tape().parameter_slot(p->number);  // the same Parameter may be listed twice
      weight_slots_.push_back(!p->requires_grad             ? 0
                              : known >= level.first_slot() ? known
                                                            : level.parameter(p->number, p->base.value));
    }
  }

  PyObject* weight_gradient(const Backward& sweep, size_t i) const {
    const Slot slot = weight_slots_[i];
    return with_id(g_,
                   reinterpret_cast<ParameterObject*>(PyTuple_GET_ITEM(g_->weights, static_cast<Py_ssize_t>(i)))->name,
                   Owned(wrap(slot ? sweep.cotangent(slot, weight_values_[i]) : zeros_like(weight_values_[i]))));
  }

  PyObject* input_gradient(const Backward& sweep, size_t i) const {
    const Owned id(checked(PyLong_FromSsize_t(inputs_[i].position)));
    return with_id(g_, id.get(), Owned(close_input(inputs_[i], sweep)));
  }

  PyObject* collect(const Backward& sweep) const {
    Owned by_position, by_weight;
    if (g_->positions != Py_None) {
      if (inputs_.size() == 1) {
        by_position = Owned(input_gradient(sweep, 0));
      } else {
        by_position = Owned(checked(PyTuple_New(static_cast<Py_ssize_t>(inputs_.size()))));
        for (size_t i = 0; i < inputs_.size(); ++i)
          PyTuple_SET_ITEM(by_position.get(), static_cast<Py_ssize_t>(i), input_gradient(sweep, i));
      }
    }
    if (g_->weights != Py_None) {
      if (g_->single_weight) {
        by_weight = Owned(weight_gradient(sweep, 0));
      } else {
        by_weight = Owned(checked(PyTuple_New(static_cast<Py_ssize_t>(weight_slots_.size()))));
        for (size_t i = 0; i < weight_slots_.size(); ++i)
          PyTuple_SET_ITEM(by_weight.get(), static_cast<Py_ssize_t>(i), weight_gradient(sweep, i));
      }
    }
    if (!by_weight) return by_position.release();
    if (!by_position) return by_weight.release();
    return checked(PyTuple_Pack(2, by_position.get(), by_weight.get()));
  }

  const GradObject* g_;
  std::vector<PyObject*> args_;  // borrowed; the differentiated ones are replaced by their fresh trees
  std::vector<Input> inputs_;
  std::vector<Slot> weight_slots_;
  std::vector<Tensor> weight_values_;
};

PyObject* call(PyObject* self, PyObject* const* args, size_t flags, PyObject* keywords) {
  // A function that differentiates itself without end stops here, not at the end of the stack.
  if (Py_EnterRecursiveCall(" while differentiating")) return nullptr;
  PyObject* result = guarded([&] {
    const Py_ssize_t count = PyVectorcall_NARGS(flags);
    const Owned held = Owned::copy(self);
    return Run(reinterpret_cast<GradObject*>(self), args, count, keywords)(count, keywords);
  });
  Py_LeaveRecursiveCall();
  return result;
}

// ---- the type -----------------------------------------------------------------------------------------------------

GradObject* as_grad(PyObject* o) { return reinterpret_cast<GradObject*>(o); }

PyObject* grad_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *fn, *positions, *weights;
  int single_weight, has_aux, return_ids, with_value;
  if (!PyArg_ParseTuple(args, "OOOpppp:Gradient", &fn, &positions, &weights, &single_weight, &has_aux, &return_ids,
                        &with_value)) {
    return nullptr;
  }
  return guarded([&]() -> PyObject* {
    bool valid = PyCallable_Check(fn) && (positions == Py_None || PyTuple_Check(positions)) &&
                 (weights == Py_None || PyTuple_Check(weights));
    for (Py_ssize_t i = 0; valid && positions != Py_None && i < PyTuple_GET_SIZE(positions); ++i) {
      valid = PyLong_Check(PyTuple_GET_ITEM(positions, i)) && PyLong_AsSsize_t(PyTuple_GET_ITEM(positions, i)) >= 0;
      if (PyErr_Occurred()) {
        PyErr_Clear();
        fail(ErrorKind::Runtime, "grad: no call has as many arguments as grad_position asks for.");
      }
    }
    for (Py_ssize_t i = 0; valid && weights != Py_None && i < PyTuple_GET_SIZE(weights); ++i)
      valid = is_parameter(PyTuple_GET_ITEM(weights, i));
    if (!valid || (positions == Py_None && weights == Py_None) ||
        (single_weight && (weights == Py_None || PyTuple_GET_SIZE(weights) != 1)) ||
        (positions != Py_None && PyTuple_GET_SIZE(positions) == 0)) {
      fail(ErrorKind::Type, "Gradient: made by adcore.grad and adcore.value_and_grad only.");
    }
    auto* g = as_grad(checked(type->tp_alloc(type, 0)));
    g->call = call;
    g->fn = Py_NewRef(fn);
    g->positions = Py_NewRef(positions);
    g->weights = Py_NewRef(weights);
    g->single_weight = single_weight;
    g->has_aux = has_aux;
    g->return_ids = return_ids;
    g->with_value = with_value;
    g->name = with_value ? "value_and_grad" : "grad";
    return reinterpret_cast<PyObject*>(g);
  });
}
int grad_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as_grad(self)->fn);
  Py_VISIT(as_grad(self)->weights);
  return 0;
}
int grad_clear(PyObject* self) {
  Py_CLEAR(as_grad(self)->fn);
  Py_CLEAR(as_grad(self)->weights);
  return 0;
}
void grad_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  // Derivatives of derivatives make long chains of these; the trashcan takes them apart without recursion.
  Py_TRASHCAN_BEGIN(self, grad_dealloc) grad_clear(self);
  Py_CLEAR(as_grad(self)->positions);
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
  Py_TRASHCAN_END
}
PyObject* get_wrapped(PyObject* self, void*) { return Py_NewRef(as_grad(self)->fn); }
PyObject* get_name(PyObject*, void*) { return PyUnicode_FromString("after_grad"); }
PyObject* grad_repr(PyObject* self) {
  return PyUnicode_FromFormat("<adcore.%s of %R>", as_grad(self)->name, as_grad(self)->fn);
}
PyObject* bind_method(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

PyGetSetDef kGetSet[] = {{"__wrapped__", get_wrapped, nullptr, "The differentiated function.", nullptr},
                         {"__name__", get_name, nullptr, nullptr, nullptr},
                         {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef kMembers[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(GradObject, call), READONLY, nullptr},
                          {nullptr, 0, 0, 0, nullptr}};
PyType_Slot kSlots[] = {
    {Py_tp_doc,
     const_cast<char*>("A function that returns derivatives; made by adcore.grad and adcore.value_and_grad.")},
    {Py_tp_new, reinterpret_cast<void*>(grad_new)},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_descr_get, reinterpret_cast<void*>(bind_method)},
    {Py_tp_dealloc, reinterpret_cast<void*>(grad_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(grad_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(grad_clear)},
    {Py_tp_repr, reinterpret_cast<void*>(grad_repr)},
    {Py_tp_getset, kGetSet},
    {Py_tp_members, kMembers},
    {0, nullptr}};
PyType_Spec kSpec{"adcore._core.Gradient", sizeof(GradObject), 0,
                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
                  kSlots};

}  // namespace

int init_transforms(PyObject* module) {
  const Owned type(PyType_FromSpec(&kSpec));
  return type ? PyModule_AddObjectRef(module, "Gradient", type.get()) : -1;
}

}  // namespace adcore::python
