"""The page as a cell: the same session, over a widget's messages."""

from __future__ import annotations

import base64
import http.server
import json
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import optviz as ov
from optviz.explorer import notebook, wire
from optviz.studies.plot import PlotStudy

pytest.importorskip("anywidget", reason="the extra `notebook` is not installed")


def made(**settings: Any) -> tuple[Any, list[bytes]]:
    """A widget, and what it sends."""
    sent: list[bytes] = []
    widget = notebook.widget(PlotStudy.checked(**settings))
    object.__setattr__(widget, "send", lambda content, buffers=None: sent.extend(buffers or ()))
    return widget, sent


def ask(widget: Any, sent: list[bytes], **request: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    before = len(sent)
    widget._handle_custom_msg({"text": json.dumps({"id": 1, **request})}, [])
    end = time.monotonic() + 60
    while len(sent) == before and time.monotonic() < end:
        time.sleep(0.01)
    return wire.unpacked(sent[-1])


@pytest.mark.filterwarnings("default")
def test_a_cell_is_answered_as_a_page_is() -> None:
    widget, sent = made(optimizers=["sgd:lr=0.9"], on="beale", steps=20)
    head, _ = ask(widget, sent, ask="offer")
    assert head["initial"]["on"] == "beale"
    settings = {"optimizers": ["adam:lr=0.1"], "steps": 30}
    _, arrays = ask(widget, sent, ask="show", settings=settings)
    t = ov.minimize("bowl", ov.Adam(lr=0.1), steps=30)
    np.testing.assert_array_equal(arrays["path0"], t.points)
    assert "shov" in ask(widget, sent, ask="shov")[0]["error"]
    widget._handle_custom_msg({"else": 1}, [])  # nothing is asked, nothing breaks
    widget._handle_custom_msg("text", [])


def test_outside_of_a_notebook_it_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("optviz.explorer.opening.serve", asked.append)
    assert ov.explore("adam:lr=0.1", on="beale", start=(1, 1.5)) is None
    assert asked[0].command() == "optviz plot adam:lr=0.1 --on beale --start 1,1.5"
    ov.explore()
    assert [entry.text for entry in asked[1].optimizers] == [
        "sgd:lr=0.9", "momentum:lr=0.1", "adam:lr=0.3",
    ]  # fmt: skip
    for wrong, why in (({"on": "beal"}, "did you mean 'beale'"), ({"steps": 10**6}, "up to 20,000"),
                       ({"stepz": 3}, "did you mean 'steps'")):  # fmt: skip
        with pytest.raises(ValueError, match=why):
            ov.explore("adam:lr=0.1", **wrong)


def test_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ValueError, match=r"pip install 'optviz\[notebook\]'"):
        notebook.widget(PlotStudy.checked(optimizers=["adam:lr=0.1"]))


#: A front end's model, over requests to this process.
PAGE = """<!doctype html><style>%s</style><div id="cell" style="width: 900px"></div>
<script type="module">
import view from "./view.js";
const handlers = [];
const model = {
  on: (name, handler) => handlers.push(handler),
  off: () => {},
  send: async (content) => {
    const answer = await fetch("./ask", { method: "POST", body: JSON.stringify(content) });
    for (const text of await answer.json()) {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      handlers.forEach((handler) => handler({}, [new DataView(bytes.buffer)]));
    }
  },
};
view.render({ model, el: document.getElementById("cell") });
</script>"""


@pytest.fixture
def front_end() -> Iterator[str]:
    widget, sent = made(optimizers=["sgd:lr=0.9", "adam:lr=0.3"])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_script = self.path.endswith(".js")
            text = widget._esm if is_script else PAGE % widget._css
            self.answer(text.encode(), "text/javascript" if is_script else "text/html")

        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            before = len(sent)
            widget._handle_custom_msg(content, [])
            while len(sent) == before:
                time.sleep(0.005)
            told = [base64.b64encode(data).decode() for data in sent[before:]]
            self.answer(json.dumps(told).encode(), "application/json")

        def answer(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
@pytest.mark.filterwarnings("default")
def test_the_cell_in_a_browser(browser: Any, front_end: str) -> None:
    from tests.test_explore_page import answered, last, put, until

    plane = "document.querySelector('#cell .ov')?.optviz"
    browser.get(front_end)
    until(browser, f"{plane}?.runs?.length === 2")
    # The helpers look where a page has it.
    browser.execute_script("document.querySelector('#cell .ov').id = 'optviz'")
    answered(browser, lambda: put(browser, "Adam: lr, as a number", "0.1"))
    t = ov.minimize("bowl", ov.Adam(lr=0.1), steps=100)
    np.testing.assert_array_equal(last(browser, 1), t.points[-1])
    assert browser.execute_script("return location.hash") == ""
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1400
    browser.find_element("xpath", "//button[text()='Share and save']").click()
    assert not browser.find_elements("css selector", "textarea[aria-label^='Link']")
    # Of the width of the cell, not of the window: one column of pictures.
    columns = browser.execute_script(
        "return getComputedStyle(document.querySelector('.ov-pair')).gridTemplateColumns"
    )
    assert len(columns.split()) == 1
    log = [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    assert [e for e in log if "favicon" not in e["message"]] == []
