"""The page as a cell of a notebook: the same, over a widget's messages instead of a websocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optviz.explorer.document import script, style
from optviz.studies.plot import PlotStudy

if TYPE_CHECKING:
    from optviz.studies.study import Study

#: The page as a module of the kind that anywidget asks for.
WIDGET = """
function render({ model, el }) {
  const root = document.createElement("div");
  el.append(root);
  const link = mount(root, (text) => model.send({ text }), { keepsAddress: false });
  const received = (message, buffers) => {
    const view = buffers[0], start = view.byteOffset ?? 0;
    link.received((view.buffer ?? view).slice(start, start + view.byteLength));
  };
  model.on("msg:custom", received);
  return () => model.off("msg:custom", received);
}
export default { render };
"""


def explore(*optimizers: Any, **settings: Any) -> Any:
    """A page where one tries optimizers: in a notebook a cell, elsewhere in the browser.

    Parameters
    ----------
    *optimizers
        As for `plot`'s command: "sgd:lr=0.9", "adam"; three to begin with unless given.
    **settings
        What the page begins with: `on`, `start`, `steps`, `noise`, `seed`, `bounds`, `curve`,
        `theme`, as for `ov.study("plot", …)`.

    Returns
    -------
    A widget in a notebook (with the extra `notebook`). Elsewhere the page is opened in a browser
    (with the extra `explore`), and the call returns when it has been closed for a minute.

    Raises
    ------
    ValueError
        For settings that the page cannot show, or if the extra is not installed.
    """
    from optviz.explorer.usual import USUAL, check

    study = PlotStudy.checked(optimizers=optimizers or USUAL, **settings)
    check(study)
    if not _is_notebook():
        from optviz.explorer.opening import serve

        return serve(study)
    return widget(study)


def widget(study: Study) -> Any:
    """The page as a widget, whose session lives in this process."""
    try:
        import anywidget
    except ModuleNotFoundError as error:
        raise ValueError(
            f"explore in a notebook needs {error.name}, which is not installed: pip install "
            "'optviz[notebook]'"
        ) from None
    from optviz.explorer.session import Session

    class Explore(anywidget.AnyWidget):
        """The page's view, and the session that answers it."""

        _esm = script() + WIDGET
        _css = style()

    made: Any = Explore()
    session = Session(lambda data: made.send({}, buffers=[data]), study.texts())

    def asked(_: Any, content: Any, __: Any) -> None:
        if isinstance(content, dict) and isinstance(content.get("text"), str):
            session.receive(content["text"])

    made.on_msg(asked)
    return made


def _is_notebook() -> bool:
    """Whether a front end shows what a cell returns."""
    import sys

    found = sys.modules.get("IPython")
    shell = found.get_ipython() if found is not None else None
    return getattr(shell, "kernel", None) is not None
