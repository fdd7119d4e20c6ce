"""Networks as ONNX models: `export` writes one, `load` reads one as a Cell that can be trained again.

What a net does is recorded, so that any `construct` can be exported; a row of `writing` says what a statement of the
record is in ONNX, a row of `reading` what a node is here. The library `onnx` is asked for by the calls alone.
"""

from .load import Model, load
from .record import export

__all__ = ["Model", "export", "load"]
