"""What MindSpore's programs ask of Cells, Parameters, Generators and optimizers beside training."""

import copy
import pickle

import numpy as np
import pytest

import adcore
from adcore import Parameter, ParameterTuple, Tensor, grad, nn
from adcore.mindspore import optimizers
from adcore.mindspore.graph import _pynative_executor
from adcore.mindspore.private import _Buffer, _cell_graph_executor, compile_config


def t32(*values):
    return Tensor(np.array(values, np.float32))


class Scaled(nn.Cell):
    def __init__(self):
        super().__init__()
        self.weight = Parameter(t32(1.0, 2.0))
        self.scale = nn.Buffer(t32(3.0, 4.0))
        self.offset = nn.Buffer(t32(5.0, 6.0), persistent=False)

    def construct(self, x):
        return self.weight * x * self.scale + self.offset


# ---- buffers -------------------------------------------------------------------------------------------------------


def test_a_buffer_is_saved_and_not_trained():
    net = nn.SequentialCell(Scaled())
    assert [name for name, _ in net.named_buffers()] == ["0.scale", "0.offset"]
    assert list(net.state_dict()) == ["0.weight", "0.scale"]
    assert [p.name for p in net.get_parameters()] == ["0.weight"]
    np.testing.assert_array_equal(net(t32(1.0, 1.0)).asnumpy(), [8.0, 14.0])
    np.testing.assert_array_equal(grad(lambda x: net(x).sum())(t32(1.0, 1.0)).asnumpy(), [3.0, 8.0])
    np.testing.assert_array_equal(adcore.jit(net)(t32(1.0, 1.0)).asnumpy(), [8.0, 14.0])


def test_a_buffer_is_a_value_of_its_own_and_a_constant():
    x = t32(1.0)

    def f(x):
        net = nn.Cell()
        net.kept = nn.Buffer(x * 2)
        x = x * 1
        return net.kept * x

    assert float(grad(f)(x)[0]) == 2.0
    net, given = nn.Cell(), nn.Buffer(t32(1.0))
    net.kept = given
    net.kept += 1
    assert float(given[0]) == 1.0 and float(net.kept[0]) == 2.0
    assert float(pickle.loads(pickle.dumps(net)).get_buffer("kept")[0]) == 2.0
    assert copy.deepcopy(given).persistent is True


def test_a_buffer_takes_the_place_of_an_attribute_and_of_a_buffer():
    net = nn.Cell()
    net.a = 1
    net.a = nn.Buffer(t32(2.0))
    net.a = nn.Buffer(t32(3.0), persistent=False)
    assert float(net.get_buffer("a")[0]) == float(net.a[0]) == 3.0 and not net.state_dict()
    net.w = Parameter(t32(1.0))
    with pytest.raises(KeyError, match="'w' already holds a Parameter"):
        net.w = nn.Buffer(t32(1.0))
    assert float(net.w[0]) == 1.0 and net.w.name == "w"


def test_what_is_no_buffer():
    assert _Buffer is nn.Buffer
    with pytest.raises(ValueError, match="Buffer: data must be a Tensor, got None"):
        nn.Buffer(None)
    with pytest.raises(TypeError, match="Buffer: data must be a Tensor, got float"):
        nn.Buffer(1.0)
    with pytest.raises(TypeError, match="persistent must be a bool"):
        nn.Buffer(t32(1.0), persistent=1)
    with pytest.raises(AttributeError, match="super.*__init__"):
        object.__new__(nn.Cell).kept = nn.Buffer(t32(1.0))
    net = nn.SequentialCell(Scaled())
    assert net.get_sub_cell("") is net and net.get_sub_cell("0") is net[0]
    for path, fault in (("0.x", "no buffer 'x'"), ("0.weight", "no buffer 'weight'"), ("x.scale", "does not exist")):
        with pytest.raises(AttributeError, match=fault):
            net.get_buffer(path)
    with pytest.raises(AttributeError, match="'weight' of '0.weight' is a Parameter, no Cell"):
        net.get_sub_cell("0.weight")


# ---- hooks around the state ----------------------------------------------------------------------------------------


def test_hooks_around_state_dict_run_from_outside_in_and_back():
    net, told = nn.SequentialCell(Scaled()), []
    for cell in (net, net[0]):
        for i in range(2):
            name = type(cell).__name__ + str(i)
            cell.register_state_dict_pre_hook(lambda c, prefix, keep, name=name: told.append((name, prefix, keep)))
            cell.register_state_dict_post_hook(lambda c, s, prefix, m, name=name: told.append((name, prefix, list(s))))
    keys = ["a.0.weight", "a.0.scale"]
    assert list(net.state_dict(prefix="a.")) == keys
    assert told == [
        ("SequentialCell0", "a.", False),
        ("SequentialCell1", "a.", False),
        ("Scaled0", "a.0.", False),
        ("Scaled1", "a.0.", False),
        ("Scaled0", "a.0.", keys),
        ("Scaled1", "a.0.", keys),
        ("SequentialCell0", "a.", keys),
        ("SequentialCell1", "a.", keys),
    ]


def test_hooks_before_loading_may_change_the_state_but_not_the_callers():
    net = nn.SequentialCell(Scaled())

    def renamed(cell, state, prefix, metadata, strict, missing, unexpected, messages):
        assert (metadata, strict, missing, unexpected, messages) == ({}, True, [], [], [])
        state[prefix + "weight"] = state.pop(prefix + "kernel")

    handle = net[0].register_load_state_dict_pre_hook(renamed)
    state = {"0.kernel": t32(7.0, 8.0), "0.scale": t32(1.0, 1.0)}
    assert net.load_state_dict(state) == ([], [])
    assert list(state) == ["0.kernel", "0.scale"] and net[0].weight.tolist() == [7.0, 8.0]
    handle.remove()
    with pytest.raises(RuntimeError, match="missing: 0.weight; unexpected: 0.kernel"):
        net.load_state_dict(state)
    net.register_load_state_dict_pre_hook(lambda *args: args[-1].append("not today"))
    with pytest.raises(RuntimeError, match="does not fit SequentialCell; not today"):
        net.load_state_dict(state, strict=False)


def test_hooks_after_loading_see_the_keys_and_an_error_puts_everything_back():
    net = Scaled()
    partial = {"weight": t32(7.0, 8.0)}
    handle = net.register_load_state_dict_post_hook(lambda cell, keys: keys.missing_keys.clear())
    assert net.load_state_dict(partial) == ([], []) and net.weight.tolist() == [7.0, 8.0]
    handle.remove()
    kept = net.scale
    net.register_load_state_dict_post_hook(lambda cell, keys: None)
    with pytest.raises(RuntimeError, match="missing: scale"):
        net.load_state_dict({"weight": t32(0.0, 0.0)})
    net.register_load_state_dict_post_hook(lambda cell, keys: keys)
    with pytest.raises(RuntimeError, match="load_state_dict_post_hook: the hook must return None, got Incompat"):
        net.load_state_dict({"weight": t32(0.0, 0.0), "scale": t32(0.0, 0.0)})
    assert net.weight.tolist() == [7.0, 8.0] and net.scale.tolist() == kept.tolist() == [3.0, 4.0]
    with pytest.raises(TypeError, match="register_state_dict_pre_hook"):
        net.register_state_dict_pre_hook(3)
    net.register_state_dict_post_hook(lambda cell, state, prefix, metadata: state)
    with pytest.raises(RuntimeError, match="must return None, got dict"):
        net.state_dict()


# ---- names and phases ----------------------------------------------------------------------------------------------


def test_parameters_of_a_tuple_are_named_by_their_place():
    class Net(nn.Cell):
        def __init__(self):
            super().__init__()
            own = Parameter(t32(0.0), name="Parameter$2")
            self.first = ParameterTuple([Parameter(t32(1.0)), own, Parameter(t32(2.0), name="c")])
            self.second = ParameterTuple([Parameter(t32(3.0)), self.first[0]])

    wanted = ["Parameter$1", "Parameter$2", "c", "Parameter$3"]
    for _ in range(2):  # whatever the process has made before
        net = nn.SequentialCell(Net())
        assert [p.name for p in net[0]._params.values()] == [f"0.{name}" for name in wanted]
        assert list(net.parameters_dict()) == [f"0.{name}" for name in wanted]
        assert [float(p[0]) for p in net[0].second] == [3.0, 1.0]


def test_a_phase_holds_until_the_mode_is_set():
    net = nn.SequentialCell(nn.ReLU())
    assert net.phase == "predict"
    net[0].phase = "my phase"
    assert net[0].phase == "my phase" and net.phase == "predict"
    net.set_train()
    assert net[0].phase == net.phase == "train"
    with pytest.raises(TypeError, match="phase must be a str"):
        net.phase = 1


def test_options_of_a_parameter():
    p = Parameter(t32(1.0), name="p")
    assert p.requires_grad_(False) is p and not p.requires_grad and p.requires_grad_().requires_grad
    with pytest.raises(TypeError, match="requires_grad must be a bool"):
        p.requires_grad_(1)
    with pytest.raises(TypeError, match="layerwise_parallel must be a bool, got int"):
        Parameter(t32(1.0), layerwise_parallel=1)


def test_a_parameter_that_the_function_freezes_has_no_derivative():
    p, q = Parameter(Tensor(2.0), name="p"), Parameter(Tensor(3.0), name="q")
    seen = []
    q.register_hook(seen.append)

    def f(x):
        out = x * p * q * q
        q.requires_grad = False
        return out

    ways = {
        "grad": lambda: grad(f, None, [p, q])(5.0),
        "grad by position": lambda: grad(lambda a, b: f(5.0), (0, 1))(p, q),
        "vjp": lambda: adcore.vjp(f, Tensor(5.0), weights=[p, q])[1](Tensor(1.0))[1],
        "GradOperation": lambda: adcore.ops.GradOperation(get_by_list=True)(f, [p, q])(Tensor(5.0)),
    }
    for way, run in ways.items():
        for _ in range(2):  # frozen by the function, and before it
            assert [float(g) for g in run()] == [45.0, 0.0], way
        q.requires_grad = True
    assert not seen
    second = grad(lambda x: grad(f, None, [p, q])(x)[0] * x)  # of 9 x**2
    assert float(second(5.0)) == 90.0


def test_a_hook_needs_a_parameter_that_wants_derivatives():
    p = Parameter(t32(2.0), name="p", requires_grad=False)
    with pytest.raises(RuntimeError, match="register_hook: the Parameter 'p' has requires_grad=False"):
        p.register_hook(lambda g: g)
    assert not p.hooks()
    p.requires_grad_().register_hook(lambda g: g * 10)
    assert float(grad(lambda: (p * p).sum(), None, p)()[0]) == 40.0


# ---- generators ----------------------------------------------------------------------------------------------------


def test_a_step_of_a_generator_counts_numbers_as_drawn():
    generator, drawing = adcore.Generator().manual_seed(2**63 + 5), adcore.Generator().manual_seed(2**63 + 5)
    assert [int(t) for t in generator._step(Tensor(3))] == [2**63 + 5, 0]
    assert [int(t) for t in generator._step(1)] == [2**63 + 5, 3]
    adcore.ops.rand(4, generator=drawing)
    assert generator.get_state().tolist()[1] == 4
    generator.set_state(drawing.get_state())
    assert int(generator._step(1)[1]) == drawing.get_state().tolist()[1]


# ---- optimizers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("l1, l2, decay, scale", [(0.0, 0.0, 0.0, 1.0), (0.3, 0.2, 0.1, 4.0)])
def test_proximal_adagrad(l1, l2, decay, scale):
    rng = np.random.default_rng(3)
    values = [rng.normal(size=(2, 3)), rng.normal(size=4)]
    params = [Parameter(Tensor(v, adcore.float64), name=f"p{i}") for i, v in enumerate(values)]
    optimizer = optimizers.ProximalAdagrad(params, 0.2, 0.1, l1, l2, loss_scale=scale, weight_decay=decay)
    sums = [np.full_like(v, 0.2) for v in values]
    for step in range(3):
        gradients = [rng.normal(size=v.shape) for v in values]
        optimizer(tuple(Tensor(g * scale, adcore.float64) for g in gradients))
        for i, g in enumerate(gradients):
            g = g + decay * values[i]
            sums[i] += g * g
            rate = 0.1 / np.sqrt(sums[i])
            moved = values[i] - rate * g
            values[i] = np.sign(moved) * np.maximum(abs(moved) - rate * l1, 0) / (1 + rate * l2)
            np.testing.assert_allclose(params[i].asnumpy(), values[i], rtol=1e-12, atol=1e-15)
        assert int(optimizer.global_step) == step + 1


def test_proximal_adagrad_with_groups_and_without_a_gradient():
    a, b = Parameter(t32(1.0, 0.0), name="a"), Parameter(t32(1.0), name="b")
    optimizer = optimizers.ProximalAdagrad([{"params": [a], "lr": 0.5}, {"params": [b]}], accum=0.0, learning_rate=0.25)
    optimizer((t32(3.0, 0.0), t32(-2.0)))
    assert a.tolist() == [0.5, 0.0] and b.tolist() == [1.25]
    with pytest.raises(ValueError, match="the gradient of 'b' must be a Tensor of its shape"):
        optimizer((t32(3.0, 0.0), t32(1.0, 2.0)))
    with pytest.raises(ValueError, match="l1 must be >= 0"):
        optimizers.ProximalAdagrad([a], l1=-1.0)
    assert a.tolist() == [0.5, 0.0] and int(optimizer.global_step) == 1


def test_adam_offload_is_adam():
    ends = []
    for make in (optimizers.AdamOffload, nn.Adam):
        w = Parameter(t32(1.0, -2.0), name="w")
        optimizer = make([w], 0.1, weight_decay=0.01, use_nesterov=True)
        for _ in range(3):
            optimizer((w * 2,))
        ends.append(w.tolist())
    assert ends[0] == ends[1]
    with pytest.raises(TypeError, match="use_amsgrad"):
        optimizers.AdamOffload([w], use_amsgrad=True)
    with pytest.raises(NotImplementedError, match="construct"):
        nn.Optimizer(0.5, [w]).construct()


# ---- what runs programs --------------------------------------------------------------------------------------------


def test_the_executor_gives_derivatives_as_constants():
    square = lambda x: x * x

    def outer(x):
        _pynative_executor.set_grad_flag(True)
        _pynative_executor.new_graph(square, x)
        _pynative_executor.end_graph(square, square(x), x)
        (own,) = _pynative_executor.grad(square, adcore.ops.GradOperation(get_all=True), None, None, x)
        return own * x

    assert float(grad(outer)(3.0)) == 6.0  # 2 * x, which would be 4 * x if the derivative were differentiated
    by_both = _pynative_executor.grad(lambda x, y: x * y, None, None, (0, 1), Tensor(2.0), Tensor(5.0))
    assert [float(g) for g in by_both] == [5.0, 2.0]


def test_compiling_asks_for_different_names():
    net = nn.Cell(auto_prefix=False)
    net.a, net.b = nn.Dense(1, 1), nn.Dense(1, 1)
    net.construct = lambda x: x
    with pytest.raises(ValueError, match="two Parameters have the name 'weight'"):
        _cell_graph_executor.compile(net, t32(1.0))


@pytest.mark.parametrize("shape, dtype, error", [((5, 5), "float32", ValueError), ((), "float64", TypeError)])
def test_a_bprop_that_is_checked(shape, dtype, error):
    class Wrong(nn.Cell):
        def construct(self, y, x):
            return x * y

        def bprop(self, y, x, out, dout):
            return dout * x, Tensor(np.ones(shape, dtype))

    call = adcore.ops.GradOperation(get_all=True)(Wrong())
    assert float(call(Tensor(2.0), Tensor(1.0))[1]) == np.ones(shape).sum()
    try:
        compile_config.CHECK_BPROP = 1
        assert adcore.get_context("check_bprop") is True
        with pytest.raises(error, match="argument 1 .x. should have the same .* as the 1st arg"):
            call(Tensor(2.0), Tensor(1.0))
        with pytest.raises(TypeError, match="check_bprop must be a bool"):
            adcore.set_context(check_bprop=1)
    finally:
        compile_config.CHECK_BPROP = ""
    assert adcore.get_context("check_bprop") is False


# ---- methods -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis, keep", [(None, False), (1, False), ((0, 1), True)])
def test_a_mean_in_another_dtype(axis, keep):
    values = np.random.default_rng(5).normal(size=(3, 4)).astype(np.float32) + 1000
    for mean in (Tensor(values).mean, lambda *args, **kwargs: adcore.ops.mean(Tensor(values), *args, **kwargs)):
        wide = mean(axis, keep, dtype=adcore.float64)
        assert wide.dtype == adcore.float64
        np.testing.assert_allclose(wide.asnumpy(), values.mean(axis, np.float64, keepdims=keep), rtol=1e-15)
        assert mean(dim=axis, keepdim=keep, dtype=adcore.float16).dtype == adcore.float16
    gradient = grad(lambda x: (x.mean(axis, keep, dtype=adcore.float64) ** 2).sum())(Tensor(values))
    shared = values.size // wide.size
    wanted = np.broadcast_to(2 * values.mean(axis, np.float64, keepdims=True) / shared, values.shape)
    assert gradient.dtype == adcore.float32
    np.testing.assert_allclose(gradient.asnumpy(), wanted, rtol=1e-6)


def test_kinds_of_python_values():
    from adcore.mindspore import dtypes
    from adcore.mindspore.operators import IsInstance

    kinds = {dtypes.list_: [1], dtypes.tuple_: (1,), dtypes.int_: 1, dtypes.float_: 1.0, dtypes.string: "a"}
    for kind in kinds:
        assert [IsInstance()(value, kind) for value in kinds.values()] == [own is kind for own in kinds]


# ---- fractional pooling --------------------------------------------------------------------------------------------


def windows_by_loops(x, kernel, output, samples):
    """The maxima and their places in the flattened space of each plane, window by window."""
    axes = len(kernel)
    values, places = np.empty((*x.shape[:2], *output), x.dtype), np.empty((*x.shape[:2], *output), np.int64)
    numbers = np.arange(np.prod(x.shape[2:])).reshape(x.shape[2:])
    for plane in np.ndindex(*x.shape[:2]):
        draws = samples[plane if len(samples) > 1 else (0, plane[1])]
        draws = draws if axes == 3 else draws[::-1]  # two dimensions: the last axis has the first draw
        starts = []
        for size, k, out, u in zip(x.shape[2:], kernel, output, draws):
            step = (size - k) / max(out - 1, 1)
            starts.append([int((i + u) * step) - int(u * step) for i in range(out - 1)] + [size - k])
        for window in np.ndindex(*output):
            part = tuple(slice(s[i], s[i] + k) for s, i, k in zip(starts, window, kernel))
            best = np.argmax(x[plane][part])
            values[(*plane, *window)] = x[plane][part].ravel()[best]
            places[(*plane, *window)] = numbers[part].ravel()[best]
    return values, places


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("shape, kernel, output", [((9, 8), (3, 2), (4, 3)), ((5, 7, 8), (2, 3, 2), (4, 1, 5))])
def test_fractional_pooling(shape, kernel, output, shared):
    from adcore.mindspore import layers, operators

    axes, rng = len(shape), np.random.default_rng(2)
    x = rng.normal(size=(2, 3, *shape)).astype(np.float32)
    samples = rng.random((1 if shared else 2, 3, axes)).astype(np.float32)
    make = getattr(layers, f"FractionalMaxPool{axes}d")
    values, places = windows_by_loops(x, kernel, output, samples)
    layer = make(kernel, output, return_indices=True, _random_samples=Tensor(samples))
    np.testing.assert_array_equal(layer(Tensor(x))[0].asnumpy(), values)
    np.testing.assert_array_equal(layer(Tensor(x))[1].asnumpy(), places)
    one = make(kernel, output, _random_samples=Tensor(samples[:1]))(Tensor(x[0]))
    np.testing.assert_array_equal(one.asnumpy(), windows_by_loops(x[:1], kernel, output, samples[:1])[0][0])
    # each maximum sends its cotangent to where it stands
    cotangent = rng.normal(size=values.shape).astype(np.float32)
    pulled = adcore.vjp(make(kernel, output, _random_samples=Tensor(samples)), Tensor(x))[1](Tensor(cotangent))[0]
    wanted = np.zeros((6, np.prod(shape)))
    for plane in range(6):
        np.add.at(wanted[plane], places.reshape(6, -1)[plane], cotangent.reshape(6, -1)[plane])
    np.testing.assert_allclose(pulled.asnumpy(), wanted.reshape(x.shape), rtol=1e-6, atol=1e-6)
    function = getattr(operators, f"fractional_max_pool{axes}d")
    drawn = function(Tensor(x), kernel, output_ratio=0.5, return_indices=True)
    assert drawn[0].shape == drawn[1].shape == (2, 3, *(n // 2 for n in shape))
    flat = np.take_along_axis(x.reshape(2, 3, -1), drawn[1].asnumpy().reshape(2, 3, -1), 2)
    np.testing.assert_array_equal(flat.ravel(), drawn[0].asnumpy().ravel())


@pytest.mark.parametrize(
    "options, error, fault",
    [
        ({}, ValueError, "output_size or output_ratio must be given"),
        ({"output_size": 6, "kernel_size": 5}, ValueError, "at most its size; the input has .9, 8."),
        ({"output_size": (1, 2, 3)}, TypeError, "output_size must be an int or a tuple of 2"),
        ({"output_ratio": 1.5}, ValueError, "output_ratio must be in .0, 1., got 1.5"),
        (
            {"output_size": 2, "_random_samples": Tensor(np.zeros((2, 3, 3)))},
            ValueError,
            "must have the shape .2, 3, 2.",
        ),
    ],
)
def test_fractional_pooling_that_cannot_be(options, error, fault):
    from adcore.mindspore import layers

    layer = layers.FractionalMaxPool2d(**{"kernel_size": 2, **options})
    with pytest.raises(error, match=f"FractionalMaxPool2d: .*{fault}"):
        layer(adcore.ops.zeros((2, 3, 9, 8)))
