"""The page: what it holds, and how it behaves in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optviz as ov
from optviz.cli.gallery import entries_of
from optviz.studies.files import read_study


def make(folder: Path) -> Path:
    runs = ov.race(
        "beale", ["sgd:lr=0.01", "momentum:lr=0.002", "adagrad:lr=0.8", "rmsprop:lr=0.05",
                  "adam:lr=0.1"], steps=300,
    )  # fmt: skip
    return ov.animate(runs).save(folder / "race.html")


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("page"))


def data_of(page: Path) -> dict[str, Any]:
    text = page.read_text()
    found = re.search(r'id="optviz-data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_five_runs_of_300_steps_stay_below_a_megabyte(page: Path) -> None:
    assert page.stat().st_size < 1_000_000


def test_it_is_one_file_without_links(page: Path) -> None:
    text = page.read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    assert "http" not in re.sub(r"base64,[^\"]*", "", text)
    assert "$" + "{" not in text.split("<script>")[0]


def test_coordinates_are_those_of_the_picture(page: Path) -> None:
    data = data_of(page)
    assert [run["name"] for run in data["runs"]] == [
        "SGD", "Momentum", "AdaGrad", "RMSProp", "Adam",
    ]  # fmt: skip
    path = np.array(data["runs"][0]["path"])
    assert path.shape == (301, 2)
    t = ov.minimize("beale", ov.SGD(lr=0.01), steps=300)
    # An affine map with equal scales, y downwards.
    scale = (path[-1] - path[0]) / (t.points[-1] - t.points[0])
    assert scale[0] == pytest.approx(-scale[1], rel=0.01)
    expected = path[0] + (t.points - t.points[0]) * scale
    np.testing.assert_allclose(path, expected, atol=0.3)
    assert path[:, 0].max() < data["width"]


def test_it_carries_its_specification_and_comes_back(page: Path, tmp_path: Path) -> None:
    assert read_study(page).name == "animate"
    assert ov.replay(page, tmp_path / "b.html").read_bytes() == page.read_bytes()


def test_a_hostile_formula_stays_text(tmp_path: Path) -> None:
    class Evil(ov.Optimizer):
        defaults = {"lr": 0.1}

        @staticmethod
        def rule(x, g, lr):
            return x - lr * g

    Evil.__name__ = "</script><script>alert(1)</script>"
    page = ov.animate(ov.minimize("bowl", Evil(), steps=3)).save(tmp_path / "a.html")
    assert "<script>alert" not in page.read_text()


# -- in a browser ---------------------------------------------------------------------------


def ink(browser: Any) -> int:
    """How many pixels of the canvas are painted."""
    return browser.execute_script(
        "const c = document.getElementById('canvas');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "let n = 0; for (let k = 3; k < d.length; k += 4) n += d[k] > 0; return n;"
    )


def step(browser: Any) -> int:
    return int(browser.execute_script("return document.getElementById('scrub').value"))


@pytest.mark.browser
@pytest.mark.filterwarnings("default")
class TestPage:
    @pytest.fixture(autouse=True)
    def _open(self, browser: Any, page: Path) -> None:
        browser.set_window_size(1000, 900)
        browser.get(page.as_uri())

    def keys(self, browser: Any, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(browser).send_keys(*keys).perform()

    def test_it_plays_by_itself_without_an_error(self, browser: Any) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(browser, 10).until(lambda b: step(b) > 3)
        assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []

    def test_keys(self, browser: Any) -> None:
        from selenium.webdriver.common.keys import Keys

        self.keys(browser, Keys.HOME)
        assert step(browser) == 0
        few = ink(browser)
        self.keys(browser, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
        assert step(browser) == 2
        self.keys(browser, Keys.END)
        assert step(browser) == 300
        assert ink(browser) > 3 * few
        assert "300 / 300" in browser.page_source or browser.execute_script(
            "return document.getElementById('count').textContent") == "300 / 300"  # fmt: skip

    def test_space_plays_and_pauses(self, browser: Any) -> None:
        from selenium.webdriver.common.keys import Keys
        from selenium.webdriver.support.ui import WebDriverWait

        self.keys(browser, Keys.HOME)
        self.keys(browser, " ")
        WebDriverWait(browser, 10).until(lambda b: step(b) > 2)
        self.keys(browser, " ")
        held = step(browser)
        browser.execute_async_script("setTimeout(arguments[0], 300)")
        assert step(browser) == held

    def test_buttons_slider_and_speed(self, browser: Any) -> None:
        browser.find_element("id", "play").click()
        label = browser.find_element("id", "play").text
        assert label in ("Play", "Pause")
        browser.execute_script(
            "const s = document.getElementById('scrub'); s.value = 120;"
            "s.dispatchEvent(new Event('input'));"
        )
        assert step(browser) == 120
        browser.find_element("id", "forward").click()
        assert step(browser) == 121
        browser.find_element("id", "back").click()
        assert step(browser) == 120
        sizes = [browser.find_element("id", name).size for name in ("play", "back", "forward")]
        assert all(size["height"] >= 44 and size["width"] >= 44 for size in sizes)

    def test_pointing_shows_values(self, browser: Any, page: Path) -> None:
        from selenium.webdriver.common.keys import Keys

        self.keys(browser, Keys.END)
        data = data_of(page)
        x, y = data["runs"][4]["curve"][200]
        browser.execute_script(
            "const box = document.getElementById('canvas').getBoundingClientRect();"
            f"const s = box.width / {data['width']};"
            "document.getElementById('stage').dispatchEvent(new PointerEvent('pointermove',"
            f"{{clientX: box.left + {x} * s, clientY: box.top + {y} * s, bubbles: true}}));"
        )
        tip = browser.find_element("id", "tip")
        assert tip.is_displayed()
        assert "step" in tip.text
        assert "f =" in tip.text

    def test_a_phone(self, browser: Any, tmp_path: Path) -> None:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True},
        )
        browser.refresh()
        widths = browser.execute_script(
            "return [document.documentElement.scrollWidth, window.innerWidth]"
        )
        assert widths[0] <= widths[1]
        assert ink(browser) > 0
        browser.save_screenshot(str(tmp_path / "phone.png"))
        assert (tmp_path / "phone.png").stat().st_size > 5000
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.browser
@pytest.mark.filterwarnings("default")
def test_the_gallerys_page_shows_every_picture(browser: Any) -> None:
    index = Path(__file__).parent.parent / "gallery" / "index.html"
    browser.get(index.as_uri())
    broken = browser.execute_async_script(
        "const done = arguments[0], all = [...document.images];"
        "all.forEach((i) => { i.loading = 'eager'; });"
        "Promise.all(all.map((i) => i.decode().then(() => null, () => i.src)))"
        ".then((r) => done([all.length, r.filter(Boolean)]));"
    )
    assert broken == [len(entries_of(index.parent, index.parent)), []]
