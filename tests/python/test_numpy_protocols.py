"""NumPy's functions and operators on Tensors: what is an op keeps its derivative, anything else raises.

The right values are NumPy's own, and central differences of NumPy's own function in float64.
"""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, ops

POINT = np.array([[1.45, -0.4, 2.3], [0.75, 3.2, -1.3]])  # no kink of an expression is near
MATRIX = np.array([[2.0, -1.0], [0.5, 3.0], [1.0, 4.0]])
ROW = np.array([2.0, 3.0, 0.5])
MASK = np.array([True, False, True])


def positive(x):
    return x * x + 1.5


def by_hand(f, point, step=1e-6):
    """The gradient of the sum of f, by central differences."""
    gradient = np.zeros_like(point)
    for at in np.ndindex(point.shape):
        moved = np.zeros_like(point)
        moved[at] = step
        gradient[at] = (np.sum(f(point + moved)) - np.sum(f(point - moved))) / (2 * step)
    return gradient


# Each is run on a Tensor and on NumPy's array.
EXPRESSIONS = {
    "float64 * x": lambda x: np.sqrt(2.0) * x,
    "float64 + x": lambda x: (np.float64(1.5) + x) ** 2,
    "float32 - x": lambda x: (np.float32(1.5) - x) ** 2,
    "float64 / x": lambda x: np.float64(3) / x,
    "float64 ** x": lambda x: np.float64(2) ** x,
    "int64 * x": lambda x: np.int64(3) * x,
    "float64 % x": lambda x: np.float64(7.3) % x,
    "array + x": lambda x: (ROW + x) ** 2,
    "array - x": lambda x: (ROW - x) ** 2,
    "array * x": lambda x: ROW * x,
    "array / x": lambda x: ROW / x,
    "array ** x": lambda x: ROW**x,
    "x + array": lambda x: (x + ROW) ** 2,
    "x - array": lambda x: (x - ROW) ** 2,
    "x * array": lambda x: x * ROW,
    "x / array": lambda x: x / ROW,
    "x ** array": lambda x: positive(x) ** ROW,
    "array of no axes": lambda x: np.array(2.5) * x,
    "array @ x": lambda x: MATRIX @ x,
    "x @ array": lambda x: x @ MATRIX,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": lambda x: np.log(positive(x)),
    "log1p": lambda x: np.log1p(positive(x)),
    "sqrt": lambda x: np.sqrt(positive(x)),
    "square": np.square,
    "reciprocal": np.reciprocal,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
    "negative": np.negative,
    "positive": np.positive,
    "absolute": np.absolute,
    "fabs": np.fabs,
    "rint": lambda x: np.rint(x) * x,
    "floor": lambda x: np.floor(x) * x,
    "sign": lambda x: np.sign(x) * x,
    "add": lambda x: np.add(x, ROW) ** 2,
    "subtract": lambda x: np.subtract([1.0, 2.0, 3.0], x) ** 2,
    "multiply": lambda x: np.multiply(x, x),
    "divide": lambda x: np.divide(ROW, positive(x)),
    "true_divide": lambda x: np.true_divide(x, ROW),
    "power": lambda x: np.power(x, 3),
    "maximum": lambda x: np.maximum(x, ROW) ** 2,
    "minimum": lambda x: np.minimum(1.0, x) ** 2,
    "remainder": lambda x: np.remainder(x, 0.7),
    "matmul": lambda x: np.matmul(x, MATRIX),
    "sum": np.sum,
    "sum of axis": lambda x: np.sum(x * x, 0),
    "sum keepdims": lambda x: np.sum(x * x, axis=1, keepdims=True) ** 2,
    "sum to dtype": lambda x: np.sum(x * x, dtype=np.float64),
    "mean": lambda x: np.mean(x * x, axis=1),
    "mean of dtype": lambda x: np.mean(x * x, 0, np.float64),
    "prod": lambda x: np.prod(x, axis=1),
    "var": lambda x: np.var(x, axis=1, ddof=1),
    "std": lambda x: np.std(x, axis=0, keepdims=True),
    "max": lambda x: np.max(x, axis=0) ** 2,
    "amin": lambda x: np.amin(x) ** 2,
    "cumsum": lambda x: np.cumsum(x) ** 2,
    "cumsum of axis": lambda x: np.cumsum(x, axis=0) ** 2,
    "dot": lambda x: np.dot(x, MATRIX),
    "dot of arrays first": lambda x: np.dot(MATRIX, x),
    "dot of numbers": lambda x: np.dot(2.0, x),
    "inner": lambda x: np.inner(x, x) ** 2,
    "outer": lambda x: np.outer(ROW, x) ** 2,
    "where": lambda x: np.where(MASK, x, ROW * x),
    "where of a number": lambda x: np.where(MASK, 0.0, x) ** 2,
    "concatenate": lambda x: np.concatenate([x, ROW[None]]) ** 2,
    "concatenate of axis": lambda x: np.concatenate((x, x * x), axis=1) ** 2,
    "concatenate of no axis": lambda x: np.concatenate((ROW, x), axis=None) ** 2,
    "stack": lambda x: np.stack([x, POINT], axis=1) ** 2,
    "clip": lambda x: np.clip(x, -1.0, 2.0) ** 2,
    "clip by name": lambda x: np.clip(x, a_min=None, a_max=ROW) ** 2,
    "transpose": lambda x: np.transpose(x) @ POINT,
    "transpose of axes": lambda x: np.transpose(x, (1, 0)) ** 2,
    "reshape": lambda x: np.reshape(x, (3, 2)) ** 2,
    "ravel": lambda x: np.ravel(x) ** 2,
    "squeeze": lambda x: np.squeeze(x[:1], axis=0) ** 2,
    "expand_dims": lambda x: np.expand_dims(x, 1) * POINT,
    "swapaxes": lambda x: np.swapaxes(x, 0, 1) ** 2,
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 2, 3)) ** 2,
    "tile": lambda x: np.tile(x, (2, 1)) ** 2,
    "flip": lambda x: np.flip(x) * POINT,
    "flip of axis": lambda x: np.flip(x, axis=1) * POINT,
    "split": lambda x: np.split(x, 3, axis=1)[1] ** 2,
    "split at": lambda x: np.split(x, [1], axis=1)[1] ** 2,
    "norm": np.linalg.norm,
    "norm of axis": lambda x: np.linalg.norm(x, axis=1, keepdims=True),
    "linspace": lambda x: np.linspace(0.5, x[0, 0], 5) ** 2,
    "full_like": lambda x: np.full_like(x, x[0, 1]) * POINT if isinstance(x, Tensor) else x[0, 1] * POINT,
    "copy": lambda x: np.copy(x) ** 2,
    "argsort": lambda x: np.argsort(x, axis=1) * x,
    "column_stack": lambda x: np.column_stack((x, ROW[:2])) ** 2,
    "count_nonzero": lambda x: np.count_nonzero(x > 0, axis=0) * x,
    "cumprod": lambda x: np.cumprod(x) ** 2,
    "cumprod of axis": lambda x: np.cumprod(x, axis=1) ** 2,
    "diag": lambda x: np.diag(x, 1) ** 2,
    "diagonal": lambda x: np.diagonal(x, offset=-1) ** 2,
    "diff": lambda x: np.diff(x, axis=1, prepend=np.ones((2, 1))) ** 2,
    "dstack": lambda x: np.dstack((x, POINT)) ** 2,
    "fliplr": lambda x: np.fliplr(x) * POINT,
    "flipud": lambda x: np.flipud(x) * POINT,
    "hstack": lambda x: np.hstack((x, POINT)) ** 2,
    "median": lambda x: np.median(x, axis=1) ** 2,
    "moveaxis": lambda x: np.moveaxis(x, (0, 1), (1, 0)) ** 2,
    "nanmean": lambda x: np.nanmean(x, axis=1) ** 2,
    "nansum": lambda x: np.nansum(x, axis=1, keepdims=True) ** 2,
    "ptp": lambda x: np.ptp(x, axis=1) ** 2,
    "quantile": lambda x: np.quantile(x, [0.2, 0.7], axis=1) ** 2,
    "quantile, higher": lambda x: np.quantile(x, 0.7, method="higher") ** 2,
    "repeat": lambda x: np.repeat(x, 2, axis=1) ** 2,
    "repeat each": lambda x: np.repeat(x, [2, 1], 0) ** 2,
    "roll": lambda x: np.roll(x, (1, 2), axis=(0, 1)) * POINT,
    "rot90": lambda x: np.rot90(x, 3) ** 2,
    "searchsorted": lambda x: np.searchsorted(ROW[:1], x, side="right") * x,
    "sort": lambda x: np.sort(x, axis=1) * POINT,
    "sort of no axis": lambda x: np.sort(x, axis=None) ** 2,
    "take": lambda x: np.take(x, [2, 0], axis=1) ** 2,
    "take_along_axis": lambda x: np.take_along_axis(x, np.array([[2, 0], [1, 1]]), 1) ** 2,
    "trapezoid": lambda x: np.trapezoid(x, ROW, axis=1) ** 2,
    "tril": lambda x: np.tril(x) ** 2,
    "triu": lambda x: np.triu(x, k=1) ** 2,
    "vstack": lambda x: np.vstack((x, ROW)) ** 2,
    "shape, ndim, size": lambda x: x * (np.shape(x)[0] + 10 * np.ndim(x) + 100 * np.size(x)),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_value_and_derivatives_are_those_of_numpys_own_function(name):
    f = EXPRESSIONS[name]
    x = Tensor(POINT)
    np.testing.assert_allclose(f(x).asnumpy(), f(POINT), rtol=1e-14)
    right = by_hand(f, POINT)
    np.testing.assert_allclose(adcore.grad(f)(x).asnumpy(), right, rtol=1e-7, atol=1e-7)
    direction = np.linspace(-1.0, 1.0, POINT.size).reshape(POINT.shape)
    tangent = adcore.jvp(lambda x: f(x).sum(), x, Tensor(direction))[1]
    np.testing.assert_allclose(tangent.asnumpy(), np.sum(right * direction), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_under_vmap_it_is_the_function_of_every_member(name):
    f = EXPRESSIONS[name]
    members = np.stack([POINT, POINT + 0.125])
    mapped = adcore.vmap(f)(Tensor(members)).asnumpy()
    np.testing.assert_allclose(mapped, np.stack([f(member) for member in members]), rtol=1e-12)


def test_parameters_take_part():
    w = Parameter(Tensor(ROW), name="w")
    gradient = adcore.grad(lambda: (np.float64(2) * np.square(w) + ROW * w).sum(), None, w)()
    np.testing.assert_allclose(gradient.asnumpy(), 4 * ROW + ROW, rtol=1e-14)
    nested = adcore.grad(lambda x: adcore.grad(lambda y: np.exp(y) * np.float64(3))(x) ** 2)(
        Tensor(0.5, adcore.float64)
    )
    np.testing.assert_allclose(nested.asnumpy(), 2 * 9 * np.exp(1.0), rtol=1e-14)


def test_dtypes_promote_as_beside_a_tensor_and_scalars_of_numpy_do_not_widen():
    x = Tensor([1.0, 2.0])
    wide = np.array([1.0, 2.0])
    for f in (lambda a: a + x, lambda a: x + a, lambda a: np.add(a, x), lambda a: a @ x, lambda a: x @ a):
        assert f(wide).dtype is adcore.float64
        assert f(wide.astype(np.float32)).dtype is adcore.float32
        assert f(wide.astype(np.float16)).dtype is adcore.float32
    for scalar in (np.float64(2), np.float32(2), np.int64(2), np.bool_(True)):
        assert (scalar * x).dtype is (x * scalar).dtype is np.multiply(scalar, x).dtype is adcore.float32
    comparison = np.array([1.0, 3.0]) == x
    assert comparison.dtype is adcore.bool_ and comparison.tolist() == [True, False]


REFUSED = {
    "np.add: an array cannot take the result": lambda x, a: np.add(a, x, out=a),
    "np.multiply: an array cannot take the result": lambda x, a: a.__imul__(x),
    "np.add: where= is not possible": lambda x, a: np.add(a, x, where=[True, False]),
    "np.exp: dtype= is not possible": lambda x, a: np.exp(x, dtype=np.float64),
    "np.sum: initial= is not possible": lambda x, a: np.sum(x, initial=1.0),
    "np.mean: an array cannot take the result": lambda x, a: np.mean(x, out=np.zeros(())),
    "np.add.reduce: not possible": lambda x, a: np.add.reduce(x),
    "np.add.at: not possible": lambda x, a: np.add.at(a, [0], x[:1]),
    "np.multiply.outer: not possible": lambda x, a: np.multiply.outer(a, x),
    "np.hypot: there is no such op.*adcore.ops.*asnumpy": lambda x, a: np.hypot(x, a),
    "np.modf: there is no such op": lambda x, a: np.modf(x),
    "np.kron: there is no such op": lambda x, a: np.kron(a, x),
    "np.fft.fft: there is no such op": lambda x, a: np.fft.fft(x),
    "np.nonzero: there is no such op": lambda x, a: np.nonzero(x),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_no_op_raises_and_says_what_to_write(message):
    array = np.array([3.0, 4.0])
    for run in (lambda f, x: f(x), lambda f, x: adcore.grad(f)(x), lambda f, x: adcore.vmap(f)(ops.stack([x, x]))):
        with pytest.raises(TypeError, match=message):
            run(lambda x: REFUSED[message](x, array), Tensor([1.0, 2.0]))
    assert array.tolist() == [3.0, 4.0]


def test_what_only_looks_at_elements_looks():
    x = Tensor([1.0, 2.0])
    assert np.allclose(x, [1.0, 2.0]) and np.array_equal(x, x.asnumpy())
    assert not np.isclose(np.array([1.0, 3.0]), x)[1]
    assert float(adcore.grad(lambda y: y * y if np.allclose(y, 3.0) else y)(3.0)) == 6.0
