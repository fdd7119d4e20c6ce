"""What messages between processes cost, and how a data parallel step grows with their number.

    mpiexec -n 2 python benchmarks/communication.py      # measures sums of arrays over 2 processes; -n 4 over 4
    python benchmarks/communication.py --plan            # steps from 2 to 1,024 processes, by the model
    python benchmarks/communication.py --plan --one-machine 5 3     # the same, with 5 us and 3 GB/s within a machine

The model: a step computes the gradients of its own rows, in a time that does not depend on the number of processes n,
and then takes the sum of B bytes over n processes: 2 log2(n) messages of `latency` each, and 2 (n - 1) / n * B bytes at
`bandwidth` (R. Thakur, R. Rabenseifner and W. Gropp 2005, "Optimization of collective communication operations in
MPICH": reduce-scatter by recursive halving, then allgather by recursive doubling).
"""

import argparse
import math
import time

import adcore
from adcore import ops

SIZES = [1 << k for k in range(2, 25, 2)]  # bytes
NETWORKS = {  # name: bytes of gradients (float32), seconds of a step's own arithmetic on one core
    "30-64-64-1, batch 32": (4 * 6_209, 36e-6),
    "784-512-512-10, batch 128": (4 * 669_706, 3.0e-3),
    "1024-2048-2048-1024, batch 256": (4 * 8_393_728, 45e-3),
}
# Seconds of a message and bytes a second. One machine: measured on a virtual one with two cores. The others: assumed,
# at half of the rate that such a link is sold as.
LINKS = {
    "one machine": (12e-6, 2.0e9),
    "10 Gbit/s Ethernet": (30e-6, 0.6e9),
    "100 Gbit/s InfiniBand": (2e-6, 6.0e9),
}


def best_of(call, number, comm, repeat=15):
    """Seconds of a call: the least of some means, since whatever else a machine does only adds to it."""
    best = math.inf
    for _ in range(repeat):
        comm.Barrier()
        start = time.perf_counter()
        for _ in range(number):
            call()
        best = min(best, (time.perf_counter() - start) / number)
    return best


def measure():
    """Print what sums of gradients take, beside MPI's own sum and a message of the same bytes, and what follows."""
    import numpy as np
    from mpi4py import MPI

    from adcore import communication

    communication.init()
    adcore.set_num_threads(1)
    comm = MPI.COMM_WORLD
    rank, size = comm.rank, comm.size

    def message(sent, received):
        if rank == 0:
            comm.Send(sent, 1)
            comm.Recv(received, 1)
        elif rank == 1:
            comm.Recv(received, 0)
            comm.Send(sent, 0)

    rows = []
    for bytes_ in SIZES:
        gradients = (ops.ones(bytes_ // 4),)
        sent, received = np.ones(bytes_ // 4, np.float32), np.empty(bytes_ // 4, np.float32)
        number = max(1, min(50, (1 << 24) // bytes_))
        calls = (
            lambda gradients=gradients: communication.reduce_gradients(gradients),
            lambda sent=sent, received=received: comm.Allreduce(sent, received),
            lambda sent=sent, received=received: message(sent, received),
        )
        ours, raw, there_and_back = (best_of(call, number, comm) for call in calls)
        rows.append((bytes_, ours, raw, there_and_back / 2))
    communication.release()
    if rank:
        return
    print(f"sum of float32 over {size} processes, microseconds")
    print("     bytes  reduce_gradients  comm.Allreduce  ratio  one message")
    for bytes_, ours, raw, one in rows:
        print(f"{bytes_:>10,}  {ours * 1e6:16.1f}  {raw * 1e6:14.1f}  {ours / raw:5.2f}  {one * 1e6:11.1f}")
    (small, *first), (large, *last) = rows[0], rows[-1]
    turns = 2 * math.log2(size)
    for name, few, many in zip(("reduce_gradients", "comm.Allreduce"), first, last):
        bandwidth = 2 * (size - 1) / size * (large - small) / (many - few)
        print(f"{name}: latency {few / turns * 1e6:.1f} us a message, bandwidth {bandwidth / 1e9:.2f} GB/s")
    bandwidth = (large - small) / (last[2] - first[2])
    print(f"one message: latency {first[2] * 1e6:.1f} us, bandwidth {bandwidth / 1e9:.2f} GB/s")


def step(bytes_, own, latency, bandwidth, n):
    """Seconds of a step of n processes."""
    return own + 2 * math.ceil(math.log2(n)) * latency + 2 * (n - 1) / n * bytes_ / bandwidth


def plan(links):
    """Print how many times as many rows a second n processes train on as one does."""
    counts = [2**k for k in range(1, 11)]
    for link, (latency, bandwidth) in links.items():
        print(
            f"\n{link}: {latency * 1e6:g} us a message, {bandwidth / 1e9:g} GB/s; rows a second by those of one process"
        )
        print("| network | " + " | ".join(f"{n:,}" for n in counts) + " |")
        print("| --- |" + " --- |" * len(counts))
        for name, (bytes_, own) in NETWORKS.items():
            cells = [f"{n * own / step(bytes_, own, latency, bandwidth, n):.3g}" for n in counts]
            print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plan", action="store_true", help="print the model's table")
    parser.add_argument("--one-machine", nargs=2, type=float, metavar=("US", "GB_S"), help="what was measured on yours")
    options = parser.parse_args()
    if options.one_machine:
        LINKS["one machine"] = (options.one_machine[0] * 1e-6, options.one_machine[1] * 1e9)
    plan(LINKS) if options.plan else measure()
