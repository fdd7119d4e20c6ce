"""What the tests share: exact comparison of nested results, and derivatives against finite differences.

`check(result, expected)` compares structure, types, dtypes, shapes and values; `f32(1.0)` and its siblings say what
a Tensor in `expected` must be. `check_grads(f, arrays, order)` compares nested gradients with finite differences in
float64: at each order the derivative along a random direction is a Tensor function itself, so the next order checks
*its* gradient. Start reading at `check_grads`.
"""

from dataclasses import dataclass

import numpy as np

import adcore
from adcore import Tensor, ops

# Relative rounding unit times a handful of operations: what a short chain of correctly written operations may be off.
TOLERANCE = {"Float64": 4e-14, "Float32": 4e-6, "Float16": 4e-3, "BFloat16": 3e-2}


def array_of(tensor):
    """The values of a Tensor as a NumPy array; bfloat16, which NumPy lacks, comes as float32."""
    if tensor.dtype == adcore.bfloat16:
        tensor = tensor.astype(adcore.float32)
    return tensor.asnumpy()


def t32(*values):
    """A float32 Tensor: 0-d for one number, 1-d for several."""
    return Tensor(values[0] if len(values) == 1 else list(values), adcore.float32)


@dataclass(frozen=True)
class Expected:
    """What a Tensor in a result must be."""

    dtype: object
    value: object
    kind: type = Tensor
    rtol: float | None = None

    def compare(self, result, where):
        fits = type(result) is Tensor if self.kind is Tensor else isinstance(result, self.kind)
        assert fits, f"{where}: {type(result).__name__}, not {self.kind.__name__}"
        assert result.dtype == self.dtype, f"{where}: dtype {result.dtype}, not {self.dtype}"
        expected = np.asarray(self.value)
        assert tuple(result.shape) == expected.shape, f"{where}: shape {result.shape}, not {expected.shape}"
        name = str(self.dtype)
        rtol = TOLERANCE.get(name, 0) if self.rtol is None else self.rtol
        np.testing.assert_allclose(
            array_of(result).astype(np.float64), expected.astype(np.float64), rtol=rtol, atol=rtol * 1e-2, err_msg=where
        )


def f16(value):
    return Expected(adcore.float16, value)


def bf16(value):
    return Expected(adcore.bfloat16, value)


def f32(value, rtol=None):
    return Expected(adcore.float32, value, rtol=rtol)


def f64(value):
    return Expected(adcore.float64, value)


def i32(value):
    return Expected(adcore.int32, value)


def i64(value):
    return Expected(adcore.int64, value)


def boolean(value):
    return Expected(adcore.bool_, value)


def check(result, expected, where="result"):
    """Assert that `result` has the structure, types, dtypes, shapes and values of `expected`."""
    if isinstance(expected, Expected):
        expected.compare(result, where)
    elif isinstance(expected, tuple | list):
        assert type(result) is type(expected), f"{where}: {type(result).__name__}, not {type(expected).__name__}"
        assert len(result) == len(expected), f"{where}: {len(result)} items, not {len(expected)}"
        for position, (one, other) in enumerate(zip(result, expected, strict=True)):
            check(one, other, f"{where}[{position}]")
    elif isinstance(expected, dict):
        assert type(result) is dict and list(result) == list(expected), f"{where}: {result!r}"
        for key in expected:
            check(result[key], expected[key], f"{where}[{key!r}]")
    else:
        assert type(result) is type(expected) and result == expected, f"{where}: {result!r}, not {expected!r}"


def derivative(phi, step=2.0**-6):
    """The derivative of a float function at 0 and an estimate of its error.

    Central differences with steps h, h/2 and h/4, extrapolated twice (Richardson): the error of the last column is
    O(h^6), the difference of the last two columns bounds it from above.
    """
    columns = [(phi(h) - phi(-h)) / (2 * h) for h in (step, step / 2, step / 4)]
    second = [(4 * b - a) / 3 for a, b in zip(columns, columns[1:], strict=False)]
    third = (16 * second[1] - second[0]) / 15
    return third, abs(third - second[1])


def weighted_sum(outputs, weights):
    """The scalar Tensor sum(outputs * weights); outputs is a Tensor or a tuple of Tensors."""
    outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
    total = None
    for output, weight in zip(outputs, weights, strict=True):
        term = ops.sum(output * Tensor(weight))
        total = term if total is None else total + term
    return total


def check_grads(f, arrays, order=2, rtol=1e-8, seed=0, step=2.0**-6):
    """Compare the nested gradients of `f` up to `order` with finite differences.

    Parameters
    ----------
    f : callable
        Takes one Tensor per array, returns a float64 Tensor or a tuple of them.
    arrays : sequence of float64 arrays
        The point. All positions are differentiated. No kink of `f` may be nearer than `step`.
    order : int
        The highest derivative that is checked.
    rtol : float
        Allowed error, relative to the sizes of the terms whose sum is compared.
    """
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(a, np.float64) for a in arrays]
    positions = tuple(range(len(arrays)))
    probe = f(*map(Tensor, arrays))
    probe = probe if isinstance(probe, tuple | list) else (probe,)
    cotangents = [rng.uniform(0.5, 1.5, tuple(p.shape)) * rng.choice([-1.0, 1.0], tuple(p.shape)) for p in probe]

    def scalar(*args):
        return weighted_sum(f(*args), cotangents)

    for k in range(1, order + 1):
        directions = [rng.uniform(-1.0, 1.0, a.shape) for a in arrays]
        gradients = adcore.grad(scalar, positions)(*map(Tensor, arrays))
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        terms = []
        for array, direction, gradient in zip(arrays, directions, gradients, strict=True):
            assert gradient.dtype == adcore.float64, f"order {k}: gradient of dtype {gradient.dtype}"
            assert tuple(gradient.shape) == array.shape, f"order {k}: gradient {gradient.shape} of {array.shape}"
            terms.append(float(np.sum(array_of(gradient) * direction)))

        def along(t, scalar=scalar, directions=directions):
            moved = [Tensor(a + t * d) for a, d in zip(arrays, directions, strict=True)]
            return float(array_of(scalar(*moved)))

        expected, error = derivative(along, step)
        scale = max(1.0, abs(expected), *(abs(t) for t in terms))
        assert error < 1e-5 * scale, f"order {k}: the finite difference itself is uncertain ({error:.1e}); a kink?"
        got = sum(terms)
        assert abs(got - expected) <= rtol * scale + error, (
            f"order {k}: directional derivative {got!r}, finite differences {expected!r} (uncertain by {error:.1e})"
        )
        scalar = _directional(scalar, positions, directions)


def _directional(scalar, positions, directions):
    """The function x -> <gradient of scalar at x, directions>, again a scalar Tensor function."""

    def along(*args):
        gradients = adcore.grad(scalar, positions)(*args)
        return weighted_sum(gradients if isinstance(gradients, tuple) else (gradients,), directions)

    return along
