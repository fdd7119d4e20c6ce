"""Measures adcore beside whatever peers are installed, interleaved in one run, as ratios of times.

A process per thread count measures every workload: in each round, every framework runs a batch of the same length, so
that a neighbour or a clock that changes meets all of them. Results are compared before times are. Start reading at
`measure`.

    python benchmarks/peers.py                      # one and two threads, then widths, neighbour and memory
    python benchmarks/peers.py --threads 1 --only matmul,conv_3x3
"""

import argparse
import importlib.util
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import timeit
from pathlib import Path

import numpy as np
from workloads import FIRST_CALL, JITTED, PEAK_MEMORY, WIDTHS, WORKLOADS

FRAMEWORKS = ("numpy", "torch", "jax", "casadi")  # besides adcore; each in its file
BATCH = 0.01  # seconds
PAUSE = 0.005  # seconds before a batch: threads of the one before have gone to sleep
TOLERANCE = 2e-5  # of the largest element: float32 sums of a thousand terms differ by so much
FIRST_CALL_WANTED = 1 / 20  # by jax's
SLOWER_IN_COMPANY = 1.15  # with a neighbour: two threads by one, at most
STATEMENTS = (1_000, 10_000, 100_000, 1_000_000)  # of programs whose first calls are measured


# ---- measuring, in a process of its own ------------------------------------------------------------------------------


def environment(threads):
    """What a process that measures with so many threads is started with."""
    env = dict(
        os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads)
    )
    if threads == 1:
        env["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return env


def frameworks():
    found = [importlib.import_module(f"on_{name}") for name in ("adcore", "jit", "plain")]
    for name in FRAMEWORKS:
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed: left out", file=sys.stderr)
        else:
            found.append(importlib.import_module(f"on_{name}"))
    return found


class Timed:
    """A statement that is run in batches of about the same length."""

    def __init__(self, case):
        self.timer = timeit.Timer(case.statement, globals=case.names)
        self.number, seconds = 1, self.timer.timeit(1)
        while seconds < BATCH / 4:
            self.number *= 2
            seconds = self.timer.timeit(self.number)
        self.number = max(1, round(self.number * BATCH / seconds))
        self.wall, self.cpu = [], []

    def batch(self):
        time.sleep(PAUSE)
        cpu = time.process_time()
        self.wall.append(self.timer.timeit(self.number) / self.number)
        self.cpu.append((time.process_time() - cpu) / self.number)


def check_agreement(name, cases):
    expected = cases["adcore"].result()
    for peer, case in cases.items():
        for ours, theirs in zip(expected, case.result() if peer != "adcore" else expected):
            scale = np.abs(theirs).max()
            np.testing.assert_allclose(ours, theirs, 1e-3, TOLERANCE * scale, err_msg=f"{name}: adcore and {peer}")


def measure(names, threads, rounds):
    """Times by workload and framework: {workload: {framework: [seconds]}}."""
    if threads == 1:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # JAX's pool obeys nothing else
    modules = frameworks()
    for module in modules:
        module.set_threads(threads)
    out = {}
    for name in names:
        cases = {module.NAME: module.build(name) for module in modules}
        cases = {peer: case for peer, case in cases.items() if case}
        check_agreement(name, cases)
        timed = {peer: Timed(case) for peer, case in cases.items()}
        for _, t in itertools.product(range(rounds), timed.values()):
            t.batch()
        out[name] = {peer: t.wall for peer, t in timed.items()}
    return out


def measure_threads(names, rounds, way="adcore"):
    """adcore on one and on two threads: {workload: {threads: [wall seconds, cpu seconds]}}."""
    module = importlib.import_module(f"on_{way}")
    out = {}
    for name in names:
        timed = {}
        for threads in (1, 2):
            module.set_threads(threads)
            timed[threads] = Timed(module.build(name))
        for _ in range(rounds):
            for threads, t in timed.items():
                module.set_threads(threads)
                t.batch()
        out[name] = {threads: [t.wall, t.cpu] for threads, t in timed.items()}
    return out


def measure_neighbour(names, rounds):
    core = max(os.sched_getaffinity(0))
    busy = subprocess.Popen([sys.executable, "-c", f"import os\nos.sched_setaffinity(0, {{{core}}})\nwhile True: pass"])
    try:
        jitted = measure_threads([name for name in names if name in JITTED], rounds, "jit")
        return measure_threads(names, rounds) | {f"{name}, jit": times for name, times in jitted.items()}
    finally:
        busy.kill()
        busy.wait()


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def measure_memory(number):
    """The resident size after 1,000 and after `number` training steps of the small network, in bytes."""
    case = importlib.import_module("on_adcore").build("mlp_small")
    step = case.names["step"]
    sizes = []
    for count in (1000, number - 1000):
        for _ in range(count):
            step()
        sizes.append(resident())
    return sizes


def measure_first_calls(rounds):
    """Seconds from the first call of a function to its result, by framework: what recording and compiling take."""
    modules = [importlib.import_module(f"on_{name}") for name in ("jit", "jax")]
    out = {module.NAME: [] for module in modules}
    for _, module in itertools.product(range(rounds + 1), modules):
        step = module.build(FIRST_CALL).names["step"]
        start = time.perf_counter()
        step()
        out[module.NAME].append(time.perf_counter() - start)
    return {name: seconds[1:] for name, seconds in out.items()}


def measure_peak(way):
    """What some training steps need at most beside what is imported, in bytes."""
    module = importlib.import_module(f"on_{way}")
    module.set_threads(2)
    module.build("scalar10").result()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step = module.build(PEAK_MEMORY).names["step"]
    for _ in range(4):
        step()
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def measure_growth():
    """Seconds from the first call to the result, by the number of statements that were recorded."""
    import adcore

    out = {}
    for wanted in STATEMENTS:

        def chain(v, count=wanted // 2):
            for _ in range(count):
                v = adcore.ops.sin(v)
            return v

        seconds = []
        for _ in range(max(1, 20_000 // wanted)):
            fn = adcore.jit(adcore.grad(chain))
            start = time.perf_counter()
            fn(adcore.Tensor(1.0))
            seconds.append(time.perf_counter() - start)
        out[wanted] = min(seconds)
    return out


def worker(args):
    names = args.worker_names.split(",")
    if args.section == "peers":
        return measure(names, args.worker_threads, args.rounds)
    if args.section == "neighbour":
        return measure_neighbour(names, args.rounds)
    if args.section == "first":
        return measure_first_calls(args.rounds)
    if args.section == "peak":
        return measure_peak(names[0])
    if args.section == "growth":
        return measure_growth()
    return measure_threads(names, args.rounds) if args.section == "widths" else measure_memory(args.steps)


# ---- reporting -------------------------------------------------------------------------------------------------------


def run(section, names, threads, args):
    command = [sys.executable, __file__, "--section", section, "--worker-names", ",".join(names)]
    command += ["--worker-threads", str(threads), "--rounds", str(args.rounds), "--steps", str(args.steps)]
    done = subprocess.run(command, env=environment(threads), stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def fraction(ratio):
    return f"1/{1 / ratio:.1f}" if ratio < 0.5 else f"{ratio:.2f}"


def ratio_rows(results):
    """(workload, what of ours by which peer, threads, median ratio, best ratio, limit or None)."""
    for threads, times in results.items():
        for workload in WORKLOADS:
            measured = times.get(workload.name, {})
            for own, limits in (("adcore", workload.limits), ("adcore jit", workload.jitted)):
                for peer, theirs in measured.items() if own in measured else ():
                    if peer in (own, "adcore jit"):
                        continue
                    ours = measured[own]
                    median = statistics.median(ours) / statistics.median(theirs)
                    label = peer if own == "adcore" else f"jit / {peer}"
                    yield workload, label, threads, median, min(ours) / min(theirs), limits.get(peer)


def print_peers(results):
    print(f"\n{'adcore by peer':58} {'peer':12} threads   median     best  at most")
    for workload, peer, threads, median, best, limit in ratio_rows(results):
        verdict = "" if limit is None else f"{fraction(limit):>8}  {'met' if best <= limit else 'NOT MET'}"
        print(f"{workload.text:58} {peer:12} {threads:>7} {fraction(median):>8} {fraction(best):>8} {verdict}")


def print_widths(results):
    print("\n10-width-width-10, batch 128, Adam: what a second thread saves and costs in CPU, by one thread's time")
    for name, times in results.items():
        (wall, cpu), (wall2, cpu2) = ([min(x) for x in times[t]] for t in ("1", "2"))
        saved, cost = (wall - wall2) / wall, (cpu2 - cpu) / wall
        alone = cpu2 < 1.01 * wall2  # then the rest is the noise of the machine
        verdict = "one thread" if alone else "met" if cost <= saved else "NOT MET"
        print(f"{name:12} saves {saved:6.2f}  costs {cost:6.2f}  {verdict}")


def print_neighbour(results):
    print("\nwith a busy process on one core: adcore on two threads by one")
    for name, times in results.items():
        ratios = [f(times["2"][0]) / f(times["1"][0]) for f in (statistics.median, min)]
        verdict = "met" if ratios[0] <= SLOWER_IN_COMPANY else "NOT MET"
        print(f"{name:12} median {ratios[0]:5.2f}  best {ratios[1]:5.2f}  at most {SLOWER_IN_COMPANY}  {verdict}")


def print_first_calls(seconds):
    ours, theirs = (statistics.median(seconds[name]) for name in ("adcore jit", "jax"))
    verdict = "met" if ours / theirs <= FIRST_CALL_WANTED else "NOT MET"
    print(f"\nfirst call to result of {FIRST_CALL}, adcore's jit by jax's: {fraction(ours / theirs)}", end="  ")
    print(f"at most {fraction(FIRST_CALL_WANTED)}  {verdict}")


def print_peak(peaks):
    print(f"\nmost memory of {PEAK_MEMORY}'s steps beside what is imported, bytes by jax's {peaks['jax']:,}:")
    for way in ("adcore", "jit"):
        ratio = peaks[way] / peaks["jax"]
        verdict = "" if way == "adcore" else f"at most 1.00  {'met' if ratio <= 1 else 'NOT MET'}"
        print(f"{way:12} {ratio:5.2f}  {verdict}")


def print_growth(seconds):
    print("\nfirst call of a program, by its statements: time of a statement by that of the smallest program")
    each = {int(count): t / int(count) for count, t in seconds.items()}
    for count, t in each.items():
        print(f"{count:9,}  {t / each[STATEMENTS[0]]:5.2f}")


def print_markdown(results):
    threads = list(results)
    print("\n| workload | peer | at most |" + "".join(f" {n} thread{'s'[: int(n) - 1]} |" for n in threads))
    print("| --- | --- | --- |" + " --- |" * len(threads))
    table = {}
    for workload, peer, n, _, best, limit in ratio_rows(results):
        table.setdefault((workload.text, peer, limit), {})[n] = fraction(best)
    for (text, peer, limit), cells in table.items():
        row = [text, peer, fraction(limit) if limit else "", *(cells.get(n, "") for n in threads)]
        print("| " + " | ".join(row) + " |")


def draw(results, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = list(ratio_rows(results))
    figure, axes = plt.subplots(figsize=(9, 0.28 * len(rows) + 1.5))
    names = [f"{w.name} / {peer}, {n} thread{'s'[: int(n) - 1]}" for w, peer, n, *_ in rows]
    axes.barh(
        names, [1 / best - 1 for *_, best, _ in rows], left=1, color="#4477aa", label="measured, best of the rounds"
    )
    met = [(name, 1 / row[-1]) for name, row in zip(names, rows) if row[-1]]
    axes.scatter(
        [x for _, x in met], [name for name, _ in met], color="black", marker="|", zorder=2, label="wanted, at least"
    )
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("times as fast as the peer")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f"\n{path}")


SECTIONS = ("peers", "widths", "neighbour", "memory", "first", "peak", "growth")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", default="1,2", help="thread counts, as 1,2")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=20_000, help="training steps of the memory row")
    parser.add_argument(
        "--only", default="", help="workloads whose name has one of these in it, as conv,norm; peers only"
    )
    parser.add_argument("--json", type=Path, help="file for all times")
    parser.add_argument("--picture", type=Path, help="file for a picture")
    parser.add_argument("--markdown", action="store_true", help="print the table for the README too")
    parser.add_argument("--section", choices=SECTIONS, help=argparse.SUPPRESS)
    parser.add_argument("--worker-names", default="", help=argparse.SUPPRESS)
    parser.add_argument("--worker-threads", type=int, default=1, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    args = arguments()
    if args.section:
        print(json.dumps(worker(args)))
        return
    names = [w.name for w in WORKLOADS if any(part in w.name for part in args.only.split(","))]
    times = {n: run("peers", names, int(n), args) for n in args.threads.split(",")}
    print_peers(times)
    everything = {"peers": times}
    if not args.only:
        everything["widths"] = run("widths", [f"width{n}" for n in WIDTHS], 2, args)
        print_widths(everything["widths"])
        everything["neighbour"] = run("neighbour", [n for n in names if n != "add4"], 2, args)
        print_neighbour(everything["neighbour"])
        everything["memory"] = run("memory", [""], 1, args)
        before, after = everything["memory"]
        print(f"\nresident size after {args.steps:,} small training steps: {after - before:+,} bytes since step 1,000")
        if importlib.util.find_spec("jax"):
            everything["first"] = run("first", [""], 2, args)
            print_first_calls(everything["first"])
            everything["peak"] = {way: run("peak", [way], 2, args) for way in ("adcore", "jit", "jax")}
            print_peak(everything["peak"])
        everything["growth"] = run("growth", [""], 1, args)
        print_growth(everything["growth"])
    if args.markdown:
        print_markdown(times)
    if args.json:
        args.json.write_text(json.dumps(everything))
    if args.picture:
        draw(times, args.picture)


if __name__ == "__main__":
    main()
