"""What an exception tells of the cells that it passed: a note with the path of the innermost one and what it was given.

Each call of a Cell that fails comes here, the innermost first (``src/cpp/python/cell.cpp``). The innermost writes the
note; a cell around it puts the path from itself in its place, so that it ends as the path from the outermost.
"""

from .._core import Tensor, is_array
from ..transforms.options import short_text


class CellNote(str):
    """The note, with what the path starts at."""

    outer: int  # the id of the cell
    path: str  # from there
    kind: str  # the class of the innermost cell
    told: str  # what that was called with


def note(error, cell, args, kwargs):
    """Write or complete the note of an exception that leaves the call of a cell.

    Parameters
    ----------
    error : Exception
    cell : Cell
    args : tuple
    kwargs : dict or None
    """
    notes = getattr(error, "__notes__", None)
    before = next((place for place, text in enumerate(notes or ()) if type(text) is CellNote), None)
    if before is None:
        given = [short_text(arg) for arg in args]
        given += [f"{name}={short_text(value)}" for name, value in (kwargs or {}).items()]
        told = f"called with {', '.join(given)}" if given else "called without inputs"
        if isinstance(error, TypeError):
            told += _what_to_convert(cell, args)
        error.add_note(_text(cell, "", type(cell).__name__, told))
        return
    inner = notes[before]
    path = next((path for path, below in cell.cells_and_names() if id(below) == inner.outer), None)
    if path:  # a cell that is no part of this one was called by it: the note stays as it is
        notes[before] = _text(cell, f"{path}.{inner.path}".rstrip("."), inner.kind, inner.told)


def _text(cell, path, kind, told):
    where = f"{type(cell).__name__}.{path} ({kind})" if path else kind
    text = CellNote(f"{where}: {told}.")
    text.outer, text.path, text.kind, text.told = id(cell), path, kind, told
    return text


def _what_to_convert(cell, args):
    """What to write where inputs are not of the Parameters' dtype, or arrays."""
    own = {param.dtype for param in cell.get_parameters() if param.dtype.is_floating_point}
    if len(own) != 1:
        return ""
    (dtype,) = own
    given = {arg.dtype for arg in args if isinstance(arg, Tensor) and arg.dtype.is_floating_point} - own
    if given:
        return (
            f", but its Parameters are {dtype}; convert the input, x.astype({dtype!r}), or the network, "
            f"net.to({given.pop()!r})"
        )
    if any(is_array(arg) and not isinstance(arg, Tensor) for arg in args):
        return f"; write adcore.Tensor(x, {dtype!r}) for an array"
    return ""
