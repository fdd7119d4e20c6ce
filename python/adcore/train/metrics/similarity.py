"""Metrics of likeness: of sets, of vectors, of texts."""

import math
from collections import Counter

import numpy as np

from .metric import Metric, rearrange_inputs

__all__ = ["BleuScore", "CosineSimilarity", "Dice"]


class Dice(Metric):
    """The mean over the batches of the Dice coefficient, ``2 |a b| / (|a|**2 + |b|**2)``, of how far two sets overlap.

    ``update(a, b)`` takes zeros and ones, or fractions, of one shape. (MindSpore divides the sum by the number of
    samples, so that its result depends on how many a batch has.)

    Parameters
    ----------
    smooth : float, default 1e-5
        What is added to the denominator; greater than 0.

    Raises
    ------
    ValueError
        If it is not.

    Examples
    --------
    >>> from adcore.train import Dice
    >>> round(Dice()([[1, 1, 0]], [[1, 0, 0]]), 4)
    0.6667
    """

    def __init__(self, smooth=1e-5):
        super().__init__()
        if not smooth > 0:
            raise ValueError(f"Dice: smooth must be greater than 0, got {smooth}.")
        self.smooth = smooth
        self.clear()

    def clear(self):
        """Forget all batches."""
        self._sum, self._batches = 0.0, 0

    @rearrange_inputs
    def update(self, *inputs):
        """Take in the predicted and the true members of a batch."""
        a, b = self._pair(inputs)
        if a.shape != b.shape:
            raise self._fault(f"the shapes {a.shape} and {b.shape} differ")
        a, b = a.astype(np.float64), b.astype(np.float64)
        self._sum += float(2 * (a * b).sum() / ((a * a).sum() + (b * b).sum() + self.smooth))
        self._batches += 1

    def eval(self):
        """Return the mean, a float; a RuntimeError if there were no batches."""
        self._require(self._batches)
        return self._sum / self._batches


class CosineSimilarity(Metric):
    """How alike the vectors of a batch are to each other: a square array.

    ``update(vectors)`` takes an array of shape (N, D). The result is that of the last batch.

    Parameters
    ----------
    similarity : {"cosine", "dot"}
        The cosine of their angle, or their product. That with a vector of zeros is 0.
    reduction : {"none", "sum", "mean"}
        Of each row.
    zero_diagonal : bool, default True
        Set the likeness of each vector to itself to 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind.

    Examples
    --------
    >>> from adcore.train import CosineSimilarity
    >>> CosineSimilarity()([[3.0, 4.0], [8.0, 6.0]]).round(2).tolist()
    [[0.0, 0.96], [0.96, 0.0]]
    """

    def __init__(self, similarity="cosine", reduction="none", zero_diagonal=True):
        super().__init__()
        for argument, value, known in (
            ("similarity", similarity, ("cosine", "dot")),
            ("reduction", reduction, ("none", "sum", "mean")),
        ):
            if value not in known:
                raise ValueError(f"CosineSimilarity: {argument} must be one of {', '.join(known)}, got {value!r}.")
        if not isinstance(zero_diagonal, bool):
            raise TypeError(f"CosineSimilarity: zero_diagonal must be a bool, got {type(zero_diagonal).__name__}.")
        self.similarity, self.reduction, self.zero_diagonal = similarity, reduction, zero_diagonal
        self.clear()

    def clear(self):
        """Forget the batch."""
        self._found = None

    @rearrange_inputs
    def update(self, *inputs):
        """Take in the vectors of a batch."""
        if len(inputs) != 1:
            raise ValueError(f"CosineSimilarity.update: it needs 1 input, the vectors, got {len(inputs)}.")
        vectors = self._convert_data(inputs[0]).astype(np.float64)
        if vectors.ndim != 2:
            raise self._fault(f"the vectors must have the shape (N, D), got {vectors.shape}")
        if self.similarity == "cosine":
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
        self._found = vectors @ vectors.T
        if self.zero_diagonal:
            np.fill_diagonal(self._found, 0)

    def eval(self):
        """Return the array; a RuntimeError if there was no batch."""
        self._require(self._found is not None)
        return {"none": np.copy, "sum": lambda a: a.sum(axis=-1), "mean": lambda a: a.mean(axis=-1)}[self.reduction](
            self._found
        )


class BleuScore(Metric):
    """How alike translated texts are to references: the geometric mean of the precisions of their n-grams.

    ``update(texts, references)`` takes a list of texts, which are lists of words, and for each a list of references. A
    text that is shorter than its references is marked down. (K. Papineni et al., BLEU: a method for automatic
    evaluation of machine translation, 2002.)

    Parameters
    ----------
    n_gram : int, default 4
        The longest n-grams, from 1 to 4 words.
    smooth : bool, default False
        Add 1 to all counts. (C.-Y. Lin and F. J. Och, 2004.)

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind.

    Examples
    --------
    >>> from adcore.train import BleuScore
    >>> text, references = "the cat sat on a mat".split(), ["the cat sat on the mat".split()]
    >>> round(BleuScore(n_gram=2)([text], [references]), 4)
    0.7071
    """

    def __init__(self, n_gram=4, smooth=False):
        super().__init__()
        if type(n_gram) is not int or not 1 <= n_gram <= 4:
            raise ValueError(f"BleuScore: n_gram must be an int from 1 to 4, got {n_gram!r}.")
        if not isinstance(smooth, bool):
            raise TypeError(f"BleuScore: smooth must be a bool, got {type(smooth).__name__}.")
        self.n_gram, self.smooth = n_gram, smooth
        self.clear()

    def clear(self):
        """Forget all texts."""
        self._right, self._all = np.zeros(self.n_gram), np.zeros(self.n_gram)
        self._words = self._reference_words = 0
        self._texts = 0

    @rearrange_inputs
    def update(self, *inputs):
        """Take in texts and their references."""
        if len(inputs) != 2 or len(inputs[0]) != len(inputs[1]):
            given = " and ".join(str(len(i)) for i in inputs)
            raise ValueError(f"BleuScore.update: it needs texts and as many lists of references, got {given}.")
        for text, references in zip(*inputs):
            self._words += len(text)
            # Of references that are as near in length, the first.
            self._reference_words += min((len(r) for r in references), key=lambda length: abs(length - len(text)))
            for n in range(1, self.n_gram + 1):
                most = Counter()
                for reference in references:
                    most |= _n_grams(reference, n)
                found = _n_grams(text, n)
                self._right[n - 1] += (found & most).total()
                self._all[n - 1] += found.total()
            self._texts += 1

    def eval(self):
        """Return the score, a float; a RuntimeError if there were no texts."""
        self._require(self._texts)
        if self._right.min() == 0:
            return 0.0
        precisions = (self._right + self.smooth) / (self._all + self.smooth)
        brevity = 1.0 if self._words > self._reference_words else math.exp(1 - self._reference_words / self._words)
        return brevity * math.exp(np.log(precisions).mean())


def _n_grams(text, n):
    return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))
