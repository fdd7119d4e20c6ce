// The Python objects of the core and the conversions between them and tensors.
//
// Tensor and Parameter are hand-written heap types: number slots, vectorcall and a free list, because every op passes
// through them. pybind11 binds the rest (module.cpp). Where to start reading: binary() in tensor_type.cpp.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <cxxabi.h>
#include <structmember.h>

#include "base/function_ref.h"
#include "core/scope.h"
#include "ops/functions.h"

namespace adcore::python {

struct TensorObject {
  PyObject_HEAD PyObject* weak_references;
  PyObject* hooks;  // adcore/transforms/hooks.py; null where there are none
  uint64_t made;    // how many cells the process had made before it, and, as bits, what is known of it: kElement ...
  Tensor value;
};

struct ParameterObject {
  TensorObject base;
  PyObject* dict;   // attributes of the user
  PyObject* name;   // str
  uint32_t number;  // process-wide; free numbers are used again
  bool requires_grad;
  bool has_default_name;
};

extern PyTypeObject* tensor_type;
extern PyTypeObject* parameter_type;

/// Makes the types and adds them to the module; -1 with a Python error set where that fails.
int init_errors(PyObject* module);
int init_dtype(PyObject* module);
int init_tensor_type(PyObject* module);
int init_parameter_type(PyObject* module);
int init_functions(PyObject* module);
int init_gradient(PyObject* module);
int init_recording(PyObject* module);
int init_frames(PyObject* module);
int init_cell(PyObject* module);
int init_jit(PyObject* module);
int init_namespace(PyObject* module);
int init_optimizers(PyObject* module);

// ---- errors -------------------------------------------------------------------------------------------------------

/// Thrown where a Python error is set already.
struct PythonError {};

/// Turns the C++ exception in flight into a Python error. Call it in a catch block.
void set_python_error() noexcept;

/// Runs f; `failed` with a Python error set where it throws. What the interpreter calls lets no exception through.
template <class R, class F>
R guarded_or(R failed, F&& f) noexcept {
  try {
    return f();
  } catch (...) {
    set_python_error();
    return failed;
  }
}
/// The same for what returns a new reference, and for what returns an int.
template <class F>
PyObject* guarded(F&& f) noexcept {
  return guarded_or<PyObject*>(nullptr, f);
}
template <class F>
int guarded_int(F&& f) noexcept {
  return guarded_or(-1, f);
}

/// A new reference, or throws where the call that made it failed.
inline PyObject* checked(PyObject* o) {
  if (!o) throw PythonError{};
  return o;
}

/// Clears an error that answers a question with no. A lack of memory answers none: it is thrown.
inline void clear_answer() {
  if (PyErr_ExceptionMatches(PyExc_MemoryError)) throw PythonError{};
  PyErr_Clear();
}

/// Owns one reference.
class Owned {
 public:
  Owned() noexcept : o_(nullptr) {}
  explicit Owned(PyObject* o) noexcept : o_(o) {}
  Owned(Owned&& other) noexcept : o_(other.o_) { other.o_ = nullptr; }
  Owned& operator=(Owned other) noexcept {
    std::swap(o_, other.o_);
    return *this;
  }
  ~Owned() { Py_XDECREF(o_); }
  static Owned copy(PyObject* o) noexcept {
    Py_XINCREF(o);
    return Owned(o);
  }
  PyObject* get() const noexcept { return o_; }
  PyObject* release() noexcept { return std::exchange(o_, nullptr); }
  explicit operator bool() const noexcept { return o_ != nullptr; }

 private:
  PyObject* o_;
};

/// The attribute, or an empty reference where there is none: an AttributeError. Any other error is no answer.
inline Owned attribute_of(PyObject* o, const char* name) {
  Owned a(PyObject_GetAttrString(o, name));
  if (a) return a;
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw PythonError{};
  PyErr_Clear();
  return a;
}

// ---- tensors ------------------------------------------------------------------------------------------------------

inline bool is_tensor(PyObject* o) noexcept {
  return Py_TYPE(o) == tensor_type || Py_TYPE(o) == parameter_type || PyType_IsSubtype(Py_TYPE(o), tensor_type);
}
inline bool is_parameter(PyObject* o) noexcept {
  return Py_TYPE(o) == parameter_type || (Py_TYPE(o) != tensor_type && PyType_IsSubtype(Py_TYPE(o), parameter_type));
}
inline PyObject* tensor_object(PyObject* o) {
  if (!is_tensor(o)) fail(ErrorKind::Type, "a Tensor is needed here, got ", Py_TYPE(o)->tp_name, ".");
  return o;
}
/// What the object itself holds: for whoever makes it, and for the doors.
inline Tensor& own_value(PyObject* o) noexcept { return reinterpret_cast<TensorObject*>(o)->value; }
/// The slow side of value_of().
const Tensor& viewed_value(PyObject* o);
/// The door to read a cell.
inline const Tensor& value_of(PyObject* o) {
  if (context().cells) [[unlikely]]
    return viewed_value(o);
  return own_value(o);
}

/// How many cells the process has made: whatever is made later has that number or a higher one.
inline uint64_t made_cells = 0;  // guarded by the interpreter's lock
inline uint64_t cells_made() noexcept { return made_cells; }
/// Set where an index read it.
inline constexpr uint64_t kElement = uint64_t{1} << 63;
/// Set where another cell may hold the same value, at the same slot: a hook on this one does not see what comes from
/// that.
inline constexpr uint64_t kShared = uint64_t{1} << 62;
/// Set in Tensors that the collector of cycles sees; in those of a subclass, which it all sees, perhaps not.
inline constexpr uint64_t kTracked = uint64_t{1} << 61;
inline uint64_t made_at(PyObject* cell) noexcept {
  return reinterpret_cast<TensorObject*>(cell)->made & ~(kElement | kShared | kTracked);
}
inline bool is_shared(PyObject* cell) noexcept { return reinterpret_cast<TensorObject*>(cell)->made & kShared; }
/// Shows a Tensor that may be part of a cycle to the collector.
inline void track(PyObject* tensor) noexcept {
  reinterpret_cast<TensorObject*>(tensor)->made |= kTracked;
  if (!PyObject_GC_IsTracked(tensor)) PyObject_GC_Track(tensor);
}
/// For whoever wrote to the cell.
inline void set_shared(PyObject* cell, bool shared) noexcept {
  uint64_t& made = reinterpret_cast<TensorObject*>(cell)->made;
  made = shared ? made | kShared : made & ~kShared;
}
/// Throws where `cell` is what ints, slices, None and '...' read from another Tensor, or iteration. Who writes to it
/// means that Tensor, which a value does not know any more: NumPy writes through, and nothing is what would happen
/// here.
inline void require_writable(PyObject* cell, std::string_view op) {
  if (reinterpret_cast<TensorObject*>(cell)->made & kElement) [[unlikely]]
    fail(ErrorKind::Value, op,
         ": this Tensor is elements of another one, read by an index or by iteration, and the other "
         "one would not change. Write to that one with one index, t[0, 1] = value for t[0][1] = value, or copy first: "
         "row = t[0].copy().");
}

/// A new Tensor object that holds no value yet.
TensorObject* new_tensor();
/// A cell of what an op has just computed, or what stands at a new slot: no other one holds that.
inline PyObject* wrap_fresh(Tensor value) {
  TensorObject* o = new_tensor();
  o->value = std::move(value);
  return reinterpret_cast<PyObject*>(o);
}
inline PyObject* wrap(Tensor value) {
  PyObject* o = wrap_fresh(std::move(value));
  set_shared(o, true);
  return o;
}

/// The slot of a tensor object on the live tape.
inline Slot slot_of(PyObject* o, const Tape* tape) {
  if (!tape) return 0;
  if (Py_TYPE(o) != tensor_type && is_parameter(o))
    return tape->parameter_slot(reinterpret_cast<ParameterObject*>(o)->number);
  return tape->slot_of(value_of(o));
}
inline TapeRef ref_of(PyObject* o, const Tape* tape) {
  const Slot slot = slot_of(o, tape);
  return {slot ? tape->id() : 0, slot};
}
inline Operand operand_of(PyObject* o, const Tape* tape) { return {&value_of(o), slot_of(o, tape)}; }
/// The same of a plain Tensor, no Parameter, where no view of the cells is open.
inline Operand plain_operand_of(PyObject* o, const Tape* tape) noexcept {
  return {&own_value(o), tape ? tape->slot_of(own_value(o)) : 0};
}
/// The value with its place on the live tape.
inline Tensor tracked_value(PyObject* o) {
  Tensor t = value_of(o);
  t.set_ref(ref_of(o, context().tape));
  return t;
}

/// The slot of a Parameter as an input of the level; 0 where it wants no derivative. It may be an input already: listed
/// twice, or at a position too.
Slot input_parameter(Level& level, const ParameterObject* p);

/// The door to write a cell. For a Parameter the slot goes to the live tape; whether a Tensor shares its value
/// afterwards says whoever writes.
void assign(PyObject* cell, Tensor value);

/// True where a level records the value, or a jvp carries a tangent beside it.
bool is_differentiated(PyObject* tensor);
/// Warns where numbers leave a value that is being differentiated: what is computed from them has no derivative. `how`
/// is the user's expression; `frames` the place of his code on the interpreter's stack.
void warn_detached(PyObject* tensor, const char* how, int frames = 1);

// ---- conversions --------------------------------------------------------------------------------------------------

/// A tensor with data of its own from a Tensor, number, NumPy array or other buffer, or nested sequences of these. It
/// depends on the Tensors that it is made of.
Tensor tensor_from(PyObject* data, const DType* dtype);
/// A tensor on the memory of a writable C-contiguous array.
Tensor share_array(PyObject* array);
/// Shows the collector the array whose memory a cell has to itself.
int visit_shared_array(const Tensor& t, visitproc visit, void* arg);
/// True for Python and NumPy numbers (bool included).
bool is_number(PyObject* o);
/// True for what is an array of numbers to NumPy, but no Tensor: whatever has a buffer or speaks NumPy's protocols. So
/// are NumPy's scalars, but neither Python's numbers nor bytes.
bool is_array(PyObject* o);
/// True for what stands for a tensor where one is differentiated: a Tensor, a float, an array.
inline bool stands_for_tensor(PyObject* o) { return is_tensor(o) || PyFloat_Check(o) || is_array(o); }
/// A number as scalar beside `like`: it never widens a tensor. Beside half precision it is a float32, to be used as a
/// weak operand. What becomes of an integer that the dtype of `like` does not hold depends on `op`; without one it must
/// fit.
Tensor number_beside(PyObject* number, const Tensor& like, const Op* op = nullptr);
Tensor number_beside(double number, const Tensor& like);
/// A number that number_beside() made for `like`.
inline Operand number_operand(const Tensor& number, const Tensor& like) noexcept {
  return {&number, 0, is_float(like.dtype()) && size_of(like.dtype()) == 2};
}
/// What a cell is given, cast to what it holds: a tensor, a number, or data. A TypeError where an integer or bool cell
/// would lose fractions.
Tensor value_for_cell(PyObject* value, PyObject* cell, std::string_view op);
/// A number as a tensor of its own.
Tensor number_alone(PyObject* number);

DType dtype_from(PyObject* o, std::string_view op);
PyObject* dtype_object(DType t) noexcept;  // borrowed
Dims dims_from(PyObject* o, std::string_view op, std::string_view parameter);
std::vector<int64_t> ints_from(PyObject* o, std::string_view op, std::string_view parameter);
PyObject* shape_tuple(const Dims& shape);

/// Waits for the end of the process. The interpreter ends a daemon thread by unwinding its stack, which frames of ours
/// cannot bear: they would release objects without the interpreter's lock.
[[noreturn]] void wait_for_exit() noexcept;

/// Runs f, which calls the interpreter; a thread that the interpreter ends meanwhile waits here. UBSan would object to
/// the reference that is caught: an exception of that kind has no object.
template <class F>
__attribute__((no_sanitize("null"))) auto calling_python(F&& f) {
#if defined(__GLIBCXX__) && defined(__linux__)
  try {
    return f();
  } catch (const abi::__forced_unwind&) {
    wait_for_exit();
  }
#else
  return f();
#endif
}

// ---- indexing (indexing.cpp) --------------------------------------------------------------------------------------

PyObject* get_item(PyObject* self, PyObject* key);
int set_item(PyObject* self, PyObject* key, PyObject* value);

// ---- trees (tree.cpp) ---------------------------------------------------------------------------------------------

/// A level of nested containers, of which the interpreter allows so many.
class Nested {
 public:
  Nested() {
    if (Py_EnterRecursiveCall(" while walking nested containers of tensors")) throw PythonError{};
  }
  ~Nested() { Py_LeaveRecursiveCall(); }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;
};

/// What becomes of containers of subclasses of tuple, list and dict: plain ones, but for named tuples, or copies.
enum class Containers : uint8_t { Plain, OfTheirClass };

/// Rebuilds nested tuples, named tuples, lists, dicts and dataclasses with f applied to every leaf. f gets a borrowed
/// reference and returns a new one.
PyObject* tree_map(PyObject* tree, FunctionRef<PyObject*(PyObject*)> f, Containers containers = Containers::Plain);
/// Calls f on every leaf.
void tree_visit(PyObject* tree, FunctionRef<void(PyObject*)> f);
/// The fields of a dataclass instance, a dict by name, or an empty reference.
Owned dataclass_fields(PyObject* o);
/// True for what computes when it is awaited: a coroutine, a future, an asynchronous generator.
bool is_async(PyObject* o) noexcept;
/// What a function returned must be computed. A generator, a coroutine or another iterator computes later, when nobody
/// differentiates it: a TypeError. `name` says who called the function.
void require_computed(PyObject* leaf, const char* name);
/// The same, and for a leaf of the result of a function that is differentiated or mapped a TypeError where tensors hide
/// in it: in a set, a deque, a view of a dict, an array of objects, an object of the user.
void require_result(PyObject* leaf, const char* name);

/// The package's Python function `name` of module `module`: imported when first used. Borrowed.
PyObject* python_function(const char* module, const char* name);

}  // namespace adcore::python
