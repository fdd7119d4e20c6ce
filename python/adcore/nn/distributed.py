"""Cells that bring the gradients of several processes together."""

from adcore._core import watch_gradients
from adcore.communication import reduce_gradients
from adcore.communication.parallel import EarlySums, check_parameters

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
    overlap : bool, default False
        Whether sums start while the gradients are computed, in ``with reducer:`` around `grad` or `value_and_grad`; a
        call then waits for them. A jitted function has the block inside. Where something changes the gradients before
        the call, or they are those of `vjp`, or higher derivatives, the sums are taken then. The bits are the same in
        all processes; all of them make the reducer.

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

    Sums that start while the sweep still runs:

    >>> reducer = nn.DistributedGradReducer(weights, overlap=True)
    >>> with reducer:
    ...     loss, grads = value_and_grad(lambda x: net(x).sum(), None, tuple(weights))(ops.ones((3, 2)))
    >>> [g.shape for g in reducer(grads)]
    [(1, 2), (1,)]
    """

    def __init__(self, parameters, mean=None, degree=None, fusion_type=1, group=None, overlap=False):
        super().__init__(auto_prefix=False)
        parameters = check_parameters("DistributedGradReducer", parameters)
        self._count = len(parameters)
        for name, value in (("mean", False if mean is None else mean), ("overlap", overlap)):
            if not isinstance(value, bool):
                raise TypeError(f"DistributedGradReducer: {name} must be a bool, got {type(value).__name__}.")
        self.mean, self.degree, self.group = mean, degree, group
        self._early = EarlySums(parameters, group) if overlap else None
        self._before = []  # who listened to sweeps when a block began

    def __enter__(self):
        if self._early is not None:
            self._before.append(self._early.watch())
        return self

    def __exit__(self, *exception):
        if self._early is not None:
            watch_gradients(self._before.pop())

    def construct(self, grads):
        """Return the sums or means."""
        if len(grads) != self._count:
            raise ValueError(f"DistributedGradReducer: {self._count} gradients are needed, got {len(grads)}.")
        if self._early is not None:
            return self._early.finish(tuple(grads), self.mean, self.degree)
        return reduce_gradients(grads, self.mean, self.degree, self.group)
