"""MindSpore's module of checks of arguments, as far as networks written for it call them.

A check returns the value, or raises a TypeError for its type and a ValueError for itself. `arg_name` and `prim_name`,
what the argument and its function are called, stand in the error.
"""

import functools
import math
import operator
import re
import sys

EQ, NE, LT, LE, GT, GE = range(1, 7)
INC_NEITHER, INC_LEFT, INC_RIGHT, INC_BOTH = range(7, 11)  # which ends belong to a range
IN, NOT_IN = 11, 12

_RELATIONS = {
    EQ: (operator.eq, "equal to"),
    NE: (operator.ne, "other than"),
    LT: (operator.lt, "less than"),
    LE: (operator.le, "at most"),
    GT: (operator.gt, "greater than"),
    GE: (operator.ge, "at least"),
    IN: (lambda a, b: a in b, "one of"),
    NOT_IN: (lambda a, b: a not in b, "none of"),
}

# Older programs ask for classes of the checks and of the relations.
Validator = Rel = sys.modules[__name__]


def _called(arg_name, prim_name):
    return f"{prim_name}: {arg_name or 'the value'}" if prim_name else arg_name or "the value"


def _is(value, kind):
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _typed(value, kind, arg_name, prim_name):
    if not _is(value, kind):
        raise TypeError(f"{_called(arg_name, prim_name)} must be of type {kind.__name__}, got {value!r}.")
    return value


def _related(arg_value, value, rel, arg_name, prim_name, error=ValueError):
    holds, word = _RELATIONS[rel]
    if not holds(arg_value, value):
        raise error(f"{_called(arg_name, prim_name)} must be {word} {value}, got {arg_value!r}.")
    return arg_value


def check_value_type(arg_name, arg_value, valid_types, prim_name=None):
    """Require one of several types; True and False are no ints."""
    kinds = tuple(valid_types) if isinstance(valid_types, (tuple, list)) else (valid_types,)
    if not any(_is(arg_value, kind) for kind in kinds):
        names = ", ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{_called(arg_name, prim_name)} must be of type {names}, got {arg_value!r}.")
    return arg_value


def check_isinstance(arg_name, arg_value, classes):
    """Require an object of one of several classes."""
    if not isinstance(arg_value, classes):
        raise ValueError(f"{arg_name} must be one of {classes}, got {arg_value!r}.")
    return arg_value


def check_bool(arg_value, arg_name=None, prim_name=None):
    """Require True or False."""
    return _typed(arg_value, bool, arg_name, prim_name)


def check_string(arg_value, valid_values, arg_name=None, prim_name=None):
    """Require one of several strings."""
    if not isinstance(arg_value, str) or arg_value not in valid_values:
        raise ValueError(f"{_called(arg_name, prim_name)} must be one of {valid_values}, got {arg_value!r}.")
    return arg_value


def check_is_number(arg_value, arg_type, arg_name=None, prim_name=None):
    """Require a finite number of a type."""
    if not math.isfinite(_typed(arg_value, arg_type, arg_name, prim_name)):
        raise ValueError(f"{_called(arg_name, prim_name)} must be finite, got {arg_value!r}.")
    return arg_value


def check_is_int(arg_value, arg_name=None, prim_name=None):
    """Require an int."""
    return check_is_number(arg_value, int, arg_name, prim_name)


def check_is_float(arg_value, arg_name=None, prim_name=None):
    """Require a finite float."""
    return check_is_number(arg_value, float, arg_name, prim_name)


def check_int(arg_value, value, rel, arg_name=None, prim_name=None):
    """Require an int in a relation to a number."""
    return _related(check_is_int(arg_value, arg_name, prim_name), value, rel, arg_name, prim_name)


def check_float(arg_value, value, rel, arg_name=None, prim_name=None):
    """Require a float in a relation to a number."""
    return _related(check_is_float(arg_value, arg_name, prim_name), value, rel, arg_name, prim_name)


def check_equal_int(arg_value, value, arg_name=None, prim_name=None):
    """Require an int."""
    return check_int(arg_value, value, EQ, arg_name, prim_name)


def check_number(arg_name, arg_value, value, rel, prim_name):
    """Require a number in a relation to another."""
    return _related(arg_value, value, rel, arg_name, prim_name)


def check(arg_name, arg_value, value_name, value, rel=EQ, prim_name=None, excp_cls=ValueError):
    """Require a relation of a value to another."""
    return _related(arg_value, value, rel, arg_name, prim_name, excp_cls)


def check_number_range(arg_value, lower_limit, upper_limit, rel, value_type, arg_name=None, prim_name=None):
    """Require a number of a type in a range."""
    above = operator.ge if rel in (INC_LEFT, INC_BOTH) else operator.gt
    below = operator.le if rel in (INC_RIGHT, INC_BOTH) else operator.lt
    _typed(arg_value, value_type, arg_name, prim_name)
    if not (above(arg_value, lower_limit) and below(arg_value, upper_limit)):
        left, right = "[" if above is operator.ge else "(", "]" if below is operator.le else ")"
        where = f"{left}{lower_limit}, {upper_limit}{right}"
        raise ValueError(f"{_called(arg_name, prim_name)} must be in {where}, got {arg_value!r}.")
    return arg_value


def check_int_range(arg_value, lower_limit, upper_limit, rel, arg_name=None, prim_name=None):
    """Require an int in a range."""
    return check_number_range(arg_value, lower_limit, upper_limit, rel, int, arg_name, prim_name)


def check_float_range(arg_value, lower_limit, upper_limit, rel, arg_name=None, prim_name=None):
    """Require a float in a range."""
    return check_number_range(arg_value, lower_limit, upper_limit, rel, float, arg_name, prim_name)


def _sign_check(check_typed, rel):
    def check_sign(arg_value, arg_name=None, prim_name=None):
        return check_typed(arg_value, 0, rel, arg_name, prim_name)

    return check_sign


check_positive_int, check_positive_float = _sign_check(check_int, GT), _sign_check(check_float, GT)
check_negative_int, check_negative_float = _sign_check(check_int, LT), _sign_check(check_float, LT)
check_non_negative_int, check_non_negative_float = _sign_check(check_int, GE), _sign_check(check_float, GE)
check_non_positive_int, check_non_positive_float = _sign_check(check_int, LE), _sign_check(check_float, LE)


def _sequence_check(check_one):
    def check_all(sequence, arg_name=None, prim_name=None):
        for i, element in enumerate(sequence):
            check_one(element, f"{arg_name or 'the sequence'}[{i}]", prim_name)
        return sequence

    return check_all


check_positive_int_sequence = _sequence_check(check_positive_int)
check_positive_float_sequence = _sequence_check(check_positive_float)
check_non_negative_int_sequence = _sequence_check(check_non_negative_int)


def check_str_by_regular(target, reg=None, flag=re.ASCII, prim_name=None):
    """Require a string that begins with a letter, a digit or an underscore, or one that an expression matches."""
    reg = r"^\w+[0-9a-zA-Z\_\.]*$" if reg is None else reg
    if re.match(reg, target, flag) is None:
        raise ValueError(f"{_called(None, prim_name)} must match {reg!r}, got {target!r}.")
    return True


def check_input_format(input_param):
    """Require the order NCHW of axes."""
    if input_param != "NCHW":
        raise ValueError(f"the format must be NCHW, got {input_param!r}.")
    return input_param


def _expand_tuple(n_dimensions):
    """Return the function that makes a tuple of so many ints of one int, and requires a tuple to be one already."""

    def convert(m):
        if _is(m, int):
            return (m,) * n_dimensions
        if not isinstance(m, tuple) or len(m) != n_dimensions or not all(_is(i, int) for i in m):
            raise TypeError(f"expected an int or a tuple of {n_dimensions} ints, got {m!r}.")
        return m

    return convert


twice = _expand_tuple(2)
triple = _expand_tuple(3)


def args_type_check(*type_args, **type_kwargs):
    """Return a decorator that requires types of a function's arguments; None passes."""
    import inspect  # not at the top: it takes longer to load than adcore

    def type_check(func):
        signature = inspect.signature(func)
        wanted = signature.bind_partial(*type_args, **type_kwargs).arguments

        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            for name, value in signature.bind(*args, **kwargs).arguments.items():
                if name in wanted and value is not None and not isinstance(value, wanted[name]):
                    raise TypeError(f"{func.__name__}: {name} must be of type {wanted[name]}, got {value!r}.")
            return func(*args, **kwargs)

        return wrapper

    return type_check


__all__ = sorted(
    name
    for name in dir()
    if name.startswith("check") or name in ("Rel", "Validator", "args_type_check", "triple", "twice")
)
