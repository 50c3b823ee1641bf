"""The server from a terminal or a program: started, announced, opened, ended."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from optviz.studies.plot import PlotStudy


def serve(study: PlotStudy, *, port: int = 0, idle: float = 60.0, opens: bool = True) -> None:
    """Serve the page until it has been closed for so many seconds, or until Ctrl-C.

    Raises
    ------
    ValueError
        If the extra is not installed, or the port is taken.
    """
    try:
        from optviz.explorer.server import Explorer
    except ModuleNotFoundError as error:
        raise ValueError(
            f"explore needs {error.name}, which is not installed: pip install 'optviz[explore]'"
        ) from None
    try:
        explorer = Explorer(_initial(study), port=port, idle=idle)
    except OSError as error:
        raise ValueError(
            f"port {port} cannot be had ({error.strerror}): leave --port out"
        ) from None

    def ready() -> None:
        print(f"{explorer.address}\nCtrl-C ends it.", flush=True)
        if opens:
            import webbrowser

            webbrowser.open(explorer.address)

    # To end it so is what one is told to do.
    with suppress(KeyboardInterrupt):
        asyncio.run(explorer.run(ready))


def _initial(study: PlotStudy) -> dict[str, object]:
    """Its settings; of the colours only a choice: else the browser's preference holds."""
    texts = study.texts()
    if "theme" not in study.model_fields_set:
        texts.pop("theme", None)
    return texts
