"""Programs that tests of communication run in several processes: each is a function; the command names one.

What is compared is known to each process alone: the data of all of them, from their seeds. An assertion that fails ends
all processes.
"""

import os
import signal
import sys

import numpy as np

import adcore
from adcore import Tensor, communication, dataset, nn, ops, train
from adcore.mindspore import mint_distributed, operators

SIZE = int(sys.argv[2])


def data(rank, *shape, dtype=np.float64):
    return np.random.default_rng(rank).standard_normal(shape).astype(dtype)


# What each function of collectives makes of the arrays of all processes, in process r; all are linear.
LINEAR = {
    "all_reduce": (communication.all_reduce, lambda all_, r: sum(all_)),
    "all_gather": (communication.all_gather, lambda all_, r: np.concatenate(all_)),
    "reduce_scatter": (communication.reduce_scatter, lambda all_, r: np.split(sum(all_), len(all_))[r]),
    "broadcast": (lambda x: communication.broadcast(x, 1), lambda all_, r: all_[1]),
    "reduce": (lambda x: communication.reduce(x, 1), lambda all_, r: sum(all_) * (r == 1)),
    "all_to_all": (
        communication.all_to_all,
        lambda all_, r: np.concatenate([np.split(a, len(all_))[r] for a in all_]),
    ),
    "ring": (
        lambda x: communication.collective_permute(x, [(r, (r + 1) % SIZE) for r in range(SIZE)]),
        lambda all_, r: all_[r - 1],
    ),
    "permuted": (
        lambda x: communication.collective_permute(x, [(SIZE - 1, 0)]),
        lambda all_, r: all_[-1] * (r == 0),
    ),
}


def total(number):
    return float(communication.all_reduce(Tensor(float(number), adcore.float64)))


def collectives():
    """Values, transposes, tangents, second derivatives, vmap and jit of everything linear."""
    rank, size = communication.get_rank(), communication.get_group_size()
    assert size == SIZE
    for name, (fn, expected) in LINEAR.items():
        everyone = [data(r, 2 * size, 3) for r in range(size)]
        x, v = Tensor(everyone[rank]), Tensor(data(100 + rank, 2 * size, 3))
        y = fn(x)
        np.testing.assert_allclose(y.asnumpy(), expected(everyone, rank), rtol=1e-12, err_msg=name)
        # sum over processes of <g, J v> = that of <J^T g, v>
        g = Tensor(data(200 + rank, *y.shape))
        _, pull = adcore.vjp(fn, x)
        _, pushed = adcore.jvp(fn, x, v)
        (pulled,) = pull(g) if isinstance(pull(g), tuple) else (pull(g),)
        np.testing.assert_allclose(total((g * pushed).sum()), total((pulled * v).sum()), rtol=1e-10, err_msg=name)
        np.testing.assert_array_equal(pushed.asnumpy(), fn(v).asnumpy())

        def curved(x, fn=fn):
            return (fn(ops.sin(x)) ** 2).sum()

        # The second derivative along v, by finite differences of the first.
        h, grad = 1e-6, adcore.grad(curved)
        along = adcore.jvp(grad, x, v)[1]
        numeric = (grad(x + h * v) - grad(x - h * v)) / (2 * h)
        np.testing.assert_allclose(along.asnumpy(), numeric.asnumpy(), rtol=1e-4, atol=1e-6, err_msg=name)
        # Members of a vmap travel together; a program makes the same calls.
        batch = ops.stack([x, 2 * x, v])
        for mapped in (adcore.vmap(fn), adcore.jit(adcore.vmap(fn)), adcore.vmap(adcore.jit(fn))):
            members = [fn(member).asnumpy() for member in batch]
            np.testing.assert_array_equal(mapped(batch).asnumpy(), np.stack(members), err_msg=name)
        nested = adcore.vmap(adcore.vmap(fn))(ops.stack([batch, batch + 1]))
        np.testing.assert_array_equal(nested[1][2].asnumpy(), fn(v + 1).asnumpy())
        recorded = adcore.jit(grad)
        for _ in range(2):
            np.testing.assert_array_equal(recorded(x).asnumpy(), grad(x).asnumpy(), err_msg=name)
    for op, combine in {"max": np.maximum, "min": np.minimum, "prod": np.multiply}.items():
        everyone = [data(r, 4) for r in range(size)]
        x = Tensor(everyone[rank])
        expected = combine.reduce(everyone)
        np.testing.assert_array_equal(communication.all_reduce(x, op).asnumpy(), expected)
        g = adcore.grad(lambda x, op=op: communication.all_reduce(x, op).sum())(x).asnumpy()
        # Every process has the sum, so the sum of what they differentiate is size times it.
        mine = {"prod": expected / everyone[rank]}.get(op, 1.0 * (expected == everyone[rank]))
        np.testing.assert_allclose(g, size * mine, rtol=1e-12)


def rest():
    """Half precision, ints, groups, messages, Parameters."""
    rank, size = communication.get_rank(), communication.get_group_size()
    # 1 + 2**-11 in each: rounded once, not at every sum.
    half = communication.all_reduce(Tensor([1.0 + rank / 1024], adcore.float16))
    assert half.dtype is adcore.float16
    assert float(half) == np.float16(sum(1.0 + r / 1024 for r in range(size)))
    assert communication.all_reduce(Tensor([2**60])).tolist() == [size * 2**60]
    assert communication.broadcast(Tensor([rank == 0])).tolist() == [True]
    communication.barrier()
    # Large and in another order in memory: what travels is a copy, which is there as long as it is read.
    large = Tensor(data(7, 300, 400)).T
    if rank == 0:
        communication.send(Tensor([[1.0, 2.0]]), 1)
        communication.send(large, 1)
    if rank == 1:
        print(communication.recv(ops.zeros((1, 2)), 0))
        assert (communication.recv(ops.zeros_like(large), 0) == large).all()
    members = Tensor(data(rank, 30, 8 * size, 300))
    shares = adcore.vmap(communication.reduce_scatter)(members).asnumpy()
    whole = sum(data(r, 30, 8 * size, 300) for r in range(size))
    np.testing.assert_allclose(shares, whole[:, 8 * rank : 8 * rank + 8], rtol=1e-10, atol=1e-10)
    first = list(range(size - 1, -1, -1))[: max(1, size // 2)]
    communication.create_group("last", first)
    if rank in first:
        place = communication.get_rank("last")
        assert first[place] == rank and communication.get_group_size("last") == len(first)
        assert communication.get_world_rank_from_group_rank("last", place) == rank
        assert communication.get_group_rank_from_world_rank(rank, "last") == place
        assert communication.all_reduce(Tensor(rank), group="last").item() == sum(first)
    else:
        try:
            communication.all_reduce(Tensor(rank), group="last")
        except ValueError as error:
            assert "not in the group" in str(error)
        else:
            raise AssertionError("a process outside of a group took part")
    communication.destroy_group("last")
    assert communication.get_local_rank_size() == size and communication.get_local_rank() == rank
    w = adcore.Parameter(Tensor(data(rank, 3)), name="w")
    communication.broadcast_parameters([w], src=1)
    np.testing.assert_array_equal(w.asnumpy(), data(1, 3))
    assert len(list(dataset.NumpySlicesDataset(np.arange(8), num_shards=size, shard_id=rank))) == 8 // size


def whole(weights, x):
    """The sum of what `stage` returns in all processes."""
    last, total, first = x, 0.0, None
    for r, w in enumerate(weights):
        last = ops.tanh(w * last)
        first = first if r else w
        total = total + ((last**2).sum() / (r + 1) if r else 0.0)
    return total + (ops.sin(last) * first).sum()


def stage(w, x):
    """One layer in each process; what the last one makes travels back to the first."""
    rank, last = communication.get_rank(), communication.get_group_size() - 1
    before = x if rank == 0 else communication.recv(x, rank - 1)
    h = ops.tanh(w * before)
    if rank < last:
        communication.send(h, rank + 1)
    else:
        communication.send(ops.sin(h), 0, tag=7)
    if rank == 0:
        return (communication.recv(x, last, tag=7) * w).sum()
    return (h**2).sum() / (rank + 1)


def messages():
    """Derivatives through messages are those of one process that does everything."""
    rank, size = communication.get_rank(), communication.get_group_size()
    x = Tensor(data(99, 3))
    ws, vs = [Tensor(data(r, 3)) for r in range(size)], [Tensor(data(50 + r, 3)) for r in range(size)]
    w, v = ws[rank], vs[rank]

    def close(got, expected, what):
        np.testing.assert_allclose(got.asnumpy(), expected.asnumpy(), rtol=1e-10, atol=1e-12, err_msg=what)

    gradients = adcore.grad(lambda *ws: whole(ws, x), tuple(range(size)))
    one = lambda ws: ops.stack(list(gradients(*ws)))
    second = adcore.jvp(one, (ws,), (vs,))[1][rank]
    value, tangent = adcore.jvp(lambda ws: whole(ws, x), (ws,), (vs,))
    grad = adcore.grad(stage)
    along = lambda w, v: (grad(w, x) * v).sum()
    for wrap in (lambda f: f, adcore.jit):
        for _ in range(2):
            assert abs(total(wrap(stage)(w, x)) - float(value)) < 1e-10
            close(wrap(grad)(w, x), gradients(*ws)[rank], "grad")
            loss, g = wrap(adcore.value_and_grad(stage))(w, x)
            close(g, gradients(*ws)[rank], "value_and_grad")
            close(wrap(adcore.grad(along))(w, v), second, "reverse over reverse")
            close(wrap(lambda w, v: adcore.jvp(lambda w: grad(w, x), w, v)[1])(w, v), second, "forward over reverse")
            pushed = wrap(lambda w, v: adcore.jvp(lambda w: stage(w, x), w, v)[1])
            assert abs(total(pushed(w, v)) - float(tangent)) < 1e-10
            close(
                wrap(adcore.grad(lambda w, v: adcore.jvp(lambda w: stage(w, x), w, v)[1]))(w, v),
                second,
                "reverse over forward",
            )
    close(adcore.grad(adcore.jit(stage))(w, x), gradients(*ws)[rank], "grad of jit")
    pull = adcore.vjp(lambda w: stage(w, x), w)[1]
    for _ in range(2):
        close(pull(Tensor(2.0, adcore.float64))[0], 2 * gradients(*ws)[rank], "vjp")
    # Members travel in one message.
    batch = ops.stack([x, 2 * x, -x])
    for mapped in (adcore.vmap(grad, (None, 0)), adcore.jit(adcore.vmap(grad, (None, 0)))):
        for member, own in zip(mapped(w, batch), batch):
            close(member, adcore.grad(lambda *ws: whole(ws, own), rank)(*ws), "vmap")
    p = adcore.Parameter(w, name="w")
    close(adcore.grad(lambda: stage(p, x), None, p)(), gradients(*ws)[rank], "Parameter")

    # MindSpore's names make the same messages.
    def of_mindspore(w):
        if rank == 0:
            mint_distributed.send(w * w, 1)
            return operators.Receive(5, 1, (3,), adcore.float64)().sum()
        if rank > 1:
            return (w * 0).sum()
        got = w * 1
        assert mint_distributed.recv(got, 0) == 0
        return operators.Send(5, 0)(got * w).sum()

    close(
        adcore.grad(of_mindspore)(w),
        {0: 4 * ws[0] * ws[1], 1: 2 * ws[0] ** 2}.get(rank, 0 * w),
        "MindSpore's names",
    )

    # The sweep comes to a message though this process returns nothing that depends on it.
    def sends(w):
        if rank:
            return (w * communication.recv(x, 0) if rank == 1 else w * 0).sum()
        communication.send(w * w, 1)
        return ops.zeros((), adcore.float64)

    expected = {0: 2 * ws[0] * ws[1], 1: ws[0] ** 2}.get(rank, 0 * w)
    close(adcore.grad(sends)(w), expected, "a send whose process returns a constant")
    close(adcore.jit(adcore.grad(sends))(w), expected, "the same, recorded")

    # Nothing travels back for what is sent without derivative, or as ints.
    def constants(w):
        with adcore.no_grad():
            number = exchange(w) + exchange(Tensor([rank])).sum()
        return (w * (number + exchange(Tensor([1 + rank])))).sum()

    def exchange(t):
        other = rank ^ 1
        if rank % 2:
            got = communication.recv(t, other)
            communication.send(t, other)
        else:
            communication.send(t, other)
            got = communication.recv(t, other)
        return got

    close(adcore.grad(constants)(w), ws[rank ^ 1] + 2 * (rank ^ 1) + 1, "constants")


def differentiated_in_one():
    """A process that differentiates what it sends needs another one that does."""
    fn = lambda w: communication.recv(w, 0).sum() if communication.get_rank() else sent(w)

    def sent(w):
        communication.send(w, 1)
        return w.sum()

    adcore.grad(fn)(ops.ones(2)) if communication.get_rank() == 0 else fn(ops.ones(2))


def recomputed():
    """A message would be sent again."""

    def block(w):
        communication.send(w, communication.get_rank() ^ 1)
        return w * 2

    adcore.grad(lambda w: adcore.recompute(block, w).sum())(ops.ones(2))


def network(seed):
    adcore.set_seed(seed)
    return nn.SequentialCell(nn.Dense(3, 8, dtype=adcore.float64), nn.Tanh(), nn.Dense(8, 2, dtype=adcore.float64))


def same_everywhere(parameters):
    for p in parameters:
        bits = communication.all_gather(Tensor(p.asnumpy().view(np.int64).reshape(1, -1)))
        assert (bits.asnumpy() == bits.asnumpy()[0]).all(), p.name


def training():
    """Data parallel steps are those of one process with all the data, and leave the same bits in every process."""
    rank, size = communication.get_rank(), communication.get_group_size()
    steps, rows = 5, 4 * size
    x = data(7, steps, rows, 3)
    y = data(8, steps, rows, 2)
    mine = slice(rank * 4, rank * 4 + 4)

    def losses(net):
        return adcore.value_and_grad(lambda x, y: ops.mse_loss(net(x), y), None, tuple(net.trainable_params()))

    alone = network(1)
    optimizer = nn.Adam(alone.trainable_params(), 0.05)
    run = losses(alone)
    for i in range(steps):
        optimizer(run(Tensor(x[i]), Tensor(y[i]))[1])
    expected = [p.asnumpy() for p in alone.trainable_params()]

    communication.set_auto_parallel_context(parallel_mode="data_parallel", gradients_mean=True)
    for way in ("reducer", "jitted", "sharded", "sharded jitted", "cell", "model"):
        net = network(2 + rank)  # another one in each process, so that it matters who starts from what
        if rank == 0:
            for p, q in zip(net.get_parameters(), network(1).get_parameters()):
                p.set_data(q.value())
        communication.broadcast_parameters(net)
        parameters = net.trainable_params()
        run = losses(net)
        if way in ("cell", "model"):
            optimizer = nn.Adam(parameters, 0.05)
            cell = nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), optimizer)
            if way == "cell":
                for i in range(steps):
                    cell(Tensor(x[i, mine]), Tensor(y[i, mine]))
            else:
                model = train.Model(net, nn.MSELoss(), optimizer)
                own = x[:, mine].reshape(-1, 3), y[:, mine].reshape(-1, 2)
                model.train(1, dataset.NumpySlicesDataset(own, ["x", "y"], shuffle=False).batch(4))
        else:
            if way.startswith("sharded"):
                optimizer = communication.ShardedOptimizer(lambda own: nn.Adam(own, 0.05), parameters)
                assert total(len(optimizer.own)) == len(parameters)
                step = optimizer
            else:
                optimizer, reducer = nn.Adam(parameters, 0.05), nn.DistributedGradReducer(parameters)

                def step(gradients, optimizer=optimizer, reducer=reducer):
                    optimizer(reducer(gradients))

            def whole(x, y, run=run, step=step):
                loss, gradients = run(x, y)
                step(gradients)
                return loss

            whole = adcore.jit(whole) if "jitted" in way else whole
            for i in range(steps):
                whole(Tensor(x[i, mine]), Tensor(y[i, mine]))
        same_everywhere(parameters)
        for p, value in zip(parameters, expected):
            np.testing.assert_allclose(p.asnumpy(), value, rtol=1e-9, atol=1e-12, err_msg=f"{way}: {p.name}")
    communication.reset_auto_parallel_context()


def many_buckets():
    """More than one flat array, in several dtypes: sums are right, and the same when they are taken again."""
    rank, size = communication.get_rank(), communication.get_group_size()
    shapes = [(1 << 20,), (3,), (1 << 21,), (1, 5), (1 << 22,), ()]
    kinds = [np.float64, np.float32, np.float32, np.float64, np.float64, np.float32]
    everyone = [[data(10 * r + i, *s, dtype=k) for i, (s, k) in enumerate(zip(shapes, kinds))] for r in range(size)]
    made = communication.reduce_gradients([Tensor(a) for a in everyone[rank]], mean=True)
    again = communication.reduce_gradients([Tensor(a) for a in everyone[rank]], mean=True)
    for i, (one, two) in enumerate(zip(made, again)):
        expected = np.mean([own[i] for own in everyone], axis=0)
        np.testing.assert_allclose(one.asnumpy(), expected, rtol=1e-5, atol=1e-5)
        assert one.asnumpy().tobytes() == two.asnumpy().tobytes()
    assert made[0].dtype is adcore.float64 and made[1].dtype is adcore.float32


def early_sums():
    """Sums that start while the sweep runs are the sums; what goes wrong in a step does not touch the next one."""
    rank, size = communication.get_rank(), communication.get_group_size()
    net = nn.SequentialCell(nn.Dense(3, 600), nn.Tanh(), nn.Dense(600, 600), nn.Tanh(), nn.Dense(600, 2))
    communication.broadcast_parameters(net)
    unused = adcore.Parameter(ops.ones(4), name="unused")
    parameters = tuple(net.trainable_params())
    parameters = (*parameters[:2], unused, *parameters[2:])
    reducer = nn.DistributedGradReducer(parameters, mean=True, overlap=True)
    wrong, started = [], []

    def between():
        started.append(len(reducer._early._left))
        if wrong:
            raise ArithmeticError(wrong.pop())

    def pulled(_, g):
        ops.host_callback(between)
        return (g,)

    mark = adcore.custom_vjp(lambda x: x * 1)
    mark.defvjp(lambda x: (mark(x), None), pulled)
    first, rest = net[0], list(net)[1:]

    def loss(x):
        h = mark(first(x))
        for layer in rest:
            h = layer(h)
        return (h**2).mean()

    everyone = [Tensor(data(r, 5, 3, dtype=np.float32)) for r in range(size)]
    run = adcore.value_and_grad(loss, None, parameters)
    expected = [np.mean([run(x)[1][i].asnumpy() for x in everyone], axis=0) for i in range(len(parameters))]

    def step(x, scale=1.0):
        with reducer:
            gradients = run(x)[1]
        if scale != 1:
            gradients = tuple(scale * g for g in gradients)
        return reducer(gradients)

    def hold(sums, scale=1):
        for g, value in zip(sums, expected):
            np.testing.assert_allclose(g.asnumpy(), scale * value, rtol=2e-5, atol=1e-6)
            bits = communication.all_gather(Tensor(g.asnumpy().view(np.int32).reshape(1, -1)))
            assert (bits.asnumpy() == bits.asnumpy()[0]).all()

    x = everyone[rank]
    recorded = adcore.jit(step)
    once = [g.asnumpy().tobytes() for g in step(x)]
    for call in (step, recorded, recorded, recorded, lambda x: recorded(x, scale=2.0), lambda x: step(x, scale=2.0)):
        started.clear()
        sums = call(x)
        # Those of the small and the large gradients of the last layers had started when the sweep came to the first.
        assert started == [2], started
        scaled = sums[0].asnumpy().tobytes() != once[0]
        hold(sums, 2 if scaled else 1)
        assert scaled or [g.asnumpy().tobytes() for g in sums] == once
        wrong.append("in all processes")
        try:
            call(x)
        except ArithmeticError:
            assert len(reducer._early._left) == 2
        else:
            raise AssertionError("the sweep did not raise")
    hold(step(x))
    # Two sweeps in one block, or none: the sums are taken at the end.
    with reducer:
        run(x)
        gradients = run(x)[1]
    hold(reducer(gradients))
    hold(reducer(run(x)[1]))
    # A process that leaves a step which the others finish: all are told, and go on.
    if rank == 0:
        wrong.append("here")
    try:
        step(x)
    except ArithmeticError:
        assert rank == 0
        try:
            step(x)
        except RuntimeError as error:
            assert "another process calls something else" in str(error)
    except RuntimeError as error:
        assert rank and "another process calls something else" in str(error)
    started.clear()
    hold(step(x))
    assert started == [2]


def half_and_rest():
    """bfloat16 and float16 travel too, and what one process has alone has a derivative in all."""
    rank, size = communication.get_rank(), communication.get_group_size()
    for kind in (adcore.float16, adcore.bfloat16):
        x = Tensor([1.0 + rank, 2.0], kind)
        assert communication.all_gather(x).tolist() == [v for r in range(size) for v in (1.0 + r, 2.0)]
        assert communication.broadcast(x, 1).tolist() == [2.0, 2.0]
        assert communication.all_reduce(x, "max").tolist() == [size, 2.0]
        assert communication.all_to_all(ops.cat([x] * size)).dtype is kind
        assert communication.reduce(x, 0).tolist() == ([sum(range(1, size + 1)), 2.0 * size] if rank == 0 else [0, 0])
        g = adcore.grad(lambda x: communication.all_gather(x).sum())(x)
        assert g.dtype is kind and g.tolist() == [size, size]
        if rank == 0:
            communication.send(x, 1)
        if rank == 1:
            assert communication.recv(ops.zeros((2,), kind), 0).tolist() == [1.0, 2.0]
    for op in ("max", "min", "prod"):
        g = adcore.grad(lambda x, op=op: communication.reduce(x, 0, op).sum())(Tensor([1.0 + rank, 1.0 + rank]))
        wanted = {"max": rank == size - 1, "min": rank == 0, "prod": np.prod(np.arange(1, size + 1)) / (1 + rank)}[op]
        np.testing.assert_allclose(g.asnumpy(), wanted)
    assert communication.all_gather(Tensor([rank == 0])).tolist() == [r == 0 for r in range(size)]
    if rank == 0:
        communication.send(ops.ones(3), 1)
        communication.send(ops.ones((2, 3)), 1)
    if rank == 1:
        for wrong in (ops.zeros((3,), adcore.int32), ops.zeros((3, 2))):
            try:
                communication.recv(wrong, 0)
            except ValueError as error:
                assert "was expected from rank 0" in str(error)
            else:
                raise AssertionError("a message of another kind was taken")
    communication.barrier()
    for call in (
        lambda: communication.all_reduce(ops.ones(2), "max" if rank else "min"),
        lambda: communication.reduce_gradients((ops.ones(2),), mean=rank == 0),
    ):
        try:
            call()
        except RuntimeError as error:
            assert "another process calls something else" in str(error)
        else:
            raise AssertionError("processes that call different things got an answer")
    w = adcore.Parameter(Tensor([1.0, 2.0]), name="w")
    optimizer = communication.ShardedOptimizer(lambda own: nn.SGD(own, 0.1), [w])
    try:
        optimizer((ops.ones(3),))
    except ValueError as error:
        assert "the gradient of w must have the shape" in str(error)
    optimizer((ops.ones(2),))
    same_everywhere([w])


def out_of_step():
    """A process that catches the error of a timeout gets no numbers of other calls."""
    import time

    if communication.get_rank() == 0:
        time.sleep(1.5)
    answers = []
    for _ in range(3):
        try:
            answers.append(communication.all_reduce(Tensor([1.0, 2.0])).tolist())
        except RuntimeError as error:
            answers.append(str(error))
    assert all(isinstance(a, str) or a == [2.0, 4.0] for a in answers), answers
    assert "out of step" in answers[-1], answers
    print("held", flush=True)
    time.sleep(3)  # the end of one process is that of the other
    os._exit(0)


def other_shape():
    communication.all_reduce(ops.ones(3 + communication.get_rank()))


def other_call():
    communication.all_reduce(ops.ones(3)) if communication.get_rank() else communication.all_gather(ops.ones(3))


def raises():
    if communication.get_rank() == 1:
        raise KeyError("the reason")
    communication.barrier()


def killed():
    if communication.get_rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    communication.barrier()


def stays_away():
    if communication.get_rank() == 1:
        import time

        time.sleep(60)
    communication.barrier()


if __name__ == "__main__":
    if sys.argv[1] == "without_init":
        communication.get_rank()
    communication.init()
    adcore.set_num_threads(1)
    globals()[sys.argv[1]]()
    communication.release()
