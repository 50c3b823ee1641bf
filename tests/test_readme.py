"""The README's snippets run as they stand."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
COMMANDS = [
    line.partition("  #")[0]
    for block in re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("optviz ")
]


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_python_snippet(number: int, tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(SNIPPETS[number])
    subprocess.run([sys.executable, "-W", "error", "snippet.py"], cwd=tmp_path, check=True)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.slow
def test_command(command: str, tmp_path: Path) -> None:
    words = shlex.split(command)[1:]
    done = subprocess.run(
        [sys.executable, "-m", "optviz", *words], cwd=tmp_path, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    if words[0] != "list":
        assert (tmp_path / done.stdout.splitlines()[-1]).stat().st_size > 2000


def test_files_that_the_readme_shows_exist() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README.read_text()):
        assert (ROOT / link).exists(), link
    _, _, folder = README.read_text().partition("## What is in the folder")
    for code in re.findall(r"\| `([^`]+)`", folder):
        assert (ROOT / code).exists(), code
