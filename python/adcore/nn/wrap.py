"""Cells around networks: the loss, its derivative, a training step with and without loss scaling, an evaluation."""

import math

from adcore import ops
from adcore._core import Parameter, Tensor, bfloat16, float16, float32, int32
from adcore.communication import ParallelMode, broadcast_parameters, get_auto_parallel_context, get_group_size
from adcore.transforms import jvp, value_and_grad, vjp
from adcore.transforms.grad_operation import GradOperation, gradients_of
from adcore.transforms.maps import HyperMap
from adcore.transforms.options import check_callable, check_flag, checked_weights, taken_sens
from adcore.transforms.trees import map_tensors, tensors_of

from .cell import Cell
from .distributed import DistributedGradReducer


def _check_cell(name, argument, value):
    if not isinstance(value, Cell):
        raise TypeError(f"{name}: {argument} must be a Cell, got {type(value).__name__}.")


class WithLossCell(Cell):
    """A network and its loss as one cell.

    Parameters
    ----------
    backbone : Cell
        Takes the data.
    loss_fn : Cell or callable
        Takes the network's output and the label.

    Raises
    ------
    TypeError
        If `backbone` is no Cell or `loss_fn` cannot be called.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> net = nn.Dense(3, 1, weight_init="ones", bias_init="zeros")
    >>> float(nn.WithLossCell(net, nn.MSELoss())(ops.ones((4, 3)), ops.zeros((4, 1))))
    9.0
    """

    def __init__(self, backbone, loss_fn):
        super().__init__(auto_prefix=False)
        _check_cell("WithLossCell", "backbone", backbone)
        check_callable("WithLossCell", loss_fn)
        self._backbone = backbone
        self._loss_fn = loss_fn

    def construct(self, data, label):
        """Return the loss of the network's output for `data`."""
        return self._loss_fn(self._backbone(data), label)

    @property
    def backbone_network(self):
        """The network."""
        return self._backbone


class WithEvalCell(Cell):
    """A network for evaluation: returns the loss, the output and the label.

    Parameters
    ----------
    network : Cell
        Takes the data.
    loss_fn : Cell or callable
        Takes the network's output and the label.
    add_cast_fp32 : bool, default False
        Cast what is floating-point of the output and the label to float32 first.

    Raises
    ------
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> net = nn.Dense(3, 1, weight_init="ones", bias_init="zeros")
    >>> loss, output, label = nn.WithEvalCell(net, nn.MSELoss())(ops.ones((4, 3)), ops.zeros((4, 1)))
    >>> float(loss), output.shape
    (9.0, (4, 1))
    """

    def __init__(self, network, loss_fn, add_cast_fp32=False):
        super().__init__(auto_prefix=False)
        _check_cell("WithEvalCell", "network", network)
        check_callable("WithEvalCell", loss_fn)
        check_flag("WithEvalCell", "add_cast_fp32", add_cast_fp32)
        self._network = network
        self._loss_fn = loss_fn
        self.add_cast_fp32 = add_cast_fp32

    def construct(self, data, label):
        """Return loss, output and label."""
        output = self._network(data)
        if self.add_cast_fp32:
            output, label = map_tensors(_as_float32, output), map_tensors(_as_float32, label)
        return self._loss_fn(output, label), output, label


def _as_float32(tensor):
    return tensor.float() if tensor.dtype.is_floating_point else tensor


class ParameterUpdate(Cell):
    """Gives a Parameter a value.

    Parameters
    ----------
    param : Parameter

    Raises
    ------
    TypeError
        If `param` is no Parameter.

    Examples
    --------
    >>> from adcore import Parameter, Tensor, nn
    >>> w = Parameter(Tensor([1.0]), name="w")
    >>> print(nn.ParameterUpdate(w)(Tensor([3.0])), w.asnumpy())
    [3.] [3.]
    """

    def __init__(self, param):
        super().__init__(auto_prefix=False)
        if not isinstance(param, Parameter):
            raise TypeError(f"ParameterUpdate: param must be a Parameter, got {type(param).__name__}.")
        self._param = param

    def construct(self, x):
        """Write the value, and return it."""
        ops.assign(self._param, x)
        return x


class ForwardValueAndGrad(Cell):
    """A network that returns its value and derivatives.

    Parameters
    ----------
    network : Cell or callable
    weights : Parameter, or list or tuple of Parameter, optional
        What `get_by_list` differentiates; by default the trainable Parameters of the network.
    get_all : bool, default False
        Differentiate all inputs that are tensors; with neither this nor `get_by_list`, the first.
    get_by_list : bool, default False
        Differentiate `weights`.
    sens_param : bool, default False
        The last argument of a call, or the keyword `sens`, is the cotangent of the output.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind, or there are no weights to differentiate.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> value, gradient = nn.ForwardValueAndGrad(lambda x: x * x)(Tensor(3.0))
    >>> float(value), float(gradient)
    (9.0, 6.0)
    """

    def __init__(self, network, weights=None, get_all=False, get_by_list=False, sens_param=False):
        super().__init__(auto_prefix=False)
        if not callable(network):
            raise TypeError(
                f"ForwardValueAndGrad: network must be a Cell, a function or a method, got {type(network).__name__}."
            )
        for option, value in (("get_all", get_all), ("get_by_list", get_by_list), ("sens_param", sens_param)):
            check_flag("ForwardValueAndGrad", option, value)
        if get_by_list and weights is None:
            if not isinstance(network, Cell):
                raise ValueError("ForwardValueAndGrad: get_by_list needs weights, or a Cell that has Parameters.")
            weights = tuple(network.trainable_params())
        checked_weights("ForwardValueAndGrad", weights)
        self.network = network
        self.weights = weights
        self.get_all = get_all
        self.get_by_list = get_by_list
        self.sens_param = sens_param

    def construct(self, *inputs, **kwargs):
        """Return the network's value and the derivatives."""
        sens = None
        if self.sens_param:
            inputs, kwargs, sens = taken_sens("ForwardValueAndGrad", inputs, kwargs)
        weights = self.weights if self.get_by_list else None
        return gradients_of(self.network, inputs, kwargs, self.get_all, weights, sens)


class TrainOneStepCell(Cell):
    """A training step: value and derivatives of a network with loss, then the optimizer.

    Parameters
    ----------
    network : Cell
        Returns the loss.
    optimizer : Cell
        Updates its ``parameters``.
    sens : float, default 1.0
        What the loss is multiplied with before it is differentiated, and so the derivatives.
    return_grad : bool, default False
        A call also returns the dict of the derivatives by the Parameters' names, multiplied with `sens`.

    Attributes
    ----------
    grad, grad_no_sens : GradOperation
        For a subclass that has a ``construct`` of its own: ``self.grad(self.network, self.weights)(*inputs, sens)`` are
        the derivatives by the Parameters.
    grad_reducer, reducer_flag, degree
        The identity, False and 1: there is one process.

    Raises
    ------
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> net = nn.Dense(3, 1, weight_init="ones", bias_init="zeros")
    >>> step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.SGD(net.trainable_params(), 0.1))
    >>> x, y = ops.ones((4, 3)), ops.zeros((4, 1))
    >>> [round(float(step(x, y)), 4) for _ in range(2)]
    [9.0, 0.36]
    """

    def __init__(self, network, optimizer, sens=1.0, return_grad=False):
        super().__init__(auto_prefix=False)
        _check_cell(self.cls_name, "network", network)
        _check_cell(self.cls_name, "optimizer", optimizer)
        if isinstance(sens, bool) or not isinstance(sens, (int, float)):
            raise TypeError(f"{self.cls_name}: sens must be a number, got {type(sens).__name__}.")
        check_flag(self.cls_name, "return_grad", return_grad)
        self.network = network
        self.optimizer = optimizer
        self.weights = optimizer.parameters
        self.sens = sens
        self.return_grad = return_grad
        self.grad = GradOperation(get_by_list=True, sens_param=True)
        self.grad_no_sens = GradOperation(get_by_list=True)
        self._run = value_and_grad(network, None, tuple(optimizer.parameters))
        self._run_scaled = value_and_grad(_scaled, None, tuple(optimizer.parameters), has_aux=True)
        self.grad_reducer = _reducer(network, self.weights)
        # Subclasses of programs ask these before they call the reducer themselves.
        self.reducer_flag, self.degree = self.grad_reducer is not _itself, get_group_size()

    def construct(self, *inputs):
        """Take one step; return the loss before it."""
        if self.sens == 1.0:
            loss, gradients = self._run(*inputs)
        else:
            loss, gradients = _without_scaled(self._run_scaled(self.network, self.sens, inputs))
        gradients = self.grad_reducer(gradients)
        self.optimizer(gradients)
        if not self.return_grad:
            return loss
        return loss, {p.name: gradient for p, gradient in zip(self.weights, gradients)}


class Jvp(Cell):
    """A network and its derivative along a direction: see :func:`adcore.jvp`.

    A call takes the inputs of the network and behind them the direction, which looks like the input: a tuple of one for
    each where there are several. It returns the pair of output and derivative.

    Parameters
    ----------
    fn : Cell or callable

    Raises
    ------
    TypeError
        If it cannot be called, a call has no input beside the direction, or the direction is a tuple of another length.

    Examples
    --------
    >>> from adcore import Tensor, nn, ops
    >>> output, derivative = nn.Jvp(ops.square)(Tensor([1.0, 3.0]), Tensor([1.0, 0.5]))
    >>> print(output, derivative)
    [1. 9.] [2. 3.]
    """

    def __init__(self, fn):
        super().__init__()
        check_callable("Jvp", fn)
        self.fn = fn

    def construct(self, *args):
        """Return the output and its derivative along the last argument."""
        inputs, direction = _without_last("Jvp", args)
        if len(inputs) == 1:
            if isinstance(direction, (tuple, list)) and not isinstance(inputs[0], (tuple, list)):
                raise TypeError("Jvp: the network has one input, so the direction must be a Tensor, not a tuple.")
            direction = (direction,)
        elif not isinstance(direction, (tuple, list)) or len(direction) != len(inputs):
            raise TypeError(f"Jvp: the direction must be a tuple of {len(inputs)}, one for each input.")
        return jvp(self.fn, inputs, direction)


class Vjp(Cell):
    """A network and the derivative of its outputs, summed with weights, by its inputs: see :func:`adcore.vjp`.

    A call takes the inputs of the network and behind them the cotangent of its output, a tuple where there are several
    outputs. It returns the pair of output and gradient, a tuple where there are several inputs.

    Parameters
    ----------
    fn : Cell or callable

    Raises
    ------
    TypeError
        If it cannot be called, or a call has no input beside the cotangent.

    Examples
    --------
    >>> from adcore import Tensor, nn, ops
    >>> output, gradient = nn.Vjp(ops.square)(Tensor([1.0, 3.0]), Tensor([1.0, 0.5]))
    >>> print(output, gradient)
    [1. 9.] [2. 3.]
    """

    def __init__(self, fn):
        super().__init__()
        check_callable("Vjp", fn)
        self.fn = fn

    def construct(self, *args):
        """Return the output and the gradient by the inputs."""
        inputs, cotangent = _without_last("Vjp", args)
        output, pull = vjp(self.fn, *inputs)
        gradient = pull(*cotangent) if isinstance(output, tuple) and isinstance(cotangent, tuple) else pull(cotangent)
        return output, gradient if len(inputs) > 1 else gradient[0]


def _without_last(cell, args):
    if len(args) < 2:
        raise TypeError(f"{cell}: a call takes the inputs and one argument more, but got {len(args)}.")
    return args[:-1], args[-1]


# ---- loss scaling ----------------------------------------------------------------------------------------------------


class FixedLossScaleUpdateCell(Cell):
    """The rule of a loss scale that stays as it is; see `TrainOneStepWithLossScaleCell`.

    Parameters
    ----------
    loss_scale_value : float
        At least 1.

    Raises
    ------
    TypeError, ValueError
        If it is no number, or less than 1.

    Examples
    --------
    >>> from adcore import nn
    >>> nn.FixedLossScaleUpdateCell(1024).get_loss_scale()
    1024
    """

    def __init__(self, loss_scale_value):
        super().__init__()
        self.loss_scale_value = _scale(self.cls_name, loss_scale_value)

    def get_loss_scale(self):
        """Return the scale to begin with."""
        return self.loss_scale_value

    def construct(self, loss_scale, overflow):
        """Return `overflow`."""
        return overflow


class DynamicLossScaleUpdateCell(Cell):
    """The rule of a loss scale that falls at an overflow and rises after a time without; see
    `TrainOneStepWithLossScaleCell`.

    Parameters
    ----------
    loss_scale_value : float
        The scale to begin with, at least 1.
    scale_factor : int
        What it is divided by at an overflow, down to 1, and multiplied with otherwise.
    scale_window : int
        After how many steps in a row without an overflow it rises.

    Raises
    ------
    TypeError, ValueError
        If a number is of another kind or out of range.

    Examples
    --------
    >>> from adcore import Parameter, Tensor, nn
    >>> rule, scale = nn.DynamicLossScaleUpdateCell(1024, 2, 3), Parameter(Tensor(1024.0), name="scale")
    >>> for overflow in (True, False, False, False):
    ...     _ = rule(scale, overflow)
    ...     print(float(scale))
    512.0
    512.0
    512.0
    1024.0
    """

    def __init__(self, loss_scale_value, scale_factor, scale_window):
        super().__init__()
        for name, value in (("scale_factor", scale_factor), ("scale_window", scale_window)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"DynamicLossScaleUpdateCell: {name} must be a positive int, got {value!r}.")
        self.loss_scale_value = _scale(self.cls_name, loss_scale_value)
        self.scale_factor = scale_factor
        self.scale_window = scale_window
        self.cur_iter = Parameter(Tensor(1, int32), name="current_iterator_step", requires_grad=False)
        self.last_overflow_iter = Parameter(Tensor(0, int32), name="last_overflow_iterator_step", requires_grad=False)

    def get_loss_scale(self):
        """Return the scale to begin with."""
        return self.loss_scale_value

    def construct(self, loss_scale, overflow):
        """Set the Parameter `loss_scale` to the scale of the next step; return `overflow`."""
        overflow = bool(overflow)
        rises = not overflow and int(self.cur_iter - self.last_overflow_iter) >= self.scale_window
        if overflow:
            loss_scale.set_data(ops.maximum(loss_scale / self.scale_factor, ops.ones_like(loss_scale)))
        elif rises:
            raised = loss_scale * self.scale_factor
            loss_scale.set_data(ops.where(ops.isfinite(raised), raised, loss_scale))
        if overflow or rises:
            self.last_overflow_iter.set_data(self.cur_iter)
        self.cur_iter.set_data(self.cur_iter + 1)
        return overflow


class TrainOneStepWithLossScaleCell(TrainOneStepCell):
    """A training step whose loss is scaled before it is differentiated, so that small float16 derivatives are not 0.

    The derivatives are divided by the scale, in float32 at least. Where they are not all finite the step is left out:
    the Parameters and the optimizer stay as they are. A call returns the loss, whether it was left out, and the scale
    that it used. A subclass that has a ``construct`` of its own finds the parts of the step as methods, and `grad` of
    `TrainOneStepCell`.

    Parameters
    ----------
    network : Cell
        Returns the loss.
    optimizer : Cell
        Updates its ``parameters``.
    scale_sense : Cell or Tensor
        The rule, `FixedLossScaleUpdateCell` or `DynamicLossScaleUpdateCell`; or the scale, one number, which stays.

    Attributes
    ----------
    scale_sense : Parameter
        The scale.
    hyper_map : HyperMap
        Calls a function on corresponding derivatives of tuples of them.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind.

    Examples
    --------
    >>> from adcore import nn, ops
    >>> net = nn.Dense(3, 1, weight_init="ones", bias_init="zeros")
    >>> loss, optimizer = nn.WithLossCell(net, nn.MSELoss()), nn.SGD(net.trainable_params(), 0.1)
    >>> step = nn.TrainOneStepWithLossScaleCell(loss, optimizer, nn.DynamicLossScaleUpdateCell(1024, 2, 100))
    >>> loss, left_out, scale = step(ops.ones((4, 3)), ops.zeros((4, 1)))
    >>> float(loss), bool(left_out), float(scale)
    (9.0, False, 1024.0)
    """

    hyper_map = HyperMap()

    def __init__(self, network, optimizer, scale_sense):
        super().__init__(network, optimizer)
        self.loss_scaling_manager = None
        if isinstance(scale_sense, Cell):
            self.loss_scaling_manager = scale_sense
            scale_sense = Tensor(float(scale_sense.get_loss_scale()), float32)
        self.scale_sense = Parameter(self._checked(scale_sense), name="scale_sense", requires_grad=False)

    def _checked(self, scale):
        if not isinstance(scale, Tensor) or scale.size != 1:
            raise TypeError(f"{self.cls_name}: scale_sense must be a Cell or a Tensor of one number, got {scale!r}.")
        _scale(self.cls_name, float(scale.reshape(())))
        return scale.reshape(()).float()

    def set_sense_scale(self, sens):
        """Set the scale, a Tensor of one number."""
        self.scale_sense.set_data(self._checked(sens))

    def start_overflow_check(self, pre_cond, compute_input):
        """Return a status for `get_overflow_status`, and the second argument."""
        return pre_cond, compute_input

    def get_overflow_status(self, status, compute_output):
        """Return whether not all elements are finite of a tree of Tensors, as a Tensor of one bool."""
        return Tensor(not all(bool(ops.isfinite(t).all()) for t in tensors_of(compute_output)))

    def process_loss_scale(self, overflow):
        """Let the rule set the scale; return whether there was an overflow."""
        if self.loss_scaling_manager is not None:
            self.loss_scaling_manager(self.scale_sense, overflow)
        return overflow

    def construct(self, *inputs):
        """Take one step; return the loss before it, whether the step was left out, and the scale."""
        scale = self.scale_sense.value()
        loss, gradients = _without_scaled(self._run_scaled(self.network, scale, inputs))
        unscaled = tuple(_wide(gradient) / scale for gradient in gradients)
        unscaled = self.grad_reducer(unscaled)  # what is not finite in one process is so in all
        overflow = self.get_overflow_status(None, unscaled)
        if not self.process_loss_scale(overflow):
            self.optimizer(unscaled)
        return loss, overflow, scale


def _itself(gradients):
    return gradients


def _reducer(network, weights):
    """Return what brings the gradients of several processes together; alone they are that already."""
    if get_auto_parallel_context("parallel_mode") != ParallelMode.DATA_PARALLEL or get_group_size() == 1:
        return _itself
    if get_auto_parallel_context("parameter_broadcast"):
        broadcast_parameters(network)
    return DistributedGradReducer(weights)


def _wide(tensor):
    return tensor.float() if tensor.dtype in (float16, bfloat16) else tensor


def _scaled(network, scale, inputs):
    """Return the sum of the scaled losses of a network, which is what is differentiated, and the losses themselves."""
    losses = network(*inputs)
    return sum((_wide(loss) * scale).sum() for loss in tensors_of(losses)), losses


def _without_scaled(result):
    (_, *losses), gradients = result
    return losses[0], gradients


def _scale(name, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: the loss scale must be a number, got {type(value).__name__}.")
    if not 1 <= value < math.inf:
        raise ValueError(f"{name}: the loss scale must be at least 1 and finite, got {value}.")
    return value
