"""grad, value_and_grad and what reads their results. A call of what they return is one native function."""

from adcore._advice import known_words
from adcore._core import Gradient, Parameter
from adcore.transforms.made import Made, add_methods, deep_copied, reduced
from adcore.transforms.options import check_callable, check_flag, checked_positions, checked_weights, taken_sens

__all__ = ["get_grad", "grad", "value_and_grad"]


def _make(name, fn, grad_position, weights, has_aux, return_ids, sens_param, with_value):
    check_callable(name, fn)
    check_flag(name, "has_aux", has_aux)
    check_flag(name, "return_ids", return_ids)
    check_flag(name, "sens_param", sens_param)
    positions = checked_positions(name, grad_position)
    weights, single = checked_weights(name, weights)
    if positions is None and weights is None:
        raise ValueError(f"{name}: grad_position and weights are both None; name something to differentiate.")
    native = Gradient(fn, positions, weights, single, has_aux, return_ids, with_value)
    if not sens_param:
        return native

    def after_grad(*args, **kwargs):
        args, kwargs, sens = taken_sens(name, args, kwargs)
        return native.seeded(sens, args, kwargs)

    return Made(after_grad, fn, "after_grad", *_recipe(native, True))


def _recipe(native, sens_param):
    """Return what makes the like of a derivative, for pickle and copies, and its weights."""
    positions, weights, single, has_aux, return_ids, with_value = native._options
    weights = weights[0] if single else weights
    name, fn = "value_and_grad" if with_value else "grad", native.__wrapped__
    return (_again, (name, fn, positions, weights, has_aux, return_ids, sens_param)), weights


def _again(name, fn, positions, weights, has_aux, return_ids, sens_param):
    return _make(name, fn, positions, weights, has_aux, return_ids, sens_param, name == "value_and_grad")


def _reduce(self):
    """Copy and pickle the derivative."""
    return reduced(self, *_recipe(self, False))


def _deepcopy(self, memo):
    """Copy the derivative and what its function holds."""
    return deep_copied(self, *_recipe(self, False), memo)


add_methods(Gradient, __reduce__=_reduce, __deepcopy__=_deepcopy)


@known_words
def grad(fn, grad_position=0, weights=None, has_aux=False, return_ids=False, sens_param=False):
    """Return a function that computes derivatives of `fn`.

    Parameters
    ----------
    fn : callable
        Takes and returns tensors, or containers of them. Of several outputs, or outputs of several elements, the sum of
        all elements is differentiated.
    grad_position : int, tuple of int or None, default 0
        Which arguments to differentiate, counted as the call passes them, keyword arguments last. They may be Tensors,
        floats, NumPy arrays, and tuples, lists, dicts and dataclasses of these; the derivative has the same structure.
    weights : Parameter, or list or tuple of Parameter, optional
        Which Parameters to differentiate.
    has_aux : bool, default False
        Only the first output is differentiated; the others are passed through.
    return_ids : bool, default False
        Each derivative comes as a pair with its position or the Parameter's name.
    sens_param : bool, default False
        A call takes one more argument, last or by the name `sens`: the cotangent of the output, of its shape and dtype,
        or a container of them like the outputs. Without it, all are ones.

    Returns
    -------
    callable
        Takes what `fn` takes (and `sens`). Gives the derivative for one position, a tuple for several; likewise for
        weights; the pair of both where both are asked for. With `has_aux`: the pair of that and the tuple of the other
        outputs. The derivative by the first input of a function that is called without any is ``()``, and so is that by
        any position where no argument has one: where all are ints, None or strings.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        For arguments that name nothing to differentiate, and a cotangent that does not look like the output. The
        exceptions of `fn` pass through.
    IndexError
        Where the call has no argument at a position; it is a RuntimeError, too.

    Warns
    -----
    AmbiguityWarning
        If several outputs depend on what is differentiated, neither with `has_aux` nor with `sens_param`: the
        derivative is that of their sum.

    Examples
    --------
    >>> import adcore
    >>> adcore.grad(lambda x: x**3)(2.0)
    Tensor(shape=[], dtype=Float32, value= 12)
    >>> adcore.grad(adcore.grad(lambda x: x**3))(2.0)
    Tensor(shape=[], dtype=Float32, value= 12)
    >>> adcore.grad(lambda x: x**3, sens_param=True)(2.0, sens=10.0)
    Tensor(shape=[], dtype=Float32, value= 120)
    """
    return _make("grad", fn, grad_position, weights, has_aux, return_ids, sens_param, False)


@known_words
def value_and_grad(fn, grad_position=0, weights=None, has_aux=False, return_ids=False, sens_param=False):
    """Return a function that computes `fn` and its derivatives.

    Parameters and errors are those of :func:`grad`.

    Returns
    -------
    callable
        Takes what `fn` takes, returns the pair of what `fn` returns and what ``grad(fn, ...)`` returns as derivatives.

    Examples
    --------
    >>> import adcore
    >>> value, gradient = adcore.value_and_grad(lambda x: x**2)(3.0)
    >>> float(value), float(gradient)
    (9.0, 6.0)
    """
    return _make("value_and_grad", fn, grad_position, weights, has_aux, return_ids, sens_param, True)


def get_grad(gradients, identifier):
    """Return one derivative of a result made with ``return_ids=True``.

    Parameters
    ----------
    gradients : tuple
    identifier : int or Parameter
        A position, or a Parameter.

    Raises
    ------
    TypeError
        For an identifier of another kind.
    RuntimeError
        Where the result has no such derivative.

    Examples
    --------
    >>> import adcore
    >>> g = adcore.grad(lambda x, y: x * y, (0, 1), return_ids=True)(2.0, 5.0)
    >>> float(adcore.get_grad(g, 1))
    2.0
    """
    if isinstance(identifier, Parameter):
        wanted = identifier.name
    elif isinstance(identifier, int):
        wanted = identifier
    else:
        raise TypeError(f"get_grad: identifier must be an int or a Parameter, got {identifier!r}.")
    found = _find(gradients, wanted)
    if found is None:
        raise RuntimeError(f"get_grad: there is no derivative for position or Parameter {identifier!r}.")
    return found


def _find(gradients, wanted):
    if not isinstance(gradients, tuple):
        return None
    if len(gradients) == 2 and isinstance(gradients[0], (int, str)):
        return gradients[1] if type(gradients[0]) is type(wanted) and gradients[0] == wanted else None
    for part in gradients:
        found = _find(part, wanted)
        if found is not None:
            return found
    return None
