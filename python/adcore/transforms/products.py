"""vjp, jvp, linearize: a Jacobian times a vector, from either side.

Reverse mode records the function once and sweeps the recording as often as asked; forward mode computes tangents beside
the values and records nothing.
"""

from adcore import _ops
from adcore._core import (
    Forward,
    Recording,
    Tensor,
    derivative_dtype,
    is_array,
    push_plain,
    stands_for_tensor,
    tree_leaves,
)
from adcore.transforms.options import check_callable, check_flag, checked_weights, split_aux
from adcore.transforms.trees import (
    Arguments,
    as_outputs,
    map_tensors,
    match,
    tensors_of,
    with_tensors,
    zero_derivative,
)

__all__ = ["jvp", "linearize", "vjp"]


def labels(count):
    """Return what errors call the arguments of a call."""
    return [f"argument {i}" for i in range(count)]


def record(name, fn, arguments, weights, has_aux, call):
    """Record `call` on fresh leaves of the arguments. Return the recording, the outputs and the rest."""
    recording = Recording()

    def body():
        leaves = [recording.input(leaf) for leaf in arguments.leaves]
        for weight in weights:
            recording.input(weight)
        out, aux = split_aux(name, has_aux, call(arguments.filled(leaves)))
        for leaf in tensors_of(as_outputs(out)):
            recording.output(leaf)
        return out, aux

    out, aux = recording.run(body)
    return recording, out, aux


def vjp(fn, *inputs, weights=None, has_aux=False):
    """Return the value of a function and the function that pulls cotangents back through it.

    Parameters
    ----------
    fn : callable
        Takes `inputs`, returns tensors or containers of them.
    *inputs : Tensor, float, array, or container of these
        All of them are differentiated.
    weights : Parameter, or list or tuple of Parameter, optional
        Parameters to differentiate too.
    has_aux : bool, default False
        Only the first output is differentiated; the others are passed through.

    Returns
    -------
    out : Tensor or container
        What `fn` returns; with `has_aux` the first of it.
    vjp_fn : callable
        Takes one cotangent per output, of its shape and dtype (or one container like `out`), and returns the tuple of
        the cotangents of the inputs: the transposed Jacobian times the cotangent. With `weights`: the pair of that and
        the cotangents of the weights. It may be called any number of times; the function is not run again.
    aux : Tensor or tuple
        With `has_aux`: the other output, the tuple of them where there are several.

    Raises
    ------
    TypeError, ValueError
        For inputs without derivative, and for cotangents that do not look like the outputs.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor
    >>> out, pull = adcore.vjp(lambda x: x**3, Tensor([1.0, 2.0]))
    >>> print(out, pull(Tensor([1.0, 10.0]))[0])
    [1. 8.] [  3. 120.]
    """
    check_callable("vjp", fn)
    check_flag("vjp", "has_aux", has_aux)
    wanted, single = checked_weights("vjp", weights)
    arguments = Arguments("vjp", inputs, labels(len(inputs)))
    recording, out, aux = record("vjp", fn, arguments, wanted or (), has_aux, lambda args: fn(*args))
    count = len(arguments.leaves)
    like = map_tensors(_ops.stop_gradient, as_outputs(out))

    def vjp_fn(*v):
        gradients = recording.pull(_cotangents("vjp", like, v))
        inputs_gradient = tuple(arguments.filled(gradients[:count]))
        if wanted is None:
            return inputs_gradient
        weights_gradient = gradients[count] if single else tuple(gradients[count:])
        return inputs_gradient, weights_gradient

    return (out, vjp_fn, aux) if has_aux else (out, vjp_fn)


def _cotangents(name, out, v):
    """Return one cotangent per tensor of `out`: of positional arguments, one per output, or of one container."""
    if isinstance(out, (tuple, list)) and not (len(v) == 1 and isinstance(v[0], (tuple, list))):
        if len(v) != len(out):
            raise TypeError(f"{name}: the function has {len(out)} outputs, but {len(v)} cotangents were given.")
        tree = v
    elif len(v) != 1:
        raise TypeError(f"{name}: the function has one output, but {len(v)} cotangents were given.")
    else:
        tree = v[0]
        if isinstance(out, Tensor) and not isinstance(tree, Tensor) and not is_array(tree):
            raise TypeError(f"{name}: the cotangent must be a Tensor, got {tree!r} ({type(tree).__name__}).")
    return match(name, "the cotangent of the output", out, tree)


def as_cotangents(out, sens):
    """Return what `sens` says as arguments of what vjp returned; a number stands for a tensor like the output."""
    if isinstance(out, Tensor) and not isinstance(sens, Tensor):
        sens = Tensor(sens, derivative_dtype(out))
    return (as_outputs(sens),)


def sens_cotangents(name, out, sens):
    """Return one cotangent per tensor of `out`."""
    arrays = [leaf for leaf in tree_leaves(out) if stands_for_tensor(leaf)]
    matched = _cotangents(name, out, as_cotangents(out, sens))
    return [cotangent for leaf, cotangent in zip(arrays, matched) if isinstance(leaf, Tensor)]


def as_tuple(inputs):
    """Return the arguments that `inputs` stands for."""
    return tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)


def push(frame, fn, arguments, tangents, kwargs=None):
    """Run `fn` on duals of the arguments."""
    duals = [frame.dual(value, tangent) for value, tangent in zip(arguments.leaves, tangents)]
    args = arguments.filled(duals)
    return frame.run(lambda: fn(*args, **(kwargs or {})))


def values_of(frame, tree):
    """Return a container of duals without their tangents."""
    return map_tensors(lambda t: frame.take_apart(t)[0], tree)


def _taken_apart(frame, out):
    """Return the values of the outputs and their tangents."""

    def tangent_of(t):
        value, tangent = frame.take_apart(t)
        return zero_derivative(value) if tangent is None else tangent

    return values_of(frame, out), map_tensors(tangent_of, as_outputs(out))


def jvp(fn, inputs, v, has_aux=False):
    """Return the value of a function and its derivative along a direction.

    Parameters
    ----------
    fn : callable
        Takes the inputs, returns tensors or containers of them.
    inputs : Tensor, float, array, or tuple or list of arguments
        The arguments of `fn`, each a tensor or a container.
    v : like `inputs`
        The direction: a tangent of the same shape and dtype for each tensor.
    has_aux : bool, default False
        Only the first output is differentiated; the others are passed through.

    Returns
    -------
    tuple
        What `fn` returns, and in the same structure the Jacobian times `v`. With `has_aux` the other outputs come
        third.

    Raises
    ------
    TypeError, ValueError
        For inputs without derivative, and tangents that do not look like them.

    Notes
    -----
    Tangents are computed beside the values; nothing is kept, so the memory does not grow with the length of `fn`.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor
    >>> out, tangent = adcore.jvp(lambda x: x**3, Tensor([1.0, 2.0]), Tensor([1.0, 10.0]))
    >>> print(out, tangent)
    [1. 8.] [  3. 120.]
    """
    check_callable("jvp", fn)
    check_flag("jvp", "has_aux", has_aux)
    args, tangents = as_tuple(inputs), as_tuple(v)
    pushed = push_plain(fn, args, tangents)
    if pushed is None:
        arguments = Arguments("jvp", args, labels(len(args)))
        frame = Forward()
        pushed = frame, push(frame, fn, arguments, arguments.matching(tangents, "v"))
    elif isinstance(pushed[0], Tensor):
        if not has_aux:
            return pushed
        pushed = None, pushed[0]
    frame, out = pushed
    out, aux = split_aux("jvp", has_aux, out)
    result = _taken_apart(frame, out)
    return (*result, values_of(frame, aux)) if has_aux else result


def linearize(fn, *inputs):
    """Return the value of a function and the linear function that is its derivative there.

    Parameters
    ----------
    fn : callable
        Takes the inputs, returns tensors or containers of them.
    *inputs : Tensor, float, array, or container of these
        The arguments of `fn`; one tuple or list alone holds all of them, as for :func:`jvp`.

    Returns
    -------
    out : Tensor or container
        What `fn` returns.
    jvp_fn : callable
        Takes one tangent per argument, or one tuple or list of them, and returns the Jacobian times them. It may be
        called any number of times; `fn` is not run again.

    Raises
    ------
    TypeError, ValueError
        For inputs without derivative, and tangents that do not look like them.

    Notes
    -----
    The recording is transposed twice: the reverse sweep is linear in its cotangent; its transpose is the derivative.

    Examples
    --------
    >>> import adcore
    >>> out, push = adcore.linearize(lambda x: x**2, 3.0)
    >>> float(out), float(push(1.0)), float(push(0.5))
    (9.0, 6.0, 3.0)
    >>> out, push = adcore.linearize(lambda x, y: x * y, (3.0, 5.0))
    >>> float(push((1.0, 0.0))), float(push(0.0, 1.0))
    (5.0, 3.0)
    """
    check_callable("linearize", fn)
    grouped = len(inputs) == 1 and isinstance(inputs[0], (tuple, list))
    args = as_tuple(inputs[0]) if grouped else inputs
    arguments = Arguments("linearize", args, labels(len(args)))
    recording, out, _ = record("linearize", fn, arguments, (), False, lambda args: fn(*args))
    outputs = map_tensors(_ops.stop_gradient, as_outputs(out))

    def jvp_fn(*tangents):
        if len(tangents) == 1 and (grouped or len(args) != 1):
            tangents = as_tuple(tangents[0])
        given = arguments.matching(tangents, "the tangent")
        return with_tensors(outputs, transposed(recording.pull, tensors_of(outputs), given))

    return out, jvp_fn


def transposed(pull, like, cotangents):
    """Apply the transpose of a linear function from lists like `like` to lists like `cotangents`."""
    outer = Recording()

    def body():
        seeds = [outer.input(zero_derivative(leaf)) for leaf in like]
        for out in pull(seeds):
            outer.output(out)

    outer.run(body)
    return outer.pull(cotangents)
