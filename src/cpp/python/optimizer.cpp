// Optimizer steps over all parameters in one call. Every argument is checked before any parameter changes.
#include <pybind11/pybind11.h>

#include <optional>

#include "base/reuse.h"
#include "python/bindings.h"
#include "python/object.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

/// The items of a tuple, or of a copy of a list: what runs meanwhile cannot change them.
class Items {
 public:
  Items(const char* op, const py::object& sequence) {
    PyObject* const o = sequence.ptr();
    if (!PyTuple_Check(o) && !PyList_Check(o)) {
      fail(ErrorKind::Type, op, ": parameters, gradients, states and rates must be tuples or lists, got ",
           Py_TYPE(o)->tp_name, ".");
    }
    held_ = PyTuple_Check(o) ? Owned::copy(o) : Owned(checked(PyList_AsTuple(o)));
  }
  size_t size() const { return static_cast<size_t>(PyTuple_GET_SIZE(held_.get())); }
  PyObject* operator[](size_t i) const { return PyTuple_GET_ITEM(held_.get(), static_cast<Py_ssize_t>(i)); }

 private:
  Owned held_;
};

const char* const kRoles[] = {"parameter", "gradient", "state", "state"};

/// One parameter's tensors: its own, then gradient and states; of one shape, state in the parameter's float dtype.
struct Row {
  Owned cells[4];
  int count = 0;
  double rate = 0, decay = 0;
  Tensor gradient;  // contiguous, of the parameter's dtype
};

/// The rows of a step, in a list whose memory is kept for the next one.
struct Rows : std::vector<Row> {
  void clear() noexcept { forget(*this); }
};

double number_of(PyObject* o) {
  const double v = PyFloat_AsDouble(o);
  if (v == -1.0 && PyErr_Occurred()) throw PythonError{};
  return v;
}

void read_rows(Rows& rows, const char* op, std::initializer_list<const py::object*> given, const py::object& lr,
               const py::object& decay) {
  const Items rates(op, lr), decays(op, decay);
  std::optional<Items> columns[4];
  int count = 0;
  for (const py::object* c : given) columns[count++].emplace(op, *c);
  const size_t n = columns[0]->size();
  for (int k = 1; k < count; ++k) {
    if (columns[k]->size() != n)
      fail(ErrorKind::Value, op, ": ", n, " parameters but ", columns[k]->size(), " gradients or states.");
  }
  if (rates.size() != n || decays.size() != n) {
    fail(ErrorKind::Value, op, ": ", n, " parameters but ", rates.size(), " learning rates and ", decays.size(),
         " weight decays.");
  }
  rows.resize(n);
  // Numbers first: reading one may run Python code, which may change the tensors.
  for (size_t i = 0; i < n; ++i) {
    rows[i].rate = number_of(rates[i]);
    rows[i].decay = number_of(decays[i]);
  }
  for (size_t i = 0; i < n; ++i) {
    Row& r = rows[i];
    for (int k = 0; k < count; ++k) {
      PyObject* o = (*columns[k])[i];
      if (!is_tensor(o))
        fail(ErrorKind::Type, op, ": the ", kRoles[r.count], " ", i, " must be a Tensor, got ", Py_TYPE(o)->tp_name,
             ".");
      r.cells[r.count++] = Owned::copy(o);
    }
    const Tensor& p = value_of(r.cells[0].get());
    if (p.dtype() != DType::Float32 && p.dtype() != DType::Float64 && size_of(p.dtype()) != 2) {
      fail(ErrorKind::Type, op, ": parameter ", i, " must be of a float dtype, got ", name_of(p.dtype()), ".");
    }
    for (int k = 1; k < r.count; ++k) {
      const Tensor& t = value_of(r.cells[k].get());
      if (!(t.shape() == p.shape())) {
        fail(ErrorKind::Value, op, ": the ", kRoles[k], " of parameter ", i, " has shape ", to_string(t.shape()),
             ", the parameter ", to_string(p.shape()), ".");
      }
    }
    r.gradient = as_contiguous(value_of(r.cells[1].get()), storage_of(compute_of(p.dtype())));
  }
}

/// The elements of a cell for an update: in place where nobody else holds them, else of a copy; put back by commit().
class Writable {
 public:
  Writable(PyObject* cell, DType storage) : cell_(cell) {
    const Tensor& held = value_of(cell);
    dtype_ = held.dtype();
    in_place_ = !context().cells && held.dtype() == storage && held.exclusively_owned();
    if (in_place_) return;
    copy_ = Tensor(held.shape(), storage);
    copy_to(held, copy_.mutable_data(), storage);
  }
  template <class T>
  T* data() {
    return (in_place_ ? own_value(cell_) : copy_).mutable_data_as<T>();
  }
  void commit() {
    // A constant from here on: a step is not differentiated. assign() tells the live tape, if any.
    assign(cell_, in_place_ ? value_of(cell_).detached() : as_contiguous(copy_, dtype_));
  }

 private:
  PyObject* cell_;
  DType dtype_;
  bool in_place_;
  Tensor copy_;
};

/// Calls step(kernels, p, g, states...) for every row in its compute type.
template <int States, class Step>
void update(const char* op, std::initializer_list<const py::object*> columns, const py::object& lr,
            const py::object& decay, Step step) {
  const Reused<Rows> rows;
  read_rows(*rows, op, columns, lr, decay);
  for (const Row& r : *rows) {
    const Tensor& g = r.gradient;
    auto run = [&]<class T>(const OptimizerKernels<T>& k, DType storage) {
      Writable p(r.cells[0].get(), storage);
      if constexpr (States == 0) {
        step(k, r, p.data<T>(), g.data_as<T>(), static_cast<T*>(nullptr), static_cast<T*>(nullptr), g.size());
      } else if constexpr (States == 1) {
        Writable a(r.cells[2].get(), storage);
        step(k, r, p.data<T>(), g.data_as<T>(), a.data<T>(), static_cast<T*>(nullptr), g.size());
        a.commit();
      } else {
        Writable a(r.cells[2].get(), storage), b(r.cells[3].get(), storage);
        step(k, r, p.data<T>(), g.data_as<T>(), a.data<T>(), b.data<T>(), g.size());
        a.commit();
        b.commit();
      }
      p.commit();
    };
    if (g.dtype() == DType::Float64) {
      run(kernels().optim_f64, DType::Float64);
    } else {
      run(kernels().optim_f32, DType::Float32);
    }
  }
}

void sgd(const py::object& params, const py::object& grads, const py::object& accums, const py::object& lr,
         double momentum, double dampening, const py::object& decay, bool nesterov, bool first) {
  auto step = [&]<class T>(const OptimizerKernels<T>& k, const Row& r, T* p, const T* g, T* a, T*, int64_t n) {
    k.sgd(p, g, a, n, static_cast<T>(r.rate), static_cast<T>(momentum), static_cast<T>(dampening),
          static_cast<T>(r.decay), nesterov, first);
  };
  if (accums.is_none()) {
    update<0>("SGD", {&params, &grads}, lr, decay, step);
  } else {
    update<1>("SGD", {&params, &grads, &accums}, lr, decay, step);
  }
}

void momentum_step(const py::object& params, const py::object& grads, const py::object& accums, const py::object& lr,
                   double momentum, const py::object& decay, bool nesterov) {
  update<1>("Momentum", {&params, &grads, &accums}, lr, decay,
            [&]<class T>(const OptimizerKernels<T>& k, const Row& r, T* p, const T* g, T* a, T*, int64_t n) {
              k.momentum(p, g, a, n, static_cast<T>(r.rate), static_cast<T>(momentum), static_cast<T>(r.decay),
                         nesterov);
            });
}

void adam(const py::object& params, const py::object& grads, const py::object& m, const py::object& v,
          const py::object& lr, double beta1, double beta2, double eps, const py::object& decay, bool nesterov) {
  update<2>("Adam", {&params, &grads, &m, &v}, lr, decay,
            [&]<class T>(const OptimizerKernels<T>& k, const Row& r, T* p, const T* g, T* a, T* b, int64_t n) {
              k.adam(p, g, a, b, n, static_cast<T>(r.rate), static_cast<T>(beta1), static_cast<T>(beta2),
                     static_cast<T>(eps), static_cast<T>(r.decay), nesterov);
            });
}

void adam_weight_decay(const py::object& params, const py::object& grads, const py::object& m, const py::object& v,
                       const py::object& lr, double beta1, double beta2, double eps, const py::object& decay) {
  update<2>("AdamWeightDecay", {&params, &grads, &m, &v}, lr, decay,
            [&]<class T>(const OptimizerKernels<T>& k, const Row& r, T* p, const T* g, T* a, T* b, int64_t n) {
              k.adam_weight_decay(p, g, a, b, n, static_cast<T>(r.rate), static_cast<T>(beta1), static_cast<T>(beta2),
                                  static_cast<T>(eps), static_cast<T>(r.decay));
            });
}

}  // namespace

void bind_optimizers(py::module_& m) {
  m.def("sgd_update", sgd, py::arg("params"), py::arg("grads"), py::arg("accums"), py::arg("lr"), py::arg("momentum"),
        py::arg("dampening"), py::arg("weight_decay"), py::arg("nesterov"), py::arg("first"));
  m.def("momentum_update", momentum_step, py::arg("params"), py::arg("grads"), py::arg("accums"), py::arg("lr"),
        py::arg("momentum"), py::arg("weight_decay"), py::arg("nesterov"));
  m.def("adam_update", adam, py::arg("params"), py::arg("grads"), py::arg("m"), py::arg("v"), py::arg("lr_t"),
        py::arg("beta1"), py::arg("beta2"), py::arg("eps"), py::arg("weight_decay"), py::arg("nesterov"));
  m.def("adam_weight_decay_update", adam_weight_decay, py::arg("params"), py::arg("grads"), py::arg("m"), py::arg("v"),
        py::arg("lr"), py::arg("beta1"), py::arg("beta2"), py::arg("eps"), py::arg("weight_decay"));
}

}  // namespace adcore::python
