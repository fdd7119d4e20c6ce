"""What other code asks of a Tensor, and what it may hand to a transform: buffers, integers at the end of their range,
functions that compute later, interpreters beside the main one. The oracle is NumPy wherever it has an answer.
"""

import ctypes
import functools
import hashlib
import io
import pickle
import subprocess
import sys
import textwrap
import zlib

import numpy as np
import pytest

import adcore
from adcore import Tensor, grad, nn, ops, value_and_grad, vmap
from helpers import array_of

# ---- the buffer protocol -------------------------------------------------------------------------------------------


class Buffer(ctypes.Structure):
    """Py_buffer."""

    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
        ("suboffsets", ctypes.POINTER(ctypes.c_ssize_t)),
        ("internal", ctypes.c_void_p),
    ]


ND, STRIDES, FORMAT, WRITABLE = 0x8, 0x18, 0x4, 0x1
C, F, ANY, INDIRECT = 0x20 | STRIDES, 0x40 | STRIDES, 0x80 | STRIDES, 0x100 | STRIDES

REQUESTS = {
    "simple": 0,
    "format": FORMAT,
    "nd": ND,
    "nd, format": ND | FORMAT,
    "strides": STRIDES,
    "strides, format": STRIDES | FORMAT,
    "C": C,
    "C, format": C | FORMAT,
    "F": F,
    "F, format": F | FORMAT,
    "any": ANY,
    "any, format": ANY | FORMAT,
    "C and F": C | F,
    "full": INDIRECT | FORMAT,
    "writable": WRITABLE,
    "writable, C": WRITABLE | C,
    "writable, full": WRITABLE | INDIRECT | FORMAT,
}

BASE = np.arange(1, 25, dtype=np.float32)

# Views that a Tensor and an array make alike.
LAYOUTS = {
    "vector": lambda x: x,
    "matrix": lambda x: x.reshape(4, 6),
    "transposed": lambda x: x.reshape(4, 6).T,
    "cube": lambda x: x.reshape(2, 3, 4),
    "permuted": lambda x: x.reshape(2, 3, 4).transpose(2, 0, 1),
    "reversed axes": lambda x: x.reshape(2, 3, 4).T,
    "every other": lambda x: x[::2],
    "backwards": lambda x: x[::-1],
    "columns": lambda x: x.reshape(4, 6)[:, 1:3],
    "rows": lambda x: x.reshape(4, 6)[1:3],
    "every other row": lambda x: x.reshape(4, 6)[::2],
    "columns transposed": lambda x: x.reshape(4, 6)[:, 1:3].T,
    "one row": lambda x: x.reshape(4, 6)[1:2],
    "one column": lambda x: x.reshape(4, 6)[:, 1:2],
    "one column transposed": lambda x: x.reshape(4, 6)[:, 1:2].T,
    "one element": lambda x: x.reshape(4, 6)[1:2, 2:3],
    "scalar": lambda x: x[3:4].reshape(()),
    "empty": lambda x: x[:0],
    "empty matrix": lambda x: x.reshape(4, 6)[:, :0],
    "empty transposed": lambda x: x.reshape(4, 6)[:, :0].T,
    "with an axis of one": lambda x: x.reshape(4, 1, 6).transpose(2, 1, 0),
}


def request(owner, flags):
    """The fields of the granted buffer, and its elements read as these fields say."""
    view = Buffer()
    get, release = ctypes.pythonapi.PyObject_GetBuffer, ctypes.pythonapi.PyBuffer_Release
    get.argtypes = [ctypes.py_object, ctypes.POINTER(Buffer), ctypes.c_int]
    get(owner, ctypes.byref(view), flags)
    try:
        # Without an axis the fields may be null, whatever was asked for.
        rank = view.ndim if flags & ND else 1
        shape = tuple(view.shape[:rank]) if view.shape else (view.len // view.itemsize,) * rank
        strides = tuple(view.strides[:rank]) if view.strides and rank else None
        if strides is None:
            values = np.frombuffer(ctypes.string_at(view.buf, view.len), np.float32).reshape(shape)
        else:
            values = np.empty(shape, np.float32)
            for index in np.ndindex(*shape):
                at = view.buf + sum(i * s for i, s in zip(index, strides))
                values[index] = ctypes.c_float.from_address(at).value
        fields = {"length": view.len, "itemsize": view.itemsize, "readonly": view.readonly, "format": view.format}
        return shape, strides, values, fields
    finally:
        release(ctypes.byref(view))


def contiguous(shape, strides, order):
    """True where elements of 4 bytes stand without gaps; axes of one element and arrays of none may have any stride."""
    if 0 in shape:
        return True
    expected = 4
    for size, stride in zip(*((shape, strides) if order == "F" else (shape[::-1], strides[::-1]))):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


def fault_of(tensor, array, flags):
    """What is wrong with the tensor's answer to a request for its memory, or None; right is what the array answers."""
    try:
        expected = request(array, flags)
    except (BufferError, ValueError):  # NumPy has both
        expected = None
    try:
        shape, strides, values, fields = request(tensor, flags)
    except BufferError:
        return None if expected is None else "refused"
    if expected is None:
        return f"granted, {shape} with strides {strides}"
    if (shape, fields) != (expected[0], expected[3]):
        return f"granted as {shape}, {fields}, not {expected[0]}, {expected[3]}"
    if (strides is None) != (expected[1] is None):
        return "granted without strides" if strides is None else "granted with strides that were not asked for"
    in_c, in_f = (strides is None or contiguous(shape, strides, order) for order in "CF")
    if (flags & C == C and not in_c) or (flags & F == F and not in_f) or (flags & ANY == ANY and not (in_c or in_f)):
        return f"granted in another order, {shape} with strides {strides}"
    return None if np.array_equal(values.ravel(), array.ravel()) else f"granted {values.ravel()}"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_buffers_are_what_was_asked_for(layout):
    array, tensor = LAYOUTS[layout](BASE.copy()), LAYOUTS[layout](Tensor(BASE))
    array.setflags(write=False)
    faults = {name: fault_of(tensor, array, flags) for name, flags in REQUESTS.items()}
    assert {name: fault for name, fault in faults.items() if fault} == {}


CONSUMERS = {
    "bytes": bytes,
    "bytearray": lambda t: bytes(bytearray(t)),
    "memoryview": lambda t: memoryview(t).tobytes(),
    "memoryview in F order": lambda t: np.frombuffer(memoryview(t).tobytes("F"), np.float32).reshape(
        t.shape, order="F"
    ),
    "memoryview.cast": lambda t: memoryview(t).cast("B").tobytes(),
    "join": lambda t: b"".join([t]),
    "write": lambda t: _written(t),
    "sha1": lambda t: hashlib.sha1(t).digest(),
    "crc32": lambda t: zlib.crc32(t),
    "frombuffer": lambda t: np.frombuffer(t, np.float32),
    "asarray": np.asarray,
    "asarray of a memoryview": lambda t: np.asarray(memoryview(t)),
    "ctypes": lambda t: bytes((ctypes.c_float * int(np.prod(t.shape))).from_buffer_copy(t)),
    "PickleBuffer": lambda t: bytes(pickle.PickleBuffer(t).raw()) if _in_order(t) else None,
    "Tensor of a memoryview": lambda t: array_of(Tensor(memoryview(t))),
}


def _written(t):
    stream = io.BytesIO()
    stream.write(t)
    return stream.getvalue()


def _in_order(t):
    """PickleBuffer.raw() gives memory as it lies, so only C order is the order of the elements."""
    return np.asarray(t).flags.c_contiguous


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_consumers_of_buffers_see_the_elements_in_order_or_are_refused(consumer):
    def outcome(owner):
        try:
            result = CONSUMERS[consumer](owner)
        except (BufferError, ValueError, TypeError):
            return "refused"
        return result if not isinstance(result, np.ndarray) else (result.shape, result.tolist())

    views = {layout: (outcome(view(Tensor(BASE))), outcome(view(BASE))) for layout, view in LAYOUTS.items()}
    assert {layout: own for layout, (own, expected) in views.items() if own != expected} == {}


# ---- integers ------------------------------------------------------------------------------------------------------

INTEGERS = [np.uint64, np.int64, np.uint32, np.int32, np.uint16, np.int16, np.uint8, np.int8]

REDUCTIONS = {
    "sum": (lambda t: ops.sum(t), lambda a: a.sum()),
    "sum method": (lambda t: t.sum(), lambda a: a.sum()),
    "sum axis": (lambda t: ops.sum(t, 0), lambda a: a.sum(0)),
    "sum last": (lambda t: ops.sum(t, -1, True), lambda a: a.sum(-1, keepdims=True)),
    "prod": (lambda t: ops.prod(t), lambda a: a.prod()),
    "prod axis": (lambda t: ops.prod(t, 1), lambda a: a.prod(1)),
    "cumsum": (lambda t: ops.cumsum(t, 1), lambda a: a.cumsum(1)),
    "max": (lambda t: ops.amax(t), lambda a: a.max()),
    "min axis": (lambda t: ops.amin(t, 0), lambda a: a.min(0)),
    "strided": (lambda t: ops.sum(t.T[::-1], 1), lambda a: a.T[::-1].sum(1)),
    "vmap": (lambda t: vmap(ops.sum)(t), lambda a: a.sum(1)),
}


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_of_integers_at_the_end_of_their_range(name, dtype):
    """The values of NumPy, whose results are of 64 bits, at totals that these can hold."""
    ours, theirs = REDUCTIONS[name]
    top = int(np.iinfo(dtype).max)
    shares = [[top // 2, 3, top // 4], [1, top // 8, 2]] if "prod" not in name else [[top // 3, 2, 1], [1, 1, 1]]
    a = np.array(shares, dtype)
    # cumsum keeps a narrow dtype here, and NumPy widens it; its totals fit either.
    own, expected = ours(Tensor(a)), theirs(a)
    assert array_of(own).tolist() == expected.tolist()


@pytest.mark.parametrize("run", [ops.sum, lambda t: t.sum(), lambda t: ops.sum(t, 0), lambda t: ops.sum(t * 1)])
def test_sums_of_uint64_beyond_the_signed_range(run):
    """2**63 + 5 does not fit into 64 bits with a sign; a total beyond 2**64 wraps as NumPy's does."""
    assert int(run(Tensor(np.array([2**63, 5], np.uint64)))) == 2**63 + 5
    assert int(run(Tensor(np.array([2**63, 2**63 - 1], np.uint64)))) == 2**64 - 1
    assert int(run(Tensor(np.array([2**63, 2**63, 7], np.uint64)))) == 7
    assert int(run(Tensor(np.full(1000, 2**54 + 1, np.uint64)))) == 1000 * (2**54 + 1)


POWERS = [
    (np.array([0]), -1),
    (np.array(0), -1),
    (np.array([2]), -1),
    (np.array([1, -1]), -2),
    (np.array([2, 3]), np.array([2, -1])),
    (np.array([0], np.int32), -3),
    (np.array([5], np.int8), np.array([-1], np.int8)),
    (2, np.array([-1])),
    (2, np.array([3, 0])),
    (np.array([0]), 0),
    (np.array([3]), 4),
    (np.array([], np.int64), -1),
    (np.array([2.0]), -1),
    (np.array([0.5]), np.array([-2])),
]


@pytest.mark.parametrize(("base", "exponent"), POWERS, ids=str)
@pytest.mark.parametrize("power", [lambda a, b: a**b, lambda a, b: ops.pow(a, b)], ids=["operator", "function"])
def test_integers_to_negative_powers(base, exponent, power):
    def outcome(run, convert):
        try:
            return np.asarray(run(convert(base), convert(exponent)), np.float64).tolist()
        except ValueError as e:
            return type(e)

    own = outcome(power, lambda v: Tensor(v) if isinstance(v, np.ndarray) else v)
    expected = outcome(lambda a, b: a**b, lambda v: v)
    assert own == expected


def test_a_negative_power_of_integers_says_what_is_wrong():
    with pytest.raises(ValueError, match="pow.*integer.*negative|pow.*negative.*integer"):
        Tensor([0]) ** -1
    x = Tensor([2.0])
    with pytest.raises(ValueError, match="negative"):
        grad(lambda x: x * Tensor([3]) ** -1)(x)
    with pytest.raises(ValueError, match="negative"):
        vmap(lambda n: n**-1)(Tensor([1, 2]))


# ---- functions that compute later ----------------------------------------------------------------------------------


def generator(x):
    yield x * x


async def coroutine(x):
    return x * x


async def async_generator(x):
    yield x * x


class AsyncCall:
    async def __call__(self, x):
        return x * x

    def generate(self, x):
        yield x * x


class AsyncCell(nn.Cell):
    async def construct(self, x):
        return x * x


class GeneratingCell(nn.Cell):
    def construct(self, x):
        yield x * x


LATER = {
    "generator": lambda: generator,
    "generator expression": lambda: lambda x: (x * k for k in range(3)),
    "coroutine": lambda: coroutine,
    "async generator": lambda: async_generator,
    "async __call__": AsyncCall,
    "method": lambda: AsyncCall().generate,
    "partial": lambda: functools.partial(coroutine),
    "async construct": AsyncCell,
    "generating construct": GeneratingCell,
}

X = Tensor(np.array([1.0, 2.0], np.float32))

TRANSFORMS = {
    "grad": lambda f: grad(f)(X),
    "grad of weights": lambda f: grad(f, None, adcore.Parameter(X, name="w"))(X),
    "value_and_grad": lambda f: value_and_grad(f)(X),
    "vjp": lambda f: adcore.vjp(f, X),
    "jvp": lambda f: adcore.jvp(f, X, X),
    "linearize": lambda f: adcore.linearize(f, X),
    "jacrev": lambda f: adcore.jacrev(f)(X),
    "jacfwd": lambda f: adcore.jacfwd(f)(X),
    "hessian": lambda f: adcore.hessian(f)(X),
    "vmap": lambda f: vmap(f)(X),
    "GradOperation": lambda f: adcore.GradOperation()(f)(X),
    "derivative": lambda f: ops.derivative(f, X, 2),
    "jet": lambda f: ops.jet(f, X, ops.stack([X])),
    "recompute": lambda f: grad(lambda x: adcore.recompute(f, x))(X),
    "grad of grad": lambda f: grad(lambda x: grad(f)(x).sum())(X),
    "grad of vmap": lambda f: grad(lambda x: vmap(f)(x).sum())(X),
    "vmap of grad": lambda f: vmap(grad(f))(ops.stack([X, X])),
    "custom_vjp": lambda f: _with_rule(f),
    "Function": lambda f: grad(lambda x: _function_of(f).apply(x))(X),
    "ForwardValueAndGrad": lambda f: nn.ForwardValueAndGrad(f)(X),
}


def _with_rule(f):
    own = adcore.custom_vjp(lambda x: f(x))
    own.defvjp(lambda x: (f(x), x), lambda x, g: (g * x,))
    return grad(lambda x: own(x))(X)


def _function_of(f):
    class Own(adcore.Function):
        @staticmethod
        def forward(ctx, x):
            return f(x)

        @staticmethod
        def backward(ctx, g):
            return g

    return Own


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_functions_that_compute_later_are_refused(transform):
    passed = []
    for kind, make in LATER.items():
        try:
            TRANSFORMS[transform](make())
        except TypeError as e:
            assert any(word in str(e) for word in ("generator", "coroutine", "async")), f"{kind}: {e}"
        else:
            passed.append(kind)
    assert passed == []


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize("cell", [AsyncCell, GeneratingCell])
def test_training_such_a_cell_is_refused_and_changes_nothing(cell):
    class Net(cell):
        def __init__(self):
            super().__init__()
            self.w = adcore.Parameter(X, name="w")

    with pytest.raises(TypeError, match="generator|coroutine|async"):
        net = Net()
        step = nn.TrainOneStepCell(net, nn.SGD(net.trainable_params(), 0.1))
        step(X)


def test_what_is_beside_the_value_may_be_anything():
    (gradient, (own,)) = grad(lambda x: (x * x, generator(x)), has_aux=True)(X)
    assert array_of(gradient).tolist() == [2.0, 4.0] and array_of(next(own)).tolist() == [1.0, 4.0]


# ---- interpreters beside the main one ------------------------------------------------------------------------------

SUBINTERPRETER = """
import sys
{before}
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

program = '''
try:
    {imported}
except ImportError as e:
    print("refused", flush=True)
else:
    print("imported", flush=True)
'''
for _ in range(2):
    other = interpreters.create()
    interpreters.run_string(other, program)
    interpreters.destroy(other)
import adcore
assert float(adcore.grad(lambda x: x * x)(3.0)) == 6.0
"""


def has_subinterpreters():
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            return bool(__import__(name))
        except ImportError:
            continue
    return False


@pytest.mark.skipif(not has_subinterpreters(), reason="this interpreter has no others")
@pytest.mark.parametrize("imported", ["import adcore", "from adcore import Tensor, grad; grad(lambda x: x * x)(2.0)"])
@pytest.mark.parametrize("before", ["", "import adcore"], ids=["first", "after the main one"])
def test_an_import_in_another_interpreter_is_refused(before, imported):
    program = textwrap.dedent(SUBINTERPRETER).format(before=before, imported=imported)
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["refused", "refused"], done.stdout
