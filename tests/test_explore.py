"""The page of `optviz explore`: what it is answered, who may ask, how it behaves in Chromium."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optviz as ov
from optviz.explorer import wire
from optviz.explorer.document import MODULES, document, script
from optviz.explorer.offered import offered, slider
from optviz.explorer.session import BESIDE, HANDLERS, Session
from optviz.functions import functions
from optviz.optimizers import optimizers
from optviz.render import curves
from optviz.studies.files import read_study, replay

pytest.importorskip("websockets", reason="the extra `explore` is not installed")

FIVE = {
    "optimizers": ["sgd:lr=0.004", "momentum:lr=0.002", "adagrad:lr=1", "rmsprop:lr=0.01", "adam"],
    "on": "beale", "start": "1,1.5", "steps": 300,
}  # fmt: skip


class Page:
    """A page without a browser: it asks a session of its own."""

    def __init__(self, **initial: Any) -> None:
        self.answers: list[bytes] = []
        self.session = Session(self.answers.append, initial)
        self.count = 0

    def ask(
        self, what: Any, wait: float = 60, **body: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        self.count += 1
        self.session.receive(json.dumps({"id": self.count, "ask": what, **body}))
        return self.answer(self.count, wait)

    def answer(self, number: int, wait: float = 60) -> tuple[dict[str, Any], dict[str, Any]]:
        end = time.monotonic() + wait
        while time.monotonic() < end:
            for data in self.answers:
                if wire.head(data)["id"] == number:
                    return wire.unpacked(data)
            time.sleep(0.01)
        raise AssertionError(f"no answer to {number}")


# -- what goes over the wire ----------------------------------------------------------------


@given(
    st.dictionaries(st.text(max_size=8), st.floats() | st.text() | st.booleans() | st.none()),
    st.lists(
        st.tuples(st.sampled_from(wire.TYPES), st.lists(st.integers(0, 4), min_size=1, max_size=3)),
        max_size=4,
    ),
)
def test_what_is_packed_comes_out(told: dict[str, Any], kinds: list[Any]) -> None:
    told.pop("arrays", None)
    rng = np.random.default_rng(0)
    arrays = {f"a{k}": (100 * rng.normal(size=shape)).astype(kind)
              for k, (kind, shape) in enumerate(kinds)}  # fmt: skip
    head, found = wire.unpacked(wire.packed(told, arrays))
    plain = {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in told.items()}
    assert head == plain
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_arrays_lie_where_a_page_can_view_them() -> None:
    data = wire.packed({"é": "≤"}, {"a": np.zeros(3, np.uint8), "b": np.arange(2.0)})
    start = 4 + int.from_bytes(data[:4], "little")
    assert start % 8 == 0
    assert all(place[2] % 8 == 0 for place in wire.head(data)["arrays"].values())
    with pytest.raises(ValueError, match="float16"):
        wire.packed({}, {"a": np.zeros(1, np.float16)})


# -- what a page is answered ----------------------------------------------------------------


def test_the_paths_are_those_of_a_race_to_the_bit() -> None:
    head, arrays = Page().ask("show", settings=FIVE)
    runs = ov.race("beale", FIVE["optimizers"], start=(1, 1.5), steps=300)
    assert len(head["runs"]) == len(runs) == 5
    for k, (told, t) in enumerate(zip(head["runs"], runs, strict=True)):
        np.testing.assert_array_equal(arrays[f"path{k}"], t.points)
        np.testing.assert_array_equal(
            arrays[f"curve{k}.0"][0], curves.series("gap", t.function, t)[0]
        )
        assert t.optimizer is not None
        assert told["hyper"] == t.optimizer.hyper
        assert (told["left"], told["recorded"], told["remark"]) == (None, len(t.points), t.remark)
    assert head["runs"][4]["remark"] == "best of 61"
    assert head["finding"].startswith("Adam is lowest after 300 steps")
    # The settings that come back make the same picture again.
    assert Page().ask("show", settings=head["settings"])[0]["finding"] == head["finding"]


def test_the_ground_is_sent_once_and_covers_the_map() -> None:
    page = Page()
    head, arrays = page.ask("show", settings=FIVE)
    told = head["ground"]
    assert told["bounds"] == [[-4.5, 4.5], [-4.5, 4.5]]
    # The lowest band is the whole square: as much above it as there is.
    at = arrays["band0.at"]
    area = sum(_area(arrays["band0"][a:b].astype(float)) for a, b in pairwise(at))
    assert area == pytest.approx(1, abs=1e-6)
    # Each higher band is the share of the plane above its edge, counted on a grid.
    f = ov.functions["beale"]
    x = np.linspace(-4.5, 4.5, 801)
    z = f(x[None], x[:, None])
    from optviz.render.contour import ground

    g = ground(f, 240)
    for k in (3, 8, 12):
        at, points = arrays[f"band{k}.at"], arrays[f"band{k}"].astype(float)
        area = sum(_area(points[a:b]) for a, b in pairwise(at))
        assert area == pytest.approx((z > g.edges[k]).mean(), abs=5e-3)
    assert len(told["labels"]) == len(g.levels) == told["bands"]
    assert "ground" not in page.ask("show", settings={**FIVE, "steps": 50})[0]
    assert "ground" in page.ask("show", settings={**FIVE, "on": "bowl", "start": None})[0]


def _area(points: Any) -> float:
    """Signed: holes count against what is around them."""
    x, y = points.T
    return float(0.5 * (x * np.roll(y, -1) - y * np.roll(x, -1)).sum())


@pytest.mark.parametrize(
    "name", ["sgd:lr=0.01", "momentum:lr=0.002", "adam:lr=0.1", "adam:lr=cosine(0.1,100)",
             "adamw:lr=0.1", "rmsprop:lr=0.01"],
)  # fmt: skip
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_a_step_is_told_as_explain_tells_it(name: str, noise: float) -> None:
    settings = {"optimizers": [name], "on": "beale", "steps": 40, "noise": noise, "seed": 3}
    page = Page()
    page.ask("show", settings=settings)
    optimizer = ov.parse_optimizer(name)
    e = ov.explain("beale", optimizer, steps=40, noise=noise, rng=3)
    for step in (1, 2, 17, 40):
        told, _ = page.ask("step", run=0, step=step)
        k = step - 1
        for key, values in (("gradient", e.gradients), ("carried", e.carried), ("fresh", e.fresh),
                            ("rates", e.rates)):  # fmt: skip
            np.testing.assert_allclose(told[key], values[k], rtol=1e-12, atol=0)
        assert told["sentence"] == e.sentences[k]
        for row, slot in enumerate(e.slots):
            np.testing.assert_array_equal(told["slots"][slot], e.states[step, row])
        assert told["to"] == e.trajectory.points[step].tolist()


def test_runs_under_noise_bring_their_band() -> None:
    settings = {"optimizers": ["sgd:lr=0.1"], "noise": 1.0, "runs": 8, "steps": 30}
    page = Page()
    _, arrays = page.ask("show", settings=settings)
    t = ov.ensemble("bowl", ov.SGD(lr=0.1), runs=8, noise=1.0, steps=30, rng=0)
    assert t.band is not None
    np.testing.assert_array_equal(arrays["runs0"], t.band.paths)
    assert arrays["curve0.0"].shape == (3, 31)
    assert "median of several runs" in page.ask("step", run=0, step=3)[0]["error"]


def test_basins_and_rates_are_those_of_their_studies() -> None:
    page = Page()
    settings = {
        "optimizers": ["momentum:lr=0.001", "adam:lr=0.2"],
        "on": "himmelblau",
        "steps": 200,
    }
    head, arrays = page.ask("basins", settings=settings, run=1)
    b = ov.basins("himmelblau", "adam:lr=0.2", size=(240, 240), steps=200)
    reached = b.shares()[0, :4].sum()
    assert sum(k["share"] for k in head["kinds"][:4]) == pytest.approx(reached)
    image = arrays["image"].reshape(-1, 3)
    assert arrays["image"].shape == (240, 240, 3)
    # From the top down: each colour belongs to one basin, and each basin has one.
    reached = b.reached[0, ::-1].reshape(-1, 1)
    pairs = np.unique(np.column_stack([reached, image]), axis=0)
    assert len(pairs) >= 4
    assert len(np.unique(pairs[:, 1:], axis=0)) == len(pairs)
    assert len(np.unique(pairs[:, 0])) == 4
    head, arrays = page.ask("sensitivity", settings=settings)
    s = ov.sensitivity("himmelblau", settings["optimizers"], steps=200)
    np.testing.assert_array_equal(arrays["gaps"], s.gaps)
    assert [run["best"] for run in head["runs"]] == [s.rates[s.best(k)] for k in (0, 1)]


def test_a_newer_request_ends_an_older_one_of_its_kind() -> None:
    page = Page()
    slow = {"optimizers": ["adam:lr=0.0001"], "on": "rosenbrock", "steps": 20_000}
    page.session.receive(json.dumps({"id": 900, "ask": "basins", "settings": slow, "run": 0}))
    head, _ = page.ask("basins", settings={**slow, "steps": 10}, run=0)
    assert "kinds" in head
    assert page.answer(900)[0]["error"] == "superseded"


def test_what_is_on_the_page_is_a_command_a_program_and_a_file(tmp_path: Path) -> None:
    page = Page()
    head, _ = page.ask("code", settings=FIVE)
    assert head["command"] == (
        "optviz plot sgd:lr=0.004 momentum:lr=0.002 adagrad:lr=1 rmsprop:lr=0.01 adam --on beale "
        "--steps 300 --start 1,1.5"
    )
    call = ast.parse(head["python"]).body[1].value  # type: ignore[attr-defined]
    name, *_ = (ast.literal_eval(a) for a in call.args)
    study = ov.study(name, **{k.arg: ast.literal_eval(k.value) for k in call.keywords})
    assert study.command() == head["command"]
    for suffix, name in (("png", "plot"), ("svg", "plot"), ("gif", "animate")):
        head, arrays = page.ask("file", settings={**FIVE, "steps": 20}, file=suffix)
        path = tmp_path / head["name"]
        path.write_bytes(arrays["data"].tobytes())
        assert read_study(path).name == name
        again = replay(path, tmp_path / f"again.{suffix}")
        assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ("nonsense", "nothing is asked that there is"),
        ("[1, 2]", "nothing is asked that there is"),
        ('{"id": 1, "ask": "shov"}', "nothing is asked that there is: 'shov'"),
        ('{"id": true, "ask": ["show"]}', "nothing is asked"),
        ('{"id": 1, "ask": "show", "settings": 3}', "settings must be an object"),
        ('{"id": 1, "ask": "show", "settings": {"on": "__import__(\'os\')"}}', "__import__"),
        ('{"id": 1, "ask": "show", "settings": {"on": "x**2 +"}}', "x"),
        ('{"id": 1, "ask": "show", "settings": {"on": "os:getcwd"}}', "Python function"),
        ('{"id": 1, "ask": "show", "settings": {"optimizers": ["os:getcwd"]}}', "Python class"),
        ('{"id": 1, "ask": "show", "settings": {"optimizers": ["adam:lr=-1"]}}', "lr must be"),
        ('{"id": 1, "ask": "show", "settings": {"steps": 20001}}', "20,000 steps, not 20,001"),
        ('{"id": 1, "ask": "show", "settings": {"stepps": 5}}', "did you mean 'steps'"),
        ('{"id": 1, "ask": "show", '
         '"settings": {"on": "rosenbrock:n=9", "optimizers": ["adam:lr=1"]}}',
         "9 coordinates"),
        ('{"id": 1, "ask": "step", "run": 0, "step": 1}', "there is no path 0"),
        ('{"id": 1, "ask": "step", "run": "0"}', "run must be a whole number"),
        ('{"id": 1, "ask": "file", "settings": {}, "file": "exe"}', "the page saves png"),
        ('{"id": 1, "ask": "basins", "settings": {"optimizers": ["adam"]}, "run": 7}', "no path 7"),
    ],
)  # fmt: skip
def test_bad_requests_get_one_line(request_: str, why: str) -> None:
    page = Page()
    page.session.receive(request_)
    number = 1 if '"id": 1' in request_ else -1
    head, arrays = page.answer(number)
    assert why in head["error"]
    assert "\n" not in head["error"]
    assert not arrays


def test_too_many_paths_are_refused() -> None:
    many = ["adam:lr=0.1"] * 25
    assert "up to 24 paths" in Page().ask("show", settings={"optimizers": many})[0]["error"]


def test_all_that_can_be_asked_is_known() -> None:
    assert set(HANDLERS) == {
        "offer", "show", "step", "code", "basins", "sensitivity", "file", "network", "train",
        "look", "surface", "landscape", "swept",
    }  # fmt: skip
    assert set(HANDLERS) >= BESIDE
    head, _ = Page(**FIVE).ask("offer")
    assert head["initial"]["on"] == "beale"
    assert list(head["offered"]["optimizers"]) == list(optimizers)
    assert list(head["offered"]["functions"]) == list(functions)


@pytest.mark.parametrize("name", list(optimizers))
def test_every_slider_holds_the_default_and_only_what_is_allowed(name: str) -> None:
    kind = optimizers[name]
    for convention, table in offered()["optimizers"][name]["conventions"].items():
        declared = kind.hyperparameters(convention)
        assert list(table) == list(declared)
        for key, told in table.items():
            if told["scale"] == "flag":
                continue
            hyper = declared[key]
            is_zero = hyper == 0 and told.get("zero")
            assert is_zero or told["low"] <= hyper <= told["high"], (name, key)
            assert told["scale"] != "log" or told["low"] > 0
            for end in (told["low"], told["high"]):
                hyper.checked(f"{name}: {key}", end)


def test_a_slider_of_a_share_is_fine_near_one() -> None:
    told = slider(optimizers["adam"].hyperparameters()["beta2"])
    assert (told["scale"], told["low"], told["high"]) == ("share", 0.0, 0.9999)


# -- the page as a text -----------------------------------------------------------------------


def test_the_page_asks_for_nothing_and_names_no_other_machine() -> None:
    page, policy = document()
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "import " not in script().replace("important", "")
    folder = Path(wire.__file__).parent / "page"
    assert {path.stem for path in folder.glob("*.js")} == set(MODULES)


# -- the server -------------------------------------------------------------------------------


class Served:
    """`optviz explore` in a process of its own."""

    def __init__(self, *args: str, **env: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "optviz", "explore", "--no-browser", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **env},
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    @property
    def socket(self) -> str:
        return self.address.replace("http", "ws", 1) + "live"

    @property
    def origin(self) -> str:
        return self.address[: self.address.index("/", 8)]

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    found = Served("sgd:lr=0.9", "adam:lr=0.3", "--idle", "600")
    yield found
    found.end()


def fetched(address: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_page_is_had_with_its_token_only(served: Served) -> None:
    assert served.address.startswith("http://127.0.0.1:")
    assert len(served.address.rstrip("/").rpartition("/")[2]) >= 20
    assert fetched(served.address)[0] == 200
    assert fetched(served.origin + "/")[0] == 403
    assert fetched(served.address[:-2] + "x/")[0] == 403
    assert fetched(served.origin + "/%C3%A9/")[0] == 403
    assert fetched(served.address + "other")[0] == 404
    # Another name that leads here, as when a page elsewhere has its own name point to this machine.
    assert fetched(served.address, Host="example.org:80")[0] == 403


def asked(served: Served, *requests: dict[str, Any], **headers: Any) -> list[dict[str, Any]]:
    from websockets.sync.client import connect

    with connect(served.socket, max_size=None, **headers) as socket:
        for k, request in enumerate(requests):
            socket.send(json.dumps({"id": k, **request}))
        answers = [wire.head(bytes(socket.recv(60))) for _ in requests]
    return sorted(answers, key=lambda head: head["id"])


def test_the_socket_takes_its_own_origin_only(served: Served) -> None:
    from websockets.exceptions import InvalidStatus

    own = {"origin": served.origin}
    assert "offered" in asked(served, {"ask": "offer"}, **own)[0]
    for wrong in ({"origin": "http://example.org"}, {"origin": "null"}, {}):
        with pytest.raises(InvalidStatus, match="403"):
            asked(served, {"ask": "offer"}, **wrong)


def test_two_people_do_not_see_each_other(served: Served) -> None:
    from websockets.sync.client import connect

    own = {"origin": served.origin, "max_size": None}

    def ask(socket: Any, **request: Any) -> dict[str, Any]:
        socket.send(json.dumps({"id": 1, **request}))
        return wire.head(bytes(socket.recv(60)))

    with connect(served.socket, **own) as one, connect(served.socket, **own) as two:
        ask(one, ask="show", settings={"optimizers": ["sgd:lr=0.001"], "on": "beale"})
        assert "there is no path 0" in ask(two, ask="step", run=0, step=1)["error"]
        ask(two, ask="show", settings={"optimizers": ["adam:lr=0.1"], "steps": 7})
        assert "1 to 100" in ask(one, ask="step", run=0, step=101)["error"]
        assert "1 to 7" in ask(two, ask="step", run=0, step=101)["error"]


def test_what_takes_too_long_is_ended_and_the_page_goes_on() -> None:
    from websockets.asyncio.client import connect

    from optviz.explorer.server import Explorer

    async def visit() -> list[dict[str, Any]]:
        explorer = Explorer({}, idle=600, time_box=3.0)
        server = asyncio.create_task(explorer.run())
        origin = explorer.address[: explorer.address.index("/", 8)]
        socket_ = explorer.address.replace("http", "ws", 1) + "live"
        async with connect(socket_, origin=origin, max_size=None) as socket:
            await socket.send(json.dumps({"id": 1, "ask": "offer"}))
            answers = [wire.head(bytes(await asyncio.wait_for(socket.recv(), 60)))]
            # A process that answers no more, whatever it is busy with.
            (pid,) = [w.process.pid for w in _workers(explorer)]
            os.kill(pid, signal.SIGSTOP)
            await socket.send(json.dumps({"id": 2, "ask": "show", "settings": {}}))
            answers.append(wire.head(bytes(await asyncio.wait_for(socket.recv(), 60))))
            await socket.send(json.dumps({"id": 3, "ask": "offer"}))
            answers.append(wire.head(bytes(await asyncio.wait_for(socket.recv(), 60))))
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
        return answers

    first, second, third = asyncio.run(visit())
    assert "offered" in first
    assert second["error"] == "This took more than 3 s, and was ended"
    assert second["again"] is True
    assert "offered" in third


def _workers(explorer: Any) -> list[Any]:
    return [visit.worker for visit in explorer.open]


@pytest.mark.slow
def test_ctrl_c_ends_it_and_so_does_a_closed_page() -> None:
    one = Served("adam:lr=0.3")
    one.process.send_signal(signal.SIGINT)
    _, err = one.process.communicate(timeout=30)
    assert (one.process.returncode, err) == (0, "")
    two = Served("adam:lr=0.3", "--idle", "1")
    time.sleep(3)
    assert two.process.poll() is None  # nobody has come yet
    assert "offered" in asked(two, {"ask": "offer"}, origin=two.origin)[0]
    _, err = two.process.communicate(timeout=30)
    assert (two.process.returncode, err) == (0, "")


@pytest.mark.slow
def test_a_hundred_visits_leave_nothing_behind(served: Served) -> None:
    import psutil

    process = psutil.Process(served.process.pid)

    def settled() -> tuple[int, int]:
        """Processes, and bytes of the server."""
        end = time.monotonic() + 30
        while len(process.children()) > 1 and time.monotonic() < end:
            time.sleep(0.1)
        return len(process.children()), process.memory_info().rss

    for _ in range(5):
        asked(served, {"ask": "offer"}, origin=served.origin)
    _, before = settled()
    for _ in range(100):
        asked(served, {"ask": "offer"}, origin=served.origin)
    children, after = settled()
    assert children <= 1  # the one that waits for the next visit
    assert after - before < 5e6
    assert process.num_fds() < 60


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["adamm"], "did you mean 'adam'"),
        (["--steps", "30000"], "up to 20,000 steps"),
        (["--on", "rosenbrock:n=5", "adam"], "5 coordinates"),
        (["--picture", "nowhere.png"], "nowhere.png"),
        (["--picture", "nowhere.png", "--steps", "5"], "leave steps out"),
        (["--lr", "0.1"], "written behind its name"),
        (["--idle", "0"], "idle"),
    ],
)
def test_the_command_refuses_in_one_line(run: Any, args: list[str], why: str) -> None:
    done = run("explore", "--no-browser", *args)
    assert done.returncode in (1, 2)
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken(run: Any, served: Served) -> None:
    port = served.origin.rpartition(":")[2]
    done = run("explore", "--no-browser", "--port", port)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "leave --port out" in done.stderr


def test_without_its_extra(run: Any, tmp_path: Path) -> None:
    (tmp_path / "websockets.py").write_text("raise ModuleNotFoundError('no', name='websockets')")
    done = run("explore", "--no-browser", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (
        2, "optviz: explore needs websockets, which is not installed: "
        "pip install 'optviz[explore]'\n",
    )  # fmt: skip
