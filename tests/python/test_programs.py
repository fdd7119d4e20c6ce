"""What a user sees of a program: its text, its drawing, why it was recorded, how long it takes.

Nothing here compares whole texts. Every statement must stand in the text, every operand must be an edge of the drawing,
every step must have a row of times; the programs themselves (their calls and operands) are the oracle.
"""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import adcore
from adcore import Parameter, Program, Tensor, _core, draw, grad, jit, nn, ops, value_and_grad, vmap
from bits import arrays, differences

SVG = "{http://www.w3.org/2000/svg}"


def training_step():
    net = nn.SequentialCell(nn.Dense(5, 7), nn.Tanh(), nn.Dense(7, 1))
    optimizer = nn.Adam(net.trainable_params(), 1e-2)
    loss_and_gradients = value_and_grad(lambda x, y: ops.mean((net(x) - y) ** 2), None, optimizer.parameters)

    @jit
    def step(x, y):
        loss, gradients = loss_and_gradients(x, y)
        optimizer(gradients)
        return loss

    rng = np.random.default_rng(0)
    return step, net, [Tensor(rng.normal(size=s).astype(np.float32)) for s in ((4, 5), (4, 1))]


def elementwise(x, y):
    a = ops.tanh(x * 2.5) + y
    return ops.where(a > 0.5, a * a, ops.exp(a)).sum(), a


def programs():
    step, _, points = training_step()
    square = [Tensor(np.random.default_rng(1).normal(size=(3, 3)))]
    pair = [Tensor(np.random.default_rng(2).normal(size=n)) for n in ((4, 6), (6,))]
    yield "step", step.trace(*points), points
    yield "elementwise", jit(elementwise).trace(*pair), pair
    yield "gradient", jit(grad(lambda x, y: elementwise(x, y)[0], (0, 1))).trace(*pair), pair
    yield "linalg", jit(lambda x: ops.slogdet(x) + (ops.svd(x), x.T)).trace(*square), square
    yield "identity", jit(lambda x: x).trace(*square), square
    yield "nothing", jit(lambda: ops.ones(3)).trace(), []


PROGRAMS = {
    name if kind == 0 else f"{name}, optimized": (program if kind == 0 else program.optimized(*points), points)
    for name, program, points in programs()
    for kind in (0, 1)
}
ALL = pytest.mark.parametrize("name", PROGRAMS)


# ---- text ---------------------------------------------------------------------------------------------------------


@ALL
def test_every_statement_stands_in_the_text(name):
    program, _ = PROGRAMS[name]
    section = str(program).partition("\nstatements")[2].partition("\noutputs")[0]
    lines = [line for line in section.splitlines() if line.startswith("  ") and not line.startswith("    ")]
    assert len(lines) == program.statements
    for line, (op, operands, out, *_) in zip(lines, program.calls):
        found = re.fullmatch(
            r"  (%\d+(?:, %\d+)*): (.+?) = ([\w.]+)\((.*?)\)(?: \{.*\})?(?:  \[.*?\])?(?:  # .*)?", line
        )
        assert found, line
        assert found[1].split(", ")[0] == f"%{out}"
        assert found[3] == op or op == "partial" or op.startswith("partial"), line
        assert len([o for o in found[4].split(", ") if o]) == len(operands)
        assert f"{__name__}.py:" in line or "# " in line


@ALL
def test_the_text_tells_the_shapes_that_a_run_has(name):
    program, points = PROGRAMS[name]
    told = dict(re.findall(r"^  %(\d+)(?:, %\d+)*: (\w+ \[[\d, ]*\])", str(program), re.MULTILINE))
    assert len(told) >= program.statements
    for number, value in enumerate(program.values(*points)):
        if str(number) in told:
            assert told[str(number)] == f"{value.asnumpy().dtype} {list(value.shape)}"


def test_inputs_and_outputs_have_their_names():
    step, net, points = training_step()
    text = str(step.trace(*points))
    assert re.search(r"^  x: float32 \[4, 5\]$", text, re.MULTILINE)
    assert re.search(r"^  y: float32 \[4, 1\]$", text, re.MULTILINE)
    for parameter in net.trainable_params():
        assert f"  {parameter.name}: float32 {list(parameter.shape)}  Parameter" in text
        assert f"  new value of {parameter.name}: %" in text
    assert "  result: %" in text
    assert "test_programs.py:" in text


def test_names_of_arguments_in_containers():
    x = Tensor([1.0, 2.0])
    f = jit(lambda batch, *rest, scale: batch["a"][0] * batch["a"][1] + rest[0] * scale)
    text = str(f.trace({"a": [x, Tensor([3.0, 4.0])]}, Tensor(2.0), scale=Tensor(5.0)))
    for name in ("batch['a'][0]", "batch['a'][1]", "argument 1", "scale"):
        assert f"\n  {name}: float32" in text
    f = jit(lambda n, x, y: x * y * n[0], static_argnums=0)
    assert re.findall(r"^  (\w+): float32 \[2\]$", str(f.trace((3, x), x, x)), re.MULTILINE)[:1] == ["x"]


def test_cells_of_one_name_are_told_apart():
    a, b = Parameter(Tensor(1.0), name="w"), Parameter(Tensor(2.0), name="w")
    text = str(jit(lambda x: x * a + b).trace(Tensor(1.0)))
    assert "  w: float32 []  Parameter" in text and "  w (2): float32 []  Parameter" in text


def test_random_numbers_read_a_named_state():
    text = str(jit(lambda x: ops.dropout(x, 0.5)).trace(Tensor(np.ones(3))))
    assert "\n  random state: " in text and "\n  new value of random state: " in text


def test_a_trace_runs_nothing_and_is_replayed():
    w = Parameter(Tensor([1.0, 2.0]), name="w")

    @jit
    def f(x):
        ops.assign(w, w + x)
        return w * x

    x = Tensor([3.0, 4.0])
    program = f.trace(x)
    assert isinstance(program, Program) and w.tolist() == [1.0, 2.0] and f._calls == 0
    assert f.trace(x) is program
    assert f(x).tolist() == [12.0, 24.0] and len(f._log) == 1
    assert f.trace(x) is program


# ---- what jit runs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in PROGRAMS if "optimized" not in n and n != "step"])
def test_the_optimized_program_gives_the_same_bits(name):
    program, points = PROGRAMS[name]
    optimized = program.optimized()
    assert not differences(arrays(optimized.run(*points)), arrays(program.run(*points)))
    assert optimized.statements <= program.statements


def test_fused_groups_tell_their_steps():
    """The steps, evaluated with NumPy, give what the function gives."""
    program, points = PROGRAMS["elementwise, optimized"]
    kernels = {"mul": np.multiply, "add": np.add, "tanh": np.tanh, "exp": np.exp, "greater": np.greater}
    kernels |= {"where": np.where, "load": lambda x: np.asarray(x, np.float64), "sum": np.sum}
    values = {program.input(k): np.asarray(points[k].asnumpy()) for k in range(2)}
    fused = 0
    for _, operands, outputs, _, _, _, steps in program._statements:
        fused += bool(steps)
        made = {}
        for kernel, inputs, out in steps:
            got = [
                v if kind == "number" else values[operands[v]] if kind == "operand" else made[kind, v]
                for kind, v in inputs
            ]
            made[out] = kernels[kernel](*got)
        values.update((v, made["output", j]) for j, v in enumerate(outputs) if steps)
    assert fused == 1
    for value, expected in zip(program.outputs, elementwise(*points)):
        np.testing.assert_allclose(values[value], expected.asnumpy(), rtol=1e-12)
    assert program.statements == 1 and re.search(r"t\d = mul\(x, 2\.5\)", str(program))


@ALL
def test_places_in_the_arena_are_inside_of_it(name):
    program, _ = PROGRAMS[name]
    if "optimized" not in name:
        assert program._memory is None and "arena" not in str(program)
        return
    bytes_of = lambda v: int(np.prod(program._types[v][0])) * program._types[v][1].itemsize
    for value, (offset, fresh, root) in enumerate(program._memory):
        assert offset + bytes_of(value) <= program._arena_bytes or offset < 0
        assert not (fresh and offset >= 0) and root <= value
    shown = [int(n) for n in re.findall(r"arena (\d+)", str(program).partition("\n")[2])]
    made = [v for s in program._statements for v in s[2]]
    assert sorted(shown) == sorted(program._memory[v][0] for v in made if program._memory[v][0] >= 0)


# ---- drawings -----------------------------------------------------------------------------------------------------


def expected_edges(program):
    """(source, target) with how often, by the operands of the calls; numbers are no nodes."""
    maker = {program.input(k): f"v{program.input(k)}" for k in range(program.inputs)}
    maker |= {v: f"v{v}" for v in program._constants if program.constant(v).size != 1}
    edges = Counter()
    for k, (_, operands, outputs, *_) in enumerate(program._statements):
        edges.update((maker[v], f"s{k}") for v in operands if v in maker)
        maker.update((v, f"s{k}") for v in outputs)
    edges.update((maker[v], f"o{k}") for k, v in enumerate(program.outputs) if v in maker)
    nodes = {*maker.values(), *(f"s{k}" for k in range(program.statements))}
    return nodes | {f"o{k}" for k in range(len(program.outputs))}, edges


@ALL
def test_the_drawing_has_a_node_per_statement_and_an_edge_per_operand(name):
    program, _ = PROGRAMS[name]
    nodes, edges = expected_edges(program)
    drawing = program.draw()
    root = ElementTree.fromstring(drawing.svg)
    drawn = [g.get("id") for g in root.iter(f"{SVG}g")]
    assert sorted(drawn) == sorted(nodes)
    assert (
        Counter((p.get("data-from"), p.get("data-to")) for p in root.iter(f"{SVG}path") if p.get("data-from")) == edges
    )
    assert Counter(re.findall(r"^  (\w+) -> (\w+) ", drawing.dot, re.MULTILINE)) == edges
    assert sorted(re.findall(r"^  (\w+) \[label", drawing.dot, re.MULTILINE)) == sorted(nodes)
    assert drawing._repr_svg_() == drawing.svg


@ALL
def test_nodes_do_not_lie_over_each_other_and_edges_lead_down(name):
    program, _ = PROGRAMS[name]
    root = ElementTree.fromstring(program.draw().svg)
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = {}
    for g in root.iter(f"{SVG}g"):
        x, y, w, h = (float(g.find(f"{SVG}rect").get(k)) for k in ("x", "y", "width", "height"))
        assert 0 <= x and 0 <= y and x + w <= width + 1 and y + h <= height + 1
        boxes[g.get("id")] = x, y, w, h
    placed = list(boxes.values())
    for i, (x, y, w, h) in enumerate(placed):
        for a, b, c, d in placed[:i]:
            assert x + w <= a or a + c <= x or y + h <= b or b + d <= y
    for path in root.iter(f"{SVG}path"):
        if path.get("data-from"):
            (_, y, _, h), below = boxes[path.get("data-from")], boxes[path.get("data-to")]
            assert y + h < below[1]


def test_a_derivative_is_drawn_with_both_passes():
    w = Parameter(Tensor(np.ones((3, 1), np.float32)), name="weight <&>")
    x = Tensor(np.ones((4, 3), np.float32))
    f = lambda x: ops.sigmoid(x @ w).sum()
    root = ElementTree.fromstring(draw(grad(f), x).svg)
    kinds = Counter(g.get("class").split()[1] for g in root.iter(f"{SVG}g"))
    assert kinds["forward"] == 3 and kinds["derivative"] >= 2 and kinds["parameter"] == 1 and kinds["output"] == 1
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert "weight <&>" in texts and any("float32 [4, 3]" in t and "48 B" in t for t in texts)
    plain = ElementTree.fromstring(draw(f, x).svg)
    assert not [g for g in plain.iter(f"{SVG}g") if "derivative" in g.get("class")]


def test_draw_takes_functions_jitted_functions_and_programs():
    f, x = lambda x: x * x + 1, Tensor([1.0, 2.0])
    program = jit(f).trace(x)
    assert draw(f, x).dot == draw(jit(f), x).dot == draw(program).dot == program.draw().dot
    with pytest.raises(TypeError, match="a Program has its arguments"):
        draw(program, x)
    with pytest.raises(TypeError, match="fn must be callable"):
        draw(3, x)


def test_a_drawing_is_saved(tmp_path):
    drawing = draw(lambda x: x * x, Tensor([1.0, 2.0]))
    for ending in ("svg", "dot"):
        drawing.save(tmp_path / f"graph.{ending}")
        assert (tmp_path / f"graph.{ending}").read_text() == getattr(drawing, ending)
    with pytest.raises(ValueError, match="ends with .svg or .dot"):
        drawing.save(tmp_path / "graph.png")


def test_a_large_program_has_no_svg_but_dot():
    def f(x):
        for _ in range(500):
            x = x * 1.5
        return x

    drawing = draw(f, Tensor([1.0]))
    assert drawing.dot.count("->") == 501 and drawing._repr_svg_() is None
    with pytest.raises(ValueError, match="502 nodes are more than 400"):
        drawing.svg  # noqa: B018


def test_the_pictures_of_the_guides_are_up_to_date():
    tool = Path(__file__).parents[2] / "tools" / "drawings.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- explanations -------------------------------------------------------------------------------------------------


def test_explain_tells_why_it_was_recorded():
    factor = 2.0
    f = jit(lambda x, n=1: ops.tanh(x * factor) + n)
    assert "0 calls, 0 recorded" in f.explain()
    f(Tensor([1.0, 2.0]))
    f(Tensor([3.0, 4.0]))
    f(Tensor([1.0, 2.0, 3.0]))
    f(Tensor([1.0, 2.0, 3.0]), n=3)
    factor = 3.0
    f(Tensor([1.0, 2.0, 3.0]), n=3)
    lines = f.explain().splitlines()
    assert "5 calls, 4 recorded, 4 programs" in lines[0]
    reasons = ["the first call", "argument 0 is Float32 (3,), was Float32 (2,)", "argument n is 3, was absent"]
    reasons.append("what it reads beside its arguments changed")
    assert [line.partition(": ")[2] for line in lines if "recording" in line] == reasons
    assert repr(f.explain()) == str(f.explain())


def test_explain_counts_the_statements_after_each_pass():
    step, _, points = training_step()
    step(*points)
    (program, arena, _, runs) = step._programs[0]
    counts = re.search(r"statements: recorded (\d+), (.*)", step.explain())
    assert int(counts[1]) == program.statements
    passes = [(name, int(n)) for name, n in (part.rsplit(" ", 1) for part in counts[2].split(", "))]
    assert passes == program._passes and passes[-1][1] == runs[0].statements == program.optimized().statements
    assert f"arena of {arena} bytes" in step.explain() and arena == runs[0]._arena_bytes


# ---- times --------------------------------------------------------------------------------------------------------


@ALL
def test_a_profile_has_a_row_for_each_step(name):
    program, points = PROGRAMS[name]
    profile = program.profile(*points, repeat=3)
    ran = profile.program
    views = set(range(ran.statements)) - {row.statement for row in profile.rows}
    assert [row.statement for row in profile.rows] == ran._steps()
    assert all(ran._memory[out][2] != out for k in views for out in ran._statements[k][2])
    assert [row.title for row in profile.rows] == [ran._statements[k][0] for k in ran._steps()]
    assert all(row.seconds >= 0 for row in profile.rows)
    whole = min(times[-1] - times[0] for times in profile.runs)
    assert profile.seconds == pytest.approx(whole * 1e-9) == pytest.approx(sum(row.seconds for row in profile.rows))
    assert len(profile.runs) == 3 and len(str(profile).splitlines()) == len(profile.rows) + 2


def test_a_profile_as_a_chrome_trace(tmp_path):
    step, _, points = training_step()
    profile = step.profile(*points, repeat=4)
    profile.chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [e["name"] for e in events] == [row.title for row in profile.rows] * 4
    for before, after in zip(events, events[1:]):
        assert after["ts"] >= before["ts"] + before["dur"] - 1e-3
    assert all(e["ph"] == "X" and ", in " in e["args"]["place"] for e in events)


def test_a_profile_writes_nothing():
    step, net, points = training_step()
    before = arrays([p.copy() for p in net.trainable_params()])
    step.profile(*points)
    step.trace(*points).optimized(*points)
    assert not differences(arrays(net.trainable_params()), before)


def test_a_profile_of_a_call_with_static_and_named_arguments():
    x = Tensor([1.0, 2.0])
    f = jit(lambda w, x, *, y, n: (x * y).sum() * n + w[1], static_argnums=0)
    rows = f.profile((x, 3.0), x, y={"a": x}["a"], n=2).rows
    assert rows and len(f._log) == 1


def test_inputs_of_other_layouts_get_a_layout_of_their_own():
    program = jit(lambda x: (x * 2.0).sum(0)).trace(Tensor(np.ones((3, 4))))
    laid_out = program.optimized(Tensor(np.ones((3, 4))))
    turned = Tensor(np.ones((4, 3))).T
    assert laid_out._fits(Tensor(np.zeros((3, 4)))) and not laid_out._fits(turned)
    assert laid_out.profile(turned).program is not laid_out


def test_arrays_and_repeated_arguments_are_inputs_as_jit_takes_them():
    x = Tensor([1.0, 2.0])
    for args in [(np.ones(2), x, x), (np.array(3.0), x, 2.0), (np.float32(3), [x, np.ones((1, 2))], x)]:
        f = jit(lambda a, b, c: (b[0] if isinstance(b, list) else b) * a + c)
        f(*args)
        program = f.trace(*args)
        assert len(f._log) == 1 and len(program._argument_names) == program._argument_count
        assert f.profile(*args, repeat=1).rows


def test_what_cannot_be_profiled():
    x = Tensor([1.0, 2.0])
    program = jit(lambda x: x * x).trace(x)
    with pytest.raises(ValueError, match="had shape .2,. and dtype Float32"):
        program.profile(Tensor([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="has 1 inputs, got 2"):
        program.profile(x, Tensor([1.0, 2.0]))
    for p in (program, program.optimized(), program.optimized(x)):
        for wrong in ((), (x, Tensor([1.0, 2.0])), (Tensor([1, 2]),), (Tensor(2.0),)):
            with pytest.raises(ValueError, match="program has 1 inputs|had shape"):
                p.profile(*wrong)
    with pytest.raises(ValueError, match="not laid out for these inputs"):
        program.optimized()._measure(1, x)
    with pytest.raises(ValueError, match="repeat must be >= 1"):
        program.profile(x, repeat=0)
    with pytest.raises(TypeError, match="repeat must be an int"):
        program.profile(x, repeat=2.0)
    with pytest.raises(ValueError, match="derivative, jvp or vmap that is open"):
        vmap(lambda x: (program.profile(x), x.sum())[1])(ops.stack([x, x]))


def test_programs_as_they_run_live_as_long_as_someone_holds_them():
    f = jit(lambda x: ops.tanh(x) + 1)
    x = Tensor([1.0, 2.0])
    f(x)
    runs = f._programs[0][3]
    f.clear_cache()
    assert not differences(arrays(runs[0].run(x)), arrays(f(x)))
    assert isinstance(runs[0], _core.Program) and adcore.Program is _core.Program
