"""The functions of the core's table of ops as attributes: what composites are written with."""

from adcore import _core

globals().update(_core.functions)


def __getattr__(name):  # by which a type checker knows that names come from elsewhere
    raise AttributeError(f"the core's table of ops has no function {name!r}")
