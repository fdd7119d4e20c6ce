"""Write the gallery: the programs of examples/, each with its text, a picture of what it comes to, and its source.

    python tools/gallery.py docs/gallery  # make docs; a minute, since the programs run

A picture is drawn from the variables of a program's `main` as they are when it returns, so no program knows of it. What
a program shows and comes to are the words of examples/README.md.
"""

import argparse
import ast
import contextlib
import importlib
import io
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np

from adcore import Tensor, grad, ops, vmap

matplotlib.use("Agg")  # draws into files
import matplotlib.pyplot as plt

EXAMPLES = Path(__file__).parents[1] / "examples"
ROW = re.compile(r"^\| \[(\w+)\.py\]\(\w+\.py\) \| (.+?) \| (.+?) \|", re.MULTILINE)


def run(name, *arguments):
    """Return the module of a program, and the variables of its `main`."""
    module = importlib.import_module(name)
    found = {}

    def watch(frame, event, argument):
        if event == "return":
            found.update(frame.f_locals)
        return watch

    argv, trace = sys.argv, sys.gettrace()
    sys.argv = [name, *arguments]
    sys.settrace(lambda frame, event, argument: watch if frame.f_code is module.main.__code__ else None)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            module.main()
    finally:
        sys.settrace(trace)
        sys.argv = argv
    return module, SimpleNamespace(**found)


def row_of_pictures(axes, pictures, titles):
    for place, picture, title in zip(axes, pictures, titles):
        place.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        place.set_title(title)
        place.axis("off")


def digits_cnn(module, v):
    logits = v.net(Tensor(v.x_test)).asnumpy()
    top = np.sort(logits, axis=1)
    hardest = np.argsort(top[:, -1] - top[:, -2])[:8]  # where the second guess is nearest to the first
    _, axes = plt.subplots(1, 8, figsize=(8, 1.5))
    guesses = [f"{logits[i].argmax()}, not {np.argsort(logits[i])[-2]}" for i in hardest]
    row_of_pictures(axes, v.x_test[hardest], guesses)


def sequence_lstm(module, v):
    outputs, _ = v.net.lstm(Tensor(v.x_test))
    said = v.net.classify(outputs).asnumpy().argmax(axis=2)
    _, axes = plt.subplots(figsize=(6, 3))
    axes.plot(range(1, 9), (said == v.y_test[:, None]).mean(axis=0), "o-")
    axes.set(xlabel="rows read", ylabel="held-out accuracy", ylim=(0, 1))


def word_vectors(module, v):
    words = [word for pair in module.RELATED for word in pair if word in v.number]
    vectors = v.vectors[[v.number[word] for word in words]]
    _, axes = plt.subplots(figsize=(5, 4.5))
    shown = axes.imshow(vectors @ vectors.T, cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set_xticks(range(len(words)), words, rotation=90)
    axes.set_yticks(range(len(words)), words)
    axes.figure.colorbar(shown, label="cosine")


def vae_digits(module, v):
    drawn = ops.sigmoid(v.net.decode(ops.randn(32, v.latent))).asnumpy()
    _, axes = plt.subplots(4, 8, figsize=(6, 3))
    row_of_pictures(axes.ravel(), drawn, [""] * 32)


def pinn(module, v):
    x, t = np.meshgrid(np.linspace(0, 1, 101), [0.0, 0.05, 0.2, 0.5, 1.0], indexing="ij")
    learned = vmap(v.u)(Tensor(x.ravel()), Tensor(t.ravel())).asnumpy().reshape(x.shape)
    _, axes = plt.subplots(figsize=(6, 3.5))
    for k, time in enumerate(t[0]):
        axes.plot(x[:, k], learned[:, k], f"C{k}", label=f"t = {time:g}")
        axes.plot(x[::5, k], module.exact(x[::5, k], time), f"C{k}.")
    axes.set(xlabel="x", ylabel="u, learned (lines) and exact (dots)")
    axes.legend()


def meta_learning(module, v):
    x = Tensor(np.linspace(-np.pi, np.pi, 100, dtype=np.float32)[:, None])
    points, values = (part[0] for part in v.new[:2])
    _, axes = plt.subplots(figsize=(6, 3.5))
    for w, title in ((v.w, "before"), (module.adapted(v.w, points, values), "after one step")):
        # The derivative of the mean of (said - y)**2 by y at 0 is -2 * said / len(x).
        said = -0.5 * len(x) * grad(module.loss, 2)(w, x, ops.zeros_like(x))
        axes.plot(x.asnumpy(), said.asnumpy(), label=title)
    axes.plot(points.asnumpy(), values.asnumpy(), "k.", label="ten points of a new curve")
    axes.set(xlabel="x")
    axes.legend()


def policy_gradient(module, v):
    _, axes = plt.subplots(figsize=(6, 3))
    pushes = {
        "pushed at random": ("C1", lambda states: ops.zeros((len(states), 1))),
        "pushed by the network": ("C0", v.policy),
    }
    for title, (color, policy) in pushes.items():
        states, _, lasted = module.play(policy, 20, np.random.default_rng(1))
        angle = np.where(lasted, np.degrees(states[:, :, 2]), np.nan)
        lines = axes.plot(np.arange(len(angle)) * module.CartPole.seconds, angle, color, linewidth=0.8)
        lines[0].set_label(title)
    axes.set(xlabel="seconds", ylabel="angle of the pole, degrees", ylim=(-12, 12))
    axes.legend()


def gaussian_process(module, v):
    mean = v.mean + v.y_mean
    order = np.argsort(mean)
    _, axes = plt.subplots(figsize=(6, 3.5))
    interval = 1.96 * v.deviation[order]
    axes.errorbar(range(len(mean)), mean[order], interval, fmt="none", alpha=0.4, label="95 % interval")
    axes.plot(v.y_test[order], "k.", label="measured")
    axes.plot(mean[order], label="expected")
    axes.set(xlabel="patients who were held out, by what is expected", ylabel="progression")
    axes.legend()


def per_sample_clipping(module, v):
    gradients = module.by_row(v.weights, v.x, v.y)
    length = np.sqrt(sum((g.asnumpy().reshape(len(v.x), -1) ** 2).sum(axis=1) for g in gradients.values()))
    _, axes = plt.subplots(figsize=(6, 3))
    axes.hist(length, bins=60)
    axes.axvline(module.CLIP, color="k", linestyle="--", label="where they are clipped")
    axes.set(xlabel="length of a row's derivatives after one step", ylabel="rows")
    axes.legend()


# Who draws the picture of a program, and what it shows; demo.py draws its own.
PICTURES = {
    "demo": (None, "The loss of both models while they train."),
    "digits_cnn": (digits_cnn, "The held-out digits that the network is least sure of, with its second guesses."),
    "sequence_lstm": (sequence_lstm, "How often the LSTM is right where it is asked after each row."),
    "word_vectors": (word_vectors, "Cosines between the vectors of related words."),
    "vae_digits": (vae_digits, "Digits that nobody has written."),
    "pinn": (pinn, "The temperature of the rod."),
    "meta_learning": (meta_learning, "A curve that the network has not seen, before and after a step on ten points."),
    "policy_gradient": (policy_gradient, "The poles of 20 carts; a line ends where the pole has fallen."),
    "gaussian_process": (gaussian_process, "What is expected of patients who were held out, and what was measured."),
    "per_sample_clipping": (per_sample_clipping, "The lengths of the derivatives of each row's loss."),
}


def section(folder, name, shows, result):
    """The text of one program; its picture is written beside it."""
    title, *paragraphs = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text())).split("\n\n")
    lines = [f"## {title.rstrip('.')}", "", *(line for part in paragraphs for line in (part, ""))]
    if name in PICTURES:
        draw, caption = PICTURES[name]
        file = folder / f"{name}.svg"
        if draw is None:
            run(name, "--picture", str(file))
        else:
            draw(*run(name))
            plt.savefig(file, bbox_inches="tight")
        plt.close("all")
        lines += [f"![{caption}]({file.name})", "", f"*{caption}*", ""]
    lines += [f"**What it shows:** {shows}.", "", f"**Result:** {result}.", ""]
    code = f"```{{literalinclude}} ../../examples/{name}.py\n:language: python\n```"
    return "\n".join([*lines, f"<details><summary>{name}.py</summary>", "", code, "", "</details>", ""])


def write(folder):
    """Write the page and its pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(EXAMPLES))
    readme = (EXAMPLES / "README.md").read_text()
    introduction = readme.split("\n\n")[1]
    sections = [section(folder, *row) for row in ROW.findall(readme)]
    (folder / "index.md").write_text("\n".join(["# Gallery", "", introduction, "", *sections]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder)
