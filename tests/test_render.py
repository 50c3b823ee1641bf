"""Pictures: artists are read back; a blitted frame equals a full redraw."""

from __future__ import annotations

import itertools
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

import optviz as ov
from optviz.render import contour, curves, frame, layout, output, paths, style, theme
from optviz.render.animate import Stage
from optviz.studies.plot import PlotStudy
from tests.pictures import clashes, part_of, parts_of
from tests.processes import PEAK


@pytest.fixture(scope="module")
def runs() -> list[ov.Trajectory]:
    specs = ["sgd:lr=0.01", "momentum:lr=0.002", "adagrad:lr=0.8", "adam:lr=0.1"]
    return ov.race("beale", specs, steps=60)


def lines_of(axes, color: str) -> list:
    return [line for line in axes.lines if line.get_color() == color]


def test_paths_are_the_data_and_the_axes_the_bounds(runs) -> None:
    figure = ov.plot(runs)
    map_, curve, bar = figure.axes
    assert [axes.get_label() for axes in figure.axes] == ["map", "curve", "bar"]
    assert map_.get_xlim() == (-4.5, 4.5)
    assert map_.get_ylim() == (-4.5, 4.5)
    assert map_.get_aspect() == 1
    for t in runs:
        color = theme.THEMES["light"].optimizers[t.optimizer.name]
        drawn = [np.column_stack(line.get_data()) for line in lines_of(map_, color)]
        assert any(d.shape == t.points.shape and np.array_equal(d, t.points) for d in drawn)
        heights = [line.get_ydata() for line in lines_of(curve, color)]
        assert any(np.array_equal(h, t.values) for h in heights)
    assert curve.get_yscale() == "log"
    assert curve.get_ylim()[0] < min(t.values.min() for t in runs)
    assert "log" in bar.texts[0].get_text()


def test_legend_title_and_small_print_say_every_choice(runs) -> None:
    figure = ov.plot(runs)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[:2] == ["SGD  lr = 0.01", "Momentum  lr = 0.002"]
    assert legend[-2:] == ["start", "minimum"]
    words = " ".join(text.get_text() for text in figure.texts)
    for said in ("Four optimizers on Beale", "start (1, 1.5)", "60 steps", "book convention",
                 "a mark every 5 steps", r"2.625"):  # fmt: skip
        assert said in words


def test_tuned_rates_noise_and_conventions_are_said() -> None:
    runs = ov.race("bowl", ["adam", "adam:lr=0.5,convention=torch"], steps=30, noise=0.1, rng=7)
    figure = ov.plot(runs)
    legend = " ".join(text.get_text() for text in figure.legends[0].get_texts())
    words = " ".join(text.get_text() for text in figure.texts)
    assert "best of 61" in legend
    assert "torch" in legend
    for said in ("σ = 0.1", "seed 7", "book, torch conventions", "16 starts"):
        assert said in words
    first, second = style.strokes(runs, theme.THEMES["light"])
    # Runs of one optimizer are shades of its hue.
    light = theme.THEMES["light"]
    assert first.color == light.optimizers["adam"]
    assert second.color == theme.shade(first.color, 1.0, light) != first.color
    assert first.dash != second.dash
    assert (first.name, second.name) == ("Adam book", "Adam torch")


@pytest.mark.parametrize("name", list(ov.functions))
def test_levels_are_log_spaced_and_inside_the_picture(name: str) -> None:
    f = ov.functions[name]
    g = contour.ground(f, 120)
    gaps = np.diff(g.levels if f.minimum is None else np.log(g.levels - g.lowest))
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-6)
    assert g.levels[-1] == pytest.approx(float(g.z.max()))
    assert g.lowest <= float(g.z.min())
    (x0, x1), (y0, y1) = ov.functions[name].bounds
    assert (g.x[0], g.x[-1], g.y[0], g.y[-1]) == (x0, x1, y0, y1)


def test_a_path_that_left_is_marked_and_dropped_from_the_scale(runs) -> None:
    wild = ov.minimize("beale", ov.SGD(lr=0.3), steps=60)
    left = wild.left_at()
    assert left is not None
    figure = ov.plot([*runs, wild])
    map_, curve = part_of(figure, "map"), part_of(figure, "curve")
    assert any(f"left at step {left}" in text.get_text() for text in map_.texts)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any(f"left at step {left}" in text for text in legend)
    assert curve.get_ylim() == part_of(ov.plot(runs), "curve").get_ylim()
    x, y = paths.exit_point(wild)
    assert max(abs(x), abs(y)) == pytest.approx(4.5)


@pytest.mark.parametrize("lr", [5.0, 1e100])
def test_even_a_run_that_explodes_at_once_makes_a_picture(lr: float) -> None:
    t = ov.minimize("rosenbrock", ov.SGD(lr=lr), steps=50)
    figure = ov.plot(t)
    figure.canvas.draw()
    limits = [limit for axes in figure.axes for limit in (*axes.get_xlim(), *axes.get_ylim())]
    assert np.isfinite(limits).all()
    film = ov.animate(t)
    assert all(frame.shape[2] == 4 for frame in film.frames())


@pytest.mark.parametrize("f", ["saddle", "x + y", "log(x)", "eggholder", "bukin6"])
def test_awkward_functions_make_pictures(f: str) -> None:
    """With the path in them, point by point until it leaves, and its curve; nothing on another."""
    empty = ov.plot([], on=f)
    assert clashes(empty) == []
    (t,) = ov.race(f, ["adam"], steps=20)
    (x0, x1), (y0, y1) = t.function.bounds
    inside = [x0 <= x <= x1 and y0 <= y <= y1 for x, y in t.points]
    shown = len(inside) if all(inside) else inside.index(False)
    for view in ("contour", "field", "surface"):
        figure = ov.plot(t, view=view)
        limits = [v for axes in figure.axes for v in (*axes.get_xlim(), *axes.get_ylim())]
        assert np.isfinite(limits).all()
        if view == "surface":
            figure.canvas.draw()
            continue
        assert clashes(figure) == []
        path = max(part_of(figure, "map").lines, key=lambda line: len(line.get_xdata()))
        xy = path.get_xydata()
        assert len(xy) in (shown, shown + 1)  # with the step that leaves, up to the edge
        np.testing.assert_allclose(xy[:shown], t.points[:shown], rtol=1e-12)
        (curve,) = part_of(figure, "curve").lines
        assert curve.get_xdata()[0] == 0
        for k, told in zip(curve.get_xdata(), curve.get_ydata(), strict=True):
            wanted = float(t.function(*t.points[int(k)]))
            if (lowest := t.function.minimum) is not None:
                wanted = max(wanted - lowest, 1e-16)
            assert told == pytest.approx(wanted, rel=1e-9)


def test_names_at_the_ends_do_not_overlap() -> None:
    runs = ov.race("bowl", [f"{name}:lr=0.01" for name in list(ov.optimizers)[:10]], steps=20)
    figure = ov.plot(runs)
    figure.canvas.draw()
    # An annotation's own extent includes its line to the curve.
    boxes = sorted(
        (Text.get_window_extent(t) for t in part_of(figure, "curve").texts), key=lambda b: b.y0
    )
    assert len(boxes) == 10
    for low, high in itertools.pairwise(boxes):
        assert high.y0 >= low.y1 - 3.5
    assert max(b.x1 for b in boxes) <= figure.bbox.x1


@pytest.mark.parametrize("size", [None, (800, 600), (640, 900), (1920, 1080), (400, 300)])
@pytest.mark.parametrize("f", ["bowl", "beale", "branin"])
def test_nothing_overlaps_or_is_cut_off(f: str, size) -> None:
    figure = ov.plot(ov.race(f, ["sgd:lr=0.01", "adam:lr=0.1"], steps=30), size=size)
    figure.canvas.draw()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    boxes += [figure.legends[0].get_window_extent()]
    page = figure.bbox
    for box in boxes:
        assert box.x0 >= page.x0 - 1
        assert box.y0 >= page.y0 - 1
        assert box.x1 <= page.x1 + 1
        assert box.y1 <= page.y1 + 1
    for a, b in itertools.combinations(boxes, 2):
        assert min(a.x1, b.x1) - max(a.x0, b.x0) < 8 or min(a.y1, b.y1) - max(a.y0, b.y0) < 8


def test_panels_share_their_axes(runs) -> None:
    figure = ov.plot(runs, layout="panels")
    maps, curve = parts_of(figure, "map"), part_of(figure, "curve")
    assert len(figure.axes) == 5
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in maps}) == 1
    assert len({tuple(np.round(axes.get_window_extent().size, 3)) for axes in maps}) == 1
    for axes, t, stroke in zip(maps, runs, style.strokes(runs, theme.THEMES["light"]), strict=True):
        assert axes.get_title(loc="left") == stroke.name
        mine = [np.column_stack(line.get_data()) for line in lines_of(axes, stroke.color)]
        assert any(np.array_equal(line, t.points) for line in mine)
        # The curves of all stand in one picture, to be compared.
        assert any(np.array_equal(line.get_ydata(), t.values) for line in
                   lines_of(curve, stroke.color))  # fmt: skip
        for other in runs:
            if other is not t:
                color = theme.THEMES["light"].optimizers[other.optimizer.name]
                assert not lines_of(axes, color)
    alone = ov.plot(runs, layout="panels", curve="none")
    assert [axes.get_label() for axes in alone.axes] == ["map"] * 4


@pytest.mark.parametrize("size", [None, (640, 480), (640, 900), (1920, 1080)])
@pytest.mark.parametrize("count", [2, 5, pytest.param(9, marks=pytest.mark.slow)])
def test_nothing_overlaps_in_panels(count: int, size) -> None:
    runs = ov.race("beale", [f"adam:lr=0.{k}" for k in range(1, count + 1)], steps=20)
    assert clashes(ov.plot(runs, layout="panels", size=size)) == []


def test_surface_and_field_views(runs) -> None:
    surface = ov.plot(runs, view="surface").axes[0]
    assert surface.name == "3d"
    heights = [line.get_data_3d()[2] for line in surface.lines]
    expected = np.log10(1 + runs[0].values)
    assert any(len(h) == len(expected) and np.allclose(h, expected) for h in heights)
    field = part_of(ov.plot([], on="bowl", view="field"), "map")
    (arrows,) = [c for c in field.collections if hasattr(c, "U")]
    x, y = arrows.XY.T
    downhill = -ov.function("bowl").gradient(x, y)
    cross = arrows.U * downhill[1] - arrows.V * downhill[0]
    np.testing.assert_allclose(cross, 0, atol=1e-9)
    assert np.all(arrows.U * downhill[0] + arrows.V * downhill[1] > 0)


def test_bad_arguments_are_named(runs) -> None:
    other = ov.minimize("bowl", ov.SGD(), steps=2)
    for call, says in (
        (lambda: ov.plot([]), "give at least one"),
        (lambda: ov.plot([runs[0], other]), "one picture shows one function"),
        (lambda: ov.plot(runs, view="flat"), "view must be one of contour, surface, field"),
        (lambda: ov.plot(runs, layout="heap"), "layout must be one of race, panels"),
        (lambda: ov.plot(runs, size=(10, 10)), "size must lie between 320x240"),
        (lambda: ov.animate([]), "give at least one"),
        (lambda: ov.animate(runs, fps=0), "fps must be a whole number from 1 to 100, not 0"),
        (
            lambda: ov.animate(runs, steps_per_frame=0),
            "steps_per_frame must be a whole number from 1",
        ),
        (lambda: ov.animate(runs, layout="heap"), "layout must be"),
        (lambda: ov.plot(3), "shows trajectories, or what one study found, not 3"),
        (lambda: ov.plot(None), "shows trajectories"),
        (lambda: ov.plot("beale"), "shows trajectories"),
        (lambda: ov.animate([3]), "shows trajectories"),
        (lambda: ov.plot(runs, size=3), "size must be WIDTHxHEIGHT"),
        (
            lambda: ov.plot(runs, theme="blue"),
            "theme must be one of light, dark, print",
        ),
        (lambda: ov.animate(runs, turn=[]), "turn must be a number from -360 to 360"),
        (lambda: ov.study("plot", bounds=3), "bounds must be four numbers"),
        (lambda: ov.study("plot", bounds=(0, np.nan, 0, 1)), "bounds must be four numbers"),
        (lambda: ov.study("plot", start=(np.nan, 1)), "start must be two numbers x,y"),
        (lambda: ov.study([]), r"no study is called \[\]"),
        (lambda: ov.study("phase", optimizr="x"), "did you mean 'optimizer'"),
        (lambda: ov.study("train", save=3), "save must be a path, not 3"),
        (lambda: ov.study("activations", activations=[]), "at least one activation"),
        (lambda: ov.explain("bowl", ov.SGD(), rng="x"), "rng must be a whole number from 0"),
        (lambda: ov.save(3, "a.png"), "save takes a study, a figure or a film, not int"),
        (lambda: ov.save(ov.plot(runs), "a.png", dpi="x"), "dpi must be a whole number from 20"),
    ):
        with pytest.raises(ValueError, match=says) as caught:
            call()
        assert "\n" not in str(caught.value)


# -- colours --------------------------------------------------------------------------------

#: Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                        [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                        [-0.011820, 0.042940, 0.968881]]),
}  # fmt: skip


def _lab(color: str, vision: np.ndarray) -> np.ndarray:
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(vision @ linear, 0, 1)
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                       [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
    xyz = to_xyz @ linear / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("name", theme.THEMES)
def test_every_pair_of_colours_can_be_told_apart(vision: str, name: str) -> None:
    colors = theme.THEMES[name].optimizers
    assert set(colors) == set(ov.optimizers)
    for a, b in itertools.combinations(colors, 2):
        distance = np.linalg.norm(_lab(colors[a], VISION[vision]) - _lab(colors[b], VISION[vision]))
        assert distance >= 15, (a, b, distance)
    paper = _lab(theme.THEMES[name].paper, VISION[vision])
    assert all(abs(_lab(c, VISION[vision])[0] - paper[0]) > 22 for c in colors.values())


# -- frames ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layout_", ["race", "panels"])
def test_a_blitted_frame_equals_a_full_redraw(runs, layout_: str) -> None:
    wild = ov.minimize("beale", ov.SGD(lr=0.3), steps=60)
    stage = Stage(ov.animate([*runs[1:], wild], layout=layout_, size=(640, 480)))
    for step in (0, 1, 7, 13, 30, 60):
        blitted = stage.draw(step).copy()
        np.testing.assert_array_equal(blitted, stage.redraw(step))
    again = stage.draw(7).copy()
    stage.draw(60)
    np.testing.assert_array_equal(stage.draw(7), again)


def test_frames_keep_the_same_steps_for_all_and_end_with_the_end() -> None:
    t = ov.minimize("bowl", ov.Adam(lr=0.1), steps=1003)
    film = ov.animate(t)
    assert film.steps_per_frame == 6
    assert film.steps_shown[-1] == 1003
    assert set(np.diff(film.steps_shown[:-1])) == {6}
    stage = Stage(film)
    assert any("6 steps a frame" in text.get_text() for text in stage.sheet.figure.texts)
    stage.pose(1003)
    assert stage.counter.get_text() == "step 1,003 of 1,003"


def test_one_step_makes_a_film() -> None:
    assert len(list(ov.animate(ov.minimize("bowl", ov.SGD(lr=0.1), steps=1)).frames())) == 2


@pytest.mark.parametrize("suffix", [".gif", ".mp4", ".webm", ".webp", ".apng", ".png"])
def test_files_hold_every_frame(tmp_path, suffix: str) -> None:
    import av
    from PIL import Image, ImageSequence

    t = ov.minimize("bowl", ov.Adam(lr=0.3), steps=20)
    seen: list[tuple[int, int]] = []
    film = ov.animate(t, size=(401, 301), fps=20)
    path = film.save(tmp_path / f"a{suffix}", progress=lambda *p: seen.append(p))
    assert path == tmp_path / f"a{suffix}"
    assert seen[-1] == (21, 21)
    if suffix in (".mp4", ".webm"):
        with av.open(str(path)) as file:
            shown = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    else:
        with Image.open(path) as image:
            shown = [np.array(f.convert("RGB")) for f in ImageSequence.Iterator(image)]
    # A delay for the last frame, or the last frame once more.
    assert len(shown) == (22 if suffix in (".mp4", ".webm") else 21)
    # Some codecs want even sides.
    assert shown[0].shape == ((302, 402, 3) if suffix in (".mp4", ".webm") else (301, 401, 3))
    for k, original in enumerate(film.frames()):
        difference = np.abs(shown[k][:301, :401].astype(int) - original[..., :3])
        assert difference.mean() < {".gif": 0.5, ".png": 0.01, ".apng": 0.01}.get(suffix, 2.5)
    assert [p.name for p in tmp_path.iterdir()] == [f"a{suffix}"]


def test_gif_keeps_flat_colours_exactly_and_holds_its_end(tmp_path) -> None:
    from PIL import Image

    film = ov.animate(ov.minimize("bowl", ov.Adam(lr=0.3), steps=10), fps=10)
    film.save(tmp_path / "a.gif")
    for k, drawn in enumerate(film.frames()):
        with Image.open(tmp_path / "a.gif") as image:
            assert image.info["loop"] == 0
            image.seek(k)
            # 100 ms a frame, and the end for two seconds.
            assert image.info["duration"] == (2000 if k == 10 else 100)
            shown = np.array(image.convert("RGB")).astype(int)
        original = drawn[..., :3].astype(int)
        packed = original @ [65536, 256, 1]
        colors, counts = np.unique(packed, return_counts=True)
        # What fills an area is flat; the rest are the edges of lines and letters.
        flat = np.isin(packed, colors[counts > 1000])
        assert flat.mean() > 0.9
        np.testing.assert_array_equal(shown[flat], original[flat])
    assert tuple(shown[2, -2]) == (255, 255, 255)
    # The paper, and most shades of the ground.
    assert (counts > 1000).sum() >= 8


def test_palette_lookup_is_the_nearest_colour() -> None:
    from optviz.render.encode import _palette, look_up

    rng = np.random.default_rng(0)
    sample = np.zeros((64, 64, 4), np.uint8)
    sample[..., :3] = rng.integers(0, 256, (12, 3))[rng.integers(0, 12, (64, 64))]
    palette, table = _palette([sample])
    indices = np.empty(64 * 64, np.uint8)
    look_up(sample.reshape(-1, 4), table, indices)
    np.testing.assert_array_equal(palette[indices, 1:], sample.reshape(-1, 4)[:, :3])


# -- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".PNG"])
def test_still_formats(runs, tmp_path, suffix: str) -> None:
    path = ov.save(ov.plot(runs), tmp_path / f"a{suffix}")
    head = path.read_bytes()[:5]
    assert head in (b"\x89PNG\r", b"<?xml", b"%PDF-")
    if suffix == ".svg":
        ET.parse(path)
    if suffix.lower() == ".png":
        from PIL import Image

        with Image.open(path) as image:
            assert image.size[0] == 2 * PlotStudy.natural[0]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    import os

    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.jpeg2", "the file type '.jpeg2' is not known here"),
        ("a.pgn", "did you mean '.png'"),
        ("a", "a file without a suffix"),
        ("missing/a.png", "does not exist"),
        ("folder.png", "is a folder"),
    ],
)
def test_bad_targets_are_refused(tmp_path, name: str, says: str) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ValueError, match=says):
        output.check_target(tmp_path / name, output.STILL)


def test_an_interrupted_film_leaves_the_old_file_and_no_litter(tmp_path) -> None:
    film = ov.animate(ov.minimize("bowl", ov.Adam(lr=0.3), steps=50), size=(320, 240))
    target = tmp_path / "a.gif"
    target.write_bytes(b"old")

    def interrupt(done: int, _: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        film.save(target, progress=interrupt)
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.gif"]


def test_layouts_fit_their_page() -> None:
    sizes = itertools.product((400, 960, 1920), (300, 540, 1080), (0.5, 1, 3), (None, 2, 5))
    for width, height, aspect, entries in sizes:
        for names in (6.6, 0.0):
            # Title and formula, without a finding, and so little below.
            page = page_of(width, height, 5.0, entries, names)
            placed = layout.arrange(page, aspect)
            (map_,) = placed.maps
            assert (placed.curve is not None) == bool(names)
            assert placed.bar is not None
            boxes = [map_, placed.bar, *(b for b in (placed.curve, placed.legend) if b)]
            for box in boxes:
                assert box.left >= 0
                assert box.left + box.width <= width + 1e-9
                assert box.top >= 0
                assert box.top + box.height <= height
            for a, b in itertools.combinations(boxes, 2):
                assert min(gaps(a, b)) < 1e-9
            assert map_.width / map_.height == pytest.approx(aspect)


def page_of(
    width: float, height: float, top: float, entries: int | None, names: float
) -> layout.Page:
    """A page with a legend of so many entries, each 200 pixels wide; None for one that stands."""
    if entries is None:
        return layout.Page(width, height, top, 4.35, 12.0, names)

    def rows(room: float) -> int:
        return int(np.ceil(entries / max(1, room // 200)))

    return layout.Page(width, height, top, 2.6, 12.0, names, rows, 200)


def gaps(a: layout.Box, b: layout.Box) -> tuple[float, float]:
    """How far two boxes overlap, across and down; negative for a gap."""
    return min(a.right, b.right) - max(a.left, b.left), min(a.below, b.below) - max(a.top, b.top)


@pytest.mark.parametrize("aspect", [0.8, 1, 1.3, 1.6])
def test_at_its_natural_height_a_map_leaves_no_strip(aspect: float) -> None:
    height = layout.natural_height(960, aspect, 7.0, 12.0, panels=1, with_curve=True)
    pages = [layout.Page(960, h, 5.0, 2.0, 12.0, 6.6, is_natural=True)
             for h in (height, 1.06 * height)]  # fmt: skip
    map_, on_more = (layout.arrange(page, aspect).maps[0] for page in pages)
    assert map_.height == pytest.approx(pages[0].free() - layout.AXIS * 12.0)
    # It is as wide as it may be beside the curve: more height would give it next to nothing.
    assert on_more.width < 1.03 * map_.width


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (800, 600)])
@pytest.mark.parametrize("aspect", [0.8, 1, 1.6])
def test_a_page_of_any_shape_is_filled(aspect: float, size: tuple[int, int]) -> None:
    unit = 13.5 * (size[0] * size[1] / 5e5) ** 0.5

    def rows(room: float) -> int:
        return int(np.ceil(5 / max(1, room // (18 * unit))))

    page = layout.Page(*size, 6.75, 2.6, unit, 6.6, rows, 18 * unit)
    placed = layout.arrange(page, aspect)
    (map_,) = placed.maps
    # It is as high as the page lets it, or it and its curve are as wide, or it is above the curve.
    free = page.free(placed.legend is None) - layout.AXIS * unit
    assert placed.curve is not None
    beside = placed.curve.left > map_.right
    is_high = map_.height == pytest.approx(free)
    is_wide = map_.width >= 0.6 * (size[0] - 20 * unit)
    assert is_high or is_wide or not beside
    # No blank band above or below takes more than a seventh of the page.
    boxes = [map_, placed.curve, *([placed.legend] if placed.legend else [])]
    top, below = min(b.top for b in boxes), max(b.below for b in boxes)
    assert top - page.top * unit < size[1] / 7
    end = size[1] - page.bottom * unit - layout.AXIS * unit
    assert end - (layout.ROW * rows(size[0]) * unit if placed.legend is None else 0) - below < (
        size[1] / 7
    )


@pytest.mark.parametrize("names", [6.6, 0.0])
@pytest.mark.parametrize("count", [2, 3, 4, 5, 9])
@pytest.mark.parametrize("entries", [None, 2, 8])
def test_panels_fit_their_page(count: int, names: float, entries: int | None) -> None:
    for width, height, aspect in itertools.product((960, 1920), (720, 1080), (0.5, 1, 3)):
        page = page_of(width, height, 6.75, entries, names)
        placed = layout.grid(page, count, aspect)
        assert len(placed.maps) == len(placed.outer) == count
        assert (placed.curve is not None) == bool(names)
        boxes = [*placed.maps, *([placed.curve] if placed.curve else [])]
        for box in boxes:
            assert box.width > 12
            assert box.height > 12
            assert box.left >= layout.AXIS * 12 - 1e-9
            assert box.left + box.width <= width + 1e-9
            assert box.top >= 6.75 * 12
            assert box.top + box.height <= height - page.bottom * 12 + 1e-9
        for box in placed.maps:
            assert box.width / box.height == pytest.approx(aspect)
            assert box.width == pytest.approx(placed.maps[0].width)
        for a, b in itertools.combinations(boxes, 2):
            # Between maps is a gap, or a name; between map and curve stand the numbers of an axis.
            across, down = gaps(a, b)
            room = layout.AXIS if placed.curve in (a, b) else layout.GAP
            least = layout.TITLE + (layout.NUMBERS if placed.curve in (a, b) else 0)
            assert across <= -room * 12 + 1e-6 or down <= -least * 12 + 1e-6
        check_outer(placed)


def check_outer(placed: layout.Places) -> None:
    """Each map stands above one with numbers, or has them; and beside one, likewise."""
    for box, (has_x, has_y) in zip(placed.maps, placed.outer, strict=True):
        under = [other for other in placed.maps if other.top > box.below
                 and other.left == pytest.approx(box.left)]  # fmt: skip
        before = [other for other in placed.maps if other.right < box.left
                  and other.top == pytest.approx(box.top)]  # fmt: skip
        assert has_x or under
        assert has_y == (not before)
        assert not (has_x and under)


def test_marks_are_a_dozen_and_never_alias_with_a_zigzag() -> None:
    assert [frame.mark_interval(n) for n in (1, 10, 30, 31, 100, 200, 1000, 10**6)] == [
        1, 1, 1, 3, 9, 15, 75, 78125,
    ]  # fmt: skip
    for steps in range(31, 3000, 7):
        every = frame.mark_interval(steps)
        # A dozen or so; odd, or each mark would lie on the same side of a zigzag.
        assert every % 2
        assert 7 < steps / every <= 15


def test_the_curve_names_its_floor() -> None:
    t = ov.minimize("sphere", ov.SGD(lr=0.45), steps=100)
    figure = ov.plot(t)
    assert part_of(figure, "curve").get_ylim()[0] == curves.FLOOR
    assert any("1e−16" in text.get_text() for text in figure.texts)


# -- curves, bands, first steps -------------------------------------------------------------


def test_curves_show_what_they_say(runs) -> None:
    t = runs[-1]
    f = t.function
    expected = {
        "distance": np.linalg.norm(t.points - [3, 0.5], axis=1),
        "gradient": np.linalg.norm(f.gradient(*t.points.T), axis=0),
        "step": np.linalg.norm(np.diff(t.points, axis=0), axis=1),
    }
    for kind, y in expected.items():
        (mine,) = curves.series(kind, f, t)
        np.testing.assert_allclose(mine, y, rtol=1e-12)
        axes = part_of(ov.plot(t, curve=kind), "curve")
        assert axes.get_title(loc="left") == curves.CURVES[kind][0]
    x, y = curves.series("rate", f, ov.minimize(f, ov.SGD(lr=0.01), steps=20))
    np.testing.assert_allclose([x, y], 0.01, rtol=1e-9)
    bare = ov.plot(runs, curve="none")
    assert [axes.get_label() for axes in bare.axes] == ["map", "bar"]
    with pytest.raises(ValueError, match="curve must be one of gap, distance"):
        ov.plot(runs, curve="speed")
    with pytest.raises(ValueError, match="no minimum to measure"):
        ov.plot(ov.minimize("saddle", ov.SGD(), steps=3), curve="distance")


def test_noisy_runs_are_a_median_and_a_band() -> None:
    t = ov.ensemble("bowl", ov.SGD(lr=0.3), runs=21, noise=0.5, rng=3, steps=40)
    again = ov.ensemble("bowl", ov.SGD(lr=0.3), runs=21, noise=0.5, rng=3, steps=40)
    np.testing.assert_array_equal(t.points, again.points)
    assert t.band is not None
    np.testing.assert_array_equal(t.points, np.median(t.band.paths, axis=0))
    values = np.array([t.function(*path.T) for path in t.band.paths])
    np.testing.assert_allclose(t.band.values, np.quantile(values, [0.1, 0.5, 0.9], axis=0))
    figure = ov.plot(t)
    map_, curve = part_of(figure, "map"), part_of(figure, "curve")
    assert any(len(c.get_segments()) == 21 for c in map_.collections if hasattr(c, "get_segments"))
    (line,) = [ln for ln in curve.lines if len(ln.get_ydata()) == 41]
    np.testing.assert_allclose(line.get_ydata(), t.band.values[1])
    words = " ".join(text.get_text() for text in figure.texts)
    assert "median of 21 runs" in words
    for bad in ({"runs": 1, "noise": 1.0}, {"runs": 5, "noise": 0.0}):
        with pytest.raises(ValueError, match=r"runs must|give noise"):
            ov.ensemble("bowl", ov.SGD(), **bad)


def test_runs_that_diverge_do_not_spoil_the_band() -> None:
    t = ov.ensemble("rosenbrock", ov.SGD(lr=0.004), runs=15, noise=2.0, steps=80)
    assert np.isfinite(t.points).all()
    ov.plot(t).canvas.draw()


def test_first_steps_are_first_steps() -> None:
    from optviz.runs.race import first_steps

    f = ov.function("himmelblau")
    places, steps = first_steps(f, ov.Adam(lr=0.3), 11)
    assert len(places) == 121
    for k in (0, 60, 120):
        t = ov.minimize(f, ov.Adam(lr=0.3), start=places[k], steps=1)
        np.testing.assert_array_equal(t.points[1] - t.points[0], steps[k])
    figure = ov.plot(ov.race(f, ["sgd:lr=0.5", "adam:lr=0.3"], steps=2), view="steps")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert any("arrows ×" in title for title in titles)
    assert len(figure.axes) == 2


def test_a_surface_film_turns_and_grows() -> None:
    t = ov.minimize("rosenbrock", ov.Adam(lr=0.1), steps=9)
    film = ov.animate(t, view="surface", turn=40, size=(400, 300), steps_per_frame=3)
    frames = [frame.copy() for frame in film.frames()]
    assert len(frames) == 4
    assert all(not np.array_equal(a, b) for a, b in zip(frames[1:], frames, strict=False))
    for bad in ({"view": "flat"}, {"view": "surface", "turn": 1000}):
        with pytest.raises(ValueError, match="must"):
            ov.animate(t, **bad)


def test_durations() -> None:
    for seconds in (2, 8, 60):
        study = ov.study("animate", optimizers="sgd:lr=0.1", steps=1000, duration=seconds)
        film = study.film(study.run())
        assert len(film) / film.fps == pytest.approx(seconds, rel=0.15)
        assert film.steps_shown[-1] == 1000
    with pytest.raises(
        ValueError, match="duration must be a number above 0 and up to 3,600, not 0"
    ):
        ov.study("animate", optimizers="sgd:lr=0.1", duration=0)


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
@pytest.mark.slow
def test_memory_does_not_grow_with_the_frames(tmp_path, suffix: str) -> None:
    program = (
        "import resource, sys, optviz as ov\n"
        "t = ov.minimize('bowl', ov.Adam(lr=0.01), steps=int(sys.argv[1]))\n"
        f"ov.animate(t, size=(320, 240), steps_per_frame=1).save('a{suffix}')\n"
        f"{PEAK}"
    )
    few, many = (
        int(
            subprocess.run(
                [sys.executable, "-c", program, steps], cwd=tmp_path, check=True, text=True,
                capture_output=True,
            ).stdout
        )
        for steps in ("150", "3000")
    )  # fmt: skip
    # 2,850 more frames of 300 kB each would be 870 MB.
    assert many - few < 40e6


def test_a_curve_of_f_has_a_name_for_it_where_there_is_no_lowest_value() -> None:
    for name, title, scale in (("saddle", "value", "linear"), ("bowl", "suboptimality", "log")):
        t = ov.minimize(name, ov.SGD(lr=0.1), steps=9)
        figure = ov.plot(t)
        curve = part_of(figure, "curve")
        assert (curve.get_title(loc="left"), curve.get_yscale()) == (title, scale)
        (line,) = curve.lines
        least = 0.0 if name == "saddle" else t.function.minimum
        np.testing.assert_allclose(line.get_ydata(), t.values - least)
        # The name stands at the height of the last value, the mark at the last point.
        (text,) = curve.texts
        _, height = curve.transAxes.transform(text.xy)
        _, wanted = curve.transData.transform((0, line.get_ydata()[-1]))
        assert height == pytest.approx(wanted, abs=0.5)
        ends = [ln for ln in part_of(figure, "map").lines if len(ln.get_xdata()) == 1]
        assert any(np.array_equal(ln.get_xydata()[0], t.points[-1]) for ln in ends)


def test_a_path_that_left_ends_on_the_edge() -> None:
    t = ov.minimize("beale", ov.Momentum(lr=0.02), steps=40)
    left = t.left_at()
    assert left is not None
    lines = [ln.get_xydata() for ln in part_of(ov.plot(t), "map").lines]
    path = next(xy for xy in lines if len(xy) > 2)
    np.testing.assert_array_equal(path[:-1], t.points[:left])
    (x0, x1), (y0, y1) = t.function.bounds
    x, y = path[-1]
    assert min(abs(x - x0), abs(x - x1), abs(y - y0), abs(y - y1)) < 1e-9
    cross = next(ln for ln in part_of(ov.plot(t), "map").lines if ln.get_marker() == "X")
    np.testing.assert_allclose(cross.get_xydata()[0], path[-1])


def test_first_steps_have_no_curve_and_unused_panels_are_empty() -> None:
    figure = ov.plot(ov.race("bowl", ["sgd:lr=0.1", "adam:lr=0.1"], steps=3), view="steps")
    assert [axes.get_label() for axes in figure.axes] == ["map", "map"]
    odd = ov.study("activations", activations="relu,tanh,elu,gelu,silu")
    figure = odd.draw(odd.run())
    assert len(figure.axes) == 10
    assert all(len(axes.lines) > 1 for axes in figure.axes)
