"""Functions applied to corresponding elements of tuples and lists, as objects: MindSpore's Map and HyperMap."""


class _Maps:
    def __init__(self, ops=None, reverse=False):
        if ops is not None and not callable(ops):
            raise TypeError(f"{type(self).__name__}: ops must be a function or None, got {type(ops).__name__}.")
        self.ops, self.reverse = ops, reverse

    def __call__(self, *args):
        """Call the function, the first argument unless the object has one, on corresponding elements."""
        function, *trees = args if self.ops is None else (self.ops, *args)
        if not callable(function) or not trees:
            raise TypeError(f"{type(self).__name__}: expected a function and at least one sequence.")
        return self._mapped(function, trees)

    def _along(self, function, trees):
        first = trees[0]
        lengths = {len(tree) if isinstance(tree, (tuple, list)) else None for tree in trees}
        if len(lengths) > 1:
            raise ValueError(f"{type(self).__name__}: the sequences must have the same length.")
        rows = list(zip(*trees))
        made = [function(*row) for row in (reversed(rows) if self.reverse else rows)]
        return (list if isinstance(first, list) else tuple)(reversed(made) if self.reverse else made)


class HyperMap(_Maps):
    """A map over tuples and lists of any depth: the function sees their leaves.

    Parameters
    ----------
    ops : callable, optional
        The function; otherwise it is the first argument of a call.
    reverse : bool
        Whether to call it from the last element to the first.

    Examples
    --------
    >>> from adcore.transforms.maps import HyperMap
    >>> HyperMap()(lambda a, b: a + b, (1, (2, 3)), (4, (5, 6)))
    (5, (7, 9))
    """

    def _mapped(self, function, trees):
        if not isinstance(trees[0], (tuple, list)):
            return function(*trees)
        return self._along(lambda *row: self._mapped(function, row), trees)


class Map(_Maps):
    """A map over the elements of tuples and lists, which may be tuples themselves; parameters as of `HyperMap`.

    Examples
    --------
    >>> from adcore.transforms.maps import Map
    >>> Map()(lambda a, b: (a, b), (1, 2), (3, 4))
    ((1, 3), (2, 4))
    """

    def _mapped(self, function, trees):
        if not isinstance(trees[0], (tuple, list)):
            raise TypeError(f"Map: expected tuples or lists, got {type(trees[0]).__name__}.")
        return self._along(function, trees)


__all__ = ["HyperMap", "Map"]
