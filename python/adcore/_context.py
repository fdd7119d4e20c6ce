"""MindSpore's settings of mode and device. Few of them mean something to a library that runs on one CPU, eagerly."""

from adcore import _core

GRAPH_MODE = 0
PYNATIVE_MODE = 1

# The settings that MindSpore knows, with the values that they have there at first. Those that adcore does not act on
# are kept, so that `get_context` gives back what was set.
_settings = {
    "mode": PYNATIVE_MODE,
    "device_target": "CPU",
    "device_id": 0,
    "deterministic": "ON",
    "max_call_depth": 1000,
    "pynative_synchronize": False,
    "save_graphs": False,
    "save_graphs_path": "",
    "jit_level": "",
    "jit_config": {},
    "jit_syntax_level": 2,
    "jit_enable_inplace_ops": True,
    "debug_level": 0,
    "max_device_memory": 1024.0,
    "variable_memory_max_size": "",
    "mempool_block_size": "1GB",
    "memory_optimize_level": "O0",
    "memory_offload": "OFF",
    "enable_graph_kernel": False,
    "graph_kernel_flags": "",
    "enable_compile_cache": None,
    "compile_cache_path": "",
    "enable_reduce_precision": True,
    "enable_dump": False,
    "save_dump_path": "",
    "enable_profiling": False,
    "profiling_options": "",
    "enable_sparse": False,
    "enable_mem_reuse": True,
    "grad_for_scalar": False,
    "check_bprop": False,
    "reserve_class_name_in_scope": True,
    "precompile_only": False,
    "print_file_path": "",
    "env_config_path": "",
    "auto_tune_mode": "NO_TUNE",
    "aoe_tune_mode": "",
    "aoe_config": {},
    "ascend_config": {},
    "gpu_config": {},
    "op_timeout": 900,
    "exec_order": "bfs",
    "inter_op_parallel_num": 0,
    "disable_format_transform": False,
    "support_binary": False,
}
_MEANT = {"mode", "device_target", "runtime_num_threads", "check_bprop"}
_said = set()


def without_meaning(what):
    """Say once, at debug level, that something is accepted and has no meaning on one CPU."""
    if what not in _said:
        _said.add(what)
        import logging

        logging.getLogger("adcore.context").debug(
            "%s is accepted and has no effect: adcore runs eagerly, on the CPU.", what
        )


def set_context(mode=None, device_target="CPU", **settings):
    """Accept MindSpore's settings of mode and device; adcore runs on the CPU, eagerly.

    Parameters
    ----------
    mode : int, optional
        `GRAPH_MODE` (0) or `PYNATIVE_MODE` (1). Functions run eagerly in both.
    device_target : str, optional
        "CPU".
    **settings
        The other keywords of MindSpore. ``runtime_num_threads`` is `set_num_threads`. With ``check_bprop=True`` what
        the `bprop` of a Cell returns must have the shapes and dtypes of its arguments, instead of being summed to them
        and converted. The rest is kept for `get_context`, and the logger ``adcore.context`` says once, at debug level,
        that it has no effect.

    Raises
    ------
    ValueError
        For a device other than "CPU", a mode other than the two, and a keyword that MindSpore does not have. Nothing is
        set then.
    TypeError
        For a `check_bprop` that is no bool. Nothing is set then.

    Examples
    --------
    >>> import adcore
    >>> adcore.set_context(mode=adcore.PYNATIVE_MODE, device_target="CPU")
    >>> adcore.get_context("mode")
    1
    """
    if device_target != "CPU":
        raise ValueError(f"set_context: adcore runs on the CPU only, got device_target={device_target!r}.")
    if mode is not None and (isinstance(mode, bool) or mode not in (GRAPH_MODE, PYNATIVE_MODE)):
        raise ValueError(f"set_context: mode must be GRAPH_MODE (0) or PYNATIVE_MODE (1), got {mode!r}.")
    _check_known("set_context", *settings)
    if not isinstance(settings.get("check_bprop", False), bool):
        raise TypeError(f"set_context: check_bprop must be a bool, got {settings['check_bprop']!r}.")
    threads = settings.pop("runtime_num_threads", None)
    if threads is not None:
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise ValueError(f"set_context: runtime_num_threads must be an int of at least 1, got {threads!r}.")
        _core.set_num_threads(min(threads, 2**31 - 1))
    if mode is not None:
        settings["mode"] = mode
        if mode == GRAPH_MODE:
            without_meaning("set_context(mode=GRAPH_MODE)")
    for name in settings.keys() - _MEANT:
        without_meaning(f"set_context({name}=...)")
    _settings.update(settings)


def get_context(attr_key):
    """Return a setting of `set_context`.

    Parameters
    ----------
    attr_key : str
        Its name.

    Raises
    ------
    ValueError
        For a name that is none.

    Examples
    --------
    >>> import adcore
    >>> adcore.get_context("device_target")
    'CPU'
    """
    _check_known("get_context", attr_key)
    return _core.get_num_threads() if attr_key == "runtime_num_threads" else _settings[attr_key]


def _check_known(function, *names):
    for name in names:
        if name != "runtime_num_threads" and name not in _settings:
            raise ValueError(f"{function}: there is no setting {name!r}.")


def set_device(device_target, device_id=None):
    """Accept the choice of the device; adcore runs on the CPU.

    Parameters
    ----------
    device_target : str
        "CPU".
    device_id : int, optional
        Has no meaning here.

    Raises
    ------
    ValueError
        For a device other than "CPU".

    Examples
    --------
    >>> import adcore
    >>> adcore.set_device("CPU")
    """
    if device_target != "CPU":
        raise ValueError(f"set_device: adcore runs on the CPU only, got device_target={device_target!r}.")
    if device_id is not None:
        set_context(device_id=device_id)
