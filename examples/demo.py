"""Train two classifiers on real data with adcore, and compare them with scikit-learn's.

The data: 569 breast tumours, 30 measurements each, malignant or benign (Wisconsin Diagnostic Breast Cancer; it comes
inside scikit-learn's package). A quarter is held out, and no model sees it before the end.

    python examples/demo.py             # or: make demo
    python examples/demo.py --epochs 5  # a quick look

Read `train` first: it is what a training loop with adcore looks like.
"""

import argparse
import sys
import time

import matplotlib
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import adcore
from adcore import Tensor, nn, ops

matplotlib.use("Agg")  # draws into a file: no display needed
import matplotlib.pyplot as plt


def train(model, x, y, *, epochs, batch_size, learning_rate, title):
    """Fit `model` with Adam on shuffled mini-batches; return each epoch's mean loss and the steps per second."""
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = nn.Adam(model.trainable_params(), learning_rate=learning_rate)

    def forward(x, y):
        return loss_fn(model(x), y)

    # Differentiate with respect to no argument (None), but to the parameters.
    loss_and_gradients = adcore.value_and_grad(forward, None, optimizer.parameters)

    shuffle = np.random.default_rng(0)
    batches = len(x) // batch_size
    curve = []
    start = time.perf_counter()
    with tqdm(total=epochs * batches, desc=title, unit="step", mininterval=0.1 if sys.stderr.isatty() else 1.0) as bar:
        for _ in range(epochs):
            order = shuffle.permutation(len(x))
            losses = []
            for rows in np.split(order[: batches * batch_size], batches):
                loss, gradients = loss_and_gradients(Tensor(x[rows]), Tensor(y[rows]))
                optimizer(gradients)
                losses.append(float(loss))
                bar.update()
            curve.append(np.mean(losses))
            bar.set_postfix(loss=f"{curve[-1]:.4f}", refresh=False)
    return curve, epochs * batches / (time.perf_counter() - start)


def accuracy(model, x, y):
    """The share of rows that `model` puts on the right side: a positive logit says benign."""
    model.set_train(False)
    probability = ops.sigmoid(model(Tensor(x))).asnumpy()
    return np.mean((probability > 0.5) == (y == 1))


def draw(curves, path):
    figure, axes = plt.subplots(figsize=(7, 4))
    for title, curve in curves.items():
        axes.plot(range(1, len(curve) + 1), curve, label=title)
    axes.set(xlabel="epoch", ylabel="training loss", yscale="log", title="Breast cancer data: loss while training")
    axes.legend()
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30, help="passes over the training data (default: %(default)s)")
    parser.add_argument("--picture", default="demo_loss.png", help="where the loss curves go (default: %(default)s)")
    options = parser.parse_args()

    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, stratify=y, random_state=42)
    mean, std = x_train.mean(axis=0), x_train.std(axis=0)  # of the training data alone
    x_train, x_test = (((part - mean) / std).astype(np.float32) for part in (x_train, x_test))
    y_train, y_test = (part.astype(np.float32)[:, None] for part in (y_train, y_test))

    reference = LogisticRegression().fit(x_train, y_train.ravel())
    rows = [("scikit-learn LogisticRegression", reference.score(x_test, y_test.ravel()), None)]

    adcore.set_seed(0)
    models = {
        "logistic regression": (nn.Dense(30, 1), 0.01),
        "30-64-64-1 network": (
            nn.SequentialCell(nn.Dense(30, 64), nn.ReLU(), nn.Dense(64, 64), nn.ReLU(), nn.Dense(64, 1)),
            0.001,
        ),
    }
    curves = {}
    for title, (model, learning_rate) in models.items():
        curves[title], speed = train(
            model, x_train, y_train, epochs=options.epochs, batch_size=32, learning_rate=learning_rate, title=title
        )
        rows.append((title, accuracy(model, x_test, y_test), speed))
    draw(curves, options.picture)

    print(f"\ntrained on {len(x_train)} tumours, tested on {len(x_test)} others\n")
    print(f"{'':34}{'held-out accuracy':>17}{'steps per second':>19}")
    for title, score, speed in rows:
        print(f"{title:34}{score:17.3f}{'' if speed is None else format(speed, ',.0f'):>19}")
    print(f"\nloss curves: {options.picture}")


if __name__ == "__main__":
    main()
