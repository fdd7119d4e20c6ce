"""Training with data that is spread over processes: sums of gradients, and optimizers that share their state.

Large gradients travel from their own memory, small ones in a few flat arrays, of which one is filled while those before
it are on their way. Their number and order depend on the Parameters alone, and so do the bits, which are the same in
all processes. Start reading at `reduce_gradients`; `EarlySums` does the same while the gradients are computed.
"""

from adcore import ops
from adcore._context import without_meaning
from adcore._core import Parameter, bfloat16, bool_, float16, float32, innermost, is_same, is_tracked, watch_gradients

from .collectives import agree, check_rank, fresh, when_there_are_values
from .world import abandon, get_group_size, group_of, in_step, is_in_step, wait

_BUCKET = 1 << 24  # bytes of a flat array
_EARLY_BUCKET = 1 << 20  # of one whose sum starts while others are not there yet
_ALONE = 1 << 18  # bytes of a gradient that travels from its own memory: a message costs less than a copy


class ParallelMode:
    """How work is spread over processes.

    Examples
    --------
    >>> from adcore.communication import ParallelMode
    >>> ParallelMode.DATA_PARALLEL
    'data_parallel'
    """

    STAND_ALONE = "stand_alone"
    DATA_PARALLEL = "data_parallel"
    HYBRID_PARALLEL = "hybrid_parallel"
    SEMI_AUTO_PARALLEL = "semi_auto_parallel"
    AUTO_PARALLEL = "auto_parallel"
    MODE_LIST = (STAND_ALONE, DATA_PARALLEL, HYBRID_PARALLEL, SEMI_AUTO_PARALLEL, AUTO_PARALLEL)


_AT_FIRST = {
    "device_num": 1,
    "global_rank": 0,
    "gradients_mean": False,
    "gradient_fp32_sync": True,
    "parallel_mode": ParallelMode.STAND_ALONE,
    "parameter_broadcast": False,
    "full_batch": False,
    "enable_parallel_optimizer": False,
}
_settings = dict(_AT_FIRST)


def set_auto_parallel_context(**kwargs):
    """Set how cells that train, ``nn.TrainOneStepCell`` and ``train.Model``, work together in several processes.

    Parameters
    ----------
    parallel_mode : {"stand_alone", "data_parallel"}
        In data parallel training each process computes the gradients of its own data, and their sum updates the
        Parameters.
    gradients_mean : bool
        Whether the sum is divided by the number of processes, as for a loss that is a mean.
    parameter_broadcast : bool
        Whether Parameters start from those of rank 0.
    device_num, global_rank : int
        Must be what :func:`get_group_size` and :func:`get_rank` say.
    **kwargs
        Further settings of MindSpore's, which are kept and have no meaning.

    Raises
    ------
    NotImplementedError
        For the other modes of MindSpore, which cut a model into parts. Nothing is set then.
    ValueError
        For a mode that there is not, or another `device_num`.

    Examples
    --------
    >>> from adcore import communication
    >>> communication.set_auto_parallel_context(parallel_mode="data_parallel", gradients_mean=True)
    >>> communication.get_auto_parallel_context("parallel_mode")
    'data_parallel'
    >>> communication.reset_auto_parallel_context()
    """
    name = "set_auto_parallel_context"
    mode = kwargs.get("parallel_mode", _settings["parallel_mode"])
    if mode not in ParallelMode.MODE_LIST:
        raise ValueError(f"{name}: parallel_mode must be one of {ParallelMode.MODE_LIST}, got {mode!r}.")
    if mode not in (ParallelMode.STAND_ALONE, ParallelMode.DATA_PARALLEL):
        raise NotImplementedError(f"{name}: {mode} cuts a model into parts; there is data_parallel.")
    number = kwargs.get("device_num")
    if number is not None and number != (size := get_group_size()):
        raise ValueError(f"{name}: device_num is {number}, but there are {size} processes.")
    for key in ("gradients_mean", "parameter_broadcast"):
        if key in kwargs and not isinstance(kwargs[key], bool):
            raise TypeError(f"{name}: {key} must be a bool, got {type(kwargs[key]).__name__}.")
    if not kwargs.keys() <= {"parallel_mode", "gradients_mean", "parameter_broadcast", "device_num", "global_rank"}:
        without_meaning(name)
    _settings.update(kwargs)


def get_auto_parallel_context(attr_key):
    """Return a setting of :func:`set_auto_parallel_context`.

    Raises
    ------
    ValueError
        For a name that is none.

    Examples
    --------
    >>> from adcore import communication
    >>> communication.get_auto_parallel_context("gradients_mean")
    False
    """
    if attr_key not in _settings:
        raise ValueError(f"get_auto_parallel_context: there is no setting {attr_key!r}.")
    return _settings[attr_key]


def reset_auto_parallel_context():
    """Give the settings of :func:`set_auto_parallel_context` their first values.

    Examples
    --------
    >>> from adcore import communication
    >>> communication.reset_auto_parallel_context()
    """
    _settings.clear()
    _settings.update(_AT_FIRST)


# ---- gradients ----------------------------------------------------------------------------------------------------


def reduce_gradients(gradients, mean=None, degree=None, group=None):
    """Return the sums of gradients over all processes, or their means.

    Parameters
    ----------
    gradients : tuple or list of Tensor
        Of the same shapes and dtypes in all processes. Half precision travels in float32 and is rounded once.
    mean : bool, optional
        Whether to divide; by default as ``set_auto_parallel_context(gradients_mean=...)`` says.
    degree : int, optional
        What by; by default the number of processes.
    group : str, optional
        By default all processes.

    Returns
    -------
    tuple of Tensor
        The same bits in all processes. They are no function of the gradients that could be differentiated further.

    Raises
    ------
    RuntimeError
        If the processes call different things, or one does not come (see ADCORE_MPI_TIMEOUT).
    TypeError, ValueError
        If an argument is of another kind.

    Examples
    --------
    >>> from adcore import Tensor, communication
    >>> communication.reduce_gradients((Tensor([1.0]),))[0]
    Tensor(shape=[1], dtype=Float32, value= [ 1.00000000e+00])
    """
    name = "reduce_gradients"
    gradients = tuple(gradients)
    comm = group_of(name, group)
    factor = _factor(name, gradients, mean, degree, comm)
    if comm is None:
        return gradients if factor in (None, 1) else tuple(g / degree for g in gradients)
    plan = _Plan(gradients)
    return when_there_are_values(lambda *g: plan.reduce(name, group, g, factor), gradients, gradients)


def _factor(name, gradients, mean, degree, comm):
    """Return what the sums of gradients are multiplied by, None for nothing, if the arguments are right."""
    mean = _settings["gradients_mean"] if mean is None else mean
    degree = (1 if comm is None else comm.size) if degree is None else degree
    if isinstance(degree, bool) or not isinstance(degree, int) or degree < 1:
        raise ValueError(f"{name}: degree must be a positive int, got {degree!r}.")
    _check_kinds(name, gradients, mean)
    return 1 / degree if mean else None


def _check_kinds(name, gradients, mean):
    for g in gradients:
        if g.dtype is bool_ or (mean and not g.dtype.is_floating_point):
            raise TypeError(f"{name}: gradients of {g.dtype} have no {'mean' if mean else 'sum'}.")


class _Plan:
    """Which tensors travel together: a list of their numbers for each flat array."""

    def __init__(self, tensors, most=_BUCKET):
        self.shapes = [tuple(t.shape) for t in tensors]
        self.sizes = [_numel(s) for s in self.shapes]
        self.kinds = [t.dtype for t in tensors]
        self.buckets = []
        filled, passed = {}, 0  # by dtype the bucket that is filled, and how many bytes had passed when it began
        for i in reversed(range(len(tensors))):  # as a sweep finds them
            kind, bytes_ = tensors[i].dtype, tensors[i].nbytes
            passed += bytes_
            if bytes_ >= _ALONE:
                self.buckets.append([i])
                continue
            bucket, begin = filled.get(kind, (None, 0))
            if bucket is None or passed - begin > most:
                bucket, begin = [], passed - bytes_
                self.buckets.append(bucket)
            bucket.append(i)
            filled[kind] = bucket, begin
        self.buckets.sort(key=lambda bucket: -bucket[-1])  # by what they wait for

    def flat(self, bucket, tensors):
        """Return the elements of a bucket's tensors in one Tensor, and its array."""
        made, array = self.empty(bucket)
        start = 0
        for i in bucket:
            end = start + self.sizes[i]
            array[start:end].reshape(self.shapes[i])[...] = tensors[i].asnumpy()
            start = end
        return made, array

    def empty(self, bucket):
        return fresh((sum(self.sizes[i] for i in bucket),), self.travels(bucket))

    def travels(self, bucket):
        """Return the dtype in which a bucket travels: half precision is added in float32."""
        kind = self.kinds[bucket[0]]
        return float32 if kind in (float16, bfloat16) else kind

    def tensors(self, bucket, made):
        """Yield the number and the Tensor of each part of a bucket's Tensor, which share its memory."""
        start = 0
        for i in bucket:
            end = start + self.sizes[i]
            yield i, made[start:end].reshape(self.shapes[i]).astype(self.kinds[i])
            start = end

    def start(self, comm, bucket, tensors):
        """Start the sum of a bucket; return the request, the Tensor of the sum, its array, and what is summed."""
        import numpy as np
        from mpi4py import MPI

        if len(bucket) == 1 and self.kinds[bucket[0]] is self.travels(bucket):
            given = np.ascontiguousarray(tensors[bucket[0]].asnumpy())
            made, array = self.empty(bucket)
            return comm.Iallreduce(given, array), made, array, given
        made, array = self.flat(bucket, tensors)
        return comm.Iallreduce(MPI.IN_PLACE, array), made, array, None

    def sums(self, name, group, started, factor):
        """Return the sums, or means, of all tensors when those that were started are there."""
        made = [None] * len(self.shapes)
        for bucket, (request, reduced, array, _) in zip(self.buckets, started):
            wait(name, group, [request], started)
            if factor is not None:
                array *= array.dtype.type(factor)
            for i, tensor in self.tensors(bucket, reduced):
                made[i] = tensor
        return tuple(made)

    def reduce(self, name, group, tensors, factor):
        comm = group_of(name, group)
        agree(name, group, comm, self.shapes, self.kinds, f"factor={factor}")
        with in_step(name):
            return self.sums(name, group, [self.start(comm, bucket, tensors) for bucket in self.buckets], factor)


class EarlySums:
    """Sums of gradients that start while the sweep that computes them still runs.

    A sweep tells each gradient as soon as it is whole. When those of a bucket are there, and the buckets before it have
    started, its sum starts, on a communicator of its own: so its messages have one order, and what the program sends
    meanwhile another. A bucket that lacks a gradient, since nothing reached a Parameter, starts at the end, and so do
    those behind it.

    At the end the processes compare what they call, once, as in `reduce_gradients`. Where the gradients that were told
    are not those whose sums are asked for, since something scaled them in between, what has started is waited for and
    forgotten. A sum that was left behind by an exception is found when the next one starts, or at the end.
    """

    # What a step notes here is no variable that a recorded function changes.
    __slots__ = ("_begun", "_comm", "_group", "_left", "_name", "_numbers", "_plan", "_told", "_usable")

    def __init__(self, parameters, group):
        self._name, self._group = "DistributedGradReducer", group
        self._plan = _Plan(parameters, _EARLY_BUCKET)
        self._numbers = {id(p): i for i, p in enumerate(parameters)}
        comm = group_of(self._name, group)
        self._comm = None if comm is None else comm.Dup()
        self._left = []  # what has started and was not waited for
        self._forget()

    def _forget(self):
        self._told = {}  # gradients by number
        self._begun = 0  # how many buckets are complete
        self._usable = True

    def watch(self):
        """Listen to the sweeps of this thread; return who listened before."""
        self._forget()
        return watch_gradients(self._tell) if self._comm is not None else watch_gradients(None)

    def _tell(self, parameter, gradient):
        number = self._numbers.get(id(parameter))
        if number is None:
            return
        expected = self._plan.shapes[number], self._plan.kinds[number]
        plain = not is_tracked([gradient]) and innermost([gradient]) is None
        if number in self._told or not plain or (tuple(gradient.shape), gradient.dtype) != expected:
            self._usable = False
        if not self._usable:
            return
        self._told[number] = gradient
        buckets = self._plan.buckets
        while self._begun < len(buckets) and all(i in self._told for i in buckets[self._begun]):
            bucket = buckets[self._begun]
            self._begun += 1
            when_there_are_values(
                lambda *g, k=self._begun - 1: self._start(k, g), [self._told[i] for i in bucket], result=None
            )

    def _start(self, k, gradients):
        from mpi4py import MPI

        if k < len(self._left):
            self._agree("what a step left behind", len(self._left))
            self._drop()
        bucket = self._plan.buckets[k]
        with in_step(self._name):
            # MPI goes on with the sums before this one only while it is called.
            MPI.Request.Testall([request for request, *_ in self._left])
            self._left.append(self._plan.start(self._comm, bucket, dict(zip(bucket, gradients))))

    def finish(self, gradients, mean, degree):
        """Return the sums or means of the gradients."""
        comm = group_of(self._name, self._group)
        factor = _factor(self._name, gradients, mean, degree, comm)
        if comm is None:
            return reduce_gradients(gradients, mean, degree, self._group)
        usable = self._usable and all(is_same(told, gradients[i]) for i, told in self._told.items())
        begun = self._begun
        self._forget()
        plan = self._plan

        def run(*gradients):
            early = usable and len(self._left) == begun
            left = None if early else len(self._left)
            self._agree([tuple(g.shape) for g in gradients], [g.dtype for g in gradients], f"factor={factor}", left)
            if not early:
                self._drop()
                return _Plan(gradients).reduce(self._name, self._group, gradients, factor)
            with in_step(self._name):
                for bucket in plan.buckets[begun:]:
                    self._left.append(plan.start(self._comm, bucket, gradients))
                made = plan.sums(self._name, self._group, self._left, factor)
                self._left = []
                return made

        return when_there_are_values(run, gradients, gradients)

    def _agree(self, *facts):
        comm = group_of(self._name, self._group)
        try:
            agree(self._name, self._group, comm, *facts)
        except RuntimeError:
            # All processes get here, unless they are out of step, where none communicates any more. What they have
            # started differs: nobody waits for it.
            abandon(self._left)
            self._left = []
            if is_in_step():
                self._comm = comm.Dup()
            raise

    def _drop(self):
        wait(self._name, self._group, [request for request, *_ in self._left], self._left)
        self._left = []


def _numel(shape):
    size = 1
    for n in shape:
        size *= n
    return size


def check_parameters(name, parameters):
    """Return the Parameters of a Cell, or of a list, as a list."""
    if hasattr(parameters, "get_parameters"):
        parameters = parameters.get_parameters()
    parameters = [parameters] if isinstance(parameters, Parameter) else list(parameters)
    for p in parameters:
        if not isinstance(p, Parameter):
            raise TypeError(f"{name}: parameters must be Parameters, got {type(p).__name__}.")
    return parameters


def broadcast_parameters(parameters, src=0, group=None):
    """Give Parameters the values that they have in one process: how training starts from the same weights.

    Parameters
    ----------
    parameters : Cell, or list of Parameter
    src : int, default 0
        The rank of that process.
    group : str, optional
        By default all processes.

    Raises
    ------
    RuntimeError
        If the processes have different Parameters, or one does not come (see ADCORE_MPI_TIMEOUT).

    Examples
    --------
    >>> from adcore import communication, nn
    >>> communication.broadcast_parameters(nn.Dense(2, 3))
    """
    name = "broadcast_parameters"
    parameters = check_parameters(name, parameters)
    check_rank(name, "src", src, comm := group_of(name, group))
    if comm is not None:
        _share(name, group, parameters, [src] * len(parameters))


def _share(name, group, parameters, owners):
    """Give all Parameters the values that they have in the processes that own them."""
    comm = group_of(name, group)
    plans = _owned_plans(parameters, owners, comm.size)

    def run(values):
        agree(name, group, comm, [tuple(v.shape) for v in values], [v.dtype for v in values], owners)
        with in_step(name):
            arrays, requests = [], []
            for root, plan, own in plans:
                for bucket in plan.buckets:
                    arrays.append(plan.flat(bucket, [values[i] for i in own]))
                    requests.append(comm.Ibcast(arrays[-1][1], root))
            wait(name, group, requests, arrays)
            made, arrays = [None] * len(values), iter(arrays)
            for _, plan, own in plans:
                for bucket in plan.buckets:
                    for i, tensor in plan.tensors(bucket, next(arrays)[0]):
                        made[own[i]] = tensor
            return tuple(made)

    values = tuple(p.value() for p in parameters)
    for p, value in zip(parameters, ops.host_callback(run, values, result=values)):
        ops.assign(p, value)


def _owned_plans(tensors, owners, size):
    """Return for each process that owns tensors its rank, their plan and their numbers."""
    found = []
    for root in range(size):
        own = [i for i, owner in enumerate(owners) if owner == root]
        if own:
            found.append((root, _Plan([tensors[i] for i in own]), own))
    return found


class ShardedOptimizer:
    """An optimizer whose state is spread over processes: each has a share of the Parameters, which it updates.

    What an optimizer holds beside the Parameters, for Adam twice their size, is held once among all processes instead
    of once in each. S. Rajbhandari et al. 2020, "ZeRO: Memory optimizations toward training trillion parameter models",
    stage 1.

    Parameters
    ----------
    optimizer : callable
        Makes the optimizer of a list of Parameters, as ``lambda own: nn.Adam(own, learning_rate=1e-3)``. Its rule must
        treat each Parameter by itself: that of LBFGS does not.
    parameters : list of Parameter
    mean : bool, optional
        As in :func:`reduce_gradients`.
    group : str, optional
        By default all processes.

    Attributes
    ----------
    parameters : list of Parameter
    own : list of Parameter
        Those that this process updates.
    optimizer : Optimizer or None
        Of those; save it beside the Parameters, in a file of each rank.

    Examples
    --------
    >>> from adcore import communication, nn, ops, value_and_grad
    >>> net = nn.Dense(3, 1)
    >>> optimizer = communication.ShardedOptimizer(lambda own: nn.Adam(own), net.trainable_params())
    >>> loss, grads = value_and_grad(lambda x: net(x).sum(), None, optimizer.parameters)(ops.ones((2, 3)))
    >>> optimizer(grads)
    """

    def __init__(self, optimizer, parameters, mean=None, group=None):
        self.parameters = check_parameters("ShardedOptimizer", parameters)
        if not self.parameters:
            raise ValueError("ShardedOptimizer: there are no Parameters.")
        comm = group_of("ShardedOptimizer", group)
        size, rank = (1, 0) if comm is None else (comm.size, comm.rank)
        self._group, self._mean = group, mean
        # The largest first, to whom has least.
        load, self._owners = [0] * size, [0] * len(self.parameters)
        for i in sorted(range(len(self.parameters)), key=lambda i: (-self.parameters[i].nbytes, i)):
            self._owners[i] = load.index(min(load))
            load[self._owners[i]] += self.parameters[i].nbytes
        self.own = [p for p, owner in zip(self.parameters, self._owners) if owner == rank]
        self.optimizer = optimizer(self.own) if self.own else None

    def __call__(self, gradients):
        """Update the Parameters by the gradients of all processes."""
        name = "ShardedOptimizer"
        gradients = tuple(gradients)
        if len(gradients) != len(self.parameters):
            raise ValueError(f"{name}: {len(self.parameters)} gradients are needed, got {len(gradients)}.")
        for p, g in zip(self.parameters, gradients):
            if tuple(g.shape) != tuple(p.shape):
                raise ValueError(f"{name}: the gradient of {p.name} must have the shape {p.shape}, got {g.shape}.")
        _check_kinds(name, gradients, self._mean)
        comm = group_of(name, self._group)
        if comm is None:
            self.optimizer(reduce_gradients(gradients, self._mean))
            return
        own = self._reduced(name, comm, gradients)
        if self.optimizer is not None:
            self.optimizer(own)
        _share(name, self._group, self.parameters, self._owners)

    def _reduced(self, name, comm, gradients):
        """Return the sums of the gradients of this process's own Parameters."""
        mean = _settings["gradients_mean"] if self._mean is None else self._mean
        plans = _owned_plans(gradients, self._owners, comm.size)

        def run(gradients):
            from mpi4py import MPI

            facts = [tuple(g.shape) for g in gradients], [g.dtype for g in gradients], f"mean={bool(mean)}"
            agree(name, self._group, comm, *facts)
            with in_step(name):
                arrays, requests, made = [], [], []
                for root, plan, own in plans:
                    for bucket in plan.buckets:
                        arrays.append(plan.flat(bucket, [gradients[i] for i in own]))
                        array = arrays[-1][1]
                        sent, received = (MPI.IN_PLACE, array) if root == comm.rank else (array, None)
                        requests.append(comm.Ireduce(sent, received, root=root))
                wait(name, self._group, requests, arrays)
                arrays = iter(arrays)
                for root, plan, own in plans:
                    mine = [None] * len(own)
                    for bucket in plan.buckets:
                        reduced, array = next(arrays)
                        if root == comm.rank:
                            if mean:
                                array *= array.dtype.type(1 / comm.size)
                            for i, tensor in plan.tensors(bucket, reduced):
                                mine[i] = tensor
                    if root == comm.rank:
                        made = mine
                return tuple(made)

        like = tuple(g for g, owner in zip(gradients, self._owners) if owner == comm.rank)
        return ops.host_callback(run, gradients, result=like)
