"""Distributions against SciPy, what their numbers depend on, derivatives, generators, and random numbers under vmap.

The seeds are fixed, so a test of a law passes always or never; its level is what a right law passes for all but one in
a thousand seeds.
"""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import special, stats

import adcore
from adcore import Generator, Tensor, grad, ops, vmap
from helpers import array_of

N = 20_000
LEVEL = 1e-3

# A draw as a function of the shape and of further options, and its distribution.
CONTINUOUS = {
    "rand": (lambda n, **o: ops.rand(n, **o), stats.uniform()),
    "randn": (lambda n, **o: ops.randn(n, **o), stats.norm()),
    "standard_normal": (ops.standard_normal, stats.norm()),
    "normal": (lambda n, **o: ops.normal(n, -3.0, 0.5, **o), stats.norm(-3, 0.5)),
    "uniform": (lambda n, **o: ops.uniform(n, -3.0, 0.5, **o), stats.uniform(-3, 3.5)),
    "laplace": (lambda n, **o: ops.laplace(n, 1.0, 3.0, **o), stats.laplace(1, 3)),
    "standard_laplace": (ops.standard_laplace, stats.laplace()),
    "gumbel": (lambda n, **o: ops.gumbel(n, 1.0, 3.0, **o), stats.gumbel_r(1, 3)),
    "cauchy": (lambda n, **o: ops.cauchy(n, 1.0, 3.0, **o), stats.cauchy(1, 3)),
    "log_normal": (lambda n, **o: ops.log_normal(n, 1.0, 0.5, **o), stats.lognorm(0.5, scale=math.e)),
    "exponential": (lambda n, **o: ops.exponential(n, 4.0, **o), stats.expon(scale=0.25)),
    **{
        f"truncated_normal {low} {high}": (
            lambda n, low=low, high=high, **o: ops.truncated_normal(n, 1.0, 2.0, low=low, high=high, **o),
            stats.truncnorm(low, high, 1, 2),
        )
        # each way of drawing: the body, narrow pieces, tails of both sides
        for low, high in [(-2, 2), (-0.3, 0.2), (0.5, 0.9), (1.0, math.inf), (-math.inf, -6.0), (3.0, 3.1), (-1, 5)]
    },
    **{
        f"standard_gamma {a}": (lambda n, a=a, **o: ops.standard_gamma(n, a, **o), stats.gamma(a))
        for a in (0.05, 0.7, 1.0, 1.5, 30.0, 1e5)
    },
    "gamma": (lambda n, **o: ops.gamma(n, 2.5, 4.0, **o), stats.gamma(2.5, scale=0.25)),
    "chi2": (lambda n, **o: ops.chi2(n, 3.0, **o), stats.chi2(3)),
    **{
        f"beta {a} {b}": (lambda n, a=a, b=b, **o: ops.beta(n, a, b, **o), stats.beta(a, b))
        for a, b in [(0.3, 0.6), (1.0, 1.0), (5.0, 2.0)]
    },
    "dirichlet": (
        lambda n, **o: ops.dirichlet(n, Tensor([0.5, 1.0, 2.0], adcore.float64), **o)[:, 0],
        stats.beta(0.5, 3),
    ),
}
DISCRETE = {
    **{
        f"poisson {mean}": (lambda n, mean=mean, **o: ops.poisson(n, mean, **o), stats.poisson(mean))
        for mean in (0.2, 3.0, 9.99, 10.0, 50.0, 1000.0)
    },
    **{f"geometric {p}": (lambda n, p=p, **o: ops.geometric(n, p, **o), stats.geom(p)) for p in (0.02, 0.5, 0.9)},
    "bernoulli": (lambda n, **o: ops.bernoulli(ops.zeros((n,)), 0.3, **o), stats.bernoulli(0.3)),
    "randint": (lambda n, **o: ops.randint(-3, 4, (n,), **o), stats.randint(-3, 4)),
    "randint_like": (lambda n, **o: ops.randint_like(ops.zeros((n,)), -3, 4, **o), stats.randint(-3, 4)),
    "multinomial": (
        lambda n, **o: ops.multinomial(Tensor([3.0, 0.0, 1.0, 4.0]), n, **o),
        stats.rv_discrete(values=([0, 2, 3], [3 / 8, 1 / 8, 4 / 8])),
    ),
    "categorical": (
        lambda n, **o: ops.categorical(Tensor([0.0, 1.0, 2.0]), n, **o),
        stats.rv_discrete(values=([0, 1, 2], special.softmax([0, 1, 2]))),
    ),
}
ALL = {name: draw for name, (draw, _) in (CONTINUOUS | DISCRETE).items()}
OWN_DTYPE = {"bernoulli", "randint", "randint_like", "multinomial", "categorical", "dirichlet"}


@pytest.mark.parametrize("dtype", [adcore.float32, adcore.float64])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions(name, dtype):
    draw, law = CONTINUOUS[name]
    x = draw(N, seed=3, dtype=dtype)
    assert x.shape == (N,) and x.dtype == dtype
    assert stats.kstest(array_of(x).astype(np.float64), law.cdf).pvalue > LEVEL


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_distributions(name):
    draw, law = DISCRETE[name]
    x = array_of(draw(N, seed=2)).astype(np.float64)
    assert (x == np.floor(x)).all() and x.shape == (N,)
    # Neighbouring values together, so that 50 are expected of each class at least.
    values, cuts, mass = np.arange(x.min(), x.max() + 1), [-np.inf], 0.0
    for v in values:
        mass += law.pmf(v)
        if N * mass > 50:
            cuts, mass = [*cuts, v], 0.0
    cuts[-1] = np.inf
    expected = N * np.diff([0.0 if c == -np.inf else 1.0 if c == np.inf else law.cdf(c) for c in cuts])
    counted = np.histogram(x, [c + 0.5 for c in cuts])[0]
    assert stats.chisquare(counted, expected).pvalue > LEVEL


@pytest.mark.parametrize("name", [name for name in CONTINUOUS if name != "cauchy"])
def test_mean_and_variance(name):
    draw, law = CONTINUOUS[name]
    x = array_of(draw(N, seed=8, dtype=adcore.float64))
    fourth = np.mean((x - x.mean()) ** 4) / law.var() ** 2
    assert abs(x.mean() - law.mean()) < 5 * law.std() / math.sqrt(N)
    assert abs(x.var() / law.var() - 1) < 5 * math.sqrt(fourth / N)


# ---- what the numbers depend on -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_the_same_numbers_at_any_number_of_threads(name):
    before, made = adcore.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            adcore.set_num_threads(threads)
            made.append(array_of(ALL[name](150_000 if name != "standard_gamma 0.05" else 9_000, seed=5)).tobytes())
    finally:
        adcore.set_num_threads(before)
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("name", [name for name in ALL if name not in {"dirichlet", "laplace", "standard_laplace"}])
def test_an_element_depends_on_its_number_in_the_sequence_alone(name):
    """Draws of 3, 0 and 4 elements are one of 7; of two numbers for each element, as those left out, they are not."""
    if name.startswith("beta"):
        pytest.skip("two numbers for each element")
    generator, parts = Generator().manual_seed(7), []
    for n in (3, 0, 4):
        parts.append(array_of(ALL[name](n, generator=generator)))
    assert np.concatenate(parts).tobytes() == array_of(ALL[name](7, seed=7)).tobytes()
    assert generator.get_state().tolist() == [7, 7]


@pytest.mark.parametrize("name", ALL)
def test_a_seed_leaves_the_generators_alone_and_generators_each_other(name):
    draw = ALL[name]
    adcore.set_seed(11)
    state = adcore.get_rng_state().tolist()
    own = Generator().manual_seed(4)
    first = array_of(draw(40, generator=own))
    draw(40, seed=9)
    assert adcore.get_rng_state().tolist() == state
    assert array_of(draw(40, generator=Generator().manual_seed(4))).tobytes() == first.tobytes()
    assert array_of(draw(40, generator=own)).tobytes() != first.tobytes()
    adcore.set_seed(4)
    assert array_of(draw(40)).tobytes() == first.tobytes()
    assert adcore.get_rng_state().tolist() != [4, 0]


@pytest.mark.parametrize("dtype", [adcore.float16, adcore.bfloat16])
@pytest.mark.parametrize("name", [n for n in CONTINUOUS if n not in {"rand", "randn", "dirichlet"}])
def test_half_precision_is_drawn_wide_and_rounded(name, dtype):
    draw = CONTINUOUS[name][0]
    wide = draw(500, seed=2, dtype=adcore.float32).astype(dtype)
    if name != "uniform":  # whose upper bound is left out
        assert array_of(draw(500, seed=2, dtype=dtype)).tobytes() == array_of(wide).tobytes()


def test_numbers_stay_where_they_belong():
    low = Tensor(np.float32(1.0))
    for dtype in (adcore.float16, adcore.bfloat16, adcore.float32):
        x = array_of(ops.uniform((200_000,), 1.0, 1.0 + 2.0**-7, dtype=dtype, seed=1))
        assert (x >= 1).all() and (x < 1 + 2.0**-7).all()
    assert (array_of(ops.uniform((9,), low, low)) == 1).all()
    for name in ("exponential", "gumbel", "laplace"):
        assert np.isfinite(array_of(getattr(ops, name)((1_000_000,), seed=1))).all()
    assert (array_of(ops.exponential((1_000_000,), seed=1)) > 0).all()
    x = array_of(ops.truncated_normal((N,), 0.0, 1.0, seed=1, low=37.0, high=math.inf, dtype=adcore.float64))
    assert ((x >= 37) & (x < 38)).all()
    assert (array_of(ops.geometric((N,), 1.0)) == 1).all()
    assert set(array_of(ops.bernoulli(ops.zeros((N,)), Tensor(0.0)))) == {0}
    assert set(array_of(ops.bernoulli(ops.zeros((N,)), Tensor(1.0)))) == {1}


def test_parameters_at_the_ends():
    some = Tensor([0.0, 1e-300, 1e-3, 1e12, math.inf, -1.0, math.nan], adcore.float64)
    x = array_of(ops.standard_gamma((500, 7), some, seed=1))
    assert (x[:, 0] == 0).all() and (x[:, 1] == 0).all() and np.isfinite(x[:, 2:4]).all() and (x[:, 4] == np.inf).all()
    assert np.isnan(x[:, 5:]).all()
    assert abs(x[:, 3] / 1e12 - 1).max() < 5e-6
    x = array_of(ops.poisson((500, 7), some, seed=1))
    assert not x[:, :2].any() and np.isfinite(x[:, 3]).all() and (x[:, 4] == np.inf).all() and np.isnan(x[:, 5:]).all()
    assert abs(x[:, 3] / 1e12 - 1).max() < 5e-6 and x[:, 3].std() == pytest.approx(1e6, rel=0.2)
    # Both gamma numbers are 0 in float64; their logarithms are not.
    x = array_of(ops.beta((N,), 1e-3, 2e-3, seed=1))
    assert np.isfinite(x).all() and x.mean() == pytest.approx(1 / 3, abs=0.02)
    x = array_of(ops.dirichlet((N,), Tensor([1e-4, 1e-4]), seed=1))
    assert np.isfinite(x).all() and x[:, 0].mean() == pytest.approx(1 / 2, abs=0.02)


# ---- choices ------------------------------------------------------------------------------------------------------


def test_samples_without_replacement():
    weights = Tensor([[1.0, 2.0, 0.0, 5.0], [1.0, 1.0, 1.0, 1.0]])
    rows = array_of(ops.multinomial(ops.broadcast_to(weights, (N // 4, 2, 4)), 3, False, seed=1))
    assert rows.shape == (N // 4, 2, 3)
    assert all(len(set(row)) == 3 for row in rows.reshape(-1, 3)) and not (rows[:, 0] == 2).any()
    # The first in proportion to the weights, the next in proportion to those that are left.
    first, second = rows[:, 0, 0], rows[:, 0, 1]
    assert stats.chisquare(np.bincount(first, minlength=4)[[0, 1, 3]], N / 4 * np.array([1, 2, 5]) / 8).pvalue > LEVEL
    among = second[first == 3]
    assert stats.chisquare(np.bincount(among)[:2], len(among) * np.array([1, 2]) / 3).pvalue > LEVEL
    orders = np.unique(rows[:, 1], axis=0, return_counts=True)[1]
    assert len(orders) == 24 and stats.chisquare(orders).pvalue > LEVEL


def test_permutations():
    generator = Generator().manual_seed(1)
    orders = np.array([ops.randperm(4, generator=generator).tolist() for _ in range(4_800)])
    assert stats.chisquare(np.unique(orders, axis=0, return_counts=True)[1]).pvalue > LEVEL
    long = array_of(ops.randperm(10_000, seed=3, dtype=adcore.int32))
    assert long.dtype == np.int32 and sorted(long) == list(range(10_000))
    assert abs(np.corrcoef(long, np.arange(10_000))[0, 1]) < 0.05
    x = np.arange(12.0).reshape(6, 2)
    assert (array_of(ops.shuffle(Tensor(x), seed=3)) == x[array_of(ops.randperm(6, seed=3))]).all()
    assert ops.randperm(0).shape == (0,)


def test_gumbel_softmax():
    logits = Tensor(np.tile([0.0, 1.0, 2.0], (N, 1)), adcore.float32)
    soft, hard = (ops.gumbel_softmax(logits, 0.5, hard, seed=1) for hard in (False, True))
    assert (array_of(hard) == np.eye(3)[array_of(soft).argmax(1)]).all()
    counted = array_of(hard).sum(0)
    assert stats.chisquare(counted, counted.sum() * special.softmax([0.0, 1.0, 2.0])).pvalue > LEVEL
    weight = Tensor(np.random.default_rng(0).normal(size=(N, 3)), adcore.float32)
    soft, hard = (
        grad(lambda x, hard=hard: (ops.gumbel_softmax(x, 0.5, hard, seed=1) * weight).sum())(logits)
        for hard in (False, True)
    )
    assert array_of(soft).tobytes() == array_of(hard).tobytes()


# ---- derivatives --------------------------------------------------------------------------------------------------

SHAPES = np.array([0.02, 0.3, 0.9, 1.0, 1.7, 6.0, 40.0, 700.0, 3e4, 1e6])


def quantile_slope(a, x):
    """The derivative by a of the quantile whose probability P(a, x) is kept: differences of its logarithm."""
    h = 1e-4 * a
    below, above = special.gammainc(a, x), special.gammaincc(a, x)
    ends = [
        np.where(below < 0.5, special.gammaincinv(a + t, below), special.gammainccinv(a + t, above)) for t in (-h, h)
    ]
    return x * (np.log(ends[1]) - np.log(ends[0])) / (2 * h)


def test_the_derivative_of_gamma_numbers_is_that_of_the_quantile():
    a = np.repeat(SHAPES, 200)
    x = array_of(ops.standard_gamma(a.shape, Tensor(a), seed=1))
    slope = array_of(grad(lambda a: ops.standard_gamma(a.shape, a, seed=1).sum())(Tensor(a)))
    tangent = adcore.jvp(lambda a: ops.standard_gamma(a.shape, a, seed=1), Tensor(a), Tensor(np.ones_like(a)))[1]
    np.testing.assert_allclose(array_of(tangent), slope, rtol=1e-15)
    seen = x > 1e-250  # below, the incomplete gamma function's inverse has no digits
    np.testing.assert_allclose(slope[seen], quantile_slope(a, x)[seen], rtol=2e-6)
    single = grad(lambda a: ops.standard_gamma(a.shape, a, seed=1).sum())(Tensor(a, adcore.float32))
    assert np.isfinite(array_of(single)).all()


@pytest.mark.parametrize("a, b", [(0.4, 0.7), (2.0, 3.0)])
def test_derivatives_of_means(a, b):
    """The mean of derivatives is the derivative of the mean, within five standard errors."""

    def near(derivatives, expected):
        assert abs(derivatives.mean() - expected) < 5 * derivatives.std() / math.sqrt(derivatives.size)

    alpha, beta = (Tensor(np.full(N, v)) for v in (a, b))
    da, db = grad(lambda a, b: ops.beta((N,), a, b, seed=1).sum(), (0, 1))(alpha, beta)
    near(array_of(da), b / (a + b) ** 2)
    near(array_of(db), -a / (a + b) ** 2)
    da, db = grad(lambda a, b: ops.gamma((N,), a, b, seed=2).sum(), (0, 1))(alpha, beta)
    near(array_of(da), 1 / b)
    near(array_of(db), -a / b**2)
    near(array_of(grad(lambda a: ops.chi2((N,), a, seed=2).sum())(alpha)), 1.0)
    rows = Tensor(np.tile([a, b, 1.0], (N, 1)))
    da = array_of(grad(lambda c: ops.dirichlet((), c, seed=3)[:, 0].sum())(rows))
    near(da[:, 0], (b + 1) / (a + b + 1) ** 2)
    near(da[:, 1], -a / (a + b + 1) ** 2)


def test_there_is_no_second_derivative_by_the_shape_of_a_gamma_number():
    f = lambda a: ops.standard_gamma((), a, seed=1)
    for second in (grad(grad(f)), adcore.jacfwd(grad(f)), adcore.jacfwd(adcore.jacfwd(f))):
        with pytest.raises(ValueError, match="standard_gamma: there is no second derivative .*stop_gradient"):
            second(Tensor(2.0))
    assert float(grad(grad(lambda s: ops.gamma((), 2.0, s, seed=1)))(Tensor(2.0))) > 0


@pytest.mark.parametrize("name", ["poisson", "geometric"])
def test_counts_are_constant_in_pieces(name):
    assert float(grad(lambda p: getattr(ops, name)((), p, seed=1) * 1.0)(Tensor(0.5))) == 0.0


# ---- generators ---------------------------------------------------------------------------------------------------


def test_states_of_generators():
    generator = Generator()
    assert generator.manual_seed(2**64 - 1) is generator and generator.initial_seed() == 2**64 - 1
    assert generator.manual_seed(-1).initial_seed() == 2**64 - 1
    assert generator.seed() == generator.initial_seed() != generator.seed()
    ops.rand(5, generator=generator)
    state = generator.get_state()
    a = array_of(ops.randn(5, generator=generator))
    assert (array_of(ops.randn(5, generator=generator)) != a).all()
    assert generator.set_state(state) is generator
    assert (array_of(ops.randn(5, generator=generator)) == a).all()
    assert adcore.default_generator.get_state().tolist() == adcore.get_rng_state().tolist()
    adcore.manual_seed(3)
    assert adcore.get_seed() == adcore.initial_seed() == 3
    for wrong in (Tensor([1, 2]), Tensor([1, 2, 3], adcore.uint64)):
        with pytest.raises(ValueError, match="set_state: state must be what get_state returned"):
            generator.set_state(wrong)
    with pytest.raises(TypeError, match="set_state: state must be a Tensor"):
        adcore.set_rng_state(3)
    for wrong in (1.5, True, None):
        with pytest.raises(TypeError, match="manual_seed: seed must be an int"):
            adcore.manual_seed(wrong)
    with pytest.raises(ValueError, match="manual_seed: seed must be in"):
        adcore.manual_seed(2**64)


def test_a_thread_may_draw_from_a_generator_in_the_place_of_the_process_s():
    from adcore._ops.generator import drawing_from

    jitted = adcore.jit(lambda: ops.rand(2))
    adcore.set_seed(9)
    wanted = [array_of(ops.rand(3)) for _ in range(3)]
    adcore.set_seed(9)
    own, inner = Generator().manual_seed(4), Generator().manual_seed(9)
    with drawing_from(own):
        with drawing_from(inner):
            assert (array_of(ops.rand(3)) == wanted[0]).all()
            assert inner.get_state().tolist() == adcore.get_rng_state().tolist() == [9, 3]
        assert adcore.get_seed() == 4
        with ThreadPoolExecutor(1) as pool:  # another thread has the process's
            assert (pool.submit(lambda: array_of(ops.rand(3))).result() == wanted[0]).all()
        assert own.get_state().tolist() == [4, 0]
        jitted()  # so has a program, which is replayed outside
        assert own.get_state().tolist() == [4, 0]
        adcore.set_seed(9)
        assert own.initial_seed() == 9
        with pytest.raises(ValueError), drawing_from(inner):
            ops.rand(-1)
        assert (array_of(ops.rand(3)) == wanted[0]).all()
    assert adcore.get_rng_state().tolist() == [9, 5]


def test_a_block_that_runs_again_draws_the_same_from_any_generator():
    generator = Generator().manual_seed(1)
    block = lambda x: x * x * ops.exponential((3,), generator=generator) * ops.gamma((3,), 2.0, 1.0)
    adcore.set_seed(5)
    x = Tensor([1.0, 2.0, 3.0])
    value, slope = adcore.value_and_grad(lambda x: adcore.recompute(block, x).sum())(x)
    scale = array_of(ops.exponential((3,), seed=1)) * array_of(ops.gamma((3,), 2.0, 1.0, seed=5))
    np.testing.assert_allclose(float(value), (array_of(x) ** 2 * scale).sum(), rtol=1e-6)
    np.testing.assert_allclose(array_of(slope), 2 * array_of(x) * scale, rtol=1e-6)
    assert generator.get_state().tolist() == [1, 3]


# ---- vmap ---------------------------------------------------------------------------------------------------------

MEMBERS = Tensor(np.linspace(0.5, 2.0, 5))
UNDER_VMAP = {
    "rand": lambda p, **o: ops.rand(3, **o) * p,
    "randint": lambda p, **o: ops.randint(0, 1000, (3,), **o) * p,
    "normal": lambda p, **o: ops.normal((3,), p, p, **o),
    "laplace": lambda p, **o: ops.laplace((3,), p, p, **o),
    "truncated_normal": lambda p, **o: ops.truncated_normal((3,), p, p, **o),
    "gamma": lambda p, **o: ops.gamma((3,), p, p, **o),
    "gamma of one shape": lambda p, **o: ops.gamma((3,), 2.0, p, **o),
    "beta": lambda p, **o: ops.beta((3,), p, p, **o),
    "poisson": lambda p, **o: ops.poisson((3,), 20 * p, **o),
    "multinomial": lambda p, **o: ops.multinomial(ops.stack([p, 0 * p + 1, 3 - p]), 4, **o),
    "without replacement": lambda p, **o: ops.multinomial(ops.stack([p, 0 * p + 1, 3 - p]), 2, False, **o),
    "randperm": lambda p, **o: ops.randperm(6, **o) * p,
    "dropout": lambda p, **o: ops.dropout(p * ops.ones((6,), adcore.float64), 0.5),
    "bernoulli": lambda p, **o: ops.bernoulli(ops.ones((6,)), p / 2, **o),
    "gumbel_softmax": lambda p, **o: ops.gumbel_softmax(p * ops.ones((4,)), **o),
}


@pytest.mark.parametrize("name", UNDER_VMAP)
def test_members_draw_numbers_of_their_own_on_request(name):
    f = UNDER_VMAP[name]
    adcore.set_seed(6)
    together = array_of(vmap(f, randomness="different")(MEMBERS))
    after = adcore.get_rng_state().tolist()
    adcore.set_seed(6)
    loop = [array_of(f(MEMBERS[i])) for i in range(5)]
    assert together.tobytes() == np.stack(loop).tobytes()
    assert adcore.get_rng_state().tolist() == after


@pytest.mark.parametrize("name", UNDER_VMAP)
def test_members_share_numbers_on_request(name):
    f, shared = UNDER_VMAP[name], []
    adcore.set_seed(6)
    together = array_of(vmap(f, randomness="same")(MEMBERS))
    for i in range(5):
        adcore.set_seed(6)
        shared.append(array_of(f(MEMBERS[i])))
    assert together.tobytes() == np.stack(shared).tobytes()


@pytest.mark.parametrize("name", UNDER_VMAP)
def test_a_draw_under_vmap_that_nobody_asked_for_raises_and_takes_nothing(name):
    adcore.set_seed(6)
    for f in (vmap(UNDER_VMAP[name]), vmap(vmap(UNDER_VMAP[name], randomness="same"))):
        with pytest.raises(RuntimeError, match="vmap: a random number is drawn for a batch; say .*randomness='diff"):
            f(MEMBERS if f.__wrapped__ is UNDER_VMAP[name] else ops.stack([MEMBERS]))
    assert adcore.get_rng_state().tolist() == [6, 0]
    if name != "dropout":
        seeded = vmap(lambda p: UNDER_VMAP[name](p, seed=4))(MEMBERS)
        one = UNDER_VMAP[name](MEMBERS[1], seed=4)
        assert array_of(seeded)[1].tobytes() == array_of(one).tobytes()


@pytest.mark.parametrize("name", UNDER_VMAP)
def test_nested_batches(name):
    f, members = UNDER_VMAP[name], ops.stack([MEMBERS, 2 - MEMBERS / 2])
    kinds = ("same", "different")
    for outer in kinds:
        for inner in kinds:
            adcore.set_seed(6)
            together = array_of(vmap(vmap(f, randomness=inner), randomness=outer)(members))
            adcore.set_seed(6)
            state, rows = adcore.get_rng_state(), []
            for i in range(2):
                if outer == "same":
                    adcore.set_rng_state(state)
                rows.append(array_of(vmap(f, randomness=inner)(members[i])))
            assert together.tobytes() == np.stack(rows).tobytes()


def test_derivatives_of_members_that_draw():
    def f(p):
        return (ops.normal((3,), p, p) * ops.standard_gamma((3,), p)).sum()

    for outside in (False, True):
        adcore.set_seed(6)
        if outside:
            slopes = grad(lambda p: vmap(f, randomness="different")(p).sum())(MEMBERS)
        else:
            slopes = vmap(grad(f), randomness="different")(MEMBERS)
        # All members draw their normal numbers before one draws gamma numbers.
        normal, state = array_of(ops.randn(5, 3, seed=6, dtype=adcore.float64)), Tensor([6, 15], adcore.uint64)
        gamma = lambda p: ops.standard_gamma((5, 3), ops.expand_dims(p, 1), generator=Generator().set_state(state))
        expected = grad(lambda p: (ops.expand_dims(p, 1) * Tensor(1 + normal) * gamma(p)).sum())(MEMBERS)
        np.testing.assert_allclose(array_of(slopes), array_of(expected), rtol=1e-12)


def test_a_jacobian_is_that_of_one_draw():
    f = lambda x: ops.dropout(x, 0.5) * ops.normal((6,), x, 1.0)
    x = Tensor(np.arange(1.0, 7.0))
    made = []
    for transform in (adcore.jacrev, adcore.jacfwd):
        adcore.set_seed(3)
        made.append(array_of(transform(f)(x)))
    np.testing.assert_allclose(made[0], made[1], rtol=1e-14)
    assert np.count_nonzero(made[0]) == np.count_nonzero(np.diag(made[0]))


def test_options_of_randomness():
    for wrong in ("shared", None, True):
        with pytest.raises(ValueError, match="vmap: randomness must be 'error', 'different' or 'same'"):
            vmap(lambda x: x, randomness=wrong)
    generator = Generator().manual_seed(2)
    empty = vmap(lambda x: x + ops.rand(3, generator=generator), randomness="different")(ops.zeros((0, 3)))
    assert empty.shape == (0, 3) and generator.get_state().tolist() == [2, 0]


# ---- what is refused ----------------------------------------------------------------------------------------------

X = Tensor([1.0, 2.0])
REFUSED = [
    (lambda: ops.log_normal((2,), 0.0, 0.0), ValueError, "log_normal: stddev must be greater than 0, got 0.0"),
    (lambda: ops.normal((2,), 0.0, -1.0), ValueError, "normal: stddev must be at least 0, got -1.0"),
    (lambda: ops.normal((2,), "a"), TypeError, "normal: mean must be a Tensor or a number, got str"),
    (lambda: ops.normal((3,), X), ValueError, r"normal: shapes \(3,\) and \(2,\) do not broadcast"),
    (lambda: ops.normal((2, -1)), ValueError, "normal: a shape has no negative sizes"),
    (lambda: ops.normal(X), TypeError, "normal: shape must be an int or a sequence of ints"),
    (lambda: ops.normal((2.5,)), TypeError, "normal: shape must be an int or a sequence of ints"),
    (lambda: ops.normal((2,), dtype=adcore.int32), TypeError, "normal: random real numbers need a float dtype"),
    (lambda: ops.normal((2,), dtype=[3]), TypeError, "normal: dtype must be one of adcore's"),
    (lambda: ops.uniform((2,), dtype=X), TypeError, "uniform: dtype must be one of adcore's"),
    (lambda: ops.randperm(2, dtype="a"), TypeError, "randperm: dtype must be one of adcore's"),
    (lambda: ops.normal((2,), seed=1.5), TypeError, "normal: seed must be an int, got float"),
    (lambda: ops.normal((2,), seed=2**64), ValueError, "normal: seed must be in"),
    (lambda: ops.normal((2,), generator=3), TypeError, "normal: generator must be a Generator, got int"),
    (lambda: ops.normal((2,), seed=1, generator=Generator()), ValueError, "seed and generator are both given"),
    (lambda: ops.rand(2, generator=3), TypeError, "rand: generator must be a Generator"),
    (lambda: ops.rand(2, dtype=adcore.int32, generator=Generator()), TypeError, "rand: .* need a float dtype"),
    (lambda: ops.randint(5, 2, (2,), generator=Generator()), ValueError, "randint: low must be less than high"),
    (lambda: ops.randint_like(X, 1.5, 2), TypeError, "randint_like: low must be an int, got float"),
    (lambda: ops.uniform((2,), 2.0, 1.0), ValueError, "uniform: minval must be less than maxval"),
    (lambda: ops.uniform((2,), 0.5, 4, dtype=adcore.int64), TypeError, "uniform: low must be an int"),
    (lambda: ops.laplace((2,), 0.0, 0.0), ValueError, "laplace: lambda_param must be greater than 0"),
    (lambda: ops.gumbel((2,), 0.0, math.nan), ValueError, "gumbel: scale must be greater than 0, got nan"),
    (lambda: ops.cauchy((2,), 0.0, -1.0), ValueError, "cauchy: sigma must be greater than 0"),
    (lambda: ops.exponential((2,), 0.0), ValueError, "exponential: rate must be greater than 0"),
    (lambda: ops.truncated_normal((2,), low=2, high=2), ValueError, "truncated_normal: low must be less than high"),
    (lambda: ops.truncated_normal((2,), low=X), TypeError, "truncated_normal: low must be a number, got Tensor"),
    (lambda: ops.standard_gamma((2,), -1.0), ValueError, "standard_gamma: alpha must be at least 0"),
    (lambda: ops.gamma((2,), 1.0, 0.0), ValueError, "gamma: beta must be greater than 0"),
    (lambda: ops.random_gamma((2,), 1.0), TypeError, "random_gamma: alpha must be a Tensor"),
    (lambda: ops.beta((2,), 0.0, 1.0), ValueError, "beta: alpha must be greater than 0"),
    (lambda: ops.dirichlet((2,), Tensor(1.0)), ValueError, "dirichlet: concentration needs an axis"),
    (lambda: ops.poisson(X, 1.0), TypeError, "poisson: shape must be an int"),
    (lambda: ops.poisson((2,), -1), ValueError, "poisson: mean must be at least 0"),
    (lambda: ops.geometric((2,), 0.0), ValueError, r"geometric: p must be in \(0, 1\]"),
    (lambda: ops.bernoulli(X), TypeError, "bernoulli.* missing 1 required positional argument: 'p'"),
    (lambda: ops.bernoulli(X, 1.5), ValueError, r"bernoulli: p must be in \[0, 1\], got 1.5"),
    (lambda: ops.bernoulli(X, ops.zeros((3, 2))), ValueError, "bernoulli: .* broadcasts to"),
    (lambda: ops.multinomial(X, 3, False), ValueError, "multinomial: 3 samples without replacement cannot be drawn"),
    (lambda: ops.multinomial(0 * X, 3), ValueError, "multinomial: 3 samples with replacement cannot be drawn from 0"),
    (lambda: ops.multinomial(-X, 1), ValueError, "multinomial: a weight must be finite and not negative, got -1"),
    (lambda: ops.multinomial(X * math.nan, 1), ValueError, "multinomial: a weight must be finite"),
    (lambda: ops.multinomial(X, -1), ValueError, "multinomial: num_samples must not be negative"),
    (lambda: ops.multinomial(X, 1.5), TypeError, "multinomial: the number of samples must be an int"),
    (lambda: ops.multinomial(Tensor(1.0), 1), ValueError, "multinomial: there are no classes"),
    (lambda: ops.randperm(-1), ValueError, "randperm: n must not be negative"),
    (lambda: ops.randperm(2.5), TypeError, "randperm: n must be an int"),
    (lambda: ops.shuffle(Tensor(1.0)), ValueError, "shuffle: x needs an axis"),
    (lambda: ops.gumbel_softmax(X, 0.0), ValueError, "gumbel_softmax: tau must be greater than 0"),
    (lambda: ops.gumbel_softmax(Tensor([1, 2])), TypeError, "gumbel_softmax: logits must be a float tensor"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_bad_arguments_raise_and_take_no_numbers(case):
    call, kind, message = REFUSED[case]
    adcore.set_seed(1)
    with pytest.raises(kind, match=message):
        call()
    assert adcore.get_rng_state().tolist() == [1, 0]


@pytest.mark.parametrize(
    ("name", "arguments", "drawn"),
    [
        ("bernoulli_", (0.3,), lambda t: ops.bernoulli(t, 0.3)),
        ("cauchy_", (1.0, 2.0), lambda t: ops.cauchy(t.shape, 1.0, 2.0, dtype=t.dtype)),
        ("exponential_", (2.0,), lambda t: ops.exponential(t.shape, 2.0, dtype=t.dtype)),
        ("geometric_", (0.3,), lambda t: ops.geometric(t.shape, 0.3, dtype=t.dtype)),
        ("log_normal_", (0.5, 1.5), lambda t: ops.log_normal(t.shape, 0.5, 1.5, dtype=t.dtype)),
        ("normal_", (1.0, 2.0), lambda t: ops.normal(t.shape, 1.0, 2.0, dtype=t.dtype)),
        ("uniform_", (-1.0, 3.0), lambda t: ops.uniform(t.shape, -1.0, 3.0, dtype=t.dtype)),
    ],
)
@pytest.mark.parametrize("dtype", [adcore.float32, adcore.float64, adcore.float16])
def test_a_draw_in_place_is_the_function_s(name, arguments, drawn, dtype):
    t = ops.zeros((3, 4), dtype)
    adcore.set_seed(5)
    expected = drawn(t)
    adcore.set_seed(5)
    assert getattr(t, name)(*arguments) is t and t.dtype == dtype
    np.testing.assert_array_equal(array_of(t), array_of(expected))


def test_a_draw_in_place_takes_a_generator_and_leaves_other_tensors():
    t = ops.zeros(4)
    other = t + 0
    t.normal_(generator=Generator().manual_seed(7))
    np.testing.assert_array_equal(array_of(t), array_of(ops.normal((4,), generator=Generator().manual_seed(7))))
    assert not array_of(other).any()
