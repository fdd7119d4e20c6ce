// The object that `jit` returns: for each signature of a call it has a program, and calls replay it.
//
// A signature is what a call may differ in: the structure of the arguments, shapes and dtypes of the Tensors among them,
// all other leaves themselves. What the function reads beside its arguments is guarded: the places where it found
// objects (variables of a closure, globals, attributes, elements of lists) must hold the same ones. Cells are inputs of
// the program, whatever they hold. Hand-written, since every call of a small program passes through it. Start reading at
// call().
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/reuse.h"
#include "core/donated.h"
#include "jit/optimize.h"
#include "jit/plan.h"
#include "python/traced.h"

namespace adcore::python {
namespace {

// ---- signatures ---------------------------------------------------------------------------------------------------

bool same_bytes(PyObject* a, PyObject* b) {
  Py_buffer x, y;
  if (PyObject_GetBuffer(a, &x, PyBUF_SIMPLE) < 0) return clear_answer(), false;
  bool same = false;
  if (PyObject_GetBuffer(b, &y, PyBUF_SIMPLE) < 0) {
    PyErr_Clear();
  } else {
    same = x.len == y.len && std::memcmp(x.buf, y.buf, static_cast<size_t>(x.len)) == 0;
    PyBuffer_Release(&y);
  }
  PyBuffer_Release(&x);
  return same;
}

/// The same value to a program: the same object, or a number or text of the same bits.
bool same_static(PyObject* a, PyObject* b) {
  if (a == b) return true;
  if (Py_TYPE(a) != Py_TYPE(b)) return false;
  if (PyFloat_CheckExact(a)) {
    const double x = PyFloat_AS_DOUBLE(a), y = PyFloat_AS_DOUBLE(b);
    return std::memcmp(&x, &y, sizeof x) == 0;
  }
  if (PySlice_Check(a)) {
    const auto *x = reinterpret_cast<PySliceObject*>(a), *y = reinterpret_cast<PySliceObject*>(b);
    return same_static(x->start, y->start) && same_static(x->stop, y->stop) && same_static(x->step, y->step);
  }
  if (PyLong_CheckExact(a) || PyUnicode_CheckExact(a) || PyBytes_CheckExact(a)) {
    const int equal = PyObject_RichCompareBool(a, b, Py_EQ);
    if (equal < 0) throw PythonError{};
    return equal;
  }
  return is_number(a) && !is_tensor(a) && same_bytes(a, b);  // NumPy's numbers
}

/// A call's structure, and what of it is no input of the program.
struct Signature {
  std::vector<int64_t> words;
  std::vector<PyObject*> objects;  // borrowed from the call
  std::vector<PyObject*> inputs;   // the same; each once
  std::vector<Owned> made;         // Tensors of arrays, and parts of dataclasses
  std::vector<size_t> donated;     // inputs
  bool donates = false;            // those that are added
  bool hooked = false;             // an input has hooks, which whoever differentiates by it calls: no program does

  void clear() noexcept {
    forget(words);
    forget(objects);
    forget(inputs);
    made.clear();
    forget(donated);
    donates = hooked = false;
    arrays_.clear();
    numbers_.clear();
  }

  enum Tag : int64_t { kTuple, kList, kDict, kFields, kObject, kTensor, kArray, kSeen, kAttributes };

  void add_object(PyObject* o) {
    words.push_back(kObject);
    objects.push_back(o);
  }

  void add_input(PyObject* o, Tag tag = kTensor) {
    const size_t known = number_of(o);
    if (known < inputs.size()) {
      if (donates || (!donated.empty() && std::ranges::find(donated, known) != donated.end()))
        fail(ErrorKind::Value, "jit: a Tensor of shape ", to_string(value_of(o).shape()),
             " is donated, and is an argument at another place, too.");
      words.push_back(kSeen);
      words.push_back(static_cast<int64_t>(known));
      return;
    }
    if (donates && tag == kTensor) donated.push_back(inputs.size());
    PyObject* const hooks = reinterpret_cast<TensorObject*>(o)->hooks;
    hooked |= hooks && PyDict_GET_SIZE(hooks) > 0;
    inputs.push_back(o);
    const Tensor& t = value_of(o);
    words.push_back(tag);
    words.push_back(static_cast<int64_t>(t.dtype()));
    words.push_back(t.rank());
    words.insert(words.end(), t.shape().begin(), t.shape().end());
  }

  void add(PyObject* o) {
    if (Py_TYPE(o) == tensor_type) return add_input(o);
    if (o == Py_None || PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyUnicode_CheckExact(o)) return add_object(o);
    if (PyTuple_Check(o)) {
      const Nested nested;
      add_container(kTuple, o, PyTuple_GET_SIZE(o));
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) add(PyTuple_GET_ITEM(o, i));
      if (!PyTuple_CheckExact(o)) add_attributes(o);
    } else if (PyList_Check(o)) {
      const Nested nested;
      add_container(kList, o, PyList_GET_SIZE(o));
      for (Py_ssize_t i = 0; i < PyList_GET_SIZE(o); ++i) add(hold(Owned::copy(PyList_GET_ITEM(o, i))));
      if (!PyList_CheckExact(o)) add_attributes(o);
    } else if (PyDict_Check(o)) {
      const Nested nested;
      add_container(kDict, o, PyDict_GET_SIZE(o));
      PyObject *key, *value;
      for (Py_ssize_t i = 0; PyDict_Next(o, &i, &key, &value);) {
        add_object(hold(Owned::copy(key)));
        add(hold(Owned::copy(value)));
      }
      if (!PyDict_CheckExact(o)) add_attributes(o);
    } else {
      add_rare(o);
    }
  }

 private:
  /// Kept for the time of the call: reading what follows may run code that changes a container.
  PyObject* hold(Owned o) {
    made.push_back(std::move(o));
    return made.back().get();
  }

  /// The number of an input, or how many there are. Of many, which a search would take long for, by a table.
  size_t number_of(PyObject* o) {
    constexpr size_t kFew = 16;
    if (inputs.size() <= kFew) return static_cast<size_t>(std::ranges::find(inputs, o) - inputs.begin());
    for (size_t k = numbers_.size(); k < inputs.size(); ++k) numbers_.emplace(inputs[k], k);
    const auto found = numbers_.find(o);
    return found == numbers_.end() ? inputs.size() : found->second;
  }

  void add_container(Tag tag, PyObject* o, Py_ssize_t size) {
    words.push_back(tag);
    words.push_back(size);
    objects.push_back(reinterpret_cast<PyObject*>(Py_TYPE(o)));
  }

  /// Subclasses of Tensor, arrays, dataclasses; else an object by itself.
  void add_rare(PyObject* o) {
    if (is_tensor(o) && !is_parameter(o)) {
      objects.push_back(reinterpret_cast<PyObject*>(Py_TYPE(o)));
      return add_input(o);
    }
    if (is_program_input(o)) {
      for (const auto& [array, tensor] : arrays_)
        if (array == o) return add_input(tensor);
      PyObject* const tensor = hold(Owned(wrap(tensor_from(o, nullptr))));
      arrays_.emplace_back(o, tensor);
      return add_input(tensor, kArray);
    }
    const Owned fields = dataclass_fields(o);
    if (!fields) return add_object(o);
    const Nested nested;
    add_container(kFields, o, PyDict_GET_SIZE(fields.get()));
    PyObject *name, *unused;
    for (Py_ssize_t i = 0; PyDict_Next(fields.get(), &i, &name, &unused);)
      add(hold(Owned(checked(PyObject_GetAttr(o, name)))));
    add_attributes(o, fields.get());
  }

  /// What an object of a container class holds beside its elements, or beside its fields: parts of the program.
  void add_attributes(PyObject* o, PyObject* fields = nullptr) {
    if (!Py_TYPE(o)->tp_dictoffset) return;
    const Owned attributes(PyObject_GenericGetDict(o, nullptr));
    if (!attributes) return clear_answer();
    PyObject *name, *value;
    for (Py_ssize_t i = 0; PyDict_Next(attributes.get(), &i, &name, &value);) {
      if (fields && PyDict_GetItemWithError(fields, name)) continue;
      words.push_back(kAttributes);
      objects.push_back(hold(Owned::copy(name)));
      add_part(hold(Owned::copy(value)));
    }
  }

  /// An object that is no input wherever it stands; of tuples, lists and dicts the elements, which others may change.
  void add_part(PyObject* o) {
    const Nested nested;
    if (PyTuple_CheckExact(o)) {
      add_container(kTuple, o, PyTuple_GET_SIZE(o));
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) add_part(PyTuple_GET_ITEM(o, i));
    } else if (PyList_CheckExact(o)) {
      add_container(kList, o, PyList_GET_SIZE(o));
      for (Py_ssize_t i = 0; i < PyList_GET_SIZE(o); ++i) add_part(hold(Owned::copy(PyList_GET_ITEM(o, i))));
    } else if (PyDict_CheckExact(o)) {
      add_container(kDict, o, PyDict_GET_SIZE(o));
      PyObject *key, *value;
      for (Py_ssize_t i = 0; PyDict_Next(o, &i, &key, &value);) {
        add_object(hold(Owned::copy(key)));
        add_part(hold(Owned::copy(value)));
      }
    } else {
      add_object(o);
    }
  }

  std::vector<std::pair<PyObject*, PyObject*>> arrays_;
  std::unordered_map<PyObject*, size_t> numbers_;
};

// ---- guards -------------------------------------------------------------------------------------------------------

/// A place where the function found objects. What stands in a container is expected as a tuple, of a dict key and value
/// by turns.
struct Guard {
  enum class Kind : uint8_t { Variable, Item, Absent, List, Dict, Class, Function, Attribute, Copy, Trained, Type };
  Kind kind;
  Owned holder, key, expected;

  bool holds() const {
    switch (kind) {
      case Kind::Variable: return is(PyCell_GET(holder.get()));
      case Kind::Item: return is(item());
      case Kind::Absent: return !item();
      case Kind::List: {
        const Py_ssize_t n = PyTuple_GET_SIZE(expected.get());
        if (PyList_GET_SIZE(holder.get()) != n) return false;
        for (Py_ssize_t i = 0; i < n; ++i)
          if (!same_static(PyList_GET_ITEM(holder.get(), i), PyTuple_GET_ITEM(expected.get(), i))) return false;
        return true;
      }
      case Kind::Dict: return has_items(holder.get());
      case Kind::Class: {
        const auto* const type = reinterpret_cast<PyTypeObject*>(holder.get());
        return type->tp_bases == key.get() && has_items(type->tp_dict);
      }
      case Kind::Function: {
        PyObject* const parts[] = {PyFunction_GET_CODE(holder.get()), PyFunction_GET_DEFAULTS(holder.get()),
                                   PyFunction_GET_KW_DEFAULTS(holder.get())};
        for (Py_ssize_t i = 0; i < 3; ++i)
          if ((parts[i] ? parts[i] : Py_None) != PyTuple_GET_ITEM(expected.get(), i)) return false;
        return true;
      }
      case Kind::Attribute: {
        const Owned now(PyObject_GetAttr(holder.get(), key.get()));
        if (!now) clear_answer();
        return is(now.get());
      }
      case Kind::Type: return has_kind(holder.get());
      case Kind::Trained:
        return reinterpret_cast<ParameterObject*>(holder.get())->requires_grad == (expected.get() == Py_True);
      case Kind::Copy: {
        const Owned now(PyObject_CallOneArg(key.get(), holder.get()));
        if (!now) clear_answer();
        if (!now || !PyTuple_CheckExact(now.get()) || !PyTuple_CheckExact(expected.get())) {
          const int same = now ? PyObject_RichCompareBool(now.get(), expected.get(), Py_EQ) : 0;
          if (same < 0) throw PythonError{};
          return same;
        }
        const Py_ssize_t n = PyTuple_GET_SIZE(expected.get());
        if (PyTuple_GET_SIZE(now.get()) != n) return false;
        for (Py_ssize_t i = 0; i < n; ++i)
          if (!same_static(PyTuple_GET_ITEM(now.get(), i), PyTuple_GET_ITEM(expected.get(), i))) return false;
        return true;
      }
    }
    return false;
  }

 private:
  bool is(PyObject* now) const { return now && same_static(now, expected.get()); }
  PyObject* item() const {
    PyObject* const now = PyDict_GetItemWithError(holder.get(), key.get());
    if (!now && PyErr_Occurred()) throw PythonError{};
    return now;
  }
  /// An object's class and, where one is expected, the very dict of its attributes.
  bool has_kind(PyObject* o) const {
    if (reinterpret_cast<PyObject*>(Py_TYPE(o)) != PyTuple_GET_ITEM(expected.get(), 0)) return false;
    PyObject* const attributes = PyTuple_GET_ITEM(expected.get(), 1);
    if (attributes == Py_None) return true;
    const Owned now(PyObject_GenericGetDict(o, nullptr));
    if (!now) clear_answer();
    return now.get() == attributes;
  }
  bool has_items(PyObject* dict) const {
    const Py_ssize_t n = PyTuple_GET_SIZE(expected.get());
    if (PyDict_GET_SIZE(dict) * 2 != n) return false;
    PyObject *name, *value;
    Py_ssize_t k = 0;
    for (Py_ssize_t i = 0; k < n && PyDict_Next(dict, &i, &name, &value); k += 2) {
      if (!same_static(name, PyTuple_GET_ITEM(expected.get(), k)) ||
          !same_static(value, PyTuple_GET_ITEM(expected.get(), k + 1)))
        return false;
    }
    return k == n;
  }
};

Guard guard_from(PyObject* o) {
  int kind;
  PyObject *holder, *key, *expected;
  if (!PyArg_ParseTuple(o, "iOOO", &kind, &holder, &key, &expected)) throw PythonError{};
  using Kind = Guard::Kind;
  const auto k = static_cast<Kind>(kind);
  const bool tuple = PyTuple_CheckExact(expected);
  const auto is_one_of = [k](auto... kinds) { return ((k == kinds) || ...); };
  const bool fits = is_one_of(Kind::Variable)             ? PyCell_Check(holder)
                    : is_one_of(Kind::Item, Kind::Absent) ? PyDict_Check(holder)
                    : is_one_of(Kind::List)               ? PyList_Check(holder) && tuple
                    : is_one_of(Kind::Dict)               ? PyDict_Check(holder) && tuple
                    : is_one_of(Kind::Class)              ? PyType_Check(holder) && tuple
                    : is_one_of(Kind::Type)               ? tuple && PyTuple_GET_SIZE(expected) == 2
                    : is_one_of(Kind::Function) ? PyFunction_Check(holder) && tuple && PyTuple_GET_SIZE(expected) == 3
                    : is_one_of(Kind::Trained)  ? is_parameter(holder)
                                                : is_one_of(Kind::Attribute, Kind::Copy);
  if (!fits) fail(ErrorKind::Type, "jit: this is no guard.");
  return {k, Owned::copy(holder), Owned::copy(key), Owned::copy(expected)};
}

// ---- programs -----------------------------------------------------------------------------------------------------

/// What of a cell decides how a derivative by it is taken: its hooks, and whether a Parameter wants one. Another number
/// where that changed.
uint64_t state_of(PyObject* cell) {
  uint64_t state = is_parameter(cell) && reinterpret_cast<ParameterObject*>(cell)->requires_grad;
  PyObject* const hooks = reinterpret_cast<TensorObject*>(cell)->hooks;
  if (!hooks || !PyDict_Check(hooks)) return state;
  PyObject *number, *hook;  // a registration has a number of its own
  for (Py_ssize_t i = 0; PyDict_Next(hooks, &i, &number, &hook);)
    state = state * 31 + static_cast<uint64_t>(PyLong_AsLongLong(number)) + 2;
  return state;
}

/// A program for one signature; or that there is none, and the function runs as Python.
struct Entry {
  std::vector<int64_t> words;
  std::vector<Owned> objects;
  std::vector<Guard> guards;
  std::vector<uint64_t> states;  // of the cells that are read
  std::vector<Owned> compared;   // Tensors that the function may compare arguments with, by identity
  Owned traced_object;           // holds `traced`; where there is none, a str that says why
  const TracedFunction* traced = nullptr;
  std::shared_ptr<const Program> optimized;
  std::vector<std::shared_ptr<const Plan>> plans;  // one for each layout of the inputs
  uint64_t used = 0;                               // when, in calls

  bool matches(const Signature& s) const {
    if (words.size() != s.words.size() || objects.size() != s.objects.size() ||
        std::memcmp(words.data(), s.words.data(), words.size() * sizeof(int64_t)) != 0)
      return false;
    for (size_t i = 0; i < objects.size(); ++i)
      if (!same_static(objects[i].get(), s.objects[i])) return false;
    return true;
  }
  bool guards_hold() const {
    for (const Guard& g : guards)
      if (!g.holds()) return false;
    return true;
  }
  bool is_program() const noexcept { return traced; }
  /// The cells have the shapes and dtypes that they had, and their derivatives are taken as they were.
  bool cells_fit() const {
    const Program& p = *traced->program();
    const auto& cells = traced->reads();
    for (size_t k = 0; k < cells.size(); ++k) {
      const Program::Value& v = p.values()[p.inputs()[traced->argument_count() + k]];
      const Tensor& t = value_of(cells[k].get());
      if (t.dtype() != v.dtype || !(t.shape() == v.shape) || state_of(cells[k].get()) != states[k]) return false;
    }
    return true;
  }
  /// No argument is a Tensor that the function finds elsewhere too, where it asks what is the same object.
  bool knows_identities(const Signature& s) const {
    return std::ranges::none_of(compared, [&](const Owned& o) { return std::ranges::count(s.inputs, o.get()) > 0; });
  }
  int64_t bytes() const {
    if (!is_program()) return 0;
    int64_t n = 0;
    for (const auto& plan : plans) n += plan->arena_bytes();
    for (const Program::Constant& c : traced->program()->constants())
      n += c.tensor.size() * static_cast<int64_t>(size_of(c.tensor.dtype()));
    const Program& p = *traced->program();
    return n + static_cast<int64_t>(p.statements().size() * 256 + p.values().size() * 512);
  }
};

constexpr size_t kMostEntries = 64;
constexpr int32_t kOneCell = 1;  // holds the value of a Parameter that nobody else holds
constexpr int64_t kMostBytes = int64_t{1} << 30;

struct JittedObject {
  PyObject_HEAD vectorcallfunc call;
  PyObject* dict;
  PyObject* weak_references;
  PyObject* fn;
  PyObject* static_positions;                    // a tuple of ints
  PyObject* static_names;                        // a frozenset of str
  PyObject* donated;                             // a tuple of ints
  std::vector<std::shared_ptr<Entry>>* entries;  // the one that was used last is the first
  uint64_t calls;
};

JittedObject* as_jitted(PyObject* o) { return reinterpret_cast<JittedObject*>(o); }

bool is_among(PyObject* positions, Py_ssize_t position) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(positions); ++i)
    if (PyLong_AsSsize_t(PyTuple_GET_ITEM(positions, i)) == position) return true;
  return false;
}
bool is_static(const JittedObject* j, Py_ssize_t position) { return is_among(j->static_positions, position); }
bool is_static(const JittedObject* j, PyObject* name) {
  if (PySet_GET_SIZE(j->static_names) == 0) return false;
  const int found = PySet_Contains(j->static_names, name);
  if (found < 0) throw PythonError{};
  return found;
}

/// One call, as the interpreter gives it.
struct Given {
  PyObject* const* args;
  Py_ssize_t count;
  PyObject* names;  // a tuple, or null

  void sign(const JittedObject* j, Signature& s) const {
    s.words.push_back(count);
    for (Py_ssize_t i = 0; i < count; ++i) {
      s.donates = is_among(j->donated, i);
      is_static(j, i) ? s.add_object(args[i]) : s.add(args[i]);
    }
    s.donates = false;
    const Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
    for (Py_ssize_t i = 0; i < named; ++i) {
      PyObject* const name = PyTuple_GET_ITEM(names, i);
      s.add_object(name);
      is_static(j, name) ? s.add_object(args[count + i]) : s.add(args[count + i]);
    }
  }
  py::tuple positional() const {
    py::tuple all(static_cast<size_t>(count));
    for (Py_ssize_t i = 0; i < count; ++i) all[static_cast<size_t>(i)] = py::reinterpret_borrow<py::object>(args[i]);
    return all;
  }
  py::dict named() const {
    py::dict all;
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); ++i)
      all[py::handle(PyTuple_GET_ITEM(names, i))] = py::handle(args[count + i]);
    return all;
  }
};

Arguments arguments_of(const JittedObject* j, const Given& given) {
  Arguments a{given.positional(), given.named(), {}, py::reinterpret_borrow<py::object>(j->static_names)};
  for (Py_ssize_t i = 0; i < given.count; ++i) a.static_positions.push_back(is_static(j, i));
  return a;
}

/// Records a program for the call, or learns that there can be none. Python's side says what guards it, and what a user
/// should know of it.
std::shared_ptr<Entry> trace(PyObject* self, const Given& given, const Signature& signature) {
  const JittedObject* const j = as_jitted(self);
  if (!j->fn) fail(ErrorKind::Runtime, "jit: the function has been collected.");
  auto entry = std::make_shared<Entry>();
  entry->words = signature.words;
  for (PyObject* o : signature.objects) entry->objects.push_back(Owned::copy(o));
  const Arguments arguments = arguments_of(j, given);
  const auto fn = py::reinterpret_borrow<py::object>(j->fn);
  const auto record = py::cpp_function([fn, arguments] { return std::make_unique<TracedFunction>(fn, arguments); });
  const auto recorded = py::reinterpret_borrow<py::object>(python_function(
      "adcore.transforms.compiled", "record_program"))(py::handle(self), arguments.positional, arguments.named, record);
  if (PyUnicode_Check(recorded.ptr())) {
    entry->traced_object = Owned::copy(recorded.ptr());
    return entry;
  }
  const auto parts = py::cast<py::tuple>(recorded);
  entry->traced_object = Owned::copy(parts[0].ptr());
  entry->traced = &py::cast<const TracedFunction&>(py::handle(parts[0]));
  for (const py::handle g : py::cast<py::list>(parts[1])) entry->guards.push_back(guard_from(g.ptr()));
  for (const py::handle t : py::cast<py::list>(parts[2])) entry->compared.push_back(Owned::copy(t.ptr()));
  for (const Owned& cell : entry->traced->reads()) entry->states.push_back(state_of(cell.get()));
  return entry;
}

/// What nobody needs after a run: the old values of cells that it writes, and donated arguments.
Plan::Updates updates_of(const TracedFunction& f, std::span<const size_t> donated) {
  Plan::Updates u;
  for (const size_t k : donated)
    if (!f.is_given_back(k)) u.push_back(k);
  for (size_t k = 0; k < f.reads().size(); ++k) {
    const auto is_it = [&](const Owned& cell) { return cell.get() == f.reads()[k].get(); };
    if (std::ranges::any_of(f.writes(), is_it)) u.push_back(f.argument_count() + k);
  }
  return u;
}

PyObject* replay(Entry& entry, std::span<PyObject* const> arguments, std::span<const size_t> donated) {
  const TracedFunction& f = *entry.traced;
  const size_t own = f.argument_count(), count = own + f.reads().size();
  const auto input = [&](size_t k) -> const Tensor& {
    return value_of(k < own ? arguments[k] : f.reads()[k - own].get());
  };
  const auto fits = [&](const std::shared_ptr<const Plan>& plan) {
    for (size_t k = 0; k < count; ++k)
      if (!plan->fits(k, input(k))) return false;
    return true;
  };
  const auto plan = std::ranges::find_if(entry.plans, fits);
  if (plan == entry.plans.end()) {
    std::vector<Tensor> outputs;
    Plan::Last last;
    if (!entry.optimized) entry.optimized = std::make_shared<const Program>(optimize(*f.program()));
    const auto made =
        std::make_shared<const Plan>(entry.optimized, f.inputs(arguments), outputs, updates_of(f, donated), last);
    entry.plans.push_back(made);
    made->take_memory(last, kOneCell, outputs);
    return f.finish(arguments, [&](size_t k) { return outputs[k]; }, [&] { Plan::run(last); });
  }
  Run run(**plan);
  for (size_t k = 0; k < count; ++k) run.input(k, input(k));
  run.execute_first(kOneCell);
  return f.finish(arguments, [&](size_t k) { return run.output(k); }, [&] { run.execute_last(); });
}

/// What the cells of donated arguments hold after the call: nothing that can be read.
class Donations {
 public:
  Donations(PyObject* jitted, const TracedFunction& f, const Signature& s) {
    if (s.donated.empty()) return;
    const Owned name(PyObject_GetAttrString(jitted, "__qualname__"));
    if (!name) PyErr_Clear();  // a Cell, a partial
    const char* const text = name ? PyUnicode_AsUTF8(name.get()) : "a jitted function";
    if (!text) throw PythonError{};
    for (const size_t k : s.donated) {
      const Tensor& t = value_of(s.inputs[k]);
      if (f.is_given_back(k)) continue;
      cells_.push_back(Owned::copy(s.inputs[k]));
      values_.push_back(make_donated(text, t.shape(), t.dtype()));
    }
  }
  void make() {
    for (size_t i = 0; i < cells_.size(); ++i) assign(cells_[i].get(), std::move(values_[i]));
  }

 private:
  std::vector<Owned> cells_;
  std::vector<Tensor> values_;
};

/// The cache holds so many programs, and so many bytes, at most: the one that was not used for longest goes first.
void bound_cache(std::vector<std::shared_ptr<Entry>>& entries) {
  int64_t bytes = 0;
  for (const auto& e : entries) bytes += e->bytes();
  std::vector<std::shared_ptr<Entry>> dropped;  // what lets go of objects may run code of the user: at the end
  while (entries.size() > 1 && (entries.size() > kMostEntries || bytes > kMostBytes)) {
    bytes -= entries.back()->bytes();
    dropped.push_back(std::move(entries.back()));
    entries.pop_back();
  }
}

std::shared_ptr<Entry> find(std::vector<std::shared_ptr<Entry>>& entries, const Signature& signature) {
  for (size_t i = 0; i < entries.size(); ++i) {
    // Held: a comparison may run Python code, and that may call the function again.
    const std::shared_ptr<Entry> e = entries[i];
    if (!e->matches(signature)) continue;
    if (e->is_program() && (!e->traced->aliases_fit(signature.inputs) || !e->guards_hold() || !e->cells_fit() ||
                            !e->knows_identities(signature)))
      continue;
    if (i > 0 && i < entries.size() && entries[i] == e)
      std::rotate(entries.begin(), entries.begin() + static_cast<ptrdiff_t>(i),
                  entries.begin() + static_cast<ptrdiff_t>(i) + 1);
    return e;
  }
  return nullptr;
}

std::shared_ptr<Entry> add(PyObject* self, const Given& given, const Signature& signature) {
  auto& entries = *as_jitted(self)->entries;
  std::shared_ptr<Entry> entry = trace(self, given, signature);
  entries.insert(entries.begin(), entry);
  bound_cache(entries);
  return entry;
}

PyObject* call(PyObject* self, PyObject* const* args, size_t flags, PyObject* names) {
  return guarded([&]() -> PyObject* {
    JittedObject* const j = as_jitted(self);
    const Owned held = Owned::copy(self);
    const Given given{args, PyVectorcall_NARGS(flags), names};
    const Reused<Signature> signature;
    given.sign(j, *signature);
    ++j->calls;
    const auto run_as_python = [&] {
      return checked(calling_python([&] { return PyObject_Vectorcall(j->fn, args, flags, names); }));
    };
    if (signature->hooked) return run_as_python();
    std::shared_ptr<Entry> entry = find(*j->entries, *signature);
    if (!entry) entry = add(self, given, *signature);
    if (entry->is_program() && !entry->traced->is_seen(signature->inputs)) {
      Donations donations(self, *entry->traced, *signature);
      PyObject* const result = replay(*entry, signature->inputs, signature->donated);
      donations.make();
      return result;
    }
    if (!entry->is_program() || entry->traced->has_rules() || entry->traced->has_draws()) return run_as_python();
    return entry->traced->run(signature->inputs).release().ptr();
  });
}

// ---- the type -----------------------------------------------------------------------------------------------------

PyObject* jitted_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"fn", "static_positions", "static_names", "donated", nullptr};
  PyObject *fn, *positions, *static_names, *donated;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!O!O!", const_cast<char**>(names), &fn, &PyTuple_Type, &positions,
                                   &PyFrozenSet_Type, &static_names, &PyTuple_Type, &donated))
    return nullptr;
  return guarded([&] {
    auto entries = std::make_unique<std::vector<std::shared_ptr<Entry>>>();
    Owned self(checked(type->tp_alloc(type, 0)));
    JittedObject* const j = as_jitted(self.get());
    j->call = call;
    j->fn = Py_NewRef(fn);
    j->static_positions = Py_NewRef(positions);
    j->static_names = Py_NewRef(static_names);
    j->donated = Py_NewRef(donated);
    j->entries = entries.release();
    return self.release();
  });
}

int jitted_traverse(PyObject* self, visitproc visit, void* arg) {
  const JittedObject* const j = as_jitted(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(j->dict);
  Py_VISIT(j->fn);
  Py_VISIT(j->static_positions);
  Py_VISIT(j->static_names);
  Py_VISIT(j->donated);
  if (!j->entries) return 0;
  for (const auto& e : *j->entries) {
    Py_VISIT(e->traced_object.get());
    for (const auto* held : {&e->objects, &e->compared})
      for (const Owned& o : *held) Py_VISIT(o.get());
    for (const Guard& g : e->guards) {
      Py_VISIT(g.holder.get());
      Py_VISIT(g.key.get());
      Py_VISIT(g.expected.get());
    }
  }
  return 0;
}
int jitted_clear(PyObject* self) {
  JittedObject* const j = as_jitted(self);
  Py_CLEAR(j->dict);
  Py_CLEAR(j->fn);
  if (j->entries) const auto entries = std::exchange(*j->entries, {});
  return 0;
}
void jitted_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  JittedObject* const j = as_jitted(self);
  if (j->weak_references) PyObject_ClearWeakRefs(self);
  jitted_clear(self);
  Py_CLEAR(j->static_positions);
  Py_CLEAR(j->static_names);
  Py_CLEAR(j->donated);
  delete std::exchange(j->entries, nullptr);
  PyTypeObject* const type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* jitted_get(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

PyObject* get_wrapped(PyObject* self, void*) {
  PyObject* const fn = as_jitted(self)->fn;
  return Py_NewRef(fn ? fn : Py_None);
}
PyObject* get_calls(PyObject* self, void*) { return PyLong_FromUnsignedLongLong(as_jitted(self)->calls); }

/// The program that a call would replay, recorded where there is none yet.
PyObject* program_for(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  return guarded([&] {
    const Given given{args, count, names};
    Signature signature;
    given.sign(as_jitted(self), signature);
    if (signature.hooked)
      throw RecordingError("jit: an argument has hooks, which a program does not call; register them in the function.");
    std::shared_ptr<Entry> entry = find(*as_jitted(self)->entries, signature);
    if (!entry) entry = add(self, given, signature);
    if (!entry->is_program()) throw RecordingError(py::cast<std::string>(py::handle(entry->traced_object.get())));
    return Py_NewRef(entry->traced_object.get());
  });
}

/// For each layout of inputs that a program has run with: the Program as it runs.
Owned compiled(const Entry& e) {
  py::list all;
  for (const auto& plan : e.plans) all.append(e.traced->optimized(e.optimized, plan));
  return Owned(all.release().ptr());
}

/// The programs, the one that was used last first: for each the Program, the plans' bytes, its guards, and what runs.
PyObject* get_programs(PyObject* self, void*) {
  return guarded([&] {
    const auto entries = *as_jitted(self)->entries;
    Owned all(checked(PyList_New(0)));
    for (const auto& e : entries) {
      if (!e->is_program()) continue;
      int64_t arena = 0;
      for (const auto& plan : e->plans) arena += plan->arena_bytes();
      const Owned runs = compiled(*e);
      const Owned one(checked(Py_BuildValue("OLnO", e->traced_object.get(), static_cast<long long>(arena),
                                            static_cast<Py_ssize_t>(e->guards.size()), runs.get())));
      if (PyList_Append(all.get(), one.get()) < 0) throw PythonError{};
    }
    return all.release();
  });
}
PyObject* clear_cache(PyObject* self, PyObject*) {
  const auto entries = std::exchange(*as_jitted(self)->entries, {});
  Py_RETURN_NONE;
}

PyMethodDef kMethods[] = {
    {"_program_for", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(program_for)),
     METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"clear_cache", clear_cache, METH_NOARGS,
     "clear_cache($self, /)\n--\n\nForgets all programs; the next call records one again.\n\nReturns\n-------\nNone"},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef kGetSet[] = {{"__wrapped__", get_wrapped, nullptr, "The function.", nullptr},
                         {"_calls", get_calls, nullptr, "How often it was called, an int.", nullptr},
                         {"_programs", get_programs, nullptr, "The programs, a list.", nullptr},
                         {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                         {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef kMembers[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(JittedObject, call), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(JittedObject, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(JittedObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};
PyType_Slot kSlots[] = {
    {Py_tp_new, reinterpret_cast<void*>(jitted_new)},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_descr_get, reinterpret_cast<void*>(jitted_get)},
    {Py_tp_dealloc, reinterpret_cast<void*>(jitted_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(jitted_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(jitted_clear)},
    {Py_tp_methods, kMethods},
    {Py_tp_getset, kGetSet},
    {Py_tp_members, kMembers},
    {Py_tp_doc, const_cast<char*>("Jitted(fn, static_positions: tuple, static_names: frozenset, donated: tuple)"
                                  "\n--\n\nA function that replays programs of itself.")},
    {0, nullptr}};
PyType_Spec kSpec{"adcore._core.Jitted", sizeof(JittedObject), 0,
                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_METHOD_DESCRIPTOR,
                  kSlots};

}  // namespace

int init_jit(PyObject* module) {
  const Owned type(PyType_FromSpec(&kSpec));
  return type ? PyModule_AddObjectRef(module, "Jitted", type.get()) : -1;
}

}  // namespace adcore::python
