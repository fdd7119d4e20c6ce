"""Functions made from a table: a lambda that says what a name of MindSpore's calls, under that name."""


def named(family, bodies):
    """Give each lambda of a dict the name that it stands under, and return the dict.

    Examples
    --------
    >>> from adcore.mindspore.named import named
    >>> named("numbers", {"twice": lambda x: 2 * x})["twice"].__qualname__
    'twice'
    """
    for name, body in bodies.items():
        body.__name__ = body.__qualname__ = name
        body.__doc__ = f"{family}.{name}, with MindSpore's parameters."
    return bodies


__all__ = ["named"]
