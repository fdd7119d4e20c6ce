"""An epoch of a pipeline: what its random choices are functions of, which is (seed, epoch, place in the pipeline)."""

import numpy as np


class Run:
    """One pass through a pipeline.

    Parameters
    ----------
    seed, epoch : int
        What the order of rows depends on.
    path : tuple of int
        Where nodes of several children branched: two children never draw the same numbers.
    true : tuple of int, optional
        The seed and epoch of the pass, below a node that wants the order of rows of others: of one epoch at all times.
    """

    def __init__(self, seed, epoch, path=(), true=None):
        self.seed, self.epoch, self.path = seed, epoch, path
        self.frozen, self.true = true is not None, true or (seed, epoch)
        self._children, self._known = {}, {}

    def child(self, number):
        """The run of a child of a node of several."""
        if number not in self._children:
            self._children[number] = Run(
                self.seed, self.epoch, (*self.path, number), self.true if self.frozen else None
            )
        return self._children[number]

    def with_order_of(self, seed, epoch):
        """The same pass with the order of rows of one epoch of a seed."""
        return Run(seed, epoch, self.path, self.true)

    def rng(self, stream):
        """The random numbers of the place `stream` along the path."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(self.epoch, stream, *self.path)))

    def seeds(self, stream):
        """A function that gives a seed in [0, 2**32) for each row."""
        seed, epoch = self.true

        def of_row(row):
            # 2**32 - 1 keeps them apart from the keys of `rng`.
            sequence = np.random.SeedSequence(seed, spawn_key=(epoch, stream, *self.path, 2**32 - 1, row))
            return int(sequence.generate_state(1)[0])

        return of_row

    def once(self, node, compute):
        """What `compute` gives, computed once in this pass."""
        if node not in self._known:
            self._known[node] = compute()
        return self._known[node]
