"""Pipelines of data. The laws: an epoch has every row once, in an order that the seed decides, at any combination of
operations and workers; an iterator that is resumed goes on with the same bits. Right values are lists by hand.
"""

import gzip
import itertools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import adcore
from adcore import Tensor, dataset
from adcore.dataset import (
    CSVDataset,
    GeneratorDataset,
    MnistDataset,
    NumpyFileDataset,
    NumpySlicesDataset,
    config,
    transforms,
    vision,
)


def rows(data, *names, shuffle=False, **options):
    return NumpySlicesDataset(data, *names, shuffle=shuffle, **options)


def values(pipeline):
    """The rows of an epoch as lists, or single values where there is one column."""
    out = [[v.tolist() for v in row] for row in pipeline.create_tuple_iterator(num_epochs=1, output_numpy=True)]
    return [row[0] if len(row) == 1 else row for row in out]


def flat(batches):
    return [v for batch in batches for v in (batch if isinstance(batch, list) else [batch])]


class Items:
    """A source with random access."""

    def __init__(self, n):
        self.n, self.asked = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        self.asked.append(i)
        return np.int64(i), np.full(2, i, np.float32)


def stream(n):
    def numbers():
        for i in range(n):
            yield np.int64(i), np.full(2, i, np.float32)

    return numbers


SOURCES = {
    "arrays": lambda n: NumpySlicesDataset(
        {"i": np.arange(n), "x": np.repeat(np.arange(n, dtype=np.float32), 2).reshape(n, 2)}
    ),
    "items": lambda n: GeneratorDataset(Items(n), ["i", "x"]),
    "stream": lambda n: GeneratorDataset(stream(n), ["i", "x"]),
}

# Operations that keep the rows of an epoch.
KEEPING = {
    "shuffle": lambda d: d.shuffle(3),
    "seeded": lambda d: d.shuffle(4, seed=5),
    "batch": lambda d: d.batch(3),
    "threads": lambda d: d.map(lambda i: i, "i", num_parallel_workers=2),
    "map": lambda d: d.map(lambda i, x: (i, x)),
    "cast": lambda d: d.map(transforms.TypeCast(adcore.int32), "i"),
    "ahead": lambda d: d.batch(2, num_parallel_workers=1),
    "own batch": lambda d: d.batch(2, per_batch_map=lambda i, x, info: (i, x), num_parallel_workers=2),
    "filter": lambda d: d.filter(lambda i, x: True),
    "names": lambda d: d.rename("i", "j").project(["x", "j"]).rename("j", "i").project(["i", "x"]),
    "nothing": lambda d: d.take(1000).skip(0),
    "parts": lambda d: d.take(2) + d.skip(2),
    "zip": lambda d: d.project("i").zip(d.rename(["i", "x"], ["k", "x"]).project("x")),
}
# They take the dataset twice, and each time it is shuffled for itself: they keep the rows of what is not shuffled.
TOGETHER = {"parts", "zip"}
BATCHES = {"batch", "ahead", "own batch"}


def built(source, n, operations):
    d = SOURCES[source](n)
    if TOGETHER & set(operations):
        d = d if source == "stream" else GeneratorDataset(Items(n), ["i", "x"], shuffle=False)
    for name in operations:
        d = KEEPING[name](d)
    return d


@st.composite
def pipelines(draw):
    names = draw(st.lists(st.sampled_from(sorted(KEEPING)), max_size=4))
    kept, batched, shuffled = [], False, False
    for name in names:
        if name in BATCHES and batched or name in TOGETHER and (shuffled or batched):
            continue
        batched |= name in BATCHES
        shuffled |= name in {"shuffle", "seeded"}
        kept.append(name)
    return draw(st.sampled_from(sorted(SOURCES))), draw(st.integers(1, 12)), tuple(kept)


LAWS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def epochs(pipeline, count):
    iterator = pipeline.create_tuple_iterator(num_epochs=count, output_numpy=True)
    return [[[v.tolist() for v in row] for row in iterator] for _ in range(count)]


@LAWS
@given(pipelines())
def test_every_row_once_in_each_epoch(case):
    source, n, operations = case
    for epoch in epochs(built(source, n, operations), 2):
        numbers = flat(row[0] for row in epoch)
        assert sorted(numbers) == list(range(n))
        pairs = [p for row in epoch for p in (row[1] if isinstance(row[0], list) else [row[1]])]
        assert pairs == [[i, i] for i in numbers], "columns of different rows"


@LAWS
@given(pipelines(), st.integers(0, 3))
def test_the_seed_decides_the_order(case, seed):
    config.set_seed(seed)
    first = epochs(built(*case), 3)
    config.set_seed(seed)
    assert epochs(built(*case), 3) == first


@LAWS
@given(pipelines(), st.integers(0, 40))
def test_a_resumed_iterator_goes_on_with_the_same_rows(case, steps):
    pipeline = built(*case)
    iterator = pipeline.create_tuple_iterator(num_epochs=3, output_numpy=True)
    for _ in range(steps):
        if iterator.state_dict()["epoch"] < 3:
            next(iterator, None)
    state = iterator.state_dict()
    assert all(type(v) is int for v in state.values())
    resumed = built(*case).create_tuple_iterator(num_epochs=3, output_numpy=True)
    resumed.load_state_dict(state)
    for epoch in range(state["epoch"], 3):
        expected = [[v.tolist() for v in row] for row in iterator]
        assert [[v.tolist() for v in row] for row in resumed] == expected
        assert iterator.state_dict() == resumed.state_dict()
        assert resumed.state_dict()["epoch"] == epoch + 1


@LAWS
@given(pipelines())
def test_tensors_are_the_arrays(case):
    arrays = epochs(built(*case), 2)
    iterator = built(*case).create_dict_iterator(num_epochs=2)
    for epoch in arrays:
        got = list(iterator)
        assert all(type(v) is Tensor for row in got for v in row.values())
        assert [[v.asnumpy().tolist() for v in row.values()] for row in got] == epoch


@LAWS
@given(pipelines())
def test_the_size_is_the_number_of_rows(case):
    pipeline = built(*case)
    assert pipeline.get_dataset_size() == len(epochs(pipeline, 1)[0])


def test_each_epoch_has_another_order_and_each_place_too():
    d = rows(np.arange(50))
    shuffled = d.shuffle()
    orders = [tuple(values(shuffled)) for _ in range(3)]
    assert len(set(orders)) == 3
    assert all(sorted(o) == list(range(50)) for o in orders)
    shuffled.reset()
    assert tuple(values(shuffled)) == orders[0]
    assert len({tuple(values(d.shuffle())), tuple(values(d.shuffle().shuffle()))}) == 2
    pairs = values(d.shuffle().zip(d.rename("column_0", "y").shuffle()))
    assert [a for a, _ in pairs] != [b for _, b in pairs]
    twice = values(d.shuffle().repeat(2))
    assert twice[:50] != twice[50:] and sorted(twice) == sorted([*range(50)] * 2)


def test_a_seed_that_is_set_again_starts_anew():
    d = rows(np.arange(50)).shuffle()
    for set_seed in (adcore.set_seed, config.set_seed):
        set_seed(3)
        first = [values(d), values(d)]
        set_seed(3)
        assert [values(d), values(d)] == first
        set_seed(4)
        assert values(d) != first[0]
    own = rows(np.arange(50)).shuffle(seed=1)
    first = values(own)
    config.set_seed(9)
    assert values(own) == first
    assert values(own) != first


@pytest.mark.parametrize("n", [5, 10_000, 10_001])
def test_a_permutation_is_one(n):
    order = dataset.samplers.permutation(np.random.default_rng(0), n)
    assert sorted(order) == list(range(n)) and (n == 5 or (order != np.arange(n)).mean() > 0.99)


def test_shuffles_are_uniform():
    """Each of 3 rows is as often at each of the 3 places, and each of the 6 orders comes."""
    for d in (rows(np.arange(3)).shuffle(), GeneratorDataset(stream(3), ["i", "x"]).shuffle(3).project("i")):
        found = [tuple(values(d)) for _ in range(600)]
        counts = [found.count(order) for order in itertools.permutations(range(3))]
        assert sum(counts) == 600 and min(counts) > 60


# ---- resuming ------------------------------------------------------------------------------------------------------


def test_resuming_computes_nothing_of_what_was_given():
    mapped = []
    source = Items(20)
    d = GeneratorDataset(source, ["i", "x"]).map(lambda i: mapped.append(int(i)) or i, "i").shuffle(2).batch(4)
    d = d.repeat(2)
    all_rows = epochs(d, 1)[0]
    mapped.clear()
    source.asked.clear()
    iterator = d.create_tuple_iterator(output_numpy=True)
    iterator.load_state_dict({**iterator.state_dict(), "start": 0, "position": 8})
    assert [[v.tolist() for v in row] for row in iterator] == all_rows[8:]
    assert sorted(mapped) == sorted(source.asked) == sorted(flat(row[0] for row in all_rows[8:]))


def test_an_iterator_that_another_seed_made_goes_on_with_that_seed():
    config.set_seed(1)
    d = rows(np.arange(20)).shuffle()
    expected = values(d)
    config.set_seed(1)
    iterator = d.create_tuple_iterator(output_numpy=True)
    for _ in range(5):
        next(iterator)
    config.set_seed(2)
    other = rows(np.arange(20)).shuffle().create_tuple_iterator(output_numpy=True)
    other.load_state_dict(iterator.state_dict())
    assert [int(x) for (x,) in other] == expected[5:]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"position": 21}, "position is 21, but an epoch has 20 elements"),
        ({"position": -1}, "position must be at least 0"),
        ({"epoch": 4}, "epoch is 4, but num_epochs is 3"),
        ({"more": 1}, "needs a dict with seed, start, epoch, position"),
    ],
)
def test_a_state_that_cannot_be(change, message):
    iterator = rows(np.arange(20)).create_tuple_iterator(num_epochs=3)
    next(iterator)
    before = iterator.state_dict()
    with pytest.raises(ValueError, match=message):
        iterator.load_state_dict({**before, **change})
    assert iterator.state_dict() == before and int(next(iterator)[0]) == 1


def test_after_an_error_the_iterator_goes_on_where_it_was():
    """An epoch that ends at the error would be taken for a whole one."""
    broken = [True]

    def fails(x):
        if broken[0] and x == 3:
            raise KeyError("no")
        return x

    iterator = rows(np.arange(6)).map(fails).create_tuple_iterator(num_epochs=1, output_numpy=True)
    seen = [int(next(iterator)[0]) for _ in range(3)]
    for _ in range(2):
        with pytest.raises(RuntimeError, match="fails failed at row 3"):
            next(iterator)
    broken[0] = False
    assert seen + [int(x) for (x,) in iterator] == list(range(6))


def test_epochs_of_an_iterator_come_to_an_end():
    iterator = rows([1, 2]).create_tuple_iterator(num_epochs=2)
    assert [len(list(iterator)) for _ in range(2)] == [2, 2]
    with pytest.raises(RuntimeError, match="the 2 epochs of num_epochs have been gone through"):
        next(iterator)
    endless = rows([1, 2]).create_dict_iterator()
    assert [len(list(endless)) for _ in range(5)] == [2] * 5


def test_a_training_that_is_resumed_has_the_same_bits(tmp_path, rng):
    """Parameters, optimizer and the position in the data, by one file."""
    pytest.importorskip("safetensors")
    data = rng.standard_normal((50, 3)).astype(np.float32), rng.standard_normal((50, 1)).astype(np.float32)
    file = str(tmp_path / "run.state")

    def losses(stop=None, resume=False):
        config.set_seed(1)
        adcore.set_seed(2)
        net = adcore.nn.Dense(3, 1)
        optimizer = adcore.nn.Adam(net.trainable_params(), 0.1)
        iterator = NumpySlicesDataset(data).batch(8).create_tuple_iterator(num_epochs=3)
        step = adcore.value_and_grad(lambda x, y: ((net(x) - y) ** 2).mean(), None, optimizer.parameters)
        if resume:
            adcore.load_state(file, net=net, optimizer=optimizer, data=iterator)
        out = []
        while iterator.state_dict()["epoch"] < 3:
            for x, y in iterator:
                loss, gradients = step(x, y)
                optimizer(gradients)
                out.append(float(loss))
                if len(out) == stop:
                    adcore.save_state(file, net=net, optimizer=optimizer, data=iterator)
                    return out
        return out

    whole = losses()
    assert len(whole) == 21 and losses(stop=10) + losses(resume=True) == whole


# ---- sources -------------------------------------------------------------------------------------------------------


def test_slices_of_arrays():
    d = rows({"a": [1, 2], "b": np.array([[1.5, 2], [3, 4]], np.float32)})
    assert d.get_col_names() == ["a", "b"] and len(d) == 2
    assert d.output_shapes() == [[], [2]] and d.output_types() == [np.int64, np.float32]
    first = next(iter(d))
    assert [type(v) for v in first] == [Tensor, Tensor] and first[1].dtype == adcore.float32
    assert rows(([1, 2], [3, 4])).get_col_names() == ["column_0", "column_1"]
    assert values(rows([[1, 2], [3, 4]], "x")) == [[1, 2], [3, 4]]
    assert values(rows(Tensor([1.0, 2.0]))) == [1.0, 2.0]


def test_strings_stay_arrays():
    ((text, number),) = rows({"t": ["ab"], "n": [1]})
    assert isinstance(text, np.ndarray) and str(text) == "ab" and type(number) is Tensor
    ((texts, _),) = rows({"t": ["ab", "c"], "n": [1, 2]}).batch(2)
    assert texts.tolist() == ["ab", "c"]


def test_a_bunch_of_scikit_learn():
    bunch = pytest.importorskip("sklearn.datasets").load_wine()
    d = rows(bunch)
    assert d.get_col_names() == ["data", "target"]
    np.testing.assert_array_equal(np.stack([x.asnumpy() for x, _ in d]), bunch.data)


def test_rows_of_a_batch_are_not_the_source():
    source = np.arange(4.0)
    for d in (rows(source), rows(source).batch(2), GeneratorDataset([source], "x").batch(1)):
        for row in d.create_tuple_iterator(num_epochs=1, output_numpy=True):
            row[0][...] = -1
        for row in d.create_tuple_iterator(num_epochs=1):
            row[0][...] = -1
    changed = GeneratorDataset([source], "x").map(lambda x: x.__imul__(0))
    assert values(changed) == [[0.0] * 4]
    assert source.tolist() == [0, 1, 2, 3]


def test_what_a_function_keeps_is_not_what_the_consumer_gets():
    buffer = np.zeros(2)

    def reused(x):
        buffer[:] = x
        return buffer

    got = [x for (x,) in rows([1.0, 2.0]).map(reused)]
    assert [x.asnumpy().tolist() for x in got] == [[1, 1], [2, 2]]
    got = list(rows([1.0, 2.0]).map(reused).batch(2))
    assert got[0][0].asnumpy().tolist() == [[1, 1], [2, 2]]


@pytest.mark.parametrize(
    "source, expected",
    [
        (lambda: (i for i in range(3)), [0, 1, 2]),
        (lambda: [4, 5], [4, 5]),
        ([4, 5], [4, 5]),
        ((x for x in [1, 2]), [1, 2]),
        (map(abs, [-1, -2]), [1, 2]),
        (range(3), [0, 1, 2]),
        ({3}, [3]),
        (np.array([[1, 2]]), [[1, 2]]),
    ],
    ids=["function", "function of a list", "list", "generator", "map", "range", "set", "array"],
)
def test_what_a_generator_dataset_takes(source, expected):
    random_access = hasattr(source, "__getitem__")
    d = GeneratorDataset(source, "x", shuffle=False if random_access else None)
    assert [values(d) for _ in range(3)] == [expected] * 3
    assert d.get_dataset_size() == len(expected)


def test_rows_of_several_columns():
    pairs = [(1, [1.0, 2.0]), (2, [3.0, 4.0])]
    for rows_of in (pairs, [list(p) for p in pairs], [{"b": y, "a": x} for x, y in pairs]):
        assert values(GeneratorDataset(rows_of, ["a", "b"], shuffle=False)) == [[1, [1, 2]], [2, [3, 4]]]
    d = GeneratorDataset(pairs, ["a", "b"], [adcore.int8, np.float32], shuffle=False)
    assert d.output_types() == [np.int8, np.float32]


def test_an_iterator_that_fails_fails_in_each_epoch():
    def broken():
        yield 1
        raise ValueError("torn")

    d = GeneratorDataset(broken(), "x")
    for _ in range(2):
        iterator = d.create_tuple_iterator()
        assert int(next(iterator)[0]) == 1
        with pytest.raises(RuntimeError, match="GeneratorDataset: .*broken failed at row 1: ValueError: torn"):
            next(iterator)


def test_csv_files(tmp_path):
    (tmp_path / "b.csv").write_text("n,x,t\n3,2.5,c\n")
    (tmp_path / "a.csv").write_text('n,x,t\n1,0.5,"a,b"\n\n2,,\n')
    d = CSVDataset(str(tmp_path / "*.csv"), column_defaults=[0, -1.0, "?"], shuffle=False)
    assert values(d) == [[1, 0.5, "a,b"], [2, -1.0, "?"], [3, 2.5, "c"]]
    assert d.output_types()[:2] == [np.int32, np.float32]
    assert values(CSVDataset(tmp_path / "b.csv", column_names=["p", "q", "r"], shuffle=False))[1] == ["3", "2.5", "c"]
    assert sorted(values(CSVDataset(tmp_path / "a.csv").project("n"))) == ["1", "2"]


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_files_of_mnist(tmp_path, ending, rng):
    images, labels = rng.integers(0, 256, (5, 4, 3), np.uint8), rng.integers(0, 10, 5, np.uint8)

    def write(name, *numbers, data):
        content = np.array(numbers, ">i4").tobytes() + data.tobytes()
        (tmp_path / f"{name}{ending}").write_bytes(gzip.compress(content) if ending else content)

    for part, i in (("train", slice(3)), ("t10k", slice(3, 5))):
        write(f"{part}-images-idx3-ubyte", 2051, len(images[i]), 4, 3, data=images[i])
        write(f"{part}-labels-idx1-ubyte", 2049, len(labels[i]), data=labels[i])
    for usage, i in ((None, slice(5)), ("all", slice(5)), ("train", slice(3)), ("test", slice(3, 5))):
        d = MnistDataset(tmp_path, usage, shuffle=False)
        assert values(d) == [[x[..., None].tolist(), int(y)] for x, y in zip(images[i], labels[i])]
    write("t10k-labels-idx1-ubyte", 2049, 1, data=labels[:1])
    with pytest.raises(ValueError, match="'image' has 2, 'label' has 1"):
        MnistDataset(tmp_path, "test")
    write("t10k-labels-idx1-ubyte", 2049, 7, data=labels[:1])
    with pytest.raises(ValueError, match="t10k-labels.* is no such file: cannot reshape"):
        MnistDataset(tmp_path, "test")
    write("t10k-labels-idx1-ubyte", 1, 1, data=labels[:1])
    with pytest.raises(ValueError, match="its first number is 1, not 2049"):
        MnistDataset(tmp_path, "test")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        MnistDataset(tmp_path / "elsewhere")


@pytest.mark.parametrize("form", ["npy", "npz", "compressed", "dict", "fortran"])
def test_files_of_arrays(tmp_path, form):
    x, y = np.arange(12.0).reshape(6, 2), np.arange(6, dtype=np.int32)
    path = tmp_path / ("a.npy" if form in ("npy", "dict", "fortran") else "a.npz")
    if form == "npz":
        np.savez(path, x=x, y=y)
    elif form == "compressed":
        np.savez_compressed(path, x=x, y=y)
    else:
        np.save(path, np.asfortranarray(x) if form == "fortran" else x)
    if form in ("npz", "compressed"):
        assert values(NumpyFileDataset(path, shuffle=False)) == [[a, b] for a, b in zip(x.tolist(), y.tolist())]
        assert values(NumpyFileDataset(path, "y", shuffle=False)) == y.tolist()
    else:
        d = NumpyFileDataset({"x": path} if form == "dict" else path, None if form == "dict" else "x", shuffle=False)
        assert values(d) == x.tolist() and d.get_col_names() == ["x"]
        assert [v.asnumpy().tolist() for (v,) in d.batch(4)] == [x[:4].tolist(), x[4:].tolist()]
    mapped = NumpyFileDataset(path, shuffle=False)._columns
    assert all(isinstance(c.base, np.memmap) for c in mapped) == (form != "compressed")


# ---- samplers ------------------------------------------------------------------------------------------------------


def chosen(sampler, n=5):
    return values(NumpySlicesDataset(np.arange(n) * 10, sampler=sampler))


def test_samplers():
    assert chosen(dataset.SequentialSampler(1, 3)) == [10, 20, 30]
    assert chosen(dataset.SubsetSampler([4, 0, 4])) == [40, 0, 40] == chosen([4, 0, 4]) == chosen(np.array([4, 0, 4]))
    assert sorted(chosen(dataset.SubsetRandomSampler([4, 0]))) == [0, 40]
    assert sorted(chosen(dataset.RandomSampler())) == [0, 10, 20, 30, 40]
    assert len(set(chosen(dataset.RandomSampler(num_samples=3)))) == 3
    assert len(chosen(dataset.RandomSampler(True, 9))) == 9
    assert chosen(dataset.WeightedRandomSampler([0, 0, 1, 0, 0], 4)) == [20] * 4
    assert sorted(chosen(dataset.WeightedRandomSampler([0, 1, 1, 0, 0], 2, replacement=False))) == [10, 20]
    assert chosen(iter([3, 1])) == [30, 10]

    class Own:
        def __iter__(self):
            yield from (2, 2, 1)

    assert chosen(Own()) == [20, 20, 10]
    drawn = flat(chosen(dataset.WeightedRandomSampler([1, 3], 1000), 2))
    assert abs(drawn.count(10) / 1000 - 0.75) < 5 * math.sqrt(0.75 * 0.25 / 1000)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("n, shards", [(6, 2), (7, 3), (2, 3), (5, 1)])
def test_shards_have_every_row_and_the_same_size(n, shards, shuffle):
    shares = [
        values(NumpySlicesDataset(np.arange(n), num_shards=shards, shard_id=i, shuffle=shuffle)) for i in range(shards)
    ]
    assert {len(s) for s in shares} == {-(-n // shards)}
    assert set(flat(shares)) == set(range(n))


def test_num_samples():
    assert values(rows(np.arange(5), num_samples=2)) == [0, 1]
    assert len(set(values(NumpySlicesDataset(np.arange(5), num_samples=3)))) == 3
    assert len(NumpySlicesDataset(np.arange(5), num_samples=9)) == 5
    assert len(values(GeneratorDataset(stream(5), ["i", "x"], num_samples=2))) == 2


# ---- operations ----------------------------------------------------------------------------------------------------


def test_batches():
    d = rows(np.arange(5))
    assert values(d.batch(2)) == [[0, 1], [2, 3], [4]] and len(d.batch(2)) == 3
    assert values(d.batch(2, drop_remainder=True)) == [[0, 1], [2, 3]] and len(d.batch(2, True)) == 2
    assert values(d.batch(2).batch(1)) == [[[0, 1]], [[2, 3]], [[4]]]
    assert d.batch(2).get_batch_size() == 2 and d.batch(2).repeat(3).get_batch_size() == 2 and d.get_batch_size() == 1
    assert values(d.repeat(2).batch(4)) == [[0, 1, 2, 3], [4, 0, 1, 2], [3, 4]]
    assert values(d.batch(3).repeat(2)) == [[0, 1, 2], [3, 4]] * 2
    assert d.repeat(2).get_repeat_count() == 2 and d.repeat(2).repeat(3).get_repeat_count() == 6
    assert sorted(map(tuple, values(d.batch(2).shuffle()))) == [(0, 1), (2, 3), (4,)]
    large = rows(np.zeros((100, 100_000), np.float32)).batch(3)  # many blocks
    assert [x.shape[0] for (x,) in large] == [3] * 33 + [1]


@pytest.mark.parametrize("shape", [(5,), (5, 3), (0, 2), (4, 0), (6, 1)])
@pytest.mark.parametrize("count", [1, 2, 5, 2**62])
def test_batches_of_an_array_share_its_memory(shape, count):
    x = np.arange(math.prod(shape), dtype=np.float64).reshape(shape)
    batches = Tensor._batches(x, count)
    expected = [x[i : i + count] for i in range(0, shape[0], count)]
    assert [b.shape for b in batches] == [e.shape for e in expected] and all(b.is_contiguous() for b in batches)
    x += 1
    for got, wanted in zip(batches, expected):
        np.testing.assert_array_equal(got.asnumpy(), wanted)
        np.testing.assert_array_equal((got + 1).asnumpy(), wanted + 1)
    assert [int(b.sum().item()) for b in batches] == [int(e.sum()) for e in expected]


@pytest.mark.parametrize(
    "arguments, error",
    [((np.ones(3), 0), ValueError), ((3, 1), ValueError), ((np.array(1.0), 1), ValueError), ((), TypeError)]
    + [((np.array(["a"]), 1), TypeError), ((np.broadcast_to(1.0, 3), 1), ValueError)],
)
def test_what_has_no_batches(arguments, error):
    with pytest.raises(error):
        Tensor._batches(*arguments)


def test_per_batch_map():
    d = rows({"a": [1, 2, 3], "b": [10, 20, 30]})

    def totals(a, b, info):
        return ([x + y for x, y in zip(a, b)],)

    assert values(d.batch(2, per_batch_map=totals, output_columns="s")) == [[11, 22], [33]]
    named = d.batch(2, per_batch_map=lambda a, info: [x + 100 * info.get_epoch_num() for x in a], input_columns="a")
    assert [values(named), values(named)] == [
        [[[1, 2], [10, 20]], [[3], [30]]],
        [[[101, 102], [10, 20]], [[103], [30]]],
    ]
    more = d.batch(3, per_batch_map=lambda a, info: (a, a), input_columns="a", output_columns=["p", "q"])
    assert more.get_col_names() == ["p", "q", "b"]


def test_padded_batches():
    d = GeneratorDataset([np.full(i, i) for i in (1, 3, 2)], "x", shuffle=False)
    assert values(d.padded_batch(2, pad_info={})) == [[[1, 0, 0], [3, 3, 3]], [[2, 2]]]
    assert values(d.padded_batch(3, pad_info={"x": ([4], -1)}))[0] == [[1, -1, -1, -1], [3, 3, 3, -1], [2, 2, -1, -1]]
    assert values(d.padded_batch(2, True, pad_info={"x": (None, 9)})) == [[[1, 9, 9], [3, 3, 3]]]
    with pytest.raises(ValueError, match=r"'x' has rows up to the shape \[3\], more than \[2\]"):
        values(d.padded_batch(2, pad_info={"x": ([2], 0)}))


def test_maps():
    d = rows({"a": [1, 2], "b": [10, 20]})
    assert values(d.map(lambda a: a + 1)) == [[2, 10], [3, 20]]
    assert values(d.map([lambda a, b: a + b, lambda s: s * 2], output_columns="s")) == [22, 44]
    assert values(d.map(lambda b: b + 1, "b", "c")) == [[1, 11], [2, 21]]
    split = d.map(lambda b: (b, -b), "b", ["p", "q"])
    assert split.get_col_names() == ["p", "q", "a"] and values(split) == [[10, -10, 1], [20, -20, 2]]
    assert values(d.map(lambda a: Tensor([1.0, 2.0]) * int(a), "a").project("a")) == [[1, 2], [2, 4]]
    assert values(d.map(transforms.Compose([lambda a: a + 1, np.negative]), "a").project("a")) == [-2, -3]


def test_some_rows():
    d = rows(np.arange(5))
    assert values(d.take(2)) == [0, 1] and values(d.take()) == [0, 1, 2, 3, 4] and values(d.take(9)) == [0, 1, 2, 3, 4]
    assert values(d.skip(4)) == [4] and values(d.skip(9)) == [] and len(d.skip(9)) == 0
    assert values(d.filter(lambda x: x % 2 == 0)) == [0, 2, 4]
    assert d.filter(lambda x: x % 2 == 0).batch(2).get_dataset_size() == 2
    assert values(d.filter(lambda x: x > 2, num_parallel_workers=2)) == [3, 4]
    assert values(d + rows([9])) == [0, 1, 2, 3, 4, 9] == values(d.concat([rows([9])]))
    assert sorted(values((d + rows([9])).shuffle())) == [0, 1, 2, 3, 4, 9]
    assert values(d.zip(rows([7, 8], "y"))) == [[0, 7], [1, 8]] == values(dataset.zip((d, rows([7, 8], "y"))))
    assert values(d.apply(lambda d: d.take(1))) == [0]
    endless = d.repeat()
    assert values(endless.take(7)) == [0, 1, 2, 3, 4, 0, 1]
    assert [x.tolist() for (x,) in itertools.islice(iter(endless.batch(4)), 3)] == [
        [0, 1, 2, 3],
        [4, 0, 1, 2],
        [3, 4, 0, 1],
    ]


def test_columns_of_an_iterator():
    d = rows({"a": [1], "b": [2]})
    assert [int(v) for v in next(d.create_tuple_iterator(columns=["b", "a"]))] == [2, 1]
    assert list(next(d.create_dict_iterator())) == ["a", "b"]


@pytest.mark.parametrize(
    "make",
    [SOURCES[s] for s in SOURCES]
    + [lambda n: NumpySlicesDataset((np.arange(n), np.arange(n)), ["i", "x"], sampler=OwnRandom(n))],
    ids=[*SOURCES, "own sampler"],
)
@pytest.mark.parametrize("randomize", [False, True])
def test_parts_of_a_split_never_meet(make, randomize):
    """Not in any epoch, whatever is shuffled below."""
    d = make(20).project("i")
    d = d.shuffle(3)
    train, test = d.split([0.75, 0.25], randomize)
    assert (train.get_dataset_size(), test.get_dataset_size()) == (15, 5)
    parts = [[set(values(part)) for _ in range(3)] for part in (train, test)]
    assert all(part == parts[k][0] for k in range(2) for part in parts[k])
    assert parts[0][0] | parts[1][0] == set(range(20)) and not parts[0][0] & parts[1][0]
    config.set_seed(77)
    assert set(values(train)) == parts[0][0]


class OwnRandom:
    def __init__(self, n):
        self.n, self.rng = n, np.random.default_rng(0)

    def __iter__(self):
        return iter(self.rng.permutation(self.n).tolist())


def test_splits():
    d = rows(np.arange(10))
    assert [values(p) for p in d.split([3, 7], randomize=False)] == [[0, 1, 2], [3, 4, 5, 6, 7, 8, 9]]
    assert [len(p) for p in d.split([0.33, 0.33, 0.34])] == [4, 3, 3]
    assert [len(p) for p in rows(np.arange(5)).split([0.5, 0.5])] == [3, 2]
    first, second = [values(p) for p in d.split([5, 5])]
    assert sorted(first + second) == list(range(10)) and first != [0, 1, 2, 3, 4]
    shuffled = NumpySlicesDataset(np.arange(10)).split([5, 5])[0]
    assert values(shuffled) != values(shuffled)  # the rows of a part are in another order in each epoch


def test_lengths():
    d = GeneratorDataset(stream(3), ["i", "x"])
    with pytest.raises(TypeError, match="get_dataset_size"):
        len(d)
    assert bool(d) and d.get_dataset_size() == 3 and len(list(d)) == 3
    with pytest.raises(RuntimeError, match="has no end"):
        rows([1]).repeat().get_dataset_size()
    with pytest.raises(RuntimeError, match="no rows to repeat"):
        next(iter(rows([1]).skip(1).repeat()))


# ---- transforms ----------------------------------------------------------------------------------------------------


def test_the_pipeline_of_the_quick_start(rng):
    images = rng.integers(0, 256, (10, 28, 28, 1)).astype(np.uint8)
    labels = rng.integers(0, 10, 10)
    d = rows({"image": images, "label": labels})
    steps = [vision.Rescale(1.0 / 255.0, 0), vision.Normalize(mean=(0.1307,), std=(0.3081,)), vision.HWC2CHW()]
    d = d.map(steps, "image").map(transforms.TypeCast(adcore.int32), "label").batch(4)
    expected = ((images / 255 - 0.1307) / 0.3081).transpose(0, 3, 1, 2)
    batches = list(d.create_tuple_iterator())
    assert [x.shape for x, _ in batches] == [(4, 1, 28, 28), (4, 1, 28, 28), (2, 1, 28, 28)]
    assert batches[0][0].dtype == adcore.float32 and batches[0][1].dtype == adcore.int32
    np.testing.assert_allclose(np.concatenate([x.asnumpy() for x, _ in batches]), expected, 1e-5, 1e-6)
    assert np.concatenate([y.asnumpy() for _, y in batches]).tolist() == labels.tolist()


@pytest.mark.parametrize(
    "operation, shape",
    [
        (vision.Rescale(0.3, -1.0), (5, 4, 3)),
        (vision.Normalize((1.0, 2.0, 3.0), (0.3, 0.4, 0.5)), (5, 4, 3)),
        (vision.Normalize((1.0, 2.0, 3.0), (0.3, 0.4, 0.5), is_hwc=False), (3, 4, 5)),
        (vision.Normalize((1.0,), (0.3,)), (4, 5)),
        (vision.HWC2CHW(), (5, 4, 3)),
        (vision.HWC2CHW(), (5, 4)),
        (transforms.TypeCast(adcore.float32), (2,)),
        (transforms.OneHot(9), ()),
        (transforms.OneHot(9, 0.1), (2,)),
    ],
    ids=lambda v: type(v).__name__ if callable(v) else "",
)
def test_transforms_do_with_many_rows_what_they_do_with_each(operation, shape, rng):
    data = rng.integers(0, 9, (7, *shape))
    together = next(rows(data).map(operation).batch(7).create_tuple_iterator(output_numpy=True))[0]
    each = np.stack([operation(row) for row in data])
    assert together.dtype == each.dtype
    np.testing.assert_array_equal(together, each)


def test_one_hot():
    assert transforms.OneHot(3)(np.int64(1)).tolist() == [0, 1, 0]
    np.testing.assert_allclose(transforms.OneHot(4, 0.2)(np.array([3])), [[0.05, 0.05, 0.05, 0.85]], 1e-6)
    with pytest.raises(ValueError, match=r"must be in \[0, 3\), got 3 to 3"):
        transforms.OneHot(3)(np.array(3))
    with pytest.raises(TypeError, match="needs ints, got float64"):
        transforms.OneHot(3)(np.array(1.0))


# ---- bad input -----------------------------------------------------------------------------------------------------

D = NumpySlicesDataset({"a": [1, 2, 3], "b": [1.0, 2.0, 3.0]}, shuffle=False)
RAGGED = GeneratorDataset([np.ones(1), np.ones(2)], "x", shuffle=False)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: rows([]), ValueError, "there are no rows"),
        (lambda: rows({}), ValueError, "data must not be empty"),
        (lambda: rows(5), TypeError, "column 'column_0' must be a sequence, got int"),
        (lambda: rows({"a": [1], "b": [1, 2]}), ValueError, "as many rows as each other, but 'a' has 1, 'b' has 2"),
        (lambda: rows(([1], [2]), "a"), ValueError, "there are 2 columns, but 1 column_names"),
        (lambda: rows([[1], [1, 2]]), ValueError, "'column_0' has rows of different shapes; GeneratorDataset takes"),
        (lambda: rows([object()]), TypeError, "must be numbers or strings, got object"),
        (lambda: rows([1], num_shards=2), ValueError, "num_shards and shard_id go together"),
        (lambda: rows([1], num_shards=2, shard_id=2), ValueError, r"shard_id must be in \[0, 1\], got 2"),
        (lambda: rows([1], sampler=[0]), ValueError, "exclude each other"),
        (lambda: NumpySlicesDataset([1, 2], sampler=[2]), ValueError, "gives row 2, but there are the rows 0 to 1"),
        (lambda: NumpySlicesDataset([1, 2], sampler=set()), ValueError, "the sampler gives no rows"),
        (lambda: D.filter(lambda a, b: False).output_shapes(), RuntimeError, "there are no rows"),
        (lambda: NumpySlicesDataset([1, 2], sampler=5.0), TypeError, "must be a sampler or an iterable of ints"),
        (lambda: NumpySlicesDataset([1], sampler=dataset.RandomSampler(num_samples=2)), ValueError, "replacement=True"),
        (lambda: NumpySlicesDataset([1], sampler=dataset.SequentialSampler(3)), ValueError, "start_index .* is 3"),
        (lambda: dataset.WeightedRandomSampler([-1, 1]), ValueError, "must be finite, not below zero"),
        (lambda: dataset.WeightedRandomSampler([0, 1], 2, False), ValueError, "2, but 1 weights are above zero"),
        (lambda: D.batch(0), ValueError, "batch: batch_size must be at least 1, got 0"),
        (lambda: D.batch(2.0), TypeError, "batch_size must be an int, got float"),
        (lambda: D.batch(True), TypeError, "batch_size must be an int, got bool"),
        (lambda: D.batch(2, input_columns="a"), ValueError, "of per_batch_map, which is not given"),
        (lambda: D.batch(2, num_parallel_workers=0), ValueError, "num_parallel_workers must be at least 1"),
        (lambda: D.padded_batch(2, pad_info={"c": (None, 0)}), ValueError, "there is no column 'c'"),
        (lambda: D.padded_batch(2, pad_info={"a": 3}), TypeError, r"pad_info of 'a' must be \(shape, value\)"),
        (lambda: D.shuffle(1), ValueError, "buffer_size must be at least 2"),
        (lambda: GeneratorDataset(stream(3), ["i", "x"]).shuffle(), ValueError, "no random access"),
        (lambda: D.map(None), TypeError, "an operation must be callable"),
        (lambda: D.map([]), ValueError, "operations must not be empty"),
        (lambda: D.map(abs, "z"), ValueError, r"there is no column 'z'; there are \['a', 'b'\]"),
        (lambda: D.map(lambda a, b, c: a), ValueError, r"has 3 arguments, but the columns are \['a', 'b'\]"),
        (lambda: D.map(abs, "a", "b"), ValueError, "the columns must differ from each other"),
        (lambda: D.filter(3), TypeError, "predicate must be callable"),
        (lambda: D.project("z"), ValueError, "project: columns: there is no column 'z'"),
        (lambda: D.rename("a", "b"), ValueError, "must differ from each other"),
        (lambda: D.rename(["a"], ["x", "y"]), ValueError, "1 input_columns, but 2 output_columns"),
        (lambda: D.repeat(0), ValueError, "count must be -1 or at least 1"),
        (lambda: D.take(0), ValueError, "count must be -1 or at least 1"),
        (lambda: D.skip(-1), ValueError, "count must be at least 0"),
        (lambda: D.split([2, 2]), ValueError, "sum to the number of rows, 3, got .2, 2., which sum to 4"),
        (lambda: D.split([0.5, 0.6]), ValueError, "sum to 1, got"),
        (lambda: D.split([0.5, 1]), TypeError, "a list of ints or a list of floats"),
        (lambda: D.split([0.99, 0.01]), ValueError, "one has none"),
        (lambda: D.concat(rows([1])), ValueError, "columns must be the same"),
        (lambda: D.concat(3), TypeError, "concat: needs datasets, got int"),
        (lambda: D.zip(D), ValueError, "zip: the columns must differ from each other"),
        (lambda: dataset.zip(D), TypeError, "must be a tuple of datasets"),
        (lambda: D.create_tuple_iterator(columns="z"), ValueError, "there is no column 'z'"),
        (lambda: D.create_dict_iterator(num_epochs=0), ValueError, "num_epochs must be -1 or at least 1"),
        (lambda: GeneratorDataset([1]), ValueError, "column_names must be given"),
        (lambda: GeneratorDataset([], "x"), ValueError, "list has no rows"),
        (lambda: GeneratorDataset(5, "x"), TypeError, "a function or an iterable, got int"),
        (lambda: GeneratorDataset(Items, "x"), TypeError, "not the class Items"),
        (lambda: GeneratorDataset({"x": [1]}, "x"), TypeError, "NumpySlicesDataset takes columns"),
        (lambda: GeneratorDataset(stream(2), "x", shuffle=True), ValueError, "shuffle needs random access"),
        (lambda: GeneratorDataset([1], "x", [adcore.int8, adcore.int8]), ValueError, "1 columns, but 2 column_types"),
        (lambda: GeneratorDataset([1], "x", [adcore.bfloat16]), TypeError, "NumPy has no bfloat16"),
        (lambda: config.set_seed(-1), ValueError, "seed must be in"),
        (lambda: config.set_multiprocessing_start_method("magic"), ValueError, "must be one of fork, spawn"),
    ],
)
def test_bad_input_is_refused_by_the_call(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "pipeline, error, message",
    [
        (RAGGED.batch(2), ValueError, r"batch: column 'x' has rows of different shapes, \(1,\), \(2,\); padded_batch"),
        (GeneratorDataset([1, 2.0], "x", shuffle=False).batch(2), TypeError, "different dtypes, int64, float64"),
        (D.map(lambda a: 1 / 0), RuntimeError, r"<lambda> failed at row 0, of columns int64\[\], float64\[\]: ZeroDiv"),
        (D.map(lambda a: (a, a)), ValueError, "returned 2 values for row 0, but there are 1 output_columns"),
        (D.filter(lambda a, b: 1 / 0), RuntimeError, "filter: .*<lambda> failed at row 0.*ZeroDivisionError"),
        (D.batch(2, per_batch_map=lambda a, b, i: 1 / 0), RuntimeError, "<lambda> failed at batch 0: ZeroDivision"),
        (D.batch(2, per_batch_map=lambda a, b, i: a), ValueError, "returned 1 columns, but there are 2 output_columns"),
        (
            GeneratorDataset([(1, 2)], "x"),
            ValueError,
            r"list gave 2 values in row 0, but there are the columns \['x'\]",
        ),
        (
            GeneratorDataset([object()], "x"),
            TypeError,
            "column 'x' of row 0 of list must be an array, a number or a string",
        ),
        (GeneratorDataset([1.5], "x", [np.int32]), TypeError, "dtype float64, which is not converted to int32"),
        (GeneratorDataset([300], "x", [np.int8]), ValueError, "does not fit into int8"),
    ],
)
def test_faults_of_rows_are_told(pipeline, error, message):
    with pytest.raises(error, match=message):
        values(pipeline)


def test_faults_of_files_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        CSVDataset(str(tmp_path / "*.csv"))
    path = tmp_path / "a.csv"
    for text, defaults, message in [
        ("", None, "is empty, but its first line must name the columns"),
        ("a,b\n", None, "there are no rows"),
        ("a,b\n1\n", None, "line 2: there are 1 fields, but the columns are"),
        ("a,b\n1,2\n", [0], "2 columns, but 1 column_defaults"),
        ("a,b\n1,2\n1,x\n", [0, 0.0], "line 3, column 'b': 'x' is not a number"),
        ("a,b\n1,2\n3000000000,2\n", [0, 0], "line 3, column 'a': '3000000000' is not an int32"),
    ]:
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            CSVDataset(path, column_defaults=defaults)
    (tmp_path / "b.csv").write_text("a,c\n1,2\n")
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="but those of .*b.csv are"):
        CSVDataset([path, tmp_path / "b.csv"])
    np.save(tmp_path / "o.npy", np.array([object()]), allow_pickle=True)
    np.save(tmp_path / "s.npy", np.float64(1))
    (tmp_path / "t.npz").write_bytes(b"no zip")
    (tmp_path / "t.npy").write_bytes(b"no array")
    for name, message in [
        ("o.npy", "is no file of arrays"),
        ("s.npy", "is a single number"),
        ("t.npz", "is no file of arrays"),
        ("t.npy", "is no file of arrays"),
        ("t.txt", "must end with .npy or .npz"),
    ]:
        with pytest.raises(ValueError, match=message):
            NumpyFileDataset(tmp_path / name)


def test_importing_adcore_loads_neither_this_nor_numpy():
    import subprocess
    import sys

    code = "import sys, adcore; print('numpy' in sys.modules, 'adcore.dataset' in sys.modules); adcore.dataset.config"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


OTHERWISE = {
    "batch size": lambda rows: rows.batch(3),
    "drop": lambda rows: rows.batch(2, drop_remainder=True),
    "more rows": lambda rows: dataset.NumpySlicesDataset(list(range(21)), "x").batch(2),
    "shuffled again": lambda rows: rows.shuffle().batch(2),
    "skipped and taken": lambda rows: rows.skip(1).concat(rows.take(1)).batch(2),
    "other rows": lambda rows: dataset.NumpySlicesDataset(list(range(30)), "x", sampler=list(range(20))).batch(2),
    "a buffer": lambda rows: rows.batch(2).shuffle(3),
    "another name": lambda rows: rows.rename("x", "y").batch(2),
}


@pytest.mark.parametrize("otherwise", OTHERWISE.values(), ids=list(OTHERWISE))
def test_a_state_of_another_pipeline_is_refused(otherwise):
    rows = dataset.NumpySlicesDataset(list(range(20)), "x")
    iterator, other = rows.batch(2).create_tuple_iterator(), otherwise(rows).create_tuple_iterator()
    next(iterator), next(other)
    before = other.state_dict()
    with pytest.raises(ValueError, match="made otherwise"):
        other.load_state_dict(iterator.state_dict())
    assert other.state_dict() == before


def test_a_state_fits_the_same_part_of_a_split_and_any_shard():
    def part(seed):
        dataset.config.set_seed(seed)
        return dataset.NumpySlicesDataset(list(range(20)), "x").split([0.5, 0.5])[0].create_tuple_iterator()

    iterator = part(1)
    next(iterator)
    state, rest = iterator.state_dict(), [int(x) for (x,) in iterator]
    with pytest.raises(ValueError, match="made otherwise.*seed 2.*seed 1"):
        part(2).load_state_dict(state)
    again = part(1)
    again.load_state_dict(state)
    assert [int(x) for (x,) in again] == rest

    def shard(i):
        rows = dataset.NumpySlicesDataset(list(range(20)), "x", num_shards=2, shard_id=i)
        return rows.create_tuple_iterator(num_epochs=1)

    zero, one = shard(0), shard(1)
    seen = [int(next(zero)[0]) for _ in range(4)] + [int(next(one)[0]) for _ in range(4)]
    resumed = shard(0), shard(1)
    for other in resumed:
        other.load_state_dict(zero.state_dict())
        seen += [int(x) for (x,) in other]
    assert sorted(seen) == list(range(20))


@pytest.mark.parametrize(
    ("error", "message", "pipeline"),
    [
        (ValueError, r"map: .*<lambda> returned for row 0 what is no array", lambda r: r.map(lambda x: [1, [2, 3]])),
        (ValueError, "lists of arrays.* batch 0", lambda r: r.batch(2, per_batch_map=lambda c, i: [[1, [2, 3]]])),
        (TypeError, "lists of arrays.* batch 0", lambda r: r.batch(2, per_batch_map=lambda c, i: 3)),
    ],
)
def test_what_is_no_array_is_named(error, message, pipeline):
    with pytest.raises(error, match=message):
        list(pipeline(rows([1, 2, 3, 4])))
