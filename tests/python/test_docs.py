"""What the documentation shows, runs; what is public, is documented with an example."""

import doctest
import importlib.util
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, dataset, nn, ops, train

ROOT = Path(__file__).parents[2]
MODULES = {
    "adcore": adcore,
    "adcore.ops": ops,
    "adcore.nn": nn,
    "adcore.dataset": dataset,
    "adcore.dataset.config": dataset.config,
    "adcore.dataset.transforms": dataset.transforms,
    "adcore.dataset.vision": dataset.vision,
    "adcore.train": train,
}
# What is for libraries that may be missing.
for name, library in (("adcore.onnx", "onnx"), ("adcore.scipy", "scipy"), ("adcore.sklearn", "sklearn")):
    if importlib.util.find_spec(library):
        MODULES[name] = importlib.import_module(name)
# What an example may use without importing it.
NAMES = {"adcore": adcore, "np": np, "nn": nn, "ops": ops, "Parameter": Parameter, "Tensor": Tensor}


def public():
    """(name, object) of every public function and class, once each, under its first name."""
    seen = {}
    for module_name, module in MODULES.items():
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isroutine(value):
                seen.setdefault(id(value), (f"{module_name}.{name}", value))
    return list(seen.values())


def methods():
    """(name, object) of the public methods and properties that a public class defines itself."""
    return [
        (f"{owner}.{name}", value)
        for owner, cls in public()
        if inspect.isclass(cls)
        for name, value in vars(cls).items()
        if not name.startswith("_") and (inspect.isroutine(value) or inspect.isdatadescriptor(value))
    ]


def docstring(value):
    return inspect.cleandoc(getattr(value, "__doc__", None) or "")


PUBLIC = pytest.mark.parametrize("name, value", public(), ids=lambda v: v if isinstance(v, str) else "")


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_all_lists_what_is_there(module):
    assert len(set(module.__all__)) == len(module.__all__)
    assert [n for n in module.__all__ if not hasattr(module, n)] == []
    assert docstring(module)


@PUBLIC
def test_documented_with_an_example(name, value):
    first, *rest = docstring(value).splitlines()
    assert len(first) <= 120
    assert any(line.lstrip().startswith(">>>") for line in rest), f"{name}: no example"


def test_the_reference_has_one_entry_for_all_that_is_public():
    for library in ("onnx", "scipy", "sklearn"):
        pytest.importorskip(library)
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    listed = [id(value) for entries in reference.pages().values() for _, _, value in entries]
    assert len(set(listed)) == len(listed)
    assert [name for name, value in public() if id(value) not in listed] == []


def test_methods_are_documented():
    assert [name for name, value in methods() if not docstring(value)] == []


@pytest.mark.parametrize("name, value", public() + methods(), ids=lambda v: v if isinstance(v, str) else "")
def test_examples_give_what_they_show(name, value):
    example = doctest.DocTestParser().get_doctest(docstring(value), dict(NAMES), name, None, None)
    report = []
    adcore.set_seed(0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    failed, _ = runner.run(example, out=report.append)
    assert not failed, "".join(report)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md", "docs/guides/jit.md"])
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    """The blocks of one page are one program, which may write files."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    exec(compile("\n".join(blocks), page, "exec"), {"__name__": page})


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.name)
def test_the_examples_of_a_page_give_what_they_show(page):
    example = doctest.DocTestParser().get_doctest(page.read_text(), {}, page.name, str(page), None)
    report = []
    adcore.set_seed(0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    failed, _ = runner.run(example, out=report.append)
    assert not failed, "".join(report)


# What the guides for newcomers call things, and what has their attributes.
NAMED = {"x": Tensor, "net": nn.Cell, "opt": nn.Optimizer, "p": Parameter, "Tensor": Tensor} | {
    name.removeprefix("adcore."): module for name, module in MODULES.items()
}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("from_*.md")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_tables_for_newcomers_name_what_there_is(page):
    rows = re.findall(r"^\|.*\|.*\|$", page.read_text(), re.MULTILINE)
    names = {
        found
        for row in rows
        for code in re.findall(r"`([^`]+)`", row.split(" | ")[-1])
        for found in re.findall(r"(?<![\w.'\"])[A-Za-z]\w*(?:\.[A-Za-z_]\w*)+", code)
        if not found.startswith("torch.")
    }
    assert names

    def leads_somewhere(name):
        root, *parts = name.split(".")
        value = NAMED[root]
        for part in parts:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True

    assert [name for name in sorted(names) if not leads_somewhere(name)] == []


def test_every_transform_has_a_page_with_examples():
    pages = list((ROOT / "docs" / "transforms").glob("*.md"))
    assert all(">>>" in p.read_text() for p in pages if p.name != "README.md")
    index = (ROOT / "docs" / "transforms" / "README.md").read_text()
    assert all(f"]({p.name})" in index for p in pages if p.name != "README.md")


@pytest.mark.parametrize(
    "english, chinese",
    [("README.md", "README.zh-CN.md")]
    + [(f"docs/guides/{page.name}", f"docs/zh/{page.name}") for page in sorted((ROOT / "docs" / "zh").glob("*.md"))],
)
def test_both_languages_show_the_same_code(english, chinese):
    one, other = (
        re.findall(r"^```.*?^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL) for page in (english, chinese)
    )
    assert one == other


def pages():
    folders = ("docs", "src", "examples", "benchmarks", "python")
    return sorted([*ROOT.glob("*.md"), *(page for folder in folders for page in (ROOT / folder).rglob("*.md"))])


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\((?!\w+:)([^)#]+)", prose)
    assert [t for t in targets if not (page.parent / t).exists()] == []
