"""The command line: one command a study, and a few that look after files and lists.

Bad input ends with one line on standard error and exit code 2; the machine's faults (a full
disk, a read-only folder) with 1.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from optviz.cli.console import hints, refuse, say_what_can_be_said, say_written, show_progress
from optviz.cli.parsing import Command
from optviz.shared.text import did_you_mean, listed
from optviz.studies.catalogue import LISTED

#: The commands that are no studies; `app` learns the others from the catalogue.
OTHERS = (
    "explore",
    "bench",
    "spec",
    "replay",
    "gallery",
    "list",
    "completion",
    "doctor",
    "version",
)
#: What stands in the help of a command whose file is not imported for it.
SHORT = {
    "bench": "Compare optimizers on suites of problems.",
    "explore": "Try optimizers on a page in the browser.",
}


class App(click.Group):
    """Commands by name: a study's is built when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Studies in the order of the catalogue, then the rest."""
        return [*LISTED, *OTHERS]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """A study's command, or one of this file's."""
        if name == "bench":
            from optviz.cli.bench import bench

            return bench
        if name == "explore":
            from optviz.cli.explore import explore_command

            return explore_command()
        if name not in LISTED:
            return super().get_command(ctx, name)
        from optviz.cli.commands import study_command

        return study_command(name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As Click does; a misspelt name is answered with the nearest one."""
        known = self.list_commands(ctx)
        if args and args[0] not in known:
            shown = args[0][:40] if args[0].isprintable() else repr(args[0][:40])
            hint = did_you_mean(args[0], known)
            raise click.UsageError(f"no command is called {shown}{hint}; there are {listed(known)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A chapter of studies after the other; nothing is imported for it."""
        for chapter in dict.fromkeys(entry.chapter for entry in LISTED.values()):
            with formatter.section(chapter.capitalize()):
                formatter.write_dl([
                    (name, entry.summary) for name, entry in LISTED.items()
                    if entry.chapter == chapter
                ])  # fmt: skip
        with formatter.section("Files and lists"):
            formatter.write_dl([
                (name, SHORT.get(name) or self.commands[name].get_short_help_str(80))
                for name in OTHERS
            ])  # fmt: skip


SHELLS = ("bash", "zsh", "fish")


def _show_version(ctx: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        print_versions()
        ctx.exit()


def _show_completion(ctx: click.Context, _: click.Parameter, shell: str | None) -> None:
    if shell is not None:
        print(completion_script(shell))
        ctx.exit()


@click.group(
    cls=App, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--show-completion", is_flag=False, flag_value="", is_eager=True, metavar="[SHELL]",
              expose_value=False, callback=_show_completion,
              help="The same as the command completion.")  # fmt: skip
@click.option("--version", "-V", is_flag=True, is_eager=True, expose_value=False,
              callback=_show_version, help="The same as the command version.")  # fmt: skip
def app() -> None:
    """See what optimizers do, and measure it."""


@app.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
def spec(file: Path) -> None:
    """Print what made a picture: as JSON, and as a command line."""
    from optviz.studies.files import EDITED, is_edited, read_study

    found = read_study(file)
    print(found.to_json())
    print(found.command())
    if is_edited(file):
        print(f"optviz: {file.name} was {EDITED}", file=sys.stderr)


@app.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), help="The file to write.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@click.option("--open", "open_", is_flag=True, help="Show the file when it is written.")
def replay(file: Path, output: Path | None, quiet: bool, open_: bool) -> None:
    """Make a picture again from the specification inside it."""
    from optviz.studies.files import replay as again

    with show_progress("running", quiet) as progress, hints(quiet):
        path = again(file, output, progress=progress)
    say_written(path, quiet, open_)


@app.command(cls=Command)
@click.option("--only", multiple=True, metavar="NAME", help="A picture; may be repeated.")
@click.option("--from", "scripts", type=click.Path(path_type=Path), default=Path("gallery"),
              help="The folder of scripts.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path),
              help="Where to; beside the scripts unless given.")  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
def gallery(only: tuple[str, ...], scripts: Path, out: Path | None, quiet: bool) -> None:
    """Build the gallery's pictures: those that have changed, or those named."""
    from optviz.cli.gallery import build

    folder = out or scripts
    with show_progress("building", quiet) as progress:
        written = build(scripts, folder, only=only, progress=progress)
    if not quiet:
        for path in [*written, folder / "README.md", folder / "index.html"]:
            print(path)


def _complete_list(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from optviz.cli.lists import TABLES
    from optviz.functions import functions
    from optviz.optimizers import optimizers

    known = [*TABLES, *optimizers, *functions]
    return [name for name in known if name.startswith(incomplete.lower())]


@app.command("list", cls=Command)
@click.argument("what", default="optimizers", metavar="[optimizers|functions|studies|data|NAME]",
                shell_complete=_complete_list)  # fmt: skip
def list_(what: str) -> None:
    """List optimizers, functions, studies or data; or show one of them, such as adam."""
    from optviz.cli import lists

    lists.show(what)


@app.command(cls=Command)
@click.argument("shell", default="", metavar="[bash|zsh|fish]")
def completion(shell: str) -> None:
    """Print what a shell needs to complete commands: eval "$(optviz completion bash)"."""
    print(completion_script(shell))


def completion_script(shell: str) -> str:
    """The script for a shell, or for the user's own, which the environment names, if it is one."""
    from click.shell_completion import ShellComplete, get_completion_class

    name = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(name) if name in SHELLS else None
    if kind is None:
        found = f"no completion for {shell!r}" if shell else "which shell is not known from SHELL"
        raise ValueError(f"{found}: give one of {listed(SHELLS)}, as in `optviz completion bash`")
    # Not the class's own `source`, which first runs the shell to learn its version.
    return ShellComplete.source(kind(app, {}, "optviz", "_OPTVIZ_COMPLETE"))


@app.command(cls=Command)
def doctor() -> None:
    """Tell versions, folders and extras, and what is wrong."""
    from optviz.cli.doctor import report

    lines, faults = report()
    print("\n".join(lines))
    print("\nnothing is wrong" if not faults else "\nwhat is wrong:")
    for text in faults:
        print(f"- {text}")
    if faults:
        sys.exit(1)


@app.command(cls=Command)
def version() -> None:
    """Print the versions of optviz and of what it stands on."""
    print_versions()


def print_versions() -> None:
    """A line for each."""
    import platform
    from importlib.metadata import version as of

    from optviz import __version__

    print(f"optviz {__version__}")
    print(f"python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in ("numpy", "numba", "matplotlib", "pillow", "av"):
        print(f"{name} {of(name)}")


def main() -> None:
    """The entry point: every failure that is not ours becomes one line."""
    say_what_can_be_said()
    try:
        sys.exit(app(prog_name="optviz", standalone_mode=False) or 0)
    except (KeyboardInterrupt, click.Abort):
        refuse("interrupted", 130)
    except click.ClickException as error:
        # Without a command there is help: Click before 8.2 has printed it, and says nothing here.
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
            error.show()
            sys.exit(2)
        message = error.format_message()
        where = getattr(getattr(error, "ctx", None), "command_path", "optviz")
        refuse(f"{message} (see {where} --help)") if message else sys.exit(2)
    except ImportError as error:
        # One of our own modules that is missing is a fault of ours.
        if (error.name or "").startswith("optviz"):
            raise
        refuse(f"{error}: `optviz doctor` says what is missing", 1)
    except ValueError as error:
        refuse(str(error))
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        refuse(f"{error.strerror or error}{where}", 1)
