// The frames of jvp and vmap, and what Python builds these from.
#include "python/frames.h"

#include "base/few.h"
#include "python/bindings.h"
#include "sweeps/batch.h"
#include "sweeps/forward.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

py::object run_in(Frame& frame, const py::object& fn, const py::args& args) {
  const FrameScope scope(frame);
  py::object result = call(fn, args, py::none());
  scope.check_records();
  return result;
}

py::object run_outside(Frame& frame, const py::object& fn, const py::args& args) {
  const Unchanged scope;
  const Outside outside(frame);
  return call(fn, args, py::none());
}

/// Of jvps and vmaps: a trace needs nothing from whoever asks.
py::object innermost_of(const py::list& leaves) {
  Frame* found = nullptr;
  for (const py::handle o : leaves) {
    if (!is_tensor(o.ptr())) continue;
    Frame* f = innermost(value_of(o.ptr()));
    if (f && f->kind != FrameKind::Trace && (!found || f->place.depth > found->place.depth)) found = f;
  }
  return found ? py::cast(found->shared_from_this()) : py::none();
}

py::tuple take_apart(const Forward& frame, const py::object& o) {
  Tensor tangent;
  const Tensor value = frame.take_apart(tensor_of(o), tangent);
  py::object t = tangent.defined() ? steal(wrap(tangent)) : py::none();
  return py::make_tuple(steal(wrap(value)), t);
}

py::object make_dual_of(const Forward& frame, const py::object& value, const py::object& tangent) {
  return steal(wrap(frame.dual(tensor_of(value), tangent.is_none() ? Tensor() : tensor_of(tangent))));
}

/// jvp of a function of tensors: the pair of its value and tangent where it returns one tensor, else of the frame and what
/// it returned. None, and nothing has run, where the arguments are not tensors with tangents like them.
py::object push_plain(const py::object& fn, const py::tuple& args, const py::tuple& tangents) {
  if (args.size() != tangents.size()) return py::none();
  Few<Tensor> values(args.size()), directions(args.size());
  for (size_t k = 0; k < args.size(); ++k) {
    PyObject *x = PyTuple_GET_ITEM(args.ptr(), k), *t = PyTuple_GET_ITEM(tangents.ptr(), k);
    if (!is_tensor(x) || !is_tensor(t)) return py::none();
    values[k] = tracked_value(x);
    directions[k] = tracked_value(t);
    if (!(values[k].shape() == directions[k].shape()) || derivative_dtype(values[k].dtype()) != directions[k].dtype())
      return py::none();
  }
  const auto frame = std::make_shared<Forward>();
  py::tuple duals(args.size());
  for (size_t k = 0; k < args.size(); ++k) duals[k] = steal(wrap(frame->dual(values[k], directions[k])));
  py::object out;
  {
    const FrameScope scope(*frame);
    out = call(fn, duals, py::none());
    scope.check_records();
  }
  if (!is_tensor(out.ptr())) return py::make_tuple(frame, out);
  Tensor tangent;
  Tensor value = frame->take_apart(tracked_value(out.ptr()), tangent);
  if (!tangent.defined()) tangent = zero_derivative(value);
  return py::make_tuple(steal(wrap(std::move(value))), steal(wrap(std::move(tangent))));
}

}  // namespace

Frames open_frames() {
  Frames frames;
  for (Frame* f = context().frame; f; f = f->place.outer) frames.push_back(f->shared_from_this());
  return frames;
}

void bind_frames(py::module_& m) {
  py::class_<Frame, std::shared_ptr<Frame>>(m, "Frame")
      .def("run", run_in, py::arg("fn"))
      .def("outside", run_outside, py::arg("fn"));
  py::class_<Forward, Frame, std::shared_ptr<Forward>>(m, "Forward")
      .def(py::init<>())
      .def("dual", make_dual_of, py::arg("value"), py::arg("tangent"))
      .def("take_apart", take_apart, py::arg("value"));
  py::class_<Batch, Frame, std::shared_ptr<Batch>>(m, "Batch")
      .def(py::init<int64_t>(), py::arg("size"))
      .def_readonly("size", &Batch::size)
      .def(
          "join", [](const Batch& b, const py::object& t) { return steal(wrap(b.join(tensor_of(t)))); },
          py::arg("values"))
      .def(
          "split", [](const Batch& b, const py::object& t) { return steal(wrap(b.split(tensor_of(t)))); },
          py::arg("value"))
      .def("holds", [](const Batch& b, const py::object& t) { return b.holds(tensor_of(t)); }, py::arg("value"));
  m.def("push_plain", push_plain, py::arg("fn"), py::arg("args"), py::arg("tangents"));
  m.def("innermost", innermost_of, py::arg("leaves"));
  m.def("settled", [](const py::object& t) { return steal(wrap(settled(tensor_of(t)))); }, py::arg("tensor"));
  m.def(
      "is_batch",
      [](const py::object& t) {
        for (const Box* b = box_of(value_of(tensor_object(t))); b; b = box_of(b->base))
          if (b->kind == FrameKind::Batch) return true;
        return false;
      },
      py::arg("tensor"));
}

}  // namespace adcore::python
