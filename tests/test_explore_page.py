"""The page of `optviz explore` in a real browser."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

import optviz as ov
from optviz.studies.files import read_study
from tests.test_explore import FIVE, Served

pytest.importorskip("websockets", reason="the extra `explore` is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default")]

PLANE = "document.getElementById('optviz').optviz"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    found = Served("sgd:lr=0.9", "adam:lr=0.3", "--idle", "600")
    yield found
    found.end()


@pytest.fixture
def page(browser: Any, served: Served) -> Iterator[Any]:
    opened(browser, served)
    yield browser
    log = [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    browser.get("about:blank")
    assert log == []


def opened(browser: Any, served: Served, settings: Any = None, size: Any = (1280, 900)) -> None:
    # Of the same address but for what stands behind #, a browser loads nothing anew.
    browser.get("about:blank")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500},
    )
    browser.get(served.address + (f"#plane:{quote(json.dumps(settings))}" if settings else ""))
    until(browser, f"{PLANE}?.runs?.length > 0")


def until(browser: Any, condition: str, wait: float = 60) -> Any:
    end = time.monotonic() + wait
    while time.monotonic() < end:
        if found := browser.execute_script(f"return {condition}"):
            return found
        time.sleep(0.02)
    raise AssertionError(f"never so: {condition}")


def last(browser: Any, k: int = 0) -> np.ndarray:
    """The last point of the k-th path."""
    return np.array(
        browser.execute_script(f"return Array.from({PLANE}.runs[{k}].points.slice(-2))")
    )


def named(browser: Any, name: str) -> Any:
    """The element that a screen reader calls so."""
    found = browser.find_elements("css selector", f'[aria-label="{name}"]')
    assert len(found) == 1, (name, len(found))
    return found[0]


def put(browser: Any, name: str, value: Any) -> None:
    """Give a field or a select a value, as a hand does."""
    browser.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))",
        named(browser, name), value,
    )  # fmt: skip


def answered(browser: Any, act: Callable[[], Any]) -> None:
    """Do something, and wait for the picture that it makes."""
    before = browser.execute_script(f"window.seen = {PLANE}.runs; return 1")
    act()
    until(browser, f"{PLANE}.runs !== window.seen && !{PLANE}.shown.busy")
    assert before == 1


def test_a_slider_changes_the_path_to_what_minimize_gives(page: Any) -> None:
    slider = named(page, "Adam: lr")
    page.execute_script("window.dial = arguments[0]", slider)
    for place in (400, 500, 650):
        move = f"window.dial.value = {place}; window.dial.dispatchEvent(new Event('input'))"
        answered(page, lambda move=move: page.execute_script(move))
        rate = float(named(page, "Adam: lr, as a number").get_attribute("value"))
        assert rate == pytest.approx(1e-4 * 1e6 ** (place / 1000), rel=5e-3)
        t = ov.minimize("bowl", ov.Adam(lr=rate), steps=100)
        np.testing.assert_array_equal(last(page, 1), t.points[-1])
    assert f"adam:lr={rate:g}" in page.execute_script(
        "return decodeURIComponent(location.hash)"
    ) or (until(page, f"decodeURIComponent(location.hash).includes('adam:lr={rate:g}')"))


def test_a_start_follows_the_mouse(page: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    canvas = page.find_element("class name", "ov-map")
    x, y = page.execute_script(
        f"const m = {PLANE}.map; return [m.x.at(3), m.y.at(-2)]")  # fmt: skip
    box = canvas.size
    move = ActionChains(page).move_to_element_with_offset(
        canvas, x - box["width"] / 2, y - box["height"] / 2)  # fmt: skip
    answered(page, lambda: move.click_and_hold().perform())
    ActionChains(page).move_by_offset(20, 10).release().perform()
    until(page, f"!{PLANE}.shown.busy")
    start = page.execute_script(f"return {PLANE}.state.start[0]")
    place = page.execute_script(f"const m = {PLANE}.map; return m.placeAt({x + 20}, {y + 10})")
    np.testing.assert_allclose(start, place, atol=0.15)  # two pixels
    t = ov.minimize("bowl", ov.SGD(lr=0.9), start=start, steps=100)
    np.testing.assert_array_equal(last(page), t.points[-1])
    assert float(named(page, "Start: x").get_attribute("value")) == start[0]


def test_what_is_typed_is_checked_as_on_the_command_line(page: Any) -> None:
    answered(page, lambda: put(page, "Formula in x and y", "(x - 1)**2 + 3*y**2"))
    assert page.execute_script(f"return {PLANE}.map.ground.minimum") == pytest.approx(0, abs=1e-12)
    before = last(page)
    for wrong, why in (("x**2 +", "x"), ("__import__('os')", "__import__"), ("np.sin(q)", "q")):
        put(page, "Formula in x and y", wrong)
        until(page, "!document.querySelector('.ov-plane .ov-error').hidden")
        told = page.find_element("css selector", ".ov-plane .ov-error").text
        assert why in told
        assert "\n" not in told
        np.testing.assert_array_equal(last(page), before)  # what was there stays
    answered(page, lambda: put(page, "Function", "beale"))
    assert not page.find_element("css selector", ".ov-plane .ov-error").is_displayed()
    assert page.find_element("class name", "ov-title").text == "SGD and Adam on Beale"


def test_optimizers_come_and_go(page: Any) -> None:
    answered(page, lambda: put(page, "Add an optimizer", "newton"))
    assert page.execute_script(f"return {PLANE}.runs.map((r) => r.name)") == [
        "SGD",
        "Adam",
        "Newton",
    ]
    answered(page, lambda: named(page, "Remove SGD").click())
    assert page.execute_script(f"return {PLANE}.runs.map((r) => r.name)") == ["Adam", "Newton"]
    answered(page, lambda: put(page, "Adam as text", "sgd:lr=0.1,0.5"))
    names = page.execute_script(f"return {PLANE}.runs.map((r) => r.name)")
    assert names == ["SGD 0.1", "SGD 0.5", "Newton"]
    assert len(page.find_elements("class name", "ov-card")) == 3


def test_a_rate_that_is_left_open_is_tuned(page: Any) -> None:
    box = page.find_elements("css selector", ".ov-card .ov-check input")[1]
    answered(page, box.click)
    (t,) = ov.race("bowl", "adam")
    shown = float(named(page, "Adam: lr, as a number").get_attribute("value"))
    assert t.optimizer is not None
    assert shown == t.optimizer.hyper["lr"]
    assert "best of 61" in page.find_elements("class name", "ov-card")[1].text


def test_keys_step_and_play(page: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    def press(*keys: str) -> int:
        ActionChains(page).send_keys(*keys).perform()
        time.sleep(0.1)
        return int(named(page, "Step").get_attribute("value"))

    assert press(Keys.HOME) == 0
    assert press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT) == 1
    assert press(Keys.END) == 100
    press(Keys.HOME)
    press(" ")
    until(page, f"{PLANE}.at.step > 5")
    press(" ")
    assert page.execute_script(f"return {PLANE}.at.isPlaying") is False


def test_a_step_is_told(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    scrub = named(page, "Step")
    scrub.send_keys(Keys.HOME)
    scrub.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    panel = page.find_element("class name", "ov-step")
    until(page, "document.querySelector('.ov-step h3')?.textContent.includes('step 3')")
    e = ov.explain("bowl", ov.SGD(lr=0.9), steps=3)
    assert e.sentences[2] in panel.text
    row = next(line for line in panel.text.splitlines() if line.startswith("gradient"))
    told = [float(v.replace("−", "-")) for v in row.split()[1:]]
    np.testing.assert_allclose(told, e.gradients[2], rtol=5e-3)


def test_basins_and_rates_are_painted_when_they_are_ready(page: Any) -> None:
    answered(page, lambda: put(page, "Function", "himmelblau"))
    put(page, "Ground", "basins")
    until(page, f"{PLANE}.map.basins !== null")
    assert "Starts that reach a global minimum" in page.find_element("class name", "ov-stage").text
    put(page, "Beside the map", "scan")
    until(page, f"{PLANE}.curve.scan !== null")
    best = page.execute_script(f"return {PLANE}.curve.scan.runs.map((r) => r.best)")
    s = ov.sensitivity("himmelblau", ["sgd:lr=0.9", "adam:lr=0.3"], steps=100)
    assert best == [s.rates[s.best(k)] for k in (0, 1)]
    put(page, "Ground", "contour")
    put(page, "Beside the map", "gap")
    until(page, f"{PLANE}.map.basins === null && {PLANE}.curve.scan === null")


def test_a_link_restores_what_was_there(browser: Any, served: Served) -> None:
    opened(browser, served, FIVE)
    runs = ov.race("beale", FIVE["optimizers"], start=(1, 1.5), steps=300)
    for k, t in enumerate(runs):
        np.testing.assert_array_equal(last(browser, k), t.points[-1])
    answered(browser, lambda: put(browser, "Steps, as a number", 77))
    until(browser, "decodeURIComponent(location.hash).includes('\"steps\":77')")
    address = browser.current_url
    browser.get("about:blank")
    browser.get(address)
    until(browser, f"{PLANE}?.runs?.length === 5")
    assert browser.execute_script(f"return {PLANE}.at.last") == 77


def link_of(browser: Any) -> str:
    """What the dialog gives as a link."""
    browser.find_element("xpath", "//button[text()='Share and save']").click()
    until(browser, "(v => v && v !== '…')(document.querySelector("
                   "'textarea[aria-label=\"Command line\"]').value)")  # fmt: skip
    found = browser.execute_script(
        "return document.querySelector('textarea[aria-label^=Link]').value"
    )
    browser.find_element("xpath", "//button[text()='Close']").click()
    return str(found)


def test_a_link_is_of_what_is_seen_with_its_ground_and_colours(page: Any, served: Served) -> None:
    put(page, "Ground", "basins")
    put(page, "Beside the map", "scan")
    page.find_element("xpath", "//button[text()='Dark']").click()
    page.find_element("xpath", "//button[text()='A network']").click()
    until(page, f"{PLANE}.sides?.[0]?.arrays !== undefined")
    assert "#network:" in link_of(page)
    page.find_element("xpath", "//button[text()='Functions']").click()
    link = link_of(page)
    assert "#plane:" in link
    page.get("about:blank")
    page.get(link)
    until(page, f"{PLANE}?.map?.basins && {PLANE}.curve.scan")
    assert page.execute_script(
        "return document.getElementById('optviz').classList.contains('ov-dark')"
    )
    # A link that is pasted into an open page is followed too.
    page.execute_script(
        "location.hash = arguments[0]", "#plane:" + quote(json.dumps({"on": "beale"}))
    )
    until(page, f"{PLANE}.state.on === 'beale' && {PLANE}.ground === 'contour'")
    until(page, f"{PLANE}.runs?.length === 0 && {PLANE}.title.textContent.includes('Beale')")


@pytest.mark.parametrize(
    ("hash_", "says"),
    [
        ("#plane:" + json.dumps({"start": 5}), "cannot be read"),
        ("#plane:" + json.dumps({"optimizers": [None]}), "cannot be read"),
        ("#network:" + json.dumps({"hidden": 5}), "cannot be read"),
        ("#network:" + json.dumps({"data": 7}), "cannot be read"),
        ("#plane:" + json.dumps({"foo": 1}), "foo"),
        ("#plane:" + json.dumps({"steps": 1e9}), "steps"),
        ("#network:" + json.dumps({"hidden": "abc"}), "hidden"),
        ("#losses:" + json.dumps({"data": "nope"}), "digits"),
    ],
)
def test_a_link_of_nonsense_leaves_a_way_out(
    browser: Any, served: Served, hash_: str, says: str
) -> None:
    browser.get("about:blank")
    browser.get(served.address + quote(hash_, safe="#:"))
    said = until(browser, "[...document.querySelectorAll('[role=alert]')].filter("
                          "(e) => !e.hidden).map((e) => e.textContent).join()")  # fmt: skip
    assert says in said
    if says != "cannot be read":
        buttons = browser.find_elements("xpath", "//button[text()='Begin anew']")
        next(button for button in buttons if button.is_displayed()).click()
    until(browser, f"{PLANE}.runs?.length > 0 || {PLANE}.sides?.[0]?.arrays || {PLANE}.head")


def test_what_was_refused_stands_there_until_it_is_another(page: Any) -> None:
    put(page, "Steps, as a number", "1e9")
    until(page, f"!{PLANE}.error.element.hidden")
    put(page, "Steps, as a number", "abc")
    assert named(page, "Steps, as a number").get_property("value") == "1000000000"
    assert "1000000000" not in page.current_url
    put(page, "Start: x", "1e300")
    put(page, "Start: x", "-inf")
    assert named(page, "Start: x").get_property("value") == "1e+300"
    page.find_element("xpath", "//button[text()='reset']").click()
    put(page, "Steps, as a number", "50")
    until(page, f"{PLANE}.error.element.hidden && {PLANE}.at.last === 50")


def test_arrows_step_after_a_button_was_pressed(page: Any) -> None:
    named(page, "One step back").click()
    before = page.execute_script(f"return {PLANE}.at.step")
    named(page, "One step back").send_keys("\ue012")  # the left arrow
    until(page, f"{PLANE}.at.step === {before - 1}")


def test_colours_follow_the_browsers_preference(browser: Any, served: Served) -> None:
    feature = {"name": "prefers-color-scheme", "value": "dark"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    try:
        opened(browser, served)
        assert browser.execute_script(
            "return document.getElementById('optviz').classList.contains('ov-dark')"
        )
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_what_is_there_is_saved_and_replays(page: Any, tmp_path: Path) -> None:
    page.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    page.find_element("xpath", "//button[text()='Share and save']").click()
    command = until(page, "(v => v !== '…' && v)(document.querySelector("
                          "'textarea[aria-label=\"Command line\"]').value)")  # fmt: skip
    assert command == "optviz plot sgd:lr=0.9 adam:lr=0.3"
    page.find_element("xpath", "//button[text()='PNG']").click()
    file = tmp_path / "plot.png"
    end = time.monotonic() + 60
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert read_study(file).command() == command
    page.find_element("xpath", "//button[text()='Close']").click()


def test_the_server_ends_and_the_page_says_so(browser: Any) -> None:
    own = Served("adam:lr=0.3")
    opened(browser, own)
    own.end()
    until(browser, "[...document.querySelectorAll('[role=alert]')].some("
                   "(e) => e.textContent.includes('has ended'))")  # fmt: skip
    # Whoever asks now is answered at once.
    browser.find_element("xpath", "//button[text()='Share and save']").click()
    until(
        browser, "document.querySelector('dialog [role=status]').textContent.includes('has ended')"
    )
    assert not browser.execute_script("return document.querySelector('textarea').value")


SIZES = [(360, 740), (820, 1100), (1280, 900), (2560, 1300)]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=[f"{w}" for w, _ in SIZES])
def test_nobody_is_kept_out_and_nothing_is_cut_off(
    browser: Any, served: Served, size: tuple[int, int], theme: str
) -> None:
    from axe_playwright_python.base import AXE_FILE_PATH

    opened(browser, served, FIVE, size)
    if theme == "dark":
        answered(browser, lambda: browser.find_element("xpath", "//button[text()='Dark']").click())
    for details in browser.find_elements("css selector", ".ov-card details"):
        browser.execute_script("arguments[0].open = true", details)
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= size[0]
    browser.execute_script(Path(AXE_FILE_PATH).read_text())
    found = browser.execute_async_script(
        "axe.run().then((r) => arguments[0](r.violations.map((v) => [v.impact, v.id,"
        " v.nodes.map((n) => n.html.slice(0, 90))])))"
    )
    assert [v for v in found if v[0] in ("serious", "critical")] == []
    # Under 24 pixels nothing is to be hit; on a phone 44.
    least = 44 if size[0] < 820 else 24
    small = browser.execute_script(
        "return [...document.querySelectorAll('.ov button, .ov select, .ov input[type=text]')]"
        ".filter((e) => e.offsetParent && e.getBoundingClientRect().height < arguments[0])"
        ".map((e) => e.outerHTML.slice(0, 90))", least,
    )  # fmt: skip
    assert small == []


def test_a_network_trains_and_another_beside_it(browser: Any, served: Served) -> None:
    browser.get("about:blank")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 1400, "height": 1000, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get(served.address)
    until(browser, f"{PLANE}?.runs?.length > 0")
    browser.find_element("xpath", "//button[text()='A network']").click()
    until(browser, f"{PLANE}?.sides?.[0]?.arrays != null")
    assert browser.execute_script(f"return {PLANE}.sides[0].epochs") == 0
    browser.find_element("xpath", "//button[text()='One epoch']").click()
    until(browser, f"{PLANE}.sides[0].epochs === 1")
    browser.find_element("xpath", "//button[text()='Train']").click()
    until(browser, f"{PLANE}.sides[0].epochs > 50")
    browser.find_element("xpath", "//button[text()='Pause']").click()
    told = browser.find_element("css selector", ".ov-answers .ov-finding").text
    assert "right for" in told
    # The same seed again is the same network again.
    browser.find_element("xpath", "//button[text()='Begin anew, same seed']").click()
    until(browser, f"{PLANE}.sides[0].epochs === 0")
    browser.find_element("xpath", "//button[text()='One epoch']").click()
    until(browser, f"{PLANE}.sides[0].epochs === 1")
    weights = f"Array.from({PLANE}.sides[0].arrays.weights0)"
    first = browser.execute_script(f"return {weights}")
    study = ov.study("hidden-units", data="circles:n=400,noise=0.1", epochs=1)
    np.testing.assert_array_equal(first, study.run().weights[0][-1].astype(np.float32).ravel())
    # Two settings side by side.
    browser.find_element("xpath", "//button[text()='Keep beside, and change the other']").click()
    until(browser, f"{PLANE}.sides[1]?.arrays != null && {PLANE}.edited === 1")
    put(browser, "Activation", "relu")
    until(
        browser, f"{PLANE}.sides[1].settings.activation === 'relu' && {PLANE}.sides[1].epochs === 0"
    )
    browser.find_element("xpath", "//button[text()='Train']").click()
    until(browser, f"{PLANE}.sides.every((s) => s.epochs > 20)")
    browser.find_element("xpath", "//button[text()='Pause']").click()
    assert browser.execute_script(f"return {PLANE}.sides[0].settings.activation") == "tanh"
    put(browser, "Epochs of each", "3")
    browser.find_element("xpath", "//button[text()='Try all']").click()
    until(browser, f"{PLANE}.sweptResult?.accuracy.length === 21")
    hash_ = until(browser, "location.hash.startsWith('#network:') && location.hash")
    address = served.address + hash_
    browser.get("about:blank")
    browser.get(address)
    until(browser, f"{PLANE}?.settings?.activation === 'relu'")
    assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []


@pytest.mark.parametrize("size", SIZES, ids=[f"{w}" for w, _ in SIZES])
def test_the_network_keeps_nobody_out(browser: Any, served: Served, size: tuple[int, int]) -> None:
    from axe_playwright_python.base import AXE_FILE_PATH

    browser.get("about:blank")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500},
    )
    browser.get(served.address + "#network:%7B%7D")
    until(browser, f"{PLANE}?.sides?.[0]?.arrays != null")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    browser.execute_script(Path(AXE_FILE_PATH).read_text())
    found = browser.execute_async_script(
        "axe.run().then((r) => arguments[0](r.violations.map((v) => [v.impact, v.id,"
        " v.nodes.map((n) => n.html.slice(0, 90))])))"
    )
    assert [v for v in found if v[0] in ("serious", "critical")] == []


def test_dark_keeps_a_network_and_what_is_refused_does_not_train(
    browser: Any, served: Served
) -> None:
    browser.get("about:blank")
    browser.get(served.address + "#network:%7B%7D")
    until(browser, f"{PLANE}?.sides?.[0]?.arrays != null")
    for _ in range(3):
        before = browser.execute_script(f"return {PLANE}.sides[0].epochs")
        browser.find_element("xpath", "//button[text()='One epoch']").click()
        until(browser, f"{PLANE}.sides[0].epochs === {before + 1}")
    weights = f"Array.from({PLANE}.sides[0].arrays.weights0)"
    first = browser.execute_script(f"return {weights}")
    browser.find_element("xpath", "//button[text()='Dark']").click()
    until(browser, f"{PLANE}.look.dark && {PLANE}.sides[0].epochs === 3")
    assert browser.execute_script(f"return {weights}") == first
    assert browser.execute_script(f"return {PLANE}.sides[0].curves.length") == 15
    put(browser, "Adam as text", "scipy:BFGS")
    until(browser, f"{PLANE}.run.disabled")
    put(browser, "scipy:BFGS as text", "adam:lr=cosine(0.1,50)")
    until(browser, f"!{PLANE}.run.disabled")
    assert named(browser, "Adam: lr, as a number").get_attribute("value") == "cosine(0.1,50)"
    browser.find_element("xpath", "//button[text()='Keep beside, and change the other']").click()
    until(browser, f"{PLANE}.edited === 1 && {PLANE}.sides[1] != null")
    browser.find_element("xpath", "//button[text()='One epoch']").click()
    until(browser, f"{PLANE}.sides[1].epochs === 1")
    browser.find_element("xpath", "//button[text()='Only one again']").click()
    until(browser, f"{PLANE}.sides[0] === null && {PLANE}.sides[1].epochs === 1")
