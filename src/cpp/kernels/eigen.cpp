// QR, SVD and the symmetric eigenproblem, by Eigen. Compiled once, for the least instruction set.
//
// A program that uses adcore may use Eigen itself, of another version and compiled with other flags. So that the linker
// never takes one for the other, what is instantiated here lives in a namespace of adcore.
#define Eigen adcore::eigen
#define EIGEN_MPL2_ONLY
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>

#include "kernels/factorize.h"

namespace adcore {
namespace {

using Columns = eigen::MatrixXd;
using Rows = eigen::Matrix<double, eigen::Dynamic, eigen::Dynamic, eigen::RowMajor>;

eigen::Map<const Rows> matrix(const double* a, int64_t m, int64_t n) { return {a, m, n}; }
eigen::Map<Rows> matrix(double* a, int64_t m, int64_t n) { return {a, m, n}; }

}  // namespace

void factor_qr(const double* a, int64_t m, int64_t n, bool complete, double* q, double* r) {
  const int64_t k = complete ? m : n;
  const eigen::HouseholderQR<Columns> qr(matrix(a, m, n));
  const Columns product = qr.householderQ() * Columns::Identity(m, k);
  matrix(q, m, k) = product;
  matrix(r, k, n) = qr.matrixQR().topRows(k).template triangularView<eigen::Upper>();
}

// Eigen 5 would have the options as a parameter of the type, 3.4 knows them as an argument only.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
bool factor_svd(const double* a, int64_t m, int64_t n, bool full, double* s, double* u, double* v) {
  if (m == 0 || n == 0) {
    const int64_t p = full ? m : 0, q = full ? n : 0;
    if (u) matrix(u, m, p) = Rows::Identity(m, p);
    if (u) matrix(v, n, q) = Rows::Identity(n, q);
    return true;
  }
  const unsigned vectors = full ? eigen::ComputeFullU | eigen::ComputeFullV : eigen::ComputeThinU | eigen::ComputeThinV;
  const eigen::BDCSVD<Columns> svd(matrix(a, m, n), u ? vectors : 0);
  if (svd.info() != eigen::Success) return false;
  const int64_t k = m < n ? m : n;
  matrix(s, k, 1) = svd.singularValues();
  if (!u) return true;
  matrix(u, m, full ? m : k) = svd.matrixU();
  matrix(v, n, full ? n : k) = svd.matrixV();
  return true;
}
#pragma GCC diagnostic pop

bool factor_symmetric(const double* a, int64_t n, double* w, double* v) {
  const eigen::SelfAdjointEigenSolver<Columns> solver(matrix(a, n, n),
                                                      v ? eigen::ComputeEigenvectors : eigen::EigenvaluesOnly);
  if (solver.info() != eigen::Success) return false;
  matrix(w, n, 1) = solver.eigenvalues();
  if (v) matrix(v, n, n) = solver.eigenvectors();
  return true;
}

}  // namespace adcore
