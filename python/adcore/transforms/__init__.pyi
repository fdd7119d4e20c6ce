"""Types of adcore.transforms, written by hand: what a transform returns depends on the function that it is given.

A derivative has the structure of what is differentiated: that of a Tensor, a number or an array is a Tensor, that of
Parameters in a list is a tuple of Tensors, and that of another container is Any. `tests/typing` holds these to a
program of a user, and mypy's stubtest to the signatures at run time.
"""

from collections.abc import Callable
from os import PathLike
from typing import Any, Concatenate, Generic, Literal, ParamSpec, Protocol, Self, TypeAlias, TypeVar, overload

from numpy import ndarray

from adcore._core import Parameter, Tensor
from adcore._core import Program as Program

_P = ParamSpec("_P")
_P2 = ParamSpec("_P2")
_R = TypeVar("_R")
_R_co = TypeVar("_R_co", covariant=True)
_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])

_Value: TypeAlias = Tensor | float | ndarray[Any, Any]
_Weights: TypeAlias = list[Parameter] | tuple[Parameter, ...]
_Axes: TypeAlias = int | tuple[Any, ...] | list[Any] | dict[Any, Any] | None

# ---- derivatives -------------------------------------------------------------------------------------------------

class _Function(Protocol[_P, _R_co]):
    """A function of `_P`. A lambda has its parameters without types, which mypy takes for a fault of a Callable."""

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co: ...

class _Derivative(Generic[_P]):
    """A function of the first argument, which is differentiated, and of others, `_P`."""

    @overload
    def __call__(self, first: _Value, /, *args: _P.args, **kwargs: _P.kwargs) -> Tensor: ...
    @overload
    def __call__(self, first: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> Any: ...
    @overload
    def __call__(self, **kwargs: Any) -> Any: ...

class _ValueAndDerivative(Generic[_P, _R_co]):
    @overload
    def __call__(self, first: _Value, /, *args: _P.args, **kwargs: _P.kwargs) -> tuple[_R_co, Tensor]: ...
    @overload
    def __call__(self, first: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> tuple[_R_co, Any]: ...
    @overload
    def __call__(self, **kwargs: Any) -> tuple[_R_co, Any]: ...

@overload
def grad(
    fn: Callable[Concatenate[Any, _P], Any],
    grad_position: Literal[0] = 0,
    weights: None = None,
    has_aux: Literal[False] = False,
    return_ids: Literal[False] = False,
    sens_param: Literal[False] = False,
) -> _Derivative[_P]: ...
@overload
def grad(
    fn: Callable[_P, Any],
    grad_position: None,
    weights: Parameter,
    has_aux: Literal[False] = False,
    return_ids: Literal[False] = False,
    sens_param: Literal[False] = False,
) -> _Function[_P, Tensor]: ...
@overload
def grad(
    fn: Callable[_P, Any],
    grad_position: None,
    weights: _Weights,
    has_aux: Literal[False] = False,
    return_ids: Literal[False] = False,
    sens_param: Literal[False] = False,
) -> _Function[_P, tuple[Tensor, ...]]: ...
@overload
def grad(
    fn: Callable[_P, Any],
    grad_position: tuple[int, ...],
    weights: None = None,
    has_aux: Literal[False] = False,
    return_ids: bool = False,
    sens_param: Literal[False] = False,
) -> _Function[_P, tuple[Any, ...]]: ...
@overload
def grad(
    fn: Callable[_P, Any],
    grad_position: int | tuple[int, ...] | None = 0,
    weights: Parameter | _Weights | None = None,
    *,
    has_aux: Literal[True],
    return_ids: bool = False,
    sens_param: Literal[False] = False,
) -> _Function[_P, tuple[Any, tuple[Any, ...]]]: ...
@overload
def grad(
    fn: Callable[..., Any],
    grad_position: int | tuple[int, ...] | None = 0,
    weights: Parameter | _Weights | None = None,
    has_aux: bool = False,
    return_ids: bool = False,
    sens_param: bool = False,
) -> Callable[..., Any]: ...

@overload
def value_and_grad(
    fn: Callable[Concatenate[Any, _P], _R],
    grad_position: Literal[0] = 0,
    weights: None = None,
    has_aux: bool = False,
    return_ids: Literal[False] = False,
    sens_param: Literal[False] = False,
) -> _ValueAndDerivative[_P, _R]: ...
@overload
def value_and_grad(
    fn: Callable[_P, _R],
    grad_position: None,
    weights: Parameter,
    has_aux: bool = False,
    return_ids: Literal[False] = False,
    sens_param: Literal[False] = False,
) -> _Function[_P, tuple[_R, Tensor]]: ...
@overload
def value_and_grad(
    fn: Callable[_P, _R],
    grad_position: None,
    weights: _Weights,
    has_aux: bool = False,
    return_ids: Literal[False] = False,
    sens_param: Literal[False] = False,
) -> _Function[_P, tuple[_R, tuple[Tensor, ...]]]: ...
@overload
def value_and_grad(
    fn: Callable[_P, _R],
    grad_position: tuple[int, ...],
    weights: None = None,
    has_aux: bool = False,
    return_ids: bool = False,
    sens_param: Literal[False] = False,
) -> _Function[_P, tuple[_R, tuple[Any, ...]]]: ...
@overload
def value_and_grad(
    fn: Callable[_P, _R],
    grad_position: int | tuple[int, ...] | None = 0,
    weights: Parameter | _Weights | None = None,
    has_aux: bool = False,
    return_ids: bool = False,
    sens_param: Literal[False] = False,
) -> _Function[_P, tuple[_R, Any]]: ...
@overload
def value_and_grad(
    fn: Callable[..., _R],
    grad_position: int | tuple[int, ...] | None = 0,
    weights: Parameter | _Weights | None = None,
    has_aux: bool = False,
    return_ids: bool = False,
    sens_param: bool = False,
) -> Callable[..., tuple[_R, Any]]: ...
def get_grad(gradients: tuple[Any, ...], identifier: int | Parameter) -> Any: ...

class GradOperation:
    get_all: bool
    get_by_list: bool
    sens_param: bool
    def __init__(self, get_all: bool = False, get_by_list: bool = False, sens_param: bool = False) -> None: ...
    def __call__(self, fn: Callable[..., Any], weights: Parameter | _Weights | None = None) -> Callable[..., Any]: ...

@overload
def vjp(
    fn: Callable[..., _R], *inputs: Any, weights: None = None, has_aux: Literal[False] = False
) -> tuple[_R, Callable[..., tuple[Any, ...]]]: ...
@overload
def vjp(
    fn: Callable[..., _R], *inputs: Any, weights: Parameter, has_aux: Literal[False] = False
) -> tuple[_R, Callable[..., tuple[tuple[Any, ...], Tensor]]]: ...
@overload
def vjp(
    fn: Callable[..., _R], *inputs: Any, weights: _Weights, has_aux: Literal[False] = False
) -> tuple[_R, Callable[..., tuple[tuple[Any, ...], tuple[Tensor, ...]]]]: ...
@overload
def vjp(
    fn: Callable[..., Any], *inputs: Any, weights: Parameter | _Weights | None = None, has_aux: Literal[True]
) -> tuple[Any, Callable[..., tuple[Any, ...]], Any]: ...
@overload
def jvp(fn: Callable[..., _R], inputs: Any, v: Any, has_aux: Literal[False] = False) -> tuple[_R, _R]: ...
@overload
def jvp(fn: Callable[..., Any], inputs: Any, v: Any, has_aux: Literal[True]) -> tuple[Any, Any, Any]: ...
def linearize(fn: Callable[..., _R], *inputs: Any) -> tuple[_R, Callable[..., _R]]: ...
def derivative(fn: Callable[..., _R], primals: Any, order: int) -> tuple[_R, _R]: ...
def jet(fn: Callable[..., _R], primals: Any, series: Any) -> tuple[_R, _R]: ...

@overload
def jacrev(
    fn: Callable[Concatenate[Any, _P], Tensor], grad_position: Literal[0] = 0, has_aux: Literal[False] = False
) -> _Derivative[_P]: ...
@overload
def jacrev(
    fn: Callable[_P, Any], grad_position: int | tuple[int, ...] = 0, has_aux: bool = False
) -> _Function[_P, Any]: ...
@overload
def jacfwd(
    fn: Callable[Concatenate[Any, _P], Tensor], grad_position: Literal[0] = 0, has_aux: Literal[False] = False
) -> _Derivative[_P]: ...
@overload
def jacfwd(
    fn: Callable[_P, Any], grad_position: int | tuple[int, ...] = 0, has_aux: bool = False
) -> _Function[_P, Any]: ...
@overload
def hessian(
    fn: Callable[Concatenate[Any, _P], Tensor], grad_position: Literal[0] = 0, has_aux: Literal[False] = False
) -> _Derivative[_P]: ...
@overload
def hessian(
    fn: Callable[_P, Any], grad_position: int | tuple[int, ...] = 0, has_aux: bool = False
) -> _Function[_P, Any]: ...

# ---- programs, batches, blocks -------------------------------------------------------------------------------------

@overload
def vmap(  # type: ignore[overload-overlap]
    fn: _Derivative[_P],
    in_axes: _Axes = 0,
    out_axes: _Axes = 0,
    *,
    randomness: Literal["error", "different", "same"] = "error",
) -> _Derivative[_P]: ...
@overload
def vmap(  # type: ignore[overload-overlap]
    fn: _ValueAndDerivative[_P, _R],
    in_axes: _Axes = 0,
    out_axes: _Axes = 0,
    *,
    randomness: Literal["error", "different", "same"] = "error",
) -> _ValueAndDerivative[_P, _R]: ...
@overload
def vmap(
    fn: Callable[_P, _R],
    in_axes: _Axes = 0,
    out_axes: _Axes = 0,
    *,
    randomness: Literal["error", "different", "same"] = "error",
) -> _Function[_P, _R]: ...

class _Compiled:
    """What every function of jit has."""

    def clear_cache(self) -> None: ...
    def explain(self) -> str: ...
    def profile(self, *args: Any, repeat: int = 20, **kwargs: Any) -> Any: ...
    def trace(self, *args: Any, **kwargs: Any) -> Program: ...

class _JittedDerivative(_Derivative[_P], _Compiled): ...
class _JittedValueAndDerivative(_ValueAndDerivative[_P, _R_co], _Compiled): ...

class _Jitted(_Compiled, Generic[_P, _R_co]):
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co: ...
    @overload
    def __get__(self, instance: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self: _Jitted[Concatenate[Any, _P2], _T], instance: Any, owner: Any = None) -> _Jitted[_P2, _T]: ...

class _Jit(Protocol):
    def __call__(self, fn: Callable[_P, _R], /) -> _Jitted[_P, _R]: ...

@overload
def jit(  # type: ignore[overload-overlap]
    fn: _Derivative[_P],
    *,
    static_argnums: int | tuple[int, ...] | list[int] = (),
    static_argnames: str | tuple[str, ...] | list[str] = (),
    donate: int | tuple[int, ...] | list[int] = (),
) -> _JittedDerivative[_P]: ...
@overload
def jit(  # type: ignore[overload-overlap]
    fn: _ValueAndDerivative[_P, _R],
    *,
    static_argnums: int | tuple[int, ...] | list[int] = (),
    static_argnames: str | tuple[str, ...] | list[str] = (),
    donate: int | tuple[int, ...] | list[int] = (),
) -> _JittedValueAndDerivative[_P, _R]: ...
@overload
def jit(
    fn: Callable[_P, _R],
    *,
    static_argnums: int | tuple[int, ...] | list[int] = (),
    static_argnames: str | tuple[str, ...] | list[str] = (),
    donate: int | tuple[int, ...] | list[int] = (),
) -> _Jitted[_P, _R]: ...
@overload
def jit(
    fn: None = None,
    *,
    static_argnums: int | tuple[int, ...] | list[int] = (),
    static_argnames: str | tuple[str, ...] | list[str] = (),
    donate: int | tuple[int, ...] | list[int] = (),
) -> _Jit: ...
def load_program(path: str | PathLike[str]) -> Program: ...

class _Drawing(Protocol):
    @property
    def dot(self) -> str: ...
    @property
    def svg(self) -> str: ...
    def save(self, path: str | PathLike[str]) -> None: ...

def draw(fn: Callable[..., Any] | Program, /, *args: Any, **kwargs: Any) -> _Drawing: ...
def recompute(block: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R: ...

class _Block(Protocol):
    """A context manager that is a decorator, too."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> Literal[False]: ...
    def __call__(self, fn: _F, /) -> _F: ...

@overload
def no_grad(fn: None = None) -> _Block: ...
@overload
def no_grad(fn: _F) -> _F: ...
@overload
def debug_nans(fn: None = None) -> _Block: ...
@overload
def debug_nans(fn: _F) -> _F: ...

detect_anomaly = debug_nans

class saved_tensors_hooks:
    pack_hook: Callable[[Tensor], Any]
    unpack_hook: Callable[[Any], Tensor]
    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> Literal[False]: ...

# ---- rules, hooks ----------------------------------------------------------------------------------------------------

class _Custom(Generic[_P, _R]):
    def __init__(self, fn: Callable[_P, _R], nondiff_argnums: int | tuple[int, ...] | list[int] = ()) -> None: ...
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    @overload
    def __get__(self, instance: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self: _Custom[Concatenate[Any, _P2], _T], instance: Any, owner: Any = None) -> Callable[_P2, _T]: ...

class custom_vjp(_Custom[_P, _R]):
    def defvjp(self, fwd: Callable[_P, tuple[_R, Any]], bwd: Callable[..., Any]) -> None: ...
    def defbwd(self, bwd: _F) -> _F: ...

class custom_jvp(_Custom[_P, _R]):
    def defjvp(self, rule: _F) -> _F: ...

class Function:
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    @classmethod
    def apply(cls, *args: Any) -> Any: ...

class RemovableHandle:
    def __init__(self, hooks: dict[Any, Any], hook: Callable[..., Any], first: bool = False) -> None: ...
    def remove(self) -> None: ...

class HookBackward:
    hook_fn: Callable[..., Any]
    def __init__(self, hook_fn: Callable[..., Any], cell_id: str = "") -> None: ...
    @overload
    def __call__(self, input: Tensor, /) -> Tensor: ...
    @overload
    def __call__(self, *inputs: Tensor) -> Any: ...

class InsertGradientOf:
    f: Callable[[Tensor], Any]
    def __init__(self, f: Callable[[Tensor], Any]) -> None: ...
    def __call__(self, x: Tensor) -> Tensor: ...

# ---- loops, effects --------------------------------------------------------------------------------------------------

@overload
def cond(
    pred: _Value, true_fn: Callable[..., _R], false_fn: Callable[..., _R], *operands: Any
) -> _R: ...
@overload
def cond(pred: Tensor, true_fn: float | str | None = None) -> Tensor: ...
@overload
def cond(*, A: Tensor, p: float | str | None = None) -> Tensor: ...
@overload
def while_loop(cond_func: Callable[[Any], Any], loop_func: Callable[[Any], Any], init_val: _Value) -> Tensor: ...
@overload
def while_loop(cond_func: Callable[[Any], Any], loop_func: Callable[[Any], Any], init_val: _T) -> _T: ...
@overload
def fori_loop(
    lower: int | Tensor,
    upper: int | Tensor,
    loop_func: Callable[[Tensor, Any], Any],
    init_val: _Value,
    unroll: bool = False,
) -> Tensor: ...
@overload
def fori_loop(
    lower: int | Tensor, upper: int | Tensor, loop_func: Callable[[Tensor, Any], Any], init_val: _T, unroll: bool = False
) -> _T: ...
@overload
def scan(
    loop_func: Callable[[Any, Any], tuple[Any, Any]],
    init: _Value,
    xs: Any = None,
    length: int | None = None,
    *,
    reverse: bool = False,
    unroll: bool = False,
    checkpoint: bool = False,
) -> tuple[Tensor, Any]: ...
@overload
def scan(
    loop_func: Callable[[Any, Any], tuple[Any, Any]],
    init: _T,
    xs: Any = None,
    length: int | None = None,
    *,
    reverse: bool = False,
    unroll: bool = False,
    checkpoint: bool = False,
) -> tuple[_T, Any]: ...
def print_(*values: object, sep: str = " ", end: str = "\n", file: Any = None, flush: bool = False) -> None: ...
def host_callback(fn: Callable[..., Any], *args: Any, result: Any = None, vectorized: bool = False) -> Any: ...
