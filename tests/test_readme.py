"""The README's snippets run as they stand."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import optviz as ov
from optviz.cli.commands import settings_of, study_command
from optviz.render.theme import Theme, theme_of, theme_text
from optviz.studies.files import read_study
from optviz.studies.lookup import studies
from optviz.studies.study import Study

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
COMMANDS = [
    line.partition("  #")[0]
    for block in re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("optviz ")
]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_python_snippet(number: int, tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(SNIPPETS[number])
    subprocess.run([sys.executable, "-W", "error", "snippet.py"], cwd=tmp_path, check=True)


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


@pytest.mark.parametrize("command", COMMANDS)
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


def test_files_that_the_readme_shows_exist() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README.read_text()):
        assert (ROOT / link).exists(), link
    _, _, folder = README.read_text().partition("## What is in the folder")
    for code in re.findall(r"\| `([^`]+)`", folder):
        assert (ROOT / code).exists(), code
