// t[key] and t[key] = value: ints, slices of any step, None, ellipsis, and tensors, arrays or lists of integers or
// bool.
//
// A key is parsed once into a basic part (a Slice, new axes, dropped axes) and index tensors on some axes of what the
// basic part leaves. Reading composes ops: slice, reshape, permute, take. Writing finds the same elements. Start
// reading at Key.
//
// A Tensor's value is its own, also where it is a part of another's: t[0] does not follow t, and a write to it could
// not reach t. So that no write is lost, what a basic key reads is marked, and not written to (require_writable).
#include <algorithm>

#include "ops/owned.h"
#include "python/object.h"

namespace adcore::python {
namespace {

struct Key {
  Slice slice;  // on the axes of the tensor
  Dims shape;   // after the slice, with new axes and without dropped ones
  struct Index {
    int axis;      // of `shape`
    Tensor index;  // int64, entries wrapped
  };
  std::vector<Index> indices;  // axes ascending; broadcast to one shape
  bool joined = true;  // the index tensors are neighbours in the key: the result axes take their place, else come first
  bool basic() const { return indices.empty(); }
};

[[noreturn]] void fail_kind(PyObject* o) {
  fail(ErrorKind::Index,
       "index: a tensor is indexed by ints, slices, None, '...', and tensors or lists of ints or bool, not by ",
       Py_TYPE(o)->tp_name, ".");
}

int64_t integer(PyObject* o) {
  const Owned index(checked(PyNumber_Index(o)));
  const int64_t v = PyLong_AsLongLong(index.get());
  if (v == -1 && PyErr_Occurred()) {
    clear_answer();
    fail(ErrorKind::Index, "index: the index does not fit 64 bits.");
  }
  return v;
}

bool is_plain_int(PyObject* o) {
  if (PyBool_Check(o)) return false;
  if (PyLong_Check(o)) return true;
  return !is_tensor(o) && is_number(o) && PyIndex_Check(o);
}

/// A tensor of indices from what is not basic.
Tensor index_tensor(PyObject* o) {
  if (is_tensor(o)) return value_of(o).detached();
  if (PyFloat_Check(o) || PyUnicode_Check(o) || PyBytes_Check(o) || PyDict_Check(o)) fail_kind(o);
  Tensor t;
  try {
    t = tensor_from(o, nullptr).detached();
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::Type) fail_kind(o);
    throw;
  }
  return t.size() == 0 && is_float(t.dtype()) ? cast(t, DType::Int64) : t;  // an empty list names no element
}

/// One item of a key, converted. All Python code that a key runs has run when its items exist.
struct Item {
  enum class Kind : uint8_t { NewAxis, Ellipsis, Int, Slice, Index } kind;
  int64_t i = 0;
  Py_ssize_t start = 0, stop = 0, step = 1;
  Tensor index{};

  /// How many axes of the tensor it uses.
  int axes() const {
    if (kind == Kind::Index) return index.dtype() == DType::Bool ? index.rank() : 1;
    return kind == Kind::Int || kind == Kind::Slice;
  }
};

Item item_of(PyObject* o) {
  if (o == Py_None) return {Item::Kind::NewAxis};
  if (o == Py_Ellipsis) return {Item::Kind::Ellipsis};
  if (is_plain_int(o)) return {Item::Kind::Int, integer(o)};
  if (PySlice_Check(o)) {
    Item item{Item::Kind::Slice};
    if (PySlice_Unpack(o, &item.start, &item.stop, &item.step) < 0) throw PythonError{};
    return item;
  }
  Item item{Item::Kind::Index};
  item.index = PyBool_Check(o) ? scalar(int64_t{o == Py_True}, DType::Bool) : index_tensor(o);
  return item;
}

std::vector<Item> items_of(PyObject* key) {
  std::vector<Item> items;
  if (!PyTuple_Check(key)) {
    items.push_back(item_of(key));
    return items;
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); ++i) items.push_back(item_of(PyTuple_GET_ITEM(key, i)));
  return items;
}

class Parser {
 public:
  Parser(const Dims& shape, const std::vector<Item>& items) : shape_(shape) {
    key_.slice = whole(shape);
    int used = 0, ellipses = 0;
    for (const Item& item : items) {
      used += item.axes();
      ellipses += item.kind == Item::Kind::Ellipsis;
      has_tensor_ |= item.kind == Item::Kind::Index;
    }
    if (ellipses > 1) fail(ErrorKind::Index, "index: '...' may stand only once.");
    if (used > shape.size()) {
      fail(ErrorKind::Index, "index: ", used, " indices for a tensor of ", shape.size(), " dimensions, shape ",
           to_string(shape), ".");
    }
    for (const Item& item : items) {
      parse(item, shape.size() - used);
      ++item_;
    }
    while (axis_ < shape.size()) keep_axis();
    finish();
  }

  Key take() { return std::move(key_); }

 private:
  void keep_axis() { key_.shape.push_back(shape_[axis_++]); }

  void parse(const Item& item, int unused_axes) {
    switch (item.kind) {
      case Item::Kind::NewAxis: key_.shape.push_back(1); break;
      case Item::Kind::Ellipsis:
        for (; unused_axes > 0; --unused_axes) keep_axis();
        break;
      case Item::Kind::Int: parse_int(item.i); break;
      case Item::Kind::Slice: parse_slice(item); break;
      case Item::Kind::Index: parse_tensor(item.index); break;
    }
  }

  void parse_int(int64_t i) {
    const int64_t size = shape_[axis_];
    if (i < -size || i >= size) {
      fail(ErrorKind::Index, "index ", i, " is out of range for axis ", axis_, " of size ", size, ".");
    }
    i = i < 0 ? i + size : i;
    if (has_tensor_) {  // beside index tensors an int is one of them, as in NumPy
      keep_axis();
      return add_index(key_.shape.size() - 1, scalar(i, DType::Int64));
    }
    key_.slice.start.v[axis_] = i;
    key_.slice.count.v[axis_++] = 1;
  }

  void parse_slice(const Item& item) {
    Py_ssize_t start = item.start, stop = item.stop;
    const Py_ssize_t n = PySlice_AdjustIndices(shape_[axis_], &start, &stop, item.step);
    key_.slice.start.v[axis_] = n ? start : 0;
    key_.slice.step.v[axis_] = n > 1 ? item.step : 1;
    key_.slice.count.v[axis_] = n;
    key_.shape.push_back(n);
    ++axis_;
  }

  void parse_tensor(const Tensor& index) {
    if (index.dtype() == DType::Bool) {
      parse_mask(index);
    } else if (is_integer(index.dtype())) {
      const int64_t size = shape_[axis_];
      keep_axis();
      add_index(key_.shape.size() - 1, checked_index("index", index, size));
    } else {
      fail(ErrorKind::Index, "index: a tensor index must be integer or bool, got ", name_of(index.dtype()), ".");
    }
  }

  void parse_mask(const Tensor& mask) {
    for (int i = 0; i < mask.rank(); ++i) {
      if (mask.shape()[i] != shape_[axis_ + i]) {
        fail(ErrorKind::Index, "index: a mask of shape ", to_string(mask.shape()), " does not fit the tensor of shape ",
             to_string(shape_), " at axis ", axis_ + i, ".");
      }
    }
    const Tensor where = nonzero(mask);
    if (mask.rank() == 0) {  // one place of a new axis, or none, broadcast with the other index tensors
      key_.shape.push_back(1);
      add_index(key_.shape.size() - 1, full(Dims{where.shape()[0]}, int64_t{0}, DType::Int64));
      return;
    }
    const Tensor columns = as_contiguous(swap_axes(where, 0, 1));
    for (int i = 0; i < mask.rank(); ++i) {
      keep_axis();
      Tensor column(Dims{where.shape()[0]}, DType::Int64);
      std::copy_n(columns.data_as<int64_t>() + i * column.size(), column.size(), column.mutable_data_as<int64_t>());
      add_index(key_.shape.size() - 1, column);
    }
  }

  void add_index(int axis, Tensor index) {
    if (!key_.indices.empty() && item_ > last_index_item_ + 1) key_.joined = false;
    last_index_item_ = item_;
    key_.indices.push_back({axis, std::move(index)});
  }

  void finish() {
    if (key_.indices.empty()) return;
    Dims common;
    for (const Key::Index& i : key_.indices) common = broadcast("index", common, i.index.shape());
    for (Key::Index& i : key_.indices) i.index = broadcast_to(i.index, common);
  }

  const Dims shape_;
  Key key_;
  int axis_ = 0;  // of the tensor
  bool has_tensor_ = false;
  int item_ = 0;             // the one that is parsed
  int last_index_item_ = 0;  // that gave an index tensor
};

/// What index tensors select, as rows: the indexed axes first, joined into one.
struct Rows {
  Dims order;        // permutation of the axes of the basic result: the indexed ones first
  Dims rest;         // sizes of the other axes
  Tensor index;      // flat, into the joined axis
  Dims index_shape;  // of the index tensors
  int place = 0;     // where the index axes stand in the result

  explicit Rows(const Key& key) {
    int64_t joined = 1;
    for (const Key::Index& i : key.indices) {
      order.push_back(i.axis);
      joined *= key.shape[i.axis];
    }
    for (int axis = 0; axis < key.shape.size(); ++axis) {
      if (std::any_of(key.indices.begin(), key.indices.end(), [&](const Key::Index& i) { return i.axis == axis; }))
        continue;
      order.push_back(axis);
      rest.push_back(key.shape[axis]);
    }
    index_shape = key.indices[0].index.shape();
    place = key.joined ? key.indices[0].axis : 0;
    index = key.indices[0].index;
    for (size_t i = 1; i < key.indices.size(); ++i) {
      const Key::Index& k = key.indices[i];
      index = index * scalar(key.shape[k.axis], DType::Int64) + k.index;
    }
    index = reshape(index, Dims{index.size()});
    size = joined;
  }

  int64_t size;

  Tensor as_rows(const Tensor& basic) const {
    Dims shape{size};
    for (int64_t d : rest) shape.push_back(d);
    return reshape(permute(basic, order), shape);
  }

  /// The axes of a result: the index axes at their place among the rest.
  Dims result_shape() const {
    Dims shape;
    for (int i = 0; i < place; ++i) shape.push_back(rest[i]);
    for (int64_t d : index_shape) shape.push_back(d);
    for (int i = place; i < rest.size(); ++i) shape.push_back(rest[i]);
    return shape;
  }

  /// Axes of a result so that the index axes come first.
  Dims index_first() const {
    Dims axes;
    for (int i = 0; i < index_shape.size(); ++i) axes.push_back(place + i);
    for (int i = 0; i < rest.size(); ++i) axes.push_back(i < place ? i : i + index_shape.size());
    return axes;
  }
};

Dims inverse(const Dims& axes) {
  Dims out = axes;
  for (int i = 0; i < axes.size(); ++i) out[static_cast<int>(axes[i])] = i;
  return out;
}

Tensor basic_part(const Tensor& t, const Key& key) { return reshape(slice(t, key.slice), key.shape); }

/// With index tensors.
Tensor read(const Tensor& t, const Key& key) {
  const Rows rows(key);
  const Tensor taken = take(rows.as_rows(basic_part(t, key)), rows.index, 0);
  Dims shape = rows.index_shape;
  for (int64_t d : rows.rest) shape.push_back(d);
  return permute(reshape(taken, shape), inverse(rows.index_first()));
}

/// The value in the shape of what it replaces; axes of size 1 before those of the selection fall away, as in NumPy.
Tensor spread(const Tensor& v, const Dims& target) {
  Dims shape = v.shape();
  while (shape.size() > target.size() && shape[0] == 1) shape.erase(0);
  if (!(broadcast("setitem", target, shape) == target)) {
    fail(ErrorKind::Value, "setitem: a value of shape ", to_string(v.shape()), " does not fit the selection ",
         to_string(target), ".");
  }
  return broadcast_to(reshape(v, shape), target);
}

/// The basic result with the elements that the index tensors select replaced.
Tensor write_rows(const Tensor& basic, const Key& key, const Tensor& v) {
  const Rows rows(key);
  Dims flat{rows.index.size()};
  for (int64_t d : rows.rest) flat.push_back(d);
  const Tensor values = reshape(permute(spread(v, rows.result_shape()), rows.index_first()), flat);
  const Tensor x = rows.as_rows(basic);
  Dims permuted;
  for (int64_t axis : rows.order) permuted.push_back(key.shape[static_cast<int>(axis)]);
  return permute(reshape(put_rows(x, rows.index, values), permuted), inverse(rows.order));
}

Tensor write(const Tensor& t, const Key& key, const Tensor& v) {
  const Dims region = key.slice.count.dims();
  if (!key.basic()) return slice_set(t, reshape(write_rows(basic_part(t, key), key, v), region), key.slice);
  return slice_set(t, reshape(spread(v, key.shape), region), key.slice);
}

/// Writes the elements in place where nobody can see the old value; false where a new one must be made.
bool overwrite(PyObject* self, const Key& key, const Tensor& v) {
  const Tape* tape = context().tape;
  if (context().cells) return false;
  Tensor& t = own_value(self);
  if (!key.basic() || v.boxed() || !t.exclusively_owned() || slot_of(self, tape) != 0 ||
      (tape && tape->slot_of(v) != 0))
    return false;
  copy_into_slice(t, reshape(spread(v, key.shape), key.slice.count.dims()), key.slice);
  return true;
}

/// One int on the first axis, the commonest key, without the general parser.
bool plain_row(const Tensor& t, PyObject* key, int64_t& i) {
  if (!PyLong_CheckExact(key) || t.rank() == 0) return false;
  i = integer(key);
  const int64_t size = t.shape()[0];
  if (i < -size || i >= size) fail(ErrorKind::Index, "index ", i, " is out of range for axis 0 of size ", size, ".");
  if (i < 0) i += size;
  return true;
}

PyObject* element(Tensor value) {
  PyObject* o = wrap_fresh(std::move(value));
  reinterpret_cast<TensorObject*>(o)->made |= kElement;
  return o;
}

}  // namespace

PyObject* get_item(PyObject* self, PyObject* key) {
  return guarded([&] {
    const Tensor t = tracked_value(self);
    int64_t row;
    if (plain_row(t, key, row)) {
      Slice s = whole(t.shape());
      s.start.v[0] = row;
      s.count.v[0] = 1;
      Dims shape = t.shape();
      shape.erase(0);
      return element(reshape(slice(t, s), shape));
    }
    const std::vector<Item> items = items_of(key);
    const Tensor now = tracked_value(self);  // the key may have run Python code
    const Key parsed = Parser(now.shape(), items).take();
    return parsed.basic() ? element(basic_part(now, parsed)) : wrap_fresh(read(now, parsed));
  });
}

int set_item(PyObject* self, PyObject* key, PyObject* value) {
  if (!value) {
    PyErr_SetString(PyExc_TypeError, "delitem: elements of a tensor cannot be deleted.");
    return -1;
  }
  return guarded_int([&] {
    // All that may run Python code or let other threads run comes first; from the parsing on, the cell must not change.
    const std::vector<Item> items = items_of(key);
    const Tensor v = value_for_cell(value, self, "setitem");
    const Dims shape = value_of(self).shape();
    const DType dtype = v.dtype();
    const Key parsed = Parser(shape, items).take();
    if (!(value_of(self).shape() == shape) || value_of(self).dtype() != dtype) {
      fail(ErrorKind::Runtime, "setitem: the tensor was given another shape or dtype meanwhile.");
    }
    if (overwrite(self, parsed, v)) return 0;
    assign(self, owned(write(tracked_value(self), parsed, v)));
    set_shared(self, false);
    return 0;
  });
}

}  // namespace adcore::python
