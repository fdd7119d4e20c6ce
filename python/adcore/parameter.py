"""ParameterTuple, and the methods of Parameter that need no speed."""

from adcore._core import Parameter
from adcore.common.initializer import initializer
from adcore.tensor import with_state


class ParameterTuple(tuple):
    """A tuple of Parameters.

    Parameters
    ----------
    iterable : iterable of Parameter

    Raises
    ------
    TypeError
        For an element that is no Parameter.
    ValueError
        For two different Parameters of one name.

    Examples
    --------
    >>> from adcore import Parameter, ParameterTuple, Tensor
    >>> len(ParameterTuple([Parameter(Tensor([1.0]), name="w")]))
    1
    """

    __slots__ = ()

    def __new__(cls, iterable):
        items = tuple(iterable)
        by_name = {}
        for item in items:
            if not isinstance(item, Parameter):
                raise TypeError(f"ParameterTuple: elements must be Parameters, got {type(item).__name__}.")
            if by_name.setdefault(item.name, item) is not item:
                raise ValueError(f"ParameterTuple: two Parameters are called {item.name!r}; give each its own name.")
        return super().__new__(cls, items)

    def clone(self, prefix, init="same") -> "ParameterTuple":
        """Return copies named ``prefix + "." + name``.

        Parameters
        ----------
        prefix : str
        init : "same", initializer, str or number
            The values of the copies.

        Examples
        --------
        >>> from adcore import Parameter, ParameterTuple, Tensor
        >>> ParameterTuple([Parameter(Tensor([1.0]), name="w")]).clone("moments", init="zeros")[0].name
        'moments.w'
        """
        copies = []
        for parameter in self:
            copy = parameter.clone(init)
            copy.name = f"{prefix}.{parameter.name}"
            copies.append(copy)
        return ParameterTuple(copies)


def _clone(self, init="same"):
    """Return a Parameter of its own with the same name; `init` other than "same" gives it other values."""
    if init == "same":
        data = self.value()
    else:
        data = initializer(init, self.shape, self.dtype)
    copy = Parameter(data, name=self.name, requires_grad=self.requires_grad)
    copy.__dict__.update(self.__dict__)
    return copy


def _set_requires_grad(self, requires_grad=True):
    """Set ``requires_grad``, and return the Parameter.

    Examples
    --------
    >>> from adcore import Parameter, Tensor
    >>> Parameter(Tensor([1.0]), name="w").requires_grad_(False).requires_grad
    False
    """
    self.requires_grad = requires_grad
    return self


def _repr(self):
    return f"Parameter (name={self.name}, shape={self.shape}, dtype={self.dtype}, requires_grad={self.requires_grad})"


def _rebuild(kind, value, name, requires_grad):
    return Parameter.__new__(kind, value, name=name, requires_grad=requires_grad)


def _reduce(self):
    return _rebuild, _made_from(self), self.__getstate__()


def _made_from(self):
    return type(self), self.value(), self.name, self.requires_grad


def _copy(self):
    return with_state(_rebuild(*_made_from(self)), self.__getstate__())


def _deepcopy(self, memo):
    import copy

    memo[id(self)] = twin = _rebuild(*_made_from(self))
    return with_state(twin, copy.deepcopy(self.__getstate__(), memo))


Parameter.clone = _clone
Parameter.requires_grad_ = _set_requires_grad
Parameter.__repr__ = _repr
Parameter.__str__ = _repr
Parameter.__reduce__ = _reduce
Parameter.__deepcopy__ = _deepcopy
Parameter.__copy__ = _copy

__all__ = ["Parameter", "ParameterTuple"]
