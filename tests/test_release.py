"""What a release needs: a wheel that is whole and the same each time, its types seen from outside,
the lowest versions that it names, public names, and a doctor."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import optviz as ov
from optviz.cli import doctor
from optviz.explorer.document import MODULES

ROOT = Path(__file__).parent.parent

#: The names that others' code is written against: they may not go without a warning.
CONTRACT = """
SGD Momentum Nesterov AdaGrad RMSProp Adam AdaDelta Adamax Nadam AMSGrad AdamW RAdam Lion FTRL
optimizers functions function Trajectory minimize plot animate sweep slice study save basins
sensitivity phase explain landscape nn adapters bench trace Optimizer
Function race tune ensemble Axis schedules parse_optimizer replay data
"""
INNER = {
    "nn": "MLP Network data", "adapters": "torch optax keras scipy callable as_torch as_optax",
    "bench": "run report",
}  # fmt: skip


def test_the_public_names_are_there() -> None:
    for name in CONTRACT.split():
        assert name in ov.__all__ or hasattr(ov, name), name
    for module, names in INNER.items():
        for name in names.split():
            assert hasattr(getattr(ov, module), name), f"{module}.{name}"
    f, t = ov.function("beale"), ov.minimize("beale", ov.Adam(lr=0.1), start=(1.0, 1.5), steps=3)
    for name in ("gradient", "hessian", "name", "formula", "latex", "bounds", "start", "minima",
                 "minimum", "source"):  # fmt: skip
        assert hasattr(f, name), name
    for name in ("points", "values", "diverged_at", "function", "optimizer", "label"):
        assert hasattr(t, name), name
    for name in ("update", "state_dict", "load_state_dict"):
        assert callable(getattr(ov.Adam, name))


def test_versions_agree() -> None:
    said = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert said is not None
    assert said[1] == ov.__version__
    assert f"## {ov.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert re.fullmatch(r"\d+\.\d+\.\d+", ov.__version__)


# -- the doctor -------------------------------------------------------------------------------


def test_the_doctor_says_what_there_is(run: Any) -> None:
    done = run("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"optviz {ov.__version__} in ")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in wanted["dependencies"]:
        name = re.split("[>=]", line)[0].replace("_", "-")
        assert re.search(rf"^{name} \d", done.stdout, re.MULTILINE | re.IGNORECASE), line
    assert "cache: " in done.stdout
    assert done.stdout.endswith("nothing is wrong\n")
    assert set(doctor.EXTRAS) <= set(wanted["optional-dependencies"])


def test_the_doctor_says_what_is_wrong(run: Any, tmp_path: Path, monkeypatch: Any) -> None:
    done = run("doctor", NUMBA_DISABLE_JIT="1")
    assert done.returncode == 1
    assert "what is wrong:\n- NUMBA_DISABLE_JIT is set: kernels are plain Python" in done.stdout
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = run("doctor", OPTVIZ_CACHE_DIR=str(blocked / "cache"))
    assert "cannot be written: everything is compiled anew" in done.stdout
    monkeypatch.setattr(
        doctor, "_required", lambda: iter([("numpy", "1.9.0", "2.0"), ("av", "is missing", "14")])
    )
    assert list(doctor._old()) == [
        "numpy 1.9.0 is older than 2.0: pip install -U 'numpy>=2.0'",
        "av is missing: pip install 'av>=14'",
    ]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (
            {"MPLBACKEND": "nonsense"},
            "no picture can be drawn (ValueError: Key backend: 'nonsense'",
        ),
        ({"MATPLOTLIBRC": "bad"}, "Matplotlib complains of its settings: Bad value in file"),
        ({"MATPLOTLIBRC": "odd"}, "no picture can be drawn (UnicodeDecodeError: 'utf-8' codec"),
        ({"PYTHONIOENCODING": "ascii"}, "words are printed in ascii, which lacks signs"),
        ({"OPTVIZ_THREADS": "banana"}, "OPTVIZ_THREADS must be a whole number ≥ 1, not 'banana'"),
        ({"OPTVIZ_THREADS": "0"}, "OPTVIZ_THREADS must be a whole number ≥ 1, not '0'"),
        ({"OPTVIZ_THREADS": "9999"}, "OPTVIZ_THREADS is 9999, and there are "),
        ({"PYTHONPATH": "stub"}, "no film but .html can be written (no such thing): pip install"),
        ({"OPTVIZ_CACHE_DIR": "half"}, "the cache folder "),
    ],
    ids=str,
)
def test_the_doctor_finds_the_cause(
    run: Any, tmp_path: Path, setting: dict[str, str], told: str
) -> None:
    (tmp_path / "bad").write_text("lines.linewidth: x\n")
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "av.py").write_text("raise ImportError('no such thing')\n")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "sources").write_text("in the place of a folder\n")
    given = {k: str(tmp_path / v) if (tmp_path / v).exists() else v for k, v in setting.items()}
    done = run("doctor", **given)
    assert done.returncode == 1, done.stdout
    assert f"what is wrong:\n- {told}" in done.stdout
    if "PYTHONPATH" in setting:
        done = run("animate", "sgd", "-o", str(tmp_path / "a.gif"), **given)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert done.stderr == "optviz: no such thing: `optviz doctor` says what is missing\n"
    if "PYTHONIOENCODING" in setting or "OPTVIZ_CACHE_DIR" in setting:
        # Those are told of, and harm nobody.
        assert run("plot", "sgd", "-o", str(tmp_path / "a.png"), **given).returncode == 0
        assert (tmp_path / "a.png").exists()


def test_of_what_is_missing_the_doctor_says_nothing_else(monkeypatch: Any) -> None:
    wanted = [("numpy", "2.4.0", "2.0"), ("platformdirs", "is missing", "4")]
    monkeypatch.setattr(doctor, "_required", lambda: iter(wanted))
    lines, faults = doctor.report()
    assert faults == ["platformdirs is missing: pip install 'platformdirs>=4'"]
    assert not any(line.startswith("cache: ") for line in lines)


# -- the wheel --------------------------------------------------------------------------------


def built(source: Path, out: Path, *kinds: str) -> list[Path]:
    out.mkdir(parents=True)
    words = [word for kind in kinds for word in ("-t", kind)]
    subprocess.run([sys.executable, "-m", "hatchling", "build", *words, "-d", str(out)], cwd=source,
                   check=True, capture_output=True)  # fmt: skip
    return sorted(out.iterdir())


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is under version control, without what lies about."""
    pytest.importorskip("hatchling", reason="the extra `dev` is not installed")
    folder = tmp_path_factory.mktemp("tree")
    kept = shutil.ignore_patterns("__pycache__", "generated", ".*")
    for name in ("optviz", "tests", "benchmarks", "docs", "gallery"):
        shutil.copytree(ROOT / name, folder / name, ignore=kept)
    for name in (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "CITATION.cff",
    ):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (found,) = built(tree, tmp_path_factory.mktemp("wheel") / "out", "wheel")
    return found


@pytest.mark.slow
def test_the_wheel_is_whole_and_holds_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"optviz-{ov.__version__}-py3-none-any.whl"  # no compiler is needed
    names = set(zipfile.ZipFile(wheel).namelist())
    page = {f"optviz/explorer/page/{name}.js" for name in MODULES}
    assert names >= page | {
        "optviz/py.typed", "optviz/__init__.pyi", "optviz/data/digits.npz",
        "optviz/render/player.html", "optviz/bench/report.html", "optviz/explorer/page/page.html",
        "optviz/explorer/page/style.css",
    }  # fmt: skip
    assert any(name.endswith("licenses/LICENSE") for name in names)
    own = (f"optviz-{ov.__version__}.dist-info/", "optviz/")
    assert [name for name in names if not name.startswith(own)] == []
    modules = {str(p.relative_to(ROOT)) for p in (ROOT / "optviz").rglob("*.py")}
    assert modules <= names
    assert wheel.stat().st_size < 2e6


@pytest.mark.slow
def test_the_wheel_is_the_same_each_time_and_from_the_sdist(
    tree: Path, wheel: Path, tmp_path: Path
) -> None:
    os.utime(tree / "optviz" / "__init__.py")  # when a file was written is no part of it
    (again,) = built(tree, tmp_path / "again", "wheel")
    assert again.read_bytes() == wheel.read_bytes()
    (sdist,) = built(tree, tmp_path / "sdist", "sdist")
    shutil.unpack_archive(sdist, tmp_path / "unpacked")
    (source,) = (tmp_path / "unpacked").iterdir()
    assert (source / "docs" / "conf.py").exists()
    (from_sdist,) = built(source, tmp_path / "from-sdist", "wheel")
    assert from_sdist.read_bytes() == wheel.read_bytes()


def pythons() -> Iterator[str]:
    """The interpreters of 3.11 to 3.14 that are here and run."""
    for minor in range(11, 15):
        found = shutil.which(f"python3.{minor}")
        if (
            found
            and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
        ):
            yield found


@pytest.mark.slow
@pytest.mark.parametrize("python", list(pythons()) or [sys.executable], ids=lambda p: Path(p).name)
def test_the_wheel_runs_where_only_its_dependencies_are(
    python: str, wheel: Path, tmp_path: Path
) -> None:
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYENV_VERSION")}
    subprocess.run([python, "-m", "venv", str(tmp_path / "venv")], check=True, env=env)
    bin_ = tmp_path / "venv" / "bin"
    words = [bin_ / "pip", "install", "-q", "--only-binary", ":all:", str(wheel)]
    installed = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    assert installed.returncode == 0, installed.stderr
    (tmp_path / "work").mkdir()
    for asked in (("doctor",), ("plot", "sgd:lr=0.9", "adam:lr=0.3"),
                  ("animate", "adam:lr=0.3", "--steps", "20"), ("train", "--epochs", "1"),
                  ("list", "studies")):  # fmt: skip
        done = subprocess.run([bin_ / "optviz", *asked], cwd=tmp_path / "work", env=env, text=True,
                              capture_output=True, check=False)  # fmt: skip
        assert done.returncode == 0, (asked, done.stdout, done.stderr)
    assert len(list((tmp_path / "work").iterdir())) == 3


SAMPLE = """
import numpy as np
from numpy.typing import NDArray

import optviz as ov
from optviz import Adam, Trajectory


def lowest(runs: list[Trajectory]) -> float:
    return min(float(t.values[-1]) for t in runs)


params: dict[str, NDArray[np.float64]] = {"w": np.ones(3)}
optimizer = Adam(lr=0.1, convention="torch")
optimizer.update(params, {"w": params["w"]})
state: dict[str, object] = dict(optimizer.state_dict())
t = ov.minimize("bowl", optimizer, start=(1.0, 2.0), steps=10)
points: NDArray[np.float64] = t.points
f = ov.function("x**2 + y**2")
value = f(1.0, 2.0)
figure = ov.plot([t, ov.minimize(f, "sgd:lr=0.1")])
ov.save(figure, "a.png")
print(lowest([t]), ov.tune("bowl", "adam").best, ov.optimizers["adam"], state, points, value)
net = ov.nn.MLP((2, 4, 2), rng=0)
with ov.trace(params) as recorder:
    recorder.step(loss=1.0)
"""
WRONG = 'import optviz as ov\n\nov.minimize("bowl", "adam", stepz=3)\nov.minimise("bowl", "adam")\n'


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_types_are_seen_from_outside(checker: str, tmp_path: Path) -> None:
    pytest.importorskip(checker, reason="the extra `dev` is not installed")
    words = [sys.executable, "-m", checker] + (["--strict"] if checker == "mypy" else [])
    for name, text in (("right", SAMPLE), ("wrong", WRONG)):
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    env = {**os.environ, "MYPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)}

    def checked(name: str) -> subprocess.CompletedProcess[str]:
        more = ["--pythonpath", sys.executable] if checker == "pyright" else []
        return subprocess.run([*words, *more, f"{name}.py"], cwd=tmp_path, capture_output=True,
                              text=True, check=False, env=env)  # fmt: skip

    right = checked("right")
    assert right.returncode == 0, right.stdout + right.stderr
    wrong = checked("wrong")
    assert "stepz" in wrong.stdout
    assert "minimise" in wrong.stdout


@pytest.mark.slow
def test_the_lowest_versions_that_are_named_do(wheel: Path, tmp_path: Path) -> None:
    pytest.importorskip("uv", reason="the extra `dev` is not installed")
    uv = [sys.executable, "-m", "uv"]
    subprocess.run(
        [*uv, "venv", "-q", "--python", sys.executable, str(tmp_path / "venv")], check=True
    )
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run(
        [*uv, "pip", "install", "-q", "--python", str(python), "--resolution", "lowest-direct",
         "--only-binary", ":all:", f"optviz[explore] @ {wheel.as_uri()}"], check=True,
    )  # fmt: skip
    for words in (("doctor",), ("animate", "adam:lr=0.3", "--steps", "20", "-o", "a.mp4"),
                  ("plot", "adam", "--on", "x^2 + y^4", "--surface", "-o", "a.svg"),
                  ("basins", "adam:lr=0.1", "--on", "himmelblau", "--size", "60x60", "-o", "b.png"),
                  ("sensitivity", "sgd", "--steps", "20", "-o", "s.png"),
                  ("train", "--epochs", "1", "-o", "t.png"), ("replay", "a.svg", "-o", "again.svg"),
                  ("explore", "--help")):  # fmt: skip
        done = subprocess.run([python, "-m", "optviz", *words], cwd=tmp_path, text=True,
                              capture_output=True, check=False)  # fmt: skip
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "a.svg").read_bytes()
