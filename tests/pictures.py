"""What tests ask of a picture: nothing leaves the page, no words hide others or a map."""

from __future__ import annotations

import itertools

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox


def words_of(figure: Figure) -> str:
    """All that is written in the figure itself: title, formula, shares, small print."""
    return " ".join(text.get_text() for text in figure.texts)


def parts_of(figure: Figure, label: str) -> list[Axes]:
    """The axes with a label: "map", "curve", "bar", "strip"."""
    return [axes for axes in figure.axes if axes.get_label() == label]


def part_of(figure: Figure, label: str) -> Axes:
    """The only axes with a label."""
    (axes,) = parts_of(figure, label)
    return axes


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def _texts(figure: Figure) -> list[tuple[str, Text]]:
    found = [("figure", text) for text in figure.texts]
    found += [("legend", text) for legend in figure.legends for text in legend.get_texts()]
    for k, axes in enumerate(figure.axes):
        titles = [axes.title, axes._left_title, axes._right_title]
        labels = [axes.xaxis.label, axes.yaxis.label]
        (x0, x1), (y0, y1) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
        for axis, low, high in ((axes.xaxis, x0, x1), (axes.yaxis, y0, y1)):
            for tick in axis.get_major_ticks():
                if low <= tick.get_loc() <= high:
                    labels += [label for label in (tick.label1, tick.label2)
                               if label.get_visible()]  # fmt: skip
        found += [(f"axes {k}", text) for text in (*titles, *labels, *axes.texts)]
    return [(where, text) for where, text in found if text.get_visible() and text.get_text()]


def _box(text: Text, figure: Figure) -> Bbox:
    renderer = figure.canvas.get_renderer()
    # An annotation's own extent includes its arrow.
    return Text.get_window_extent(text, renderer)


def clashes(figure: Figure, slack: float = 1.5) -> list[str]:
    """Words outside the page, on other words, or of the page on a map; empty if all is well.

    What holds the edges of a network's graph is a ground, on which its units stand.
    """
    figure.canvas.draw()
    parts = [(k, axes) for k, axes in enumerate(figure.axes) if axes.get_label() != "network"]
    page = figure.bbox
    items = [(where, text, _box(text, figure)) for where, text in _texts(figure)
             if not isinstance(text, Annotation)]  # fmt: skip
    out = []
    for where, text, box in items:
        if (box.x0 < page.x0 - slack or box.y0 < page.y0 - slack or box.x1 > page.x1 + slack
                or box.y1 > page.y1 + slack):  # fmt: skip
            out.append(f"{where}: {text.get_text()!r} leaves the page")
    for (a, first, one), (b, second, two) in itertools.combinations(items, 2):
        if _overlap(one, two, slack):
            out.append(f"{a}: {first.get_text()!r} on {b}: {second.get_text()!r}")
    for where, text, box in items:
        for k, axes in parts:
            if where != f"axes {k}" and _overlap(box, axes.get_window_extent(), slack):
                out.append(f"{where}: {text.get_text()!r} on axes {k}")
    for (a, one), (b, two) in itertools.combinations(parts, 2):
        if _overlap(one.get_window_extent(), two.get_window_extent(), slack):
            out.append(f"axes {a} on axes {b}")
    return out


def _overlap(a: Bbox, b: Bbox, slack: float) -> bool:
    across = min(a.x1, b.x1) - max(a.x0, b.x0)
    up = min(a.y1, b.y1) - max(a.y0, b.y0)
    return bool(across > slack and up > slack)
