"""What a notebook is given to show: pictures, films and tables as HTML, each of bounded size."""

from __future__ import annotations

import base64
import html
import io
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optviz.render.output import SHOWS
from optviz.render.sheet import DPI
from optviz.shared.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optviz.render.film import Film

#: The widest that a picture or a player is shown, and a picture beside a table, in CSS pixels.
WIDEST, SMALL = 960, 640
#: Dots of a picture for each CSS pixel: screens have two.
DENSITY = 2
#: A film with more pixels in all its frames, or more bytes, is not put into a notebook.
MAX_PIXELS, MAX_BYTES = 2e9, 16 * 2**20
#: Rows of a table.
ROWS = 12


def figure_bundle(figure: Figure, widest: int = WIDEST) -> tuple[dict[str, str], dict[str, Any]]:
    """A figure as PNG, twice as dense as it is shown: data and metadata by type, for Jupyter."""
    image = _png(figure, widest)
    across, down = struct.unpack(">II", image[16:24])  # of the file: `savefig.bbox` may crop
    shown: dict[str, Any] = {"width": round(across / DENSITY), "height": round(down / DENSITY)}
    if told := getattr(figure, SHOWS, ""):
        shown["alt"] = told
    return {"image/png": base64.b64encode(image).decode()}, {"image/png": shown}


def _png(figure: Figure, widest: int) -> bytes:
    width = float(figure.get_size_inches()[0]) * DPI
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DENSITY * DPI * min(1.0, widest / width))
    return file.getvalue()


def figure_html(figure: Figure, widest: int = SMALL) -> str:
    """The same as an element of a page."""
    data, shown = figure_bundle(figure, widest)
    width = shown["image/png"]["width"]
    told = shown["image/png"].get("alt", "")
    return _image(f"data:image/png;base64,{data['image/png']}", width, told)


def _image(source: str, width: int, told: str = "") -> str:
    alt = f' alt="{html.escape(told)}"' if told else ""
    return f'<img src="{source}" width="{width}"{alt} style="max-width:100%;height:auto">'


def film_html(film: Film) -> str:
    """A player with the film as H.264 inside; of a film that is too large, its last frame."""
    sheet = film.study.sheet(film.result)
    width = round(min(sheet.width, WIDEST))
    data = b""
    if len(film) * sheet.width * sheet.height <= MAX_PIXELS:
        with tempfile.TemporaryDirectory() as folder:
            data = film.save(Path(folder) / "film.mp4").read_bytes()
    if not 0 < len(data) <= MAX_BYTES:
        what = f"{len(film):,} frames of {sheet.width:.0f} × {sheet.height:.0f}"
        return (f"{_image(_last_frame(film), width)}<div>The last of {what}, too many for a "
                'notebook: <code>.save("film.mp4")</code> writes the film.</div>')  # fmt: skip
    source = f"data:video/mp4;base64,{base64.b64encode(data).decode()}"
    return (
        f'<video controls loop muted playsinline width="{width}" '
        'style="max-width:100%;height:auto">'
        f'<source type="video/mp4" src="{source}">This page cannot play the film: '
        '<code>.save("film.gif")</code> makes one that it can show.</video>'
    )


def _last_frame(film: Film) -> str:
    from PIL import Image

    file = io.BytesIO()
    image = Image.fromarray(film.drawer()(len(film) - 1)).convert("RGB")
    image.thumbnail((DENSITY * WIDEST, DENSITY * WIDEST))
    image.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def table_html(table: Table, rows: int = ROWS) -> str:
    """A table with its title, its first rows, and how many are left out."""
    (names, *cells), left_out = table.cells(rows)
    title = f"<caption>{html.escape(table.title)}</caption>" if table.title else ""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in row)}</tr>" for row in cells
    )
    rest = f"<div>… {left_out:,} more</div>" if left_out else ""
    return (f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"{rest}")  # fmt: skip
