"""AdaFactor, which keeps of the squares of a matrix of gradients the means of its rows and columns alone.

It is written with ops, so derivatives pass through a step.
"""

from .. import ops
from .._core import Parameter, float16, float32
from ..parameter import ParameterTuple
from .arguments import flag
from .optimizer import Optimizer


def _rms(t):
    return ops.sqrt(ops.mean(ops.square(t)))


class AdaFactor(Optimizer):
    """Adam with a factored second moment and steps in proportion to each Parameter (Shazeer, Stern 2018).

    At step t, with ``b = 1 - t**-decay_rate``, the running means of ``g**2 + eps[0]`` are kept: for a matrix those of
    rows R and columns C, whose squares are taken for ``R C / mean(R)``. The gradient over the root of that is scaled
    down to a root mean square of `clip_threshold` and multiplied by the rate. Its running mean by `beta1`, where that
    is not 0, is subtracted, after the Parameter has lost ``rate * weight_decay`` of itself.

    Parameters
    ----------
    params
        See `Optimizer`.
    learning_rate : float, Tensor, LearningRateSchedule or None, default None
        None with `relative_step`, and only then.
    eps : tuple of float
        What is added to the squares, and the least scale of a Parameter.
    clip_threshold : float, default 1.0
    decay_rate : float, default 0.8
        In (0, 1).
    beta1 : float or None, default 0.9
        Not negative.
    weight_decay : float, default 0.0
        In [0, 1).
    scale_parameter : bool, default True
        Multiply the rate by the root mean square of the Parameter, which counts as ``eps[1]`` at least. Not for a
        schedule or Tensor as the rate.
    relative_step : bool, default True
        Take ``min(0.01, 1 / sqrt(t))`` as the rate.
    warmup_init : bool, default False
        Take ``1e-6 * t`` for 0.01.
    compression : bool, default False
        Keep the squares of vectors in float16.
    loss_scale : float, default 1.0

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`; or if these are out of range or contradict each other.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> w = ac.Parameter(ac.Tensor([3.0, 3.0], ac.float32), name="w")
    >>> optimizer = nn.AdaFactor([w], learning_rate=0.5, relative_step=False, scale_parameter=False, beta1=0.0)
    >>> optimizer((ac.Tensor([2.0, -2.0], ac.float32),))
    (True,)
    >>> print(w.value())
    [2.5 3.5]
    """

    def __init__(
        self,
        params,
        learning_rate=None,
        eps=(1e-30, 1e-3),
        clip_threshold=1.0,
        decay_rate=0.8,
        beta1=0.9,
        weight_decay=0.0,
        scale_parameter=True,
        relative_step=True,
        warmup_init=False,
        compression=False,
        loss_scale=1.0,
    ):
        if (learning_rate is None) != (relative_step is True):
            raise ValueError("AdaFactor: give a learning_rate with relative_step=False, and only then.")
        if warmup_init and not relative_step:
            raise ValueError("AdaFactor: warmup_init needs relative_step=True.")
        super().__init__(0.0 if learning_rate is None else learning_rate, params, weight_decay, loss_scale)
        if not isinstance(eps, (tuple, list)):
            raise TypeError(f"AdaFactor: eps must be a tuple of two floats, but got {eps!r}.")
        if len(eps) != 2:
            raise ValueError(f"AdaFactor: eps must be a tuple of two floats, but got {eps!r}.")
        self.eps = tuple(self._number(f"eps[{i}]", e, low=0.0, exact_type=True) for i, e in enumerate(eps))
        self.clip_threshold = self._number("clip_threshold", clip_threshold, low=0.0, exact_type=True)
        self.decay_rate = self._number("decay_rate", decay_rate, low=0.0, strict=True, exact_type=True)
        if self.decay_rate >= 1 or (isinstance(weight_decay, (int, float)) and weight_decay >= 1):
            raise ValueError(
                f"AdaFactor: decay_rate and weight_decay must be below 1, but got {decay_rate} and {weight_decay}."
            )
        self.beta1 = 0.0 if beta1 is None else self._number("beta1", beta1, low=0.0)
        for name, value in (
            ("scale_parameter", scale_parameter),
            ("relative_step", relative_step),
            ("warmup_init", warmup_init),
            ("compression", compression),
        ):
            flag("AdaFactor", name, value)
        self.scale_parameter = scale_parameter and (learning_rate is None or isinstance(learning_rate, (int, float)))
        self.relative_step, self.warmup_init, self.compression = relative_step, warmup_init, compression
        parameters = self.parameters
        if self.beta1:
            self.exp_avg = parameters.clone(prefix="exp_avg", init="zeros")
        squares = float16 if compression else float32
        self.exp_avg_sq_row = self._squares(parameters, "row", lambda s: s[:-1] if len(s) > 1 else (1,), float32)
        self.exp_avg_sq_col = self._squares(
            parameters, "col", lambda s: (*s[:-2], s[-1]) if len(s) > 1 else (1,), float32
        )
        self.exp_avg_sq = self._squares(parameters, "", lambda s: s if len(s) < 2 else (1,), squares)

    @staticmethod
    def _squares(parameters, word, shape, dtype):
        prefix = "_".join(filter(None, ("exp_avg_sq", word)))
        return ParameterTuple(
            Parameter(ops.zeros(shape(tuple(p.shape)), dtype=dtype), name=f"{prefix}_{p.name}") for p in parameters
        )

    def _directions(self, gradient, b, row, col, square):
        """Return the gradient over the root of the mean of its squares, and the new means."""
        squares = ops.square(gradient) + self.eps[0]
        if gradient.ndim < 2:
            mean = b * square.astype(squares.dtype) + (1 - b) * squares
            return gradient / ops.sqrt(mean), ((square, mean),)
        rows = b * row + (1 - b) * ops.mean(squares, -1)
        columns = b * col + (1 - b) * ops.mean(squares, -2)
        of_row = ops.sqrt(rows / ops.mean(rows, -1, True))
        return gradient / (ops.unsqueeze(of_row, -1) * ops.unsqueeze(ops.sqrt(columns), -2)), (
            (row, rows),
            (col, columns),
        )

    def construct(self, gradients):
        """Do one step with the gradients of ``self.parameters``, a tuple or list of Tensors."""
        gradients = self.scale_grad(self._checked(gradients))
        count = len(gradients)
        rates, decays = self.get_lr(), self._decays()
        rates = rates if isinstance(rates, tuple) else (rates,) * count
        decays = decays if isinstance(decays, (tuple, list)) else (decays,) * count
        step = self.global_step + 1
        t = step.astype(float32)
        if self.relative_step:
            least = 1e-6 * t if self.warmup_init else ops.full_like(t, 1e-2)
            rates = (ops.minimum(least, 1 / ops.sqrt(t)),) * count
        b = 1 - t**-self.decay_rate
        values = []
        for i, (param, gradient, rate, decay) in enumerate(zip(self.parameters, gradients, rates, decays)):
            p, g = param.astype(float32), gradient.astype(float32)
            if self.scale_parameter:
                rate = rate * ops.maximum(_rms(p), self.eps[1])
            update, means = self._directions(g, b, self.exp_avg_sq_row[i], self.exp_avg_sq_col[i], self.exp_avg_sq[i])
            update = rate * update / ops.maximum(_rms(update) / self.clip_threshold, 1.0)
            if self.beta1:
                update = self.beta1 * self.exp_avg[i] + (1 - self.beta1) * update
                means = (*means, (self.exp_avg[i], update))
            values += [*means, (param, p - rate * decay * p - update)]
        for cell, value in values:
            cell.set_data(ops.reshape(value.astype(cell.dtype), cell.shape))
        self.global_step.set_data(step)
        return self._done
