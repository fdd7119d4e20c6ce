"""Steps of optimizers for the rows of `operator_table`.

A rule takes the values of variables and a gradient and returns the new values, in the same order. `stepped` gives them
to the variables, `row_steps` only to the rows of which there is a gradient.
"""

from adcore import Tensor, ops

from .operator_parts import written


def row_steps(variables, gradient, indices, rule):
    """Apply a rule to the rows that indices name; the gradients of a row that is named twice are added."""
    rows = ops.unique(indices)
    dense = ops.tensor_scatter_add(ops.zeros_like(variables[0]), ops.expand_dims(indices, -1), gradient)
    old = [ops.gather(variable, rows, 0) for variable in variables]
    places = ops.expand_dims(rows, -1)
    new = rule(*old, ops.gather(dense, rows, 0))
    return written(*((v, ops.tensor_scatter_update(v, places, ops.cast(n, v.dtype))) for v, n in zip(variables, new)))


def rows_in_turn(variables, gradient, indices, rule):
    """Apply a rule to one named row after the other, so that one that is named twice takes two steps."""
    if len(set(indices.tolist())) == indices.size:
        return row_steps(variables, gradient, indices, rule)
    for i in range(indices.size):
        values = row_steps(variables, gradient[i : i + 1], indices[i : i + 1], rule)
    return values


def dense_rows(variable, gradient, indices):
    """Return the gradient of a whole variable of which some rows are given."""
    return ops.tensor_scatter_add(ops.zeros_like(variable), ops.expand_dims(indices, -1), gradient)


def stepped(variables, values):
    """Write the values; returns them, one alone where there is one."""
    return written(*zip(variables, values))


def momentum_rule(variable, accumulation, rate, gradient, momentum, nesterov, scale):
    """Momentum."""
    gradient = gradient * scale if scale != 1.0 else gradient
    kept = accumulation * momentum + gradient
    step = gradient + momentum * kept if nesterov else kept
    return variable - rate * step, kept


def keras_momentum_rule(variable, accumulation, rate, gradient, momentum, nesterov):
    """Momentum whose accumulation holds the rate."""
    kept = accumulation * momentum - rate * gradient
    return variable + (momentum * kept - rate * gradient if nesterov else kept), kept


def adam_rule(var, m, v, power1, power2, rate, beta1, beta2, epsilon, gradient, nesterov=False, most=None):
    """Adam; `most` is the greatest second moment so far, of AMSGrad."""
    m = m * beta1 + gradient * (1 - beta1)
    v = v * beta2 + gradient * gradient * (1 - beta2)
    root = ops.sqrt(1 - power2) if isinstance(power2, Tensor) else (1 - power2) ** 0.5
    rate = rate * root / (1 - power1)
    ahead = m * beta1 + gradient * (1 - beta1) if nesterov else m
    if most is None:
        return var - rate * ahead / (ops.sqrt(v) + epsilon), m, v
    most = ops.maximum(most, v)
    return var - rate * ahead / (ops.sqrt(most) + epsilon), m, v, most


def decayed_rule(var, m, v, rate, beta1, beta2, epsilon, decay, gradient):
    """Adam with weight decay and without corrections of bias."""
    m = m * beta1 + gradient * (1 - beta1)
    v = v * beta2 + gradient * gradient * (1 - beta2)
    return var - rate * (m / (ops.sqrt(v) + epsilon) + decay * var), m, v


def adagrad_rule(var, accum, rate, gradient, epsilon, update_slots):
    """Adagrad."""
    total = accum + gradient * gradient if update_slots else accum * 1
    return var - rate * gradient / (ops.sqrt(total) + epsilon), total


def adagrad_da_rule(var, sums, squares, gradient, rate, l1, l2, step):
    """Adagrad by dual averaging."""
    sums, squares = sums + gradient, squares + gradient * gradient
    shrunk = ops.sign(sums) * ops.maximum(ops.abs(sums) - l1 * step, 0)
    return -rate * shrunk / (l2 * step * rate + ops.sqrt(squares)), sums, squares


def adadelta_rule(var, accum, accum_update, rate, rho, epsilon, gradient):
    """Adadelta."""
    total = rho * accum + (1 - rho) * gradient * gradient
    step = ops.sqrt(accum_update + epsilon) / ops.sqrt(total + epsilon) * gradient
    return var - rate * step, total, rho * accum_update + (1 - rho) * step * step


def adamax_rule(var, m, v, power1, rate, beta1, beta2, epsilon, gradient):
    """Adamax."""
    m = m * beta1 + gradient * (1 - beta1)
    v = ops.maximum(v * beta2, ops.abs(gradient))
    return var - rate / (1 - power1) * m / (v + epsilon), m, v


def add_sign_rule(var, m, rate, alpha, sign_decay, beta, gradient):
    """AddSign: a step is longer where gradient and moment agree."""
    m = m * beta + gradient * (1 - beta)
    return var - rate * (alpha + sign_decay * ops.sign(gradient) * ops.sign(m)) * gradient, m


def power_sign_rule(var, m, rate, logbase, sign_decay, beta, gradient):
    """PowerSign: a step is longer by a power where gradient and moment agree."""
    m = m * beta + gradient * (1 - beta)
    return var - rate * ops.exp(logbase * sign_decay * ops.sign(gradient) * ops.sign(m)) * gradient, m


def rms_rule(var, mean_square, moment, rate, gradient, decay, momentum, epsilon, mean_gradient=None):
    """RMSProp, centered where there is a mean of gradients, which is the last of the values then."""
    square = decay * mean_square + (1 - decay) * gradient * gradient
    below, more = square + epsilon, ()
    if mean_gradient is not None:
        more = (decay * mean_gradient + (1 - decay) * gradient,)
        below = below - more[0] * more[0]
    moved = momentum * moment + rate * gradient / ops.sqrt(below)
    return var - moved, square, moved, *more


def proximal(x, rate, l1, l2):
    """Return the shrunk value of a step with penalties."""
    return ops.sign(x) * ops.maximum(ops.abs(x) - rate * l1, 0) / (1 + rate * l2)


def proximal_adagrad_rule(var, accum, rate, l1, l2, gradient):
    """Proximal Adagrad."""
    total = accum + gradient * gradient
    rate = rate / ops.sqrt(total)
    return proximal(var - rate * gradient, rate, l1, l2), total


def ftrl_rule(var, accum, linear, gradient, rate, l1, l2, power):
    """FTRL."""
    total = accum + gradient * gradient
    linear = linear + gradient - (total**-power - accum**-power) / rate * var
    value = (ops.sign(linear) * l1 - linear) / (total**-power / rate + 2 * l2)
    return ops.where(ops.abs(linear) > l1, value, ops.zeros_like(value)), total, linear


def sgd_rule(var, gradient, rate, accum, momentum, stat, dampening, weight_decay, nesterov):
    """Stochastic gradient descent; `stat` is one before the first step, when nothing is damped."""
    if weight_decay:
        gradient = gradient + weight_decay * var
    kept = momentum * accum + ops.where(stat > 0, gradient, (1 - dampening) * gradient)
    step = gradient + momentum * kept if nesterov else kept
    return var - rate * step, kept, ops.zeros_like(stat)


__all__ = [
    name
    for name, value in vars().items()
    if getattr(value, "__module__", None) == __name__ and not name.startswith("_")
]
