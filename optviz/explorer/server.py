"""The server of `optviz explore`: one page, and a websocket to a process for each visit.

It listens on this machine alone. The page's address holds a token, without which there is neither
page nor socket; the socket takes no other origin than the page's own; and the page may ask nothing
of anybody else (`Content-Security-Policy`).
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from optviz.explorer import asked, wire
from optviz.explorer.document import document
from optviz.explorer.worker import HEAD

HOST = "127.0.0.1"
#: Visits at the same time: each is a process.
MAX_VISITS = 12
#: Seconds that a request may take; work beside may take longer.
TIME_BOX = 20.0
#: Seconds without a page until the server ends.
IDLE = 60.0


class Explorer:
    """The server, from `run` until nobody needs it any more.

    Parameters
    ----------
    initial
        The settings that a page begins with, as `plot` has them.
    port
        0 for one that is free.
    idle
        Seconds without a page, after the first one, until it ends.
    time_box
        Seconds that an answer may take.
    """

    def __init__(
        self, initial: Mapping[str, Any], *, port: int = 0, idle: float = IDLE,
        time_box: float = TIME_BOX,
    ) -> None:  # fmt: skip
        self.initial, self.idle, self.time_box = dict(initial), idle, time_box
        self.token = secrets.token_urlsafe(16)
        self._listening = socket.create_server((HOST, port))
        self.port = int(self._listening.getsockname()[1])
        self.open: set[Visit] = set()
        self._spare: asyncio.Task[Worker] | None = None
        self._left = time.monotonic()
        self._has_been_visited = False

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{HOST}:{self.port}/{self.token}/"

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Serve until the page has been closed for a while."""
        own = [f"http://{name}:{self.port}" for name in (HOST, "localhost")]
        server: Server = await serve(
            self._visit, sock=self._listening, process_request=self._page, origins=own,  # type: ignore[arg-type]
            max_size=4 * asked.MAX_REQUEST, compression=None, server_header=None,
        )  # fmt: skip
        self._spare = asyncio.create_task(Worker.begin(self.initial))
        try:
            if ready is not None:
                ready()
            while not self._is_idle():
                await asyncio.sleep(min(0.2, self.idle))
        finally:
            server.close()
            await server.wait_closed()
            if self._spare is not None:
                await (await self._spare).end()

    def _is_idle(self) -> bool:
        idle = time.monotonic() - self._left
        return self._has_been_visited and not self.open and idle > self.idle

    # -- the page ------------------------------------------------------------------------------

    def _page(self, connection: ServerConnection, request: Request) -> Response | None:
        """The page, or nothing; None lets a websocket through."""
        host = request.headers.get("Host", "")
        is_here = host in (f"{HOST}:{self.port}", f"localhost:{self.port}")
        given, _, rest = request.path.partition("?")[0].removeprefix("/").partition("/")
        # The host as well: another name may have been made to lead here.
        if not is_here or not secrets.compare_digest(given.encode(), self.token.encode()):
            return _answer(HTTPStatus.FORBIDDEN, "This address lacks its token: use the one that "
                           "optviz explore printed.\n")  # fmt: skip
        if rest == "live":
            return None
        if rest:
            return _answer(HTTPStatus.NOT_FOUND, "There is one page here.\n")
        page, policy = document()
        return _answer(HTTPStatus.OK, page, "text/html", policy)

    # -- a visit -------------------------------------------------------------------------------

    async def _visit(self, socket: ServerConnection) -> None:
        """A page's requests to its process, and the answers back."""
        if len(self.open) >= MAX_VISITS:
            told = f"{MAX_VISITS} pages are open already: close one of them"
            await socket.send(wire.packed({"id": -1, "error": told}))
            return
        self._has_been_visited = True
        visit = Visit(self, socket)
        self.open.add(visit)
        try:
            await visit.serve()
        finally:
            self.open.remove(visit)
            self._left = time.monotonic()

    async def worker(self) -> Worker:
        """A process that is warm already, if there is one; the next one begins."""
        spare = self._spare or asyncio.create_task(Worker.begin(self.initial))
        self._spare = None
        worker = await spare
        self._spare = asyncio.create_task(Worker.begin(self.initial))
        return worker


class Visit:
    """One page: its socket, its process, and what it waits for."""

    def __init__(self, explorer: Explorer, socket: ServerConnection) -> None:
        self.explorer, self.socket = explorer, socket
        #: When the answer to a request is due, by its number.
        self.due: dict[int, float] = {}

    async def serve(self) -> None:
        """Until the page is closed."""
        self.worker = await self.explorer.worker()
        tasks = [asyncio.create_task(job()) for job in (self._ask, self._answer, self._watch)]
        try:
            _, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in rest:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError, ConnectionClosed, ConnectionError):
                    await task
        finally:
            await self.worker.end()

    async def _ask(self) -> None:
        async for message in self.socket:
            text = message if isinstance(message, str) else message.decode(errors="replace")
            request = asked.read(text)
            if request.get("ask") not in asked.BESIDE:  # what runs beside takes its time
                self.due[asked.number_of(request)] = time.monotonic() + self.explorer.time_box
            await self.worker.write(text.encode())

    async def _answer(self) -> None:
        while True:
            data = await self.worker.read()
            if data is None:
                await self._again("The process behind this page ended; another has begun")
                continue
            self.due.pop(wire.head(data).get("id", -1), None)
            await self.socket.send(data)

    async def _watch(self) -> None:
        """End what takes too long: the process, since nothing else ends a formula."""
        while True:
            await asyncio.sleep(min(0.1, self.explorer.time_box / 4))
            if any(due < time.monotonic() for due in self.due.values()):
                await self.worker.end()  # `_answer` sees the end of it, and begins another

    async def _again(self, why: str) -> None:
        late = [number for number, due in self.due.items() if due < time.monotonic()]
        told = f"This took more than {self.explorer.time_box:g} s, and was ended" if late else why
        numbers, self.due = list(self.due), {}
        await self.worker.end()
        self.worker = await self.explorer.worker()
        for number in numbers:
            await self.socket.send(wire.packed({"id": number, "error": told, "again": True}))


class Worker:
    """A process of `worker.py`, and its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def begin(cls, initial: Mapping[str, Any]) -> Worker:
        """A new process, which imports what it needs before it is asked."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "optviz.explorer.worker",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        worker = cls(process)
        await worker.write(json.dumps(dict(initial)).encode())
        return worker

    async def write(self, data: bytes) -> None:
        """A message to it."""
        assert self.process.stdin is not None
        with suppress(ConnectionError):  # its end is seen where it is read
            self.process.stdin.write(HEAD.pack(len(data)) + data)
            await self.process.stdin.drain()

    async def read(self) -> bytes | None:
        """A message from it; None at its end."""
        assert self.process.stdout is not None
        try:
            (length,) = HEAD.unpack(await self.process.stdout.readexactly(HEAD.size))
            return await self.process.stdout.readexactly(length)
        except asyncio.IncompleteReadError:
            return None

    async def end(self) -> None:
        """At once."""
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


def _answer(
    status: HTTPStatus, text: str, kind: str = "text/plain", policy: str = "default-src 'none'"
) -> Response:
    body = text.encode()
    headers = Headers({
        "Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body)),
        "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Connection": "close",
        "Cross-Origin-Opener-Policy": "same-origin", "X-Frame-Options": "DENY",
    })  # fmt: skip
    return Response(status.value, status.phrase, headers, body)
