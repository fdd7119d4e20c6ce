"""Distances of vectors and losses of them, written with other ops; derivatives, at every order, follow from those."""

from __future__ import annotations

from collections.abc import Callable

from adcore._core import Tensor
from adcore._ops import native
from adcore._ops.declare import Reduction, broadcast_shape, op, require_tensor
from adcore._ops.loss_parts import floats, number, reduced, same_shape
from adcore._ops.math import norm
from adcore._ops.precision import rounded

PAGE = "Losses"


@op(
    samples=(
        "cosine_similarity(x(3, 4), x(3, 4))",
        "cosine_similarity(x(3, 4), x(4), -1)",
        "cosine_similarity(x(2, 3, 4), x(2, 3, 4), 0, 3.0)",
    ),
)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Cosine of the angle between vectors: the product of ``x / max(norm(x), eps)`` of both.

    Parameters
    ----------
    x1, x2 : Tensor
        Shapes broadcast.
    dim : int, default 1
        The axis along which a vector stands.
    eps : float, default 1e-8
        Greater than 0; shorter vectors are divided by it. So a zero vector gives 0, with the derivative of that
        quotient.

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors of floats, shapes that do not fit, or an axis that is not there.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cosine_similarity(Tensor([[1.0, 0.0]]), Tensor([[3.0, 4.0]])))
    [0.6]
    """
    operands = floats("cosine_similarity", x1=x1, x2=x2)
    number("cosine_similarity", "eps", eps, 0, above=True)
    shape = broadcast_shape("cosine_similarity", x1.shape, x2.shape)
    a, b = (t if t.shape == shape else native.broadcast_to(t, shape) for t in operands)
    product = native.mul(*(native.div(t, native.maximum(native._norm2(t, dim, True), eps)) for t in (a, b)))
    return rounded(native.sum(product, dim), x1, x2)


@op(
    samples=(
        "pairwise_distance(x(3, 4), x(3, 4))",
        "pairwise_distance(x(3, 4), x(4), 1, keepdim=True)",
        "pairwise_distance(x(3, 4), x(3, 4), 3)",
    ),
)
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """p-norm of ``x1 - x2 + eps`` along the last axis.

    Parameters
    ----------
    x1, x2 : Tensor
        Shapes broadcast.
    p : float, default 2.0
        Infinity is the largest difference, minus infinity the smallest.
    eps : float, default 1e-6
        With 0, the derivative at equal points is 0.
    keepdim : bool, default False

    Raises
    ------
    TypeError, ValueError
        For operands that are no Tensors of floats, or shapes that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.pairwise_distance(Tensor([[3.0, 4.0]]), Tensor([[0.0, 0.0]]), eps=0.0))
    [5.]
    """
    a, b = floats("pairwise_distance", x1=x1, x2=x2)
    number("pairwise_distance", "p", p)
    number("pairwise_distance", "eps", eps)
    difference = native.sub(a, b)
    if difference.ndim == 0:
        raise ValueError("pairwise_distance: x1 and x2 need an axis of coordinates.")
    return rounded(norm(native.add(difference, eps) if eps else difference, p, -1, keepdim), x1, x2)


@op(
    samples=(
        "cosine_embedding_loss(x(3, 4), x(3, 4), i(3, n=2) * 2 - 1)",
        "cosine_embedding_loss(x(3, 4), x(3, 4), i(3) - 1, -0.9, 'none')",
    ),
    cell="CosineEmbeddingLoss",
)
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    """``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1; cos as :func:`cosine_similarity`.

    Parameters
    ----------
    input1, input2 : Tensor
        Vectors, of one shape: (n, coordinates, ...), or (coordinates,).
    target : Tensor
        1 or -1, of that shape without the axis of coordinates. Another target gives 0.
    margin : float, default 0.0
        In [-1, 1].
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.cosine_embedding_loss(Tensor([[1.0, 0.0]]), Tensor([[0.0, 2.0]]), Tensor([1])))
    1.0
    """
    a, b = floats("cosine_embedding_loss", input1=input1, input2=input2)
    require_tensor("cosine_embedding_loss", "target", target)
    number("cosine_embedding_loss", "margin", margin, -1, 1)
    same_shape("cosine_embedding_loss", input1=input1, input2=input2)
    if input1.ndim == 0:
        raise ValueError("cosine_embedding_loss: the inputs need an axis of coordinates.")
    axis = min(1, input1.ndim - 1)
    if target.shape != input1.shape[:axis] + input1.shape[axis + 1 :]:
        raise ValueError(f"cosine_embedding_loss: a target of shape {target.shape} does not fit {input1.shape}.")
    cosine = cosine_similarity(a, b, axis)
    apart = native.where(native.equal(target, -1), native.relu(native.sub(cosine, margin)), 0.0)
    loss = native.where(native.equal(target, 1), native.sub(1, cosine), apart)
    return rounded(reduced("cosine_embedding_loss", loss, reduction), input1, input2)


@op(
    samples=(
        "triplet_margin_loss(x(3, 4), x(3, 4), x(3, 4))",
        "triplet_margin_loss(x(3, 4), x(3, 4), x(3, 4), 4.0, 1, 1e-3, True, 'none')",
    ),
)
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """``max(0, margin + d(anchor, positive) - d(anchor, negative))``, where d is :func:`pairwise_distance`.

    Parameters
    ----------
    anchor, positive, negative : Tensor
        Vectors along the last axis; shapes broadcast.
    margin : float, default 1.0
        Greater than 0.
    p : float, default 2
    eps : float, default 1e-6
        As in pairwise_distance.
    swap : bool, default False
        Takes the distance of positive and negative where it is the smaller one (Balntas et al., 2016).
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> print(ops.triplet_margin_loss(Tensor([[0.0]]), Tensor([[3.0]]), Tensor([[2.0]]), eps=0.0))
    2.0
    """
    a, b, c = floats("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    number("triplet_margin_loss", "margin", margin, 0, above=True)
    near, far = pairwise_distance(a, b, p, eps), pairwise_distance(a, c, p, eps)
    if swap:
        far = native.minimum(far, pairwise_distance(b, c, p, eps))
    loss = native.relu(native.add(native.sub(near, far), margin))
    return rounded(reduced("triplet_margin_loss", loss, reduction), anchor, positive, negative)


@op(
    samples=(
        "triplet_margin_with_distance_loss(x(3, 4), x(3, 4), x(3, 4), margin=9.0)",
        "triplet_margin_with_distance_loss("
        "x(3, 4), x(3, 4), x(3, 4), distance_function=cosine_similarity, swap=True, reduction='none')",
    ),
)
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """``max(0, margin + d(anchor, positive) - d(anchor, negative))`` for a distance d of one's own.

    Parameters
    ----------
    anchor, positive, negative : Tensor
    distance_function : callable, optional
        Of two tensors; :func:`pairwise_distance` if none is given.
    margin : float, default 1.0
        Greater than 0.
    swap : bool, default False
        Takes the distance of positive and negative where it is the smaller one.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    TypeError, ValueError
        For operands that do not fit.

    Examples
    --------
    >>> from adcore import Tensor, ops
    >>> square = lambda x, y: ((x - y) ** 2).sum(-1)
    >>> near, far = Tensor([[1.0]]), Tensor([[2.0]])
    >>> print(ops.triplet_margin_with_distance_loss(Tensor([[0.0]]), near, far, distance_function=square, margin=5.0))
    2.0
    """
    name = "triplet_margin_with_distance_loss"
    a, b, c = floats(name, anchor=anchor, positive=positive, negative=negative)
    number(name, "margin", margin, 0, above=True)
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(a, b), distance(a, c)
    if swap:
        far = native.minimum(far, distance(b, c))
    loss = native.relu(native.add(native.sub(near, far), margin))
    return rounded(reduced(name, loss, reduction), anchor, positive, negative)
