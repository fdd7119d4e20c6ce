"""adcore: automatic differentiation of numeric Python programs on the CPU, with MindSpore's names."""

from adcore import amp, common, communication, nn, ops, optim  # noqa: F401  import * leaves out short words
from adcore._advice import AmbiguityWarning, no_attribute, read_at_once
from adcore._config import (
    empty_cache,
    get_num_threads,
    get_seed,
    memory_stats,
    register_threadpoolctl,
    set_num_threads,
    set_seed,
    show_config,
)
from adcore._context import GRAPH_MODE, PYNATIVE_MODE, get_context, set_context, set_device
from adcore._core import (
    DetachedWarning,
    Parameter,
    RecordingError,
    Tensor,
    __version__,  # noqa: F401
    bfloat16,
    bool_,
    dtype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from adcore._ops.generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from adcore.communication import (
    get_auto_parallel_context,
    reset_auto_parallel_context,
    set_auto_parallel_context,
)
from adcore.parameter import ParameterTuple
from adcore.serialization import load_checkpoint, load_param_into_net, load_state, save_checkpoint, save_state
from adcore.tensor import from_dlpack, from_numpy, tensor
from adcore.transforms import (
    Function,
    GradOperation,
    Program,
    custom_jvp,
    custom_vjp,
    debug_nans,
    detect_anomaly,
    draw,
    get_grad,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jit,
    jvp,
    linearize,
    load_program,
    no_grad,
    recompute,
    saved_tensors_hooks,
    value_and_grad,
    vjp,
    vmap,
)

_Function, _no_grad = Function, no_grad  # their names in MindSpore


def __getattr__(name):
    # These need NumPy, SciPy or scikit-learn, which importing the package does not load, or few programs ask for them.
    if name in ("array_api", "dataset", "onnx", "scipy", "sklearn", "testing", "train"):
        import importlib

        return importlib.import_module(f"adcore.{name}")
    raise no_attribute("adcore", name)


read_at_once("adcore")


__all__ = [
    "AmbiguityWarning",
    "GRAPH_MODE",
    "PYNATIVE_MODE",
    "get_context",
    "set_device",
    "DetachedWarning",
    "GradOperation",
    "Program",
    "draw",
    "detect_anomaly",
    "debug_nans",
    "recompute",
    "no_grad",
    "saved_tensors_hooks",
    "custom_vjp",
    "custom_jvp",
    "Function",
    "vmap",
    "vjp",
    "linearize",
    "load_program",
    "jvp",
    "jit",
    "jacrev",
    "jacfwd",
    "hessian",
    "Parameter",
    "RecordingError",
    "ParameterTuple",
    "Tensor",
    "bfloat16",
    "bool_",
    "common",
    "communication",
    "get_auto_parallel_context",
    "reset_auto_parallel_context",
    "set_auto_parallel_context",
    "dtype",
    "empty_cache",
    "float16",
    "float32",
    "float64",
    "from_dlpack",
    "from_numpy",
    "get_grad",
    "get_num_threads",
    "Generator",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
    "get_seed",
    "grad",
    "int16",
    "int32",
    "int64",
    "int8",
    "load_checkpoint",
    "load_param_into_net",
    "load_state",
    "save_checkpoint",
    "save_state",
    "memory_stats",
    "register_threadpoolctl",
    "nn",
    "ops",
    "set_context",
    "set_num_threads",
    "set_seed",
    "show_config",
    "tensor",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "value_and_grad",
]
