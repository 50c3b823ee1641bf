"""Surfaces of `optviz explore`: a function's, and that of a network's loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import optviz as ov
from tests.test_explore import Page

LOSSES: dict[str, Any] = {
    "data": "moons:n=200", "layers": "2,6,2", "epochs": 3, "grid": "9x7",
    "optimizers": ["sgd:lr=0.5", "adam:lr=0.05"],
}  # fmt: skip


@pytest.mark.parametrize("on", ["bowl", "beale", "himmelblau", "x*y", "log(x**2 + 0.1) + y**2"])
def test_paths_lie_on_the_surface_of_the_picture(on: str) -> None:
    settings = {"optimizers": ["sgd:lr=0.001", "adam:lr=0.1"], "on": on, "steps": 25}
    head, arrays = Page().ask("surface", settings=settings)
    f = ov.function(on)
    heights = arrays["heights"]
    (x0, x1), (y0, y1) = head["bounds"]
    x, y = np.linspace(x0, x1, heights.shape[1]), np.linspace(y0, y1, heights.shape[0])
    z = f(x[None], y[:, None])
    is_log = head["axes"][2].startswith("log")
    lowest = min(f.minimum, z.min()) if f.minimum is not None else z.min()
    np.testing.assert_allclose(heights, np.log10(1 + z - lowest) if is_log else z, atol=1e-9)
    # Heights are logarithmic where walls would hide all else.
    assert is_log == (np.ptp(z) > 12 * np.median(z - lowest))
    for k, name in enumerate(settings["optimizers"]):
        t = ov.minimize(f, name, steps=25)
        points = arrays[f"path{k}"]
        stayed = t.left_at() or len(t.points)  # one that leaves ends at the edge
        np.testing.assert_array_equal(points[:stayed, :2], t.points[:stayed])
        on_it = f(*points[:, :2].T)
        own = np.log10(1 + np.maximum(on_it - lowest, 0)) if is_log else on_it
        np.testing.assert_allclose(points[:, 2], own, atol=1e-9)
    assert len(arrays["minima"]) == len(f.minima)


def test_the_losses_are_the_studys() -> None:
    head, arrays = Page().ask("landscape", settings=LOSSES)
    study = ov.study("landscape", **LOSSES)
    found = study.run()
    np.testing.assert_allclose(arrays["heights"], np.log10(found.loss), atol=1e-12)
    assert head["finding"] == study.finding(found)
    assert head["command"] == study.command()
    for k, run in enumerate(head["runs"]):
        np.testing.assert_allclose(arrays[f"path{k}"][:, :2], found.paths[k])
        np.testing.assert_allclose(arrays[f"path{k}"][:, 2], np.log10(found.plane_losses[k]))
        assert run["residual"] == found.residuals[k][-1]
        assert run["steps"] == found.steps[k].tolist()


@pytest.mark.parametrize(
    ("change", "why"),
    [({"epochs": 61}, "up to 60 epochs"), ({"grid": "99x9"}, "81 points a side"),
     ({"optimizers": ["sgd:lr=0.1"] * 7}, "up to 6 paths, not 7"),
     ({"data": "x.csv"}, "neither built in"), ({"optimizers": []}, "at least one optimizer")],
)  # fmt: skip
def test_what_takes_too_long_is_left_to_the_command(change: dict[str, Any], why: str) -> None:
    head, _ = Page().ask("landscape", settings={**LOSSES, **change})
    assert why in head["error"]


def test_its_code_and_files() -> None:
    settings = {**LOSSES, "view": "surface"}
    head, _ = Page().ask("code", view="losses", settings=settings)
    assert head["command"] == (
        "optviz landscape --data moons:n=200 --layers 2,6,2 --epochs 3 --optimizer sgd:lr=0.5 "
        "--optimizer adam:lr=0.05 --surface --grid 9x7"
    )
    told, arrays = Page().ask("file", view="losses", settings=settings, file="png")
    assert (told["name"], arrays["data"][:4].tobytes()) == ("landscape.png", b"\x89PNG")


@pytest.mark.browser
@pytest.mark.filterwarnings("default")
def test_surfaces_turn_and_come_nearer(browser: Any) -> None:
    from tests.test_explore import Served
    from tests.test_explore_page import PLANE, opened, put, until

    served = Served("sgd:lr=0.9", "adam:lr=0.3", "--idle", "600")
    try:
        opened(browser, served)
        put(browser, "Ground", "surface")
        until(browser, f"{PLANE}.terrain.data != null")

        def picture() -> Any:
            return browser.execute_script(
                "const c = document.querySelector('.ov-terrain');"
                "return c.toDataURL().length + ':' + c.toDataURL().slice(-4000)"
            )

        time_of = f"{PLANE}.isDue !== true"
        until(browser, time_of)
        first = picture()
        for name in ("Turn left", "Higher", "Nearer"):
            before = picture()
            browser.find_element("css selector", f"[aria-label='{name}']").click()
            until(browser, time_of)
            assert picture() != before
        browser.find_element("xpath", "//button[text()='As in pictures']").click()
        until(browser, time_of)
        assert picture() == first
        browser.find_element("xpath", "//button[text()='Its losses']").click()
        until(browser, f"{PLANE}.terrain?.data?.runs?.length === 3")
        assert "The plane shows" in browser.find_element("css selector", ".ov-finding").text
        assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []
    finally:
        browser.get("about:blank")
        served.end()


@pytest.mark.browser
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("width", [360, 1280])
def test_the_losses_keep_nobody_out(browser: Any, width: int) -> None:
    from pathlib import Path

    from axe_playwright_python.base import AXE_FILE_PATH

    from tests.test_explore import Served
    from tests.test_explore_page import PLANE, until

    served = Served("sgd:lr=0.9", "--idle", "600")
    try:
        browser.get("about:blank")
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        browser.get(served.address + "#losses:%7B%22epochs%22%3A2%7D")
        until(browser, f"{PLANE}?.terrain?.data?.runs?.length === 3")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        browser.execute_script(Path(AXE_FILE_PATH).read_text())
        found = browser.execute_async_script(
            "axe.run().then((r) => arguments[0](r.violations.map((v) => [v.impact, v.id,"
            " v.nodes.map((n) => n.html.slice(0, 120))])))"
        )
        assert [v for v in found if v[0] in ("serious", "critical")] == []
    finally:
        browser.get("about:blank")
        served.end()
