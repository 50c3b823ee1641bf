"""The README's snippets run as they stand."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(), re.DOTALL)
COMMANDS = [
    line.partition("  #")[0]
    for block in re.findall(r"```sh\n(.*?)```", PAGES[0].read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("optviz ")
]


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_python_snippet(number: int, tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(SNIPPETS[number])
    subprocess.run([sys.executable, "-W", "error", "snippet.py"], cwd=tmp_path, check=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, tmp_path: Path) -> None:
    words = shlex.split(command)[1:]
    done = subprocess.run(
        [sys.executable, "-m", "optviz", *words], cwd=tmp_path, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    if words[0] != "list":
        assert (tmp_path / done.stdout.splitlines()[-1]).stat().st_size > 2000


def test_the_optimizer_of_contributing_works(tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGES[1].read_text(), re.DOTALL)
    program = (
        "import optviz as ov\nfrom optviz import Optimizer\nfrom optviz.optimizers import share\n"
        f"{snippet}\n"
        "t = ov.minimize('bowl', QHM(), steps=200)\n"
        "assert t.values[-1] < 0.1 * t.values[0]\n"
    )
    (tmp_path / "own.py").write_text(program)
    subprocess.run([sys.executable, "own.py"], cwd=tmp_path, check=True)


def test_files_that_the_readme_shows_exist() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", PAGES[0].read_text()):
        assert (ROOT / link).exists(), link
    _, _, folder = PAGES[0].read_text().partition("## What is in the folder")
    for code in re.findall(r"\| `([^`]+)`", folder):
        assert (ROOT / code).exists(), code
