"""Cell: the base class of networks, layers, losses and optimizers.

Data. Everything that is read stands in the instance's ``__dict__``, so ``self.w`` in ``construct`` costs what a plain
attribute costs (which is also why there is no ``__getattr__``: its mere presence makes every read slower on Python
3.11; what other libraries have and a Cell has not stands in the class, see `adcore._advice`; a subclass that defines
one gets `_Lacks` as its last base, so that it can call ``super().__getattr__(name)``). Beside it stand three
registries, kept in step by ``__setattr__`` and ``__delattr__``:

* ``_params``: name -> Parameter or None, what is trained, listed and saved, in the order of registration;
* ``_cells``: name -> Cell or None, the children;
* ``_buffers``: name -> Tensor or None, what is saved and not trained, where ``register_buffer`` was called or a Buffer
  assigned.

A ParameterTuple held by an attribute registers its Parameters under their own names; one without a name is called
``Parameter$1``, ``Parameter$2`` and so on, by its place in the cell. Lists, tuples and dicts register
nothing; if they hold cells, a warning says so. ``_prefix`` is what the names of a cell's own Parameters start with;
``update_parameters_name`` sets it for a whole tree. A call of a cell is native (``CellBase``) and calls ``construct``.
Start reading at ``Cell.__setattr__``.
"""

import functools
import itertools
import sys
import warnings
from collections.abc import Iterator

from .._advice import CELL, advise, let_through, parameters_of, unknown_keyword
from .._core import CellBase, Parameter, Tensor, bfloat16, float16, float32, has_default_name
from .._ops.native import stop_gradient
from ..parameter import ParameterTuple
from ..transforms import recompute
from ..transforms.custom import bprop_call
from ..transforms.hooks import CellHooks, RemovableHandle
from ..transforms.options import check_flag
from .state import Buffer, _CellState


class _Signature:
    """What `inspect.signature` reads: of a Cell's class the words of `__init__`, of an instance those of `construct`.

    Without it some versions of Python 3.11 tell those of `_Made.__new__`, and none knows what an instance is given.
    """

    def __get__(self, cell, kind):
        import inspect  # not wanted before somebody asks

        if cell is not None:
            return inspect.signature(cell.construct)
        if kind.__new__ is not _Made.__new__:
            raise AttributeError("the class has a __new__ of its own, whose signature is read as any other class's")
        whole = inspect.signature(kind.__init__)
        return whole.replace(parameters=list(whole.parameters.values())[1:])


class _Made(CellBase):
    """What looks at the arguments that a Cell is made with.

    It stands below Cell, whose `__init__` is what tells the signature of a class without one.
    """

    __signature__ = _Signature()
    _look_at = None  # a classmethod of what the arguments may be mistaken for

    def __new__(cls, *args, **kwargs):
        if kwargs:
            cls._check_words(kwargs)
        if cls._look_at is not None:
            cls._look_at(*args, **kwargs)
        make = super().__new__
        return make(cls) if make is object.__new__ else make(cls, *args, **kwargs)

    @classmethod
    def _check_words(cls, keywords):
        """Raise for a keyword that one of adcore's own constructors does not have."""
        init = cls.__init__
        if hasattr(init, "__wrapped__") or not getattr(init, "__module__", "").startswith("adcore"):
            return  # one that is wrapped looks itself
        names = parameters_of(init)
        for keyword in keywords:
            if names is not None and keyword not in names:
                raise TypeError(unknown_keyword(cls.__name__, keyword, names[1:]))


class _Lacks:
    """The last base of a Cell whose class has a ``__getattr__``, which may call that of ``super()``."""

    __slots__ = ()

    def __getattr__(self, name):
        return object.__getattribute__(self, name)  # raises again, and says what to write


class Cell(_CellState, _Made):
    """A node of a network: Parameters, child cells, and ``construct``, which computes.

    Assigning a Parameter, a ParameterTuple or a Cell to an attribute registers it. A Parameter made without a name
    takes the attribute's; the Parameters of a child are renamed to ``<attribute>.<name in the child>``.

    Parameters
    ----------
    auto_prefix : bool
        Whether children assigned to this cell have their Parameters renamed so.
    flags : dict, optional
        Further attributes to set, by name.

    Raises
    ------
    AttributeError
        If a Parameter or Cell is assigned before ``super().__init__()`` was called.
    KeyError
        If a Parameter or Cell is assigned to a name that is taken by a method or by the other kind.
    TypeError
        If something that is neither a Tensor nor None is assigned to the name of a Parameter, or something that is
        neither a Cell nor None to the name of a child. When the cell is called: if `construct` is asynchronous.

    Examples
    --------
    >>> import adcore as ac
    >>> from adcore import nn, ops
    >>> class Net(nn.Cell):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.w = ac.Parameter(ac.Tensor([1.0, 2.0], ac.float32))
    ...         self.head = nn.Dense(2, 1)
    ...     def construct(self, x):
    ...         return self.head(ops.relu(x * self.w))
    >>> net = Net()
    >>> [p.name for p in net.trainable_params()]
    ['w', 'head.weight', 'head.bias']
    >>> net(ac.Tensor([[1.0, -1.0]], ac.float32)).shape
    (1, 1)
    """

    _keep_dtype: tuple[str, ...] = ()  # attributes that `to_float` leaves as they are
    _params: dict
    _cells: dict
    _buffers: dict
    training: bool
    requires_grad: bool

    def __init__(self, auto_prefix=True, flags=None):
        if flags is not None and not isinstance(flags, dict):
            raise TypeError(f"{self.cls_name}: flags must be a dict, got {type(flags).__name__}.")
        state = self.__dict__
        state["_params"] = {}
        state["_cells"] = {}
        state["_buffers"] = {}
        state["_auto_prefix"] = auto_prefix
        state["_prefix"] = ""
        state["training"] = False
        state["requires_grad"] = False
        for name, value in (flags or {}).items():
            setattr(self, name, value)

    def construct(self, *args, **kwargs):
        """Compute the output. Every network overrides this.

        Raises
        ------
        AttributeError
            If the class does not define it.
        """
        hint = "Define construct(self, ...) in the class."
        if hasattr(self, "forward"):
            hint = "The class defines forward; call it construct."
        raise AttributeError(f"{self.cls_name}: construct is not defined. {hint}")

    # ---- registration --------------------------------------------------------------------------------------------

    def __setattr__(self, name, value):
        if isinstance(value, Parameter):
            self._check_name("Parameter", name, self._registry("_params", name), self._cells)
            self._forget_tuple(name)
            self.insert_param_to_cell(name, value, replace=True)
        elif isinstance(value, Cell):
            self._check_name("Cell", name, self._registry("_cells", name), self._params)
            self._forget_tuple(name)
            if self._auto_prefix:
                value.update_parameters_name(self._prefix + name + ".")
            self._cells[name] = self.__dict__[name] = value
        elif isinstance(value, ParameterTuple):
            self._set_tuple(name, value)
        elif isinstance(value, Buffer):
            if name not in self._registry("_buffers", name) and name not in self._params and name not in self._cells:
                self.__dict__.pop(name, None)
            self.register_buffer(name, stop_gradient(value), value.persistent)
        else:
            self._set_plain(name, value)

    def __delattr__(self, name):
        self._forget_tuple(name)
        object.__delattr__(self, name)
        self.__dict__.get("_params", {}).pop(name, None)
        self.__dict__.get("_cells", {}).pop(name, None)
        self.__dict__.get("_buffers", {}).pop(name, None)

    def _registry(self, registry, name):
        found = self.__dict__.get(registry)
        if found is None:
            raise AttributeError(
                f"{self.cls_name}: {name!r} is assigned before the cell is initialised. "
                "Call super().__init__() first in __init__."
            )
        return found

    def _check_name(self, kind, name, own, other):
        """Raise unless `name` may hold a Parameter or Cell, registered in `own` and not in `other`."""
        if not name or "." in name:
            raise KeyError(f"{self.cls_name}: {name!r} cannot name a {kind}. Use a name without dots.")
        if other.get(name) is not None:
            taken = type(other[name]).__name__
            raise KeyError(f"{self.cls_name}: {name!r} already holds a {taken}. Delete it first, or use another name.")
        existing = getattr(type(self), name, None)
        if name not in own and (callable(existing) or isinstance(existing, property)):
            raise KeyError(f"{self.cls_name}: {name!r} is an attribute of the class. Use another name for the {kind}.")

    def _set_plain(self, name, value):
        state = self.__dict__
        params = state.get("_params", ())
        cells = state.get("_cells", ())
        if name in params:
            if value is None:
                params[name] = state[name] = None
            elif isinstance(value, Tensor) and params[name] is not None:
                params[name].set_data(value)
            else:
                raise TypeError(
                    f"{self.cls_name}: {name!r} holds a Parameter, but got {type(value).__name__}. "
                    "Assign a Tensor to change its value, a Parameter to replace it, or None."
                )
        elif name in cells:
            if value is not None:
                raise TypeError(
                    f"{self.cls_name}: {name!r} holds a Cell, but got {type(value).__name__}. Assign a Cell or None."
                )
            cells[name] = state[name] = None
        elif name in state.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"{self.cls_name}: {name!r} holds a buffer, but got {type(value).__name__}. "
                    "Assign a Tensor or None."
                )
            state["_buffers"][name] = state[name] = value
        else:
            self._forget_tuple(name)
            if type(value) in _PLAIN:
                self._warn_of_cells(name, value, 4)
            object.__setattr__(self, name, value)

    def _warn_of_cells(self, name, value, level):
        """Warn where a list, tuple or dict in an attribute holds cells that are found nowhere else in this cell."""
        items = value.values() if type(value) is dict else value
        cells = [item for item in items if isinstance(item, Cell)]
        state = self.__dict__
        if not cells or "_cells" not in state or name in state.get("_warned", ()):
            return
        known = {cell for _, cell in self.cells_and_names()}
        if not known.issuperset(cells):
            # Not as an attribute that is assigned to: this one is no part of the network.
            state.setdefault("_warned", set()).add(name)
            warnings.warn(
                f"{self.cls_name}: the cells in the {type(value).__name__} {name!r} are no part of this cell: their "
                "Parameters are neither listed nor trained nor saved. "
                f"Use {'CellDict' if type(value) is dict else 'CellList'}.",
                UserWarning,
                level,
            )

    def _set_tuple(self, name, params):
        registry = self._registry("_params", name)
        self._check_name("ParameterTuple", name, (), self._cells)
        self._check_name("ParameterTuple", name, (), registry)
        old = self.__dict__.get(name)
        # Not after how many Parameters the process has made, as by itself: another process finds these names again.
        taken = {*registry, *(param.name for param in params)}
        fresh = (name for name in map("Parameter${}".format, itertools.count(1)) if name not in taken)
        for param in params:
            if has_default_name(param):
                param.name = next(fresh)
            found = registry.get(param.name)
            if found is not None and found is not param and not _holds(old, found):
                raise ValueError(
                    f"{self.cls_name}: {name!r} holds a Parameter named {param.name!r}, a name that another "
                    "Parameter of this cell has. Rename one of them."
                )
        self._forget_tuple(name)
        registry.update((param.name, param) for param in params)
        self.__dict__[name] = params

    def _forget_tuple(self, name):
        """Unregister the Parameters of the ParameterTuple that `name` holds, if it holds one."""
        old = self.__dict__.get(name)
        if isinstance(old, ParameterTuple):
            kept = {id(p) for key, p in self._params.items() if self.__dict__.get(key) is p}
            gone = {id(p) for p in old} - kept
            for key in [key for key, p in self._params.items() if id(p) in gone]:
                del self._params[key]

    def insert_param_to_cell(self, param_name, param, check_name_contain_dot=True, *, replace=False):
        """Register a Parameter (or None) under a name and as the attribute of that name.

        Parameters
        ----------
        param_name : str
            The attribute; a Parameter made without a name takes it as its own.
        param : Parameter or None
        check_name_contain_dot : bool
            Whether a name with a dot is refused.
        replace : bool
            Whether a plain attribute of that name may be replaced.

        Raises
        ------
        KeyError
            If the name is empty, has a dot, or is taken by something that is not a Parameter.
        TypeError
            If `param` is neither a Parameter nor None.
        """
        registry = self._registry("_params", param_name)
        if check_name_contain_dot or not param_name:
            self._check_name("Parameter", param_name, registry, self._cells)
        if not replace and param_name in self.__dict__ and param_name not in registry:
            raise KeyError(f"{self.cls_name}: {param_name!r} is already an attribute. Use another name.")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"{self.cls_name}: {param_name!r} must be a Parameter or None, but got {type(param).__name__}."
            )
        if param is not None and has_default_name(param):
            param.name = param_name
        registry[param_name] = self.__dict__[param_name] = param

    def insert_child_to_cell(self, child_name, child_cell):
        """Register a Cell (or None) under a name and as the attribute of that name. Its Parameters keep their names.

        Parameters
        ----------
        child_name : str
        child_cell : Cell or None

        Raises
        ------
        KeyError
            If the name is empty, has a dot, or is taken by something that is not a Cell.
        TypeError
            If the name is not a str, or `child_cell` is neither a Cell nor None.
        """
        if not isinstance(child_name, str):
            raise TypeError(f"{self.cls_name}: child_name must be a str, but got {type(child_name).__name__}.")
        registry = self._registry("_cells", child_name)
        self._check_name("Cell", child_name, registry, self._params)
        if child_name in self.__dict__ and child_name not in registry:
            raise KeyError(f"{self.cls_name}: {child_name!r} is already an attribute. Use another name.")
        if child_cell is not None and not isinstance(child_cell, Cell):
            raise TypeError(f"{self.cls_name}: child_cell must be a Cell or None, but got {type(child_cell).__name__}.")
        registry[child_name] = self.__dict__[child_name] = child_cell

    def register_buffer(self, name, tensor, persistent=True):
        """Hold a Tensor that is saved with the Parameters and not trained, as the attribute of that name.

        Parameters
        ----------
        name : str
        tensor : Tensor or None
        persistent : bool
            Whether `state_dict` has it.

        Raises
        ------
        KeyError
            If the name is empty, has a dot, or is taken by something else.
        TypeError
            If the name is no str, or `tensor` is neither a Tensor nor None.

        Examples
        --------
        >>> from adcore import Tensor, nn
        >>> net = nn.Dense(2, 1)
        >>> net.register_buffer("scale", Tensor([2.0]))
        >>> list(net.state_dict()), [p.name for p in net.get_parameters()]
        (['weight', 'bias', 'scale'], ['weight', 'bias'])
        """
        if not isinstance(name, str):
            raise TypeError(f"register_buffer: name must be a str, but got {type(name).__name__}.")
        buffers = self._registry("_buffers", name)
        self._check_name("buffer", name, buffers, {**self._params, **self._cells})
        if name not in buffers and hasattr(self, name):
            raise KeyError(f"{self.cls_name}: {name!r} is already an attribute. Use another name for the buffer.")
        if isinstance(tensor, Parameter) or not (tensor is None or isinstance(tensor, Tensor)):
            raise TypeError(f"register_buffer: {name!r} must be a Tensor or None, but got {type(tensor).__name__}.")
        check_flag("register_buffer", "persistent", persistent)
        buffers[name] = self.__dict__[name] = tensor
        transient = self.__dict__.setdefault("_transient", set())
        transient.discard(name) if persistent else transient.add(name)

    # ---- walking the tree ----------------------------------------------------------------------------------------

    def cells_and_names(self, cells=None, name_prefix=""):
        """Iterate over ``(path, cell)``: this cell (under `name_prefix`), then all below, depth first, each once.

        Parameters
        ----------
        cells : set of Cell, optional
            Cells to leave out; those visited are added.
        name_prefix : str

        Yields
        ------
        tuple of (str, Cell)
        """
        seen = set() if cells is None else cells
        stack = [(name_prefix, self)]
        while stack:
            path, cell = stack.pop()
            if cell in seen:
                continue
            seen.add(cell)
            yield path, cell
            start = path + "." if path else ""
            children = [(start + name, child) for name, child in cell._cells.items() if child is not None]
            stack.extend(reversed(children))

    def parameters_and_names(self, name_prefix="", expand=True) -> Iterator[tuple[str, Parameter]]:
        """Iterate over ``(path, Parameter)`` of this cell and, if `expand`, of all cells below; each Parameter once.

        Yields
        ------
        tuple of (str, Parameter)
            The path is made of attribute names; it need not be the Parameter's name.
        """
        seen = set()
        for path, cell in self.cells_and_names(name_prefix=name_prefix) if expand else ((name_prefix, self),):
            start = path + "." if path else ""
            for name, value in list(cell.__dict__.items()):
                if type(value) in _PLAIN and value and not name.startswith("_"):
                    cell._warn_of_cells(name, value, 3)
            for name, param in list(cell._params.items()):
                if param is not None and id(param) not in seen:
                    seen.add(id(param))
                    yield start + name, param

    def get_parameters(self, expand=True) -> Iterator[Parameter]:
        """Iterate over the Parameters of this cell and, if `expand`, of all cells below."""
        for _, param in self.parameters_and_names(expand=expand):
            yield param

    def named_buffers(self, prefix="", recurse=True) -> Iterator[tuple[str, Tensor]]:
        """Iterate over ``(path, Tensor)`` of the buffers of this cell and, if `recurse`, of all cells below; each once.

        Examples
        --------
        >>> from adcore import Tensor, nn
        >>> net = nn.SequentialCell(nn.Dense(2, 1))
        >>> net[0].register_buffer("scale", Tensor([2.0]))
        >>> [path for path, _ in net.named_buffers()]
        ['0.scale']
        """
        seen = set()
        for path, cell in self.cells_and_names(name_prefix=prefix) if recurse else ((prefix, self),):
            for name, value in list(cell._buffers.items()):
                if value is not None and id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def buffers(self, recurse=True) -> Iterator[Tensor]:
        """Iterate over the buffers of this cell and, if `recurse`, of all cells below."""
        for _, value in self.named_buffers(recurse=recurse):
            yield value

    def get_sub_cell(self, target):
        """Return the cell at a path of attribute names, this cell for "".

        Raises
        ------
        AttributeError
            If an attribute of the path is missing or no Cell.

        Examples
        --------
        >>> from adcore import nn
        >>> net = nn.SequentialCell(nn.Dense(2, 1), nn.SequentialCell(nn.ReLU()))
        >>> net.get_sub_cell("1.0")
        ReLU()
        """
        cell = self
        for name in target.split(".") if target else ():
            child = cell._cells.get(name)
            if child is None:
                child = getattr(cell, name, None)
            if not isinstance(child, Cell):
                what = f"is a {type(child).__name__}, no Cell" if hasattr(cell, name) else "does not exist"
                raise AttributeError(f"get_sub_cell: {name!r} of {target!r} {what} in {cell.cls_name}.")
            cell = child
        return cell

    def get_buffer(self, target):
        """Return the buffer at a path of attribute names.

        Raises
        ------
        AttributeError
            If an attribute of the path is missing, or the last one no buffer.

        Examples
        --------
        >>> from adcore import Tensor, nn
        >>> net = nn.SequentialCell(nn.Dense(2, 1))
        >>> net[0].register_buffer("scale", Tensor([2.0]))
        >>> print(net.get_buffer("0.scale"))
        [2.]
        """
        path, _, name = target.rpartition(".")
        cell = self.get_sub_cell(path)
        if name not in cell._buffers:
            raise AttributeError(f"get_buffer: {cell.cls_name} has no buffer {name!r}.")
        return cell._buffers[name]

    def trainable_params(self, recurse=True) -> list[Parameter]:
        """List the Parameters whose ``requires_grad`` is True.

        Examples
        --------
        >>> from adcore import nn
        >>> net = nn.Dense(3, 2)
        >>> net.weight.requires_grad = False
        >>> [p.name for p in net.trainable_params()], [p.name for p in net.untrainable_params()]
        (['bias'], ['weight'])
        """
        return [param for param in self.get_parameters(recurse) if param.requires_grad]

    def untrainable_params(self, recurse=True) -> list[Parameter]:
        """List the Parameters whose ``requires_grad`` is False."""
        return [param for param in self.get_parameters(recurse) if not param.requires_grad]

    def parameters_dict(self, recurse=True) -> dict[str, Parameter]:
        """Return the Parameters by their names.

        Raises
        ------
        ValueError
            If two different Parameters have one name.
        """
        found = {}
        for path, param in self.parameters_and_names(expand=recurse):
            if found.setdefault(param.name, param) is not param:
                raise ValueError(
                    f"{self.cls_name}: two Parameters have the name {param.name!r} (one of them is {path!r}). "
                    "Call update_parameters_name() to name them by their attributes."
                )
        return found

    def cells(self):
        """Return a view of the children, each once."""
        return self.name_cells().values()

    def name_cells(self):
        """Return the children by attribute name, each once."""
        found = {}
        for name, cell in self._cells.items():
            if cell is not None and not any(cell is other for other in found.values()):
                found[name] = cell
        return found

    def apply(self, fn):
        """Call ``fn(cell)`` for every cell below, children before their parents, then for this cell; return it."""
        for cell in self.cells():
            cell.apply(fn)
        fn(self)
        return self

    # ---- names, modes --------------------------------------------------------------------------------------------

    @property
    def cls_name(self):
        """The name of the class."""
        return type(self).__name__

    @property
    def phase(self):
        """'train' in training mode, else 'predict'; or what it was set to since `set_train`, any str."""
        return self.__dict__.get("_phase", "train" if self.training else "predict")

    @phase.setter
    def phase(self, value):
        if not isinstance(value, str):
            raise TypeError(f"{self.cls_name}: phase must be a str, but got {type(value).__name__}.")
        self.__dict__["_phase"] = value

    def update_parameters_name(self, prefix="", recurse=True):
        """Rename every Parameter to `prefix` followed by its path in this cell.

        Examples
        --------
        >>> from adcore import nn
        >>> net = nn.SequentialCell(nn.Dense(2, 2), nn.ReLU())
        >>> net.update_parameters_name("encoder.")
        >>> [p.name for p in net.get_parameters()]
        ['encoder.0.weight', 'encoder.0.bias']
        """
        if not isinstance(prefix, str):
            raise TypeError(f"update_parameters_name: prefix must be a str, but got {type(prefix).__name__}.")
        self.__dict__["_prefix"] = prefix
        if recurse:
            for path, cell in self.cells_and_names():
                cell.__dict__["_prefix"] = prefix + path + "." if path else prefix
        for path, param in self.parameters_and_names(expand=recurse):
            param.name = prefix + path

    def set_train(self, mode=True):
        """Set training mode in this cell and all cells below (see Dropout); return this cell."""
        for _, cell in self.cells_and_names():
            cell.__dict__["training"] = bool(mode)
            cell.__dict__.pop("_phase", None)
        return self

    def set_grad(self, requires_grad=True):
        """Set the attribute ``requires_grad`` of this cell, which nothing reads; return the cell."""
        self.requires_grad = requires_grad
        return self

    def to_float(self, dst_type):
        """Make this cell and all cells below compute in another floating-point type; return this cell.

        Floating-point inputs, Parameters and Tensors held by attributes are cast for each call; the Parameters
        themselves keep their dtype, and gradients arrive in it.

        Parameters
        ----------
        dst_type : dtype
            float16, bfloat16 or float32. The last call holds.

        Raises
        ------
        ValueError
            If `dst_type` is none of these.

        Examples
        --------
        >>> import adcore as ac
        >>> from adcore import nn
        >>> net = nn.Dense(2, 1).to_float(ac.float16)
        >>> net(ac.ops.ones((1, 2), ac.float32)).dtype == ac.float16, net.weight.dtype == ac.float32
        (True, True)
        """
        if not any(dst_type is known or dst_type == known for known in (float16, bfloat16, float32)):
            raise ValueError(f"to_float: dst_type must be float16, bfloat16 or float32, but got {dst_type!r}.")
        for _, cell in self.cells_and_names():
            cell.__dict__["_float_type"] = dst_type
            cell._construct_specially()
        return self

    def to(self, dtype):
        """Convert floating-point Parameters and buffers of this cell and all below to a dtype; return this cell.

        Parameters
        ----------
        dtype : dtype
            float16, bfloat16, float32 or float64.

        Raises
        ------
        TypeError
            If it is none of these.

        Examples
        --------
        >>> import adcore as ac
        >>> from adcore import nn
        >>> net = nn.Dense(2, 1).to(ac.float64)
        >>> net.weight.dtype == ac.float64
        True
        """
        if not getattr(dtype, "is_floating_point", False):
            raise TypeError(
                f"to: dtype must be a floating-point dtype, but got {dtype!r}. There is one device, the CPU."
            )
        for param in self.get_parameters():
            if param.dtype.is_floating_point and param.dtype != dtype:
                param._assign(stop_gradient(param.astype(dtype)))
        for _, cell in self.cells_and_names():
            for name, value in cell._buffers.items():
                if value is not None and value.dtype.is_floating_point:
                    setattr(cell, name, value.astype(dtype))
        return self

    def set_inputs(self, *inputs, **kwargs):
        """Tell what the inputs will look like; it is kept for `get_inputs` and changes nothing else.

        Raises
        ------
        ValueError
            If inputs are given by position and by name.

        Examples
        --------
        >>> from adcore import nn
        >>> net = nn.ReLU()
        >>> net.set_inputs(None)
        >>> net.get_inputs()
        (None,)
        """
        if inputs and kwargs:
            raise ValueError("set_inputs: give the inputs by position or by name, not both.")
        self.__dict__["_inputs_told"] = kwargs or inputs

    def get_inputs(self):
        """Return what `set_inputs` was told, else None."""
        return self.__dict__.get("_inputs_told")

    def add_flags(self, **flags):
        """Set attributes of this cell by name, and note them for `get_flags`; return the cell.

        Examples
        --------
        >>> from adcore import nn
        >>> net = nn.ReLU().add_flags(frozen=True)
        >>> net.frozen, net.get_flags()
        (True, {'frozen': True})
        """
        for name, value in flags.items():
            setattr(self, name, value)
        self.__dict__.setdefault("_flags", {}).update(flags)
        return self

    def add_flags_recursive(self, **flags):
        """Do what `add_flags` does for this cell and all cells below; return the cell."""
        for _, cell in self.cells_and_names():
            cell.add_flags(**flags)
        return self

    def get_flags(self):
        """Return a dict of the flags that `add_flags` noted."""
        return dict(self.__dict__.get("_flags", {}))

    def _construct_specially(self):
        """Put what a cell has to do beside `construct` before it: a call finds it in the instance."""
        self.__dict__["construct"] = functools.partial(_special_construct, self)

    # ---- hooks and rules -----------------------------------------------------------------------------------------

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "bprop" in cls.__dict__:
            cls.__call__ = _call_with_bprop
        let_through(cls)
        if hasattr(cls, "__getattr__") and _Lacks not in cls.__mro__:
            cls.__bases__ = (*cls.__bases__, _Lacks)

    def _register(self, kind, hook, flags=None, prepend=False):
        if not callable(hook):
            raise TypeError(f"register_{kind}_hook: the hook must be callable, got {type(hook).__name__}.")
        for option, value in {**(flags or {}), "prepend": prepend}.items():
            check_flag(f"register_{kind}_hook", option, value)
        hooks = self.__dict__.setdefault("_hooks", CellHooks())
        self._construct_specially()
        return RemovableHandle(getattr(hooks, kind), hook if flags is None else (hook, *flags.values()), prepend)

    def register_forward_pre_hook(self, hook_fn, with_kwargs=False, *, prepend=False):
        """Call ``hook_fn(cell, inputs)`` before `construct`; a result other than None replaces the inputs.

        Parameters
        ----------
        hook_fn : callable
            Takes this cell and the tuple of the positional inputs.
        with_kwargs : bool, default False
            The hook is called with the dict of the keyword inputs too, ``hook_fn(cell, inputs, kwargs)``, and returns
            None or the pair of both.
        prepend : bool, default False
            The hook runs before those that are registered already, not after them.

        Returns
        -------
        RemovableHandle
            ``remove()`` takes the hook away.

        Raises
        ------
        TypeError
            If it cannot be called, or an option is no bool. When the cell is called: for a result of another kind.

        Examples
        --------
        >>> from adcore import Tensor, nn
        >>> relu = nn.ReLU()
        >>> handle = relu.register_forward_pre_hook(lambda cell, inputs: (-inputs[0],))
        >>> print(relu(Tensor([-1.0, 2.0])))
        [1. 0.]
        """
        return self._register("forward_pre", hook_fn, {"with_kwargs": with_kwargs}, prepend)

    def register_forward_hook(self, hook_fn, with_kwargs=False, *, prepend=False, always_call=False):
        """Call ``hook_fn(cell, inputs, output)`` after `construct`; a result other than None replaces the output.

        Results and errors are those of :meth:`register_forward_pre_hook`.

        Parameters
        ----------
        hook_fn : callable
            Takes this cell, the tuple of the positional inputs and the output.
        with_kwargs : bool, default False
            The hook is called with the dict of the keyword inputs too: ``hook_fn(cell, inputs, kwargs, output)``.
        prepend : bool, default False
            The hook runs before those that are registered already, not after them.
        always_call : bool, default False
            The hook is called also where `construct` or a hook before it raises an Exception, with the output as far as
            it is known, else None; the exception goes on. What the hook raises then becomes a note of the exception.

        Examples
        --------
        >>> from adcore import Tensor, nn
        >>> relu = nn.ReLU()
        >>> handle = relu.register_forward_hook(lambda cell, inputs, output: output * 10)
        >>> print(relu(Tensor([-1.0, 2.0])))
        [ 0. 20.]
        """
        return self._register("forward", hook_fn, {"with_kwargs": with_kwargs, "always_call": always_call}, prepend)

    def register_backward_pre_hook(self, hook_fn):
        """Call ``hook_fn(cell, grad_output)`` with the cotangents of the outputs when they are known.

        A result other than None replaces them. Results and errors are those of :meth:`register_forward_pre_hook`.

        Examples
        --------
        >>> import adcore
        >>> from adcore import nn
        >>> tanh = nn.Tanh()
        >>> handle = tanh.register_backward_pre_hook(lambda cell, grad_output: (grad_output[0] * 2,))
        >>> float(adcore.grad(tanh)(0.0))
        2.0
        """
        return self._register("backward_pre", hook_fn)

    def register_backward_hook(self, hook_fn):
        """Call ``hook_fn(cell, grad_input, grad_output)`` when the cotangents of the inputs are known.

        A result other than None replaces `grad_input`. Results and errors are those of
        :meth:`register_forward_pre_hook`.

        Notes
        -----
        `grad_input` has an entry for each Tensor among the positional inputs: None for one that nobody differentiates
        by, such as the data of a first layer. The hook is called once in each sweep that reaches the outputs.

        Examples
        --------
        >>> import adcore
        >>> from adcore import nn
        >>> tanh = nn.Tanh()
        >>> handle = tanh.register_backward_hook(lambda cell, grad_input, grad_output: (grad_input[0] * 3,))
        >>> float(adcore.grad(tanh)(0.0))
        3.0
        """
        return self._register("backward", hook_fn)

    def recompute(self, **kwargs):
        """Keep nothing of what this cell computes for the reverse sweep but its inputs; see :func:`adcore.recompute`.

        Examples
        --------
        >>> import adcore
        >>> from adcore import nn
        >>> net = nn.Tanh()
        >>> net.recompute()
        >>> float(adcore.grad(net)(0.0))
        1.0
        """
        for option in kwargs:
            if option not in ("mp_comm_recompute", "parallel_optimizer_comm_recompute"):
                raise TypeError(f"recompute: there is no option {option!r}.")
        self.__dict__["_recomputes"] = True
        self._construct_specially()

    # ---- copies and text ---------------------------------------------------------------------------------------------

    def __copy__(self):
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__, _params=dict(self._params), _cells=dict(self._cells))
        twin.__dict__["_buffers"] = dict(self._buffers)
        if "_float_type" in self.__dict__ or "_hooks" in self.__dict__ or "_recomputes" in self.__dict__:
            twin._construct_specially()
        return twin

    def __setstate__(self, state):
        """Take the attributes of a copy or a pickle.

        Without this method Python would ask a ``__getattr__`` of the subclass for it, and that would look in attributes
        which are not there yet, for ever.
        """
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        self.__dict__.update((sys.intern(name), value) for name, value in (attributes or {}).items())
        for name, value in (slots or {}).items():
            object.__setattr__(self, name, value)

    def extend_repr(self):
        """Return what ``repr`` shows of the cell itself; override to add to it."""
        return ""

    def __repr__(self):
        own = [line for line in self.extend_repr().split("\n") if line]
        if not self._cells:
            inner = own[0] if len(own) == 1 else "".join(f"\n  {line}" for line in own) + ("\n" if own else "")
            return f"{self.cls_name}({inner})"
        children = [f"({name}): {cell!r}".replace("\n", "\n  ") for name, cell in self._cells.items()]
        return f"{self.cls_name}(\n  " + "\n  ".join(own + children) + "\n)"

    def _repr_html_(self):
        """Return what a notebook shows: the tree of cells, with the Parameters of each."""
        return f"<div>{_html_of(self, '')}</div>"


advise(Cell, CELL)

_PLAIN = {list, tuple, dict}  # what holds cells without registering them


def _html_of(cell, name):
    """Return a cell as an item that can be opened, with the cells below it."""
    import html

    def text(o):
        return html.escape(str(o))

    own = [param for param in cell._params.values() if param is not None]
    count = sum(param.size for param in {id(p): p for p in cell.get_parameters()}.values())
    head = f"{text(name)}<b>{text(cell.cls_name)}</b>({text(' '.join(cell.extend_repr().split()))})"
    head += f" {count:,} parameters" if count else ""
    lines = []
    for param in own:
        trained = "" if param.requires_grad else ", not trained"
        lines.append(f"<li>{text(param.name)}: {param.dtype} {param.shape}{trained}</li>")
    lines += [f"<li>{_html_of(child, f'{key}: ')}</li>" for key, child in cell._cells.items() if child is not None]
    if not lines:
        return head
    opened = " open" if cell._cells else ""
    return f"<details{opened}><summary>{head}</summary><ul>{''.join(lines)}</ul></details>"


def _holds(params, param):
    return isinstance(params, ParameterTuple) and any(param is item for item in params)


def _cast(value, dtype):
    """`value` with every floating-point Tensor in it cast to `dtype`."""
    if isinstance(value, Tensor):
        return value.astype(dtype) if value.dtype.is_floating_point and value.dtype != dtype else value
    if type(value) in (tuple, list, ParameterTuple):
        items = [_cast(item, dtype) for item in value]
        if all(new is old for new, old in zip(items, value)):
            return value  # not a copy: what a construct appends to a list of its cell stays in it
        return items if type(value) is list else tuple(items)
    return value


def _special_construct(cell, *args, **kwargs):
    """``cell.construct`` with what the instance asks for beside it: another dtype, recomputation, hooks."""
    state = cell.__dict__
    run = type(cell).construct.__get__(cell)
    if "_float_type" in state:
        run = functools.partial(_construct_as, cell, state["_float_type"])
    if "_recomputes" in state:
        run = functools.partial(recompute, run)
    if "_hooks" in state and type(cell).__call__ is not _call_with_bprop:
        return state["_hooks"].call(cell, run, args, kwargs)
    return run(*args, **kwargs)


def _call_with_bprop(cell, *args, **kwargs):
    """Call a cell whose class gives its reverse rule as a method, bprop(*inputs, out, dout); hooks are around it."""
    run = functools.partial(_run_with_bprop, cell)
    hooks = cell.__dict__.get("_hooks")
    return run(*args, **kwargs) if hooks is None else hooks.call(cell, run, args, kwargs)


def _run_with_bprop(cell, *args, **kwargs):
    if kwargs:
        import inspect  # not at the top: it takes longer to load than adcore

        bound = inspect.signature(cell.construct).bind(*args, **kwargs)
        bound.apply_defaults()
        args = bound.args
    return bprop_call(cell, functools.partial(CellBase.__call__, cell), args)


def _construct_as(cell, dtype, *args, **kwargs):
    """``cell.construct`` on cast inputs, with the Tensors that the cell holds cast too.

    It runs on a view of the cell that shares everything else, so two threads may run one cell, and what `construct`
    assigns is carried back.
    """
    view = object.__new__(type(cell))
    for name, value in cell.__dict__.items():
        if name != "construct":
            view.__dict__[name] = value if name in cell._keep_dtype else _cast(value, dtype)
    before = dict(view.__dict__)
    out = view.construct(*_cast(args, dtype), **{name: _cast(value, dtype) for name, value in kwargs.items()})
    for name, value in view.__dict__.items():
        if name not in before or value is not before[name]:
            cell.__dict__[name] = value
    return out
