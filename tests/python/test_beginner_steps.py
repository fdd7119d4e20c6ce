"""The steps that MindSpore's pages for beginners take, in a script of our own words that says ``import mindspore``:
tensors, data, a model, its derivative, training, saving and loading. Real data, and numbers checked against NumPy.
"""

import pytest

from test_as_mindspore import run, script  # noqa: F401

QUICK_START = """
import numpy as np
from sklearn.datasets import load_digits
import mindspore
from mindspore import nn
from mindspore.dataset import NumpySlicesDataset, transforms, vision

mindspore.set_seed(1)
digits = load_digits()
images = digits.images[..., None].astype(np.uint8) * 15
parts = slice(0, 1500), slice(1500, None)


def datapipe(part, batch_size):
    image_transforms = [
        vision.Rescale(1.0 / 255.0, 0), vision.Normalize(mean=(0.3,), std=(0.35,)), vision.HWC2CHW()
    ]
    dataset = NumpySlicesDataset({"image": images[part], "label": digits.target[part]}, shuffle=False)
    dataset = dataset.map(image_transforms, "image")
    dataset = dataset.map(transforms.TypeCast(mindspore.int32), "label")
    return dataset.batch(batch_size)


train_dataset, test_dataset = datapipe(parts[0], 50), datapipe(parts[1], 50)
for image, label in test_dataset.create_tuple_iterator():
    assert image.shape == (50, 1, 8, 8) and image.dtype == mindspore.float32, (image.shape, image.dtype)
    assert label.shape == (50,) and label.dtype == mindspore.int32
    break
for data in test_dataset.create_dict_iterator():
    assert data["image"].shape == (50, 1, 8, 8)
    break


class Network(nn.Cell):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.dense_relu_sequential = nn.SequentialCell(
            nn.Dense(8 * 8, 64), nn.ReLU(), nn.Dense(64, 64), nn.ReLU(), nn.Dense(64, 10)
        )

    def construct(self, x):
        x = self.flatten(x)
        logits = self.dense_relu_sequential(x)
        return logits


model = Network()
loss_fn = nn.CrossEntropyLoss()
optimizer = nn.SGD(model.trainable_params(), 1e-1)


def forward_fn(data, label):
    logits = model(data)
    loss = loss_fn(logits, label)
    return loss, logits


grad_fn = mindspore.value_and_grad(forward_fn, None, optimizer.parameters, has_aux=True)


def train_step(data, label):
    (loss, _), grads = grad_fn(data, label)
    optimizer(grads)
    return loss


def train(model, dataset):
    size = dataset.get_dataset_size()
    model.set_train()
    for batch, (data, label) in enumerate(dataset.create_tuple_iterator()):
        loss = train_step(data, label)
    return float(loss.asnumpy())


def test(model, dataset, loss_fn):
    num_batches = dataset.get_dataset_size()
    model.set_train(False)
    total, test_loss, correct = 0, 0, 0
    for data, label in dataset.create_tuple_iterator():
        pred = model(data)
        total += len(data)
        test_loss += loss_fn(pred, label).asnumpy()
        correct += (pred.argmax(1) == label).asnumpy().sum()
    return correct / total, test_loss / num_batches


before = test(model, test_dataset, loss_fn)
for epoch in range(8):
    train(model, train_dataset)
accuracy, loss = test(model, test_dataset, loss_fn)
assert accuracy > 0.85 > before[0] and loss < before[1], (accuracy, before)

mindspore.save_checkpoint(model, "model.ckpt")
again = Network()
param_dict = mindspore.load_checkpoint("model.ckpt")
param_not_load, _ = mindspore.load_param_into_net(again, param_dict)
assert param_not_load == []
again.set_train(False)
for data, label in test_dataset:
    assert (again(data).argmax(1) == model(data).argmax(1)).all()
print("done")
"""

TENSORS = """
import numpy as np
import mindspore
from mindspore import ops, Tensor
from mindspore.common.initializer import One, Normal

data = [1, 0, 1, 0]
assert Tensor(data).dtype == mindspore.int64
np_array = np.array(data)
assert Tensor(np_array).shape == (4,)
tensor1 = mindspore.Tensor(shape=(2, 2), dtype=mindspore.float32, init=One())
tensor2 = mindspore.Tensor(shape=(2, 2), dtype=mindspore.float32, init=Normal())
assert (tensor1.asnumpy() == 1).all() and tensor2.shape == (2, 2)
x_ones, x_zeros = ops.ones_like(Tensor(data)), ops.zeros_like(Tensor(data))
assert x_ones.asnumpy().tolist() == [1] * 4 and x_zeros.asnumpy().tolist() == [0] * 4
x = Tensor(np.array([[1, 2], [3, 4]]), mindspore.int32)
assert (x.shape, x.dtype, x.itemsize, x.nbytes, x.ndim, x.size) == ((2, 2), mindspore.int32, 4, 16, 2, 4)
tensor = Tensor(np.array([[0, 1], [2, 3]]).astype(np.float32))
assert tensor[0].asnumpy().tolist() == [0, 1] and tensor[:, 0].asnumpy().tolist() == [0, 2]
assert float(tensor[1, 1]) == 3 and tensor[..., -1].asnumpy().tolist() == [1, 3]
x, y = Tensor(np.array([1, 2, 3]), mindspore.float32), Tensor(np.array([4, 5, 6]), mindspore.float32)
for got, wanted in (
    (x + y, [5, 7, 9]), (x - y, [-3, -3, -3]), (x * y, [4, 10, 18]), (y / x, [4, 2.5, 2]), (y % x, [0, 1, 0]),
    (y // x, [4, 2, 2]),
):
    assert got.asnumpy().tolist() == wanted
a, b = Tensor(np.array([[0, 1], [2, 3]]).astype(np.float32)), Tensor(np.array([[4, 5], [6, 7]]).astype(np.float32))
assert ops.cat((a, b), axis=0).shape == (4, 2) and ops.stack([a, b]).shape == (2, 2, 2)
t = Tensor([1., 1., 1., 1., 1.])
n = t.asnumpy()
ops.add(t, 1)
t = mindspore.Tensor.from_numpy(np.ones(5))
print("done")
"""

DATA = """
import numpy as np
from mindspore.dataset import GeneratorDataset, NumpySlicesDataset
import mindspore.dataset as ds


class RandomAccessDataset:
    def __init__(self):
        self._data = np.ones((5, 2))
        self._label = np.arange(5)
    def __getitem__(self, index):
        return self._data[index], self._label[index]
    def __len__(self):
        return len(self._data)


class IterableDataset:
    def __init__(self, start, end):
        self.start, self.end = start, end
    def __iter__(self):
        return iter(range(self.start, self.end))


def my_generator(start, end):
    for i in range(start, end):
        yield i


loader = RandomAccessDataset()
dataset = GeneratorDataset(source=loader, column_names=["data", "label"])
assert sorted(int(d["label"]) for d in dataset.create_dict_iterator()) == list(range(5))
dataset = GeneratorDataset(source=IterableDataset(1, 5), column_names=["data"])
assert [int(d[0]) for d in dataset] == [1, 2, 3, 4]
dataset = GeneratorDataset(source=lambda: my_generator(3, 6), column_names=["data"])
assert [int(d["data"]) for d in dataset.create_dict_iterator()] == [3, 4, 5]

plain = NumpySlicesDataset(np.arange(12), column_names=["n"], shuffle=False)
shuffled = plain.shuffle(buffer_size=12)
assert sorted(int(n) for (n,) in shuffled) == list(range(12))
batched = plain.map(lambda n: n * 2, input_columns="n").batch(batch_size=5)
assert [b.shape for (b,) in batched] == [(5,), (5,), (2,)] and batched.get_dataset_size() == 3
assert plain.repeat(2).get_dataset_size() == 24 and plain.take(3).get_dataset_size() == 3
one, two = plain.split([8, 4], randomize=False)
assert (one.get_dataset_size(), two.get_dataset_size()) == (8, 4)
assert (one + two).get_dataset_size() == 12
assert ds.zip((plain.rename("n", "a"), plain)).get_col_names() == ["a", "n"]
print("done")
"""

MODEL_AND_DERIVATIVE = """
import numpy as np
import mindspore
from mindspore import nn, ops, Tensor, Parameter

x = ops.ones(5, mindspore.float32)
y = ops.zeros(3, mindspore.float32)
w = Parameter(Tensor(np.random.randn(5, 3), mindspore.float32), name="w")
b = Parameter(Tensor(np.random.randn(3,), mindspore.float32), name="b")


def function(x, y, w, b):
    z = ops.matmul(x, w) + b
    return ops.binary_cross_entropy_with_logits(z, y, ops.ones_like(z), ops.ones_like(z))


def expected(cotangent_of_z=0.0):
    z = x.asnumpy() @ w.asnumpy() + b.asnumpy()
    db = (1 / (1 + np.exp(-z)) - y.asnumpy()) / 3 + cotangent_of_z
    return np.outer(x.asnumpy(), db), db


def near(grads, wanted):
    for got, value in zip(grads, wanted):
        np.testing.assert_allclose(got.asnumpy(), value, rtol=1e-5, atol=1e-6)


near(mindspore.grad(function, (2, 3))(x, y, w, b), expected())


def function_with_logits(x, y, w, b):
    z = ops.matmul(x, w) + b
    return ops.binary_cross_entropy_with_logits(z, y, ops.ones_like(z), ops.ones_like(z)), z


near(mindspore.grad(function_with_logits, (2, 3))(x, y, w, b), expected(1.0))
grads, (z,) = mindspore.grad(function_with_logits, (2, 3), has_aux=True)(x, y, w, b)
near(grads, expected())


class Network(nn.Cell):
    def __init__(self):
        super().__init__()
        self.w, self.b = w, b
    def construct(self, x):
        return ops.matmul(x, self.w) + self.b


model, loss_fn = Network(), nn.BCEWithLogitsLoss()
grad_fn = mindspore.value_and_grad(lambda x, y: loss_fn(model(x), y), None, weights=model.trainable_params())
near(grad_fn(x, y)[1], expected())

class Layers(nn.Cell):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.layers = nn.SequentialCell(
            nn.Dense(28 * 28, 512, weight_init="normal", bias_init="zeros"), nn.ReLU(),
            nn.Dense(512, 10, weight_init="normal", bias_init="zeros"),
        )
    def construct(self, x):
        return self.layers(self.flatten(x))

model = Layers()
logits = model(ops.ones((1, 28, 28), mindspore.float32))
pred_probab = nn.Softmax(axis=1)(logits)
assert abs(float(pred_probab.sum()) - 1) < 1e-5 and pred_probab.argmax(1).shape == (1,)
assert [(name, p.shape) for name, p in model.parameters_and_names()] == [
    ("layers.0.weight", (512, 784)), ("layers.0.bias", (512,)), ("layers.2.weight", (10, 512)), ("layers.2.bias", (10,))
]
print("done")
"""

TRAIN = """
import glob
import numpy as np
import mindspore as ms
from mindspore import nn
from mindspore.train import Model, LossMonitor, TimeMonitor, CheckpointConfig, ModelCheckpoint, Accuracy, Callback
from mindspore.dataset import NumpySlicesDataset

ms.set_seed(2)
rng = np.random.default_rng(0)
x = rng.normal(size=(320, 6)).astype(np.float32)
y = (x[:, 0] * x[:, 1] > 0).astype(np.int32)
train_set = NumpySlicesDataset((x[:256], y[:256]), ["data", "label"], shuffle=True).batch(32)
test_set = NumpySlicesDataset((x[256:], y[256:]), ["data", "label"], shuffle=False).batch(32)
network = nn.SequentialCell(nn.Dense(6, 32), nn.Tanh(), nn.Dense(32, 2))
net_loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True, reduction="mean")
net_opt = nn.Momentum(network.trainable_params(), learning_rate=0.1, momentum=0.9)
model = Model(network, loss_fn=net_loss, optimizer=net_opt, metrics={"Accuracy": Accuracy()})


class Count(Callback):
    steps = 0
    def step_end(self, run_context):
        Count.steps = run_context.original_args().cur_step_num


config = CheckpointConfig(save_checkpoint_steps=40, keep_checkpoint_max=2)
saver = ModelCheckpoint(prefix="net", directory="saved", config=config)
model.train(30, train_set, callbacks=[LossMonitor(80), TimeMonitor(8), saver, Count()], dataset_sink_mode=False)
assert Count.steps == 240
accuracy = model.eval(test_set, dataset_sink_mode=False)["Accuracy"]
assert accuracy > 0.8, accuracy
files = sorted(glob.glob("saved/*.ckpt"))
assert files == ["saved/net-25_8.ckpt", "saved/net-30_8.ckpt"], files
param_dict = ms.load_checkpoint("saved/net-30_8.ckpt")
other = nn.SequentialCell(nn.Dense(6, 32), nn.Tanh(), nn.Dense(32, 2))
assert ms.load_param_into_net(other, param_dict)[0] == []
data = ms.Tensor(x[256:])
assert (other(data) == model.predict(data)).all()
print("done")
"""


@pytest.mark.parametrize(
    "text",
    [QUICK_START, TENSORS, DATA, MODEL_AND_DERIVATIVE, TRAIN],
    ids=["quick start", "tensor", "dataset", "model and derivative", "train, save and load"],
)
def test_steps(text, script, tmp_path):  # noqa: F811
    pytest.importorskip("sklearn")
    pytest.importorskip("safetensors")
    assert run("-m", "adcore", script(text), cwd=tmp_path).splitlines()[-1] == "done"
