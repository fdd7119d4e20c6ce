// Large products: both operands go into packed panels, a block at a time, and the micro-kernel runs over the panels.
//
// The blocking is that of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (ACM TOMS 34(3),
// 2008): columns of C, then k, then rows. Packing and multiplying are two rounds of chunks that threads may share; a
// chunk writes what no other chunk touches. Start reading at packed().
#pragma once

#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/gemm_micro.h"
#include "kernels/gemm_pack.h"
#include "kernels/gemm_small.h"

namespace adcore::ADCORE_ISA::gemm {

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/// body(i) for i in [0, chunks), on several threads if `parallel`.
template <class F>
void each(bool parallel, int64_t chunks, const F& body) {
  if (parallel) return parallel_for(chunks, body);
  for (int64_t i = 0; i < chunks; ++i) body(i);
}

/// The cut of a packed product: A in blocks of rows x depth, B in blocks of depth x cols, both wholly packed at a time.
template <class T>
struct Blocking {
  static constexpr int64_t kDepth = 384;  // a panel of A stays in the first-level cache
  static constexpr int64_t kRowPanels = 2048 / Tile<T>::kRows;
  static constexpr int64_t kMaxCols = 16384 / sizeof(T);
  static constexpr int64_t kGroupPanels = 112 / Tile<T>::kRows;  // panels of A per chunk of work: second-level cache
  static constexpr int64_t kGroupCols = 256;                     // columns of B per chunk
  static constexpr int64_t kPackPanels = 1;                      // panels per chunk of packing

  int64_t rows, cols, depth;
  int64_t a_panel;  // elements from one panel of A to the next; the last store of a panel hangs over

  explicit Blocking(const Product<T>& x) {
    // Equal parts: a remainder of a few columns would cost a whole pass over C.
    depth = ceil_div(x.k, ceil_div(x.k, kDepth));
    cols = round_up(ceil_div(x.n, ceil_div(x.n, kMaxCols)), Tile<T>::kCols);
    rows = smaller(round_up(x.m, Tile<T>::kRows), kRowPanels * Tile<T>::kRows);
    a_panel = depth * Tile<T>::kRows + Tile<T>::kLanes;
  }
  int64_t a_elements() const { return round_up(rows / Tile<T>::kRows * a_panel, 16); }
  int64_t elements() const { return a_elements() + depth * cols; }
};

/// One block: rows [i, i + rows) of A and columns [j, j + cols) of B, over [p, p + depth) of k.
template <class T>
struct Block {
  const Product<T>& x;
  int64_t i, j, p;
  int64_t rows, cols, depth;
  T *a, *b;  // packed
  int64_t a_panel;

  int64_t a_panels() const { return ceil_div(rows, Tile<T>::kRows); }
  int64_t b_panels() const { return ceil_div(cols, Tile<T>::kCols); }
  int rows_of(int64_t panel) const { return static_cast<int>(smaller(Tile<T>::kRows, rows - panel * Tile<T>::kRows)); }

  void pack_a(int64_t panel) const {
    const int lines = rows_of(panel);
    const T* src = x.a + (i + panel * Tile<T>::kRows) * x.a_row + p * x.a_col;
    pack_panel(src, x.a_row, x.a_col, lines, depth, panel_rows<T>(lines), a + panel * a_panel);
  }
  void pack_b(int64_t panel) const {
    constexpr int kCols = Tile<T>::kCols;
    const int lines = static_cast<int>(smaller(kCols, cols - panel * kCols));
    const T* src = x.b + p * x.b_row + (j + panel * kCols) * x.b_col;
    pack_panel(src, x.b_col, x.b_row, lines, depth, kCols, b + panel * kCols * depth);
  }
  void multiply(int64_t first_a, int64_t last_a, int64_t first_b, int64_t last_b) const {
    constexpr int kCols = Tile<T>::kCols;
    const bool accumulate = x.accumulate || p > 0;
    for (int64_t r = first_a; r < last_a; ++r) {
      const int height = rows_of(r);
      for (int64_t q = first_b; q < last_b; ++q) {
        const int width = static_cast<int>(smaller(kCols, cols - q * kCols));
        T* c = x.c + (i + r * Tile<T>::kRows) * x.c_row + j + q * kCols;
        kernel_for<T>(panel_rows<T>(height), width)(depth, a + r * a_panel, b + q * kCols * depth, c, x.c_row, height,
                                                    width, accumulate);
      }
    }
  }
};

template <class T>
void run_block(const Block<T>& block, bool with_b, bool parallel) {
  using Cut = Blocking<T>;
  const int64_t a_chunks = ceil_div(block.a_panels(), Cut::kPackPanels);
  const int64_t b_chunks = with_b ? ceil_div(block.b_panels(), Cut::kPackPanels) : 0;
  each(parallel, a_chunks + b_chunks, [&](int64_t chunk) {
    const bool is_a = chunk >= b_chunks;  // the larger ones first: nobody waits long for the last
    const int64_t first = (is_a ? chunk - b_chunks : chunk) * Cut::kPackPanels;
    const int64_t last = smaller(first + Cut::kPackPanels, is_a ? block.a_panels() : block.b_panels());
    for (int64_t q = first; q < last; ++q) is_a ? block.pack_a(q) : block.pack_b(q);
  });
  // A small C gives enough chunks for a few threads only if they are narrow.
  const int64_t group_cols = block.rows * block.cols < (1 << 20) ? Cut::kGroupCols / 4 : Cut::kGroupCols;
  const int64_t group_b = group_cols / Tile<T>::kCols;
  const int64_t down = ceil_div(block.a_panels(), Cut::kGroupPanels);
  const int64_t across = ceil_div(block.b_panels(), group_b);
  each(parallel, down * across, [&](int64_t chunk) {
    const int64_t first_a = chunk / across * Cut::kGroupPanels;
    const int64_t first_b = chunk % across * group_b;
    block.multiply(first_a, smaller(first_a + Cut::kGroupPanels, block.a_panels()), first_b,
                   smaller(first_b + group_b, block.b_panels()));
  });
}

template <class T>
void packed(const Product<T>& x, T* workspace, bool parallel) {
  const Blocking<T> cut(x);
  T* const a = workspace;
  T* const b = workspace + cut.a_elements();
  for (int64_t j = 0; j < x.n; j += cut.cols) {
    for (int64_t p = 0; p < x.k; p += cut.depth) {
      for (int64_t i = 0; i < x.m; i += cut.rows) {
        const Block<T> block{
            x, i, j,          p, smaller(cut.rows, x.m - i), smaller(cut.cols, x.n - j), smaller(cut.depth, x.k - p),
            a, b, cut.a_panel};
        run_block(block, i == 0, parallel);
      }
    }
  }
}

}  // namespace adcore::ADCORE_ISA::gemm
