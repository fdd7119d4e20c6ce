"""The tape and the frame, in miniature: the first lesson for whoever wants to understand, or change, adcore.

This file is the whole idea of the core on plain floats. It needs nothing but Python and checks itself:

    python docs/tape_miniature.py

The idea in two sentences: *a tape is a linear list of statements, and reverse mode is a loop down it*; *a frame is an
interpreter: it computes the calls on values that are boxed in it, outside of itself*. Read from top to bottom; each
section says which part of `src/cpp` is the same thing for tensors. The words are those of the core, too.

The question worth keeping in mind is the one that most small autodiff programs get wrong: what happens when a function
that is being differentiated differentiates something itself? Three facts answer it here, and no other machinery does:

* rules are written with ops, so what they compute can itself be recorded, or boxed;
* there is one tape, and a level of differentiation is only a mark on it;
* a frame computes by the same door as everybody else, in the scope that it was opened in.
"""

import itertools
import math
from collections import namedtuple
from contextlib import contextmanager
from functools import partial

# ---- 1. An op is a value and its partial derivatives (core/op.h, ops/) -----------------------------------------------
#
# `kernel` computes with floats and knows nothing of derivatives. `partials` says how the result y moves with each
# argument. A partial computes with ops (`cos`, `*`, unary minus), not with floats: for a derivative of a derivative the
# partial itself has to be differentiable. It does not ask who will differentiate it, or whether anybody will.

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
    """A value and, if it was recorded, where: the id of a tape and a slot on it. Slot 0 means constant.

    The value is a float or, inside of a frame, a Box: see section 5.
    """

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
        self.values = [None]  # by slot; slot 0 is nobody's. The core keeps only those that a rule declared it needs

    def new_slot(self, value):
        self.values.append(value)
        return Number(value, self.id, len(self.values) - 1)

    def slot_of(self, number):
        """One that an earlier tape has left behind is an ordinary constant."""
        return number.slot if number.tape_id == self.id else 0


# What is open: the live tape and how many levels are open on it, and the innermost frame. One per thread in the core.
# Whoever opens something keeps the scope from before and puts it back whole, also when the function raises.
Scope = namedtuple("Scope", "tape levels frame")
scope = Scope(None, 0, None)


def tracked(number):
    """Whether the live tape knows the number."""
    return scope.tape is not None and scope.tape.slot_of(number) != 0


# ---- 3. The single door: every op goes through apply (core/apply.cpp) ------------------------------------------------


def as_number(x):
    return x if isinstance(x, Number) else Number(float(x))


def apply(op, *arguments):
    """Compute, and append one statement if an argument is tracked. What depends on constants alone leaves no trace."""
    arguments = [settled(as_number(a)) for a in arguments]
    frame = innermost(arguments)
    if frame is None:
        value = op.kernel(*(a.value for a in arguments))
        recorded = any(map(tracked, arguments))
    else:
        with frame.outside():
            value = frame.compute(op, arguments)  # levels outside of the frame record what it does
        recorded = scope.levels > frame.outer.levels and any(map(tracked, arguments))  # those inside, the call itself
    return record(op, arguments, value) if recorded else Number(value)


def record(op, arguments, value):
    tape = scope.tape
    out = tape.new_slot(value)
    tape.statements.append(Statement(op, [tape.slot_of(a) or a for a in arguments], out.slot))
    return out


sin, cos, exp = (partial(apply, op) for op in (SIN, COS, EXP))


# ---- 4. A level is a mark on the tape, a sweep a loop down it (core/scope.h, sweeps/backward.cpp) --------------------


class Level:
    """One act of reverse mode: the statements from `begin` to `end`, and the slots of its inputs.

    The inputs get fresh slots. If an outer level tracks the number that came in, an alias statement ties the two
    together. It stands before `begin`: for this level the fresh slot is where the world starts, for the outer level it
    is one more statement to go through.

    A level closes before its sweep runs. Ops that the sweep calls are then recorded exactly if another level, an outer
    one, is still open: that is all there is to nesting.
    """

    def __init__(self, inputs):
        self.outer_inputs = [settled(as_number(x)) for x in inputs]

    def __enter__(self):
        global scope
        self.outer = scope
        self.tape = scope.tape or Tape()
        scope = Scope(self.tape, scope.levels + 1, scope.frame)
        self.inputs = [
            record(ALIAS, [x], x.value) if tracked(x) else self.tape.new_slot(x.value) for x in self.outer_inputs
        ]
        self.begin, self.end = len(self.tape.statements), None
        return self

    def close(self):
        global scope
        self.end = len(self.tape.statements)
        scope = self.outer

    def statements(self):
        return self.tape.statements[self.begin : self.end]

    def __exit__(self, *exception):
        if self.end is None:  # the function raised
            self.close()


def backward(level, output):
    """Downwards: an argument's cotangent is the sum, over the results it went into, of theirs times the partial."""
    tape = level.tape

    def operand(argument):  # at its slot, so that an outer level sees what is done to it
        return argument if isinstance(argument, Number) else Number(tape.values[argument], tape.id, argument)

    active = {x.slot for x in level.inputs}
    for statement in level.statements():
        if active.intersection(a for a in statement.arguments if not isinstance(a, Number)):
            active.add(statement.out)
    cotangent = {tape.slot_of(output): Number(1.0)}
    for statement in reversed(level.statements()):
        if statement.out not in active or statement.out not in cotangent:
            continue
        g = cotangent.pop(statement.out)  # complete when the sweep arrives; read once, then not needed again
        operands = [operand(a) for a in (*statement.arguments, statement.out)]
        for argument, rule in zip(statement.arguments, statement.op.partials, strict=True):
            if not isinstance(argument, Number) and argument in active:
                term = g * rule(*operands)
                cotangent[argument] = cotangent[argument] + term if argument in cotangent else term
    return [cotangent.get(x.slot, Number(0.0)) for x in level.inputs]


# ---- 5. A frame is an interpreter (core/box.h, sweeps/forward.cpp, sweeps/batch.cpp) ---------------------------------
#
# A number inside of a frame is boxed: the box says what the number is outside of it. `apply` hands a call to the
# innermost frame that one of the arguments is boxed in. Nothing is kept: a frame computes as the function runs.

Box = namedtuple("Box", "frame content")


class Frame:
    def __enter__(self):
        global scope
        self.outer = scope
        scope = scope._replace(frame=self)
        return self

    def __exit__(self, *exception):
        global scope
        scope = self.outer

    @contextmanager
    def outside(self):
        """Where the frame was opened: what its boxes hold are ordinary numbers there."""
        global scope
        inside, scope = scope, self.outer
        try:
            yield
        finally:
            scope = inside

    def holds(self, number):
        return isinstance(number.value, Box) and number.value.frame is self


class Forward(Frame):
    """jvp. A box holds a dual: the value, and its tangent, the derivative along the direction of this frame."""

    def dual(self, number):
        return number.value.content if self.holds(number) else (number, None)  # None: zero

    def compute(self, op, arguments):
        values, tangents = zip(*map(self.dual, arguments), strict=True)
        y = apply(op, *values)
        terms = [t * rule(*values, y) for t, rule in zip(tangents, op.partials, strict=True) if t is not None]
        return Box(self, (y, sum(terms[1:], terms[0])))

    left = staticmethod(lambda box: box.content[0])  # what has left its jvp is a constant


class Batch(Frame):
    """vmap. A box holds the values of all members. The core has them in one tensor, and most ops take it as it is."""

    def __init__(self, size):
        self.size = size

    def members(self, number):
        return number.value.content if self.holds(number) else [number] * self.size

    def compute(self, op, arguments):
        return Box(self, [apply(op, *one) for one in zip(*map(self.members, arguments), strict=True)])

    def left(self, box):
        raise RuntimeError("a value was kept from a call of vmap that has ended; return it from the function instead.")


def open_frames():
    frame = scope.frame
    while frame is not None:
        yield frame
        frame = frame.outer.frame


def settled(number):
    """The number without the boxes of frames that have closed."""
    while isinstance(number.value, Box) and number.value.frame not in open_frames():
        number = number.value.frame.left(number.value)
    return number


def innermost(numbers):
    return next((frame for frame in open_frames() if any(map(frame.holds, numbers))), None)


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
    with Forward() as frame:
        duals = zip(map(as_number, inputs), map(as_number, tangents), strict=True)
        value, tangent = frame.dual(settled(as_number(f(*(Number(Box(frame, dual)) for dual in duals)))))
    return value, Number(0.0) if tangent is None else tangent


def derivative(f):
    """The derivative of a function of one number by forward mode."""
    return lambda x: jvp(f, (x,), (1.0,))[1]


def vmap(f):
    def mapped(xs):
        with Batch(len(xs)) as frame:
            return frame.members(settled(as_number(f(Number(Box(frame, [as_number(x) for x in xs]))))))

    return mapped


# ---- 7. The checks: read them as exercises ---------------------------------------------------------------------------


def of_batch(d):
    """The same derivative, taken of two members at once."""
    return lambda f: lambda x: vmap(d(f))([x, 0.5])[0]


MODES = (grad, derivative, of_batch(grad), of_batch(derivative))


def expect(got, wanted, tolerance=1e-12):
    value = settled(as_number(got)).value
    assert abs(value - wanted) <= tolerance * max(1.0, abs(wanted)), (value, wanted)


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


def check_a_map_of_one_function_over_many_numbers():
    squares = vmap(lambda x: x * x)
    for got, wanted in zip(squares([1.0, 2.0, 3.0]), (1, 4, 9), strict=True):
        expect(got, wanted)
    # A level around the frame records what every member computes: d/dx [x**2 + (2 x)**2].
    for d in MODES:
        expect(d(lambda x: sum(squares([x, 2.0 * x])))(3.0), 30)


def check_a_number_that_outlives_its_tape_or_frame_is_a_constant():
    for first, second in itertools.product((grad, derivative), MODES):
        kept = []

        def f(x, kept=kept):
            kept.append(x)
            return x * x

        first(f)(4.0)
        expect(second(lambda x, kept=kept: x * kept[0])(5.0), 4)


def check_an_exception_leaves_nothing_behind():
    for outer, inner in itertools.product(MODES, repeat=2):

        def f(x, inner=inner):
            before = scope
            try:
                inner(lambda y: y * (1 // 0))(x)
            except ZeroDivisionError:
                assert scope == before
            return x * x

        expect(outer(f)(3.0), 6)
        assert scope == Scope(None, 0, None)


def check_only_what_depends_on_an_input_is_recorded():
    with Level([2.0]) as level:
        (x,) = level.inputs
        exp(Number(1.0)) * sin(Number(2.0))
        assert level.statements() == []
        x * 3.0
        assert [s.op.name for s in level.statements()] == ["mul"]
    # Forward mode keeps nothing at all.
    expect(derivative(lambda x: x * x if scope.tape is None else 0.0)(3.0), 6)


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
