// Plan: where the values of a program live while it runs, worked out once for inputs of one layout. Run: one run of it.
//
// Values that nobody sees share one block of memory, the arena: each lies there from the statement that makes it to the
// last one that reads it, or a view of it. Outputs have memory of their own, new in every run, so that nobody outside
// ever holds a piece of the arena; so has what an output is a view of. An output of a call may lie over an operand that
// nobody reads afterwards, where its op allows that (Op::over).
//
// What replaces inputs, as the steps of optimizers replace Parameters, may be written over them (Plan::Updates).
//
// A plan never changes, so any number of threads may run it at once, each in a workspace of its own. Workspaces are kept
// for the next run: a small program allocates nothing but its outputs.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "jit/program.h"

namespace adcore {

class Plan {
 public:
  /// Inputs that nobody needs when a run has ended. The last steps of a run may write over those that nobody else holds:
  /// steps of optimizers, whose results no other step reads. They need no more memory once they have that of their
  /// outputs, so nothing can fail when an input has been written over.
  using Updates = std::vector<size_t>;

  /// Calls of the last steps, and the values that they are on.
  struct Last {
    std::vector<Tensor> values;
    std::vector<Operand> operands;
    std::vector<Call> calls;
  };

  /// Runs the program once, on these inputs, to learn the layout of every value. `outputs` are those of that run.
  Plan(std::shared_ptr<const Program> program, std::span<const Tensor> inputs, std::vector<Tensor>& outputs);
  /// The same but for the last steps, for which `last` is made. Their outputs get memory by take_memory(), and are
  /// written by run().
  Plan(std::shared_ptr<const Program> program, std::span<const Tensor> inputs, std::vector<Tensor>& outputs,
       const Updates& updates, Last& last);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  const Program& program() const noexcept { return *program_; }
  /// Memory for the outputs of the last steps of the first run: that of an input which only `last` and so many others
  /// hold, or new memory. Nothing is written yet.
  void take_memory(Last& last, int32_t others, std::vector<Tensor>& outputs) const;
  static void run(Last& last);
  /// Bytes of the arena.
  int64_t arena_bytes() const noexcept { return arena_bytes_; }
  /// Elementary operations of a run.
  int64_t work() const noexcept { return work_; }
  /// The place of a value in the arena, -1 where it lies elsewhere.
  int64_t arena_offset(uint32_t value) const noexcept { return slots_[value].offset; }
  /// The value gets memory of its own in every run.
  bool is_fresh(uint32_t value) const noexcept { return slots_[value].fresh; }
  /// The value whose memory it is: itself, or what it is a view of.
  uint32_t root(uint32_t value) const noexcept { return slots_[value].root; }
  size_t step_count() const noexcept { return steps_.size(); }
  /// The statement that step k runs. Views that are the same in every run are made once, by no step.
  uint32_t statement_of(size_t step) const noexcept { return steps_[step].statement; }
  /// A run can write output k to memory that it is given: no other value lies there.
  bool is_placeable(size_t k) const noexcept;
  /// The input has the layout that the plan was made for.
  bool fits(size_t input, const Tensor& t) const noexcept;

 private:
  friend class Run;
  struct Workspace;

  struct Slot {
    int64_t offset = -1;  // in the arena
    uint32_t root = 0;    // the value whose memory it is: itself, or what it is a view of
    bool fresh = false;   // gets memory of its own in every run
    bool moves =
        false;  // lies somewhere else in every run: an input, a fresh value, what a view op copies, views of these
  };
  struct Step {
    uint32_t statement;
    bool laid_out;
    uint16_t in_place = 0;
  };

  /// An output that may be written over an input.
  struct Loan {
    size_t step;
    int output;
    uint32_t from, to;            // values
    std::vector<uint32_t> views;  // other values on the memory of the input
  };
  static constexpr int32_t kNoLoans = -1'000'000;  // holders

  uint32_t first_of_last() const;
  bool learn_last(uint32_t first, std::vector<Tensor>& values);
  void learn(std::span<const Tensor> inputs, std::vector<Tensor>& values, uint32_t last);
  void place();
  void find_loans(const Updates& updates);
  void take_memory(std::vector<Tensor>& values, std::span<Call> last, int32_t others) const;
  void append_call(size_t step, std::vector<Tensor>& values, std::vector<Operand>& operands,
                   std::vector<Call>& calls) const;
  int over(const Program::Statement& s, int output, std::span<const uint32_t> last_use, size_t at) const;
  std::unique_ptr<Workspace> new_workspace() const;
  std::unique_ptr<Workspace> take_workspace() const;
  void put_workspace(std::unique_ptr<Workspace> w) const noexcept;

  const std::shared_ptr<const Program> program_;
  std::vector<Tensor> layouts_;  // of every value: shape, strides, dtype; no memory
  std::vector<Slot> slots_;      // of every value
  std::vector<Step> steps_;
  std::vector<uint32_t> fresh_;  // values with memory of their own, but those that the last steps make
  std::vector<uint32_t> moving_;
  size_t last_ = 0;  // the first of the last steps
  std::vector<Loan> loans_;
  int64_t arena_bytes_ = 0;
  int64_t work_ = 0;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> idle_;
};

/// One run: inputs are given, then it executes, then outputs are taken.
class Run {
 public:
  explicit Run(const Plan& plan);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// A tensor that fits.
  void input(size_t k, const Tensor& t) noexcept;
  /// Where the next execution writes output k, which is placeable: elements one after the other.
  void place_output(size_t k, const BufferRef& buffer, int64_t offset);
  /// Throws what an op throws, with the place in the user's text. Long runs release the interpreter's lock.
  void execute();
  /// The same in two parts. The last steps may write over inputs that only this run and so many others hold; where
  /// their outputs will be is known after the first part. Nothing in the second part throws.
  void execute_first(int32_t others);
  void execute_last();
  /// The same for who measures: times[k] is when step k begins, the last one when the run has ended; in nanoseconds.
  void execute(std::span<int64_t> times);
  Tensor output(size_t k) const;

 private:
  void execute_steps(size_t begin, size_t end);

  void allocate_fresh();

  const Plan& plan_;
  std::unique_ptr<Plan::Workspace> workspace_;
  std::vector<uint32_t> placed_;  // values
};

}  // namespace adcore
