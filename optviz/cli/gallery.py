"""The gallery: one short script a picture, run in a process of its own, in parallel.

A script `NAME.py` writes `NAME` with a picture's suffix into the folder that it runs in; a study
that no script draws has an entry of its own, as it is with no settings. What has not changed since
it was built is skipped; at the end pages are written, one with all pictures and one for each
chapter of the catalogue, which says what each picture found.
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
from optviz.render.metadata import shows
from optviz.shared.files import write_atomically
from optviz.shared.text import did_you_mean, listed
from optviz.studies.catalogue import LISTED
from optviz.studies.files import read_study

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
        # Several scripts run side by side: threads of BLAS would wait for each other.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                       "OPENBLAS_NUM_THREADS": "1"}  # fmt: skip
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
    """README.md with thumbnails by chapter, a page for each chapter with scripts and findings, and
    index.html, which works offline beside the pictures."""
    chapters: dict[str, list[tuple[Entry, Path]]] = {one.chapter: [] for one in LISTED.values()}
    for entry in entries:
        if (picture := entry.picture) is not None:
            name = read_study(picture).name
            chapter = LISTED[name].chapter if name in LISTED else name
            chapters.setdefault(chapter, []).append((entry, picture))
    rows = ["# Gallery", "", "Each picture comes from a short script, and carries what made it: "
            "`optviz spec FILE`. A chapter's page has the scripts, and what each picture found.",
            ""]  # fmt: skip
    cards = []
    for chapter, shown in chapters.items():
        if not shown:
            continue
        page = f"{chapter.replace(' ', '-')}.md"
        rows += [f"## [{_capital(chapter)}]({page})", ""]
        for entry, picture in shown:
            alt = html.escape(entry.caption)
            rows.append(f'<a href="{page}#{entry.name}"><img src="{picture.name}" width="270" '
                        f'alt="{alt}"></a>')  # fmt: skip
        rows.append("")
        parts = [_section(entry, picture) for entry, picture in shown]
        text = "\n".join([f"# {_capital(chapter)}", "", *parts])
        write_atomically(out / page, f"{text.rstrip()}\n".encode())
        cards += [f"<h2>{_capital(chapter)}</h2>", *(_card(*one) for one in shown)]
    write_atomically(out / "README.md", ("\n".join(rows).rstrip() + "\n").encode())
    write_atomically(out / "index.html", (_PAGE.replace("@CARDS@", "\n".join(cards))).encode())


def _section(entry: Entry, picture: Path) -> str:
    """A picture in the page of its chapter: what it answers, found, and is made by."""
    found = shows(picture)
    lines = [f"## {entry.name}", "", entry.caption, ""]
    if found:
        # Markdown would take these for emphasis.
        escaped = "".join(f"\\{c}" if c in "*_|<" else c for c in found)
        lines += [f"> {escaped}", ""]
    lines += [f'<img src="{picture.name}" width="720" alt="{html.escape(found or entry.caption)}">',
              "", "```python", entry.text.strip(), "```", ""]  # fmt: skip
    return "\n".join(lines)


def _card(entry: Entry, picture: Path) -> str:
    found = shows(picture)
    told = f"<p>{html.escape(found)}</p>" if found else ""
    return (
        f'<figure id="{entry.name}"><a href="{picture.name}"><img loading="lazy" '
        f'src="{picture.name}" alt="{html.escape(found or entry.caption)}"></a><figcaption>'
        f"{html.escape(entry.caption)}{told}<details><summary>script</summary><pre>"
        f"{html.escape(entry.text.strip())}</pre></details></figcaption></figure>"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>optviz: gallery</title>
<style>
  body { margin: 0 auto; max-width: 1500px; padding: 16px; color: #1F2328; background: #FFFFFF;
         font: 16px/1.45 "DejaVu Sans", Verdana, system-ui, sans-serif; }
  main { display: grid; gap: 28px;
         grid-template-columns: repeat(auto-fill, minmax(min(100%, 620px), 1fr)); }
  h2 { grid-column: 1 / -1; margin: 12px 0 -12px; }
  figure { margin: 0; } img { width: 100%; height: auto; border: 1px solid #D6DCE2; }
  figcaption { padding: 6px 2px; } figcaption p { margin: 4px 0; color: #6A737D; }
  summary { cursor: pointer; color: #6A737D; min-height: 32px; }
  pre { overflow-x: auto; background: #F6F8FA; padding: 10px; font-size: 13px; }
</style></head><body>
<h1>Gallery</h1>
<main>
@CARDS@
</main></body></html>
"""
