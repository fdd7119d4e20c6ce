"""Counts the instructions of the hot path under callgrind and compares them with stored bounds: no clock is read.

A snippet runs N and 2N times; the difference, divided by N, is what one run takes, start-up not counted. Bounds are
kept by version of Python, whose own instructions count too.

    python benchmarks/instructions.py            # print
    python benchmarks/instructions.py --check    # fail where a count is above its bound
    python benchmarks/instructions.py --update   # write the counts as bounds
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BOUNDS = Path(__file__).with_name("instructions.json")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
SLACK = 1.06  # of a bound: Python 3.11.2 takes 3 % more than 3.11.7, another compiler differs too

# name: (workload of on_adcore, statement or None for the workload's own, runs)
SNIPPETS = {
    "a + b, 4 floats": ("add4", None, 20_000),
    "a + 1.0, 4 floats": ("add4", "a + 1.0", 20_000),
    "gradient of the linear model": ("tutorial", None, 2_000),
    "gradient of a chain of 2,000 operations": ("chain1000", None, 20),
    "training step 30-64-64-1": ("mlp_small", None, 200),
}


def child(workload, statement, number):
    """What runs under callgrind."""
    import timeit

    import on_adcore

    on_adcore.set_threads(1)
    case = on_adcore.build(workload)
    timeit.Timer(statement or case.statement, globals=case.names).timeit(number)


def start(workload, statement, number, folder):
    # valgrind knows no AVX-512; threads of NumPy's BLAS would spin as long as they like.
    env = dict(os.environ, ADCORE_ISA="avx2", PYTHONHASHSEED="0", OPENBLAS_NUM_THREADS="1")
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/{workload}.{number}"]
    command += [sys.executable, __file__, "--child", workload, statement or "", str(number)]
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)


def collected(process):
    text = process.communicate()[1]
    found = re.search(r"Collected : (\d+)", text)
    if process.returncode or not found:
        sys.exit(text)
    return int(found[1])


def count(workload, statement, number):
    with tempfile.TemporaryDirectory() as folder:
        processes = [start(workload, statement, n, folder) for n in (number, 2 * number)]
        once, twice = (collected(p) for p in processes)
    return (twice - once) / number


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail where a count is above its bound")
    parser.add_argument("--update", action="store_true", help="write the counts as bounds")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child[0], args.child[1], int(args.child[2]))
        return
    # Once without counting: in a fresh installation the first process compiles what the later ones read.
    subprocess.run([sys.executable, __file__, "--child", "add4", "", "1"], check=True)
    stored = json.loads(BOUNDS.read_text()) if BOUNDS.exists() else {}
    bounds = stored.get(VERSION, {})
    above = []
    for name, snippet in SNIPPETS.items():
        counted, bound = count(*snippet), bounds.get(name)
        print(f"{name:42} {counted:12,.0f} instructions" + (f", at most {bound:,}" if bound else ", no bound"))
        if bound and counted > bound * SLACK:
            above.append(name)
        bounds[name] = round(counted)
    if args.update:
        stored[VERSION] = bounds
        BOUNDS.write_text(json.dumps(stored, indent=2) + "\n")
    if args.check and above:
        sys.exit("more instructions than the bound: " + ", ".join(above))


if __name__ == "__main__":
    main()
