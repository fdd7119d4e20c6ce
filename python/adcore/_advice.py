"""What to write here for what is written in PyTorch, JAX, NumPy or TensorFlow, and for words that are misspelt.

Data: the tables of names. What stands between backquotes in an advice is code of adcore (of `ops`, `nn`, `optim`, of a
Tensor `x`, a Parameter `w`, a Cell `net`, an optimizer `optimizer`), and the tests look up each of its names. Only what
fails comes here: a module asks by its ``__getattr__``; a class has an `Advice` under each name of its table (a
``__getattr__`` would make all attributes slower); a call asks where a keyword is none of its parameters.
"""

import functools
import sys
import types
import warnings
from opcode import opmap

from ._core import Namespace

# What to write for several things.
_ONE_DEVICE = "there is one device, the CPU; leave it out"
_NOTHING_STORED = (
    "derivatives are returned, not stored, so there is nothing to clear: "
    "`adcore.value_and_grad(loss_fn, None, optimizer.parameters)` makes the function that returns them"
)
_RETURNED = (
    "derivatives are returned by functions: `adcore.grad(f)(x)` for an argument, "
    "`adcore.value_and_grad(f, None, net.trainable_params())(x)` for the Parameters of a network"
)
_RECORDED = "what a function computes is recorded while `adcore.grad(f)(x)` runs, and no Tensor knows of it afterwards"
_POSITION = (
    "the call says what is differentiated: `adcore.grad(f, grad_position=0)` the first argument, "
    "`adcore.grad(f, None, net.trainable_params())` Parameters; `adcore.Parameter(x)` is a Tensor that is trained"
)
_DRAW = "write `adcore.set_seed(0)` once and draw with `ops.rand(2, 3)`, `ops.randn(2, 3)`, `ops.randint(0, 9, (2, 3))`"
_SCHEDULE = "a schedule takes the place of the learning rate: `nn.Adam(params, nn.CosineDecayLR(1e-5, 1e-3, 100))`"
_TREES = "containers of Tensors are taken as they are by `adcore.grad`, `adcore.vmap`, `ops.scan` and `optim.adam`"
_MODEL = "`adcore.train.Model(net, loss_fn, optimizer)` has the methods train, fit, eval and predict"
_DATA = "write `adcore.dataset.NumpySlicesDataset(data).batch(32)`, or `adcore.dataset.GeneratorDataset(source, names)`"
_SAVE = "write `adcore.save_checkpoint(net, path)` and `adcore.load_param_into_net(net, adcore.load_checkpoint(path))`"
_CLIP = "write `ops.clip_by_global_norm(gradients, 1.0)` or `ops.clip_by_value(gradients, -1.0, 1.0)`"
_RESULT = "functions return new Tensors; leave it out"


def _spread(table):
    return {name: advice for names, advice in table.items() for name in names.split()}


TENSOR = _spread(
    {
        "backward retain_grad": _RETURNED,
        "grad": _RETURNED,
        "grad_fn is_leaf": _RECORDED,
        "requires_grad requires_grad_": _POSITION,
        "detach detach_": "write `ops.stop_gradient(x)`",
        "cpu cuda is_cuda get_device pin_memory": _ONE_DEVICE,
        "block_until_ready": "every call returns when its values are there; leave it out",
        "at": "write `x[i] = v`, or `ops.tensor_scatter_update(x, indices, v)` for a new Tensor; "
        "`ops.index_add(x, indices, v, axis)` adds",
        "data_ptr storage": "`x.asnumpy()` shares the memory",
        "new_tensor": "write `adcore.Tensor(data, x.dtype)`",
        "apply_ map_": "write `adcore.vmap(f)(x)`",
        "flat": "write `x.ravel()`",
        "tofile dump": "write `x.asnumpy()` and the method of NumPy",
        "compress": "write `x.masked_select(mask)`",
        "partition argpartition": "write `x.topk(k)`",
        "assign": "write `w.set_data(x)`",
        "assign_add": "write `ops.assign_add(w, x)`",
        "assign_sub": "write `ops.assign_sub(w, x)`",
        "get_shape": "write `x.shape`",
        "to_sparse is_sparse": "there are dense Tensors alone",
    }
)

CELL = _spread(
    {
        "parameters": "write `net.trainable_params()` for an optimizer, or `net.get_parameters()`",
        "trainable_weights trainable_variables": "write `net.trainable_params()`",
        "named_parameters": "write `net.parameters_and_names()`",
        "modules named_modules": "write `net.cells_and_names()`",
        "children": "write `net.cells()`",
        "named_children": "write `net.name_cells()`",
        "get_parameter get_submodule": "write `net.parameters_dict()` or `net.name_cells()`",
        "forward": "call it, `net(x)`; a class defines `net.construct`",
        "train": "write `net.set_train()`",
        "eval": "write `net.set_train(False)`",
        "zero_grad": _NOTHING_STORED,
        "cuda cpu": _ONE_DEVICE,
        "half": "write `net.to(adcore.float16)`, or `net.to_float(adcore.float16)` to keep its Parameters",
        "bfloat16": "write `net.to(adcore.bfloat16)`, or `net.to_float(adcore.bfloat16)` to keep its Parameters",
        "float": "write `net.to(adcore.float32)`",
        "double": "write `net.to(adcore.float64)`",
        "requires_grad_ freeze": "write `w.requires_grad = False` for each of `net.get_parameters()`",
        "register_parameter": "write `net.insert_param_to_cell(name, w)`",
        "add_module register_module": "write `net.insert_child_to_cell(name, cell)`",
        "register_full_backward_hook": "write `net.register_backward_hook(hook_fn)`",
        "register_full_backward_pre_hook": "write `net.register_backward_pre_hook(hook_fn)`",
        "fit evaluate predict": _MODEL,
        "summary": "write `adcore.train.summary(net, x)`",
        "save_weights load_weights": _SAVE,
    }
)

OPTIMIZER = _spread(
    {
        "step minimize apply_gradients": "call it with the gradients, `optimizer(gradients)`, which "
        "`adcore.value_and_grad(loss_fn, None, optimizer.parameters)` returns",
        "param_groups": "read `optimizer.parameters` and `optimizer.get_lr()`; a list of dicts "
        "with params, lr and weight_decay, given when it is made, are groups",
        "add_param_group": "give the groups when it is made: a list of dicts with params, lr and weight_decay",
        "lr": "write `optimizer.learning_rate`",
        "init update": "`optim.adam(1e-3)` has init and update; this one is called, `optimizer(gradients)`",
    }
)

PURE_OPTIMIZER = _spread(
    {
        "step apply apply_gradients": "write `params, state = optim.adam(1e-3).update(gradients, state, params)`",
        "zero_grad": "derivatives are returned, not stored; there is nothing to clear: `adcore.grad(loss_fn)(params)`",
    }
)

MODULES = _spread(
    {
        "Module Layer": "write `nn.Cell`, whose method `net.construct` computes",
        "Linear": "write `nn.Dense(in_channels, out_channels)`",
        "linear": "write `ops.dense(x, weight, bias)`",
        "functional F": "write `adcore.ops`",
        "ConvTranspose1d": "write `nn.Conv1dTranspose`",
        "ConvTranspose2d Conv2DTranspose": "write `nn.Conv2dTranspose`",
        "ConvTranspose3d": "write `nn.Conv3dTranspose`",
        "Conv": "write `nn.Conv2d(in_channels, out_channels, kernel_size)`",
        "Hardswish": "write `nn.HSwish()`",
        "Hardsigmoid": "write `nn.HSigmoid()`",
        "Hardshrink": "write `nn.HShrink()`",
        "ParameterList": "write `adcore.ParameterTuple`",
        "DataParallel DistributedDataParallel pmap": _ONE_DEVICE,
        "MultiHeadDotProductAttention": "write `nn.MultiheadAttention(embed_dim, num_heads)`",
        "init initializers": "write `adcore.common.initializer.initializer('normal', shape)`",
        "clip_grad_norm_ clip_grad_value_ clip_grad_norm": _CLIP,
        "lr_scheduler CosineAnnealingLR LambdaLR": _SCHEDULE,
        "ExponentialLR": "write `nn.ExponentialDecayLR(learning_rate, decay_rate, decay_steps)` as the learning rate",
        "apply_updates": "write `params, state = optim.adam(1e-3).update(gradients, state, params)`",
        "device cuda device_put devices set_default_device mps": _ONE_DEVICE,
        "array asarray as_tensor ndarray FloatTensor": "write `adcore.Tensor(data)`",
        "DoubleTensor": "write `adcore.Tensor(data, adcore.float64)`",
        "LongTensor": "write `adcore.Tensor(data, adcore.int64)`",
        "IntTensor": "write `adcore.Tensor(data, adcore.int32)`",
        "BoolTensor": "write `adcore.Tensor(data, adcore.bool_)`",
        "float single": "write `adcore.float32`",
        "double": "write `adcore.float64`",
        "half": "write `adcore.float16`",
        "long": "write `adcore.int64`",
        "int": "write `adcore.int32`",
        "bool": "write `adcore.bool_`",
        "complex64 complex128 cfloat": "there are real dtypes alone, such as `adcore.float64`",
        "set_default_dtype": "Python floats become `adcore.float32`; write `adcore.Tensor(data, adcore.float64)`",
        "autograd elementwise_grad value_and_gradient": "write `adcore.grad(f)` or `adcore.value_and_grad(f)`",
        "GradientTape gradients": _RETURNED,
        "jacobian": "write `adcore.jacrev(f)` or `adcore.jacfwd(f)`",
        "enable_grad": "`adcore.grad(f)` records what f computes, but within `adcore.no_grad()`",
        "inference_mode set_grad_enabled": "write `adcore.no_grad()`",
        "detach lax_stop_gradient": "write `ops.stop_gradient(x)`",
        "custom_gradient": "write `adcore.custom_vjp(f)`",
        "remat checkpoint": "write `adcore.recompute(f, x)`",
        "make_jaxpr": "write `adcore.jit(f)` and its method trace",
        "compile function script": "write `adcore.jit(f)`",
        "save load load_weights save_weights": _SAVE,
        "random PRNGKey key": _DRAW,
        "split_key fold_in default_rng RandomState": "write `adcore.Generator()`, a stream of numbers of its own",
        "tree tree_util tree_map tree_leaves pytree": _TREES,
        "lax": "write `ops.cond`, `ops.while_loop`, `ops.fori_loop`, `ops.scan`; functions are in `adcore.ops`",
        "numpy jnp np linalg special": "write `adcore.ops`, which has the functions by NumPy's names",
        "Variable": "write `adcore.Parameter(x)`",
        "utils": "`adcore.dataset` has what reads data; `ops.clip_by_global_norm(gradients, 1.0)` clips gradients",
        "data DataLoader TensorDataset Dataset": _DATA,
        "Trainer keras": _MODEL,
        "summary": "write `adcore.train.summary(net, x)`",
        "is_tensor": "write `isinstance(x, adcore.Tensor)`",
        "numel": "write `x.size`",
        "newaxis": "write `x[:, None]`",
        "concatenate": "write `ops.concat(tensors, axis)`",
        "fabs": "write `ops.abs(x)`",
        "power": "write `ops.pow(x, y)`",
        "around rint": "write `ops.round(x)`",
        "average": "write `ops.mean(x)`",
        "percentile": "write `ops.quantile(x, q)`, with q in [0, 1]",
        "argpartition partition": "write `ops.topk(x, k)`",
        "array_equal": "write `ops.equal(x, y).all()`",
        "in1d": "write `ops.isin(x, y)`",
        "vectorize apply_along_axis": "write `adcore.vmap(f)`",
        "piecewise": "write `ops.where(condition, x, y)`",
        "segment_sum": "write `ops.index_add(x, indices, values, 0)`",
        "dynamic_slice dynamic_update_slice": "write `x[i:j]`, or `x[i:j] = v`",
        "conv conv_general_dilated": "write `ops.conv2d(x, weight)`",
        "pi e inf nan": "write `math.pi`, `math.e`, `math.inf`, `math.nan`",
    }
)

# Words for one thing: a call takes one of a row, and is told of it where it was given another.
WORDS = (
    "in_channels in_features input_channels units_in",
    "out_channels out_features features units num_output filters",
    "has_bias bias use_bias",
    "learning_rate lr rate step_size",
    "eps epsilon",
    "params parameters",
    "grad_position argnums argnum wrt",
    "beta1 b1 beta_1",
    "beta2 b2 beta_2",
    "vocab_size num_embeddings num_classes",
    "embedding_size embedding_dim features",
    "num_features num_channels channels",
    "normalized_shape features",
    "group groups feature_group_count",
    "in_axes in_dims",
    "out_axes out_dims",
    "has_aux aux",
    "use_nesterov nesterov",
    "alpha negative_slope",
    "p rate prob dropout_rate",
    "input x a self input_x data array tensor",
    "other y x2 b",
    "target targets label labels y",
    "labels label target targets",
    "reduction size_average reduce",
    "size shape",
    "shape size newshape",
    "dtype type astype",
    "weights wrt weight parameters",
    "static_argnums static_argnum",
    "donate donate_argnums",
    "default_input data init",
    "inputs primals x",
    "v tangents cotangents",
    "kernel_size window window_shape pool_size",
    "stride strides",
    "padding pad",
    "keepdims keep_dims keepdim",
    "axis dim axes",
)

# Keywords that no call here has.
KEYWORDS = _spread(
    {
        "device device_type non_blocking pin_memory": _ONE_DEVICE,
        "requires_grad": _POSITION,
        "inplace out copy_": _RESULT,
        "layout memory_format order": "there is one layout; leave it out",
        "key rng": _DRAW,
        "betas": "write beta1 and beta2, as in `nn.Adam(params, beta1=0.9, beta2=0.999)`",
        "create_graph retain_graph": "derivatives can be differentiated, `adcore.grad(adcore.grad(f))`; leave it out",
        "allow_int holomorphic allow_unused": "leave it out",
        "kernel_init kernel_initializer": "write weight_init, as in `nn.Dense(2, 1, weight_init='normal')`",
        "bias_initializer": "write bias_init, as in `nn.Dense(2, 1, bias_init='zeros')`",
        "activation": "the layer after it is one of its own: `nn.SequentialCell(nn.Dense(2, 1), nn.ReLU())`",
        "batch_size shuffle": _DATA,
        "jac hess hessp": "adcore makes the derivatives; leave it out",
    }
)


# ---- names ---------------------------------------------------------------------------------------------------------


class Advice:
    """What a class has in the place of an attribute that it has not: reading it raises, and says what to write.

    An attribute that an object of a subclass sets is there as any other, and one that a later base of a class has.
    """

    def __init__(self, name, advice):
        self.name, self.advice = name, advice
        self.__doc__ = f"Not there: {plain(advice)}."

    def error(self, owner):
        """Return the AttributeError of a class."""
        return AttributeError(f"{owner.__name__} has no attribute {self.name!r}: {plain(self.advice)}.", name=self.name)

    def later(self, owner):
        """Return what stands under the name in a base of a class behind the one that has this, or this."""
        classes = iter(owner.__mro__)
        for cls in classes:
            if vars(cls).get(self.name) is self:
                break
        found = (vars(cls)[self.name] for cls in classes if self.name in vars(cls))
        return next((o for o in found if not isinstance(o, Advice)), self)

    def __get__(self, instance, owner=None):
        owner = owner or type(instance)
        found = self.later(owner)
        if found is self:
            raise self.error(owner)
        return _bound(found, instance, owner)


def _bound(found, instance, owner):
    get = getattr(type(found), "__get__", None)
    return found if get is None else get(found, instance, owner)


class SettableAdvice(Advice):
    """The same where objects may have no attributes of their own, and setting it is tried as well."""

    def __get__(self, instance, owner=None):
        owner = owner or type(instance)
        found = self.later(owner)
        if not hasattr(type(found), "__set__") or found is self:
            try:
                return instance.__dict__[self.name]
            except (AttributeError, KeyError):
                if found is self:
                    raise self.error(owner) from None
        return _bound(found, instance, owner)

    def __set__(self, instance, value):
        found = self.later(type(instance))
        if found is not self and hasattr(type(found), "__set__"):
            return type(found).__set__(found, instance, value)
        try:
            attributes = instance.__dict__
        except AttributeError:
            raise self.error(type(instance)) from None
        attributes[self.name] = value

    def __delete__(self, instance):
        found = self.later(type(instance))
        if found is not self and hasattr(type(found), "__delete__"):
            return type(found).__delete__(found, instance)
        try:
            del instance.__dict__[self.name]
        except (AttributeError, KeyError):
            raise self.error(type(instance)) from None


def advise(cls, table, kind=Advice):
    """Put what a table says into a class. `dir` of an object does not list it."""
    for name, advice in table.items():
        setattr(cls, name, kind(name, advice))
    cls.__dir__ = _listed


def let_through(cls):
    """Give a class what its later bases have under the name of an `Advice` and is set by a method of its own.

    An `Advice` that objects may hide has none, and would let the value be set past it.
    """
    for name in dir(cls) if len(cls.__bases__) > 1 else ():
        advice = _of_class(cls, name)
        if isinstance(advice, Advice) and hasattr(type(found := advice.later(cls)), "__set__"):
            setattr(cls, name, found)


def _listed(self):
    """What `dir` lists of an object: not what is an advice alone."""
    own = getattr(self, "__dict__", ())
    return [name for name in object.__dir__(self) if name in own or not _lacks(type(self), name)]


def _lacks(owner, name):
    found = _of_class(owner, name)
    return isinstance(found, Advice) and found.later(owner) is found


def _of_class(owner, name):
    return next((vars(cls)[name] for cls in owner.__mro__ if name in vars(cls)), None)


def plain(advice):
    """Return an advice without the marks of code."""
    return advice.replace("`", "")


_PLACES = ("adcore.ops", "adcore.nn", "adcore.optim", "adcore")


def no_attribute(module, name):
    """Return the error of a module that lacks a name; what ``from module import name`` raises is an ImportError.

    Parameters
    ----------
    module : str
        Its full name. Its ``__getattr__`` calls this directly.
    name : str
    """
    text = f"module {module!r} has no attribute {name!r}"
    if name.startswith("__"):  # what Python itself asks for
        return AttributeError(text, name=name)
    advice = f"{plain(MODULES[name])}." if name in MODULES else _elsewhere(module, name) or _near(module, name)
    text += f": {advice}" if advice else ""
    if _imports(sys._getframe(1).f_back):
        return ImportError(f"cannot import name {name!r}, since {text}", name=module)
    return AttributeError(text, name=name)


def read_at_once(module):
    """Make the names of a module that has a ``__getattr__`` cost as little to read as if it had none."""
    sys.modules[module].__class__ = Namespace


def _imports(frame):
    """Whether what a frame does is ``from module import name``, which would not show the text of an AttributeError."""
    return frame is not None and frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]


def _names_of(module):
    return getattr(sys.modules.get(module), "__all__", ())


def _elsewhere(module, name):
    """What to write where another module has the name, or one has it in the other spelling of words."""
    for place in _PLACES:
        if place != module and name in _names_of(place):
            return f"write {place}.{name}."
    key = _key(name)
    for place in (module, *_PLACES):
        for other in _names_of(place):
            if _key(other) == key and (place, other) != (module, name):  # a name that was deleted
                return f"write {place}.{other}."
    return None


def _key(name):
    return name.replace("_", "").lower()


def _near(module, name):
    near = _nearest(name, _names_of(module))
    return f"did you mean {near}?" if near else None


def _nearest(name, names):
    import difflib

    found = difflib.get_close_matches(name, names, 1, 0.75)
    return found[0] if found else None


# ---- keywords ------------------------------------------------------------------------------------------------------


def keyword_hint(keyword, parameters):
    """Return what to write for a keyword that a call does not have, or ""."""
    for row in map(str.split, WORDS):
        meant = [word for word in row if word in parameters]
        if keyword in row and meant:
            return f"here it is {meant[0]}"
    if keyword in KEYWORDS:
        return plain(KEYWORDS[keyword])
    near = _nearest(keyword, parameters)
    return f"did you mean {near}" if near else ""


def unknown_keyword(call, keyword, parameters):
    """Return the text of the error for a keyword that is none of a call's parameters.

    Parameters
    ----------
    call, keyword : str
    parameters : sequence of str
    """
    hint = keyword_hint(keyword, parameters)
    known = f"its keywords are {', '.join(parameters)}" if parameters else "" if hint else "it has none"
    return f"{call}: got an unexpected keyword argument {keyword!r}; {'; '.join(filter(None, (hint, known)))}."


def parameters_of(function):
    """Return the names of a Python function's parameters that a keyword may give; None where it takes any."""
    code = getattr(function, "__wrapped__", function).__code__
    if code.co_flags & 8:  # has **kwargs
        return None
    return code.co_varnames[code.co_posonlyargcount : code.co_argcount + code.co_kwonlyargcount]


def known_words(function, name=None, aliases=types.MappingProxyType({})):
    """Let a function say what to write for a keyword that it does not have. For what is not called often.

    Parameters
    ----------
    function : function
    name : str, optional
        What the error calls it, instead of the function's name.
    aliases : dict of str to str
        Keywords that stand for one of its own.
    """
    parameters = parameters_of(function)
    shown = [parameter for parameter in parameters or () if parameter != "self"]
    name = name or function.__name__

    @functools.wraps(function)
    def call(*args, **options):
        for keyword in tuple(options) if options else ():
            meant = aliases.get(keyword, keyword)
            if meant != keyword:
                if meant in options:
                    raise TypeError(f"{name}: the arguments {meant} and {keyword} are the same.")
                options[meant] = options.pop(keyword)
            elif parameters is not None and keyword not in parameters:
                raise TypeError(unknown_keyword(name, keyword, shown))
        return function(*args, **options)

    return call


# ---- notes ---------------------------------------------------------------------------------------------------------


def add_note(error, text):
    """Add a note to an exception that does not have it: an exception may be raised again by whoever kept it."""
    if text not in getattr(error, "__notes__", ()):
        error.add_note(text)


# ---- warnings ------------------------------------------------------------------------------------------------------


class AmbiguityWarning(UserWarning):
    """A call means something else here than many who write it mean, and gives a number in either case.

    Such as the loss of shapes (n, 1) and (n,), which pairs each sample with all others; the derivative of several
    outputs, which is that of their sum; ``nn.Dropout(0.1)``, which keeps a tenth. The text says how to write it so that
    it can be read in one way only, and each line warns once.

    Examples
    --------
    >>> import warnings
    >>> import adcore
    >>> from adcore import nn
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     layer = nn.Dropout(0.1)
    >>> caught[0].category.__name__
    'AmbiguityWarning'
    """


AmbiguityWarning.__module__ = "adcore"


def warn(text):
    """Warn of an ambiguity at the line of the user: the innermost one outside of the package."""
    level, frame = 2, sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "adcore":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, AmbiguityWarning, stacklevel=level)


def warn_of_sum(name, outputs):
    """Warn that a function with several outputs is differentiated (``src/cpp/python/gradient.cpp``)."""
    warn(
        f"{name}: the function returns {outputs} Tensors that depend on what is differentiated, and the derivative is "
        "that of the sum of all. Write has_aux=True to differentiate the first alone, return the sum if it is meant, "
        "or give their cotangents with sens_param=True."
    )
