"""Rules of one's own: Function, custom_vjp, custom_jvp, Cell.bprop.

Each computes its outputs without recording and attaches a rule to them (`rule.attach`). What a rule gets later are the
values that its forward function saw (`rule.seen`): whoever writes to one of the tensors meanwhile, in place or by an
assignment, does not change a derivative. The outputs are cells of their own, whether something is differentiated or
not. Start reading at `_with_rule`.
"""

import functools
from _thread import get_ident

from adcore import _core
from adcore._context import get_context
from adcore._core import Parameter, Tensor, derivative_dtype, tree_leaves
from adcore._ops.methods import summed_to
from adcore.transforms.made import reduced
from adcore.transforms.options import check_callable, check_flag, computed
from adcore.transforms.products import transposed
from adcore.transforms.rule import attach, constants, filled, may_differentiate, seen
from adcore.transforms.saved import packed, unpacked
from adcore.transforms.trees import describe, leaves_as_in, match, same_structure, tensors_of, with_tensors

__all__ = ["Function", "custom_jvp", "custom_vjp"]


class _Leaves:
    """The tensors of a call's arguments as they are now, by the argument that each belongs to.

    `fn` is whose arguments they are: a function, of whose parameters `skipped` come before them or are not among them.
    `exact`: a cotangent has the shape and dtype of its argument's derivative, or the rule is wrong.
    """

    def __init__(self, args, fn, skipped=(), exact=False):
        self._fn, self._skipped, self.exact = fn, skipped, exact
        self._parameters = {i: a.name for i, a in enumerate(args) if isinstance(a, Parameter)}
        self.args = args = tuple(map(seen, args))
        self.tensors = []
        self.owners = []
        for i, argument in enumerate(args):
            for leaf in tensors_of(argument):
                self.tensors.append(leaf)
                self.owners.append(i)

    def by_argument(self, name, gradients, none_of_others=False):
        """Return one cotangent per tensor, None for zero, from what a rule returned: one entry per argument.

        `none_of_others`: that of an argument without a tensor is None, or the rule is wrong.
        """
        computed(name, gradients)
        if not isinstance(gradients, (tuple, list)):
            gradients = (gradients,)
        extra = gradients[len(self.args) :]
        if extra and all(gradient is None for gradient in extra):  # as PyTorch lets pass
            gradients = gradients[: len(self.args)]
        if len(gradients) != len(self.args):
            raise ValueError(
                f"{name}: the rule must return one cotangent per argument, {len(self.args)}, got {len(gradients)}."
            )
        flat = []
        for i, (argument, gradient) in enumerate(zip(self.args, gradients)):
            own = tensors_of(argument)
            if none_of_others and gradient is not None and not own:
                raise RuntimeError(
                    f"{name}: {self.label(i)} is no tensor, so the rule must return None for it, got "
                    f"{describe(gradient)}."
                )
            if gradient is None or not own:
                flat.extend([None] * len(own))
            elif isinstance(argument, Tensor):
                flat.append(_checked(name, _Cotangent(self, i), argument, gradient))
            else:
                flat.extend(_of_container(name, _Cotangent(self, i), argument, gradient))
        return flat

    def label(self, i):
        """Return what errors call an argument: its number in the call and the names that it goes by."""
        import inspect  # not at the top: it takes longer to load than adcore

        number = [n for n in range(len(self.args) + len(self._skipped)) if n not in self._skipped][i]
        names = []
        try:
            parameters = list(inspect.signature(self._fn).parameters.values())
        except (TypeError, ValueError):  # a builtin without a signature
            parameters = []
        for at, parameter in enumerate(parameters):
            if parameter.kind is parameter.VAR_POSITIONAL and number >= at:
                names.append(f"{parameter.name}[{number - at}]")
            elif at == number and parameter.kind is not parameter.KEYWORD_ONLY:
                names.append(parameter.name)
        if i in self._parameters:
            names.append(f"Parameter {self._parameters[i]!r}")
        return f"argument {i}" + (f" ({', '.join(names)})" if names else "")


class _Cotangent:
    """What errors call the cotangent of an argument; the name is looked up where there is an error."""

    def __init__(self, leaves, i):
        self._leaves, self._i = leaves, i

    def __str__(self):
        return f"the cotangent of {self._leaves.label(self._i)}"

    def check(self, name, argument, gradient):
        """Raise where a cotangent has to be as its argument's derivative, and is not."""
        if not self._leaves.exact:
            return
        dtype = derivative_dtype(argument)
        for what, own, given, error in (
            ("shape", tuple(argument.shape), tuple(gradient.shape), ValueError),
            ("dtype", dtype, gradient.dtype, TypeError),
        ):
            if own != given:
                ordinal = f"{self._i}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(self._i, 'th') }"
                raise error(
                    f"{name}: with check_bprop, {self} should have the same {what} as the {ordinal} arg, {own}, got "
                    f"{given}."
                )


def _checked(name, what, argument, gradient):
    if isinstance(gradient, (tuple, list)) and len(gradient) == 1:
        gradient = gradient[0]
    if not isinstance(gradient, Tensor):
        gradient = Tensor(gradient, derivative_dtype(argument)) if isinstance(gradient, (int, float)) else gradient
    if isinstance(gradient, Tensor):
        what.check(name, argument, gradient)
        gradient = summed_to(gradient, argument.shape).astype(derivative_dtype(argument))
    return match(name, what, argument, gradient)[0]


def _of_container(name, what, argument, gradient):
    if not same_structure(argument, gradient):
        raise ValueError(f"{name}: {what} must look like it, {describe(argument)}, got {describe(gradient)}.")
    flat = []
    for own, given in zip(tree_leaves(argument), leaves_as_in(argument, gradient)):
        if isinstance(own, Tensor):
            flat.append(None if given is None else _checked(name, what, own, given))
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


class _Context:
    """What forward tells of its outputs and leaves for backward: saved tensors, and any attributes.

    Tensors among them are values: as they are when forward returns.

    Attributes
    ----------
    needs_input_grad : tuple of bool
        By argument, whether a derivative by it may be asked for: backward may return None for another.
    """

    def __init__(self, needs_input_grad):
        self.needs_input_grad = needs_input_grad
        self._saved = ()
        self._dirty = ()
        self._non_differentiable = ()
        self._materializes = True

    def save_for_backward(self, *tensors):
        """Keep tensors, or None, for backward, in the form that `saved_tensors_hooks` gives them."""
        _check_tensors("save_for_backward", [t for t in tensors if t is not None])
        self._saved = packed(seen(tensors))

    @property
    def saved_tensors(self):
        """What `save_for_backward` kept."""
        return unpacked(self._saved)

    def mark_non_differentiable(self, *outputs):
        """Say that outputs are constants: nothing is differentiated through them; backward gets zeros for them."""
        _check_tensors("mark_non_differentiable", outputs)
        self._non_differentiable = outputs

    def mark_dirty(self, *inputs):
        """Say that forward changed arguments in place, which it returns as well.

        After the call each is the tensor that was given, with the new value, which depends on the arguments by the rule
        of the Function.
        """
        _check_tensors("mark_dirty", inputs)
        self._dirty = inputs

    def set_materialize_grads(self, value):
        """Say whether backward gets zeros for the cotangents that nothing contributed to (the default), or None."""
        check_flag("set_materialize_grads", "value", value)
        self._materializes = value

    def check_marks(self, name, args, outputs):
        """Raise for marks on what cannot bear them."""
        for mark, marked, among, what in (
            ("mark_non_differentiable", self._non_differentiable, outputs, "outputs"),
            ("mark_dirty", self._dirty, outputs, "outputs"),
            ("mark_dirty", self._dirty, tensors_of(args), "arguments"),
        ):
            for i, t in enumerate(marked):
                if not _holds(among, t):
                    raise ValueError(f"{name}: {mark} got a tensor, number {i}, that is not among the {what}.")

    def hold_values(self):
        """Keep the attributes that forward has set as they are now. The marks are known by the tensors themselves."""
        own = {"_dirty", "_non_differentiable", "_saved"}
        self.__dict__.update({name: seen(value) for name, value in vars(self).items() if name not in own})

    def is_constant(self, output):
        """Tell whether an output was marked as not differentiable."""
        return _holds(self._non_differentiable, output)

    def handed_out(self, outputs, made):
        """Return the tensors of the result: new cells, but for arguments that forward changed, which get the values."""
        result = []
        for output, value in zip(outputs, made):
            if _holds(self._dirty, output):
                output._assign(value)
                value = output
            result.append(value)
        return result

    def materialized(self, cotangents, outputs):
        """Return the cotangents as backward gets them."""
        return filled(cotangents, outputs) if self._materializes else cotangents


def _holds(tensors, tensor):
    return any(tensor is t for t in tensors)


def _check_tensors(name, tensors):
    for t in tensors:
        if not isinstance(t, Tensor):
            raise TypeError(f"{name}: takes Tensors, got {type(t).__name__}.")


class Function:
    """A function with a reverse rule of its own.

    A subclass defines the static methods ``forward(ctx, *args)``, which returns a Tensor or a tuple of outputs, and
    ``backward(ctx, *cotangents)``, which takes one cotangent per output, None for one that is no tensor, and returns
    one per argument of `forward`; None for zero and for arguments that are not tensors. Call it by `apply`.
    ``ctx.save_for_backward(*tensors)`` and attributes of `ctx` carry values from one to the other: tensors as they are
    when `forward` returns.

    Raises
    ------
    ValueError, TypeError
        Where `backward` returns another number of cotangents, or one of a shape that its argument cannot be broadcast
        to; where `forward` marks what is not an output or argument.
    RuntimeError
        Where `backward` returns something for an argument without tensors.

    Notes
    -----
    A cotangent of the shape that its argument has been broadcast to is summed to the argument's, and one of another
    dtype is converted: a rule may return what broadcasting and promotion made of its arguments.

    `forward` may call ``ctx.mark_non_differentiable(*outputs)``, ``ctx.mark_dirty(*inputs)`` for arguments that it
    changes in place and returns, and ``ctx.set_materialize_grads(False)`` to get None for cotangents that nothing
    contributed to. ``ctx.needs_input_grad`` tells by argument whether a derivative may be asked for.
    `saved_tensors_hooks` gives saved tensors another form meanwhile.

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
        name = f"{cls.__name__}.backward"
        leaves = _Leaves(args, cls.forward, skipped=(0,))
        ctx = _Context(tuple(bool(tensors_of(a)) and may_differentiate(tensors_of(a)) for a in args))
        if not any(ctx.needs_input_grad):
            out = computed(name, cls.forward(ctx, *args))
            tensors = tensors_of(out)
            ctx.check_marks(name, args, tensors)
            return with_tensors(out, ctx.handed_out(tensors, [_core.seen(t) for t in tensors]))
        out = computed(name, _run_primal(lambda: cls.forward(ctx, *args)))
        tensors = tensors_of(out)
        ctx.check_marks(name, args, tensors)
        ctx.hold_values()
        outputs = constants(tensors)
        differentiated = [i for i, t in enumerate(tensors) if not ctx.is_constant(t)]
        is_tensor = [isinstance(leaf, Tensor) for leaf in tree_leaves(out)]

        def pull(cotangents, _):
            by_tensor = [None] * len(outputs)
            for i, cotangent in zip(differentiated, cotangents):
                by_tensor[i] = cotangent
            given = iter(ctx.materialized(by_tensor, outputs))
            gradients = cls.backward(ctx, *(next(given) if own else None for own in is_tensor))
            return leaves.by_argument(name, gradients, none_of_others=True)

        made = list(outputs)
        attached = attach(name, leaves.tensors, [outputs[i] for i in differentiated], pull)
        for i, tensor in zip(differentiated, attached):
            made[i] = tensor
        return with_tensors(out, ctx.handed_out(tensors, made))


def _with_rule(name, leaves, out, backward):
    """Return `out` with `backward` as its rule, which takes one cotangent per output, zeros where none arrived."""
    tensors = _tensor_outputs(name, out)
    outputs = constants(tensors)

    def pull(cotangents, _):
        return leaves.by_argument(name, backward(*filled(cotangents, outputs)))

    return with_tensors(out, attach(name, leaves.tensors, outputs, pull))


def bprop_call(cell, construct, args):
    """Call a Cell whose reverse rule is its method bprop(*inputs, out, dout).

    Where the Cell has the attribute `internal_params`, a list of Parameters, these have cotangents, too: bprop returns
    the pair of those of the inputs and a dict, tuple or list of those of the Parameters. With the setting `check_bprop`
    a cotangent is neither summed to the shape of its argument nor converted: it must have its shape and dtype.
    """
    params = tuple(getattr(cell, "internal_params", ()))
    leaves = _Leaves((*args, *params), type(cell).construct, (0,), get_context("check_bprop"))
    if not may_differentiate(leaves.tensors):
        return seen(construct(*args))
    out = seen(_run_primal(lambda: construct(*args)))
    name = f"{type(cell).__name__}.bprop"

    def backward(*cotangents):
        result = cell.bprop(*leaves.args[: len(args)], out, with_tensors(out, cotangents))
        return _with_parameters(name, result, params) if params else result

    return _with_rule(name, leaves, out, backward)


def _with_parameters(name, result, params):
    """Return the cotangents of the inputs and the Parameters, which a rule returns as a pair, in one tuple."""
    if not isinstance(result, (tuple, list)) or len(result) != 2 or not isinstance(result[1], (dict, tuple, list)):
        raise ValueError(
            f"{name}: of a Cell with internal_params the rule must return the pair of the inputs' cotangents and a "
            f"dict, tuple or list of the Parameters', got {describe(result)}."
        )
    of_inputs, of_params = result
    if isinstance(of_params, dict):
        unknown = [key for key in of_params if not any(key is p for p in params)]
        if unknown:
            raise ValueError(f"{name}: {unknown[0]!r} is none of internal_params.")
        of_params = [next((value for key, value in of_params.items() if key is p), None) for p in params]
    if len(of_params) != len(params):
        raise ValueError(f"{name}: the rule must return {len(params)} cotangents of Parameters, got {len(of_params)}.")
    return (*(of_inputs if isinstance(of_inputs, (tuple, list)) else (of_inputs,)), *of_params)


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

    def __reduce_ex__(self, protocol):
        return reduced(self, super().__reduce_ex__(protocol))

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
        argument, None for zero. Or ``defbwd(bwd)``, where ``bwd(*args, output, cotangent)`` does.

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

    def __init__(self, fn, nondiff_argnums=()):
        super().__init__(fn, nondiff_argnums)
        self._threads = set()  # those in which fwd runs

    def defvjp(self, fwd, bwd):
        """Give the rule: what computes output and residuals, and what pulls a cotangent back."""
        check_callable("defvjp", fwd)
        check_callable("defvjp", bwd)
        self._fwd, self._bwd = fwd, bwd

    def defbwd(self, bwd):
        """Give the rule as that of a Cell's bprop: of the arguments, the output and its cotangent; a decorator, too."""
        check_callable("defbwd", bwd)

        def fwd(*args):
            out = self._fn(*args)
            return out, (args, out)

        def pulled(*static_and_rest):
            (args, out), cotangent = static_and_rest[-2:]
            return bwd(*args, out, cotangent)

        self.defvjp(fwd, pulled)
        return bwd

    def __call__(self, *args, **kwargs):
        args, static, rest = self._bound(args, kwargs)
        if self._fwd is None:
            raise TypeError(f"{self.__name__}: custom_vjp has no rule; call defvjp(fwd, bwd) first.")
        leaves, static = _Leaves(rest, self._fn, self._static), seen(static)
        if not may_differentiate(leaves.tensors):
            return seen(self._fn(*args))
        inside = get_ident() in self._threads
        if inside:
            # fwd calls the function itself. Only a derivative of what fwd computes asks for the residuals of this call:
            # fwd runs for them in that sweep, where a level less is around.
            out, residuals = _core.run_no_grad(self._fn, args, None), None
        else:
            out, residuals = _run_primal(lambda: self._run_fwd(args))

        def backward(*cotangents):
            own = self._run_fwd(self._all(static, leaves.args))[1] if inside else residuals
            return self._bwd(*static, own, with_tensors(out, cotangents))

        return _with_rule(f"{self.__name__}: bwd", leaves, out, backward)

    def _all(self, static, rest):
        """Return the arguments in their order."""
        static, rest, count = iter(static), iter(rest), len(static) + len(rest)
        return [next(static if i in self._static else rest) for i in range(count)]

    def _run_fwd(self, args):
        """Return the output and the residuals."""
        thread = get_ident()
        outermost = thread not in self._threads
        self._threads.add(thread)
        try:
            result = self._fwd(*args)
        finally:
            if outermost:
                self._threads.remove(thread)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                f"{self.__name__}: fwd must return the pair of output and residuals, got {describe(result)}."
            )
        return result[0], seen(result[1])


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
        leaves, static = _Leaves(rest, self._fn, self._static), seen(static)
        if not may_differentiate(leaves.tensors):
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
