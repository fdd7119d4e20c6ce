// Files of programs: a program, the values that it keeps from run to run, and what its arguments are. What Python wrote
// runs from C++ alone:
//
//   StatefulProgram step = load_program("step.adcore");
//   for (...) step.run(std::array{x, y});
//   step.set_state("w", w);
//   step.save("step.adcore");
//
// docs/program_format.md says which bytes stand for what. A file is not trusted: whatever is wrong with it is an error
// of kind Value, and a program that was read does nothing that one of C++'s or Python's functions could not do.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "jit/loop.h"

namespace adcore {

/// What a file holds.
struct StoredProgram {
  /// A value that the program keeps: what it writes is what it reads in the next run.
  struct Cell {
    std::string name;  // no two have one name
    Tensor value;
    bool is_parameter = false, is_trained = false;  // for Python
  };

  /// As it was recorded. Inputs: arguments, then the cells of `reads`. Outputs: results, then new values of the arguments
  /// of `written`, then those of the cells of `writes`.
  Program program;
  uint32_t arguments = 0, results = 0;
  std::vector<uint32_t> written;
  std::vector<Cell> cells;
  std::vector<uint32_t> reads, writes;
  bool has_rules = false, has_draws = false;  // python/traced.h
  std::string about;                          // how Python sees arguments and results; JSON, or empty
};

/// What a step makes: results, and new values of all cells.
struct Step {
  std::vector<Tensor> results, cells;
};
/// Records f, called once with arguments like these and with the cells; no element is known inside of it.
StoredProgram record(std::span<const Tensor> arguments, std::vector<StoredProgram::Cell> cells,
                     FunctionRef<Step(const std::vector<Tensor>& arguments, const std::vector<Tensor>& cells)> f);

/// Throws where this is no program that can run again and again, or that no file can hold.
std::vector<std::byte> bytes_of(const StoredProgram& stored);
/// `name` speaks in errors.
StoredProgram read_program(std::span<const std::byte> bytes, const std::string& name);

/// A program that holds its cells itself. One thread runs it at a time.
class StatefulProgram {
 public:
  explicit StatefulProgram(StoredProgram stored);

  const Program& program() const noexcept { return body_->program(); }
  size_t argument_count() const noexcept { return stored_.arguments; }
  size_t result_count() const noexcept { return stored_.results; }
  /// Results, then the new values of arguments that the program writes. The cells are written when the run has succeeded.
  std::vector<Tensor> run(std::span<const Tensor> arguments);

  std::vector<std::string> state_names() const;
  Tensor state(std::string_view name) const { return stored_.cells[cell(name)].value; }
  /// A value of the shape and dtype that the cell has.
  void set_state(std::string_view name, const Tensor& value);

  void save(const std::string& path) const;

 private:
  size_t cell(std::string_view name) const;

  StoredProgram stored_;
  std::unique_ptr<const Body> body_;  // runs it
};

StatefulProgram load_program(const std::string& path);

}  // namespace adcore
