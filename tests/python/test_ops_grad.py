"""Laws of derivatives, looped over a table of op samples.

Each sample is a differentiable call in float64. The laws: the first and the second derivative agree with finite
differences at random, broadcast, strided and edge points; a gradient has the shape and dtype of its input; the sum
of gradients is the gradient of the sum; value_and_grad computes the value of the plain call. Third orders of the
structural ops: test_nested.py.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import adcore
from adcore import Tensor, _core, grad, ops, transforms, value_and_grad
from helpers import TOLERANCE, array_of, check, check_grads, f32, t32
from samples import sample, samples
from test_op_table import DIFFERENTIABLE, ROWS, smooth_points
from test_ops_values import public_functions

RNG = np.random.default_rng(23)


def rows(*shape, low=-2.0, high=2.0):
    return RNG.uniform(low, high, shape)


MASK = RNG.random((3, 4)) > 0.5

# The rows of the op table of one operand: where they are sampled.
UNARY = {
    name: (_core.functions[name], smooth_points(name, 12)[0].reshape(3, 4))
    for name in DIFFERENTIABLE
    if ROWS[name]["arity"] == 1
}

BROADCASTS = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((2, 1, 4), (3, 1)),
    ((3, 4), ()),
    ((), (2,)),
    ((1,), (3, 1)),
]

BINARY = {
    "add": (ops.add, -2.0, 2.0),
    "sub": (ops.sub, -2.0, 2.0),
    "mul": (ops.mul, -2.0, 2.0),
    "div": (ops.div, 0.4, 2.0),
    "pow": (ops.pow, 0.4, 2.0),
}


X, Y = rows(3, 4), rows(3, 4)


def _assigned(x):
    """Item assignment of rows and of masked elements: the old values go, the new ones count."""
    y = x * 1
    y[0] = x[1] * x[2]
    y[Tensor(MASK)] = 2.0
    y[:, ::2] *= x[:, 1::2]
    return y * y


OPERATORS = ["x(3, 4) ** 2", "1.7 ** x(3, 4)", "x(3, 4, low=0.3) ** -2", "x(3, 4) @ x(4, 2)"]

# name -> (function of tensors, arrays): the samples that have inputs.
ALL_SAMPLES = samples()
SAMPLES = {
    **{name: row for name, row in ALL_SAMPLES.items() if row[1]},
    **{expression: sample(expression) for expression in OPERATORS},
    "assign": (_assigned, [X]),
}

# Functions whose result has no derivative: their samples have no inputs. Rows of the op table tell it themselves.
NO_DERIVATIVE = {
    *"all any argmax argmin nonzero stop_gradient".split(),
    "matrix_rank",
    *"allclose isclose".split(),
    *"arange eye full full_like linspace ones ones_like zeros zeros_like".split(),
    *"broadcast_shapes isin unravel_index".split(),
    *"bartlett_window blackman_window cosine_window exponential_window gaussian_window hamming_window".split(),
    *"general_cosine_window general_hamming_window hann_window kaiser_window nuttall_window".split(),
    *"rand rand_like randint randint_like randn randn_like standard_normal standard_laplace".split(),
    *"poisson random_poisson geometric bernoulli multinomial random_categorical randperm".split(),
    *"standard_gamma random_gamma chi2 beta dirichlet".split(),  # a first derivative alone: test_random.py
    *"argsort argwhere bucketize count_nonzero histc identity logspace searchsorted tril_indices triu_indices".split(),
    *"unique unique_consecutive".split(),  # test_order.py: members of a batch would have shapes of their own
}


def test_every_function_has_samples_but_for_those_without_derivative():
    functions = [getattr(ops, name) for name in public_functions() if name not in transforms.__all__]
    samples_of = {f.__name__: f._samples for f in functions if f.__name__ not in ROWS}
    assert {name for name, s in samples_of.items() if not any(ALL_SAMPLES[e][1] for e in s)} == NO_DERIVATIVE


@pytest.mark.parametrize("name", [e for e, row in ALL_SAMPLES.items() if not row[1]])
def test_samples_without_inputs_run(name):
    assert ALL_SAMPLES[name][0]() is not None


@pytest.mark.parametrize("name", UNARY)
def test_elementwise_functions_of_scalars_and_views(name):
    op, x = UNARY[name]
    check_grads(op, [x[0, 0]], order=2, step=2.0**-7)
    check_grads(lambda x: op(x[:, ::-2]) + op(x.T[1:3].T), [x], order=2, step=2.0**-7)


@pytest.mark.parametrize("shapes", BROADCASTS, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_broadcasting_functions(name, shapes):
    op, low, high = BINARY[name]
    arrays = [rows(*shape, low=low, high=high) for shape in shapes]
    check_grads(op, arrays, order=2)
    check_grads(op, arrays[::-1], order=2)


@pytest.mark.parametrize("name", BINARY)
def test_both_arguments_the_same(name):
    op, low, high = BINARY[name]
    check_grads(lambda x: op(x, x), [rows(3, low=low, high=high)], order=2)
    check_grads(lambda x: op(x, x.reshape(3, 1)), [rows(3, low=low, high=high)], order=2)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples(name):
    f, arrays = SAMPLES[name]
    check_grads(f, arrays, order=2)


def float_samples():
    yield from ((name, op, [x]) for name, (op, x) in UNARY.items())
    yield from ((name, op, [rows(3, 4, low=low), rows(4, low=low)]) for name, (op, low, _) in BINARY.items())
    yield from ((name, f, arrays) for name, (f, arrays) in SAMPLES.items() if "float64" not in name)


@pytest.mark.filterwarnings("ignore::adcore.AmbiguityWarning")
@pytest.mark.parametrize(("name", "f", "arrays"), list(float_samples()), ids=lambda v: v if isinstance(v, str) else "")
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_gradient_has_dtype_and_shape_of_its_input(name, f, arrays, dtype):
    """In float32 also its value: the float64 gradient up to rounding."""
    positions = tuple(range(len(arrays)))
    args = [Tensor(a).astype(getattr(adcore, dtype)) for a in arrays]
    gradients = grad(f, positions)(*args)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    for gradient, arg in zip(gradients, args, strict=True):
        assert type(gradient) is Tensor and gradient.dtype == arg.dtype and gradient.shape == arg.shape
        assert np.isfinite(array_of(gradient)).all()
    if dtype != "float32":
        return
    exact = grad(f, positions)(*(a.astype(adcore.float64) for a in args))
    exact = exact if isinstance(exact, tuple) else (exact,)
    for gradient, expected in zip(gradients, exact, strict=True):
        scale = max(1.0, np.abs(array_of(expected)).max(initial=0))
        np.testing.assert_allclose(
            array_of(gradient), array_of(expected), rtol=0, atol=scale * 20 * TOLERANCE["Float32"]
        )


@pytest.mark.filterwarnings("ignore::adcore.AmbiguityWarning")
@pytest.mark.parametrize(("name", "f", "arrays"), list(float_samples()), ids=lambda v: v if isinstance(v, str) else "")
def test_recording_changes_no_value(name, f, arrays):
    args = [Tensor(a.astype(np.float32)) for a in arrays]
    plain = f(*args)
    recorded, _ = value_and_grad(f, tuple(range(len(args))))(*args)
    plain, recorded = (v if isinstance(v, tuple) else (v,) for v in (plain, recorded))
    for one, other in zip(plain, recorded, strict=True):
        assert array_of(one).tobytes() == array_of(other).tobytes()


@pytest.mark.filterwarnings("ignore::adcore.AmbiguityWarning")
@pytest.mark.parametrize(("name", "f", "arrays"), list(float_samples()), ids=lambda v: v if isinstance(v, str) else "")
def test_one_position_alone_has_the_same_gradient(name, f, arrays):
    args = [Tensor(a) for a in arrays]
    together = grad(f, tuple(range(len(args))))(*args)
    together = together if isinstance(together, tuple) else (together,)
    for position, expected in enumerate(together):
        alone = grad(f, position)(*args)
        np.testing.assert_allclose(array_of(alone), array_of(expected), rtol=1e-13, atol=1e-13)


# Edge points: values of the inputs where a careless formula gives nan or infinity.


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (ops.sigmoid, [-1000.0, 1000.0, 0.0], [0.0, 0.0, 0.25]),
        (ops.tanh, [-1000.0, 1000.0, 0.0], [0.0, 0.0, 1.0]),
        (ops.softplus, [-1000.0, 1000.0, 0.0], [0.0, 1.0, 0.5]),
        (ops.silu, [-1000.0, 1000.0, 0.0], [0.0, 1.0, 0.5]),
        (ops.gelu, [-1000.0, 1000.0, 0.0], [0.0, 1.0, 0.5]),
        (lambda x: ops.gelu(x, approximate="tanh"), [-1000.0, 1000.0, 0.0], [0.0, 1.0, 0.5]),
        (ops.elu, [-1000.0, 1000.0], [0.0, 1.0]),
        (ops.erf, [-1000.0, 1000.0], [0.0, 0.0]),
        (ops.exp, [-1000.0], [0.0]),
        (ops.log1p, [0.0, 1e-30], [1.0, 1.0]),
        (ops.expm1, [0.0, 1e-30, -1000.0], [1.0, 1.0, 0.0]),
        (ops.square, [0.0, -0.0], [0.0, 0.0]),
        (lambda x: x**2, [0.0], [0.0]),
        (lambda x: x**1, [0.0], [1.0]),
        (lambda x: x**3, [0.0, -2.0], [0.0, 12.0]),
        (lambda x: ops.logsumexp(x, 0), [-1000.0, 0.0, 1000.0], [0.0, 0.0, 1.0]),
        (lambda x: ops.softmax(x)[0], [1000.0, -1000.0], [0.0, 0.0]),
        (lambda x: ops.log_softmax(x)[1], [1000.0, -1000.0], [-1.0, 1.0]),
        (ops.prod, [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]),
        (ops.prod, [0.0, 3.0, 2.0], [6.0, 0.0, 0.0]),
        (ops.norm, [3.0, 4.0], [0.6, 0.8]),
        (lambda x: ops.where(x > 0, ops.log(ops.maximum(x, t32(1e-3))), x), [-1.0, 2.0], [1.0, 0.5]),
        (lambda x: x.std(), [1.0, 3.0], [-0.5, 0.5]),
        (lambda x: ops.amax(x), [np.inf, 1.0], [1.0, 0.0]),
        (lambda x: ops.amax(x), [1.0, 1.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3, 0.0]),
        (lambda x: ops.max(x, 0)[0], [2.0, 1.0], [1.0, 0.0]),
        (lambda x: ops.clamp(x, -1.0, 1.0), [-1.0, 1.0, 5.0, -5.0], [1.0, 1.0, 0.0, 0.0]),
    ],
)
def test_edge_points(f, x, expected):
    check(grad(f)(Tensor(x, adcore.float32)), f32(expected))


@pytest.mark.parametrize("value", [0.0, 1.0, 30.0, 88.0, 100.0, 1e4, 3e38])
def test_bce_with_logits_is_finite_for_any_logit(value):
    """The derivative by the logit is sigmoid(x) - y, and nothing else, at any finite x; the second sigmoid'(x)."""
    for sign in (1.0, -1.0):
        for target in (0.0, 1.0, 0.3):
            x, y = Tensor(sign * value, adcore.float32), t32(target)
            loss, gradient = value_and_grad(ops.binary_cross_entropy_with_logits)(x, y)
            x64 = np.float64(np.float32(sign * value))
            sigmoid = np.exp(-np.logaddexp(0, -x64))
            check(loss, f32((1 - target) * np.logaddexp(0, x64) + target * np.logaddexp(0, -x64), rtol=1e-5))
            assert abs(float(gradient) - (sigmoid - target)) < 1e-6
            second = grad(grad(ops.binary_cross_entropy_with_logits))(x, y)
            assert abs(float(second) - sigmoid * (1 - sigmoid)) < 1e-6
            third = grad(grad(grad(ops.binary_cross_entropy_with_logits)))(x, y)
            assert np.isfinite(float(third))


def test_ties_of_maximum_share_the_gradient():
    x, y = t32(1.0, 2.0, 3.0), t32(1.0, 3.0, 2.0)
    check(grad(ops.maximum, (0, 1))(x, y), (f32([0.5, 0.0, 1.0]), f32([0.5, 1.0, 0.0])))
    check(grad(ops.minimum, (0, 1))(x, y), (f32([0.5, 1.0, 0.0]), f32([0.5, 0.0, 1.0])))


def test_constant_ops_have_zero_derivatives():
    x = t32(1.5, -2.5)
    for op in (ops.floor, ops.ceil, ops.round, ops.sign):
        check(grad(op)(x), f32([0.0, 0.0]))
        check(grad(lambda x, op=op: op(x) * x)(x), f32(array_of(op(x))))
    check(grad(lambda x: ops.equal(x, x).astype(adcore.float32) * x)(x), f32([1.0, 1.0]))
    check(grad(lambda x: ops.one_hot(ops.argmax(x), 2, 1.0, 0.0) * x)(x), f32([1.0, 0.0]))


def test_mixed_dtypes_give_each_input_its_own():
    args = [Tensor([1.5, 2.5], getattr(adcore, d)) for d in ("float16", "bfloat16", "float32", "float64")]
    gradients = grad(lambda a, b, c, d: a * b * c * d, (0, 1, 2, 3))(*args)
    for gradient, arg in zip(gradients, args, strict=True):
        assert gradient.dtype == arg.dtype
        np.testing.assert_allclose(array_of(gradient), [1.5**3, 2.5**3], rtol=TOLERANCE[str(arg.dtype)])


def test_casts_pass_the_gradient_through():
    check(grad(lambda x: ops.cast(x, adcore.float16) * 2)(t32(1.0, 2.0)), f32([2.0, 2.0]))
    check(grad(lambda x: (x.astype(adcore.float64) ** 2).astype(adcore.float32))(t32(1.0, 3.0)), f32([2.0, 6.0]))


@pytest.mark.filterwarnings("ignore::adcore.AmbiguityWarning")
def test_linearity_in_the_output():
    """The gradient of a f + b g is a grad f + b grad g."""
    x = Tensor(X)
    f, g = (lambda x: ops.softmax(x) ** 2), (lambda x: ops.norm(x, dim=0))
    both = grad(lambda x: (2.0 * f(x), -3.0 * g(x)))(x)
    np.testing.assert_allclose(
        array_of(both), 2 * array_of(grad(f)(x)) - 3 * array_of(grad(g)(x)), rtol=1e-13, atol=1e-14
    )


def test_an_input_used_many_times_accumulates():
    x = Tensor(X)

    def f(x):
        return sum((x * k + x[::-1] for k in range(1, 50)), x)

    np.testing.assert_allclose(array_of(grad(f)(x)), np.full(X.shape, 1 + 49 * 25 + 49.0), rtol=1e-13)


def test_gradients_are_fresh_tensors():
    """Changing one gradient changes neither another one nor the input, also when a rule passes its adjoint through."""
    x, y = t32(1.0, 2.0), t32(3.0, 4.0)
    a, b = grad(lambda x, y: x + y, (0, 1))(x, y)
    a[0] = 50.0
    check(b, f32([1.0, 1.0]))
    value, gradient = value_and_grad(lambda x: x)(x)
    value[0] = 9.0
    gradient[1] = 8.0
    check(x, f32([1.0, 2.0]))


def test_gradients_do_not_depend_on_the_number_of_threads():
    x = Tensor(np.random.default_rng(2).standard_normal((500, 300)).astype(np.float32))
    w = Tensor(np.random.default_rng(3).standard_normal((300, 200)).astype(np.float32))
    before = adcore.get_num_threads()
    runs = []
    try:
        for count in (1, 2, 4):
            adcore.set_num_threads(count)
            gradients = grad(lambda x, w: ops.log_softmax(ops.tanh(x @ w)).mean() + ops.norm(x), (0, 1))(x, w)
            runs.append([array_of(g).tobytes() for g in gradients])
    finally:
        adcore.set_num_threads(before)
    assert runs[0] == runs[1] == runs[2]


# Shapes and indices that nobody thought of, drawn by hypothesis (the same ones in each run).

drawn = settings(max_examples=150, deadline=None, derandomize=True, database=None)
shapes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)


def indices_of(shape):
    """Basic indices, integer arrays (which may repeat), masks."""
    basic = hnp.basic_indices(shape, allow_newaxis=True)
    masks = hnp.arrays(bool, shape)
    if 0 in shape:
        return st.one_of(basic, masks)
    return st.one_of(basic, masks, hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2)))


@drawn
@given(st.data())
def test_drawn_indices_agree_with_numpy(data):
    shape = data.draw(shapes)
    index = data.draw(indices_of(shape))
    x = np.arange(np.prod(shape, dtype=int), dtype=np.float64).reshape(shape)
    expected = x[index]
    weights = 1.0 + np.arange(expected.size).reshape(expected.shape)
    got, gradient = value_and_grad(lambda x: x[index] * Tensor(weights))(Tensor(x))
    np.testing.assert_array_equal(array_of(got), expected * weights)
    scattered = np.zeros(shape)
    np.add.at(scattered, index, weights)
    np.testing.assert_array_equal(array_of(gradient), scattered)


@drawn
@given(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=4, max_side=4, min_side=0))
def test_drawn_broadcasts_agree_with_numpy(broadcast):
    """The gradient of a product is the product of the others, summed over the axes that broadcasting added."""
    rng = np.random.default_rng(1)
    inputs = [rng.uniform(-2, 2, shape) for shape in broadcast.input_shapes]
    value, gradients = value_and_grad(lambda a, b, c: a * b * c, (0, 1, 2))(*map(Tensor, inputs))
    np.testing.assert_allclose(array_of(value), inputs[0] * inputs[1] * inputs[2], rtol=1e-14)
    for n, gradient in enumerate(gradients):
        others = np.ones(broadcast.result_shape)
        for m, other in enumerate(inputs):
            others = others if m == n else others * other
        added = others.ndim - inputs[n].ndim
        stretched = tuple(added + d for d, size in enumerate(inputs[n].shape) if size == 1)
        expected = others.sum(tuple(range(added)) + stretched).reshape(inputs[n].shape)
        assert tuple(gradient.shape) == inputs[n].shape
        np.testing.assert_allclose(array_of(gradient), expected, rtol=1e-12, atol=1e-12)


@drawn
@given(st.data())
def test_drawn_reductions_agree_with_numpy(data):
    shape = data.draw(shapes)
    axes = data.draw(hnp.valid_tuple_axes(len(shape), min_size=1))
    keep = data.draw(st.booleans())
    x = np.random.default_rng(2).uniform(-2, 2, shape)
    total, gradient = value_and_grad(lambda x: ops.sum(x * x, axes, keep))(Tensor(x))
    np.testing.assert_allclose(array_of(total), (x * x).sum(axes, keepdims=keep), rtol=1e-12)
    np.testing.assert_allclose(array_of(gradient), 2 * x, rtol=1e-14)
    if x.size:
        top, gradient = value_and_grad(lambda x: ops.amax(x, axes, keep))(Tensor(x))
        np.testing.assert_array_equal(array_of(top), x.max(axes, keepdims=keep))
        np.testing.assert_array_equal(array_of(gradient), x == x.max(axes, keepdims=True))


@drawn
@given(st.data())
def test_drawn_matmuls_agree_with_numpy(data):
    signature = hnp.mutually_broadcastable_shapes(
        signature="(m?,n),(n,p?)->(m?,p?)", max_dims=2, max_side=4, min_side=0
    )
    left, right = data.draw(signature).input_shapes
    a, b = np.random.default_rng(3).uniform(-2, 2, left), np.random.default_rng(4).uniform(-2, 2, right)
    value, (by_a, by_b) = value_and_grad(ops.matmul, (0, 1))(Tensor(a), Tensor(b))
    np.testing.assert_allclose(array_of(value), np.matmul(a, b), rtol=1e-12, atol=1e-13)
    # sum(a @ b) is linear in each argument, so <gradient, argument> is the sum itself.
    assert tuple(by_a.shape) == left and tuple(by_b.shape) == right
    total = np.matmul(a, b).sum()
    np.testing.assert_allclose(
        [np.sum(array_of(by_a) * a), np.sum(array_of(by_b) * b)], [total, total], rtol=1e-10, atol=1e-11
    )


@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3), (0, 3), (200, 3)])
@pytest.mark.parametrize("dtype", [adcore.float32, adcore.float64])
def test_dense_is_the_product_plus_the_bias_bit_for_bit(shape, dtype):
    rng = np.random.default_rng(3)
    x, w, b = (Tensor(rng.standard_normal(s), dtype) for s in (shape, (5, 3), (5,)))

    def loss(fn):
        return lambda *args: (fn(*args) ** 2).sum()

    def composed(x, w, b):
        return ops.matmul(x, w.T) + b

    one, other = ops.dense(x, w, b), composed(x, w, b)
    assert one.shape == other.shape and one.asnumpy().tobytes() == other.asnumpy().tobytes()
    for got, want in zip(grad(loss(ops.dense), (0, 1, 2))(x, w, b), grad(loss(composed), (0, 1, 2))(x, w, b)):
        np.testing.assert_allclose(got.asnumpy(), want.asnumpy(), rtol=2e-5, atol=1e-5)

    def twice(fn):
        return grad(lambda *args: sum((g**2).sum() for g in grad(loss(fn), (0, 1, 2))(*args)), (0, 1, 2))(x, w, b)

    for got, want in zip(twice(ops.dense), twice(composed)):
        np.testing.assert_allclose(got.asnumpy(), want.asnumpy(), rtol=1e-4, atol=1e-4)
