"""A notebook, executed as Jupyter does: what its cells show are pictures, films and tables."""

from __future__ import annotations

import base64
import io
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import optviz as ov
from optviz.render import notebook as shown

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

#: The last expression of each cell, and what it shows.
CELLS = {
    "figure": "import optviz as ov\nt = ov.minimize('bowl', ov.Adam(lr=0.3), steps=30)\nov.plot(t)",
    "film": "ov.animate(t, size=(480, 320))",
    "trajectory": "t",
    "race": "ov.race('bowl', ['sgd:lr=0.5', 'adam:lr=0.3'], steps=20)",
    "band": "ov.ensemble('bowl', ov.SGD(lr=0.3), runs=5, noise=0.5, steps=9).band",
    "sweep": "ov.sweep('bowl', ov.SGD(), over={'lr': [0.01, 0.1, 1, 3]}, steps=50)",
    "tuning": "ov.tune('bowl', ov.SGD(), steps=20)",
    "explanation": "e = ov.explain('bowl', ov.Momentum(lr=0.1), steps=1)\ne",
    "explained film": "ov.animate(e, size=(640, 420))",
    "surface film": "ov.animate(t, view='surface', size=(480, 320), steps_per_frame=15)",
    "basins": "ov.basins('himmelblau', 'adam:lr=0.3', size=(30, 20), steps=50)",
    "sensitivity": "ov.sensitivity('bowl', 'sgd', steps=20, starts=4)",
    "phase": "ov.phase('bowl', 'momentum', 'lr=0.1,2,9', 'momentum=0,0.9,7', steps=30)",
    "training": "r = ov.nn.compare('moons:n=80', 'adam:lr=0.01', epochs=2, layers=(2, 8, 2))\nr",
    "history": "r.histories[0][0]",
    "network": "r.network",
    "study": "ov.study('basins')",
    "table": "ov.table(t)",
    "with the inline backend": "import matplotlib.pyplot as plt\nov.plot(t)",
    "pyplot knows none": "plt.get_fignums(), plt.get_backend()",
    "a bar": "bar = ov.Progress('sweeping')\nfor k in range(50): bar(k + 1, 50, 'more')",
    "a running loop": "import asyncio\nasyncio.get_running_loop().is_running()",
}
TABLES = ("network", "study", "table")
FILMS = ("film", "explained film", "surface film")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What each cell of one notebook gave; there is no display, and no backend is chosen."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS.values()])
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"):
            patch.delenv(name, raising=False)
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        client = nbclient.NotebookClient(book, timeout=120, kernel_name="python3")
        client.execute(cwd=str(Path(__file__).parent.parent))
    return {name: cell.outputs for name, cell in zip(CELLS, book.cells, strict=True)}


def data_of(outputs: dict[str, list[Any]], name: str) -> Any:
    """The data of a cell's one output; warnings and prints would be a second one."""
    (output,) = outputs[name]
    assert output.output_type == "execute_result"
    return output.data


def pixels(png: str) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"))


def is_picture(image: np.ndarray) -> bool:
    """Many shades, and more of the paper than of anything else: neither empty nor noise."""
    packed = image.reshape(-1, 3).astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    colors, counts = np.unique(packed, return_counts=True)
    return len(colors) > 50 and bool(0.05 < counts.max() / counts.sum() < 0.995)


def bytes_of(data: Any) -> int:
    return sum(len(str(part)) for part in data.values())


@pytest.mark.parametrize("name", ["figure", "with the inline backend"])
def test_a_figure_is_one_picture(outputs: dict[str, list[Any]], name: str) -> None:
    (output,) = outputs[name]
    image = pixels(output.data["image/png"])
    assert is_picture(image)
    size = output.metadata["image/png"]
    assert image.shape[:2] == (2 * size["height"], 2 * size["width"])
    assert size["width"] == 960
    assert set(output.data) == {"image/png", "text/plain"}
    assert bytes_of(output.data) < 2e6


def test_nothing_is_registered_with_pyplot(outputs: dict[str, list[Any]]) -> None:
    assert data_of(outputs, "pyplot knows none")["text/plain"].startswith("([], ")
    assert "inline" in data_of(outputs, "pyplot knows none")["text/plain"]
    assert data_of(outputs, "a running loop")["text/plain"] == "True"


def test_progress_is_one_bar_that_ends_full(outputs: dict[str, list[Any]]) -> None:
    (output,) = outputs["a bar"]
    assert output.output_type == "display_data"
    assert 'sweeping <progress value="50" max="50">' in output.data["text/html"]


def test_progress_says_nothing_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    ov.race("bowl", ["sgd:lr=0.1"], steps=5, progress=ov.Progress())
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    bar = ov.Progress("going")
    for k in range(1000):
        bar(k + 1, 1000)
    *_, last, _ = capsys.readouterr().err.replace("\n", "\r").split("\r")
    assert last == f"going {'█' * 30} 1,000 of 1,000"


@pytest.mark.parametrize("name", FILMS)
def test_a_film_is_a_player(outputs: dict[str, list[Any]], name: str, tmp_path: Path) -> None:
    import av

    data = data_of(outputs, name)
    assert len(data["text/plain"].splitlines()) == 1
    page = data["text/html"]
    assert "<video controls" in page
    assert int(re.findall(r'width="(\d+)"', page)[0]) <= shown.WIDEST
    (film,) = re.findall(r'src="data:video/mp4;base64,([^"]+)"', page)
    assert len(film) < shown.MAX_BYTES * 4 / 3
    (tmp_path / "a.mp4").write_bytes(base64.b64decode(film))
    with av.open(str(tmp_path / "a.mp4")) as file:
        assert file.streams.video[0].codec_context.name == "h264"
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(frames) >= 3
    assert all(is_picture(frame) for frame in (frames[0], frames[-1]))
    moved = np.abs(frames[-1].astype(int) - frames[0]).max(axis=2) > 60
    assert 20 < moved.sum() < 0.5 * moved.size


@pytest.mark.parametrize("name", [name for name in list(CELLS)[2:18] if name not in FILMS])
def test_a_result_is_a_small_picture_and_a_table(outputs: dict[str, list[Any]], name: str) -> None:
    data = data_of(outputs, name)
    assert 1 <= len(data["text/plain"].splitlines()) <= 5
    assert len(data["text/plain"]) < 600
    page = data["text/html"]
    assert page.count("<table>") == 1
    assert page.count("<td>") >= 1
    found = re.findall(r'<img src="data:image/png;base64,([^"]+)" width="(\d+)"', page)
    assert len(found) == (0 if name in TABLES else 1)
    for png, width in found:
        assert is_picture(pixels(png))
        assert int(width) <= shown.SMALL
    assert bytes_of(data) < 2e6


def test_a_film_too_large_shows_its_last_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    film = ov.animate(ov.minimize("bowl", ov.SGD(lr=0.5), steps=4), size=(360, 260))
    monkeypatch.setattr(shown, "MAX_PIXELS", 5 * 360 * 260 - 1)
    page = film._repr_html_()
    assert "<video" not in page
    assert "5 frames of 360 × 260" in page
    (png,) = re.findall(r"base64,([^\"]+)", page)
    np.testing.assert_array_equal(pixels(png), film.drawer()(4)[..., :3])
    monkeypatch.undo()
    monkeypatch.setattr(shown, "MAX_BYTES", 100)
    assert "<img" in film._repr_html_()


def test_a_figure_shows_what_the_user_made_of_it() -> None:
    figure = ov.plot((), on="bowl", size=(400, 300))
    before = figure._repr_mimebundle_()[0]["image/png"]
    figure.axes[0].set_title("mine")
    assert figure._repr_mimebundle_()[0]["image/png"] != before
    assert isinstance(figure, Figure)


def test_a_figure_pickles_with_what_made_it(tmp_path: Path) -> None:
    figure = ov.plot(ov.minimize("bowl", ov.Adam(lr=0.3), steps=5), size=(400, 300))
    again = pickle.loads(pickle.dumps(figure))
    assert again._repr_mimebundle_() == figure._repr_mimebundle_()
    a, b = (ov.save(f, tmp_path / name) for f, name in ((figure, "a.png"), (again, "b.png")))
    assert a.read_bytes() == b.read_bytes()


def test_a_large_figure_is_shown_small() -> None:
    figure = ov.plot((), on="bowl", size=(3000, 2000))
    data, sizes = figure._repr_mimebundle_()
    assert pixels(data["image/png"]).shape[:2] == (1280, 1920)
    assert sizes["image/png"] == {"width": 960, "height": 640,
                                  "alt": "The lowest value, 0, is reached at (0, 0)"}  # fmt: skip


def test_which_rc_params_count() -> None:
    """The family of letters does, and its size does not; ours changes neither."""
    import matplotlib as mpl

    def shown_with(**own: Any) -> str:
        with mpl.rc_context(own):
            before = dict(mpl.rcParams)
            figure = ov.plot((), on="bowl", size=(400, 300))
            png: str = figure._repr_mimebundle_()[0]["image/png"]
            assert dict(mpl.rcParams) == before
        return png

    plain = shown_with()
    assert shown_with(**{"font.size": 22}) == plain
    assert shown_with(**{"axes.titlesize": 30, "figure.dpi": 300, "savefig.dpi": 50}) == plain
    assert shown_with(**{"font.family": "serif"}) != plain


def test_the_cells_of_the_documents_run_and_show_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parent.parent / "docs" / "libraries.md").read_text(encoding="utf-8")
    cells = re.findall(r"```notebook\n(.*?)```", page, re.DOTALL)
    assert len(cells) > 5
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(book, timeout=300, kernel_name="python3").execute(cwd=str(tmp_path))
    assert not book.cells[0].outputs
    for cell in book.cells[1:]:
        shown_as = {kind for output in cell.outputs for kind in output.get("data", {})}
        assert shown_as & {"text/html", "image/png", "image/svg+xml"}, cell.source
