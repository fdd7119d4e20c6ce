"""Measures what data costs beside training: an epoch of loading, shuffling and batching by an epoch of training steps.

100,000 rows of 30 floats with a label each, in batches of 32, for the small network of `workloads.py`. All are measured
in rounds that alternate, as processor time of the thread that trains; every epoch has another order.

    python benchmarks/data.py
"""

import time

import numpy as np
import on_adcore
from workloads import floats, labels

import adcore
from adcore import dataset

ROWS, BATCH = 100_000, 32
WANTED = 0.05


def seconds(work):
    start = time.thread_time()
    work()
    return time.thread_time() - start


def main(rounds=15):
    adcore.set_num_threads(1)
    step = on_adcore.build("mlp_small").names["step"]
    rows = dataset.NumpySlicesDataset((floats(ROWS, 30), labels(ROWS, 1)), ["x", "y"], shuffle=False).shuffle()
    batches = -(-ROWS // BATCH)

    def train():
        for _ in range(batches):
            step()

    def epoch(iterator):
        for _ in iterator:
            pass

    ways = {"in the same thread": None, "a thread works ahead": 1}
    iterators = [rows.batch(BATCH, num_parallel_workers=n).create_tuple_iterator() for n in ways.values()]
    taken = [[seconds(train), *(seconds(lambda i=i: epoch(i)) for i in iterators)] for _ in range(rounds)][2:]
    training, *data = np.array(taken).T
    print(f"a step: {1e6 * np.median(training) / batches:.2f} us; data by training, wanted at most {WANTED}:")
    for way, times in zip(ways, data):
        each = 1e6 * np.median(times) / batches
        print(
            f"{way}: {each:.2f} us a batch, median {np.median(times / training):.3f}, best {min(times / training):.3f}"
        )


if __name__ == "__main__":
    main()
