"""What users of the documents stumbled over: false statements, lost settings, raw errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import optviz as ov


@pytest.mark.parametrize(
    ("formula", "lowest"),
    [
        ("log(x)+y^2", None), ("log(x^2)+y^2", None), ("log(x+5)+y^2", None), ("1/x+y^2", None),
        ("x^x+y^2", None), ("arcsin(x)+y^2", -np.pi / 2), ("sqrt(x)+y^2", 0.0),
        ("x*log(x)+y^2", -np.exp(-1)),
    ],
)  # fmt: skip
def test_where_f_is_not_defined_it_has_no_minimum(formula: str, lowest: float | None) -> None:
    f = ov.function(formula)
    assert f.minimum == (None if lowest is None else pytest.approx(lowest, rel=1e-9))
    x, y = np.meshgrid(np.linspace(-5, 5, 801), np.linspace(-5, 5, 201))
    z = f(x, y)
    if f.minimum is not None:
        assert np.nanmin(z) >= f.minimum - 1e-6
        assert np.isfinite(f(*f.minima.T)).all()


def test_two_paths_of_one_name_are_both_there() -> None:
    runs = [ov.minimize("bowl", ov.Adam(lr=0.3), steps=30) for _ in range(2)]
    study = ov.study("plot", optimizers="adam:lr=0.3", steps=30)
    two = study.finding(type(study.run())(runs[0].function, tuple(runs)))
    assert two.startswith("2 paths of Adam")
    assert "are equally low after 30 steps" in two
    assert "left" not in two


def test_an_unchecked_gradient_stays_unchecked() -> None:
    def uphill(x: float, y: float) -> tuple[float, float]:
        return -x, 2 * y

    f = ov.function(lambda x, y: x**2 + y**2, gradient=uphill, check=False)
    t = ov.minimize(f, "sgd:lr=0.1", steps=5)
    assert ov.plot(t).get_axes()[0].get_label() == "map"
    assert ov.function(f, start=(1, 1)).start == (1, 1)
    with pytest.raises(ValueError, match="finite differences of f give"):
        ov.function(lambda x, y: x**2 + y**2, gradient=uphill)
    g = ov.function(lambda p: (p**2).sum(), n=3, gradient=lambda p: -p, check=False)
    assert ov.function(g, start=(1, 1, 1)).start == (1, 1, 1)


@pytest.mark.parametrize("setting", [
    {"steps": 5}, {"noise": 1.0}, {"start": (1, 2)}, {"seed": 3}, {"tol": 0.1}, {"box": True},
    {"runs": 3}, {"optimizers": "adam"}, {"tune": True}, {"preset": "course"}, {"vary": "lr=1,2"},
])  # fmt: skip
def test_what_has_run_is_drawn_as_it_ran(setting: dict[str, Any]) -> None:
    t = ov.minimize("bowl", "adam:lr=0.3", steps=9)
    says = f"{next(iter(setting))} is a setting of the run, and this has been run"
    for call in (ov.plot, ov.animate):
        with pytest.raises(ValueError, match=says):
            call(t, **setting)
    if "steps" in setting:
        basins = ov.basins("bowl", "sgd:lr=0.1", size=(9, 7), steps=20)
        with pytest.raises(ValueError, match=says):
            ov.plot(basins, **setting)


def test_bounds_may_be_an_array() -> None:
    f = ov.function("bowl", bounds=np.array([[-1, 1], [-1, 1]]))
    assert f.bounds == ((-1.0, 1.0), (-1.0, 1.0))


def test_a_point_without_a_value_is_not_the_edge_of_the_picture() -> None:
    f = ov.function(lambda x, y: 1 / 0 if x < 0.2 else x**2 + y**2, start=(2, 1))
    t = ov.minimize(f, "sgd:lr=0.1", steps=60)
    assert f.contains(t.points).all()
    (told,) = [text.get_text() for text in ov.plot(t).texts if "SGD" in text.get_text()][1:2]
    assert told == f"SGD came to where f has no value, at step {t.diverged_at}"
    assert t.exit_words() == f"no value at step {t.diverged_at}"
    away = ov.minimize("bowl", "sgd:lr=1.5", steps=60)
    assert away.exit_words() == f"left at step {away.left_at()}"


@pytest.mark.parametrize("name", ["confusion", "mistakes", "boundary"])
def test_a_network_that_diverged_has_no_answers(name: str) -> None:
    data = "moons:n=80" if name == "boundary" else "digits"
    study = ov.study(name, data=data, optimizer="sgd:lr=1e20", epochs=2, batch_norm=False)
    with pytest.warns(ov.nn.TrainingHint, match="diverged"):
        result = study.run()
    assert study.finding(result).startswith("Training diverged in epoch ")
    assert ov.plot(result).get_axes()
