"""Names that MindSpore has under ``mindspore.common``; `initializer` is the module that lives here."""

from . import initializer

__all__ = ["initializer"]
