"""The gallery: one short script a picture, run in a process of its own, in parallel.

A script `NAME.py` writes `NAME` with a picture's suffix into the folder that it runs in. What
has not changed since it was built is skipped; pages with all pictures are written at the end.
"""

from __future__ import annotations

import ast
import hashlib
import html
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import optviz
from optviz.compiled.threads import thread_count
from optviz.shared.files import write_atomically
from optviz.shared.text import did_you_mean, listed

MANIFEST = "built.json"
SUFFIXES = (".gif", ".png", ".svg", ".mp4", ".webm", ".webp", ".html")


@dataclass(frozen=True)
class Entry:
    """A script and its picture."""

    script: Path
    out: Path

    @property
    def name(self) -> str:
        """The script's name without suffix."""
        return self.script.stem

    @property
    def caption(self) -> str:
        """The script's docstring."""
        return ast.get_docstring(ast.parse(self.script.read_text(encoding="utf-8"))) or self.name

    @property
    def picture(self) -> Path | None:
        """The picture, if it has been made."""
        found = [self.out / f"{self.name}{suffix}" for suffix in SUFFIXES]
        return next((path for path in found if path.exists()), None)

    def fingerprint(self) -> str:
        """Changes when the script or optviz does."""
        text = f"{optviz.__version__}\n{self.script.read_text(encoding='utf-8')}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def build(
    scripts: Path,
    out: Path,
    *,
    only: Iterable[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Build what has changed, or what `only` names; returns the pictures that were written.

    Raises
    ------
    ValueError
        If there are no scripts, a name is unknown, or a script fails.
    """
    entries = [Entry(path, out) for path in sorted(scripts.glob("*.py"))]
    if not entries:
        raise ValueError(f"{scripts} holds no scripts: run this in a clone, or name its gallery/")
    names = {entry.name for entry in entries}
    for name in only:
        if name not in names:
            hint = did_you_mean(name, names)
            raise ValueError(
                f"no picture is called {name!r}{hint}; there are {listed(sorted(names))}"
            )
    out.mkdir(parents=True, exist_ok=True)
    built = _manifest(out)
    wanted = [e for e in entries if e.name in set(only)] or [
        e for e in entries if e.picture is None or built.get(e.name) != e.fingerprint()
    ]
    written: list[Path] = []
    with ThreadPoolExecutor(thread_count()) as pool:
        for entry, picture in zip(wanted, pool.map(_run, wanted), strict=True):
            written.append(picture)
            built[entry.name] = entry.fingerprint()
            write_atomically(out / MANIFEST, json.dumps(built, indent=1, sort_keys=True).encode())
            if progress is not None:
                progress(len(written), len(wanted))
    _write_pages(entries, out)
    return written


def _manifest(out: Path) -> dict[str, str]:
    try:
        data = json.loads((out / MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _run(entry: Entry) -> Path:
    """Run a script in an empty folder, so that a failure leaves the old picture."""
    with tempfile.TemporaryDirectory(dir=entry.out, prefix=".building-") as folder:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, str(entry.script.resolve())], cwd=folder, env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        made = [path for path in Path(folder).iterdir() if path.stem == entry.name]
        if done.returncode or not made:
            reason = (done.stderr.strip().splitlines() or ["it wrote no picture of its name"])[-1]
            raise ValueError(f"{entry.script.name} failed: {reason}")
        target = entry.out / made[0].name
        shutil.move(made[0], target)
    return target


def _write_pages(entries: list[Entry], out: Path) -> None:
    """README.md with thumbnails, and index.html, which works offline beside the pictures."""
    shown = [(entry, entry.picture) for entry in entries]
    rows = ["# Gallery", "", "Each picture comes from the script of its name, and carries what made"
            " it: `optviz spec FILE`.", ""]  # fmt: skip
    cards = []
    for entry, picture in shown:
        if picture is None:
            continue
        rows += [f"## {entry.name}", "", f"{entry.caption} ([script]({entry.script.name}))", "",
                 f'<img src="{picture.name}" width="720" alt="{html.escape(entry.caption)}">',
                 ""]  # fmt: skip
        code = html.escape(entry.script.read_text(encoding="utf-8").strip())
        cards.append(
            f'<figure id="{entry.name}"><a href="{picture.name}"><img loading="lazy" '
            f'src="{picture.name}" alt="{html.escape(entry.caption)}"></a><figcaption>'
            f"{html.escape(entry.caption)}<details><summary>script</summary><pre>{code}</pre>"
            f"</details></figcaption></figure>"
        )
    write_atomically(out / "README.md", ("\n".join(rows).rstrip() + "\n").encode())
    write_atomically(out / "index.html", (_PAGE.replace("@CARDS@", "\n".join(cards))).encode())


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>optviz: gallery</title>
<style>
  body { margin: 0 auto; max-width: 1500px; padding: 16px; color: #1F2328; background: #FFFFFF;
         font: 16px/1.45 "DejaVu Sans", Verdana, system-ui, sans-serif; }
  main { display: grid; gap: 28px;
         grid-template-columns: repeat(auto-fill, minmax(min(100%, 620px), 1fr)); }
  figure { margin: 0; } img { width: 100%; height: auto; border: 1px solid #D6DCE2; }
  figcaption { padding: 6px 2px; } summary { cursor: pointer; color: #6A737D; min-height: 32px; }
  pre { overflow-x: auto; background: #F6F8FA; padding: 10px; font-size: 13px; }
</style></head><body>
<h1>Gallery</h1>
<main>
@CARDS@
</main></body></html>
"""
