// Strided copies with conversion.
//
// An index space is first brought into a normal form (`Space`): no dims of size 1, destination strides positive and
// falling, dims that lie behind each other in both arrays merged. The two innermost dims are a `Plane`; an odometer
// walks the planes. A plane is a stack of rows (contiguous, of one value, or strided), or a transpose, where another
// dim is contiguous in the source, which goes through tiles. Copies within a dtype know only the element size;
// conversions take each row through a block in a compute type (block.cpp).
#include <cstring>
#include <utility>

#include "base/thread_pool.h"
#include "kernels/block.h"

namespace adcore::ADCORE_ISA {
namespace {

constexpr int64_t kChunkBytes = 1 << 20;     // one unit of parallel work
constexpr int64_t kParallelBytes = 4 << 20;  // below this one thread is as fast
constexpr int64_t kBlock = 512;              // elements that a conversion holds at a time
constexpr int64_t kTile = 64;                // edge of a tile of a transpose, in elements

struct Dim {
  int64_t size, src, dst;  // strides in elements
};

struct Space {
  const char* src;
  char* dst;
  DType src_dtype, dst_dtype;
  int rank;
  Dim dim[kMaxRank];  // sizes > 1, outermost first; dst strides fall, but for the outer dim of a transpose
  bool transposed;    // dim[rank - 2] is contiguous in src, dim[rank - 1] in dst
};

struct Plane {
  const char* src;
  char* dst;
  Dim outer, inner;
};

int64_t src_item(const Space& s) { return static_cast<int64_t>(size_of(s.src_dtype)); }
int64_t dst_item(const Space& s) { return static_cast<int64_t>(size_of(s.dst_dtype)); }

// ---- the normal form ----------------------------------------------------------------------------------------------

void add_dim(Space& s, Dim d) {
  if (d.dst < 0) {  // walk it the other way round
    s.src += (d.size - 1) * d.src * src_item(s);
    s.dst += (d.size - 1) * d.dst * dst_item(s);
    d.src = -d.src;
    d.dst = -d.dst;
  }
  int i = s.rank++;
  for (; i > 0 && s.dim[i - 1].dst < d.dst; --i) s.dim[i] = s.dim[i - 1];
  s.dim[i] = d;
}

void merge_dims(Space& s) {
  if (s.rank == 0) return;
  int last = 0;
  for (int i = 1; i < s.rank; ++i) {
    Dim& outer = s.dim[last];
    const Dim inner = s.dim[i];
    if (outer.dst == inner.dst * inner.size && outer.src == inner.src * inner.size) {
      outer = {outer.size * inner.size, inner.src, inner.dst};
    } else {
      s.dim[++last] = inner;
    }
  }
  s.rank = last + 1;
}

/// If the innermost dim is contiguous in dst and jumps in src, looks for the one that is contiguous in src and moves it
/// next.
void find_transpose(Space& s) {
  if (s.rank < 2) return;
  const Dim inner = s.dim[s.rank - 1];
  if (inner.dst != 1 || inner.src == 1 || inner.src == 0) return;
  int found = s.rank - 2;
  while (found >= 0 && s.dim[found].src != 1) --found;
  if (found < 0) return;
  const Dim outer = s.dim[found];
  for (int i = found; i < s.rank - 2; ++i) s.dim[i] = s.dim[i + 1];
  s.dim[s.rank - 2] = outer;
  s.transposed = true;
}

/// False where there is nothing to copy.
bool normalise(const CopyArgs& a, Space& s) {
  s.src = static_cast<const char*>(a.src);
  s.dst = static_cast<char*>(a.dst);
  s.src_dtype = a.src_dtype;
  s.dst_dtype = a.dst_dtype;
  s.rank = 0;
  s.transposed = false;
  for (int i = 0; i < a.rank; ++i) {
    if (a.shape[i] == 0) return false;
  }
  for (int i = 0; i < a.rank; ++i) {
    if (a.shape[i] != 1) add_dim(s, {a.shape[i], a.src_strides[i], a.dst_strides[i]});
  }
  merge_dims(s);
  find_transpose(s);
  return true;
}

// ---- planes of one dtype, by element size -------------------------------------------------------------------------

/// An element that is moved and not looked at.
template <class T>
struct [[gnu::may_alias]] Cell {
  T bits;
};

template <class T>
void copy_row(const Cell<T>* src, int64_t src_stride, Cell<T>* dst, int64_t dst_stride, int64_t n) {
  constexpr int64_t kShortBytes = 64;
  if (dst_stride != 1) {
    for (int64_t i = 0; i < n; ++i) dst[i * dst_stride] = src[i * src_stride];
  } else if (src_stride == 0) {
    const Cell<T> value = *src;
    for (int64_t i = 0; i < n; ++i) dst[i] = value;
  } else if (src_stride == 1 && n * static_cast<int64_t>(sizeof(T)) > kShortBytes) {
    std::memcpy(dst, src, static_cast<size_t>(n) * sizeof(T));
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i] = src[i * src_stride];
  }
}

template <class T>
void copy_rows(const Space&, const Plane& p) {
  const auto* src = reinterpret_cast<const Cell<T>*>(p.src);
  auto* dst = reinterpret_cast<Cell<T>*>(p.dst);
  for (int64_t j = 0; j < p.outer.size; ++j) {
    copy_row(src + j * p.outer.src, p.inner.src, dst + j * p.outer.dst, p.inner.dst, p.inner.size);
  }
}

// AVX2 shuffles cheaply only within 16 bytes; AVX-512 across the register.
constexpr int kSquareBytes = kSimdBytes == 64 ? 64 : 16;

template <class T>
struct Square {
  static constexpr int kLanes = kSquareBytes / sizeof(T);
  typedef T Vec __attribute__((vector_size(kSquareBytes)));
  using Lanes = std::make_index_sequence<kLanes>;

  template <size_t kFirst, size_t... i>
  [[gnu::always_inline]] static Vec interleave(Vec a, Vec b, std::index_sequence<i...>) {
    return __builtin_shufflevector(a, b, (kFirst + i / 2 + i % 2 * kLanes)...);
  }

  /// Row k of dst becomes column k of src. Each of log2(kLanes) stages is a perfect shuffle of the whole square.
  [[gnu::always_inline]] static void transpose(const Cell<T>* src, int64_t src_row, Cell<T>* dst, int64_t dst_row) {
    Vec row[kLanes], next[kLanes];
    for (int i = 0; i < kLanes; ++i) std::memcpy(&row[i], src + i * src_row, sizeof(Vec));
    for (int stage = kLanes; stage > 1; stage /= 2) {
      for (int i = 0; i < kLanes / 2; ++i) {
        next[2 * i] = interleave<0>(row[i], row[i + kLanes / 2], Lanes{});
        next[2 * i + 1] = interleave<kLanes / 2>(row[i], row[i + kLanes / 2], Lanes{});
      }
      for (int i = 0; i < kLanes; ++i) row[i] = next[i];
    }
    for (int i = 0; i < kLanes; ++i) std::memcpy(dst + i * dst_row, &row[i], sizeof(Vec));
  }
};

/// The same as copy_rows for a plane whose outer dim is contiguous in src and whose inner one is in dst.
template <class T>
void transpose_rows(const Space& s, const Plane& p) {
  constexpr int kLanes = Square<T>::kLanes;
  const int64_t rows = p.outer.size / kLanes * kLanes, columns = p.inner.size / kLanes * kLanes;
  const auto* src = reinterpret_cast<const Cell<T>*>(p.src);
  auto* dst = reinterpret_cast<Cell<T>*>(p.dst);
  for (int64_t i = 0; i < columns; i += kLanes) {
    for (int64_t j = 0; j < rows; j += kLanes) {
      Square<T>::transpose(src + i * p.inner.src + j, p.inner.src, dst + j * p.outer.dst + i, p.outer.dst);
    }
  }
  const auto rest = [&](int64_t j, int64_t height, int64_t i, int64_t width) {
    if (height == 0 || width == 0) return;
    copy_rows<T>(s, {p.src + (i * p.inner.src + j) * src_item(s),
                     p.dst + (j * p.outer.dst + i) * dst_item(s),
                     {height, p.outer.src, p.outer.dst},
                     {width, p.inner.src, p.inner.dst}});
  };
  rest(0, rows, columns, p.inner.size - columns);
  rest(rows, p.outer.size - rows, 0, p.inner.size);
}

// ---- planes of two dtypes -----------------------------------------------------------------------------------------

/// Integers and float64 become float16, bfloat16 and bool in one step from what they are, and floats integers, so that
/// they saturate where the narrow type ends; else the destination decides.
Compute stopover(DType src, DType dst) {
  const bool from_source =
      dst == DType::Bool || dst == DType::Float16 || dst == DType::BFloat16 || (is_float(src) && !is_float(dst));
  return compute_of(from_source ? src : dst);
}

void store_strided(const void* block, Compute via, DType dtype, char* dst, int64_t dst_stride, int64_t n);

void convert_row(const Space& s, const char* src, int64_t src_stride, char* dst, int64_t dst_stride, int64_t n) {
  const Compute via = stopover(s.src_dtype, s.dst_dtype);
  const bool whole_dst = dst_stride == 1;
  if (whole_dst && storage_of(via) == s.dst_dtype) return load_block(src, src_stride, s.src_dtype, via, dst, n);
  if (whole_dst && src_stride == 1 && storage_of(via) == s.src_dtype) return store_block(src, via, dst, s.dst_dtype, n);
  alignas(64) char block[kBlock * 8];
  for (int64_t i = 0; i < n; i += kBlock) {
    const int64_t m = n - i < kBlock ? n - i : kBlock;
    load_block(src + i * src_stride * src_item(s), src_stride, s.src_dtype, via, block, m);
    char* const out = dst + i * dst_stride * dst_item(s);
    if (whole_dst) {
      store_block(block, via, out, s.dst_dtype, m);
    } else {
      store_strided(block, via, s.dst_dtype, out, dst_stride, m);
    }
  }
}

void convert_rows(const Space& s, const Plane& p) {
  for (int64_t j = 0; j < p.outer.size; ++j) {
    convert_row(s, p.src + j * p.outer.src * src_item(s), p.inner.src, p.dst + j * p.outer.dst * dst_item(s),
                p.inner.dst, p.inner.size);
  }
}

// ---- the walk -----------------------------------------------------------------------------------------------------

using PlaneFn = void (*)(const Space&, const Plane&);

/// Calls `copy` for parts of the plane that are small enough for source and destination to stay in the cache.
void tiled(const Space& s, const Plane& p, PlaneFn copy) {
  for (int64_t j = 0; j < p.outer.size; j += kTile) {
    for (int64_t i = 0; i < p.inner.size; i += kTile) {
      Plane tile = p;
      tile.src += (j * p.outer.src + i * p.inner.src) * src_item(s);
      tile.dst += (j * p.outer.dst + i * p.inner.dst) * dst_item(s);
      tile.outer.size = p.outer.size - j < kTile ? p.outer.size - j : kTile;
      tile.inner.size = p.inner.size - i < kTile ? p.inner.size - i : kTile;
      copy(s, tile);
    }
  }
}

PlaneFn choose(const Space& s) {
  if (s.src_dtype != s.dst_dtype) return convert_rows;
  switch (dst_item(s)) {
    case 1: return copy_rows<uint8_t>;
    case 2: return copy_rows<uint16_t>;
    case 4: return s.transposed ? transpose_rows<uint32_t> : copy_rows<uint32_t>;
    default: return s.transposed ? transpose_rows<uint64_t> : copy_rows<uint64_t>;
  }
}

void copy_serial(const Space& s) {
  const PlaneFn copy = choose(s);
  Plane plane{s.src, s.dst, {1, 0, 0}, {1, 1, 1}};
  if (s.rank > 0) plane.inner = s.dim[s.rank - 1];
  if (s.rank > 1) plane.outer = s.dim[s.rank - 2];
  int64_t index[kMaxRank] = {};
  for (;;) {
    if (s.transposed) {
      tiled(s, plane, copy);
    } else {
      copy(s, plane);
    }
    int d = s.rank - 3;
    for (; d >= 0; --d) {
      plane.src += s.dim[d].src * src_item(s);
      plane.dst += s.dim[d].dst * dst_item(s);
      if (++index[d] < s.dim[d].size) break;
      plane.src -= s.dim[d].size * s.dim[d].src * src_item(s);
      plane.dst -= s.dim[d].size * s.dim[d].dst * dst_item(s);
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

/// The part [i, n) / chunks of the space, cut along one dim.
Space part(const Space& s, int d, int64_t i, int64_t chunks) {
  const int64_t size = s.dim[d].size, quotient = size / chunks, rest = size % chunks;
  const int64_t first = i * quotient + (i < rest ? i : rest);
  Space p = s;
  p.src += first * s.dim[d].src * src_item(s);
  p.dst += first * s.dim[d].dst * dst_item(s);
  p.dim[d].size = quotient + (i < rest ? 1 : 0);
  return p;
}

void copy(const CopyArgs& args) {
  Space s;
  if (!normalise(args, s)) return;
  int64_t bytes = src_item(s) > dst_item(s) ? src_item(s) : dst_item(s);
  int widest = 0;
  for (int d = 0; d < s.rank; ++d) {
    bytes *= s.dim[d].size;
    if (s.dim[d].size > s.dim[widest].size) widest = d;
  }
  if (bytes <= kParallelBytes) return copy_serial(s);
  const int64_t wanted = bytes / kChunkBytes;
  const int64_t chunks = wanted < s.dim[widest].size ? wanted : s.dim[widest].size;
  parallel_for(chunks, [&](int64_t i) { copy_serial(part(s, widest, i, chunks)); });
}

void store_strided(const void* block, Compute via, DType dtype, char* dst, int64_t dst_stride, int64_t n) {
  alignas(64) char dense[kBlock * 8];
  store_block(block, via, dense, dtype, n);
  const Space s{dense, dst, dtype, dtype, 1, {{n, 1, dst_stride}}, false};
  copy_serial(s);
}

}  // namespace

void install_copy(Kernels& table) {
  table.copy = copy;
  table.load_block = load_block;
  table.store_block = store_block;
}

}  // namespace adcore::ADCORE_ISA
