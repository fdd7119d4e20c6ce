// The frames of jvp and vmap, and what Python builds these from.
//
// Every call of a transform makes one, so these are hand-written types, whose slots catch: pybind11 lets an exception
// out of a constructor, through the interpreter, where memory is short.
#include "python/frames.h"

#include <algorithm>

#include "base/few.h"
#include "python/object.h"
#include "sweeps/batch.h"
#include "sweeps/forward.h"

namespace adcore::python {
namespace {

struct FrameObject {
  PyObject_HEAD std::shared_ptr<Frame> frame;
};

PyTypeObject *frame_type = nullptr, *forward_type = nullptr, *batch_type = nullptr;

const std::shared_ptr<Frame>& held_frame(PyObject* o) noexcept { return reinterpret_cast<FrameObject*>(o)->frame; }
const Forward& forward_of(PyObject* self) noexcept { return static_cast<const Forward&>(*held_frame(self)); }
const Batch& batch_of(PyObject* self) noexcept { return static_cast<const Batch&>(*held_frame(self)); }

/// The Python object of a jvp or vmap.
PyObject* frame_object(std::shared_ptr<Frame> frame) {
  PyTypeObject* const type = frame->kind == FrameKind::Forward ? forward_type : batch_type;
  PyObject* const self = checked(type->tp_alloc(type, 0));
  new (&reinterpret_cast<FrameObject*>(self)->frame) std::shared_ptr<Frame>(std::move(frame));
  return self;
}

Tensor tensor_of(PyObject* o) { return tracked_value(tensor_object(o)); }

void check_count(const char* name, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most) {
  if (count < least || count > most) fail(ErrorKind::Type, name, ": got ", count, " arguments.");
}

// ---- frames -------------------------------------------------------------------------------------------------------

/// Calls args[0] with the others.
PyObject* call_first(PyObject* const* args, Py_ssize_t count) {
  return checked(
      calling_python([&] { return PyObject_Vectorcall(args[0], args + 1, static_cast<size_t>(count) - 1, nullptr); }));
}

PyObject* run(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&] {
    check_count("run", count, 1, PY_SSIZE_T_MAX);
    const FrameScope scope(*held_frame(self));
    Owned result(call_first(args, count));
    scope.check_records();
    return result.release();
  });
}

PyObject* outside(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&] {
    check_count("outside", count, 1, PY_SSIZE_T_MAX);
    const Unchanged scope;
    const Outside outside(*held_frame(self));
    return call_first(args, count);
  });
}

/// A pair of what wrap() makes of two values; the second is None where it is undefined.
PyObject* pair_of(Tensor first, Tensor second) {
  const Owned a(wrap(std::move(first)));
  const Owned b(second.defined() ? wrap(std::move(second)) : Py_NewRef(Py_None));
  return checked(PyTuple_Pack(2, a.get(), b.get()));
}

PyObject* take_apart(PyObject* self, PyObject* o) {
  return guarded([&] {
    Tensor tangent;
    Tensor value = forward_of(self).take_apart(tensor_of(o), tangent);
    return pair_of(std::move(value), std::move(tangent));
  });
}

PyObject* dual(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&] {
    check_count("dual", count, 2, 2);
    return wrap(forward_of(self).dual(tensor_of(args[0]), args[1] == Py_None ? Tensor() : tensor_of(args[1])));
  });
}

PyObject* join(PyObject* self, PyObject* values) {
  return guarded([&] { return wrap(batch_of(self).join(tensor_of(values))); });
}
PyObject* split(PyObject* self, PyObject* value) {
  return guarded([&] { return wrap(batch_of(self).split(tensor_of(value))); });
}
PyObject* holds(PyObject* self, PyObject* value) {
  return guarded([&] { return PyBool_FromLong(batch_of(self).holds(tensor_of(value))); });
}
/// They have the same elements for sure, whatever hooks and rules stand between them.
bool is_same_value(const Tensor& a, const Tensor& b) {
  const Tensor *x = &a, *y = &b;
  for (; x->boxed() && y->boxed(); x = &box_of(*x)->base, y = &box_of(*y)->base) {
    const Box &p = *box_of(*x), &q = *box_of(*y);
    if (&p == &q) return true;
    if (p.kind != q.kind || p.frame != q.frame) return false;
    if (p.kind == FrameKind::Trace) return p.value == q.value;
  }
  return !x->boxed() && !y->boxed() && x->buffer().get() == y->buffer().get() && x->offset() == y->offset() &&
         x->shape() == y->shape() && x->strides() == y->strides();
}
PyObject* differs(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&] {
    check_count("differs", count, 2, 2);
    const auto id = batch_of(self).id;
    const Box *const a = box_in(tensor_of(args[0]), id), *const b = box_in(tensor_of(args[1]), id);
    return PyBool_FromLong(a != b && !(a && b && is_same_value(a->base, b->base)));
  });
}
PyObject* get_size(PyObject* self, void*) { return PyLong_FromLongLong(batch_of(self).size); }

// ---- the types ----------------------------------------------------------------------------------------------------

PyObject* forward_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {nullptr};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":Forward", const_cast<char**>(names))) return nullptr;
  return guarded([] { return frame_object(std::make_shared<Forward>()); });
}
PyObject* batch_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"size", "draws", nullptr};
  long long size;
  int draws = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "L|i:Batch", const_cast<char**>(names), &size, &draws)) return nullptr;
  return guarded([&] {
    const auto batch = std::make_shared<Batch>(size);
    batch->draws = static_cast<Draws>(draws);
    return frame_object(batch);
  });
}
void frame_dealloc(PyObject* self) {
  reinterpret_cast<FrameObject*>(self)->frame.~shared_ptr();
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyCFunction fast(PyObject* (*f)(PyObject*, PyObject* const*, Py_ssize_t)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

PyMethodDef kFrameMethods[] = {
    {"run", fast(run), METH_FASTCALL,
     "run($self, fn: callable, /, *args)\n--\n\nCalls fn inside of the frame.\n\nReturns\n-------\nobject"},
    {"outside", fast(outside), METH_FASTCALL,
     "outside($self, fn: callable, /, *args)\n--\n\nCalls fn outside of the frame.\n\nReturns\n-------\nobject"},
    {nullptr, nullptr, 0, nullptr}};
PyMethodDef kForwardMethods[] = {
    {"dual", fast(dual), METH_FASTCALL,
     "dual($self, value: Tensor, tangent: Tensor | None, /)\n--\n\nA value with its tangent, None for "
     "zero.\n\nReturns\n-------\nTensor"},
    {"take_apart", take_apart, METH_O,
     "take_apart($self, value: Tensor, /)\n--\n\nThe value outside of the frame and its tangent, None for "
     "zero.\n\nReturns\n-------\ntuple"},
    {nullptr, nullptr, 0, nullptr}};
PyMethodDef kBatchMethods[] = {
    {"join", join, METH_O,
     "join($self, values: Tensor, /)\n--\n\nThe members along axis 0 as one value.\n\nReturns\n-------\nTensor"},
    {"split", split, METH_O,
     "split($self, value: Tensor, /)\n--\n\nAll members of a value along axis 0.\n\nReturns\n-------\nTensor"},
    {"holds", holds, METH_O,
     "holds($self, value: Tensor, /)\n--\n\nTrue where the value differs between the "
     "members.\n\nReturns\n-------\nbool"},
    {"differs", fast(differs), METH_FASTCALL,
     "differs($self, value: Tensor, other: Tensor, /)\n--\n\nTrue where they are not one and the same value of "
     "members, hooks aside.\n\nReturns\n-------\nbool"},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef kBatchGetSet[] = {{"size", get_size, nullptr, "How many members, an int.", nullptr},
                              {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot kFrameSlots[] = {{Py_tp_doc, const_cast<char*>("An open jvp or vmap.")},
                             {Py_tp_dealloc, reinterpret_cast<void*>(frame_dealloc)},
                             {Py_tp_methods, kFrameMethods},
                             {0, nullptr}};
PyType_Slot kForwardSlots[] = {{Py_tp_doc, const_cast<char*>("Forward()\n--\n\nA jvp.")},
                               {Py_tp_new, reinterpret_cast<void*>(forward_new)},
                               {Py_tp_methods, kForwardMethods},
                               {0, nullptr}};
PyType_Slot kBatchSlots[] = {
    {Py_tp_doc,
     const_cast<char*>(
         "Batch(size: int, draws: int = 0)\n--\n\nA vmap over so many members, which draw the same random numbers (0), "
         "numbers of their own (1), or none (2).")},
    {Py_tp_new, reinterpret_cast<void*>(batch_new)},
    {Py_tp_methods, kBatchMethods},
    {Py_tp_getset, kBatchGetSet},
    {0, nullptr}};
PyType_Spec kFrameSpec{"adcore._core.Frame", sizeof(FrameObject), 0,
                       Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, kFrameSlots};
PyType_Spec kForwardSpec{"adcore._core.Forward", sizeof(FrameObject), 0, Py_TPFLAGS_DEFAULT, kForwardSlots};
PyType_Spec kBatchSpec{"adcore._core.Batch", sizeof(FrameObject), 0, Py_TPFLAGS_DEFAULT, kBatchSlots};

/// Lives as long as the process.
PyTypeObject* add_type(PyObject* module, const char* name, PyType_Spec& spec, PyTypeObject* base) {
  const Owned bases(base ? checked(PyTuple_Pack(1, base)) : nullptr);
  PyObject* const type = checked(PyType_FromSpecWithBases(&spec, bases.get()));
  if (PyModule_AddObjectRef(module, name, type) < 0) throw PythonError{};
  return reinterpret_cast<PyTypeObject*>(type);
}

// ---- functions of the module --------------------------------------------------------------------------------------

/// Of jvps and vmaps: a trace needs nothing from whoever asks.
PyObject* innermost_of(PyObject*, PyObject* leaves) {
  return guarded([&] {
    const Owned all(checked(PySequence_Tuple(leaves)));
    Frame* found = nullptr;
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(all.get()); ++k) {
      PyObject* const o = PyTuple_GET_ITEM(all.get(), k);
      Frame* const f = is_tensor(o) ? innermost(value_of(o)) : nullptr;
      if (f && f->kind != FrameKind::Trace && (!found || f->place.depth > found->place.depth)) found = f;
    }
    return found ? frame_object(found->shared_from_this()) : Py_NewRef(Py_None);
  });
}

/// A jvp that no_grad shuts out.
bool is_shut_out(const Frame& f) { return f.kind == FrameKind::Forward && f.place.depth <= context().no_grad_depth; }

PyObject* open_frame(PyObject*, PyObject*) {
  return guarded([&] {
    Frame* f = context().frame;
    while (f && is_shut_out(*f)) f = f->place.outer;
    return f && f->kind != FrameKind::Trace ? frame_object(f->shared_from_this()) : Py_NewRef(Py_None);
  });
}

PyObject* open_derivatives(PyObject*, PyObject*) {
  return guarded([&] {
    const Tape* const tape = context().tape;
    uint32_t count = tape ? tape->open_levels : 0;
    const Frame* f = context().frame;
    for (; f && f->kind != FrameKind::Trace; f = f->place.outer)
      count += f->kind == FrameKind::Forward && !is_shut_out(*f);
    if (f && f->place.tape == tape && tape) count -= std::min(count, f->place.open_levels);
    return PyLong_FromUnsignedLong(count);
  });
}

/// jvp of a function of tensors: the pair of its value and tangent where it returns one tensor, else of the frame and
/// what it returned. None, and nothing has run, where the arguments are not tensors with tangents like them.
PyObject* push_plain(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&] {
    check_count("push_plain", count, 3, 3);
    PyObject *const fn = args[0], *const inputs = args[1], *const tangents = args[2];
    if (!PyTuple_Check(inputs) || !PyTuple_Check(tangents))
      fail(ErrorKind::Type, "push_plain: tuples are needed here.");
    const Py_ssize_t n = PyTuple_GET_SIZE(inputs);
    if (n != PyTuple_GET_SIZE(tangents)) return Py_NewRef(Py_None);
    const auto size = static_cast<size_t>(n);
    Few<Tensor> values(size), directions(size);
    for (size_t k = 0; k < size; ++k) {
      PyObject *x = PyTuple_GET_ITEM(inputs, k), *t = PyTuple_GET_ITEM(tangents, k);
      if (!is_tensor(x) || !is_tensor(t)) return Py_NewRef(Py_None);
      values[k] = tracked_value(x);
      directions[k] = tracked_value(t);
      if (!(values[k].shape() == directions[k].shape()) || derivative_dtype(values[k].dtype()) != directions[k].dtype())
        return Py_NewRef(Py_None);
    }
    const auto frame = std::make_shared<Forward>();
    const Owned duals(checked(PyTuple_New(n)));
    for (size_t k = 0; k < size; ++k) PyTuple_SET_ITEM(duals.get(), k, wrap(frame->dual(values[k], directions[k])));
    Owned out;
    {
      const FrameScope scope(*frame);
      out = Owned(checked(calling_python([&] { return PyObject_Call(fn, duals.get(), nullptr); })));
      scope.check_records();
    }
    if (!is_tensor(out.get())) {
      const Owned held(frame_object(frame));
      return checked(PyTuple_Pack(2, held.get(), out.get()));
    }
    Tensor tangent;
    Tensor value = frame->take_apart(tracked_value(out.get()), tangent);
    if (!tangent.defined()) tangent = zero_derivative(value);
    return pair_of(std::move(value), std::move(tangent));
  });
}

PyObject* settled_of(PyObject*, PyObject* tensor) {
  return guarded([&] { return wrap(settled(tensor_of(tensor))); });
}

PyObject* is_batch(PyObject*, PyObject* tensor) {
  return guarded([&] {
    for (const Box* b = box_of(value_of(tensor_object(tensor))); b; b = box_of(b->base))
      if (b->kind == FrameKind::Batch) return Py_NewRef(Py_True);
    return Py_NewRef(Py_False);
  });
}

PyObject* is_same(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&] {
    check_count("is_same", count, 2, 2);
    return PyBool_FromLong(is_same_value(tensor_of(args[0]), tensor_of(args[1])));
  });
}

PyMethodDef kFunctions[] = {
    {"is_same", fast(is_same), METH_FASTCALL,
     "is_same($module, a: Tensor, b: Tensor, /)\n--\n\nTrue where they have the same elements for sure.\n\nReturns\n"
     "-------\nbool"},
    {"push_plain", fast(push_plain), METH_FASTCALL,
     "push_plain($module, fn: callable, args: tuple, tangents: tuple, /)\n--\n\njvp of a function of tensors, None "
     "where "
     "it is none.\n\nReturns\n-------\nobject"},
    {"innermost", innermost_of, METH_O,
     "innermost($module, leaves: list, /)\n--\n\nThe innermost jvp or vmap of the leaves, None where there is "
     "none.\n\nReturns\n-------\nobject"},
    {"open_frame", open_frame, METH_NOARGS,
     "open_frame($module, /)\n--\n\nThe innermost jvp or vmap that is open here, None where there is none, or a "
     "program is recorded inside of it.\n\nReturns\n-------\nobject"},
    {"open_derivatives", open_derivatives, METH_NOARGS,
     "open_derivatives($module, /)\n--\n\nHow many levels and jvps are open here, inside of a program that is "
     "recorded.\n\nReturns\n-------\nint"},
    {"settled", settled_of, METH_O,
     "settled($module, tensor: Tensor, /)\n--\n\nThe value without jvps that have ended.\n\nReturns\n-------\nTensor"},
    {"is_batch", is_batch, METH_O,
     "is_batch($module, tensor: Tensor, /)\n--\n\nTrue for a value of an open vmap.\n\nReturns\n-------\nbool"},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

Frame& frame_of(PyObject* o) {
  if (!PyObject_TypeCheck(o, frame_type))
    fail(ErrorKind::Type, "a frame is needed here, got ", Py_TYPE(o)->tp_name, ".");
  return *held_frame(o);
}

Frames open_frames() {
  Frames frames;
  for (Frame* f = context().frame; f; f = f->place.outer) frames.push_back(f->shared_from_this());
  return frames;
}

int init_frames(PyObject* module) {
  return guarded_int([&] {
    frame_type = add_type(module, "Frame", kFrameSpec, nullptr);
    forward_type = add_type(module, "Forward", kForwardSpec, frame_type);
    batch_type = add_type(module, "Batch", kBatchSpec, frame_type);
    return PyModule_AddFunctions(module, kFunctions);
  });
}

}  // namespace adcore::python
