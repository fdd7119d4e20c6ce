"""What a Cell saves and loads: its Parameters and buffers by their paths, and the hooks around both."""

from collections import namedtuple

from .._core import Tensor
from .._ops.native import stop_gradient
from ..transforms.hooks import RemovableHandle
from ..transforms.options import check_callable, check_flag

_Keys = namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])


class Buffer(Tensor):
    """A Tensor that a Cell saves and does not train: assigned to an attribute, it is registered as a buffer.

    Parameters
    ----------
    data : Tensor
        The values, as a constant.
    persistent : bool
        Whether `Cell.state_dict` has it.

    Raises
    ------
    TypeError
        If `data` is no Tensor, or `persistent` no bool.
    ValueError
        If `data` is None.

    Notes
    -----
    The attribute holds a Tensor, as after :meth:`Cell.register_buffer`.

    Examples
    --------
    >>> from adcore import Tensor, nn
    >>> net = nn.Dense(2, 1)
    >>> net.scale = nn.Buffer(Tensor([2.0]))
    >>> list(net.state_dict()), [name for name, _ in net.named_buffers()]
    (['weight', 'bias', 'scale'], ['scale'])
    """

    def __new__(cls, data, *, persistent=True):
        if data is None:
            raise ValueError("Buffer: data must be a Tensor, got None; register_buffer takes None.")
        if not isinstance(data, Tensor):
            raise TypeError(f"Buffer: data must be a Tensor, got {type(data).__name__}.")
        check_flag("Buffer", "persistent", persistent)
        self = Tensor.__new__(cls, stop_gradient(data))
        self.persistent = persistent
        return self


class _CellState:
    """The part of Cell that saves and loads."""

    def state_dict(self, destination=None, prefix="", keep_vars=False):
        """Return Parameters and buffers by path (attribute names, see `parameters_and_names`), by reference.

        Parameters
        ----------
        destination : dict, optional
            The dict to fill.
        prefix : str
            What every key starts with.
        keep_vars : bool
            Accepted for compatibility; the Parameters themselves are returned in either case.
        """
        destination = {} if destination is None else destination
        for path, cell, hook in self._state_hooks("state_dict_pre"):
            hook(cell, prefix + path, keep_vars)
        destination.update((prefix + path, value) for path, (value, _, _) in self._saved().items())
        for path, cell, hook in self._state_hooks("state_dict_post", children_first=True):
            _check_nothing("state_dict_post", hook(cell, destination, prefix + path, {}))
        return destination

    def _saved(self):
        """Return what is saved, by path: the value, the cell and the name of its attribute there."""
        found = {path: (param, None, None) for path, param in self.parameters_and_names()}
        for path, cell in self.cells_and_names():
            for name, value in cell._buffers.items():
                if value is not None and name not in cell.__dict__.get("_transient", ()):
                    found[f"{path}.{name}" if path else name] = (value, cell, name)
        return found

    def load_state_dict(self, state_dict, strict=True):
        """Set Parameters and buffers from a dict made by `state_dict`. On error nothing is changed.

        Parameters
        ----------
        state_dict : dict of str to Tensor
        strict : bool
            Whether the keys must match exactly.

        Returns
        -------
        tuple
            ``(missing_keys, unexpected_keys)``, two lists.

        Raises
        ------
        RuntimeError
            If a shape differs, or with `strict` if a key is missing or unknown.
        """
        keys, faults = _Keys([], []), []
        before = list(self._state_hooks("load_state_dict_pre"))
        after = list(self._state_hooks("load_state_dict_post", children_first=True))
        if before:
            state_dict = dict(state_dict)  # for the hooks to change
        for path, cell, hook in before:
            _check_nothing("load_state_dict_pre", hook(cell, state_dict, path, {}, strict, *keys, faults))
        own = self._saved()
        keys.missing_keys.extend(key for key in own if key not in state_dict)
        keys.unexpected_keys.extend(key for key in state_dict if key not in own)
        shared = [(k, own[k], value) for k, value in state_dict.items() if k in own]
        for key, (held, _, _), value in shared:
            if not isinstance(value, Tensor):
                faults.append(f"{key} must be a Tensor, got {type(value).__name__}")
            elif tuple(value.shape) != tuple(held.shape):
                faults.append(f"shape of {key} is {tuple(value.shape)}, expected {tuple(held.shape)}")
        self._raise_misfit(strict and not after, keys, faults)
        old = [(place, stop_gradient(place[0])) for _, place, _ in shared] if after else []
        try:
            for _, place, value in shared:
                self._put(place, value)
            for _, cell, hook in after:  # which may change what the keys say
                _check_nothing("load_state_dict_post", hook(cell, keys))
            self._raise_misfit(strict, keys, [])
        except BaseException:
            for place, value in old:
                self._put(place, value)
            raise
        return keys

    def _raise_misfit(self, strict, keys, faults):
        """Raise for the faults of a state, and with `strict` for the keys that it and the cell do not share."""
        named = (("missing", keys.missing_keys), ("unexpected", keys.unexpected_keys)) if strict else ()
        faults = [f"{word}: {', '.join(of_word)}" for word, of_word in named if of_word] + faults
        if faults:
            raise RuntimeError(f"load_state_dict: the state does not fit {self.cls_name}; {'; '.join(faults)}.")

    @staticmethod
    def _put(place, value):
        """Set a Parameter or buffer, as `_saved` tells of it, to a Tensor of its shape."""
        held, cell, name = place
        if cell is None:
            held.set_data(value)
        else:
            setattr(cell, name, value.astype(held.dtype).copy())

    # ---- hooks ---------------------------------------------------------------------------------------------------

    def _state_hooks(self, kind, children_first=False):
        """Iterate over ``(start of the paths, cell, hook)`` of the hooks of a kind in this cell and all below."""
        cells = self.cells_and_names()
        for path, cell in reversed(list(cells)) if children_first else cells:
            for hook in list(cell.__dict__.get("_around_state", {}).get(kind, {}).values()):
                yield path + "." if path else "", cell, hook

    def _register_state_hook(self, kind, hook):
        check_callable(f"register_{kind}_hook", hook)
        return RemovableHandle(self.__dict__.setdefault("_around_state", {}).setdefault(kind, {}), hook)

    def register_state_dict_pre_hook(self, hook):
        """Call ``hook(cell, prefix, keep_vars)`` before `state_dict` of this cell or of one above it.

        Parameters
        ----------
        hook : callable
            Takes this cell, what the keys of its state start with, and the argument of `state_dict`.

        Returns
        -------
        RemovableHandle
            ``remove()`` takes the hook away.

        Raises
        ------
        TypeError
            If it cannot be called.

        Examples
        --------
        >>> from adcore import nn
        >>> net = nn.SequentialCell(nn.Dense(2, 1))
        >>> handle = net[0].register_state_dict_pre_hook(lambda cell, prefix, keep_vars: print(prefix))
        >>> list(net.state_dict())
        0.
        ['0.weight', '0.bias']
        """
        return self._register_state_hook("state_dict_pre", hook)

    def register_state_dict_post_hook(self, hook):
        """Call ``hook(cell, state_dict, prefix, local_metadata)`` after `state_dict` of this cell or of one above it.

        The hook may change the dict, which holds the state of the whole tree, and returns None. Those of children come
        before those of their parents. `local_metadata` is an empty dict. The rest is as for
        :meth:`register_state_dict_pre_hook`.

        Examples
        --------
        >>> from adcore import nn
        >>> net = nn.Dense(2, 1)
        >>> handle = net.register_state_dict_post_hook(lambda cell, state, prefix, _: state.update({"more": 1}))
        >>> list(net.state_dict())
        ['weight', 'bias', 'more']
        """
        return self._register_state_hook("state_dict_post", hook)

    def register_load_state_dict_pre_hook(self, hook):
        """Call a function before `load_state_dict` of this cell or of one above it.

        Parameters
        ----------
        hook : callable
            ``hook(cell, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)``. It
            may change the dict, a copy of the caller's, and add to the three lists; what it adds to `error_msgs` is
            raised. It returns None.

        Returns
        -------
        RemovableHandle
            ``remove()`` takes the hook away.

        Raises
        ------
        TypeError
            If it cannot be called.

        Examples
        --------
        >>> from adcore import nn
        >>> def renamed(cell, state, prefix, *unused):
        ...     state[prefix + "weight"] = state.pop(prefix + "kernel")
        >>> net = nn.Dense(2, 1, has_bias=False)
        >>> handle = net.register_load_state_dict_pre_hook(renamed)
        >>> net.load_state_dict({"kernel": net.weight.value()}).missing_keys
        []
        """
        return self._register_state_hook("load_state_dict_pre", hook)

    def register_load_state_dict_post_hook(self, hook):
        """Call ``hook(cell, incompatible_keys)`` after `load_state_dict` of this cell or of one above it.

        `incompatible_keys` is what `load_state_dict` returns; what the hook takes out of its lists is no error. The
        hook returns None; where it raises, the old state is put back. The rest is as for
        :meth:`register_load_state_dict_pre_hook`.

        Examples
        --------
        >>> from adcore import nn
        >>> net = nn.Dense(2, 1)
        >>> handle = net.register_load_state_dict_post_hook(lambda cell, keys: keys.missing_keys.clear())
        >>> net.load_state_dict({"weight": net.weight.value()}).missing_keys
        []
        """
        return self._register_state_hook("load_state_dict_post", hook)


def _check_nothing(kind, result):
    if result is not None:
        raise RuntimeError(f"register_{kind}_hook: the hook must return None, got {type(result).__name__}.")
