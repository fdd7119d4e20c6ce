// Tensors for other libraries and theirs for us, by the DLPack protocol (versions 0 and 1): a struct in a capsule,
// which its consumer renames and whose deleter it calls.
//
// Out: the memory is shared, with a reference to it, and said to be read-only; the old form of the struct cannot say
// that, so it carries a copy. In: the memory is shared, as that of an array of NumPy is by from_numpy: whoever made it
// may write to it, nobody here does. Nothing vouches for what a struct says, so each number of it is checked.
#include <cstring>
#include <memory>

#include "core/box.h"
#include "python/bindings.h"
#include "python/foreign.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

// ---- the structs of the protocol ------------------------------------------------------------------------------------

struct Device {
  int32_t type, id;
};
struct DataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct Array {
  void* data;
  Device device;
  int32_t rank;
  DataType dtype;
  int64_t* shape;
  int64_t* strides;  // elements; null: C order
  uint64_t byte_offset;
};
struct Unversioned {
  static constexpr const char* name = "dltensor";
  static constexpr const char* used_name = "used_dltensor";
  Array array;
  void* owner;
  void (*deleter)(Unversioned*);
};
struct Versioned {
  static constexpr const char* name = "dltensor_versioned";
  static constexpr const char* used_name = "used_dltensor_versioned";
  uint32_t major, minor;
  void* owner;
  void (*deleter)(Versioned*);
  uint64_t flags;
  Array array;
};

constexpr int32_t kCpu = 1;
constexpr uint64_t kReadOnly = 1, kCopied = 2;
constexpr uint8_t kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kBool = 6;

uint8_t code_of(DType t) {
  if (t == DType::BFloat16) return kBfloat;
  switch (info(t).kind) {
    case DTypeKind::Bool: return kBool;
    case DTypeKind::UInt: return kUInt;
    case DTypeKind::Int: return kInt;
    case DTypeKind::Float: break;
  }
  return kFloat;
}

[[noreturn]] void fail_buffer(const std::string& message) {
  PyErr_SetString(PyExc_BufferError, message.c_str());
  throw PythonError{};
}

DType dtype_of(DataType given) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto t = static_cast<DType>(i);
    if (given.lanes == 1 && given.code == code_of(t) && given.bits == 8 * size_of(t)) return t;
  }
  fail_buffer("from_dlpack: there is no dtype for type code " + std::to_string(given.code) + " with " +
              std::to_string(given.bits) + " bits and " + std::to_string(given.lanes) + " lanes.");
}

// ---- out ------------------------------------------------------------------------------------------------------------

/// What a capsule points into. Its consumer's deleter ends it, in any thread.
template <class Managed>
struct Exported {
  Managed managed{};
  Tensor value;
  int64_t shape[kMaxRank], strides[kMaxRank];

  explicit Exported(Tensor t) : value(std::move(t)) {
    for (int i = 0; i < value.rank(); ++i) {
      shape[i] = value.shape()[i];
      strides[i] = value.strides()[i];
    }
    const auto bits = static_cast<uint8_t>(8 * size_of(value.dtype()));
    managed.array = {
        const_cast<void*>(value.data()), {kCpu, 0}, value.rank(), {code_of(value.dtype()), bits, 1}, shape, strides, 0};
    managed.owner = this;
    managed.deleter = [](Managed* m) { delete static_cast<Exported*>(m->owner); };
  }
};

template <class Managed>
void drop_unused(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, Managed::name)) return;  // consumed
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Managed::name));
  if (m->deleter) m->deleter(m);
}

template <class Managed>
py::object capsule_of(std::unique_ptr<Exported<Managed>> exported) {
  PyObject* capsule = checked(PyCapsule_New(&exported->managed, Managed::name, drop_unused<Managed>));
  exported.release();
  return steal(capsule);
}

/// `copy`: None where the memory may be shared.
py::object to_dlpack(const py::object& tensor, bool versioned, const py::object& copy) {
  PyObject* const o = tensor_object(tensor);
  warn_detached(o, "x.__dlpack__()", 2);
  Tensor value = stop_gradient(tensor_of(tensor)).detached();
  require_readable(value);
  // Not every library knows strides below 0: PyTorch ends the process.
  bool backwards = false;
  for (int i = 0; i < value.rank(); ++i) backwards |= value.strides()[i] < 0;
  const bool copied = copy.is_none() ? !versioned || backwards : py::cast<bool>(copy);
  if (!copied && !versioned) {
    fail_buffer(
        "__dlpack__: a Tensor's memory is read-only, which DLPack can tell from version 1.0 on; ask for "
        "max_version=(1, 0), or let it be copied.");
  }
  if (copied) {
    Tensor own(value.shape(), value.dtype());
    copy_to(value, own.mutable_data(), own.dtype());
    value = std::move(own);
  }
  if (!versioned) return capsule_of(std::make_unique<Exported<Unversioned>>(std::move(value)));
  auto exported = std::make_unique<Exported<Versioned>>(std::move(value));
  exported->managed.major = 1;
  exported->managed.flags = copied ? kCopied : kReadOnly;
  return capsule_of(std::move(exported));
}

// ---- in -------------------------------------------------------------------------------------------------------------

/// Where the elements of an array lie.
struct Elements {
  DType dtype;
  Dims shape, strides;
  std::byte* lowest = nullptr;   // of the bytes between the first and the last in memory; null where there are none
  int64_t bytes = 0, first = 0;  // how many, and at which element of them the array starts
  bool aligned = true;
};

[[noreturn]] void fail_elements(const char* what) {
  fail_buffer(std::string("from_dlpack: the array cannot be in memory: ") + what + ".");
}

/// Shape and strides; false where there are no elements.
bool read_axes(const Array& a, Elements& to) {
  if (a.rank < 0 || a.rank > kMaxRank) {
    fail_buffer("from_dlpack: an array of " + std::to_string(a.rank) + " dimensions; at most " +
                std::to_string(kMaxRank) + " are possible.");
  }
  if (a.rank && !a.shape) fail_elements("it has axes, but no sizes of them");
  bool empty = false;
  for (int i = 0; i < a.rank; ++i) {
    if (a.shape[i] < 0) fail_elements("a size is negative");
    empty |= a.shape[i] == 0;
    to.shape.push_back(a.shape[i]);
  }
  int64_t count = static_cast<int64_t>(size_of(to.dtype));
  for (int i = 0; i < a.rank && !empty; ++i)
    if (__builtin_mul_overflow(count, a.shape[i], &count)) fail_elements("its elements are too many");
  to.strides = contiguous_strides(to.shape);
  for (int i = 0; i < a.rank && a.strides && !empty; ++i) to.strides[i] = a.strides[i];
  return !empty;
}

Elements elements_of(const Array& a) {
  if (a.device.type != kCpu) {
    fail_buffer("from_dlpack: the array is not in the CPU's memory (device type " + std::to_string(a.device.type) +
                "); copy it there first.");
  }
  Elements to{dtype_of(a.dtype), {}, {}};
  if (!read_axes(a, to)) return to;
  if (!a.data) fail_elements("its address is null");
  int64_t low = 0, high = 0;  // bytes around the first element
  for (int i = 0; i < to.shape.size(); ++i) {
    int64_t way = static_cast<int64_t>(size_of(to.dtype));
    int64_t& end = to.strides[i] < 0 ? low : high;
    if (__builtin_mul_overflow(way, to.strides[i], &way) || __builtin_mul_overflow(way, to.shape[i] - 1, &way) ||
        __builtin_add_overflow(end, way, &end)) {
      fail_elements("its strides lead too far");
    }
  }
  const auto item = static_cast<int64_t>(size_of(to.dtype));
  uintptr_t address = 0, lowest = 0, last = 0;
  if (__builtin_add_overflow(reinterpret_cast<uintptr_t>(a.data), a.byte_offset, &address) ||
      __builtin_add_overflow(address, low, &lowest) || __builtin_add_overflow(address, high, &last) ||
      __builtin_add_overflow(last, item, &last) || last - lowest > static_cast<uintptr_t>(INT64_MAX)) {
    fail_elements("it reaches beyond the addresses that there are");
  }
  to.lowest = reinterpret_cast<std::byte*>(lowest);
  to.bytes = static_cast<int64_t>(last - lowest);
  to.first = -low / item;
  to.aligned = address % size_of(to.dtype) == 0;
  return to;
}

/// Copies the elements in order of the indices, from anywhere.
void gather(const Elements& from, const std::byte* at, int axis, std::byte*& to) {
  const size_t item = size_of(from.dtype);
  if (axis == from.shape.size()) {
    std::memcpy(to, at, item);
    to += item;
    return;
  }
  for (int64_t i = 0; i < from.shape[axis]; ++i)
    gather(from, at + i * from.strides[axis] * static_cast<int64_t>(item), axis + 1, to);
}

/// Ends what a capsule pointed into, once, in whichever thread the last of its memory goes.
template <class Managed>
void end_managed(void* managed) {
  auto* const m = static_cast<Managed*>(managed);
  if (m->deleter) with_interpreter([&] { m->deleter(m); });
}

/// Takes over what a capsule of one form points into; false where it is of another. `copy`: None where the memory may
/// be shared.
template <class Managed>
bool consume(PyObject* capsule, const py::object& copy, Tensor& out) {
  if (!PyCapsule_IsValid(capsule, Managed::name)) return false;
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Managed::name));
  if (PyCapsule_SetName(capsule, Managed::used_name)) throw PythonError{};
  std::unique_ptr<void, void (*)(void*)> owner(m, end_managed<Managed>);
  bool own = false;  // the exporter made a copy, of which nobody else knows
  if constexpr (std::is_same_v<Managed, Versioned>) {
    if (m->major != 1) fail_buffer("from_dlpack: DLPack version " + std::to_string(m->major) + " is not known.");
    own = m->flags & kCopied;
  }
  const Elements from = elements_of(m->array);
  const bool copied = copy.is_none() ? !from.aligned : py::cast<bool>(copy) && !own;
  if (!from.aligned && !copied) fail_buffer("from_dlpack: the elements are not aligned, so they must be copied.");
  if (!from.lowest || copied) {
    out = Tensor(from.shape, from.dtype);
    auto* to = static_cast<std::byte*>(out.mutable_data());
    if (from.lowest) gather(from, from.lowest + from.first * static_cast<int64_t>(size_of(from.dtype)), 0, to);
    return true;
  }
  BufferRef memory(adopt(from.lowest, static_cast<size_t>(from.bytes), m, end_managed<Managed>));
  owner.release();
  out = Tensor(std::move(memory), from.first, from.shape, from.strides, from.dtype);
  return true;
}

py::object from_dlpack_capsule(const py::object& capsule, const py::object& copy) {
  Tensor out;
  if (!consume<Versioned>(capsule.ptr(), copy, out) && !consume<Unversioned>(capsule.ptr(), copy, out)) {
    fail(ErrorKind::Value,
         "from_dlpack: needs an array with __dlpack__, or a DLPack capsule that nobody consumed, got ",
         Py_TYPE(capsule.ptr())->tp_name, ".");
  }
  return steal(wrap(std::move(out)));
}

}  // namespace

void bind_dlpack(py::module_& m) {
  m.def("to_dlpack", to_dlpack, py::arg("tensor"), py::arg("versioned"), py::arg("copy"));
  m.def("from_dlpack_capsule", from_dlpack_capsule, py::arg("capsule"), py::arg("copy"));
}

}  // namespace adcore::python
