"""Images: sources in files, and operations on pictures, against Pillow and what NumPy does by indices."""

import io

import numpy as np
import pytest
from PIL import Image

from adcore import dataset
from adcore.dataset import vision
from adcore.dataset.vision import Border, Inter

RNG = np.random.default_rng(3)
PICTURE = RNG.integers(0, 256, (9, 12, 3)).astype(np.uint8)


def file_of(image, format="png"):
    file = io.BytesIO()
    Image.fromarray(image).save(file, format)
    return np.frombuffer(file.getvalue(), np.uint8)


def smooth(y, x):
    return np.stack([40 + 3 * y + 5 * x, 200 - 4 * y + 0 * x], -1)


# ---- sources ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    for name, count in (("b", 3), ("a", 2), ("c", 1)):
        (tmp_path / name).mkdir()
        for i in range(count):
            Image.fromarray(PICTURE + i).save(tmp_path / name / f"{i}.png")
    (tmp_path / "a" / "notes.txt").write_text("no image")
    return tmp_path


def test_a_folder_of_folders(folder):
    images = dataset.ImageFolderDataset(folder, extensions=[".PNG"], shuffle=False)
    rows = list(images.create_tuple_iterator(output_numpy=True))
    assert [int(label) for _, label in rows] == [0, 0, 1, 1, 1, 2]
    assert {image.ndim for image, _ in rows} == {1} and rows[0][1].dtype == np.int32
    assert images.get_class_indexing() == images.batch(2).repeat(2).get_class_indexing() == {"a": 0, "b": 1, "c": 2}
    decoded = images.map(vision.Decode(), "image").create_tuple_iterator(output_numpy=True)
    for (image, _), i in zip(decoded, (0, 1, 0, 1, 2, 0)):
        np.testing.assert_array_equal(image, PICTURE + i)


def test_a_source_is_what_it_was_made_of():
    """Programs of MindSpore read it, to have all rows at once."""
    rows = [(1, 2), (3, 4)]
    assert dataset.GeneratorDataset(rows, ["a", "b"]).source is rows


def test_folders_by_name_and_in_shards(folder):
    options = {"class_indexing": {"c": 7, "b": 4}, "decode": True, "shuffle": False, "num_parallel_workers": 2}
    images = dataset.ImageFolderDataset(folder, **options)
    labels = lambda d: [int(label) for _, label in d.create_tuple_iterator(output_numpy=True)]
    assert labels(images) == [4, 4, 4, 7]
    parts = [dataset.ImageFolderDataset(folder, **options, num_shards=2, shard_id=i) for i in range(2)]
    assert sorted(labels(parts[0]) + labels(parts[1])) == [4, 4, 4, 7]


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda f: dataset.ImageFolderDataset(f / "none"), FileNotFoundError, "there is no folder"),
        (lambda f: dataset.ImageFolderDataset(f, class_indexing={"z": 0}), FileNotFoundError, "there is no folder"),
        (lambda f: dataset.ImageFolderDataset(f, extensions=[".gif"]), FileNotFoundError, "no such files"),
        (lambda f: dataset.ImageFolderDataset(f, class_indexing=["a"]), TypeError, "must be a dict"),
        (lambda f: dataset.Cifar10Dataset(f), FileNotFoundError, "no files"),
        (lambda f: dataset.Cifar10Dataset(f, "test"), FileNotFoundError, "test_batch.bin"),
        (lambda f: dataset.Cifar10Dataset(f, "valid"), ValueError, "usage"),
        (lambda f: dataset.FashionMnistDataset(f), FileNotFoundError, "FashionMnistDataset: there is no file"),
    ],
)
def test_sources_that_are_not_there(folder, make, kind, message):
    with pytest.raises(kind, match=message):
        make(folder)


def test_cifar(tmp_path):
    pixels = RNG.integers(0, 256, (5, 3, 32, 32)).astype(np.uint8)
    labels = np.arange(5, dtype=np.uint8)
    rows = np.concatenate([labels[:, None], pixels.reshape(5, -1)], 1)
    (tmp_path / "data_batch_1.bin").write_bytes(rows[:2].tobytes())
    (tmp_path / "data_batch_2.bin").write_bytes(rows[2:4].tobytes())
    (tmp_path / "test_batch.bin").write_bytes(rows[4:].tobytes())
    for usage, places in (("train", range(4)), ("test", [4]), ("all", range(5)), (None, range(5))):
        got = list(dataset.Cifar10Dataset(tmp_path, usage, shuffle=False).create_tuple_iterator(output_numpy=True))
        assert [int(label) for _, label in got] == list(places)
        for (image, label), i in zip(got, places):
            np.testing.assert_array_equal(image, pixels[i].transpose(1, 2, 0))
            assert label.dtype == np.uint32
    (tmp_path / "test_batch.bin").write_bytes(rows[4:].tobytes()[:-1])
    with pytest.raises(ValueError, match="no multiple of 3073"):
        dataset.Cifar10Dataset(tmp_path)


# ---- files and arrays ------------------------------------------------------------------------------------------------


def test_bytes_are_decoded():
    np.testing.assert_array_equal(vision.Decode()(file_of(PICTURE)), PICTURE)
    grey = vision.Decode()(file_of(PICTURE[..., 0]))
    np.testing.assert_array_equal(grey, np.repeat(PICTURE[..., :1], 3, 2))
    assert vision.Decode(to_pil=True)(file_of(PICTURE)).size == (12, 9)
    with pytest.raises(ValueError, match="no image"):
        vision.Decode()(np.zeros(20, np.uint8))
    with pytest.raises(ValueError, match="bytes of a file"):
        vision.Decode()(PICTURE)


@pytest.mark.parametrize("image", [PICTURE, PICTURE[..., 0], Image.fromarray(PICTURE)], ids=["color", "grey", "pillow"])
def test_to_tensor(image):
    array = np.asarray(image)
    wanted = (array[None] if array.ndim == 2 else np.moveaxis(array, 2, 0)).astype(np.float64) / 255
    got = vision.ToTensor()(image)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


# ---- size ------------------------------------------------------------------------------------------------------------


def test_a_plane_stays_one_when_it_is_resized():
    """Of a function that is linear in the coordinates, inside, what comes is the function at the new centres."""
    y, x = np.meshgrid(np.arange(20.0), np.arange(30.0), indexing="ij")
    got = vision.Resize((16, 60), Inter.LINEAR)(smooth(y, x))
    ys, xs = (np.arange(16) + 0.5) * 20 / 16 - 0.5, (np.arange(60) + 0.5) / 2 - 0.5
    wanted = smooth(*np.meshgrid(ys, xs, indexing="ij"))
    np.testing.assert_allclose(got[1:-1, 1:-1], wanted[1:-1, 1:-1], rtol=1e-12)


def test_cubic_resizing_is_keys_convolution():
    a = -0.75  # OpenCV's

    def weight(d):
        d = abs(d)
        if d < 1:
            return (a + 2) * d**3 - (a + 3) * d**2 + 1
        return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0

    row = RNG.uniform(0, 255, 11)
    got = vision.Resize((1, 17), Inter.CUBIC)(row[None])
    padded = np.pad(row, 3, "edge")
    for i, value in enumerate(got[0]):
        centre = (i + 0.5) * 11 / 17 - 0.5
        assert value == pytest.approx(sum(v * weight(centre - k) for k, v in enumerate(padded, -3)), rel=1e-12)


def test_larger_images_are_those_of_pillow():
    """Where an image grows Pillow's rule is the same, but for two roundings."""
    got = vision.Resize((27, 31), Inter.LINEAR)(PICTURE).astype(int)
    wanted = np.asarray(Image.fromarray(PICTURE).resize((31, 27), Image.Resampling.BILINEAR)).astype(int)
    assert abs(got - wanted).max() <= 1
    exact = vision.Resize((27, 31), Inter.LINEAR)(Image.fromarray(PICTURE))
    np.testing.assert_array_equal(np.asarray(exact), wanted)


def test_nearest_pixels_and_areas():
    doubled = vision.Resize((18, 24), Inter.NEAREST)(PICTURE)
    np.testing.assert_array_equal(doubled, PICTURE.repeat(2, 0).repeat(2, 1))
    thirds = vision.Resize((3, 4), Inter.AREA)(PICTURE.astype(np.float32))
    np.testing.assert_allclose(thirds, PICTURE.reshape(3, 3, 4, 3, 3).mean((1, 3)), rtol=1e-6)
    uneven = vision.Resize((2, 12), Inter.AREA)(PICTURE.astype(np.float64))
    np.testing.assert_allclose(uneven[0], (PICTURE[:4].sum(0) + PICTURE[4] / 2) / 4.5, rtol=1e-12)


@pytest.mark.parametrize("shape, wanted", [((9, 12), (6, 8)), ((12, 9), (8, 6)), ((10, 10), (6, 6))])
def test_an_int_is_the_length_of_the_shorter_edge(shape, wanted):
    assert vision.Resize(6)(np.zeros(shape, np.uint8)).shape == wanted
    assert vision.Resize(6)(Image.new("RGB", shape[::-1])).size == wanted[::-1]


# ---- parts and mirrors -----------------------------------------------------------------------------------------------


def test_borders():
    wide = ((2, 4), (1, 3), (0, 0))
    for mode in Border:
        kinds = {"constant_values": 5} if mode is Border.CONSTANT else {}
        got = vision.Pad((1, 2, 3, 4), 5, mode)(PICTURE)
        np.testing.assert_array_equal(got, np.pad(PICTURE, wide, mode.value, **kinds))
    colored = vision.Pad(1, (1, 2, 3))(PICTURE)
    np.testing.assert_array_equal(colored[0, 0], [1, 2, 3])
    np.testing.assert_array_equal(colored[1:-1, 1:-1], PICTURE)


def test_crops():
    np.testing.assert_array_equal(vision.Crop((2, 3), (4, 5))(PICTURE), PICTURE[2:6, 3:8])
    np.testing.assert_array_equal(vision.CenterCrop((3, 4))(PICTURE), PICTURE[3:6, 4:8])
    larger = vision.CenterCrop((11, 4))(PICTURE)
    np.testing.assert_array_equal(larger, np.pad(PICTURE[:, 4:8], ((1, 1), (0, 0), (0, 0))))
    with pytest.raises(ValueError, match="has no part"):
        vision.Crop((6, 0), 4)(PICTURE)


def places_of(parts, image):
    """Where the parts of an image of different pixels are."""
    return {tuple(np.argwhere((image == part[0, 0]).all(-1))[0]) for part in parts}


def test_random_crops_are_all_parts():
    seen = places_of([vision.RandomCrop((8, 10))(PICTURE) for _ in range(300)], PICTURE)
    assert seen == {(y, x) for y in range(2) for x in range(3)}
    part = vision.RandomCrop((8, 10))(PICTURE)
    ((y, x),) = places_of([part], PICTURE)
    np.testing.assert_array_equal(part, PICTURE[y : y + 8, x : x + 10])
    with pytest.raises(ValueError, match="has no part"):
        vision.RandomCrop(10)(PICTURE)
    assert vision.RandomCrop(10, pad_if_needed=True)(PICTURE).shape == (10, 10, 3)
    assert vision.RandomCrop(16, (4, 4, 4, 4))(PICTURE).shape == (16, 16, 3)


def test_random_parts_lie_within_their_bounds():
    crop = vision.RandomResizedCrop(5, (0.2, 0.6), (0.5, 2.0))
    parts = np.array([crop._part(90, 120) for _ in range(500)])
    top, left, height, width = parts.T
    assert (top >= 0).all() and (left >= 0).all() and (top + height <= 90).all() and (left + width <= 120).all()
    area, ratio = height * width / (90 * 120), width / height
    assert 0.19 < area.min() < 0.25 and 0.5 < area.max() < 0.61
    assert 0.48 < ratio.min() < 0.7 and 1.5 < ratio.max() < 2.1
    # No part of this area and proportion fits: the largest in the middle.
    assert vision.RandomResizedCrop(5, (1.0, 1.0), (2.0, 2.0))._part(90, 120) == (15, 0, 60, 120)
    even = vision.RandomResizedCrop((4, 6))(np.full((40, 30, 3), 7, np.uint8))
    np.testing.assert_array_equal(even, np.full((4, 6, 3), 7))
    assert vision.RandomCropDecodeResize((4, 6))(file_of(PICTURE)).shape == (4, 6, 3)


@pytest.mark.parametrize(
    "always, sometimes, axis",
    [
        (vision.HorizontalFlip, vision.RandomHorizontalFlip, 1),
        (vision.VerticalFlip, vision.RandomVerticalFlip, 0),
    ],
)
def test_mirrors(always, sometimes, axis):
    mirrored = np.flip(PICTURE, axis)
    np.testing.assert_array_equal(always()(PICTURE), mirrored)
    np.testing.assert_array_equal(np.asarray(always()(Image.fromarray(PICTURE))), mirrored)
    np.testing.assert_array_equal(sometimes(0.0)(PICTURE), PICTURE)
    count = sum(np.array_equal(sometimes(0.25)(PICTURE), mirrored) for _ in range(400))
    assert 60 < count < 140


def test_a_pipeline_of_images(folder):
    steps = [vision.Decode(), vision.Resize(16), vision.RandomCrop(16), vision.RandomHorizontalFlip()]
    steps += [vision.Rescale(1 / 255, 0), vision.Normalize((0.5,) * 3, (0.2,) * 3), vision.HWC2CHW()]
    images = dataset.ImageFolderDataset(folder, extensions=[".png"]).map(steps, "image").batch(2)
    shapes = {image.shape for image, _ in images.create_tuple_iterator(output_numpy=True)}
    assert shapes == {(2, 3, 16, 16)}


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda: vision.Resize((1, 2, 3)), ValueError, "pair of height and width"),
        (lambda: vision.Resize(0), ValueError, "at least 1"),
        (lambda: vision.Resize(3, "linear"), TypeError, "one of Inter"),
        (lambda: vision.Resize(3, Inter.ANTIALIAS)(PICTURE), TypeError, "Pillow"),
        (lambda: vision.Resize(3, Inter.AREA)(Image.new("RGB", (4, 4))), TypeError, "needs an array"),
        (lambda: vision.Resize(3)(np.zeros(4)), ValueError, "two or three axes"),
        (lambda: vision.Pad((1, 2, 3)), ValueError, "one, two or four"),
        (lambda: vision.Pad(1, 0, "edge"), TypeError, "one of Border"),
        (lambda: vision.RandomHorizontalFlip(1.5), ValueError, r"\[0, 1\]"),
        (lambda: vision.RandomVerticalFlip("x"), TypeError, "a number"),
        (lambda: vision.RandomResizedCrop(3, scale=(0.5, 0.2)), ValueError, "scale"),
        (lambda: vision.RandomResizedCrop(3, ratio=(0.0, 2.0)), ValueError, "ratio"),
        (lambda: vision.Crop(3, 2), ValueError, "row and column"),
    ],
)
def test_what_is_no_operation(make, kind, message):
    with pytest.raises(kind, match=message):
        make()
