// Functions of the user's that programs call: adcore.transforms.effects says what they take and give.
#include "python/callback.h"

#include "jit/loop.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

/// Calls the function with nothing open: what it gets are values.
class PythonCallback final : public Callback {
 public:
  PythonCallback(PyObject* callback, std::string name, std::vector<Program::Value> results, bool vectorized)
      : Callback(std::move(name), std::move(results), vectorized),
        object_(Owned::copy(callback)),
        weak_(checked(PyWeakref_NewRef(callback, nullptr))) {}
  ~PythonCallback() override {
    const py::gil_scoped_acquire gil;
    object_ = Owned();
    weak_ = Owned();
  }

  /// A new reference to the object; empty where it has been collected.
  Owned object() const {
    PyObject* const o = object_ ? object_.get() : PyWeakref_GET_OBJECT(weak_.get());
    return Owned::copy(o == Py_None ? nullptr : o);
  }
  /// From here on others hold the object, whom the garbage collector knows.
  void let_go() const { object_ = Owned(); }

  std::vector<Tensor> run(std::span<const Tensor> inputs, const Dims& members) const override {
    const py::gil_scoped_acquire gil;
    const Alone alone;
    const Owned callback = object();
    if (!callback) fail(ErrorKind::Runtime, "host_callback: ", name(), " has been collected.");
    py::list given;
    for (const Tensor& t : inputs) given.append(steal(wrap(t)));
    const auto run = py::reinterpret_borrow<py::object>(python_function("adcore.transforms.effects", "run_callback"));
    const auto made = py::cast<py::list>(
        call(run, py::make_tuple(py::handle(callback.get()), given, steal(shape_tuple(members))), py::none()));
    std::vector<Tensor> results;
    for (const py::handle t : made) results.push_back(own_value(tensor_object(t)));
    return results;
  }

 private:
  mutable Owned object_;
  Owned weak_;
};

/// The token of the last call, which the next one depends on. A trace sees it as any cell.
PyObject* last_token = nullptr;

py::object hold(const py::object& callback, std::string name, const py::list& likes, bool vectorized) {
  std::vector<Program::Value> results;
  for (const py::handle like : likes) {
    const Tensor& t = value_of(tensor_object(like));
    results.push_back({t.shape(), t.dtype()});
  }
  return steal(wrap(hold_callback(
      std::make_unique<PythonCallback>(callback.ptr(), std::move(name), std::move(results), vectorized))));
}

py::list call_back(const py::object& held, const py::list& operands) {
  bool recorded = false;
  for (const Frame* f = context().frame; f; f = f->place.outer) recorded |= f->kind == FrameKind::Trace;
  const Tensor callback = value_of(tensor_object(held));
  std::vector<Tensor> all{callback, recorded ? tracked_value(last_token) : new_token()};
  for (const py::handle t : operands) all.push_back(tensor_of(t));
  std::vector<Tensor> made =
      apply_all(callback_op(callback_in(callback)->results().size()), all, Attrs(CallbackAttrs{}));
  if (recorded) put(last_token, std::move(made[0]));
  py::list results;
  for (size_t j = 1; j < made.size(); ++j) results.append(steal(wrap(std::move(made[j]))));
  return results;
}

/// What only calls, prune leaves out where nothing after it is asked for.
bool calls_again(const py::object& body) {
  bool again = false;
  for (const Program::Constant& c : body_in(value_of(tensor_object(body))).program().constants()) {
    if (const Callback* const callback = callback_in(c.tensor)) again |= !callback->results().empty();
    if (const Body* const inner = find_body(c.tensor))
      visit_callbacks(inner->program(), [&](const Callback&) { again = true; });
  }
  return again;
}

}  // namespace

void put(PyObject* cell, Tensor value) {
  assign(cell, cell == last_token ? common_token(value) : std::move(value));
  set_shared(cell, true);
}

std::vector<Owned> take_callbacks(const Program& program) {
  std::vector<Owned> objects;
  visit_callbacks(program, [&](const Callback& c) {
    const auto& callback = dynamic_cast<const PythonCallback&>(c);
    objects.push_back(callback.object());
    callback.let_go();
  });
  return objects;
}

void bind_callback(py::module_& m) {
  last_token = wrap(new_token());
  m.attr("_last_token") = py::reinterpret_borrow<py::object>(last_token);
  m.def("hold_callback", hold, py::arg("callback"), py::arg("name"), py::arg("likes"), py::arg("vectorized"));
  m.def("call_back", call_back, py::arg("held"), py::arg("operands"));
  m.def("calls_again", calls_again,
        "True where the body, computed again for values that its derivative needs, calls functions of the user's.",
        py::arg("body"));
}

}  // namespace adcore::python
