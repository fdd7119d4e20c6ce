"""The site: the pages of this folder, and those that tools/reference.py and tools/gallery.py write (make docs)."""

import re
from itertools import pairwise

from sphinx.search.en import SearchEnglish

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

# ---- pages in Chinese ---------------------------------------------------------------------------------------------

html_search_language = "en-zh"
HAN = "\u4e00-\u9fff"


class SearchBoth(SearchEnglish):
    """Words of English; of Chinese, which has no spaces between them, each two characters that stand side by side."""

    lang = html_search_language
    js_splitter_code = f"""
function splitQuery(query) {{
  const words = query.match(/[{HAN}]+|(?:(?![{HAN}])[\\p{{Letter}}\\p{{Number}}_])+/gu) || [];
  const pairs = (word) => Array.from(word.slice(1), (character, i) => word[i] + character);
  return words.flatMap((word) => (/^[{HAN}]{{2}}/.test(word) ? pairs(word) : [word]));
}}
"""

    def split(self, input):
        words = re.findall(f"[{HAN}]+|[^\\W{HAN}]+", input)
        return [
            part
            for word in words
            for part in (map("".join, pairwise(word)) if re.match(f"[{HAN}]{{2}}", word) else [word])
        ]


def join_lines(app, page, source):
    """Join the lines of a paragraph in Chinese: browsers show the end of a line as a space."""
    if page.startswith("zh/"):
        behind_punctuation = r"(?<=[\u3000-\u303f\uff00-\uffef])\n *(?![-*#|>\s]|\d+\.|```|\Z)"
        between_characters = f"(?<=[{HAN}])\n *(?=[{HAN}（])"
        source[0] = re.sub(f"{behind_punctuation}|{between_characters}", "", source[0])


def name_language(app, page, template, context, doctree):
    if page.startswith("zh/"):
        context["language"] = "zh-CN"


def setup(app):
    app.add_search_language(SearchBoth)
    app.connect("source-read", join_lines)
    app.connect("html-page-context", name_language)
