"""Files of programs: what was saved and loaded gives what the function gives under `jit`, bit for bit, and goes on from
the state in which it was saved; whatever is wrong with a file is a ValueError.
"""

import os
import random
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, _core, custom_vjp, grad, jit, load_program, nn, ops, value_and_grad, vmap
from bits import arrays, differences
from test_trace import CASES, Net, classification, gradient, others, regression

ROOT = Path(__file__).parents[2]


def passed_through(program, folder):
    path = folder / "program.adcore"
    program.save(path)
    return load_program(path)


def assert_same(first, second):
    found = differences(arrays(first), arrays(second))
    assert not found, found


# ---- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_dtypes(dtype, tmp_path):
    f = jit(grad(lambda x: (ops.tanh(x) * 1.5 + ops.softmax(x)).mean()))
    x = Tensor(np.linspace(-2, 2, 12).reshape(3, 4)).astype(getattr(adcore, dtype))
    assert_same(passed_through(f.trace(x), tmp_path)(x), f(x))


def test_constants_of_every_dtype(tmp_path):
    kinds = [getattr(adcore, name) for name in ("bool_", "uint8", "int16", "int64", "uint64", "bfloat16", "float64")]

    def f(x):
        return [x.astype(adcore.float64) + Tensor([1, 0, 1]).astype(kind).astype(adcore.float64) for kind in kinds]

    x = Tensor([1.0, 2.0, 3.0])
    assert_same(passed_through(jit(f).trace(x), tmp_path)(x), f(x))


def test_loops(tmp_path):
    def f(x, n):
        carry, rows = ops.scan(lambda c, v: (ops.tanh(c + v), c * v), x[0], x)
        total = ops.while_loop(lambda c: c.sum() < 50, lambda c: c * 2 + 1, ops.abs(carry))
        return ops.cond(n > 2, lambda a: a.sum(), lambda a: (a * a).sum(), total), rows

    both = jit(value_and_grad(lambda x, n: ops.scan(lambda c, v: (ops.tanh(c + v) * n, None), x[0], x)[0].sum()))
    x = Tensor(np.linspace(-1, 1, 12).reshape(4, 3).astype(np.float32))
    for compiled in (jit(f), both):
        loaded = passed_through(compiled.trace(x, Tensor(1.0)), tmp_path)
        for n in (1.0, 3.0):
            assert_same(loaded(x, Tensor(n)), compiled(x, Tensor(n)))


def ops_in(program):
    return {name for name, *_ in program.calls}


def test_every_op_of_the_table(tmp_path):
    """Each op that a sample, its gradient or its second derivative records is saved once, and gives the same bits."""
    seen, refused = set(), {}
    for name, (f, points) in CASES.items():
        for g in (f, gradient(f, points)):
            inputs = list(map(Tensor, points))
            program = _core.trace(g, *inputs)
            if ops_in(program) <= seen:
                continue
            try:
                loaded = passed_through(program, tmp_path)
            except ValueError as error:
                refused[name] = str(error)
                continue
            seen |= ops_in(program)
            compiled = jit(g)
            for values in (points, others(points)):
                values = list(map(Tensor, values))
                assert_same(loaded(*values), compiled(*values))
    assert not refused
    assert len(seen) > 190


def test_what_is_printed_and_called_with_arrays(tmp_path):
    x = np.linspace(0.1, 2, 6).reshape(2, 3).astype(np.float32)
    compiled = jit(grad(lambda x: (ops.log(x) * ops.matmul(x, x.T).sum()).mean()))
    program = compiled.trace(x)
    loaded = passed_through(program, tmp_path)
    assert_same([loaded(x), loaded(Tensor(x)), program(x)], [compiled(x)] * 3)
    assert str(loaded) == str(program) and loaded.draw().svg == program.draw().svg
    assert str(loaded.optimized(x)) == str(program.optimized(x))
    assert loaded.profile(x, repeat=2).rows and "test_program_files.py" in str(loaded)
    assert str(passed_through(loaded, tmp_path)) == str(loaded)


def test_places_are_checked_once(tmp_path):
    """What nobody has looked at is, in a program that was loaded; what an op makes or has checked is not again."""
    image = Tensor(np.arange(32.0).reshape(1, 2, 4, 4).astype(np.float32))
    x, i = Tensor(np.arange(12.0).reshape(3, 4)), Tensor([2, 0])
    for f, inputs in [
        (grad(lambda v: ops.max_pool2d(v, 2).sum()), (image,)),
        (grad(lambda v: ops.sort(v)[0][:, 0].sum() + ops.cummax(v, 0)[0].sum() + v.max(1)[0].sum()), (x,)),
        (grad(lambda v: ops.gather(v, i, 0).sum()), (x,)),
        (grad(lambda v: ops.det(v[:, :3]).sum() + ops.solve(v[:, :3], v).sum()), (x,)),
    ]:
        program = jit(f).trace(*inputs)
        assert str(passed_through(program, tmp_path)) == str(program)
    batched = jit(vmap(lambda v, i: ops.gather(v, i, 0))).trace(image[0], Tensor([[0, 1], [2, 3]]))
    loaded = passed_through(batched, tmp_path)
    assert loaded.statements == batched.statements + 1
    assert passed_through(loaded, tmp_path).statements == loaded.statements


# ---- state --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [regression, classification])
@pytest.mark.parametrize(
    "make",
    [
        lambda weights: nn.SGD(weights, 0.1, momentum=0.9, weight_decay=0.01),
        lambda weights: nn.Adam(weights, nn.ExponentialDecayLR(0.1, 0.5, 2)),
        lambda weights: nn.RMSProp(weights, 0.05),
        lambda weights: nn.Lamb(weights, 0.05),
    ],
    ids=["SGD", "Adam with a schedule", "RMSProp", "Lamb"],
)
def test_a_training_step_trains_on(make, loss, tmp_path):
    rng = np.random.default_rng(12)
    batches = [(Tensor(rng.normal(size=(6, 5)).astype(np.float32)), Tensor(rng.integers(0, 3, 6))) for _ in range(6)]
    adcore.set_seed(2)
    net = Net(3)
    net.set_train()
    optimizer = make(net.trainable_params())
    losses = value_and_grad(lambda x, labels: loss(net, x, labels), None, optimizer.parameters)

    @jit
    def step(x, labels):
        value, gradients = losses(x, labels)
        optimizer(gradients)
        return value

    for batch in batches[:2]:
        step(*batch)
    program = step.trace(*batches[0])
    loaded = passed_through(program, tmp_path)
    for i, batch in enumerate(batches[2:]):
        assert_same(loaded(*batch), step(*batch))
        assert list(loaded.state) == list(program.state)
        assert_same(list(loaded.state.values()), list(program.state.values()))
        if i == 1:
            loaded = passed_through(loaded, tmp_path)
    # The weights go back into a network.
    fresh = Net(3)
    assert adcore.load_param_into_net(fresh, {p.name: loaded.state[p.name] for p in fresh.get_parameters()}) == ([], [])
    assert_same(list(fresh.get_parameters()), list(net.get_parameters()))


def test_state_is_the_programs_own(tmp_path):
    w, count = Parameter(Tensor([1.0, 2.0]), name="w"), Tensor(0)

    @jit
    def step(by):
        ops.assign_sub(w, by)
        ops.assign_add(count, 1)
        return w.sum()

    by = Tensor([0.5, 0.5])
    program = step.trace(by)
    assert list(program.state) == ["w", "cell"] and program.state["w"] is w
    loaded = passed_through(program, tmp_path)
    assert float(loaded(by)) == 2.0 and float(loaded(by)) == 1.0
    assert w.tolist() == [1, 2] and loaded.state["w"].tolist() == [0, 1] and int(loaded.state["cell"]) == 2
    assert isinstance(loaded.state["w"], Parameter) and loaded.state["w"].requires_grad
    loaded.state["w"].set_data(Tensor([4.0, 4.0]))
    assert float(loaded(by)) == 7.0
    loaded.state["w"].set_data(Tensor([1.0]))
    with pytest.raises(
        ValueError, match=r"Program: w was Float32 \(2,\) when the program was recorded, got Float32 \(1,\)"
    ):
        loaded(by)
    assert "w" in str(loaded) and "Parameter" in str(loaded) and str(loaded) == str(program)
    assert loaded.draw().svg == program.draw().svg


def test_random_numbers_go_on_where_the_state_was_saved(tmp_path):
    draw = jit(lambda x: ops.dropout(x, 0.5) + ops.rand(4))
    x = Tensor(np.ones(4, np.float32))
    adcore.set_seed(3)
    draw(x)
    loaded = passed_through(draw.trace(x), tmp_path)
    assert_same([loaded(x) for _ in range(3)], [draw(x) for _ in range(3)])
    assert list(loaded.state) == ["random state"]


def test_arguments_that_are_written(tmp_path):
    def f(x, y):
        ops.assign(x, x * 2 + y)
        return [x, {"y": y, "sum": x + y}, None, 3, "text"]

    x, y = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    loaded = passed_through(jit(f).trace(x, y), tmp_path)
    result = loaded(x, y)
    assert result[0] is x and result[1]["y"] is y and x.tolist() == [5, 8] and result[1]["sum"].tolist() == [8, 12]
    assert result[2:] == [None, 3, "text"]
    with pytest.raises(ValueError, match="an argument that the program writes is given twice"):
        loaded(x, x)


# ---- calls --------------------------------------------------------------------------------------------------------


def test_arguments_are_built_as_they_were(tmp_path):
    def f(pair, options, scale=1.0, *, bias):
        return pair[0] * scale + pair[1] + options["a"][0] + bias

    a, b, short, whole = Tensor([1.0, 2.0]), Tensor([3.0, 4.0]), Tensor([1.0]), Tensor([1, 2])
    program = jit(f).trace((a, b), {"a": [a], "k": None}, 0.5, bias=b)
    for p in (program, passed_through(program, tmp_path)):
        assert p((a, b), {"a": [a], "k": None}, 0.5, bias=b).tolist() == [7.5, 11]
        for error, match, args, kwargs in [
            (TypeError, "argument 0 must be a tuple of 2, got a tuple of 1", (((a,), {}, 0.5)), {"bias": b}),
            (TypeError, "3 positional arguments, got 2", ((a, b), {"a": [a], "k": None}), {"bias": b}),
            (TypeError, r"keyword arguments \['bias'\], got \[\]", ((a, b), {"a": [a], "k": None}, 0.5), {}),
            (TypeError, "must be a dict with the keys", ((a, b), {"a": [a]}, 0.5), {"bias": b}),
            (ValueError, "argument 2 was 0.5 when", ((a, b), {"a": [a], "k": None}, 0.25), {"bias": b}),
            (TypeError, "bias must be a Tensor, got 3", ((a, b), {"a": [a], "k": None}, 0.5), {"bias": 3}),
            (ValueError, "was the same Tensor as another", ((a, b), {"a": [b], "k": None}, 0.5), {"bias": b}),
            (
                ValueError,
                r"b\[0\]|pair\[1\] was Float32 \(2,\) when .* got Float32 \(1,\)",
                ((a, short), {"a": [a], "k": None}, 0.5),
                {"bias": short},
            ),
            (ValueError, "was Float32 .* got Int64", ((a, whole), {"a": [a], "k": None}, 0.5), {"bias": whole}),
        ]:
            with pytest.raises(error, match=match):
                p(*args, **kwargs)


def test_derivatives_and_batches_see_into_a_program(tmp_path):
    w = Parameter(Tensor([1.0, -2.0]), name="w")
    loaded = passed_through(jit(lambda x: (ops.sin(x) * w).sum()).trace(Tensor([0.0, 0.0])), tmp_path)
    x = Tensor([0.5, 1.0])
    assert_same(grad(loaded)(x), ops.cos(x) * w)
    assert_same(grad(lambda: loaded(x), None, [loaded.state["w"]])()[0], ops.sin(x))
    xs = Tensor([[0.5, 1.0], [1.5, 2.0]])
    assert vmap(loaded)(xs).shape == (2,)

    @custom_vjp
    def f(x):
        return x * x

    f.defvjp(lambda x: (x * x, x), lambda x, g: (g * 100 * x,))
    loaded = passed_through(jit(f).trace(x), tmp_path)
    assert_same(loaded(x), x * x)
    with pytest.raises(ValueError, match="rules of the user's own"):
        grad(lambda x: loaded(x).sum())(x)

    adcore.set_seed(3)
    loaded = passed_through(jit(lambda x: ops.dropout(x, 0.5) * x).trace(x), tmp_path)
    again = passed_through(loaded, tmp_path)
    assert_same(grad(lambda x: loaded(x).sum())(x), 2 * again(x) / x)
    with pytest.raises(ValueError, match="random numbers"):
        vmap(loaded)(xs)


def test_a_program_inside_of_a_program(tmp_path):
    count = Tensor(0.0)

    def f(x):
        ops.assign_add(count, 1.0)
        return x * count

    x = Tensor([0.5, 1.0])
    loaded = passed_through(jit(f).trace(x), tmp_path)
    outer = jit(lambda x: loaded(x) + 1)
    assert outer(x).tolist() == [1.5, 2.0] and outer(x).tolist() == [2.0, 3.0] and float(loaded.state["cell"]) == 2
    both = passed_through(outer.trace(x), tmp_path)
    assert both(x).tolist() == [2.5, 4.0] and float(loaded.state["cell"]) == 2


# ---- what cannot be saved -----------------------------------------------------------------------------------------


def test_what_a_file_cannot_hold(tmp_path):
    path = tmp_path / "program.adcore"
    x = Tensor([1.0])
    with pytest.raises(ValueError, match="save: argument 0 is a Dense, which a file cannot hold"):
        jit(lambda net, x: net(x)).trace(nn.Dense(1, 1), x).save(path)
    with pytest.raises(ValueError, match=r"save: the result\[1\] is a object, which a file cannot hold"):
        jit(lambda x: (x, object())).trace(x).save(path)
    grows = Parameter(Tensor([1.0]), name="w")
    with pytest.raises(ValueError, match=r"save: the cell 'w' is \(1,\) Float32, what is written is \(2,\)"):
        jit(lambda x: grows.set_data(ops.concat([grows, x])).sum()).trace(x).save(path)
    with pytest.raises(ValueError, match="save: a file cannot hold the op"):
        jit(lambda x: ops.tanh(x) * 2).trace(x).optimized().save(path)
    assert not path.exists()
    with pytest.raises(OSError, match="save: cannot write"):
        jit(lambda x: x + 1).trace(x).save(tmp_path / "none" / "program.adcore")
    with pytest.raises(FileNotFoundError):
        load_program(path)


def test_a_file_is_replaced_whole(tmp_path, monkeypatch):
    path = tmp_path / "program.adcore"
    jit(lambda x: x + 1).trace(Tensor([1.0])).save(path)
    first = path.read_bytes()
    (tmp_path / ".program.adcore.new").write_bytes(b"left behind by a writer that was killed")
    link = tmp_path / "link.adcore"
    link.symlink_to(path)
    jit(lambda x: x + 2).trace(Tensor([1.0])).save(link)
    assert link.is_symlink() and path.read_bytes() != first
    assert sorted(os.listdir(tmp_path)) == ["link.adcore", "program.adcore"]


# ---- files that are wrong -----------------------------------------------------------------------------------------


def corpus():
    """Programs of several kinds, small ones."""
    w = Parameter(Tensor(np.linspace(-1, 1, 8).reshape(4, 2).astype(np.float32)), name="w")
    optimizer = nn.Adam([w], 0.1)

    def step(x, y):
        loss, gradients = value_and_grad(lambda: nn.CrossEntropyLoss()(ops.dropout(x, 0.25) @ w, y), None, [w])()
        optimizer(gradients)
        return loss

    x, y = Tensor(np.ones((3, 4), np.float32)), Tensor([0, 1, 1])
    image = Tensor(np.arange(32.0).reshape(1, 2, 4, 4).astype(np.float32))
    pooled = lambda v: ops.max_pool2d(ops.conv2d(v, ops.ones((2, 2, 3, 3)), padding=1), 2).sum()
    several = lambda v: (ops.sort(v)[0], ops.cumsum(v, 0), v[..., 1:3, ::2], ops.gather(v, y, 0), v.argmax(1), v.std())
    solved = lambda v: ops.solve(v @ v.T + ops.eye(3), v)
    loops = lambda v: ops.scan(lambda c, r: (c * r + 1, c), v[0], v)
    layer = lambda v: ops.layer_norm(v, (4,), ops.ones(4), ops.zeros(4)).sum()
    yield jit(step).trace(x, y)
    yield jit(grad(pooled)).trace(image)
    yield jit(several).trace(x)
    yield jit(solved).trace(x)
    yield jit(loops).trace(x)
    yield jit(grad(layer)).trace(x)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "program.adcore"
    contents = []
    for program in corpus():
        program.save(path)
        contents.append(path.read_bytes())
    return contents


def sealed(content):
    return content[:-4] + zlib.crc32(content[:-4]).to_bytes(4, "little")


def load(content, path):
    path.write_bytes(content)
    return load_program(path)


def test_damage_is_found(files, tmp_path):
    rng = random.Random(4)
    path = tmp_path / "program.adcore"
    for content in files:
        for _ in range(60):
            bad = bytearray(content)
            for _ in range(rng.choice((1, 1, 2, 8))):
                bad[rng.randrange(len(bad))] ^= rng.randrange(1, 256)
            with pytest.raises(ValueError, match="load_program: .*program.adcore is no program"):
                load(bytes(bad), path)
        for cut in rng.sample(range(len(content)), 20):
            with pytest.raises(ValueError, match="is no program that this adcore can run"):
                load(content[:cut], path)
    with pytest.raises(ValueError, match="version 9, version 1 is read here"):
        load(sealed(files[0][:8] + b"\t" + files[0][9:]), path)


def small(program):
    """The program takes little memory and time."""
    elements = sum(int(np.prod(shape, dtype=float)) for shape, _ in program._types)
    words = [w for name, _, _, words, _ in program.calls if name in ("scan", "while", "survivors") for w in words]
    return elements < 1e6 and all(abs(w) < 1e4 for w in words)


@pytest.mark.filterwarnings("ignore")
def test_files_that_were_made_up(files, tmp_path):
    """With a checksum that fits, what is wrong is refused, or the program runs, be it to an error of an op."""
    rng = random.Random(int(os.environ.get("ADCORE_FUZZ_SEED", "5")))
    path = tmp_path / "program.adcore"
    refused = ran = 0
    for i in range(int(os.environ.get("ADCORE_FUZZ_ROUNDS", "600"))):
        bad = bytearray(files[i % len(files)])
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            at = rng.randrange(20, len(bad) - 4)
            bad[at] = rng.choice((0, 1, 2, 3, 4, 5, 127, 128, 255, rng.randrange(256)))
        try:
            program = load(sealed(bytes(bad)), path)
        except (ValueError, MemoryError):
            refused += 1
            continue
        if not small(program):
            continue
        types = [program._types[program.input(k)] for k in range(program._argument_count)]
        arguments = [Tensor(np.ones(shape)).astype(dtype) for shape, dtype in types]
        try:
            program._replay(arguments, pytest.fail)
            ran += 1
        except (ValueError, IndexError, RuntimeError, ZeroDivisionError, TypeError, MemoryError):
            refused += 1
    assert refused > 100 and ran > 50


# ---- C++ ----------------------------------------------------------------------------------------------------------


def test_cpp_trains_what_python_saved(tmp_path):
    w, b = (
        Parameter(Tensor(np.linspace(-1, 1, 15).reshape(5, 3).astype(np.float32)), name="w"),
        Parameter(ops.zeros(3), name="b"),
    )
    optimizer = nn.Adam([w, b], 0.1)
    losses = value_and_grad(lambda x, y: ops.binary_cross_entropy_with_logits(x @ w + b, y), None, [w, b])

    @jit
    def step(x, y):
        loss, gradients = losses(x, y)
        optimizer(gradients)
        return loss

    x, y = ops.ones(5), ops.zeros(3)
    path = tmp_path / "step.adcore"
    step.trace(x, y).save(path)
    program = load_program(path)
    mine = [float(program(x, y)) for _ in range(101)]
    assert_same([Tensor(v) for v in mine], [Tensor(float(step(x, y))) for _ in range(101)])
    found = max(ROOT.glob("build/*/examples/cpp/adcore_train_program"), key=os.path.getmtime, default=None)
    if found is None:
        return
    told, names = trained(found, path)
    assert told == [float(f"{mine[i]:.9g}") for i in range(0, 101, 20)] and names[:2] == ["w (5, 3)", "b (3,)"]
    # And the other way: what C++ recorded and saved.
    told, _ = trained(found, TMPDIR=str(tmp_path))
    program = load_program(tmp_path / "adcore_tutorial_step.adcore")
    mine = [float(program(x, y)) for _ in range(101)]
    assert told == [float(f"{mine[i]:.9g}") for i in range(0, 101, 20)]
    assert list(program.state) == ["w", "b"] and repr(program).startswith("<program: 4 inputs")
    with pytest.raises(TypeError, match="it takes 2 Tensors, got 1"):
        program(x)


def trained(example, *words, **variables):
    """The losses that the example prints, and its other lines."""
    env = {**os.environ, **variables}
    env.pop("LD_PRELOAD", None)  # a sanitizer of this process is none of the example's
    done = subprocess.run([example, *words], capture_output=True, text=True, check=True, env=env)
    lines = done.stdout.splitlines()
    return [float(line.split()[-1]) for line in lines if line.startswith("step")], [
        line for line in lines if not line.startswith("step")
    ]
