// What the outside sees of an op: a function with a signature, and the arguments that a call brings.
//
// From a row come the function of adcore.ops, the Tensor method, the text signature, the docstring, the type stub and
// the samples that the tests walk. Rows of formulas.h make their own; the others stand at the end of the files of this
// folder.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "kernels/formulas.h"

namespace adcore {

/// The arguments of one call, converted when asked for. A conversion that fails names the op and the parameter.
class Args {
 public:
  /// Parameter i was passed and is not None.
  virtual bool given(int i) = 0;
  virtual const Tensor& tensor(int i) = 0;
  virtual bool is_tensor(int i) = 0;
  virtual bool is_integer(int i) = 0;
  virtual bool is_bool(int i) = 0;
  virtual int64_t integer(int i) = 0;
  virtual double real(int i) = 0;
  virtual bool flag(int i) = 0;
  virtual std::string_view word(int i) = 0;
  /// An int or a sequence of ints; empty where not given.
  virtual Dims dims(int i) = 0;
  virtual DType dtype(int i) = 0;
  virtual const std::vector<Tensor>& tensors(int i) = 0;

 protected:
  ~Args() = default;
};

/// Signature: "name(parameter: kind = default, *, keyword: kind = default)". Kinds: Tensor, Number (tensor or number),
/// int, float, bool, str, dims (int or sequence of ints), dims... (or the remaining positional arguments), dtype,
/// Tensors (a sequence). A default of None makes a parameter optional.
struct Function {
  const char* signature;
  const char* summary;
  Example example;
  Tensor (*one)(Args&) = nullptr;
  std::vector<Tensor> (*many)(Args&) = nullptr;  // exactly one of the two is set
  bool method = true;                            // also a method of Tensor

  std::string_view name() const {
    const std::string_view s = signature;
    return s.substr(0, s.find('('));
  }
};

/// All functions but those of formulas.h.
std::vector<const Function*> function_table();

extern const std::span<const Function> kShapeFunctions, kReduceFunctions, kSoftmaxFunctions, kLossFunctions,
    kMatmulFunctions, kIndexFunctions, kCreateFunctions;

}  // namespace adcore
