"""Films and files keep their promises: each frame its step, each file its time and its words."""

from __future__ import annotations

import base64
import io
import json
import re
import shlex
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import optviz as ov
from optviz.cli import gallery
from optviz.cli.app import app
from optviz.render import metadata, style, theme
from optviz.render.animate import Stage
from optviz.render.encode import FORMATS
from optviz.studies import files
from optviz.studies.lookup import studies
from optviz.studies.study import Filmed
from tests.test_pictures import color_of, curve_of, left_at, part_of, xy
from tests.test_studies import small

HOLD = 2.0

# -- frames ---------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=6, phases=(Phase.explicit, Phase.generate))
@given(st.integers(1, 90), st.integers(1, 9), st.booleans(), st.sampled_from([1.0, 30.0]))
def test_a_frame_shows_what_is_true_at_its_step(
    steps: int, per_frame: int, panels: bool, factor: float
) -> None:
    f = ov.function("beale")
    runs = [ov.minimize(f, opt, steps=steps, tol=1e-2) for opt in
            (ov.SGD(lr=0.01 * factor), ov.Adam(lr=0.1))]  # fmt: skip
    film = ov.animate(runs, layout="panels" if panels else "race", steps_per_frame=per_frame,
                      size=(480, 340))  # fmt: skip
    last = max(len(t.points) - 1 for t in runs)
    shown = [*range(0, last, per_frame), last]
    assert len(film) == len(shown)
    stage, draw = Stage(film), film.drawer()
    words = [text.get_text() for text in stage.sheet.figure.texts]
    assert any(f"{per_frame} step{'s' * (per_frame > 1)} a frame" in text for text in words)
    curve = part_of(stage.sheet.figure, "curve")
    for k in {0, len(shown) // 2, len(shown) - 1}:
        np.testing.assert_array_equal(draw(k), stage.redraw(shown[k]))
        texts = [text.get_text() for text in stage.sheet.figure.texts]
        assert f"step {shown[k]:,} of {last:,}" in texts
        for number, t in enumerate(runs):
            map_ = stage.frame.maps[number if panels else 0]
            check_actor(map_.lines, curve.lines, t, shown[k])
            names = [text for text in curve.texts if text.get_visible()
                     and text.get_color() == color_of(t.optimizer.name)]  # fmt: skip
            assert not names or shown[k] == last


def test_a_head_becomes_a_cross_at_the_very_step_that_leaves() -> None:
    t = ov.minimize("beale", ov.Momentum(lr=0.02), steps=40)
    left = left_at(t)
    assert left is not None
    stage = Stage(ov.animate(t, size=(480, 340)))
    curve = part_of(stage.sheet.figure, "curve")
    for step in (left - 1, left, left + 1):
        stage.pose(step)
        check_actor(stage.frame.maps[0].lines, curve.lines, t, step)


def check_actor(on_map: Any, beside: Any, t: ov.Trajectory, step: int) -> None:
    """Past and fresh path together are the path so far; head and curve end at this step."""
    color = color_of(t.optimizer.name)
    past, fresh, head = (line for line in on_map if line.get_color() == color)
    path = np.concatenate([xy(past), xy(fresh)[1:]])
    left = left_at(t)
    gone = left is not None and step >= left
    n = min(step + 1, len(t.points) if left is None else left)
    np.testing.assert_array_equal(path[:n], t.points[:n])
    assert len(path) - n in ((0, 1) if gone else (0,))
    np.testing.assert_array_equal(xy(head), path[-1:])
    assert (head.get_marker() == "X") == gone
    line, dot = (line for line in beside if line.get_color() == color)
    (heights,) = curve_of("gap", t)
    assert list(line.get_xdata()) == list(range(n))
    np.testing.assert_allclose(line.get_ydata(), heights[:n], rtol=1e-7, atol=1e-13)
    np.testing.assert_array_equal(xy(dot), xy(line)[-1:])


# -- time -----------------------------------------------------------------------------------


def times(path: Path) -> list[float]:
    """How long each frame is shown, in seconds, as the container says it."""
    import av

    data, kind = path.read_bytes(), path.suffix
    if kind in (".mp4", ".webm"):
        with av.open(str(path)) as file:
            stream = file.streams.video[0]
            at = [float(frame.pts * frame.time_base) for frame in file.decode(stream)]
        # The last one is the frame before once more, so that this has a duration.
        return list(np.diff(at))
    if kind == ".gif":
        # Graphic control extensions: hundredths.
        return [int.from_bytes(found[1], "little") / 100 for found in
                re.finditer(rb"\x21\xf9\x04.(..).\x00\x2c", data, re.DOTALL)]  # fmt: skip
    if kind == ".webp":
        return [int.from_bytes(body[12:15], "little") / 1000 for name, body in riff(data)
                if name == b"ANMF"]  # fmt: skip
    out, at_byte = [], 8
    while at_byte < len(data):
        length, name = struct.unpack(">I4s", data[at_byte : at_byte + 8])
        if name == b"fcTL":
            above, below = struct.unpack(">HH", data[at_byte + 28 : at_byte + 32])
            out.append(above / (below or 100))
        at_byte += 12 + length
    return out


def riff(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a WebP file, padded as the format wants them."""
    assert (data[:4], data[8:12]) == (b"RIFF", b"WEBP")
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    chunks, at = [], 12
    while at < len(data):
        name, length = struct.unpack("<4sI", data[at : at + 8])
        chunks.append((name, data[at + 8 : at + 8 + length]))
        assert len(chunks[-1][1]) == length
        at += 8 + length + length % 2
    assert at == len(data)
    return chunks


@pytest.mark.parametrize("fps", [8, 25])
@pytest.mark.parametrize("suffix", [*FORMATS])
def test_each_frame_has_its_time_and_the_last_is_held(
    suffix: str, fps: int, tmp_path: Path
) -> None:
    film = ov.animate(ov.minimize("bowl", ov.Adam(lr=0.3), steps=9), size=(320, 240), fps=fps)
    found = times(film.save(tmp_path / f"a{suffix}"))
    # WebM counts in thousandths, GIF in hundredths.
    one = pytest.approx(1 / fps, abs=0.0101)
    if suffix in (".mp4", ".webm"):
        # Nine frames, then the tenth for two seconds, the last frame time of them its repetition.
        assert len(found) == 10
        assert found[:9] == [one] * 9
        assert found[9] + 1 / fps == pytest.approx(HOLD, abs=0.002)
    elif suffix == ".webp":
        # In steps of a frame's time.
        assert sum(found) == pytest.approx(9 / fps + HOLD, abs=0.6 / fps)
        assert found[:9] == [one] * 9
    else:
        assert found[:9] == [one] * 9
        assert found[9:] == [pytest.approx(HOLD, abs=0.001)]


@pytest.mark.slow
@pytest.mark.parametrize("steps", [20, 160, 1000])
def test_a_page_plays_at_the_promised_rate_and_tells_the_true_values(
    steps: int, tmp_path: Path
) -> None:
    runs = [ov.minimize("beale", ov.SGD(lr=0.01), steps=steps),
            ov.minimize("beale", ov.SGD(lr=0.3), steps=steps)]  # fmt: skip
    film = ov.animate(runs)
    text = film.save(tmp_path / "a.html").read_text()
    data = json.loads(re.findall(r'id="optviz-data">(.*?)</script>', text, re.DOTALL)[0])
    # 25 steps a second, but no run shorter than 4 s or longer than 12.
    assert data["last"] / data["rate"] == pytest.approx(min(max(steps / 25, 4), 12))
    assert data["last"] == steps
    assert "<title>SGD on Beale</title>" in text
    stage = Stage(film)
    map_, curve = stage.frame.maps[0], stage.frame.curve
    assert curve is not None
    for t, run, stroke in zip(runs, data["runs"], style.strokes(runs, theme.THEMES["light"]),
                              strict=True):  # fmt: skip
        assert (run["color"], run["marker"], run["name"]) == (
            stroke.color, stroke.marker, stroke.name,
        )  # fmt: skip
        assert run["left"] == left_at(t)
        n = len(t.points) if left_at(t) is None else left_at(t)
        for axes, drawn, true in (
            (map_, run["path"], t.points[:n]),
            (curve, run["curve"], np.column_stack([np.arange(n), *curve_of("gap", t)])),
        ):
            pixels = axes.transData.transform(true)
            pixels[:, 1] = data["height"] - pixels[:, 1]
            np.testing.assert_allclose(np.array(drawn)[:n], pixels, atol=0.11)
        for k, row in enumerate(run["values"][:n]):
            numbers = [float(word.replace("−", "-")) for word in row]
            np.testing.assert_allclose(numbers, [*t.points[k], t.values[k]], rtol=6e-5)
    # The background is the picture without its paths.
    from PIL import Image

    png = base64.b64decode(re.findall(r'src="data:image/png;base64,(.*?)"', text)[0])
    with Image.open(io.BytesIO(png)) as image:
        shown = np.array(image.convert("RGB")).reshape(-1, 3)
    path_colors = {tuple(bytes.fromhex(run["color"][1:])) for run in data["runs"]}
    x0, y0, w, h = (round(2 * v) for v in data["runs"][0]["clip"])
    inside = shown.reshape(2 * data["height"], -1, 3)[y0 : y0 + h, x0 : x0 + w].reshape(-1, 3)
    assert not path_colors & set(map(tuple, inside))


def test_a_film_of_a_surface_ends_with_the_end() -> None:
    film = ov.animate(ov.minimize("bowl", ov.Adam(lr=0.3), steps=7), view="surface",
                      steps_per_frame=3, size=(320, 240))  # fmt: skip
    frames = [frame.copy() for frame in film.frames()]
    assert len(frames) == 4  # steps 0, 3, 6 and 7
    assert not np.array_equal(frames[2], frames[3])


# -- every file of every study --------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", list(studies))
def test_every_command_has_dark_paper_on_request(name: str, tmp_path: Path) -> None:
    from PIL import Image

    study = small(name, 0, theme="dark")
    target = tmp_path / ("a.gif" if isinstance(study, Filmed) else "a.png")
    words = shlex.split(study.command())[1:]
    assert words[words.index("--theme") + 1] == "dark"
    app([*words, "-q", "-o", str(target)], standalone_mode=False)
    with Image.open(target) as image:
        shown = np.array(image.convert("RGB"))
    paper = bytes.fromhex(theme.THEMES["dark"].paper[1:])
    edge = np.concatenate([shown[0], shown[-1], shown[:, 0], shown[:, -1]])
    assert (edge == list(paper)).all()
    assert (shown == list(paper)).all(axis=-1).mean() > 0.1
    assert files.read_study(target).theme == "dark"


@pytest.mark.parametrize("size", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".svg", ".pdf", *FORMATS, ".html"])
def test_specifications_of_any_length_are_read_back(suffix: str, size: int, tmp_path: Path) -> None:
    """Formats that pad see odd and even lengths."""
    text = f"x**2 + {'1' * (1 + size)}*y**2"
    is_film = (suffix in FORMATS and suffix != ".png") or suffix == ".html"
    study = ov.study("animate" if is_film else "plot", optimizers="sgd:lr=0.01", steps=2, on=text,
                     size=(320, 240))  # fmt: skip
    path = ov.save(study, tmp_path / f"a{suffix}")
    assert files.read_study(path) == study
    if suffix == ".webp":
        riff(path.read_bytes())


@settings(max_examples=30)
@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), min_size=1))
def test_any_text_in_a_webp_keeps_its_chunks_whole(text: str) -> None:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(10) + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    bare = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    chunks = riff(metadata._into_webp(bare, text.encode()))
    assert [name for name, _ in chunks] == [b"VP8X", b"ANIM", b"XMP "]
    assert chunks[0][1][0] & 4
    assert metadata._description(chunks[-1][1].decode()) == text


def test_every_study_with_a_film_is_tried() -> None:
    filmed = [name for name, cls in studies.items() if issubclass(cls, Filmed)]
    for name in filmed:
        assert len(small(name, 0).film(small(name, 0).run())) > 1  # type: ignore[attr-defined]


# -- the gallery ----------------------------------------------------------------------------


def test_an_upgrade_makes_every_picture_of_the_gallery_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of any file that optviz draws with, wherever it lies."""
    home = Path(ov.__file__).parent
    inside = tmp_path / "optviz"
    for path in home.rglob("*"):
        if path.is_file() and path.suffix in (".py", ".pyi", ".html", ".npz"):
            copy = inside / path.relative_to(home)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(gallery.optviz, "__file__", str(inside / "__init__.py"))
    entry = gallery.Entry("a", "import optviz", tmp_path)

    def now() -> str:
        gallery.sources.cache_clear()
        return entry.fingerprint()

    try:
        before = now()
        assert now() == before
        for name in ("__init__.py", "render/style.py", "render/player.html", "runs/race.py"):
            old = (inside / name).read_bytes()
            (inside / name).write_bytes(old + b"\n")
            assert now() != before, name
            (inside / name).write_bytes(old)
        (inside / "render" / "new.py").write_text("")
        assert now() != before
        (inside / "render" / "new.py").unlink()
        assert now() == before
        assert gallery.Entry("a", "import optviz as ov", tmp_path).fingerprint() != before
    finally:
        monkeypatch.undo()
        gallery.sources.cache_clear()


@pytest.mark.slow
def test_another_format_takes_the_old_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "LISTED", {})
    scripts, out = tmp_path / "scripts", tmp_path / "out"
    scripts.mkdir()
    for suffix in (".gif", ".png"):
        code = 'ov.study("animate", optimizers="sgd:lr=0.1", steps=2, size=(320, 240))'
        (scripts / "one.py").write_text(
            f'"""One."""\nimport optviz as ov\nov.save({code}, "one{suffix}")\n'
        )
        assert gallery.build(scripts, out) == [out / f"one{suffix}"]
        (entry,) = gallery.entries_of(scripts, out)
        assert entry.picture == out / f"one{suffix}"
        assert f'src="one{suffix}"' in (out / "README.md").read_text()
