"""A small Transformer that tells from a few lines which package they document.

The text is the docstrings of functions and classes of NumPy, SciPy, scikit-learn and Python itself. A quarter of them
is held out, whole: no docstring is on both sides. The encoder reads 32 words at a time, wherever they stand in a
docstring; the packages' names are left out, and rare words are all the same to it. Beside it stand a bag of words, and
always saying the most frequent package.

    python examples/transformer_text.py
    python examples/transformer_text.py --small  # two packages, fewer epochs
"""

import argparse
from collections import Counter

import numpy as np
from docstrings import documents
from sklearn.linear_model import LogisticRegression

import adcore
from adcore import dataset, nn, ops
from adcore.train import Model

LENGTH = 32
PADDING, RARE = 0, 1
GIVEN_AWAY = {"numpy", "np", "scipy", "sklearn", "scikit", "python", "ndarray", "array"}
PACKAGES = {
    "numpy": ("numpy",),
    "scipy": ("scipy.stats", "scipy.signal", "scipy.linalg", "scipy.optimize", "scipy.sparse", "scipy.ndimage"),
    "sklearn": ("sklearn",),
    "python": ("asyncio", "email", "logging", "multiprocessing", "unittest", "urllib", "xml", "http", "concurrent"),
}
SMALL = {"numpy": ("numpy.linalg", "numpy.ma", "numpy.random"), "python": ("asyncio", "email", "logging", "urllib")}


class Classifier(nn.Cell):
    """Words and their places, through encoder layers; the mean over what is no padding says the class."""

    def __init__(self, words, classes, width, layers):
        super().__init__()
        self.words = nn.Embedding(words, width, embedding_table=adcore.common.initializer.Normal(0.1))
        self.places = adcore.Parameter(0.1 * ops.randn(LENGTH, width), name="places")
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.2, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm((width,)))
        self.drop = nn.Dropout(p=0.3)
        self.classify = nn.Dense(width, classes)

    def construct(self, numbers):
        padding = numbers == PADDING
        x = self.encoder(self.drop(self.words(numbers) + self.places), src_key_padding_mask=padding)
        there = (~padding).astype(adcore.float32)[:, :, None]
        return self.classify(self.drop((x * there).sum(axis=1) / there.sum(axis=1)))


def pieces(texts, number):
    """Rows of LENGTH numbers of words."""
    rows = []
    for words in texts:
        words = [number.get(word, RARE) for word in words if word not in GIVEN_AWAY]
        for start in range(0, len(words), LENGTH):
            part = words[start : start + LENGTH]
            if len(part) >= 8:
                rows.append(part + [PADDING] * (LENGTH - len(part)))
    return rows


def rows_of_packages(packages, rng, most):
    """Rows and classes to train with, rows and classes to test on, and the size of the vocabulary."""
    learned, held_out = [], []
    for names in packages.values():
        texts = documents(*names)
        order = rng.permutation(len(texts))
        cut = len(texts) // 4
        held_out.append([texts[i] for i in order[:cut]])
        learned.append([texts[i] for i in order[cut:]])
    counts = Counter(
        word for texts in learned for words in texts for word in dict.fromkeys(words) if word not in GIVEN_AWAY
    )
    number = {word: i + 2 for i, (word, count) in enumerate(counts.most_common()) if count >= 10}
    sides = []
    for parts, limit in ((learned, most), (held_out, most // 3)):
        rows = [rng.permutation(pieces(texts, number))[:limit] for texts in parts]
        classes = np.repeat(np.arange(len(rows), dtype=np.int32), [len(part) for part in rows])
        sides += [np.concatenate(rows).astype(np.int32), classes]
    return *sides, len(number) + 2


def bag_of_words(rows, words):
    """How often each word is in each row."""
    bags = np.zeros((len(rows), words), np.float32)
    np.add.at(bags, (np.arange(len(rows))[:, None], rows), 1.0)
    bags[:, PADDING] = 0.0
    return bags


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="two packages, fewer epochs")
    options = parser.parse_args(argv)
    packages, most, width, layers, epochs = (SMALL, 500, 32, 1, 6) if options.small else (PACKAGES, 3000, 64, 2, 4)

    adcore.set_seed(0)
    x_train, y_train, x_test, y_test, words = rows_of_packages(packages, np.random.default_rng(0), most)
    print(f"{len(x_train):,} pieces to learn from, {len(x_test):,} held out, {words:,} different words")
    majority = float(np.mean(y_test == np.bincount(y_train).argmax()))
    linear = LogisticRegression(C=0.1, max_iter=1000).fit(bag_of_words(x_train, words), y_train)
    linear = float(linear.score(bag_of_words(x_test, words), y_test))

    net = Classifier(words, len(packages), width, layers)
    train_set = dataset.NumpySlicesDataset((x_train, y_train)).batch(64, drop_remainder=True)
    test_set = dataset.NumpySlicesDataset((x_test, y_test), shuffle=False).batch(256)
    rate = nn.CosineDecayLR(0.0, 0.002, epochs * len(train_set))
    optimizer = nn.AdamWeightDecay(net.trainable_params(), rate, weight_decay=0.01)
    model = Model(net, nn.CrossEntropyLoss(), optimizer, metrics={"accuracy", "loss"})
    for epoch in range(epochs):
        model.train(epoch + 1, train_set, initial_epoch=epoch)
        found = model.eval(test_set)
        print(f"epoch {epoch + 1:2}: held-out loss {found['loss']:.3f}, accuracy {found['accuracy']:.3f}")

    print(f"\n{', '.join(packages)}: held-out accuracy")
    for title, score in (("most frequent", majority), ("bag of words", linear), ("Transformer", found["accuracy"])):
        print(f"{title:14} {score:.3f}")
    return majority, linear, found["accuracy"]


if __name__ == "__main__":
    main()
