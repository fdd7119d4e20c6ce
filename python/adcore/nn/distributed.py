"""Cells that bring the gradients of several processes together."""

from adcore.communication import reduce_gradients
from adcore.communication.parallel import check_parameters

from .cell import Cell


class DistributedGradReducer(Cell):
    """Sums gradients over the processes that train together, or averages them.

    Parameters
    ----------
    parameters : list of Parameter
        Whose gradients a call takes, in this order.
    mean : bool, optional
        Whether to divide the sum; by default as ``set_auto_parallel_context(gradients_mean=...)`` says.
    degree : int, optional
        What by; by default the number of processes.
    fusion_type : int
        Has no meaning here: gradients travel in flat arrays of some megabytes.
    group : str, optional
        By default all processes.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind, or a call has another number of gradients.

    Examples
    --------
    >>> from adcore import nn, ops, value_and_grad
    >>> net = nn.Dense(2, 1)
    >>> weights = net.trainable_params()
    >>> reducer = nn.DistributedGradReducer(weights)
    >>> loss, grads = value_and_grad(lambda x: net(x).sum(), None, tuple(weights))(ops.ones((3, 2)))
    >>> [g.shape for g in reducer(grads)]
    [(1, 2), (1,)]
    """

    def __init__(self, parameters, mean=None, degree=None, fusion_type=1, group=None):
        super().__init__(auto_prefix=False)
        self._count = len(check_parameters("DistributedGradReducer", parameters))
        if mean is not None and not isinstance(mean, bool):
            raise TypeError(f"DistributedGradReducer: mean must be a bool, got {type(mean).__name__}.")
        self.mean, self.degree, self.group = mean, degree, group

    def construct(self, grads):
        """Return the sums or means."""
        if len(grads) != self._count:
            raise ValueError(f"DistributedGradReducer: {self._count} gradients are needed, got {len(grads)}.")
        return reduce_gradients(grads, self.mean, self.degree, self.group)
