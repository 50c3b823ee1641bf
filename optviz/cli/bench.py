"""`optviz bench`: run a suite, look at its store, and make the report."""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import Any

import click

from optviz.cli.console import refuse, say_written, show_progress
from optviz.cli.parsing import Command

STORE = click.argument("store", type=click.Path(path_type=Path))
SUITE = click.option("--suite", metavar="NAME", help="Which, if the store has several.")


class Bench(click.Group):
    """The group; a misspelt command is answered with the nearest one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As Click does, with our words."""
        from optviz.shared.text import did_you_mean, listed

        known = self.list_commands(ctx)
        if args and args[0] not in known:
            hint = did_you_mean(args[0], known)
            raise click.UsageError(
                f"bench has no command {args[0][:40]!r}{hint}; it has {listed(known)}"
            )
        return super().resolve_command(ctx, args)


@click.group(cls=Bench)
def bench() -> None:
    """Compare optimizers on suites of problems: run, report, and look after the store."""


@bench.command(cls=Command)
@click.argument("suite", default="quick")
@click.option("--store", type=click.Path(path_type=Path), default=Path("results.sqlite"),
              help="The file of what is measured; results.sqlite unless given.")  # fmt: skip
@click.option("--optimizer", "optimizers", multiple=True, metavar="OPTIMIZER",
              help="Instead of the suite's; may be repeated.")  # fmt: skip
@click.option("--problem", "problems", multiple=True, metavar="PROBLEM",
              help="Instead of the suite's; may be repeated.")  # fmt: skip
@click.option("--seeds", type=int, help="On which the tuned optimizers are evaluated.")
@click.option("--tuning-seeds", type=int, help="On which each configuration is tried.")
@click.option("--target", type=float, help="Of the first value, for --objective time.")
@click.option("--configurations", type=int, help="That each optimizer may try.")
@click.option("--steps", type=int, help="Gradient evaluations on functions.")
@click.option("--epochs", type=int, help="Epochs of networks.")
@click.option("--schedule", metavar="SCHEDULE",
              help="Of tuned rates: constant, or such as 'cosine(1,steps)'.")  # fmt: skip
@click.option("--tune", metavar="rate|all", help="The rate alone, or all hyperparameters.")
@click.option("--objective", metavar="area|final|time", help="What is to become small.")
@click.option("--name", help="Of a suite that is changed here.")
@click.option("--workers", type=int, help="Processes; one for each processor unless given.")
@click.option("--executor", metavar="dask", help="Work through Dask, with the extra distributed.")
@click.option("--scheduler", metavar="ADDRESS",
              help="Of Dask's scheduler, or its .json file; a local one without.")  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
def run(suite: str, store: Path, name: str | None, workers: int | None, executor: str | None,
        scheduler: str | None, quiet: bool, **changes: Any) -> None:  # fmt: skip
    """Measure what is missing of a SUITE: quick, plane, ndim, learning, full, or a TOML file."""
    from optviz.bench import read_suite
    from optviz.bench import run as go
    from optviz.bench.clusters import dask_executor

    made = read_suite(suite)
    given = {key: value for key, value in changes.items() if value not in (None, ())}
    if given:
        made = dataclasses.replace(made, **given)
        made = dataclasses.replace(
            made, name=f"{made.name}-{made.digest()}" if name is None else name)  # fmt: skip
    if executor not in (None, "dask"):
        raise ValueError(f"executor must be dask, not {executor!r}")
    if scheduler is not None and executor is None:
        raise ValueError("--scheduler is for --executor dask")
    begun = time.monotonic()
    try:
        with show_progress(f"suite {made.name}", quiet) as progress:
            if executor is None:
                found = go(made, store, workers=workers, progress=progress)
            else:
                with dask_executor(scheduler, workers) as pool:
                    found = go(made, store, executor=pool, workers=workers, progress=progress)
    except KeyboardInterrupt:
        refuse(f"interrupted: what is done is in {store}; the same command goes on", 130)
    if quiet:
        sys.exit(1 if found.failed else 0)
    print(f"{found.done:,} of {found.total:,} cells in {store}, "
          f"{time.monotonic() - begun:.0f} s")  # fmt: skip
    if found.failed:
        print(f"optviz: {found.failed:,} cells failed: optviz bench status {store} tells why, "
              f"optviz bench retry {store} runs them again", file=sys.stderr)  # fmt: skip
    if found.done:
        print(f"optviz bench report {store}{_suite_of(store, made.name)}")
    if found.failed:
        sys.exit(1)


def _suite_of(store: Path, name: str) -> str:
    """The option that names a suite, where a store has several."""
    from optviz.bench import Store

    with Store(store) as opened:
        return f" --suite {name}" if len(opened.suites()) > 1 else ""


@bench.command("list", cls=Command)
def list_() -> None:
    """List suites with their problems and optimizers."""
    import shutil

    from optviz.bench import SUITES, problem, read_suite
    from optviz.cli.lists import table

    width = shutil.get_terminal_size((80, 24)).columns
    suites = [read_suite(name) for name in SUITES]
    rows = [[s.name, str(len(s.problems)), str(len(s.optimizers))] for s in suites]
    print("\n".join(table(["suite", "problems", "optimizers"], rows, width)) + "\n")
    seen = dict.fromkeys(text for suite in suites for text in suite.problems)
    for text in seen:  # in one piece, to be copied
        print(f"{text}\n    {', '.join(problem(text).classes)}; {problem(text).source}")


@bench.command(cls=Command)
@STORE
@SUITE
def status(store: Path, suite: str | None) -> None:
    """Tell how far each suite of a STORE is, and what failed."""
    from optviz.bench import Store
    from optviz.bench import status as of
    from optviz.shared.text import did_you_mean, listed

    with Store(store) as opened:
        suites, errors = opened.suites(), opened.errors()
        seconds = opened.seconds()
    names = [one.name for one in suites]
    if suite is not None and suite not in names:
        raise ValueError(
            f"{store} has no suite {suite!r}{did_you_mean(suite, names)}; it has {listed(names)}"
        )
    for one in suites:
        if suite in (None, one.name):
            now = of(one, store)
            each = sum(seconds.values()) / max(len(seconds), 1)
            left = f", about {now.left * each:.0f} s of one process" if now.left else ""
            print(f"{one.name}: {now.done:,} of {now.total:,} cells done, {now.failed:,} failed, "
                  f"{now.left:,} left{left}")  # fmt: skip
    for on, text, count, error in errors:
        print(f"  {text} on {on}: {count} failed, {error}")


@bench.command(cls=Command)
@STORE
@SUITE
@click.option("--output", "-o", type=click.Path(path_type=Path),
              help="report.html unless given: .html, .md, .tex, .csv, .json, .parquet, or a "
              "picture as .png, .svg, .pdf.")  # fmt: skip
@click.option(
    "--picture", metavar="NAME",
    help="Which: ranking, critical, curves, ecdf, profile, improvement, tunability, budgets.",
)  # fmt: skip
@click.option("--theme", metavar="light|dark|print", help="Of a picture; light unless given.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@click.option("--open", "open_", is_flag=True, help="Show the file when it is written.")
def report(store: Path, suite: str | None, output: Path | None, picture: str | None,
           theme: str | None, quiet: bool, open_: bool) -> None:  # fmt: skip
    """Write the report of a STORE: one page, its tables, or one of its pictures."""
    from optviz.bench import report as of

    made = of(store, suite)
    usual = f"{picture or 'ranking'}.png" if picture or theme else "report.html"
    path = made.save(output or usual, picture, theme)
    if not quiet:
        print(made.finding())
    say_written(path, quiet, open_)


@bench.command(cls=Command)
@STORE
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("cells.csv"),
              help="cells.csv unless given: .csv, .jsonl, .parquet.")  # fmt: skip
@click.option("--times", is_flag=True, help="With seconds, which are never the same.")
def export(store: Path, output: Path, times: bool) -> None:
    """Write every cell of a STORE as a row."""
    from optviz.bench.exports import export as write

    print(write(store, output, times))


@bench.command(cls=Command)
@click.argument("stores", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True,
              help="The new store.")  # fmt: skip
def merge(stores: tuple[Path, ...], output: Path) -> None:
    """Put the cells of several STORES into a new one."""
    from optviz.bench import merge as pour

    found = pour(stores, output)
    print(f"{found['cells']:,} cells in {output}; {found['differ']:,} differ in the last digits")


@bench.command(cls=Command)
@STORE
@click.option("--optimizer", metavar="OPTIMIZER", help="Cells of this one.")
@click.option("--problem", metavar="PROBLEM", help="Cells of this one.")
@click.option("--failed", is_flag=True, help="Cells that raised an error.")
def forget(store: Path, optimizer: str | None, problem: str | None, failed: bool) -> None:
    """Remove cells from a STORE, so that they are measured again: those of an optimizer, of a
    problem, what failed; given together, what is all of these."""
    from optviz.bench import Store

    with Store(store) as opened:
        count = opened.forget(optimizer=optimizer, problem=problem, failed=failed)
    print(f"{count:,} cells forgotten")


@bench.command(cls=Command)
@STORE
@click.option("--workers", type=int, help="Processes; one for each processor unless given.")
def retry(store: Path, workers: int | None) -> None:
    """Run again what failed in a STORE, and what is missing."""
    from optviz.bench import Store
    from optviz.bench import run as go

    with Store(store) as opened:
        opened.forget(failed=True)
        suites = opened.suites()
    for one in suites:
        found = go(one, store, workers=workers)
        print(f"{one.name}: {found.done:,} of {found.total:,} cells done, {found.failed:,} failed")


@bench.command(cls=Command)
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@SUITE
@click.option("--fail", is_flag=True, help="End with 1 if anything became worse.")
def compare(first: Path, second: Path, suite: str | None, fail: bool) -> None:
    """Tell what became better or worse from the FIRST store to the SECOND."""
    from optviz.bench.exports import compare as beside
    from optviz.shared.text import counted, rounded

    found = beside(first, second, suite)
    for change in found:
        if change.verdict != "not told apart":
            print(f"{change.verdict}: {change.optimizer} on {change.problem}, "
                  f"{rounded(change.difference)} ({rounded(change.low)} to "
                  f"{rounded(change.high)})")  # fmt: skip
    worse = sum(change.verdict == "worse" for change in found)
    better = sum(change.verdict == "better" for change in found)
    print(f"{counted(len(found), 'pair')}: {better:,} better, {worse:,} worse, "
          f"{len(found) - better - worse:,} not told apart")  # fmt: skip
    if fail and worse:
        sys.exit(1)
