"""Policy gradient: a network learns to balance a pole on a cart.

The cart is pushed to the left or to the right 50 times a second; the pole must stay within 12 degrees and the cart
within 2.4 m (Barto, Sutton and Anderson 1983; the equations stand in `CartPole`, in NumPy, for many carts at once). The
derivative of the expected return is that of the log-probability of what was done, weighted with how much better than
the average it went from there on (REINFORCE, Williams 1992).

    python examples/policy_gradient.py
    python examples/policy_gradient.py --small  # fewer updates
"""

import argparse

import numpy as np

import adcore
from adcore import Tensor, nn, ops, value_and_grad

LIMIT = 200  # steps, four seconds, after which an episode ends well


class CartPole:
    """`count` carts; a state is the cart's place and speed, and the pole's angle and its speed."""

    gravity, mass_of_cart, mass_of_pole, half_length, force, seconds = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, count, rng):
        self.state = rng.uniform(-0.05, 0.05, (count, 4))

    def step(self, to_the_right):
        """Push; return for each cart whether all is well."""
        _, speed, angle, turning = self.state.T
        sin, cos, mass = np.sin(angle), np.cos(angle), self.mass_of_cart + self.mass_of_pole
        push = np.where(to_the_right, self.force, -self.force)
        push = (push + self.mass_of_pole * self.half_length * turning**2 * sin) / mass
        inertia = self.half_length * (4 / 3 - self.mass_of_pole * cos**2 / mass)
        turning_change = (self.gravity * sin - cos * push) / inertia
        speed_change = push - self.mass_of_pole * self.half_length * turning_change * cos / mass
        changes = np.stack([speed, speed_change, turning, turning_change], axis=1)
        self.state = self.state + self.seconds * changes
        return (np.abs(self.state[:, 0]) < 2.4) & (np.abs(self.state[:, 2]) < np.radians(12))


def play(policy, count, rng):
    """Episodes of `count` carts: states, actions and whether the cart was still running, all by step and cart."""
    carts, running = CartPole(count, rng), np.ones(count, bool)
    states, actions, lasted = [], [], []
    while running.any() and len(states) < LIMIT:
        states.append(carts.state.astype(np.float32))
        logits = policy(Tensor(states[-1])).asnumpy()[:, 0]
        actions.append(rng.random(count) < 1 / (1 + np.exp(-logits)))
        lasted.append(running)
        running = running & carts.step(actions[-1])
    return np.stack(states), np.stack(actions), np.stack(lasted)


def advantages(lasted, discount=0.99):
    """How much better each step's discounted return is than the mean of all carts at that step, in deviations."""
    returns = np.zeros(lasted.shape)
    following = np.zeros(lasted.shape[1])
    for i in reversed(range(len(lasted))):
        following = returns[i] = lasted[i] + discount * following
    better = np.where(lasted, returns - returns.mean(axis=1, keepdims=True), 0.0)
    return better / max(better[lasted].std(), 1e-6)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer updates")
    options = parser.parse_args(argv)
    updates, count = (24, 16) if options.small else (60, 32)

    adcore.set_seed(0)
    rng = np.random.default_rng(0)
    policy = nn.SequentialCell(nn.Dense(4, 32), nn.Tanh(), nn.Dense(32, 1))
    optimizer = nn.Adam(policy.trainable_params(), learning_rate=0.02)

    def surrogate(states, actions, weights):
        return (weights * ops.binary_cross_entropy_with_logits(policy(states)[:, 0], actions, reduction="none")).mean()

    derivative = value_and_grad(surrogate, None, optimizer.parameters)
    for update in range(updates):
        states, actions, lasted = play(policy, count, rng)
        chosen = states[lasted], actions[lasted].astype(np.float32), advantages(lasted)[lasted].astype(np.float32)
        _, gradients = derivative(*map(Tensor, chosen))
        optimizer(gradients)
        if update == 0 or (update + 1) % (updates // 6) == 0:
            print(f"update {update + 1:3}: the pole stood for {lasted.sum(axis=0).mean():5.1f} of {LIMIT} steps")

    final = float(play(policy, 200, np.random.default_rng(1))[2].sum(axis=0).mean())
    print(f"\n200 new episodes: {final:.1f} of {LIMIT} steps on average")
    return final


if __name__ == "__main__":
    main()
