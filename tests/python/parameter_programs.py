"""Random programs with state: Parameters, hooks, assignments, recomputed blocks, nested derivatives, own rules.

A program is a list of statements, drawn from a seed, on named values, of which some are written in place after their
use, and on three Parameters. It runs on two machines: the library, and `Oracle`, whose values are the exact numbers
with infinitesimals of `composition` and whose only idea of a derivative is to add one. Both run the program plainly
and differentiate it; values, derivatives and what is left in the Parameters must agree. Start reading at `execute`.
"""

import random

import numpy as np

import adcore
from adcore import Parameter, Tensor, nn, ops
from composition import ORDER, Dual, N
from composition import Oracle as Functions

PARAMETERS = 3
DEPTH = 2  # of derivatives and blocks in one another

OPS = {
    "add": lambda m, a, b: a + b * 0.5,
    "mul": lambda m, a, b: a * b * 0.5,
    "sub": lambda m, a, b: a - b,
    "sin": lambda m, a, b: m.sin(a) + b * 0.25,
    "tanh": lambda m, a, b: m.tanh(a * 0.5) * b,
    "rotate": lambda m, a, b: m.rotate(a) * b,
    "sum": lambda m, a, b: a * (b * b).sum() * 0.2,
}
RULES = ["Function", "custom_vjp", "custom_jvp", "bprop", "identity"]


def execute(m, statements, env):
    """Run statements on a machine; `env` holds the values by name. An operand is a name, or a Parameter's number."""
    for kind, *rest in m.order(statements):
        if kind == "op":
            name, op, a, b = rest
            env[name] = m.op(op, m.get(env, a), m.get(env, b))
        elif kind == "no_grad":
            name, op, a, b = rest
            env[name] = m.no_grad(op, m.get(env, a), m.get(env, b))
        elif kind == "assign":
            i, a, how = rest
            m.assign(i, m.get(env, a), how)
        elif kind == "step":
            i, a, rate = rest
            m.step(i, m.get(env, a), rate)
        elif kind == "write":
            name, a, how = rest
            m.write(env[name], m.get(env, a), how)
        elif kind == "hook":
            name, factor = rest
            m.hook(env[name], factor)
        elif kind == "rule":
            name, rule, a = rest
            env[name] = m.rule(rule, m.get(env, a))
        elif kind == "recompute":
            name, body, result, passed = rest
            env[name] = m.recompute(body, result, env, m.get(env, passed))
        else:
            name, body, result, at, by = rest
            env[name] = m.gradient(body, result, env, m.get(env, at), by)


def made_alone(kind, rest):
    """Tell whether no other cell holds the value that a statement gives to a name."""
    return kind != "gradient" and (kind, rest[-1]) != ("write", 0)


def hooks_first(statements):
    """Return the statements with each hook moved to where its value was made: it sees earlier uses, too.

    A hook on a value that other cells may hold stays where it is, as it sees what comes after it.
    """
    placed = []
    for kind, *rest in statements:
        at = len(placed)
        if kind == "hook":
            while placed[at - 1][0] in ("assign", "step", "hook") or placed[at - 1][1] != rest[0]:
                at -= 1
            if not made_alone(*_parts(placed[at - 1])):
                at = len(placed)
        placed.insert(at, (kind, *rest))
    return placed


def _parts(statement):
    kind, *rest = statement
    return kind, rest


class Library:
    """Runs programs on tensors."""

    rotate = staticmethod(lambda x: ops.concat([x[1:], x[:1]]))
    sin, tanh = staticmethod(ops.sin), staticmethod(ops.tanh)

    def __init__(self, program):
        self.program = program
        self.parameters = [Parameter(Tensor(v), name=f"p{i}") for i, v in enumerate(program.start)]
        for p, factor, frozen in zip(self.parameters, program.factors, program.frozen):
            if factor is not None:
                p.register_hook(lambda g, factor=factor: g * factor)
            p.requires_grad = not frozen

    @staticmethod
    def order(statements):
        return statements

    def left(self):
        return [p.asnumpy().copy() for p in self.parameters]

    def get(self, env, a):
        return self.parameters[a] if isinstance(a, int) else env[a]

    def op(self, op, a, b):
        return OPS[op](self, a, b)

    def no_grad(self, op, a, b):
        with adcore.no_grad():
            return self.op(op, a, b)

    def assign(self, i, value, how):
        p = self.parameters[i]
        p.set_data(value * 1.0) if how else ops.assign(p, value)

    def step(self, i, gradient, rate):
        nn.SGD([self.parameters[i]], rate)((gradient,))

    def write(self, cell, value, how):
        if how == 0:
            ops.assign(cell, value)
        elif how == 1:
            cell[0] = value[1]
        else:
            cell[:2] = value[1:]

    def hook(self, value, factor):
        value.register_hook(lambda g: g * factor)

    def rule(self, rule, a):
        return _rules()[rule](a)

    def recompute(self, body, result, env, passed):
        def block(x):
            inner = {**env, "passed": x}
            execute(self, body, inner)
            return self.op("add", inner[result], x)

        return adcore.recompute(block, passed)

    def _function(self, body, result, env):
        def function(x):
            inner = {**env, "at": x}
            execute(self, body, inner)
            return self.op("mul", inner[result], inner[result]).sum()

        return function

    def gradient(self, body, result, env, at, by):
        function = self._function(body, result, env)
        if by is None:
            return adcore.grad(function)(at * 1.0)
        return adcore.grad(function, None, self.parameters[by])(at * 1.0)

    def _main(self, x):
        env = {"x": x}
        execute(self, self.program.statements, env)
        return self._total(env)

    def _total(self, env):
        total = self.op("add", env[self.program.result], self.parameters[0])
        return (total * self.parameters[1] * Tensor(self.program.weights)).sum()

    def plain(self):
        return self._main(Tensor(self.program.x)).asnumpy()

    def derivative(self):
        """The value and the derivatives by the argument and by the wanted Parameters."""
        wanted = [self.parameters[i] for i in self.program.wanted]
        x = self.parameters[self.program.given] if self.program.given is not None else Tensor(self.program.x)
        how = self.program.how
        if how == "vjp":
            value, pull = adcore.vjp(self._main, x, weights=wanted)
            pull(Tensor(2.0, adcore.float64))
            (by_x,), by_weights = pull(Tensor(1.0, adcore.float64))
        else:
            main = self._main if how == "grad" else lambda x: adcore.recompute(self._main, x)
            value, (by_x, by_weights) = adcore.value_and_grad(main, 0, wanted)(x)
        return value.asnumpy(), by_x.asnumpy(), [g.asnumpy() for g in by_weights]


def _square(u):
    return u * u * 0.5


def _rules():
    """Functions with rules of their own, which are their derivatives."""

    class Square(adcore.Function):
        @staticmethod
        def forward(ctx, u):
            ctx.save_for_backward(u)
            ctx.own = u
            return _square(u)

        @staticmethod
        def backward(ctx, g):
            return g * (ctx.saved_tensors[0] + ctx.own) * 0.5

    class Identity(adcore.Function):
        @staticmethod
        def forward(ctx, u):
            return u

        @staticmethod
        def backward(ctx, g):
            return g

    class Cell(nn.Cell):
        def construct(self, u):
            return _square(u)

        def bprop(self, u, out, dout):
            return (u * dout,)

    reverse = adcore.custom_vjp(_square)
    reverse.defvjp(lambda u: (_square(u), {"u": u}), lambda saved, g: (saved["u"] * g,))
    forward = adcore.custom_jvp(_square)
    forward.defjvp(lambda primals, tangents: (_square(primals[0]), primals[0] * tangents[0]))
    return {
        "Function": Square.apply,
        "identity": Identity.apply,
        "custom_vjp": reverse,
        "custom_jvp": forward,
        "bprop": Cell(),
    }


class _Box:
    """A value that can be written to."""

    def __init__(self, dual):
        self.dual = dual


class Oracle(Functions):
    """Runs programs on exact numbers; a derivative is the part of a result that an infinitesimal of its own has."""

    def __init__(self, program):
        self.program = program
        self.parameters = [_Box(Dual.of(v)) for v in program.start]
        self.depth = 0

    order = staticmethod(hooks_first)

    def left(self):
        return [p.dual.c[:, 0] for p in self.parameters]

    def get(self, env, a):
        return self.parameters[a] if isinstance(a, int) else env[a]

    def op(self, op, a, b):
        return _Box(OPS[op](self, a.dual, b.dual))

    def no_grad(self, op, a, b):
        return _Box(Dual.of(self.op(op, a, b).dual.c[..., 0]))

    def assign(self, i, value, how):
        self.parameters[i].dual = value.dual

    def step(self, i, gradient, rate):
        self.parameters[i].dual = self.parameters[i].dual - gradient.dual * rate

    def write(self, cell, value, how):
        c = cell.dual.c.copy()
        c[: N if how == 0 else how] = value.dual.c if how == 0 else value.dual.c[1 : 1 + how]
        cell.dual = Dual(c)

    def hook(self, value, factor):
        """Whatever is differentiated through the value gets the factor: it is like a slope of the identity."""
        c = value.dual.c * factor
        c[..., 0] = value.dual.c[..., 0]
        value.dual = Dual(c)

    def rule(self, rule, a):
        return _Box(a.dual if rule == "identity" else _square(a.dual))

    def recompute(self, body, result, env, passed):
        inner = {**env, "passed": passed}
        execute(self, body, inner)
        return self.op("add", inner[result], inner["passed"])

    def _kept(self, env, run):
        """Run and put everything back as it was before."""
        boxes = [*self.parameters, *env.values()]
        before = [box.dual for box in boxes]
        out = run()
        for box, dual in zip(boxes, before):
            box.dual = dual
        return out

    def along(self, moved, env, run):
        """The derivative of a run's result where each of the boxes moves in its direction."""
        self.depth += 1
        bit = 1 << (ORDER - self.depth)

        def move():
            e = np.zeros((1, 2**ORDER))
            e[0, bit] = 1
            for box, direction in moved:
                box.dual = box.dual + Dual.of(direction) * Dual(e)
            return run()

        out = self._kept({**env, **{id(box): box for box, _ in moved}}, move)
        self.depth -= 1
        without = np.array([i for i in range(2**ORDER) if not i & bit])
        part = np.zeros_like(out.c)
        part[..., without] = out.c[..., without | bit]
        return Dual(part)

    def gradient(self, body, result, env, at, by):
        at = _Box(at.dual)

        def run():
            inner = {**env, "at": at}
            execute(self, body, inner)
            return self.op("mul", inner[result], inner[result]).dual.sum()

        if by is None or not self.program.frozen[by]:
            target = at if by is None else self.parameters[by]
            factor = 1.0 if by is None else self.program.factors[by] or 1.0
            parts = [self.along([(target, row * factor)], env, run) for row in np.eye(N)]
            gradient = Dual(np.stack([part.c for part in parts]))
        else:
            gradient = Dual.of(np.zeros(N))
        run()  # for what it writes
        return _Box(gradient)

    def _main(self, x):
        env = {"x": x}
        execute(self, self.program.statements, env)
        total = self.op("add", env[self.program.result], self.parameters[0]).dual * self.parameters[1].dual
        return (total * self.program.weights).sum()

    def _argument(self):
        given = self.program.given
        return _Box(Dual.of(self.program.x) if given is None else self.parameters[given].dual)

    def plain(self):
        return self._main(_Box(Dual.of(self.program.x))).c[0]

    def derivative_along(self, of_x, of_parameters):
        """The derivative along a direction of the argument, or of the Parameters, by number."""
        x, given = self._argument(), self.program.given
        moved = [(self.parameters[i], d) for i, d in of_parameters.items() if not self.program.frozen[i]]
        if given is not None and (of_x is not None or given in of_parameters):
            # One variable, given at a position and read by the program.
            direction = of_x if of_x is not None else of_parameters[given]
            direction = direction * (0.0 if self.program.frozen[given] else 1.0)
            moved = [(self.parameters[given], direction), (x, direction)]
        elif of_x is not None:
            moved = [(x, of_x)]
        return float(self.along(moved, {}, lambda: self._main(x)).c[0])


class Program:
    """A scalar function of a vector and of the Parameters."""

    def __init__(self, seed):
        rng = self.rng = random.Random(seed)
        self.seed = seed
        self.names = 0
        self.hooked = set()
        self.start = [self._vector() for _ in range(PARAMETERS)]
        self.x, self.weights = self._vector(), self._vector()
        self.factors = [rng.choice([None, None, 2.0, -0.5]) for _ in range(PARAMETERS)]
        self.frozen = [rng.random() < 0.15 for _ in range(PARAMETERS)]
        self.statements = self._statements(rng.randint(4, 9), ["x"], 0)
        self.result = self.last
        self.wanted = [rng.randrange(PARAMETERS) for _ in range(rng.randint(1, 4))]
        self.given = rng.choice([None, None, None, 0, 2])
        self.how = rng.choice(["grad", "grad", "vjp", "recompute"])

    def __repr__(self):
        return (
            f"seed {self.seed}: {self.how} by {self.given if self.given is not None else 'x'} and {self.wanted}, "
            f"frozen {self.frozen}, hooks {self.factors}\n  " + "\n  ".join(map(str, self.statements))
        )

    def _vector(self):
        return np.array([self.rng.uniform(-1.2, 1.2) for _ in range(N)])

    def _name(self):
        self.names += 1
        return f"v{self.names}"

    def _statements(self, count, names, depth):
        """Statements that may use values of these names, and one more that ends them; its name is `last`."""
        rng, names, own, alone = self.rng, list(names), [], set()
        statements = []

        def operand():
            return (
                rng.randrange(PARAMETERS) if rng.random() < 0.4 else names[-1 - min(rng.randrange(4), len(names) - 1)]
            )

        for k in range(count):
            kind = rng.choice(["op"] * 4 + ["assign", "step", "write", "write", "hook", "rule", "rule", "no_grad"])
            if depth < DEPTH and rng.random() < 0.25:
                kind = rng.choice(["recompute", "gradient"])
            unhooked = [name for name in own if name in alone or name not in self.hooked]
            if k == count - 1 or (kind == "write" and not own) or (kind == "hook" and not unhooked):
                kind = "op"
            name = self._name()
            if kind in ("op", "no_grad"):
                statements.append((kind, name, rng.choice(list(OPS)), operand(), operand()))
            elif kind == "assign":
                statements.append((kind, rng.randrange(PARAMETERS), operand(), rng.randrange(2)))
            elif kind == "step":
                statements.append((kind, rng.randrange(PARAMETERS), operand(), rng.choice([0.1, 0.5])))
            elif kind == "write":
                statements.append((kind, rng.choice(own), operand(), rng.randrange(3)))
            elif kind == "hook":
                # Where other cells may hold the value, once: a second hook sees all that the first one does.
                hooked = rng.choice(unhooked)
                self.hooked.add(hooked)
                statements.append((kind, hooked, rng.choice([2.0, -0.5])))
            elif kind == "rule":
                statements.append((kind, name, rng.choice(RULES), operand()))
            elif kind == "recompute":
                passed = operand()
                body = self._statements(rng.randint(2, 4), [*names, "passed"], depth + 1)
                statements.append((kind, name, body, self.last, passed))
            else:
                at, by = operand(), rng.choice([None, None, *range(PARAMETERS)])
                body = self._statements(rng.randint(2, 4), [*names, "at"], depth + 1)
                statements.append((kind, name, body, self.last, at, by))
            if kind not in ("assign", "step", "write", "hook"):
                names.append(name)
                own.append(name)
            if kind not in ("assign", "step", "hook"):
                made = statements[-1][1]
                (alone.add if made_alone(*_parts(statements[-1])) else alone.discard)(made)
        self.last = name
        return statements


def check(seed):
    """Compare one program with the oracle; False where its numbers are too large to be compared."""
    program = Program(seed)
    with np.errstate(all="ignore"):
        oracle = Oracle(program)
        value = oracle.plain()
        left = oracle.left()
    if not all(np.isfinite(a).all() and np.abs(a).max() < 1e4 for a in [value, *left]):
        return False
    library = Library(program)
    _compare(library.plain(), value, program, "value of a plain call")
    for own, expected in zip(library.left(), left):
        _compare(own, expected, program, "left in the Parameters by a plain call")

    library = Library(program)
    own_value, by_x, by_weights = library.derivative()
    inputs = [("argument", by_x, None)] + [(f"weight {i}", g, i) for i, g in zip(program.wanted, by_weights)]
    u = np.random.default_rng(seed).uniform(-1, 1, N)
    for what, own, i in inputs:
        hooked = i if i is not None else program.given
        factor = (program.factors[hooked] or 1.0) if hooked is not None else 1.0
        with np.errstate(all="ignore"):
            expected = Oracle(program).derivative_along(*((u, {}) if i is None else (None, {i: u}))) * factor
        if not np.isfinite(expected) or abs(expected) > 1e6:
            return False
        _compare(float(own @ u), expected, program, f"derivative by the {what}", scale=float(np.abs(own).max()))
    if program.given is None:
        _compare(own_value, value, program, "value under the transform")
        for own, expected in zip(library.left(), left):
            _compare(own, expected, program, "left in the Parameters under the transform")
    return True


def _compare(own, expected, program, what, scale=0.0):
    scale = max(1.0, scale, float(np.abs(expected).max()))
    np.testing.assert_allclose(own, expected, rtol=1e-9, atol=1e-9 * scale, err_msg=f"{what}\n{program!r}")
