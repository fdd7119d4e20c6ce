// Matrix products: which path a shape takes, how it is cut into blocks, and who runs them.
//
// The paths: direct and dot read their operands in place (gemm_small.h); panels copies B alone; packed copies both
// (gemm_packed.h, with packing in gemm_pack.h and the register-blocked kernel in gemm_micro.h). Everything depends on
// shapes and strides alone, so every element of C sums the same numbers in the same order on any number of threads.
// Start reading at gemm().
#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/gemm_pack.h"
#include "kernels/gemm_packed.h"
#include "kernels/gemm_small.h"
#include "kernels/isa.h"
#include "kernels/workspace.h"

namespace adcore::ADCORE_ISA {
namespace gemm {
namespace {

/// Calls f with memory for `elements` values: of the stack where they fit. May throw std::bad_alloc before it calls f.
template <class T, class F>
void with_workspace(int64_t elements, const F& f) {
  constexpr int64_t kOnStack = 32768 / sizeof(T);
  if (elements <= kOnStack) {
    alignas(64) T stack[kOnStack];
    f(stack);
  } else {
    const Workspace workspace(static_cast<size_t>(elements) * sizeof(T));
    f(workspace.as<T>());
  }
}

/// C' = B' A', the same numbers with the roles of A and B exchanged.
template <class T>
Product<T> transposed(const Product<T>& x) {
  return {x.n, x.m, x.k, x.b, x.b_col, x.b_row, x.a, x.a_col, x.a_row, x.c, x.c_col, x.c_row, x.accumulate};
}

// ---- paths --------------------------------------------------------------------------------------------------------

enum class Path { kDirect, kPanels, kDot, kTurned, kPacked };

/// Elements of workspace that run() needs.
template <class T>
int64_t workspace_of(Path path, const Product<T>& x) {
  switch (path) {
    case Path::kDirect:
    case Path::kPanels: return 0;
    case Path::kDot: return x.b_row == 1 ? 0 : x.n * x.k;
    case Path::kTurned: return x.m * x.n;
    case Path::kPacked: return Blocking<T>(x).elements();
  }
  return 0;
}

constexpr int64_t kPanelDepth = 256;

/// One panel of B, of which `depth` rows at a time are packed into memory of the stack; A is read in place.
template <class T>
void run_panel(Product<T> x) {
  constexpr int kCols = Tile<T>::kCols;
  alignas(64) T panel[kPanelDepth * kCols + Tile<T>::kLanes];
  const int64_t k = x.k, depth = ceil_div(k, ceil_div(k, kPanelDepth));
  const T* b = x.b;
  const int64_t across = x.b_col, along = x.b_row;
  x.b = panel;
  x.b_row = kCols;
  x.b_col = 1;
  for (int64_t p = 0; p < k; p += depth) {
    x.k = smaller(depth, k - p);
    pack_panel(b + p * along, across, along, static_cast<int>(x.n), x.k, kCols, panel);
    direct_whole(x);
    x.a += depth * x.a_col;
    x.accumulate = true;
  }
}

/// Only B is packed: each panel as it is needed, by the thread that needs it, so nobody waits for it.
template <class T>
void run_panels(const Product<T>& x, bool parallel) {
  constexpr int kCols = Tile<T>::kCols;
  constexpr int64_t kChunk = int64_t{1} << 20;  // some 20 microseconds
  constexpr int64_t kMinRows = 128;             // fewer would make the packing count
  const int64_t wanted = ceil_div(kChunk, x.k * kCols);
  const int64_t parts = ceil_div(x.m, wanted < kMinRows ? kMinRows : wanted);
  const int64_t rows = round_up(ceil_div(x.m, parts), 4), across = ceil_div(x.n, kCols);
  each(parallel, ceil_div(x.m, rows) * across, [&](int64_t chunk) {
    const int64_t i = chunk / across * rows, j = chunk % across * kCols;
    Product<T> part = x;
    part.m = smaller(rows, x.m - i);
    part.n = smaller(kCols, x.n - j);
    part.a += i * x.a_row;
    part.b += j * x.b_col;
    part.c += i * x.c_row + j;
    run_panel(part);
  });
}

/// Inner products; columns of B that are not contiguous are copied first.
template <class T>
void run_dot(Product<T> x, T* workspace) {
  if (x.b_row != 1) {
    for (int64_t j = 0; j < x.n; ++j) {
      for (int64_t p = 0; p < x.k; ++p) workspace[j * x.k + p] = x.b[p * x.b_row + j * x.b_col];
    }
    x.b = workspace;
    x.b_row = 1;
    x.b_col = x.k;
  }
  dot(x);
}

/// The transposed product goes to the workspace, and from there to C.
template <class T>
void run_turned(const Product<T>& x, T* workspace) {
  Product<T> turned = transposed(x);
  turned.c = workspace;
  turned.c_row = x.m;
  turned.c_col = 1;
  turned.accumulate = false;
  direct(turned);
  for (int64_t i = 0; i < x.m; ++i) {
    for (int64_t j = 0; j < x.n; ++j) {
      T& c = x.c[i * x.c_row + j * x.c_col];
      c = x.accumulate ? c + workspace[j * x.m + i] : workspace[j * x.m + i];
    }
  }
}

template <class T>
void run(Path path, const Product<T>& x, T* workspace, bool parallel) {
  switch (path) {
    case Path::kDirect: return direct(x);
    case Path::kPanels: return run_panels(x, parallel);
    case Path::kDot: return run_dot(x, workspace);
    case Path::kTurned: return run_turned(x, workspace);
    case Path::kPacked: return packed(x, workspace, parallel);
  }
}

struct Choice {
  Path path;
  bool exchanged = false;  // the product has become the transposed one
};

template <class T>
Choice choose_transposed(Product<T>& x, Path path) {
  x = transposed(x);
  return {path, true};
}

template <class T>
Choice choose_vector(Product<T>& x) {
  if (x.n == 1 && x.a_col == 1) return {Path::kDot};
  if (x.m == 1 && x.b_col == 1) return {Path::kDirect};
  if (x.n == 1 && x.a_row == 1) return x.c_row != 1 ? Choice{Path::kTurned} : choose_transposed(x, Path::kDirect);
  if (x.m == 1 && x.b_row == 1) return choose_transposed(x, Path::kDot);
  return {Path::kPacked};
}

/// How to compute a product; it may turn x into its transposed. In place: a copy of what has just been written waits
/// for it.
template <class T>
Choice choose(Product<T>& x) {
  constexpr int kLanes = Pack<T>::kLanes;
  constexpr int kFew = 4;
  constexpr int kThin = 8;
  // The stride of an axis of length 1 means nothing; 1 is the one that opens every path.
  if (x.m == 1) x.a_row = 1;
  if (x.n == 1) x.b_col = 1;
  if (x.k == 1) x.a_col = x.b_row = 1;
  if (x.m == 1 || x.n == 1) return choose_vector(x);

  const bool b_stands = x.b_col == 1;  // its rows are contiguous
  const bool thin = x.m <= kThin || x.k <= 16 || x.n <= kLanes;
  const bool small = x.m * x.n * x.k <= int64_t{1} << 19;
  if (x.n <= kFew && x.a_col == 1 && (x.k >= 2 * kLanes || !b_stands)) return {Path::kDot};
  if (x.m <= (small ? kFew : kThin) && x.b_row == 1 && !b_stands) return choose_transposed(x, Path::kDot);
  if (x.n < kLanes && x.m >= 2 * kLanes && x.a_row == 1) return {Path::kTurned};
  if (b_stands && (thin || small)) return {Path::kDirect};
  const bool middle = x.a_col == 1 && x.m * x.n * x.k <= int64_t{1} << 27;
  return {small || middle ? Path::kPanels : Path::kPacked};
}

// ---- threads ------------------------------------------------------------------------------------------------------

/// Whether a product takes long enough (some 150 microseconds) for a second thread to save more time than it costs in
/// waiting.
template <class T>
bool is_long(const Product<T>& x, int64_t batch) {
  const int64_t moved = x.m * x.k + x.k * x.n + x.m * x.n;
  return batch * x.m * x.n * x.k > int64_t{1} << 23 || batch * moved >= int64_t{1} << 19;
}

constexpr int64_t kMaxChunks = 32;

/// A product of paths that read in place, cut along the longer side of C.
template <class T>
void run_strips(Path path, const Product<T>& x) {
  const bool by_rows = x.m >= 32;
  const int64_t length = by_rows ? x.m : x.n;
  // A strip of columns is read row by row: short pieces of far rows would be slow.
  const int64_t strip = round_up(ceil_div(length, kMaxChunks), by_rows ? 16 : 4096 / sizeof(T));
  const int64_t chunks = ceil_div(length, strip);
  const auto part_of = [&](int64_t chunk) {
    Product<T> part = x;
    const int64_t first = chunk * strip;
    (by_rows ? part.m : part.n) = smaller(strip, length - first);
    (by_rows ? part.a : part.b) += first * (by_rows ? x.a_row : x.b_col);
    part.c += first * (by_rows ? x.c_row : x.c_col);
    return part;
  };
  const int64_t elements = workspace_of(path, part_of(0));
  with_workspace<T>(chunks * elements, [&](T* workspace) {
    parallel_for(chunks, [&](int64_t chunk) { run(path, part_of(chunk), workspace + chunk * elements, false); });
  });
}

/// A small C over a long k: slices of k give partial products, which are added in order.
template <class T>
void run_slices(const Product<T>& x, int64_t slice) {
  const int64_t chunks = ceil_div(x.k, slice);
  const auto part_of = [&](int64_t chunk, T* c) {
    Product<T> part = x;
    part.k = smaller(slice, x.k - chunk * slice);
    part.a += chunk * slice * x.a_col;
    part.b += chunk * slice * x.b_row;
    part.c = c;
    part.c_row = x.n;
    part.accumulate = false;
    return part;
  };
  const int64_t size = x.m * x.n;
  Product<T> first = part_of(0, nullptr);
  const int64_t elements = workspace_of(choose(first).path, first);
  with_workspace<T>(chunks * (size + elements), [&](T* workspace) {
    each(is_long(x, 1), chunks, [&](int64_t chunk) {
      Product<T> part = part_of(chunk, workspace + chunk * size);
      const Path path = choose(part).path;
      run(path, part, workspace + chunks * size + chunk * elements, false);
    });
    for (int64_t i = 0; i < x.m; ++i) {
      for (int64_t j = 0; j < x.n; ++j) {
        T total = workspace[i * x.n + j];
        for (int64_t s = 1; s < chunks; ++s) total += workspace[s * size + i * x.n + j];
        T& c = x.c[i * x.c_row + j];
        c = x.accumulate ? c + total : total;
      }
    }
  });
}

template <class T>
bool is_deep(const Product<T>& x) {
  constexpr int64_t kDeep = 4096;
  return x.k >= kDeep && x.m * x.n <= 16384;
}

/// choose() as for one of the products whose rows x has: the order of the sums follows from the path, k and n.
template <class T>
Path choose_as_member(Product<T>& x, int64_t rows) {
  Product<T> member = x;
  member.m = rows;
  const Choice c = choose(member);
  // Inner products are the same either way.
  if (c.exchanged && c.path != Path::kDot) x = transposed(x);
  return c.path;
}

template <class T>
void run_one(Product<T>& x, int64_t member_rows = 0) {
  constexpr int64_t kSlice = 2048;
  if (member_rows) {
    Product<T> member = x;
    member.m = member_rows;
    if (is_deep(member)) {
      for (int64_t i = 0; i < x.m; i += member_rows) {
        Product<T> part = member;
        part.a += i * x.a_row;
        part.c += i * x.c_row;
        run_one(part);
      }
      return;
    }
  } else if (is_deep(x)) {
    return run_slices(x, round_up(ceil_div(x.k, smaller(kMaxChunks, ceil_div(x.k, kSlice))), 64));
  }
  const Path path = member_rows ? choose_as_member(x, member_rows) : choose(x).path;
  const bool parallel = is_long(x, 1);
  if (path == Path::kPanels) return run_panels(x, parallel);
  if (parallel && path != Path::kPacked) return run_strips(path, x);
  if (path == Path::kDirect) return direct(x);
  const int64_t elements = workspace_of(path, x);
  if (elements == 0) return run<T>(path, x, nullptr, false);
  with_workspace<T>(elements, [&](T* workspace) { run(path, x, workspace, parallel); });
}

/// Every element of C is written once, when its sum over k is there.
template <class T>
bool is_one_block(Path path, const Product<T>& x) {
  switch (path) {
    case Path::kDirect: return !is_streamed(x);
    case Path::kPanels: return x.k <= kPanelDepth;
    case Path::kDot: return true;
    case Path::kTurned: return !is_streamed(transposed(x));
    case Path::kPacked: return x.k <= Blocking<T>::kDepth;
  }
  return false;
}

/// C += the product, rounded by itself.
template <class T>
void add_product(Product<T> x) {
  with_workspace<T>(x.m * x.n, [&](T* workspace) {
    Product<T> alone = x;
    alone.c = workspace;
    alone.c_row = x.n;
    alone.accumulate = false;
    run_one(alone);
    for (int64_t i = 0; i < x.m; ++i)
      for (int64_t j = 0; j < x.n; ++j) x.c[i * x.c_row + j] += workspace[i * x.n + j];
  });
}

/// C += product(0), += product(1), ..., which are of one layout. A part of C gets all of them while it is near.
template <class T, class F>
void run_sum(int64_t count, const F& product) {
  Product<T> x = product(0);
  const bool deep = is_deep(x);
  const Path path = choose(x).path;
  if (deep || !is_one_block(path, x)) {
    for (int64_t s = 0; s < count; ++s) add_product(product(s));
    return;
  }
  // By rows B is read whole, in the order of memory: it is often far away.
  const bool by_rows = x.m > x.n || (x.b_col == 1 && x.m >= 2 * Tile<T>::kRows);
  const int64_t length = by_rows ? x.m : x.n;
  // An inner product that is a part of its own would be summed as one that is alone.
  const int64_t strip =
      path == Path::kDot ? length : round_up(ceil_div(length, length < 512 ? 2 : 8), by_rows ? Tile<T>::kRowStep : 64);
  const int64_t chunks = ceil_div(length, strip);
  const auto part_of = [&](int64_t s, int64_t chunk) {
    Product<T> part = product(s);
    choose(part);
    const int64_t first = chunk * strip;
    (by_rows ? part.m : part.n) = smaller(strip, length - first);
    (by_rows ? part.a : part.b) += first * (by_rows ? x.a_row : x.b_col);
    part.c += first * (by_rows ? x.c_row : x.c_col);
    part.accumulate = true;
    return part;
  };
  const int64_t elements = workspace_of(path, part_of(0, 0));
  with_workspace<T>(chunks * elements, [&](T* workspace) {
    each(is_long(x, count), chunks, [&](int64_t chunk) {
      for (int64_t s = 0; s < count; ++s) run(path, part_of(s, chunk), workspace + chunk * elements, false);
    });
  });
}

template <class T>
void clear(const GemmArgs<T>& args) {
  for (int64_t s = 0; s < args.batch; ++s) {
    for (int64_t i = 0; i < args.m; ++i) {
      T* row = args.c + s * args.c_step + i * args.c_row;
      for (int64_t j = 0; j < args.n; ++j) row[j] = 0;
    }
  }
}

template <class T>
void gemm(const GemmArgs<T>& args) {
  if (args.m == 0 || args.n == 0 || args.batch == 0) return;
  if (args.k == 0) return args.accumulate ? void() : clear(args);
  const auto product = [&](int64_t s) {
    return Product<T>{args.m,
                      args.n,
                      args.k,
                      args.a + (args.a_offset ? args.a_offset[s] : 0),
                      args.a_row,
                      args.a_col,
                      args.b + (args.b_offset ? args.b_offset[s] : 0),
                      args.b_row,
                      args.b_col,
                      args.c + s * args.c_step,
                      args.c_row,
                      1,
                      args.accumulate};
  };
  if (args.accumulate && args.a_offset && args.c_step == 0) return run_sum<T>(args.batch, product);
  Product<T> first = product(0);
  if (args.batch == 1) return run_one(first, args.member_rows);
  if (is_long(first, 1) || !is_long(first, args.batch) || is_deep(first)) {
    for (int64_t s = 0; s < args.batch; ++s) {
      Product<T> x = product(s);
      run_one(x, args.member_rows);
    }
    return;
  }
  const int64_t chunk_size = ceil_div(args.batch, kMaxChunks);
  const int64_t chunks = ceil_div(args.batch, chunk_size);
  const int64_t elements = workspace_of(choose(first).path, first);
  with_workspace<T>(chunks * elements, [&](T* workspace) {
    parallel_for(chunks, [&](int64_t chunk) {
      const int64_t end = smaller((chunk + 1) * chunk_size, args.batch);
      for (int64_t s = chunk * chunk_size; s < end; ++s) {
        Product<T> x = product(s);
        const Path path = choose(x).path;
        run(path, x, workspace + chunk * elements, false);
      }
    });
  });
}

}  // namespace
}  // namespace gemm

void install_gemm(Kernels& table) {
  table.gemm_f32 = &gemm::gemm<float>;
  table.gemm_f64 = &gemm::gemm<double>;
}

}  // namespace adcore::ADCORE_ISA
