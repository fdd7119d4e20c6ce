// The Python type Recording: what vjp, linearize and Jacobians keep of a function's call.
//
// What it keeps leads back to Python: the tape to rules, and what was given for an input to its hooks. So it is a
// hand-written type, which takes part in garbage collection.
#include "sweeps/recording.h"

#include "ops/owned.h"
#include "python/hooks.h"
#include "python/object.h"
#include "sweeps/rule.h"

namespace adcore::python {
namespace {

struct Content {
  Level* level = nullptr;  // while the call runs
  bool begun = false;
  Recording recording;
  std::vector<Owned> given;  // by input
};

struct RecordingObject {
  PyObject_HEAD Content* content;
};

Content& content_of(PyObject* self) { return *reinterpret_cast<RecordingObject*>(self)->content; }

Level& open_level(const Content& c) {
  if (!c.level) fail(ErrorKind::Runtime, "a recording has inputs and outputs only while it runs.");
  return *c.level;
}

PyObject* run(PyObject* self, PyObject* body) {
  return guarded([&] {
    const Owned held = Owned::copy(self);
    Content& c = content_of(self);
    if (std::exchange(c.begun, true)) fail(ErrorKind::Runtime, "a recording runs once.");
    Level level(Level::Sweeps::Many);
    c.level = &level;
    struct Unset {
      Content& content;
      ~Unset() { content.level = nullptr; }
    } const unset{c};
    Owned result(checked(calling_python([&] { return PyObject_CallNoArgs(body); })));
    c.recording.close(level);
    return result.release();
  });
}

PyObject* input(PyObject* self, PyObject* tensor) {
  return guarded([&] {
    Content& c = content_of(self);
    Level& level = open_level(c);
    PyObject* const t = tensor_object(tensor);
    Tensor fresh;
    if (is_parameter(t)) {  // a variable: all its reads are the input
      fresh = value_of(t);
      const Slot slot = input_parameter(level, reinterpret_cast<ParameterObject*>(t));
      fresh.set_ref({slot ? level.tape().id() : 0, slot});
    } else {
      fresh = level.input(tracked_value(t));
    }
    c.recording.input(fresh.ref().slot, fresh);
    c.given.push_back(Owned::copy(t));
    return is_parameter(t) ? wrap(std::move(fresh)) : wrap_fresh(std::move(fresh));
  });
}

PyObject* output(PyObject* self, PyObject* tensor) {
  return guarded([&] {
    Content& c = content_of(self);
    PyObject* const t = tensor_object(tensor);
    c.recording.output(slot_of(t, &open_level(c).tape()), value_of(t));
    return Py_NewRef(Py_None);
  });
}

/// `all`: zeros for an input that nothing reached, else None.
PyObject* pulled(PyObject* self, PyObject* cotangents, bool all) {
  return guarded([&] {
    const Owned held = Owned::copy(self);
    const Content& c = content_of(self);
    const Owned given(checked(PySequence_Tuple(cotangents)));
    c.recording.check_live("vjp");
    if (static_cast<size_t>(PyTuple_GET_SIZE(given.get())) != c.recording.outputs()) {
      fail(ErrorKind::Value, "a recording of ", c.recording.outputs(), " outputs got ", PyTuple_GET_SIZE(given.get()),
           " cotangents.");
    }
    Gradients gradients(c.recording);
    for (size_t k = 0; k < c.recording.outputs(); ++k) {
      PyObject* const cotangent = PyTuple_GET_ITEM(given.get(), static_cast<Py_ssize_t>(k));
      if (cotangent != Py_None) gradients.seed(k, owned(tracked_value(tensor_object(cotangent))));
    }
    gradients.sweep();
    run_hooks(gradients, c.given);
    Owned result(checked(PyList_New(static_cast<Py_ssize_t>(c.recording.inputs()))));
    for (size_t i = 0; i < c.recording.inputs(); ++i)
      PyList_SET_ITEM(result.get(), static_cast<Py_ssize_t>(i),
                      all || gradients.reached(i) ? wrap(gradients.of(i)) : Py_NewRef(Py_None));
    return result.release();
  });
}

PyObject* pull(PyObject* self, PyObject* cotangents) { return pulled(self, cotangents, true); }
PyObject* pull_reached(PyObject* self, PyObject* cotangents) { return pulled(self, cotangents, false); }

// ---- the type -----------------------------------------------------------------------------------------------------

PyObject* recording_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {nullptr};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":Recording", const_cast<char**>(names))) return nullptr;
  return guarded([&] {
    auto content = std::make_unique<Content>();
    PyObject* self = checked(type->tp_alloc(type, 0));
    reinterpret_cast<RecordingObject*>(self)->content = content.release();
    return self;
  });
}

int recording_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  const Content* c = reinterpret_cast<RecordingObject*>(self)->content;
  if (!c) return 0;  // it is being made
  for (const Owned& o : c->given) Py_VISIT(o.get());
  int stopped = 0;
  const auto show = [&](void* o) {
    if (o && !stopped) stopped = visit(static_cast<PyObject*>(o), arg);
  };
  // The rules on a tape of its own. One that an outer level owns lives as long as that.
  if (const Tape* tape = c->recording.tape()) visit_rules(*tape, [&](const Rule& rule) { rule.traverse(show); });
  return stopped;
}

int recording_clear(PyObject* self) {
  Content& c = content_of(self);
  const std::vector<Owned> given = std::move(c.given);  // goes when nothing leads to it any more
  c.given.clear();
  c.recording.drop();
  return 0;
}

void recording_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  // A function that calls what vjp returned may be recorded itself: chains of these are taken apart without recursion.
  Py_TRASHCAN_BEGIN(self, recording_dealloc) delete reinterpret_cast<RecordingObject*>(self)->content;
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
  Py_TRASHCAN_END
}

PyMethodDef kMethods[] = {
    {"run", run, METH_O, "run($self, body: callable, /)\n--\n\nCalls body(), which names the inputs and outputs."},
    {"input", input, METH_O,
     "input($self, tensor: Tensor, /)\n--\n\nNames an input; the value as the function sees "
     "it.\n\nReturns\n-------\nTensor"},
    {"output", output, METH_O, "output($self, tensor: Tensor, /)\n--\n\nNames an output.\n\nReturns\n-------\nNone"},
    {"pull", pull, METH_O,
     "pull($self, cotangents: list, /)\n--\n\nThe gradients of the inputs from cotangents of the outputs, None for "
     "zero.\n\nReturns\n-------\nlist of Tensor"},
    {"pull_reached", pull_reached, METH_O,
     "pull_reached($self, cotangents: list, /)\n--\n\nThe same with None for an input that nothing "
     "reached.\n\nReturns\n-------\nlist"},
    {nullptr, nullptr, 0, nullptr}};
PyType_Slot kSlots[] = {
    {Py_tp_doc, const_cast<char*>("Recording()\n--\n\nA function's call, to be swept any number of times.")},
    {Py_tp_new, reinterpret_cast<void*>(recording_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(recording_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(recording_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(recording_clear)},
    {Py_tp_methods, kMethods},
    {0, nullptr}};
PyType_Spec kSpec{"adcore._core.Recording", sizeof(RecordingObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                  kSlots};

}  // namespace

int init_recording(PyObject* module) {
  const Owned type(PyType_FromSpec(&kSpec));
  return type ? PyModule_AddObjectRef(module, "Recording", type.get()) : -1;
}

}  // namespace adcore::python
