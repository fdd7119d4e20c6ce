"""A convolutional network that reads handwritten digits.

1,797 pictures of 8 x 8 pixels (inside scikit-learn's package), a quarter of them held out, which are by the same
writers. The pipeline of `adcore.dataset` shuffles the training pictures and moves each by a pixel at random; the rate
falls along half a cosine.

    python examples/digits_cnn.py          # to 0.98 and more
    python examples/digits_cnn.py --small  # fewer epochs, a smaller network
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import adcore
from adcore import dataset, nn
from adcore.train import Model, summary


def network(width):
    def block(channels_in, channels_out):
        return nn.Conv2d(channels_in, channels_out, 3), nn.BatchNorm2d(channels_out), nn.ReLU()

    return nn.SequentialCell(
        *block(1, width),
        *block(width, width),
        nn.MaxPool2d(2, 2),
        *block(width, 2 * width),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Dropout(p=0.3),
        nn.Dense(2 * width * 2 * 2, 10),
    )


def moved(picture, rng):
    """The picture, moved by up to a pixel along each axis; what comes in is empty."""
    down, right = rng.integers(0, 3, size=2)
    return np.pad(picture, ((0, 0), (1, 1), (1, 1)))[:, down : down + 8, right : right + 8]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a smaller network, fewer epochs")
    options = parser.parse_args(argv)
    epochs, width = (4, 12) if options.small else (30, 32)

    pictures, labels = load_digits(return_X_y=True)
    pictures = (pictures / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    parts = train_test_split(pictures, labels.astype(np.int32), test_size=0.25, stratify=labels, random_state=0)
    x_train, x_test, y_train, y_test = parts

    adcore.set_seed(0)
    rng = np.random.default_rng(0)
    train_set = dataset.NumpySlicesDataset((x_train, y_train), ["picture", "digit"])
    train_set = train_set.map(lambda picture: moved(picture, rng), "picture").batch(32, drop_remainder=True)
    test_set = dataset.NumpySlicesDataset((x_test, y_test), ["picture", "digit"], shuffle=False).batch(150)

    net = network(width)
    rate = nn.CosineDecayLR(0.0, 0.004, epochs * len(train_set))
    model = Model(
        net, nn.CrossEntropyLoss(), nn.Adam(net.trainable_params(), learning_rate=rate), metrics={"accuracy", "loss"}
    )
    print(summary(net, (32, 1, 8, 8)))
    for epoch in range(epochs):
        model.train(epoch + 1, train_set, initial_epoch=epoch)
        if (epoch + 1) % max(1, epochs // 6) == 0:
            found = model.eval(test_set)
            print(f"epoch {epoch + 1:2}: held-out loss {found['loss']:.4f}, accuracy {found['accuracy']:.4f}")
    print(f"\nheld-out accuracy: {found['accuracy']:.4f} on {len(x_test)} pictures")
    return found["accuracy"]


if __name__ == "__main__":
    main()
