// Function: the callable type behind every name of adcore.ops that the op table declares, and behind the methods of
// Tensor.
//
// One C function serves all. Elementwise rows go straight to apply(); for the others the arguments are converted to the
// types of the declared function (python/arguments.h), which makes its result in the new object. Start reading at
// function_call().
#include "python/function.h"

#include <new>

#include "python/arguments.h"

namespace adcore::python {
namespace {

struct FunctionObject {
  PyObject_HEAD vectorcallfunc call;
  const Function* function;
  const Family* family;
  const Parameters* parameters;
  int row;    // -1 where it is none of formulas.h
  int count;  // of parameters
};

PyTypeObject* function_type = nullptr;

PyObject* call_elementwise(const FunctionObject* f, PyObject* const* values) {
  const Op& op = elementwise_op(f->row);
  const Tape* tape = context().tape;
  Operand operands[kMaxArity];
  Tensor converted[kMaxArity];
  // A number takes its dtype from the first tensor; a condition does not count where there is another.
  const Tensor* like = nullptr;
  const int first = types_of(f->row) == Types::Select ? 1 : 0;
  for (int i = f->count - 1; i >= first; --i)
    if (values[i] && is_tensor(values[i])) like = &value_of(values[i]);
  // Conversions first: they may run Python code, which may change the tensors.
  for (int i = 0; i < f->count; ++i) {
    PyObject* o = values[i];
    if (o && is_tensor(o)) continue;
    if (!o) {  // a number, behind an operand that is there
      converted[i] = number_beside(static_cast<const Number*>(f->parameters->fallback[i])->real(), *like);
    } else if (!is_number(o)) {
      fail(ErrorKind::Type, op.name, ": ", f->function->signature.parameters[i].name,
           " must be a Tensor or a number, got ", Py_TYPE(o)->tp_name, ".");
    } else {
      converted[i] = like ? number_beside(o, *like, &op) : number_alone(o);
    }
    operands[i] = like ? number_operand(converted[i], *like) : Operand{&converted[i], 0};
    if (!like) like = &converted[i];
  }
  for (int i = 0; i < f->count; ++i)
    if (values[i] && is_tensor(values[i])) operands[i] = operand_of(values[i], tape);
  return apply_elementwise(op, operands, f->count);
}

// ---- declared functions -------------------------------------------------------------------------------------------

/// A tuple of what is moved out of the tensors.
PyObject* tuple_of(std::span<Tensor> tensors) {
  Owned out(checked(PyTuple_New(static_cast<Py_ssize_t>(tensors.size()))));
  for (size_t i = 0; i < tensors.size(); ++i)
    PyTuple_SET_ITEM(out.get(), static_cast<Py_ssize_t>(i), wrap_fresh(std::move(tensors[i])));
  return out.release();
}

/// What a function with several outputs makes: so many Tensors one after the other, or a vector of them.
class Outputs {
 public:
  Outputs(const Function& f, const void* const* arguments) : count_(f.outputs) { f.call(arguments, room_); }
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;
  ~Outputs() {
    if (count_) {
      std::destroy_n(at<Tensor>(), count_);
    } else {
      std::destroy_at(at<std::vector<Tensor>>());
    }
  }
  std::span<Tensor> all() {
    if (count_) return {at<Tensor>(), static_cast<size_t>(count_)};
    return *at<std::vector<Tensor>>();
  }

 private:
  template <class T>
  T* at() {
    return std::launder(reinterpret_cast<T*>(room_));
  }

  int count_;
  alignas(Tensor) std::byte room_[kMaxOutputs * sizeof(Tensor)];
};

PyObject* call_declared(const FunctionObject* f, PyObject* const* values) {
  const Function& function = *f->function;
  const Converted converted(*f->parameters, values);
  if (function.outputs != 1) return tuple_of(Outputs(function, converted.arguments()).all());
  Owned result(reinterpret_cast<PyObject*>(new_tensor()));
  Tensor* value = &own_value(result.get());
  try {
    function.call(converted.arguments(), value);
  } catch (...) {
    new (value) Tensor;  // the call may have made it and destroyed it
    throw;
  }
  return result.release();
}

PyObject* function_call(PyObject* self, PyObject* const* args, size_t flags, PyObject* keywords) {
  const auto* f = reinterpret_cast<const FunctionObject*>(self);
  const Py_ssize_t count = PyVectorcall_NARGS(flags);
  return guarded([&]() -> PyObject* {
    if (!keywords && count == f->count && count == f->parameters->plain)
      return f->row >= 0 ? call_elementwise(f, args) : call_declared(f, args);
    const Bound bound(*f->parameters, args, count, keywords);
    return f->row >= 0 ? call_elementwise(f, bound.values()) : call_declared(f, bound.values());
  });
}

// ---- the type -----------------------------------------------------------------------------------------------------

PyObject* bind_method(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

const FunctionObject* as_function(PyObject* self) { return reinterpret_cast<FunctionObject*>(self); }

PyObject* string(std::string_view s) {
  return PyUnicode_FromStringAndSize(s.data(), static_cast<Py_ssize_t>(s.size()));
}

PyObject* get_name(PyObject* self, void*) { return string(as_function(self)->function->name()); }
PyObject* get_module(PyObject*, void*) { return string("adcore.ops"); }

struct KindTexts {
  std::string annotation;  // in the annotated signature, which tools/stubs.py reads
  std::string description;
};
KindTexts texts_of(const Parameter& p) {
  switch (p.kind) {
    case Kind::Tensor: return {"Tensor", "Tensor"};
    case Kind::Tensors: return {"Tensors", "sequence of Tensor"};
    case Kind::Number: return {"Number", "Tensor or number"};
    case Kind::Int: return {"int", "int"};
    case Kind::Float: return {"float", "float"};
    case Kind::Bool: return {"bool", "bool"};
    case Kind::Str: return {"str", "str"};
    case Kind::Word: {
      std::string words;
      for (std::string_view word : p.words) words += text(words.empty() ? "'" : ", '", word, "'");
      return {std::string(p.words_name), "{" + words + "}"};
    }
    case Kind::Dims: return {"dims", "int or sequence of int"};
    case Kind::Ints: return {"Ints", "sequence of int"};
    case Kind::DType: return {"dtype", "dtype"};
  }
  return {};
}

std::string signature_text(const Signature& s, bool annotated) {
  std::string out;
  bool keyword_only = false;
  for (const Parameter& p : s.all()) {
    if (!out.empty()) out += ", ";
    if (p.keyword_only && !keyword_only) out += "*, ";
    keyword_only |= p.keyword_only || p.rest;
    out += text(p.rest ? "*" : "", p.name);
    if (annotated) out += text(": ", texts_of(p).annotation, p.optional && !p.rest ? " | None" : "");
    if (!p.fallback.empty()) out += text(annotated ? " = " : "=", p.fallback);
  }
  return "(" + out + ")";
}

PyObject* get_text_signature(PyObject* self, void*) {
  return guarded([&] { return string(signature_text(as_function(self)->function->signature, false)); });
}
PyObject* get_annotated_signature(PyObject* self, void*) {
  return guarded([&] { return string(signature_text(as_function(self)->function->signature, true)); });
}
PyObject* get_family(PyObject* self, void*) { return string(as_function(self)->family->title); }
PyObject* get_samples(PyObject* self, void*) {
  return guarded([&] {
    const Words& samples = as_function(self)->function->options.samples;
    Owned out(checked(PyTuple_New(samples.end() - samples.begin())));
    for (const char* const* s = samples.begin(); s != samples.end(); ++s)
      PyTuple_SET_ITEM(out.get(), s - samples.begin(), checked(string(*s)));
    return out.release();
  });
}

std::string doc_text(const Function& f) {
  std::string doc = f.summary;
  doc += "\n\nParameters\n----------\n";
  for (const Parameter& p : f.signature.all()) {
    doc += text(p.name, " : ", texts_of(p).description);
    doc += p.optional ? ", optional" : p.fallback.empty() ? "" : text(", default ", p.fallback);
    doc += "\n";
  }
  doc += f.outputs == 1 ? "\nReturns\n-------\nTensor\n" : "\nReturns\n-------\ntuple of Tensor\n";
  if (f.row >= 0) {
    doc += "\nNotes\n-----\nElementwise: shapes broadcast, dtypes promote, a Python number never widens a tensor.\n";
    if (elementwise_op(f.row).kind == OpKind::Constant) doc += "The derivative is zero.\n";
  }
  doc += "\nRaises\n------\nTypeError, ValueError\n    For arguments of the wrong kind, or shapes that do not fit.\n";
  doc += text("\nExamples\n--------\n>>> import adcore\n>>> from adcore import Tensor, ops\n>>> print(ops.",
              f.example.code, ")\n", f.example.output, "\n");
  return doc;
}
PyObject* get_doc(PyObject* self, void*) {
  return guarded([&] { return string(doc_text(*as_function(self)->function)); });
}

PyObject* function_repr(PyObject* self) {
  return guarded([&] { return string(text("<function adcore.ops.", as_function(self)->function->name(), ">")); });
}
PyObject* function_reduce(PyObject* self, PyObject*) { return get_name(self, nullptr); }

PyMethodDef kMethods[] = {{"__reduce__", function_reduce, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
PyGetSetDef kGetSet[] = {{"__name__", get_name, nullptr, nullptr, nullptr},
                         {"__qualname__", get_name, nullptr, nullptr, nullptr},
                         {"__module__", get_module, nullptr, nullptr, nullptr},
                         {"__doc__", get_doc, nullptr, nullptr, nullptr},
                         {"__text_signature__", get_text_signature, nullptr, nullptr, nullptr},
                         {"_annotated_signature", get_annotated_signature, nullptr, nullptr, nullptr},
                         {"_family", get_family, nullptr, nullptr, nullptr},
                         {"_samples", get_samples, nullptr, nullptr, nullptr},
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

/// Adds a function to the module's table of ops, and to Tensor, by each of its names. Lives as long as the process.
void add_function(PyObject* table, const Function& function, const Family& family) {
  auto* f = PyObject_New(FunctionObject, function_type);
  const Owned owner(checked(reinterpret_cast<PyObject*>(f)));
  f->call = function_call;
  f->function = &function;
  f->family = &family;
  f->parameters = new Parameters(function.signature);
  f->row = function.row;
  f->count = function.signature.count;
  const auto add = [&](std::string_view name) {
    PyObject* interned = checked(string(name));  // as the interpreter's own names are, with which it will be compared
    PyUnicode_InternInPlace(&interned);
    const Owned key(interned);
    if (PyDict_SetItem(table, key.get(), owner.get()) < 0) throw PythonError{};
    if (function.options.method && !name.starts_with('_') &&
        PyObject_SetAttr(reinterpret_cast<PyObject*>(tensor_type), key.get(), owner.get()) < 0)
      throw PythonError{};
  };
  add(function.name());
  for (const char* alias : function.options.aliases) add(alias);
}

}  // namespace

PyObject* power_of(PyObject* base, PyObject* exponent) {
  const Tape* tape = context().tape;
  static const int kPow = formula_index("pow");
  if (is_tensor(base) && is_number(exponent) && !PyBool_Check(exponent)) {
    const double e = PyFloat_AsDouble(exponent);
    if (e == -1.0 && PyErr_Occurred()) clear_answer();
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
  return guarded_int([&] {
    for (const Family& family : families())
      for (const Function& f : family.functions) add_function(table.get(), f, family);
    return 0;
  });
}

}  // namespace adcore::python
