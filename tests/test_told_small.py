"""Small things that pictures and findings tell, each computed from the result another way."""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any

import numpy as np
import pytest
from pydantic import Field
from pydantic.fields import FieldInfo

import optviz as ov
from optviz.functions.space import _short
from optviz.nn.records import History
from optviz.render.history import finding as told_of_history
from optviz.shared.text import percent, rounded
from optviz.studies.study import expected


def labelled(figure: Any, label: str) -> Any:
    return next(a for a in figure.axes if a.get_label() == label)


# -- runs ------------------------------------------------------------------------------------------


def test_a_sweep_in_n_dimensions_fills_its_blocks() -> None:
    """Several runs in a block, several blocks, and one run that is left over."""
    starts = np.random.default_rng(0).uniform(-1, 1, (513, 2 + 1))
    s = ov.sweep("sphere:n=3", "sgd:lr=0.25", starts, steps=3)
    np.testing.assert_allclose(s.final[0] if s.final.ndim == 3 else s.final, starts / 8, rtol=1e-12)


def test_windows_that_would_not_fit_into_memory_are_refused() -> None:
    with pytest.raises(ValueError, match="GB are free"):
        ov.sweep("bowl", "sgd:lr=0.1", np.zeros((4_000_000, 2)), steps=1000, runs=50,
                 windows=np.arange(1, 1001))  # fmt: skip


def test_a_plane_without_the_minimum_says_how_far_off_it_lies() -> None:
    t = ov.minimize("rosenbrock:n=6", "adam:lr=0.05", steps=40)
    figure = ov.plot(t)
    words = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert "and the minimum" in words
    f = ov.function("sphere:n=4")
    through = ov.slice(f, np.zeros(4), np.eye(4)[0], np.eye(4)[1])
    assert len(through.minima) == 1


def test_a_schedule_has_its_shares_in_every_sentence() -> None:
    """One explanation by hand: the share that is carried over, and how rates differ."""
    e = ov.explain("himmelblau", ov.Momentum(lr=0.01), steps=12)
    carried = np.linalg.norm(e.carried, axis=1).sum()
    share = carried / (carried + np.linalg.norm(e.fresh, axis=1).sum())
    assert (
        ov.study("explain", optimizer="momentum:lr=0.01", on="beale")
        .finding(e)
        .startswith(f"{percent(share, 0)} of the displacements")
    )


# -- optimizers ------------------------------------------------------------------------------------


def test_texts_of_a_thousand_characters_are_read_and_longer_ones_not() -> None:
    text = "sgd:lr=0.1"
    assert ov.parse_optimizer(text + "0" * (1000 - len(text))).lr == 0.1
    with pytest.raises(ValueError, match="at most 1000"):
        ov.parse_optimizer(text + "0" * (1001 - len(text)))


def test_a_state_with_junk_in_its_numbers_is_refused() -> None:
    optimizer, params = ov.Momentum(), {"w": np.ones(3)}
    optimizer.update(params, {"w": np.ones(3)})
    data = json.loads(optimizer.state_json())
    entry = next(v for v in data.values() if isinstance(v, dict) and v.get("base64"))
    entry["base64"] = entry["base64"][:4] + "!" + entry["base64"][4:]
    assert base64.b64decode(entry["base64"]), "which forgives it"
    with pytest.raises(ValueError, match="state"):
        optimizer.fresh().load_state_json(json.dumps(data))


# -- functions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [0.0, 0.5e-3, 2e-3])
def test_a_small_component_of_a_gradient_is_compared_by_itself(wrong: float) -> None:
    def f(x: float, y: float) -> float:
        return x**2 + 1e-3 * y

    ov.function(f, gradient=lambda x, y: (2 * x, 1e-3))
    with pytest.raises(ValueError, match="disagree"):
        ov.function(f, gradient=lambda x, y: (2 * x, wrong))


# -- pictures --------------------------------------------------------------------------------------


def test_the_history_without_validation_tells_of_its_training() -> None:
    nothing = np.full(3, np.nan)

    def history(accuracy: Any) -> History:
        return History(np.array([3.0, 2.0, 1.0]), np.zeros(3), accuracy, nothing, nothing,
                       np.full(3, 0.1), 3, False, 30)  # fmt: skip

    assert told_of_history(history(np.array([0.1, 0.5, 0.75]))).startswith("Training accuracy 75")
    assert told_of_history(history(nothing)).startswith(f"Training loss {rounded(1.0)}")


def test_the_surface_of_a_landscape_spans_its_colours() -> None:
    net = ov.nn.MLP((2, 4, 2), rng=0)
    rng = np.random.default_rng(0)
    land = ov.landscape(net, rng.normal(size=(20, 2)), rng.integers(0, 2, 20), size=(9, 9), rng=0)
    figure = ov.plot(land, view="surface")
    (surface,) = (c for a in figure.axes for c in a.collections
                  if type(c).__name__ == "Poly3DCollection")  # fmt: skip
    low, high = surface.get_clim()
    assert low < high


def test_the_map_of_who_does_not_end_anywhere_has_no_colour_of_a_minimum() -> None:
    b = ov.basins("himmelblau", "sgd:lr=0.01", size=(20, 20), steps=500)
    figure = ov.plot(b)
    texts = [t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text"))]
    shares = [float(t.split(" %")[0]) for t in texts if " %  (" in t]
    wanted = [100 * (b.sweeps[0].basin == k).mean() for k in range(4)]
    assert sorted(shares) == pytest.approx(sorted(wanted), abs=0.06)


# -- studies ---------------------------------------------------------------------------------------


def test_accuracies_stand_with_the_best_first() -> None:
    study = ov.study("init-training", data="moons:n=120", layers=[2, 6, 2], epochs=4,
                     inits=["he", "zeros", "xavier"], runs=1)  # fmt: skip
    result = study.run(None)
    accuracy = result.accuracy()
    told = study.finding(result)
    places = [told.index(study.inits[k]) for k in np.argsort(-accuracy, kind="stable")]
    assert places == sorted(places)


def test_batch_norm_in_use_has_the_quantiles_of_its_runs() -> None:
    study = ov.study("bn-inference", data="moons:n=150", layers=1, units=5, epochs=1, runs=4,
                     largest=8)  # fmt: skip
    told: list[tuple[int, int]] = []
    result = study.run(lambda done, of, *_: told.append((done, of)))
    median, low, high = result.curves()
    assert result.own.shape == (len(result.sizes), 4)
    np.testing.assert_allclose(median, np.median(result.own, axis=1))
    np.testing.assert_allclose(low, np.quantile(result.own, 0.1, axis=1), atol=1e-12)
    np.testing.assert_allclose(high, np.quantile(result.own, 0.9, axis=1), atol=1e-12)
    assert told[-1] == (4, 4)


def test_the_truth_is_drawn_behind_what_is_fitted() -> None:
    study = (
        ov.study("fit", steps=20, runs=1)
        if "steps" in type(ov.study("fit")).model_fields
        else (ov.study("fit"))
    )
    result = study.run(None)
    figure = study.draw(result)
    from optviz.studies.fit import truth

    wanted = truth(result.line)
    lines = [line for axes in figure.axes for line in axes.lines
             if len(line.get_xdata()) == len(result.line)]  # fmt: skip
    assert any(np.allclose(line.get_ydata(), wanted) for line in lines)


def test_a_network_that_has_not_been_trained_says_so() -> None:
    assert ov.study("vanishing", steps=0)._trained() == "before training"
    assert ov.study("vanishing", steps=5)._trained() != "before training"


def test_an_initialiser_that_there_is_not_is_refused_by_every_study_that_takes_one() -> None:
    from optviz.studies.lookup import studies

    for name in studies:
        fields = studies[name].model_fields
        if "init" in fields and "inits" not in fields:
            with pytest.raises(ValueError, match="init 'hee' is not known"):
                ov.study(name, init="hee").run(None)


def test_deep_networks_begin_from_the_seed_that_is_given() -> None:
    for name in ("bn-rates", "covariate-shift"):
        study: Any = ov.study(name, seed=7)
        assert study.deep_with(50).seed == 7
        assert ov.study(name, seed=0).deep_with(50).seed == 0


def test_lines_of_what_normalises_end_at_the_largest_batch() -> None:
    study: Any = ov.study("bn-inference", data="moons:n=150", layers=1, units=5, epochs=1, runs=2,
                          largest=16)  # fmt: skip
    result = study.run(None)
    axes = labelled(ov.plot(result), "error")
    assert axes.get_xlim() == (1.0, float(result.sizes[-1]))
    ends = [
        line.get_xdata()[-1] for line in axes.lines if len(line.get_xdata()) == len(result.sizes)
    ]
    assert ends
    assert set(ends) == {float(result.sizes[-1])}


def test_shares_of_pairs_of_units_add_up_to_all() -> None:
    study: Any = ov.study("dropout-masks", data="moons:n=120", epochs=2, runs=1)
    result = study.run(None)
    figure = study.draw(result)
    (axes,) = (a for a in figure.axes if a.get_xlabel().startswith("absolute correlation"))
    outlines = [p for p in axes.patches if not p.get_fill()]
    for patch in outlines:
        corners = patch.get_xy()
        heights = corners[1:-1:2, 1]
        assert heights.sum() == pytest.approx(1, abs=1e-6)


def test_sentences_begin_with_one_capital_letter() -> None:
    for name in ("momentum", "adam", "adagrad", "sgd"):
        for on in ("beale", "bowl", "himmelblau"):
            for told in ov.explain(on, f"{name}:lr=0.02", steps=15).sentences:
                assert told[0] == told[0].upper()
                assert told[1] == told[1].lower()


def test_a_docstring_is_no_statement_of_a_rule() -> None:
    from optviz.optimizers.rule import kernel_source, program_of

    def rule(x, g, lr):
        """Descends."""
        step = lr * g
        return x - step

    assert "step = " in kernel_source(program_of(rule, ("lr",)))


def test_levels_are_for_a_map_and_refused_for_a_surface() -> None:
    with pytest.raises(ValueError, match="levels"):
        ov.animate(ov.minimize("bowl", "adam:lr=0.3", steps=5), view="surface", levels=9)
    assert ov.animate(ov.minimize("bowl", "adam:lr=0.3", steps=5), levels=9) is not None


def test_a_page_has_numbers_of_five_digits(tmp_path: Any) -> None:
    film = ov.animate(ov.minimize("beale", "adam:lr=0.123", steps=6))
    text = film.save(tmp_path / "f.html").read_text()
    t = ov.minimize("beale", "adam:lr=0.123", steps=6)
    for value in (t.points[3, 0], t.values[4]):
        assert f'"{rounded(float(value), 5)}"' in text
        assert f'"{rounded(float(value), 6)}"' not in text


@pytest.mark.parametrize(
    ("kind", "bounds", "says"),
    [
        (int, {}, "a whole number"), (float, {}, "a number"), (str, {}, "a text"),
        (bool, {}, "true or false"), (float, {"gt": 0}, "a number > 0"),
        (int, {"ge": 1}, "a whole number ≥ 1"), (int, {"ge": 1, "le": 1000},
                                                 "a whole number from 1 to 1,000"),
        (float, {"ge": 0, "lt": 1}, "a number from 0 to below 1"),
        (float, {"gt": 0, "lt": 1}, "a number above 0 and below 1"),
        (float, {"gt": 0, "le": 2}, "a number above 0 and up to 2"),
    ],
)  # fmt: skip
def test_what_a_setting_takes_is_said_by_its_bounds(kind: Any, bounds: Any, says: str) -> None:
    assert expected(FieldInfo.from_annotation(Annotated[kind, Field(**bounds)])) == says


def test_points_of_many_coordinates_are_cut_after_four() -> None:
    assert _short(np.arange(4.0)) == "(0, 1, 2, 3)"
    assert _short(np.arange(5.0)) == "(0, 1, 2, 3, …)"


def test_the_seed_of_a_landscape_chooses_its_directions() -> None:
    def losses(seed: int) -> np.ndarray:
        settings = {"data": "moons:n=60", "layers": "2,4,2", "optimizers": "sgd", "epochs": 1,
                    "grid": "3x3", "directions": "random", "seed": seed}  # fmt: skip
        return ov.study("landscape", **settings).run().loss

    np.testing.assert_array_equal(losses(1), losses(1))
    assert not np.array_equal(losses(1), losses(2))
