"""From a slider to the new picture, in Chromium: our page, and the same page made with Bokeh.

Five optimizers, 1,000 steps each; a move of a slider changes Adam's rate, and is done when the
last line of the new picture has been drawn. `python -m benchmarks.explore` prints the
median and the 95th percentile of single moves, rounds in turn. It is no task of the table: that a
picture is done is known only when nothing has been drawn for a while, which would be timed as well.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

STEPS, MOVES, ROUNDS = 1000, 20, 10
ON, START = "beale", (1.0, 1.5)
OTHERS = ("sgd:lr=0.004", "momentum:lr=0.002", "adagrad:lr=1", "rmsprop:lr=0.01")
#: Positions of our slider: the middle of its range, and so many above it.
FIRST = 500

#: Both pages: from the event of a hand to the last line that is drawn on any canvas, which is so
#: when none has been drawn for a while.
PAINTED = """
if (!window.drawn) {
  window.drawn = { at: 0 };
  const pen = CanvasRenderingContext2D.prototype, stroke = pen.stroke;
  pen.stroke = function (...words) {
    stroke.apply(this, words);
    window.drawn.at = performance.now();
  };
}
const painted = async (began) => {
  const calm = () => window.drawn.at > began && performance.now() - window.drawn.at > 60;
  while (!calm()) await new Promise((r) => setTimeout(r, 5));
  return window.drawn.at - began;
};
"""

OURS = (
    PAINTED
    + """
const [first, moves, done] = arguments;
const slider = document.querySelector('input[type=range][aria-label="Adam: lr"]');
const plane = document.getElementById("optviz").optviz;
(async () => {
  const times = [];
  for (let k = 0; k < moves; k++) {
    const before = plane.runs, began = performance.now();
    slider.value = first + k;
    slider.dispatchEvent(new Event("input"));
    while (plane.runs === before)
      await new Promise((r) => plane.element.addEventListener("painted", r, { once: true }));
    times.push(await painted(began));
  }
  const adam = plane.runs.at(-1).points;
  done([times, Array.from(adam.slice(-2)), plane.runs.at(-1).hyper.lr]);
})();
"""
)

BOKEH = (
    PAINTED
    + """
const [rates, done] = arguments;
const page = Bokeh.documents[0];
const slider = page.get_model_by_name("rate"), source = page.get_model_by_name("Adam");
(async () => {
  const times = [];
  for (const rate of rates) {
    const began = performance.now();
    const came = new Promise((r) => {
      const seen = () => { source.properties.data.change.disconnect(seen); r(); };
      source.properties.data.change.connect(seen);
    });
    slider.value = Math.log10(rate);
    await came;
    times.push(await painted(began));
  }
  const { x, y } = source.data;
  done([times, [x[x.length - 1], y[y.length - 1]], rates.at(-1)]);
})();
"""
)

APP = f"""
import numpy as np
from bokeh.layouts import column, row
from bokeh.models import ColumnDataSource, Slider
from bokeh.plotting import curdoc, figure

import optviz as ov
from optviz.render.contour import ground

f = ov.function({ON!r})
g = ground(f)
plane = figure(width=620, height=560, x_range=f.bounds[0], y_range=f.bounds[1])
plane.contour(g.x, g.y, g.z, levels=list(g.edges), fill_color="Blues9", line_color="#9fb3c8")
curve = figure(width=460, height=560, y_axis_type="log")
names = ("SGD", "Momentum", "AdaGrad", "RMSProp", "Adam")
colors = ("#000000", "#0072B2", "#009E73", "#CC79A7", "#D55E00")
sources = [ColumnDataSource(dict(x=[], y=[], step=[], gap=[]), name=name) for name in names]
for source, color in zip(sources, colors):
    plane.line("x", "y", source=source, color=color, line_width=2)
    curve.line("step", "gap", source=source, color=color, line_width=2)

def show(attribute, old, new):
    runs = ov.race(f, [*{OTHERS!r}, ov.Adam(lr=10**new)], start={START!r}, steps={STEPS})
    for source, t in zip(sources, runs):
        gap = np.maximum(t.values - f.minimum, 1e-16)
        source.data = dict(x=t.points[:, 0].copy(), y=t.points[:, 1].copy(),
                           step=np.arange(len(gap)), gap=gap)

slider = Slider(start=-4, end=2, step=0.001, value=-1.5, title="log lr", name="rate")
slider.on_change("value", show)
show("value", None, slider.value)
curdoc().add_root(row(column(slider), plane, curve))
for source in sources:
    curdoc().add_root(source)
"""


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for word in ("headless=new", "no-sandbox", "window-size=1280,900"):
        options.add_argument(f"--{word}")
    driver = webdriver.Chrome(options=options)
    driver.set_script_timeout(120)
    try:
        yield driver
    finally:
        driver.quit()


def until(driver: Any, condition: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 60).until(lambda d: d.execute_script(f"return {condition}"))


@contextlib.contextmanager
def ours() -> Iterator[Callable[[int], Any]]:
    """Gives a function that makes so many moves: their times, Adam's end, and its rate."""
    words = [*OTHERS, "adam:lr=0.05", "--on", ON, "--steps", str(STEPS), "--start", "1,1.5"]
    server = subprocess.Popen(
        [sys.executable, "-m", "optviz", "explore", "--no-browser", *words],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert server.stdout is not None
    address = server.stdout.readline().strip()
    try:
        with browser() as driver:
            driver.get(address)
            until(driver, "document.getElementById('optviz').optviz?.runs?.length === 5")
            yield lambda moves: driver.execute_async_script(OURS, FIRST, moves)
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def bokeh() -> Iterator[Callable[[int], Any]]:
    """The same of a page made with Bokeh's server."""
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder) / "app.py"
        app.write_text(APP)
        server = subprocess.Popen(
            [sys.executable, "-m", "bokeh", "serve", str(app), "--port", "0"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert server.stderr is not None
        line = next(line for line in server.stderr if "running at" in line)
        try:
            with browser() as driver:
                driver.get(line[line.index("http") :].strip())
                until(driver, "window.Bokeh?.documents[0]?.get_model_by_name('Adam') != null")
                yield lambda moves: driver.execute_async_script(BOKEH, rates(moves))
        finally:
            server.kill()
            server.wait()


def rates(moves: int) -> list[float]:
    """Those of our slider's positions: from 1e-4 to 100, to three digits."""
    places = (FIRST + np.arange(moves)) / 1000
    return [float(f"{rate:.3g}") for rate in 1e-4 * 1e6**places]


def main() -> None:
    with ours() as one, bokeh() as other:
        pages = {"optviz": one, "Bokeh": other}
        times: dict[str, list[float]] = {name: [] for name in pages}
        ends = [move(MOVES)[1:] for move in pages.values()]
        np.testing.assert_allclose(np.hstack(ends[0]), np.hstack(ends[1]), rtol=1e-9)
        for _ in range(ROUNDS):
            for name, move in pages.items():
                times[name] += move(MOVES)[0]
    for name, found in times.items():
        low, high = np.percentile(found, [50, 95])
        print(f"{name}: median {low:.1f} ms, 95 % below {high:.1f} ms, of {len(found)} moves")


if __name__ == "__main__":
    main()
