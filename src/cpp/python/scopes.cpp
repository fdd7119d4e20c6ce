// no_grad, the watch for NaN, and what is open in this thread.
#include <algorithm>
#include <iterator>
#include <memory>
#include <vector>

#include "core/watch.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

/// NoGrads or Watches that with statements entered. Each belongs to the thread that entered it, and is left there.
template <class T>
class WithScope {
 public:
  explicit WithScope(const char* name) : name_(name) {}
  WithScope(const WithScope&) = delete;
  WithScope& operator=(const WithScope&) = delete;
  ~WithScope() {
    // Never left. What another thread entered that one may still look through.
    for (Entry& e : entries_)
      if (e.thread != &context()) e.scope.release();
    while (!entries_.empty()) entries_.pop_back();
  }

  void enter() {
    entries_.reserve(entries_.size() + 1);
    entries_.push_back({&context(), std::make_unique<T>()});
  }
  void exit() {
    const auto own = [](const Entry& e) { return e.thread == &context(); };
    const auto last = std::find_if(entries_.rbegin(), entries_.rend(), own);
    if (last == entries_.rend()) {
      fail(ErrorKind::Runtime, name_, ": left ",
           entries_.empty() ? "without being entered." : "in another thread than entered.");
    }
    const bool in_order = last->scope->is_innermost();
    entries_.erase(std::next(last).base());  // closes it, wherever it stands
    if (!in_order) {
      fail(
          ErrorKind::Runtime, name_,
          ": left in another order than entered, or after the function that entered it returned; a with block must end "
          "where it began.");
    }
  }

 private:
  struct Entry {
    const ThreadContext* thread;
    std::unique_ptr<T> scope;
  };

  const char* const name_;
  std::vector<Entry> entries_;
};

py::object run_no_grad(const py::object& fn, const py::tuple& args, const py::object& kwargs) {
  const NoGrad scope;
  return call(fn, args, kwargs);
}

}  // namespace

void bind_scopes(py::module_& m) {
  m.def("run_no_grad", run_no_grad, py::arg("fn"), py::arg("args"), py::arg("kwargs"));
  py::class_<WithScope<Watch>>(m, "WatchScope")
      .def(py::init([] { return std::make_unique<WithScope<Watch>>("debug_nans"); }))
      .def("enter", &WithScope<Watch>::enter)
      .def("exit", &WithScope<Watch>::exit);
  py::class_<WithScope<NoGrad>>(m, "NoGradScope")
      .def(py::init([] { return std::make_unique<WithScope<NoGrad>>("no_grad"); }))
      .def("enter", &WithScope<NoGrad>::enter)
      .def("exit", &WithScope<NoGrad>::exit);
  m.def("may_differentiate_rules", may_differentiate_rules);
  m.def("live_levels", open_scopes);
}

}  // namespace adcore::python
