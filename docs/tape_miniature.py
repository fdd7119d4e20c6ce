"""The tape, in miniature: the first lesson for whoever wants to understand, or change, adcore.

This file is the whole idea of the core on plain floats. It needs nothing but Python and checks itself:

    python docs/tape_miniature.py

The idea in one sentence: *a tape is a linear list of statements, and everything is a loop over it*. Read from top to
bottom; each section says which part of `src/cpp` is the same thing for tensors. The words are those of the core, too.

The question worth keeping in mind is the one that most small autodiff programs get wrong: what happens when a function
that is being differentiated differentiates something itself? Two facts answer it here, and no other machinery does:

* rules are written with ops, so a sweep over the tape can itself be recorded;
* there is one tape, and a level of differentiation is only a mark on it.
"""

import itertools
import math
from collections import namedtuple

# ---- 1. An op is a value and its partial derivatives (core/op.h, ops/) -----------------------------------------------
#
# `kernel` computes with floats and knows nothing of derivatives. `partials` says how the result y moves with each
# argument. A partial computes with ops (`cos`, `*`, unary minus), not with floats: for a derivative of a derivative the
# partial itself has to be differentiable.

Op = namedtuple("Op", "name kernel partials")

ADD = Op("add", lambda a, b: a + b, (lambda a, b, y: 1.0, lambda a, b, y: 1.0))
MUL = Op("mul", lambda a, b: a * b, (lambda a, b, y: b, lambda a, b, y: a))
NEG = Op("neg", lambda a: -a, (lambda a, y: -1.0,))
SIN = Op("sin", math.sin, (lambda a, y: cos(a),))
COS = Op("cos", math.cos, (lambda a, y: -sin(a),))
EXP = Op("exp", math.exp, (lambda a, y: y,))  # may use the result instead of computing it again
ALIAS = Op("alias", lambda a: a, (lambda a, y: 1.0,))  # the same value under another slot: see section 4


# ---- 2. A number and the tape (core/tensor.h, core/tape.h) -----------------------------------------------------------


class Number:
    """A value and, if it was recorded, where: the id of a tape and a slot on it. Slot 0 means constant."""

    def __init__(self, value, tape_id=0, slot=0):
        self.value, self.tape_id, self.slot = value, tape_id, slot

    def __add__(self, other):
        return apply(ADD, self, other)

    def __mul__(self, other):
        return apply(MUL, self, other)

    def __neg__(self):
        return apply(NEG, self)

    def __sub__(self, other):
        return self + -as_number(other)

    def __rsub__(self, other):
        return as_number(other) - self

    __radd__, __rmul__ = __add__, __mul__


# "slot `out` is `op` of `arguments`": each argument is the slot of a tracked number, or a constant Number.
# Always true: arguments < out, and no slot is written twice. So the list is in an order that can be computed,
# upwards and downwards, without sorting and without recursion.
Statement = namedtuple("Statement", "op arguments out")


class Tape:
    ids = itertools.count(1)

    def __init__(self):
        self.id = next(Tape.ids)
        self.statements = []
        self.values = [None]  # by slot; slot 0 is nobody's
        self.open_levels = 0

    def new_slot(self, value):
        self.values.append(value)
        return Number(value, self.id, len(self.values) - 1)


tape = None  # the live tape, one per thread in the core; None while nothing is differentiated


def tracked(number):
    """Whether the live tape knows the number. One that an earlier tape has left behind is an ordinary constant."""
    return tape is not None and number.slot != 0 and number.tape_id == tape.id


# ---- 3. The single door: every op goes through apply (core/apply.h) --------------------------------------------------


def as_number(x):
    return x if isinstance(x, Number) else Number(float(x))


def apply(op, *arguments):
    """Compute, and append one statement if an argument is tracked. What depends on constants alone leaves no trace."""
    arguments = [as_number(a) for a in arguments]
    value = op.kernel(*(a.value for a in arguments))
    if tape is None or tape.open_levels == 0 or not any(map(tracked, arguments)):
        return Number(value)
    return record(op, arguments, value)


def record(op, arguments, value):
    out = tape.new_slot(value)
    tape.statements.append(Statement(op, [a.slot if tracked(a) else a for a in arguments], out.slot))
    return out


def sin(x):
    return apply(SIN, x)


def cos(x):
    return apply(COS, x)


def exp(x):
    return apply(EXP, x)


# ---- 4. A level is a mark on the tape (core/level.h) -----------------------------------------------------------------


class Level:
    """One act of differentiation: the statements from `begin` to `end`, and the slots of its inputs.

    The inputs get fresh slots. If an outer level tracks the number that came in, an alias statement ties the two
    together. It stands before `begin`: for this level the fresh slot is where the world starts, for the outer level it
    is one more statement to go through.

    A level closes before its sweep runs. Ops that the sweep calls are then recorded exactly if another level, an outer
    one, is still open: that is all there is to nesting.
    """

    def __init__(self, inputs):
        self.outer_inputs = [as_number(x) for x in inputs]

    def __enter__(self):
        global tape
        self.outermost = tape is None
        if self.outermost:
            tape = Tape()
        self.inputs = [record(ALIAS, [x], x.value) if tracked(x) else tape.new_slot(x.value) for x in self.outer_inputs]
        self.begin, self.end = len(tape.statements), None
        tape.open_levels += 1
        return self

    def close(self):
        self.end = len(tape.statements)
        tape.open_levels -= 1

    def statements(self):
        return tape.statements[self.begin : self.end]

    def __exit__(self, *exception):
        global tape
        if self.end is None:  # the function raised
            self.close()
        if self.outermost:
            tape = None


# ---- 5. Two sweeps over the same list (sweeps/) ----------------------------------------------------------------------


def operand(argument):
    """An argument of a statement, to compute with: tracked, so that an outer level sees what is done to it."""
    return argument if isinstance(argument, Number) else Number(tape.values[argument], tape.id, argument)


def partial(statement, k):
    """How the statement's result moves with its argument k, as a number made by ops."""
    return statement.op.partials[k](*map(operand, statement.arguments), operand(statement.out))


def forward(level, output, tangents):
    """Upwards: the tangent of a result is the sum of its arguments' tangents, each times its partial."""
    tangent = {x.slot: as_number(t) for x, t in zip(level.inputs, tangents, strict=True)}
    for statement in level.statements():
        for k, argument in enumerate(statement.arguments):
            if not isinstance(argument, Number) and argument in tangent:
                accumulate(tangent, statement.out, tangent[argument] * partial(statement, k))
    return tangent.get(output.slot, Number(0.0)) if tracked(output) else Number(0.0)


def backward(level, output):
    """Downwards: an argument's cotangent is the sum, over the results it went into, of theirs times the partial."""
    active = {x.slot for x in level.inputs}
    for statement in level.statements():
        if any(not isinstance(a, Number) and a in active for a in statement.arguments):
            active.add(statement.out)
    cotangent = {output.slot: Number(1.0)} if tracked(output) else {}
    for statement in reversed(level.statements()):
        if statement.out not in active or statement.out not in cotangent:
            continue
        g = cotangent.pop(statement.out)  # complete when the sweep arrives; read once, then not needed again
        for k, argument in enumerate(statement.arguments):
            if not isinstance(argument, Number) and argument in active:
                accumulate(cotangent, argument, g * partial(statement, k))
    return [cotangent.get(x.slot, Number(0.0)) for x in level.inputs]


def accumulate(sums, slot, term):
    sums[slot] = sums[slot] + term if slot in sums else term


# ---- 6. What users call (python/adcore/transforms/) ------------------------------------------------------------------


def value_and_grad(f):
    def differentiated(*inputs):
        with Level(inputs) as level:
            output = as_number(f(*level.inputs))
            level.close()
            gradients = backward(level, output)
        return output, gradients[0] if len(gradients) == 1 else gradients

    return differentiated


def grad(f):
    return lambda *inputs: value_and_grad(f)(*inputs)[1]


def jvp(f, inputs, tangents):
    with Level(inputs) as level:
        output = as_number(f(*level.inputs))
        level.close()
        return output, forward(level, output, tangents)


def derivative(f):
    """The derivative of a function of one number by forward mode."""
    return lambda x: jvp(f, (x,), (1.0,))[1]


# ---- 7. The checks: read them as exercises ---------------------------------------------------------------------------

MODES = (grad, derivative)


def expect(got, wanted, tolerance=1e-12):
    assert abs(as_number(got).value - wanted) <= tolerance * max(1.0, abs(wanted)), (as_number(got).value, wanted)


def check_first_derivatives():
    def f(x):
        return sin(x * x) * exp(x) - x

    step = 1e-6
    numeric = (f(Number(0.7 + step)).value - f(Number(0.7 - step)).value) / (2 * step)
    for d in MODES:
        expect(d(f)(0.7), numeric, tolerance=1e-8)


def check_several_inputs():
    value, (gx, gy) = value_and_grad(lambda x, y: x * y + sin(x))(2.0, 5.0)
    expect(value, 10 + math.sin(2))
    expect(gx, 5 + math.cos(2))
    expect(gy, 2)


def check_nesting_to_fourth_order():
    for modes in itertools.product(MODES, repeat=4):
        f = sin
        for d, wanted in zip(modes, (math.cos(0.3), -math.sin(0.3), -math.cos(0.3), math.sin(0.3)), strict=True):
            f = d(f)
            expect(f(0.3), wanted)


def check_levels_are_not_confused():
    for outer, inner in itertools.product(MODES, repeat=2):
        # d/dx [x * d/dy (x + y)]: the inner derivative is 1 whatever x is. Who mixes the two levels up gets 2.
        expect(outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0), 1)
        # A function of x alone has no derivative with respect to y.
        expect(outer(lambda x: inner(lambda y: x)(1.0))(1.0), 0)
        # The inner function uses a number of the outer level: d/dx [x * x].
        expect(outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0), 6)
        # The outer number is the inner input as well, which is what the alias is for: d/dx [2 * x * x].
        expect(outer(lambda x: inner(lambda y: x * y * y)(x))(3.0), 12)


def check_a_number_that_outlives_its_tape_is_a_constant():
    kept = []

    def f(x):
        kept.append(x)
        return x * x

    grad(f)(4.0)
    expect(grad(lambda x: x * kept[0])(5.0), 4)


def check_an_exception_leaves_nothing_behind():
    def outer(x):
        try:
            grad(lambda y: y * (1 // 0))(x)
        except ZeroDivisionError:
            assert tape.open_levels == 1
        return x * x

    expect(grad(outer)(3.0), 6)
    assert tape is None


def check_only_what_depends_on_an_input_is_recorded():
    with Level([2.0]) as level:
        (x,) = level.inputs
        exp(Number(1.0)) * sin(Number(2.0))
        assert level.statements() == []
        x * 3.0
        assert [s.op.name for s in level.statements()] == ["mul"]


def check_a_long_tape_needs_no_recursion():
    def f(x):
        for _ in range(20_000):
            x = x * 0.9999 + 0.0001
        return x

    expect(grad(f)(1.0), 0.9999**20_000, tolerance=1e-9)


if __name__ == "__main__":
    for name, check in [(n, c) for n, c in globals().items() if n.startswith("check_")]:
        check()
        print("ok ", name.removeprefix("check_").replace("_", " "))
