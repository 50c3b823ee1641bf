"""The page as one document: its style and its scripts stand in it, so that it asks for nothing."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from importlib.resources import files
from string import Template

#: In the order in which they need each other.
MODULES = (
    "wire",
    "text",
    "settings",
    "chart",
    "marks",
    "elements",
    "map",
    "curve",
    "cards",
    "plane",
    "diagram",
    "answer",
    "learning",
    "network",
    "terrain",
    "losses",
    "sharing",
    "main",
)


def script() -> str:
    """All modules as one: what they import from each other stands above."""
    parts = []
    for name in MODULES:
        text = _read(f"{name}.js")
        text = re.sub(r"^import .*?;\n", "", text, flags=re.M | re.S)
        parts.append(re.sub(r"^export (?=(async )?(function|class|const) )", "", text, flags=re.M))
    return "\n".join(parts)


def style() -> str:
    """The style sheet."""
    return _read("style.css")


@functools.cache
def document() -> tuple[str, str]:
    """The page, and the policy that lets it run these scripts and reach this machine alone."""
    code = f'"use strict";\n(() => {{\n{script()}\nbegin();\n}})();\n'
    page = Template(_read("page.html")).substitute(style=style(), script=code)
    policy = (
        f"default-src 'none'; script-src '{_hash(code)}'; style-src '{_hash(style())}'; "
        "img-src data: blob:; connect-src ws://127.0.0.1:* ws://localhost:*; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _read(name: str) -> str:
    return files("optviz.explorer").joinpath("page", name).read_text(encoding="utf-8")
