#include "python/cells.h"

#include <algorithm>

namespace adcore {

const Tensor& CellView::outer_read(PyObject* cell) const {
  CellView* const outer = opened_.outer().cells;
  return outer ? outer->read(cell) : python::own_value(cell);
}
void CellView::outer_write(PyObject* cell, Tensor value) const {
  // Swapped, not overwritten: the old value may be memory whose release runs Python code, and that must not see half a
  // cell.
  CellView* const outer = opened_.outer().cells;
  outer ? outer->write(cell, std::move(value)) : std::swap(python::own_value(cell), value);
}

}  // namespace adcore

namespace adcore::python {

const Tensor& viewed_value(PyObject* o) { return context().cells->read(o); }

namespace {

bool is_same(const Tensor& a, const Tensor& b) noexcept {
  return a.buffer().get() == b.buffer().get() && a.offset() == b.offset() && a.dtype() == b.dtype() &&
         a.shape() == b.shape() && a.strides() == b.strides() && a.ref().slot == b.ref().slot;
}

}  // namespace

LoggedCells::Entry& LoggedCells::entry(PyObject* cell) {
  const auto [it, fresh] = entries_.try_emplace(cell, Entry{logs_.size(), 0, {}});
  if (fresh) logs_.push_back({Owned::copy(cell), {}});
  return it->second;
}

const Tensor& LoggedCells::read(PyObject* cell) {
  const Tensor& value = outer_read(cell);
  if (is_inside(cell)) return value;
  Entry& e = entry(cell);
  if (!is_same(e.last, value)) {
    logs_[e.log].values.push_back({e.reads, value});
    e.last = value;
  }
  ++e.reads;
  return value;
}

void LoggedCells::write(PyObject* cell, Tensor value) {
  if (!is_inside(cell)) {
    Entry& e = entry(cell);
    logs_[e.log].written = true;
    e.last = value;
  }
  outer_write(cell, std::move(value));
}

ReplayedCells::ReplayedCells(const CellLogs& logs) {
  for (const CellLog& log : logs) entries_[log.cell.get()].log = &log;
}

const Tensor& ReplayedCells::read(PyObject* cell) {
  const auto it = entries_.find(cell);
  if (it == entries_.end()) return outer_read(cell);
  Entry& e = it->second;
  if (e.log && e.next < e.log->values.size() && e.log->values[e.next].read == e.reads)
    e.now = e.log->values[e.next++].value;
  ++e.reads;
  return e.now.defined() ? e.now : outer_read(cell);
}

void ReplayedCells::write(PyObject* cell, Tensor value) {
  const auto [it, fresh] = entries_.try_emplace(cell);
  if (fresh) held_.push_back(Owned::copy(cell));
  std::swap(it->second.now, value);
  it->second.wrote = true;
}

const Tensor& ShownCells::read(PyObject* cell) {
  const auto it = entries_.find(cell);
  return it == entries_.end() ? outer_read(cell) : it->second.now;
}

void ShownCells::write(PyObject* cell, Tensor value) {
  const auto it = entries_.find(cell);
  if (it == entries_.end()) return outer_write(cell, std::move(value));
  std::swap(it->second.now, value);
  it->second.wrote = true;
}

const Tensor* ShownCells::written(PyObject* cell) const {
  const Entry& e = entries_.at(cell);
  return e.wrote ? &e.now : nullptr;
}

}  // namespace adcore::python
