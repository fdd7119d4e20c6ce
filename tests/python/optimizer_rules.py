"""The optimizers' rules by the book, in NumPy: one parameter, all its gradients, in float64.

Every entry of MORE_RULES: how adcore is called with a list of Parameters, and the reference, called with the start, the
gradients and, as `real`, the rounding of a number to the Parameter's dtype.
"""

import math

import numpy as np

from adcore import nn


def adam_means(g, m, v, beta1, beta2):
    return beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g


def adam_without_mean(p, grads, lr, beta2, eps):
    """Adam whose mean is the gradient itself: RMSProp with correction."""
    v = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        v = beta2 * v + (1 - beta2) * g * g
        p = p - lr * math.sqrt(1 - beta2**t) * g / (np.sqrt(v) + eps)
    return p


def amsgrad(p, grads, lr, beta1, beta2, eps, decay=0.0):
    """Reddi et al. 2018 with Adam's correction, as MindSpore has it."""
    m = v = top = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        m, v = adam_means(g + decay * p, m, v, beta1, beta2)
        top = np.maximum(top, v)
        p = p - lr * math.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(top) + eps)
    return p


def adamw(p, grads, lr, beta1, beta2, eps=1e-8, decay=0.01, amsgrad=False):
    """Loshchilov and Hutter 2019, algorithm 2, with PyTorch's weight decay lr * decay."""
    m = v = top = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        m, v = adam_means(g, m, v, beta1, beta2)
        top = np.maximum(top, v) if amsgrad else v
        step = m / (1 - beta1**t) / (np.sqrt(top / (1 - beta2**t)) + eps)
        p = p - lr * step - lr * decay * p
    return p


def adamax(p, grads, lr, beta1, beta2, eps=1e-8, decay=0.0):
    """Kingma and Ba 2015, algorithm 2."""
    m = u = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        g = g + decay * p
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g))
        p = p - lr / (1 - beta1**t) * m / (u + eps)
    return p


def nadam(p, grads, lr, beta1, beta2, eps=1e-8, decay=0.0, momentum_decay=0.004):
    """Dozat 2016, with the warming momentum."""
    m = v = np.zeros_like(p)
    mu = lambda t: beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
    for t, g in enumerate(grads, 1):
        m, v = adam_means(g + decay * p, m, v, beta1, beta2)
        product = math.prod(mu(i) for i in range(1, t + 1))
        m_hat = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * (g + decay * p) / (1 - product)
        p = p - lr * m_hat / (np.sqrt(v / (1 - beta2**t)) + eps)
    return p


def radam(p, grads, lr, beta1, beta2, eps=1e-8, decay=0.0):
    """Liu et al. 2020, algorithm 2, with PyTorch's bound of 5 and its eps."""
    m = v = np.zeros_like(p)
    longest = 2 / (1 - beta2) - 1
    for t, g in enumerate(grads, 1):
        m, v = adam_means(g + decay * p, m, v, beta1, beta2)
        m_hat = m / (1 - beta1**t)
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        if length > 5:
            part = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            p = p - lr * m_hat * math.sqrt(part) * math.sqrt(1 - beta2**t) / (np.sqrt(v) + eps)
        else:
            p = p - lr * m_hat
    return p


def lion(p, grads, lr, beta1, beta2, decay=0.0):
    """Chen et al. 2023, algorithm 2."""
    m = np.zeros_like(p)
    for g in grads:
        p = p - lr * (np.sign(beta1 * m + (1 - beta1) * g) + decay * p)
        m = beta2 * m + (1 - beta2) * g
    return p


def rmsprop(p, grads, lr, rho=0.9, momentum=0.0, eps=1e-10, decay=0.0, centered=False):
    """Hinton's lecture 6e and Graves 2013, equations 38-41, with MindSpore's start and its eps within the root."""
    s, b, m = np.ones_like(p), np.zeros_like(p), np.zeros_like(p)
    for g in grads:
        g = g + decay * p
        s, m = rho * s + (1 - rho) * g * g, rho * m + (1 - rho) * g
        b = momentum * b + lr * g / np.sqrt(s - (m * m if centered else 0) + eps)
        p = p - b
    return p


def adagrad(p, grads, lr, start=0.1, decay=0.0, grows=True):
    """Duchi et al. 2011, the diagonal form."""
    s = np.full_like(p, start)
    for g in grads:
        g = g + decay * p
        s = s + g * g if grows else s
        p = p - lr * g / np.sqrt(s)
    return p


def adadelta(p, grads, lr, rho, eps, decay=0.0):
    """Zeiler 2012, algorithm 1."""
    s = u = np.zeros_like(p)
    for g in grads:
        g = g + decay * p
        s = rho * s + (1 - rho) * g * g
        d = np.sqrt(u + eps) / np.sqrt(s + eps) * g
        u = rho * u + (1 - rho) * d * d
        p = p - lr * d
    return p


def rprop(p, grads, lr, etas=(0.5, 1.2), sizes=(1e-6, 50.0)):
    """Riedmiller and Braun 1993, the variant without backtracking (iRprop-), element by element."""
    out = np.empty_like(p)
    for i in np.ndindex(p.shape):
        value, size, last = p[i], lr, 0.0
        for gradient in grads:
            g = gradient[i]
            if g * last < 0:
                size, g = size * etas[0], 0.0
            elif g * last > 0:
                size *= etas[1]
            size = min(max(size, sizes[0]), sizes[1])
            value -= math.copysign(size, g) if g else 0.0
            last = g
        out[i] = value
    return out


def asgd(p, grads, lr, lambd=1e-4, alpha=0.75, decay=0.0):
    """Bottou's averaged SGD as PyTorch and MindSpore have it; the averages do not act on the parameters."""
    rate = lr
    for t, g in enumerate(grads, 1):
        p = (1 - lambd * rate) * p - rate * (g + decay * p)
        rate = lr / (1 + lambd * lr * t) ** alpha
    return p


def ftrl(p, grads, lr, start=0.1, power=-0.5, l1=0.0, l2=0.0, decay=0.0):
    """McMahan et al. 2013, algorithm 1, with MindSpore's exponent and the curvature 2 * l2."""
    n, z = np.full_like(p, start), np.zeros_like(p)
    for g in grads:
        g = g + decay * p
        sigma = ((n + g * g) ** -power - n**-power) / lr
        z, n = z + g - sigma * p, n + g * g
        p = np.where(np.abs(z) <= l1, 0.0, -(z - np.sign(z) * l1) / (n**-power / lr + 2 * l2))
    return p


def lamb(p, grads, lr, beta1, beta2, eps=1e-6, decay=0.0):
    """You et al. 2020, algorithm 2."""
    m = v = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        m, v = adam_means(g, m, v, beta1, beta2)
        u = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps) + decay * p
        a, b = np.linalg.norm(np.ravel(p)), np.linalg.norm(np.ravel(u))
        p = p - lr * (a / b if a > 0 and b > 0 else 1.0) * u
    return p


# A beta2 of 0.75 makes RAdam know the variance within the steps of the tests.
MORE_RULES = {
    "adam beta1 of 0": (
        lambda q: nn.Adam(q, 0.1, beta1=0.0, eps=0.1),
        lambda p, g, real: adam_without_mean(p, g, real(0.1), real(0.999), 0.1),
    ),
    "adam amsgrad": (
        lambda q: nn.Adam(q, 0.1, 0.9, 0.5, eps=0.1, use_amsgrad=True, weight_decay=0.1),
        lambda p, g, real: amsgrad(p, g, real(0.1), real(0.9), 0.5, 0.1, 0.1),
    ),
    "adamw": (lambda q: nn.AdamW(q, 0.1), lambda p, g, real: adamw(p, g, real(0.1), real(0.9), real(0.999))),
    "adamw decay eps": (
        lambda q: nn.AdamW(q, 0.1, eps=0.1, weight_decay=0.5),
        lambda p, g, real: adamw(p, g, real(0.1), real(0.9), real(0.999), 0.1, 0.5),
    ),
    "adamw amsgrad": (
        lambda q: nn.AdamW(q, 0.1, 0.9, 0.5, eps=0.1, amsgrad=True),
        lambda p, g, real: adamw(p, g, real(0.1), real(0.9), 0.5, 0.1, amsgrad=True),
    ),
    "adamax": (
        lambda q: nn.AdaMax(q, 0.1, eps=0.1, weight_decay=0.1),
        lambda p, g, real: adamax(p, g, real(0.1), real(0.9), real(0.999), 0.1, 0.1),
    ),
    "nadam": (
        lambda q: nn.NAdam(q, 0.1, eps=0.1, weight_decay=0.1, momentum_decay=0.5),
        lambda p, g, real: nadam(p, g, real(0.1), real(0.9), real(0.999), 0.1, 0.1, 0.5),
    ),
    "radam": (
        lambda q: nn.RAdam(q, 0.1, 0.9, 0.75, eps=0.1, weight_decay=0.1),
        lambda p, g, real: radam(p, g, real(0.1), real(0.9), 0.75, 0.1, 0.1),
    ),
    "radam at first": (
        lambda q: nn.RAdam(q, 0.1),
        lambda p, g, real: radam(p, g, real(0.1), real(0.9), real(0.999)),
    ),
    "lamb": (
        lambda q: nn.Lamb(q, 0.1, eps=0.1, weight_decay=0.1),
        lambda p, g, real: lamb(p, g, real(0.1), real(0.9), real(0.999), 0.1, 0.1),
    ),
    "lion": (
        lambda q: nn.Lion(q, 0.1, weight_decay=0.1),
        lambda p, g, real: lion(p, g, real(0.1), real(0.9), real(0.99), 0.1),
    ),
    "rmsprop": (
        lambda q: nn.RMSProp(q, 0.1, weight_decay=0.1),
        lambda p, g, real: rmsprop(p, g, real(0.1), decay=0.1),
    ),
    "rmsprop momentum": (
        lambda q: nn.RMSProp(q, 0.1, 0.5, 0.9, 0.1),
        lambda p, g, real: rmsprop(p, g, real(0.1), 0.5, real(0.9), 0.1),
    ),
    "rmsprop centered": (
        lambda q: nn.RMSProp(q, 0.1, 0.5, 0.9, 0.1, centered=True),
        lambda p, g, real: rmsprop(p, g, real(0.1), 0.5, real(0.9), 0.1, centered=True),
    ),
    "adagrad": (
        lambda q: nn.Adagrad(q, learning_rate=0.1, weight_decay=0.1),
        lambda p, g, real: adagrad(p, g, real(0.1), real(0.1), 0.1),
    ),
    "adagrad of a fixed sum": (
        lambda q: nn.Adagrad(q, 0.5, 0.1, update_slots=False),
        lambda p, g, real: adagrad(p, g, real(0.1), 0.5, grows=False),
    ),
    "adadelta": (
        lambda q: nn.Adadelta(q, 0.5, 0.5, 0.1, weight_decay=0.1),
        lambda p, g, real: adadelta(p, g, 0.5, 0.5, 0.1, 0.1),
    ),
    "rprop": (
        lambda q: nn.Rprop(q, 0.1, step_sizes=(1e-3, 0.11)),
        lambda p, g, real: rprop(p, g, real(0.1), sizes=(1e-3, 0.11)),
    ),
    "asgd": (
        lambda q: nn.ASGD(q, 0.1, lambd=0.25, weight_decay=0.1),
        lambda p, g, real: asgd(p, g, real(0.1), 0.25, decay=0.1),
    ),
    "ftrl": (
        lambda q: nn.FTRL(q, learning_rate=0.5, l1=0.25, l2=0.25),
        lambda p, g, real: ftrl(p, g, 0.5, real(0.1), l1=0.25, l2=0.25),
    ),
    "ftrl of another power": (
        lambda q: nn.FTRL(q, 0.5, 0.5, lr_power=-0.75, weight_decay=0.1),
        lambda p, g, real: ftrl(p, g, 0.5, 0.5, -0.75, decay=0.1),
    ),
}
