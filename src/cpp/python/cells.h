// Cells are what Python holds: Tensors and Parameters, each with one value. There is one door to read a cell,
// value_of(), and one to write it, assign() (object.h); both ask here whether the thread sees the cells otherwise than
// they are.
//
// A view is open in a thread for the time of a scope. While a recomputed block runs for the first time a LoggedCells
// notes what the cells from outside hold as they are read; each time it runs again a ReplayedCells shows it the same,
// read for read, and keeps its assignments from the cells. So several threads may run it again at once, nothing is
// assigned twice, and what others assign meanwhile is not seen.
#pragma once

#include <unordered_map>
#include <vector>

#include "core/scope.h"
#include "python/object.h"

namespace adcore {

/// What context().cells leads to.
class CellView {
 public:
  CellView() : first_inside_(python::cells_made()) { context().cells = this; }
  virtual ~CellView() { opened_.close(); }
  CellView(const CellView&) = delete;
  CellView& operator=(const CellView&) = delete;

  virtual const Tensor& read(PyObject* cell) = 0;
  virtual void write(PyObject* cell, Tensor value) = 0;
  /// True for a cell that was made since it opened.
  bool is_inside(PyObject* cell) const noexcept { return python::made_at(cell) >= first_inside_; }
  /// Throws where a no_grad that was entered inside was not left.
  void check_records() const { opened_.check_nothing_shut_out(); }

 protected:
  const Tensor& outer_read(PyObject* cell) const;
  void outer_write(PyObject* cell, Tensor value) const;

 private:
  Opened opened_;
  const uint64_t first_inside_;
};

}  // namespace adcore

namespace adcore::python {

/// What one cell held, as a block read it.
struct CellLog {
  Owned cell;
  struct Value {
    uint32_t read;  // the first read that saw it
    Tensor value;
  };
  std::vector<Value> values;
  bool written = false;  // the block assigned to it
};
using CellLogs = std::vector<CellLog>;

/// Reads and writes go on to the cells; those of cells from before it opened are noted.
class LoggedCells final : public CellView {
 public:
  const Tensor& read(PyObject* cell) override;
  void write(PyObject* cell, Tensor value) override;
  CellLogs take() noexcept { return std::move(logs_); }

 private:
  struct Entry {
    size_t log;
    uint32_t reads = 0;
    Tensor last;  // as read or written here
  };
  Entry& entry(PyObject* cell);

  std::unordered_map<PyObject*, Entry> entries_;
  CellLogs logs_;
};

/// Cells as they were logged; what is written stays here.
class ReplayedCells final : public CellView {
 public:
  explicit ReplayedCells(const CellLogs& logs);
  const Tensor& read(PyObject* cell) override;
  void write(PyObject* cell, Tensor value) override;
  /// True where the cell, one of the logs', was written.
  bool wrote(PyObject* cell) const { return entries_.at(cell).wrote; }

 private:
  struct Entry {
    const CellLog* log = nullptr;  // null: a cell of the block's own
    size_t next = 0;               // in log->values
    uint32_t reads = 0;
    Tensor now;
    bool wrote = false;
  };
  std::unordered_map<PyObject*, Entry> entries_;
  std::vector<Owned> held_;
};

/// Some cells with values of its own, which alone are written.
class ShownCells final : public CellView {
 public:
  void show(PyObject* cell, Tensor value) { entries_[cell].now = std::move(value); }
  const Tensor& read(PyObject* cell) override;
  void write(PyObject* cell, Tensor value) override;
  /// What was written last; null where nothing was.
  const Tensor* written(PyObject* cell) const;

 private:
  struct Entry {
    Tensor now;
    bool wrote = false;
  };
  std::unordered_map<PyObject*, Entry> entries_;
};

}  // namespace adcore::python
