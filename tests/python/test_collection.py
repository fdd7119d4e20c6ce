"""What Python can close a cycle through takes part in its garbage collection.

Each program makes an object that holds what a transform returned, in which something refers to the object again: a
function, a hook, a rule, an argument, an attribute. When the last reference from outside goes, the collector finds it.
"""

import gc
import weakref

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, grad, jacrev, jvp, linearize, nn, ops, vjp, vmap
from helpers import array_of, t32

X = np.array([0.5, -1.5], np.float32)


class Owner:
    """Holds what a transform returned; its methods are differentiated."""

    factor = 2.0

    def f(self, x):
        return ops.sin(x * self.factor)

    def seen(self, g):
        self.last = g


class WithHook(Owner):
    def f(self, x):
        y = ops.sin(x)
        y.register_hook(self.seen)
        return y * 2


class WithInsertedGradient(Owner):
    def f(self, x):
        return ops.InsertGradientOf(lambda g: g * self.factor)(ops.sin(x))


class WithHookBackward(Owner):
    def f(self, x):
        return ops.HookBackward(lambda gs: self.seen(gs[0]))(ops.sin(x))


class WithFunction(Owner):
    def f(self, x):
        class Own(adcore.Function):
            @staticmethod
            def forward(ctx, u):
                ctx.owner = self
                return u * u

            @staticmethod
            def backward(ctx, g):
                return g * ctx.owner.factor

        return Own.apply(x)


class WithContext(Owner):
    def f(self, x):
        class Own(adcore.Function):
            @staticmethod
            def forward(ctx, u):
                ctx.own = ctx
                ctx.save_for_backward(u)
                self.ctx = ctx
                return u * u

            @staticmethod
            def backward(ctx, g):
                return g * 2 * ctx.saved_tensors[0]

        return Own.apply(x)


class WithCustomVjp(Owner):
    def f(self, x):
        own = adcore.custom_vjp(lambda u: u * u)
        own.defvjp(lambda u: (u * u, (u, self)), lambda residuals, g: (g * residuals[1].factor * residuals[0],))
        return own(x)


class WithCustomJvp(Owner):
    def f(self, x):
        own = adcore.custom_jvp(lambda u: u * u)
        own.defjvp(lambda us, ts: (own(*us), ts[0] * us[0] * self.factor))
        return own(x)


class WithBprop(Owner):
    def f(self, x):
        owner = self

        class Own(nn.Cell):
            def construct(self, u):
                return u * u

            def bprop(self, u, out, dout):
                return (dout * owner.factor,)

        return Own()(x)


class WithRecompute(Owner):
    def f(self, x):
        return adcore.recompute(lambda u: ops.sin(u) * self.factor, x)


class WithRecomputedArgument(Owner):
    def f(self, x):
        return adcore.recompute(lambda u, owner, extra=None: ops.sin(u) * owner.factor, x, self, extra=self)


class WithCellHooks(Owner):
    def f(self, x):
        cell = nn.Tanh()
        cell.owner = self
        cell.register_forward_hook(lambda cell, inputs, out: out * self.factor)
        cell.register_backward_hook(lambda cell, g, h: self.seen(g))
        return cell(x)


class WithNestedRecording(Owner):
    def f(self, x):
        self.inner = vjp(lambda u: self.f_inner(u) * x, x)
        return self.inner[1](ops.ones_like(x))[0]

    def f_inner(self, u):
        u.register_hook(self.seen)
        return u * u


OWNERS = [Owner, *Owner.__subclasses__()]


def keep_vjp(owner):
    owner.out, owner.pull = vjp(owner.f, Tensor(X))
    owner.pull(owner.out)


def keep_vjp_unswept(owner):
    owner.out, owner.pull = vjp(owner.f, Tensor(X))


def keep_vjp_with_weights(owner):
    w = Parameter(Tensor(X), name="w")
    w.register_hook(owner.seen)
    owner.w = w
    owner.out, owner.pull = vjp(lambda x: owner.f(x) * w, Tensor(X), weights=w)
    owner.pull(owner.out)


def keep_vjp_with_aux(owner):
    owner.out, owner.pull, owner.aux = vjp(lambda x: (owner.f(x), owner), Tensor(X), has_aux=True)
    owner.pull(owner.out)


def keep_linearize(owner):
    owner.out, owner.push = linearize(owner.f, Tensor(X))
    owner.push(owner.out)


def keep_grad(owner):
    owner.derivative = grad(lambda x: owner.f(x).sum())
    owner.derivative(Tensor(X))


def keep_nested(owner):
    owner.out, owner.pull = vjp(grad(lambda x: (owner.f(x) * x).sum()), Tensor(X))
    owner.pull(owner.out)


def keep_of_vmap(owner):
    owner.out, owner.pull = vjp(vmap(owner.f), ops.stack([Tensor(X)] * 3))
    owner.pull(owner.out)


def keep_of_jvp(owner):
    owner.out, owner.pull = vjp(lambda x: jvp(owner.f, x, ops.ones_like(x))[1], Tensor(X))
    owner.pull(owner.out)


def keep_jacobian(owner):
    owner.jacobian = jacrev(owner.f)
    owner.jacobian(Tensor(X))


def keep_after_raising(owner):
    def f(x):
        y = owner.f(x)
        y.register_hook(lambda g: 1 / 0)
        return y

    owner.out, owner.pull = vjp(f, Tensor(X))
    try:
        owner.pull(owner.out)
    except ZeroDivisionError:
        pass


KEEPERS = [keep for name, keep in list(globals().items()) if name.startswith("keep_")]


def left_of(makers):
    """The names of the makers whose results are still there when nobody outside holds them, after a collection."""
    refs = {name: weakref.ref(make()) for name, make in makers.items()}
    gc.collect()
    gc.collect()  # what a finalizer of the first one let go
    return [name for name, ref in refs.items() if ref() is not None]


@pytest.mark.parametrize("kind", OWNERS, ids=lambda o: o.__name__)
def test_an_owner_of_a_derivative_of_its_own_method_is_collected(kind):
    def maker(keep):
        def make():
            owner = kind()
            keep(owner)
            return owner

        return make

    left = left_of({keep.__name__: maker(keep) for keep in KEEPERS})
    assert not left, f"still there: {', '.join(left)}"


def test_recordings_in_cycles_give_their_memory_back():
    def in_use():
        gc.collect()
        return adcore.memory_stats()["bytes_in_use"]

    def cycle():
        owner = WithHook()
        owner.out, owner.pull = vjp(lambda x: ops.sin(owner.f(ops.sin(x))), ops.full((50_000,), 0.5))

    cycle()
    before = in_use()
    for _ in range(5):
        cycle()
    assert in_use() <= before


def test_a_recording_that_is_collected_while_others_are_swept():
    """A collection in the middle of a sweep takes away other cycles, and nothing of the sweep's own."""
    kept = WithHook()
    kept.out, kept.pull = vjp(lambda x: ops.sin(kept.f(x)), Tensor(X))
    right = array_of(kept.pull(ops.ones(2))[0])
    gone = []

    def collecting(g):
        owner = WithRecompute()
        keep_vjp(owner)
        gone.append(weakref.ref(owner))
        del owner
        gc.collect()

    def f(x):
        y = ops.sin(kept.f(x))
        y.register_hook(collecting)
        return y

    _, pull = vjp(f, Tensor(X))
    for _ in range(3):
        np.testing.assert_allclose(array_of(pull(ops.ones(2))[0]), right, rtol=1e-6)
    assert len(gone) == 3 and all(ref() is None for ref in gone)
    np.testing.assert_array_equal(array_of(kept.pull(ops.ones(2))[0]), right)


def test_long_chains_of_recordings_and_hooks_are_taken_apart_without_recursion():
    pull = tensor = None
    for _ in range(50_000):

        @adcore.custom_vjp
        def own(u):
            return u * u

        own.defvjp(lambda u: (u * u, u), lambda u, g, before=pull: g * u)
        _, pull = vjp(own, Tensor(1.0))
        before, tensor = tensor, Tensor(1.0)
        tensor.register_hook(lambda g, before=before: None)
    del own, before
    pull = tensor = None
    gc.collect()


def test_a_subclass_of_tensor_in_a_cycle_is_collected():
    class Own(Tensor):
        pass

    def with_attribute():
        own = Own(1.0)
        own.me = own
        return own

    def with_hook():
        own = Own(1.0)
        own.register_hook(lambda g: g * own)
        return own

    assert left_of({"attribute": with_attribute, "hook": with_hook}) == []


def test_tensors_without_hooks_cost_the_collector_nothing():
    x = Tensor(X)
    assert not gc.is_tracked(x) and not gc.is_tracked(x + x)
    x.register_hook(lambda g: None)
    assert gc.is_tracked(x)


# Hooks, and what they refer to.


def hooked_parameter():
    w = Parameter(Tensor(X), name="w")
    w.register_hook(lambda g: g * w)
    return w


def hooked_parameter_in_use():
    w = hooked_parameter()
    grad(lambda: (w * w).sum(), None, w)()
    return w


def hooked_tensor():
    x = Tensor(X)
    x.register_hook(lambda g: g * x)
    return x


def hooked_tensor_in_use():
    x = hooked_tensor()
    grad(lambda x: (x * x).sum())(x)
    return x


def tensor_inside(kept):
    """A tensor of a differentiated function, which outlives it, with a hook that refers to it."""

    def f(x):
        y = ops.sin(x)
        y.register_hook(lambda g: g * ops.stop_gradient(y))
        kept.append(y)
        return y.sum()

    return f


def hooked_tensor_inside():
    kept = []
    grad(tensor_inside(kept))(Tensor(X))
    return kept.pop()


def hooked_tensor_of_a_recording():
    kept = []
    _, pull = vjp(tensor_inside(kept), Tensor(X))
    pull(Tensor(1.0))
    return kept.pop()


def hooked_cell():
    cell = nn.Dense(2, 2)
    cell.register_backward_hook(lambda c, g, h: None if cell else None)
    cell.weight.register_hook(lambda g: g * cell.weight)
    grad(lambda x: cell(x).sum())(Tensor(X.reshape(1, 2)))
    return cell


def training_step():
    net = nn.Dense(2, 1)
    step = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), nn.Adam(net.trainable_params(), 0.1))
    net.weight.register_hook(lambda g: g * step.training)
    step(Tensor(X.reshape(1, 2)), Tensor([[1.0]]))
    return step


def own_rule():
    own = adcore.custom_vjp(lambda u: u * u)
    own.defvjp(lambda u: (u * u, u), lambda u, g: (g * u * bool(own),))
    grad(lambda x: own(x).sum())(Tensor(X))
    return own


def gradient_of_itself():
    class Of:
        def __call__(self, x):
            return (x * x).sum()

    of = Of()
    of.derivative = grad(of)
    of.second = grad(lambda x: of.derivative(x).sum())
    of.second(Tensor(X))
    return of


@pytest.mark.parametrize(
    "make",
    [
        hooked_parameter,
        hooked_parameter_in_use,
        hooked_tensor,
        hooked_tensor_in_use,
        hooked_tensor_inside,
        hooked_tensor_of_a_recording,
        hooked_cell,
        training_step,
        own_rule,
        gradient_of_itself,
    ],
    ids=lambda m: m.__name__,
)
def test_an_object_whose_hooks_or_rules_refer_to_it_is_collected(make):
    assert left_of({make.__name__: make}) == []


class Array(np.ndarray):
    """An array with attributes."""


def array_with_its_tensor():
    array = np.ones(3).view(Array)
    array.tensor = Tensor.from_numpy(array)
    return array


def array_with_its_parameter():
    array = np.ones(3, np.float32).view(Array)
    array.parameter = Parameter(t32(0.0))
    array.parameter.set_data(Tensor.from_numpy(array))
    return array


def array_with_the_hook_of_its_tensor():
    array = array_with_its_tensor()
    array.tensor.register_hook(lambda g: g * array)
    return array


def test_an_array_that_holds_a_tensor_on_its_memory_is_collected():
    makers = (array_with_its_tensor, array_with_its_parameter, array_with_the_hook_of_its_tensor)
    assert left_of({make.__name__: make for make in makers}) == []
    array = array_with_its_tensor()
    kept = array.tensor[1:]  # holds the memory too
    ref = weakref.ref(array)
    del array
    gc.collect()
    assert ref() is not None and array_of(kept).tolist() == [1.0, 1.0]
