"""What the transforms ask of their options and of a function's result; the errors name the transform."""

from adcore import _core
from adcore._core import Parameter, Tensor


def check_callable(name, fn):
    """Raise unless `fn` can be called."""
    if not callable(fn):
        raise TypeError(f"{name}: fn must be callable, got {type(fn).__name__}.")


def check_flag(name, option, value):
    """Raise unless an option is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}: {option} must be a bool, got {type(value).__name__}.")


def checked_positions(name, grad_position):
    """Return the positions as a tuple of ints, or None."""
    if grad_position is None:
        return None
    if isinstance(grad_position, int):
        if grad_position < 0:
            raise ValueError(f"{name}: grad_position must be >= 0, got {grad_position}.")
        return (int(grad_position),)
    if not isinstance(grad_position, tuple):
        raise TypeError(
            f"{name}: grad_position must be an int, a tuple of ints or None, got {type(grad_position).__name__}."
        )
    if not grad_position:
        raise RuntimeError(f"{name}: grad_position is an empty tuple; name at least one position.")
    for position in grad_position:
        if not isinstance(position, int):
            raise TypeError(f"{name}: grad_position must hold ints, got {type(position).__name__}.")
        if position < 0:
            raise ValueError(f"{name}: grad_position must be >= 0, got {position} in {grad_position}.")
    if len(set(grad_position)) != len(grad_position):
        raise ValueError(f"{name}: grad_position names a position twice: {grad_position}.")
    return tuple(int(position) for position in grad_position)


def checked_weights(name, weights):
    """Return the weights as a tuple, and whether a bare Parameter was given."""
    if weights is None:
        return None, False
    if isinstance(weights, Parameter):
        return (weights,), True
    if not isinstance(weights, (list, tuple)):
        raise TypeError(
            f"{name}: weights must be a Parameter, or a list or tuple of Parameters, got {type(weights).__name__}."
        )
    for i, weight in enumerate(weights):
        if not isinstance(weight, Parameter):
            raise TypeError(
                f"{name}: weights must hold Parameters, element {i} is {type(weight).__name__}; "
                "differentiate other tensors by position."
            )
    return tuple(weights), False


class NoSuchPosition(IndexError, RuntimeError):
    """A call that has no argument at a position: MindSpore raises the one in graph mode and the other in PyNative."""


def no_such_position(fn, position, args, names, name="grad", error=NoSuchPosition):
    """Raise the error of a call that has no argument at `position`: in the function's own words where it needs more."""
    import inspect  # not at the top: it takes longer to load than adcore

    try:
        inspect.signature(fn).bind(*args, **dict.fromkeys(names))
    except TypeError:
        fn(*args, **dict.fromkeys(names))
    except ValueError:  # a builtin without a signature
        pass
    raise error(f"{name}: there is no argument at position {position}, the call has {len(args) + len(names)}.")


def taken_sens(name, args, kwargs):
    """Take the cotangent from the end of the arguments, or from the keyword sens."""
    if "sens" in kwargs:
        kwargs = dict(kwargs)
        sens = kwargs.pop("sens")
        return args, kwargs, sens
    if not args:
        raise TypeError(f"{name}: sens_param is True, but the call has no argument for sens.")
    return args[:-1], kwargs, args[-1]


def computed(name, result):
    """Return a function's result; raise where it is a generator, a coroutine or another iterator: it computes later."""
    if not isinstance(result, Tensor):
        _core.require_result(name, result)
    return result


def split_aux(name, has_aux, result):
    """Return what is differentiated of a function's result, and the rest."""
    if not has_aux:
        return computed(name, result), None
    computed(name, result[0] if isinstance(result, tuple) and result else result)
    if not isinstance(result, tuple) or len(result) < 2:
        got = f"a tuple of {len(result)}" if isinstance(result, tuple) else type(result).__name__
        raise ValueError(
            f"{name}: with has_aux=True the function must return a tuple of the value and at least one more, got {got}."
        )
    return result[0], result[1] if len(result) == 2 else result[1:]


def short_text(o):
    """Return a few words on an argument, for errors and reports: the dtype and shape of a Tensor or array."""
    if isinstance(o, Tensor):
        return f"{'Parameter ' if isinstance(o, Parameter) else ''}{o.dtype} {o.shape}"
    if isinstance(o, (tuple, list)) and len(o) <= 16:
        return f"{type(o).__name__} of {', '.join(map(short_text, o))}"
    if isinstance(o, dict) and len(o) <= 16:
        return "dict of " + ", ".join(f"{k!r}: {short_text(v)}" for k, v in o.items())
    if _core.is_array(o):
        facts = [str(getattr(o, fact)) for fact in ("dtype", "shape") if hasattr(o, fact)]
        return " ".join([type(o).__name__, *facts])
    simple = isinstance(o, (bool, int, float, str, type(None))) or type(o).__name__ == "_Nothing"
    text = repr(o) if simple else f"a {type(o).__name__}"
    return text if len(text) < 60 else text[:57] + "..."
