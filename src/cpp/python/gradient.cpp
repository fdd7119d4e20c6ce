// grad and value_and_grad: one callable, one C++ function per call. Arguments were checked when it was made
// (adcore/transforms/gradient.py). Start reading at call().
#include <algorithm>

#include "base/reuse.h"
#include "ops/owned.h"
#include "python/hooks.h"
#include "python/object.h"

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

/// What is told in this thread of a Parameter's gradient while the sweep still runs, else null.
thread_local PyObject* watcher = nullptr;

/// A differentiated argument: the tree that the function sees, whose leaves are inputs of the recording.
struct Argument {
  Py_ssize_t position;
  PyObject* given;  // borrowed
  size_t first_input = 0;
  Owned fresh;
  Owned skeleton;  // the containers alone: the function may change its own, and the caller's; none for a bare leaf
};

/// The lists of one call.
struct Lists {
  std::vector<PyObject*> args;  // borrowed; the differentiated ones are replaced by their fresh trees
  std::vector<Argument> arguments;
  std::vector<Owned> given;  // by input of the recording: the weights, then the leaves of the arguments

  void clear() noexcept {
    forget(args);
    forget(arguments);
    forget(given);
  }
};

[[noreturn]] void fail_leaf(const char* name, Py_ssize_t position, PyObject* leaf) {
  const Owned shown(PyObject_Repr(leaf));
  if (!shown) clear_answer();
  const char* text_of_leaf = shown ? PyUnicode_AsUTF8(shown.get()) : nullptr;
  fail(ErrorKind::Type, name, ": argument ", position, " is to be differentiated, but ",
       text_of_leaf ? text_of_leaf : "an element", " (", Py_TYPE(leaf)->tp_name,
       ") has no derivative; pass a float, a Tensor, a NumPy array, or a container of these.");
}

PyObject* with_id(const GradObject* g, PyObject* id, Owned gradient) {
  if (!g->return_ids) return gradient.release();
  return checked(PyTuple_Pack(2, id, gradient.get()));
}

/// One call of the differentiated function, and its sweep.
class GradientCall {
 public:
  GradientCall(const GradObject* g, PyObject* const* args, Py_ssize_t count, PyObject* keywords) : g_(g) {
    const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    lists_->args.assign(args, args + count + named);
    if (g->positions == Py_None) return;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(g->positions); ++i) {
      const Py_ssize_t position = PyLong_AsSsize_t(PyTuple_GET_ITEM(g->positions, i));
      if (position >= count + named) {
        // A function without inputs has no derivative by one: (), as MindSpore gives.
        if (count + named == 0 && position == 0 && PyTuple_GET_SIZE(g->positions) == 1) return;
        fail_position(position, args, count, keywords);
      }
      lists_->arguments.push_back({position, args[position], 0, {}, {}});
    }
  }

  /// `sens`: the cotangent of what is differentiated; null for ones.
  PyObject* operator()(Py_ssize_t count, PyObject* keywords, PyObject* sens) {
    Level level;
    open_weights(level);
    for (Argument& a : lists_->arguments) open_argument(a, level);
    const Owned result(checked(calling_python(
        [&] { return PyObject_Vectorcall(g_->fn, lists_->args.data(), static_cast<size_t>(count), keywords); })));
    PyObject* const value = differentiated(result.get());
    read_outputs(value, level.tape(), sens != nullptr);
    recording_.close(level);
    Gradients gradients(recording_);
    // The gradient of several or non-scalar outputs is that of the sum of their elements.
    sens ? seed(gradients, value, sens) : gradients.seed_ones();
    if (watcher) [[unlikely]] {
      const Owned watching = Owned::copy(watcher);
      gradients.sweep_to_inputs([&](size_t input) { show(gradients, input, watching.get()); });
    } else {
      gradients.sweep();
    }
    run_hooks(gradients, lists_->given);
    Owned collected(collect(gradients));
    if (g_->with_value) return checked(PyTuple_Pack(2, result.get(), collected.get()));
    if (!g_->has_aux) return collected.release();
    const Owned aux(checked(PyTuple_GetSlice(result.get(), 1, PyTuple_GET_SIZE(result.get()))));
    return checked(PyTuple_Pack(2, collected.get(), aux.get()));
  }

 private:
  /// Calls the watcher with a Parameter and its gradient.
  void show(const Gradients& gradients, size_t input, PyObject* watching) const {
    PyObject* const given = lists_->given[input].get();
    if (!is_parameter(given) || gradients.repeats(input)) return;
    const Owned whole(wrap(gradients.of(input)));
    const Owned done(
        checked(calling_python([&] { return PyObject_CallFunctionObjArgs(watching, given, whole.get(), nullptr); })));
  }

  void name_input(const Tensor& value, Slot slot, PyObject* given) {
    recording_.input(slot, value);
    lists_->given.push_back(Owned::copy(given));
  }

  void open_weights(Level& level) {
    if (g_->weights == Py_None) return;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(g_->weights); ++i) {
      PyObject* const p = PyTuple_GET_ITEM(g_->weights, i);
      name_input(value_of(p), input_parameter(level, reinterpret_cast<ParameterObject*>(p)), p);
    }
  }

  /// An input as the function sees it: `value` at a slot.
  PyObject* input_object(const Tensor& value, Slot slot, const Level& level, PyObject* given) {
    name_input(value, slot, given);
    TensorObject* fresh = new_tensor();
    fresh->value = value;
    fresh->value.set_ref({slot ? level.tape().id() : 0, slot});
    return reinterpret_cast<PyObject*>(fresh);
  }

  /// True iff the call has numbers without derivative, None and strings alone: there is no derivative by one of them.
  bool of_plain_values() const {
    return std::ranges::all_of(
        lists_->args, [](PyObject* arg) { return arg == Py_None || PyLong_Check(arg) || PyUnicode_Check(arg); });
  }

  PyObject* open_leaf(const Argument& a, PyObject* leaf, Level& level) {
    if (is_tensor(leaf)) {
      // A Parameter is a variable: reads of it anywhere in the function mean this input too.
      if (is_parameter(leaf)) {
        const Slot slot = input_parameter(level, reinterpret_cast<ParameterObject*>(leaf));
        PyObject* const fresh = input_object(value_of(leaf), slot, level, leaf);
        set_shared(fresh, true);
        return fresh;
      }
      if (value_of(leaf).boxed()) {
        const Tensor fresh = level.input(tracked_value(leaf));
        return input_object(fresh, fresh.ref().slot, level, leaf);
      }
      const Slot slot = level.input(value_of(leaf), slot_of(leaf, &level.tape()));
      return input_object(value_of(leaf), slot, level, leaf);
    }
    if (stands_for_tensor(leaf)) {
      const Tensor value = tensor_from(leaf, nullptr);
      return input_object(value, level.input(value, 0), level, leaf);
    }
    if (leaf == Py_None && a.given != Py_None) return Py_NewRef(Py_None);  // nothing in a container stays nothing
    if (leaf == a.given && of_plain_values()) {
      without_inputs_ = true;
      return Py_NewRef(leaf);
    }
    fail_leaf(g_->name, a.position, leaf);
  }

  void open_argument(Argument& a, Level& level) {
    a.first_input = recording_.inputs();
    const auto open = [&](PyObject* leaf) { return open_leaf(a, leaf, level); };
    a.fresh = Owned(is_tensor(a.given) ? open(a.given) : tree_map(a.given, open));
    lists_->args[static_cast<size_t>(a.position)] = a.fresh.get();
    if (is_tensor(a.fresh.get()) || without_inputs_) return;
    size_t next = a.first_input;
    a.skeleton = Owned(tree_map(a.fresh.get(), [&](PyObject* leaf) {
      return leaf == Py_None ? Py_NewRef(Py_None) : checked(PyLong_FromSize_t(next++));
    }));
  }

  PyObject* differentiated(PyObject* result) const {
    if (!g_->has_aux) return result;
    require_computed(result, g_->name);
    if (!PyTuple_Check(result) || PyTuple_GET_SIZE(result) < 2) {
      fail(ErrorKind::Value, g_->name,
           ": with has_aux=True the function must return a tuple of the value and at least one more, got ",
           Py_TYPE(result)->tp_name, PyTuple_Check(result) ? " of length 1." : ".");
    }
    return PyTuple_GET_ITEM(result, 0);
  }

  /// `every`: constants among the outputs are named too, since each has a cotangent of the caller's.
  void read_outputs(PyObject* result, const Tape& tape, bool every) {
    const auto read = [&](PyObject* leaf) {
      if (!is_tensor(leaf)) return require_result(leaf, g_->name);
      if (const Slot slot = slot_of(leaf, &tape); slot || every) recording_.output(slot, value_of(leaf));
    };
    if (is_tensor(result)) return read(result);
    tree_visit(result, read);
    if (!every && !g_->has_aux && recording_.outputs() > 1) warn_of_sum(recording_.outputs());
  }

  void warn_of_sum(size_t outputs) const {
    PyObject* warn = python_function("adcore._advice", "warn_of_sum");
    const Owned done(checked(
        calling_python([&] { return PyObject_CallFunction(warn, "sn", g_->name, static_cast<Py_ssize_t>(outputs)); })));
  }

  /// Seeds every output with its part of what the caller gave.
  void seed(Gradients& gradients, PyObject* value, PyObject* sens) const {
    PyObject* match = python_function("adcore.transforms.products", "sens_cotangents");
    const Owned cotangents(
        checked(calling_python([&] { return PyObject_CallFunction(match, "sOO", g_->name, value, sens); })));
    for (size_t k = 0; k < recording_.outputs(); ++k) {
      gradients.seed(k, owned(tracked_value(PyList_GET_ITEM(cotangents.get(), static_cast<Py_ssize_t>(k)))));
    }
  }

  [[noreturn]] void fail_position(Py_ssize_t position, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    PyObject* raise = python_function("adcore.transforms.options", "no_such_position");
    const Owned passed(checked(PyTuple_New(count)));
    for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(passed.get(), i, Py_NewRef(args[i]));
    const Owned names(keywords ? Py_NewRef(keywords) : checked(PyTuple_New(0)));
    const Owned unused(checked(PyObject_CallFunction(raise, "OnOO", g_->fn, position, passed.get(), names.get())));
    throw PythonError{};
  }

  static PyObject* gradient(const Gradients& gradients, size_t input) { return wrap(gradients.of(input)); }

  PyObject* weight_gradient(const Gradients& gradients, size_t i) const {
    auto* p = reinterpret_cast<ParameterObject*>(PyTuple_GET_ITEM(g_->weights, static_cast<Py_ssize_t>(i)));
    return with_id(g_, p->name, Owned(gradient(gradients, i)));
  }

  PyObject* argument_gradient(const Gradients& gradients, const Argument& a) const {
    const auto leaf_gradient = [&](PyObject* leaf) {
      if (leaf == Py_None) return Py_NewRef(Py_None);
      // A dataclass whose fields change while they are read is another one now.
      const size_t input = PyLong_CheckExact(leaf) ? PyLong_AsSize_t(leaf) : SIZE_MAX;
      if (input >= recording_.inputs())
        fail(ErrorKind::Value, g_->name, ": the container of argument ", a.position, " changed meanwhile.");
      return gradient(gradients, input);
    };
    Owned of_argument(a.skeleton ? tree_map(a.skeleton.get(), leaf_gradient) : gradient(gradients, a.first_input));
    if (!g_->return_ids) return of_argument.release();
    const Owned id(checked(PyLong_FromSsize_t(a.position)));
    return with_id(g_, id.get(), std::move(of_argument));
  }

  /// One alone, or a tuple of them.
  template <class F>
  static PyObject* one_or_tuple(bool one, size_t count, F f) {
    if (one) return f(0);
    Owned out(checked(PyTuple_New(static_cast<Py_ssize_t>(count))));
    for (size_t i = 0; i < count; ++i) PyTuple_SET_ITEM(out.get(), static_cast<Py_ssize_t>(i), f(i));
    return out.release();
  }

  PyObject* collect(const Gradients& gradients) const {
    Owned by_position, by_weight;
    const std::vector<Argument>& arguments = lists_->arguments;
    if (g_->positions != Py_None) {
      const size_t count = without_inputs_ ? 0 : arguments.size();
      by_position =
          Owned(one_or_tuple(count == 1, count, [&](size_t i) { return argument_gradient(gradients, arguments[i]); }));
    }
    if (g_->weights != Py_None) {
      const auto count = static_cast<size_t>(PyTuple_GET_SIZE(g_->weights));
      by_weight =
          Owned(one_or_tuple(g_->single_weight, count, [&](size_t i) { return weight_gradient(gradients, i); }));
    }
    if (!by_weight) return by_position.release();
    if (!by_position) return by_weight.release();
    return checked(PyTuple_Pack(2, by_position.get(), by_weight.get()));
  }

  const GradObject* g_;
  bool without_inputs_ = false;  // of_plain_values(); the derivative by position is (), as MindSpore gives
  Recording recording_;
  Reused<Lists> lists_;
};

PyObject* run(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords, PyObject* sens) {
  // A function that differentiates itself without end stops here, not at the end of the stack.
  if (Py_EnterRecursiveCall(" while differentiating")) return nullptr;
  PyObject* result = guarded([&] {
    const Owned held = Owned::copy(self);
    return GradientCall(reinterpret_cast<GradObject*>(self), args, count, keywords)(count, keywords, sens);
  });
  Py_LeaveRecursiveCall();
  return result;
}

PyObject* call(PyObject* self, PyObject* const* args, size_t flags, PyObject* keywords) {
  return run(self, args, PyVectorcall_NARGS(flags), keywords, nullptr);
}

/// The same with the cotangent of the output: seeded(sens, args, kwargs).
PyObject* seeded(PyObject* self, PyObject* given) {
  PyObject *sens, *args, *kwargs;
  if (!PyArg_ParseTuple(given, "OO!O!:seeded", &sens, &PyTuple_Type, &args, &PyDict_Type, &kwargs)) return nullptr;
  return guarded([&] {
    const Owned names(checked(PySequence_Tuple(kwargs)));
    std::vector<PyObject*> passed;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i) passed.push_back(PyTuple_GET_ITEM(args, i));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names.get()); ++i) {
      passed.push_back(PyDict_GetItem(kwargs, PyTuple_GET_ITEM(names.get(), i)));
    }
    const Py_ssize_t count = PyTuple_GET_SIZE(args);
    PyObject* const keywords = PyTuple_GET_SIZE(names.get()) ? names.get() : nullptr;
    return run(self, passed.data(), count, keywords, sens);
  });
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
        clear_answer();
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
/// What it was made with, but for the function.
PyObject* get_options(PyObject* self, void*) {
  const GradObject* g = as_grad(self);
  return Py_BuildValue("(OOOOOO)", g->positions, g->weights, g->single_weight ? Py_True : Py_False,
                       g->has_aux ? Py_True : Py_False, g->return_ids ? Py_True : Py_False,
                       g->with_value ? Py_True : Py_False);
}
PyObject* grad_repr(PyObject* self) {
  return PyUnicode_FromFormat("<adcore.%s of %R>", as_grad(self)->name, as_grad(self)->fn);
}
PyObject* bind_method(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

PyGetSetDef kGetSet[] = {{"__wrapped__", get_wrapped, nullptr, "The differentiated function.", nullptr},
                         {"__name__", get_name, nullptr, nullptr, nullptr},
                         {"_options", get_options, nullptr, "What it was made with, but for the function.", nullptr},
                         {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef kMethods[] = {
    {"seeded", seeded, METH_VARARGS,
     "seeded($self, sens: object, args: tuple, kwargs: dict, /)\n--\n\nThe same call with the cotangent of what is "
     "differentiated in the place of ones.\n\nReturns\n-------\nobject"},
    {nullptr, nullptr, 0, nullptr}};
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
    {Py_tp_methods, kMethods},
    {Py_tp_members, kMembers},
    {0, nullptr}};
PyType_Spec kSpec{"adcore._core.Gradient", sizeof(GradObject), 0,
                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
                  kSlots};

/// Returns the one before, None for none.
PyObject* watch_gradients(PyObject*, PyObject* watching) {
  PyObject* const before = std::exchange(watcher, watching == Py_None ? nullptr : Py_NewRef(watching));
  return before ? before : Py_NewRef(Py_None);
}

PyMethodDef kFunctions[] = {
    {"watch_gradients", watch_gradients, METH_O,
     "watch_gradients($module, watcher: object, /)\n--\n\nCalls the watcher in this thread with each Parameter that "
     "grad "
     "differentiates by, and its gradient, as soon as that is whole.\n\nReturns\n-------\nobject"},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

int init_gradient(PyObject* module) {
  const Owned type(PyType_FromSpec(&kSpec));
  return type && PyModule_AddFunctions(module, kFunctions) == 0 ? PyModule_AddObjectRef(module, "Gradient", type.get())
                                                                : -1;
}

}  // namespace adcore::python
