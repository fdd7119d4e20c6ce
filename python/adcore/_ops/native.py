"""The functions of the core's table of ops as attributes: what composites are written with."""

from adcore import _core

globals().update(_core.functions)

TYPE_CHECKING = False  # what type checkers take for true; typing itself would be loaded by each import of adcore
if TYPE_CHECKING:

    def __getattr__(name): ...  # names come from elsewhere
