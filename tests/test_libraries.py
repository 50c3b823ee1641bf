"""The pages on other libraries and on the optimizers: their programs run, as a newcomer's would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import optviz as ov
from optviz.optimizers.wrappers import OWNERS

ROOT = Path(__file__).parent.parent


def programs(page: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


LIBRARIES, OPTIMIZERS = programs("libraries.md"), programs("optimizers.md")


@pytest.mark.peers
@pytest.mark.parametrize("number", range(len(LIBRARIES)))
def test_program(number: int, tmp_path: Path) -> None:
    run(LIBRARIES[number], tmp_path)


@pytest.mark.parametrize("number", range(len(OPTIMIZERS)))
def test_program_of_optimizers(number: int, tmp_path: Path) -> None:
    run(OPTIMIZERS[number], tmp_path)


def test_the_page_names_every_optimizer() -> None:
    page = (ROOT / "docs" / "optimizers.md").read_text(encoding="utf-8")
    table = page.partition("## Around")[0]
    named = re.findall(r"`(\w+)`", table.partition("|---")[2].partition("\n\n")[0])
    assert sorted(named) == sorted(ov.optimizers)
    assert all(f"`{name}=" in page for name, owner in OWNERS.items() if name == owner)


def run(program: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, check=False, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "False" not in done.stdout
