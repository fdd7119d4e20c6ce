// no_grad, the watch for NaN, and what is open in this thread.
#include <memory>
#include <vector>

#include "core/watch.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

/// Entered and left by a with statement, in one thread.
class WatchScope {
 public:
  WatchScope() = default;
  WatchScope(const WatchScope&) = delete;
  WatchScope& operator=(const WatchScope&) = delete;
  ~WatchScope() {
    // Never left: its thread may still look through it.
    while (!watches_.empty()) {
      if (context().watch != watches_.back().get()) watches_.back().release();
      watches_.pop_back();
    }
  }

  void enter() { watches_.push_back(std::make_unique<Watch>()); }
  void exit() {
    if (watches_.empty() || context().watch != watches_.back().get()) {
      fail(ErrorKind::Runtime, "debug_nans: left in another order or thread than entered.");
    }
    watches_.pop_back();
  }

 private:
  std::vector<std::unique_ptr<Watch>> watches_;
};

/// Entered and left by a with statement.
class NoGradScope {
 public:
  void enter() { scopes_.push_back(std::make_unique<NoGrad>()); }
  void exit() {
    if (scopes_.empty()) fail(ErrorKind::Runtime, "no_grad: left without being entered.");
    const bool in_order = scopes_.back()->innermost();
    scopes_.pop_back();
    if (!in_order) {
      fail(ErrorKind::Runtime,
           "no_grad: left in another order than entered, or after the function that entered it "
           "returned; a with block must end where it began.");
    }
  }

 private:
  std::vector<std::unique_ptr<NoGrad>> scopes_;
};

py::object run_no_grad(const py::object& fn, const py::tuple& args, const py::object& kwargs) {
  const NoGrad scope;
  return call(fn, args, kwargs);
}

}  // namespace

void bind_scopes(py::module_& m) {
  m.def("run_no_grad", run_no_grad, py::arg("fn"), py::arg("args"), py::arg("kwargs"));
  py::class_<WatchScope>(m, "WatchScope")
      .def(py::init<>())
      .def("enter", &WatchScope::enter)
      .def("exit", &WatchScope::exit);
  py::class_<NoGradScope>(m, "NoGradScope")
      .def(py::init<>())
      .def("enter", &NoGradScope::enter)
      .def("exit", &NoGradScope::exit);
  m.def("may_differentiate_rules", may_differentiate_rules);
  m.def("live_levels", open_scopes);
}

}  // namespace adcore::python
