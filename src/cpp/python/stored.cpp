// Programs and their files, as Python sees them: what adcore/transforms/stored.py is written with.
#include <pybind11/stl.h>

#include "base/files.h"
#include "python/traced.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

using Place = TracedFunction::Place;

/// The result, with f(kind, number, whether an index read it) in the place of each Tensor.
py::object map_result(const TracedFunction& f, const py::function& show) {
  return f.map_result([&](const Place& place) {
    return show(static_cast<int>(place.kind), place.number, place.is_element).release().ptr();
  });
}

py::list cells(const TracedFunction& f) {
  py::list all;
  for (PyObject* cell : f.cells()) all.append(py::reinterpret_borrow<py::object>(cell));
  return all;
}

/// The call that was recorded; `arguments` are the inputs among its arguments. `misfit` is told of an input of another
/// shape or dtype.
py::object replay(const TracedFunction& f, const py::list& arguments, const py::function& misfit) {
  std::vector<Owned> held;
  std::vector<PyObject*> objects;
  for (const py::handle& o : arguments) {
    held.push_back(is_tensor(o.ptr()) ? Owned::copy(o.ptr()) : Owned(wrap(tensor_from(o.ptr(), nullptr))));
    objects.push_back(held.back().get());
  }
  if (objects.size() != f.argument_count())
    fail(ErrorKind::Type, "Program: it takes ", f.argument_count(), " Tensors, got ", objects.size(), ".");
  const Program& p = *f.program();
  for (size_t k = 0; k < p.inputs().size(); ++k) {
    const Program::Value& v = p.values()[p.inputs()[k]];
    const Tensor& t = value_of(k < objects.size() ? objects[k] : f.reads()[k - objects.size()].get());
    if (t.shape() == v.shape && t.dtype() == v.dtype) continue;
    misfit(k, steal(wrap(t)));  // raises
  }
  for (const size_t k : f.written_arguments()) {
    if (std::ranges::count(objects, objects[k]) > 1)
      fail(ErrorKind::Value, "Program: an argument that the program writes is given twice.");
  }
  if (!f.aliases_fit(objects))
    fail(ErrorKind::Value, "Program: an argument is one of the program's own tensors; give it a copy.");
  return f.replay(objects);
}

void save(const TracedFunction& f, const std::string& path, std::vector<std::string> names, std::string about) {
  replace_file("save", path, bytes_of(f.stored(std::move(names), std::move(about))));
}

py::bytes bytes(const TracedFunction& f, std::vector<std::string> names, std::string about) {
  const std::vector<std::byte> all = bytes_of(f.stored(std::move(names), std::move(about)));
  return {reinterpret_cast<const char*>(all.data()), all.size()};
}

/// `build` gives, from what the file says of arguments and results and from its cells: the result with Tensors without a
/// value in its places, what stands in each, and an object for each cell.
py::object load(const py::bytes& given, const std::string& name, const py::function& build) {
  const std::string_view bytes = given;
  const StoredProgram s = read_program(std::as_bytes(std::span(bytes)), name);
  py::list cells;
  for (const StoredProgram::Cell& c : s.cells)
    cells.append(py::make_tuple(c.name, c.is_parameter, c.is_trained, steal(wrap(c.value))));
  const py::tuple built = build(s.about, cells, s.arguments, s.results);
  std::vector<Place> places;
  for (const py::handle& o : py::cast<py::list>(built[1])) {
    const auto [kind, number, is_element] = py::cast<std::tuple<int, size_t, bool>>(o);
    if (kind < 0 || kind > static_cast<int>(Place::Kind::Earlier)) fail(ErrorKind::Value, "no such place.");
    places.push_back({static_cast<Place::Kind>(kind), number, is_element});
  }
  std::vector<PyObject*> objects;
  const auto made = py::cast<py::list>(built[2]);
  for (const py::handle& o : made) objects.push_back(tensor_object(o));
  if (objects.size() != s.cells.size()) fail(ErrorKind::Value, "a cell has no object.");
  return py::cast(std::make_unique<TracedFunction>(s, objects, built[0], std::move(places)));
}

}  // namespace

void bind_stored(py::module_& m) {
  py::reinterpret_borrow<py::class_<TracedFunction>>(m.attr("Program"))
      .def_readwrite("_signature", &TracedFunction::signature)
      .def_readwrite("_cell_names", &TracedFunction::cell_names)
      .def_property_readonly("_cells", cells)
      .def("_bytes", bytes)
      .def("_map_result", map_result)
      .def("_replay", replay)
      .def("_save", save);
  m.def("load_stored", load, py::arg("bytes"), py::arg("name"), py::arg("build"));
  m.def("place_of_result", [] { return steal(wrap({})); });
}

}  // namespace adcore::python
