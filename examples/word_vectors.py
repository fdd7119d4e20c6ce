"""Word vectors from the documentation of NumPy, SciPy and scikit-learn.

Skip-gram with negative sampling (Mikolov et al. 2013, arXiv:1310.4546): a word's vector shall tell the words around it
from words drawn at random. Words that often have the same neighbours come out with similar vectors, though nobody said
what they mean.

    python examples/word_vectors.py
    python examples/word_vectors.py --small  # less text, fewer steps
"""

import argparse
from collections import Counter

import numpy as np
from docstrings import documents

import adcore
from adcore import Tensor, nn, ops, value_and_grad

PACKAGES = ("numpy", "scipy.stats", "scipy.signal", "scipy.linalg", "scipy.optimize", "sklearn")
WINDOW = 4
NEGATIVES = 5
# Pairs of related words, which should be nearer to each other than other words are.
RELATED = (
    ("row", "column"),
    ("first", "second"),
    ("minimum", "maximum"),
    ("input", "output"),
    ("mean", "variance"),
    ("float", "int"),
    ("real", "complex"),
    ("upper", "lower"),
)


def numbered(texts, least):
    """The vocabulary, most frequent first, how often each word occurs, and the texts as numbers, without rare words."""
    counts = Counter(word for words in texts for word in words)
    vocabulary = [word for word, count in counts.most_common() if count >= least]
    number = {word: i for i, word in enumerate(vocabulary)}
    texts = [np.array([number[word] for word in words if word in number], np.int32) for words in texts]
    return vocabulary, np.array([counts[word] for word in vocabulary]), texts


def pairs(texts, counts, rng):
    """(word, word near it) for all texts; frequent words are left out at random, as in section 2.3 of the paper."""
    keep = np.minimum(1.0, np.sqrt(1e-3 * counts.sum() / counts))
    found = []
    for words in texts:
        words = words[rng.random(len(words)) < keep[words]]
        for distance in range(1, WINDOW + 1):
            near = np.stack([words[:-distance], words[distance:]], axis=1)
            found += [near, near[:, ::-1]]
    return rng.permutation(np.concatenate(found))


class SkipGram(nn.Cell):
    """Called with words, words near them, and words drawn for each, it returns the loss."""

    def __init__(self, words, size):
        super().__init__()
        self.vectors = nn.Embedding(words, size)
        self.contexts = nn.Embedding(words, size, embedding_table="zeros")

    def construct(self, word, near, drawn):
        word = self.vectors(word)
        true = (word * self.contexts(near)).sum(axis=1)
        false = (self.contexts(drawn) @ word[:, :, None])[:, :, 0]
        return -(ops.logsigmoid(true) + ops.logsigmoid(-false).sum(axis=1)).mean()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="less text, fewer steps")
    options = parser.parse_args(argv)
    packages, least, size, steps = (
        (("numpy.ma", "numpy.random"), 20, 32, 700) if options.small else (PACKAGES, 50, 64, 8000)
    )

    rng = np.random.default_rng(0)
    adcore.set_seed(0)
    vocabulary, counts, texts = numbered(documents(*packages), least)
    near = pairs(texts, counts, rng)
    print(f"{counts.sum():,} words, {len(vocabulary):,} different ones, {len(near):,} pairs")

    net = SkipGram(len(vocabulary), size)
    optimizer = nn.Adam(net.trainable_params(), nn.CosineDecayLR(0.0, 0.01, steps))
    derivative = value_and_grad(net, None, optimizer.parameters)
    noise = counts**0.75 / (counts**0.75).sum()
    batch, losses = 1024, []
    for step in range(steps):
        rows = near[np.arange(step * batch, (step + 1) * batch) % len(near)]
        drawn = rng.choice(len(vocabulary), (batch, NEGATIVES), p=noise).astype(np.int32)
        loss, gradients = derivative(Tensor(rows[:, 0].copy()), Tensor(rows[:, 1].copy()), Tensor(drawn))
        optimizer(gradients)
        losses.append(float(loss))
        if (step + 1) % (steps // 4) == 0:
            print(f"step {step + 1:5}: loss {np.mean(losses[-steps // 4 :]):.3f}")

    vectors = net.vectors.embedding_table.asnumpy()
    vectors = vectors - vectors.mean(axis=0)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similar = vectors @ vectors.T
    number = {word: i for i, word in enumerate(vocabulary)}
    print()
    ranks = []
    for word, other in RELATED:
        if word in number and other in number:
            order = np.argsort(-similar[number[word]])[1:]
            ranks.append(int(np.flatnonzero(order == number[other])[0]) + 1)
            print(f"{word:8} -> {', '.join(vocabulary[i] for i in order[:5])}")
    place = float(np.median(ranks))
    print(f"\nthe related one of {len(vocabulary):,} words is number {place:g} by nearness (median of {len(ranks)})")
    return losses, place, len(vocabulary)


if __name__ == "__main__":
    main()
