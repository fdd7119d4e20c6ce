// Tensors for other libraries and theirs for us, by the DLPack protocol (versions 0 and 1): a struct in a capsule,
// which its consumer renames and whose deleter it calls.
//
// Out: the memory is shared, with a reference to it, and said to be read-only; the old form of the struct cannot say
// that, so it carries a copy. In: always a copy, because whoever made the memory may write to it.
#include "core/box.h"
#include "python/bindings.h"

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
  Tensor value = value_of(o).detached();
  if (value.boxed() || (context().tape && slot_of(o, context().tape))) {
    fail_buffer(
        "__dlpack__: this Tensor is being differentiated or mapped over, which another library does not see; "
        "export its stop_gradient, or return it from the function first.");
  }
  const bool copied = copy.is_none() ? !versioned : py::cast<bool>(copy);
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

/// A tensor of its own with the elements of an array.
Tensor copy_of(const Array& a) {
  if (a.device.type != kCpu) {
    fail_buffer("from_dlpack: the array is not in the CPU's memory (device type " + std::to_string(a.device.type) +
                "); copy it there first.");
  }
  const DType dtype = dtype_of(a.dtype);
  Dims shape, strides;
  for (int32_t i = 0; i < a.rank; ++i) shape.push_back(a.shape[i]);
  Tensor own(shape, dtype);  // refuses a shape that no tensor can have
  if (own.size() == 0) return own;
  int64_t low = 0, high = 0;  // the span of elements around the first
  for (int i = 0; i < shape.size(); ++i) {
    const int64_t stride = a.strides ? a.strides[i] : own.strides()[i];
    strides.push_back(stride);
    (stride < 0 ? low : high) += stride * (shape[i] - 1);
  }
  const auto item = static_cast<int64_t>(size_of(dtype));
  auto* const first = static_cast<std::byte*>(a.data) + a.byte_offset;
  if (reinterpret_cast<uintptr_t>(first) % size_of(dtype)) fail_buffer("from_dlpack: the elements are not aligned.");
  BufferRef memory(adopt(first + low * item, static_cast<size_t>((high - low + 1) * item), nullptr, [](void*) {}));
  copy_to(Tensor(std::move(memory), -low, shape, strides, dtype), own.mutable_data(), dtype);
  return own;
}

/// Consumes a capsule of one form; false where it is of another.
template <class Managed>
bool consume(PyObject* capsule, Tensor& out) {
  if (!PyCapsule_IsValid(capsule, Managed::name)) return false;
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Managed::name));
  if (PyCapsule_SetName(capsule, Managed::used_name)) throw PythonError{};
  struct Delete {
    Managed* m;
    ~Delete() {
      if (m->deleter) m->deleter(m);
    }
  } const guard{m};
  if constexpr (std::is_same_v<Managed, Versioned>) {
    if (m->major != 1) fail_buffer("from_dlpack: DLPack version " + std::to_string(m->major) + " is not known.");
  }
  out = copy_of(m->array);
  return true;
}

py::object from_dlpack_capsule(const py::object& capsule) {
  Tensor out;
  if (!consume<Versioned>(capsule.ptr(), out) && !consume<Unversioned>(capsule.ptr(), out)) {
    fail(ErrorKind::Value,
         "from_dlpack: needs an array with __dlpack__, or a DLPack capsule that nobody consumed, got ",
         Py_TYPE(capsule.ptr())->tp_name, ".");
  }
  return steal(wrap(std::move(out)));
}

}  // namespace

void bind_dlpack(py::module_& m) {
  m.def("to_dlpack", to_dlpack, py::arg("tensor"), py::arg("versioned"), py::arg("copy"));
  m.def("from_dlpack_capsule", from_dlpack_capsule, py::arg("capsule"));
}

}  // namespace adcore::python
