// Optimizer steps over all parameters in one call. Every argument is checked before any parameter changes.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "python/bindings.h"
#include "python/object.h"

namespace py = pybind11;

namespace adcore::python {
namespace {

using Objects = std::vector<py::object>;

const char* const kRoles[] = {"parameter", "gradient", "state", "state"};

/// One parameter's tensors: its own, then gradient and states; of one shape, state in the parameter's float dtype.
struct Row {
  PyObject* cells[4] = {};
  int count = 0;
  Tensor gradient;  // contiguous, of the parameter's dtype
};

std::vector<Row> rows_of(const char* op, std::initializer_list<const Objects*> columns, size_t rates, size_t decays) {
  const size_t n = (*columns.begin())->size();
  for (const Objects* c : columns) {
    if (c->size() != n) fail(ErrorKind::Value, op, ": ", n, " parameters but ", c->size(), " gradients or states.");
  }
  if (rates != n || decays != n)
    fail(ErrorKind::Value, op, ": ", n, " parameters but ", rates, " learning rates and ", decays, " weight decays.");
  std::vector<Row> rows(n);
  for (size_t i = 0; i < n; ++i) {
    Row& r = rows[i];
    for (const Objects* c : columns) {
      PyObject* o = (*c)[i].ptr();
      if (!is_tensor(o))
        fail(ErrorKind::Type, op, ": the ", kRoles[r.count], " ", i, " must be a Tensor, got ", Py_TYPE(o)->tp_name,
             ".");
      r.cells[r.count++] = o;
    }
    const Tensor& p = value_of(r.cells[0]);
    if (p.dtype() != DType::Float32 && p.dtype() != DType::Float64 && size_of(p.dtype()) != 2) {
      fail(ErrorKind::Type, op, ": parameter ", i, " must be of a float dtype, got ", name_of(p.dtype()), ".");
    }
    for (int k = 1; k < r.count; ++k) {
      const Tensor& t = value_of(r.cells[k]);
      if (!(t.shape() == p.shape())) {
        fail(ErrorKind::Value, op, ": the ", kRoles[k], " of parameter ", i, " has shape ", to_string(t.shape()),
             ", the parameter ", to_string(p.shape()), ".");
      }
    }
    r.gradient = as_contiguous(value_of(r.cells[1]), storage_of(compute_of(p.dtype())));
  }
  return rows;
}

/// The elements of a cell for an update: in place where nobody else holds them, else of a copy; put back by commit().
class Writable {
 public:
  Writable(PyObject* cell, DType storage) : cell_(cell) {
    Tensor& held = value_of(cell);
    dtype_ = held.dtype();
    in_place_ = held.dtype() == storage && held.exclusively_owned();
    if (in_place_) return;
    copy_ = Tensor(held.shape(), storage);
    copy_to(held, copy_.mutable_data(), storage);
  }
  template <class T>
  T* data() {
    return (in_place_ ? value_of(cell_) : copy_).mutable_data_as<T>();
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
void update(const std::vector<Row>& rows, Step step) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& r = rows[i];
    const Tensor& g = r.gradient;
    auto run = [&]<class T>(const OptimizerKernels<T>& k, DType storage) {
      Writable p(r.cells[0], storage);
      if constexpr (States == 0) {
        step(k, i, p.data<T>(), g.data_as<T>(), static_cast<T*>(nullptr), static_cast<T*>(nullptr), g.size());
      } else if constexpr (States == 1) {
        Writable a(r.cells[2], storage);
        step(k, i, p.data<T>(), g.data_as<T>(), a.data<T>(), static_cast<T*>(nullptr), g.size());
        a.commit();
      } else {
        Writable a(r.cells[2], storage), b(r.cells[3], storage);
        step(k, i, p.data<T>(), g.data_as<T>(), a.data<T>(), b.data<T>(), g.size());
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

void sgd(const Objects& params, const Objects& grads, const std::optional<Objects>& accums,
         const std::vector<double>& lr, double momentum, double dampening, const std::vector<double>& decay,
         bool nesterov, bool first) {
  auto step = [&]<class T>(const OptimizerKernels<T>& k, size_t i, T* p, const T* g, T* a, T*, int64_t n) {
    k.sgd(p, g, a, n, static_cast<T>(lr[i]), static_cast<T>(momentum), static_cast<T>(dampening),
          static_cast<T>(decay[i]), nesterov, first);
  };
  if (accums) {
    update<1>(rows_of("SGD", {&params, &grads, &*accums}, lr.size(), decay.size()), step);
  } else {
    update<0>(rows_of("SGD", {&params, &grads}, lr.size(), decay.size()), step);
  }
}

void momentum_step(const Objects& params, const Objects& grads, const Objects& accums, const std::vector<double>& lr,
                   double momentum, const std::vector<double>& decay, bool nesterov) {
  update<1>(rows_of("Momentum", {&params, &grads, &accums}, lr.size(), decay.size()),
            [&]<class T>(const OptimizerKernels<T>& k, size_t i, T* p, const T* g, T* a, T*, int64_t n) {
              k.momentum(p, g, a, n, static_cast<T>(lr[i]), static_cast<T>(momentum), static_cast<T>(decay[i]),
                         nesterov);
            });
}

void adam(const Objects& params, const Objects& grads, const Objects& m, const Objects& v,
          const std::vector<double>& lr, double beta1, double beta2, double eps, const std::vector<double>& decay,
          bool nesterov) {
  update<2>(rows_of("Adam", {&params, &grads, &m, &v}, lr.size(), decay.size()),
            [&]<class T>(const OptimizerKernels<T>& k, size_t i, T* p, const T* g, T* a, T* b, int64_t n) {
              k.adam(p, g, a, b, n, static_cast<T>(lr[i]), static_cast<T>(beta1), static_cast<T>(beta2),
                     static_cast<T>(eps), static_cast<T>(decay[i]), nesterov);
            });
}

void adam_weight_decay(const Objects& params, const Objects& grads, const Objects& m, const Objects& v,
                       const std::vector<double>& lr, double beta1, double beta2, double eps,
                       const std::vector<double>& decay) {
  update<2>(rows_of("AdamWeightDecay", {&params, &grads, &m, &v}, lr.size(), decay.size()),
            [&]<class T>(const OptimizerKernels<T>& k, size_t i, T* p, const T* g, T* a, T* b, int64_t n) {
              k.adam_weight_decay(p, g, a, b, n, static_cast<T>(lr[i]), static_cast<T>(beta1), static_cast<T>(beta2),
                                  static_cast<T>(eps), static_cast<T>(decay[i]));
            });
}

}  // namespace

void bind_optimizers(py::module_& m) {
  m.def("sgd_update", sgd, py::arg("params"), py::arg("grads"), py::arg("accums").none(true), py::arg("lr"),
        py::arg("momentum"), py::arg("dampening"), py::arg("weight_decay"), py::arg("nesterov"), py::arg("first"));
  m.def("momentum_update", momentum_step, py::arg("params"), py::arg("grads"), py::arg("accums"), py::arg("lr"),
        py::arg("momentum"), py::arg("weight_decay"), py::arg("nesterov"));
  m.def("adam_update", adam, py::arg("params"), py::arg("grads"), py::arg("m"), py::arg("v"), py::arg("lr_t"),
        py::arg("beta1"), py::arg("beta2"), py::arg("eps"), py::arg("weight_decay"), py::arg("nesterov"));
  m.def("adam_weight_decay_update", adam_weight_decay, py::arg("params"), py::arg("grads"), py::arg("m"), py::arg("v"),
        py::arg("lr"), py::arg("beta1"), py::arg("beta2"), py::arg("eps"), py::arg("weight_decay"));
}

}  // namespace adcore::python
