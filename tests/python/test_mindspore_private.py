"""MindSpore's checks of arguments and the other names that begin with an underscore."""

import pytest

import adcore
from adcore.mindspore import checkparam as check
from adcore.mindspore.private import _cell_graph_executor, _is_parameter_generated


def test_compiling_calls_once():
    calls = []
    assert _cell_graph_executor.compile(lambda *args: calls.append(args), 1, 2, phase="train") == ("train", True)
    assert calls == [(1, 2)]
    with pytest.raises(ZeroDivisionError):
        _cell_graph_executor.compile(lambda x: x / 0, 1)


def test_options_of_the_compiler_are_accepted():
    from adcore.mindspore.private import CreationType, cell_attr_register, compile_config

    class Net:
        @cell_attr_register
        def __init__(self):
            self.ready = True

        @cell_attr_register(attrs="ready")
        def again(self):
            return self.ready

    compile_config.GRAD_FOR_SCALAR = 1
    assert Net().again() and compile_config.GRAD_FOR_SCALAR == 1
    assert CreationType.DEFAULT is not CreationType.MULTI_OUTPUT


def test_names_that_were_given_and_not():
    from adcore import Parameter, Tensor

    assert _is_parameter_generated(Parameter(Tensor([1.0])).name)
    assert not _is_parameter_generated("weight") and not _is_parameter_generated(None)


SIGNS = {"positive": {1}, "negative": {-1}, "non_negative": {0, 1}, "non_positive": {-1, 0}}


@pytest.mark.parametrize("kind", [int, float])
@pytest.mark.parametrize("sign", SIGNS)
def test_signs(sign, kind):
    checked = getattr(check, f"check_{sign}_{kind.__name__}")
    for number in (-1, 0, 1):
        if number in SIGNS[sign]:
            assert checked(kind(number)) == number
        else:
            with pytest.raises(ValueError, match=f"Net: width must be .* 0, got {kind(number)}"):
                checked(kind(number), "width", "Net")
    for wrong in ("1", True, None, float(1) if kind is int else 1):
        with pytest.raises(TypeError, match=f"must be of type {kind.__name__}"):
            checked(wrong)


def test_ranges_with_and_without_their_ends():
    inside = {
        check.INC_NEITHER: [1],
        check.INC_LEFT: [0, 1],
        check.INC_RIGHT: [1, 2],
        check.INC_BOTH: [0, 1, 2],
    }
    for rel, expected in inside.items():
        for number in range(-1, 4):
            if number in expected:
                assert check.check_int_range(number, 0, 2, rel) == number
            else:
                with pytest.raises(ValueError, match="must be in"):
                    check.check_int_range(number, 0, 2, rel)
    with pytest.raises(TypeError):
        check.check_float_range(1, 0.0, 2.0, check.INC_BOTH)


def test_relations_and_types():
    assert check.check_int(3, 3, check.Rel.GE, "n", "Net") == 3 and check.check_equal_int(2, 2) == 2
    assert check.Validator.check_value_type("x", 1.0, [int, float]) == 1.0
    assert check.check("x", 1, "y", 2, check.LT) == 1 and check.check_number("x", 1, 1, check.LE, None) == 1
    assert check.check_string("a", ["a", "b"]) == "a" and check.check_input_format("NCHW") == "NCHW"
    assert check.check_positive_int_sequence((1, 2)) == (1, 2) and check.check_isinstance("x", 1, int) == 1
    assert check.check_str_by_regular("conv1.weight") and check.check_bool(False) is False
    for wrong, error in (
        (lambda: check.check_int(2, 3, check.GE, "n", "Net"), ValueError),
        (lambda: check.check("x", 1, "y", 2, check.GT, excp_cls=KeyError), KeyError),
        (lambda: check.check_value_type("x", True, int), TypeError),
        (lambda: check.check_is_float(float("nan")), ValueError),
        (lambda: check.check_string("c", ["a", "b"]), ValueError),
        (lambda: check.check_input_format("NHWC"), ValueError),
        (lambda: check.check_positive_int_sequence((1, 0)), ValueError),
        (lambda: check.check_isinstance("x", "1", int), ValueError),
        (lambda: check.check_str_by_regular("-"), ValueError),
        (lambda: check.check_bool(1), TypeError),
    ):
        with pytest.raises(error):
            wrong()


def test_twice_and_three_times():
    assert check.twice(3) == check.twice((3, 3)) == (3, 3) and check.triple(1) == (1, 1, 1)
    for wrong in (0.5, "3", True, (1, 2, 3), (1, 2.0), [1, 2]):
        with pytest.raises(TypeError, match="expected an int or a tuple of 2 ints"):
            check.twice(wrong)


def test_types_of_the_arguments_of_a_function():
    @check.args_type_check(n=int, word=str)
    def repeated(n, word="ab"):
        return word * n

    assert repeated(2) == "abab" and repeated(2, word="c") == "cc"
    with pytest.raises(TypeError, match="repeated: n must be of type"):
        repeated("2")


def test_kinds_of_graphs_choose_a_function_as_their_words_do():
    from adcore.mindspore import composite, dtypes

    add = composite.MultitypeFuncGraph("add")
    add.register(dtypes.number, dtypes.number)(lambda x, y: ("numbers", x + y))
    add.register(dtypes.tensor_type, dtypes.number)(lambda x, y: ("a tensor", x + y))
    assert add(1, 2.5) == ("numbers", 3.5)
    word, value = add(adcore.Tensor([1.0]), 2)
    assert (word, value.asnumpy().tolist()) == ("a tensor", [3.0])
    assert repr(dtypes.number) == "Number"


def test_inv_of_ints_is_cut_to_ints():
    from adcore.mindspore import operators

    value = operators.Inv()(adcore.Tensor([1, -1, 2, -7]))
    assert (value.dtype, value.asnumpy().tolist()) == (adcore.int64, [1, -1, 0, 0])


def test_a_function_of_a_submodule_of_its_name_is_the_attribute():
    import importlib

    from adcore.mindspore import activate, graph

    activate()
    for name in ("mutable", "lazy_inline"):
        importlib.import_module(f"mindspore.common.{name}")
        own = getattr(graph, name)
        assert own is getattr(importlib.import_module("mindspore.common"), name)
        assert own is getattr(importlib.import_module("mindspore"), name)
