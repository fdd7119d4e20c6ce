"""The programs in examples/, each at its small size, come to what they promise.

The bounds hold with room: text is that of the packages that are installed, and kernels differ between machines.
"""

import importlib
import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(monkeypatch):
    """A function that runs a program's `main` and returns what that returns."""
    monkeypatch.syspath_prepend(EXAMPLES)

    def run(name):
        return importlib.import_module(name).main(["--small"])

    return run


def test_a_killed_training_goes_on_with_the_same_bits(example):
    pytest.importorskip("safetensors")
    accuracy, signal, stopped_early, same_bits = example("mlp_resume")
    assert (signal, stopped_early, same_bits) == (9, True, True)
    assert accuracy >= 0.92


def test_digits_cnn(example):
    assert example("digits_cnn") >= 0.93


def test_sequence_lstm(example):
    without_order, lstm = example("sequence_lstm")
    assert lstm >= 0.85 and lstm >= without_order + 0.1


def test_transformer_text(example):
    majority, _, transformer = example("transformer_text")
    assert transformer >= 0.83 and transformer >= majority + 0.15


def test_word_vectors(example):
    losses, place, words = example("word_vectors")
    assert losses[0] > 4.0 and sum(losses[-50:]) / 50 < 2.6  # it starts at 6 log 2
    assert place <= words / 10  # without learning it is half of them


def test_vae_digits(example):
    bound, independent_pixels = example("vae_digits")
    assert bound < independent_pixels - 1.0


def test_pinn(example):
    assert example("pinn") < 0.25


def test_meta_learning(example):
    errors = example("meta_learning")
    assert errors["trained to adapt"] < 0.8 * errors["trained as usual"]


def test_policy_gradient(example):
    assert example("policy_gradient") > 100  # a pole pushed at random stands for some 20 steps


def test_gaussian_process(example):
    found = example("gaussian_process")
    assert found["likelihood"] == pytest.approx(found["scikit-learn"], abs=1e-6)
    assert found["rmse"] < 0.93 * found["spread"]
    assert 0.85 <= found["covered"] <= 1.0


def test_per_sample_clipping(example):
    difference, (without_noise, private) = example("per_sample_clipping")
    assert difference < 1e-6
    assert without_noise >= 0.92 and private >= 0.88


@pytest.fixture
def gallery(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(EXAMPLES)
    spec = importlib.util.spec_from_file_location("gallery", EXAMPLES.parent / "tools" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    module.plt.close("all")


def test_the_gallery_has_all_programs(gallery):
    programs = {name for name, *_ in gallery.ROW.findall((EXAMPLES / "README.md").read_text())}
    assert programs == {path.stem for path in EXAMPLES.glob("*.py")} - {"docstrings"}
    assert programs >= set(gallery.PICTURES)


def test_the_pictures_of_the_gallery_are_drawn_from_the_variables_of_the_programs(gallery):
    for name, (draw, _) in gallery.PICTURES.items():
        if draw is not None:
            draw(*gallery.run(name, "--small"))
            assert all(axes.has_data() for axes in gallery.plt.gcf().axes), name
