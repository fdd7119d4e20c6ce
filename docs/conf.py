"""The site: the pages of this folder, and those that tools/reference.py and tools/gallery.py write (make docs)."""

import adcore

project = "adcore"
release = adcore.__version__
project_copyright = "The adcore authors"
extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
# Links to the sources, which are not part of the site.
suppress_warnings = ["myst.xref_missing"]
# What docstrings have in backticks: a link where it is a function's or class's name.
default_role = "py:obj"
# A function's entry in the contents of its page: cholesky, not adcore.ops.cholesky.
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "adcore"
html_static_path = ["_static"]
html_css_files = ["site.css"]
# Of an example the button copies what is typed, not the prompts and what Python answers.
copybutton_prompt_text = r">>> |\.\.\. ?"
copybutton_prompt_is_regexp = True
