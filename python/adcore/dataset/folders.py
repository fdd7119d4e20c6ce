"""Images in files: those of CIFAR, and folders of which each holds the images of a class."""

import os
from pathlib import Path

import numpy as np

from . import checks
from .pictures import Decode
from .sources import GeneratorDataset, _Columns

_PIXELS = 3 * 32 * 32


class Cifar10Dataset(_Columns):
    """The images of CIFAR-10, in its binary version, as ``image``, of the shape (32, 32, 3), and ``label``.

    Parameters
    ----------
    dataset_dir : str or Path
        The folder of the files ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``. Nothing is
        downloaded.
    usage : str, optional
        "train", "test" or "all"; unless given, all that is there.
    num_samples, num_parallel_workers, shuffle, sampler, num_shards, shard_id
        As of `NumpySlicesDataset`.

    Raises
    ------
    FileNotFoundError
        For a folder without the files.
    ValueError
        For files that are none of these.

    Examples
    --------
    >>> import os, tempfile
    >>> from adcore import dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open(os.path.join(folder, "test_batch.bin"), "wb") as file:
    ...         _ = file.write(bytes([7]) + bytes(3072))
    ...     images = dataset.Cifar10Dataset(folder, "test")
    ...     print([(image.shape, int(label)) for image, label in images])
    [((32, 32, 3), 7)]
    """

    _files = {"train": "data_batch_*.bin", "test": "test_batch.bin"}
    _labels: tuple[str, ...] = ("label",)

    def __init__(
        self,
        dataset_dir,
        usage=None,
        num_samples=None,
        num_parallel_workers=None,
        shuffle=None,
        sampler=None,
        num_shards=None,
        shard_id=None,
    ):
        op = type(self).__name__
        checks.optional_integer(op, "num_parallel_workers", num_parallel_workers, 1)
        if usage not in (None, "train", "test", "all"):
            raise ValueError(f"{op}: usage must be 'train', 'test' or 'all', got {usage!r}.")
        files = []
        for part in [usage] if usage in self._files else list(self._files):
            found = sorted(Path(dataset_dir).glob(self._files[part]))
            if not found and usage is not None:
                raise FileNotFoundError(f"{op}: there is no file {str(Path(dataset_dir, self._files[part]))!r}.")
            files += found
        if not files:
            raise FileNotFoundError(f"{op}: there are no files of it in {str(dataset_dir)!r}.")
        rows = np.concatenate([self._rows_of(op, file) for file in files])
        count = len(self._labels)
        images = np.ascontiguousarray(rows[:, count:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        columns = [images, *rows[:, :count].T.astype(np.uint32)]
        names = ["image", *self._labels]
        super().__init__(op, columns, names, sampler, shuffle, num_samples, num_shards, shard_id)

    def _rows_of(self, op, file):
        data, length = np.fromfile(file, np.uint8), len(self._labels) + _PIXELS
        if data.size == 0 or data.size % length:
            raise ValueError(f"{op}: {file} is no such file: it has {data.size} bytes, no multiple of {length}.")
        return data.reshape(-1, length)


class Cifar100Dataset(Cifar10Dataset):
    """The images of CIFAR-100, of ``train.bin`` and ``test.bin``, as ``image``, ``coarse_label`` and ``fine_label``.

    Parameters
    ----------
    dataset_dir, usage, num_samples, num_parallel_workers, shuffle, sampler, num_shards, shard_id
        As of `Cifar10Dataset`.

    Examples
    --------
    >>> import os, tempfile
    >>> from adcore import dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open(os.path.join(folder, "test.bin"), "wb") as file:
    ...         _ = file.write(bytes([4, 30]) + bytes(3072))
    ...     images = dataset.Cifar100Dataset(folder)
    ...     print([(int(coarse), int(fine)) for _, coarse, fine in images])
    [(4, 30)]
    """

    _files = {"train": "train.bin", "test": "test.bin"}
    _labels = ("coarse_label", "fine_label")


class _Files:
    """The bytes of files, or the images, and the numbers of their classes."""

    def __init__(self, files, decode):
        self._files, self._decode = files, decode

    def __len__(self):
        return len(self._files)

    def __getitem__(self, index):
        file, label = self._files[index]
        data = np.fromfile(file, np.uint8)
        return Decode()(data) if self._decode else data, np.int32(label)


class ImageFolderDataset(GeneratorDataset):
    """The files in the folders of a folder, as ``image``, and ``label``, the number of their folder.

    Parameters
    ----------
    dataset_dir : str or Path
    num_samples, num_parallel_workers, shuffle, sampler, num_shards, shard_id
        As of `GeneratorDataset`; workers are threads.
    extensions : list of str, optional
        Which suffixes of files count, such as [".jpg"]; unless given, all.
    class_indexing : dict, optional
        The number of each folder; other folders are left out. Unless given, folders count from 0 in the order of their
        names.
    decode : bool
        Whether an image is its pixels, or the bytes of its file; see `vision.Decode`.

    Raises
    ------
    FileNotFoundError
        For a folder that is not there or has no such files.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from adcore import dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         os.mkdir(os.path.join(folder, name))
    ...         Image.new("RGB", (4, 3)).save(os.path.join(folder, name, "1.png"))
    ...     images = dataset.ImageFolderDataset(folder, decode=True, shuffle=False)
    ...     print([(image.shape, int(label)) for image, label in images])
    ...     print(images.get_class_indexing())
    [((3, 4, 3), 0), ((3, 4, 3), 1)]
    {'cat': 0, 'dog': 1}
    """

    def __init__(
        self,
        dataset_dir,
        num_samples=None,
        num_parallel_workers=None,
        shuffle=None,
        sampler=None,
        extensions=None,
        class_indexing=None,
        decode=False,
        num_shards=None,
        shard_id=None,
    ):
        op = "ImageFolderDataset"
        checks.boolean(op, "decode", decode)
        if not os.path.isdir(dataset_dir):
            raise FileNotFoundError(f"{op}: there is no folder {str(dataset_dir)!r}.")
        folders = sorted(entry.name for entry in os.scandir(dataset_dir) if entry.is_dir())
        if class_indexing is None:
            class_indexing = {name: number for number, name in enumerate(folders)}
        elif not isinstance(class_indexing, dict):
            raise TypeError(f"{op}: class_indexing must be a dict, got {type(class_indexing).__name__}.")
        missing = [name for name in class_indexing if name not in folders]
        if missing:
            raise FileNotFoundError(f"{op}: there is no folder {str(Path(dataset_dir, missing[0]))!r}.")
        suffixes = None if extensions is None else tuple(suffix.lower() for suffix in extensions)
        files = []
        for name in sorted(class_indexing):
            label = checks.integer(op, "class_indexing", class_indexing[name], 0)
            for file in sorted(Path(dataset_dir, name).iterdir()):
                if file.is_file() and (suffixes is None or file.suffix.lower() in suffixes):
                    files.append((str(file), label))
        if not files:
            raise FileNotFoundError(f"{op}: there are no such files in the folders of {str(dataset_dir)!r}.")
        self._classes = dict(class_indexing)
        super().__init__(
            _Files(files, decode),
            ["image", "label"],
            num_samples=num_samples,
            num_parallel_workers=num_parallel_workers,
            shuffle=shuffle,
            sampler=sampler,
            num_shards=num_shards,
            shard_id=shard_id,
            python_multiprocessing=False,
        )

    def get_class_indexing(self):
        """Return the number of each folder."""
        return dict(self._classes)


__all__ = ["Cifar10Dataset", "Cifar100Dataset", "ImageFolderDataset"]
