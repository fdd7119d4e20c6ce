"""Branches and loops whose course depends on values: cond, while_loop, fori_loop, scan.

They are Python's own `if`, `while` and `for` on tensors, so they are differentiated and mapped as the functions that
they call are. What is more: a condition may differ between the members of a vmap, a carry keeps its structure, shapes
and dtypes, and scan stacks what the steps give. Start reading at `while_loop`.
"""

from itertools import count
from math import isqrt

from adcore import _core, _ops
from adcore._core import Tensor, is_array, tree_fill, tree_leaves
from adcore.transforms.bodies import (
    Body,
    branch_call,
    call,
    outlined,
    pattern_of,
    placed,
    present,
    slices_like,
    while_call,
)
from adcore.transforms.options import check_flag, computed
from adcore.transforms.recording import recompute
from adcore.transforms.trees import children, describe, leaf_names, tensors_of, with_tensors

__all__ = ["cond", "fori_loop", "scan", "while_loop"]

_MOST_STACKED = 32_768  # in one call of stack
_MOST_UNROLLED = 4  # steps of a loop that are recorded one by one


def cond(pred=None, true_fn=None, false_fn=None, *operands, **norm):
    """Return what one of two functions gives, chosen by a value; or the condition number of a matrix.

    ``cond(pred, true_fn, false_fn, *operands)`` calls ``true_fn(*operands)`` where `pred` holds, else
    ``false_fn(*operands)``. ``cond(A, p=None)``, where no function is given, is the condition number of the matrices
    `A` in the norm `p`, as `ops.norm` knows it, by default the ratio of the singular values.

    Parameters
    ----------
    pred : Tensor, bool or number
        A scalar, or the matrices `A`.
    true_fn, false_fn : callable
        Take the operands, return Tensors or containers of them: both the same structure, shapes and dtypes. They may
        read other tensors, which are differentiated too. In the second form `true_fn` is `p`.
    *operands
        What the functions are called with. Each gets Tensors of its own: what it writes to them stays inside.
    **norm
        ``A`` and ``p``, in the second form.

    Returns
    -------
    object
        The result of the function that was called, with Tensors for its numbers and arrays; or a Tensor.

    Raises
    ------
    TypeError
        For functions that are none.
    ValueError
        For a `pred` that is no scalar, and results that differ, where `pred` differs between the members of a vmap.

    Notes
    -----
    Where `pred` differs between the members of a vmap, both functions run, and `ops.where` takes the members from the
    two results.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor, ops
    >>> f = lambda x: ops.cond(x > 0, ops.sqrt, ops.square, x)
    >>> float(f(Tensor(4.0))), float(adcore.grad(f)(Tensor(-3.0)))
    (2.0, -6.0)
    >>> print(adcore.vmap(f)(Tensor([4.0, -3.0])))
    [2. 9.]
    >>> print(ops.cond(Tensor([[2.0, 0.0], [0.0, 1.0]])))
    2.0
    """
    if not callable(true_fn) and not callable(false_fn):
        return _condition_number(pred, true_fn, false_fn, operands, norm)
    for name, fn in (("true_fn", true_fn), ("false_fn", false_fn)):
        _check_callable("cond", name, fn)
    if norm:
        raise TypeError(f"cond: got an unexpected keyword argument {next(iter(norm))!r}.")
    pred = _predicate("cond", "pred", pred)
    if _core.is_unknown(pred):
        return _recorded_branch(pred, true_fn, false_fn, operands)
    if not _differs(pred):
        return _called("cond", true_fn if bool(pred) else false_fn, operands)
    taken, other = _called("cond", true_fn, operands), _called("cond", false_fn, operands)
    result = _Form("cond", "result", taken, "{own} from true_fn, {new} from false_fn")
    return result.tree(_chosen(pred, result.of(taken), result.of(other)))


def _recorded_branch(pred, true_fn, false_fn, operands):
    """Both functions as programs, of which one call runs one."""
    tensors = tensors_of(operands)
    forms = []

    def step(fn):
        def branch(inputs):
            result = _called("cond", fn, with_tensors(operands, inputs))
            if not forms:
                forms.append(_Form("cond", "result", result, "{own} from true_fn, {new} from false_fn"))
            leaves = forms[0].of(result)
            forms[1:] = [pattern_of(leaves)]
            return present(leaves)

        return branch

    programs, captured, _, cells = _with_cells("cond", [step(true_fn), step(false_fn)], tensors)
    inputs = [*_fresh(cells), *tensors]
    programs = _sharing(programs, inputs, captured)
    made = branch_call(*programs, pred, [*inputs, *captured[0], *captured[1]])
    return forms[0].tree(placed(forms[1], _put_back(cells, made)))


def _with_cells(op, functions, likes):
    """Outline functions until all cells that one writes to are inputs of both.

    Return the programs, what they captured, the cells that each writes to, and all of these.
    """
    cells = []
    while True:
        found = [_core.outline(fn, likes, cells) for fn in functions]
        written = [] if None in found else [cell for one in found for cell in one[2]]
        more = []
        for cell in written:
            if all(cell is not c for c in [*cells, *more]):
                more.append(cell)
        if None in found or _differ_by_member(more):
            raise RuntimeError(
                f"{op}: inside of jit and vmap, what depends on a condition that is not known may not assign to a "
                "Parameter or Tensor from outside, or draw random numbers."
            )
        if not more:
            programs, captured, written, has_rules = map(list, zip(*found))
            if any(has_rules) and _core.is_differentiated([*likes, *_fresh(cells), *captured[0], *captured[1]]):
                raise RuntimeError(
                    f"{op}: inside of jit, what depends on a condition that is not known has no derivatives by rules "
                    "of your own, hooks or no_grad; use ops.where, or jit without it."
                )
            return programs, captured, written, cells
        cells += more


def _differ_by_member(cells):
    """Tell whether the members of a vmap may write different values to cells. The order of calls is one for all."""
    return _core.is_mapping() and any(cell is not _core._last_token for cell in cells)


def _sharing(programs, inputs, captured):
    """Return programs of the same inputs, each of which captures its own of two lists."""
    n, k = len(inputs), len(captured[0])
    likes = [*inputs, *captured[0], *captured[1]]
    first = outlined(lambda i: _core.run_body(programs[0], i[: n + k]), likes)
    return first, outlined(lambda i: _core.run_body(programs[1], [*i[:n], *i[n + k :]]), likes)


def _put_back(cells, made):
    """Assign to the cells, and return the rest of what a program gave."""
    for cell, value in zip(cells, made):
        _core.put(cell, value)
    return made[len(cells) :]


def _condition_number(pred, p, extra, operands, norm):
    if extra is not None or operands:
        raise TypeError(f"cond: true_fn must be callable, got {type(p).__name__}.")
    if pred is None:
        return _ops.cond(**norm)
    return _ops.cond(pred, **norm) if p is None else _ops.cond(pred, p, **norm)


def _called(op, fn, operands):
    return _core.tree_map(_as_leaf, computed(op, fn(*_fresh(operands))))


def while_loop(cond_func, loop_func, init_val):
    """Call a function on its own result for as long as a condition holds.

    ``while cond_func(val): val = loop_func(val)``, from ``val = init_val``.

    Parameters
    ----------
    cond_func : callable
        From the carry to a scalar: whether there is one more step.
    loop_func : callable
        From the carry to the next one, of the same structure, shapes and dtypes. It may read other tensors, which are
        differentiated too.
    init_val : Tensor or container of Tensors
        The first carry. Numbers and arrays in it become Tensors; None stays.

    Returns
    -------
    Tensor or container of Tensors
        The last carry, with the structure of `init_val`.

    Raises
    ------
    TypeError
        For functions that are none, and a carry that holds something else.
    ValueError
        For a condition that is no scalar, and a carry that changes its structure, a shape or a dtype; the error names
        the leaf and the step.

    Notes
    -----
    Where the condition differs between the members of a vmap, the steps go on until it holds for none. A member for
    which it does not hold keeps its carry, though `loop_func` is computed on it, too.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor, ops
    >>> halve = lambda x: ops.while_loop(lambda v: v > 1, lambda v: v / 2, x)
    >>> float(halve(Tensor(12.0))), float(adcore.grad(halve)(Tensor(12.0)))
    (0.75, 0.0625)
    >>> print(adcore.vmap(halve)(Tensor([12.0, 3.0])))
    [0.75 0.75]
    """
    _check_callable("while_loop", "cond_func", cond_func)
    _check_callable("while_loop", "loop_func", loop_func)

    def goes_on(_, val):
        return _predicate("while_loop", "the result of cond_func", cond_func(val))

    return _loop("while_loop", goes_on, lambda _, val: loop_func(val), init_val)


def fori_loop(lower, upper, loop_func, init_val, unroll=False):
    """Call a function with each number of a range and its own last result.

    ``for i in range(lower, upper): val = loop_func(i, val)``, from ``val = init_val``.

    Parameters
    ----------
    lower, upper : int or integer Tensor
        The range, scalars.
    loop_func : callable
        From a number, an int64 Tensor, and the carry to the next carry, of the same structure, shapes and dtypes. It
        may read other tensors, which are differentiated too.
    init_val : Tensor or container of Tensors
        The first carry. Numbers and arrays in it become Tensors; None stays.
    unroll : bool, default False
        Inside of `jit`, whether to record every step. By default a loop of more than four steps is one call, which runs
        a program of one step.

    Returns
    -------
    Tensor or container of Tensors
        The last carry, with the structure of `init_val`.

    Raises
    ------
    TypeError
        For a range of other than integers, a function that is none, and a carry that holds something else.
    ValueError
        For a bound that is no scalar, and a carry that changes its structure, a shape or a dtype; the error names the
        leaf and the step.

    Notes
    -----
    Where the range differs between the members of a vmap, there are as many steps as the longest one has. A member
    that is done keeps its carry, though `loop_func` is computed on it, too.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor, ops
    >>> power = lambda x: ops.fori_loop(0, 3, lambda i, p: p * x, 1.0)
    >>> float(power(Tensor(2.0))), float(adcore.grad(power)(Tensor(2.0)))
    (8.0, 12.0)
    """
    _check_callable("fori_loop", "loop_func", loop_func)
    check_flag("fori_loop", "unroll", unroll)
    first, last = _bound("lower", lower), _bound("upper", upper)
    if not _core.is_unknown(first) and not _core.is_unknown(last) and not _differs(first) and not _differs(last):
        first, last = int(first), int(last)
        if _is_one_call(last - first, unroll):
            steps = _Steps(_carry("fori_loop", init_val), lambda val, i: (loop_func(i, val), None), False)
            leaves = steps.carry.of(init_val)
            if made := steps.one_call(leaves, _ops.arange(first, last, dtype=_core.int64), last - first):
                return steps.carry.tree(made[0])
    return _loop(
        "fori_loop", lambda k, _: first + k < last, lambda k, val: loop_func(_as_leaf(first + k), val), init_val
    )


def _loop(op, goes_on, step, init):
    """Step for as long as a condition holds: functions of the step's number and the carry."""
    carry = _carry(op, init)
    leaves = carry.of(init)
    for k in count():
        pred = goes_on(k, carry.tree(_fresh(leaves)))
        if _core.is_tracing() and isinstance(pred, Tensor) and _core.is_unknown(pred):
            return carry.tree(_recorded_while(carry, goes_on, step, k, leaves))
        if not _some(pred):
            return carry.tree(_fresh(leaves))
        new = carry.of(step(k, carry.tree(_fresh(leaves))), k)
        leaves = _chosen(pred, new, leaves) if _differs(pred) else new


def _recorded_while(carry, goes_on, step, k, leaves):
    """The condition and the steps as programs, which one call runs. The step's number is a carry, too."""
    pattern = pattern_of(leaves)
    start = [Tensor(k, _core.int64), *present(leaves)]

    def condition(inputs):
        return [_as_leaf(goes_on(inputs[0], carry.tree(placed(pattern, inputs[1:]))))]

    def body(inputs):
        new = step(inputs[0], carry.tree(placed(pattern, inputs[1:])))
        return [inputs[0] + 1, *present(carry.of(new, k))]

    programs, captured, written, cells = _with_cells(carry.op, [condition, body], start)
    if written[0]:
        raise RuntimeError(
            f"{carry.op}: inside of jit, a condition may not assign to a Parameter or Tensor from outside, draw random "
            "numbers, print or call back."
        )
    first = [*_fresh(cells), *start]
    holds, steps = _sharing(programs, first, captured)
    rest = [*captured[0], *captured[1]]
    if cells:  # which the condition gives, too
        both = holds
        holds = outlined(lambda inputs: _core.run_body(both, inputs)[-1:], [*first, *rest])
    made = _put_back(cells, while_call(holds, steps, first, rest))
    return placed(pattern, made[1:])


def scan(loop_func, init, xs=None, length=None, *, reverse=False, unroll=False, checkpoint=False):
    """Call a function with each slice of arrays and its own last result, and stack what else it gives.

    ``for i in range(length): carry, ys[i] = loop_func(carry, xs[i])``, from ``carry = init``. This is a recurrent
    network, a filter, a time series.

    Parameters
    ----------
    loop_func : callable
        From the carry and one slice of `xs` to a pair: the next carry, of the same structure, shapes and dtypes, and
        the step's output, a container of Tensors that are alike in all steps, or None. It may read other tensors, which
        are differentiated too.
    init : Tensor or container of Tensors
        The first carry. Numbers and arrays in it become Tensors; None stays.
    xs : Tensor or container of Tensors, optional
        Arrays whose axis 0 is the steps'. By default `loop_func` is called with None.
    length : int, optional
        The number of steps, which `xs` tells too.
    reverse : bool, default False
        Whether the last slice comes first. The outputs stand where their slices do.
    unroll : bool, default False
        Inside of `jit`, whether to record every step. By default a loop of more than four steps is one call, which runs
        a program of one step.
    checkpoint : bool, default False
        Whether a reverse sweep keeps the carry of every ``sqrt(length)`` steps alone and computes the steps between
        again, as `recompute` does: memory for some ``2 * sqrt(length)`` steps instead of all, for one more forward
        pass.

    Returns
    -------
    tuple
        The last carry, with the structure of `init`, and the outputs stacked along a new axis 0.

    Raises
    ------
    TypeError
        For a function that is none, options of another type, containers that hold something else than arrays, and a
        result that is no pair.
    ValueError
        For arrays of different lengths or without an axis, a number of steps that nothing tells, a carry or an output
        that changes its structure, a shape or a dtype; the error names the leaf and the step.

    Notes
    -----
    Without steps `loop_func` is recorded once, on no values, to know the shapes of the outputs.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor, ops
    >>> def decay(level, x):
    ...     level = 0.5 * level + x
    ...     return level, level
    >>> last, levels = ops.scan(decay, 0.0, Tensor([1.0, 2.0, 4.0]))
    >>> print(levels)
    [1.   2.5  5.25]
    >>> print(adcore.grad(lambda xs: ops.scan(decay, 0.0, xs)[0])(Tensor([1.0, 2.0, 4.0])))
    [0.25 0.5  1.  ]
    """
    _check_callable("scan", "loop_func", loop_func)
    for option, value in (("reverse", reverse), ("unroll", unroll), ("checkpoint", checkpoint)):
        check_flag("scan", option, value)
    xs, length = _arrays(xs, length)
    steps = _Steps(_carry("scan", init), loop_func, reverse)
    leaves = steps.carry.of(init)
    if _is_one_call(length, unroll):
        made = steps.one_call_of_blocks(leaves, xs, length) if checkpoint else steps.one_call(leaves, xs, length)
    else:
        made = None
    if made:
        leaves, ys = made
    elif length == 0:
        ys = steps.nothing(leaves, xs)
    elif not checkpoint:
        leaves, ys = steps.run(leaves, xs, 0, length)
    else:
        size = isqrt(length - 1) + 1
        starts = range(0, length, size)
        blocks = []
        for start in reversed(starts) if reverse else starts:
            part = _part(xs, slice(start, start + size))
            leaves, ys = recompute(steps.run, leaves, part, start, min(size, length - start))
            blocks.append(ys)
        ys = steps.in_order(blocks, _ops.concat)
    return steps.carry.tree(_fresh(leaves)), steps.outputs.tree(ys)


class _Steps:
    """What the steps of a scan have in common."""

    def __init__(self, carry, loop_func, reverse):
        self.loop_func = loop_func
        self.carry = carry
        self.reverse = reverse
        self.outputs = None  # its form, known after the first step

    def run(self, leaves, xs, first, length):
        """Take so many steps, whose numbers go from `first`; return the carry's leaves and the outputs', stacked."""
        rows = []
        for i in reversed(range(length)) if self.reverse else range(length):
            leaves, row = self._step(leaves, _part(xs, i), first + i)
            rows.append(row)
        return leaves, self.in_order(rows, _ops.stack)

    def in_order(self, rows, join):
        """Join each leaf of rows that are in the order in which they were computed; None stays."""
        if self.reverse:
            rows.reverse()
        return [None if column[0] is None else _joined(join, column) for column in zip(*rows)]

    def nothing(self, leaves, xs):
        """Return the outputs' leaves of no steps."""
        found = []
        arrays = tree_leaves(xs)
        there = pattern_of(arrays)

        def look(slices):
            rows = self._step(leaves, tree_fill(xs, placed(there, slices)), 0)[1]
            found.extend(y if y is None else (tuple(y.shape), y.dtype) for y in rows)
            return []

        _core.outline(look, slices_like(present(arrays)), [])
        return [y if y is None else _ops.zeros((0, *y[0]), y[1]) for y in found]

    def one_call(self, leaves, xs, length):
        """Return what `run` does from a call of a program, or None where there can be none."""
        arrays, rows = tree_leaves(xs), []
        carries = len(present(leaves))

        def step(inputs):
            before = placed(pattern_of(leaves), inputs[:carries])
            after, rows[:] = self._step(before, tree_fill(xs, placed(pattern_of(arrays), inputs[carries:])), 0)
            return [*present(after), *present(rows)]

        likes = [*present(leaves), *slices_like(present(arrays))]
        cells = []  # that the steps write to
        while True:
            found = _core.outline(step, likes, cells)
            if found is None:
                return None
            program, captured, written, has_rules = found
            more = [w for w in written if all(w is not c for c in cells)]
            if not more:
                break
            if _differ_by_member(more):
                return None  # what the members write, each for itself, are no carries of one of them
            cells += more
        start = [*_fresh(cells), *present(leaves)]
        if has_rules and _core.is_differentiated([*start, *present(arrays), *captured]):
            return None  # a program of a step has its calls, but not its rules
        body = Body(program, len(start), len(present(arrays)), len(present(rows)))
        made = call(body, length, self.reverse, start, present(arrays), captured)
        made = _put_back(cells, made)
        return placed(pattern_of(leaves), made[:carries]), placed(pattern_of(rows), made[carries:])

    def one_call_of_blocks(self, leaves, xs, length):
        """The same with a loop over blocks of steps, each of which is a loop: a loop keeps its carries alone."""
        size = isqrt(length)
        even = length // size * size
        here = pattern_of(leaves)

        def block(before, slices):
            after, ys = self.one_call(before, slices, size) or self.run(before, slices, 0, size)
            return present(after), ys

        def blocks(before):
            def folded(x):
                return None if x is None else x[:even].reshape(even // size, size, *x.shape[1:])

            blocked = _core.tree_map(folded, xs)
            after, ys = scan(lambda c, x: block(placed(here, c), x), present(before), blocked, reverse=self.reverse)
            return placed(here, after), [None if y is None else y.reshape(even, *y.shape[2:]) for y in ys]

        def rest(before):
            if even == length:
                return before, None
            return self.run(before, _part(xs, slice(even, length)), even, length - even)

        if self.reverse:
            leaves, last = rest(leaves)
            leaves, ys = blocks(leaves)
        else:
            leaves, ys = blocks(leaves)
            leaves, last = rest(leaves)
        if last is not None:
            ys = [None if y is None else _ops.concat([y, z]) for y, z in zip(ys, last)]
        return leaves, ys

    def _step(self, leaves, slices, number):
        result = self.loop_func(self.carry.tree(_fresh(leaves)), slices)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TypeError(f"scan: loop_func must return a pair of the carry and an output, got {describe(result)}.")
        leaves = self.carry.of(result[0], number)
        if self.outputs is None:
            self.outputs = _Form("scan", "output", result[1], "{own} in the first step, {new} in step {step}")
        return leaves, self.outputs.of(result[1], number)


class _Form:
    """The structure, shapes and dtypes of a container, which others must have; `difference` is said of one that has
    not."""

    def __init__(self, op, name, tree, difference):
        self.op, self._name, self._difference = op, name, difference
        self._described = describe(tree)
        self._kinds = []  # shape and dtype of each leaf, None for None
        for i, leaf in enumerate(tree_leaves(computed(op, tree))):
            tensor = _as_leaf(leaf)
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(
                    f"{op}: {leaf_names(tree, name)[i]} must be a Tensor, an array, a number or None, got "
                    f"{type(leaf).__name__}."
                )
            self._kinds.append(_kind(tensor))
        # The tensors themselves are not kept.
        self._tree = tree_fill(tree, [None] * len(self._kinds))

    def tree(self, leaves):
        """Return the container with these leaves."""
        return leaves[0] if self._tree is None else tree_fill(self._tree, leaves)

    def of(self, tree, step=None):
        """Return the leaves of a container that a step gave, in Tensors of their own."""
        given = []
        if not _align(self._tree, computed(self.op, tree), given):
            self._fail(f"the {self._name} must keep its structure", self._described, describe(tree), step)
        leaves = []
        for i, (kind, leaf) in enumerate(zip(self._kinds, given)):
            new = _as_leaf(leaf, kind and kind[1])
            if _kind(new) != kind:
                name = leaf_names(self._tree, self._name)[i]
                self._fail(f"{name} must keep its shape and dtype", _say(kind), _say(_kind(new)), step)
            leaves.append(new)
        return _fresh(leaves)

    def _fail(self, rule, own, new, step):
        raise ValueError(f"{self.op}: {rule}, got {self._difference.format(own=own, new=new, step=step)}.")


def _carry(op, init):
    return _Form(op, "carry", init, "{own} before the loop, {new} after step {step}")


def _align(like, tree, leaves):
    """Add a container's leaves in the order of another one's; False where their structures differ."""
    parts = None if isinstance(like, Tensor) else children(like)
    if parts is None:
        leaves.append(tree)
        return isinstance(tree, Tensor) or children(tree) is None
    other = None if isinstance(tree, Tensor) else children(tree)
    if other is None or parts.keys() != other.keys():
        return False
    return all(_align(part, other[key], leaves) for key, part in parts.items())


def _kind(leaf):
    if isinstance(leaf, Tensor):
        return tuple(leaf.shape), leaf.dtype
    return None if leaf is None else type(leaf).__name__


def _say(kind):
    return f"{kind[0]} {kind[1]}" if isinstance(kind, tuple) else str(kind)


def _as_leaf(leaf, dtype=None):
    """Return a Tensor for a number or an array; a number gets the dtype where that can hold it."""
    if isinstance(leaf, Tensor):
        return leaf
    if is_array(leaf):
        return Tensor(leaf)
    if not isinstance(leaf, (int, float)):  # bool is an int
        return leaf
    if dtype is None:
        return Tensor(leaf)
    fits = dtype.is_floating_point or isinstance(leaf, bool) or (isinstance(leaf, int) and dtype.is_integer)
    return Tensor(leaf, dtype) if fits else Tensor(leaf)


def _fresh(tree):
    """Return a container with cells of its own for its tensors."""
    return _core.tree_map(lambda leaf: _core.seen(leaf) if isinstance(leaf, Tensor) else leaf, tree)


def _part(xs, index):
    return _core.tree_map(lambda x: None if x is None else x[index], xs)


def _is_one_call(length, unroll):
    """Tell whether a loop becomes one call of the program that is being recorded."""
    return length > _MOST_UNROLLED and not unroll and _core.is_tracing()


def _chosen(pred, taken, other):
    """Return the leaves `taken` for the members of a vmap for which a condition holds, else `other`."""
    return [a if a is None else _ops.where(pred, a, b) for a, b in zip(taken, other)]


def _joined(join, parts):
    """Join Tensors, in groups where they are many."""
    groups = [join(parts[i : i + _MOST_STACKED]) for i in range(0, len(parts), _MOST_STACKED)]
    return groups[0] if len(groups) == 1 else _ops.concat(groups)


# ---- what is asked of arguments ------------------------------------------------------------------------------------


def _check_callable(op, name, fn):
    if not callable(fn):
        raise TypeError(f"{op}: {name} must be callable, got {type(fn).__name__}.")


def _predicate(op, name, value):
    """Return a condition as a bool Tensor without derivatives."""
    value = _as_leaf(value)
    if not isinstance(value, Tensor):
        raise TypeError(f"{op}: {name} must be a scalar Tensor or a bool, got {type(value).__name__}.")
    if value.ndim:
        raise ValueError(f"{op}: {name} must be a scalar, got a Tensor of shape {tuple(value.shape)}.")
    return _ops.stop_gradient(value).astype(_core.bool_)


def _differs(pred):
    """Tell whether a condition differs between the members of a vmap."""
    return isinstance(pred, Tensor) and _core.is_batch(pred)


def _some(pred):
    """Tell whether a condition holds, for one member of the vmaps that are open at least."""
    if not _differs(pred):
        return bool(pred)
    while (frame := _core.innermost([pred])) is not None:
        pred = frame.split(pred) if isinstance(frame, _core.Batch) else frame.take_apart(pred)[0]
    return bool(pred.any())


def _bound(name, value):
    """Return a bound of a range as an int64 Tensor without derivatives."""
    value = _as_leaf(value)
    if not isinstance(value, Tensor) or not value.dtype.is_integer:
        got = f"a Tensor of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"fori_loop: {name} must be an int or a Tensor of integers, got {got}.")
    if value.ndim:
        raise ValueError(f"fori_loop: {name} must be a scalar, got a Tensor of shape {tuple(value.shape)}.")
    return _ops.stop_gradient(value).astype(_core.int64)


def _arrays(xs, length):
    """Return the arrays of a scan and the number of its steps."""
    if length is not None and (isinstance(length, bool) or not isinstance(length, int)):
        raise TypeError(f"scan: length must be an int, got {type(length).__name__}.")
    if length is not None and length < 0:
        raise ValueError(f"scan: length must be >= 0, got {length}.")
    told = "length" if length is not None else None
    leaves = [_as_leaf(leaf) for leaf in tree_leaves(xs)]
    for name, leaf in zip(leaf_names(xs, "xs"), leaves):
        if leaf is None:
            continue
        if not isinstance(leaf, Tensor):
            raise TypeError(f"scan: {name} must be a Tensor or an array, got {type(leaf).__name__}.")
        if not leaf.ndim:
            raise ValueError(f"scan: {name} is a number and has no axis of steps; a list of numbers is Tensor(xs).")
        if told is None:
            told, length = name, leaf.shape[0]
        elif leaf.shape[0] != length:
            own = f"{told} is {length}" if told == "length" else f"{told} has length {length}"
            raise ValueError(f"scan: {own}, but {name} of shape {tuple(leaf.shape)} has {leaf.shape[0]} slices.")
    if length is None:
        raise ValueError("scan: nothing tells the number of steps; pass xs or length.")
    return tree_fill(xs, leaves), length
