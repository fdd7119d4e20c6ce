"""What a notebook shows: well-formed HTML, in which texts of the program are texts, and numbers as NumPy has them."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import adcore
from adcore import Parameter, Tensor, nn, ops

EVIL = "<script>alert('x')</script>&\""


class Reader(HTMLParser):
    """Collects texts; raises where a tag is closed that is not open."""

    def __init__(self, content):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return "".join(self.texts)


def shown(o):
    page = Reader(o._repr_html_())
    assert set(page.tags) <= {"div", "b", "br", "pre", "details", "summary", "ul", "li"}
    return page.text


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int8", "uint64", "int64"])
def test_what_the_numbers_amount_to(dtype):
    numbers = np.array([[3.0, 1.0, 4.0], [1.0, 5.0, 9.0]])
    text = shown(Tensor(numbers, getattr(adcore, dtype)))
    told = re.search(r"min (\S+), max (\S+), mean (\S+), standard deviation ([\d.]+)", text).groups()
    wanted = numbers.min(), numbers.max(), numbers.mean(), numbers.std()
    np.testing.assert_allclose([float(n) for n in told], wanted, rtol=1e-5)
    assert "(2, 3)" in text and str(getattr(adcore, dtype)).rpartition(".")[2].lower() in text.lower()
    assert str(Tensor(numbers, getattr(adcore, dtype))) in text


def test_what_is_not_finite_and_what_has_no_numbers():
    text = shown(Tensor([1.0, float("nan"), 3.0, float("inf"), float("-inf")]))
    assert "min 1, max 3, mean 2, standard deviation 1; 1 of 5 NaN; 2 of 5 infinite" in text
    assert "2 of 2 NaN" in shown(Tensor([float("nan")] * 2)) and "min" not in shown(Tensor([float("nan")] * 2))
    assert "no elements" in shown(ops.zeros((0, 3)))
    assert "2 of 3 true" in shown(Tensor([True, False, True]))
    assert "min 7, max 7" in shown(Tensor(7))
    assert "mean" in shown(Tensor([1e308, 1e308, -1e308], adcore.float64))


def test_a_large_tensor_is_shown_in_part():
    assert len(Tensor(np.arange(1e6))._repr_html_()) < 1000


def test_texts_are_escaped():
    class Evil(nn.Cell):
        def extend_repr(self):
            return EVIL

    Evil.__name__ = EVIL
    cell = Evil()
    cell.insert_param_to_cell("w", Parameter(Tensor([1.0]), name=EVIL, requires_grad=False))
    cell.insert_child_to_cell(EVIL, Evil())
    assert shown(cell).count(EVIL) == 6
    assert EVIL.replace('"', "") in shown(cell.w).replace("\\", "") and ", not trained" in shown(cell.w)
    assert "not trained" in shown(cell)


def test_a_tree_of_cells():
    net = nn.SequentialCell(nn.Dense(3, 4), nn.ReLU(), nn.SequentialCell(nn.Dense(4, 1, has_bias=False)))
    text = shown(net)
    for part in (
        "SequentialCell",
        "20 parameters",
        "16 parameters",
        "0: Dense",
        "1: ReLU",
        "2.0.weight: Float32 (1, 4)",
    ):
        assert part in text, part
    shared = nn.SequentialCell(nn.Dense(2, 2))
    shared.append(shared[0])
    assert "6 parameters" in shown(shared)


def test_inside_of_transforms_nothing_is_asked_for():
    texts = []

    def f(x):
        texts.append(shown(x))
        return (x * x).sum()

    adcore.grad(f)(Tensor([1.0, 2.0]))
    adcore.vmap(f)(Tensor([[1.0, 2.0]]))
    adcore.jit(lambda x: (shown(x), x * 2)[1])(Tensor([1.0, 2.0]))
    assert "mean 1.5" in texts[0] and "are not known here" in texts[1]
