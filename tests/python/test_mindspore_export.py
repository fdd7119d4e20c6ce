"""MindSpore's `export`, `load` and `GraphCell` over programs in files."""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, nn, ops
from adcore.mindspore.exported import export, load
from adcore.mindspore.graph_cell import GraphCell
from test_as_mindspore import run, script  # noqa: F401


def network():
    return nn.SequentialCell(nn.Dense(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Dropout(p=0.5), nn.Dense(3, 2))


def test_a_program_in_the_words_of_a_page(script, tmp_path):  # noqa: F811
    printed = run(
        "-m",
        "adcore",
        script(
            """
            import numpy as np
            import mindspore
            from mindspore import Tensor, nn

            def network():
                return nn.SequentialCell(nn.Flatten(), nn.Dense(28 * 28, 16), nn.ReLU(), nn.Dense(16, 10))

            mindspore.set_context(mode=mindspore.GRAPH_MODE, jit_syntax_level=mindspore.STRICT)
            model = network()
            inputs = Tensor(np.ones([1, 1, 28, 28]).astype(np.float32))
            mindspore.export(model, inputs, file_name="model", file_format="MINDIR")
            expected = model(inputs).asnumpy()
            model = nn.GraphCell(mindspore.load("model.mindir"))
            outputs = model(inputs)
            print(outputs.shape, (outputs.asnumpy() == expected).all())
            """
        ),
        cwd=tmp_path,
    )
    assert printed == "(1, 10) True\n"


def test_the_bits_and_the_derivatives_are_those_of_the_network(tmp_path):
    net, x = network(), ops.randn(5, 4)
    export(net, x, file_name=tmp_path / "net")
    cell = GraphCell(load(tmp_path / "net.mindir"))
    for value in (x, ops.randn(5, 4)):
        np.testing.assert_array_equal(cell(value).asnumpy(), net(value).asnumpy())
    own, of_file = (adcore.grad(lambda x, f=f: f(x).sum())(x).asnumpy() for f in (net, cell))
    np.testing.assert_allclose(of_file, own, rtol=1e-6)
    with pytest.raises(ValueError, match=r"x was Float32 \(5, 4\) when the program was recorded"):
        cell(ops.ones((2, 4)))


def test_a_parameter_may_be_an_input(tmp_path):
    class Sum(nn.Cell):
        def __init__(self):
            super().__init__()
            self.bias = Parameter(Tensor([0.0, 1.0]), name="bias")

        def construct(self, x):
            return x + self.bias

    given = Parameter(Tensor([1.0, 2.0]), name="given")
    export(Sum(), given, file_name=tmp_path / "sum")
    program = load(tmp_path / "sum.mindir")
    assert [*program.state] == ["bias"] and program(Tensor([5.0, 5.0])).tolist() == [5.0, 6.0]


def test_parameters_of_ones_own(tmp_path):
    net, other, x = network(), network(), ops.randn(5, 4)
    export(net, x, file_name=f"{tmp_path}/net.mindir")
    values = {p.name: p for p in other.get_parameters()}
    cell = GraphCell(load(f"{tmp_path}/net.mindir"), values)
    np.testing.assert_array_equal(cell(x).asnumpy(), other(x).asnumpy())
    program = load(f"{tmp_path}/net.mindir")
    before = {name: value.asnumpy().copy() for name, value in program.state.items()}
    for params, error, text in (
        ({"0.weight": 1.0}, TypeError, "must be a Tensor, got float"),
        ({"0.bias": ops.zeros(3), "nothing": ops.ones(1)}, ValueError, "no Parameter 'nothing'"),
        ({"0.bias": ops.zeros(3), "0.weight": ops.ones(1)}, ValueError, r"must have the shape \(3, 4\)"),
    ):
        with pytest.raises(error, match=text):
            GraphCell(program, params)
    for name, value in program.state.items():
        np.testing.assert_array_equal(value.asnumpy(), before[name])


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x, path: export(lambda x: x.dtype, x, file_name=path), ValueError, "the result is a dtype"),
        (lambda x, path: export(nn.ReLU(), x, file_name=path, file_format="AIR"), NotImplementedError, "got 'AIR'"),
        (lambda x, path: export(nn.ReLU(), x, file_name=path, enc_key=b"1"), NotImplementedError, "'enc_key'"),
        (lambda x, path: load(path, dec_key=b"1"), NotImplementedError, "'dec_key'"),
        (lambda x, path: load(path), FileNotFoundError, "nothing"),
        (lambda x, path: load(__file__), ValueError, "no program"),
        (lambda x, path: GraphCell(nn.ReLU()), TypeError, "must be a program of mindspore.load, got ReLU"),
    ],
)
def test_what_does_not_fit_is_told(call, error, text, tmp_path):
    with pytest.raises(error, match=text):
        call(Parameter(Tensor([1.0]), name="x"), tmp_path / "nothing")
    assert not list(tmp_path.iterdir())
