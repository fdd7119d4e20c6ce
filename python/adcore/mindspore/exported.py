"""MindSpore's names for programs in files: `export` records one and writes it, `load` reads it.

The files are those of `Program.save` and `adcore.load_program`, whatever their names; they are no MindIR.
"""

import os

from adcore import Parameter, jit, load_program


def export(net, *inputs, file_name, file_format="MINDIR", **kwargs):
    """Record what a network computes of inputs like these, and write it with its Parameters into a file.

    Parameters
    ----------
    net : Cell or callable
        In the mode, of training or not, that it has.
    *inputs
        Of the shapes and dtypes that the program is called with later.
    file_name : str or Path
        ".mindir" is appended unless it is there.
    file_format : {"MINDIR"}
    **kwargs
        MindSpore's further options raise unless they are None.

    Raises
    ------
    NotImplementedError
        For another format, or an option.
    ValueError
        For what a file cannot hold, such as a result that is a dtype.

    Examples
    --------
    >>> import os, tempfile
    >>> from adcore import nn, ops
    >>> from adcore.mindspore import exported
    >>> net = nn.Dense(2, 1, weight_init="ones", bias_init="zeros")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     exported.export(net, ops.ones((3, 2)), file_name=os.path.join(folder, "net"))
    ...     program = exported.load(os.path.join(folder, "net.mindir"))
    >>> print(program(ops.ones((3, 2))).T)
    [[2. 2. 2.]]
    """
    if file_format != "MINDIR":
        raise NotImplementedError(f"export: file_format must be 'MINDIR', got {file_format!r}.")
    given = [name for name, value in kwargs.items() if value is not None]
    if given:
        raise NotImplementedError(f"export: the option {given[0]!r} is not there.")
    name = os.fspath(file_name)
    # A Parameter that is an input is a Tensor to the program; those of the network are in the file.
    inputs = [value.value() if isinstance(value, Parameter) else value for value in inputs]
    jit(net).trace(*inputs).save(name if name.endswith(".mindir") else f"{name}.mindir")


def load(file_name, **kwargs):
    """Return the program of a file that `export` wrote, which is called as the network was.

    Raises
    ------
    OSError, ValueError
        As of `adcore.load_program`; a file of MindSpore is none.
    NotImplementedError
        For an option of MindSpore's.

    Examples
    --------
    See `export`.
    """
    given = [name for name, value in kwargs.items() if value is not None]
    if given:
        raise NotImplementedError(f"load: the option {given[0]!r} is not there.")
    return load_program(file_name)


__all__ = ["export", "load"]
