"""Sequences of random numbers, and the one way to take numbers from them: `taken`.

A draw takes all its numbers from a sequence at once, and is a function of the state from which they are taken: an
element depends on the seed and on its number in the sequence, at any number of threads.
"""

import contextlib
import secrets

from adcore import _core
from adcore._core import Tensor, uint64
from adcore._ops.declare import require_tensor


class Generator:
    """A sequence of random numbers of one's own, for the argument `generator` of what draws them.

    It starts at seed 0. Its state is a seed and how many numbers were drawn since; a derivative that runs the function
    again (:func:`adcore.recompute`) draws the same numbers.

    Examples
    --------
    >>> import adcore
    >>> from adcore import ops
    >>> generator = adcore.Generator().manual_seed(3)
    >>> state = generator.get_state()
    >>> a = ops.randn(2, generator=generator)
    >>> _ = generator.set_state(state)
    >>> bool((a == ops.randn(2, generator=generator)).all())
    True
    """

    def __init__(self):
        self._cell = _core.generator_state(0)

    def __reduce_ex__(self, protocol):
        """Copy and pickle the generator with its state; the process's generator is that of whichever process."""
        return "default_generator" if self is default_generator else super().__reduce_ex__(protocol)

    def manual_seed(self, seed):
        """Start the sequence of a seed in [-2**63, 2**64) anew, and return the generator."""
        self._cell.assign_value(_core.generator_state(_checked_seed("manual_seed", seed)))
        return self

    def seed(self) -> int:
        """Start the sequence of a seed that nobody foresees, and return it."""
        seed = secrets.randbits(63)
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """Return the seed of the sequence."""
        return self._cell.tolist()[0]

    def get_state(self) -> Tensor:
        """Return the state, a uint64 Tensor of a seed and of how many numbers were drawn."""
        return self._cell.copy()

    def set_state(self, state):
        """Go on from a state that `get_state` returned, and return the generator."""
        require_tensor("set_state", "state", state)
        if state.dtype != uint64 or state.shape != (2,):
            raise ValueError(
                f"set_state: state must be what get_state returned, uint64 of shape (2,), got {state.dtype} of shape "
                f"{state.shape}."
            )
        self._cell.assign_value(state)
        return self

    def _step(self, step):
        """Return the seed and how many numbers were drawn before, and count `step` more as drawn.

        MindSpore's programs hand these to its random operators.
        """
        seed, drawn = self._cell.tolist()
        self._cell.assign_value(Tensor([seed, drawn + int(step)], uint64))
        return Tensor(seed, uint64), Tensor(drawn, uint64)


class _OfProcess(Generator):
    """The process's generator. In a block of `drawing_from` it is that of the block, for the thread of the block."""

    def __init__(self):
        pass  # it has no cell of its own

    @property
    def _cell(self):
        return _core.drawn_cell()


_OfProcess.__name__ = _OfProcess.__qualname__ = Generator.__name__
default_generator: Generator = _OfProcess()


@contextlib.contextmanager
def drawing_from(generator):
    """Let this thread draw from a generator wherever it would draw from the process's, and set its seed there.

    Other threads do not notice it, and nobody waits: blocks nest, and one may wait for another thread's. What is
    recorded in it as a program draws from the process's numbers.
    """
    before = _core.draw_from(generator._cell)
    try:
        yield
    finally:
        _core.draw_from(before)


def manual_seed(seed) -> Generator:
    """Start the process's sequence of a seed anew, as :func:`adcore.set_seed`; returns its generator.

    Examples
    --------
    >>> import adcore
    >>> adcore.manual_seed(5).initial_seed()
    5
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the process's sequence of a seed that nobody foresees, and return it.

    Examples
    --------
    >>> import adcore
    >>> adcore.seed() == adcore.initial_seed()
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """Return the seed of the process's sequence.

    Examples
    --------
    >>> import adcore
    >>> adcore.set_seed(7)
    >>> adcore.initial_seed()
    7
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Return the state of the process's generator, see :meth:`adcore.Generator.get_state`.

    Examples
    --------
    >>> import adcore
    >>> adcore.set_seed(7)
    >>> print(adcore.get_rng_state())
    [7 0]
    """
    return default_generator.get_state()


def set_rng_state(state):
    """Let the process's generator go on from a state.

    Examples
    --------
    >>> import adcore
    >>> state = adcore.get_rng_state()
    >>> a = adcore.ops.rand(2)
    >>> adcore.set_rng_state(state)
    >>> bool((a == adcore.ops.rand(2)).all())
    True
    """
    default_generator.set_state(state)


def _checked_seed(op, seed):
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"{op}: seed must be an int, got {type(seed).__name__}.")
    if not -(2**63) <= seed < 2**64:
        raise ValueError(f"{op}: seed must be in [-2**63, 2**64), got {seed}.")
    return seed % 2**64


def taken(op, count, seed, generator):
    """Return the state for so many numbers, which it takes from a generator, or the first one of a seed."""
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(f"{op}: generator must be a Generator, got {type(generator).__name__}.")
    if seed is None:
        return _core.take_numbers((generator or default_generator)._cell, count)
    if generator is not None:
        raise ValueError(f"{op}: seed and generator are both given; a seed has a sequence of its own.")
    return _core.generator_state(_checked_seed(op, seed))
