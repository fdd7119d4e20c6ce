"""A variational autoencoder: it learns to draw digits.

Encoder and decoder are trained on the bound of the likelihood (Kingma and Welling 2014, arXiv:1312.6114): the
derivative goes through the random draw, which is written as mean + deviation * noise. Pixels count as probabilities of
ink. What comes out is the bound on pictures that were held out, beside the likelihood of a model that knows each
pixel's mean alone, and digits that nobody has written.

    python examples/vae_digits.py
    python examples/vae_digits.py --small  # fewer epochs
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import adcore
from adcore import Tensor, dataset, nn, ops
from adcore.train import Model


class Autoencoder(nn.Cell):
    """Called with pictures, it returns the negative bound in nats, a mean over the pictures."""

    def __init__(self, pixels, hidden, latent):
        super().__init__()
        self.encode = nn.SequentialCell(nn.Dense(pixels, hidden), nn.ReLU(), nn.Dense(hidden, 2 * latent))
        self.decode = nn.SequentialCell(nn.Dense(latent, hidden), nn.ReLU(), nn.Dense(hidden, pixels))

    def construct(self, pictures):
        mean, log_variance = ops.chunk(self.encode(pictures), 2, axis=1)
        drawn = mean + ops.exp(0.5 * log_variance) * ops.randn_like(mean)
        error = ops.binary_cross_entropy_with_logits(self.decode(drawn), pictures, reduction="sum")
        divergence = 0.5 * (mean**2 + ops.exp(log_variance) - log_variance - 1).sum()
        return (error + divergence) / len(pictures)


def independent_pixels(train, test):
    """The mean cross-entropy of pictures in nats if each pixel has its mean over the training pictures."""
    p = np.clip(train.mean(axis=0), 1e-3, 1 - 1e-3)
    return float(-(test * np.log(p) + (1 - test) * np.log(1 - p)).sum(axis=1).mean())


def in_characters(pictures):
    """Pictures side by side, each 8 x 8 pixels in shades of text."""
    shades = np.array(list(" .:-=+*#%@"))
    rows = shades[np.minimum((pictures.reshape(-1, 8, 8) * 10).astype(int), 9)].transpose(1, 0, 2)
    return "\n".join("   ".join("".join(pixel * 2 for pixel in picture) for picture in row) for row in rows)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer epochs, a smaller network")
    options = parser.parse_args(argv)
    epochs, hidden = (40, 128) if options.small else (150, 256)
    latent = 8

    pictures = (load_digits().data / 16).astype(np.float32)
    train, test = train_test_split(pictures, test_size=0.25, random_state=0)
    adcore.set_seed(0)
    train_set = dataset.NumpySlicesDataset(train, "picture").batch(64, drop_remainder=True)
    net = Autoencoder(64, hidden, latent)
    rate = nn.CosineDecayLR(0.0, 0.003, epochs * len(train_set))
    Model(net, optimizer=nn.Adam(net.trainable_params(), rate)).train(epochs, train_set)

    net.set_train(False)
    bound = float(net(Tensor(test)))
    baseline = independent_pixels(train, test)
    print(f"held-out pictures, nats each: at most {bound:.2f}; independent pixels {baseline:.2f}\n")
    print(in_characters(ops.sigmoid(net.decode(ops.randn(5, latent))).asnumpy()))
    return bound, baseline


if __name__ == "__main__":
    main()
