"""Small programs, each of them run while its k-th allocation fails, for every k: see test_allocation_failure.py.

Run as a script, by an interpreter that has fail_malloc.c loaded ahead of the C library: names of programs follow the
path of that library. Each line that is printed is a fault; the last line on standard error tells where a crash was.
"""

import copy
import ctypes
import os
import pickle
import sys

import numpy as np

import adcore
from adcore import Parameter, Tensor, _core, grad, hessian, jacfwd, jacrev, jvp, nn, ops, vjp, vmap

A = np.arange(6, dtype=np.float32).reshape(2, 3) / 4
X = Tensor(A)
ROWS = Tensor(A * 2 - 1)
W = Parameter(Tensor(A.T * 3 - 1), name="w")
B = Parameter(Tensor(A[:, :2].copy() - 0.5), name="b")
BIG = Tensor(np.linspace(-1, 1, 3000, dtype=np.float32))


def function(x):
    return (ops.tanh(x @ W + B) * 2.0).sum()


def gradient():
    return grad(function)(X)


def training_function(x):
    hidden = ops.relu(ops.dense(x, W.T, B[0]))
    return ops.cross_entropy(hidden, Tensor([0, 1])), hidden


def value_and_grad():
    return adcore.value_and_grad(training_function, None, [W, B], has_aux=True)(X)


def second_gradient():
    return grad(lambda x: (grad(lambda u: (u * u * ops.sin(u)).sum())(x) * x).sum())(X)


def gradient_of_containers():
    return grad(lambda t: (t["a"] * t["b"][0]).sum() + t["b"][1])({"a": X, "b": [ROWS, 2.0]})


def forward():
    return jvp(lambda x: ops.exp(x) * x, X, ROWS)


def forward_of_containers():
    return jvp(lambda t: {"y": t[0] * t[1], "z": t[0] + 1}, ((X, ROWS),), ((ROWS, X),))


def forward_over_reverse():
    return jvp(grad(function), X, ROWS)


def pulled():
    out, pull = vjp(lambda x: (x @ W, x.sum()), X)
    return out, pull(ops.ones_like(out[0]), ops.ones_like(out[1]))


def linearized():
    out, push = adcore.linearize(lambda x: ops.sin(x) * x, X)
    return out, push(ROWS)


def mapped():
    return vmap(lambda x, y: (x * y).sum() + ops.exp(x), in_axes=(0, 0))(X, ROWS)


def mapped_gradient():
    return vmap(grad(lambda x: (ops.tanh(x) * x).sum()))(X)


def gradient_of_mapped():
    return grad(lambda x: vmap(lambda u: ops.softmax(u))(x)[:, 0].sum())(X)


def jacobians():
    return jacrev(lambda x: ops.sin(x) * x)(X[0]), jacfwd(lambda x: ops.sin(x) * x)(X[0])


def hessian_matrix():
    return hessian(lambda x: (ops.sin(x) * x).sum())(X[0])


def recomputed():
    return grad(lambda x: adcore.recompute(lambda u: ops.tanh(u @ W) * 2.0, x).sum(), 0, [W])(X)


class Square(adcore.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x * 2


def custom_rule():
    return grad(lambda x: (Square.apply(x) * x).sum())(X)


def hooked():
    def f(x):
        y = x * 2.0
        y.register_hook(lambda g: g * 3)
        return (y * x).sum()

    return grad(f)(X)


HOOKED = Parameter(Tensor(A), name="hooked")
HOOKED.register_hook(lambda g: g * 2)


def hook_of_parameter():
    return grad(lambda x: (x * HOOKED).sum(), None, [HOOKED])(X)


def make_net():
    adcore.set_seed(1)
    return nn.SequentialCell(nn.Dense(3, 4), nn.ReLU(), nn.Dense(4, 2))


NET = make_net()
INITIAL = [p.asnumpy().copy() for p in NET.trainable_params()]
LOSS = nn.MSELoss()
TARGET = Tensor(A[:, :2].copy())
STEPS = {
    "sgd": lambda p: nn.SGD(p, 0.1, momentum=0.9),
    "adam": lambda p: nn.Adam(p, 0.1),
}
OPTIMIZERS = {}


def training_step(optimizer):
    def loss(x, y):
        return LOSS(NET(x), y)

    gradients = adcore.value_and_grad(loss, None, NET.trainable_params())(X, TARGET)
    optimizer(gradients[1])
    return gradients


def restart():
    for p, value in zip(NET.trainable_params(), INITIAL):
        p.set_data(Tensor(value))
    for name, make in STEPS.items():
        OPTIMIZERS[name] = make(NET.trainable_params())


def sgd_step():
    return training_step(OPTIMIZERS["sgd"]), [p.value() for p in NET.trainable_params()]


def adam_step():
    return training_step(OPTIMIZERS["adam"]), [p.value() for p in NET.trainable_params()]


def conversions():
    t = Tensor(A)
    return (
        t,
        t.asnumpy(),
        np.asarray(t),
        t.tolist(),
        Tensor([[1.0, 2.0], [3.0, 4.0]]),
        Tensor(3),
        t.astype(adcore.float64),
    )


def shared_array():
    a = A.copy()
    t = Tensor.from_numpy(a)
    return t + 1, t[0, 0].item(), float(t[1, 1]), int(t[1, 2]), bool(t[0, 1])


def indexed():
    return X[0], X[:, 1:], X[..., None], X[[1, 0]], X[Tensor([0, 1]), 1], X[X > 0.5], X[A > 0.5]


def assigned():
    t = Tensor(A)
    t[0] = 1.0
    t[:, 1] = Tensor([5.0, 6.0])
    t[[0, 1], 2] = 3.0
    t[t > 4] = 0.0
    t += 1
    return t


def gradient_of_indexed():
    def f(x):
        y = x * 2.0
        y[0] = y[1] * 3.0
        return (y[:, 1] * y[[0, 1], 2]).sum()

    return grad(f)(X)


def printed():
    return Tensor(list(repr(X).encode())), Tensor(list(str(W).encode()))


def pickled():
    return pickle.loads(pickle.dumps(X)), copy.deepcopy(W), copy.copy(X)


def parameters():
    p = Parameter(Tensor(A), name="p")
    q = Parameter(2.0)
    q.name = "q"
    p.set_data(X * 2)
    return p * q


def cells():
    return nn.SequentialCell(nn.Dense(3, 2, weight_init="ones", bias_init="zeros"), nn.Tanh())(X)


def random_numbers():
    adcore.set_seed(3)
    return ops.randn(3), ops.rand(2, 2), ops.dropout(X, 0.5)


def large():
    return grad(lambda x: (ops.exp(x) * ops.sin(x) + x * 2).sum())(BIG)


def composites():
    return ops.logsumexp(X, 1), ops.var(X, 1), ops.stack([X, ROWS]), ops.matmul(X, W)


def scopes():
    with adcore.no_grad():
        y = X * 2
    return y, adcore.no_grad(lambda x: x * 3)(X), adcore.debug_nans(lambda x: x * 2)(X)


def helps():
    return ops.sin.__doc__, ops.concat.__doc__, ops.sin.__text_signature__, repr(ops.sin), repr(grad(function))


PROGRAMS = {
    f.__name__: f
    for f in (
        gradient,
        value_and_grad,
        second_gradient,
        gradient_of_containers,
        forward,
        forward_of_containers,
        forward_over_reverse,
        pulled,
        linearized,
        mapped,
        mapped_gradient,
        gradient_of_mapped,
        jacobians,
        hessian_matrix,
        recomputed,
        custom_rule,
        hooked,
        hook_of_parameter,
        sgd_step,
        adam_step,
        conversions,
        shared_array,
        indexed,
        assigned,
        gradient_of_indexed,
        printed,
        pickled,
        parameters,
        cells,
        random_numbers,
        large,
        composites,
        scopes,
        helps,
    )
}


# Where NumPy and pickle take a lack of memory for another answer: an array without memory for its memoryview is read as
# a sequence, a module that pickle could not look up is missing.
NOT_OURS = (
    "multi-dimensional sub-views are not implemented",
    "import of module 'adcore.tensor' failed",
    "import of module 'adcore._core' failed",
)


def bits(tree):
    """Return what a result holds, to be compared."""
    if isinstance(tree, Tensor):
        return tree.shape, str(tree.dtype), tree.asnumpy().tobytes()
    if isinstance(tree, np.ndarray):
        return tree.shape, tree.tobytes()
    if isinstance(tree, dict):
        return {k: bits(v) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [bits(v) for v in tree]
    return tree


def run(name, library, all_fail, faults):
    program = PROGRAMS[name]

    def fresh():
        restart()
        return bits(program())

    right = fresh()
    assert fresh() == right, name
    inputs = [W, B, X, ROWS, BIG, HOOKED]
    before = [bits(t) for t in inputs]
    k = 0
    while True:
        k += 1
        os.write(2, f"{name} {k} {all_fail}\n".encode())
        restart()
        _core.empty_cache()
        result = error = None
        try:
            result = library.attempt(program, k, all_fail)
        except BaseException as e:
            error = type(e), str(e)
            del e
        if error and error[0] is not MemoryError and not error[1].endswith(NOT_OURS):
            faults.append(f"{name}, allocation {k}, all={all_fail}: {error}")
        if result is not None and bits(result) != right:
            faults.append(f"{name}, allocation {k}, all={all_fail}: another result")
        done = library.refusals() == 0
        del result
        if _core.live_levels():
            faults.append(f"{name}, allocation {k}, all={all_fail}: {_core.live_levels()} scopes are open")
            return k
        if fresh() != right or [bits(t) for t in inputs] != before:
            faults.append(f"{name}, allocation {k}, all={all_fail}: the next call differs")
        if done:
            return k


def main(path, names):
    library = ctypes.PyDLL(path)
    library.attempt.restype = ctypes.py_object
    library.attempt.argtypes = [ctypes.py_object, ctypes.c_long, ctypes.c_int]
    library.refusals.restype = ctypes.c_long
    library.refusals.argtypes = []
    faults = []
    for name in names:
        for all_fail in (0, 1):
            run(name, library, all_fail, faults)
    for fault in faults:
        print(fault)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or list(PROGRAMS))
