"""SequentialCell and CellList, cells in a row, and CellDict, cells by name.

Data: the children stand in ``_cells`` alone, under their position as a string, or under the names that the dict given
to SequentialCell had. Whatever changes a position renames the Parameters below it; slices share the cells and rename
nothing. SequentialCell and CellList are `_Row`; they differ in how they are made and called.
"""

from collections.abc import Iterator

from .cell import Cell


class _Row(Cell):
    """What SequentialCell and CellList share: the behaviour of a list of cells."""

    def __len__(self):
        return len(self._cells)

    def __iter__(self) -> Iterator[Cell]:
        return iter(list(self._cells.values()))

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._slice(list(self._cells.items())[index])
        return self._cells[self._key(index)]

    def __setitem__(self, index, cell):
        key = self._key(index)
        self._place(key, self._checked(cell))

    def __delitem__(self, index):
        items = list(self._cells.items())
        if not isinstance(index, slice):
            index = self._position(index, len(items))
        del items[index]
        self._rebuild(items)

    def __iadd__(self, cells):
        return self.extend(cells)

    def append(self, cell):
        """Add a cell at the end.

        Raises
        ------
        TypeError
            If it is not a Cell.
        """
        self._place(self._free_key(), self._checked(cell))

    def extend(self, cells):
        """Add cells at the end; return this cell.

        Raises
        ------
        TypeError
            If `cells` is not iterable or has an item that is not a Cell; nothing is added then.
        """
        try:
            cells = list(cells)
        except TypeError:
            raise TypeError(f"{self.cls_name}: expected a list of Cells, but got {type(cells).__name__}.") from None
        for cell in [self._checked(cell) for cell in cells]:
            self._place(self._free_key(), cell)
        return self

    def insert(self, index, cell):
        """Add a cell before a position from ``-len`` to ``len``.

        Raises
        ------
        IndexError
            If the position is out of that range.
        TypeError
            If it is not an int, or `cell` is not a Cell.
        """
        items = list(self._cells.items())
        position = len(items) if index == len(items) else self._position(index, len(items))
        items.insert(position, (None, self._checked(cell)))
        self._rebuild(items)

    def _checked(self, cell):
        if not isinstance(cell, Cell):
            raise TypeError(f"{self.cls_name}: every item must be a Cell, but got {type(cell).__name__}.")
        return cell

    def _position(self, index, length):
        if isinstance(index, bool) or not isinstance(index, int):
            raise TypeError(f"{self.cls_name}: an index must be an int or a slice, but got {type(index).__name__}.")
        if not -length <= index < length:
            raise IndexError(f"{self.cls_name}: index {index} is out of range for {length} cells.")
        return index % length

    def _key(self, index):
        return list(self._cells)[self._position(index, len(self._cells))]

    def _free_key(self):
        number = len(self._cells)
        while str(number) in self._cells:
            number += 1
        return str(number)

    def _place(self, key, cell):
        if self._auto_prefix:
            cell.update_parameters_name(self._prefix + key + ".")
        self._cells[key] = cell

    def _rebuild(self, items):
        """Hold exactly `items`: those under a number (or None) are numbered anew, the others keep their names."""
        self._cells.clear()
        for position, (key, cell) in enumerate(items):
            self._place(str(position) if key is None or key.isdigit() else key, cell)


class SequentialCell(_Row):
    """Cells applied one after the other.

    Parameters
    ----------
    *args : Cell, or one list, tuple or dict of Cell
        The keys of a dict become the names of the children.

    Raises
    ------
    TypeError
        If an item is not a Cell.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn
    >>> net = nn.SequentialCell(nn.Dense(4, 8), nn.ReLU(), nn.Dense(8, 2))
    >>> net
    SequentialCell(
      (0): Dense(input_channels=4, output_channels=8, has_bias=True)
      (1): ReLU()
      (2): Dense(input_channels=8, output_channels=2, has_bias=True)
    )
    >>> net(ac.ops.ones((3, 4), ac.float32)).shape
    (3, 2)
    >>> [p.name for p in net.trainable_params()]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    _samples = ("SequentialCell(Tanh(), Softmax())(x(3, 4))",)

    def __init__(self, *args):
        super().__init__()
        cells = args[0] if len(args) == 1 and isinstance(args[0], (list, tuple, dict)) else args
        if isinstance(cells, dict):
            for key, cell in cells.items():
                self._check_name("Cell", key, self._cells, self._params)
                self._place(key, self._checked(cell))
        else:
            self.extend(cells)

    def construct(self, x):
        """Pass `x` through the cells in order."""
        for cell in self._cells.values():
            x = cell(x)
        return x

    def _slice(self, items):
        part = object.__new__(type(self))
        _Row.__init__(part)
        part._cells.update(items)
        part.__dict__["_prefix"] = self._prefix
        return part


class CellList(_Row):
    """A list of cells. It is not callable itself: loop over it in ``construct``, or map over it with ``vmap``.

    Parameters
    ----------
    *args : Cell, or one list or tuple of Cell
    auto_prefix : bool
        Whether the Parameters of the cells are renamed to ``<position>.<name>``.

    Raises
    ------
    TypeError
        If an item is not a Cell.

    Examples
    --------
    >>> from adcore import nn
    >>> layers = nn.CellList([nn.Dense(2, 2), nn.ReLU()])
    >>> layers.append(nn.Dense(2, 1))
    >>> len(layers), [p.name for p in layers.get_parameters()]
    (3, ['0.weight', '0.bias', '2.weight', '2.bias'])
    """

    def __init__(self, *args, auto_prefix=True):
        super().__init__(auto_prefix)
        self.extend(args[0] if len(args) == 1 and not isinstance(args[0], Cell) else args)

    def construct(self, *inputs):
        """Raise: a CellList does not say how its cells are connected."""
        raise NotImplementedError("CellList: it is not callable. Loop over its cells, or use SequentialCell.")

    def _vmap_members(self):
        """Return the members of the ensemble that ``vmap`` takes it for."""
        if not self._cells:
            raise ValueError("vmap: the CellList has no cells.")
        return list(self)

    def _slice(self, items):
        part = CellList()
        part._cells.update((str(position), cell) for position, (_, cell) in enumerate(items))
        return part


class CellDict(Cell):
    """A dict of cells. It is not callable itself: take its cells by name in ``construct``.

    Parameters
    ----------
    cells : dict, or iterable of pairs of str and Cell, optional
    auto_prefix : bool
        Whether the Parameters of the cells are renamed to ``<key>.<name>``.

    Raises
    ------
    TypeError
        If a key is not a str or an item is not a Cell.
    KeyError
        If a key is empty, has a dot, or is an attribute of every Cell.

    Examples
    --------
    >>> from adcore import nn
    >>> heads = nn.CellDict({"mean": nn.Dense(2, 1), "spread": nn.Dense(2, 1)})
    >>> list(heads), "mean" in heads, [p.name for p in heads.get_parameters()][:2]
    (['mean', 'spread'], True, ['mean.weight', 'mean.bias'])
    """

    def __init__(self, cells=None, auto_prefix=True):
        super().__init__(auto_prefix)
        if cells is not None:
            self.update(cells)

    def __len__(self):
        return len(self._cells)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._cells))

    def __contains__(self, key):
        return key in self._cells

    def __getitem__(self, key):
        return self._cells[key]

    def __setitem__(self, key, cell):
        self._place(*self._checked(key, cell))

    def __delitem__(self, key):
        del self._cells[key]

    def _checked(self, key, cell):
        if not isinstance(key, str):
            raise TypeError(f"CellDict: a key must be a str, but got {type(key).__name__}.")
        if not isinstance(cell, Cell):
            raise TypeError(f"CellDict: {key!r} must be a Cell, but got {type(cell).__name__}.")
        self._check_name("Cell", key, self._cells, self._params)
        if key not in self._cells and hasattr(self, key):
            raise KeyError(f"CellDict: {key!r} is an attribute of every CellDict. Use another key.")
        return key, cell

    def _place(self, key, cell):
        if self._auto_prefix:
            cell.update_parameters_name(self._prefix + key + ".")
        self._cells[key] = cell

    def update(self, cells):
        """Add the cells of a dict, or of an iterable of pairs; nothing is added if one does not fit.

        Raises
        ------
        TypeError, KeyError
            If `cells` is neither, or as the constructor.
        """
        try:
            pairs = [(key, cell) for key, cell in (cells.items() if hasattr(cells, "items") else cells)]
        except (TypeError, ValueError):
            raise TypeError(
                f"CellDict: expected a dict or an iterable of pairs, but got {type(cells).__name__}."
            ) from None
        for key, cell in [self._checked(*pair) for pair in pairs]:
            self._place(key, cell)

    def pop(self, key):
        """Remove the cell of a key and return it."""
        return self._cells.pop(key)

    def clear(self):
        """Remove all cells."""
        self._cells.clear()

    def keys(self):
        """Return a view of the keys."""
        return self._cells.keys()

    def values(self):
        """Return a view of the cells."""
        return self._cells.values()

    def items(self):
        """Return a view of the pairs."""
        return self._cells.items()

    def construct(self, *inputs):
        """Raise: a CellDict does not say how its cells are connected."""
        raise NotImplementedError("CellDict: it is not callable. Take its cells by name.")


Sequential = SequentialCell
ModuleList = CellList
ModuleDict = CellDict
