"""Programs that build on parts of MindSpore's training: steps and optimizers of their own, files under new names."""

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, load_checkpoint, nn, ops, save_checkpoint
from adcore.mindspore import composite, conversion
from helpers import array_of
from test_as_mindspore import run, script  # noqa: F401


class Quotient(nn.Cell):
    """The sum of x / w, whose derivative by w is -sum(x) / w**2."""

    def __init__(self):
        super().__init__()
        self.w = Parameter(Tensor([2.0], adcore.float32), name="w")

    def construct(self, x):
        return (x / self.w).sum()


class Step(nn.TrainOneStepCell):
    def construct(self, *inputs):
        loss = self.network(*inputs)
        sens = ops.full_like(loss, self.sens)
        gradients = self.grad(self.network, self.weights)(*inputs, sens)
        if self.reducer_flag:
            raise AssertionError
        self.optimizer(self.grad_reducer(gradients))
        return loss


class ScaledStep(nn.TrainOneStepWithLossScaleCell):
    def construct(self, *inputs):
        loss = self.network(*inputs)
        status, scale = self.start_overflow_check(loss, self.scale_sense)
        gradients = self.grad(self.network, self.weights)(*inputs, ops.ones_like(loss) * scale)
        gradients = self.hyper_map(lambda g: g / (scale * self.degree), self.grad_reducer(gradients))
        overflow = self.get_overflow_status(status, gradients)
        if not self.process_loss_scale(overflow):
            self.optimizer(gradients)
        return loss, overflow


def test_a_step_with_a_construct_of_its_own():
    net = Quotient()
    step = Step(net, nn.SGD(net.trainable_params(), 0.5), sens=4.0)
    assert float(step(Tensor([1.0, 2.0]))) == 1.5
    assert float(net.w) == 2.0 + 0.5 * 4.0 * 3.0 / 2.0**2


def test_a_scaled_step_with_a_construct_of_its_own():
    net = Quotient()
    step = ScaledStep(net, nn.SGD(net.trainable_params(), 0.5), nn.DynamicLossScaleUpdateCell(8.0, 2, 1))
    loss, overflow = step(Tensor([1.0, 2.0]))
    assert (float(loss), bool(overflow)) == (1.5, False)
    assert float(net.w) == 2.0 + 0.5 * 3.0 / 2.0**2
    scale, before = float(step.scale_sense), float(net.w)
    loss, overflow = step(Tensor([1.0, float("inf")]))
    assert bool(overflow)
    assert (float(step.scale_sense), float(net.w)) == (scale / 2, before)


class Signs(nn.Optimizer):
    """Moves by the sign of the gradient; `seen` has the names in the order of the calls."""

    def __init__(self, params, maps):
        super().__init__(0.25, params)
        self.maps, self.seen = maps, []

    def rule(self, param, gradient):
        self.seen.append(param.name)
        param.set_data(param - self.get_lr() * ops.sign(gradient))
        return True

    def construct(self, gradients):
        return getattr(self, self.maps)(self.rule, self.parameters, gradients)


@pytest.mark.parametrize("maps, order", [("map_", "ab"), ("map_reverse", "ba"), ("hyper_map", "ab")])
def test_an_optimizer_that_maps_its_rule(maps, order):
    params = [Parameter(Tensor([1.0, 2.0], adcore.float32), name=name) for name in "ab"]
    optimizer = Signs(params, maps)
    assert optimizer((Tensor([3.0, -3.0]), Tensor([0.0, 5.0]))) == (True, True)
    assert "".join(optimizer.seen) == order
    np.testing.assert_array_equal(array_of(params[0]), [0.75, 2.25])
    np.testing.assert_array_equal(array_of(params[1]), [1.0, 1.75])


def test_maps_are_those_of_composite():
    assert type(nn.Optimizer.hyper_map) is composite.HyperMap
    assert type(nn.TrainOneStepWithLossScaleCell.hyper_map) is composite.HyperMap


@pytest.mark.parametrize("there, back", [(".ckpt", ".safetensors"), (".safetensors", ".ckpt")])
def test_checkpoints_under_another_suffix(tmp_path, there, back):
    convert = conversion.ckpt_to_safetensors if there == ".ckpt" else conversion.safetensors_to_ckpt
    for rank in range(2):
        (tmp_path / f"rank{rank}").mkdir()
        file = tmp_path / f"rank{rank}" / f"net{there}"
        save_checkpoint({"w": Tensor([float(rank)]), "v": Tensor([7])}, file, append_dict={"told": "so"})
    (tmp_path / "rank0" / f"left{there}").write_bytes((tmp_path / "rank0" / f"net{there}").read_bytes())
    convert(tmp_path, tmp_path / "new", {"w": "weight"}, "net")
    assert sorted(p.name for p in (tmp_path / "new").rglob("*")) == [f"net{back}"] * 2 + ["rank0", "rank1"]
    for rank in range(2):
        loaded = load_checkpoint(tmp_path / "new" / f"rank{rank}" / f"net{back}")
        assert (float(loaded["weight"]), int(loaded["v"]), loaded["told"]) == (rank, 7, "so")
        assert loaded["v"].dtype == adcore.int64


def test_conversions_that_cannot_be(tmp_path):
    save_checkpoint({"a": Tensor([1.0]), "b": Tensor([2.0])}, tmp_path / "net.ckpt")
    to_safetensors = conversion.ckpt_to_safetensors
    for arguments, message in [
        ((tmp_path / "other.ckpt",), "no file or folder"),
        ((tmp_path,), "no folders rank"),
        ((tmp_path / "net.ckpt", tmp_path / "new.ckpt"), "must be a folder"),
        ((tmp_path / "net.ckpt", None, {"a": "b"}), "one name"),
    ]:
        with pytest.raises(ValueError, match=message):
            to_safetensors(*arguments)
    with pytest.raises(ValueError, match="must end with '.safetensors'"):
        conversion.safetensors_to_ckpt(tmp_path / "net.ckpt")
    assert [p.name for p in tmp_path.iterdir()] == ["net.ckpt"]


@pytest.mark.parametrize("kind", [FileNotFoundError, ValueError])
def test_a_checkpoint_that_is_not_there(tmp_path, kind):
    """Programs of MindSpore begin anew where load_checkpoint raises ValueError."""
    with pytest.raises(kind, match="net.ckpt"):
        load_checkpoint(tmp_path / "net.ckpt")


NAMES = """
import numpy as np
import mindspore
from mindspore import context, nn
from mindspore._checkparam import Rel, Validator
from mindspore.common import set_seed
from mindspore.dataset.vision.c_transforms import Decode, RandomHorizontalFlip
from mindspore.dataset.vision.utils import Inter
from mindspore.nn.wrap.grad_reducer import DistributedGradReducer
from mindspore.parallel._auto_parallel_context import auto_parallel_context
from mindspore.parallel._utils import _get_device_num, _get_gradients_mean, _get_parallel_mode
from mindspore.train.callback._callback import Callback

mindspore.run_check()
assert not auto_parallel_context().get_device_num_is_set()
assert (_get_device_num(), _get_gradients_mean()) == (1, False)
assert _get_parallel_mode() == context.ParallelMode.STAND_ALONE
Validator.check_int(2, 1, Rel.GE)
assert mindspore.train.Callback is Callback and mindspore.dataset.vision.Inter is Inter
first = []
for seed in (5, 5, 6):
    set_seed(seed)
    mindspore_draw = float(mindspore.ops.rand(1))
    first.append((np.random.random(), mindspore_draw))
print(first[0] == first[1], first[1][0] == first[2][0])
"""


def test_names_that_older_programs_import(script, tmp_path):  # noqa: F811
    printed = run("-m", "adcore", script(NAMES), cwd=tmp_path).splitlines()
    assert printed[-1] == "True False"
    assert "multiplication calculation is correct" in printed[1]


def test_a_summary_collector_is_asked_at_each_step(tmp_path):
    pytest.importorskip("tensorboardX")
    from adcore.mindspore.summary import SummaryCollector

    net = nn.Dense(2, 1)
    model = adcore.train.Model(net, nn.MSELoss(), nn.SGD(net.trainable_params(), 0.1))
    data = [(np.ones((4, 2), np.float32), np.zeros((4, 1), np.float32))] * 6
    collector = SummaryCollector(tmp_path / "run", collect_freq=2, collect_specified_data={"collect_metric": True})
    written = []
    begin = collector._begin

    def watched(params):
        begin(params)
        collector._writer.add_scalar = lambda name, value, step: written.append((name, step))

    collector._begin = watched
    model.train(1, adcore.dataset.GeneratorDataset(data, ["x", "y"], shuffle=False), callbacks=[collector])
    assert [step for name, step in written if name == "step/loss"] == [2, 4, 6]
