// The Python type Tensor: a cell that holds one value. Operators enter here and go straight to apply().
//
// Start reading at binary(). What is not on the path of an op (printing, pickling, tolist) is Python:
// adcore/_tensor.py.
#include <algorithm>

#include "core/box.h"
#include "ops/owned.h"
#include "ops/table.h"
#include "python/arguments.h"
#include "python/cells.h"
#include "python/function.h"
#include "python/object.h"

namespace adcore::python {

PyTypeObject* tensor_type = nullptr;

namespace {

// ---- life of an object --------------------------------------------------------------------------------------------

constexpr int kFreeObjects = 256;
TensorObject* free_objects[kFreeObjects];  // each still holds its reference to the type
int free_count = 0;                        // guarded by the interpreter's lock

/// Only what has hooks, or shares an array, can be part of a cycle: others are not tracked.
[[gnu::noinline]] void let_go_of_references(PyObject* self) {
  auto* o = reinterpret_cast<TensorObject*>(self);
  PyObject_GC_UnTrack(self);
  if (o->weak_references) PyObject_ClearWeakRefs(self);
  Py_CLEAR(o->hooks);
}

int tensor_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<TensorObject*>(self)->hooks);
  return visit_shared_array(own_value(self), visit, arg);
}
int tensor_clear(PyObject* self) {
  Py_CLEAR(reinterpret_cast<TensorObject*>(self)->hooks);
  return 0;
}

[[gnu::noinline]] void give_back(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

void tensor_dealloc(PyObject* self) {
  auto* o = reinterpret_cast<TensorObject*>(self);
  if (Py_TYPE(self) != tensor_type) [[unlikely]] {
    let_go_of_references(self);
    o->value.~Tensor();
    return give_back(self);
  }
  // The flag, not the hooks, which the collector may have cleared; and not a call that asks the interpreter.
  if (o->weak_references || o->made & kTracked) [[unlikely]]
    let_go_of_references(self);
  o->value.~Tensor();
  if (free_count == kFreeObjects) return give_back(self);
  free_objects[free_count++] = o;
}

}  // namespace

TensorObject* new_tensor() {
  TensorObject* o;
  if (free_count > 0) {
    o = free_objects[--free_count];
    Py_SET_REFCNT(reinterpret_cast<PyObject*>(o), 1);
  } else {
    o = PyObject_GC_New(TensorObject, tensor_type);
    if (!o) throw std::bad_alloc();
    o->weak_references = o->hooks = nullptr;
  }
  o->made = made_cells++;
  new (&o->value) Tensor;
  return o;
}

void assign(PyObject* cell, Tensor value) {
  if (is_parameter(cell)) {
    const uint32_t number = reinterpret_cast<ParameterObject*>(cell)->number;
    if (Tape* tape = context().tape) tape->set_parameter_slot(number, tape->slot_of(value));
    value.set_ref({});
  }
  if (CellView* view = context().cells) return view->write(cell, std::move(value));
  // Swapped, not overwritten: the old value may be memory whose release runs Python code, and that must not see half a
  // cell.
  std::swap(own_value(cell), value);
}

// ---- what leaves a derivative -------------------------------------------------------------------------------------

namespace {

PyObject* detached_warning = nullptr;

bool has_derivative(const Tensor& t, const Tape* tape) {
  if (tape && tape->slot_of(t)) return true;
  const Box* box = box_of(t);
  if (!box || box->kind == FrameKind::Trace) return false;
  return (box->tangent.defined() && computing_frame(*box)) || has_derivative(box->base, tape);
}

}  // namespace

bool is_differentiated(PyObject* o) {
  const Tape* tape = context().tape;
  return slot_of(o, tape) || has_derivative(value_of(o), tape);
}

void warn_detached(PyObject* o, const char* how, int frames) {
  const ThreadContext& c = context();
  if ((!c.tape && !c.frame) || !is_differentiated(o)) [[likely]]
    return;
  if (PyErr_WarnFormat(
          detached_warning, frames,
          "%s takes the numbers out of a value that is being differentiated: what is computed from them "
          "has no derivative. Use functions of adcore.ops, Tensor([x, y]) for np.array([x, y]), or say that "
          "it is meant: x.item(), x.asnumpy() or ops.stop_gradient(x).",
          how) < 0) {
    throw PythonError{};
  }
}

// ---- operators ----------------------------------------------------------------------------------------------------

namespace {

/// The other side of an operator as an operand; false where Python should try something else.
bool operand_beside(PyObject* o, const Tensor& like, const Op& op, Tensor& converted, Operand& out) {
  if (is_number(o)) {
    converted = number_beside(o, like, &op);
    out = number_operand(converted, like);
    return true;
  }
  if (!PyList_Check(o) && !PyTuple_Check(o) && !is_array(o)) return false;
  converted = tensor_from(o, nullptr);
  const Tape* tape = context().tape;  // a list may hold tensors
  out = {&converted, tape ? tape->slot_of(converted) : 0};
  return true;
}

constexpr int row(const char* name) { return formula_index(name); }

PyObject* apply_new(const Op& op, const Operand* operands, int count) {
  Owned result(reinterpret_cast<PyObject*>(new_tensor()));
  Call call{op, operands, count, &own_value(result.get()), {}};
  apply(call);
  return result.release();
}

[[gnu::noinline]] PyObject* apply_checked(const Op& op, LastInteger may_be, const Operand* operands) {
  // Checked and computed with on one copy: another thread may change the cell between.
  const Tensor first = *operands[0].value;
  Tensor last = *operands[1].value;
  const Tape* tape = context().tape;
  last.set_ref({operands[1].slot ? tape->id() : 0, operands[1].slot});
  if (!is_float(first.dtype()) && !is_float(last.dtype()) && first.size()) last = checked_last(op.name, may_be, last);
  const Operand held[] = {{&first, operands[0].slot, operands[0].weak},
                          {&last, tape ? tape->slot_of(last) : 0, operands[1].weak}};
  return apply_new(op, held, 2);
}

}  // namespace

PyObject* apply_elementwise(const Op& op, const Operand* operands, int count) {
  if (const LastInteger may_be = kLastInteger[static_cast<size_t>(op.row)]; may_be != LastInteger::Any) [[unlikely]]
    return apply_checked(op, may_be, operands);
  return apply_new(op, operands, count);
}

namespace {

[[gnu::noinline]] PyObject* binary_mixed(const Op& op, PyObject* a, PyObject* b) {
  const Tape* tape = context().tape;
  Operand operands[2];
  Tensor converted;
  const bool left = is_tensor(a), right = is_tensor(b);
  // Conversions first: they may run Python code, which may change the tensors.
  if ((!left && !operand_beside(a, value_of(b), op, converted, operands[0])) ||
      (!right && !operand_beside(b, value_of(a), op, converted, operands[1]))) {
    Py_RETURN_NOTIMPLEMENTED;
  }
  if (left) operands[0] = operand_of(a, tape);
  if (right) operands[1] = operand_of(b, tape);
  return apply_elementwise(op, operands, 2);
}

/// A tensor and a Python float, the commonest of the mixed cases: nothing there runs Python code.
PyObject* binary_float(const Op& op, PyObject* a, PyObject* b, const ThreadContext& c) {
  const bool left = PyFloat_CheckExact(a);  // the number
  const Operand given = plain_operand_of(left ? b : a, c.tape);
  const Tensor number = number_beside(left ? a : b, *given.value, &op);
  const Operand other = number_operand(number, *given.value);
  const Operand operands[] = {left ? other : given, left ? given : other};
  return apply_elementwise(op, operands, 2);
}

PyObject* binary_impl(const Op& op, PyObject* a, PyObject* b) {
  const ThreadContext& c = context();
  if (!c.cells) {
    const bool left = Py_TYPE(a) == tensor_type, right = Py_TYPE(b) == tensor_type;
    if (left && right) {
      const Operand operands[] = {plain_operand_of(a, c.tape), plain_operand_of(b, c.tape)};
      return apply_elementwise(op, operands, 2);
    }
    if ((left && PyFloat_CheckExact(b)) || (right && PyFloat_CheckExact(a))) return binary_float(op, a, b, c);
  }
  if (!is_tensor(a) || !is_tensor(b)) return binary_mixed(op, a, b);
  const Operand operands[] = {operand_of(a, c.tape), operand_of(b, c.tape)};
  return apply_elementwise(op, operands, 2);
}

template <int Row>
PyObject* binary(PyObject* a, PyObject* b) {
  return guarded([&] { return binary_impl(elementwise_op(Row), a, b); });
}

template <int Row>
PyObject* unary(PyObject* a) {
  return guarded([&] {
    const Operand operand = operand_of(a, context().tape);
    return apply_elementwise(elementwise_op(Row), &operand, 1);
  });
}

/// `t op= u` gives the name t another Tensor, as `t = t op u` does, of the dtype to which both promote; what else holds
/// the old one keeps its value. The result must be of t's shape: a sum that quietly grows is nobody's wish.
PyObject* fitting(PyObject* a, const char* name, Owned result) {
  if (!result || !is_tensor(result.get())) return result.release();
  const Dims &old = value_of(a).shape(), &fresh = value_of(result.get()).shape();
  if (old == fresh) return result.release();
  fail(ErrorKind::Value, name, ": an augmented assignment keeps the shape, ", to_string(old), ", but the result is of ",
       to_string(fresh), ". Write t = t + u, not t += u.");
}

template <int Row>
PyObject* in_place(PyObject* a, PyObject* b) {
  return guarded([&] {
    const Op& op = elementwise_op(Row);
    return fitting(a, op.name, Owned(binary_impl(op, a, b)));
  });
}

PyObject* power(PyObject* a, PyObject* b, PyObject* modulo) {
  if (modulo != Py_None) {
    PyErr_SetString(PyExc_TypeError, "pow: a third argument is not possible with tensors.");
    return nullptr;
  }
  return guarded([&] { return power_of(a, b); });
}
PyObject* in_place_power(PyObject* a, PyObject* b, PyObject* modulo) {
  return guarded([&] { return fitting(a, "pow", Owned(power(a, b, modulo))); });
}

PyObject* matrix_multiply(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    if (!is_tensor(a) || !is_tensor(b)) {
      PyObject* other = is_tensor(a) ? b : a;
      if (!is_array(other) && !PyList_Check(other) && !PyTuple_Check(other)) {
        fail(ErrorKind::Type, "matmul: both operands must be tensors or arrays, got ", Py_TYPE(other)->tp_name, ".");
      }
      // An array, or a list, has the dtype that NumPy gave it: here, as beside other operators, the types promote.
      const Tensor constant = tensor_from(other, nullptr), t = tracked_value(is_tensor(a) ? a : b);
      const DType common = promote(t.dtype(), constant.dtype());
      const Tensor x = cast(t, common), y = cast(constant, common);
      return wrap_fresh(is_tensor(a) ? matmul(x, y) : matmul(y, x));
    }
    return wrap_fresh(matmul(tracked_value(a), tracked_value(b)));
  });
}

PyObject* absolute(PyObject* a) { return unary<row("abs")>(a); }
PyObject* positive(PyObject* a) {
  return guarded([&] { return wrap(tracked_value(a)); });
}
PyObject* invert(PyObject* a) {
  return guarded([&] {
    const Tensor t = tracked_value(a);
    if (t.dtype() == DType::Bool) return wrap(map("logical_not", t));
    if (is_float(t.dtype())) fail(ErrorKind::Type, "invert: works on integers and bool, got ", name_of(t.dtype()), ".");
    return wrap(map("sub", scalar(int64_t{-1}, t.dtype()), t));  // two's complement: ~x = -1 - x
  });
}

PyObject* compare(PyObject* a, PyObject* b, int how) {
  static constexpr int kRows[] = {row("less"),      row("less_equal"), row("equal"),
                                  row("not_equal"), row("greater"),    row("greater_equal")};
  return guarded([&]() -> PyObject* {
    if (!is_tensor(b) && !is_number(b) && !(is_array(b))) Py_RETURN_NOTIMPLEMENTED;
    return binary_impl(elementwise_op(kRows[how]), a, b);
  });
}

// ---- numbers ------------------------------------------------------------------------------------------------------

/// Equality compares elements, so a tensor is hashed by identity, as MindSpore does.
Py_hash_t identity_hash(PyObject* self) { return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(self) >> 4); }

double single(const Tensor& t, const char* what) {
  if (t.size() != 1) {
    fail(ErrorKind::Value, what, ": needs a tensor of one element, this one has ", t.size(), " (shape ",
         to_string(t.shape()), ").");
  }
  return item(t);
}

int as_bool(PyObject* self) {
  return guarded_int([&] { return single(value_of(self), "bool") != 0 ? 1 : 0; });
}

/// The one element as a Python number, exactly.
PyObject* python_number(const Tensor& t) {
  if (is_float(t.dtype())) return checked(PyFloat_FromDouble(item(t)));
  int64_t v = 0;
  copy_to(t, &v, DType::Int64);
  if (t.dtype() == DType::Bool) return checked(PyBool_FromLong(v != 0));
  return checked(t.dtype() == DType::UInt64 ? PyLong_FromUnsignedLongLong(static_cast<uint64_t>(v))
                                            : PyLong_FromLongLong(v));
}

PyObject* as_float(PyObject* self) {
  return guarded([&] {
    const double v = single(value_of(self), "float");
    warn_detached(self, "float(x)");
    return checked(PyFloat_FromDouble(v));
  });
}
PyObject* as_int(PyObject* self) {
  return guarded([&] {
    const Tensor t = value_of(self);
    const double v = single(t, "int");
    warn_detached(self, "int(x)");
    return is_float(t.dtype()) ? checked(PyLong_FromDouble(v)) : checked(PyNumber_Long(Owned(python_number(t)).get()));
  });
}
PyObject* as_index(PyObject* self) {
  return guarded([&] {
    const Tensor t = value_of(self);
    if (!is_integer(t.dtype())) fail(ErrorKind::Type, "index: a tensor of ", name_of(t.dtype()), " is not an integer.");
    single(t, "index");
    warn_detached(self, "x.__index__()");
    return python_number(t);
  });
}
PyObject* tensor_item(PyObject* self, PyObject*) {
  return guarded([&] {
    single(value_of(self), "item");
    return python_number(value_of(self));
  });
}

// ---- sequence -----------------------------------------------------------------------------------------------------

Py_ssize_t length(PyObject* self) {
  return guarded_or<Py_ssize_t>(-1, [&] {
    const Tensor& t = value_of(self);
    if (!t.rank()) fail(ErrorKind::Type, "len: a tensor without axes has no length.");
    return t.shape()[0];
  });
}
PyObject* sequence_item(PyObject* self, Py_ssize_t i) {
  // The sequence protocol has added the length to a negative index already.
  const Owned key(PyLong_FromSsize_t(i));
  return key ? get_item(self, key.get()) : nullptr;
}
PyObject* iterate(PyObject* self) {
  return guarded([&] {
    if (!value_of(self).rank()) fail(ErrorKind::Type, "iter: a tensor without axes has nothing to iterate over.");
    return PySeqIter_New(self);
  });
}
int contains(PyObject* self, PyObject* element) {
  const Owned equal(PyObject_RichCompare(self, element, Py_EQ));
  if (!equal) return -1;
  if (!is_tensor(equal.get())) return PyObject_IsTrue(equal.get());
  return guarded_int([&] {
    const Tensor hits = value_of(equal.get());
    return hits.size() && item(amax(hits)) != 0 ? 1 : 0;
  });
}

// ---- attributes ---------------------------------------------------------------------------------------------------

PyObject* get_shape(PyObject* self, void*) {
  return guarded([&] { return shape_tuple(value_of(self).shape()); });
}
PyObject* get_dtype(PyObject* self, void*) {
  return guarded([&] { return Py_NewRef(dtype_object(value_of(self).dtype())); });
}
PyObject* get_ndim(PyObject* self, void*) {
  return guarded([&] { return PyLong_FromLong(value_of(self).rank()); });
}
PyObject* get_size(PyObject* self, void*) {
  return guarded([&] { return PyLong_FromLongLong(value_of(self).size()); });
}
PyObject* get_itemsize(PyObject* self, void*) {
  return guarded([&] { return PyLong_FromSize_t(size_of(value_of(self).dtype())); });
}
PyObject* get_nbytes(PyObject* self, void*) {
  return guarded([&] {
    const Tensor& t = value_of(self);
    return PyLong_FromLongLong(t.size() * static_cast<int64_t>(size_of(t.dtype())));
  });
}
/// How the elements lie in memory is not known while a function is recorded.
[[gnu::cold, gnu::noinline]] void require_layout(PyObject* self, const char* what) {
  for (const Box* box = box_of(value_of(self)); box; box = box_of(box->base)) {
    if (box->kind != FrameKind::Trace) continue;
    throw RecordingError(text("jit: ", what, " of a tensor of shape ", to_string(value_of(self).shape()),
                              " is not known while a function is recorded, and may differ from call to call."));
  }
}

PyObject* get_strides(PyObject* self, void*) {
  return guarded([&] {
    require_layout(self, "strides");
    Dims strides = value_of(self).strides();
    for (int i = 0; i < strides.size(); ++i) strides[i] *= static_cast<int64_t>(size_of(value_of(self).dtype()));
    return shape_tuple(strides);
  });
}
PyObject* get_transposed(PyObject* self, void*) {
  return guarded([&] {
    const Tensor t = tracked_value(self);
    Dims order;
    for (int i = t.rank() - 1; i >= 0; --i) order.push_back(i);
    return wrap_fresh(permute(t, order));
  });
}
PyObject* get_matrix_transposed(PyObject* self, void*) {
  return guarded([&] { return wrap_fresh(swap_axes(tracked_value(self), -1, -2)); });
}

PyObject* is_contiguous(PyObject* self, PyObject*) {
  return guarded([&] {
    require_layout(self, "the layout");
    return PyBool_FromLong(value_of(self).contiguous());
  });
}
PyObject* contiguous(PyObject* self, PyObject*) {
  return guarded([&] {
    const Tensor t = tracked_value(self);
    return wrap(t.contiguous() ? t : packed(t));
  });
}
PyObject* tensor_copy(PyObject* self, PyObject*) {
  // Values are immutable, so a cell of its own is a copy; but for memory that somebody else may write to.
  return guarded([&] { return wrap(tensor_from(self, nullptr)); });
}
PyObject* tensor_assign(PyObject* self, PyObject* value) {
  return guarded([&]() -> PyObject* {
    if (!is_tensor(value))
      fail(ErrorKind::Type, "assign: the value must be a Tensor, got ", Py_TYPE(value)->tp_name, ".");
    assign(self, owned(tracked_value(value)));
    set_shared(self, is_parameter(value) || is_shared(value));
    return Py_NewRef(self);
  });
}

// ---- memory: exported without a copy, read-only -------------------------------------------------------------------

struct Export {
  BufferRef buffer;
  Py_ssize_t shape[kMaxRank];
  Py_ssize_t strides[kMaxRank];
};

const char* format_of(DType t) {
  constexpr const char* kFormats[kDTypeCount] = {"?", "B", "b", "H", "h", "I", "i", "Q", "q", "e", nullptr, "f", "d"};
  return kFormats[static_cast<int>(t)];
}

/// Wraps where it does not fit: beside a size of 0 such strides exist, and are never used.
Py_ssize_t byte_stride(const Tensor& t, int axis) {
  return static_cast<Py_ssize_t>(static_cast<size_t>(t.strides()[axis]) * size_of(t.dtype()));
}

/// The strides, in bytes, of elements that lie one after the other; the last index runs fastest in C's order, the first
/// in Fortran's. True where the tensor's do: the stride of an axis of size 1 has no meaning, nor has any where nothing
/// lies.
bool packed_strides(const Tensor& t, bool fortran, Py_ssize_t* strides) {
  bool packed = true;
  size_t step = size_of(t.dtype());
  for (int k = 0; k < t.rank(); ++k) {
    const int i = fortran ? k : t.rank() - 1 - k;
    strides[i] = static_cast<Py_ssize_t>(step);
    packed &= t.shape()[i] == 1 || byte_stride(t, i) == strides[i];
    step *= static_cast<size_t>(t.shape()[i]);
  }
  return packed || t.size() == 0;
}

int export_buffer(PyObject* self, Py_buffer* view, int flags) {
  if (value_of(self).boxed()) require_readable(value_of(self));
  warn_detached(self, "np.asarray(x)");
  const Tensor& t = value_of(self);
  const auto asked = [flags](int all) { return (flags & all) == all; };
  Py_ssize_t c_strides[kMaxRank], fortran_strides[kMaxRank];
  const bool c_order = packed_strides(t, false, c_strides), fortran_order = packed_strides(t, true, fortran_strides);
  const char* problem = nullptr;
  if (flags & PyBUF_WRITABLE) problem = "a Tensor's memory is read-only; copy it to change it.";
  if (!format_of(t.dtype())) problem = "bfloat16 has no buffer format; convert it to float32.";
  if (!asked(PyBUF_STRIDES) && !c_order) problem = "this Tensor is not contiguous; ask for strides.";
  if (asked(PyBUF_C_CONTIGUOUS) && !c_order) problem = "this Tensor is not C-contiguous; take its contiguous().";
  if (asked(PyBUF_F_CONTIGUOUS) && !fortran_order) problem = "this Tensor is not Fortran-contiguous.";
  if (asked(PyBUF_ANY_CONTIGUOUS) && !c_order && !fortran_order)
    problem = "this Tensor is not contiguous; take its contiguous().";
  if (t.size() > PY_SSIZE_T_MAX / 8) problem = "this Tensor is a view of more bytes than a buffer can tell.";
  if (problem) {
    PyErr_SetString(PyExc_BufferError, problem);
    return -1;
  }
  auto* held = new Export{t.buffer(), {}, {}};
  const auto item_size = static_cast<Py_ssize_t>(size_of(t.dtype()));
  const bool fortran = fortran_order && (asked(PyBUF_F_CONTIGUOUS) || !c_order);
  for (int i = 0; i < t.rank(); ++i) {
    held->shape[i] = t.shape()[i];
    // Who was told of an order computes with it: axes of size 1 get the strides that belong to it.
    held->strides[i] = fortran ? fortran_strides[i] : c_order ? c_strides[i] : byte_stride(t, i);
  }
  view->buf = const_cast<void*>(t.data());
  view->obj = Py_NewRef(self);
  view->len = t.size() * item_size;
  view->itemsize = item_size;
  view->readonly = 1;
  view->ndim = asked(PyBUF_ND) ? t.rank() : 1;  // without a shape: bytes, one after the other
  view->format = flags & PyBUF_FORMAT ? const_cast<char*>(format_of(t.dtype())) : nullptr;
  view->shape = asked(PyBUF_ND) && t.rank() ? held->shape : nullptr;
  view->strides = asked(PyBUF_STRIDES) && t.rank() ? held->strides : nullptr;
  view->suboffsets = nullptr;
  view->internal = held;
  return 0;
}
int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  view->obj = nullptr;
  return guarded_int([&] { return export_buffer(self, view, flags); });
}
void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<Export*>(view->internal); }

// ---- construction -------------------------------------------------------------------------------------------------

/// The shape of a Tensor without data, in which None and -1 are axes of unknown length: here they have none.
Owned without_unknown(PyObject* shape) {
  if (PyLong_Check(shape)) return Owned::copy(shape);
  Owned known(checked(PySequence_List(shape)));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(known.get()); ++i) {
    PyObject* const size = PyList_GET_ITEM(known.get(), i);
    int beyond = 0;  // an int of more than 64 bits is refused as a size later
    const bool is_minus_one = PyLong_CheckExact(size) && PyLong_AsLongAndOverflow(size, &beyond) == -1 && !beyond;
    if (is_minus_one || size == Py_None) PyList_SetItem(known.get(), i, checked(PyLong_FromLong(0)));
  }
  return known;
}

PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"input_data", "dtype", "shape", "init", "const_arg", nullptr};
  PyObject *data = nullptr, *dtype = Py_None, *shape = nullptr, *init = Py_None, *const_arg = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOOO:Tensor", const_cast<char**>(names), &data, &dtype, &shape,
                                   &init, &const_arg)) {
    return guarded([&]() -> PyObject* {
      explain_keyword("Tensor", kwargs, names);
      return nullptr;
    });
  }
  return guarded([&]() -> PyObject* {
    Tensor value;
    // Without data, shape=None stands for a number of axes that is unknown: none then, as unknown lengths are none.
    const Owned unknown(!data && shape == Py_None ? checked(PyTuple_Pack(1, Py_None)) : nullptr);
    if (!shape || shape == Py_None) shape = unknown.get() ? unknown.get() : Py_None;
    if (data == Py_None && shape != Py_None) data = nullptr;
    if (init != Py_None) {
      if (shape == Py_None) fail(ErrorKind::Value, "Tensor: init needs a shape.");
      PyObject* make = python_function("adcore.common.initializer", "initializer");
      const Owned made(checked(PyObject_CallFunctionObjArgs(
          make, init, shape, dtype == Py_None ? dtype_object(DType::Float32) : dtype, nullptr)));
      if (!is_tensor(made.get())) fail(ErrorKind::Type, "Tensor: init did not make a Tensor.");
      value = value_of(made.get()).detached();
    } else if (!data && shape != Py_None) {
      const Owned known = without_unknown(shape);
      const Owned made(
          checked(PyObject_CallFunctionObjArgs(python_function("adcore._ops", "zeros"), known.get(),
                                               dtype == Py_None ? dtype_object(DType::Float32) : dtype, nullptr)));
      value = value_of(made.get()).detached();
    } else {
      if (!data) fail(ErrorKind::Type, "Tensor: needs data, or a shape.");
      DType t = DType::Float32;
      if (dtype != Py_None) t = dtype_from(dtype, "Tensor");
      value = tensor_from(data, dtype == Py_None ? nullptr : &t);
    }
    if (type == tensor_type) return wrap(std::move(value));
    PyObject* self = checked(type->tp_alloc(type, 0));
    new (&own_value(self)) Tensor(std::move(value));
    reinterpret_cast<TensorObject*>(self)->made = made_cells++;
    set_shared(self, true);
    return self;
  });
}

PyObject* from_numpy(PyObject*, PyObject* array) {
  return guarded([&] {
    if (!PyObject_CheckBuffer(array))
      fail(ErrorKind::Type, "from_numpy: needs a NumPy array, got ", Py_TYPE(array)->tp_name, ".");
    PyObject* const o = wrap(share_array(array));
    track(o);
    return o;
  });
}

/// Tensors of `rows` rows each of an array, whose memory they share; the last has what is left. One call for many keeps
/// batches of data cheap beside the steps of a small network.
PyObject* batches_of(PyObject*, PyObject* args) {
  PyObject* array = nullptr;
  Py_ssize_t rows = 0;
  if (!PyArg_ParseTuple(args, "On:_batches", &array, &rows)) return nullptr;
  return guarded([&] {
    if (!PyObject_CheckBuffer(array) || rows < 1)
      fail(ErrorKind::Value, "_batches: needs a NumPy array and a number of rows above zero.");
    const Tensor whole = share_array(array);
    if (!whole.rank()) fail(ErrorKind::Value, "_batches: a single number has no rows.");
    Dims shape = whole.shape();
    const int64_t size = shape[0];
    const int64_t count = size / rows + (size % rows != 0);
    Owned out(checked(PyTuple_New(count)));
    for (int64_t i = 0; i < count; ++i) {
      shape[0] = std::min<int64_t>(rows, size - i * rows);
      const int64_t offset = whole.offset() + i * rows * whole.strides()[0];
      PyTuple_SET_ITEM(out.get(), i, wrap(Tensor(whole.buffer(), offset, shape, whole.strides(), whole.dtype())));
    }
    return out.release();
  });
}

PyMethodDef kMethods[] = {
    {"item", tensor_item, METH_NOARGS, "item($self, /)\n--\n\nThe one element as a Python number."},
    {"is_contiguous", is_contiguous, METH_NOARGS,
     "is_contiguous($self, /)\n--\n\nTrue where the elements lie in memory in order of the indices."},
    {"contiguous", contiguous, METH_NOARGS,
     "contiguous($self, /)\n--\n\nThe same values, lying in memory in order of the indices."},
    {"copy", tensor_copy, METH_NOARGS, "copy($self, /)\n--\n\nA Tensor of its own with the same values."},
    {"clone", tensor_copy, METH_NOARGS, "clone($self, /)\n--\n\nA Tensor of its own with the same values."},
    {"__copy__", tensor_copy, METH_NOARGS, nullptr},
    {"_assign", tensor_assign, METH_O,
     "_assign($self, value, /)\n--\n\nPuts the value of another Tensor, which is held no longer, into the cell."},
    {"from_numpy", from_numpy, METH_O | METH_STATIC,
     "from_numpy(array, /)\n--\n\nA Tensor that shares the memory of a writable array: changes of the array show."},
    {"_batches", batches_of, METH_VARARGS | METH_STATIC,
     "_batches(array, rows, /)\n--\n\nTensors of `rows` rows each, which share the memory of a writable array."},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef kGetSet[] = {
    {"shape", get_shape, nullptr, "Sizes of the axes, a tuple.", nullptr},
    {"dtype", get_dtype, nullptr, "Element type.", nullptr},
    {"ndim", get_ndim, nullptr, "Number of axes.", nullptr},
    {"size", get_size, nullptr, "Number of elements.", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes of one element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"strides", get_strides, nullptr, "Bytes from one element to the next along each axis.", nullptr},
    {"T", get_transposed, nullptr, "The axes reversed.", nullptr},
    {"mT", get_matrix_transposed, nullptr, "The last two axes exchanged.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMemberDef kMembers[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

template <class F>
void* pointer(F* f) {
  return reinterpret_cast<void*>(f);
}

PyType_Slot kSlots[] = {
    {Py_tp_doc,
     const_cast<char*>(
         "Tensor(input_data=None, dtype=None, shape=None, init=None, const_arg=False)\n--\n\n"
         "An array of numbers that can be differentiated.\n\n"
         "Parameters\n----------\n"
         "input_data : number, sequence, numpy.ndarray or Tensor\n"
         "    Copied. Python floats become float32, ints int64; arrays keep their dtype.\n"
         "dtype : dtype, optional\n    Converts the data.\n"
         "shape, init : tuple of int and initializer, optional\n    Instead of data: see adcore.common.initializer. "
         "Without init zeros, and an axis of None or -1, of a\n"
         "    length that is not known, is empty: what Cell.set_inputs takes.\n\n"
         "Raises\n------\nTypeError\n    For data that is no array of numbers.\n\n"
         "Examples\n--------\n>>> from adcore import Tensor\n>>> Tensor([[1.0, 2.0], [3.0, 4.0]]).sum(0)\n"
         "Tensor(shape=[2], dtype=Float32, value= [ 4.00000000e+00,  6.00000000e+00])\n")},
    {Py_tp_new, pointer(tensor_new)},
    {Py_tp_dealloc, pointer(tensor_dealloc)},
    {Py_tp_traverse, pointer(tensor_traverse)},
    {Py_tp_clear, pointer(tensor_clear)},
    {Py_tp_methods, kMethods},
    {Py_tp_getset, kGetSet},
    {Py_tp_members, kMembers},
    {Py_tp_richcompare, pointer(compare)},
    {Py_tp_hash, pointer(identity_hash)},
    {Py_tp_iter, pointer(iterate)},
    {Py_nb_add, pointer(binary<row("add")>)},
    {Py_nb_subtract, pointer(binary<row("sub")>)},
    {Py_nb_multiply, pointer(binary<row("mul")>)},
    {Py_nb_true_divide, pointer(binary<row("div")>)},
    {Py_nb_floor_divide, pointer(binary<row("floor_div")>)},
    {Py_nb_remainder, pointer(binary<row("floor_mod")>)},
    {Py_nb_power, pointer(power)},
    {Py_nb_matrix_multiply, pointer(matrix_multiply)},
    {Py_nb_and, pointer(binary<row("bitwise_and")>)},
    {Py_nb_or, pointer(binary<row("bitwise_or")>)},
    {Py_nb_xor, pointer(binary<row("bitwise_xor")>)},
    {Py_nb_lshift, pointer(binary<row("bitwise_left_shift")>)},
    {Py_nb_rshift, pointer(binary<row("bitwise_right_shift")>)},
    {Py_nb_negative, pointer(unary<row("neg")>)},
    {Py_nb_positive, pointer(positive)},
    {Py_nb_absolute, pointer(absolute)},
    {Py_nb_invert, pointer(invert)},
    {Py_nb_inplace_add, pointer(in_place<row("add")>)},
    {Py_nb_inplace_subtract, pointer(in_place<row("sub")>)},
    {Py_nb_inplace_multiply, pointer(in_place<row("mul")>)},
    {Py_nb_inplace_true_divide, pointer(in_place<row("div")>)},
    {Py_nb_inplace_floor_divide, pointer(in_place<row("floor_div")>)},
    {Py_nb_inplace_remainder, pointer(in_place<row("floor_mod")>)},
    {Py_nb_inplace_power, pointer(in_place_power)},
    {Py_nb_inplace_and, pointer(in_place<row("bitwise_and")>)},
    {Py_nb_inplace_or, pointer(in_place<row("bitwise_or")>)},
    {Py_nb_inplace_xor, pointer(in_place<row("bitwise_xor")>)},
    {Py_nb_inplace_lshift, pointer(in_place<row("bitwise_left_shift")>)},
    {Py_nb_inplace_rshift, pointer(in_place<row("bitwise_right_shift")>)},
    {Py_nb_bool, pointer(as_bool)},
    {Py_nb_float, pointer(as_float)},
    {Py_nb_int, pointer(as_int)},
    {Py_nb_index, pointer(as_index)},
    {Py_sq_length, pointer(length)},
    {Py_sq_item, pointer(sequence_item)},
    {Py_sq_contains, pointer(contains)},
    {Py_mp_length, pointer(length)},
    {Py_mp_subscript, pointer(get_item)},
    {Py_mp_ass_subscript, pointer(set_item)},
    {Py_bf_getbuffer, pointer(get_buffer)},
    {Py_bf_releasebuffer, pointer(release_buffer)},
    {0, nullptr}};

PyType_Spec kSpec{"adcore.Tensor", sizeof(TensorObject), 0,
                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, kSlots};

}  // namespace

int init_tensor_type(PyObject* module) {
  tensor_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&kSpec));
  detached_warning = PyErr_NewExceptionWithDoc(
      "adcore.DetachedWarning",
      "Numbers were taken out of a value that is being differentiated: what is computed from them has no "
      "derivative.\n\n"
      "``float(x)``, ``int(x)``, ``math.exp(x)``, ``np.asarray(x)`` and whatever else asks Python or NumPy for the\n"
      "numbers warn, once per line. Functions of adcore.ops, and those of NumPy that are such, pass derivatives on;\n"
      "``x.item()``, ``x.asnumpy()``, ``x.tolist()`` and ``ops.stop_gradient(x)`` say that leaving is meant.\n\n"
      "Examples\n--------\n>>> import math, warnings\n>>> import adcore\n>>> from adcore import Tensor\n"
      ">>> with warnings.catch_warnings(record=True) as caught:\n"
      "...     warnings.simplefilter(\"always\")\n"
      "...     gradient = adcore.grad(lambda x: math.exp(x) * x)(Tensor(0.0))\n"
      ">>> float(gradient), caught[0].category.__name__\n(1.0, 'DetachedWarning')\n",
      PyExc_UserWarning, nullptr);
  if (!tensor_type || !detached_warning || PyModule_AddObjectRef(module, "DetachedWarning", detached_warning) < 0)
    return -1;
  return PyModule_AddObjectRef(module, "Tensor", reinterpret_cast<PyObject*>(tensor_type));
}

}  // namespace adcore::python
