"""Files of rows: what is written is read, by any order and in several files; damage and misuse are told."""

import os

import numpy as np
import pytest

from adcore import dataset
from adcore.dataset.records import FileWriter

SCHEMA = {
    "name": {"type": "string"},
    "label": {"type": "int32"},
    "data": {"type": "float64", "shape": [-1, 2]},
    "raw": {"type": "bytes"},
}


def row(i):
    return {"name": f"Ä{i}", "label": i, "data": np.full((i, 2), i / 3), "raw": bytes([i, 0])}


def write(path, count=5, **options):
    writer = FileWriter(path, **options)
    assert writer.add_schema(SCHEMA, "samples") == 0
    writer.add_index(["label"])
    assert writer.write_raw_data([row(i) for i in range(2)])
    assert writer.write_raw_data([row(i) for i in range(2, count)], parallel_writer=True)
    assert writer.commit()


def read(*args, **options):
    pipeline = dataset.MindDataset(*args, **options)
    return list(pipeline.create_dict_iterator(num_epochs=1, output_numpy=True))


def check(rows, expected):
    assert [int(r["label"]) for r in rows] == expected
    for r, i in zip(rows, expected):
        assert list(r) == ["data", "label", "name", "raw"] and str(r["name"]) == f"Ä{i}"
        np.testing.assert_array_equal(r["data"], row(i)["data"])
        assert r["data"].dtype == np.float64 and r["label"].dtype == np.int32 and r["raw"].tolist() == [i, 0]


def test_rows_come_back(tmp_path):
    write(tmp_path / "a.mindrecord")
    assert os.listdir(tmp_path) == ["a.mindrecord"]
    check(read(tmp_path / "a.mindrecord", shuffle=False), [0, 1, 2, 3, 4])
    check(read([str(tmp_path / "a.mindrecord")] * 2, shuffle=False), [0, 1, 2, 3, 4] * 2)
    assert dataset.MindDataset(tmp_path / "a.mindrecord").get_dataset_size() == 5
    assert sorted(int(r["label"]) for r in read(tmp_path / "a.mindrecord")) == [0, 1, 2, 3, 4]
    some = read(tmp_path / "a.mindrecord", ["name", "label"], shuffle=False, num_samples=2)
    assert [(str(r["name"]), int(r["label"])) for r in some] == [("Ä0", 0), ("Ä1", 1)]
    part = read(tmp_path / "a.mindrecord", shuffle=False, num_shards=2, shard_id=1)
    assert [int(r["label"]) for r in part][:2] == [1, 3]
    check(read(tmp_path / "a.mindrecord", sampler=dataset.SubsetSampler([4, 0])), [4, 0])


def test_workers_read_it(tmp_path):
    write(tmp_path / "a")
    check(read(tmp_path / "a", shuffle=False, num_parallel_workers=2), [0, 1, 2, 3, 4])


def test_several_files(tmp_path):
    write(tmp_path / "a", shard_num=2)
    assert sorted(os.listdir(tmp_path)) == ["a0", "a1"]
    check(read(tmp_path / "a", shuffle=False), [0, 2, 4, 1, 3])
    check(read(tmp_path / "a1", shuffle=False), [1, 3])


def test_what_is_there_stays_until_the_commit(tmp_path):
    path = tmp_path / "a"
    write(path)
    with pytest.raises(FileExistsError, match="overwrite=True replaces it"):
        FileWriter(path)
    before = path.read_bytes()
    writer = FileWriter(path, overwrite=True)
    writer.add_schema({"n": {"type": "int64"}})
    writer.write_raw_data([{"n": 2**40}])
    assert path.read_bytes() == before
    writer.commit()
    assert [int(r["n"]) for r in read(path)] == [2**40]


def test_damage_is_told(tmp_path):
    path = tmp_path / "a"
    write(path)
    data = bytearray(path.read_bytes())
    for place, text in ((20, "row 0 of .* is damaged"), (-30, "damaged at its end"), (3, "not written by adcore")):
        hurt = bytearray(data)
        hurt[place] ^= 1
        path.write_bytes(hurt)
        with pytest.raises((ValueError, RuntimeError), match=text):
            read(path, shuffle=False)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="no such file"):
        read(path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read(tmp_path / "b")


@pytest.mark.parametrize(
    "rows, error, text",
    [
        ([{"label": 1}], ValueError, r"row 2 has the fields \['label'\], the schema"),
        ([row(1) | {"label": 2**40}], ValueError, "field 'label' of row 2: a value does not fit into int32"),
        ([row(1) | {"label": 1.5}], TypeError, "expected int32, got float64"),
        ([row(1) | {"label": [1]}], ValueError, r"expected a number, got an array of the shape \(1,\)"),
        ([row(1) | {"name": 1}], TypeError, "expected str, got int"),
        ([row(0), row(1) | {"data": np.ones(3)}], ValueError, "field 'data' of row 3: cannot reshape"),
        (row(1), TypeError, "expected a list of dicts, got dict"),
    ],
)
def test_rows_that_do_not_fit(rows, error, text, tmp_path):
    writer = FileWriter(tmp_path / "a")
    writer.add_schema(SCHEMA)
    writer.write_raw_data([row(0), row(1)])
    with pytest.raises(error, match=text):
        writer.write_raw_data(rows)
    writer.commit()
    check(read(tmp_path / "a", shuffle=False), [0, 1])


def test_bad_arguments(tmp_path):
    writer = FileWriter(tmp_path / "a")
    for call in (lambda: writer.write_raw_data([]), writer.commit):
        with pytest.raises(ValueError, match="add_schema comes first"):
            call()
    for schema, error in (
        ({}, TypeError),
        ({"a": {"type": "int7"}}, ValueError),
        ({"a": {"type": "string", "shape": [2]}}, ValueError),
        ({"a": {"type": "int32", "shape": [-1, -1]}}, ValueError),
    ):
        with pytest.raises(error, match="add_schema"):
            writer.add_schema(schema)
    writer.add_schema(SCHEMA)
    with pytest.raises(ValueError, match="there is a schema already"):
        writer.add_schema(SCHEMA)
    with pytest.raises(ValueError, match="the schema has no field 'x'"):
        writer.add_index(["x"])
    writer.commit()
    with pytest.raises(ValueError, match="there are no rows"):
        dataset.MindDataset(tmp_path / "a")
    write(tmp_path / "b")
    with pytest.raises(ValueError, match="the files have no field 'x'"):
        dataset.MindDataset(tmp_path / "b", ["x"])
    with pytest.raises(NotImplementedError, match="num_padded is not supported"):
        dataset.MindDataset(tmp_path / "b", num_padded=1)
    other = FileWriter(tmp_path / "c")
    other.add_schema({"n": {"type": "int32"}})
    other.write_raw_data([{"n": 1}])
    other.commit()
    with pytest.raises(ValueError, match="different schemas"):
        dataset.MindDataset([tmp_path / "b", tmp_path / "c"])
