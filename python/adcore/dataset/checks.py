"""Checks of arguments, and what functions and sources are called in errors."""

import operator


def integer(op, name, value, low=None, high=None):
    """`value` as an int, checked to lie in [low, high]."""
    try:
        if isinstance(value, bool):
            raise TypeError
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{op}: {name} must be an int, got {type(value).__name__}.") from None
    if low is not None and value < low or high is not None and value > high:
        bounds = f"at least {low}" if high is None else f"in [{low}, {high}]"
        raise ValueError(f"{op}: {name} must be {bounds}, got {value}.")
    return value


def optional_integer(op, name, value, low=None, high=None):
    return None if value is None else integer(op, name, value, low, high)


def boolean(op, name, value):
    if not isinstance(value, bool):
        raise TypeError(f"{op}: {name} must be a bool, got {type(value).__name__}.")
    return value


def function(op, name, value):
    if not callable(value):
        raise TypeError(f"{op}: {name} must be callable, got {type(value).__name__}.")
    return value


def names(op, name, value):
    """A name or a list of different names, as a tuple."""
    value = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (list, tuple)) else value
    if not isinstance(value, tuple) or not all(isinstance(n, str) and n for n in value):
        raise TypeError(f"{op}: {name} must be a name or a list of names, got {value!r}.")
    if not value:
        raise ValueError(f"{op}: {name} must not be empty.")
    if len(set(value)) < len(value):
        raise ValueError(f"{op}: {name} must differ from each other, got {list(value)}.")
    return value


def columns(op, name, value, known):
    """Names of columns that are there, as a tuple."""
    value = names(op, name, value)
    missing = [n for n in value if n not in known]
    if missing:
        raise ValueError(f"{op}: {name}: there is no column {', '.join(map(repr, missing))}; there are {list(known)}.")
    return value


def called(value):
    """What a function or an object is called in an error."""
    return getattr(value, "__qualname__", None) or type(value).__qualname__
