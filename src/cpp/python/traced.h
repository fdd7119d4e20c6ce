// A Python function as a program: what a trace sees of Python. Arguments and cells are inputs of the program, results and
// the cells that were written are outputs.
#pragma once

#include <memory>
#include <vector>

#include "jit/file.h"
#include "python/bindings.h"

namespace py = pybind11;

namespace adcore::python {

/// What of the arguments is an input of a program: Tensors, but no Parameter, which is a cell wherever it comes from; and
/// NumPy's arrays.
inline bool is_program_input(PyObject* leaf) {
  if (is_tensor(leaf)) return !is_parameter(leaf);
  return is_array(leaf) && !is_number(leaf);
}

/// Whether a program is being recorded around what runs.
bool is_tracing();

/// The arguments of a call. What is static is part of the program, like the function itself.
struct Arguments {
  py::tuple positional;
  py::object named;  // a dict, or None
  std::vector<bool> static_positions;
  py::object static_names;  // a frozenset, or None

  /// The same with f applied to each leaf that is an input, in one order.
  Arguments map(FunctionRef<PyObject*(PyObject*)> f) const;
};

/// The program of one call. Its inputs: those among the arguments, each object once; then the cells that the call read.
/// Its outputs: the Tensors of the result, then the arguments and the cells that were written.
class TracedFunction {
 public:
  /// What stands in a place of the result: the next output of the program, an argument, or what stands in an earlier place.
  struct Place {
    enum class Kind : uint8_t { Output, Argument, Earlier };
    Kind kind = Kind::Output;
    size_t number = 0;
    bool is_element = false;  // as an index read it: not to be written to
  };

  TracedFunction(const py::object& fn, const Arguments& arguments);
  /// From a file, with objects for its cells. `result` has Tensors without a value in the places.
  TracedFunction(const StoredProgram& stored, std::span<PyObject* const> cells, py::object result,
                 std::vector<Place> places);
  TracedFunction& operator=(const TracedFunction&) = delete;

  const std::shared_ptr<const Program>& program() const noexcept { return program_; }
  /// What jit runs in its place: the same function, with the program that the passes made.
  std::unique_ptr<TracedFunction> optimized(std::shared_ptr<const Program> program,
                                            std::shared_ptr<const Plan> plan) const;
  /// Where its values live; null where nobody asked for that yet.
  const std::shared_ptr<const Plan>& plan() const noexcept { return plan_; }
  /// A rule of the user's, or no_grad, has to do with what was recorded; random numbers were drawn.
  bool has_rules() const noexcept { return has_rules_; }
  bool has_draws() const noexcept { return has_draws_; }
  const std::vector<Owned>& reads() const noexcept { return reads_; }
  const std::vector<Owned>& writes() const noexcept { return writes_; }
  const std::vector<Owned>& callbacks() const noexcept { return callbacks_; }
  size_t argument_count() const noexcept { return argument_count_; }
  /// An argument is one of the function's own cells where it was one when this was recorded, the same, and nowhere else.
  bool aliases_fit(std::span<PyObject* const> arguments) const;
  /// The result holds the argument itself, or the function has assigned to it.
  bool is_given_back(size_t argument) const noexcept;
  /// How many outputs of the program are in the result.
  size_t result_count() const noexcept { return results_; }
  /// The inputs that are written, in the order of the outputs behind the results.
  const std::vector<size_t>& written_arguments() const noexcept { return written_arguments_; }

  /// What the user calls the inputs that are arguments; fewer where it is not known.
  std::vector<std::string> argument_names;
  /// The arguments of a call and the names of the cells, as Python keeps them (adcore/transforms/stored.py).
  py::object signature = py::none();
  std::vector<std::string> cell_names;

  /// Something is open in the thread that must see the calls: it holds one of the inputs, or watches.
  bool is_seen(std::span<PyObject* const> arguments) const;
  /// The call that was recorded, on other arguments: natively, as jit runs it, or by run() where something sees it.
  py::object replay(std::span<PyObject* const> arguments) const;
  /// Through apply(): what is open in the thread sees the calls. `arguments` are the inputs among the arguments.
  py::object run(std::span<PyObject* const> arguments) const;
  /// What the call returns, from the program's outputs; writes the arguments and cells. `last` runs when nothing can fail
  /// any more.
  PyObject* finish(std::span<PyObject* const> arguments, FunctionRef<Tensor(size_t)> output,
                   FunctionRef<void()> last) const;
  /// The program's inputs.
  std::vector<Tensor> inputs(std::span<PyObject* const> arguments) const;

  /// The result with f(place) in each place.
  py::object map_result(FunctionRef<PyObject*(const Place&)> f) const;
  /// The cells that are read, then those that are only written.
  std::vector<PyObject*> cells() const;
  /// What a file holds of it.
  StoredProgram stored(std::vector<std::string> names, std::string about) const;

  int traverse(visitproc visit, void* arg) const;
  /// Lets go of all objects. Who runs it still is told of inputs that are missing, or gets None.
  void clear() noexcept;

 private:
  /// Where a Tensor stands in result_: one without a value.
  static bool is_place(PyObject* leaf) noexcept { return is_tensor(leaf) && !own_value(leaf).defined(); }
  TracedFunction(const TracedFunction& other);

  std::shared_ptr<const Program> program_;
  std::shared_ptr<const Plan> plan_;
  py::object result_;
  std::vector<Place> places_;
  std::vector<PyObject*> fresh_;  // leaves of result_ of which each call gives a copy
  size_t argument_count_ = 0, results_ = 0;
  struct Alias {
    size_t argument;
    Owned cell;
  };
  std::vector<Alias> aliases_;
  std::vector<PyObject*> plain_cells_;  // of reads_ and writes_ those that may be arguments
  std::vector<size_t> written_arguments_;
  std::vector<Owned> reads_, writes_;
  std::vector<Owned> callbacks_;  // what statements call, who hold them weakly
  bool has_rules_ = false, has_draws_ = false;
  mutable std::shared_ptr<const Body> body_;  // for replay()
};

/// The inputs among the arguments, each object once; arrays as Tensors.
std::vector<Owned> inputs_among(const Arguments& arguments);

}  // namespace adcore::python
