"""Jacobians and Hessians: the products for all rows, or all columns, at once, as a batch."""

from adcore import _ops
from adcore._advice import known_words
from adcore._core import Batch, Forward, derivative_dtype
from adcore.transforms.made import Made
from adcore.transforms.options import check_callable, check_flag, checked_positions, no_such_position, split_aux
from adcore.transforms.products import push, record, values_of
from adcore.transforms.trees import Arguments, as_outputs, map_tensors, tensors_of

__all__ = ["hessian", "jacfwd", "jacrev"]


def _basis(leaves, count):
    """Return, for each of the leaves, its part of the `count` unit vectors of their joint space, along axis 0."""
    parts, start = [], 0
    for leaf in leaves:
        rows = _ops.eye(count, dtype=derivative_dtype(leaf))
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
            no_such_position(fn, position, args, tuple(kwargs), name, ValueError)
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


def _make_jacobian(transform, fn, grad_position, has_aux, run):
    name = transform.__name__
    check_callable(name, fn)
    check_flag(name, "has_aux", has_aux)
    positions = checked_positions(name, grad_position)
    if positions is None:
        raise TypeError(f"{name}: grad_position must be an int or a tuple of ints, got None.")
    single = len(positions) == 1

    def jacobian(*args, **kwargs):
        arguments, call = _jacobian_call(name, fn, positions, args, kwargs)
        result, aux = run(fn, arguments, call, single, has_aux)
        return (result, aux) if has_aux else result

    return Made(jacobian, fn, name, (transform, (fn, grad_position, has_aux)))


@known_words
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
    return _make_jacobian(jacrev, fn, grad_position, has_aux, _run_jacrev)


def _run_jacrev(fn, arguments, call, single, has_aux):
    recording, out, aux = record("jacrev", fn, arguments, (), has_aux, call)
    out = as_outputs(out)
    outputs = [_ops.stop_gradient(leaf) for leaf in tensors_of(out)]
    count = sum(leaf.size for leaf in outputs)
    if count == 1 and len(outputs) == 1:  # one row: no batch
        rows = recording.pull([_ops.ones_like(outputs[0], dtype=derivative_dtype(outputs[0]))])
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


@known_words
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
    return _make_jacobian(jacfwd, fn, grad_position, has_aux, _run_jacfwd)


def _run_jacfwd(fn, arguments, call, single, has_aux):
    leaves = arguments.leaves
    count = sum(leaf.size for leaf in leaves)
    batch, frame = Batch(count), Forward()
    tangents = [batch.join(part) for part in _basis([_ops.stop_gradient(leaf) for leaf in leaves], count)]
    out, aux = split_aux(
        "jacfwd", has_aux, batch.run(lambda: push(frame, lambda *args: call(args), arguments, tangents))
    )
    out = as_outputs(out)
    outputs = tensors_of(out)
    columns = []
    for leaf in outputs:
        value, tangent = frame.take_apart(leaf)
        columns.append(None if tangent is None else batch.split(tangent).reshape((count, leaf.size)))
    starts = _starts(leaves)

    def block(k, j):
        shape = (*outputs[k].shape, *leaves[j].shape)
        if columns[k] is None:
            return _ops.zeros(shape, derivative_dtype(outputs[k]))
        part = columns[k] if len(leaves) == 1 else columns[k][starts[j] : starts[j + 1]]
        return part.transpose(1, 0).reshape(shape)

    return _blocks(out, arguments, single, block), values_of(frame, aux)


@known_words
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
