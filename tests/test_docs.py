"""What README and site say: every program and command runs, every link leads somewhere."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import types
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import optviz as ov
from optviz.cli.commands import settings_of, study_command
from optviz.cli.explore import explore_command
from optviz.render.theme import Theme, theme_of, theme_text
from optviz.studies.files import read_study
from optviz.studies.lookup import studies
from optviz.studies.study import Study, option_of

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
#: Those that have tests of their own: programs with peers, and suites.
ELSEWHERE = ("libraries.md", "optimizers.md", "bench.md", "bench-full.md")
PAGES = [README, *(
    page for page in (*sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("guide/*.md")))
    if page.name not in ELSEWHERE
)]  # fmt: skip


def blocks(page: Path, language: str) -> list[str]:
    """A page's blocks of code; those of a list are indented."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


def cells(page: Path) -> list[str]:
    """The commands in a page's tables."""
    return re.findall(
        r"^\|.*\| `(optviz [^`]+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE
    )


SNIPPETS = [(page, k) for page in PAGES for k in range(len(blocks(page, "python")))]
#: Each once, wherever it stands.
COMMANDS = list(dict.fromkeys(
    command
    for page in PAGES
    for command in (*(line.partition("  #")[0].rstrip() for block in blocks(page, "sh")
                      for line in block.splitlines() if line.startswith("optviz ")), *cells(page))
))  # fmt: skip
#: What ends when a page is closed.
EXPLORE = [command for command in COMMANDS if command.startswith("optviz explore")]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "number"), SNIPPETS, ids=[f"{p.stem}-{k}" for p, k in SNIPPETS])
def test_python_snippet(page: Path, number: int, tmp_path: Path) -> None:
    """It runs; what guides print is that something is so."""
    (tmp_path / "snippet.py").write_text(blocks(page, "python")[number])
    done = subprocess.run([sys.executable, "-W", "error", "snippet.py"], cwd=tmp_path, check=True,
                          capture_output=True, text=True)  # fmt: skip
    assert page.parent.name != "guide" or "False" not in done.stdout


@pytest.mark.parametrize("command", EXPLORE)
def test_command_of_a_page(command: str) -> None:
    """It is understood: what it serves has tests of its own."""
    context = explore_command().make_context("explore", shlex.split(command)[2:])
    assert context.params["port"] == 0


def test_the_course_shows_every_study() -> None:
    page = (DOCS / "course.md").read_text(encoding="utf-8")
    row = r"^\| \[.+?\]\(generated/studies/(.+?)\.md\) \| (.+?) \| `(.+?)` \| !\[.+?\]\((.+?)\)"
    rows = re.findall(row, page, re.MULTILINE)
    assert {name for name, *_ in rows} == set(studies)
    for name, korean, command, picture in rows:
        assert shlex.split(command)[1] == name
        assert read_study(DOCS / picture).name == name
        assert re.search("[가-힣]", korean) or korean.startswith("AdaGrad")


def test_every_example_of_a_study_is_understood() -> None:
    for cls in studies.values():
        for example in cls.examples:
            meant_by(shlex.split(example.partition(" -o ")[0]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as the README says, with warnings as errors."""
    pytest.importorskip("sphinx", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    done = built(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


def built(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "-d", str(folder / "read"),
         str(root / "docs"), str(folder)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip


@pytest.mark.slow
def test_the_site_has_every_public_name_and_study(site: Path) -> None:
    reference = "".join(p.read_text("utf-8") for p in (site / "generated/reference").glob("*.html"))
    for name in ov.__all__:
        if not isinstance(getattr(ov, name), str | types.ModuleType):
            assert f'id="optviz.{name}"' in reference, name
    for name, cls in studies.items():
        text = (site / "generated/studies" / f"{name}.html").read_text("utf-8")
        for field in cls.model_fields:
            assert (
                f"--{field.replace('_', '-')}" in text
                or field in ("optimizers", "optimizer")
                or (
                    option_of(cls.model_fields[field]).flags
                    or option_of(cls.model_fields[field]).name
                )
            ), (name, field)
    functions = (site / "generated/functions.html").read_text("utf-8")
    assert all(f">{name}<" in functions for name in ov.functions)


@pytest.mark.slow
def test_no_picture_or_page_is_missing_from_the_site(site: Path) -> None:
    for page in site.rglob("*.html"):
        for link in re.findall(r'(?:src|href)="([^"]+)"', page.read_text("utf-8")):
            target = unquote(link.partition("#")[0].partition("?")[0])
            if target and not re.match(r"[a-z]+:", target):
                assert (page.parent / target).exists(), (page.name, link)


@pytest.mark.slow
def test_a_dead_link_fails(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the extra `docs` is not installed")
    for name in ("docs", "gallery", "optviz"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__py*"))
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    page = tmp_path / "docs" / "explore.md"
    page.write_text(page.read_text("utf-8") + "\nSee [more](nowhere.md).\n", "utf-8")
    done = built(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert "nowhere" in done.stderr


@pytest.mark.browser
@pytest.mark.filterwarnings("default")
def test_the_search_of_the_site_works_offline(site: Path, browser: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get((site / "search.html").as_uri() + "?q=momentum")
    found = WebDriverWait(browser, 20).until(
        lambda b: len(b.find_elements("css selector", "#search-results li a")) > 3
    )
    assert found
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map((e) => e.name)"
    )
    assert all(name.startswith(("file:", "data:", "chrome")) for name in loaded)


def test_the_suite_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "bench.md").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0])
    assert ov.bench.read_suite(path).objective == "area"
    snippets = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "snippet.py").write_text(snippets[-1])
    subprocess.run([sys.executable, "-W", "error", "snippet.py"], cwd=tmp_path, check=True)
    assert (tmp_path / "mine.html").exists()


def test_the_theme_in_the_documentation_is_one(tmp_path: Path) -> None:
    text = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "themes.md").read_text(), re.DOTALL)[0]
    path = tmp_path / "mine.toml"
    path.write_text(text)
    made = theme_of(theme_text(str(path)))
    assert (made.paper, made.ink, made.optimizers["adam"]) == ("#101418", "#FFFFF0", "#008080")
    # Every colour that a theme has stands there.
    named = {field.name for field in dataclasses.fields(Theme)} - {"name"}
    assert named <= set(re.findall(r"^\[?(\w+)", text, re.MULTILINE))


#: How files begin (or what stands at their fourth byte).
BEGINS = {".gif": b"GIF89a", ".png": b"\x89PNG", ".svg": b"<?xml", ".html": b"<!", ".mp4": b"ftyp"}


def meant_by(words: list[str]) -> Study:
    """The study that the words of a command stand for."""
    command = study_command(words[0])
    given = command.make_context(words[0], words[1:]).params
    return studies[words[0]](**settings_of(studies[words[0]], given))


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in EXPLORE])
@pytest.mark.slow
def test_command(command: str, tmp_path: Path) -> None:
    """It makes the one file that it names last, of that kind, and what the words ask for."""
    words = shlex.split(command)[1:]
    if words[:2] == ["bench", "report"]:
        ov.bench.run("quick", tmp_path / words[2], workers=1)
    done = subprocess.run(
        [sys.executable, "-m", "optviz", *words], cwd=tmp_path, capture_output=True, text=True,
        check=False, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith("first run")] == []
    if words[0] == "list":
        if len(words) < 2 or words[1] not in ("functions", "studies"):
            assert done.stdout
            return
        known = {"functions": ov.functions, "studies": studies}[words[1]]
        assert [line.split()[0] for line in done.stdout.splitlines()[1:] if line[:1] != " "] == [
            *known
        ]
        return
    if words[0] == "bench":
        made = {"run": {"results.sqlite"}, "report": {"results.sqlite", "report.html"}}[words[1]]
        assert {file.name for file in tmp_path.iterdir()} == made
        return
    *said, name = done.stdout.splitlines()
    assert [file.name for file in tmp_path.iterdir()] == [name]
    data = (tmp_path / name).read_bytes()
    assert BEGINS[Path(name).suffix] in (data[:5], data[:6], data[4:8], data[:2], data[:4])
    found = read_study(tmp_path / name)
    assert found == meant_by(words)
    for flag in ("-o", "--output"):
        assert flag not in words or name == words[words.index(flag) + 1]
    # What it shows is said, before its name.
    assert said or words[0] == "activations" or not found.texts().get("optimizers", True)


def test_files_that_pages_link_exist() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#: ]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            is_made = link.startswith("generated/") or "/generated/" in link
            assert is_made or (page.parent / link).exists(), (page.name, link)
    _, _, folder = README.read_text().partition("## What is in the folder")
    for code in re.findall(r"\| `([^`]+)`", folder):
        assert (ROOT / code).exists(), code
