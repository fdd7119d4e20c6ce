// What the ops of matrices are made of; the ops are in linalg.cpp and spectral.cpp.
//
// An op of matrices is told by its shapes, by what it does with one matrix (each_matrix runs it over the batch, several
// members at once where that pays), and by its reverse rule, which is written with ops; matrix_op() adds what is
// common: the batch rule, tangents by transposing the rule. Operands and outputs of one call have the same leading
// axes, and are float32 or float64: functions broadcast, and compute half precision in float32.
//
// Start reading at each_matrix().
#pragma once

#include <algorithm>
#include <exception>
#include <mutex>

#include "base/thread_pool.h"
#include "core/pullback.h"
#include "ops/accept.h"
#include "ops/functions.h"
#include "ops/rules.h"

namespace adcore::matrix {

// ---- shapes -------------------------------------------------------------------------------------------------------

inline int64_t rows_of(const Tensor& x) { return x.shape()[x.rank() - 2]; }
inline int64_t columns_of(const Tensor& x) { return x.shape()[x.rank() - 1]; }

/// The leading axes of x, and a matrix or, with columns < 0, a vector behind them; with rows < 0 nothing.
inline Dims behind_batch(const Tensor& x, int64_t rows = -1, int64_t columns = -1) {
  Dims shape = x.shape();
  for (int i = 0; i < 2; ++i) shape.erase(shape.size() - 1);
  if (rows >= 0) shape.push_back(rows);
  if (columns >= 0) shape.push_back(columns);
  return shape;
}

inline void require_matrix(const char* op, const Tensor& x) {
  if (x.rank() < 2)
    fail(ErrorKind::Value, op, ": needs a matrix or a batch of matrices, got the shape ", to_string(x.shape()), ".");
}

inline void require_square(const char* op, const Tensor& x) {
  require_matrix(op, x);
  if (rows_of(x) != columns_of(x))
    fail(ErrorKind::Value, op, ": needs square matrices, got the shape ", to_string(x.shape()), ".");
}

/// What the ops ask of a call from a file.
inline bool is_matrix(const Tensor& x) { return x.rank() >= 2 && is_float(x.dtype()); }
inline bool is_square(const Tensor& x) { return is_matrix(x) && rows_of(x) == columns_of(x); }
inline bool matrix_accepts(const Call& call) { return has_none(call, 1) && is_matrix(call.in(0)); }
inline bool square_accepts(const Call& call) { return has_none(call, 1) && is_square(call.in(0)); }
/// A matrix, its factors and exchanges of rows.
inline bool are_factors(const Call& call) {
  const Tensor &a = call.in(0), &lu = call.in(1), &pivots = call.in(2);
  return is_square(a) && lu.shape() == a.shape() && lu.dtype() == a.dtype() && pivots.dtype() == DType::Int64 &&
         pivots.shape() == behind_batch(a, rows_of(a));
}
inline int64_t row_bound(const Call& call) { return rows_of(call.in(0)); }
inline bool factored_accepts(const Call& call) { return has_none(call, 3) && are_factors(call); }
/// Columns for each member.
inline bool are_columns(const Tensor& b, const Tensor& a) {
  return is_matrix(b) && b.dtype() == a.dtype() && b.shape() == behind_batch(a, rows_of(a), columns_of(b));
}

// ---- one matrix after the other -----------------------------------------------------------------------------------

/// What is wrong with a matrix.
enum class Fault : int { None, Singular, NotPositive, NotFinite, NoConvergence };

[[noreturn]] void report(const char* op, Fault fault, int64_t member, const Dims& batch);

/// The operands and outputs of one member, contiguous; an output that is not asked for is null.
struct Member {
  const void* in[4];
  void* out[3];

  template <class T>
  const T* operand(int k) const {
    return static_cast<const T*>(in[k]);
  }
  template <class T>
  T* output(int j) const {
    return static_cast<T*>(out[j]);
  }
};

constexpr int64_t kChunkWork = 1 << 17;  // elementary operations that are worth a thread

/// Floats are computed in T. fn(member) is a Fault; the first faulty member is reported. `work`: of one member.
template <class T, class Fn>
inline void each_matrix(Call& call, const char* op, int64_t work, const Fn& fn) {
  constexpr DType kType = sizeof(T) == 4 ? DType::Float32 : DType::Float64;
  const Dims batch = behind_batch(call.in(0));
  const int64_t count = numel(batch);
  if (count == 0) return;
  Tensor held[4], made[3];
  Member first{};
  int64_t in_step[4] = {}, out_step[3] = {};  // bytes
  for (int k = 0; k < call.count; ++k) {
    held[k] = as_contiguous(call.in(k), is_float(call.in(k).dtype()) ? kType : call.in(k).dtype());
    first.in[k] = held[k].data();
    in_step[k] = held[k].size() / count * static_cast<int64_t>(size_of(held[k].dtype()));
  }
  for (int j = 0; j < call.op.outputs; ++j) {
    if (!call.wants(j)) continue;
    made[j] = call.out[j];
    if (is_float(made[j].dtype()) && made[j].dtype() != kType) made[j] = Tensor(call.out[j].shape(), kType);
    first.out[j] = made[j].mutable_data();
    out_step[j] = made[j].size() / count * static_cast<int64_t>(size_of(made[j].dtype()));
  }
  const auto member = [&](int64_t i) {
    Member m{};
    for (int k = 0; k < call.count; ++k) m.in[k] = static_cast<const std::byte*>(first.in[k]) + i * in_step[k];
    for (int j = 0; j < call.op.outputs; ++j)
      if (first.out[j]) m.out[j] = static_cast<std::byte*>(first.out[j]) + i * out_step[j];
    return m;
  };
  int64_t faulty = count;
  Fault fault = Fault::None;
  const int64_t together = std::max<int64_t>(1, kChunkWork / std::max<int64_t>(1, work));
  if (together >= count) {
    for (int64_t i = 0; i < count && fault == Fault::None; ++i) {
      fault = fn(member(i));
      faulty = i;
    }
  } else if (count == 1) {
    fault = fn(first);
    faulty = 0;
  } else {
    std::mutex mutex;  // of what went wrong
    std::exception_ptr thrown;
    parallel_for((count + together - 1) / together, [&](int64_t chunk) {
      try {
        for (int64_t i = chunk * together; i < std::min(count, (chunk + 1) * together); ++i) {
          const Fault found = fn(member(i));
          if (found == Fault::None) continue;
          const std::lock_guard lock(mutex);
          if (i < faulty) {
            faulty = i;
            fault = found;
          }
          return;
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        thrown = std::current_exception();
      }
    });
    if (thrown) std::rethrow_exception(thrown);
  }
  if (fault != Fault::None) report(op, fault, faulty, batch);
  for (int j = 0; j < call.op.outputs; ++j)
    if (first.out[j] && made[j].dtype() != call.out[j].dtype())
      copy_to(made[j], call.out[j].mutable_data(), call.out[j].dtype());
}

/// The same in the type of operand 0: fn(member, T()).
template <class Fn>
inline void each_in_its_type(Call& call, const char* op, int64_t work, const Fn& fn) {
  if (call.in(0).dtype() == DType::Float32) {
    each_matrix<float>(call, op, work, [&](const Member& m) { return fn(m, float()); });
  } else {
    each_matrix<double>(call, op, work, [&](const Member& m) { return fn(m, double()); });
  }
}

inline int64_t cubic_work(const Call& call) {
  const Tensor& a = call.in(0);
  return a.size() * std::min(rows_of(a), columns_of(a));
}
/// Of one member.
inline int64_t member_work(const Call& call) {
  const Tensor& a = call.in(0);
  return rows_of(a) * columns_of(a) * std::min(rows_of(a), columns_of(a));
}

/// The members of a vmap are one more leading axis.
void matrix_batch(Batching& b);

/// What all ops of matrices have in common; the caller sets the rest.
constexpr Op matrix_op(Op op) {
  op.batch = matrix_batch;
  if (!op.work) op.work = cubic_work;
  return op;
}

inline void square_infer(Call& call) { call.out->set_shape(call.in(0).shape(), call.in(0).dtype()); }

constexpr uint32_t kTwoOutputs = needs_output(0) | needs_output(1);

// ---- what rules are written with ----------------------------------------------------------------------------------

inline Tensor turned(const Tensor& x) { return swap_axes(x, -1, -2); }

/// n x n: one number on the diagonal, one above and one below.
Tensor pattern(int64_t n, double below, double diagonal, double above, const Tensor& like);
inline Tensor identity(int64_t n, const Tensor& like) { return pattern(n, 0, 1, 0, like); }
/// The identity for each member of a batch.
inline Tensor identities(const Tensor& like) {
  const int64_t n = columns_of(like);
  return broadcast_to(identity(n, like), behind_batch(like, n, n));
}

/// x times diag(d), and diag(d) times x.
inline Tensor scale_columns(const Tensor& x, const Tensor& d) { return x * expand_dims(d, -2); }
inline Tensor scale_rows(const Tensor& d, const Tensor& x) { return expand_dims(d, -1) * x; }
inline Tensor diagonal_matrix(const Tensor& d) { return scale_rows(d, identity(d.shape().back(), d)); }
/// One number for each member, beside its matrix.
inline Tensor beside_matrix(const Tensor& x) { return expand_dims(expand_dims(x, -1), -1); }
inline Tensor symmetric_part(const Tensor& x) { return (x + turned(x)) * 0.5; }
/// d[i, j] = v[j] - v[i], and 1 where i = j.
inline Tensor gaps(const Tensor& v) { return expand_dims(v, -2) - expand_dims(v, -1) + identity(v.shape().back(), v); }
inline Tensor add(const Tensor& sum, Tensor term) { return sum.defined() ? sum + term : term; }

// ---- precision ----------------------------------------------------------------------------------------------------

/// The type that an operand is computed in.
inline DType wide_dtype(const Tensor& x) { return x.dtype() == DType::Float64 ? DType::Float64 : DType::Float32; }
inline Tensor wide(const Tensor& x) { return cast(x, wide_dtype(x)); }
/// Half precision is rounded once, in the end.
inline Tensor rounded(Tensor y, const Tensor& like) {
  return is_float(like.dtype()) && like.dtype() != y.dtype() ? cast(y, like.dtype()) : y;
}

}  // namespace adcore::matrix
