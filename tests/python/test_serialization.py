"""Checkpoints: what is saved comes back with the same bits, by the library's own reading too; what is damaged is
noticed; what does not fit changes nothing; whoever is killed while saving leaves the old file or the new one.
"""

import json
import os
import random
import signal
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import adcore
from adcore import Generator, Parameter, Tensor, nn, ops
from adcore.serialization import _checksum

pytest.importorskip("safetensors")
import safetensors.numpy

DTYPES = [
    "bool_",
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    *("float16", "bfloat16", "float32", "float64"),
]
FILE_DTYPES = {"bool_": "BOOL", "bfloat16": "BF16"}


def network():
    return nn.SequentialCell(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 2))


def same(a, b):
    assert a.dtype == b.dtype and tuple(a.shape) == tuple(b.shape)
    kind = adcore.float32 if a.dtype == adcore.bfloat16 else a.dtype
    assert a.astype(kind).asnumpy().tobytes() == b.astype(kind).asnumpy().tobytes()


def values(net):
    return {name: param.asnumpy().copy() for name, param in net.parameters_dict().items()}


# ---- values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0, 3), (2, 3)], ids=str)
def test_every_dtype_and_shape(name, shape, tmp_path, rng):
    dtype = getattr(adcore, name)
    tensor = Tensor(rng.integers(0, 100, shape), dtype) if name != "bool_" else Tensor(rng.random(shape) < 0.5)
    file = tmp_path / "a.ckpt"
    adcore.save_checkpoint({"x": tensor, "turned": tensor.T}, file)
    loaded = adcore.load_checkpoint(file)
    assert type(loaded["x"]) is Parameter and loaded["x"].name == "x"
    same(loaded["x"], tensor)
    same(loaded["turned"], tensor.T)


def test_numbers_that_have_no_equal(tmp_path):
    special = [np.nan, -np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e-45]
    for dtype in (np.float32, np.float64, np.float16):
        array = np.array(special).astype(dtype)
        adcore.save_checkpoint({"x": Tensor(array)}, tmp_path / "a.ckpt")
        assert adcore.load_checkpoint(tmp_path / "a.ckpt")["x"].asnumpy().tobytes() == array.tobytes()


def test_the_library_reads_our_files_and_we_read_its(tmp_path, rng):
    arrays = {"a.b": rng.standard_normal((2, 3)).astype(np.float32), "c": np.arange(5), "d": np.array(True)}
    adcore.save_checkpoint({name: Tensor(array) for name, array in arrays.items()}, tmp_path / "ours.safetensors")
    theirs = safetensors.numpy.load_file(tmp_path / "ours.safetensors")
    assert {k: v.tobytes() for k, v in theirs.items()} == {k: v.tobytes() for k, v in arrays.items()}
    safetensors.numpy.save_file(arrays, tmp_path / "theirs.safetensors")
    loaded = adcore.load_checkpoint(tmp_path / "theirs.safetensors")
    assert {k: v.asnumpy().tobytes() for k, v in loaded.items()} == {k: v.tobytes() for k, v in arrays.items()}


def foreign(path, **codes):
    """A file of one element in dtypes by their codes in the format, written by its specification."""
    header, data = {}, b""
    for name, (code, raw) in codes.items():
        header[name] = {"dtype": code, "shape": [1], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_dtypes_of_others(tmp_path):
    file = tmp_path / "a.safetensors"
    foreign(file, x=("BF16", struct.pack("<f", 1.5)[2:]), n=("I32", struct.pack("<i", 7)))
    loaded = adcore.load_checkpoint(file)
    assert loaded["x"].dtype == adcore.bfloat16 and float(loaded["x"]) == 1.5 and int(loaded["n"]) == 7
    for code, width in (("F8_E4M3", 1), ("C64", 8)):
        foreign(file, x=(code, bytes(width)))
        with pytest.raises(ValueError, match="'x' in .* is of dtype .*, which adcore lacks"):
            adcore.load_checkpoint(file)


def test_pytorch_agrees(tmp_path):
    torch = pytest.importorskip("torch")
    import safetensors.torch

    module = torch.nn.Linear(3, 2)
    safetensors.torch.save_file({f"fc.{k}": v for k, v in module.state_dict().items()}, tmp_path / "a.safetensors")
    net = nn.Dense(3, 2)
    adcore.load_checkpoint(tmp_path / "a.safetensors", net, name_map={"fc.weight": "weight", "fc.bias": "bias"})
    x = np.ones((1, 3), np.float32)
    np.testing.assert_allclose(net(Tensor(x)).asnumpy(), module(torch.from_numpy(x)).detach().numpy(), rtol=1e-6)


# ---- what save_checkpoint takes ------------------------------------------------------------------------------------


def test_a_cell_comes_back(tmp_path):
    net, other = network(), network()
    adcore.save_checkpoint(net, str(tmp_path / "net"))
    assert os.listdir(tmp_path) == ["net.ckpt"]
    assert adcore.load_param_into_net(other, adcore.load_checkpoint(tmp_path / "net.ckpt")) == ([], [])
    assert {k: v.tobytes() for k, v in values(net).items()} == {k: v.tobytes() for k, v in values(other).items()}


def test_buffers_are_saved_as_parameters_are(tmp_path):
    def with_buffers(start):
        net = network()
        net[0].register_buffer("scale", Tensor([start, 2.0]))
        net[0].register_buffer("scratch", Tensor([start]), persistent=False)
        return net

    net, other, file = with_buffers(1.0), with_buffers(5.0), tmp_path / "a.ckpt"
    adcore.save_checkpoint(net, file)
    assert adcore.load_param_into_net(other, adcore.load_checkpoint(file)) == ([], [])
    assert other[0].scale.asnumpy().tolist() == [1.0, 2.0] and other[0].scratch.asnumpy().tolist() == [5.0]
    net[0].weight.name = "0.scale"
    with pytest.raises(ValueError, match="a Parameter and a buffer have the name '0.scale'"):
        adcore.save_checkpoint(net, file)


def test_lists_dicts_and_what_is_appended(tmp_path):
    file = tmp_path / "a.ckpt"
    adcore.save_checkpoint(
        [{"name": "w", "data": Tensor([1.0])}],
        file,
        append_dict={"epoch": 3, "rate": 0.1, "done": False, "note": "fine", "v": Tensor([2])},
    )
    loaded = adcore.load_checkpoint(file)
    assert set(loaded) == {"w", "epoch", "rate", "done", "note", "v"}
    assert loaded["note"] == "fine" and float(loaded["rate"]) == 0.1 and loaded["rate"].dtype == adcore.float64
    assert int(loaded["epoch"]) == 3 and bool(loaded["done"]) is False


def test_the_order_of_the_network_is_kept(tmp_path):
    net, file = network(), tmp_path / "a.ckpt"
    names = [p.name for p in net.get_parameters()]
    assert names != sorted(names)
    adcore.save_checkpoint(net, file, append_dict={"zeta": "text", "alpha": 1})
    assert [*adcore.load_checkpoint(file)] == [*names, "alpha", "zeta"]
    assert [*adcore.load_checkpoint(file, filter_prefix=names[0])] == [*names[1:], "alpha", "zeta"]


def test_names_are_chosen(tmp_path):
    net, file = network(), tmp_path / "a.safetensors"
    adcore.save_checkpoint(net, file, choice_func=lambda name: name.endswith("weight"), format="safetensors")
    assert set(adcore.load_checkpoint(file)) == {"0.weight", "2.weight"}
    assert set(adcore.load_checkpoint(file, filter_prefix="0.")) == {"2.weight"}
    assert set(adcore.load_checkpoint(file, specify_prefix=["0.", "1."])) == {"0.weight"}
    assert set(adcore.load_checkpoint(file, choice_func=lambda name: "2" in name)) == {"2.weight"}
    assert set(adcore.load_checkpoint(file, name_map={"0.weight": "a"})) == {"a", "2.weight"}
    with pytest.raises(ValueError, match="the name 'a' twice"):
        adcore.load_checkpoint(file, name_map=lambda name: "a")
    with pytest.raises(ValueError, match="nothing in .* is wanted"):
        adcore.load_checkpoint(file, filter_prefix=["0", "2"])


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda f: adcore.save_checkpoint(3, f), TypeError, "a Cell, a dict or a list, got int"),
        (lambda f: adcore.save_checkpoint({"x": 3}, f), TypeError, "'x': int"),
        (lambda f: adcore.save_checkpoint({3: Tensor(1)}, f), TypeError, "Tensors by str"),
        (lambda f: adcore.save_checkpoint([3], f), TypeError, "an item of the list"),
        (lambda f: adcore.save_checkpoint([{"name": "x", "data": Tensor(1)}] * 2, f), ValueError, "one name"),
        (lambda f: adcore.save_checkpoint({}, f, append_dict={"x": object()}), TypeError, "'x': object"),
        (lambda f: adcore.save_checkpoint({"x": Tensor(1)}, f, append_dict={"x": 1}), ValueError, "names 'x'"),
        (lambda f: adcore.save_checkpoint({}, f, enc_key=b"k"), NotImplementedError, "encryption"),
        (lambda f: adcore.save_checkpoint({}, f, format="onnx"), ValueError, "format must be"),
        (lambda f: adcore.save_checkpoint({}, 3), TypeError, "PathLike"),
        (lambda f: adcore.save_checkpoint({}, f / "no" / "folder"), FileNotFoundError, "folder"),
        (lambda f: adcore.load_checkpoint(f), FileNotFoundError, "a.ckpt"),
        (lambda f: adcore.load_checkpoint(f.parent), IsADirectoryError, "directory"),
        (lambda f: adcore.load_state(f), FileNotFoundError, "a.ckpt"),
        (lambda f: adcore.save_state(f, x=object()), TypeError, "x is of <class 'object'>"),
        (lambda f: adcore.save_state(f, x={(1,): 2}), TypeError, "keys of x"),
    ],
)
def test_bad_arguments(call, error, message, tmp_path):
    with pytest.raises(error, match=message):
        call(tmp_path / "a.ckpt")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "numbers, given, wanted, fits",
    [
        ([127, -128], "int64", "int8", True),
        ([128], "int64", "int8", False),
        ([-1], "int64", "uint8", False),
        ([-1], "int8", "uint8", False),
        ([-1], "int64", "uint64", False),
        ([2**63], "uint64", "int64", False),
        ([2**24 + 1], "int32", "int64", True),
        ([1e300, 1.0], "float64", "float32", False),
        ([np.inf, np.nan, 0.1], "float64", "float32", True),
        ([70000.0], "float32", "float16", False),
    ],
)
def test_numbers_that_the_other_dtype_lacks_are_no_other_numbers(numbers, given, wanted, fits):
    net = nn.Cell()
    net.w = adcore.Parameter(Tensor(np.zeros(len(numbers), wanted)), name="w")
    array = np.array(numbers, given)
    if fits:
        adcore.load_param_into_net(net, {"w": Tensor(array)})
        np.testing.assert_array_equal(net.w.asnumpy(), array.astype(wanted))
    else:
        with pytest.raises(RuntimeError, match=f"w has {given} numbers that {wanted} does not have"):
            adcore.load_param_into_net(net, {"w": Tensor(array)})
        assert not net.w.asnumpy().any()


def test_two_parameters_of_one_name(tmp_path):
    net = nn.CellList([nn.Dense(1, 1), nn.Dense(1, 1)])
    net[1].weight.name = net[0].weight.name
    with pytest.raises(ValueError, match="two Parameters have the name"):
        adcore.save_checkpoint(net, tmp_path / "a.ckpt")
    assert os.listdir(tmp_path) == []


def test_tensors_whose_names_read_alike_stay_apart(tmp_path):
    file = tmp_path / "a.state"
    one, two, three = Tensor([1.0]), Tensor([2.0, 2.0]), Tensor(3)
    parts = {
        "net": {"a": {"b": one}, "a.b": two, "a.b (2)": three, "again": one},
        "net.a": {"b": three},
        "keys": {0: one, "0": two},
        "list": [one, {"0": two}],
        "random state": two,
    }
    adcore.save_state(file, **parts)
    loaded = adcore.load_state(file)

    def values_of(x):
        if isinstance(x, Tensor):
            return x.asnumpy().tolist()
        return {k: values_of(v) for k, v in x.items()} if isinstance(x, dict) else list(map(values_of, x))

    assert {k: values_of(v) for k, v in loaded.items()} == {k: values_of(v) for k, v in parts.items()}


# ---- what does not fit ---------------------------------------------------------------------------------------------


def test_all_that_does_not_fit_is_listed_and_nothing_changes():
    net = network()
    before = values(net)
    given = {
        "0.weight": Tensor(np.zeros((4, 3), np.float32)),
        "0.bias": Tensor(np.zeros(5, np.float32)),
        "2.bias": Tensor(np.zeros(2, np.int32)),
        "more": Tensor(1.0),
    }
    with pytest.raises(RuntimeError) as error:
        adcore.load_param_into_net(net, given)
    for part in (
        "shape of 0.bias is (5,), expected (4,)",
        "dtype of 2.bias is int32",
        "missing: 2.weight",
        "surplus: more",
    ):
        assert part in str(error.value)
    assert all((before[name] == value).all() for name, value in values(net).items())


def test_a_dtype_of_the_same_kind_is_converted_unless_strict():
    net = nn.Dense(2, 1)
    given = {name: Tensor(value, adcore.float64) for name, value in values(net).items()}
    assert adcore.load_param_into_net(net, given) == ([], []) and net.weight.dtype == adcore.float32
    with pytest.raises(RuntimeError, match="dtype of weight is float64, expected float32; dtype of bias"):
        adcore.load_param_into_net(net, given, strict_load=True)


def test_what_is_missing_warns():
    net = nn.Dense(2, 1)
    with pytest.warns(UserWarning, match="1 Parameters of Dense keep their values, .*: bias"):
        assert adcore.load_param_into_net(net, {"weight": Tensor([[1.0, 2.0]]), "x": Tensor(1)}) == (["bias"], ["x"])
    assert net.weight.asnumpy().tolist() == [[1.0, 2.0]]


# ---- damage --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A small file with all that a file may have, and what reading it gives."""
    file = tmp_path_factory.mktemp("saved") / "a.ckpt"
    adcore.save_checkpoint(
        {"w": Tensor([[1.0, 2.0]]), "b": Tensor([1, 2], adcore.bfloat16), "n": Tensor(7)}, file, append_dict={"s": "t"}
    )
    return file.read_bytes()


def test_a_flipped_bit_is_noticed(saved, tmp_path):
    """Of every byte one bit; ADCORE_BITS=1 takes all."""
    file = tmp_path / "a.ckpt"
    for bit in range(0, 8 * len(saved), int(os.environ.get("ADCORE_BITS", 9))):
        damaged = bytearray(saved)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged|has format"):
            adcore.load_checkpoint(file)


def test_every_cut_is_noticed(saved, tmp_path):
    file = tmp_path / "a.ckpt"
    for length in range(0, len(saved), 3):
        file.write_bytes(saved[:length])
        with pytest.raises(ValueError, match="damaged"):
            adcore.load_checkpoint(file)
    file.write_bytes(saved + b"\0")
    with pytest.raises(ValueError, match="damaged"):
        adcore.load_checkpoint(file)


def mutated(data, rng):
    """A few bytes changed, moved, doubled or dropped."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 2, 5))):
        a, b = sorted(rng.randrange(len(data)) for _ in range(2))
        way = rng.randrange(6)
        if way == 0:
            data[a] = rng.randrange(256)
        elif way == 1:
            del data[a : a + rng.choice((1, 2, 8))]
        elif way == 2:
            data[a:a] = data[a : min(b, a + 16)]
        elif way == 3:
            data[a : a + 1] = rng.choice((b"9", b"-1", b"1e9", b"null", b'"', b"{", b"\xff"))
        elif way == 4:
            data[a], data[b] = data[b], data[a]
        else:
            data[:8] = struct.pack("<Q", rng.choice((0, 1, len(data), 2**31, 2**63, 2**64 - 1)))
    return bytes(data)


def test_mutations_of_a_file_raise_clearly_or_read_the_same(saved, tmp_path):
    """ADCORE_MUTATIONS says how many."""
    file = tmp_path / "a.ckpt"
    file.write_bytes(saved)
    right, rng = adcore.load_checkpoint(file), random.Random(1)
    for _ in range(int(os.environ.get("ADCORE_MUTATIONS", 500))):
        file.write_bytes(mutated(saved, rng))
        try:
            loaded = adcore.load_checkpoint(file)
        except ValueError:
            continue
        assert set(loaded) == set(right) and loaded["s"] == right["s"]
        for name in ("w", "b", "n"):
            same(loaded[name], right[name])


def test_another_version_of_the_format_says_so(tmp_path):
    array, metadata = np.zeros(1), {"adcore.format": "adcore 2"}
    metadata["adcore.crc32"] = _checksum({"x": (array, "float64")}, metadata)
    safetensors.numpy.save_file({"x": array}, tmp_path / "a.ckpt", metadata)
    with pytest.raises(ValueError, match="has format 'adcore 2'; this version reads 'adcore 1'"):
        adcore.load_checkpoint(tmp_path / "a.ckpt")


# ---- interrupted writing -------------------------------------------------------------------------------------------

SAVER = """
import sys
import numpy as np
import adcore
file = sys.argv[1]
for n in range(1, 10**6):
    adcore.save_checkpoint({f"x{k}": adcore.Tensor(np.full(50_000, n)) for k in range(4)}, file)
    print(n, flush=True)
"""


def python(program, *arguments, **options):
    environment = dict(os.environ, PYTHONPATH=str(Path(adcore.__file__).parents[1]))
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)], env=environment, **options
    )


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path):
    """ADCORE_KILLS says how many are killed."""
    file, rng = tmp_path / "a.ckpt", random.Random(2)
    for _ in range(int(os.environ.get("ADCORE_KILLS", 5))):
        process = python(SAVER, file, stdout=subprocess.PIPE, text=True)
        wanted = rng.randrange(1, 6)
        done = next(n for n in map(int, process.stdout) if n >= wanted)
        for _ in range(rng.randrange(2000)):  # some way into the next save
            os.getpid()
        process.kill()
        rest = process.communicate()[0].split()
        done = int(rest[-1]) if rest else done
        loaded = {int(value.asnumpy().min()) for value in adcore.load_checkpoint(file).values()}
        assert len(loaded) == 1 and loaded <= {done, done + 1}
    assert set(os.listdir(tmp_path)) <= {"a.ckpt", ".a.ckpt.new"}
    adcore.save_checkpoint({"x": Tensor(1)}, file)
    assert os.listdir(tmp_path) == ["a.ckpt"]


def test_a_full_disk_leaves_the_old_file(tmp_path):
    """A limit on the size of files stands for the disk's."""
    file = tmp_path / "a.ckpt"
    adcore.save_checkpoint({"x": Tensor([1.0])}, file)
    program = """
    import resource, signal, sys
    import adcore
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        adcore.save_checkpoint({"x": adcore.ops.zeros(100_000)}, sys.argv[1])
    except OSError as error:
        print(error)
    """
    printed = python(program, file, stdout=subprocess.PIPE, text=True).communicate()[0]
    assert printed.startswith(f"save_checkpoint: {file} could not be written, and is as it was: ")
    assert os.listdir(tmp_path) == ["a.ckpt"]
    assert float(adcore.load_checkpoint(file)["x"][0]) == 1.0


def test_a_link_stays_one(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "latest.ckpt").symlink_to(tmp_path / "there" / "a.ckpt")
    adcore.save_checkpoint({"x": Tensor([1.0])}, tmp_path / "latest.ckpt")
    assert (tmp_path / "latest.ckpt").is_symlink() and os.listdir(tmp_path / "there") == ["a.ckpt"]


def test_an_interrupted_save_leaves_nothing(tmp_path, monkeypatch):
    file = tmp_path / "a.ckpt"
    adcore.save_checkpoint({"x": Tensor([1.0])}, file)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        adcore.save_checkpoint({"x": Tensor([2.0])}, file)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["a.ckpt"]
    assert float(adcore.load_checkpoint(file)["x"][0]) == 1.0


def test_two_writers_of_one_file(tmp_path):
    file = tmp_path / "a.ckpt"
    writers = [python(SAVER, file, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for writer in writers:
        next(line for line in writer.stdout if int(line) == 5)
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    assert len({int(value.asnumpy().min()) for value in adcore.load_checkpoint(file).values()}) == 1


# ---- whole trainings -----------------------------------------------------------------------------------------------


class Training:
    """A training with all that has a state: weights, moments, a schedule, dropout, a Generator."""

    def __init__(self, seed):
        adcore.set_seed(seed)
        self.net = nn.SequentialCell(nn.Dense(3, 8), nn.Tanh(), nn.Dropout(p=0.3), nn.Dense(8, 1)).set_train()
        schedule = nn.CosineDecayLR(0.001, 0.1, 20)
        self.optimizer = nn.Adam(self.net.trainable_params(), schedule)
        self.generator = Generator()
        self.generator.manual_seed(seed)
        self.losses = []
        self.x = Tensor(np.linspace(-1, 1, 30).reshape(10, 3), adcore.float32)
        self.grad_fn = adcore.value_and_grad(self.loss, None, self.optimizer.parameters)

    def loss(self, x):
        return ((self.net(x) - x.sum(axis=1, keepdims=True)) ** 2).mean()

    def step(self):
        noise = ops.rand(10, 3, generator=self.generator)
        loss, gradients = self.grad_fn(self.x + noise + 0.1 * ops.rand(10, 3))
        self.optimizer(gradients)
        self.losses.append(float(loss))

    def parts(self):
        return {"net": self.net, "optimizer": self.optimizer, "generator": self.generator}

    def result(self):
        return [p.asnumpy().tobytes() for p in self.optimizer.get_parameters()], self.losses[-1]


def test_a_resumed_training_gives_the_same_bits(tmp_path):
    file = tmp_path / "run.state"
    whole = Training(1)
    for step in range(9):
        if step == 4:
            adcore.save_state(file, **whole.parts(), step=step, losses=whole.losses, note={"a": (1, None)})
        whole.step()
    resumed = Training(99)
    plain = adcore.load_state(file, **resumed.parts())
    assert plain == {"step": 4, "losses": whole.losses[:4], "note": {"a": (1, None)}}
    for _ in range(plain["step"], 9):
        resumed.step()
    assert resumed.result() == whole.result()


def test_a_parameter_that_two_parts_have_is_in_the_file_once(tmp_path):
    training = Training(1)
    adcore.save_state(tmp_path / "a", **training.parts())
    weights = sum(p.nbytes for p in training.net.get_parameters())
    moments = sum(p.nbytes for p in training.optimizer.get_parameters()) - weights
    file = safetensors.numpy.load_file(tmp_path / "a")
    assert sum(array.nbytes for array in file.values()) < weights + moments + 100


def test_a_state_that_does_not_fit_changes_nothing(tmp_path):
    file, training, other = tmp_path / "a", Training(1), Training(2)
    adcore.save_state(file, **training.parts())
    other.step()
    other.optimizer = nn.Momentum(other.net.trainable_params(), 0.1, 0.9)
    random_state = adcore.get_rng_state().asnumpy().tolist()
    before = values(other.net), other.generator.get_state().asnumpy().tolist()
    with pytest.raises(RuntimeError, match="does not fit Momentum") as error:
        adcore.load_state(file, **other.parts())
    assert error.value.__notes__ == ["load_state: at optimizer; all parts are as they were."]
    assert all((before[0][name] == value).all() for name, value in values(other.net).items())
    assert other.generator.get_state().asnumpy().tolist() == before[1]
    assert adcore.get_rng_state().asnumpy().tolist() == random_state
    with pytest.raises(KeyError, match="has no 'data'; it has net, optimizer, generator"):
        adcore.load_state(file, data=other.net)
    with pytest.raises(TypeError, match="net is of <class 'int'>, which has no load_state_dict"):
        adcore.load_state(file, net=3)
    adcore.save_checkpoint(training.net, file)
    with pytest.raises(ValueError, match="not a file of save_state"):
        adcore.load_state(tmp_path / "a.ckpt")


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
import adcore
from test_serialization import Training
training, steps = Training(int(sys.argv[3])), 0
if os.path.exists(sys.argv[1]):
    steps = adcore.load_state(sys.argv[1], **training.parts())["steps"]
for step in range(steps, 12):
    adcore.save_state(sys.argv[1], **training.parts(), steps=step)
    training.step()
    if step == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
print(repr(training.result()))
"""


def test_a_training_that_is_killed_and_started_again_gives_the_same_bits(tmp_path):
    here = str(Path(__file__).parent)
    whole = python(KILLED, tmp_path / "whole", here, 1, -1, stdout=subprocess.PIPE, text=True).communicate()[0]
    for at in (3, 7, -1):
        parted = python(KILLED, tmp_path / "parted", here, 1, at, stdout=subprocess.PIPE, text=True).communicate()[0]
        assert bool(parted) == (at == -1)
    assert parted == whole
