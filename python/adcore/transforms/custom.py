"""Rules of one's own: Function, custom_vjp, custom_jvp, Cell.bprop.

Each computes its outputs without recording and attaches a rule to them (`rule.attach`). What a rule gets later are the
values that its forward function saw (`rule.seen`): whoever writes to one of the tensors meanwhile, in place or by an
assignment, does not change a derivative. The outputs are cells of their own, whether something is differentiated or
not. Start reading at `_with_rule`.
"""

import functools

from adcore import _core
from adcore._core import Tensor, derivative_dtype, tree_leaves
from adcore.transforms.options import check_callable, computed
from adcore.transforms.products import transposed
from adcore.transforms.rule import attach, constants, filled, seen
from adcore.transforms.trees import describe, match, same_structure, tensors_of, with_tensors

__all__ = ["Function", "custom_jvp", "custom_vjp"]


class _Leaves:
    """The tensors of a call's arguments as they are now, by the argument that each belongs to."""

    def __init__(self, args):
        self.args = args = tuple(map(seen, args))
        self.tensors = []
        self.owners = []
        for i, argument in enumerate(args):
            for leaf in tensors_of(argument):
                self.tensors.append(leaf)
                self.owners.append(i)

    def by_argument(self, name, gradients):
        """Return one cotangent per tensor, None for zero, from what a rule returned: one entry per argument."""
        computed(name, gradients)
        if not isinstance(gradients, (tuple, list)):
            gradients = (gradients,)
        if len(gradients) != len(self.args):
            raise ValueError(
                f"{name}: the rule must return one cotangent per argument, {len(self.args)}, got {len(gradients)}."
            )
        flat = []
        for i, (argument, gradient) in enumerate(zip(self.args, gradients)):
            own = tensors_of(argument)
            if gradient is None or not own:
                flat.extend([None] * len(own))
            elif isinstance(argument, Tensor):
                flat.append(_checked(name, i, argument, gradient))
            else:
                flat.extend(_of_container(name, i, argument, gradient))
        return flat


def _checked(name, i, argument, gradient):
    if isinstance(gradient, (tuple, list)) and len(gradient) == 1:
        gradient = gradient[0]
    if not isinstance(gradient, Tensor):
        gradient = Tensor(gradient, derivative_dtype(argument)) if isinstance(gradient, (int, float)) else gradient
    return match(name, f"the cotangent of argument {i}", argument, gradient)[0]


def _of_container(name, i, argument, gradient):
    if not same_structure(argument, gradient):
        raise ValueError(
            f"{name}: the cotangent of argument {i} must look like it, {describe(argument)}, got {describe(gradient)}."
        )
    flat = []
    for own, given in zip(tree_leaves(argument), tree_leaves(gradient)):
        if isinstance(own, Tensor):
            flat.append(None if given is None else _checked(name, i, own, given))
    return flat


def _run_primal(fn):
    """Run a rule's forward function: recorded only where a derivative of its rule may be asked for."""
    return fn() if _core.may_differentiate_rules() else _core.run_no_grad(fn, (), None)


def _tensor_outputs(name, out):
    tensors = tensors_of(computed(name, out))
    for leaf in tree_leaves(out):
        if isinstance(leaf, float):
            raise TypeError(f"{name}: a differentiated function must return Tensors, got {leaf!r}.")
    return tensors


def _differentiable(tensors):
    """Tell whether a derivative with respect to one of the tensors may be asked for."""
    return _core.is_tracked(tensors) or _core.innermost(tensors) is not None


class _Context:
    """What forward leaves for backward: saved tensors, and any attributes. Tensors among them are values."""

    def __init__(self):
        self.saved_tensors = ()
        self.needs_input_grad = ()

    def save_for_backward(self, *tensors):
        """Keep tensors for backward."""
        for t in tensors:
            if not isinstance(t, Tensor) and t is not None:
                raise TypeError(f"save_for_backward: takes Tensors, got {type(t).__name__}.")
        self.saved_tensors = seen(tensors)


class Function:
    """A function with a reverse rule of its own.

    A subclass defines the static methods ``forward(ctx, *args)``, which returns a Tensor or a tuple of them, and
    ``backward(ctx, *cotangents)``, which takes one cotangent per output and returns one per argument of `forward`; None
    for zero and for arguments that are not tensors. ``ctx.save_for_backward(*tensors)`` and attributes of `ctx` carry
    values from one to the other: tensors as they are when `forward` returns. Call it by `apply`.

    Raises
    ------
    ValueError, TypeError
        Where `backward` returns another number of cotangents, or one of another shape or dtype than its argument.

    Examples
    --------
    >>> import adcore
    >>> class Square(adcore.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * g
    >>> float(adcore.grad(Square.apply)(3.0))
    6.0
    """

    @staticmethod
    def forward(ctx, *args):
        """Compute the outputs; every subclass defines it."""
        raise NotImplementedError("Function: define forward(ctx, ...) as a static method.")

    @staticmethod
    def backward(ctx, *cotangents):
        """Compute the cotangents of the arguments; every subclass defines it."""
        raise NotImplementedError("Function: define backward(ctx, ...) as a static method.")

    @classmethod
    def apply(cls, *args):
        """Call the function."""
        ctx = _Context()
        leaves = _Leaves(args)
        if not _differentiable(leaves.tensors):
            return seen(cls.forward(ctx, *args))
        ctx.needs_input_grad = tuple(bool(tensors_of(a)) and _differentiable(tensors_of(a)) for a in args)
        out = _run_primal(lambda: cls.forward(ctx, *args))
        ctx.__dict__.update({name: seen(value) for name, value in ctx.__dict__.items()})
        return _with_rule(f"{cls.__name__}.backward", leaves, out, lambda *cts: cls.backward(ctx, *cts))


def _with_rule(name, leaves, out, backward):
    """Return `out` with `backward` as its rule, which takes one cotangent per output, zeros where none arrived."""
    tensors = _tensor_outputs(name, out)
    outputs = constants(tensors)

    def pull(cotangents, _):
        return leaves.by_argument(name, backward(*filled(cotangents, outputs)))

    return with_tensors(out, attach(name, leaves.tensors, outputs, pull))


def bprop_call(cell, construct, args):
    """Call a Cell whose reverse rule is its method bprop(*inputs, out, dout)."""
    leaves = _Leaves(args)
    if not _differentiable(leaves.tensors):
        return seen(construct(*args))
    out = seen(_run_primal(lambda: construct(*args)))
    name = f"{type(cell).__name__}.bprop"

    def backward(*cotangents):
        return cell.bprop(*leaves.args, out, with_tensors(out, cotangents))

    return _with_rule(name, leaves, out, backward)


class _Custom:
    """What custom_vjp and custom_jvp share: a function, and which of its arguments are not differentiated."""

    def __init__(self, fn, nondiff_argnums=()):
        kind = type(self).__name__
        check_callable(kind, fn)
        numbers = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else nondiff_argnums
        if not isinstance(numbers, (tuple, list)) or not all(isinstance(n, int) and n >= 0 for n in numbers):
            raise TypeError(f"{kind}: nondiff_argnums must be a tuple of ints >= 0, got {nondiff_argnums!r}.")
        self._fn = fn
        self._static = tuple(sorted(set(numbers)))
        functools.update_wrapper(self, fn)

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def _bound(self, args, kwargs):
        """Return all arguments by position, and those that are differentiated."""
        if kwargs:
            import inspect  # not at the top: it takes longer to load than adcore

            bound = inspect.signature(self._fn).bind(*args, **kwargs)
            bound.apply_defaults()
            if bound.kwargs:
                raise TypeError(f"{self.__name__}: keyword-only arguments have no place in a rule: {bound.kwargs}.")
            args = bound.args
        if self._static and self._static[-1] >= len(args):
            raise TypeError(
                f"{self.__name__}: nondiff_argnums names argument {self._static[-1]}, the call has {len(args)}."
            )
        static = [args[i] for i in self._static]
        return args, static, [a for i, a in enumerate(args) if i not in self._static]


class custom_vjp(_Custom):
    """Give a function a reverse rule of its own.

    Parameters
    ----------
    fn : callable
        Takes and returns tensors, or containers of them.
    nondiff_argnums : tuple of int, default ()
        Arguments that the rule gets as they are, first, and returns no cotangent for.

    Returns
    -------
    custom_vjp
        Called like `fn`. ``defvjp(fwd, bwd)`` gives the rule: ``fwd`` takes what `fn` takes and returns the pair of the
        output and of what `bwd` needs; ``bwd(*nondiff, residuals, cotangent)`` returns one cotangent per differentiated
        argument, None for zero.

    Raises
    ------
    TypeError, ValueError
        Where the rule is missing or returns what does not fit the arguments.

    Examples
    --------
    >>> import adcore
    >>> from adcore import ops
    >>> @adcore.custom_vjp
    ... def log1pexp(x):
    ...     return ops.log(1 + ops.exp(x))
    >>> log1pexp.defvjp(lambda x: (log1pexp(x), x), lambda x, g: (g * (1 - 1 / (1 + ops.exp(x))),))
    >>> float(adcore.grad(log1pexp)(0.0))
    0.5
    """

    _fwd = _bwd = None

    def defvjp(self, fwd, bwd):
        """Give the rule: what computes output and residuals, and what pulls a cotangent back."""
        check_callable("defvjp", fwd)
        check_callable("defvjp", bwd)
        self._fwd, self._bwd = fwd, bwd

    def __call__(self, *args, **kwargs):
        args, static, rest = self._bound(args, kwargs)
        if self._fwd is None:
            raise TypeError(f"{self.__name__}: custom_vjp has no rule; call defvjp(fwd, bwd) first.")
        leaves, static = _Leaves(rest), seen(static)
        if not _differentiable(leaves.tensors):
            return seen(self._fn(*args))
        result = _run_primal(lambda: self._fwd(*args))
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                f"{self.__name__}: fwd must return the pair of output and residuals, got {describe(result)}."
            )
        out, residuals = result[0], seen(result[1])

        def backward(*cotangents):
            return self._bwd(*static, residuals, with_tensors(out, cotangents))

        return _with_rule(f"{self.__name__}: bwd", leaves, out, backward)


class custom_jvp(_Custom):
    """Give a function a forward rule of its own, from which reverse mode is derived by transposing it.

    Parameters
    ----------
    fn : callable
        Takes and returns tensors, or containers of them.
    nondiff_argnums : tuple of int, default ()
        Arguments that the rule gets as they are, first, and that have no tangent.

    Returns
    -------
    custom_jvp
        Called like `fn`. ``defjvp(rule)`` gives the rule: ``rule(*nondiff, primals, tangents)`` returns the pair of the
        output and its tangent, which is linear in `tangents`.

    Raises
    ------
    TypeError, ValueError
        Where the rule is missing or returns what does not fit.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor, ops
    >>> @adcore.custom_jvp
    ... def f(x):
    ...     return ops.sin(x)
    >>> @f.defjvp
    ... def rule(primals, tangents):
    ...     return f(*primals), ops.cos(primals[0]) * tangents[0]
    >>> float(adcore.grad(f)(0.0))
    1.0
    """

    _rule = None

    def defjvp(self, rule):
        """Give the rule; may be used as a decorator."""
        check_callable("defjvp", rule)
        self._rule = rule
        return rule

    def __call__(self, *args, **kwargs):
        args, static, rest = self._bound(args, kwargs)
        if self._rule is None:
            raise TypeError(f"{self.__name__}: custom_jvp has no rule; call defjvp(rule) first.")
        leaves, static = _Leaves(rest), seen(static)
        if not _differentiable(leaves.tensors):
            return seen(self._fn(*args))
        name = f"{self.__name__}: the rule of defjvp"
        out = _core.run_no_grad(self._fn, args, None)
        outputs = constants(_tensor_outputs(name, out))
        like = with_tensors(out, outputs)

        def push(values, tangents):
            result = self._rule(*static, with_tensors(leaves.args, values), with_tensors(leaves.args, tangents))
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(f"{name} must return the pair of output and tangent, got {describe(result)}.")
            return match(name, "the tangent of the output", like, result[1])

        def pull(cotangents, _):
            seeds = filled(cotangents, outputs)
            return transposed(lambda tangents: push(leaves.tensors, tangents), leaves.tensors, seeds)

        return with_tensors(out, attach(name, leaves.tensors, outputs, pull, push))
