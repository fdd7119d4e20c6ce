// The index space of the output is merged to as few axes as the strides allow; its inner axis is cut into rows, rows
// into blocks. Start reading at run_blocks().
#include "ops/drive.h"

#include <algorithm>
#include <cstdlib>

#include "base/thread_pool.h"

namespace adcore {
namespace {

constexpr int64_t kBlock = 512;  // elements that are converted at a time; 4 KB of stack per operand

struct Lane {
  const Tensor* tensor = nullptr;  // null: not needed
  Dims strides;                    // in the (merged) index space
};

/// The index space of the output with neighbouring axes merged wherever no operand minds.
struct Space {
  Dims shape;
  Lane lanes[kMaxLanes];
  int count = 0;
};

Dims broadcast_strides(const Tensor& t, const Dims& shape) {
  Dims strides(shape.size(), 0);
  const int skip = shape.size() - t.rank();
  for (int i = 0; i < t.rank(); ++i) strides[i + skip] = t.shape()[i] == 1 ? 0 : t.strides()[i];
  return strides;
}

void merge_axes(Space& s) {
  int last = -1;  // the axis of the merged space that is being extended
  for (int axis = 0; axis < s.shape.size(); ++axis) {
    const int64_t size = s.shape[axis];
    if (size == 1) continue;
    bool mergeable = last >= 0;
    for (int k = 0; k < s.count && mergeable; ++k) {
      if (s.lanes[k].tensor) mergeable = s.lanes[k].strides[last] == s.lanes[k].strides[axis] * size;
    }
    if (mergeable) {
      s.shape[last] *= size;
    } else {
      s.shape[++last] = size;
    }
    for (int k = 0; k < s.count; ++k)
      if (s.lanes[k].tensor) s.lanes[k].strides[last] = s.lanes[k].strides[axis];
  }
  const auto cut = [last](Dims& d) {
    while (d.size() > last + 1) d.erase(d.size() - 1);
  };
  cut(s.shape);
  for (int k = 0; k < s.count; ++k) cut(s.lanes[k].strides);
  if (s.shape.empty()) {
    s.shape.push_back(1);
    for (int k = 0; k < s.count; ++k)
      if (s.lanes[k].tensor) s.lanes[k].strides = Dims{0};
  }
}

const std::byte* at(const Tensor& t, int64_t offset) {
  return static_cast<const std::byte*>(t.data()) + offset * static_cast<int64_t>(size_of(t.dtype()));
}

/// Runs one row of the inner axis, [0, n), block by block.
class RowRunner {
 public:
  RowRunner(const Space& s, Compute compute, DType block_out, DType out_dtype, BlockFn fn)
      : s_(s), compute_(compute), block_out_(block_out), out_dtype_(out_dtype), fn_(fn) {
    for (int k = 0; k < s.count; ++k) converts_ |= s.lanes[k].tensor && !direct(k);
    converts_ |= out_dtype != block_out;
  }

  void run(const int64_t* offsets, std::byte* out, int64_t n) {
    const int64_t step = converts_ ? kBlock : n;
    for (int64_t i = 0; i < n; i += step) block(offsets, i, out, std::min(step, n - i));
  }

 private:
  int64_t inner(int k) const { return s_.lanes[k].strides.back(); }
  /// The kernel can read lane k where it lies.
  bool direct(int k) const {
    const int64_t stride = inner(k);
    return s_.lanes[k].tensor->dtype() == storage_of(compute_) && (stride == 1 || stride == 0);
  }
  std::byte* slab(int k) { return scratch_ + k * kBlock * 8; }

  void block(const int64_t* offsets, int64_t i, std::byte* out, int64_t n) {
    const void* in[kMaxLanes] = {};
    uint32_t scalars = 0;
    for (int k = 0; k < s_.count; ++k) {
      const Tensor* t = s_.lanes[k].tensor;
      if (!t) continue;
      const int64_t stride = inner(k);
      const std::byte* p = at(*t, offsets[k] + i * stride);
      if (stride == 0) scalars |= 1u << k;
      if (!direct(k)) {
        kernels().load_block(p, stride, t->dtype(), compute_, slab(k), stride == 0 ? 1 : n);
        p = slab(k);
      }
      in[k] = p;
    }
    std::byte* dst = out + i * static_cast<int64_t>(size_of(out_dtype_));
    if (out_dtype_ == block_out_) {
      fn_(in, dst, n, scalars);
    } else {
      fn_(in, slab(kMaxLanes), n, scalars);
      kernels().store_block(slab(kMaxLanes), compute_, dst, out_dtype_, n);
    }
  }

  const Space& s_;
  Compute compute_;
  DType block_out_, out_dtype_;
  BlockFn fn_;
  bool converts_ = false;
  alignas(64) std::byte scratch_[kBlock * 8 * (kMaxLanes + 1)];
};

/// Neighbours along the inner axis lie further apart than along another one: read by rows, every element would cost a
/// cache line.
bool is_turned(const Tensor& t) {
  int64_t inner = 0;
  for (int i = t.rank() - 1; i >= 0; --i) {
    const int64_t stride = std::abs(t.strides()[i]);
    if (t.shape()[i] == 1 || stride == 0) continue;
    if (inner == 0) inner = stride;
    if (stride < inner) return true;
  }
  return false;
}

/// Calls fn on blocks that cover `out` (contiguous). block_out: what fn writes, the storage type of compute or Bool.
void drive(const Tensor* const* operands, int count, Tensor& out, Compute compute, DType block_out, BlockFn fn) {
  if (out.size() == 0) return;
  constexpr int64_t kTurnFrom = 4096;  // elements: fewer stay in the cache however they are read
  Space s;
  s.shape = out.shape();
  s.count = count;
  Tensor turned[kMaxLanes];
  for (int k = 0; k < count; ++k) {
    const Tensor* t = operands[k];
    if (!t) continue;
    if (t->size() >= kTurnFrom && is_turned(*t)) t = &(turned[k] = as_contiguous(*t));
    s.lanes[k] = {t, broadcast_strides(*t, out.shape())};
  }
  merge_axes(s);
  const int64_t n = s.shape.back();
  const int64_t rows = out.size() / n;
  const auto out_size = static_cast<int64_t>(size_of(out.dtype()));
  auto* const base = static_cast<std::byte*>(out.mutable_data());

  // A chunk is a range of rows, or of one long row.
  const int64_t pieces = std::max<int64_t>(1, n / kChunkElements);
  const int64_t piece = (n + pieces - 1) / pieces;
  const int64_t rows_per_chunk = pieces > 1 ? 1 : std::max<int64_t>(1, kChunkElements / n);
  const int64_t chunks = pieces * ((rows + rows_per_chunk - 1) / rows_per_chunk);
  auto run_chunk = [&](int64_t chunk) {
    RowRunner runner(s, compute, block_out, out.dtype(), fn);
    const int64_t first = chunk / pieces * rows_per_chunk, begin = chunk % pieces * piece;
    const int64_t last = std::min(rows, first + rows_per_chunk), length = std::min(piece, n - begin);
    int64_t index[kMaxRank] = {}, offsets[kMaxLanes] = {};
    int64_t rest = first;
    for (int axis = s.shape.size() - 2; axis >= 0; --axis) {
      index[axis] = rest % s.shape[axis];
      rest /= s.shape[axis];
      for (int k = 0; k < count; ++k)
        if (s.lanes[k].tensor) offsets[k] += index[axis] * s.lanes[k].strides[axis];
    }
    for (int k = 0; k < count; ++k)
      if (s.lanes[k].tensor) offsets[k] += begin * s.lanes[k].strides.back();
    for (int64_t row = first; row < last; ++row) {
      runner.run(offsets, base + (row * n + begin) * out_size, length);
      for (int axis = s.shape.size() - 2; axis >= 0; --axis) {
        const bool carry = ++index[axis] == s.shape[axis];
        for (int k = 0; k < count; ++k) {
          if (!s.lanes[k].tensor) continue;
          const int64_t stride = s.lanes[k].strides[axis];
          offsets[k] += carry ? -stride * (s.shape[axis] - 1) : stride;
        }
        if (!carry) break;
        index[axis] = 0;
      }
    }
  };
  if (chunks == 1) {
    run_chunk(0);
  } else {
    parallel_for(chunks, run_chunk);
  }
}

/// The common case: every operand is a contiguous array like the output or one element, of the computing type.
bool all_direct(const Tensor* const* operands, int count, const Tensor& out, Compute compute, const void** in,
                uint32_t& scalars) {
  for (int k = 0; k < count; ++k) {
    const Tensor* t = operands[k];
    if (!t) continue;
    if (t->dtype() != storage_of(compute)) return false;
    if (t->size() == 1 && out.size() != 1) {
      scalars |= 1u << k;
    } else if (!t->contiguous() || t->size() != out.size()) {
      return false;
    }
    in[k] = t->data();
  }
  return out.size() < kChunkElements;
}

}  // namespace

void run_blocks(const Tensor* const* operands, int count, Tensor& out, Compute compute, DType block_out, BlockFn fn) {
  const void* in[kMaxLanes] = {};
  uint32_t scalars = 0;
  if (out.dtype() == block_out && all_direct(operands, count, out, compute, in, scalars)) {
    fn(in, out.mutable_data(), out.size(), scalars);
  } else {
    drive(operands, count, out, compute, block_out, fn);
  }
}

}  // namespace adcore
