"""Optimizers and schedules of one's own, named in text and tuned whatever their rate is called."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import optviz as ov
from optviz.optimizers.schedules import Own, Schedule
from optviz.runs.entry import Entry
from optviz.shared.spec import SpecError
from optviz.studies.files import from_json, read_study, replay

MODULE = """
import optviz as ov

class Signed(ov.Optimizer):
    defaults = {"eta": 0.1, "beta": ov.optimizers.share(0.9)}
    rate_name = "eta"

    @staticmethod
    def rule(x, g, m, eta, beta):
        m = beta * m + (1 - beta) * g
        return x - eta * m, m

class Rateless(ov.Optimizer):
    defaults = {"alpha": 0.1}

    @staticmethod
    def rule(x, g, alpha):
        return x - alpha * g

number = 3
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The name of a module with optimizers, beside which we stand."""
    (tmp_path / "lab_notes.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "lab_notes", raising=False)
    yield "lab_notes"
    sys.modules.pop("lab_notes", None)


def test_a_class_in_a_module_is_an_optimizer_wherever_text_is(mine: str) -> None:
    text = f"{mine}:Signed:eta=0.3,beta=0.5"
    t = ov.minimize("bowl", text, steps=20)
    kind = sys.modules[mine].Signed
    assert type(t.optimizer) is kind
    assert t.optimizer.hyper == {"eta": 0.3, "beta": 0.5}
    np.testing.assert_array_equal(
        t.points, ov.minimize("bowl", kind(eta=0.3, beta=0.5), steps=20).points
    )
    np.testing.assert_array_equal(t.points, ov.race("bowl", text, steps=20)[0].points)
    assert ov.sweep("bowl", text, [(1.0, 1.0)], steps=20).optimizer.hyper == t.optimizer.hyper
    several = ov.study("plot", optimizers=[f"{mine}:Signed:eta=0.1,0.2,start=(1,2)", "adam"])
    assert [e.text for e in several.optimizers] == [
        f"{mine}:Signed:eta=0.1,start=(1,2)", f"{mine}:Signed:eta=0.2,start=(1,2)", "adam"
    ]  # fmt: skip
    varied = ov.study("plot", optimizers=f"{mine}:Signed", vary="beta=0,0.5", steps=5)
    assert [e.optimizer.hyper["beta"] for e in varied.optimizers] == [0.0, 0.5]
    assert all(e.is_tuned for e in varied.optimizers)


def test_a_rate_of_another_name_is_tuned_scanned_and_scheduled(mine: str) -> None:
    found = ov.tune("bowl", f"{mine}:Signed", steps=30)
    assert found.best.eta == found.rates[np.argmin(found.scores)]
    (t,) = ov.race("bowl", f"{mine}:Signed:beta=0.5", steps=30)
    assert t.remark == "best of 61"
    assert ov.plot(t)
    scan = ov.sensitivity("bowl", f"{mine}:Signed", starts=2, steps=10)
    assert list(scan.sweeps[0].over) == ["eta"]
    falling = ov.minimize("bowl", t.optimizer.fresh(eta=ov.schedules.Exponential(0.3, 0.5)))
    # After so many halvings nothing moves.
    np.testing.assert_allclose(falling.points[60], falling.points[-1], atol=1e-12)
    with pytest.raises(ValueError, match=r"rate_name ="):
        ov.tune("bowl", f"{mine}:Rateless")
    assert not Entry.read(f"{mine}:Rateless").is_tuned


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lab_notes:Sined:eta=1", r"no optimizer 'Sined' \(did you mean 'Signed'"),
        ("lab_notes:number", "has no optimizer 'number'"),
        ("lab_nots:Signed", "'lab_nots' cannot be imported"),
        ("lab_notes:Signed:lr=1", "has no 'lr'"),
        ("adm:lr=1", "did you mean 'adam'"),
    ],
)
def test_slips_in_such_a_text_are_told(mine: str, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ov.minimize("bowl", text)


def test_no_specification_imports_a_module(mine: str, tmp_path: Path) -> None:
    t = ov.minimize("bowl", f"{mine}:Signed:eta=0.3", steps=5)
    path = ov.save(ov.plot(t), tmp_path / "a.png", dpi=50)
    sys.modules.pop(mine)
    for read in (read_study, replay):
        with pytest.raises(SpecError, match="is a Python class"):
            read(path)
    for name in ("plot", "explain", "train", "basins"):
        spec = json.loads(ov.study(name).to_json())
        key = "optimizer" if name == "explain" else "optimizers"
        spec[key] = f"{mine}:Signed" if name == "explain" else [f"{mine}:Signed"]
        with pytest.raises(SpecError, match="is a Python class"):
            from_json(json.dumps(spec))
    s = ov.sweep("bowl", "adam", [(1.0, 1.0)], steps=5)
    file = s.save(tmp_path / "s.npz")
    arrays = dict(np.load(file))
    key = next(k for k, v in arrays.items() if v.dtype.kind in "US" or v.dtype == np.uint8)
    bad = bytes(arrays[key]) if arrays[key].dtype == np.uint8 else str(arrays[key]).encode()
    bad = bad.replace(b"adam:lr=0.001", b"lab_notes:Sign")
    assert b"lab_notes" in bad
    arrays[key] = np.frombuffer(bad, np.uint8) if arrays[key].dtype == np.uint8 else bad.decode()
    np.savez(file, **arrays)
    with pytest.raises(ValueError, match="no optimizer is called 'lab_notes"):
        ov.Sweep.load(file)
    assert mine not in sys.modules


def test_any_function_of_the_step_is_a_schedule(tmp_path: Path) -> None:
    def halved(t: int) -> float:
        return 0.8 if t < 5 else 0.4

    t = ov.minimize("bowl", ov.SGD(lr=halved), steps=20)
    step = ov.minimize("bowl", ov.SGD(lr=0.8), steps=5)
    rest = ov.minimize("bowl", ov.SGD(lr=0.4), start=step.points[-1], steps=15)
    np.testing.assert_array_equal(t.points, np.vstack([step.points, rest.points[1:]]))
    tuned = ov.tune("bowl", ov.SGD(lr=halved), steps=20, budget=21, starts=2).best
    assert tuned.lr(0) == pytest.approx(2 * tuned.lr(9))
    # In a loop of one's own too.
    opt, params = ov.SGD(lr=lambda t: 1.0 / (1 + t)), {"w": np.zeros(1)}
    for _ in range(3):
        opt.update(params, {"w": np.ones(1)})
    assert params["w"][0] == pytest.approx(-(1 + 1 / 2 + 1 / 3))
    # It has no text, and so no picture of it is made again.
    path = ov.save(ov.plot(t), tmp_path / "a.png", dpi=50)
    with pytest.raises(SpecError, match="given in Python only"):
        replay(path)


@pytest.mark.parametrize(
    ("rate", "says"),
    [
        (lambda t: -1.0, r"must give a number ≥ 0 for each step, not -1.0 at step 0"),
        (lambda t: 1.0 if t < 3 else None, "not None at step 3"),
        (lambda t: 1 / (2 - t), "fails at step 2: ZeroDivisionError"),
        (lambda: 0.1, "fails at step 0: TypeError"),
    ],
)
def test_a_function_that_gives_no_rate_is_told_with_its_step(rate, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ov.minimize("bowl", ov.SGD(lr=rate), steps=9)


def test_only_a_rate_can_be_a_function() -> None:
    with pytest.raises(ValueError, match="only lr can be a schedule"):
        ov.Momentum(momentum=lambda t: 0.9)
    with pytest.raises(ValueError, match="a function of the step"):
        Own(3.0)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True)
class Root(Schedule):
    """η/√t: a subclass with a field `rate` is tuned as it is."""

    rate: float

    def __call__(self, step):
        return self.rate / np.sqrt(step + 1)


def test_a_subclass_of_schedule_is_one() -> None:
    t = ov.minimize("sphere", ov.SGD(lr=Root(0.25)), steps=2)
    factors = np.array([1, 0.5, 0.5 * (1 - 0.5 / np.sqrt(2))])
    np.testing.assert_allclose(t.points, factors[:, None] * np.array(t.start))
    found = ov.tune("sphere", ov.SGD(lr=Root(1.0)), steps=30, budget=21, starts=2).best
    assert isinstance(found.lr, Root)
