"""What a Function saves for its rule, and hooks that keep it in another form meanwhile."""

from _thread import _local

from adcore import _core
from adcore._core import Tensor
from adcore.transforms.options import check_callable
from adcore.transforms.rule import attach, constants
from adcore.transforms.trees import describe

__all__ = ["saved_tensors_hooks"]


class _Open(_local):
    """The hooks that are open in a thread, the innermost last."""

    def __init__(self):
        self.hooks = []


_open = _Open()


class saved_tensors_hooks:
    """Keep what a Function saves in another form until its rule asks for it: on a disk, in fewer bits.

    A context manager. Of several that are open in a thread the innermost holds.

    Parameters
    ----------
    pack_hook : callable
        Takes a tensor that ``ctx.save_for_backward`` got, returns whatever is to be kept in its place.
    unpack_hook : callable
        Takes that, whenever the rule reads ``ctx.saved_tensors``, and returns a Tensor of the saved one's shape and
        dtype, which the rule gets.

    Raises
    ------
    TypeError, ValueError
        For hooks that cannot be called; when the rule runs, where `unpack_hook` returns something else.
    RuntimeError
        Where blocks end in another order than they began, or in another thread.

    Notes
    -----
    What the ops themselves keep for their rules is not shown: `recompute` gives up that of a whole block. Where a
    derivative of the rule may be asked for, the saved tensor stays beside its packed form, so that this derivative is
    right whatever the hooks do; the rule computes with the unpacked value.

    Examples
    --------
    >>> import adcore
    >>> from adcore import ops
    >>> class Square(adcore.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return 2 * ctx.saved_tensors[0] * g
    >>> def f(x):
    ...     with adcore.saved_tensors_hooks(lambda t: t.asnumpy().tobytes(), lambda data: adcore.Tensor(3.0)):
    ...         return Square.apply(x)
    >>> float(adcore.grad(f)(3.0))
    6.0
    """

    def __init__(self, pack_hook, unpack_hook):
        check_callable("saved_tensors_hooks", pack_hook)
        check_callable("saved_tensors_hooks", unpack_hook)
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self):
        _open.hooks.append(self)
        return self

    def __exit__(self, *exception):
        if not _open.hooks or _open.hooks[-1] is not self:
            if self in _open.hooks:
                _open.hooks.remove(self)
            raise RuntimeError(
                "saved_tensors_hooks: blocks must end in their thread, in the reverse of the order they began in."
            )
        _open.hooks.pop()
        return False


class _Packed:
    """A tensor in the form that the hooks gave it."""

    def __init__(self, hooks, tensor):
        self._unpack = hooks.unpack_hook
        self._shape, self._dtype = tensor.shape, tensor.dtype
        observed = _core.may_differentiate_rules() or _core.innermost([tensor]) is not None
        self._saved = tensor if observed else None  # what the value depends on, for derivatives of the rule
        self._packed = hooks.pack_hook(tensor)

    def unpacked(self):
        value = self._unpack(self._packed)
        if not isinstance(value, Tensor):
            raise TypeError(f"saved_tensors_hooks: unpack_hook must return a Tensor, got {type(value).__name__}.")
        if value.shape != self._shape or value.dtype != self._dtype:
            raise ValueError(
                f"saved_tensors_hooks: unpack_hook must return a Tensor like the saved one, of shape "
                f"{tuple(self._shape)} and dtype {self._dtype}, got {describe(value)}."
            )
        if self._saved is None:
            return value
        made = attach(
            "saved_tensors_hooks",
            [_core.settled(self._saved)],  # a jvp around it may have ended
            constants([value]),
            lambda cotangents, _: cotangents,
            lambda _, tangents: tangents,
        )
        return made[0]


def packed(tensors):
    """Return what is kept of saved tensors while the hooks that are open now hold."""
    if not _open.hooks:
        return tensors
    return tuple(t if t is None else _Packed(_open.hooks[-1], t) for t in tensors)


def unpacked(kept):
    """Return the tensors again."""
    return tuple(k.unpacked() if isinstance(k, _Packed) else k for k in kept)
