"""Random programs under random nestings of transforms, and an oracle for them that shares nothing with the library.

The oracle computes with numbers a + b e1 + c e2 + d e1 e2 + ..., where every e is new and has the square 0: exact
derivatives in float64, one e for each transform that differentiates. A program is a list of steps drawn from a seed; it
runs on tensors and on the oracle's numbers alike. Start reading at `nest`.
"""

import random

import numpy as np

import adcore
from adcore import Tensor, ops

N = 3  # elements of every vector
ORDER = 4  # infinitesimals
_PAIRS = [(i, j) for i in range(2**ORDER) for j in range(2**ORDER) if not i & j]
_LEFT = np.array([i for i, _ in _PAIRS])
_RIGHT = np.array([j for _, j in _PAIRS])
_SUM = np.zeros((len(_PAIRS), 2**ORDER))
_SUM[np.arange(len(_PAIRS)), [i | j for i, j in _PAIRS]] = 1


class Dual:
    """Numbers with infinitesimals: coefficients along the last axis, of the products of e's that its bits name."""

    __array_ufunc__ = None

    def __init__(self, c):
        self.c = c

    @staticmethod
    def of(value):
        if isinstance(value, Dual):
            return value
        value = np.asarray(value, np.float64)
        c = np.zeros((*value.shape, 2**ORDER))
        c[..., 0] = value
        return Dual(c)

    def __add__(self, o):
        return Dual(self.c + Dual.of(o).c)

    def __sub__(self, o):
        return Dual(self.c - Dual.of(o).c)

    def __rsub__(self, o):
        return Dual.of(o) - self

    def __neg__(self):
        return Dual(-self.c)

    def __mul__(self, o):
        return Dual((self.c[..., _LEFT] * Dual.of(o).c[..., _RIGHT]) @ _SUM)

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, o):
        return self * Dual.of(o).map([lambda a, k=k: (-1) ** k * _factorial(k) / a ** (k + 1) for k in range(5)])

    def __getitem__(self, key):
        return Dual(self.c[key])

    def map(self, derivatives):
        """Apply a function of one number, given with its derivatives to order 4."""
        a = self.c[..., 0]
        rest = Dual(self.c.copy())
        rest.c[..., 0] = 0
        out, power = Dual.of(derivatives[0](a)), Dual.of(np.ones_like(a))
        for k in range(1, ORDER + 1):
            power = power * rest
            out = out + power * Dual.of(derivatives[k](a) / _factorial(k))
        return out

    def sum(self, axis=None):
        rank = self.c.ndim - 1
        axes = tuple(range(rank)) if axis is None else (axis,)
        return Dual(self.c.sum(axes))


def _factorial(k):
    return float(np.prod(np.arange(1, k + 1)))


def _sin(a):
    return [np.sin(a), np.cos(a), -np.sin(a), -np.cos(a), np.sin(a)]


def _tanh(a):
    t = np.tanh(a)
    s = 1 - t * t
    return [t, s, -2 * t * s, s * (6 * t * t - 2), s * (16 * t - 24 * t**3)]


def _exp(a):
    return [np.exp(a)] * 5


def _log(a):
    return [np.log(a), 1 / a, -1 / a**2, 2 / a**3, -6 / a**4]


def _sqrt(a):
    r = np.sqrt(a)
    return [r, 0.5 / r, -0.25 / r**3, 0.375 / r**5, -0.9375 / r**7]


class Oracle:
    """The functions of a program on the oracle's numbers."""

    @staticmethod
    def _map(table, x):
        return x.map([lambda a, k=k: table(a)[k] for k in range(5)])

    def sin(self, x):
        return self._map(_sin, x)

    def tanh(self, x):
        return self._map(_tanh, x)

    def exp(self, x):
        return self._map(_exp, x)

    def log(self, x):
        return self._map(_log, x)

    def sqrt(self, x):
        return self._map(_sqrt, x)

    def softplus(self, x):
        return self.log(self.exp(x) + 1.0)

    def softmax(self, x):
        e = self.exp(x)
        return e / e.sum()

    def logsumexp(self, x):
        return self.log(self.exp(x).sum())

    def matmul(self, a, x):
        return Dual(np.einsum("ij,jk->ik", a, x.c))

    def outer(self, x, y):
        return Dual(x.c[:, None, :]) * Dual(y.c[None, :, :])

    def max(self, x):
        return x[int(np.argmax(x.c[:, 0]))]

    def where_positive(self, x, a, b):
        return Dual(np.where(x.c[:, :1] > 0, a.c, b.c))

    def cumsum(self, x):
        return Dual(np.cumsum(x.c, 0))

    def reverse(self, x):
        return Dual(x.c[::-1])

    def rotate(self, x):
        return Dual(np.concatenate([x.c[1:], x.c[:1]]))

    def take(self, x, index):
        return Dual(x.c[index])

    def replaced(self, x, i, value):
        c = x.c.copy()
        c[i] = value.c
        return Dual(c)


class Library:
    """The same functions on tensors."""

    sin, tanh, exp = staticmethod(ops.sin), staticmethod(ops.tanh), staticmethod(ops.exp)
    log, sqrt = staticmethod(ops.log), staticmethod(ops.sqrt)
    softplus = staticmethod(lambda x: ops.softplus(x))
    softmax = staticmethod(lambda x: ops.softmax(x, 0))
    logsumexp = staticmethod(lambda x: ops.logsumexp(x, 0))
    matmul = staticmethod(lambda a, x: Tensor(a) @ x)
    outer = staticmethod(lambda x, y: x.reshape(N, 1) * y.reshape(1, N))
    max = staticmethod(lambda x: ops.amax(x))
    where_positive = staticmethod(lambda x, a, b: ops.where(x > 0, a, b))
    cumsum = staticmethod(lambda x: ops.cumsum(x, 0))
    reverse = staticmethod(lambda x: x[::-1])
    rotate = staticmethod(lambda x: ops.concat([x[1:], x[:1]]))
    take = staticmethod(lambda x, index: x[Tensor(index)])

    @staticmethod
    def replaced(x, i, value):
        y = x * 1.0
        y[i] = value
        return y


# Steps of a program: name -> (m, x, y, constants) -> vector; x and y are two values computed before.
STEPS = {
    "sin": lambda m, x, y, k: m.sin(x),
    "tanh": lambda m, x, y, k: m.tanh(x * k[0]),
    "exp": lambda m, x, y, k: m.exp(m.tanh(x)),
    "square": lambda m, x, y, k: x * x * 0.5,
    "mul": lambda m, x, y, k: x * y,
    "add": lambda m, x, y, k: x + y * k[1],
    "sub": lambda m, x, y, k: k[0] - x + y,
    "div": lambda m, x, y, k: x / (y * y + 1.5),
    "log": lambda m, x, y, k: m.log(x * x + 1.0),
    "sqrt": lambda m, x, y, k: m.sqrt(x * x + y * y + 0.5),
    "softplus": lambda m, x, y, k: m.softplus(x),
    "softmax": lambda m, x, y, k: m.softmax(x) * y,
    "logsumexp": lambda m, x, y, k: m.logsumexp(x) * y,
    "matmul": lambda m, x, y, k: m.matmul(k, x),
    "outer": lambda m, x, y, k: m.outer(x, y).sum(1),
    "sum": lambda m, x, y, k: x * y.sum(),
    "norm": lambda m, x, y, k: y / m.sqrt((x * x).sum() + 0.5),
    "scalar": lambda m, x, y, k: y * m.tanh(m.exp(x[0]) * x[2]) + m.sin(y[1] * x.sum()),
    "max": lambda m, x, y, k: m.max(x) * y,
    "where": lambda m, x, y, k: m.where_positive(x, x * y, m.sin(x)),
    "cumsum": lambda m, x, y, k: m.cumsum(x) * k[2],
    "reverse": lambda m, x, y, k: m.reverse(x) * y,
    "rotate": lambda m, x, y, k: m.rotate(x) + y,
    "take": lambda m, x, y, k: m.take(x, [2, 0, 0]),
    "setitem": lambda m, x, y, k: m.replaced(x, 1, y[0] * 2.0),
    "zero": lambda m, x, y, k: x * 0.0 + k[1],
}


class Program:
    """A vector function of two vectors."""

    def __init__(self, rng):
        steps = rng.randint(2, 4)
        self.steps = [
            (rng.choice(list(STEPS)), rng.randrange(8), rng.randrange(8), _constants(rng)) for _ in range(steps)
        ]

    def __call__(self, m, x, y):
        values = [x, y]
        for name, i, j, constants in self.steps:
            k = constants if name == "matmul" else constants[0].tolist()
            values.append(STEPS[name](m, values[-1 - i % len(values)], values[j % len(values)], k))
        return values[-1] * 0.5 + x * y * 0.25

    def __repr__(self):
        return " ".join(f"{name}({i},{j})" for name, i, j, _ in self.steps)


def _constants(rng):
    return np.array([[rng.uniform(-1, 1) for _ in range(N)] for _ in range(N)])


DIFFERENTIATING = ["grad", "jvp", "vjp", "jacfwd", "jacrev", "linearize", "value_and_grad"]
OTHERS = [
    "vmap",
    "vmap_axis1",
    "recompute",
    "custom_vjp",
    "custom_jvp",
    "Function",
    "no_transform",
    "jit",
    "jit_of_both",
]


class _Level:
    """One transform of a nest: what it does to z -> f(z, c) at x, with a vector c from outside of the function."""

    def __init__(self, kind, rng):
        self.kind = kind
        self.u = np.array([rng.uniform(-1, 1) for _ in range(N)])

    def library(self, f):
        u = Tensor(self.u)
        transform = getattr(self, "_" + self.kind)
        return lambda x, c: transform(f, x, c, u)

    @staticmethod
    def _no_transform(f, x, c, u):
        return f(x, c)

    @staticmethod
    def _grad(f, x, c, u):
        return adcore.grad(lambda z: (f(z, c) * u).sum())(x)

    @staticmethod
    def _value_and_grad(f, x, c, u):
        value, gradient = adcore.value_and_grad(lambda z: (f(z, c) * u).sum())(x)
        return gradient + value

    @staticmethod
    def _jvp(f, x, c, u):
        return adcore.jvp(lambda z: f(z, c), x, x * u)[1]

    @staticmethod
    def _linearize(f, x, c, u):
        return adcore.linearize(lambda z: f(z, c), x)[1](x * u)

    @staticmethod
    def _vjp(f, x, c, u):
        return adcore.vjp(lambda z: f(z, c), x)[1](x * u)[0]

    @staticmethod
    def _jacfwd(f, x, c, u):
        return adcore.jacfwd(lambda z: f(z, c))(x) @ u

    @staticmethod
    def _jacrev(f, x, c, u):
        return u @ adcore.jacrev(lambda z: f(z, c))(x)

    @staticmethod
    def _members(x, u):
        return ops.stack([x, x * u, x * x])

    def _vmap(self, f, x, c, u):
        return (adcore.vmap(lambda z: f(z, c))(self._members(x, u)) * u.reshape(N, 1)).sum(0)

    def _vmap_axis1(self, f, x, c, u):
        members = self._members(x, u)
        out = adcore.vmap(f, in_axes=(1, 0), out_axes=1)(members.transpose(1, 0), members)
        return (out * u).sum(1)

    @staticmethod
    def _recompute(f, x, c, u):
        return adcore.recompute(lambda z: f(z, c), x)

    @staticmethod
    def _jit(f, x, c, u):
        return adcore.jit(lambda z: f(z, c))(x)

    @staticmethod
    def _jit_of_both(f, x, c, u):
        both = adcore.jit(f)
        both(x * u, c)  # what follows is a replay, where there is one
        return both(x, c)

    @staticmethod
    def _custom_vjp(f, x, c, u):
        wrapped = adcore.custom_vjp(f)
        wrapped.defvjp(lambda z, c: (f(z, c), (z, c)), lambda saved, g: adcore.vjp(f, *saved)[1](g))
        return wrapped(x, c)

    @staticmethod
    def _custom_jvp(f, x, c, u):
        wrapped = adcore.custom_jvp(f)
        wrapped.defjvp(lambda primals, tangents: adcore.jvp(f, primals, tangents))
        return wrapped(x, c)

    @staticmethod
    def _Function(f, x, c, u):
        class Own(adcore.Function):
            @staticmethod
            def forward(ctx, z, c):
                ctx.save_for_backward(z, c)
                return f(z, c)

            @staticmethod
            def backward(ctx, g):
                return adcore.vjp(f, *ctx.saved_tensors)[1](g)

        return Own.apply(x, c)

    def oracle(self, f, infinitesimal):
        """The same on the oracle's numbers, with an infinitesimal of its own."""
        bit = 1 << infinitesimal
        without = np.array([i for i in range(2**ORDER) if not i & bit])

        def along(x, c, direction):
            """The derivative of z -> f(z, c) at x along a direction."""
            e = np.zeros((1, 2**ORDER))
            e[0, bit] = 1
            y = f(x + Dual.of(direction) * Dual(e), c)
            part = np.zeros_like(y.c)
            part[..., without] = y.c[..., without | bit]
            return Dual(part)

        def stacked(values):
            return Dual(np.stack([v.c for v in values]))

        def run(x, c):
            u, kind = Dual.of(self.u), self.kind
            if kind in ("jvp", "linearize"):
                return along(x, c, x * u)
            if kind in DIFFERENTIATING:
                columns = [along(x, c, row) for row in np.eye(N)]
                if kind == "jacfwd":
                    parts = [column * float(w) for column, w in zip(columns, self.u)]
                    return parts[0] + parts[1] + parts[2]
                gradient = stacked([(column * (x * u if kind == "vjp" else u)).sum() for column in columns])
                return gradient + (f(x, c) * u).sum() if kind == "value_and_grad" else gradient
            if kind.startswith("vmap"):
                members = [x, x * u, x * x]
                parts = [f(z, z if kind == "vmap_axis1" else c) * float(w) for z, w in zip(members, self.u)]
                return parts[0] + parts[1] + parts[2]
            return f(x, c)

        return run


class Nest:
    """A program under a nesting of transforms, as a function of a vector."""

    def __init__(self, seed):
        rng = random.Random(seed)
        depth = rng.randint(1, 4)
        self.seed = seed
        self.programs = [Program(rng) for _ in range(depth + 1)]
        self.levels = [_Level(rng.choice(DIFFERENTIATING * 2 + OTHERS), rng) for _ in range(depth)]
        self.x = np.array([rng.uniform(-1.2, 1.2) for _ in range(N)])

    def __repr__(self):
        kinds = " over ".join(level.kind for level in reversed(self.levels))
        return f"seed {self.seed}: {kinds}; " + " | ".join(map(repr, self.programs))

    def _run(self, m, apply, x):
        def layer(k):
            """f_k(z, c) = P_k(z, T_k(f_{k-1}(., d))(z)), where d comes from z and c, outside of T_k's function."""
            if k == 0:
                return lambda z, c: self.programs[0](m, z, c)
            inner = apply(self.levels[k - 1], k - 1, layer(k - 1))
            return lambda z, c: self.programs[k](m, z, inner(z, z * c * 0.5 + c * 0.5))

        return layer(len(self.levels))(x, x)

    def on_tensors(self, x):
        """What the library computes at x."""
        return self._run(Library(), lambda level, k, f: level.library(f), x)

    def oracle(self):
        """What it should be."""
        return self._run(Oracle(), lambda level, k, f: level.oracle(f, k), Dual.of(self.x)).c[:, 0]


def check(seed):
    """Compare one nest with the oracle."""
    nest = Nest(seed)
    with np.errstate(all="ignore"):  # some programs overflow
        expected = nest.oracle()
    actual = nest.on_tensors(Tensor(nest.x)).asnumpy()
    scale = max(1.0, float(np.abs(expected).max()))
    if not np.isfinite(expected).all() or scale > 1e8:
        return False
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9 * scale, err_msg=repr(nest))
    return True


def check_jitted(seed):
    """Compare the bits of one nest with those of its program, at several points."""
    nest = Nest(seed)
    compiled = adcore.jit(nest.on_tensors)
    for scale in (1.0, -0.5, 1.0, 0.25):
        x = Tensor(nest.x * scale)
        np.testing.assert_array_equal(compiled(x).asnumpy(), nest.on_tensors(x).asnumpy(), err_msg=repr(nest))


def check_jitted_inside(seed):
    """Compare the bits of one nest with those of it where one of its functions is recorded: how many were compared."""
    nest = Nest(seed)
    x = Tensor(nest.x)
    expected = nest.on_tensors(x).asnumpy()
    compared = 0
    for number in range(len(nest.levels)):
        # A recomputed block is a part of the program: its cotangents are added one by one to those of what follows.
        if any(level.kind == "recompute" for level in nest.levels[:number]):
            break

        def apply(level, k, f, number=number):
            return level.library(adcore.jit(f) if k == number else f)

        actual = nest._run(Library(), apply, x).asnumpy()
        np.testing.assert_array_equal(actual, expected, err_msg=f"jit inside of level {number}: {nest!r}")
        compared += 1
    return compared


def check_memory(seed):
    """Compare the bits of one nest at a Tensor and at one that shares the memory of an array."""
    nest = Nest(seed)
    shared = adcore.from_numpy(nest.x.copy())
    np.testing.assert_array_equal(
        nest.on_tensors(shared).asnumpy(), nest.on_tensors(Tensor(nest.x)).asnumpy(), err_msg=repr(nest)
    )
