// Factorisations of one matrix of any size. Rows are contiguous, `row` elements apart; results lie over the operands.
//
// Cholesky, LU and triangular solves divide themselves in halves until the kernels of the instruction set take over
// (factor.cpp); nearly all of their work is products. QR, SVD and the symmetric eigenproblem are Eigen's, compiled once
// and in float64 alone (eigen.cpp): float32 is computed in float64 and rounded.
#pragma once

#include <cstdint>

namespace adcore {

/// B (n x m) = T^-1 B, where T[i, k] stands at t[i * t_row + k * t_col]; `unit`: ones on its diagonal.
template <class T>
void solve_triangle(const T* t, int64_t t_row, int64_t t_col, int64_t n, bool upper, bool unit, T* b, int64_t b_row,
                    int64_t m);

/// U with A = U^T U, from the upper triangle and over it; below stands nothing of use. False where A is not positive
/// definite.
template <class T>
bool factor_cholesky(T* a, int64_t row, int64_t n);

/// P A = L U of m x n over A. pivots[j], j < min(m, n): the row that was exchanged with row j.
template <class T>
void factor_lu(T* a, int64_t row, int64_t m, int64_t n, int64_t* pivots);

/// Exponential of n x n, into `out`.
void exponential(const double* a, int64_t n, double* out);

/// A (m x n, m >= n) = Q R. Q has n columns and R n rows, or m and m where `complete`.
void factor_qr(const double* a, int64_t m, int64_t n, bool complete, double* q, double* r);

/// A = U diag(s) V^T, s descending. U (m x k) and V (n x k) have k = min(m, n) columns, or m and n where `full`; with u
/// and v null s alone is made. False where it does not converge.
bool factor_svd(const double* a, int64_t m, int64_t n, bool full, double* s, double* u, double* v);

/// Eigenvalues, ascending, and eigenvectors (columns of v; may be null) of a symmetric matrix, of which the lower
/// triangle is read. False where it does not converge.
bool factor_symmetric(const double* a, int64_t n, double* w, double* v);

}  // namespace adcore
