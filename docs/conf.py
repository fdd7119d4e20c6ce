"""The site: the pages of this folder and the reference, which tools/reference.py writes (make docs)."""

from importlib.metadata import version as installed

project = "adcore"
release = installed("adcore")
extensions = ["myst_parser", "sphinx.ext.mathjax"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Automatic differentiation on the CPU", "page_width": "1100px"}
myst_heading_anchors = 3
# Links to the sources, which are not part of the site.
suppress_warnings = ["myst.xref_missing"]
