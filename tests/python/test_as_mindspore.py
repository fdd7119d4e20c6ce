"""Programs that say ``import mindspore``, each in a process of its own, as their users start them."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import adcore
from adcore.mindspore import TREE
from test_tutorial import TUTORIAL, code_of

FIRST_LINES = """
import mindspore
import mindspore as ms
import mindspore.nn as nn
import mindspore.ops as ops
import mindspore.nn.optim as optim
import mindspore.common.dtype as mstype
from mindspore import Parameter, ParameterTuple, Tensor, context, dtype, set_context, set_device
from mindspore import dtype as mstype2, get_context, jit, log as logger
from mindspore.common import dtype, set_seed
from mindspore.common.api import jit as jit2
from mindspore.common.initializer import Normal, initializer
from mindspore.common.parameter import Parameter as Parameter2
from mindspore.common.tensor import Tensor as Tensor2
from mindspore.context import GRAPH_MODE, PYNATIVE_MODE, ParallelMode
from mindspore.nn.grad import ForwardValueAndGrad
from mindspore.nn.loss import MSELoss
from mindspore.nn.metrics import Accuracy
from mindspore.nn.optim import Momentum
from mindspore.ops import composite as C, functional as F
from mindspore.ops.composite import GradOperation
from mindspore import *
from mindspore.nn import *
"""

# What stands at the top of scripts, and then a training loop in MindSpore's words.
SCRIPT = (
    FIRST_LINES
    + """
import multiprocessing, sys
import numpy as np

context.set_context(mode=context.GRAPH_MODE, device_target="CPU", device_id=0, save_graphs=False)
ms.set_device("CPU")
ms.set_seed(1)
assert Tensor2 is Tensor is adcore_tensor() and mstype is not None
assert isinstance(True, bool) and mstype.bool is ms.bool_ and mstype2.int is ms.int32

class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(2, 1, weight_init=Normal(0.02))
    @jit
    def construct(self, x):
        return self.dense(x)

@ms.jit(jit_config=ms.JitConfig(jit_level="O1"))
def doubled(x):
    return 2 * x

def of_number(i):
    return float(doubled(Tensor(i, mstype.float32)))

if __name__ == "__main__":
    net, loss_fn = Net(), nn.MSELoss()
    optimizer = optim.Momentum(net.trainable_params(), 0.1, 0.9)
    grad_fn = ms.value_and_grad(lambda x, y: loss_fn(net(x), y), None, optimizer.parameters)
    x = Tensor(np.array([[1, 2], [3, 4], [5, 6], [1, 0]]), mstype.float32) / 6
    y = x.sum(axis=1, keepdims=True)
    for _ in range(300):
        loss, grads = grad_fn(x, y)
        optimizer(grads)
    print("loss below 1e-4:", float(loss) < 1e-4)
    for how in sys.argv[1:]:
        with multiprocessing.get_context(how).Pool(1) as pool:
            print(how, pool.map(of_number, [1, 2, 3]))
"""
).replace("adcore_tensor()", "__import__('adcore').Tensor")


def run(*arguments, cwd, **variables):
    """The output of Python in a process that inherits nothing but where adcore stands."""
    kept = ("PATH", "HOME", "LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "PYTHONMALLOC")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"PYTHONPATH": str(Path(adcore.__file__).parents[1])} | variables
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def script(tmp_path):
    def write(text, name="program.py"):
        (tmp_path / name).write_text(textwrap.dedent(text), encoding="utf-8")
        return name

    return write


def test_a_script_and_its_processes(script, tmp_path):
    ways = ["fork", "spawn", "forkserver"]
    printed = run("-m", "adcore", script(SCRIPT), *ways, cwd=tmp_path).splitlines()
    assert printed == ["loss below 1e-4: True", *[f"{way} [2.0, 4.0, 6.0]" for way in ways]]


def test_a_module_of_a_package(script, tmp_path):
    (tmp_path / "package").mkdir()
    script("from mindspore import ops\nprint(__name__, __package__, ops.ones(2).sum())", "package/part.py")
    assert run("-m", "adcore", "-m", "package.part", cwd=tmp_path) == "__main__ package 2.0\n"


def test_one_import_does_it_for_a_program_and_its_processes(script, tmp_path):
    hidden = SCRIPT.replace(
        'if __name__ == "__main__":', 'if __name__ == "__main__":\n    assert "adcore" in globals()'
    )
    printed = run(script("import adcore.as_mindspore\nimport adcore\n" + hidden), "spawn", cwd=tmp_path)
    assert printed.splitlines() == ["loss below 1e-4: True", "spawn [2.0, 4.0, 6.0]"]


@pytest.mark.parametrize("start", [("-m", "adcore"), ()], ids=["python -m adcore", "import adcore.as_mindspore"])
def test_the_tutorial_itself(start, script, tmp_path):
    if not TUTORIAL.exists():
        pytest.skip("the tutorial page does not lie beside this repository")
    code = code_of(TUTORIAL.read_text(encoding="utf-8"))
    assert "\nfrom mindspore import" in code
    printed = run(*start, script(code if start else "import adcore.as_mindspore\n" + code), cwd=tmp_path)
    assert printed.count("Tensor(shape=[5, 3], dtype=Float32") == 1


def test_the_arguments_and_the_folder_are_the_scripts(script, tmp_path):
    script("value = 7", "beside.py")
    name = script("import sys, beside\nprint(sys.argv[1:], beside.value, __name__, __file__)")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    printed = run("-m", "adcore", f"../{name}", "-x", "--help", cwd=elsewhere)
    assert printed == f"['-x', '--help'] 7 __main__ ../{name}\n"


def test_without_a_script_it_prints_the_configuration(tmp_path):
    printed = run("-m", "adcore", cwd=tmp_path)
    assert printed.startswith(f"adcore {adcore.__version__}\n") and "threads:" in printed
    assert "script.py" in run("-m", "adcore", "--help", cwd=tmp_path)


def test_an_unknown_option(tmp_path):
    with pytest.raises(AssertionError, match="no option '--nothing'"):
        run("-m", "adcore", "--nothing", cwd=tmp_path)
    with pytest.raises(AssertionError, match="name of a module is missing"):
        run("-m", "adcore", "-m", cwd=tmp_path)


def test_an_installed_mindspore_is_not_hidden_in_silence(script, tmp_path):
    (tmp_path / "mindspore").mkdir()
    script("real = True", "mindspore/__init__.py")
    printed = run(
        script(
            """
            import warnings
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                import adcore.as_mindspore
            import mindspore
            print(len(seen), seen[0].category.__name__, seen[0].message, hasattr(mindspore, "real"))
            """
        ),
        cwd=tmp_path,
    )
    assert printed.startswith("1 UserWarning MindSpore is installed (") and printed.endswith(" False\n")
    printed = run(
        script(
            """
            import mindspore
            try:
                import adcore.as_mindspore
            except ImportError as error:
                print(error, mindspore.real)
            """
        ),
        cwd=tmp_path,
    )
    assert "has been imported already" in printed and printed.endswith(" True\n")


def test_the_core_does_not_load_the_tree(tmp_path):
    program = "import sys, adcore; print([m for m in sys.modules if 'mindspore' in m or m in ('numpy', 'logging')])"
    assert run("-c", program, cwd=tmp_path) == "[]\n"


def test_every_module_of_the_tree_shows_what_it_lists(script, tmp_path):
    program = f"""
    import adcore.as_mindspore, importlib
    for name in {sorted(TREE)!r}:
        module = importlib.import_module(f"mindspore.{{name}}".rstrip("."))
        assert module.__all__, name
        for member in module.__all__:
            getattr(module, member)
        assert set(module.__all__) <= set(dir(module))
        try:
            module.no_such_name
        except AttributeError as error:
            assert "adcore does not have it" in str(error)
        else:
            raise AssertionError(name)
    try:
        import mindspore.no_such_module
    except ModuleNotFoundError:
        print("done")
    """
    assert run(script(program), cwd=tmp_path) == "done\n"


def test_what_has_no_meaning_says_so_once_at_debug_level(caplog, monkeypatch):
    monkeypatch.setattr("adcore._context._said", set())
    caplog.set_level("DEBUG", "adcore.context")
    for _ in range(2):
        adcore.set_context(max_call_depth=10)
    assert [r.getMessage() for r in caplog.records] == [
        "set_context(max_call_depth=...) is accepted and has no effect: adcore runs eagerly, on the CPU."
    ]
    assert adcore.get_context("max_call_depth") == 10
    adcore.set_context(max_call_depth=1000)


def test_settings():
    threads = adcore.get_num_threads()
    adcore.set_context(runtime_num_threads=1)
    assert adcore.get_num_threads() == adcore.get_context("runtime_num_threads") == 1
    adcore.set_num_threads(threads)
    adcore.set_context(mode=adcore.GRAPH_MODE)
    assert adcore.get_context("mode") == 0
    with pytest.raises(ValueError, match="mode must be GRAPH_MODE"):
        adcore.set_context(mode=5)
    with pytest.raises(ValueError, match="no setting 'nothing'"):
        adcore.set_context(mode=adcore.PYNATIVE_MODE, nothing=1)
    assert adcore.get_context("mode") == 0
    adcore.set_context(mode=adcore.PYNATIVE_MODE)
    with pytest.raises(ValueError, match="no setting 'nothing'"):
        adcore.get_context("nothing")
    for device in ("GPU", "Ascend"):
        with pytest.raises(ValueError, match="runs on the CPU only"):
            adcore.set_context(device_target=device)
        with pytest.raises(ValueError, match="runs on the CPU only"):
            adcore.set_device(device)
    with pytest.raises(ValueError, match="runtime_num_threads must be an int"):
        adcore.set_context(runtime_num_threads=0)
