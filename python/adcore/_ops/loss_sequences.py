"""The loss of sequences of labels without an alignment, written with other ops."""

from __future__ import annotations

import itertools
import math

from adcore._core import Tensor, int64
from adcore._ops import native
from adcore._ops.declare import Lengths, Reduction, op
from adcore._ops.loss_parts import check_reduction, floats, whole
from adcore._ops.math import clamp
from adcore._ops.precision import rounded
from adcore._ops.shape import split

PAGE = "Losses"

_IMPOSSIBLE = -1e30  # a logarithm that no sum of others reaches, and finite, so that its derivative is


def _lengths(name, lengths, count, most, what) -> list[int]:
    if isinstance(lengths, Tensor):
        lengths = lengths.tolist()
    lengths = [lengths] if isinstance(lengths, int) else list(lengths)
    if len(lengths) != count or not all(isinstance(n, int) and not isinstance(n, bool) for n in lengths):
        raise ValueError(f"ctc_loss: {name} must be {count} integers, one for each sequence, got {lengths}.")
    if not all(0 <= n <= most for n in lengths):
        raise ValueError(f"ctc_loss: {name} must be in [0, {most}], {what}, got {lengths}.")
    return lengths


@op(
    samples=(
        "ctc_loss(log_softmax(x(5, 2, 3), -1), i(2, 2, n=2) + 1, [5, 4], [2, 1])",
        "ctc_loss(x(4, 3), i(2, n=2), 4, 2, 2, 'none')",
    ),
    cell="CTCLoss",
)
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Connectionist temporal classification: how improbable a sequence of labels is over all its alignments.

    A. Graves, S. Fernandez, F. Gomez, J. Schmidhuber: Connectionist temporal classification. ICML 2006. The forward
    algorithm, in logarithms.

    Parameters
    ----------
    log_probs : Tensor
        Logarithms of probabilities, of shape (time, n, classes), or (time, classes). The derivative is that by these
        numbers; PyTorch's is right only behind a log_softmax, where both are the same.
    targets : Tensor
        Labels, integers without the blank: (n, longest), padded at the end with anything, or all sequences one
        after the other along one axis.
    input_lengths, target_lengths : Tensor, sequence of int, or int
        The length of each sequence.
    blank : int, default 0
        The class that stands for no label.
    reduction : {"mean", "sum", "none"}
        The mean divides each loss by the length of its target first.
    zero_infinity : bool, default False
        A target that is too long for its input has an infinite loss; this makes it 0. Its derivative is 0 either way.

    Raises
    ------
    TypeError, ValueError, IndexError
        For operands that do not fit, or a label that is none.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> quarter = ops.log(ops.full((2, 1, 2), 0.5))
    >>> print(ops.exp(-ops.ctc_loss(quarter, Tensor([[1]]), [2], [1])))
    0.75
    """
    (wide,) = floats("ctc_loss", log_probs=log_probs)
    labels = whole("ctc_loss", "targets", targets)
    check_reduction("ctc_loss", reduction)
    if log_probs.ndim not in (2, 3):
        raise ValueError(f"ctc_loss: log_probs must be (time, n, classes) or (time, classes), got {log_probs.shape}.")
    alone = log_probs.ndim == 2
    if alone:
        wide = native.expand_dims(wide, 1)
    time, count, classes = wide.shape
    if isinstance(blank, bool) or not isinstance(blank, int) or not 0 <= blank < classes:
        raise ValueError(f"ctc_loss: blank must be a class in [0, {classes}), got {blank!r}.")
    times = _lengths("input_lengths", input_lengths, count, time, "the length in time")
    if labels.ndim == 1:
        wanted = _lengths("target_lengths", target_lengths, count, labels.shape[0], "the number of targets")
        if not alone and sum(wanted) != labels.shape[0]:
            raise ValueError(f"ctc_loss: target_lengths sum to {sum(wanted)} for {labels.shape[0]} targets.")
        longest = max(wanted, default=0)
        ends = list(itertools.accumulate(wanted))
        parts = [native.pad(labels[end - n : end], (0, longest - n)) for n, end in zip(wanted, ends, strict=True)]
        labels = native.stack(parts) if parts else native.zeros((0, 0), int64)
    elif labels.ndim == 2 and labels.shape[0] == count:
        longest = labels.shape[1]
        wanted = _lengths("target_lengths", target_lengths, count, longest, "the longest target")
    else:
        raise ValueError(f"ctc_loss: targets of shape {targets.shape} do not fit {count} sequences.")
    steps, sizes = (native.reshape(Tensor(n, int64), (count, 1)) for n in (times, wanted))

    # A path goes through blank, label, blank, label, ..., blank; it stays, goes on, or leaves out a blank between two
    # different labels.
    inside = native.less(native.arange(longest), sizes)
    wrong = native.logical_and(inside, native.logical_or(native.less(labels, 0), native.equal(labels, blank)))
    labels = native.where(wrong, classes, native.where(inside, labels, blank))
    blanks = native.full((count, longest, 1), blank, dtype=int64)
    path = native.reshape(native.concat([blanks, native.expand_dims(labels, 2)], 2), (count, 2 * longest))
    path = native.concat([path, native.full((count, 1), blank, dtype=int64)], 1)
    states = 2 * longest + 1
    before = native.pad(path, (2, -2), value=blank) if longest else path
    skips = native.logical_and(native.not_equal(path, blank), native.not_equal(path, before))
    places = native.broadcast_to(native.expand_dims(path, 0), (time, count, states))
    emitted = native.maximum(native.gather_elements(wide, 2, places), _IMPOSSIBLE)
    position = native.arange(states)
    reached = native.broadcast_to(native.where(native.equal(position, 0), 0.0, _IMPOSSIBLE), (count, states))
    reached = native.cast(reached, wide.dtype)
    shortest = min(times, default=0)
    for t, now in enumerate(split(emitted, 1) if time else ()):
        ways = [reached]
        if longest:
            ways.append(native.pad(reached, (1, -1), value=_IMPOSSIBLE))
            ways.append(native.where(skips, native.pad(reached, (2, -2), value=_IMPOSSIBLE), _IMPOSSIBLE))
        following = native.add(native.logsumexp(native.stack(ways), 0), native.squeeze(now, 0))
        reached = following if t < shortest else native.where(native.greater(steps, t), following, reached)
    ends = native.logical_or(native.equal(position, 2 * sizes), native.equal(position, 2 * sizes - 1))
    likely = native.logsumexp(native.where(ends, reached, _IMPOSSIBLE), 1)
    loss = native.where(native.less(likely, _IMPOSSIBLE / 10), 0.0 if zero_infinity else math.inf, -likely)
    if reduction == "mean":
        loss = native.mean(native.div(loss, clamp(native.cast(native.reshape(sizes, (-1,)), wide.dtype), 1)))
    elif reduction == "sum":
        loss = native.sum(loss)
    elif alone:
        loss = native.reshape(loss, ())
    return rounded(loss, log_probs)
