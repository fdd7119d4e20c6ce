"""jit: a function is recorded once as a program, which later calls replay natively."""

import functools
import warnings

from adcore import _core
from adcore._advice import known_words
from adcore._core import Jitted, Parameter, Tensor, tree_leaves
from adcore.transforms.guards import Places, changes, is_of_library
from adcore.transforms.made import add_methods, reduced
from adcore.transforms.options import check_callable, short_text
from adcore.transforms.programs import named_inputs
from adcore.transforms.stored import describe

__all__ = ["jit"]

_MOST_REFUSALS = 4  # recordings that failed, after which a function that may run as Python does
_MANY = 8  # recordings of one function, after which a warning says why


@known_words
def jit(fn=None, *, static_argnums=(), static_argnames=(), donate=()):
    """Return a function that is recorded as a program when it is first called, and replayed by later calls.

    A program is made for each signature: the structure of the arguments, the shapes and dtypes of the Tensors and
    arrays among them, and all other values, of which each is a part of the program. Cells that the function reads
    (Parameters, Tensors of a closure, the random state) are read whenever it runs, and those that it assigns are
    written when the run has succeeded. So a whole training step with its optimizer is one program.

    Parameters
    ----------
    fn : callable
        A function of Tensors and containers, or a Cell. Without it a decorator is returned.
    static_argnums : int or tuple of int, default ()
        Positions of arguments that are parts of the program, though there are Tensors in them.
    static_argnames : str or tuple of str, default ()
        The same for keyword arguments.
    donate : int or tuple of int, default ()
        Positions of arguments whose Tensors are given away: a call may write its results over them. Whoever reads one
        of them afterwards gets a RuntimeError, but where the function returned the very Tensor.

    Returns
    -------
    callable
        Takes what `fn` takes and returns what it returns, the same bits.

    Raises
    ------
    TypeError
        If `fn` is not callable, or an option is of the wrong type.
    RecordingError
        A ValueError, when it is called: where Python code asks for the elements of a Tensor (``if``, ``float``,
        ``asnumpy``), which are not known while the function is recorded; where the function changes what a replay would
        not change (a number of an object, the length of a list); where it uses what may change unseen (an iterator, a
        NumPy array of more than 1 MB that is no argument).

    Notes
    -----
    What the function reads beside its arguments (variables, attributes) may change between calls: then it is recorded
    again. Variables of installed packages, what methods of their objects read, and files are read when it is recorded,
    and not again. Arrays among the arguments are Tensors inside.

    Where a derivative, a jvp or a vmap that is open outside holds one of the inputs, it sees the calls of the program,
    as if the function had run; then nothing is donated. What is donated is written over by the steps of optimizers
    (``adcore.optim``), and only where nobody else holds it.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor
    >>> @adcore.jit
    ... def f(x):
    ...     return (x * x).sum()
    >>> print(f(Tensor([1.0, 2.0])), f(Tensor([3.0, 4.0])))
    5.0 25.0
    """
    if fn is None:
        return functools.partial(jit, static_argnums=static_argnums, static_argnames=static_argnames, donate=donate)
    return _jitted(fn, static_argnums, static_argnames, donate, False)


def jit_or_run(fn):
    """Return a function that is recorded like one of `jit`, and runs as Python where it cannot be recorded.

    A recording that fails leaves nothing behind: what the function reaches is put back as it was. What cannot be put
    back, as what is printed or read from a file, is looked for in the texts before.
    """
    return _jitted(fn, (), (), (), True)


def _jitted(fn, static_argnums, static_argnames, donate, falls_back):
    check_callable("jit", fn)
    if isinstance(fn, type):
        raise TypeError(f"jit: fn is the class {fn.__name__}; give it an instance or a function.")
    numbers = _positions(fn, "static_argnums", static_argnums)
    given = _positions(fn, "donate", donate)
    if both := sorted({*numbers} & {*given}):
        raise ValueError(f"jit: argument {both[0]} is static and donated; a static one is no Tensor to write over.")
    names = (static_argnames,) if isinstance(static_argnames, str) else static_argnames
    if not isinstance(names, (tuple, list)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"jit: static_argnames must be a str or a tuple of str, got {static_argnames!r}.")
    jitted = Jitted(fn, numbers, frozenset(names), given)
    for attribute in functools.WRAPPER_ASSIGNMENTS:
        if hasattr(fn, attribute):
            setattr(jitted, attribute, getattr(fn, attribute))
    jitted.__dict__["_log"] = []
    jitted.__dict__["_statics"] = (numbers, frozenset(names))
    jitted.__dict__["_falls_back"] = falls_back
    jitted.__dict__["_donated"] = given
    return jitted


def _name(fn):
    return getattr(fn, "__qualname__", None) or type(fn).__name__


def _positions(fn, option, given):
    """Return the positions that an option names; a negative one counts from the last parameter."""
    numbers = (given,) if isinstance(given, int) else given
    if not isinstance(numbers, (tuple, list)) or not all(type(n) is int for n in numbers):
        raise TypeError(f"jit: {option} must be an int or a tuple of int, got {given!r}.")
    if all(n >= 0 for n in numbers):
        return tuple(numbers)
    import inspect

    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError:
        parameters = ()
    count = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    if any(n < -count for n in numbers):
        raise ValueError(f"jit: {option} {given} beyond the {count} parameters of {_name(fn)}.")
    return tuple(n % count if n < 0 else n for n in numbers)


def record_program(jitted, args, kwargs, record):
    """Return a recorded program, what guards it and Tensors that no argument may be, or a str.

    That says why the function runs as Python for such calls.

    The core calls this where no program fits a call.
    """
    fn = jitted.__wrapped__
    roots = _roots(jitted, args, kwargs)
    if not jitted._falls_back:
        return _recorded(jitted, roots, Places(*roots), args, kwargs, record)
    refusals = jitted.__dict__.setdefault("_refusals", [])
    if len(refusals) >= _MOST_REFUSALS:
        return refusals[-1]
    before = None
    try:
        before = Places(*roots)
        before.check_acts()
        return _recorded(jitted, roots, before, args, kwargs, record)
    except Exception as error:
        if before is not None:
            before.put_back()
        refusals.append(f"jit: {_name(fn)} runs as Python: {error}")
        import logging  # not at the top: it takes longer to load than adcore

        logging.getLogger("adcore.jit").debug(refusals[-1])
        return refusals[-1]


def _roots(jitted, args, kwargs):
    """Return the names and objects from which a function reaches what it reads: itself, and static arguments."""
    fn = jitted.__wrapped__
    given = tree_leaves((args, kwargs))
    statics = [o for o in given if isinstance(o, Parameter) or not (isinstance(o, Tensor) or _core.is_array(o))]
    positions, names = jitted._statics
    statics += [args[i] for i in positions if i < len(args)]
    statics += [value for name, value in (kwargs or {}).items() if name in names]
    for container in _containers((args, kwargs or {})):
        kind = type(container)
        fields = getattr(kind, "__dataclass_fields__", ())
        statics += [value for name, value in _attributes_of(container).items() if name not in fields]
        if not is_of_library(kind):
            statics.append(kind)
    return [(_name(fn), fn), *((f"an argument, a {type(o).__name__},", o) for o in statics)]


def _attributes_of(o):
    """Return the dict of an object's attributes; no method of the user's is asked."""
    try:
        return object.__getattribute__(o, "__dict__")
    except AttributeError:
        return {}


def _containers(o):
    """Yield the containers among arguments that have a class of their own: it, and attributes, may be read."""
    if isinstance(o, Tensor):
        return
    if isinstance(o, (tuple, list)):
        parts = o
    elif isinstance(o, dict):
        parts = o.values()
    elif hasattr(type(o), "__dataclass_fields__") and not callable(o):
        parts = [getattr(o, name) for name in o.__dataclass_fields__]
    else:
        return
    if type(o) not in (tuple, list, dict):
        yield o
    for part in parts:
        yield from _containers(part)


def _recorded(jitted, roots, before, args, kwargs, record):
    """Record until the function changes nothing in Python, which a replay would not change.

    Only objects of adcore's own may do something once, as filling a cache; then the function is recorded again.
    """
    fn = jitted.__wrapped__
    given = tree_leaves((args, kwargs))
    if any(t is leaf for t in before.compared() for leaf in given):
        raise _core.RecordingError(
            f"jit: an argument of {_name(fn)} is a Tensor that the function finds elsewhere too, and it compares "
            "objects (`is`, `id`), which are others while it is recorded; give it a copy."
        )
    for again in (False, True):
        program = record()
        after = Places(*roots, called=[callback.fn for callback in program._callbacks])
        changed = changes(before, after)
        _check_left_over(fn, changed)
        if not changed:
            break
        for name, old, new, is_own in changed:
            if again or not is_own:
                _fail_changed(fn, name, old, new)
        before = after
    inputs = named_inputs(fn, jitted._statics, args, kwargs or {})
    program._argument_names = [name for name, _ in inputs]
    program._signature = describe(args, kwargs or {}, jitted._statics, [leaf for _, leaf in inputs])
    _log(jitted, _describe(args, kwargs))
    return program, after.guards, after.compared()


# ---- what a user sees ---------------------------------------------------------------------------------------------


class Explanation(str):
    """A text that an interactive session shows as it is."""

    __slots__ = ()

    def __repr__(self):
        """Return the text."""
        return str(self)


def _trace(self, /, *args, **kwargs):
    """Return the program that a call with these arguments would replay; it is recorded where there is none yet.

    Nothing runs: the program's text shows what a call would do. Of a method, name the instance:
    ``Class.method.trace(instance, x)``.

    Returns
    -------
    Program

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor
    >>> f = adcore.jit(lambda x: x * x)
    >>> f.trace(Tensor([1.0, 2.0])).statements
    1
    """
    return self._program_for(*args, **kwargs)


def _explain(self):
    """Tell why the function was recorded each time, and what its programs need.

    Returns
    -------
    str
        Each recording with its reason; for each program that is kept the number of statements after each pass, and
        the bytes of the memory in which it runs.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor
    >>> f = adcore.jit(lambda x: x * x + x)
    >>> results = f(Tensor([1.0])), f(Tensor([1.0, 2.0]))
    >>> print("argument 0 is Float32 (2,), was Float32 (1,)" in f.explain())
    True
    """
    programs = self._programs
    many = len(self._log)
    lines = [f"{_name(self.__wrapped__)}: {self._calls} calls, {many} recorded, {len(programs)} programs kept"]
    lines += [f"  recording {i}: {reason}" for i, (_, reason) in enumerate(self._log, 1)]
    for i, (program, arena, guards, runs) in enumerate(programs, 1):
        lines.append(f"program {i}{' (used last)' * (i == 1)}")
        lines.append(f"  {program.inputs} inputs, {guards} guards of what it reads beside them")
        counts = [f"recorded {program.statements}", *(f"{name} {left}" for name, left in program._passes)]
        lines.append(f"  statements: {', '.join(counts)}")
        lines.append(f"  arena of {arena} bytes, {len(runs)} layouts of its inputs")
    return Explanation("\n".join(lines))


def _profile(self, /, *args, repeat=20, **kwargs):
    """Run the program of a call with a clock beside each step. Nothing is written.

    Parameters
    ----------
    *args, **kwargs
        The arguments of the call.
    repeat : int, default 20
        How often it runs; the fastest run is told.

    Returns
    -------
    Profile
        It prints as a table; ``.rows`` has the numbers, ``.chrome_trace(path)`` writes a file for Chrome.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor
    >>> f = adcore.jit(lambda x: (x @ x).sum())
    >>> [row.title for row in f.profile(Tensor([[1.0, 2.0], [3.0, 4.0]])).rows]
    ['matmul', 'sum']
    """
    inputs = [leaf for _, leaf in named_inputs(self.__wrapped__, self._statics, args, kwargs)]
    return self._program_for(*args, **kwargs).profile(*inputs, repeat=repeat)


def _again(fn, numbers, names, donated, falls_back):
    return _jitted(fn, numbers, tuple(names), donated, falls_back)


def _reduce(self):
    """Copy and pickle the function, without its programs; what its module has by its name, by the name."""
    return reduced(self, (_again, (self.__wrapped__, *self._statics, self._donated, self._falls_back)))


add_methods(Jitted, trace=_trace, explain=_explain, profile=_profile, __reduce__=_reduce)


# ---- what cannot be recorded --------------------------------------------------------------------------------------


def _check_left_over(fn, changed):
    """Raise where the function left a Tensor behind that was computed while it was recorded."""
    for name, _, new, _ in changed:
        for t in tree_leaves(new):
            if isinstance(t, Tensor) and not isinstance(t, Parameter) and _core.is_traced(t):
                raise _core.RecordingError(
                    f"jit: {_name(fn)} changes {name} to a Tensor that was computed, which happens while it is "
                    "recorded, but not when it is replayed; keep a Tensor there and assign to it (set_data, "
                    "ops.assign), or return the value."
                )


def _fail_changed(fn, name, old, new):
    raise _core.RecordingError(
        f"jit: {_name(fn)} changes {name} from {short_text(old)} to {short_text(new)}, which happens while it is "
        "recorded, but not when it is replayed; keep a number that changes in a Tensor or Parameter, which is assigned "
        "to, return what is collected, and call the function once without jit first where it fills a cache."
    )


def _describe(args, kwargs):
    """Return the parts of a signature that a user can compare: name -> text."""
    parts = {f"argument {i}": a for i, a in enumerate(args)} | {f"argument {k}": a for k, a in (kwargs or {}).items()}
    return {name: short_text(o) for name, o in parts.items()}


def _log(jitted, parts):
    log = jitted._log
    reason = "the first call"
    if log:
        last = log[-1][0]
        differ = [f"{k} is {v}, was {last.get(k, 'absent')}" for k, v in parts.items() if last.get(k) != v]
        differ += [f"{k} is absent, was {v}" for k, v in last.items() if k not in parts]
        reason = "; ".join(differ) or "what it reads beside its arguments changed"
    log.append((parts, reason))
    if len(log) == _MANY:
        warnings.warn(
            f"jit: {_name(jitted.__wrapped__)} was recorded {_MANY} times, the last time because {reason}. A number "
            "that changes from call to call should be a Tensor; shapes that change need a program each.",
            stacklevel=3,
        )
