"""Layers that normalize: over the batch, over the channels of a sample, over its last axes.

Scale and shift are the Parameters `gamma` and `beta`. Running statistics are Parameters, too, so that they are saved
with the others; nothing differentiates by them, and `Cell.to_float` leaves them in their dtype.
"""

from .. import ops
from .._core import Tensor, float32
from .arguments import flag, number, parameter, positive, require_axes, sizes
from .cell import Cell


class _Running(Cell):
    """What has running statistics of each channel."""

    _ranks: tuple[int, ...]
    _words: str
    _keep_dtype = ("moving_mean", "moving_variance")

    def __init__(self, num_features, eps, momentum, affine, gamma_init, beta_init, mean_init, var_init, dtype):
        super().__init__()
        name = self.cls_name
        self.num_features = positive(name, "num_features", num_features)
        self.eps = number(name, "eps", eps)
        if not 0 <= number(name, "momentum", momentum) <= 1:
            raise ValueError(f"{name}: momentum must be in [0, 1], but got {momentum}.")
        self.momentum = momentum
        flag(name, "affine", affine)
        shape = (num_features,)
        self.moving_mean = parameter(name, "mean", mean_init, shape, dtype, False)
        self.moving_variance = parameter(name, "variance", var_init, shape, dtype, False)
        self.gamma = parameter(name, "gamma", gamma_init, shape, dtype, affine)
        self.beta = parameter(name, "beta", beta_init, shape, dtype, affine)

    def _check(self, x):
        require_axes(self.cls_name, x, self._ranks, self._words)
        if x.shape[1] != self.num_features:
            raise ValueError(
                f"{self.cls_name}: the input must have {self.num_features} channels, but got the shape {x.shape}."
            )

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"num_features={self.num_features}, eps={self.eps}, momentum={self.momentum}"


class _BatchNorm(_Running):
    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.9,
        affine=True,
        gamma_init="ones",
        beta_init="zeros",
        moving_mean_init="zeros",
        moving_var_init="ones",
        use_batch_statistics=None,
        data_format="NCHW",
        dtype=float32,
    ):
        super().__init__(
            num_features, eps, momentum, affine, gamma_init, beta_init, moving_mean_init, moving_var_init, dtype
        )
        if use_batch_statistics is not None:
            flag(self.cls_name, "use_batch_statistics", use_batch_statistics)
        self.use_batch_statistics = use_batch_statistics
        if data_format != "NCHW":
            raise ValueError(f"{self.cls_name}: data_format must be 'NCHW', but got {data_format!r}.")

    def construct(self, x) -> Tensor:
        """Normalize `x`; in training mode move the running statistics."""
        self._check(x)
        training = self.training if self.use_batch_statistics is None else self.use_batch_statistics
        return ops.batch_norm(
            x, self.moving_mean, self.moving_variance, self.gamma, self.beta, training, 1 - self.momentum, self.eps
        )


class BatchNorm1d(_BatchNorm):
    """Normalize each channel over the batch: see `BatchNorm2d`. The input is (batch, channels) or has one axis more.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> norm = nn.BatchNorm1d(2).set_train()
    >>> print(norm(Tensor([[1.0, 2.0], [3.0, 6.0]])))
    [[-0.999995   -0.99999875]
     [ 0.999995    0.99999875]]
    >>> print(norm.moving_mean.value(), norm.moving_variance.value())
    [0.2 0.4] [1.1 1.7]
    """

    _ranks, _words = (2, 3), "(batch, channels) or (batch, channels, length)"
    _samples = (
        "BatchNorm1d(3, dtype=float64)(x(4, 3))",
        "BatchNorm1d(3, use_batch_statistics=True, dtype=float64)(x(2, 3, 2))",
    )


class BatchNorm2d(_BatchNorm):
    """Normalize each channel over the batch: ``(x - mean) / sqrt(variance + eps) * gamma + beta``.

    In training mode mean and variance are those of the batch, and the running ones move towards them (the variance is
    that of the population then): ``momentum * running + (1 - momentum) * batch``. Else they are the running ones.

    Parameters
    ----------
    num_features : int
        The number of channels, axis 1 of the input.
    eps : float
    momentum : float
        How much of the running statistics stays, in [0, 1]. PyTorch's momentum is one minus this.
    affine : bool
        Whether gamma and beta are trained.
    gamma_init, beta_init, moving_mean_init, moving_var_init : Tensor, str, Initializer or number
        See `adcore.common.initializer.initializer`.
    use_batch_statistics : bool, optional
        Where not None: whether the statistics are those of the batch, in training mode or not.
    data_format : {'NCHW'}
    dtype : dtype
        Of the Parameters, where they are not given as Tensors.

    Attributes
    ----------
    gamma, beta : Parameter, shape (num_features,)
    moving_mean, moving_variance : Parameter, shape (num_features,)
        Their ``requires_grad`` is False.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for an input of another rank or number of channels, or one value
        per channel in training; the running statistics are as before then.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.BatchNorm2d(3)(ops.ones((5, 3, 4, 4))).shape
    (5, 3, 4, 4)
    """

    _ranks, _words = (4,), "(batch, channels, height, width)"
    _samples = ("BatchNorm2d(2, dtype=float64)(x(2, 2, 2, 3))",)


class BatchNorm3d(_BatchNorm):
    """Normalize each channel of volumes over the batch: see `BatchNorm2d`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.BatchNorm3d(3)(ops.ones((5, 3, 2, 2, 2))).shape
    (5, 3, 2, 2, 2)
    """

    _ranks, _words = (5,), "(batch, channels, depth, height, width)"
    _samples = ("BatchNorm3d(2, dtype=float64)(x(2, 2, 2, 1, 2))",)

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.9,
        affine=True,
        gamma_init="ones",
        beta_init="zeros",
        moving_mean_init="zeros",
        moving_var_init="ones",
        use_batch_statistics=None,
        dtype=float32,
    ):
        super().__init__(
            num_features,
            eps,
            momentum,
            affine,
            gamma_init,
            beta_init,
            moving_mean_init,
            moving_var_init,
            use_batch_statistics,
            dtype=dtype,
        )


class _InstanceNorm(_Running):
    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        gamma_init="ones",
        beta_init="zeros",
        dtype=float32,
    ):
        super().__init__(num_features, eps, momentum, affine, gamma_init, beta_init, "zeros", "ones", dtype)

    def construct(self, x) -> Tensor:
        """Normalize `x`; in training mode move the running statistics."""
        self._check(x)
        running = (self.moving_mean, self.moving_variance) if self.training else (None, None)
        return ops.instance_norm(x, *running, self.gamma, self.beta, True, self.momentum, self.eps)  # type: ignore[call-arg]


class InstanceNorm1d(_InstanceNorm):
    """Normalize each channel of each sample along one axis: see `InstanceNorm2d`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.InstanceNorm1d(3)(ops.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    _ranks, _words = (3,), "(batch, channels, length)"
    _samples = ("InstanceNorm1d(2, dtype=float64)(x(2, 2, 3))",)


class InstanceNorm2d(_InstanceNorm):
    """Normalize each channel of each image: ``(x - mean) / sqrt(variance + eps) * gamma + beta``.

    Mean and variance are always those of the image. In training mode the running ones move towards their averages:
    ``(1 - momentum) * running + momentum * batch``; nothing reads them.

    Parameters
    ----------
    num_features : int
        The number of channels, axis 1 of the input.
    eps, momentum : float
    affine : bool
        Whether gamma and beta are trained.
    gamma_init, beta_init : Tensor, str, Initializer or number
        See `adcore.common.initializer.initializer`.
    dtype : dtype
        Of the Parameters, where they are not given as Tensors.

    Attributes
    ----------
    gamma, beta : Parameter, shape (num_features,)
    moving_mean, moving_variance : Parameter, shape (num_features,)
        Their ``requires_grad`` is False.

    Raises
    ------
    TypeError, ValueError
        As `BatchNorm2d`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.InstanceNorm2d(3)(ops.ones((5, 3, 4, 4))).shape
    (5, 3, 4, 4)
    """

    _ranks, _words = (4,), "(batch, channels, height, width)"
    _samples = ("InstanceNorm2d(2, dtype=float64)(x(1, 2, 2, 3))",)


class InstanceNorm3d(_InstanceNorm):
    """Normalize each channel of each volume: see `InstanceNorm2d`.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.InstanceNorm3d(3)(ops.ones((5, 3, 2, 2, 2))).shape
    (5, 3, 2, 2, 2)
    """

    _ranks, _words = (5,), "(batch, channels, depth, height, width)"
    _samples = ("InstanceNorm3d(2, dtype=float64)(x(1, 2, 2, 1, 3))",)


def _shape(cell, normalized_shape):
    values = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
    if not len(values):
        raise ValueError(f"{cell}: normalized_shape must have a size, but got {normalized_shape!r}.")
    return sizes(cell, "normalized_shape", tuple(values), len(values))


class LayerNorm(Cell):
    """Normalize along the last axes: ``(x - mean) / sqrt(variance + epsilon) * gamma + beta``.

    Parameters
    ----------
    normalized_shape : int, tuple or list of int
        The shape of gamma and beta, the sizes of the last axes.
    begin_norm_axis : int
        The first axis that is normalized along. With the default, -1, the axes are those of `normalized_shape`.
    begin_params_axis : int
        The first axis of gamma and beta. With the default, -1, those of `normalized_shape`.
    gamma_init, beta_init : Tensor, str, Initializer or number
        See `adcore.common.initializer.initializer`.
    epsilon : float
    dtype : dtype
        Of the Parameters, where they are not given as Tensors.

    Attributes
    ----------
    gamma, beta : Parameter, shape normalized_shape

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for an input that does not end with `normalized_shape`.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.LayerNorm((2,), epsilon=0.0)(Tensor([[-1.0, 1.0]])))
    [[-1.  1.]]
    """

    _samples = (
        "LayerNorm((4,), dtype=float64)(x(3, 4))",
        "LayerNorm([3, 2], 1, 1, dtype=float64)(x(2, 3, 2))",
        "LayerNorm((2,), 1, dtype=float64)(x(2, 3, 2))",
    )

    def __init__(
        self,
        normalized_shape,
        begin_norm_axis=-1,
        begin_params_axis=-1,
        gamma_init="ones",
        beta_init="zeros",
        epsilon=1e-7,
        dtype=float32,
    ):
        super().__init__()
        self.normalized_shape = _shape("LayerNorm", normalized_shape)
        for name, axis in (("begin_norm_axis", begin_norm_axis), ("begin_params_axis", begin_params_axis)):
            if isinstance(axis, bool) or not isinstance(axis, int):
                raise TypeError(f"LayerNorm: {name} must be an int, but got {type(axis).__name__}.")
        self.begin_norm_axis, self.begin_params_axis = begin_norm_axis, begin_params_axis
        self.epsilon = number("LayerNorm", "epsilon", epsilon)
        self.gamma = parameter("LayerNorm", "gamma", gamma_init, self.normalized_shape, dtype)
        self.beta = parameter("LayerNorm", "beta", beta_init, self.normalized_shape, dtype)

    def construct(self, x) -> Tensor:
        """Normalize `x`."""
        if self.begin_norm_axis == self.begin_params_axis == -1:
            return ops.layer_norm(x, self.normalized_shape, self.gamma, self.beta, self.epsilon)
        if not isinstance(x, Tensor):
            raise TypeError(f"LayerNorm: the input must be a Tensor, but got {type(x).__name__}.")
        length = len(self.normalized_shape)
        first, of_params = (
            x.ndim - length if axis == -1 else axis % x.ndim if -x.ndim <= axis < x.ndim else None
            for axis in (self.begin_norm_axis, self.begin_params_axis)
        )
        if first is None or of_params is None or first < 0 or x.shape[of_params:] != self.normalized_shape:
            raise ValueError(
                f"LayerNorm: normalized_shape={self.normalized_shape}, begin_norm_axis={self.begin_norm_axis} and "
                f"begin_params_axis={self.begin_params_axis} do not fit an input of shape {x.shape}."
            )
        return ops.layer_norm(x, x.shape[first:], eps=self.epsilon) * self.gamma + self.beta

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return (
            f"normalized_shape={self.normalized_shape}, begin_norm_axis={self.begin_norm_axis}, "
            f"begin_params_axis={self.begin_params_axis}"
        )


class RMSNorm(Cell):
    """Divide by the root of the mean square along the last axes: ``x / sqrt(mean(x**2) + eps) * weight``.

    Parameters
    ----------
    normalized_shape : int, tuple or list of int
        The sizes of the last axes.
    eps : float, optional
        The distance from 1 to the next number of the dtype.
    elementwise_affine : bool
        Whether there is a weight.
    dtype : dtype
        Of the Parameter.

    Attributes
    ----------
    weight : Parameter, shape normalized_shape, or None

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for an input that does not end with `normalized_shape`.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> print(nn.RMSNorm(2, eps=0.0)(Tensor([[-2.0, 2.0]])))
    [[-1.  1.]]
    """

    _samples = ("RMSNorm(4, dtype=float64)(x(3, 4))",)

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, dtype=float32):
        super().__init__()
        self.normalized_shape = _shape("RMSNorm", normalized_shape)
        self.eps = eps if eps is None else number("RMSNorm", "eps", eps)
        self.weight = None
        if flag("RMSNorm", "elementwise_affine", elementwise_affine):
            self.weight = parameter("RMSNorm", "weight", "ones", self.normalized_shape, dtype)

    def construct(self, x) -> Tensor:
        """Normalize `x`."""
        return ops.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"normalized_shape={self.normalized_shape}, eps={self.eps}"


class GroupNorm(Cell):
    """Normalize groups of neighbouring channels of each sample.

    Parameters
    ----------
    num_groups, num_channels : int
        The first divides the second, the size of axis 1 of the input.
    eps : float
    affine : bool
        Whether gamma and beta are trained.
    gamma_init, beta_init : Tensor, str, Initializer or number
        See `adcore.common.initializer.initializer`.
    dtype : dtype
        Of the Parameters, where they are not given as Tensors.

    Attributes
    ----------
    gamma, beta : Parameter, shape (num_channels,)

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong kind. At the call: for an input with another number of channels.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> nn.GroupNorm(2, 4)(ops.ones((5, 4, 3, 3))).shape
    (5, 4, 3, 3)
    """

    _samples = ("GroupNorm(2, 4, dtype=float64)(x(2, 4, 3))",)

    def __init__(
        self, num_groups, num_channels, eps=1e-5, affine=True, gamma_init="ones", beta_init="zeros", dtype=float32
    ):
        super().__init__()
        self.num_groups = positive("GroupNorm", "num_groups", num_groups)
        self.num_channels = positive("GroupNorm", "num_channels", num_channels)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_groups must divide num_channels, but got {num_groups} and {num_channels}."
            )
        self.eps = number("GroupNorm", "eps", eps)
        self.affine = flag("GroupNorm", "affine", affine)
        self.gamma = parameter("GroupNorm", "gamma", gamma_init, (num_channels,), dtype, affine)
        self.beta = parameter("GroupNorm", "beta", beta_init, (num_channels,), dtype, affine)

    def construct(self, x) -> Tensor:
        """Normalize `x`, (batch, num_channels, ...)."""
        return ops.group_norm(x, self.num_groups, self.gamma, self.beta, self.eps)

    def extend_repr(self):
        """Return the options that ``repr`` shows."""
        return f"num_groups={self.num_groups}, num_channels={self.num_channels}"
