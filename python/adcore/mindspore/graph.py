"""What MindSpore compiles graphs with: `jit` records; the others give back what they were given."""

import adcore
from adcore import Tensor, ops
from adcore.nn import Cell
from adcore.transforms.compiled import jit_or_run
from adcore.transforms.trees import map_tensors


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


def jit(
    function=None,
    mode=None,
    input_signature=None,
    hash_args=None,
    jit_config=None,
    *,
    capture_mode="ast",
    jit_level="O0",
    dynamic=0,
    fullgraph=False,
    backend="",
    **options,
):
    """Return a function that is recorded as a program when it is first called, and replayed by later calls.

    It is `adcore.jit` for scripts that were written for a compiler of Python: where a function cannot be recorded,
    since it looks at values (``if loss > 1``), prints, or changes what is not a Tensor, it runs as Python. The logger
    ``adcore.jit`` says why, at debug level.

    Parameters
    ----------
    function : callable, Cell or class of Cells, optional
        Also by the keyword ``fn``. Of a class, `construct` is recorded; the class is returned. Without it a decorator
        is returned.
    mode, input_signature, hash_args, jit_config, **options
        As in MindSpore's versions of `jit`; they have no effect.
    capture_mode : {"ast", "bytecode", "trace"}, default "ast"
        It has no effect.
    jit_level : {"O0", "O1"}, default "O0"
        It has no effect.
    dynamic : {0, 1}, default 0
        It has no effect.
    fullgraph : bool, default False
        It has no effect.
    backend : str, default ""
        It has no effect.

    Raises
    ------
    TypeError
        If `function` is none.
    ValueError
        If an option is none of its values.

    Examples
    --------
    >>> from adcore import Tensor
    >>> from adcore.mindspore import graph
    >>> @graph.jit(jit_config=graph.JitConfig(jit_level="O1"))
    ... def double(x):
    ...     return 2 * x if x > 0 else x
    >>> print(double(Tensor(3.0)), double(Tensor(-3.0)))
    6.0 -3.0
    """
    function = options.pop("fn", function)
    choices = {
        "capture_mode": (capture_mode, ("ast", "bytecode", "trace")),
        "jit_level": (jit_level, ("", "O0", "O1", "O2")),
        "dynamic": (dynamic, (0, 1)),
        "fullgraph": (fullgraph, (False, True)),
    }
    for name, (value, allowed) in choices.items():
        if value not in allowed:
            raise ValueError(f"jit: {name} must be one of {', '.join(map(repr, allowed))}, got {value!r}.")
    if function is None:
        return jit
    if isinstance(function, type) and issubclass(function, Cell):
        function.construct = jit_or_run(function.construct)
        return function
    if not callable(function):
        raise TypeError(f"jit: expected a function, got {type(function).__name__}.")
    return jit_or_run(function)


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
    """What MindSpore runs functions with. Nothing here runs late or has to be told that it will be differentiated."""

    def sync(self):
        """Return; what was called has been computed."""

    def set_grad_flag(self, flag):
        """Return: whatever runs can be differentiated."""

    def new_graph(self, obj, *args, **kwargs):
        """Return: `grad` runs what it differentiates."""

    end_graph = check_run = new_graph

    def grad(self, obj, grad, weights, grad_position, *args, **kwargs):
        """Return the derivatives of `obj` that a GradOperation or positions ask for, as constants."""
        derivative = grad(obj, weights) if grad_position is None else adcore.grad(obj, grad_position, weights)
        return map_tensors(ops.stop_gradient, derivative(*args, **kwargs))


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
