"""Programs that are called, saved and loaded. The core writes and reads the files; here is what they say of Python: how
the arguments and the result of a call are built. Start reading at `describe` and `bind`.

A description is data that JSON holds: a dict of one key, which says what stands there.
"""

import os

from adcore import _core
from adcore._core import Parameter, Program
from adcore.transforms.made import add_methods
from adcore.transforms.programs import cell_names, input_names

__all__ = ["load_program"]

_CONTAINERS = {"tuple": tuple, "list": list}
_PLAIN = (bool, int, float, str, type(None))


# ---- descriptions -------------------------------------------------------------------------------------------------


def _describe(o, of_leaf):
    """Return the description of a container; leaves are described by `of_leaf`."""
    for name, kind in _CONTAINERS.items():
        if type(o) is kind:
            return {name: [_describe(part, of_leaf) for part in o]}
    if type(o) is dict:
        return {"dict": [[_value(key), _describe(part, of_leaf)] for key, part in o.items()]}
    return of_leaf(o)


def _value(o):
    """Return the description of what is part of a program: a number, a text, None; of others, what they are."""
    if type(o) is float:
        return {"float": o.hex()}
    return {"value": o} if type(o) in _PLAIN else {"object": f"a {type(o).__name__}"}


def describe(args, kwargs, statics, inputs):
    """Return the description of a call.

    Parameters
    ----------
    args, kwargs : tuple, dict
        The arguments.
    statics : tuple
        Positions and names of the arguments that are parts of the program.
    inputs : list
        The leaves that are inputs of the program, in their order.

    Returns
    -------
    dict
    """
    numbers = {id(leaf): k for k, leaf in enumerate(inputs)}
    positions, names = statics

    def leaf(o):
        return {"input": numbers[id(o)]} if _core.is_program_input(o) and id(o) in numbers else _value(o)

    def argument(o, is_static):
        return _value(o) if is_static else _describe(o, leaf)

    return {
        "positional": [argument(o, i in positions) for i, o in enumerate(args)],
        "named": {name: argument(o, name in names) for name, o in kwargs.items()},
    }


def _part(description):
    """Return what kind of thing is described, and how."""
    ((kind, how),) = description.items()
    return kind, how


def _known(kind, how):
    """Return the number or text that a description holds."""
    return float.fromhex(how) if kind == "float" else how


def _bind(description, o, where, inputs):
    """Put the inputs that stand in an argument into their places; raise where it is not built as described."""
    kind, how = _part(description)
    if kind == "input":
        if not _core.is_program_input(o):
            raise TypeError(f"Program: {where} must be a Tensor, got {_shown(o)}.")
        if inputs[how] is not None and inputs[how] is not o:
            raise ValueError(f"Program: {where} was the same Tensor as another argument when the program was recorded.")
        inputs[how] = o
    elif kind in _CONTAINERS:
        if not isinstance(o, _CONTAINERS[kind]) or len(o) != len(how):
            raise TypeError(f"Program: {where} must be a {kind} of {len(how)}, got {_shown(o)}.")
        for i, (inside, part) in enumerate(zip(how, o)):
            _bind(inside, part, f"{where}[{i}]", inputs)
    elif kind == "dict":
        keys = [_known(*_part(key)) for key, _ in how]
        if not isinstance(o, dict) or len(o) != len(keys) or any(key not in o for key in keys):
            raise TypeError(f"Program: {where} must be a dict with the keys {keys}, got {_shown(o)}.")
        for key, (_, inside) in zip(keys, how):
            _bind(inside, o[key], f"{where}[{key!r}]", inputs)
    elif kind == "object":
        raise TypeError(
            f"Program: {where} was {how} when the program was recorded, which is part of the program; "
            "call the function instead."
        )
    elif _value(o) != description or type(o) is not type(_known(kind, how)):
        raise ValueError(
            f"Program: {where} was {_known(kind, how)!r} when the program was recorded, which is part of the "
            f"program, got {_shown(o)}."
        )


def _replay(program, inputs):
    def misfit(k, given):
        shape, dtype = program._types[program.input(k)]
        raise ValueError(
            f"Program: {input_names(program)[k]} was {dtype} {shape} when the program was recorded, got {given.dtype} "
            f"{given.shape}."
        )

    return program._replay(inputs, misfit)


def _shown(o):
    if isinstance(o, Parameter):
        return "a Parameter"
    if isinstance(o, (tuple, list, dict)):
        return f"a {type(o).__name__} of {len(o)}"
    text = repr(o) if type(o) in _PLAIN else f"a {type(o).__name__}"
    return text if len(text) < 60 else text[:57] + "..."


def _call(self, /, *args, **kwargs):
    """Run the program on arguments that are built as those of the call that was recorded, and return its result.

    The same bits as the function under `jit` gives. Cells that the function assigns are written.

    Parameters
    ----------
    *args, **kwargs
        As the function takes them. Tensors and arrays have the shapes and dtypes of the recorded ones; numbers and
        texts are part of the program and must be the same.

    Returns
    -------
    object
        What the function returns.

    Raises
    ------
    TypeError, ValueError
        If the arguments are others than the recorded ones.
    """
    signature = self._signature
    if signature is None:
        if kwargs:
            raise TypeError(f"Program: it has no argument of the name {next(iter(kwargs))}.")
        return _replay(self, list(args))
    positional, named = signature["positional"], signature["named"]
    if len(args) != len(positional):
        raise TypeError(f"Program: it was recorded with {len(positional)} positional arguments, got {len(args)}.")
    if kwargs.keys() != named.keys():
        raise TypeError(f"Program: it was recorded with the keyword arguments {sorted(named)}, got {sorted(kwargs)}.")
    inputs = [None] * self._argument_count
    for i, (description, o) in enumerate(zip(positional, args)):
        _bind(description, o, f"argument {i}", inputs)
    for name, description in named.items():
        _bind(description, kwargs[name], name, inputs)
    return _replay(self, inputs)


# ---- state --------------------------------------------------------------------------------------------------------


def _state(self):
    """Return the tensors that the program keeps from call to call, by name, a dict.

    Parameters of the function, what its optimizer remembers, running statistics, the state of the random numbers. A
    program that was loaded has tensors of its own: assign to one with ``set_data``, or read them into a network with
    ``adcore.load_param_into_net(net, program.state)``. Those of a program that was traced are the function's.
    """
    return dict(zip(cell_names(self), self._cells))


# ---- files --------------------------------------------------------------------------------------------------------


def _objects(description, path=""):
    """Yield (where, what) of the parts of a description that no file can hold."""
    kind, how = _part(description)
    if kind == "object":
        yield path, how
    elif kind == "dict":
        for key, part in how:
            yield from _objects(key, f"{path} as key")
            yield from _objects(part, f"{path}[{key}]")
    elif kind in _CONTAINERS:
        for i, part in enumerate(how):
            yield from _objects(part, f"{path}[{i}]")


def _save(self, path):
    """Write the program, with the values of its state, to a file that `adcore.load_program` and C++ read.

    The old file stays where the new one cannot be written whole.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Raises
    ------
    ValueError
        If a part of the program cannot stand in a file.

    Examples
    --------
    >>> import adcore, os, tempfile
    >>> from adcore import Tensor
    >>> x = Tensor([1.0, 2.0])
    >>> program = adcore.jit(lambda x: (x * x).sum()).trace(x)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     program.save(os.path.join(folder, "squares.adcore"))
    ...     loaded = adcore.load_program(os.path.join(folder, "squares.adcore"))
    >>> print(loaded(x))
    5.0
    """
    self._save(os.fsencode(path), *_told(self))


def _told(program):
    """Return the names of the cells, and what a file says of the arguments and the result."""
    import json

    def place(kind, number, is_element):
        return _Place((kind, number, is_element))

    def result_leaf(o):
        return {"output": list(o)} if isinstance(o, _Place) else _value(o)

    result = _describe(program._map_result(place), result_leaf)
    about = {"names": program._argument_names, "arguments": program._signature, "result": result}
    parts = [("the result", result)]
    if program._signature is not None:
        parts += [(f"argument {i}", part) for i, part in enumerate(program._signature["positional"])]
        parts += list(program._signature["named"].items())
    for where, part in parts:
        for inside, what in _objects(part, where):
            raise ValueError(
                f"save: {inside} is {what}, which a file cannot hold; let the function take and return Tensors, "
                "numbers, texts, tuples, lists and dicts, and hold other objects in a closure."
            )
    return cell_names(program), json.dumps(about)


class _Place(tuple):
    """What stands in the place of a Tensor of the result."""

    __slots__ = ()


def load_program(path):
    """Return the program that a file holds.

    It is called as the function was, and keeps its state itself: a training step trains on from where it was saved.

    Parameters
    ----------
    path : str or os.PathLike
        A file of `Program.save`.

    Returns
    -------
    Program
        ``program(*args)`` runs it, ``program.state`` is what it keeps.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no program, is damaged, or is of another version.

    Examples
    --------
    >>> import adcore, os, tempfile
    >>> from adcore import Parameter, Tensor
    >>> w = Parameter(Tensor([1.0, 2.0]), name="w")
    >>> @adcore.jit
    ... def step(by):
    ...     adcore.ops.assign_sub(w, by)
    ...     return w.sum()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     step.trace(Tensor([0.5, 0.5])).save(os.path.join(folder, "step.adcore"))
    ...     program = adcore.load_program(os.path.join(folder, "step.adcore"))
    >>> print(program(Tensor([0.5, 0.5])), program.state["w"].asnumpy(), w.asnumpy())
    2.0 [0.5 1.5] [1. 2.]
    """
    with open(path, "rb") as file:
        content = file.read()
    return _loaded(content, "load_program: " + os.fsencode(path).decode(errors="replace"))


def _loaded(content, name):
    """Return the program that the bytes of a file are."""
    found = {}

    def build(about, cells, arguments, results):
        try:
            return _build(about, cells, arguments, results, found)
        except (AttributeError, LookupError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                f"{name} is no program that this adcore can run: its arguments or results are not described: {error!r}."
            ) from None

    program = _core.load_stored(content, name, build)
    program._argument_names = found["names"]
    program._signature = found["arguments"]
    program._cell_names = found["cells"]
    return program


def _build(about, cells, arguments, results, found):
    """Return the result with its places, what stands in them, and the cells; put the rest into `found`."""
    import json

    told = json.loads(about) if about else _plain(arguments, results)
    found["names"] = [str(name) for name in told["names"]]
    found["arguments"] = told["arguments"]
    if told["arguments"] is not None:
        seen = set()
        for part in (*told["arguments"]["positional"], *told["arguments"]["named"].values()):
            _check(part, arguments, seen)
        if seen != set(range(arguments)):
            raise ValueError("an input stands in no argument")
    found["cells"] = [name for name, *_ in cells]
    places = []
    result = _made(told["result"], places)
    objects = []
    for name, is_parameter, is_trained, value in cells:
        objects.append(Parameter(value, name=name, requires_grad=is_trained) if is_parameter else value)
    return result, places, objects


def _plain(arguments, results):
    """Return the description of a program that Python did not make: Tensors as arguments, one or several returned."""
    parts = [{"output": [0, 0, False]} for _ in range(results)]
    return {"names": [], "arguments": None, "result": parts[0] if results == 1 else {"tuple": parts}}


def _check(description, count, seen):
    kind, how = _part(description)
    if kind == "input":
        if type(how) is not int or not 0 <= how < count:
            raise ValueError(f"there is no input {how}")
        seen.add(how)
    elif kind in _CONTAINERS:
        for part in how:
            _check(part, count, seen)
    elif kind == "dict":
        for key, part in how:
            hash(_plain_value(key))
            _check(part, count, seen)
    else:
        _plain_value(description)


def _plain_value(description):
    kind, how = _part(description)
    if kind not in ("value", "float") or type(how) not in _PLAIN:
        raise ValueError(f"unknown part {kind!r}")
    return _known(kind, how)


def _made(description, places):
    """Return what is described, with Tensors without a value in the places of outputs."""
    kind, how = _part(description)
    if kind == "output":
        number, which, is_element = how
        places.append((int(number), int(which), bool(is_element)))
        return _core.place_of_result()
    if kind in _CONTAINERS:
        return _CONTAINERS[kind]([_made(part, places) for part in how])
    if kind == "dict":
        return {_plain_value(key): _made(part, places) for key, part in how}
    return _plain_value(description)


def _reduce(self):
    """Copy and pickle the program, with the values of its state, as `save` writes it."""
    return _loaded, (self._bytes(*_told(self)), "pickle")


add_methods(Program, __call__=_call, __reduce__=_reduce, save=_save)
Program.state = property(_state)
