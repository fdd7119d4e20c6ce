"""An LSTM that reads handwritten digits row by row.

A picture of scikit-learn's digits is a sequence of eight rows, each of eight pixels. The LSTM sees one row after the
other and says at the end which digit it was. Beside it stands a network of about the same size that sees the same rows
without their order: how much better the LSTM is, is what it makes of the order.

    python examples/sequence_lstm.py
    python examples/sequence_lstm.py --small  # fewer epochs
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import adcore
from adcore import dataset, nn
from adcore.train import Model


class Reader(nn.Cell):
    """An LSTM over the rows, and a Dense layer over its last output."""

    def __init__(self, hidden):
        super().__init__()
        self.lstm = nn.LSTM(8, hidden, batch_first=True)
        self.classify = nn.Dense(hidden, 10)

    def construct(self, rows):
        outputs, _ = self.lstm(rows)
        return self.classify(outputs[:, -1])


class BagOfRows(nn.Cell):
    """The same network for each row, and a Dense layer over the mean of what it says."""

    def __init__(self, hidden):
        super().__init__()
        self.look = nn.SequentialCell(nn.Dense(8, 2 * hidden), nn.ReLU(), nn.Dense(2 * hidden, 2 * hidden), nn.ReLU())
        self.classify = nn.Dense(2 * hidden, 10)

    def construct(self, rows):
        return self.classify(self.look(rows).mean(axis=1))


def held_out_accuracy(net, train_set, test_set, epochs):
    rate = nn.CosineDecayLR(0.0, 0.01, epochs * len(train_set))
    model = Model(net, nn.CrossEntropyLoss(), nn.Adam(net.trainable_params(), rate), metrics={"accuracy"})
    model.train(epochs, train_set)
    return model.eval(test_set)["accuracy"]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer epochs, a smaller state")
    options = parser.parse_args(argv)
    epochs, hidden = (6, 32) if options.small else (40, 64)

    rows, digits = load_digits(return_X_y=True)
    rows = (rows / 16).astype(np.float32).reshape(-1, 8, 8)
    parts = train_test_split(rows, digits.astype(np.int32), test_size=0.25, stratify=digits, random_state=0)
    x_train, x_test, y_train, y_test = parts
    adcore.set_seed(0)
    train_set = dataset.NumpySlicesDataset((x_train, y_train)).batch(32, drop_remainder=True)
    test_set = dataset.NumpySlicesDataset((x_test, y_test), shuffle=False).batch(len(x_test))

    scores = []
    for title, net in (("rows without order", BagOfRows(hidden)), ("LSTM", Reader(hidden))):
        size = sum(p.size for p in net.trainable_params())
        scores.append(held_out_accuracy(net, train_set, test_set, epochs))
        print(f"{title:18}  {size:6,} weights, held-out accuracy {scores[-1]:.4f}")
    return scores


if __name__ == "__main__":
    main()
