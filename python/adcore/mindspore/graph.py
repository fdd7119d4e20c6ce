"""What MindSpore compiles graphs with. adcore runs functions eagerly, so each of these gives back what it was given."""

import functools

from adcore import Tensor
from adcore._context import without_meaning


class JitConfig:
    """Settings of `jit`.

    Parameters
    ----------
    jit_level, exc_mode, jit_syntax_level, debug_level, infer_boost, **kwargs
        As in MindSpore; they have no effect.

    Examples
    --------
    >>> from adcore.mindspore import graph
    >>> graph.JitConfig(jit_level="O1").jit_config_dict["jit_level"]
    'O1'
    """

    def __init__(
        self,
        jit_level="",
        exc_mode="auto",
        jit_syntax_level="",
        debug_level="RELEASE",
        infer_boost="off",
        **kwargs,
    ):
        self.jit_config_dict = dict(
            jit_level=jit_level,
            exc_mode=exc_mode,
            jit_syntax_level=jit_syntax_level,
            debug_level=debug_level,
            infer_boost=infer_boost,
            **kwargs,
        )


def jit(function=None, mode=None, input_signature=None, hash_args=None, jit_config=None, **options):
    """Return the function, or a decorator that does: it runs eagerly.

    Parameters
    ----------
    function : callable, optional
        Also by the keyword ``fn``.
    mode, input_signature, hash_args, jit_config, **options
        As in MindSpore's versions of `jit`; they have no effect.

    Examples
    --------
    >>> from adcore.mindspore import graph
    >>> @graph.jit(jit_config=graph.JitConfig(jit_level="O1"))
    ... def double(x):
    ...     return 2 * x
    >>> double(3)
    6
    """
    function = options.pop("fn", function)
    if function is None:
        return functools.partial(jit, jit_config=jit_config, **options)
    if not callable(function):
        raise TypeError(f"jit: expected a function, got {type(function).__name__}.")
    without_meaning("jit")
    return function


def jit_class(cls):
    """Return the class.

    Examples
    --------
    >>> from adcore.mindspore import graph
    >>> @graph.jit_class
    ... class Pair:
    ...     pass
    """
    if not isinstance(cls, type):
        raise TypeError(f"jit_class: expected a class, got {type(cls).__name__}.")
    return cls


def lazy_inline(fn=None, attrs=None, policy=None):
    """Return the ``__init__`` that it decorates.

    Examples
    --------
    >>> from adcore.mindspore import graph
    >>> class Block:
    ...     @graph.lazy_inline
    ...     def __init__(self):
    ...         self.ready = True
    >>> Block().ready
    True
    """
    if fn is None:
        return lambda function: function
    if isinstance(fn, type):
        raise ValueError(f"lazy_inline: decorate __init__, not the class {fn.__name__}.")
    return fn


def constexpr(fn=None, get_instance=True, name=None, reuse_result=True, check=True):
    """Return the function: what a graph would compute when it is compiled, Python computes when it runs.

    Examples
    --------
    >>> from adcore.mindspore import graph
    >>> @graph.constexpr
    ... def three():
    ...     return 3
    >>> three()
    3
    """
    return (lambda function: function) if fn is None else fn


def mutable(input_data, dynamic_len=False):
    """Return the input: nothing is a constant of a graph.

    Examples
    --------
    >>> from adcore.mindspore import graph
    >>> graph.mutable([1, 2])
    [1, 2]
    """
    if not isinstance(input_data, (bool, int, float, list, tuple, dict, Tensor)):
        raise TypeError(
            f"mutable: expected a number, a Tensor, a list, tuple or dict, got {type(input_data).__name__}."
        )
    return input_data


def is_tensor(obj):
    """Return whether an object is a Tensor.

    Examples
    --------
    >>> from adcore.mindspore import graph
    >>> graph.is_tensor(1.0)
    False
    """
    return isinstance(obj, Tensor)


class _Executor:
    """What MindSpore runs functions with; nothing here runs late, so there is nothing to wait for."""

    def sync(self):
        """Return; what was called has been computed."""


_pynative_executor = _Executor()

ms_function = jit
ms_class = jit_class

__all__ = [
    "JitConfig",
    "constexpr",
    "is_tensor",
    "jit",
    "jit_class",
    "lazy_inline",
    "ms_class",
    "ms_function",
    "mutable",
]
