"""Measures what data costs beside training: an epoch of loading, shuffling and batching by an epoch of training steps.

100,000 rows of 30 floats with a label each, in batches of 32, for the small network of `workloads.py`. Both are
measured in rounds that alternate, on one core, as time of the processor; every epoch has another order.

    python benchmarks/data.py
"""

import os
import statistics
import time

import numpy as np
import on_adcore
from workloads import floats, labels

import adcore
from adcore import dataset

ROWS, BATCH = 100_000, 32
WANTED = 0.05


def seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


def main(rounds=15):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    adcore.set_num_threads(1)
    step = on_adcore.build("mlp_small").names["step"]
    rows = dataset.NumpySlicesDataset((floats(ROWS, 30), labels(ROWS, 1)), ["x", "y"], shuffle=False)
    iterator = rows.shuffle().batch(BATCH).create_tuple_iterator()
    batches = -(-ROWS // BATCH)

    def train():
        for _ in range(batches):
            step()

    def load():
        for _ in iterator:
            pass

    taken = [(seconds(load), seconds(train)) for _ in range(rounds)][2:]
    of_data, of_training = (np.array(times) for times in zip(*taken))
    ratio = statistics.median(of_data / of_training)
    data, training = (1e6 * np.median(times) / batches for times in (of_data, of_training))
    print(f"a batch: data {data:.2f} us, step {training:.2f} us")
    print(f"data by training: median {ratio:.3f}, best {(of_data / of_training).min():.3f}, wanted at most {WANTED}")


if __name__ == "__main__":
    main()
