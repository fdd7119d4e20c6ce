"""SciPy's optimizers on containers. The oracles are SciPy itself with derivatives by hand, and closed forms."""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, float32, float64, nn, ops
from adcore import scipy as adscipy

optimize = pytest.importorskip("scipy.optimize")


METHODS = list(adscipy._METHODS)
CURVED = [m for m, needs in adscipy._METHODS.items() if needs in ("products", "hessian")]


def rosenbrock(x):
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def numbers(tree):
    return np.concatenate([t.asnumpy().reshape(-1) for t in adcore.transforms.trees.tensors_of(tree)])


# ---- the same steps as SciPy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_the_steps_are_those_of_scipy_with_derivatives_by_hand(method):
    start = np.array([-1.2, 1.0, 0.7])
    needs = adscipy._METHODS[method]
    by_hand = {} if needs == "value" else {"jac": optimize.rosen_der}
    by_hand |= {"products": {"hessp": optimize.rosen_hess_prod}, "hessian": {"hess": optimize.rosen_hess}}.get(
        needs, {}
    )
    options = {"maxiter": 40} if needs == "value" else {"maxfun": 2000} if method == "tnc" else {}
    wanted = optimize.minimize(optimize.rosen, start, method=method, options=options, **by_hand)
    found = adscipy.minimize(rosenbrock, Tensor(start), method=method.upper(), options=options)
    assert found.x.dtype == float64 and found.x.shape == (3,)
    # Roundings differ, and steps amplify that: as many steps, nearly, and the same end.
    np.testing.assert_allclose(found.x.asnumpy(), wanted.x, rtol=1e-3, atol=1e-4)
    assert found.nfev == pytest.approx(wanted.nfev, rel=0.2, abs=3)
    assert found.success == wanted.success


@pytest.mark.parametrize("method", [m for m in METHODS if adscipy._METHODS[m] != "value"])
def test_derivatives_by_containers_are_those_by_vectors(method):
    def of_container(p):
        return rosenbrock(ops.concat([p["a"].reshape((-1,)), p["b"][0].reshape((-1,)), p["b"][1].reshape((-1,))]))

    start = np.array([1.3, 0.7, 0.8, 1.9])
    tree = {"a": Tensor(start[:2].reshape(1, 2)), "b": (Tensor(start[2]), [start[3]][0])}
    wanted = adscipy.minimize(rosenbrock, Tensor(start), method=method)
    found = adscipy.minimize(of_container, tree, method=method)
    assert type(found.x) is dict and type(found.x["b"]) is tuple and found.x["a"].shape == (1, 2)
    np.testing.assert_allclose(numbers(found.x), wanted.x.asnumpy(), rtol=1e-5)
    gradient = found.grad if method == "trust-constr" else found.jac
    assert gradient["a"].shape == (1, 2) and gradient["b"][1].shape == ()


def test_products_and_hessians_are_the_second_derivatives(rng):
    x, v = rng.normal(size=5), rng.normal(size=5)
    for tree in (Tensor(x), {"a": Tensor(x[:2]), "b": Tensor(x[2:])}, [Tensor(x[:4].reshape(2, 2)), float(x[4])]):
        unknowns = adscipy._Unknowns("test", tree)
        function = adscipy._Function(
            lambda t: rosenbrock(ops.concat([p.reshape((-1,)) for p in adcore.transforms.trees.tensors_of(t)])),
            unknowns,
            (),
        )
        value, gradient = function.value_and_gradient(x)
        np.testing.assert_allclose(value, optimize.rosen(x), rtol=1e-13)
        np.testing.assert_allclose(gradient, optimize.rosen_der(x), rtol=1e-12)
        np.testing.assert_allclose(function.product(x, v), optimize.rosen_hess_prod(x, v), rtol=1e-12)
        np.testing.assert_allclose(function.hessian(x), optimize.rosen_hess(x), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(function.hessian(x + 1), optimize.rosen_hess(x + 1), rtol=1e-12, atol=1e-12)


def test_a_method_of_ones_own_gets_the_derivatives():
    def newton(fun, x0, args=(), jac=None, hessp=None, **options):
        hessian = np.stack([hessp(x0, row) for row in np.eye(len(x0))])
        x = x0 - np.linalg.solve(hessian, jac(x0))
        return optimize.OptimizeResult(x=x, fun=fun(x), jac=jac(x), success=True)

    a = np.array([[3.0, 1.0], [1.0, 2.0]])
    found = adscipy.minimize(lambda x: 0.5 * x @ Tensor(a) @ x - x.sum(), Tensor([0.0, 0.0]), method=newton)
    np.testing.assert_allclose(found.x.asnumpy(), np.linalg.solve(a, [1.0, 1.0]), rtol=1e-6)


def test_a_jitted_function_and_arguments():
    calls = []

    @adcore.jit
    def f(x, shift):
        calls.append(1)
        return ((x - shift) ** 2).sum()

    with pytest.raises(adcore.RecordingError):  # `calls` is changed
        adscipy.minimize(f, Tensor([1.0]), (Tensor([2.0]),))
    g = adcore.jit(lambda x, shift: ((x - shift) ** 2).sum())
    found = adscipy.minimize(g, Tensor([1.0, 1.0]), Tensor([2.0, 3.0]), "trust-ncg")
    np.testing.assert_allclose(found.x.asnumpy(), [2.0, 3.0])


# ---- dtypes --------------------------------------------------------------------------------------------------------


def test_the_function_computes_in_float64_and_the_result_has_the_leaves_dtypes():
    seen = set()

    def f(p):
        seen.update(t.dtype for t in p)
        return (p[0] - 1.0 / 3) ** 2 + ((p[1] - 2) ** 2).sum() + (p[2] - 5) ** 2 + p[3].sum() ** 2

    start = [Tensor(0.0, float32), Tensor([1.0, 1.0], adcore.float16), 1.0, np.ones(2, np.float32)]
    found = adscipy.minimize(f, start, method="BFGS", tol=1e-10)
    assert seen == {float64}
    assert [t.dtype for t in found.x] == [float32, adcore.float16, float64, float32]
    assert float(found.x[0]) == float(np.float32(1 / 3)) and abs(float(found.x[2]) - 5) < 1e-6


def test_nothing_in_a_container_stays_nothing():
    found = adscipy.minimize(lambda p: (p["a"] - 1) ** 2, {"a": 0.0, "b": None})
    assert found.x["b"] is None and abs(float(found.x["a"]) - 1) < 1e-6


# ---- Parameters ----------------------------------------------------------------------------------------------------


def regression(dtype):
    adcore.set_seed(3)
    net = nn.Dense(2, 1, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(30, 2))
    y = x @ [[2.0], [-1.0]] + 0.5 + 0.01 * np.random.default_rng(1).normal(size=(30, 1))
    wanted = np.linalg.lstsq(np.hstack([x, np.ones((30, 1))]), y, rcond=None)[0].reshape(-1)
    return net, Tensor(x, dtype), Tensor(y, dtype), wanted


@pytest.mark.parametrize("method", ["L-BFGS-B", "Nelder-Mead", *CURVED])
def test_parameters_hold_what_was_found(method):
    net, x, y, wanted = regression(float64)
    params = net.trainable_params()
    found = adscipy.minimize(lambda _: ((net(x) - y) ** 2).mean(), params, method=method)
    assert all(a is b for a, b in zip(found.x, params))
    np.testing.assert_allclose(numbers(params), wanted, atol=1e-3 if method == "Nelder-Mead" else 1e-5)


def test_parameters_of_float32():
    net, x, y, wanted = regression(float32)
    adscipy.minimize(lambda params: ((net(x) - y) ** 2).mean(), net.trainable_params(), method="L-BFGS-B")
    assert net.weight.dtype == float32
    np.testing.assert_allclose(numbers(net.trainable_params()), wanted, atol=1e-3)


def test_parameters_beside_tensors_in_a_least_squares_fit():
    net, x, y, wanted = regression(float64)
    tree = {"net": net.trainable_params(), "scale": Tensor([1.0])}
    found = adscipy.least_squares(lambda p: (net(x) - y, p["scale"] - 3.0), tree)
    np.testing.assert_allclose(numbers(net.trainable_params()), wanted, rtol=1e-6)
    assert float(found.x["scale"]) == 3.0 and found.x["net"][0] is net.weight


def test_an_error_leaves_the_parameters_as_they_were():
    w = Parameter(Tensor([5.0, 6.0]), name="w")
    calls = []

    def f(params):
        calls.append(w.asnumpy().tolist())
        if calls[-1] != [5.0, 6.0]:
            raise KeyError("stop")
        return ((w - 1) ** 2).sum()

    for run in (adscipy.minimize, adscipy.least_squares, adscipy.root):
        calls.clear()
        fn = f if run is adscipy.minimize else lambda p: (f(p), w[0] * w[1])
        with pytest.raises(KeyError, match="stop"):
            run(fn, [w])
        assert len(calls) > 1 and w.asnumpy().tolist() == [5.0, 6.0]


# ---- bounds, constraints, callbacks --------------------------------------------------------------------------------


def far(p):
    return ((p["a"] - 10) ** 2).sum() + (p["b"] + 10) ** 2


START = {"a": Tensor([0.5, 0.5]), "b": 0.5}


@pytest.mark.parametrize(
    "bounds, a, b",
    [
        ({"a": (0, 1), "b": (-2.0, None)}, [1, 1], -2),
        ({"a": (None, np.array([1.0, 2.0])), "b": None}, [1, 2], -10),
        ({"a": (None, Tensor([1.0, 2.0])), "b": (None, None)}, [1, 2], -10),
        ({"a": [(0, 1), (None, 3)], "b": (0.25, 1)}, [1, 3], 0.25),
        ({"a": None, "b": (-1, 1)}, [10, 10], -1),
        ("scipy", [1, 2], -3),
    ],
)
@pytest.mark.parametrize("method", [None, "TNC", "trust-constr"])
def test_bounds_in_the_form_of_the_container(bounds, a, b, method):
    if bounds == "scipy":
        bounds = optimize.Bounds([-1, -2, -3], [1, 2, 3])
    found = adscipy.minimize(far, START, bounds=bounds, method=method)
    np.testing.assert_allclose(numbers(found.x), [*a, b], rtol=1e-3)


def test_bounds_of_scipy_s_form_for_one_tensor():
    f = lambda x: ((x - 10) ** 2).sum()
    found = adscipy.minimize(f, Tensor([0.0, 0.0]), bounds=[(0, 1), (2, 3)])
    assert found.x.tolist() == [1.0, 3.0]
    found = adscipy.minimize(f, Tensor([0.0, 0.0]), bounds=(0, 3))
    assert found.x.tolist() == [3.0, 3.0]
    found = adscipy.minimize(lambda p: f(p[0]) + f(p[1]), (0.0, 0.0), bounds=[(0, 1), (2, 3)])
    assert [float(t) for t in found.x] == [1.0, 3.0]
    found = adscipy.least_squares(lambda x: x - 10, Tensor([0.5, 2.5]), bounds=([0, 2], [1, 3]))
    np.testing.assert_allclose(found.x.asnumpy(), [1, 3])


@pytest.mark.parametrize("as_given", [np.array, Tensor, list, tuple, lambda rows: tuple(map(np.array, rows))])
@pytest.mark.parametrize("rows", [[[0.0, 1.0], [0.5, 2.0]], [[0.0, 1.0], [0.5, 2.0], [-1.0, 3.0]], [[0.0, 4.0]]])
def test_bounds_of_a_vector_mean_what_they_mean_in_scipy(rows, as_given):
    start = np.full(len(rows), 0.5)
    wanted = optimize.minimize(lambda x: ((x - 10) ** 2).sum(), start, bounds=rows).x
    assert (wanted == np.array(rows)[:, 1]).all()
    f = lambda x: ((x - 10) ** 2).sum()
    np.testing.assert_allclose(adscipy.minimize(f, Tensor(start), bounds=as_given(rows)).x.asnumpy(), wanted)
    scalars = [float(x) for x in start]
    of_scalars = adscipy.minimize(lambda p: sum(f(x) for x in p), scalars, bounds=as_given(rows)).x
    np.testing.assert_allclose([float(x) for x in of_scalars], wanted)


def test_bounds_that_can_be_read_in_two_ways():
    low, high = np.array([0.0, 0.25]), np.array([1.0, 2.0])
    pairs = list(zip(low, high))
    run = lambda bounds: adscipy.minimize(far, START, bounds={"a": bounds, "b": None}).x["a"].tolist()
    for given in ((low, high), [low.tolist(), high.tolist()], pairs, np.array(pairs), Tensor(pairs)):
        with pytest.raises(ValueError, match=r"(?s)x0\['a'\], of shape .* can be read .* write scipy"):
            run(given)
    assert run(optimize.Bounds(low, high)) == [1.0, 2.0]
    assert run([(0, 1), (None, 2)]) == [1.0, 2.0] and run((None, high)) == [1.0, 2.0] and run((0, 3)) == [3.0, 3.0]
    assert run([[0, 1], [1, 3]]) == [1.0, 3.0]  # either way
    for shape in ((1, 2), (2, 1)):
        x0 = Tensor(np.full(shape, 0.5))
        ends = low.reshape(shape), high.reshape(shape)
        found = adscipy.minimize(lambda x: ((x - 10) ** 2).sum(), x0, bounds=ends)
        np.testing.assert_allclose(found.x.asnumpy(), ends[1])
    three = {"a": Tensor(np.full(3, 0.5))}
    f = lambda p: ((p["a"] - 10) ** 2).sum()
    for bounds in ([(0, 1), (0, 2), (0, 3)], (np.zeros(3), np.array([1.0, 2.0, 3.0]))):
        assert adscipy.minimize(f, three, bounds={"a": bounds}).x["a"].tolist() == [1.0, 2.0, 3.0]
    fit = adscipy.least_squares(lambda x: x - 10, Tensor([0.5, 0.5]), bounds=(low - 1, high))
    np.testing.assert_allclose(fit.x.asnumpy(), high)
    kept = adscipy._Unknowns("test", START).bounds({"a": optimize.Bounds(low, high, [True, False]), "b": None}, True)
    assert kept.keep_feasible.tolist() == [True, False, False]


@pytest.mark.parametrize(
    "bounds", [(np.nan, 1), (0, [1, np.nan]), [(0, 1), (0, np.nan)], optimize.Bounds([0, np.nan], [1, 1])]
)
@pytest.mark.parametrize("run", [adscipy.minimize, adscipy.least_squares])
def test_a_bound_is_a_number(run, bounds):
    if run is adscipy.least_squares and isinstance(bounds, list):
        bounds = ([0, 0], [1, np.nan])
    with pytest.raises(ValueError, match="a bound of x0 is nan"):
        run(lambda x: (x**2).sum(), Tensor([0.5, 0.5]), bounds=bounds)


LOST = {
    "asnumpy": lambda x: Tensor(((x.asnumpy() - 3) ** 2).sum()),
    "integer": lambda x: (x - 3).astype(adcore.int32).astype(float64).sum(),
    "stopped": lambda x: ops.stop_gradient(((x - 3) ** 2).sum()),
    "jitted": adcore.jit(lambda x: ops.stop_gradient(((x - 3) ** 2).sum())),
}


@pytest.mark.parametrize("lost", list(LOST))
def test_a_function_without_a_derivative_is_no_success(lost):
    f, x0 = LOST[lost], Tensor([0.5, 0.5])
    for method in (m for m, needs in adscipy._METHODS.items() if needs != "value"):
        with pytest.raises(ValueError, match="minimize: what fn returned has no derivative by x0: .* 'Nelder-Mead'"):
            adscipy.minimize(f, x0, method=method)
    for run, fn in ((adscipy.least_squares, f), (adscipy.root, lambda x: ops.stack([f(x), f(x)]))):
        with pytest.raises(ValueError, match="what fn returned has no derivative by x0"):
            run(fn, x0)
    w = Parameter(x0, name="w")
    with pytest.raises(ValueError, match="no derivative by x0"):
        adscipy.least_squares(lambda p: f(p[0]), [w])
    with pytest.raises(ValueError, match="what a constraint returned has no derivative by x0"):
        adscipy.minimize(lambda x: (x**2).sum(), x0, constraints={"type": "ineq", "fun": f})
    assert adscipy.minimize(f, x0, method="powell").nfev > 0
    whole = adscipy.minimize(lambda x: (x**2).sum() + 0 * f(x), x0)  # a part of it may have none
    np.testing.assert_allclose(whole.x.asnumpy(), [0.0, 0.0], atol=1e-6)


def test_a_barrier_may_be_a_constant():
    f = lambda x: Tensor(1e6, float64) if float(ops.stop_gradient(x).sum()) > 20 else ((x - 3) ** 4).sum()
    calls = []
    barrier = lambda x: (calls.append(float(ops.stop_gradient(x).sum())), f(x))[1]
    found = adscipy.minimize(barrier, Tensor([-20.0]), method="CG")
    assert max(calls) > 20 and abs(float(found.x) - 3) < 0.1


@pytest.mark.filterwarnings("ignore:delta_grad")  # SciPy's, of a constraint that is linear
@pytest.mark.parametrize("method", ["SLSQP", "trust-constr", "COBYLA"])
@pytest.mark.parametrize("form", ["dict", "object", "linear", "own"])
def test_constraints(method, form):
    # The nearest point of the line x + y = 1 to (2, 1).
    f = lambda p: (p["x"] - 2) ** 2 + (p["y"] - 1) ** 2
    constraints = {
        "dict": {"type": "eq", "fun": lambda p: p["x"] + p["y"] - 1},
        "object": optimize.NonlinearConstraint(lambda p: p["x"] + p["y"], 1.0, 1.0),
        "linear": [optimize.LinearConstraint([[1.0, 1.0]], 1.0, 1.0)],
        "own": ({"type": "eq", "fun": lambda x: x.sum() - 1, "jac": lambda x: np.ones(2)},),
    }
    found = adscipy.minimize(f, {"x": 0.0, "y": 0.0}, method=method, constraints=constraints[form])
    np.testing.assert_allclose(numbers(found.x), [1.0, 0.0], atol=1e-3)


def test_callbacks_see_containers_and_may_stop():
    seen = []

    def plain(p):
        seen.append(p)

    adscipy.minimize(lambda p: rosenbrock(p["x"]), {"x": Tensor([-1.0, 2.0], float32)}, method="BFGS", callback=plain)
    assert len(seen) > 3 and all(p["x"].dtype == float32 for p in seen)

    def stopping(intermediate_result):
        seen.append(intermediate_result.x["x"])
        raise StopIteration

    seen.clear()
    found = adscipy.minimize(lambda p: rosenbrock(p["x"]), {"x": Tensor([-1.0, 2.0])}, method="BFGS", callback=stopping)
    assert len(seen) == 1 and found.nit == 1
    assert found.x["x"].tolist() == seen[0].tolist()


# ---- least squares, roots ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"method": "lm"}, {"method": "dogbox"}, {"loss": "soft_l1", "f_scale": 0.1}])
def test_least_squares_is_scipy_s(options, rng):
    t = np.linspace(0, 2, 15)
    y = 3 * np.exp(-1.5 * t) + 0.05 * rng.normal(size=15)
    wanted = optimize.least_squares(
        lambda p: p[0] * np.exp(-p[1] * t) - y,
        [1.0, 1.0],
        jac=lambda p: np.stack([np.exp(-p[1] * t), -t * p[0] * np.exp(-p[1] * t)], 1),
        **options,
    )
    fit = lambda p: p["size"] * ops.exp(-p["rate"] * Tensor(t)) - Tensor(y)
    found = adscipy.least_squares(fit, {"size": Tensor(1.0), "rate": Tensor(1.0, float64)}, **options)
    np.testing.assert_allclose(numbers(found.x), wanted.x, rtol=1e-5)
    np.testing.assert_allclose(found.jac, wanted.jac, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.fun, wanted.fun, rtol=1e-4, atol=1e-6)
    assert found.nfev == wanted.nfev and found.grad["size"].dtype == float32


@pytest.mark.parametrize("method", list(adscipy._ROOT_METHODS))
def test_roots(method):
    # Near the root (1, 2) of a gentle system, so that methods without a Jacobian arrive, too.
    def f(p):
        return {"a": 1 - p["a"] + 0.1 * ops.sin(p["b"][0] - 2), "b": 2 - p["b"] + 0.1 * (p["a"] - 1)}

    options = {"jac_options": {"alpha": 0.9}} if "mixing" in method else None
    found = adscipy.root(f, {"a": 0.9, "b": Tensor([2.1])}, method=method, options=options)
    np.testing.assert_allclose(numbers(found.x), [1.0, 2.0], atol=1e-4)


# ---- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "run, error, text",
    [
        (lambda: adscipy.minimize(lambda x: x, Tensor([1.0, 2.0])), ValueError, r"fn must return one number, got a T"),
        (lambda: adscipy.minimize(lambda x: x, Tensor([1.0, 2.0]), method="powell"), ValueError, "one number"),
        (lambda: adscipy.minimize(lambda x: 1.0, Tensor([1.0])), TypeError, "fn must return a Tensor"),
        (
            lambda: adscipy.minimize(lambda x: x, {"a": [1.0, Tensor([1, 2])]}),
            TypeError,
            r"x0\['a'\]\[1\] must be of a f",
        ),
        (
            lambda: adscipy.minimize(lambda x: x, {"a": 3}),
            TypeError,
            r"x0\['a'\] must be of a float dtype, got 3 \(int",
        ),
        (lambda: adscipy.minimize(lambda x: x, "word"), TypeError, "x0 must be of a float dtype"),
        (lambda: adscipy.minimize(lambda x: x, ()), ValueError, "no numbers in x0"),
        (lambda: adscipy.minimize(lambda x: x, 1.0, method="newton"), ValueError, "no method 'newton'. Known are neld"),
        (lambda: adscipy.minimize(lambda x: x, 1.0, method=3), ValueError, "no method 3"),
        (lambda: adscipy.root(lambda x: x, 1.0, method="bfgs"), ValueError, "no method 'bfgs'. Known are hybr"),
        (lambda: adscipy.minimize(3, 1.0), TypeError, "minimize: fn must be callable"),
        (lambda: adscipy.minimize(far, START, bounds={"a": (0, 1)}), ValueError, "bounds of x0 must look like it"),
        (
            lambda: adscipy.minimize(far, START, bounds={"a": (0,), "b": None}),
            ValueError,
            r"bounds of x0\['a'\], of sha",
        ),
        (
            lambda: adscipy.minimize(far, START, bounds={"a": [(0, 1)], "b": None}),
            ValueError,
            "2 such pairs of numbers, one for",
        ),
        (lambda: adscipy.minimize(far, START, bounds={"a": (0, [1, 2, 3]), "b": None}), ValueError, "be a pair"),
        (lambda: adscipy.least_squares(lambda x: x, 1.0, jac="3-point"), TypeError, "no option 'jac'"),
        (
            lambda: adscipy.minimize(far, START, jac=True),
            TypeError,
            "'jac'; adcore makes the derivatives; leave it out",
        ),
        (lambda: adscipy.minimize(far, START, hess="2-point"), TypeError, "'hess'; adcore makes the derivatives"),
        (lambda: adscipy.root(lambda x: x, 1.0, jac=True), TypeError, "'jac'; adcore makes the derivatives"),
        (lambda: adscipy.least_squares(lambda x: "word", 1.0), TypeError, "fn must return Tensors"),
    ],
)
def test_what_is_wrong_is_told(run, error, text):
    with pytest.raises(error, match=text):
        run()


def test_a_parameter_given_twice():
    w = Parameter(Tensor([1.0]), name="w")
    with pytest.raises(ValueError, match="a Parameter stands in x0 twice"):
        adscipy.minimize(lambda p: w.sum(), [w, w])


def test_without_scipy_the_extra_is_named(monkeypatch):
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r"minimize: it needs SciPy. Install it: pip install adcore\[scipy\]"):
        adscipy.minimize(lambda x: x, 1.0)
