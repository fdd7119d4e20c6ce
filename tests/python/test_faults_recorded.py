"""What raises for the elements that it sees raises in a program too, where nobody uses what it computes.

The loop is over all samples of ops and cells, with elements that an op may refuse: no numbers, infinities, singular and
negative matrices, indices out of range.
"""

import numpy as np
import pytest

import adcore
from adcore import Tensor
from samples import sample, samples

FLOATS = {"nan": np.nan, "inf": np.inf, "zero": 0.0, "negative": -1.0}
# A quantile out of [0, 1] is NaN in a program, used or not.
EXPRESSIONS = [e for e in samples() if not e.startswith(("quantile", "nanquantile"))]
INTEGERS = {"large": 10**6, "negative": -(10**6)}


def with_elements(numbers, floats, integers):
    if not isinstance(numbers, np.ndarray):  # of a constant
        return numbers
    if numbers.dtype.kind == "f":
        return np.full_like(numbers, floats)
    return np.full_like(numbers, integers) if numbers.dtype.kind == "i" else numbers


def error_of(fn, inputs):
    try:
        fn(*inputs)
    except (ValueError, IndexError, ArithmeticError, RuntimeError) as e:
        return e
    return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("floats", FLOATS)
@pytest.mark.parametrize("integers", INTEGERS)
def test_a_program_raises_for_what_nobody_uses(floats, integers):
    refused, lost = 0, []
    for expression in EXPRESSIONS:
        bad = False  # while the sample is made

        def tensor(numbers, *dtype):
            return Tensor(with_elements(numbers, FLOATS[floats], INTEGERS[integers]) if bad else numbers, *dtype)

        fn, arrays = sample(expression, tensor)
        bad = True
        inputs = [tensor(numbers) for numbers in arrays]
        if error_of(fn, inputs) is None:
            continue
        unused = adcore.jit(lambda *inputs: (fn(*inputs), Tensor(1.0) + 1.0)[1])
        refused += 1
        if error_of(unused, inputs) is None:
            lost.append(expression)
    assert not lost
    assert refused > 10
