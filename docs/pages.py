"""Pages of the site that come from the code: studies, gallery, reference, functions."""

from __future__ import annotations

import html
import inspect
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import optviz as ov
from optviz.cli.commands import params_of
from optviz.optimizers.base import Optimizer
from optviz.shared.text import readable, rounded
from optviz.studies.catalogue import LISTED
from optviz.studies.files import read_study
from optviz.studies.lookup import studies
from optviz.studies.study import Study

ROOT = Path(__file__).parent.parent
GALLERY = ROOT / "gallery"
#: The pages of the reference: what each is about, and the folders whose public names it has.
GROUPS = {
    "running": ("Running optimizers", ("runs", "shared")),
    "showing": ("Pictures, films and studies", ("studies", "landscapes", "explorer")),
    "functions": ("Functions", ("functions",)),
    "optimizers": ("Optimizers", ("optimizers",)),
    "networks": ("Networks and data", ("nn", "data")),
    "others": ("Other libraries", ("adapters",)),
    "suites": ("Benchmark suites", ("bench",)),
}
#: Modules that are public names themselves.
MODULES = {
    "networks": ("nn", "data"), "others": ("adapters",), "suites": ("bench",),
    "optimizers": ("schedules",),
}  # fmt: skip


def write(folder: Path) -> None:
    """All of them, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("studies", "gallery", "reference"):
        (folder / name).mkdir(parents=True)
    pictures = pictures_of_studies()
    for name in LISTED:
        (folder / "studies" / f"{name}.md").write_text(study_page(name, pictures), "utf-8")
    (folder / "studies" / "index.md").write_text(studies_index(), "utf-8")
    chapters = [path for path in sorted(GALLERY.glob("*.md")) if path.stem != "README"]
    for path in chapters:
        (folder / "gallery" / path.name).write_text(gallery_page(path), "utf-8")
    (folder / "gallery" / "index.md").write_text(gallery_index(chapters), "utf-8")
    for name, text in reference_pages().items():
        (folder / "reference" / f"{name}.md").write_text(text, "utf-8")
    (folder / "functions.md").write_text(functions_page(), "utf-8")


def toctree(names: Iterable[str], *options: str) -> str:
    """Pages below this one."""
    lines = "\n".join([*(f":{option}:" for option in options), "", *names])
    return f"```{{toctree}}\n{lines}\n```\n"


# -- studies ----------------------------------------------------------------------------------


def pictures_of_studies() -> dict[str, list[Path]]:
    """The gallery's pictures by the study that made them."""
    found: dict[str, list[Path]] = {}
    for path in sorted(GALLERY.iterdir()):
        if path.suffix in (".png", ".gif", ".svg"):
            found.setdefault(read_study(path).name, []).append(path)
    return found


def study_page(name: str, pictures: dict[str, list[Path]]) -> str:
    """A study from its class: what it shows, its settings, how it is called."""
    cls = studies[name]
    entry = LISTED[name]
    parts = [f"# {name}\n", f"{entry.summary}\n", f"{inspect.cleandoc(cls.__doc__ or '')}\n"]
    for path in pictures.get(name, ())[:2]:
        parts.append(f"![{read_study(path).command()}](../../../gallery/{path.name})\n")
        parts.append(f"`{read_study(path).command()}`\n")
    if cls.examples:
        commands = "\n".join(f"optviz {line}" for line in cls.examples)
        parts.append(f"## On the command line\n\n```sh\n{commands}\n```\n")
    made = cls()
    parts.append(f"## In Python\n\n```python\n{made.python()}\n```\n")
    parts.append(f"## Settings\n\n{settings_table(cls)}")
    return "\n".join(parts)


def settings_table(cls: type[Study]) -> str:
    """A row for each option of the command."""
    rows = ["| setting | what it is |", "|---|---|"]
    for name, field in cls.model_fields.items():
        for param in params_of(cls, name, field):
            is_option = param.opts[0].startswith("-")
            flags = [*param.opts, *param.secondary_opts]
            words = "/".join(flags) if is_option else param.human_readable_name
            told = getattr(param, "help", None) or field.description or ""
            rows.append(f"| `{words}` | {told.replace('|', chr(92) + '|')} |")
    return "\n".join(rows) + "\n"


def studies_index() -> str:
    """All of them, by chapter."""
    parts = [
        "# Studies\n",
        "Whatever can be shown, by chapter; each is a command, a Python call and a specification "
        "inside its files.\n",
    ]
    for chapter in dict.fromkeys(entry.chapter for entry in LISTED.values()):
        mine = [name for name, entry in LISTED.items() if entry.chapter == chapter]
        parts.append(f"## {chapter.capitalize()}\n")
        parts += [f"- [{name}]({name}.md): {LISTED[name].summary}" for name in mine]
        parts.append("")
    parts.append(toctree(LISTED, "hidden"))
    return "\n".join(parts)


# -- gallery ----------------------------------------------------------------------------------


def gallery_page(path: Path) -> str:
    """A chapter of the gallery; its pictures lie where they are."""
    # As Markdown's images: those of HTML would not be copied to the site.
    return re.sub(
        r'<img src="([^"]+)" width="(\d+)" alt="([^"]*)">',
        lambda m: f"![{html.unescape(m[3])}](../../../gallery/{m[1]}){{width={m[2]}px}}",
        path.read_text("utf-8"),
    )


def gallery_index(chapters: list[Path]) -> str:
    """The chapters."""
    parts = ["# Gallery\n", "Each picture with the program that makes it, and what it found.\n"]
    parts += [f"- [{chapter_of(path)}]({path.name})" for path in chapters]
    return "\n".join([*parts, "", toctree((path.stem for path in chapters), "hidden")])


def chapter_of(path: Path) -> str:
    """What a page's first line says."""
    return path.read_text("utf-8").partition("\n")[0].removeprefix("# ")


# -- reference --------------------------------------------------------------------------------


def reference_pages() -> dict[str, str]:
    """A page for each group of public names."""
    homes: dict[str, list[str]] = {}
    for name in ov.__all__:
        module = getattr(getattr(ov, name), "__module__", "")
        homes.setdefault(".".join(module.split(".")[1:2]), []).append(name)
    pages = {}
    for name, (title, folders) in GROUPS.items():
        mine = [n for folder in folders for n in homes.pop(folder, ())]
        parts = [f"# {title}\n", *(directive(f"optviz.{n}", getattr(ov, n)) for n in mine)]
        for module in MODULES.get(name, ()):
            home = getattr(ov, module)
            parts.append(f"## optviz.{module}\n")
            names = getattr(home, "__all__", None) or [n for n in dir(home) if n[0] != "_"]
            parts += [directive(f"optviz.{module}.{n}", getattr(home, n)) for n in names]
        pages[name] = "\n".join(part for part in parts if part)
    homes.pop("", None)  # modules, and the version
    if homes:
        raise ValueError(f"public names that stand on no page of the reference: {homes}")
    rows = [f"- [{title}]({name}.md)" for name, (title, _) in GROUPS.items()]
    pages["index"] = "\n".join([
        "# Reference\n", "All public names, from their docstrings.\n", *rows, "",
        toctree(GROUPS, "hidden"),
    ])  # fmt: skip
    return pages


def directive(path: str, value: Any) -> str:
    """What autodoc makes a text of; modules and plain values have none."""
    if inspect.ismodule(value):
        return ""
    kind = "autoclass" if inspect.isclass(value) else "autofunction" if callable(value) else ""
    if not kind:
        return ""
    is_rule = inspect.isclass(value) and issubclass(value, Optimizer) and value is not Optimizer
    members = "" if kind == "autofunction" or is_rule else "\n:members:"
    return f"```{{eval-rst}}\n.. {kind}:: {path}{members.replace(chr(10), chr(10) + '   ')}\n```\n"


def functions_page() -> str:
    """The functions of the catalogue."""
    rows = ["| name | f(x, y) | domain | f* | source |", "|---|---|---|---|---|"]
    for name, f in ov.functions.items():
        domain = " × ".join(f"[{rounded(a)}, {rounded(b)}]" for a, b in f.bounds)
        lowest = "none" if f.minimum is None else rounded(f.minimum, 6)
        formula = readable(f.formula).replace("|", "\\|").replace("*", "\\*")
        rows.append(f"| `{name}` | {formula} | {domain} | {lowest} | {f.source} |")
    text = "\n".join(rows)
    return (
        '# Functions\n\n`--on NAME`, or `--on "sin(x)*cos(y) + x^2/10"`: a formula of your own is '
        f"as good. `optviz list beale` tells all of one.\n\n{text}\n"
    )
