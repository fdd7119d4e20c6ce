"""SciPy's optimizers for functions of containers of tensors: minimize, least_squares, root.

Data: `_Unknowns` takes the numbers of a container apart into the one float64 vector that SciPy knows, and puts another
vector's numbers into a container like it; Parameters keep their place, and are given the numbers. `_Function` is a
function of the vector with what adcore differentiates of it: a gradient, products with the Hessian, a Jacobian.
Start reading at `minimize`.
"""

import math

from adcore import _ops
from adcore._advice import known_words
from adcore._core import Parameter, Tensor, float64, is_differentiated, stands_for_tensor, tree_fill, tree_leaves
from adcore.transforms.batching import vmap
from adcore.transforms.gradient import grad, value_and_grad
from adcore.transforms.jacobian import jacfwd
from adcore.transforms.options import check_callable
from adcore.transforms.products import vjp
from adcore.transforms.trees import as_outputs, as_tensor, children, describe, leaf_names, tensors_of

__all__ = ["least_squares", "minimize", "root"]

# What the methods of scipy.optimize.minimize want to know beside the value.
_METHODS = {
    **dict.fromkeys(("nelder-mead", "powell", "cobyla", "cobyqa"), "value"),
    **dict.fromkeys(("cg", "bfgs", "l-bfgs-b", "tnc", "slsqp"), "gradient"),
    **dict.fromkeys(("newton-cg", "trust-ncg", "trust-krylov", "trust-constr"), "products"),
    **dict.fromkeys(("dogleg", "trust-exact"), "hessian"),
}
# Those of scipy.optimize.root, and whether they take a Jacobian.
_ROOT_METHODS = {
    **dict.fromkeys(("hybr", "lm"), True),
    **dict.fromkeys(("broyden1", "broyden2", "anderson", "linearmixing", "diagbroyden", "excitingmixing"), False),
    **dict.fromkeys(("krylov", "df-sane"), False),
}


def _optimize(name):
    try:
        import scipy.optimize
    except ImportError as error:
        raise ImportError(f"{name}: it needs SciPy. Install it: pip install adcore[scipy]", name="scipy") from error
    return scipy.optimize


# ---- containers and vectors ---------------------------------------------------------------------------------------


class _Unknowns:
    """The numbers of a container.

    Data: the container; its leaves; for each that holds numbers its index, its name, where its numbers stand in the
    vector, its shape and the dtype that a result has.
    """

    def __init__(self, name, tree):
        import numpy as np

        self.name, self.tree = name, tree
        self.leaves = tree_leaves(tree)
        self.labels, self.indices, self.spans, self.shapes, self.dtypes = [], [], [], [], []
        parts, count = [], 0
        for i, (leaf, label) in enumerate(zip(self.leaves, leaf_names(tree, "x0"))):
            if leaf is None and tree is not None:
                continue
            value = _floats(name, label, leaf)
            parts.append(value.astype(float64).asnumpy().reshape(-1))
            self.labels.append(label)
            self.indices.append(i)
            self.spans.append(slice(count, count + value.size))
            self.shapes.append(value.shape)
            self.dtypes.append(float64 if isinstance(leaf, float) else value.dtype)
            count += value.size
        if not count:
            raise ValueError(f"{name}: there are no numbers in x0, {describe(tree)}.")
        self.start, self.size = np.concatenate(parts), count
        self.parameters = [leaf for leaf in self.leaves if isinstance(leaf, Parameter)]
        if len({id(p) for p in self.parameters}) < len(self.parameters):
            raise ValueError(f"{name}: a Parameter stands in x0 twice.")

    def _is_parameter(self, k):
        return isinstance(self.leaves[self.indices[k]], Parameter)

    def set(self, vector):
        """Give the Parameters the numbers of a vector; return what holds the others, float64 Tensors."""
        free = []
        for k, piece in enumerate(self.pieces(vector)):
            if self._is_parameter(k):
                self.leaves[self.indices[k]].set_data(piece.astype(self.dtypes[k]))
            else:
                free.append(piece)
        return free

    def pieces(self, vector):
        """Return the numbers of a vector as a float64 Tensor for each leaf."""
        return [Tensor(vector[span].reshape(shape), float64) for span, shape in zip(self.spans, self.shapes)]

    def like(self, vector):
        """Return a container with the numbers of a vector, which no Parameter is given."""
        return self._filled(piece.astype(dtype) for piece, dtype in zip(self.pieces(vector), self.dtypes))

    def whole(self, free):
        """Return the container with Tensors in the place of those that are no Parameters."""
        free = iter(free)
        return self._filled(self.leaves[i] if self._is_parameter(k) else next(free) for k, i in enumerate(self.indices))

    def _filled(self, tensors):
        leaves = list(self.leaves)
        for i, tensor in zip(self.indices, tensors):
            leaves[i] = tensor
        return tree_fill(self.tree, leaves)

    def result(self, vector):
        """Return the container that holds the numbers of a vector: the Parameters, and Tensors of the leaves' dtype."""
        of_free = [dtype for k, dtype in enumerate(self.dtypes) if not self._is_parameter(k)]
        return self.whole([t.astype(dtype) for t, dtype in zip(self.set(vector), of_free)])

    def joined(self, free, of_parameters):
        """Return one list, in the order of the leaves, of one for those that are no Parameters and one for those."""
        free, of_parameters = iter(free), iter(of_parameters)
        return [next(of_parameters if self._is_parameter(k) else free) for k in range(len(self.indices))]

    def kept(self):
        """Return a context that puts the numbers of the Parameters back where an error leaves it."""
        return _Kept(self.parameters)

    def bounds(self, bounds, of_elements):
        """Return bounds, as the caller gave them, as SciPy's object. See `_pairs`."""
        import numpy as np

        from_scipy = _optimize(self.name).Bounds
        if bounds is None:
            return None
        if isinstance(bounds, from_scipy):
            _check_ends(self.name, "x0", bounds.lb, bounds.ub)
            return bounds
        low, high, keep = np.full(self.size, -np.inf), np.full(self.size, np.inf), np.zeros(self.size, bool)
        pairs = iter([p for p, leaf in zip(_pairs(self, self.tree, bounds, "x0"), self.leaves) if leaf is not None])
        alone = children(self.tree) is None and len(self.shapes[0]) == 1  # the x0 that SciPy has
        for span, shape, label, pair in zip(self.spans, self.shapes, self.labels, pairs):
            if pair is None:
                continue
            if isinstance(pair, from_scipy):
                keep[span] = np.broadcast_to(pair.keep_feasible, shape).reshape(-1)
                pair, by_element = (pair.lb, pair.ub), False
            else:
                by_element = of_elements
            low[span], high[span] = _ends(self.name, label, pair, shape, by_element, alone)
        return from_scipy(low, high, keep)


class _Kept:
    def __init__(self, parameters):
        self._values = [(p, p.value().copy()) for p in parameters]

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            for parameter, value in self._values:
                parameter.set_data(value)
        return False


def _floats(name, label, leaf):
    """Return a leaf of the unknowns as a Tensor of a float dtype."""
    if stands_for_tensor(leaf):
        value = Tensor(leaf, float64) if isinstance(leaf, float) else as_tensor(leaf)
        if value.dtype.is_floating_point:
            return value
        what, hint = f"{value.dtype} of shape {tuple(value.shape)}", "steps between integers do not exist; cast it"
    else:
        what, hint = f"{leaf!r} ({type(leaf).__name__})", "give a float, a Tensor, an array or a container of these"
    raise TypeError(f"{name}: {label} must be of a float dtype, got {what}; {hint}.")


def _pairs(unknowns, tree, bounds, label):
    """Return what `bounds` says of each leaf of `tree`: the same structure, or None for a part without bounds."""
    parts = children(tree)
    if parts is None:
        return [bounds]
    if bounds is None:
        return [None] * len(tree_leaves(tree))
    is_rows = isinstance(tree, (tuple, list)) and stands_for_tensor(bounds) and getattr(bounds, "ndim", 0)
    of_parts = children(list(bounds) if is_rows else bounds)
    if of_parts is None or of_parts.keys() != parts.keys():
        raise ValueError(
            f"{unknowns.name}: bounds of {label} must look like it, {describe(tree)}, with a pair (low, high) or None "
            f"for each Tensor, got {describe(bounds)}."
        )
    return [pair for key, part in parts.items() for pair in _pairs(unknowns, part, of_parts[key], label + key)]


def _ends(name, label, bounds, shape, by_element, alone):
    """Return the lower and the upper bounds of one leaf, two vectors.

    `bounds` is a pair (low, high) or, where `by_element` allows it, a sequence of pairs, one for each element. Both can
    be read where there are two elements: then SciPy decides, if the leaf is `alone` as its x0 is, else nobody.
    """
    size = math.prod(shape)
    plain = _without_tensors(bounds)
    of_whole = _read(_as_pair, plain, shape)
    of_elements = _read(_as_pairs, plain, size) if by_element else None
    forms = "a pair (low, high) of numbers, None or arrays of its shape"
    if by_element:
        forms += f", {size} such pairs of numbers, one for each element"
    forms += ", or scipy.optimize.Bounds(low, high)"
    if of_whole is None and of_elements is None:
        raise ValueError(f"{name}: bounds of {label}, of shape {tuple(shape)}, must be {forms}, got {bounds!r}.")
    if of_whole is not None and of_elements is not None and not alone and (of_whole != of_elements).any():
        raise ValueError(
            f"{name}: bounds of {label}, of shape {tuple(shape)}, can be read as a lower and an upper bound of two "
            f"elements, and as a pair for each, got {bounds!r}; write scipy.optimize.Bounds(low, high)."
        )
    low, high = of_whole if of_elements is None else of_elements
    _check_ends(name, label, low, high)
    return low, high


def _check_ends(name, label, low, high):
    import numpy as np

    if np.isnan(low).any() or np.isnan(high).any():
        raise ValueError(f"{name}: a bound of {label} is nan, got low {low} and high {high}; None is no bound.")


def _without_tensors(bounds):
    if isinstance(bounds, Tensor):
        return bounds.asnumpy()
    return [_without_tensors(part) for part in bounds] if isinstance(bounds, (tuple, list)) else bounds


def _read(how, bounds, size):
    """Return what a reading gives, lower and upper bounds as two rows; None where `bounds` cannot be read so."""
    import numpy as np

    try:
        return np.array(how(bounds, size))
    except (TypeError, ValueError):
        return None


def _as_pair(bounds, shape):
    import numpy as np

    low, high = bounds
    ends = [np.asarray(-np.inf if low is None else low), np.asarray(np.inf if high is None else high)]
    if any(end.dtype.kind not in "biuf" for end in ends):
        raise TypeError  # None among numbers, which NumPy would make nan
    return [np.broadcast_to(end, shape).reshape(-1).astype(np.float64) for end in ends]


def _as_pairs(bounds, size):
    import numpy as np

    lows, highs = zip(*(_as_pair(pair, ()) for pair in bounds), strict=True)
    if len(lows) != size:
        raise ValueError
    return np.concatenate(lows), np.concatenate(highs)


# ---- functions of the vector --------------------------------------------------------------------------------------


class _Function:
    """A function of the vector, and its derivatives. `fn` takes the container and `args`."""

    def __init__(self, fn, unknowns, args, what="fn"):
        self.unknowns = unknowns
        self._fn, self._args, self._what = fn, args, what
        count = len(unknowns.indices) - len(unknowns.parameters)
        self._positions = tuple(range(count)) or None
        self._weights = unknowns.parameters or None
        self._at, self._pull, self._dtypes = None, None, None  # where products with the Hessian were asked for last
        self._has_path = False  # whether a derivative was there once: a barrier is a constant, and may come later

    def _called(self, free):
        return self._fn(self.unknowns.whole(free), *self._args)

    # ---- one number ----

    def _number(self, *free):
        out = self._called(free)
        if not isinstance(out, Tensor):
            raise TypeError(
                f"{self.unknowns.name}: fn must return a Tensor, from which derivatives come, got {describe(out)}."
            )
        self._check_path(out)
        return self._checked(out)

    def _check_path(self, out):
        """Raise where no derivative passes what the function returned at the start: all gradients would be 0."""
        if not self._has_path and not is_differentiated([out]):
            raise ValueError(
                f"{self.unknowns.name}: what {self._what} returned has no derivative by x0: asnumpy(), item(), "
                "stop_gradient and integer dtypes end it. Use functions of adcore.ops"
                + (", or a method that needs none, such as 'Nelder-Mead'." if self.unknowns.name == "minimize" else ".")
            )
        self._has_path = True

    def _checked(self, out):
        if out.size != 1:
            raise ValueError(
                f"{self.unknowns.name}: fn must return one number, got {describe(out)}; take its sum or mean."
            )
        return out

    def value(self, vector):
        """Return fn's number."""
        out = self._called(self.unknowns.set(vector))
        return float(out if isinstance(out, (int, float)) else self._checked(as_tensor(out)).reshape(()))

    def value_and_gradient(self, vector):
        """Return fn's number and its gradient, a vector."""
        value, gradients = value_and_grad(self._number, self._positions, self._weights)(*self.unknowns.set(vector))
        return float(value.reshape(())), self._vector(self._listed(gradients))

    def _listed(self, gradients):
        """Return a list of derivatives, one for each leaf, of the structure that `grad` gives."""
        by_position, by_weight = (), ()
        if self._positions is None:
            by_weight = gradients
        elif self._weights is None:
            by_position = gradients
        else:
            by_position, by_weight = gradients
        one = self._positions is not None and len(self._positions) == 1
        return self.unknowns.joined((by_position,) if one else by_position, by_weight)

    def _vector(self, tensors):
        import numpy as np

        return np.concatenate([t.astype(float64).asnumpy().reshape(-1) for t in tensors])

    def _rows(self, tensors, count):
        import numpy as np

        return np.hstack([t.astype(float64).asnumpy().reshape(count, -1) for t in tensors])

    def _record_gradient(self, vector):
        import numpy as np

        if self._at is not None and np.array_equal(self._at, vector):
            return
        gradient = grad(self._number, self._positions, self._weights)
        free = self.unknowns.set(vector)
        out, self._pull = vjp(lambda *free: self._listed(gradient(*free)), *free, weights=self.unknowns.parameters)
        self._dtypes = [t.dtype for t in out]
        self._at = vector.copy()

    def _pulled(self, *pieces):
        """Return the Hessian times a vector, in pieces: the Hessian is its own transpose."""
        pieces = [piece.astype(dtype) for piece, dtype in zip(pieces, self._dtypes)]
        return self.unknowns.joined(*self._pull(pieces))

    def product(self, vector, direction):
        """Return the Hessian of fn times a vector."""
        self._record_gradient(vector)
        return self._vector(self._pulled(*self.unknowns.pieces(direction)))

    def hessian(self, vector):
        """Return the Hessian of fn, a matrix."""
        self._record_gradient(vector)
        return self._rows(vmap(self._pulled)(*self._units()), self.unknowns.size)

    def _units(self):
        """Return the unit vectors in pieces, along axis 0."""
        rows = _ops.eye(self.unknowns.size, dtype=float64)
        spans, shapes = self.unknowns.spans, self.unknowns.shapes
        return [rows[:, span].reshape((self.unknowns.size, *shape)) for span, shape in zip(spans, shapes)]

    # ---- several numbers ----

    def _flat(self, *free):
        out = as_outputs(self._called(free))
        tensors = tensors_of(out)
        if not tensors:
            raise TypeError(f"{self.unknowns.name}: {self._what} must return Tensors, or numbers, got {describe(out)}.")
        return _ops.concat([t.astype(float64).reshape((-1,)) for t in tensors])

    def _flat_with_path(self, *free):
        out = self._flat(*free)
        self._check_path(out)
        return out

    def values(self, vector):
        """Return all numbers of fn, a vector."""
        return self._flat(*self.unknowns.set(vector)).asnumpy().copy()

    def jacobian(self, vector):
        """Return the Jacobian of fn, a matrix."""
        free = self.unknowns.set(vector)
        if not self.unknowns.parameters:
            blocks = jacfwd(self._flat_with_path, self._positions)(*free)
            blocks = (blocks,) if len(free) == 1 else blocks
            return self._rows(blocks, blocks[0].shape[0])
        # Forward mode follows what is passed, not what is read.
        out, pull = vjp(self._flat_with_path, *free, weights=self.unknowns.parameters)
        rows = vmap(lambda v: self.unknowns.joined(*pull(v)))(_ops.eye(out.size, dtype=float64))
        return self._rows(rows, out.size)


def _constraint(constraint, unknowns, args):
    """Return a constraint for SciPy: one without a Jacobian of its own is a function of the container."""
    if isinstance(constraint, dict):
        if constraint.get("jac") is not None:
            return constraint
        function = _Function(constraint.get("fun"), unknowns, tuple(constraint.get("args", ())), "a constraint")
        check_callable(f"{unknowns.name}: a constraint", constraint.get("fun"))
        return {**constraint, "fun": function.values, "jac": function.jacobian, "args": ()}
    if isinstance(constraint, _optimize(unknowns.name).NonlinearConstraint) and not callable(constraint.jac):
        function = _Function(constraint.fun, unknowns, (), "a constraint")
        return type(constraint)(
            function.values,
            constraint.lb,
            constraint.ub,
            jac=function.jacobian,
            hess=constraint.hess,
            keep_feasible=constraint.keep_feasible,
        )
    return constraint


def _for_scipy(callback, unknowns):
    """Return a callback that SciPy calls with vectors, and which calls the caller's with containers."""
    if callback is None:
        return None
    import inspect

    check_callable(f"{unknowns.name}: the callback", callback)
    try:
        names = list(inspect.signature(callback).parameters)
    except (TypeError, ValueError):  # a builtin without a signature
        names = []
    if names == ["intermediate_result"]:

        def with_result(intermediate_result):
            result = type(intermediate_result)(intermediate_result)
            result.x = unknowns.like(result.x)
            return callback(intermediate_result=result)

        return with_result
    return lambda vector, *state: callback(unknowns.like(vector), *state)


def _with_containers(result, unknowns, gradient):
    """Return SciPy's result, with containers in the place of the vectors of unknowns; `gradient` names one."""
    import numpy as np

    vector = result.get(gradient)
    if isinstance(vector, np.ndarray) and vector.shape == (unknowns.size,):
        result[gradient] = unknowns.like(vector)
    result.x = unknowns.result(result.x)
    return result


# ---- what users call ----------------------------------------------------------------------------------------------


def _named(name, methods, method):
    known = method.lower() if isinstance(method, str) else None
    if known not in methods:
        raise ValueError(f"{name}: there is no method {method!r}. Known are {', '.join(methods)}.")
    return known


@known_words
def minimize(fn, x0, args=(), method=None, *, bounds=None, constraints=(), tol=None, callback=None, options=None):
    """Minimize a function of a container of tensors by a method of ``scipy.optimize.minimize``.

    The numbers of the container are SciPy's float64 vector. Gradients are adcore's, in reverse mode; so are, where a
    method wants them, products with the Hessian and the Hessian itself.

    Parameters
    ----------
    fn : callable
        Takes a container like `x0` and `args`, returns a Tensor of one number. Where it stands for several calls,
        ``adcore.jit(fn)`` is faster.
    x0 : Tensor, float, array, Parameter, or tuple, list or dict of these
        Where to start; containers may be nested. `fn` gets Tensors of float64 in their places. Parameters are passed as
        they are, and hold the numbers, rounded to their dtype, while `fn` runs: it may read them through a network.
    args : tuple, default ()
        Further arguments of `fn`, which are constants.
    method : str or callable, optional
        A name that SciPy knows, in any case: 'Nelder-Mead', 'Powell', 'COBYLA', 'COBYQA' (no derivative), 'CG', 'BFGS',
        'L-BFGS-B', 'TNC', 'SLSQP' (gradient), 'Newton-CG', 'trust-ncg', 'trust-krylov', 'trust-constr' (products with
        the Hessian), 'dogleg', 'trust-exact' (Hessian). By default SciPy chooses BFGS, L-BFGS-B or SLSQP.
    bounds : container like `x0`, or scipy.optimize.Bounds, optional
        In the place of each Tensor a pair (low, high) of numbers, None or arrays of its shape, a scipy.optimize.Bounds
        of these, or None; or a pair of numbers for each of its elements, in a list, a tuple or an array of shape
        (n, 2), as SciPy has it. Two arrays of two elements could be either: they are a pair for each element where `x0`
        is one vector, as in SciPy, and an error within a container.
    constraints : dict, scipy.optimize.LinearConstraint or NonlinearConstraint, or list of these
        SciPy's. The function of one without a Jacobian of its own takes what `fn` takes, and adcore differentiates it.
        All else, a LinearConstraint too, is passed through and knows the vector: the leaves in their order.
    tol, options
        Passed through.
    callback : callable, optional
        SciPy's: ``callback(x)``, or with a parameter named `intermediate_result`; `x` is a container of Tensors.

    Returns
    -------
    scipy.optimize.OptimizeResult
        `x` is a container like `x0`, with Tensors of the dtypes that the leaves have (float64 for a float), and `jac`,
        the gradient, one more. Parameters stand in `x` themselves, and hold what was found.

    Raises
    ------
    ImportError
        Without SciPy.
    TypeError
        For leaves of integer dtypes, and a `fn` that returns no Tensor.
    ValueError
        For a `fn` of several numbers or without a derivative, an unknown method, bounds that do not look like `x0`, can
        be read in two ways or are nan. The exceptions of `fn` pass through. Parameters then have the values that they
        had before.

    Examples
    --------
    >>> import adcore.scipy
    >>> from adcore import Tensor
    >>> def rosenbrock(p):
    ...     return (1 - p["x"]) ** 2 + 100 * (p["y"] - p["x"] ** 2) ** 2
    >>> start = {"x": Tensor(-1.0), "y": Tensor(2.0)}
    >>> found = adcore.scipy.minimize(rosenbrock, start, method="trust-ncg")
    >>> {name: round(float(value), 4) for name, value in found.x.items()}
    {'x': 1.0, 'y': 1.0}
    >>> bound = adcore.scipy.minimize(rosenbrock, start, bounds={"x": (None, 0.5), "y": None})
    >>> float(bound.x["x"]), round(float(bound.x["y"]), 4)
    (0.5, 0.25)
    """
    optimize = _optimize("minimize")
    check_callable("minimize", fn)
    if method is None:
        needs = "gradient"
    else:
        needs = "products" if callable(method) else _METHODS[_named("minimize", _METHODS, method)]
    unknowns = _Unknowns("minimize", x0)
    function = _Function(fn, unknowns, _tuple(args))
    derivatives = {} if needs == "value" else {"jac": True}
    if needs == "products":
        derivatives["hessp"] = function.product
    elif needs == "hessian":
        derivatives["hess"] = function.hessian
    if isinstance(constraints, (tuple, list)):
        constraints = [_constraint(c, unknowns, args) for c in constraints]
    else:
        constraints = _constraint(constraints, unknowns, args)
    with unknowns.kept():
        result = optimize.minimize(
            function.value if needs == "value" else function.value_and_gradient,
            unknowns.start,
            method=method,
            bounds=unknowns.bounds(bounds, of_elements=True),
            constraints=constraints,
            tol=tol,
            callback=_for_scipy(callback, unknowns),
            options=options,
            **derivatives,
        )
        return _with_containers(result, unknowns, "grad" if "grad" in result else "jac")


def least_squares(fn, x0, args=(), *, bounds=None, **options):
    """Minimize a sum of squares by ``scipy.optimize.least_squares``, with Jacobians in forward mode.

    Parameters
    ----------
    fn : callable
        Takes a container like `x0` and `args`, returns the residuals: a Tensor, or a container of Tensors.
    x0, args
        As for :func:`minimize`. With Parameters, Jacobians come from reverse mode.
    bounds : container like `x0`, or scipy.optimize.Bounds, optional
        In the place of each Tensor a pair (low, high) of numbers, None or arrays of its shape, a scipy.optimize.Bounds
        of these, or None.
    **options
        Those of SciPy, passed through: `method`, `loss`, `ftol`, `x_scale`, `max_nfev` ...

    Returns
    -------
    scipy.optimize.OptimizeResult
        `x` and `grad`, the gradient of the cost, are containers like `x0`; `fun`, all residuals, is a vector, and `jac`
        a matrix with a row for each of them.

    Raises
    ------
    ImportError, TypeError, ValueError
        As :func:`minimize`.

    Examples
    --------
    >>> import numpy as np
    >>> import adcore.scipy
    >>> from adcore import Tensor, ops
    >>> t = Tensor(np.linspace(0.0, 2.0, 20))
    >>> y = 3.0 * ops.exp(-1.5 * t)
    >>> fit = adcore.scipy.least_squares(lambda p: p["size"] * ops.exp(-p["rate"] * t) - y, {"size": 1.0, "rate": 1.0})
    >>> {name: round(float(value), 6) for name, value in fit.x.items()}
    {'size': 3.0, 'rate': 1.5}
    """
    optimize = _optimize("least_squares")
    check_callable("least_squares", fn)
    if "jac" in options:
        raise TypeError("least_squares: adcore makes the Jacobian, there is no option 'jac'.")
    unknowns = _Unknowns("least_squares", x0)
    function = _Function(fn, unknowns, _tuple(args))
    if bounds is not None:
        options["bounds"] = unknowns.bounds(bounds, of_elements=False)
    if "callback" in options:
        options["callback"] = _for_scipy(options["callback"], unknowns)
    with unknowns.kept():
        result = optimize.least_squares(function.values, unknowns.start, jac=function.jacobian, **options)
        return _with_containers(result, unknowns, "grad")


@known_words
def root(fn, x0, args=(), method="hybr", *, tol=None, callback=None, options=None):
    """Find where a function is zero by ``scipy.optimize.root``, with Jacobians in forward mode.

    Parameters
    ----------
    fn : callable
        Takes a container like `x0` and `args`, returns as many numbers as it has: a Tensor, or a container of Tensors.
    x0, args
        As for :func:`least_squares`.
    method : str, default 'hybr'
        'hybr' and 'lm' use the Jacobian; 'broyden1', 'broyden2', 'anderson', 'linearmixing', 'diagbroyden',
        'excitingmixing', 'krylov' and 'df-sane' do without.
    tol, options
        Passed through.
    callback : callable, optional
        SciPy's, for methods without a Jacobian: ``callback(x, f)``, where `x` is a container.

    Returns
    -------
    scipy.optimize.OptimizeResult
        `x` is a container like `x0`, `fun` a vector.

    Raises
    ------
    ImportError, TypeError, ValueError
        As :func:`minimize`.

    Examples
    --------
    >>> import adcore.scipy
    >>> from adcore import ops
    >>> found = adcore.scipy.root(lambda x: ops.cos(x) - x, 1.0)
    >>> round(float(found.x), 6)
    0.739085
    """
    optimize = _optimize("root")
    check_callable("root", fn)
    known = _named("root", _ROOT_METHODS, method)
    unknowns = _Unknowns("root", x0)
    function = _Function(fn, unknowns, _tuple(args))
    with unknowns.kept():
        result = optimize.root(
            function.values,
            unknowns.start,
            method=known,
            jac=function.jacobian if _ROOT_METHODS[known] else None,
            tol=tol,
            callback=_for_scipy(callback, unknowns),
            options=options,
        )
        return _with_containers(result, unknowns, None)


def _tuple(args):
    return args if isinstance(args, tuple) else (args,)
