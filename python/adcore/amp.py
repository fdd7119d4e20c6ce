"""Loss scaling: training in float16 without small gradients becoming zero.

The loss is multiplied by a scale before it is differentiated, the gradients are divided by it before the step. A step
whose gradients are not all finite is left out, and the dynamic scale is lowered. Scale and counter are Parameters, so
they are saved and loaded with a network's state. Start reading at `LossScaler.step`.
"""

import math

from . import ops
from ._core import Parameter, Tensor, bfloat16, float16, float32, int32
from .nn.cell import Cell
from .transforms.trees import map_tensors, tensors_of


def all_finite(inputs):
    """Return whether all elements of a Tensor, or of a container of Tensors, are finite, a 0-d Tensor of bool.

    Parameters
    ----------
    inputs : Tensor, or tuple, list or dict of Tensors

    Raises
    ------
    TypeError
        If there are no Tensors.

    Examples
    --------
    >>> from adcore import Tensor, amp
    >>> bool(amp.all_finite((Tensor([1.0, 2.0]), Tensor([float("inf")]))))
    False
    """
    tensors = tensors_of(inputs)
    if not tensors:
        raise TypeError(f"all_finite: expected a Tensor or a container of Tensors, got {type(inputs).__name__}.")
    finite = [ops.isfinite(t).all() for t in tensors]
    return ops.stack(finite).all() if len(finite) > 1 else finite[0]


class LossScaler(Cell):
    """Base class of the loss scalers: a scale, and a step that is left out where gradients are not finite.

    Parameters
    ----------
    scale_value : float or int
        At least 1.

    Attributes
    ----------
    scale_value : Parameter
        The scale, of float32.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of range.
    """

    def __init__(self, scale_value):
        super().__init__(auto_prefix=False)
        if isinstance(scale_value, bool) or not isinstance(scale_value, (int, float)):
            raise TypeError(f"{self.cls_name}: scale_value must be a number, but got {type(scale_value).__name__}.")
        if not 1 <= scale_value < math.inf:
            raise ValueError(f"{self.cls_name}: scale_value must be finite and >= 1, but got {scale_value}.")
        self.scale_value = Parameter(Tensor(scale_value, float32), name="scale_value", requires_grad=False)

    def scale(self, inputs):
        """Return a Tensor, or the Tensors of a container, times the scale, in their own dtypes."""
        return map_tensors(lambda t: (t * self.scale_value).astype(t.dtype), inputs)

    def unscale(self, inputs):
        """Return a Tensor, or the Tensors of a container, divided by the scale, in their own dtypes."""
        return map_tensors(lambda t: (t / self.scale_value).astype(t.dtype), inputs)

    def adjust(self, grads_finite):
        """Change the scale after a step whose gradients were finite or not; return whether the scale may change."""
        raise NotImplementedError(f"{self.cls_name}: adjust(self, grads_finite) is not defined.")

    def step(self, optimizer, gradients):
        """Divide gradients by the scale, do a step of an optimizer if all are finite, and adjust the scale.

        Gradients of half precision are divided in float32, where the small ones keep their digits.

        Parameters
        ----------
        optimizer : Optimizer
        gradients : tuple or list of Tensor
            Those of the scaled loss.

        Returns
        -------
        bool
            Whether the step was done. If not, the Parameters and the optimizer's state are as they were.
        """
        wide = map_tensors(lambda t: t.astype(float32) if t.dtype in (float16, bfloat16) else t, gradients)
        unscaled = self.unscale(wide)
        finite = all_finite(unscaled)
        done = bool(finite)
        if done:
            optimizer(unscaled)
        self.adjust(finite)
        return done


class StaticLossScaler(LossScaler):
    """A scale that stays as it is.

    Parameters
    ----------
    scale_value : float or int
        At least 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of range.

    Examples
    --------
    >>> from adcore import Tensor, amp
    >>> scaler = amp.StaticLossScaler(scale_value=2**10)
    >>> print(scaler.scale(Tensor([1.0])))
    [1024.]
    """

    def adjust(self, grads_finite):
        """Do nothing; return False."""
        return False


class DynamicLossScaler(LossScaler):
    """A scale that falls where gradients overflow and rises again where they do not.

    After `scale_window` steps with finite gradients in a row it is multiplied by `scale_factor`, unless that overflows;
    after one with others it is divided by it, down to 1.

    Parameters
    ----------
    scale_value : float or int
        Where the scale starts, at least 1.
    scale_factor : int
        Positive.
    scale_window : int
        Positive.

    Attributes
    ----------
    counter : Parameter
        The steps with finite gradients since the scale changed, an int32.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of range.

    Examples
    --------
    >>> import adcore as ac
    >>> w = ac.Parameter(ac.Tensor([1.0], ac.float16), name="w")
    >>> scaler = ac.amp.DynamicLossScaler(scale_value=2**10, scale_factor=2, scale_window=100)
    >>> scaler.step(ac.nn.SGD([w], 0.5), (ac.Tensor([float("inf")], ac.float16),))
    False
    >>> float(w[0]), float(scaler.scale_value)
    (1.0, 512.0)
    """

    def __init__(self, scale_value, scale_factor, scale_window):
        super().__init__(scale_value)
        for name, value in (("scale_factor", scale_factor), ("scale_window", scale_window)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"DynamicLossScaler: {name} must be an int, but got {type(value).__name__}.")
            if value <= 0:
                raise ValueError(f"DynamicLossScaler: {name} must be positive, but got {value}.")
        self.scale_factor = scale_factor
        self.scale_window = scale_window
        self.counter = Parameter(Tensor(0, int32), name="counter", requires_grad=False)

    def adjust(self, grads_finite):
        """Raise or lower the scale; return True."""
        finite, scale = ops.cast(Tensor(grads_finite), int32), self.scale_value.value()
        raised = scale * self.scale_factor
        raised = ops.where(ops.isfinite(raised), raised, scale)
        lowered = ops.maximum(scale / self.scale_factor, ops.ones_like(scale))
        kept = ops.where(self.counter == self.scale_window - 1, raised, scale)
        counter = (self.counter + 1) % self.scale_window * finite
        self.scale_value.set_data(ops.where(finite == 1, kept, lowered))
        self.counter.set_data(counter.astype(int32))
        return True


__all__ = ["DynamicLossScaler", "LossScaler", "StaticLossScaler", "all_finite"]
