"""What answers a page: one request after the other, and longer work beside.

A request is a JSON object with an `id` and what it `ask`s; each gets one answer of the same id
(see `wire.py`), be it what was asked for or a line that says why not. `HANDLERS` has what may be
asked. Work that takes long runs in a thread; a newer request of its kind ends it.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from optviz.explorer import losses, network, plane, wire
from optviz.explorer.asked import BESIDE, number_of, read, settings_of, whole
from optviz.explorer.offered import offered
from optviz.studies.animate import AnimateStudy
from optviz.studies.hidden_units import HiddenUnitsStudy
from optviz.studies.landscape import LandscapeStudy
from optviz.studies.plot import PlotStudy
from optviz.studies.study import Study

#: What a page may save: the study that makes it, by the file's suffix.
FILES: Mapping[str, type[PlotStudy] | type[AnimateStudy]] = {
    "png": PlotStudy, "svg": PlotStudy, "pdf": PlotStudy,
    "gif": AnimateStudy, "mp4": AnimateStudy, "html": AnimateStudy,
}  # fmt: skip


class SupersededError(Exception):
    """A newer request of the same kind has come."""


class Session:
    """One page's: nothing of it is seen by another.

    Parameters
    ----------
    send
        Called with each answer, from any thread.
    initial
        The settings that a page begins with, as `plot` has them.
    """

    def __init__(
        self, send: Callable[[bytes], None], initial: Mapping[str, Any] | None = None
    ) -> None:
        self._send = send
        self._initial = dict(initial or {})
        self._plane = plane.Plane()
        self._networks = network.Networks()
        self._newest: dict[str, int] = {}
        self._lock = threading.Lock()

    def receive(self, text: str) -> None:
        """Answer a request, or begin to."""
        request = read(text)
        number, ask = number_of(request), request.get("ask")
        try:
            handler = HANDLERS.get(ask) if isinstance(ask, str) else None
            if handler is None:
                raise ValueError(f"nothing is asked that there is: {str(ask)[:40]!r}")
            if ask in BESIDE:
                self._beside(str(ask), number, handler, request)
                return
            head, arrays = handler(self, request)
        except Exception as error:  # whatever it is, the page is told
            self._refuse(number, error)
            return
        self._send(wire.packed({"id": number, **head}, arrays))

    def warm(self) -> None:
        """Compile and import what the first picture needs, before anybody asks for it."""
        with suppress(ValueError):
            plane.Plane().show(self._initial)

    def close(self) -> None:
        """End what is still being worked on."""
        with self._lock:
            self._newest.clear()

    # -- what may be asked ---------------------------------------------------------------------

    def _offer(self, _: Mapping[str, Any]) -> plane.Answer:
        self._plane.forget()
        return {"offered": offered(), "initial": self._initial, "view": "plane"}, {}

    def _show(self, request: Mapping[str, Any]) -> plane.Answer:
        return self._plane.show(settings_of(request))

    def _step(self, request: Mapping[str, Any]) -> plane.Answer:
        return self._plane.step(whole(request, "run"), whole(request, "step"))

    def _basins(self, request: Mapping[str, Any]) -> plane.Answer:
        return plane.basins(settings_of(request), whole(request, "run"), self._progress(request))

    def _sensitivity(self, request: Mapping[str, Any]) -> plane.Answer:
        return plane.sensitivity(settings_of(request), self._progress(request))

    def _surface(self, request: Mapping[str, Any]) -> plane.Answer:
        return self._plane.surface(settings_of(request))

    def _landscape(self, request: Mapping[str, Any]) -> plane.Answer:
        return losses.landscape(settings_of(request), self._progress(request))

    def _network(self, request: Mapping[str, Any]) -> plane.Answer:
        return self._networks.begin(whole(request, "place"), settings_of(request))

    def _train(self, request: Mapping[str, Any]) -> plane.Answer:
        epochs = whole(request, "epochs") if "epochs" in request else None
        share = network.SLICE / max(1, min(network.PLACES, whole(request, "of")))
        have = whole(request, "have")
        return self._networks.train(whole(request, "place"), epochs, share, have)

    def _look(self, request: Mapping[str, Any]) -> plane.Answer:
        place, have = whole(request, "place"), whole(request, "have")
        return self._networks.dress(place, str(request.get("theme")), have)

    def _swept(self, request: Mapping[str, Any]) -> plane.Answer:
        values = request.get("values")
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise ValueError("values must be a list of texts, such as 0.01")
        return network.swept(
            settings_of(request), str(request.get("setting")), values, whole(request, "epochs"),
            whole(request, "seeds"), self._progress(request),
        )  # fmt: skip

    def _code(self, request: Mapping[str, Any]) -> plane.Answer:
        made = study_of(settings_of(request), str(request.get("file", "png")), _view(request))
        return {"command": made.command(), "python": made.python(), "spec": made.to_json()}, {}

    def _file(self, request: Mapping[str, Any]) -> plane.Answer:
        """The file itself, which carries its specification and replays."""
        import optviz as ov

        suffix = str(request.get("file", "png"))
        made = study_of(settings_of(request), suffix, _view(request))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{made.name}.{suffix}"
            ov.save(made, path, progress=self._progress(request))
            data = np.frombuffer(path.read_bytes(), np.uint8)
        return {"name": path.name}, {"data": data}

    # -- beside --------------------------------------------------------------------------------

    def _beside(
        self,
        ask: str,
        number: int,
        handler: Callable[..., plane.Answer],
        request: Mapping[str, Any],
    ) -> None:
        with self._lock:
            self._newest[ask] = number

        def work() -> None:
            try:
                head, arrays = handler(self, request)
                answer = wire.packed({"id": number, **head}, arrays)
            except SupersededError:
                self._refuse(number, ValueError("superseded"))
            except Exception as error:
                self._refuse(number, error)
            else:
                self._send(answer)

        threading.Thread(target=work, daemon=True, name=f"{ask} {number}").start()

    def _progress(self, request: Mapping[str, Any]) -> Callable[..., None]:
        """Ends the work for a request that is no longer the newest of its kind."""
        ask, number = str(request["ask"]), number_of(request)

        def progress(*_: Any) -> None:
            with self._lock:
                if self._newest.get(ask) != number:
                    raise SupersededError

        return progress

    def _refuse(self, number: int, error: Exception) -> None:
        told = " ".join(str(error).split()) or type(error).__name__
        if not isinstance(error, ValueError | OSError):
            told = f"{type(error).__name__}: {told}"
        self._send(wire.packed({"id": number, "error": told}))


HANDLERS: Mapping[str, Callable[[Session, Mapping[str, Any]], plane.Answer]] = {
    "offer": Session._offer,
    "show": Session._show,
    "step": Session._step,
    "surface": Session._surface,
    "landscape": Session._landscape,
    "network": Session._network,
    "train": Session._train,
    "look": Session._look,
    "swept": Session._swept,
    "code": Session._code,
    "basins": Session._basins,
    "sensitivity": Session._sensitivity,
    "file": Session._file,
}


def _view(request: Mapping[str, Any]) -> str:
    return str(request.get("view", "plane"))


def study_of(settings: Mapping[str, Any], suffix: str = "png", view: str = "plane") -> Study:
    """The study that makes a file of what is on the page: of the plane, of the network, or of
    its losses.

    Raises
    ------
    ValueError
        If the page makes no such files, or the settings are not those of a plot.
    """
    if suffix not in FILES:
        raise ValueError(f"the page saves {', '.join(FILES)}, not {suffix[:20]!r}")
    if view == "network":
        if suffix == "html":
            raise ValueError("a network's film is gif or mp4, no page")
        return HiddenUnitsStudy.from_data(settings)
    if view == "losses":
        if suffix == "html":
            raise ValueError("a landscape's film is gif or mp4, no page")
        return LandscapeStudy.from_data(settings)
    cls, still = FILES[suffix], PlotStudy.from_data(settings)
    if cls is PlotStudy:
        return still
    # A film has no arrows, and no other curve than that of f − f*.
    view = "surface" if still.view == "surface" else "contour"
    shared = {name: value for name, value in still.texts().items() if name in cls.model_fields}
    return cls.from_data({**shared, "view": view})
