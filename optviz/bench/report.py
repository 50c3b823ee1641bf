"""The report: one page that needs nothing else, or its tables and pictures by themselves."""

from __future__ import annotations

import base64
import html
import io
import json
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

import optviz
from optviz.bench import statistics
from optviz.bench.problems import problem
from optviz.bench.results import Results
from optviz.bench.suite import SUITES, is_fixed, read_suite
from optviz.render.output import check_target
from optviz.shared.files import write_atomically
from optviz.shared.table import Table
from optviz.shared.text import counted, did_you_mean, listed, rounded

#: What `Report.save` writes, by suffix.
TEXTS = (".html", ".md", ".tex", ".json")
TABLES = (".csv", ".parquet")
DRAWN = (".png", ".svg", ".pdf", ".jpg")

TITLES: Mapping[str, tuple[str, str]] = {
    "ranking": ("Ranking", "Who is best, in all and in each class of problems."),
    "critical": ("Over problems", "Who is told apart, with the problems as a sample of others."),
    "curves": ("Curves", "Each optimizer with the settings that were tuned for the problem."),
    "ecdf": ("Targets", "The share of all targets that is reached, by evaluations."),
    "profile": ("Performance profile", "How often within so many times the quickest."),
    "improvement": ("Pairs", "How often one is better than the other."),
    "tunability": ("Tuning", "How much depends on tuning, and on the rate."),
    "budgets": ("Sensitivity", "What the ranking would be with another budget, target or tuning."),
}


#: What a picture has nothing to show without.
NEEDS: Mapping[str, str] = {
    "critical": "three optimizers and three problems", "improvement": "two optimizers",
    "budgets": "two optimizers", "ecdf": "a function", "profile": "a function that all have run",
    "tunability": "an optimizer whose rate is tuned, in more than one configuration",
}  # fmt: skip


@dataclass(frozen=True, repr=False)
class Report:
    """A suite's results, ready to be written.

    Attributes
    ----------
    results : Results
    """

    results: Results

    def __repr__(self) -> str:
        return f"<report: {self.results!r}>"

    def save(self, path: str | Path, picture: str | None = None, theme: str | None = None) -> Path:
        """Write it as .html, .md, .tex, .csv, .json or .parquet; or one picture of it as .png,
        .svg, .pdf or .jpg.

        Raises
        ------
        ValueError
            If the suffix or the picture is unknown, the picture has nothing to show here, or a
            picture or theme is given where none is drawn.
        """
        target = check_target(path, [*TEXTS, *TABLES, *DRAWN])
        suffix = target.suffix.lower()
        if suffix in DRAWN:
            return self._save_picture(target, picture or "ranking", theme or "light")
        if picture is not None or theme is not None:
            raise ValueError(
                f"{target.name} is no picture: picture and theme are for one of {listed(DRAWN)}"
            )
        if suffix in TABLES:
            return self.results.table().save(target)
        makers: Mapping[str, Callable[[], str]] = {
            ".html": self.html, ".md": self.markdown, ".tex": self.latex, ".json": self.json,
        }  # fmt: skip
        write_atomically(target, makers[suffix]().encode())
        return target

    def _save_picture(self, target: Path, name: str, theme: str) -> Path:
        from optviz.bench.pictures import PICTURES
        from optviz.render.output import save_figure

        if name not in PICTURES:
            raise ValueError(f"no picture is called {name!r}{did_you_mean(name, PICTURES)}; there "
                             f"are {listed(PICTURES)}")  # fmt: skip
        figure = PICTURES[name](self.results, theme)
        if figure is None:
            raise ValueError(f"{name} has nothing to show of this suite: it needs {NEEDS[name]}")
        return save_figure(figure, target, dpi=200)

    # -- what is told --------------------------------------------------------------------------

    def finding(self) -> str:
        """Who is best, and how sure that is."""
        from optviz.bench.rank_pictures import finding

        return finding(self.results)

    def protocol(self) -> str:
        """How it was measured, in a few sentences."""
        s = self.results.suite
        p = statistics.friedman(self.results.scores)
        over = "" if np.isnan(p) else f" Over problems alone, Friedman's test has p = {p:.2g}."
        tuned = "the rate alone" if s.tune == "rate" else "all hyperparameters with a range"
        if s.schedule != "constant":
            tuned += f", by the schedule {s.schedule} of the budget's steps"
        aim = {
            "area": "the mean of log₁₀ of the relative value over all evaluations",
            "final": "log₁₀ of the relative value at the end",
            "time": f"log₁₀ of the evaluations until {s.target:g} of the first value, of ten times "
            "the budget where that is never reached",
        }
        units = {problem(text).unit for text in s.problems}
        budget = listed([
            *([f"{counted(s.steps, 'gradient evaluation')} on functions"]
              if "steps" in units else []),
            *([f"{counted(s.epochs, 'epoch')} of networks"] if "epochs" in units else []),
        ])  # fmt: skip
        return (
            f"{counted(len(s.problems), 'problem')}, {counted(len(s.optimizers), 'optimizer')}. "
            f"{self._tuning(tuned)}Objective, lower is "
            f"better: {aim[s.objective]}; a run that diverged, or left for a place where f is "
            f"below f*, counts as ten times its first value to the end. Budget: {budget}. All "
            "optimizers meet the same starts, noise and batches. Each seed shifts and turns a "
            "function anew."
            f"{over}"
        )

    def _tuning(self, tuned: str) -> str:
        """Who is tuned, and how; who comes with a rate is not."""
        s = self.results.suite
        fixed = [text for text in s.optimizers if is_fixed(s, text)]
        if len(fixed) == len(s.optimizers):
            return f"None is tuned: rates are given. Evaluated on {counted(s.seeds, 'seed')}. "
        who = "Each optimizer" if not fixed else "Each optimizer without a rate of its own"
        return (
            f"{who} tries {counted(s.configurations, 'configuration')} ({tuned}; the same "
            f"scrambled Sobol points for all) on {counted(s.tuning_seeds, 'seed')} of each "
            f"problem; the best is evaluated on {counted(s.seeds, 'other')}. "
            + (f"{listed(fixed)}: as given. " if fixed else "")
        )

    def tables(self) -> dict[str, Table]:
        """The ranking, the scores by problem, the settings, and what failed."""
        return {"Ranking": self._ranking(), "Scores and settings": self._by_problem(),
                "Pairs over problems": self._pairs()}  # fmt: skip

    def _ranking(self) -> Table:
        """With the interquartile mean of the scores beside the ranks."""
        r = self.results
        order = np.argsort(r.rank().ranks, kind="stable")
        found = statistics.interquartile_mean(r.scores)
        names = ("interquartile mean", "its low", "its high")
        more = {name: part[order] for name, part in zip(names, found, strict=True)}
        failed = {"diverged": r.diverged.sum(axis=0)[order], "failed": r.failed.sum(axis=0)[order]}
        return Table({**r.summary().columns, **more, **failed}, ("optimizer",))

    def _by_problem(self) -> Table:
        r = self.results
        p, o, _ = r.scores.shape
        medians, accuracy = (
            np.array([[np.nanmedian(row) if not np.isnan(row).all() else np.nan
                       for row in part] for part in of]) for of in (r.scores, r.accuracy)
        )  # fmt: skip
        chosen = [[_settings(r, i, j) for j in range(o)] for i in range(p)]
        edge = [[_at_edge(r, i, j) for j in range(o)] for i in range(p)]
        columns = {
            "problem": np.repeat(r.problems, o), "optimizer": np.tile(r.optimizers, p),
            "median score": medians.ravel(), "median accuracy": accuracy.ravel(),
            "settings": np.array(chosen).ravel(),
            "at the edge": np.where(np.array(edge).ravel(), "yes", ""),
            "diverged": r.diverged.ravel(), "failed": r.failed.ravel(),
            "ms a run": 1e3 * r.seconds.ravel(),
        }  # fmt: skip
        return Table(columns, ("problem", "optimizer"))

    def _pairs(self) -> Table:
        r = self.results
        found = statistics.wilcoxon_holm(r.scores)
        if (~np.isnan(r.scores).all(axis=2)).sum(axis=0).min() < 2:
            found = np.full_like(found, np.nan)  # one problem tells nothing of others
        count = len(r.optimizers)
        pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
        won = statistics.improvement(r.scores)
        columns = {
            "optimizer": np.array([r.optimizers[i] for i, _ in pairs]),
            "other": np.array([r.optimizers[j] for _, j in pairs]),
            "better, share": np.array([won[i, j] for i, j in pairs]),
            "p over problems": np.array([found[i, j] for i, j in pairs]),
        }  # fmt: skip
        return Table(columns, ("optimizer", "other"))

    # -- pages ---------------------------------------------------------------------------------

    def html(self) -> str:
        """One page: no file and no address beside it."""
        from optviz.bench.pictures import PICTURES

        parts = []
        for name, draw in PICTURES.items():
            both = [(theme, draw(self.results, theme)) for theme in ("light", "dark")]
            if any(figure is None for _, figure in both):
                continue
            title, told = TITLES[name]
            images = "".join(
                f'<img class="{theme}" alt="{html.escape(title)}: {html.escape(told)}" '
                f'src="data:image/svg+xml;base64,{_svg(figure)}">' for theme, figure in both
            )  # fmt: skip
            parts.append(f"<h2>{title}</h2><p>{told}</p><figure>{images}</figure>")
        for title, table in self.tables().items():
            parts.append(f'<section data-table><h2>{title}</h2><input type="search" '
                         f'placeholder="filter" aria-label="filter {title}">{_table(table)}'
                         "</section>")  # fmt: skip
        page = (files("optviz.bench") / "report.html").read_text(encoding="utf-8")
        words = {"title": f"Suite {self.results.suite.name}", "finding": self.finding(),
                 "protocol": self.protocol(), "foot": self._foot()}  # fmt: skip
        for key, text in words.items():
            page = page.replace(f"%%{key}%%", html.escape(text))
        return page.replace("%%body%%", "\n".join(parts))

    def _foot(self) -> str:
        names = ("numpy", "scipy", "numba", "matplotlib")
        return (f"optviz {optviz.__version__}, Python {platform.python_version()}, "
                f"{', '.join(f'{name} {version(name)}' for name in names)}; written on "
                f"{platform.machine()}. {self._again()}")  # fmt: skip

    def _again(self) -> str:
        """How the runs are made again."""
        suite = self.results.suite
        if suite.name in SUITES and read_suite(suite.name) == suite:
            return f"Made again by: optviz bench run {suite.name} --store FILE"
        return f"The suite: {suite.to_json()}"

    def markdown(self) -> str:
        """The text and the tables."""
        parts = [f"# Suite {self.results.suite.name}", self.finding(), self.protocol()]
        for title, table in self.tables().items():
            names = list(table.columns)
            rows = ["| " + " | ".join(row) + " |" for row in _rows(table)]
            parts += [f"## {title}", "\n".join([
                "| " + " | ".join(names) + " |", "|" + " --- |" * len(names), *rows])]  # fmt: skip
        return "\n\n".join([*parts, self._foot()]) + "\n"

    def latex(self) -> str:
        """The ranking as a tabular."""
        table = self.results.summary()
        lines = [" & ".join(map(_tex, row)) + r" \\" for row in _rows(table)]
        heads = " & ".join(map(_tex, table.columns)) + r" \\"
        columns = "l" + "r" * (len(table.columns) - 1)
        return "\n".join([f"% {self.finding()}", rf"\begin{{tabular}}{{{columns}}}", r"\hline",
                          heads, r"\hline", *lines, r"\hline", r"\end{tabular}", ""])  # fmt: skip

    def json(self) -> str:
        """Text, protocol and tables as data."""
        tables = {title: {name: _plain(values) for name, values in table.columns.items()}
                  for title, table in self.tables().items()}  # fmt: skip
        return json.dumps({"suite": json.loads(self.results.suite.to_json()),
                           "finding": self.finding(), "tables": tables}, indent=1)  # fmt: skip


def report(store: str | Path, suite: Any = None) -> Report:
    """The report of a suite in a store; the only one there unless named."""
    from optviz.bench.results import load

    return Report(load(store, suite))


def _settings(r: Results, p: int, o: int) -> str:
    """What was chosen, and out of how many that were as good: under "time" none may get there."""
    if np.isnan(r.scores[p, o]).all():
        return "not measured"
    told = ", ".join(f"{k}={v:g}" for k, v in r.chosen[p][o].items()) or "as given"
    means = r.tuning[p][o]
    equal = int((means == np.nanmin(means)).sum()) if len(means) > 1 else 1
    return f"{told} (one of {equal} that did as well)" if equal > 1 else told


def _at_edge(r: Results, p: int, o: int) -> bool:
    """Whether the best configuration is that with the lowest or highest rate tried."""
    from optviz.optimizers.parse import parse_optimizer

    tried, name = r.tried[p][o], parse_optimizer(r.optimizers[o]).rate_name
    rates = [t[name] for t in tried if name in t]
    return bool(rates) and r.chosen[p][o].get(name) in (min(rates), max(rates))


def _svg(figure: Any) -> str:
    import matplotlib as mpl

    out = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "optviz"}):
        figure.savefig(out, format="svg", facecolor=figure.get_facecolor(),
                       metadata={"Date": None, "Creator": None})  # fmt: skip
    # Of where lines go a hundredth of a point is finer than any screen; the page is smaller.
    text = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(?<=\.\d\d)\d+", "", path[0]),
                  out.getvalue().decode())  # fmt: skip
    return base64.b64encode(text.encode()).decode()


def _rows(table: Table) -> list[list[str]]:
    return [[_cell(value) for value in row] for row in zip(*table.columns.values(), strict=True)]


def _cell(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return "–" if np.isnan(value) else rounded(float(value))
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int | np.integer) else str(value)


def _table(table: Table) -> str:
    heads = "".join(f"<th><button>{html.escape(name)}</button></th>" for name in table.columns)
    lines = []
    for row in zip(*table.columns.values(), strict=True):
        cells = "".join(
            f'<td class="n" data-v="{value}">{html.escape(_cell(value))}</td>'
            if isinstance(value, float | int | np.number) and not isinstance(value, bool | np.bool_)
            else f"<td>{html.escape(_cell(value))}</td>" for value in row
        )  # fmt: skip
        lines.append(f"<tr>{cells}</tr>")
    return (f'<div class="table" tabindex="0"><table><thead><tr>{heads}</tr></thead><tbody>'
            f"{''.join(lines)}</tbody></table></div>")  # fmt: skip


def _plain(values: Any) -> list[Any]:
    out = [v.item() if hasattr(v, "item") else v for v in values]
    return [None if isinstance(v, float) and not np.isfinite(v) else v for v in out]


def _tex(text: str) -> str:
    for mark in r"\_&%#$":
        text = text.replace(mark, rf"\{mark}" if mark != "\\" else r"\textbackslash{}")
    return text.replace("−", "$-$").replace("–", "--")
