"""Print what an extra of pyproject.toml asks for, one requirement to a line; `build` includes build-system.requires."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
requirements = list(project["project"]["optional-dependencies"][sys.argv[1]])
if sys.argv[1] == "build":
    requirements += project["build-system"]["requires"]
print(*requirements, sep="\n")
