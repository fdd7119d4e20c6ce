"""Hooks on cotangents: of Tensors, Parameters, Cells, and at a place in a program.

A hook on a Tensor of a differentiated function is put on its value, whose whole cotangent passes through it. Where
other Tensors may hold that value, and at a place in a program, a hook stands behind an identity with a rule of its own:
what is computed from the tensor afterwards passes its cotangent through the hook.
"""

import itertools
from _thread import get_ident

from adcore import _core
from adcore._advice import add_note
from adcore._core import Parameter, Tensor
from adcore.transforms.options import check_callable
from adcore.transforms.rule import attach, constants, filled, hook_value, may_differentiate
from adcore.transforms.trees import as_tensor, describe, match, tensors_of, with_tensors

__all__ = ["HookBackward", "InsertGradientOf", "RemovableHandle"]


_numbers = itertools.count()


class RemovableHandle:
    """What registering a hook returns.

    Examples
    --------
    >>> from adcore import Parameter, Tensor
    >>> handle = Parameter(Tensor([1.0]), name="w").register_hook(lambda g: 2 * g)
    >>> handle.remove()
    """

    def __init__(self, hooks, hook, first=False):
        self._hooks = hooks
        # Hooks that came out of a pickle have numbers of another process.
        self._key = next(number for number in _numbers if number not in hooks)
        others = list(hooks.items()) if first else ()
        if first:
            hooks.clear()
        hooks[self._key] = hook
        hooks.update(others)

    def remove(self):
        """Remove the hook; once is enough."""
        self._hooks.pop(self._key, None)


class _Hooks(dict):
    """The hooks of one value that a tensor held, in the order of registration."""

    __slots__ = ("ref",)

    def __init__(self, ref):
        self.ref = ref  # where the value stands on a tape


def hooked(hooks, cotangent):
    """Return what the hooks make of a cotangent, each of what the one before it returned."""
    for hook in list(hooks.values()):
        cotangent = _replaced("register_hook", cotangent, hook(cotangent))
    return cotangent


def _behind(tensors, on_cotangents):
    """Return the same values; their cotangents pass through a function of the list of them."""
    values = constants(tensors)

    def pull(cotangents, _):
        return on_cotangents(filled(cotangents, values))

    return attach("hook", tensors, values, pull, lambda _, tangents: tangents)


def _replaced(name, cotangent, result):
    """Return what a hook made of a cotangent: None leaves it as it is; nothing comes of one that is None."""
    return (
        cotangent
        if result is None or cotangent is None
        else match(name, "the hook's result for a cotangent", cotangent, as_tensor(result))[0]
    )


def _register_hook(self, hook):
    """Call a function with the derivative with respect to this tensor, whenever one is computed.

    Parameters
    ----------
    hook : callable
        Takes the cotangent, a Tensor of this tensor's shape and dtype. Returns None, or a Tensor that replaces it.

    Returns
    -------
    RemovableHandle
        ``remove()`` takes the hook away.

    Raises
    ------
    TypeError
        For a hook that cannot be called. When the derivative is computed: for a result of another shape or dtype.
    RuntimeError
        For a Parameter whose `requires_grad` is False.

    Notes
    -----
    On a Tensor that a differentiated function made, the hook sees the whole derivative with respect to the value that
    it has now, from uses before the registration and after it. Where another Tensor may hold the same value, as for a
    copy or a gradient, it sees what comes from this one after the registration.

    On a Parameter, and on a Tensor that is passed to a transform, it sees the whole derivative with respect to it as an
    input, when that has been computed: once for each derivative, however often the input is passed or read. Derivatives
    of derivatives with respect to a Parameter are as many derivatives, and each of them is what the hook returned: with
    ``lambda g: 5 * g`` the second one is 25 times as large, in two calls. Where nothing depends on the input there is
    nothing to see.

    Examples
    --------
    >>> import adcore
    >>> def f(x):
    ...     y = x * x
    ...     y.register_hook(lambda g: g * 10)
    ...     return y * 3
    >>> float(adcore.grad(f)(2.0))
    120.0
    """
    check_callable("register_hook", hook)
    hooks = _core.hooks_of(self)
    if hooks is None or hooks.ref != _core.tape_ref(self):
        hooks = _Hooks(_core.tape_ref(self))
        if isinstance(self, Parameter) and not self.requires_grad:
            raise RuntimeError(
                f"register_hook: the Parameter {self.name!r} has requires_grad=False: no derivative would reach the "
                "hook. Set requires_grad to True first."
            )
        inside = may_differentiate([self])
        if inside and _core.holds_alone(self):
            hook_value(self, lambda cotangent: hooked(hooks, cotangent))
        elif inside and not isinstance(self, Parameter):
            self._assign(_behind([self], lambda cotangents: [hooked(hooks, *cotangents)])[0])
            hooks.ref = _core.tape_ref(self)
        _core.set_hooks(self, hooks)
    return RemovableHandle(hooks, hook)


def _hooks(self):
    """Return the list of the functions that `register_hook` has been given and that have not been removed."""
    hooks = _core.hooks_of(self)
    return list(hooks.values()) if hooks is not None and hooks.ref == _core.tape_ref(self) else []


Tensor.register_hook = _register_hook
Tensor.hooks = _hooks


class HookBackward:
    """The identity, whose cotangents are shown to a function.

    Parameters
    ----------
    hook_fn : callable
        Takes the tuple of the cotangents. Returns None, or what replaces them: a Tensor for one, a tuple for several.

    Examples
    --------
    >>> import adcore
    >>> from adcore import ops
    >>> double = ops.HookBackward(lambda g: g[0] * 2)
    >>> float(adcore.grad(lambda x: double(x * x) * 3)(2.0))
    24.0
    """

    def __init__(self, hook_fn, cell_id=""):
        check_callable("HookBackward", hook_fn)
        self.hook_fn = hook_fn

    def __call__(self, *inputs):
        """Return the inputs: one alone, or the tuple of several."""
        for i, value in enumerate(inputs):
            if not isinstance(value, Tensor):
                raise TypeError(f"HookBackward: input {i} must be a Tensor, got {type(value).__name__}.")
        made = _behind(list(inputs), lambda cotangents: _tuple_hook("HookBackward", self.hook_fn, (), cotangents))
        return made[0] if len(made) == 1 else tuple(made)


def _tuple_hook(name, hook, before, cotangents):
    """Return the cotangents as a hook that takes the tuple of them leaves them."""
    result = hook(*before, tuple(cotangents))
    if result is None:
        return cotangents
    if not isinstance(result, (tuple, list)):
        result = (result,)
    if len(result) != len(cotangents):
        raise ValueError(f"{name}: the hook must return {len(cotangents)} cotangents, got {len(result)}.")
    return [_replaced(name, c, r) for c, r in zip(cotangents, result)]


class InsertGradientOf:
    """The identity, whose cotangent a function replaces.

    Parameters
    ----------
    f : callable
        Takes the cotangent and returns the one that is passed on.

    Examples
    --------
    >>> import adcore
    >>> from adcore import ops
    >>> clipped = ops.InsertGradientOf(lambda g: ops.clamp(g, -1.0, 1.0))
    >>> float(adcore.grad(lambda x: clipped(x) * 5)(2.0))
    1.0
    """

    def __init__(self, f):
        check_callable("InsertGradientOf", f)
        self.f = f

    def __call__(self, x):
        """Return the input."""
        if not isinstance(x, Tensor):
            raise TypeError(f"InsertGradientOf: the input must be a Tensor, got {type(x).__name__}.")
        return _behind([x], lambda cotangents: [_replaced("InsertGradientOf", cotangents[0], self.f(cotangents[0]))])[0]


class CellHooks:
    """The hooks of one Cell."""

    def __init__(self):
        self.forward_pre, self.forward, self.backward_pre, self.backward = {}, {}, {}, {}

    def call(self, cell, construct, args, kwargs):
        """Call `construct` between the hooks."""
        called = []  # of the forward hooks, by key
        out = None

        def run(*args, **kwargs):
            nonlocal out
            out = construct(*args, **kwargs)
            for key, (hook, with_kwargs, _) in list(self.forward.items()):
                called.append(key)
                out = _replaced_output(hook, with_kwargs, cell, args, kwargs, out)
            return out

        try:
            for hook, with_kwargs in list(self.forward_pre.values()):
                args, kwargs = _replaced_inputs(hook, with_kwargs, cell, args, kwargs)
            if self.backward or self.backward_pre:
                # The outputs whose cotangents the hooks see are those that the forward hooks leave.
                return self._call_between(cell, run, args, kwargs)
            return run(*args, **kwargs)
        except Exception as error:
            for key, (hook, with_kwargs, always_call) in list(self.forward.items()):
                if always_call and key not in called:
                    try:
                        out = _replaced_output(hook, with_kwargs, cell, args, kwargs, out)
                    except Exception as another:
                        add_note(error, f"A forward hook that is always called raised too: {another!r}")
            raise

    def _call_between(self, cell, construct, args, kwargs):
        """Call `construct` on inputs whose cotangents pass through the hooks, and return such outputs.

        These are two rules, and that of the outputs runs first. It seeds the token, one more output of the rule of the
        inputs, so that this one runs in each sweep that differentiates by an input, whether anything else reaches it or
        not. In the others, those of a first layer, nobody wants the token's cotangent, and the rule of the outputs
        calls the hooks itself.
        """
        name = type(cell).__name__
        inputs = tensors_of(args)
        tracked = [may_differentiate([t]) for t in inputs]
        behind = [t for t, own in zip(inputs, tracked) if own]
        values, token_value = constants(behind), Tensor(0.0)
        of_outputs = {}  # by thread: what its sweep brought to the outputs, for the hooks that see both ends

        def call_hooks(of_inputs):
            of_output = of_outputs.get(get_ident(), ())
            for hook in list(self.backward.values()):
                of_inputs = _tuple_hook(name, lambda c, gi, hook=hook: hook(c, gi, of_output), (cell,), of_inputs)
            return of_inputs

        def pull_inputs(cotangents, wanted):
            cotangents = filled(cotangents[:-1], values)
            wanted = iter([c if asked else None for c, asked in zip(cotangents, wanted)])
            of_inputs = call_hooks([next(wanted) if own else None for own in tracked])
            return [c for c, own in zip(of_inputs, tracked) if own]

        def pull_outputs(cotangents, wanted):
            cotangents = filled(cotangents, outputs)
            for hook in list(self.backward_pre.values()):
                cotangents = _tuple_hook(name, hook, (cell,), cotangents)
            of_outputs[get_ident()] = tuple(cotangents)
            if not wanted[-1]:
                call_hooks([None] * len(inputs))
            return [*cotangents, token_value]

        *made, token = attach(
            "hook", behind, [*values, token_value], pull_inputs, lambda _, tangents: [*tangents, token_value]
        )
        made = iter(made)
        out = construct(*with_tensors(args, [next(made) if own else t for t, own in zip(inputs, tracked)]), **kwargs)
        tensors = tensors_of(out)
        outputs = constants(tensors)
        if not tensors:
            return out
        return with_tensors(
            out, attach("hook", [*tensors, token], outputs, pull_outputs, lambda _, tangents: tangents[:-1])
        )


def _replaced_inputs(hook, with_kwargs, cell, args, kwargs):
    """Return the inputs as a hook before `construct` leaves them."""
    result = hook(cell, args, kwargs) if with_kwargs else hook(cell, args)
    if result is None:
        return args, kwargs
    if with_kwargs:
        if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], dict):
            raise RuntimeError(
                f"{type(cell).__name__}: a forward pre-hook with_kwargs must return None or the pair of the positional "
                f"inputs and the dict of the others, got {describe(result)}."
            )
        result, kwargs = result
    return result if isinstance(result, tuple) else (result,), kwargs


def _replaced_output(hook, with_kwargs, cell, args, kwargs, out):
    """Return the output as a hook after `construct` leaves it."""
    result = hook(cell, args, kwargs, out) if with_kwargs else hook(cell, args, out)
    return out if result is None else result
