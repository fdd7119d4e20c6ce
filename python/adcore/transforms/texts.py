"""What the text of a function tells of what it reads, from its code object; nothing is run."""

import functools
import sys
import types
from opcode import EXTENDED_ARG, opmap

# What finds things by a str.
BY_NAME = frozenset("getattr globals hasattr locals vars attrgetter __dict__ __getattribute__".split())
_LOAD_GLOBAL, _LOAD_CONST, _IS = (opmap[name] for name in ("LOAD_GLOBAL", "LOAD_CONST", "IS_OP"))
_READ_ATTRIBUTE = {  # by how many bits the number of the name is shifted
    opmap[name]: shift
    for name, shift in (("LOAD_ATTR", sys.version_info >= (3, 12)), ("LOAD_METHOD", 0), ("IMPORT_FROM", 0))
    if name in opmap
}


def names_in(code, without=()):
    """All names that a function's text reads, those of functions inside of it among them."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType) and constant not in without:
            names += names_in(constant, without)
    return names


@functools.lru_cache(maxsize=4096)
def instructions_of(code):
    """Return what of a function's text its names do not tell: the globals and the attributes that it reads, and whether
    it asks what is the same object as another one, but None.
    """
    text, names, attributes, compares = code.co_code, set(), set(), "id" in code.co_names
    last, constant, high = None, 0, 0
    for at in range(0, len(text), 2):
        op, argument = text[at], text[at + 1] | high
        high = argument << 8 if op == EXTENDED_ARG else 0
        if op == _LOAD_GLOBAL:
            names.add(code.co_names[argument >> 1])
        elif op in _READ_ATTRIBUTE:
            attributes.add(code.co_names[argument >> _READ_ATTRIBUTE[op]])
        elif op == _IS and not (last == _LOAD_CONST and code.co_consts[constant] is None):
            compares = True
        if op == _LOAD_CONST:
            constant = argument
        last = op
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            more = instructions_of(inner)
            names, attributes, compares = names | more[0], attributes | more[1], compares or more[2]
    return frozenset(names), frozenset(attributes), compares


def texts_in(code):
    """Yield what stands in a function's text as a str and could be a name."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from texts_in(constant)
        elif isinstance(constant, str) and constant.isidentifier():
            yield constant


def uses_in(code, without):
    """Yield each name that a function's text reads, with the attribute that it reads of it at once, or None."""
    import dis  # not at the top: few functions call back

    instructions = list(dis.get_instructions(code))
    for i, instruction in enumerate(instructions):
        after = instructions[i + 1] if i + 1 < len(instructions) else instruction
        attribute = after.argval if after.opname in ("LOAD_ATTR", "LOAD_METHOD") else None
        # From Python 3.13 on one instruction may load two variables, or one after it has stored another.
        kinds = [part for part in instruction.opname.split("_") if part in ("LOAD", "STORE")]
        loaded = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
        for place, kind in enumerate(kinds[: len(loaded)], 1):
            if kind == "LOAD" and instruction.opname not in ("LOAD_CLOSURE", "LOAD_CONST"):
                yield loaded[place - 1], attribute if place == len(loaded) else None
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType) and constant not in without:
            yield from uses_in(constant, without)


def function_of(fn):
    """Return the function that a callable leads to: of a method, and of one whose arguments are given."""
    while isinstance(fn, (functools.partial, types.MethodType)):
        fn = fn.func if isinstance(fn, functools.partial) else fn.__func__
    return fn
