"""Walks the samples of PyTorch's op table (OpInfo) through adcore's functions of the same names, and prints the score.

    make opinfo                                       # all of it, in an environment of its own
    python tests/opinfo/walk.py --only sort topk -v   # some of it, with every failure

For each sample: the value, the first derivative (vjp at fixed cotangents), the second (of the first, along a fixed
direction), forward mode (jvp), and vmap over a batch of the sample and another point, in float64, against what PyTorch
gives; PyTorch's wrong inputs must raise. `counterparts` says which of adcore's functions stands for a name, what is out
of scope with the reason, and what differs on purpose. Start reading at `walk`.
"""

import argparse
import collections
import math
import sys
import warnings

import numpy as np
import torch
from counterparts import COMPARED, OUT_OF_SCOPE, RANDOM, Skip, counterpart, reason_to_differ
from torch.testing._internal.common_methods_invocations import op_db

import adcore
from adcore import Tensor

KINDS = ("value", "first", "second", "jvp", "vmap", "wrong")
DTYPES = {
    torch.float64: adcore.float64,
    torch.float32: adcore.float32,
    torch.float16: adcore.float16,
    torch.bfloat16: adcore.bfloat16,
    torch.int64: adcore.int64,
    torch.int32: adcore.int32,
    torch.int16: adcore.int16,
    torch.int8: adcore.int8,
    torch.uint8: adcore.uint8,
    torch.bool: adcore.bool_,
}
IGNORED = {"device", "layout", "pin_memory", "memory_format", "requires_grad"}  # keywords that mean nothing here


# ---- from PyTorch's arguments to ours -------------------------------------------------------------------------------


def map_leaves(value, f):
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return type(value)(map_leaves(v, f) for v in value) if type(value) in (tuple, list) else tuple(value)
    if isinstance(value, dict):
        return {k: map_leaves(v, f) for k, v in value.items()}
    return f(value)


def ours(value):
    """One argument as adcore takes it."""
    if isinstance(value, torch.Tensor):
        if value.is_sparse or value.is_complex() or value.is_quantized or value.dtype not in DTYPES:
            raise Skip(f"tensors of {value.dtype}, {value.layout}")
        return Tensor(to_numpy(value), dtype=DTYPES[value.dtype])
    if isinstance(value, torch.dtype):
        if value not in DTYPES:
            raise Skip(str(value))
        return DTYPES[value]
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, complex):
        raise Skip("complex numbers")
    if isinstance(value, (torch.memory_format, torch.layout, torch.device, torch.Generator)):
        raise Skip(type(value).__name__)
    return value


def to_numpy(value):
    return (value.float() if value.dtype is torch.bfloat16 else value).numpy(force=True)


class Arguments:
    """The arguments of a sample, and the float tensors among them, which are differentiated."""

    def __init__(self, sample):
        kwargs = {k: v for k, v in sample.kwargs.items() if k not in IGNORED}
        self.all = (sample.input, tuple(sample.args), kwargs)
        self.inputs = []
        map_leaves(self.all, lambda v: self.inputs.append(v) if self.is_input(v) else None)

    @staticmethod
    def is_input(value):
        return isinstance(value, torch.Tensor) and value.dtype is torch.float64

    def call(self, f, given, convert):
        """f with these values in place of the inputs."""
        left = iter(given)
        first, args, kwargs = map_leaves(self.all, lambda v: next(left) if self.is_input(v) else convert(v))
        return f(first, *args, **kwargs)


def leaves(result):
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in leaves(part)]
    return [result]


def float_leaves(result):
    return [t for t in leaves(result) if is_float(t)]


def is_float(t):
    if isinstance(t, torch.Tensor):
        return t.dtype is torch.float64
    return isinstance(t, Tensor) and t.dtype == adcore.float64


def weights(shape, k=0):
    n = math.prod(shape)
    return np.cos(np.arange(n) * 0.7 + k + 1).reshape(tuple(shape))


# ---- comparing ------------------------------------------------------------------------------------------------------


class Wrong(Exception):
    pass


def array(value):
    if isinstance(value, torch.Tensor):
        return to_numpy(value)
    return value.asnumpy() if isinstance(value, Tensor) else np.asarray(value)


def compare(what, got, wanted, rtol=1e-7, atol=1e-9):
    got, wanted = leaves(got), leaves(wanted)
    if len(got) != len(wanted):
        raise Wrong(f"{what}: {len(got)} results for {len(wanted)}")
    for g, w in zip(got, wanted):
        if g is None and w is None:
            continue
        g, w = array(g), array(w)
        if g.shape != w.shape:
            raise Wrong(f"{what}: shape {g.shape} for {w.shape}")
        if not np.allclose(g.astype(np.float64), w.astype(np.float64), rtol, atol, equal_nan=True):
            raise Wrong(f"{what}: {g.reshape(-1)[:4]} for {w.reshape(-1)[:4]}")


# ---- the walk -------------------------------------------------------------------------------------------------------


class Case:
    """One sample of one op, in both libraries, as functions of its inputs that return the float outputs."""

    def __init__(self, op, f, sample):
        self.arguments = Arguments(sample)
        self.compared = COMPARED.get(op.name, lambda result: result)
        finish = COMPARED.get(op.name, sample.output_process_fn_grad)
        self.theirs_whole = lambda *xs: self.arguments.call(op.op, xs, lambda v: v)
        self.ours_whole = lambda *xs: self.arguments.call(f, xs, ours)
        self.theirs = lambda *xs: float_leaves(finish(self.theirs_whole(*xs)))
        self.ours = lambda *xs: float_leaves(finish(self.ours_whole(*xs)))
        self.points = [to_numpy(t) for t in self.arguments.inputs]

    def torch_inputs(self):
        return [torch.tensor(p, requires_grad=True) for p in self.points]

    def our_inputs(self):
        return [Tensor(np.array(p)) for p in self.points]

    def value(self):
        wanted = self.theirs_whole(*self.torch_inputs())
        compare("value", self.compared(self.ours_whole(*self.our_inputs())), self.compared(wanted))

    def scalar(self, f, tensor):
        """The float outputs times fixed weights, summed."""

        def total(*xs):
            parts = [(out * tensor(weights(out.shape, k))).sum() for k, out in enumerate(f(*xs))]
            return sum(parts[1:], parts[0]) if parts else None

        return total

    def torch_gradients(self, order):
        """None where PyTorch has no derivative."""
        try:
            return self.swept(order)
        except (RuntimeError, NotImplementedError) as error:
            if "not implemented" in str(error):
                return None
            raise

    def swept(self, order):
        inputs = self.torch_inputs()
        total = self.scalar(self.theirs, torch.tensor)(*inputs)
        if total is None or not total.requires_grad:
            return None
        for last in range(1, order + 1):
            grads = torch.autograd.grad(total, inputs, create_graph=last < order, allow_unused=True)
            if last == order:
                return [torch.zeros_like(i) if g is None else g for g, i in zip(grads, inputs)]
            parts = [(g * torch.tensor(weights(g.shape, 5))).sum() for g in grads if g is not None and g.requires_grad]
            if not parts:
                return [torch.zeros_like(i) for i in inputs]
            total = sum(parts)
        return None

    def our_gradients(self, order):
        total, positions = self.scalar(self.ours, Tensor), tuple(range(len(self.points)))
        for _ in range(order - 1):
            gradient = adcore.grad(total, positions)
            total = lambda *xs, gradient=gradient: sum(
                (g * Tensor(weights(g.shape, 5))).sum() for g in leaves(gradient(*xs))
            )
        return leaves(adcore.grad(total, positions)(*self.our_inputs()))

    def first(self):
        wanted = self.torch_gradients(1)
        if wanted is not None:
            compare("gradient", self.our_gradients(1), wanted)
        return wanted is not None

    def second(self):
        wanted = self.torch_gradients(2)
        if wanted is not None:
            compare("second order", self.our_gradients(2), wanted, rtol=1e-6, atol=1e-7)
        return wanted is not None

    def jvp(self):
        """Forward mode against PyTorch's gradient: the weighted sum of the tangents is that of the cotangents."""
        wanted = self.torch_gradients(1)
        if wanted is None:
            return False
        directions = [weights(p.shape, 3) for p in self.points]
        expected = sum(float((w.numpy() * d).sum()) for w, d in zip(wanted, directions))
        total = self.scalar(self.ours, Tensor)
        _, tangent = adcore.jvp(total, tuple(self.our_inputs()), tuple(map(Tensor, directions)))
        compare("jvp", tangent, np.asarray(expected), atol=1e-8)
        return True

    def vmap(self):
        """Members one by one, by ourselves: what a batch means is not PyTorch's alone."""
        others = [p * 0.5 + 0.1 for p in self.points]
        members = [leaves(self.ours(*map(Tensor, map(np.array, points)))) for points in (self.points, others)]
        if not self.points or not members[0]:
            return False
        if any(array(a).shape != array(b).shape for a, b in zip(*members)):
            return False  # the shape depends on the values
        batch = [Tensor(np.stack(pair)) for pair in zip(self.points, others)]
        got = leaves(adcore.vmap(lambda *xs: tuple(self.ours(*xs)))(*batch))
        compare("vmap", got, [np.stack([array(a), array(b)]) for a, b in zip(*members)])
        return True


def attempt(check):
    """None: it holds; False: there is nothing to check; else what went wrong."""
    try:
        return None if check() in (None, True) else False
    except Skip:
        return False
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]


def torch_can(case):
    """Whether PyTorch itself gives a value."""
    try:
        case.theirs_whole(*case.torch_inputs())
    except Exception:
        return False
    return True


def walk(op, f, limit):
    """Return, by kind, how many samples were checked, and the failures; by reason, how many differ or are left out."""
    counts, failures = collections.Counter(), collections.defaultdict(list)
    differing, skipped = collections.Counter(), collections.Counter()
    for number, sample in enumerate(op.sample_inputs("cpu", torch.float64, requires_grad=False)):
        if limit and number >= limit:
            break
        case = Case(op, f, sample)
        if not torch_can(case):
            continue
        try:
            case.arguments.call(lambda *a, **k: None, case.our_inputs(), ours)
            case.ours_whole(*case.our_inputs())
        except Skip as reason:
            skipped[str(reason)] += 1
            continue
        except Exception:
            pass  # told below
        if op.name in RANDOM:
            kinds = {"value": lambda case=case: compare_shapes(case)}
        else:
            kinds = {"value": case.value}
            if op.supports_autograd:
                kinds |= {"first": case.first, "jvp": case.jvp}
                if op.supports_gradgrad:
                    kinds["second"] = case.second
            kinds["vmap"] = case.vmap
        for kind, check in kinds.items():
            result = attempt(check)
            if result is False:
                continue
            reason = result and reason_to_differ(op.name, sample, kind)
            if reason:
                differing[reason] += 1
                break
            counts[kind] += 1
            if result is not None:
                failures[kind].append((describe(sample), result))
                if kind == "value":
                    break
    if op.error_inputs_func is not None:
        for wrong in op.error_inputs("cpu"):
            result = attempt_wrong(op, f, wrong.sample_input)
            if result is False:
                continue
            reason = result == "no error" and reason_to_differ(op.name, wrong.sample_input, "wrong")
            if reason:
                differing[reason] += 1
                continue
            counts["wrong"] += 1
            if result is not None:
                failures["wrong"].append((describe(wrong.sample_input), result))
    return counts, failures, differing, skipped


def compare_shapes(case):
    got, wanted = leaves(case.ours_whole(*case.our_inputs())), leaves(case.theirs_whole(*case.torch_inputs()))
    if [tuple(array(g).shape) for g in got] != [tuple(array(w).shape) for w in wanted]:
        raise Wrong("shapes differ")


def attempt_wrong(op, f, sample):
    if set(sample.kwargs) & (IGNORED | {"out"}):
        return False  # of options that are not here
    try:
        op.op(sample.input, *sample.args, **sample.kwargs)
        return False  # PyTorch itself takes it
    except Exception:
        pass
    try:
        arguments = map_leaves((sample.input, tuple(sample.args), dict(sample.kwargs)), ours)
    except Skip:
        return False
    except Exception:
        return None
    try:
        f(arguments[0], *arguments[1], **arguments[2])
    except Skip:
        return False
    except SystemError as error:
        return f"SystemError: {error}"
    except Exception:
        return None
    return "no error"


def describe(sample):
    def short(v):
        if isinstance(v, torch.Tensor):
            return f"{str(v.dtype).removeprefix('torch.')}{list(v.shape)}"
        return repr(v)[:60]

    parts = map_leaves((sample.input, tuple(sample.args), dict(sample.kwargs)), short)
    return f"{parts[0]}, {parts[1]}, {parts[2]}"[:200]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--limit", type=int, default=0, help="samples of each op; 0: all")
    parser.add_argument("-v", action="store_true", help="every failure")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    names = sorted({op.name for op in op_db})
    classes = collections.defaultdict(list)
    total, failed, on_purpose, left_out = (collections.Counter() for _ in range(4))
    for op in op_db:
        if options.only is not None and op.name not in options.only:
            continue
        if op.name in OUT_OF_SCOPE:
            classes["out of scope"].append(op.name)
            continue
        f = counterpart(op.name, op.variant_test_name)
        if f is None:
            classes["missing"].append(op.name)
            continue
        classes["counterpart"].append(op.name)
        if torch.float64 not in op.dtypes:
            continue
        adcore.set_seed(0)
        try:
            counts, failures, differing, skipped = walk(op, f, options.limit)
        except Exception as error:
            print(f"{op.name}: PyTorch's samples cannot be made: {type(error).__name__}: {error}"[:200])
            continue
        total.update(counts)
        on_purpose.update(differing)
        left_out.update(skipped)
        failed.update({kind: len(found) for kind, found in failures.items()})
        if failures:
            variant = f".{op.variant_test_name}" if op.variant_test_name else ""
            told = ", ".join(
                f"{kind} {counts[kind] - len(failures[kind])}/{counts[kind]}" for kind in KINDS if failures[kind]
            )
            print(f"{op.name}{variant}: {told}")
            for kind in KINDS:
                for sample, result in failures[kind] if options.v else failures[kind][:1]:
                    print(f"    {kind}: {sample}\n        {result}")
        sys.stdout.flush()
    print()
    for title, found in classes.items():
        print(f"{title}: {len(set(found))} of {len(names)} names")
        if title == "missing":
            print("   ", " ".join(sorted(set(found))))
    for kind in KINDS:
        if total[kind]:
            held = total[kind] - failed[kind]
            print(f"{kind}: {held} of {total[kind]} samples ({100 * held / total[kind]:.2f} %)")
    for reason, count in on_purpose.items():
        print(f"differs on purpose: {count} samples: {reason}")
    for reason, count in left_out.items():
        print(f"left out: {count} samples: {reason}")


if __name__ == "__main__":
    main()
