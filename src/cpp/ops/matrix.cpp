// See matrix.h.
#include "ops/matrix.h"

namespace adcore::matrix {
namespace {

constexpr const char* kFaults[] = {"", "is singular", "is not positive definite", "has elements that are not finite",
                                   "is one for which the iteration does not converge"};

template <class T>
void fill_pattern(Tensor& t, int64_t n, double below, double diagonal, double above) {
  T* row = t.mutable_data_as<T>();
  for (int64_t i = 0; i < n; ++i, row += n) {
    std::fill_n(row, i, static_cast<T>(below));
    row[i] = static_cast<T>(diagonal);
    std::fill_n(row + i + 1, n - i - 1, static_cast<T>(above));
  }
}
}  // namespace

void report(const char* op, Fault fault, int64_t member, const Dims& batch) {
  std::string where;
  if (batch.size() == 1) where = text(" (member ", member, " of the batch)");
  if (batch.size() > 1) {
    Dims index = batch;
    for (int axis = batch.size() - 1; axis >= 0; --axis) {
      index[axis] = member % batch[axis];
      member /= batch[axis];
    }
    where = text(" (member ", to_string(index), " of the batch)");
  }
  fail(ErrorKind::Value, op, ": the matrix ", kFaults[static_cast<int>(fault)], where, ".");
}

void matrix_batch(Batching& b) {
  for (int k = 0; k < b.count(); ++k) {
    Batching::Member& m = b.members[static_cast<size_t>(k)];
    m.value = b.front(k);
    m.batched = true;
  }
  b.run(b.attrs);
}

Tensor pattern(int64_t n, double below, double diagonal, double above, const Tensor& like) {
  Tensor t(Dims{n, n}, like.dtype());
  like.dtype() == DType::Float32 ? fill_pattern<float>(t, n, below, diagonal, above)
                                 : fill_pattern<double>(t, n, below, diagonal, above);
  return t;
}

}  // namespace adcore::matrix
