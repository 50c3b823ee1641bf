"""The process behind a page: it reads requests from standard input and writes answers.

A page has a process of its own, so that two people do not see each other, a formula that takes for
ever can be ended, and nothing is left of a page that was closed.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import threading
from typing import BinaryIO

#: Before each message, its length.
HEAD = struct.Struct("<I")


def read(stream: BinaryIO) -> bytes | None:
    """A message; None at the end."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (length,) = HEAD.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


def main() -> None:
    """Answer until nobody asks any more; the first message is what a page begins with."""
    # Ctrl-C is the server's, which then closes the pipes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What anybody prints must not come between the answers.
    os.dup2(2, 1)
    lock = threading.Lock()

    def send(data: bytes) -> None:
        with lock:
            sink.write(HEAD.pack(len(data)))
            sink.write(data)
            sink.flush()

    from optviz.explorer.session import Session

    initial = read(source)
    if initial is None:
        return
    session = Session(send, json.loads(initial))
    session.warm()
    try:
        while (message := read(source)) is not None:
            session.receive(message.decode())
    except BrokenPipeError:
        pass
    finally:
        session.close()
        sys.stdout.flush()
        # Threads may be in the midst of work that nobody waits for.
        os._exit(0)


if __name__ == "__main__":
    main()
