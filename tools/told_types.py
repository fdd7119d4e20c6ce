"""Types as they are told: by the words of a docstring, of the table of ops and of annotations, and by pybind11.

`annotation` reads one kind (``tuple of int or None`` is ``tuple[int, ...] | None``), `sections` a numpydoc text. What
the words do not tell is Any.
"""

import inspect
import re

# The kinds of arguments in the table of ops (src/cpp/ops/table.h) and of composites (adcore/_ops/declare.py), and the
# words of docstrings.
KINDS = {
    "Number": "Tensor | float",
    "dims": "int | Sequence[int]",
    "Sequence[int]": "Sequence[int]",
    "Reduction": "str",
    "BatchReduction": "str",
    "PadMode": "str",
    "ScatterMode": "str",
    "ScatterReduce": "str",
    "Side": "str",
    "Ints": "Sequence[int]",
    "Lengths": "Tensor | Sequence[int] | int",
    "Fraction": "float",
    "Tensors": "Sequence[Tensor | float]",
    "array": "ndarray[Any, Any]",
    "numpy.ndarray": "ndarray[Any, Any]",
    "Array": "Any",
    "callable": "Callable[..., Any]",
    "initializer": "Initializer | Tensor",
    "number": "float",
    "os.PathLike": "PathLike[str]",
    "path": "PathLike[str]",
    "Path": "PathLike[str]",
    "tuple": "tuple[Any, ...]",
    "list": "list[Any]",
    "dict": "dict[Any, Any]",
    "set": "set[Any]",
    "iterable": "Iterable[Any]",
    "object": "Any",
}
PLAIN = {"int", "float", "bool", "str", "bytes", "bytearray", "Any", "None"}


def _split(text, at):
    """The parts of a text between matches of a pattern outside of brackets."""
    parts, depth, start = [], 0, 0
    for found in re.finditer(rf"[\[({{]|[\])}}]|{at}", text):
        if found[0] in "[({":
            depth += 1
        elif found[0] in "])}":
            depth -= 1
        elif not depth:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def annotation(kind, classes, taken=False):
    """The type behind the words of a signature or a docstring; `taken` where it is that of a parameter.

    A function that says "list of Cell" takes a list of Dense, and where it says tuple it takes a list: a Sequence.
    """
    if not isinstance(kind, str):  # an annotation that is no text
        kind = re.sub(r"\b(?:\w+\.)+", "", inspect.formatannotation(kind))
    kind = re.sub(r"(?:, | \()?\boptional\b\)?|,? default\b.*$|, ?shapes? .*?(?=, or |$)", "", kind.strip())
    kind = re.sub(r"\b(tuple|list),? or (tuple|list) of ", "sequence of ", kind)
    kind = re.sub(r"\bone (?=list|tuple)", "", kind.replace(" or of ", " or iterable of "))
    kind = re.sub(r"\b((?:\w+, )*\w+) or (\w+) of (\w+)$", _each_of, kind)
    kind = re.sub(r"\b(?:\d-d or )?\d-d |\binteger (?=Tensor)", "", kind)
    types = []
    for part in _split(kind, r",? or |, | \| "):
        found = _one(part.strip(), classes, taken)
        if found is None:
            return "Any"
        types += [own for own in _split(found, r" \| ") if own not in types]
    return "Any" if "Any" in types else " | ".join(types)


def _each_of(found):
    """``tuple, list or dict of Cell`` as ``tuple of Cell or list of Cell or dict of Cell``."""
    heads = [*found[1].split(", "), found[2]]
    bare = [head for head in heads if head not in ("tuple", "list", "dict", "sequence", "iterable")]
    of = [f"{head} of {found[3]}" for head in heads if head not in bare]
    return " or ".join([*bare, *of]) if found[2] not in bare else found[0]


def _generic(word, classes):
    """``Sequence[Number]``, with the kinds inside as types."""
    found = re.fullmatch(r"(\w+)\[(.+)\]", word)
    if found is None:
        return None
    inside = [own if own == "..." or own[0] == "[" else annotation(own, classes) for own in _split(found[2], ", ")]
    return f"{found[1]}[{', '.join(inside)}]"


def _one(word, classes, taken):
    if word in classes or word in PLAIN:
        return word
    if word in KINDS:
        return KINDS[word]
    if word[:1] in "\"'{":  # one of some names
        return "str" if re.search(r"[\"']", word) else None
    if made := re.fullmatch(r"tuple of \((.+)\)", word):  # of these, in this order
        return f"tuple[{', '.join(annotation(own, classes) for own in made[1].split(', '))}]"
    container = re.fullmatch(r"((?:sequence|tuple|list|set|iterable|pair|dict) of(?: str to)?) (.+)", word)
    if container is None:
        bare = re.fullmatch(r"(\w+)s", word)
        return _one(bare[1], classes, taken) if bare else _generic(word, classes)
    of = _one(container[2].replace("Tensors", "Tensor"), classes, taken)
    if of is None:
        return None
    return {
        "sequence of": f"Sequence[{of}]",
        "tuple of": f"Sequence[{of}]" if taken else f"tuple[{of}, ...]",
        "list of": f"Sequence[{of}]" if taken else f"list[{of}]",
        "set of": f"set[{of}]",
        "iterable of": f"Iterable[{of}]",
        "pair of": f"tuple[{of}, {of}]",
        "dict of": f"Mapping[Any, {of}]" if taken else f"dict[Any, {of}]",
        "dict of str to": f"Mapping[str, {of}]" if taken else f"dict[str, {of}]",
    }[container[1]]


def sections(doc):
    """The lines of a numpydoc text by the head that they stand under."""
    found, lines = {}, []
    for line in inspect.cleandoc(doc or "").splitlines():
        if line and not line.strip("-") and lines:
            found[lines.pop()] = lines = []
        else:
            lines.append(line)
    return found


def described(doc, section):
    """The words behind the names in the sections Parameters or Attributes."""
    found = {}
    for line in sections(doc).get(section, ()):
        entry = re.fullmatch(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*) : (.+)", line)
        if entry:
            found.update(dict.fromkeys(entry[1].replace("*", "").split(", "), entry[2]))
    return found


def returned(doc, classes):
    """The type in the section Returns, or None."""
    entries = [line for line in sections(doc).get("Returns", ()) if line and not line.startswith(" ")]
    kinds = [re.sub(r"^\w+ : ", "", entry) for entry in entries]
    types = [annotation(kind, classes) for kind in kinds]
    return f"tuple[{', '.join(types)}]" if len(types) > 1 else types[0] if types else None


def pybind_signatures(name, doc):
    """What pybind11 writes into a docstring: a signature in the first line, or a numbered list of overloads."""
    found = re.findall(rf"^(?:\d+\. )?{name}(\(.*\) -> .+)$", doc or "", re.MULTILINE)
    plain = [re.sub(r"\b(adcore\._core|typing|collections\.abc)\.", "", s) for s in found]
    plain = [re.sub(r"(\*{1,2}\w+)(?=[,)])", r"\1: Any", s) for s in plain]
    plain = [re.sub(r"\b(dict|list|tuple|Callable)\b(?!\[)", lambda w: BARE[w[0]], s) for s in plain]
    return [re.sub(r"= <[^>]*>", "= ...", s) for s in plain]


BARE = {
    "dict": "dict[Any, Any]",
    "list": "list[Any]",
    "tuple": "tuple[Any, ...]",
    "Callable": "Callable[..., Any]",
}
