"""Cells that are made of ops: each gives what its op gives, has the op's options, and checks them when it is made."""

import copy
import inspect
import pickle

import pytest

from adcore import Tensor, nn
from helpers import array_of
from samples import sample

CELLS = {name: getattr(nn, name) for name in nn.__all__ if "_op" in vars(getattr(nn, name))}
OPTIONS = [(cls, name) for cls in CELLS.values() for name in list(inspect.signature(cls).parameters)]


def options_of(cls):
    """The options of the cell's op in their order, with their defaults."""
    parameters = list(inspect.signature(cls._op).parameters.values())[len(cls._inputs) :]
    return {p.name: p.default for p in parameters}


def as_op(cls):
    """The cell as a function with the signature of its op."""

    def call(*args, **options):
        inputs, given = args[: len(cls._inputs)], args[len(cls._inputs) :]
        return cls(**dict(zip(options_of(cls), given)), **options)(*inputs)

    return call


@pytest.mark.parametrize("cls", CELLS.values())
def test_a_cell_gives_what_its_op_gives(cls):
    for expression in getattr(cls._op, "_samples", ()):
        function, arrays = sample(expression)
        cell, _ = sample(expression, **{cls._op.__name__: as_op(cls)})
        assert array_of(cell(*map(Tensor, arrays))).tobytes() == array_of(function(*map(Tensor, arrays))).tobytes()


@pytest.mark.parametrize("cls", CELLS.values())
def test_a_cell_has_the_options_of_its_op(cls):
    constructor = {name: p.default for name, p in inspect.signature(cls).parameters.items()}
    assert constructor == options_of(cls)
    assert {name: getattr(cls(), name) for name in constructor} == constructor
    assert list(inspect.signature(cls.construct).parameters) == ["self", *cls._inputs]
    with pytest.raises(TypeError, match=rf"{cls.__name__}: got an unexpected keyword argument 'other'"):
        cls(other=1)


@pytest.mark.parametrize(("cls", "option"), OPTIONS)
def test_an_option_is_checked_when_the_cell_is_made(cls, option):
    with pytest.raises((TypeError, ValueError), match=f"^{cls.__name__}: {option} must be .*, but got "):
        cls(**{option: object()})


@pytest.mark.parametrize("cls", CELLS.values())
def test_a_cell_can_be_copied_and_its_class_found(cls):
    assert pickle.loads(pickle.dumps(cls)) is cls
    assert type(copy.copy(cls())) is cls and type(copy.deepcopy(cls())) is cls


def test_a_subclass_is_an_ordinary_one():
    class Sum(nn.MSELoss):
        def __init__(self):
            super().__init__("sum")

    assert float(Sum()(Tensor([1.0, 2.0]), Tensor([3.0, 5.0]))) == 13.0

    class Wrong(nn.MSELoss):
        pass

    with pytest.raises(ValueError, match="^Wrong: reduction must be"):
        Wrong("all")


def test_an_option_may_be_set_later():
    loss = nn.MSELoss()
    loss.reduction = "sum"
    assert float(loss(Tensor([1.0, 2.0]), Tensor([3.0, 5.0]))) == 13.0
