"""What the transforms ask of their arguments: containers of tensors, checked leaf by leaf."""

from adcore import _core, _ops
from adcore._core import Tensor, are_alike, derivative_dtype, stands_for_tensor, tree_fill, tree_leaves


def as_tensor(leaf):
    """Return a leaf as a tensor."""
    return leaf if isinstance(leaf, Tensor) else Tensor(leaf)


def as_outputs(result):
    """Return a function's result with Tensors for its numbers and arrays: they are constants."""
    if isinstance(result, Tensor):
        return result
    return _core.tree_map(
        lambda leaf: Tensor(leaf) if isinstance(leaf, (int, float)) or _core.is_array(leaf) else leaf, result
    )


def zero_derivative(tensor):
    """Return the cotangent or tangent zero of a tensor."""
    return _ops.zeros_like(tensor, dtype=derivative_dtype(tensor))


class Arguments:
    """The differentiated arguments of one call: the leaves in order, and how to put others in their place."""

    def __init__(self, name, arguments, labels):
        self.name = name
        self.arguments = arguments
        self.labels = labels
        self.leaves = []
        self._counts = []
        for argument, label in zip(arguments, labels):
            if isinstance(argument, Tensor):
                self.leaves.append(argument)
                self._counts.append(1)
                continue
            leaves = tree_leaves(argument)
            for leaf in leaves:
                if not stands_for_tensor(leaf) and not (leaf is None and argument is not None):
                    raise TypeError(
                        f"{name}: {label} is to be differentiated, but {leaf!r} ({type(leaf).__name__}) has no "
                        "derivative; pass a float, a Tensor, a NumPy array, or a container of these."
                    )
            arrays = [as_tensor(leaf) for leaf in leaves if leaf is not None]
            self.leaves.extend(arrays)
            self._counts.append(len(arrays))

    def filled(self, leaves):
        """Return the arguments with other leaves in the place of their own."""
        filled, start = [], 0
        for argument, count in zip(self.arguments, self._counts):
            if isinstance(argument, Tensor):
                filled.append(leaves[start])
            else:
                own = iter(leaves[start : start + count])
                filled.append(
                    tree_fill(argument, [None if leaf is None else next(own) for leaf in tree_leaves(argument)])
                )
            start += count
        return filled

    def matching(self, trees, what):
        """Return the leaves of `trees`, which must look like the arguments; `what` names them in errors."""
        if len(trees) != len(self.arguments):
            raise ValueError(
                f"{self.name}: {what} has invalid length: there are {len(self.arguments)} arguments, but "
                f"{len(trees)} were given."
            )
        matched = []
        for argument, tree, label in zip(self.arguments, trees, self.labels):
            matched.extend(match(self.name, f"{what} of {label}", argument, tree))
        return matched


def describe(tree):
    """Return the structure of a container for an error message."""
    if isinstance(tree, Tensor):
        return f"a Tensor of shape {tuple(tree.shape)} and dtype {tree.dtype}"
    if isinstance(tree, (tuple, list, dict)):
        return f"a {type(tree).__name__} of {len(tree)}"
    return type(tree).__name__


def same_structure(a, b):
    """Tell whether two containers differ in their leaves only."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return not isinstance(a, (tuple, list, dict)) and not isinstance(b, (tuple, list, dict))
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(same_structure, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        values = _values_by(a, b)
        return values is not None and all(map(same_structure, a.values(), values))
    return not isinstance(a, (tuple, list, dict)) and not isinstance(b, (tuple, list, dict))


def _values_by(like, tree):
    """Return the values of a dict in the order of another one's keys; None where the keys are others.

    Of Tensors, each of which is a key of its own, those at the same place that hold the same are one key.
    """
    if like.keys() == tree.keys():
        return [tree[key] for key in like]
    return list(tree.values()) if len(like) == len(tree) and all(map(_same_key, like, tree)) else None


def _same_key(a, b):
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and a.tolist() == b.tolist()
    return not isinstance(a, Tensor) and not isinstance(b, Tensor) and a == b


def leaves_as_in(like, tree):
    """Return the leaves of a container of the same structure as another, in the order of that one's.

    That is not the order of `tree_leaves` where their dicts were filled in different ones.
    """
    if isinstance(like, dict):
        pairs = zip(like.values(), _values_by(like, tree))
    elif isinstance(like, (tuple, list)):
        pairs = zip(like, tree)
    else:
        fields, given = children(like), children(tree)  # of dataclasses
        if not fields or not given or fields.keys() != given.keys():
            return tree_leaves(tree)
        pairs = ((value, given[name]) for name, value in fields.items())
    return [leaf for own, given in pairs for leaf in leaves_as_in(own, given)]


def match(name, what, like, tree):
    """Return the tensors of `tree`, one for every array of `like`, of its shape and the dtype of its derivative."""
    if are_alike(like, tree):
        return [tree]
    if not same_structure(like, tree):
        raise ValueError(f"{name}: {what} must look like it, {describe(like)}, got {describe(tree)}.")
    wanted = [leaf for leaf in tree_leaves(like) if stands_for_tensor(leaf)]
    given = [leaf for own, leaf in zip(tree_leaves(like), leaves_as_in(like, tree)) if stands_for_tensor(own)]
    if len(wanted) != len(given):
        raise ValueError(f"{name}: {what} must have {len(wanted)} tensors, got {len(given)}.")
    matched = []
    for own, leaf in zip(wanted, given):
        if not stands_for_tensor(leaf):
            raise TypeError(f"{name}: {what} must be a Tensor, got {leaf!r} ({type(leaf).__name__}).")
        own, leaf = as_tensor(own), as_tensor(leaf)
        if own.shape != leaf.shape:
            raise ValueError(
                f"{name}: {what} must have its shape {tuple(own.shape)}, got a Tensor of shape {tuple(leaf.shape)}."
            )
        dtype = derivative_dtype(own)
        if own.dtype is dtype and leaf.dtype is not dtype:
            raise TypeError(f"{name}: {what} must have its dtype {own.dtype}, got {leaf.dtype}.")
        matched.append(leaf.astype(dtype))
    return matched


def tensors_of(tree):
    """Return the tensors of a container."""
    return [tree] if isinstance(tree, Tensor) else [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def map_tensors(function, tree):
    """Return a container with `function` applied to its tensors."""
    if isinstance(tree, Tensor):
        return function(tree)
    return _core.tree_map(lambda leaf: function(leaf) if isinstance(leaf, Tensor) else leaf, tree)


def with_tensors(tree, tensors):
    """Return a container with others in the place of its tensors, in their order."""
    new = iter(tensors)
    return map_tensors(lambda _: next(new), tree)


def children(tree):
    """Return the parts of a container by their names, as an error names them; None for a leaf."""
    if isinstance(tree, tuple):
        fields = getattr(tree, "_fields", None)
        return {f".{f}": v for f, v in zip(fields, tree)} if fields else {f"[{i}]": v for i, v in enumerate(tree)}
    if isinstance(tree, list):
        return {f"[{i}]": v for i, v in enumerate(tree)}
    if isinstance(tree, dict):
        return {f"[{key!r}]": v for key, v in tree.items()}
    if isinstance(tree, Tensor) or isinstance(tree, type) or callable(tree):
        return None
    fields = getattr(type(tree), "__dataclass_fields__", None)
    return {f".{f}": getattr(tree, f) for f in fields} if isinstance(fields, dict) else None


def leaf_names(tree, name):
    """Return what errors call the leaves of a container, in the order of `tree_leaves`."""
    parts = children(tree)
    if parts is None:
        return [name]
    return [leaf for key, part in parts.items() for leaf in leaf_names(part, name + key)]
