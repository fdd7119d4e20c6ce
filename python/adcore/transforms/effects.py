"""What a function does beside computing its result, also where a program of it runs: print_, host_callback.

Either is a call of an op, in a function that is recorded or not. A callback is what the op holds: the user's function,
where its tensors stand among its other arguments, and what was declared of its result. The native core calls
`run_callback` when there are values. Start reading at `_call`.
"""

import sys

from adcore import _core
from adcore._advice import add_note
from adcore._core import Tensor, dtype, is_array, tree_fill, tree_leaves
from adcore.transforms.bodies import like
from adcore.transforms.options import check_callable, check_flag, computed
from adcore.transforms.trees import describe, leaves_as_in, same_structure

__all__ = ["host_callback", "print_"]


def print_(*values, sep=" ", end="\n", file=None, flush=False):
    """Print values, as Python's ``print`` does, also where a jitted function runs.

    Python's ``print`` in a function that is recorded would run once, and know no values.

    Parameters
    ----------
    *values
        Tensors, containers of them, and anything else.
    sep, end : str
        What stands between and behind the values.
    file : object, optional
        Where they are written to, by default ``sys.stdout`` when they are printed.
    flush : bool, default False
        Whether to flush it.

    Returns
    -------
    None

    Notes
    -----
    Calls are made in the order in which the function made them, in a loop once per step, under vmap once per member
    where a value differs between members. They have no part in derivatives.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor, ops
    >>> @adcore.jit
    ... def f(x):
    ...     y = x * x
    ...     ops.print_("squares:", y)
    ...     return y.sum()
    >>> total = f(Tensor([1.0, 2.0]))
    squares: [1. 4.]
    """
    for name, text in (("sep", sep), ("end", end)):
        if not isinstance(text, str):
            raise TypeError(f"print_: {name} must be a str, got {type(text).__name__}.")
    check_flag("print_", "flush", flush)

    def write(*values):
        print(*values, sep=sep, end=end, file=sys.stdout if file is None else file, flush=flush)

    _call(_Callback("print_", write, "print", values, None, False), values)


def host_callback(fn, *args, result=None, vectorized=False):
    """Call a function of Python with values, also where a jitted function runs.

    A program calls it whenever it runs: to log, to write files, to compute with NumPy.

    Parameters
    ----------
    fn : callable
        Is called with `args`, with Tensors of values for the tensors and arrays among them.
    *args
        Tensors, containers of them, and anything else.
    result : object, optional
        What `fn` returns: a Tensor or array for each, of which shape and dtype count, or a pair of a shape and a dtype;
        or a container of these. By default `fn` returns nothing that counts.
    vectorized : bool, default False
        Whether `fn` is called once for all members of a vmap, which stand along a first axis of each tensor that it
        takes and returns, instead of once for each member, in their order.

    Returns
    -------
    object
        What `fn` returns, in Tensors; None without `result`.

    Raises
    ------
    TypeError
        If `fn` is not callable, or `result` declares something else.
    ValueError
        When it is called: if `fn` returns another structure, shape or dtype than declared.

    Notes
    -----
    Calls are made in the order in which the function made them, in a loop once per step. What `fn` raises comes out of
    the jitted call, which writes nothing then.

    There is no derivative: RuntimeError. Give one by `custom_vjp` or `custom_jvp` to a function that calls it.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor, ops
    >>> import numpy as np
    >>> @adcore.jit
    ... def f(x):
    ...     return 2 * ops.host_callback(lambda x: np.sort(x.asnumpy()), x, result=x)
    >>> print(f(Tensor([3.0, 1.0, 2.0])))
    [2. 4. 6.]
    """
    check_callable("host_callback", fn)
    check_flag("host_callback", "vectorized", vectorized)
    name = getattr(fn, "__qualname__", None) or type(fn).__name__
    return _call(_Callback("host_callback", fn, name, args, _declared(result), vectorized), args)


class _Callback:
    """A function with its arguments but for the tensors among them, and a container of tensors like its results."""

    def __init__(self, op, fn, name, args, result, vectorized):
        self.op, self.fn, self.name, self.result, self.vectorized = op, fn, name, result, vectorized
        leaves = tree_leaves(args)
        self.is_tensor = list(map(_is_value, leaves))
        # Neither is a tensor kept.
        self.others = [leaf for leaf, is_tensor in zip(leaves, self.is_tensor) if not is_tensor]
        self.args = tree_fill(args, [None] * len(leaves))

    def arguments(self, tensors):
        """Return the arguments of a call."""
        tensors, others = iter(tensors), iter(self.others)
        return tree_fill(self.args, [next(tensors if is_tensor else others) for is_tensor in self.is_tensor])

    def leaves(self, result, members):
        """Return the Tensors of what a call gave, which must be as declared, behind the axes of members."""
        if not same_structure(self.result, result):
            self._fail(describe(self.result), describe(result))
        leaves = []
        for own, leaf in zip(tree_leaves(self.result), leaves_as_in(self.result, result)):
            if own is None:
                continue
            shape = (*members, *own.shape)
            new = _as_tensor(leaf, own.dtype)
            if not isinstance(new, Tensor):
                self._fail(f"a Tensor of shape {shape} and dtype {own.dtype}", describe(leaf))
            if tuple(new.shape) != shape or new.dtype is not own.dtype:
                self._fail(f"shape {shape} and dtype {own.dtype}", f"{tuple(new.shape)} and {new.dtype}")
            leaves.append(new)
        return leaves

    def _fail(self, declared, got):
        raise ValueError(f"{self.op}: {self.name} was declared to return {declared}, got {got}.")


def _call(callback, args):
    """Call the op, which calls the function when there are values; return what was declared."""
    likes = [leaf for leaf in tree_leaves(callback.result) if leaf is not None]
    held = _core.hold_callback(callback, callback.name, likes, callback.vectorized)
    tensors = [leaf if isinstance(leaf, Tensor) else Tensor(leaf) for leaf in tree_leaves(args) if _is_value(leaf)]
    made = iter(_core.call_back(held, tensors))
    return _core.tree_map(lambda leaf: None if leaf is None else next(made), callback.result)


def _declared(result):
    """Return a container of tensors of the shapes and dtypes that were declared."""
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dtype):
        return like(tuple(result[0]), result[1])
    if type(result) in (tuple, list):
        return type(result)(map(_declared, result))
    if type(result) is dict:
        return {key: _declared(own) for key, own in result.items()}
    if not isinstance(result, Tensor):
        if result is not None and not is_array(result):
            raise TypeError(
                "host_callback: result must hold Tensors, arrays or pairs of a shape and a dtype, got "
                f"{type(result).__name__}."
            )
        return result if result is None else _declared(Tensor(result))
    return like(tuple(result.shape), result.dtype)


def run_callback(callback, tensors, members):
    """Return the Tensors that a callback gives for Tensors; `members` are the sizes of their first axes. The core calls
    this."""
    try:
        result = callback.fn(*callback.arguments(tensors))
        return [] if callback.result is None else callback.leaves(computed(callback.op, result), members)
    except BaseException as error:
        add_note(error, f"ops.{callback.op} called {callback.name} when a value was there.")
        raise


def _is_value(leaf):
    return isinstance(leaf, Tensor) or is_array(leaf)


def _as_tensor(leaf, kind):
    """Return a Tensor for a number or an array; a number gets the dtype where that can hold it."""
    if is_array(leaf):
        return Tensor(leaf)
    if isinstance(leaf, Tensor) or not isinstance(leaf, (int, float)):  # bool is an int
        return leaf
    fits = kind.is_floating_point or isinstance(leaf, bool) or (isinstance(leaf, int) and kind.is_integer)
    return Tensor(leaf, kind) if fits else Tensor(leaf)
