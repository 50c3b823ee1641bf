"""The gallery: one short script a picture, run in a process of its own, in parallel.

A script `NAME.py` writes `NAME` with a picture's suffix into the folder that it runs in; a study
that no script draws has an entry of its own, as it is with no settings. What has not changed since
it was built is skipped; pages with all pictures are written at the end.
"""

from __future__ import annotations

import ast
import functools
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
from optviz.studies.catalogue import LISTED

MANIFEST = "built.json"
SUFFIXES = (".gif", ".png", ".svg", ".mp4", ".webm", ".webp", ".html")


@dataclass(frozen=True)
class Entry:
    """A script and its picture.

    Attributes
    ----------
    name
        The script's name without suffix.
    text
        The script.
    out
        Where its picture goes.
    is_file
        Whether the script lies in the folder, or was made from a study.
    """

    name: str
    text: str
    out: Path
    is_file: bool = True

    @property
    def caption(self) -> str:
        """The script's docstring."""
        return ast.get_docstring(ast.parse(self.text)) or self.name

    @property
    def picture(self) -> Path | None:
        """The picture, if it has been made."""
        found = [self.out / f"{self.name}{suffix}" for suffix in SUFFIXES]
        return next((path for path in found if path.exists()), None)

    def fingerprint(self) -> str:
        """Changes when the script does, or any source of optviz."""
        return hashlib.sha256(f"{sources()}\n{self.text}".encode()).hexdigest()[:16]


@functools.cache
def sources() -> str:
    """A hash of all that optviz draws with."""
    found = hashlib.sha256()
    home = Path(optviz.__file__).parent
    for path in sorted(p for p in home.rglob("*") if p.suffix in (".py", ".html", ".npz")):
        found.update(path.relative_to(home).as_posix().encode() + path.read_bytes())
    return found.hexdigest()


def entries_of(scripts: Path, out: Path) -> list[Entry]:
    """The scripts of a folder, and the studies that none of them draws."""
    entries = [
        Entry(path.stem, path.read_text(encoding="utf-8"), out)
        for path in sorted(scripts.glob("*.py"))
    ]
    text = "\n".join(entry.text for entry in entries)
    for name, listed_as in LISTED.items():
        # By the study's call, such as ov.phase(, ov.train is nn.compare.
        drawn = (f"ov.{name}(", f'study("{name}"', *({"train": ("nn.compare(",)}.get(name, ())))
        if entries and not any(call in text for call in drawn):
            stem = name.replace("-", "_")
            code = (
                f'"""{listed_as.summary}"""\n\nimport optviz as ov\n\nov.save('
                f'ov.study("{name}"), "{stem}.png")\n'
            )
            entries.append(Entry(stem, code, out, is_file=False))
    return entries


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
    entries = entries_of(scripts, out)
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
        script = Path(folder, f"{entry.name}.py")
        script.write_text(entry.text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, script.name], cwd=folder, env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        script.unlink()
        made = [path for path in Path(folder).iterdir() if path.stem == entry.name]
        if done.returncode or not made:
            reason = (done.stderr.strip().splitlines() or ["it wrote no picture of its name"])[-1]
            raise ValueError(f"{entry.name}.py failed: {reason}")
        target = entry.out / made[0].name
        shutil.move(made[0], target)
        for suffix in SUFFIXES:
            # What it drew in another format before is no longer its picture.
            if suffix != target.suffix:
                target.with_suffix(suffix).unlink(missing_ok=True)
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
        script = f" ([script]({entry.name}.py))" if entry.is_file else ""
        rows += [f"## {entry.name}", "", f"{entry.caption}{script}", "",
                 f'<img src="{picture.name}" width="720" alt="{html.escape(entry.caption)}">',
                 ""]  # fmt: skip
        code = html.escape(entry.text.strip())
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
