"""Meta-learning: weights from which one step of gradient descent on ten points learns a new curve.

The tasks are sine curves of random amplitude and phase (MAML, Finn et al. 2017, arXiv:1703.03400). The loss is that
*after* a step of gradient descent on a task, so its derivative goes through the step, which has a derivative in it
itself; `vmap` does all tasks of a batch at once. Beside it stands the same network trained on all curves in the usual
way: it comes to their mean, and a step from there leads nearly nowhere.

    python examples/meta_learning.py
    python examples/meta_learning.py --small  # fewer steps
"""

import argparse

import numpy as np

import adcore
from adcore import Parameter, ParameterTuple, Tensor, grad, nn, ops, value_and_grad, vmap

POINTS = 10
INNER_RATE = 0.03


def weights(*widths):
    """Matrices and biases of a network, in turns."""
    made = []
    for n_in, n_out in zip(widths, widths[1:]):
        made += [ops.randn(n_in, n_out) * (2 / n_in) ** 0.5, ops.randn(n_out)]
    return ParameterTuple(Parameter(value, name=f"w{i}") for i, value in enumerate(made))


def loss(w, x, y):
    for i in range(0, len(w), 2):
        x = (ops.tanh(x) if i else x) @ w[i] + w[i + 1]
    return ((x - y) ** 2).mean()


def adapted(w, x, y):
    """The weights after a step of gradient descent, which can be differentiated by `w`."""
    return [p - INNER_RATE * g for p, g in zip(w, grad(loss)(w, x, y))]


def curves(rng, count):
    """For `count` sine curves: points to learn from, and others to be judged by."""
    amplitude, phase = rng.uniform(0.5, 3.0, (count, 1, 1)), rng.uniform(0, np.pi, (count, 1, 1))
    x = rng.uniform(-np.pi, np.pi, (count, 2 * POINTS, 1))
    y = amplitude * np.sin(x - phase)
    return [Tensor(part.astype(np.float32)) for part in (x[:, :POINTS], y[:, :POINTS], x[:, POINTS:], y[:, POINTS:])]


def loss_after_a_step(w, x, y, x_other, y_other):
    return loss(adapted(w, x, y), x_other, y_other)


def loss_as_it_is(w, x, y, x_other, y_other):
    return loss(w, x_other, y_other)


def of_tasks(task_loss):
    """The losses of many tasks, from the same weights."""
    return vmap(task_loss, in_axes=(None, 0, 0, 0, 0))


def trained(task_loss, width, steps, tasks):
    """Weights that make the mean of `task_loss` over the tasks small."""
    adcore.set_seed(0)
    w = weights(1, width, width, 1)
    optimizer = nn.Adam(w, nn.CosineDecayLR(0.0, 0.003, steps))

    def mean_loss(*points):
        return of_tasks(task_loss)(list(w), *points).mean()

    derivative = value_and_grad(mean_loss, None, w)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        _, gradients = derivative(*curves(rng, tasks))
        optimizer(gradients)
    return list(w)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer steps, a smaller network")
    options = parser.parse_args(argv)
    steps, width, tasks = (300, 24, 16) if options.small else (6000, 40, 25)

    new = curves(np.random.default_rng(1), 500)
    scores = {}
    print("mean squared error on 500 new curves, before and after a step on 10 points of each")
    for title, task_loss in (("trained as usual", loss_as_it_is), ("trained to adapt", loss_after_a_step)):
        w = trained(task_loss, width, steps, tasks)
        before, after = (float(of_tasks(judge)(w, *new).mean()) for judge in (loss_as_it_is, loss_after_a_step))
        scores[title] = after
        print(f"{title:18} {before:7.3f} {after:7.3f}")
    return scores


if __name__ == "__main__":
    main()
