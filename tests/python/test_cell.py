"""Cell, SequentialCell, CellList: registration by attribute, names and prefixes, modes, text, copies.

Names carry the number of the observation of MindSpore that a test pins (`c09` and so on).
"""

import copy
import pickle
import warnings

import numpy as np
import pytest

import adcore
from adcore import Parameter, ParameterTuple, Tensor, grad, nn, ops
from helpers import check, f16, f32, t32


class Scale(nn.Cell):
    """One Parameter, at module level so that it can be pickled."""

    def __init__(self):
        super().__init__()
        self.w = Parameter(t32(2.0, 3.0), name="w")
        self.calls = 0

    def construct(self, x):
        self.calls += 1
        return x * self.w


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.seq = nn.SequentialCell(nn.Dense(4, 3), nn.ReLU(), nn.Dense(3, 2))
        self.pair = ParameterTuple([Parameter(t32(1.0), name="p0"), Parameter(t32(2.0), name="p1")])
        self.tail = Parameter(t32(3.0))

    def construct(self, x):
        return self.seq(x) * self.pair[0] + self.tail


def names(cell):
    return [p.name for p in cell.get_parameters()]


def empty(**attributes):
    cell = nn.Cell()
    for name, value in attributes.items():
        setattr(cell, name, value)
    return cell


# Making and calling.


@pytest.mark.parametrize("value", [lambda: Parameter(t32(1.0)), nn.ReLU, lambda: ParameterTuple([])])
def test_c08_registering_before_super_init_is_an_error(value):
    class Early(nn.Cell):
        def __init__(self):
            self.part = value()

    with pytest.raises(AttributeError, match=r"Early: 'part' .* super\(\).__init__\(\)"):
        Early()


def test_c08_a_plain_attribute_may_come_before_super_init():
    class Early(nn.Cell):
        def __init__(self):
            self.size = 3
            super().__init__()

    assert Early().size == 3


def test_c08_construct_gets_the_arguments_of_the_call():
    class Product(nn.Cell):
        def construct(self, x, y=2, *, z=1):
            return x * y * z

    cell = Product()
    assert [cell(5), cell(5, 7), cell(5, z=3), cell(5, y=4, z=3), cell(x=5)] == [10, 35, 30, 60, 10]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        cell()


def test_c08_a_cell_without_construct_cannot_be_called():
    class Hollow(nn.Cell):
        pass

    with pytest.raises(AttributeError, match="Hollow: construct is not defined"):
        Hollow()(t32(1.0))


def test_construct_may_be_replaced_on_one_instance():
    cell = nn.ReLU()
    cell.construct = lambda x: x + 1
    check(cell(t32(-3.0)), f32(-2.0))


def test_a_parameter_is_a_plain_attribute_of_its_cell():
    cell = Scale()
    assert cell.__dict__["w"] is cell.w
    assert not hasattr(nn.Cell, "__getattr__"), "its presence makes each read slower"


# Names.


def test_c09_names_follow_the_attributes():
    class Sub(nn.Cell):
        def __init__(self):
            super().__init__()
            self.w = Parameter(t32(1.0))
            self.g = Parameter(t32(2.0), name="given")

    class Top(nn.Cell):
        def __init__(self):
            super().__init__()
            self.a = Sub()
            self.b = Sub()
            self.top = Parameter(t32(4.0))
            self.d = nn.Dense(2, 1)

    assert names(Sub()) == ["w", "given"]
    net = Top()
    expected = ["top", "a.w", "a.g", "b.w", "b.g", "d.weight", "d.bias"]
    assert names(net) == expected
    assert [path for path, _ in net.parameters_and_names()] == expected
    assert list(net.parameters_dict()) == expected
    assert [p.name for p in net.trainable_params()] == expected
    assert net.untrainable_params() == []
    assert list(net.parameters_dict(recurse=False)) == ["top"]
    assert [p.name for p in net.get_parameters(expand=False)] == ["top"]
    assert [(path, type(c).__name__) for path, c in net.cells_and_names()] == [
        ("", "Top"),
        ("a", "Sub"),
        ("b", "Sub"),
        ("d", "Dense"),
    ]
    assert [type(c).__name__ for c in net.cells()] == ["Sub", "Sub", "Dense"]
    assert list(net.name_cells()) == ["a", "b", "d"]


def test_c09_paths_may_start_with_a_prefix():
    net = nn.SequentialCell(nn.Dense(1, 1))
    assert [path for path, _ in net.parameters_and_names("net")] == ["net.0.weight", "net.0.bias"]
    assert [path for path, _ in net.cells_and_names(name_prefix="net")] == ["net", "net.0"]


def test_c10_insertion_renames_the_parameters_of_the_child():
    dense = nn.Dense(2, 1)
    assert names(dense) == ["weight", "bias"]
    net = nn.SequentialCell(dense, nn.ReLU(), nn.Dense(1, 1))
    assert names(net) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert names(dense) == ["0.weight", "0.bias"]
    assert names(nn.CellList([nn.Dense(1, 1), nn.Dense(1, 1)])) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_without_auto_prefix_the_names_stay():
    cell = nn.Cell(auto_prefix=False)
    cell.d = nn.Dense(1, 1)
    assert names(cell) == ["weight", "bias"]
    assert [path for path, _ in cell.parameters_and_names()] == ["d.weight", "d.bias"]


def test_c11_two_parameters_of_one_name_are_told_apart_where_names_matter():
    cell = empty(a=Parameter(t32(1.0), name="x"), b=Parameter(t32(2.0), name="x"))
    assert [(path, p.name) for path, p in cell.parameters_and_names()] == [("a", "x"), ("b", "x")]
    with pytest.raises(ValueError, match=r"two Parameters have the name 'x'.*update_parameters_name"):
        cell.parameters_dict()
    cell.update_parameters_name()
    assert list(cell.parameters_dict()) == ["a", "b"]


def test_c11_a_shared_parameter_or_cell_is_listed_once():
    w = Parameter(t32(1.0), name="x")
    cell = empty(a=w, b=w)
    assert [(path, p.name) for path, p in cell.parameters_and_names()] == [("a", "x")]
    assert len(cell.trainable_params()) == 1
    dense = nn.Dense(1, 1)
    cell = empty(a=dense, b=dense)
    assert [(path, p.name) for path, p in cell.parameters_and_names()] == [
        ("a.weight", "b.weight"),
        ("a.bias", "b.bias"),
    ]
    assert [path for path, _ in cell.cells_and_names()] == ["", "a"]
    assert list(cell.name_cells()) == ["a"]


def test_c12_a_parameter_made_outside_keeps_name_and_identity():
    w = Parameter(t32(1.0, 2.0), name="w")
    one, two = empty(w=w, other=w), empty(w=w)
    assert one.w is w and one.other is w and two.w is w and w.name == "w"
    assert [(path, p.name) for path, p in one.parameters_and_names()] == [("w", "w")]


def test_c18_update_parameters_name_prefixes_the_tree():
    net = nn.SequentialCell(nn.Dense(2, 2), nn.ReLU())
    net.update_parameters_name("pre_")
    assert names(net) == ["pre_0.weight", "pre_0.bias"]
    net.append(nn.Dense(2, 2))
    assert names(net)[2:] == ["pre_2.weight", "pre_2.bias"]
    with pytest.raises(TypeError, match="prefix must be a str, but got int"):
        net.update_parameters_name(3)


# Text.


def test_c13_repr_shows_the_tree():
    class Named(nn.Cell):
        def __init__(self):
            super().__init__()
            self.flatten = nn.Flatten()
            self.seq = nn.SequentialCell(nn.Dense(4, 3), nn.ReLU())
            self.w = Parameter(t32(1.0), name="w")

    assert repr(Named()) == (
        "Named(\n"
        "  (flatten): Flatten()\n"
        "  (seq): SequentialCell(\n"
        "    (0): Dense(input_channels=4, output_channels=3, has_bias=True)\n"
        "    (1): ReLU()\n"
        "  )\n"
        ")"
    )
    assert str(nn.ReLU()) == "ReLU()"
    assert repr(nn.CellList([nn.ReLU()])) == "CellList(\n  (0): ReLU()\n)"
    assert repr(nn.CellList()) == "CellList()"


def test_c13_extend_repr_stands_before_the_children():
    class Wide(nn.Cell):
        def extend_repr(self):
            return "one=1\ntwo=2"

    assert repr(Wide()) == "Wide(\n  one=1\n  two=2\n)"
    assert repr(nn.Dense(2, 1, activation="relu")) == (
        "Dense(\n  input_channels=2, output_channels=1, has_bias=True, activation=ReLU()\n  (activation): ReLU()\n)"
    )


# Modes.


def test_c14_set_train_reaches_every_cell_and_returns_the_first():
    net = nn.SequentialCell(nn.Dense(2, 2), nn.SequentialCell(nn.Dropout(p=0.5)))
    assert (net.training, net[1][0].training, net.phase) == (False, False, "predict")
    assert net.set_train() is net
    assert (net.training, net[1][0].training, net.phase) == (True, True, "train")
    assert not net.set_train(False)[1][0].training


def test_c14_set_grad_sets_a_flag():
    net = nn.SequentialCell(nn.Dense(2, 2))
    assert net.requires_grad is False and net.set_grad() is net and net.requires_grad is True


def test_c18_apply_visits_children_first():
    seen = []
    net = nn.SequentialCell(nn.Dense(2, 2), nn.ReLU())
    assert net.apply(lambda c: seen.append(c.cls_name)) is net
    assert seen == ["Dense", "ReLU", "SequentialCell"]


def test_c18_to_float_computes_in_another_type():
    net = nn.Dense(2, 1, weight_init="ones", bias_init="ones").to_float(adcore.float16)
    x = Tensor([[1.0, 2.0]], adcore.float32)
    check(net(x), f16([[4.0]]))
    assert net.weight.dtype == adcore.float32
    gradient = grad(lambda x: net(x), None, net.trainable_params())(x)
    check(gradient, (f32([[1.0, 2.0]]), f32([1.0])))
    check(net.to_float(adcore.float32)(x), f32([[4.0]]))
    with pytest.raises(ValueError, match="to_float: dst_type must be float16"):
        net.to_float(adcore.int32)


def test_to_float_keeps_what_construct_assigns():
    cell = Scale().to_float(adcore.float16)
    check(cell(t32(1.0, 1.0)), f16([2.0, 3.0]))
    check(cell(t32(1.0, 1.0)), f16([2.0, 3.0]))
    assert cell.calls == 2 and cell.w.dtype == adcore.float32
    twin = copy.copy(cell)
    check(twin(t32(1.0, 1.0)), f16([2.0, 3.0]))
    assert (twin.calls, cell.calls) == (3, 2)
    check(copy.deepcopy(cell)(t32(1.0, 1.0)), f16([2.0, 3.0]))
    assert cell.calls == 2


# Replacing and deleting attributes.


def test_c15_assigning_to_the_name_of_a_parameter():
    cell = Scale()
    w = cell.w
    cell.w = t32(5.0, 6.0)
    assert cell.w is w
    np.testing.assert_array_equal(w.asnumpy(), [5.0, 6.0])
    for wrong in (3.0, [1.0, 2.0], np.ones(2)):
        with pytest.raises(TypeError, match="Scale: 'w' holds a Parameter, but got"):
            cell.w = wrong
    assert cell.w is w
    cell.w = None
    assert cell.w is None and names(cell) == []
    cell.w = Parameter(t32(6.0), name="nw")
    assert names(cell) == ["nw"]
    del cell.w
    assert not hasattr(cell, "w") and names(cell) == []
    with pytest.raises(AttributeError, match="'Scale' object has no attribute 'w'"):
        _ = cell.w


def test_c15_assigning_to_the_name_of_a_child():
    cell = empty(d=nn.ReLU())
    with pytest.raises(TypeError, match="'d' holds a Cell, but got int"):
        cell.d = 3
    cell.d = nn.Tanh()
    assert [c.cls_name for c in cell.cells()] == ["Tanh"]
    cell.d = None
    assert cell.d is None and list(cell.cells()) == [] and repr(cell) == "Cell(\n  (d): None\n)"
    cell.d = nn.ReLU()
    del cell.d
    assert repr(cell) == "Cell()" and not hasattr(cell, "d")
    with pytest.raises(AttributeError):
        del cell.d


def test_c15_parameters_and_children_do_not_take_each_others_names():
    cell = empty(d=nn.ReLU(), p=Parameter(t32(1.0)), q=3)
    with pytest.raises(KeyError, match="'d' already holds a ReLU"):
        cell.d = Parameter(t32(1.0))
    with pytest.raises(KeyError, match="'p' already holds a Parameter"):
        cell.p = nn.ReLU()
    for value in (Parameter(t32(1.0)), nn.ReLU(), ParameterTuple([])):
        with pytest.raises(KeyError, match="'construct' is an attribute of the class"):
            cell.construct = value
        with pytest.raises(KeyError, match="'phase' is an attribute of the class"):
            cell.phase = value
    cell.q = Parameter(t32(2.0))
    assert names(cell) == ["p", "q"]
    assert isinstance(cell.d, nn.ReLU)


def test_c16_insert_param_to_cell():
    cell = nn.Cell()
    p1 = Parameter(t32(1.0), name="p1")
    cell.insert_param_to_cell("p1", p1)
    cell.insert_param_to_cell("p1", p1)
    cell.insert_param_to_cell("none", None)
    cell.insert_param_to_cell("auto", Parameter(t32(1.0)))
    cell.insert_param_to_cell("a.b", Parameter(t32(1.0), name="dotted"), check_name_contain_dot=False)
    assert cell.p1 is p1 and cell.none is None and names(cell) == ["p1", "auto", "dotted"]
    cell.plain = 3
    for name in ("a.b", "", "plain", "cells"):
        with pytest.raises(KeyError):
            cell.insert_param_to_cell(name, Parameter(t32(1.0), name="p"))
    with pytest.raises(TypeError, match="'t' must be a Parameter or None, but got Tensor"):
        cell.insert_param_to_cell("t", t32(1.0))
    assert cell.plain == 3 and names(cell) == ["p1", "auto", "dotted"]


def test_c16_insert_child_to_cell():
    cell = nn.Cell()
    cell.insert_child_to_cell("d", nn.Dense(1, 1))
    assert names(cell) == ["weight", "bias"] and isinstance(cell.d, nn.Dense)
    cell.insert_child_to_cell("d", nn.ReLU())
    assert names(cell) == [] and isinstance(cell.d, nn.ReLU)
    with pytest.raises(TypeError, match="child_cell must be a Cell or None, but got int"):
        cell.insert_child_to_cell("x", 3)
    with pytest.raises(TypeError, match="child_name must be a str, but got int"):
        cell.insert_child_to_cell(3, nn.ReLU())
    cell.plain = 3
    for name in ("a.b", "", "plain", "construct"):
        with pytest.raises(KeyError):
            cell.insert_child_to_cell(name, nn.ReLU())
    assert list(cell.name_cells()) == ["d"]


def test_c17_only_a_parameter_tuple_registers_what_it_holds():
    held = ParameterTuple([Parameter(t32(1.0), name="a"), Parameter(t32(2.0), name="b")])
    cell = empty(
        held=held,
        listed=[Parameter(t32(1.0), name="c")],
        tupled=(Parameter(t32(1.0), name="d"),),
        mapped={"k": Parameter(t32(1.0), name="e")},
    )
    assert names(cell) == ["a", "b"] and cell.held is held and list(cell.cells()) == []


def test_c17_replacing_a_parameter_tuple_unregisters_it():
    a, b = Parameter(t32(1.0), name="a"), Parameter(t32(2.0), name="b")
    cell = empty(held=ParameterTuple([a, b]))
    cell.held = ParameterTuple([Parameter(t32(3.0), name="a")])
    assert len(list(cell.get_parameters())) == 1 and next(cell.get_parameters()) is not a
    cell.held = 3
    assert names(cell) == []
    cell.held = ParameterTuple([a])
    del cell.held
    assert names(cell) == []
    cell.a = a
    cell.held = ParameterTuple([a, b])
    cell.held = nn.ReLU()
    assert names(cell) == ["a"] and list(cell.name_cells()) == ["held"]


def test_c17_a_parameter_tuple_does_not_hide_another_parameter():
    cell = empty(a=Parameter(t32(1.0)))
    with pytest.raises(ValueError, match="a Parameter named 'a', a name that another"):
        cell.held = ParameterTuple([Parameter(t32(2.0), name="a")])
    assert not hasattr(cell, "held") and names(cell) == ["a"]


# State and copies.


def test_c22_state_dict_goes_by_path():
    net = nn.SequentialCell(nn.Dense(2, 1))
    net.update_parameters_name("x.")
    state = net.state_dict()
    assert list(state) == ["0.weight", "0.bias"] and state["0.weight"] is net[0].weight
    other = nn.SequentialCell(nn.Dense(2, 1))
    keys = other.load_state_dict(state)
    assert (keys.missing_keys, keys.unexpected_keys) == ([], [])
    np.testing.assert_array_equal(other[0].weight.asnumpy(), net[0].weight.asnumpy())
    assert other[0].weight is not net[0].weight


def test_c22_load_state_dict_refuses_what_does_not_fit_and_changes_nothing():
    net = nn.Dense(2, 1, weight_init="zeros", bias_init="zeros")
    ones = ops.ones((1, 2), adcore.float32)
    for state, text in (
        ({"weight": ones}, "missing: bias"),
        ({"weight": ones, "bias": t32(1.0, 2.0)}, r"shape of bias is \(2,\), expected \(1,\)"),
        ({"weight": ones, "bias": 3}, "bias must be a Tensor, got int"),
        ({**nn.Dense(2, 1).state_dict(), "extra": ones}, "unexpected: extra"),
    ):
        with pytest.raises(RuntimeError, match=text):
            net.load_state_dict(state)
        assert not net.weight.asnumpy().any() and not net.bias.asnumpy().any()
    keys = net.load_state_dict({"weight": ones, "extra": ones}, strict=False)
    assert (keys.missing_keys, keys.unexpected_keys) == (["bias"], ["extra"])
    assert net.weight.asnumpy().all()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_c32_a_deep_copy_has_its_own_parameters(copied):
    net = Net().set_train()
    twin = copied(net)
    x = ops.ones((2, 4), adcore.float32)
    np.testing.assert_array_equal(twin(x).asnumpy(), net(x).asnumpy())
    assert names(twin) == names(net) and repr(twin) == repr(net) and twin.seq[0].training
    for one, other in zip(net.get_parameters(), twin.get_parameters()):
        assert one is not other
    assert twin.tail is twin.parameters_dict()["tail"]
    assert [p is q for p, q in zip(twin.pair, twin.get_parameters())] == [True, True]
    twin.tail.set_data(t32(100.0))
    assert float(net.tail) == 3.0


def test_a_shallow_copy_shares_parameters_but_not_registries():
    net = Net()
    twin = copy.copy(net)
    assert twin.tail is net.tail
    twin.extra = Parameter(t32(1.0))
    assert "extra" in names(twin) and "extra" not in names(net)


def test_c33_frozen_parameters_are_not_trained():
    net = nn.Dense(2, 2)
    net.weight.requires_grad = False
    assert [p.name for p in net.trainable_params()] == ["bias"]
    assert [p.name for p in net.untrainable_params()] == ["weight"]
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], adcore.float32)
    check(grad(lambda x: net(x), None, net.trainable_params())(x), (f32([2.0, 2.0]),))
    for param in net.get_parameters():
        param.requires_grad = False
    assert grad(lambda x: net(x), None, net.trainable_params())(x) == ()


def test_gradients_reach_the_parameters_of_a_network():
    net = Net()
    x = ops.ones((1, 4), adcore.float32)
    gradients = adcore.grad(net, None, net.trainable_params())(x)
    by_name = dict(zip(names(net), gradients))
    check(by_name["tail"], f32(2.0))
    check(by_name["p0"], f32(net.seq(x).asnumpy().sum()))
    check(by_name["p1"], f32(0.0))


def test_a_deep_tree_is_walked_without_recursion():
    top = cell = nn.Cell(auto_prefix=False)
    for _ in range(5000):
        child = nn.Cell(auto_prefix=False)
        cell.c = child
        cell = child
    cell.w = Parameter(t32(1.0))
    assert len(list(top.cells_and_names())) == 5001 and names(top) == ["w"]
    assert top.set_train() is top and cell.training


# Containers.


def test_sequential_applies_its_cells_in_order():
    class Add(nn.Cell):
        def construct(self, x):
            return x + 1

    class Double(nn.Cell):
        def construct(self, x):
            return x * 2

    assert nn.SequentialCell(Add(), Double())(3) == 8
    assert nn.SequentialCell([Double(), Add()])(3) == 7
    assert nn.SequentialCell()(3) == 3


def test_sequential_takes_names_from_a_dict():
    net = nn.SequentialCell({"first": nn.Dense(1, 1), "act": nn.ReLU()})
    assert names(net) == ["first.weight", "first.bias"]
    assert repr(net).splitlines()[2] == "  (act): ReLU()"
    net.append(nn.Dense(1, 1))
    assert names(net)[2:] == ["2.weight", "2.bias"]
    with pytest.raises(KeyError):
        nn.SequentialCell({"a.b": nn.ReLU()})


@pytest.mark.parametrize("row", [nn.SequentialCell, nn.CellList])
def test_a_row_of_cells_behaves_as_a_list(row):
    cells = [nn.Dense(1, 1) for _ in range(4)]
    net = row(cells[:2])
    assert len(net) == 2 and bool(net) and not row() and list(net) == cells[:2]
    assert net[0] is cells[0] and net[-1] is cells[1]
    net.append(cells[2])
    net += [cells[3]]
    assert names(net)[::2] == ["0.weight", "1.weight", "2.weight", "3.weight"]
    part = net[1:3]
    assert type(part) is row and list(part) == cells[1:3]
    assert names(net)[::2] == ["0.weight", "1.weight", "2.weight", "3.weight"], "a slice renames nothing"
    del net[1]
    assert list(net) == [cells[0], cells[2], cells[3]]
    assert names(net)[::2] == ["0.weight", "1.weight", "2.weight"]
    net.insert(1, cells[1])
    assert list(net) == cells and names(net)[::2] == ["0.weight", "1.weight", "2.weight", "3.weight"]
    net.insert(len(net), nn.ReLU())
    net[-1] = nn.Tanh()
    assert net[4].cls_name == "Tanh"
    del net[1:]
    assert list(net) == cells[:1]


@pytest.mark.parametrize("row", [nn.SequentialCell, nn.CellList])
def test_names_in_a_row_follow_the_place_of_the_row(row):
    top = empty(outer=empty(inner=row([nn.Dense(1, 1)])))
    top.outer.inner.append(nn.Dense(1, 1))
    top.outer.inner.insert(0, nn.ReLU())
    assert names(top) == [f"outer.inner.{i}.{w}" for i in (1, 2) for w in ("weight", "bias")]
    top.outer.late = nn.Dense(1, 1)
    assert names(top)[-1] == "outer.late.bias"


@pytest.mark.parametrize("row", [nn.SequentialCell, nn.CellList])
def test_a_row_refuses_what_is_not_a_cell(row):
    with pytest.raises(TypeError):
        row(3)
    with pytest.raises(TypeError, match="every item must be a Cell, but got int"):
        row([nn.ReLU(), 3])
    net = row([nn.ReLU()])
    for change in (net.append, lambda c: net.insert(0, c), lambda c: net.extend([nn.ReLU(), c])):
        with pytest.raises(TypeError, match="must be a Cell"):
            change(3)
    with pytest.raises(TypeError, match="must be a Cell"):
        net[0] = 3
    with pytest.raises(TypeError, match="expected a list of Cells"):
        net.extend(3)
    with pytest.raises(IndexError, match="index 5 is out of range for 1 cells"):
        net[5]
    with pytest.raises(IndexError, match="index -2 is out of range for 1 cells"):
        del net[-2]
    with pytest.raises(IndexError, match="index 9"):
        net.insert(9, nn.ReLU())
    for index in ("0", 0.0, True):
        with pytest.raises(TypeError, match="an index must be an int or a slice"):
            net[index]
    assert [c.cls_name for c in net] == ["ReLU"]


def test_a_cell_list_is_not_callable():
    with pytest.raises(NotImplementedError, match="CellList"):
        nn.CellList([nn.ReLU()])(t32(1.0))


def test_a_cell_list_without_auto_prefix_keeps_names():
    assert names(nn.CellList([nn.Dense(1, 1)], auto_prefix=False)) == ["weight", "bias"]


# Cells where nothing finds them.


@pytest.mark.parametrize(
    ("held", "kind", "instead"),
    [
        ([nn.Dense(1, 1)], "list", "CellList"),
        ((1, nn.ReLU()), "tuple", "CellList"),
        ({"a": nn.Dense(1, 1)}, "dict", "CellDict"),
    ],
)
def test_cells_in_a_plain_container_give_a_warning(held, kind, instead):
    cell = empty()
    with pytest.warns(UserWarning, match=f"the cells in the {kind} 'heads' are no part .* Use {instead}") as caught:
        cell.heads = held
    assert len(caught) == 1 and caught[0].filename == __file__
    assert cell.heads is held and list(cell.cells()) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(cell.get_parameters()) == [] and cell.trainable_params() == []


def test_cells_appended_later_give_a_warning_when_parameters_are_listed():
    cell = empty(heads=[])
    cell.heads.append(nn.Dense(1, 1))
    with pytest.warns(UserWarning, match="the cells in the list 'heads'"):
        cell.trainable_params()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cell.trainable_params()


def test_cells_that_are_found_elsewhere_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cell = empty(heads=nn.CellList([nn.Dense(1, 1), nn.ReLU()]))
        cell.in_order = list(cell.heads)
        cell.numbers = [1, 2]
        assert len(cell.trainable_params()) == 2


def test_a_dict_of_cells():
    cells = nn.CellDict({"a": nn.Dense(1, 2)})
    cells["b"] = nn.ReLU()
    cells.update([("c", nn.Dense(2, 1))])
    assert (list(cells), len(cells), "b" in cells, "x" in cells) == (["a", "b", "c"], 3, True, False)
    assert list(cells.keys()) == list(cells) and dict(cells.items()) == dict(zip(cells, cells.values()))
    assert names(cells) == ["a.weight", "a.bias", "c.weight", "c.bias"]
    net = empty(heads=cells)
    assert names(net)[0] == "heads.a.weight"
    cells["d"] = nn.Dense(1, 1)
    assert cells["d"].weight.name == "heads.d.weight"
    del cells["b"]
    assert isinstance(cells.pop("c"), nn.Dense) and list(cells) == ["a", "d"]
    assert list(copy.deepcopy(cells)) == ["a", "d"]
    cells.clear()
    assert len(cells) == 0 and names(net) == []
    assert (nn.Sequential, nn.ModuleList, nn.ModuleDict) == (nn.SequentialCell, nn.CellList, nn.CellDict)
    for error, text, cells in (
        (TypeError, "'a' must be a Cell, but got int", {"a": 1}),
        (TypeError, "a key must be a str, but got int", {1: nn.ReLU()}),
        (KeyError, "cannot name a Cell", {"a.b": nn.ReLU()}),
        (KeyError, "'keys' is an attribute of", {"keys": nn.ReLU()}),
        (TypeError, "expected a dict or an iterable of pairs", [nn.ReLU()]),
        (TypeError, "expected a dict or an iterable of pairs", 3),
    ):
        with pytest.raises(error, match=text):
            nn.CellDict(cells)
    with pytest.raises(NotImplementedError):
        nn.CellDict()(1)


# Buffers, dtypes, flags.


def test_buffers_are_saved_and_not_trained():
    net = nn.SequentialCell(nn.Dense(2, 1))
    net[0].register_buffer("scale", t32(2.0))
    net[0].register_buffer("scratch", t32(3.0), persistent=False)
    net[0].register_buffer("nothing", None)
    assert [path for path, _ in net.named_buffers()] == ["0.scale", "0.scratch"]
    assert [path for path, _ in net.named_buffers("net", recurse=False)] == []
    assert [float(value) for value in net[0].buffers(recurse=False)] == [2.0, 3.0]
    assert names(net) == ["0.weight", "0.bias"] and list(net.parameters_dict()) == names(net)
    state = {key: value.copy() for key, value in net.state_dict().items()}
    assert list(state) == ["0.weight", "0.bias", "0.scale"]
    net[0].scale = t32(5.0)
    assert float(net[0].scale) == 5.0 and float(net.state_dict()["0.scale"]) == 5.0
    assert net.load_state_dict(state) == ([], [])
    assert float(net[0].scale) == 2.0
    state.pop("0.scale")
    with pytest.raises(RuntimeError, match="missing: 0.scale"):
        net.load_state_dict(state)
    with pytest.raises(RuntimeError, match="shape of 0.scale"):
        net.load_state_dict({**state, "0.scale": t32(1.0, 2.0)})
    twin, other = copy.deepcopy(net), copy.copy(net[0])
    twin[0].scale = t32(7.0)
    other.scale = t32(8.0)
    assert float(net[0].scale) == 2.0 == float(dict(net.named_buffers())["0.scale"])
    assert float(twin.state_dict()["0.scale"]) == 7.0
    with pytest.raises(TypeError, match="'scale' holds a buffer, but got int"):
        net[0].scale = 1
    net[0].scale = None
    assert list(net.state_dict()) == ["0.weight", "0.bias"]
    del net[0].scale
    assert not hasattr(net[0], "scale") and "scale" not in net[0]._buffers
    net[0].scale = 1


@pytest.mark.parametrize(
    ("error", "text", "arguments"),
    [
        (KeyError, "cannot name a buffer", ("a.b", None)),
        (KeyError, "already holds a Parameter", ("weight", None)),
        (KeyError, "'has_bias' is already an attribute", ("has_bias", None)),
        (KeyError, "'construct' is an attribute of the class", ("construct", None)),
        (TypeError, "name must be a str, but got int", (1, None)),
        (TypeError, "'a' must be a Tensor or None, but got float", ("a", 1.0)),
        (TypeError, "'a' must be a Tensor or None, but got Parameter", ("a", Parameter(t32(1.0), name="p"))),
    ],
)
def test_what_is_no_buffer(error, text, arguments):
    net = nn.Dense(2, 1)
    with pytest.raises(error, match=text):
        net.register_buffer(*arguments)
    assert list(net.named_buffers()) == []


def test_a_buffer_is_cast_with_the_rest():
    class Scaled(nn.Cell):
        def __init__(self):
            super().__init__()
            self.register_buffer("scale", t32(2.0))

        def construct(self, x):
            return x * self.scale

    net = Scaled()
    assert net.to_float(adcore.float16)(t32(1.0)).dtype == adcore.float16 and net.scale.dtype == adcore.float32


def test_to_converts_parameters_and_buffers():
    net = nn.SequentialCell(nn.Dense(2, 1), nn.BatchNorm1d(1))
    net[0].register_buffer("scale", t32(2.0))
    net[0].register_buffer("count", Tensor([3]))
    params = list(net.get_parameters())
    assert net.to(adcore.float64) is net
    assert all(a is b and a.dtype == adcore.float64 for a, b in zip(params, net.get_parameters()))
    assert net[0].scale.dtype == adcore.float64 and net[0].count.dtype == adcore.int64
    assert net(Tensor([[1.0, 2.0]], adcore.float64)).dtype == adcore.float64
    for wrong in (adcore.int32, "cpu", None):
        with pytest.raises(TypeError, match="to: dtype must be a floating-point dtype"):
            net.to(wrong)


def test_flags_and_inputs():
    net = nn.SequentialCell(nn.ReLU())
    assert net.get_flags() == {} and net.get_inputs() is None
    assert net.add_flags_recursive(a=1) is net and net.a == net[0].a == 1
    assert net[0].add_flags(b=2).get_flags() == {"a": 1, "b": 2} and net.get_flags() == {"a": 1}
    net.set_inputs(x=3)
    assert net.get_inputs() == {"x": 3}
    with pytest.raises(ValueError, match="set_inputs: give the inputs by position or by name"):
        net.set_inputs(1, x=2)
