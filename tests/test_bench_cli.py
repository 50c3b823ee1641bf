"""`optviz bench` as a user calls it, and what its reports say."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import optviz as ov
from optviz.bench.exports import export
from optviz.bench.pictures import PICTURES
from optviz.bench.rank_pictures import finding
from optviz.bench.report import Report
from optviz.shared.text import rounded
from tests.catalogue import RULES
from tests.test_bench_run import SMALL

TOML = """
problems = ["bowl", "beale"]
optimizers = ["sgd", "adam"]
configurations = 4
tuning_seeds = 1
seeds = 3
steps = 30
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    store = tmp_path_factory.mktemp("bench") / "r.sqlite"
    ov.bench.run(SMALL, store, workers=1)
    return ov.bench.report(store)


def test_a_suite_from_its_file_to_its_report(run, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML)
    done = run("bench", "run", "mine.toml", "--workers", "1")
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert re.fullmatch(r"28 of 28 cells in results.sqlite, \d+ s", first)
    assert last == "optviz bench report results.sqlite"
    assert run("bench", "run", "mine.toml", "-q").stdout == ""
    told = run("bench", "status", "results.sqlite").stdout
    assert told == "mine: 28 of 28 cells done, 0 failed, 0 left\n"
    done = run("bench", "report", "results.sqlite", "-o", "a.md")
    assert done.stdout.splitlines()[-1] == "a.md"
    assert done.stdout.splitlines()[0] in (tmp_path / "a.md").read_text()
    assert run("bench", "export", "results.sqlite", "-o", "c.csv").stdout == "c.csv\n"
    assert len((tmp_path / "c.csv").read_text().splitlines()) == 29
    done = run("bench", "forget", "results.sqlite", "--optimizer", "sgd")
    assert done.stdout == "14 cells forgotten\n"
    done = run("bench", "retry", "results.sqlite", "--workers", "1")
    assert done.stdout == "mine: 28 of 28 cells done, 0 failed\n"
    done = run("bench", "compare", "results.sqlite", "results.sqlite", "--fail")
    assert (done.returncode, done.stdout) == (
        0, "4 pairs: 0 better, 0 worse, 4 not told apart\n"
    )  # fmt: skip
    assert {p.name for p in tmp_path.iterdir()} == {"mine.toml", "results.sqlite", "a.md", "c.csv"}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("run", "quik"), "did you mean 'quick'"),
        (("rnu",), "did you mean 'run'"),
        (("run", "quick", "--optimizer", "adm"), "did you mean 'adam'"),
        (("run", "quick", "--problem", "beal"), "did you mean 'beale'"),
        (("run", "quick", "--seeds", "0"), "seeds must be a whole number from 1"),
        (("run", "quick", "--tune", "none"), "tune must be one of rate, all"),
        (("run", "quick", "--workers", "0"), "workers must be a whole number from 1"),
        (("run", "quick", "--executor", "mpi"), "executor must be dask"),
        (("run", "quick", "--scheduler", "tcp://x"), "--scheduler is for --executor dask"),
        (("run", "quick", "--sedes", "3"), "did you mean '--seeds'"),
        (("status", "gone.sqlite"), "there is no such store"),
        (("report", "gone.sqlite"), "there is no such store"),
        (("export", "gone.sqlite"), "there is no such store"),
        (("forget", "gone.sqlite"), "there is no such store"),
        (("compare", "gone.sqlite", "gone.sqlite"), "there is no such store"),
        (("merge", "gone.sqlite", "-o", "x.sqlite"), "there is no such store"),
    ],
)
def test_slips_have_one_line(run, tmp_path: Path, args: tuple[str, ...], says: str) -> None:
    done = run("bench", *args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr
    assert not list(tmp_path.iterdir())


def test_lists_suites_and_problems(run) -> None:
    told = run("bench", "list").stdout
    assert all(name in told for name in ov.bench.SUITES)
    assert "rosenbrock:n=10~gaussian=0.1" in told


def test_the_finding_is_the_ranking(report: Report) -> None:
    results = report.results
    ranks = results.to_pandas().groupby(["problem", "seed"])["score"].rank()
    frame = results.to_pandas().assign(rank=ranks.to_numpy())
    by_problem = frame.groupby(["optimizer", "problem"])["rank"].mean()
    means = by_problem.groupby("optimizer").mean()
    best = means.idxmin()
    told = finding(results)
    assert best in told or "None of" in told
    np.testing.assert_allclose(
        results.rank().ranks, [means[name] for name in results.optimizers], rtol=1e-12
    )
    summary = results.summary().columns
    assert (
        list(summary["optimizer"]) == list(means.sort_values(kind="stable").index)
        or (np.diff(summary["mean rank"]) >= 0).all()
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_draw_what_the_results_are(report: Report, theme: str) -> None:
    results = report.results
    figure = PICTURES["ranking"](results, theme)
    assert figure is not None
    axes = next(a for a in figure.axes if a.get_label() == "all")
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    drawn = sorted(float(line.get_xdata()[0]) for line in dots)
    np.testing.assert_allclose(drawn, sorted(results.rank().ranks))
    ranks = results.to_pandas().groupby(["problem", "seed"])["score"].rank().to_numpy()
    by_problem = ranks.reshape(results.scores.shape).mean(axis=2)
    half = stats.t.ppf(0.975, len(by_problem) - 1) * stats.sem(by_problem, axis=0)
    wide = [line.get_xdata() for line in axes.lines if line.get_label() == "problems"]
    wanted = np.clip(by_problem.mean(axis=0) + np.outer([-1, 1], half), 1, 3)
    order = np.argsort(by_problem.mean(axis=0), kind="stable")
    np.testing.assert_allclose(wide, wanted.T[order])
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert sorted(names) == sorted(results.optimizers)
    figure = PICTURES["curves"](results, theme)
    assert figure is not None
    for p, text in enumerate(results.problems):
        axes = next(a for a in figure.axes if a.get_label() == text)
        last = [float(line.get_ydata()[-1]) for line in axes.lines]
        wanted = [np.median(np.log10(np.clip(results.curves[p][o][:, -1], 1e-12, 10)))
                  for o in range(3)]  # fmt: skip
        np.testing.assert_allclose(np.log10(last), wanted, atol=1e-9)
    figure = PICTURES["ecdf"](results, theme)
    assert figure is not None
    ends = [float(line.get_ydata()[-1]) for line in figure.axes[0].lines]
    wanted = [np.isfinite(results.times[:2, o]).mean() for o in range(3)]
    np.testing.assert_allclose(ends, wanted)
    figure = PICTURES["critical"](results, theme)
    assert figure is not None
    over = stats.rankdata(results.scores.mean(axis=2), axis=1).mean(axis=0)
    drawn = [
        line.get_xdata()[0] for line in figure.axes[0].lines if line.get_label() == "optimizer"
    ]
    np.testing.assert_allclose(drawn, np.sort(over))
    told = {text.get_text() for text in figure.axes[0].texts}
    for name, rank in zip(results.optimizers, over, strict=True):
        assert told & {f"{name}  {rounded(rank)}", f"{rounded(rank)}  {name}"}
    (bar,) = (line for line in figure.axes[0].lines if line.get_label() == "group")
    assert np.ptp(bar.get_xdata()) <= 2.343 * np.sqrt(3 * 4 / (6 * 3)), "Nemenyi's of three"
    for name in ("profile", "improvement", "budgets"):
        assert PICTURES[name](results, theme) is not None
    assert PICTURES["tunability"](results, theme) is not None


def test_every_format_of_a_report(report: Report, tmp_path: Path) -> None:
    for suffix in (".html", ".md", ".tex", ".json", ".csv", ".parquet", ".png", ".svg", ".pdf"):
        path = report.save(tmp_path / f"r{suffix}")
        assert path.stat().st_size > 200
    page = (tmp_path / "r.html").read_text()
    assert html.escape(report.finding()) in page
    assert not re.search(r'(src|href)="(?!data:)', page), "nothing from elsewhere"
    assert "%%" not in page
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["finding"] == report.finding()
    assert len(data["tables"]["Scores and settings"]["problem"]) == 9
    with pytest.raises(ValueError, match="did you mean 'ecdf'"):
        report.save(tmp_path / "x.png", picture="edcf")
    with pytest.raises(ValueError, match=r"\.doc"):
        report.save(tmp_path / "x.doc")


def test_a_suite_that_is_not_done_has_a_report(tmp_path: Path) -> None:
    """Of what is there; nothing of what is not."""
    path = tmp_path / "r.sqlite"
    ov.bench.run(SMALL, path, workers=1)
    with ov.bench.Store(path) as store:
        store.forget(problem="bowl")
    results = ov.bench.load(path)
    assert np.isnan(results.scores[0]).all()
    assert results.rank().blocks == 8
    assert ov.bench.report(path).save(tmp_path / "r.html").exists()
    with ov.bench.Store(path) as store:
        for name in SMALL.optimizers:
            store.forget(optimizer=name)
    with pytest.raises(ValueError, match="no problem and seed has a score"):
        ov.bench.report(path).finding()


@pytest.mark.browser
def test_the_page_sorts_and_filters_in_a_browser(report: Report, tmp_path: Path, browser) -> None:
    path = report.save(tmp_path / "r.html")
    browser.get(path.as_uri())
    section = browser.find_elements("css selector", "section[data-table]")[1]
    rows = lambda: [r.text for r in section.find_elements("css selector", "tbody tr")  # noqa: E731
                    if r.is_displayed()]  # fmt: skip
    assert len(rows()) == 9
    section.find_element("css selector", "input").send_keys("bowl adam")
    assert len(rows()) == 2
    assert all("bowl" in row for row in rows())
    section.find_element("css selector", "input").clear()
    section.find_element("css selector", "input").send_keys(" ")
    button = section.find_elements("css selector", "th button")[2]
    button.click()
    scores = [float(row.split()[2].replace("−", "-")) for row in rows()]
    assert scores == sorted(scores)
    assert not browser.get_log("browser"), "no complaint"


# -- what a new user met ---------------------------------------------------------------------------


def test_a_report_of_some_of_the_runs_says_so(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    ov.bench.run(SMALL, path, workers=1)
    whole = ov.bench.report(path)
    assert "So far" not in whole.finding()
    assert (whole.results.status.total, whole.results.status.left) == (96, 0)
    with ov.bench.Store(path) as store:
        store.forget(problem="bowl")
    part = ov.bench.report(path)
    assert part.finding().startswith("So far 64 of 96 runs. ")
    rows = part.tables()["Scores and settings"].columns
    assert set(rows["settings"][rows["problem"] == "bowl"]) == {"not measured"}


def test_another_suite_of_the_same_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    ov.bench.run(ov.bench.Suite("s", ["bowl"], ["sgd:lr=0.1"], seeds=1, steps=9), path, workers=1)
    with pytest.raises(ValueError, match="has another suite called s"):
        ov.bench.run(ov.bench.Suite("s", ["beale"], ["sgd"], seeds=1, steps=9), path, workers=1)
    with pytest.raises(ValueError, match="has no suite 'quick'; it has s"):
        ov.bench.load(path, "quick")
    assert "alone: there is nothing to compare" in ov.bench.report(path).finding()


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    from optviz.bench.exports import compare

    paths = [tmp_path / "a.sqlite", tmp_path / "b.sqlite"]
    for path, objective in zip(paths, ("area", "time"), strict=True):
        suite = ov.bench.Suite("s", ["bowl"], ["sgd:lr=0.1"], seeds=2, steps=9, objective=objective)
        ov.bench.run(suite, path, workers=1)
    with pytest.raises(ValueError, match="objective is area in the one and time in the other"):
        compare(*paths)


def test_an_optimizer_without_a_rule_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slip.py").write_text(
        "import optviz as ov\n"
        "class Mine(ov.Optimizer):\n"
        "    def __init__(self, lr=0.1): self.rate = lr\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="defaults"):
        ov.bench.Suite("s", ["bowl"], ["slip:Mine"])


def test_the_profile_is_at_the_suites_own_target(report: Report) -> None:
    figure = PICTURES["profile"](report.results, "light")
    assert figure is not None
    assert figure.texts[0].get_text() == "Functions brought to 0.001 of the first f − f*"
    axes = next(a for a in figure.axes if a.get_label() == "performance profile")
    blocks = np.moveaxis(report.results.reached[:2], 1, 2).reshape(-1, 3)
    ends = [float(line.get_ydata()[-1]) for line in axes.lines]
    best = blocks.min(axis=1, keepdims=True)
    wanted = [(np.isfinite(blocks[:, [o]]) & (blocks[:, [o]] <= 100 * best)).mean()
              for o in range(3)]  # fmt: skip
    np.testing.assert_allclose(ends, wanted)


def test_all_optimizers_in_python_too() -> None:
    suite = ov.bench.Suite("s", ["bowl"], "all")  # type: ignore[arg-type]
    assert suite.optimizers == tuple(RULES), "those that step along one gradient"


def test_options_of_pictures_are_for_pictures(report: Report, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no picture"):
        report.save(tmp_path / "r.html", picture="ecdf")
    with pytest.raises(ValueError, match="is no picture"):
        report.save(tmp_path / "r.md", theme="dark")


def test_settings_that_did_no_better_than_others_say_so(tmp_path: Path) -> None:
    """Nobody gets to the target in one step: the first rate is as good as any."""
    suite = ov.bench.Suite("ties", ["rosenbrock:n=9"], ["sgd"], configurations=4, tuning_seeds=1,
                           seeds=2, steps=1, objective="time", target=1e-9)  # fmt: skip
    ov.bench.run(suite, tmp_path / "r.sqlite", workers=1)
    made = ov.bench.report(tmp_path / "r.sqlite")
    (told,) = made.tables()["Scores and settings"].columns["settings"]
    assert told.endswith("(one of 4 that did as well)")


def test_what_networks_keep_is_exported_and_told(report: Report, tmp_path: Path) -> None:
    results = report.results
    ov.bench.run(results.suite, tmp_path / "r.sqlite", workers=1)
    lines = export(tmp_path / "r.sqlite", tmp_path / "c.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len({tuple(row) for row in rows}) == 1, "the same columns"
    for row in rows:
        assert (row["accuracy"] is not None) == row["problem"].startswith("net:")
    (p,) = (k for k, text in enumerate(results.problems) if text.startswith("net:"))
    told = report.tables()["Scores and settings"].columns
    for o, name in enumerate(results.optimizers):
        ends = [row["accuracy"][-1] for row in rows if row["problem"] == results.problems[p]
                and row["optimizer"] == name and row["phase"] == "evaluation"]  # fmt: skip
        np.testing.assert_allclose(np.sort(results.accuracy[p, o]), np.sort(ends), rtol=1e-6)
        at = [k for k in range(len(told["problem"])) if (told["problem"][k], told["optimizer"][k])
              == (results.problems[p], name)]  # fmt: skip
        assert told["median accuracy"][at[0]] == pytest.approx(np.median(ends), rel=1e-6)
    assert np.isnan(np.delete(results.accuracy, p, axis=0)).all()


FAILS = """
def never(p):
    raise RuntimeError("no") if abs(p[0]) < 0 else ArithmeticError("nowhere")

def bowl(p):
    return float(p @ p)
"""


def test_who_fails_is_told_and_no_ranking_is_claimed_of_it(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fails.py").write_text(FAILS)
    small = ("--optimizer", "sgd", "--optimizer", "adam", "--seeds", "2", "--tuning-seeds", "1",
             "--configurations", "2", "--steps", "5", "--workers", "1")  # fmt: skip
    never = run("bench", "run", "quick", "--problem", "fails:never~n=3~minimum=0", *small)
    assert never.returncode == 1
    assert "cells failed: optviz bench status" in never.stderr
    assert "bench report" not in never.stdout
    told = run("bench", "report", "results.sqlite")
    assert told.returncode == 2
    assert "status tells what is left and what failed" in told.stderr
    both = run("bench", "run", "quick", "--problem", "fails:never~n=3~minimum=0", "--problem",
               "fails:bowl~n=3~minimum=0", "--name", "both", *small)  # fmt: skip
    assert both.returncode == 1
    assert "bench report results.sqlite --suite both" in both.stdout
    told = run("bench", "report", "results.sqlite", "--suite", "both")
    assert told.stdout.startswith("On 1 of 2 problems: ")


def test_who_comes_with_a_rate_is_not_said_to_be_tuned(tmp_path: Path) -> None:
    for optimizers, said in (
        (["sgd:lr=0.1"], "None is tuned: rates are given. Evaluated on 2 seeds"),
        (["sgd:lr=0.1", "adam"], "Each optimizer without a rate of its own"),
    ):
        suite = ov.bench.Suite("some", ["bowl"], optimizers, configurations=2, tuning_seeds=1,
                               seeds=2, steps=5)  # fmt: skip
        path = tmp_path / f"{len(optimizers)}.sqlite"
        ov.bench.run(suite, path, workers=1)
        assert said in ov.bench.report(path).protocol()
    with pytest.raises(ValueError, match="it needs three optimizers and three problems"):
        ov.bench.report(path).save(tmp_path / "c.png", "critical")
