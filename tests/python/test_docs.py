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


def loaded(path):
    """Return the module that a file outside of the package is."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    listed = [id(value) for entries in loaded("tools/reference.py").pages().values() for _, _, value in entries]
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


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md", "docs/guides/jit.md", "docs/zh/jit.md"])
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


# The pages that are there in both languages.
CHINESE = {"README.md": "README.zh-CN.md", "docs/distributed.md": "docs/zh/distributed.md"} | {
    f"docs/guides/{name}.md": f"docs/zh/{name}.md"
    for name in (
        "cpp",
        "faq",
        "from_jax",
        "from_numpy",
        "from_pytorch",
        "getting_started",
        "jit",
        "mindspore",
        "numerics",
        "performance",
    )
}
# Where the rest of a page, behind this heading, is in English alone.
IN_ENGLISH = {"docs/distributed.md": "## What it costs"}
IN_BOTH = pytest.mark.parametrize("english, chinese", CHINESE.items(), ids=[Path(page).stem for page in CHINESE])
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def in_both(page):
    """Return the text of a page as far as the other language has it, without its figures."""
    text, heading, _ = (ROOT / page).read_text().partition(IN_ENGLISH.get(page, "\0"))
    return text + heading


def prose(text):
    return BLOCK.sub("", text)


def links(text):
    return re.findall(r"\]\((?!\w+:)([^)#]+)", re.sub(r"`[^`\n]*`", "", prose(text)))


def test_every_page_in_chinese_has_its_english_one():
    assert {"README.zh-CN.md"} | {f"docs/zh/{page.name}" for page in (ROOT / "docs" / "zh").iterdir()} == set(
        CHINESE.values()
    )


@IN_BOTH
def test_both_languages_show_the_same_code(english, chinese):
    one, other = (BLOCK.findall(in_both(page)) for page in (english, chinese))
    assert one == other


@IN_BOTH
def test_both_languages_have_the_same_parts(english, chinese):
    one, other = (
        re.findall(r"^#+(?= )|^\|(?= --- )", prose(in_both(page)), re.MULTILINE) for page in (english, chinese)
    )
    assert one == other


@IN_BOTH
def test_both_languages_have_the_same_numbers_in_tables(english, chinese):
    one, other = (re.findall(r"(?<=\| )[\d.,/]+(?= \|)", in_both(page)) for page in (english, chinese))
    assert one == other


@IN_BOTH
def test_both_languages_name_the_same_things(english, chinese):
    """What one page has in backticks, the other one has there or in its code: an option that one tells of, both do."""
    text = in_both(english)
    code = "".join(BLOCK.findall(text))
    one, other = (
        {" ".join(name.split()) for name in re.findall(r"`([^`]+)`", prose(each))} for each in (text, in_both(chinese))
    )
    assert [name for name in sorted(one ^ other) if name not in code] == []


@IN_BOTH
def test_both_languages_lead_to_the_same_pages(english, chinese):
    """To the Chinese ones, where there are such; and first of all to each other."""

    def leads(page):
        found = [((ROOT / page).parent / link).resolve().relative_to(ROOT).as_posix() for link in links(in_both(page))]
        return found[0], {CHINESE.get(each, each) for each in found} - {chinese}, set(found)

    first, one, _ = leads(english)
    back, other, as_written = leads(chinese)
    assert first == chinese and back == english
    assert one == other
    assert not (as_written - {english}) & CHINESE.keys(), "a page that is there in Chinese"


@pytest.mark.parametrize("page", CHINESE.values(), ids=lambda page: Path(page).stem)
def test_pages_in_chinese_have_chinese_punctuation(page):
    text = prose((ROOT / page).read_text())
    for syntax, left in ((r"`[^`]*`", "``"), (r"\]\([^)]*\)", "]"), (r"!\[", "[")):
        text = re.sub(syntax, left, text)
    beside_han = r"[\u4e00-\u9fff][*`\]]*[,.:;?!()]|[,;?!()][*`\[]*[\u4e00-\u9fff]"
    assert [line for line in text.splitlines() if re.search(beside_han, line)] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "zh").glob("*.md")), ids=lambda page: page.stem)
def test_the_site_joins_the_lines_of_paragraphs_in_chinese_alone(page):
    pytest.importorskip("sphinx")
    text = page.read_text()
    source = [text]
    loaded("docs/conf.py").join_lines(None, f"zh/{page.stem}", source)
    assert source[0].split() != text.split()
    assert "".join(source[0].split()) == "".join(text.split())
    starts = r"^(?:$|#|[-*|] |\d+\. |```|\*\*)"  # of paragraphs, headings, rows of tables, list items
    for pattern in (BLOCK, re.compile(starts, re.MULTILINE)):
        assert pattern.findall(source[0]) == pattern.findall(text)
    assert re.findall(r"[\u4e00-\u9fff]\n[\u4e00-\u9fff]", source[0]) == []


def test_the_search_of_the_site_finds_words_of_both_languages():
    pytest.importorskip("sphinx")
    search = loaded("docs/conf.py").SearchBoth({})
    text = "grad 给出梯度，jit(f) 即时编译 float32。"
    words = search.split(text)
    assert {"grad", "jit", "f", "float32"} <= set(words)
    for run in re.findall(r"[\u4e00-\u9fff]{2,}", text):
        for first in range(len(run)):
            for last in range(first + 2, len(run) + 1):
                assert set(search.split(run[first:last])) <= set(words)
    assert not set(search.split("梯度即时")) <= set(words)  # which do not stand side by side


def pages():
    folders = ("docs", "src", "examples", "benchmarks", "python")
    return sorted([*ROOT.glob("*.md"), *(page for folder in folders for page in (ROOT / folder).rglob("*.md"))])


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    assert [t for t in links(page.read_text()) if not (page.parent / t).exists()] == []
