"""Print what an extra of pyproject.toml asks for, one requirement to a line; `build` includes build-system.requires."""

import sys
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10: pip brings a parser
    from pip._vendor import tomli as tomllib

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
requirements = list(project["project"]["optional-dependencies"][sys.argv[1]])
if sys.argv[1] == "build":
    requirements += project["build-system"]["requires"]
print(*requirements, sep="\n")
