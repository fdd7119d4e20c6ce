"""A Gaussian process whose hyperparameters maximise the marginal likelihood.

The data: 442 patients, ten measurements each, and how far their diabetes went in a year (inside scikit-learn's
package). The likelihood is written as it stands in Rasmussen and Williams (2006), algorithm 2.1, with `ops.cholesky`;
its derivative by a length for each measurement, the variance of the signal and that of the noise comes from
`value_and_grad`. scikit-learn's own process, given what was found, must see the same likelihood.

    python examples/gaussian_process.py
    python examples/gaussian_process.py --small  # fewer rows, fewer steps
"""

import argparse
import math

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

import adcore
from adcore import Parameter, Tensor, nn, ops, value_and_grad


def kernel(a, b, log_lengths, log_variance):
    """Squared exponential: ``variance * exp(-|a - b|^2 / 2)``, each measurement in units of its length."""
    a, b = a / ops.exp(log_lengths), b / ops.exp(log_lengths)
    squared = (a**2).sum(1, keepdims=True) + (b**2).sum(1) - 2 * a @ b.T
    return ops.exp(log_variance - 0.5 * ops.maximum(squared, 0.0))


def factors(x, y, log_lengths, log_variance, log_noise):
    """The Cholesky factor L of the covariance of y, and the solution of ``L L' alpha = y``."""
    covariance = kernel(x, x, log_lengths, log_variance) + ops.exp(log_noise) * ops.eye(len(x), dtype=x.dtype)
    lower = ops.cholesky(covariance)
    return lower, ops.cholesky_solve(y[:, None], lower)[:, 0]


def negative_log_likelihood(x, y, *hyperparameters):
    lower, alpha = factors(x, y, *hyperparameters)
    return 0.5 * (y * alpha).sum() + ops.log(ops.diagonal(lower)).sum() + 0.5 * len(x) * math.log(2 * math.pi)


def predicted(x_new, x, y, log_lengths, log_variance, log_noise):
    """Mean and standard deviation of new measurements, noise included."""
    lower, alpha = factors(x, y, log_lengths, log_variance, log_noise)
    cross = kernel(x_new, x, log_lengths, log_variance)
    explained = (ops.solve_triangular(lower, cross.T, upper=False) ** 2).sum(0)
    return cross @ alpha, ops.sqrt(ops.exp(log_variance) - explained + ops.exp(log_noise))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer rows, fewer steps")
    options = parser.parse_args(argv)
    rows, steps = (120, 60) if options.small else (331, 300)

    x, y = load_diabetes(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, train_size=rows, test_size=111, random_state=0)
    (x_mean, x_std), (y_mean, y_std) = ((part.mean(axis=0), part.std(axis=0)) for part in (x, y))
    x, x_test, y = (x - x_mean) / x_std, (x_test - x_mean) / x_std, (y - y_mean) / y_std

    found = [
        Parameter(Tensor(value, adcore.float64), name=name)
        for name, value in (("log_lengths", np.full(10, 1.0)), ("log_variance", 0.0), ("log_noise", -1.0))
    ]
    optimizer = nn.Adam(found, nn.CosineDecayLR(0.0, 0.1, steps))
    derivative = value_and_grad(lambda x, y: negative_log_likelihood(x, y, *found), None, optimizer.parameters)
    data = Tensor(x), Tensor(y)
    for step in range(steps):
        loss, gradients = derivative(*data)
        optimizer(gradients)
        if step % (steps // 5) == 0:
            print(f"step {step:3}: log marginal likelihood {-float(loss):.3f}")
    likelihood = -float(negative_log_likelihood(*data, *found))

    lengths, variance, noise = (np.exp(value.asnumpy()) for value in found)
    theirs = ConstantKernel(variance) * RBF(lengths) + WhiteKernel(noise)
    theirs = GaussianProcessRegressor(theirs, alpha=0.0, optimizer=None).fit(x, y).log_marginal_likelihood_value_
    print(f"in the end:  {likelihood:.6f}; scikit-learn's at the same place: {theirs:.6f}\n")

    mean, deviation = (part.asnumpy() * y_std for part in predicted(Tensor(x_test), *data, *found))
    error = y_test - (mean + y_mean)
    rmse = float(np.sqrt(np.mean(error**2)))
    covered = float(np.mean(np.abs(error) < 1.96 * deviation))
    linear = float(np.sqrt(np.mean((y_test - y_mean - y_std * LinearRegression().fit(x, y).predict(x_test)) ** 2)))
    print(f"111 other patients: error {rmse:.1f} (linear regression {linear:.1f}, their spread {y_test.std():.1f})")
    print(f"within the 95 % interval: {100 * covered:.0f} %")
    return {"likelihood": likelihood, "scikit-learn": theirs, "rmse": rmse, "spread": y_test.std(), "covered": covered}


if __name__ == "__main__":
    main()
