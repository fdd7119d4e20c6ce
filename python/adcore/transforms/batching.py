"""vmap: a function of one member becomes one of a batch, computed at once."""

from adcore._advice import known_words
from adcore._core import Batch, Tensor, is_array, seen, tree_fill, tree_leaves
from adcore.transforms.ensemble import Ensemble
from adcore.transforms.made import Made
from adcore.transforms.options import check_callable, computed
from adcore.transforms.trees import as_tensor, describe, same_structure

__all__ = ["vmap"]


_DRAWS = ("same", "different", "error")  # their numbers are those of the core


@known_words
def vmap(fn, in_axes=0, out_axes=0, *, randomness="error"):
    """Return a function that maps `fn` over axes of its arguments, for all members at once.

    Parameters
    ----------
    fn : callable or CellList
        Takes and returns tensors, or containers of them, of one member. The cells of a CellList are the members of an
        ensemble, each with Parameters of its own.
    in_axes : int, None, or tuple or list with one entry per argument, default 0
        The axis of an argument along which its members stand; None: one value for all. An entry may be a container
        like the argument, or any upper part of one. Keyword arguments have none: one that holds Tensors or arrays is
        mapped as a whole along axis 0, any other is the same for all members.
    out_axes : int, None, or container like the outputs, default 0
        Where the members stand in the outputs; None for an output that is the same for all.
    randomness : {"error", "different", "same"}, default "error"
        What a draw of random numbers in `fn` gives: an error, numbers of each member's own, or the same numbers for all
        members. A draw with a seed of its own is the same for all in any case.

    Returns
    -------
    callable
        Takes what `fn` takes, with one more axis where `in_axes` says so; returns what `fn` returns, with one more
        axis.

    Raises
    ------
    TypeError, ValueError
        For axes that do not fit the arguments, and batches of different sizes; for cells of a CellList that differ in
        more than the numbers in their Tensors. Inside of `fn`, for Python code that asks for the elements of a value
        that differs between members (``if``, ``float``, ``asnumpy``).
    RuntimeError
        Where `fn` draws random numbers, and `randomness` does not say whose.

    Notes
    -----
    With "different", a draw of n numbers takes n for each member, the first member's first: the sequence goes on as
    after a loop over the members.

    A CellList gives what a loop over its cells gives, and so do the derivatives by their Parameters and what is
    assigned to these. What the cells are is read at each call. `construct` of the first is called for all: an attribute
    that it sets, other than by assigning to a Parameter or Tensor, is set for the first alone.

    What `fn` writes to an argument in place, all members at once, the Tensor that was given holds afterwards.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor
    >>> dot = adcore.vmap(lambda a, b: (a * b).sum(), in_axes=(0, None))
    >>> print(dot(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([10.0, 100.0])))
    [210. 430.]

    Three networks, each with an input of its own; with ``in_axes=None`` they would all have the same:

    >>> from adcore import nn, ops
    >>> nets = nn.CellList([nn.Dense(4, 2) for _ in range(3)])
    >>> adcore.vmap(nets)(ops.ones((3, 5, 4))).shape
    (3, 5, 2)
    """
    check_callable("vmap", fn)
    members_of, ensemble = getattr(fn, "_vmap_members", None), None
    if randomness not in _DRAWS:
        raise ValueError(f"vmap: randomness must be 'error', 'different' or 'same', got {randomness!r}.")
    _check_axes("in_axes", in_axes)
    _check_axes("out_axes", out_axes)
    unmapped = in_axes is None or (isinstance(in_axes, (tuple, list)) and all(a is None for a in tree_leaves(in_axes)))
    if unmapped and not members_of:
        raise ValueError(f"vmap: in_axes {in_axes!r} names no axis to map over.")

    def mapped(*args, **kwargs):
        leaves, axes = [], []
        for i, (argument, axis) in enumerate(zip(args, _per_argument(in_axes, len(args)))):
            _spread(f"argument {i}", argument, axis, leaves, axes)
        for name, argument in kwargs.items():
            axis = 0 if any(map(_has_axes, tree_leaves(argument))) else None
            _spread(f"keyword argument {name!r}", argument, axis, leaves, axes)
        nonlocal ensemble
        own = None
        if members_of:
            own = ensemble = Ensemble.of(members_of(), ensemble)
        batch = Batch(_size(leaves, axes, own and own.size), _DRAWS.index(randomness))
        boxed = [
            leaf if axis is None else batch.join(_moved(as_tensor(leaf), axis, 0))
            for (leaf, _), axis in zip(leaves, axes)
        ]
        new_args, new_kwargs = tree_fill((args, kwargs), boxed)
        before = [box if axis is None else seen(box) for box, axis in zip(boxed, axes)]
        if own:
            held = [batch.join(values) for values in own.stacked()]
            result, assigned = batch.run(own.run, held, new_args, new_kwargs)
            computed("vmap", result)
            own.assign(assigned, batch.split)
        else:
            result = computed("vmap", batch.run(lambda: fn(*new_args, **new_kwargs)))
        for (leaf, _), axis, box, value in zip(leaves, axes, boxed, before):
            if axis is not None and batch.differs(box, value) and isinstance(leaf, Tensor):
                leaf.assign_value(_moved(batch.split(box), 0, axis))
        if isinstance(result, Tensor) and out_axes == 0:
            return batch.split(result)
        out_leaves, places = [], []
        _spread("output", result, out_axes, out_leaves, places)
        return tree_fill(result, [_joined(batch, leaf, axis) for (leaf, _), axis in zip(out_leaves, places)])

    return Made(mapped, fn, getattr(fn, "__name__", "vmap"), (_again, (fn, in_axes, out_axes, randomness)))


def _again(fn, in_axes, out_axes, randomness):
    return vmap(fn, in_axes, out_axes, randomness=randomness)


def _check_axes(option, axes):
    for axis in tree_leaves(axes):
        if axis is not None and (isinstance(axis, bool) or not isinstance(axis, int)):
            raise TypeError(f"vmap: {option} must hold ints and None, got {axis!r} ({type(axis).__name__}).")


def _per_argument(in_axes, count):
    if in_axes is None or isinstance(in_axes, int):
        return [in_axes] * count
    if not isinstance(in_axes, (tuple, list)):
        raise TypeError(f"vmap: in_axes must be an int, None, a tuple or a list, got {type(in_axes).__name__}.")
    if len(in_axes) != count:
        raise ValueError(
            f"vmap: in_axes has {len(in_axes)} entries, but the function got {count} positional arguments; keyword "
            "arguments have no entry."
        )
    return in_axes


def _spread(what, tree, axes, leaves, spread):
    """Add the leaves of a container, each with its label, and the axes that a container's upper part gives them."""
    if axes is None or isinstance(axes, int):
        for leaf in [tree] if isinstance(tree, Tensor) else tree_leaves(tree):
            leaves.append((leaf, what))
            spread.append(axes if leaf is not None else None)
        return
    if not same_structure(axes, tree) and not _is_upper_part(axes, tree):
        raise ValueError(f"vmap: the axes {axes!r} do not fit {what}, {describe(tree)}.")
    parts = zip(tree.values(), (axes[key] for key in tree)) if isinstance(tree, dict) else zip(tree, axes)
    for part, axis in parts:
        _spread(what, part, axis, leaves, spread)


def _is_upper_part(axes, tree):
    if isinstance(axes, dict):
        return isinstance(tree, dict) and axes.keys() == tree.keys()
    return isinstance(tree, (tuple, list)) and len(axes) == len(tree)


def _has_axes(leaf):
    return isinstance(leaf, Tensor) or is_array(leaf)


def _size(leaves, axes, size=None):
    """Return the number of members, the same for all arguments and for a CellList of `size`."""
    first = "the CellList"
    for (leaf, label), axis in zip(leaves, axes):
        if axis is None:
            continue
        by_keyword = label.startswith("keyword")
        advice = "pass it by position with in_axes None, or bind it with functools.partial" if by_keyword else ""
        if not _has_axes(leaf):
            raise TypeError(
                f"vmap: {label} is or holds {leaf!r} ({type(leaf).__name__}), which has no axis {axis}; "
                f"{advice or 'give it in_axes None'}."
            )
        shape = tuple(as_tensor(leaf).shape)
        if not -len(shape) <= axis < len(shape):
            where = "" if by_keyword else " in in_axes"
            raise ValueError(
                f"vmap: axis {axis}{where} is out of range for {label} of shape {shape}{advice and '; ' + advice}."
            )
        if size is None:
            size, first = shape[axis], label
        elif shape[axis] != size:
            raise ValueError(
                f"vmap: all arguments must have the same number of members, but {first} has {size} and {label} of "
                f"shape {shape} has {shape[axis]} along axis {axis}."
            )
    if size is None:
        raise ValueError("vmap: no argument has an axis to map over.")
    return size


def _moved(tensor, source, target):
    """Move one axis."""
    rank = tensor.ndim
    source, target = source % rank, target % rank
    if source == target:
        return tensor
    order = [axis for axis in range(rank) if axis != source]
    order.insert(target, source)
    return tensor.permute(*order)


def _joined(batch, leaf, axis):
    if axis is not None and (isinstance(leaf, (int, float)) or is_array(leaf)):  # bool is an int
        leaf = Tensor(leaf)
    if isinstance(leaf, Tensor):
        if axis is None:
            if batch.holds(leaf):
                raise ValueError("vmap: out_axes is None for an output that differs between the members.")
            return leaf
        rank = leaf.ndim + 1
        if not -rank <= axis < rank:
            raise ValueError(f"vmap: axis {axis} in out_axes is out of range for an output of {rank} axes.")
        return _moved(batch.split(leaf), 0, axis)
    return leaf
