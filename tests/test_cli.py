"""The command line, each command in a process of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import optviz as ov
from optviz.cli.app import main
from optviz.studies.catalogue import LISTED
from optviz.studies.files import read_study
from tests.processes import interruptible


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Before the file's name stands what the picture shows."""
    return done.stdout.splitlines()[-1]


def test_animate_names_its_file(run, tmp_path: Path) -> None:
    done = run("animate", "adam", "--steps", "20", "--size", "400x300")
    assert done.returncode == 0, done.stderr
    finding, name = done.stdout.splitlines()
    assert finding.startswith("Adam is at f − f* = ")
    assert name == "adam-on-bowl.gif"
    assert (tmp_path / "adam-on-bowl.gif").read_bytes()[:6] == b"GIF89a"


def test_race_to_mp4(run, tmp_path: Path) -> None:
    done = run("animate", "adam:lr=0.3", "momentum:lr=0.01", "--on", "beale", "--steps", "30",
               "-o", "race.mp4", "--size", "400x300", "--layout", "panels")  # fmt: skip
    assert (done.returncode, last_line(done)) == (0, "race.mp4"), done.stderr
    assert b"ftyp" in (tmp_path / "race.mp4").read_bytes()[:12]


@pytest.mark.slow
@pytest.mark.parametrize(
    "args",
    [
        ("adam", "--on", "sin(x)*cos(y) + x**2/10", "-o", "a.svg"),
        ("sgd:lr=0.1", "--on", "bowl", "--surface", "-o", "b.pdf"),
        ("sgd:lr=0.1", "--field", "--on", "himmelblau", "-o", "c.png", "--curve", "none"),
        ("sgd", "adam:convention=torch", "--layout", "panels", "--noise", "0.1", "-o", "d.png"),
        ("sgd:lr=onecycle(0.5,30)", "--bounds=-9,9,-9,9", "--start=-8,3", "-o", "e.png"),
    ],
)
def test_plots(run, tmp_path: Path, args) -> None:
    done = run("plot", *args, "--steps", "30")
    name = args[args.index("-o") + 1]
    assert (done.returncode, last_line(done)) == (0, name), done.stderr
    assert (tmp_path / name).stat().st_size > 2000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "name"),
    [
        (("basins", "momentum:lr=0.01", "sgd:lr=0.01", "--size", "40x30", "--steps", "100"),
         "basins-momentum-sgd-on-himmelblau.png"),
        (("basins", "adam", "--on", "x**2 + y**4", "--bounds=-2,2,-1,1", "--size", "30x20",
          "--tol", "0.001", "--noise", "0.1", "--seed", "4", "--theme", "dark", "-o", "b.svg"),
         "b.svg"),
        (("sensitivity", "sgd", "adam", "--rates", "0.01,3", "--starts", "4", "--size", "500x400",
          "--start=3,1", "--noise", "0.2", "-o", "s.pdf"), "s.pdf"),
        (("phase", "adam", "--on", "beale", "--x", "lr=0.01,1,log", "--y", "beta1=0,0.9",
          "--steps", "20", "--theme", "print", "-o", "p.jpg"), "p.jpg"),
        (("plot", "sgd:lr=0.1", "adam", "--sensitivity", "--steps", "20", "-o", "strip.png"),
         "strip.png"),
    ],
)  # fmt: skip
def test_pictures_of_sweeps(run, tmp_path: Path, args, name: str) -> None:
    done = run(*args, PYTHONWARNINGS="error")
    assert (done.returncode, last_line(done)) == (0, name), done.stderr
    assert (tmp_path / name).stat().st_size > 2000
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.slow
def test_plot_of_a_python_function(run, tmp_path: Path) -> None:
    (tmp_path / "hills.py").write_text("def hill(x, y):\n    return (x - 1)**2 + y**4\n")
    done = run("plot", "adam", "--on", "hills:hill")
    assert (done.returncode, last_line(done)) == (0, "adam-on-formula.png"), done.stderr


def test_quiet_prints_nothing(run) -> None:
    done = run("plot", "sgd:lr=0.1", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_lists(run) -> None:
    optimizers = run("list").stdout
    functions = run("list", "functions").stdout
    assert all(name in optimizers for name in ov.optimizers)
    assert all(name in functions for name in ov.functions)
    assert "θ ← θ − η g" in optimizers
    assert "x²/20 + y²" in functions
    data = run("list", "data").stdout
    assert all(name in data for name in ov.data.datasets)
    assert "n=1000, noise=0.1, seed=0" in data
    assert run("list", "mnist").stdout.endswith("optviz train --data mnist:PATH\n")


def test_version_and_module(run) -> None:
    assert run("version").stdout.startswith(f"optviz {ov.__version__}\npython 3.")


def test_help_needs_nothing_heavy() -> None:
    program = (
        "import sys\nfrom optviz.cli.app import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "bad = {'numba', 'matplotlib', 'sympy', 'numpy'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("animate", "adm"), "did you mean 'adam'"),
        (("animate", "adam", "--on", "rosenbrok"), "did you mean 'rosenbrock'"),
        (("animate", "adam:lr=-1"), "lr must be a positive number"),
        (("animate", "adam:lr=fast"), "lr must be a number, not 'fast'"),
        (("plot", "--ema", "0.9"), "a setting of an optimizer, written behind its name: adam:ema="),
        (("animate", "adam:beta1=1"), "beta1 must be a number in [0, 1)"),
        (("animate", "adam", "--steps", "0"), "steps must be a whole number from 1"),
        (("animate", "adam", "--steps", "1000000000"), "to 10,000,000"),
        (
            ("animate", "adam", "--steps", "x"),
            "steps must be a whole number from 1 to 10,000,000, not 'x'",
        ),
        (("animate", "adam", "--start", "99,1"), "outside bowl's domain"),
        (("animate", "adam", "--start", "1"), "start must be two numbers"),
        (("animate", "adam", "--bounds", "1,2"), "bounds must be four numbers"),
        (("animate", "adam", "--size", "huge"), "size must be WIDTHxHEIGHT"),
        (("animate", "adam", "--size", "99999x99999"), "size must lie between"),
        (("animate", "adam", "--fps", "0"), "fps must be a whole number from 1 to 100, not 0"),
        (("animate", "adam", "--noise=-1"), "noise must be a number ≥ 0, not -1"),
        (("animate", "adam", "-o", "no/such/a.gif"), "does not exist"),
        (("animate", "adam", "-o", "a.xyz"), "one of .gif, .mp4, .webm"),
        (("plot", "adam", "-o", "a.gif"), "one of .png, .svg, .pdf, .jpg"),
        (("plot", "--surface", "--field"), "choose one"),
        (("plot", "--on", "9**9**9"), "exponent 387420489 is beyond 64"),
        (("plot", "--on", "__import__('os').system('touch pwned')"), "dots are for decimals|only"),
        (("basins", "adam", "--on", "himelblau"), "did you mean 'himmelblau'"),
        (("basins", "adam:lr=0.1", "--size", "1x5"), "x takes from 2 to 100,000 values"),
        (("basins", "adam:lr=0.1", "--size", "100000x100000"), "at most"),
        (("basins", "adam:lr=0.1", "--tol=-1"), "tol must be a number ≥ 0, not -1"),
        (("sensitivity", "sgd", "--rates", "3"), "LOW,HIGH"),
        (("sensitivity", "sgd", "--starts", "0"), "starts must be"),
        (("phase", "adam"), "Adam has no 'momentum'"),
        (("phase", "momentum", "--y", "lr"), "not lr twice"),
        (("plot", "sgd", "--sensitivity", "--surface"), "goes with contour or field"),
        (
            ("explain", "adam", "--fps", "0", "-o", "a.gif"),
            "fps must be a whole number from 1 to 100",
        ),
        (
            ("animate", "adam", "--surface", "-o", "x.html"),
            "one of .gif, .mp4, .webm, .webp, .apng, .png",
        ),
        (("animate", "adam", "--stpes", "3"), "no option --stpes (did you mean '--steps'?)"),
        (("animat", "adam"), "no command is called animat (did you mean 'animate'?)"),
        (("list", "optimisers"), "'optimisers' (did you mean 'optimizers'?)"),
        (("phase", "adam", "momentum"), "has no place for the word momentum (see"),
        (("plot", "sgd", "--preset", "course"), "the preset course has optimizers of its own"),
        (("bench", "run", "quick", "--problem", "nope"), "`optviz bench list` has them all"),
    ],
)
def test_bad_input_is_one_line_and_code_2(run, tmp_path: Path, args, says: str) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert any(part in done.stderr for part in says.split("|")), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_a_command_there_is_help(run) -> None:
    for words in ((), ("bench",)):
        done = run(*words)
        assert done.returncode == 2
        assert done.stderr.startswith(" ".join(["Usage: optviz", *words, "[OPTIONS] COMMAND"]))
        assert done.stderr == run(*words, "--help").stdout


def test_json_without_a_specification_is_told_of(run, tmp_path: Path) -> None:
    for text in ('{"a": 1}', "[1]"):
        (tmp_path / "a.json").write_text(text)
        assert "a.json carries no specification" in run("spec", "a.json").stderr


TRAIN = ("train", "--data", "moons:n=200", "--layers", "2,8,2")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Like `run`, in this process: half a second less for each command."""

    def call(*args: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["optviz", *args])
        with pytest.raises(SystemExit) as caught:
            main()
        out = capsys.readouterr()
        return subprocess.CompletedProcess(args, int(caught.value.code or 0), out.out, out.err)

    return call


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--data", "digts"), "did you mean 'digits'"),
        (("--data", "none.csv"), "none.csv"),
        (("--optimizer", "adm"), "did you mean 'adam'"),
        (("--optimizer", "adam:lr=-1"), "lr must be a positive number"),
        (("--activation", "rulu"), "did you mean 'relu'"),
        (("--init", "hee"), "did you mean 'he'"),
        (("--layers", "64,x"), "layers must be sizes such as 64,100,100,10"),
        (("--layers", "63,10"), "layers must be such as 64,100,100,10"),
        (("--dropout", "1"), "dropout must be a number from 0 to below 1, not 1"),
        (("--dropout", "x"), "dropout must be a number from 0 to below 1, not 'x'"),
        (("--epochs", "0"), "epochs must be a whole number"),
        (("--batch-size", "0"), "batch_size must be a whole number"),
        (("--patience", "0"), "patience must be a whole number"),
        (("--runs", "0"), "runs must be a whole number"),
        (("--seed=-1",), "seed must be a whole number from 0"),
        (("--l2=-1",), "l2 must be a number ≥ 0"),
        (("--weight-decay", "nan"), "weight_decay must be a number ≥ 0, not nan"),
        (("--size", "1x1"), "size must lie between"),
        (("-o", "a.gif"), "one of .png, .svg, .pdf, .jpg"),
        (("-o", "no/such/a.png"), "does not exist"),
        (("--save", "net.txt"), "one of .npz"),
        (("--save", "no/such/net.npz"), "does not exist"),
        (("--checkpoint", "a.txt"), "checkpoint must be named .npz"),
        (("--checkpoint", "a.npz", "--runs", "2"), "one optimizer and one run"),
        (("--epoch", "3"), "no option --epoch (did you mean '--epochs'?)"),
    ],
)
def test_bad_training_is_one_line_and_code_2(here, tmp_path: Path, args, says: str) -> None:
    done = here("train", *args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_train_with_no_options(run, tmp_path: Path) -> None:
    done = run("train")
    assert done.returncode == 0, done.stderr
    *table, last, finding, name = done.stdout.splitlines()
    assert finding == f"Accuracy in the test: Adam {float(last.split()[3].rstrip('%,')):.1f} %"
    assert table[0].split()[:3] == ["epoch", "loss", "accuracy"]
    assert [line.split()[0] for line in table[1:]] == [str(k) for k in range(1, 31)]
    assert last.startswith("adam:lr=0.001  test accuracy ")
    assert float(last.split()[3].rstrip("%,")) >= 97
    assert name == "train-adam-on-digits.png"
    assert (tmp_path / name).read_bytes()[:4] == b"\x89PNG"
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_train_goes_on_from_its_checkpoint(here, tmp_path: Path) -> None:
    """The same command twice; then with more epochs; then another command is refused."""
    words = (*TRAIN, "--checkpoint", "c.npz", "--save", "n.npz", "-o", "a.png", "--epochs")
    first = here(*words, "3")
    network, picture = (tmp_path / "n.npz").read_bytes(), (tmp_path / "a.png").read_bytes()
    again = here(*words, "3")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert first.stdout.splitlines()[-3:] == again.stdout.splitlines()[-3:]
    assert (tmp_path / "n.npz").read_bytes() == network
    assert (tmp_path / "a.png").read_bytes() == picture
    more = here(*words, "5")
    assert [line.split()[0] for line in more.stdout.splitlines()[1:3]] == ["4", "5"]
    whole = here(*TRAIN, "--epochs", "5", "--save", "w.npz", "-o", "a.png")
    assert whole.returncode == 0
    assert (tmp_path / "w.npz").read_bytes() == (tmp_path / "n.npz").read_bytes()
    before = (tmp_path / "c.npz").read_bytes()
    other = here(*words, "5", "--dropout", "0.3")
    assert (other.returncode, other.stderr.count("\n")) == (2, 1)
    assert "is of another run (network differ)" in other.stderr
    (tmp_path / "c.npz").write_bytes(before[: len(before) // 2])
    damaged = here(*words, "5")
    assert (damaged.returncode, damaged.stderr.count("\n")) == (2, 1)
    assert "c.npz is no checkpoint of optviz" in damaged.stderr


def test_train_compares(here, tmp_path: Path) -> None:
    done = here(*TRAIN, "--optimizer", "sgd:lr=0.1", "--optimizer", "adam", "--runs", "3",
               "--epochs", "3", "--size", "640x400")  # fmt: skip
    assert done.returncode == 0, done.stderr
    sgd, adam, finding, name = done.stdout.splitlines()
    assert finding.startswith("Accuracy in the test, median of 3 runs: ")
    assert sgd.startswith("sgd:lr=0.1     test accuracy")
    assert adam.startswith("adam")
    assert "(from " in adam
    assert name == "train-sgd-adam-on-moons.png"
    assert here("replay", name, "-o", "b.png").returncode == 0
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / name).read_bytes()
    words = shlex.split(here("spec", name).stdout.splitlines()[1])
    assert here(*words[1:], "-o", "c.png").returncode == 0
    assert (tmp_path / "c.png").read_bytes() == (tmp_path / name).read_bytes()


def test_train_on_a_table_of_ones_own(here, tmp_path: Path) -> None:
    rows = [f"{k % 7},{k % 5},{'yes' if k % 7 > 3 else 'no'}" for k in range(120)]
    (tmp_path / "own.csv").write_text("a,b,kind\n" + "\n".join(rows) + "\n")
    done = here("train", "--data", "own.csv", "--epochs", "40", "--layers", "2,20,2", "-q",
               "--optimizer", "adam:lr=0.01")  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    again = here("replay", "train-adam-on-own.png")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "neither built in nor generated" in again.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["own.csv", "train-adam-on-own.png"]


def test_a_training_that_diverges_is_a_result(here) -> None:
    done = here(*TRAIN, "--optimizer", "sgd:lr=1e9", "--no-batch-norm", "--epochs", "4")
    assert done.returncode == 0
    (hint,) = done.stderr.splitlines()
    assert hint.startswith("optviz: SGD(lr=1000000000): training diverged: the loss is nan since")
    assert "nan" in done.stdout


@pytest.mark.parametrize(
    "args",
    [
        ("animate", "adam", "-o", "a.xyz"),
        ("animate", "adam", "--surface", "-o", "a.html"),
        ("plot", "adam", "-o", "no/such/a.png"),
        ("explain", "adam", "--fps", "0", "-o", "a.gif"),
        ("basins", "adam", "--size", "1x1"),
        ("sensitivity", "adam", "--theme", "blue"),
        ("phase", "momentum", "-o", "a.gif"),
        ("train", "--save", "net.txt"),
        ("init-histograms", "--inits", "hee"),
    ],
)
def test_bad_input_is_refused_before_work(here, monkeypatch: pytest.MonkeyPatch, args) -> None:
    """Nothing runs: not a step of a path, not a sweep, not an epoch."""

    def work(*_: object, **__: object) -> None:
        raise AssertionError("work began")

    for place in ("runs.race.minimize", "runs.race.tune", "studies.basins.sweep",
                  "studies.sensitivity.sweep", "studies.phase.sweep", "studies.train.compare",
                  "nn.Network.activations"):  # fmt: skip
        monkeypatch.setattr(f"optviz.{place}", work)
    assert here(*args).returncode == 2
    with pytest.raises(AssertionError, match="work began"):
        here(*(args[:2] if args[0] == "plot" else args[:1]))


@pytest.mark.slow
def test_a_read_only_folder_is_the_machines_fault(run, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    # Root may write to any ordinary folder, but nobody to this one.
    folder = "/proc" if os.geteuid() == 0 else "locked"
    for command in (
        ("plot", "sgd:lr=0.1", "-o", f"{folder}/a.png"),
        ("animate", "sgd:lr=0.1", "-o", f"{folder}/a.gif"),
        (*TRAIN, "--epochs", "1", "--checkpoint", f"{folder}/a.npz"),
    ):
        done = run(*command)
        assert done.returncode == 1, done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert folder in done.stderr


@pytest.mark.slow
def test_no_space_leaves_nothing(tmp_path: Path) -> None:
    """A file-size limit stands in for a full disk."""
    program = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "import optviz as ov\n"
        "t = ov.minimize('bowl', ov.Adam(lr=0.3), steps=40)\n"
        "ov.plot(t).canvas.draw()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "from optviz.cli.app import main\n"
        "sys.argv = ['optviz', *sys.argv[1:]]\n"
        "main()"
    )
    for name in ("plot", "animate"):
        target = tmp_path / ("a.png" if name == "plot" else "a.gif")
        target.write_bytes(b"old")
        done = subprocess.run(
            [sys.executable, "-c", program, name, "adam:lr=0.3", "-o", target.name],
            cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert "too large" in done.stderr, done.stderr
        assert target.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gif", "a.png"]


@pytest.mark.slow
def test_ctrl_c_ends_soon_and_leaves_nothing(tmp_path: Path) -> None:
    process = interruptible(
        [sys.executable, "-m", "optviz", "animate", "adam:lr=0.01", "--steps", "150000",
         "--on", "rosenbrock", "--size", "1920x1080", "-o", "a.mp4"],
        cwd=tmp_path,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "optviz: interrupted"
    assert "Traceback" not in errors
    assert time.monotonic() - began < 10  # not a benchmark: it must not run to its end
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_first_run_says_that_it_compiles(run, tmp_path: Path) -> None:
    cache = tmp_path.parent / f"{tmp_path.name}-cache"
    first = run("plot", "sgd:lr=0.1", OPTVIZ_CACHE_DIR=str(cache), NUMBA_DISABLE_JIT="0")
    second = run("plot", "sgd:lr=0.1", OPTVIZ_CACHE_DIR=str(cache), NUMBA_DISABLE_JIT="0")
    assert "compiling" in first.stderr
    assert second.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_offered(here, monkeypatch, shell: str) -> None:
    """By name, whatever runs it; nothing is asked of any shell, which need not be there."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("SHELL", raising=False)
    done = here("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_OPTVIZ_COMPLETE={shell}_complete" in done.stdout
    registers = {"bash": "complete -o nosort -F _optviz_completion optviz",
                 "zsh": "compdef _optviz_completion optviz",
                 "fish": "complete --no-files --command optviz"}  # fmt: skip
    assert registers[shell] in done.stdout
    assert here("--show-completion", shell).stdout == done.stdout
    # Without a name it is the user's shell, if that is known.
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    assert here("completion").stdout == here("--show-completion").stdout == done.stdout


@pytest.mark.parametrize(("words", "user"), [(("completion",), ""), (("--show-completion",), ""),
                                             (("completion",), "/bin/dash"),
                                             (("completion", "cmd"), "/bin/bash")])  # fmt: skip
def test_a_shell_that_is_not_known_is_told(here, monkeypatch, words, user: str) -> None:
    monkeypatch.setenv("SHELL", user)
    done = here(*words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "give one of bash, zsh, fish, as in `optviz completion bash`" in done.stderr


BASH = shutil.which("bash")
COMPLETES = r"""
eval "$("$PYTHON" -m optviz completion bash)" || exit 3
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
registered=$(complete -p optviz) || exit 4
[[ $registered =~ -F\ ([^ ]+) ]] || exit 5
"${BASH_REMATCH[1]}" optviz
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(BASH is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "offers"),
    [
        (("pl",), ["plot"]),
        (("basins", "--on", "hi"), ["himmelblau"]),
        (("list", "opt"), ["optimizers"]),
        (("phase", "adam", "--theme", ""), ["light", "dark", "print"]),
    ],
)
def test_bash_completes(tmp_path: Path, words, offers: list[str]) -> None:
    """The script, read by a real bash, and the function that it registers, as TAB calls it."""
    assert BASH is not None
    executable = tmp_path / "optviz"  # the function calls what is typed, by name
    executable.write_text(f'#!{BASH}\nexec "{sys.executable}" -m optviz "$@"\n')
    executable.chmod(0o755)
    done = subprocess.run(
        [BASH, "--norc", "-c", COMPLETES, "bash", "optviz", *words], capture_output=True, text=True,
        env={**os.environ, "PYTHON": sys.executable, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == offers


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        ("optviz an", ["animate"]),
        ("optviz plot --on hi", ["himmelblau"]),
        ("optviz plot ada", ["adagrad", "adadelta", "adam", "adamax", "adamw", "adan"]),
        ("optviz plot adam --ste", ["--steps"]),
        ("optviz plot adam --theme d", ["dark"]),
        ("optviz train --data moo", ["moons"]),
        ("optviz train --optimizer rad", ["radam"]),
    ],
)
def test_completion_offers_names(run, words: str, offers: list[str]) -> None:
    done = run(COMP_WORDS=words, COMP_CWORD=str(words.count(" ")), _OPTVIZ_COMPLETE="bash_complete")
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == offers, done.stderr


def test_nothing_that_a_terminal_would_obey_is_printed(run) -> None:
    bad = "a\x1b[31m\x07dam"
    for args in ((bad,), ("plot", bad), ("plot", "--on", bad), ("plot", f"--{bad}"),
                 ("plot", "adam", "--curve", bad),
                 ("plot", "adam", "-o", f"{bad}.xyz")):  # fmt: skip
        done = run(*args)
        assert done.returncode == 2
        assert done.stderr.rstrip("\n").isprintable(), done.stderr


def test_a_name_that_is_too_long_is_refused(run, tmp_path: Path) -> None:
    done = run("plot", "sgd:lr=0.1", "-o", "a" * 300 + ".png")
    assert done.returncode == 2
    assert "more than 230 bytes" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert run("plot", "sgd:lr=0.1", "-o", "a" * 226 + ".png").returncode == 0


def test_list_studies(run) -> None:
    text = run("list", "studies").stdout
    for name, entry in LISTED.items():
        assert name in text
        assert entry.summary.split()[0] in text


def test_tune_replaces_a_rate_that_was_given(tmp_path: Path) -> None:
    words = ["plot", "adam:lr=100", "sgd", "--tune", "-o", "tuned.png", "--dpi", "50"]
    done = subprocess.run(
        [sys.executable, "-m", "optviz", *words], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    study = read_study(tmp_path / "tuned.png")
    assert study.tune
    paths = study.run().trajectories
    assert [t.remark for t in paths] == ["best of 61", "best of 61"]
    assert paths[0].optimizer.lr < 10
