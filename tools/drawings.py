"""Draw the pictures of the guides.

python tools/drawings.py          # write them
python tools/drawings.py --check  # exit with 1 where one is stale
"""

import argparse
import sys
from pathlib import Path

import adcore
from adcore import Parameter, ops

DOCS = Path(__file__).parents[1] / "docs"


def tutorial():
    """One layer and its loss, with the gradients of weight and bias: the model of MindSpore's first tutorial."""
    x, y = ops.ones(5), ops.zeros(3)
    w = Parameter(ops.full((5, 3), 0.1), name="w")
    b = Parameter(ops.zeros(3), name="b")

    def loss(x, y):
        z = ops.matmul(x, w) + b
        return ops.binary_cross_entropy_with_logits(z, y, ops.ones_like(z), ops.ones_like(z))

    return adcore.draw(adcore.value_and_grad(loss, None, (w, b)), x, y).svg


PICTURES = {DOCS / "guides" / "tutorial_graph.svg": tutorial}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a picture is stale")
    check = parser.parse_args().check
    for path, picture in PICTURES.items():
        if not check:
            path.write_text(picture())
        elif not path.exists() or path.read_text() != picture():
            sys.exit(f"{path.name} is stale: run python tools/drawings.py")


if __name__ == "__main__":
    main()
