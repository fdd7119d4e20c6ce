// From Python data to tensors: numbers, buffers (NumPy arrays among them), nested sequences.
#include <cmath>
#include <memory>
#include <string>
#include <string_view>

#include "base/fit.h"
#include "ops/owned.h"
#include "ops/table.h"
#include "python/foreign.h"

namespace adcore::python {
namespace {

/// The dtype of a PEP 3118 format of native byte order; false for any other.
bool dtype_of_format(const char* format, Py_ssize_t item_size, DType& dtype) {
  std::string_view f = format ? format : "B";
  if (f.size() == 2 && (f[0] == '@' || f[0] == '=' || f[0] == '<'))
    f.remove_prefix(1);  // the library runs on little-endian CPUs
  if (f.size() != 1) return false;
  switch (f[0]) {
    case '?': dtype = DType::Bool; return true;
    case 'e': dtype = DType::Float16; return true;
    case 'f': dtype = DType::Float32; return true;
    case 'd': dtype = DType::Float64; return true;
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n': {
      dtype = item_size == 1   ? DType::Int8
              : item_size == 2 ? DType::Int16
              : item_size == 4 ? DType::Int32
                               : DType::Int64;
      return true;
    }
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N': {
      dtype = item_size == 1   ? DType::UInt8
              : item_size == 2 ? DType::UInt16
              : item_size == 4 ? DType::UInt32
                               : DType::UInt64;
      return true;
    }
    default: return false;
  }
}

class BufferView {
 public:
  BufferView(PyObject* o, int flags) {
    if (PyObject_GetBuffer(o, &view, flags) == 0) return;
    // NumPy says so of dtypes without a format, dates for one.
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) throw PythonError{};
    clear_answer();
    fail(ErrorKind::Type, "Tensor: a ", Py_TYPE(o)->tp_name, " of this dtype is no array of numbers.");
  }
  ~BufferView() { PyBuffer_Release(&view); }
  BufferView(const BufferView&) = delete;
  BufferView& operator=(const BufferView&) = delete;
  Py_buffer view;
};

[[noreturn]] void fail_array(PyObject* o, const char* format) {
  fail(ErrorKind::Type, "Tensor: an array of format '", format ? format : "?", "' (", Py_TYPE(o)->tp_name,
       ") has no dtype here; convert it to a bool, integer or float array of at most 64 bits.");
}

/// Shape and strides of a view, in elements; false where the elements are not aligned.
bool layout_of(const Py_buffer& v, Dims& shape, Dims& strides) {
  if (v.itemsize <= 0) fail(ErrorKind::Type, "Tensor: an array of elements without size.");
  if (v.ndim > kMaxRank) {
    fail(ErrorKind::Value, "Tensor: an array of ", v.ndim, " dimensions; at most ", kMaxRank, " are possible.");
  }
  bool aligned = reinterpret_cast<uintptr_t>(v.buf) % static_cast<size_t>(v.itemsize) == 0;
  for (int i = 0; i < v.ndim; ++i) shape.push_back(v.shape ? v.shape[i] : v.len / v.itemsize);
  strides = contiguous_strides(shape);
  for (int i = 0; v.strides && i < v.ndim; ++i) {
    aligned &= v.strides[i] % v.itemsize == 0;
    strides[i] = v.strides[i] / v.itemsize;
  }
  return aligned;
}

Tensor from_buffer(PyObject* o, const DType* wanted, bool converted = false) {
  const BufferView b(o, PyBUF_FORMAT | PyBUF_STRIDES);
  const Py_buffer& v = b.view;
  DType dtype;
  if (!dtype_of_format(v.format, v.itemsize, dtype)) {
    const char order = v.format ? v.format[0] : 0;
    if (converted || (order != '>' && order != '!')) fail_array(o, v.format);
    // Another byte order: NumPy converts it.
    const Owned type(checked(PyObject_GetAttrString(o, "dtype")));
    const Owned native(checked(PyObject_CallMethod(type.get(), "newbyteorder", "s", "=")));
    const Owned array(checked(PyObject_CallMethod(o, "astype", "O", native.get())));
    return from_buffer(array.get(), wanted, true);
  }
  Dims shape, strides;
  const bool aligned = layout_of(v, shape, strides);
  Tensor out(shape, wanted ? *wanted : dtype);
  if (out.size() == 0) return out;
  const void* src = v.buf;
  std::unique_ptr<std::byte[]> packed;
  if (!aligned) {
    packed.reset(new std::byte[static_cast<size_t>(v.len)]);
    if (PyBuffer_ToContiguous(packed.get(), const_cast<Py_buffer*>(&v), v.len, 'C') < 0) throw PythonError{};
    src = packed.get();
    strides = contiguous_strides(shape);
  }
  kernels().copy(
      {shape.size(), shape.data(), src, strides.data(), dtype, out.mutable_data(), out.strides().data(), out.dtype()});
  return out;
}

bool is_sequence(PyObject* o) { return PyList_Check(o) || PyTuple_Check(o); }

/// The leaves of nested sequences and their common shape. `plain` is false where a leaf is not a Python number.
struct Leaves {
  Dims shape;
  std::vector<Owned> items;  // converting one may run Python code that drops the others
  bool plain = true;

  void collect(PyObject* o, int depth) {
    if (!is_sequence(o)) {
      if (depth != shape.size()) fail_ragged();
      plain &= PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o);
      items.push_back(Owned::copy(o));
      return;
    }
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    if (depth == shape.size()) {
      if (!items.empty()) fail_ragged();
      shape.push_back(n);
    } else if (shape[depth] != n) {
      fail_ragged();
    }
    for (Py_ssize_t i = 0; i < n; ++i) collect(PySequence_Fast_GET_ITEM(o, i), depth + 1);
  }
  [[noreturn]] static void fail_ragged() {
    fail(ErrorKind::Type, "Tensor: nested sequences must all have the same lengths.");
  }
};

/// A text of a number for a message.
std::string shown_number(PyObject* number) {
  const Owned shown(PyObject_Repr(number));
  const char* const digits = shown ? PyUnicode_AsUTF8(shown.get()) : nullptr;
  if (!digits) clear_answer();
  return digits ? digits : "(too long to show)";
}

[[noreturn]] void fail_fit(PyObject* number, DType dtype, ErrorKind kind) {
  fail(kind, "Tensor: ", shown_number(number), " does not fit ", name_of(dtype), ".");
}

Tensor from_numbers(const Leaves& leaves, const DType* wanted) {
  bool has_float = false, all_bool = !leaves.items.empty();
  for (const Owned& o : leaves.items) {
    has_float |= PyFloat_Check(o.get());
    all_bool &= PyBool_Check(o.get());
  }
  if (leaves.items.empty() || (wanted ? is_float(*wanted) || (has_float && !is_integer(*wanted)) : has_float)) {
    Tensor t(leaves.shape, DType::Float64);
    auto* p = t.mutable_data_as<double>();
    for (const Owned& o : leaves.items) {
      *p = PyFloat_AsDouble(o.get());
      if (*p++ == -1.0 && PyErr_Occurred()) throw PythonError{};
    }
    return as_contiguous(t, wanted ? *wanted : DType::Float32);
  }
  const bool as_unsigned = wanted && *wanted == DType::UInt64;
  Tensor t(leaves.shape, as_unsigned ? DType::UInt64 : DType::Int64);
  auto* p = t.mutable_data_as<int64_t>();
  const DType kind = wanted ? *wanted : DType::Int64;
  for (const Owned& o : leaves.items) {
    if (PyFloat_Check(o.get())) {
      const double real = PyFloat_AS_DOUBLE(o.get());
      if (!holds_truncated(kind, real))
        fail_fit(o.get(), kind, std::isnan(real) ? ErrorKind::Value : ErrorKind::Overflow);
      *p++ = real < 0x1p63 ? static_cast<int64_t>(real) : static_cast<int64_t>(static_cast<uint64_t>(real));
      continue;
    }
    int overflow = 0;
    int64_t v = PyLong_AsLongLongAndOverflow(o.get(), &overflow);
    bool fits = !overflow && holds(kind, v);
    if (overflow > 0 && as_unsigned) {
      v = static_cast<int64_t>(PyLong_AsUnsignedLongLong(o.get()));
      fits = !PyErr_Occurred();
      if (!fits) clear_answer();
    }
    if (!fits) fail_fit(o.get(), kind, ErrorKind::Overflow);
    *p++ = v;
  }
  return as_contiguous(t, wanted ? *wanted : all_bool ? DType::Bool : DType::Int64);
}

/// Leaves that are tensors, arrays or NumPy scalars: each becomes a tensor, then they are stacked.
Tensor from_tensors(const Leaves& leaves, const DType* wanted) {
  std::vector<Tensor> parts;
  for (const Owned& o : leaves.items) {
    parts.push_back(expand_dims(tensor_from(o.get(), wanted), 0));
    if (!(parts.back().shape() == parts[0].shape())) Leaves::fail_ragged();
  }
  const Tensor joined = concat(parts, 0);
  Dims shape = leaves.shape;
  for (int i = 1; i < joined.rank(); ++i) shape.push_back(joined.shape()[i]);
  return reshape(joined, shape);
}

}  // namespace

bool is_array(PyObject* o) {
  if (is_tensor(o) || PyLong_Check(o) || PyFloat_CheckExact(o) || PyBytes_Check(o) || PyByteArray_Check(o) ||
      PyUnicode_Check(o) || PyType_Check(o) || o == Py_None)
    return false;
  if (PyObject_CheckBuffer(o)) return true;
  auto* const type = reinterpret_cast<PyObject*>(Py_TYPE(o));
  return attribute_of(type, "__array__") || attribute_of(type, "__array_interface__") ||
         attribute_of(type, "__array_struct__");
}

Tensor tensor_from(PyObject* data, const DType* dtype) {
  if (is_tensor(data)) {
    const Tensor t = tracked_value(data);
    if (dtype && t.dtype() != *dtype) return cast(t, *dtype);
    return owned(t);
  }
  if (PyFloat_CheckExact(data) || PyLong_CheckExact(data) || PyBool_Check(data)) {
    Leaves leaf;
    leaf.items.push_back(Owned::copy(data));
    return from_numbers(leaf, dtype);
  }
  if (is_sequence(data)) {
    // A copy of the outer list: converting an element may run Python code that changes it.
    const Owned held(checked(PySequence_Tuple(data)));
    Leaves leaves;
    leaves.collect(held.get(), 0);
    return leaves.plain ? from_numbers(leaves, dtype) : from_tensors(leaves, dtype);
  }
  if (!is_array(data)) {
    fail(ErrorKind::Type, "Tensor: cannot make one from ", Py_TYPE(data)->tp_name,
         "; pass a number, a sequence of numbers, a NumPy array or a Tensor.");
  }
  if (PyObject_CheckBuffer(data)) return from_buffer(data, dtype);
  const Owned numpy(checked(PyImport_ImportModule("numpy")));
  const Owned array(checked(PyObject_CallMethod(numpy.get(), "asarray", "O", data)));
  return from_buffer(array.get(), dtype);
}

namespace {

/// Lets go of a Py_buffer.
void release_view(void* owner) {
  with_interpreter([&] { PyBuffer_Release(static_cast<Py_buffer*>(owner)); });
  delete static_cast<Py_buffer*>(owner);
}

}  // namespace

int visit_shared_array(const Tensor& t, visitproc visit, void* arg) {
  const Buffer* const b = t.buffer().get();
  // With other holders, whom the collector does not see, the array counts as held from outside.
  if (b && b->release == release_view && t.buffer().unique()) Py_VISIT(static_cast<Py_buffer*>(b->owner)->obj);
  return 0;
}

Tensor share_array(PyObject* array) {
  const BufferView readable(array, PyBUF_FORMAT | PyBUF_STRIDES);
  auto* view = new Py_buffer;
  std::unique_ptr<Py_buffer> guard(view);
  if (PyObject_GetBuffer(array, view, PyBUF_FORMAT | PyBUF_STRIDES | PyBUF_WRITABLE) < 0) {
    clear_answer();
    fail(ErrorKind::Value,
         "from_numpy: the array is read-only, so a Tensor cannot share it; use Tensor(array), which copies.");
  }
  DType dtype;
  const bool known = dtype_of_format(view->format, view->itemsize, dtype);
  Dims shape, strides;
  bool aligned = false;
  try {
    aligned = layout_of(*view, shape, strides);
  } catch (...) {
    PyBuffer_Release(view);
    throw;
  }
  int64_t low = 0, high = 0;  // the span of elements around the first
  for (int i = 0; i < shape.size(); ++i)
    (strides[i] < 0 ? low : high) += strides[i] * std::max<int64_t>(0, shape[i] - 1);
  if (!known || !aligned) {
    const std::string format = view->format ? view->format : "?";
    PyBuffer_Release(view);
    fail(ErrorKind::Type, "from_numpy: an array of format '", format,
         "' cannot be shared; use Tensor(array), which copies.");
  }
  guard.release();
  auto* first = static_cast<std::byte*>(view->buf) + low * view->itemsize;
  const auto bytes = static_cast<size_t>((high - low + 1) * view->itemsize);
  BufferRef buffer(adopt(first, bytes, view, release_view));
  return Tensor(std::move(buffer), -low, shape, strides, dtype);
}

namespace {

bool is_zero(PyObject* o) noexcept {
  int overflow = 0;
  return PyLong_Check(o) && PyLong_AsLongAndOverflow(o, &overflow) == 0 && !overflow;
}

}  // namespace

bool is_number(PyObject* o) {
  if (PyFloat_Check(o) || PyLong_Check(o)) return true;
  if (is_tensor(o) || is_sequence(o) || PyUnicode_Check(o) || o == Py_None) return false;
  if (!PyNumber_Check(o) || PyComplex_Check(o)) return false;
  // NumPy's scalars are numbers, its arrays (also those without axes) are not.
  const Owned axes = attribute_of(o, "ndim");
  if (!axes) return true;
  return !attribute_of(o, "__setitem__") && is_zero(axes.get());
}

namespace {

bool is_integral(PyObject* o) noexcept { return PyLong_Check(o) || (!PyFloat_Check(o) && PyIndex_Check(o)); }

double real_of(PyObject* o) {
  const double v = PyFloat_AsDouble(o);
  if (v == -1.0 && PyErr_Occurred()) throw PythonError{};
  return v;
}

/// The integer in two's complement; an OverflowError beyond 64 bits.
int64_t integer_of(PyObject* o) {
  const Owned index(checked(PyNumber_Index(o)));
  const int64_t v = PyLong_AsLongLong(index.get());
  if (v == -1 && PyErr_Occurred()) {
    clear_answer();
    const uint64_t u = PyLong_AsUnsignedLongLong(index.get());
    if (PyErr_Occurred()) throw PythonError{};
    return static_cast<int64_t>(u);
  }
  return v;
}

bool is_truth(PyObject* o) {
  return PyBool_Check(o) || std::string_view(Py_TYPE(o)->tp_name).starts_with("numpy.bool");
}

/// What becomes of an integer that the tensor's integer type does not hold.
enum class Fit : uint8_t {
  Exact,  // OverflowError
  Wrap,   // sums and products wrap, as MindSpore's do
  Widen,  // comparisons are exact
};
Fit fit_of(const Op* op) {
  if (!op) return Fit::Exact;
  if (types_of(op->row) == Types::Compare) return Fit::Widen;
  return facts_of(op->row).wraps ? Fit::Wrap : Fit::Exact;
}

/// The dtype of a number beside `like`: half precision is no reason to round it.
DType number_dtype(const Tensor& like) {
  return is_float(like.dtype()) && size_of(like.dtype()) == 2 ? DType::Float32 : like.dtype();
}
inline Tensor real_scalar(double v, DType t) { return scalar(v, is_float(t) ? t : DType::Float32); }

}  // namespace

Tensor number_beside(double number, const Tensor& like) { return real_scalar(number, number_dtype(like)); }

Tensor number_beside(PyObject* o, const Tensor& like, const Op* op) {
  const DType t = number_dtype(like);
  if (PyFloat_CheckExact(o)) return real_scalar(PyFloat_AS_DOUBLE(o), t);
  if (is_truth(o)) return scalar(static_cast<int64_t>(PyObject_IsTrue(o)), t);
  if (!is_integral(o)) return real_scalar(real_of(o), t);
  if (is_float(t)) return scalar(real_of(o), t);
  if (t == DType::Bool) return scalar(integer_of(o), DType::Int64);
  const Owned index(checked(PyNumber_Index(o)));
  int overflow = 0;
  int64_t v = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  bool fits = !overflow && holds(t, v);
  if (overflow > 0 && t == DType::UInt64) {
    v = static_cast<int64_t>(PyLong_AsUnsignedLongLong(index.get()));
    fits = !PyErr_Occurred();
    if (!fits) clear_answer();
  }
  const Fit fit = fits ? Fit::Exact : fit_of(op);
  if (!fits && !overflow && fit == Fit::Widen && t != DType::UInt64) return scalar(v, DType::Int64);
  if (!fits && (overflow || fit != Fit::Wrap)) {
    fail(ErrorKind::Overflow, "the number ", shown_number(index.get()), " does not fit the tensor's ", name_of(t), ".");
  }
  return scalar(v, t);
}

Tensor number_alone(PyObject* o) {
  if (is_truth(o)) return scalar(static_cast<int64_t>(PyObject_IsTrue(o)), DType::Bool);
  return is_integral(o) ? scalar(integer_of(o), DType::Int64) : scalar(real_of(o), DType::Float32);
}

Tensor value_for_cell(PyObject* value, PyObject* cell, std::string_view op) {
  require_writable(cell, op);
  const DType t = value_of(cell).dtype();
  Owned whole;
  if (!is_tensor(value) && is_number(value) && !is_float(t) && !is_integral(value) && !is_truth(value)) {
    const double number = real_of(value);
    if (!(std::trunc(number) == number && std::isfinite(number))) {
      fail(ErrorKind::Type, op, ": the number ", number, " is none of the cell's ", name_of(t), ".");
    }
    value = (whole = Owned(checked(PyLong_FromDouble(number)))).get();
  }
  const Tensor given = is_tensor(value)   ? tracked_value(value)
                       : is_number(value) ? number_beside(value, value_of(cell))
                                          : tensor_from(value, nullptr);
  if (is_float(given.dtype()) && !is_float(t)) {
    fail(ErrorKind::Type, op, ": a value of ", name_of(given.dtype()), " would lose its fractions in a cell of ",
         name_of(t), "; round it and cast it: value.round().astype(adcore.", info(t).python, ").");
  }
  return cast(given, t);
}

namespace {

/// An int, or the elements of a sequence of them, at the end of `list`.
template <class List>
List list_from(PyObject* o, std::string_view op, std::string_view parameter) {
  List list;
  auto push = [&](PyObject* item) {
    if (PyBool_Check(item) || !PyIndex_Check(item)) {
      fail(ErrorKind::Type, op, ": ", parameter, " must be an int or a sequence of ints, got ", Py_TYPE(item)->tp_name,
           ".");
    }
    const Owned index(checked(PyNumber_Index(item)));
    const int64_t v = PyLong_AsLongLong(index.get());
    if (v == -1 && PyErr_Occurred()) {
      clear_answer();
      fail(ErrorKind::Memory, op, ": a size of ", parameter, " does not fit 64 bits.");
    }
    list.push_back(v);
  };
  if (is_sequence(o)) {
    const Owned items(checked(PySequence_Tuple(o)));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items.get()); ++i) push(PyTuple_GET_ITEM(items.get(), i));
  } else if (is_tensor(o) && value_of(o).rank() == 1 && is_integer(value_of(o).dtype())) {
    const Tensor t = as_contiguous(value_of(o), DType::Int64);
    for (int64_t i = 0; i < t.size(); ++i) list.push_back(t.data_as<int64_t>()[i]);
  } else {
    push(o);
  }
  return list;
}

}  // namespace

Dims dims_from(PyObject* o, std::string_view op, std::string_view parameter) {
  return list_from<Dims>(o, op, parameter);
}
std::vector<int64_t> ints_from(PyObject* o, std::string_view op, std::string_view parameter) {
  return list_from<std::vector<int64_t>>(o, op, parameter);
}

PyObject* shape_tuple(const Dims& shape) {
  Owned out(checked(PyTuple_New(shape.size())));
  for (int i = 0; i < shape.size(); ++i) PyTuple_SET_ITEM(out.get(), i, checked(PyLong_FromLongLong(shape[i])));
  return out.release();
}

}  // namespace adcore::python
