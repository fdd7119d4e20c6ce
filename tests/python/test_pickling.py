"""What transforms return, programs and Cells come out of pickle and copies as they went in: the same bits."""

import copy
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import adcore
from adcore import Generator, Parameter, Tensor, grad, jacfwd, jacrev, jit, nn, ops, value_and_grad, vmap
from helpers import check, f32, t32

cloudpickle = pytest.importorskip("cloudpickle")

WAYS = {
    "pickle": lambda o: pickle.loads(pickle.dumps(o)),
    "oldest protocol": lambda o: pickle.loads(pickle.dumps(o, 2)),
    "cloudpickle": lambda o: cloudpickle.loads(cloudpickle.dumps(o)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


def ways(*names):
    return pytest.mark.parametrize("way", [WAYS[name] for name in names], ids=names)


way = ways(*WAYS)


def cube(x, y=None):
    return (x**3).sum() if y is None else (x**3 * y).sum()


def pair(x):
    return (x**2).sum(), x * 2


def squares(x):
    return x * x


class Scaled(nn.Cell):
    """A net with hooks, a buffer and a child."""

    def __init__(self):
        super().__init__()
        self.w = Parameter(t32(2.0, 3.0), name="w")
        self.head = nn.Dense(2, 1)
        self.register_buffer("shift", t32(0.5, 0.25))

    def construct(self, x):
        return self.head(x * self.w + self.shift)


def double(cell, inputs):
    return (inputs[0] * 2,)


def negate(cell, inputs, output):
    return -output


def tenfold(cell, grad_input, grad_output):
    return (grad_input[0] * 10,)


X = t32(1.0, -2.0)

# Each is made of functions of a module, and called with X.
TRANSFORMS = {
    "grad": lambda f: grad(f),
    "value_and_grad": lambda f: value_and_grad(f),
    "grad of positions": lambda f: grad(f, (0,), return_ids=True),
    "grad with sens": lambda f: grad(f, sens_param=True),
    "grad of grad": lambda f: grad(grad(f)),
    "jacrev": lambda f: jacrev(f),
    "jacfwd": lambda f: jacfwd(f, (0,)),
    "hessian": lambda f: adcore.hessian(f),
    "vmap": lambda f: vmap(f),
    "vmap of grad": lambda f: vmap(grad(f), in_axes=(0,), randomness="same"),
    "jit": lambda f: jit(f),
    "jit of grad": lambda f: jit(grad(f)),
    "grad of jit": lambda f: grad(jit(f)),
    "vmap of jit": lambda f: vmap(jit(f), 0, 0),
    "GradOperation": lambda f: adcore.GradOperation(get_all=True)(f),
    "Jacobian of vmap": lambda f: jacfwd(vmap(f)),
    "custom_vjp": lambda f: adcore.custom_vjp(f),
}


@way
@pytest.mark.parametrize("name", TRANSFORMS)
def test_what_a_transform_made(name, way):
    made = TRANSFORMS[name](cube)
    if isinstance(made, adcore.custom_vjp):
        made.defvjp(rule_forward, rule_backward)
    args = (X, t32(2.0)) if name == "grad with sens" else (X,)
    wanted = made(*args)
    twin = way(made)
    result = twin(*args)
    same(result, wanted)
    same(way(twin)(*args), wanted)
    assert getattr(twin, "__name__", None) == getattr(made, "__name__", None)


def rule_forward(x):
    return cube(x), x


def rule_backward(x, g):
    return (g * 3 * x * x,)


def same(result, wanted):
    result, wanted = _core_leaves(result), _core_leaves(wanted)
    assert len(result) == len(wanted)
    for a, b in zip(result, wanted):
        if isinstance(b, Tensor):
            assert a.dtype == b.dtype and a.shape == b.shape and a.asnumpy().tobytes() == b.asnumpy().tobytes()
        else:
            assert a == b


def _core_leaves(tree):
    from adcore._core import tree_leaves

    return tree_leaves(tree)


@way
def test_options_go_along(way):
    twin = way(value_and_grad(pair, has_aux=True))
    check(twin(X), ((f32(5.0), f32([2.0, -4.0])), f32([2.0, -4.0])))
    twin = way(vmap(squares, in_axes=1, out_axes=1))
    x = Tensor(np.arange(6.0).reshape(2, 3))
    assert twin(x).tolist() == (x * x).tolist()
    with pytest.raises(ValueError, match="in_axes has 2 entries"):
        way(vmap(cube, in_axes=(0, None)))(X)
    assert way(jit(squares, donate=0))._donated == (0,)


# ---- decorators ----------------------------------------------------------------------------------------------------


@grad
def of_square(x):
    return (x * x).sum()


@vmap
@grad
def of_members(x):
    return x * x


@jit
def compiled(x):
    return x * x


@adcore.custom_vjp
def with_rule(x):
    return x * x


with_rule.defvjp(lambda x: (x * x, x), lambda x, g: (g * 100,))


@adcore.custom_jvp
def with_forward_rule(x):
    return x * x


with_forward_rule.defjvp(lambda primals, tangents: (primals[0] * primals[0], tangents[0] * 100))


@adcore.no_grad()
def constant(x):
    return x * x


class Methods:
    """Functions that a transform made, as methods."""

    factor = 3.0

    @vmap
    def mapped(self_and_x):
        return self_and_x * 2

    @staticmethod
    @jacfwd
    def slopes(x):
        return x**2


@way
@pytest.mark.parametrize(
    "made",
    [of_square, of_members, compiled, with_rule, with_forward_rule, constant, Methods.mapped, Methods.slopes],
    ids="of_square of_members compiled with_rule with_forward_rule constant mapped slopes".split(),
)
def test_what_a_module_has_by_its_name_is_found_by_it(made, way):
    assert way(made) is made


def test_a_rule_goes_along():
    assert float(grad(WAYS["pickle"](with_rule))(3.0)) == 100
    made = adcore.custom_vjp(squares)
    made.defvjp(rule_forward, rule_backward)
    assert float(grad(WAYS["pickle"](made))(3.0)) == 27


PROGRAM = """
import pickle, sys
import adcore, cloudpickle
from adcore import Tensor, nn, ops

net = nn.Dense(2, 1)

def forward(x):
    return net(x).sum()

gradient = adcore.value_and_grad(forward, None, net.trainable_params())

@adcore.jit
def step(x):
    return gradient(x)

@adcore.vmap
def members(x):
    return x * x

@adcore.custom_vjp
def with_rule(x):
    return x * x

with_rule.defvjp(lambda x: (x * x, x), lambda x, g: (g * 100,))

x = ops.ones((3, 2))
assert all(pickle.loads(pickle.dumps(f)) is f for f in (step, members, with_rule))
content = [gradient, step, members, with_rule, x, gradient(x)]
sys.stdout.buffer.write(cloudpickle.dumps(content))
"""


def test_functions_of_a_program_go_to_another_process():
    """cloudpickle takes them along, with the networks that they read; plain pickle finds them by their names."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    gradient, step, members, with_rule, x, wanted = pickle.loads(done.stdout)
    same(gradient(x), wanted)
    same(step(x), wanted)
    same(members(x), x * x)
    assert float(grad(with_rule)(3.0)) == 100


def test_methods_are_bound():
    class Model:
        factor = 2.0

        def f(self, x):
            return (self.factor * x**2).sum()

        gradient = grad(f, 1)
        jacobian = jacrev(f, 1)
        both = adcore.GradOperation(get_all=True)(f)

    model = Model()
    assert float(model.gradient(3.0)) == float(model.jacobian(3.0)) == 12
    assert vmap(squares).__wrapped__ is squares and "jacrev of <squares of" in repr(jacrev(vmap(squares)))


def test_what_cannot_be_found_by_name_is_an_error_of_pickle():
    for make in TRANSFORMS.values():
        with pytest.raises((pickle.PicklingError, AttributeError)):
            pickle.dumps(make(lambda x: x))
    factor = 5.0
    for name in ("grad", "vmap", "jacrev", "jit", "grad with sens"):
        twin = WAYS["cloudpickle"](TRANSFORMS[name](lambda x: factor * x))
        assert float(np.sum((twin(X, t32(1.0, 1.0)) if "sens" in name else twin(X)).asnumpy())) != 0


# ---- weights -------------------------------------------------------------------------------------------------------


@ways("pickle", "cloudpickle", "deepcopy")
@pytest.mark.parametrize("make", [grad, value_and_grad, lambda *a: adcore.GradOperation(get_by_list=True)(a[0], a[2])])
def test_the_weights_of_a_cell_stay_those_of_the_cell(make, way):
    net = Scaled()
    wanted = make(net, None, net.trainable_params())(X)
    twin = way(make(net, None, net.trainable_params()))
    same(twin(X), wanted)
    assert twin.__wrapped__ is not net
    twin.__wrapped__.w.set_data(t32(0.0, 0.0))
    assert not np.array_equal(_core_leaves(twin(X))[-1].asnumpy(), 0)
    same(make(net, None, net.trainable_params())(X), wanted)


NET = Scaled()


def forward(x):
    return NET(x).sum()


def test_weights_that_a_function_reads_elsewhere_are_an_error_and_no_zero():
    for made, *args in (
        (grad(forward, None, NET.trainable_params()), X),
        (value_and_grad(jit(forward), None, NET.w), X),
        (adcore.GradOperation(get_by_list=True)(forward, NET.trainable_params()), X),
        (grad(forward, None, NET.w, sens_param=True), X, t32(2.0)),
    ):
        content = pickle.dumps(made)
        with pytest.raises(TypeError, match="forward was pickled by its name, the weights of its"):
            pickle.loads(content)
        same(copy.deepcopy(made)(*args), made(*args))


def of_given(net, x):
    return net(x).sum()


@ways("pickle", "cloudpickle", "deepcopy")
def test_weights_of_a_cell_that_is_an_argument_stay_those_of_the_cell(way):
    for make in (grad, value_and_grad, lambda *a: adcore.GradOperation(get_by_list=True)(a[0], a[2])):
        net = Scaled()
        gradient, twin = way((make(of_given, None, net.trainable_params()), net))
        same(gradient(twin, X), make(of_given, None, net.trainable_params())(net, X))
        assert np.any(_core_leaves(gradient(twin, X))[-1].asnumpy())


def test_weights_of_a_closure_stay_those_that_it_reads():
    w = Parameter(t32(3.0), name="w")
    twin = WAYS["cloudpickle"](grad(lambda x: w * x, None, w))
    assert float(twin(5.0)) == 5


# ---- Cells ---------------------------------------------------------------------------------------------------------


@ways("pickle", "oldest protocol", "cloudpickle", "deepcopy")
def test_cells_with_hooks(way):
    net = Scaled()
    handles = [
        net.register_forward_pre_hook(double),
        net.register_forward_hook(negate),
        net.register_backward_hook(tenfold),
    ]
    net.head.register_forward_hook(negate, always_call=True)
    net.recompute()
    wanted = value_and_grad(net, 0, net.trainable_params())(X)
    twin, handle = way((net, handles[1]))
    same(value_and_grad(twin, 0, twin.trainable_params())(X), wanted)
    handle.remove()
    same(twin(X), -wanted[0])
    same(net(X), wanted[0])


def test_hooks_of_another_process_are_not_overwritten():
    """Those of a cell that was loaded and those that are registered afterwards."""
    program = f"""
        import pickle, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_pickling import Scaled, double, negate
        net = Scaled()
        net.register_forward_hook(negate)
        sys.stdout.buffer.write(pickle.dumps(net))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    net = pickle.loads(done.stdout)
    before = net(X)
    for _ in range(3):
        net.register_forward_hook(negate)
    assert len(net._hooks.forward) == 4
    same(net(X), -before)


@ways("pickle", "cloudpickle", "deepcopy")
def test_training_goes_on_from_a_pickle(way):
    """Net, optimizer with its schedule, and the random numbers, in one pickle."""
    adcore.set_seed(1)
    net = nn.SequentialCell(nn.Dense(2, 8), nn.Dropout(p=0.5), nn.Dense(8, 1)).set_train()
    schedule = nn.CosineDecayLR(0.001, 0.1, 10)
    optimizer = nn.Adam(net.trainable_params(), schedule)
    step = jit(nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), optimizer))
    x, y = ops.ones((4, 2)), ops.zeros((4, 1))
    for _ in range(3):
        step(x, y)
    twin, twin_optimizer, twin_net = way((step, optimizer, net))
    state = adcore.get_rng_state()
    losses = [float(step(x, y)) for _ in range(3)]
    adcore.set_rng_state(state)
    assert [float(twin(x, y)) for _ in range(3)] == losses
    assert int(twin_optimizer.global_step[0]) == 6
    same([p.value() for p in twin_net.get_parameters()], [p.value() for p in net.get_parameters()])


@ways("pickle", "oldest protocol", "cloudpickle", "deepcopy")
def test_random_generators(way):
    generator = Generator().manual_seed(7)
    ops.randn(3, generator=generator)
    twin = way(generator)
    wanted = ops.randn(5, generator=generator)
    same(ops.randn(5, generator=twin), wanted)
    assert way(adcore.default_generator) is adcore.default_generator


@ways("pickle", "cloudpickle", "deepcopy")
def test_pure_optimizers_and_schedules(way):
    optimizer = adcore.optim.adam(0.1, beta1=0.8)
    params, gradients = {"w": t32(1.0, 2.0)}, {"w": t32(0.5, -0.5)}
    state = optimizer.init(params)
    same(way(optimizer).update(gradients, way(state), params), optimizer.update(gradients, state, params))
    for schedule in (nn.ExponentialDecayLR(0.1, 0.9, 4), nn.PolynomialDecayLR(0.1, 0.01, 10, 0.5)):
        same(way(schedule)(3), schedule(3))


# ---- programs ------------------------------------------------------------------------------------------------------


@way
def test_programs_with_their_state(way):
    w = Parameter(t32(1.0, 2.0), name="w")

    @jit
    def step(x, by=2.0):
        ops.assign_add(w, x * by)
        return {"sum": w.sum()}, w * 1

    program = step.trace(X)
    twin = way(program)
    first = twin(X)
    check(first, ({"sum": f32(1.0)}, f32([3.0, -2.0])))
    assert twin.state["w"].tolist() == [3.0, -2.0] and w.tolist() == [1.0, 2.0]
    same(way(twin)(X), twin(X))
    with pytest.raises(ValueError, match="Program: x was Float32"):
        twin(t32(1.0))


def test_a_program_that_no_file_can_hold_says_so():
    program = jit(lambda x, o: x * 2).trace(X, object())
    with pytest.raises(ValueError, match="a file cannot hold"):
        pickle.dumps(program)
