// Optimizer steps: the op of a rule for every parameter, in one call. Every argument is checked before any cell
// changes.
//
// What the cells hold is read once, here, and that is what the ops get. Start reading at Steps.
#include <optional>

#include "base/reuse.h"
#include "ops/optim.h"
#include "python/object.h"

namespace adcore::python {
namespace {

/// The items of a tuple, or of a copy of a list: what runs meanwhile cannot change them.
class Items {
 public:
  Items(const char* op, PyObject* o) {
    if (!PyTuple_Check(o) && !PyList_Check(o)) {
      fail(ErrorKind::Type, op, ": parameters, gradients and states must be tuples or lists, got ", Py_TYPE(o)->tp_name,
           ".");
    }
    held_ = PyTuple_Check(o) ? Owned::copy(o) : Owned(checked(PyList_AsTuple(o)));
  }
  size_t size() const { return static_cast<size_t>(PyTuple_GET_SIZE(held_.get())); }
  PyObject* operator[](size_t i) const { return PyTuple_GET_ITEM(held_.get(), static_cast<Py_ssize_t>(i)); }

 private:
  Owned held_;
};

double double_of(PyObject* o) {
  const double v = PyFloat_AsDouble(o);
  if (v == -1.0 && PyErr_Occurred()) throw PythonError{};
  return v;
}

/// The lists of a step, whose memory is kept for the next one.
struct Lists {
  std::vector<double> settings;
  std::vector<Tensor> arrays;  // by rows, a row for each parameter: parameter, gradient, states
  std::vector<Tensor> numbers;
  std::vector<Tensor> out;  // by rows: parameter, states
  std::vector<Operand> operands;
  std::vector<Call> calls;

  void clear() noexcept {
    forget(settings);
    forget(arrays);
    forget(numbers);
    forget(out);
    forget(operands);
    forget(calls);
  }
};

class Steps {
 public:
  Steps(const OptimizerRule& rule, PyObject* counter, PyObject* settings, PyObject* numbers,
        std::span<PyObject* const> columns)
      : rule_(rule), name_(rule.op->name), counter_(counter) {
    for (PyObject* c : columns) columns_[width_++].emplace(name_, c);
    rows_ = columns_[0]->size();
    for (size_t k = 1; k < width_; ++k) {
      if (columns_[k]->size() != rows_)
        fail(ErrorKind::Value, name_, ": ", rows_, " parameters but ", columns_[k]->size(), " gradients or states.");
    }
    // Numbers first: reading one may run Python code, which may change the cells.
    read_settings(settings);
    read_numbers(numbers);
    read_arrays();
    if (!is_tensor(counter))
      fail(ErrorKind::Type, name_, ": the step must be a Tensor, got ", Py_TYPE(counter)->tp_name, ".");
    steps_done_ = tracked_value(counter);
  }

  /// Writes the cells.
  void run() {
    // What only the cell and the lists hold may be written over. A view of cells has noted what they held.
    Tensor steps_now = compute(context().cells ? 0 : kCells);
    for (size_t i = 0; i < rows_; ++i) {
      const Call& call = lists_->calls[i];
      for (size_t j = 0; j < call.op.outputs; ++j) assign((*columns_[j ? j + 1 : 0])[i], std::move(call.out[j]));
    }
    assign(counter_, std::move(steps_now));
  }

  /// Changes nothing; returns the new values: the parameters, then the states, a tuple of each.
  PyObject* values() {
    compute(0);
    const auto outputs = static_cast<size_t>(rule_.op->outputs);
    Owned all(checked(PyTuple_New(static_cast<Py_ssize_t>(outputs))));
    for (size_t j = 0; j < outputs; ++j) {
      PyObject* const column = checked(PyTuple_New(static_cast<Py_ssize_t>(rows_)));
      PyTuple_SET_ITEM(all.get(), static_cast<Py_ssize_t>(j), column);
      for (size_t i = 0; i < rows_; ++i) {
        const Call& call = lists_->calls[i];
        // A rule without its states leaves them as they are.
        PyTuple_SET_ITEM(column, static_cast<Py_ssize_t>(i),
                         wrap(j < call.op.outputs ? std::move(call.out[j]) : lists_->arrays[i * width_ + 1 + j]));
      }
    }
    return all.release();
  }

 private:
  /// Returns the steps done afterwards.
  Tensor compute(uint16_t donated) {
    make_calls(donated);
    for (size_t i = 0; i < rows_; ++i) {
      try {
        infer(lists_->calls[i]);
      } catch (const Error& e) {
        throw Error(e.kind(), text(e.what(), " (parameter ", i, ")"));
      }
    }
    Tensor steps_now = steps_done_ + number(int64_t{1}, steps_done_);
    apply_inferred(lists_->calls);
    return steps_now;
  }

  void read_settings(PyObject* given) {
    const Items items(name_, given);
    if (items.size() != static_cast<size_t>(rule_.facts.settings))
      fail(ErrorKind::Type, name_, ": takes ", rule_.facts.settings, " settings, got ", items.size(), ".");
    for (size_t k = 0; k < items.size(); ++k) lists_->settings.push_back(double_of(items[k]));
  }

  static Tensor number_from(PyObject* o) {
    return is_tensor(o) ? tracked_value(o) : scalar(double_of(o), DType::Float64);
  }

  /// Each one for all rows, or a list with one for each row.
  void read_numbers(PyObject* given) {
    const Items items(name_, given);
    const auto count = static_cast<size_t>(rule_.facts.numbers);
    if (items.size() != count) fail(ErrorKind::Type, name_, ": takes ", count, " numbers, got ", items.size(), ".");
    std::vector<Tensor>& numbers = lists_->numbers;
    for (size_t k = 0; k < count; ++k) {
      numbers_at_[k] = numbers.size();
      each_[k] = PyTuple_Check(items[k]) || PyList_Check(items[k]);
      if (!each_[k]) {
        numbers.push_back(number_from(items[k]));
        continue;
      }
      const Items own(name_, items[k]);
      if (own.size() != rows_)
        fail(ErrorKind::Value, name_, ": ", rows_, " parameters but ", own.size(), " learning rates or weight decays.");
      for (size_t i = 0; i < rows_; ++i) numbers.push_back(number_from(own[i]));
    }
  }
  const Tensor& number_of(size_t row, size_t k) const { return lists_->numbers[numbers_at_[k] + (each_[k] ? row : 0)]; }

  void read_arrays() {
    lists_->arrays.reserve(rows_ * width_);
    for (size_t i = 0; i < rows_; ++i) {
      for (size_t k = 0; k < width_; ++k) {
        PyObject* const o = (*columns_[k])[i];
        if (!is_tensor(o)) {
          fail(ErrorKind::Type, name_, ": the ",
               k == 0   ? "parameter"
               : k == 1 ? "gradient"
                        : "state",
               " ", i, " must be a Tensor, got ", Py_TYPE(o)->tp_name, ".");
        }
        lists_->arrays.push_back(tracked_value(o));
      }
    }
  }

  void make_calls(uint16_t donated) {
    const auto count = static_cast<size_t>(rule_.facts.numbers), outputs = static_cast<size_t>(rule_.op->outputs);
    const size_t most = width_ + count + 1;
    const Attrs settings(reinterpret_cast<const int64_t*>(lists_->settings.data()), rule_.facts.settings);
    lists_->out.resize(rows_ * outputs);
    lists_->operands.resize(rows_ * most);
    lists_->calls.reserve(rows_);
    for (size_t i = 0; i < rows_; ++i) {
      const Tensor* const arrays = &lists_->arrays[i * width_];
      const bool stateless = rule_.stateless && is_zero(number_of(i, 2));
      Operand *const first = &lists_->operands[i * most], *next = first;
      const auto add = [&next](const Tensor& t) { *next++ = {&t, t.ref().slot}; };
      for (size_t k = 0; k < (stateless ? 2 : width_); ++k) add(arrays[k]);
      for (size_t k = 0; k < (stateless ? 2 : count); ++k) add(number_of(i, k));
      if (rule_.facts.counts && !stateless) add(steps_done_);
      Call& call = lists_->calls.emplace_back(Call{stateless ? *rule_.stateless : *rule_.op, first,
                                                   static_cast<int>(next - first), &lists_->out[i * outputs],
                                                   stateless ? Attrs() : settings});
      call.donated = donated;
      call.holders = 2;
    }
  }

  /// True where the number is known to be 0.
  static bool is_zero(const Tensor& t) { return !t.boxed() && t.size() == 1 && item(t) == 0; }

  static constexpr uint16_t kCells = needs_input(0) | needs_input(2) | needs_input(3) | needs_input(4);

  const OptimizerRule& rule_;
  const char* const name_;
  PyObject* const counter_;
  std::optional<Items> columns_[2 + kMaxOptimizerStates];
  size_t width_ = 0, rows_ = 0;
  size_t numbers_at_[kMaxOptimizerNumbers];
  bool each_[kMaxOptimizerNumbers];
  const Reused<Lists> lists_;
  Tensor steps_done_;
};

/// The step that the arguments (rule, counter, settings, numbers, parameters, gradients, *states) are of.
Steps steps_of(const char* caller, PyObject* const* args, Py_ssize_t count) {
  const char* const name = count > 0 && PyUnicode_Check(args[0]) ? PyUnicode_AsUTF8(args[0]) : nullptr;
  const OptimizerRule* const rule = name ? optimizer_rule(name) : nullptr;
  if (!rule) fail(ErrorKind::Type, caller, ": the first argument must be the name of a rule.");
  const auto given = std::span(args, static_cast<size_t>(count));
  const size_t columns = static_cast<size_t>(2 + rule->states());
  if (given.size() != 4 + columns) fail(ErrorKind::Type, name, ": takes ", 4 + columns, " arguments, got ", count, ".");
  return Steps(*rule, args[1], args[2], args[3], given.subspan(4));
}

PyObject* optimizer_step(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    steps_of("optimizer_step", args, count).run();
    Py_RETURN_NONE;
  });
}

PyObject* optimizer_values(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&] { return steps_of("optimizer_values", args, count).values(); });
}

PyMethodDef kFunctions[] = {
    {"optimizer_step", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(optimizer_step)), METH_FASTCALL,
     "optimizer_step($module, rule, counter, settings, numbers, parameters, gradients, /, *states)\n--\n\n"
     "One step of all parameters by the rule of that name (src/cpp/kernels/optimizers.h), which the counter counts."},
    {"optimizer_values", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(optimizer_values)), METH_FASTCALL,
     "optimizer_values($module, rule, counter, settings, numbers, parameters, gradients, /, *states)\n--\n\n"
     "What a step would write: a tuple of the parameters and one of each state. Nothing is changed."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

int init_optimizers(PyObject* module) { return PyModule_AddFunctions(module, kFunctions); }

}  // namespace adcore::python
