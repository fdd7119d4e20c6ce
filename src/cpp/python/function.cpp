// Function: the callable type behind every name of adcore.ops that the op table defines, and behind the methods of
// Tensor.
//
// One C function serves all: it finds the arguments by the parsed signature, then calls the row's function, which
// converts them when it needs them. Elementwise rows go straight to apply(). Start reading at function_call().
#include "python/function.h"

#include <algorithm>
#include <array>
#include <new>

namespace adcore::python {
namespace {

constexpr int kMaxParameters = 8;

struct Parameter {
  std::string name, kind, default_text;  // default_text is empty for a required parameter
  PyObject* interned = nullptr;
  bool keyword_only = false;
  bool rest = false;  // dims...: takes the remaining positional arguments

  bool required() const { return default_text.empty() && !rest; }
};

struct Signature {
  std::string name;
  std::vector<Parameter> parameters;
  Py_ssize_t plain = 0;     // so many parameters in front take one positional argument each
  Py_ssize_t required = 0;  // so many arguments at least: none behind them is required
};

std::string_view trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

Signature parse_signature(std::string_view text, const char* default_kind) {
  Signature out;
  const size_t open = text.find('('), close = text.rfind(')');
  out.name = text.substr(0, open);
  std::string_view rest = text.substr(open + 1, close - open - 1);
  bool keyword_only = false;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    std::string_view item = trim(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    if (item == "*") {
      keyword_only = true;
      continue;
    }
    Parameter p;
    p.keyword_only = keyword_only;
    if (const size_t equals = item.find('='); equals != std::string_view::npos) {
      p.default_text = trim(item.substr(equals + 1));
      item = trim(item.substr(0, equals));
    }
    const size_t colon = item.find(':');
    p.name = trim(item.substr(0, colon));
    p.kind = colon == std::string_view::npos ? default_kind : std::string(trim(item.substr(colon + 1)));
    if (p.kind.ends_with("...")) {
      p.kind.resize(p.kind.size() - 3);
      p.rest = true;
    }
    p.interned = PyUnicode_InternFromString(p.name.c_str());
    out.parameters.push_back(std::move(p));
  }
  const auto n = static_cast<Py_ssize_t>(out.parameters.size());
  const auto at = [&](Py_ssize_t i) -> const Parameter& { return out.parameters[static_cast<size_t>(i)]; };
  while (out.plain < n && !at(out.plain).keyword_only && !at(out.plain).rest) ++out.plain;
  for (Py_ssize_t i = 0; i < n; ++i)
    if (at(i).required()) out.required = i + 1;
  return out;
}

struct FunctionObject {
  PyObject_HEAD vectorcallfunc call;
  Signature* signature;
  const Function* function;  // null for an elementwise row
  const char* summary;
  Example example;
  int row;  // -1 for others
  int arity;
};

PyTypeObject* function_type = nullptr;

const char* const kSynonyms[][4] = {{"axis", "dim", "dims", nullptr},
                                    {"keepdims", "keep_dims", "keepdim", nullptr},
                                    {"logits", "input", nullptr, nullptr},
                                    {"label", "target", "labels", nullptr}};

/// The parameter that a keyword names; MindSpore's own spellings of one thing differ from op to op, all are taken. -1:
/// none.
int find_parameter(const Signature& s, PyObject* keyword) {
  const auto n = static_cast<int>(s.parameters.size());
  for (int i = 0; i < n; ++i)
    if (s.parameters[static_cast<size_t>(i)].interned == keyword) return i;
  const char* name = PyUnicode_AsUTF8(keyword);
  if (!name) throw PythonError{};
  for (int i = 0; i < n; ++i) {
    const std::string& own = s.parameters[static_cast<size_t>(i)].name;
    if (own == name) return i;
    for (const auto& family : kSynonyms) {
      const auto has = [&](std::string_view word) {
        return std::any_of(std::begin(family), std::end(family), [&](const char* w) { return w && word == w; });
      };
      if (has(own) && has(name)) return i;
    }
  }
  return -1;
}

[[noreturn]] void fail_arguments(const Signature& s, const std::string& fact) {
  std::string names;
  for (const Parameter& p : s.parameters)
    names += (names.empty() ? "" : ", ") + p.name + (p.default_text.empty() ? "" : "=" + p.default_text);
  fail(ErrorKind::Type, s.name, ": ", fact, "; the signature is ", s.name, "(", names, ").");
}

/// The arguments of a call by parameter, null where not passed.
struct Bound {
  PyObject* values[kMaxParameters] = {};
  Owned rest;  // the tuple behind a dims... parameter

  void bind(const Signature& s, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    if (!keywords && count <= s.plain && count >= s.required) {
      std::copy(args, args + count, values);
      return;
    }
    const auto n = static_cast<Py_ssize_t>(s.parameters.size());
    for (Py_ssize_t i = 0; i < count; ++i) {
      if (i >= n || s.parameters[static_cast<size_t>(i)].keyword_only) {
        fail_arguments(s, text("takes at most ", i, " positional arguments, got ", count));
      }
      const bool single = i + 1 == count &&
                          (PyTuple_Check(args[i]) || PyList_Check(args[i]) || is_tensor(args[i]) || args[i] == Py_None);
      if (s.parameters[static_cast<size_t>(i)].rest && !single) {
        rest = Owned(checked(PyTuple_New(count - i)));
        for (Py_ssize_t k = i; k < count; ++k) PyTuple_SET_ITEM(rest.get(), k - i, Py_NewRef(args[k]));
        values[i] = rest.get();
        break;
      }
      values[i] = args[i];
    }
    const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    for (Py_ssize_t k = 0; k < named; ++k) {
      PyObject* keyword = PyTuple_GET_ITEM(keywords, k);
      const int i = find_parameter(s, keyword);
      if (i < 0) fail_arguments(s, text("got an unexpected keyword argument '", PyUnicode_AsUTF8(keyword), "'"));
      if (values[i]) fail_arguments(s, text("got two values for '", s.parameters[static_cast<size_t>(i)].name, "'"));
      values[i] = args[count + k];
    }
    for (Py_ssize_t i = 0; i < n; ++i) {
      const Parameter& p = s.parameters[static_cast<size_t>(i)];
      if (!values[i] && p.required()) fail_arguments(s, text("the argument '", p.name, "' is missing"));
    }
  }
};

class PyArgs final : public Args {
 public:
  PyArgs(const Signature& s, const Bound& bound) : s_(s), bound_(bound) {}
  PyArgs(const PyArgs&) = delete;
  PyArgs& operator=(const PyArgs&) = delete;
  ~PyArgs() {
    for (int i = 0; i < kMaxParameters; ++i)
      if (made_ >> i & 1) slot(i)->~Tensor();
  }

  bool given(int i) override { return bound_.values[i] && bound_.values[i] != Py_None; }
  const Tensor& tensor(int i) override {
    PyObject* o = bound_.values[i];
    if (o && python::is_tensor(o)) {
      if (made_ >> i & 1) return *slot(i);
      auto* t = new (storage_[static_cast<size_t>(i)].bytes) Tensor(value_of(o));  // another thread may change the cell
      t->set_ref(ref_of(o, context().tape));
      made_ |= 1u << i;
      return *t;
    }
    if (o && parameter(i).kind == "Number" && is_number(o)) return make(i, number_alone(o));
    fail_kind(i, "a Tensor");
  }
  bool is_tensor(int i) override { return bound_.values[i] && python::is_tensor(bound_.values[i]); }
  bool is_integer(int i) override {
    PyObject* o = bound_.values[i];
    if (!o) return default_text(i).find_first_of(".ef") == std::string::npos;
    return !PyFloat_Check(o) && PyIndex_Check(o) && (!python::is_tensor(o) || adcore::is_integer(value_of(o).dtype()));
  }
  bool is_bool(int i) override { return bound_.values[i] && PyBool_Check(bound_.values[i]); }
  int64_t integer(int i) override {
    PyObject* o = bound_.values[i];
    if (!o || o == Py_None) return std::stoll(default_number(i));
    if (PyFloat_Check(o) || !PyIndex_Check(o)) fail_kind(i, "an int");
    const Owned index(checked(PyNumber_Index(o)));
    const int64_t v = PyLong_AsLongLong(index.get());
    if (v == -1 && PyErr_Occurred()) throw PythonError{};
    return v;
  }
  double real(int i) override {
    PyObject* o = bound_.values[i];
    if (!o || o == Py_None) return std::stod(default_number(i));
    if (!python::is_tensor(o) && !is_number(o)) fail_kind(i, "a number");
    const double v = PyFloat_AsDouble(o);
    if (v == -1.0 && PyErr_Occurred()) throw PythonError{};
    return v;
  }
  bool flag(int i) override {
    PyObject* o = bound_.values[i];
    if (!o) return default_text(i) == "True";
    if (!PyBool_Check(o)) fail_kind(i, "a bool");
    return o == Py_True;
  }
  std::string_view word(int i) override {
    PyObject* o = bound_.values[i];
    if (!o) {
      const std::string& text = default_text(i);
      return std::string_view(text).substr(1, text.size() - 2);
    }
    if (!PyUnicode_Check(o)) fail_kind(i, "a str");
    Py_ssize_t size;
    const char* utf8 = PyUnicode_AsUTF8AndSize(o, &size);
    if (!utf8) throw PythonError{};
    return {utf8, static_cast<size_t>(size)};
  }
  Dims dims(int i) override {
    return given(i) ? dims_from(bound_.values[i], s_.name.c_str(), parameter(i).name.c_str()) : Dims();
  }
  DType dtype(int i) override { return dtype_from(bound_.values[i], s_.name.c_str()); }
  const std::vector<Tensor>& tensors(int i) override {
    if (!list_.empty()) return list_;
    PyObject* o = bound_.values[i];
    if (!o || (!PyTuple_Check(o) && !PyList_Check(o))) fail_kind(i, "a tuple or list of Tensors");
    const Owned items(checked(PySequence_Tuple(o)));
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(items.get()); ++k) {
      PyObject* item = PyTuple_GET_ITEM(items.get(), k);
      if (!python::is_tensor(item)) {
        fail(ErrorKind::Type, s_.name, ": ", parameter(i).name, " must hold Tensors only, element ", k, " is ",
             Py_TYPE(item)->tp_name, ".");
      }
      list_.push_back(tracked_value(item));
    }
    return list_;
  }

 private:
  const Parameter& parameter(int i) const { return s_.parameters[static_cast<size_t>(i)]; }
  const std::string& default_text(int i) const { return parameter(i).default_text; }
  std::string default_number(int i) {
    if (default_text(i).empty() || default_text(i) == "None") fail_kind(i, "a number");
    return default_text(i);
  }
  Tensor* slot(int i) { return std::launder(reinterpret_cast<Tensor*>(storage_[static_cast<size_t>(i)].bytes)); }
  const Tensor& make(int i, Tensor t) {
    if (!(made_ >> i & 1)) {
      new (storage_[static_cast<size_t>(i)].bytes) Tensor(std::move(t));
      made_ |= 1u << i;
    }
    return *slot(i);
  }
  [[noreturn]] void fail_kind(int i, const char* wanted) const {
    PyObject* o = bound_.values[i];
    fail(ErrorKind::Type, s_.name, ": ", parameter(i).name, " must be ", wanted, ", got ",
         o ? Py_TYPE(o)->tp_name : "nothing", ".");
  }

  struct alignas(Tensor) Storage {
    unsigned char bytes[sizeof(Tensor)];
  };
  const Signature& s_;
  const Bound& bound_;
  std::array<Storage, kMaxParameters> storage_;
  uint32_t made_ = 0;
  std::vector<Tensor> list_;
};

// ---- elementwise rows ---------------------------------------------------------------------------------------------

PyObject* call_elementwise(const FunctionObject* f, PyObject* const* values) {
  const Op& op = elementwise_op(f->row);
  const Tape* tape = context().tape;
  Operand operands[kMaxArity];
  Tensor converted[kMaxArity];
  // A number takes its dtype from the first tensor; the condition of where does not count where there is another.
  const Tensor* like = nullptr;
  const bool selects = f->arity == 3 && f->signature->parameters[0].name == "condition";
  for (int i = f->arity - 1; i >= 0; --i) {
    PyObject* o = values[i];
    if (o && is_tensor(o) && !(selects && i == 0)) like = &value_of(o);
  }
  // Conversions first: they may run Python code, which may change the tensors.
  for (int i = 0; i < f->arity; ++i) {
    PyObject* o = values[i];
    if (o && is_tensor(o)) continue;
    const Parameter& p = f->signature->parameters[static_cast<size_t>(i)];
    Owned value = Owned::copy(o);
    if (!o) value = Owned(checked(PyFloat_FromDouble(std::stod(p.default_text))));
    if (!is_number(value.get())) {
      fail(ErrorKind::Type, op.name, ": ", p.name, " must be a Tensor or a number, got ", Py_TYPE(o)->tp_name, ".");
    }
    converted[i] = like ? number_beside(value.get(), *like, &op) : number_alone(value.get());
    operands[i] = like ? number_operand(converted[i], *like) : Operand{&converted[i], 0};
    if (!like) like = &converted[i];
  }
  for (int i = 0; i < f->arity; ++i)
    if (values[i] && is_tensor(values[i])) operands[i] = operand_of(values[i], tape);
  return apply_elementwise(op, operands, f->arity);
}

PyObject* function_call(PyObject* self, PyObject* const* args, size_t flags, PyObject* keywords) {
  const auto* f = reinterpret_cast<const FunctionObject*>(self);
  const Py_ssize_t count = PyVectorcall_NARGS(flags);
  return guarded([&]() -> PyObject* {
    if (f->row >= 0 && !keywords && count == f->arity) return call_elementwise(f, args);
    Bound bound;
    bound.bind(*f->signature, args, count, keywords);
    if (f->row >= 0) return call_elementwise(f, bound.values);
    PyArgs converted(*f->signature, bound);
    if (f->function->one) return wrap(f->function->one(converted));
    const std::vector<Tensor> many = f->function->many(converted);
    Owned out(checked(PyTuple_New(static_cast<Py_ssize_t>(many.size()))));
    for (size_t i = 0; i < many.size(); ++i) PyTuple_SET_ITEM(out.get(), static_cast<Py_ssize_t>(i), wrap(many[i]));
    return out.release();
  });
}

// ---- the type -----------------------------------------------------------------------------------------------------

PyObject* bind_method(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

const FunctionObject* as_function(PyObject* self) { return reinterpret_cast<FunctionObject*>(self); }

PyObject* get_name(PyObject* self, void*) { return PyUnicode_FromString(as_function(self)->signature->name.c_str()); }
PyObject* get_module(PyObject*, void*) { return PyUnicode_FromString("adcore.ops"); }

std::string signature_text(const Signature& s, bool annotated) {
  std::string out;
  bool keyword_only = false;
  for (const Parameter& p : s.parameters) {
    if (!out.empty()) out += ", ";
    if (p.keyword_only && !keyword_only) {
      keyword_only = true;
      out += "*, ";
    }
    out += (p.rest ? "*" : "") + p.name;
    keyword_only |= p.rest;
    const bool optional = p.default_text == "None" && !p.rest;
    if (annotated) out += ": " + p.kind + (optional ? " | None" : "");
    if (!p.default_text.empty() && !p.rest) out += annotated ? " = " + p.default_text : "=" + p.default_text;
  }
  return "(" + out + ")";
}

PyObject* get_text_signature(PyObject* self, void*) {
  return PyUnicode_FromString(signature_text(*as_function(self)->signature, false).c_str());
}
PyObject* get_annotated_signature(PyObject* self, void*) {
  return PyUnicode_FromString(signature_text(*as_function(self)->signature, true).c_str());
}

std::string describe(std::string_view kind) {
  if (kind == "Tensor") return "Tensor";
  if (kind == "Number") return "Tensor or number";
  if (kind == "dims") return "int or sequence of int";
  if (kind == "Tensors") return "sequence of Tensor";
  return std::string(kind);
}

PyObject* get_doc(PyObject* self, void*) {
  const FunctionObject* f = as_function(self);
  std::string doc = f->summary;
  doc += "\n\nParameters\n----------\n";
  for (const Parameter& p : f->signature->parameters) {
    doc += p.name + " : " + describe(p.kind);
    if (!p.default_text.empty()) doc += p.default_text == "None" ? ", optional" : ", default " + p.default_text;
    doc += "\n";
  }
  doc += f->function && f->function->many ? "\nReturns\n-------\ntuple of Tensor\n" : "\nReturns\n-------\nTensor\n";
  if (f->row >= 0) {
    doc += "\nNotes\n-----\nElementwise: shapes broadcast, dtypes promote, a Python number never widens a tensor.\n";
    if (elementwise_op(f->row).kind == OpKind::Constant) doc += "The derivative is zero.\n";
  }
  doc += "\nRaises\n------\nTypeError, ValueError\n    For arguments of the wrong kind, or shapes that do not fit.\n";
  const std::string output = f->example.output;
  doc += "\nExamples\n--------\n>>> import adcore\n>>> from adcore import Tensor, ops\n>>> print(ops.";
  doc += std::string(f->example.code) + ")\n" + output + "\n";
  return PyUnicode_FromString(doc.c_str());
}

PyObject* function_repr(PyObject* self) {
  return PyUnicode_FromFormat("<function adcore.ops.%s>", as_function(self)->signature->name.c_str());
}
PyObject* function_reduce(PyObject* self, PyObject*) { return get_name(self, nullptr); }

PyMethodDef kMethods[] = {{"__reduce__", function_reduce, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
PyGetSetDef kGetSet[] = {{"__name__", get_name, nullptr, nullptr, nullptr},
                         {"__qualname__", get_name, nullptr, nullptr, nullptr},
                         {"__module__", get_module, nullptr, nullptr, nullptr},
                         {"__doc__", get_doc, nullptr, nullptr, nullptr},
                         {"__text_signature__", get_text_signature, nullptr, nullptr, nullptr},
                         {"_annotated_signature", get_annotated_signature, nullptr, nullptr, nullptr},
                         {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef kMembers[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(FunctionObject, call), READONLY, nullptr},
                          {nullptr, 0, 0, 0, nullptr}};
PyType_Slot kSlots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                        {Py_tp_descr_get, reinterpret_cast<void*>(bind_method)},
                        {Py_tp_repr, reinterpret_cast<void*>(function_repr)},
                        {Py_tp_methods, kMethods},
                        {Py_tp_getset, kGetSet},
                        {Py_tp_members, kMembers},
                        {0, nullptr}};
PyType_Spec kSpec{
    "adcore._core.Function", sizeof(FunctionObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    kSlots};

/// Adds a function to the module's table of ops, and to Tensor. Lives as long as the process.
int add_function(PyObject* table, Signature signature, const Function* function, const char* summary, Example example,
                 int row, int arity, bool method) {
  auto* f = PyObject_New(FunctionObject, function_type);
  if (!f) return -1;
  const Owned owner(reinterpret_cast<PyObject*>(f));
  f->call = function_call;
  f->signature = new Signature(std::move(signature));
  f->function = function;
  f->summary = summary;
  f->example = example;
  f->row = row;
  f->arity = arity;
  const char* name = f->signature->name.c_str();
  if (PyDict_SetItemString(table, name, owner.get()) < 0) return -1;
  if (method && name[0] != '_')
    return PyObject_SetAttrString(reinterpret_cast<PyObject*>(tensor_type), name, owner.get());
  return 0;
}

}  // namespace

PyObject* power_of(PyObject* base, PyObject* exponent) {
  const Tape* tape = context().tape;
  static const int kPow = formula_index("pow");
  if (is_tensor(base) && is_number(exponent) && !PyBool_Check(exponent)) {
    const double e = PyFloat_AsDouble(exponent);
    if (e == -1.0 && PyErr_Occurred()) PyErr_Clear();
    const Operand operand = operand_of(base, tape);
    const bool whole = !PyFloat_Check(exponent);
    if (e == 2 && operand.value->dtype() != DType::Bool && (whole || is_float(operand.value->dtype()))) {
      return apply_elementwise(elementwise_op(RowName("square").row), &operand, 1);
    }
  }
  Operand operands[2];
  Tensor converted;
  if (!is_tensor(base) || !is_tensor(exponent)) {
    PyObject* other = is_tensor(base) ? exponent : base;
    if (!is_number(other)) Py_RETURN_NOTIMPLEMENTED;
    const Tensor& like = value_of(is_tensor(base) ? base : exponent);
    converted = number_beside(other, like);
    operands[is_tensor(base) ? 1 : 0] = number_operand(converted, like);
  }
  if (is_tensor(base)) operands[0] = operand_of(base, tape);
  if (is_tensor(exponent)) operands[1] = operand_of(exponent, tape);
  return apply_elementwise(elementwise_op(kPow), operands, 2);
}

int init_functions(PyObject* module) {
  function_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&kSpec));
  if (!function_type || PyModule_AddObjectRef(module, "Function", reinterpret_cast<PyObject*>(function_type)) < 0)
    return -1;
  const Owned table(PyDict_New());
  if (!table || PyModule_AddObjectRef(module, "functions", table.get()) < 0) return -1;
  int row = 0, failed = 0;
  std::apply(
      [&](const auto&... f) {
        ((failed |= add_function(table.get(), parse_signature(f.signature, "Number"), nullptr, f.summary, f.example,
                                 row++, std::remove_cvref_t<decltype(f)>::kArity, true)),
         ...);
      },
      kFormulas);
  for (const Function* f : function_table()) {
    failed |=
        add_function(table.get(), parse_signature(f->signature, "Tensor"), f, f->summary, f->example, -1, 0, f->method);
  }
  return failed;
}

}  // namespace adcore::python
