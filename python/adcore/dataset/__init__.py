"""Pipelines of data: sources, operations on their rows, and iterators, with MindSpore's names.

A pipeline is a tree of immutable nodes (nodes.py) over sources (sources.py), whose orders samplers draw (samplers.py,
runs.py); workers.py works ahead of the consumer, who holds an iterator (iterators.py).
"""

from . import config, orders, transforms, vision  # noqa: F401
from .batches import BatchInfo
from .folders import Cifar10Dataset, Cifar100Dataset, ImageFolderDataset
from .iterators import DictIterator, TupleIterator
from .nodes import Dataset
from .parts import zip_datasets as zip
from .records import MindDataset
from .samplers import (
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    SubsetSampler,
    WeightedRandomSampler,
)
from .sources import (
    CSVDataset,
    FashionMnistDataset,
    GeneratorDataset,
    MnistDataset,
    NumpyFileDataset,
    NumpySlicesDataset,
)

__all__ = [
    "BatchInfo",
    "CSVDataset",
    "Cifar10Dataset",
    "Cifar100Dataset",
    "Dataset",
    "DictIterator",
    "DistributedSampler",
    "FashionMnistDataset",
    "GeneratorDataset",
    "ImageFolderDataset",
    "MindDataset",
    "MnistDataset",
    "NumpyFileDataset",
    "NumpySlicesDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "SubsetSampler",
    "TupleIterator",
    "WeightedRandomSampler",
    "config",
    "transforms",
    "vision",
    "zip",
]
