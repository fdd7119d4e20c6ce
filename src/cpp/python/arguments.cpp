#include "python/arguments.h"

#include <algorithm>
#include <bit>
#include <new>

namespace adcore::python {
namespace {

template <class T>
const std::optional<T> kAbsent;

/// The value that Python's text of a default stands for; lives as long as the process.
const void* fallback_of(const Parameter& p) {
  static const Tensor no_tensor;
  static const Dims no_dims;
  const std::string text(p.fallback);
  if (p.required()) return nullptr;
  switch (p.kind) {
    case Kind::Tensor: return &no_tensor;
    case Kind::Tensors: return &kAbsent<std::vector<Tensor>>;
    case Kind::Ints: return &kAbsent<std::vector<int64_t>>;
    case Kind::DType: return &kAbsent<DType>;
    case Kind::Dims: return p.optional ? static_cast<const void*>(&kAbsent<Dims>) : &no_dims;
    case Kind::Number:
      if (p.optional) return &kAbsent<Number>;
      return new Number(text.find_first_of(".e") == text.npos ? Number(int64_t{std::stoll(text)})
                                                              : Number(std::stod(text)));
    case Kind::Int: return p.optional ? static_cast<const void*>(&kAbsent<int64_t>) : new int64_t(std::stoll(text));
    case Kind::Float: return p.optional ? static_cast<const void*>(&kAbsent<double>) : new double(std::stod(text));
    case Kind::Bool: return p.optional ? static_cast<const void*>(&kAbsent<bool>) : new bool(text == "True");
    case Kind::Str:
      return p.optional ? static_cast<const void*>(&kAbsent<std::string_view>)
                        : new std::string_view(*quoted(p.fallback));
    case Kind::Word: return new int64_t(find_word(p.words, *quoted(p.fallback)));
  }
  return nullptr;
}

/// The parameter that a keyword names; -1: none.
int find_parameter(const Parameters& parameters, PyObject* keyword) {
  const Signature& s = parameters.signature;
  for (int i = 0; i < s.count; ++i)
    if (parameters.keywords[i] == keyword) return i;
  const char* name = PyUnicode_AsUTF8(keyword);
  if (!name) throw PythonError{};
  for (int i = 0; i < s.count; ++i)
    if (s.parameters[i].name == name || are_synonyms(s.parameters[i].name, name)) return i;
  return -1;
}

/// What to write for a keyword that none of the parameters has: "; ..." or "".
std::string hint_for(PyObject* keyword, const Signature& s) {
  const Owned names(checked(PyTuple_New(s.count)));
  for (int i = 0; i < s.count; ++i) {
    const std::string_view name = s.parameters[i].name;
    PyTuple_SET_ITEM(names.get(), i,
                     checked(PyUnicode_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size()))));
  }
  return keyword_hint(keyword, names.get());
}

[[noreturn]] void fail_arguments(const Signature& s, const std::string& fact) {
  std::string names;
  for (const Parameter& p : s.all())
    names += text(names.empty() ? "" : ", ", p.name, p.fallback.empty() ? "" : "=", p.fallback);
  fail(ErrorKind::Type, s.name, ": ", fact, "; the signature is ", s.name, "(", names, ").");
}

}  // namespace

std::string keyword_hint(PyObject* keyword, PyObject* names) {
  PyObject* hint = python_function("adcore._advice", "keyword_hint");
  const Owned said(checked(PyObject_CallFunctionObjArgs(hint, keyword, names, nullptr)));
  const char* words = PyUnicode_AsUTF8(said.get());
  if (!words) throw PythonError{};
  return *words ? text("; ", words) : "";
}

void explain_keyword(const char* call, PyObject* keywords, const char* const* names) {
  if (!keywords || !PyErr_ExceptionMatches(PyExc_TypeError)) return;
  PyObject *keyword, *value;
  Py_ssize_t at = 0;
  while (PyDict_Next(keywords, &at, &keyword, &value)) {
    bool known = false;
    const char* const* name = names;
    for (; *name; ++name) known |= PyUnicode_CompareWithASCIIString(keyword, *name) == 0;
    if (known) continue;
    PyErr_Clear();
    const Owned all(checked(PyTuple_New(name - names)));
    for (name = names; *name; ++name) PyTuple_SET_ITEM(all.get(), name - names, checked(PyUnicode_FromString(*name)));
    const Owned shown(checked(PyObject_Str(keyword)));
    const char* word = PyUnicode_AsUTF8(shown.get());
    if (!word) throw PythonError{};
    fail(ErrorKind::Type, call, ": got an unexpected keyword argument '", word, "'", keyword_hint(keyword, all.get()),
         ".");
  }
}

Parameters::Parameters(const Signature& declared) : signature(declared) {
  for (int i = 0; i < signature.count; ++i) {
    const Parameter& p = signature.parameters[i];
    keywords[i] = checked(PyUnicode_FromStringAndSize(p.name.data(), static_cast<Py_ssize_t>(p.name.size())));
    PyUnicode_InternInPlace(&keywords[i]);
    fallback[i] = fallback_of(p);
    if (p.required()) required = i + 1;
    if (plain == i && !p.keyword_only && !p.rest) ++plain;
  }
}

Bound::Bound(const Parameters& parameters, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const Signature& s = parameters.signature;
  const Py_ssize_t plain = parameters.plain;
  const bool tuple_behind =
      count == plain + 1 && plain < s.count && s.parameters[plain].rest && PyTuple_CheckExact(args[plain]);
  if (!keywords && count >= parameters.required && (count <= plain || tuple_behind)) {
    std::copy(args, args + count, values_);
    return;
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (i >= s.count || s.parameters[i].keyword_only)
      fail_arguments(s, text("takes at most ", i, " positional arguments, got ", count));
    const bool single =
        i + 1 == count && (PyTuple_Check(args[i]) || PyList_Check(args[i]) || is_tensor(args[i]) || args[i] == Py_None);
    if (s.parameters[i].rest && !single) {
      rest_ = Owned(checked(PyTuple_New(count - i)));
      for (Py_ssize_t k = i; k < count; ++k) PyTuple_SET_ITEM(rest_.get(), k - i, Py_NewRef(args[k]));
      values_[i] = rest_.get();
      break;
    }
    values_[i] = args[i];
  }
  const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
  for (Py_ssize_t k = 0; k < named; ++k) {
    PyObject* keyword = PyTuple_GET_ITEM(keywords, k);
    const int i = find_parameter(parameters, keyword);
    if (i < 0) {
      fail_arguments(
          s, text("got an unexpected keyword argument '", PyUnicode_AsUTF8(keyword), "'", hint_for(keyword, s)));
    }
    if (values_[i]) fail_arguments(s, text("got two values for '", s.parameters[i].name, "'"));
    values_[i] = args[count + k];
  }
  for (int i = 0; i < s.count; ++i)
    if (!values_[i] && !parameters.fallback[i])
      fail_arguments(s, text("the argument '", s.parameters[i].name, "' is missing"));
}

// ---- conversion ---------------------------------------------------------------------------------------------------

namespace {

/// Whether None asks for the default.
bool none_is_default(const Parameter& p) {
  return p.optional || (p.kind != Kind::Bool && p.kind != Kind::Str && p.kind != Kind::Word);
}

std::string_view text_of(PyObject* o) {
  Py_ssize_t size;
  const char* utf8 = PyUnicode_AsUTF8AndSize(o, &size);
  if (!utf8) throw PythonError{};
  return {utf8, static_cast<size_t>(size)};
}

int64_t word_from(const Signature& s, const Parameter& p, PyObject* o) {
  const std::string_view word = text_of(o);
  const int64_t found = find_word(p.words, word);
  if (found >= 0) return found;
  std::string words;
  for (size_t i = 0; i < p.words.size(); ++i)
    words += text(i == 0 ? "" : i + 1 == p.words.size() ? " or " : ", ", "'", p.words[i], "'");
  fail(ErrorKind::Value, s.name, ": ", p.name, " must be ", words, ", got '", word, "'.");
}

Number number_from(PyObject* o) {
  if (is_tensor(o)) return Number(tracked_value(o));
  if (PyBool_Check(o)) return Number(o == Py_True);
  if (!PyFloat_Check(o) && PyIndex_Check(o)) {
    const Owned index(checked(PyNumber_Index(o)));
    int overflow = 0;
    const int64_t v = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
    if (!overflow) return Number(v);
    const double nearest = PyLong_AsDouble(index.get());
    if (nearest == -1.0 && PyErr_Occurred()) throw PythonError{};
    return Number::beyond_64_bits(nearest);
  }
  const double v = PyFloat_AsDouble(o);
  if (v == -1.0 && PyErr_Occurred()) throw PythonError{};
  return Number(v);
}

/// Tensors, and numbers as tensors beside them: those widen nothing, but that a real one makes whole ones real.
std::vector<Tensor> tensors_from(PyObject* o, const Signature& s, const Parameter& p) {
  const Owned items(checked(PySequence_Tuple(o)));
  const Py_ssize_t count = PyTuple_GET_SIZE(items.get());
  std::vector<Tensor> list(static_cast<size_t>(count));
  std::optional<DType> common;
  for (Py_ssize_t k = 0; k < count; ++k) {
    PyObject* item = PyTuple_GET_ITEM(items.get(), k);
    if (is_tensor(item)) {
      Tensor& t = list[static_cast<size_t>(k)] = tracked_value(item);
      common = common ? promote(*common, t.dtype()) : t.dtype();
    } else if (!is_number(item)) {
      fail(ErrorKind::Type, s.name, ": ", p.name, " must hold Tensors or numbers, element ", k, " is ",
           Py_TYPE(item)->tp_name, ".");
    }
  }
  for (Py_ssize_t k = 0; k < count; ++k) {
    Tensor& t = list[static_cast<size_t>(k)];
    if (t.defined()) continue;
    PyObject* item = PyTuple_GET_ITEM(items.get(), k);
    t = common ? number_beside(item, Tensor({}, *common)) : number_alone(item);
    if (common && is_float(*common)) t = cast(t, *common);
  }
  return list;
}

}  // namespace

// Delegates, so that what was made is released where a conversion raises.
Converted::Converted(const Parameters& parameters, PyObject* const* values) : Converted(parameters.signature) {
  for (int i = 0; i < s_.count; ++i) {
    PyObject* o = values[i];
    const Parameter& p = s_.parameters[i];
    if (!o || (o == Py_None && parameters.fallback[i] && none_is_default(p))) {
      arguments_[i] = parameters.fallback[i];
      continue;
    }
    arguments_[i] = rooms_[i].bytes;
    if (p.kind != Kind::Tensor) {
      convert(i, o);
    } else if (is_tensor(o)) {
      auto* t = new (rooms_[i].bytes) Tensor(value_of(o));  // a copy: another thread may change the cell
      t->set_ref(ref_of(o, context().tape));
      to_release_ |= 1u << i;
    } else {
      fail_kind(i, o, "a Tensor");
    }
  }
}

Converted::~Converted() {
  for (; to_release_; to_release_ &= to_release_ - 1) {
    const int i = std::countr_zero(to_release_);
    void* value = rooms_[i].bytes;
    const Parameter& p = s_.parameters[i];
    if (p.kind == Kind::Tensor) {
      std::destroy_at(std::launder(static_cast<Tensor*>(value)));
    } else if (p.kind == Kind::Tensors) {
      std::destroy_at(std::launder(static_cast<std::vector<Tensor>*>(value)));
    } else if (p.kind == Kind::Ints) {
      std::destroy_at(std::launder(static_cast<std::vector<int64_t>*>(value)));
    } else if (p.optional) {
      std::destroy_at(std::launder(static_cast<std::optional<Number>*>(value)));
    } else {
      std::destroy_at(std::launder(static_cast<Number*>(value)));
    }
  }
}

template <class T, class Make>
void Converted::put(int i, Make make) {
  static_assert(sizeof(std::optional<T>) <= sizeof(Room) && alignof(T) <= alignof(Room));
  if (s_.parameters[i].optional) {
    new (rooms_[i].bytes) std::optional<T>(make());
  } else {
    new (rooms_[i].bytes) T(make());
  }
  if constexpr (!std::is_trivially_destructible_v<T>) to_release_ |= 1u << i;
}

void Converted::convert(int i, PyObject* o) {
  const Parameter& p = s_.parameters[i];
  switch (p.kind) {
    case Kind::Tensor: return;
    case Kind::Tensors:
      if (!PyTuple_Check(o) && !PyList_Check(o)) fail_kind(i, o, "a tuple or list of Tensors");
      return put<std::vector<Tensor>>(i, [&] { return tensors_from(o, s_, p); });
    case Kind::Number:
      if (!is_tensor(o) && !is_number(o)) fail_kind(i, o, "a number");
      return put<Number>(i, [&] { return number_from(o); });
    case Kind::Int:
      if (PyFloat_Check(o) || !PyIndex_Check(o)) fail_kind(i, o, "an int");
      return put<int64_t>(i, [&] {
        const Owned index(checked(PyNumber_Index(o)));
        const int64_t v = PyLong_AsLongLong(index.get());
        if (v == -1 && PyErr_Occurred()) throw PythonError{};
        return v;
      });
    case Kind::Float:
      if (!is_tensor(o) && !is_number(o)) fail_kind(i, o, "a number");
      return put<double>(i, [&] {
        const double v = PyFloat_AsDouble(o);
        if (v == -1.0 && PyErr_Occurred()) throw PythonError{};
        return v;
      });
    case Kind::Bool:
      if (!PyBool_Check(o)) fail_kind(i, o, "a bool");
      return put<bool>(i, [&] { return o == Py_True; });
    case Kind::Str:
      if (!PyUnicode_Check(o)) fail_kind(i, o, "a str");
      return put<std::string_view>(i, [&] { return text_of(o); });
    case Kind::Word:
      if (!PyUnicode_Check(o)) fail_kind(i, o, "a str");
      return put<int64_t>(i, [&] { return word_from(s_, p, o); });
    case Kind::Dims: return put<Dims>(i, [&] { return dims_from(o, s_.name, p.name); });
    case Kind::Ints: return put<std::vector<int64_t>>(i, [&] { return ints_from(o, s_.name, p.name); });
    case Kind::DType: return put<DType>(i, [&] { return dtype_from(o, s_.name); });
  }
}

void Converted::fail_kind(int i, PyObject* o, const char* wanted) const {
  fail(ErrorKind::Type, s_.name, ": ", s_.parameters[i].name, " must be ", wanted, ", got ", Py_TYPE(o)->tp_name, ".");
}

}  // namespace adcore::python
