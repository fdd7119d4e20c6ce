"""The workloads in JAX, compiled by jit. A call is over when its result is there."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from workloads import (
    MILLION,
    SCAN_LSTM,
    TRAINING,
    Case,
    floats,
    labels,
    logistic_data,
    scan_lstm_data,
    split_parameters,
    steps,
    training,
)

NAME = "jax"


def set_threads(n):
    """JAX reads its flags when it is imported; see `peers.environment`."""


def bce(z, y):
    return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))


def weighted_bce(z, y, weight, pos_weight):
    positive = 1 + (pos_weight - 1) * y
    return jnp.mean(weight * ((1 - y) * z + positive * (jnp.log1p(jnp.exp(-jnp.abs(z))) + jnp.maximum(-z, 0))))


def cross_entropy(z, y):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))


def chain(v):
    for _ in range(1000):
        v = v * 0.999 + 0.001
    return v


def ready(fn, *args):
    def run():
        return jax.block_until_ready(fn(*args))

    return Case("run()", {"run": run}, lambda: [np.asarray(g) for g in jax.tree.leaves(run())])


def train(sizes, batch):
    data = training(sizes, batch)
    params = [(jnp.array(w), jnp.array(b)) for w, b in zip(data.weights, data.biases)]
    x, y = jnp.array(data.x), jnp.array(data.y)

    def loss(params, x, y):
        for w, b in params[:-1]:
            x = jax.nn.relu(x @ w.T + b)
        w, b = params[-1]
        z = x @ w.T + b
        return bce(z, y) if sizes[-1] == 1 else cross_entropy(z, y)

    return train_by_adam(loss, params, data.rate, x, y)


def train_by_adam(loss, params, rate, *data):
    """Steps on loss(params, *data), each one call that writes over the state."""

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def update(params, m, v, t, *data):
        value, grads = jax.value_and_grad(loss)(params, *data)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        factor = rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        params = jax.tree.map(lambda p, m, v: p - factor * m / (jnp.sqrt(v) + 1e-8), params, m, v)
        return params, m, v, t, value

    state = [params, jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params), 0.0]

    def step():
        *state[:], value = update(*state, *data)
        return jax.block_until_ready(value)

    return Case("step()", {"step": step}, steps(step))


def scan_lstm():
    x, weights = scan_lstm_data()
    start = jnp.zeros((SCAN_LSTM[1], SCAN_LSTM[3]))

    def loss(params, x):
        wx, wh, b = params

        def one(carry, x):
            h, c = carry
            i, f, g, o = jnp.split(x @ wx + h @ wh + b, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        return jnp.square(jax.lax.scan(one, (start, start), x)[1]).sum()

    return train_by_adam(loss, [jnp.array(w) for w in weights], 1e-3, jnp.array(x))


def scan_chain(v):
    return jax.lax.scan(lambda v, _: (v * 0.999 + 0.001, None), v, length=1000)[0]


def scalar10(v):
    for _ in range(5):
        v = jnp.sin(v) * 0.999
    return v


def build(name):
    """The case of a workload, None where it is not one of this framework's."""
    if name == "tutorial":
        x, y = jnp.ones(5), jnp.zeros(3)
        fn = jax.jit(jax.grad(lambda w, b, x, y: bce(x @ w + b, y), (0, 1)))
        return ready(fn, jnp.array(floats(5, 3)), jnp.array(floats(3, seed=3)), x, y)
    if name == "bce1m":
        return ready(jax.jit(jax.grad(bce)), jnp.array(floats(MILLION)), jnp.array(labels(MILLION)))
    if name == "bce1m_ones":
        ones = jnp.ones(MILLION)
        fn = jax.jit(jax.grad(weighted_bce))
        return ready(fn, jnp.array(floats(MILLION)), jnp.array(labels(MILLION)), ones, ones)
    if name == "logistic":
        x, y = map(jnp.array, logistic_data())
        fn = jax.jit(jax.grad(lambda w, b, x, y: bce(x @ w + b, y), (0, 1)))
        return ready(fn, jnp.array(floats(100, seed=3)), jnp.array(floats(1, seed=4)), x, y)
    if name == "chain1000":
        return ready(jax.jit(jax.grad(chain)), jnp.array(1.5))
    if name == "scan_chain":
        return ready(jax.jit(jax.grad(scan_chain)), jnp.array(1.5))
    if name == "scan_lstm":
        return scan_lstm()
    if name == "scalar10":
        return ready(jax.jit(scalar10), jnp.array(1.5))
    if name == "chain1m":
        fn = jax.grad(lambda c: (jnp.tanh(2 * c + 1) * jax.nn.sigmoid(c) + jnp.exp(-c * c)).mean())
        return ready(jax.jit(fn), jnp.array(floats(MILLION)))
    if name == "hessian":
        x, y = jnp.array(floats(16, 3)), jnp.array(floats(16, 1, seed=1))

        def loss(p):
            w, b, v = split_parameters(p)
            return ((jnp.tanh(x @ w + b) @ v - y) ** 2).mean()

        return ready(jax.jit(jax.hessian(loss)), jnp.array(floats(50, seed=2) / 2))
    if name == "jacobian":
        w, v = jnp.array(floats(64, 64, seed=1) / 8), jnp.array(floats(64, 64, seed=2) / 8)
        return ready(jax.jit(jax.jacrev(lambda x: jnp.tanh(v @ jnp.tanh(w @ x)))), jnp.array(floats(64)))
    return train(*TRAINING[name]) if name in ("mlp_small", "mlp_middle", "mlp_large") else None
