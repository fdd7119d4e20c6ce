"""Loops of functions that are recorded: the body becomes a program of its own, and the loop is one call that runs it.

A body takes carries, slices of arrays and what is the same in all steps, as lists of Tensors, and gives the next
carries and rows. What the loop has to do with the jvps, vmaps and levels that are open becomes part of another body,
level by level, the innermost frame first: tangents go beside the carries, members along an axis of them, and cotangents
through the steps in the opposite order. So a loop is differentiated and mapped in any nesting and stays a loop.

Some entries of a list may be missing: no tangent, no cotangent. Which ones is a *pattern*, and a step may change it, as
the first one does where only what the steps read has tangents. Steps run alone until the pattern stays. Start reading
at `call`, then `stepped`.
"""

from adcore import _core, _ops
from adcore._core import derivative_dtype
from adcore.transforms.rule import seen
from adcore.transforms.trees import zero_derivative


class Body:
    """A program with the numbers of its carries, slices and rows."""

    def __init__(self, program, carries, slices, rows):
        self.program = program
        self.carries, self.slices, self.rows = carries, slices, rows

    def split(self, inputs):
        """Return the carries, the slices, and the rest of a list of inputs."""
        at = self.carries + self.slices
        return inputs[: self.carries], inputs[self.carries : at], inputs[at:]

    def with_carries(self):
        """Return a body that gives the carries that it got as further rows."""

        def body(inputs):
            return [*_core.run_body(self.program, inputs), *inputs[: self.carries]]

        program = outlined(body, _core.inputs_like(self.program))
        return Body(program, self.carries, self.slices, self.rows + self.carries)


def outlined(fn, likes):
    """Return the program of a function of its inputs alone."""
    return _core.outline(fn, likes, [])[0]


def present(leaves):
    """Return the entries that are there."""
    return [t for t in leaves if t is not None]


def pattern_of(leaves):
    """Tell which entries are there."""
    return tuple(t is not None for t in leaves)


def placed(pattern, leaves):
    """Return a list with None where an entry is missing."""
    rest = iter(leaves)
    return [next(rest) if there else None for there in pattern]


def like(shape, dtype):
    """Return a tensor of this shape and dtype that takes no memory."""
    return _ops.broadcast_to(_ops.zeros((), dtype), shape)


def slices_like(arrays):
    """Return tensors like one slice of each array."""
    return [like(a.shape[1:], a.dtype) for a in arrays]


def derivatives_like(values, pattern):
    """Return tensors like the tangents or cotangents of those values that have one."""
    return [like(v.shape, derivative_dtype(v)) for v, there in zip(values, pattern) if there]


# ---- calls ----------------------------------------------------------------------------------------------------------


def call(body, length, reverse, carries, arrays, rest):
    """Return the last carries and the rows, stacked, for all that is open."""
    if _core.outputs_of(body.program) == 0:
        return []
    _core.note_loop()
    operands = [*carries, *arrays, *rest]
    frame = _core.innermost(operands)
    tracked = _core.is_tracked(operands, frame)
    if tracked and _core.calls_again(body.program):
        return _one_by_one(body, length, reverse, carries, arrays, rest)
    if tracked:
        body = body.with_carries()
    if isinstance(frame, _core.Forward):
        made = _pushed(frame, body, length, reverse, carries, arrays, rest)
    elif frame is not None:
        made = _mapped(frame, body, length, reverse, carries, arrays, rest)
    else:
        made = _core.run_scan(body.program, length, body.carries, body.slices, reverse, operands)
    if tracked:
        made = _recorded(body, length, reverse, operands, made)
        made = made[: len(made) - body.carries]
    return made


def _one_by_one(body, length, reverse, carries, arrays, rest):
    """Return the same without a loop: the rule of one would call functions again for what they gave."""
    parts = []
    for i in reversed(range(length)) if reverse else range(length):
        made = _core.run_body(body.program, [*carries, *(a[i] for a in arrays), *rest])
        carries = made[: body.carries]
        parts.append(made[body.carries :])
    if reverse:
        parts.reverse()
    return [*carries, *(_ops.stack(list(column)) for column in zip(*parts))]


def call_statement(op, words, operands):
    """The same for a call in a program that is run again, by its op's name, attributes and operands."""
    if op == "branch":
        return branch_call(*operands[:3], operands[3:])
    if op == "while":
        return while_call(*operands[:2], operands[2 : 2 + words[0]], operands[2 + words[0] :])
    length, carries, slices, reverse = words
    body = Body(operands[0], carries, slices, _core.outputs_of(operands[0]) - carries)
    return call(body, length, bool(reverse), *body.split(operands[1:]))


def stepped(lift, carries, arrays, rest, length, reverse, filled):
    """Run a loop whose carries may be missing.

    Parameters
    ----------
    lift : callable
        From the pattern of the carries to a body that takes and gives those that are there, and the patterns of the
        carries and rows that it gives.
    carries, arrays, rest : list
        The carries may be None.
    filled : callable
        From a list of rows, a pattern and the number of steps to rows that are there where the pattern says so.

    Returns
    -------
    tuple
        The carries and the rows, which may be None.
    """
    parts = []  # how many steps and their rows, stacked, in the order of the steps
    done = 0
    while done < length:
        pattern = pattern_of(carries)
        body, after, there = lift(pattern)
        if after == pattern:
            left = [a[: length - done] if reverse else a[done:] for a in arrays] if done else arrays
            made = call(body, length - done, reverse, present(carries), left, rest)
            carries = placed(after, made[: body.carries])
            parts.append((length - done, placed(there, made[body.carries :])))
            break
        i = length - 1 - done if reverse else done
        made = _core.run_body(body.program, [*present(carries), *(a[i] for a in arrays), *rest])
        carries = placed(after, made[: sum(after)])
        parts.append((1, placed(there, [_ops.expand_dims(row, 0) for row in made[sum(after) :]])))
        done += 1
    if len(parts) == 1:
        return carries, parts[0][1]
    there = [any(row is not None for row in column) for column in zip(*(rows for _, rows in parts))]
    parts = [filled(rows, there, steps) for steps, rows in parts]
    if reverse:
        parts.reverse()
    rows = [None if column[0] is None else _ops.concat(list(column)) for column in zip(*parts)]
    return carries, rows


# ---- forward mode ---------------------------------------------------------------------------------------------------


def _duals_apart(frame, tensors):
    pairs = [frame.take_apart(t) for t in tensors]
    return [v for v, _ in pairs], [t for _, t in pairs]


def _pushed(frame, body, length, reverse, carries, arrays, rest):
    (values, tangents), (xs, dxs), (ks, dks) = (_duals_apart(frame, g) for g in (carries, arrays, rest))
    n, r = body.carries, body.rows

    def lift(pattern):
        moving = pattern[n:]
        x_pattern, k_pattern = pattern_of(dxs), pattern_of(dks)
        patterns = []

        def step(inputs):
            take = iter(inputs)
            groups = [
                (placed([True] * len(p), [next(take) for _ in p]), placed(p, [next(take) for there in p if there]))
                for p in (moving, x_pattern, k_pattern)
            ]
            inner = _core.Forward()
            duals = [v if t is None else inner.dual(v, t) for vs, ts in groups for v, t in zip(vs, ts)]
            made = [inner.take_apart(t) for t in inner.run(lambda: _core.run_body(body.program, duals))]
            new, rows = made[:n], made[n:]
            moved = [v for v, _ in new] + [t for _, t in new], [v for v, _ in rows] + [t for _, t in rows]
            patterns[:] = map(pattern_of, moved)
            return [*present(moved[0]), *present(moved[1])]

        likes = [
            *values,
            *derivatives_like(values, moving),
            *slices_like(xs),
            *slices_like(present(dxs)),
            *ks,
            *present(dks),
        ]
        program = outlined(step, likes)
        lifted = Body(program, n + sum(moving), len(xs) + sum(x_pattern), sum(patterns[1]))
        return lifted, patterns[0], patterns[1]

    def filled(rows, there, _):
        return [zero_derivative(rows[j - r]) if row is None and there[j] else row for j, row in enumerate(rows)]

    def outside():
        return stepped(lift, [*values, *tangents], [*xs, *present(dxs)], [*ks, *present(dks)], length, reverse, filled)

    last, rows = frame.outside(outside)
    pairs = [*zip(last[:n], last[n:]), *zip(rows[:r], rows[r:])]
    return [v if t is None else frame.dual(v, t) for v, t in pairs]


# ---- batches --------------------------------------------------------------------------------------------------------


def _mapped(frame, body, length, reverse, carries, arrays, rest):
    # What is one value for all members comes first, then what differs; members stand along axis 0, for arrays and
    # rows along axis 1.
    n, r = body.carries, body.rows

    def apart(tensors):
        held = [frame.holds(t) for t in tensors]
        return [None if h else t for t, h in zip(tensors, held)], [
            frame.split(t) if h else None for t, h in zip(tensors, held)
        ]

    (same, own), (xs, own_xs), (ks, own_ks) = apart(carries), apart(arrays), apart(rest)
    own_xs = [None if x is None else _ops.swapaxes(x, 0, 1) for x in own_xs]
    groups = [*same, *own], [*xs, *own_xs], [*ks, *own_ks]

    def lift(pattern):
        patterns = []

        def step(inputs):
            inner = _core.Batch(frame.size)
            take = iter(inputs)
            given = []
            for p in (pattern, pattern_of(groups[1]), pattern_of(groups[2])):
                all_of = placed(p, [next(take) for there in p if there])
                half = len(p) // 2
                given += [inner.join(b) if a is None else a for a, b in zip(all_of[:half], all_of[half:])]
            made = inner.run(lambda: _core.run_body(body.program, given))
            held = [inner.holds(t) for t in made]
            one = [None if h else t for t, h in zip(made, held)]
            many = [inner.split(t) if h else None for t, h in zip(made, held)]
            moved = [*one[:n], *many[:n]], [*one[n:], *many[n:]]
            patterns[:] = map(pattern_of, moved)
            return [*present(moved[0]), *present(moved[1])]

        likes = [*_carries_like(pattern), *slices_like(present(groups[1])), *present(groups[2])]
        lifted = Body(outlined(step, likes), n, len(present(groups[1])), r)
        return lifted, patterns[0], patterns[1]

    def _carries_like(pattern):
        likes = []
        for k, there in enumerate(pattern):
            if there:
                shape = tuple(carries[k % n].shape)
                likes.append(like(shape if k < n else (frame.size, *shape), carries[k % n].dtype))
        return likes

    def filled(rows, there, _):
        one, many = rows[:r], rows[r:]
        for j in range(r):
            if there[r + j] and many[j] is None:
                shape = (one[j].shape[0], frame.size, *one[j].shape[1:])
                many[j] = _ops.broadcast_to(_ops.expand_dims(one[j], 1), shape)
                one[j] = None
        return [*one, *many]

    last, rows = frame.outside(
        lambda: stepped(lift, groups[0], present(groups[1]), present(groups[2]), length, reverse, filled)
    )
    made = [a if b is None else frame.join(b) for a, b in zip(last[:n], last[n:])]
    for one, many in zip(rows[:r], rows[r:]):
        made.append(one if many is None else frame.join(frame.outside(_ops.swapaxes, many, 0, 1)))
    return made


# ---- reverse mode ---------------------------------------------------------------------------------------------------


def _recorded(body, length, reverse, operands, made):
    """Record the rule of a loop whose last rows are the carries that the steps got."""
    n, r = body.carries, body.rows
    held = []

    def pull(cotangents, wanted):
        carries, arrays, rest = body.split(held[0])
        got = held[1][r:]
        want_xs, want_ks = body.split(wanted)[1:]
        want_xs = [w and x.dtype.is_floating_point for w, x in zip(want_xs, arrays)]
        want_ks = [w and k.dtype.is_floating_point for w, k in zip(want_ks, rest)]
        floats = [c.dtype.is_floating_point for c in carries]
        given = cotangents[n:]  # of rows
        from_rows = pattern_of(given)

        def lift(pattern):
            patterns = []

            def step(inputs):
                take = iter(inputs)
                back = placed(pattern, [next(take) for there in pattern if there])
                row_back = placed(from_rows, [next(take) for there in from_rows if there])
                at = [next(take) for _ in range(n + len(arrays) + len(rest))]
                recording = _core.Recording()

                def record():
                    active = [*floats, *want_xs, *want_ks]
                    inside = [recording.input(t) if a else t for t, a in zip(at, active)]
                    for out in _core.run_body(body.program, inside):
                        recording.output(out)
                    # What has come to a value from later steps is the start of its sum.
                    for t, w in zip(inside[n + len(arrays) :], want_ks):
                        if w:
                            recording.output(t)

                recording.run(record)
                sums = [t for t, w in zip(back[n:], want_ks) if w]
                pulled = recording.pull_reached([*back[:n], *row_back, *sums])
                pulled = placed([*floats, *want_xs, *want_ks], pulled)
                to_xs = pulled[n : n + len(arrays)]
                moved = [*pulled[:n], *pulled[n + len(arrays) :]], to_xs
                patterns[:] = map(pattern_of, moved)
                return [*present(moved[0]), *present(moved[1])]

            likes = [
                *derivatives_like([*carries, *rest], pattern),
                *slices_like(present(given)),
                *carries,
                *slices_like(arrays),
                *rest,
            ]
            program = outlined(step, likes)
            slices = sum(from_rows) + n + len(arrays)
            return Body(program, sum(pattern), slices, sum(patterns[1])), patterns[0], patterns[1]

        def filled(rows, there, steps):
            return [
                _ops.zeros((steps, *x.shape[1:]), x.dtype) if row is None and t else row
                for row, t, x in zip(rows, there, arrays)
            ]

        start = [*cotangents[:n], *(None for _ in rest)]
        xs = [*present(given), *got, *arrays]
        last, rows = stepped(lift, start, xs, rest, length, not reverse, filled)
        return [*last[:n], *rows, *last[n:]]

    made = _core.record_rule(operands, made, pull)
    held[:] = seen(operands), seen(made)
    return made


# ---- while ----------------------------------------------------------------------------------------------------------


def while_call(condition, step, carries, rest):
    """Return the last carries of steps while a condition holds, for all that is open. Both programs take carries and
    rest; how many steps there are only a run knows, so none can be run alone: what is missing is zero."""
    _core.note_loop()
    operands = [*carries, *rest]
    frame = _core.innermost(operands)
    if isinstance(frame, _core.Forward):
        made = _pushed_while(frame, condition, step, carries, rest)
    elif frame is not None:
        made = _mapped_while(frame, condition, step, carries, rest)
    else:
        made = _core.run_while(condition, step, operands)
    if _core.is_tracked(operands, frame):
        made = _core.record_rule(operands, made, _no_way_back)
    return made


def _no_way_back(cotangents, wanted):
    raise ValueError(
        "jit: reverse mode needs to know how many steps a loop has when it is recorded. Use ops.scan or ops.fori_loop "
        "with bounds that are numbers, forward mode (jvp), or the loop outside of jit."
    )


def _grown(pattern, lift):
    """Return what a function of the pattern gives for the least one that a step keeps."""
    while True:
        made, after = lift(pattern)
        if all(p or not a for p, a in zip(pattern, after)):
            return made, pattern
        pattern = tuple(p or a for p, a in zip(pattern, after))


def _pushed_while(frame, condition, step, carries, rest):
    (values, tangents), (ks, dks) = _duals_apart(frame, carries), _duals_apart(frame, rest)
    n = len(values)

    def lift(pattern):
        after = []

        def pushed(inputs):
            moving = placed(pattern, inputs[n : n + sum(pattern)])
            same = inputs[n + sum(pattern) :]
            same = zip(same[: len(ks)], placed(pattern_of(dks), same[len(ks) :]))
            inner = _core.Forward()
            duals = [v if t is None else inner.dual(v, t) for v, t in [*zip(inputs[:n], moving), *same]]
            made = [inner.take_apart(t) for t in inner.run(lambda: _core.run_body(step, duals))]
            after[:] = [t is not None for _, t in made]
            moved = [zero_derivative(v) if t is None else t for (v, t), there in zip(made, pattern) if there]
            return [*(v for v, _ in made), *moved]

        likes = [*values, *derivatives_like(values, pattern), *ks, *present(dks)]
        return outlined(pushed, likes), after

    pushed, pattern = _grown(pattern_of(tangents), lift)
    at = n + sum(pattern)

    def outside():
        moving = [zero_derivative(v) if t is None else t for v, t, there in zip(values, tangents, pattern) if there]
        likes = [*values, *moving, *ks, *present(dks)]
        holds = outlined(lambda i: _core.run_body(condition, [*i[:n], *i[at : at + len(ks)]]), likes)
        return while_call(holds, pushed, [*values, *moving], [*ks, *present(dks)])

    made = frame.outside(outside)
    moved = placed(pattern, made[n:])
    return [v if t is None else frame.dual(v, t) for v, t in zip(made, moved)]


def _mapped_while(frame, condition, step, carries, rest):
    held = [frame.holds(t) for t in carries]
    rest_held = [frame.holds(t) for t in rest]
    ks = [frame.split(t) if h else t for t, h in zip(rest, rest_held)]

    def joined(inner, pattern, inputs):
        return [inner.join(t) if h else t for t, h in zip(inputs, [*pattern, *rest_held])]

    def start(pattern):
        return [frame.split(t) if h else t for t, h in zip(carries, pattern)]

    def lift(pattern):
        after = []

        def mapped(inputs):
            inner = _core.Batch(frame.size)
            given = joined(inner, pattern, inputs)

            def chosen():
                (pred,) = _core.run_body(condition, given)
                made = _core.run_body(step, given)
                if inner.holds(pred):
                    made = [_ops.where(pred, a, b) for a, b in zip(made, given)]
                return made

            made = inner.run(chosen)
            after[:] = map(inner.holds, made)
            return [inner.split(t) if there or held else t for t, there, held in zip(made, pattern, after)]

        return outlined(mapped, [*start(pattern), *ks]), after

    def outside():
        mapped, pattern = _grown(tuple(held), lift)

        def some(inputs):
            inner = _core.Batch(frame.size)
            (pred,) = inner.run(lambda: _core.run_body(condition, joined(inner, pattern, inputs)))
            return [inner.split(pred).any() if inner.holds(pred) else pred]

        first = start(pattern)
        return while_call(outlined(some, [*first, *ks]), mapped, first, ks), pattern

    made, pattern = frame.outside(outside)
    return [frame.join(t) if there else t for t, there in zip(made, pattern)]


# ---- branches -------------------------------------------------------------------------------------------------------


def branch_call(taken, other, pred, inputs):
    """Return the outputs of one of two programs, chosen by a scalar, for all that is open."""
    if _core.outputs_of(taken) == 0:
        return []
    _core.note_loop()
    if _core.is_batch(pred):
        pairs = zip(_core.run_body(taken, inputs), _core.run_body(other, inputs))
        return [_ops.where(pred, a, b) for a, b in pairs]
    frame = _core.innermost(inputs)
    if isinstance(frame, _core.Forward):
        made = _pushed_branch(frame, taken, other, pred, inputs)
    elif frame is not None:
        made = _mapped_branch(frame, taken, other, pred, inputs)
    else:
        made = _core.run_branch(taken, other, pred, inputs)
    if _core.is_tracked(inputs, frame):
        if _core.calls_again(taken) or _core.calls_again(other):
            raise RuntimeError(
                "cond: inside of jit, a function that calls ops.host_callback for a result, or prints in a loop, has "
                "no derivative: it would be called again; call it before cond, or without jit."
            )
        made = _recorded_branch(taken, other, pred, inputs, made)
    return made


def _both(lift, taken, other, pred, inputs, filled, wanted=lambda there: there):
    """Return the outputs of a branch whose programs may leave out different ones, None for those that both leave out.

    `lift` makes of a program one that gives what is there, and its pattern; `filled` makes of such a list, for a
    pattern and the inputs, one with what the pattern names: what one of the programs gives, or `wanted` of that.
    """
    lifted = [lift(program) for program in (taken, other)]
    there = wanted(tuple(map(any, zip(*(pattern for _, pattern in lifted)))))

    def completed(program, pattern):
        def complete(given):
            return present(filled(placed(pattern, _core.run_body(program, given)), there, given))

        return program if pattern == there else outlined(complete, inputs)

    made = branch_call(*(completed(*one) for one in lifted), pred, inputs)
    return placed(there, made)


def _pushed_branch(frame, taken, other, pred, inputs):
    values, tangents = _duals_apart(frame, inputs)
    operands = [*values, *present(tangents)]

    def lift(program):
        pattern = []

        def pushed(given):
            moving = placed(pattern_of(tangents), given[len(values) :])
            inner = _core.Forward()
            duals = [v if t is None else inner.dual(v, t) for v, t in zip(given, moving)]
            made = [inner.take_apart(t) for t in inner.run(lambda: _core.run_body(program, duals))]
            moved = [*(v for v, _ in made), *(t for _, t in made)]
            pattern[:] = pattern_of(moved)
            return present(moved)

        return outlined(pushed, operands), tuple(pattern)

    def filled(leaves, there, _):
        n = len(leaves) // 2
        return [zero_derivative(leaves[j - n]) if t is None and there[j] else t for j, t in enumerate(leaves)]

    made = frame.outside(lambda: _both(lift, taken, other, frame.take_apart(pred)[0], operands, filled))
    n = len(made) // 2
    return [v if t is None else frame.dual(v, t) for v, t in zip(made[:n], made[n:])]


def _mapped_branch(frame, taken, other, pred, inputs):
    held = [frame.holds(t) for t in inputs]
    operands = [frame.split(t) if h else t for t, h in zip(inputs, held)]

    def lift(program):
        pattern = []

        def mapped(given):
            inner = _core.Batch(frame.size)
            members = [inner.join(t) if h else t for t, h in zip(given, held)]
            made = inner.run(lambda: _core.run_body(program, members))
            differs = [inner.holds(t) for t in made]
            moved = [None if d else t for t, d in zip(made, differs)]
            moved += [inner.split(t) if d else None for t, d in zip(made, differs)]
            pattern[:] = pattern_of(moved)
            return present(moved)

        return outlined(mapped, operands), tuple(pattern)

    def filled(leaves, there, _):
        n = len(leaves) // 2
        one, many = leaves[:n], leaves[n:]
        for j in range(n):
            if there[n + j] and many[j] is None:
                many[j] = _ops.broadcast_to(_ops.expand_dims(one[j], 0), (frame.size, *one[j].shape))
        return [*(None if there[n + j] else t for j, t in enumerate(one)), *many]

    def wanted(there):
        differs = there[len(there) // 2 :]
        return (*(not d for d in differs), *differs)

    made = frame.outside(lambda: _both(lift, taken, other, pred, operands, filled, wanted))
    n = len(made) // 2
    return [a if b is None else frame.join(b) for a, b in zip(made[:n], made[n:])]


def _recorded_branch(taken, other, pred, inputs, made):
    inputs = seen(inputs)

    def pull(cotangents, wanted):
        active = [w and t.dtype.is_floating_point for w, t in zip(wanted, inputs)]
        given = pattern_of(cotangents)

        def lift(program):
            pattern = []

            def step(at):
                recording = _core.Recording()

                def record():
                    inside = [recording.input(t) if a else t for t, a in zip(at, active)]
                    for out in _core.run_body(program, inside):
                        recording.output(out)

                recording.run(record)
                pulled = placed(active, recording.pull_reached(placed(given, at[len(inputs) :])))
                pattern[:] = pattern_of(pulled)
                return present(pulled)

            return outlined(step, [*inputs, *present(cotangents)]), tuple(pattern)

        def filled(leaves, there, at):
            return [zero_derivative(x) if c is None and t else c for c, t, x in zip(leaves, there, at)]

        return _both(lift, taken, other, pred, [*inputs, *present(cotangents)], filled)

    return _core.record_rule(inputs, made, pull)
