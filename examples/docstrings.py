"""Text that is at hand wherever these examples run: the docstrings of packages.

`documents("numpy")` walks a package's public modules and gives the words of the docstring of each class and function.
"""

import importlib
import inspect
import pkgutil
import re
import warnings

# Words, without code, numbers and markup.
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")


def _modules(package):
    """The package and the public modules inside of it, as far as they can be imported."""
    found = [importlib.import_module(package)]
    for module in pkgutil.walk_packages(getattr(found[0], "__path__", ()), package + ".", onerror=lambda name: None):
        path = module.name.split(".")
        if any(part.startswith("_") or part in ("tests", "testing", "conftest") for part in path):
            continue
        try:
            found.append(importlib.import_module(module.name))
        except Exception:  # what a package needs for some of its modules may be missing
            continue
    return found


def documents(*packages):
    """Lists of words, one for each different docstring of these packages, in a fixed order."""
    texts = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecated modules
        for package in packages:
            for module in _modules(package):
                for name, value in sorted(vars(module).items()):
                    if name.startswith("_") or not (inspect.isclass(value) or callable(value)):
                        continue
                    owner = getattr(value, "__module__", None) or ""
                    if owner.split(".")[0] == package.split(".")[0]:
                        texts.setdefault(inspect.getdoc(value) or "", None)
    return [words for words in map(_words, texts) if len(words) >= 8]


def _words(text):
    """The words of a docstring, up to its examples, and without the lines of tables and code."""
    text = re.split(r"^(?:Examples?|References)\n-+$", text, maxsplit=1, flags=re.MULTILINE)[0]
    return _WORD.findall(text.lower())
