"""Training that no single patient changes much: derivatives of each row by itself, clipped, and noise on their sum.

That is DP-SGD (Abadi et al. 2016, arXiv:1607.00133), here with all rows in each step. `vmap(grad(loss))` gives the
derivatives of all rows at once; the loop it stands for gives the same. The privacy budget printed follows from the
number of steps and the noise (zero-concentrated differential privacy, Bun and Steinke 2016, arXiv:1605.02065); the
number of rows and the scaling of the measurements are taken as known.

    python examples/per_sample_clipping.py
    python examples/per_sample_clipping.py --small  # fewer steps
"""

import argparse
import math

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import adcore
from adcore import Tensor, grad, ops, vmap

CLIP = 1.0  # no row's derivatives are longer than this
NOISE = 10.0  # the deviation of the noise on their sum, in units of CLIP
DELTA = 1e-5


def loss(weights, x, y):
    """Of one row."""
    hidden = ops.tanh(x @ weights["w"] + weights["b"])
    return ops.binary_cross_entropy_with_logits(hidden @ weights["v"], y)


by_row = vmap(grad(loss), in_axes=(None, 0, 0))


def clipped_sum(gradients):
    """The sum over rows, each made no longer than CLIP over all weights together."""
    length = ops.sqrt(sum((g**2).reshape(len(g), -1).sum(1) for g in gradients.values()))
    factor = ops.minimum(CLIP / (length + 1e-12), 1.0)
    return {name: ops.einsum("n,n...->...", factor, g) for name, g in gradients.items()}


def epsilon(steps):
    rho = steps / (2 * NOISE**2)
    return rho + 2 * math.sqrt(rho * math.log(1 / DELTA))


def trained(x, y, steps, noise):
    adcore.set_seed(0)
    weights = {"w": ops.randn(30, 16) * 30**-0.5, "b": ops.zeros(16), "v": ops.randn(16) * 0.25}
    for _ in range(steps):
        total = clipped_sum(by_row(weights, x, y))
        weights = {
            name: value - 2.0 * (total[name] + noise * CLIP * ops.randn_like(value)) / len(x)
            for name, value in weights.items()
        }
    return weights


def accuracy(weights, x, y):
    logits = ops.tanh(x @ weights["w"] + weights["b"]) @ weights["v"]
    return float(((logits > 0) == (y == 1)).astype(adcore.float32).mean())


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer steps")
    options = parser.parse_args(argv)
    steps = 20 if options.small else 60

    x, y = load_breast_cancer(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    mean, std = x.mean(axis=0), x.std(axis=0)
    x, x_test = (Tensor(((part - mean) / std).astype(np.float32)) for part in (x, x_test))
    y, y_test = (Tensor(part.astype(np.float32)) for part in (y, y_test))

    weights = trained(x, y, 1, 0.0)
    together, one_by_one = by_row(weights, x[:8], y[:8]), [grad(loss)(weights, x[i], y[i]) for i in range(8)]
    difference = max(
        float(abs(together[name][i] - row[name]).max()) for i, row in enumerate(one_by_one) for name in weights
    )
    print(f"largest difference between vmap(grad) and a loop: {difference:.1e}\n")

    scores = [accuracy(trained(x, y, steps, noise), x_test, y_test) for noise in (0.0, NOISE)]
    print(f"{steps} steps, no noise: held-out accuracy {scores[0]:.3f}")
    print(f"{steps} steps, private:  held-out accuracy {scores[1]:.3f}, epsilon {epsilon(steps):.2f}, delta {DELTA}")
    return difference, scores


if __name__ == "__main__":
    main()
