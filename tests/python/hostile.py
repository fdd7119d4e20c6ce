"""Calls that nobody means: every function, method, layer, optimizer and transform, with arguments of the wrong kinds.

A call starts from a sample of the op table (samples.py) or from a bare signature; some of its arguments are replaced by
values that are too large, too small, of another kind, or run code of their own that assigns what the call reads. It is
made plainly or inside of transforms. Whatever it does, it must return or raise one of the errors that a user expects;
afterwards no level may stand open, and an ordinary gradient has the same bits as before.

    python tests/python/hostile.py FIRST COUNT      # e.g. 0 200000, under a build with sanitizers
"""

import contextlib
import faulthandler
import inspect
import itertools
import math
import os
import random
import re
import sys
import types
import warnings

import numpy as np

import adcore
from adcore import Parameter, Tensor, nn, ops
from samples import _CELLS, _NAMES, samples

EXPECTED = (
    TypeError,
    ValueError,
    IndexError,
    ZeroDivisionError,
    OverflowError,
    MemoryError,
    RuntimeError,
    NotImplementedError,
    BufferError,
    FloatingPointError,  # of debug_nans
    StopIteration,
)


class Injected(Exception):
    """What the arguments raise."""


DTYPES = [d for d in vars(adcore).values() if isinstance(d, adcore.dtype)]
WORDS = ["", *"mean sum none constant reflect replicate same tanh euclidean".split(), "x" * 300, "\ud800"]
SIZES = [0, 1, -1, 2, 3, -2, 4, 7, 31, 32, 33, 64, -129]
SIZES += [2**31, -(2**31), 2**40, 2**62, 2**63 - 1, -(2**63), 2**63, 2**64, 2**70]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-300, 1e300, math.inf, -math.inf, math.nan, 1e-45, 65520.0]


class Hostile:
    """An argument that runs code when it is converted."""

    def __init__(self, action, value):
        self.action, self.value = action, value

    def __index__(self):
        self.action()
        return self.value if isinstance(self.value, int) else 1

    def __float__(self):
        self.action()
        return float(self.value if isinstance(self.value, int | float) else 1)

    def __bool__(self):
        self.action()
        return bool(self.value)

    def __array__(self, dtype=None, copy=None):
        self.action()
        return np.zeros(3, dtype)

    def __len__(self):
        self.action()
        return 2

    def __iter__(self):
        self.action()
        return iter((1, 2))

    def __getitem__(self, key):
        self.action()
        if key in (0, 1):
            return self.value
        raise IndexError(key)

    def __hash__(self):
        return 7

    def __eq__(self, other):
        self.action()
        return True

    def __call__(self, *args, **kwargs):
        self.action()
        return args[0] if args else self.value


# Methods that Python or NumPy calls with arguments of known kinds.
INTERNAL = re.compile("__(class|init_subclass|array_ufunc|array_function|deepcopy|setattr|delattr|getattribute)__")


def methods_of(kind):
    """Return the methods of a type, those of operators too."""
    return [method for name, method in inspect.getmembers(kind) if callable(method) and not INTERNAL.match(name)]


class Calls:
    """The calls, each made from its number."""

    def __init__(self):
        self.recorded = [
            (fn, args, kwargs) for calls in map(self._record, sorted(samples())) for fn, args, kwargs in calls
        ]
        # With the type of its first argument, where that is known.
        self.bare = [
            *((getattr(adcore, name), None) for name in adcore.__all__ if name not in SPARED),
            *((getattr(ops, name), Tensor) for name in ops.__all__),
            *((getattr(nn, name), None) for name in nn.__all__),
            *((method, kind) for kind in (Tensor, Parameter) for method in methods_of(kind)),
        ]
        self.bare = [(f, kind) for f, kind in self.bare if callable(f)]

    @staticmethod
    def _record(expression):
        """Return the calls that a sample makes, the outermost last."""
        calls = []

        def recorder(fn):
            def call(*args, **kwargs):
                result = fn(*args, **kwargs)
                calls.append((fn, args, kwargs))
                return result

            return call

        def making(cls):
            def make(*args, **kwargs):
                calls.append((cls, args, kwargs))
                return cls(*args, **kwargs)

            return make

        names = {n: recorder(v) if callable(v) and not isinstance(v, adcore.dtype) else v for n, v in _NAMES.items()}
        names.update({name: making(cls) for name, cls in _CELLS.items()})
        rng = np.random.default_rng(0)
        names["Tensor"] = Tensor
        names["x"] = lambda *shape, low=-2.0, high=2.0: Tensor(rng.uniform(low, high, shape))
        names["i"] = lambda *shape, n=3: Tensor(rng.integers(0, n, shape))
        names["b"] = lambda *shape: Tensor(rng.random(shape) < 0.5)
        eval(expression, names)
        return calls

    # ---- arguments ---------------------------------------------------------------------------------------------------

    def tensor(self, r):
        """Return a tensor of any dtype, shape and layout."""
        shape = r.choice(
            [(), (0,), (1,), (3,), (3, 4), (4, 3), (0, 3), (1, 1), (2, 3, 4), (1,) * 8, (5, 0, 2), (17,), (2, 2)]
        )
        dtype = r.choice(DTYPES)
        values = np.random.default_rng(r.getrandbits(32)).normal(size=shape) * r.choice([1, 3, 100])
        if r.random() < 0.1 and values.size:
            values.flat[r.randrange(values.size)] = r.choice(FLOATS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            t = Tensor(values).astype(dtype)
        layout = r.randrange(5)
        if layout == 1 and t.ndim >= 2:
            return t.swapaxes(0, 1)
        if layout == 2 and t.ndim:
            return t[::-1]
        if layout == 3 and t.ndim:
            return t[::2]
        if layout == 4:
            return ops.broadcast_to(t, (2, *t.shape)) if t.ndim < 8 else t
        return t

    def value(self, r, cells=(), depth=0):
        """Return anything."""
        kind = r.randrange(25)
        if kind < 5:
            return self.tensor(r)
        if kind == 5:
            return r.choice(SIZES)
        if kind == 6:
            return r.choice(FLOATS)
        if kind == 7:
            return r.choice([None, True, False, Ellipsis, NotImplemented])
        if kind == 8:
            return r.choice(WORDS)
        if kind == 9:
            return r.choice(DTYPES)
        if kind == 10 and depth < 3:
            return tuple(self.value(r, cells, depth + 1) for _ in range(r.randrange(4)))
        if kind == 11 and depth < 3:
            return [self.value(r, cells, depth + 1) for _ in range(r.randrange(4))]
        if kind == 12:
            return tuple(r.choice(SIZES) for _ in range(r.choice([0, 1, 2, 3, 9, 40])))
        if kind == 13:
            return {"x": self.value(r, cells, depth + 1), "axis": r.choice(SIZES)} if depth < 3 else {}
        if kind == 14:
            return slice(*(r.choice([None, *SIZES]) for _ in range(3)))
        if kind == 15:
            return r.choice(
                [
                    np.zeros((2, 3), order="F"),
                    np.arange(6)[::-2],
                    np.array(["a", "b"]),
                    np.array([None, 1], object),
                    np.zeros((0, 4), np.float16),
                    np.array(1 + 2j),
                    np.float32(2.5),
                    np.int8(-3),
                    np.bool_(True),
                    np.datetime64("2020-01-01"),
                    np.zeros(3, ">f4"),
                    np.broadcast_to(np.float64(1), (2, 3)),
                ]
            )
        if kind == 16:
            return Hostile(self.action(r, cells), r.choice([*SIZES, *FLOATS, None, "x"]))
        if kind == 17:
            return r.choice(
                [object(), int, Tensor, nn.Dense, types, b"bytes", bytearray(8), memoryview(b"1234"), range(3)]
            )
        if kind == 18:
            return iter([1, 2])
        if kind == 19:
            return {1, 2}
        if kind == 20:
            return r.choice([nn.Dense(4, 3), nn.ReLU(), nn.SequentialCell(nn.Dense(4, 4), nn.Tanh())])
        return self.function(r, cells)

    def action(self, r, cells):
        """Return what a callback does: it assigns what the call reads, raises, records, or frees."""
        cells = [c for c in cells if isinstance(c, Tensor)]

        def assign():
            for c in cells:
                c._assign(Tensor(np.zeros(r.choice([0, 1, 3, 5000]), np.float32)))

        def raises():
            raise Injected("on purpose")

        def records():
            adcore.grad(lambda x: (x * x).sum())(Tensor([1.0, 2.0]))

        def writes():
            for c in cells:
                c[...] = 0

        return r.choice([assign, raises, records, writes, adcore.empty_cache, lambda: None])

    def function(self, r, cells):
        """Return a function of any arguments that does something wrong."""
        action = self.action(r, cells)
        result = r.choice([None, 1.0, "x", (), [Tensor(1.0)], {"a": Tensor([1.0])}, {Tensor(1.0)}, np.zeros(2)])

        def first(*args, **kwargs):
            action()
            return args[0] if args else result

        def constant(*args, **kwargs):
            action()
            return result

        def square(*args, **kwargs):
            action()
            return (args[0] * args[0]).sum() if args else result

        def both(*args, **kwargs):
            action()
            return args

        return r.choice([first, constant, square, both, ops.sin, ops.sum, Tensor.sum])

    # ---- calls -------------------------------------------------------------------------------------------------------

    def arguments(self, r, fn, kind):
        """Return some arguments for a function of which only the signature is known."""
        try:
            names = list(inspect.signature(fn).parameters)
        except (TypeError, ValueError):
            names = ["a"] * r.randrange(4)
        owner = [kind(self.tensor(r))] if kind else []
        count = r.randrange(len(names) + 2)
        args = owner + [self.value(r, owner) for _ in range(max(count - len(owner), 0))]
        kwargs = {n: self.value(r, owner) for n in names if r.random() < 0.05}
        return args, kwargs

    def make(self, number):
        """Return call `number`: a function without arguments, and what it says of itself."""
        r = random.Random(number)
        if r.random() < 0.6:
            fn, args, kwargs = r.choice(self.recorded)
            args, kwargs = [self.fresh(a) for a in args], {k: self.fresh(v) for k, v in kwargs.items()}
            for _ in range(r.choice([0, 1, 1, 1, 2])):
                self.mutate(r, args, kwargs)
        else:
            fn, kind = r.choice(self.bare)
            args, kwargs = self.arguments(r, fn, kind)
            if kind is Parameter:  # a transform would give its methods a Tensor
                return lambda: plain(self, r, fn, args, kwargs), lambda: f"{number}: Parameter.{fn.__name__}"
        mode = r.choice(MODES) if tensors_of(args) else r.choice([plain, direct_transform])
        call = fn
        if inspect.isclass(fn) and issubclass(fn, nn.Cell) and r.random() < 0.8:
            inputs = [self.tensor(r) for _ in range(r.randrange(3))]

            def call(*args, **kwargs):
                return fn(*args, **kwargs)(*inputs)

        def text():
            return f"{number}: {getattr(mode, '__name__', mode)} of {getattr(fn, '__qualname__', fn)!s:.80}"

        return lambda: mode(self, r, call, args, kwargs), text

    @staticmethod
    def fresh(value):
        """Return a cell of its own for each tensor, which callbacks may assign."""
        return value.copy() if isinstance(value, Tensor) else value

    def mutate(self, r, args, kwargs):
        """Replace, drop, add or exchange an argument."""
        what = r.randrange(8)
        if what == 0 and args:
            args.pop(r.randrange(len(args)))
        elif what == 1:
            args.insert(r.randrange(len(args) + 1), self.value(r, args))
        elif what == 2 and len(args) > 1:
            r.shuffle(args)
        elif what == 3 and kwargs:
            kwargs[r.choice(list(kwargs))] = self.value(r, args)
        elif what == 4:
            kwargs[r.choice(["axis", "keepdims", "dtype", "reduction", "x", "out", "shape"])] = self.value(r, args)
        elif args:
            at = r.randrange(len(args))
            near = r.random() < 0.5
            args[at] = self.tensor(r) if near and isinstance(args[at], Tensor) else self.value(r, args)


# ---- modes: how a call is made -------------------------------------------------------------------------------------


def tensors_of(args):
    return [k for k, a in enumerate(args) if type(a) is Tensor]


def body_of(call, args, kwargs):
    """Return the call as a function of its tensors, and these."""
    places = tensors_of(args)

    def body(*values):
        given = list(args)
        for place, value in zip(places, values, strict=True):
            given[place] = value
        return call(*given, **kwargs)

    return body, [args[p] for p in places]


def plain(calls, r, call, args, kwargs):
    return use(call(*args, **kwargs))


def direct_transform(calls, r, call, args, kwargs):
    """Hand the function itself to a transform, with whatever options."""
    transform = r.choice(TRANSFORMS)
    options = [calls.value(r, args) for _ in range(r.randrange(3))]
    made = transform(call, *options)
    return made(*args, **kwargs) if callable(made) else made


def under(transform):
    def mode(calls, r, call, args, kwargs):
        body, values = body_of(call, args, kwargs)
        return use(transform(body, values))

    mode.__name__ = transform.__name__
    return mode


def total(result):
    """Return a scalar of a result that is a tensor or a tree of such."""
    leaves = [t for t in (result if isinstance(result, tuple | list) else [result]) if isinstance(t, Tensor)]
    return sum((ops.cast(t, adcore.float64).sum() for t in leaves), Tensor(0.0, adcore.float64))


def positions(values):
    return tuple(range(len(values)))


def reverse(body, values):
    return adcore.grad(lambda *v: total(body(*v)), positions(values))(*values)


def reverse_twice(body, values):
    inner = adcore.grad(lambda *v: total(body(*v)), 0)
    return adcore.grad(lambda *v: total(inner(*v)), 0)(*values)


def recorded(body, values):
    out, pull = adcore.vjp(body, *values)
    return pull(ops.ones_like(out) if isinstance(out, Tensor) else out)


def forward(body, values):
    return adcore.jvp(body, tuple(values), tuple(ops.ones_like(v) for v in values))


def mapped(body, values):
    return adcore.vmap(body)(*values)


def mapped_copies(body, values):
    return adcore.vmap(body)(*(ops.stack((v, v, v)) for v in values))


def mapped_reverse(body, values):
    inner = adcore.grad(lambda *v: total(body(*v)), 0)
    return adcore.vmap(inner)(*(ops.stack((v, v)) for v in values))


def forward_reverse(body, values):
    inner = adcore.grad(lambda *v: total(body(*v)), 0)
    return adcore.jvp(inner, tuple(values), tuple(ops.ones_like(v) for v in values))


def recomputed(body, values):
    return adcore.grad(lambda *v: total(adcore.recompute(body, *v)), 0)(*values)


def watched(body, values):
    with adcore.debug_nans():
        return reverse(body, values)


def weighted(body, values):
    p = Parameter(Tensor(np.full(3, 0.5)))
    return adcore.value_and_grad(lambda *v: total(body(*v)) * p.sum(), None, [p])(*values)


def trained(body, values):
    p = Parameter(Tensor(np.full(3, 0.5)))
    optimizer = nn.Adam([p], 0.1)
    _, grads = adcore.value_and_grad(lambda *v: total(body(*v)) * p.sum(), None, optimizer.parameters)(*values)
    return optimizer(grads)


def jacobian(body, values):
    return adcore.jacrev(body)(*values)


def use(result):
    """Read a result as a user does."""
    for leaf in itertools.islice(result, 4) if isinstance(result, tuple | list) else [result]:
        if isinstance(leaf, Tensor):
            leaf.asnumpy()
            repr(leaf)
            if leaf.ndim and leaf.shape[0]:
                leaf[0], leaf[-1:]
    return result


MODES = [plain, plain, plain, direct_transform] + [
    under(t)
    for t in (
        reverse,
        reverse,
        reverse_twice,
        recorded,
        forward,
        mapped,
        mapped_copies,
        mapped_reverse,
        forward_reverse,
        recomputed,
        watched,
        weighted,
        trained,
        jacobian,
    )
]
TRANSFORMS = [
    getattr(adcore, name)
    for name in "grad value_and_grad vjp jvp vmap jacrev jacfwd hessian linearize recompute".split()
]
# Texts of an AttributeError or KeyError that is right: something was asked for by a name that is not there.
LOOKED_UP = ("construct is not defined", "unknown name", "object has no attribute 'constant'")
# What changes the process for all later calls, or reads and writes files.
SPARED = {"set_num_threads", "debug_nans", "set_context"}
SPARED |= {"save_checkpoint", "load_checkpoint", "save_state", "load_state"}


def canary():
    """Return the bits of an ordinary gradient."""
    x = Tensor(np.linspace(-1, 1, 5))
    value, gradient = adcore.value_and_grad(lambda x: (ops.tanh(x) * x).sum())(x)
    return value.asnumpy().tobytes() + gradient.asnumpy().tobytes()


@contextlib.contextmanager
def bounded_memory(more=4 << 30):
    """Let the process map so many bytes more and no others, so that 2**31 elements are a MemoryError on any machine."""
    # A sanitizer maps terabytes for itself.
    if sys.platform != "linux" or "san" in os.environ.get("LD_PRELOAD", ""):
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as statm:
        mapped = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def run(first, count, note=None):
    """Make the calls and return the faults, as texts. `note` is called with each number before its call."""
    calls, faults = Calls(), []
    right = canary()
    with warnings.catch_warnings(), np.errstate(all="ignore"), bounded_memory():
        warnings.simplefilter("ignore")
        for number in range(first, first + count):
            if note:
                note(number)
            call, text = calls.make(number)
            try:
                call()
            except Injected:
                pass
            except EXPECTED as error:
                if "internal error" in str(error):
                    faults.append(f"{text()}: {error!r:.300}")
            except Exception as error:
                if not any(words in str(error) for words in LOOKED_UP):
                    faults.append(f"{text()}: {error!r:.300}")
            if canary() != right:
                faults.append(f"{text()}: changed what follows")
                right = canary()
    return faults


def main():
    faulthandler.enable()
    first, count = int(sys.argv[1]), int(sys.argv[2])
    file = os.open("hostile.last", os.O_RDWR | os.O_CREAT)
    # If the process dies, the file names the call.
    faults = run(first, count, lambda number: os.pwrite(file, b"%12d" % number, 0))
    print("\n".join(faults))
    print(f"{count} calls from {first}: {len(faults)} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
