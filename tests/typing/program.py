"""A program as users write it, with types: it runs, and type checkers find nothing in it (tools/check_types.py)."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import adcore
from adcore import Parameter, ParameterTuple, Tensor, nn, no_grad, ops


class Net(nn.Cell):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.body = nn.SequentialCell(nn.Dense(2, width, activation="relu"), nn.Dropout(p=0.1), nn.Dense(width, 1))
        self.scale = Parameter(Tensor(1.0, adcore.float32), name="scale")
        self.layers = nn.CellList([nn.Dense(1, 1), nn.LayerNorm((1,))])

    def construct(self, x: Tensor, twice: bool = False) -> Tensor:
        y: Tensor = self.body(x) * self.scale
        for layer in self.layers:
            y = layer(y)
        return 2 * y if twice else y + 0.0


rng = np.random.default_rng(0)
points = rng.normal(size=(64, 2)).astype(np.float32)
values = (points[:, :1] - 0.5 * points[:, 1:]) ** 2


def rows() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    yield from zip(points, values)


net, loss_fn = Net(), nn.MSELoss()
schedule = nn.ExponentialDecayLR(0.03, decay_rate=0.9, decay_steps=10)
optimizer = nn.Adam(net.trainable_params(), learning_rate=schedule, weight_decay=1e-4)


def forward(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    predicted: Tensor = net(x)
    return loss_fn(predicted, y), predicted


step_fn = adcore.value_and_grad(forward, None, optimizer.parameters, has_aux=True)
weights = adcore.value_and_grad(forward, None, net.trainable_params(), True)
by_scale = adcore.grad(lambda x: net(x).sum(), None, net.scale)


def train_step(x: Tensor, y: Tensor) -> float:
    (loss, _), gradients = step_fn(x, y)
    optimizer(ops.clip_by_global_norm(gradients, 1.0))
    return float(loss)


net.set_train()
data = adcore.dataset.GeneratorDataset(list(rows()), ["x", "y"], shuffle=False).batch(16)
losses: list[float] = []
for _ in range(2):
    for x, y in data.create_tuple_iterator(num_epochs=1):
        losses.append(train_step(x, y))
    for row in data.create_dict_iterator(num_epochs=1, output_numpy=True):
        losses.append(train_step(Tensor(row["x"]), Tensor(row["y"])))
net.set_train(False)


@adcore.jit
def energy(x: Tensor, power: float = 2.0) -> Tensor:
    return (ops.abs(x) ** power).sum() / x.size


@adcore.jit(static_argnames="axis")
def normalized(x: Tensor, axis: int = -1) -> Tensor:
    centred = x - x.mean(axis, keep_dims=True)
    return ops.softmax(centred, axis=axis) @ ops.stop_gradient(centred).T


@adcore.custom_vjp
def clipped(x: Tensor) -> Tensor:
    return ops.clamp(x, -1, 1)


clipped.defvjp(lambda x: (clipped(x), x), lambda x, g: (g * (x.abs() <= 1),))


@no_grad()
def evaluate(x: Tensor) -> Tensor:
    return net(x, twice=True).squeeze(-1)


@no_grad
def error(x: Tensor, y: Tensor) -> float:
    return float(ops.mean(ops.abs(evaluate(x) - y.squeeze(-1))))


def potential(x: Tensor) -> Tensor:
    return (clipped(x) ** 2 * [1.0, 2.0] + np.ones(2, np.float32)).sum() - np.float32(3) * x[0] / (1 + x[-1])


t = Tensor([0.25, 0.5], adcore.float32)
gradient = adcore.grad(potential)(t)
value, slope = adcore.value_and_grad(energy)(t)
both = adcore.grad(lambda a, b: (a * b).sum(), (0, 1))(t, t + 1)
params = {"w": t}
per_point = adcore.vmap(adcore.grad(lambda p, x: (p["w"] * x).sum()), in_axes=(None, 0))(params, Tensor(points))["w"]
step = adcore.jit(adcore.value_and_grad(lambda p, x: (p["w"] * x).sum()))
(total, slopes), kept_programs = step(params, t), step.explain()
at_params = adcore.grad(lambda p: (p["w"] * t).sum())({"w": t})["w"].sum()
sums = [adcore.vmap(energy)(Tensor(points)).sum(), adcore.vmap(potential, in_axes=0)(Tensor(points)).max()]
per_row: Tensor = adcore.vmap(adcore.grad(potential))(Tensor(points))
out, tangent = adcore.jvp(potential, t, ops.ones_like(t))
out, pull = adcore.vjp(potential, t)
(pulled,) = pull(ops.ones_like(out))
blocks = adcore.jacfwd(normalized)(t.reshape(1, 2)).shape + adcore.jacrev(potential)(t).shape
curvature = adcore.hessian(potential)(t)[0, :].asnumpy()
remembered = adcore.recompute(potential, t) * 2 + adcore.GradOperation(get_all=True)(potential)(t)[0].sum()
last = ops.while_loop(lambda v: v < 10, lambda v: v * 2, 1.0) + ops.fori_loop(0, 3, lambda i, v: v + i, t).sum()
carry, steps = ops.scan(lambda c, x: (c + x, c * x), 0.0, t)

mask = (t > 0.3) & ~(t == 0.5) | (t != t)
mixed = (1 - t) ** 2 + 2**t + t // 2 + points[0] * t - np.ones(2, np.float32) + (-t).abs() + mask
mixed += 1.5
part = mixed[mixed > 0], points[mixed.argmax().asnumpy()], mixed[None, ..., ::-1], t.copy()
top, where = ops.topk(mixed, 1)
count: int = mask.sum().item() + int(t[0] > 0) + len(t) + t.shape[0] + t.ndim
flat = ops.concat([t, mixed], axis=0).astype(adcore.float64).reshape((2, 2)).transpose(1, 0).tolist()
made = [ops.zeros((2, 3)), ops.ones(2, adcore.int32), ops.arange(4), ops.stack((t, t), axis=1), ops.full((2,), 1.0)]
group = ParameterTuple(net.get_parameters())
names = [p.name for p in group.clone("copy")] + [name for name, _ in net.parameters_and_names()]
with no_grad(), tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "net.ckpt"
    adcore.save_checkpoint(net, file)
    kept, unknown = adcore.load_param_into_net(net, adcore.load_checkpoint(str(file)))
    mean_error = error(Tensor(points), Tensor(values)) / (1 + np.abs(curvature).sum())
told = energy.explain()
print(f"{sum(losses[:8]):.3f} {sum(losses[8:]):.3f} {mean_error:.3f} {told[:6]} {count} {len(kept)} {names[0]}")
