"""A physics-informed network: it learns a solution of the heat equation from the equation alone.

The temperature u(x, t) of a rod of length 1 whose ends are held at 0 obeys ``u_t = k u_xx``; it starts as
``sin(pi x) + sin(3 pi x) / 2``. No value of u is given but these. The network's second derivative by x is
``grad(grad(u))``, for all points at once by `vmap`, and the derivative of the residual by the weights goes through it.
The exact solution is known and only compared with.

    python examples/pinn.py
    python examples/pinn.py --small  # fewer steps
"""

import argparse
import math

import numpy as np

import adcore
from adcore import Tensor, grad, nn, ops, value_and_grad, vmap

K = 0.1


def start(x):
    return ops.sin(math.pi * x) + 0.5 * ops.sin(3 * math.pi * x)


def exact(x, t):
    parts = [a * np.exp(-K * (n * np.pi) ** 2 * t) * np.sin(n * np.pi * x) for n, a in ((1, 1.0), (3, 0.5))]
    return sum(parts)


class Rod(nn.Cell):
    """u(x, t) of one point; it has the right values at the start and at the ends, whatever the weights are."""

    def __init__(self, width):
        super().__init__()
        self.net = nn.SequentialCell(
            nn.Dense(2, width, dtype=adcore.float64),
            nn.Tanh(),
            nn.Dense(width, width, dtype=adcore.float64),
            nn.Tanh(),
            nn.Dense(width, 1, dtype=adcore.float64),
        )

    def construct(self, x, t):
        return start(x) + t * x * (1 - x) * self.net(ops.stack((4 * x - 2, 4 * t - 2)))[0]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer steps, a smaller network")
    options = parser.parse_args(argv)
    steps, width, points = (1500, 24, 64) if options.small else (4000, 32, 128)

    adcore.set_seed(0)
    u = Rod(width)
    u_t, u_xx = grad(u, 1), grad(grad(u, 0), 0)

    def mean_squared_residual(x, t):
        return (vmap(lambda x, t: u_t(x, t) - K * u_xx(x, t))(x, t) ** 2).mean()

    optimizer = nn.Adam(u.trainable_params(), nn.CosineDecayLR(0.0, 0.02, steps))
    residual_and_gradients = value_and_grad(mean_squared_residual, None, optimizer.parameters)
    rng = np.random.default_rng(0)
    for step in range(steps):
        residual, gradients = residual_and_gradients(Tensor(rng.random(points)), Tensor(rng.random(points)))
        optimizer(gradients)
        if (step + 1) % (steps // 5) == 0:
            print(f"step {step + 1:5}: mean squared residual {float(residual):.2e}")

    x, t = (axis.ravel() for axis in np.meshgrid(np.linspace(0, 1, 41), np.linspace(0, 1, 41)))
    error = float(np.abs(vmap(u)(Tensor(x), Tensor(t)).asnumpy() - exact(x, t)).max())
    print(f"\nlargest error on a grid of 41 x 41 points: {error:.1e}; the solution reaches {exact(x, t).max():.2f}")
    return error


if __name__ == "__main__":
    main()
