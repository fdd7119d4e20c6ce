// Gathering and scattering by index arrays, which are checked and wrapped before they come here.
//
// Reads (take, gather) split between threads anywhere; writes (put, index_add, scatter_add) keep the order of i and
// split only along outer and inner, so that no two threads meet in one element.
#include <cstring>

#include "base/thread_pool.h"
#include "kernels/isa.h"

namespace adcore::ADCORE_ISA {
namespace {

constexpr int64_t kChunkBytes = 1 << 18;     // one unit of parallel work
constexpr int64_t kParallelBytes = 1 << 20;  // below this one thread is as fast

int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

/// How many parts work on `bytes` bytes splits into, at most `limit`.
int64_t count_parts(int64_t bytes, int64_t limit) {
  return bytes <= kParallelBytes ? 1 : min_of((bytes + kChunkBytes - 1) / kChunkBytes, limit);
}

/// Where part i of n begins in [0, size); part n begins at size.
int64_t part_begin(int64_t i, int64_t n, int64_t size) { return size / n * i + min_of(i, size % n); }

/// body(first, last) over [0, n) in parts.
template <class Body>
void split_rows(int64_t n, int64_t row_bytes, const Body& body) {
  const int64_t parts = count_parts(n * row_bytes, n);
  if (parts <= 1) return body(0, n);
  parallel_for(parts, [&](int64_t p) { body(part_begin(p, parts, n), part_begin(p + 1, parts, n)); });
}

/// body(o_first, o_last, j_first, j_last) over [0, outer) x [0, inner) in rectangles; along inner in steps of at least
/// `unit`.
template <class Body>
void split_columns(int64_t outer, int64_t inner, int64_t unit, int64_t bytes, const Body& body) {
  const int64_t across = inner >= unit ? inner / unit : 1;
  const int64_t parts = count_parts(bytes, outer * across);
  if (parts <= 1) return body(0, outer, 0, inner);
  const int64_t down = min_of(parts, outer), columns = min_of(across, (parts + down - 1) / down);
  parallel_for(down * columns, [&](int64_t p) {
    const int64_t o = p / columns, j = p % columns;
    body(part_begin(o, down, outer), part_begin(o + 1, down, outer), part_begin(j, columns, inner),
         part_begin(j + 1, columns, inner));
  });
}

// ---- take and put: rows of bytes ----------------------------------------------------------------------------------

/// Copies rows of one length; a constant where kRow is not 0, so that a small row is a load and a store.
template <int kRow>
struct RowCopy {
  int64_t row;
  void operator()(char* dst, const char* src) const { std::memcpy(dst, src, kRow ? kRow : static_cast<size_t>(row)); }
};

/// body(copy) with the RowCopy for rows of `row` bytes.
template <class Body>
void with_row_copy(int64_t row, const Body& body) {
  switch (row) {
    case 1: return body(RowCopy<1>{row});
    case 2: return body(RowCopy<2>{row});
    case 4: return body(RowCopy<4>{row});
    case 8: return body(RowCopy<8>{row});
    case 12: return body(RowCopy<12>{row});
    case 16: return body(RowCopy<16>{row});
    case 32: return body(RowCopy<32>{row});
    case 64: return body(RowCopy<64>{row});
    default: return body(RowCopy<0>{row});
  }
}

void take(const TakeArgs& a) {
  if (a.outer == 0 || a.count == 0 || a.row == 0) return;
  with_row_copy(a.row, [&](auto copy) {
    split_rows(a.outer * a.count, a.row, [&](int64_t first, int64_t last) {
      int64_t i = first % a.count;
      const char* x = static_cast<const char*>(a.x) + first / a.count * a.size * a.row;
      char* out = static_cast<char*>(a.out) + first * a.row;
      for (int64_t k = first; k < last; ++k, out += a.row) {
        copy(out, x + a.index[i] * a.row);
        if (++i == a.count) {
          i = 0;
          x += a.size * a.row;
        }
      }
    });
  });
}

void put(const PutArgs& a) {
  if (a.outer == 0 || a.count == 0 || a.row == 0) return;
  constexpr int64_t kUnit = 1024;
  split_columns(a.outer, a.row, kUnit, a.outer * a.count * a.row, [&](int64_t o0, int64_t o1, int64_t j0, int64_t j1) {
    with_row_copy(j1 - j0, [&](auto copy) {
      for (int64_t o = o0; o < o1; ++o) {
        char* x = static_cast<char*>(a.x) + o * a.size * a.row + j0;
        const char* v = static_cast<const char*>(a.v) + o * a.count * a.row + j0;
        for (int64_t i = 0; i < a.count; ++i) copy(x + a.index[i] * a.row, v + i * a.row);
      }
    });
  });
}

// ---- gather -------------------------------------------------------------------------------------------------------

/// An element that is moved and not looked at.
template <class T>
struct [[gnu::may_alias]] Cell {
  T bits;
};

template <class T>
void gather_items(const GatherArgs& a) {
  split_rows(a.outer * a.count, a.inner * a.item, [&](int64_t first, int64_t last) {
    const int64_t* index = a.index + first * a.inner;
    auto* out = static_cast<Cell<T>*>(a.out) + first * a.inner;
    for (int64_t k = first; k < last;) {
      const int64_t o = k / a.count, end = min_of(last, (o + 1) * a.count);
      const auto* x = static_cast<const Cell<T>*>(a.x) + o * a.size * a.inner;
      if (a.inner == 1) {
        for (; k < end; ++k) *out++ = x[*index++];
      } else {
        for (; k < end; ++k, index += a.inner, out += a.inner)
          for (int64_t j = 0; j < a.inner; ++j) out[j] = x[index[j] * a.inner + j];
      }
    }
  });
}

void gather(const GatherArgs& a) {
  if (a.outer == 0 || a.count == 0 || a.inner == 0) return;
  switch (a.item) {
    case 1: return gather_items<uint8_t>(a);
    case 2: return gather_items<uint16_t>(a);
    case 4: return gather_items<uint32_t>(a);
    default: return gather_items<uint64_t>(a);
  }
}

// ---- sums; integers as uint64_t, which wraps ----------------------------------------------------------------------

constexpr int64_t kAddUnit = 128;  // elements along inner that one part has at least

/// x[index[i]] += v[i].
template <class T>
void add_single(T* __restrict x, const int64_t* __restrict index, const T* __restrict v, int64_t count) {
  for (int64_t i = 0; i < count; ++i) x[index[i]] += v[i];
}

template <class T>
void index_add(const IndexAddArgs& a) {
  if (a.outer == 0 || a.count == 0 || a.inner == 0) return;
  const int64_t bytes = a.outer * a.count * a.inner * static_cast<int64_t>(sizeof(T));
  split_columns(a.outer, a.inner, kAddUnit, bytes, [&](int64_t o0, int64_t o1, int64_t j0, int64_t j1) {
    for (int64_t o = o0; o < o1; ++o) {
      T* x = static_cast<T*>(a.x) + o * a.size * a.inner;
      const T* v = static_cast<const T*>(a.v) + o * a.count * a.inner;
      if (a.inner == 1) {
        add_single(x, a.index, v, a.count);
        continue;
      }
      for (int64_t i = 0; i < a.count; ++i) {
        T* __restrict to = x + a.index[i] * a.inner;
        const T* __restrict from = v + i * a.inner;
        for (int64_t j = j0; j < j1; ++j) to[j] += from[j];
      }
    }
  });
}

template <class T>
void scatter_add(const GatherArgs& a) {
  if (a.outer == 0 || a.count == 0 || a.inner == 0) return;
  const int64_t bytes = a.outer * a.count * a.inner * static_cast<int64_t>(sizeof(T));
  split_columns(a.outer, a.inner, kAddUnit, bytes, [&](int64_t o0, int64_t o1, int64_t j0, int64_t j1) {
    for (int64_t o = o0; o < o1; ++o) {
      T* x = static_cast<T*>(const_cast<void*>(a.x)) + o * a.size * a.inner;
      if (a.inner == 1) {
        add_single(x, a.index + o * a.count, static_cast<const T*>(a.out) + o * a.count, a.count);
        continue;
      }
      for (int64_t i = 0; i < a.count; ++i) {
        const int64_t row = (o * a.count + i) * a.inner;
        const T* v = static_cast<const T*>(a.out) + row;
        for (int64_t j = j0; j < j1; ++j) x[a.index[row + j] * a.inner + j] += v[j];
      }
    }
  });
}

template <class T>
void install_sums(PlaceKernels& table) {
  table.index_add = index_add<T>;
  table.scatter_add = scatter_add<T>;
}

}  // namespace

void install_index(Kernels& table) {
  table.take = take;
  table.put = put;
  table.gather = gather;
  install_sums<float>(table.places[static_cast<int>(Compute::F32)]);
  install_sums<double>(table.places[static_cast<int>(Compute::F64)]);
  install_sums<uint64_t>(table.places[static_cast<int>(Compute::I64)]);
  install_sums<uint64_t>(table.places[static_cast<int>(Compute::U64)]);
}

}  // namespace adcore::ADCORE_ISA
