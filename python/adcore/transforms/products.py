"""vjp, jvp, linearize, Jacobians, Hessians and higher derivatives along a line.

Reverse mode records the function once and sweeps the recording as often as asked; forward mode computes tangents beside
the values and records nothing. Jacobians sweep for all rows, or push all columns, at once: a batch.
"""

from adcore import _ops
from adcore._core import Batch, Forward, Recording, Tensor, push_plain, tree_leaves
from adcore.transforms.gradient import _checked_positions, _checked_weights, _no_such_position
from adcore.transforms.trees import (
    Arguments,
    as_tensor,
    check_callable,
    check_flag,
    map_tensors,
    match,
    split_aux,
    tensors_of,
    with_tensors,
)

__all__ = ["derivative", "hessian", "jacfwd", "jacrev", "jet", "jvp", "linearize", "vjp"]


_MAX_ORDER = 16  # of nested forward mode, whose time doubles with each order


def _labels(count):
    return [f"argument {i}" for i in range(count)]


def _record(name, fn, arguments, weights, has_aux, call):
    """Record `call` on fresh leaves of the arguments. Return the recording, the outputs and the rest."""
    recording = Recording()

    def body():
        leaves = [recording.input(leaf) for leaf in arguments.leaves]
        for weight in weights:
            recording.input(weight)
        out, aux = split_aux(name, has_aux, call(arguments.filled(leaves)))
        for leaf in tensors_of(out):
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
    wanted, single = _checked_weights("vjp", weights)
    arguments = Arguments("vjp", inputs, _labels(len(inputs)))
    recording, out, aux = _record("vjp", fn, arguments, wanted or (), has_aux, lambda args: fn(*args))
    count = len(arguments.leaves)
    like = map_tensors(_ops.stop_gradient, out)

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
        if isinstance(out, Tensor) and not isinstance(tree, Tensor) and not hasattr(tree, "__array_interface__"):
            raise TypeError(f"{name}: the cotangent must be a Tensor, got {tree!r} ({type(tree).__name__}).")
    matched = iter(match(name, "the cotangent of the output", out, tree))
    return [
        cotangent
        for leaf, cotangent in ((leaf, next(matched)) for leaf in tree_leaves(out) if _is_output(leaf))
        if isinstance(leaf, Tensor)
    ]


def _is_output(leaf):
    return isinstance(leaf, (Tensor, float)) or hasattr(leaf, "__array_interface__")


def _as_tuple(inputs):
    return tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)


def _push(frame, fn, arguments, tangents, kwargs=None):
    """Run `fn` on duals of the arguments."""
    duals = [frame.dual(value, tangent) for value, tangent in zip(arguments.leaves, tangents)]
    args = arguments.filled(duals)
    return frame.run(lambda: fn(*args, **(kwargs or {})))


def _values(frame, tree):
    return map_tensors(lambda t: frame.take_apart(t)[0], tree)


def _taken_apart(frame, out):
    """Return the values of the outputs and their tangents."""
    tangents = []

    def value_of(t):
        value, tangent = frame.take_apart(t)
        tangents.append(_ops.zeros_like(value) if tangent is None else tangent)
        return value

    return map_tensors(value_of, out), with_tensors(out, tangents)


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
    args, tangents = _as_tuple(inputs), _as_tuple(v)
    pushed = push_plain(fn, args, tangents)
    if pushed is None:
        arguments = Arguments("jvp", args, _labels(len(args)))
        frame = Forward()
        pushed = frame, _push(frame, fn, arguments, arguments.matching(tangents, "v"))
    elif isinstance(pushed[0], Tensor):
        if not has_aux:
            return pushed
        pushed = None, pushed[0]
    frame, out = pushed
    out, aux = split_aux("jvp", has_aux, out)
    result = _taken_apart(frame, out)
    return (*result, _values(frame, aux)) if has_aux else result


def linearize(fn, *primals):
    """Return the value of a function and the linear function that is its derivative there.

    Parameters
    ----------
    fn : callable
        Takes `primals`, returns tensors or containers of them.
    *primals : Tensor, float, array, or container of these

    Returns
    -------
    out : Tensor or container
        What `fn` returns.
    jvp_fn : callable
        Takes one tangent per argument and returns the Jacobian times them. It may be called any number of times; `fn`
        is not run again.

    Raises
    ------
    TypeError, ValueError
        For primals without derivative, and tangents that do not look like them.

    Notes
    -----
    The recording is transposed twice: the reverse sweep is linear in its cotangent; its transpose is the derivative.

    Examples
    --------
    >>> import adcore
    >>> out, push = adcore.linearize(lambda x: x**2, 3.0)
    >>> float(out), float(push(1.0)), float(push(0.5))
    (9.0, 6.0, 3.0)
    """
    check_callable("linearize", fn)
    arguments = Arguments("linearize", primals, _labels(len(primals)))
    recording, out, _ = _record("linearize", fn, arguments, (), False, lambda args: fn(*args))
    outputs = [_ops.stop_gradient(leaf) for leaf in tensors_of(out)]

    def jvp_fn(*tangents):
        return with_tensors(out, transposed(recording.pull, outputs, arguments.matching(tangents, "the tangent")))

    return out, jvp_fn


def transposed(pull, like, cotangents):
    """Apply the transpose of a linear function from lists like `like` to lists like `cotangents`."""
    outer = Recording()

    def body():
        seeds = [outer.input(_ops.zeros_like(leaf)) for leaf in like]
        for out in pull(seeds):
            outer.output(out)

    outer.run(body)
    return outer.pull(cotangents)


def _basis(leaves, count):
    """Return, for each of the leaves, its part of the `count` unit vectors of their joint space, along axis 0."""
    parts, start = [], 0
    for leaf in leaves:
        rows = _ops.eye(count, dtype=leaf.dtype)
        if len(leaves) > 1:
            rows = rows[:, start : start + leaf.size]
        parts.append(rows.reshape((count, *leaf.shape)))
        start += leaf.size
    return parts


def _jacobian_call(name, fn, positions, args, kwargs):
    """Return the differentiated arguments of a call, and the call with others in their place."""
    values = [*args, *kwargs.values()]
    for position in positions:
        if position >= len(values):
            _no_such_position(fn, position, args, tuple(kwargs), name, ValueError)
    arguments = Arguments(name, [values[i] for i in positions], [f"argument {i}" for i in positions])

    def call(filled):
        new = list(values)
        for position, argument in zip(positions, filled):
            new[position] = argument
        return fn(*new[: len(args)], **dict(zip(kwargs, new[len(args) :])))

    return arguments, call


def _blocks(out, arguments, single, block):
    """Arrange blocks: the structure of the outputs, in each place that of the positions."""
    number = iter(range(len(tensors_of(out))))

    def of_output(_):
        k = next(number)
        filled = arguments.filled([block(k, j) for j in range(len(arguments.leaves))])
        return filled[0] if single else tuple(filled)

    return map_tensors(of_output, out)


def _make_jacobian(name, fn, grad_position, has_aux, run):
    check_callable(name, fn)
    check_flag(name, "has_aux", has_aux)
    positions = _checked_positions(name, grad_position)
    if positions is None:
        raise TypeError(f"{name}: grad_position must be an int or a tuple of ints, got None.")
    single = len(positions) == 1

    def jacobian(*args, **kwargs):
        arguments, call = _jacobian_call(name, fn, positions, args, kwargs)
        result, aux = run(fn, arguments, call, single, has_aux)
        return (result, aux) if has_aux else result

    jacobian.__name__ = name
    jacobian.__wrapped__ = fn
    return jacobian


def jacrev(fn, grad_position=0, has_aux=False):
    """Return a function that computes Jacobians in reverse mode: all rows in one sweep.

    Parameters
    ----------
    fn : callable
        Takes and returns tensors, or containers of them.
    grad_position : int or tuple of int, default 0
        Which arguments to differentiate, counted as the call passes them, keyword arguments last.
    has_aux : bool, default False
        Only the first output is differentiated; the others are passed through.

    Returns
    -------
    callable
        Takes what `fn` takes. Gives, in the structure of the outputs and in each place in that of the positions (a
        tuple for a tuple of positions), blocks of the shape of the output followed by that of the input. With
        `has_aux`: the pair of that and the other output.

    Raises
    ------
    TypeError, ValueError
        For positions that name nothing to differentiate. The exceptions of `fn` pass through.

    Notes
    -----
    One call of `fn` and one reverse sweep over a batch of cotangents, as many as the outputs have elements: prefer it
    to :func:`jacfwd` where the outputs have fewer elements than the inputs.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor
    >>> print(adcore.jacrev(lambda x: x**2)(Tensor([1.0, 2.0])))
    [[2. 0.]
     [0. 4.]]
    """
    return _make_jacobian("jacrev", fn, grad_position, has_aux, _run_jacrev)


def _run_jacrev(fn, arguments, call, single, has_aux):
    recording, out, aux = _record("jacrev", fn, arguments, (), has_aux, call)
    outputs = [_ops.stop_gradient(leaf) for leaf in tensors_of(out)]
    count = sum(leaf.size for leaf in outputs)
    if count == 1 and len(outputs) == 1:  # one row: no batch
        rows = recording.pull([_ops.ones_like(outputs[0])])
    else:
        batch = Batch(count)
        seeds = [batch.join(part) for part in _basis(outputs, count)]
        rows = [batch.split(g) for g in batch.run(lambda: recording.pull(seeds))]
    starts = _starts(outputs)

    def block(k, j):
        part = rows[j] if len(outputs) == 1 else rows[j][starts[k] : starts[k + 1]]
        shape = (*outputs[k].shape, *arguments.leaves[j].shape)
        return part if part.shape == shape else part.reshape(shape)

    return _blocks(out, arguments, single, block), aux


def _starts(leaves):
    starts = [0]
    for leaf in leaves:
        starts.append(starts[-1] + leaf.size)
    return starts


def jacfwd(fn, grad_position=0, has_aux=False):
    """Return a function that computes Jacobians in forward mode: all columns at once.

    Parameters, results and errors are those of :func:`jacrev`.

    Notes
    -----
    One call of `fn` with a batch of tangents, as many as the inputs have elements, and no tape: prefer it to
    :func:`jacrev` where the inputs have fewer elements than the outputs.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor
    >>> print(adcore.jacfwd(lambda x: x**2)(Tensor([1.0, 2.0])))
    [[2. 0.]
     [0. 4.]]
    """
    return _make_jacobian("jacfwd", fn, grad_position, has_aux, _run_jacfwd)


def _run_jacfwd(fn, arguments, call, single, has_aux):
    leaves = arguments.leaves
    count = sum(leaf.size for leaf in leaves)
    batch, frame = Batch(count), Forward()
    tangents = [batch.join(part) for part in _basis([_ops.stop_gradient(leaf) for leaf in leaves], count)]
    out, aux = split_aux(
        "jacfwd", has_aux, batch.run(lambda: _push(frame, lambda *args: call(args), arguments, tangents))
    )
    outputs = tensors_of(out)
    columns = []
    for leaf in outputs:
        value, tangent = frame.take_apart(leaf)
        columns.append(None if tangent is None else batch.split(tangent).reshape((count, leaf.size)))
    starts = _starts(leaves)

    def block(k, j):
        shape = (*outputs[k].shape, *leaves[j].shape)
        if columns[k] is None:
            return _ops.zeros(shape, outputs[k].dtype)
        part = columns[k] if len(leaves) == 1 else columns[k][starts[j] : starts[j + 1]]
        return part.transpose(1, 0).reshape(shape)

    return _blocks(out, arguments, single, block), _values(frame, aux)


def hessian(fn, grad_position=0, has_aux=False):
    """Return a function that computes second derivatives: the Jacobian of the Jacobian.

    Parameters
    ----------
    fn : callable
        Takes and returns tensors, or containers of them.
    grad_position : int or tuple of int, default 0
        Which arguments to differentiate, counted as the call passes them, keyword arguments last.
    has_aux : bool, default False
        Only the first output is differentiated; the others are passed through.

    Returns
    -------
    callable
        Takes what `fn` takes. For one position: a block of the shape of the output followed twice by that of the input.
        For a tuple of positions: nested tuples of blocks, ``h[i][j]``.

    Raises
    ------
    TypeError, ValueError
        As :func:`jacrev`.

    Notes
    -----
    Forward mode over reverse mode: ``jacfwd(jacrev(fn))``.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor
    >>> print(adcore.hessian(lambda x: (x**3).sum())(Tensor([1.0, 2.0])))
    [[ 6.  0.]
     [ 0. 12.]]
    """
    return jacfwd(jacrev(fn, grad_position, has_aux), grad_position, has_aux)


def derivative(fn, primals, order):
    """Return the value of a function and its derivative of some order, with all inputs moving alike.

    Parameters
    ----------
    fn : callable
        Takes the primals, returns tensors or containers of them.
    primals : Tensor, float, array, or tuple or list of these
    order : int
        From 1 to 16.

    Returns
    -------
    tuple
        What `fn` returns, and its derivative of order `order` with respect to t, for inputs ``primal + t``. For a
        function that works element by element: its derivative at each element.

    Raises
    ------
    TypeError, ValueError
        For an order that is not a positive int, and primals without derivative.

    Examples
    --------
    >>> from adcore import ops
    >>> value, second = ops.derivative(ops.sin, 0.5, 2)
    >>> print(value, second)
    0.47942555 -0.47942555
    """
    if isinstance(order, bool) or not isinstance(order, int):
        raise TypeError(f"derivative: order must be an int, got {type(order).__name__}.")
    if not 1 <= order <= _MAX_ORDER:
        raise ValueError(f"derivative: order must be from 1 to {_MAX_ORDER}, got {order}.")
    check_callable("derivative", fn)
    args = _as_tuple(primals)
    arguments = Arguments("derivative", args, _labels(len(args)))
    out, *rest = _along(fn, arguments, [[_ops.ones_like(leaf)] for leaf in arguments.leaves], order)
    return out, rest[-1]


def jet(fn, primals, series):
    """Return the value of a function and its derivatives along a curve.

    Parameters
    ----------
    fn : callable
        Takes the primals, returns tensors or containers of them.
    primals : Tensor, float, array, or tuple or list of these
        Where the curve is at t = 0.
    series : like `primals`
        For each primal its derivatives with respect to t, of order 1 to n along axis 0.

    Returns
    -------
    tuple
        What `fn` returns, and in the same structure its derivatives with respect to t, of order 1 to n along axis 0.

    Raises
    ------
    TypeError, ValueError
        For series that do not belong to the primals.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> value, series = ops.jet(lambda x: x**2, 3.0, Tensor([1.0, 0.0]))
    >>> print(value, series)
    9.0 [6. 2.]
    """
    check_callable("jet", fn)
    args, given = _as_tuple(primals), _as_tuple(series)
    arguments = Arguments("jet", args, _labels(len(args)))
    curves = Arguments("jet", given, [f"series {i}" for i in range(len(given))]).leaves
    if len(curves) != len(arguments.leaves):
        raise ValueError(f"jet: there are {len(arguments.leaves)} primals, but {len(curves)} series.")
    for leaf, curve in zip(arguments.leaves, curves):
        if curve.ndim == 0 or curve.shape[1:] != leaf.shape or curve.shape[0] == 0:
            raise ValueError(
                f"jet: the series of a primal of shape {tuple(leaf.shape)} must have the shape (order, "
                f"*{tuple(leaf.shape)}), got {tuple(curve.shape)}."
            )
        if curve.dtype != leaf.dtype:
            raise TypeError(f"jet: the series must have the primal's dtype {leaf.dtype}, got {curve.dtype}.")
    orders = {curve.shape[0] for curve in curves}
    if len(orders) != 1:
        raise ValueError(f"jet: all series must have the same order, got {sorted(orders)}.")
    order = orders.pop()
    if order > _MAX_ORDER:
        raise ValueError(f"jet: the order must be at most {_MAX_ORDER}, got {order}.")
    out, *rest = _along(fn, arguments, [[curve[k] for k in range(order)] for curve in curves], order)
    return out, with_tensors(out, [_ops.stack(orders) for orders in zip(*(tensors_of(tree) for tree in rest))])


def _along(fn, arguments, curves, order):
    """Return fn and its derivatives to `order` at t = 0 along sum_k curve[k] t^(k+1) / (k+1)!."""

    def at(t):
        moved = []
        for leaf, curve in zip(arguments.leaves, curves):
            power, factorial = t, 1
            for k, coefficient in enumerate(curve):
                factorial *= k + 1
                leaf = leaf + coefficient * (power / factorial).astype(leaf.dtype)
                power = power * t
            moved.append(leaf)
        return [fn(*arguments.filled(moved))]

    def raised(lower):
        def next_order(t):
            values, tangents = jvp(lower, t, _ops.ones_like(t))
            return [*values, tangents[-1]]

        return next_order

    function = at
    for _ in range(order):
        function = raised(function)
    dtype = arguments.leaves[0].dtype if arguments.leaves else None
    return function(as_tensor(0.0) if dtype is None else Tensor(0.0, dtype))
