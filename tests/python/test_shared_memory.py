"""Memory that is shared with NumPy: who sees what is written to an array afterwards, and who does not.

The law over the samples of all ops: a result is a new value, whatever is written later to the arrays that its inputs
share. Views (a reshape, a slice, a transpose, what gives back its input) share it too, in a call that is not recorded
and in one that is; the oracle of what jit does is the call without it.
"""

import copy

import numpy as np
import pytest

import adcore
import adcore.array_api as xp
from adcore import Parameter, Tensor, nn, ops
from helpers import array_of
from test_ops_grad import SAMPLES


def leaves(out):
    if isinstance(out, dict):
        out = list(out.values())
    return [t for o in out for t in leaves(o)] if isinstance(out, (tuple, list)) else [out]


def arrays(out):
    return [array_of(t).copy() for t in leaves(out) if isinstance(t, Tensor)]


def changes(call, given):
    """Say which results change when the arrays that the inputs share are written over."""
    shared = [np.array(a, np.float64) for a in given]
    out = call(*map(adcore.from_numpy, shared))
    before = arrays(out)
    for a in shared:
        a[...] = 77.0
    return [not np.array_equal(a, b, equal_nan=True) for a, b in zip(before, arrays(out))]


def gradients(function):
    def weighted(*args):
        return sum((t.astype(adcore.float64) * 2).sum() for t in leaves(function(*args)) if isinstance(t, Tensor))

    return lambda *args: adcore.grad(weighted, tuple(range(len(args))))(*args)


# Samples whose op gives back its input, or another order of its axes.
VIEWS = {
    "alpha_dropout(x(3, 4), 0.4, seed=1)",
    "matrix_power(x(3, 3), 1)",
    "matrix_transpose(x(2, 3, 4))",
    "t(x(3, 4))",
}
# Recording all takes long: some of all families.
RECORDED = sorted({*list(SAMPLES)[::9], *VIEWS})


def test_results_are_new_values_but_for_views():
    assert {name for name, (function, given) in SAMPLES.items() if any(changes(function, given))} == VIEWS


def test_gradients_are_new_values():
    assert not {name for name, (function, given) in SAMPLES.items() if any(changes(gradients(function), given))}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_results_are_new_values_but_for_views(name):
    function, given = SAMPLES[name]
    gradient = gradients(function)
    call = lambda *args: (function(*args), gradient(*args))
    assert not any(changes(adcore.jit(call), given)) or name in VIEWS


NEW = {
    "copy": lambda v: v.copy(),
    "clone": lambda v: v.clone(),
    "deepcopy": copy.deepcopy,
    "Tensor": lambda v: Tensor(v),  # jit takes no class
    "asarray": lambda v: xp.asarray(v, copy=True),
    "astype": lambda v: xp.astype(v, xp.float64),
    "times one": lambda v: v * 1.0,
    "minus zero": lambda v: v - 0,
    "over one": lambda v: v / 1,
    "one twice": lambda v: (v * 1).reshape(4) * 1,
    "view of a copy": lambda v: v.copy().reshape(4)[1:],
    "copy of a view": lambda v: v.T.copy(),
    "gradient": lambda v: adcore.grad(lambda u: (u * v).sum())(Tensor(np.ones((2, 2)))),
    "cotangent": lambda v: adcore.vjp(lambda u: u.T, Tensor(np.ones((2, 2))))[1](v)[0],
    "tangent": lambda v: adcore.jvp(lambda u: u + 1, (Tensor(np.ones((2, 2))),), (v,))[1],
}
SHARED = {
    "reshape": lambda v: v.reshape(4),
    "slice": lambda v: v[1:],
    "transpose": lambda v: v.T,
    "broadcast": lambda v: ops.broadcast_to(v, (3, 2, 2)),
    "stop_gradient": ops.stop_gradient,
    "itself": lambda v: v,
}
WAYS = {
    "eager": lambda f: f,
    "jit": adcore.jit,
    "vmap": lambda f: lambda v: adcore.vmap(f, 0)(v.reshape(1, 2, 2)),
    "vmap in jit": lambda f: adcore.jit(lambda v: adcore.vmap(f, 0)(v.reshape(1, 2, 2))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [*NEW, *SHARED])
def test_copies_leave_shared_memory_and_views_stay(name, way):
    call = WAYS[way]({**NEW, **SHARED}[name])
    # The second call replays what the first one recorded.
    for _ in range(2):
        assert changes(call, [np.arange(4.0).reshape(2, 2)]) == [name in SHARED]


def assigned(v):
    p = Parameter(Tensor(np.ones((2, 2))))
    adcore.jit(lambda v: ops.assign(p, v))(v)
    return p


def item_assigned(v):
    t = Tensor(np.ones((2, 2)))
    t[...] = v
    return t


CELLS = {
    "Parameter": Parameter,
    "set_data": lambda v: Parameter(Tensor(np.ones((2, 2)))).set_data(v),
    "assign": lambda v: ops.assign(Parameter(Tensor(np.ones((2, 2)))), v),
    "assign in jit": assigned,
    "item": item_assigned,
}


@pytest.mark.parametrize("name", CELLS)
def test_cells_own_their_memory(name):
    assert changes(CELLS[name], [np.arange(4.0).reshape(2, 2)]) == [False]


def test_a_loaded_net_owns_its_weights():
    net, array = nn.Dense(2, 2, has_bias=False), np.ones((2, 2), np.float32)
    adcore.load_param_into_net(
        net, {"weight": Parameter(Tensor(np.zeros((2, 2), np.float32))).set_data(adcore.from_numpy(array))}
    )
    array[:] = 5
    assert (net.weight.asnumpy() == 1).all()
