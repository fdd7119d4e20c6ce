// Cells are what Python holds: Tensors and Parameters, each with one value. There is one door to read a cell, value_of(), and
// one to write it, assign() (object.h); both ask here whether the thread sees the cells otherwise than they are.
//
// A view is open in a thread for the time of a scope. While a recomputed block runs for the first time a LoggedCells notes
// what its cells held before; each time it runs again a ReplayedCells shows it that, and keeps its assignments from the
// cells. So several threads may run it again at once, and nothing is assigned twice.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/context.h"
#include "python/object.h"

namespace adcore {

/// What context().cells leads to.
class CellView {
 public:
  CellView() : outer_(context().cells) { context().cells = this; }
  virtual ~CellView() { close(); }
  CellView(const CellView&) = delete;
  CellView& operator=(const CellView&) = delete;

  virtual const Tensor& read(PyObject* cell) = 0;
  virtual void write(PyObject* cell, Tensor value) = 0;

 protected:
  void close() noexcept {
    if (context().cells == this) context().cells = outer_;
  }
  const Tensor& outer_read(PyObject* cell) const;
  void outer_write(PyObject* cell, Tensor value) const;

 private:
  CellView* const outer_;
};

}  // namespace adcore

namespace adcore::python {

/// Values of cells, which are held.
class CellValues {
 public:
  const Tensor* find(PyObject* cell) const {
    const auto it = values_.find(cell);
    return it == values_.end() ? nullptr : &it->second;
  }
  /// A value that is there already stays.
  void add(PyObject* cell, const Tensor& value);
  void set(PyObject* cell, Tensor value);
  /// Lets go of the cells that nobody else holds.
  void drop_unreachable();
  const std::vector<Owned>& cells() const noexcept { return cells_; }
  void traverse(FunctionRef<void(void*)> visit) const;

 private:
  std::unordered_map<PyObject*, Tensor> values_;
  std::vector<Owned> cells_;  // in the order in which they were added
};

/// Reads and writes go on to the cells; what a Parameter held when it was read first, and any cell when it was written
/// first, is noted.
class LoggedCells final : public CellView {
 public:
  const Tensor& read(PyObject* cell) override;
  void write(PyObject* cell, Tensor value) override;

  CellValues before;
  std::vector<Owned> written;  // each once
};

/// Cells with other values than they hold; what is written stays here.
class ReplayedCells final : public CellView {
 public:
  explicit ReplayedCells(const CellValues& values);
  const Tensor& read(PyObject* cell) override;
  void write(PyObject* cell, Tensor value) override;
  bool wrote(PyObject* cell) const { return written_.contains(cell); }

 private:
  CellValues values_;
  std::unordered_set<PyObject*> written_;
};

}  // namespace adcore::python
