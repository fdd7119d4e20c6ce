"""How a rule given from outside becomes part of a computation, for hooks and rules of one's own.

A rule is attached to the outputs of a call level by level, the innermost first: a level of reverse mode records one
statement, a jvp gets its tangents, a vmap runs the rule on the whole batch. So a rule works in any nesting, and what it
computes is differentiated again by the levels around it.
"""

from adcore import _core, _ops
from adcore.transforms.products import transposed
from adcore.transforms.trees import map_tensors, tensors_of, zero_derivative


def hook_value(tensor, hook):
    """Call a function of one cotangent with that of a value, in every sweep that has the whole of it; see `attach`."""
    _core.note_rule()
    frame = _core.innermost([tensor])
    if isinstance(frame, _core.Forward):
        frame.outside(hook_value, frame.take_apart(tensor)[0], hook)
    elif frame is not None:
        frame.outside(hook_value, frame.split(tensor), lambda g: frame.split(frame.run(lambda: hook(frame.join(g)))))
    if _core.is_tracked([tensor], frame):
        _core.hook_value(tensor, lambda cotangents, _: [hook(*cotangents)])


def may_differentiate(tensors):
    """Tell whether a derivative with respect to one of the tensors may be asked for, by what is open here.

    A program that is being recorded is told that more than its calls matters to what may be open when it runs.
    """
    _core.note_rule()
    return _core.is_tracked(tensors) or _core.innermost(tensors) is not None


def constants(tensors):
    """Return the tensors without what they depend on."""
    return [_ops.stop_gradient(t) for t in tensors]


def seen(tree):
    """Return a container with cells of its own for its tensors: what they hold now, whoever writes to them later."""
    return map_tensors(_core.seen, tree) if tensors_of(tree) else tree


def attach(name, inputs, outputs, pull, push=None, always=False):
    """Return the outputs as made from the inputs by a rule, for every level, jvp and vmap that is open.

    Parameters
    ----------
    name : str
        For errors.
    inputs, outputs : list of Tensor
        The outputs are constants, but for vmap.
    pull : callable
        From a list of cotangents of the outputs, None for zero, and one of bools, whether the sweep wants the cotangent
        of an input, to a list of cotangents of the inputs, None for zero.
    push : callable, optional
        From a list of values of the inputs and one of their tangents to a list of tangents of the outputs; by default
        the transpose of `pull`.
    always : bool, default False
        The rule does more than compute: each level and jvp that is open runs it once, whatever it differentiates.
    """
    _core.note_rule()
    frame = _core.open_frame() if always else _core.innermost([*inputs, *outputs])
    if isinstance(frame, _core.Forward):
        made = _attach_forward(name, frame, inputs, outputs, pull, push, always)
    elif frame is None:
        made = outputs
    elif always and not any(map(frame.holds, [*inputs, *outputs])):
        made = frame.outside(lambda: attach(name, inputs, outputs, pull, push, always))
    else:
        made = _attach_batch(name, frame, inputs, outputs, pull, push, always)
    if _core.records(frame) if always else _core.is_tracked(inputs, frame):
        made = _core.record_rule(inputs, made, pull, always)
    return made


def _attach_forward(name, frame, inputs, outputs, pull, push, always):
    values, tangents = zip(*map(frame.take_apart, inputs)) if inputs else ((), ())
    values = list(values)

    def outside():
        made = attach(name, values, outputs, pull, push, always)
        given = [zero_derivative(v) if t is None else t for v, t in zip(values, tangents)]
        if push is not None:
            return made, push(values, given)
        return made, transposed(lambda seeds: filled(pull(seeds, [True] * len(values)), values), outputs, given)

    made, pushed = frame.outside(outside)
    return [frame.dual(value, tangent) for value, tangent in zip(made, pushed)]


def _attach_batch(name, frame, inputs, outputs, pull, push, always):
    held = [frame.holds(t) for t in inputs]

    def enter(values, batched):
        return [frame.join(v) if b and v is not None else v for v, b in zip(values, batched)]

    def outer_pull(cotangents, wanted):
        pulled = frame.run(lambda: pull(enter(cotangents, [True] * len(cotangents)), wanted))
        # An input that is one value for all members gets the sum over them.
        return [
            None if c is None else frame.split(c) if own else _ops.sum(frame.split(c), 0)
            for c, own in zip(pulled, held)
        ]

    def outer_push(values, tangents):
        pushed = frame.run(lambda: push(enter(values, held), enter(tangents, held)))
        return [frame.split(t) for t in pushed]

    values = [frame.split(t) if own else t for t, own in zip(inputs, held)]
    out_values = [frame.split(t) for t in outputs]
    made = frame.outside(lambda: attach(name, values, out_values, outer_pull, push and outer_push, always))
    return [frame.join(t) for t in made]


def filled(cotangents, values):
    """Return the cotangents of values with zeros for None."""
    return [zero_derivative(v) if c is None else c for c, v in zip(cotangents, values)]
