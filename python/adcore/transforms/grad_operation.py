"""GradOperation: MindSpore's older way to ask for derivatives."""

from adcore import _ops
from adcore._core import derivative_dtype, stands_for_tensor
from adcore.transforms.made import Made
from adcore.transforms.options import check_callable, check_flag, checked_weights, taken_sens
from adcore.transforms.products import as_cotangents, vjp
from adcore.transforms.trees import as_outputs, map_tensors, tensors_of

__all__ = ["GradOperation"]


class GradOperation:
    """Make functions that compute derivatives.

    Parameters
    ----------
    get_all : bool, default False
        Differentiate all inputs that are tensors, not the first alone.
    get_by_list : bool, default False
        Differentiate Parameters; with `get_all` the inputs too.
    sens_param : bool, default False
        The derivative function takes one more argument, last or by the name `sens`: the cotangent of the output, of
        its shape and dtype, or a tuple of them for several outputs. Without it the outputs are summed.

    Raises
    ------
    TypeError
        For options that are no bool.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> derivative = ops.GradOperation(get_all=True)(lambda x, y: x * y)
    >>> [float(g) for g in derivative(Tensor(2.0), Tensor(5.0))]
    [5.0, 2.0]
    """

    def __init__(self, get_all=False, get_by_list=False, sens_param=False):
        for option, value in (("get_all", get_all), ("get_by_list", get_by_list), ("sens_param", sens_param)):
            check_flag("GradOperation", option, value)
        self.get_all = get_all
        self.get_by_list = get_by_list
        self.sens_param = sens_param

    def __call__(self, fn, weights=None):
        """Return the function that computes derivatives of `fn`.

        Parameters
        ----------
        fn : callable
            A function or Cell.
        weights : Parameter, or list or tuple of Parameter, optional
            What `get_by_list` differentiates; by default the trainable Parameters of `fn`.

        Returns
        -------
        callable
            Takes what `fn` takes (and `sens`). Gives the derivative of the first input; with `get_all` the tuple of
            those of all tensors among the inputs, keyword arguments last; with `get_by_list` those of the Parameters;
            with both the pair. Where no input is a tensor: ``()``.

        Raises
        ------
        TypeError, ValueError
            For weights that are no Parameters, and a cotangent that does not look like the output.
        """
        check_callable("GradOperation", fn)
        given = weights
        if self.get_by_list and weights is None:
            if not hasattr(fn, "trainable_params"):
                raise ValueError("GradOperation: get_by_list needs weights, or a Cell that has Parameters.")
            weights = tuple(fn.trainable_params())
        checked, _ = checked_weights("GradOperation", weights if self.get_by_list else None)

        def derivative(*args, **kwargs):
            sens = None
            if self.sens_param:
                args, kwargs, sens = taken_sens("GradOperation", args, kwargs)
            return gradients_of(fn, args, kwargs, self.get_all, weights if checked is not None else None, sens)[1]

        return Made(derivative, fn, "derivative", (_again, (self, fn, given)), given)


def _again(operation, fn, weights):
    return operation(fn, weights)


def gradients_of(fn, args, kwargs, get_all, weights, sens):
    """Return the value and the derivatives: of the inputs, the weights, or the pair of both."""
    wants_inputs = get_all or weights is None
    given = [*args, *kwargs.values()]
    positions = [i for i, a in enumerate(given) if wants_inputs and (stands_for_tensor(a) or tensors_of(a))]
    positions = positions[: None if get_all else 1]

    def on_inputs(*inputs):
        filled = list(given)
        for position, value in zip(positions, inputs):
            filled[position] = value
        return fn(*filled[: len(args)], **dict(zip(kwargs, filled[len(args) :])))

    out, pull = vjp(on_inputs, *(given[i] for i in positions), weights=() if weights is None else weights)
    if sens is None:
        inputs, by_list = pull(map_tensors(_ones, as_outputs(out)))
    else:
        inputs, by_list = pull(*as_cotangents(out, sens))
    by_position = inputs if get_all or not inputs else inputs[0]
    if weights is None:
        return out, by_position
    return out, (by_position, by_list) if wants_inputs else by_list


def _ones(output):
    return _ops.ones_like(_ops.stop_gradient(output), dtype=derivative_dtype(output))
