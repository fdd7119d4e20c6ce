"""A CellList as one function of its members: what they hold, side by side, for vmap.

The members must be the same but for the numbers in their Tensors. So everything that they hold is compared, place by
place: attributes, children, containers, functions and what these close over. Tensors that stand in the same place and
are not one and the same for all are a `group`. Start reading at Ensemble.
"""

import functools
import operator
import types

from adcore import _core, _ops
from adcore._core import Tensor, is_array

_NAMES = {"_prefix"}  # of a cell: what the names of its Parameters start with
_REGISTRIES = {"_params", "_cells", "_buffers"}  # of a cell: what it holds under the same names
_PLAIN = {bool, int, float, str}


class Ensemble:
    """The members of a CellList, called as its first one with each Tensor of a group showing what the vmap holds."""

    def __init__(self, members):
        self._members = members
        groups, self._seen = {}, {}
        _compare((), members, groups, self._seen)
        self._groups = list(groups.values())

    @property
    def size(self):
        """How many members there are."""
        return len(self._members)

    @staticmethod
    def of(members, before):
        """Return the ensemble of `members`: `before`, that of an earlier call or None, if nothing has changed."""
        return before if before and before._holds(members) else Ensemble(members)

    def _holds(self, members):
        """True where these are the members and hold what they held: far quicker to find than what they all are."""
        return (
            _are(members, self._members)
            and all(
                _equal(values[0], value) if part is None else _are(_parts(value).values(), part)
                for values, parts in self._seen.values()
                for value, part in zip(values, parts)
            )
            and all(len(set(map(_kind_of_tensor, group))) == 1 for group in self._groups)
        )

    def stacked(self):
        """Return the values of each group along a new axis 0."""
        return [_ops.stack(group) for group in self._groups]

    def run(self, values, args, kwargs):
        """Call it with a value for each group; return the result, and what it assigned to each."""
        first, cells = self._members[0], [group[0] for group in self._groups]
        return _core.run_with_cells(lambda: first(*args, **kwargs), (), cells, values)

    def assign(self, assigned, split):
        """Assign to the members' Tensors what a call assigned; split(value) has all members along axis 0."""
        for group, value in zip(self._groups, assigned):
            if value is not None:
                for held, own in zip(group, split(value)):
                    held.assign_value(own)


def _compare(path, values, groups, seen):
    """Find the groups below a place that holds `values`, one of each member; raise where these differ otherwise.

    seen: by their identities, the values that are not Tensors, and the parts of each.
    """
    first = values[0]
    places = tuple(map(id, values))
    if len(set(places)) == 1 or places in seen:
        return
    _same(path, values, type, lambda kind: kind.__name__)
    if isinstance(first, Tensor):
        _same(path, values, _kind_of_tensor, "shape {0[0]}, {0[1]}, requires_grad={0[2]}".format)
        if not _are(groups.setdefault(id(first), values), values):
            raise ValueError(
                f"vmap: cell 0 of the CellList has one Tensor at {_place(path)} and elsewhere, others two."
            )
        return
    parts = [_parts(value) for value in values]
    seen[places] = values, [None if part is None else list(part.values()) for part in parts]
    if parts[0] is None:
        if not all(_equal(first, value) for value in values):
            _same(path, values, repr, _cut)
            raise ValueError(f"vmap: the cells of the CellList differ at {_place(path)}: {_cut(repr(first))}.")
        return
    _same(path, parts, list, lambda names: ", ".join(map(str, names)) or "nothing")
    for name, own in parts[0].items():
        below = [part[name] for part in parts]
        plain = type(own) in _PLAIN and len(set(map(type, below))) == 1 and below.count(own) == len(below)
        if not plain and name not in _NAMES:
            _compare((*path, name), below, groups, seen)


def _are(values, others):
    return len(values) == len(others) and all(map(operator.is_, values, others))


def _kind_of_tensor(tensor):
    return tensor.shape, tensor.dtype, getattr(tensor, "requires_grad", False)


def _parts(value):
    """Return what an object is made of, by name; None if it is to be compared as a whole."""
    kind = type(value)
    if issubclass(kind, dict):
        return value
    if issubclass(kind, (tuple, list)):
        return dict(enumerate(value))
    if kind is types.MethodType:
        return {"__self__": value.__self__, "__func__": value.__func__}
    if kind is types.FunctionType:
        closed = {name: cell.cell_contents for name, cell in zip(value.__code__.co_freevars, value.__closure__ or ())}
        return {**closed, "__defaults__": value.__defaults__, "__code__": value.__code__}
    if kind is functools.partial:
        return {"func": value.func, "args": value.args, "keywords": value.keywords}
    return getattr(value, "__dict__", None) if kind.__eq__ is object.__eq__ else None


def _equal(a, b):
    if is_array(a):
        return a.shape == b.shape and bool((a == b).all())
    return bool(a == b)


def _cut(text):
    return text if len(text) <= 60 else f"{text[:60]}..."


def _same(path, values, fact, text):
    """Raise unless a fact of all members is that of the first."""
    facts = list(map(fact, values))
    for i, own in enumerate(facts):
        if own != facts[0]:
            raise ValueError(
                "vmap: the cells of a CellList must be the same but for the numbers in their Tensors; cell "
                f"{i} has {text(own)} at {_place(path)}, cell 0 has {text(facts[0])}."
            )


def _place(path):
    return ".".join(str(name) for name in path if name not in _REGISTRIES) or "its top"
