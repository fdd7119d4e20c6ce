#include "python/cells.h"

#include <algorithm>

namespace adcore {

const Tensor& CellView::outer_read(PyObject* cell) const {
  return outer_ ? outer_->read(cell) : python::own_value(cell);
}
void CellView::outer_write(PyObject* cell, Tensor value) const {
  // Swapped, not overwritten: the old value may be memory whose release runs Python code, and that must not see half a
  // cell.
  outer_ ? outer_->write(cell, std::move(value)) : std::swap(python::own_value(cell), value);
}

}  // namespace adcore

namespace adcore::python {

const Tensor& viewed_value(PyObject* o) { return context().cells->read(o); }

void CellValues::add(PyObject* cell, const Tensor& value) {
  if (values_.emplace(cell, value).second) cells_.push_back(Owned::copy(cell));
}

void CellValues::set(PyObject* cell, Tensor value) {
  add(cell, {});
  std::swap(values_.at(cell), value);
}

void CellValues::drop_unreachable() {
  std::erase_if(cells_, [&](const Owned& cell) {
    if (Py_REFCNT(cell.get()) != 1) return false;
    values_.erase(cell.get());
    return true;
  });
}

void CellValues::traverse(FunctionRef<void(void*)> visit) const {
  for (const Owned& cell : cells_) visit(cell.get());
}

const Tensor& LoggedCells::read(PyObject* cell) {
  const Tensor& value = outer_read(cell);
  if (is_parameter(cell)) before.add(cell, value);
  return value;
}

void LoggedCells::write(PyObject* cell, Tensor value) {
  before.add(cell, outer_read(cell));
  const auto is_cell = [cell](const Owned& o) { return o.get() == cell; };
  if (std::none_of(written.begin(), written.end(), is_cell)) written.push_back(Owned::copy(cell));
  outer_write(cell, std::move(value));
}

ReplayedCells::ReplayedCells(const CellValues& values) {
  for (const Owned& cell : values.cells()) values_.add(cell.get(), *values.find(cell.get()));
}

const Tensor& ReplayedCells::read(PyObject* cell) {
  const Tensor* value = values_.find(cell);
  return value ? *value : outer_read(cell);
}

void ReplayedCells::write(PyObject* cell, Tensor value) {
  values_.set(cell, std::move(value));
  written_.insert(cell);
}

}  // namespace adcore::python
