"""Drawings of programs: DOT text of any, SVG of small ones. Start reading at `_Drawing`."""

import os
from collections import namedtuple

from adcore._core import Jitted, Program
from adcore.transforms.compiled import jit
from adcore.transforms.made import add_methods
from adcore.transforms.programs import View, short_place

__all__ = ["draw"]

_MOST = 400  # nodes of an SVG
_SWEEPS = 12  # over the layers, to order and to place them
_LETTER, _LINE, _MARGIN = 6.7, 15, 8  # pixels
_GAP, _STEP = 18, 44  # between neighbours, between layers

Node = namedtuple("Node", "key kind lines place")
Edge = namedtuple("Edge", "source target label")

_COLOURS = {
    "input": "#cfe3f7",
    "parameter": "#fbdcb0",
    "cell": "#f3ecc4",
    "constant": "#e6e6e6",
    "forward": "#d6efd0",
    "derivative": "#f6d3d6",
    "statement": "#ffffff",
    "fused": "#e4d8f3",
    "output": "#b9d0ea",
}


def draw(fn, /, *args, **kwargs):
    """Draw the computational graph of a call: what it computes from its arguments and Parameters, with all shapes.

    Parameters
    ----------
    fn : callable or Program
        Any function that `jit` can record, with or without the decorator. A derivative of a function draws both
        passes: ``draw(adcore.grad(f), x)``.
    *args, **kwargs
        The arguments of the call. It is recorded, and does not run.

    Returns
    -------
    Drawing
        Shows itself in a notebook. ``.svg`` and ``.dot`` are texts, ``.save(path)`` writes one of them.

    Raises
    ------
    ValueError
        Where the function cannot be recorded, as `jit` says it.

    See Also
    --------
    adcore.jit : Records programs, and replays them.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor
    >>> drawing = adcore.draw(lambda x, y: x * y, Tensor([1.0, 2.0]), Tensor([3.0, 4.0]))
    >>> drawing.svg.startswith("<svg")
    True
    """
    if isinstance(fn, Program):
        if args or kwargs:
            raise TypeError("draw: a Program has its arguments; give it alone.")
        return fn.draw()
    return (fn if isinstance(fn, Jitted) else jit(fn)).trace(*args, **kwargs).draw()


class Drawing:
    """A program as a graph: nodes for inputs, statements and outputs, edges for values."""

    def __init__(self, program):
        self._title, self._nodes, self._edges = _graph(View(program))

    def __repr__(self):
        """Return how large the graph is."""
        return f"<drawing of a {self._title}>"

    def _repr_svg_(self):
        return self.svg if len(self._nodes) <= _MOST else None

    @property
    def dot(self):
        """The graph in the language of graphviz, a str."""
        lines = ["digraph program {", f"  label={_quoted(self._title)}; labelloc=t; fontname=monospace; fontsize=11;"]
        lines.append('  node [shape=box, style="rounded,filled", fontname=monospace, fontsize=10];')
        lines.append("  edge [fontname=monospace, fontsize=8];")
        for n in self._nodes:
            text, place = _quoted("\n".join(n.lines)), _quoted(n.place)
            lines.append(f'  {n.key} [label={text}, tooltip={place}, fillcolor="{_COLOURS[n.kind]}"];')
        lines += [f"  {e.source} -> {e.target} [label={_quoted(e.label)}];" for e in self._edges]
        return "\n".join([*lines, "}"]) + "\n"

    @property
    def svg(self):
        """The picture, a str.

        Raises
        ------
        ValueError
            For a graph of more than 400 nodes; ``.dot`` is for graphviz, which draws those.
        """
        if len(self._nodes) > _MOST:
            raise ValueError(f"draw: {len(self._nodes)} nodes are more than {_MOST}; give .dot to graphviz instead.")
        return _svg(self._title, self._nodes, self._edges)

    def save(self, path):
        """Write the drawing to a file.

        Parameters
        ----------
        path : str or os.PathLike
            Its ending says which: .svg or .dot.
        """
        ending = os.fspath(path).rpartition(".")[2]
        if ending not in ("svg", "dot"):
            raise ValueError(f"draw: a file ends with .svg or .dot, got {os.fspath(path)!r}.")
        text = self.svg if ending == "svg" else self.dot
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


# ---- the graph ----------------------------------------------------------------------------------------------------


def _size(count):
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.3g} {unit}" if unit != "B" else f"{count} B"
        count /= 1024
    return f"{count:.3g} GB"


def _graph(view):
    nodes, edges, maker = [], [], {}

    def described(v):
        return f"{view.type_of(v)}  {_size(view.bytes_of(v))}"

    for v in [*view.inputs, *(v for v in view.constants if v not in view.literals)]:
        maker[v] = f"v{v}"
        kind = "parameter" if view.is_parameter(v) else "cell" if v in view.cells else "input"
        kind = kind if v in view.names and v in view.inputs else "constant"
        nodes.append(Node(maker[v], kind, (view.names[v], described(v)), ""))
    has_forward = any(s.differentiated for s in view.statements)
    after = set()  # values that come from differentiated statements
    for k, s in enumerate(view.statements):
        key = f"s{k}"
        kind = "fused" if s.steps else "statement"
        if s.differentiated:
            kind = "forward"
        elif has_forward and not s.steps and any(v in after for v in s.operands):
            kind = "derivative"
        if s.differentiated or any(v in after for v in s.operands):
            after.update(s.outputs)
        numbers = [view.literals[v] for v in s.operands if v in view.literals]
        first = f"{s.title}({', '.join(numbers)})" if numbers else s.title
        first += f" of {len(s.steps)} steps" if s.steps else ""
        nodes.append(Node(key, kind, (first, *map(described, s.outputs[:3])), short_place(s.place or "")))
        edges += [Edge(maker[v], key, view.type_of(v)) for v in s.operands if v not in view.literals]
        maker.update((v, key) for v in s.outputs)
    for k, (v, name) in enumerate(zip(view.outputs, view.output_names)):
        nodes.append(Node(f"o{k}", "output", (name, described(v)), ""))
        if v in maker:
            edges.append(Edge(maker[v], f"o{k}", view.type_of(v)))
    parameters = sum(view.bytes_of(v) for v in view.inputs if view.is_parameter(v))
    title = view.head + (f", parameters of {_size(parameters)}" if parameters else "")
    return title, nodes, edges


def _quoted(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


# ---- the layout: layers from the longest path, in each the order of the neighbours' means ---------------------------


def _layers(nodes, edges):
    """Return the layer of each node: below all that it is made from, sources right above their first reader."""
    layer = {}
    before, after = {}, {}
    for e in edges:
        before.setdefault(e.target, []).append(e.source)
        after.setdefault(e.source, []).append(e.target)
    for n in nodes:  # sources stand before their readers
        above = before.get(n.key)
        layer[n.key] = max(layer[s] for s in above) + 1 if above else int(n.key[0] == "s")
    for n in nodes:
        if n.key not in before and n.key in after:
            layer[n.key] = min(layer[t] for t in after[n.key]) - 1
    return layer


def _spread(wanted, widths):
    """Return places near the wanted ones, in this order and without overlaps: the nearest in the least squares."""
    offsets, at = [], 0.0
    for w in widths:
        offsets.append(at + w / 2)
        at += w + _GAP
    blocks = []  # sum, count
    for x, offset in zip(wanted, offsets):
        blocks.append((x - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] > blocks[-1][0] * blocks[-2][1]:
            (a, m), (b, n) = blocks[-2:]
            blocks[-2:] = [(a + b, m + n)]
    return [s + offset for s, offset in zip((s / n for s, n in blocks for _ in range(n)), offsets)]


def _rows(layer, edges):
    """Return the nodes of each layer, edges as ways from layer to layer, and the neighbours above and below.

    A way passes each layer between its ends by a node of its own, which has no width.
    """
    rows = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for key, k in layer.items():
        rows[k].append(key)
    ways, above, below = [], {}, {}
    for i, e in enumerate(edges):
        inner = [(i, k) for k in range(layer[e.source] + 1, layer[e.target])]
        way = [e.source, *inner, e.target]
        for k, key in zip(range(layer[e.source] + 1, layer[e.target]), inner):
            rows[k].append(key)
        for a, b in zip(way, way[1:]):
            below.setdefault(a, []).append(b)
            above.setdefault(b, []).append(a)
        ways.append(way)
    return rows, ways, above, below


def _placed(rows, above, below, widths):
    """Return the middle of each node on the horizontal axis."""
    x = {}
    for row in rows:
        x.update(zip(row, _spread([0.0] * len(row), [widths.get(key, 0) for key in row])))
    for sweep in range(2 * _SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            means = {}
            for key in row:
                near = neighbours.get(key)
                means[key] = sum(x[n] for n in near) / len(near) if near else x[key]
            if sweep < _SWEEPS:  # then the order stays
                row.sort(key=means.get)
            x.update(zip(row, _spread([means[key] for key in row], [widths.get(key, 0) for key in row])))
    return x


# ---- the picture --------------------------------------------------------------------------------------------------


def _escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _svg(title, nodes, edges):
    layer = _layers(nodes, edges)
    rows, ways, above, below = _rows(layer, edges)
    widths = {n.key: max(map(len, n.lines)) * _LETTER + 2 * _MARGIN for n in nodes}
    heights = {n.key: len(n.lines) * _LINE + _MARGIN for n in nodes}
    x = _placed(rows, above, below, widths)
    tops, y = [], 2.5 * _LINE
    for row in rows:
        tops.append(y)
        y += max((heights.get(key, 0) for key in row), default=0) + _STEP
    left = min((x[n.key] - widths[n.key] / 2 for n in nodes), default=0) - _GAP
    left = min(left, min(x.values(), default=0) - _GAP)
    right = max((x[n.key] + widths[n.key] / 2 for n in nodes), default=0) + _GAP
    right = max(right, max(x.values(), default=0) + _GAP, left + len(title) * _LETTER + 2 * _GAP)
    width, height = right - left, y - _STEP + _GAP

    def point(key, end):
        k = layer[key] if isinstance(key, str) else key[1]
        return x[key] - left, tops[k] + (heights.get(key, 0) if end == "bottom" else 0)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="monospace" font-size="11">',
        '<defs><marker id="arrow" markerWidth="7" markerHeight="6" refX="7" refY="3" orient="auto">'
        '<path d="M0,0 L7,3 L0,6 z" fill="#777"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
        f'<text x="{_GAP}" y="{_LINE + 2}">{_escaped(title)}</text>',
    ]
    for e, way in zip(edges, ways):
        (x0, y0), path = point(way[0], "bottom"), []
        for key in way[1:]:
            x1, y1 = point(key, "top")
            middle = (y0 + y1) / 2
            path.append(f"C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}")
            x0, y0 = x1, y1
        start = point(way[0], "bottom")
        lines.append(
            f'<path class="edge" data-from="{e.source}" data-to="{e.target}" d="M{start[0]:.1f},{start[1]:.1f} '
            f'{" ".join(path)}" fill="none" stroke="#777" marker-end="url(#arrow)">'
            f"<title>{_escaped(e.label)}</title></path>"
        )
    for n in nodes:
        middle, top = point(n.key, "top")
        w, h = widths[n.key], heights[n.key]
        lines.append(f'<g class="node {n.kind}" id="{n.key}">')
        lines.append(f"<title>{_escaped(n.place or n.lines[0])}</title>")
        lines.append(
            f'<rect x="{middle - w / 2:.1f}" y="{top:.1f}" width="{w:.1f}" height="{h:.1f}" rx="5" '
            f'fill="{_COLOURS[n.kind]}" stroke="#555"/>'
        )
        for i, line in enumerate(n.lines):
            weight = ' font-weight="bold"' if i == 0 else ' fill="#444"'
            lines.append(
                f'<text x="{middle:.1f}" y="{top + _LINE * (i + 1) - 1:.1f}" text-anchor="middle"{weight}>'
                f"{_escaped(line)}</text>"
            )
        lines.append("</g>")
    return "\n".join([*lines, "</svg>"]) + "\n"


def _draw(self):
    """Draw the program as a graph.

    Returns
    -------
    Drawing
        Shows itself in a notebook. ``.svg`` and ``.dot`` are texts, ``.save(path)`` writes one of them.

    Examples
    --------
    >>> import adcore
    >>> from adcore import Tensor
    >>> program = adcore.jit(lambda x: x * x).trace(Tensor([1.0, 2.0]))
    >>> print(program.draw().dot.count("->"))
    3
    """
    return Drawing(self)


add_methods(Program, draw=_draw)
