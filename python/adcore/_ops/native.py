"""The functions of the core's table of ops as attributes: what composites are written with."""

from typing import TYPE_CHECKING

from adcore import _core

globals().update(_core.functions)

if TYPE_CHECKING:

    def __getattr__(name): ...  # names come from elsewhere
