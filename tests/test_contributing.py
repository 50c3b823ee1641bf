"""What CONTRIBUTING.md says of adding things, done in a copy of the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text()


def section(title: str) -> tuple[str, list[str]]:
    """A section's code, and the files of the package that it names."""
    _, _, rest = PAGE.partition(f"## Add {title}\n")
    text, _, _ = rest.partition("\n## ")
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    return code, re.findall(r"`(optviz/[a-z_/]+\.py)`", text)


Run = Callable[..., str]

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run Python, or `optviz`, on the copy."""
    shutil.copytree(ROOT / "optviz", tmp_path / "optviz", ignore=shutil.ignore_patterns("__py*"))

    def call(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


def change(tmp_path: Path, file: str, before: str, new: str) -> None:
    path = tmp_path / file
    text = path.read_text()
    assert text.count(before) == 1, (file, before)
    path.write_text(text.replace(before, new + before))


def test_an_optimizer(run: Run, tmp_path: Path) -> None:
    code, files = section("an optimizer")
    assert files[0] == "optviz/optimizers/catalogue.py"
    change(tmp_path, files[0], "#: Every optimizer by its name", f"{code}\n\n")
    change(tmp_path, files[0], "        SGD,\n", "        QHM,\n")
    assert "qhm" in run("-m", "optviz", "list")
    told = run("-m", "optviz", "plot", "qhm", "--on", "beale", "-o", "a.png", "--dpi", "50")
    assert told.startswith("QHM is at f − f* = ")
    run("-m", "optviz", "replay", "a.png", "-o", "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    program = (
        "import optviz as ov; from optviz.render import style, theme\n"
        "t = ov.minimize('bowl', ov.optimizers['qhm'](), steps=200)\n"
        "assert t.values[-1] < 0.1 * t.values[0]\n"
        "assert style.strokes([t], theme.theme_of('light'))[0].color == '#7A7A00'\n"
        "s = ov.sweep('bowl', ov.optimizers['qhm'](), over={'nu': [0, 0.5]}, steps=9)\n"
        "assert s.values.shape == (2, 1)"
    )
    run("-c", program)


def test_a_function(run: Run, tmp_path: Path) -> None:
    code, files = section("a function")
    assert files == ["optviz/functions/catalogue.py"]
    change(tmp_path, files[0], '    Function(\n        "bowl",', f"{code.rstrip()},\n")
    assert "trid" in run("-m", "optviz", "list", "functions")
    told = run("-m", "optviz", "plot", "--on", "trid", "-o", "a.png", "--dpi", "50")
    assert "The lowest value, −2, is reached at (2, 2)" in told


def test_a_layer(run: Run, tmp_path: Path) -> None:
    code, files = section("a layer")
    assert files == ["optviz/nn/layers.py", "optviz/nn/storage.py"]
    layers, storage = files
    (tmp_path / layers).write_text((tmp_path / layers).read_text() + f"\n\n{code}")
    change(tmp_path, storage, "Activation, BatchNorm, Dense, Dropout\n", "Scale, ")
    change(tmp_path, storage, "Dense, BatchNorm, Activation, Dropout, Conv2D", "Scale, ")
    program = (
        "import numpy as np, optviz as ov\n"
        "from optviz.nn.layers import Dense, Scale\n"
        "x = np.random.default_rng(0).normal(size=(60, 2)); y = (x[:, 0] > 0).astype(int)\n"
        "net = ov.nn.Network(2, [Scale(), Dense(2)], rng=0)\n"
        "net.fit(x, y, ov.Adam(lr=0.1), epochs=5, rng=0)\n"
        "assert (net.layers[0].params['a'] != 1).all()\n"
        "again = ov.nn.Network.load(net.save('n.npz'))\n"
        "assert (again.predict(x) == net.predict(x)).all()"
    )
    run("-c", program)


def test_a_study(run: Run, tmp_path: Path) -> None:
    code, files = section("a study")
    assert files == ["optviz/studies/catalogue.py"]
    (tmp_path / "optviz" / "studies" / "heights.py").write_text(code)
    (line,) = re.findall(r'`("heights": Listed\(.*?\),)`', PAGE, re.DOTALL)
    change(tmp_path, files[0], '    "explain": Listed', f"    {line}\n")
    assert "heights" in run("-m", "optviz", "--help")
    assert "--grid N" in run("-m", "optviz", "heights", "--help")
    told = run("-m", "optviz", "heights", "--on", "beale", "--grid", "50", "--dpi", "50")
    assert told.startswith("Half of all points lie below ")
    assert told.splitlines()[-1] == "heights-on-beale.png"
    assert "optviz heights --dpi 50 --on beale --grid 50" in run(
        "-m", "optviz", "spec", "heights-on-beale.png"
    )
    run("-m", "optviz", "replay", "heights-on-beale.png")
    pair = [tmp_path / f"heights-on-beale{end}.png" for end in ("", "-again")]
    assert pair[0].read_bytes() == pair[1].read_bytes()
